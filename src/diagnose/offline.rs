//! A machine that has no network: then nothing is known of the mailbox.

use crate::failure::{Failure, Kind};
use crate::outcome::{Dialled, Fact, Outcome, StageRecord, Status};
use crate::stage::Stage;

use super::case::family;
use super::other::SHORT;
use super::{Certainty::Likely, Diagnosis, Verdict};

/// Where every connection of the run failed, and each by the resolver or for want of any way out, it is this machine that
/// has no network. One server that is reached, refuses or is not found by name tells that it has one.
pub fn is_likely(outcome: &Outcome) -> bool {
    let connected = |record: &StageRecord| record.at.stage == Stage::Connect && record.status == Status::Passed;
    // Of one server alone it cannot be told from trouble with that server.
    outcome.servers.len() > 1
        && !outcome.stages.iter().any(connected)
        && outcome.failed().all(|(record, failure)| is_sign(record, failure))
        && outcome.failed().any(|(record, _)| !is_ipv6_only(record))
}

/// First of all diagnoses, what those of the single servers have in common.
pub fn explain(outcome: &Outcome) -> Option<Diagnosis> {
    let cause = "This machine seems to be offline: no server could be looked up or reached, so nothing is known of the mailbox.";
    is_likely(outcome).then(|| {
        Diagnosis::new("offline", Verdict::Unknown, None, Likely, cause.to_owned())
            .advise("Check the network connection of this machine, then run the verification again.")
    })
}

/// `NoRoute` is the kernel's own answer, without a packet.
fn is_sign(record: &StageRecord, failure: &Failure) -> bool {
    match (record.at.stage, &failure.kind) {
        (Stage::Resolve, Kind::ResolverFailed) => true,
        (Stage::Resolve, Kind::Timeout { limit_seconds }) => *limit_seconds >= SHORT,
        (Stage::Connect, Kind::Unreachable) => {
            tried(record).next().is_some() && tried(record).all(|(_, result)| result == Dialled::NoRoute)
        }
        _ => false,
    }
}

/// It may be no more than IPv6 that this machine has not.
fn is_ipv6_only(record: &StageRecord) -> bool {
    record.at.stage == Stage::Connect && tried(record).all(|(address, _)| family(address) == "IPv6")
}

fn tried(record: &StageRecord) -> impl Iterator<Item = (&str, Dialled)> {
    record.facts.iter().filter_map(|fact| match fact {
        Fact::Address { address, result, .. } => Some((address.as_str(), *result)),
        _ => None,
    })
}
