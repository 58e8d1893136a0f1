//! Rules for a port where another service answers than the one that was expected.

use crate::account::{Protocol, Security};
use crate::failure::{Kind, Speech};
use crate::outcome::Fact;
use crate::stage::Stage;

use super::case::Case;
use super::host;
use super::known;
use super::published::published;
use super::{Certainty, Certainty::*, Diagnosis};

/// FTP has this port, and greets as SMTP does.
const FTP: u16 = 21;

/// It was heard what the server speaks, and that is not what was expected.
pub fn wrong_protocol(case: &Case) -> Option<Diagnosis> {
    let expected = Speech::from(case.protocol());
    let speaks = match *case.kind() {
        Kind::WrongProtocol { speaks } => speaks,
        Kind::PlaintextOnTlsPort { speaks: Some(speaks) } if speaks != expected => speaks,
        _ => return None,
    };
    let usual = case.port().and_then(known::usual);
    let (certainty, server) = match (speaks, usual) {
        (Speech::Smtp, _) if case.port() == Some(FTP) => (Likely, "an FTP server"),
        // FTP greets with the same code.
        (Speech::Smtp, usual) if !matches!(usual, Some((Protocol::Smtp, _))) => (Likely, speaks.server()),
        _ => (Certain, speaks.server()),
    };
    let cause = format!("{} is {server}, and {} was expected there.", place(case), case.protocol());
    Some(corrected(case, certainty, cause, (speaks == Speech::Http).then(in_its_place)))
}

/// The server waits, and its port is one where something else is expected: HTTPS waits to be asked, and whoever begins
/// with TLS waits for TLS.
pub fn silent(case: &Case) -> Option<Diagnosis> {
    let silent = matches!(case.kind(), Kind::Timeout { .. } | Kind::ConnectionLost | Kind::TlsClosed | Kind::TlsFailed);
    let opening = matches!(case.stage(), Stage::Tls | Stage::Greeting) && !greetings(case).any(|_| true);
    if !silent || !opening {
        return None;
    }
    let port = case.port()?;
    let server = match known::usual(port) {
        Some((protocol, _)) if protocol != case.protocol() => Speech::from(protocol).server(),
        Some(_) => return None,
        None => known::other_service(port)?,
    };
    let cause = format!(
        "{} does not greet as {} does: port {port} is the usual one of {server}.",
        case.host(),
        case.protocol()
    );
    Some(corrected(case, Likely, cause, None))
}

/// FTP greets with 220 as SMTP does, and knows no EHLO (RFC 959 §5.4).
pub fn ftp(case: &Case) -> Option<Diagnosis> {
    let refused = case.refused_at(Stage::Greeting) && case.code().is_some_and(|code| (500..600).contains(&code));
    let says_so = |text: &str| {
        let text = text.to_ascii_uppercase();
        text.contains("FTP") && !text.contains("SMTP")
    };
    let ftp = case.port() == Some(FTP) || greetings(case).any(says_so);
    if !refused || !ftp || case.protocol() != Protocol::Smtp || greetings(case).next().is_none() {
        return None;
    }
    let cause = format!("{} is probably an FTP server, and SMTP was expected there.", place(case));
    Some(corrected(case, Likely, cause, None))
}

fn greetings<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a str> {
    case.record.facts.iter().filter_map(|fact| match fact {
        Fact::Greeting { text } => Some(text.as_str()),
        _ => None,
    })
}

/// `Port 143 of mail.example.net`.
fn place(case: &Case) -> String {
    match case.port() {
        Some(port) => format!("Port {port} of {}", case.host()),
        None => format!("At the port, {}", case.host()),
    }
}

/// With the lines to change: the host, where the port is one of the protocol that is expected, else the port.
fn corrected(case: &Case, certainty: Certainty, cause: String, portal: Option<String>) -> Diagnosis {
    let protocol = case.protocol();
    let diagnosis = case.because("wrong-protocol", certainty, cause).advise_all(published(case));
    let usual = case.port().and_then(known::usual);
    if usual.is_some_and(|(of, _)| of == protocol) {
        return diagnosis.advise(other_host(case)).advise_all(portal);
    }
    let security = case.security().unwrap_or(Security::Tls);
    let (other, word) = match security {
        Security::Tls => (Security::Starttls, "\"starttls\""),
        Security::Starttls | Security::None => (Security::Tls, "\"tls\""),
    };
    let right = |security| case.setting("port", &known::port(protocol, security).to_string());
    diagnosis
        .advise_all(both(case, &right(security)))
        .advise(format!("Set {}: with security {security} it is the usual port of {protocol}.", right(security)))
        .advise(format!("Or set {} with {}.", right(other), case.setting("security", word)))
        .advise(host_too(case))
        .advise_all(portal)
}

/// Host and port are those of one other protocol, so that neither is right.
fn both(case: &Case, port: &str) -> Option<String> {
    let (of, _) = case.port().and_then(known::usual)?;
    known::namesake(case.host(), case.protocol())?;
    let name = host::misplaced(case).filter(|_| known::namesake(case.host(), of).is_none())?;
    Some(format!("Set {} with {port}: both are those of {of}.", host::setting(case, &name)))
}

/// The port is a usual one, so it is the host.
fn other_host(case: &Case) -> String {
    let (host, protocol) = (case.key("host"), case.protocol());
    match host::misplaced(case) {
        Some(name) => {
            let setting = host::setting(case, &name);
            format!(
                "Set {setting}, or what the provider calls its {protocol} server: the port is right, the host is not."
            )
        }
        None => format!("Set {host} to the provider's {protocol} server: the port is right, the host is not."),
    }
}

fn host_too(case: &Case) -> String {
    match host::misplaced(case) {
        Some(name) => format!("Check the host, too: it may be {}.", host::setting(case, &name)),
        None => format!("Check {}, too: it has to be the provider's {} server.", case.key("host"), case.protocol()),
    }
}

fn in_its_place() -> String {
    "A hotel's or a company's network may answer in the server's place: try from another network.".to_owned()
}
