//! What the doctor has found, for people and for programs.

use mailtrip::account::Protocol;
use mailtrip::diagnose::{Diagnosis, Verdict};
use mailtrip::doctor::machine::Machine;
use mailtrip::doctor::prescription::Lack;
use mailtrip::doctor::sight::{Sight, State};
use mailtrip::doctor::{Examination, Folder, NotSignedIn, Server};
use mailtrip::failure::{Failure, Kind};
use mailtrip::outcome::Role;
use mailtrip::report::human::{count, few};
use mailtrip::report::terminal::page::{Ink, Page};
use mailtrip::report::terminal::{Style, verdict_ink};
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

/// For people: whose fault it is, the servers with what to change, then what was looked at.
pub fn text(examination: &Examination, style: &Style) -> String {
    let Examination { account, address, verdict, servers, .. } = examination;
    let mut page = Page::new(style);
    let name = if account == address { String::new() } else { format!("{account}: ") };
    page.text(0, Ink::Bold, &format!("{name}{address}"));
    faults(&mut page, examination);
    let mut told = Vec::new();
    servers.iter().for_each(|server| entry(&mut page, server, examination, &mut told));
    examination.lacking.iter().for_each(|lack| lacking(&mut page, lack, address));
    if !examination.interrupted {
        page.blank();
        page.label("To receive: ", Ink::Bold, receiving(examination));
    }
    if !examination.lines.is_empty() {
        page.blank();
        page.text(0, Ink::Bold, "Lines of a configuration that fit what was seen");
    }
    examination.lines.iter().for_each(|line| whole(&mut page, 2, line));
    seen(&mut page, examination);
    page.blank();
    page.label(&format!("{verdict}: "), verdict_ink(*verdict), &conclusion(examination));
    page.finish()
}

/// The same after a verification that failed, which has its own verdict.
pub fn look(examination: &Examination, style: &Style) -> String {
    let mut page = Page::new(style);
    page.blank();
    page.text(0, Ink::Bold, &format!("Another look at the servers of {}, without a sign-in", examination.account));
    faults(&mut page, examination);
    let mut told = Vec::new();
    examination.servers.iter().for_each(|server| entry(&mut page, server, examination, &mut told));
    seen(&mut page, examination);
    page.finish()
}

/// A line that is copied: it is not broken.
fn whole(page: &mut Page, indent: usize, line: &str) {
    page.row(&[(Ink::Plain, format!("{}{line}", " ".repeat(indent)))], Ink::Plain, "");
}

fn faults(page: &mut Page, examination: &Examination) {
    if !examination.findings.is_empty() {
        page.blank();
        page.text(0, Ink::Bold, "Where the fault is");
    }
    for finding in &examination.findings {
        page.text(2, Ink::Plain, &format!("{} ({})", finding.cause, finding.certainty));
        page.label("    → ", Ink::Plain, &finding.advice);
    }
}

fn seen(page: &mut Page, examination: &Examination) {
    let Examination { ports, machine, neighbour, .. } = examination;
    page.blank();
    page.text(0, Ink::Bold, "What the ports speak (*: the account names it)");
    table(page, ports);
    if let Some(neighbour) = neighbour {
        page.text(2, Ink::Plain, "another provider, for comparison");
        row(page, neighbour);
    }
    page.blank();
    page.text(0, Ink::Plain, &way_out(machine));
}

/// `told`: the advice that was given already, which holds here too.
fn entry(page: &mut Page, server: &Server, examination: &Examination, told: &mut Vec<String>) {
    let Server { protocol, host, port, security, failure, changes, diagnoses, .. } = server;
    let sign = match server.verdict() {
        Verdict::Ok => "✓",
        Verdict::Warning => "!",
        Verdict::Critical | Verdict::Unknown => "✗",
    };
    page.blank();
    page.label(&format!("{sign} "), verdict_ink(server.verdict()), &format!("{protocol}  {host}:{port} {security}"));
    match failure {
        Some(Failure { kind: Kind::Interrupted, .. }) => {
            page.text(4, Ink::Plain, "Nothing was known of it yet when it was stopped.")
        }
        Some(Failure { kind: Kind::Malformed | Kind::WrongProtocol { .. }, detail: Some(heard), .. }) => {
            page.text(4, Ink::Plain, &format!("It is not what is configured: {heard}."));
        }
        Some(failure) if diagnoses.is_empty() => page.text(4, Ink::Plain, &format!("{}.", capital(&reason(failure)))),
        _ => {}
    }
    let lines = changes.iter().map(|change| format!("→ {} instead of {}", change.line(), change.instead_of));
    lines.for_each(|line| whole(page, 4, &line));
    for Diagnosis { cause, advice, .. } in diagnoses {
        page.text(4, Ink::Plain, cause);
        let new: Vec<&String> = advice.iter().filter(|advice| !told.contains(advice)).collect();
        new.iter().for_each(|advice| page.label("      - ", Ink::Plain, advice));
        told.extend(new.into_iter().cloned().collect::<Vec<_>>());
    }
    if let Some(reply) = &server.reply {
        page.text(4, Ink::Plain, "The server said:");
        page.block(6, &reply.to_string());
    }
    signed_in(page, server);
    if failure.is_some() && changes.is_empty() && !examination.interrupted {
        let text =
            format!("No other {protocol} server with a valid certificate was seen on the ports that were tried.");
        page.text(4, Ink::Plain, &text);
    }
    if let Some(text) = comparison(server, examination) {
        page.label("    → ", Ink::Plain, &text);
    }
}

/// What to do about a server of which no more is known than that it is not as configured.
fn comparison(server: &Server, examination: &Examination) -> Option<String> {
    let Server { protocol, failure, changes, diagnoses, .. } = server;
    if failure.is_none() || !changes.is_empty() || !diagnoses.is_empty() || examination.interrupted {
        return None;
    }
    let (name, address) = (protocol.to_string().to_ascii_lowercase(), &examination.address);
    Some(format!(
        "Compare `{name}.host` and `{name}.port` with what your provider states, or look for what is right: \
         `mailtrip discover {address}`"
    ))
}

/// All that is said of settings, the settings between backticks: one text for what goes together.
pub fn told(examination: &Examination) -> Vec<String> {
    let Examination { servers, lacking, findings, .. } = examination;
    let of_server = |server: &Server| {
        let changes: String = server.changes.iter().map(|change| format!("`{}`", change.line())).collect();
        let diagnoses = server.diagnoses.iter().flat_map(|one| [&[one.cause.clone()][..], &one.advice].concat());
        diagnoses.chain([changes]).chain(comparison(server, examination)).collect::<Vec<_>>()
    };
    let findings = findings.iter().map(|finding| finding.advice.clone());
    let lacking = lacking.iter().filter_map(|lack| Some(format!("`{}`", lack.line.as_ref()?)));
    findings.chain(servers.iter().flat_map(of_server)).chain(lacking).collect()
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

fn lacking(page: &mut Page, Lack { protocol, line, seen }: &Lack, address: &str) {
    let why = if *protocol == Protocol::Smtp { "nothing can be sent" } else { "nothing can be received" };
    page.blank();
    page.text(0, Ink::Plain, &format!("· {protocol}  is not configured: {why} with this account"));
    match line {
        None => {
            let text = format!("No server for it was seen. To look for one: `mailtrip discover {address}`");
            page.text(4, Ink::Plain, &text);
        }
        Some(line) => {
            whole(page, 4, &format!("→ {line}"));
            page.text(
                6,
                Ink::Plain,
                match seen {
                    true => "That server was seen, with a valid certificate.",
                    false => "Your provider states that server; it was not seen from here.",
                },
            );
        }
    }
}

fn signed_in(page: &mut Page, server: &Server) {
    let username = &server.username;
    let sentence = match (server.not_signed_in, server.signed_in) {
        (Some(NotSignedIn::NoPassword), _) => "You are not signed in: the password is not at hand.".to_owned(),
        (Some(NotSignedIn::NotAsConfigured), _) => "You are not signed in there: the password was not sent.".to_owned(),
        (Some(NotSignedIn::NotEncrypted), _) => {
            "You are not signed in: without encryption, the password could be read on the way.".to_owned()
        }
        (Some(NotSignedIn::NotReached), _) => "You are not signed in: it did not get that far.".to_owned(),
        (Some(NotSignedIn::Stopped), _) => "You are not signed in: it was stopped before that.".to_owned(),
        (Some(NotSignedIn::NotAsked), _) => return,
        (None, false) => format!("The sign-in as {username} did not go well."),
        (None, true) => {
            let by = server.mechanism.as_deref().map(|name| format!(" by {name}")).unwrap_or_default();
            format!("Signed in as {username}{by}.")
        }
    };
    page.text(4, Ink::Plain, &sentence);
    if !server.folders.is_empty() {
        let folders: Vec<String> = server.folders.iter().map(folder).collect();
        page.text(4, Ink::Plain, &folders.join(", "));
    }
    if let Some(quota) = server.quota {
        let full = if quota.is_nearly_full() { " The mailbox is nearly full: delete something." } else { "" };
        page.text(4, Ink::Plain, &format!("{}.{full}", words::quota(quota.used_kib, quota.limit_kib)));
    }
    if !server.capabilities.is_empty() {
        page.text(4, Ink::Dim, &format!("It offers {}.", few(&server.capabilities, 12)));
    }
}

fn folder(folder: &Folder) -> String {
    let role = match folder.role {
        Role::Inbox => "inbox",
        Role::Junk => "junk",
        Role::Sent => "sent",
    };
    let messages = folder.messages.map(|number| format!(" with {}", count(u64::from(number), "message")));
    format!("{role}: {}{}", folder.name, messages.unwrap_or_default())
}

fn receiving(examination: &Examination) -> &'static str {
    match (examination.receive, examination.both) {
        (Some(Protocol::Imap), true) => {
            "IMAP and POP3 are both there. Choose IMAP: it keeps your mail on the server, for all your devices."
        }
        (Some(Protocol::Imap), false) => "IMAP is there, and POP3 was not seen. Choose IMAP.",
        (Some(_), _) => {
            "POP3 is there, and IMAP was not seen to work. If your provider has IMAP, it is the better choice: it keeps your \
             mail on the server, for all your devices."
        }
        (None, _) => "neither IMAP nor POP3 was seen to work.",
    }
}

/// A line a port that says something; those that do not, in a line a host.
fn table(page: &mut Page, ports: &[Sight]) {
    let quiet = |sight: &Sight| !sight.configured && !sight.state.says_something();
    ports.iter().filter(|sight| !quiet(sight)).for_each(|sight| row(page, sight));
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
        page.label("  ", Ink::Plain, &format!("{}, {noun} {}: {}", sight.host, numbers.join(", "), state(sight.state)));
    }
}

fn row(page: &mut Page, sight: &Sight) {
    let place = format!("{}:{}", sight.host, sight.port);
    let mark = if sight.configured { '*' } else { ' ' };
    let protocol = sight.speaks.map(|protocol| format!("{protocol}, ")).unwrap_or_default();
    let more = match (&sight.certificate_not_after, &sight.failure, sight.state) {
        (Some(until), ..) => format!(", certificate good until {}", until.get(..10).unwrap_or(until)),
        (None, Some(failure), State::BadCertificate | State::NoTls | State::Plain) => format!(": {}", reason(failure)),
        _ => String::new(),
    };
    let text = format!("{protocol}{}{more}", state(sight.state));
    page.hanging(&[(Ink::Plain, format!("{mark} {place:<27} "))], 6, Ink::Plain, &text);
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

fn way_out(machine: &Machine) -> String {
    let interfaces = match &machine.default_route {
        None => return "This machine's way to the internet is not known.".to_owned(),
        Some(none) if none.is_empty() => return "This machine has no route to the internet.".to_owned(),
        Some(interfaces) => interfaces.join(", "),
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
        Verdict::Critical => match bad.as_slice() {
            [rest @ .., one, other] => {
                let first: String = rest.iter().map(|name| format!("{name}, ")).collect();
                format!("{first}{one} and {other} do not work as they are configured")
            }
            one => format!("{} does not work as it is configured", one.concat()),
        },
        Verdict::Unknown if *interrupted => "it was stopped before everything was looked at".to_owned(),
        Verdict::Unknown if servers.is_empty() => "the account has no server".to_owned(),
        Verdict::Unknown => "the servers could not be seen from here".to_owned(),
    }
}
