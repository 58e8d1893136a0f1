//! Below the table: for everything that was not right the cause, the server's own words, and what to do.

use crate::diagnose::{Certainty, Diagnosis, Verdict, answered, diagnose};
use crate::failure::Failure;
use crate::outcome::{Mark, Outcome, Status};

use super::page::{Ink, Page};
use super::sign;

/// Writes the causes, then the notes.
pub fn write(page: &mut Page, outcome: &Outcome) {
    let (notes, causes): (Vec<Diagnosis>, Vec<Diagnosis>) =
        diagnose(outcome).into_iter().partition(|diagnosis| diagnosis.verdict == Verdict::Ok);
    for diagnosis in &causes {
        cause(page, outcome, diagnosis);
    }
    for diagnosis in &notes {
        page.blank();
        page.label("Note: ", Ink::Bold, &diagnosis.cause);
        diagnosis.advice.iter().for_each(|advice| page.label("    - ", Ink::Plain, advice));
    }
}

fn cause(page: &mut Page, outcome: &Outcome, diagnosis: &Diagnosis) {
    let (mark, ink) = sign(if diagnosis.verdict == Verdict::Warning { Mark::Warning } else { Mark::Failed });
    let place = diagnosis.at.map_or_else(|| "verification".to_owned(), |at| at.to_string());
    page.blank();
    page.row(&[(ink, format!("{mark} {place}")), (Ink::Dim, format!("  [{}]", diagnosis.code))], Ink::Plain, "");
    let lead = match diagnosis.certainty {
        Certainty::Certain => "  Cause: ",
        Certainty::Likely => "  Likely cause: ",
        Certainty::Possible => "  Possible cause: ",
    };
    hung(page, lead, &diagnosis.cause);
    let failure = diagnosis.stage.and_then(|index| match &outcome.stages.get(index)?.status {
        Status::Failed(failure) => Some(failure),
        _ => None,
    });
    said(page, failure);
    if !diagnosis.advice.is_empty() {
        page.text(2, Ink::Bold, "What to do:");
        diagnosis.advice.iter().for_each(|advice| page.label("    - ", Ink::Plain, advice));
    }
    if page.verbose() {
        evidence(page, diagnosis, failure);
    }
}

/// A short label, with the further lines indented by four.
fn hung(page: &mut Page, lead: &str, text: &str) {
    page.hanging(&[(Ink::Bold, lead.to_owned())], Some(4), Ink::Plain, text);
}

/// The server's own words, and what else was seen, verbatim but for what a terminal would act on.
fn said(page: &mut Page, failure: Option<&Failure>) {
    let reply = failure.and_then(|failure| failure.reply.as_ref()).map(|reply| ("The server said:", reply.to_string()));
    let detail = failure.and_then(|failure| failure.detail.clone()).map(|detail| ("What was seen:", detail));
    for (title, text) in [reply, detail].into_iter().flatten() {
        page.text(2, Ink::Bold, title);
        page.text(4, Ink::Plain, &text);
    }
}

/// What the diagnosis was concluded from, without what has just been said.
fn evidence(page: &mut Page, diagnosis: &Diagnosis, failure: Option<&Failure>) {
    let reply = failure.and_then(|failure| failure.reply.as_ref()).map(answered);
    let detail = failure.and_then(|failure| failure.detail.clone());
    let said = [reply, detail];
    let evidence = diagnosis.evidence.iter().filter(|text| !said.iter().flatten().any(|said| said == *text));
    for (index, text) in evidence.enumerate() {
        if index == 0 {
            page.text(2, Ink::Bold, "Concluded from:");
        }
        page.label("    - ", Ink::Plain, text);
    }
}
