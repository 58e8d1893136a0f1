//! Prometheus: the text exposition format, version 0.0.4, line by line.

use std::collections::{BTreeMap, BTreeSet};

use mailtrip::criteria::{Criteria, Measure, Threshold};
use mailtrip::diagnose::{Verdict, diagnose, is_clean_up};
use mailtrip::outcome::{Outcome, Streak};
use mailtrip::report::Format;
use mailtrip::report::printable::printable;
use mailtrip::report::prometheus::metric::{OF_CHECKS, OF_CLEAN_UPS};

use super::exposition::{Series, sample};
use super::{data, evil, render, worst};

/// Reads a report, as strictly as the format is told: what a metric has stands together, behind one HELP and one TYPE.
fn samples(name: &str, text: &str) -> BTreeMap<Series, f64> {
    let mut samples = BTreeMap::new();
    let mut told = BTreeSet::new();
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let (metric, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect(line);
        assert!(metric.starts_with("mailtrip_") && !metric.contains(':') && help.len() > 10, "{name}: {line}");
        assert!(told.insert(metric.to_owned()), "{name}: {metric} is told twice");
        assert!(!metric.ends_with("_total"), "{name}: {metric} counts nothing up");
        assert_eq!(lines.next(), Some(format!("# TYPE {metric} gauge\n").as_str()), "{name}");
        let before = samples.len();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = sample(line.strip_suffix('\n').expect("every line ends"));
            let written = line.rsplit(' ').next().expect(line).trim_end();
            assert!(written.chars().all(|c| c.is_ascii_digit() || "-.".contains(c)), "{name}: {line}");
            assert_eq!(series.0, metric, "{name}: {line}");
            assert!(samples.insert(series, value).is_none(), "{name}: twice: {line}");
        }
        assert!(samples.len() > before, "{name}: {metric} has no sample");
    }
    samples
}

/// The value of the one series that has these labels.
fn value(samples: &BTreeMap<Series, f64>, metric: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |there: &BTreeMap<String, String>| {
        labels.iter().all(|(name, value)| there.get(*name).is_some_and(|there| there == value))
    };
    let mut found = samples.iter().filter(|((name, there), _)| name == metric && has(there)).map(|(_, value)| *value);
    let value = found.next();
    assert_eq!(found.next(), None, "{metric} {labels:?} is several series");
    value
}

fn outcome(name: &str) -> Outcome {
    data().into_iter().find(|(other, _)| other == name).expect(name).1.remove(0)
}

fn of(outcomes: &[Outcome]) -> BTreeMap<Series, f64> {
    samples("", &render(outcomes, Format::Prometheus))
}

pub fn is_well_formed() {
    for (name, outcomes) in data() {
        let text = render(&outcomes, Format::Prometheus);
        let samples = samples(&name, &text);
        let declared = |metric: &str| OF_CHECKS.iter().chain(OF_CLEAN_UPS).find(|other| other.name == metric);
        for (metric, labels) in samples.keys() {
            let first = if metric.starts_with("mailtrip_clean_") { "account" } else { "check" };
            let names = declared(metric).expect(metric).labels.iter().chain([&first]).map(|name| (*name).to_owned());
            assert_eq!(labels.keys().cloned().collect::<BTreeSet<_>>(), names.collect(), "{name}: {metric}");
        }
        for outcome in &outcomes {
            assert!(outcome.tag.len() < 10 || !text.contains(&outcome.tag), "{name}: another series at each run");
        }
        let verdict = worst(&outcomes).to_string().to_lowercase();
        let says = |((metric, labels), value): (&Series, &f64)| {
            metric.ends_with("_verdict") && labels["verdict"] == verdict && *value == 1.0
        };
        assert!(samples.iter().any(says), "{name}: nothing is {verdict}");
    }
}

/// Whatever became of the run: what is not there goes stale, and no rule sees it.
pub fn every_planned_stage_is_there() {
    for (name, outcomes) in data().into_iter().filter(|(name, _)| name != "evil") {
        let samples = of(&outcomes);
        for outcome in &outcomes {
            let clean = is_clean_up(outcome);
            let prefix = if clean { "mailtrip_clean" } else { "mailtrip" };
            for record in &outcome.stages {
                let protocol = record.at.protocol.to_string().to_lowercase();
                let (check, account) = (printable(&outcome.check), printable(&record.account));
                let mut labels = vec![
                    (if clean { "account" } else { "check" }, check.as_str()),
                    ("leg", record.at.leg.name()),
                    ("stage", record.at.stage.name()),
                    ("protocol", &protocol),
                ];
                if !clean {
                    labels.push(("account", &account));
                }
                let took = value(&samples, &format!("{prefix}_stage_duration_seconds"), &labels);
                assert_eq!(took.is_some(), record.span.is_some(), "{name}: {labels:?}: 0 is not what it took");
                let mark = format!("{:?}", record.mark()).to_lowercase();
                for status in ["passed", "warning", "failed", "skipped"] {
                    let labels = [labels.as_slice(), &[("status", status)]].concat();
                    let is = value(&samples, &format!("{prefix}_stage_status"), &labels);
                    assert_eq!(is, Some(if status == mark { 1.0 } else { 0.0 }), "{name}: {labels:?}");
                }
            }
        }
    }
}

pub fn it_says_what_was_seen() {
    let refused = of(&[outcome("login-refused")]);
    assert_eq!(value(&refused, "mailtrip_success", &[]), Some(0.0));
    assert_eq!(value(&refused, "mailtrip_round_trip_seconds", &[]), None, "0 s would be the fastest of all");
    assert_eq!(value(&refused, "mailtrip_send_success", &[]), Some(0.0));
    let codes: BTreeSet<&str> = diagnose(&outcome("login-refused")).iter().map(|found| found.code).collect();
    for code in codes {
        assert_eq!(value(&refused, "mailtrip_diagnosis_info", &[("code", code)]), Some(1.0), "{code}");
    }
    let junk = of(&[outcome("junk")]);
    assert_eq!(value(&junk, "mailtrip_in_junk", &[]), Some(1.0));
    assert_eq!(value(&junk, "mailtrip_success", &[]), Some(1.0), "a warning is not down");
    // With `junk = "fine"` there is nothing to remark, and it is in Junk all the same.
    let mut fine = outcome("junk");
    fine.stages.iter_mut().for_each(|record| record.concerns.clear());
    let fine = of(&[fine]);
    assert_eq!(value(&fine, "mailtrip_in_junk", &[]), Some(1.0));
    assert_eq!(value(&fine, "mailtrip_diagnosis_info", &[("code", "in-junk")]), None);
    let ok = outcome("ok");
    let samples = of(std::slice::from_ref(&ok));
    assert_eq!(value(&samples, "mailtrip_in_junk", &[("leg", "delivery")]), Some(0.0));
    assert_eq!(value(&samples, "mailtrip_attempts", &[]), Some(1.0));
    assert_eq!(value(&samples, "mailtrip_consecutive_failures", &[]), None);
    let ended = ok.began.checked_add(ok.seconds).expect("a time").as_second();
    assert_eq!(value(&samples, "mailtrip_last_run_timestamp_seconds", &[]), Some(ended as f64));
    // A certificate that was refused because it has ended is not one that was not seen.
    let expired = of(&[outcome("certificate-expired")]);
    let ends: Vec<f64> = expired
        .iter()
        .filter(|((metric, _), _)| metric == "mailtrip_certificate_expiry_timestamp_seconds")
        .map(|(_, ends)| *ends)
        .collect();
    let began = outcome("certificate-expired").began.as_second() as f64;
    assert!(ends.iter().any(|&ends| 0.0 < ends && ends < began), "{ends:?}");
}

/// A failure that is soft is a warning, and mail does not work all the same.
pub fn attempts_and_streaks_are_told() {
    let ok = outcome("ok");
    let flaky = Outcome { earlier: vec![outcome("login-refused"), outcome("junk")], ..ok.clone() };
    assert_eq!(value(&of(&[flaky]), "mailtrip_attempts", &[]), Some(3.0));
    for (failures, success) in [(0, 1.0), (1, 0.0)] {
        let streak = Some(Streak { failures, fail_after: 3 });
        let samples = of(&[Outcome { streak, ..ok.clone() }]);
        assert_eq!(value(&samples, "mailtrip_consecutive_failures", &[]), Some(failures.into()));
        assert_eq!(value(&samples, "mailtrip_success", &[]), Some(success), "{failures}");
    }
}

pub fn thresholds_have_the_unit_and_the_labels_of_what_they_bound() {
    let threshold = |measure: &str, warn: &str, critical: Option<&str>| Threshold {
        measure: measure.parse::<Measure>().expect(measure),
        warn: Some(warn.parse().expect(warn)),
        critical: critical.map(|range| range.parse().expect(range)),
    };
    let thresholds = vec![
        threshold("round-trip", "30s", Some("@5:120")),
        threshold("certificate-days", "14:", None),
        threshold("login", "~:2", None),
        threshold("delivery-login", "3", None),
    ];
    let criteria = Criteria { thresholds, ..Criteria::default() };
    let samples = of(&[Outcome { criteria, ..outcome("login-refused") }]);
    let of_trip = |severity, bound, alerts_when| {
        let labels = [("severity", severity), ("bound", bound), ("alerts_when", alerts_when)];
        value(&samples, "mailtrip_round_trip_threshold_seconds", &labels)
    };
    assert_eq!(of_trip("warning", "upper", "outside"), Some(30.0));
    assert_eq!(of_trip("warning", "lower", "outside"), Some(0.0));
    assert_eq!(of_trip("critical", "lower", "inside"), Some(5.0));
    assert_eq!(of_trip("critical", "upper", "inside"), Some(120.0));
    let remaining = "mailtrip_certificate_remaining_threshold_seconds";
    assert_eq!(value(&samples, remaining, &[("bound", "lower")]), Some(14.0 * 86400.0));
    assert_eq!(value(&samples, remaining, &[("bound", "upper")]), None, "infinity bounds nothing");
    let mut of_stages = 0;
    for ((metric, labels), bound) in &samples {
        if metric == "mailtrip_stage_duration_threshold_seconds" && labels["bound"] == "upper" {
            of_stages += 1;
            assert_eq!(
                (labels["stage"].as_str(), *bound),
                ("login", if labels["leg"] == "delivery" { 3.0 } else { 2.0 })
            );
        }
    }
    assert_eq!(of_stages, 2, "the stages that are planned, and no other");
}

/// A gauge has one value: a file of several runs is no history.
pub fn the_last_run_of_a_check_counts() {
    let (ok, refused) = (outcome("ok"), outcome("login-refused"));
    let earlier = Outcome { check: ok.check.clone(), began: ok.began - jiff::SignedDuration::from_mins(15), ..refused };
    for both in [[earlier.clone(), ok.clone()], [ok.clone(), earlier]] {
        assert_eq!(of(&both), of(std::slice::from_ref(&ok)));
    }
}

/// Two files in one folder must not have a line in common, nor two texts for one metric.
pub fn files_side_by_side_have_nothing_in_common() {
    let mut seen: BTreeMap<Series, String> = BTreeMap::new();
    let clean = outcome("clean");
    let verified = Outcome { check: clean.check.clone(), ..outcome("ok") };
    for (name, outcome) in [("clean", &clean), ("verified", &verified), ("other", &outcome("several"))] {
        assert!(is_clean_up(outcome) == (name == "clean"));
        for series in of(std::slice::from_ref(outcome)).into_keys() {
            let before = seen.insert(series.clone(), name.to_owned());
            assert_eq!(before, None, "{name}: {series:?}");
        }
    }
}

/// Names of checks and accounts are whatever somebody calls them; words of servers are in no label.
pub fn hostile_text_stays_in_its_label() {
    let outcome = evil(&outcome("login-refused"));
    let samples = of(std::slice::from_ref(&outcome));
    let names: BTreeSet<&String> = samples.keys().map(|(_, labels)| &labels["check"]).collect();
    assert_eq!(names.len(), 1);
    assert!(names.iter().all(|name| name.starts_with("```\\n````\\n| a | b |")), "{names:?}");
    let free = ["check", "account"];
    for (metric, labels) in samples.keys() {
        for (label, value) in labels.iter().filter(|(label, _)| !free.contains(&label.as_str())) {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            assert!(value.chars().all(plain), "{metric}: {label} is {value:?}");
        }
    }
    assert_eq!(worst(&[outcome]), Verdict::Critical);
}
