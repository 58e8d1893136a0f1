//! `--on-change`, `--remind` and `--fail-after`: what is told, and what becomes of what is remembered.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use crate::program::{Done, System};
use crate::stopped::{send, until};

/// A mail system with a configuration for it whose password can be made wrong.
struct Watched(System);

impl Watched {
    fn start() -> Watched {
        Watched(System::start(""))
    }

    /// From now on, mail works for alice, or not.
    fn works(&self, works: bool) {
        let right = self.0.sandbox.config(&self.0.ca_file);
        let text = if works { right } else { right.replace("alice's sandbox", "no") };
        self.0.place.write("mailtrip.toml", &text);
    }

    fn run(&self, more: &[&str]) -> Done {
        self.0.run(&[&["verify", "alice", "--on-change"], more].concat())
    }

    /// The first line that is printed, and the exit code.
    fn told(&self, more: &[&str]) -> (Option<i32>, String) {
        let done = self.run(more);
        assert!(!done.stderr.contains("error"), "{done:#?}");
        (done.code, done.stdout.lines().next().unwrap_or_default().to_owned())
    }

    /// The file with this ending, in the folder of the state.
    fn file(&self, extension: &str) -> PathBuf {
        let folder = self.0.place.path().join(".local/state/mailtrip");
        let mut files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        files.find(|path| path.extension().is_some_and(|ending| ending == extension)).expect("a file")
    }
}

fn silent() -> (Option<i32>, String) {
    (Some(0), String::new())
}

#[test]
fn it_is_silent_until_something_changes() {
    let home = Watched::start();
    assert_eq!(home.told(&[]), silent());
    home.works(false);
    let (code, line) = home.told(&[]);
    assert!(code == Some(2) && line.starts_with("alice is CRITICAL: it was OK until 20"), "{line}");
    assert_eq!(home.told(&[]), silent(), "it is still down");
    let with_remind = home.told(&["--remind", "100h"]);
    assert_eq!(with_remind, silent());
    let (code, line) = home.told(&["--remind", "1ms"]);
    assert!(code == Some(2) && line.starts_with("alice is still CRITICAL: it has been so for "), "{line}");
    home.works(true);
    let done = home.run(&["--quiet"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stdout.starts_with("alice is OK again: it was CRITICAL for "), "{done:#?}");
    assert!(done.stdout.contains("\n\nalice: alice@sandbox.test to itself\n"), "the report is below: {done:#?}");
    assert_eq!(home.told(&[]), silent());
}

#[test]
fn a_first_run_that_is_not_ok_is_a_change() {
    let home = Watched::start();
    home.works(false);
    assert_eq!(home.told(&[]), (Some(2), "alice is CRITICAL at the first run that is remembered".to_owned()));
}

#[test]
fn it_is_silent_in_every_format_and_files_are_written_at_every_run() {
    let home = Watched::start();
    for format in mailtrip::report::Format::ALL.iter().filter(|format| !format.is_awaited()) {
        let done = home.run(&["--format", format.name(), "--report", "json=mailtrip.json"]);
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (Some(0), "", ""), "{format}");
        let file = home.0.place.path().join("mailtrip.json");
        assert!(fs::read_to_string(&file).expect("a report").contains("\"verdict\": \"ok\""), "{format}");
        fs::remove_file(file).expect("the report");
    }
    home.works(false);
    let done = home.run(&["--format", "json"]);
    assert_eq!((done.code, &done.json()["verdict"]), (Some(2), &"critical".into()));
    assert!(done.stderr.starts_with("note: alice is CRITICAL: it was OK until "), "{done:#?}");
}

#[test]
fn of_several_checks_only_those_with_news_are_told() {
    let home = Watched::start();
    let run = |more: &[&str]| home.0.run(&[&["verify", "alice", "bob", "--on-change"], more].concat());
    assert_eq!(run(&[]).stdout, "");
    home.works(false);
    let done = run(&["--format", "json", "--report", "tap=all.tap"]);
    assert_eq!((done.code, &done.json()["check"]), (Some(2), &"alice".into()), "one object: {done:#?}");
    let all = fs::read_to_string(home.0.place.path().join("all.tap")).expect("a report");
    assert!(all.contains("alice: ") && all.contains("bob: "), "{all}");
    assert_eq!((run(&[]).code, run(&[]).stdout.as_str()), (Some(0), ""));
}

#[test]
fn what_is_told_of_some_ends_in_a_list_of_all() {
    let home = Watched::start();
    let run = || home.0.run(&["verify", "alice", "bob", "--on-change"]);
    assert_eq!(run().stdout, "");
    home.works(false);
    assert_eq!(run().code, Some(2));
    let text = home.0.sandbox.config(&home.0.ca_file);
    home.0.place.write("mailtrip.toml", &text.replace("alice's sandbox", "no").replace("bob's sandbox", "no"));
    let done = run();
    assert_eq!(done.code, Some(2));
    assert!(!done.stdout.contains("alice: alice@sandbox.test to itself"), "it is no news: {done:#?}");
    let list: Vec<&str> = done.stdout.lines().filter(|line| line.starts_with("✗ alice ")).collect();
    assert_eq!(list.len(), 1, "{done:#?}");
    assert!(done.conclusion().starts_with("2 checks: 2 CRITICAL"), "{done:#?}");
}

#[test]
fn a_failure_is_soft_until_there_are_enough_in_a_row() {
    let home = Watched::start();
    let soft = |more: &[&str]| home.0.run(&[&["verify", "alice", "--fail-after", "3"], more].concat());
    assert_eq!(home.told(&["--fail-after", "3"]), silent());
    home.works(false);
    for failure in 1..3 {
        let done = soft(&["--format", "json", "--report", "junit=mailtrip.xml", "--report", "github=mailtrip.github"]);
        assert_eq!((done.code, &done.json()["verdict"]), (Some(1), &"warning".into()), "{done:#?}");
        assert_eq!(done.json()["streak"], serde_json::json!({"failures": failure, "fail_after": 3}));
        let junit = fs::read_to_string(home.0.place.path().join("mailtrip.xml")).expect("a report");
        assert!(junit.contains(&format!("failure {failure} of 3 in a row")) && !junit.contains("<failure"), "{junit}");
        let github = fs::read_to_string(home.0.place.path().join("mailtrip.github")).expect("a report");
        assert!(!github.contains("::error"), "{github}");
    }
    let (code, line) = home.told(&["--fail-after", "3"]);
    assert!(code == Some(2) && line.starts_with("alice is CRITICAL: it was OK until "), "{line}");
    home.works(true);
    let (code, line) = home.told(&["--fail-after", "3"]);
    assert!(code == Some(0) && line.starts_with("alice is OK again: it was CRITICAL for "), "{line}");
    home.works(false);
    assert_eq!(home.told(&["--fail-after", "2"]), silent());
    home.works(true);
    assert_eq!(home.told(&["--fail-after", "2"]), silent(), "nobody has been told, so there is nothing to take back");
}

#[test]
fn what_is_kept_is_for_nobody_else_to_read() {
    let home = Watched::start();
    assert_eq!(home.told(&[]), silent());
    for extension in ["json", "lock"] {
        let mode = fs::metadata(home.file(extension)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{extension}");
    }
    let folder = home.file("json").parent().expect("a folder").to_owned();
    assert_eq!(fs::metadata(&folder).expect("a folder").permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2, "nothing else is left there");
}

#[test]
fn a_state_that_is_damaged_is_told_and_begun_anew() {
    let home = Watched::start();
    assert_eq!(home.told(&[]), silent());
    let file = home.file("json");
    let whole = fs::read(&file).expect("a state");
    for (damaged, works) in
        [(&b"garbage"[..], true), (&whole[..whole.len() / 2], false), (b"", false), (b"\xff\0", true)]
    {
        home.works(works);
        fs::write(&file, damaged).expect("a file");
        let done = home.run(&[]);
        let told =
            format!("error: what was known of alice is lost, for {} cannot be read: it is damaged", file.display());
        assert!(done.stderr.starts_with(&told), "{done:#?}");
        let expected =
            if works { (Some(0), "") } else { (Some(2), "alice is CRITICAL at the first run that is remembered") };
        assert_eq!((done.code, done.stdout.lines().next().unwrap_or_default()), expected, "{done:#?}");
        assert_eq!(home.told(&[]), silent(), "it is whole again");
    }
}

#[test]
fn a_state_that_must_not_be_touched_is_unknown_before_anything_is_sent() {
    let home = Watched::start();
    assert_eq!(home.told(&[]), silent());
    let file = home.file("json");
    let whole = fs::read_to_string(&file).expect("a state");
    let commands = home.0.sandbox.commands().len();
    fs::write(&file, whole.replace("\"schema\": 1", "\"schema\": 2")).expect("a file");
    let done = home.run(&[]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:#?}");
    assert!(done.stderr.contains("it is of schema 2, and this mailtrip reads schema 1"), "{done:#?}");
    fs::remove_file(&file).expect("a file");
    fs::create_dir(&file).expect("a folder");
    let done = home.run(&[]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:#?}");
    assert!(done.stderr.starts_with("error: --on-change needs a place to remember: "), "{done:#?}");
    assert_eq!(home.0.sandbox.commands().len(), commands, "nothing was sent");
}

/// Who may write into that folder, too, can put things there.
#[test]
fn what_is_no_file_is_neither_written_through_nor_waited_for() {
    let home = Watched::start();
    assert_eq!(home.told(&[]), silent());
    let commands = home.0.sandbox.commands().len();
    home.0.place.write("precious", "precious");
    for extension in ["lock", "json"] {
        let file = home.file(extension);
        for arguments in [&["-s", "../../../precious"][..], &["-s", "/dev/zero"], &["-s", "/nowhere"], &[]] {
            fs::remove_file(&file).expect("a file");
            let program = if arguments.is_empty() { "mkfifo" } else { "ln" };
            assert!(Command::new(program).args(arguments).arg(&file).status().expect(program).success());
            let done = home.run(&[]);
            assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{arguments:?}: {done:#?}");
            assert!(done.stderr.contains("it is there, and is no file"), "{arguments:?}: {done:#?}");
        }
        fs::remove_file(&file).expect("a pipe");
        fs::write(&file, "").expect("a file");
    }
    assert_eq!(fs::read_to_string(home.0.place.path().join("precious")).expect("a file"), "precious");
    assert_eq!(home.0.sandbox.commands().len(), commands, "nothing was sent");
}

/// A file of no size can be created, and nothing be written into it: as on a disk that is full.
#[test]
fn a_disk_that_is_full_is_unknown_before_anything_is_sent() {
    let home = Watched::start();
    let program = env!("CARGO_BIN_EXE_mailtrip");
    let mut full = Command::new("sh");
    full.args(["-c", &format!("trap '' XFSZ; ulimit -f 0; exec '{program}' verify alice --on-change")]);
    full.current_dir(home.0.place.path()).env_clear().env("HOME", home.0.place.path());
    let done: Done = full.output().expect("a shell").into();
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:#?}");
    assert!(done.stderr.starts_with("error: --on-change needs a place to remember: "), "{done:#?}");
    assert!(done.stderr.contains("; --state-dir names another folder"), "{done:#?}");
    assert!(home.0.sandbox.commands().is_empty(), "nothing was sent");
}

#[cfg(target_os = "linux")]
#[test]
fn news_that_could_not_be_printed_are_news_at_the_next_run() {
    let home = Watched::start();
    assert_eq!(home.told(&[]), silent());
    home.works(false);
    for format in ["terminal", "json"] {
        let mut command = home.0.place.command(&["verify", "alice", "--on-change", "--format", format]);
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a device that is full");
        let done: Done =
            command.stdout(full).spawn().and_then(Child::wait_with_output).expect("the command runs").into();
        assert!(done.stderr.contains("error: standard output: "), "{done:#?}");
    }
    let (code, line) = home.told(&[]);
    assert!(code == Some(2) && line.starts_with("alice is CRITICAL: it was OK until "), "{line}");
    assert_eq!(home.told(&[]), silent());
}

#[test]
fn a_run_that_was_stopped_says_so_and_changes_nothing() {
    let home = Watched(System::start(
        "faults = [{ fault = \"stall\", service = \"imap\", at = \"append\", skip = 1, times = 1 }]",
    ));
    assert_eq!(home.told(&[]), silent());
    let before = fs::read_to_string(home.file("json")).expect("a state");
    let child = home.0.place.command(&["verify", "alice", "--on-change"]).spawn().expect("the command runs");
    until(&home.0, "APPEND", 2);
    let second = home.run(&[]);
    assert_eq!(second.code, Some(3), "{second:#?}");
    let line = "alice was not verified to the end, so nothing new is known of it\n";
    assert!(second.stdout.starts_with(line) && second.stdout.contains("[already-running]"), "{second:#?}");
    send("TERM", child.id());
    let stopped: Done = child.wait_with_output().expect("the command ends").into();
    assert_eq!(stopped.code, Some(3), "{stopped:#?}");
    assert!(stopped.stdout.starts_with(line) && stopped.stdout.contains("[interrupted]"), "{stopped:#?}");
    assert_eq!(fs::read_to_string(home.file("json")).expect("a state"), before);
    assert_eq!(home.told(&[]), silent());
}

/// An outage would be OK there from its second run on.
#[test]
fn a_monitoring_system_is_told_at_every_run() {
    let home = Watched::start();
    for (format, begin) in [("nagios", "MAILTRIP UNKNOWN - --on-change is for "), ("checkmk", "3 \"Mailtrip\" - --on-")]
    {
        let done = home.run(&["--format", format]);
        assert!(done.code == Some(3) && done.stdout.starts_with(begin), "{done:#?}");
        let file = format!("{format}=out.txt");
        assert_eq!(home.told(&["--report", &file]), silent());
    }
}

#[test]
fn the_options_go_together() {
    let home = Watched::start();
    for arguments in [&["--remind", "6h"][..], &["--fail-after", "0"], &["--on-change", "--remind", "0s"]] {
        let done = home.0.run(&[&["verify", "alice"], arguments].concat());
        assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{arguments:?}");
    }
}
