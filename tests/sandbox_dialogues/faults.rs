//! Each fault, as a client meets it.

use std::time::Duration;

use mailtrip::sandbox::{Sandbox, Service};

use crate::client::{PLAIN, Raw, sandbox};

const ALICE: &str = "alice@sandbox.test";
const BOB: &str = "bob@sandbox.test";

/// A sandbox with one fault, given as the inside of a TOML table.
async fn faulty(fault: &str) -> Sandbox {
    sandbox(&format!("faults = [{{ {fault} }}]")).await
}

/// The reply to the last of these commands.
async fn reply(raw: &mut Raw, commands: &str) -> String {
    let mut line = String::new();
    for command in commands.split(" | ") {
        raw.send(format!("{command}\r\n")).await;
        line = raw.line().await;
    }
    line
}

const MESSAGE: &str =
    "MAIL FROM:<alice@sandbox.test> | RCPT TO:<bob@sandbox.test> | DATA | Subject: x\r\n\r\nBody\r\n.";

#[tokio::test]
async fn a_login_refused_or_unavailable_in_each_protocol() {
    for (fault, smtp, imap, pop3) in [
        ("login-refused", "535 5.7.8 ", "NO [AUTHENTICATIONFAILED] ", "-ERR [AUTH] "),
        ("login-unavailable", "454 4.7.0 ", "NO [UNAVAILABLE] ", "-ERR [SYS/TEMP] "),
    ] {
        let sandbox = faulty(&format!("fault = '{fault}'")).await;
        let mut raw = Raw::tls(&sandbox, Service::Submissions).await;
        raw.dialogue(&format!("S: 220 …\nC: HELO x\nS: 250 …\nC: AUTH PLAIN {PLAIN}\nS: {smtp}…")).await;
        let mut raw = Raw::tls(&sandbox, Service::Imaps).await;
        raw.dialogue(&format!("S: * OK …\nC: a AUTHENTICATE PLAIN {PLAIN}\nS: a {imap}…")).await;
        let mut raw = Raw::tls(&sandbox, Service::Pop3s).await;
        raw.dialogue(&format!("S: +OK …\nC: AUTH PLAIN {PLAIN}\nS: {pop3}…")).await;
    }
    for limited in ["service = 'imap'", "user = 'bob@sandbox.test'"] {
        let sandbox = faulty(&format!("fault = 'login-refused', {limited}")).await;
        Raw::smtp(&sandbox).await;
        Raw::pop3(&sandbox).await;
    }
}

#[tokio::test]
async fn an_open_relay_takes_mail_from_anybody_for_anybody_and_loses_it() {
    let sandbox = faulty("fault = 'open-relay'").await;
    let mut raw = Raw::tls(&sandbox, Service::Submissions).await;
    raw.dialogue("S: 220 …\nC: HELO x\nS: 250 …\nC: MAIL FROM:<a@b.test>\nS: 250 2.1.0 Ok").await;
    assert_eq!(reply(&mut raw, "RCPT TO:<nobody@sandbox.test>").await.get(..9), Some("550 5.1.1"));
    assert_eq!(reply(&mut raw, "RCPT TO:<somebody@example.com>").await, "250 2.1.5 Ok");
    assert_eq!(reply(&mut raw, "DATA").await.get(..3), Some("354"));
    assert_eq!(reply(&mut raw, "Subject: x\r\n\r\nBody\r\n.").await.get(..3), Some("250"));
    assert!(sandbox.messages(ALICE, "INBOX").is_empty() && sandbox.messages(BOB, "INBOX").is_empty());
    // Any other server wants to know who it is.
    let sandbox = faulty("fault = 'sender-refused'").await;
    let mut raw = Raw::tls(&sandbox, Service::Submissions).await;
    raw.dialogue("S: 220 …\nC: HELO x\nS: 250 …\nC: MAIL FROM:<a@b.test>\nS: 530 5.7.0 Authentication required").await;
}

#[tokio::test]
async fn refusals_along_the_transaction() {
    for (fault, commands, wanted) in [
        ("fault = 'sender-refused'", "MAIL FROM:<a@b>", "550 5.7.1 Sender address rejected: not allowed"),
        (
            "fault = 'recipient-refused', reply = { code = 450, text = '4.2.0 Greylisted' }",
            "MAIL FROM:<a@b> | RCPT TO:<bob@sandbox.test>",
            "450 4.2.0 Greylisted",
        ),
        (
            "fault = 'recipient-refused', to = 'alice@sandbox.test'",
            "MAIL FROM:<a@b> | RCPT TO:<bob@sandbox.test>",
            "250 2.1.5 Ok",
        ),
        (
            "fault = 'data-refused'",
            "MAIL FROM:<a@b> | RCPT TO:<bob@sandbox.test> | DATA",
            "451 4.3.0 Temporary failure, please try again later",
        ),
        ("fault = 'message-refused'", MESSAGE, "554 5.7.1 Message rejected as spam"),
        ("fault = 'mailbox-full'", MESSAGE, "552 5.2.2 Mailbox full"),
    ] {
        let sandbox = faulty(fault).await;
        let mut raw = Raw::smtp(&sandbox).await;
        assert_eq!(reply(&mut raw, commands).await, wanted, "{fault}");
        assert_eq!(sandbox.messages(BOB, "INBOX").len(), 0, "{fault}");
        // The session is in step and goes on.
        assert_eq!(reply(&mut raw, "RSET").await, "250 2.0.0 Ok", "{fault}");
    }
    let sandbox = faulty("fault = 'mailbox-full'").await;
    let mut raw = Raw::imap(&sandbox).await;
    raw.dialogue("C: a APPEND Sent {1+}\nC: x\nS: a NO [OVERQUOTA] Quota exceeded").await;
}

#[tokio::test]
async fn greetings_refused() {
    for (service, greeting) in [
        (Service::Submissions, "554 5.3.2 Too many connections, service refused\r\n"),
        (Service::Imap, "* BYE Service refused\r\n"),
        (Service::Pop3s, "-ERR [SYS/TEMP] Service refused\r\n"),
    ] {
        let sandbox = faulty("fault = 'greeting-refused'").await;
        let mut raw = match service {
            Service::Imap => Raw::plain(&sandbox, service).await,
            _ => Raw::tls(&sandbox, service).await,
        };
        assert_eq!(raw.rest().await, greeting);
    }
    let sandbox = faulty("fault = 'greeting-refused', reply = { code = 421, text = 'Later' }").await;
    let mut raw = Raw::plain(&sandbox, Service::Submission).await;
    assert_eq!(raw.rest().await, "421 Later\r\n");
}

#[tokio::test]
async fn flawed_certificates_fail_for_their_own_reason() {
    for (flaw, reason) in [
        ("expired", "certificate has expired"),
        ("wrong-name", "hostname mismatch"),
        ("untrusted", "unable to get local issuer certificate"),
        ("self-signed", "self-signed certificate"),
    ] {
        let sandbox = faulty(&format!("fault = 'certificate', flaw = '{flaw}', service = 'imap'")).await;
        let mut raw = Raw::plain(&sandbox, Service::Imaps).await;
        let error = raw.handshake("localhost").await.expect_err("the certificate is bad");
        // The words are OpenSSL's; other platforms have their own.
        if cfg!(target_os = "linux") {
            let text = error.to_string().replace("self signed", "self-signed");
            assert!(text.contains(reason), "{flaw}: {error}");
        }
        Raw::smtp(&sandbox).await;
    }
}

#[tokio::test]
async fn starttls_absent_refused_or_followed_by_plaintext() {
    for (service, protocol, command, answers) in [
        (
            Service::Submission,
            "smtp",
            "STARTTLS",
            [
                "502 5.5.2 ",
                "454 4.7.0 ",
                "220 2.0.0 Ready to start TLS\r\n250-injected.test\r\n250 AUTH PLAIN LOGIN\r\n",
            ],
        ),
        (
            Service::Imap,
            "imap",
            "a STARTTLS",
            ["a BAD ", "a NO ", "a OK Begin TLS negotiation now\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN INJECTED\r\n"],
        ),
        (Service::Pop3, "pop3", "STLS", ["-ERR ", "-ERR ", "+OK Begin TLS negotiation now\r\n+OK injected\r\n"]),
    ] {
        for (fault, answer) in ["absent", "refused", "injected"].into_iter().zip(answers) {
            let sandbox = faulty(&format!("fault = 'starttls-{fault}', service = '{protocol}'")).await;
            let mut raw = Raw::plain(&sandbox, service).await;
            raw.line().await;
            let offer = match service {
                Service::Submission => "EHLO x",
                Service::Imap => "b CAPABILITY",
                _ => "CAPA",
            };
            raw.send(format!("{offer}\r\nb NOOP\r\n")).await;
            let mut offers = String::new();
            while !offers.contains("b OK Completed") && !offers.contains("502 ") && !offers.contains("-ERR") {
                offers += &raw.line().await;
            }
            let offered = offers.contains("STARTTLS") || offers.contains("STLS");
            assert_eq!(offered, fault != "absent", "{protocol} {fault}: {offers}");
            raw.send(format!("{command}\r\n")).await;
            raw.expect(answer).await;
        }
    }
}

#[tokio::test]
async fn the_tls_port_may_speak_plaintext() {
    let sandbox = faulty("fault = 'plaintext-on-tls', service = 'smtp'").await;
    let mut raw = Raw::plain(&sandbox, Service::Submissions).await;
    assert_eq!(raw.line().await, "220 mail.sandbox.test ESMTP mailtrip sandbox");
}

#[tokio::test]
async fn drop_at_every_turn_of_a_submission() {
    for (at, commands) in [
        ("ehlo", "EHLO x"),
        ("mail", "MAIL FROM:<a@b>"),
        ("rcpt", "MAIL FROM:<a@b> | RCPT TO:<bob@sandbox.test>"),
        ("data", "MAIL FROM:<a@b> | RCPT TO:<bob@sandbox.test> | DATA"),
        ("message", MESSAGE),
        ("quit", "QUIT"),
    ] {
        let skip = u8::from(at == "ehlo");
        let sandbox = faulty(&format!("fault = 'drop', service = 'smtp', at = '{at}', skip = {skip}")).await;
        let mut raw = Raw::smtp(&sandbox).await;
        match commands.rsplit_once(" | ") {
            None => raw.send(format!("{commands}\r\n")).await,
            Some((before, last)) => {
                reply(&mut raw, before).await;
                raw.send(format!("{last}\r\n")).await;
            }
        }
        assert_eq!(raw.rest().await, "", "{at}");
        assert_eq!(sandbox.messages(BOB, "INBOX").len(), 0, "{at}");
    }
}

#[tokio::test]
async fn dropped_after_the_dot_the_message_arrives_all_the_same() {
    let sandbox = faulty("fault = 'drop', service = 'smtp', at = 'message', after = true").await;
    let mut raw = Raw::smtp(&sandbox).await;
    let (before, last) = MESSAGE.rsplit_once(" | ").expect("several commands");
    reply(&mut raw, before).await;
    raw.send(format!("{last}\r\n")).await;
    assert_eq!(raw.rest().await, "");
    assert_eq!(sandbox.messages(BOB, "INBOX").len(), 1);
}

#[tokio::test]
async fn dropped_before_or_after_quit_pop3_keeps_or_removes() {
    for (after, left) in [(false, 1), (true, 0)] {
        for at in ["quit", "update"] {
            let sandbox = faulty(&format!("fault = 'drop', service = 'pop3', at = '{at}', after = {after}")).await;
            sandbox.put(ALICE, "INBOX", b"x", &[]);
            if at == "update" {
                Raw::pop3(&sandbox).await.dialogue("C: QUIT\nS: +OK …").await;
            }
            let mut raw = Raw::pop3(&sandbox).await;
            raw.dialogue("C: DELE 1\nS: +OK …\nC: QUIT").await;
            assert_eq!(raw.rest().await, "");
            assert_eq!(sandbox.messages(ALICE, "INBOX").len(), left, "at = {at}, after = {after}");
        }
    }
}

#[tokio::test]
async fn a_fault_can_be_skipped_first_and_end_later() {
    let sandbox = faulty("fault = 'garbage', service = 'imap', at = 'noop', skip = 1, times = 2, text = 'odd'").await;
    let mut raw = Raw::imap(&sandbox).await;
    raw.dialogue(
        "C: a NOOP
         C: b NOOP
         C: c NOOP
         C: d NOOP
         S: a OK Completed.
         S: odd
         S: odd
         S: d OK Completed.",
    )
    .await;
}

#[tokio::test]
async fn garbage_cut_and_stall() {
    let sandbox = faulty("fault = 'garbage', service = 'smtp', at = 'greeting'").await;
    let mut raw = Raw::plain(&sandbox, Service::Submission).await;
    raw.expect(b"\x00\xff\xfe\x80?!garbage\r\n").await;

    let sandbox = faulty("fault = 'cut', service = 'imap', at = 'capability'").await;
    let mut raw = Raw::imap(&sandbox).await;
    raw.dialogue("C: a CAPABILITY").await;
    let whole = "* CAPABILITY IMAP4rev1 SASL-IR ID LITERAL+ IDLE UNSELECT UIDPLUS SPECIAL-USE\r\na OK Capability completed.\r\n";
    assert_eq!(raw.rest().await, whole[..whole.len() / 2]);

    for (service, at) in [(Service::Pop3, "greeting"), (Service::Pop3, "capa")] {
        let sandbox = faulty(&format!("fault = 'stall', service = 'pop3', at = '{at}'")).await;
        let mut raw = Raw::plain(&sandbox, service).await;
        if at == "capa" {
            raw.line().await;
        }
        raw.send("CAPA\r\nQUIT\r\n").await;
        raw.silence(Duration::from_millis(100)).await;
        sandbox.stop().await;
        assert_eq!(raw.rest().await, "", "a stalled session ends with the sandbox");
    }
}

#[tokio::test]
async fn dropped_before_the_handshake() {
    for service in [Service::Imaps, Service::Imap] {
        let sandbox = faulty("fault = 'drop', service = 'imap', at = 'tls'").await;
        let mut raw = Raw::plain(&sandbox, service).await;
        if service == Service::Imap {
            raw.dialogue("S: * OK…\nC: a STARTTLS\nS: a OK…").await;
        }
        assert!(raw.handshake("localhost").await.is_err());
    }
}

/// An IMAP session of alice in IDLE.
async fn idle(sandbox: &Sandbox) -> Raw {
    let mut raw = Raw::imap(sandbox).await;
    raw.send("s SELECT INBOX\r\n").await;
    while !raw.line().await.starts_with("s OK") {}
    raw.send("i IDLE\r\n").await;
    raw
}

#[tokio::test]
async fn idle_silent_absent_or_refused() {
    let sandbox = faulty("fault = 'idle-silent'").await;
    let mut raw = idle(&sandbox).await;
    raw.dialogue("S: + idling").await;
    sandbox.put(ALICE, "INBOX", b"x", &[]);
    raw.silence(Duration::from_millis(100)).await;
    raw.dialogue("C: DONE\nC: a NOOP\nS: i OK…\nS: * 1 EXISTS\nS: * 1 RECENT\nS: a OK…").await;

    let sandbox = faulty("fault = 'idle-absent'").await;
    idle(&sandbox).await.dialogue("S: i BAD Unknown command\nC: a CAPABILITY\nS: * CAPABILITY IMAP4rev1 SASL-IR ID LITERAL+ UNSELECT UIDPLUS SPECIAL-USE").await;

    let sandbox = faulty("fault = 'idle-refused'").await;
    idle(&sandbox).await.dialogue("S: i NO IDLE is not available now").await;
}

#[tokio::test]
async fn exists_is_told_only_to_those_who_ask() {
    let sandbox = faulty("fault = 'exists-unannounced'").await;
    let mut raw = idle(&sandbox).await;
    raw.dialogue("S: + idling").await;
    sandbox.put(ALICE, "INBOX", b"x", &[]);
    raw.silence(Duration::from_millis(100)).await;
    raw.dialogue(
        "C: DONE
         S: i OK Idle completed.
         C: a UID SEARCH ALL
         S: * SEARCH
         S: a OK Search completed.
         C: b NOOP
         S: * 1 EXISTS
         S: * 1 RECENT
         S: b OK Completed.",
    )
    .await;
}

#[tokio::test]
async fn a_blind_pipeline_misses_what_a_lone_noop_sees() {
    let sandbox = faulty("fault = 'pipeline-blind'").await;
    let mut raw = idle(&sandbox).await;
    raw.dialogue("S: + idling\nC: DONE\nS: i OK…").await;
    sandbox.put(ALICE, "INBOX", b"x", &[]);
    raw.dialogue(
        "C: a NOOP
         C: b SEARCH ALL
         S: a OK Completed.
         S: * SEARCH
         S: * 1 EXISTS
         S: * 1 RECENT
         S: b OK Search completed.",
    )
    .await;
}
