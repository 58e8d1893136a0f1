//! TAP, the Test Anything Protocol, version 14: a test point a stage, in the order of the journey.
//!
//! A point is `ok` unless mail is broken or that could not be found out; which of these it was is the `severity` of its
//! diagnostics. A verification that fails is a result and not the end of the test: there is no `Bail out!`.

use std::fmt::Write;

use crate::diagnose::{Diagnosis, Verdict, verdict};
use crate::outcome::Outcome;

use super::attempts::attempts;
use super::case::{Case, End, Names, cases};
use super::{headline, printable, terminal};

/// The report on these outcomes.
pub fn render(outcomes: &[Outcome]) -> String {
    let mut names = Names::default();
    let all: Vec<(&Outcome, Vec<Case>)> =
        outcomes.iter().map(|outcome| (outcome, cases(outcome, &mut names))).collect();
    let number: usize = all.iter().map(|(_, cases)| cases.len()).sum();
    let mut tap = "TAP version 14\n".to_owned();
    match number {
        0 => tap.push_str("1..0 # SKIP there is no stage\n"),
        _ => push(&mut tap, format_args!("1..{number}")),
    }
    let mut number = 0;
    for (outcome, cases) in &all {
        for case in cases {
            number += 1;
            point(&mut tap, number, outcome, case);
        }
        let name = printable::printable(&outcome.check);
        for attempt in attempts(outcome) {
            push(&mut tap, format_args!("# {name}: {}: {}", attempt.name, attempt.text));
        }
        push(&mut tap, format_args!("# {name}: {}: {}", verdict(outcome), headline(outcome)));
    }
    tap
}

fn point(tap: &mut String, number: usize, outcome: &Outcome, case: &Case) {
    let ok = if matches!(case.end, End::Failed | End::NotRun) { "not ok" } else { "ok" };
    let why = case.summary.trim_start_matches("skipped").trim_start_matches([',', ' ']);
    let skip = if case.end == End::Skipped { format!(" # SKIP {}", escape(why)) } else { String::new() };
    push(tap, format_args!("{ok} {number} - {}{skip}", escape(&format!("{}: {}", outcome.check, case.name))));
    if case.end == End::Skipped && case.diagnoses.is_empty() {
        return;
    }
    push(tap, format_args!("  ---"));
    if case.end != End::Skipped {
        push(tap, format_args!("  message: {}", quoted(&case.summary)));
    }
    if let Some(span) = case.record.and_then(|record| record.span) {
        push(tap, format_args!("  duration_ms: {:.1}", span.took.as_secs_f64() * 1e3));
    }
    if let Some(severity) = severity(case) {
        push(tap, format_args!("  severity: {severity}"));
    }
    if !case.diagnoses.is_empty() {
        push(tap, format_args!("  diagnoses:"));
        case.diagnoses.iter().for_each(|diagnosis| explained(tap, outcome, diagnosis));
    }
    push(tap, format_args!("  ..."));
}

fn severity(case: &Case) -> Option<&'static str> {
    match case.end {
        End::Failed => Some("fail"),
        End::NotRun => Some("error"),
        End::Warning => Some("warning"),
        End::Passed | End::Skipped => {
            case.diagnoses.iter().any(|diagnosis| diagnosis.verdict > Verdict::Ok).then_some("warning")
        }
    }
}

fn explained(tap: &mut String, outcome: &Outcome, diagnosis: &Diagnosis) {
    push(tap, format_args!("    - code: {}", quoted(diagnosis.code)));
    push(tap, format_args!("      cause: {}", quoted(&diagnosis.cause)));
    push(tap, format_args!("      certainty: {}", diagnosis.certainty));
    let reply = diagnosis.failure(outcome).and_then(|failure| failure.reply.as_deref());
    let reply = reply.map(|reply| printable::lines(&reply.to_string())).unwrap_or_default();
    let seen = terminal::causes::seen(outcome, diagnosis, false);
    list(tap, "server_said", reply.iter().map(String::as_str));
    list(tap, "seen", seen.into_iter());
    list(tap, "advice", diagnosis.advice.iter().map(String::as_str));
}

fn list<'a>(tap: &mut String, key: &str, items: impl Iterator<Item = &'a str>) {
    for (index, item) in items.enumerate() {
        if index == 0 {
            push(tap, format_args!("      {key}:"));
        }
        push(tap, format_args!("        - {}", listed(item)));
    }
}

/// A string in a list. `prove` takes it for a mapping where its first word ends in a colon, in quotes, too.
fn listed(text: &str) -> String {
    let mut text = quoted(text);
    if let Some(at) = text.find(": ").filter(|&at| !text[..at].trim_end().contains(' ')) {
        text.replace_range(at..=at, "\\x3a");
    }
    text
}

fn push(tap: &mut String, line: std::fmt::Arguments) {
    let _ = writeln!(tap, "{line}"); // a String takes everything
}

/// A description or a reason: one line in which nothing is a directive.
fn escape(text: &str) -> String {
    printable::printable(text).replace('\\', "\\\\").replace('#', "\\#")
}

/// A string of YAML on one line: one of JSON is one of YAML, too (YAML 1.2 §1.3).
fn quoted(text: &str) -> String {
    serde_json::Value::String(printable::printable(text)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_directive_or_a_line_of_its_own() {
        assert_eq!(escape("a # SKIP\nBail out! \\#"), "a \\# SKIP\\\\nBail out! \\\\\\#");
        assert_eq!(listed("a: b: c"), r#""a\x3a b: c""#);
        assert_eq!(listed("a b: c"), r#""a b: c""#);
        assert_eq!(quoted("a\n...\n\"b\""), r#""a\\n...\\n\"b\"""#);
    }
}
