//! IMAP.

use std::time::Duration;

use mailtrip::check::{Sent, Settings};
use mailtrip::failure::{Kind, Speech};
use mailtrip::outcome::{Concern, Fact, KnownBy};
use mailtrip::stage::{Leg, Stage};
use tokio::task::JoinSet;

use crate::player::{Act, Mail, Played, Script, close, is_alone, on, once, play, play_with, say, usual};

async fn imap(script: Script) -> Played {
    play(usual(), script).await
}

fn malformed(kind: &Kind) -> bool {
    *kind == Kind::Malformed
}

fn lost(kind: &Kind) -> bool {
    *kind == Kind::ConnectionLost
}

/// A server that can do none of the extensions.
fn old(mail: &mut Mail) {
    mail.capabilities = "IMAP4rev1".to_owned();
}

/// The commands that the server saw, but for those whose number depends on time.
fn commands(played: &Played) -> Vec<&str> {
    let said = played.mail.imap.iter().map(String::as_str);
    said.filter(|line| !line.starts_with("NOOP") && !line.starts_with("STATUS")).collect()
}

#[tokio::test]
async fn an_old_server_is_served_as_well() {
    let played = play_with(usual(), usual(), old, |_| {}).await;
    played.is_whole();
    assert!(played.mail.imap.iter().any(|line| line == "EXPUNGE"), "{:?}", commands(&played));
    assert!(!played.mail.imap.iter().any(|line| line.starts_with("IDLE") || line.starts_with("AUTHENTICATE")));
}

#[tokio::test]
async fn greetings() {
    let greeted = |text: &'static str| imap(on("greeting", move |_| close(text)));
    let at = |played: &Played, kind: &dyn Fn(&Kind) -> bool| played.fails(Leg::Delivery, Stage::Greeting, kind).clone();
    let bye = greeted("* BYE [UNAVAILABLE] too many connections\r\n").await;
    assert_eq!(bye.refused(Leg::Delivery, Stage::Greeting), "BYE [UNAVAILABLE] too many connections");
    at(&greeted("* PREAUTH welcome\r\n").await, &malformed);
    for text in ["+ ok\r\n", "* 3 EXISTS\r\n", "\u{1}\u{2}\r\n", " OK x\r\n", "A1 OK\r\n"] {
        at(&greeted(text).await, &malformed);
    }
    for (text, speaks) in [
        ("220 smtp\r\n", Speech::Smtp),
        ("+OK pop3\r\n", Speech::Pop3),
        ("SSH-2.0-OpenSSH_9.2\r\n", Speech::Ssh),
        ("HTTP/1.1 408 Request Timeout\r\n\r\n", Speech::Http),
        ("<html>", Speech::Http),
    ] {
        let failure = at(&greeted(text).await, &|kind| *kind == Kind::WrongProtocol { speaks });
        assert_eq!(failure.detail, Some(format!("not IMAP: {}", text.trim_end())));
    }
    for text in ["", "* O", "\r\n"] {
        at(&greeted(text).await, &lost);
    }
    assert!(bye.mail.smtp.iter().all(|line| !line.starts_with("MAIL")), "{:?}", bye.mail.smtp);
}

#[tokio::test]
async fn capabilities_are_asked_for_once_where_they_are_not_told() {
    let script: Script = Box::new(|_, tag, line| match line {
        "greeting" => say("* OK\r\n"),
        line if line.starts_with("AUTH") => say(format!("{tag} OK\r\n")),
        _ => Act::Usual,
    });
    let played = imap(script).await;
    played.is_whole();
    assert_eq!(played.mail.imap.iter().filter(|line| *line == "CAPABILITY").count(), 2, "{:?}", commands(&played));
}

#[tokio::test]
async fn lines_that_nobody_asked_for_do_no_harm() {
    let noise = "* XYZZY (plugh)\r\n* OK [ALERT] \u{fc}\r\n* NO [X-WHAT] 90 % full\r\n* 1 FETCH (INTERNALDATE NIL)\r\n\
        * 2 FETCH (FLAGS (\\Seen))\r\n* ESEARCH (TAG \"x\") UID\r\n* FLAGS (\\Answered)\r\n* 9 RECENT\r\n* CAPABILITY X\r\n\
        * LIST () NIL INBOX\r\n* SEARCH\r\n* SEARCH 1 2\r\n* STATUS Junk (UNSEEN 4)\r\n* BAD hm\r\n\r\n* 4 EXISTS\r\n*\r\n* OK\r\n";
    for (before, uidplus) in [(true, true), (false, true), (true, false)] {
        let script: Script = Box::new(move |_, _, line| match line {
            "greeting" => Act::Usual,
            _ if before => Act::Before(noise.as_bytes().to_vec()),
            _ => Act::After(noise.as_bytes().to_vec()),
        });
        let prepare = |mail: &mut Mail| {
            if !uidplus {
                old(mail)
            }
        };
        let played = play_with(usual(), script, prepare, |_| {}).await;
        let failed = played.first();
        assert!(failed.is_none(), "{failed:?} {:?}", commands(&played));
        if uidplus {
            assert_eq!(played.mail.probes(), []);
        } else {
            // A search that says 1 and 2 too: nothing but the mark may be put on.
            assert!(!played.mail.imap.iter().any(|line| line == "EXPUNGE"), "{:?}", commands(&played));
        }
    }
}

#[tokio::test]
async fn what_is_too_large_or_too_deep_is_not_taken() {
    let began = std::time::Instant::now();
    for (act, kind) in [
        ((|| say("* 1 FETCH (BODY[] {500000000}\r\n")) as fn() -> Act, malformed as fn(&Kind) -> bool),
        (|| say("* 1 FETCH (BODY[] {99999999999999999999999999}\r\n"), malformed),
        (|| say(format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(70_000))), malformed),
        (|| Act::Flood(vec![b'x'; 1 << 20], 200), malformed),
        (|| Act::Flood(b"* 1 FETCH (UID 1 BODY[] {1000000}\r\n".to_vec(), 200), |_| true),
    ] {
        imap(on("SELECT", move |_| act())).await.fails(Leg::Delivery, Stage::Baseline, kind);
    }
    let deep = format!("* 1 FETCH (BODYSTRUCTURE {})\r\n", "(".repeat(600) + &")".repeat(600));
    let played = imap(on("SELECT", move |_| Act::Before(deep.clone().into_bytes()))).await;
    assert_eq!((played.first(), played.mail.probes()), (None, Vec::new()));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_flood_of_small_answers_fills_no_memory_and_ends_with_the_stage() {
    if !is_alone("imap::a_flood_of_small_answers_fills_no_memory_and_ends_with_the_stage") {
        return;
    }
    for (word, line) in [
        ("LIST", "* LIST () NIL a\r\n"),
        ("SELECT", "X1 OK\r\n"),
        ("STATUS", "* STATUS a (UIDNEXT 1)\r\n"),
        ("SELECT", "* OK x\r\n"),
        ("SELECT", "* 1 EXISTS\r\n"),
    ] {
        let before = memory();
        let played = imap(on(word, move |_| Act::Flood(line.repeat(4096).into_bytes(), 100_000))).await;
        played.fails(Leg::Delivery, Stage::Baseline, |kind| matches!(kind, Kind::Timeout { .. } | Kind::Malformed));
        let grown = memory().saturating_sub(before);
        assert!(grown < 30 << 20, "{word} {line}: {} MB", grown >> 20);
    }
}

/// The memory of this process at the moment.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap_or(0) * 1024
}

#[tokio::test]
async fn each_command_refused_in_turn() {
    for status in ["BAD what?", "NO [X-ODD code] no", "NO"] {
        let refused = move |word: &'static str| {
            let script = on(word, move |tag| say(format!("{tag} {status}\r\n")));
            play_with(usual(), script, |_| {}, |_| {})
        };
        assert_eq!(refused("SELECT").await.refused(Leg::Delivery, Stage::Baseline).trim_end(), status);
        assert_eq!(refused("AUTH").await.refused(Leg::Delivery, Stage::Login).trim_end(), status);
        assert_eq!(refused("LIST").await.first(), None);
        assert_eq!(refused("STATUS").await.first(), None);
        refused("LOGOUT").await.is_whole();
        refused("IDLE").await.is_whole();
        let played = refused("APPEND").await;
        assert_eq!(played.refused(Leg::Sent, Stage::Copy).trim_end(), status);
        assert_eq!(played.mail.probes(), []);
        let played = refused("UID FETCH").await;
        assert_eq!(played.refused(Leg::Delivery, Stage::Arrival).trim_end(), status);
        told(&played, "INBOX");
        for word in ["UID STORE", "UID EXPUNGE"] {
            told(&refused(word).await, "INBOX");
            told(&refused(word).await, "Sent");
        }
        for word in ["UID SEARCH", "EXPUNGE", "NOOP", "LOGIN"] {
            let script = on(word, move |tag| say(format!("{tag} {status}\r\n")));
            let played = play_with(usual(), script, old, |_| {}).await;
            match word {
                "LOGIN" => _ = played.refused(Leg::Delivery, Stage::Login),
                "NOOP" => {}
                _ => told(&played, "INBOX"),
            }
            everything_left_is_told(&played);
        }
    }
}

/// A message was left in this folder, and the report says so.
#[track_caller]
fn told(played: &Played, folder: &str) {
    assert!(played.mail.probes().iter().any(|(name, _)| name == folder), "{:?}", commands(played));
    everything_left_is_told(played);
}

#[track_caller]
fn everything_left_is_told(played: &Played) {
    for (folder, at) in played.mail.probes() {
        let told = played.concerns().iter().any(|concern| match concern {
            Concern::LeftBehind { folder: name, uid, .. } => *name == folder && uid.is_none_or(|uid| uid == at),
            Concern::LeftMarked { folder: name, uid } => *name == folder && *uid == at,
            Concern::NotLookedInto { folder: name, .. } => *name == folder,
            Concern::MayArrive => folder != "Sent",
            Concern::NoSentFolder => folder == "Sent",
            _ => false,
        });
        assert!(told, "{at} in {folder}: {:?}\n{:#?}", played.concerns(), commands(played));
    }
}

#[tokio::test]
async fn bye_in_the_middle_is_told_in_the_servers_words() {
    for (word, leg, stage) in [
        ("AUTHENTICATE", Leg::Delivery, Stage::Login),
        ("SELECT", Leg::Delivery, Stage::Baseline),
        ("UID FETCH", Leg::Delivery, Stage::Arrival),
        ("APPEND", Leg::Sent, Stage::Copy),
    ] {
        for mute in [false, true] {
            let bye = b"* BYE [UNAVAILABLE] shutting down\r\n";
            let played = imap(once(word, move |_| if mute { say(bye) } else { close(bye) })).await;
            let failure = played.fails(leg, stage, lost);
            let words = failure.reply.as_ref().map(ToString::to_string);
            assert_eq!(words.as_deref(), Some("BYE [UNAVAILABLE] shutting down"), "{word} {failure:?}");
            everything_left_is_told(&played);
        }
    }
}

#[tokio::test]
async fn sign_in_among_other_lines() {
    // Something untagged before the server asks for the response (RFC 9051 §7.5 lets it).
    let mut asked = false;
    let script: Script = Box::new(move |mail, tag, line| match line {
        _ if std::mem::replace(&mut asked, false) => say(format!("{tag} OK [CAPABILITY {}] x\r\n", mail.capabilities)),
        "greeting" => say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED] x\r\n"),
        "AUTHENTICATE PLAIN" => {
            mail.imap.clear();
            say("* OK wait\r\n* 1 EXISTS\r\n+ \r\n")
        }
        _ => Act::Usual,
    });
    let script = continued(script);
    imap(script).await.is_whole();
    // Answers to commands that were never sent.
    let script = on("LOGIN", |tag| Act::Before(format!("X1 OK no\r\nA9999 OK no\r\n* OK {tag}\r\n").into_bytes()));
    play_with(usual(), script, old, |_| {}).await.is_whole();
    // `+` without a text, and once more than it should be.
    let script = on("AUTHENTICATE", |_| say("+\r\n"));
    let played = imap(script).await;
    assert!(played.first().is_some_and(|(leg, stage, _)| (leg, stage) == (Leg::Delivery, Stage::Login)));
}

/// The line after `AUTHENTICATE PLAIN` is the response, which has no tag.
fn continued(mut inner: Script) -> Script {
    let mut tag_of_it = None;
    Box::new(move |mail, tag, line| {
        if let Some(tag) = tag_of_it.take() {
            return say(format!("{tag} OK [CAPABILITY {}] x\r\n", mail.capabilities));
        }
        if line == "AUTHENTICATE PLAIN" {
            tag_of_it = Some(tag.to_owned());
        }
        inner(mail, tag, line)
    })
}

#[tokio::test]
async fn a_server_that_tells_no_uidnext() {
    // 163.com: neither SELECT nor STATUS has it.
    let script: Script = Box::new(|mail, tag, line| match line.split(' ').next() {
        Some("SELECT") => {
            let name = line.trim_start_matches("SELECT ").trim_matches('"').to_owned();
            let messages = mail.folder(&name).messages.len();
            say(format!("* {messages} EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n{tag} OK x\r\n"))
        }
        Some("STATUS") => {
            let name = line.split('"').nth(1).unwrap_or_default().to_owned();
            let messages = mail.folder(&name).messages.len();
            say(format!("* STATUS \"{name}\" (MESSAGES {messages})\r\n{tag} OK x\r\n"))
        }
        _ => Act::Usual,
    });
    let played = imap(script).await;
    played.is_whole();
    assert!(played.mail.imap.iter().any(|line| line == "FETCH * (UID)"), "{:?}", commands(&played));
}

#[tokio::test]
async fn a_probe_in_junk_is_noticed_without_uidnext() {
    let script = on("STATUS", |_| Act::Usual);
    let mut script = script;
    let script: Script = Box::new(move |mail, tag, line| {
        let inbox =
            mail.folder("INBOX").messages.iter().position(|one| one.uid > 3 && !one.raw.starts_with(b"Subject: not"));
        if let Some(place) = inbox {
            let message = mail.folder("INBOX").messages.remove(place);
            mail.folder("Junk").add(&message.raw);
        }
        if !line.starts_with("STATUS") {
            return script(mail, tag, line);
        }
        let name = line.split('"').nth(1).unwrap_or_default().to_owned();
        let messages = mail.folder(&name).messages.len();
        say(format!("* STATUS {name} (MESSAGES {messages})\r\n{tag} OK x\r\n"))
    });
    let played = imap(script).await;
    assert!(played.first().is_none(), "{:?} {:?}", played.first(), commands(&played));
    assert_eq!(played.concerns(), [Concern::FoundInJunk { folder: "Junk".to_owned() }]);
    assert_eq!(played.mail.probes(), []);
}

#[tokio::test]
async fn folder_names_in_every_form() {
    for (said, sent, by) in [
        ("* LIST () NIL Sent\r\n", "Sent", KnownBy::Name),
        ("* LIST () \"/\" {4}\r\nSent\r\n", "Sent", KnownBy::Name),
        ("* list (\\HasNoChildren) \".\" INBOX.Sent\r\n", "INBOX.Sent", KnownBy::Name),
        ("* LIST (\\Sent) \"/\" \"a \\\"b\\\" \\\\c\"\r\n", "a \"b\" \\c", KnownBy::SpecialUse),
        ("* LIST (\\Sent) \"/\" \"Gel&APY-scht & mehr\"\r\n", "Gel&APY-scht & mehr", KnownBy::SpecialUse),
    ] {
        let script = on("LIST", move |tag| say(format!("* LIST () \"/\" INBOX\r\n{said}{tag} OK x\r\n")));
        let other: Script = Box::new({
            let mut script = script;
            move |mail, tag, line| {
                // The player knows folders by the name between the quotes.
                for (from, to) in
                    [("a \\\"b\\\" \\\\c", "Sent"), ("INBOX.Sent", "Sent"), ("Gel&APY-scht & mehr", "Sent")]
                {
                    if line.contains(from) && line.starts_with("STATUS") {
                        return say(format!("* STATUS \"{from}\" (MESSAGES 3 UIDNEXT 4)\r\n{tag} OK x\r\n"));
                    }
                    let _ = to;
                }
                script(mail, tag, line)
            }
        });
        let played = play_with(usual(), other, |_| {}, |settings: &mut Settings| settings.sent = Sent::Server).await;
        let name = played.facts().find_map(|fact| match fact {
            Fact::Folder { name, known_by, .. } if name != "INBOX" => Some((name.clone(), *known_by)),
            _ => None,
        });
        assert_eq!(name, Some((sent.to_owned(), by)), "{:?}", commands(&played));
    }
}

#[tokio::test]
async fn other_messages_that_the_server_describes_are_not_taken_for_the_probe() {
    let foreign = "* 1 FETCH (UID 900 BODY[HEADER.FIELDS (SUBJECT)] {14}\r\nSubject: x\r\n\r\n)\r\n\
        * 2 FETCH (FLAGS (\\Deleted) UID 901)\r\n* 3 FETCH (UID 902 BODY[HEADER.FIELDS (SUBJECT)] NIL)\r\n\
        * 4 FETCH (UID 903 BODY[HEADER.FIELDS (\"SUBJECT\")] \"Subject: mailtrip probe\")\r\n";
    let played = imap(on("UID FETCH", move |_| Act::Before(foreign.as_bytes().to_vec()))).await;
    played.is_whole();
    let stored: Vec<&String> = played.mail.imap.iter().filter(|line| line.contains("UID STORE")).collect();
    assert_eq!(stored, ["UID STORE 4 +FLAGS.SILENT (\\Deleted)", "UID STORE 4 +FLAGS.SILENT (\\Deleted)"]);
}

#[tokio::test]
async fn a_message_that_somebody_else_removes_first() {
    let script: Script = Box::new(|mail, _, line| {
        if line.starts_with("UID STORE") {
            mail.folder("INBOX").messages.retain(|message| message.uid <= 3);
        }
        Act::Usual
    });
    let played = imap(script).await;
    assert!(played.first().is_none(), "{:?}", played.first());
    assert_eq!(played.mail.probes(), []);
}

#[tokio::test]
async fn new_uids_between_the_baseline_and_the_clean_up() {
    // The folder was made anew: lower UIDs than before, and the probe's number belongs to another message.
    let mut renumbered = false;
    let script: Script = Box::new(move |mail, _, line| {
        if line.starts_with("APPEND") && !renumbered {
            renumbered = true;
            let inbox = mail.folder("INBOX");
            inbox.validity = 8;
            let probe = inbox.messages.pop().expect("the probe has arrived");
            inbox.messages.insert(0, probe);
            for (place, message) in inbox.messages.iter_mut().enumerate() {
                message.uid = place as u32 + 1;
            }
            inbox.next = 5;
        }
        Act::Usual
    });
    let mut reopened = script;
    // As RFC 9051 §2.3.1.1 wants it, the new numbers are told when the folder is opened again: the session ends.
    let script: Script = Box::new(move |mail, tag, line| match line {
        line if line.starts_with("APPEND") => {
            let _ = reopened(mail, tag, line);
            close("* BYE rebuilt\r\n")
        }
        _ => Act::Usual,
    });
    let played = play_with(usual(), script, |mail| mail.renumbered = true, |_| {}).await;
    let others = played.mail.folders["INBOX"].messages.iter().filter(|one| one.raw.starts_with(b"Subject: not"));
    assert_eq!(others.filter(|message| !message.deleted).count(), 3, "{:?}", commands(&played));
    everything_left_is_told(&played);
}

#[tokio::test]
async fn literals_without_literal_plus() {
    // New mail is announced before leave is given, and leave comes without a text.
    let script: Script = Box::new(|_, _, _| Act::Usual);
    let prepare = |mail: &mut Mail| mail.capabilities = "IMAP4rev1 UIDPLUS AUTH=PLAIN SASL-IR".to_owned();
    let mut runs = JoinSet::new();
    runs.spawn(play_with(usual(), script, prepare, |_| {}));
    while let Some(played) = runs.join_next().await {
        played.expect("no panic").is_whole();
    }
}

#[tokio::test]
async fn idle_that_the_server_ends_refuses_or_forgets() {
    let mut runs = JoinSet::new();
    for act in [
        |tag: &str| say(format!("{tag} NO not now\r\n")),
        |tag: &str| say(format!("+ idling\r\n{tag} OK enough\r\n")),
        |tag: &str| say(format!("{tag} BAD\r\n")),
        |_: &str| Act::After(b"* OK still here\r\n* 4 EXISTS\r\n".to_vec()),
    ] {
        let mut hidden = Hidden::default();
        let script: Script = Box::new(move |mail, tag, line| {
            if line != "IDLE" {
                hidden.hide(mail);
                return Act::Usual;
            }
            hidden.show(mail);
            act(tag)
        });
        let change = |settings: &mut Settings| settings.limits.total = Duration::from_secs(16);
        runs.spawn(play_with(usual(), script, |_| {}, change));
    }
    for played in runs.join_all().await {
        played.is_whole();
        assert!(played.took < Duration::from_secs(6), "{:?}", played.took);
    }
}

/// The probe, kept back until the wait has gone over to IDLE.
#[derive(Default)]
struct Hidden {
    raw: Option<Vec<u8>>,
    shown: bool,
}

impl Hidden {
    fn hide(&mut self, mail: &mut Mail) {
        let inbox = mail.folder("INBOX");
        if !self.shown && inbox.messages.len() > 3 {
            inbox.next -= 1;
            self.raw = inbox.messages.pop().map(|message| message.raw);
        }
    }

    fn show(&mut self, mail: &mut Mail) {
        self.shown = true;
        if let Some(raw) = self.raw.take() {
            mail.folder("INBOX").add(&raw);
        }
    }
}
