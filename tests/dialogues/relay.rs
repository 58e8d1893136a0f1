//! "My server requires authentication": the second connection, on which nobody signs in.

use std::time::Duration;

use mailtrip::check::{Limits, Settings};
use mailtrip::diagnose::{Verdict, diagnose, round_trip, verdict};
use mailtrip::failure::{Kind, Skip, Speech};
use mailtrip::outcome::{Concern, Fact, StageRecord, Status};
use mailtrip::stage::{Leg, Stage};

use crate::player::{Act, Mail, Played, Script, close, play, play_account, say, usual};

/// A script for the connections but the first.
fn aside(mut act: impl FnMut(&str) -> Act + Send + 'static) -> Script {
    Box::new(move |mail, _, line| if mail.connection == 0 { Act::Usual } else { act(line) })
}

async fn asked(script: Script) -> Played {
    asked_with(script, |_| {}, |_| {}).await
}

async fn asked_with(script: Script, prepare: impl FnOnce(&mut Mail), change: impl FnOnce(&mut Settings)) -> Played {
    let played = play_account(script, usual(), prepare, |account, settings| {
        account.smtp.as_mut().expect("it sends").expect_auth = true;
        change(settings);
    });
    let played = played.await;
    let said = &played.mail.aside;
    assert!(!said.iter().any(|line| line.starts_with("AUTH") || line == "DATA" || line == "."), "{said:?}");
    played
}

fn stage(played: &Played) -> &StageRecord {
    let mut relays = played.outcome.stages.iter().filter(|record| record.at.stage == Stage::Relay);
    let one = relays.next().expect("the stage is planned");
    assert!(relays.next().is_none(), "it is there once");
    one
}

/// The words of the refusal that made the stage pass.
#[track_caller]
fn refusal(played: &Played) -> String {
    played.is_whole();
    let record = stage(played);
    match record.facts.as_slice() {
        [Fact::RelayRefused { reply }] if record.status == Status::Passed => reply.to_string(),
        _ => panic!("{record:?}"),
    }
}

/// Why nothing was found out.
#[track_caller]
fn unknown(played: &Played) -> &Kind {
    played.is_whole();
    assert_eq!(verdict(&played.outcome), Verdict::Ok);
    match &stage(played).status {
        Status::Skipped(Skip::Inconclusive { failure }) => &failure.kind,
        other => panic!("{other:?}"),
    }
}

const EHLO: &str = "EHLO [127.0.0.1]";
const MAIL: &str = "MAIL FROM:<a@b.test>";
const RCPT: &str = "RCPT TO:<mailtrip-relay-test@example.com>";

#[tokio::test]
async fn a_server_that_requires_a_sign_in_passes_with_its_words() {
    let refuse = || {
        aside(|line| match line {
            MAIL => say("530 5.7.0 Authentication required\r\n"),
            RCPT => say("503 5.5.1 no MAIL\r\n"),
            _ => Act::Usual,
        })
    };
    let played = asked(refuse()).await;
    assert_eq!(refusal(&played), "530 5.7.0 Authentication required");
    assert_eq!(played.mail.aside, [EHLO, MAIL, RCPT, "RSET", "QUIT"]);
    // One after the other where the server does not take them at once.
    let played = asked_with(refuse(), |mail| mail.keywords.retain(|keyword| keyword != "PIPELINING"), |_| {}).await;
    assert_eq!(refusal(&played), "530 5.7.0 Authentication required");
    assert_eq!(played.mail.aside, [EHLO, MAIL, "RSET", "QUIT"]);
}

#[tokio::test]
async fn a_recipient_that_is_refused_in_whatever_way_is_not_accepted() {
    for answer in ["554 5.7.1 Relay access denied", "550-5.7.1 no\r\n550 5.7.1 never", "450 4.7.1 Greylisted"] {
        let played = asked(aside(move |line| match line {
            RCPT => say(format!("{answer}\r\n")),
            _ => Act::Usual,
        }));
        let words = answer.replace("\r\n550 5.7.1 ", "\n").replace("550-", "550 ");
        assert_eq!(refusal(&played.await), words);
    }
}

#[tokio::test]
async fn a_server_that_relays_for_anybody_is_a_warning_and_gets_no_message() {
    for answer in ["250 2.1.5 Ok", "251 2.1.5 will forward"] {
        let played = asked(aside(move |line| match line {
            RCPT => say(format!("{answer}\r\n")),
            _ => Act::Usual,
        }));
        let played = played.await;
        assert!(played.first().is_none(), "{:?}", played.first());
        let concerns = played.concerns();
        let [Concern::RelaysWithoutAuthentication { reply }] = concerns.as_slice() else { panic!("{concerns:?}") };
        assert_eq!(reply.to_string(), answer);
        assert_eq!(verdict(&played.outcome), Verdict::Warning);
        assert_eq!(diagnose(&played.outcome)[0].code, "relays-without-authentication");
        assert_eq!(played.mail.aside, [EHLO, MAIL, RCPT, "RSET", "QUIT"]);
        assert_eq!(
            played.mail.folders["INBOX"].messages.len(),
            3,
            "nothing has arrived but the probe, which is removed"
        );
    }
}

#[tokio::test]
async fn whatever_goes_wrong_there_says_nothing_about_mail() {
    let refused = |kind: &Kind| matches!(kind, Kind::Refused { .. });
    let lost = |kind: &Kind| *kind == Kind::ConnectionLost;
    let malformed = |kind: &Kind| *kind == Kind::Malformed;
    let another = |kind: &Kind| *kind == Kind::WrongProtocol { speaks: Speech::Http };
    let late = |kind: &Kind| matches!(kind, Kind::Timeout { .. });
    type Case = (&'static str, fn() -> Act, fn(&Kind) -> bool);
    let cases: [Case; 11] = [
        ("greeting", || close("421 4.7.0 too many connections\r\n"), refused),
        ("greeting", || close(""), lost),
        ("greeting", || say("HTTP/1.1 400 Bad Request\r\n"), another),
        ("greeting", || Act::Mute, late),
        ("EHLO", || say("502 5.5.1 no\r\n"), refused),
        ("MAIL", || close("421 4.3.2 going down\r\n"), refused),
        ("MAIL", || close("250 2.1.0"), lost),
        ("RCPT", || say("\0\0garbage\r\n"), malformed),
        ("RCPT", || Act::Mute, late),
        ("RCPT", || say("354 go on\r\n"), malformed),
        ("RCPT", || Act::Flood(vec![b'2'; 1 << 20], 20), malformed),
    ];
    for (word, act, expected) in cases {
        let played = asked(aside(move |line| if line.starts_with(word) { act() } else { Act::Usual })).await;
        let kind = unknown(&played);
        assert!(expected(kind), "{word}: {kind:?}");
        assert!(
            round_trip(&played.outcome).expect("it arrived") < Duration::from_millis(500),
            "{word}: it was delayed"
        );
    }
}

#[tokio::test]
async fn a_run_that_is_over_does_not_wait_for_it() {
    let limits = Limits {
        total: Duration::from_secs(60),
        stage: Duration::from_secs(30),
        arrival: None,
        cleanup: Duration::from_secs(9),
    };
    let mute = aside(|_| Act::Mute);
    let played = asked_with(mute, |_| {}, |settings| settings.limits = limits).await;
    assert!(matches!(unknown(&played), Kind::Timeout { .. }));
    assert!(played.took < Duration::from_secs(4), "{:?}", played.took);
}

#[tokio::test]
async fn who_is_not_let_in_is_not_asked() {
    let script: Script = Box::new(|_, _, line| if line == "greeting" { close("554 no\r\n") } else { Act::Usual });
    let played = asked(script).await;
    played.refused(Leg::Submission, Stage::Greeting);
    assert!(matches!(stage(&played).status, Status::Skipped(Skip::After { at }) if at.stage == Stage::Greeting));
    assert_eq!(played.mail.aside, [""; 0]);
}

#[tokio::test]
async fn a_refused_password_does_not_keep_it_from_being_told() {
    let script: Script = Box::new(|mail, _, line| match (mail.connection, line) {
        (0, line) if line.starts_with("AUTH") => say("535 5.7.8 no\r\n"),
        (1.., MAIL) => say("530 5.7.0 who are you\r\n"),
        _ => Act::Usual,
    });
    let played = asked(script).await;
    assert_eq!(played.refused(Leg::Submission, Stage::Login), "535 5.7.8 no");
    assert!(matches!(stage(&played).facts.as_slice(), [Fact::RelayRefused { .. }]), "{:?}", stage(&played));
}

#[tokio::test]
async fn where_nothing_is_expected_there_is_one_connection() {
    let played = play(usual(), usual()).await;
    played.is_whole();
    assert!(!played.outcome.stages.iter().any(|record| record.at.stage == Stage::Relay));
    assert_eq!(played.mail.aside, [""; 0]);
}
