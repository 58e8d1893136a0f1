//! All that one verification left behind: the stages in order, with what was seen at each.
//!
//! An outcome holds no verdict; that is derived by [`crate::diagnose`], so that an outcome read back
//! from disk is judged the same. Absent is `None` (JSON `null`), never 0.

mod concern;
mod conversation;
mod manner;
pub(crate) mod seconds;
mod streak;
mod written;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::{Protocol, Security};
use crate::criteria::Criteria;
use crate::failure::{Failure, Reply, Skip};
use crate::stage::At;

pub use concern::Concern;
pub use conversation::{Conversation, Line, Side};
pub use manner::{Change, FiledBy, KnownBy, Noticed, Role};
pub use streak::Streak;

/// Version of the JSON form of an [`Outcome`]. It changes only when a name goes or changes its meaning.
pub const SCHEMA: u32 = 1;

/// All that one verification left behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// [`SCHEMA`] at the time of writing.
    pub schema: u32,
    /// Name of the check.
    pub check: String,
    /// Address that the probe was sent from.
    pub from: String,
    /// Address that the probe was sent to.
    pub to: String,
    /// When the verification began (UTC, RFC 3339).
    pub began: Timestamp,
    /// How long all of it took.
    #[serde(with = "seconds")]
    pub seconds: Duration,
    /// The probe's tag: a UUID, in its header, its Message-ID and its subject.
    pub tag: String,
    /// The servers as they are configured, without anything secret.
    pub servers: Vec<Server>,
    /// Every stage of the plan, in the plan's order.
    pub stages: Vec<StageRecord>,
    /// By what it is judged beyond whether the stages passed.
    #[serde(default)]
    pub criteria: Criteria,
    /// The attempts before this one, the first one first, where the check was to be repeated when it fails. They have none
    /// themselves.
    #[serde(default)]
    pub earlier: Vec<Outcome>,
    /// How often the check has failed in a row, where that is looked at.
    #[serde(default)]
    pub streak: Option<Streak>,
    /// What was said on each connection, if that was asked for.
    #[serde(default)]
    pub conversations: Vec<Conversation>,
}

impl Outcome {
    /// The stages that failed, in order.
    pub fn failed(&self) -> impl Iterator<Item = (&StageRecord, &Failure)> {
        self.stages.iter().filter_map(|record| match &record.status {
            Status::Failed(failure) => Some((record, failure)),
            _ => None,
        })
    }

    /// The server that a stage spoke to, as it is configured.
    pub fn server(&self, record: &StageRecord) -> Option<&Server> {
        self.servers.iter().find(|server| server.account == record.account && server.protocol == record.at.protocol)
    }

    /// The concerns of all stages, in order.
    pub fn concerns(&self) -> impl Iterator<Item = (&StageRecord, &Concern)> {
        self.stages.iter().flat_map(|record| record.concerns.iter().map(move |concern| (record, concern)))
    }
}

/// A server as it is configured, without anything secret: what a diagnosis needs to say which setting is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Name of the account.
    pub account: String,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Who signs in.
    pub username: String,
}

/// One stage: where it belongs, when it ran, what was seen, how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "written::Written", into = "written::Written")]
pub struct StageRecord {
    /// Leg, stage and protocol.
    pub at: At,
    /// Name of the account whose server this was.
    pub account: String,
    /// When it ran; `None` if it was skipped.
    pub span: Option<Span>,
    /// What was seen.
    pub facts: Vec<Fact>,
    /// What was not right although the stage did its work: they make a passed stage a warning.
    pub concerns: Vec<Concern>,
    /// How it ended.
    pub status: Status,
}

/// When a stage ran.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// From the beginning of the verification to the beginning of the stage.
    pub began: Duration,
    /// How long the stage took.
    pub took: Duration,
}

impl Span {
    /// From the beginning of the verification to the end of the stage.
    pub fn ended(self) -> Duration {
        self.began.saturating_add(self.took)
    }
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// It did its work.
    Passed,
    /// It did not.
    Failed(Failure),
    /// It was not tried.
    Skipped(Skip),
}

/// The status as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// Passed, nothing to remark.
    Passed,
    /// Passed, with at least one concern.
    Warning,
    /// Failed.
    Failed,
    /// Skipped.
    Skipped,
}

impl StageRecord {
    /// The status as it is shown: a passed stage with concerns is a warning.
    pub fn mark(&self) -> Mark {
        match self.status {
            Status::Passed if self.concerns.is_empty() => Mark::Passed,
            Status::Passed => Mark::Warning,
            Status::Failed(_) => Mark::Failed,
            Status::Skipped(_) => Mark::Skipped,
        }
    }
}

/// How a connection attempt to one address ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialled {
    /// Connected.
    Connected,
    /// The port is closed.
    Refused,
    /// The network or the host cannot be reached.
    Unreachable,
    /// This machine itself has no way to any address of this family, so nothing was sent.
    NoRoute,
    /// No answer within the time that was allowed.
    NoAnswer,
    /// This machine had no connection to give: as many files are open as it, or the process, may have.
    NoSocket,
    /// Something else.
    Failed,
}

/// Something that was seen at a stage. Text of a server is verbatim here, control characters and all;
/// every report escapes it for its own format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// The addresses of the host, in the order of preference of the resolver.
    Addresses {
        /// IP addresses.
        addresses: Vec<String>,
    },
    /// What became of one address.
    Address {
        /// IP address and port.
        address: String,
        /// How the attempt ended.
        result: Dialled,
        /// How long it took.
        seconds: f64,
        /// Whether this is the connection that was used.
        used: bool,
    },
    /// The TLS connection.
    Tls {
        /// Such as `TLSv1.3`; `None` where it could not be read.
        version: Option<String>,
        /// Such as `TLS_AES_256_GCM_SHA384`; `None` where it could not be read.
        cipher: Option<String>,
        /// From the first byte sent to the end of the handshake, without this machine's own preparations.
        handshake_seconds: f64,
    },
    /// The server's certificate.
    Certificate {
        /// The names that it is for (RFC 9525: subject alternative names).
        names: Vec<String>,
        /// Who issued it.
        issuer: String,
        /// When it ends (RFC 3339).
        not_after: String,
        /// Whole days until then; negative when it is over.
        days_left: i64,
    },
    /// The server's greeting.
    Greeting {
        /// Its text.
        text: String,
    },
    /// What the server says it can do.
    Capabilities {
        /// EHLO keywords (RFC 5321 §4.1.1.1), IMAP capabilities, or CAPA lines (RFC 2449).
        names: Vec<String>,
    },
    /// Without a sign-in, the server takes no mail for a foreign domain.
    RelayRefused {
        /// Its answer to MAIL or RCPT.
        reply: Reply,
    },
    /// An access token is there to sign in by.
    Token {
        /// Where from: `command`, `configuration`, or the address of the token endpoint.
        from: String,
        /// How long it lives, where that was said.
        lifetime_seconds: Option<u64>,
        /// What it is good for, where that was said.
        scope: Option<String>,
        /// It was fetched earlier in the same run.
        again: bool,
        /// The provider sent another refresh token with it. mailtrip keeps none.
        another_refresh_token: bool,
    },
    /// How the sign-in was done.
    Mechanism {
        /// `PLAIN`, `LOGIN`, …
        name: String,
        /// What else the server offered.
        also_offered: Vec<String>,
    },
    /// The username has no domain: most servers want the full address.
    UsernameWithoutDomain {
        /// The username.
        username: String,
    },
    /// The password begins or ends in white space. It is sent as it is.
    PasswordEdgeWhitespace,
    /// The password went over the network unencrypted, as the configuration allows.
    CleartextPassword,
    /// How full the mailbox is (RFC 9208 §5.1).
    Quota {
        /// What is used, in KiB.
        used_kib: u64,
        /// What may be used, in KiB.
        limit_kib: u64,
    },
    /// A folder as it was before anything was sent.
    Folder {
        /// What it is to the verification.
        role: Role,
        /// Its name, readable.
        name: String,
        /// How its role is known.
        known_by: KnownBy,
        /// How many messages it held.
        messages: Option<u32>,
        /// The UID that the next message will get at least (RFC 9051 §2.3.1.1).
        uid_next: Option<u32>,
    },
    /// The folders that there are, where one that is wanted was not found among them.
    Folders {
        /// What is wanted.
        wanted: Role,
        /// The first of their names, readable, the likeliest first.
        names: Vec<String>,
        /// How many more there are.
        more: u64,
        /// The one that is likely the wanted one, by its name or by the server's mark.
        likely: Option<String>,
    },
    /// The server wants its user to read this (`ALERT`, RFC 9051 §7.1; `OVERQUOTA`, RFC 9208 §4.3.1).
    Alert {
        /// What it said.
        reply: Reply,
    },
    /// The server took the message.
    Accepted {
        /// Its reply.
        reply: Reply,
        /// Its queue id, where the reply has one of a known form.
        queue_id: Option<String>,
    },
    /// The probe is in the mailbox.
    Arrived {
        /// The folder it was found in.
        folder: String,
        /// Its UID (IMAP).
        uid: Option<u32>,
        /// How it was noticed.
        noticed: Noticed,
        /// By how much it may have been there earlier: the time since it was last looked for.
        earlier_by_at_most_seconds: f64,
    },
    /// The server was to announce new mail (IDLE, RFC 2177), and the slow safety poll found the probe first.
    Unannounced {
        /// How long the server had been idling since the last look.
        idle_seconds: f64,
        /// How long the probe had been waited for, from the moment the message had left.
        waited_seconds: f64,
    },
    /// The text of the fetched probe is the text of the sent one.
    Identical {
        /// Its size in bytes.
        bytes: u64,
    },
    /// Something was changed in the message on its way.
    Changed {
        /// What: a word.
        what: Change,
        /// How many lines of text are new, or other ones; `None` where it is not about lines.
        lines: Option<u64>,
        /// The first of these lines, the type, the encoding or the subject that it has now, cut short where it is long.
        text: Option<String>,
    },
    /// One hop of the journey (Received, RFC 5321 §4.4), the first hop first.
    Hop {
        /// Who handed the message over.
        from: Option<String>,
        /// Who took it.
        by: Option<String>,
        /// `ESMTPSA`, `LMTP`, …
        with: Option<String>,
        /// When, by that host's clock (RFC 3339).
        at: Option<String>,
        /// Time since the hop before it, by the two hosts' clocks: it can be negative.
        seconds: Option<f64>,
    },
    /// Authentication-Results (RFC 8601) as stated by the receiver.
    AuthenticationResults {
        /// The header's value, unfolded.
        text: String,
    },
    /// The copy in the Sent folder.
    SentCopy {
        /// The folder.
        folder: String,
        /// Its UID.
        uid: u32,
        /// Who filed it.
        filed_by: FiledBy,
    },
    /// There is no copy, and that is fine by the settings.
    NotFiled {
        /// Why there is none.
        why: String,
    },
    /// A message of ours was removed.
    Removed {
        /// The folder.
        folder: String,
        /// Its UID (IMAP).
        uid: Option<u32>,
    },
    /// A message of ours was removed in a second session, because the first one came to nothing.
    RemovedAgain {
        /// What became of the first.
        why: String,
    },
    /// A message of an earlier verification was still there.
    Leftover {
        /// The folder.
        folder: String,
        /// Its UID (IMAP).
        uid: Option<u32>,
        /// Its tag.
        tag: String,
        /// Address that it was sent from.
        from: String,
        /// When it was sent, by the clock of the machine that sent it (RFC 3339).
        sent: String,
        /// How long after that it arrived, by the clock of the last server on its way; `None` where that is not known.
        after_seconds: Option<f64>,
        /// It was removed.
        removed: bool,
    },
    /// The mailbox was locked, or the server wanted no sign-in, at some of the looks for new mail (POP3).
    TurnedAway {
        /// How many times.
        times: u32,
        /// What the server said the last time.
        reply: Reply,
    },
    /// The messages were left where they are, as was asked for.
    Kept,
}
