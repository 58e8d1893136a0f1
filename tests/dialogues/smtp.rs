//! SMTP.

use std::time::Duration;

use mailtrip::diagnose::diagnose;
use mailtrip::failure::{Kind, Speech, Step};
use mailtrip::outcome::{Concern, Fact};
use mailtrip::stage::{Leg, Stage};

use crate::player::{Act, PASSWORD, Played, Script, close, is_alone, on, once, play, play_with, say, usual};

async fn smtp(script: Script) -> Played {
    play(script, usual()).await
}

/// Everything that begins with the word gets this answer.
async fn answered(word: &'static str, answer: &'static str) -> Played {
    smtp(on(word, move |_| say(answer))).await
}

fn malformed(kind: &Kind) -> bool {
    *kind == Kind::Malformed
}

#[tokio::test]
async fn odd_but_right_answers_are_taken() {
    for (word, answer) in [
        ("greeting", "220-line one\r\n220-line two\r\n220 end\r\n"),
        ("greeting", "220\r\n"),
        ("greeting", "220 LF only\n"),
        ("greeting", "220-\n220\n"),
        ("EHLO", "250-x\n250-pipelining\n250 auth plain\n"),
        ("EHLO", "250-x\r\n250 AUTH=PLAIN LOGIN\r\n"),
        ("EHLO", "250-x\r\n250-\r\n250-AUTH=\r\n250 Auth Login\r\n"),
        ("RCPT", "251 forwarded\r\n"),
        ("QUIT", "\0\0\0 what"),
    ] {
        let played = if word == "EHLO" && answer.contains("Login\r") {
            let mut prompts = vec!["334 Who?\r\n", "334\r\n", "235\r\n"].into_iter();
            let script: Script = Box::new(move |_, _, line| match line {
                line if line.starts_with("EHLO") => say(answer),
                "AUTH LOGIN" | "YUBiLnRlc3Q=" | "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==" => {
                    say(prompts.next().expect("three lines"))
                }
                _ => Act::Usual,
            });
            smtp(script).await
        } else {
            answered(word, answer).await
        };
        played.is_whole();
    }
}

#[tokio::test]
async fn latin_1_and_control_characters_are_kept_apart_from_the_report() {
    let played = smtp(on("greeting", |_| say(b"220 Gr\xfc\xdfe \x1b[31m\x07\r\n"))).await;
    played.is_whole();
    let greeting = played.facts().find_map(|fact| match fact {
        Fact::Greeting { text } => Some(text.clone()),
        _ => None,
    });
    assert_eq!(greeting.as_deref(), Some("Gr\u{fffd}\u{fffd}e \x1b[31m\x07"));
}

/// Which of the diagnoses is about the greeting, and whether one was seen.
fn greeted(played: &Played) -> (&'static str, bool) {
    let diagnoses = diagnose(&played.outcome);
    let about = diagnoses.iter().find(|diagnosis| diagnosis.at.is_some_and(|at| at.stage == Stage::Greeting));
    let seen = played.facts().any(|fact| matches!(fact, Fact::Greeting { text } if text == "odd"));
    (about.map_or("", |diagnosis| diagnosis.code), seen)
}

#[tokio::test]
async fn who_greets_and_then_falls_silent_does_not_wait_for_tls() {
    type End = fn() -> Act;
    let ends: [(End, &str); 2] = [(|| Act::Mute, "timeout"), (|| close(""), "connection-lost")];
    for (end, code) in ends {
        let script: Script = Box::new(move |_, _, line| match line {
            "greeting" => say("220 odd\r\n"),
            _ => end(),
        });
        assert_eq!(greeted(&smtp(script).await), (code, true));
        let script: Script = Box::new(move |_, _, line| match line {
            "greeting" => say("* OK odd\r\n"),
            "CAPABILITY" => end(),
            _ => Act::Usual,
        });
        assert_eq!(greeted(&play(usual(), script).await), (code, true));
        assert_eq!(greeted(&smtp(on("greeting", move |_| end())).await), ("silent-tls-port", false));
    }
}

#[tokio::test]
async fn what_is_not_smtp_is_called_so() {
    for answer in ["2200 four digits\r\n", "220x\r\n", "999 no such code\r\n", "\r\n", "\u{0}\u{1}\u{2}\r\n"] {
        answered("greeting", answer).await.fails(Leg::Submission, Stage::Greeting, malformed);
    }
}

/// Only the greeting tells: what comes later is garbled, whatever it looks like.
#[tokio::test]
async fn another_protocol_is_known_by_its_greeting() {
    for (answer, speaks) in [
        ("HTTP/1.1 400 Bad Request\r\n", Speech::Http),
        ("* OK IMAP4rev1 ready\r\n", Speech::Imap),
        ("* PREAUTH ready\r\n", Speech::Imap),
        ("+OK POP3 ready\r\n", Speech::Pop3),
        ("SSH-2.0-OpenSSH_9.2\r\n", Speech::Ssh),
    ] {
        let played = answered("greeting", answer).await;
        let failure = played.fails(Leg::Submission, Stage::Greeting, |kind| *kind == Kind::WrongProtocol { speaks });
        assert_eq!(failure.detail, Some(format!("not SMTP: {}", answer.trim_end())));
        let diagnosis = &diagnose(&played.outcome)[0];
        assert_eq!(diagnosis.code, "wrong-protocol");
        assert!(diagnosis.cause.contains(speaks.server()), "{diagnosis:?}");
        answered("EHLO", answer).await.fails(Leg::Submission, Stage::Greeting, malformed);
    }
}

#[tokio::test]
async fn codes_of_every_kind_are_refusals_with_the_servers_words() {
    for (word, stage) in [
        ("greeting", Stage::Greeting),
        ("EHLO", Stage::Greeting),
        ("AUTH", Stage::Login),
        ("MAIL", Stage::Submit),
        ("RCPT", Stage::Submit),
        ("DATA", Stage::Submit),
        (".", Stage::Submit),
    ] {
        for code in ["421", "471", "571", "599"] {
            let answer = format!("{code}-4.3.2 one\r\n{code} 4.3.2 two\r\n");
            let played = smtp(on(word, move |_| close(&answer))).await;
            assert_eq!(played.refused(Leg::Submission, stage), format!("{code} 4.3.2 one\ntwo"), "{word}");
            assert_eq!(played.mail.probes(), [], "{word} {code}");
        }
    }
}

#[tokio::test]
async fn a_line_or_a_reply_that_does_not_end_is_cut_off() {
    if !is_alone("smtp::a_line_or_a_reply_that_does_not_end_is_cut_off") {
        return;
    }
    for (word, stage) in [("greeting", Stage::Greeting), ("AUTH", Stage::Login), ("DATA", Stage::Submit)] {
        // 200 MB, of which only the beginning is ever read.
        let played = smtp(on(word, |_| Act::Flood(vec![b'2'; 1 << 20], 200))).await;
        played.fails(Leg::Submission, stage, malformed);
        let played = smtp(on(word, |_| Act::Flood(b"250-and\r\n".repeat(10_000), 100))).await;
        assert!(played.fails(Leg::Submission, stage, malformed).detail.is_some());
        assert!(played.took < Duration::from_secs(3), "{:?}", played.took);
    }
    assert!(peak_memory() < 120 << 20, "{} MB", peak_memory() >> 20);
}

/// The most memory this process has had so far.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap_or(0) * 1024
}

#[tokio::test]
async fn a_server_that_is_mute_is_waited_for_as_long_as_the_stage_may_take() {
    for (word, stage) in [
        ("greeting", Stage::Greeting),
        ("EHLO", Stage::Greeting),
        ("AUTH", Stage::Login),
        ("MAIL", Stage::Submit),
        ("DATA", Stage::Submit),
    ] {
        let mut mute = false;
        let script: Script = Box::new(move |_, _, line| {
            mute |= line.starts_with(word);
            if mute { Act::Mute } else { Act::Usual }
        });
        let played = smtp(script).await;
        played.fails(Leg::Submission, stage, |kind| matches!(kind, Kind::Timeout { .. }));
        assert!(played.took < Duration::from_secs(3), "{:?}", played.took);
        assert_eq!(played.mail.probes(), []);
    }
    // A refusal comes without waiting for more of it, and is not followed by HELO.
    let played = smtp(once("EHLO", |_| say("502 no\r\n"))).await;
    assert_eq!(played.refused(Leg::Submission, Stage::Greeting), "502 no");
    assert_eq!(played.mail.smtp.len(), 1, "{:?}", played.mail.smtp);
}

#[tokio::test]
async fn a_reply_in_single_bytes_and_half_a_reply() {
    let played = smtp(on("RCPT", |_| close("250 2.1"))).await;
    played.fails(Leg::Submission, Stage::Submit, |kind| *kind == Kind::ConnectionLost);
    let played = smtp(on("AUTH", |_| close(""))).await;
    played.fails(Leg::Submission, Stage::Login, |kind| *kind == Kind::ConnectionLost);
}

#[tokio::test]
async fn sign_in_is_one_attempt_whatever_the_server_says() {
    // The initial response is not taken: it is given again, once.
    let script: Script = Box::new(|_, _, line| match line {
        line if line.starts_with("AUTH PLAIN ") => say("334 \r\n"),
        line if line.starts_with("AGFAYi50ZXN0A") => say("235 ok\r\n"),
        _ => Act::Usual,
    });
    smtp(script).await.is_whole();
    // It is asked for without end.
    let played = answered("A", "334 again\r\n").await;
    played.fails(Leg::Submission, Stage::Login, |kind| *kind == Kind::Malformed);
    assert_eq!(played.mail.smtp.last().map(String::as_str), Some("*"), "what is given up is taken back");
    assert_eq!(played.mail.smtp.len(), 4, "{:?}", played.mail.smtp);
    // Refused: neither another mechanism nor another attempt.
    let played = answered("AUTH", "535 5.7.8 no\r\n").await;
    assert_eq!(played.refused(Leg::Submission, Stage::Login), "535 5.7.8 no");
    assert_eq!(played.mail.smtp.len(), 2, "{:?}", played.mail.smtp);
    // 235 before the password.
    let early: Script = Box::new(|mail, _, line| {
        mail.keywords = vec!["AUTH LOGIN".to_owned()];
        if line == "AUTH LOGIN" { say("235 already\r\n") } else { Act::Usual }
    });
    let played = smtp(early).await;
    played.is_whole();
    assert!(!played.mail.smtp.iter().any(|line| line.starts_with("Y29y")), "{:?}", played.mail.smtp);
}

#[tokio::test]
async fn a_server_that_repeats_what_it_was_told_gives_no_password_away() {
    let plain = "AGFAYi50ZXN0AGNvcnJlY3QgaG9yc2UgYmF0dGVyeSBzdGFwbGU=";
    for said in [
        format!("535 no: {PASSWORD}\r\n"),
        format!("500 5.5.1 unrecognized: AUTH PLAIN {plain}\r\n"),
        format!("500-5.5.1 one\r\n500 {}\r\n", &plain[12..]),
        format!("{plain} is not a command\r\n"),
    ] {
        // The assertion is in `play`: no report has it.
        assert!(smtp(on("AUTH", move |_| say(&said))).await.first().is_some());
    }
}

#[tokio::test]
async fn a_recipient_that_is_refused_while_data_is_accepted_leaves_no_empty_message() {
    for pipelining in [true, false] {
        let prepare = |mail: &mut crate::player::Mail| {
            if !pipelining {
                mail.keywords.retain(|keyword| keyword != "PIPELINING");
            }
        };
        let script = on("RCPT", |_| say("550 5.1.1 unknown\r\n"));
        let played = play_with(script, usual(), prepare, |_| {}).await;
        let failure =
            played.fails(Leg::Submission, Stage::Submit, |kind| *kind == Kind::Refused { step: Some(Step::Rcpt) });
        assert_eq!(failure.reply.as_ref().map(|reply| reply.code), Some(Some(550)));
        let last = played.mail.smtp.last().map(String::as_str);
        assert_eq!(last, Some(if pipelining { "DATA" } else { "RCPT TO:<a@b.test>" }), "{:?}", played.mail.smtp);
        assert_eq!(played.mail.folders["INBOX"].messages.len(), 3);
    }
}

#[tokio::test]
async fn data_that_is_not_asked_for_is_not_sent() {
    let played = answered("DATA", "250 ok\r\n").await;
    played.fails(Leg::Submission, Stage::Submit, |kind| *kind == Kind::Refused { step: Some(Step::Data) });
    assert_eq!(played.mail.smtp.last().map(String::as_str), Some("DATA"));
}

#[tokio::test]
async fn what_is_uncertain_after_the_dot_is_told_and_never_sent_again() {
    let uncertain = |kind: &Kind| *kind == Kind::Uncertain;
    let mut runs = tokio::task::JoinSet::new();
    for act in [|| close(""), || say("what\r\n"), || Act::Mute, || close("25"), || say([0xff; 4])] {
        runs.spawn(smtp(on(".", move |_| act())));
    }
    for played in runs.join_all().await {
        played.fails(Leg::Submission, Stage::Submit, uncertain);
        assert_eq!(played.concerns(), [Concern::MayArrive]);
        assert_eq!(played.mail.smtp.iter().filter(|line| *line == ".").count(), 1);
    }
    // Taken all the same: it is found, and taken away.
    for act in [|| Act::After(b"".to_vec()), || Act::After(b"\0\0garbage 250 250\r\n".to_vec())] {
        smtp(on(".", move |_| act())).await.is_whole();
    }
}
