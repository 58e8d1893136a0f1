//! A folder, and which one is Junk and which is Sent: as configured, else as the server marks it (SPECIAL-USE, RFC 6154), else
//! by a well-known name.

mod names;

use crate::account::Folders;
use crate::failure::{Failure, Kind};
use crate::outcome::{Concern, Fact, KnownBy, Role};
use crate::verify::recorder::Seen;
use crate::wire::imap::mailbox_name::{decode, encode};
use crate::wire::imap::{Event, Listed, StatusOf};
use names::{JUNK, SENT};

/// A folder, and where in it new messages begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// What it is to the verification.
    pub role: Role,
    /// Its name as it is on the wire.
    pub wire_name: String,
    /// Its name, readable.
    pub name: String,
    /// How its role is known.
    pub known_by: KnownBy,
    /// How many messages it held before anything was sent.
    pub messages: Option<u32>,
    /// Messages with this UID and higher came after the baseline (RFC 9051 §2.3.1.1).
    pub uid_next: u32,
    /// The UIDs mean something only as long as this stays the same.
    pub uid_validity: Option<u32>,
}

impl Folder {
    /// As a fact for the report.
    pub fn fact(&self) -> Fact {
        Fact::Folder {
            role: self.role,
            name: self.name.clone(),
            known_by: self.known_by,
            messages: self.messages,
            uid_next: Some(self.uid_next),
        }
    }
}

/// Which of the folders are wanted beside the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The Junk folder.
    pub junk: bool,
    /// The Sent folder.
    pub sent: bool,
}

/// So many answers to LIST and STATUS are kept: nobody has more folders.
const MOST_FOLDERS: usize = 10_000;

/// So many folders are named where one is missing.
const MOST_NAMED: usize = 12;

/// From this [`rank`] on nothing speaks for a folder.
const UNLIKELY: u8 = 4;

/// What is known of the folders so far, while the server's answers come in.
#[derive(Debug)]
pub(super) struct Found {
    wanted: Wanted,
    sent: Option<Known>,
    junk: Option<Known>,
    listed: Vec<Listed>,
    /// Folders that are listed, and that nobody can open (`\\Noselect`).
    closed: Vec<Listed>,
    statuses: Vec<StatusOf>,
    refused: Vec<(String, Failure)>,
}

#[derive(Debug, Clone)]
struct Known {
    wire_name: String,
    by: KnownBy,
}

impl Found {
    /// What the configuration says.
    pub(super) fn configured(folders: &Folders, wanted: Wanted) -> Found {
        let known = |name: &Option<String>| {
            name.as_ref().map(|name| Known { wire_name: encode(name), by: KnownBy::Configuration })
        };
        let sent = known(&folders.sent).filter(|_| wanted.sent);
        let junk = known(&folders.junk).filter(|_| wanted.junk);
        let (listed, closed, statuses, refused) = Default::default();
        Found { wanted, sent, junk, listed, closed, statuses, refused }
    }

    /// Whether a wanted folder is not known yet.
    pub(super) fn incomplete(&self) -> bool {
        (self.wanted.sent && self.sent.is_none()) || (self.wanted.junk && self.junk.is_none())
    }

    /// Whether all folders were listed, not only the marked ones.
    pub(super) fn has_names(&self) -> bool {
        self.listed.iter().any(|listed| listed.name.eq_ignore_ascii_case("INBOX"))
    }

    /// Takes in an answer to LIST or STATUS.
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Listed(listed) if listed.no_select && self.closed.len() < MOST_FOLDERS => self.closed.push(listed),
            Event::Listed(listed) if !listed.no_select && self.listed.len() < MOST_FOLDERS => {
                let mark = |known: &mut Option<Known>| {
                    known.get_or_insert(Known { wire_name: listed.name.clone(), by: KnownBy::SpecialUse });
                };
                if listed.sent && self.wanted.sent {
                    mark(&mut self.sent);
                }
                if listed.junk && self.wanted.junk {
                    mark(&mut self.junk);
                }
                self.listed.push(listed);
            }
            Event::StatusOf(status) if self.statuses.len() < MOST_FOLDERS => self.statuses.push(status),
            _ => {}
        }
    }

    /// Falls back on well-known names.
    pub(super) fn settle(&mut self) {
        let by_name = |role, listed: &[Listed]| {
            best_named(role, listed).map(|listed| Known { wire_name: listed.name.clone(), by: KnownBy::Name })
        };
        if self.wanted.sent && self.sent.is_none() {
            self.sent = by_name(Role::Sent, &self.listed);
        }
        if self.wanted.junk && self.junk.is_none() {
            self.junk = by_name(Role::Junk, &self.listed);
        }
    }

    /// The folders whose STATUS is not known yet.
    pub(super) fn without_status(&self) -> Vec<String> {
        let known = [&self.sent, &self.junk].into_iter().flatten();
        known.map(|known| known.wire_name.clone()).filter(|name| self.status(name).is_none()).collect()
    }

    /// The server has no STATUS of a folder, and says why.
    pub(super) fn refused(&mut self, wire_name: String, failure: Failure) {
        self.refused.push((wire_name, failure));
    }

    /// Whether the server has no STATUS of a folder, and it was not asked yet which there are.
    pub(super) fn wants_names(&self) -> bool {
        !self.refused.is_empty() && !self.has_names()
    }

    /// Why a folder that is wanted is not to be had: the one that the configuration names is not there, or whichever it is
    /// cannot be opened.
    pub(super) fn trouble(&self, role: Role) -> Option<Failure> {
        let (wanted, known) = match role {
            Role::Sent => (self.wanted.sent, &self.sent),
            Role::Junk => (self.wanted.junk, &self.junk),
            Role::Inbox => return None,
        };
        let closed = |name: &str| Kind::NotSelectable { folder: decode(name) };
        let Some(known) = known else {
            let marked = self.closed.iter().find(|listed| is_marked(role, listed));
            let folder = marked.or_else(|| best_named(role, &self.closed)).filter(|_| wanted)?;
            return Some(Failure::new(closed(&folder.name)).detail("the server lists it as \\Noselect"));
        };
        let (name, refused) = self.refused.iter().find(|(name, _)| *name == known.wire_name)?;
        // A BAD says nothing of the folder.
        let reply = refused.reply.as_ref().filter(|reply| reply.status.as_deref() == Some("NO"));
        let listed = self.listed.iter().chain(&self.closed).any(|listed| listed.name == *name);
        let kind = match reply {
            Some(reply) if listed || reply.response_code.as_deref() == Some("NOPERM") => closed(name),
            None if known.by != KnownBy::Configuration => return None,
            _ => Kind::NoFolder,
        };
        let failure = Failure { kind, ..refused.clone() };
        Some(match known.by {
            KnownBy::Configuration => failure.detail(format!("the configuration names the folder {}", decode(name))),
            _ => failure,
        })
    }

    /// What there is to say of a folder that is not to be had.
    ///
    /// # Errors
    /// When it is the Junk folder of the configuration: where to look for the probe is not known then.
    pub(super) fn tell(&self, seen: &mut Seen) -> Result<(), Failure> {
        if let Some(failure) = self.trouble(Role::Junk) {
            if self.junk.as_ref().is_some_and(|known| known.by == KnownBy::Configuration) {
                seen.fact(self.others(Role::Junk));
                return Err(failure);
            }
            if let Kind::NotSelectable { folder } = &failure.kind {
                seen.concern(Concern::NotSelectable { folder: folder.clone(), why: failure.why() });
            }
        }
        if self.wanted.sent && self.sent.as_ref().is_none_or(|known| self.status(&known.wire_name).is_none()) {
            seen.fact(self.others(Role::Sent));
        }
        Ok(())
    }

    /// The folders that there are in the place of one that is not to be had.
    pub(super) fn others(&self, role: Role) -> Fact {
        let known = if role == Role::Sent { &self.sent } else { &self.junk };
        let looked_for = known.as_ref().map(|known| known.wire_name.as_str());
        let folders = self.listed.iter().filter(|listed| Some(listed.name.as_str()) != looked_for);
        let mut ranked: Vec<(u8, String)> =
            folders.map(|listed| (rank(role, listed, looked_for), decode(&listed.name))).collect();
        ranked.sort_by_key(|(rank, _)| *rank); // else as the server has them
        ranked.dedup();
        let likely = ranked.first().filter(|(rank, _)| *rank < UNLIKELY).map(|(_, name)| name.clone());
        let more = ranked.len().saturating_sub(MOST_NAMED) as u64;
        let names = ranked.into_iter().take(MOST_NAMED).map(|(_, name)| name).collect();
        Fact::Folders { wanted: role, names, more, likely }
    }

    /// Junk and Sent, as far as they are there: a folder without a STATUS cannot be opened.
    pub(super) fn folders(self) -> (Option<Folder>, Option<Folder>) {
        let folder = |known: &Option<Known>, role| {
            let known = known.as_ref()?;
            let status = self.status(&known.wire_name)?;
            Some(Folder {
                role,
                wire_name: known.wire_name.clone(),
                name: decode(&known.wire_name),
                known_by: known.by,
                messages: status.messages,
                // Without UIDNEXT everything counts as new: more to read, nothing to miss.
                uid_next: status.uid_next.unwrap_or(1),
                uid_validity: status.uid_validity,
            })
        };
        (folder(&self.junk, Role::Junk), folder(&self.sent, Role::Sent))
    }

    fn status(&self, wire_name: &str) -> Option<&StatusOf> {
        self.statuses.iter().find(|status| status.name == wire_name)
    }
}

/// The folder with the best of the well-known names.
fn best_named(role: Role, listed: &[Listed]) -> Option<&Listed> {
    let place = |listed: &Listed| names(role).iter().position(|name| *name == last_level(listed, &listed.name));
    let best = listed.iter().filter_map(|listed| place(listed).map(|place| (place, listed)));
    best.min_by_key(|(place, _)| *place).map(|(_, listed)| listed)
}

fn names(role: Role) -> &'static [&'static str] {
    match role {
        Role::Sent => SENT,
        Role::Junk => JUNK,
        Role::Inbox => &[],
    }
}

fn is_marked(role: Role, listed: &Listed) -> bool {
    match role {
        Role::Sent => listed.sent,
        Role::Junk => listed.junk,
        Role::Inbox => false,
    }
}

/// How near a folder comes to the one that is looked for: by its mark, by its name below another folder or in other
/// letters, by a well-known name, by a word of one.
fn rank(role: Role, listed: &Listed, looked_for: Option<&str>) -> u8 {
    let level = last_level(listed, &listed.name);
    let words = || level.split(|c: char| !c.is_alphanumeric());
    match () {
        () if is_marked(role, listed) => 0,
        () if looked_for.is_some_and(|name| last_level(listed, name) == level || ends_in(name, &level)) => 1,
        () if names(role).contains(&level.as_str()) => 2,
        () if words().any(|word| names(role).contains(&word)) => 3,
        () if !listed.name.eq_ignore_ascii_case("INBOX") => UNLIKELY,
        () => UNLIKELY + 1,
    }
}

/// Whether a name from elsewhere ends in this level, whatever separates its levels there.
fn ends_in(name: &str, level: &str) -> bool {
    decode(name).to_lowercase().rsplit(['/', '.']).next() == Some(level)
}

/// The last level of a name in the hierarchy that a folder is in, in lower case.
fn last_level(listed: &Listed, name: &str) -> String {
    let name = decode(name).to_lowercase();
    match listed.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()) {
        Some(delimiter) => name.rsplit(delimiter).next().unwrap_or_default().to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Wanted = Wanted { junk: true, sent: true };

    fn listed(name: &str) -> Listed {
        Listed { name: name.to_owned(), delimiter: Some("/".to_owned()), sent: false, junk: false, no_select: false }
    }

    fn found(folders: &Folders, lists: Vec<Listed>) -> (Option<Folder>, Option<Folder>) {
        let mut found = Found::configured(folders, BOTH);
        lists.into_iter().for_each(|listed| found.take(Event::Listed(listed)));
        found.settle();
        for name in found.without_status() {
            found.take(Event::StatusOf(StatusOf { name, messages: Some(3), uid_next: Some(9), uid_validity: None }));
        }
        found.folders()
    }

    #[test]
    fn a_marked_folder_comes_before_a_well_known_name_and_a_configured_one_before_both() {
        let marked = Listed { sent: true, ..listed("Archive/Out") };
        let (_, sent) = found(&Folders::default(), vec![listed("Sent"), marked.clone()]);
        assert_eq!(sent.map(|sent| (sent.name, sent.known_by)), Some(("Archive/Out".into(), KnownBy::SpecialUse)));
        let configured = Folders { sent: Some("Gesendetes".into()), ..Folders::default() };
        let (_, sent) = found(&configured, vec![listed("Sent"), marked]);
        assert_eq!(sent.map(|sent| (sent.name, sent.known_by)), Some(("Gesendetes".into(), KnownBy::Configuration)));
    }

    #[test]
    fn names_are_known_at_any_level_in_any_case_and_in_modified_utf_7() {
        let (junk, sent) =
            found(&Folders::default(), vec![listed("INBOX/SPAM"), listed("&AMk-l&AOk-ments envoy&AOk-s")]);
        assert_eq!(junk.map(|junk| (junk.name, junk.known_by)), Some(("INBOX/SPAM".into(), KnownBy::Name)));
        assert_eq!(sent.map(|sent| sent.name), Some("Éléments envoyés".into()));
    }

    #[test]
    fn a_folder_that_cannot_be_opened_is_not_taken() {
        let (_, sent) = found(&Folders::default(), vec![Listed { no_select: true, ..listed("Sent") }]);
        assert_eq!(sent, None);
    }
}
