//! Cleaning up after earlier verifications, without one of its own: `mailtrip clean`.
//!
//! It opens a mailbox by the stages that a verification opens it by, looks through every folder that a verification may
//! have left something in, and removes what is a leftover ([`crate::probe::leftover`]) and nothing else.

mod folders;
mod maildrop;

use std::time::Duration;

use jiff::Timestamp;
use lettre::Address;
use tokio::time::Instant;

use crate::account::{Account, Endpoint, Protocol};
use crate::check::Limits;
use crate::failure::{Failure, Kind};
use crate::outcome::{Fact, Outcome};
use crate::probe::leftover::Signs;
use crate::stage::{At, Leg, Stage};
use crate::verify::plan::Plan;
use crate::verify::recorder::{Bounds, Listener, Recorder, Seen};
use crate::verify::stop::{Reach, Stop};
use crate::verify::veil::Veil;
use crate::verify::{LONGEST, outcome_at};

/// One mailbox that is to be cleaned up.
#[derive(Debug)]
pub struct Clearance {
    account: Account,
    protocol: Protocol,
    endpoint: Endpoint,
    signs: Signs,
    dry_run: bool,
    limits: Limits,
}

impl Clearance {
    /// Of this account, by IMAP where it has that, for IMAP shows every folder; `None` where it has nothing to receive by. What
    /// was sent from one of the `own` addresses, and is older than `age`, is removed, or in a `dry_run` only found.
    pub fn new(account: Account, own: Vec<Address>, age: Duration, dry_run: bool, limits: Limits) -> Option<Clearance> {
        let imap = account.imap.clone().map(|endpoint| (Protocol::Imap, endpoint));
        let (protocol, endpoint) = imap.or(account.pop3.clone().map(|endpoint| (Protocol::Pop3, endpoint)))?;
        Some(Clearance { account, protocol, endpoint, signs: Signs::new(own, age), dry_run, limits })
    }

    fn at(&self, leg: Leg, stage: Stage) -> At {
        At::new(leg, stage, self.protocol)
    }

    /// What stages are bounded by in which something is removed: by the whole time, and by a second stop, for the first one
    /// ends them where nothing is half done.
    fn last_bounds(&self, recorder: &Recorder<'_>) -> Bounds {
        let left = recorder.bounds().deadline.saturating_duration_since(Instant::now());
        Bounds { stage: left, reach: Reach::Cleanup, ..recorder.bounds().clone() }
    }

    fn begin(&self, seen: &mut Seen) {
        if self.dry_run {
            seen.fact(Fact::Kept);
        }
    }
}

/// Cleans one mailbox up. Whatever happens on the network is the outcome, which is complete within the time limit.
///
/// `stop` ends it between two steps, and, asked for twice, at once; `listener` is told of every stage as it happens.
pub async fn run(clearance: &Clearance, stop: &Stop, listener: &dyn Listener) -> Outcome {
    let Clearance { account, protocol, endpoint, limits, .. } = clearance;
    let began = Timestamp::now();
    let bounds = Bounds {
        stage: limits.stage.min(LONGEST),
        deadline: Instant::now() + limits.total.min(LONGEST),
        stop: stop.clone(),
        reach: Reach::Journey,
    };
    let recorder = Recorder::new(bounds, listener).veiled(Veil::over([account]));
    let _ = match protocol {
        Protocol::Pop3 => maildrop::clear(clearance, &recorder).await,
        _ => folders::clear(clearance, &recorder).await,
    }; // where it ended is on record
    let plan = Plan::of_clearance(account, *protocol, endpoint);
    outcome_at(account, *protocol, endpoint, (began, recorder.elapsed()), recorder.finish(&plan))
}

/// Somebody has asked for a stop.
fn stopped() -> Failure {
    Failure::new(Kind::Interrupted)
}

/// Marks those of these leftovers as removed that are.
fn note_removed(seen: &mut Seen, first: usize, is_gone: impl Fn(usize, Option<u32>) -> bool) {
    let facts = seen.facts.iter_mut().skip(first).enumerate();
    for (place, fact) in facts {
        if let Fact::Leftover { uid, removed, .. } = fact {
            *removed |= is_gone(place, *uid);
        }
    }
}
