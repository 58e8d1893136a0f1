//! A session's view of the selected mailbox: what it has been told, and how it learns the rest (RFC 3501 §5.2, §7).

use std::collections::BTreeSet;

use super::command::Sequence;
use crate::sandbox::store::Folder;

/// One message, as far as the client knows.
pub(super) struct Entry {
    pub uid: u32,
    pub flags: BTreeSet<String>,
    pub recent: bool,
}

/// The selected mailbox.
pub(super) struct View {
    pub folder: String,
    pub read_only: bool,
    /// In the order of sequence numbers.
    pub entries: Vec<Entry>,
    /// The largest UID told so far; it may be expunged.
    known: u32,
}

impl View {
    /// Selects a folder; but for EXAMINE, its recent messages are recent for nobody else.
    pub fn select(folder: &mut Folder, read_only: bool) -> Self {
        let mut view = Self { folder: folder.name.clone(), read_only, entries: Vec::new(), known: 0 };
        view.learn(folder);
        view
    }

    /// Takes in the messages not known yet; whether there were any.
    fn learn(&mut self, folder: &mut Folder) -> bool {
        let before = self.entries.len();
        for message in folder.messages.iter().filter(|m| m.uid > self.known) {
            self.entries.push(Entry {
                uid: message.uid,
                flags: message.flags.clone(),
                recent: message.uid >= folder.recent_from,
            });
        }
        self.known = folder.uid_next.saturating_sub(1);
        if !self.read_only {
            folder.recent_from = folder.uid_next;
        }
        self.entries.len() > before
    }

    /// Brings the view up to date and returns the untagged responses that say so. Expunges only where they are
    /// allowed (never while answering FETCH, STORE or SEARCH, RFC 3501 §7.4.1), new mail where it is wanted.
    pub fn sync(&mut self, folder: &mut Folder, expunges: bool, arrivals: bool) -> Vec<String> {
        let mut news = Vec::new();
        if expunges {
            for index in (0..self.entries.len()).rev() {
                if folder.message(self.entries[index].uid).is_none() {
                    self.entries.remove(index);
                    news.push(format!("* {} EXPUNGE", index + 1));
                }
            }
        }
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if let Some(message) = folder.message(entry.uid)
                && message.flags != entry.flags
            {
                entry.flags = message.flags.clone();
                news.push(format!("* {} FETCH (FLAGS {})", index + 1, entry.flag_list()));
            }
        }
        if arrivals && self.learn(folder) {
            news.push(format!("* {} EXISTS", self.entries.len()));
            news.push(format!("* {} RECENT", self.recent()));
        }
        news
    }

    /// How many messages are \Recent in this session.
    pub fn recent(&self) -> usize {
        self.entries.iter().filter(|entry| entry.recent).count()
    }

    /// The positions (sequence number minus one) that a set names.
    pub fn named(&self, set: &Sequence, by_uid: bool) -> Vec<usize> {
        let last_uid = self.entries.last().map_or(0, |entry| entry.uid);
        (0..self.entries.len())
            .filter(|&index| match by_uid {
                true => set.contains(self.entries[index].uid, last_uid),
                false => set.contains(number(index), number(self.entries.len().saturating_sub(1))),
            })
            .collect()
    }
}

/// The sequence number at a position.
fn number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

impl Entry {
    /// `(\Seen \Recent)`.
    pub fn flag_list(&self) -> String {
        let mut flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        if self.recent {
            flags.push("\\Recent");
        }
        format!("({})", flags.join(" "))
    }
}
