//! What a server asks about the faults that are on.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::SignedDuration;

use super::{Alteration, Fault, Flaw, Place, Point, Protocol, Reply};

/// How a session breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) enum Breakage {
    Drop,
    Stall,
    Garbage(Option<String>),
    Cut,
}

/// A login that fails whatever the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum LoginFault {
    Refused,
    Unavailable,
}

/// What becomes of a message on its way to one recipient.
#[derive(Debug, Clone, Default)]
pub(in crate::sandbox) struct Fate {
    pub lost: bool,
    pub junked: bool,
    pub altered: Option<Alteration>,
    pub duplicated: bool,
    /// Whether a report comes instead, and what it says.
    pub bounced: Option<Reply>,
    pub delay: SignedDuration,
}

/// The configured faults, and how often each point has been passed.
#[derive(Debug)]
pub(in crate::sandbox) struct Faults {
    list: Vec<(Fault, AtomicU32)>,
}

fn concerns(service: &Option<Protocol>, protocol: Protocol) -> bool {
    service.is_none_or(|one| one == protocol)
}

/// Whether an address is the one that a fault is limited to, if it is to any.
fn meant(only: &Option<String>, address: &str) -> bool {
    only.as_ref().is_none_or(|one| one.eq_ignore_ascii_case(address))
}

/// Whether a fault acts this time, which is counted.
fn is_due(skip: u32, times: Option<u32>, passed: &AtomicU32) -> bool {
    let nth = passed.fetch_add(1, Ordering::Relaxed);
    nth >= skip && times.is_none_or(|times| nth - skip < times)
}

impl Faults {
    pub fn new(faults: &[Fault]) -> Self {
        Self { list: faults.iter().map(|fault| (fault.clone(), AtomicU32::new(0))).collect() }
    }

    fn first<T>(&self, question: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.list.iter().find_map(|(fault, _)| question(fault))
    }

    /// Whether this very fault, which has no fields, is on.
    pub fn on(&self, fault: Fault) -> bool {
        self.list.iter().any(|(one, _)| *one == fault)
    }

    pub fn login(&self, protocol: Protocol, name: &str) -> Option<LoginFault> {
        let here = |service: &Option<Protocol>, user: &Option<String>| concerns(service, protocol) && meant(user, name);
        self.first(|fault| match fault {
            Fault::LoginRefused { service, user } if here(service, user) => Some(LoginFault::Refused),
            Fault::LoginUnavailable { service, user } if here(service, user) => Some(LoginFault::Unavailable),
            _ => None,
        })
    }

    pub fn sender(&self) -> Option<Reply> {
        self.first(|fault| match fault {
            Fault::SenderRefused { reply } => Some(reply.clone()),
            _ => None,
        })
    }

    pub fn recipient(&self, recipient: &str) -> Option<Reply> {
        self.first(|fault| match fault {
            Fault::RecipientRefused { reply, to } if meant(to, recipient) => Some(reply.clone()),
            _ => None,
        })
    }

    pub fn data(&self) -> Option<Reply> {
        self.first(|fault| match fault {
            Fault::DataRefused { reply } => Some(reply.clone()),
            _ => None,
        })
    }

    pub fn message(&self) -> Option<Reply> {
        self.first(|fault| match fault {
            Fault::MessageRefused { reply } => Some(reply.clone()),
            Fault::MailboxFull {} => Some(Reply::new(552, "5.2.2 Mailbox full")),
            _ => None,
        })
    }

    pub fn fate(&self, recipient: &str) -> Fate {
        let mut fate = Fate::default();
        for (fault, _) in &self.list {
            match fault {
                Fault::MessageDelayed { by, to } if meant(to, recipient) => fate.delay = *by,
                Fault::MessageJunked { to } if meant(to, recipient) => fate.junked = true,
                Fault::MessageLost { to } if meant(to, recipient) => fate.lost = true,
                Fault::MessageBounced { reply, to } if meant(to, recipient) => fate.bounced = Some(reply.clone()),
                Fault::MessageDuplicated { to } if meant(to, recipient) => fate.duplicated = true,
                Fault::MessageAltered { how, to } if meant(to, recipient) => fate.altered = Some(*how),
                Fault::QuotaUsedUp {} => fate.lost = true,
                _ => {}
            }
        }
        fate
    }

    /// Whether nobody can open this folder.
    pub fn closed(&self, name: &str) -> bool {
        self.first(|fault| matches!(fault, Fault::FolderClosed { folder } if folder == name).then_some(())).is_some()
    }

    /// Whether this folder can be read only.
    pub fn read_only(&self, name: &str) -> bool {
        self.first(|fault| matches!(fault, Fault::FolderReadOnly { folder } if folder == name).then_some(())).is_some()
    }

    /// What the user is to be told, on one line.
    pub fn alert(&self) -> Option<String> {
        self.first(|fault| match fault {
            Fault::Alert { text } => Some(text.replace(['\r', '\n'], " ")),
            _ => None,
        })
    }

    pub fn flaw(&self, protocol: Protocol) -> Option<Flaw> {
        self.first(|fault| match fault {
            Fault::Certificate { flaw, service } if concerns(service, protocol) => Some(*flaw),
            _ => None,
        })
    }

    pub fn starttls_absent(&self, protocol: Protocol) -> bool {
        self.list
            .iter()
            .any(|(fault, _)| matches!(fault, Fault::StarttlsAbsent { service } if concerns(service, protocol)))
    }

    pub fn starttls_refused(&self, protocol: Protocol) -> bool {
        self.list
            .iter()
            .any(|(fault, _)| matches!(fault, Fault::StarttlsRefused { service } if concerns(service, protocol)))
    }

    pub fn starttls_injected(&self, protocol: Protocol) -> bool {
        self.list
            .iter()
            .any(|(fault, _)| matches!(fault, Fault::StarttlsInjected { service } if concerns(service, protocol)))
    }

    pub fn plaintext_on_tls(&self, protocol: Protocol) -> bool {
        self.list
            .iter()
            .any(|(fault, _)| matches!(fault, Fault::PlaintextOnTls { service } if concerns(service, protocol)))
    }

    pub fn greeting(&self, protocol: Protocol) -> Option<Reply> {
        self.first(|fault| match fault {
            Fault::GreetingRefused { service, reply } if concerns(service, protocol) => Some(reply.clone()),
            _ => None,
        })
    }

    pub fn login_delay(&self) -> Option<SignedDuration> {
        self.first(|fault| match fault {
            Fault::LoginDelay { every } => Some(*every),
            _ => None,
        })
    }

    /// What is said to a sign-in to a locked maildrop, behind the -ERR; the sign-in is counted.
    pub fn maildrop_locked(&self) -> Option<String> {
        self.list.iter().find_map(|(fault, passed)| match fault {
            Fault::MaildropLocked { skip, times, text } if is_due(*skip, *times, passed) => {
                let text = text.as_deref().unwrap_or("[IN-USE] The maildrop is in use by another session");
                Some(text.replace(['\r', '\n'], " "))
            }
            _ => None,
        })
    }

    /// The breakage due at this passage of the point, which is counted.
    pub fn breakage(&self, protocol: Protocol, point: Point, after: bool) -> Option<Breakage> {
        let due = |place: &Place, always_after: bool, passed: &AtomicU32| {
            let here = place.service == protocol && place.at == point && (place.after || always_after) == after;
            here && is_due(place.skip, place.times, passed)
        };
        self.list.iter().find_map(|(fault, passed)| match fault {
            Fault::Drop(place) => due(place, false, passed).then_some(Breakage::Drop),
            Fault::Stall(place) => due(place, false, passed).then_some(Breakage::Stall),
            Fault::Garbage(place) => due(place, false, passed).then(|| Breakage::Garbage(place.text.clone())),
            Fault::Cut(place) => due(place, true, passed).then_some(Breakage::Cut),
            _ => None,
        })
    }
}
