//! The report for people: a table from top to bottom, then causes and what to do, the verdict last.

pub(super) mod causes;
pub mod clearance;
pub mod list;
mod live;
pub mod page;
pub(super) mod table;

pub use live::{stage_line, waiting};

use crate::diagnose::{Diagnosis, Verdict, breach, verdict};
use crate::outcome::{Conversation, Line, Mark, Outcome, Side, StageRecord};

use super::attempts::{Attempt, attempts};
use super::{headline, human};
use page::{Ink, Page};

/// How a report is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Everything that was seen, not only what matters.
    pub verbose: bool,
    /// Colours; the caller knows whether this goes to a terminal that wants them.
    pub colour: bool,
    /// Columns to keep within; fewer than 48 are taken for 48.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Style {
        Style { verbose: false, colour: false, width: 80 }
    }
}

/// The report on one verification. It ends in a line break.
pub fn render(outcome: &Outcome, style: &Style) -> String {
    let mut page = Page::new(style);
    title(&mut page, outcome);
    attempted(&mut page, outcome);
    table::write(&mut page, outcome);
    causes::write(&mut page, outcome);
    conversations(&mut page, outcome);
    let verdict = verdict(outcome);
    page.blank();
    page.label(&format!("{verdict}: "), verdict_ink(verdict), &headline(outcome));
    page.finish()
}

/// One cause with what belongs to it, for a form that has its own lines: none is broken. The first one names the stage.
pub fn cause(outcome: &Outcome, diagnosis: &Diagnosis) -> String {
    let style = Style { verbose: false, colour: false, width: usize::MAX };
    let mut page = Page::new(&style);
    causes::cause(&mut page, outcome, diagnosis);
    page.finish().trim_start().to_owned()
}

/// What was said on the connections of a verification, for a file: no line is broken.
pub fn transcript(outcome: &Outcome) -> String {
    let style = Style { verbose: true, colour: false, width: usize::MAX };
    let mut page = Page::new(&style);
    title(&mut page, outcome);
    conversations(&mut page, outcome);
    if outcome.conversations.is_empty() {
        page.blank();
        page.text(0, Ink::Plain, "Nothing was said: no connection came about.");
    }
    page.finish()
}

fn title(page: &mut Page, outcome: &Outcome) {
    let Outcome { check, from, to, .. } = outcome;
    let journey = if from == to { format!("{from} to itself") } else { format!("{from} to {to}") };
    let title = if check == from || check.is_empty() { journey } else { format!("{check}: {journey}") };
    page.text(0, Ink::Bold, &title);
    if page.verbose() {
        let took = human::duration(outcome.seconds);
        let began = outcome.began.strftime("%Y-%m-%dT%H:%M:%SZ"); // to the second: nobody reads more
        page.text(0, Ink::Dim, &format!("began {began}, took {took}"));
        page.text(0, Ink::Dim, &format!("tag {}", outcome.tag));
    }
}

/// The attempts, where there were several: what follows is about the last one.
fn attempted(page: &mut Page, outcome: &Outcome) {
    for (index, Attempt { name, verdict, text }) in attempts(outcome).into_iter().enumerate() {
        if index == 0 {
            page.blank();
        }
        page.row(&[(verdict_ink(verdict), format!("  {name}  "))], Ink::Plain, &text);
    }
}

/// What was said, word for word: these lines are cut nowhere, and wrapped where they are too long.
fn conversations(page: &mut Page, outcome: &Outcome) {
    for conversation in &outcome.conversations {
        let Conversation { leg, protocol, account, .. } = conversation;
        page.blank();
        page.text(0, Ink::Bold, &format!("What was said  {leg}, {protocol}, {account}"));
        lines(page, conversation);
    }
}

fn lines(page: &mut Page, conversation: &Conversation) {
    for Line { seconds, side, text } in &conversation.lines {
        let (who, ink) = match side {
            Side::Client => ("C:", Ink::Dim),
            Side::Server => ("S:", Ink::Plain),
        };
        page.row(&[(Ink::Dim, format!("{:>9} {who} ", human::seconds(*seconds)))], ink, text);
    }
}

/// What was said on one connection, for a form that has its own lines: none is broken.
pub fn said(conversation: &Conversation) -> String {
    let style = Style { verbose: true, colour: false, width: usize::MAX };
    let mut page = Page::new(&style);
    lines(&mut page, conversation);
    page.finish()
}

/// The colour of a verdict.
pub fn verdict_ink(verdict: Verdict) -> Ink {
    match verdict {
        Verdict::Ok => Ink::Good,
        Verdict::Warning => Ink::Warn,
        Verdict::Unknown | Verdict::Critical => Ink::Bad,
    }
}

/// The status of a stage as it is judged by the check: what is beyond a bound is no success, although the stage passed.
pub(in crate::report) fn mark(outcome: &Outcome, record: &StageRecord) -> Mark {
    match (record.mark(), breach::worst(outcome, record)) {
        (Mark::Passed, Verdict::Warning) => Mark::Warning,
        (Mark::Passed | Mark::Warning, Verdict::Critical) => Mark::Failed,
        (mark, _) => mark,
    }
}

/// The sign of a status, and its colour.
pub(super) fn sign(mark: Mark) -> (&'static str, Ink) {
    match mark {
        Mark::Passed => ("✓", Ink::Good),
        Mark::Warning => ("!", Ink::Warn),
        Mark::Failed => ("✗", Ink::Bad),
        Mark::Skipped => ("–", Ink::Dim),
    }
}
