//! What mail servers other than Postfix and Dovecot do, each in its smallest form: servers in bytes, on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Secret, Security};
use mailtrip::check::{Check, Limits, Settings};
use mailtrip::failure::Kind;
use mailtrip::outcome::{Outcome, StageRecord, Status};
use mailtrip::stage::{Leg, Stage};
use mailtrip::verify;
use mailtrip::verify::stop::Stop;

const ADDRESS: &str = "alice@test.example";

/// A mailbox that holds one other message, and the probe from when it was submitted until it was removed.
#[derive(Default)]
struct Mailbox {
    probe: Option<String>,
    removed: bool,
    connections: usize,
    /// How often the inbox was opened.
    opened: usize,
}

/// A server that differs from the plain one: its answer to a command, if it is its own; empty to hang up.
/// `TAG` stands for the command's tag.
type Quirk = fn(&Mailbox, &str) -> Option<String>;

fn none(_: &Mailbox, _: &str) -> Option<String> {
    None
}

fn listen(serve: impl Fn(TcpStream) + Send + Clone + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    port
}

fn smtp(mailbox: &Arc<Mutex<Mailbox>>, quirk: Quirk) -> u16 {
    let mailbox = Arc::clone(mailbox);
    listen(move |mut stream| {
        let mut lines = BufReader::new(stream.try_clone().expect("the other half")).lines().map_while(Result::ok);
        let _ = stream.write_all(b"220 ready\r\n");
        while let Some(line) = lines.next() {
            let own = quirk(&mailbox.lock().unwrap(), &line);
            let answer = own.unwrap_or_else(|| match line.get(..4).unwrap_or_default() {
                "EHLO" => "250-here\r\n250 AUTH PLAIN\r\n".to_owned(),
                "AUTH" => "235 welcome\r\n".to_owned(),
                "DATA" => "354 go on\r\n".to_owned(),
                _ => "250 OK\r\n".to_owned(),
            });
            let _ = stream.write_all(answer.as_bytes());
            if line == "DATA" {
                let message: Vec<String> = lines.by_ref().take_while(|line| line != ".").collect();
                let own = quirk(&mailbox.lock().unwrap(), ".");
                mailbox.lock().unwrap().probe = Some(message.join("\r\n") + "\r\n");
                let _ = stream.write_all(own.unwrap_or("250 OK\r\n".to_owned()).as_bytes());
            }
        }
    })
}

fn imap(mailbox: &Arc<Mutex<Mailbox>>, quirk: Quirk) -> u16 {
    let mailbox = Arc::clone(mailbox);
    listen(move |mut stream| {
        mailbox.lock().unwrap().connections += 1;
        let _ = stream.write_all(b"* OK ready\r\n");
        for line in BufReader::new(stream.try_clone().expect("the other half")).lines().map_while(Result::ok) {
            let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
            let mut mailbox = mailbox.lock().unwrap();
            mailbox.opened += usize::from(command == "SELECT \"INBOX\"");
            mailbox.removed |= command.starts_with("UID EXPUNGE");
            let answer = quirk(&mailbox, command).unwrap_or_else(|| plain(&mailbox, command, 10));
            drop(mailbox);
            if answer.is_empty() || stream.write_all(answer.replace("TAG", tag).as_bytes()).is_err() {
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    })
}

/// What the plain server answers, where the probe has this UID.
fn plain(mailbox: &Mailbox, command: &str, uid: u32) -> String {
    let probe = mailbox.probe.as_deref().filter(|_| !mailbox.removed);
    let data = match (command, probe) {
        ("CAPABILITY", _) => "* CAPABILITY IMAP4rev1 UIDPLUS\r\n".to_owned(),
        (list, _) if list.starts_with("LIST") => "* LIST () \"/\" INBOX\r\n".to_owned(),
        (select, _) if select.starts_with("SELECT") => {
            "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT 10] .\r\n".to_owned()
        }
        (fetch, Some(probe)) if fetch.contains("HEADER.FIELDS") => {
            let header = &probe[..probe.find("\r\n\r\n").expect("a blank line") + 4];
            fetched(uid, "BODY[HEADER.FIELDS (X-MAILTRIP-TAG MESSAGE-ID SUBJECT)]", header)
        }
        (fetch, Some(probe)) if fetch.contains("BODY.PEEK[]") => fetched(uid, "BODY[]", probe),
        _ => String::new(),
    };
    data + "TAG OK done\r\n"
}

fn fetched(uid: u32, what: &str, literal: &str) -> String {
    format!("* 2 FETCH (UID {uid} {what} {{{}}}\r\n{literal})\r\n", literal.len())
}

fn verify_on(smtp_quirk: Quirk, imap_quirk: Quirk, limits: Limits) -> (Outcome, Arc<Mutex<Mailbox>>) {
    verify_in(Folders::default(), smtp_quirk, imap_quirk, limits)
}

fn verify_in(folders: Folders, smtp_quirk: Quirk, imap_quirk: Quirk, limits: Limits) -> (Outcome, Arc<Mutex<Mailbox>>) {
    let mailbox = Arc::<Mutex<Mailbox>>::default();
    let endpoint = |port| Endpoint {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::None,
        allow_cleartext_password: true,
        credentials: Credentials { username: ADDRESS.to_owned(), proof: Secret::new("its password").into() },
        auth: Auth::Auto,
        ca: None,
        family: mailtrip::Family::Any,
        expect_auth: false,
    };
    let account = Account {
        name: ADDRESS.to_owned(),
        address: ADDRESS.parse().expect("an address"),
        smtp: Some(endpoint(smtp(&mailbox, smtp_quirk))),
        imap: Some(endpoint(imap(&mailbox, imap_quirk))),
        pop3: None,
        folders,
    };
    let settings = Settings { limits, transcript: true, ..Settings::default() };
    let check = Check::new("quirk", account.clone(), account, settings).expect("a valid check");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (_stopper, stop) = Stop::new();
    let outcome = runtime.block_on(verify::run(&check, &stop, &()));
    (outcome, mailbox)
}

fn stage(outcome: &Outcome, leg: Leg, stage: Stage) -> &StageRecord {
    outcome.stages.iter().find(|record| record.at.leg == leg && record.at.stage == stage).expect("the stage")
}

fn failure_at(outcome: &Outcome, leg: Leg, of: Stage) -> Option<&Kind> {
    match &stage(outcome, leg, of).status {
        Status::Failed(failure) => Some(&failure.kind),
        _ => None,
    }
}

/// GNU Mailutils gives the messages of an mbox new UIDs, and a new UIDVALIDITY, in each session.
#[test]
fn a_probe_that_got_a_lower_uid_in_a_new_session_is_removed() {
    let quirk: Quirk = |mailbox, command| match (mailbox.connections, command) {
        (1, command) if command.contains("BODY.PEEK[]") => Some(String::new()),
        (2.., command) if command.starts_with("SELECT") => {
            Some("* 2 EXISTS\r\n* OK [UIDVALIDITY 8] .\r\n* OK [UIDNEXT 4] .\r\nTAG OK .\r\n".to_owned())
        }
        (2.., command) => Some(plain(mailbox, command, 3)),
        _ => None,
    };
    let (outcome, mailbox) = verify_on(none, quirk, Limits::default());
    let removal = stage(&outcome, Leg::Cleanup, Stage::Remove);
    assert_eq!((&removal.status, removal.concerns.as_slice()), (&Status::Passed, &[][..]), "{outcome:#?}");
    assert!(mailbox.lock().unwrap().removed);
}

/// GNU Mailutils does not show new mail in an mbox that is open while other sessions change it.
#[test]
fn a_probe_that_only_a_fresh_look_shows_has_arrived() {
    let quirk: Quirk = |mailbox, command| match mailbox.opened {
        1 if command.contains("HEADER.FIELDS") => Some("TAG OK .\r\n".to_owned()),
        _ => None,
    };
    let limits = Limits { total: Duration::from_secs(6), ..Limits::default() };
    let (outcome, mailbox) = verify_on(none, quirk, limits);
    assert_eq!(failure_at(&outcome, Leg::Delivery, Stage::Arrival), None, "{outcome:#?}");
    assert!(mailbox.lock().unwrap().removed);
}

/// A server that never answers the message takes the whole journey's time, but not that of the Sent copy.
#[test]
fn a_submission_without_an_answer_leaves_time_for_the_sent_copy() {
    let silent: Quirk = |_, line| (line == ".").then(String::new);
    let limits = Limits { total: Duration::from_secs(6), ..Limits::default() };
    let never: Quirk = |_, command| match command.split(' ').next() {
        Some("LIST") => Some("* LIST () \"/\" INBOX\r\n* LIST () \"/\" Sent\r\nTAG OK .\r\n".to_owned()),
        Some("STATUS") => Some("* STATUS Sent (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 9)\r\nTAG OK .\r\n".to_owned()),
        Some("APPEND") => Some("TAG NO [OVERQUOTA] full\r\n".to_owned()),
        _ => command.contains("HEADER.FIELDS").then(|| "TAG OK .\r\n".to_owned()),
    };
    let (outcome, _) = verify_on(silent, never, limits);
    assert_eq!(failure_at(&outcome, Leg::Sent, Stage::Copy), Some(&Kind::Refused { step: None }), "{outcome:#?}");
}

fn nothing_but_inbox(_: &Mailbox, command: &str) -> Option<String> {
    let refused = ["STATUS", "CREATE"].iter().any(|word| command.starts_with(word));
    refused.then(|| "TAG NO Invalid mailbox name.\r\n".to_owned())
}

/// Courier has every folder below `INBOX.`, Cyrus tells `sent` and `Sent` apart: a wrong name is told, and not replaced.
#[test]
fn a_configured_folder_that_is_not_there_fails_with_the_servers_words() {
    let named = Some("sent".to_owned());
    let junk = Folders { junk: named.clone(), ..Folders::default() };
    let sent = Folders { sent: named.clone(), ..Folders::default() };
    let created = Folders { sent: named, create_sent: true, ..Folders::default() };
    let baseline = (Leg::Delivery, Stage::Baseline);
    let copy = (Leg::Sent, Stage::Copy);
    for (folders, (leg, of)) in [(junk, baseline), (sent, copy), (created, copy)] {
        let (outcome, mailbox) = verify_in(folders, none, nothing_but_inbox, Limits::default());
        let Status::Failed(failure) = &stage(&outcome, leg, of).status else { panic!("{outcome:#?}") };
        let said = failure.reply.as_ref().map(|reply| reply.text.as_str());
        assert_eq!((&failure.kind, said), (&Kind::NoFolder, Some("Invalid mailbox name.")));
        let mailbox = mailbox.lock().unwrap();
        assert_eq!(mailbox.probe.is_some(), mailbox.removed, "{outcome:#?}");
    }
}
