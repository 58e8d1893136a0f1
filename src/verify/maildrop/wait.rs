//! Waiting for a message: one session a look, no more often than the server wants, and patiently where somebody else has
//! the mailbox open.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::failure::{Failure, Kind};
use crate::outcome::{Fact, Noticed};
use crate::stage::Leg;
use crate::verify::arrival::{Sending, until_over, until_taken};
use crate::verify::recorder::{Recorder, Seen};

use super::search::Mark;
use super::{Found, Maildrop, NoSession, leave};

/// The pauses between looks, in milliseconds; the last one from then on.
const PAUSES: [u64; 6] = [500, 1000, 2000, 5000, 5000, 10_000];

/// From this look on it counts as polling.
const POLLING: usize = 4;

/// The same while the mailbox is locked.
const PATIENT_PAUSES: [u64; 5] = [1000, 2000, 4000, 8000, 10_000];

/// How long the first look waits for the server to take the message, once it has left.
const MOMENT: Duration = Duration::from_secs(1);

/// How long the last look may take.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// How long to wait, and for what else.
#[derive(Debug)]
pub struct Wait {
    /// How far the submission has got; something must have left.
    pub sending: watch::Receiver<Sending>,
    /// When the last look begins.
    pub until: Instant,
    /// How long one look may take.
    pub patience: Duration,
    /// Turns true when the wait is of no more use; a look that has begun is finished.
    pub over: watch::Receiver<bool>,
}

/// What is known so far.
struct Looks {
    began: Instant,
    mark: Mark,
    looked_at: HashSet<String>,
    /// How many came to a result, since the message was taken.
    done: usize,
    /// When the last one began that came to a result.
    missed: Instant,
    /// How many were turned away, in all and since the last one that was let in.
    away: u32,
    away_since: usize,
}

impl Maildrop<'_> {
    /// Waits until a message is there whose header `is_it`; `None` when it is not by the end of the wait, or the wait is
    /// over.
    ///
    /// # Errors
    /// [`Kind::LockedOut`] when the mailbox was locked to the end; what else a session can fail from.
    pub async fn wait_for(
        &mut self,
        is_it: impl Fn(&[u8]) -> bool,
        mut wait: Wait,
        recorder: &Recorder<'_>,
        seen: &mut Seen,
    ) -> Result<Option<Found>, Failure> {
        if let Some(held) = self.held.take() {
            self.leaving = Some(leave(held)); // it shows nothing new
        }
        let mut looks = Looks::new(self.baseline.clone());
        let mut taken = *wait.sending.borrow() == Sending::Taken;
        let mut due = looks.began + if taken { Duration::ZERO } else { MOMENT };
        loop {
            let next = due.max(self.welcome()).min(wait.until);
            tokio::select! {
                biased;
                () = until_taken(&mut wait.sending), if !taken => {
                    taken = true;
                    looks.done = 0;
                    due = Instant::now();
                    continue;
                }
                () = until_over(&mut wait.over) => return Ok(None),
                () = sleep_until(next) => {}
            }
            let began = Instant::now();
            let refusal = match self.look_within(&wait, &is_it, &mut looks, recorder).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => looks.nothing(began),
                Err(NoSession::TurnedAway(failure)) => Some(looks.turned_away(failure, seen)),
                // The run's own time was over in the last look: the looks before it have told what there is to tell.
                Err(NoSession::Failed(Failure { kind: Kind::Timeout { .. }, .. }))
                    if began >= wait.until && looks.done > 0 =>
                {
                    return Ok(None);
                }
                Err(NoSession::Failed(failure)) => return Err(failure),
            };
            if began >= wait.until {
                return refusal.map_or(Ok(None), |failure| Err(looks.locked_out(failure)));
            }
            due = Instant::now() + looks.pause();
        }
    }

    /// A look that has an end.
    async fn look_within(
        &mut self,
        wait: &Wait,
        is_it: &impl Fn(&[u8]) -> bool,
        looks: &mut Looks,
        recorder: &Recorder<'_>,
    ) -> Result<Option<Found>, NoSession> {
        let limit = wait.patience.min((wait.until + LAST_LOOK).saturating_duration_since(Instant::now()));
        let silent = |_| NoSession::Failed(Failure::new(Kind::Timeout { limit_seconds: limit.as_secs_f64() }));
        timeout(limit, self.look(is_it, looks, recorder)).await.map_err(silent)?
    }

    /// One session: what is new, and if it is there, all of it.
    async fn look(
        &mut self,
        is_it: &impl Fn(&[u8]) -> bool,
        looks: &mut Looks,
        recorder: &Recorder<'_>,
    ) -> Result<Option<Found>, NoSession> {
        let mut pop3 = self.session(Leg::Delivery, recorder).await?;
        let failed = NoSession::Failed;
        let (hits, now) = looks.mark.search(&mut pop3, is_it, &mut looks.looked_at).await.map_err(failed)?;
        let Some(hit) = hits.first().cloned() else {
            looks.mark = now;
            self.leaving = Some(leave(pop3));
            return Ok(None);
        };
        let message = pop3.whole(hit.number).await.map_err(failed)?;
        match pop3.login_delay {
            Some(_) => self.held = Some(pop3),
            None => self.leaving = Some(leave(pop3)),
        }
        Ok(Some(Found {
            number: hit.number,
            unique_id: hit.unique_id,
            message,
            copies: hits.len(),
            noticed: if looks.done < POLLING { Noticed::Asked } else { Noticed::Polled },
            earlier_by_at_most: looks.missed.elapsed(),
        }))
    }
}

impl Looks {
    fn new(mark: Mark) -> Looks {
        let began = Instant::now();
        Looks { began, mark, looked_at: HashSet::new(), done: 0, missed: began, away: 0, away_since: 0 }
    }

    fn nothing(&mut self, began: Instant) -> Option<Failure> {
        self.done += 1;
        self.missed = began;
        self.away_since = 0;
        None
    }

    /// Notes it at once, so that it is known when the wait is cut off.
    fn turned_away(&mut self, failure: Failure, seen: &mut Seen) -> Failure {
        self.away += 1;
        self.away_since += 1;
        seen.facts.retain(|fact| !matches!(fact, Fact::TurnedAway { .. }));
        let reply = failure.reply.as_deref().cloned().unwrap_or_default();
        seen.fact(Fact::TurnedAway { times: self.away, reply });
        failure
    }

    /// To the end: whether it has arrived is not known.
    fn locked_out(&self, failure: Failure) -> Failure {
        let waited_seconds = self.began.elapsed().as_secs_f64();
        let looked = match self.missed == self.began {
            true => "the mailbox could not be looked into once after the message had left".to_owned(),
            false => {
                let last = (self.missed - self.began).as_secs_f64();
                format!("the mailbox was last looked into {last:.1} s after the message had left")
            }
        };
        Failure { kind: Kind::LockedOut { times: self.away, waited_seconds }, ..failure }.detail(looked)
    }

    fn pause(&self) -> Duration {
        let (pauses, step): (&[u64], _) = match self.away_since {
            0 => (&PAUSES, self.done - 1),
            times => (&PATIENT_PAUSES, times - 1),
        };
        Duration::from_millis(pauses[step.min(pauses.len() - 1)])
    }
}
