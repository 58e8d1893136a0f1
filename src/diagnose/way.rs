//! Which way a message goes: out, with the reply, or home with the answer of somebody else.

use crate::outcome::{Outcome, StageRecord, Status};
use crate::stage::{Leg, Stage};

/// What is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The probe.
    Message,
    /// The reply that the receiving account sends.
    Reply,
    /// The answer of an address that answers by itself, to the probe.
    Answer,
}

/// The direction that a leg belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// What is waited for.
    pub what: What,
    /// The leg by which the message left.
    pub submission: Leg,
    /// The leg in which it, or the answer to it, is waited for.
    pub delivery: Leg,
    /// Who submitted it.
    pub from: &'a str,
    /// Whom it was sent to.
    pub to: &'a str,
    /// In whose mailbox it, or the answer to it, is waited for.
    pub home: &'a str,
}

impl<'a> Way<'a> {
    /// The way that a leg is part of; the clean-up counts as part of the way out.
    pub fn of(outcome: &'a Outcome, leg: Leg) -> Way<'a> {
        let Outcome { from, to, stages, .. } = outcome;
        let has = |leg: Leg| stages.iter().any(|record| record.at.leg == leg);
        let answer = has(Leg::ReplyDelivery) && !has(Leg::ReplySubmission);
        let (submission, delivery) = (Leg::Submission, Leg::ReplyDelivery);
        match leg {
            _ if answer => Way { what: What::Answer, submission, delivery, from, to, home: from },
            Leg::ReplySubmission | Leg::ReplyDelivery | Leg::ReplySent => {
                Way { what: What::Reply, submission: Leg::ReplySubmission, delivery, from: to, to: from, home: from }
            }
            _ => Way { what: What::Message, submission, delivery: Leg::Delivery, from, to, home: to },
        }
    }

    /// The setting that the recipient comes from, with its article.
    pub fn whose_address(&self) -> &'static str {
        match self.what {
            What::Message | What::Reply => "the `address` of the receiving account",
            What::Answer => "the `address` in `to`",
        }
    }

    /// The address that the mailbox was signed in to by, where it is another one than what is waited for was sent to.
    pub fn signs_in_as(&self, outcome: &'a Outcome) -> Option<&'a str> {
        let at_home = |record: &&StageRecord| record.at.leg == self.delivery && record.at.stage == Stage::Login;
        let login = outcome.stages.iter().filter(at_home).find(|record| record.status == Status::Passed)?;
        let name = outcome.server(login)?.username.as_str();
        let is_another = name.contains('@') && !is_same_mailbox(name, self.to);
        (self.what != What::Answer && is_another).then_some(name)
    }

    /// What was submitted, in a word.
    pub fn sent(&self) -> &'static str {
        match self.what {
            What::Message | What::Answer => "message",
            What::Reply => "reply",
        }
    }

    /// What is waited for, in a word.
    pub fn awaited(&self) -> &'static str {
        match self.what {
            What::Message => "message",
            What::Reply => "reply",
            What::Answer => "answer",
        }
    }
}

/// Whether two addresses are the same, but for what stands behind a plus sign (RFC 5233 §1).
fn is_same_mailbox(one: &str, other: &str) -> bool {
    let plain = |address: &str| {
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        format!("{}@{domain}", local.split('+').next().unwrap_or_default()).to_ascii_lowercase()
    };
    plain(one) == plain(other)
}
