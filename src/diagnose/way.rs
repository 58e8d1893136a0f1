//! Which way a message goes: out, with the reply, or home with the answer of somebody else.

use crate::outcome::Outcome;
use crate::stage::Leg;

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
