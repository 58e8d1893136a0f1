//! A mailbox that takes part in a verification, by IMAP or by POP3: opened once, waited in, read, and cleared.
//!
//! A session that failed or was cut off in the middle of a command is dropped where that happened, and never used again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::account::{Account, Protocol};
use crate::check::Settings;
use crate::criteria::Severity;
use crate::failure::{Failure, Kind, Reply, Skip};
use crate::outcome::{Concern, Fact, Role};
use crate::probe::leftover::Signs;
use crate::probe::{self, Probe};
use crate::stage::{At, Leg, Stage};
use crate::verify::arrival::{self, Found, Sending, Waiting, until_over};
use crate::verify::dial::{self, Dial};
use crate::verify::folder::{Folder, Wanted};
use crate::verify::mailbox::{Baseline, Mailbox};
use crate::verify::maildrop::{self, Maildrop};
use crate::verify::quarry::{Catch, Glance, Quarry};
use crate::verify::recorder::{Bounds, Halted, Recorder, Seen};
use crate::verify::{cleanup, plan, quota, sent};
use crate::wire::imap::Greeted;

/// What the last questions may take when the time to wait is over.
const LAST_QUESTIONS: Duration = Duration::from_secs(6);

/// How long a message has to arrive before a report that it could not is looked for by POP3.
const BEFORE_A_REPORT: Duration = Duration::from_secs(2);

/// A mailbox: its session while there is one, and what was in it before anything was sent.
pub struct Berth<'a> {
    /// What it is for.
    pub plan: plan::Berth<'a>,
    session: Option<Mailbox>,
    baseline: Option<Baseline>,
    maildrop: Option<Maildrop<'a>>,
    /// What was waited for here will not come: a report has said so.
    bounced: bool,
}

/// How far the submission has got, and what else is known of the message on its way.
#[derive(Debug, Clone)]
pub struct News {
    /// How far the submission has got.
    pub sending: watch::Receiver<Sending>,
    /// A report came that it could not be delivered.
    pub bounced: watch::Receiver<Option<Reply>>,
    /// Nobody waits for it any more.
    pub over: watch::Receiver<bool>,
}

/// How long an arrival is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The end of the wait at the latest.
    pub until: Instant,
    /// The longest wait from the moment the message leaves.
    pub once_left: Option<Duration>,
}

/// A message that has arrived.
#[derive(Debug)]
pub enum Arrived {
    /// In an IMAP folder.
    Imap(Found),
    /// By POP3, read already.
    Pop3(maildrop::Found),
}

impl<'a> Berth<'a> {
    /// A mailbox that is not open yet.
    pub fn new(plan: plan::Berth<'a>) -> Berth<'a> {
        Berth { plan, session: None, baseline: None, maildrop: None, bounced: false }
    }

    /// Whether it was opened, and what was in it is known.
    pub fn is_open(&self) -> bool {
        self.baseline.is_some() || self.maildrop.is_some()
    }

    fn account(&self) -> &'a Account {
        self.plan.account
    }

    fn at(&self, leg: Leg, stage: Stage) -> At {
        At::new(leg, stage, self.plan.protocol)
    }

    /// Opens the mailbox and notes what is in it.
    ///
    /// # Errors
    /// [`Halted`]: the stage that failed is on record.
    pub async fn open(&mut self, recorder: &Recorder<'_>) -> Result<(), Halted> {
        let plan::Berth { account, endpoint, leg, .. } = self.plan;
        if self.plan.protocol == Protocol::Pop3 {
            self.maildrop = Some(Maildrop::open(account, endpoint, leg, recorder).await?);
            return Ok(());
        }
        let mut mailbox = self.dial(recorder).await?;
        let wanted = Wanted { junk: self.plan.probe || self.plan.answer, sent: self.plan.sent || self.plan.reply_sent };
        let (mailbox, baseline) = recorder
            .stage(self.at(leg, Stage::Baseline), &account.name, async |seen| {
                let baseline = mailbox.baseline(&account.folders, wanted, seen).await?;
                Ok((mailbox, baseline))
            })
            .await?;
        (self.session, self.baseline) = (Some(mailbox), Some(baseline));
        Ok(())
    }

    async fn dial(&self, recorder: &Recorder<'_>) -> Result<Mailbox, Halted> {
        let plan::Berth { account, endpoint, leg, .. } = self.plan;
        let dial = Dial { leg, protocol: Protocol::Imap, account, endpoint };
        dial::open::<Greeted>(dial, recorder).await.map(Mailbox::new)
    }

    /// Waits for a message once it has left; `None` if it never left, or was refused.
    pub async fn arrival(
        &mut self,
        leg: Leg,
        quarry: Quarry<'_>,
        mut news: News,
        patience: Patience,
        junk: Severity,
        recorder: &Recorder<'_>,
    ) -> Option<Result<Arrived, Halted>> {
        let left = news.sending.wait_for(|sending| *sending != Sending::NotYet).await.ok().map(|sending| *sending)?;
        if left == Sending::Refused {
            return None;
        }
        let mut refused = news.sending.clone();
        let refused = async move { refused.wait_for(|sending| *sending == Sending::Refused).await.is_ok() };
        let (at, name) = (self.at(leg, Stage::Arrival), &self.account().name);
        let began = Instant::now();
        let until = patience.once_left.map_or(patience.until, |longest| patience.until.min(began + longest));
        let limit = until.saturating_duration_since(began) + LAST_QUESTIONS;
        let arrival = recorder.stage_within(at, name, limit, Seen::default(), async |seen| {
            let mut bounced = news.bounced.clone();
            let arrived = tokio::select! {
                biased;
                Ok(reply) = bounced.wait_for(Option::is_some) => {
                    let reply = reply.clone().map(Box::new);
                    Err(Failure { reply, ..Failure::new(Kind::Bounced) })
                }
                arrived = self.wait(quarry, &news, until, recorder, seen) => arrived,
            };
            self.bounced = arrived.as_ref().is_err_and(|failure| failure.kind == Kind::Bounced);
            let waited_seconds = began.elapsed().as_secs_f64();
            let Some(arrived) = arrived? else {
                self.look_for_a_reason((until + LAST_QUESTIONS).min(recorder.bounds().deadline), seen).await;
                return Err(Failure::new(Kind::NotArrived { waited_seconds }));
            };
            self.note_arrival(&arrived, waited_seconds, junk, seen)?;
            Ok(arrived)
        });
        tokio::select! {
            biased;
            true = refused => None,
            arrived = arrival => Some(arrived),
        }
    }

    /// Where nothing came, a full mailbox is a reason. It is asked for within half of the time that is left, and where
    /// there is no answer, the session is given up.
    async fn look_for_a_reason(&mut self, until: Instant, seen: &mut Seen) {
        let Some(mut mailbox) = self.session.take() else { return };
        let patience = until.saturating_duration_since(Instant::now()) / 2;
        let quota = match timeout(patience, quota::of(&mut mailbox.imap)).await {
            Ok(Err(failure)) if in_step(&failure) => None,
            Ok(Ok(quota)) => quota,
            Ok(Err(_)) | Err(_) => return,
        };
        seen.facts.extend(quota);
        self.session = Some(mailbox);
    }

    async fn wait(
        &mut self,
        quarry: Quarry<'_>,
        news: &News,
        until: Instant,
        recorder: &Recorder<'_>,
        seen: &mut Seen,
    ) -> Result<Option<Arrived>, Failure> {
        let patience = recorder.bounds().stage;
        if let Some(maildrop) = &mut self.maildrop {
            return wait_by_pop3(maildrop, quarry, news, until, patience, recorder, seen).await;
        }
        self.watch(quarry, news, until, patience, seen).await.map(|found| found.map(Arrived::Imap))
    }

    /// Waits in the session, which stays unless it is lost.
    async fn watch(
        &mut self,
        quarry: Quarry<'_>,
        news: &News,
        until: Instant,
        patience: Duration,
        seen: &mut Seen,
    ) -> Result<Option<Found>, Failure> {
        let mut mailbox = self.session.take().ok_or_else(gone)?;
        let baseline = self.baseline.as_ref().ok_or_else(gone)?;
        let waiting = Waiting { sending: news.sending.clone(), over: news.over.clone(), until, patience };
        let found = arrival::wait_for(&mut mailbox, baseline, quarry, waiting).await;
        let alerts = mailbox.imap.alerts();
        if found.as_ref().err().is_none_or(|failure| failure.kind == Kind::Bounced) {
            self.session = Some(mailbox);
        }
        seen.facts.extend(alerts.into_iter().map(|reply| Fact::Alert { reply }));
        found
    }

    fn note_arrival(
        &self,
        arrived: &Arrived,
        waited_seconds: f64,
        junk: Severity,
        seen: &mut Seen,
    ) -> Result<(), Failure> {
        let found = match arrived {
            Arrived::Pop3(found) => {
                seen.fact(found.fact());
                return Ok(());
            }
            Arrived::Imap(found) => found,
        };
        let folder = self.folder(found).map(|folder| folder.name.clone()).unwrap_or_default();
        seen.fact(Fact::Arrived {
            folder: folder.clone(),
            uid: Some(found.uid),
            noticed: found.noticed,
            earlier_by_at_most_seconds: found.earlier_by_at_most.as_secs_f64(),
        });
        let idle_seconds = found.unannounced.as_ref().map(Duration::as_secs_f64);
        seen.facts.extend(idle_seconds.map(|idle_seconds| Fact::Unannounced { idle_seconds, waited_seconds }));
        match (found.role, junk) {
            (Role::Junk, Severity::Critical) => return Err(Failure::new(Kind::InJunk { folder })),
            (Role::Junk, Severity::Warning) => seen.concern(Concern::FoundInJunk { folder }),
            _ => {}
        }
        Ok(())
    }

    fn folder(&self, found: &Found) -> Option<&Folder> {
        let baseline = self.baseline.as_ref()?;
        match (found.role, &baseline.junk) {
            (Role::Junk, Some(junk)) => Some(junk),
            _ => Some(&baseline.inbox),
        }
    }

    /// Watches, beside all else, for a report that the probe could not be delivered; `None` when the wait is over.
    pub async fn bounce(
        &mut self,
        probe: &Probe,
        news: &News,
        until: Instant,
        recorder: &Recorder<'_>,
    ) -> Option<Reply> {
        let (quarry, patience) = (Quarry::Bounce(probe), recorder.bounds().stage);
        let watched = match &mut self.maildrop {
            Some(maildrop) => look_later(maildrop, quarry, news, until, recorder, &mut Seen::default()).await.map(drop),
            None => self.watch(quarry, news, until, patience, &mut Seen::default()).await.map(drop),
        };
        match watched {
            Err(failure) if failure.kind == Kind::Bounced => failure.reply.map(|reply| *reply),
            _ => None, // where the session is lost, the stages that need it tell so
        }
    }

    /// Reads a message back, and compares it with what was sent, where that is known.
    ///
    /// # Errors
    /// [`Halted`]: the failure is on record.
    pub async fn inspect(
        &mut self,
        leg: Leg,
        arrived: Arrived,
        sent: Option<&Probe>,
        recorder: &Recorder<'_>,
    ) -> Result<(), Halted> {
        let (at, name) = (self.at(leg, Stage::Inspect), &self.account().name);
        recorder
            .stage(at, name, async |seen| {
                let (message, times) = match arrived {
                    Arrived::Imap(found) => self.read(&found, sent).await?,
                    Arrived::Pop3(found) => (found.message, found.copies),
                };
                if times > 1 {
                    seen.concern(Concern::Duplicate { times });
                }
                let trace = probe::trace(&message);
                let compared = sent.map(|sent| sent.compare(&message)).unwrap_or_default();
                let identical = compared.iter().any(|fact| matches!(fact, Fact::Identical { .. }));
                seen.facts.extend(compared);
                seen.facts.extend(trace);
                if sent.is_some() && !identical { Err(Failure::new(Kind::Altered)) } else { Ok(()) }
            })
            .await
    }

    /// The whole message, and how many times it is there.
    async fn read(&mut self, found: &Found, sent: Option<&Probe>) -> Result<(Vec<u8>, usize), Failure> {
        let folder = self.folder(found).cloned().ok_or_else(gone)?;
        let mut mailbox = self.session.take().ok_or_else(gone)?;
        let message = mailbox.whole(&folder, found.uid).await?;
        let times = match sent {
            Some(sent) => mailbox.find(&folder, |header| sent.is(header)).await?.len(),
            None => 1,
        };
        self.session = Some(mailbox);
        Ok((message, times))
    }

    /// The copy of a message that was sent from this account.
    ///
    /// # Errors
    /// [`Halted`]: the failure is on record, or what this depends on is.
    pub async fn copy(
        &mut self,
        leg: Leg,
        settings: &Settings,
        probe: &Probe,
        recorder: &Recorder<'_>,
    ) -> Result<(), Halted> {
        // Where what failed has used up all the time, nothing can be said of the copy.
        let late = Instant::now() >= recorder.bounds().deadline && recorder.last_failure().is_some();
        if self.baseline.is_none() || late {
            return Err(Halted);
        }
        if self.session.is_none() {
            // The old one was lost on the way. Its stages are on record already.
            self.session = Some(self.dial(&recorder.aside()).await?);
        }
        let Bounds { stage, deadline, .. } = recorder.bounds();
        let patience = deadline.saturating_duration_since(Instant::now()).min(*stage) * 3 / 4;
        let (at, account) = (self.at(leg, Stage::Copy), self.account());
        recorder
            .stage(at, &account.name, async |seen| {
                let baseline = self.baseline.as_mut().ok_or_else(gone)?;
                let mut mailbox = self.session.take().ok_or_else(gone)?;
                let result =
                    sent::copy(&mut mailbox, baseline, &account.folders, settings, probe, patience, seen).await;
                if result.as_ref().err().is_none_or(in_step) {
                    self.session = Some(mailbox);
                }
                result
            })
            .await
    }

    /// Takes out what was left behind: `expected` are the messages that have left for here, `sent` those whose copy may be
    /// here; and what the `signs` tell to be of an earlier verification.
    pub async fn clean_up(
        mut self,
        (expected, sent): (Vec<&Probe>, Vec<&Probe>),
        signs: &Signs,
        keep: bool,
        recorder: &Recorder<'_>,
    ) {
        let (at, name) = (self.at(Leg::Cleanup, Stage::Remove), &self.account().name);
        let session = self.session.take();
        if expected.is_empty() && sent.is_empty() {
            recorder.skip(at, name, Skip::NothingToDo);
            return session.into_iter().for_each(cleanup::leave);
        }
        let plan::Berth { account, endpoint, .. } = self.plan;
        let awaited = expected.clone();
        let task = |baseline| cleanup::Task { account, endpoint, baseline, expected, sent, signs };
        let task = self.baseline.as_ref().map(task);
        let unfinished = task.as_ref().filter(|_| !keep).map(cleanup::Task::unfinished).unwrap_or_default();
        let bounced = self.bounced;
        let remove = async |seen: &mut Seen| {
            let removed = match (&task, &mut self.maildrop) {
                _ if keep => {
                    seen.fact(Fact::Kept);
                    session.into_iter().for_each(cleanup::leave);
                    Ok(())
                }
                (Some(task), _) => cleanup::remove(task, session, recorder, seen).await,
                (None, Some(maildrop)) => clear_maildrop(maildrop, &awaited, signs, recorder, seen).await,
                (None, None) => {
                    cleanup::unknown(seen);
                    Ok(())
                }
            };
            seen.concerns.retain(|concern| !bounced || *concern != Concern::MayArrive);
            removed
        };
        let _ = recorder.stage_within(at, name, recorder.bounds().stage, unfinished, remove).await;
    }
}

/// Each look by POP3 is a sign-in, and a message that arrives at once needs none.
async fn look_later(
    maildrop: &mut Maildrop<'_>,
    quarry: Quarry<'_>,
    news: &News,
    until: Instant,
    recorder: &Recorder<'_>,
    seen: &mut Seen,
) -> Result<Option<Arrived>, Failure> {
    let (mut sending, mut over) = (news.sending.clone(), news.over.clone());
    let late_enough = async {
        let _ = sending.wait_for(|sending| *sending != Sending::NotYet).await;
        sleep(BEFORE_A_REPORT).await;
    };
    tokio::select! {
        biased;
        () = until_over(&mut over) => return Ok(None),
        () = late_enough => {}
    }
    wait_by_pop3(maildrop, quarry, news, until, recorder.bounds().stage, recorder, seen).await
}

/// POP3 has no search and no partial read: a message that may be a report is read whole when it is found, and passed over
/// from then on if it is none.
async fn wait_by_pop3(
    maildrop: &mut Maildrop<'_>,
    quarry: Quarry<'_>,
    news: &News,
    until: Instant,
    patience: Duration,
    recorder: &Recorder<'_>,
    seen: &mut Seen,
) -> Result<Option<Arrived>, Failure> {
    let passed_over: Mutex<HashSet<Vec<u8>>> = Mutex::default();
    let passed_over = || passed_over.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let wait = maildrop::Wait { sending: news.sending.clone(), until, patience, over: news.over.clone() };
        let certain = AtomicUsize::new(0);
        let is_it = |header: &[u8]| match quarry.glance(header) {
            Glance::This => {
                certain.fetch_add(1, Ordering::Relaxed);
                true
            }
            Glance::Perhaps => !passed_over().contains(header),
            Glance::No => false,
        };
        let Some(mut found) = maildrop.wait_for(is_it, wait, recorder, seen).await? else { return Ok(None) };
        // What was only worth reading may be somebody else's.
        found.copies = certain.load(Ordering::Relaxed).max(1);
        let header =
            found.message.windows(4).position(|end| end == b"\r\n\r\n").map_or(found.message.len(), |end| end + 4);
        let header = &found.message[..header];
        match (quarry.glance(header), quarry.read(&found.message)) {
            (_, Some(Catch::Bounce(reply))) => {
                return Err(Failure { reply: Some(reply), ..Failure::new(Kind::Bounced) });
            }
            (Glance::This, _) | (_, Some(Catch::Wanted)) => return Ok(Some(Arrived::Pop3(found))),
            _ => passed_over().insert(header.to_vec()),
        };
    }
}

async fn clear_maildrop(
    maildrop: &mut Maildrop<'_>,
    expected: &[&Probe],
    signs: &Signs,
    recorder: &Recorder<'_>,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let is_it = |header: &[u8]| expected.iter().any(|probe| probe.is(header));
    let earlier = |header: &[u8]| signs.read(header).filter(|leftover| !leftover.kept);
    let removed = maildrop.remove(is_it, earlier, recorder, seen).await?;
    if removed == 0 {
        seen.concern(Concern::MayArrive);
    }
    Ok(())
}

/// Failures after which a session is still in step.
fn in_step(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::Refused { .. } | Kind::NoFolder | Kind::NotSelectable { .. } | Kind::NoCopy)
}

fn gone() -> Failure {
    Failure::new(Kind::ConnectionLost).detail("the connection was lost at an earlier stage")
}
