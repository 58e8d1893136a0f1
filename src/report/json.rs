//! JSON: the outcome with what is derived from it, and the way back.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::criteria::Criteria;
use crate::diagnose::{Diagnosis, Verdict, diagnose, round_trip, verdict};
use crate::outcome::{Conversation, Outcome, SCHEMA, Server, StageRecord, Streak, seconds};

use super::printable::{is_unsafe, printable};

/// An outcome with its verdict, round trip and diagnoses, in the order in which a person looks for them.
#[derive(Serialize)]
pub(super) struct Judged<'a> {
    schema: u32,
    check: &'a str,
    verdict: Verdict,
    from: &'a str,
    to: &'a str,
    began: Timestamp,
    #[serde(with = "seconds")]
    seconds: Duration,
    round_trip_seconds: Option<f64>,
    tag: &'a str,
    servers: &'a [Server],
    stages: &'a [StageRecord],
    diagnoses: Vec<Diagnosis>,
    criteria: &'a Criteria,
    earlier: Vec<Judged<'a>>,
    streak: Option<Streak>,
    conversations: &'a [Conversation],
}

impl<'a> From<&'a Outcome> for Judged<'a> {
    fn from(outcome: &'a Outcome) -> Judged<'a> {
        let Outcome { schema, check, from, to, began, seconds, tag, servers, stages, .. } = outcome;
        Judged {
            schema: *schema,
            check,
            verdict: verdict(outcome),
            from,
            to,
            began: *began,
            seconds: *seconds,
            round_trip_seconds: round_trip(outcome).map(seconds::rounded),
            tag,
            servers,
            stages,
            diagnoses: diagnose(outcome),
            criteria: &outcome.criteria,
            earlier: outcome.earlier.iter().map(Judged::from).collect(),
            streak: outcome.streak,
            conversations: &outcome.conversations,
        }
    }
}

/// One outcome as one JSON object.
pub fn render(outcome: &Outcome) -> String {
    write(&Judged::from(outcome))
}

/// One outcome as an object, any other number of them as an array.
pub fn render_all(outcomes: &[Outcome]) -> String {
    match outcomes {
        [outcome] => render(outcome),
        several => write(&judged(several)),
    }
}

/// Outcomes with what is derived from them, to be part of something else.
pub fn judged(outcomes: &[Outcome]) -> Vec<impl Serialize + '_> {
    outcomes.iter().map(Judged::from).collect()
}

/// A value as JSON, laid out to be read. What JSON itself allows in a string and a terminal would act on is written as `\u`, too: the meaning is the same.
pub fn write(value: &impl Serialize) -> String {
    // Strings, numbers and names known at compile time: nothing here can fail to serialize.
    written(&serde_json::to_string_pretty(value).unwrap_or_default())
}

/// The same on one line.
pub(super) fn line(value: &impl Serialize) -> String {
    written(&serde_json::to_string(value).unwrap_or_default())
}

fn written(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if is_unsafe(c) && c != '\n' {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text.push('\n');
    text
}

/// Why a text could not be read as outcomes.
#[derive(Debug)]
pub enum Unreadable {
    /// It is not the JSON of an outcome.
    Json(serde_json::Error),
    /// It is of a version that this mailtrip does not know.
    Schema(u32),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Json(error) => {
                write!(f, "this is not an outcome of mailtrip: {}", printable(&error.to_string()))
            }
            Unreadable::Schema(found) => {
                write!(f, "this outcome is of schema {found}, and this mailtrip reads schema {SCHEMA}")
            }
        }
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Unreadable::Json(error) => Some(error),
            Unreadable::Schema(_) => None,
        }
    }
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Unreadable {
        Unreadable::Json(error)
    }
}

/// Only the version: it is looked at before anything else.
#[derive(Deserialize)]
struct Versioned {
    schema: u32,
}

/// Reads an object or an array of them back. What was derived is not read, but derived again.
///
/// # Errors
/// When it is not the JSON of an outcome (with line and column), or of another schema version.
pub fn read(text: &str) -> Result<Vec<Outcome>, Unreadable> {
    let text = text.trim_start_matches('\u{feff}');
    let several = text.trim_start().starts_with('[');
    let versions: Vec<Versioned> =
        if several { serde_json::from_str(text)? } else { vec![serde_json::from_str(text)?] };
    if let Some(other) = versions.iter().find(|version| version.schema != SCHEMA) {
        return Err(Unreadable::Schema(other.schema));
    }
    Ok(if several { serde_json::from_str(text)? } else { vec![serde_json::from_str(text)?] })
}
