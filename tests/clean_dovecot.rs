//! `mailtrip clean`, and late arrivals, on a real Dovecot. Where it cannot run, every test shows as ignored, with the reason.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Secret, Security};
use mailtrip::check::{Check, Limits, Settings};
use mailtrip::diagnose::{Verdict, diagnose, verdict};
use mailtrip::outcome::{Fact, Outcome};
use mailtrip::report::terminal::{self, Style};
use mailtrip::verify;
use mailtrip::verify::clearance::{self, Clearance};
use mailtrip::verify::stop::Stop;

#[path = "support/leftover.rs"]
mod leftover;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/testbed.rs"]
mod testbed;
use leftover::{bystanders, leftover, like_one};
use proxy::{Behaviour, Proxy};
use testbed::{Options, Testbed};

const ALICE: &str = "alice@test.example";
const BOB: &str = "bob@test.example";
const FOLDERS: [&str; 3] = ["INBOX", "Junk", "Sent"];

fn main() -> ExitCode {
    let tests: [(&str, fn()); 8] = [
        ("by_imap_nothing_else_is_touched", by_imap),
        ("by_pop3_nothing_else_is_touched", by_pop3),
        ("a_dry_run_changes_nothing", dry_run),
        ("without_uidplus_our_own_do_not_block_each_other", without_uidplus),
        ("without_uidplus_what_others_have_marked_stays", others_marked),
        ("a_verification_tells_and_removes_a_late_arrival", late),
        ("fifty_thousand_messages_by_imap", large_by_imap),
        ("fifty_thousand_messages_by_pop3", large_by_pop3),
    ];
    testbed::run_trials("clean_dovecot", tests)
}

/// Leftovers of alice and bob in each folder of alice's, and others; what of it is to stay.
fn fill(bed: &Testbed) -> Vec<String> {
    let mut staying = Vec::new();
    for folder in FOLDERS {
        bed.put(ALICE, folder, leftover(ALICE, 1).as_bytes(), "");
        staying.extend(bystanders(ALICE).iter().map(|message| bed.put(ALICE, folder, message.as_bytes(), "F")));
        bed.put(ALICE, folder, leftover(BOB, 2).as_bytes(), "S");
        staying.push(bed.put(ALICE, folder, b"Subject: new and foreign\r\n\r\nx\r\n", ""));
    }
    staying
}

/// Name, flags and contents of everything that alice has.
fn everything(bed: &Testbed) -> Vec<(String, String, Vec<u8>)> {
    let messages = FOLDERS.iter().flat_map(|folder| bed.messages(ALICE, folder));
    messages.map(|message| (message.name, message.flags, message.contents)).collect()
}

fn endpoint(bed: &Testbed, port: u16) -> Endpoint {
    Endpoint {
        host: Ipv4Addr::LOCALHOST.to_string(),
        port,
        security: Security::Tls,
        allow_cleartext_password: false,
        credentials: Credentials { username: ALICE.to_owned(), proof: Secret::new("alicepw").into() },
        auth: Auth::Auto,
        ca: Some(std::fs::read(bed.ca_file()).expect("the CA file")),
        family: mailtrip::Family::Any,
        expect_auth: false,
    }
}

/// Alice, by IMAP on one port or by POP3 on another.
fn account(bed: &Testbed, imap: Option<u16>, pop3: Option<u16>) -> Account {
    Account {
        name: "alice".to_owned(),
        address: ALICE.parse().expect("an address"),
        smtp: Some(endpoint(bed, bed.ports.submissions)),
        imap: imap.map(|port| endpoint(bed, port)),
        pop3: pop3.map(|port| endpoint(bed, port)),
        folders: Folders { junk: Some("Junk".to_owned()), ..Folders::default() },
    }
}

fn clean(account: Account, dry_run: bool) -> Outcome {
    let own = [ALICE, BOB].map(|address| address.parse().expect("an address")).to_vec();
    let hour = Duration::from_secs(3600);
    let clearance = Clearance::new(account, own, hour, dry_run, Limits::default()).expect("it has a mailbox");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(clearance::run(&clearance, &Stop::new().1, &()))
}

/// How many leftovers are told, and how many of them were removed.
fn told(outcome: &Outcome) -> (usize, usize) {
    let facts = outcome.stages.iter().flat_map(|record| &record.facts);
    let removed = facts.filter_map(|fact| match fact {
        Fact::Leftover { removed, .. } => Some(*removed),
        _ => None,
    });
    let removed: Vec<bool> = removed.collect();
    (removed.len(), removed.iter().filter(|removed| **removed).count())
}

#[track_caller]
fn assert_verdict(outcome: &Outcome, expected: Verdict) {
    assert_eq!(verdict(outcome), expected, "\n{}", terminal::render(outcome, &Style::default()));
}

/// Those that stay of what was there before are there now, as they were.
#[track_caller]
fn assert_only_gone(bed: &Testbed, before: &[(String, String, Vec<u8>)], gone: impl Fn(&str) -> bool) {
    let staying: Vec<_> = before.iter().filter(|(name, ..)| !gone(name)).cloned().collect();
    assert_eq!(everything(bed), staying);
}

fn by_imap() {
    let bed = Testbed::start(Options::default());
    let staying = fill(&bed);
    let before = everything(&bed);
    let outcome = clean(account(&bed, Some(bed.ports.imaps), None), false);
    assert_verdict(&outcome, Verdict::Ok);
    assert_eq!(told(&outcome), (6, 6));
    assert_only_gone(&bed, &before, |name| !staying.iter().any(|staying| staying == name));
}

fn by_pop3() {
    let bed = Testbed::start(Options::default());
    let staying = fill(&bed);
    let before = everything(&bed);
    let inbox: Vec<String> = bed.messages(ALICE, "INBOX").into_iter().map(|message| message.name).collect();
    let outcome = clean(account(&bed, None, Some(bed.ports.pop3s)), false);
    assert_verdict(&outcome, Verdict::Ok);
    assert_eq!(told(&outcome), (2, 2));
    let gone = |name: &str| inbox.iter().any(|one| one == name) && !staying.iter().any(|staying| staying == name);
    assert_only_gone(&bed, &before, gone);
}

fn dry_run() {
    let bed = Testbed::start(Options::default());
    fill(&bed);
    let before = everything(&bed);
    for (imap, pop3, found) in [(Some(bed.ports.imaps), None, 6), (None, Some(bed.ports.pop3s), 2)] {
        let outcome = clean(account(&bed, imap, pop3), true);
        assert_verdict(&outcome, Verdict::Ok);
        assert_eq!(told(&outcome), (found, 0));
        assert_eq!(everything(&bed), before);
    }
}

fn without_uidplus() {
    let bed = Testbed::start(Options::default().without_imap(&["UIDPLUS"]));
    let staying = fill(&bed);
    for number in [3, 4] {
        bed.put(ALICE, "INBOX", leftover(ALICE, number).as_bytes(), "T");
    }
    let before = everything(&bed);
    let outcome = clean(account(&bed, Some(bed.ports.imaps), None), false);
    assert_verdict(&outcome, Verdict::Ok);
    assert_eq!(told(&outcome), (8, 8));
    assert_only_gone(&bed, &before, |name| !staying.iter().any(|staying| staying == name));
}

fn others_marked() {
    let bed = Testbed::start(Options::default().without_imap(&["UIDPLUS"]));
    let staying = fill(&bed);
    bed.put(ALICE, "INBOX", b"Subject: marked by somebody else\r\n\r\nx\r\n", "T");
    let before = everything(&bed);
    let inbox: Vec<String> = bed.messages(ALICE, "INBOX").into_iter().map(|message| message.name).collect();
    let outcome = clean(account(&bed, Some(bed.ports.imaps), None), false);
    assert_verdict(&outcome, Verdict::Warning);
    assert_eq!(told(&outcome), (6, 4), "those in the inbox are left marked");
    let now = everything(&bed);
    for (name, flags, contents) in before {
        let (ours, in_inbox) = (!staying.contains(&name) && !flags.contains('T'), inbox.contains(&name));
        let there = now.iter().find(|(known, ..)| *known == name);
        match (ours, in_inbox) {
            (true, false) => assert_eq!(there, None),
            (true, true) => assert!(there.is_some_and(|(_, flags, _)| flags.contains('T')), "{name}"),
            (false, _) => assert_eq!(there, Some(&(name, flags, contents))),
        }
    }
}

fn late() {
    let bed = Testbed::start(Options::default());
    let staying = fill(&bed);
    let kept = like_one(ALICE, 7, "Fri, 20 Nov 2020 10:02:11 +0000", "X-Mailtrip-Keep: yes\r\n");
    let kept = bed.put(ALICE, "INBOX", kept.as_bytes(), "");
    let bobs = |name: &str| bed.messages(ALICE, "INBOX").iter().any(|one| one.name == name && one.flags == "S");
    let before = everything(&bed);
    // A check between alice and herself knows nothing of bob's.
    let bobs: Vec<String> = before.iter().map(|(name, ..)| name.clone()).filter(|name| bobs(name)).collect();
    let alice = account(&bed, Some(bed.ports.imaps), None);
    let check = Check::new("check", alice.clone(), alice, Settings::default()).expect("a valid check");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcome = runtime.block_on(verify::run(&check, &Stop::new().1, &()));
    assert_verdict(&outcome, Verdict::Ok);
    assert_eq!(told(&outcome), (3, 3));
    let notes: Vec<String> = diagnose(&outcome).into_iter().map(|note| note.cause).collect();
    let expected =
        "3 messages of earlier verifications were still there; they were removed. The last to arrive took 2 h 5 min.";
    assert_eq!(notes, [expected]);
    let of_bob = |contents: &[u8]| contents.windows(BOB.len()).any(|window| window == BOB.as_bytes());
    let bobs_or_foreign = |name: &str| {
        let (_, _, contents) = before.iter().find(|(known, ..)| known == name).expect("it was there");
        staying.iter().any(|staying| staying == name) || of_bob(contents) || name == kept
    };
    assert_eq!(bobs.len(), 1);
    assert_only_gone(&bed, &before, |name| !bobs_or_foreign(name));
}

/// A mailbox of 50,000 messages with a leftover at either end: bytes from the server, and time.
fn large(imap: bool) -> (u64, Duration) {
    let bed = Testbed::start(Options::default());
    bed.put(ALICE, "INBOX", leftover(ALICE, 1).as_bytes(), "S");
    bed.fill(ALICE, "INBOX", 50_000);
    bed.put(ALICE, "INBOX", leftover(ALICE, 2).as_bytes(), "S");
    let port = if imap { bed.ports.imaps } else { bed.ports.pop3s };
    let proxy = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Behaviour::default());
    let port = Some(proxy.port());
    let outcome = clean(account(&bed, port.filter(|_| imap), port.filter(|_| !imap)), false);
    assert_verdict(&outcome, Verdict::Ok);
    assert_eq!(told(&outcome), (2, 2));
    assert_eq!(bed.messages(ALICE, "INBOX").len(), 50_000);
    let bytes = proxy.counts().iter().map(|counts| counts.to_client.received).sum();
    eprintln!("50,000 messages, imap {imap}: {bytes} bytes from the server, {:.1} s", outcome.seconds.as_secs_f64());
    (bytes, outcome.seconds)
}

fn large_by_imap() {
    let (bytes, _) = large(true);
    assert!(
        bytes < 200_000,
        "{bytes} bytes from the server: the search and a glance at the newest 1000 are all it takes"
    );
}

fn large_by_pop3() {
    let (bytes, _) = large(false);
    assert!(bytes < 50_000 * 400, "{bytes} bytes from the server: a header each");
}
