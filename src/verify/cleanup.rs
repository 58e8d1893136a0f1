//! The clean-up: takes the probe out of every folder it may be in, and says what it could not take out.
//!
//! It removes only a message that it has just fetched and that bears our tag (rule 1), and runs whatever happened before,
//! on a new connection where the old one is gone.

use tokio::time::{Instant, timeout};

use crate::account::{Account, Endpoint, Protocol};
use crate::failure::{Failure, Kind};
use crate::outcome::{Concern, Fact, Role};
use crate::probe::Probe;
use crate::stage::Leg;
use crate::verify::dial::{self, Dial};
use crate::verify::mailbox::{Baseline, Folder, Mailbox, Removal};
use crate::verify::recorder::{Recorder, Seen};
use crate::wire::imap::Greeted;

/// What the clean-up looks into.
#[derive(Debug)]
pub struct Task<'a> {
    /// Whose mailbox it is.
    pub account: &'a Account,
    /// How to reach it.
    pub endpoint: &'a Endpoint,
    /// The folders that the probe may be in, as they were before anything was sent.
    pub baseline: &'a Baseline,
    /// Whether the probe was to arrive here.
    pub receives: bool,
    /// Whether a copy may be in the Sent folder.
    pub sent: bool,
}

impl Task<'_> {
    /// What is to be said of every folder until it is cleared.
    pub fn unfinished(&self) -> Seen {
        let why = || "the clean-up was not finished".to_owned();
        let concern = |folder: &Folder| Concern::NotLookedInto { folder: folder.name.clone(), why: why() };
        Seen { unless_done: self.folders().into_iter().map(concern).collect(), ..Seen::default() }
    }

    fn folders(&self) -> Vec<&Folder> {
        let received = [Some(&self.baseline.inbox), self.baseline.junk.as_ref()].into_iter().filter(|_| self.receives);
        received.chain([self.baseline.sent.as_ref().filter(|_| self.sent)]).flatten().collect()
    }
}

/// Removes the probe from every folder, in the session that is there if it still works, else in a new one. `seen` begins
/// as [`Task::unfinished`].
///
/// # Errors
/// When no session is to be had any more; what may be left is among the concerns then.
pub async fn remove(
    task: &Task<'_>,
    session: Option<Mailbox>,
    probe: &Probe,
    recorder: &Recorder<'_>,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let mut left: Vec<&Folder> = task.folders();
    let mut delivered = false;
    let cleared = match session {
        Some(session) => in_session(session, &mut left, probe, &mut delivered, recorder, seen).await,
        None => false,
    };
    let result = match cleared {
        true => Ok(()),
        false => with_new_session(task, &mut left, probe, &mut delivered, recorder, seen).await,
    };
    if let Err(failure) = &result {
        for concern in &mut seen.unless_done {
            if let Concern::NotLookedInto { why, .. } = concern {
                *why = self::why(failure);
            }
        }
    }
    if task.receives && !delivered && !left.iter().any(|folder| folder.role == Role::Inbox) {
        seen.concern(Concern::MayArrive);
    }
    result
}

/// For a mailbox that could not be opened before anything was sent: a server that files a copy itself has done so,
/// and where in the folder to look for it is not known.
pub fn unknown(seen: &mut Seen) {
    let why = "the mailbox could not be opened before the message was sent".to_owned();
    seen.concern(Concern::NotLookedInto { folder: "the Sent folder".to_owned(), why });
}

/// In the session that is there already, for half of the time at most: it may be dead without anybody knowing.
async fn in_session(
    mut mailbox: Mailbox,
    left: &mut Vec<&Folder>,
    probe: &Probe,
    delivered: &mut bool,
    recorder: &Recorder<'_>,
    seen: &mut Seen,
) -> bool {
    let half = recorder.bounds().deadline.saturating_duration_since(Instant::now()) / 2;
    let cleared = timeout(half, clear_all(&mut mailbox, left, probe, delivered, seen)).await;
    let cleared = matches!(cleared, Ok(Ok(())));
    if cleared {
        leave(mailbox);
    }
    cleared
}

async fn with_new_session(
    task: &Task<'_>,
    left: &mut Vec<&Folder>,
    probe: &Probe,
    delivered: &mut bool,
    recorder: &Recorder<'_>,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let aside = recorder.aside();
    let dial = Dial { leg: Leg::Cleanup, protocol: Protocol::Imap, account: task.account, endpoint: task.endpoint };
    let Ok(imap) = dial::open::<Greeted>(dial, &aside).await else {
        let Some((at, failure)) = aside.last_failure() else { return Err(Failure::new(Kind::ConnectionLost)) };
        let detail = failure.detail.as_ref().map_or(String::new(), |detail| format!(": {detail}"));
        return Err(failure.detail(format!("at {} on a new connection for the clean-up{detail}", at.stage)));
    };
    let mut mailbox = Mailbox::new(imap);
    clear_all(&mut mailbox, left, probe, delivered, seen).await?;
    leave(mailbox);
    Ok(())
}

/// Clears one folder after the other; `left` holds those that are not done yet.
async fn clear_all(
    mailbox: &mut Mailbox,
    left: &mut Vec<&Folder>,
    probe: &Probe,
    delivered: &mut bool,
    seen: &mut Seen,
) -> Result<(), Failure> {
    left.sort_by_key(|folder| !mailbox.is_open(folder)); // the one that is open need not be opened
    while let Some(&folder) = left.first() {
        match clear(mailbox, folder, probe, delivered, seen).await {
            Ok(()) => {}
            // The server said no, and the session goes on: the next folder may still be cleared.
            Err(failure) if matches!(failure.kind, Kind::Refused { .. }) => {
                seen.concern(Concern::NotLookedInto { folder: folder.name.clone(), why: why(&failure) });
            }
            Err(failure) => return Err(failure),
        }
        left.remove(0);
        let done =
            |concern: &Concern| matches!(concern, Concern::NotLookedInto { folder: name, .. } if *name == folder.name);
        seen.unless_done.retain(|concern| !done(concern));
    }
    Ok(())
}

async fn clear(
    mailbox: &mut Mailbox,
    folder: &Folder,
    probe: &Probe,
    delivered: &mut bool,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let unreadable = mailbox.imap.unreadable();
    let uids = mailbox.find(folder, probe).await?;
    if mailbox.imap.unreadable() > unreadable {
        let why = "the server described a message there in a way that cannot be read".to_owned();
        seen.concern(Concern::NotLookedInto { folder: folder.name.clone(), why });
    }
    for uid in uids {
        *delivered |= folder.role != Role::Sent;
        let name = folder.name.clone();
        match mailbox.remove(folder, uid).await {
            Ok(Removal::Gone) => seen.fact(Fact::Removed { folder: name, uid }),
            Ok(Removal::OnlyMarked) => seen.concern(Concern::LeftMarked { folder: name, uid }),
            Ok(Removal::StillThere) => {
                let why = "the server says that it is gone, and shows it still".to_owned();
                seen.concern(Concern::LeftBehind { folder: name, uid: Some(uid), why });
            }
            Err(failure) if matches!(failure.kind, Kind::Refused { .. }) => {
                seen.concern(Concern::LeftBehind { folder: name, uid: Some(uid), why: why(&failure) });
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

fn why(failure: &Failure) -> String {
    match (&failure.reply, &failure.detail) {
        (Some(reply), _) => format!("the server said: {reply}"),
        (None, Some(detail)) => detail.clone(),
        (None, None) => "the connection was lost".to_owned(),
    }
}

/// LOGOUT, without making anybody wait for the answer.
pub(super) fn leave(mailbox: Mailbox) {
    tokio::spawn(timeout(std::time::Duration::from_secs(5), mailbox.leave()));
}
