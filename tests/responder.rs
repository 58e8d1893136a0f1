//! A probe to an address that answers by itself, and whose account is not held here.

use std::time::Duration;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Secret, Security};
use mailtrip::check::{Check, Settings};
use mailtrip::diagnose::{Verdict, verdict};
use mailtrip::outcome::{Outcome, Status};
use mailtrip::report::terminal::{self, Style};
use mailtrip::sandbox::{self, Sandbox, Service};
use mailtrip::stage::{Leg, Stage};
use mailtrip::verify;
use mailtrip::verify::stop::Stop;

const ALICE: &str = "alice@sandbox.test";
const BOB: &str = "bob@sandbox.test";

fn account(sandbox: &Sandbox) -> Account {
    let user = sandbox.accounts().iter().find(|user| user.address == ALICE).expect("alice");
    let endpoint = |service| {
        Some(Endpoint {
            host: "localhost".to_owned(),
            port: sandbox.port(service),
            security: Security::Tls,
            allow_cleartext_password: false,
            credentials: Credentials { username: ALICE.to_owned(), proof: Secret::new(&user.password).into() },
            auth: Auth::Auto,
            ca: Some(sandbox.ca_pem().as_bytes().to_vec()),
            family: mailtrip::Family::Any,
            expect_auth: false,
        })
    };
    Account {
        name: "alice".to_owned(),
        address: ALICE.parse().expect("an address"),
        smtp: endpoint(Service::Submissions),
        imap: endpoint(Service::Imaps),
        pop3: None,
        folders: Folders::default(),
    }
}

/// Verifies while somebody answers what comes to bob with what `answer` makes of it.
async fn answered(answer: impl Fn(&str) -> Vec<String>) -> Outcome {
    let sandbox = Sandbox::start(sandbox::Settings::default()).await.expect("a sandbox");
    let mut settings = Settings::default();
    settings.limits.total = Duration::from_secs(6);
    settings.limits.cleanup = Duration::from_secs(1);
    let to = BOB.parse().expect("an address");
    let check = Check::to_responder("echo", account(&sandbox), to, settings).expect("a valid check");
    let (_stopper, stop) = Stop::new();
    let responder = async {
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        loop {
            looks.tick().await;
            if let Some(probe) = sandbox.messages(BOB, "INBOX").first() {
                let probe = String::from_utf8_lossy(&probe.raw).into_owned();
                assert!(
                    !probe.contains("Auto-Submitted"),
                    "no responder answers what is marked as automatic:\n{probe}"
                );
                for answer in answer(&probe) {
                    sandbox.put(ALICE, "INBOX", answer.as_bytes(), &[]);
                }
                return std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        outcome = verify::run(&check, &stop, &()) => outcome,
        () = responder => unreachable!(),
    }
}

fn header<'a>(probe: &'a str, name: &str) -> &'a str {
    probe.lines().find_map(|line| line.strip_prefix(name)).expect("the header").trim()
}

fn assert_answered(outcome: &Outcome) {
    let report = terminal::render(outcome, &Style::default());
    assert_eq!(verdict(outcome), Verdict::Ok, "\n{report}");
    let arrival = outcome.stages.iter().find(|record| record.at.stage == Stage::Arrival).expect("an arrival");
    assert_eq!((arrival.at.leg, &arrival.status), (Leg::ReplyDelivery, &Status::Passed), "\n{report}");
}

#[tokio::test]
async fn an_answer_is_known_by_its_in_reply_to() {
    let outcome = answered(|probe| {
        let id = header(probe, "Message-ID:");
        vec![
            "From: carol@elsewhere.example\r\nSubject: something else\r\n\r\nhello\r\n".to_owned(),
            format!("From: {BOB}\r\nSubject: Out of office\r\nIn-Reply-To: {id}\r\n\r\nI am away.\r\n"),
        ]
    });
    assert_answered(&outcome.await);
}

#[tokio::test]
async fn an_answer_is_known_by_the_tag_in_its_text() {
    let outcome = answered(|probe| {
        let tag = header(probe, "X-Mailtrip-Tag:");
        vec![format!("From: {BOB}\r\nSubject: Thank you\r\n\r\n> Tag: {tag}\r\n")]
    });
    assert_answered(&outcome.await);
}

#[tokio::test]
async fn other_mail_is_no_answer() {
    let outcome = answered(|_| vec!["From: carol@elsewhere.example\r\nSubject: Re: hello\r\n\r\nhello\r\n".to_owned()]);
    let outcome = outcome.await;
    assert_eq!(verdict(&outcome), Verdict::Critical, "\n{}", terminal::render(&outcome, &Style::default()));
}
