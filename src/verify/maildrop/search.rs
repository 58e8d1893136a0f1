//! What is new in a mailbox, found without a list of it.

use std::collections::HashSet;

use crate::failure::{Failure, Kind};
use crate::wire::pop3::{Pop3, Stat};

/// How many messages are looked at from either end where the numbers have shifted.
const WINDOW: usize = 20;

/// How many new messages are looked at in one look, the newest first.
const MOST_NEW: usize = 1000;

/// So many of the last messages are looked at where a run was killed, so that it costs the same in a full mailbox.
const LAST: usize = 100;

/// By what a message is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Identity {
    /// Its unique id (UIDL).
    Id(String),
    /// Its size, where there is no UIDL: enough to notice a change, not enough to know a message by.
    Size(u64),
}

/// What was in a mailbox at one moment: how much, and which messages at its two ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    stat: Stat,
    first: Option<Identity>,
    last: Option<Identity>,
}

/// A message that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub number: u32,
    pub unique_id: Option<String>,
    pub header: Vec<u8>,
}

impl Mark {
    /// What is in the mailbox now.
    pub async fn read(pop3: &mut Pop3) -> Result<Mark, Failure> {
        let stat = pop3.stat().await?;
        let last = identity(pop3, stat.count).await?;
        let first = if stat.count > 1 { identity(pop3, 1).await? } else { last.clone() };
        Ok(Mark { stat, first, last })
    }

    pub fn count(&self) -> u32 {
        self.stat.count
    }

    /// Looks at the headers of what has come since this mark was made, the newest first: what `is_it`, and the mark to go
    /// on from. `looked_at` are the unique ids of those that are not it.
    pub async fn search(
        &self,
        pop3: &mut Pop3,
        is_it: &impl Fn(&[u8]) -> bool,
        looked_at: &mut HashSet<String>,
    ) -> Result<(Vec<Hit>, Mark), Failure> {
        let now = Mark::read(pop3).await?;
        let mut hits = Vec::new();
        if now == *self {
            return Ok((hits, now));
        }
        let numbers = match self.is_beginning_of(&now, pop3).await? {
            true => (self.count() + 1..=now.count()).rev().take(MOST_NEW).collect(),
            false => self.ends(&now, pop3).await?,
        };
        for number in numbers {
            let unique_id = now.unique_id(number, pop3).await?;
            if unique_id.as_ref().is_some_and(|id| looked_at.contains(id)) {
                continue;
            }
            let header = match pop3.header(number).await {
                // A message of somebody else that the server cannot show is no reason to give up.
                Err(Failure { kind: Kind::Refused { .. }, .. }) => Vec::new(),
                header => header?,
            };
            if is_it(&header) {
                hits.push(Hit { number, unique_id, header });
            } else {
                looked_at.extend(unique_id);
            }
        }
        Ok((hits, now))
    }

    /// Looks at the last messages of the mailbox, though they were there before: what `is_it`, but for what is `known` already.
    pub async fn search_the_last(
        &self,
        pop3: &mut Pop3,
        is_it: &impl Fn(&[u8]) -> bool,
        known: &[Hit],
    ) -> Result<Vec<Hit>, Failure> {
        let is_new = |number: &u32| !known.iter().any(|hit| hit.number == *number);
        let numbers: Vec<u32> = (1..=self.count()).rev().take(LAST).filter(is_new).collect();
        let headers = pop3.headers(&numbers).await?;
        let mut hits = Vec::new();
        for (number, header) in numbers.into_iter().zip(headers) {
            if let Some(header) = header.filter(|header| is_it(header)) {
                let unique_id = self.unique_id(number, pop3).await?;
                hits.push(Hit { number, unique_id, header });
            }
        }
        Ok(hits)
    }

    /// What is known of the messages at the ends is not asked for a second time.
    async fn unique_id(&self, number: u32, pop3: &mut Pop3) -> Result<Option<String>, Failure> {
        match (&self.first, &self.last) {
            (Some(Identity::Id(id)), _) if number == 1 => Ok(Some(id.clone())),
            (_, Some(Identity::Id(id))) if number == self.count() => Ok(Some(id.clone())),
            _ => pop3.unique_id(number).await,
        }
    }

    /// Whether everything is where it was, and what is new has higher numbers: so it is on nearly every server.
    async fn is_beginning_of(&self, now: &Mark, pop3: &mut Pop3) -> Result<bool, Failure> {
        if self.count() == 0 {
            return Ok(true);
        }
        if self.count() > now.count() || self.first != now.first {
            return Ok(false);
        }
        let last = if self.count() == now.count() { now.last.clone() } else { identity(pop3, self.count()).await? };
        Ok(last == self.last)
    }

    /// Somebody has deleted messages in the meantime, or the server gives the lowest number to the newest: what is new is
    /// at the one end or the other, up to the first message that is known.
    async fn ends(&self, now: &Mark, pop3: &mut Pop3) -> Result<Vec<u32>, Failure> {
        let mut numbers = Vec::new();
        for number in (1..=now.count()).rev().take(WINDOW) {
            if self.is_known(self.last.as_ref(), number, pop3).await? {
                break;
            }
            numbers.push(number);
        }
        for number in (1..=now.count()).take(WINDOW) {
            if numbers.contains(&number) || self.is_known(self.first.as_ref(), number, pop3).await? {
                break;
            }
            numbers.push(number);
        }
        Ok(numbers)
    }

    async fn is_known(&self, known: Option<&Identity>, number: u32, pop3: &mut Pop3) -> Result<bool, Failure> {
        let Some(Identity::Id(known)) = known else { return Ok(false) };
        Ok(pop3.unique_id(number).await?.as_ref() == Some(known))
    }
}

/// What the message of this number is known by; nothing where there is no message, or the server does not tell.
async fn identity(pop3: &mut Pop3, number: u32) -> Result<Option<Identity>, Failure> {
    if number == 0 {
        return Ok(None);
    }
    match pop3.unique_id(number).await? {
        Some(id) => Ok(Some(Identity::Id(id))),
        None => Ok(pop3.size(number).await?.map(Identity::Size)),
    }
}
