//! A mailbox by POP3 on a real Dovecot. Where it cannot run, every test shows as ignored, with the reason.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Secret, Security};
use mailtrip::stage::Leg;
use mailtrip::verify::arrival::Sending;
use mailtrip::verify::maildrop::{Maildrop, Wait};
use mailtrip::verify::recorder::{Bounds, Recorder, Seen};
use mailtrip::verify::stop::{Reach, Stop};
use tokio::sync::watch;
use tokio::time::Instant;

#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/testbed.rs"]
mod testbed;
use proxy::{Behaviour, Proxy};
use testbed::{Options, Testbed, User};

const BOB: &str = "bob@test.example";
const OURS: &[u8] = b"Subject: ours\r\n\r\n.\r\n..\r\n.a dot here\r\n\r\nand there.\r\n";
const LONG: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let tests: [(&str, fn()); 3] = [
        ("found_and_removed_over_tls", || _ = found_and_removed(3, Security::Tls)),
        ("found_and_removed_over_stls", || _ = found_and_removed(3, Security::Starttls)),
        ("fifty_thousand_messages_cost_no_more_than_ten", large_mailbox),
    ];
    testbed::run_trials("dialogues_pop3_dovecot", tests)
}

fn account(bed: &Testbed, port: u16, security: Security) -> Account {
    let pop3 = Endpoint {
        host: Ipv4Addr::LOCALHOST.to_string(),
        port,
        security,
        allow_cleartext_password: false,
        credentials: Credentials { username: BOB.to_owned(), proof: Secret::new("bobpw").into() },
        auth: Auth::Auto,
        ca: Some(std::fs::read(bed.ca_file()).expect("the CA file")),
        family: mailtrip::Family::Any,
        expect_auth: false,
    };
    let address = BOB.parse().expect("an address");
    Account { name: "bob".to_owned(), address, smtp: None, imap: None, pop3: Some(pop3), folders: Folders::default() }
}

fn recorder() -> Recorder<'static> {
    let deadline = Instant::now() + LONG;
    Recorder::new(Bounds { stage: LONG, deadline, stop: Stop::new().1, reach: Reach::Cleanup }, &())
}

/// Bytes to the server and back, with one look in vain, one that finds, and the removal: four sessions.
fn found_and_removed(count: usize, security: Security) -> (u64, u64) {
    let users = vec![User::new(BOB, "bobpw")];
    let bed = Testbed::start(Options { users, ..Options::default() });
    bed.fill(BOB, "INBOX", count);
    let port = if security == Security::Tls { bed.ports.pop3s } else { bed.ports.pop3 };
    let proxy = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Behaviour::default());
    let account = account(&bed, proxy.port(), security);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let is_ours = |header: &[u8]| header.windows(15).any(|window| window == b"Subject: ours\r\n");
        let pop3 = account.pop3.as_ref().expect("POP3");
        let mut maildrop = Maildrop::open(&account, pop3, Leg::Delivery, &recorder()).await.expect("it opens");
        let mut seen = Seen::default();
        let wait = |time| {
            let ((_, sending), (_, over)) = (watch::channel(Sending::Taken), watch::channel(false));
            Wait { sending, until: Instant::now() + time, patience: LONG, over }
        };
        assert_eq!(maildrop.wait_for(is_ours, wait(Duration::ZERO), &recorder(), &mut seen).await, Ok(None));
        bed.put(BOB, "INBOX", OURS, "");
        let found = maildrop.wait_for(is_ours, wait(LONG), &recorder(), &mut seen).await.expect("it works");
        let found = found.expect("it is there");
        assert_eq!((found.number as usize, found.message.as_slice()), (count + 1, OURS));
        assert!(found.unique_id.is_some());
        assert_eq!(maildrop.remove(is_ours, |_| None, &recorder(), &mut seen).await, Ok(1));
        assert_eq!(seen.concerns, []);
    });
    let left = bed.messages(BOB, "INBOX");
    assert_eq!(left.len(), count, "other messages are still there");
    let counts = proxy.counts();
    assert_eq!(counts.len(), 4, "four sessions");
    (
        counts.iter().map(|counts| counts.to_server.received).sum(),
        counts.iter().map(|counts| counts.to_client.received).sum(),
    )
}

/// What a mailbox of 50,000 adds is a few digits in a few numbers.
fn large_mailbox() {
    let (small_up, small_down) = found_and_removed(10, Security::Tls);
    let (large_up, large_down) = found_and_removed(50_000, Security::Tls);
    assert!(large_up < small_up + 1000, "{small_up} and {large_up} bytes sent");
    assert!(large_down < small_down + 1000, "{small_down} and {large_down} bytes received");
}
