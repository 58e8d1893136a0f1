//! `mailtrip verify --transcript FILE`.

use crate::program::{ALICE, Done, System};

const FILE: &str = "said.txt";

fn run(system: &System, more: &[&str]) -> Done {
    system.run(&[&["verify", "--transcript"], more].concat())
}

fn read(system: &System) -> String {
    std::fs::read_to_string(system.place.path().join(FILE)).expect("the transcript")
}

/// The files that begin or end as the unfinished transcript does.
fn unfinished(system: &System) -> Vec<String> {
    let entries = std::fs::read_dir(system.place.path()).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(FILE) && name != FILE).collect()
}

#[test]
fn it_is_whole_for_its_owner_alone_and_not_in_the_report() {
    let system = System::start("");
    system.place.write(FILE, "what was there before");
    let done = run(&system, &[FILE, "alice", "bob", "--format", "json"]);
    assert_eq!((done.code, &done.json()[0]["conversations"]), (Some(0), &serde_json::json!([])), "{done:#?}");
    let text = read(&system);
    assert!(text.starts_with("alice: alice@sandbox.test to itself\nbegan "), "{text}");
    assert_eq!(text.matches(" to itself\nbegan ").count(), 2, "both checks: {text}");
    for said in
        ["What was said  submission, SMTP, alice\n", " S: 220 ", " C: EHLO ", "What was said  delivery, IMAP, bob\n"]
    {
        assert!(text.contains(said), "no {said:?} in {text}");
    }
    assert!(!text.contains(ALICE) && !text.contains("before"), "{text}");
    assert_eq!(unfinished(&system), [""; 0]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(system.place.path().join(FILE)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_anything_is_sent() {
    let system = System::start("");
    std::fs::create_dir(system.place.path().join("folder")).expect("a folder");
    for (file, why) in [("missing/said.txt", "missing/said.txt cannot be written: "), ("folder", "and is no file")] {
        let done = run(&system, &[file, "alice"]);
        assert!(done.code == Some(3) && done.stdout.is_empty() && done.stderr.contains(why), "{done:#?}");
    }
    assert!(system.sandbox.commands().is_empty());
}

#[test]
fn a_run_that_fails_leaves_it_too() {
    let system = System::start("faults = [{ fault = \"login-refused\" }]");
    let done = run(&system, &[FILE, "alice"]);
    assert_eq!(done.code, Some(2), "{done:#?}");
    assert!(read(&system).contains(" S: 535 5.7.8 "), "{}", read(&system));
    assert!(!done.stdout.contains("What was said"), "{done:#?}");
    let nobody = "[accounts.a]\naddress = \"a@sandbox.test\"\npassword = { value = \"p\" }\n\
                  smtp = { host = \"127.0.0.1\", port = 1 }\nimap = { host = \"127.0.0.1\", port = 1 }\n";
    system.place.write("mailtrip.toml", nobody);
    assert_eq!(run(&system, &[FILE]).code, Some(2));
    assert!(read(&system).ends_with("\n\nNothing was said: no connection came about.\n"), "{}", read(&system));
}

#[test]
#[cfg(unix)]
fn a_run_that_is_stopped_leaves_it_too() {
    let system = System::start("faults = [{ fault = \"message-lost\" }]");
    let child = system.place.command(&["verify", "alice", "--transcript", FILE]).spawn().expect("the command runs");
    crate::stopped::until(&system, "IDLE", 1);
    assert_eq!(unfinished(&system).len(), 1, "it was opened before");
    crate::stopped::send("INT", child.id());
    let done: Done = child.wait_with_output().expect("the command ends").into();
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert!(read(&system).contains(" C: A") && read(&system).contains(" IDLE\n"), "{}", read(&system));
    assert_eq!(unfinished(&system), [""; 0]);
}

#[test]
fn without_a_file_it_is_in_the_report_and_a_check_is_not_taken_for_a_file() {
    let system = System::start("");
    let done = system.run(&["verify", "alice", "--transcript"]);
    assert!(done.code == Some(0) && done.stdout.contains("\nWhat was said  submission, SMTP, alice\n"), "{done:#?}");
    let before = system.sandbox.commands().len();
    for (behind, what) in [("alice", "a check"), ("alice@sandbox.test", "an address")] {
        let done = run(&system, &[behind]);
        let sentence = format!("error: what stands behind --transcript is {what}: ");
        assert!(done.code == Some(3) && done.stderr.starts_with(&sentence), "{done:#?}");
        assert!(!system.place.path().join(behind).exists());
    }
    assert_eq!(system.sandbox.commands().len(), before);
}
