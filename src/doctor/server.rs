//! A server that an account names: what is wrong with it, and what somebody has seen who signed in.

use serde::Serialize;

use crate::account::{Protocol, Security};
use crate::diagnose::{self, Diagnosis, Verdict, diagnose};
use crate::failure::{Failure, Kind, Reply};
use crate::outcome::{Fact, Outcome, Role};
use crate::stage::Stage;

use super::prescription::Change;

/// From this share on, in percent, a mailbox is nearly full.
const NEARLY_FULL: u64 = 90;

/// A server that the account names.
#[derive(Debug, Serialize)]
pub struct Server {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How it is secured, as configured.
    pub security: Security,
    /// Who signs in.
    pub username: String,
    /// Why it is not as configured; `None`: it is.
    pub failure: Option<Failure>,
    /// What would have to be changed for it to work; empty where nothing has to be, or nothing is known to help.
    pub changes: Vec<Change>,
    /// Why nobody signed in; `None`: somebody did, or tried.
    pub not_signed_in: Option<NotSignedIn>,
    /// Whether the sign-in, and the look into the mailbox, went well.
    pub signed_in: bool,
    /// How it was done.
    pub mechanism: Option<String>,
    /// What the server says that it can do, to somebody who is signed in where it tells.
    pub capabilities: Vec<String>,
    /// The inbox, Junk and Sent, as far as they are there.
    pub folders: Vec<Folder>,
    /// How full the mailbox is, where the server tells.
    pub quota: Option<Quota>,
    /// What the server said to what did not go well.
    pub reply: Option<Box<Reply>>,
    /// What did not go well during the visit, with cause and advice.
    pub diagnoses: Vec<Diagnosis>,
}

/// Why nobody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotSignedIn {
    /// The password is not at hand.
    NoPassword,
    /// The server is not as configured, or its certificate is not valid.
    NotAsConfigured,
    /// There would be no encryption.
    NotEncrypted,
    /// It was not asked for.
    NotAsked,
    /// Something failed before that.
    NotReached,
    /// The examination was stopped before that.
    Stopped,
}

/// A folder of the mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Folder {
    /// What it is for.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// How many messages it holds.
    pub messages: Option<u32>,
}

/// How full a mailbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// What is used, in KiB.
    pub used_kib: u64,
    /// What may be used, in KiB.
    pub limit_kib: u64,
}

impl Quota {
    /// Whether there is little room left.
    pub fn is_nearly_full(&self) -> bool {
        u128::from(self.used_kib) * 100 >= u128::from(self.limit_kib) * u128::from(NEARLY_FULL)
    }
}

/// Whether it offers a setting with a value: a guess, where the lines to change are known from what was seen.
fn offers_a_line(advice: &str) -> bool {
    advice.split('`').skip(1).step_by(2).any(|quoted| quoted.contains(" = "))
}

impl Server {
    /// Where the survey has heard something else than what is configured, a visit would only wait for what does not come.
    pub(super) fn is_worth_a_visit(&self) -> bool {
        let heard = |failure: &Failure| {
            matches!(
                failure.kind,
                Kind::Malformed
                    | Kind::PlaintextOnTlsPort { .. }
                    | Kind::WrongProtocol { .. }
                    | Kind::NoMechanism { .. }
                    | Kind::Timeout { .. }
                    | Kind::Interrupted
            )
        };
        !self.failure.as_ref().is_some_and(heard)
    }

    /// Takes down what a visit has seen, on which somebody tried to sign in unless there was a reason not to.
    pub(super) fn take(&mut self, outcome: &Outcome) {
        let verdict = diagnose::verdict(outcome);
        let tried = outcome.stages.iter().any(|record| record.at.stage == Stage::Login && record.span.is_some());
        if !tried {
            let interrupted = outcome.failed().any(|(_, failure)| failure.kind == Kind::Interrupted);
            let why = if interrupted { NotSignedIn::Stopped } else { NotSignedIn::NotReached };
            self.not_signed_in.get_or_insert(why);
        }
        self.signed_in = self.not_signed_in.is_none() && verdict < Verdict::Unknown;
        self.diagnoses = diagnose(outcome);
        if !self.changes.is_empty() {
            self.diagnoses.iter_mut().for_each(|diagnosis| diagnosis.advice.retain(|advice| !offers_a_line(advice)));
        }
        self.reply = outcome.failed().find_map(|(_, failure)| failure.reply.clone());
        for fact in outcome.stages.iter().flat_map(|record| &record.facts) {
            match fact {
                Fact::Mechanism { name, .. } => self.mechanism = Some(name.clone()),
                Fact::Capabilities { names } => self.capabilities.clone_from(names),
                Fact::Quota { used_kib, limit_kib } => {
                    self.quota = Some(Quota { used_kib: *used_kib, limit_kib: *limit_kib });
                }
                Fact::Folder { role, name, messages, .. } => {
                    self.folders.push(Folder { role: *role, name: name.clone(), messages: *messages });
                }
                _ => {}
            }
        }
    }

    /// What it alone amounts to.
    pub fn verdict(&self) -> Verdict {
        let worst = self.diagnoses.iter().map(|diagnosis| diagnosis.verdict).max().unwrap_or(Verdict::Ok);
        let full = self.quota.is_some_and(|quota| quota.is_nearly_full());
        match () {
            () if self.failure.as_ref().is_some_and(|failure| failure.kind == Kind::Interrupted) => Verdict::Unknown,
            () if self.failure.is_some() => Verdict::Critical,
            () if full || !self.signed_in => worst.max(Verdict::Warning),
            () => worst,
        }
    }
}
