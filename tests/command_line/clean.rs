//! `mailtrip clean`.

use mailtrip::sandbox::Service;

use crate::leftover::{bystanders, leftover};
use crate::program::{ALICE, System};

const ALICES: &str = "alice@sandbox.test";
const BOBS: &str = "bob@sandbox.test";

/// A leftover of alice in both mailboxes, and one of bob's in alice's Sent folder; and others.
fn system(settings: &str) -> System {
    let system = System::start(settings);
    let put = |to: &str, folder: &str, message: &str| system.sandbox.put(to, folder, message.as_bytes(), &[]);
    bystanders(ALICES).iter().for_each(|message| _ = put(ALICES, "INBOX", message));
    put(ALICES, "INBOX", &leftover(ALICES, 1));
    put(ALICES, "Sent", &leftover(BOBS, 2));
    put(BOBS, "INBOX", &leftover(ALICES, 3));
    system
}

fn count(system: &System, address: &str) -> usize {
    ["INBOX", "Junk", "Sent"].iter().map(|folder| system.sandbox.messages(address, folder).len()).sum()
}

#[test]
fn every_account_is_cleaned_and_listed() {
    let system = system("");
    let done = system.run(&["clean"]);
    assert_eq!((done.code, done.conclusion()), (Some(0), "OK: 3 messages removed"), "{done:#?}");
    for line in [
        "alice: alice@sandbox.test",
        "  removed       INBOX, UID 8: sent 2020-11-20 10:02:11 UTC by",
        "  removed       Sent, UID 1: sent 2020-11-20 10:02:11 UTC by bob@sandbox.test,",
        "bob: bob@sandbox.test",
    ] {
        assert!(done.stdout.lines().any(|have| have == line), "no {line:?} in\n{}", done.stdout);
    }
    assert_eq!((count(&system, ALICES), count(&system, BOBS)), (7, 0));
    let again = system.run(&["clean", "--quiet"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""), "{again:#?}");
}

#[test]
fn a_named_account_is_cleaned_of_what_any_account_has_sent() {
    let system = system("");
    let done = system.run(&["clean", "bob", "--format", "json"]);
    assert_eq!((done.code, count(&system, ALICES), count(&system, BOBS)), (Some(0), 9, 0), "{done:#?}");
    let json = done.json();
    assert_eq!((&json["check"], &json["verdict"], &json["tag"]), (&"bob".into(), &"ok".into(), &"".into()));
    let facts = json["stages"].as_array().and_then(|stages| stages.last()).map(|stage| stage["facts"].clone());
    assert_eq!(facts.unwrap_or_default()[0]["removed"], true);
    let file = system.place.write("outcome.json", &done.stdout);
    let shown = system.run(&["report", &file.to_string_lossy()]);
    assert_eq!((shown.code, shown.conclusion()), (Some(0), "OK: 1 message removed"), "{shown:#?}");
}

#[test]
fn a_dry_run_removes_nothing() {
    let system = system("");
    let done = system.run(&["clean", "--dry-run"]);
    assert_eq!((done.code, done.conclusion()), (Some(0), "OK: 3 messages would be removed"), "{done:#?}");
    assert_eq!((count(&system, ALICES), count(&system, BOBS)), (9, 1));
    let changing = |line: &&String| ["STORE", "EXPUNGE", "DELE"].iter().any(|word| line.contains(word));
    assert_eq!(system.sandbox.commands().iter().find(changing), None);
}

#[test]
fn what_is_young_stays_unless_it_is_asked_for() {
    let system = System::start("");
    assert_eq!(system.run(&["verify", "alice", "--keep", "-q"]).code, Some(0));
    assert_eq!(count(&system, ALICES), 2);
    let done = system.run(&["clean"]);
    assert_eq!((done.code, done.conclusion()), (Some(0), "OK: nothing of an earlier verification was found"));
    assert_eq!(count(&system, ALICES), 2);
    assert_eq!(system.run(&["clean", "--older-than", "0s"]).conclusion(), "OK: 2 messages removed");
    assert_eq!(count(&system, ALICES), 0);
}

#[test]
fn an_address_is_cleaned_without_a_configuration() {
    for (option, service) in [("--imap", Service::Imaps), ("--pop3", Service::Pop3s)] {
        let system = system("");
        let location = format!("localhost:{}/tls", system.sandbox.port(service));
        let ca_file = system.ca_file.to_string_lossy().into_owned();
        let mut command = system.place.command(&["clean", ALICES, option, &location, "--ca-file", &ca_file]);
        let done: crate::program::Done = command.env("MAILTRIP_PASSWORD", ALICE).output().expect("it runs").into();
        assert_eq!((done.code, done.conclusion()), (Some(0), "OK: 1 message removed"), "{done:#?}");
        assert_eq!(count(&system, ALICES), 8, "bob's is no business of alice's alone");
    }
}

#[test]
fn exit_codes_say_how_it_went() {
    let refused = system(r#"faults = [{ fault = "login-refused", service = "imap" }]"#);
    let done = refused.run(&["clean", "alice"]);
    assert_eq!(done.code, Some(2), "{done:#?}");
    assert!(done.stdout.contains("✗ delivery login  [login-refused]"), "{done:#?}");
    assert_eq!(done.conclusion(), "CRITICAL: not cleaned up to the end: alice");
    let marked = system("uidplus = false\nexisting = 2\nexisting_deleted = 1");
    let done = marked.run(&["clean", "alice"]);
    assert_eq!((done.code, done.conclusion()), (Some(1), "WARNING: 1 message removed, 1 left behind"), "{done:#?}");
    for arguments in [
        &["clean", "nobody"][..],
        &["clean", "alice", "--imap", "localhost:993/tls"],
        &["clean", "alice", "bob@sandbox.test"],
        &["clean", "jane@example.net"],
        &["clean", "jane@example.net", "--smtp", "a.test:25/none"],
        &["clean", "--older-than", "-1h"],
        &["clean", "--config", "missing.toml"],
    ] {
        let done = marked.run(arguments);
        assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:#?}");
        assert!(done.stderr.contains("error: "), "{done:#?}");
    }
}

#[test]
#[cfg(unix)]
fn a_signal_stops_it_and_the_report_says_so() {
    let system = system(r#"faults = [{ fault = "stall", service = "imap", at = "search" }]"#);
    let child = system.place.command(&["clean", "alice", "--format", "json"]).spawn().expect("the command runs");
    crate::stopped::until(&system, "SEARCH", 1);
    crate::stopped::send("INT", child.id());
    let done: crate::program::Done = child.wait_with_output().expect("the command ends").into();
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert_eq!((&done.json()["verdict"], count(&system, ALICES)), (&"unknown".into(), 9), "{done:#?}");
}
