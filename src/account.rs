//! An account: an address with its credentials and its endpoints.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A mail account as somebody would set it up in a mail client.
#[derive(Debug, Clone)]
pub struct Account {
    /// The name it has in the configuration, or the address where there is no configuration.
    pub name: String,
    /// The address that mail is sent from and to.
    pub address: lettre::Address,
    /// Where mail is submitted (RFC 6409), if this account can send.
    pub smtp: Option<Endpoint>,
    /// Where mail is read by IMAP (RFC 9051, RFC 3501), if this account has it.
    pub imap: Option<Endpoint>,
    /// Where mail is fetched by POP3 (RFC 1939), if this account has it.
    pub pop3: Option<Endpoint>,
    /// Which folders to use, where the server's own marks and the well-known names are not right.
    pub folders: Folders,
}

impl Account {
    /// The endpoint for a protocol, if the account has one.
    pub fn endpoint(&self, protocol: Protocol) -> Option<&Endpoint> {
        match protocol {
            Protocol::Smtp => self.smtp.as_ref(),
            Protocol::Imap => self.imap.as_ref(),
            Protocol::Pop3 => self.pop3.as_ref(),
        }
    }
}

/// Folder names given in the configuration, in readable form (not modified UTF-7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folders {
    /// The Sent folder; `None`: the one marked `\Sent` (RFC 6154), else a well-known name.
    pub sent: Option<String>,
    /// The Junk folder; `None`: the one marked `\Junk` (RFC 6154), else a well-known name.
    pub junk: Option<String>,
    /// Create the configured Sent folder where it is missing. Off by default.
    pub create_sent: bool,
}

/// One server as a mail client knows it: where it is, how it is secured, how to sign in.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Host name or IP address, as configured.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Whether a password may be sent although the connection is not encrypted
    /// (only of use with [`Security::None`]).
    pub allow_cleartext_password: bool,
    /// Who signs in.
    pub credentials: Credentials,
    /// How to sign in.
    pub auth: Auth,
    /// PEM certificates that are trusted in addition to the system's.
    pub ca: Option<Vec<u8>>,
}

/// How a connection is protected (RFC 8314).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte (RFC 8314 §3).
    Tls,
    /// Plaintext first, upgraded by STARTTLS or STLS before anything secret is sent (RFC 3207, RFC 2595).
    Starttls,
    /// No encryption at all.
    None,
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Security::Tls => "tls",
            Security::Starttls => "starttls",
            Security::None => "none",
        })
    }
}

/// The protocols that an endpoint can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Message submission (RFC 6409).
    Smtp,
    /// RFC 9051 and RFC 3501.
    Imap,
    /// RFC 1939.
    Pop3,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Smtp => "SMTP",
            Protocol::Imap => "IMAP",
            Protocol::Pop3 => "POP3",
        })
    }
}

/// Which sign-in mechanism to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// What mail clients do: SASL PLAIN (RFC 4616) where it is offered, else LOGIN.
    #[default]
    Auto,
    /// SASL PLAIN (RFC 4616), whatever the server offers.
    Plain,
    /// SMTP `AUTH LOGIN`; the IMAP command `LOGIN` (RFC 9051 §6.2.3).
    Login,
}

/// Who signs in: both parts are sent exactly as they are.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The username, by default the account's full address.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// A password. It cannot be printed by accident, and is overwritten in memory when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the password over.
    pub fn new(password: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(password.into()))
    }

    /// The password itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// `host:port/security`, as given on the command line: `smtp.example.net:587/starttls`, `[::1]:993/tls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Location, String> {
        let expected = || format!("expected host:port/security, such as smtp.example.net:587/starttls, not {text:?}");
        let (place, security) = text.rsplit_once('/').ok_or_else(expected)?;
        let (host, port) = place.rsplit_once(':').ok_or_else(expected)?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let security = match security {
            "tls" => Security::Tls,
            "starttls" => Security::Starttls,
            "none" => Security::None,
            other => return Err(format!("security is one of tls, starttls and none, not {other:?}")),
        };
        let port = port.parse::<u16>().ok().filter(|&port| port != 0);
        let port = port.ok_or_else(|| "the port is a number from 1 to 65535".to_owned())?;
        if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(expected());
        }
        Ok(Location { host: host.to_owned(), port, security })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_in_debug_output() {
        let credentials = Credentials { username: "alice".into(), password: Secret::new("hunter2") };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }

    #[test]
    fn a_location_is_host_port_and_security() {
        let location: Location = "[::1]:993/tls".parse().unwrap();
        assert_eq!(location, Location { host: "::1".into(), port: 993, security: Security::Tls });
        for wrong in ["mail.example.net", "mail.example.net:993", "mail.example.net:0/tls", ":993/tls", "a:993/ssl"] {
            assert!(wrong.parse::<Location>().is_err(), "{wrong} was taken");
        }
    }
}
