//! `mailtrip discover`.

use mailtrip::sandbox::Service;
use tokio::runtime::Runtime;

use crate::internet::{Dns, Mood, Record};
use crate::program::{ALICE, Done, Place, System};

/// A DNS server, and what keeps it going.
fn dns(records: &[(&str, Record)], mood: Mood) -> (Dns, Runtime) {
    let runtime = Runtime::new().expect("a runtime");
    (runtime.block_on(Dns::start(records, mood)), runtime)
}

/// Of the sandbox, published as its domain would.
fn published(system: &System) -> (Dns, Runtime) {
    let at = |service| Record::Srv(0, 0, system.sandbox.port(service), "localhost");
    let records = [
        ("localhost", Record::Here),
        ("_submissions._tcp.sandbox.test", at(Service::Submissions)),
        ("_imaps._tcp.sandbox.test", at(Service::Imaps)),
        ("_pop3._tcp.sandbox.test", at(Service::Imap)),
    ];
    dns(&records, Mood::Well)
}

fn discover(system: &System, dns: &Dns, more: &[&str]) -> Done {
    let server = dns.address.to_string();
    let arguments = ["discover", "alice@sandbox.test", "--ca-file", "ca.pem", "--dns", &server];
    system.run(&[&arguments, more].concat())
}

#[test]
fn what_is_found_is_written_and_verifies() {
    let system = System::start("");
    let (dns, _runtime) = published(&system);
    let done = discover(&system, &dns, &["--write", "found.toml"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let place = format!("✓ localhost:{} tls", system.sandbox.port(Service::Submissions));
    assert!(done.stdout.contains(&place) && done.stdout.contains("confirmed: TLSv1."), "{}", done.stdout);
    assert!(done.stdout.contains("it is an IMAP server (it speaks IMAP there, not POP3)"), "{}", done.stdout);
    assert!(done.stderr.contains("localhost serves sandbox.test is known by DNS alone"), "{}", done.stderr);
    assert!(done.stderr.contains("next: mailtrip verify --config found.toml"), "{}", done.stderr);
    let written = std::fs::read_to_string(system.place.path().join("found.toml")).expect("a configuration");
    assert!(done.stdout.ends_with(&written), "{written}");

    let mut verify = system.place.command(&["verify", "--config", "found.toml"]);
    let verified: Done = verify.env("MAILTRIP_PASSWORD", ALICE).output().expect("the command runs").into();
    assert_eq!(verified.code, Some(0), "{verified:#?}");

    let again = discover(&system, &dns, &["--write", "found.toml"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(3), ""));
    assert!(again.stderr.contains("found.toml exists already, and is left as it is"), "{}", again.stderr);
}

#[test]
fn nobody_signs_in_and_nothing_is_sent() {
    let system = System::start("");
    let (dns, _runtime) = published(&system);
    assert_eq!(discover(&system, &dns, &[]).code, Some(0));
    let commands = system.sandbox.commands();
    let word = |line: &String| line.to_ascii_uppercase();
    assert!(!commands.is_empty());
    for forbidden in ["AUTH", "LOGIN", "USER", "PASS", "MAIL ", "APPEND"] {
        let said = commands.iter().map(|command| format!("{command:?}")).map(|line| word(&line));
        let said: Vec<String> = said.filter(|line| line.contains(forbidden)).collect();
        assert!(said.is_empty(), "{said:?}");
    }
}

#[test]
fn for_programs_it_is_one_object() {
    let system = System::start("");
    let (dns, _runtime) = published(&system);
    let done = discover(&system, &dns, &["--format", "json"]);
    let json = done.json();
    assert_eq!((done.code, &json["schema"], &json["verdict"]), (Some(0), &1.into(), &"ok".into()), "{json:#}");
    let smtp = &json["servers"][0];
    assert_eq!((&smtp["status"], &smtp["chosen"], &smtp["failure"]), (&"confirmed".into(), &true.into(), &().into()));
    assert_eq!(smtp["origin"], serde_json::json!({"source": "srv", "name": "_submissions._tcp.sandbox.test"}));
    let pop3 = &json["servers"][2];
    assert_eq!((&pop3["status"], &pop3["failure"]["kind"]), (&"rejected".into(), &"wrong-protocol".into()), "{pop3:#}");
    assert!(json["configuration"].as_str().expect("a text").contains("[accounts."), "{json:#}");
}

#[test]
fn without_a_network_there_is_what_is_built_in() {
    let place = Place::new();
    let known = place.run(&["discover", "jane@icloud.com", "--offline", "--write", "found.toml"]);
    assert_eq!(known.code, Some(1), "{known:#?}");
    assert!(
        known.stdout.contains("? imap.mail.me.com:993 tls\n      not tried\n      as jane, by password"),
        "{}",
        known.stdout
    );
    assert!(known.stderr.contains("app-specific password"), "{}", known.stderr);
    assert!(place.path().join("found.toml").exists());
    let unknown = place.run(&["discover", "jane@example.test", "--offline", "--write", "other.toml"]);
    assert_eq!(unknown.code, Some(2), "{unknown:#?}");
    assert!(unknown.stderr.contains("other.toml is not written"), "{}", unknown.stderr);
    assert!(!place.path().join("other.toml").exists());
    let nowhere = place.run(&["discover", "jane@icloud.com", "--offline", "--write", "missing/found.toml"]);
    assert!(nowhere.code == Some(3) && nowhere.stdout.contains("[accounts.\"jane\"]"), "{nowhere:#?}");
    assert!(nowhere.stderr.contains("missing/found.toml cannot be written"), "{}", nowhere.stderr);
}

#[test]
fn nobody_to_ask_is_not_nothing_found() {
    let place = Place::new();
    let (dns, _runtime) = dns(&[], Mood::Failing);
    let done = place.run(&["discover", "jane@example.test", "--dns", &dns.address.to_string()]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:#?}");
    assert!(done.stderr.contains("error: the settings cannot be looked for: DNS does not work"), "{}", done.stderr);
    let wrong = place.run(&["discover", "jane", "--offline"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(3), ""), "{wrong:#?}");
}

#[test]
fn what_a_domain_says_cannot_reach_the_terminal() {
    let system = System::start("");
    let at = |target| Record::Srv(0, 0, 993, target);
    let (dns, _runtime) = dns(
        &[("_imaps._tcp.sandbox.test", at("\u{1b}[2Jx.test")), ("_imap._tcp.sandbox.test", at("-.test"))],
        Mood::Well,
    );
    let done = discover(&system, &dns, &[]);
    assert_eq!(done.code, Some(2), "{done:#?}");
    assert!(!done.stdout.contains('\u{1b}') && !done.stderr.contains('\u{1b}'), "{done:#?}");
}
