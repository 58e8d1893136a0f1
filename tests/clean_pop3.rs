//! `mailtrip clean` over POP3, on the sandbox and its faults.

use std::time::Duration;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Secret, Security};
use mailtrip::check::Limits;
use mailtrip::diagnose::{Verdict, diagnose, verdict};
use mailtrip::outcome::{Concern, Fact, Outcome};
use mailtrip::sandbox::{Sandbox, Service};
use mailtrip::verify::clearance::{self, Clearance};
use mailtrip::verify::stop::Stop;

#[path = "support/leftover.rs"]
mod leftover;
#[path = "support/proxy.rs"]
mod proxy;
use leftover::{bystanders, leftover};
use proxy::{Behaviour, Proxy, Way};

const ALICE: &str = "alice@sandbox.test";

struct Bed(Sandbox);

impl Bed {
    /// With `existing` foreign messages, then a leftover, bystanders, and a leftover.
    async fn start(toml: &str) -> Bed {
        let settings = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}"));
        let bed = Bed(Sandbox::start(settings).await.expect("the sandbox starts"));
        bed.put(&leftover(ALICE, 1));
        bystanders(ALICE).iter().for_each(|message| bed.put(message));
        bed.put(&leftover(ALICE, 2));
        bed
    }

    fn put(&self, message: &str) {
        self.0.put(ALICE, "INBOX", message.as_bytes(), &[]).expect("there is an inbox");
    }

    fn all(&self) -> Vec<Vec<u8>> {
        self.0.messages(ALICE, "INBOX").iter().map(|message| message.raw.to_vec()).collect()
    }

    /// What is there but for the two leftovers.
    fn foreign(&self) -> Vec<Vec<u8>> {
        let ours = [leftover(ALICE, 1).into_bytes(), leftover(ALICE, 2).into_bytes()];
        self.all().into_iter().filter(|message| !ours.contains(message)).collect()
    }

    fn said(&self, begin: &str) -> usize {
        let begin = format!("pop3: {begin}");
        self.0.commands().iter().filter(|line| line.starts_with(&begin)).count()
    }

    async fn clean_by(&self, port: u16, dry_run: bool, limits: Limits) -> Outcome {
        let user = &self.0.accounts()[0];
        let password = Secret::new(user.password.as_str());
        let pop3 = Endpoint {
            host: "localhost".to_owned(),
            port,
            security: Security::Tls,
            allow_cleartext_password: false,
            credentials: Credentials { username: user.address.clone(), proof: password.into() },
            auth: Auth::Auto,
            ca: Some(self.0.ca_pem().as_bytes().to_vec()),
            family: mailtrip::Family::Any,
            expect_auth: false,
        };
        let address = ALICE.parse().expect("an address");
        let (name, folders) = ("alice".to_owned(), Folders::default());
        let account = Account { name, address, smtp: None, imap: None, pop3: Some(pop3), folders };
        let own = vec![account.address.clone()];
        let hour = Duration::from_secs(3600);
        let clearance = Clearance::new(account, own, hour, dry_run, limits).expect("there is a mailbox");
        clearance::run(&clearance, &Stop::new().1, &()).await
    }

    async fn clean(&self, dry_run: bool) -> Outcome {
        self.clean_by(self.0.port(Service::Pop3s), dry_run, Limits::default()).await
    }
}

/// Whether each leftover that is in the report was removed.
fn told(outcome: &Outcome) -> Vec<bool> {
    let facts = outcome.stages.iter().flat_map(|record| &record.facts);
    let removed = facts.filter_map(|fact| match fact {
        Fact::Leftover { removed, folder, uid: None, .. } if folder == "INBOX" => Some(*removed),
        _ => None,
    });
    removed.collect()
}

fn codes(outcome: &Outcome) -> Vec<&'static str> {
    diagnose(outcome).iter().map(|diagnosis| diagnosis.code).collect()
}

fn concerns(outcome: &Outcome) -> Vec<Concern> {
    outcome.concerns().map(|(_, concern)| concern.clone()).collect()
}

#[tokio::test]
async fn leftovers_are_removed_and_nothing_else_is() {
    for faults in ["", r#"{ fault = "uidl-absent" }"#, r#"{ fault = "capa-absent" }"#] {
        for existing in [0, 120] {
            let bed = Bed::start(&format!("existing = {existing}\nfaults = [{faults}]")).await;
            let foreign = bed.foreign();
            let outcome = bed.clean(false).await;
            assert_eq!((told(&outcome), verdict(&outcome)), (vec![true, true], Verdict::Ok), "{faults}");
            assert_eq!(bed.all(), foreign);
            assert_eq!((bed.said("DELE"), bed.said("RETR"), bed.said("UIDL")), (2, 0, 0));
            assert_eq!(bed.said("TOP"), existing + 9, "each header once");
        }
    }
}

#[tokio::test]
async fn a_dry_run_deletes_nothing() {
    let bed = Bed::start("existing = 3").await;
    let all = bed.all();
    let outcome = bed.clean(true).await;
    assert_eq!((told(&outcome), verdict(&outcome)), (vec![false, false], Verdict::Ok));
    assert_eq!((bed.all(), bed.said("DELE")), (all, 0));
}

#[tokio::test]
async fn without_top_nothing_is_read_for_that_would_mark_it() {
    let bed = Bed::start(r#"faults = [{ fault = "top-absent" }]"#).await;
    let all = bed.all();
    let outcome = bed.clean(false).await;
    assert_eq!((verdict(&outcome), codes(&outcome)), (Verdict::Warning, vec!["not-looked-into"]));
    assert_eq!((bed.all(), bed.said("RETR")), (all, 0));
}

#[tokio::test]
async fn without_an_answer_to_quit_nothing_is_called_removed() {
    // Once QUIT is said, the server may have deleted them and only its answer be lost.
    for (fault, at, after, known) in [
        ("drop", "dele", false, true),
        ("cut", "dele", false, true),
        ("drop", "quit", false, false),
        ("drop", "quit", true, false),
    ] {
        let place = format!(r#"service = "pop3", at = "{at}", after = {after}"#);
        let place = if fault == "drop" { place } else { format!(r#"service = "pop3", at = "{at}""#) };
        let bed = Bed::start(&format!(r#"faults = [{{ fault = "{fault}", {place} }}]"#)).await;
        let all = bed.all();
        let outcome = bed.clean(false).await;
        assert_eq!((told(&outcome), verdict(&outcome)), (vec![false, false], Verdict::Warning));
        let concerns = concerns(&outcome);
        let why = match &concerns[..] {
            [Concern::LeftBehind { why, .. }] if known => why.as_str(),
            [Concern::NotLookedInto { why, .. }] if !known => why.as_str(),
            concerns => panic!("{fault} at {at}: {concerns:?}"),
        };
        assert!(why.contains(if known { "without QUIT POP3 deletes nothing" } else { "may be gone or not" }), "{why}");
        assert_eq!(bed.all() == all, !after, "{fault} at {at}");
    }
}

#[tokio::test]
async fn what_the_server_does_not_delete_is_told() {
    let refused = |at: &str, times: u32| {
        let place = format!(r#"service = "pop3", at = "{at}", times = {times}, text = "-ERR read-only""#);
        format!(r#"faults = [{{ fault = "garbage", {place} }}]"#)
    };
    let bed = Bed::start(&refused("dele", 1)).await;
    let outcome = bed.clean(false).await;
    assert_eq!((told(&outcome), codes(&outcome)), (vec![false, true], vec!["left-behind"]));
    assert_eq!(bed.all().len(), 8, "the newest is left");
    let bed = Bed::start(&refused("quit", 1)).await;
    let outcome = bed.clean(false).await;
    assert_eq!((told(&outcome), codes(&outcome)), (vec![false, false], vec!["left-behind"]));
}

#[tokio::test]
async fn a_locked_mailbox_is_told_as_elsewhere() {
    let bed = Bed::start(r#"faults = [{ fault = "maildrop-locked" }]"#).await;
    let outcome = bed.clean(false).await;
    assert_eq!((verdict(&outcome), codes(&outcome)), (Verdict::Critical, vec!["mailbox-locked"]));
}

/// Each flight takes a tenth of a second, so that there is no time for 2,000 messages: the newest are looked at, and what is
/// found among them is removed in time.
#[tokio::test]
async fn where_time_is_short_the_newest_are_looked_at() {
    let bed = Bed::start("existing = 2000").await;
    let to_client = Way { delay: Duration::from_millis(100), ..Way::default() };
    let target = ([127, 0, 0, 1], bed.0.port(Service::Pop3s)).into();
    let proxy = Proxy::start(target, Behaviour { to_client, ..Behaviour::default() });
    let limits = Limits { total: Duration::from_secs(4), ..Limits::default() };
    let outcome = bed.clean_by(proxy.port(), false, limits).await;
    assert_eq!((told(&outcome), codes(&outcome)), (vec![true, true], vec!["not-looked-into"]));
    let looked_at = bed.said("TOP");
    assert!((50..2009).contains(&looked_at), "{looked_at}");
    let [Concern::NotLookedInto { why, .. }] = &concerns(&outcome)[..] else { panic!("{:?}", concerns(&outcome)) };
    assert_eq!(*why, format!("there was time for the newest {looked_at} of 2009 messages"));
    assert!(outcome.seconds < Duration::from_secs(4), "{:?}", outcome.seconds);
}
