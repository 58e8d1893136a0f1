//! `mailtrip man`: the manual, from the definition of the command line. The page of mailtrip itself has what belongs to no
//! option: exit status, files, environment and examples, from the text beside this file.

use std::io::{self, Write};
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use mailtrip::diagnose::Verdict;

use crate::cli::{self, Cli};
use crate::console::{self, Unable};

use super::whole_file::{Readers, WholeFile};

/// What the page of mailtrip itself has beside the options, in roff.
const SECTIONS: &str = include_str!("man/sections.roff");

/// Prints a page, or writes all of them.
///
/// # Errors
/// When there is no such page, or one cannot be written.
pub fn run(arguments: &cli::Man) -> Result<Verdict, Unable> {
    let whole = command();
    match (&arguments.write, &arguments.page) {
        (Some(folder), _) => write(&whole, folder)?,
        (None, Some(name)) => console::print(&page(one(&whole, name)?)?)?,
        (None, None) => console::print(&page(&whole)?)?,
    }
    Ok(Verdict::Ok)
}

/// The command line, named and described as a page of a manual is.
fn command() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command = command.about("prove that a mailbox can send and receive");
    command.build();
    command
}

fn one<'a>(whole: &'a Command, name: &str) -> Result<&'a Command, Unable> {
    whole.find_subcommand(name).ok_or_else(|| {
        let names: Vec<&str> = whole.get_subcommands().map(Command::get_name).collect();
        format!("there is no command `{name}`, and so no page of it; there are {}", names.join(", "))
    })
}

fn write(whole: &Command, folder: &Path) -> Result<(), Unable> {
    for command in whole.get_subcommands().chain([whole]) {
        let path = folder.join(format!("{}.1", name(command)));
        WholeFile::create(&path, Readers::Usual)?.finish(&page(command)?)?;
    }
    Ok(())
}

/// `mailtrip`, `mailtrip-verify`: the name of a command as that of a page.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command) -> Result<String, Unable> {
    let mut bytes = Vec::new();
    render(command, &mut bytes).map_err(|error| format!("the page cannot be rendered: {error}"))?;
    // Above the values of an option, one empty line is enough.
    Ok(String::from_utf8_lossy(&bytes).replace("\n.br\n\n.br\n", "\n.sp\n"))
}

fn render(command: &Command, out: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone());
    // Its own heading loses arguments that are empty, as a date is: there is none that would be the same in every build.
    let title = name(command).to_uppercase();
    writeln!(out, ".TH {title} 1 \"\" \"mailtrip {}\" \"User Commands\"", env!("CARGO_PKG_VERSION"))?;
    man.render_name_section(out)?;
    // As in the help: its own synopsis names every option, but not what follows it.
    let usage = command.clone().render_usage().to_string();
    writeln!(out, ".SH SYNOPSIS\n{}", escaped(usage.trim_start_matches("Usage: ")))?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
        out.extend_from_slice(SECTIONS.as_bytes());
    } else {
        out.extend_from_slice(b".SH SEE ALSO\n\\fBmailtrip\\fR(1)\n");
    }
    Ok(())
}

/// A line as text in roff: a hyphen is what is typed, and not a hyphen of prose.
fn escaped(line: &str) -> String {
    line.replace('\\', "\\e").replace('-', "\\-")
}
