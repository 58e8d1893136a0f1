//! `mailtrip clean`, over IMAP.

use std::time::Duration;

use mailtrip::check::Limits;
use mailtrip::diagnose::{Diagnosis, Verdict, diagnose, verdict};
use mailtrip::failure::Kind;
use mailtrip::outcome::{Concern, Fact, Status};
use mailtrip::stage::{Leg, Stage};
use mailtrip::verify::stop::Stop;

use crate::leftover::like_one;
use crate::player::{self, Act, Folder, LIMITS, Mail, Played, Script, close, on, once, play, play_with, say, usual};

const OWN: &str = "a@b.test";

fn leftover(number: u32) -> String {
    crate::leftover::leftover(OWN, number)
}

fn bystanders() -> Vec<String> {
    crate::leftover::bystanders(OWN)
}

fn fill(folder: &mut Folder, number: u32) {
    bystanders().iter().for_each(|message| _ = folder.add(message.as_bytes()));
    folder.add(leftover(number).as_bytes());
}

/// Something is left in every folder, and much that is like it is not ours.
fn all_folders(mail: &mut Mail) {
    for (number, name) in ["INBOX", "Junk", "Sent"].into_iter().enumerate() {
        fill(mail.folder(name), number as u32);
    }
}

fn without_uidplus(mail: &mut Mail) {
    mail.capabilities = "IMAP4rev1 AUTH=PLAIN SASL-IR".to_owned();
}

async fn clean(imap: Script, prepare: impl FnOnce(&mut Mail)) -> Played {
    player::clean(imap, prepare, false, LIMITS, &Stop::new().1).await
}

/// Folder, UID and whether it was removed, of every leftover that is in the report.
fn told(played: &Played) -> Vec<(&str, u32, bool)> {
    let told = played.facts().filter_map(|fact| match fact {
        Fact::Leftover { folder, uid, removed, .. } => Some((folder.as_str(), uid.expect("a UID"), *removed)),
        _ => None,
    });
    told.collect()
}

/// All that is left but the messages that were there from the beginning.
fn left(played: &Played, name: &str) -> Vec<String> {
    let messages = played.mail.folders[name].messages.iter().filter(|message| message.uid > 3);
    messages.map(|message| String::from_utf8_lossy(&message.raw).into_owned()).collect()
}

/// What was not right: no notes.
fn wrong(played: &Played) -> Vec<Diagnosis> {
    diagnose(&played.outcome).into_iter().filter(|diagnosis| diagnosis.verdict != Verdict::Ok).collect()
}

fn codes(played: &Played) -> Vec<&'static str> {
    wrong(played).iter().map(|diagnosis| diagnosis.code).collect()
}

#[tokio::test]
async fn leftovers_are_removed_from_every_folder_and_nothing_else_is() {
    for old in [false, true] {
        let prepare = |mail: &mut Mail| {
            all_folders(mail);
            if old {
                without_uidplus(mail);
            }
        };
        let played = clean(usual(), prepare).await;
        assert_eq!(told(&played), [("INBOX", 11, true), ("Junk", 11, true), ("Sent", 11, true)]);
        assert_eq!((verdict(&played.outcome), codes(&played)), (Verdict::Ok, vec![]));
        for name in ["INBOX", "Junk", "Sent"] {
            assert_eq!(left(&played, name), bystanders(), "{name}");
            assert!(played.mail.folders[name].messages.iter().all(|message| !message.deleted));
        }
        let afters = played.facts().filter_map(|fact| match fact {
            Fact::Leftover { after_seconds, .. } => Some(*after_seconds),
            _ => None,
        });
        assert_eq!(afters.collect::<Vec<_>>(), [Some(7500.0), Some(7500.0), None], "what is in Sent did not arrive");
    }
}

#[tokio::test]
async fn what_was_kept_is_removed_and_what_another_account_sent_too() {
    let kept = like_one("a@b.test", 1, "Fri, 20 Nov 2020 10:02:11 +0000", "X-Mailtrip-Keep: yes\r\n");
    let other = like_one("other@b.test", 2, "Fri, 20 Nov 2020 10:02:11 +0000", "");
    let prepare = |mail: &mut Mail| [kept, other].iter().for_each(|one| _ = mail.folder("INBOX").add(one.as_bytes()));
    let played = clean(usual(), prepare).await;
    assert_eq!(told(&played), [("INBOX", 4, true), ("INBOX", 5, true)]);
}

#[tokio::test]
async fn a_dry_run_says_nothing_that_changes_anything() {
    let played = player::clean(usual(), all_folders, true, LIMITS, &Stop::new().1).await;
    assert_eq!(told(&played), [("INBOX", 11, false), ("Junk", 11, false), ("Sent", 11, false)]);
    let changing = ["STORE", "EXPUNGE", "CLOSE", "COPY", "MOVE", "APPEND", "CREATE", "DELETE", "RENAME", "BODY["];
    for line in &played.mail.imap {
        assert!(!changing.iter().any(|word| line.contains(word)), "{line}");
    }
    let mut before = Mail::new();
    all_folders(&mut before);
    for name in ["INBOX", "Junk", "Sent"] {
        assert_eq!(played.mail.folders[name].messages, before.folders[name].messages);
    }
    assert_eq!((verdict(&played.outcome), codes(&played)), (Verdict::Ok, vec![]));
}

/// 2,500 messages, with a leftover at either end.
fn large(mail: &mut Mail) {
    let inbox = mail.folder("INBOX");
    inbox.add(leftover(1).as_bytes());
    (0..2500).for_each(|number| _ = inbox.add(format!("Subject: {number}\r\n\r\n").as_bytes()));
    inbox.add(leftover(2).as_bytes());
}

#[tokio::test]
async fn a_search_that_is_wrong_is_made_up_for() {
    let everything = |tag: &str| {
        let all: String = (1..=2505).map(|uid| format!(" {uid}")).collect();
        say(format!("* SEARCH{all}\r\n{tag} OK all\r\n"))
    };
    let answers: [fn(&str) -> Act; 6] = [
        |tag| say(format!("* SEARCH\r\n{tag} OK none\r\n")),
        |tag| say(format!("{tag} NO [CANNOT] not by that header\r\n")),
        |tag| say(format!("{tag} BAD what?\r\n")),
        |tag| say(format!("* SEARCH 1 2 3\r\n{tag} OK foreign\r\n")),
        |tag| say(format!("* SEARCH 0 4294967295 2505 2504\r\n{tag} OK odd\r\n")),
        everything,
    ];
    for answer in answers {
        let played = clean(on("UID SEARCH 1:", answer), large).await;
        assert_eq!(told(&played), [("INBOX", 4, true), ("INBOX", 2505, true)], "{:#?}", played.mail.imap);
        assert_eq!(played.mail.folders["INBOX"].messages.len(), 2503);
        assert_eq!(codes(&played), [] as [&str; 0]);
    }
    let played = clean(usual(), large).await;
    assert_eq!(told(&played).len(), 2);
    let fetched = played.mail.imap.iter().filter(|line| line.starts_with("FETCH")).collect::<Vec<_>>();
    assert!(
        fetched.contains(&&"FETCH 1506:* (UID BODY.PEEK[HEADER.FIELDS (X-MAILTRIP-TAG X-MAILTRIP-KEEP)])".to_owned())
    );
    assert_eq!(fetched.len(), 3, "one a folder: {fetched:?}");
}

#[tokio::test]
async fn a_server_that_claims_anything_is_left_in_time() {
    for claim in ["* 4294967295 EXISTS\r\n", "* 1000001 EXISTS\r\n"] {
        let script: Script = Box::new(move |_, tag, line| match line {
            "SELECT \"INBOX\"" => say(format!("{claim}* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n{tag} OK x\r\n")),
            line if line.starts_with("UID SEARCH") => say(format!("* SEARCH\r\n{tag} OK\r\n")),
            _ => Act::Usual,
        });
        let played = clean(script, |mail| fill(mail.folder("INBOX"), 1)).await;
        assert_eq!(left(&played, "INBOX").len(), bystanders().len() + usize::from(told(&played).is_empty()));
    }
    let script = on("UID SEARCH", |_| Act::Flood(b"* SEARCH 1 2 3 4 5 6 7 8\r\n".repeat(1000), 100_000));
    let played = clean(script, all_folders).await;
    assert_eq!(played.fails(Leg::Cleanup, Stage::Remove, |kind| matches!(kind, Kind::Timeout { .. })).reply, None);
    assert_eq!(
        (verdict(&played.outcome), codes(&played)[..3].to_vec()),
        (Verdict::Warning, vec!["timeout", "not-looked-into", "not-looked-into"])
    );
}

#[tokio::test]
async fn without_uidplus_our_own_do_not_block_each_other_and_others_are_not_expunged() {
    let two = |mail: &mut Mail| {
        without_uidplus(mail);
        let inbox = mail.folder("INBOX");
        [1, 2].iter().for_each(|&number| _ = inbox.add(leftover(number).as_bytes()));
        inbox.messages.iter_mut().filter(|message| message.uid > 3).for_each(|message| message.deleted = true);
    };
    let played = clean(usual(), two).await;
    assert_eq!(told(&played), [("INBOX", 4, true), ("INBOX", 5, true)]);
    let foreign = |mail: &mut Mail| {
        two(mail);
        let uid = mail.folder("INBOX").add(b"Subject: somebody has marked this\r\n\r\n");
        mail.folder("INBOX").messages.iter_mut().filter(|one| one.uid == uid).for_each(|one| one.deleted = true);
        fill(mail.folder("Sent"), 3);
    };
    let played = clean(usual(), foreign).await;
    assert_eq!(told(&played), [("INBOX", 4, false), ("INBOX", 5, false), ("Sent", 11, true)]);
    assert_eq!(left(&played, "INBOX").len(), 3);
    assert_eq!((verdict(&played.outcome), codes(&played)), (Verdict::Warning, vec!["left-marked"]), "told once");
}

#[tokio::test]
async fn many_are_removed_in_sets() {
    for old in [false, true] {
        let prepare = |mail: &mut Mail| {
            (0..250).for_each(|number| _ = mail.folder("INBOX").add(leftover(number).as_bytes()));
            if old {
                without_uidplus(mail);
            }
        };
        let played = clean(usual(), prepare).await;
        assert_eq!(told(&played).iter().filter(|(_, _, removed)| *removed).count(), 250);
        let said = |word: &str| played.mail.imap.iter().filter(|line| line.starts_with(word)).count();
        assert_eq!((said("UID STORE"), said("UID EXPUNGE") + said("EXPUNGE")), (3, if old { 1 } else { 3 }));
        assert!(played.mail.imap.iter().all(|line| line.len() < 8000), "a line that no server need take");
    }
}

#[tokio::test]
async fn what_is_lost_on_the_way_is_told() {
    for word in ["UID STORE", "UID EXPUNGE", "UID FETCH"] {
        let played = clean(once(word, |_| close("* BYE shutting down\r\n")), all_folders).await;
        played.fails(Leg::Cleanup, Stage::Remove, |kind| *kind == Kind::ConnectionLost);
        assert_eq!(verdict(&played.outcome), Verdict::Warning);
        assert!(told(&played).iter().all(|(_, _, removed)| !removed), "{:?}", told(&played));
        let not_looked_into = played.concerns().into_iter().filter(|one| matches!(one, Concern::NotLookedInto { .. }));
        assert_eq!(not_looked_into.count(), if word == "UID FETCH" { 3 } else { 2 }, "{word} {:?}", played.concerns());
    }
    for word in ["UID STORE", "UID EXPUNGE", "SELECT \"Junk\"", "FETCH"] {
        let played = clean(on(word, |tag| say(format!("{tag} NO [NOPERM] read-only\r\n"))), all_folders).await;
        assert!(played.first().is_none() && verdict(&played.outcome) == Verdict::Warning, "{:?}", played.first());
        let said = wrong(&played).iter().all(|one| one.evidence.iter().any(|text| text.contains("read-only")));
        assert!(said, "{:#?}", wrong(&played));
        let expected = if word.starts_with("UID") { "left-behind" } else { "not-looked-into" };
        assert!(
            codes(&played).iter().all(|code| *code == expected) && !codes(&played).is_empty(),
            "{:?}",
            codes(&played)
        );
    }
}

#[tokio::test]
async fn a_refused_sign_in_is_critical_and_told_as_elsewhere() {
    let played = clean(on("AUTH", |tag| say(format!("{tag} NO [AUTHENTICATIONFAILED] no\r\n"))), all_folders).await;
    assert_eq!((verdict(&played.outcome), codes(&played)), (Verdict::Critical, vec!["login-refused"]));
}

#[tokio::test]
async fn a_stop_ends_it_between_two_sets() {
    let (stopper, stop) = Stop::new();
    let script: Script = Box::new(move |_, _, line| {
        if line.starts_with("UID STORE") {
            stopper.stop();
        }
        Act::Usual
    });
    let prepare =
        |mail: &mut Mail| (0..250).for_each(|number| _ = mail.folder("INBOX").add(leftover(number).as_bytes()));
    let played = player::clean(script, prepare, false, Limits::default(), &stop).await;
    assert_eq!(told(&played).iter().filter(|(_, _, removed)| *removed).count(), 100);
    assert_eq!(played.mail.folders["INBOX"].messages.len(), 3 + 150);
    assert!(played.mail.folders["INBOX"].messages.iter().all(|message| !message.deleted), "nothing is half done");
    assert_eq!((verdict(&played.outcome), codes(&played)[0]), (Verdict::Unknown, "interrupted"));
    // While it is looking, it ends at once.
    let (stopper, stop) = Stop::new();
    let script: Script = Box::new(move |_, _, line| match line {
        line if line.starts_with("UID SEARCH") => {
            stopper.stop();
            Act::Mute
        }
        _ => Act::Usual,
    });
    let played = player::clean(script, all_folders, false, Limits::default(), &stop).await;
    assert!(played.took < Duration::from_secs(10), "{:?}", played.took);
    assert_eq!(verdict(&played.outcome), Verdict::Unknown);
    let remove = played.outcome.stages.last().expect("a stage");
    assert!(matches!(&remove.status, Status::Failed(failure) if failure.kind == Kind::Interrupted));
}

/// What a verification said in the inbox when it cleaned up.
fn last_look(played: &Played) -> Vec<&str> {
    let said: Vec<&str> = played.mail.imap.iter().map(String::as_str).collect();
    let last = said.iter().rposition(|line| *line == "SELECT \"INBOX\"").expect("the inbox was opened again");
    let until = said[last + 1..].iter().position(|line| line.starts_with("SELECT") || *line == "LOGOUT");
    said[last + 1..].iter().take(until.unwrap_or(usize::MAX)).copied().collect()
}

/// It costs one command more, and no more round trips where nothing is found; what is young costs one.
#[tokio::test]
async fn a_verification_looks_back_in_the_same_flight() {
    const NEW: &str = "UID FETCH 4:* (UID BODY.PEEK[HEADER.FIELDS (X-MAILTRIP-TAG MESSAGE-ID SUBJECT IN-REPLY-TO REFERENCES \
                       CONTENT-TYPE AUTO-SUBMITTED)])";
    const BACK: &str = "FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (X-MAILTRIP-TAG X-MAILTRIP-KEEP)])";
    const REMOVAL: [&str; 3] = ["UID STORE 4 +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE 4", "UID FETCH 4 (UID)"];
    let played = play(usual(), usual()).await;
    played.is_whole();
    assert_eq!(last_look(&played), [&[NEW, BACK][..], &REMOVAL].concat());
    let old = "Fri, 20 Nov 2020 10:02:11 +0000";
    let kept = like_one(OWN, 1, old, "X-Mailtrip-Keep: yes\r\n");
    let young = like_one(OWN, 2, "Fri, 20 Nov 2120 10:02:11 +0000", "");
    for (message, looks) in [(kept, 0), (young, 1), (like_one("mallory@elsewhere.test", 3, old, ""), 1)] {
        let raw = message.clone();
        let played = play_with(usual(), usual(), |mail| _ = mail.folder("INBOX").add(raw.as_bytes()), |_| {}).await;
        let look = "UID FETCH 4 (UID BODY.PEEK[HEADER.FIELDS (X-MAILTRIP-TAG X-MAILTRIP-KEEP MESSAGE-ID SUBJECT FROM DATE RECEIVED)])";
        assert_eq!(last_look(&played).iter().filter(|line| **line == look).count(), looks, "{:#?}", last_look(&played));
        assert_eq!((left(&played, "INBOX"), told(&played)), (vec![message], vec![]));
    }
    // In a mailbox of many the last hundred are looked at; with keep none is.
    let many = |mail: &mut Mail| (0..150).for_each(|_| _ = mail.folder("INBOX").add(b"Subject: x\r\n\r\n"));
    let played = play_with(usual(), usual(), many, |_| {}).await;
    assert!(last_look(&played).iter().any(|line| line.starts_with("FETCH 54:* ")), "{:#?}", last_look(&played));
    let played = play_with(usual(), usual(), |_| {}, |settings| settings.keep = true).await;
    assert!(!played.mail.imap.iter().any(|line| line.starts_with("FETCH")), "{:#?}", played.mail.imap);
}

/// What cannot be looked back at is no reason not to clean up.
#[tokio::test]
async fn a_look_back_that_is_refused_does_no_harm() {
    let script = on("FETCH 1:*", |tag| say(format!("{tag} BAD what?\r\n")));
    play(usual(), script).await.is_whole();
    let script = on("FETCH 1:*", |_| Act::Close(Vec::new()));
    let played = play(usual(), script).await;
    assert_eq!((played.concerns(), played.mail.probes()), (vec![], vec![]), "a second session does not look back");
}
