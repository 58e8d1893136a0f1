//! What the doctor has found, for people and for programs.

use mailtrip::account::Protocol;
use mailtrip::diagnose::{Diagnosis, Verdict};
use mailtrip::doctor::judgement::Finding;
use mailtrip::doctor::machine::Machine;
use mailtrip::doctor::prescription::Lack;
use mailtrip::doctor::sight::{Sight, State};
use mailtrip::doctor::{Examination, Folder, NotSignedIn, Server};
use mailtrip::failure::Kind;
use mailtrip::outcome::Role;
use mailtrip::report::human::{count, few};
use mailtrip::report::printable::printable;
use mailtrip::report::{self, words};
use serde::Serialize;

use super::discover::reason;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    verdict: Verdict,
    accounts: &'a [Examination],
}

/// One object, whatever the number of accounts.
pub fn json(examinations: &[Examination], verdict: Verdict) -> String {
    report::json::write(&Document { schema: 1, verdict, accounts: examinations })
}

/// For people: the servers with what to change, then what was looked at, then whose fault it is.
pub fn text(examination: &Examination) -> String {
    let Examination { account, address, verdict, servers, .. } = examination;
    let name = if account == address { String::new() } else { format!("{account}: ") };
    let mut text = format!("{}\n", printable(&format!("{name}{address}")));
    servers.iter().for_each(|server| text += &entry(server));
    examination.lacking.iter().for_each(|lack| text += &lacking(lack, address));
    text += &format!("\n{}\n", receiving(examination));
    if !examination.lines.is_empty() {
        text += "\nLines of a configuration that work\n";
    }
    examination.lines.iter().for_each(|line| text += &format!("  {}\n", printable(line)));
    text + &seen(examination) + &format!("\n{verdict}: {}\n", conclusion(examination))
}

/// The same after a verification that failed, which has its own verdict.
pub fn look(examination: &Examination) -> String {
    let name = printable(&examination.account);
    let mut text = format!("\nAnother look at the servers of {name}, without a sign-in\n");
    examination.servers.iter().for_each(|server| text += &entry(server));
    text + &seen(examination)
}

fn seen(examination: &Examination) -> String {
    let Examination { ports, machine, neighbour, findings, .. } = examination;
    let mut text = "\nWhat the ports speak\n".to_owned();
    text += &table(ports);
    if let Some(neighbour) = neighbour {
        text += "  another provider, for comparison\n";
        text += &row(neighbour);
    }
    if !findings.is_empty() {
        text += "\nWhere the fault is\n";
    }
    findings.iter().for_each(|finding| text += &judged(finding));
    text + &format!("\n{}\n", way_out(machine))
}

fn entry(server: &Server) -> String {
    let Server { protocol, host, port, security, failure, .. } = server;
    let place = printable(&format!("{host}:{port} {security}"));
    let sign = match server.verdict() {
        Verdict::Ok => "✓",
        Verdict::Warning => "!",
        Verdict::Critical | Verdict::Unknown => "✗",
    };
    let mut text = format!("\n{sign} {protocol}  {place}\n");
    if let Some(failure) = failure {
        text += &match (&failure.kind, &failure.detail) {
            (Kind::Malformed, Some(heard)) => printable(&format!("    It is not what is configured: {heard}.")) + "\n",
            _ => format!("    {}\n", reason(failure)),
        };
    }
    text += &signed_in(server);
    server.diagnoses.iter().for_each(|diagnosis| text += &diagnosed(diagnosis));
    for change in &server.changes {
        text += &printable(&format!("    → {} instead of {}", change.line(), change.instead_of));
        text += "\n";
    }
    if failure.is_some() && server.changes.is_empty() {
        text += "    No other way in with a valid certificate was found.\n";
    }
    text
}

fn lacking(lack: &Lack, address: &str) -> String {
    let Lack { protocol, line, seen } = lack;
    let why = if *protocol == Protocol::Smtp { "nothing can be sent" } else { "nothing can be received" };
    let mut text = format!("\n· {protocol}  is not configured: {why} with this account\n");
    text += &match line {
        None => printable(&format!("    No server for it was seen. To look for one: mailtrip discover {address}")),
        Some(line) => printable(&format!("    → {line}")),
    };
    text += match line {
        None => "\n",
        Some(_) if *seen => "\n      That server was seen, with a valid certificate.\n",
        Some(_) => "\n      Your provider states that server; it was not seen from here.\n",
    };
    text
}

fn signed_in(server: &Server) -> String {
    let username = printable(&server.username);
    let mut lines = vec![match (server.not_signed_in, server.signed_in) {
        (Some(NotSignedIn::NoPassword), _) => "You are not signed in: the password is not at hand.".to_owned(),
        (Some(NotSignedIn::NotAsConfigured), _) => "You are not signed in there: the password was not sent.".to_owned(),
        (Some(NotSignedIn::NotEncrypted), _) => {
            "You are not signed in: without encryption, the password could be read on the way.".to_owned()
        }
        (Some(NotSignedIn::NotReached), _) => "You are not signed in: it did not get that far.".to_owned(),
        (Some(NotSignedIn::Stopped), _) => "You are not signed in: it was stopped before that.".to_owned(),
        (Some(NotSignedIn::NotAsked), _) => return String::new(),
        (None, false) => format!("The sign-in as {username} did not go well."),
        (None, true) => {
            let by = server.mechanism.as_deref().map(|name| format!(" by {}", printable(name))).unwrap_or_default();
            format!("Signed in as {username}{by}.")
        }
    }];
    if !server.folders.is_empty() {
        let folders: Vec<String> = server.folders.iter().map(folder).collect();
        lines.push(folders.join(", "));
    }
    if let Some(quota) = server.quota {
        let full = if quota.is_nearly_full() { " The mailbox is nearly full: delete something." } else { "" };
        lines.push(format!("{}.{full}", words::quota(quota.used_kib, quota.limit_kib)));
    }
    if !server.capabilities.is_empty() {
        lines.push(printable(&format!("It offers {}.", few(&server.capabilities, 12))));
    }
    lines.iter().map(|line| format!("    {line}\n")).collect()
}

fn folder(folder: &Folder) -> String {
    let role = match folder.role {
        Role::Inbox => "inbox",
        Role::Junk => "junk",
        Role::Sent => "sent",
    };
    let messages = folder.messages.map(|number| format!(" with {}", count(u64::from(number), "message")));
    printable(&format!("{role}: {}{}", folder.name, messages.unwrap_or_default()))
}

fn diagnosed(diagnosis: &Diagnosis) -> String {
    let advice = diagnosis.advice.iter().map(|advice| format!("      {}\n", printable(advice)));
    format!("    {}\n{}", printable(&diagnosis.cause), advice.collect::<String>())
}

fn receiving(examination: &Examination) -> &'static str {
    match (examination.receive, examination.both) {
        (Some(Protocol::Imap), true) => {
            "To receive: IMAP and POP3 are both there. Choose IMAP: it keeps your mail on the server, for all your devices."
        }
        (Some(Protocol::Imap), false) => "To receive: IMAP is there, and POP3 was not seen. Choose IMAP.",
        (Some(_), _) => "To receive: only POP3 works here. Choose POP3.",
        (None, _) => "To receive: neither IMAP nor POP3 was seen to work.",
    }
}

/// A line a port that says something; those that do not, in a line a host.
fn table(ports: &[Sight]) -> String {
    let quiet = |sight: &Sight| !sight.configured && matches!(sight.state, State::Closed | State::NoAnswer);
    let mut text: String = ports.iter().filter(|sight| !quiet(sight)).map(row).collect();
    let mut told: Vec<(&str, State)> = Vec::new();
    for sight in ports.iter().filter(|sight| quiet(sight)) {
        let group = (sight.host.as_str(), sight.state);
        if told.contains(&group) {
            continue;
        }
        told.push(group);
        let same = ports.iter().filter(|other| quiet(other) && (other.host.as_str(), other.state) == group);
        let numbers: Vec<String> = same.map(|other| other.port.to_string()).collect();
        let noun = if numbers.len() == 1 { "port" } else { "ports" };
        let host = printable(&sight.host);
        text += &format!("  {host}, {noun} {}: {}\n", numbers.join(", "), state(sight.state));
    }
    text
}

fn row(sight: &Sight) -> String {
    let place = printable(&format!("{}:{}", sight.host, sight.port));
    let protocol = sight.speaks.map(|protocol| format!("{protocol}, ")).unwrap_or_default();
    let mark = if sight.configured { "  (configured)" } else { "" };
    let more = match (&sight.certificate_not_after, &sight.failure, sight.state) {
        (Some(until), ..) => format!(", certificate good until {}", printable(until.get(..10).unwrap_or(until))),
        (None, Some(failure), State::BadCertificate | State::NoTls | State::Plain) => format!(": {}", reason(failure)),
        _ => String::new(),
    };
    format!("  {place:<34}{protocol}{}{more}{mark}\n", state(sight.state))
}

fn state(state: State) -> &'static str {
    match state {
        State::Tls => "TLS",
        State::Starttls => "STARTTLS",
        State::Plain => "no encryption",
        State::BadCertificate => "certificate not good",
        State::NoTls => "TLS that comes to nothing",
        State::Silent => "takes connections and says nothing",
        State::SomethingElse => "something else than mail",
        State::Closed => "closed",
        State::NoAnswer => "no answer",
        State::NoWay => "no way there",
        State::NoName => "the name has no address",
        State::NoResolver => "the name cannot be looked up",
    }
}

fn judged(finding: &Finding) -> String {
    let cause = format!("{} ({})", finding.cause, finding.certainty);
    format!("  {}\n    → {}\n", printable(&cause), printable(&finding.advice))
}

fn way_out(machine: &Machine) -> String {
    let interfaces = match &machine.default_route {
        None => return "This machine's way to the internet is not known.".to_owned(),
        Some(none) if none.is_empty() => return "This machine has no route to the internet.".to_owned(),
        Some(interfaces) => printable(&interfaces.join(", ")),
    };
    let tunnel = if machine.tunnels.is_empty() { "" } else { ", which looks like a VPN" };
    format!("This machine's way to the internet leads through {interfaces}{tunnel}.")
}

fn conclusion(examination: &Examination) -> String {
    let Examination { servers, verdict, interrupted, .. } = examination;
    let all = |test: fn(&Server) -> bool| servers.iter().all(test);
    let bad: Vec<String> = servers
        .iter()
        .filter(|server| server.verdict() > Verdict::Warning)
        .map(|server| server.protocol.to_string())
        .collect();
    match verdict {
        Verdict::Ok => "everything that is configured works".to_owned(),
        Verdict::Warning if all(|server| server.signed_in) => "it works, with remarks".to_owned(),
        Verdict::Warning => "the servers are as configured, but you are not signed in at all of them".to_owned(),
        Verdict::Critical => format!("{} does not work as it is configured", bad.join(" and ")),
        Verdict::Unknown if *interrupted => "it was stopped before everything was looked at".to_owned(),
        Verdict::Unknown if servers.is_empty() => "the account has no server".to_owned(),
        Verdict::Unknown => "the servers could not be seen from here".to_owned(),
    }
}
