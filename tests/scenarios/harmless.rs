//! Other people's mail: what lies there before, what comes in the meantime, and that nothing becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use libtest_mimic::Failed;
use mailtrip::sandbox::{Sandbox, StoredMessage};
use mailtrip::verify::recorder::{Event, Listener};

use crate::scenario::{Foreign, Scenario};

/// Where a message is: mailbox, folder, UID.
type Place = (String, String, u32);

/// The flags and the bytes of a message.
type Message = (BTreeSet<String>, Vec<u8>);

/// The messages that are not ours.
pub struct Bystanders<'a> {
    sandbox: &'a Sandbox,
    folders: BTreeSet<String>,
    coming: Vec<Foreign>,
    /// Only one mailbox takes part.
    one_session: bool,
    there: Mutex<BTreeMap<Place, Message>>,
}

impl<'a> Bystanders<'a> {
    pub fn new(sandbox: &'a Sandbox, scenario: &Scenario) -> Self {
        let (before, coming): (Vec<_>, Vec<_>) =
            scenario.foreign.iter().cloned().partition(|foreign| foreign.during.is_none());
        let named = [&scenario.sandbox.sent_folder, &scenario.sandbox.junk_folder, &scenario.check.sent_folder];
        let mut folders: BTreeSet<String> = named.into_iter().flatten().cloned().collect();
        folders.insert("INBOX".to_owned());
        folders.extend(scenario.foreign.iter().map(|foreign| foreign.folder.clone()));
        let there = Mutex::default();
        let one_session = scenario.check.from == scenario.check.to;
        let bystanders = Self { sandbox, folders, coming, one_session, there };
        let found = bystanders.all().map(|(place, message)| (place, (message.flags, message.raw.to_vec())));
        *bystanders.lock() = found.collect();
        before.iter().for_each(|foreign| bystanders.put(foreign));
        bystanders
    }

    fn put(&self, foreign: &Foreign) {
        let Foreign { to, folder, subject, raw, ours, flags, .. } = foreign;
        let address = self.address(to);
        let usual = || {
            format!(
                "From: someone@elsewhere.test\r\nTo: {address}\r\nSubject: {subject}\r\n\r\nNot a test message.\r\n"
            )
        };
        let raw = raw.as_ref().map_or_else(usual, |raw| raw.replace('\n', "\r\n"));
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let uid = self.sandbox.put(&address, folder, raw.as_bytes(), &flags).expect("the mailbox exists");
        let flags = flags.into_iter().map(str::to_owned).collect();
        if !ours {
            self.lock().insert((address, folder.clone(), uid), (flags, raw.into_bytes()));
        }
    }

    fn address(&self, name: &str) -> String {
        let user = self.sandbox.accounts().iter().find(|user| user.address.starts_with(&format!("{name}@")));
        user.expect("a mailbox of the sandbox").address.clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Message>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> impl Iterator<Item = (Place, StoredMessage)> {
        let addresses = self.sandbox.accounts().iter().map(|user| &user.address);
        addresses.flat_map(move |address| {
            self.folders.iter().flat_map(move |folder| {
                let messages = self.sandbox.messages(address, folder);
                messages.into_iter().map(move |message| ((address.clone(), folder.clone(), message.uid), message))
            })
        })
    }

    /// Everything is where it was, with the flags that it had.
    pub fn unharmed(&self) -> Result<(), Failed> {
        let now: BTreeMap<Place, _> =
            self.all().map(|(place, message)| (place, (message.flags, message.raw.to_vec()))).collect();
        for (place, before) in &*self.lock() {
            match now.get(place) {
                None => return Err(format!("{place:?} is gone, and was not ours").into()),
                Some((flags, _)) if *flags != before.0 => {
                    return Err(format!("{place:?} had {:?} and has {flags:?}, and was not ours", before.0).into());
                }
                Some(after) if after != before => return Err(format!("{place:?} is another message now").into()),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// What is there and is not a bystander.
    pub fn left(&self) -> Vec<String> {
        let there = self.lock();
        let ours = self.all().filter(|(place, _)| !there.contains_key(place));
        let shown = ours.map(|((address, folder, _), message)| {
            let name = address.split('@').next().unwrap_or_default();
            let deleted = if message.flags.contains("\\Deleted") { " \\Deleted" } else { "" };
            let tag = mailtrip::probe::TAG_HEADER;
            let ours = String::from_utf8_lossy(&message.raw)
                .lines()
                .take_while(|line| !line.is_empty())
                .any(|line| line.starts_with(tag));
            format!("{name} {folder}{deleted}{}", if ours { "" } else { " (not ours)" })
        });
        shown.collect()
    }
}

/// Messages come while a stage runs, too.
impl Listener for Bystanders<'_> {
    fn on(&self, event: Event<'_>) {
        let Event::Began { at, .. } = event else { return };
        let now = at.to_string();
        self.coming
            .iter()
            .filter(|foreign| foreign.during.as_deref() == Some(&now))
            .for_each(|foreign| self.put(foreign));
    }
}

/// Of all that was said to the server, nothing was about a message of somebody else, in any folder of that name.
pub fn commands(commands: &[String], bystanders: &Bystanders<'_>) -> Result<(), Failed> {
    let mut folder = String::new();
    for line in commands.iter().filter_map(|command| command.strip_prefix("imap: ")) {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        match words.as_slice() {
            ["SELECT", rest @ ..] => folder = rest.join(" ").trim_matches('"').to_owned(),
            ["UID", "STORE" | "EXPUNGE", set, ..] => {
                let uids: Result<Vec<u32>, _> = set.split(',').map(str::parse).collect();
                let uids = uids.map_err(|_| format!("messages that are not named one by one: {line}"))?;
                let there = bystanders.lock();
                // Of two sessions side by side it is not known which folder each has open.
                let is_theirs = |(_, other, number): &Place| *other == folder && uids.contains(number);
                if bystanders.one_session && there.keys().any(is_theirs) {
                    return Err(format!("that message in {folder} is not ours: {line}").into());
                }
            }
            ["STORE" | "CLOSE" | "COPY" | "MOVE" | "DELETE" | "RENAME", ..] | ["UID", "COPY" | "MOVE", ..] => {
                return Err(format!("that is never needed: {line}").into());
            }
            _ => {}
        }
    }
    Ok(())
}
