//! Tests that need a program, and show as ignored where it is missing.

use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Trial};

/// What it is called, what it does, and the programs that it takes; `linux` among them is the system.
pub type Test = (&'static str, fn(), &'static [&'static str]);

/// Runs those that can be run, as `cargo test` asks for them.
pub fn run(file: &str, tests: &[Test]) -> ExitCode {
    let trial = |&(name, test, programs): &Test| {
        let missing = programs.iter().find(|program| !is_there(program));
        if let Some(program) = missing {
            eprintln!("{file}: ignored: {name}, for there is no {program} here");
        }
        let trial = move || {
            test();
            Ok(())
        };
        Trial::test(name, trial).with_ignored_flag(missing.is_some())
    };
    libtest_mimic::run(&Arguments::from_args(), tests.iter().map(trial).collect()).exit_code()
}

fn is_there(program: &str) -> bool {
    match program {
        "linux" => cfg!(target_os = "linux"),
        // They do not all know --version; nothing to do is done by each.
        program => {
            let mut command = Command::new(program);
            command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok()
        }
    }
}
