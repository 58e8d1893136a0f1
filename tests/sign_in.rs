//! Signing in by every mechanism over every protocol, taken and refused: against the sandbox, whose side was written
//! apart, and against scripts that do what no proper server does.

use std::time::Duration;

use mailtrip::account::{Auth, Credentials, Endpoint, Proof, Protocol, Secret, Security, TokenSource};
use mailtrip::failure::{Failure, Kind};
use mailtrip::outcome::Side;
use mailtrip::sandbox::{Sandbox, Service, Settings};
use mailtrip::wire::sasl::{Key, SignIn};
use mailtrip::wire::tap::Tap;
use mailtrip::wire::transcript::Transcript;
use mailtrip::wire::{self, Dialogue, Io, Stream, imap, pop3, smtp, tls};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);

const PASSWORD: &str = "p\u{e4}ss =,\"hunter2";
const PROTOCOLS: [Protocol; 3] = [Protocol::Smtp, Protocol::Imap, Protocol::Pop3];

async fn sandbox(auth: &str, token: &str, sasl_ir: bool) -> Sandbox {
    let settings = format!(
        "auth = {auth}\nsasl_ir = {sasl_ir}\n[[accounts]]\naddress = 'a=l,ice@sandbox.test'\npassword = 'p\u{e4}ss =,\"hunter2'\n\
         token = '{token}'\n"
    );
    let settings: Settings = toml::from_str(&settings).unwrap();
    Sandbox::start(settings).await.unwrap()
}

fn endpoint(port: u16, security: Security, auth: Auth, key: &Key) -> Endpoint {
    let proof = match key {
        Key::Password(password) => password.clone().into(),
        Key::Token(token) => Proof::from(TokenSource::AtHand(token.clone())),
    };
    Endpoint {
        host: "localhost".into(),
        port,
        security,
        allow_cleartext_password: security == Security::None,
        credentials: Credentials { username: "a=l,ice@sandbox.test".into(), proof },
        auth,
        ca: None,
        family: mailtrip::Family::Any,
        expect_auth: false,
    }
}

/// What came of a sign-in, and what was said.
struct Attempt {
    result: Result<SignIn, Failure>,
    said: Vec<(Side, String)>,
}

impl Attempt {
    fn last(&self, side: Side) -> &str {
        self.said.iter().rfind(|(who, _)| *who == side).map_or("", |(_, text)| text)
    }
}

async fn sign_in_to(sandbox: &Sandbox, protocol: Protocol, auth: Auth, key: &Key) -> Attempt {
    let service = match protocol {
        Protocol::Smtp => Service::Submissions,
        Protocol::Imap => Service::Imaps,
        Protocol::Pop3 => Service::Pop3s,
    };
    let tcp = TcpStream::connect(("127.0.0.1", sandbox.port(service))).await.unwrap();
    let tap = Tap::new(tcp).unwrap();
    let (stream, _) = tls::handshake(tap, "localhost", Some(sandbox.ca_pem().as_bytes())).await.unwrap();
    attempt(Io::Tls(stream), protocol, &endpoint(sandbox.port(service), Security::Tls, auth, key), key).await
}

async fn attempt(io: Io, protocol: Protocol, endpoint: &Endpoint, key: &Key) -> Attempt {
    let transcript = Transcript::default();
    let stream = Stream::new(io, transcript.clone());
    let work = async {
        // A session that was let in is in step if it can take leave.
        match protocol {
            Protocol::Smtp => {
                let (session, sign_in) = smtp::Smtp::greet(stream).await?.login(endpoint, key).await?;
                session.quit().await.map(|()| sign_in)
            }
            Protocol::Imap => {
                let (session, sign_in) = imap::Greeted::greet(stream).await?.login(endpoint, key).await?;
                session.logout().await.map(|()| sign_in)
            }
            Protocol::Pop3 => {
                let (session, sign_in) = pop3::Greeted::greet(stream).await?.login(endpoint, key).await?;
                session.quit().await.map(|()| sign_in)
            }
        }
    };
    let result = timeout(PATIENCE, work).await.expect("it does not hang");
    Attempt { result, said: transcript.lines().into_iter().map(|line| (line.side, line.text)).collect() }
}

fn password(password: &str) -> Key {
    Key::Password(Secret::new(password))
}

fn token(token: &str) -> Key {
    Key::Token(Secret::new(token))
}

const MECHANISMS: [(&str, Auth, bool); 6] = [
    ("PLAIN", Auth::Plain, false),
    ("LOGIN", Auth::Login, false),
    ("CRAM-MD5", Auth::CramMd5, false),
    ("SCRAM-SHA-256", Auth::ScramSha256, false),
    ("XOAUTH2", Auth::Xoauth2, true),
    ("OAUTHBEARER", Auth::Oauthbearer, true),
];

const ALL: &str = "['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256', 'XOAUTH2', 'OAUTHBEARER']";

/// None of what is secret, in any form that it is sent in.
fn assert_no_secret(said: &[(Side, String)]) {
    for (side, line) in said {
        let from_client = *side == Side::Client;
        let encoded = line
            .split(' ')
            .any(|word| word.len() > 20 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)));
        let secret = line.contains("hunter2") || line.contains("ya29") || (from_client && encoded);
        assert!(!secret, "{line}");
    }
}

#[tokio::test]
async fn every_mechanism_gets_in_over_every_protocol() {
    for sasl_ir in [true, false] {
        let sandbox = sandbox(ALL, "ya29.token", sasl_ir).await;
        for (name, auth, by_token) in MECHANISMS {
            for protocol in PROTOCOLS {
                let key = if by_token { token("ya29.token") } else { password(PASSWORD) };
                let attempt = sign_in_to(&sandbox, protocol, auth, &key).await;
                let sign_in = attempt.result.as_ref().unwrap_or_else(|failure| {
                    panic!("{name} over {protocol}: {failure:?}\n{:#?}", attempt.said);
                });
                assert_eq!(sign_in.mechanism.name(), name);
                assert!(sign_in.also_offered.len() >= 5, "{:?}", sign_in.also_offered);
                assert_no_secret(&attempt.said);
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_is_read_to_its_end_in_one_attempt() {
    for sasl_ir in [true, false] {
        let sandbox = sandbox(ALL, "ya29.token", sasl_ir).await;
        for (name, auth, by_token) in MECHANISMS {
            for protocol in PROTOCOLS {
                let key = if by_token { token("ya29.other") } else { password("another hunter2") };
                let attempt = sign_in_to(&sandbox, protocol, auth, &key).await;
                let failure = attempt.result.as_ref().unwrap_err();
                assert_eq!(failure.kind, Kind::Refused { step: None }, "{name} over {protocol}: {failure:?}");
                let reply = failure.reply.as_ref().unwrap();
                let refused = match protocol {
                    Protocol::Smtp => reply.code == Some(535),
                    Protocol::Imap => reply.response_code.as_deref() == Some("AUTHENTICATIONFAILED"),
                    Protocol::Pop3 => reply.response_code.as_deref() == Some("AUTH"),
                };
                assert!(refused, "{name} over {protocol}: {reply:?}");
                // The refusal is the last thing that was said: nothing is left to be read.
                assert_eq!(attempt.said.last().unwrap().0, Side::Server);
                assert!(attempt.last(Side::Server).contains("uthentication failed"), "{:#?}", attempt.said);
                let told = failure.detail.as_deref().unwrap_or_default();
                assert_eq!(told.contains("\"scope\":\"https://mail.sandbox.test/\""), by_token, "{told}");
                assert_no_secret(&attempt.said);
            }
        }
        let commands = sandbox.commands();
        let attempts = commands.iter().filter(|line| ["AUTH", "LOGIN", "PASS"].iter().any(|verb| line.contains(verb)));
        assert_eq!(attempts.count(), MECHANISMS.len() * PROTOCOLS.len(), "{commands:#?}");
    }
}

/// A token of Microsoft's does not fit into an AUTH command (RFC 4954 §4, RFC 5034 §4): it waits until it is asked for.
#[tokio::test]
async fn a_long_token_gets_in_everywhere() {
    let long = format!("ya29.{}", "x".repeat(3000));
    let sandbox = sandbox("['XOAUTH2', 'OAUTHBEARER']", &long, true).await;
    for protocol in PROTOCOLS {
        for auth in [Auth::Xoauth2, Auth::Oauthbearer] {
            for (key, gets_in) in [(token(&long), true), (token(&long[1..]), false)] {
                let attempt = sign_in_to(&sandbox, protocol, auth, &key).await;
                assert_eq!(attempt.result.is_ok(), gets_in, "{protocol}: {:#?}", attempt.said);
            }
        }
    }
    let commands = sandbox.commands().join("\n");
    assert!(commands.contains("smtp: AUTH XOAUTH2\n") && commands.contains("pop3: AUTH XOAUTH2\n"), "{commands}");
}

#[tokio::test]
async fn the_choice_is_that_of_mail_programs() {
    for (offered, key, chosen) in [
        ("['CRAM-MD5', 'SCRAM-SHA-256', 'PLAIN']", password(PASSWORD), "PLAIN"),
        ("['SCRAM-SHA-256', 'LOGIN']", password(PASSWORD), "LOGIN"),
        ("['PLAIN', 'OAUTHBEARER', 'XOAUTH2']", token("ya29.token"), "XOAUTH2"),
        ("['PLAIN', 'OAUTHBEARER']", token("ya29.token"), "OAUTHBEARER"),
    ] {
        let sandbox = sandbox(offered, "ya29.token", true).await;
        let attempt = sign_in_to(&sandbox, Protocol::Smtp, Auth::Auto, &key).await;
        assert_eq!(attempt.result.unwrap().mechanism.name(), chosen);
    }
    let sandbox = sandbox("['CRAM-MD5', 'SCRAM-SHA-256']", "ya29.token", true).await;
    let attempt = sign_in_to(&sandbox, Protocol::Smtp, Auth::Auto, &password(PASSWORD)).await;
    assert_eq!(attempt.result.unwrap().mechanism.name(), "SCRAM-SHA-256");
    let attempt = sign_in_to(&sandbox, Protocol::Smtp, Auth::Auto, &token("ya29.token")).await;
    assert!(matches!(attempt.result.unwrap_err().kind, Kind::NoMechanism { offered } if offered.len() == 2));
}

/// A server that answers each line of the client with the next of these, whatever it says; gives what it was told.
async fn script(answers: &'static [&'static str]) -> (Io, u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut socket = BufReader::new(socket);
        let mut heard = Vec::new();
        for answer in answers {
            socket.write_all(answer.replace('\n', "\r\n").as_bytes()).await.unwrap();
            let mut line = String::new();
            if socket.read_line(&mut line).await.unwrap_or(0) == 0 {
                break;
            }
            heard.push(line.trim_end().to_owned());
        }
        heard
    });
    let (_, tcp) = wire::connect(&[address], PATIENCE).await;
    (Io::Plain(Tap::new(tcp.unwrap()).unwrap()), address.port(), server)
}

async fn play(protocol: Protocol, auth: Auth, answers: &'static [&'static str]) -> (Attempt, Vec<String>) {
    let (io, port, server) = script(answers).await;
    let key = if auth.wants_token() == Some(true) { token("t") } else { password("p") };
    let attempt = attempt(io, protocol, &endpoint(port, Security::None, auth, &key), &key).await;
    (attempt, server.await.unwrap())
}

const EHLO: &str = "250-x\n250 AUTH PLAIN CRAM-MD5 SCRAM-SHA-256 XOAUTH2\n";
const IMAP: &str = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=CRAM-MD5 AUTH=SCRAM-SHA-256] x\n";
const CAPA: &str = "+OK\nSASL PLAIN CRAM-MD5 SCRAM-SHA-256\n.\n";

#[tokio::test]
async fn an_exchange_that_makes_no_sense_is_taken_back_and_the_answer_read() {
    let cases: [(Protocol, Auth, &[&str]); 7] = [
        (Protocol::Smtp, Auth::CramMd5, &["220 x\n", EHLO, "334 !\n", "501 5.7.0 cancelled\n"]),
        (Protocol::Smtp, Auth::ScramSha256, &["220 x\n", EHLO, "334 cj14LHM9eCxpPTE=\n", "501 5.7.0 cancelled\n"]),
        (Protocol::Smtp, Auth::Xoauth2, &["220 x\n", EHLO, "334 e30=\n", "334 e30=\n", "501 5.7.0 cancelled\n"]),
        (Protocol::Imap, Auth::CramMd5, &[IMAP, "+ go ahead\n", "A0001 BAD cancelled\n"]),
        (Protocol::Imap, Auth::ScramSha256, &[IMAP, "+\n", "+ e30=\n", "A0001 BAD cancelled\n"]),
        (Protocol::Pop3, Auth::CramMd5, &["+OK x\n", CAPA, "+ !\n", "-ERR cancelled\n"]),
        (Protocol::Pop3, Auth::Plain, &["+OK x\n", CAPA, "+ \n", "+ \n", "-ERR cancelled\n"]),
    ];
    for (protocol, auth, answers) in cases {
        let (attempt, heard) = play(protocol, auth, answers).await;
        let failure = attempt.result.as_ref().unwrap_err();
        assert_eq!(failure.kind, Kind::Malformed, "{protocol} {auth:?}: {failure:?} {heard:?}");
        assert_eq!(heard.last().map(String::as_str), Some("*"), "{protocol} {auth:?}: {heard:?}");
        let reply = failure.reply.as_ref().map(|reply| reply.text.as_str());
        assert_eq!(reply, Some("cancelled"), "{protocol} {auth:?}: {failure:?}");
        assert_eq!(attempt.last(Side::Client), "*");
    }
}

#[tokio::test]
async fn a_server_that_asks_in_its_own_words_is_answered() {
    const OK: &str = "A0001 OK [CAPABILITY IMAP4rev1] in\n";
    let (attempt, heard) = play(Protocol::Imap, Auth::Plain, &[IMAP, "+ go ahead\n", OK, "A0002 OK bye\n"]).await;
    assert!(attempt.result.is_ok(), "{:?} {heard:?}", attempt.result);
    assert_eq!(heard[1], "AGE9bCxpY2VAc2FuZGJveC50ZXN0AHA=");
    let (attempt, _) =
        play(Protocol::Smtp, Auth::Plain, &["220 x\n", EHLO, "334 again?\n", "235 in\n", "221 x\n"]).await;
    assert!(attempt.result.is_ok(), "{:?}", attempt.result);
}

/// Whoever does not know the password is not the server, whatever it says (RFC 5802 §5).
#[tokio::test]
async fn a_server_that_lets_anybody_in_is_not_believed() {
    let (attempt, _) = play(Protocol::Smtp, Auth::ScramSha256, &["220 x\n", EHLO, "235 come in\n"]).await;
    let failure = attempt.result.unwrap_err();
    assert!(failure.kind == Kind::Malformed && failure.detail.unwrap().contains("without proving"));
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_that_may_not_be() {
    let (io, port, server) = script(&["220 x\n", EHLO, "235 in\n"]).await;
    let key = token("t");
    let endpoint = Endpoint { allow_cleartext_password: false, ..endpoint(port, Security::None, Auth::Auto, &key) };
    let attempt = attempt(io, Protocol::Smtp, &endpoint, &key).await;
    assert_eq!(attempt.result.unwrap_err().kind, Kind::CleartextForbidden);
    assert_eq!(server.await.unwrap().len(), 1, "EHLO and no more");
}
