//! What is measured, against the bounds that the check gives it.

use crate::criteria::{Measure, Range, Severity, Threshold};
use crate::outcome::{Fact, Outcome, Span, StageRecord, Status, seconds};
use crate::stage::Stage;

use super::{Certainty::*, Diagnosis, interceptor, round_trip};

/// A measure that is beyond its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beyond {
    /// What was measured.
    pub measure: Measure,
    /// Seconds, or days.
    pub value: f64,
    /// The range that alerts.
    pub range: Range,
}

/// The measures of this stage that are beyond their bounds, each with how that is judged.
pub fn beyond(outcome: &Outcome, record: &StageRecord) -> Vec<(Severity, Beyond)> {
    let criteria = &outcome.criteria;
    let took = record.span.map(|span| seconds::rounded(span.took));
    let bounds = [
        (criteria.of_stage(record.at.leg, record.at.stage), took),
        (criteria.threshold(Measure::RoundTrip), ended_round_trip(outcome, record)),
        (criteria.threshold(Measure::CertificateDays), days_left(record)),
    ];
    let judged = |(threshold, value): (Option<&Threshold>, Option<f64>)| {
        let (threshold, value) = threshold.zip(value)?;
        let (severity, range) = threshold.judge(value)?;
        Some((severity, Beyond { measure: threshold.measure, value, range }))
    };
    bounds.into_iter().filter_map(judged).collect()
}

/// The round trip, at the arrival that was its end.
fn ended_round_trip(outcome: &Outcome, record: &StageRecord) -> Option<f64> {
    let arrivals = outcome.stages.iter().filter(|record| record.at.stage == Stage::Arrival);
    let last = arrivals.max_by_key(|record| record.span.map(Span::ended))?;
    let time = round_trip(outcome).filter(|_| std::ptr::eq(last, record))?;
    Some(seconds::rounded(time))
}

/// Until the certificate ends that was shown here. That of something that reads the connection comes and goes with it.
fn days_left(record: &StageRecord) -> Option<f64> {
    certificate(record).map(|(_, days)| days as f64)
}

fn certificate(record: &StageRecord) -> Option<(&str, i64)> {
    record.facts.iter().find_map(|fact| match fact {
        Fact::Certificate { issuer, not_after, days_left, .. } if interceptor::of(issuer).is_none() => {
            Some((not_after.as_str(), *days_left))
        }
        _ => None,
    })
}

/// Whether a certificate ends sooner, or later, than the check allows: more than a note.
pub fn holds_certificate(outcome: &Outcome, record: &StageRecord) -> bool {
    let mut beyond = beyond(outcome, record).into_iter();
    record.status == Status::Passed && beyond.any(|(_, one)| one.measure == Measure::CertificateDays)
}

/// Why a measure is beyond its bounds.
pub fn explain(
    outcome: &Outcome,
    record: &StageRecord,
    severity: Severity,
    Beyond { measure, value, range }: Beyond,
) -> Diagnosis {
    let subject = subject(outcome, record, measure, value);
    let judged = if severity == Severity::Critical { "critical" } else { "a warning" };
    // In the clean-up, what is said to be critical is a warning.
    let is_critical =
        outcome.criteria.thresholds.iter().any(|one| one.measure == measure && one.critical == Some(range));
    let key = if is_critical { "critical" } else { "warn" };
    let cause = format!("{subject}, and {} is {judged} here.", alerting(measure, range));
    let (verdict, at) = (severity.into(), Some(record.at));
    let diagnosis = match (measure, is_above(value, range)) {
        (Measure::CertificateDays, false) => Diagnosis::new("certificate-ends-soon", verdict, at, Certain, cause)
            .advise("The owner of the server has to renew it before that day."),
        (Measure::RoundTrip | Measure::Stage { .. }, true) => {
            Diagnosis::new("too-slow", verdict, at, Certain, cause).advise(reason(measure, record))
        }
        _ => Diagnosis::new("out-of-range", verdict, at, Certain, cause),
    };
    let diagnosis = diagnosis.seen(format!("{measure} is {value}, and `{key}` for it is the range {range}"));
    let diagnosis = slowest_hop(outcome, record).into_iter().fold(diagnosis, Diagnosis::seen);
    let diagnosis = match unseen(measure, record).filter(|unseen| !range.alerts(value - unseen)) {
        Some(unseen) => Diagnosis { certainty: Likely, ..diagnosis }.seen(format!(
            "it may have been in the mailbox {} earlier: so long nobody had looked",
            in_words(Measure::RoundTrip, unseen)
        )),
        None => diagnosis,
    };
    diagnosis.advise(format!("Where that is as it should be, set `{key}` for `{measure}` to another range."))
}

/// What was measured, as the beginning of a sentence.
fn subject(outcome: &Outcome, record: &StageRecord, measure: Measure, value: f64) -> String {
    let measured = in_words(measure, value);
    match measure {
        Measure::RoundTrip => format!("The round trip took {measured}"),
        Measure::Stage { .. } => format!("The stage took {measured}"),
        Measure::CertificateDays => {
            let host = outcome.server(record).map_or("the server", |server| server.host.as_str());
            let (not_after, _) = certificate(record).unwrap_or_default();
            format!("The certificate of {host} ends in {measured}, on {not_after}")
        }
    }
}

/// Whether it is beyond an upper bound.
fn is_above(value: f64, range: Range) -> bool {
    if range.is_inside() { range.end() == f64::INFINITY } else { value > range.end() }
}

/// What alerts, as the subject of a sentence.
pub fn alerting(measure: Measure, range: Range) -> String {
    let words = |bound: f64| in_words(measure, bound);
    // No time is less than zero.
    let least = range.start() == f64::NEG_INFINITY || (range.start() == 0.0 && measure != Measure::CertificateDays);
    let most = range.end() == f64::INFINITY;
    match (range.is_inside(), least, most) {
        (false, true, true) | (true, true, true) => "any value".to_owned(),
        (false, true, false) => format!("more than {}", words(range.end())),
        (false, false, true) => format!("less than {}", words(range.start())),
        (false, false, false) => format!("less than {} or more than {}", words(range.start()), words(range.end())),
        (true, true, false) => format!("{} or less", words(range.end())),
        (true, false, true) => format!("{} or more", words(range.start())),
        (true, false, false) => format!("anything from {} to {}", words(range.start()), words(range.end())),
    }
}

/// A value with its unit.
pub fn in_words(measure: Measure, value: f64) -> String {
    let rounded = |value: f64| (value * 1e3).round() / 1e3;
    match measure {
        Measure::CertificateDays if value == 1.0 => "1 day".to_owned(),
        Measure::CertificateDays => format!("{value} days"),
        _ if value.abs() < 1.0 && value != 0.0 => format!("{} ms", rounded(value * 1e3)),
        _ => format!("{} s", rounded(value)),
    }
}

/// What mostly makes it slow.
fn reason(measure: Measure, record: &StageRecord) -> &'static str {
    let stage = if measure == Measure::RoundTrip { Stage::Arrival } else { record.at.stage };
    match stage {
        Stage::Resolve => {
            "A slow look-up is mostly a matter of the DNS server that this machine asks: try another one."
        }
        Stage::Connect => "A slow connection is mostly a matter of the network on the way, or of a server under load.",
        Stage::Tls | Stage::Starttls => {
            "A slow handshake is mostly a server under load, or something that reads the connection."
        }
        Stage::Greeting => {
            "Many servers look the client up before they greet (its name in DNS, block lists), or let it wait on purpose \
             against spam: see to it that this machine's address has a name in DNS."
        }
        Stage::Relay => "Servers answer strangers late on purpose, and mail does not depend on this stage.",
        Stage::Token => "The token comes from the provider's token endpoint, or from the command that is configured.",
        Stage::Login => {
            "A slow sign-in is mostly the server's database of users, or the delay that it puts in after wrong passwords."
        }
        Stage::Baseline => "Many folders, or many messages in them, take a server time to open.",
        Stage::Submit => {
            "Most servers look a message through before they take it: spam filter, virus scanner, look-ups in DNS."
        }
        Stage::Arrival | Stage::Junk => {
            "Between submission and mailbox it is mostly greylisting, a spam filter, a forwarding or a full queue: the hops \
             (`--verbose`) say where the time went, as far as the servers' clocks agree."
        }
        Stage::Inspect => "The message is small: what takes time is a server under load, or the network on the way.",
        Stage::Copy => {
            "Some servers file the copy a while after they took the message; others are slow to take one (APPEND)."
        }
        Stage::Remove => "To remove messages takes some servers long where a folder is full.",
    }
}

/// How long what arrived may have been in the mailbox before it was seen.
fn unseen(measure: Measure, record: &StageRecord) -> Option<f64> {
    let of_arrival = record.at.stage == Stage::Arrival && measure != Measure::CertificateDays;
    record.facts.iter().filter(|_| of_arrival).find_map(|fact| match fact {
        Fact::Arrived { earlier_by_at_most_seconds, .. } => Some(*earlier_by_at_most_seconds),
        _ => None,
    })
}

/// Where most of the time went between submission and mailbox, by the servers' clocks.
fn slowest_hop(outcome: &Outcome, record: &StageRecord) -> Option<String> {
    let read = outcome.stages.iter().filter(|other| other.at.stage == Stage::Inspect && other.at.leg == record.at.leg);
    let hops = read.flat_map(|read| &read.facts).filter_map(|fact| match fact {
        Fact::Hop { by: Some(by), seconds: Some(seconds), .. } if *seconds >= 1.0 => Some((by, *seconds)),
        _ => None,
    });
    let slowest = hops.max_by(|(_, one), (_, other)| one.total_cmp(other));
    let (by, seconds) = slowest.filter(|_| record.at.stage == Stage::Arrival)?;
    Some(format!("the hop that took longest: {} until it was at {by}", in_words(Measure::RoundTrip, seconds)))
}
