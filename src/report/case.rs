//! The stages of verifications as the cases of a test, which is what JUnit and TAP report on.

use std::collections::HashSet;
use std::time::Duration;

use crate::diagnose::{Diagnosis, Verdict, diagnose, stage_verdict};
use crate::outcome::{Outcome, StageRecord, Status};

use super::printable::printable;
use super::terminal::table;
use super::words;

/// How a case ended. Broken mail and a test that could not run are different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Well.
    Passed,
    /// Well, with something to remark: no failure, as for the exit code.
    Warning,
    /// Mail does not work.
    Failed,
    /// It could not be found out whether mail works.
    NotRun,
    /// It was not tried.
    Skipped,
}

impl From<Verdict> for End {
    fn from(verdict: Verdict) -> End {
        match verdict {
            Verdict::Ok => End::Passed,
            Verdict::Warning => End::Warning,
            Verdict::Unknown => End::NotRun,
            Verdict::Critical => End::Failed,
        }
    }
}

/// One case.
pub struct Case<'a> {
    /// The stage; `None`: the verification as a whole.
    pub record: Option<&'a StageRecord>,
    /// The same at every run of the check, and no other case of the report has it with the same check. Safe to print.
    pub name: String,
    /// How it ended.
    pub end: End,
    /// What became of it, in one line; as it was said by servers.
    pub summary: String,
    /// What is to be said about it, the heaviest first.
    pub diagnoses: Vec<Diagnosis>,
}

impl Case<'_> {
    /// How long it took; nothing where it was not tried.
    pub fn took(&self) -> Duration {
        self.record.and_then(|record| record.span).map_or(Duration::ZERO, |span| span.took)
    }
}

/// The names that are given already, each with its check.
#[derive(Default)]
pub struct Names(HashSet<(String, String)>);

impl Names {
    /// Two checks may have the same name, where several runs are reported on together.
    fn unique(&mut self, check: &str, name: &str) -> String {
        let numbered = (2_u64..).map(|number| format!("{name} #{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| self.0.insert((check.to_owned(), name.clone()))).unwrap_or_default()
    }
}

/// The cases of one verification, in the order of the journey. What concerns no single stage is a case of its own.
pub fn cases<'a>(outcome: &'a Outcome, names: &mut Names) -> Vec<Case<'a>> {
    let (of_stages, of_all): (Vec<Diagnosis>, Vec<Diagnosis>) =
        diagnose(outcome).into_iter().partition(|diagnosis| diagnosis.stage.is_some());
    let mut cases: Vec<Case> = Vec::new();
    for record in table::groups(outcome).into_iter().flatten() {
        let about = |diagnosis: &&Diagnosis| diagnosis.record(outcome).is_some_and(|stage| std::ptr::eq(stage, record));
        let skipped = matches!(record.status, Status::Skipped(_));
        let name = format!("{} ({}, {})", record.at, record.at.protocol, record.account);
        cases.push(Case {
            record: Some(record),
            name: names.unique(&outcome.check, &printable(&name)),
            end: if skipped { End::Skipped } else { stage_verdict(outcome, record).into() },
            summary: match &record.status {
                Status::Failed(failure) => words::failure(failure),
                _ => words::judged(outcome, record),
            },
            diagnoses: of_stages.iter().filter(about).cloned().collect(),
        });
    }
    if let Some(first) = of_all.first().filter(|diagnosis| diagnosis.verdict > Verdict::Ok) {
        cases.push(Case {
            record: None,
            name: names.unique(&outcome.check, "verification"),
            end: first.verdict.into(),
            summary: first.cause.clone(),
            diagnoses: of_all,
        });
    }
    cases
}
