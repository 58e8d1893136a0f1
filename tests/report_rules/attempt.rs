//! What several attempts make of a verification.

use mailtrip::diagnose::{Verdict, diagnose, verdict};
use mailtrip::failure::{Failure, Kind};
use mailtrip::outcome::{Concern, Outcome, Status};
use mailtrip::stage::Stage;

use crate::{codes, outcome, server};

/// Of one stage, which failed like this; `None`: it passed.
fn attempt(kind: Option<Kind>) -> Outcome {
    let failure = Failure::new(kind.clone().unwrap_or(Kind::Local));
    let mut outcome = outcome(server("imap imap.example.net:993/tls"), Stage::Login, failure, Vec::new());
    if kind.is_none() {
        outcome.stages[0].status = Status::Passed;
    }
    outcome
}

fn told(outcome: &Outcome) -> (Verdict, Vec<(&'static str, usize)>) {
    assert!(codes::have_their_verdicts(outcome));
    let told = diagnose(outcome);
    assert_eq!(told.iter().map(|one| one.verdict).max().unwrap_or(Verdict::Ok), verdict(outcome));
    let of_attempts = told.iter().filter(|one| ["flaky", "failed-again"].contains(&one.code));
    (verdict(outcome), of_attempts.map(|one| (one.code, one.evidence.len())).collect())
}

/// How the attempts went, the verdict, and the codes about them with so much evidence.
type Case = (Vec<Option<Kind>>, Verdict, &'static [(&'static str, usize)]);

#[test]
fn the_last_attempt_counts_and_a_failure_before_it_is_a_warning() {
    let (lost, local) = (Some(Kind::ConnectionLost), Some(Kind::Local));
    let cases: [Case; 8] = [
        (vec![None], Verdict::Ok, &[]),
        (vec![lost.clone()], Verdict::Critical, &[]),
        (vec![lost.clone(), None], Verdict::Warning, &[("flaky", 1)]),
        (vec![local.clone(), None], Verdict::Warning, &[("flaky", 1)]),
        (vec![lost.clone(), local.clone(), None], Verdict::Warning, &[("flaky", 2)]),
        (vec![lost.clone(), lost.clone()], Verdict::Critical, &[("failed-again", 1)]),
        (vec![lost.clone(), local.clone()], Verdict::Unknown, &[("failed-again", 1)]),
        // Nobody repeats what has passed; a file may say so all the same.
        (vec![None, None], Verdict::Ok, &[]),
    ];
    for (attempts, expected, codes) in cases {
        let mut all: Vec<Outcome> = attempts.iter().cloned().map(attempt).collect();
        let mut last = all.pop().unwrap();
        last.earlier = all;
        assert_eq!(told(&last), (expected, codes.to_vec()), "{attempts:?}");
    }
}

#[test]
fn what_the_last_attempt_warns_of_is_told_beside_it() {
    let mut last = attempt(None);
    last.stages[0].concerns = vec![Concern::Duplicate { times: 2 }];
    last.earlier = vec![attempt(Some(Kind::ConnectionLost))];
    let told: Vec<&str> = diagnose(&last).iter().map(|one| one.code).collect();
    assert_eq!((verdict(&last), told), (Verdict::Warning, vec!["flaky", "duplicate"]));
}
