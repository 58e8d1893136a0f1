//! How a sandbox is set up.

use jiff::SignedDuration;
use serde::Deserialize;

use super::fault::Fault;

/// One mailbox of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The address, which is the login name as well.
    pub address: String,
    /// The password, any text without NUL and line ends.
    pub password: String,
    /// The OAuth 2.0 access token that is taken from it. Default: none is.
    #[serde(default)]
    pub token: Option<String>,
}

/// An address that answers by itself, to the envelope's sender: what is marked as automatic it does not answer (RFC 3834 §2).
/// What is late, lost or refused on its way there or back is the matter of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Responder {
    /// The address, in a domain of the mailboxes. Nobody can sign in to it.
    pub address: String,
    /// The answer names what it answers (In-Reply-To, References); without, it only quotes the text. Default: true.
    #[serde(default = "yes")]
    pub threaded: bool,
}

fn yes() -> bool {
    true
}

/// What a sandbox offers, and what it does wrong. Durations are written as `"150ms"` or `"2s"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The mailboxes. Default: `alice@sandbox.test` and `bob@sandbox.test`.
    pub accounts: Vec<User>,
    /// Addresses that answer by themselves. Default: none.
    pub responders: Vec<Responder>,
    /// From SMTP's 250 to the message being visible in its folder. Default: none.
    pub delivery_delay: SignedDuration,
    /// From a message being visible to its announcement by IDLE. Default: none; Dovecot takes 500 ms.
    pub idle_delay: SignedDuration,
    /// The server files a copy of each submission in the sender's Sent folder, like Gmail. Default: false.
    pub files_sent: bool,
    /// What the server states of each message behind its name (Authentication-Results, RFC 8601). An empty text: nothing.
    /// Default: SPF passed, and there is neither DKIM nor DMARC.
    pub authentication_results: Option<String>,
    /// IMAP SPECIAL-USE, RFC 6154. Here and below: what is not offered is not understood either. Default: true.
    pub special_use: bool,
    /// IMAP UIDPLUS, RFC 4315. Default: true.
    pub uidplus: bool,
    /// IMAP LITERAL+, RFC 7888. Default: true.
    pub literal_plus: bool,
    /// IMAP IDLE, RFC 2177. Default: true.
    pub idle: bool,
    /// IMAP SASL-IR, RFC 4959. Default: true.
    pub sasl_ir: bool,
    /// SMTP PIPELINING, RFC 2920; without it, a client that sends ahead gets 503 and is cut off. Default: true.
    pub pipelining: bool,
    /// The SASL mechanisms, of `PLAIN` (RFC 4616), `LOGIN`, `XOAUTH2`, `OAUTHBEARER` (RFC 7628), `CRAM-MD5` (RFC 2195) and
    /// `SCRAM-SHA-256` (RFC 7677). Default: the first two.
    pub auth: Vec<String>,
    /// The folder for sent mail, `\Sent`; any Unicode. `None`: there is none. Default: `Sent`. In TOML, where there
    /// is no null, an empty name says the same.
    #[serde(deserialize_with = "folder")]
    pub sent_folder: Option<String>,
    /// The folder for spam, `\Junk`; as above. Default: `Junk`.
    #[serde(deserialize_with = "folder")]
    pub junk_folder: Option<String>,
    /// So many unrelated messages lie in each INBOX from the start. Default: 0.
    pub existing: u32,
    /// So many of them, the first, are flagged `\Deleted`. Default: 0.
    pub existing_deleted: u32,
    /// What it does wrong.
    pub faults: Vec<Fault>,
}

impl Default for Settings {
    fn default() -> Self {
        let user = |name: &str| User {
            address: format!("{name}@sandbox.test"),
            password: format!("{name}'s sandbox password"),
            token: None,
        };
        Self {
            accounts: vec![user("alice"), user("bob")],
            responders: Vec::new(),
            delivery_delay: SignedDuration::ZERO,
            idle_delay: SignedDuration::ZERO,
            files_sent: false,
            authentication_results: None,
            special_use: true,
            uidplus: true,
            literal_plus: true,
            idle: true,
            sasl_ir: true,
            pipelining: true,
            auth: vec!["PLAIN".to_owned(), "LOGIN".to_owned()],
            sent_folder: Some("Sent".to_owned()),
            junk_folder: Some("Junk".to_owned()),
            existing: 0,
            existing_deleted: 0,
            faults: Vec::new(),
        }
    }
}

impl Settings {
    /// Whether this SASL mechanism is offered.
    pub(super) fn offers(&self, mechanism: &str) -> bool {
        self.auth.iter().any(|offered| offered.eq_ignore_ascii_case(mechanism))
    }
}

fn folder<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    Ok(Some(name).filter(|name| !name.is_empty()))
}
