//! Where an OAuth 2.0 access token comes from.

use std::fmt;
use std::str::FromStr;

use super::Secret;

/// What can be sent as a token: visible ASCII characters (RFC 6749 §A.12, without the blank).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Where an OAuth 2.0 access token comes from.
#[derive(Clone)]
pub enum TokenSource {
    /// It is at hand.
    AtHand(Secret),
    /// On the standard output of a command: the program and its arguments.
    Command(Vec<String>),
    /// From the provider, over HTTPS.
    Endpoint(Box<TokenEndpoint>),
}

/// A token endpoint (RFC 6749 §3.2), and what it is asked with.
#[derive(Debug, Clone)]
pub struct TokenEndpoint {
    /// Where it is.
    pub url: TokenUrl,
    /// Who asks: the application that was registered with the provider.
    pub client_id: String,
    /// The application's own secret, where it has one.
    pub client_secret: Option<Secret>,
    /// What it is asked by.
    pub grant: Grant,
    /// What the token is to be good for; `None`: what was granted, or the provider's default.
    pub scope: Option<String>,
    /// PEM certificates that are trusted in addition to the system's.
    pub ca: Option<Vec<u8>>,
}

/// What a token is asked for by.
#[derive(Debug, Clone)]
pub enum Grant {
    /// A refresh token (RFC 6749 §6), which somebody was given when they signed in and consented once.
    RefreshToken(Secret),
    /// The application itself (RFC 6749 §4.4): Microsoft 365, for mailboxes that an administrator has opened to it.
    ClientCredentials,
}

/// The command's arguments may hold anything: they are not shown.
impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenSource::AtHand(_) => f.write_str("AtHand(***)"),
            TokenSource::Command(words) => write!(f, "Command({:?}, …)", words.first()),
            TokenSource::Endpoint(endpoint) => endpoint.fmt(f),
        }
    }
}

/// The place of a token endpoint: always HTTPS, since a secret goes there (RFC 6749 §3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUrl {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port, by default 443.
    pub port: u16,
    /// Path and query, as they are requested.
    pub target: String,
}

impl FromStr for TokenUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<TokenUrl, String> {
        let expected = || "is not an address such as https://login.example.net/oauth2/token".to_owned();
        let uri: hyper::Uri = text.parse().map_err(|_| expected())?;
        if uri.scheme_str() == Some("http") {
            return Err("is not https: a secret would go over the network in the clear".to_owned());
        }
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("https")).ok_or_else(expected)?;
        if authority.as_str().contains('@') || text.contains('#') || authority.host().is_empty() {
            return Err(expected());
        }
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let port = authority.port_u16().unwrap_or(443);
        Ok(TokenUrl { host: host.to_owned(), port, target: target.to_owned() })
    }
}

/// Without the query, whatever may be in it.
impl fmt::Display for TokenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("https://")?;
        f.write_str(&self.authority())?;
        f.write_str(self.target.split('?').next().unwrap_or_default())
    }
}

impl TokenUrl {
    /// Host and port as in a URL; the port only where it is not the usual one.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_endpoint_is_https_and_nothing_else() {
        let url: TokenUrl = "https://login.example.net/t/token?x=1".parse().unwrap();
        assert_eq!((&*url.host, url.port, &*url.target), ("login.example.net", 443, "/t/token?x=1"));
        assert_eq!(url.to_string(), "https://login.example.net/t/token");
        let url: TokenUrl = "https://[::1]:8443".parse().unwrap();
        assert_eq!((&*url.host, url.port, url.to_string()), ("::1", 8443, "https://[::1]:8443/".to_owned()));
        for wrong in ["", "login.example.net", "http://a/", "ftp://a/", "https://", "https://a:b@c/", "https://a/#b"] {
            assert!(wrong.parse::<TokenUrl>().is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn no_secret_is_in_debug_output() {
        let endpoint = TokenEndpoint {
            url: "https://a/".parse().unwrap(),
            client_id: "id".into(),
            client_secret: Some(Secret::new("hunter2")),
            grant: Grant::RefreshToken(Secret::new("hunter2")),
            scope: None,
            ca: None,
        };
        let command = ["sh", "-c", "echo hunter2"].map(str::to_owned).to_vec();
        let sources = [
            TokenSource::AtHand(Secret::new("hunter2")),
            TokenSource::Command(command),
            TokenSource::Endpoint(Box::new(endpoint)),
        ];
        assert!(!format!("{sources:?}").contains("hunter2"));
    }
}
