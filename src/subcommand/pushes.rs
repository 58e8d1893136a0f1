//! `mailtrip verify --push [KIND=]URL`: who else is told of a run.

use mailtrip::account::Secret;
use mailtrip::outcome::Outcome;
use mailtrip::push::{Pushes, Target};
use mailtrip::verify::stop::Stop;

use crate::console::{Unable, note};

/// More of them, separated by white space: what is on a command line can be read by everybody on this machine.
const VARIABLE: &str = "MAILTRIP_PUSH";

/// Those who are to be told, on the command line and in the environment.
///
/// # Errors
/// What is wrong with one of them, without repeating it.
pub fn targets(options: &[Secret]) -> Result<Vec<Target>, Unable> {
    let more = match std::env::var(VARIABLE) {
        Ok(more) => Secret::new(more),
        Err(std::env::VarError::NotPresent) => Secret::new(""),
        Err(std::env::VarError::NotUnicode(_)) => return Err(format!("{VARIABLE} is not UTF-8")),
    };
    let options = options.iter().map(|option| ("--push", option.expose()));
    let more = more.expose().split_whitespace().map(|url| (VARIABLE, url));
    let parsed = |(place, text): (&str, &str)| text.parse().map_err(|why: String| format!("{place}: {why}"));
    options.chain(more).map(parsed).collect()
}

/// Tells them how the run has ended. Who could not be told is named, and that changes nothing.
pub async fn finish(pushes: Pushes, outcomes: &[Outcome], news: bool, quiet: bool, stop: &Stop) {
    let untold = pushes.finish(outcomes, news, quiet, stop).await;
    untold.iter().for_each(|untold| note(&untold.to_string()));
}
