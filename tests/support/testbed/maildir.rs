//! The testbed's mailboxes as files: what a server did to them, seen and arranged without any mail protocol.
//! Layout and flag letters: <https://cr.yp.to/proto/maildir.html>; folders are Maildir++.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Testbed, make_folder};

/// A message as it lies in a Maildir.
#[derive(Clone, Debug)]
pub struct Message {
    /// The file's name up to the flags; it stays the same when they change.
    pub name: String,
    /// D(raft) F(lagged) P(assed) R(eplied) S(een) T(rashed: \Deleted), in this order.
    pub flags: String,
    /// No client has opened the mailbox since it came.
    pub new: bool,
    pub contents: Vec<u8>,
}

impl Message {
    /// The contents, whatever their encoding.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.contents).into_owned()
    }
}

/// What is put into `cur` needs flags, or at least the empty list of them, in its name.
const INFO: &str = ":2,";

impl Testbed {
    /// The Maildir of a user (`bob` is short for `bob@test.example`) and a folder (`INBOX`, `Sent`, `Archive.2026`).
    pub fn maildir(&self, user: &str, folder: &str) -> PathBuf {
        let inbox = self.dir().join("mail").join(address(user)).join("Maildir");
        if folder.eq_ignore_ascii_case("INBOX") { inbox } else { inbox.join(format!(".{folder}")) }
    }

    /// The messages of a folder, oldest name first; none when there is no such folder.
    pub fn messages(&self, user: &str, folder: &str) -> Vec<Message> {
        let maildir = self.maildir(user, folder);
        let mut messages = messages_in(&maildir.join("new"), true);
        messages.extend(messages_in(&maildir.join("cur"), false));
        messages.sort_by(|one, other| one.name.cmp(&other.name));
        // Seen in both while a server moved it.
        messages.dedup_by(|one, other| one.name == other.name);
        messages
    }

    /// Puts a message into a folder: with flags (Maildir letters such as `ST`) as an old one, without as a new arrival.
    /// Returns its name.
    pub fn put(&self, user: &str, folder: &str, raw: &[u8], flags: &str) -> String {
        let maildir = self.make_maildir(user, folder);
        let name = unique_name();
        let temporary = maildir.join("tmp").join(&name);
        self.write_message(&temporary, raw);
        let file = match flags {
            "" => maildir.join("new").join(&name),
            flags => maildir.join("cur").join(format!("{name}{INFO}{}", sorted(flags))),
        };
        fs::rename(&temporary, &file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        name
    }

    /// Puts `count` small messages, all seen, each with its own Subject and Message-ID, into a folder.
    pub fn fill(&self, user: &str, folder: &str, count: usize) {
        let cur = self.make_maildir(user, folder).join("cur");
        let to = address(user);
        for number in 1..=count {
            let raw = format!(
                "From: Carol <carol@elsewhere.example>\r\nTo: {to}\r\nSubject: Number {number}\r\n\
                 Date: Mon, 2 Feb 2026 10:00:00 +0000\r\nMessage-ID: <{number}@elsewhere.example>\r\n\r\nHello, {number}.\r\n"
            );
            self.write_message(&cur.join(format!("{}{INFO}S", unique_name())), raw.as_bytes());
        }
    }

    fn make_maildir(&self, user: &str, folder: &str) -> PathBuf {
        let maildir = self.maildir(user, folder);
        let inbox = self.maildir(user, "INBOX");
        let home = inbox.parent().unwrap_or(&inbox);
        for path in [home, &inbox, &maildir, &maildir.join("tmp"), &maildir.join("new"), &maildir.join("cur")] {
            if !path.is_dir() {
                make_folder(path, self.mail_owner).expect("a folder of the mailbox");
            }
        }
        maildir
    }

    fn write_message(&self, path: &Path, raw: &[u8]) {
        let (uid, gid) = self.mail_owner;
        fs::write(path, raw)
            .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o600)))
            .and_then(|()| chown(path, Some(uid), Some(gid)))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn address(user: &str) -> String {
    if user.contains('@') { user.to_lowercase() } else { format!("{user}@test.example") }
}

fn messages_in(folder: &Path, new: bool) -> Vec<Message> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    // A server may rename or remove a file between the list and our look: that one is left out.
    let read = |path: PathBuf| {
        let contents = fs::read(&path).ok()?;
        let file = path.file_name()?.to_str()?;
        let (name, flags) = file.split_once(INFO).unwrap_or((file, ""));
        Some(Message { name: name.to_owned(), flags: flags.to_owned(), new, contents })
    };
    entries.filter_map(|entry| read(entry.ok()?.path())).collect()
}

/// Later names sort after earlier ones, which makes the order of UIDs the order of putting.
fn unique_name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{}.M{:06}P{}Q{number:08}.testbed", now.as_secs(), now.subsec_micros(), std::process::id())
}

/// Maildir wants the letters in ASCII order.
fn sorted(flags: &str) -> String {
    let mut letters: Vec<char> = flags.chars().collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}
