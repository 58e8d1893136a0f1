//! What packages of mailtrip have beside the program: completions and the manual, in the hands of the shells and of what
//! shows manuals.
//!
//! Tests with a program that is missing here show as ignored.

#[path = "support/command_lines.rs"]
mod command_lines;
#[path = "packaging/completions.rs"]
mod completions;
#[path = "packaging/manual.rs"]
mod manual;
#[path = "support/program.rs"]
mod program;

use std::process::ExitCode;

use program::Test;

const TESTS: &[Test] = &[
    ("there_are_completions_for_every_shell", completions::every_shell, &[]),
    ("bash_completes_commands_options_and_values", completions::bash, &["bash"]),
    ("zsh_takes_the_completions", completions::zsh, &["zsh"]),
    ("fish_completes_commands_options_and_values", completions::fish, &["fish"]),
    ("every_command_has_a_page", manual::every_command, &[]),
    ("a_page_that_is_not_there_is_no_page", manual::no_such_page, &[]),
    ("the_page_of_mailtrip_names_every_variable_that_is_read", manual::every_variable, &[]),
    ("every_command_line_of_the_manual_is_one", manual::command_lines, &[]),
    ("the_manual_is_taken_without_a_warning", manual::warnings, &["mandoc"]),
    ("the_manual_fits_into_80_columns", manual::columns, &["mandoc"]),
];

fn main() -> ExitCode {
    program::run("packaging", TESTS)
}

/// What mailtrip prints with these arguments.
fn printed(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let output = command_lines::mailtrip(&arguments, folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
