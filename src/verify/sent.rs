//! The copy in the Sent folder: filed by the server itself, or filed here as a mail client does.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::account::Folders;
use crate::check::Sent;
use crate::failure::{Failure, Kind};
use crate::outcome::{Concern, Fact, FiledBy};
use crate::probe::Probe;
use crate::verify::folder::Folder;
use crate::verify::mailbox::{Baseline, Mailbox};
use crate::verify::recorder::Seen;

/// How long a server that files copies itself may take for it, and the time between two looks.
const FILED_WITHIN: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Looks for the copy, or files it. `patience` is less than the time that the stage has: a copy that is not there is
/// no server that does not answer.
///
/// # Errors
/// [`Kind::NoFolder`], [`Kind::NoCopy`], or when the server refuses something or the session is lost.
pub async fn copy(
    mailbox: &mut Mailbox,
    baseline: &mut Baseline,
    folders: &Folders,
    mode: Sent,
    probe: &Probe,
    patience: Duration,
    seen: &mut Seen,
) -> Result<(), Failure> {
    if let (None, true, Some(name)) = (&baseline.sent, folders.create_sent, &folders.sent) {
        baseline.sent = Some(mailbox.create_sent(name).await.map_err(|failure| not_created(name, failure))?);
    }
    let Some(folder) = &baseline.sent else {
        return without_folder(baseline.missing_sent.clone(), folders.sent.is_some() || mode != Sent::Auto, seen);
    };
    let filed = match mode {
        Sent::Append => None,
        Sent::Server => Some(filed_by_server(mailbox, folder, probe, FILED_WITHIN.min(patience)).await?),
        Sent::Auto | Sent::Off => mailbox.find(folder, |header| probe.is(header)).await?.first().copied(),
    };
    let (uid, filed_by) = match filed {
        Some(uid) => (uid, FiledBy::Server),
        None => (append(mailbox, folder, probe, seen).await?, FiledBy::Append),
    };
    seen.fact(Fact::SentCopy { folder: folder.name.clone(), uid, filed_by });
    seen.concerns.extend(mailbox.read_only().map(|why| Concern::ReadOnly { folder: folder.name.clone(), why }));
    Ok(())
}

/// There is no folder for the copy: a failure where one is `asked_for`, as one that the configuration names always is.
fn without_folder(missing: Option<Failure>, asked_for: bool, seen: &mut Seen) -> Result<(), Failure> {
    match missing {
        missing if asked_for => return Err(missing.unwrap_or_else(|| Failure::new(Kind::NoFolder))),
        Some(Failure { kind: Kind::NotSelectable { ref folder }, .. }) => {
            let why = missing.as_ref().map(Failure::why).unwrap_or_default();
            seen.concern(Concern::NotSelectable { folder: folder.clone(), why });
        }
        _ => seen.concern(Concern::NoSentFolder),
    }
    Ok(())
}

/// Such as on Courier, where every folder is below `INBOX.`.
fn not_created(name: &str, failure: Failure) -> Failure {
    match failure.kind {
        Kind::Refused { .. } => {
            Failure { kind: Kind::NoFolder, ..failure }.detail(format!("the folder {name} could not be created"))
        }
        _ => failure,
    }
}

/// Some servers file the copy a moment after they have taken the message.
async fn filed_by_server(
    mailbox: &mut Mailbox,
    folder: &Folder,
    probe: &Probe,
    patience: Duration,
) -> Result<u32, Failure> {
    let until = Instant::now() + patience;
    loop {
        if let Some(&uid) = mailbox.find(folder, |header| probe.is(header)).await?.first() {
            return Ok(uid);
        }
        if Instant::now() >= until {
            return Err(Failure::new(Kind::NoCopy).detail(format!(
                "looked into {} for {:.0} s",
                folder.name,
                patience.as_secs_f64()
            )));
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

/// APPEND, then a look whether it is really there. What the server took and does not show is somewhere.
async fn append(mailbox: &mut Mailbox, folder: &Folder, probe: &Probe, seen: &mut Seen) -> Result<u32, Failure> {
    let uid = mailbox.append(folder, probe.message()).await?;
    let there = mailbox.find(folder, |header| probe.is(header)).await?;
    let readable = there.iter().rev().find(|&&found| uid.is_none_or(|uid| uid == found));
    readable.copied().ok_or_else(|| {
        let why = "the server took it, and does not show it".to_owned();
        seen.concern(Concern::LeftBehind { folder: folder.name.clone(), uid, why });
        Failure::new(Kind::NoCopy).detail(format!("the server took the copy, but it is not in {}", folder.name))
    })
}
