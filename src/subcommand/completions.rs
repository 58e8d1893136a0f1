//! `mailtrip completions`: what a shell completes, from the definition of the command line.

use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory};
use mailtrip::diagnose::Verdict;
use mailtrip::report::Format;

use crate::cli::{self, Cli};
use crate::console::{self, Unable};

/// Prints them.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(arguments: &cli::Completions) -> Result<Verdict, Unable> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "mailtrip", &mut script);
    console::print(&String::from_utf8_lossy(&script)).map(|()| Verdict::Ok)
}

/// The command line with words to complete also where it takes more than these.
fn command() -> Command {
    let command = Cli::command();
    let names: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    let command = command
        .mut_subcommand("man", |man| man.mut_arg("page", |page| page.value_parser(PossibleValuesParser::new(names))));
    command.mut_subcommands(|one| {
        one.mut_args(|argument| match argument.get_id().as_str() {
            // Behind the name of a format, a file can follow.
            "reports" => {
                argument.value_parser(PossibleValuesParser::new(Format::ALL.iter().map(|format| format.name())))
            }
            _ => argument,
        })
    })
}
