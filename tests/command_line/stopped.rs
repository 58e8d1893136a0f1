//! Limits and signals: whatever ends a run, there is a complete report, in time.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::program::{ALICE, Done, System};
use crate::verify::address_arguments;

const LOST: &str = "faults = [{ fault = \"message-lost\" }]";

/// Sends a signal.
pub fn send(signal: &str, process: u32) {
    let status = Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
    assert!(status.expect("there is a kill").success());
}

/// Waits until the mail system has got so many commands that contain this word.
pub fn until(system: &System, word: &str, times: usize) {
    let patience = Instant::now() + Duration::from_secs(30);
    while system.sandbox.commands().iter().filter(|command| command.contains(word)).count() < times {
        assert!(Instant::now() < patience, "no {word} in {:#?}", system.sandbox.commands());
        std::thread::sleep(Duration::from_millis(5)); // between two looks
    }
}

fn start(system: &System, more: &[&str]) -> Child {
    let arguments = [&["verify", "alice", "--format", "json"], more].concat();
    system.place.command(&arguments).spawn().expect("the command runs")
}

fn end(child: Child) -> Done {
    child.wait_with_output().expect("the command ends").into()
}

/// Status of a stage.
fn status(done: &Done, leg: &str, stage: &str) -> String {
    let json = done.json();
    let stages = json["stages"].as_array().expect("stages");
    let found = stages.iter().find(|one| one["leg"] == leg && one["stage"] == stage);
    found.and_then(|one| one["status"].as_str()).unwrap_or_else(|| panic!("no {leg} {stage}: {done:#?}")).to_owned()
}

fn codes(done: &Done) -> Vec<String> {
    let json = done.json();
    let diagnoses = json["diagnoses"].as_array().expect("diagnoses");
    diagnoses.iter().filter_map(|one| one["code"].as_str()).map(str::to_owned).collect()
}

#[test]
fn a_signal_stops_the_journey_and_not_the_clean_up() {
    for signal in ["INT", "TERM", "HUP"] {
        let system = System::start(LOST);
        let child = start(&system, &[]);
        until(&system, "IDLE", 1);
        send(signal, child.id());
        let done = end(child);
        assert_eq!(done.code, Some(3), "{signal}: {done:#?}");
        assert_eq!(done.json()["stages"].as_array().map(Vec::len), Some(17), "{done:#?}");
        assert_eq!(status(&done, "delivery", "arrival"), "failed");
        assert_eq!(status(&done, "cleanup", "remove"), "warning", "{done:#?}");
        assert_eq!(codes(&done), ["interrupted", "may-arrive"]);
    }
}

#[test]
fn what_has_arrived_is_removed_although_the_run_was_stopped() {
    let system = System::start("faults = [{ fault = \"stall\", service = \"imap\", at = \"append\" }]");
    let child = start(&system, &[]);
    until(&system, "APPEND", 1);
    assert_eq!(system.sandbox.messages("alice@sandbox.test", "INBOX").len(), 1);
    send("INT", child.id());
    let done = end(child);
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert_eq!(status(&done, "sent", "copy"), "failed");
    assert_eq!(status(&done, "cleanup", "remove"), "passed", "{done:#?}");
    assert!(system.sandbox.messages("alice@sandbox.test", "INBOX").is_empty());
}

#[test]
fn a_second_signal_skips_the_clean_up_and_the_report_says_so() {
    let stalls = "faults = [{ fault = \"message-lost\" },\n\
                  { fault = \"stall\", service = \"imap\", at = \"select\", skip = 1 }]";
    let system = System::start(stalls);
    let child = start(&system, &[]);
    until(&system, "IDLE", 1);
    send("INT", child.id());
    until(&system, "SELECT", 2);
    let second = Instant::now();
    send("INT", child.id());
    let done = end(child);
    assert!(second.elapsed() < Duration::from_secs(3), "{:?}", second.elapsed());
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert_eq!(status(&done, "cleanup", "remove"), "failed");
    assert!(codes(&done).contains(&"not-looked-into".to_owned()), "{done:#?}");
}

#[cfg(unix)]
#[test]
fn a_signal_while_the_password_is_asked_for_is_no_other_end() {
    let system = System::start("");
    let mut arguments = address_arguments(&system);
    arguments.extend(["--password-command".to_owned(), "touch asked; sleep 20".to_owned()]);
    let began = Instant::now();
    let mut command = system.place.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let child = command.spawn().expect("the command runs");
    while !system.place.path().join("asked").exists() {
        assert!(began.elapsed() < Duration::from_secs(15), "nothing was asked");
        std::thread::sleep(Duration::from_millis(5)); // between two looks
    }
    send("INT", child.id());
    let done = end(child);
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:#?}");
    assert_eq!(done.stderr, "error: stopped before anything was verified\n");
    assert!(system.sandbox.commands().is_empty());
}

#[test]
fn the_report_is_complete_when_the_time_is_over() {
    let system = System::start(LOST);
    let began = Instant::now();
    let done = end(start(&system, &["--timeout", "5s"]));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert_eq!(done.code, Some(2), "{done:#?}");
    assert_eq!(done.json()["stages"].as_array().map(Vec::len), Some(17));
    assert_eq!(codes(&done), ["not-arrived", "may-arrive"]);
}

#[test]
fn the_password_is_not_among_the_arguments_that_everybody_can_read() {
    let system = System::start(LOST);
    let arguments = address_arguments(&system);
    let mut command = system.place.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let child = command.env("MAILTRIP_PASSWORD", ALICE).spawn().expect("the command runs");
    until(&system, "IDLE", 1);
    let arguments = Command::new("ps").args(["-ww", "-o", "args=", "-p", &child.id().to_string()]).output();
    send("INT", child.id());
    let done = end(child);
    // Where there is no `ps` there is nothing to look at.
    let arguments = arguments.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    assert!(!arguments.contains(ALICE), "{arguments}");
    assert!(!format!("{done:?}").contains(ALICE), "{done:#?}");
}
