//! Who follows a run while it is under way: somebody at a terminal, a program that reads events, or nobody.

use std::sync::Arc;

use mailtrip::batch::{self, Listener, Which};
use mailtrip::check::Check;
use mailtrip::outcome::Outcome;
use mailtrip::report::ndjson::{Event, Of};
use mailtrip::verify::recorder;

use crate::console::Unable;
use crate::live::Live;

use super::reports::Reports;
use super::stream::Stream;

/// Who follows it.
pub enum Audience {
    /// Somebody at a terminal.
    Terminal(Arc<Live>),
    /// A program.
    Program(Arc<Events>),
    /// Nobody.
    Nobody,
}

/// The events of these checks, for a program.
pub struct Events {
    checks: Vec<String>,
    stream: Stream,
}

impl Audience {
    /// By where the reports go. The run begins.
    pub fn of(checks: &[Check], reports: &mut Reports) -> Audience {
        let names: Vec<String> = checks.iter().map(|check| check.name().to_owned()).collect();
        if let Some(stream) = reports.stream() {
            stream.tell(Event::RunBegan(&names.iter().map(String::as_str).collect::<Vec<_>>()));
            return Audience::Program(Arc::new(Events { checks: names, stream }));
        }
        if reports.is_watched() {
            return Audience::Terminal(Arc::new(Live::of(names)));
        }
        Audience::Nobody
    }

    /// Who is told what happens to the checks.
    pub fn listener(&self) -> Arc<dyn Listener> {
        match self {
            Audience::Terminal(live) => live.clone(),
            Audience::Program(events) => events.clone(),
            Audience::Nobody => Arc::new(()),
        }
    }

    /// Shows what is going on while something is waited for.
    pub async fn while_waiting<T>(&self, work: impl Future<Output = T>) -> T {
        match self {
            Audience::Terminal(live) => live.while_doing(work).await,
            Audience::Program(_) | Audience::Nobody => work.await,
        }
    }

    /// A check is over, and this is what it amounts to.
    pub fn done(&self, outcome: &Outcome) {
        if let Audience::Program(events) = self {
            events.stream.tell(Event::CheckEnded(outcome));
        }
    }

    /// All are over.
    ///
    /// # Errors
    /// When not all could be told.
    pub fn finish(&self, outcomes: &[Outcome]) -> Result<(), Unable> {
        let Audience::Program(events) = self else { return Ok(()) };
        events.stream.tell(Event::RunEnded(outcomes));
        events.stream.finish()
    }
}

impl Listener for Events {
    fn on(&self, which: Which, event: batch::Event<'_>) {
        let Some(check) = self.checks.get(which.check) else { return };
        let of = Of { check, attempt: which.attempt };
        match event {
            batch::Event::Began if which.attempt > 1 => {}
            batch::Event::Began => self.stream.tell(Event::CheckBegan(check)),
            batch::Event::Within(recorder::Event::Began { at, account, limit }) => {
                self.stream.tell(Event::StageBegan(of, at, account, Some(limit)));
            }
            batch::Event::Within(recorder::Event::Ended(record)) => self.stream.tell(Event::StageEnded(of, record)),
            batch::Event::Ended(outcome) => self.stream.tell(Event::AttemptEnded(of, outcome)),
            batch::Event::Within(recorder::Event::Composed { .. }) => {}
            batch::Event::Done => {} // what it amounts to is told when that is settled
        }
    }
}
