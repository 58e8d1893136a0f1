//! A host name with an IPv4 and an IPv6 address, one of which may be dead; and `-4` and `-6`.
//!
//! The name is `localhost`, in a mount namespace with an /etc/hosts of its own, which takes Linux and root; where that
//! cannot be had, every test shows as ignored.

use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use libtest_mimic::{Arguments, Trial};
use mailtrip::sandbox::{Sandbox, Service, Settings};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";

/// With $1 in place of /etc/hosts, runs the rest.
const WITH_HOSTS: &str = "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";

const TESTS: &[(&str, fn())] = &[
    ("both_families_are_tried", both_are_tried),
    ("a_flag_leaves_one_family", a_flag_leaves_one),
    ("a_dead_family_is_a_warning_that_names_the_address", a_dead_family),
    ("a_dead_family_that_is_insisted_on_is_critical", a_dead_family_insisted_on),
];

fn main() -> ExitCode {
    let folder = TempDir::new().expect("a temporary folder");
    let probe = with_hosts(folder.path(), "getent", &["ahosts", "localhost"]).output();
    let found = probe.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let has_loopback = std::net::TcpListener::bind(("::1", 0)).is_ok();
    let missing = !(has_loopback && found.contains("::1") && found.contains("127.0.0.1"));
    if missing {
        eprintln!("families: ignored: no mount namespace of our own here, or no IPv6");
    }
    let trial = |&(name, test): &(&'static str, fn())| {
        let trial = move || {
            test();
            Ok(())
        };
        Trial::test(name, trial).with_ignored_flag(missing)
    };
    libtest_mimic::run(&Arguments::from_args(), TESTS.iter().map(trial).collect()).exit_code()
}

fn with_hosts(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    let hosts = folder.join("hosts");
    std::fs::write(&hosts, HOSTS).expect("a file in a temporary folder");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", WITH_HOSTS, "sh"]).arg(&hosts).arg(program).args(arguments);
    command.current_dir(folder).env("HOME", folder).stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

/// A mail system whose submission server may be reached by one family only.
struct System {
    folder: TempDir,
    /// Of the submission server, as it is configured.
    port: u16,
    _sandbox: Sandbox,
    _runtime: Runtime,
}

impl System {
    fn start(only: Option<&str>) -> System {
        let runtime = Runtime::new().expect("a runtime");
        let sandbox = runtime.block_on(Sandbox::start(Settings::default())).expect("a sandbox");
        let own = sandbox.port(Service::Submissions);
        let port = only.map_or(own, |host| runtime.block_on(door(host, own)));
        let folder = TempDir::new().expect("a temporary folder");
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, sandbox.ca_pem()).expect("a file in a temporary folder");
        let config = sandbox.config(&ca_file).replace(&format!("port = {own},"), &format!("port = {port},"));
        std::fs::write(folder.path().join("mailtrip.toml"), config).expect("a file in a temporary folder");
        System { folder, port, _sandbox: sandbox, _runtime: runtime }
    }

    /// The exit code, and the outcome.
    fn verify(&self, more: &[&str]) -> (Option<i32>, Value) {
        let arguments = [&["verify", "alice", "--config", "mailtrip.toml", "--format", "json"], more].concat();
        let run = with_hosts(self.folder.path(), env!("CARGO_BIN_EXE_mailtrip"), &arguments).output();
        let Output { status, stdout, stderr } = run.expect("the command runs");
        let json = serde_json::from_slice(&stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr)));
        (status.code(), json)
    }

    fn address(&self, host: &str) -> String {
        std::net::SocketAddr::new(host.parse::<IpAddr>().expect("an address"), self.port).to_string()
    }
}

/// A port on this address alone that leads to the sandbox.
async fn door(host: &str, port: u16) -> u16 {
    let listener = TcpListener::bind((host, 0)).await.expect("a free port");
    let own = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    own
}

/// What was tried at the submission server, and with what result.
fn tried(outcome: &Value) -> Vec<(String, String)> {
    let stages = outcome["stages"].as_array().expect("stages");
    let connect = stages.iter().find(|stage| stage["leg"] == "submission" && stage["stage"] == "connect");
    let facts = connect.expect("the stage is planned")["facts"].as_array().expect("facts");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut tried: Vec<_> = facts.iter().map(|fact| (text(&fact["address"]), text(&fact["result"]))).collect();
    tried.sort();
    tried
}

fn codes(outcome: &Value) -> Vec<&str> {
    let diagnoses = outcome["diagnoses"].as_array().expect("diagnoses");
    diagnoses.iter().filter(|one| one["verdict"] != "ok").filter_map(|one| one["code"].as_str()).collect()
}

fn both_are_tried() {
    let system = System::start(None);
    let (code, outcome) = system.verify(&[]);
    assert_eq!((code, codes(&outcome)), (Some(0), vec![]), "{outcome:#}");
    let connected = |host| (system.address(host), "connected".to_owned());
    assert_eq!(tried(&outcome), [connected("127.0.0.1"), connected("::1")]);
}

fn a_flag_leaves_one() {
    let system = System::start(None);
    for (flag, host) in [("-4", "127.0.0.1"), ("-6", "::1")] {
        let (code, outcome) = system.verify(&[flag]);
        assert_eq!((code, codes(&outcome)), (Some(0), vec![]), "{outcome:#}");
        assert_eq!(tried(&outcome), [(system.address(host), "connected".to_owned())]);
    }
}

fn a_dead_family() {
    for (good, dead) in [("127.0.0.1", "::1"), ("::1", "127.0.0.1")] {
        let system = System::start(Some(good));
        let (code, outcome) = system.verify(&[]);
        assert_eq!((code, codes(&outcome)), (Some(1), vec!["address-failed"]), "{outcome:#}");
        let mut expected =
            [(system.address(good), "connected".to_owned()), (system.address(dead), "refused".to_owned())];
        expected.sort();
        assert_eq!(tried(&outcome), expected);
        let cause = outcome["diagnoses"][0]["cause"].as_str().expect("a cause");
        assert!(cause.contains(&system.address(dead)), "{cause}");
    }
}

fn a_dead_family_insisted_on() {
    for (good, dead, flag) in [("127.0.0.1", "::1", "-6"), ("::1", "127.0.0.1", "-4")] {
        let system = System::start(Some(good));
        let (code, outcome) = system.verify(&[flag]);
        assert_eq!((code, codes(&outcome)), (Some(2), vec!["connection-refused"]), "{outcome:#}");
        assert_eq!(tried(&outcome), [(system.address(dead), "refused".to_owned())]);
    }
}
