//! A network that cuts, resets, stalls and garbles at any byte of a verification: the report is complete and in time,
//! blames the right leg, says what was left behind, and no other message is touched.
#![allow(missing_docs)]

#[path = "hostile/network.rs"]
mod network;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Secret, Security};
use mailtrip::check::{Check, Limits, Settings};
use mailtrip::failure::Skip;
use mailtrip::outcome::{Concern, Fact, Outcome, StageRecord, Status};
use mailtrip::report::{Format, render, terminal::Style};
use mailtrip::sandbox::{Sandbox, Service, Settings as Sandboxed, StoredMessage, User};
use mailtrip::stage::{Leg, Stage};
use mailtrip::verify;
use mailtrip::verify::stop::Stop;
use network::{Harm, Network, Random, Trouble, Way};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const LIMITS: Limits =
    Limits { total: Duration::from_secs(5), stage: Duration::from_secs(1), cleanup: Duration::from_secs(2) };

/// So many verifications at the same time: most of them wait.
const AT_ONCE: usize = 24;

/// So many of those that went wrong by time are run again, alone.
const MOST_ALONE: usize = 20;

/// Beside the limit, what a busy machine with two cores may take.
const SLACK: Duration = Duration::from_secs(1);

/// The connection that is harmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Target {
    Smtp,
    Receiver,
    Sender,
}

/// How the harmed connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cover {
    /// Not at all, for the client: what is garbled is understood.
    Bare,
    Starttls,
    Tls,
}

/// What the servers can do, and whether sender and receiver are two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// One account, a server with everything.
    Modern,
    /// One account, a server without any of the extensions.
    Old,
    /// Two accounts, a server that files copies itself.
    Pair,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    kind: Kind,
    cover: Cover,
    target: Target,
    trouble: Option<Trouble>,
    /// Some of the other messages are marked `\Deleted`.
    marked: bool,
}

#[test]
fn a_verification_can_be_sent_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    let _ = |check: &Check, stop: &Stop| is_send(&verify::run(check, stop, &()));
}

/// In a process of its own: OpenSSL then does not read the system's certificates for every connection, and a panic
/// anywhere is this test's.
#[test]
fn whatever_happens_to_a_connection_the_report_is_complete_and_true() {
    let own = std::env::current_exe().expect("a test is a file");
    let output = Command::new(own)
        .args(["--ignored", "--exact", "in_a_process_of_its_own", "--nocapture"])
        .env("SSL_CERT_FILE", "/dev/null")
        .output()
        .expect("it can be run again");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
#[ignore = "run by the test above"]
fn in_a_process_of_its_own() {
    let panics: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = panics.clone();
    std::panic::set_hook(Box::new(move |panic| noted.lock().unwrap().push(panic.to_string())));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let wrong = runtime.block_on(all());
    let _ = std::panic::take_hook();
    let panics = panics.lock().unwrap();
    assert!(panics.is_empty(), "{} panics, the first: {}", panics.len(), panics[0]);
    assert!(wrong.is_empty(), "{} of the cases went wrong:\n{}", wrong.len(), wrong[..wrong.len().min(12)].join("\n"));
}

async fn all() -> Vec<String> {
    let offsets = std::env::var("HOSTILE_OFFSETS").ok().and_then(|number| number.parse().ok()).unwrap_or(2);
    let mut wrong = Vec::new();
    for kind in [Kind::Modern, Kind::Old, Kind::Pair] {
        let clean = measured(kind).await;
        let cases = cases(kind, offsets, &clean);
        let world = Arc::new(World::new(kind, cases.len(), &clean).await);
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut runs = JoinSet::new();
        for (number, case) in cases.into_iter().enumerate() {
            let (world, places) = (world.clone(), places.clone());
            runs.spawn(async move {
                let _place = places.acquire_owned().await.expect("nobody closes it");
                world.judge(number, case).await.map_err(|why| (case, format!("{number} {case:?}: {why}")))
            });
        }
        let mut late = Vec::new();
        while let Some(run) = runs.join_next().await {
            match run {
                Ok(Err((case, why))) if why.contains("is blamed") || why.contains("it took") => late.push(case),
                Ok(result) => wrong.extend(result.err().map(|(_, why)| why)),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        wrong.extend(alone(kind, late, &clean).await);
    }
    wrong
}

/// Where other work on the machine has held up what was not harmed, the case is judged by a run of its own.
async fn alone(kind: Kind, late: Vec<Case>, clean: &BTreeMap<Cover, Clean>) -> Vec<String> {
    let mut wrong = Vec::new();
    let world = World::new(kind, late.len(), clean).await;
    for (number, case) in late.into_iter().take(MOST_ALONE).enumerate() {
        wrong.extend(world.judge(number, case).await.err().map(|why| format!("alone {case:?}: {why}")));
    }
    wrong
}

/// What a run without any harm looks like.
#[derive(Debug)]
struct Clean {
    plan: Vec<(Leg, Stage)>,
    /// Bytes on each of the connections, to the server and to the client.
    bytes: BTreeMap<Target, [u64; 2]>,
}

async fn measured(kind: Kind) -> BTreeMap<Cover, Clean> {
    let mut clean = BTreeMap::new();
    for cover in covers(kind) {
        let world = World::new(kind, 1, &clean).await;
        let case = Case { kind, cover: *cover, target: Target::Smtp, trouble: None, marked: false };
        let (outcome, networks) = world.run(0, case).await;
        assert_eq!(outcome.failed().next(), None);
        let plan = outcome.stages.iter().map(|record| (record.at.leg, record.at.stage)).collect();
        let bytes = networks.iter().map(|(target, network)| {
            (*target, [0, 1].map(|way: usize| network.counted[way].load(std::sync::atomic::Ordering::Relaxed)))
        });
        clean.insert(*cover, Clean { plan, bytes: bytes.collect() });
    }
    clean
}

/// TLS costs time, so only one of the kinds is run under it.
fn covers(kind: Kind) -> &'static [Cover] {
    match kind {
        Kind::Modern => &[Cover::Bare, Cover::Starttls, Cover::Tls],
        Kind::Old | Kind::Pair => &[Cover::Bare],
    }
}

fn cases(kind: Kind, offsets: u64, clean: &BTreeMap<Cover, Clean>) -> Vec<Case> {
    let mut random = Random(0x5eed_0000 + kind as u64);
    let mut cases = Vec::new();
    for (&cover, clean) in clean {
        for (&target, bytes) in &clean.bytes {
            for harm in Harm::ALL {
                for way in [Way::ToServer, Way::ToClient] {
                    for always in [false, true] {
                        for part in 0..offsets {
                            // One place in each of equal parts, so that all of the conversation is covered.
                            let width = bytes[way as usize] / offsets;
                            let at = part * width + random.below(width);
                            let seed = random.below(u64::MAX) | 1;
                            let trouble = Some(Trouble { harm, way, at, always, seed });
                            let marked = random.below(2) == 0;
                            cases.push(Case { kind, cover, target, trouble, marked });
                        }
                    }
                }
            }
        }
    }
    cases
}

/// A sandbox with accounts of its own for every case.
struct World {
    kind: Kind,
    sandbox: Sandbox,
    plans: BTreeMap<Cover, Vec<(Leg, Stage)>>,
}

type Folder = (String, &'static str);

impl World {
    async fn new(kind: Kind, cases: usize, clean: &BTreeMap<Cover, Clean>) -> World {
        let user = |name: String| User { password: password(&name), address: name, token: None };
        let users = (0..cases).flat_map(|number| ["a", "b"].map(|side| user(address(side, number))));
        let mut settings = Sandboxed { accounts: users.collect(), ..Sandboxed::default() };
        match kind {
            Kind::Modern => {}
            Kind::Old => {
                (settings.uidplus, settings.literal_plus, settings.special_use) = (false, false, false);
                (settings.idle, settings.sasl_ir, settings.pipelining) = (false, false, false);
            }
            Kind::Pair => settings.files_sent = true,
        }
        let plans = clean.iter().map(|(cover, clean)| (*cover, clean.plan.clone())).collect();
        World { kind, sandbox: Sandbox::start(settings).await.expect("a sandbox"), plans }
    }

    fn two(&self) -> bool {
        self.kind == Kind::Pair
    }

    async fn run(&self, number: usize, case: Case) -> (Outcome, BTreeMap<Target, Network>) {
        let mut networks = BTreeMap::new();
        let targets = [Target::Smtp, Target::Receiver, Target::Sender];
        for target in targets.into_iter().take(if self.two() { 3 } else { 2 }) {
            let (tls, starttls) = match target {
                Target::Smtp => (Service::Submissions, Service::Submission),
                Target::Receiver | Target::Sender => (Service::Imaps, Service::Imap),
            };
            let service = if case.cover == Cover::Starttls { starttls } else { tls };
            let trouble = case.trouble.filter(|_| case.target == target);
            networks.insert(target, Network::to(self.sandbox.port(service), case.cover == Cover::Bare, trouble).await);
        }
        let check = self.check(number, case.cover, &networks);
        let outcome = verify::run(&check, &Stop::new().1, &()).await;
        (outcome, networks)
    }

    fn check(&self, number: usize, cover: Cover, networks: &BTreeMap<Target, Network>) -> Check {
        let account = |side, imap| {
            let address = address(side, number);
            let endpoint = |target| {
                networks.get(&target).map(|network| Endpoint {
                    host: "127.0.0.1".to_owned(),
                    port: network.port,
                    security: match cover {
                        Cover::Bare => Security::None,
                        Cover::Starttls => Security::Starttls,
                        Cover::Tls => Security::Tls,
                    },
                    allow_cleartext_password: true,
                    credentials: Credentials {
                        username: address.clone(),
                        proof: Secret::new(password(&address)).into(),
                    },
                    auth: Auth::Auto,
                    ca: Some(self.sandbox.ca_pem().as_bytes().to_vec()),
                    family: mailtrip::Family::Any,
                    expect_auth: false,
                })
            };
            Account {
                name: side.to_owned(),
                address: address.parse().expect("an address"),
                smtp: endpoint(Target::Smtp),
                imap: endpoint(imap),
                pop3: None,
                folders: Folders::default(),
            }
        };
        let (from, to) = match self.two() {
            true => (account("a", Target::Sender), account("b", Target::Receiver)),
            false => (account("a", Target::Receiver), account("a", Target::Receiver)),
        };
        Check::new("hostile", from, to, Settings { limits: LIMITS, transcript: true, ..Settings::default() })
            .expect("a check")
    }

    /// Runs a case in accounts of its own, and says what is not as it should be.
    async fn judge(&self, number: usize, case: Case) -> Result<(), String> {
        let before = self.furnish(number, case.marked);
        let began = Instant::now();
        let (outcome, networks) = self.run(number, case).await;
        let took = began.elapsed();
        drop(networks);
        let explained = |result: Result<(), String>| result.map_err(|why| format!("{why}\n{}", summary(&outcome)));
        explained(self.complete(&outcome, case, took))?;
        explained(blame(&outcome, case))?;
        // Where a number in a command of ours becomes another one, the server does to another message what it was told.
        let reworded = case.cover == Cover::Bare
            && case.trouble.is_some_and(|trouble| trouble.harm.garbles() && trouble.way == Way::ToServer);
        if !reworded {
            explained(self.foreign(&before))?;
        }
        explained(self.told(&outcome, number))?;
        explained(secret(&outcome, number))
    }

    /// Puts messages of other people into the folders.
    fn furnish(&self, number: usize, marked: bool) -> BTreeMap<(Folder, u32), StoredMessage> {
        let mut before = BTreeMap::new();
        for (folder, flags) in [
            ("INBOX", &["\\Seen"][..]),
            ("INBOX", &["\\Deleted"]),
            ("INBOX", &["\\Flagged"]),
            ("Junk", &[]),
            ("Junk", &["\\Deleted", "\\Seen"]),
            ("Sent", &["\\Seen"]),
            ("Sent", &["\\Deleted"]),
        ] {
            for side in ["a", "b"] {
                let address = address(side, number);
                let raw =
                    format!("Subject: mailtrip probe\r\nX-Mailtrip-Tag: another\r\n\r\nof {folder} {flags:?}\r\n");
                let flags: Vec<&str> = flags.iter().copied().filter(|flag| marked || *flag != "\\Deleted").collect();
                self.sandbox.put(&address, folder, raw.as_bytes(), &flags);
                for message in self.sandbox.messages(&address, folder) {
                    before.insert(((address.clone(), folder), message.uid), message);
                }
            }
        }
        before
    }

    /// Every stage of the plan once, in its order, in time.
    fn complete(&self, outcome: &Outcome, case: Case, took: Duration) -> Result<(), String> {
        let stages: Vec<(Leg, Stage)> = outcome.stages.iter().map(|record| (record.at.leg, record.at.stage)).collect();
        if Some(&stages) != self.plans.get(&case.cover) {
            return Err(format!("the stages are {stages:?}"));
        }
        if took > LIMITS.total + SLACK {
            return Err(format!("it took {took:?}"));
        }
        Ok(())
    }

    /// Other messages are as they were.
    fn foreign(&self, before: &BTreeMap<(Folder, u32), StoredMessage>) -> Result<(), String> {
        for (((address, folder), uid), message) in before {
            let now = self.sandbox.messages(address, folder);
            let now = now.iter().find(|now| now.uid == *uid).ok_or(format!("message {uid} in {folder} is gone"))?;
            if now.raw != message.raw || now.flags != message.flags {
                return Err(format!("message {uid} in {folder} was {:?} and is {:?}", message.flags, now.flags));
            }
        }
        Ok(())
    }

    /// What is left of the probe is told: by a warning that is about this folder, or about mail to come.
    fn told(&self, outcome: &Outcome, number: usize) -> Result<(), String> {
        for side in ["a", "b"] {
            let address = address(side, number);
            let told = |folder: &str, uid| {
                let mut records = outcome.stages.iter().filter(|record| record.account == side);
                records.any(|record| tells(record, folder, uid))
            };
            for folder in ["INBOX", "Junk", "Sent"] {
                // Which folder it is was garbled: the warning is that there is none.
                let unknown =
                    folder == "Sent" && outcome.concerns().any(|(_, concern)| matches!(concern, Concern::NoSentFolder));
                for message in self.sandbox.messages(&address, folder) {
                    let ours = String::from_utf8_lossy(&message.raw).contains(&outcome.tag);
                    if ours && !told(folder, message.uid) && !unknown {
                        return Err(format!("message {} was left in {folder} of {side}, untold", message.uid));
                    }
                }
            }
        }
        Ok(())
    }
}

fn tells(removal: &StageRecord, folder: &str, uid: u32) -> bool {
    removal.concerns.iter().any(|concern| match concern {
        Concern::LeftBehind { folder: name, uid: told, .. } => name == folder && told.is_none_or(|told| told == uid),
        Concern::LeftMarked { folder: name, uid: told } => name == folder && *told == uid,
        Concern::NotLookedInto { folder: name, .. } => {
            name == folder || (name == "the Sent folder" && folder == "Sent")
        }
        Concern::MayArrive => folder != "Sent",
        _ => false,
    })
}

/// What failed belongs to the connection that was harmed; what did not fail was done.
fn blame(outcome: &Outcome, case: Case) -> Result<(), String> {
    let Some(trouble) = case.trouble else { return Ok(()) };
    for (record, failure) in outcome.failed() {
        let at = (record.at.leg, record.at.stage);
        let to_blame = match (case.target, at) {
            (Target::Smtp, (Leg::Submission, _)) => true,
            // The message is lost with the connection, or became another one.
            (Target::Smtp, (Leg::Delivery, Stage::Arrival)) => {
                trouble.harm.garbles() || failed(outcome, Leg::Submission, Stage::Submit)
            }
            (Target::Smtp, (Leg::Delivery, Stage::Inspect)) => trouble.harm.garbles(),
            // What was waited for in vain has used up the time.
            (Target::Smtp, (Leg::Sent, Stage::Copy)) => {
                failed(outcome, Leg::Delivery, Stage::Arrival)
                    && failure.detail.as_deref().is_some_and(|detail| detail.contains("left of the whole run"))
            }
            (Target::Smtp, _) => false,
            (Target::Receiver, (Leg::Delivery | Leg::Cleanup, _)) => record.account != "a" || case.kind != Kind::Pair,
            (Target::Receiver, (Leg::Sent, _)) => case.kind != Kind::Pair,
            (Target::Sender, (Leg::Sent | Leg::Cleanup, _)) => record.account == "a",
            _ => false,
        };
        if !to_blame {
            return Err(format!("{} is blamed: {failure:?}", record.at));
        }
    }
    let arrived =
        outcome.stages.iter().flat_map(|record| &record.facts).any(|fact| matches!(fact, Fact::Arrived { .. }));
    let skipped = outcome.stages.iter().find(|record| matches!(record.status, Status::Skipped(Skip::After { .. })));
    if outcome.failed().next().is_none() && (!arrived || skipped.is_some()) {
        return Err("nothing failed, and yet it is not whole".to_owned());
    }
    Ok(())
}

fn failed(outcome: &Outcome, leg: Leg, stage: Stage) -> bool {
    outcome.failed().any(|(record, _)| (record.at.leg, record.at.stage) == (leg, stage))
}

/// No report holds a password, in any form in which it is sent.
fn secret(outcome: &Outcome, number: usize) -> Result<(), String> {
    let base64 = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    for side in ["a", "b"] {
        let address = address(side, number);
        let plain = format!("\0{address}\0{}", password(&address));
        let plain = base64(plain);
        for secret in [password(&address), base64(password(&address)), plain[plain.len() - 12..].to_owned(), plain] {
            for format in [Format::Json, Format::Terminal] {
                let style = Style { verbose: true, ..Style::default() };
                if render(std::slice::from_ref(outcome), format, &style).contains(secret.as_str()) {
                    return Err(format!("{secret} is in the report"));
                }
            }
        }
    }
    Ok(())
}

fn summary(outcome: &Outcome) -> String {
    let lines = outcome.stages.iter().filter_map(|record| match &record.status {
        Status::Passed if record.concerns.is_empty() => None,
        Status::Failed(failure) => Some(format!("    {}: {failure:?} {:?}", record.at, record.concerns)),
        status => Some(format!("    {}: {status:?} {:?}", record.at, record.concerns)),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn address(side: &str, number: usize) -> String {
    format!("{side}{number}@sandbox.test")
}

fn password(address: &str) -> String {
    format!("secret of {address}")
}
