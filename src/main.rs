//! The `mailtrip` command: arguments → configuration → one command → exit code.
//!
//! Only [`console`] prints, and only `main` exits.

mod cli;
mod console;
mod live;
mod prompt;
mod signals;
mod subcommand;

use std::process::ExitCode;

use clap::Parser;
use mailtrip::config;
use mailtrip::diagnose::Verdict;
use mailtrip::report;

use cli::{Cli, Command};
use console::Unable;
use subcommand::{clean, completions, demo, discover, doctor, man, sandbox, verify};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print(); // where it cannot be printed there is nobody to tell
            if !error.use_stderr() {
                return ExitCode::SUCCESS;
            }
            report_unable(&error.to_string());
            return exit_code(Verdict::Unknown);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return unable(&format!("the runtime cannot be started: {error}")),
    };
    let done = runtime.block_on(run(cli.command));
    // A resolver that hangs must not hold up the end.
    runtime.shutdown_background();
    match done {
        Ok(verdict) => exit_code(verdict),
        Err(sentence) => unable(&sentence),
    }
}

fn exit_code(verdict: Verdict) -> ExitCode {
    ExitCode::from(verdict.exit_code())
}

fn unable(sentence: &str) -> ExitCode {
    console::unable(sentence);
    report_unable(sentence);
    exit_code(Verdict::Unknown)
}

/// On standard output, for who reads nothing else: a monitoring system, or the page of a job.
fn report_unable(sentence: &str) {
    let format = cli::on_standard_output(std::env::args_os());
    if let Some(report) = format.and_then(|format| report::unable(sentence, format)) {
        let _ = console::print(&report); // where it cannot be printed there is nobody to tell
    }
}

async fn run(command: Command) -> Result<Verdict, Unable> {
    match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Verify(arguments) => verify::run(*arguments).await,
        Command::Clean(arguments) => clean::run(*arguments).await,
        Command::Doctor(arguments) => doctor::run(*arguments).await,
        Command::Discover(arguments) => discover::run(arguments).await,
        Command::Sandbox(arguments) => sandbox::run(arguments).await,
        Command::Config => console::print(config::EXAMPLE).map(|()| Verdict::Ok),
        Command::Report(arguments) => subcommand::report::run(arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}
