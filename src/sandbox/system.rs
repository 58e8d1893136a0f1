//! What all sessions of one sandbox share, and the way a submission takes through it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::bounce::Bounce;
use super::fault::{Fate, Faults, LoginFault, Protocol};
use super::sasl::Claim;
use super::settings::{Responder, Settings};
use super::store::Store;
use super::submission::Submission;

/// So many command lines are remembered; the oldest go first.
const MAX_COMMANDS: usize = 100_000;

/// The state behind every session.
#[derive(Debug)]
pub(super) struct System {
    pub settings: Settings,
    pub faults: Faults,
    pub store: Store,
    commands: Mutex<Vec<String>>,
    queued: AtomicU64,
}

/// How a login went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// Welcome; the account's address.
    Accepted(String),
    Refused,
    Unavailable,
}

impl System {
    pub fn new(settings: Settings) -> Self {
        let system = Self {
            faults: Faults::new(&settings.faults),
            store: Store::new(),
            commands: Mutex::new(Vec::new()),
            queued: AtomicU64::new(0),
            settings,
        };
        for user in &system.settings.accounts {
            system.furnish(&user.address, &user.password);
        }
        system
    }

    /// Opens an account with its folders and the mail that lies there already.
    fn furnish(&self, address: &str, password: &str) {
        let settings = &self.settings;
        self.store.open(address, password);
        self.store.with(address, |account| {
            for (name, special_use) in [(&settings.sent_folder, "\\Sent"), (&settings.junk_folder, "\\Junk")] {
                if let Some(name) = name {
                    account.create(name, Some(special_use));
                }
            }
            let Some(inbox) = account.folder_mut("INBOX") else {
                return;
            };
            for number in 1..=settings.existing {
                let mut flags = BTreeSet::from(["\\Seen".to_owned()]);
                if number <= settings.existing_deleted {
                    flags.insert("\\Deleted".to_owned());
                }
                inbox.add(unrelated(address, number).into(), flags, Timestamp::UNIX_EPOCH);
            }
        });
    }

    /// Notes a command line, already without its secrets.
    pub fn record(&self, protocol: Protocol, line: &str) {
        let name = match protocol {
            Protocol::Smtp => "smtp",
            Protocol::Imap => "imap",
            Protocol::Pop3 => "pop3",
        };
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        if commands.len() >= MAX_COMMANDS {
            commands.remove(0);
        }
        commands.push(format!("{name}: {line}"));
    }

    /// Every command line so far, in the order in which they were read.
    pub fn commands(&self) -> Vec<String> {
        let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        commands.clone()
    }

    /// Judges a login. The login name is the address; case does not matter in it, every byte does in the password.
    pub fn login(&self, protocol: Protocol, user: &[u8], password: &[u8]) -> Login {
        let name = String::from_utf8_lossy(user);
        match self.faults.login(protocol, &name) {
            Some(LoginFault::Refused) => return Login::Refused,
            Some(LoginFault::Unavailable) => return Login::Unavailable,
            None => {}
        }
        let Ok(user) = std::str::from_utf8(user) else {
            return Login::Refused;
        };
        match self.store.with(user, |account| account.password.as_bytes() == password) {
            Some(true) => Login::Accepted(user.to_ascii_lowercase()),
            _ => Login::Refused,
        }
    }

    /// Judges what came of a SASL exchange.
    pub fn judge(&self, protocol: Protocol, claim: &Claim) -> Login {
        let user = match claim {
            Claim::Password { user, password } => return self.login(protocol, user, password),
            Claim::Proven { user } => Some(user),
            Claim::Disproven => None,
        };
        match (self.faults.login(protocol, user.map_or("", String::as_str)), user) {
            (Some(LoginFault::Unavailable), _) => Login::Unavailable,
            (None, Some(user)) => Login::Accepted(user.to_ascii_lowercase()),
            _ => Login::Refused,
        }
    }

    /// Takes a submission over: stamps it, files the sender's copy, and sees to its delivery. Returns the queue id.
    pub fn accept(self: &Arc<Self>, submission: &Submission) -> String {
        let number = self.queued.fetch_add(1, Ordering::Relaxed) + 1;
        let id = format!("SB{number:06}");
        if self.settings.files_sent {
            self.file_sent(submission);
        }
        for recipient in &submission.to {
            let fate = self.faults.fate(recipient);
            if fate.lost {
                continue;
            }
            if let Some(reply) = &fate.bounced {
                self.bounce(submission, &Bounce { id: &id, recipient, reply }, fate.delay);
            } else if let Some(address) = self.store.resolve(recipient) {
                let stated = self.settings.authentication_results.as_deref();
                let raw: Arc<[u8]> = submission.stamped(recipient, &id, stated, fate.altered).into();
                self.dispatch(address, raw, fate);
            } else if let Some(responder) = self.responder(recipient) {
                responder.answer(submission).iter().for_each(|answer| drop(self.accept(answer)));
            }
        }
        id
    }

    /// Whether there is anybody of this address.
    pub fn has_recipient(&self, address: &str) -> bool {
        self.store.resolve(address).is_some() || self.responder(address).is_some()
    }

    fn responder(&self, address: &str) -> Option<&Responder> {
        self.settings.responders.iter().find(|responder| responder.address.eq_ignore_ascii_case(address))
    }

    /// Tells the sender; nobody is told of what nobody sent (RFC 5321 §4.5.5).
    fn bounce(self: &Arc<Self>, submission: &Submission, bounce: &Bounce<'_>, delay: SignedDuration) {
        if let Some(address) = self.store.resolve(&submission.from) {
            let raw: Arc<[u8]> = bounce.report(submission).into();
            self.dispatch(address, raw, Fate { delay, ..Fate::default() });
        }
    }

    fn file_sent(&self, submission: &Submission) {
        let Some(name) = &self.settings.sent_folder else {
            return;
        };
        self.store.change(&submission.user, |account| {
            if let Some(folder) = account.folder_mut(name) {
                let seen = BTreeSet::from(["\\Seen".to_owned()]);
                folder.add(submission.text.as_slice().into(), seen, Timestamp::now());
            }
        });
    }

    /// Delivers now, or when the delay is over, if the sandbox still exists then.
    fn dispatch(self: &Arc<Self>, address: String, raw: Arc<[u8]>, fate: Fate) {
        let delay = self.settings.delivery_delay.saturating_add(fate.delay);
        if delay <= SignedDuration::ZERO {
            return self.deliver(&address, &raw, &fate);
        }
        let system: Weak<Self> = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(positive(delay)).await;
            if let Some(system) = system.upgrade() {
                system.deliver(&address, &raw, &fate);
            }
        });
    }

    fn deliver(&self, address: &str, raw: &Arc<[u8]>, fate: &Fate) {
        let junk = self.settings.junk_folder.as_deref().filter(|_| fate.junked).unwrap_or("INBOX");
        let copies = if fate.duplicated { 2 } else { 1 };
        self.store.change(address, |account| {
            if let Some(folder) = account.folder_mut(junk) {
                for _ in 0..copies {
                    folder.add(raw.clone(), BTreeSet::new(), Timestamp::now());
                }
            }
        });
    }
}

/// A duration to wait for; none for a negative one.
pub(super) fn positive(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or_default()
}

/// A message that was there before, and is nobody's business.
fn unrelated(address: &str, number: u32) -> Vec<u8> {
    format!(
        "From: Someone <someone@elsewhere.test>\r\nTo: {address}\r\nSubject: Unrelated message {number}\r\n\
         Date: Thu, 01 Jan 1970 00:00:00 +0000\r\nMessage-ID: <unrelated-{number}@elsewhere.test>\r\n\r\n\
         Not yours to touch.\r\n"
    )
    .into_bytes()
}
