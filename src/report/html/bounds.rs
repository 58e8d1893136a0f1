//! What was measured against the bounds that are set for it, and what else the verification is judged by.

use crate::criteria::{Criteria, Measure, Range, Severity, Threshold};
use crate::diagnose::round_trip;
use crate::outcome::{Fact, Outcome, Status};
use crate::report::human;

use super::markup::{Element, tag};
use super::{row, section, table};

/// Nothing where nothing is asked for.
pub fn section_of(outcome: &Outcome, level: usize) -> Option<Element> {
    let Criteria { thresholds, spf, dkim, dmarc } = &outcome.criteria;
    let rows = thresholds.iter().map(|threshold| judged(outcome, threshold)).collect::<Vec<_>>();
    let columns = ["measure", "was", "warning", "critical", "judged"];
    let ranges = "Ranges as monitoring plugins write them: 10 is at most 10, 14: is at least 14; times in seconds";
    let bounds = (!rows.is_empty()).then(|| table("bounds", ranges, columns, rows));
    let required = [("SPF", spf), ("DKIM", dkim), ("DMARC", dmarc)];
    let required = required.into_iter().filter(|(_, severity)| **severity > Severity::Fine).map(|(name, severity)| {
        tag("li").text(&format!("Where {name} does not pass, by what the receiver's server says: {}", word(*severity)))
    });
    let required: Vec<Element> = required.collect();
    let required = (!required.is_empty()).then(|| tag("ul").all(required));
    (bounds.is_some() || required.is_some()).then(|| section(level, "What it is judged by").all(bounds).all(required))
}

fn judged(outcome: &Outcome, threshold: &Threshold) -> Element {
    let values = measured(outcome, threshold.measure);
    let judged = values.iter().filter_map(|value| threshold.judge(*value)).map(|(severity, _)| severity).max();
    let judged = match judged {
        _ if values.is_empty() => "not measured",
        Some(severity) => word(severity),
        None => "within bounds",
    };
    let was: Vec<String> = values.iter().map(|value| shown(threshold.measure, *value)).collect();
    let range = |range: Option<Range>| range.map(|range| range.to_string()).unwrap_or_default();
    let (warn, critical) = (range(threshold.warn), range(threshold.critical));
    row(&[&threshold.measure.to_string(), &was.join(", "), &warn, &critical, judged])
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Fine => "fine",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

fn shown(measure: Measure, value: f64) -> String {
    match measure {
        Measure::CertificateDays => format!("{value:.0} days"),
        Measure::RoundTrip | Measure::Stage { .. } => human::seconds(value),
    }
}

/// The values that the bounds are for: of a stage, one for each time that it ran to its end.
fn measured(outcome: &Outcome, measure: Measure) -> Vec<f64> {
    let records = outcome.stages.iter().filter(|record| record.status == Status::Passed);
    match measure {
        Measure::RoundTrip => round_trip(outcome).map(|time| time.as_secs_f64()).into_iter().collect(),
        Measure::CertificateDays => {
            let days = records.flat_map(|record| &record.facts).filter_map(|fact| match fact {
                Fact::Certificate { days_left, .. } => Some(*days_left as f64),
                _ => None,
            });
            days.reduce(f64::min).into_iter().collect()
        }
        Measure::Stage { .. } => {
            let bounds = |leg, stage| outcome.criteria.of_stage(leg, stage).map(|threshold| threshold.measure);
            let of_this = records.filter(|record| bounds(record.at.leg, record.at.stage) == Some(measure));
            of_this.filter_map(|record| record.span).map(|span| span.took.as_secs_f64()).collect()
        }
    }
}
