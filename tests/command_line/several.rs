//! Several checks in one run: their reports, the list, `--quiet`, `--retry`, the events, a stop.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use crate::program::{Done, System};
#[cfg(unix)]
use crate::stopped::{send, until};

/// A mail system with more checks: `down`, of an account whose servers are not there.
fn system(settings: &str) -> System {
    let system = System::start(settings);
    let config = std::fs::read_to_string(system.place.path().join("mailtrip.toml")).expect("the configuration");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
    let server = format!("{{ host = \"127.0.0.1\", port = {free}, security = \"tls\" }}");
    let down = format!(
        "[accounts.down]\naddress = \"down@sandbox.test\"\npassword = {{ env = \"HOME\" }}\nsmtp = {server}\nimap = {server}\n\
         [checks.down]\nfrom = \"down\"\n"
    );
    system.place.write("mailtrip.toml", &(config + &down));
    system
}

/// The lines that begin a report, and those of the list.
fn outline(done: &Done) -> Vec<String> {
    let list = |line: &&str| ["✓", "!", "✗", "?"].iter().any(|mark| line.starts_with(mark)) && !line.contains('[');
    let title = |line: &&str| line.contains("@sandbox.test to ");
    let lines = done.stdout.lines().filter(|line| title(line) || list(line));
    lines.map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn reports_come_in_the_order_of_the_configuration_then_the_list_and_the_summary() {
    let system = system("");
    let done = system.run(&["verify", "alice-to-bob", "down", "alice", "--per-host", "9"]);
    assert_eq!(done.code, Some(2), "{done:#?}");
    let expected = [
        "alice-to-bob: alice@sandbox.test to",
        "down: down@sandbox.test to",
        "alice: alice@sandbox.test to",
        "✓ alice-to-bob OK",
        "✗ down CRITICAL",
        "✓ alice OK",
    ];
    assert_eq!(outline(&done), expected, "{done:#?}");
    assert!(done.conclusion().starts_with("3 checks: 2 OK, 1 CRITICAL, in "), "{done:#?}");
    let one = system.run(&["verify", "alice"]);
    assert!(one.conclusion().starts_with("OK: ") && outline(&one).len() == 1, "{one:#?}");
}

#[test]
fn quiet_is_about_what_is_not_ok() {
    let system = system("");
    let well = system.run(&["verify", "alice", "bob", "--quiet"]);
    assert_eq!((well.code, well.stdout.as_str(), well.stderr.as_str()), (Some(0), "", ""));
    let json = system.run(&["verify", "alice", "down", "--report", "json"]);
    system.place.write("out.json", &json.stdout);
    let run = system.run(&["verify", "alice", "down", "--quiet"]);
    for done in [run, system.run(&["report", "out.json", "--quiet"])] {
        assert_eq!(done.code, Some(2), "{done:#?}");
        assert_eq!(outline(&done), ["down: down@sandbox.test to", "✗ down CRITICAL"], "{done:#?}");
        assert!(done.conclusion().starts_with("2 checks: 1 OK, 1 CRITICAL, in "), "{done:#?}");
    }
}

#[test]
fn a_check_that_passes_when_it_is_repeated_is_a_warning() {
    let fault = "faults = [{ fault = \"drop\", service = \"imap\", at = \"auth\", times = 1 }]";
    let system = System::start(fault);
    let done = system.run(&["verify", "alice", "--retry", "1", "--retry-delay", "0s", "--report", "json=out.json"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    assert!(done.stdout.contains("  attempt 1 of 2  ") && done.stdout.contains("[flaky]"), "{done:#?}");
    let again = system.run(&["report", "out.json"]);
    assert_eq!((again.code, again.stdout), (Some(1), done.stdout), "the attempts are in the JSON");
    let unused = system.run(&["verify", "alice", "--retry-delay", "1s"]);
    assert!(unused.code == Some(3) && unused.stderr.contains("--retry <N>"), "{unused:#?}");
}

#[test]
fn a_refused_sign_in_is_not_repeated_and_that_is_said() {
    let system = System::start("faults = [{ fault = \"login-refused\" }]");
    let said = "alice is not repeated after its sign-in was refused";
    for (options, expected) in
        [(["--retry", "2"].as_slice(), true), (&["--retry", "2", "--quiet"], false), (&[], false)]
    {
        let done = system.run(&[&["verify", "alice"], options].concat());
        assert_eq!((done.code, done.stderr.contains(said)), (Some(2), expected), "{done:#?}");
        assert!(!done.stdout.contains("attempt 1"), "{done:#?}");
    }
}

#[test]
fn what_was_said_at_each_attempt_is_in_the_file_by_check() {
    let fault = "faults = [{ fault = \"drop\", service = \"imap\", at = \"auth\", times = 1 }]";
    let system = System::start(fault);
    let options = ["--retry", "1", "--retry-delay", "0s", "--jobs", "1", "--transcript", "./said.txt"];
    let done = system.run(&[&["verify", "alice", "bob", "--format", "json"], options.as_slice()].concat());
    assert_eq!(done.code, Some(1), "{done:#?}");
    let said = std::fs::read_to_string(system.place.path().join("said.txt")).expect("the transcript");
    let titles: Vec<&str> = said.lines().filter(|line| line.contains("@sandbox.test to itself")).collect();
    let [alice, bob] = ["alice: alice@sandbox.test to itself", "bob: bob@sandbox.test to itself"];
    assert_eq!(titles, [alice, alice, bob]);
    assert!(!done.stdout.contains("AUTHENTICATE"), "{done:#?}");
}

/// The events, as they are printed.
fn events(lines: impl Iterator<Item = String>) -> impl Iterator<Item = Value> {
    lines.map(|line| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
}

#[cfg(unix)]
#[test]
fn events_are_read_while_the_run_is_under_way() {
    let system = System::start("faults = [{ fault = \"message-lost\" }]");
    let mut child = system.place.command(&["verify", "alice", "bob", "--format", "ndjson"]).spawn().expect("it runs");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines().map(|line| line.expect("UTF-8"));
    let mut events = events(lines);
    let mut seen: Vec<Value> = Vec::new();
    // The messages are lost, so that nothing ends by itself: what is read now was written before the end.
    let waits = |event: &Value| event["event"] == "stage-began" && event["stage"] == "arrival";
    while seen.iter().filter(|event| waits(event)).count() < 2 {
        seen.push(events.next().expect("another event"));
    }
    assert_eq!((&seen[0]["event"], &seen[0]["checks"]), (&"run-began".into(), &serde_json::json!(["alice", "bob"])));
    assert!(seen.iter().filter(|event| waits(event)).all(|event| event["limit_seconds"].as_f64() > Some(1.0)));
    assert!(child.try_wait().expect("its state").is_none());
    send("INT", child.id());
    let rest: Vec<Value> = events.collect();
    assert_eq!(child.wait().expect("its end").code(), Some(3));
    let last = rest.last().expect("an end");
    assert_eq!(
        (&last["event"], &last["verdict"], &last["unknown"]),
        (&"run-ended".into(), &"unknown".into(), &2.into())
    );
    assert_eq!(rest.iter().filter(|event| event["event"] == "check-ended").count(), 2);
}

/// A program that others write reads them, too.
#[cfg(unix)]
#[test]
fn python_reads_the_events_line_by_line() {
    let Ok(python) = std::process::Command::new("python3").arg("--version").output() else { return };
    assert!(python.status.success());
    let system = System::start("");
    let program = "import json, sys\nfor line in sys.stdin:\n    event = json.loads(line)\n    print(event['event'], event.get('check', '-'), event.get('verdict', '-'))\n";
    system.place.write("read.py", program);
    let command = format!("'{}' verify alice --format ndjson | python3 read.py", env!("CARGO_BIN_EXE_mailtrip"));
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &command]).current_dir(system.place.path()).output().expect("a shell");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    let told: Vec<&str> = told.lines().filter(|line| !line.starts_with("stage-")).collect();
    assert_eq!(
        told,
        ["run-began - -", "check-began alice -", "attempt-ended alice ok", "check-ended alice ok", "run-ended - ok"]
    );
}

#[test]
fn events_in_a_file_are_those_of_the_outcomes() {
    let system = System::start("");
    let done = system.run(&["verify", "alice", "bob", "--report", "ndjson=out.ndjson", "--report", "json"]);
    system.place.write("out.json", &done.stdout);
    let again = system.run(&["report", "out.json", "--format", "ndjson"]);
    let file = std::fs::read_to_string(system.place.path().join("out.ndjson")).expect("the file");
    assert_eq!(again.code, Some(0));
    let differ = again.stdout.lines().zip(file.lines()).find(|(one, other)| one != other);
    assert!(differ.is_none() && again.stdout.len() == file.len(), "{differ:#?}");
    let quiet = system.run(&["verify", "alice", "--format", "ndjson", "--quiet"]);
    assert_eq!((quiet.code, quiet.stdout.as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn a_signal_stops_all_and_those_that_wait_are_not_begun() {
    let system = System::start("faults = [{ fault = \"message-lost\" }]");
    let arguments = ["verify", "alice", "bob", "alice-to-bob", "--jobs", "2", "--format", "json"];
    let child = system.place.command(&arguments).spawn().expect("the command runs");
    until(&system, "IDLE", 2);
    send("INT", child.id());
    let done: Done = child.wait_with_output().expect("the command ends").into();
    assert_eq!(done.code, Some(3), "{done:#?}");
    let json = done.json();
    let verdicts: Vec<&Value> = json.as_array().expect("three").iter().map(|one| &one["verdict"]).collect();
    assert_eq!(verdicts, ["unknown"; 3]);
    let last = &json[2]["stages"].as_array().expect("stages");
    assert!(!last.is_empty() && last.iter().all(|stage| stage["skipped"]["why"] == "stopped"), "{last:#?}");
    assert_eq!(system.sandbox.commands().iter().filter(|command| command.contains("DATA")).count(), 2);
}
