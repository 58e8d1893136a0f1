//! Rules for what happens before the first byte: names, addresses, ports.

use crate::account::{Family, Protocol, Security};
use crate::failure::Kind;
use crate::outcome::Fact;
use crate::stage::Stage;

use super::case::{Case, dialled, family};
use super::host;
use super::known;
use super::published::published;
use super::{Certainty::*, Diagnosis};

/// The name has no address.
pub fn host_not_found(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::HostNotFound {
        return None;
    }
    let host = case.host();
    // Where no name at all is found, the names may be right and DNS not at work.
    let (certainty, cause) = match case.reached_nothing() {
        true => (Likely, format!("The name {host} was not found, nor was any other server reached.")),
        false => (Certain, format!("There is no server of the name {host}.")),
    };
    let known = published(case).or_else(|| host::respelt(case));
    let mut diagnosis = case.because("host-not-found", certainty, cause).advise_all(known);
    if host.contains('@') || host.contains("://") {
        diagnosis = diagnosis.advise(format!("{} is a host name only, such as mail.example.net.", case.key("host")));
    }
    Some(
        diagnosis
            .advise(format!("Compare {} letter by letter with the provider's own settings page.", case.key("host")))
            .advise_all(offline(case)),
    )
}

/// Only addresses of one family were asked for, and the host has none of it.
pub fn no_address_of_family(case: &Case) -> Option<Diagnosis> {
    let Kind::NoAddressOfFamily { family, others } = case.kind() else { return None };
    let host = case.host();
    let cause = format!("{host} has no {family} address; it has: {}.", others.join(", "));
    let flag = if *family == Family::Ipv6 { "-6" } else { "-4" };
    Some(
        case.because("no-address-of-family", Certain, cause)
            .advise(format!(
                "Remove {} or `address_family`, whichever is there, or {flag} on the command line, to use what it has.",
                case.key("address_family")
            ))
            .advise(format!("If the host should have one, tell who runs it: its name has no record for {family}.")),
    )
}

/// The name could not be looked up.
pub fn resolver_failed(case: &Case) -> Option<Diagnosis> {
    let slow = matches!(case.kind(), Kind::Timeout { .. }) && case.stage() == Stage::Resolve;
    if *case.kind() != Kind::ResolverFailed && !slow {
        return None;
    }
    let cause = format!("The name {} could not be looked up: DNS does not work on this machine.", case.host());
    Some(
        case.because("resolver-failed", Likely, cause)
            .advise("Check the internet connection of this machine.")
            .advise("Disconnect a VPN for the test: it may bring DNS servers of its own that do not answer.")
            .advise("Check the DNS servers of this machine (on Linux in /etc/resolv.conf)."),
    )
}

/// The host is there and the port is closed.
pub fn refused(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::ConnectionRefused {
        return None;
    }
    let cause = format!("{} is there, but nothing answers on port{}.", case.host(), case.port_number());
    let diagnosis = case.because("connection-refused", Likely, cause);
    let diagnosis = diagnosis.advise_all(published_or_meant(case)).advise_all(other_port(case));
    Some(addresses(case, diagnosis).advise(right_host(case)).advise_all(blocked(case)).advise(format!(
        "If port{} is right, the mail service on {} may be down: try again later.",
        case.port_number(),
        case.host()
    )))
}

/// All addresses that may be used are IPv6, and this machine has no way there.
pub fn only_ipv6(case: &Case) -> Option<Diagnosis> {
    let unreachable = *case.kind() == Kind::Unreachable;
    let tried = case.tried().count();
    if !unreachable || tried == 0 || case.tried().any(|(address, _)| family(address) == "IPv4") {
        return None;
    }
    let host = case.host();
    let has_ipv4 = case.facts(Stage::Resolve).any(|fact| match fact {
        Fact::Addresses { addresses } => addresses.iter().any(|address| family(address) == "IPv4"),
        _ => false,
    });
    let (cause, instead) = match has_ipv4 {
        true => (
            format!("This machine cannot reach the IPv6 addresses of {host}, and no others are to be used."),
            format!(
                "Or remove {}, or -6 on the command line: there are IPv4 addresses too.",
                case.key("address_family")
            ),
        ),
        false => (
            format!("{host} has only IPv6 addresses, and this machine cannot reach them."),
            format!("Ask the provider for a server with an IPv4 address, and set {} to it.", case.key("host")),
        ),
    };
    let diagnosis = case
        .because("only-ipv6", Certain, cause)
        .advise("Get IPv6 for this machine, or run the test from a network that has it.")
        .advise(instead);
    Some(addresses(case, diagnosis))
}

/// There is no way to the host.
pub fn unreachable(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::Unreachable {
        return None;
    }
    let cause = format!("This machine has no way to {}: the network is down, or something rejects it.", case.host());
    let diagnosis = case.because("unreachable", Likely, cause).advise_all(published(case));
    let diagnosis = diagnosis.advise_all(offline(case)).advise_all(blocked(case));
    Some(addresses(case, diagnosis))
}

/// Port 25 is closed to customers by most access providers.
pub fn port_25_blocked(case: &Case) -> Option<Diagnosis> {
    if !unanswered(case) || case.port() != Some(25) || case.protocol() != Protocol::Smtp {
        return None;
    }
    let cause = "Nothing answers on port 25. Most internet access providers block that port for their customers.";
    let diagnosis = case.because("port-25-blocked", Likely, cause).advise_all(published(case));
    let advice = format!("Mail programs submit on another port: {}.", case.submission_port());
    Some(addresses(case, diagnosis).advise(advice))
}

/// Nothing came back.
pub fn no_answer(case: &Case) -> Option<Diagnosis> {
    if !unanswered(case) {
        return None;
    }
    let cause = format!(
        "Nothing answers on port{} of {}: something on the way drops the connection, or the server is down.",
        case.port_number(),
        case.host()
    );
    // A port of another protocol is suspected before a firewall is.
    let usual = case.port().and_then(known::usual);
    let (first, last) = match usual.is_some_and(|(protocol, _)| protocol != case.protocol()) {
        true => (other_port(case), None),
        false => (None, other_port(case)),
    };
    let diagnosis = case.because("no-answer", Likely, cause).advise_all(published_or_meant(case)).advise_all(first);
    let diagnosis = diagnosis.advise_all(offline(case)).advise_all(blocked(case));
    Some(addresses(case, diagnosis).advise(right_host(case)).advise_all(last))
}

/// What the provider publishes, or else the host that is probably meant.
fn published_or_meant(case: &Case) -> Option<String> {
    published(case).or_else(|| host::instead(case))
}

fn right_host(case: &Case) -> String {
    format!("Compare {} with the provider's own settings page.", case.key("host"))
}

fn unanswered(case: &Case) -> bool {
    let slow = matches!(case.kind(), Kind::Timeout { .. }) && case.stage() == Stage::Connect;
    *case.kind() == Kind::NoAnswer || slow
}

/// Every address with what became of it, as evidence.
fn addresses(case: &Case, diagnosis: Diagnosis) -> Diagnosis {
    case.tried().fold(diagnosis, |diagnosis, (address, result)| {
        diagnosis.seen(format!("{address} ({}): {}", family(address), dialled(result)))
    })
}

/// What to do where no server at all was reached.
fn offline(case: &Case) -> Option<String> {
    let advice = "Check the internet connection of this machine: none of the configured servers was reached.";
    case.reached_nothing().then(|| advice.to_owned())
}

fn blocked(case: &Case) -> [String; 2] {
    let port = case.port_number();
    [
        format!(
            "A firewall or antivirus on this machine may block port{port}: switch it off for one test, then allow it."
        ),
        "Disconnect a VPN for the test, or try another network: some block mail ports.".to_owned(),
    ]
}

/// The usual port, where the configured one is not usual for the protocol and the security.
fn other_port(case: &Case) -> Option<String> {
    let (port, security) = (case.port()?, case.security()?);
    let right = known::port(case.protocol(), security);
    if port == right {
        let tls = security == Security::Tls;
        let (other, word) = match tls {
            true => (known::starttls_port(case.protocol()), "\"starttls\""),
            false => (known::tls_port(case.protocol()), "\"tls\""),
        };
        let (port, security) = (case.setting("port", &other.to_string()), case.setting("security", word));
        return Some(format!("Try the provider's other usual port: {port} with {security}."));
    }
    let belongs = match known::usual(port) {
        Some((protocol, _)) if protocol != case.protocol() => format!(" {port} is a port for {protocol}."),
        _ => String::new(),
    };
    let setting = case.setting("port", &right.to_string());
    Some(format!("Check the port: with security {security} the usual one is {setting}.{belongs}"))
}
