//! What a check holds against a stage that did its work, in words.

use crate::criteria::{Measure, Severity};
use crate::diagnose::authentication::NotPassed;
use crate::diagnose::breach::{Breach, What, breaches};
use crate::diagnose::threshold::{Beyond, alerting, in_words};
use crate::outcome::{Outcome, StageRecord};

use super::became;

/// What became of a stage, with what the check holds against it.
pub fn judged(outcome: &Outcome, record: &StageRecord) -> String {
    let breaches = breaches(outcome, record);
    let parts = std::iter::once(became(record, outcome.server(record))).chain(breaches.iter().map(held));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// What the check holds against a stage, in a few words.
pub fn held(Breach { severity, what }: &Breach) -> String {
    let judged = if *severity == Severity::Critical { "CRITICAL" } else { "WARNING" };
    match what {
        What::Beyond(Beyond { measure, value, range }) => {
            let alerting = alerting(*measure, *range);
            match measure {
                Measure::RoundTrip => format!("{judged}, round trip {}: {alerting}", in_words(*measure, *value)),
                Measure::CertificateDays => format!("{judged}, good for {alerting}"),
                Measure::Stage { .. } => format!("{judged}, took {alerting}"),
            }
        }
        What::NotPassed(NotPassed { method, result: Some(result) }) => format!("{judged}, {method} {result}"),
        What::NotPassed(NotPassed { method, result: None }) => format!("{judged}, nothing said of {method}"),
    }
}
