//! What was found, as a configuration.

use std::path::Path;

use crate::account::Protocol;
use crate::report::printable::{is_unsafe, printable};

use super::{Candidate, Discovery, Origin, Standing};

/// Where the configuration takes the password from.
pub const PASSWORD_FROM: &str = "MAILTRIP_PASSWORD";

/// The configuration that `mailtrip verify --config` takes; `None` where something to send or to receive by is missing.
/// `ca_file` is where the certificates are that are trusted in addition to the system's.
pub fn text(found: &Discovery, ca_file: Option<&Path>) -> Option<String> {
    if !found.is_complete() {
        return None;
    }
    let address = found.address.as_ref();
    let name = quoted(found.address.user());
    let chosen: Vec<&Candidate> = Protocol::ALL.iter().filter_map(|&protocol| found.chosen(protocol)).collect();
    let shown = printable(address);
    let mut text = format!("# The settings of {shown}, as `mailtrip discover` found them.\n\n");
    text += &format!("[accounts.{name}]\naddress = {}\n", quoted(address));
    text += &proof(&chosen, address);
    text += &ca_file.map(|path| format!("ca_file = {}\n", quoted(&path.to_string_lossy()))).unwrap_or_default();
    for candidate in &chosen {
        text += &server(candidate, address);
    }
    text += &format!("\n[checks.{name}]\nfrom = {name}\n");
    if found.chosen(Protocol::Imap).is_none() {
        text += "receive = \"pop3\"\n";
    }
    Some(text)
}

/// Whether an access token is needed to sign in there.
pub fn needs_token(candidate: &Candidate) -> bool {
    let offered = candidate.standing.evidence().is_none_or(|evidence| evidence.takes_passwords());
    candidate.token_only || !offered
}

fn proof(chosen: &[&Candidate], address: &str) -> String {
    if chosen.iter().any(|candidate| needs_token(candidate)) {
        return format!(
            "# It takes no password, but an OAuth 2.0 access token. This is a command that prints one; yours may be another.\n\
             token = {{ command = [\"oama\", \"access\", {}] }}\n",
            quoted(address)
        );
    }
    format!(
        "# The password is taken from the environment variable {PASSWORD_FROM}.\n\
         # Or from a password manager:\n\
         # password = {{ command = [\"pass\", \"show\", {}] }}\n\
         password = {{ env = \"{PASSWORD_FROM}\" }}\n",
        quoted(&format!("mail/{address}"))
    )
}

fn server(candidate: &Candidate, address: &str) -> String {
    let Candidate { protocol, location, username, .. } = candidate;
    let key = protocol.to_string().to_ascii_lowercase();
    let state = match candidate.standing {
        Standing::Confirmed(_) => "confirmed by a live connection",
        Standing::Untried | Standing::Rejected(_) => "not confirmed",
    };
    let username = if username == address { String::new() } else { format!(", username = {}", quoted(username)) };
    format!(
        "# From {}; {state}.\n{key} = {{ host = {}, port = {}, security = \"{}\"{username} }}\n",
        printable(&origin(&candidate.origin)),
        quoted(&location.host),
        location.port,
        location.security
    )
}

/// Who says it, in words.
pub fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Preset { provider } => format!("the preset {provider}"),
        Origin::Srv { name } => format!("the SRV record {name}"),
        Origin::Autoconfig { url } => url.clone(),
        Origin::Database { url } => format!("Thunderbird's database, {url}"),
        Origin::Exchanger { exchanger, by } if by.starts_with("https:") => {
            format!("Thunderbird's database, {by}, since {exchanger} takes its mail")
        }
        Origin::Exchanger { exchanger, by } => format!("the preset {by}, since {exchanger} takes its mail"),
        Origin::Guess => "a guess by its name".to_owned(),
    }
}

/// A TOML basic string (TOML 1.0 "String") in which nothing can do anything to a terminal.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_unsafe(c) => out.push_str(&format!("\\U{:08x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_read_back_as_it_was() {
        for text in ["jane@example.net", "a\"b\\c", "\u{1b}[2J\u{202e}\u{7f}\n", "Grüße 世界"] {
            let read: toml::Table = toml::from_str(&format!("{0} = {0}", quoted(text))).unwrap();
            assert_eq!(read[text].as_str(), Some(text));
            assert!(!quoted(text).chars().any(is_unsafe), "{text:?}");
        }
    }
}
