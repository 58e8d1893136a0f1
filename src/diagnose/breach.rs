//! What the criteria of a check hold against a stage that did its work: a bound that it is beyond, a result that is wanted.

use crate::criteria::Severity;
use crate::outcome::{Outcome, StageRecord, Status};
use crate::stage::Leg;

use super::authentication::{self, NotPassed};
use super::threshold::{self, Beyond};
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
    Beyond(Beyond),
    /// A method of authentication that is to pass did not.
    NotPassed(NotPassed),
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
    let most = if record.at.leg == Leg::Cleanup { Severity::Warning } else { Severity::Critical };
    let breach = |(severity, what): (Severity, What)| Breach { severity: severity.min(most), what };
    let beyond = threshold::beyond(outcome, record).into_iter().map(|(severity, one)| (severity, What::Beyond(one)));
    let not_passed = authentication::not_passed(outcome, record).into_iter();
    beyond.chain(not_passed.map(|(severity, one)| (severity, What::NotPassed(one)))).map(breach).collect()
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
        let diagnosis = match &what {
            What::Beyond(beyond) => threshold::explain(outcome, record, severity, *beyond),
            What::NotPassed(not_passed) => authentication::explain(outcome, record, severity, not_passed),
        };
        diagnosis.about(outcome, record)
    };
    outcome.stages.iter().flat_map(of).map(explain).collect()
}
