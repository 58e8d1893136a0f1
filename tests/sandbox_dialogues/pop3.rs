//! POP3 in bytes.

use mailtrip::sandbox::Service;

use crate::client::{PLAIN, Raw, sandbox};

const ALICE: &str = "alice@sandbox.test";

#[tokio::test]
async fn stls_comes_before_the_password() {
    let sandbox = sandbox("").await;
    let mut raw = Raw::plain(&sandbox, Service::Pop3).await;
    raw.dialogue(
        "S: +OK mailtrip sandbox ready
         C: CAPA
         S: +OK Capability list follows
         S: TOP
         S: UIDL
         S: RESP-CODES
         S: AUTH-RESP-CODE
         S: PIPELINING
         S: EXPIRE NEVER
         S: STLS
         S: IMPLEMENTATION mailtrip-sandbox
         S: .
         C: USER alice@sandbox.test
         S: -ERR Plaintext authentication disallowed on non-secure connections
         C: STAT
         S: -ERR Unknown command, or not logged in
         C: STLS
         S: +OK Begin TLS negotiation now",
    )
    .await;
    raw.handshake("localhost").await.expect("a handshake");
    raw.dialogue(&format!(
        "C: CAPA
         S: +OK Capability list follows
         S: TOP
         S: UIDL
         S: RESP-CODES
         S: AUTH-RESP-CODE
         S: PIPELINING
         S: EXPIRE NEVER
         S: USER
         S: SASL PLAIN LOGIN
         S: IMPLEMENTATION mailtrip-sandbox
         S: .
         C: PASS nobody asked
         S: -ERR No username given
         C: USER alice@sandbox.test
         C: PASS wrong
         S: +OK
         S: -ERR [AUTH] Authentication failed.
         C: AUTH PLAIN {PLAIN}
         S: +OK Logged in: 0 messages (0 octets)",
    ))
    .await;
    let commands = sandbox.commands();
    assert!(commands.contains(&"pop3: PASS ***".to_owned()), "{commands:?}");
    assert!(commands.contains(&"pop3: AUTH PLAIN ***".to_owned()), "{commands:?}");
}

#[tokio::test]
async fn messages_are_listed_stuffed_and_deleted_at_quit_only() {
    let sandbox = sandbox("").await;
    sandbox.put(ALICE, "INBOX", b"Subject: one\r\n\r\n.dot\r\ntwo\r\n", &[]);
    sandbox.put(ALICE, "INBOX", b"Subject: no line end", &[]);
    let mut raw = Raw::pop3(&sandbox).await;
    raw.dialogue(
        "C: STAT
         C: LIST
         C: LIST 2
         C: UIDL
         C: TOP 1 1
         C: RETR 1
         C: RETR 2
         C: RETR 3
         C: RETR 0
         S: +OK 2 47
         S: +OK
         S: 1 27
         S: 2 20
         S: .
         S: +OK 2 20
         S: +OK
         S: 1 000f424100000001
         S: 2 000f424100000002
         S: .
         S: +OK Message follows
         S: Subject: one
         S:
         S: ..dot
         S: .
         S: +OK Message follows
         S: Subject: one
         S:
         S: ..dot
         S: two
         S: .
         S: +OK Message follows
         S: Subject: no line end
         S: .
         S: -ERR There is no such message
         S: -ERR There is no such message
         C: DELE 1
         S: +OK Marked to be deleted
         C: DELE 1
         S: -ERR There is no such message
         C: STAT
         S: +OK 1 20
         C: RSET
         S: +OK
         C: DELE 2
         S: +OK Marked to be deleted",
    )
    .await;
    assert_eq!(sandbox.messages(ALICE, "INBOX").len(), 2);
    raw.dialogue("C: QUIT\nS: +OK Logging out, messages deleted").await;
    let left: Vec<u32> = sandbox.messages(ALICE, "INBOX").iter().map(|m| m.uid).collect();
    assert_eq!(left, [1]);
}

#[tokio::test]
async fn the_maildrop_belongs_to_one_session_and_is_a_snapshot() {
    let sandbox = sandbox("").await;
    let mut first = Raw::pop3(&sandbox).await;
    let mut second = Raw::tls(&sandbox, Service::Pop3s).await;
    second
        .dialogue(&format!(
            "S: +OK mailtrip sandbox ready
             C: AUTH PLAIN {PLAIN}
             S: -ERR [IN-USE] The maildrop is in use by another session"
        ))
        .await;
    sandbox.put(ALICE, "INBOX", b"Subject: late\r\n\r\n", &[]);
    first.dialogue("C: STAT\nS: +OK 0 0\nC: QUIT\nS: +OK Logging out, messages deleted").await;
    // The lock is gone with the answer to QUIT.
    second.dialogue(&format!("C: AUTH PLAIN {PLAIN}\nS: +OK Logged in: 1 messages (17 octets)")).await;
}

#[tokio::test]
async fn the_faults_of_pop3() {
    let sandbox = sandbox(
        "[[faults]]
         fault = 'top-absent'
         [[faults]]
         fault = 'uidl-absent'
         [[faults]]
         fault = 'login-delay'
         every = '1h'",
    )
    .await;
    let mut raw = Raw::pop3(&sandbox).await;
    raw.dialogue(
        "C: CAPA
         S: +OK Capability list follows
         S: RESP-CODES
         S: AUTH-RESP-CODE
         S: PIPELINING
         S: EXPIRE NEVER
         S: USER
         S: SASL PLAIN LOGIN
         S: LOGIN-DELAY 3600
         S: IMPLEMENTATION mailtrip-sandbox
         S: .
         C: TOP 1 0
         S: -ERR Unknown command
         C: UIDL
         S: -ERR Unknown command
         C: QUIT
         S: +OK Logging out, messages deleted",
    )
    .await;
    let mut again = Raw::tls(&sandbox, Service::Pop3s).await;
    again
        .dialogue(&format!(
            "S: +OK mailtrip sandbox ready
             C: AUTH PLAIN {PLAIN}
             S: -ERR [LOGIN-DELAY] Minimum time between logins has not yet passed"
        ))
        .await;
}

#[tokio::test]
async fn a_locked_maildrop_and_a_server_without_capa() {
    let sandbox = sandbox("faults = [{ fault = 'maildrop-locked' }, { fault = 'capa-absent' }]").await;
    let mut raw = Raw::tls(&sandbox, Service::Pop3s).await;
    raw.dialogue(&format!(
        "S: +OK mailtrip sandbox ready
         C: CAPA
         S: -ERR Unknown command, or not logged in
         C: AUTH PLAIN {PLAIN}
         S: -ERR [IN-USE] The maildrop is in use by another session"
    ))
    .await;
}

#[tokio::test]
async fn a_maildrop_is_locked_for_some_sign_ins_in_the_words_of_an_old_server() {
    let fault = "{ fault = 'maildrop-locked', skip = 1, times = 1, text = 'Unable to lock maildrop' }";
    let sandbox = sandbox(&format!("faults = [{fault}]")).await;
    for said in ["+OK Logged in: …", "-ERR Unable to lock maildrop", "+OK Logged in: …"] {
        let mut raw = Raw::tls(&sandbox, Service::Pop3s).await;
        raw.dialogue(&format!("S: +OK …\nC: AUTH PLAIN {PLAIN}\nS: {said}\nC: QUIT\nS: +OK …")).await;
    }
}

#[tokio::test]
async fn the_newest_message_may_be_number_one_and_what_is_new_may_not_be_shown() {
    let sandbox = sandbox("faults = [{ fault = 'maildrop-reversed' }, { fault = 'maildrop-stale' }]").await;
    for text in ["1", "22", "333"] {
        sandbox.put("alice@sandbox.test", "INBOX", text.as_bytes(), &[]);
    }
    for _ in 0..2 {
        let mut raw = Raw::pop3(&sandbox).await;
        raw.dialogue("C: LIST\nS: +OK\nS: 1 3\nS: 2 2\nS: 3 1\nS: .\nC: QUIT\nS: +OK …").await;
        sandbox.put("alice@sandbox.test", "INBOX", b"4444", &[]);
    }
}
