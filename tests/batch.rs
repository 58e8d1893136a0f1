//! Many checks at once, on the sandbox: they do not get into each other's way, take their turns, and are stopped together.

#[path = "support/crowd.rs"]
mod crowd;
#[path = "support/proxy.rs"]
mod proxy;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Family, Folders, Secret, Security};
use mailtrip::batch::{Batch, Event, Listener, Terms, Which};
use mailtrip::check::{Check, Limits, Receive, Sent, Settings};
use mailtrip::diagnose::{Verdict, diagnose, verdict};
use mailtrip::failure::Skip;
use mailtrip::outcome::{Outcome, Status};
use mailtrip::sandbox::{self, Sandbox, Service};
use mailtrip::stage::Stage;
use mailtrip::verify::recorder;
use mailtrip::verify::stop::{Stop, Stopper};

use proxy::{Behaviour, Proxy, Way};

const FOREIGN: &[u8] = b"From: carol@elsewhere.test\r\nTo: alice@sandbox.test\r\nSubject: Hello\r\n\r\nHello.\r\n";

async fn sandbox(settings: &str) -> Sandbox {
    let settings: sandbox::Settings = toml::from_str(settings).expect("settings of the sandbox");
    Sandbox::start(settings).await.expect("a sandbox")
}

/// An account of the sandbox; the host can be written in any way.
fn account(sandbox: &Sandbox, number: usize, host: &str) -> Account {
    let user = &sandbox.accounts()[number];
    let endpoint = |service| {
        Some(Endpoint {
            host: host.to_owned(),
            port: sandbox.port(service),
            security: Security::Tls,
            allow_cleartext_password: false,
            credentials: Credentials { username: user.address.clone(), proof: Secret::new(&user.password).into() },
            auth: Auth::Auto,
            ca: Some(sandbox.ca_pem().as_bytes().to_vec()),
            family: Family::Any,
            expect_auth: false,
        })
    };
    Account {
        name: user.address.split('@').next().unwrap_or_default().to_owned(),
        address: user.address.parse().expect("an address"),
        smtp: endpoint(Service::Submissions),
        imap: endpoint(Service::Imaps),
        pop3: endpoint(Service::Pop3s),
        folders: Folders::default(),
    }
}

/// Checks of one account on itself, one a host.
fn checks(sandbox: &Sandbox, hosts: &[&str]) -> Vec<Check> {
    let check = |(number, host): (usize, &&str)| {
        let account = account(sandbox, 0, host);
        Check::new(format!("check{number}"), account.clone(), account, Settings::default()).expect("a valid check")
    };
    hosts.iter().enumerate().map(check).collect()
}

/// What they come to, in their order.
async fn all(checks: Vec<Check>, terms: Terms, stop: Stop, listener: Arc<dyn Listener>) -> Vec<Outcome> {
    let mut batch = Batch::begin(checks, terms, stop, listener);
    let mut outcomes = Vec::new();
    while let Some(done) = batch.next().await {
        outcomes.push(done);
    }
    outcomes.sort_by_key(|(check, _)| *check);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn codes(outcome: &Outcome) -> Vec<&'static str> {
    diagnose(outcome).iter().map(|diagnosis| diagnosis.code).collect()
}

/// Checks in these mailboxes, with other people's mail in them: some of it marked as deleted, where that does not keep a
/// server without UIDPLUS from removing anything. IMAP is so far away that what the checks do there overlaps. What the
/// sandbox was told.
async fn all_is_well(
    settings: &str,
    marked: bool,
    delay: Duration,
    checks: impl Fn(&Account, &Account) -> Vec<Check>,
) -> Vec<String> {
    let sandbox = sandbox(settings).await;
    let target = (Ipv4Addr::LOCALHOST, sandbox.port(Service::Imaps)).into();
    let far = Way { delay, ..Way::default() };
    let proxy = Proxy::start(target, Behaviour { to_server: far.clone(), to_client: far, ..Behaviour::default() });
    let far_away = |number| {
        let mut account = account(&sandbox, number, "localhost");
        account.imap.as_mut().expect("IMAP").port = proxy.port();
        account
    };
    let (alice, bob) = (far_away(0), far_away(1));
    let addresses = [alice.address.to_string(), bob.address.to_string()];
    for address in &addresses {
        sandbox.put(address, "INBOX", FOREIGN, &[]);
        sandbox.put(address, "Sent", FOREIGN, if marked { &["\\Deleted"] } else { &[] });
    }
    let before: Vec<_> = addresses.iter().flat_map(|address| everything(&sandbox, address)).collect();
    crowd::assert_well(&crowd::at_once(checks(&alice, &bob)).await);
    let after: Vec<_> = addresses.iter().flat_map(|address| everything(&sandbox, address)).collect();
    assert_eq!(after, before, "what was there before, and nothing else");
    sandbox.commands()
}

/// Every message of an account, by folder.
fn everything(sandbox: &Sandbox, address: &str) -> Vec<String> {
    let in_folder = |folder: &'static str| {
        let messages = sandbox.messages(address, folder).into_iter();
        messages.map(move |message| format!("{folder}: {message:?}"))
    };
    ["INBOX", "Sent", "Junk"].into_iter().flat_map(in_folder).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_checks_at_once_share_two_mailboxes() {
    all_is_well("", true, Duration::from_millis(20), |alice, bob| crowd::ten(alice, bob, true)).await;
}

/// Each marks its message as deleted, and may not expunge while anybody else's is marked.
#[tokio::test(flavor = "multi_thread")]
async fn without_uidplus_checks_at_once_clean_up_one_after_the_other() {
    let same = |alice: &Account, _: &Account| {
        let limits = Limits { cleanup: Duration::from_secs(50), ..Limits::default() };
        let settings = Settings { limits, sent: Sent::Off, ..Settings::default() };
        let check = |number| Check::new(format!("check{number}"), alice.clone(), alice.clone(), settings.clone());
        (0..4).map(|number| check(number).expect("a valid check")).collect()
    };
    let commands = all_is_well("uidplus = false", false, Duration::from_millis(200), same).await;
    let is = |command: &&String| command.contains("STORE") || command.contains("EXPUNGE");
    let removals: Vec<&String> = commands.iter().filter(is).collect();
    assert_eq!(removals.len(), 2 * 4, "{removals:?}");
    for (number, command) in removals.iter().enumerate() {
        assert!(command.contains(if number % 2 == 0 { "STORE" } else { "EXPUNGE" }), "{removals:#?}");
    }
}
