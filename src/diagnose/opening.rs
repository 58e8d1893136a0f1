//! Rules for the opening of a connection: greeting, TLS, STARTTLS.

use crate::account::{Protocol, Security};
use crate::failure::Kind;
use crate::outcome::Fact;
use crate::stage::Stage;

use super::case::Case;
use super::known;
use super::limit;
use super::published::published;
use super::wait::wait;
use super::{Certainty::*, Diagnosis};

/// A client that waits for plaintext on a TLS port: both sides wait for the other to begin.
pub fn silent_tls_port(case: &Case) -> Option<Diagnosis> {
    let silent = matches!(case.kind(), Kind::Timeout { .. } | Kind::ConnectionLost | Kind::Malformed);
    let greeted = case.record.facts.iter().any(|fact| matches!(fact, Fact::Greeting { .. }));
    if case.stage() != Stage::Greeting || greeted || !silent || case.security()? == Security::Tls {
        return None;
    }
    let port = case.port()?;
    let tls = matches!(known::usual(port), Some((_, Security::Tls)));
    if !tls && (*case.kind() != Kind::ConnectionLost && !matches!(case.kind(), Kind::Timeout { .. })) {
        return None;
    }
    let (certainty, cause) = match tls {
        true => (Likely, format!("The server says nothing: port {port} is for TLS from the first byte.")),
        false => (
            Possible,
            format!("The server was reached on port {port} and did not greet: it may be waiting for TLS to begin."),
        ),
    };
    let security = case.security()?;
    let unknown =
        (!tls).then(|| "Or something else than mail answers there: `mailtrip doctor` finds out what.".to_owned());
    let other =
        tls.then(|| format!("Or keep {security} and use the port that begins in plaintext: {}.", plain_port(case)));
    Some(
        case.because("silent-tls-port", certainty, cause)
            .advise_all(published(case))
            .advise(format!("Set {} (it is {security} now).", case.setting("security", "\"tls\"")))
            .advise_all(other)
            .advise_all(unknown)
            .advise(
                "Antivirus programs that read mail on the way can hold a connection up: switch it off for one test.",
            ),
    )
}

/// The server speaks plaintext where TLS was to begin.
pub fn plaintext_on_tls_port(case: &Case) -> Option<Diagnosis> {
    let Kind::PlaintextOnTlsPort { .. } = case.kind() else { return None };
    let port = case.port_number();
    let cause = format!("Port{port} of {} begins in plaintext, but `tls` means TLS from the first byte.", case.host());
    let starttls = case.setting("security", "\"starttls\"");
    let tls_port = known::tls_port(case.protocol());
    let diagnosis = case.because("plaintext-on-tls-port", Certain, cause).advise_all(published(case));
    if case.protocol() == Protocol::Smtp && case.port() == Some(25) {
        let instead = case.submission_port();
        return Some(diagnosis.advise(format!("Port 25 is for mail between servers: {instead}.")));
    }
    let diagnosis =
        diagnosis.advise(format!("Set {starttls}: the connection is encrypted then, before the password is sent."));
    if case.port() == Some(tls_port) {
        return Some(diagnosis.advise(format!("Check {}: another service may answer there.", case.key("host"))));
    }
    let port = case.setting("port", &tls_port.to_string());
    Some(diagnosis.advise(format!("Or keep {} and set {port}.", case.setting("security", "\"tls\""))))
}

/// The server hung up during the handshake.
pub fn tls_closed(case: &Case) -> Option<Diagnosis> {
    let lost = *case.kind() == Kind::ConnectionLost && case.stage() == Stage::Tls;
    if *case.kind() != Kind::TlsClosed && !lost {
        return None;
    }
    let cause = format!("{} closed the connection when TLS was to begin.", case.host());
    Some(
        case.because("tls-closed", Possible, cause)
            .advise_all(published(case))
            .advise(format!(
                "Check that port{} and {} belong together on the provider's settings page.",
                case.port_number(),
                case.key("security")
            ))
            .advise("A firewall, an antivirus or a VPN may cut encrypted mail connections: switch it off for one test.")
            .advise("If other machines get the same, the mail service itself is in trouble: tell the provider."),
    )
}

/// The server refused the handshake and said why by a number (RFC 8446 §6).
pub fn tls_alert(case: &Case) -> Option<Diagnosis> {
    let Kind::TlsAlert { alert } = *case.kind() else {
        return None;
    };
    let host = case.host();
    let diagnosis = match alert {
        70 => case
            .because("tls-version", Certain, format!("{host} and this machine have no version of TLS in common."))
            .advise("Tell the provider: a mail server needs TLS 1.2 or 1.3 (RFC 8996)."),
        40 | 71 => case
            .because("tls-ciphers", Likely, format!("{host} and this machine have no common way to encrypt."))
            .advise("Tell the provider: the server allows only encryption that is too old, or demands a certificate."),
        112 => case
            .because("tls-unrecognized-name", Certain, format!("The server does not know the name {host}."))
            .advise_all(published(case))
            .advise(format!("Set {} to the name on the provider's settings page.", case.key("host"))),
        _ => case
            .because(
                "tls-alert",
                Possible,
                format!("{host} refused the TLS handshake by alert {alert}{}.", alert_name(alert)),
            )
            .advise("Tell the provider the number of the alert: it is the server that refuses."),
    };
    Some(diagnosis.seen(format!("TLS alert {alert}{}", alert_name(alert))).advise(middle()))
}

/// The server chose a version of TLS that this machine does not take.
pub fn tls_version(case: &Case) -> Option<Diagnosis> {
    let Kind::TlsVersion { version } = case.kind() else { return None };
    let cause = format!("{} offers nothing newer than {version}, which is too old to be safe.", case.host());
    Some(
        case.because("tls-version", Certain, cause)
            .advise_all(published(case))
            .advise("Tell the provider: a mail server needs TLS 1.2 or 1.3 (RFC 8996).")
            .advise(middle()),
    )
}

/// TLS failed in a way of which no more is known.
pub fn tls_failed(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::TlsFailed {
        return None;
    }
    let cause = format!("No encrypted connection to {} came about.", case.host());
    let diagnosis = case.because("tls-failed", Possible, cause).advise_all(published(case));
    Some(diagnosis.advise(middle()).advise(format!(
        "Check that port{} and {} belong together on the provider's settings page.",
        case.port_number(),
        case.key("security")
    )))
}

/// Something on the way has overwritten the offer of STARTTLS.
pub fn starttls_stripped(case: &Case) -> Option<Diagnosis> {
    let stripped = |fact: &Fact| match fact {
        Fact::Capabilities { names } => names.iter().any(|name| name.len() >= 4 && name.bytes().all(|b| b == b'X')),
        _ => false,
    };
    let seen = [Stage::Greeting, Stage::Starttls].into_iter().any(|stage| case.facts(stage).any(stripped));
    if *case.kind() != Kind::StarttlsNotOffered || !seen {
        return None;
    }
    let cause = "A firewall on the way overwrites the server's offer to encrypt: a keyword reads XXXX.";
    Some(
        case.because("starttls-stripped", Likely, cause)
            .advise_all(published(case))
            .advise("Switch off the inspection of mail (\"SMTP fixup\", \"ESMTP inspection\", mail shield) on the way.")
            .advise(use_tls(case)),
    )
}

/// The server does not offer STARTTLS.
pub fn starttls_not_offered(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::StarttlsNotOffered {
        return None;
    }
    let cause = format!("{} does not offer STARTTLS on port{}.", case.host(), case.port_number());
    Some(
        case.because("starttls-not-offered", Certain, cause)
            .advise_all(published(case))
            .advise(use_tls(case))
            .advise("Antivirus programs and firewalls that read mail remove the offer: switch it off for one test.")
            .advise("Do not give encryption up: without it the password can be read on the way."),
    )
}

/// STARTTLS is offered and refused.
pub fn starttls_refused(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Starttls) {
        return None;
    }
    let cause = format!("{} offers STARTTLS, but refuses to begin it.", case.host());
    let diagnosis = case.because("starttls-refused", Certain, cause).advise_all(published(case));
    Some(
        match case.is_temporary() {
            true => diagnosis.advise("The server calls this temporary: try again in some minutes."),
            false => diagnosis.advise("Tell the provider: its server cannot use its certificate or key."),
        }
        .advise(use_tls(case)),
    )
}

/// More than the answer came before TLS began.
pub fn injected(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::InjectedPlaintext {
        return None;
    }
    let cause = "More than the answer to STARTTLS came in plaintext: somebody on the way may be adding to it.";
    Some(
        case.because("injected-plaintext", Likely, cause)
            .advise_all(published(case))
            .advise(use_tls(case))
            .advise("Try from another network. If it happens there too, the server is at fault: tell the provider.")
            .advise("No password was sent."),
    )
}

/// A password would have to go unencrypted.
pub fn cleartext_forbidden(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::CleartextForbidden {
        return None;
    }
    let cause = "The password would go over the network unencrypted, so it was not sent.";
    Some(
        case.because("cleartext-forbidden", Certain, cause)
            .advise_all(published(case))
            .advise(format!(
                "Set {}, or {} with {}.",
                case.setting("security", "\"starttls\""),
                case.setting("security", "\"tls\""),
                case.setting("port", &known::tls_port(case.protocol()).to_string())
            ))
            .advise("Only for a test server on a network of your own: `allow_cleartext_password = true`."),
    )
}

/// The server greets with a refusal.
pub fn turned_away(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Greeting) {
        return None;
    }
    let host = case.host();
    if case.is_temporary() {
        let cause = match case.says(limit::TOO_MANY) {
            true => format!("{host} has seen too many connections from here, and takes no more for now."),
            false => format!("{host} has no time for this connection right now."),
        };
        let usual = "Try again in some minutes, and less often: too many connections look like this.";
        return Some(
            case.because("turned-away-for-now", Likely, cause)
                .advise(wait(case, usual))
                .advise("Close other mail programs of the account, and let a schedule run this check less often."),
        );
    }
    let diagnosis = case.because("turned-away", Likely, format!("{host} does not talk to this machine."));
    let diagnosis = diagnosis.advise_all(published(case));
    let diagnosis = match case.protocol() {
        Protocol::Smtp if case.port() == Some(25) => diagnosis
            .advise(format!("Port 25 is for mail between servers: {}.", case.submission_port()))
            .advise("The address of this machine may be on a block list: try from another network, without a VPN."),
        Protocol::Smtp => diagnosis
            .advise("The address of this machine may be on a block list: try from another network, without a VPN.")
            .advise(format!("Check {}: it may be a server that only takes mail from other servers.", case.key("host"))),
        Protocol::Imap | Protocol::Pop3 => diagnosis
            .advise("The provider may have blocked this machine or VPN: try from another network.")
            .advise(format!("Check {} and {}.", case.key("host"), case.key("port"))),
    };
    Some(diagnosis)
}

/// `smtp.port = 465` with `smtp.security = "tls"`.
fn use_tls(case: &Case) -> String {
    format!(
        "Use TLS from the first byte: set {} with {}.",
        case.setting("port", &known::tls_port(case.protocol()).to_string()),
        case.setting("security", "\"tls\"")
    )
}

fn plain_port(case: &Case) -> String {
    case.setting("port", &known::starttls_port(case.protocol()).to_string())
}

fn middle() -> String {
    "An antivirus, a firewall or a VPN may stand in between: switch it off for one test.".to_owned()
}

/// The name of an alert as RFC 8446 §6 has it, behind a space and in brackets.
fn alert_name(alert: u8) -> &'static str {
    match alert {
        0 => " (close_notify)",
        10 => " (unexpected_message)",
        20 => " (bad_record_mac)",
        22 => " (record_overflow)",
        40 => " (handshake_failure)",
        42 => " (bad_certificate)",
        43 => " (unsupported_certificate)",
        44 => " (certificate_revoked)",
        45 => " (certificate_expired)",
        46 => " (certificate_unknown)",
        47 => " (illegal_parameter)",
        48 => " (unknown_ca)",
        49 => " (access_denied)",
        50 => " (decode_error)",
        51 => " (decrypt_error)",
        70 => " (protocol_version)",
        71 => " (insufficient_security)",
        80 => " (internal_error)",
        86 => " (inappropriate_fallback)",
        90 => " (user_canceled)",
        109 => " (missing_extension)",
        110 => " (unsupported_extension)",
        112 => " (unrecognized_name)",
        113 => " (bad_certificate_status_response)",
        115 => " (unknown_psk_identity)",
        116 => " (certificate_required)",
        120 => " (no_application_protocol)",
        _ => "",
    }
}
