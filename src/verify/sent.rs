//! The copy in the Sent folder: filed by the server itself, or filed here as a mail client does.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::account::Folders;
use crate::check::{Sent, Settings};
use crate::criteria::Severity;
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
/// [`Kind::NoFolder`], [`Kind::NoCopy`], unless that is no failure by the settings; or when the server refuses something or
/// the session is lost.
pub async fn copy(
    mailbox: &mut Mailbox,
    baseline: &mut Baseline,
    folders: &Folders,
    settings: &Settings,
    probe: &Probe,
    patience: Duration,
    seen: &mut Seen,
) -> Result<(), Failure> {
    if let (None, true, Some(name)) = (&baseline.sent, folders.create_sent, &folders.sent) {
        match mailbox.create_sent(name).await.map_err(|failure| not_created(name, failure)) {
            Ok(folder) => baseline.sent = Some(folder),
            Err(failure) if failure.kind == Kind::NoFolder => baseline.missing_sent = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    let Some(folder) = &baseline.sent else {
        let missing = baseline.missing_sent.clone().unwrap_or_else(|| Failure::new(Kind::NoFolder));
        // One that the configuration names is asked for.
        let asked_for = folders.sent.is_some() || settings.sent != Sent::Auto;
        let usual = if asked_for { Severity::Critical } else { Severity::Warning };
        return without_copy(missing, settings.sent_missing.unwrap_or(usual), seen);
    };
    let filed = match settings.sent {
        Sent::Append => None,
        Sent::Server => match filed_by_server(mailbox, folder, probe, FILED_WITHIN.min(patience)).await {
            Err(missing) if missing.kind == Kind::NoCopy => {
                return without_copy(missing, settings.sent_missing.unwrap_or(Severity::Critical), seen);
            }
            filed => Some(filed?),
        },
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

/// There is no copy, or no folder for one: whether that is a failure is a matter of the settings.
fn without_copy(missing: Failure, severity: Severity, seen: &mut Seen) -> Result<(), Failure> {
    let is_known = missing.reply.is_some() || missing.detail.is_some();
    let why = if is_known { missing.why() } else { "no Sent folder was found".to_owned() };
    match (severity, &missing.kind) {
        (Severity::Critical, _) => return Err(missing),
        (Severity::Fine, _) => seen.fact(Fact::NotFiled { why }),
        (Severity::Warning, Kind::NotSelectable { folder }) => {
            seen.concern(Concern::NotSelectable { folder: folder.clone(), why });
        }
        (Severity::Warning, Kind::NoCopy) => seen.concern(Concern::NoCopy { why }),
        (Severity::Warning, _) => seen.concern(Concern::NoSentFolder),
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
