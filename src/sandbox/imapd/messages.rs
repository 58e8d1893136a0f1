//! Commands about the messages of the selected mailbox, RFC 3501 §6.4 and RFC 4315.

use super::Session;
use super::command::{Answer, Arguments, Refusal, Sequence};
use super::fetch::{self, Item};
use super::search::{self, Candidate};
use super::view::View;
use crate::sandbox::store::StoredMessage;

fn unselected() -> Refusal {
    Refusal::bad("No mailbox selected")
}

fn gone() -> Refusal {
    Refusal::no("[NONEXISTENT] The selected mailbox is gone")
}

/// What STORE does with the flags it is given.
#[derive(Clone, Copy)]
enum Change {
    Set,
    Add,
    Remove,
}

impl Session {
    fn selected(&self) -> Result<&View, Refusal> {
        self.view.as_ref().ok_or_else(unselected)
    }

    fn writable(&self) -> Result<&View, Refusal> {
        match self.selected()? {
            view if view.read_only => Err(Refusal::no("[READ-ONLY] Mailbox is read-only")),
            view => Ok(view),
        }
    }

    /// The messages behind some positions of the view; what another session expunged is left out.
    fn messages(&self, positions: &[usize]) -> Result<Vec<(usize, StoredMessage)>, Refusal> {
        let view = self.selected()?;
        self.account(|account| {
            let folder = account.folder(&view.folder).ok_or_else(gone)?;
            let found = positions.iter().filter_map(|&position| {
                let message = folder.message(view.entries.get(position)?.uid)?;
                Some((position, message.clone()))
            });
            Ok(found.collect())
        })
    }

    pub(super) fn fetch(&mut self, mut arguments: Arguments<'_>, by_uid: bool) -> Answer {
        let set = arguments.sequence()?;
        arguments.space()?;
        let mut items = fetch::items(&mut arguments)?;
        arguments.end()?;
        if by_uid && !items.contains(&Item::Uid) {
            items.insert(0, Item::Uid);
        }
        let positions = self.selected()?.named(&set, by_uid);
        let marks = |item: &Item| matches!(item, Item::Body { marks: true, .. });
        if items.iter().any(marks) && !self.selected()?.read_only {
            let news = self.alter(&positions, Change::Add, &["\\Seen".to_owned()])?;
            if !news.is_empty() && !items.contains(&Item::Flags) {
                items.push(Item::Flags);
            }
        }
        let found = self.messages(&positions)?;
        let Some(view) = &self.view else {
            return Err(unselected());
        };
        for (position, message) in &found {
            if let Some(entry) = view.entries.get(*position) {
                let response = fetch::response(position + 1, entry, message, &items);
                self.connection.put(&response);
            }
        }
        Ok("Fetch completed.".to_owned())
    }

    pub(super) fn store(&mut self, mut arguments: Arguments<'_>, by_uid: bool) -> Answer {
        let set = arguments.sequence()?;
        arguments.space()?;
        let change = match arguments.peek() {
            Some(b'+') => Change::Add,
            Some(b'-') => Change::Remove,
            _ => Change::Set,
        };
        let _ = arguments.eat(b'+') || arguments.eat(b'-');
        let item = arguments.word()?;
        let silent = match item.as_str() {
            "FLAGS" => false,
            "FLAGS.SILENT" => true,
            _ => return Err(Refusal::bad("FLAGS expected")),
        };
        arguments.space()?;
        let flags = arguments.flags()?;
        arguments.end()?;
        let positions = self.writable()?.named(&set, by_uid);
        self.alter(&positions, change, &flags)?;
        if !silent {
            let items = match by_uid {
                true => &[Item::Uid, Item::Flags][..],
                false => &[Item::Flags],
            };
            for (position, message) in self.messages(&positions)? {
                if let Some(entry) = self.view.as_ref().and_then(|view| view.entries.get(position)) {
                    let response = fetch::response(position + 1, entry, &message, items);
                    self.connection.put(&response);
                }
            }
        }
        Ok("Store completed.".to_owned())
    }

    /// Changes flags in the store and in the view; returns the positions where anything changed.
    fn alter(&mut self, positions: &[usize], change: Change, flags: &[String]) -> Result<Vec<usize>, Refusal> {
        let Some(mut view) = self.view.take() else {
            return Err(unselected());
        };
        let changed = self.change(|account| {
            let folder = account.folder_mut(&view.folder).ok_or_else(gone)?;
            let mut changed = Vec::new();
            for &position in positions {
                let Some(entry) = view.entries.get_mut(position) else {
                    continue;
                };
                let Some(message) = folder.message_mut(entry.uid) else {
                    continue;
                };
                match change {
                    Change::Set => message.flags = flags.iter().cloned().collect(),
                    Change::Add => message.flags.extend(flags.iter().cloned()),
                    Change::Remove => message.flags.retain(|flag| !flags.contains(flag)),
                }
                if entry.flags != message.flags {
                    entry.flags = message.flags.clone();
                    changed.push(position);
                }
            }
            Ok(changed)
        });
        self.view = Some(view);
        changed
    }

    pub(super) fn search(&mut self, mut arguments: Arguments<'_>, by_uid: bool) -> Answer {
        let key = search::program(&mut arguments)?;
        let positions: Vec<usize> = (0..self.selected()?.entries.len()).collect();
        let found = self.messages(&positions)?;
        let view = self.selected()?;
        let number = |position: usize| u32::try_from(position + 1).unwrap_or(u32::MAX);
        let mut line = String::from("* SEARCH");
        for (position, message) in &found {
            let Some(entry) = view.entries.get(*position) else {
                continue;
            };
            let candidate = Candidate {
                number: number(*position),
                entry,
                message,
                last_number: number(view.entries.len().saturating_sub(1)),
                last_uid: view.entries.last().map_or(0, |entry| entry.uid),
            };
            if key.matches(&candidate) {
                let hit = if by_uid { entry.uid } else { candidate.number };
                line += &format!(" {hit}");
            }
        }
        self.say(line);
        Ok("Search completed.".to_owned())
    }

    pub(super) fn copy(&mut self, mut arguments: Arguments<'_>, by_uid: bool) -> Answer {
        let set = arguments.sequence()?;
        arguments.space()?;
        let target = arguments.mailbox()?;
        arguments.end()?;
        let positions = self.selected()?.named(&set, by_uid);
        let found = self.messages(&positions)?;
        let (validity, pairs) = self.change(|account| {
            let folder = account.folder_mut(&target).ok_or_else(|| Refusal::no("[TRYCREATE] Mailbox doesn't exist"))?;
            let file = |(_, message): (usize, StoredMessage)| {
                let copy = folder.add(message.raw, message.flags, message.received);
                (message.uid.to_string(), copy.to_string())
            };
            let pairs: (Vec<String>, Vec<String>) = found.into_iter().map(file).unzip();
            Ok((folder.uid_validity, pairs))
        })?;
        let (from, to) = (pairs.0.join(","), pairs.1.join(","));
        match self.connection.system.settings.uidplus && !from.is_empty() {
            true => Ok(format!("[COPYUID {validity} {from} {to}] Copy completed.")),
            false => Ok("Copy completed.".to_owned()),
        }
    }

    pub(super) fn uid_expunge(&mut self, mut arguments: Arguments<'_>) -> Answer {
        let set = arguments.sequence()?;
        arguments.end()?;
        self.expunge(Some(&set))
    }

    /// Removes what is marked \Deleted, with a set only from among it (RFC 4315 §2.1). The news about it is told with
    /// all other news.
    pub(super) fn expunge(&mut self, set: Option<&Sequence>) -> Answer {
        let view = self.writable()?;
        let last = view.entries.last().map_or(0, |entry| entry.uid);
        self.change(|account| {
            let folder = account.folder_mut(&view.folder).ok_or_else(gone)?;
            folder.messages.retain(|message| {
                let named = set.is_none_or(|set| set.contains(message.uid, last));
                !(named && message.flags.contains("\\Deleted"))
            });
            Ok("Expunge completed.".to_owned())
        })
    }

    /// CLOSE, which expunges without a word, and UNSELECT, which does not.
    pub(super) fn close(&mut self, expunges: bool) -> Answer {
        if expunges && !self.selected()?.read_only {
            self.expunge(None)?;
        }
        self.selected()?;
        self.view = None;
        Ok("Completed.".to_owned())
    }
}
