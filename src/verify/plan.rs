//! The plan: which stages a check consists of, in the order in which they are told.

use crate::account::{Account, Endpoint, Proof, Protocol, Security};
use crate::check::{Check, Sent};
use crate::failure::Skip;
use crate::outcome::{StageRecord, Status};
use crate::stage::{At, Leg, Stage};

/// The stages of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(Vec<Planned>);

/// One stage, and the account it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Planned {
    at: At,
    account: String,
}

impl Plan {
    /// The stages of a check: to the submission server, to the mailbox, the Sent folder, the clean-up.
    pub fn of(check: &Check) -> Plan {
        let mut plan = Plan(Vec::new());
        plan.opening(Leg::Submission, Protocol::Smtp, check.from(), check.submission());
        plan.add(Leg::Submission, Protocol::Smtp, check.from(), &[Stage::Submit]);
        plan.opening(Leg::Delivery, Protocol::Imap, check.to(), check.mailbox());
        plan.add(Leg::Delivery, Protocol::Imap, check.to(), &[Stage::Baseline, Stage::Arrival, Stage::Inspect]);
        if let Some(endpoint) = sender_mailbox(check) {
            plan.opening(Leg::Sent, Protocol::Imap, check.from(), endpoint);
            plan.add(Leg::Sent, Protocol::Imap, check.from(), &[Stage::Baseline]);
        }
        plan.add(Leg::Sent, Protocol::Imap, check.from(), &[Stage::Copy]);
        plan.add(Leg::Cleanup, Protocol::Imap, check.to(), &[Stage::Remove]);
        if sender_mailbox(check).is_some() {
            plan.add(Leg::Cleanup, Protocol::Imap, check.from(), &[Stage::Remove]);
        }
        plan
    }

    /// Resolve to login: where TLS comes depends on how the endpoint is secured.
    fn opening(&mut self, leg: Leg, protocol: Protocol, account: &Account, endpoint: &Endpoint) {
        let stages: &[Stage] = match endpoint.security {
            Security::Tls => &[Stage::Resolve, Stage::Connect, Stage::Tls, Stage::Greeting],
            Security::Starttls => &[Stage::Resolve, Stage::Connect, Stage::Greeting, Stage::Starttls],
            Security::None => &[Stage::Resolve, Stage::Connect, Stage::Greeting],
        };
        self.add(leg, protocol, account, stages);
        if let Proof::Token(_) = endpoint.credentials.proof {
            self.add(leg, protocol, account, &[Stage::Token]);
        }
        self.add(leg, protocol, account, &[Stage::Login]);
    }

    fn add(&mut self, leg: Leg, protocol: Protocol, account: &Account, stages: &[Stage]) {
        let account = &account.name;
        self.0.extend(
            stages.iter().map(|&stage| Planned { at: At::new(leg, stage, protocol), account: account.clone() }),
        );
    }

    /// Puts the records in the plan's order. A stage without one was not reached: it is skipped, because of what
    /// failed before it in its own leg, else because of what failed first anywhere.
    pub fn complete(&self, mut records: Vec<StageRecord>, stopped: bool) -> Vec<StageRecord> {
        let failed: Vec<At> = records
            .iter()
            .filter(|record| matches!(record.status, Status::Failed(_)))
            .map(|record| record.at)
            .collect();
        let mut complete = Vec::with_capacity(self.0.len());
        for Planned { at, account } in &self.0 {
            let place = records.iter().position(|record| record.at == *at && record.account == *account);
            complete.push(place.map(|place| records.remove(place)).unwrap_or_else(|| {
                let blame = failed.iter().find(|failed| failed.leg == at.leg).or(failed.first());
                let why = match blame {
                    Some(&at) => Skip::After { at },
                    None if stopped => Skip::Stopped,
                    None => Skip::NothingToDo,
                };
                StageRecord {
                    at: *at,
                    account: account.clone(),
                    span: None,
                    facts: Vec::new(),
                    concerns: Vec::new(),
                    status: Status::Skipped(why),
                }
            }));
        }
        complete.extend(records);
        complete
    }
}

/// The sender's mailbox, where it is another than the one the probe is received in, and its Sent folder matters.
pub fn sender_mailbox(check: &Check) -> Option<&Endpoint> {
    let other = check.from().name != check.to().name;
    check.from().imap.as_ref().filter(|_| other && check.settings().sent != Sent::Off)
}
