//! Failures that are still soft, as Nagios calls it: there were not enough of them in a row.

use crate::outcome::Outcome;

use super::{Certainty::*, Diagnosis, Verdict};

/// No more than a warning, while it is soft.
pub fn softened(outcome: &Outcome, verdict: Verdict) -> Verdict {
    match outcome.streak {
        Some(streak) if streak.is_soft() => verdict.min(Verdict::Warning),
        _ => verdict,
    }
}

/// The diagnoses, no heavier than that, and why they are not.
pub fn told(outcome: &Outcome, mut diagnoses: Vec<Diagnosis>) -> Vec<Diagnosis> {
    let Some(streak) = outcome.streak.filter(|streak| streak.is_soft()) else { return diagnoses };
    for diagnosis in &mut diagnoses {
        diagnosis.verdict = softened(outcome, diagnosis.verdict);
    }
    let (failures, enough) = (streak.failures, streak.fail_after);
    let cause = format!("This is failure {failures} of {enough} in a row: with fewer than {enough} it is a warning.");
    let notes = diagnoses.iter().rposition(|diagnosis| diagnosis.verdict > Verdict::Ok).map_or(0, |last| last + 1);
    diagnoses.insert(notes, Diagnosis::new("soft-failure", Verdict::Warning, None, Certain, cause));
    diagnoses
}
