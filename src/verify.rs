//! One verification: travel, then always clean up.

pub mod arrival;
pub mod berth;
pub mod cleanup;
pub mod clearance;
pub mod dial;
pub mod folder;
pub mod mailbox;
pub mod maildrop;
pub mod plan;
pub mod quarry;
pub mod quota;
pub mod recorder;
pub mod relay;
pub mod sent;
pub mod stop;
mod turn;
pub mod veil;
pub mod visit;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use lettre::Address;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use crate::account::{Account, Endpoint, Protocol};
use crate::check::{Check, Sent};
use crate::criteria::Criteria;
use crate::failure::{Failure, Kind, Skip};
use crate::outcome::{Fact, Outcome, SCHEMA, Server, StageRecord, Status};
use crate::probe::leftover::Signs;
use crate::probe::{Automatic, Probe};
use crate::stage::{At, Leg, Stage};
use crate::wire::smtp::{self, Smtp};
use arrival::Sending;
use berth::{Berth, News, Patience};
use dial::Dial;
use plan::Plan;
use quarry::Quarry;
use recorder::{Bounds, Halted, Listener, Recorder, Seen};
use relay::Scouts;
use stop::{Reach, Stop};
use veil::Veil;

/// No run takes longer, whatever its limits say: a clock cannot be asked for any time in the future.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A message that is younger than this, or than twice the time of the check, may be of a verification under way.
const AN_EARLIER_ONE: Duration = Duration::from_secs(3600);

/// Verifies a check. Whatever happens on the network is the outcome, which is complete within the check's time limit.
///
/// `stop` ends the journey early, and, asked for twice, the clean-up too; `listener` is told of every stage as it happens.
pub async fn run(check: &Check, stop: &Stop, listener: &dyn Listener) -> Outcome {
    let began = Timestamp::now();
    let limits = &check.settings().limits;
    let start = Instant::now();
    let total = limits.total.min(LONGEST);
    let reserve = limits.cleanup.min(total / 2);
    let bounds = Bounds {
        stage: limits.stage.min(LONGEST),
        deadline: start + total - reserve,
        stop: stop.clone(),
        reach: Reach::Journey,
    };
    let recorder = Recorder::new(bounds, listener).veiled(Veil::of(check));
    let plan = Plan::of(check);
    let tag = journey(check, reserve, start + total, &recorder).await;
    Outcome {
        began,
        seconds: recorder.elapsed(),
        tag,
        conversations: if check.settings().transcript { recorder.conversations() } else { Vec::new() },
        ..outcome(check, recorder.finish(&plan))
    }
}

/// The outcome of a verification that was stopped before it began: nothing was connected to.
pub fn not_begun(check: &Check) -> Outcome {
    outcome(check, Plan::of(check).complete(Vec::new(), true))
}

/// The outcome of a verification that went to pieces by a fault of mailtrip itself: what it has seen is lost.
pub fn broken_off(check: &Check, why: &str) -> Outcome {
    let failure = Failure::new(Kind::Local).detail(format!("mailtrip itself broke off: {why}"));
    let record = StageRecord {
        at: At::new(Leg::Submission, Stage::Submit, Protocol::Smtp),
        account: check.from().name.clone(),
        span: None,
        facts: Vec::new(),
        concerns: Vec::new(),
        status: Status::Failed(failure),
    };
    outcome(check, Plan::of(check).complete(vec![record], false))
}

/// An outcome with these stages, that took no time.
fn outcome(check: &Check, stages: Vec<StageRecord>) -> Outcome {
    Outcome {
        schema: SCHEMA,
        check: check.name().to_owned(),
        from: check.from().address.to_string(),
        to: check.to().address().to_string(),
        began: Timestamp::now(),
        seconds: Duration::ZERO,
        tag: String::new(),
        servers: servers(check),
        criteria: check.settings().criteria.clone(),
        earlier: Vec::new(),
        streak: None,
        conversations: Vec::new(),
        stages,
    }
}

/// There and back, and what is asked beside it; the tag of the probe, empty where none could be composed.
async fn journey(check: &Check, reserve: Duration, until: Instant, recorder: &Recorder<'_>) -> String {
    let (probe, reply) = match messages(check) {
        Ok(messages) => messages,
        Err(why) => {
            let at = At::new(Leg::Submission, Stage::Submit, Protocol::Smtp);
            let failure = Failure::new(Kind::Local).detail(why);
            let _ = recorder.stage::<()>(at, &check.from().name, async |_| Err(failure)).await;
            return String::new();
        }
    };
    let (scouts, inquiries) = relay::inquiries(check);
    let voyage = Voyage::new(check, &probe, reply.as_ref(), scouts);
    let (over, ended) = watch::channel(false);
    let there_and_back = async {
        voyage.there_and_back(reserve, until, recorder).await;
        over.send_replace(true);
    };
    tokio::join!(there_and_back, relay::ask_all(inquiries, ended, recorder));
    probe.tag().to_owned()
}

/// The servers that a check uses, without anything secret.
pub fn servers(check: &Check) -> Vec<Server> {
    let submissions = [Some(check.from()), check.to().account().filter(|_| check.settings().reply)];
    let submissions = submissions.into_iter().flatten();
    let submissions = submissions.filter_map(|account| Some((account, Protocol::Smtp, account.smtp.as_ref()?)));
    let berths = plan::berths(check);
    let mailboxes = berths.iter().map(|berth| (berth.account, berth.protocol, berth.endpoint));
    let mut servers: Vec<Server> = Vec::new();
    for (account, protocol, endpoint) in submissions.chain(mailboxes) {
        let server = server(account, protocol, endpoint);
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers
}

/// What was done at one server of an account, where nothing was sent; with when it began, and how long it took.
fn outcome_at(
    account: &Account,
    protocol: Protocol,
    endpoint: &Endpoint,
    (began, seconds): (Timestamp, Duration),
    stages: Vec<StageRecord>,
) -> Outcome {
    Outcome {
        schema: SCHEMA,
        check: account.name.clone(),
        from: account.address.to_string(),
        to: account.address.to_string(),
        began,
        seconds,
        tag: String::new(),
        servers: vec![server(account, protocol, endpoint)],
        criteria: Criteria::default(),
        earlier: Vec::new(),
        streak: None,
        conversations: Vec::new(),
        stages,
    }
}

fn server(account: &Account, protocol: Protocol, endpoint: &Endpoint) -> Server {
    Server {
        account: account.name.clone(),
        protocol,
        host: endpoint.host.clone(),
        port: endpoint.port,
        security: endpoint.security,
        username: endpoint.credentials.username.clone(),
    }
}

/// The probe, and the reply to it where one is wanted.
fn messages(check: &Check) -> Result<(Probe, Option<Probe>), String> {
    let (from, to) = (&check.from().address, check.to().address());
    // No responder answers a message that is marked as automatic.
    let automatic = if check.to().account().is_some() { Automatic::Marked } else { Automatic::Unmarked };
    let probe = Probe::compose(from, to, automatic, check.settings().keep)?;
    let reply = check.settings().reply.then(|| probe.reply(to, from)).transpose()?;
    Ok((probe, reply))
}

/// The journey of one probe, and of its reply.
struct Voyage<'a> {
    check: &'a Check,
    probe: &'a Probe,
    reply: Option<&'a Probe>,
    berths: Vec<Berth<'a>>,
    /// Who wants to know where a server was reached.
    scouts: Scouts,
    /// The probe has left: whatever the server said, it may arrive.
    left: bool,
    /// So has the reply.
    reply_left: bool,
}

/// One direction of the journey.
struct Direction<'a> {
    submission: Leg,
    delivery: Leg,
    from: &'a Account,
    to: &'a Address,
    message: &'a Probe,
    quarry: Quarry<'a>,
    /// What share of the time that is left it may take until it has arrived.
    share: f64,
}

impl<'a> Voyage<'a> {
    fn new(check: &'a Check, probe: &'a Probe, reply: Option<&'a Probe>, scouts: Scouts) -> Voyage<'a> {
        let berths = plan::berths(check).into_iter().map(Berth::new).collect();
        Voyage { check, probe, reply, berths, scouts, left: false, reply_left: false }
    }

    /// The journey, and the clean-up whatever became of it: within the `reserve`, and by `end`.
    async fn there_and_back(mut self, reserve: Duration, end: Instant, recorder: &Recorder<'_>) {
        let _ = self.travel(recorder).await; // where it ended is on record
        let deadline = (Instant::now() + reserve).min(end);
        let stop = recorder.bounds().stop.clone();
        let cleanup = Bounds { stage: reserve, deadline, stop, reach: Reach::Cleanup };
        self.clean_up(&recorder.bounded(cleanup)).await;
    }

    /// The way of the probe: out, in, and its copy; then the reply's way back. Nothing is submitted before the mailboxes
    /// are watched that it is to arrive in.
    async fn travel(&mut self, recorder: &Recorder<'_>) -> Result<(), Halted> {
        let check = self.check;
        let mut scout = |leg| self.scouts.remove(&leg);
        let (scout, scout_back) = (scout(Leg::Submission), scout(Leg::ReplySubmission));
        let (out, back, _) = tokio::join!(
            dial_submission(Leg::Submission, check.from(), scout, recorder),
            async {
                match (self.reply, check.to().account()) {
                    (Some(_), Some(to)) => dial_submission(Leg::ReplySubmission, to, scout_back, recorder).await,
                    _ => Err(Halted),
                }
            },
            join_all(self.berths.iter_mut().map(|berth| berth.open(recorder))),
        );
        let arrived = self.outward(out?, recorder).await;
        let copied = self.copy(Leg::Sent, recorder).await;
        if let (Ok(()), Some(reply)) = (arrived, self.reply) {
            let _ = self.homeward(back?, reply, recorder).await; // whatever became of it, its copy may be there
            let _ = self.copy(Leg::ReplySent, recorder).await;
        }
        copied
    }

    /// The probe's way out; or, where somebody else answers, out and its answer's way home.
    async fn outward(&mut self, smtp: Smtp, recorder: &Recorder<'_>) -> Result<(), Halted> {
        let (check, probe) = (self.check, self.probe);
        let here = check.to().account().is_some();
        let way = Direction {
            submission: Leg::Submission,
            delivery: if here { Leg::Delivery } else { Leg::ReplyDelivery },
            from: check.from(),
            to: check.to().address(),
            message: probe,
            quarry: if here { Quarry::Probe(probe) } else { Quarry::Answer(probe) },
            share: if self.reply.is_some() && check.settings().limits.arrival.is_none() { 0.6 } else { 1.0 },
        };
        let (left, arrived) = self.pass(&way, smtp, recorder).await;
        self.left = left;
        arrived
    }

    /// The reply's way home.
    async fn homeward(&mut self, smtp: Smtp, reply: &'a Probe, recorder: &Recorder<'_>) -> Result<(), Halted> {
        let to = self.check.from();
        let Some(from) = self.check.to().account() else { return Err(Halted) };
        let way = Direction {
            submission: Leg::ReplySubmission,
            delivery: Leg::ReplyDelivery,
            from,
            to: &to.address,
            message: reply,
            quarry: Quarry::Probe(reply),
            share: 1.0,
        };
        let (left, arrived) = self.pass(&way, smtp, recorder).await;
        self.reply_left = left;
        arrived
    }

    /// Submits a message and waits for it at the same time, in every mailbox that it is to be visible in; then reads it.
    /// Says whether it has left.
    async fn pass(&mut self, way: &Direction<'_>, smtp: Smtp, recorder: &Recorder<'_>) -> (bool, Result<(), Halted>) {
        let home = way.delivery == Leg::ReplyDelivery;
        let junk = self.check.settings().junk;
        let is_receiver = |berth: &Berth<'_>| if home { berth.plan.answer } else { berth.plan.probe };
        if self.berths.iter().any(|berth| is_receiver(berth) && !berth.is_open()) {
            return (false, Err(Halted));
        }
        let until = arrival_deadline(recorder, way.share);
        let patience = Patience { until, once_left: self.check.settings().limits.arrival };
        let (sending, progress) = watch::channel(Sending::NotYet);
        let (bounced, reports) = watch::channel(None);
        let (over, ended) = watch::channel(false);
        let news = News { sending: progress.clone(), bounced: reports, over: ended };
        let (receivers, others): (Vec<_>, Vec<_>) = self.berths.iter_mut().partition(|berth| is_receiver(berth));
        let sent = matches!(way.quarry, Quarry::Probe(_)).then_some(way.message);
        // Where it arrives by one protocol, it is read there, however long the other one takes.
        let arrivals = join_all(receivers.into_iter().map(async |berth| {
            match berth.arrival(way.delivery, way.quarry, news.clone(), patience, junk, recorder).await {
                Some(Ok(arrived)) => {
                    let _ = berth.inspect(way.delivery, arrived, sent, recorder).await;
                    Ok(())
                }
                _ => Err(Halted),
            }
        }));
        let arrivals = async {
            let arrivals = arrivals.await;
            over.send_replace(true);
            arrivals
        };
        let reports =
            join_all(others.into_iter().filter(|berth| berth.plan.account.name == way.from.name).map(async |berth| {
                if let Some(reply) = berth.bounce(way.message, &news, until, recorder).await {
                    bounced.send_replace(Some(reply));
                }
            }));
        let submission = submit(smtp, way, &sending, until, recorder);
        let ((), arrivals, _) = tokio::join!(submission, arrivals, reports);
        let left = !matches!(*progress.borrow(), Sending::NotYet | Sending::Refused);
        (left, arrivals.into_iter().collect())
    }

    /// The copy of what was sent, in the sender's own mailbox.
    async fn copy(&mut self, leg: Leg, recorder: &Recorder<'_>) -> Result<(), Halted> {
        let reply = leg == Leg::ReplySent;
        let (probe, account) = match (reply, self.reply, self.check.to().account()) {
            (false, ..) => (self.probe, self.check.from()),
            (true, Some(reply), Some(to)) => (reply, to),
            _ => return Err(Halted),
        };
        let settings = self.check.settings();
        let at = At::new(leg, Stage::Copy, Protocol::Imap);
        let holds = |berth: &&mut Berth<'_>| if reply { berth.plan.reply_sent } else { berth.plan.sent };
        match self.berths.iter_mut().find(holds) {
            _ if settings.sent == Sent::Off => recorder.skip(at, &account.name, Skip::TurnedOff),
            None => recorder.skip(at, &account.name, Skip::NoImap),
            Some(_) if !(if reply { self.reply_left } else { self.left }) => return Err(Halted),
            Some(berth) => return berth.copy(leg, settings, probe, recorder).await,
        }
        Ok(())
    }

    /// Takes out what was left behind, in each mailbox that may hold something, at the same time: one that does not
    /// answer must not use up the other one's time.
    async fn clean_up(self, recorder: &Recorder<'_>) {
        let Voyage { check, probe, reply, berths, left, reply_left, .. } = self;
        let keep = check.settings().keep;
        let signs = signs(check);
        // What is visible by both protocols is one message: it is removed by IMAP, which sees all folders.
        let by_imap = |berth: &Berth<'_>| berth.plan.protocol == Protocol::Imap && berth.plan.probe && berth.is_open();
        let by_imap = berths.iter().find(|berth| by_imap(berth)).map(|berth| berth.plan.account.name.clone());
        let chosen = |probe_here: bool, reply_here: bool| {
            let probe = Some(probe).filter(|_| left && probe_here);
            let reply = reply.filter(|_| reply_left && reply_here);
            probe.into_iter().chain(reply).collect::<Vec<_>>()
        };
        join_all(berths.into_iter().map(async |berth| {
            let plan = berth.plan;
            let other = plan.protocol == Protocol::Pop3 && by_imap.as_deref() == Some(plan.account.name.as_str());
            let ours = (chosen(plan.probe && !other, plan.answer), chosen(plan.sent, plan.reply_sent));
            berth.clean_up(ours, &signs, keep, recorder).await;
        }))
        .await;
    }
}

/// What tells the leftover of an earlier verification: it was sent by one of the accounts of the check, long before any
/// verification began that may still be under way in the same mailbox.
fn signs(check: &Check) -> Signs {
    let accounts = [Some(check.from()), check.to().account()];
    let own = accounts.into_iter().flatten().map(|account| account.address.clone()).collect();
    Signs::new(own, AN_EARLIER_ONE.max(check.settings().limits.total.min(LONGEST) * 2))
}

/// Opens a submission server; who scouts is told where it was reached.
async fn dial_submission(
    leg: Leg,
    account: &Account,
    scout: Option<oneshot::Sender<SocketAddr>>,
    recorder: &Recorder<'_>,
) -> Result<Smtp, Halted> {
    let Some(endpoint) = &account.smtp else { return Err(Halted) };
    let dial = Dial { leg, protocol: Protocol::Smtp, account, endpoint };
    let (smtp, address) = dial::reach::<Smtp>(dial, recorder).await?;
    scout.map(|scout| scout.send(address));
    dial::sign_in(dial, smtp, recorder).await
}

/// Until when an arrival is waited for: some of the journey's time is kept for what comes after it.
fn arrival_deadline(recorder: &Recorder<'_>, share: f64) -> Instant {
    let now = Instant::now();
    let left = recorder.bounds().deadline.saturating_duration_since(now);
    now + (left - (left / 5).min(Duration::from_secs(10))).mul_f64(share)
}

/// MAIL, RCPT, DATA, the message. Once its last dot has left, what is not answered is uncertain. It ends by `until`, so
/// that a server that never answers leaves time for the Sent copy.
async fn submit(
    mut smtp: Smtp,
    way: &Direction<'_>,
    sending: &watch::Sender<Sending>,
    until: Instant,
    recorder: &Recorder<'_>,
) {
    let at = At::new(way.submission, Stage::Submit, Protocol::Smtp);
    let limit = recorder.bounds().stage.min(until.saturating_duration_since(Instant::now()));
    let submitted = recorder
        .stage_within(at, &way.from.name, limit, Seen::default(), async |seen| {
            smtp.envelope(&way.from.address, way.to).await?;
            smtp.send_message(way.message.message()).await?;
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
        .await;
    match submitted {
        Ok(smtp) => drop(tokio::spawn(timeout(Duration::from_secs(5), smtp.quit()))),
        Err(Halted) => {
            let never_left = *sending.borrow() == Sending::NotYet;
            sending.send_if_modified(|sending| {
                *sending = if never_left { Sending::Refused } else { *sending };
                never_left
            });
        }
    }
}
