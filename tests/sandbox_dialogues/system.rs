//! The sandbox as a whole: its accounts, its addresses, the fate of a message, its end.

use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use mailtrip::sandbox::{Sandbox, Service, Settings};
use tokio::net::TcpStream;

use crate::client::{Raw, sandbox};

const ALICE: &str = "alice@sandbox.test";
const BOB: &str = "bob@sandbox.test";

/// Alice writes to Bob; the reply to the final dot.
async fn submit(sandbox: &Sandbox) -> String {
    let mut raw = Raw::smtp(sandbox).await;
    raw.dialogue(
        "C: MAIL FROM:<alice@sandbox.test>
         C: RCPT TO:<bob@sandbox.test>
         C: DATA
         S: 250 2.1.0 Ok
         S: 250 2.1.5 Ok
         S: 354 …
         C: Subject: probe
         C:
         C: Body
         C: .",
    )
    .await;
    raw.line().await
}

/// Bob's IMAP session with that folder selected, and how many messages it has.
async fn bob(sandbox: &Sandbox, folder: &str) -> (Raw, String) {
    let mut raw = Raw::tls(sandbox, Service::Imaps).await;
    raw.line().await;
    raw.send(format!("a LOGIN {BOB} \"bob's sandbox password\"\r\nb SELECT {folder}\r\n")).await;
    let mut exists = String::new();
    loop {
        let line = raw.line().await;
        if line.ends_with(" EXISTS") {
            exists = line;
        } else if line.starts_with("b ") {
            assert!(line.starts_with("b OK"), "{line}");
            return (raw, exists);
        }
    }
}

#[tokio::test]
async fn a_message_is_there_when_its_250_is_read() {
    let sandbox = sandbox("").await;
    assert_eq!(submit(&sandbox).await, "250 2.0.0 Ok: queued as SB000001");
    assert_eq!(submit(&sandbox).await, "250 2.0.0 Ok: queued as SB000002");
    assert_eq!(bob(&sandbox, "INBOX").await.1, "* 2 EXISTS");
    assert_eq!(sandbox.messages(ALICE, "Sent").len(), 0);
}

#[tokio::test]
async fn a_delayed_message_is_announced_when_the_delay_is_over() {
    let sandbox = sandbox(
        "delivery_delay = '150ms'
         [[faults]]
         fault = 'message-delayed'
         by = '150ms'",
    )
    .await;
    let (mut raw, exists) = bob(&sandbox, "INBOX").await;
    assert_eq!(exists, "* 0 EXISTS");
    raw.dialogue("C: c IDLE\nS: + idling").await;
    let submitted = Instant::now();
    submit(&sandbox).await;
    raw.dialogue("S: * 1 EXISTS").await;
    assert!(submitted.elapsed() >= Duration::from_millis(300), "{:?}", submitted.elapsed());
}

#[tokio::test]
async fn the_server_files_the_senders_copy_where_it_is_told_to() {
    let sandbox = sandbox("files_sent = true\nsent_folder = 'Envoyés'").await;
    submit(&sandbox).await;
    let copies = sandbox.messages(ALICE, "Envoyés");
    assert_eq!(copies.len(), 1);
    assert_eq!(&*copies[0].raw, b"Subject: probe\r\n\r\nBody\r\n");
    assert!(copies[0].flags.contains("\\Seen"));
    assert_eq!(sandbox.messages(BOB, "Envoyés").len(), 0);
}

#[tokio::test]
async fn the_server_states_of_a_message_what_it_is_told_to() {
    for (settings, stated) in [
        ("", Some("auth=pass")),
        ("authentication_results = \"spf=fail\\r\\nX: y\"", Some("spf=fail  X: y")),
        ("authentication_results = ''", None),
    ] {
        let sandbox = sandbox(settings).await;
        submit(&sandbox).await;
        let raw = String::from_utf8_lossy(&sandbox.messages(BOB, "INBOX")[0].raw).into_owned();
        let lines: Vec<&str> = raw.lines().filter(|line| line.starts_with("Authentication-Results: ")).collect();
        let expected = stated.map(|text| format!("Authentication-Results: mail.sandbox.test; {text}"));
        assert!(
            lines.len() == expected.iter().len() && lines.iter().zip(&expected).all(|(a, b)| a.starts_with(b)),
            "{raw}"
        );
        assert!(raw.lines().all(|line| !line.starts_with("X: ")), "{raw}");
    }
}

#[tokio::test]
async fn a_message_goes_to_junk_is_lost_doubled_or_altered() {
    for (fault, inbox, junk) in [
        ("message-junked", 0, 1),
        ("message-lost", 0, 0),
        ("message-duplicated", 2, 0),
        ("message-altered", 1, 0),
        ("message-lost', to = 'nobody@sandbox.test", 1, 0),
    ] {
        let sandbox = sandbox(&format!("faults = [{{ fault = '{fault}' }}]")).await;
        assert!(submit(&sandbox).await.starts_with("250 "), "{fault}");
        let messages = sandbox.messages(BOB, "INBOX");
        assert_eq!(messages.len(), inbox, "{fault}");
        assert_eq!(sandbox.messages(BOB, "Junk").len(), junk, "{fault}");
        let altered = messages.iter().any(|m| !m.raw.ends_with(b"\r\n\r\nBody\r\n"));
        assert_eq!(altered, fault == "message-altered");
    }
}

#[tokio::test]
async fn localhost_may_mean_either_address() {
    let sandbox = Sandbox::start(Settings::default()).await.expect("a sandbox");
    let here = tokio::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok();
    for service in [Service::Submission, Service::Imaps, Service::Pop3s] {
        let six = IpAddr::V6(Ipv6Addr::LOCALHOST);
        let reached = TcpStream::connect((six, sandbox.port(service))).await.is_ok();
        assert_eq!(reached, here, "{service:?} on ::1");
    }
}

#[tokio::test]
async fn stop_closes_listeners_and_sessions() {
    let sandbox = sandbox("").await;
    let port = sandbox.port(Service::Imaps);
    let mut raw = Raw::imap(&sandbox).await;
    sandbox.stop().await;
    assert_eq!(raw.rest().await, "");
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn dropping_the_sandbox_ends_it_too() {
    let sandbox = sandbox("").await;
    let mut raw = Raw::imap(&sandbox).await;
    drop(sandbox);
    assert_eq!(raw.rest().await, "");
}

#[tokio::test]
async fn the_configuration_is_toml_with_every_password_intact() {
    let sandbox = sandbox(
        r##"accounts = [
              { address = 'al"ice@sandbox.test', password = " #\"\\$\tü " },
              { address = 'bob@sandbox.test', password = 'x' }]
           responders = [{ address = 'echo@sandbox.test' }]"##,
    )
    .await;
    let text = sandbox.config(Path::new("/tmp/ca \"x\".pem"));
    let config: toml::Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let account = &config["accounts"]["al\"ice"];
    assert_eq!(account["password"]["value"].as_str(), Some(" #\"\\$\tü "));
    assert_eq!(account["ca_file"].as_str(), Some("/tmp/ca \"x\".pem"));
    assert_eq!(account["imap"]["port"].as_integer(), Some(sandbox.port(Service::Imaps).into()));
    assert_eq!(account["imap"]["host"].as_str(), Some("localhost"));
    assert_eq!(config["checks"]["al\"ice"]["from"].as_str(), Some("al\"ice"));
    assert_eq!(config["checks"]["al\"ice-to-bob"]["to"].as_str(), Some("bob"));
    assert_eq!(config["checks"]["al\"ice-to-echo"]["to"]["address"].as_str(), Some("echo@sandbox.test"));
}

#[tokio::test]
async fn accounts_of_one_name_in_two_domains_are_told_apart() {
    let sandbox =
        sandbox("accounts = [{ address = 'a@one.test', password = 'x' }, { address = 'a@two.test', password = 'x' }]")
            .await;
    let text = sandbox.config(Path::new("ca.pem"));
    let config: toml::Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config["checks"]["a@one.test-to-a@two.test"]["from"].as_str(), Some("a@one.test"));
    assert!(config["accounts"].get("a@two.test").is_some());
}

#[test]
fn a_misspelt_setting_or_fault_is_an_error() {
    for text in [
        "delivery_dealy = '1s'",
        "delivery_delay = 'soon'",
        "faults = [{ fault = 'drpo', service = 'imap', at = 'fetch' }]",
        "faults = [{ fault = 'drop', service = 'imap', at = 'fecth' }]",
        "faults = [{ fault = 'drop', service = 'imap', at = 'fetch', afther = true }]",
        "faults = [{ fault = 'login-refused', servise = 'imap' }]",
        "faults = [{ fault = 'idle-silent', service = 'imap' }]",
    ] {
        assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
    }
    assert_eq!(toml::from_str::<Settings>("").as_ref(), Ok(&Settings::default()));
}
