//! The only stopwatch: it bounds, records and announces each stage.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::account::{Protocol, Secret};
use crate::failure::{Failure, Kind, Skip};
use crate::outcome::{Concern, Conversation, Fact, Line, Span, StageRecord, Status};
use crate::stage::{At, Leg};
use crate::verify::plan::Plan;
use crate::verify::stop::{Reach, Stop};
use crate::verify::veil::Veil;
use crate::wire::token::Tokens;
use crate::wire::transcript::{self, Transcript};

/// What happens while a verification runs, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// The messages of the verification are composed, and nothing is sent yet.
    Composed {
        /// Their tags, by which they are known should the run be killed before it has removed them.
        tags: &'a [&'a str],
    },
    /// A stage has begun.
    Began {
        /// Which.
        at: At,
        /// Name of the account whose server it is about.
        account: &'a str,
        /// How long it may take.
        limit: Duration,
    },
    /// A stage is over.
    Ended(&'a StageRecord),
}

/// Somebody who is told what happens.
pub trait Listener: Sync {
    /// Called for each event, in the midst of the run: it must not take long.
    fn on(&self, event: Event<'_>);
}

/// Nobody is told.
impl Listener for () {
    fn on(&self, _: Event<'_>) {}
}

/// A stage failed: the failure is on record, and what depends on the stage is not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halted;

/// What a stage has seen so far. It stays when the stage fails, is cut off or is stopped.
#[derive(Debug, Default)]
pub struct Seen {
    /// Facts in the order they were seen.
    pub facts: Vec<Fact>,
    /// Concerns in the order they came up.
    pub concerns: Vec<Concern>,
    /// What is to be said as well where the stage does not get to its end: it fails, is cut off or is stopped.
    pub unless_done: Vec<Concern>,
    /// What it means when no answer comes any more; by default [`Kind::Timeout`].
    pub if_silent: Option<Kind>,
    /// Mail does not depend on it: where it does not get to its end, nothing was found out, and that is all.
    pub beside: bool,
}

impl Seen {
    /// Adds a fact.
    pub fn fact(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// Adds a concern.
    pub fn concern(&mut self, concern: Concern) {
        self.concerns.push(concern);
    }
}

/// What a stage is bounded by.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// The longest that a stage may take.
    pub stage: Duration,
    /// When everything must be over.
    pub deadline: Instant,
    /// How the run is stopped.
    pub stop: Stop,
    /// How many stops it takes.
    pub reach: Reach,
}

/// Where a connection goes.
struct Dialled {
    leg: Leg,
    protocol: Protocol,
    account: String,
}

/// Records stages. Clones with other [`Bounds`] write to the same record.
#[derive(Clone)]
pub struct Recorder<'a> {
    began: Instant,
    records: Arc<Mutex<Vec<StageRecord>>>,
    conversations: Arc<Mutex<Vec<(Dialled, Transcript)>>>,
    veil: Arc<Veil>,
    tokens: Tokens,
    listener: &'a dyn Listener,
    bounds: Bounds,
}

impl<'a> Recorder<'a> {
    /// A recorder whose time begins now.
    pub fn new(bounds: Bounds, listener: &'a dyn Listener) -> Recorder<'a> {
        let began = Instant::now();
        let (records, conversations, veil, tokens) = Default::default();
        Recorder { began, records, conversations, veil, tokens, listener, bounds }
    }

    /// A recorder that keeps these secrets out of everything it records.
    pub fn veiled(self, veil: Veil) -> Recorder<'a> {
        Recorder { veil: Arc::new(veil), ..self }
    }

    /// The same record, other bounds.
    pub fn bounded(&self, bounds: Bounds) -> Recorder<'a> {
        Recorder { bounds, ..self.clone() }
    }

    /// The same bounds, but nobody is told, and nothing is kept: for a step within a stage that is one by itself elsewhere.
    pub fn aside(&self) -> Recorder<'static> {
        Recorder { records: Arc::default(), listener: &(), ..self.clone() }
    }

    /// A transcript for a new connection, which ends up among the [`Recorder::conversations`].
    pub fn transcript(&self, leg: Leg, protocol: Protocol, account: &str) -> Transcript {
        let transcript = Transcript::default();
        let dialled = Dialled { leg, protocol, account: account.to_owned() };
        lock(&self.conversations).push((dialled, transcript.clone()));
        transcript
    }

    /// What was said on each connection so far.
    pub fn conversations(&self) -> Vec<Conversation> {
        let line = |transcript::Line { at, side, mut text }| {
            self.veil.cover(&mut text);
            Line { seconds: at.saturating_duration_since(self.began.into_std()).as_secs_f64(), side, text }
        };
        let conversation = |(dialled, transcript): &(Dialled, Transcript)| Conversation {
            leg: dialled.leg,
            protocol: dialled.protocol,
            account: dialled.account.clone(),
            lines: transcript.lines().into_iter().map(line).collect(),
        };
        lock(&self.conversations).iter().map(conversation).collect()
    }

    /// Keeps this access token out of everything that is recorded from now on.
    pub fn conceal(&self, token: &Secret) {
        self.veil.add(token);
    }

    /// The access tokens of the run.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Tells the listener.
    pub fn announce(&self, event: Event<'_>) {
        self.listener.on(event);
    }

    /// What stages are bounded by.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Does the work of a stage within the usual limit, and records how it ended.
    ///
    /// # Errors
    /// [`Halted`]: the failure is on record.
    pub async fn stage<T>(
        &self,
        at: At,
        account: &str,
        work: impl AsyncFnOnce(&mut Seen) -> Result<T, Failure>,
    ) -> Result<T, Halted> {
        self.stage_within(at, account, self.bounds.stage, Seen::default(), work).await
    }

    /// The same with a limit of its own; the deadline of the run holds all the same. `seen` is what can be said before
    /// the stage has begun.
    ///
    /// # Errors
    /// [`Halted`]: the failure is on record.
    pub async fn stage_within<T>(
        &self,
        at: At,
        account: &str,
        limit: Duration,
        mut seen: Seen,
        work: impl AsyncFnOnce(&mut Seen) -> Result<T, Failure>,
    ) -> Result<T, Halted> {
        let began = Instant::now();
        let until = (began + limit).min(self.bounds.deadline);
        let short = until < began + limit;
        let limit = until.saturating_duration_since(began);
        self.listener.on(Event::Began { at, account, limit });
        // `timeout_at`, since a bare timer in here never fires once `work` has used up the task's budget, which a
        // server that never stops talking makes it do each time.
        let work = timeout_at(until, work(&mut seen));
        let result = tokio::select! {
            biased;
            () = self.bounds.stop.requested(self.bounds.reach) => Err(Failure::new(Kind::Interrupted)),
            result = work => result.unwrap_or_else(|_| {
                Err(Failure::new(Kind::Timeout { limit_seconds: limit.as_secs_f64() }))
            }),
        };
        let result = result.map_err(|failure| match (&failure.kind, seen.if_silent.take()) {
            (Kind::Timeout { .. }, Some(kind)) => {
                Failure { kind, ..failure }.detail(format!("no answer within {:.1} s", limit.as_secs_f64()))
            }
            // Not where `work` itself has lost patience, within a shorter limit of its own.
            (Kind::Timeout { limit_seconds }, None)
                if short && *limit_seconds == limit.as_secs_f64() && failure.detail.is_none() =>
            {
                failure.detail("that was all that was left of the whole run's time")
            }
            _ => failure,
        });
        let (result, status) = match result {
            Ok(value) => (Ok(value), Status::Passed),
            Err(failure) => {
                seen.concerns.append(&mut seen.unless_done);
                let skip = |failure| Skip::Inconclusive { failure: Box::new(failure) };
                (Err(Halted), if seen.beside { Status::Skipped(skip(failure)) } else { Status::Failed(failure) })
            }
        };
        let span = Some(Span { began: in_micros(began - self.began), took: in_micros(began.elapsed()) });
        let Seen { facts, concerns, .. } = seen;
        self.put(StageRecord { at, account: account.to_owned(), span, facts, concerns, status });
        result
    }

    /// Records that a stage is left out.
    pub fn skip(&self, at: At, account: &str, why: Skip) {
        let status = Status::Skipped(why);
        let account = account.to_owned();
        self.put(StageRecord { at, account, span: None, facts: Vec::new(), concerns: Vec::new(), status });
    }

    /// The failure that was recorded last.
    pub fn last_failure(&self) -> Option<(At, Failure)> {
        let records = lock(&self.records);
        records.iter().rev().find_map(|record| match &record.status {
            Status::Failed(failure) => Some((record.at, failure.clone())),
            _ => None,
        })
    }

    /// All stages in the plan's order; those that were never reached are skipped, with the reason, and told of now.
    pub fn finish(self, plan: &Plan) -> Vec<StageRecord> {
        let records = std::mem::take(&mut *lock(&self.records));
        let reached: Vec<(At, String)> = records.iter().map(|record| (record.at, record.account.clone())).collect();
        let all = plan.complete(records, self.bounds.stop.is_requested(Reach::Journey));
        let is_reached =
            |record: &&StageRecord| reached.iter().any(|(at, name)| (at, name) == (&record.at, &record.account));
        all.iter().filter(|record| !is_reached(record)).for_each(|record| self.listener.on(Event::Ended(record)));
        all
    }

    fn put(&self, mut record: StageRecord) {
        self.veil.cover_record(&mut record);
        self.listener.on(Event::Ended(&record));
        lock(&self.records).push(record);
    }
}

/// A record is whole at every moment, so that a panic elsewhere does not spoil it.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As exact as a report is, so that what is derived from an outcome is the same when it is read back.
fn in_micros(time: Duration) -> Duration {
    Duration::new(time.as_secs(), time.subsec_micros() * 1000)
}
