//! What the mail system writes itself: reports of failed delivery, and the answers of addresses that answer.

use mailtrip::sandbox::Sandbox;

use crate::client::{Raw, sandbox};

const ALICE: &str = "alice@sandbox.test";

/// Submits a message from alice, and gives what lies in her inbox then.
async fn inbox_after(sandbox: &Sandbox, from: &str, to: &str, header: &str) -> Vec<String> {
    let mut raw = Raw::smtp(sandbox).await;
    let commands = [
        format!("MAIL FROM:<{from}>"),
        format!("RCPT TO:<{to}>"),
        "DATA".to_owned(),
        format!("{header}Message-ID: <1@x.test>\r\nSubject: hello\r\n\r\nfirst line\r\nsecond line\r\n."),
    ];
    for command in commands {
        raw.send(format!("{command}\r\n")).await;
        let line = raw.line().await;
        assert!(line.starts_with(['2', '3']), "{command}: {line}");
    }
    let messages = sandbox.messages(ALICE, "INBOX");
    messages.iter().map(|message| String::from_utf8_lossy(&message.raw).into_owned()).collect()
}

#[tokio::test]
async fn a_bounce_is_a_report_to_the_sender_with_the_fields_of_rfc_3464() {
    let faults = "faults = [{ fault = 'message-bounced', reply = { code = 552, text = '5.2.2 Mailbox full' } }]";
    let sandbox = sandbox(faults).await;
    let inbox = inbox_after(&sandbox, ALICE, "bob@sandbox.test", "").await;
    let [report] = &inbox[..] else { panic!("{inbox:?}") };
    for part in [
        "Return-Path: <>\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"SB000001.1/mail.sandbox.test\"\r\n",
        "\r\n--SB000001.1/mail.sandbox.test\r\nContent-Description: Delivery report\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.sandbox.test\r\n",
        "\r\n\r\nFinal-Recipient: rfc822; bob@sandbox.test\r\n",
        "\r\nAction: failed\r\nStatus: 5.2.2\r\n",
        "\r\nDiagnostic-Code: smtp; 552 5.2.2 Mailbox full\r\n\r\n--",
        "\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <1@x.test>\r\nSubject: hello\r\n",
        "second line\r\n\r\n--SB000001.1/mail.sandbox.test--\r\n",
    ] {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
    assert!(sandbox.messages("bob@sandbox.test", "INBOX").is_empty());
    // What nobody sent is not sent back.
    assert_eq!(inbox_after(&sandbox, "", "bob@sandbox.test", "").await.len(), 1);
}

#[tokio::test]
async fn a_responder_answers_the_sender_but_no_other_automaton() {
    let sandbox = sandbox("responders = [{ address = 'echo@sandbox.test' }]").await;
    for (from, header) in [(ALICE, "Auto-Submitted: auto-generated\r\n"), ("", "")] {
        assert!(inbox_after(&sandbox, from, "echo@sandbox.test", header).await.is_empty(), "{from} {header}");
    }
    let inbox = inbox_after(&sandbox, ALICE, "Echo@sandbox.test", "Auto-Submitted: no\r\n").await;
    let [answer] = &inbox[..] else { panic!("{inbox:?}") };
    for line in [
        "Return-Path: <>",
        "From: echo@sandbox.test",
        "Subject: Auto: hello",
        "In-Reply-To: <1@x.test>",
        "References: <1@x.test>",
        "Auto-Submitted: auto-replied",
    ] {
        assert!(answer.lines().any(|have| have == line), "no {line:?} in\n{answer}");
    }
}

#[tokio::test]
async fn a_responder_may_only_quote_the_text() {
    let sandbox = sandbox("responders = [{ address = 'echo@sandbox.test', threaded = false }]").await;
    let inbox = inbox_after(&sandbox, ALICE, "echo@sandbox.test", "").await;
    let [answer] = &inbox[..] else { panic!("{inbox:?}") };
    assert!(answer.ends_with("\r\n> first line\r\n> second line\r\n"), "{answer}");
    assert!(!answer.contains("1@x.test") && !answer.contains("hello"), "{answer}");
}
