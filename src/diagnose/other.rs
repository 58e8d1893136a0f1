//! Rules for what can happen at any stage, and for an outcome as a whole.

use crate::account::{Protocol, Security};
use crate::failure::{Failure, Kind, Skip};
use crate::outcome::{Fact, Outcome, StageRecord, Status};
use crate::stage::{Leg, Stage};

use super::case::{Case, within};
use super::known;
use super::published::published;
use super::{Certainty::*, Diagnosis, Verdict, is_clean_up};

/// A limit below this, in seconds, is suspected before the server is.
pub const SHORT: f64 = 1.0;

/// The limit was over.
pub fn timeout(case: &Case) -> Option<Diagnosis> {
    let Kind::Timeout { limit_seconds } = case.kind() else {
        return None;
    };
    let cause =
        format!("{} did not answer within {} at the stage {}.", case.host(), within(*limit_seconds), case.record.at);
    Some(
        case.because("timeout", Possible, cause)
            .advise_all(before_sign_in(case))
            .advise_all(held_up(case, *limit_seconds))
            .advise("Try again: the server may be busy.")
            .advise_all(waits_for_lock(case))
            .advise_all(waits_to_be_asked(case))
            .advise("A firewall, an antivirus or a VPN may hold the connection up: switch it off for one test.")
            .advise(format!("If the server is known to be slow, allow it more time: raise {}.", limits(case))),
    )
}

/// Many servers answer a wrong password late, so that nobody can try many: Courier and aiosmtpd after 5 s, Dovecot after 17 s.
fn held_up(case: &Case, limit: f64) -> Option<String> {
    const LATE: f64 = 20.0;
    (case.stage() == Stage::Login && limit < LATE).then(|| {
        "Check username and password: many servers let who signs in with wrong ones wait for the answer.".to_owned()
    })
}

/// The limit is shorter than it takes a server that is far away, or has much to do.
pub fn limit_too_short(case: &Case) -> Option<Diagnosis> {
    let limit = match case.kind() {
        Kind::Timeout { limit_seconds } => *limit_seconds,
        // The addresses are tried at the same time, and each for as long as there was.
        Kind::NoAnswer => case.waited()?,
        _ => return None,
    };
    if !(0.0..SHORT).contains(&limit) {
        return None;
    }
    let within = if limit < 0.001 { "no time".to_owned() } else { format!("only {}", within(limit)) };
    let cause = format!("There was {within} for the stage {}: the limit may be too short.", case.record.at);
    let diagnosis = case.because("limit-too-short", Likely, cause);
    Some(diagnosis.advise(format!("Raise {}: a server that is far away takes a second or two.", limits(case))))
}

/// The keys of the limits that hold for a stage.
fn limits(case: &Case) -> &'static str {
    match case.leg() {
        Leg::Cleanup => "`cleanup_timeout`",
        _ => "`stage_timeout`, or `timeout` for the whole run",
    }
}

/// What the provider publishes, while it may still be the wrong server: later it was the right one.
fn before_sign_in(case: &Case) -> Option<String> {
    let opening = [Stage::Resolve, Stage::Connect, Stage::Tls, Stage::Greeting, Stage::Starttls];
    published(case).filter(|_| opening.contains(&case.stage()))
}

/// Inside TLS and on a port that is none of the protocol, no greeting may mean HTTPS.
fn waits_to_be_asked(case: &Case) -> Option<String> {
    let greeted = case.record.facts.iter().any(|fact| matches!(fact, Fact::Greeting { .. }));
    let inside = case.stage() == Stage::Greeting && case.security()? == Security::Tls && !greeted;
    let unusual = known::usual(case.port()?).is_none();
    (inside && unusual).then(|| {
        format!("Check {}: a web server (HTTPS) says nothing until it is asked, and looks like this.", case.key("port"))
    })
}

/// Some servers (popa3d, Solid POP3) answer the password of a locked mailbox only when it is free.
fn waits_for_lock(case: &Case) -> Option<String> {
    let opens = matches!(case.stage(), Stage::Login | Stage::Arrival | Stage::Remove);
    (case.protocol() == Protocol::Pop3 && opens).then(|| {
        "Close other programs that may have this mailbox open: POP3 lets in one at a time, and some servers say nothing \
         until the other has gone."
            .to_owned()
    })
}

/// The connection broke off.
pub fn connection_lost(case: &Case) -> Option<Diagnosis> {
    if !matches!(case.kind(), Kind::ConnectionLost | Kind::TlsClosed) {
        return None;
    }
    let cause = format!("The connection to {} was cut at the stage {}.", case.host(), case.record.at);
    Some(
        case.because("connection-lost", Possible, cause)
            .advise_all(before_sign_in(case))
            .advise("Try again: the server may have been restarted, or have dropped a connection too many.")
            .advise("A firewall, an antivirus or a VPN may cut the connection: switch it off for one test.")
            .advise(format!("Check that {} and {} are those of a mail server.", case.key("host"), case.key("port"))),
    )
}

/// What came is not the protocol.
pub fn malformed(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::Malformed {
        return None;
    }
    let cause = format!("What {} sent is not {}.", case.host(), case.protocol());
    Some(
        case.because("malformed", Likely, cause)
            .advise_all(before_sign_in(case))
            .advise(format!("Check {} and {}: another service may answer there.", case.key("host"), case.key("port")))
            .advise("A hotel's or a company's network may answer in the server's place: try from another network."),
    )
}

/// The run was stopped at this stage.
pub fn interrupted(case: &Case) -> Option<Diagnosis> {
    let what = if is_clean_up(case.outcome) { "clean-up" } else { "verification" };
    (*case.kind() == Kind::Interrupted).then(|| {
        case.because("interrupted", Certain, format!("The {what} was stopped before it was done."))
            .advise("Run it again and let it finish.")
    })
}

/// This machine could not do its part.
pub fn local(case: &Case) -> Option<Diagnosis> {
    (*case.kind() == Kind::Local).then(|| {
        case.because("local", Certain, "Something on this machine did not work, so nothing is known of the mailbox.")
            .advise("Go by the words of the system above; then run the verification again.")
    })
}

/// A failure that no rule knows.
pub fn unexplained(case: &Case) -> Diagnosis {
    let cause = match case.kind() {
        Kind::Refused { .. } => format!("{} refused the stage {}.", case.host(), case.record.at),
        _ => format!("The stage {} failed.", case.record.at),
    };
    let temporary =
        case.is_temporary().then(|| "The server calls this temporary: try again in some minutes.".to_owned());
    case.because("unexplained", Possible, cause)
        .advise_all(temporary)
        .advise("Go by the server's own words; show them to the provider if they do not help.")
}

/// The run was stopped between two stages, so that no stage failed by it.
pub fn stopped(outcome: &Outcome) -> Option<Diagnosis> {
    let interrupted = |(record, failure): (&StageRecord, &Failure)| {
        (outside(record) || is_clean_up(outcome)) && failure.kind == Kind::Interrupted
    };
    if outcome.failed().any(interrupted) {
        return None;
    }
    let first = skipped(outcome).find(|record| outside(record) || is_clean_up(outcome))?;
    let what = if is_clean_up(outcome) { "clean-up" } else { "verification" };
    let when = if was_begun(outcome) { "it was done" } else { "its turn came" };
    let cause = format!("The {what} was stopped before {when}.");
    let diagnosis = Diagnosis::new("interrupted", Verdict::Unknown, Some(first.at), Certain, cause);
    Some(diagnosis.advise("Run it again and let it finish."))
}

/// Another run of the same check was under way, so that nothing was done.
pub fn already_running(outcome: &Outcome) -> Option<Diagnosis> {
    let (process, since) = outcome.stages.iter().find_map(|record| match &record.status {
        Status::Skipped(Skip::AlreadyRunning { process, since }) => Some((process, since)),
        _ => None,
    })?;
    let process = process.map(|process| format!(" (process {process})")).unwrap_or_default();
    let since = since.map(|since| since.strftime(", since %Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default();
    let cause = format!("Another run of this check is under way{process}{since}, so this one did nothing.");
    Some(
        Diagnosis::new("already-running", Verdict::Unknown, None, Certain, cause)
            .advise("Let it finish; then run this one again.")
            .advise("If a schedule starts them, let more time pass between two runs, or lower `timeout`."),
    )
}

/// The clean-up was stopped before it began.
pub fn cleanup_stopped(outcome: &Outcome) -> Option<Diagnosis> {
    let left = was_begun(outcome) && !is_clean_up(outcome);
    let record = skipped(outcome).find(|record| !outside(record)).filter(|_| left)?;
    let cause = "The clean-up was stopped: messages of the verification may still be in the mailbox.".to_owned();
    let diagnosis = Diagnosis::new("cleanup-stopped", Verdict::Warning, Some(record.at), Certain, cause);
    Some(diagnosis.advise(format!(
        "Delete the messages with {} in their subject by hand, or let `mailtrip clean` do it later.",
        outcome.tag
    )))
}

/// Nothing failed, and nothing is proved either.
pub fn proved_nothing(outcome: &Outcome) -> Option<Diagnosis> {
    if super::worst_stage(outcome) >= Verdict::Unknown || !super::proved_nothing(outcome) {
        return None;
    }
    let cause = "No stage proved that mail works: nothing was verified.".to_owned();
    let diagnosis = Diagnosis::new("nothing-verified", Verdict::Unknown, None, Certain, cause);
    Some(diagnosis.advise("Check what the configuration turns off, then run the verification again."))
}

/// Not where all was stopped while others were verified.
fn was_begun(outcome: &Outcome) -> bool {
    outcome.stages.iter().any(|record| record.status != Status::Skipped(Skip::Stopped))
}

/// The stages that the stop of the run left out.
fn skipped(outcome: &Outcome) -> impl Iterator<Item = &StageRecord> {
    outcome.stages.iter().filter(|record| record.status == Status::Skipped(Skip::Stopped))
}

/// Whether a stage is outside the clean-up.
fn outside(record: &StageRecord) -> bool {
    record.at.leg != Leg::Cleanup
}
