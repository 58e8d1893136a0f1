//! Makes an outcome the same on every run and every machine: times, ports, dates, the tag, addresses and versions
//! become fixed values. What was seen, how it ended and in which order stays as it is.

use std::time::Duration;

use mailtrip::account::{Protocol, Security};
use mailtrip::check::{Check, Limits};
use mailtrip::failure::{Kind, Skip};
use mailtrip::outcome::{Concern, Dialled, Fact, Outcome, Span, StageRecord, Status};
use mailtrip::report::json;
use mailtrip::sandbox::{Sandbox, Service};

const TAG: &str = "00000000-0000-4000-8000-000000000000";
const BEGAN: &str = "2026-01-01T10:00:00Z";
const CERTIFICATE_ENDS: &str = "2027-01-01T10:00:00Z";
const CERTIFICATE_ENDED: &str = "2025-12-31T10:00:00Z";

/// The words of the system: whether a connection is closed or reset is a matter of time.
const SYSTEM: &str = "os error";

/// How long each stage takes: one begins when the one before it is over.
const STAGE: Duration = Duration::from_millis(100);

pub fn steady(outcome: &Outcome, check: &Check, sandbox: &Sandbox) -> Outcome {
    let mut outcome = with_fixed_texts(outcome, sandbox);
    outcome.began = BEGAN.parse().expect("a time stamp");
    let mut elapsed = Duration::ZERO;
    let limits = &check.settings().limits;
    one_token(&mut outcome.stages);
    for record in &mut outcome.stages {
        if let Some(span) = &mut record.span {
            *span = Span { began: elapsed, took: STAGE };
            elapsed += STAGE;
        }
        fix_facts(record);
        fix_concerns(record);
        fix_failure(record, limits);
    }
    for server in &mut outcome.servers {
        server.port = closed(server.port, server.protocol, server.security);
    }
    outcome.seconds = elapsed;
    outcome
}

/// What is in texts, too: the tag, and the ports.
fn with_fixed_texts(outcome: &Outcome, sandbox: &Sandbox) -> Outcome {
    let mut text = json::render(outcome).replace(&outcome.tag, TAG);
    for (service, port) in [
        (Service::Submission, 587),
        (Service::Submissions, 465),
        (Service::Imap, 143),
        (Service::Imaps, 993),
        (Service::Pop3, 110),
        (Service::Pop3s, 995),
    ] {
        let real = sandbox.port(service);
        text = text.replace(&format!("\"port\": {real},"), &format!("\"port\": {port},"));
        text = text.replace(&format!(":{real}\""), &format!(":{port}\""));
    }
    let text = without_number(&without_number(&text, "received: A", "0001"), "https://localhost:", "443");
    json::read(&text).expect("what was just written").remove(0)
}

/// The same number wherever this stands before one. That in an IMAP tag is how many commands there were so far, which is
/// a matter of time; that of a token endpoint is its port.
fn without_number(text: &str, before: &str, number: &str) -> String {
    let mut parts = text.split(before);
    let mut steady = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let behind = part.trim_start_matches(|character: char| character.is_ascii_digit());
        steady += &format!("{before}{number}{behind}");
    }
    steady
}

/// A port that is none of the sandbox's is the closed one.
fn closed(port: u16, protocol: Protocol, security: Security) -> u16 {
    match (port, protocol, security) {
        (..1024, _, _) => port,
        (_, Protocol::Smtp, Security::Tls) => 465,
        (_, Protocol::Smtp, _) => 587,
        (_, Protocol::Imap, Security::Tls) => 993,
        (_, Protocol::Imap, _) => 143,
        (_, Protocol::Pop3, Security::Tls) => 995,
        (_, Protocol::Pop3, _) => 110,
    }
}

/// Which of the connections that sign in by a token asks for it first is a matter of time: it is the first one here.
fn one_token(stages: &mut [StageRecord]) {
    let tokens =
        stages.iter_mut().flat_map(|record| &mut record.facts).filter(|fact| matches!(fact, Fact::Token { .. }));
    for (place, fact) in tokens.enumerate() {
        if let Fact::Token { again, .. } = fact {
            *again = place > 0;
        }
    }
}

fn fix_facts(record: &mut StageRecord) {
    // Where the machine has IPv6, localhost has another address.
    record.facts.retain(|fact| !matches!(fact, Fact::Address { address, .. } if address.starts_with('[')));
    let locked_out =
        matches!(&record.status, Status::Failed(failure) if matches!(failure.kind, Kind::LockedOut { .. }));
    for fact in &mut record.facts {
        match fact {
            Fact::Addresses { addresses } => *addresses = vec!["127.0.0.1".to_owned()],
            Fact::Address { address, result, seconds, used } => {
                *seconds = 0.01;
                *used = *result == Dialled::Connected;
                if *result != Dialled::Connected {
                    *address = "127.0.0.1:1".to_owned();
                }
            }
            Fact::Tls { version, cipher, handshake_seconds } => {
                *version = Some("TLSv1.3".to_owned());
                *cipher = Some("TLS_AES_256_GCM_SHA384".to_owned());
                *handshake_seconds = 0.02;
            }
            Fact::Certificate { not_after, days_left, .. } => {
                (*not_after, *days_left) = (CERTIFICATE_ENDS.to_owned(), 365);
            }
            Fact::TurnedAway { times, .. } if locked_out => *times = 5,
            Fact::Arrived { earlier_by_at_most_seconds, .. } => *earlier_by_at_most_seconds = 0.01,
            Fact::Unannounced { idle_seconds, waited_seconds } => (*idle_seconds, *waited_seconds) = (5.0, 6.5),
            Fact::Hop { at, seconds, .. } => {
                *at = at.as_ref().map(|_| BEGAN.to_owned());
                *seconds = seconds.map(|_| 0.0);
            }
            _ => {}
        }
    }
}

fn fix_concerns(record: &mut StageRecord) {
    for concern in &mut record.concerns {
        match concern {
            Concern::LeftBehind { why, .. } | Concern::NotLookedInto { why, .. } if why.contains(SYSTEM) => {
                *why = "the connection was lost".to_owned();
            }
            _ => {}
        }
    }
}

fn fix_failure(record: &mut StageRecord, limits: &Limits) {
    let failure = match &mut record.status {
        Status::Failed(failure) => failure,
        Status::Skipped(Skip::Inconclusive { failure }) => failure,
        _ => return,
    };
    match &mut failure.kind {
        // What is left of the run is never the same; the limit of a stage is.
        Kind::Timeout { limit_seconds } if *limit_seconds != limits.stage.as_secs_f64() => *limit_seconds = 5.0,
        Kind::NotArrived { waited_seconds } => {
            let limit = limits.arrival.map(|limit| limit.as_secs_f64());
            let kept = limit.filter(|limit| (*limit..limit + 2.0).contains(waited_seconds));
            *waited_seconds = kept.unwrap_or(3.0);
        }
        Kind::LockedOut { times, waited_seconds } => (*times, *waited_seconds) = (5, 3.0),
        Kind::CertificateExpired { not_after } => *not_after = CERTIFICATE_ENDED.to_owned(),
        _ => {}
    }
    // When the last look was is a matter of time.
    if let Some(detail) =
        failure.detail.as_mut().filter(|detail| detail.starts_with("the mailbox was last looked into"))
    {
        *detail = "the mailbox was last looked into 1.0 s after the message had left".to_owned();
    }
    // The words of the TLS library are of its version.
    if let Some(detail) = failure.detail.as_mut().filter(|detail| detail.contains("SSL") || detail.contains("routines"))
    {
        *detail = "(the words of the TLS library)".to_owned();
    }
    failure.detail = failure.detail.take().filter(|detail| !detail.contains(SYSTEM));
}
