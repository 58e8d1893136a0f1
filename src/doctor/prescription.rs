//! Which lines of the configuration to change.

use serde::Serialize;

use crate::account::{Location, Protocol, Security};
use crate::survey::{Place, Port, ways_in};

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
