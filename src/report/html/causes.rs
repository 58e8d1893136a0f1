//! What was not right: the cause, what it was concluded from, and what to do. Roots first, each with what follows from it.

use crate::diagnose::{Diagnosis, Verdict, diagnose};
use crate::outcome::Outcome;
use crate::report::terminal::causes::seen;
use crate::report::words;

use super::markup::{Element, heading, tag};
use super::{section, sign_of_verdict};

/// The causes, then the notes.
pub fn sections(outcome: &Outcome, level: usize) -> Vec<Element> {
    let (notes, causes): (Vec<Diagnosis>, Vec<Diagnosis>) =
        diagnose(outcome).into_iter().partition(|diagnosis| diagnosis.verdict == Verdict::Ok);
    let mut sections = Vec::new();
    if !causes.is_empty() {
        let causes = causes.iter().map(|diagnosis| cause(outcome, diagnosis, level + 1));
        sections.push(section(level, "What is wrong, and what to do").all(causes));
    }
    if !notes.is_empty() {
        sections.push(section(level, "Notes").with(tag("ul").all(notes.iter().map(note))));
    }
    sections
}

fn cause(outcome: &Outcome, diagnosis: &Diagnosis, level: usize) -> Element {
    let place = diagnosis.at.map_or_else(|| "verification".to_owned(), |at| at.to_string());
    let title = heading(level).with(sign_of_verdict(diagnosis.verdict)).text(&format!(" {place} "));
    let lead = tag("strong").text(&format!("{}:", words::lead(diagnosis.certainty)));
    let follows = diagnosis.follows_from.as_ref().map(|root| {
        let place = root.at.map(|at| format!("{at}, ")).unwrap_or_default();
        // Nothing is to be mended where somebody stopped it.
        let then = if root.code == "interrupted" { "." } else { ": see to that first." };
        tag("p").class("follows").text(&format!("↳ This follows from {place}{}{then}", root.code))
    });
    // Advice may point to what the server said above it.
    let parts = [concluded(outcome, diagnosis, level + 1), to_do(diagnosis, level + 1)].into_iter().flatten();
    let class = if follows.is_some() { "cause follower" } else { "cause" };
    tag("article")
        .class(&format!("{class} {}", super::class_of_verdict(diagnosis.verdict)))
        .with(title.with(tag("code").class("code").text(diagnosis.code)))
        .with(tag("p").with(lead).text(" ").prose(&diagnosis.cause))
        .all(follows)
        .with(tag("div").class("columns").all(parts))
}

/// The server's own words, and what else was seen.
fn concluded(outcome: &Outcome, diagnosis: &Diagnosis, level: usize) -> Option<Element> {
    let reply = diagnosis.failure(outcome).and_then(|failure| failure.reply.as_deref());
    let seen = seen(outcome, diagnosis, false);
    let mut part = tag("div");
    if let Some(reply) = reply {
        part = part.with(heading(level).text("The server said")).with(tag("pre").lines(&reply.to_string()));
    }
    if !seen.is_empty() {
        let seen_list = tag("ul").all(seen.iter().map(|text| tag("li").prose(text)));
        part = part.with(heading(level).text("What was seen")).with(seen_list);
    }
    (reply.is_some() || !seen.is_empty()).then_some(part)
}

/// The likeliest remedy first.
fn to_do(diagnosis: &Diagnosis, level: usize) -> Option<Element> {
    let advice = diagnosis.advice.iter().map(|advice| tag("li").prose(advice));
    let part = tag("div").with(heading(level).text("What to do"));
    (!diagnosis.advice.is_empty()).then(|| part.with(tag("ol").all(advice)))
}

fn note(diagnosis: &Diagnosis) -> Element {
    let advice = diagnosis.advice.iter().map(|advice| tag("li").prose(advice));
    let item = tag("li").prose(&diagnosis.cause);
    if diagnosis.advice.is_empty() { item } else { item.with(tag("ul").all(advice)) }
}
