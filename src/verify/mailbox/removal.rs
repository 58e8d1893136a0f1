//! Taking messages out of a folder: exactly those that are named, and no other.

use std::collections::HashSet;

use crate::failure::{Failure, Kind};
use crate::outcome::{Concern, Fact};
use crate::probe::leftover::{FIELDS, Leftover, Signs};
use crate::verify::folder::Folder;
use crate::verify::recorder::Seen;
use crate::wire::imap::Event;

use super::{Mailbox, found, tolerate, uid_of};

/// So many messages are named in one command: a server need not take a line of more than 8192 bytes (RFC 7162 §4).
pub(super) const AT_ONCE: usize = 100;

/// So many marked messages of others are looked at, at most.
const MOST_LOOKED_AT: usize = 1000;

/// What became of messages that were to be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// These are gone.
    pub gone: Vec<u32>,
    /// These are marked `\\Deleted` and still there: an EXPUNGE would have taken other messages with them.
    pub marked: Vec<u32>,
    /// These are still there for another reason.
    pub left: Vec<(u32, String)>,
}

impl Removal {
    /// What there is to say of it: of each of our own messages, and of each that is left of an `earlier` verification.
    pub fn tell(self, folder: &Folder, earlier: &[(u32, Leftover)], seen: &mut Seen) {
        let leftover = |uid: u32| earlier.iter().find(|(known, _)| *known == uid).map(|(_, leftover)| leftover);
        for &uid in &self.gone {
            seen.fact(match leftover(uid) {
                Some(leftover) => folder.leftover(leftover, uid, true),
                None => Fact::Removed { folder: folder.name.clone(), uid: Some(uid) },
            });
        }
        let still_there = earlier.iter().filter(|(uid, _)| !self.gone.contains(uid));
        seen.facts.extend(still_there.map(|(uid, leftover)| folder.leftover(leftover, *uid, false)));
        seen.concerns.extend(self.concerns(folder));
    }

    /// What is not as it should be.
    pub fn concerns(self, folder: &Folder) -> impl Iterator<Item = Concern> {
        let name = folder.name.clone();
        let marked = self.marked.into_iter().map(|uid| (uid, None));
        let left = self.left.into_iter().map(|(uid, why)| (uid, Some(why)));
        marked.chain(left).map(move |(uid, why)| match why {
            None => Concern::LeftMarked { folder: name.clone(), uid },
            Some(why) => Concern::LeftBehind { folder: name.clone(), uid: Some(uid), why },
        })
    }
}

impl Mailbox {
    /// Takes these messages out of a folder, which must all have been fetched and recognised there just before: marks them,
    /// and expunges them by their UIDs (RFC 4315). Without UIDPLUS only an EXPUNGE of everything that is marked exists: that
    /// is sent only if everything that is marked is among them, or bears all `signs` of a verification's message: another
    /// verification has marked that to be removed, and the two would keep each other from it, and all that follow. What the
    /// server refuses is part of the result.
    ///
    /// # Errors
    /// When the session is lost: it is not known then what became of them.
    pub async fn remove(&mut self, folder: &Folder, uids: &[u32], signs: &Signs) -> Result<Removal, Failure> {
        self.enter(folder).await?;
        let sets: Vec<String> = uids.chunks(AT_ONCE).map(set).collect();
        let wanted: HashSet<u32> = uids.iter().copied().collect();
        let removed = match self.imap.offers("UIDPLUS") {
            true => self.remove_by_uid(&sets, &wanted).await,
            false => self.remove_if_alone(&sets, &wanted, signs).await,
        };
        let (expunged, still_there) = match removed {
            Err(failure) if matches!(failure.kind, Kind::Refused { .. }) => {
                let why = failure.reply.as_ref().map_or(String::new(), |reply| format!("the server said: {reply}"));
                let left = uids.iter().map(|&uid| (uid, why.clone())).collect();
                return Ok(Removal { left, ..Removal::default() });
            }
            removed => removed?,
        };
        let mut removal = Removal::default();
        for &uid in uids {
            match still_there.contains(&uid) {
                false => removal.gone.push(uid),
                true if expunged => {
                    removal.left.push((uid, "the server says that it is gone, and shows it still".to_owned()));
                }
                true => removal.marked.push(uid),
            }
        }
        Ok(removal)
    }

    /// In two flights: Dovecot answers a look that follows at once before it expunges, and confirms an EXPUNGE that it has no
    /// right to make (RFC 4314 §4). Whether they were expunged, and which of them are still there.
    async fn remove_by_uid(&mut self, sets: &[String], wanted: &HashSet<u32>) -> Result<(bool, HashSet<u32>), Failure> {
        let mut awaited = Vec::new();
        for set in sets {
            awaited.push(self.imap.send(&format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)")).await?);
            awaited.push(self.imap.send(&format!("UID EXPUNGE {set}")).await?);
        }
        for tag in &awaited {
            self.imap.finish(tag, drop).await?;
        }
        Ok((true, self.still_there(sets, wanted).await?))
    }

    async fn still_there(&mut self, sets: &[String], wanted: &HashSet<u32>) -> Result<HashSet<u32>, Failure> {
        let mut looks = Vec::new();
        for set in sets {
            looks.push(self.imap.send(&format!("UID FETCH {set} (UID)")).await?);
        }
        let mut there = HashSet::new();
        for look in &looks {
            self.imap.finish(look, |event| there.extend(wanted.get(&uid_of(&event)))).await?;
        }
        Ok(there)
    }

    /// The same without UIDPLUS.
    async fn remove_if_alone(
        &mut self,
        sets: &[String],
        wanted: &HashSet<u32>,
        signs: &Signs,
    ) -> Result<(bool, HashSet<u32>), Failure> {
        for set in sets {
            self.imap.run(&format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"), drop).await?;
        }
        let (mut ours, mut others) = (false, Vec::new());
        let search = self.imap.run("UID SEARCH DELETED", |event: Event| {
            for uid in found(event) {
                if wanted.contains(&uid) { ours = true } else { others.push(uid) }
            }
        });
        tolerate(search.await)?;
        let alone = ours && self.are_of_verifications(&others, signs).await?;
        if alone {
            self.imap.run("EXPUNGE", drop).await?;
        }
        Ok((alone, self.still_there(sets, wanted).await?))
    }
}

impl Mailbox {
    /// Whether all of these messages, which are marked, are of verifications. Where they are many, nobody looks.
    async fn are_of_verifications(&mut self, uids: &[u32], signs: &Signs) -> Result<bool, Failure> {
        if uids.len() > MOST_LOOKED_AT {
            return Ok(false);
        }
        let mut theirs = HashSet::new();
        for some in uids.chunks(AT_ONCE) {
            let fetch = format!("UID FETCH {} (UID BODY.PEEK[HEADER.FIELDS ({FIELDS})])", set(some));
            let look = self.imap.run(&fetch, |event: Event| {
                let Event::Fetched(fetched) = event else { return };
                let (Some(uid), Some(header)) = (fetched.uid, fetched.header) else { return };
                theirs.extend(Some(uid).filter(|_| signs.is_of_any(&header)));
            });
            tolerate(look.await)?;
            if some.iter().any(|uid| !theirs.contains(uid)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// `4,7,9`
pub(super) fn set(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}
