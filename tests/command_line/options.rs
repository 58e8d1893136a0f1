//! Where an address is given and no configuration, it is told which options the settings are that advice names.

use mailtrip::sandbox::Service;

use crate::program::{ALICE, Done, System};

const HEADING: &str = "No configuration was given: on the command line, these settings are";

/// Runs a command for alice with these servers.
fn run(system: &System, command: &str, servers: &[(&str, String)], more: &[&str]) -> Done {
    let ca_file = system.ca_file.to_string_lossy().into_owned();
    let mut arguments = vec![command, "alice@sandbox.test", "--ca-file", &ca_file];
    servers.iter().for_each(|(option, server)| arguments.extend([option, server.as_str()]));
    arguments.extend(more);
    system.place.command(&arguments).env("MAILTRIP_PASSWORD", ALICE).output().expect("the command runs").into()
}

fn at(system: &System, service: Service, security: &str) -> String {
    format!("localhost:{}/{security}", system.sandbox.port(service))
}

/// The servers, that to send by with a setting that is wrong.
fn wrong(system: &System) -> [(&'static str, String); 2] {
    [("--smtp", at(system, Service::Submission, "tls")), ("--imap", at(system, Service::Imaps, "tls"))]
}

/// What stands in the note, without its heading.
fn told(done: &Done) -> Vec<&str> {
    let (_, note) = done.stdout.split_once(HEADING).unwrap_or_else(|| panic!("no note: {done:#?}"));
    note.lines().skip(1).collect()
}

#[test]
fn what_is_to_be_set_is_an_option_that_works() {
    let system = System::start("");
    let done = run(&system, "verify", &wrong(&system), &[]);
    let right = at(&system, Service::Submission, "starttls");
    let told = told(&done);
    assert_eq!((done.code, told[0]), (Some(2), "  `smtp.security = \"starttls\"`"), "{done:#?}");
    assert_eq!(told[1], format!("    → --smtp {right}"), "{done:#?}");
    assert!(done.stdout.lines().all(|line| line.chars().count() <= 80), "{done:#?}");
    let [_, imap] = wrong(&system);
    let healed = run(&system, "verify", &[("--smtp", right), imap], &["--quiet"]);
    assert_eq!((healed.code, healed.stdout.as_str()), (Some(0), ""), "{healed:#?}");
}

#[test]
fn the_doctor_tells_it_too_once_below_the_report_as_well() {
    let system = System::start("");
    let right = format!("    → --smtp {}", at(&system, Service::Submission, "starttls"));
    for (command, more) in
        [("doctor", &["--offline-neighbours"][..]), ("verify", &["--diagnose", "--offline-neighbours"])]
    {
        let done = run(&system, command, &wrong(&system), more);
        assert_eq!(done.code, Some(2), "{done:#?}");
        assert_eq!(told(&done).iter().filter(|line| **line == right).count(), 1, "{done:#?}");
        assert_eq!(done.stdout.matches(HEADING).count(), 1, "{done:#?}");
    }
}

#[test]
fn other_settings_are_told_by_what_stands_for_their_value() {
    let system = System::start("faults = [{ fault = \"login-refused\", service = \"imap\" }]");
    let servers =
        [("--smtp", at(&system, Service::Submissions, "tls")), ("--imap", at(&system, Service::Imaps, "tls"))];
    let done = run(&system, "verify", &servers, &[]);
    let expected = ["  `address`", "    → the ADDRESS", "  `username`", "    → --username NAME"];
    assert_eq!((done.code, told(&done)), (Some(2), expected.to_vec()), "{done:#?}");
}

#[test]
fn nothing_is_told_to_programs_nor_where_all_is_well_nor_with_a_configuration() {
    let system = System::start("");
    let json = run(&system, "verify", &wrong(&system), &["--format", "json"]);
    assert_eq!((json.code, &json.json()["verdict"]), (Some(2), &"critical".into()));
    let [_, imap] = wrong(&system);
    let well = run(&system, "verify", &[("--smtp", at(&system, Service::Submissions, "tls")), imap], &[]);
    assert!(well.code == Some(0) && !well.stdout.contains(HEADING), "{well:#?}");
    let text = format!(
        "[accounts.alice]\naddress = \"alice@sandbox.test\"\nca_file = {:?}\npassword = {{ value = {ALICE:?} }}\n\
         smtp = {{ host = \"localhost\", port = {}, security = \"tls\" }}\n\
         imap = {{ host = \"localhost\", port = {}, security = \"tls\" }}\n",
        system.ca_file.to_string_lossy(),
        system.sandbox.port(Service::Submission),
        system.sandbox.port(Service::Imaps),
    );
    system.place.write("mailtrip.toml", &text);
    let configured = system.run(&["verify"]);
    assert!(configured.code == Some(2) && configured.stdout.contains("`smtp.security = "), "{configured:#?}");
    assert!(!configured.stdout.contains(HEADING), "{configured:#?}");
}
