//! HTML: one file that can be kept, sent and opened anywhere. It has no script and fetches nothing; a browser that would
//! do either because of a fault in here is told not to, by the policy in its head.
//!
//! All is in the elements, and the style sheet only arranges it: some servers forbid style sheets in what a job has made,
//! Jenkins among them, and the report is readable there, too.

mod axis;
mod bounds;
mod causes;
mod check;
mod leftover;
mod markup;
mod timeline;
mod way;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::diagnose::{Verdict, is_clean_up, round_trip, verdict, verdict_on_all};
use crate::outcome::{Mark, Outcome};

use super::terminal::{self, clearance};
use super::{headline, human};
use markup::{Element, escape, heading, tag};

const STYLE: &str = include_str!("html/style.css");

/// The report on these outcomes.
pub fn render(outcomes: &[Outcome]) -> String {
    let worst = verdict_on_all(outcomes);
    let (title, body) = match outcomes {
        [outcome] => (outcome.check.clone(), tag("main").with(check::section(outcome, None))),
        all => {
            let checks = (1..).zip(all).map(|(number, outcome)| check::section(outcome, Some(number)));
            (several(all), tag("main").with(overview(all, worst)).all(checks))
        }
    };
    let title = escape(&format!("{worst}: mailtrip {title}"));
    // This style sheet and no other, whoever it comes from.
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\" />\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n\
         <meta name=\"color-scheme\" content=\"light dark\" />\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// Of several checks, what became of each.
fn overview(outcomes: &[Outcome], worst: Verdict) -> Element {
    let title = heading(1).with(sign_of_verdict(worst)).text(&format!(" {worst}: {}", several(outcomes)));
    let sentence = is_of_clean_ups(outcomes).then(|| clearance::sentence(outcomes));
    let is_timed = outcomes.iter().any(|outcome| round_trip(outcome).is_some());
    let columns = ["verdict", "check", "what was seen"].into_iter().chain(is_timed.then_some("round trip"));
    let rows = (1..).zip(outcomes).map(|(number, outcome)| line(number, outcome, is_timed));
    let list = (!outcomes.is_empty()).then(|| table("overview", "What became of each", columns, rows));
    let sentence = sentence.map(|text| tag("p").class("headline").text(&text));
    tag("header").class(class_of_verdict(worst)).with(title).all(sentence).all(list)
}

fn several(outcomes: &[Outcome]) -> String {
    let number = outcomes.len() as u64;
    if is_of_clean_ups(outcomes) { human::count(number, "clean-up") } else { human::count(number, "check") }
}

fn is_of_clean_ups(outcomes: &[Outcome]) -> bool {
    !outcomes.is_empty() && outcomes.iter().all(is_clean_up)
}

fn line(number: usize, outcome: &Outcome, is_timed: bool) -> Element {
    let verdict = verdict(outcome);
    let link = tag("a").attribute("href", &format!("#check-{number}")).text(&outcome.check);
    let trip = round_trip(outcome).map(human::duration).unwrap_or_default();
    let badge = tag("span").class("badge").with(sign_of_verdict(verdict)).text(&format!(" {verdict}"));
    tag("tr")
        .class(class_of_verdict(verdict))
        .with(tag("td").with(badge))
        .with(tag("th").attribute("scope", "row").with(link))
        .with(tag("td").class("words").text(&headline(outcome)))
        .all(is_timed.then(|| tag("td").class("trip").text(&trip)))
}

/// A part of the page below its heading.
fn section(level: usize, title: &str) -> Element {
    tag("section").with(heading(level).text(title))
}

/// A table that may be wider than the page.
fn table(
    class: &'static str,
    caption: &str,
    columns: impl IntoIterator<Item = &'static str>,
    rows: impl IntoIterator<Item = Element>,
) -> Element {
    let head = tag("tr").all(columns.into_iter().map(|name| tag("th").attribute("scope", "col").text(name)));
    let table = tag("table").class(class).with(tag("caption").text(caption));
    tag("div").class("wide").with(table.with(tag("thead").with(head)).with(tag("tbody").all(rows)))
}

fn row(cells: &[&str]) -> Element {
    tag("tr").all(cells.iter().map(|text| tag("td").text(text)))
}

/// A sign with its word for who does not see it.
fn sign(mark: Mark) -> Element {
    let (class, word) = match mark {
        Mark::Passed => ("sign passed", "passed"),
        Mark::Warning => ("sign warning", "warning"),
        Mark::Failed => ("sign failed", "failed"),
        Mark::Skipped => ("sign skipped", "skipped"),
    };
    let (sign, _) = terminal::sign(mark);
    tag("span").class(class).attribute("role", "img").attribute("aria-label", word).text(sign)
}

/// The word stands beside it.
fn sign_of_verdict(verdict: Verdict) -> Element {
    let sign = match verdict {
        Verdict::Ok => "✓",
        Verdict::Warning => "!",
        Verdict::Unknown => "?",
        Verdict::Critical => "✗",
    };
    tag("span").class("sign").attribute("aria-hidden", "true").text(sign)
}

fn class_of_verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Unknown => "unknown",
        Verdict::Critical => "critical",
    }
}
