//! The line of `examples/crontab`, run as cron does, for a day in which the provider has an outage. A mail is what cron makes
//! of a run that prints anything.
//!
//! The clock is moved by `faketime`; where that is missing, the tests show as ignored.

use std::fs;
use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use libtest_mimic::{Arguments, Trial};
use mailtrip::sandbox::{Sandbox, Service, Settings};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const PASSWORD: &str = "alice's sandbox password";

fn main() -> ExitCode {
    let tests: [(&str, fn()); 3] = [
        ("a_day_with_an_outage_is_two_mails_down_and_up_again", a_day_with_an_outage),
        ("a_long_outage_is_told_again_every_six_hours", a_long_outage),
        ("a_day_without_one_is_no_mail", a_day_without),
    ];
    let missing =
        Command::new("faketime").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err();
    if missing {
        eprintln!("cron: ignored, for there is no faketime here");
    }
    let trial = |(name, test): (&str, fn())| {
        let run = move || {
            test();
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(missing)
    };
    libtest_mimic::run(&Arguments::from_args(), tests.into_iter().map(trial).collect()).exit_code()
}

/// A run that printed something.
#[derive(Debug)]
struct Mail {
    /// Which run of the day it was.
    run: usize,
    text: String,
    code: Option<i32>,
}

impl Mail {
    fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

/// A provider, and a machine with a crontab.
struct Machine {
    home: TempDir,
    provider: Sandbox,
    /// While it is, connections are cut.
    is_down: Arc<AtomicBool>,
    _runtime: Runtime,
}

impl Machine {
    fn start() -> Machine {
        let runtime = Runtime::new().expect("a runtime");
        let provider = runtime.block_on(Sandbox::start(Settings::default())).expect("a sandbox");
        let is_down = Arc::new(AtomicBool::new(false));
        let home = TempDir::new().expect("a folder");
        let place = |service| gate(provider.port(service), is_down.clone());
        let config = format!(
            "[accounts.home]\naddress = \"alice@sandbox.test\"\npassword = {{ file = \"password\" }}\nca_file = \"ca.pem\"\n\
             smtp = {{ host = \"localhost\", port = {}, security = \"tls\" }}\n\
             imap = {{ host = \"localhost\", port = {}, security = \"tls\" }}\n",
            place(Service::Submissions),
            place(Service::Imaps)
        );
        let folder = home.path().join(".config/mailtrip");
        fs::create_dir_all(&folder).expect("a folder");
        for (name, text) in [("config.toml", config.as_str()), ("ca.pem", provider.ca_pem()), ("password", PASSWORD)] {
            fs::write(folder.join(name), text).expect("a file");
        }
        Machine { home, provider, is_down, _runtime: runtime }
    }

    /// Runs a command so many times, with so many minutes between two runs, and gives back the mails.
    fn day(&self, command: &str, (runs, minutes): (usize, usize), is_down: impl Fn(usize) -> bool) -> Vec<Mail> {
        let mut mails = Vec::new();
        for run in 0..runs {
            self.is_down.store(is_down(run), Ordering::SeqCst);
            let mut cron = Command::new("faketime");
            cron.args(["-f", &format!("+{}", run * minutes * 60), "/bin/sh", "-c", command]);
            cron.env_clear().env("HOME", self.home.path()).env("LOGNAME", "home").env("SHELL", "/bin/sh");
            cron.env("PATH", "/usr/bin:/bin").env("DONT_FAKE_MONOTONIC", "1").current_dir(self.home.path());
            let done = cron.stdin(Stdio::null()).output().expect("the command runs");
            let text = [done.stderr, done.stdout].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
            match done.status.code() {
                Some(0) if text.is_empty() => {}
                code => mails.push(Mail { run, text, code }),
            }
        }
        assert!(self.provider.messages("alice@sandbox.test", "INBOX").is_empty(), "something was left behind");
        mails
    }
}

/// A port at which a service is reached, as long as nothing is down.
fn gate(service: u16, is_down: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            if !is_down.load(Ordering::SeqCst) {
                let server = TcpStream::connect(("127.0.0.1", service)).expect("the sandbox");
                pass_on(client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
                pass_on(server, client);
            }
        }
    });
    port
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to).and_then(|_| to.flush()); // either side may end it
        let _ = to.shutdown(Shutdown::Write);
    });
}

/// The command of the crontab, with the binary that was built here.
fn command() -> String {
    let crontab = include_str!("../examples/crontab");
    let lines: Vec<&str> = crontab.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let [mail_to, content, line] = lines[..].try_into().expect("whom to mail to, what the mail is, and one line");
    assert!(mail_to.starts_with("MAILTO=") && content.contains("charset=UTF-8"), "{lines:?}");
    assert!(include_str!("../README.md").contains(&format!("```crontab\n{line}\n```")), "the README has another line");
    let mut words = line.split_whitespace();
    assert_eq!(words.by_ref().take(5).collect::<Vec<_>>(), ["*/15", "*", "*", "*", "*"]);
    let command: Vec<&str> = words.collect();
    let command = command.join(" ");
    assert!(command.starts_with("/usr/local/bin/mailtrip verify --on-change"), "{command}");
    command.replace("/usr/local/bin/mailtrip", &format!("'{}'", env!("CARGO_BIN_EXE_mailtrip")))
}

fn a_day_with_an_outage() {
    // Half an hour between two runs; down from 08:30 to 12:00, and once in the evening.
    let mails = Machine::start().day(&command(), (48, 30), |run| (17..24).contains(&run) || run == 40);
    let [down, up] = &mails[..] else { panic!("{} mails: {mails:#?}", mails.len()) };
    assert_eq!((down.run, down.code), (18, Some(2)), "at the second failure: {down:#?}");
    assert!(down.first_line().starts_with("home is CRITICAL: it was OK until "), "{down:#?}");
    assert!(down.text.contains("\nCRITICAL: submission tls: "), "{down:#?}");
    assert_eq!((up.run, up.code), (24, Some(0)), "{up:#?}");
    assert_eq!(up.first_line(), "home is OK again: it was CRITICAL for 3 h 30 min");
    assert!(up.text.contains("\nOK: mail sent from alice@sandbox.test arrived"), "{up:#?}");
}

fn a_long_outage() {
    // An hour between two runs; down from 02:00 to 20:00.
    let command = command().replace("--remind 24h", "--remind 6h");
    let mails = Machine::start().day(&command, (24, 60), |run| (2..20).contains(&run));
    let told: Vec<(usize, &str)> = mails.iter().map(|mail| (mail.run, mail.first_line())).collect();
    let [(3, down), reminders @ .., (20, up)] = &told[..] else { panic!("{told:#?}") };
    assert!(down.starts_with("home is CRITICAL: it was OK until "), "{down}");
    assert_eq!(
        reminders,
        [
            (9, "home is still CRITICAL: it has been so for 7 h 0 min"),
            (15, "home is still CRITICAL: it has been so for 13 h 0 min"),
        ]
    );
    assert_eq!(*up, "home is OK again: it was CRITICAL for 18 h 0 min");
}

fn a_day_without() {
    assert!(command().contains("--remind 24h"), "which the test of the long outage replaces");
    let mails = Machine::start().day(&command(), (4, 360), |_| false);
    assert!(mails.is_empty(), "{mails:#?}");
}
