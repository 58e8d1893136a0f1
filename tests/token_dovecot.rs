//! Signing in by an access token on a real Dovecot, and through it on a real Postfix. Dovecot asks an endpoint of the test
//! whether a token is good (RFC 7662). Where the servers cannot run, every test shows as ignored, with the reason.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::LazyLock;

use mailtrip::account::{
    Account, Auth, Credentials, Endpoint, Family, Folders, Protocol, Secret, Security, TokenSource,
};
use mailtrip::check::{Check, Receive, Settings};
use mailtrip::diagnose::{Verdict, diagnose, verdict};
use mailtrip::failure::Kind;
use mailtrip::outcome::{Conversation, Fact, Outcome, Side, Status};
use mailtrip::report::json;
use mailtrip::report::terminal::{self, Style};
use mailtrip::stage::{Leg, Stage};
use mailtrip::verify;
use mailtrip::verify::stop::Stop;

#[path = "support/testbed.rs"]
mod testbed;
use testbed::{Options, Testbed, User};

/// As short as Google's, and as long as Microsoft's, which is longer than a line may be in SMTP and POP3.
static GOOD: LazyLock<[String; 2]> =
    LazyLock::new(|| ["ya29.Zq9Zq9Zq9".to_owned(), format!("eyJ0.{}", "Zq9-".repeat(600))]);
const STALE: &str = "ya29.Zq9-stale";

const BOTH: [(Auth, &str); 2] = [(Auth::Xoauth2, "XOAUTH2"), (Auth::Oauthbearer, "OAUTHBEARER")];

static BED: LazyLock<Testbed> = LazyLock::new(|| {
    let users = TESTS.iter().map(|(name, _)| User::new(&address(name), "its password")).collect();
    let introspection_url = Some(format!("http://127.0.0.1:{}/introspect", provider()));
    Testbed::start(Options { users, introspection_url, ..Options::default() })
});

type Test = fn(&str);

const TESTS: &[(&str, Test)] = &[
    ("a_token_lets_in_everywhere", lets_in),
    ("a_token_lets_in_after_starttls", lets_in_after_starttls),
    ("a_refusal_is_read_to_its_end", refused),
];

fn main() -> ExitCode {
    testbed::run_trials("token_dovecot", TESTS.iter().map(|&(name, test)| (name, move || test(&address(name)))))
}

fn address(test: &str) -> String {
    format!("{test}@test.example")
}

/// Answers whether a token is good, and for whom; its port. A token that is good is followed by whose it is.
fn provider() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || introspect(stream));
        }
    });
    port
}

fn introspect(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        request.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut form = vec![0; length];
    request.read_exact(&mut form)?;
    let form = String::from_utf8_lossy(&form);
    let token = form.split('&').find_map(|field| field.strip_prefix("token=")).unwrap_or_default();
    let whose = GOOD.iter().find_map(|good| token.strip_prefix(good.as_str())?.strip_prefix("."));
    let body = match whose {
        Some(name) => format!("{{\"active\":true,\"scope\":\"mail\",\"username\":\"{name}@test.example\"}}"),
        None => "{\"active\":false}".to_owned(),
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn account(address: &str, token: &str, auth: Auth, security: Security) -> Account {
    let ca = std::fs::read(BED.ca_file()).expect("the CA file");
    let source = TokenSource::AtHand(Secret::new(token));
    let endpoint = |tls, plain| Endpoint {
        host: Ipv4Addr::LOCALHOST.to_string(),
        port: if security == Security::Tls { tls } else { plain },
        security,
        allow_cleartext_password: false,
        credentials: Credentials { username: address.to_owned(), proof: source.clone().into() },
        auth,
        ca: Some(ca.clone()),
        family: Family::Any,
        expect_auth: false,
    };
    let ports = &BED.ports;
    Account {
        name: address.to_owned(),
        address: address.parse().expect("an address"),
        smtp: Some(endpoint(ports.submissions, ports.submission)),
        imap: Some(endpoint(ports.imaps, ports.imap)),
        pop3: Some(endpoint(ports.pop3s, ports.pop3)),
        folders: Folders::default(),
    }
}

/// Verifies by all three protocols; no token is in any report.
fn verify(address: &str, token: &str, auth: Auth, security: Security) -> Outcome {
    let account = account(address, token, auth, security);
    let settings = Settings { receive: Receive::Both, transcript: true, ..Settings::default() };
    let check = Check::new("check", account.clone(), account, settings).expect("a valid check");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcome = runtime.block_on(verify::run(&check, &Stop::new().1, &()));
    runtime.shutdown_background();
    let reports = json::render(&outcome) + &report(&outcome);
    assert!(!reports.contains("Zq9"), "the token is in a report:\n{reports}");
    outcome
}

fn report(outcome: &Outcome) -> String {
    terminal::render(outcome, &Style { verbose: true, ..Style::default() })
}

fn lets_in(address: &str) {
    lets_in_by(address, Security::Tls);
}

fn lets_in_after_starttls(address: &str) {
    lets_in_by(address, Security::Starttls);
}

fn lets_in_by(address: &str, security: Security) {
    let name = address.split('@').next().expect("a name");
    for (token, (auth, mechanism)) in GOOD.iter().flat_map(|token| BOTH.map(|auth| (token, auth))) {
        let outcome = verify(address, &format!("{token}.{name}"), auth, security);
        assert_eq!(verdict(&outcome), Verdict::Ok, "{}\n{}", report(&outcome), BED.log());
        let facts = outcome.stages.iter().flat_map(|record| &record.facts);
        let used = facts.filter(|fact| matches!(fact, Fact::Mechanism { name, .. } if name == mechanism));
        assert_eq!(used.count(), 3, "{}", report(&outcome));
        assert!(BED.messages(address, "INBOX").is_empty());
    }
}

/// The reason comes in a challenge; only when that is answered, the command itself is refused.
fn refused(address: &str) {
    for (auth, mechanism) in BOTH {
        let outcome = verify(address, STALE, auth, Security::Tls);
        assert_eq!(verdict(&outcome), Verdict::Critical);
        let failed: Vec<_> = outcome.failed().collect();
        assert_eq!(failed.len(), 3, "{}", report(&outcome));
        for (record, failure) in failed {
            assert_eq!(
                (record.at.stage, &failure.kind),
                (Stage::Login, &Kind::Refused { step: None }),
                "{}",
                report(&outcome)
            );
            let detail = failure.detail.as_deref().unwrap_or_default();
            assert!(detail.starts_with("{\"status\":"), "{} {mechanism}: {failure:?}\n{}", record.at, report(&outcome));
        }
        assert_eq!(outcome.conversations.len(), 3);
        for conversation in &outcome.conversations {
            ends_in_step(conversation, mechanism);
        }
        assert!(
            diagnose(&outcome).iter().all(|diagnosis| diagnosis.code == "token-not-accepted"),
            "{:#?}",
            diagnose(&outcome)
        );
        let skipped = outcome.stages.iter().filter(|record| matches!(record.status, Status::Skipped(_)));
        assert!(skipped.filter(|record| record.at.leg != Leg::Cleanup).count() > 0);
    }
}

/// A challenge, our answer, and then the refusal, which is the last word: nothing is left unread.
fn ends_in_step(conversation: &Conversation, mechanism: &str) {
    let lines = &conversation.lines;
    let said: Vec<(Side, &str)> = lines.iter().map(|line| (line.side, line.text.as_str())).collect();
    let Some([(Side::Server, challenge), (Side::Client, _), (Side::Server, last)]) = said.last_chunk::<3>() else {
        panic!("{mechanism}: {said:?}")
    };
    let (asks, refuses) = match conversation.protocol {
        Protocol::Smtp => ("334 ", "535 "),
        Protocol::Imap => ("+ ", " NO "),
        Protocol::Pop3 => ("+ ", "-ERR "),
    };
    assert!(challenge.starts_with(asks) && last.contains(refuses), "{mechanism}: {said:?}");
}
