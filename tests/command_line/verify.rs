//! `mailtrip verify` and `mailtrip report`.

use std::io::Write;
use std::process::Stdio;

use mailtrip::sandbox::Service;

use crate::program::{ALICE, Done, Place, System};

#[test]
fn a_named_check_is_one_object_and_several_are_an_array() {
    let system = System::start("");
    let one = system.run(&["verify", "alice", "--format", "json"]);
    assert_eq!((one.code, &one.json()["check"]), (Some(0), &"alice".into()), "{one:#?}");
    let two = system.run(&["verify", "alice-to-bob", "alice", "--format", "json"]);
    let checks: Vec<_> = two.json().as_array().expect("an array").iter().map(|one| one["check"].clone()).collect();
    assert_eq!((two.code, checks), (Some(0), vec!["alice-to-bob".into(), "alice".into()]));
    assert!(system.sandbox.messages("alice@sandbox.test", "INBOX").is_empty());
}

#[test]
fn an_unknown_check_is_told_with_the_name_that_was_meant() {
    let system = System::start("");
    let done = system.run(&["verify", "alise"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""));
    assert!(done.stderr.contains("alise") && done.stderr.contains("`alice`"), "{done:#?}");
    assert!(system.sandbox.commands().is_empty());
}

#[test]
fn without_a_configuration_it_says_what_to_do() {
    let done = Place::new().run(&["verify"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""));
    assert!(done.stderr.starts_with("error: there is no configuration: name one with --config"), "{done:#?}");
    let done = Place::new().run(&["verify", "--config", "missing.toml"]);
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("missing.toml"), "{done:#?}");
}

/// The arguments that an address is verified with.
pub fn address_arguments(system: &System) -> Vec<String> {
    let location = |service| format!("localhost:{}/tls", system.sandbox.port(service));
    let mut arguments = vec!["verify".to_owned(), "alice@sandbox.test".to_owned()];
    arguments.extend(["--smtp".to_owned(), location(Service::Submissions)]);
    arguments.extend(["--imap".to_owned(), location(Service::Imaps)]);
    arguments.extend(["--ca-file".to_owned(), system.ca_file.to_string_lossy().into_owned()]);
    arguments
}

fn with_password(system: &System, password: &str, more: &[&str]) -> Done {
    let arguments = address_arguments(system);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let mut command = system.place.command(&arguments);
    command.env("MAILTRIP_PASSWORD", password).output().expect("the command runs").into()
}

#[test]
fn an_address_is_verified_by_both_protocols_and_with_a_reply() {
    let system = System::start("");
    let pop3 = format!("localhost:{}/tls", system.sandbox.port(Service::Pop3s));
    let done = with_password(&system, ALICE, &["--pop3", &pop3, "--receive", "both", "--reply", "--format", "json"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let stages = done.json()["stages"].as_array().cloned().unwrap_or_default();
    let arrived = |leg: &str, protocol: &str| {
        stages.iter().any(|stage| {
            let names = (&stage["leg"], &stage["stage"], &stage["protocol"], &stage["status"]);
            names == (&leg.into(), &"arrival".into(), &protocol.into(), &"passed".into())
        })
    };
    assert!(
        arrived("delivery", "imap") && arrived("delivery", "pop3") && arrived("reply-delivery", "imap"),
        "{done:#?}"
    );
    assert!(system.sandbox.messages("alice@sandbox.test", "INBOX").is_empty());
}

#[test]
fn an_address_is_verified_with_a_password_from_the_environment() {
    let system = System::start("");
    let done = with_password(&system, ALICE, &[]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stdout.starts_with("alice@sandbox.test to itself\n"), "{done:#?}");
}

#[cfg(unix)]
#[test]
fn an_address_is_verified_with_a_password_from_a_command() {
    let system = System::start("");
    system.place.write("password", ALICE);
    let mut arguments = address_arguments(&system);
    arguments.extend(["--password-command".to_owned(), "cat password".to_owned()]);
    let done: Done =
        system.place.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).output().unwrap().into();
    assert_eq!(done.code, Some(0), "{done:#?}");
}

#[cfg(unix)]
#[test]
fn a_command_that_gives_no_password_is_named_as_on_the_command_line() {
    let system = System::start("");
    let mut arguments = address_arguments(&system);
    arguments.extend(["--password-command".to_owned(), "exit 3".to_owned()]);
    let done = system.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""));
    let expected = "error: the password is to be given by --password-command, which ended with exit status 3\n";
    assert_eq!(done.stderr, expected);
}

#[test]
fn a_ca_file_is_read_before_anything_is_done_and_not_without_end() {
    let place = Place::new();
    place.write("not.pem", "no certificate");
    let files: &[&str] =
        if cfg!(unix) { &["missing.pem", "not.pem", "/dev/zero"] } else { &["missing.pem", "not.pem"] };
    for file in files {
        let done = place.run(&["verify", "jane@centurylink.net", "--ca-file", file]);
        assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:#?}");
        assert!(done.stderr.starts_with(&format!("error: the file of --ca-file, {file}, ")), "{done:#?}");
    }
}

#[test]
fn what_is_known_of_a_provider_is_told_once() {
    let place = Place::new();
    place.write("mailtrip.toml", "[accounts.a]\naddress = \"a@outlook.com\"\npassword = { value = \"x y\" }\n");
    let done = place.run(&["verify", "--timeout", "1s"]);
    assert_eq!(done.stderr.matches("OAuth2 only").count(), 1, "{done:#?}");
}

#[test]
fn an_empty_password_is_none() {
    let system = System::start("");
    let done = with_password(&system, "", &[]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:#?}");
    assert!(done.stderr.starts_with("error: ") && done.stderr.contains("password"), "{done:#?}");
    assert!(system.sandbox.commands().is_empty());
}

#[test]
fn a_wrong_password_is_critical_and_never_shown() {
    let system = System::start("");
    for more in [&[][..], &["--verbose"], &["--format", "json"]] {
        let done = with_password(&system, "Tr0ub4dor&3", more);
        assert_eq!(done.code, Some(2), "{done:#?}");
        assert!(!format!("{}{}", done.stdout, done.stderr).contains("Tr0ub4dor"), "{done:#?}");
    }
}

#[test]
fn quiet_is_silent_about_what_is_well_only() {
    let system = System::start("faults = [{ fault = \"recipient-refused\", to = \"bob@sandbox.test\" }]");
    let well = system.run(&["verify", "alice", "--quiet"]);
    assert_eq!((well.code, well.stdout.as_str(), well.stderr.as_str()), (Some(0), "", ""));
    let wrong = system.run(&["verify", "alice-to-bob", "--quiet"]);
    assert_eq!((wrong.code, wrong.stderr.as_str()), (Some(2), ""), "{wrong:#?}");
    assert!(wrong.stdout.contains("recipient-unknown") && wrong.conclusion().starts_with("CRITICAL: "), "{wrong:#?}");
    let json = system.run(&["verify", "alice", "--quiet", "--format", "json"]);
    assert_eq!((json.code, json.stdout.as_str()), (Some(0), ""));
}

#[test]
fn one_check_that_fails_decides_the_exit_code_of_all() {
    let system = System::start("faults = [{ fault = \"recipient-refused\", to = \"bob@sandbox.test\" }]");
    let done = system.run(&["verify"]);
    assert_eq!(done.code, Some(2), "{done:#?}");
    assert_eq!(done.stdout.lines().filter(|line| line.starts_with("OK: ")).count(), 1, "{done:#?}");
    assert_eq!(done.stdout.lines().filter(|line| line.starts_with("CRITICAL: ")).count(), 2, "{done:#?}");
}

#[test]
fn a_report_is_rendered_again_with_the_same_exit_code() {
    let system = System::start("faults = [{ fault = \"recipient-refused\", to = \"bob@sandbox.test\" }]");
    for (check, code) in [("alice", 0), ("bob", 2)] {
        let json = system.run(&["verify", check, "--format", "json"]);
        assert_eq!(json.code, Some(code), "{json:#?}");
        system.place.write("outcome.json", &json.stdout);
        let again = system.run(&["report", "outcome.json", "--format", "json"]);
        assert_eq!((again.code, again.stdout), (Some(code), json.stdout.clone()));
        let text = system.run(&["report", "outcome.json"]);
        assert!(text.code == Some(code) && text.stdout.starts_with(&format!("{check}: ")), "{text:#?}");
        let piped = from_standard_input(&system.place, &json.stdout);
        assert_eq!((piped.code, piped.stdout), (text.code, text.stdout));
    }
    for nothing in ["{}", "[]"] {
        system.place.write("outcome.json", nothing);
        let done = system.run(&["report", "outcome.json"]);
        assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""));
        assert!(done.stderr.starts_with("error: outcome.json: "), "{done:#?}");
        let done = from_standard_input(&system.place, nothing);
        assert!(done.code == Some(3) && done.stderr.starts_with("error: standard input: "), "{done:#?}");
    }
}

fn from_standard_input(place: &Place, text: &str) -> Done {
    let mut child = place.command(&["report", "-"]).stdin(Stdio::piped()).spawn().expect("the command runs");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it is read");
    child.wait_with_output().expect("the command ends").into()
}

#[test]
fn options_of_an_address_do_not_go_with_checks() {
    let system = System::start("");
    for arguments in [&["verify", "alice", "--username", "x"][..], &["verify", "alice", "bob@sandbox.test"]] {
        let done = system.run(arguments);
        assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""));
        assert!(done.stderr.starts_with("error: ") && done.stderr.lines().count() == 1, "{done:#?}");
    }
    assert!(system.sandbox.commands().is_empty());
}

#[test]
fn a_server_that_relays_for_anybody_is_a_warning() {
    let system = System::start("faults = [{ fault = \"open-relay\" }]");
    let done = system.run(&["verify", "alice"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    assert!(done.stdout.contains("[relays-without-authentication]"), "{done:#?}");
    assert!(done.conclusion().starts_with("WARNING: submission relay: "), "{done:#?}");
    let commands = system.sandbox.commands();
    let of = |what: &str| commands.iter().filter(|command| command.starts_with(what)).count();
    assert_eq!((of("smtp: RCPT TO:<mailtrip-relay-test@example.com>"), of("smtp: DATA")), (1, 1), "{commands:#?}");
}

#[test]
fn a_server_is_asked_once_also_where_the_reply_goes_through_it() {
    let system = System::start("");
    let done = system.run(&["verify", "alice-to-bob", "--format", "json"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let stages = done.json()["stages"].as_array().cloned().unwrap_or_default();
    let relays: Vec<_> = stages.iter().filter(|stage| stage["stage"] == "relay").collect();
    assert_eq!(relays.len(), 1, "{relays:#?}");
    assert_eq!((&relays[0]["leg"], &relays[0]["status"]), (&"submission".into(), &"passed".into()));
    assert_eq!(relays[0]["facts"][0]["reply"]["code"], 530);
}

/// No name is looked up: an IP address is of one family.
#[test]
fn a_family_that_a_server_does_not_have_is_told_with_what_it_has() {
    let place = Place::new();
    for (flag, long, host, family) in [("-6", "--ipv6", "127.0.0.1", "IPv6"), ("-4", "--ipv4", "[::1]", "IPv4")] {
        let server = format!("{host}:9/tls");
        for flag in [flag, long] {
            let arguments = ["verify", "a@b.test", "--smtp", &server, "--imap", &server, flag];
            let done: Done = place.command(&arguments).env("MAILTRIP_PASSWORD", "x").output().unwrap().into();
            assert_eq!(done.code, Some(2), "{done:#?}");
            let bare = host.trim_matches(['[', ']']);
            assert!(done.stdout.contains(&format!("{bare} has no {family} address; it has: {bare}.")), "{done:#?}");
            assert!(done.stdout.contains("[no-address-of-family]"), "{done:#?}");
        }
    }
    let both = place.run(&["verify", "a@b.test", "-4", "-6"]);
    assert_eq!((both.code, both.stdout.as_str()), (Some(3), ""));
}

#[test]
fn an_address_and_names_of_a_configuration_are_told_apart() {
    let system = System::start("");
    for (command, what, done) in
        [("verify", "checks", "verified"), ("clean", "accounts", "cleaned"), ("doctor", "accounts", "examined")]
    {
        let address = "alice@sandbox.test";
        let both =
            format!("error: either {what} of the configuration or one address can be {done}, not both at once\n");
        let config = format!("error: an address is {done} without a configuration: leave out --config mailtrip.toml\n");
        let given = "error: --smtp, --imap, --pop3, --username, ";
        for (arguments, begin) in [
            (&[command, "alice", address][..], both.as_str()),
            (&[command, address, "--config", "mailtrip.toml"], &config),
            (&[command, "alice", "--username", "a"], given),
        ] {
            let done = system.run(arguments);
            assert!(done.code == Some(3) && done.stderr.starts_with(begin), "{arguments:?}: {done:#?}");
        }
    }
    assert!(system.sandbox.commands().is_empty());
}

#[test]
fn the_bounds_of_the_command_line_win_over_those_of_the_configuration() {
    let system = System::start("");
    let config = system.sandbox.config(&system.ca_file);
    let head = "[checks.\"alice\"]\n";
    let bounds = "warn = { round_trip = \"1us\", reply-submission-login = 3 }\ncritical = { round_trip = \"10m\" }\n";
    assert!(config.contains(head), "{config}");
    system.place.write("mailtrip.toml", &config.replace(head, &format!("{head}{bounds}")));
    let done = system.run(&["verify", "alice"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    assert!(done.stdout.contains("delivery arrival  [too-slow]"), "{done:#?}");
    let told = "check `alice` has no stage that `reply-submission-login` measures";
    assert!(done.stderr.contains(told) && done.stderr.contains("mailtrip.toml:"), "{done:#?}");
    let done = system.run(&["verify", "alice", "--warn", "5m"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let done = system.run(&["verify", "alice", "--critical", "submission-login=@0:1m", "--format", "json"]);
    assert_eq!(done.code, Some(2), "{done:#?}");
    let json = done.json();
    assert_eq!((&json["diagnoses"][0]["code"], &json["verdict"]), (&"out-of-range".into(), &"critical".into()));
    let thresholds = json["criteria"]["thresholds"].as_array().expect("a list");
    let login = serde_json::json!({"measure": "submission-login", "warn": null, "critical": "@60"});
    assert!(thresholds.contains(&login), "{thresholds:#?}");
}

#[test]
fn bounds_go_with_an_address_and_what_they_are_called_there_is_told() {
    let system = System::start("");
    let bounds = ["--warn", "login=1us", "--critical", "certificate-days=1", "--warn", "token=1"];
    let done = with_password(&system, ALICE, &bounds);
    assert_eq!(done.code, Some(1), "{done:#?}");
    assert!(done.stdout.contains("→ --warn MEASURE=RANGE"), "{done:#?}");
    assert!(done.stderr.contains("no stage is measured by token here"), "{done:#?}");
    for (wrong, told) in [
        ("lgoin=1", "round-trip, certificate-days"),
        ("login=soon", "such as 30s"),
        ("certificate-days=3d", "such as 14"),
    ] {
        let done = system.run(&["verify", "alice", "--warn", wrong]);
        assert_eq!(done.code, Some(3), "{done:#?}");
        assert!(done.stderr.contains(told), "{done:#?}");
    }
}
