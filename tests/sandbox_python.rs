//! The sandbox against clients that are not ours: Python's smtplib, imaplib and poplib. Where there is no `python3`,
//! the tests are reported as ignored.

use std::io::Write;
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use mailtrip::sandbox::{Sandbox, Service, Settings, User};

/// Passwords that have been mangled by one program or another.
const PASSWORDS: [&str; 8] = [
    "plain",
    " leading and trailing ",
    "quote\"inside",
    "back\\slash\\",
    "#hash $dollar %percent",
    "{5+} (paren) *",
    "pässwörd ☃ €",
    "'single' `tick` &amp;",
];

const MODES: [&str; 5] = ["tls-plain", "tls-login", "starttls-plain", "starttls-login", "wrong-password"];

fn main() -> ExitCode {
    let python = Command::new("python3").arg("--version").output();
    let missing = !python.is_ok_and(|output| output.status.success());
    if missing {
        eprintln!("python3 is not on the PATH: these tests are ignored");
    }
    let trials = MODES.map(|mode| Trial::test(mode, move || run(mode)).with_ignored_flag(missing));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn settings() -> Settings {
    let account = |(number, password): (usize, &&str)| User {
        address: format!("user{number}@sandbox.test"),
        password: (*password).to_owned(),
        token: None,
    };
    Settings { accounts: PASSWORDS.iter().enumerate().map(account).collect(), ..Settings::default() }
}

fn run(mode: &str) -> Result<(), Failed> {
    let runtime = tokio::runtime::Runtime::new()?;
    let sandbox = runtime.block_on(Sandbox::start(settings()))?;
    let mut ca = tempfile::NamedTempFile::new()?;
    ca.write_all(sandbox.ca_pem().as_bytes())?;
    let accounts = sandbox.accounts().iter();
    let configuration = serde_json::json!({
        "ca": ca.path(),
        "ports": {
            "submission": sandbox.port(Service::Submission),
            "submissions": sandbox.port(Service::Submissions),
            "imap": sandbox.port(Service::Imap),
            "imaps": sandbox.port(Service::Imaps),
            "pop3": sandbox.port(Service::Pop3),
            "pop3s": sandbox.port(Service::Pop3s),
        },
        "accounts": accounts.map(|user| [&user.address, &user.password]).collect::<Vec<_>>(),
    });
    let output = python(mode, &configuration.to_string())?;
    if output.status.success() && output.stdout.starts_with(b"done") {
        return Ok(());
    }
    Err(Failed::from(format!(
        "{}\n{}\nthe sandbox heard:\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        sandbox.commands().join("\n"),
    )))
}

fn python(mode: &str, configuration: &str) -> std::io::Result<std::process::Output> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sandbox_python.py");
    let mut child = Command::new("python3")
        .args([script, mode])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(configuration.as_bytes())?;
    }
    child.wait_with_output()
}
