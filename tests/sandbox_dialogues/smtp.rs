//! Submission in bytes.

use mailtrip::sandbox::Service;

use crate::client::{PLAIN, Raw, sandbox};

#[tokio::test]
async fn starttls_comes_before_auth_and_forgets_what_was_said_before() {
    let sandbox = sandbox("").await;
    let mut raw = Raw::plain(&sandbox, Service::Submission).await;
    raw.dialogue(
        "S: 220 mail.sandbox.test ESMTP mailtrip sandbox
         C: EHLO client.test
         S: 250-mail.sandbox.test
         S: 250-PIPELINING
         S: 250-SIZE 10485760
         S: 250-STARTTLS
         S: 250-ENHANCEDSTATUSCODES
         S: 250 8BITMIME
         C: AUTH PLAIN AAAA
         S: 538 5.7.11 Encryption required for requested authentication mechanism
         C: MAIL FROM:<alice@sandbox.test>
         S: 530 5.7.0 Must issue a STARTTLS command first
         C: STARTTLS
         S: 220 2.0.0 Ready to start TLS",
    )
    .await;
    raw.handshake("127.0.0.1").await.expect("valid for the IP address too");
    raw.dialogue(&format!(
        "C: MAIL FROM:<alice@sandbox.test>
         S: 503 5.5.1 Send EHLO first
         C: EHLO client.test
         S: 250-mail.sandbox.test
         S: 250-PIPELINING
         S: 250-SIZE 10485760
         S: 250-AUTH PLAIN LOGIN
         S: 250-ENHANCEDSTATUSCODES
         S: 250 8BITMIME
         C: MAIL FROM:<alice@sandbox.test>
         S: 530 5.7.0 Authentication required
         C: AUTH PLAIN
         S: 334 
         C: {PLAIN}
         S: 235 2.7.0 Authentication successful
         C: AUTH PLAIN {PLAIN}
         S: 503 5.5.1 Already authenticated
         C: QUIT
         S: 221 2.0.0 Bye",
    ))
    .await;
    assert_eq!(raw.rest().await, "");
}

#[tokio::test]
async fn what_is_sent_behind_starttls_in_plaintext_is_not_obeyed() {
    let sandbox = sandbox("").await;
    let mut raw = Raw::plain(&sandbox, Service::Submission).await;
    raw.line().await;
    raw.dialogue(
        "C: STARTTLS
         C: NOOP
         S: 220 2.0.0 Ready to start TLS",
    )
    .await;
    raw.handshake("localhost").await.expect("a handshake");
    raw.dialogue("C: RSET\nS: 250 2.0.0 Ok").await;
    assert_eq!(sandbox.commands(), ["smtp: STARTTLS", "smtp: RSET"]);
}

#[tokio::test]
async fn auth_login_and_its_refusals() {
    let sandbox = sandbox("").await;
    let mut raw = Raw::tls(&sandbox, Service::Submissions).await;
    raw.dialogue(
        "S: 220 mail.sandbox.test ESMTP mailtrip sandbox
         C: AUTH LOGIN
         S: 503 5.5.1 Send EHLO first
         C: HELO client.test
         S: 250 mail.sandbox.test
         C: AUTH GSSAPI
         S: 504 5.5.4 Unrecognized authentication mechanism
         C: AUTH PLAIN *!*
         S: 501 5.5.2 Cannot decode response
         C: AUTH LOGIN
         S: 334 VXNlcm5hbWU6
         C: *
         S: 501 5.7.0 Authentication aborted
         C: AUTH LOGIN
         S: 334 VXNlcm5hbWU6
         C: YWxpY2VAc2FuZGJveC50ZXN0
         S: 334 UGFzc3dvcmQ6
         C: d3Jvbmc=
         S: 535 5.7.8 Error: authentication failed
         C: AUTH LOGIN YWxpY2VAc2FuZGJveC50ZXN0
         S: 334 UGFzc3dvcmQ6
         C: YWxpY2UncyBzYW5kYm94IHBhc3N3b3Jk
         S: 235 2.7.0 Authentication successful",
    )
    .await;
    let commands = sandbox.commands().join("\n");
    assert!(!commands.contains("d3Jvbmc"), "a secret was kept: {commands}");
    assert!(commands.ends_with("smtp: AUTH LOGIN ***\nsmtp: ***"), "{commands}");
}

#[tokio::test]
async fn a_pipelined_flight_is_answered_in_order_and_dots_are_unstuffed() {
    let sandbox = sandbox("").await;
    let mut raw = Raw::smtp(&sandbox).await;
    raw.dialogue(
        "C: MAIL FROM:<alice@sandbox.test> SIZE=100 BODY=8BITMIME
         C: RCPT TO:<nosuch@sandbox.test>
         C: RCPT TO:<someone@elsewhere.test>
         C: RCPT TO:<bob+detail@sandbox.test>
         C: DATA
         S: 250 2.1.0 Ok
         S: 550 5.1.1 <nosuch@sandbox.test>: User unknown in local recipient table
         S: 550 5.7.1 <someone@elsewhere.test>: Relay access denied
         S: 250 2.1.5 Ok
         S: 354 End data with <CR><LF>.<CR><LF>",
    )
    .await;
    raw.send("Subject: dots\r\n\r\n..one\r\n.\n..\r\nlast\r\n.\r\nQUIT\r\n").await;
    raw.dialogue("S: 250 2.0.0 Ok: queued as SB000001\nS: 221 2.0.0 Bye").await;
    let messages = sandbox.messages("bob@sandbox.test", "INBOX");
    assert_eq!(messages.len(), 1);
    let text = String::from_utf8_lossy(&messages[0].raw).into_owned();
    assert!(text.starts_with("Return-Path: <alice@sandbox.test>\r\n"), "{text}");
    assert!(text.contains("\r\nReceived: from client.test (localhost [127.0.0.1])\r\n"), "{text}");
    assert!(text.contains(" with ESMTPSA id SB000001\r\n\tfor <bob+detail@sandbox.test>; "), "{text}");
    // The dot before a bare LF was text, and one dot of it was stuffing (RFC 5321 §4.5.2).
    assert!(text.ends_with("Subject: dots\r\n\r\n.one\r\n\n..\r\nlast\r\n"), "{text:?}");
}

#[tokio::test]
async fn commands_out_of_order_and_bad_syntax() {
    let sandbox = sandbox("").await;
    let mut raw = Raw::smtp(&sandbox).await;
    raw.dialogue(
        "C: RCPT TO:<bob@sandbox.test>
         S: 503 5.5.1 Need MAIL command
         C: DATA
         S: 503 5.5.1 Need MAIL command
         C: MAIL TO:<x@y>
         S: 501 5.5.4 Syntax: MAIL FROM:<address> or RCPT TO:<address>
         C: MAIL FROM:<äö
         S: 501 5.5.4 Syntax: MAIL FROM:<address> or RCPT TO:<address>
         C: MAIL FROM:<x@y> SIZE=10485761
         S: 552 5.3.4 Message size exceeds fixed limit
         C: MAIL FROM:<x@y> SMTPUTF8
         S: 555 5.5.4 Unsupported option
         C: MAIL FROM:<>
         S: 250 2.1.0 Ok
         C: MAIL FROM:<>
         S: 503 5.5.1 Nested MAIL command
         C: DATA
         S: 554 5.5.1 No valid recipients
         C: RSET
         S: 250 2.0.0 Ok
         C: VRFY bob
         S: 252 2.1.5 Send some mail, and see
         C: EXPN list
         S: 502 5.5.2 Command not recognized",
    )
    .await;
}

#[tokio::test]
async fn a_line_and_a_message_have_their_limits() {
    let sandbox = sandbox("").await;
    let mut raw = Raw::smtp(&sandbox).await;
    raw.dialogue(
        "C: MAIL FROM:<alice@sandbox.test>
         C: RCPT TO:<bob@sandbox.test>
         C: DATA
         S: 250 2.1.0 Ok
         S: 250 2.1.5 Ok
         S: 354 End data with <CR><LF>.<CR><LF>",
    )
    .await;
    let line = format!("{}\r\n", "x".repeat(4094));
    raw.send(line.repeat(10 * 1024 * 1024 / 4096 + 1)).await;
    raw.dialogue("C: .\nS: 552 5.3.4 Message size exceeds fixed limit").await;
    assert_eq!(sandbox.messages("bob@sandbox.test", "INBOX").len(), 0);
    raw.send("x".repeat(8 * 1024)).await;
    assert_eq!(raw.rest().await, "500 5.5.2 Line too long\r\n");
}

#[tokio::test]
async fn without_pipelining_a_client_that_sends_ahead_is_cut_off() {
    let sandbox = sandbox("pipelining = false").await;
    let mut raw = Raw::smtp(&sandbox).await;
    raw.dialogue(
        "C: EHLO client.test
         S: 250-mail.sandbox.test
         S: 250-SIZE 10485760
         S: 250-AUTH PLAIN LOGIN
         S: 250-ENHANCEDSTATUSCODES
         S: 250 8BITMIME
         C: MAIL FROM:<alice@sandbox.test>
         C: RCPT TO:<bob@sandbox.test>
         S: 250 2.1.0 Ok
         S: 503 5.5.0 Improper use of SMTP command pipelining",
    )
    .await;
    assert_eq!(raw.rest().await, "");
}
