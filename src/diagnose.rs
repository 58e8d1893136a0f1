//! What an outcome amounts to: the verdict, and for everything that was not right the cause and what to change.
//!
//! Pure functions of an [`Outcome`]. The rules read types, enhanced codes, reply codes, response codes and settings. Only
//! where these leave the cause open is the wording of a server's answer looked at; what is concluded from that is a guess,
//! and says so by its [`Certainty`]. The wording of an error of a library is never read.

mod alteration;
pub mod attempt;
pub mod authentication;
mod blocked;
pub mod breach;
mod case;
mod certificate;
pub mod code;
mod concern;
mod credential;
mod delivery;
mod folder;
mod host;
pub(crate) mod interceptor;
mod known;
mod leftover;
mod limit;
mod login;
mod maildrop;
mod note;
mod offline;
mod opening;
mod other;
mod published;
mod reach;
mod root;
mod service;
mod streak;
pub mod threshold;
mod token;
mod transaction;
mod wait;
mod way;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Reply, Skip};
use crate::outcome::{Outcome, Server, Span, StageRecord, Status};
use crate::stage::{At, Leg, Stage};

use case::Case;
pub(crate) use leftover::human as long_time;
pub use root::Root;

/// How a verification is judged. The exit codes are those of monitoring plugins, the same in every format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Mail works.
    Ok,
    /// Mail works, and something is not as it should be.
    Warning,
    /// It could not be found out whether mail works.
    Unknown,
    /// Mail does not work.
    Critical,
}

impl Verdict {
    /// The exit code of the command.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Ok => 0,
            Verdict::Warning => 1,
            Verdict::Critical => 2,
            Verdict::Unknown => 3,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Ok => "OK",
            Verdict::Warning => "WARNING",
            Verdict::Critical => "CRITICAL",
            Verdict::Unknown => "UNKNOWN",
        })
    }
}

/// How sure a diagnosis is of the cause it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// What was seen leaves no other cause.
    Certain,
    /// The usual cause of what was seen.
    Likely,
    /// One cause among others.
    Possible,
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Certainty::Certain => "certain",
            Certainty::Likely => "likely",
            Certainty::Possible => "possible",
        })
    }
}

/// A cause, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// A stable name in kebab-case, for scripts; what it means is in [`code::CODES`].
    pub code: &'static str,
    /// What this alone makes of the verification.
    pub verdict: Verdict,
    /// How sure the cause is.
    pub certainty: Certainty,
    /// The stage that it is about; `None` where it is about the verification as a whole.
    pub at: Option<At>,
    /// The cause, in a plain sentence.
    pub cause: String,
    /// What to change, the likeliest remedy first.
    pub advice: Vec<String>,
    /// What it was concluded from; words of a server are verbatim here.
    pub evidence: Vec<String>,
    /// The diagnosis that this one follows from; `None`: it is a root cause.
    pub follows_from: Option<Root>,
    /// Index in [`Outcome::stages`] of the stage that it is about.
    #[serde(skip)]
    pub stage: Option<usize>,
}

impl Diagnosis {
    fn new(code: &'static str, verdict: Verdict, at: Option<At>, certainty: Certainty, cause: String) -> Diagnosis {
        Diagnosis {
            code,
            verdict,
            certainty,
            at,
            cause,
            advice: Vec::new(),
            evidence: Vec::new(),
            follows_from: None,
            stage: None,
        }
    }

    /// The stage that it is about, of the outcome that it was made from.
    pub fn record<'a>(&self, outcome: &'a Outcome) -> Option<&'a StageRecord> {
        outcome.stages.get(self.stage?)
    }

    /// The failure of that stage, if it failed.
    pub fn failure<'a>(&self, outcome: &'a Outcome) -> Option<&'a Failure> {
        match &self.record(outcome)?.status {
            Status::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// Remembers which of the outcome's stages it is about.
    fn about(mut self, outcome: &Outcome, record: &StageRecord) -> Diagnosis {
        self.stage = outcome.stages.iter().position(|stage| std::ptr::eq(stage, record));
        self
    }

    /// One more thing to do.
    fn advise(mut self, advice: impl Into<String>) -> Diagnosis {
        self.advice.push(advice.into());
        self
    }

    /// Some more things to do: any number of them.
    fn advise_all(mut self, advice: impl IntoIterator<Item = String>) -> Diagnosis {
        self.advice.extend(advice);
        self
    }

    /// One more thing that it was concluded from.
    fn seen(mut self, evidence: impl Into<String>) -> Diagnosis {
        self.evidence.push(evidence.into());
        self
    }
}

/// The verdict on a whole verification.
///
/// CRITICAL where mail does not work, or works in a way that the check calls critical ([`breach`]); UNKNOWN where that could
/// not be found out. Trouble in the clean-up is a warning at most: mail works then. A verification that proved nothing is
/// never OK. Where it was repeated, the last attempt counts; one that passed after another had failed is a warning. A failure
/// that is still soft ([`Streak::is_soft`](crate::outcome::Streak::is_soft)) is a warning at most, too, and so is each of its
/// stages and diagnoses.
pub fn verdict(outcome: &Outcome) -> Verdict {
    streak::softened(outcome, attempt::judged(outcome, of_last_attempt(outcome)))
}

/// The verdict on all of them: the worst; UNKNOWN where there is none.
pub fn verdict_on_all(outcomes: &[Outcome]) -> Verdict {
    outcomes.iter().map(verdict).max().unwrap_or(Verdict::Unknown)
}

/// All of them, the worst first, and else in their order.
pub fn worst_first(outcomes: &[Outcome]) -> Vec<&Outcome> {
    let mut sorted: Vec<&Outcome> = outcomes.iter().collect();
    sorted.sort_by_key(|outcome| std::cmp::Reverse(verdict(outcome)));
    sorted
}

fn of_last_attempt(outcome: &Outcome) -> Verdict {
    let nothing = if proved_nothing(outcome) { Verdict::Unknown } else { Verdict::Ok };
    worst_stage(outcome).max(nothing)
}

fn worst_stage(outcome: &Outcome) -> Verdict {
    outcome.stages.iter().map(|record| judged(outcome, record)).max().unwrap_or(Verdict::Ok)
}

/// Whether this is the outcome of `mailtrip clean`, which sends nothing.
pub fn is_clean_up(outcome: &Outcome) -> bool {
    let has = |leg: Leg| outcome.stages.iter().any(|record| record.at.leg == leg);
    has(Leg::Cleanup) && !has(Leg::Submission)
}

/// What one stage makes of the verification.
pub fn stage_verdict(outcome: &Outcome, record: &StageRecord) -> Verdict {
    streak::softened(outcome, judged(outcome, record))
}

/// The same, where every failure counts.
///
/// Greylisting leaves open whether mail works: it refuses every first attempt, and a verification makes no second one. Any
/// other refusal counts as mail that does not work, a temporary one, too: nothing tells that a later attempt would be
/// taken, and a mail program would be refused by the same words in the same moment. That holds for limits on sign-ins and
/// on messages as well: while they last, nobody sends from this account.
fn judged(outcome: &Outcome, record: &StageRecord) -> Verdict {
    let worst = match &record.status {
        Status::Failed(failure) if failure.could_not_run() || offline::is_likely(outcome) => Verdict::Unknown,
        Status::Failed(failure) if limit::is_greylisting(&Case::new(outcome, record, failure)) => Verdict::Unknown,
        Status::Failed(_) => Verdict::Critical,
        Status::Skipped(Skip::Stopped | Skip::AlreadyRunning { .. }) => Verdict::Unknown,
        _ if !record.concerns.is_empty() => Verdict::Warning,
        _ => Verdict::Ok,
    };
    let worst = worst.max(breach::worst(outcome, record));
    let could_not_run = worst == Verdict::Unknown && is_clean_up(outcome);
    if record.at.leg == Leg::Cleanup && !could_not_run { worst.min(Verdict::Warning) } else { worst }
}

/// Outside the clean-up nothing passed, or a stage was held up although none failed.
fn proved_nothing(outcome: &Outcome) -> bool {
    let mail = || outcome.stages.iter().filter(|record| record.at.leg != Leg::Cleanup);
    let held_up = |record: &StageRecord| matches!(record.status, Status::Skipped(Skip::After { .. }));
    let failed = |record: &StageRecord| matches!(record.status, Status::Failed(_));
    !mail().any(|record| record.status == Status::Passed) || (mail().any(held_up) && !mail().any(failed))
}

/// From the beginning of the submission of the message to the last arrival: its own, by every protocol that it is
/// received by, or that of the answer where one is waited for. `None` if anything of it did not arrive.
pub fn round_trip(outcome: &Outcome) -> Option<Duration> {
    let submit = outcome.stages.iter().find(|r| r.at.leg == Leg::Submission && r.at.stage == Stage::Submit)?.span?;
    let arrivals = outcome.stages.iter().filter(|record| record.at.stage == Stage::Arrival);
    let ended = arrivals.map(|record| record.span.filter(|_| record.status == Status::Passed).map(Span::ended));
    let last = ended.collect::<Option<Vec<Duration>>>()?.into_iter().max()?;
    Some(last.saturating_sub(submit.began))
}

/// Whether the round trip is that of an answer.
pub fn is_answered(outcome: &Outcome) -> bool {
    outcome.stages.iter().any(|record| record.at.leg == Leg::ReplyDelivery && record.at.stage == Stage::Arrival)
}

/// All diagnoses: what weighs most first, then the surer ones first, then in the order of the stages; what follows from
/// another one stands behind it. The heaviest of them is as heavy as the [`verdict`].
pub fn diagnose(outcome: &Outcome) -> Vec<Diagnosis> {
    let failures = outcome.failed().map(|(record, failure)| explain(&Case::new(outcome, record, failure)));
    let mut diagnoses: Vec<Diagnosis> = offline::explain(outcome).into_iter().chain(failures).collect();
    diagnoses.extend(other::stopped(outcome));
    diagnoses.extend(other::already_running(outcome));
    diagnoses.extend(other::cleanup_stopped(outcome));
    diagnoses.extend(other::proved_nothing(outcome));
    diagnoses.extend(attempt::explain(outcome));
    let concerns = outcome.concerns();
    let concerns = concerns.map(|(record, concern)| concern::explain(outcome, record, concern).about(outcome, record));
    diagnoses.extend(merged(concerns));
    diagnoses.extend(breach::explain(outcome));
    diagnoses.extend(note::notes(outcome));
    diagnoses.extend(outcome.stages.iter().filter_map(|record| leftover::removed(outcome, record)));
    diagnoses.sort_by_key(|diagnosis| (std::cmp::Reverse(diagnosis.verdict), diagnosis.certainty));
    streak::told(outcome, root::arranged(outcome, diagnoses))
}

/// What is the same but for its evidence is told once, with the first pieces of evidence of all.
fn merged(all: impl Iterator<Item = Diagnosis>) -> Vec<Diagnosis> {
    let mut merged: Vec<Diagnosis> = Vec::new();
    for diagnosis in all {
        let same = |other: &&mut Diagnosis| {
            (other.code, other.stage, &other.cause) == (diagnosis.code, diagnosis.stage, &diagnosis.cause)
        };
        let Some(first) = merged.iter_mut().find(same) else {
            merged.push(diagnosis);
            continue;
        };
        for evidence in diagnosis.evidence {
            if !first.evidence.contains(&evidence) && first.evidence.len() < MOST_EVIDENCE {
                first.evidence.push(evidence);
            }
        }
    }
    merged
}

/// How the evidence words what a server answered.
pub(crate) fn answered(reply: &Reply) -> String {
    format!("the server answered: {reply}")
}

/// How the evidence words which server it was.
pub(crate) fn configured(server: &Server) -> String {
    let Server { account, protocol, host, port, security, .. } = server;
    format!("{protocol} server {host}, port {port}, security {security}, account {account}")
}

/// So much evidence of things that are the same is shown.
const MOST_EVIDENCE: usize = 10;

/// A rule looks at a failed stage and explains it, if it is one that it knows.
type Rule = fn(&Case) -> Option<Diagnosis>;

/// The rules, the more special before the more general: the first one that knows the case explains it.
const RULES: &[Rule] = &[
    token::refused,
    token::unavailable,
    other::limit_too_short,
    reach::host_not_found,
    reach::no_address_of_family,
    reach::resolver_failed,
    reach::refused,
    reach::only_ipv6,
    reach::unreachable,
    reach::port_25_blocked,
    reach::no_answer,
    service::wrong_protocol,
    service::silent,
    opening::silent_tls_port,
    opening::plaintext_on_tls_port,
    opening::tls_closed,
    opening::tls_alert,
    opening::tls_version,
    opening::tls_failed,
    opening::starttls_stripped,
    opening::starttls_not_offered,
    opening::starttls_refused,
    opening::injected,
    opening::cleartext_forbidden,
    maildrop::locked,
    maildrop::too_soon,
    maildrop::temporary,
    maildrop::locked_perhaps,
    limit::greylisted,
    blocked::client_address,
    service::ftp,
    opening::turned_away,
    certificate::intercepted,
    certificate::expired,
    certificate::not_yet_valid,
    certificate::wrong_name,
    certificate::self_signed,
    certificate::untrusted,
    certificate::rejected,
    credential::oauth_only,
    login::hidden_until_tls,
    login::no_mechanism,
    login::mechanism_not_offered,
    credential::password_expired,
    limit::sign_ins,
    login::temporary,
    login::encryption_required,
    blocked::account,
    token::submission_off,
    token::not_taken,
    credential::basic_disabled,
    login::switched_off,
    credential::app_password,
    login::web_login,
    login::mechanism_refused,
    login::username,
    login::password_whitespace,
    login::not_permitted,
    login::wrong,
    transaction::uncertain,
    transaction::authentication_required,
    transaction::too_large,
    limit::messages,
    transaction::mailbox_full,
    transaction::sender_address,
    transaction::authentication_results,
    transaction::temporary,
    transaction::sender_not_owned,
    transaction::recipient_domain,
    transaction::relay_refused,
    transaction::recipient_unknown,
    transaction::relay_denied,
    blocked::spam,
    transaction::policy,
    transaction::rejected,
    delivery::one_protocol_only,
    delivery::no_room,
    delivery::not_arrived,
    delivery::bounced,
    delivery::in_junk,
    alteration::altered,
    folder::not_selectable,
    folder::no_folder,
    delivery::no_copy,
    delivery::append_over_quota,
    folder::not_permitted,
    other::timeout,
    other::connection_lost,
    other::malformed,
    other::interrupted,
    other::local,
];

/// The explanation of a failed stage: there is always one.
fn explain(case: &Case) -> Diagnosis {
    let diagnosis = RULES.iter().find_map(|rule| rule(case)).unwrap_or_else(|| other::unexplained(case));
    diagnosis.about(case.outcome, case.record)
}
