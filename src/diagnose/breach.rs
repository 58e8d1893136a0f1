//! What the criteria of a check hold against a stage that did its work: a bound that it is beyond, a result that is wanted.

use crate::criteria::{Measure, Range, Severity};
use crate::outcome::{Outcome, StageRecord, Status};
use crate::stage::Leg;

use super::authentication::{self, Method};
use super::threshold;
use super::{Diagnosis, Verdict};

/// Something that is held against a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    /// How it is judged; never [`Severity::Fine`].
    pub severity: Severity,
    /// What it is.
    pub what: What,
}

/// What is held against a stage.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A measure is beyond its bounds.
    Bound {
        /// What was measured.
        measure: Measure,
        /// Seconds, or days.
        value: f64,
        /// The range that alerts.
        range: Range,
    },
    /// The receiver's server does not say that a method of authentication passed.
    NotPassed {
        /// Which.
        method: Method,
        /// What it says instead; `None`: nothing of it.
        result: Option<String>,
    },
}

impl From<Severity> for Verdict {
    fn from(severity: Severity) -> Verdict {
        match severity {
            Severity::Fine => Verdict::Ok,
            Severity::Warning => Verdict::Warning,
            Severity::Critical => Verdict::Critical,
        }
    }
}

/// What is held against this stage. One that failed is judged already, and in the clean-up nothing is more than a warning,
/// for mail works then.
pub fn breaches(outcome: &Outcome, record: &StageRecord) -> Vec<Breach> {
    if record.status != Status::Passed {
        return Vec::new();
    }
    let mut all = threshold::breaches(outcome, record);
    all.extend(authentication::breaches(outcome, record));
    if record.at.leg == Leg::Cleanup {
        all.iter_mut().for_each(|breach| breach.severity = breach.severity.min(Severity::Warning));
    }
    all
}

/// The worst that is held against this stage.
pub fn worst(outcome: &Outcome, record: &StageRecord) -> Verdict {
    breaches(outcome, record).iter().map(|breach| breach.severity.into()).max().unwrap_or(Verdict::Ok)
}

/// The explanation of all that is held against stages.
pub fn explain(outcome: &Outcome) -> Vec<Diagnosis> {
    let of = |record| breaches(outcome, record).into_iter().map(move |breach| (record, breach));
    let explain = |(record, breach): (&StageRecord, Breach)| {
        let Breach { severity, what } = breach;
        let diagnosis = match what {
            What::Bound { measure, value, range } => {
                threshold::explain(outcome, record, severity, (measure, value, range))
            }
            What::NotPassed { method, result } => {
                authentication::explain(outcome, record, severity, (method, result.as_deref()))
            }
        };
        diagnosis.about(outcome, record)
    };
    outcome.stages.iter().flat_map(of).map(explain).collect()
}
