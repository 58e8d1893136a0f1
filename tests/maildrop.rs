//! Looking into a mailbox by POP3, waiting for a message, and taking it out again, on the sandbox and its faults.

use std::time::Duration;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Protocol, Secret, Security};
use mailtrip::failure::{Failure, Kind};
use mailtrip::outcome::{Concern, Fact};
use mailtrip::probe::leftover::Signs;
use mailtrip::sandbox::{Sandbox, Service};
use mailtrip::stage::Leg;
use mailtrip::verify::arrival::Sending;
use mailtrip::verify::dial::{self, Dial};
use mailtrip::verify::maildrop::{Found, Maildrop, Wait};
use mailtrip::verify::recorder::{Bounds, Recorder, Seen};
use mailtrip::verify::stop::{Reach, Stop};
use mailtrip::wire::pop3::{Greeted, Pop3};
use tokio::sync::watch;
use tokio::time::Instant;

#[path = "support/leftover.rs"]
mod leftover;
#[path = "support/proxy.rs"]
mod proxy;
use leftover::leftover;
use proxy::{Behaviour, Proxy};

const ALICE: &str = "alice@sandbox.test";
const OURS: &[u8] = b"Subject: ours\r\n\r\n.a body\r\n.\r\n";
const FOREIGN: &[u8] = b"Subject: foreign\r\n\r\nnot for us\r\n";

/// Long enough for a busy machine; reached only by a test that fails.
const LONG: Duration = Duration::from_secs(30);

fn is_ours(header: &[u8]) -> bool {
    header.starts_with(b"Subject: ours\r\n")
}

struct Bed {
    sandbox: Sandbox,
    account: Account,
}

impl Bed {
    async fn start(toml: &str) -> Bed {
        let settings = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}"));
        let sandbox = Sandbox::start(settings).await.expect("the sandbox starts");
        let account = account(&sandbox, sandbox.port(Service::Pop3s));
        Bed { sandbox, account }
    }

    fn endpoint(&self) -> &Endpoint {
        self.account.pop3.as_ref().expect("it has POP3")
    }

    fn put(&self, message: &[u8]) {
        self.sandbox.put(ALICE, "INBOX", message, &[]).expect("there is an inbox");
    }

    fn ours(&self) -> usize {
        self.sandbox.messages(ALICE, "INBOX").iter().filter(|message| is_ours(&message.raw)).count()
    }

    fn all(&self) -> usize {
        self.sandbox.messages(ALICE, "INBOX").len()
    }

    /// How many commands began like this.
    fn said(&self, begin: &str) -> usize {
        let begin = format!("pop3: {begin}");
        self.sandbox.commands().iter().filter(|line| line.starts_with(&begin)).count()
    }

    async fn open(&self) -> Maildrop<'_> {
        let opened = Maildrop::open(&self.account, self.endpoint(), Leg::Delivery, &recorder(LONG)).await;
        opened.expect("the mailbox opens")
    }

    /// A session of somebody else.
    async fn other(&self) -> Pop3 {
        let dial =
            Dial { leg: Leg::Delivery, protocol: Protocol::Pop3, account: &self.account, endpoint: self.endpoint() };
        dial::open::<Greeted>(dial, &recorder(LONG)).await.expect("somebody else is let in")
    }

    /// Lets others work until this is so.
    async fn until(&self, is_so: impl Fn(&Bed) -> bool) {
        let gives_up = Instant::now() + LONG;
        while !is_so(self) {
            assert!(Instant::now() < gives_up, "{:#?}", self.sandbox.commands());
            tokio::task::yield_now().await;
        }
    }
}

fn account(sandbox: &Sandbox, port: u16) -> Account {
    let user = &sandbox.accounts()[0];
    let pop3 = Endpoint {
        host: "localhost".to_owned(),
        port,
        security: Security::Tls,
        allow_cleartext_password: false,
        credentials: Credentials { username: user.address.clone(), proof: Secret::new(user.password.as_str()).into() },
        auth: Auth::Auto,
        ca: Some(sandbox.ca_pem().as_bytes().to_vec()),
        family: mailtrip::Family::Any,
        expect_auth: false,
    };
    Account {
        name: "alice".to_owned(),
        address: user.address.parse().expect("an address"),
        smtp: None,
        imap: None,
        pop3: Some(pop3),
        folders: Folders::default(),
    }
}

fn recorder(time: Duration) -> Recorder<'static> {
    let deadline = Instant::now() + time;
    Recorder::new(Bounds { stage: time, deadline, stop: Stop::new().1, reach: Reach::Cleanup }, &())
}

/// Waits for ours, the message having been taken.
async fn wait(maildrop: &mut Maildrop<'_>, time: Duration, seen: &mut Seen) -> Result<Option<Found>, Failure> {
    let (_sending, progress) = watch::channel(Sending::Taken);
    let (_, over) = watch::channel(false);
    let wait = Wait { sending: progress, until: Instant::now() + time, patience: LONG, over };
    maildrop.wait_for(is_ours, wait, &recorder(LONG), seen).await
}

async fn found(maildrop: &mut Maildrop<'_>, seen: &mut Seen) -> Found {
    wait(maildrop, LONG, seen).await.expect("no failure").expect("it is there")
}

async fn remove(maildrop: &mut Maildrop<'_>, time: Duration, seen: &mut Seen) -> Result<usize, Failure> {
    maildrop.remove(is_ours, |_| None, &recorder(time), seen).await
}

fn removed() -> Fact {
    Fact::Removed { folder: "INBOX".to_owned(), uid: None }
}

#[tokio::test]
async fn a_message_is_found_read_and_removed_and_nothing_else_is() {
    for (faults, unique) in [
        ("", true),
        (r#"{ fault = "top-absent" }"#, true),
        (r#"{ fault = "uidl-absent" }"#, false),
        (r#"{ fault = "capa-absent" }"#, true),
        (r#"{ fault = "capa-absent" }, { fault = "uidl-absent" }, { fault = "top-absent" }"#, false),
    ] {
        for existing in [0, 1, 30] {
            let bed = Bed::start(&format!("existing = {existing}\nfaults = [{faults}]")).await;
            bed.put(OURS); // of an earlier run, say: what was there before is not ours to touch
            let mut maildrop = bed.open().await;
            bed.put(FOREIGN);
            bed.put(OURS);
            bed.put(FOREIGN);
            let mut seen = Seen::default();
            let found = found(&mut maildrop, &mut seen).await;
            assert_eq!((found.message.as_slice(), found.number, found.copies), (OURS, existing + 3, 1), "{faults}");
            assert_eq!(found.unique_id.is_some(), unique, "{faults}");
            assert_eq!(remove(&mut maildrop, LONG, &mut seen).await, Ok(1), "{faults}");
            assert_eq!((seen.facts, seen.concerns), (vec![removed()], vec![]), "{faults}");
            assert_eq!((bed.ours(), bed.all()), (1, existing as usize + 3), "{faults}");
            assert_eq!(remove(&mut maildrop, LONG, &mut Seen::default()).await, Ok(0));
            let lists = bed
                .sandbox
                .commands()
                .iter()
                .filter(|line| ["pop3: UIDL", "pop3: LIST"].contains(&line.as_str()))
                .count();
            assert_eq!(lists, 0, "a whole list was asked for");
        }
    }
}

#[tokio::test]
async fn a_foreign_message_is_read_once_however_many_looks_there_are() {
    let bed = Bed::start("existing = 5").await;
    let mut maildrop = bed.open().await;
    bed.put(FOREIGN);
    let put_later = async {
        bed.until(|bed| bed.said("QUIT") >= 3).await;
        bed.put(OURS);
    };
    let mut seen = Seen::default();
    let (found, ()) = tokio::join!(found(&mut maildrop, &mut seen), put_later);
    assert_eq!((found.number, bed.said("TOP 6 "), bed.said("TOP ")), (7, 1, 2));
}

/// What shows its header is refused for a foreign message: TOP, or RETR where there is no TOP.
#[tokio::test]
async fn a_foreign_message_that_cannot_be_read_is_passed_over() {
    let refused =
        |at| format!(r#"{{ fault = "garbage", service = "pop3", at = "{at}", times = 1, text = "-ERR damaged" }}"#);
    for (faults, retrieved) in [(refused("top"), 1), (format!(r#"{{ fault = "top-absent" }}, {}"#, refused("retr")), 5)]
    {
        let bed = Bed::start(&format!("faults = [{faults}]")).await;
        let mut maildrop = bed.open().await;
        bed.put(OURS);
        bed.put(FOREIGN);
        let mut seen = Seen::default();
        assert_eq!(found(&mut maildrop, &mut seen).await.message, OURS, "{faults}");
        assert_eq!(remove(&mut maildrop, LONG, &mut seen).await, Ok(1), "{faults}");
        assert_eq!((bed.all(), bed.said("RETR")), (1, retrieved), "{faults}");
    }
}

#[tokio::test]
async fn others_may_delete_meanwhile() {
    for existing in [3, 40] {
        let bed = Bed::start(&format!("existing = {existing}")).await;
        let mut maildrop = bed.open().await;
        let mut other = bed.other().await;
        for number in [1, 2, existing] {
            other.delete(number).await.unwrap();
        }
        other.quit().await.unwrap();
        bed.put(FOREIGN);
        bed.put(OURS);
        let mut seen = Seen::default();
        let found = found(&mut maildrop, &mut seen).await;
        assert_eq!(found.number, existing - 1);
        let mut other = bed.other().await;
        other.delete(1).await.unwrap();
        other.quit().await.unwrap();
        assert_eq!(remove(&mut maildrop, LONG, &mut seen).await, Ok(1));
        assert_eq!((bed.ours(), bed.all()), (0, existing as usize - 3));
    }
}

#[tokio::test]
async fn every_copy_is_noticed_and_removed() {
    let bed = Bed::start("").await;
    let mut maildrop = bed.open().await;
    bed.put(OURS);
    bed.put(OURS);
    let mut seen = Seen::default();
    assert_eq!(found(&mut maildrop, &mut seen).await.copies, 2);
    assert_eq!(remove(&mut maildrop, LONG, &mut seen).await, Ok(2));
    assert_eq!(bed.all(), 0);
}

/// Only new headers are read, so that only what comes in between is noticed; and it is no arrival of ours.
#[tokio::test]
async fn a_leftover_that_comes_in_between_is_removed_and_told_apart() {
    let bed = Bed::start("existing = 3").await;
    bed.put(leftover(ALICE, 1).as_bytes());
    let mut maildrop = bed.open().await;
    bed.put(leftover(ALICE, 2).as_bytes());
    let signs = Signs::new(vec![ALICE.parse().unwrap()], Duration::from_secs(3600));
    let mut seen = Seen::default();
    let removed = maildrop.remove(is_ours, |header| signs.read(header), &recorder(LONG), &mut seen).await;
    assert_eq!(removed, Ok(0));
    let [Fact::Leftover { tag, removed: true, uid: None, after_seconds: Some(7500.0), .. }] = &seen.facts[..] else {
        panic!("{seen:?}")
    };
    assert_eq!((tag.as_str(), bed.all()), (leftover::tag(2).as_str(), 4));
}

#[tokio::test]
async fn what_does_not_come_is_not_found() {
    let bed = Bed::start("existing = 3").await;
    let mut maildrop = bed.open().await;
    let mut seen = Seen::default();
    assert_eq!(wait(&mut maildrop, Duration::from_millis(700), &mut seen).await, Ok(None));
    assert!(bed.said("QUIT") >= 2 && bed.said("TOP") == 0 && bed.said("RETR") == 0, "{:?}", bed.sandbox.commands());
}

#[tokio::test]
async fn a_mailbox_that_somebody_else_has_open_is_waited_for() {
    let bed = Bed::start("").await;
    let mut maildrop = bed.open().await;
    let other = bed.other().await;
    bed.put(OURS);
    let before = bed.said("AUTH");
    let release = async {
        bed.until(|bed| bed.said("AUTH") > before).await;
        other.quit().await.unwrap();
    };
    let mut seen = Seen::default();
    let (found, ()) = tokio::join!(found(&mut maildrop, &mut seen), release);
    assert_eq!(found.message, OURS);
    let [Fact::TurnedAway { times: 1, reply }] = seen.facts.as_slice() else { panic!("{seen:?}") };
    assert_eq!(reply.response_code.as_deref(), Some("IN-USE"));
}

#[tokio::test]
async fn a_mailbox_that_is_locked_to_the_end_says_nothing_of_the_message() {
    let bed = Bed::start("").await;
    let mut maildrop = bed.open().await;
    let other = bed.other().await;
    bed.put(OURS);
    let mut seen = Seen::default();
    let failure = wait(&mut maildrop, Duration::from_millis(500), &mut seen).await.expect_err("locked");
    assert!(matches!(failure.kind, Kind::LockedOut { times: 2, .. }), "{failure:?}");
    assert_eq!(failure.reply.unwrap().response_code.as_deref(), Some("IN-USE"));
    let failure = remove(&mut maildrop, Duration::from_secs(2), &mut seen).await.expect_err("locked");
    assert!(matches!(failure.kind, Kind::Refused { .. }), "{failure:?}");
    assert!(matches!(seen.concerns.as_slice(), [Concern::NotLookedInto { .. }]), "{seen:?}");
    other.quit().await.unwrap();
    assert_eq!(remove(&mut maildrop, LONG, &mut seen).await, Ok(1));
}

#[tokio::test]
async fn a_refusal_without_a_code_may_be_a_lock_and_one_with_auth_is_none() {
    let fault = |text: &str| {
        format!(
            r#"faults = [{{ fault = "garbage", service = "pop3", at = "login", skip = 1, times = 1, text = "{text}" }}]"#
        )
    };
    let bed = Bed::start(&fault("-ERR maildrop already locked")).await;
    let mut maildrop = bed.open().await;
    bed.put(OURS);
    let mut seen = Seen::default();
    found(&mut maildrop, &mut seen).await;
    assert!(matches!(seen.facts.as_slice(), [Fact::TurnedAway { times: 1, .. }]), "{seen:?}");
    for code in ["AUTH", "auth", "SYS/PERM"] {
        let bed = Bed::start(&fault(&format!("-ERR [{code}] no"))).await;
        let mut maildrop = bed.open().await;
        let failure = wait(&mut maildrop, LONG, &mut Seen::default()).await.expect_err("refused");
        assert!(matches!(failure.kind, Kind::Refused { .. }), "{failure:?}");
        assert_eq!(failure.detail.as_deref(), Some("at login of a new session"));
    }
}

#[tokio::test]
async fn the_pause_between_sign_ins_is_kept_and_the_clean_up_needs_none() {
    let bed = Bed::start(r#"faults = [{ fault = "login-delay", every = "1s" }]"#).await;
    let mut maildrop = bed.open().await;
    bed.put(OURS);
    let mut seen = Seen::default();
    found(&mut maildrop, &mut seen).await;
    assert_eq!(remove(&mut maildrop, LONG, &mut seen).await, Ok(1));
    assert_eq!((seen.facts, seen.concerns), (vec![removed()], vec![]));
    assert_eq!((bed.said("AUTH"), bed.said("DELE"), bed.all()), (2, 1, 0));
}

#[tokio::test]
async fn without_quit_nothing_is_deleted_and_a_second_session_does_it() {
    for (fault, at, after, again) in [
        ("drop", "quit", false, true),
        ("stall", "quit", false, true),
        ("drop", "dele", false, true),
        ("drop", "dele", true, true),
        // Only the answer was lost: the second session finds nothing to remove.
        ("cut", "quit", false, false),
        ("drop", "quit", true, false),
    ] {
        let skip = if at == "quit" { 2 } else { 0 };
        let place = format!(r#"service = "pop3", at = "{at}", after = {after}, skip = {skip}, times = 1"#);
        let bed = Bed::start(&format!("existing = 3\nfaults = [{{ fault = \"{fault}\", {place} }}]")).await;
        let mut maildrop = bed.open().await;
        bed.put(OURS);
        let mut seen = Seen::default();
        found(&mut maildrop, &mut seen).await;
        bed.until(|bed| bed.said("QUIT") == 2).await;
        let time = if fault == "stall" { Duration::from_secs(4) } else { LONG };
        assert_eq!(remove(&mut maildrop, time, &mut seen).await, Ok(1), "{place}");
        assert_eq!((bed.ours(), bed.all()), (0, 3), "{fault} {place}");
        assert!(seen.concerns.is_empty() && seen.facts.contains(&removed()), "{seen:?}");
        assert_eq!(seen.facts.iter().any(|fact| matches!(fact, Fact::RemovedAgain { .. })), again, "{fault} {place}");
    }
}

#[tokio::test]
async fn what_could_not_be_removed_is_told() {
    let place = r#"service = "pop3", at = "dele""#;
    let bed = Bed::start(&format!("existing = 3\nfaults = [{{ fault = \"drop\", {place} }}]")).await;
    let mut maildrop = bed.open().await;
    bed.put(OURS);
    let mut seen = Seen::default();
    found(&mut maildrop, &mut seen).await;
    bed.until(|bed| bed.said("QUIT") == 2).await;
    let failure = remove(&mut maildrop, LONG, &mut seen).await.expect_err("twice lost");
    assert_eq!(failure.kind, Kind::ConnectionLost);
    let [Concern::LeftBehind { why, .. }] = seen.concerns.as_slice() else { panic!("{seen:?}") };
    assert!(why.contains("without QUIT POP3 deletes nothing") && why.contains("unique id"), "{why}");
    assert_eq!((bed.ours(), bed.all()), (1, 4));
    for (at, skip, said) in [("quit", 2, "some deleted messages not removed"), ("dele", 0, "read-only")] {
        let place = format!(r#"service = "pop3", at = "{at}", skip = {skip}, text = "-ERR {said}""#);
        let bed = Bed::start(&format!("faults = [{{ fault = \"garbage\", {place} }}]")).await;
        let mut maildrop = bed.open().await;
        bed.put(OURS);
        let mut seen = Seen::default();
        found(&mut maildrop, &mut seen).await;
        bed.until(|bed| bed.said("QUIT") == 2).await;
        assert_eq!(remove(&mut maildrop, LONG, &mut seen).await, Ok(1));
        let [Concern::LeftBehind { why, .. }] = seen.concerns.as_slice() else { panic!("{seen:?}") };
        assert!(why.contains(said), "{why}");
        assert_eq!(bed.ours(), 1);
    }
}

#[tokio::test]
async fn whether_it_is_gone_is_not_known_where_the_answer_to_quit_is_lost_twice_or_nobody_may_look_again() {
    let quit = r#"fault = "drop", service = "pop3", at = "quit", times = 1"#;
    let locked = r#"{ fault = "garbage", service = "pop3", at = "pass", text = "-ERR [IN-USE] locked", skip = 3 }"#;
    for faults in [
        format!("{{ {quit}, skip = 2, after = true }}, {locked}"),
        format!("{{ {quit}, skip = 2 }}, {{ {quit}, skip = 2, after = true }}"), // each is counted where the first does not happen
    ] {
        let bed = Bed::start(&format!("existing = 3\nfaults = [{faults}]")).await;
        let mut maildrop = bed.open().await;
        bed.put(OURS);
        let mut seen = Seen::default();
        found(&mut maildrop, &mut seen).await;
        bed.until(|bed| bed.said("QUIT") == 2).await;
        remove(&mut maildrop, Duration::from_secs(3), &mut seen).await.expect_err(&faults);
        assert_eq!((bed.ours(), bed.all()), (0, 3), "the server has deleted it");
        let [Concern::NotLookedInto { why, .. }] = seen.concerns.as_slice() else { panic!("{seen:?}") };
        assert!(why.contains("gone or not"), "{why}");
    }
}

/// As Twisted 26.10 does whose mailbox gives it text instead of bytes: consent to TOP, and not a word more.
#[tokio::test]
async fn a_server_that_falls_silent_is_not_said_to_have_cut_the_connection() {
    let bed = Bed::start(r#"faults = [{ fault = "stall", service = "pop3", at = "top" }]"#).await;
    let mut maildrop = bed.open().await;
    bed.put(OURS);
    let mut seen = Seen::default();
    let failure = remove(&mut maildrop, Duration::from_secs(1), &mut seen).await.expect_err("no header comes");
    assert!(matches!(failure.kind, Kind::Timeout { .. }), "{failure:?}");
    let [Concern::NotLookedInto { why, .. }] = seen.concerns.as_slice() else { panic!("{seen:?}") };
    assert_eq!(why, "the server did not answer in time");
}

#[tokio::test]
async fn a_look_that_breaks_is_a_failure() {
    for (fault, at) in [("drop", "stat"), ("drop", "top"), ("cut", "retr"), ("garbage", "stat"), ("drop", "greeting")] {
        let skip = if ["stat", "greeting"].contains(&at) { 1 } else { 0 };
        let place = format!(r#"service = "pop3", at = "{at}", skip = {skip}"#);
        let bed = Bed::start(&format!("faults = [{{ fault = \"{fault}\", {place} }}]")).await;
        let mut maildrop = bed.open().await;
        bed.put(OURS);
        let failure = wait(&mut maildrop, LONG, &mut Seen::default()).await.expect_err("broken");
        let expected = if fault == "garbage" { Kind::Malformed } else { Kind::ConnectionLost };
        assert_eq!(failure.kind, expected, "{fault} {at}");
        assert_eq!(bed.ours(), 1, "nothing was deleted");
    }
}

/// Bytes from the server for the baseline and a look, without a look that finds anything.
async fn bytes(existing: u32) -> u64 {
    let bed = Bed::start(&format!("existing = {existing}")).await;
    let proxy = Proxy::start(([127, 0, 0, 1], bed.sandbox.port(Service::Pop3s)).into(), Behaviour::default());
    let account = account(&bed.sandbox, proxy.port());
    let endpoint = account.pop3.as_ref().unwrap();
    let mut maildrop = Maildrop::open(&account, endpoint, Leg::Delivery, &recorder(LONG)).await.expect("it opens");
    assert_eq!(wait(&mut maildrop, Duration::ZERO, &mut Seen::default()).await, Ok(None));
    bed.until(|bed| bed.said("QUIT") == 2).await;
    proxy.counts().iter().map(|counts| counts.to_client.received).sum()
}

#[tokio::test]
async fn fifty_thousand_messages_cost_no_more_than_ten() {
    let (few, many) = (bytes(10).await, bytes(50_000).await);
    assert!(many < few + 1000, "{few} bytes for 10 messages, {many} for 50,000");
}
