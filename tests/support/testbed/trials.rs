//! Running the tests that need real servers, or showing them as ignored.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use super::Testbed;

/// Runs them, as far as the command line wants them. Where the servers are missing, all of them show as ignored, and the
/// reason is said.
pub fn run_trials<Test: FnOnce() + Send + 'static>(
    binary: &str,
    tests: impl IntoIterator<Item = (&'static str, Test)>,
) -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = Testbed::missing();
    if let Some(reason) = &missing {
        eprintln!("{binary}: ignored: {reason}");
    }
    let trial = |(name, test): (&str, Test)| {
        let test = move || {
            test();
            Ok(())
        };
        Trial::test(name, test).with_ignored_flag(missing.is_some())
    };
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit_code()
}
