//! The closed vocabulary of what can be timed: legs of the journey, and the stages within them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::account::Protocol;

/// A part of the journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leg {
    /// From here to the sender's submission server.
    Submission,
    /// From the submission server to the receiver's mailbox.
    Delivery,
    /// The sender's copy of what was sent.
    Sent,
    /// From here to the receiver's submission server, with the reply.
    ReplySubmission,
    /// From that server to the sender's mailbox.
    ReplyDelivery,
    /// The receiver's copy of the reply.
    ReplySent,
    /// Removing what was left behind.
    Cleanup,
}

/// One timed act within a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Host name to addresses.
    Resolve,
    /// TCP, to every address.
    Connect,
    /// TLS from the first byte (RFC 8314 §3).
    Tls,
    /// The server's greeting, and what it says it can do.
    Greeting,
    /// The upgrade from plaintext to TLS, and what the server says it can do inside it (RFC 3207, RFC 9051 §6.2.1).
    Starttls,
    /// Confirming that mail for foreign domains is not taken without a sign-in: MAIL and RCPT on a connection of its own,
    /// never a message.
    Relay,
    /// Getting an access token (OAuth 2.0) to sign in by.
    Token,
    /// Sign-in.
    Login,
    /// What is in the mailbox before anything is sent, so that only what comes later is looked at.
    Baseline,
    /// MAIL, RCPT, DATA and the message itself (RFC 5321 §3.3).
    Submit,
    /// Waiting for the probe in the mailbox.
    Arrival,
    /// Looking into the Junk folder, where the protocol that the probe is received by does not show it (POP3).
    Junk,
    /// Reading the probe back and comparing it with what was sent.
    Inspect,
    /// The copy in the Sent folder.
    Copy,
    /// Taking the probe out of every folder it is in.
    Remove,
}

impl Leg {
    /// All of them, in the order of the journey.
    pub const ALL: [Leg; 7] = [
        Leg::Submission,
        Leg::Delivery,
        Leg::Sent,
        Leg::ReplySubmission,
        Leg::ReplyDelivery,
        Leg::ReplySent,
        Leg::Cleanup,
    ];

    /// The name used in every report.
    pub fn name(self) -> &'static str {
        match self {
            Leg::Submission => "submission",
            Leg::Delivery => "delivery",
            Leg::Sent => "sent",
            Leg::ReplySubmission => "reply-submission",
            Leg::ReplyDelivery => "reply-delivery",
            Leg::ReplySent => "reply-sent",
            Leg::Cleanup => "cleanup",
        }
    }
}

impl Stage {
    /// All of them, in the order of a leg.
    pub const ALL: [Stage; 15] = [
        Stage::Resolve,
        Stage::Connect,
        Stage::Tls,
        Stage::Greeting,
        Stage::Starttls,
        Stage::Relay,
        Stage::Token,
        Stage::Login,
        Stage::Baseline,
        Stage::Submit,
        Stage::Arrival,
        Stage::Junk,
        Stage::Inspect,
        Stage::Copy,
        Stage::Remove,
    ];

    /// The name used in every report.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Resolve => "resolve",
            Stage::Connect => "connect",
            Stage::Tls => "tls",
            Stage::Greeting => "greeting",
            Stage::Starttls => "starttls",
            Stage::Relay => "relay",
            Stage::Token => "token",
            Stage::Login => "login",
            Stage::Baseline => "baseline",
            Stage::Submit => "submit",
            Stage::Arrival => "arrival",
            Stage::Junk => "junk",
            Stage::Inspect => "inspect",
            Stage::Copy => "copy",
            Stage::Remove => "remove",
        }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which stage, of which leg, over which protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct At {
    /// The leg.
    pub leg: Leg,
    /// The stage within the leg.
    pub stage: Stage,
    /// The protocol that the stage speaks.
    pub protocol: Protocol,
}

impl At {
    /// `At` in one word.
    pub fn new(leg: Leg, stage: Stage, protocol: Protocol) -> At {
        At { leg, stage, protocol }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.leg, self.stage)
    }
}
