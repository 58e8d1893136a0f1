//! The clean-up: takes the probe out of every folder it may be in, and says what it could not take out.
//!
//! It removes only a message that it has just fetched and that bears our tag (rule 1), and runs whatever happened before,
//! on a new connection where the old one is gone. On the way it looks back at the last messages of these folders, and takes
//! out what an earlier verification has left behind ([`crate::probe::leftover`]).

use tokio::time::{Instant, timeout};

use crate::account::{Account, Endpoint, Protocol};
use crate::failure::{Failure, Kind};
use crate::outcome::{Concern, Role};
use crate::probe::Probe;
use crate::probe::leftover::{Leftover, Signs};
use crate::stage::Leg;
use crate::verify::dial::{self, Dial};
use crate::verify::folder::Folder;
use crate::verify::mailbox::{Baseline, Mailbox};
use crate::verify::recorder::{Recorder, Seen};
use crate::verify::turn;
use crate::wire::imap::Greeted;

/// What the clean-up looks into, and for what.
#[derive(Debug)]
pub struct Task<'a> {
    /// Whose mailbox it is.
    pub account: &'a Account,
    /// How to reach it.
    pub endpoint: &'a Endpoint,
    /// The folders as they were before anything was sent.
    pub baseline: &'a Baseline,
    /// The messages that were to arrive here.
    pub expected: Vec<&'a Probe>,
    /// The messages whose copy may be in the Sent folder.
    pub sent: Vec<&'a Probe>,
    /// What tells the leftover of an earlier verification.
    pub signs: &'a Signs,
}

impl<'a> Task<'a> {
    /// What is to be said of every folder until it is cleared.
    pub fn unfinished(&self) -> Seen {
        let unless_done = self.folders().into_iter().map(|folder| not_looked_into(folder, UNFINISHED)).collect();
        Seen { unless_done, ..Seen::default() }
    }

    fn folders(&self) -> Vec<&'a Folder> {
        let received = [Some(&self.baseline.inbox), self.baseline.junk.as_ref()];
        let received = received.into_iter().filter(|_| !self.expected.is_empty());
        received.chain([self.baseline.sent.as_ref().filter(|_| !self.sent.is_empty())]).flatten().collect()
    }
}

pub(super) const UNFINISHED: &str = "the clean-up was not finished";

/// Removes our messages from every folder, in the session that is there if it still works, else in a new one. `seen`
/// begins as [`Task::unfinished`].
///
/// # Errors
/// When no session is to be had any more; what may be left is among the concerns then.
pub async fn remove(
    task: &Task<'_>,
    session: Option<Mailbox>,
    recorder: &Recorder<'_>,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let (left, delivered) = (task.folders(), Vec::new());
    let mut sweep = Sweep { task, left, delivered, looked_for: false, looks_back: true, seen };
    let cleared = match session {
        Some(session) => sweep.in_session(session, recorder).await,
        None => false,
    };
    let result = match cleared {
        true => Ok(()),
        false => sweep.with_new_session(recorder).await,
    };
    if let Err(failure) = &result {
        for concern in &mut sweep.seen.unless_done {
            if let Concern::NotLookedInto { why, .. } | Concern::LeftBehind { why, .. } = concern {
                *why = failure.why();
            }
        }
    }
    let missing = |probe: &&Probe| !sweep.delivered.iter().any(|tag| tag == probe.tag());
    if sweep.looked_for && task.expected.iter().any(missing) {
        sweep.seen.concern(Concern::MayArrive);
    }
    result
}

/// For a mailbox that could not be opened before anything was sent: a server that files a copy itself has done so,
/// and where in the folder to look for it is not known.
pub fn unknown(seen: &mut Seen) {
    let why = "the mailbox could not be opened before the message was sent".to_owned();
    seen.concern(Concern::NotLookedInto { folder: "the Sent folder".to_owned(), why });
}

/// A clean-up under way.
struct Sweep<'a, 'b> {
    task: &'b Task<'a>,
    /// The folders that are not done yet.
    left: Vec<&'a Folder>,
    /// The tags of the messages that had arrived.
    delivered: Vec<String>,
    /// The inbox was looked into.
    looked_for: bool,
    /// Leftovers are looked for, too: not where time is short.
    looks_back: bool,
    seen: &'b mut Seen,
}

impl Sweep<'_, '_> {
    /// In the session that is there already, for half of the time at most: it may be dead without anybody knowing.
    async fn in_session(&mut self, mut mailbox: Mailbox, recorder: &Recorder<'_>) -> bool {
        let half = recorder.bounds().deadline.saturating_duration_since(Instant::now()) / 2;
        let cleared = timeout(half, self.clear_all(&mut mailbox)).await;
        let cleared = matches!(cleared, Ok(Ok(())));
        self.looks_back = cleared;
        if cleared {
            leave(mailbox);
        }
        cleared
    }

    async fn with_new_session(&mut self, recorder: &Recorder<'_>) -> Result<(), Failure> {
        let Task { account, endpoint, .. } = self.task;
        let aside = recorder.aside();
        let dial = Dial { leg: Leg::Cleanup, protocol: Protocol::Imap, account, endpoint };
        let Ok(imap) = dial::open::<Greeted>(dial, &aside).await else {
            let Some((at, failure)) = aside.last_failure() else { return Err(Failure::new(Kind::ConnectionLost)) };
            let detail = failure.detail.as_ref().map_or(String::new(), |detail| format!(": {detail}"));
            return Err(failure.detail(format!("at {} on a new connection for the clean-up{detail}", at.stage)));
        };
        let mut mailbox = Mailbox::new(imap);
        self.clear_all(&mut mailbox).await?;
        leave(mailbox);
        Ok(())
    }

    /// Clears one folder after the other.
    async fn clear_all(&mut self, mailbox: &mut Mailbox) -> Result<(), Failure> {
        self.left.sort_by_key(|folder| !mailbox.is_open(folder)); // the one that is open need not be opened
        while let Some(&folder) = self.left.first() {
            match self.clear(mailbox, folder).await {
                Ok(()) => {}
                // The server said no, and the session goes on: the next folder may still be cleared.
                Err(failure) if matches!(failure.kind, Kind::Refused { .. }) => {
                    self.seen.concern(Concern::NotLookedInto { folder: folder.name.clone(), why: failure.why() });
                }
                Err(failure) => return Err(failure),
            }
            self.left.remove(0);
            self.seen.unless_done.retain(|concern| !is_about(concern, folder));
        }
        Ok(())
    }

    async fn clear(&mut self, mailbox: &mut Mailbox, folder: &Folder) -> Result<(), Failure> {
        let (mut uids, earlier) = self.find(mailbox, folder).await?;
        uids.extend(earlier.iter().map(|(uid, _)| uid));
        if uids.is_empty() {
            return Ok(());
        }
        // From here on it is known what is there, should the session be lost.
        let unless_done = &mut self.seen.unless_done;
        let place = unless_done.iter().position(|concern| is_about(concern, folder)).unwrap_or(unless_done.len());
        unless_done.retain(|concern| !is_about(concern, folder));
        let left = |&uid: &u32| {
            let (folder, why) = (folder.name.clone(), UNFINISHED.to_owned());
            Concern::LeftBehind { folder, uid: Some(uid), why }
        };
        unless_done.splice(place..place, uids.iter().map(left));
        let _turn = if mailbox.takes_turns() { Some(turn::at(self.task.endpoint).await) } else { None };
        mailbox.remove(folder, &uids, self.task.signs).await?.tell(folder, &earlier, self.seen);
        Ok(())
    }

    /// Our messages in a folder; and what is left there of earlier verifications. Notes which of ours have arrived.
    async fn find(
        &mut self,
        mailbox: &mut Mailbox,
        folder: &Folder,
    ) -> Result<(Vec<u32>, Vec<(u32, Leftover)>), Failure> {
        let copies = folder.role == Role::Sent;
        let ours = if copies { &self.task.sent } else { &self.task.expected };
        let unreadable = mailbox.imap.unreadable();
        let mut tags = Vec::new();
        let is_ours = |header: &[u8]| {
            let probe = ours.iter().find(|probe| probe.is(header));
            tags.extend(probe.map(|probe| probe.tag().to_owned()));
            probe.is_some()
        };
        let (uids, tagged) = mailbox.find_and_look_back(folder, is_ours, self.looks_back).await?;
        if mailbox.imap.unreadable() > unreadable {
            let why = "the server described a message there in a way that cannot be read";
            self.seen.concern(not_looked_into(folder, why));
        }
        if !copies {
            self.delivered.append(&mut tags);
            self.looked_for |= folder.role == Role::Inbox;
        }
        let earlier = mailbox.leftovers(folder, &tagged, self.task.signs).await?;
        Ok((uids, earlier.into_iter().filter(|(_, leftover)| !leftover.kept).collect()))
    }
}

fn not_looked_into(folder: &Folder, why: &str) -> Concern {
    Concern::NotLookedInto { folder: folder.name.clone(), why: why.to_owned() }
}

fn is_about(concern: &Concern, folder: &Folder) -> bool {
    match concern {
        Concern::NotLookedInto { folder: name, .. } | Concern::LeftBehind { folder: name, .. } => *name == folder.name,
        _ => false,
    }
}

/// LOGOUT, without making anybody wait for the answer.
pub(super) fn leave(mailbox: Mailbox) {
    tokio::spawn(timeout(std::time::Duration::from_secs(5), mailbox.leave()));
}
