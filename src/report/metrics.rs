//! What a verification measures, for programs that draw it over the years: one list, whatever became of the run.

use std::collections::HashSet;

use crate::criteria::{Measure, Range, Threshold};
use crate::diagnose::round_trip;
use crate::outcome::{Fact, Outcome, StageRecord, Status};
use crate::stage::{Leg, Stage};

/// Something that is measured, with the bounds that it is to keep to.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The same at every run of the check.
    pub name: String,
    /// In what it is measured.
    pub unit: Unit,
    /// `None` if it was not measured this time: never 0.
    pub value: Option<f64>,
    /// What is a warning.
    pub warn: Option<Range>,
    /// What is critical.
    pub critical: Option<Range>,
}

/// In what something is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Time.
    Seconds,
    /// What is left of a certificate; negative when it is over.
    Days,
    /// Size.
    Bytes,
}

impl Unit {
    /// The least value that there can be.
    pub fn least(self) -> Option<f64> {
        match self {
            Unit::Seconds | Unit::Bytes => Some(0.0),
            Unit::Days => None,
        }
    }
}

impl Metric {
    fn new(name: String, unit: Unit, value: Option<f64>, threshold: Option<&Threshold>) -> Metric {
        let (warn, critical) = threshold.map_or((None, None), |threshold| (threshold.warn, threshold.critical));
        Metric { name, unit, value: value.filter(|value| value.is_finite()), warn, critical }
    }

    /// The value as a decimal number, to a tenth of a millisecond.
    pub fn number(&self) -> Option<String> {
        self.value.map(|value| {
            let text = format!("{value:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        })
    }
}

/// All that a verification measures: what matters most first, then each stage of its plan.
pub fn metrics(outcome: &Outcome) -> Vec<Metric> {
    let has = |stages: &[Stage]| outcome.stages.iter().any(|record| stages.contains(&record.at.stage));
    let mut metrics = Vec::new();
    if has(&[Stage::Arrival]) {
        metrics.push(of_round_trip(outcome, "round-trip".to_owned()));
    }
    if has(&[Stage::Tls, Stage::Starttls]) {
        metrics.push(of_certificates(outcome, "certificate-days".to_owned()));
    }
    if has(&[Stage::Inspect]) {
        metrics.push(Metric::new("size".to_owned(), Unit::Bytes, size(outcome), None));
    }
    metrics.push(Metric::new("run".to_owned(), Unit::Seconds, Some(outcome.seconds.as_secs_f64()), None));
    let mut names = Names::default();
    metrics.extend(outcome.stages.iter().map(|record| of_stage(outcome, record, &mut names)));
    metrics
}

/// How long the message, or the answer to it, was on its way.
pub fn of_round_trip(outcome: &Outcome, name: String) -> Metric {
    let time = round_trip(outcome).map(|time| time.as_secs_f64());
    Metric::new(name, Unit::Seconds, time, outcome.criteria.threshold(Measure::RoundTrip))
}

/// How long the first certificate to end is still good.
pub fn of_certificates(outcome: &Outcome, name: String) -> Metric {
    let days = facts(outcome).filter_map(|fact| match fact {
        Fact::Certificate { days_left, .. } => Some(*days_left),
        _ => None,
    });
    let days = days.min().map(|days| days as f64);
    Metric::new(name, Unit::Days, days, outcome.criteria.threshold(Measure::CertificateDays))
}

/// Of the message, as it arrived.
fn size(outcome: &Outcome) -> Option<f64> {
    facts(outcome).find_map(|fact| match fact {
        Fact::Identical { bytes } => Some(*bytes as f64),
        _ => None,
    })
}

fn facts(outcome: &Outcome) -> impl Iterator<Item = &Fact> {
    outcome.stages.iter().flat_map(|record| &record.facts)
}

/// How long a stage took that did its work: how soon one fails says nothing of how fast it is.
fn of_stage(outcome: &Outcome, record: &StageRecord, names: &mut Names) -> Metric {
    let leg = match record.at.leg {
        Leg::ReplySubmission => "reply-out",
        Leg::ReplyDelivery => "reply-in",
        leg => leg.name(),
    };
    let mut before = outcome.stages.iter().take_while(|other| !std::ptr::eq(*other, record));
    let is_second = before.any(|other| other.at == record.at);
    let protocol = Some(record.at.protocol.to_string().to_lowercase()).filter(|_| !is_second);
    let name = names.unique(&format!("{leg}-{}", record.at.stage), protocol.as_deref());
    let took = record.span.filter(|_| record.status == Status::Passed).map(|span| span.took.as_secs_f64());
    Metric::new(name, Unit::Seconds, took, outcome.criteria.of_stage(record.at.leg, record.at.stage))
}

/// Names that differ in their first 19 characters, which is as far as some programs read them (RRDtool's names of data
/// sources; the guidelines of the Monitoring Plugins, "Performance data").
#[derive(Default)]
pub struct Names(HashSet<String>);

impl Names {
    const READ: usize = 19;

    /// The name itself, or else with this behind it, or else with a number.
    pub fn unique(&mut self, name: &str, apart: Option<&str>) -> String {
        let numbered = (2_u64..).map(|number| {
            let number = format!("-{number}");
            let begin: String = name.chars().take(Self::READ - number.len().min(Self::READ)).collect();
            format!("{begin}{number}")
        });
        let apart = apart.map(|apart| format!("{name}-{apart}"));
        let mut names = std::iter::once(name.to_owned()).chain(apart).chain(numbered);
        names.find(|name| self.0.insert(name.chars().take(Self::READ).collect())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_in_what_is_read_of_them() {
        let mut names = Names::default();
        let mut name = |name| names.unique(name, Some("pop3"));
        assert_eq!(name("delivery-baseline"), "delivery-baseline");
        assert_eq!(name("delivery-baseline"), "delivery-baseline-pop3");
        assert_eq!(name("delivery-baseline"), "delivery-baseline-2");
        assert_eq!(name("a-name-of-21-letters1"), "a-name-of-21-letters1");
        assert_eq!(name("a-name-of-21-letters2"), "a-name-of-21-lett-2");
    }

    #[test]
    fn numbers_are_short_and_decimal() {
        let number = |value| Metric::new(String::new(), Unit::Seconds, Some(value), None).number();
        assert_eq!(number(0.000_04).as_deref(), Some("0"));
        assert_eq!(number(0.012_34).as_deref(), Some("0.0123"));
        assert_eq!(number(120.0).as_deref(), Some("120"));
        assert_eq!(number(-3.0).as_deref(), Some("-3"));
        assert_eq!(number(f64::NAN), None);
    }
}
