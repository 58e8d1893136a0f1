//! One verification: travel, then always clean up.

pub mod arrival;
pub mod cleanup;
pub mod dial;
mod folder;
pub mod mailbox;
pub mod plan;
pub mod recorder;
pub mod sent;
pub mod stop;
pub mod veil;

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::account::{Account, Endpoint, Protocol};
use crate::check::{Check, Junk, Sent};
use crate::failure::{Failure, Kind, Skip};
use crate::outcome::{Concern, Fact, Outcome, Role, SCHEMA, Server};
use crate::probe::{self, Probe};
use crate::stage::{At, Leg, Stage};
use crate::wire::imap::Greeted;
use crate::wire::smtp::{self, Smtp};
use arrival::{Found, Sending};
use dial::Dial;
use mailbox::{Baseline, Mailbox, Wanted};
use plan::Plan;
use recorder::{Bounds, Halted, Listener, Recorder, Seen};
use stop::{Reach, Stop};
use veil::Veil;

/// No run takes longer, whatever its limits say: a clock cannot be asked for any time in the future.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Verifies a check. Whatever happens on the network is the outcome, which is complete within the check's time limit.
///
/// `stop` ends the journey early, and, asked for twice, the clean-up too; `listener` is told of every stage as it happens.
pub async fn run(check: &Check, stop: &Stop, listener: &dyn Listener) -> Outcome {
    let began = Timestamp::now();
    let limits = &check.settings().limits;
    let start = Instant::now();
    let total = limits.total.min(LONGEST);
    let reserve = limits.cleanup.min(total / 2);
    let journey = Bounds {
        stage: limits.stage.min(LONGEST),
        deadline: start + total - reserve,
        stop: stop.clone(),
        reach: Reach::Journey,
    };
    let recorder = Recorder::new(journey, listener).veiled(Veil::of(check));
    let plan = Plan::of(check);
    let tag = match Probe::compose(check.from(), check.to()) {
        Ok(probe) => {
            let mut voyage = Voyage::new(check, &probe);
            let _ = voyage.travel(&recorder).await; // where it ended is on record
            let until = (Instant::now() + reserve).min(start + total);
            let cleanup = Bounds { stage: reserve, deadline: until, stop: stop.clone(), reach: Reach::Cleanup };
            voyage.clean_up(&recorder.bounded(cleanup)).await;
            probe.tag().to_owned()
        }
        Err(why) => {
            let at = At::new(Leg::Submission, Stage::Submit, Protocol::Smtp);
            let failure = Failure::new(Kind::Local).detail(why);
            let _ = recorder.stage::<()>(at, &check.from().name, async |_| Err(failure)).await;
            String::new()
        }
    };
    Outcome {
        schema: SCHEMA,
        check: check.name().to_owned(),
        from: check.from().address.to_string(),
        to: check.to().address.to_string(),
        began,
        seconds: recorder.elapsed(),
        tag,
        servers: servers(check),
        conversations: if check.settings().transcript { recorder.conversations() } else { Vec::new() },
        stages: recorder.finish(&plan),
    }
}

fn servers(check: &Check) -> Vec<Server> {
    let server = |account: &Account, protocol, endpoint: &Endpoint| Server {
        account: account.name.clone(),
        protocol,
        host: endpoint.host.clone(),
        port: endpoint.port,
        security: endpoint.security,
        username: endpoint.credentials.username.clone(),
    };
    let mut servers = vec![
        server(check.from(), Protocol::Smtp, check.submission()),
        server(check.to(), Protocol::Imap, check.mailbox()),
    ];
    servers.extend(plan::sender_mailbox(check).map(|endpoint| server(check.from(), Protocol::Imap, endpoint)));
    servers
}

/// A mailbox that takes part: the session while there is one, and the folders as they were.
///
/// A session that failed or was cut off in the middle of a command is dropped where that happened, and never used again.
struct Berth<'a> {
    account: &'a Account,
    endpoint: &'a Endpoint,
    leg: Leg,
    wanted: Wanted,
    session: Option<Mailbox>,
    baseline: Option<Baseline>,
}

/// The journey of one probe.
struct Voyage<'a> {
    check: &'a Check,
    probe: &'a Probe,
    receiver: Berth<'a>,
    /// The sender's mailbox, where it is another one.
    sender: Option<Berth<'a>>,
    /// The message has left: whatever the server said, it may arrive.
    left: bool,
}

impl<'a> Voyage<'a> {
    fn new(check: &'a Check, probe: &'a Probe) -> Voyage<'a> {
        let sent = check.settings().sent != Sent::Off;
        let other = plan::sender_mailbox(check);
        let own = check.from().name == check.to().name;
        let berth =
            |account, endpoint, leg, wanted| Berth { account, endpoint, leg, wanted, session: None, baseline: None };
        let receiver = berth(check.to(), check.mailbox(), Leg::Delivery, Wanted { junk: true, sent: sent && own });
        let sender = other.map(|endpoint| berth(check.from(), endpoint, Leg::Sent, Wanted { junk: false, sent: true }));
        Voyage { check, probe, receiver, sender, left: false }
    }

    /// The way of the probe: out, in, and its copy. Nothing is submitted before the mailbox is watched.
    async fn travel(&mut self, recorder: &Recorder<'_>) -> Result<(), Halted> {
        let submission = Dial {
            leg: Leg::Submission,
            protocol: Protocol::Smtp,
            account: self.check.from(),
            endpoint: self.check.submission(),
        };
        let (smtp, receiver, _) =
            tokio::join!(dial::open::<Smtp>(submission, recorder), self.receiver.open(recorder), async {
                match &mut self.sender {
                    Some(sender) => sender.open(recorder).await,
                    None => Ok(()),
                }
            },);
        let (smtp, ()) = (smtp?, receiver?);
        let arrived = self.submit_and_await(smtp, recorder).await?;
        if let Ok(found) = arrived {
            let _ = self.inspect(found, recorder).await;
        }
        self.sent_copy(recorder).await
    }

    /// Submits the probe and waits for it at the same time. What is known at the end: whether it was submitted, and
    /// where it arrived.
    async fn submit_and_await(&mut self, smtp: Smtp, recorder: &Recorder<'_>) -> Result<Result<Found, Halted>, Halted> {
        let (sending, progress) = watch::channel(Sending::NotYet);
        let (check, probe) = (self.check, self.probe);
        let until = recorder.bounds().deadline - after_arrival(recorder);
        let submit = async {
            let result = submit(smtp, check, probe, &sending, until, recorder).await;
            let uncertain = *sending.borrow() == Sending::Left;
            if !uncertain && result.is_err() {
                sending.send_replace(Sending::Refused);
            }
            result
        };
        let arrival = self.receiver.arrival(check, probe, progress.clone(), until, recorder);
        let (submitted, arrived) = tokio::join!(submit, arrival);
        self.left = !matches!(*progress.borrow(), Sending::NotYet | Sending::Refused);
        match arrived {
            Some(arrived) => Ok(arrived),
            None => submitted.map(|()| Err(Halted)),
        }
    }

    /// Reads the probe back.
    async fn inspect(&mut self, found: Found, recorder: &Recorder<'_>) -> Result<(), Halted> {
        let probe = self.probe;
        let at = At::new(Leg::Delivery, Stage::Inspect, Protocol::Imap);
        let name = &self.receiver.account.name;
        recorder
            .stage(at, name, async |seen| {
                let (session, baseline) = self.receiver.parts()?;
                let folder = match (found.role, &baseline.junk) {
                    (Role::Junk, Some(junk)) => junk,
                    _ => &baseline.inbox,
                };
                let mut mailbox = session.take().ok_or_else(gone)?;
                let received = mailbox.whole(folder, found.uid).await?;
                *session = Some(mailbox);
                let trace = probe::trace(&received);
                match probe.same_body(&received) {
                    Some(bytes) => {
                        seen.fact(Fact::Identical { bytes });
                        seen.facts.extend(trace);
                        Ok(())
                    }
                    None => {
                        seen.facts.extend(trace);
                        Err(Failure::new(Kind::Altered))
                    }
                }
            })
            .await
    }

    /// The sender's copy, in the mailbox that is open already, or in the sender's own.
    async fn sent_copy(&mut self, recorder: &Recorder<'_>) -> Result<(), Halted> {
        let at = At::new(Leg::Sent, Stage::Copy, Protocol::Imap);
        let (check, probe) = (self.check, self.probe);
        let (name, mode) = (&check.from().name, check.settings().sent);
        let own = check.from().name == check.to().name;
        let berth = if own { Some(&mut self.receiver) } else { self.sender.as_mut() };
        let Some(berth) = berth.filter(|_| mode != Sent::Off) else {
            let why = if mode == Sent::Off { Skip::TurnedOff } else { Skip::NothingToDo };
            recorder.skip(at, name, why);
            return Ok(());
        };
        // Where what failed has used up all the time, nothing can be said of the copy.
        let late = Instant::now() >= recorder.bounds().deadline && recorder.last_failure().is_some();
        if berth.baseline.is_none() || late {
            return Err(Halted);
        }
        berth.reopen(recorder).await?;
        let Bounds { stage, deadline, .. } = recorder.bounds();
        let patience = deadline.saturating_duration_since(Instant::now()).min(*stage) * 3 / 4;
        recorder
            .stage(at, name, async |seen| {
                let (session, baseline) = berth.parts()?;
                let mut mailbox = session.take().ok_or_else(gone)?;
                let folders = &check.from().folders;
                let result = sent::copy(&mut mailbox, baseline, folders, mode, probe, patience, seen).await;
                if result.as_ref().err().is_none_or(in_step) {
                    *session = Some(mailbox);
                }
                result
            })
            .await
    }

    /// Takes out what was left behind, in each mailbox that may hold something, at the same time: one that does not
    /// answer must not use up the other one's time.
    async fn clean_up(self, recorder: &Recorder<'_>) {
        let Voyage { check, probe, receiver, sender, left } = self;
        let keep = check.settings().keep;
        let sender = async {
            if let Some(sender) = sender {
                sender.clean_up(probe, left, keep, recorder).await;
            }
        };
        tokio::join!(receiver.clean_up(probe, left, keep, recorder), sender);
    }
}

/// How much of the journey's time is kept for what comes after the arrival.
fn after_arrival(recorder: &Recorder<'_>) -> Duration {
    let left = recorder.bounds().deadline.saturating_duration_since(Instant::now());
    (left / 5).min(Duration::from_secs(10))
}

/// MAIL, RCPT, DATA, the message. Once its last dot has left, what is not answered is uncertain. It ends by `until`, so
/// that a server that never answers leaves time for the Sent copy.
async fn submit(
    mut smtp: Smtp,
    check: &Check,
    probe: &Probe,
    sending: &watch::Sender<Sending>,
    until: Instant,
    recorder: &Recorder<'_>,
) -> Result<(), Halted> {
    let at = At::new(Leg::Submission, Stage::Submit, Protocol::Smtp);
    let limit = recorder.bounds().stage.min(until.saturating_duration_since(Instant::now()));
    let smtp = recorder
        .stage_within(at, &check.from().name, limit, Seen::default(), async |seen| {
            smtp.envelope(&check.from().address, &check.to().address).await?;
            smtp.send_message(probe.message()).await?;
            seen.if_silent = Some(Kind::Uncertain);
            sending.send_replace(Sending::Left);
            let reply = smtp.message_taken().await.map_err(|failure| match failure.kind {
                Kind::Refused { .. } => {
                    sending.send_replace(Sending::Refused);
                    failure
                }
                _ => Failure { kind: Kind::Uncertain, ..failure },
            })?;
            sending.send_replace(Sending::Taken);
            let queue_id = smtp::queue_id(&reply.text).map(str::to_owned);
            seen.fact(Fact::Accepted { reply, queue_id });
            Ok(smtp)
        })
        .await?;
    tokio::spawn(timeout(Duration::from_secs(5), smtp.quit()));
    Ok(())
}

impl Berth<'_> {
    /// Opens the mailbox and notes what is in it.
    async fn open(&mut self, recorder: &Recorder<'_>) -> Result<(), Halted> {
        let mut mailbox = self.dial(recorder).await?;
        let at = At::new(self.leg, Stage::Baseline, Protocol::Imap);
        let (account, wanted) = (self.account, self.wanted);
        let (mailbox, baseline) = recorder
            .stage(at, &account.name, async |seen| {
                let baseline = mailbox.baseline(&account.folders, wanted).await?;
                let folders = [Some(&baseline.inbox), baseline.junk.as_ref(), baseline.sent.as_ref()];
                seen.facts.extend(folders.into_iter().flatten().map(mailbox::Folder::fact));
                Ok((mailbox, baseline))
            })
            .await?;
        (self.session, self.baseline) = (Some(mailbox), Some(baseline));
        Ok(())
    }

    async fn dial(&self, recorder: &Recorder<'_>) -> Result<Mailbox, Halted> {
        let dial = Dial { leg: self.leg, protocol: Protocol::Imap, account: self.account, endpoint: self.endpoint };
        dial::open::<Greeted>(dial, recorder).await.map(Mailbox::new)
    }

    /// A new session where the old one was lost on the way: unrecorded, as its stages are on record already.
    async fn reopen(&mut self, recorder: &Recorder<'_>) -> Result<(), Halted> {
        if self.session.is_none() {
            self.session = Some(self.dial(&recorder.aside()).await?);
        }
        Ok(())
    }

    /// Takes out what was left behind; there can only be something if the message has `left`.
    async fn clean_up(self, probe: &Probe, left: bool, keep: bool, recorder: &Recorder<'_>) {
        let at = At::new(Leg::Cleanup, Stage::Remove, Protocol::Imap);
        let Berth { account, endpoint, leg, wanted, session, baseline } = self;
        let name = &account.name;
        if !left {
            recorder.skip(at, name, Skip::NothingToDo);
            return session.into_iter().for_each(cleanup::leave);
        }
        let (receives, sent) = (leg == Leg::Delivery, wanted.sent);
        let task = baseline.as_ref().map(|baseline| cleanup::Task { account, endpoint, baseline, receives, sent });
        let unfinished = task.as_ref().filter(|_| !keep).map(cleanup::Task::unfinished).unwrap_or_default();
        let remove = async |seen: &mut Seen| match &task {
            _ if keep => {
                seen.fact(Fact::Kept);
                session.into_iter().for_each(cleanup::leave);
                Ok(())
            }
            None => {
                cleanup::unknown(seen);
                Ok(())
            }
            Some(task) => cleanup::remove(task, session, probe, recorder, seen).await,
        };
        let _ = recorder.stage_within(at, name, recorder.bounds().stage, unfinished, remove).await;
    }

    fn parts(&mut self) -> Result<(&mut Option<Mailbox>, &mut Baseline), Failure> {
        Ok((&mut self.session, self.baseline.as_mut().ok_or_else(gone)?))
    }

    /// Waits for the probe once it has left; `None` if it never left, or was refused.
    async fn arrival(
        &mut self,
        check: &Check,
        probe: &Probe,
        mut progress: watch::Receiver<Sending>,
        until: Instant,
        recorder: &Recorder<'_>,
    ) -> Option<Result<Found, Halted>> {
        let left = progress.wait_for(|sending| *sending != Sending::NotYet).await.ok().map(|sending| *sending)?;
        if left == Sending::Refused {
            return None;
        }
        let mut refused = progress.clone();
        let refused = async move { refused.wait_for(|sending| *sending == Sending::Refused).await.is_ok() };
        let at = At::new(self.leg, Stage::Arrival, Protocol::Imap);
        let began = Instant::now();
        let limit = until.saturating_duration_since(began) + Duration::from_secs(6);
        let (session, baseline) = self.parts().ok()?;
        let name = check.to().name.as_str();
        let patience = recorder.bounds().stage;
        let arrival = recorder.stage_within(at, name, limit, Seen::default(), async |seen| {
            let mut mailbox = session.take().ok_or_else(gone)?;
            let found = arrival::wait_for(&mut mailbox, baseline, probe, progress, until, patience).await?;
            *session = Some(mailbox);
            let waited_seconds = began.elapsed().as_secs_f64();
            let found = found.ok_or_else(|| Failure::new(Kind::NotArrived { waited_seconds }))?;
            note_arrival(found, baseline, check.settings().junk, seen)?;
            Ok(found)
        });
        tokio::select! {
            biased;
            true = refused => None,
            arrived = arrival => Some(arrived),
        }
    }
}

fn note_arrival(found: Found, baseline: &Baseline, junk: Junk, seen: &mut Seen) -> Result<(), Failure> {
    let Found { role, uid, noticed, earlier_by_at_most } = found;
    let folder = match (role, &baseline.junk) {
        (Role::Junk, Some(junk)) => junk.name.clone(),
        _ => baseline.inbox.name.clone(),
    };
    seen.fact(Fact::Arrived {
        folder: folder.clone(),
        uid: Some(uid),
        noticed,
        earlier_by_at_most_seconds: earlier_by_at_most.as_secs_f64(),
    });
    match (role, junk) {
        (Role::Junk, Junk::Critical) => return Err(Failure::new(Kind::InJunk { folder })),
        (Role::Junk, Junk::Warning) => seen.concern(Concern::FoundInJunk { folder }),
        _ => {}
    }
    Ok(())
}

/// Failures after which a session is still in step.
fn in_step(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::Refused { .. } | Kind::NoFolder | Kind::NoCopy)
}

fn gone() -> Failure {
    Failure::new(Kind::ConnectionLost).detail("the connection was lost at an earlier stage")
}
