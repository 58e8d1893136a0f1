//! Many checks at once, on the sandbox: they do not get into each other's way, take their turns, and are stopped together.

#[path = "support/crowd.rs"]
mod crowd;
#[path = "support/leftover.rs"]
mod leftover;
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

use leftover::like_one;
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

/// A verification of another process has marked its message just before, and could not expunge it for somebody else's: no
/// more than one of these may be in the way, or all that follow leave theirs as well.
#[tokio::test(flavor = "multi_thread")]
async fn without_uidplus_what_another_verification_has_marked_is_not_in_the_way() {
    let now = jiff::Zoned::now().strftime("%a, %d %b %Y %H:%M:%S %z").to_string();
    let theirs = |from: &str, more: &str| like_one(from, 7, &now, more).into_bytes();
    let alice = "alice@sandbox.test";
    for (message, left) in [
        (theirs(alice, ""), 0),
        (theirs(alice, "X-Mailtrip-Keep: yes\r\n"), 1),
        (theirs("mallory@elsewhere.test", ""), 1),
        (FOREIGN.to_vec(), 1),
    ] {
        let sandbox = sandbox("uidplus = false").await;
        sandbox.put(alice, "INBOX", &message, &["\\Deleted"]);
        let outcomes = all(checks(&sandbox, &["localhost"]), Terms::default(), Stop::new().1, Arc::new(())).await;
        let (codes, expected) = (codes(&outcomes[0]), if left == 0 { vec![] } else { vec!["left-marked"] });
        assert_eq!(codes, expected, "{}", String::from_utf8_lossy(&message));
        // Ours is in Sent, too, and nobody has marked anything there.
        assert_eq!(everything(&sandbox, alice).len(), 2 * left, "{}", String::from_utf8_lossy(&message));
    }
}

/// Notes which attempts began, and how many were under way at most; and stops all when it is time.
#[derive(Default)]
struct Witness {
    seen: Mutex<Seen>,
    /// What is done when so many stages of this kind have begun.
    stopper: Option<(Stopper, Stage, usize)>,
}

#[derive(Default)]
struct Seen {
    began: Vec<(usize, u32)>,
    under_way: usize,
    most: usize,
    stages: HashMap<Stage, usize>,
}

impl Listener for Witness {
    fn on(&self, which: Which, event: Event<'_>) {
        let mut seen = self.seen.lock().unwrap();
        match event {
            Event::Began => {
                seen.began.push((which.check, which.attempt));
                seen.under_way += 1;
                seen.most = seen.most.max(seen.under_way);
            }
            Event::Within(recorder::Event::Began { at, .. }) => {
                let stages = seen.stages.entry(at.stage).or_default();
                *stages += 1;
                if let Some((stopper, _, _)) =
                    self.stopper.as_ref().filter(|(_, stage, n)| (*stage, *n) == (at.stage, *stages))
                {
                    stopper.stop();
                }
            }
            Event::Within(recorder::Event::Composed { .. } | recorder::Event::Ended(_)) | Event::Done => {}
            Event::Ended(_) => seen.under_way -= 1,
        }
    }
}

impl Witness {
    fn began(&self) -> Vec<(usize, u32)> {
        self.seen.lock().unwrap().began.clone()
    }

    fn most(&self) -> usize {
        self.seen.lock().unwrap().most
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_takes_a_few_at_a_time_however_it_is_written() {
    let sandbox = sandbox("").await;
    let witness = Arc::new(Witness::default());
    let checks = checks(&sandbox, &["localhost", "LOCALHOST", "localhost", "LocalHost", "localhost"]);
    let outcomes = all(checks, Terms::default(), Stop::new().1, witness.clone()).await;
    assert!(outcomes.iter().all(|outcome| verdict(outcome) == Verdict::Ok));
    assert_eq!((witness.began().len(), witness.most()), (5, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_is_read_by_pop3_by_one_at_a_time() {
    let sandbox = sandbox("").await;
    let witness = Arc::new(Witness::default());
    let alice = account(&sandbox, 0, "localhost");
    let check = |number| {
        let settings = Settings { receive: Receive::Pop3, ..Settings::default() };
        Check::new(format!("check{number}"), alice.clone(), alice.clone(), settings).expect("a valid check")
    };
    let terms = Terms { per_host: 9, ..Terms::default() };
    let outcomes = all((0..3).map(check).collect(), terms, Stop::new().1, witness.clone()).await;
    for outcome in &outcomes {
        assert_eq!((verdict(outcome), codes(outcome)), (Verdict::Ok, vec![]));
    }
    assert_eq!(witness.most(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_all_that_run_and_begins_none_that_wait() {
    let sandbox = sandbox("faults = [{ fault = \"message-lost\" }]").await;
    let (stopper, stop) = Stop::new();
    let witness = Witness { stopper: Some((stopper, Stage::Arrival, 2)), ..Witness::default() };
    let witness = Arc::new(witness);
    let outcomes = all(checks(&sandbox, &["localhost"; 5]), Terms::default(), stop, witness.clone()).await;
    assert_eq!(outcomes.len(), 5);
    assert!(outcomes.iter().all(|outcome| verdict(outcome) == Verdict::Unknown));
    let mut began = witness.began();
    began.sort_unstable(); // they began at the same time
    assert_eq!(began, [(0, 1), (1, 1)]);
    for outcome in &outcomes[..2] {
        assert!(codes(outcome).contains(&"interrupted"), "{:?}", codes(outcome));
        let cleaned = outcome.stages.iter().find(|record| record.at.stage == Stage::Remove).expect("a clean-up");
        assert_eq!(cleaned.status, Status::Passed, "the clean-up was done all the same");
    }
    for outcome in &outcomes[2..] {
        assert!(!outcome.stages.is_empty());
        assert!(outcome.stages.iter().all(|record| record.status == Status::Skipped(Skip::Stopped)));
        let [only] = &diagnose(outcome)[..] else { panic!("{:?}", codes(outcome)) };
        let cause = "The verification was stopped before its turn came.";
        assert_eq!((only.code, only.cause.as_str()), ("interrupted", cause));
    }
    let connections = sandbox.commands().iter().filter(|command| command.contains("EHLO")).count();
    assert_eq!(connections, 2, "no connection was made for the others: {:#?}", sandbox.commands());
}

/// The first sign-ins to IMAP fail.
fn flaky(times: u32) -> String {
    format!("faults = [{{ fault = \"drop\", service = \"imap\", at = \"auth\", times = {times} }}]")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_at_a_later_attempt_is_flaky_and_others_go_first_meanwhile() {
    let sandbox = sandbox(&flaky(1)).await;
    let witness = Arc::new(Witness::default());
    let terms = Terms { jobs: 1, retries: 3, retry_delay: Duration::ZERO, ..Terms::default() };
    let outcomes = all(checks(&sandbox, &["localhost", "localhost"]), terms, Stop::new().1, witness.clone()).await;
    assert_eq!(witness.began(), [(0, 1), (1, 1), (0, 2)]);
    assert_eq!(outcomes.iter().map(verdict).collect::<Vec<_>>(), [Verdict::Warning, Verdict::Ok]);
    assert_eq!(codes(&outcomes[0]), ["flaky"]);
    let [earlier] = &outcomes[0].earlier[..] else { panic!("{} attempts before", outcomes[0].earlier.len()) };
    assert_eq!((verdict(earlier), codes(earlier)), (Verdict::Critical, vec!["connection-lost"]));
    let evidence = diagnose(&outcomes[0])[0].evidence.join("\n");
    assert!(evidence.starts_with("attempt 1: CRITICAL, delivery login [connection-lost]: "), "{evidence}");
    assert_ne!(earlier.tag, outcomes[0].tag, "it is repeated whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_each_time_is_what_it_was_and_says_how_often() {
    let sandbox = sandbox(&flaky(99)).await;
    let terms = Terms { retries: 2, retry_delay: Duration::ZERO, ..Terms::default() };
    let outcomes = all(checks(&sandbox, &["localhost"]), terms, Stop::new().1, Arc::new(())).await;
    assert_eq!((verdict(&outcomes[0]), outcomes[0].earlier.len()), (Verdict::Critical, 2));
    let again = diagnose(&outcomes[0]).into_iter().find(|diagnosis| diagnosis.code == "failed-again").expect("a note");
    assert_eq!((again.verdict, again.evidence.len()), (Verdict::Ok, 2));
}

/// Each failed sign-in counts towards a lock of the account; one that the server could not judge does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sign_in_is_not_repeated() {
    for (fault, earlier) in [("login-refused", 0), ("login-unavailable", 2)] {
        let sandbox = sandbox(&format!("faults = [{{ fault = \"{fault}\", service = \"imap\" }}]")).await;
        let terms = Terms { retries: 2, retry_delay: Duration::ZERO, ..Terms::default() };
        let outcomes = all(checks(&sandbox, &["localhost"]), terms, Stop::new().1, Arc::new(())).await;
        assert_eq!((verdict(&outcomes[0]), outcomes[0].earlier.len()), (Verdict::Critical, earlier), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_retry_there_is_one_attempt() {
    let sandbox = sandbox(&flaky(1)).await;
    let outcomes = all(checks(&sandbox, &["localhost"]), Terms::default(), Stop::new().1, Arc::new(())).await;
    assert_eq!((verdict(&outcomes[0]), outcomes[0].earlier.len()), (Verdict::Critical, 0));
}

/// The delay is longer than any test: what ends it is the stop.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_cuts_the_time_before_the_next_attempt_short() {
    let sandbox = sandbox(&flaky(99)).await;
    let (stopper, stop) = Stop::new();
    let terms = Terms { jobs: 1, retries: 2, retry_delay: Duration::from_secs(3600), ..Terms::default() };
    // While the second check is under way, the first one waits for its next attempt.
    let witness = Witness { stopper: Some((stopper, Stage::Login, 4)), ..Witness::default() };
    let witness = Arc::new(witness);
    let outcomes = all(checks(&sandbox, &["localhost", "localhost"]), terms, stop, witness.clone()).await;
    assert_eq!(witness.began(), [(0, 1), (1, 1)]);
    assert_eq!((verdict(&outcomes[0]), outcomes[0].earlier.len()), (Verdict::Critical, 0));
    assert_eq!(outcomes[1].earlier.len(), 0);
}

/// A bug in one verification: here, in who is told of it.
struct Broken;

impl Listener for Broken {
    fn on(&self, which: Which, event: Event<'_>) {
        if let (0, Event::Within(recorder::Event::Ended(record))) = (which.check, event) {
            assert_ne!(record.at.stage, Stage::Connect, "this is to go wrong");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_that_goes_to_pieces_takes_no_other_with_it() {
    let sandbox = sandbox("").await;
    let outcomes =
        all(checks(&sandbox, &["localhost", "localhost"]), Terms::default(), Stop::new().1, Arc::new(Broken)).await;
    assert_eq!(outcomes.iter().map(verdict).collect::<Vec<_>>(), [Verdict::Unknown, Verdict::Ok]);
    assert_eq!(codes(&outcomes[0]), ["local"]);
    let (_, failure) = outcomes[0].failed().next().expect("a failure");
    assert!(failure.detail.as_deref().is_some_and(|why| why.starts_with("mailtrip itself broke off: ")), "{failure:?}");
}
