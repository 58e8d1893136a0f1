//! Running the tests that need real servers, or showing them as ignored.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use mailtrip::check::Check;
use mailtrip::outcome::Outcome;
use mailtrip::verify;
use mailtrip::verify::stop::Stop;

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

/// What a verification comes to, on a runtime of its own.
pub fn verified(check: &Check) -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let (_stopper, stop) = Stop::new();
    let outcome = runtime.block_on(verify::run(check, &stop, &()));
    runtime.shutdown_background();
    outcome
}
