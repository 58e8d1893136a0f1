//! What went wrong at a stage: typed, with the server's own words.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::{Family, Protocol};
use crate::stage::At;

/// What a server answered, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// SMTP reply code (RFC 5321 §4.2).
    pub code: Option<u16>,
    /// SMTP enhanced status code (RFC 3463), such as `5.7.8`.
    pub enhanced: Option<String>,
    /// `OK`, `NO`, `BAD`, `BYE` (IMAP), `+OK`, `-ERR` (POP3).
    pub status: Option<String>,
    /// IMAP or POP3 response code (RFC 5530, RFC 3206) without brackets, such as `AUTHENTICATIONFAILED`.
    pub response_code: Option<String>,
    /// The text behind the codes, verbatim; the lines of a longer reply are separated by `\n`.
    pub text: String,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map(|code| code.to_string());
        let bracketed = self.response_code.as_ref().map(|code| format!("[{code}]"));
        let parts = [&code, &self.status, &self.enhanced, &bracketed];
        for part in parts.into_iter().flatten() {
            write!(f, "{part} ")?;
        }
        f.write_str(&self.text)
    }
}

/// Which command of a mail transaction the server answered (RFC 5321 §4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// MAIL FROM: the sender.
    Mail,
    /// RCPT TO: the recipient.
    Rcpt,
    /// DATA: whether a message may be sent at all.
    Data,
    /// The message itself, answered after its last line.
    Message,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Mail => "MAIL FROM",
            Step::Rcpt => "RCPT TO",
            Step::Data => "DATA",
            Step::Message => "the message",
        })
    }
}

/// What is spoken on a port, by how it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speech {
    /// SMTP (RFC 5321), or FTP (RFC 959), which greets in the same way.
    Smtp,
    /// IMAP (RFC 9051).
    Imap,
    /// POP3 (RFC 1939).
    Pop3,
    /// HTTP (RFC 9112), or a page without its header.
    Http,
    /// SSH (RFC 4253).
    Ssh,
}

impl Speech {
    /// Who speaks it, with its article.
    pub fn server(self) -> &'static str {
        match self {
            Speech::Smtp => "an SMTP server",
            Speech::Imap => "an IMAP server",
            Speech::Pop3 => "a POP3 server",
            Speech::Http => "a web server",
            Speech::Ssh => "an SSH server",
        }
    }
}

impl From<Protocol> for Speech {
    fn from(protocol: Protocol) -> Speech {
        match protocol {
            Protocol::Smtp => Speech::Smtp,
            Protocol::Imap => Speech::Imap,
            Protocol::Pop3 => Speech::Pop3,
        }
    }
}

/// What kind of thing went wrong. The names are promises: reports and scripts match on them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// The host name has no address.
    HostNotFound,
    /// The resolver itself did not work.
    ResolverFailed,
    /// The host has addresses, but none of the family that is asked for.
    NoAddressOfFamily {
        /// The family: `ipv4` or `ipv6`.
        family: Family,
        /// The addresses that it has.
        others: Vec<String>,
    },
    /// The port is closed on every address that answered.
    ConnectionRefused,
    /// There is no way to any of the addresses (no route, network down).
    Unreachable,
    /// Nothing answered on the port: the packets are dropped on the way, or the host is down.
    NoAnswer,
    /// The server answered in plaintext on a connection that was to be TLS from the first byte.
    PlaintextOnTlsPort {
        /// What it speaks: `smtp`, `imap`, `pop3`, `http` or `ssh`; null where that is not known.
        #[serde(default)]
        speaks: Option<Speech>,
    },
    /// The server greeted in another protocol than was expected.
    WrongProtocol {
        /// Which one: `smtp`, `imap`, `pop3`, `http` or `ssh`.
        speaks: Speech,
    },
    /// The server ended the connection during the TLS handshake.
    TlsClosed,
    /// The server sent a TLS alert (RFC 8446 §6).
    TlsAlert {
        /// Number of the alert, such as 70 for `protocol_version`.
        alert: u8,
    },
    /// The server chose a version of TLS that is too old to be taken (RFC 8996).
    TlsVersion {
        /// That version, such as `TLSv1.0`.
        version: String,
    },
    /// The TLS handshake failed in another way.
    TlsFailed,
    /// The certificate's time is over.
    CertificateExpired {
        /// When it ended (RFC 3339).
        not_after: String,
    },
    /// The certificate's time has not begun, or this machine's clock is behind.
    CertificateNotYetValid {
        /// When it begins (RFC 3339).
        not_before: String,
    },
    /// The certificate is for other names.
    CertificateWrongName {
        /// The names that it is for.
        names: Vec<String>,
        /// Who signed it; null where that is not known.
        #[serde(default)]
        issuer: Option<String>,
    },
    /// The certificate is signed by itself.
    CertificateSelfSigned {
        /// Who it says it is; null where that is not known.
        #[serde(default)]
        issuer: Option<String>,
    },
    /// The certificate is signed by somebody this machine does not trust, or an intermediate certificate is missing.
    CertificateUntrusted {
        /// Who signed it.
        issuer: String,
    },
    /// The certificate was not accepted for another reason.
    CertificateRejected,
    /// STARTTLS is configured, and the server does not offer it.
    StarttlsNotOffered,
    /// The server sent more than its answer before TLS began: somebody may be injecting commands.
    InjectedPlaintext,
    /// A password was to be sent in the clear, which the configuration does not allow.
    CleartextForbidden,
    /// The server offers no sign-in mechanism that can be used here.
    NoMechanism {
        /// What it offers.
        offered: Vec<String>,
    },
    /// The configuration asks for a sign-in mechanism that the server does not offer; nothing was sent.
    MechanismNotOffered {
        /// What it asks for.
        wanted: String,
        /// What the server offers.
        offered: Vec<String>,
    },
    /// The provider gives no access token (RFC 6749 §5.2).
    TokenRefused {
        /// Its word for why, such as `invalid_grant`.
        error: String,
        /// What it says about it.
        description: Option<String>,
    },
    /// What the token endpoint answered is neither a token nor a refusal.
    TokenUnavailable {
        /// The HTTP status of the answer (RFC 9110 §15).
        status: u16,
    },
    /// The server said no.
    Refused {
        /// Which command of the mail transaction; `None` elsewhere.
        step: Option<Step>,
    },
    /// The connection was closed or reset in the middle of the stage.
    ConnectionLost,
    /// The stage's limit, or the run's, was over before an answer came.
    Timeout {
        /// The limit in seconds.
        limit_seconds: f64,
    },
    /// The run was stopped (Ctrl-C, SIGTERM).
    Interrupted,
    /// What the server sent is not the protocol, or is larger than anything it should send.
    Malformed,
    /// The message was sent whole, but whether the server took it is not known. It is never sent again.
    Uncertain,
    /// The probe did not arrive in time.
    NotArrived {
        /// How long it was waited for, in seconds, from the moment the message had left.
        waited_seconds: f64,
    },
    /// A server on the way could not deliver the message, and has said so in a report (RFC 3464): the reply holds its words.
    Bounced,
    /// The mailbox could not be looked into to the end: the server let nobody in, as happens while another program has
    /// it open (POP3). Whether the probe arrived is not known.
    LockedOut {
        /// How many times the server refused.
        times: u32,
        /// How long it was waited for, in seconds, from the moment the message had left.
        waited_seconds: f64,
    },
    /// The probe is in the Junk folder, and the check is configured to fail on that.
    InJunk {
        /// The folder.
        folder: String,
    },
    /// What arrived is not what was sent.
    Altered,
    /// There is no folder for it.
    NoFolder,
    /// The folder for it is there, and cannot be opened.
    NotSelectable {
        /// The folder.
        folder: String,
    },
    /// The server filed no copy.
    NoCopy,
    /// Something on this machine did not work: the verification could not run.
    Local,
}

/// What went wrong at a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of thing.
    #[serde(flatten)]
    pub kind: Kind,
    /// The server's own words, if it said any.
    pub reply: Option<Box<Reply>>,
    /// What else is known: the text of a library's error, an excerpt of what was received.
    pub detail: Option<String>,
}

impl Kind {
    /// Whether it is the certificate that was not accepted.
    pub fn is_certificate(&self) -> bool {
        matches!(
            self,
            Kind::CertificateExpired { .. }
                | Kind::CertificateNotYetValid { .. }
                | Kind::CertificateWrongName { .. }
                | Kind::CertificateSelfSigned { .. }
                | Kind::CertificateUntrusted { .. }
                | Kind::CertificateRejected
        )
    }

    /// Whether there was a sign-in to be made, and nothing was sent for it.
    pub fn is_before_sign_in(&self) -> bool {
        matches!(self, Kind::NoMechanism { .. } | Kind::MechanismNotOffered { .. } | Kind::CleartextForbidden)
    }

    /// Who signed the certificate that was not accepted, where that is known.
    pub fn issuer(&self) -> Option<&str> {
        match self {
            Kind::CertificateUntrusted { issuer } => Some(issuer),
            Kind::CertificateWrongName { issuer, .. } | Kind::CertificateSelfSigned { issuer } => issuer.as_deref(),
            _ => None,
        }
    }
}

impl Failure {
    /// A failure of which only the kind is known.
    pub fn new(kind: Kind) -> Failure {
        Failure { kind, reply: None, detail: None }
    }

    /// A negative answer of a server.
    pub fn refused(reply: Reply) -> Failure {
        Failure { reply: Some(Box::new(reply)), ..Failure::new(Kind::Refused { step: None }) }
    }

    /// The same with something more to say.
    pub fn detail(self, detail: impl Into<String>) -> Failure {
        Failure { detail: Some(detail.into()), ..self }
    }

    /// Why something was not done, as a sentence without its end.
    pub fn why(&self) -> String {
        match (&self.reply, &self.detail) {
            (Some(reply), _) => format!("the server said: {reply}"),
            (None, Some(detail)) => detail.clone(),
            (None, None) if matches!(self.kind, Kind::Timeout { .. }) => "the server did not answer in time".to_owned(),
            (None, None) => "the connection was lost".to_owned(),
        }
    }

    /// Whether the verification could not run, in contrast to mail that does not work.
    pub fn could_not_run(&self) -> bool {
        matches!(self.kind, Kind::Local | Kind::Interrupted | Kind::CleartextForbidden)
    }
}

/// Why a stage has no result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Skip {
    /// A stage before it failed.
    After {
        /// That stage.
        at: At,
    },
    /// The configuration turns it off.
    TurnedOff,
    /// There is nothing for it to do.
    NothingToDo,
    /// The account has no IMAP endpoint, and POP3 shows no folder but the inbox.
    NoImap,
    /// POP3 shows the inbox only: what is taken for spam cannot be seen by it.
    InboxOnly,
    /// The run was stopped before it began.
    Stopped,
    /// Another run of the same check was under way, and two of them would be in each other's way.
    AlreadyRunning {
        /// Which process it is, on the machine or in the container that it runs in; null where that is not known.
        process: Option<u32>,
        /// Since when (RFC 3339); null where that is not known.
        since: Option<Timestamp>,
    },
    /// It was tried and came to nothing, which says nothing about mail.
    Inconclusive {
        /// What went wrong.
        failure: Box<Failure>,
    },
}
