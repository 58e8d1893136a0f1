//! `--report FORMAT[=FILE]`: several reports in one run.

use std::path::PathBuf;

use crate::program::{Done, Place, System};

const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The files that were begun and are not whole.
fn unfinished(place: &Place) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place.path()).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "part")).collect()
}

/// As a step of GitHub Actions runs it.
fn in_a_step(place: &Place, summary: &str, arguments: &[&str]) -> Done {
    let summary = place.path().join(summary);
    place.command(arguments).env(SUMMARY, summary).output().expect("the command runs").into()
}

#[test]
fn one_run_has_any_number_of_reports_and_each_is_what_it_is_alone() {
    let system = System::start("");
    let files =
        ["--report=json=out.json", "--report=junit=out.xml", "--report=tap=out.tap", "--report=terminal=out.txt"];
    let done = system.run(&[&["verify", "alice", "bob", "--report", "github"], files.as_slice()].concat());
    assert!(done.code == Some(0) && !done.stderr.contains("error: "), "{done:#?}");
    let told: Vec<&str> = done.stdout.lines().map(|line| line.split("::").nth(1).unwrap_or_default()).collect();
    assert_eq!(told, ["notice title=mailtrip alice%3A OK", "notice title=mailtrip bob%3A OK"], "{done:#?}");
    assert!(unfinished(&system.place).is_empty());
    for (format, file) in [("json", "out.json"), ("junit", "out.xml"), ("tap", "out.tap"), ("terminal", "out.txt")] {
        let alone = system.run(&["report", "out.json", "--format", format]);
        assert_eq!((alone.code, &alone.stdout), (Some(0), &read(&system.place, file)), "{format}");
    }
    let again = system.run(&["report", "out.json", "--report", "junit=again.xml"]);
    assert_eq!(read(&system.place, "again.xml"), read(&system.place, "out.xml"));
    assert!(
        again.stdout.starts_with("alice: alice@sandbox.test to itself\n"),
        "the one for people is there: {again:#?}"
    );
}

#[test]
fn what_does_not_go_together_is_told_before_anything_is_sent() {
    let system = System::start("");
    std::fs::create_dir(system.place.path().join("folder")).expect("a folder");
    let cases: &[(&[&str], &str)] = &[
        (
            &["--report", "json", "--report", "tap"],
            "there is one standard output, for --report json or for --report tap",
        ),
        (
            &["--format", "json", "--report", "tap"],
            "there is one standard output, for --format json or for --report tap",
        ),
        (&["--report", "junit=-"], "- is no name of a file: for standard output, write junit, without ="),
        (&["--report", "junit="], "behind = goes the name of a file, as in junit=FILE"),
        (&["--report", "xml=a"], "a format is one of terminal, json, ndjson, junit, "),
        (&["--report", "tap=a", "--report", "json=./a"], "./a is to hold two reports"),
        (&["--report", "tap=a", "--transcript", "a"], "a is to hold both a report and the transcript"),
        (&["--report", "tap=no/a"], "no/a cannot be written: there is no folder no, and mailtrip creates none"),
        (&["--report", "tap=folder"], "folder cannot be written: it is there, and is no file"),
        (&["--report", "json", "--diagnose"], "--diagnose goes with reports for the terminal"),
    ];
    for (arguments, sentence) in cases {
        let done = system.run(&[&["verify", "alice"], *arguments].concat());
        assert!(done.code == Some(3) && done.stdout.is_empty(), "{arguments:?}: {done:#?}");
        assert!(done.stderr.contains(sentence), "{arguments:?}: {done:#?}");
    }
    assert!(system.sandbox.commands().is_empty());
    assert!(unfinished(&system.place).is_empty() && !system.place.path().join("a").exists());
}

#[test]
fn quiet_is_for_standard_output_alone() {
    let place = Place::new();
    place.write("out.tap", "what was there before");
    let done = place.run(&["demo", "--quiet", "--report", "tap=out.tap", "--report", "markdown"]);
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (Some(0), "", ""));
    assert!(
        read(&place, "out.tap").starts_with("TAP version 14\n1..33\nok 1 - demo: submission resolve (SMTP, alice)\n")
    );
}

/// To a full disk, and to a folder that goes away while the run is under way.
#[test]
#[cfg(target_os = "linux")]
fn a_report_that_cannot_be_written_does_not_silence_the_others() {
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let place = Place::new();
    let mut command = place.command(&["demo", "--report", "json", "--report", "tap=out.tap"]);
    let done: Done = command.stdout(full()).output().expect("the command runs").into();
    assert_eq!(done.code, Some(3), "it is not OK: {done:#?}");
    assert!(done.stderr.starts_with("error: standard output: ") && done.stderr.lines().count() == 1, "{done:#?}");
    assert!(read(&place, "out.tap").contains("\n# demo: OK: "), "{}", read(&place, "out.tap"));

    let system = System::start("faults = [{ fault = \"message-lost\" }]");
    let gone = system.place.path().join("gone");
    std::fs::create_dir(&gone).expect("a folder");
    let arguments =
        ["verify", "alice", "--report", "junit=gone/out.xml", "--report", "tap=out.tap", "--report", "json"];
    let child = system.place.command(&arguments).spawn().expect("the command runs");
    crate::stopped::until(&system, "IDLE", 1);
    std::fs::remove_dir_all(&gone).expect("the folder goes");
    crate::stopped::send("INT", child.id());
    let done: Done = child.wait_with_output().expect("the command ends").into();
    assert_eq!((done.code, &done.json()["verdict"]), (Some(3), &"unknown".into()), "{done:#?}");
    assert!(done.stderr.contains("gone/out.xml cannot be written: "), "{done:#?}");
    assert!(read(&system.place, "out.tap").contains("severity: error\n"), "{}", read(&system.place, "out.tap"));
}

/// Of several checks and their list, each is a text of its own.
#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_printed_is_said_once() {
    let system = System::start("");
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let done: Done =
        system.place.command(&["verify", "alice", "bob"]).stdout(full).output().expect("the command runs").into();
    assert_eq!((done.code, done.stderr.matches("error: standard output: ").count()), (Some(3), 1), "{done:#?}");
}

/// CRITICAL weighs more than a report that could not be written.
#[test]
#[cfg(target_os = "linux")]
fn a_report_that_cannot_be_written_makes_nothing_better() {
    let system = System::start("faults = [{ fault = \"login-refused\" }]");
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let mut command = system.place.command(&["verify", "alice"]);
    let done: Done = command.stdout(full).output().expect("the command runs").into();
    assert!(done.code == Some(2) && done.stderr.contains("\nerror: standard output: "), "{done:#?}");
}

#[test]
#[cfg(unix)]
fn a_run_that_is_stopped_leaves_whole_reports() {
    let system = System::start("faults = [{ fault = \"message-lost\" }]");
    let arguments = ["verify", "alice", "--report", "junit=out.xml", "--report", "github"];
    let child = system.place.command(&arguments).spawn().expect("the command runs");
    crate::stopped::until(&system, "IDLE", 1);
    assert_eq!(unfinished(&system.place).len(), 1, "it was opened before");
    crate::stopped::send("INT", child.id());
    let done: Done = child.wait_with_output().expect("the command ends").into();
    assert!(done.code == Some(3) && !done.stderr.contains("error: "), "{done:#?}");
    assert!(done.stdout.contains("::error title=mailtrip alice%3A delivery arrival [interrupted]::"), "{done:#?}");
    let xml = read(&system.place, "out.xml");
    assert!(xml.contains("<error type=\"interrupted\"") && xml.ends_with("</testsuites>\n"), "{xml}");
    assert!(unfinished(&system.place).is_empty());
}

/// Somebody else has to read it; what is there keeps the readers that it has.
#[test]
#[cfg(unix)]
fn whoever_could_read_the_file_before_can_read_it_again() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    std::fs::set_permissions(place.write("old.tap", ""), PermissionsExt::from_mode(0o640)).expect("permissions");
    let done = place.run(&["demo", "--report", "tap=old.tap", "--report", "json=new.json"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let usual = std::fs::metadata(place.write("usual", "")).expect("a file").permissions();
    let permissions = |name| std::fs::metadata(place.path().join(name)).expect("a file").permissions();
    assert_eq!(permissions("old.tap").mode() & 0o777, 0o640);
    assert_eq!(permissions("new.json").mode(), usual.mode());
}

#[test]
fn a_step_of_github_actions_gets_its_summary() {
    let place = Place::new();
    place.write("summary.md", "What another program wrote.\n");
    let done = in_a_step(&place, "summary.md", &["demo", "--format", "github"]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{done:#?}");
    let text = read(&place, "summary.md");
    assert!(text.starts_with("What another program wrote.\n\n## mailtrip demo: OK\n\nmail sent from alice"), "{text}");
    let done = in_a_step(&place, "summary.md", &["demo", "--quiet", "--report", "github=annotations"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""), "{done:#?}");
    assert_eq!(read(&place, "summary.md").matches("\n## mailtrip demo: OK\n").count(), 2);
    // Other formats leave it alone, and nothing is written that GitHub would not show.
    let done = in_a_step(&place, "other.md", &["demo", "--report", "markdown"]);
    assert!(done.code == Some(0) && !place.path().join("other.md").exists(), "{done:#?}");
    place.write("full.md", &"x".repeat(1024 * 1024 - 300));
    assert_eq!(in_a_step(&place, "full.md", &["demo", "--report", "github"]).code, Some(0));
    let text = read(&place, "full.md");
    assert!(text.len() <= 1024 * 1024 && text.ends_with("shows summaries of 1 MiB at most.\n"), "{}", text.len());
}

/// Only there, only once each, and not among what is piped on.
#[test]
fn the_runner_of_github_actions_is_told_what_to_mask() {
    let system = System::start("");
    let run = |actions: &str, format: &str| -> Done {
        let mut command = system.place.command(&["verify", "alice", "bob", "--report", format]);
        command.env("GITHUB_ACTIONS", actions).output().expect("the command runs").into()
    };
    let done = run("true", "github");
    let masks: Vec<&str> = done.stderr.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(masks, ["::add-mask::alice's sandbox password", "::add-mask::bob's sandbox password"], "{done:#?}");
    for done in [run("true", "github").stdout, run("", "github").stderr, run("true", "terminal").stderr] {
        assert!(!done.contains("add-mask") && !done.contains("sandbox password"), "{done}");
    }
}

#[test]
fn a_summary_that_cannot_be_written_is_told_before_anything_is_sent() {
    let system = System::start("");
    let done = in_a_step(&system.place, "no/summary.md", &["verify", "alice", "--report", "github"]);
    let annotation = "::error title=mailtrip%3A UNKNOWN::GITHUB_STEP_SUMMARY: ";
    assert!(done.code == Some(3) && done.stdout.starts_with(annotation), "{done:#?}");
    assert!(done.stderr.starts_with("error: GITHUB_STEP_SUMMARY: "), "{done:#?}");
    assert!(system.sandbox.commands().is_empty());
}

#[test]
fn a_plugin_is_never_silent() {
    let place = Place::new();
    for (format, begin) in
        [("nagios", "MAILTRIP OK - mail sent from "), ("checkmk", "0 \"Mailtrip\" - 1 check: 1 OK\n")]
    {
        let done = place.run(&["demo", "--quiet", "--report", format]);
        assert!(done.code == Some(0) && done.stdout.starts_with(begin), "{done:#?}");
    }
}

/// Icinga 2 reads standard error, too, and shows the first line of all.
#[test]
fn there_is_no_note_beside_what_a_monitoring_system_reads() {
    let system = System::start("");
    for command in ["verify", "clean"] {
        for format in [["--format", "nagios"], ["--report", "checkmk"]] {
            let done = system.run(&[&[command, "alice"], format.as_slice()].concat());
            assert!(done.code == Some(0) && done.stderr.is_empty(), "{done:#?}");
        }
        let done = system.run(&[command, "alice", "--format", "json", "--report", "nagios=out.txt"]);
        assert!(done.stderr.contains("is in the configuration itself"), "{done:#?}");
    }
}

#[test]
fn a_run_that_could_not_begin_says_so_on_standard_output_to_a_monitoring_system() {
    let place = Place::new();
    place.write(
        "mailtrip.toml",
        "[accounts.jane]\naddress = \"jane@centurylink.net\"\npassword = { file = \"none\" }\n",
    );
    place.write("wrong.toml", "[accounts.jane]\naddress = \"jane@centurylink.net\"\npasword = { env = \"P\" }\n");
    let cases: &[(&[&str], &str)] = &[
        (&["verify", "-c", "missing.toml"], "the configuration `missing.toml` cannot be read: "),
        (
            &["verify", "-c", "wrong.toml"],
            "account `jane` has no `password`\nin wrong.toml:1:11\n1 ¦ [accounts.jane]\nhelp: ",
        ),
        (&["verify"], "the password of account `jane`"),
        (&["verify", "--report", "tap=no/a"], "no/a cannot be written: "),
        (&["report", "missing.json"], "missing.json: "),
        (&["verify", "--tiemout", "5s"], "unexpected argument '--tiemout' found"),
    ];
    for (arguments, why) in cases {
        for format in [&["--format", "nagios"][..], &["--report=nagios"]] {
            let done = place.run(&[*arguments, format].concat());
            let begin = format!("MAILTRIP UNKNOWN - {why}");
            assert!(done.code == Some(3) && done.stdout.starts_with(&begin) && !done.stdout.contains('|'), "{done:#?}");
            assert!(done.stderr.starts_with("error: "), "people are told, too: {done:#?}");
        }
        let done = place.run(&[*arguments, &["--format=checkmk"]].concat());
        let begin = format!("3 \"Mailtrip\" - {}", why.replace('\n', "\\n").replace('¦', "|"));
        assert!(done.stdout.starts_with(&begin) && done.stdout.lines().count() == 1, "{done:#?}");
        // The page of a job shows no log; and with `--quiet`, too.
        let done = place.run(&[*arguments, &["--quiet", "--report=github"]].concat());
        let begin = format!("::error title=mailtrip%3A UNKNOWN::{}", why.lines().next().unwrap_or_default());
        assert!(done.stdout.starts_with(&begin) && done.stdout.lines().count() == 1, "{done:#?}");
        // In a file it is for whoever reads files.
        let done = place.run(&[*arguments, &["--report", "nagios=out.txt"]].concat());
        assert!(done.code == Some(3) && done.stdout.is_empty(), "{done:#?}");
    }
}

/// It may be an artifact of somebody else's job.
#[test]
fn a_file_that_is_no_outcome_acts_on_nothing_by_what_is_quoted_of_it() {
    let place = Place::new();
    let done = place.run(&["demo", "--format", "json"]);
    place.write("evil.json", &done.stdout.replacen("\"submission\"", r#""\u001b[2J\n::error::x""#, 1));
    let done = place.run(&["report", "evil.json"]);
    assert!(done.code == Some(3) && done.stdout.is_empty(), "{done:#?}");
    assert!(
        done.stderr.contains(r"unknown variant `\x1b[2J\n::error::x`") && done.stderr.lines().count() == 1,
        "{done:#?}"
    );
}

/// The local check as it stands, with the command and the configuration of this test.
#[test]
#[cfg(unix)]
fn the_local_check_of_the_examples_runs() {
    let system = System::start("");
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/checkmk/mailtrip");
    let text = std::fs::read_to_string(script).expect("the script");
    let run = |binary: &str, config: &str| -> Done {
        let text = text.replace("/usr/local/bin/mailtrip", binary).replace("/etc/mailtrip/config.toml", config);
        let script = system.place.write("local-check", &text);
        let output = std::process::Command::new("sh").arg(script).current_dir(system.place.path()).output();
        output.expect("a shell").into()
    };
    let binary = env!("CARGO_BIN_EXE_mailtrip");
    let done = run(binary, "mailtrip.toml");
    let services: Vec<&str> = done.stdout.lines().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(services, ["Mailtrip", "Mailtrip alice", "Mailtrip bob", "Mailtrip alice-to-bob"], "{done:#?}");
    assert!(done.stdout.lines().all(|line| line.starts_with("0 ")) && done.code == Some(0), "{done:#?}");
    // An agent throws away what a script has printed that fails.
    let done = run(binary, "missing.toml");
    assert!(done.code == Some(0) && done.stdout.starts_with("3 \"Mailtrip\" - the configuration "), "{done:#?}");
    let done = run("./no-such-command", "mailtrip.toml");
    let missing = "3 \"Mailtrip\" - it could not be run, or was killed: exit code 127\n";
    assert!(done.code == Some(0) && done.stdout == missing, "{done:#?}");
}
