//! The JSON form of a stage: flat, with every key there, and null for what is not.

use serde::{Deserialize, Serialize};

use super::{Concern, Fact, Mark, Span, StageRecord, Status, seconds};
use crate::failure::{Failure, Skip};
use crate::stage::At;

/// The JSON form of a [`StageRecord`].
#[derive(Serialize, Deserialize)]
pub struct Written {
    #[serde(flatten)]
    at: At,
    account: String,
    status: Mark,
    began_seconds: Option<f64>,
    seconds: Option<f64>,
    facts: Vec<Fact>,
    warnings: Vec<Concern>,
    failure: Option<Failure>,
    skipped: Option<Skip>,
}

impl From<StageRecord> for Written {
    fn from(record: StageRecord) -> Written {
        let mark = record.mark();
        let (failure, skipped) = match record.status {
            Status::Passed => (None, None),
            Status::Failed(failure) => (Some(failure), None),
            Status::Skipped(skip) => (None, Some(skip)),
        };
        Written {
            at: record.at,
            account: record.account,
            status: mark,
            began_seconds: record.span.map(|span| seconds::rounded(span.began)),
            seconds: record.span.map(|span| seconds::rounded(span.took)),
            facts: record.facts,
            warnings: record.concerns,
            failure,
            skipped,
        }
    }
}

impl From<Written> for StageRecord {
    fn from(written: Written) -> StageRecord {
        let span = written.began_seconds.zip(written.seconds);
        let span = span.map(|(began, took)| Span { began: seconds::lenient(began), took: seconds::lenient(took) });
        let status = match (written.failure, written.skipped) {
            (Some(failure), _) => Status::Failed(failure),
            (None, Some(skip)) => Status::Skipped(skip),
            (None, None) => Status::Passed,
        };
        StageRecord {
            at: written.at,
            account: written.account,
            span,
            facts: written.facts,
            concerns: written.warnings,
            status,
        }
    }
}
