//! What IMAP servers say of quotas, of folders that are missing, and to the user.

use std::time::Duration;

use mailtrip::check::Settings;
use mailtrip::failure::Kind;
use mailtrip::outcome::{Fact, Role};
use mailtrip::stage::{Leg, Stage};

use crate::player::{Act, Mail, Played, Script, play_account, play_with, say, usual};

fn with_quota(mail: &mut Mail) {
    mail.capabilities += " QUOTA";
}

/// The message is taken and never seen.
fn lost(mut act: impl FnMut(&str, &str) -> Act + Send + 'static) -> Script {
    Box::new(move |mail, tag, line| {
        mail.folder("INBOX").messages.truncate(3);
        act(tag, line)
    })
}

async fn missing(act: impl FnMut(&str, &str) -> Act + Send + 'static) -> Played {
    let change = |settings: &mut Settings| {
        settings.limits.total = Duration::from_secs(5);
        settings.limits.arrival = Some(Duration::from_millis(500));
    };
    let played = play_with(usual(), lost(act), with_quota, change).await;
    played.fails(Leg::Delivery, Stage::Arrival, |kind| matches!(kind, Kind::NotArrived { .. }));
    played
}

fn said(played: &Played, word: &str) -> usize {
    played.mail.imap.iter().filter(|line| line.starts_with(word)).count()
}

fn quotas(played: &Played) -> Vec<(u64, u64)> {
    let quotas = played.facts().filter_map(|fact| match fact {
        Fact::Quota { used_kib, limit_kib } => Some((*used_kib, *limit_kib)),
        _ => None,
    });
    quotas.collect()
}

#[tokio::test]
async fn a_quota_is_asked_for_only_where_nothing_arrives() {
    let played = play_with(usual(), usual(), with_quota, |_| {}).await;
    played.is_whole();
    assert_eq!(said(&played, "GETQUOTAROOT"), 0, "{:?}", played.mail.imap);
    let played = missing(|tag, line| match line {
        "GETQUOTAROOT INBOX" => say(format!(
            "* QUOTAROOT INBOX a b c\r\n* QUOTA a (MESSAGE 1 9 STORAGE 10 100)\r\n* QUOTA b (STORAGE 99 100)\r\n\
             * QUOTA c ()\r\n{tag} OK\r\n"
        )),
        _ => Act::Usual,
    })
    .await;
    assert_eq!((quotas(&played), said(&played, "GETQUOTAROOT")), (vec![(99, 100)], 1), "the one nearest to its limit");
}

#[tokio::test]
async fn a_quota_that_is_not_told_changes_nothing() {
    for answer in ["NO [NOPERM] yours, but not for you", "BAD what?", "OK"] {
        let played = missing(move |tag, line| match line {
            "GETQUOTAROOT INBOX" => say(format!("{tag} {answer}\r\n")),
            _ => Act::Usual,
        })
        .await;
        assert_eq!((quotas(&played), said(&played, "AUTHENTICATE")), (vec![], 1), "{answer}: the session goes on");
    }
    let played = missing(|_, line| if line.starts_with("GETQUOTAROOT") { Act::Mute } else { Act::Usual }).await;
    assert_eq!((quotas(&played), said(&played, "GETQUOTAROOT")), (vec![], 1));
    assert_eq!(said(&played, "AUTHENTICATE"), 2, "a session that does not answer is given up");
}

#[tokio::test]
async fn what_the_server_tells_its_user_is_kept_but_not_without_bounds() {
    let mut alerts = String::new();
    for number in 0..50 {
        alerts += &format!("* OK [ALERT] read this: {}\r\n", number / 2);
    }
    alerts += "* NO [OVERQUOTA] soft limit\r\n";
    let script: Script = Box::new(move |_, _, line| match line {
        line if line.starts_with("SELECT") => Act::Before(alerts.clone().into_bytes()),
        _ => Act::Usual,
    });
    let played = play_with(usual(), script, |_| {}, |_| {}).await;
    played.is_whole();
    let told: Vec<&str> = played
        .facts()
        .filter_map(|fact| match fact {
            Fact::Alert { reply } => Some(reply.text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(told.first(), Some(&"read this: 0"));
    assert!((8..=16).contains(&told.len()), "each once: {told:?}");
}

fn folders(played: &Played) -> (Vec<String>, u64, Option<String>) {
    let mut found = played.facts().filter_map(|fact| match fact {
        Fact::Folders { wanted: Role::Sent, names, more, likely } => Some((names.clone(), *more, likely.clone())),
        _ => None,
    });
    found.next().unwrap_or_else(|| panic!("no folders: {:?}", played.outcome.stages))
}

/// A server with this list of folders, and no STATUS of a folder that is not on it.
async fn listing(list: String, sent: &'static str) -> Played {
    let script: Script = Box::new(move |_, tag, line| match line {
        line if line.starts_with("LIST") => say(format!("{list}{tag} OK\r\n")),
        line if line.starts_with(&format!("STATUS \"{sent}\"")) => say(format!("{tag} NO [NONEXISTENT] no such\r\n")),
        _ => Act::Usual,
    });
    let change = |account: &mut mailtrip::Account, _: &mut Settings| account.folders.sent = Some(sent.to_owned());
    play_account(usual(), script, |_| {}, change).await
}

#[tokio::test]
async fn where_the_sent_folder_is_missing_the_folders_are_named_within_bounds() {
    let mut list = String::from("* LIST () \".\" INBOX\r\n");
    for number in 0..40 {
        list += &format!("* LIST () \".\" INBOX.Work{number}\r\n");
    }
    list += "* LIST (\\Noselect) \".\" INBOX.Sent.Old\r\n* LIST () \".\" \"INBOX.Gesendete Objekte\"\r\n\
             * LIST () \".\" INBOX.&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-\r\n";
    let played = listing(list.clone(), "Outgoing").await;
    played.fails(Leg::Sent, Stage::Copy, |kind| *kind == Kind::NoFolder);
    let (names, more, likely) = folders(&played);
    assert_eq!(names[..3], ["INBOX.Gesendete Objekte", "INBOX.Отправленные", "INBOX.Work0"]);
    assert_eq!((names.len(), more, likely.as_deref()), (12, 31, Some("INBOX.Gesendete Objekte")));
    assert_eq!(said(&played, "LIST"), 1, "{:?}", played.mail.imap);
    let (names, _, likely) = folders(&listing(list, "Sent.Work7").await);
    assert_eq!((names[0].as_str(), likely.as_deref()), ("INBOX.Work7", Some("INBOX.Work7")), "the same last level");
}

#[tokio::test]
async fn a_configured_folder_that_only_holds_others_is_not_missing() {
    let list = "* LIST () \"/\" INBOX\r\n* LIST (\\Noselect) \"/\" Sent\r\n* LIST () \"/\" Sent/2026\r\n";
    let played = listing(list.to_owned(), "Sent").await;
    played.fails(Leg::Sent, Stage::Copy, |kind| *kind == Kind::NotSelectable { folder: "Sent".into() });
}
