//! JSON, one object a line: what happened, in the order of time. While a run is under way the lines are written as it
//! happens; from outcomes, they are what they would have been then, but for the limits of the stages.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::diagnose::{Verdict, verdict, verdict_on_all};
use crate::failure::Skip;
use crate::outcome::{Outcome, SCHEMA, StageRecord, Status, seconds};
use crate::stage::At;

use super::json::{self, Judged};
use super::{Counts, headline};

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The run began, with these checks.
    RunBegan(&'a [&'a str]),
    /// A check began.
    CheckBegan(&'a str),
    /// A stage of this attempt, counted from 1, of a check began; its limit, where that is known.
    StageBegan(Of<'a>, At, &'a str, Option<Duration>),
    /// A stage ended, or was left out.
    StageEnded(Of<'a>, &'a StageRecord),
    /// An attempt ended.
    AttemptEnded(Of<'a>, &'a Outcome),
    /// A check ended, after its last attempt.
    CheckEnded(&'a Outcome),
    /// The run ended.
    RunEnded(&'a [Outcome]),
}

/// An attempt of a check.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Of<'a> {
    /// Name of the check.
    pub check: &'a str,
    /// Which attempt, from 1.
    pub attempt: u32,
}

/// A line, with its line break.
pub fn line(time: Timestamp, event: Event<'_>) -> String {
    let (event, what) = match event {
        Event::RunBegan(checks) => ("run-began", What::RunBegan { schema: SCHEMA, checks }),
        Event::CheckBegan(check) => ("check-began", What::CheckBegan { check }),
        Event::StageBegan(of, at, account, limit) => {
            ("stage-began", What::StageBegan { of, at, account, limit_seconds: limit.map(seconds::rounded) })
        }
        Event::StageEnded(of, record) => ("stage-ended", What::StageEnded { of, record }),
        Event::AttemptEnded(of, outcome) => ("attempt-ended", What::attempt_ended(of, outcome)),
        Event::CheckEnded(outcome) => ("check-ended", What::CheckEnded(Box::new(Judged::from(outcome)))),
        Event::RunEnded(outcomes) => ("run-ended", What::run_ended(outcomes)),
    };
    json::line(&Line { event, time, what })
}

#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    time: Timestamp,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum What<'a> {
    RunBegan {
        schema: u32,
        checks: &'a [&'a str],
    },
    CheckBegan {
        check: &'a str,
    },
    StageBegan {
        #[serde(flatten)]
        of: Of<'a>,
        #[serde(flatten)]
        at: At,
        account: &'a str,
        limit_seconds: Option<f64>,
    },
    StageEnded {
        #[serde(flatten)]
        of: Of<'a>,
        #[serde(flatten)]
        record: &'a StageRecord,
    },
    AttemptEnded {
        #[serde(flatten)]
        of: Of<'a>,
        verdict: Verdict,
        seconds: f64,
        tag: &'a str,
        headline: String,
    },
    CheckEnded(Box<Judged<'a>>),
    RunEnded {
        verdict: Verdict,
        checks: usize,
        #[serde(flatten)]
        counts: Counts,
    },
}

impl<'a> What<'a> {
    fn attempt_ended(of: Of<'a>, outcome: &'a Outcome) -> What<'a> {
        let (verdict, seconds) = (verdict(outcome), seconds::rounded(outcome.seconds));
        What::AttemptEnded { of, verdict, seconds, tag: &outcome.tag, headline: headline(outcome) }
    }

    fn run_ended(outcomes: &[Outcome]) -> What<'a> {
        let verdict = verdict_on_all(outcomes);
        What::RunEnded { verdict, checks: outcomes.len(), counts: Counts::of(outcomes) }
    }
}

/// The lines of a run that had these outcomes.
pub fn render(outcomes: &[Outcome]) -> String {
    let names: Vec<&str> = outcomes.iter().map(|outcome| outcome.check.as_str()).collect();
    let mut lines: Vec<(Timestamp, String)> = outcomes.iter().flat_map(of_check).collect();
    lines.sort_by_key(|(time, _)| *time); // stable: what happened at the same time stays in its order
    let (first, last) = (lines.first().map(|(time, _)| *time), lines.last().map(|(time, _)| *time));
    let began = first.map(|time| line(time, Event::RunBegan(&names)));
    let ended = last.map(|time| line(time, Event::RunEnded(outcomes)));
    began.into_iter().chain(lines.into_iter().map(|(_, line)| line)).chain(ended).collect()
}

/// The lines of one check, each with its time.
fn of_check(outcome: &Outcome) -> Vec<(Timestamp, String)> {
    let last = Outcome { earlier: Vec::new(), streak: None, ..outcome.clone() };
    let attempts: Vec<&Outcome> = outcome.earlier.iter().chain([&last]).collect();
    let mut lines = Vec::new();
    let mut put = |time, event: Event<'_>| lines.push((time, line(time, event)));
    if let Some(first) = attempts.first().filter(|attempt| was_begun(attempt)) {
        put(first.began, Event::CheckBegan(&outcome.check));
    }
    for (number, attempt) in (1..).zip(attempts.iter().filter(|attempt| was_begun(attempt))) {
        let of = Of { check: &outcome.check, attempt: number };
        let ended = after(attempt, attempt.seconds);
        for record in &attempt.stages {
            if let Some(span) = record.span {
                put(after(attempt, span.began), Event::StageBegan(of, record.at, &record.account, None));
            }
            let time = record.span.map_or(ended, |span| after(attempt, span.ended()));
            put(time, Event::StageEnded(of, record));
        }
        put(ended, Event::AttemptEnded(of, attempt));
    }
    put(after(outcome, outcome.seconds), Event::CheckEnded(outcome));
    lines
}

/// Not where all was stopped before it was its turn.
fn was_begun(attempt: &Outcome) -> bool {
    attempt.stages.iter().any(|record| record.status != Status::Skipped(Skip::Stopped))
}

/// So long after the beginning of an attempt, as exactly as a report is.
fn after(attempt: &Outcome, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(seconds::lenient(seconds::rounded(time))).ok();
    time.and_then(|time| attempt.began.checked_add(time).ok()).unwrap_or(attempt.began)
}
