//! `mailtrip discover`: the settings that were found, for people, for programs, and as a file.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use mailtrip::account::Protocol;
use mailtrip::config;
use mailtrip::diagnose::Verdict;
use mailtrip::discover::configuration::{self, needs_token};
use mailtrip::discover::{Candidate, Discovery, Evidence, Origin, Sources, Standing, discover, offline};
use mailtrip::failure::{Failure, Kind};
use mailtrip::report::human::few;
use mailtrip::report::printable::printable;
use mailtrip::report::terminal::Style;
use mailtrip::report::terminal::page::{Ink, Page};
use mailtrip::report::{self, words};
use mailtrip::wire::names::ascii;
use serde::Serialize;

use crate::cli::{self, Listing};
use crate::console::{Unable, note, plain_style, print};

use super::signals;

/// Finds them, prints them, and writes them where that is asked for.
///
/// # Errors
/// When nobody could be asked, or the file cannot be written.
pub async fn run(arguments: cli::Discover) -> Result<Verdict, Unable> {
    let mut signals = signals()?;
    let found = tokio::select! {
        found = find(&arguments) => found?,
        () = signals.next() => return Err("stopped before the search was over".to_owned()),
    };
    print(&found.text)?;
    found.notices.iter().for_each(|notice| note(notice));
    Ok(found.verdict)
}

/// What the command has to say.
struct Found {
    /// For standard output.
    text: String,
    /// For standard error.
    notices: Vec<String>,
    /// For the exit code: OK for confirmed servers, WARNING where something is missing or not confirmed, CRITICAL for
    /// nothing at all.
    verdict: Verdict,
}

/// Finds the settings, and writes them to the file that is asked for.
async fn find(arguments: &cli::Discover) -> Result<Found, Unable> {
    let address = &arguments.address;
    let address = address.parse().map_err(|error| format!("{address:?} is not an address: {error}"))?;
    if let Some(path) = arguments.write.as_deref().filter(|path| path.symlink_metadata().is_ok()) {
        return Err(format!("{} exists already, and is left as it is", path.display()));
    }
    let ca = match &arguments.ca_file {
        Some(path) => Some(config::certificates_from_file(path).await?),
        None => None,
    };
    let mut sources = Sources { dns: arguments.dns, ca, ..Sources::default() };
    sources.limit = arguments.timeout.unwrap_or(sources.limit);
    let found = match arguments.offline {
        true => offline(&address),
        false => discover(&address, &sources).await.map_err(|failure| unable(&failure))?,
    };
    if let Some(failure) = found.could_not_ask() {
        return Err(unable(failure));
    }
    // The configuration may be in another folder than the one that this path begins in.
    let ca_file = arguments.ca_file.as_deref().and_then(|path| std::path::absolute(path).ok());
    let configuration = configuration::text(&found, ca_file.as_deref());
    let mut notices = notices(&found);
    let mut verdict = verdict(&found);
    if let Some(path) = &arguments.write {
        let written = write(path, configuration.as_deref());
        // What was found is shown all the same.
        notices.push(written.unwrap_or_else(|error| {
            verdict = Verdict::Unknown;
            error
        }));
    }
    let text = match arguments.format {
        Listing::Terminal => listing(&found, configuration.as_deref(), &plain_style()),
        Listing::Json => json(&found, verdict, arguments.offline, configuration),
    };
    Ok(Found { text, notices, verdict })
}

fn unable(failure: &Failure) -> Unable {
    format!("the settings cannot be looked for: {}; see --offline, and --dns", reason(failure))
}

fn verdict(found: &Discovery) -> Verdict {
    match () {
        () if found.is_confirmed() => Verdict::Ok,
        () if found.candidates.is_empty() => Verdict::Critical,
        () => Verdict::Warning,
    }
}

/// Writes the configuration, if there is one, and says so. A file that was there is never written over.
fn write(path: &Path, configuration: Option<&str>) -> Result<String, String> {
    let name = path.display();
    let Some(text) = configuration else {
        return Ok(format!("{name} is not written: something to send or to receive by is missing"));
    };
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let written = created.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("{name} cannot be written: {error}"))?;
    Ok(format!("written to {name}; next: mailtrip verify --config {name}"))
}

/// What to know before a password goes there.
fn notices(found: &Discovery) -> Vec<String> {
    let mut notices = Vec::new();
    if let Some((provider, text)) = found.provider.and_then(|provider| Some((provider, provider.note?))) {
        notices.push(format!("{}: {text}", provider.title));
    }
    let domain = ascii(found.address.domain()).unwrap_or_default();
    let chosen = Protocol::ALL.iter().filter_map(|&protocol| found.chosen(protocol));
    let by_dns = chosen.filter(|candidate| matches!(candidate.origin, Origin::Srv { .. }));
    let foreign = by_dns.map(|candidate| candidate.location.host.as_str());
    let mut foreign: Vec<&str> =
        foreign.filter(|host| *host != domain && !host.ends_with(&format!(".{domain}"))).collect();
    foreign.sort_unstable();
    foreign.dedup();
    // RFC 6186 §6: who answers for DNS could have named any host of theirs, and has a certificate for it.
    notices.extend(foreign.iter().map(|host| {
        format!(
            "that {host} serves {domain} is known by DNS alone: make sure that it does before your password goes there"
        )
    }));
    notices
}

/// What is wrong, and what else is known of it.
pub fn reason(failure: &Failure) -> String {
    let more = match &failure.kind {
        Kind::HostNotFound => None, // what the system says of it is the same in other words
        Kind::CertificateWrongName { names, .. } => Some(few(names, 3)),
        Kind::CertificateExpired { not_after } => Some(not_after.clone()),
        Kind::CertificateUntrusted { issuer } => Some(issuer.clone()),
        _ => failure.detail.clone(),
    };
    let more = more.map(|more| format!(" ({})", printable(&more))).unwrap_or_default();
    printable(&words::failure(failure)) + &more
}

fn listing(found: &Discovery, configuration: Option<&str>, style: &Style) -> String {
    let mut page = Page::new(style);
    page.text(0, Ink::Bold, found.address.as_ref());
    for protocol in Protocol::ALL {
        page.blank();
        page.text(0, Ink::Bold, &protocol.to_string());
        let all: Vec<&Candidate> = found.candidates.iter().filter(|one| one.protocol == protocol).collect();
        if all.is_empty() {
            page.text(2, Ink::Plain, "– nothing was found");
        }
        all.into_iter().for_each(|candidate| entry(&mut page, candidate));
    }
    if !found.asked.is_empty() {
        page.blank();
        page.text(0, Ink::Bold, "Asked in vain");
    }
    for asked in &found.asked {
        let why = asked.failure.as_ref().map(|failure| format!(": {}", reason(failure))).unwrap_or_default();
        page.label("  – ", Ink::Plain, &format!("{}{why}", asked.what));
    }
    page.blank();
    match configuration {
        Some(configuration) => {
            page.text(0, Ink::Bold, "Configuration");
            page.blank();
            page.finish() + configuration
        }
        None => {
            page.text(0, Ink::Plain, "No configuration: something to send or to receive by is missing.");
            page.finish()
        }
    }
}

fn entry(page: &mut Page, candidate: &Candidate) {
    let Candidate { location, username, origin, standing, .. } = candidate;
    let place = format!("{}:{} {}", location.host, location.port, location.security);
    let origin = configuration::origin(origin);
    let by = if needs_token(candidate) { "by access token" } else { "by password" };
    let sign_in = format!("as {username}, {by}; from {origin}");
    let (sign, ink, lines) = match standing {
        Standing::Rejected(failure) => ("✗", Ink::Bad, [reason(failure), format!("from {origin}")]),
        Standing::Untried => ("?", Ink::Plain, ["not tried".to_owned(), sign_in]),
        Standing::Confirmed(evidence) => ("✓", Ink::Good, [format!("confirmed: {}", evidence_of(evidence)), sign_in]),
    };
    page.label(&format!("  {sign} "), ink, &place);
    lines.iter().for_each(|line| page.text(6, Ink::Plain, line));
}

fn evidence_of(evidence: &Evidence) -> String {
    let Evidence { tls_version, certificate_not_after, mechanisms } = evidence;
    let version = tls_version.as_deref().unwrap_or("TLS");
    let until = certificate_not_after.map(|until| format!(", certificate until {}", until.strftime("%F")));
    format!("{version}{}, sign-in by {}", until.unwrap_or_default(), mechanisms.join(", "))
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    address: &'a str,
    verdict: Verdict,
    offline: bool,
    servers: Vec<Server<'a>>,
    asked: Vec<Asked<'a>>,
    configuration: Option<String>,
}

#[derive(Serialize)]
struct Server<'a> {
    protocol: Protocol,
    host: &'a str,
    port: u16,
    security: mailtrip::account::Security,
    username: &'a str,
    needs_token: bool,
    origin: &'a Origin,
    status: &'static str,
    chosen: bool,
    tls_version: Option<&'a str>,
    certificate_not_after: Option<String>,
    mechanisms: Option<&'a [String]>,
    failure: Option<&'a Failure>,
}

#[derive(Serialize)]
struct Asked<'a> {
    what: &'a str,
    failure: Option<&'a Failure>,
}

fn json(found: &Discovery, verdict: Verdict, offline: bool, configuration: Option<String>) -> String {
    let asked = found.asked.iter().map(|asked| Asked { what: &asked.what, failure: asked.failure.as_ref() });
    let document = Document {
        schema: 1,
        address: found.address.as_ref(),
        verdict,
        offline,
        servers: found.candidates.iter().map(|candidate| server(candidate, found)).collect(),
        asked: asked.collect(),
        configuration,
    };
    report::json::write(&document)
}

fn server<'a>(candidate: &'a Candidate, found: &Discovery) -> Server<'a> {
    let evidence = candidate.standing.evidence();
    let (status, failure) = match &candidate.standing {
        Standing::Untried => ("untried", None),
        Standing::Confirmed(_) => ("confirmed", None),
        Standing::Rejected(failure) => ("rejected", Some(failure)),
    };
    Server {
        protocol: candidate.protocol,
        host: &candidate.location.host,
        port: candidate.location.port,
        security: candidate.location.security,
        username: &candidate.username,
        needs_token: needs_token(candidate),
        origin: &candidate.origin,
        status,
        chosen: found.chosen(candidate.protocol).is_some_and(|chosen| std::ptr::eq(chosen, candidate)),
        tls_version: evidence.and_then(|evidence| evidence.tls_version.as_deref()),
        certificate_not_after: evidence.and_then(|evidence| Some(evidence.certificate_not_after?.to_string())),
        mechanisms: evidence.map(|evidence| evidence.mechanisms.as_slice()),
        failure,
    }
}
