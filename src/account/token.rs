//! Where an OAuth 2.0 access token comes from.

use std::fmt;

use super::{HttpsUrl, Secret};

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
    pub url: HttpsUrl,
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

#[cfg(test)]
mod tests {
    use super::*;

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
