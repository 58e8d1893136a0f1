//! Ten checks at once that share two mailboxes, on a real Postfix and a real Dovecot. Where they cannot run, the tests show
//! as ignored, with the reason.

#[path = "support/crowd.rs"]
mod crowd;
#[path = "support/testbed.rs"]
mod testbed;

use std::process::ExitCode;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Family, Folders, Secret, Security};
use testbed::{Options, Testbed, run_trials};

const ADDRESSES: [&str; 2] = ["alice@test.example", "bob@test.example"];
const FOREIGN: &[u8] = b"From: carol@elsewhere.example\r\nTo: alice@test.example\r\nSubject: Hello\r\n\r\nHello.\r\n";

fn main() -> ExitCode {
    let tests: [(&'static str, fn()); 2] =
        [("ten_checks_at_once_share_two_mailboxes", with_uidplus), ("and_without_uidplus", without_uidplus)];
    run_trials("batch_testbed", tests)
}

/// Other people's messages are marked as deleted, some of them: an EXPUNGE of everything would take them.
fn with_uidplus() {
    ten(Options::default(), "T");
}

fn without_uidplus() {
    ten(Options::default().without_imap(&["UIDPLUS"]), "S");
}

fn ten(options: Options, flags: &str) {
    let bed = Testbed::start(options);
    for address in ADDRESSES {
        bed.put(address, "INBOX", FOREIGN, "S");
        bed.put(address, "INBOX", FOREIGN, flags);
        bed.put(address, "Sent", FOREIGN, flags);
    }
    let before = everything(&bed);
    assert_eq!(before.len(), 6);
    let (alice, bob) = (account(&bed, ADDRESSES[0], "alicepw"), account(&bed, ADDRESSES[1], "bobpw"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcomes = runtime.block_on(crowd::at_once(crowd::ten(&alice, &bob, true)));
    runtime.shutdown_background();
    crowd::assert_well(&outcomes);
    assert_eq!(everything(&bed), before, "what was there before, and nothing else");
}

/// Every message of both, with its folder, its flags and its contents.
fn everything(bed: &Testbed) -> Vec<String> {
    let mut all = Vec::new();
    for address in ADDRESSES {
        for folder in ["INBOX", "Sent", "Junk"] {
            let messages = bed.messages(address, folder).into_iter();
            all.extend(messages.map(|one| format!("{address} {folder} {} {} {}", one.name, one.flags, one.text())));
        }
    }
    all
}

fn account(bed: &Testbed, address: &str, password: &str) -> Account {
    let ca = std::fs::read(bed.ca_file()).expect("the CA file");
    let endpoint = |port| {
        Some(Endpoint {
            host: "127.0.0.1".to_owned(),
            port,
            security: Security::Tls,
            allow_cleartext_password: false,
            credentials: Credentials { username: address.to_owned(), proof: Secret::new(password).into() },
            auth: Auth::Auto,
            ca: Some(ca.clone()),
            family: Family::Any,
            expect_auth: false,
        })
    };
    Account {
        name: address.split('@').next().unwrap_or_default().to_owned(),
        address: address.parse().expect("an address"),
        smtp: endpoint(bed.ports.submissions),
        imap: endpoint(bed.ports.imaps),
        pop3: endpoint(bed.ports.pop3s),
        folders: Folders::default(),
    }
}
