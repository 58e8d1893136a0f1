//! What the criteria of a check hold against a verification that passed.

use mailtrip::criteria::{Criteria, Measure, Range, Severity, Threshold};
use mailtrip::diagnose::stage_verdict;
use mailtrip::report::{self, json};

use super::*;

/// A verification in which everything passed: some of its stages, a second each.
fn passed(criteria: Criteria) -> Outcome {
    let mut outcome = outcome(server("smtp smtp.example.net:465/tls"), Stage::Tls, Failure::new(Kind::Local), vec![]);
    outcome.servers.push(server("imap imap.example.net:993/tls"));
    let stages = [
        (Leg::Submission, Stage::Tls, Protocol::Smtp, vec![certificate(10)]),
        (Leg::Submission, Stage::Submit, Protocol::Smtp, vec![]),
        (Leg::Delivery, Stage::Tls, Protocol::Imap, vec![certificate(100)]),
        (Leg::Delivery, Stage::Arrival, Protocol::Imap, vec![]),
        (Leg::Delivery, Stage::Inspect, Protocol::Imap, vec![results("spf=pass; dkim=fail")]),
        (Leg::Cleanup, Stage::Remove, Protocol::Imap, vec![]),
    ];
    let second = Duration::from_secs(1);
    let record = |(number, (leg, stage, protocol, facts))| StageRecord {
        at: At::new(leg, stage, protocol),
        account: "alice".to_owned(),
        span: Some(Span { began: second * number, took: second }),
        facts,
        concerns: Vec::new(),
        status: Status::Passed,
    };
    outcome.stages = (0..).zip(stages).map(record).collect();
    outcome.criteria = criteria;
    outcome
}

fn certificate(days_left: i64) -> Fact {
    let (issuer, not_after) = ("Let's Encrypt R11".to_owned(), "2027-01-01T00:00:00Z".to_owned());
    Fact::Certificate { names: vec![], issuer, not_after, days_left }
}

fn results(text: &str) -> Fact {
    Fact::AuthenticationResults { text: format!("imap.example.net; {text}") }
}

/// `login 1 2` is the measure, the warning and what is critical; `-` is none.
fn bounds(text: &str) -> Criteria {
    let threshold = |text: &str| {
        let [measure, warn, critical] = text.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let range = |text: &str| (text != "-").then(|| text.parse::<Range>().unwrap());
        Threshold { measure: measure.parse::<Measure>().unwrap(), warn: range(warn), critical: range(critical) }
    };
    Criteria { thresholds: text.split(", ").map(threshold).collect(), ..Criteria::default() }
}

/// Each as `too-slow warning submission submit`.
fn told(outcome: &Outcome) -> Vec<String> {
    let diagnoses = diagnose(outcome);
    assert!(codes::have_their_verdicts(outcome), "{diagnoses:?}");
    let heaviest = diagnoses.iter().map(|diagnosis| diagnosis.verdict).max().unwrap_or(Verdict::Ok);
    let of_stages = outcome.stages.iter().map(|record| stage_verdict(outcome, record)).max();
    assert_eq!((verdict(outcome), Some(heaviest)), (heaviest, of_stages), "{diagnoses:?}");
    let place = |diagnosis: &Diagnosis| diagnosis.at.map(|at| at.to_string()).unwrap_or_default();
    let word = |diagnosis: &Diagnosis| diagnosis.verdict.to_string().to_lowercase();
    diagnoses.iter().map(|one| format!("{} {} {}", one.code, word(one), place(one))).collect()
}

#[test]
fn what_is_beyond_its_bounds_is_told_at_its_stage() {
    let note = "certificate-ends-soon ok submission tls";
    for (text, expected) in [
        ("submit 1 -", &[note][..]),
        ("submit 0.999 -", &["too-slow warning submission submit", note]),
        ("submit 0.5 0.9", &["too-slow critical submission submit", note]),
        ("delivery-submit 0.5 0.9", &[note]),
        ("tls 0.5 -", &["too-slow warning submission tls", "too-slow warning delivery tls", note]),
        ("submit - 2:", &["out-of-range critical submission submit", note]),
        ("submit @0:2 -", &["out-of-range warning submission submit", note]),
        ("submit @0.5: -", &["too-slow warning submission submit", note]),
        // From the beginning of the submission (1 s) to the end of the arrival (4 s).
        ("round-trip 3 -", &[note]),
        ("round-trip 1 2.9", &["too-slow critical delivery arrival", note]),
        ("round-trip 5:60 -", &["out-of-range warning delivery arrival", note]),
        ("certificate-days 10: -", &[note]),
        ("certificate-days 11: -", &["certificate-ends-soon warning submission tls"]),
        ("certificate-days 99: 11:", &["certificate-ends-soon critical submission tls"]),
        ("certificate-days @~:10 -", &["certificate-ends-soon warning submission tls"]),
        ("certificate-days ~:50 -", &["out-of-range warning delivery tls", note]),
        ("remove - 0.5", &["too-slow warning cleanup remove", note]),
    ] {
        assert_eq!(told(&passed(bounds(text))), expected, "{text}");
    }
}

/// Who looks every two seconds does not know to the second when it arrived.
#[test]
fn what_is_too_slow_only_by_the_time_between_two_looks_is_not_certain() {
    for (earlier, certainty) in [(0.4, Certain), (0.6, Likely)] {
        let mut outcome = passed(bounds("round-trip 2.5 -"));
        outcome.stages[3].facts = vec![Fact::Arrived {
            folder: "INBOX".into(),
            uid: Some(1),
            noticed: Noticed::Polled,
            earlier_by_at_most_seconds: earlier,
        }];
        let diagnosis = diagnose(&outcome).remove(0);
        assert_eq!((diagnosis.code, diagnosis.certainty), ("too-slow", certainty));
        let told = diagnosis.evidence.iter().any(|text| text.contains("600 ms earlier"));
        assert_eq!(told, certainty == Likely, "{diagnosis:#?}");
    }
}

/// Two servers, two owners who have to renew: unless it is one host.
#[test]
fn certificates_of_one_host_are_one_matter() {
    let mut outcome = passed(bounds("certificate-days 365: -"));
    let ends = ("certificate-ends-soon", None);
    assert_eq!(roots(&outcome), [ends, ends]);
    "SMTP.example.net".clone_into(&mut outcome.servers[1].host);
    assert_eq!(roots(&outcome), [ends, (ends.0, Some(ends.0))]);
}

#[test]
fn a_certificate_that_is_put_in_place_of_the_servers_is_not_measured() {
    let mut outcome = passed(bounds("certificate-days - 50:"));
    if let Fact::Certificate { issuer, .. } = &mut outcome.stages[0].facts[0] {
        "CN=Avast Web/Mail Shield Root".clone_into(issuer);
    }
    assert_eq!(told(&outcome), ["intercepted ok submission tls"]);
}

#[test]
fn what_failed_is_not_measured_too() {
    let mut outcome = passed(bounds("submit 0.5 -, round-trip - 0.1"));
    outcome.stages[3].status = Status::Failed(Failure::new(Kind::NotArrived { waited_seconds: 1.0 }));
    let expected = [
        "not-arrived critical delivery arrival",
        "too-slow warning submission submit",
        "certificate-ends-soon ok submission tls",
    ];
    assert_eq!(told(&outcome), expected);
}

#[test]
fn a_method_that_did_not_pass_is_told_where_that_is_asked_for() {
    let judged = |spf, dkim, dmarc| {
        let mut told = told(&passed(Criteria { spf, dkim, dmarc, ..Criteria::default() }));
        told.retain(|one| !one.starts_with("certificate"));
        told
    };
    use Severity::{Critical, Fine, Warning};
    assert_eq!(judged(Fine, Fine, Fine), [""; 0]);
    assert_eq!(judged(Critical, Fine, Fine), [""; 0], "it passed");
    let [dkim, dmarc] = ["dkim-not-passed critical delivery inspect", "dmarc-not-passed warning delivery inspect"];
    assert_eq!(judged(Critical, Critical, Warning), [dkim, dmarc]);
}

#[test]
fn by_which_protocol_it_is_read_makes_one_matter_of_one_message() {
    let mut outcome = passed(Criteria { spf: Severity::Warning, ..Criteria::default() });
    outcome.stages[4].facts = vec![];
    let mut by_pop3 = outcome.stages[4].clone();
    by_pop3.at.protocol = Protocol::Pop3;
    outcome.stages.push(by_pop3);
    let spf = ("spf-not-passed", None);
    assert_eq!(roots(&outcome)[..2], [spf, (spf.0, Some(spf.0))]);
}

#[test]
fn mail_that_is_too_slow_has_arrived_all_the_same() {
    let outcome = passed(bounds("round-trip 1 2"));
    let headline = report::headline(&outcome);
    let expected =
        "delivery arrival: The round trip took 3 s, and more than 2 s is critical here; mail arrived in 3.00 s";
    assert_eq!(headline, expected);
}

/// The outcome has its criteria with it, so that it is judged the same from a file, whatever a check says by then.
#[test]
fn an_outcome_that_is_read_back_is_judged_the_same() {
    let all = "round-trip 1 2, tls 0.5 -, submit - @0:2, certificate-days 30: 3:, remove 0.1 0.2";
    let mut outcome = passed(Criteria { dkim: Severity::Critical, dmarc: Severity::Warning, ..bounds(all) });
    // What is a millionth of a second over is that in JSON, too.
    outcome.criteria.thresholds[1].warn = "1".parse().ok();
    outcome.stages[0].span =
        outcome.stages[0].span.map(|span| Span { took: Duration::from_nanos(1_000_000_600), ..span });
    let read = json::read(&json::render(&outcome)).unwrap().remove(0);
    assert_eq!(read.criteria, outcome.criteria);
    assert_eq!(told(&read), told(&outcome));
    assert_eq!((told(&read).len(), verdict(&read)), (7, Verdict::Critical));
}
