//! The maildrop of one POP3 session: a snapshot of the INBOX taken at login and held alone, RFC 1939 §4.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sandbox::fault::{Fault, Faults};
use crate::sandbox::message;
use crate::sandbox::store::{Account, StoredMessage};
use crate::sandbox::system::System;

/// Why a maildrop cannot be had.
pub(super) enum Denied {
    InUse,
    TooSoon,
}

impl Denied {
    /// The server's words, with the response codes of RFC 2449 §8.1.
    pub fn reply(&self) -> String {
        match self {
            Self::InUse => "-ERR [IN-USE] The maildrop is in use by another session",
            Self::TooSoon => "-ERR [LOGIN-DELAY] Minimum time between logins has not yet passed",
        }
        .to_owned()
    }
}

/// A locked maildrop. Dropping it unlocks it and removes nothing.
pub(super) struct Maildrop {
    system: Arc<System>,
    address: String,
    uid_validity: u32,
    messages: Vec<(StoredMessage, bool)>,
}

impl Maildrop {
    /// Locks and reads the INBOX; `pause` is the least time between two logins.
    pub fn open(system: Arc<System>, address: &str, pause: Option<Duration>) -> Result<Self, Denied> {
        let opened = system.store.with(address, |account| {
            let soon = |last: Instant| pause.is_some_and(|pause| last.elapsed() < pause);
            if account.last_pop3_login.is_some_and(soon) {
                return Err(Denied::TooSoon);
            }
            if account.maildrop_locked {
                return Err(Denied::InUse);
            }
            account.maildrop_locked = true;
            account.last_pop3_login = Some(Instant::now());
            Ok(snapshot(account, &system.faults))
        });
        let (uid_validity, messages) = opened.unwrap_or(Err(Denied::InUse))?;
        Ok(Self { address: address.to_owned(), uid_validity, messages, system })
    }

    /// Message numbers, the deleted ones included.
    pub fn numbers(&self) -> RangeInclusive<usize> {
        1..=self.messages.len()
    }

    fn message(&self, number: usize) -> Option<&StoredMessage> {
        let (message, deleted) = self.messages.get(number.checked_sub(1)?)?;
        (!deleted).then_some(message)
    }

    /// The count of messages and of their octets.
    pub fn stat(&self) -> (usize, usize) {
        let sizes = self.numbers().filter_map(|number| self.message(number)).map(|message| message.raw.len());
        sizes.fold((0, 0), |(count, octets), size| (count + 1, octets + size))
    }

    /// `number octets`.
    pub fn scan_line(&self, number: usize) -> Option<String> {
        let message = self.message(number)?;
        Some(format!("{number} {}", message.raw.len()))
    }

    /// `number unique-id`.
    pub fn unique_id_line(&self, number: usize) -> Option<String> {
        let message = self.message(number)?;
        Some(format!("{number} {:08x}{:08x}", self.uid_validity, message.uid))
    }

    /// The message for the wire, dots stuffed and the final dot added; with `lines`, so many of its body (TOP).
    pub fn text(&self, number: usize, lines: Option<usize>) -> Option<Vec<u8>> {
        let raw = &self.message(number)?.raw;
        let (header, body) = raw.split_at(message::body_start(raw));
        let wanted = lines.unwrap_or(usize::MAX);
        let header = header.split_inclusive(|&byte| byte == b'\n');
        let body = body.split_inclusive(|&byte| byte == b'\n').take(wanted);
        let mut text = Vec::with_capacity(raw.len() + 64);
        for line in header.chain(body) {
            if line.first() == Some(&b'.') {
                text.push(b'.');
            }
            text.extend_from_slice(line);
        }
        if !text.is_empty() && !text.ends_with(b"\r\n") {
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b".\r\n");
        Some(text)
    }

    /// Marks a message; false where there is none, or none any more.
    pub fn delete(&mut self, number: usize) -> bool {
        let there = self.message(number).is_some();
        if let Some(entry) = number.checked_sub(1).and_then(|index| self.messages.get_mut(index)) {
            entry.1 = true;
        }
        there
    }

    /// Whether any message is marked.
    pub fn is_marked(&self) -> bool {
        self.messages.iter().any(|(_, deleted)| *deleted)
    }

    /// Takes all marks back.
    pub fn reset(&mut self) {
        for (_, deleted) in &mut self.messages {
            *deleted = false;
        }
    }

    /// The UPDATE state: removes what is marked.
    pub fn commit(self) {
        let marked: Vec<u32> =
            self.messages.iter().filter(|(_, deleted)| *deleted).map(|(message, _)| message.uid).collect();
        self.system.store.change(&self.address, |account| {
            if let Some(inbox) = account.folder_mut("INBOX") {
                inbox.messages.retain(|message| !marked.contains(&message.uid));
            }
        });
    }
}

impl Drop for Maildrop {
    fn drop(&mut self) {
        self.system.store.with(&self.address, |account| account.maildrop_locked = false);
    }
}

fn snapshot(account: &mut Account, faults: &Faults) -> (u32, Vec<(StoredMessage, bool)>) {
    let Some(inbox) = account.folder("INBOX") else { return (0, Vec::new()) };
    let (uid_validity, uid_next) = (inbox.uid_validity, inbox.uid_next);
    let mut messages: Vec<_> = inbox.messages.iter().map(|message| (message.clone(), false)).collect();
    let before = *account.first_seen_by_pop3.get_or_insert(uid_next);
    if faults.on(Fault::MaildropStale {}) {
        messages.retain(|(message, _)| message.uid < before);
    }
    if faults.on(Fault::MaildropReversed {}) {
        messages.reverse();
    }
    (uid_validity, messages)
}
