//! Looking for leftovers: a glance at many messages, then a look at the few that bear a tag.

use std::collections::BTreeSet;

use crate::failure::{Failure, Kind};
use crate::outcome::{Fact, Role};
use crate::probe::TAG_HEADER;
use crate::probe::leftover::{self, FIELDS, GLANCE, Glance, Leftover, Signs};
use crate::verify::folder::Folder;
use crate::wire::imap::Event;

use super::removal::{AT_ONCE, set};
use super::{Mailbox, found};

/// A verification looks back at so many messages of a folder, so that it costs the same in a full mailbox.
const LAST: u32 = 100;

/// So many messages are looked at in one command: the answers are some 70 bytes each.
const GLANCED: u32 = 1000;

/// A search covers so many messages, so that its answer stays within one line of 64 KiB whatever is found.
const SEARCHED: u32 = 5000;

/// Nobody has more messages in a folder; a server may claim to.
const MOST_MESSAGES: u32 = 1_000_000;

/// So many that bear a tag are taken up at once.
const MOST_TAGGED: usize = 10_000;

/// What a search through a whole folder has come to.
#[derive(Debug, Default)]
pub struct Seek {
    /// What was found, by UID.
    pub leftovers: Vec<(u32, Leftover)>,
    /// Why there may be more.
    pub unfinished: Option<String>,
}

/// The UIDs of messages that bear a tag, as far as was told.
#[derive(Debug, Default)]
pub(super) struct Tagged {
    uids: BTreeSet<u32>,
    /// Those that were kept on purpose count, too.
    kept_too: bool,
    /// The lowest UID that was glanced at, with a tag or without.
    lowest: Option<u32>,
}

impl Tagged {
    /// Takes in the answer to a FETCH of at least the fields of a glance.
    pub(super) fn take(&mut self, event: &Event) {
        let Event::Fetched(fetched) = event else { return };
        let (Some(uid), Some(header)) = (fetched.uid, fetched.header.as_deref()) else { return };
        self.lowest = Some(self.lowest.map_or(uid, |lowest| lowest.min(uid)));
        match leftover::glance(header) {
            Glance::Tagged => self.insert(uid),
            Glance::Kept if self.kept_too => self.insert(uid),
            Glance::Kept | Glance::Other => {}
        }
    }

    fn insert(&mut self, uid: u32) {
        if self.uids.len() < MOST_TAGGED {
            self.uids.insert(uid);
        }
    }

    /// All of them but these.
    pub(super) fn but(self, known: &[u32]) -> Vec<u32> {
        self.uids.into_iter().filter(|uid| !known.contains(uid)).collect()
    }
}

/// The command that looks back at the last messages that were there before; none where none was.
pub(super) fn look_back(folder: &Folder) -> Option<String> {
    let messages = folder.messages.filter(|&messages| messages > 0)?;
    Some(glance_at(messages.saturating_sub(LAST - 1).max(1), "*"))
}

fn glance_at(from: u32, to: &str) -> String {
    format!("FETCH {from}:{to} (UID BODY.PEEK[HEADER.FIELDS ({GLANCE})])")
}

impl Folder {
    /// A leftover in it, as a fact for the report. What is in Sent has not arrived.
    pub(in crate::verify) fn leftover(&self, leftover: &Leftover, uid: u32, removed: bool) -> Fact {
        let arrived_after = leftover.arrived_after.filter(|_| self.role != Role::Sent);
        Leftover { arrived_after, ..leftover.clone() }.fact(&self.name, Some(uid), removed)
    }
}

impl Mailbox {
    /// Which of these messages are leftovers.
    ///
    /// # Errors
    /// When the folder cannot be opened or read, or the session is lost.
    pub async fn leftovers(
        &mut self,
        folder: &Folder,
        uids: &[u32],
        signs: &Signs,
    ) -> Result<Vec<(u32, Leftover)>, Failure> {
        let mut leftovers: Vec<(u32, Leftover)> = Vec::new();
        for uids in uids.chunks(AT_ONCE) {
            self.enter(folder).await?;
            let fetch = format!("UID FETCH {} (UID BODY.PEEK[HEADER.FIELDS ({FIELDS})])", set(uids));
            let take = |event: Event| {
                let Event::Fetched(fetched) = event else { return };
                let Some(uid) = fetched.uid.filter(|uid| uids.contains(uid)) else { return };
                let known = leftovers.iter().any(|(known, _)| *known == uid);
                let leftover = fetched.header.and_then(|header| signs.read(&header)).filter(|_| !known);
                leftovers.extend(leftover.map(|leftover| (uid, leftover)));
            };
            self.imap.run(&fetch, take).await?;
        }
        Ok(leftovers)
    }

    /// Looks for leftovers in the whole of a folder, those that were kept on purpose included.
    ///
    /// The server is asked to search, and the newest messages are glanced at here in the same flight: some servers find
    /// nothing by a header, or everything. Where the two do not agree, all messages are glanced at.
    ///
    /// # Errors
    /// When the folder cannot be opened or read, or the session is lost.
    pub async fn seek(&mut self, folder: &Folder, signs: &Signs) -> Result<Seek, Failure> {
        let claimed = self.select(&folder.wire_name).await?.messages;
        if claimed == 0 {
            return Ok(Seek::default());
        }
        let messages = claimed.min(MOST_MESSAGES);
        let oldest = messages.saturating_sub(GLANCED - 1).max(1);
        let mut searches = Vec::new();
        for from in (1..=messages).step_by(SEARCHED as usize) {
            let to = from.saturating_add(SEARCHED - 1).min(messages);
            searches.push(self.imap.send(&format!("UID SEARCH {from}:{to} HEADER {TAG_HEADER} \"\"")).await?);
        }
        let glance = self.imap.send(&glance_at(oldest, "*")).await?;
        let mut searched = BTreeSet::new();
        let mut tagged = Tagged { kept_too: true, ..Tagged::default() };
        let mut take = |event: Event| {
            tagged.take(&event);
            let room = MOST_TAGGED.saturating_sub(searched.len());
            searched.extend(found(event).into_iter().take(room));
        };
        let mut refused = false;
        for search in &searches {
            match self.imap.finish(search, &mut take).await {
                Err(failure) if matches!(failure.kind, Kind::Refused { .. }) => refused = true,
                answered => drop(answered?),
            }
        }
        self.imap.finish(&glance, &mut take).await?;
        let newest = searched.range(tagged.lowest.unwrap_or(0)..).copied().collect();
        if refused || searched.len() == MOST_TAGGED || tagged.uids != newest {
            self.glance_at_all_before(oldest, &mut tagged).await?;
        } else {
            tagged.uids.append(&mut searched);
        }
        let unfinished = tagged.uids.len() >= MOST_TAGGED || claimed > MOST_MESSAGES;
        let leftovers = self.leftovers(folder, &tagged.but(&[]), signs).await?;
        Ok(Seek { leftovers, unfinished: unfinished.then(|| "there is more than is looked at in one run".to_owned()) })
    }

    /// The newest first.
    async fn glance_at_all_before(&mut self, oldest: u32, tagged: &mut Tagged) -> Result<(), Failure> {
        let mut before = oldest;
        while before > 1 {
            let to = before - 1;
            before = to.saturating_sub(GLANCED - 1).max(1);
            self.imap.run(&glance_at(before, &to.to_string()), |event| tagged.take(&event)).await?;
        }
        Ok(())
    }
}
