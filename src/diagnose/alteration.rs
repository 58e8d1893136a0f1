//! What was changed in the message on its way: in its text, which is a failure, or in its subject, which is a note.

use crate::failure::Kind;
use crate::outcome::{Change, Fact, StageRecord};

use super::Certainty::*;
use super::Diagnosis;
use super::case::Case;

/// What arrived is not what was sent.
pub fn altered(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::Altered {
        return None;
    }
    let changes: Vec<String> = case.record.facts.iter().filter_map(change).collect();
    let cause = match changes.split_last() {
        None => "its text differs".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{}, and {last}", others.join(", ")),
    };
    let cause = format!("The message that arrived is not the one that was sent: {cause}.");
    let diagnosis = case.because("altered", Certain, cause);
    let diagnosis = case.record.facts.iter().filter_map(shown).fold(diagnosis, Diagnosis::seen);
    let advice = diagnosis.advise_all(advice(case.record).map(str::to_owned));
    Some(advice.advise("If nothing of the kind is in use, show both texts to the provider."))
}

fn is_among(record: &StageRecord, wanted: &[Change]) -> bool {
    record.facts.iter().any(|fact| matches!(fact, Fact::Changed { what, .. } if wanted.contains(what)))
}

/// What to do, by what was changed; what is known by nothing but its difference may be anything.
fn advice(record: &StageRecord) -> impl Iterator<Item = &'static str> {
    let replaced = is_among(record, &[Change::Replaced, Change::Edited]);
    let only_lines = is_among(record, &[Change::Rewrapped])
        && !is_among(record, &[Change::AddedAbove, Change::AddedBelow, Change::Repacked]);
    let adds = !replaced && !only_lines;
    [
        replaced.then_some(
            "Content filters put a text of their own in the place of what they hold back: look for a quarantine on the \
             provider's web site, and let mail from this sender pass.",
        ),
        only_lines.then_some(
            "A gateway or a mailing list formats mail anew, which breaks its signatures (DKIM): switch that off for this \
             mailbox.",
        ),
        adds.then_some(
            "Antivirus programs, mailing lists and company gateways add text to mail: switch that off for this mailbox.",
        ),
    ]
    .into_iter()
    .flatten()
}

/// One change, in words that follow a colon.
fn change(fact: &Fact) -> Option<String> {
    let Fact::Changed { what, lines, .. } = fact else { return None };
    let (lines, were) = match lines {
        Some(1) => ("1 line".to_owned(), "was"),
        Some(lines) => (format!("{lines} lines"), "were"),
        None => ("text".to_owned(), "was"),
    };
    Some(match what {
        Change::AddedBelow => format!("{lines} {were} added at its end"),
        Change::AddedAbove => format!("{lines} {were} added at its beginning"),
        Change::Rewrapped => "its lines were wrapped anew".to_owned(),
        Change::Edited => format!("{lines} {were} changed"),
        Change::Replaced => "its text was replaced".to_owned(),
        Change::Repacked => "it was packed into a message of another type".to_owned(),
        Change::Subject => "it has another subject".to_owned(),
        Change::Encoding => return None,
    })
}

/// The evidence of a change: the foreign text, as it is.
fn shown(fact: &Fact) -> Option<String> {
    let Fact::Changed { what, text: Some(text), .. } = fact else { return None };
    Some(match what {
        Change::AddedBelow => format!("added at the end: {text}"),
        Change::AddedAbove => format!("added at the beginning: {text}"),
        Change::Rewrapped => format!("the first of the lines wrapped anew: {text}"),
        Change::Edited => format!("the first of the changed lines: {text}"),
        Change::Replaced => format!("in its place: {text}"),
        Change::Repacked => format!("the type now: {text}"),
        Change::Encoding => format!("the transfer encoding now: {text}"),
        Change::Subject => format!("the subject now: {text}"),
    })
}
