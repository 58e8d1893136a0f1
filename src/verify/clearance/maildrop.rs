//! By POP3: the only folder there is to see, by the headers of all messages.
//!
//! The protocol has no search, so that it costs the header of every message once. The newest are looked at first, for as
//! long as there is time to delete what was found: without an answer to QUIT nothing is deleted (RFC 1939 §6).

use std::time::Duration;

use tokio::time::Instant;

use crate::failure::{Failure, Kind};
use crate::outcome::{Concern, Fact, KnownBy, Role};
use crate::stage::{Leg, Stage};
use crate::verify::cleanup::UNFINISHED;
use crate::verify::dial::{self, Dial};
use crate::verify::maildrop::{GONE_OR_NOT, INBOX, NOTHING_WITHOUT_QUIT, leave};
use crate::verify::recorder::{Halted, Recorder, Seen};
use crate::verify::stop::Reach;
use crate::wire::pop3::{Greeted, Pop3};

use super::{Clearance, note_removed, stopped};

/// So many headers are asked for before it is seen whether there is still time.
const AT_ONCE: u32 = 50;

/// Nobody has more messages; a server may claim to.
const MOST_MESSAGES: u32 = 1_000_000;

/// What is kept of the time to delete what was found, at most.
const RESERVE: Duration = Duration::from_secs(10);

/// Cleans the mailbox up.
///
/// # Errors
/// [`Halted`]: where it ended is on record.
pub(super) async fn clear(clearance: &Clearance, recorder: &Recorder<'_>) -> Result<(), Halted> {
    let Clearance { account, protocol, endpoint, .. } = clearance;
    let dial = Dial { leg: Leg::Delivery, protocol: *protocol, account, endpoint };
    let mut pop3 = dial::open::<Greeted>(dial, recorder).await?;
    let (pop3, count) = recorder
        .stage(clearance.at(Leg::Delivery, Stage::Baseline), &account.name, async |seen| {
            let count = pop3.stat().await?.count;
            let (name, messages) = (INBOX.to_owned(), Some(count));
            seen.fact(Fact::Folder { role: Role::Inbox, name, known_by: KnownBy::Protocol, messages, uid_next: None });
            Ok((pop3, count))
        })
        .await?;
    let unfinished = Seen { unless_done: vec![not_looked_into(UNFINISHED)], ..Seen::default() };
    let recorder = recorder.bounded(clearance.last_bounds(recorder));
    let (at, limit) = (clearance.at(Leg::Cleanup, Stage::Remove), recorder.bounds().stage);
    recorder
        .stage_within(at, &account.name, limit, unfinished, async |seen| {
            clearance.begin(seen);
            clear_inbox(clearance, pop3, count, &recorder, seen).await
        })
        .await
}

fn not_looked_into(why: &str) -> Concern {
    Concern::NotLookedInto { folder: INBOX.to_owned(), why: why.to_owned() }
}

fn left_behind(why: &str) -> Concern {
    Concern::LeftBehind { folder: INBOX.to_owned(), uid: None, why: why.to_owned() }
}

async fn clear_inbox(
    clearance: &Clearance,
    mut pop3: Pop3,
    count: u32,
    recorder: &Recorder<'_>,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let first = seen.facts.len();
    let numbers = look(clearance, &mut pop3, count, recorder, seen).await?;
    seen.unless_done.clear();
    if clearance.dry_run || numbers.is_empty() {
        leave(pop3);
        return Ok(());
    }
    seen.unless_done.push(left_behind(NOTHING_WITHOUT_QUIT));
    let refusals = pop3.delete_all(&numbers).await?;
    for reply in refusals.iter().flatten() {
        seen.concern(left_behind(&format!("the server said: {reply}")));
    }
    seen.unless_done = vec![not_looked_into(GONE_OR_NOT)];
    match pop3.quit().await {
        // RFC 1939 §6: some or none of the messages were removed.
        Err(failure) if matches!(failure.kind, Kind::Refused { .. }) => seen.concern(left_behind(&failure.why())),
        answered => {
            answered?;
            note_removed(seen, first, |place, _| matches!(refusals.get(place), Some(None)));
        }
    }
    Ok(())
}

/// The numbers of the leftovers, the newest first; each is among the facts, in the same order.
async fn look(
    clearance: &Clearance,
    pop3: &mut Pop3,
    count: u32,
    recorder: &Recorder<'_>,
    seen: &mut Seen,
) -> Result<Vec<u32>, Failure> {
    let left = recorder.bounds().deadline.saturating_duration_since(Instant::now());
    let until = recorder.bounds().deadline - RESERVE.min(left / 4);
    let stop = &recorder.bounds().stop;
    let mut found = Vec::new();
    let (mut next, mut shown) = (count, false);
    let last = count.saturating_sub(MOST_MESSAGES);
    while next > last && Instant::now() < until {
        let lowest = next.saturating_sub(AT_ONCE - 1).max(1);
        let numbers: Vec<u32> = (lowest..=next).rev().collect();
        let headers = tokio::select! {
            biased;
            () = stop.requested(Reach::Journey) => return Err(stopped()),
            headers = pop3.headers(&numbers) => headers?,
        };
        for (number, header) in numbers.into_iter().zip(headers) {
            shown |= header.is_some();
            if let Some(leftover) = header.and_then(|header| clearance.signs.read(&header)) {
                found.push(number);
                seen.fact(leftover.fact(INBOX, None, false));
            }
        }
        next = lowest - 1;
    }
    if next > 0 {
        let looked_at = count - next;
        seen.concern(not_looked_into(&format!("there was time for the newest {looked_at} of {count} messages")));
    } else if count > 0 && !shown {
        seen.concern(not_looked_into("the server shows no header by TOP, and all else would mark messages as read"));
    }
    Ok(found)
}
