//! An account: an address with its credentials and its endpoints.

mod token;
mod url;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub(crate) use token::is_token;
pub use token::{Grant, TokenEndpoint, TokenSource};
pub(crate) use url::form;
pub use url::{HttpsUrl, WebUrl};

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

    /// The same account, all its servers reached by addresses of one family.
    pub fn reached_by(mut self, family: Family) -> Account {
        let endpoints = [&mut self.smtp, &mut self.imap, &mut self.pop3];
        endpoints.into_iter().flatten().for_each(|endpoint| endpoint.family = family);
        self
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
    /// Which of the host's addresses are used.
    pub family: Family,
    /// Whether it is to be confirmed that nobody can send to foreign domains here without a sign-in. It is of use with SMTP
    /// only; [`expects_auth`] says what is usual.
    pub expect_auth: bool,
}

/// Whether a submission server on this port is expected to take mail for foreign domains only after a sign-in, where
/// nothing else is said (RFC 6409 §4.3, RFC 8314 §7.3).
pub fn expects_auth(port: u16) -> bool {
    matches!(port, 465 | 587)
}

/// Which addresses of a host are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// All of them.
    #[default]
    Any,
    /// Those of IPv4.
    Ipv4,
    /// Those of IPv6.
    Ipv6,
}

impl Family {
    /// Whether an address is one of them. An IPv4 address that is written as one of IPv6 (RFC 4291 §2.5.5.2) is one of IPv4.
    pub fn has(self, address: IpAddr) -> bool {
        match self {
            Family::Any => true,
            Family::Ipv4 => address.to_canonical().is_ipv4(),
            Family::Ipv6 => address.to_canonical().is_ipv6(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Any => "IP",
            Family::Ipv4 => "IPv4",
            Family::Ipv6 => "IPv6",
        })
    }
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

impl Protocol {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Protocol; 3] = [Protocol::Smtp, Protocol::Imap, Protocol::Pop3];
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

/// Which sign-in mechanism to use. All but `auto` are used whatever the server offers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// What mail clients do. With a password: PLAIN where it is offered, else LOGIN, else SCRAM-SHA-256, else CRAM-MD5.
    /// With a token: XOAUTH2, else OAUTHBEARER.
    #[default]
    Auto,
    /// SASL PLAIN (RFC 4616).
    Plain,
    /// SMTP `AUTH LOGIN`; the IMAP command `LOGIN` (RFC 9051 §6.2.3); POP3 `USER` and `PASS` (RFC 1939 §7).
    Login,
    /// SASL XOAUTH2, the form of Google and Microsoft.
    Xoauth2,
    /// SASL OAUTHBEARER (RFC 7628).
    Oauthbearer,
    /// SASL CRAM-MD5 (RFC 2195): the password itself is not sent.
    #[serde(rename = "cram-md5")]
    CramMd5,
    /// SASL SCRAM-SHA-256 (RFC 7677): the password itself is not sent, and the server proves that it knows it.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
}

impl Auth {
    /// Whether it takes a token (`Some(true)`), a password (`Some(false)`), or either.
    pub fn wants_token(self) -> Option<bool> {
        match self {
            Auth::Auto => None,
            Auth::Xoauth2 | Auth::Oauthbearer => Some(true),
            Auth::Plain | Auth::Login | Auth::CramMd5 | Auth::ScramSha256 => Some(false),
        }
    }
}

/// Who signs in, and by what: both parts are sent exactly as they are.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The username, by default the account's full address.
    pub username: String,
    /// What proves that it is them.
    pub proof: Proof,
}

/// What somebody signs in by.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A password.
    Password(Secret),
    /// An OAuth 2.0 access token. Who shares the source shares the token: it is fetched once a run.
    Token(Arc<TokenSource>),
}

impl Proof {
    /// The password, if it is one.
    pub fn password(&self) -> Option<&Secret> {
        match self {
            Proof::Password(password) => Some(password),
            Proof::Token(_) => None,
        }
    }

    /// Everything secret in it: the password, the token, or what tokens are asked for with. A command has none.
    pub fn secrets(&self) -> Vec<&Secret> {
        let source = match self {
            Proof::Password(password) => return vec![password],
            Proof::Token(source) => &**source,
        };
        match source {
            TokenSource::AtHand(token) => vec![token],
            TokenSource::Command(_) => Vec::new(),
            TokenSource::Endpoint(endpoint) => {
                let refresh = match &endpoint.grant {
                    Grant::RefreshToken(token) => Some(token),
                    Grant::ClientCredentials => None,
                };
                endpoint.client_secret.iter().chain(refresh).collect()
            }
        }
    }

    /// Whether it stands for one that is not at hand.
    pub fn is_blank(&self) -> bool {
        match self {
            Proof::Password(password) => password.expose().is_empty(),
            Proof::Token(source) => matches!(&**source, TokenSource::AtHand(token) if token.expose().is_empty()),
        }
    }
}

impl From<Secret> for Proof {
    fn from(password: Secret) -> Proof {
        Proof::Password(password)
    }
}

impl From<TokenSource> for Proof {
    fn from(source: TokenSource) -> Proof {
        Proof::Token(Arc::new(source))
    }
}

/// A password or a token. It cannot be printed by accident, and is overwritten in memory when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the secret over.
    pub fn new(secret: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(secret.into()))
    }

    /// The secret itself, for the one place that sends it.
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

impl Location {
    /// As a line of the configuration: `imap = { host = "imap.example.net", port = 993, security = "tls" }`.
    pub fn line(&self, protocol: Protocol) -> String {
        let name = protocol.to_string().to_ascii_lowercase();
        let Location { host, port, security } = self;
        format!("{name} = {{ host = \"{host}\", port = {port}, security = \"{security}\" }}")
    }
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
        let credentials = Credentials { username: "alice".into(), proof: Secret::new("hunter2").into() };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }

    #[test]
    fn a_location_is_host_port_and_security() {
        let location: Location = "[::1]:993/tls".parse().unwrap();
        assert_eq!(location, Location { host: "::1".into(), port: 993, security: Security::Tls });
        assert_eq!(location.line(Protocol::Imap), r#"imap = { host = "::1", port = 993, security = "tls" }"#);
        for wrong in ["mail.example.net", "mail.example.net:993", "mail.example.net:0/tls", ":993/tls", "a:993/ssl"] {
            assert!(wrong.parse::<Location>().is_err(), "{wrong} was taken");
        }
    }
}
