//! Which host may be meant where the configured one is not the right one: a guess from its name, from the account's other
//! servers and from the domain of its address. It is offered, and never taken for a fact.

use std::net::IpAddr;

use crate::account::Protocol;
use crate::outcome::Status;
use crate::stage::Stage;

use super::case::Case;
use super::known;

/// What stands before a domain where it is not a mail server that is named.
const OF_THE_WEB: &[&str] = &["www", "web", "webmail", "ftp"];

/// What mail servers are called.
const LABELS: &[&str] = &["smtp", "imap", "pop", "pop3", "mail"];

/// The line to try instead of a host that is there and is not the right one.
pub fn instead(case: &Case) -> Option<String> {
    let name = misplaced(case)?;
    Some(format!("Try {}: {}.", setting(case, &name), reason(case)))
}

/// The line to try instead of a name that was not found.
pub fn respelt(case: &Case) -> Option<String> {
    let name = misplaced(case).or_else(|| sibling(case)).or_else(|| corrected(case))?;
    Some(format!("Try {}: {} does not exist.", setting(case, &name), case.host()))
}

/// A host for this protocol, where the configured one is by its name for something else.
pub fn misplaced(case: &Case) -> Option<String> {
    let host = case.server?.host.as_str();
    let namesake = known::namesake(host, case.protocol());
    if namesake.is_none() && !is_no_mail_server(case, host) {
        return None;
    }
    let own = || (!is_local(host)).then(|| named(case.protocol(), domain(host)));
    sibling(case).or(namesake).or_else(own)
}

/// `smtp.host = "smtp.example.net"`.
pub fn setting(case: &Case, name: &str) -> String {
    case.setting("host", &format!("\"{name}\""))
}

fn reason(case: &Case) -> String {
    let (host, protocol) = (case.host(), case.protocol());
    match known::namesake(host, protocol) {
        Some(_) => format!("by its name, {host} is for another protocol than {protocol}"),
        None if is_local(host) => format!("{host} is this machine itself"),
        None => format!("by its name, {host} is a web server, and the one for {protocol} mostly has a name of its own"),
    }
}

/// Whether it is called like the domain of the address, or like a web server.
fn is_no_mail_server(case: &Case, host: &str) -> bool {
    let of_address = case.address().and_then(|address| address.rsplit_once('@')).map(|(_, domain)| domain);
    of_address.is_some_and(|domain| domain.eq_ignore_ascii_case(host)) || domain(host) != host || is_local(host)
}

/// This machine: a bridge may listen there, where it is not the account's other servers that are elsewhere.
fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

/// The domain behind a label of the web.
fn domain(host: &str) -> &str {
    match host.split_once('.') {
        Some((label, domain)) if OF_THE_WEB.contains(&label.to_ascii_lowercase().as_str()) => domain,
        _ => host,
    }
}

/// The host as another server of the same account that was reached has it: the same one, or its name with this protocol in it.
fn sibling(case: &Case) -> Option<String> {
    let reached = case.outcome.stages.iter().filter(|record| {
        let other = record.account == case.record.account && record.at.protocol != case.protocol();
        other && record.at.stage == Stage::Connect && record.status == Status::Passed
    });
    let mut hosts = reached.filter_map(|record| Some(case.outcome.server(record)?.host.as_str()));
    hosts.find_map(|host| {
        let name = known::namesake(host, case.protocol()).unwrap_or_else(|| host.to_owned());
        let is_another = !name.eq_ignore_ascii_case(case.host());
        let usable = name.parse::<IpAddr>().is_err() && !is_local(&name) && !is_no_mail_server(case, &name);
        (is_another && usable).then_some(name)
    })
}

/// A name with its letters in order, where its first label is nearly a usual one, or its domain nearly that of the address.
fn corrected(case: &Case) -> Option<String> {
    let host = case.host().to_ascii_lowercase();
    let (label, domain) = host.split_once('.')?;
    let near = |one: &str, other: &str| strsim::damerau_levenshtein(one, other) == 1;
    let usual = LABELS.contains(&label);
    let own_domain = case.address()?.rsplit_once('@')?.1.to_ascii_lowercase();
    let domain = if near(domain, &own_domain) { own_domain.as_str() } else { domain };
    let label = match LABELS.iter().find(|known| near(label, known)) {
        Some(known) if !usual => known,
        _ => label,
    };
    let name = format!("{label}.{domain}");
    (name != host).then_some(name)
}

/// `smtp.example.net`, the usual name.
fn named(protocol: Protocol, domain: &str) -> String {
    let label = match protocol {
        Protocol::Smtp => "smtp",
        Protocol::Imap => "imap",
        Protocol::Pop3 => "pop",
    };
    format!("{label}.{domain}")
}
