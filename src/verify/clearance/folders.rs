//! By IMAP: the inbox, the Junk folder and the Sent folder, one after the other.

use crate::failure::{Failure, Kind};
use crate::outcome::Concern;
use crate::stage::{Leg, Stage};
use crate::verify::cleanup::{UNFINISHED, leave};
use crate::verify::dial::{self, Dial};
use crate::verify::folder::{Folder, Wanted};
use crate::verify::mailbox::{Baseline, Mailbox, Seek};
use crate::verify::recorder::{Halted, Recorder, Seen};
use crate::verify::stop::Reach;
use crate::wire::imap::Greeted;

use super::{Clearance, note_removed, stopped};

/// Cleans up every folder.
///
/// # Errors
/// [`Halted`]: where it ended is on record.
pub(super) async fn clear(clearance: &Clearance, recorder: &Recorder<'_>) -> Result<(), Halted> {
    let Clearance { account, protocol, endpoint, .. } = clearance;
    let dial = Dial { leg: Leg::Delivery, protocol: *protocol, account, endpoint };
    let mut mailbox = Mailbox::new(dial::open::<Greeted>(dial, recorder).await?);
    let (mut mailbox, baseline) = recorder
        .stage(clearance.at(Leg::Delivery, Stage::Baseline), &account.name, async |seen| {
            let baseline = mailbox.baseline(&account.folders, Wanted { junk: true, sent: true }, seen).await?;
            Ok((mailbox, baseline))
        })
        .await?;
    let mut unfinished = Seen::default();
    unfinished.unless_done.extend(folders(&baseline).map(|folder| not_looked_into(folder, UNFINISHED)));
    let recorder = recorder.bounded(clearance.last_bounds(recorder));
    let (at, limit) = (clearance.at(Leg::Cleanup, Stage::Remove), recorder.bounds().stage);
    recorder
        .stage_within(at, &account.name, limit, unfinished, async |seen| {
            clearance.begin(seen);
            missing(clearance, &baseline, seen);
            for folder in folders(&baseline) {
                clear_folder(clearance, &mut mailbox, folder, &recorder, seen).await?;
            }
            leave(mailbox);
            Ok(())
        })
        .await
}

fn folders(baseline: &Baseline) -> impl Iterator<Item = &Folder> {
    [Some(&baseline.inbox), baseline.junk.as_ref(), baseline.sent.as_ref()].into_iter().flatten()
}

/// A Sent folder that the configuration names and that is not there.
fn missing(clearance: &Clearance, baseline: &Baseline, seen: &mut Seen) {
    if let (Some(failure), Some(folder)) = (&baseline.missing_sent, &clearance.account.folders.sent) {
        seen.concern(Concern::NotLookedInto { folder: folder.clone(), why: failure.why() });
    }
}

fn not_looked_into(folder: &Folder, why: &str) -> Concern {
    Concern::NotLookedInto { folder: folder.name.clone(), why: why.to_owned() }
}

async fn clear_folder(
    clearance: &Clearance,
    mailbox: &mut Mailbox,
    folder: &Folder,
    recorder: &Recorder<'_>,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let stop = &recorder.bounds().stop;
    let Seek { leftovers, unfinished } = tokio::select! {
        biased;
        () = stop.requested(Reach::Journey) => return Err(stopped()),
        sought = seek(clearance, mailbox, folder) => sought?,
    };
    let about =
        |concern: &Concern| matches!(concern, Concern::NotLookedInto { folder: name, .. } if *name == folder.name);
    seen.unless_done.retain(|concern| !about(concern));
    seen.concerns.extend(unfinished.map(|why| not_looked_into(folder, &why)));
    let first = seen.facts.len();
    seen.facts.extend(leftovers.iter().map(|(uid, leftover)| folder.leftover(leftover, *uid, false)));
    if clearance.dry_run {
        return Ok(());
    }
    let uids: Vec<u32> = leftovers.iter().map(|(uid, _)| *uid).collect();
    for batch in uids.chunks(mailbox.batch()) {
        if stop.is_requested(Reach::Journey) {
            return Err(stopped());
        }
        let removal = mailbox.remove(folder, batch, &clearance.signs).await?;
        note_removed(seen, first, |_, uid| uid.is_some_and(|uid| removal.gone.contains(&uid)));
        seen.concerns.extend(removal.concerns(folder));
    }
    Ok(())
}

/// What is left in a folder. Where the server says no, the session goes on.
async fn seek(clearance: &Clearance, mailbox: &mut Mailbox, folder: &Folder) -> Result<Seek, Failure> {
    let unreadable = mailbox.imap.unreadable();
    let mut sought = match mailbox.seek(folder, &clearance.signs).await {
        Err(failure) if matches!(failure.kind, Kind::Refused { .. }) => {
            Seek { unfinished: Some(failure.why()), ..Seek::default() }
        }
        sought => sought?,
    };
    if mailbox.imap.unreadable() > unreadable {
        let why = "the server described a message there in a way that cannot be read";
        sought.unfinished.get_or_insert(why.to_owned());
    }
    Ok(sought)
}
