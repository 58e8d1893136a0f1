//! The POP3 client, byte for byte, against servers that say what a script tells them.

use std::time::Duration;

use mailtrip::account::{Auth, Credentials, Endpoint, Secret, Security};
use mailtrip::failure::{Failure, Kind, Speech};
use mailtrip::wire::pop3::{Greeted, Pop3, Stat};
use mailtrip::wire::sasl::{Key, Mechanism};
use mailtrip::wire::tap::Tap;
use mailtrip::wire::transcript::Transcript;
use mailtrip::wire::{Dialogue, Io, Stream};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Long enough for a busy machine; reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// PLAIN for `alice` with the password `secret`.
const PLAIN: &str = "AGFsaWNlAHNlY3JldA==";

/// A server that sends the greeting, and to each line it expects its answer, then closes.
struct Server {
    stream: Stream,
    transcript: Transcript,
    done: JoinHandle<()>,
}

impl Server {
    async fn start(greeting: &[u8], script: &[(&str, &[u8])]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its port");
        let greeting = greeting.to_vec();
        let script: Vec<(String, Vec<u8>)> =
            script.iter().map(|(line, answer)| ((*line).to_owned(), answer.to_vec())).collect();
        let done = tokio::spawn(async move {
            let (client, _) = listener.accept().await.expect("a client");
            let mut client = BufReader::new(client);
            client.write_all(&greeting).await.expect("the greeting leaves");
            for (expected, answer) in script {
                let mut line = String::new();
                client.read_line(&mut line).await.expect("a line");
                assert_eq!(line, format!("{expected}\r\n"));
                // A client that has seen enough may be gone.
                let _ = client.write_all(&answer).await;
            }
        });
        let client = TcpStream::connect(address).await.expect("the server listens");
        let transcript = Transcript::default();
        let stream = Stream::new(Io::Plain(Tap::new(client).expect("a tap")), transcript.clone());
        Server { stream, transcript, done }
    }
}

fn key(endpoint: &Endpoint) -> Key {
    Key::Password(endpoint.credentials.proof.password().expect("a password").clone())
}

fn endpoint(auth: Auth) -> Endpoint {
    Endpoint {
        host: "localhost".to_owned(),
        port: 110,
        security: Security::None,
        allow_cleartext_password: true,
        credentials: Credentials { username: "alice".to_owned(), proof: Secret::new("secret").into() },
        auth,
        ca: None,
        family: mailtrip::Family::Any,
        expect_auth: false,
    }
}

async fn bounded<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("it must not hang")
}

/// What becomes of a sign-in, and how it was done.
async fn sign_in(greeting: &[u8], script: &[(&str, &[u8])]) -> Result<(Pop3, Mechanism), Failure> {
    bounded(async {
        let server = Server::start(greeting, script).await;
        let signed_in = async {
            let greeted = Greeted::greet(server.stream).await?;
            let (pop3, how) = greeted.login(&endpoint(Auth::Auto), &key(&endpoint(Auth::Auto))).await?;
            Ok((pop3, how.mechanism))
        }
        .await;
        assert!(!format!("{:?}", server.transcript.lines()).contains("secret"), "the password is on the transcript");
        assert!(!format!("{:?}", server.transcript.lines()).contains(PLAIN), "the password is on the transcript");
        if signed_in.is_err() {
            server.done.await.expect("the script was kept to");
        }
        signed_in
    })
    .await
}

/// A session on a server that knows no CAPA, with the rest of the script.
async fn session(script: &[(&str, &[u8])]) -> Pop3 {
    let mut all: Vec<(&str, &[u8])> =
        vec![("CAPA", b"-ERR what?\r\n"), ("USER alice", b"+OK\r\n"), ("PASS secret", b"+OK 3 messages\r\n")];
    all.extend(script);
    sign_in(b"+OK ready\r\n", &all).await.expect("the sign-in works").0
}

fn refusal(failure: &Failure) -> (Option<&str>, &str) {
    assert!(matches!(failure.kind, Kind::Refused { step: None }), "{failure:?}");
    let reply = failure.reply.as_ref().expect("the server's words");
    assert_eq!(reply.status.as_deref(), Some("-ERR"));
    (reply.response_code.as_deref(), &reply.text)
}

#[tokio::test]
async fn response_codes_are_read_as_what_they_are() {
    for (answer, code, text) in [
        (&b"-ERR [AUTH] wrong password\r\n"[..], Some("AUTH"), "wrong password"),
        (b"-ERR [SYS/TEMP] later\r\n", Some("SYS/TEMP"), "later"),
        (b"-ERR [SYS/PERM] never\r\n", Some("SYS/PERM"), "never"),
        (b"-ERR [IN-USE] locked\r\n", Some("IN-USE"), "locked"),
        (b"-ERR [LOGIN-DELAY] too soon\r\n", Some("LOGIN-DELAY"), "too soon"),
        (b"-err [in-use] locked\n", Some("in-use"), "locked"),
        (b"-ERR maildrop already locked\r\n", None, "maildrop already locked"),
        (b"-ERR\r\n", None, ""),
    ] {
        let script = [("CAPA", &b"-ERR\r\n"[..]), ("USER alice", b"+OK\r\n"), ("PASS secret", answer)];
        let failure = sign_in(b"+OK\r\n", &script).await.expect_err("refused");
        assert_eq!(refusal(&failure), (code, text));
    }
    let failure = sign_in(b"-ERR [SYS/TEMP] too many connections\r\n", &[]).await.expect_err("refused");
    assert_eq!(refusal(&failure), (Some("SYS/TEMP"), "too many connections"));
}

#[tokio::test]
async fn a_greeting_may_say_anything_but_what_is_not_pop3() {
    let script = [("CAPA", &b"-ERR\r\n"[..]), ("USER alice", b"+OK\r\n"), ("PASS secret", b"+OK\r\n")];
    for greeting in [&b"+OK\r\n"[..], b"+OK <1896.697170952@dbc.mtview.ca.us>\r\n", b"+ok ready\n", b"+OK \xff\xfe\r\n"]
    {
        assert!(sign_in(greeting, &script).await.is_ok(), "{greeting:?}");
    }
    for (greeting, speaks) in [
        (&b"* OK IMAP4rev1 ready\r\n"[..], Speech::Imap),
        (b"220 smtp ready\r\n", Speech::Smtp),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Speech::Ssh),
        (b"HTTP/1.1 400 Bad Request\r\n", Speech::Http),
    ] {
        let failure = sign_in(greeting, &[]).await.expect_err("not POP3");
        assert_eq!(failure.kind, Kind::WrongProtocol { speaks }, "{greeting:?}");
    }
    for greeting in [&b"\x16\x03\x01\0\n"[..], b"2200\r\n", b"\r\n"] {
        let failure = sign_in(greeting, &[]).await.expect_err("not POP3");
        assert_eq!(failure.kind, Kind::Malformed, "{greeting:?}");
    }
    assert_eq!(sign_in(b"", &[]).await.expect_err("nothing").kind, Kind::ConnectionLost);
    assert_eq!(sign_in(b"+OK rea", &[]).await.expect_err("cut off").kind, Kind::ConnectionLost);
    assert_eq!(sign_in(&[b'x'; 100_000], &[]).await.expect_err("endless").kind, Kind::Malformed);
}

#[tokio::test]
async fn the_mechanism_is_what_the_server_offers() {
    let auth = format!("AUTH PLAIN {PLAIN}");
    let auth = auth.as_str();
    let capa = |lines: &str| format!("+OK\r\n{lines}.\r\n").into_bytes();
    // With the initial response, and from a server that asks for it all the same.
    let offered = capa("TOP\r\nsasl LOGIN plain\r\n");
    let (_, mechanism) = sign_in(b"+OK\r\n", &[("CAPA", &offered), (auth, b"+OK\r\n")]).await.unwrap();
    assert_eq!(mechanism, Mechanism::Plain);
    sign_in(b"+OK\r\n", &[("CAPA", &offered), (auth, b"+ \r\n"), (PLAIN, b"+OK\r\n")]).await.unwrap();
    sign_in(b"+OK\r\n", &[("CAPA", &offered), (auth, b"+\r\n"), (PLAIN, b"+ok\r\n")]).await.unwrap();
    let failure = sign_in(b"+OK\r\n", &[("CAPA", &offered), (auth, b"-ERR [AUTH] no\r\n")]).await.unwrap_err();
    assert_eq!(refusal(&failure), (Some("AUTH"), "no"));
    // SASL LOGIN is not USER and PASS.
    let offered = capa("SASL LOGIN\r\nUSER\r\n");
    let script = [("CAPA", &offered[..]), ("USER alice", b"+OK\r\n"), ("PASS secret", b"+OK\r\n")];
    assert_eq!(sign_in(b"+OK\r\n", &script).await.unwrap().1, Mechanism::Login);
    let offered = capa("SASL GSSAPI\r\n");
    let failure = sign_in(b"+OK\r\n", &[("CAPA", &offered)]).await.unwrap_err();
    assert_eq!(failure.kind, Kind::NoMechanism { offered: vec!["GSSAPI".to_owned()] });
    // APOP alone: USER is tried, as some do not announce it, and its refusal is no verdict on the name.
    for (greeting, apop) in [(&b"+OK <1.2@pop.example>\r\n"[..], vec!["APOP".to_owned()]), (b"+OK\r\n", vec![])] {
        let script = [("CAPA", &capa("TOP\r\nUIDL\r\n")[..]), ("USER alice", b"-ERR unknown command\r\n")];
        let failure = sign_in(greeting, &script).await.unwrap_err();
        assert_eq!(failure.kind, Kind::NoMechanism { offered: apop });
        assert_eq!(failure.reply.expect("its words").text, "unknown command");
    }
    let endless = [b"+OK\r\n".to_vec(), b"X\r\n".repeat(1000)].concat();
    assert_eq!(sign_in(b"+OK\r\n", &[("CAPA", &endless)]).await.unwrap_err().kind, Kind::Malformed);
}

#[tokio::test]
async fn a_refused_user_ends_the_sign_in_whether_the_password_has_left_or_not() {
    let flight = b"+OK\r\nUSER\r\nPIPELINING\r\nLOGIN-DELAY 60 USER\r\n.\r\n";
    let (pop3, _) = sign_in(b"+OK\r\n", &[("CAPA", flight), ("USER alice", b"+OK\r\n"), ("PASS secret", b"+OK\r\n")])
        .await
        .unwrap();
    assert_eq!(pop3.login_delay, Some(Duration::from_secs(60)));
    // Cyrus 3.6 announces a delay of nothing.
    let none = b"+OK\r\nUSER\r\nLOGIN-DELAY 0\r\n.\r\n";
    let script = [("CAPA", &none[..]), ("USER alice", b"+OK\r\n"), ("PASS secret", b"+OK\r\n")];
    assert_eq!(sign_in(b"+OK\r\n", &script).await.unwrap().0.login_delay, None);
    let script = [("CAPA", &flight[..]), ("USER alice", b"-ERR who?\r\n"), ("PASS secret", b"-ERR no USER\r\n")];
    assert_eq!(refusal(&sign_in(b"+OK\r\n", &script).await.unwrap_err()), (None, "who?"));
    // The server hangs up after its refusal: that is what counts, not that the connection is gone.
    let script = [("CAPA", &flight[..]), ("USER alice", b"-ERR who?\r\n")];
    assert_eq!(refusal(&sign_in(b"+OK\r\n", &script).await.unwrap_err()), (None, "who?"));
    let script = [("CAPA", &b"-ERR\r\n"[..]), ("USER alice", b"-ERR who?\r\n")];
    assert_eq!(refusal(&sign_in(b"+OK\r\n", &script).await.unwrap_err()), (None, "who?"));
}

/// Cyrus 3.6.1 with `allowplaintext: no`, and GNU Mailutils 3.15 with `tls-mode required`: not APOP is what they want.
#[tokio::test]
async fn a_server_that_keeps_user_for_tls_is_not_said_to_know_only_apop() {
    let stamped = b"+OK POP3 Ready <18784.1795578974@vm>\r\n";
    for (capa, answer, offered) in [
        ("STLS\r\nTOP", "-ERR [AUTH] USER command only available under a layer", &[][..]),
        ("TOP\r\nXTLSREQUIRED\r\nSTLS", "-ERR Incorrect state", &[]),
        ("TOP", "-ERR command not supported, use APOP", &["APOP"]),
    ] {
        let (capa, answer) = (format!("+OK\r\n{capa}\r\n.\r\n"), format!("{answer}\r\n"));
        let script = [("CAPA", capa.as_bytes()), ("USER alice", answer.as_bytes())];
        let offered = offered.iter().map(|name: &&str| (*name).to_owned()).collect();
        assert_eq!(sign_in(stamped, &script).await.unwrap_err().kind, Kind::NoMechanism { offered }, "{answer}");
    }
}

#[tokio::test]
async fn credentials_cannot_add_a_command() {
    let server = Server::start(b"+OK\r\n", &[("CAPA", b"-ERR\r\n")]).await;
    let mut endpoint = endpoint(Auth::Auto);
    endpoint.credentials.proof = Secret::new("x\r\nDELE 1").into();
    let greeted = bounded(Greeted::greet(server.stream)).await.unwrap();
    let failure = bounded(greeted.login(&endpoint, &key(&endpoint))).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Local);
    server.done.await.unwrap();
}

#[tokio::test]
async fn a_long_initial_response_waits_to_be_asked_for() {
    let mut endpoint = endpoint(Auth::Auto);
    endpoint.credentials.proof = Secret::new("p".repeat(300)).into();
    let response = format!("AGFsaWNlAHBw{}", "cHBw".repeat(99) + "cA==");
    let response = response.as_str();
    let script = [("CAPA", &b"+OK\r\nSASL PLAIN\r\n.\r\n"[..]), ("AUTH PLAIN", b"+ \r\n"), (response, b"+OK\r\n")];
    let server = Server::start(b"+OK\r\n", &script).await;
    let greeted = bounded(Greeted::greet(server.stream)).await.unwrap();
    bounded(greeted.login(&endpoint, &key(&endpoint))).await.unwrap();
    bounded(server.done).await.unwrap();
}

#[tokio::test]
async fn nothing_but_the_handshake_may_follow_stls() {
    let offered: &[u8] = b"+OK\r\nSTLS\r\n.\r\n";
    for (capa, answer, kind) in [
        (offered, &b"+OK begin\r\n"[..], None),
        (b"-ERR\r\n", b"+OK begin\r\n", None),
        // Solid POP3 0.15 knows neither: it has offered nothing that it refuses now.
        (b"-ERR unknown command\r\n", b"-ERR unknown command\r\n", Some(Kind::StarttlsNotOffered)),
        (offered, b"+OK begin\r\n+OK injected\r\n", Some(Kind::InjectedPlaintext)),
        (offered, b"-ERR [SYS/TEMP] not now\r\n", Some(Kind::Refused { step: None })),
    ] {
        let server = Server::start(b"+OK\r\n", &[("CAPA", capa), ("STLS", answer)]).await;
        let greeted = bounded(Greeted::greet(server.stream)).await.unwrap();
        assert_eq!(bounded(greeted.starttls()).await.err().map(|failure| failure.kind), kind);
    }
    let server = Server::start(b"+OK\r\n", &[("CAPA", b"+OK\r\nTOP\r\n.\r\n")]).await;
    let greeted = bounded(Greeted::greet(server.stream)).await.unwrap();
    assert_eq!(bounded(greeted.starttls()).await.unwrap_err().kind, Kind::StarttlsNotOffered);
}

#[tokio::test]
async fn counts_ids_and_sizes() {
    let mut pop3 = session(&[
        ("STAT", b"+OK 3 320\r\n"),
        ("STAT", b"+OK 0\r\n"),
        ("STAT", b"+OK many\r\n"),
        ("STAT", b"+OK -1 5\r\n"),
        ("UIDL 3", b"+OK 3 whqtswO00WBw418f9t5JxYwZ\r\n"),
        ("LIST 3", b"+OK 3 120\r\n"),
        ("LIST 4", b"+OK 3 120\r\n"),
        ("UIDL 9", b"-ERR no such command\r\n"),
    ])
    .await;
    assert_eq!(pop3.stat().await.unwrap(), Stat { count: 3, octets: Some(320) });
    assert_eq!(pop3.stat().await.unwrap(), Stat { count: 0, octets: None });
    assert_eq!(pop3.stat().await.unwrap_err().kind, Kind::Malformed);
    assert_eq!(pop3.stat().await.unwrap_err().kind, Kind::Malformed);
    assert_eq!(pop3.unique_id(3).await.unwrap().as_deref(), Some("whqtswO00WBw418f9t5JxYwZ"));
    assert_eq!(pop3.size(3).await.unwrap(), Some(120));
    assert_eq!(pop3.size(4).await.unwrap(), None, "the answer is about another message");
    assert_eq!(pop3.unique_id(9).await.unwrap(), None);
    assert_eq!(pop3.unique_id(9).await.unwrap(), None, "it is not asked again");
}

#[tokio::test]
async fn dot_stuffing_is_undone_wherever_it_is() {
    for (sent, read) in [
        (&b"A: b\r\n\r\n..\r\n.\r\n"[..], &b"A: b\r\n\r\n.\r\n"[..]),
        (b"..\r\n...\r\n....x\r\n.\r\n", b".\r\n..\r\n...x\r\n"),
        (b"a.b\r\nc.\r\n .\r\n.\r\n", b"a.b\r\nc.\r\n .\r\n"),
        (b"..a\r\n\r\n.\r\n", b".a\r\n\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"), // not stuffed, though it should be
        (b".\r\n", b""),
        (b"a\n.\nb\r\n.\r\n", b"a\n\nb\r\n"), // an LF alone ends no line for a server that knows CRLF
        (b"a\n.\r\n", b"a\n"),
        (b"a\r\r\n.\r\n", b"a\r\r\n"),
        (b"\xe4\0\r\n.\r\n", b"\xe4\0\r\n"),
    ] {
        let answer = [b"+OK\r\n", sent].concat();
        let mut pop3 = session(&[("RETR 1", &answer), ("QUIT", b"+OK\r\n")]).await;
        assert_eq!(bounded(pop3.whole(1)).await.unwrap(), read, "{:?}", String::from_utf8_lossy(sent));
        bounded(pop3.quit()).await.expect("the session is in step");
    }
}

#[tokio::test]
async fn a_server_that_ends_its_lines_with_lf_is_understood() {
    let mut pop3 = session(&[("RETR 1", b"+OK\nA: b\n\n..\ntext\n.\n"), ("QUIT", b"+OK\n")]).await;
    assert_eq!(bounded(pop3.whole(1)).await.unwrap(), b"A: b\r\n\r\n.\r\ntext\r\n");
    bounded(pop3.quit()).await.unwrap();
}

/// The answer comes in pieces of every size.
#[tokio::test]
async fn an_end_that_is_split_over_reads_is_found() {
    let answer = b"+OK\r\nA: b\r\n\r\n..x\r\n.\r\n";
    for split in 1..answer.len() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            client.set_nodelay(true).unwrap();
            let mut client = BufReader::new(client);
            client.write_all(b"+OK\r\n").await.unwrap();
            for said in [&b"-ERR\r\n"[..], b"+OK\r\n", b"+OK\r\n", &answer[..split]] {
                client.read_line(&mut String::new()).await.unwrap();
                client.write_all(said).await.unwrap();
            }
            tokio::task::yield_now().await;
            client.write_all(&answer[split..]).await.unwrap();
        });
        let tcp = TcpStream::connect(address).await.unwrap();
        let stream = Stream::new(Io::Plain(Tap::new(tcp).unwrap()), Transcript::default());
        let greeted = bounded(Greeted::greet(stream)).await.unwrap();
        let (mut pop3, _) = bounded(greeted.login(&endpoint(Auth::Auto), &key(&endpoint(Auth::Auto)))).await.unwrap();
        assert_eq!(bounded(pop3.whole(1)).await.unwrap(), b"A: b\r\n\r\n.x\r\n", "split at {split}");
        bounded(server).await.unwrap();
    }
}

#[tokio::test]
async fn without_top_what_is_small_is_fetched_whole_and_what_is_large_is_left_alone() {
    let mut pop3 = session(&[
        ("TOP 1 0", b"-ERR unknown command\r\n"),
        ("LIST 1", b"+OK 1 40\r\n"),
        ("RETR 1", b"+OK\r\nSubject: x\r\n\r\nbody\r\n.\r\n"),
        ("LIST 2", b"+OK 2 30000000\r\n"),
        ("LIST 3", b"-ERR\r\n"),
        ("RETR 3", b"+OK\r\nno empty line\r\n.\r\n"),
    ])
    .await;
    assert_eq!(bounded(pop3.header(1)).await.unwrap(), b"Subject: x\r\n\r\n");
    assert_eq!(bounded(pop3.header(2)).await.unwrap(), b"");
    assert_eq!(bounded(pop3.header(3)).await.unwrap(), b"no empty line\r\n");
}

/// As Dovecot does with a message that another session has removed meanwhile: RETR would mark all others as read.
#[tokio::test]
async fn where_top_is_known_it_is_refused_for_one_message_only() {
    let [good, gone] = [&b"+OK\r\nA: b\r\n\r\n.\r\n"[..], b"-ERR Message 2 is gone\r\n"];
    let mut worked = session(&[("TOP 3 0", good), ("TOP 2 0", gone), ("TOP 1 0", good), ("QUIT", b"+OK\r\n")]).await;
    assert_eq!(bounded(worked.header(3)).await.unwrap(), b"A: b\r\n\r\n");
    let announced = [
        ("CAPA", &b"+OK\r\nTOP\r\nUSER\r\n.\r\n"[..]),
        ("USER alice", b"+OK\r\n"),
        ("PASS secret", b"+OK\r\n"),
        ("TOP 2 0", gone),
        ("TOP 1 0", good),
        ("QUIT", b"+OK\r\n"),
    ];
    let announced = sign_in(b"+OK ready\r\n", &announced).await.expect("the sign-in works").0;
    for mut pop3 in [worked, announced] {
        assert_eq!(refusal(&bounded(pop3.header(2)).await.unwrap_err()).1, "Message 2 is gone");
        assert_eq!(bounded(pop3.header(1)).await.unwrap(), b"A: b\r\n\r\n");
        bounded(pop3.quit()).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_that_a_server_sends_is_kept_without_end() {
    // A foreign message with a line of 3 MB: the header is cut off, and the session stays in step.
    let long = [&b"+OK\r\nA: "[..], &[b'x'; 3_000_000], b"\r\n\r\n.\r\n"].concat();
    let mut pop3 = session(&[("TOP 1 0", &long), ("QUIT", b"+OK\r\n")]).await;
    assert_eq!(bounded(pop3.header(1)).await.unwrap().len(), 64 * 1024);
    bounded(pop3.quit()).await.unwrap();
    let endless = [&b"+OK\r\n"[..], &b"more and more and more\r\n".repeat(1_600_000)].concat();
    let mut pop3 = session(&[("TOP 1 0", &endless)]).await;
    assert_eq!(bounded(pop3.header(1)).await.unwrap_err().kind, Kind::Malformed);
    let mut pop3 = session(&[("RETR 1", &endless)]).await;
    assert_eq!(bounded(pop3.whole(1)).await.unwrap_err().kind, Kind::Malformed);
    let mut pop3 = session(&[("RETR 1", b"+OK\r\ncut off in the mid")]).await;
    assert_eq!(bounded(pop3.whole(1)).await.unwrap_err().kind, Kind::ConnectionLost);
}

#[tokio::test]
async fn only_consent_to_quit_counts() {
    let mut pop3 = session(&[("DELE 2", b"-ERR [SYS/PERM] read-only\r\n"), ("DELE 1", b"+OK\r\n")]).await;
    assert_eq!(refusal(&pop3.delete(2).await.unwrap_err()), (Some("SYS/PERM"), "read-only"));
    pop3.delete(1).await.unwrap();
    assert_eq!(bounded(pop3.quit()).await.unwrap_err().kind, Kind::ConnectionLost);
    let pop3 = session(&[("QUIT", b"-ERR some deleted messages not removed\r\n")]).await;
    assert_eq!(refusal(&bounded(pop3.quit()).await.unwrap_err()).1, "some deleted messages not removed");
    let pop3 = session(&[("QUIT", b"+OK bye\r\n")]).await;
    bounded(pop3.quit()).await.unwrap();
}
