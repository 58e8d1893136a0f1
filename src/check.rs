//! A check: one configured verification, valid by construction.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::account::{Account, Endpoint};

/// What to verify, and how strictly. Made by [`Check::new`], which refuses what cannot work.
#[derive(Debug, Clone)]
pub struct Check {
    name: String,
    from: Account,
    to: Account,
    settings: Settings,
}

/// What can be set for a check, with its defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// By which protocol the probe is received.
    pub receive: Receive,
    /// What to do about the Sent folder.
    pub sent: Sent,
    /// How a probe in the Junk folder is judged.
    pub junk: Junk,
    /// Leave the messages where they are instead of removing them.
    pub keep: bool,
    /// Put what was said on each connection into the outcome, without secrets.
    pub transcript: bool,
    /// How long things may take.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            receive: Receive::Imap,
            sent: Sent::Auto,
            junk: Junk::Warning,
            keep: false,
            transcript: false,
            limits: Limits::default(),
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

/// How a probe in the Junk folder is judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Junk {
    /// Delivered, but not where it should be.
    #[default]
    Warning,
    /// As good as not delivered.
    Critical,
}

/// How long things may take.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// The whole run, clean-up included: there is a complete report by then.
    pub total: Duration,
    /// Each stage but `arrival`, which may take what is left of the run.
    pub stage: Duration,
    /// The part of the whole run that is kept for the clean-up, at most half of it.
    pub cleanup: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { total: Duration::from_secs(120), stage: Duration::from_secs(30), cleanup: Duration::from_secs(15) }
    }
}

/// Settings that cannot work together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalid {
    /// The sending account has no SMTP endpoint.
    CannotSend {
        /// Name of the account.
        account: String,
    },
    /// The receiving account has no endpoint for the protocol to receive by.
    CannotReceive {
        /// Name of the account.
        account: String,
    },
    /// A limit is zero.
    NoTime,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::CannotSend { account } => {
                write!(f, "account `{account}` has no `smtp` endpoint, so nothing can be sent from it")
            }
            Invalid::CannotReceive { account } => {
                write!(f, "account `{account}` has no `imap` endpoint, so nothing can be received on it")
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
        if from.smtp.is_none() {
            return Err(Invalid::CannotSend { account: from.name });
        }
        if to.imap.is_none() {
            return Err(Invalid::CannotReceive { account: to.name });
        }
        let Limits { total, stage, .. } = settings.limits;
        if total.is_zero() || stage.is_zero() {
            return Err(Invalid::NoTime);
        }
        Ok(Check { name: name.into(), from, to, settings })
    }

    /// Its name in the configuration, or the address it verifies.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The account that sends.
    pub fn from(&self) -> &Account {
        &self.from
    }

    /// The account that receives.
    pub fn to(&self) -> &Account {
        &self.to
    }

    /// How strictly to verify.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The endpoint that mail is submitted to.
    pub fn submission(&self) -> &Endpoint {
        self.from.smtp.as_ref().expect("checked by Check::new")
    }

    /// The endpoint that the mailbox is watched through.
    pub fn mailbox(&self) -> &Endpoint {
        self.to.imap.as_ref().expect("checked by Check::new")
    }
}
