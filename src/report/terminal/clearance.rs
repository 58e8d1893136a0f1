//! The report on `mailtrip clean`: what was found in each mailbox and what became of it, the causes where something went
//! wrong, and the verdict on all of it last.

use crate::diagnose::verdict;
use crate::outcome::{Concern, Fact, Mark, Outcome, Status};
use crate::report::human::{self, count};
use crate::report::words;

use super::page::{Ink, Page};
use super::{Style, causes, sign, table, verdict_ink};

/// The report on cleaning up these mailboxes. It ends in a line break.
pub fn render(outcomes: &[Outcome], style: &Style) -> String {
    let mut page = Page::new(style);
    for outcome in outcomes {
        mailbox(&mut page, outcome);
        page.blank();
    }
    let Some(worst) = outcomes.iter().map(verdict).max() else { return page.finish() };
    page.label(&format!("{worst}: "), verdict_ink(worst), &sentence(outcomes));
    page.finish()
}

fn mailbox(page: &mut Page, outcome: &Outcome) {
    let Outcome { check, to, .. } = outcome;
    let title = if check == to { to.clone() } else { format!("{check}: {to}") };
    page.text(0, Ink::Bold, &title);
    let mut nothing = true;
    for fact in facts(outcome) {
        if let Fact::Leftover { folder, uid, tag, from, sent, after_seconds, .. } = fact {
            nothing = false;
            let (word, ink) = became(outcome, fact);
            let uid = uid.map(|uid| format!(", UID {uid}")).unwrap_or_default();
            let arrived = match after_seconds {
                None => String::new(),
                Some(after) if *after < 1.0 => ", arrived at once".to_owned(),
                Some(after) => format!(", arrived after {}", human::seconds(*after)),
            };
            let sent = sent.replacen('T', " ", 1).replacen('Z', " UTC", 1);
            let text = format!("{folder}{uid}: sent {sent} by {from}{arrived}, tag {tag}");
            page.row(&[(ink, format!("  {word:14}"))], Ink::Plain, &text);
        }
    }
    for (record, failure) in outcome.failed() {
        nothing = false;
        let (mark, ink) = sign(Mark::Failed);
        let cell = format!("  {mark} {:12}", record.at.stage.name());
        page.row(&[(ink, cell)], Ink::Bad, &words::failed(failure));
    }
    if nothing {
        page.text(2, Ink::Dim, "nothing of an earlier verification was found");
    }
    if page.verbose() {
        table::write(page, outcome);
    }
    causes::write(page, outcome);
}

fn facts(outcome: &Outcome) -> impl Iterator<Item = &Fact> {
    outcome.stages.iter().flat_map(|record| &record.facts)
}

fn is_dry(outcome: &Outcome) -> bool {
    facts(outcome).any(|fact| *fact == Fact::Kept)
}

/// What became of a message that was left behind, in a word or two.
pub fn became(outcome: &Outcome, fact: &Fact) -> (&'static str, Ink) {
    match fact {
        Fact::Leftover { removed: true, .. } => ("removed", Ink::Good),
        _ if is_dry(outcome) => ("would remove", Ink::Plain),
        _ => ("not removed", Ink::Warn),
    }
}

/// What became of all mailboxes, in one line.
pub fn sentence(outcomes: &[Outcome]) -> String {
    let number = |outcome: &Outcome, word: &str| facts(outcome).filter(|fact| is(outcome, fact, word)).count() as u64;
    let all = |word: &str| outcomes.iter().map(|outcome| number(outcome, word)).sum::<u64>();
    let mut parts = Vec::new();
    for (word, told) in [("removed", "removed"), ("would remove", "would be removed"), ("not removed", "left behind")] {
        match all(word) {
            0 => {}
            number if parts.is_empty() => parts.push(format!("{} {told}", count(number, "message"))),
            number => parts.push(format!("{number} {told}")),
        }
    }
    let unfinished = outcomes.iter().filter(|outcome| is_unfinished(outcome));
    let unfinished: Vec<String> = unfinished.map(|outcome| outcome.check.clone()).collect();
    match unfinished.is_empty() {
        true if parts.is_empty() => parts.push("nothing of an earlier verification was found".to_owned()),
        true => {}
        false => parts.push(format!("not cleaned up to the end: {}", human::few(&unfinished, 5))),
    }
    parts.join(", ")
}

/// Whether something may be left that was not looked for.
pub fn is_unfinished(outcome: &Outcome) -> bool {
    let failed = outcome.stages.iter().any(|record| !matches!(record.status, Status::Passed));
    failed || outcome.concerns().any(|(_, concern)| matches!(concern, Concern::NotLookedInto { .. }))
}

fn is(outcome: &Outcome, fact: &Fact, word: &str) -> bool {
    matches!(fact, Fact::Leftover { .. }) && became(outcome, fact).0 == word
}
