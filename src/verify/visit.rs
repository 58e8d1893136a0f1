//! A visit to one server of an account, without a verification: its opening, and where that is asked for one sign-in and a
//! look at what is there. It sends no message, and leaves every mailbox as it is.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use crate::account::{Account, Endpoint, Protocol};
use crate::failure::Kind;
use crate::outcome::{Fact, KnownBy, Outcome, Role};
use crate::stage::{At, Leg, Stage};
use crate::verify::dial::{self, Dial};
use crate::verify::folder::Wanted;
use crate::verify::mailbox::Mailbox;
use crate::verify::maildrop::{self, INBOX};
use crate::verify::outcome_at;
use crate::verify::plan::Plan;
use crate::verify::quota;
use crate::verify::recorder::{Bounds, Halted, Recorder};
use crate::verify::stop::{Reach, Stop};
use crate::verify::veil::Veil;
use crate::wire::smtp::Smtp;
use crate::wire::{Dialogue, imap, pop3};

/// How long taking leave may take.
const LEAVE: Duration = Duration::from_secs(2);

/// One server of an account.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// Whose it is.
    pub account: &'a Account,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where it is.
    pub endpoint: &'a Endpoint,
    /// Whether somebody signs in: once, and by the endpoint's own credentials.
    pub sign_in: bool,
    /// The longest that a stage may take.
    pub patience: Duration,
    /// When it ends.
    pub until: Instant,
    /// By which it is stopped before that.
    pub stop: &'a Stop,
}

/// Makes a visit. Whatever happens on the network is the outcome, which is complete in time.
pub async fn run(visit: Visit<'_>) -> Outcome {
    let Visit { account, protocol, endpoint, sign_in, patience, until, stop } = visit;
    let began = Timestamp::now();
    let bounds = Bounds { stage: patience, deadline: until, stop: stop.clone(), reach: Reach::Journey };
    let recorder = Recorder::new(bounds, &()).veiled(Veil::over([account]));
    let _ = match protocol {
        Protocol::Smtp => smtp(visit, &recorder).await,
        Protocol::Imap => imap(visit, &recorder).await,
        Protocol::Pop3 => pop3(visit, &recorder).await,
    }; // where it ended is on record
    let plan = Plan::of_visit(account, protocol, endpoint, sign_in);
    outcome_at(account, protocol, endpoint, (began, recorder.elapsed()), recorder.finish(&plan))
}

impl<'a> Visit<'a> {
    fn dial(&self) -> Dial<'a> {
        let Visit { account, protocol, endpoint, .. } = *self;
        let leg = if protocol == Protocol::Smtp { Leg::Submission } else { Leg::Delivery };
        Dial { leg, protocol, account, endpoint }
    }

    /// What is done in the mailbox.
    fn baseline(&self) -> At {
        At::new(Leg::Delivery, Stage::Baseline, self.protocol)
    }

    /// The session; `None` where nobody is to sign in.
    async fn session<D: Dialogue>(&self, recorder: &Recorder<'_>) -> Result<Option<D::Session>, Halted> {
        let (dialogue, _) = dial::reach::<D>(self.dial(), recorder).await?;
        if self.sign_in {
            return dial::sign_in(self.dial(), dialogue, recorder).await.map(Some);
        }
        let _ = timeout(LEAVE, dialogue.leave()).await; // a courtesy
        Ok(None)
    }
}

async fn smtp(visit: Visit<'_>, recorder: &Recorder<'_>) -> Result<(), Halted> {
    if let Some(smtp) = visit.session::<Smtp>(recorder).await? {
        let _ = timeout(LEAVE, smtp.leave()).await; // a courtesy
    }
    Ok(())
}

async fn imap(visit: Visit<'_>, recorder: &Recorder<'_>) -> Result<(), Halted> {
    let Some(imap) = visit.session::<imap::Greeted>(recorder).await? else { return Ok(()) };
    let mailbox = recorder
        .stage(visit.baseline(), &visit.account.name, async |seen| {
            seen.fact(Fact::Capabilities { names: imap.capabilities().to_vec() });
            let mut mailbox = Mailbox::new(imap);
            let folders = &visit.account.folders;
            let baseline = mailbox.baseline(folders, Wanted { junk: true, sent: true }, seen).await?;
            match quota::of(&mut mailbox.imap).await {
                Err(failure) if !matches!(failure.kind, Kind::Refused { .. }) => return Err(failure),
                quota => seen.facts.extend(quota.ok().flatten()),
            }
            match baseline.missing_sent.filter(|_| folders.sent.is_some()) {
                Some(failure) => Err(failure),
                None => Ok(mailbox),
            }
        })
        .await?;
    let _ = timeout(LEAVE, mailbox.imap.logout()).await; // a courtesy
    Ok(())
}

async fn pop3(visit: Visit<'_>, recorder: &Recorder<'_>) -> Result<(), Halted> {
    let Some(mut pop3) = visit.session::<pop3::Greeted>(recorder).await? else { return Ok(()) };
    let pop3 = recorder
        .stage(visit.baseline(), &visit.account.name, async |seen| {
            let messages = Some(pop3.stat().await?.count);
            let (name, known_by) = (INBOX.to_owned(), KnownBy::Protocol);
            seen.fact(Fact::Folder { role: Role::Inbox, name, known_by, messages, uid_next: None });
            Ok(pop3)
        })
        .await?;
    let _ = maildrop::leave(pop3).await; // QUIT deletes nothing, as nothing was marked
    Ok(())
}
