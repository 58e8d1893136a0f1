//! Below the table: for everything that was not right the cause, the server's own words, and what to do.

use crate::diagnose::{Diagnosis, Verdict, answered, configured, diagnose};
use crate::failure::Failure;
use crate::outcome::{Mark, Outcome};

use crate::report::words;

use super::page::{Ink, Page};
use super::sign;

/// Writes the causes, then the notes.
pub fn write(page: &mut Page, outcome: &Outcome) {
    let (notes, causes): (Vec<Diagnosis>, Vec<Diagnosis>) =
        diagnose(outcome).into_iter().partition(|diagnosis| diagnosis.verdict == Verdict::Ok);
    for diagnosis in &causes {
        cause(page, outcome, diagnosis);
    }
    if !notes.is_empty() {
        page.blank();
    }
    for diagnosis in &notes {
        page.label("Note: ", Ink::Bold, &diagnosis.cause);
        diagnosis.advice.iter().for_each(|advice| page.label("    - ", Ink::Plain, advice));
    }
}

/// Writes one cause, with what belongs to it.
pub fn cause(page: &mut Page, outcome: &Outcome, diagnosis: &Diagnosis) {
    let (mark, ink) = sign(if diagnosis.verdict == Verdict::Warning { Mark::Warning } else { Mark::Failed });
    let place = diagnosis.at.map_or_else(|| "verification".to_owned(), |at| at.to_string());
    page.blank();
    page.row(&[(ink, format!("{mark} {place}")), (Ink::Dim, format!("  [{}]", diagnosis.code))], Ink::Plain, "");
    let lead = format!("  {}: ", words::lead(diagnosis.certainty));
    page.hanging(&[(Ink::Bold, lead)], 4, Ink::Plain, &diagnosis.cause);
    if let Some(root) = &diagnosis.follows_from {
        let place = root.at.map(|at| format!("{at} ")).unwrap_or_default();
        // Nothing is to be mended where somebody stopped it.
        let then = if root.code == "interrupted" { "." } else { ": see to that first." };
        page.text(2, Ink::Plain, &format!("This follows from {place}[{}]{then}", root.code));
    }
    said(page, diagnosis.failure(outcome));
    let seen = seen(outcome, diagnosis, page.verbose());
    if !seen.is_empty() {
        page.text(2, Ink::Bold, "What was seen:");
    }
    seen.iter().for_each(|text| page.label("    - ", Ink::Plain, text));
    if !diagnosis.advice.is_empty() {
        page.text(2, Ink::Bold, "What to do:");
        diagnosis.advice.iter().for_each(|advice| page.label("    - ", Ink::Plain, advice));
    }
}

/// The server's own words, verbatim but for what a terminal would act on.
fn said(page: &mut Page, failure: Option<&Failure>) {
    if let Some(reply) = failure.and_then(|failure| failure.reply.as_deref()) {
        page.text(2, Ink::Bold, "The server said:");
        page.block(4, &reply.to_string());
    }
}

/// What the diagnosis was concluded from, without what is shown already: the server's words, and, unless everything is
/// to be told, the server.
pub fn seen<'a>(outcome: &Outcome, diagnosis: &'a Diagnosis, verbose: bool) -> Vec<&'a str> {
    let reply = diagnosis.failure(outcome).and_then(|failure| failure.reply.as_deref()).map(answered);
    let stage = diagnosis.record(outcome);
    let heading = stage.and_then(|stage| outcome.server(stage)).filter(|_| !verbose).map(configured);
    let shown = [reply, heading];
    let evidence = diagnosis.evidence.iter().filter(|text| !shown.iter().flatten().any(|shown| shown == *text));
    evidence.map(String::as_str).collect()
}
