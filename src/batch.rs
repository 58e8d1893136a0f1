//! Many checks at once: each in a task of its own, as many at the same time as may be, and again where one failed.
//!
//! Checks may share accounts: each finds its own message only, by the tag.

pub mod schedule;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::check::Check;
use crate::diagnose::attempt::is_worth_another;
use crate::outcome::Outcome;
use crate::verify::recorder;
use crate::verify::stop::{Reach, Stop};
use crate::verify::{self, servers};

use schedule::{Schedule, places};

/// How many at once, and how often again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// So many checks at the same time.
    pub jobs: usize,
    /// So many checks at the same time that use the same host: a provider locks an account that signs in too often.
    pub per_host: usize,
    /// So many times a check that failed is repeated, unless its sign-in was refused.
    pub retries: u32,
    /// How long after it has failed.
    pub retry_delay: Duration,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms { jobs: 8, per_host: 2, retries: 0, retry_delay: Duration::from_secs(10) }
    }
}

/// What an event is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Which {
    /// Index of the check.
    pub check: usize,
    /// Which attempt of it, from 1; 0 where it was stopped before there was any.
    pub attempt: u32,
}

/// What happens to a check, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// An attempt begins.
    Began,
    /// Something happens within it.
    Within(recorder::Event<'a>),
    /// The attempt is over.
    Ended(&'a Outcome),
    /// The check is over: there is no other attempt.
    Done,
}

/// Somebody who is told what happens to many checks.
pub trait Listener: Send + Sync {
    /// Called for each event, in the midst of a check: it must not take long.
    fn on(&self, which: Which, event: Event<'_>);
}

/// Nobody is told.
impl Listener for () {
    fn on(&self, _: Which, _: Event<'_>) {}
}

/// Checks under way. They go on where it is dropped; what ends them is their `stop`.
#[derive(Debug)]
pub struct Batch(UnboundedReceiver<(usize, Outcome)>);

impl Batch {
    /// Begins them. A stop reaches all of them: those under way clean up, and those that wait are not begun.
    pub fn begin(checks: Vec<Check>, terms: Terms, stop: Stop, listener: Arc<dyn Listener>) -> Batch {
        let (sender, receiver) = unbounded_channel();
        tokio::spawn(Run::new(checks, terms, stop, listener, sender).finish());
        Batch(receiver)
    }

    /// The next one that is over, by its index: there is one for each check. `None` when there are no more.
    pub async fn next(&mut self) -> Option<(usize, Outcome)> {
        self.0.recv().await
    }
}

/// The checks, and where each of them is.
struct Run {
    checks: Vec<Arc<Check>>,
    terms: Terms,
    stop: Stop,
    listener: Arc<dyn Listener>,
    schedule: Schedule,
    /// The attempts of each check that have failed so far.
    failed: Vec<Vec<Outcome>>,
    tasks: JoinSet<Step>,
    outcomes: UnboundedSender<(usize, Outcome)>,
}

/// What a task has come to.
enum Step {
    /// An attempt is over.
    Attempt(usize, Box<Outcome>),
    /// So is the time before the next one.
    Pause(usize),
}

impl Run {
    fn new(
        checks: Vec<Check>,
        terms: Terms,
        stop: Stop,
        listener: Arc<dyn Listener>,
        outcomes: UnboundedSender<(usize, Outcome)>,
    ) -> Run {
        let mut schedule = Schedule::new(terms.jobs, terms.per_host);
        checks.iter().enumerate().for_each(|(check, one)| schedule.wait(check, places(&servers(one))));
        let failed = checks.iter().map(|_| Vec::new()).collect();
        let checks = checks.into_iter().map(Arc::new).collect();
        Run { checks, terms, stop, listener, schedule, failed, tasks: JoinSet::new(), outcomes }
    }

    async fn finish(mut self) {
        loop {
            if self.stop.is_requested(Reach::Journey) {
                self.schedule.give_up().into_iter().for_each(|check| self.give_up(check));
            }
            while let Some(check) = self.schedule.pick() {
                self.attempt(check);
            }
            tokio::select! {
                done = self.tasks.join_next() => match done {
                    Some(Ok(Step::Attempt(check, outcome))) => self.attempted(check, *outcome),
                    Some(Ok(Step::Pause(check))) => self.queue(check),
                    Some(Err(_)) => {} // these tasks are not aborted, and what may panic is in one of its own
                    None => return,
                },
                () = self.stop.requested(Reach::Journey), if self.schedule.is_awaited() => {}
            }
        }
    }

    /// Verifies it, in a task of its own: whatever another one does, it goes on.
    fn attempt(&mut self, check: usize) {
        let (verified, stop, listener) = (self.checks[check].clone(), self.stop.clone(), self.listener.clone());
        let which = self.which(check);
        self.tasks.spawn(async move {
            listener.on(which, Event::Began);
            let (ear, again) = (Ear { which, listener: listener.clone() }, verified.clone());
            let outcome = tokio::spawn(async move { verify::run(&again, &stop, &ear).await }).await;
            let outcome = outcome.unwrap_or_else(|error| verify::broken_off(&verified, &error.to_string()));
            listener.on(which, Event::Ended(&outcome));
            Step::Attempt(check, Box::new(outcome))
        });
    }

    /// Which attempt is under way, or is the next one.
    fn which(&self, check: usize) -> Which {
        Which { check, attempt: u32::try_from(self.failed[check].len()).unwrap_or(u32::MAX).saturating_add(1) }
    }

    /// After a failure there may be another attempt; until then others may have its places. One whose sign-in was refused is
    /// over: each more would count towards a lock of the account.
    fn attempted(&mut self, check: usize, outcome: Outcome) {
        self.schedule.done(check);
        let which = self.which(check);
        if !is_worth_another(&outcome) || which.attempt > self.terms.retries || self.stop.is_requested(Reach::Journey) {
            return self.done(which, outcome);
        }
        self.failed[check].push(outcome);
        let (delay, stop) = (self.terms.retry_delay, self.stop.clone());
        self.tasks.spawn(async move {
            // Either way the pause is over.
            let _ = tokio::time::timeout(delay, stop.requested(Reach::Journey)).await;
            Step::Pause(check)
        });
    }

    fn queue(&mut self, check: usize) {
        self.schedule.wait(check, places(&servers(&self.checks[check])));
    }

    /// It is not begun, or not begun again, for all was stopped: the last attempt is the outcome, if there was any.
    fn give_up(&mut self, check: usize) {
        let last = self.failed[check].pop();
        let which = Which { attempt: u32::from(last.is_some()) * self.which(check).attempt, check };
        self.done(which, last.unwrap_or_else(|| verify::not_begun(&self.checks[check])));
    }

    fn done(&mut self, which: Which, mut outcome: Outcome) {
        outcome.earlier = std::mem::take(&mut self.failed[which.check]);
        self.listener.on(which, Event::Done);
        let _ = self.outcomes.send((which.check, outcome)); // where nobody waits for it, nobody is told
    }
}

/// Tells the listener of many checks what is heard of one.
struct Ear {
    which: Which,
    listener: Arc<dyn Listener>,
}

impl recorder::Listener for Ear {
    fn on(&self, event: recorder::Event<'_>) {
        self.listener.on(self.which, Event::Within(event));
    }
}
