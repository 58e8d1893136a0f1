//! Ten checks that share two mailboxes, in every way that a message can go, and what must hold for them afterwards.

use std::collections::HashSet;
use std::sync::Arc;

use mailtrip::account::Account;
use mailtrip::batch::{Batch, Terms};
use mailtrip::check::{Check, Receive, Settings};
use mailtrip::diagnose::{Verdict, verdict};
use mailtrip::outcome::Outcome;
use mailtrip::report::terminal::{self, Style};
use mailtrip::verify::stop::Stop;

/// The checks, by IMAP and, where it is wanted, by POP3 as well.
pub fn ten(one: &Account, other: &Account, pop3: bool) -> Vec<Check> {
    let by = |receive: Receive| if pop3 { receive } else { Receive::Imap };
    let ways = [
        (one, one, Receive::Imap, false),
        (one, one, Receive::Imap, false),
        (one, other, Receive::Imap, true),
        (other, one, Receive::Imap, true),
        (other, other, Receive::Imap, false),
        (one, other, by(Receive::Both), false),
        (one, other, by(Receive::Pop3), false),
        (other, one, by(Receive::Pop3), true),
        (one, one, Receive::Imap, true),
        (other, one, by(Receive::Both), true),
    ];
    let check = |(number, (from, to, receive, reply)): (usize, (&Account, &Account, Receive, bool))| {
        let settings = Settings { receive, reply, ..Settings::default() };
        Check::new(format!("check{number}"), from.clone(), to.clone(), settings).expect("a valid check")
    };
    ways.into_iter().enumerate().map(check).collect()
}

/// What they come to when all of them run at the same time, in their order.
pub async fn at_once(checks: Vec<Check>) -> Vec<Outcome> {
    let terms = Terms { jobs: 10, per_host: 10, ..Terms::default() };
    let mut batch = Batch::begin(checks, terms, Stop::new().1, Arc::new(()));
    let mut outcomes = Vec::new();
    while let Some(done) = batch.next().await {
        outcomes.push(done);
    }
    outcomes.sort_by_key(|(check, _)| *check);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// All of them are OK, and each had a message of its own.
pub fn assert_well(outcomes: &[Outcome]) {
    for outcome in outcomes {
        assert_eq!(verdict(outcome), Verdict::Ok, "\n{}", terminal::render(outcome, &Style::default()));
    }
    let tags: HashSet<&str> = outcomes.iter().map(|outcome| outcome.tag.as_str()).collect();
    assert_eq!(tags.len(), outcomes.len());
    let names = outcomes.iter().enumerate().map(|(number, outcome)| (format!("check{number}"), outcome));
    names.for_each(|(name, outcome)| assert_eq!(outcome.check, name));
}
