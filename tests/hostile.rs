//! A network that cuts, resets, stalls and garbles at any byte of a verification: the report is complete and in time,
//! blames the right leg, says what was left behind, and no other message is touched.
#![allow(missing_docs)]

#[path = "hostile/judgement.rs"]
mod judgement;
#[path = "hostile/network.rs"]
mod network;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use judgement::{blame, claimed, tells};
use mailtrip::account::{Account, Auth, Credentials, Endpoint, Family, Folders, Secret, Security};
use mailtrip::check::{Check, Limits, Receive, Settings};
use mailtrip::outcome::{Concern, Outcome, Status};
use mailtrip::report::{Format, render, terminal::Style};
use mailtrip::sandbox::{Sandbox, Service, Settings as Sandboxed, StoredMessage, User};
use mailtrip::stage::{Leg, Stage};
use mailtrip::verify;
use mailtrip::verify::stop::Stop;
use network::{Harm, Network, Random, Trouble, Way, Which};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// So many verifications at the same time: most of them wait.
const AT_ONCE: usize = 24;

/// So many of those that went wrong by time are run again, alone.
const MOST_ALONE: usize = 20;

/// Beside the limit, what a busy machine with two cores may take.
const SLACK: Duration = Duration::from_secs(1);

/// The server whose connections are harmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Target {
    /// The sender's submission server.
    Smtp,
    /// The mailbox that the probe is to arrive in.
    Receiver,
    /// The sender's mailbox, by IMAP: for the copy, and for the reply.
    Sender,
    /// The receiver's submission server.
    Back,
    /// The receiver's mailbox once more, by IMAP: for the copy of the reply.
    Shelf,
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
    /// One account, which has POP3 only: each look is a connection of its own.
    Maildrop,
    /// Two accounts; the probe is received by POP3 and answered, and the answer is received by IMAP.
    Answered,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Modern, Kind::Old, Kind::Pair, Kind::Maildrop, Kind::Answered];

    fn targets(self) -> &'static [Target] {
        use Target::{Back, Receiver, Sender, Shelf, Smtp};
        match self {
            Kind::Modern | Kind::Old | Kind::Maildrop => &[Smtp, Receiver],
            Kind::Pair => &[Smtp, Receiver, Sender],
            Kind::Answered => &[Smtp, Receiver, Sender, Back, Shelf],
        }
    }

    fn two(self) -> bool {
        matches!(self, Kind::Pair | Kind::Answered)
    }

    fn limits(self) -> Limits {
        let total = if self == Kind::Answered { 8 } else { 5 };
        Limits {
            total: Duration::from_secs(total),
            stage: Duration::from_secs(1),
            arrival: None,
            cleanup: Duration::from_secs(2),
        }
    }

    /// By what the servers of a target are spoken to.
    fn services(self, target: Target) -> (Service, Service) {
        match target {
            Target::Smtp | Target::Back => (Service::Submissions, Service::Submission),
            Target::Receiver if matches!(self, Kind::Maildrop | Kind::Answered) => (Service::Pop3s, Service::Pop3),
            Target::Receiver | Target::Sender | Target::Shelf => (Service::Imaps, Service::Imap),
        }
    }
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
    for kind in Kind::ALL {
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
        Kind::Maildrop => &[Cover::Bare, Cover::Starttls],
        Kind::Old | Kind::Pair | Kind::Answered => &[Cover::Bare],
    }
}

fn cases(kind: Kind, offsets: u64, clean: &BTreeMap<Cover, Clean>) -> Vec<Case> {
    let mut random = Random(0x5eed_0000 + kind as u64);
    let mut cases = Vec::new();
    let which: &[Which] = match kind {
        Kind::Maildrop => &[Which::First, Which::Later, Which::Every],
        _ => &[Which::First, Which::Every],
    };
    for (&cover, clean) in clean {
        for (&target, bytes) in &clean.bytes {
            for harm in Harm::ALL {
                for way in [Way::ToServer, Way::ToClient] {
                    for &which in which {
                        for part in 0..offsets {
                            // One place in each of equal parts, so that all of the conversation is covered.
                            let width = bytes[way as usize] / offsets;
                            let at = part * width + random.below(width);
                            let seed = random.below(u64::MAX) | 1;
                            let trouble = Some(Trouble { harm, way, at, which, seed });
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
            Kind::Modern | Kind::Maildrop | Kind::Answered => {}
            Kind::Old => {
                (settings.uidplus, settings.literal_plus, settings.special_use) = (false, false, false);
                (settings.idle, settings.sasl_ir, settings.pipelining) = (false, false, false);
            }
            Kind::Pair => settings.files_sent = true,
        }
        let plans = clean.iter().map(|(cover, clean)| (*cover, clean.plan.clone())).collect();
        World { kind, sandbox: Sandbox::start(settings).await.expect("a sandbox"), plans }
    }

    async fn run(&self, number: usize, case: Case) -> (Outcome, BTreeMap<Target, Network>) {
        let mut networks = BTreeMap::new();
        for &target in self.kind.targets() {
            let (tls, starttls) = self.kind.services(target);
            let service = if case.cover == Cover::Starttls { starttls } else { tls };
            let trouble = case.trouble.filter(|_| case.target == target);
            networks.insert(target, Network::to(self.sandbox.port(service), case.cover == Cover::Bare, trouble).await);
        }
        let check = self.check(number, case.cover, &networks);
        let outcome = verify::run(&check, &Stop::new().1, &()).await;
        (outcome, networks)
    }

    fn check(&self, number: usize, cover: Cover, networks: &BTreeMap<Target, Network>) -> Check {
        use Target::{Back, Receiver, Sender, Shelf, Smtp};
        let account = |side, [smtp, imap, pop3]: [Option<Target>; 3]| {
            let address = address(side, number);
            let endpoint = |target: Option<Target>| {
                networks.get(&target?).map(|network| self.endpoint(&address, network.port, cover))
            };
            Account {
                name: side.to_owned(),
                address: address.parse().expect("an address"),
                smtp: endpoint(smtp),
                imap: endpoint(imap),
                pop3: endpoint(pop3),
                folders: Folders::default(),
            }
        };
        let [from, to] = match self.kind {
            Kind::Modern | Kind::Old => [(); 2].map(|()| account("a", [Some(Smtp), Some(Receiver), None])),
            Kind::Maildrop => [(); 2].map(|()| account("a", [Some(Smtp), None, Some(Receiver)])),
            Kind::Pair => [account("a", [Some(Smtp), Some(Sender), None]), account("b", [None, Some(Receiver), None])],
            Kind::Answered => [
                account("a", [Some(Smtp), Some(Sender), None]),
                account("b", [Some(Back), Some(Shelf), Some(Receiver)]),
            ],
        };
        let by_pop3 = matches!(self.kind, Kind::Maildrop | Kind::Answered);
        let settings = Settings {
            receive: if by_pop3 { Receive::Pop3 } else { Receive::Imap },
            reply: self.kind == Kind::Answered,
            limits: self.kind.limits(),
            transcript: true,
            ..Settings::default()
        };
        Check::new("hostile", from, to, settings).expect("a check")
    }

    fn endpoint(&self, address: &str, port: u16, cover: Cover) -> Endpoint {
        Endpoint {
            host: "127.0.0.1".to_owned(),
            port,
            security: match cover {
                Cover::Bare => Security::None,
                Cover::Starttls => Security::Starttls,
                Cover::Tls => Security::Tls,
            },
            allow_cleartext_password: true,
            credentials: Credentials { username: address.to_owned(), proof: Secret::new(password(address)).into() },
            auth: Auth::Auto,
            ca: Some(self.sandbox.ca_pem().as_bytes().to_vec()),
            family: Family::Any,
            expect_auth: false,
        }
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
        explained(self.told(&outcome, number, reworded))?;
        explained(claimed(&outcome, |side, folder| self.sandbox.messages(&address(side, number), folder)))?;
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
        if took > self.kind.limits().total + SLACK {
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
    fn told(&self, outcome: &Outcome, number: usize, reworded: bool) -> Result<(), String> {
        // Whose tag became another one on the way is not ours any more, and not to be touched.
        let mark = if reworded { format!("X-Mailtrip-Tag: {}\r\n", outcome.tag) } else { outcome.tag.clone() };
        for side in ["a", "b"] {
            let address = address(side, number);
            let told = |folder: &str, uid| {
                let mut records = outcome.stages.iter().filter(|record| record.account == side);
                records.any(|record| tells(record, folder, uid))
            };
            for folder in ["INBOX", "Junk", "Sent"] {
                // Which folder it is was garbled: the warning is that there is none, or that it cannot be opened.
                let is_missed =
                    |concern: &Concern| matches!(concern, Concern::NoSentFolder | Concern::NotSelectable { .. });
                let unknown = folder == "Sent" && outcome.concerns().any(|(_, concern)| is_missed(concern));
                for message in self.sandbox.messages(&address, folder) {
                    let ours = String::from_utf8_lossy(&message.raw).contains(&mark);
                    if ours && !told(folder, message.uid) && !unknown {
                        return Err(format!("message {} was left in {folder} of {side}, untold", message.uid));
                    }
                }
            }
        }
        Ok(())
    }
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
