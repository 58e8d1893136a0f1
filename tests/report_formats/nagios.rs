//! What the guidelines of the Monitoring Plugins ask of a plugin's output ("Plugin Output for Nagios", "Performance data").

use std::collections::BTreeSet;

use mailtrip::criteria::{Criteria, Measure, Range, Threshold};
use mailtrip::diagnose::{Verdict, diagnose};
use mailtrip::failure::Skip;
use mailtrip::outcome::{Outcome, Status};
use mailtrip::report::Format;

use super::{data, render, worst};

/// Nagios reads no more (`MAX_PLUGIN_OUTPUT_LENGTH`).
const READ_BY_NAGIOS: usize = 8192;

/// One piece of performance data.
#[derive(Debug, PartialEq)]
pub struct Item {
    label: String,
    value: Option<f64>,
    unit: String,
    /// warn, crit, min, max.
    bounds: Vec<String>,
}

/// `'label'=value[UOM];[warn];[crit];[min];[max]`, separated by spaces; `None` for what is none of that.
fn items(mut text: &str) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    while !text.is_empty() {
        let (label, rest) = match text.strip_prefix('\'') {
            Some(quoted) => quoted.split_once("'=")?,
            None => text.split_once('=').filter(|(label, _)| !label.contains(' '))?,
        };
        let (fields, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut fields = fields.split(';');
        let value = fields.next()?;
        let number = value.trim_end_matches(|c: char| !c.is_ascii_digit());
        let (value, unit) = if value == "U" { (None, "") } else { (Some(decimal(number)?), &value[number.len()..]) };
        let bounds: Vec<String> = fields.map(str::to_owned).collect();
        let are_ranges = bounds.iter().take(2).all(|bound| bound.is_empty() || bound.parse::<Range>().is_ok());
        let are_numbers = bounds.iter().skip(2).all(|bound| bound.is_empty() || decimal(bound).is_some());
        let is_label = !label.is_empty() && !label.contains(['=', '\'']);
        if !(is_label
            && ["", "s", "us", "ms", "%", "B", "c"].contains(&unit)
            && are_ranges
            && are_numbers
            && bounds.len() <= 4)
        {
            return None;
        }
        items.push(Item { label: label.to_owned(), value, unit: unit.to_owned(), bounds });
        text = rest;
    }
    Some(items)
}

/// The class of characters is `[-0-9.]`.
fn decimal(text: &str) -> Option<f64> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '-');
    text.parse().ok().filter(|_| is_plain)
}

/// The text of the first line, and its numbers.
fn taken_apart(report: &str) -> (String, Vec<Item>) {
    let first = report.lines().next().unwrap();
    let (text, performance) = first.split_once(" | ").unwrap_or((first, ""));
    (text.to_owned(), items(performance).unwrap_or_else(|| panic!("{performance}")))
}

pub fn is_well_formed() {
    for (name, outcomes) in data() {
        let report = render(&outcomes, Format::Nagios);
        let worst = worst(&outcomes);
        assert!(report.starts_with(&format!("MAILTRIP {worst} - ")), "{name}: {report}");
        assert_eq!(report.matches('|').count(), 1, "{name}: {report}");
        assert!(!report.contains(['<', '>']) && report.len() < READ_BY_NAGIOS, "{name}: {report}");
        let (text, items) = taken_apart(&report);
        assert!(!text.contains([';', '\\']) && text.chars().count() < 300, "{name}: {text}");
        let read: BTreeSet<String> = items.iter().map(|item| item.label.chars().take(19).collect()).collect();
        assert_eq!(read.len(), items.len(), "{name}: two labels begin alike: {items:#?}");
        if let [outcome] = outcomes.as_slice() {
            let stages = outcome.stages.len();
            assert!(items.len() > stages || stages > 60, "{name}: not every stage is there: {items:#?}");
            // What is told in the first line is not told again, and all the rest is.
            for diagnosis in diagnose(outcome).iter().filter(|diagnosis| diagnosis.verdict > Verdict::Ok).take(5) {
                assert!(report.contains(&format!("[{}]", diagnosis.code)), "{name}: no {}", diagnosis.code);
            }
        }
    }
    assert_eq!(items("a b=1"), None);
    assert_eq!(items("a=1,5s"), None);
}

fn ok() -> Outcome {
    let (_, mut outcomes) = data().into_iter().find(|(name, _)| name == "ok").unwrap();
    outcomes.remove(0)
}

/// The outcome, judged by these.
pub fn judged_by(thresholds: &[(&str, &str, &str)]) -> Outcome {
    let threshold = |(measure, warn, critical): &(&str, &str, &str)| Threshold {
        measure: measure.parse::<Measure>().unwrap(),
        warn: warn.parse().ok(),
        critical: critical.parse().ok(),
    };
    let criteria = Criteria { thresholds: thresholds.iter().map(threshold).collect(), ..Criteria::default() };
    Outcome { criteria, ..ok() }
}

pub fn thresholds() {
    let outcome = judged_by(&[
        ("round-trip", "1m", "5m"),
        ("certificate-days", "14:", "3:"),
        ("login", "@5:10", ""),
        ("submission-login", "", "~:20"),
    ]);
    let (_, items) = taken_apart(&render(&[outcome], Format::Nagios));
    let bounds = |label: &str| items.iter().find(|item| item.label == label).map(|item| item.bounds.join(";"));
    assert_eq!(bounds("round-trip").as_deref(), Some("60;300;0"));
    assert_eq!(bounds("certificate-days").as_deref(), Some("14:;3:"));
    assert_eq!(bounds("delivery-login").as_deref(), Some("@5:10;;0"));
    assert_eq!(bounds("submission-login").as_deref(), Some(";~:20;0"));
    assert_eq!(bounds("submission-connect").as_deref(), Some(";;0"));
}

pub fn labels_are_stable() {
    let labels = |outcome: &Outcome| {
        let (_, items) = taken_apart(&render(std::slice::from_ref(outcome), Format::Nagios));
        (items.iter().map(|item| item.label.clone()).collect::<Vec<_>>(), items)
    };
    let well = ok();
    let mut nothing = well.clone();
    for record in &mut nothing.stages {
        record.status = Status::Skipped(Skip::Stopped);
        record.span = None;
        record.facts.clear();
    }
    let ((before, _), (after, items)) = (labels(&well), labels(&nothing));
    assert_eq!(before, after);
    // Absent is never 0.
    let known: Vec<&str> = items.iter().filter(|item| item.value.is_some()).map(|item| item.label.as_str()).collect();
    assert_eq!(known, ["run"]);
    // A stage that failed says nothing of how long it takes.
    let (_, refused) = data().into_iter().find(|(name, _)| name == "login-refused").unwrap();
    let (_, items) = labels(&refused[0]);
    assert!(items.iter().any(|item| item.label == "submission-login" && item.value.is_none()), "{items:#?}");
    // Several checks have a number each by their names, which may be anything.
    let named = |name: &str| Outcome { check: name.to_owned(), ..well.clone() };
    let several = ["home", "it's = | odd", "the long name of a check, one", "the long name of a check, two"].map(named);
    let (_, items) = taken_apart(&render(&several, Format::Nagios));
    let labels: Vec<&str> =
        items.iter().map(|item| item.label.as_str()).filter(|name| !name.starts_with("cert-")).collect();
    assert_eq!(labels, ["home", "it_s _ _ odd", "the long name of a check_ one", "the long name of -2"]);
}

pub fn fits() {
    let (_, refused) = data().into_iter().find(|(name, _)| name == "login-refused").unwrap();
    let many: Vec<Outcome> =
        (0..500).map(|number| Outcome { check: format!("check {number}"), ..refused[0].clone() }).collect();
    let report = render(&many, Format::Nagios);
    assert!(report.len() < READ_BY_NAGIOS && report.len() > 7000, "{}", report.len());
    assert!(
        report.starts_with("MAILTRIP CRITICAL - 500 checks: 500 CRITICAL. check 0: submission login: "),
        "{report}"
    );
    assert!(report.ends_with("\nThe rest is left out here: mailtrip verify prints all of it.\n"), "{report}");
    let (_, items) = taken_apart(&report);
    assert!(items.len() > 100, "{items:#?}");
    // The numbers of an ordinary check pass through an NRPE of old (1 KB).
    let first = render(&[ok()], Format::Nagios).lines().next().unwrap().len();
    assert!(first < 1024, "{first}");
}
