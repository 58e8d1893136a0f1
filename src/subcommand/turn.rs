//! The turn of a check: nobody else runs the same check until it is over, and what it has come to is kept for the next run.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mailtrip::check::Check;
use mailtrip::diagnose::{Verdict, verdict};
use mailtrip::failure::{Kind, Skip};
use mailtrip::history::{Options, State, Unreadable};
use mailtrip::outcome::{Outcome, Status};
use mailtrip::report::printable::printable;
use mailtrip::verify::recorder::{Event, Listener};

use crate::cli;
use crate::console::{Unable, complain, note, unable};

use super::run_lock::{NoLock, RunLock};
use super::state_dir::StateDir;
use super::whole_file::{Readers, WholeFile};

/// No state is larger.
const LARGEST: u64 = 64 * 1024;

/// The turn of one check.
#[derive(Debug)]
pub struct Turn {
    /// `None`: there is no place for a lock, or another run has it.
    lock: Mutex<Option<RunLock>>,
    /// Why it is not this run's turn.
    denied: Option<Skip>,
    /// How the check stood, and where that is kept; `None`: nobody asks for that.
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    state: State,
    options: Options,
    /// It is to be written.
    changed: bool,
}

/// What tells a check from all others: the configuration that it is in, or else its address.
pub fn identity(check: &Check, config: Option<&Path>) -> String {
    match config {
        Some(path) => {
            let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            format!("{}\n{}", path.display(), check.name())
        }
        None => {
            let address = &check.from().address;
            format!("{}@{}", address.user(), address.domain().to_ascii_lowercase())
        }
    }
}

/// Takes the turns of these checks, which are in this configuration, in the same order.
///
/// # Errors
/// When something is to be kept, and there is no place for it, or what is there cannot be read.
pub fn take(checks: &[Check], config: Option<&Path>, arguments: &cli::Memory, quiet: bool) -> Result<Vec<Turn>, Unable> {
    let options = arguments.options();
    let asked_for = arguments.state_dir.as_deref();
    let whole = StateDir::open(asked_for).and_then(|dir| {
        let turn = |check| Turn::take(check, &identity(check, config), &dir, options);
        checks.iter().map(turn).collect()
    });
    match whole {
        Err(why) if options.is_some() => Err(format!("{} needs a place to remember: {why}{NAME_ONE}", arguments.why())),
        Err(why) if asked_for.is_some() => Err(why),
        Err(why) => {
            if !quiet {
                note(&format!("nothing keeps a second run of the same check away: {why}{NAME_ONE}"));
            }
            Ok(checks.iter().map(|_| Turn::free()).collect())
        }
        turns => turns,
    }
}

/// What to do where the usual folder is no good.
const NAME_ONE: &str = "; --state-dir names another folder";

impl Turn {
    /// Without a lock, and without a memory.
    fn free() -> Turn {
        Turn { lock: Mutex::default(), denied: None, kept: None }
    }

    fn take(check: &Check, identity: &str, dir: &StateDir, options: Option<Options>) -> Result<Turn, Unable> {
        let path = dir.file((check.name(), identity), "lock");
        let lock = match RunLock::take(&path) {
            Ok(lock) => lock,
            Err(NoLock::Held(skip)) => return Ok(Turn { denied: Some(skip), ..Turn::free() }),
            Err(NoLock::Failed(error)) => return Err(format!("{} cannot be locked: {error}", path.display())),
        };
        let path = dir.file((check.name(), identity), "json");
        let kept = options.map(|options| Kept::read(path, check.name(), options)).transpose()?;
        Ok(Turn { lock: Mutex::new(Some(lock)), denied: None, kept })
    }

    /// Why it is not this run's turn, if it is not.
    pub fn denied(&self) -> Option<&Skip> {
        self.denied.as_ref()
    }

    /// The check, which knows what earlier runs that were killed have left behind.
    pub fn prepare(&self, check: Check) -> Check {
        match &*self.lock() {
            Some(lock) => check.with_abandoned(lock.abandoned()),
            None => check,
        }
    }

    /// What the run has come to: adds to the outcome what follows from earlier ones, and says what is new, in a sentence.
    /// `None`: nothing.
    pub fn judge(&mut self, outcome: &mut Outcome) -> Option<String> {
        let check = printable(&outcome.check);
        if is_cut_off(outcome) {
            return Some(format!("{check} was not verified to the end, so nothing new is known of it"));
        }
        let kept = self.kept.as_mut()?;
        let (state, news) = kept.state.after(verdict(outcome), outcome.began, &kept.options);
        outcome.streak = Some(state.streak(&kept.options));
        (kept.state, kept.changed) = (state, true);
        news.sentence(&check)
    }

    /// It is over: keeps what the next run has to know. The verdict is UNKNOWN where that cannot be written.
    pub fn finish(self, outcome: &Outcome) -> Verdict {
        let written = match self.kept.filter(|kept| kept.changed) {
            Some(Kept { path, state, .. }) => {
                WholeFile::create(&path, Readers::Owner).and_then(|file| file.finish(&state.to_json()))
            }
            None => Ok(()),
        };
        let lock = self.lock.into_inner().unwrap_or_else(PoisonError::into_inner);
        let released = lock.map_or(Ok(()), |lock| lock.release(outcome));
        let released = released.map_err(|error| format!("the lock of {} cannot be written: {error}", outcome.check));
        complain(written).max(complain(released))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<RunLock>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Before anything is sent, the tags are noted by which the next run finds what this one may leave behind.
impl Listener for Turn {
    fn on(&self, event: Event<'_>) {
        if let (Event::Composed { tags }, Some(lock)) = (event, &mut *self.lock())
            && let Err(error) = lock.composed(tags)
        {
            note(&format!("should this run be killed, the next one will not know what it left behind: {error}"));
        }
    }
}

impl Kept {
    /// What is damaged is begun anew; what this program must not touch, or cannot write, is an error.
    fn read(path: PathBuf, check: &str, options: Options) -> Result<Kept, Unable> {
        let cannot = |why: &dyn std::fmt::Display| format!("{} cannot be used: {why}", path.display());
        let state = match text(&path).map_err(|error| cannot(&error))?.map(|text| State::read(&text)) {
            None => State::default(),
            Some(Ok(state)) => state,
            Some(Err(newer @ Unreadable::Schema(_))) => return Err(cannot(&newer)),
            Some(Err(damaged)) => {
                let check = printable(check);
                unable(&format!(
                    "what was known of {check} is lost, for {} cannot be read: {damaged}; it is begun anew",
                    path.display()
                ));
                State::default()
            }
        };
        drop(WholeFile::create(&path, Readers::Owner)?); // whether it can be written is known before anything is sent
        Ok(Kept { path, state, options, changed: false })
    }
}

/// What is in a file, if there is one.
fn text(path: &Path) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the run was stopped, or kept out by another one.
fn is_cut_off(outcome: &Outcome) -> bool {
    outcome.stages.iter().any(|record| match &record.status {
        Status::Failed(failure) => failure.kind == Kind::Interrupted,
        Status::Skipped(skip) => matches!(skip, Skip::Stopped | Skip::AlreadyRunning { .. }),
        Status::Passed => false,
    })
}
