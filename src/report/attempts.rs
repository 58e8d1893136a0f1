//! The attempts of a check that was repeated when it failed.

use crate::diagnose::{Verdict, verdict};
use crate::outcome::Outcome;

use super::{headline, human};

/// One of several attempts.
pub struct Attempt {
    /// `attempt 1 of 2`
    pub name: String,
    /// What it alone amounts to.
    pub verdict: Verdict,
    /// `3.2 s, CRITICAL: delivery arrival: …`, safe to print.
    pub text: String,
}

/// All of them, the last one, too; none where there was only one.
pub fn attempts(outcome: &Outcome) -> Vec<Attempt> {
    if outcome.earlier.is_empty() {
        return Vec::new();
    }
    let last = Outcome { earlier: Vec::new(), streak: None, ..outcome.clone() };
    let all = outcome.earlier.len() + 1;
    let attempt = |(index, attempt): (usize, &Outcome)| {
        let verdict = verdict(attempt);
        let text = format!("{}, {verdict}: {}", human::duration(attempt.seconds), headline(attempt));
        Attempt { name: format!("attempt {} of {all}", index + 1), verdict, text }
    };
    outcome.earlier.iter().chain([&last]).enumerate().map(attempt).collect()
}
