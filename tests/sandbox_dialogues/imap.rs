//! IMAP in bytes.

use std::time::Duration;

use mailtrip::sandbox::Service;

use crate::client::{PLAIN, Raw, sandbox};

const ALICE: &str = "alice@sandbox.test";
const NOTE: &[u8] = b"Subject: note\r\nX-Tag: a\r\n b\r\n\r\nBody\r\n";

#[tokio::test]
async fn starttls_comes_before_login_and_capabilities_follow_the_state() {
    let sandbox = sandbox("").await;
    let mut raw = Raw::plain(&sandbox, Service::Imap).await;
    raw.dialogue(
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR ID LITERAL+ IDLE STARTTLS LOGINDISABLED] mailtrip sandbox ready
         C: a LOGIN alice@sandbox.test x
         S: a NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure connections
         C: b SELECT INBOX
         S: b BAD Unknown command, or log in first
         C: c STARTTLS
         S: c OK Begin TLS negotiation now",
    )
    .await;
    raw.handshake("localhost").await.expect("a handshake");
    raw.dialogue(&format!(
        "C: d CAPABILITY
         S: * CAPABILITY IMAP4rev1 SASL-IR ID LITERAL+ IDLE AUTH=PLAIN AUTH=LOGIN
         S: d OK Capability completed.
         C: e STARTTLS
         S: e BAD STARTTLS is not available
         C: f AUTHENTICATE PLAIN {PLAIN}
         S: f OK [CAPABILITY IMAP4rev1 SASL-IR ID LITERAL+ IDLE UNSELECT UIDPLUS SPECIAL-USE] Logged in
         C: g LOGOUT
         S: * BYE Logging out
         S: g OK Logout completed.",
    ))
    .await;
    assert_eq!(raw.rest().await, "");
    assert_eq!(
        sandbox.commands(),
        [
            "imap: a LOGIN ***",
            "imap: b SELECT INBOX",
            "imap: c STARTTLS",
            "imap: d CAPABILITY",
            "imap: e STARTTLS",
            "imap: f AUTHENTICATE PLAIN ***",
            "imap: g LOGOUT",
        ]
    );
}

#[tokio::test]
async fn a_login_may_be_quoted_with_escapes_or_come_in_literals() {
    let sandbox =
        sandbox(r#"accounts = [{ address = 'alice@sandbox.test', password = ' "back\slash" {4} ü ' }]"#).await;
    for login in [
        "a LOGIN \"alice@sandbox.test\" \" \\\"back\\\\slash\\\" {4} ü \"\r\n",
        "a LOGIN {18+}\r\nALICE@sandbox.test {21+}\r\n \"back\\slash\" {4} ü \r\n",
    ] {
        let mut raw = Raw::tls(&sandbox, Service::Imaps).await;
        raw.line().await;
        raw.send(login).await;
        raw.dialogue("S: a OK …").await;
    }
    let mut raw = Raw::tls(&sandbox, Service::Imaps).await;
    raw.line().await;
    raw.send("a LOGIN {18}\r\n").await;
    raw.dialogue("S: + OK").await;
    raw.send("alice@sandbox.test {21}\r\n").await;
    raw.dialogue("S: + OK").await;
    raw.send(" \"back\\slash\" {4} ü \r\n").await;
    raw.dialogue("S: a OK …").await;
    assert!(!sandbox.commands().join("\n").contains("slash"));
}

#[tokio::test]
async fn logins_that_fail() {
    let sandbox = sandbox("auth = ['PLAIN']").await;
    let mut raw = Raw::tls(&sandbox, Service::Imaps).await;
    raw.dialogue(
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR ID LITERAL+ IDLE AUTH=PLAIN] mailtrip sandbox ready
         C: a LOGIN alice@sandbox.test wrong
         S: a NO [AUTHENTICATIONFAILED] Authentication failed.
         C: b LOGIN \"unterminated
         S: b BAD Syntax error: unterminated quoted string
         C: c LOGIN alice
         S: c BAD Syntax error: ' ' expected
         C: d AUTHENTICATE LOGIN
         S: d NO Unsupported authentication mechanism
         C: e AUTHENTICATE PLAIN
         S: + 
         C: *
         S: e BAD Authentication aborted by client
         C: f LOGIN {99999999}
         S: f NO [TOOBIG] Literal too large
         C:  
         S: * BAD Invalid tag
         C: g LOGIN {99999999+}
         S: * BYE [TOOBIG] Literal too large",
    )
    .await;
    assert_eq!(raw.rest().await, "");
}

#[tokio::test]
async fn what_is_switched_off_is_neither_offered_nor_understood() {
    let sandbox =
        sandbox("special_use = false\nuidplus = false\nliteral_plus = false\nidle = false\nsasl_ir = false").await;
    let mut raw = Raw::tls(&sandbox, Service::Imaps).await;
    raw.dialogue(&format!(
        "S: * OK [CAPABILITY IMAP4rev1 ID AUTH=PLAIN AUTH=LOGIN] mailtrip sandbox ready
         C: a AUTHENTICATE PLAIN {PLAIN}
         S: a BAD Initial response is not supported
         C: b AUTHENTICATE PLAIN
         S: + 
         C: {PLAIN}
         S: b OK [CAPABILITY IMAP4rev1 ID UNSELECT] Logged in
         C: c IDLE
         S: c BAD Unknown command
         C: d SELECT {{5+}}
         S: d BAD Syntax error: literal expected
         C: e LIST \"\" Sent RETURN (SPECIAL-USE)
         S: e BAD Syntax error: unexpected arguments
         C: f LIST \"\" Sent
         S: * LIST (\\HasNoChildren) \"/\" \"Sent\"
         S: f OK LIST completed.
         C: g APPEND Sent {{4}}
         S: + OK
         C: ab
         C:
         S: g OK Append completed.
         C: h SELECT INBOX
         S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)
         S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Flags permitted.
         S: * 0 EXISTS
         S: * 0 RECENT
         S: * OK [UIDVALIDITY 1000001] UIDs valid
         S: * OK [UIDNEXT 1] Predicted next UID
         S: h OK [READ-WRITE] Selected.
         C: i UID EXPUNGE 1
         S: i BAD Unknown command",
    ))
    .await;
}

#[tokio::test]
async fn folders_are_listed_by_pattern_and_named_in_modified_utf7() {
    let sandbox = sandbox("sent_folder = 'Entwürfe & Gesendet'\njunk_folder = ''").await;
    let mut raw = Raw::imap(&sandbox).await;
    raw.dialogue(
        r#"C: a LIST "" "*" RETURN (SPECIAL-USE)
           S: * LIST (\HasNoChildren) "/" "INBOX"
           S: * LIST (\HasNoChildren \Sent) "/" "Entw&APw-rfe &- Gesendet"
           S: a OK LIST completed.
           C: b CREATE Work/2026
           S: b OK Create completed.
           C: c CREATE inbox
           S: c NO [ALREADYEXISTS] Mailbox already exists
           C: d LIST "" %
           S: * LIST (\HasNoChildren) "/" "INBOX"
           S: * LIST (\HasNoChildren \Sent) "/" "Entw&APw-rfe &- Gesendet"
           S: d OK LIST completed.
           C: e LIST Work/ *
           S: * LIST (\HasNoChildren) "/" "Work/2026"
           S: e OK LIST completed.
           C: f LIST (SPECIAL-USE) "" *
           S: * LIST (\HasNoChildren \Sent) "/" "Entw&APw-rfe &- Gesendet"
           S: f OK LIST completed.
           C: g LIST "" ""
           S: * LIST (\Noselect) "/" ""
           S: g OK LIST completed.
           C: h LSUB "" E*
           S: * LSUB (\HasNoChildren) "/" "Entw&APw-rfe &- Gesendet"
           S: h OK LSUB completed.
           C: i STATUS "Entw&APw-rfe &- Gesendet" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)
           S: * STATUS "Entw&APw-rfe &- Gesendet" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1000002 UNSEEN 0)
           S: i OK Status completed.
           C: j SELECT Nowhere
           S: j NO [NONEXISTENT] Mailbox doesn't exist
           C: k SELECT "bad &name"
           S: k BAD Mailbox name is not modified UTF-7
           C: l APPEND Nowhere {1+}
           C: x
           S: l NO [TRYCREATE] Mailbox doesn't exist"#,
    )
    .await;
}

#[tokio::test]
async fn fetch_gives_sections_and_only_body_without_peek_marks_as_seen() {
    let sandbox = sandbox("").await;
    sandbox.put(ALICE, "INBOX", NOTE, &[]);
    let mut raw = Raw::imap(&sandbox).await;
    raw.send("s SELECT INBOX\r\n").await;
    while !raw.line().await.starts_with("s OK") {}
    raw.dialogue(
        "C: a FETCH 1 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (X-Tag \"Missing\")])
         S: * 1 FETCH (UID 1 RFC822.SIZE 37 FLAGS (\\Recent) BODY[HEADER.FIELDS (X-Tag Missing)] {16}
         S: X-Tag: a
         S:  b
         S:
         S: )
         S: a OK Fetch completed.
         C: b UID FETCH 1:* BODY.PEEK[]<8.5>
         S: * 1 FETCH (UID 1 BODY[]<8> {5}
         S:  note)
         S: b OK Fetch completed.
         C: c FETCH 1 BODY[TEXT]
         S: * 1 FETCH (BODY[TEXT] {6}
         S: Body
         S:  FLAGS (\\Seen \\Recent))
         S: c OK Fetch completed.
         C: d FETCH 1 (BODY[] BODY[HEADER.FIELDS.NOT (X-Tag)])
         S: * 1 FETCH (BODY[] {37}
         S: Subject: note
         S: X-Tag: a
         S:  b
         S:
         S: Body
         S:  BODY[HEADER.FIELDS.NOT (X-Tag)] {17}
         S: Subject: note
         S:
         S: )
         S: d OK Fetch completed.
         C: e UID FETCH 2 FLAGS
         S: e OK Fetch completed.
         C: f FETCH 0 FLAGS
         S: f BAD Syntax error: bad message number
         C: g FETCH 1 (FLAGS
         S: g BAD Syntax error: ' ' expected
         C: h FETCH 1 BODY[1.MIME]
         S: h BAD Unknown section",
    )
    .await;
}

/// Selects INBOX and reads the answer.
async fn select_inbox(raw: &mut Raw) {
    raw.send("s SELECT INBOX\r\n").await;
    while !raw.line().await.starts_with("s OK") {}
}

#[tokio::test]
async fn uid_expunge_leaves_another_deleted_message_alone() {
    let sandbox = sandbox("existing = 3\nexisting_deleted = 1").await;
    let mut raw = Raw::imap(&sandbox).await;
    raw.dialogue(
        r"C: a SELECT INBOX
          C: b UID STORE 3 +FLAGS.SILENT (\deleted)
          C: c UID SEARCH DELETED
          C: d UID EXPUNGE 3
          C: e UID SEARCH ALL
          C: f NOOP
          S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
          S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \*)] Flags permitted.
          S: * 3 EXISTS
          S: * 3 RECENT
          S: * OK [UIDVALIDITY 1000001] UIDs valid
          S: * OK [UIDNEXT 4] Predicted next UID
          S: a OK [READ-WRITE] Selected.
          S: b OK Store completed.
          S: * SEARCH 1 3
          S: c OK Search completed.
          S: * 3 EXPUNGE
          S: d OK Expunge completed.
          S: * SEARCH 1 2
          S: e OK Search completed.
          S: f OK Completed.",
    )
    .await;
    let left: Vec<u32> = sandbox.messages(ALICE, "INBOX").iter().map(|m| m.uid).collect();
    assert_eq!(left, [1, 2]);
    // A plain EXPUNGE takes them all.
    raw.dialogue("C: g EXPUNGE\nS: * 1 EXPUNGE\nS: g OK Expunge completed.").await;
}

#[tokio::test]
async fn sequence_numbers_follow_expunges_and_uids_stay() {
    let sandbox = sandbox("existing = 5").await;
    let mut raw = Raw::imap(&sandbox).await;
    select_inbox(&mut raw).await;
    raw.dialogue(
        r"C: a STORE 2,4 +FLAGS (\Deleted)
          S: * 2 FETCH (FLAGS (\Deleted \Seen \Recent))
          S: * 4 FETCH (FLAGS (\Deleted \Seen \Recent))
          S: a OK Store completed.
          C: b EXPUNGE
          S: * 4 EXPUNGE
          S: * 2 EXPUNGE
          S: b OK Expunge completed.
          C: c FETCH 1:* UID
          S: * 1 FETCH (UID 1)
          S: * 2 FETCH (UID 3)
          S: * 3 FETCH (UID 5)
          S: c OK Fetch completed.
          C: d UID STORE 5 -FLAGS (\Seen)
          S: * 3 FETCH (UID 5 FLAGS (\Recent))
          S: d OK Store completed.
          C: e STORE 3 FLAGS $Label
          S: * 3 FETCH (FLAGS ($Label \Recent))
          S: e OK Store completed.
          C: f UID COPY 3:5 Junk
          S: f OK [COPYUID 1000003 3,5 1,2] Copy completed.
          C: g APPEND INBOX (\Seen) {3+}
          C: abc
          S: * 4 EXISTS
          S: * 4 RECENT
          S: g OK [APPENDUID 1000001 6] Append completed.
          C: h CLOSE
          S: h OK Completed.
          C: i FETCH 1 UID
          S: i BAD No mailbox selected",
    )
    .await;
    assert_eq!(&*sandbox.messages(ALICE, "INBOX")[3].raw, b"abc");
}

#[tokio::test]
async fn the_other_session_hears_of_changes_but_not_of_expunges_while_it_fetches() {
    let sandbox = sandbox("existing = 2").await;
    let mut one = Raw::imap(&sandbox).await;
    let mut other = Raw::imap(&sandbox).await;
    select_inbox(&mut one).await;
    select_inbox(&mut other).await;
    one.dialogue(
        "C: a STORE 1 +FLAGS.SILENT (\\Deleted \\Flagged)
         C: b EXPUNGE
         C: c STORE 1 +FLAGS.SILENT (\\Flagged)
         S: a OK Store completed.
         S: * 1 EXPUNGE
         S: b OK Expunge completed.
         S: c OK Store completed.",
    )
    .await;
    sandbox.put(ALICE, "INBOX", NOTE, &[]);
    other
        .dialogue(
            "C: a FETCH 1:* UID
             S: * 2 FETCH (UID 2)
             S: * 2 FETCH (FLAGS (\\Flagged \\Seen))
             S: * 3 EXISTS
             S: * 1 RECENT
             S: a OK Fetch completed.
             C: b NOOP
             S: * 1 EXPUNGE
             S: b OK Completed.
             C: c FETCH 2 UID
             S: * 2 FETCH (UID 3)
             S: c OK Fetch completed.",
        )
        .await;
}

#[tokio::test]
async fn an_examined_mailbox_is_not_changed() {
    let sandbox = sandbox("").await;
    sandbox.put(ALICE, "INBOX", NOTE, &["\\Deleted"]);
    let mut raw = Raw::imap(&sandbox).await;
    raw.dialogue(
        r"C: a EXAMINE INBOX
          S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
          S: * OK [PERMANENTFLAGS ()] Flags permitted.
          S: * 1 EXISTS
          S: * 1 RECENT
          S: * OK [UIDVALIDITY 1000001] UIDs valid
          S: * OK [UIDNEXT 2] Predicted next UID
          S: * OK [UNSEEN 1] First unseen.
          S: a OK [READ-ONLY] Selected.
          C: b FETCH 1 BODY[TEXT]
          S: * 1 FETCH (BODY[TEXT] {6}
          S: Body
          S: )
          S: b OK Fetch completed.
          C: c STORE 1 +FLAGS (\Seen)
          S: c NO [READ-ONLY] Mailbox is read-only
          C: d EXPUNGE
          S: d NO [READ-ONLY] Mailbox is read-only
          C: e CLOSE
          S: e OK Completed.",
    )
    .await;
    let left = sandbox.messages(ALICE, "INBOX");
    assert_eq!(left.len(), 1);
    assert!(!left[0].flags.contains("\\Seen"));
}

#[tokio::test]
async fn search_keys() {
    let sandbox = sandbox("existing = 3").await;
    sandbox.put(ALICE, "INBOX", NOTE, &["\\Flagged", "custom"]);
    let mut raw = Raw::imap(&sandbox).await;
    select_inbox(&mut raw).await;
    for (keys, found) in [
        ("ALL", " 1 2 3 4"),
        ("2:3", " 2 3"),
        ("UID 4:*", " 4"),
        ("UID 9:*", " 4"),
        ("UNSEEN", " 4"),
        ("UNDELETED FLAGGED", " 4"),
        ("NOT FLAGGED", " 1 2 3"),
        ("OR UID 1 SUBJECT \"message 2\"", " 1 2"),
        ("HEADER X-Tag \"A B\"", " 4"),
        ("HEADER Message-ID \"\"", " 1 2 3"),
        ("(KEYWORD custom) TEXT body", " 4"),
        ("BODY note", ""),
        ("CHARSET UTF-8 FROM someone", " 1 2 3"),
        ("BEFORE 2-Jan-1970", " 1 2 3"),
        ("SINCE \"02-Jan-1970\"", " 4"),
        ("SMALLER 38", " 4"),
    ] {
        raw.send(format!("x SEARCH {keys}\r\n")).await;
        assert_eq!(raw.line().await, format!("* SEARCH{found}"), "{keys}");
        assert_eq!(raw.line().await, "x OK Search completed.", "{keys}");
    }
    raw.dialogue("C: y SEARCH SIDEWAYS x\nS: y BAD Unknown search key SIDEWAYS").await;
    let nested = format!("z SEARCH {}ALL\r\n", "NOT ".repeat(1000));
    raw.send(nested).await;
    raw.dialogue("S: z BAD Search keys are nested too deep").await;
}

#[tokio::test]
async fn idle_announces_what_comes_and_goes() {
    let sandbox = sandbox("existing = 1").await;
    let mut raw = Raw::imap(&sandbox).await;
    select_inbox(&mut raw).await;
    raw.dialogue("C: a IDLE\nS: + idling").await;
    sandbox.put(ALICE, "INBOX", NOTE, &[]);
    raw.dialogue("S: * 2 EXISTS\nS: * 2 RECENT").await;
    let mut other = Raw::pop3(&sandbox).await;
    other.dialogue("C: DELE 1\nC: QUIT\nS: +OK…\nS: +OK…").await;
    raw.dialogue(
        "S: * 1 EXPUNGE
         C: DONE
         C: b UID SEARCH ALL
         S: a OK Idle completed.
         S: * SEARCH 2
         S: b OK Search completed.
         C: c IDLE
         S: + idling
         C: d NOOP
         S: c BAD Expected DONE.",
    )
    .await;
}

#[tokio::test]
async fn idle_can_be_late() {
    let sandbox = sandbox("idle_delay = '300ms'").await;
    let mut raw = Raw::imap(&sandbox).await;
    select_inbox(&mut raw).await;
    raw.dialogue("C: a IDLE\nS: + idling").await;
    let put = std::time::Instant::now();
    sandbox.put(ALICE, "INBOX", NOTE, &[]);
    raw.dialogue("S: * 1 EXISTS").await;
    assert!(put.elapsed() >= Duration::from_millis(300), "{:?}", put.elapsed());
}

#[tokio::test]
async fn a_large_message_is_fetched_in_full_and_in_parts() {
    let sandbox = sandbox("").await;
    let text = format!("Subject: large\r\n\r\n{}", "0123456789abcde\n".repeat(200_000));
    sandbox.put(ALICE, "INBOX", text.as_bytes(), &[]);
    let mut raw = Raw::imap(&sandbox).await;
    select_inbox(&mut raw).await;
    raw.send("a UID FETCH 1 BODY.PEEK[]\r\n").await;
    raw.expect(format!("* 1 FETCH (UID 1 BODY[] {{{}}}\r\n{text})\r\na OK Fetch completed.\r\n", text.len())).await;
    raw.send("b UID FETCH 1 BODY.PEEK[]<3200000.1000>\r\n").await;
    raw.expect("* 1 FETCH (UID 1 BODY[]<3200000> {18}\r\n").await;
}
