//! Waiting for a message in an IMAP mailbox.
//!
//! Right after the message has left, the mailbox is asked in short growing steps, each question sent without
//! waiting for the last answer (Dovecot announces new mail by IDLE only half a second late); then again right
//! after the server has taken it. After that the server is left to announce it (IDLE), with a slow safety poll,
//! because IDLE is a hint and not a truth; a server without IDLE is polled.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::failure::{Failure, Kind, Reply};
use crate::outcome::{Noticed, Role};
use crate::verify::mailbox::{Baseline, Mailbox, new_header};
use crate::verify::quarry::{Catch, Glance, Quarry};
use crate::wire::imap::mailbox_name::quoted;
use crate::wire::imap::{Event, Tag};

/// When to ask, counted from the moment the message left, and again from the moment it was taken.
const STEPS: [u64; 9] = [0, 10, 25, 50, 100, 200, 400, 700, 1000];

/// From this step on the Junk folder is asked for as well.
const JUNK_FROM: usize = 3;

/// Time between safety polls: at first, and at most. They grow by half each time.
const WITH_IDLE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(20));
const WITHOUT_IDLE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// How long the answers to the last questions are still waited for.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How far the submission has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// The message has not left.
    NotYet,
    /// It has left, up to its last dot.
    Left,
    /// The server has taken it.
    Taken,
    /// The server has not taken it, for certain.
    Refused,
}

/// Where what was waited for is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// In the inbox, or in the Junk folder.
    pub role: Role,
    /// Its UID.
    pub uid: u32,
    /// How it was noticed.
    pub noticed: Noticed,
    /// How much earlier it may have been there.
    pub earlier_by_at_most: Duration,
    /// For how long the server had been idling when it was found, without a word of it.
    pub unannounced: Option<Duration>,
}

/// How long to wait, and for what to stop.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// How far the submission has got.
    pub sending: watch::Receiver<Sending>,
    /// Turns true when the wait is of no more use.
    pub over: watch::Receiver<bool>,
    /// How long to wait at most.
    pub until: Instant,
    /// How long the server may take for an answer.
    pub patience: Duration,
}

/// Waits until the quarry is in the inbox or the Junk folder; `None` when it is not in time, or the wait is over.
///
/// # Errors
/// [`Kind::Bounced`]; or when the session is lost, or the server does not answer.
pub async fn wait_for(
    mailbox: &mut Mailbox,
    baseline: &Baseline,
    quarry: Quarry<'_>,
    waiting: Waiting,
) -> Result<Option<Found>, Failure> {
    let Waiting { sending, over, until, patience } = waiting;
    let idle = mailbox.imap.offers("IDLE");
    let taken = *sending.borrow() == Sending::Taken;
    let mut wait = Wait {
        junk_next: baseline.junk.as_ref().map_or(0, |junk| junk.uid_next),
        junk_messages: baseline.junk.as_ref().and_then(|junk| junk.messages),
        taken,
        mailbox,
        baseline,
        quarry,
        sending,
        over,
        until,
        patience,
        idle,
        pause: if idle { WITH_IDLE.0 } else { WITHOUT_IDLE.0 },
        questions: Vec::new(),
        began: Instant::now(),
        missed: Instant::now(),
        found: None,
        suspects: Vec::new(),
        read: HashSet::new(),
        junk_changed: false,
        announced: false,
        refused: None,
        idled: None,
    };
    wait.run().await
}

/// One look at the mailbox that is under way: its commands leave in one flight, NOOP last.
struct Question {
    fetch: Tag,
    noop: Tag,
    sent: Instant,
}

struct Wait<'a> {
    mailbox: &'a mut Mailbox,
    baseline: &'a Baseline,
    quarry: Quarry<'a>,
    sending: watch::Receiver<Sending>,
    over: watch::Receiver<bool>,
    taken: bool,
    until: Instant,
    patience: Duration,
    idle: bool,
    pause: Duration,
    questions: Vec<Question>,
    began: Instant,
    /// When the last question was sent that was answered with «not here».
    missed: Instant,
    found: Option<u32>,
    /// Messages whose text has to be read.
    suspects: Vec<u32>,
    /// Messages whose text was read.
    read: HashSet<u32>,
    junk_next: u32,
    junk_messages: Option<u32>,
    junk_changed: bool,
    announced: bool,
    refused: Option<Reply>,
    /// How long the server was left to announce something, the last time.
    idled: Option<Duration>,
}

/// Why the quiet is over.
enum Quiet {
    Announced,
    PollDue,
    Taken,
    Over,
}

impl Wait<'_> {
    async fn run(&mut self) -> Result<Option<Found>, Failure> {
        self.mailbox.enter(&self.baseline.inbox).await?;
        let mut found = self.ask_in_steps().await?;
        while found.is_none() && Instant::now() < self.until && !*self.over.borrow() {
            found = match self.quiet().await? {
                Quiet::Over => None,
                Quiet::Taken => self.ask_in_steps().await?,
                Quiet::Announced => self.ask(Noticed::Announced).await?,
                Quiet::PollDue => self.ask(Noticed::Polled).await?,
            };
        }
        // Whoever ends the wait has no more use for what it would find.
        if found.is_none() && !*self.over.borrow() { self.look_afresh().await } else { Ok(found) }
    }

    /// Before the probe counts as not arrived, the inbox is opened once more: GNU Mailutils does not show new mail in
    /// an mbox that is open while other sessions change it, whatever it is asked.
    async fn look_afresh(&mut self) -> Result<Option<Found>, Failure> {
        let patience = self.patience.min(LAST_ANSWERS);
        let silent = |_| Failure::new(Kind::Timeout { limit_seconds: patience.as_secs_f64() });
        let is_it = |header: &[u8]| self.quarry.glance(header) == Glance::This;
        let look = self.mailbox.find_afresh(&self.baseline.inbox, is_it);
        let found = timeout(patience, look).await.map_err(silent)??;
        let earlier_by_at_most = self.began.elapsed();
        Ok(found.first().map(|&uid| Found {
            role: Role::Inbox,
            uid,
            noticed: Noticed::Polled,
            earlier_by_at_most,
            unannounced: None,
        }))
    }

    /// Asks at each of [`STEPS`], and from the first again when the message is taken in the meantime.
    async fn ask_in_steps(&mut self) -> Result<Option<Found>, Failure> {
        let mut began = Instant::now();
        let mut step = 0;
        while let Some(&milliseconds) = STEPS.get(step).filter(|_| !*self.over.borrow()) {
            let at_once = self.announced && self.questions.is_empty();
            let due = if at_once { began } else { began + Duration::from_millis(milliseconds) };
            tokio::select! {
                biased;
                () = until_taken(&mut self.sending), if !self.taken => {
                    self.taken = true;
                    (began, step) = (Instant::now(), 0);
                }
                () = sleep_until(due.min(self.until)) => {
                    self.send_question(step >= JUNK_FROM).await?;
                    step = if due < self.until { step + 1 } else { STEPS.len() };
                }
                event = self.mailbox.imap.next() => self.take(event?),
            }
            if let Some(found) = self.settled(Noticed::Asked).await? {
                return Ok(Some(found));
            }
        }
        self.answers().await?;
        match self.settled(Noticed::Asked).await? {
            None if self.announced => self.ask(Noticed::Asked).await,
            found => Ok(found),
        }
    }

    /// Asks, and waits for the answer; once more if the server says only at the end of its answer that there is something new.
    async fn ask(&mut self, noticed: Noticed) -> Result<Option<Found>, Failure> {
        loop {
            self.send_question(true).await?;
            self.answers().await?;
            let found = self.settled(noticed).await?;
            if found.is_some() || !self.announced || Instant::now() >= self.until {
                return Ok(found);
            }
        }
    }

    /// FETCH of what is new, STATUS of the Junk folder, and NOOP, which lets the server look at the folder afresh
    /// (Dovecot does so at the end of a flight), so that the next question sees what this one missed.
    async fn send_question(&mut self, junk: bool) -> Result<(), Failure> {
        self.announced = false;
        let sent = Instant::now();
        let imap = &mut self.mailbox.imap;
        let fetch = imap.send(&Mailbox::fetch_new(&self.baseline.inbox)).await?;
        if let Some(folder) = self.baseline.junk.as_ref().filter(|_| junk) {
            imap.send(&format!("STATUS {} (MESSAGES UIDNEXT)", quoted(&folder.wire_name))).await?;
        }
        let noop = imap.send("NOOP").await?;
        self.questions.push(Question { fetch, noop, sent });
        Ok(())
    }

    /// Reads on until every question is answered, or the probe is found.
    async fn answers(&mut self) -> Result<(), Failure> {
        while self.found.is_none() && !self.questions.is_empty() {
            let event = self.next().await?;
            self.take(event);
        }
        Ok(())
    }

    /// The next response, when one is due.
    async fn next(&mut self) -> Result<Event, Failure> {
        let patience = self.patience.min((self.until + LAST_ANSWERS).saturating_duration_since(Instant::now()));
        let silent = |_| Failure::new(Kind::Timeout { limit_seconds: patience.as_secs_f64() });
        timeout(patience, self.mailbox.imap.next()).await.map_err(silent)?
    }

    fn take(&mut self, event: Event) {
        if let Some((uid, header)) = new_header(&event, &self.baseline.inbox) {
            match self.quarry.glance(header) {
                Glance::This => self.found = self.found.or(Some(uid)),
                Glance::Perhaps if self.read.insert(uid) => self.suspects.push(uid),
                Glance::Perhaps | Glance::No => {}
            }
        }
        match event {
            Event::Exists(_) => self.announced = true,
            Event::StatusOf(status)
                if self.baseline.junk.as_ref().is_some_and(|junk| junk.wire_name == status.name) =>
            {
                self.junk_is(status.uid_next, status.messages);
            }
            Event::Done(tag, reply) => self.done(&tag, reply),
            _ => {}
        }
    }

    /// New mail raises UIDNEXT; where the server does not tell that (163.com), the number of messages.
    fn junk_is(&mut self, uid_next: Option<u32>, messages: Option<u32>) {
        self.junk_changed |= match uid_next {
            Some(uid_next) => uid_next > self.junk_next,
            None => messages > self.junk_messages,
        };
        self.junk_next = self.junk_next.max(uid_next.unwrap_or(0));
        self.junk_messages = messages.or(self.junk_messages);
    }

    fn done(&mut self, tag: &Tag, reply: Reply) {
        if self.questions.iter().any(|question| question.fetch == *tag) && reply.status.as_deref() != Some("OK") {
            self.refused = Some(reply);
        }
        if let Some(place) = self.questions.iter().position(|question| question.noop == *tag) {
            let sent = self.questions.remove(place).sent;
            // What is announced while a question is answered its FETCH need not have seen: it proves nothing then.
            if !self.announced {
                self.missed = self.missed.max(sent);
            }
        }
    }

    /// What is known by the answers so far; looks into the Junk folder where that has changed. Questions that are
    /// still under way are of no more interest then.
    async fn settled(&mut self, noticed: Noticed) -> Result<Option<Found>, Failure> {
        if let Some(reply) = self.refused.take() {
            return Err(Failure::refused(reply));
        }
        let earlier_by_at_most = self.missed.elapsed();
        let unannounced = self.idled.filter(|_| noticed == Noticed::Polled);
        while let Some(uid) = self.suspects.pop().filter(|_| self.found.is_none()) {
            let message = self.mailbox.beginning(&self.baseline.inbox, uid).await?;
            match self.quarry.read(&message) {
                Some(Catch::Wanted) => self.found = Some(uid),
                Some(Catch::Bounce(reply)) => {
                    return Err(Failure { reply: Some(reply), ..Failure::new(Kind::Bounced) });
                }
                None => {}
            }
        }
        if let Some(uid) = self.found {
            return Ok(Some(Found { role: Role::Inbox, uid, noticed, earlier_by_at_most, unannounced }));
        }
        if let (true, Some(junk)) = (std::mem::take(&mut self.junk_changed), &self.baseline.junk) {
            self.questions.clear();
            let found = self.mailbox.find(junk, |header| self.quarry.glance(header) == Glance::This).await?;
            if let Some(&uid) = found.first() {
                return Ok(Some(Found { role: Role::Junk, uid, noticed, earlier_by_at_most, unannounced: None }));
            }
            self.mailbox.enter(&self.baseline.inbox).await?;
        }
        Ok(None)
    }

    /// Leaves it to the server to announce something (IDLE, RFC 2177), until the next safety poll is due.
    async fn quiet(&mut self) -> Result<Quiet, Failure> {
        let next = (Instant::now() + self.pause).min(self.until);
        let longest = if self.idle { WITH_IDLE.1 } else { WITHOUT_IDLE.1 };
        self.pause = (self.pause * 3 / 2).min(longest);
        let idle = if self.idle { Some(self.mailbox.imap.send("IDLE").await?) } else { None };
        let (began, mut idling) = (Instant::now(), false);
        self.idled = None;
        let why = loop {
            tokio::select! {
                biased;
                () = until_taken(&mut self.sending), if !self.taken => {
                    self.taken = true;
                    break Quiet::Taken;
                }
                () = until_over(&mut self.over) => break Quiet::Over,
                () = sleep_until(next) => break Quiet::PollDue,
                event = self.mailbox.imap.next() => match event? {
                    Event::Exists(_) => break Quiet::Announced,
                    Event::Continue => idling = true,
                    Event::Done(tag, _) if Some(&tag) == idle.as_ref() => {
                        self.without_idle();
                        return Ok(Quiet::PollDue);
                    }
                    event => self.take(event),
                },
            }
        };
        if let Some(idle) = idle {
            self.idled = Some(began.elapsed()).filter(|_| idling);
            self.end_idle(&idle, idling).await?;
        }
        Ok(why)
    }

    /// DONE may be said only when the server has said that it idles.
    async fn end_idle(&mut self, idle: &Tag, mut idling: bool) -> Result<(), Failure> {
        loop {
            if idling {
                self.mailbox.imap.send_line("DONE").await?;
                idling = false;
            }
            match self.next().await? {
                Event::Continue => idling = true,
                Event::Done(tag, reply) if tag == *idle => {
                    if reply.status.as_deref() != Some("OK") {
                        self.without_idle();
                    }
                    return Ok(());
                }
                event => self.take(event),
            }
        }
    }

    /// The server does not idle, whatever it says that it can do: it is polled.
    fn without_idle(&mut self) {
        self.idle = false;
        self.idled = None;
        self.pause = WITHOUT_IDLE.0;
    }
}

/// Returns when the wait is of no more use.
pub(super) async fn until_over(over: &mut watch::Receiver<bool>) {
    if over.wait_for(|over| *over).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns when the server has taken the message; never if it does not.
pub(super) async fn until_taken(sending: &mut watch::Receiver<Sending>) {
    if sending.wait_for(|sending| *sending == Sending::Taken).await.is_err() {
        std::future::pending::<()>().await;
    }
}
