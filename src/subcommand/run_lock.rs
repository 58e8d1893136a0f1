//! The lock of a check: as long as a run holds it, no other run of the same check begins.
//!
//! The kernel lets go of it when a process ends, however that ends. The file stays, for whoever removed it might remove that
//! of another run. In it stands who holds it, and by which tags the messages are known that it may leave behind: those that
//! the next one finds there are of a run that is over.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use mailtrip::failure::Skip;
use mailtrip::outcome::{Outcome, StageRecord, Status};
use mailtrip::stage::Leg;
use serde::{Deserialize, Serialize};

use super::state_dir;

/// Nobody writes more into one.
const LARGEST: u64 = 64 * 1024;

/// For so long a message may be on its way; after that it is like any other that was left behind.
const LATE: Duration = Duration::from_secs(3600);

/// After so long a message is forgotten though no mailbox could be looked into.
const GIVEN_UP: Duration = Duration::from_secs(24 * 3600);

/// A lock that this process holds.
#[derive(Debug)]
pub struct RunLock {
    file: File,
    /// Messages of runs that were killed.
    abandoned: Vec<Message>,
    /// Those of this run.
    own: Vec<Message>,
    since: Timestamp,
}

/// What stands in the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Note {
    /// Who holds it.
    process: Option<u32>,
    /// Since when.
    since: Option<Timestamp>,
    /// The messages that may be in a mailbox.
    messages: Vec<Message>,
}

/// A message that was composed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Message {
    tag: String,
    composed: Timestamp,
}

/// Why there is no lock.
#[derive(Debug)]
pub enum NoLock {
    /// Another run has it.
    Held(Skip),
    /// Why it cannot be had.
    Failed(io::Error),
}

impl From<io::Error> for NoLock {
    fn from(error: io::Error) -> NoLock {
        NoLock::Failed(error)
    }
}

impl RunLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// When another run has it, or it cannot be had.
    pub fn take(path: &Path) -> Result<RunLock, NoLock> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = state_dir::open(path, &mut options)?;
        let locked = file.try_lock();
        let Note { process, since, messages } = Note::read(&mut file);
        match locked {
            Err(TryLockError::WouldBlock) => return Err(NoLock::Held(Skip::AlreadyRunning { process, since })),
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Ok(()) => {}
        }
        let mut lock = RunLock { file, abandoned: messages, own: Vec::new(), since: Timestamp::now() };
        lock.write(Some(std::process::id()))?; // also to see whether there is room
        Ok(lock)
    }

    /// The tags of messages of runs that were killed.
    pub fn abandoned(&self) -> Vec<String> {
        self.abandoned.iter().map(|message| message.tag.clone()).collect()
    }

    /// Notes the tags of this run before anything is sent: should it be killed, the next one knows them.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn composed(&mut self, tags: &[&str]) -> io::Result<()> {
        let composed = Timestamp::now();
        self.own.extend(tags.iter().map(|&tag| Message { tag: tag.to_owned(), composed }));
        self.write(Some(std::process::id()))
    }

    /// Lets go of it after the run. Messages that may still be there stay noted.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn release(mut self, outcome: &Outcome) -> io::Result<()> {
        let (now, end) = (Timestamp::now(), cleaned_up(outcome));
        self.own.retain(|_| end == CleanedUp::InPart);
        self.abandoned.retain(|message| {
            let age = Duration::try_from(now.duration_since(message.composed)).unwrap_or_default();
            age < LATE || (age < GIVEN_UP && end != CleanedUp::Wholly)
        });
        self.write(None)
    }

    /// What is there is written over before it is cut, so that little is lost where the disk is full.
    fn write(&mut self, process: Option<u32>) -> io::Result<()> {
        let messages: Vec<Message> = self.abandoned.iter().chain(&self.own).cloned().collect();
        let since = process.map(|_| self.since);
        let mut text = String::new();
        if process.is_some() || !messages.is_empty() {
            text = serde_json::to_string(&Note { process, since, messages })? + "\n";
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)
    }
}

impl Note {
    /// What cannot be read says nothing; it may just be being written.
    fn read(file: &mut File) -> Note {
        let mut text = String::new();
        let read = file.take(LARGEST).read_to_string(&mut text);
        read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default()
    }
}

/// How far a run has cleaned up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CleanedUp {
    /// There was nothing that it could have left.
    Nothing,
    /// Something is left, or may be.
    InPart,
    /// Nothing is left.
    Wholly,
}

/// In all its attempts.
fn cleaned_up(outcome: &Outcome) -> CleanedUp {
    let in_part = |record: &&StageRecord| match &record.status {
        Status::Passed => !record.concerns.is_empty(),
        Status::Failed(_) => true,
        Status::Skipped(skip) => *skip == Skip::Stopped,
    };
    let stages = outcome.earlier.iter().chain([outcome]).flat_map(|attempt| &attempt.stages);
    let mut cleanup = stages.filter(|record| record.at.leg == Leg::Cleanup);
    match cleanup.clone().find(in_part) {
        Some(_) => CleanedUp::InPart,
        None if cleanup.any(|record| record.status == Status::Passed) => CleanedUp::Wholly,
        None => CleanedUp::Nothing,
    }
}
