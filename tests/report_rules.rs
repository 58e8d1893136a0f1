//! Which diagnosis is made of what: one line a case.

use std::time::Duration;

use mailtrip::account::{Protocol, Security};
use mailtrip::diagnose::{Certainty, Diagnosis, Verdict, diagnose, verdict};
use mailtrip::failure::{Failure, Kind, Reply, Speech, Step};
use mailtrip::outcome::{Concern, Dialled, Fact, Noticed, Outcome, Server, Span, StageRecord, Status};
use mailtrip::stage::{At, Leg, Stage};

use Certainty::{Certain, Likely, Possible};

#[path = "report_rules/attempt.rs"]
mod attempt;
#[path = "support/codes.rs"]
mod codes;
#[path = "report_rules/criteria.rs"]
mod criteria;
#[path = "report_rules/delivery.rs"]
mod delivery;
#[path = "report_rules/host.rs"]
mod host;
#[path = "report_rules/sign_in.rs"]
mod sign_in;

/// An outcome with one failed stage, on one server.
fn outcome(server: Server, stage: Stage, failure: Failure, facts: Vec<Fact>) -> Outcome {
    let leg = if server.protocol == Protocol::Smtp { Leg::Submission } else { Leg::Delivery };
    let record = StageRecord {
        at: At::new(leg, stage, server.protocol),
        account: server.account.clone(),
        span: None,
        facts,
        concerns: Vec::new(),
        status: Status::Failed(failure),
    };
    Outcome {
        schema: 1,
        check: "home".to_owned(),
        from: "alice@example.net".to_owned(),
        to: "alice@example.net".to_owned(),
        began: "2026-11-23T10:00:00Z".parse().unwrap(),
        seconds: std::time::Duration::from_secs(1),
        tag: "tag".to_owned(),
        servers: vec![server],
        stages: vec![record],
        criteria: Default::default(),
        earlier: Vec::new(),
        streak: None,
        conversations: Vec::new(),
    }
}

/// `smtp smtp.example.net:587/starttls`, the username being the full address.
fn server(text: &str) -> Server {
    let (protocol, location) = text.split_once(' ').unwrap();
    let location: mailtrip::account::Location = location.parse().unwrap();
    let protocol = match protocol {
        "smtp" => Protocol::Smtp,
        "imap" => Protocol::Imap,
        _ => Protocol::Pop3,
    };
    Server {
        account: "alice".to_owned(),
        protocol,
        host: location.host,
        port: location.port,
        security: location.security,
        username: "alice@example.net".to_owned(),
    }
}

fn only(outcome: &Outcome) -> Diagnosis {
    let mut diagnoses = diagnose(outcome);
    assert_eq!(diagnoses.len(), 1, "{diagnoses:?}");
    assert!(codes::have_their_verdicts(outcome), "{diagnoses:?}");
    diagnoses.remove(0)
}

/// `535 5.7.8`, or an IMAP response code.
fn reply(text: &str) -> Option<Reply> {
    let mut words = text.split(' ');
    let code = words.next()?.parse().ok();
    Some(match code {
        Some(_) => Reply { code, enhanced: words.next().map(str::to_owned), ..Reply::default() },
        None => Reply { status: Some("NO".into()), response_code: Some(text.into()), ..Reply::default() },
    })
}

/// An outcome of two servers, each with one failed stage.
fn two(first: (Stage, Kind, Vec<Fact>), second: (Stage, Kind, Vec<Fact>)) -> Outcome {
    let one = |place: &str, (stage, kind, facts)| outcome(server(place), stage, Failure::new(kind), facts);
    let mut both = one("smtp smtp.example.net:587/starttls", first);
    let other = one("imap imap.example.net:993/tls", second);
    both.servers.extend(other.servers);
    both.stages.extend(other.stages);
    both
}

#[test]
fn a_machine_without_a_network_says_nothing_of_the_mailbox() {
    let tried = |results: &[(&str, Dialled)]| {
        let fact = |&(address, result): &(&str, Dialled)| Fact::Address {
            address: address.to_owned(),
            result,
            seconds: 0.0,
            used: false,
        };
        (Stage::Connect, Kind::Unreachable, results.iter().map(fact).collect::<Vec<Fact>>())
    };
    let no_resolver = || (Stage::Resolve, Kind::ResolverFailed, vec![]);
    let no_way = || tried(&[("192.0.2.1:993", Dialled::NoRoute), ("[2001:db8::1]:993", Dialled::NoRoute)]);
    for (first, second) in [(no_resolver(), no_resolver()), (no_resolver(), no_way()), (no_way(), no_way())] {
        let outcome = two(first, second);
        let diagnoses = diagnose(&outcome);
        assert_eq!((diagnoses[0].code, diagnoses[0].certainty, diagnoses.len()), ("offline", Likely, 3));
        assert_eq!(verdict(&outcome), Verdict::Unknown);
    }
    for other in [
        (Stage::Resolve, Kind::HostNotFound, vec![]),
        (Stage::Connect, Kind::ConnectionRefused, vec![]),
        (Stage::Connect, Kind::NoAnswer, vec![]),
        (Stage::Greeting, Kind::ConnectionLost, vec![]),
        tried(&[("192.0.2.1:993", Dialled::NoRoute), ("192.0.2.2:993", Dialled::Unreachable)]),
        tried(&[]),
        // In no time, nothing is looked up anywhere.
        (Stage::Resolve, Kind::Timeout { limit_seconds: 0.001 }, vec![]),
    ] {
        let outcome = two(no_resolver(), other);
        assert!(diagnose(&outcome).iter().all(|diagnosis| diagnosis.code != "offline"), "{outcome:?}");
        assert_eq!(verdict(&outcome), Verdict::Critical);
    }
    let alone =
        outcome(server("imap imap.example.net:993/tls"), Stage::Resolve, Failure::new(Kind::ResolverFailed), vec![]);
    assert_eq!(verdict(&alone), Verdict::Critical);
}

/// Codes, and those of what they follow from.
fn roots(outcome: &Outcome) -> Vec<(&'static str, Option<&'static str>)> {
    let diagnoses = diagnose(outcome);
    assert!(codes::have_their_verdicts(outcome), "{diagnoses:?}");
    diagnoses.iter().map(|diagnosis| (diagnosis.code, diagnosis.follows_from.map(|root| root.code))).collect()
}

#[test]
fn what_has_one_cause_follows_from_the_first() {
    let refused = || (Stage::Login, Kind::Refused { step: None }, vec![]);
    let both = two(refused(), refused());
    assert_eq!(roots(&both), [("login-refused", None), ("login-refused", Some("login-refused"))]);
    let [root, follower] = diagnose(&both).try_into().unwrap();
    assert!(!follower.advice.iter().any(|advice| root.advice.contains(advice)), "nothing is said twice: {follower:#?}");
    let mut others = two(refused(), refused());
    "bob".clone_into(&mut others.servers[1].username);
    assert_eq!(roots(&others), [("login-refused", None); 2], "another username");
    let expired = || (Stage::Tls, Kind::CertificateExpired { not_after: "2026-01-01T00:00:00Z".into() }, vec![]);
    assert_eq!(roots(&two(expired(), expired())), [("certificate-expired", None); 2], "two hosts");
    let mut one_host = two(expired(), expired());
    "SMTP.example.net".clone_into(&mut one_host.servers[1].host);
    assert_eq!(roots(&one_host)[1], ("certificate-expired", Some("certificate-expired")));
    let closed = || (Stage::Connect, Kind::ConnectionRefused, vec![]);
    let mut ports = two(closed(), closed());
    "smtp.example.net".clone_into(&mut ports.servers[1].host);
    assert_eq!(roots(&ports), [("connection-refused", None); 2], "two ports are two settings");
    let encrypt = || (Stage::Login, Kind::CleartextForbidden, vec![]);
    assert_eq!(roots(&two(encrypt(), encrypt())), [("cleartext-forbidden", None); 2], "two settings");
    assert_eq!(
        roots(&two(refused(), closed())),
        [("connection-refused", None), ("login-refused", None)],
        "the surer first"
    );
}

/// What the clean-up could not do stands behind what it was hindered by, although that is about another stage.
#[test]
fn what_is_left_behind_follows_from_what_went_wrong() {
    let lost = two(
        (Stage::Submit, Kind::Uncertain, vec![]),
        (Stage::Arrival, Kind::NotArrived { waited_seconds: 9.0 }, vec![]),
    );
    let mut outcome = lost.clone();
    let cleanup = StageRecord {
        at: At::new(Leg::Cleanup, Stage::Remove, Protocol::Imap),
        concerns: vec![Concern::MayArrive],
        status: Status::Passed,
        ..outcome.stages[1].clone()
    };
    outcome.stages.push(cleanup);
    let uncertain = Some("submission-uncertain");
    let expected = [("submission-uncertain", None), ("not-arrived", uncertain), ("may-arrive", uncertain)];
    assert_eq!(roots(&outcome), expected);
    let mut cut = two((Stage::Submit, Kind::Uncertain, vec![]), (Stage::Arrival, Kind::ConnectionLost, vec![]));
    let concerns = vec![Concern::NotLookedInto { folder: "INBOX".into(), why: "the connection was cut".into() }];
    cut.stages.push(StageRecord { concerns, ..outcome.stages[2].clone() });
    assert_eq!(roots(&cut).last(), Some(&("not-looked-into", Some("connection-lost"))));
    let mut short = cut.clone();
    short.stages.remove(1);
    short.stages[1].status = Status::Failed(Failure::new(Kind::Timeout { limit_seconds: 0.001 }));
    assert_eq!(roots(&short)[1..], [("limit-too-short", None), ("not-looked-into", Some("limit-too-short"))]);
    cut.stages[2].at.protocol = Protocol::Pop3;
    assert_eq!(roots(&cut).last(), Some(&("not-looked-into", None)), "another server");
}

#[test]
fn a_refused_sign_in_is_told_apart_by_its_codes() {
    let cases = [
        ("smtp smtp.example.net:587/starttls", "535 5.7.8", "login-refused", Likely),
        ("smtp smtp.example.net:587/starttls", "454 4.7.0", "login-temporarily-refused", Likely),
        ("smtp smtp.example.net:587/starttls", "538 5.7.11", "login-needs-encryption", Certain),
        ("smtp smtp.example.net:25/none", "530 5.7.0", "login-needs-encryption", Certain),
        ("smtp smtp.example.net:587/starttls", "504 5.5.4", "mechanism-refused", Likely),
        ("smtp smtp.gmail.com:465/tls", "534 5.7.9", "app-password-needed", Certain),
        ("smtp smtp.gmail.com:465/tls", "535 5.7.8", "app-password-needed", Likely),
        ("smtp smtp.gmail.com:465/tls", "534 5.7.14", "app-password-needed", Likely),
        ("smtp smtp.office365.com:587/starttls", "550 5.7.30", "basic-auth-disabled", Certain),
        ("smtp smtp.office365.com:587/starttls", "535 5.7.139", "basic-auth-disabled", Likely),
        ("smtp smtp.office365.com:587/starttls", "535 5.7.3", "oauth-needed", Likely),
        ("imap imap.example.net:993/tls", "AUTHENTICATIONFAILED", "login-refused", Likely),
        ("imap imap.example.net:993/tls", "UNAVAILABLE", "login-temporarily-refused", Likely),
        ("imap imap.example.net:993/tls", "EXPIRED", "password-expired", Certain),
        ("imap imap.example.net:993/tls", "AUTHORIZATIONFAILED", "login-not-permitted", Likely),
        ("imap imap.example.net:993/tls", "WEBALERT https://example.net", "web-login-needed", Likely),
        ("imap imap.example.net:993/tls", "ALERT", "login-refused", Possible),
    ];
    for (place, answer, code, certainty) in cases {
        let failure = Failure { reply: reply(answer).map(Box::new), ..Failure::new(Kind::Refused { step: None }) };
        let diagnosis = only(&outcome(server(place), Stage::Login, failure, vec![]));
        assert_eq!((diagnosis.code, diagnosis.certainty), (code, certainty), "{place} {answer}");
    }
}

#[test]
fn a_refused_message_is_told_apart_by_step_and_codes() {
    let cases = [
        (Step::Mail, "530 5.7.0", "authentication-required"),
        (Step::Mail, "550 5.7.1", "sender-not-owned"),
        (Step::Rcpt, "553 5.7.1", "sender-not-owned"),
        (Step::Message, "550 5.7.60", "sender-not-owned"),
        (Step::Mail, "550 5.1.8", "sender-address-refused"),
        (Step::Mail, "552 5.3.4", "message-too-large"),
        (Step::Rcpt, "550 5.1.1", "recipient-unknown"),
        (Step::Rcpt, "550", "recipient-unknown"),
        (Step::Rcpt, "550 5.1.2", "recipient-domain"),
        (Step::Rcpt, "554 5.7.1", "relay-denied"),
        (Step::Rcpt, "450 4.2.0", "greylisted"),
        (Step::Rcpt, "451 4.7.1", "greylisted"),
        (Step::Rcpt, "450 4.1.8", "sender-address-refused"),
        (Step::Rcpt, "452 4.2.2", "mailbox-full"),
        (Step::Message, "552 5.2.2", "mailbox-full"),
        (Step::Message, "452 4.3.1", "submission-temporarily-refused"),
        (Step::Data, "421 4.7.0", "sending-limit"),
        (Step::Message, "550 5.7.26", "sender-not-authenticated"),
        (Step::Message, "554 5.7.1", "message-refused"),
        (Step::Data, "503 5.5.1", "submission-refused"),
    ];
    for (step, answer, code) in cases {
        let failure =
            Failure { reply: reply(answer).map(Box::new), ..Failure::new(Kind::Refused { step: Some(step) }) };
        let place = server("smtp smtp.example.net:587/starttls");
        let diagnosis = only(&outcome(place, Stage::Submit, failure, vec![]));
        assert_eq!(diagnosis.code, code, "{step} {answer}");
    }
}

#[test]
fn a_wrong_setting_is_named_with_the_right_one() {
    let timeout = Kind::Timeout { limit_seconds: 30.0 };
    let plaintext = |speaks| Kind::PlaintextOnTlsPort { speaks };
    let offered = Kind::NoMechanism { offered: vec!["XOAUTH2".into()] };
    let names =
        Kind::CertificateWrongName { names: vec!["x.example.com".into(), "mail.example.net".into()], issuer: None };
    let cases = [
        (
            "imap imap.centurylink.net:993/tls",
            Stage::Resolve,
            Kind::HostNotFound,
            "CenturyLink publishes `imap = { host = \"mail.centurylink.net\", port = 993, security = \"tls\" }`",
        ),
        ("smtp a.example:587/tls", Stage::Tls, plaintext(Some(Speech::Smtp)), "`smtp.security = \"starttls\"`"),
        ("smtp a.example:465/starttls", Stage::Greeting, timeout.clone(), "`smtp.security = \"tls\"`"),
        ("imap a.example:993/none", Stage::Greeting, Kind::ConnectionLost, "`imap.security = \"tls\"`"),
        ("pop3 a.example:995/starttls", Stage::Greeting, timeout.clone(), "`pop3.port = 110`"),
        ("smtp a.example:25/starttls", Stage::Connect, Kind::NoAnswer, "`smtp.port = 587`"),
        ("smtp a.example:25/starttls", Stage::Connect, timeout, "`smtp.port = 587`"),
        ("imap a.example:995/tls", Stage::Connect, Kind::ConnectionRefused, "`imap.port = 993`"),
        ("imap a.example:143/starttls", Stage::Starttls, Kind::StarttlsNotOffered, "`imap.port = 993`"),
        ("smtp a.example:587/starttls", Stage::Login, offered, "Give the account a token instead"),
        ("imap imap.example.net:993/tls", Stage::Tls, names, "`imap.host = \"mail.example.net\"`"),
    ];
    for (place, stage, kind, advice) in cases {
        let diagnosis = only(&outcome(server(place), stage, Failure::new(kind), vec![]));
        assert!(diagnosis.advice.iter().any(|text| text.contains(advice)), "{place}: {diagnosis:#?}");
    }
}

#[test]
fn a_host_with_only_ipv6_is_recognised_by_its_addresses() {
    let address = |address: &str| Fact::Address {
        address: address.to_owned(),
        result: Dialled::NoRoute,
        seconds: 0.0,
        used: false,
    };
    let place = || server("imap imap.example.net:993/tls");
    let facts = vec![address("[2001:db8::1]:993")];
    let diagnosis = only(&outcome(place(), Stage::Connect, Failure::new(Kind::Unreachable), facts));
    assert_eq!(diagnosis.code, "only-ipv6");
    let facts = vec![address("[2001:db8::1]:993"), address("192.0.2.1:993")];
    let diagnosis = only(&outcome(place(), Stage::Connect, Failure::new(Kind::Unreachable), facts));
    assert_eq!(diagnosis.code, "unreachable");
}

#[test]
fn a_host_that_is_to_be_reached_by_ipv6_only_is_not_said_to_have_nothing_else() {
    let address = "[2001:db8::1]:993".to_owned();
    let facts = vec![Fact::Address { address, result: Dialled::NoRoute, seconds: 0.0, used: false }];
    let place = server("imap imap.example.net:993/tls");
    let mut outcome = outcome(place, Stage::Connect, Failure::new(Kind::Unreachable), facts);
    let resolved = StageRecord {
        at: At::new(Leg::Delivery, Stage::Resolve, Protocol::Imap),
        facts: vec![Fact::Addresses { addresses: vec!["2001:db8::1".into(), "192.0.2.1".into()] }],
        status: Status::Passed,
        ..outcome.stages[0].clone()
    };
    outcome.stages.insert(0, resolved);
    let diagnosis = only(&outcome);
    assert_eq!(diagnosis.code, "only-ipv6");
    assert!(!diagnosis.cause.contains("has only IPv6"), "{diagnosis:#?}");
    assert!(diagnosis.advice[1].contains("`imap.address_family`"), "{diagnosis:#?}");
}

#[test]
fn a_username_without_domain_is_a_cause_unless_the_provider_wants_it_so() {
    let refused =
        || Failure { reply: reply("AUTHENTICATIONFAILED").map(Box::new), ..Failure::new(Kind::Refused { step: None }) };
    for (place, code) in
        [("imap imap.example.net:993/tls", "username-without-domain"), ("imap imap.web.de:993/tls", "login-refused")]
    {
        let facts = vec![Fact::UsernameWithoutDomain { username: "alice".to_owned() }];
        let mut place = server(place);
        "alice".clone_into(&mut place.username);
        assert_eq!(place.security, Security::Tls);
        assert_eq!(only(&outcome(place, Stage::Login, refused(), facts)).code, code);
    }
}

/// Gmail wants an app password, but it is the white space that was seen; 534 5.7.9 says what it is.
#[test]
fn white_space_in_a_password_comes_before_what_the_provider_may_want() {
    for (answer, code) in [("535 5.7.8", "password-edge-whitespace"), ("534 5.7.9", "app-password-needed")] {
        let failure = Failure { reply: reply(answer).map(Box::new), ..Failure::new(Kind::Refused { step: None }) };
        let place = server("smtp smtp.gmail.com:465/tls");
        let diagnosis = only(&outcome(place, Stage::Login, failure, vec![Fact::PasswordEdgeWhitespace]));
        assert_eq!(diagnosis.code, code);
        assert_eq!(
            diagnosis.advice.iter().filter(|advice| advice.contains("white space")).count(),
            1,
            "{diagnosis:#?}"
        );
    }
}

/// Courier, which needs none: what SMTP has just taken is not what POP3 refuses.
#[test]
fn a_username_that_works_elsewhere_is_not_what_is_wrong() {
    for (elsewhere, code) in [("alice", "login-refused"), ("alice@example.net", "username-without-domain")] {
        let mut place = server("pop3 pop.example.net:995/tls");
        "alice".clone_into(&mut place.username);
        let refused = Failure { reply: reply("AUTH").map(Box::new), ..Failure::new(Kind::Refused { step: None }) };
        let facts = vec![Fact::UsernameWithoutDomain { username: "alice".to_owned() }];
        let mut outcome = outcome(place, Stage::Login, refused, facts);
        let mut smtp = server("smtp smtp.example.net:587/starttls");
        elsewhere.clone_into(&mut smtp.username);
        outcome.servers.push(smtp);
        let at = At::new(Leg::Submission, Stage::Login, Protocol::Smtp);
        let status = Status::Passed;
        outcome.stages.insert(0, StageRecord { at, facts: Vec::new(), status, ..outcome.stages[0].clone() });
        assert_eq!(only(&outcome).code, code);
    }
}

#[test]
fn a_limit_that_is_short_is_suspected_before_the_server() {
    let silent =
        |seconds| Fact::Address { address: "192.0.2.1:993".into(), result: Dialled::NoAnswer, seconds, used: false };
    for (stage, kind, facts, code, key) in [
        (Stage::Login, Kind::Timeout { limit_seconds: 0.2 }, vec![], "limit-too-short", "`stage_timeout`"),
        (Stage::Login, Kind::Timeout { limit_seconds: 30.0 }, vec![], "timeout", "`stage_timeout`"),
        (Stage::Connect, Kind::NoAnswer, vec![silent(0.1)], "limit-too-short", "`stage_timeout`"),
        (Stage::Connect, Kind::NoAnswer, vec![silent(30.0)], "no-answer", "`imap.host`"),
    ] {
        let diagnosis = only(&outcome(server("imap imap.example.net:993/tls"), stage, Failure::new(kind), facts));
        assert_eq!(diagnosis.code, code);
        assert!(diagnosis.advice.iter().any(|advice| advice.contains(key)), "{diagnosis:#?}");
    }
}

/// It makes a connection of its own where the old one is lost, whose addresses are not on record.
#[test]
fn a_clean_up_that_has_no_time_to_connect_has_a_short_limit() {
    for (took, code) in [(0.001, "limit-too-short"), (15.0, "no-answer")] {
        let place = server("imap imap.example.net:993/tls");
        let mut outcome = outcome(place, Stage::Remove, Failure::new(Kind::NoAnswer), vec![]);
        outcome.stages[0].at.leg = Leg::Cleanup;
        outcome.stages[0].span = Some(Span { began: Duration::ZERO, took: Duration::from_secs_f64(took) });
        let diagnoses = diagnose(&outcome);
        let diagnosis = diagnoses.iter().find(|diagnosis| diagnosis.stage == Some(0)).expect("it is told");
        assert_eq!(diagnosis.code, code);
        assert!(took > 1.0 || diagnosis.advice[0].contains("`cleanup_timeout`"), "{diagnosis:#?}");
    }
}

#[test]
fn a_blocked_port_25_is_the_matter_of_smtp() {
    let blocked = |place| only(&outcome(server(place), Stage::Connect, Failure::new(Kind::NoAnswer), vec![]));
    assert_eq!(blocked("smtp smtp.example.net:25/starttls").code, "port-25-blocked");
    let imap = blocked("imap imap.example.net:25/tls");
    assert_eq!(imap.code, "no-answer");
    assert!(imap.advice[0].contains("`imap.port = 993`"), "a port of SMTP, before firewalls: {imap:#?}");
}

#[test]
fn a_mechanism_that_is_asked_for_and_not_offered_is_the_setting() {
    let kind = Kind::MechanismNotOffered { wanted: "SCRAM-SHA-256".into(), offered: vec!["PLAIN".into()] };
    let diagnosis = only(&outcome(server("imap imap.example.net:993/tls"), Stage::Login, Failure::new(kind), vec![]));
    assert_eq!((diagnosis.code, diagnosis.certainty), ("mechanism-not-offered", Certain));
    assert!(diagnosis.advice[0].contains("`imap.auth = \"auto\"`"), "{diagnosis:#?}");
}

/// popa3d and Solid POP3 wait for the lock without a word.
#[test]
fn where_pop3_is_silent_the_mailbox_may_be_locked() {
    for (place, stage, locked) in [
        ("pop3 pop.example.net:995/tls", Stage::Login, true),
        ("pop3 pop.example.net:995/tls", Stage::Arrival, true),
        ("pop3 pop.example.net:995/tls", Stage::Baseline, false),
        ("imap imap.example.net:993/tls", Stage::Login, false),
    ] {
        let silent = Failure::new(Kind::Timeout { limit_seconds: 30.0 });
        let diagnosis = only(&outcome(server(place), stage, silent, vec![]));
        assert_eq!(diagnosis.code, "timeout");
        assert_eq!(diagnosis.advice[1].contains("lets in one at a time"), locked, "{diagnosis:#?}");
    }
}

#[test]
fn a_mailbox_that_is_locked_is_told_apart_from_a_wrong_password() {
    let refused = || Kind::Refused { step: None };
    let locked_out = || Kind::LockedOut { times: 4, waited_seconds: 60.0 };
    let cases = [
        (Stage::Login, refused(), Some("IN-USE"), "mailbox-locked", Certain),
        (Stage::Login, refused(), Some("LOGIN-DELAY"), "login-too-soon", Certain),
        (Stage::Login, refused(), Some("SYS/TEMP"), "login-temporarily-refused", Likely),
        (Stage::Login, refused(), Some("AUTH"), "login-refused", Likely),
        (Stage::Login, refused(), None, "login-refused", Possible),
        (Stage::Greeting, refused(), Some("IN-USE"), "mailbox-locked", Certain),
        (Stage::Greeting, refused(), Some("SYS/TEMP"), "login-temporarily-refused", Certain),
        (Stage::Arrival, locked_out(), Some("IN-USE"), "mailbox-locked", Certain),
        (Stage::Arrival, locked_out(), Some("LOGIN-DELAY"), "login-too-soon", Certain),
        (Stage::Arrival, locked_out(), Some("SYS/TEMP"), "login-temporarily-refused", Certain),
        (Stage::Arrival, locked_out(), None, "mailbox-locked", Likely),
    ];
    for (stage, kind, code, diagnosis, certainty) in cases {
        let reply = Reply { status: Some("-ERR".into()), response_code: code.map(str::to_owned), ..Reply::default() };
        let failure = Failure { reply: Some(Box::new(reply)), ..Failure::new(kind) };
        let found = only(&outcome(server("pop3 pop.example.net:995/tls"), stage, failure, vec![]));
        assert_eq!((found.code, found.certainty), (diagnosis, certainty), "{stage} {code:?}");
        if diagnosis == "mailbox-locked" {
            assert!(found.advice[0].contains("phone"), "{found:#?}");
        }
    }
}

/// Courier's POP3 server wants 10 seconds between two sign-ins unless it is told otherwise, Cyrus announces none.
#[test]
fn an_arrival_that_was_seen_late_because_of_the_servers_pause_says_so() {
    for (announced, earlier_by_at_most_seconds, told) in [
        ("LOGIN-DELAY 10", 9.9, true),
        ("LOGIN-DELAY 10", 0.4, false),
        ("LOGIN-DELAY 0", 9.9, false),
        ("TOP", 9.9, false),
    ] {
        let arrived =
            Fact::Arrived { folder: "INBOX".into(), uid: None, noticed: Noticed::Asked, earlier_by_at_most_seconds };
        let capabilities = Fact::Capabilities { names: vec!["USER".into(), announced.into()] };
        let place = server("pop3 pop.example.net:995/tls");
        let mut outcome = outcome(place, Stage::Arrival, Failure::new(Kind::Local), vec![capabilities, arrived]);
        outcome.stages[0].status = Status::Passed;
        let notes: Vec<_> = diagnose(&outcome).into_iter().filter(|note| note.code == "login-delay").collect();
        assert_eq!(notes.len(), usize::from(told), "{announced} {notes:#?}");
        assert!(notes.iter().all(|note| note.cause.contains("pop.example.net wants 10 s")), "{notes:#?}");
    }
}

/// An access token that was fetched, and then the sign-in that was refused.
fn refused_token(place: &str, failure: Failure) -> Outcome {
    let mut outcome = outcome(server(place), Stage::Login, failure, vec![]);
    let mut token = outcome.stages[0].clone();
    token.at.stage = Stage::Token;
    token.status = Status::Passed;
    token.facts = vec![Fact::Token {
        from: "command".into(),
        lifetime_seconds: None,
        scope: None,
        again: false,
        another_refresh_token: false,
    }];
    outcome.stages.insert(0, token);
    outcome
}

#[test]
fn a_provider_that_gives_no_token_is_told_by_its_own_words() {
    for (error, code, advice) in [
        ("invalid_grant", "token-consent-lost", "Sign in and consent again"),
        ("invalid_client", "token-client-refused", "`client_id` and `client_secret`"),
        ("invalid_scope", "token-scope-refused", "Check `scope`"),
        ("temporarily_unavailable", "token-temporarily-refused", "Try again"),
        ("something_else", "token-refused", "its own words"),
    ] {
        let description = Some("AADSTS70000: in other words".to_owned());
        let kind = Kind::TokenRefused { error: error.into(), description };
        let diagnosis = only(&outcome(server("imap imap.gmail.com:993/tls"), Stage::Token, Failure::new(kind), vec![]));
        assert_eq!(diagnosis.code, code);
        assert!(diagnosis.advice[0].contains(advice), "{diagnosis:#?}");
        assert!(diagnosis.evidence.iter().any(|text| text.contains("AADSTS70000")), "{diagnosis:#?}");
    }
    for (kind, code) in [
        (Kind::TokenUnavailable { status: 200 }, "token-unavailable"),
        (Kind::TokenUnavailable { status: 503 }, "token-temporarily-refused"),
        (Kind::CertificateSelfSigned { issuer: None }, "token-unavailable"),
        (Kind::HostNotFound, "token-unavailable"),
        (Kind::Timeout { limit_seconds: 30.0 }, "token-unavailable"),
        (Kind::Local, "token-command-failed"),
    ] {
        let failure = Failure::new(kind).detail("https://login.example.net/token");
        let diagnosis = only(&outcome(server("imap imap.gmail.com:993/tls"), Stage::Token, failure, vec![]));
        assert_eq!(diagnosis.code, code);
        assert_eq!(diagnosis.evidence, ["https://login.example.net/token"], "not the mail server");
    }
}

#[test]
fn a_token_that_is_not_taken_is_no_wrong_password() {
    let refusal = |code: Option<u16>, enhanced: Option<&str>| {
        let status = if code.is_none() { Some("NO".to_owned()) } else { None };
        Failure::refused(Reply { code, enhanced: enhanced.map(str::to_owned), status, ..Reply::default() })
    };
    let told = r#"{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}"#;
    let google = refused_token("smtp smtp.gmail.com:465/tls", refusal(Some(535), Some("5.7.8")).detail(told));
    let diagnosis = only(&google);
    assert_eq!(diagnosis.code, "token-not-accepted");
    assert!(diagnosis.advice[0].contains("the scope https://mail.google.com/"), "{diagnosis:#?}");
    let place = "smtp smtp.office365.com:587/starttls";
    let diagnosis = only(&refused_token(place, refusal(Some(535), Some("5.7.139"))));
    assert_eq!(diagnosis.code, "submission-switched-off");
    let diagnosis = only(&refused_token("imap outlook.office365.com:993/tls", refusal(None, None)));
    assert_eq!(diagnosis.code, "token-not-accepted");
    assert!(diagnosis.advice[0].contains("IMAP.AccessAsUser.All"), "{diagnosis:#?}");
    assert!(diagnosis.advice.iter().any(|advice| advice.contains("Switch IMAP on")), "{diagnosis:#?}");
    let offered = Failure::new(Kind::NoMechanism { offered: vec!["PLAIN".into()] });
    assert_eq!(only(&refused_token(place, offered)).code, "no-token-mechanism");
}

#[test]
fn what_one_protocol_shows_and_the_other_does_not_has_arrived() {
    let missing = Failure::new(Kind::NotArrived { waited_seconds: 30.0 });
    let arrived = |folder: &str| Fact::Arrived {
        folder: folder.to_owned(),
        uid: None,
        noticed: mailtrip::outcome::Noticed::Asked,
        earlier_by_at_most_seconds: 0.0,
    };
    for (lacks, shows, folder, advice) in [
        ("pop3 pop.example.net:995/tls", Protocol::Imap, "INBOX", "Look at the POP3 settings"),
        ("pop3 pop.example.net:995/tls", Protocol::Imap, "Junk", "what is in Junk it never does"),
        ("imap imap.example.net:993/tls", Protocol::Pop3, "INBOX", "the same mailbox"),
    ] {
        let mut outcome = outcome(server(lacks), Stage::Arrival, missing.clone(), Vec::new());
        assert_eq!(only(&outcome).code, "not-arrived");
        let mut other = outcome.stages[0].clone();
        (other.at.protocol, other.facts, other.status) = (shows, vec![arrived(folder)], Status::Passed);
        outcome.stages.push(other);
        let diagnosis = only(&outcome);
        assert_eq!((diagnosis.code, diagnosis.certainty), ("one-protocol-only", Certain));
        assert!(diagnosis.cause.contains(&format!("in {folder} by {shows}")), "{}", diagnosis.cause);
        assert!(diagnosis.advice[0].contains(advice), "{diagnosis:#?}");
    }
}

/// A failure of the opening, as the first diagnosis has it.
fn opening(place: &str, stage: Stage, kind: Kind) -> Diagnosis {
    only(&outcome(server(place), stage, Failure::new(kind), vec![]))
}

#[test]
fn another_protocol_on_the_port_is_named_with_the_line_to_change() {
    use Speech::{Http, Imap, Pop3, Smtp, Ssh};
    let wrong = |speaks| Kind::WrongProtocol { speaks };
    let plaintext = |speaks| Kind::PlaintextOnTlsPort { speaks: Some(speaks) };
    for (place, stage, kind, certainty, heard, advice) in [
        ("smtp a.example:143/starttls", Stage::Greeting, wrong(Imap), Certain, "an IMAP server", "`smtp.port = 587`"),
        ("smtp a.example:993/tls", Stage::Greeting, wrong(Imap), Certain, "an IMAP server", "`smtp.port = 465`"),
        ("smtp a.example:110/starttls", Stage::Greeting, wrong(Pop3), Certain, "a POP3 server", "`smtp.port = 587`"),
        ("smtp a.example:587/starttls", Stage::Greeting, wrong(Imap), Certain, "an IMAP server", "Set `smtp.host`"),
        ("smtp a.example:465/tls", Stage::Greeting, wrong(Http), Certain, "a web server", "Set `smtp.host`"),
        ("smtp a.example:22/none", Stage::Greeting, wrong(Ssh), Certain, "an SSH server", "`smtp.port = 587`"),
        ("imap a.example:465/tls", Stage::Greeting, wrong(Smtp), Certain, "an SMTP server", "`imap.port = 993`"),
        ("imap a.example:587/starttls", Stage::Greeting, wrong(Smtp), Certain, "an SMTP server", "`imap.port = 143`"),
        ("imap a.example:143/starttls", Stage::Greeting, wrong(Smtp), Likely, "an SMTP server", "Set `imap.host`"),
        ("imap a.example:21/starttls", Stage::Greeting, wrong(Smtp), Likely, "an FTP server", "`imap.port = 143`"),
        ("imap a.example:995/tls", Stage::Greeting, wrong(Pop3), Certain, "a POP3 server", "`imap.port = 993`"),
        ("imap a.example:443/tls", Stage::Greeting, wrong(Http), Certain, "a web server", "`imap.port = 993`"),
        ("pop3 a.example:143/starttls", Stage::Greeting, wrong(Imap), Certain, "an IMAP server", "`pop3.port = 110`"),
        ("pop3 a.example:465/tls", Stage::Greeting, wrong(Smtp), Certain, "an SMTP server", "`pop3.port = 995`"),
        ("smtp a.example:22/tls", Stage::Tls, plaintext(Ssh), Certain, "an SSH server", "`smtp.port = 465`"),
        ("smtp a.example:80/tls", Stage::Tls, plaintext(Http), Certain, "a web server", "`smtp.port = 465`"),
        ("smtp a.example:143/tls", Stage::Tls, plaintext(Imap), Certain, "an IMAP server", "`smtp.port = 465`"),
        ("imap a.example:993/tls", Stage::Tls, plaintext(Ssh), Certain, "an SSH server", "Set `imap.host`"),
        ("imap a.example:587/tls", Stage::Tls, plaintext(Smtp), Certain, "an SMTP server", "`imap.port = 993`"),
    ] {
        let diagnosis = opening(place, stage, kind);
        let port = server(place).port;
        assert_eq!((diagnosis.code, diagnosis.certainty), ("wrong-protocol", certainty), "{place}");
        assert!(diagnosis.cause.starts_with(&format!("Port {port} of a.example is {heard}, and ")), "{diagnosis:#?}");
        assert!(diagnosis.advice[0].contains(advice), "{place}: {diagnosis:#?}");
    }
    let named = opening("smtp imap.example.net:587/starttls", Stage::Greeting, wrong(Imap));
    assert!(named.advice[0].starts_with("Set `smtp.host = \"smtp.example.net\"`"), "{named:#?}");
    let named = opening("smtp imap.example.net:993/tls", Stage::Greeting, wrong(Imap));
    assert!(named.advice.iter().any(|advice| advice.contains("`smtp.host = \"smtp.example.net\"`")), "{named:#?}");
    let own = opening("smtp a.example:587/tls", Stage::Tls, plaintext(Smtp));
    assert_eq!(own.code, "plaintext-on-tls-port", "the protocol is right, the security is not");
}

/// Who comes for STARTTLS to a port for TLS waits, and so does the server; and a web server waits to be asked.
#[test]
fn a_silent_port_is_known_by_its_number() {
    let timeout = Kind::Timeout { limit_seconds: 30.0 };
    for (place, stage, kind, service, advice) in [
        ("smtp a.example:993/starttls", Stage::Greeting, timeout.clone(), "an IMAP server", "`smtp.port = 587`"),
        ("imap a.example:465/starttls", Stage::Greeting, Kind::ConnectionLost, "an SMTP server", "`imap.port = 143`"),
        ("smtp a.example:443/tls", Stage::Greeting, timeout.clone(), "a web server", "`smtp.port = 465`"),
        ("imap a.example:443/tls", Stage::Greeting, Kind::ConnectionLost, "a web server", "`imap.port = 993`"),
        ("pop3 a.example:80/starttls", Stage::Greeting, timeout.clone(), "a web server", "`pop3.port = 110`"),
        ("pop3 a.example:22/tls", Stage::Tls, Kind::TlsClosed, "an SSH server", "`pop3.port = 995`"),
    ] {
        let diagnosis = opening(place, stage, kind);
        assert_eq!((diagnosis.code, diagnosis.certainty), ("wrong-protocol", Likely), "{place}");
        assert!(diagnosis.cause.contains(service) && diagnosis.advice[0].contains(advice), "{diagnosis:#?}");
    }
    for (place, code) in [
        ("smtp a.example:465/starttls", "silent-tls-port"),
        ("smtp a.example:2526/starttls", "silent-tls-port"),
        ("imap a.example:993/tls", "timeout"),
    ] {
        assert_eq!(opening(place, Stage::Greeting, timeout.clone()).code, code, "{place}");
    }
    let unasked = opening("smtp a.example:4430/tls", Stage::Greeting, timeout.clone());
    assert!(unasked.advice.iter().any(|advice| advice.contains("until it is asked")), "{unasked:#?}");
    let greeted = vec![Fact::Greeting { text: "ready".into() }];
    let place = server("smtp a.example:993/starttls");
    assert_eq!(only(&outcome(place, Stage::Greeting, Failure::new(timeout), greeted)).code, "timeout");
}

/// FTP greets as SMTP does: it is known by its port, or by its name in the greeting, and by not knowing EHLO.
#[test]
fn an_ftp_server_is_guessed() {
    for (place, greeting, answer, code) in [
        ("smtp a.example:21/starttls", "(vsFTPd 3.0.3)", "530", "wrong-protocol"),
        ("smtp a.example:2121/starttls", "ProFTPD Server ready.", "500", "wrong-protocol"),
        ("smtp a.example:21/starttls", "ready", "502", "wrong-protocol"),
        ("smtp a.example:2121/starttls", "ready", "502", "turned-away"),
        ("smtp a.example:587/starttls", "ftp.example.net ESMTP", "554 5.7.1", "turned-away"),
        ("smtp a.example:21/starttls", "(vsFTPd 3.0.3)", "421", "turned-away-for-now"),
    ] {
        let failure = Failure { reply: reply(answer).map(Box::new), ..Failure::new(Kind::Refused { step: None }) };
        let facts = vec![Fact::Greeting { text: greeting.into() }];
        let diagnosis = only(&outcome(server(place), Stage::Greeting, failure, facts));
        assert_eq!(diagnosis.code, code, "{place} {greeting}");
        assert!(code != "wrong-protocol" || diagnosis.certainty == Likely);
    }
}

#[test]
fn what_the_provider_publishes_comes_first() {
    let imap = "CenturyLink publishes `imap = { host = \"mail.centurylink.net\", port = 993, security = \"tls\" }`";
    let smtp =
        "CenturyLink publishes `smtp = { host = \"smtp.centurylink.net\", port = 587, security = \"starttls\" }`";
    let timeout = Kind::Timeout { limit_seconds: 30.0 };
    let names = Kind::CertificateWrongName { names: vec!["x.example".into()], issuer: None };
    for (place, stage, kind, line) in [
        ("imap imap.q.com:993/tls", Stage::Resolve, Kind::HostNotFound, imap),
        ("imap mail.centurylink.net:995/tls", Stage::Connect, Kind::ConnectionRefused, imap),
        ("imap mail.centurylink.net:143/starttls", Stage::Connect, Kind::NoAnswer, imap),
        ("imap mail.centurylink.net:993/starttls", Stage::Greeting, timeout.clone(), imap),
        ("imap mail.centurylink.net:143/starttls", Stage::Starttls, Kind::StarttlsNotOffered, imap),
        ("imap mail.centurylink.net:143/starttls", Stage::Starttls, Kind::Refused { step: None }, imap),
        ("imap mail.centurylink.net:143/tls", Stage::Tls, Kind::PlaintextOnTlsPort { speaks: None }, imap),
        ("imap mail.q.com:993/tls", Stage::Tls, names, imap),
        ("imap smtp.centurylink.net:465/tls", Stage::Greeting, Kind::WrongProtocol { speaks: Speech::Smtp }, imap),
        ("smtp smtp.centurylink.net:25/starttls", Stage::Connect, Kind::NoAnswer, smtp),
        ("smtp smtp.centurylink.net:993/starttls", Stage::Greeting, timeout, smtp),
    ] {
        let mut outcome = outcome(server(place), stage, Failure::new(kind), vec![]);
        outcome.from = "alice@Q.com".to_owned();
        outcome.to = "alice@Q.com".to_owned();
        let diagnosis = only(&outcome);
        assert!(diagnosis.advice[0].starts_with(line), "{place}: {diagnosis:#?}");
    }
}

/// It is told of the account whose server failed, and of nobody else.
#[test]
fn what_is_published_is_of_the_account_that_failed() {
    let refused = |place| outcome(server(place), Stage::Connect, Failure::new(Kind::ConnectionRefused), vec![]);
    let told = |outcome: &Outcome| {
        let mut advice = diagnose(outcome).into_iter().flat_map(|diagnosis| diagnosis.advice);
        advice.any(|advice| advice.contains(" publishes `"))
    };
    for (place, from, to, expected) in [
        ("imap a.example:143/starttls", "alice@example.net", "alice@q.com", true),
        ("imap a.example:143/starttls", "alice@q.com", "alice@example.net", false),
        ("smtp a.example:25/starttls", "alice@q.com", "alice@example.net", true),
        ("smtp a.example:25/starttls", "alice@example.net", "alice@q.com", false),
        ("imap mail.centurylink.net:993/tls", "alice@q.com", "alice@q.com", false),
        ("imap Mail.CenturyLink.net:143/starttls", "alice@example.net", "alice@example.net", true),
        ("imap mail.example.net:143/starttls", "alice@example.net", "alice@example.net", false),
    ] {
        let mut outcome = refused(place);
        (outcome.from, outcome.to) = (from.to_owned(), to.to_owned());
        assert_eq!(told(&outcome), expected, "{place} {from} {to}");
        outcome.stages[0].at.leg = Leg::Cleanup;
        assert_eq!(told(&outcome), expected && from == to, "clean-up {place} {from} {to}");
    }
    let mut later = outcome(
        server("imap imap.q.com:993/tls"),
        Stage::Arrival,
        Failure::new(Kind::Timeout { limit_seconds: 30.0 }),
        vec![],
    );
    later.to = "alice@q.com".to_owned();
    assert!(!told(&later), "who has signed in was at the right server");
}

#[test]
fn who_reads_along_is_named_by_the_issuer() {
    let avast = || "CN=Avast Web/Mail Shield Root,O=Avast Web/Mail Shield".to_owned();
    let zscaler = || "CN=Zscaler Intermediate Root CA (zscaler.net),O=Zscaler Inc.".to_owned();
    let place = "imap imap.example.net:993/tls";
    for (kind, advice) in [
        (Kind::CertificateUntrusted { issuer: avast() }, "Turn off the mail shield"),
        (Kind::CertificateSelfSigned { issuer: Some(avast()) }, "of Avast for one test"),
        (Kind::CertificateWrongName { names: vec![], issuer: Some(zscaler()) }, "exempt this mail server from Zscaler"),
        (Kind::CertificateUntrusted { issuer: zscaler() }, "`ca_file`"),
    ] {
        let diagnosis = opening(place, Stage::Tls, kind);
        assert_eq!((diagnosis.code, diagnosis.certainty), ("intercepted", Likely));
        assert!(diagnosis.advice[0].contains(advice), "{diagnosis:#?}");
        assert!(diagnosis.evidence.iter().any(|text| text.contains("signed by CN=")), "{diagnosis:#?}");
    }
    for (kind, code) in [
        (Kind::CertificateUntrusted { issuer: "CN=Example CA".into() }, "certificate-untrusted"),
        (Kind::CertificateSelfSigned { issuer: None }, "certificate-self-signed"),
        (Kind::CertificateWrongName { names: vec![], issuer: Some("CN=R11".into()) }, "certificate-wrong-name"),
    ] {
        assert_eq!(opening(place, Stage::Tls, kind).code, code);
    }
    for (issuer, told) in [(avast(), 1), ("CN=R11,O=Let's Encrypt".to_owned(), 0)] {
        let fact = Fact::Certificate { names: vec![], issuer, not_after: "2027-01-01T00:00:00Z".into(), days_left: 30 };
        let mut outcome = outcome(server(place), Stage::Tls, Failure::new(Kind::Local), vec![fact]);
        outcome.stages[0].status = Status::Passed;
        let notes: Vec<_> = diagnose(&outcome).into_iter().filter(|note| note.code == "intercepted").collect();
        assert_eq!(notes.len(), told);
        assert!(notes.iter().all(|note| note.verdict == Verdict::Ok && note.cause.contains("by Avast")), "{notes:#?}");
        assert_eq!(verdict(&outcome), Verdict::Ok);
    }
}

/// The test was on 23 November 2026, at 10 o'clock.
#[test]
fn a_certificate_says_since_when_and_for_whom() {
    let place = "imap imap.example.net:993/tls";
    for (not_after, said) in [
        ("2026-11-23T09:30:00Z", "ended on 2026-11-23, less than an hour ago."),
        ("2026-11-23T08:30:00Z", "ended on 2026-11-23, 1 hour ago."),
        ("2026-11-22T10:00:00Z", "ended on 2026-11-22, 1 day ago."),
        ("2026-11-13T09:00:00Z", "ended on 2026-11-13, 10 days ago."),
        ("2026-11-24T09:00:00Z", "ended on 2026-11-24."),
        ("whenever", "ended on whenever."),
    ] {
        let diagnosis = opening(place, Stage::Tls, Kind::CertificateExpired { not_after: not_after.into() });
        assert!(diagnosis.cause.ends_with(said), "{}", diagnosis.cause);
    }
    let kind = Kind::CertificateNotYetValid { not_before: "2027-01-01T00:00:00Z".into() };
    let diagnosis = opening(place, Stage::Tls, kind);
    assert!(diagnosis.cause.contains("the clock of this machine said 2026-11-23"), "{}", diagnosis.cause);
    let names = (1..=5).map(|number| format!("n{number}.example")).collect();
    let diagnosis = opening(place, Stage::Tls, Kind::CertificateWrongName { names, issuer: None });
    assert!(diagnosis.cause.contains("n1.example, n2.example, n3.example and 2 more"), "{}", diagnosis.cause);
    assert!(diagnosis.evidence.iter().any(|text| text.contains("n5.example")), "{diagnosis:#?}");
}

#[test]
fn a_refused_handshake_is_told_by_its_number() {
    let place = "imap imap.example.net:993/tls";
    for (kind, code, said) in [
        (Kind::TlsAlert { alert: 70 }, "tls-version", "TLS alert 70 (protocol_version)"),
        (Kind::TlsAlert { alert: 40 }, "tls-ciphers", "TLS alert 40 (handshake_failure)"),
        (Kind::TlsAlert { alert: 112 }, "tls-unrecognized-name", "TLS alert 112 (unrecognized_name)"),
        (Kind::TlsAlert { alert: 51 }, "tls-alert", "TLS alert 51 (decrypt_error)"),
        (Kind::TlsVersion { version: "TLSv1.0".into() }, "tls-version", "TLSv1.0"),
    ] {
        let diagnosis = opening(place, Stage::Tls, kind);
        assert_eq!(diagnosis.code, code);
        let all = [diagnosis.cause, diagnosis.evidence.join("\n")].join("\n");
        assert!(all.contains(said), "{all}");
    }
}

/// What an earlier mailtrip has written is read as it was.
#[test]
fn an_older_outcome_has_less_to_tell() {
    let kind = |text: &str| serde_json::from_str::<Failure>(text).unwrap().kind;
    for (text, kind_of) in [
        (r#"{"kind": "plaintext-on-tls-port"}"#, Kind::PlaintextOnTlsPort { speaks: None }),
        (r#"{"kind": "certificate-self-signed"}"#, Kind::CertificateSelfSigned { issuer: None }),
        (
            r#"{"kind": "certificate-wrong-name", "names": []}"#,
            Kind::CertificateWrongName { names: vec![], issuer: None },
        ),
        (r#"{"kind": "wrong-protocol", "speaks": "pop3"}"#, Kind::WrongProtocol { speaks: Speech::Pop3 }),
    ] {
        assert_eq!(kind(text), kind_of);
    }
}
