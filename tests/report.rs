//! Reports: every outcome in `tests/report/*.json` with the text it must give beside it.
//!
//! `UPDATE_GOLDEN=1 cargo test --test report` writes the texts anew; look at the difference before it is committed.

#[path = "support/golden.rs"]
mod golden;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mailtrip::account::{Family, Protocol};
use mailtrip::diagnose::code::CODES;
use mailtrip::diagnose::{Verdict, diagnose, round_trip, verdict};
use mailtrip::failure::{Failure, Kind, Reply, Speech, Step};
use mailtrip::outcome::{Outcome, StageRecord, Status};
use mailtrip::report::printable::is_unsafe;
use mailtrip::report::terminal::{self, Style};
use mailtrip::report::{self, Format, json};
use mailtrip::stage::{At, Leg, Stage};

use golden::golden;
#[path = "support/codes.rs"]
mod codes;

/// All data files, with the outcomes in them.
fn data() -> Vec<(PathBuf, Vec<Outcome>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(files.len() > 10, "the data files are missing");
    let read = |path: PathBuf| {
        let outcomes = json::read(&fs::read_to_string(&path).unwrap());
        let outcomes = outcomes.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, outcomes)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn the_terminal_report_is_the_text_beside_the_outcome() {
    let mut wrong = Vec::new();
    for (path, outcomes) in data() {
        let plain = report::render(&outcomes, Format::Terminal, &Style::default());
        let verbose = report::render(&outcomes, Format::Terminal, &Style { verbose: true, ..Style::default() });
        wrong.extend(golden(&path.with_extension("txt"), &plain).err());
        wrong.extend(golden(&path.with_extension("verbose.txt"), &verbose).err());
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 writes them anew", wrong.join("\n"));
}

#[test]
fn the_json_report_reads_back_as_the_outcome() {
    for (path, outcomes) in data() {
        let text = json::render_all(&outcomes);
        assert_eq!(json::read(&text).unwrap(), outcomes, "{}", path.display());
        assert!(text.ends_with("}\n") || text.ends_with("]\n"));
        assert!(!text.chars().any(|c| is_unsafe(c) && c != '\n'), "{}", path.display());
    }
}

#[test]
fn the_json_report_has_what_was_derived() {
    let (_, outcomes) = data().into_iter().find(|(path, _)| path.ends_with("ok.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json::render(&outcomes[0])).unwrap();
    assert_eq!(value["verdict"], "ok");
    assert_eq!(value["schema"], 1);
    assert_eq!(value["round_trip_seconds"], 0.2697);
    assert_eq!(value["diagnoses"], serde_json::json!([]));

    let (_, outcomes) = data().into_iter().find(|(path, _)| path.ends_with("login-refused.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json::render(&outcomes[0])).unwrap();
    assert_eq!(value["verdict"], "critical");
    assert!(value["round_trip_seconds"].is_null());
    let diagnosis = &value["diagnoses"][0];
    assert_eq!(diagnosis["code"], "username-without-domain");
    assert_eq!(diagnosis["certainty"], "likely");
    assert_eq!(diagnosis["at"], serde_json::json!({"leg": "submission", "stage": "login", "protocol": "smtp"}));
}

#[test]
fn what_is_not_an_outcome_is_refused_with_its_place() {
    let cases = [
        ("", "line 1 column 0"),
        ("{}", "missing field `schema`"),
        ("[{\"schema\": 1}]", "missing field `check`"),
        ("{\"schema\": 1,\n\"check\": 5}", "line 2 column"),
        ("{\"schema\": 2}", "schema 2"),
        ("null", "line 1 column"),
    ];
    for (text, expected) in cases {
        let error = json::read(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert_eq!(json::read("[]").unwrap(), []);
    assert!(json::read(&"[".repeat(100_000)).is_err());
}

#[test]
fn no_report_has_a_character_that_a_terminal_acts_on() {
    for (path, outcomes) in data() {
        for (verbose, width) in [(false, 80), (true, 80), (true, 0), (true, usize::MAX)] {
            let style = Style { verbose, width, colour: false };
            let text = report::render(&outcomes, Format::Terminal, &style);
            assert!(!text.chars().any(|c| is_unsafe(c) && c != '\n'), "{}", path.display());
            let coloured = report::render(&outcomes, Format::Terminal, &Style { colour: true, ..style });
            assert_eq!(without_colours(&coloured), text, "{}", path.display());
            for outcome in &outcomes {
                for record in &outcome.stages {
                    let line = terminal::stage_line(record, &style);
                    assert!(!line.chars().any(is_unsafe), "{line:?}");
                }
                assert!(!report::headline(outcome).chars().any(is_unsafe));
            }
        }
    }
}

/// Removes colour sequences and no others.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('m').expect("a colour ends in m");
        assert!(code.chars().all(|c| c.is_ascii_digit() || c == ';'), "not a colour: {code:?}");
        plain.push_str(rest);
    }
    plain
}

#[test]
fn no_line_is_wider_than_the_page_unless_a_word_is() {
    for (path, outcomes) in data() {
        for verbose in [false, true] {
            for width in [48, 80, 100] {
                let style = Style { verbose, width, colour: false };
                for line in report::render(&outcomes, Format::Terminal, &style).lines() {
                    let longest = line.split(' ').map(|word| word.chars().count()).max().unwrap_or(0);
                    let fits = line.chars().count() <= width || longest > width.saturating_sub(28);
                    assert!(fits, "{}, width {width}: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn the_heaviest_diagnosis_is_as_heavy_as_the_verdict() {
    for (path, outcomes) in data() {
        for outcome in &outcomes {
            let diagnoses = diagnose(outcome);
            let heaviest = diagnoses.iter().map(|diagnosis| diagnosis.verdict).max().unwrap_or(Verdict::Ok);
            assert_eq!(heaviest, verdict(outcome), "{}", path.display());
            assert!(codes::have_their_verdicts(outcome), "{}: {diagnoses:#?}", path.display());
            let text = report::render(std::slice::from_ref(outcome), Format::Terminal, &Style::default());
            let last = text.lines().rfind(|line| !line.starts_with(' ')).unwrap();
            assert!(last.starts_with(&verdict(outcome).to_string()), "{last}");
        }
    }
}

/// Each rule shows in a report that somebody has read: of the data here, or of a scenario.
#[test]
fn every_code_is_in_a_golden_report() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let files = fs::read_dir(scenarios).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let of_scenarios = files.flat_map(|path| json::read(&fs::read_to_string(path).unwrap()).unwrap());
    let outcomes = data().into_iter().flat_map(|(_, outcomes)| outcomes).chain(of_scenarios);
    let shown: BTreeSet<&str> =
        outcomes.flat_map(|outcome| diagnose(&outcome)).map(|diagnosis| diagnosis.code).collect();
    let codes = CODES.iter().flat_map(|(_, codes)| codes.iter()).map(|(code, ..)| *code);
    let missing: Vec<&str> = codes.filter(|code| !shown.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn verdicts_are_what_the_stories_say() {
    let expected = [
        ("ok", "0"),
        ("cleartext", "1"),
        ("junk", "1"),
        ("open-relay", "1"),
        ("left-behind", "1"),
        ("login-refused", "2"),
        ("wrong-security", "2"),
        ("certificate-expired", "2"),
        ("not-arrived", "2"),
        ("too-slow", "2 1"),
        ("bounced", "2"),
        ("mailbox-locked", "2"),
        ("recipient-refused", "2"),
        ("folders", "2"),
        ("hostile", "2"),
        ("every-kind", "2"),
        ("interrupted", "3"),
        ("offline", "3"),
        ("soft-failure", "1"),
        ("already-running", "3"),
        ("several", "2 2 3"),
        ("flaky", "1"),
        ("failed-again", "2"),
        ("clean", "1 2 0 3"),
        ("rare-codes", "2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 3 0 0 0 0"),
    ];
    for (path, outcomes) in data() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (_, codes) = expected.iter().find(|(known, _)| *known == name).expect("every story has a verdict");
        let got: Vec<String> = outcomes.iter().map(|outcome| verdict(outcome).exit_code().to_string()).collect();
        assert_eq!(got.join(" "), *codes, "{name}");
        assert_eq!(round_trip(&outcomes[0]).is_some(), !got[0].eq("3") && arrives(name), "{name}");
    }
}

fn arrives(name: &str) -> bool {
    let works = ["ok", "cleartext", "flaky", "folders", "junk", "left-behind", "open-relay", "several", "too-slow"];
    works.contains(&name)
}

#[test]
fn verdicts_combine_to_the_heaviest() {
    assert!(Verdict::Critical > Verdict::Unknown);
    assert!(Verdict::Unknown > Verdict::Warning);
    assert!(Verdict::Warning > Verdict::Ok);
}

/// Every kind of failure. The match below does not compile when one is added without being added here.
fn kinds() -> Vec<Kind> {
    let text = || "mail.example.net".to_owned();
    let steps = [None, Some(Step::Mail), Some(Step::Rcpt), Some(Step::Data), Some(Step::Message)];
    let mut kinds = vec![
        Kind::HostNotFound,
        Kind::ResolverFailed,
        Kind::NoAddressOfFamily { family: Family::Ipv4, others: vec!["2001:db8::20".into()] },
        Kind::NoAddressOfFamily { family: Family::Ipv6, others: vec![] },
        Kind::ConnectionRefused,
        Kind::Unreachable,
        Kind::NoAnswer,
        Kind::PlaintextOnTlsPort { speaks: None },
        Kind::PlaintextOnTlsPort { speaks: Some(Speech::Ssh) },
        Kind::TlsClosed,
        Kind::TlsVersion { version: text() },
        Kind::TlsFailed,
        Kind::CertificateExpired { not_after: text() },
        Kind::CertificateNotYetValid { not_before: text() },
        Kind::CertificateWrongName { names: vec![], issuer: None },
        Kind::CertificateWrongName { names: vec![text()], issuer: Some(text()) },
        Kind::CertificateSelfSigned { issuer: None },
        Kind::CertificateUntrusted { issuer: text() },
        Kind::CertificateUntrusted { issuer: String::new() },
        Kind::CertificateRejected,
        Kind::StarttlsNotOffered,
        Kind::InjectedPlaintext,
        Kind::CleartextForbidden,
        Kind::NoMechanism { offered: vec![] },
        Kind::NoMechanism { offered: vec!["XOAUTH2".into()] },
        Kind::NoMechanism { offered: vec!["GSSAPI".into()] },
        Kind::MechanismNotOffered { wanted: "CRAM-MD5".into(), offered: vec!["PLAIN".into()] },
        Kind::TokenRefused { error: text(), description: None },
        Kind::TokenRefused { error: "invalid_grant".into(), description: Some(text()) },
        Kind::TokenUnavailable { status: 200 },
        Kind::ConnectionLost,
        Kind::Timeout { limit_seconds: f64::NAN },
        Kind::Timeout { limit_seconds: 0.02 },
        Kind::Interrupted,
        Kind::Malformed,
        Kind::Uncertain,
        Kind::NotArrived { waited_seconds: f64::INFINITY },
        Kind::Bounced,
        Kind::LockedOut { times: 3, waited_seconds: 90.0 },
        Kind::InJunk { folder: text() },
        Kind::Altered,
        Kind::NoFolder,
        Kind::NotSelectable { folder: text() },
        Kind::NoCopy,
        Kind::Local,
    ];
    kinds.extend(
        [Speech::Smtp, Speech::Imap, Speech::Pop3, Speech::Http, Speech::Ssh]
            .map(|speaks| Kind::WrongProtocol { speaks }),
    );
    kinds.extend([0, 40, 70, 112, 255].map(|alert| Kind::TlsAlert { alert }));
    kinds.extend(steps.map(|step| Kind::Refused { step }));
    kinds
}

fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::HostNotFound => "host-not-found",
        Kind::ResolverFailed => "resolver-failed",
        Kind::NoAddressOfFamily { .. } => "no-address-of-family",
        Kind::ConnectionRefused => "connection-refused",
        Kind::Unreachable => "unreachable",
        Kind::NoAnswer => "no-answer",
        Kind::PlaintextOnTlsPort { .. } => "plaintext-on-tls-port",
        Kind::WrongProtocol { .. } => "wrong-protocol",
        Kind::TlsClosed => "tls-closed",
        Kind::TlsAlert { .. } => "tls-alert",
        Kind::TlsVersion { .. } => "tls-version",
        Kind::TlsFailed => "tls-failed",
        Kind::CertificateExpired { .. } => "certificate-expired",
        Kind::CertificateNotYetValid { .. } => "certificate-not-yet-valid",
        Kind::CertificateWrongName { .. } => "certificate-wrong-name",
        Kind::CertificateSelfSigned { .. } => "certificate-self-signed",
        Kind::CertificateUntrusted { .. } => "certificate-untrusted",
        Kind::CertificateRejected => "certificate-rejected",
        Kind::StarttlsNotOffered => "starttls-not-offered",
        Kind::InjectedPlaintext => "injected-plaintext",
        Kind::CleartextForbidden => "cleartext-forbidden",
        Kind::NoMechanism { .. } => "no-mechanism",
        Kind::MechanismNotOffered { .. } => "mechanism-not-offered",
        Kind::TokenRefused { .. } => "token-refused",
        Kind::TokenUnavailable { .. } => "token-unavailable",
        Kind::Refused { .. } => "refused",
        Kind::ConnectionLost => "connection-lost",
        Kind::Timeout { .. } => "timeout",
        Kind::Interrupted => "interrupted",
        Kind::Malformed => "malformed",
        Kind::Uncertain => "uncertain",
        Kind::NotArrived { .. } => "not-arrived",
        Kind::Bounced => "bounced",
        Kind::LockedOut { .. } => "locked-out",
        Kind::InJunk { .. } => "in-junk",
        Kind::Altered => "altered",
        Kind::NoFolder => "no-folder",
        Kind::NotSelectable { .. } => "not-selectable",
        Kind::NoCopy => "no-copy",
        Kind::Local => "local",
    }
}

/// Replies that the rules tell apart.
fn replies() -> Vec<Option<Reply>> {
    let smtp = "421 4.7.0,432 4.7.12,450 4.2.0,451 4.7.1,452 4.3.1,454 4.7.0,500,501 5.5.4,504 5.7.4,530 5.7.0,534 5.7.9,\
                534 5.7.14,535 5.7.8,535 5.7.139,538 5.7.11,550 5.1.1,550 5.1.2,550 5.1.8,550 5.7.1,550 5.7.26,\
                550 5.7.30,550,552 5.2.2,552 5.3.4,553 5.7.1,554,554 5.7.1,999 nonsense";
    let imap = "AUTHENTICATIONFAILED,AUTHORIZATIONFAILED,UNAVAILABLE,WEBALERT https://example.net,EXPIRED,\
                PRIVACYREQUIRED,OVERQUOTA,NONEXISTENT,TRYCREATE,NOPERM,LIMIT,AUTH,, ";
    let smtp = smtp.split(',').map(|codes| {
        let (code, enhanced) = codes.split_once(' ').unwrap_or((codes, ""));
        let enhanced = Some(enhanced.to_owned()).filter(|enhanced| !enhanced.is_empty());
        Reply { code: code.parse().ok(), enhanced, ..Reply::default() }
    });
    let imap = imap.split(',').map(|code| Reply {
        status: Some("NO".to_owned()),
        response_code: Some(code.to_owned()),
        ..Reply::default()
    });
    smtp.chain(imap).map(Some).chain([None]).collect()
}

/// Every kind, at every stage, with every reply where there is one, against servers of every sort.
#[test]
fn every_failure_has_a_diagnosis_with_cause_and_advice() {
    let (_, outcomes) = data().into_iter().find(|(path, _)| path.ends_with("ok.json")).unwrap();
    let mut codes = BTreeSet::new();
    for (host, port) in [("smtp.example.net", 25), ("smtp.gmail.com", 465), ("outlook.office365.com", 993), ("", 0)] {
        for kind in kinds() {
            for stage in Stage::ALL {
                let replies = if matches!(kind, Kind::Refused { .. }) { replies() } else { vec![None] };
                for reply in replies {
                    let failure = Failure { reply: reply.map(Box::new), ..Failure::new(kind.clone()) };
                    let mut outcome = outcomes[0].clone();
                    outcome.servers.iter_mut().for_each(|server| (server.host, server.port) = (host.into(), port));
                    fails(&mut outcome, stage, failure);
                    codes.extend(explained(&outcome));
                }
            }
        }
    }
    let kebab = |code: &str| code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    assert!(codes.iter().all(|code| kebab(code)));
    assert!(codes.len() > 45, "{} codes: {codes:?}", codes.len());
}

fn fails(outcome: &mut Outcome, stage: Stage, failure: Failure) {
    outcome.stages.push(StageRecord {
        at: At::new(if stage == Stage::Copy { Leg::Sent } else { Leg::Submission }, stage, Protocol::Smtp),
        account: "alice".to_owned(),
        span: None,
        facts: Vec::new(),
        concerns: Vec::new(),
        status: Status::Failed(failure),
    });
}

fn explained(outcome: &Outcome) -> Vec<&'static str> {
    let record = outcome.stages.last().unwrap();
    let diagnoses: Vec<_> = diagnose(outcome).into_iter().filter(|d| d.at == Some(record.at)).collect();
    assert_eq!(diagnoses.len(), 1, "{record:?}");
    for diagnosis in &diagnoses {
        assert!(diagnosis.cause.len() > 10 && diagnosis.cause.ends_with('.'), "{diagnosis:?}");
        assert!(
            !diagnosis.advice.is_empty() && diagnosis.advice.iter().all(|advice| advice.len() > 10),
            "{diagnosis:?}"
        );
        assert_eq!(diagnosis.verdict, verdict(outcome));
    }
    report::render(std::slice::from_ref(outcome), Format::Terminal, &Style::default());
    diagnoses.iter().map(|diagnosis| diagnosis.code).collect()
}

/// Kinds, facts and concerns that the data files must have at least once each.
#[test]
fn the_data_has_every_kind_fact_and_concern() {
    let mut seen = BTreeSet::new();
    for (path, _) in data() {
        collect(&serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap(), &mut seen);
    }
    let kinds = kinds();
    let facts = "addresses address tls certificate greeting capabilities relay-refused token mechanism username-without-domain \
                 password-edge-whitespace cleartext-password folder accepted arrived identical hop \
                 authentication-results sent-copy removed removed-again leftover turned-away kept quota folders alert \
                 unannounced changed";
    let concerns = "address-failed relays-without-authentication found-in-junk no-sent-folder left-behind left-marked may-arrive not-looked-into \
                    not-selectable read-only";
    let expected = kinds.iter().map(name).chain(facts.split_whitespace()).chain(concerns.split_whitespace());
    let missing: Vec<&str> = expected.filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn collect(value: &serde_json::Value, seen: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (key, value) in object {
                if let ("kind" | "fact" | "concern", Some(name)) = (key.as_str(), value.as_str()) {
                    seen.insert(name.to_owned());
                }
                collect(value, seen);
            }
        }
        serde_json::Value::Array(array) => array.iter().for_each(|value| collect(value, seen)),
        _ => (),
    }
}

#[test]
fn formats_have_names() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse::<Format>(), Ok(*format));
    }
    assert!("xml".parse::<Format>().unwrap_err().contains("terminal, json"));
}

#[test]
fn the_live_view_says_what_is_waited_for() {
    let at = At::new(Leg::Delivery, Stage::Arrival, Protocol::Imap);
    let line = terminal::waiting(at, std::time::Duration::from_millis(3210), Some(std::time::Duration::from_secs(45)));
    assert_eq!(line, "delivery: waiting for the probe … 3.2 s of 45 s");
}
