//! How the metrics are read from an outcome.

use jiff::Timestamp;

use crate::criteria::{Measure, Range, Threshold};
use crate::diagnose::{Verdict, diagnose, verdict};
use crate::failure::Kind;
use crate::outcome::{Concern, Fact, Mark, Outcome, Role, StageRecord, Status, seconds};
use crate::stage::Stage;

/// One value, with those of the labels, in their order.
pub struct Sample {
    /// As they are, not escaped.
    pub labels: Vec<String>,
    /// Finite.
    pub value: f64,
}

/// The seconds of a day.
pub const DAY: f64 = 86_400.0;

/// The only sample of a metric that has no labels but the first.
pub fn one(value: impl Into<f64>) -> Vec<Sample> {
    vec![Sample { labels: Vec::new(), value: value.into() }]
}

/// One of several that exclude each other.
fn states<T: PartialEq + Copy>(all: &[T], is: T, labels: impl Fn(T) -> Vec<String>) -> Vec<Sample> {
    all.iter().map(|&state| Sample { labels: labels(state), value: (state == is).into() }).collect()
}

/// What works is OK or a warning; a failure that is soft is a warning, too, and does not work.
pub fn is_success(outcome: &Outcome) -> bool {
    verdict(outcome) <= Verdict::Warning && outcome.streak.is_none_or(|streak| streak.failures == 0)
}

pub fn verdicts(outcome: &Outcome) -> Vec<Sample> {
    let all = [Verdict::Ok, Verdict::Warning, Verdict::Critical, Verdict::Unknown];
    states(&all, verdict(outcome), |verdict| vec![lowercase(verdict)])
}

fn lowercase(word: impl std::fmt::Display) -> String {
    word.to_string().to_lowercase()
}

/// Whose submission it is.
pub fn sender(record: &StageRecord) -> Vec<String> {
    vec![record.at.leg.to_string(), record.account.clone()]
}

/// Whose mailbox it is, and by which protocol.
pub fn receiver(record: &StageRecord) -> Vec<String> {
    vec![record.at.leg.to_string(), lowercase(record.at.protocol), record.account.clone()]
}

/// Which stage it is, of one account.
pub fn stage_of_account(record: &StageRecord) -> Vec<String> {
    vec![record.at.leg.to_string(), record.at.stage.to_string(), lowercase(record.at.protocol)]
}

/// Which stage it is.
pub fn stage(record: &StageRecord) -> Vec<String> {
    let mut labels = stage_of_account(record);
    labels.push(record.account.clone());
    labels
}

/// How the labels of a stage are made.
type Labels = fn(&StageRecord) -> Vec<String>;

pub fn passed(record: &StageRecord) -> bool {
    record.status == Status::Passed
}

/// Also where the check calls that fine: then it is a fact, and nothing else.
pub fn is_in_junk(outcome: &Outcome, record: &StageRecord) -> bool {
    let arrived =
        |name: &str| record.facts.iter().any(|fact| matches!(fact, Fact::Arrived { folder, .. } if folder == name));
    let same = |other: &&StageRecord| (other.at.protocol, &other.account) == (record.at.protocol, &record.account);
    let mut facts = outcome.stages.iter().filter(same).flat_map(|other| &other.facts);
    record.concerns.iter().any(|concern| matches!(concern, Concern::FoundInJunk { .. }))
        || matches!(&record.status, Status::Failed(failure) if matches!(failure.kind, Kind::InJunk { .. }))
        || facts.any(|fact| matches!(fact, Fact::Folder { role: Role::Junk, name, .. } if arrived(name)))
}

/// Whether something holds of each stage of this name.
pub fn of_stage(
    outcome: &Outcome,
    stage: Stage,
    (labels, holds): (Labels, impl Fn(&StageRecord) -> bool),
) -> Vec<Sample> {
    let records = outcome.stages.iter().filter(|record| record.at.stage == stage);
    records.map(|record| Sample { labels: labels(record), value: holds(record).into() }).collect()
}

pub fn statuses(outcome: &Outcome, place: Labels) -> Vec<Sample> {
    let all = [Mark::Passed, Mark::Warning, Mark::Failed, Mark::Skipped];
    let of = |record: &StageRecord| states(&all, record.mark(), |mark| [place(record), vec![name(mark)]].concat());
    outcome.stages.iter().flat_map(of).collect()
}

/// As JSON has it.
fn name(mark: Mark) -> String {
    let name = match mark {
        Mark::Passed => "passed",
        Mark::Warning => "warning",
        Mark::Failed => "failed",
        Mark::Skipped => "skipped",
    };
    name.to_owned()
}

pub fn durations(outcome: &Outcome, place: Labels) -> Vec<Sample> {
    let of = |record: &StageRecord| {
        record.span.map(|span| Sample { labels: place(record), value: seconds::rounded(span.took) })
    };
    outcome.stages.iter().filter_map(of).collect()
}

pub fn stage_thresholds(outcome: &Outcome) -> Vec<Sample> {
    let of = |record: &StageRecord| {
        let threshold = outcome.criteria.of_stage(record.at.leg, record.at.stage);
        threshold.map_or(Vec::new(), |threshold| bounds(threshold, &stage(record), 1.0))
    };
    outcome.stages.iter().flat_map(of).collect()
}

/// The bounds of this measure, with what its unit is in the base unit.
pub fn threshold(outcome: &Outcome, measure: Measure, unit: f64) -> Vec<Sample> {
    outcome.criteria.threshold(measure).map_or(Vec::new(), |threshold| bounds(threshold, &[], unit))
}

/// Its finite bounds: infinity bounds nothing.
fn bounds(threshold: &Threshold, place: &[String], unit: f64) -> Vec<Sample> {
    let of = |(severity, range): (&str, Option<Range>)| {
        let Some(range) = range else { return Vec::new() };
        let alerts_when = if range.is_inside() { "inside" } else { "outside" };
        let sample = |(bound, value): (&str, f64)| Sample {
            labels: [place, &[severity, bound, alerts_when].map(str::to_owned)].concat(),
            value: value * unit,
        };
        let bounds = [("lower", range.start()), ("upper", range.end())];
        bounds.into_iter().filter(|(_, value)| value.is_finite()).map(sample).collect()
    };
    [("warning", threshold.warn), ("critical", threshold.critical)].into_iter().flat_map(of).collect()
}

/// When the certificate of each server ends; the first of them, where it has shown several.
pub fn certificates(outcome: &Outcome) -> Vec<Sample> {
    let mut servers: Vec<(Vec<String>, Timestamp)> = Vec::new();
    for record in &outcome.stages {
        let Some(ends) = certificate_ends(record) else { continue };
        let labels = vec![lowercase(record.at.protocol), record.account.clone()];
        match servers.iter_mut().find(|(other, _)| *other == labels) {
            Some((_, first)) => *first = ends.min(*first),
            None => servers.push((labels, ends)),
        }
    }
    servers.into_iter().map(|(labels, ends)| Sample { labels, value: ends.as_second() as f64 }).collect()
}

/// Of the certificate that was seen, or that was refused because it has ended.
fn certificate_ends(record: &StageRecord) -> Option<Timestamp> {
    let seen = record.facts.iter().filter_map(|fact| match fact {
        Fact::Certificate { not_after, .. } => Some(not_after),
        _ => None,
    });
    let refused = match &record.status {
        Status::Failed(failure) => match &failure.kind {
            Kind::CertificateExpired { not_after } => Some(not_after),
            _ => None,
        },
        _ => None,
    };
    seen.chain(refused).filter_map(|text| text.parse::<Timestamp>().ok()).min()
}

pub fn diagnoses(outcome: &Outcome) -> Vec<Sample> {
    let labels = diagnose(outcome).into_iter().map(|found| vec![found.code.to_owned(), lowercase(found.verdict)]);
    labels.map(|labels| Sample { labels, value: 1.0 }).collect()
}

/// How many were made, this one included.
pub fn attempts(outcome: &Outcome) -> Vec<Sample> {
    one(count(outcome.earlier.iter()).saturating_add(1))
}

/// How many leftovers were found; only those that were removed, or not, where that counts.
pub fn leftovers(outcome: &Outcome, counts: fn(bool) -> bool) -> u32 {
    let facts = outcome.stages.iter().flat_map(|record| &record.facts);
    count(facts.filter(|fact| matches!(fact, Fact::Leftover { removed, .. } if counts(*removed))))
}

fn count(things: impl Iterator) -> u32 {
    u32::try_from(things.count()).unwrap_or(u32::MAX)
}

pub fn duration(outcome: &Outcome) -> Vec<Sample> {
    one(seconds::rounded(outcome.seconds))
}

pub fn ended(outcome: &Outcome) -> Vec<Sample> {
    let ended = outcome.began.checked_add(outcome.seconds).unwrap_or(outcome.began);
    one(ended.as_second() as f64)
}

pub fn build(_: &Outcome) -> Vec<Sample> {
    vec![Sample { labels: vec![env!("CARGO_PKG_VERSION").to_owned()], value: 1.0 }]
}
