//! "My server requires authentication": a submission server is asked, by somebody who has not signed in, whether it would
//! take mail for a foreign domain. MAIL and RCPT tell; no message is ever sent there.
//!
//! It is asked once a run, on a connection of its own, beside the journey, which costs the journey no round trip. That
//! connection is opened when the journey's own has been greeted: a server that allows a client only one has let the right one
//! in. Whatever goes wrong with it says nothing about mail.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use lettre::Address;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::account::Protocol;
use crate::check::Check;
use crate::failure::{Failure, Kind};
use crate::outcome::{Concern, Fact};
use crate::stage::{At, Leg, Stage};
use crate::verify::dial::{self, Dial};
use crate::verify::plan;
use crate::verify::recorder::{Bounds, Halted, Recorder, Seen};
use crate::wire;
use crate::wire::smtp::{Relaying, Smtp};

/// A run that is over waits for the answer until so much time has passed since the question, and no longer.
const AT_LEAST: Duration = Duration::from_secs(2);

/// By what the journey tells at which address it has reached a server; one for each leg with a question.
pub type Scouts = HashMap<Leg, oneshot::Sender<SocketAddr>>;

/// A question to one submission server.
#[derive(Debug)]
pub struct Inquiry<'a> {
    dial: Dial<'a>,
    reached: oneshot::Receiver<SocketAddr>,
}

/// The questions of a check.
pub fn inquiries(check: &Check) -> (Scouts, Vec<Inquiry<'_>>) {
    let inquiry = |leg| {
        let (account, endpoint) = plan::relay(check, leg)?;
        let (scout, reached) = oneshot::channel();
        let dial = Dial { leg, protocol: Protocol::Smtp, account, endpoint };
        Some(((leg, scout), Inquiry { dial, reached }))
    };
    [Leg::Submission, Leg::ReplySubmission].into_iter().filter_map(inquiry).unzip()
}

/// Asks them all, each when its server has been reached. `over` says that the rest of the run is.
pub async fn ask_all(inquiries: Vec<Inquiry<'_>>, over: watch::Receiver<bool>, recorder: &Recorder<'_>) {
    join_all(inquiries.into_iter().map(|inquiry| inquiry.ask(over.clone(), recorder))).await;
}

impl Inquiry<'_> {
    async fn ask(self, over: watch::Receiver<bool>, recorder: &Recorder<'_>) {
        let Inquiry { dial, reached } = self;
        // Where the journey has not got that far, what held it up is on record.
        let Ok(address) = reached.await else { return };
        let began = Instant::now();
        let at = At::new(dial.leg, Stage::Relay, dial.protocol);
        let seen = Seen { beside: true, ..Seen::default() };
        let asked = recorder.stage_within(at, &dial.account.name, recorder.bounds().stage, seen, async |seen| {
            tokio::select! {
                biased;
                asked = question(dial, address, recorder, seen) => asked,
                () = no_longer(over.clone(), began) => {
                    let limit_seconds = began.elapsed().as_secs_f64();
                    Err(Failure::new(Kind::Timeout { limit_seconds }).detail("the run was over by then"))
                }
            }
        });
        let Ok(smtp) = asked.await else { return }; // nothing depends on it
        let Bounds { deadline, stop, reach, .. } = recorder.bounds();
        tokio::select! {
            _ = timeout_at(*deadline, smtp.abandon()) => {}
            () = no_longer(over, began) => {}
            () = stop.requested(*reach) => {}
        }
    }
}

async fn question(
    dial: Dial<'_>,
    address: SocketAddr,
    recorder: &Recorder<'_>,
    seen: &mut Seen,
) -> Result<Smtp, Failure> {
    let own = &dial.account.address;
    let foreign = foreign(own)?;
    let (tap, _) = wire::dial(&[address], recorder.bounds().stage).await?;
    let aside = recorder.aside();
    let mut smtp: Smtp = dial::converse(dial, tap, address, &aside).await.map_err(|Halted| {
        aside.last_failure().map_or_else(|| Failure::new(Kind::ConnectionLost), |(_, failure)| failure)
    })?;
    match smtp.would_relay(own, &foreign).await? {
        Relaying::Refused(reply) => seen.fact(Fact::RelayRefused { reply }),
        Relaying::Accepted(reply) => seen.concern(Concern::RelaysWithoutAuthentication { reply }),
    }
    Ok(smtp)
}

/// An address that is nobody's, in a domain that no server can call its own (RFC 2606 §3).
fn foreign(own: &Address) -> Result<Address, Failure> {
    let domain = if own.domain().to_ascii_lowercase().ends_with("example.com") { "example.org" } else { "example.com" };
    Address::new("mailtrip-relay-test", domain).map_err(|error| Failure::new(Kind::Local).detail(error.to_string()))
}

/// Returns when the rest of the run is over, and the server has had its time.
async fn no_longer(mut over: watch::Receiver<bool>, began: Instant) {
    let _ = over.wait_for(|over| *over).await; // who is gone is over as well
    sleep_until(began + AT_LEAST).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipient_is_never_of_the_senders_domain() {
        for (own, expected) in [
            ("a@b.test", "mailtrip-relay-test@example.com"),
            ("a@example.com", "mailtrip-relay-test@example.org"),
            ("a@mail.Example.COM", "mailtrip-relay-test@example.org"),
        ] {
            assert_eq!(foreign(&own.parse().unwrap()).unwrap().to_string(), expected);
        }
    }
}
