//! What the attempts before the last one make of a verification, where a check that failed is repeated.

use crate::outcome::Outcome;
use crate::stage::Stage;

use super::{Certainty::*, Diagnosis, Verdict, diagnose, verdict};

/// What a sign-in is refused for until somebody changes something, or has waited long.
const LASTING: [&str; 12] = [
    "login-refused",
    "username-without-domain",
    "password-edge-whitespace",
    "app-password-needed",
    "password-expired",
    "web-login-needed",
    "login-not-permitted",
    "account-disabled",
    "too-many-logins",
    "oauth-needed",
    "basic-auth-disabled",
    "token-not-accepted",
];

/// Whether it failed in a way that another attempt can do something about.
pub fn is_worth_another(outcome: &Outcome) -> bool {
    has_failed(super::of_last_attempt(outcome)) && !is_kept_out(outcome)
}

/// Whether a sign-in was refused that would be refused again: providers count these, and lock the account.
pub fn is_kept_out(outcome: &Outcome) -> bool {
    diagnose(outcome).iter().any(|one| {
        one.verdict == Verdict::Critical
            && LASTING.contains(&one.code)
            && one.at.is_some_and(|at| at.stage == Stage::Login)
    })
}

/// The verdict with the attempts before it, where the last one alone is judged like this: mail that works only now and
/// then is nothing to rely on.
pub fn judged(outcome: &Outcome, last: Verdict) -> Verdict {
    if is_flaky(outcome, last) { last.max(Verdict::Warning) } else { last }
}

/// What is to be said of the attempts, where there were several.
pub fn explain(outcome: &Outcome) -> Option<Diagnosis> {
    let all = outcome.earlier.len() + 1;
    let last = super::of_last_attempt(outcome);
    let diagnosis = if is_flaky(outcome, last) {
        let failed = outcome.earlier.iter().filter(|earlier| has_failed(verdict(earlier))).count();
        let times = if failed == 1 { "once".to_owned() } else { format!("{failed} times") };
        let cause = format!("The check failed {times}, and passed when it was repeated: attempt {all} of {all}.");
        Diagnosis::new("flaky", Verdict::Warning, None, Certain, cause).advise(
            "See what went wrong before: what works only sometimes is often a server among several, a limit on sign-ins, or a \
             delay that is near a time limit.",
        )
    } else if has_failed(last) && all > 1 {
        Diagnosis::new(
            "failed-again",
            Verdict::Ok,
            None,
            Certain,
            format!("It was tried {all} times, and never passed."),
        )
    } else {
        return None;
    };
    let attempts = outcome.earlier.iter().enumerate();
    Some(attempts.fold(diagnosis, |diagnosis, (index, earlier)| diagnosis.seen(became(index + 1, earlier))))
}

fn is_flaky(outcome: &Outcome, last: Verdict) -> bool {
    !has_failed(last) && outcome.earlier.iter().any(|earlier| has_failed(verdict(earlier)))
}

fn has_failed(verdict: Verdict) -> bool {
    verdict >= Verdict::Unknown
}

/// `attempt 1: CRITICAL, submission login [login-refused]: the cause`
fn became(number: usize, attempt: &Outcome) -> String {
    let verdict = verdict(attempt);
    let Some(first) = diagnose(attempt).into_iter().next() else { return format!("attempt {number}: {verdict}") };
    let place = first.at.map(|at| format!(", {at}")).unwrap_or_default();
    format!("attempt {number}: {verdict}{place} [{}]: {}", first.code, first.cause)
}
