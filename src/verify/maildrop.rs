//! A mailbox that is reached by POP3: what was in it before, what has come since, and taking the probe out.
//!
//! A session shows what was there when it began, and locks the mailbox (RFC 1939 §4). So nothing is kept open: each look
//! is a session of its own, and that is what the protocol forces, a connection and a sign-in a look. The rest of a look
//! costs the same in a mailbox of 10 and of 50,000: a count, two or three unique ids, and the headers of what is new.
//!
//! Only [`Maildrop::remove`] says DELE, of a message whose header it has just read, and only the server's consent to QUIT
//! counts: without QUIT nothing is deleted (RFC 1939 §6). Everything else is left on the server.

mod removal;
mod search;
mod wait;

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::account::{Account, Endpoint, Protocol};
use crate::failure::{Failure, Kind};
use crate::outcome::{Fact, KnownBy, Noticed, Role};
use crate::stage::{At, Leg, Stage};
use crate::verify::dial::{self, Dial};
use crate::verify::recorder::{Halted, Recorder};
use crate::wire::pop3::{Greeted, Pop3};
pub(super) use removal::{GONE_OR_NOT, NOTHING_WITHOUT_QUIT};
use search::Mark;
pub use wait::Wait;

/// What the only folder there is to see is called in reports.
pub const INBOX: &str = "INBOX";

/// How long the answer to a QUIT may take that deletes nothing.
const LEAVE: Duration = Duration::from_secs(5);

/// The mailbox of one account, as it was before anything was sent.
#[derive(Debug)]
pub struct Maildrop<'a> {
    account: &'a Account,
    endpoint: &'a Endpoint,
    baseline: Mark,
    login_delay: Option<Duration>,
    /// When the last sign-in was answered.
    signed_in: Instant,
    /// The session before, as long as it is still saying QUIT.
    leaving: Option<JoinHandle<()>>,
    /// The session in which something was found, where the server wants a pause before the next one (LOGIN-DELAY): the
    /// clean-up would come too early for a new one.
    held: Option<Pop3>,
    /// The clean-up looks at the last messages that were there before, too: each costs its header.
    pub(super) looks_back: bool,
}

/// A message that was waited for, and is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its number in the session it was found in.
    pub number: u32,
    /// Its unique id, where the server has such.
    pub unique_id: Option<String>,
    /// All of it.
    pub message: Vec<u8>,
    /// How many messages like it were found in the same look.
    pub copies: usize,
    /// How it was noticed.
    pub noticed: Noticed,
    /// How much earlier it may have been there.
    pub earlier_by_at_most: Duration,
}

impl Found {
    /// As a fact for the report.
    pub fn fact(&self) -> Fact {
        Fact::Arrived {
            folder: INBOX.to_owned(),
            uid: None,
            noticed: self.noticed,
            earlier_by_at_most_seconds: self.earlier_by_at_most.as_secs_f64(),
        }
    }
}

/// Why there is no session.
#[derive(Debug)]
enum NoSession {
    /// The server refused the sign-in in a way that is no verdict on the password: it may let us in later.
    TurnedAway(Failure),
    /// Something else.
    Failed(Failure),
}

impl<'a> Maildrop<'a> {
    /// Signs in, notes what is in the mailbox, and leaves it to others again; stage by stage.
    ///
    /// # Errors
    /// [`Halted`]: the stage that failed is on record.
    pub async fn open(
        account: &'a Account,
        endpoint: &'a Endpoint,
        leg: Leg,
        recorder: &Recorder<'_>,
    ) -> Result<Maildrop<'a>, Halted> {
        let dial = Dial { leg, protocol: Protocol::Pop3, account, endpoint };
        let mut pop3 = dial::open::<Greeted>(dial, recorder).await?;
        let signed_in = Instant::now();
        let login_delay = pop3.login_delay;
        let at = At::new(leg, Stage::Baseline, Protocol::Pop3);
        recorder
            .stage(at, &account.name, async |seen| {
                let baseline = Mark::read(&mut pop3).await?;
                seen.fact(Fact::Folder {
                    role: Role::Inbox,
                    name: INBOX.to_owned(),
                    known_by: KnownBy::Protocol,
                    messages: Some(baseline.count()),
                    uid_next: None,
                });
                let leaving = Some(leave(pop3));
                Ok(Maildrop {
                    account,
                    endpoint,
                    baseline,
                    login_delay,
                    signed_in,
                    leaving,
                    held: None,
                    looks_back: false,
                })
            })
            .await
    }

    /// A new session, once the one before is over: unrecorded, as its stages are on record already.
    async fn session(&mut self, leg: Leg, recorder: &Recorder<'_>) -> Result<Pop3, NoSession> {
        if let Some(leaving) = self.leaving.take() {
            let _ = leaving.await; // it has a time limit, and nothing hangs on how it ended
        }
        let aside = recorder.aside();
        let dial = Dial { leg, protocol: Protocol::Pop3, account: self.account, endpoint: self.endpoint };
        if let Ok(pop3) = dial::open::<Greeted>(dial, &aside).await {
            self.signed_in = Instant::now();
            self.login_delay = pop3.login_delay;
            return Ok(pop3);
        }
        let Some((at, failure)) = aside.last_failure() else {
            return Err(NoSession::Failed(Failure::new(Kind::ConnectionLost)));
        };
        if is_passing(at.stage, &failure) {
            return Err(NoSession::TurnedAway(failure));
        }
        let detail = failure.detail.as_ref().map_or(String::new(), |detail| format!(": {detail}"));
        Err(NoSession::Failed(failure.detail(format!("at {} of a new session{detail}", at.stage))))
    }

    /// The earliest moment at which the server wants to see us again.
    fn welcome(&self) -> Instant {
        self.signed_in + self.login_delay.unwrap_or_default()
    }
}

/// Whether a refusal says nothing against the account. Some servers have no response codes, and refuse the password of
/// a mailbox that is locked; this one has been right before.
fn is_passing(stage: Stage, failure: &Failure) -> bool {
    let refused = matches!(failure.kind, Kind::Refused { .. }) && matches!(stage, Stage::Greeting | Stage::Login);
    let code = failure.reply.as_ref().and_then(|reply| reply.response_code.as_deref());
    let lasting = |code: &str| ["AUTH", "SYS/PERM"].iter().any(|known| known.eq_ignore_ascii_case(code.trim()));
    refused && !code.is_some_and(lasting)
}

/// QUIT of a session in which nothing was marked, without making anybody wait for the answer.
pub(super) fn leave(pop3: Pop3) -> JoinHandle<()> {
    tokio::spawn(async move {
        let _ = timeout(LEAVE, pop3.quit()).await;
    })
}
