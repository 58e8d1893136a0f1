//! What was found, as a configuration.

use crate::account::Protocol;

use super::{Candidate, Discovery, Origin, PROTOCOLS, Standing};

/// Where the configuration takes the password from.
pub const PASSWORD_FROM: &str = "MAILTRIP_PASSWORD";

/// The configuration that `mailtrip verify --config` takes; `None` where something to send or to receive by is missing.
pub fn text(found: &Discovery) -> Option<String> {
    if !found.is_complete() {
        return None;
    }
    let address = found.address.as_ref();
    let name = quoted(found.address.user());
    let chosen: Vec<&Candidate> = PROTOCOLS.iter().filter_map(|&protocol| found.chosen(protocol)).collect();
    let mut text = format!("# The settings of {address}, as `mailtrip discover` found them.\n\n");
    text += &format!("[accounts.{name}]\naddress = {}\n", quoted(address));
    text += &proof(&chosen, address);
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
        "# The password is taken from the environment variable {PASSWORD_FROM}. Or from a password manager:\n\
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
        origin(&candidate.origin),
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

/// A TOML basic string (TOML 1.0 "String"): JSON's escapes are among its own; DEL, which JSON leaves alone, is not.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
