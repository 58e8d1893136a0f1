//! `mailtrip sandbox`: the mail system in the foreground.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::Child;

use crate::program::{Done, Place};
use crate::stopped::send;

/// Reads the configuration that the sandbox prints, up to its last check.
fn configuration(child: &mut Child) -> String {
    let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut text = String::new();
    for line in stdout.lines() {
        text += &line.expect("UTF-8");
        text.push('\n');
        if text.contains("[checks.\"alice-to-bob\"]") && text.ends_with("to = \"bob\"\n") {
            return text;
        }
    }
    panic!("the configuration is not complete: {text}");
}

#[test]
fn it_serves_what_it_prints_until_it_is_interrupted() {
    let place = Place::new();
    let mut child = place.command(&["sandbox"]).spawn().expect("the command runs");
    let folder = place.path().join(format!("mailtrip-sandbox-{}", child.id()));
    let config = configuration(&mut child);
    assert!(folder.join("ca.pem").is_file());
    let file = place.write("mailtrip.toml", &config);
    let all = place.run(&["verify", "--config", &file.to_string_lossy(), "--format", "json"]);
    assert_eq!(all.code, Some(0), "{all:#?}");
    let checks: Vec<_> = all.json().as_array().expect("an array").iter().map(|one| one["check"].clone()).collect();
    assert_eq!(checks, ["alice", "bob", "alice-to-bob"]);
    send("INT", child.id());
    let done: Done = child.wait_with_output().expect("the command ends").into();
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stderr.starts_with("note: the mail system runs until Ctrl-C"), "{done:#?}");
    assert!(!folder.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn where_nobody_can_read_its_configuration_it_leaves_nothing_behind() {
    let place = Place::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let done: Done = place.command(&["sandbox"]).stdout(full).output().expect("the command runs").into();
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert_eq!(std::fs::read_dir(place.path()).expect("a folder").count(), 0);
}

#[test]
fn settings_that_it_does_not_know_are_refused() {
    let place = Place::new();
    place.write("faulty.toml", "faults = [{ fault = \"no-such-fault\" }]\n");
    for (name, expected) in [("faulty.toml", "no-such-fault"), ("missing.toml", "missing.toml")] {
        let done = place.run(&["sandbox", "--settings", name]);
        assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""));
        assert!(done.stderr.starts_with("error: ") && done.stderr.contains(expected), "{done:#?}");
    }
}
