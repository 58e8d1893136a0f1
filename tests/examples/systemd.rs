//! The units.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::command_lines::words;
use super::system::{System, arguments, said};
use super::text::read;

const SERVICE: &str = "examples/systemd/mailtrip.service";

/// How much of the system an attacker in the service could reach, as systemd counts it: 96 without anything, 0 with nothing
/// left. The network, which it is there for, is most of the rest.
const EXPOSURE: &str = "14";

/// What stands behind `KEY=` in a unit.
fn setting(unit: &str, key: &str) -> String {
    let unit = read(unit);
    let line = unit.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
    line.unwrap_or_else(|| panic!("no {key}=")).to_owned()
}

/// The units in a folder of their own, with the binary of this test where they name the installed one.
fn units() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["mailtrip.service", "mailtrip.timer", "mailtrip-failed@.service"];
    let unit = |name: &&str| {
        let text = read(&format!("examples/systemd/{name}"));
        let path = folder.path().join(name);
        let text = text.replace("/usr/local/bin/mailtrip", env!("CARGO_BIN_EXE_mailtrip"));
        fs::write(&path, text).expect("a file in a temporary folder");
        path
    };
    let units = names.iter().map(unit).collect();
    (folder, units)
}

pub fn verified() {
    let (_folder, units) = units();
    let output = Command::new("systemd-analyze").arg("verify").args(&units).output().expect("it runs");
    // Of units of this system it may say something, too.
    let ours = said(&output).lines().filter(|line| line.contains("mailtrip")).collect::<Vec<_>>().join("\n");
    assert!(ours.is_empty(), "{}", said(&output));
}

pub fn hardened() {
    let (_folder, units) = units();
    let mut command = Command::new("systemd-analyze");
    let output = command.args(["security", "--no-pager", "--offline=true", "--threshold", EXPOSURE]).arg(&units[0]);
    let output = output.output().expect("it runs");
    let said = said(&output);
    if said.contains("unrecognized option") {
        eprintln!("this systemd-analyze is older than 250: not run");
        return;
    }
    assert!(output.status.success(), "{said}");
}

/// As systemd starts it: with the credential in a folder that a variable names, a folder for its state, and no home.
fn service(system: &System, password: &str) -> Output {
    let (name, _) =
        setting(SERVICE, "LoadCredential").split_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let credential = system.write(&format!("credentials/{name}"), password);
    let configuration = system.write("config.toml", &system.adapted(&read("examples/systemd/config.toml")));
    let line = words(&setting(SERVICE, "ExecStart"));
    let mut command = system.command(env!("CARGO_BIN_EXE_mailtrip"));
    command.args(arguments(&line[1..], &configuration)).env_remove("HOME");
    command.env("CREDENTIALS_DIRECTORY", credential.parent().expect("a folder"));
    command.env("STATE_DIRECTORY", system.write("state/x", "").parent().expect("a folder"));
    command.output().expect("it runs")
}

pub fn service_runs() {
    let system = System::start("");
    let output = service(&system, &system.user().password);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{}", said(&output));
    assert!(system.is_empty(), "it left something behind");
    assert_eq!(setting(SERVICE, "SuccessExitStatus"), "1");
}

pub fn service_fails_once() {
    let system = System::start("");
    let right = system.user().password.clone();
    let codes: Vec<Option<i32>> =
        [&right, "no", "no", "no", "no"].map(|password| service(&system, password).status.code()).to_vec();
    assert_eq!(codes, [0, 0, 2, 0, 0].map(Some));
    let output = service(&system, &right);
    assert!(output.status.success() && said(&output).contains("home is OK again"), "{}", said(&output));
}

/// With others in the place of `journalctl` and `curl`, which say what they were given.
pub fn told() {
    let folder = tempfile::tempdir().expect("a folder");
    for (program, does) in
        [("journalctl", "for word; do echo \"journalctl: $word\"; done"), ("curl", "printf '%s\\n' \"$@\"; cat")]
    {
        let path = folder.path().join(program);
        fs::write(&path, format!("#!/bin/sh\n{does}\n")).expect("a file in a temporary folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    // As systemd reads it: $$ is a dollar, %i the instance.
    let line = setting("examples/systemd/mailtrip-failed@.service", "ExecStart");
    let (_, script) = line.split_once("-c '").expect("a shell");
    let script = script.trim_end_matches('\'').replace("$$", "$").replace("%i", "mailtrip.service");
    let url = setting("examples/systemd/mailtrip-failed@.service", "Environment");
    let run = |invocation: Option<&str>| {
        let mut command = Command::new("sh");
        command.arg("-c").arg(&script).env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()));
        command.env_remove("MONITOR_INVOCATION_ID").env("URL", url.trim_start_matches("URL="));
        command.envs(invocation.map(|id| ("MONITOR_INVOCATION_ID", id)));
        said(&command.output().expect("a shell"))
    };
    let text = run(Some("0123abcd"));
    let expected =
        ["journalctl: _SYSTEMD_INVOCATION_ID=0123abcd", "https://ntfy.example.net/mail", "mailtrip.service failed"];
    for part in expected {
        assert!(text.contains(part), "no {part}: {text}");
    }
    let text = run(None);
    // An empty word would be no match that it takes.
    assert!(text.contains("journalctl: -1h\n") && !text.contains("journalctl: \n"), "{text}");
    assert!(!text.contains("_SYSTEMD_INVOCATION_ID"), "{text}");
}
