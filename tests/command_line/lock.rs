//! One run of a check at a time, and what runs that were killed have left behind.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::program::{ALICE, Done, System};
use crate::stopped::{send, until};
use crate::verify::address_arguments;

/// Holds a run when its message has arrived and its copy is not filed yet.
const HELD: &str = "faults = [{ fault = \"stall\", service = \"imap\", at = \"append\", times = 1 }]";

fn start(system: &System, arguments: &[&str]) -> Child {
    system.place.command(arguments).spawn().expect("the command runs")
}

/// As the kernel does where memory runs out: nothing is cleaned up.
fn kill(mut child: Child) {
    send("KILL", child.id());
    child.wait().expect("the command ends");
}

/// Subjects of what is in the inbox.
fn subjects(system: &System, address: &str) -> Vec<String> {
    let subject = |raw: &[u8]| {
        let text = String::from_utf8_lossy(raw).into_owned();
        text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned()
    };
    system.sandbox.messages(address, "INBOX").iter().map(|message| subject(&message.raw)).collect()
}

fn until_there_are(system: &System, address: &str, messages: usize) {
    let patience = Instant::now() + Duration::from_secs(30);
    while subjects(system, address).len() != messages {
        assert!(Instant::now() < patience, "{:?}", subjects(system, address));
        std::thread::sleep(Duration::from_millis(5)); // between two looks
    }
}

fn codes(outcome: &serde_json::Value) -> Vec<&str> {
    outcome["diagnoses"].as_array().expect("diagnoses").iter().filter_map(|one| one["code"].as_str()).collect()
}

#[test]
fn a_second_run_of_a_check_says_that_there_is_one_and_the_other_checks_go_on() {
    let system = System::start("faults = [{ fault = \"message-lost\", to = \"alice@sandbox.test\" }]");
    let first = start(&system, &["verify", "alice"]);
    until(&system, "IDLE", 1);
    let second = system.run(&["verify", "alice", "bob", "--format", "json"]);
    assert_eq!(second.code, Some(3), "{second:#?}");
    let json = second.json();
    assert_eq!((&json[0]["verdict"], codes(&json[0])), (&"unknown".into(), vec!["already-running"]), "{json:#}");
    assert_eq!(json[1]["verdict"], "ok");
    let skipped = &json[0]["stages"][0]["skipped"];
    assert_eq!((&skipped["why"], &skipped["process"]), (&"already-running".into(), &first.id().into()));
    assert!(skipped["since"].is_string(), "{skipped}");
    let stages = json[0]["stages"].as_array().expect("stages");
    assert!(stages.len() > 10 && stages.iter().all(|stage| stage["skipped"] == *skipped), "{json:#}");
    let on_page = system.run(&["verify", "alice", "--quiet"]);
    let told = format!("UNKNOWN: Another run of this check is under way (process {})", first.id());
    assert!(on_page.conclusion().starts_with(&told), "{on_page:#?}");
    // The same name in another configuration is another check.
    std::fs::copy(system.place.path().join("mailtrip.toml"), system.place.path().join("other.toml")).expect("a copy");
    let other = start(&system, &["verify", "alice", "--config", "other.toml"]);
    until(&system, "IDLE", 2);
    kill(other);
    kill(first);
}

#[test]
fn an_address_is_a_check_too() {
    let system = System::start(HELD);
    let arguments = address_arguments(&system);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = || {
        let mut command = system.place.command(&arguments);
        command.env("MAILTRIP_PASSWORD", ALICE);
        command
    };
    let first = run().spawn().expect("the command runs");
    until(&system, "APPEND", 1);
    let second: Done = run().output().expect("the command runs").into();
    assert_eq!(second.code, Some(3), "{second:#?}");
    assert!(second.stdout.contains("UNKNOWN: Another run of this check is under way"), "{second:#?}");
    kill(first);
    let third: Done = run().output().expect("the command runs").into();
    assert_eq!(third.code, Some(0), "the lock is gone with who held it: {third:#?}");
}

#[test]
fn what_a_run_that_was_killed_has_left_is_removed_by_the_next_one_of_the_same_check_alone() {
    let system = System::start(&HELD.replace("times = 1", "times = 2"));
    for check in ["bob", "alice-to-bob"] {
        let child = start(&system, &["verify", check]);
        until(&system, "APPEND", 1 + usize::from(check == "alice-to-bob"));
        kill(child);
    }
    let [of_bob, of_alice] = subjects(&system, "bob@sandbox.test").try_into().expect("two messages");
    let next = system.run(&["verify", "bob", "--format", "json"]);
    assert_eq!((next.code, codes(&next.json())), (Some(0), vec!["leftover-removed"]), "{next:#?}");
    assert!(of_bob.ends_with(removed(&next.json()).as_str()), "{of_bob} {next:#?}");
    assert_eq!(
        subjects(&system, "bob@sandbox.test"),
        std::slice::from_ref(&of_alice),
        "another check's is none of its business"
    );
    let silent = system.run(&["verify", "bob", "--format", "json"]);
    assert_eq!((silent.code, codes(&silent.json())), (Some(0), vec![]));
    let next = system.run(&["verify", "alice-to-bob", "--format", "json"]);
    assert_eq!(codes(&next.json()), ["leftover-removed"], "{next:#?}");
    assert!(of_alice.ends_with(removed(&next.json()).as_str()));
    assert!(subjects(&system, "bob@sandbox.test").is_empty());
}

/// The tag of the leftover.
fn removed(outcome: &serde_json::Value) -> String {
    let stages = outcome["stages"].as_array().expect("stages").iter();
    let mut facts = stages.flat_map(|stage| stage["facts"].as_array().expect("facts"));
    let leftover = facts.find(|fact| fact["fact"] == "leftover" && fact["removed"] == true).expect("a leftover");
    leftover["tag"].as_str().expect("a tag").to_owned()
}

#[test]
fn a_message_that_was_still_on_its_way_is_removed_when_it_is_there() {
    let system = System::start("faults = [{ fault = \"message-delayed\", by = \"1500ms\" }]");
    let child = start(&system, &["verify", "alice"]);
    until(&system, "IDLE", 1);
    until(&system, "DATA", 1);
    kill(child);
    let empty = subjects(&system, "alice@sandbox.test");
    let next = system.run(&["verify", "alice", "--format", "json"]);
    assert_eq!((next.code, codes(&next.json())), (Some(0), vec!["leftover-removed"]), "{empty:?} {next:#?}");
    until_there_are(&system, "alice@sandbox.test", 0);
}

#[test]
fn by_pop3_too_although_it_looks_at_new_messages_only() {
    let system = System::start(&format!("existing = 3\n{HELD}"));
    let config = std::fs::read_to_string(system.place.path().join("mailtrip.toml")).expect("a configuration");
    system
        .place
        .write("mailtrip.toml", &config.replace("[checks.\"alice\"]\n", "[checks.\"alice\"]\nreceive = \"pop3\"\n"));
    let child = start(&system, &["verify", "alice"]);
    until(&system, "APPEND", 1);
    until_there_are(&system, "alice@sandbox.test", 4);
    kill(child);
    let next = system.run(&["verify", "alice", "--format", "json"]);
    assert_eq!((next.code, codes(&next.json())), (Some(0), vec!["leftover-removed"]), "{next:#?}");
    until_there_are(&system, "alice@sandbox.test", 3);
}

#[test]
fn a_run_that_was_killed_before_it_sent_anything_leaves_no_trace() {
    let system = System::start("faults = [{ fault = \"stall\", service = \"imap\", at = \"select\", times = 1 }]");
    let child = start(&system, &["verify", "alice"]);
    until(&system, "SELECT", 1);
    kill(child);
    let next = system.run(&["verify", "alice"]);
    assert_eq!((next.code, next.stdout.contains("earlier")), (Some(0), false), "{next:#?}");
    assert!(!next.stderr.contains("killed"), "{next:#?}");
}

#[test]
fn without_a_place_for_a_lock_a_run_goes_on_and_says_so() {
    let system = System::start("");
    let nowhere = system.place.write("file", "");
    let run = |arguments: &[&str]| -> Done {
        let mut command = system.place.command(arguments);
        command.env("XDG_STATE_HOME", &nowhere).output().expect("the command runs").into()
    };
    let done = run(&["verify", "alice"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stderr.contains("note: nothing keeps a second run of the same check away: the folder "), "{done:#?}");
    let quiet = run(&["verify", "alice", "--quiet"]);
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (Some(0), "", ""));
    let commands = system.sandbox.commands().len();
    for (option, told) in [
        (["--on-change"].as_slice(), "error: --on-change needs a place to remember: the folder "),
        (&["--fail-after", "2"], "error: --fail-after needs a place to remember: the folder "),
        (&["--state-dir", "file/below"], "error: the folder file/below cannot be created: "),
    ] {
        let done = run(&[&["verify", "alice"], option].concat());
        assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:#?}");
        assert!(done.stderr.contains(told), "{done:#?}");
    }
    assert_eq!(system.sandbox.commands().len(), commands, "nothing was sent");
}
