//! Telling others of a run: Healthchecks, Uptime Kuma, ntfy, or whatever takes JSON.
//!
//! What is said is a pure function of the outcomes ([`Target::begin`], [`Target::end`]); how it is sent is here. Whatever
//! becomes of it changes nothing about the run. Nothing that a service answers is repeated: some repeat what they were asked,
//! and that is a secret.

mod healthchecks;
mod kuma;
mod ntfy;
mod run;
mod target;
mod webhook;

use std::fmt;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use crate::diagnose::Verdict;
use crate::failure::{Failure, Kind};
use crate::outcome::Outcome;
use crate::report::words;
use crate::verify::stop::{Reach, Stop};
use crate::wire::http::{self, Answer, Request};

pub use run::Run;
pub use target::{Service, Target};

/// How long telling somebody something may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

impl Target {
    /// What it is told when a run begins, if anything.
    pub fn begin(&self, run: Uuid) -> Option<Request> {
        let request = (self.service == Service::Healthchecks).then(|| healthchecks::begin(&self.url, run));
        request.map(|request| self.authorized(request))
    }

    /// What it is told when a run is over, if anything.
    pub fn end(&self, run: &Run<'_>) -> Option<Request> {
        let is_silent = run.quiet && run.verdict() == Verdict::Ok;
        let request = match self.service {
            Service::Healthchecks => healthchecks::end(&self.url, run),
            Service::Kuma => kuma::end(&self.url, run),
            Service::Webhook if run.news => webhook::end(&self.url, run),
            Service::Ntfy if run.news && !is_silent => ntfy::end(&self.url, run),
            Service::Webhook | Service::Ntfy => return None,
        };
        Some(self.authorized(request))
    }

    fn authorized(&self, request: Request) -> Request {
        match &self.authorization {
            Some(secret) => request.header("authorization", secret.expose()),
            None => request,
        }
    }

    /// Sends it once.
    async fn send(&self, request: &Request, patience: Duration) -> Result<(), String> {
        match timeout(patience, http::send(request, None)).await {
            Ok(Ok(answer)) => self.taken(&answer),
            Ok(Err(failure)) => Err(why(&failure)),
            Err(_) => Err(why(&Failure::new(Kind::Timeout { limit_seconds: patience.as_secs_f64() }))),
        }
    }

    /// Whether the service has taken it.
    fn taken(&self, answer: &Answer) -> Result<(), String> {
        match answer.status {
            200..=299 if self.service == Service::Healthchecks => {
                healthchecks::refusal(answer).map_or(Ok(()), |why| Err(why.to_owned()))
            }
            200..=299 => Ok(()),
            status @ 300..=399 => Err(format!("HTTP status {status}: it leads elsewhere, and that is not followed")),
            status => Err(format!("HTTP status {status}")),
        }
    }
}

/// In a few words. What is no HTTP, or too much of it, is told by the HTTP library or by us, not by the server.
fn why(failure: &Failure) -> String {
    match (&failure.kind, &failure.detail) {
        (Kind::Malformed, Some(detail)) => format!("the answer is not what it should be: {detail}"),
        _ => words::failure(failure),
    }
}

/// Those who are told of a run.
#[derive(Debug)]
pub struct Pushes {
    run: Uuid,
    patience: Duration,
    told: Vec<Told>,
}

#[derive(Debug)]
struct Told {
    target: Target,
    /// Telling it that the run has begun, which ends with this.
    beginning: JoinSet<Result<(), String>>,
}

/// Who was not told, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The service and its host.
    pub whom: String,
    /// What it was not told.
    pub what: &'static str,
    /// The reason.
    pub why: String,
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was not told {}: {}", self.whom, self.what, self.why)
    }
}

const BEGINNING: &str = "that the run began";
const END: &str = "how the run ended";

/// Tells them that a run begins, beside it: nothing waits for that. `patience` is usually [`PATIENCE`].
pub fn start(targets: Vec<Target>, patience: Duration) -> Pushes {
    let run = Uuid::new_v4();
    let told = targets.into_iter().map(|target| {
        let mut beginning = JoinSet::new();
        if let Some(request) = target.begin(run) {
            let target = target.clone();
            beginning.spawn(async move { target.send(&request, patience).await });
        }
        Told { target, beginning }
    });
    Pushes { run, patience, told: told.collect() }
}

impl Pushes {
    /// Tells all of them at the same time how the run has ended, unless that is stopped by a second signal. `news` and `quiet`
    /// are those of [`Run`].
    pub async fn finish(self, outcomes: &[Outcome], news: bool, quiet: bool, stop: &Stop) -> Vec<Untold> {
        let run = Run { id: self.run, outcomes, news, quiet };
        let untold = join_all(self.told.into_iter().map(|told| told.finish(&run, self.patience, stop))).await;
        untold.into_iter().flatten().collect()
    }
}

impl Told {
    async fn finish(self, run: &Run<'_>, patience: Duration, stop: &Stop) -> Vec<Untold> {
        let Told { target, mut beginning } = self;
        let Some(request) = target.end(run) else { return Vec::new() };
        let telling = async {
            // The other way round the service would take the run for one that has just begun.
            let begun = beginning.join_next().await.and_then(Result::ok).unwrap_or(Ok(()));
            (begun, target.send(&request, patience).await)
        };
        let (begun, ended) = tokio::select! {
            biased;
            () = stop.requested(Reach::Cleanup) => (Ok(()), Err("stopped".to_owned())),
            ends = telling => ends,
        };
        // What went wrong twice is told once.
        let begun = if begun == ended { Ok(()) } else { begun };
        let untold = [(BEGINNING, begun), (END, ended)]
            .map(|(what, result)| result.err().map(|why| Untold { whom: target.to_string(), what, why }));
        untold.into_iter().flatten().collect()
    }
}
