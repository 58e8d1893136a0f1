//! Which setting of the sign-in, of the address and of the clock is named first.

use mailtrip::account::Protocol;
use mailtrip::diagnose::{Certainty, Diagnosis, diagnose};
use mailtrip::failure::{Failure, Kind, Step};
use mailtrip::outcome::{Outcome, StageRecord, Status};
use mailtrip::stage::{At, Leg, Stage};

use super::{only, outcome, reply, server, two};

const IMAP: &str = "imap imap.example.net:993/tls";

fn refused(place: &str, username: &str) -> Outcome {
    let failure = Failure { reply: reply("535 5.7.8").map(Box::new), ..Failure::new(Kind::Refused { step: None }) };
    let mut place = server(place);
    username.clone_into(&mut place.username);
    outcome(place, Stage::Login, failure, vec![])
}

/// The same, where the account was let in by another server.
fn let_in(mut outcome: Outcome, leg: Leg, place: &str, username: &str) -> Outcome {
    let mut other = server(place);
    username.clone_into(&mut other.username);
    let at = At::new(leg, Stage::Login, other.protocol);
    outcome.stages.push(StageRecord { at, status: Status::Passed, ..outcome.stages[0].clone() });
    outcome.servers.push(other);
    outcome
}

#[test]
fn a_username_that_is_another_address_comes_before_the_password() {
    for (username, named) in [
        ("alcie@example.net", true),
        ("alice@example.com", true),
        ("Alice@Example.net", true),
        ("alice@example.net", false),
    ] {
        let advice = only(&refused(IMAP, username)).advice;
        assert_eq!(advice[0].contains("`username = \"alice@example.net\"`"), named, "{advice:#?}");
        assert_eq!(advice.iter().filter(|advice| advice.contains("username")).count(), 1, "{advice:#?}");
    }
}

/// Exim takes it in capital letters, and Courier does not.
#[test]
fn a_username_that_works_elsewhere_is_doubted_for_its_capital_letters_only() {
    let smtp = "smtp smtp.example.net:587/starttls";
    for (username, named) in [("Alice@Example.net", true), ("a.user@example.com", false)] {
        let outcome = let_in(refused(IMAP, username), Leg::Submission, smtp, username);
        let advice = diagnose(&outcome).remove(0).advice;
        assert_eq!(advice[0].contains("`username = \"alice@example.net\"`"), named, "{advice:#?}");
    }
}

#[test]
fn who_is_refused_on_port_25_and_let_in_elsewhere_has_the_wrong_port() {
    let name = "alice@example.net";
    let outcome = refused("smtp mail.example.net:25/starttls", name);
    let alone = only(&outcome).advice;
    assert!(!alone[0].contains("smtp.port") && alone.iter().any(|advice| advice.contains("smtp.port")), "{alone:#?}");
    let diagnosis = diagnose(&let_in(outcome, Leg::Delivery, IMAP, name)).remove(0);
    assert!(diagnosis.advice[0].contains("`smtp.port = 587`"), "{diagnosis:#?}");
}

#[test]
fn a_sign_in_that_is_answered_late_may_be_a_wrong_one() {
    for (limit_seconds, named) in [(5.0, true), (30.0, false)] {
        let late = Failure::new(Kind::Timeout { limit_seconds });
        let diagnosis = only(&outcome(server(IMAP), Stage::Login, late, vec![]));
        assert_eq!(diagnosis.advice[0].contains("username and password"), named, "{diagnosis:#?}");
    }
}

#[test]
fn a_mechanism_that_no_server_offers_is_asked_for_by_the_account() {
    let kind = || Kind::MechanismNotOffered { wanted: "CRAM-MD5".into(), offered: vec!["PLAIN".into()] };
    let both = two((Stage::Login, kind(), vec![]), (Stage::Login, kind(), vec![]));
    assert!(diagnose(&both)[0].advice[0].contains("`auth = \"auto\"`"), "{both:#?}");
}

fn sent_to(to: &str, stage: Stage, kind: Kind) -> Diagnosis {
    let place = "smtp smtp.example.net:587/starttls";
    let failure = Failure { reply: reply("550 5.1.1").map(Box::new), ..Failure::new(kind) };
    let mut outcome = outcome(server(place), stage, failure, vec![]);
    if stage == Stage::Arrival {
        outcome.stages[0].at = At::new(Leg::Delivery, stage, Protocol::Imap);
    }
    for address in [&mut outcome.from, &mut outcome.to] {
        to.clone_into(address);
    }
    diagnose(&let_in(outcome, Leg::Delivery, IMAP, "alice@example.net")).remove(0)
}

#[test]
fn where_the_mailbox_is_signed_in_to_by_another_address_that_may_be_the_right_one() {
    let unknown = || (Stage::Submit, Kind::Refused { step: Some(Step::Rcpt) });
    let lost = || (Stage::Arrival, Kind::NotArrived { waited_seconds: 9.0 });
    for (stage, kind) in [unknown(), lost()] {
        for (to, named) in [
            ("alcie@example.net", true),
            ("alice@exmaple.net", true),
            ("Alice+test@example.net", false),
            ("alice@example.net", false),
        ] {
            let diagnosis = sent_to(to, stage, kind.clone());
            let told = diagnosis.advice[0].contains("`address = \"alice@example.net\"`");
            assert_eq!(told, named, "{to}: {diagnosis:#?}");
        }
    }
}

#[test]
fn certificates_of_several_servers_do_not_end_together() {
    let expired = || (Stage::Tls, Kind::CertificateExpired { not_after: "2026-01-01T00:00:00Z".into() }, vec![]);
    let mut both = two(expired(), expired());
    let [first, _] = diagnose(&both).try_into().unwrap();
    assert_eq!(first.certainty, Certainty::Likely);
    assert!(first.advice[0].contains("clock"), "{first:#?}");
    both.stages[1].status = Status::Passed;
    let alone = only(&both);
    assert!(alone.advice[0].contains("renew"), "{alone:#?}");
    let mut one_host = two(expired(), expired());
    "smtp.example.net".clone_into(&mut one_host.servers[1].host);
    assert!(diagnose(&one_host)[0].advice[0].contains("renew"), "one certificate");
}
