//! A check: one configured verification, valid by construction.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use lettre::Address;

use crate::account::{Account, Protocol};
use crate::criteria::{Criteria, Severity};

/// What to verify, and how strictly. Made by [`Check::new`], which refuses what cannot work.
#[derive(Debug, Clone)]
pub struct Check {
    name: String,
    from: Account,
    to: Recipient,
    settings: Settings,
}

/// Who the probe is sent to.
#[derive(Debug, Clone)]
pub enum Recipient {
    /// An account that is read here.
    Account(Box<Account>),
    /// An address that answers by itself (an echo service, an auto-responder), and whose account is not held here.
    Responder(Address),
}

impl Recipient {
    /// The address.
    pub fn address(&self) -> &Address {
        match self {
            Recipient::Account(account) => &account.address,
            Recipient::Responder(address) => address,
        }
    }

    /// The account, where it is one that is read here.
    pub fn account(&self) -> Option<&Account> {
        match self {
            Recipient::Account(account) => Some(account),
            Recipient::Responder(_) => None,
        }
    }
}

/// What can be set for a check, with its defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// By which protocol the probe is received.
    pub receive: Receive,
    /// Whether the receiving account answers the probe, and the answer is followed home.
    pub reply: bool,
    /// What to do about the Sent folder.
    pub sent: Sent,
    /// How it is judged that there is no Sent folder, or, with [`Sent::Server`], no copy in it. `None`: a warning where the
    /// folder is only looked for, and critical where it is named, or needed.
    pub sent_missing: Option<Severity>,
    /// How a probe in the Junk folder is judged.
    pub junk: Severity,
    /// Leave the messages where they are instead of removing them.
    pub keep: bool,
    /// Put what was said on each connection into the outcome, without secrets.
    pub transcript: bool,
    /// How long things may take.
    pub limits: Limits,
    /// By what it is judged beyond whether the stages passed.
    pub criteria: Criteria,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            receive: Receive::Imap,
            reply: false,
            sent: Sent::Auto,
            sent_missing: None,
            junk: Severity::Warning,
            keep: false,
            transcript: false,
            limits: Limits::default(),
            criteria: Criteria::default(),
        }
    }
}

/// By which protocol the probe is received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Receive {
    /// IMAP.
    #[default]
    Imap,
    /// POP3.
    Pop3,
    /// Both: the one message must be visible through each.
    Both,
}

impl Receive {
    /// The protocols.
    pub fn protocols(self) -> &'static [Protocol] {
        match self {
            Receive::Imap => &[Protocol::Imap],
            Receive::Pop3 => &[Protocol::Pop3],
            Receive::Both => &[Protocol::Imap, Protocol::Pop3],
        }
    }
}

/// What to do about the Sent folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sent {
    /// Look for the copy that the server files itself; where there is none, do as a mail client does.
    #[default]
    Auto,
    /// The server files a copy itself: where there is none, the check fails.
    Server,
    /// Do as a mail client does: APPEND the copy, then read it back.
    Append,
    /// Leave the Sent folder alone.
    Off,
}

/// How long things may take.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// The whole run, clean-up included: there is a complete report by then.
    pub total: Duration,
    /// Each stage but `arrival`.
    pub stage: Duration,
    /// Each `arrival`, from the moment the message leaves; `None`: what is left of the run, or, where a reply is to follow,
    /// 60 % of that. It is never more than what is left.
    pub arrival: Option<Duration>,
    /// The part of the whole run that is kept for the clean-up, at most half of it.
    pub cleanup: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            total: Duration::from_secs(120),
            stage: Duration::from_secs(30),
            arrival: None,
            cleanup: Duration::from_secs(15),
        }
    }
}

/// Settings that cannot work together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalid {
    /// An account that is to send has no SMTP endpoint.
    CannotSend {
        /// Name of the account.
        account: String,
        /// Whether it is the reply that it is to send.
        reply: bool,
    },
    /// An account that is to receive has no endpoint for the protocol to receive by.
    CannotReceive {
        /// Name of the account.
        account: String,
        /// The endpoint that is missing; `None`: any.
        by: Option<Protocol>,
    },
    /// A reply is to be sent by hand to an address that answers by itself.
    AnswersByItself,
    /// A limit is zero.
    NoTime,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::CannotSend { account, reply } => {
                let what = if *reply { "no reply" } else { "nothing" };
                write!(f, "account `{account}` has no `smtp` endpoint, so {what} can be sent from it")
            }
            Invalid::CannotReceive { account, by: Some(protocol) } => {
                let key = protocol.to_string().to_lowercase();
                write!(f, "account `{account}` has no `{key}` endpoint, so nothing can be received there by {protocol}")
            }
            Invalid::CannotReceive { account, by: None } => {
                write!(
                    f,
                    "account `{account}` has neither an `imap` nor a `pop3` endpoint, so no answer can be received there"
                )
            }
            Invalid::AnswersByItself => {
                f.write_str("`reply` is for an account of ours; an address that answers by itself is waited for anyway")
            }
            Invalid::NoTime => f.write_str("a time limit of zero leaves no time to verify anything"),
        }
    }
}

impl std::error::Error for Invalid {}

impl Check {
    /// A check from one account to another (or to itself).
    ///
    /// # Errors
    /// When the settings cannot work together.
    pub fn new(name: impl Into<String>, from: Account, to: Account, settings: Settings) -> Result<Check, Invalid> {
        for &protocol in settings.receive.protocols() {
            if to.endpoint(protocol).is_none() {
                return Err(Invalid::CannotReceive { account: to.name, by: Some(protocol) });
            }
        }
        if settings.reply && to.smtp.is_none() {
            return Err(Invalid::CannotSend { account: to.name, reply: true });
        }
        let answered = settings.reply;
        Check::valid(name.into(), from, Recipient::Account(Box::new(to)), settings, answered)
    }

    /// A check from an account to an address that answers by itself.
    ///
    /// # Errors
    /// When the settings cannot work together.
    pub fn to_responder(
        name: impl Into<String>,
        from: Account,
        to: Address,
        settings: Settings,
    ) -> Result<Check, Invalid> {
        if settings.reply {
            return Err(Invalid::AnswersByItself);
        }
        Check::valid(name.into(), from, Recipient::Responder(to), settings, true)
    }

    fn valid(name: String, from: Account, to: Recipient, settings: Settings, answered: bool) -> Result<Check, Invalid> {
        if from.smtp.is_none() {
            return Err(Invalid::CannotSend { account: from.name, reply: false });
        }
        if answered && from.imap.is_none() && from.pop3.is_none() {
            return Err(Invalid::CannotReceive { account: from.name, by: None });
        }
        let Limits { total, stage, arrival, .. } = settings.limits;
        if total.is_zero() || stage.is_zero() || arrival.is_some_and(|arrival| arrival.is_zero()) {
            return Err(Invalid::NoTime);
        }
        Ok(Check { name, from, to, settings })
    }

    /// Its name in the configuration, or the address it verifies.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The account that sends.
    pub fn from(&self) -> &Account {
        &self.from
    }

    /// Who receives.
    pub fn to(&self) -> &Recipient {
        &self.to
    }

    /// How strictly to verify.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether an answer to the probe is waited for.
    pub fn is_answered(&self) -> bool {
        self.settings.reply || matches!(self.to, Recipient::Responder(_))
    }
}
