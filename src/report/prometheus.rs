//! Prometheus: metrics in the text exposition format, version 0.0.4, as node_exporter's textfile collector reads them.
//!
//! A gauge says how the last run went; nothing is counted up, and there is no time stamp on a line, for the textfile
//! collector would leave out the whole file. What is measured is not there where it was not measured: 0 would be wrong, and
//! a NaN spoils every average that it is in. Whether a stage was run is always there.

pub mod metric;
mod reading;

use std::collections::HashSet;
use std::fmt::Write;

use crate::diagnose::is_clean_up;
use crate::outcome::Outcome;

use super::printable::printable;
use metric::{Metric, Sample};

/// The report on these outcomes. Of a check that is among them several times, the last run counts.
pub fn render(outcomes: &[Outcome]) -> String {
    let (cleaned, verified): (Vec<&Outcome>, Vec<&Outcome>) = outcomes.iter().partition(|outcome| is_clean_up(outcome));
    let mut text = String::new();
    metric::OF_CHECKS.iter().for_each(|metric| write(&mut text, metric, ("check", &last_runs(&verified))));
    metric::OF_CLEAN_UPS.iter().for_each(|metric| write(&mut text, metric, ("account", &last_runs(&cleaned))));
    text
}

/// The last run of each, in the order in which they are first told.
fn last_runs<'a>(outcomes: &[&'a Outcome]) -> Vec<&'a Outcome> {
    let mut last: Vec<&Outcome> = Vec::new();
    for &outcome in outcomes {
        match last.iter_mut().find(|other| name(other) == name(outcome)) {
            Some(earlier) if earlier.began > outcome.began => {}
            Some(earlier) => *earlier = outcome,
            None => last.push(outcome),
        }
    }
    last
}

/// The value of the first label, which is on every line: files of different checks, side by side in one folder, have no
/// line in common then, which the textfile collector would complain about.
fn name(outcome: &Outcome) -> String {
    printable(&outcome.check)
}

/// All lines of a metric, together, and each series once; nothing where there is no sample.
fn write(text: &mut String, metric: &Metric, (first, outcomes): (&str, &[&Outcome])) {
    let mut lines = Vec::new();
    let mut there = HashSet::new();
    for outcome in outcomes {
        for Sample { labels, value } in (metric.read)(outcome) {
            let names = std::iter::once(first).chain(metric.labels.iter().copied());
            let values = std::iter::once(outcome.check.as_str()).chain(labels.iter().map(String::as_str));
            let labels: Vec<String> =
                names.zip(values).map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
            let series = format!("{}{{{}}}", metric.name, labels.join(","));
            let line = format!("{series} {value}\n");
            if there.insert(series) {
                lines.push(line);
            }
        }
    }
    if !lines.is_empty() {
        // A String takes everything.
        let _ = writeln!(text, "# HELP {} {}", metric.name, metric.help.replace('\\', "\\\\"));
        let _ = writeln!(text, "# TYPE {} gauge", metric.name);
        text.extend(lines);
    }
}

/// The value of a label: `\`, `"` and line feeds are to be escaped, and the line feeds are written out before, with all else
/// that a terminal would act on.
fn escape(text: &str) -> String {
    printable(text).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_stays_between_its_quotes() {
        assert_eq!(escape("a\"} 1\nb{c=\"\\\u{1b}"), r#"a\"} 1\\nb{c=\"\\\\x1b"#);
    }
}
