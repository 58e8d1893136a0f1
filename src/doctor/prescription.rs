//! Which lines of the configuration to change.

use serde::Serialize;

use crate::account::{Account, Location, Protocol, Security};
use crate::provider::{Preset, Provider};
use crate::survey::{Place, Port, recommended, ways_in};

/// A line to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The setting, such as `imap.security`.
    pub key: String,
    /// What it is to be, as it stands in the configuration: `"tls"`, `993`.
    pub value: String,
    /// What it is now.
    pub instead_of: String,
}

impl Change {
    /// The whole line: `imap.security = "tls"`.
    pub fn line(&self) -> String {
        format!("{} = {}", self.key, self.value)
    }
}

/// A server that an account does not name, and one to name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// What is spoken there.
    pub protocol: Protocol,
    /// The whole line; `None` where no such server is known.
    pub line: Option<String>,
    /// Whether the server was seen to work; if not, the provider states it.
    pub seen: bool,
}

/// What an account cannot do without: something to send by, and something to receive by.
pub fn lacking(account: &Account, provider: Option<&Provider>, looks: &[(Place, Port)]) -> Vec<Lack> {
    let mute = account.smtp.is_none().then_some(Protocol::Smtp);
    let deaf = (account.imap.is_none() && account.pop3.is_none()).then_some(Protocol::Imap);
    let lack = |protocol| {
        let seen = recommended(protocol, looks);
        let stated = || provider?.preset(protocol).map(Preset::location);
        let line = seen.clone().or_else(stated).map(|best| best.line(protocol));
        Lack { protocol, line, seen: seen.is_some() }
    };
    mute.into_iter().chain(deaf).map(lack).collect()
}

/// The way in that takes the fewest changes: at the same host before another one, TLS from the first byte before STARTTLS
/// (RFC 8314 §3), and always with a valid certificate.
pub fn remedy(protocol: Protocol, configured: &Location, looks: &[(Place, Port)]) -> Option<Location> {
    ways_in(protocol, looks).min_by_key(|way| {
        let moved = !way.host.eq_ignore_ascii_case(&configured.host);
        let changed = usize::from(way.port != configured.port) + usize::from(way.security != configured.security);
        (moved, changed, way.security != Security::Tls)
    })
}

/// What leads from one to the other.
pub fn changes(protocol: Protocol, from: &Location, to: &Location) -> Vec<Change> {
    let name = protocol.to_string().to_ascii_lowercase();
    let quoted = |text: &str| format!("\"{text}\"");
    let settings = [
        ("host", quoted(&to.host), quoted(&from.host)),
        ("port", to.port.to_string(), from.port.to_string()),
        ("security", quoted(&to.security.to_string()), quoted(&from.security.to_string())),
    ];
    let changed = settings.into_iter().filter(|(_, value, instead_of)| !value.eq_ignore_ascii_case(instead_of));
    changed.map(|(key, value, instead_of)| Change { key: format!("{name}.{key}"), value, instead_of }).collect()
}
