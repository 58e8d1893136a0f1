//! The table: legs in the order of the journey, the stages of each with mark, time and the one fact that matters.

use crate::criteria::Severity;
use crate::diagnose::breach;
use crate::outcome::{Outcome, StageRecord, Status};
use crate::report::{human, words};

use super::page::{Ink, Page};
use super::{mark, sign};

/// Where the facts begin: indent, sign, stage, time.
const FACTS: usize = 23;

/// Writes the table.
pub fn write(page: &mut Page, outcome: &Outcome) {
    for group in groups(outcome) {
        heading(page, outcome, group[0]);
        for run in group.chunk_by(|one, other| matches!(one.status, Status::Skipped(_)) && one.status == other.status) {
            match &run[0].status {
                Status::Skipped(_) => skipped(page, run),
                _ => row(page, outcome, run[0]),
            }
        }
    }
}

/// The stages by leg and server, in the order of the journey; none of them is empty.
pub fn groups(outcome: &Outcome) -> Vec<Vec<&StageRecord>> {
    let mut groups: Vec<Vec<&StageRecord>> = Vec::new();
    let place = |record: &StageRecord| (record.at.leg, record.at.protocol, record.account.clone());
    for record in &outcome.stages {
        match groups.iter_mut().find(|group| place(group[0]) == place(record)) {
            Some(group) => group.push(record),
            None => groups.push(vec![record]),
        }
    }
    groups.sort_by_key(|group| group[0].at.leg);
    groups
}

/// The server of a stage, with its account where there are several.
pub fn server(outcome: &Outcome, record: &StageRecord) -> String {
    let server = match outcome.server(record) {
        Some(server) if server.host.contains(':') => {
            format!("{} [{}]:{} {}", server.protocol, server.host, server.port, server.security)
        }
        Some(server) => format!("{} {}:{} {}", server.protocol, server.host, server.port, server.security),
        None => record.at.protocol.to_string(),
    };
    let several = outcome.servers.iter().any(|server| server.account != record.account);
    if several { format!("{server}, {}", record.account) } else { server }
}

fn heading(page: &mut Page, outcome: &Outcome, record: &StageRecord) {
    page.blank();
    page.row(&[(Ink::Bold, format!("{:12}", words::leg(record.at.leg)))], Ink::Dim, &server(outcome, record));
}

fn row(page: &mut Page, outcome: &Outcome, record: &StageRecord) {
    let (mark, ink) = sign(mark(outcome, record));
    let time = record.span.map(|span| human::duration(span.took)).unwrap_or_default();
    let cells = [(ink, format!("  {mark} ")), (Ink::Plain, format!("{:9}{time:>8}  ", record.at.stage))];
    let warnings = record.concerns.iter().map(|concern| (Ink::Warn, format!("WARNING, {}", words::concern(concern))));
    let held = breach::breaches(outcome, record).into_iter().map(|breach| {
        let ink = if breach.severity == Severity::Critical { Ink::Bad } else { Ink::Warn };
        (ink, words::held(&breach))
    });
    let fact = match &record.status {
        Status::Failed(failure) => (Ink::Bad, words::failed(failure)),
        _ => (Ink::Plain, words::key(record, outcome.server(record))),
    };
    let mut lines = std::iter::once(fact).chain(warnings).chain(held).filter(|(_, text)| !text.is_empty());
    let (ink, text) = lines.next().unwrap_or((Ink::Plain, String::new()));
    page.row(&cells, ink, &text);
    lines.for_each(|(ink, text)| page.text(FACTS, ink, &text));
    if page.verbose() {
        record.facts.iter().for_each(|fact| page.text(FACTS, Ink::Dim, &words::fact(fact)));
    }
}

/// A run of stages that were skipped for the same reason, in one line.
fn skipped(page: &mut Page, run: &[&StageRecord]) {
    let Status::Skipped(skip) = &run[0].status else {
        return;
    };
    let names: Vec<&str> = run.iter().map(|record| record.at.stage.name()).collect();
    let (mark, ink) = sign(run[0].mark());
    page.row(&[(ink, format!("  {mark} "))], Ink::Dim, &format!("{}: {}", names.join(", "), words::skip(skip)));
    for concern in run.iter().flat_map(|record| &record.concerns) {
        page.text(FACTS, Ink::Warn, &format!("WARNING, {}", words::concern(concern)));
    }
}
