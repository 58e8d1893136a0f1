//! `mailtrip demo`, `mailtrip config`, and what is no command at all.

use crate::program::Place;

#[test]
fn the_demo_proves_a_mailbox_and_prints_the_table() {
    let done = Place::new().run(&["demo"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stdout.starts_with("demo: alice@sandbox.test to bob@sandbox.test\n"), "{done:#?}");
    for stage in ["relay", "submit", "arrival", "inspect", "copy", "remove"] {
        assert!(done.stdout.contains(&format!("  ✓ {stage} ")), "{stage}: {done:#?}");
    }
    assert!(
        done.conclusion().starts_with("OK: mail sent from alice@sandbox.test reached bob@sandbox.test, and the reply"),
        "{done:#?}"
    );
    assert_eq!(done.stderr, "");
}

#[test]
fn as_json_it_is_one_object_and_nothing_else() {
    let done = Place::new().run(&["demo", "--format", "json"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let json = done.json();
    assert_eq!((&json["verdict"], &json["check"]), (&"ok".into(), &"demo".into()));
    assert!(json["round_trip_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    assert_eq!(done.stderr, "");
}

#[test]
fn quiet_it_prints_nothing() {
    let done = Place::new().run(&["demo", "--quiet"]);
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn colours_are_for_terminals() {
    let place = Place::new();
    for (name, value) in [("TERM", "xterm-256color"), ("NO_COLOR", "1")] {
        let output = place.command(&["demo"]).env(name, value).output().expect("the command runs");
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{name}");
    }
    let forced = place.command(&["demo"]).env("CLICOLOR_FORCE", "1").output().expect("the command runs");
    assert!(forced.stdout.contains(&0x1b), "else the above proves nothing");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = Place::new().command(&["demo", "--verbose"]).spawn().expect("the command runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the command ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_example_is_printed_as_it_is() {
    let done = Place::new().run(&["config"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), mailtrip::config::EXAMPLE));
}

#[test]
fn help_is_no_error_and_bad_usage_is() {
    let place = Place::new();
    for arguments in [&["--help"][..], &["verify", "--help"], &["--version"]] {
        let done = place.run(arguments);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(!done.stdout.is_empty());
    }
    let bad = [
        &[][..],
        &["verfy"],
        &["verify", "--nonsense"],
        &["verify", "--timeout", "0s"],
        &["verify", "--timeout", "soon"],
        &["verify", "--smtp", "smtp.example.net"],
        &["demo", "--format", "xml"],
        &["report"],
    ];
    for arguments in bad {
        let done = place.run(arguments);
        assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{arguments:?}");
        assert!(!done.stderr.is_empty() && !done.stderr.contains("panicked"), "{done:#?}");
    }
}
