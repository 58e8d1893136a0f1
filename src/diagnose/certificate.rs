//! Rules for certificates that were not accepted.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::failure::Kind;
use crate::outcome::{StageRecord, Status};
use crate::stage::Stage;

use super::case::Case;
use super::interceptor;
use super::published::published;
use super::{Certainty::*, Diagnosis};

/// So many names of a certificate are shown in a cause, and so many in the evidence.
const SHOWN: usize = 3;
const MOST_NAMES: usize = 30;

/// Who signed it is known to read connections on their way.
pub fn intercepted(case: &Case) -> Option<Diagnosis> {
    let issuer = case.kind().issuer()?;
    let interceptor = interceptor::of(issuer)?;
    let cause = format!(
        "The certificate of {} is not the server's own, but signed by {}, which reads the connection on its way.",
        case.host(),
        interceptor.name
    );
    Some(
        case.because("intercepted", Likely, cause)
            .advise(interceptor.advice())
            .advise("Do not trust such a certificate only to make the error go away: whoever holds its key reads the password.")
            .seen(format!("the certificate is signed by {issuer}")),
    )
}

/// Its time is over.
pub fn expired(case: &Case) -> Option<Diagnosis> {
    let Kind::CertificateExpired { not_after } = case.kind() else {
        return None;
    };
    let ago = ago(not_after, case.outcome.began);
    let cause = format!("The certificate of {} ended on {}{ago}", case.host(), day(not_after));
    if has_every_server_expired(case) {
        let cause = format!("{cause}, and so did that of every other server: the clock here is probably ahead.");
        let renew = "If the clock is right, the certificates have to be renewed: tell the provider.";
        return Some(case.because("certificate-expired", Likely, cause).advise(clock(case)).advise(renew));
    }
    let cause = format!("{cause}.");
    Some(
        case.because("certificate-expired", Certain, cause)
            .advise("The owner of the server has to renew the certificate: tell the provider.")
            .advise(clock(case)),
    )
}

/// Whether servers of several names show a certificate whose time is over, and none shows another one.
fn has_every_server_expired(case: &Case) -> bool {
    let outcome = case.outcome;
    let mut shown = outcome.stages.iter().filter(|record| matches!(record.at.stage, Stage::Tls | Stage::Starttls));
    let expired = |record: &StageRecord| match &record.status {
        Status::Failed(failure) => matches!(failure.kind, Kind::CertificateExpired { .. }),
        status => *status != Status::Passed,
    };
    let others = outcome.failed().filter(|(record, failure)| {
        let host = outcome.server(record).map_or("", |server| server.host.as_str());
        matches!(failure.kind, Kind::CertificateExpired { .. }) && !host.eq_ignore_ascii_case(case.host())
    });
    shown.all(expired) && others.count() > 0
}

/// Its time has not begun.
pub fn not_yet_valid(case: &Case) -> Option<Diagnosis> {
    let Kind::CertificateNotYetValid { not_before } = case.kind() else {
        return None;
    };
    let cause = format!(
        "The certificate of {} begins on {}, and the clock of this machine said {}: it is probably behind.",
        case.host(),
        day(not_before),
        day(&case.outcome.began.to_string())
    );
    Some(
        case.because("certificate-not-yet-valid", Likely, cause)
            .advise(clock(case))
            .advise("If the clock is right, the server's certificate is wrong: tell the provider."),
    )
}

/// It is for other names.
pub fn wrong_name(case: &Case) -> Option<Diagnosis> {
    let Kind::CertificateWrongName { names, .. } = case.kind() else {
        return None;
    };
    let host = case.host();
    let cause = match names.is_empty() {
        true => format!("The certificate is not for {host}, and names no other server."),
        false => format!("The certificate is not for {host}, but for {}.", few(names, SHOWN)),
    };
    let mut diagnosis = case.because("certificate-wrong-name", Certain, cause).advise_all(published(case));
    if names.len() > SHOWN {
        diagnosis = diagnosis.seen(format!("the certificate is for: {}", few(names, MOST_NAMES)));
    }
    if host.parse::<IpAddr>().is_ok() {
        let key = case.key("host");
        diagnosis = diagnosis.advise(format!("Set {key} to the server's name: certificates are for names."));
    }
    let plain = names.iter().filter(|name| !name.contains('*'));
    if let Some(name) = plain.max_by_key(|name| common_labels(name, host)) {
        let setting = case.setting("host", &format!("\"{name}\""));
        diagnosis = diagnosis.advise(format!("If {name} is the provider's server, set {setting}."));
    }
    Some(
        diagnosis
            .advise(format!("Compare {} with the provider's settings page: names move.", case.key("host")))
            .advise("If the name is right, a VPN, a firewall or an antivirus may answer in the server's place."),
    )
}

/// It is signed by itself.
pub fn self_signed(case: &Case) -> Option<Diagnosis> {
    let Kind::CertificateSelfSigned { .. } = case.kind() else { return None };
    let cause = format!("The certificate of {} is signed by itself, so it proves nothing.", case.host());
    Some(
        case.because("certificate-self-signed", Certain, cause)
            .advise("If the server is your own, or a bridge on this machine, save its certificate and name it as `ca_file`.")
            .advise(interception())
            .advise("Of a provider it is not acceptable: it has to install a certificate of a public authority."),
    )
}

/// Who signed it is not trusted here.
pub fn untrusted(case: &Case) -> Option<Diagnosis> {
    let Kind::CertificateUntrusted { issuer } = case.kind() else {
        return None;
    };
    let cause = match issuer.is_empty() {
        true => format!("The certificate of {} is signed by somebody that this machine does not trust.", case.host()),
        false => {
            format!("The certificate of {} is signed by {issuer}, which this machine does not trust.", case.host())
        }
    };
    Some(
        case.because("certificate-untrusted", Certain, cause)
            .advise("If that is a private authority that you trust (a company's, your own), name its certificate as `ca_file`. One that is named already does not hold it.")
            .advise("If it is a public one, the server forgets to send the intermediate certificate: tell the provider.")
            .advise(interception())
            .advise("On an old machine, update its trusted certificates (on Debian the package ca-certificates)."),
    )
}

/// It was not accepted for another reason.
pub fn rejected(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::CertificateRejected {
        return None;
    }
    let cause = format!("This machine does not accept the certificate of {}.", case.host());
    Some(
        case.because("certificate-rejected", Certain, cause)
            .advise("The reason is in the words above: show them to the provider.")
            .advise(clock(case))
            .advise(interception()),
    )
}

fn clock(case: &Case) -> String {
    format!("Check the clock of this machine: it said {} (UTC) during the test.", day(&case.outcome.began.to_string()))
}

fn interception() -> String {
    "If an antivirus or a company's proxy signed it, that program reads the connection: switch off its mail shield for one test."
        .to_owned()
}

/// The day of a time stamp (RFC 3339); anything else stays as it is.
fn day(stamp: &str) -> &str {
    stamp.split_once('T').map_or(stamp, |(day, _)| day)
}

/// How long before the test that was, behind a comma.
fn ago(stamp: &str, now: Timestamp) -> String {
    let Ok(stamp) = stamp.parse::<Timestamp>() else { return String::new() };
    match now.duration_since(stamp).as_hours() {
        ..0 => String::new(),
        0 => ", less than an hour ago".to_owned(),
        1 => ", 1 hour ago".to_owned(),
        hours @ 2..24 => format!(", {hours} hours ago"),
        24..48 => ", 1 day ago".to_owned(),
        hours => format!(", {} days ago", hours / 24),
    }
}

/// The first names, and how many more there are.
fn few(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// How many labels two names share, counted from the end.
fn common_labels(one: &str, other: &str) -> usize {
    one.rsplit('.').zip(other.rsplit('.')).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
}
