//! Anything that takes JSON: a small envelope to act on, and the outcomes as in the report `json`.

use serde::Serialize;

use crate::account::WebUrl;
use crate::diagnose::{Verdict, verdict};
use crate::outcome::{Outcome, SCHEMA};
use crate::report::{Counts, headline, json};
use crate::wire::http::Request;

use super::run::Run;

/// The largest JSON of outcomes that is sent: many servers take no more than 1 MiB.
const LARGEST_OUTCOMES: usize = 900 * 1024;

/// The longest text.
const LONGEST_TEXT: usize = 4000;

/// What is sent. Its names are promises, as those of an outcome.
#[derive(Serialize)]
struct Envelope<'a, O> {
    schema: u32,
    run: String,
    verdict: Verdict,
    title: String,
    text: String,
    counts: Counts,
    checks: Vec<Check<'a>>,
    /// None where they would be too large.
    outcomes: Option<O>,
}

/// A check in one line.
#[derive(Serialize)]
struct Check<'a> {
    check: &'a str,
    verdict: Verdict,
    headline: String,
}

/// The run is over.
pub fn end<'a>(url: &WebUrl, run: &Run<'a>) -> Request {
    let check =
        |outcome: &'a Outcome| Check { check: &outcome.check, verdict: verdict(outcome), headline: headline(outcome) };
    let outcomes = json::judged(run.outcomes);
    let is_small = json::write(&outcomes).len() <= LARGEST_OUTCOMES;
    let envelope = Envelope {
        schema: SCHEMA,
        run: run.id.to_string(),
        verdict: run.verdict(),
        title: run.title(),
        text: run.text(LONGEST_TEXT),
        counts: Counts::of(run.outcomes),
        checks: run.outcomes.iter().map(check).collect(),
        outcomes: is_small.then_some(outcomes),
    };
    Request::post(url, "application/json", json::write(&envelope))
}
