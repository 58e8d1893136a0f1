//! Which host is offered where the configured one is not the right one.

use mailtrip::diagnose::diagnose;
use mailtrip::failure::{Failure, Kind, Speech};
use mailtrip::outcome::{Outcome, StageRecord, Status};
use mailtrip::stage::{At, Leg, Stage};

use super::{outcome, server};

/// An outcome with one failed stage, and, where there is one, another server of the account that was reached.
fn beside(place: &str, other: Option<&str>, stage: Stage, kind: Kind) -> Outcome {
    let mut outcome = outcome(server(place), stage, Failure::new(kind), vec![]);
    if let Some(other) = other {
        let other = server(other);
        let at = At::new(Leg::Submission, Stage::Connect, other.protocol);
        outcome.stages.push(StageRecord { at, status: Status::Passed, ..outcome.stages[0].clone() });
        outcome.servers.push(other);
    }
    outcome
}

fn first_advice(outcome: &Outcome) -> String {
    diagnose(outcome)[0].advice[0].clone()
}

const SMTP: Option<&str> = Some("smtp smtp.example.net:587/starttls");
const ONE_FOR_ALL: Option<&str> = Some("imap mail.example.net:993/tls");

#[test]
fn a_host_that_is_there_and_called_after_something_else_is_the_first_thing_to_change() {
    let cases = [
        ("smtp imap.example.net:587/starttls", None, "`smtp.host = \"smtp.example.net\"`"),
        ("smtp imap.example.net:587/starttls", ONE_FOR_ALL, "`smtp.host = \"mail.example.net\"`"),
        ("pop3 imap.example.net:995/tls", None, "`pop3.host = \"pop.example.net\"`"),
        ("imap example.net:993/tls", None, "`imap.host = \"imap.example.net\"`"),
        ("imap example.net:993/tls", SMTP, "`imap.host = \"imap.example.net\"`"),
        ("smtp example.net:587/starttls", ONE_FOR_ALL, "`smtp.host = \"mail.example.net\"`"),
        ("imap webmail.example.net:993/tls", SMTP, "`imap.host = \"imap.example.net\"`"),
        ("smtp localhost:587/starttls", ONE_FOR_ALL, "`smtp.host = \"mail.example.net\"`"),
    ];
    for kind in [Kind::ConnectionRefused, Kind::NoAnswer] {
        for (place, other, line) in cases {
            let advice = first_advice(&beside(place, other, Stage::Connect, kind.clone()));
            assert!(advice.contains(line), "{place}: {advice}");
        }
    }
}

#[test]
fn a_host_that_is_called_after_its_protocol_is_not_doubted() {
    for (place, other) in [
        ("smtp smtp.example.net:2525/starttls", ONE_FOR_ALL),
        ("imap mail.example.net:993/tls", SMTP),
        ("imap localhost:993/tls", Some("smtp localhost:587/starttls")),
        ("imap localhost:993/tls", None),
    ] {
        let advice = first_advice(&beside(place, other, Stage::Connect, Kind::ConnectionRefused));
        assert!(!advice.contains(".host ="), "{place}: {advice}");
    }
}

#[test]
fn a_name_that_was_not_found_is_compared_with_what_is_known() {
    for (place, other, line) in [
        ("smtp smpt.example.net:587/starttls", None, "`smtp.host = \"smtp.example.net\"`"),
        ("imap imap.exmaple.net:993/tls", None, "`imap.host = \"imap.example.net\"`"),
        ("imap iamp.exmaple.net:993/tls", None, "`imap.host = \"imap.example.net\"`"),
        ("imap imap.example.com:993/tls", SMTP, "`imap.host = \"imap.example.net\"`"),
        ("smtp smtp.example.net:587/starttls", ONE_FOR_ALL, "`smtp.host = \"mail.example.net\"`"),
    ] {
        let advice = first_advice(&beside(place, other, Stage::Resolve, Kind::HostNotFound));
        assert!(advice.contains(line), "{place}: {advice}");
    }
    let alone = first_advice(&beside("imap imap.example.net:993/tls", SMTP, Stage::Resolve, Kind::HostNotFound));
    assert!(alone.starts_with("Compare `imap.host`"), "{alone}");
}

#[test]
fn host_and_port_of_another_protocol_are_changed_together() {
    let wrong = Kind::WrongProtocol { speaks: Speech::Imap };
    let both = first_advice(&beside("smtp imap.example.net:993/tls", None, Stage::Greeting, wrong.clone()));
    assert!(both.contains("`smtp.host = \"smtp.example.net\"` with `smtp.port = 465`"), "{both}");
    let port = first_advice(&beside("smtp mail.example.net:993/tls", None, Stage::Greeting, wrong));
    assert!(port.starts_with("Set `smtp.port = 465`"), "{port}");
}

/// In plaintext or not, nobody signs in there.
#[test]
fn port_25_with_tls_is_the_wrong_port() {
    let plaintext = Kind::PlaintextOnTlsPort { speaks: Some(Speech::Smtp) };
    let advice = first_advice(&beside("smtp smtp.example.net:25/tls", None, Stage::Tls, plaintext));
    assert!(advice.contains("`smtp.port = 587` with `smtp.security = \"starttls\"`"), "{advice}");
}
