//! Which diagnoses have one cause: the first of them is the root, and the others follow from it.
//!
//! Two settings can be wrong at the same time, so nothing follows from another on suspicion: only where both are about one
//! thing (one sign-in, one name, one certificate, one message), or where one is what the other leaves behind.

use serde::Serialize;

use crate::failure::Kind;
use crate::outcome::{Concern, Outcome, StageRecord};
use crate::stage::{At, Leg, Stage};

use super::Diagnosis;
use super::case::family;

/// What keeps people from signing in at one server, and is to be mended there: its port, or its security.
const OF_ONE_SERVER: [&str; 3] = ["cleartext-forbidden", "login-needs-encryption", "no-mechanism"];

/// The diagnosis that another one follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Root {
    /// Its code.
    pub code: &'static str,
    /// The stage that it is about, if it is about one.
    pub at: Option<At>,
}

/// Roots in their order, each with what follows from it behind it, which does not repeat its advice.
pub fn arranged(outcome: &Outcome, diagnoses: Vec<Diagnosis>) -> Vec<Diagnosis> {
    let roots: Vec<Option<usize>> = (0..diagnoses.len()).map(|index| root(outcome, &diagnoses, index)).collect();
    let mut order: Vec<usize> = (0..diagnoses.len()).collect();
    order.sort_by_key(|&index| (roots[index].unwrap_or(index), roots[index].is_some()));
    let follow = |index: usize| {
        let mut diagnosis = diagnoses[index].clone();
        if let Some(Diagnosis { code, at, advice: said, .. }) = roots[index].map(|root| &diagnoses[root]) {
            diagnosis.follows_from = Some(Root { code, at: *at });
            diagnosis.advice.retain(|advice| !said.contains(advice));
        }
        diagnosis
    };
    order.into_iter().map(follow).collect()
}

/// The first one that nothing stands behind, and that this one follows from.
fn root(outcome: &Outcome, diagnoses: &[Diagnosis], index: usize) -> Option<usize> {
    let of = |index: usize| (0..diagnoses.len()).find(|&other| leads_to(outcome, &diagnoses[other], &diagnoses[index]));
    let mut root = of(index)?;
    // Every step leads to an earlier stage or to another code, so that this ends; bounded all the same.
    for _ in 0..diagnoses.len() {
        match of(root) {
            Some(further) => root = further,
            None => break,
        }
    }
    Some(root).filter(|root| *root != index)
}

/// Whether `other` follows from `root`. What follows never weighs more.
fn leads_to(outcome: &Outcome, root: &Diagnosis, other: &Diagnosis) -> bool {
    if std::ptr::eq(root, other) || root.verdict < other.verdict {
        return false;
    }
    if root.code == other.code {
        return root.stage < other.stage && is_same_thing(outcome, root, other);
    }
    match (root.code, other.code) {
        ("offline", _) => other.failure(outcome).is_some(),
        ("interrupted", "cleanup-stopped") => true,
        (code, "not-arrived") => code == "submission-uncertain" && way(root) == way(other),
        (code, "may-arrive") => ["not-arrived", "submission-uncertain", "interrupted"].contains(&code),
        _ => is_left_by(outcome, root, other),
    }
}

/// Two of one code are one thing where they are about the same sign-in, name, certificate or message.
fn is_same_thing(outcome: &Outcome, one: &Diagnosis, other: &Diagnosis) -> bool {
    let (Some(first), Some(second)) = (one.record(outcome), other.record(outcome)) else { return false };
    let place = |record| outcome.server(record);
    let same_host = || place(first).zip(place(second)).is_some_and(|(a, b)| a.host.eq_ignore_ascii_case(&b.host));
    let same_name = || place(first).zip(place(second)).is_some_and(|(a, b)| a.username == b.username);
    let same_account = first.account == second.account;
    let kinds = one.failure(outcome).zip(other.failure(outcome));
    match (kinds, first.at.stage) {
        (None, _) => match one.code {
            "address-failed" => failed_family(first) == Some("IPv6") && failed_family(second) == Some("IPv6"),
            "certificate-ends-soon" => same_host(),
            "spf-not-passed" | "dkim-not-passed" | "dmarc-not-passed" => way(one) == way(other),
            _ => false,
        },
        // One resolver looks all names up, and one stop ends everything.
        _ if matches!(one.code, "resolver-failed" | "intercepted" | "interrupted") => true,
        (_, Stage::Token) => same_account,
        (_, Stage::Login) => same_account && same_name() && !OF_ONE_SERVER.contains(&one.code),
        (Some((a, _)), _) if a.kind == Kind::HostNotFound || a.kind.is_certificate() => same_host(),
        (_, Stage::Arrival) => way(one) == way(other),
        (_, stage) => same_account && first.at.protocol == second.at.protocol && stage == second.at.stage,
    }
}

/// What the clean-up cannot do at a server that did not work before.
fn is_left_by(outcome: &Outcome, root: &Diagnosis, other: &Diagnosis) -> bool {
    let (Some(before), Some(after)) = (root.record(outcome), other.record(outcome)) else { return false };
    let at_the_same = before.account == after.account && before.at.protocol == after.at.protocol;
    let is_left = |diagnosis: &Diagnosis| ["left-behind", "not-looked-into"].contains(&diagnosis.code);
    let cleaning = |record: &StageRecord| record.at.leg == Leg::Cleanup;
    let failed = root.failure(outcome).is_some() && !is_left(root);
    failed && at_the_same && cleaning(after) && (is_left(other) || !cleaning(before))
}

/// Out, or back.
fn way(diagnosis: &Diagnosis) -> Option<bool> {
    let back = |leg| matches!(leg, Leg::ReplySubmission | Leg::ReplyDelivery | Leg::ReplySent);
    diagnosis.at.map(|at| back(at.leg))
}

/// The family of the addresses that did not work.
fn failed_family(record: &StageRecord) -> Option<&'static str> {
    record.concerns.iter().find_map(|concern| match concern {
        Concern::AddressFailed { address, .. } => Some(family(address)),
        _ => None,
    })
}
