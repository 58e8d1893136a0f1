//! Servers that answer as usual, until a script makes them say something else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Secret, Security};
use mailtrip::check::{Check, Limits, Settings};
use mailtrip::failure::{Failure, Kind};
use mailtrip::outcome::{Concern, Fact, Outcome};
use mailtrip::report::{Format, render, terminal::Style};
use mailtrip::stage::{Leg, Stage};
use mailtrip::verify;
use mailtrip::verify::clearance::{self, Clearance};
use mailtrip::verify::stop::Stop;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub const PASSWORD: &str = "correct horse battery staple";

pub const LIMITS: Limits = Limits {
    total: Duration::from_secs(6),
    stage: Duration::from_secs(1),
    arrival: None,
    cleanup: Duration::from_secs(2),
};

/// Whether this process has one test and no other; if not, the test is run in such a process, and has to succeed there. For
/// memory is counted by the process.
pub fn is_alone(test: &str) -> bool {
    const ALONE: &str = "MAILTRIP_TEST_ALONE";
    let alone = std::env::var_os(ALONE).is_some();
    if !alone {
        let this = std::env::current_exe().expect("the path of this program");
        let output = std::process::Command::new(this).args([test, "--exact"]).env(ALONE, "1").output();
        let output = output.expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
    alone
}

/// What a server does with a line.
pub enum Act {
    /// What it should do.
    Usual,
    /// This instead.
    Say(Vec<u8>),
    /// This, then what it should do.
    Before(Vec<u8>),
    /// What it should do, then this.
    After(Vec<u8>),
    /// This, then it closes the connection.
    Close(Vec<u8>),
    /// Nothing.
    Mute,
    /// These bytes so many times, without an end.
    Flood(Vec<u8>, usize),
}

pub fn say(text: impl AsRef<[u8]>) -> Act {
    Act::Say(text.as_ref().to_vec())
}

pub fn close(text: impl AsRef<[u8]>) -> Act {
    Act::Close(text.as_ref().to_vec())
}

/// Sees every line, `greeting` first, and for IMAP its tag apart; may change the mail.
pub type Script = Box<dyn FnMut(&mut Mail, &str, &str) -> Act + Send>;

pub fn usual() -> Script {
    Box::new(|_, _, _| Act::Usual)
}

/// A script that acts on the first line that begins with this word.
pub fn once(word: &'static str, act: impl Fn(&str) -> Act + Send + 'static) -> Script {
    let mut done = false;
    Box::new(move |_, tag, line| {
        if done || !line.starts_with(word) {
            return Act::Usual;
        }
        done = true;
        act(tag)
    })
}

/// A script that acts on every line that begins with this word.
pub fn on(word: &'static str, act: impl Fn(&str) -> Act + Send + 'static) -> Script {
    Box::new(move |_, tag, line| if line.starts_with(word) { act(tag) } else { Act::Usual })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub uid: u32,
    pub raw: Vec<u8>,
    pub deleted: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Folder {
    pub next: u32,
    pub validity: u32,
    pub messages: Vec<Message>,
}

impl Folder {
    pub fn add(&mut self, raw: &[u8]) -> u32 {
        let uid = self.next;
        self.next += 1;
        self.messages.push(Message { uid, raw: raw.to_vec(), deleted: false });
        uid
    }
}

/// What the servers hold, and what was said to them.
#[derive(Debug)]
pub struct Mail {
    pub folders: BTreeMap<String, Folder>,
    pub capabilities: String,
    pub keywords: Vec<String>,
    pub smtp: Vec<String>,
    pub imap: Vec<String>,
    /// Which connection to its server the line of the script came by, from 0.
    pub connection: usize,
    /// What was said on SMTP connections but the first.
    pub aside: Vec<String>,
    /// The script gives other messages other numbers.
    pub renumbered: bool,
}

impl Mail {
    pub fn new() -> Mail {
        let mut folders = BTreeMap::new();
        for name in ["INBOX", "Junk", "Sent"] {
            let mut folder = Folder { next: 1, validity: 7, messages: Vec::new() };
            for number in 0..3 {
                folder.add(
                    format!("Subject: not yours {number}\r\nMessage-ID: <{number}@{name}>\r\n\r\nx\r\n").as_bytes(),
                );
            }
            folders.insert(name.to_owned(), folder);
        }
        Mail {
            folders,
            capabilities: "IMAP4rev1 IDLE UIDPLUS LITERAL+ SASL-IR AUTH=PLAIN".to_owned(),
            keywords: ["PIPELINING", "AUTH PLAIN LOGIN", "8BITMIME"].map(str::to_owned).to_vec(),
            smtp: Vec::new(),
            imap: Vec::new(),
            connection: 0,
            aside: Vec::new(),
            renumbered: false,
        }
    }

    pub fn folder(&mut self, name: &str) -> &mut Folder {
        self.folders.entry(name.to_owned()).or_insert(Folder { next: 1, validity: 7, messages: Vec::new() })
    }

    /// The probe, wherever it is.
    pub fn probes(&self) -> Vec<(String, u32)> {
        let all = self.folders.iter().flat_map(|(name, folder)| folder.messages.iter().map(move |one| (name, one)));
        let ours = all.filter(|(_, message)| String::from_utf8_lossy(&message.raw).contains("mailtrip sent this"));
        ours.map(|(name, message)| (name.clone(), message.uid)).collect()
    }

    /// The messages that were there before are there still, as they were.
    pub fn unharmed(&self) -> bool {
        let folders = if self.renumbered { &["Junk", "Sent"][..] } else { &["INBOX", "Junk", "Sent"] };
        folders.iter().all(|name| {
            let messages = &self.folders[*name].messages;
            (1..=3).all(|uid| messages.iter().any(|message| message.uid == uid && !message.deleted))
        })
    }
}

/// What became of a verification.
pub struct Played {
    pub outcome: Outcome,
    pub mail: Mail,
    pub took: Duration,
}

impl Played {
    /// Where it failed first, and how.
    pub fn first(&self) -> Option<(Leg, Stage, &Failure)> {
        self.outcome.failed().next().map(|(record, failure)| (record.at.leg, record.at.stage, failure))
    }

    #[track_caller]
    pub fn fails(&self, leg: Leg, stage: Stage, kind: impl Fn(&Kind) -> bool) -> &Failure {
        match self.first() {
            Some((at_leg, at_stage, failure)) if (leg, stage) == (at_leg, at_stage) && kind(&failure.kind) => failure,
            other => panic!("expected a failure at {leg} {stage}: {other:?}\n{:#?}", self.mail.imap),
        }
    }

    /// The words in which the server refused.
    #[track_caller]
    pub fn refused(&self, leg: Leg, stage: Stage) -> String {
        let failure = self.fails(leg, stage, |kind| matches!(kind, Kind::Refused { .. }));
        failure.reply.as_ref().map(|reply| reply.to_string()).unwrap_or_default()
    }

    /// Everything passed, and nothing was left.
    #[track_caller]
    pub fn is_whole(&self) {
        assert!(self.first().is_none(), "{:?}\n{:#?}\n{:#?}", self.first(), self.mail.smtp, self.mail.imap);
        assert_eq!(self.concerns(), [], "{:#?}", self.mail.imap);
        assert_eq!(self.mail.probes(), [], "{:#?}", self.mail.imap);
        assert!(self.facts().any(|fact| matches!(fact, Fact::Identical { .. })), "{:#?}", self.mail.imap);
    }

    pub fn concerns(&self) -> Vec<Concern> {
        self.outcome.concerns().map(|(_, concern)| concern.clone()).collect()
    }

    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.outcome.stages.iter().flat_map(|record| &record.facts)
    }
}

/// Runs a verification against the two scripts; what holds of every verification is asserted here.
pub async fn play(smtp: Script, imap: Script) -> Played {
    play_with(smtp, imap, |_| {}, |_| {}).await
}

pub async fn play_with(
    smtp: Script,
    imap: Script,
    prepare: impl FnOnce(&mut Mail),
    change: impl FnOnce(&mut Settings),
) -> Played {
    play_account(smtp, imap, prepare, |_, settings| change(settings)).await
}

/// The same with another account.
pub async fn play_account(
    smtp: Script,
    imap: Script,
    prepare: impl FnOnce(&mut Mail),
    change: impl FnOnce(&mut Account, &mut Settings),
) -> Played {
    let mut mail = Mail::new();
    prepare(&mut mail);
    let mail = Arc::new(Mutex::new(mail));
    let mut servers = JoinSet::new();
    let smtp_port = serve(&mut servers, mail.clone(), smtp, false).await;
    let imap_port = serve(&mut servers, mail.clone(), imap, true).await;
    let mut account = account(Some(smtp_port), imap_port);
    let mut settings = Settings { limits: LIMITS, transcript: true, ..Settings::default() };
    change(&mut account, &mut settings);
    let total = settings.limits.total;
    let check = Check::new("dialogue", account.clone(), account, settings).expect("a check");
    let began = Instant::now();
    let outcome = verify::run(&check, &Stop::new().1, &()).await;
    played(outcome, &mail, servers, began, total).await
}

/// Cleans the mailbox up against the script; what holds of every run is asserted here. The script may stop it.
pub async fn clean(
    imap: Script,
    prepare: impl FnOnce(&mut Mail),
    dry_run: bool,
    limits: Limits,
    stop: &Stop,
) -> Played {
    let mut mail = Mail::new();
    prepare(&mut mail);
    let mail = Arc::new(Mutex::new(mail));
    let mut servers = JoinSet::new();
    let account = account(None, serve(&mut servers, mail.clone(), imap, true).await);
    let own = vec![account.address.clone(), "other@b.test".parse().expect("an address")];
    let total = limits.total;
    let hour = Duration::from_secs(3600);
    let clearance = Clearance::new(account, own, hour, dry_run, limits).expect("there is a mailbox");
    let began = Instant::now();
    let outcome = clearance::run(&clearance, stop, &()).await;
    played(outcome, &mail, servers, began, total).await
}

fn account(smtp: Option<u16>, imap: u16) -> Account {
    let endpoint = |port| Endpoint {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::None,
        allow_cleartext_password: true,
        credentials: Credentials { username: "a@b.test".to_owned(), proof: Secret::new(PASSWORD).into() },
        auth: Auth::Auto,
        ca: None,
        family: mailtrip::Family::Any,
        expect_auth: false,
    };
    Account {
        name: "a".to_owned(),
        address: "a@b.test".parse().expect("an address"),
        smtp: smtp.map(endpoint),
        imap: Some(endpoint(imap)),
        pop3: None,
        folders: Folders::default(),
    }
}

async fn played(
    outcome: Outcome,
    mail: &Mutex<Mail>,
    mut servers: JoinSet<()>,
    began: Instant,
    total: Duration,
) -> Played {
    let took = began.elapsed();
    servers.shutdown().await;
    let mail = std::mem::replace(&mut *mail.lock().expect("no server panicked"), Mail::new());
    assert!(took < total.saturating_add(Duration::from_millis(1500)), "it took {took:?}");
    assert!(mail.unharmed(), "another message was touched: {:#?}", mail.imap);
    for format in [Format::Json, Format::Terminal] {
        let report = render(std::slice::from_ref(&outcome), format, &Style { verbose: true, ..Style::default() });
        assert!(!report.contains(PASSWORD) && !report.contains("Y29ycmVjdCBob3JzZ"), "the password is in the report");
    }
    Played { outcome, mail, took }
}

async fn serve(servers: &mut JoinSet<()>, mail: Arc<Mutex<Mail>>, script: Script, imap: bool) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let script = Arc::new(Mutex::new(script));
    servers.spawn(async move {
        let mut sessions = JoinSet::new();
        for connection in 0.. {
            let Ok((tcp, _)) = listener.accept().await else { return };
            let _ = tcp.set_nodelay(true);
            let mut session = Session {
                tcp: BufReader::new(tcp),
                mail: mail.clone(),
                script: script.clone(),
                connection,
                open: String::new(),
                idle: String::new(),
                data: false,
            };
            sessions.spawn(async move { if imap { session.imap().await } else { session.smtp().await } });
        }
    });
    port
}

struct Session {
    tcp: BufReader<TcpStream>,
    mail: Arc<Mutex<Mail>>,
    script: Arc<Mutex<Script>>,
    connection: usize,
    open: String,
    idle: String,
    data: bool,
}

impl Session {
    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().expect("no server panicked")
    }

    /// Does what the script says, where `usual` is what a server should answer; false when it is over.
    async fn act(&mut self, act: Act, usual: impl FnOnce(&mut Session) -> Vec<u8>) -> bool {
        let bytes = match act {
            Act::Usual => usual(self),
            Act::Say(bytes) => bytes,
            Act::Before(mut bytes) => {
                bytes.extend(usual(self));
                bytes
            }
            Act::After(bytes) => [usual(self), bytes].concat(),
            Act::Close(bytes) => {
                let _ = self.tcp.write_all(&bytes).await;
                let _ = self.tcp.shutdown().await;
                let mut rest = Vec::new();
                let _ = self.tcp.read_to_end(&mut rest).await; // so that what was said is not lost by a reset
                return false;
            }
            Act::Mute => return true,
            Act::Flood(bytes, times) => {
                for _ in 0..times {
                    if self.tcp.write_all(&bytes).await.is_err() {
                        return false;
                    }
                }
                return true;
            }
        };
        self.tcp.write_all(&bytes).await.is_ok() && self.tcp.flush().await.is_ok()
    }

    fn scripted(&self, tag: &str, line: &str) -> Act {
        let mut script = self.script.lock().expect("no script panicked");
        let mut mail = self.mail();
        mail.connection = self.connection;
        script(&mut mail, tag, line)
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.tcp.read_until(b'\n', &mut line).await.unwrap_or(0);
        (read > 0).then(|| String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }

    async fn smtp(&mut self) {
        let greeting = self.scripted("", "greeting");
        let mut on = self.act(greeting, |_| b"220 mail.b.test ESMTP\r\n".to_vec()).await;
        let mut message = Vec::new();
        while on {
            let Some(line) = self.line().await else { return };
            if self.data && line != "." {
                let unstuffed = line.strip_prefix('.').unwrap_or(&line);
                message.extend_from_slice(format!("{unstuffed}\r\n").as_bytes());
                continue;
            }
            match self.connection {
                0 => self.mail().smtp.push(line.clone()),
                _ => self.mail().aside.push(line.clone()),
            }
            let act = self.scripted("", &line);
            let message = std::mem::take(&mut message);
            on = self.act(act, |session| session.smtp_answer(&line, &message)).await;
        }
    }

    fn smtp_answer(&mut self, line: &str, message: &[u8]) -> Vec<u8> {
        let word = line.split([' ', ':']).next().unwrap_or_default();
        let answer = match word {
            "EHLO" => {
                let mut lines = vec!["mail.b.test".to_owned()];
                lines.extend(self.mail().keywords.clone());
                let last = lines.len() - 1;
                let line = |(place, line)| format!("250{}{line}\r\n", if place == last { ' ' } else { '-' });
                return lines.iter().enumerate().map(line).collect::<String>().into_bytes();
            }
            "AUTH" => "235 2.7.0 ok",
            "MAIL" | "RCPT" => "250 2.1.0 ok",
            "DATA" => {
                self.data = true;
                "354 go on"
            }
            "." => {
                self.data = false;
                self.mail().folder("INBOX").add(message);
                "250 2.0.0 Ok: queued as 4XyZ12"
            }
            "QUIT" => "221 bye",
            _ => "500 what",
        };
        format!("{answer}\r\n").into_bytes()
    }

    async fn imap(&mut self) {
        let greeting = self.scripted("*", "greeting");
        let hello = format!("* OK [CAPABILITY {}] hello\r\n", self.mail().capabilities);
        let mut on = self.act(greeting, |_| hello.into_bytes()).await;
        while on {
            let Some(line) = self.line().await else { return };
            let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
            self.mail().imap.push(command.to_owned());
            if let Some(name) = command.strip_prefix("SELECT ") {
                self.open = name.trim_matches('"').to_owned();
            }
            let act = self.scripted(tag, if command.is_empty() { &line } else { command });
            let usual = matches!(act, Act::Usual | Act::Before(_) | Act::After(_));
            let literal = match command.rsplit_once('{') {
                Some((begin, size)) if usual && begin.starts_with("APPEND") => {
                    if !size.contains('+') && self.tcp.write_all(b"+ go on\r\n").await.is_err() {
                        return;
                    }
                    let size = size.trim_end_matches(['}', '+']).parse().expect("a size");
                    let mut literal = vec![0; size];
                    if self.tcp.read_exact(&mut literal).await.is_err() || self.line().await.is_none() {
                        return;
                    }
                    literal
                }
                _ => Vec::new(),
            };
            let (tag, command) = (tag.to_owned(), command.to_owned());
            on = self.act(act, |session| session.imap_answer(&tag, &command, &literal)).await;
        }
    }

    fn imap_answer(&mut self, tag: &str, command: &str, literal: &[u8]) -> Vec<u8> {
        let ok = |data: String| format!("{data}{tag} OK done\r\n").into_bytes();
        let words: Vec<&str> = command.split(' ').collect();
        let name = |place: usize| words.get(place).map(|name| name.trim_matches('"').to_owned()).unwrap_or_default();
        let (mail, open) = (self.mail.clone(), self.open.clone());
        let mut mail = mail.lock().expect("no server panicked");
        match words.as_slice() {
            [] | [""] if tag == "DONE" => format!("{} OK idled\r\n", self.idle).into_bytes(),
            ["CAPABILITY"] => ok(format!("* CAPABILITY {}\r\n", mail.capabilities)),
            ["AUTHENTICATE" | "LOGIN", ..] => {
                format!("{tag} OK [CAPABILITY {}] welcome\r\n", mail.capabilities).into_bytes()
            }
            ["LIST", ..] => ok(mail.folders.keys().map(|name| format!("* LIST () \"/\" \"{name}\"\r\n")).collect()),
            ["STATUS", ..] => {
                let (name, folder) = (name(1), mail.folder(&name(1)).clone());
                ok(format!("* STATUS \"{name}\" (MESSAGES {} UIDNEXT {})\r\n", folder.messages.len(), folder.next))
            }
            ["SELECT", ..] => {
                let folder = mail.folder(&open).clone();
                ok(format!(
                    "* {} EXISTS\r\n* OK [UIDVALIDITY {}] x\r\n* OK [UIDNEXT {}] x\r\n",
                    folder.messages.len(),
                    folder.validity,
                    folder.next
                ))
            }
            ["FETCH", "*", ..] => {
                let messages = &mail.folder(&open).messages;
                let uid = messages.last().map_or(0, |message| message.uid);
                ok(format!("* {} FETCH (UID {uid})\r\n", messages.len()))
            }
            ["FETCH", ..] => ok(fetched(mail.folder(&open), &name(1), command)),
            ["UID", "FETCH", ..] => ok(fetched(mail.folder(&open), &name(2), command)),
            ["UID", "STORE", ..] => {
                let set = name(2);
                let stored = mail.folder(&open).messages.iter_mut().filter(|one| is_in(&set, one.uid));
                stored.for_each(|one| one.deleted = true);
                ok(String::new())
            }
            ["UID", "SEARCH", set, "HEADER", name, ..] => {
                let (from, to) = set.split_once(':').expect("a range of sequence numbers");
                let range = from.parse::<usize>().expect("a number")..=to.parse::<usize>().expect("a number");
                let messages = mail.folder(&open).messages.iter().enumerate();
                let has = |raw: &[u8]| header(&String::from_utf8_lossy(raw)).contains(&format!("{name}:"));
                let found = messages.filter(|(place, one)| range.contains(&(place + 1)) && has(&one.raw));
                ok(format!("* SEARCH{}\r\n", found.map(|(_, one)| format!(" {}", one.uid)).collect::<String>()))
            }
            ["UID", "SEARCH", ..] => {
                let marked = mail.folder(&open).messages.iter().filter(|message| message.deleted);
                ok(format!("* SEARCH{}\r\n", marked.map(|message| format!(" {}", message.uid)).collect::<String>()))
            }
            ["UID", "EXPUNGE", ..] => {
                let set = name(2);
                mail.folder(&open).messages.retain(|message| !message.deleted || !is_in(&set, message.uid));
                ok(String::new())
            }
            ["EXPUNGE"] => {
                mail.folder(&open).messages.retain(|message| !message.deleted);
                ok(String::new())
            }
            ["APPEND", ..] => {
                let uid = mail.folder(&name(1)).add(literal);
                format!("{tag} OK [APPENDUID 7 {uid}] done\r\n").into_bytes()
            }
            ["IDLE"] => {
                self.idle = tag.to_owned();
                b"+ idling\r\n".to_vec()
            }
            ["NOOP"] => ok(String::new()),
            ["LOGOUT"] => ok("* BYE\r\n".to_owned()),
            _ => format!("{tag} BAD what\r\n").into_bytes(),
        }
    }
}

/// Whether `4,7` has this UID.
fn is_in(set: &str, uid: u32) -> bool {
    set.split(',').any(|one| one.parse() == Ok(uid))
}

/// `n:*` is at least the last message (RFC 9051 §6.4.9). By sequence numbers, if `command` says so.
fn fetched(folder: &Folder, set: &str, command: &str) -> String {
    let last = folder.messages.last().map_or(0, |message| message.uid);
    let by_uid = command.starts_with("UID");
    let asked = |place: usize, uid: u32| {
        let number = if by_uid { uid } else { place as u32 + 1 };
        match set.split_once(':') {
            Some((from, "*")) => from.parse::<u32>().unwrap_or(1).min(last) <= number,
            Some((from, to)) => {
                from.parse::<u32>().is_ok_and(|from| from <= number) && to.parse().is_ok_and(|to| number <= to)
            }
            None => is_in(set, number),
        }
    };
    let mut answer = String::new();
    for (place, message) in folder.messages.iter().enumerate().filter(|(place, message)| asked(*place, message.uid)) {
        let raw = String::from_utf8_lossy(&message.raw);
        let number = place + 1;
        let uid = message.uid;
        if command.contains("BODY.PEEK[]") {
            answer += &format!("* {number} FETCH (UID {uid} BODY[] {{{}}}\r\n{raw})\r\n", raw.len());
        } else if command.contains("HEADER") {
            let header = header(&raw);
            let section = "BODY[HEADER.FIELDS (X-MAILTRIP-TAG MESSAGE-ID SUBJECT)]";
            answer += &format!("* {number} FETCH (UID {uid} {section} {{{}}}\r\n{header})\r\n", header.len());
        } else {
            answer += &format!("* {number} FETCH (UID {uid})\r\n");
        }
    }
    answer
}

fn header(raw: &str) -> String {
    let head = raw.split("\r\n\r\n").next().unwrap_or_default();
    let names = ["X-Mailtrip-", "Message-ID:", "Subject:", "From:", "Date:", "Received:"];
    let wanted = |line: &&str| names.iter().any(|name| line.starts_with(name));
    head.split("\r\n").filter(wanted).map(|line| format!("{line}\r\n")).collect::<String>() + "\r\n"
}
