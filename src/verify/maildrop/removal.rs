//! Taking the probe out again: DELE of what was just read, and QUIT, without which nothing is deleted.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use crate::failure::{Failure, Kind};
use crate::outcome::{Concern, Fact};
use crate::probe::leftover::Leftover;
use crate::stage::Leg;
use crate::verify::recorder::{Recorder, Seen};
use crate::wire::pop3::Pop3;

use super::search::Hit;
use super::{INBOX, Maildrop, NoSession};

/// Time that is kept at the end to say how it ended.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The pauses while the mailbox is locked; at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));

pub(in crate::verify) const NOTHING_WITHOUT_QUIT: &str =
    "the session ended before the server had answered QUIT, and without QUIT POP3 deletes nothing";

pub(in crate::verify) const GONE_OR_NOT: &str =
    "the session ended before the server had answered QUIT, at which POP3 deletes: the message may be gone or not";

/// How far a session has got.
#[derive(Default)]
struct Progress {
    signed_in: bool,
    /// Marked to be deleted, and nothing more until QUIT.
    marked: Vec<Hit>,
    /// QUIT has been said: from then on it is the server's answer that tells whether what was marked is gone.
    asked: bool,
    /// Refused, with the server's words.
    left: Vec<(Hit, String)>,
}

impl Maildrop<'_> {
    /// Removes every message whose header `is_it`, of those that have come since the baseline, and says how many there
    /// were; and what is left of an `earlier` verification, as far as it is looked at, too. A session that is lost
    /// before its QUIT is answered has deleted nothing; then one more is tried.
    ///
    /// # Errors
    /// When no session is to be had, or the second is lost as well; what may be left is among the concerns then.
    pub async fn remove(
        &mut self,
        is_it: impl Fn(&[u8]) -> bool,
        earlier: impl Fn(&[u8]) -> Option<Leftover>,
        recorder: &Recorder<'_>,
        seen: &mut Seen,
    ) -> Result<usize, Failure> {
        let wanted = |header: &[u8]| is_it(header) || earlier(header).is_some();
        let earlier = |hit: &Hit| earlier(&hit.header).filter(|_| !is_it(&hit.header));
        let until = recorder.bounds().deadline - LAST_WORDS;
        let mut first = Progress::default();
        let Err(failure) = self.try_to_remove(&wanted, &mut first, until, recorder).await else {
            return Ok(first.tell(earlier, seen));
        };
        let mut second = Progress::default();
        let again = match first.signed_in {
            true => self.try_to_remove(&wanted, &mut second, until, recorder).await,
            false => Err(failure),
        };
        match again {
            Ok(()) => {
                if !first.marked.is_empty() && second.all().next().is_some() {
                    seen.fact(Fact::RemovedAgain { why: NOTHING_WITHOUT_QUIT.to_owned() });
                }
                // What is not there any more was deleted after all: only the answer to QUIT was lost.
                let found = |hit: &Hit| second.all().any(|other| other.unique_id == hit.unique_id);
                first.marked.retain(|hit| !found(hit));
                Ok(first.tell_marked(earlier, seen) + second.tell(earlier, seen))
            }
            Err(failure) => {
                let last = if second.marked.is_empty() { first } else { second };
                last.tell_lost(&failure, seen);
                Err(failure)
            }
        }
    }

    /// One session, with half of the time that is left once it is signed in.
    async fn try_to_remove(
        &mut self,
        is_it: &impl Fn(&[u8]) -> bool,
        progress: &mut Progress,
        until: Instant,
        recorder: &Recorder<'_>,
    ) -> Result<(), Failure> {
        let held = self.held.take();
        let pop3 = match held {
            Some(pop3) => pop3,
            None => self.session_by(until, recorder).await?,
        };
        progress.signed_in = true;
        let half = until.saturating_duration_since(Instant::now()) / 2;
        let silent = |_| Failure::new(Kind::Timeout { limit_seconds: half.as_secs_f64() });
        timeout(half, self.delete(pop3, is_it, progress)).await.map_err(silent)?
    }

    async fn delete(
        &self,
        mut pop3: Pop3,
        is_it: &impl Fn(&[u8]) -> bool,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let (mut hits, now) = self.baseline.search(&mut pop3, is_it, &mut HashSet::new()).await?;
        if self.looks_back {
            hits.append(&mut now.search_the_last(&mut pop3, is_it, &hits).await?);
        }
        for hit in hits {
            match pop3.delete(hit.number).await {
                Ok(()) => progress.marked.push(hit),
                Err(failure) if is_refusal(&failure) => progress.left.push((hit, failure.why())),
                Err(failure) => {
                    progress.marked.push(hit);
                    return Err(failure);
                }
            }
        }
        progress.asked = true;
        match pop3.quit().await {
            // RFC 1939 §6: some or none of the messages were removed.
            Err(failure) if is_refusal(&failure) => {
                let why = failure.why();
                progress.left.extend(progress.marked.drain(..).map(|hit| (hit, why.clone())));
                Ok(())
            }
            // Where nothing was marked, nothing hangs on the answer.
            Err(_) if progress.marked.is_empty() => Ok(()),
            result => result,
        }
    }

    /// A session, as soon as the server lets us in.
    async fn session_by(&mut self, until: Instant, recorder: &Recorder<'_>) -> Result<Pop3, Failure> {
        let left = until.saturating_duration_since(Instant::now());
        let last = until - left.min(Duration::from_secs(2)).min(left / 2);
        let mut due = self.welcome();
        let mut pause = PAUSE.0;
        loop {
            sleep_until(due.min(last)).await;
            let now = Instant::now();
            let left = until.saturating_duration_since(now);
            let silent = |_| NoSession::Failed(Failure::new(Kind::Timeout { limit_seconds: left.as_secs_f64() }));
            match timeout(left, self.session(Leg::Cleanup, recorder)).await.map_err(silent) {
                Ok(Ok(pop3)) => return Ok(pop3),
                Ok(Err(NoSession::TurnedAway(_))) if now < last => due = Instant::now() + pause,
                Ok(Err(NoSession::TurnedAway(failure) | NoSession::Failed(failure)))
                | Err(NoSession::TurnedAway(failure) | NoSession::Failed(failure)) => return Err(failure),
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }
}

impl Progress {
    fn all(&self) -> impl Iterator<Item = &Hit> {
        self.marked.iter().chain(self.left.iter().map(|(hit, _)| hit))
    }

    /// QUIT was answered by consent: what was marked is gone. How many of them were not of an earlier verification.
    fn tell(self, earlier: impl Fn(&Hit) -> Option<Leftover>, seen: &mut Seen) -> usize {
        let mut ours = 0;
        for (hit, why) in &self.left {
            match earlier(hit) {
                Some(leftover) => seen.fact(leftover.fact(INBOX, None, false)),
                None => ours += 1,
            }
            seen.concern(left_behind(hit, why));
        }
        ours + self.tell_marked(earlier, seen)
    }

    /// The session was lost. Before QUIT that leaves everything where it was; afterwards either may be so, for the server
    /// may have deleted the messages and only its answer be lost.
    fn tell_lost(&self, failure: &Failure, seen: &mut Seen) {
        match self.marked.as_slice() {
            [] => seen.concern(Concern::NotLookedInto { folder: INBOX.to_owned(), why: failure.why() }),
            _ if self.asked => {
                seen.concern(Concern::NotLookedInto { folder: INBOX.to_owned(), why: GONE_OR_NOT.to_owned() });
            }
            marked => marked.iter().for_each(|hit| seen.concern(left_behind(hit, NOTHING_WITHOUT_QUIT))),
        }
    }

    fn tell_marked(&self, earlier: impl Fn(&Hit) -> Option<Leftover>, seen: &mut Seen) -> usize {
        let mut ours = 0;
        for hit in &self.marked {
            match earlier(hit) {
                Some(leftover) => seen.fact(leftover.fact(INBOX, None, true)),
                None => {
                    ours += 1;
                    seen.fact(Fact::Removed { folder: INBOX.to_owned(), uid: None });
                }
            }
        }
        ours
    }
}

fn left_behind(hit: &Hit, why: &str) -> Concern {
    let id = hit.unique_id.as_ref().map_or(String::new(), |id| format!(" (its unique id: {id})"));
    Concern::LeftBehind { folder: INBOX.to_owned(), uid: None, why: format!("{why}{id}") }
}

fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::Refused { .. })
}
