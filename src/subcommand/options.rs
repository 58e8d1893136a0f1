//! What settings are called on the command line: advice names the keys of a configuration, and not everybody has one.

use std::collections::BTreeSet;

use mailtrip::account::{Location, Protocol, Security};
use mailtrip::diagnose::diagnose;
use mailtrip::doctor::Examination;
use mailtrip::outcome::Outcome;
use mailtrip::report::terminal::Style;
use mailtrip::report::terminal::page::{Ink, Page};
use toml::{Table, Value};

use super::examination;

/// A server as it is given.
type Given = (Protocol, Location);

/// A setting as it stands between backticks, with its value or without.
#[derive(Debug, Clone)]
struct Setting {
    /// Of which server, if of one.
    protocol: Option<Protocol>,
    key: String,
    value: Option<Value>,
    /// As it stands there.
    text: String,
}

/// An option, with the settings that it is given for.
type Entry = (String, BTreeSet<String>);

/// For the report on an address, and what else was told.
pub fn below_report(outcome: &Outcome, more: &[String], style: &Style) -> String {
    let told = diagnose(outcome).into_iter().flat_map(|one| [vec![one.cause], one.advice].concat());
    let told: Vec<String> = told.chain(more.iter().cloned()).collect();
    let servers = outcome.servers.iter().map(|one| given(one.protocol, &one.host, one.port, one.security));
    note(&told, &servers.collect::<Vec<_>>(), style)
}

/// For what the doctor has found out about an address.
pub fn below_examination(examination: &Examination, style: &Style) -> String {
    let servers = examination.servers.iter().map(|one| given(one.protocol, &one.host, one.port, one.security));
    note(&examination::told(examination), &servers.collect::<Vec<_>>(), style)
}

fn given(protocol: Protocol, host: &str, port: u16, security: Security) -> Given {
    (protocol, Location { host: host.to_owned(), port, security })
}

/// A note that says how the settings that were told of are given as options. Empty, where none was.
fn note(told: &[String], servers: &[Given], style: &Style) -> String {
    let mut entries: Vec<Entry> = Vec::new();
    for (option, settings) in told.iter().flat_map(|text| options(text, servers)) {
        match entries.iter_mut().find(|(known, _)| *known == option) {
            Some((_, known)) => known.extend(settings),
            None => entries.push((option, settings)),
        }
    }
    if entries.is_empty() {
        return String::new();
    }
    let mut page = Page::new(style);
    page.blank();
    page.text(0, Ink::Bold, "No configuration was given: on the command line, these settings are");
    for (option, settings) in &entries {
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        page.text(2, Ink::Plain, &settings.join(", "));
        page.row(&[(Ink::Plain, format!("    → {option}"))], Ink::Plain, ""); // it is copied, so it is not broken
    }
    page.finish()
}

/// The options for one piece of advice, which may leave a choice: where it names a setting of a server again, another
/// way begins.
fn options(told: &str, servers: &[Given]) -> Vec<Entry> {
    let mut ways: Vec<Vec<Setting>> = Vec::new();
    for setting in settings(told) {
        let fits =
            |way: &&mut Vec<Setting>| way.iter().all(|other| other.is_beside(&setting) && other.key != setting.key);
        match ways.last_mut().filter(fits) {
            Some(way) => way.push(setting),
            None => ways.push(vec![setting]),
        }
    }
    let texts = |way: &[Setting]| way.iter().map(|setting| setting.text.clone()).collect();
    ways.iter().filter_map(|way| Some((option(way, servers)?, texts(way)))).collect()
}

/// What is between the backticks of a text, as far as it is settings.
fn settings(told: &str) -> Vec<Setting> {
    let spans = told.split('`').skip(1).step_by(2);
    spans
        .flat_map(|span| match toml::from_str::<Table>(span) {
            Ok(table) => table.into_iter().flat_map(|(key, value)| of_table(span, key, value)).collect(),
            Err(_) => match span.split_once('.') {
                Some((table, key)) => Vec::from_iter(Setting::new(span, Some(table), key, None)),
                None => Vec::from_iter(Setting::new(span, None, span, None)),
            },
        })
        .collect()
}

fn of_table(span: &str, key: String, value: Value) -> Vec<Setting> {
    match value {
        Value::Table(table) => {
            table.into_iter().filter_map(|(inner, value)| Setting::new(span, Some(&key), &inner, Some(value))).collect()
        }
        value => Vec::from_iter(Setting::new(span, None, &key, Some(value))),
    }
}

impl Setting {
    fn new(span: &str, table: Option<&str>, key: &str, value: Option<Value>) -> Option<Setting> {
        let protocol = |name: &str| Protocol::ALL.into_iter().find(|one| one.to_string().eq_ignore_ascii_case(name));
        let protocol = match table {
            Some(name) => Some(protocol(name)?),
            None => None,
        };
        Some(Setting { protocol, key: key.to_owned(), value, text: format!("`{span}`") })
    }

    /// Whether it is a part of HOST:PORT/SECURITY.
    fn is_of_location(&self) -> bool {
        self.protocol.is_some() && ["host", "port", "security"].contains(&self.key.as_str())
    }

    /// Whether both are parts of the same one.
    fn is_beside(&self, other: &Setting) -> bool {
        self.is_of_location() && other.is_of_location() && self.protocol == other.protocol
    }

    /// The value, where a shell takes it as it is.
    fn value(&self) -> Option<&str> {
        let plain = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "@._+-".contains(c));
        self.value.as_ref().and_then(Value::as_str).filter(plain)
    }

    /// The same, or what stands for it.
    fn value_or<'a>(&'a self, placeholder: &'a str) -> &'a str {
        self.value().unwrap_or(placeholder)
    }
}

/// The option that some settings are given by; `None`, where they are no settings.
fn option(way: &[Setting], servers: &[Given]) -> Option<String> {
    let setting = way.first()?;
    if setting.is_of_location() {
        return server(way, servers);
    }
    Some(match setting.key.as_str() {
        "address" => format!("the ADDRESS{}", setting.value().map(|text| format!(": {text}")).unwrap_or_default()),
        "username" => format!("--username {}", setting.value_or("NAME")),
        "password" => "MAILTRIP_PASSWORD, --password-command COMMAND, or what you type".to_owned(),
        "token" => "--token-command COMMAND".to_owned(),
        "ca_file" => "--ca-file FILE".to_owned(),
        "allow_cleartext_password" => "--allow-cleartext-password".to_owned(),
        "address_family" => "-4 or -6".to_owned(),
        "timeout" => "--timeout TIME".to_owned(),
        "receive" => format!("--receive {}", setting.value_or("PROTOCOL")),
        "sent" => format!("--sent {}", setting.value_or("MODE")),
        "warn" => "--warn MEASURE=RANGE".to_owned(),
        "critical" => "--critical MEASURE=RANGE".to_owned(),
        "auth" | "cleanup_timeout" | "expect_auth" | "junk_folder" | "oauth2" | "sent_folder" | "stage_timeout" => {
            "only in a configuration: `mailtrip config` prints one to start from".to_owned()
        }
        _ => return None,
    })
}

/// `--smtp smtp.example.net:587/starttls`: what is given, with these settings changed.
fn server(way: &[Setting], servers: &[Given]) -> Option<String> {
    let protocol = way.first()?.protocol?;
    let name = protocol.to_string().to_lowercase();
    let given = servers.iter().find(|(of, _)| *of == protocol).map(|(_, location)| location);
    let value = |key: &str| way.iter().find(|setting| setting.key == key)?.value.as_ref();
    let host = value("host").and_then(Value::as_str).or(given.map(|given| given.host.as_str()));
    let port = value("port").and_then(|port| u16::try_from(port.as_integer()?).ok()).or(given.map(|given| given.port));
    let security = value("security").and_then(Value::as_str).map(str::to_owned);
    let security = security.or(given.map(|given| given.security.to_string()));
    match (host, port, security) {
        (Some(host), Some(port), Some(security)) if way.iter().any(|setting| setting.value.is_some()) => {
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            Some(format!("--{name} {host}:{port}/{security}"))
        }
        _ => Some(format!("--{name} HOST:PORT/SECURITY")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The options for a text, where SMTP is given as `smtp.example.net:25/none`.
    fn told(text: &str) -> Vec<String> {
        let given = vec![(Protocol::Smtp, "smtp.example.net:25/none".parse().unwrap())];
        options(text, &given).into_iter().map(|(option, _)| option).collect()
    }

    #[test]
    fn settings_are_options_and_a_choice_is_several() {
        let both = "set `smtp.port = 587` with `smtp.security = \"starttls\"`, or `smtp.port = 465` with `smtp.security = \"tls\"`";
        let cases: [(&str, &[&str]); 13] = [
            (both, &["--smtp smtp.example.net:587/starttls", "--smtp smtp.example.net:465/tls"]),
            ("Set `smtp.security = \"tls\"` (it is none now).", &["--smtp smtp.example.net:25/tls"]),
            ("Compare `smtp.host` and `smtp.port`.", &["--smtp HOST:PORT/SECURITY"]),
            (
                "X publishes `imap = { host = \"::1\", port = 993, security = \"tls\" }`: set that line.",
                &["--imap [::1]:993/tls"],
            ),
            ("Set `imap.port = 993`.", &["--imap HOST:PORT/SECURITY"]),
            ("Set `username = \"jane@example.net\"`, the full address.", &["--username jane@example.net"]),
            ("Set `username = \"a b\"`.", &["--username NAME"]),
            ("Check `address` and `username`.", &["the ADDRESS", "--username NAME"]),
            ("Set `address = \"jane@example.net\"`.", &["the ADDRESS: jane@example.net"]),
            ("Set `sent = \"append\"` or `\"auto\"`.", &["--sent append"]),
            ("raise `timeout`", &["--timeout TIME"]),
            ("raise `stage_timeout`", &["only in a configuration: `mailtrip config` prints one to start from"]),
            ("Let `mailtrip clean` do it; leave `permit_mynetworks` out, where `tls` is not `pass`.", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
