//! The turn of a check: nobody else runs the same check until it is over, and what it has come to is kept for the next run.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailtrip::batch::{self, Batch, Terms, Which};
use mailtrip::check::Check;
use mailtrip::diagnose::{Verdict, verdict};
use mailtrip::failure::{Kind, Skip};
use mailtrip::outcome::{Outcome, Status};
use mailtrip::report::printable::printable;
use mailtrip::verify;
use mailtrip::verify::recorder::Event;
use mailtrip::verify::stop::Stop;

use crate::cli;
use crate::console::{Unable, complain, note};

use super::memory::Memory;
use super::run_lock::{NoLock, RunLock};
use super::state_dir::StateDir;

/// What to do where the usual folder is no good.
const NAME_ONE: &str = "; --state-dir names another folder";

/// The turn of one check.
#[derive(Debug, Default)]
struct Turn {
    /// `None`: there is no place for a lock, or another run has it.
    lock: Option<RunLock>,
    /// Why it is not this run's turn.
    denied: Option<Skip>,
    /// How the check stood; `None`: nobody asks for that.
    memory: Option<Memory>,
    /// What is new, in a sentence.
    news: Option<String>,
}

/// The turns of all checks of a run, in their order; none where nothing is kept.
#[derive(Debug, Default)]
pub struct Turns(Vec<Mutex<Turn>>);

impl Turns {
    /// Takes the turns of these checks, which are in this configuration.
    ///
    /// # Errors
    /// When something is to be kept, and there is no place for it, or what is there cannot be read.
    pub fn take(checks: &[Check], config: Option<&Path>, arguments: &cli::Verify) -> Result<Turns, Unable> {
        let memory = &arguments.memory;
        let asked_for = memory.state_dir.as_deref();
        let turns: Result<Vec<Turn>, Unable> = StateDir::open(asked_for).and_then(|dir| {
            let turn = |check: &Check| Turn::take((check.name(), &identity(check, config)), &dir, memory);
            checks.iter().map(turn).collect()
        });
        match turns {
            Ok(turns) => Ok(Turns(turns.into_iter().map(Mutex::new).collect())),
            Err(why) => match (needs_a_place(memory), asked_for) {
                (Some(option), _) => Err(format!("{option} needs a place to remember: {why}{NAME_ONE}")),
                (None, Some(_)) => Err(why),
                (None, None) => {
                    if !arguments.is_quiet() {
                        note(&format!("nothing keeps a second run of the same check away: {why}{NAME_ONE}"));
                    }
                    Ok(Turns::default())
                }
            },
        }
    }

    /// The checks whose turn it is, each with its number; they know what earlier runs that were killed have left behind.
    fn granted(&self, checks: &[Check]) -> (Vec<usize>, Vec<Check>) {
        let prepared = |(number, check): (usize, &Check)| match self.turn(number) {
            None => Some((number, check.clone())),
            Some(turn) if turn.denied.is_some() => None,
            Some(turn) => {
                let abandoned = turn.lock.as_ref().map(RunLock::abandoned).unwrap_or_default();
                Some((number, check.clone().with_abandoned(abandoned)))
            }
        };
        checks.iter().enumerate().filter_map(prepared).unzip()
    }

    /// The outcomes of the others.
    fn denied(&self, checks: &[Check]) -> Vec<(usize, Outcome)> {
        let denied = |(number, check): (usize, &Check)| {
            let turn = self.turn(number)?;
            Some((number, verify::skipped(check, turn.denied.as_ref()?)))
        };
        checks.iter().enumerate().filter_map(denied).collect()
    }

    /// What a run has come to: adds to the outcome what follows from earlier ones, and says whether there is something new.
    pub fn judge(&self, number: usize, outcome: &mut Outcome) -> bool {
        let Some(mut turn) = self.turn(number) else { return false };
        let check = printable(&outcome.check);
        if is_cut_off(outcome) {
            turn.news = Some(format!("{check} was not verified to the end, so nothing new is known of it"));
        } else if let Some(memory) = &mut turn.memory {
            let (streak, news) = memory.after(verdict(outcome), outcome.began);
            outcome.streak = Some(streak);
            turn.news = news.sentence(&check);
        }
        turn.news.is_some()
    }

    /// What is new of each check, in a sentence.
    pub fn news(&self) -> Vec<Option<String>> {
        (0..self.0.len()).map(|number| self.turn(number)?.news.clone()).collect()
    }

    /// All are over: keeps what the next run has to know. News that were not `told` to anybody are news then, too. The verdict
    /// is UNKNOWN where it cannot be written.
    pub fn finish(&self, outcomes: &[Outcome], told: bool) -> Verdict {
        let finish = |(number, outcome): (usize, &Outcome)| {
            let (lock, memory) = match self.turn(number) {
                Some(mut turn) => (turn.lock.take(), turn.memory.take().filter(|_| told || turn.news.is_none())),
                None => (None, None),
            };
            let kept = memory.map_or(Ok(()), Memory::keep);
            let released = lock.map_or(Ok(()), |lock| lock.release(outcome));
            let check = printable(&outcome.check);
            complain(kept).max(complain(released.map_err(|error| format!("the lock of {check}: {error}"))))
        };
        outcomes.iter().enumerate().map(finish).max().unwrap_or(Verdict::Ok)
    }

    fn turn(&self, number: usize) -> Option<MutexGuard<'_, Turn>> {
        Some(self.0.get(number)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Turn {
    fn take(file: (&str, &str), dir: &StateDir, arguments: &cli::Memory) -> Result<Turn, Unable> {
        let path = dir.file(file, "lock");
        let lock = match RunLock::take(&path) {
            Ok(lock) => Some(lock),
            Err(NoLock::Held(skip)) => return Ok(Turn { denied: Some(skip), ..Turn::default() }),
            Err(NoLock::Failed(error)) => return Err(format!("{} cannot be locked: {error}", path.display())),
        };
        let memory = match needs_a_place(arguments) {
            Some(_) => Some(Memory::read(dir.file(file, "json"), file.0, arguments)?),
            None => None,
        };
        Ok(Turn { lock, memory, ..Turn::default() })
    }
}

/// The option that cannot do without.
fn needs_a_place(arguments: &cli::Memory) -> Option<&'static str> {
    let on_change = arguments.on_change.then_some("--on-change");
    on_change.or(arguments.fail_after.is_some().then_some("--fail-after"))
}

/// What tells a check from all others: the configuration that it is in, or else its address.
fn identity(check: &Check, config: Option<&Path>) -> String {
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

/// Whether the run was stopped, or kept out by another one.
fn is_cut_off(outcome: &Outcome) -> bool {
    outcome.stages.iter().any(|record| match &record.status {
        Status::Failed(failure) => failure.kind == Kind::Interrupted,
        Status::Skipped(skip) => matches!(skip, Skip::Stopped | Skip::AlreadyRunning { .. }),
        Status::Passed => false,
    })
}

/// The checks under way whose turn it is, and the others, which are over at once.
pub struct Course {
    batch: Batch,
    /// The number of each check of the batch.
    numbers: Vec<usize>,
    denied: Vec<(usize, Outcome)>,
    listener: Arc<dyn batch::Listener>,
}

impl Course {
    /// Begins them.
    pub fn begin(
        turns: &Arc<Turns>,
        checks: &[Check],
        terms: Terms,
        stop: Stop,
        listener: Arc<dyn batch::Listener>,
    ) -> Course {
        let (numbers, granted) = turns.granted(checks);
        let notes = Notes { turns: turns.clone(), numbers: numbers.clone(), next: listener.clone() };
        let batch = Batch::begin(granted, terms, stop, Arc::new(notes));
        Course { batch, numbers, denied: turns.denied(checks), listener }
    }

    /// The next one that is over, by its number among all checks. `None` when there are no more.
    pub async fn next(&mut self) -> Option<(usize, Outcome)> {
        if let Some((check, outcome)) = self.denied.pop() {
            self.listener.on(Which { check, attempt: 0 }, batch::Event::Done);
            return Some((check, outcome));
        }
        let (place, outcome) = self.batch.next().await?;
        Some((*self.numbers.get(place)?, outcome))
    }
}

/// Before anything is sent, the tags are noted by which the next run finds what this one may leave behind.
struct Notes {
    turns: Arc<Turns>,
    /// The number of each check that runs.
    numbers: Vec<usize>,
    /// Who is told then.
    next: Arc<dyn batch::Listener>,
}

impl batch::Listener for Notes {
    fn on(&self, which: Which, event: batch::Event<'_>) {
        let Some(&check) = self.numbers.get(which.check) else { return };
        if let (batch::Event::Within(Event::Composed { tags }), Some(mut turn)) = (&event, self.turns.turn(check))
            && let Some(Err(error)) = turn.lock.as_mut().map(|lock| lock.composed(tags))
        {
            note(&format!("should this run be killed, the next one will not know what it left behind: {error}"));
        }
        self.next.on(Which { check, ..which }, event);
    }
}
