//! Access tokens from a token endpoint on loopback, with TLS: what it says well, badly, or not at all.

#[path = "support/provider.rs"]
mod provider;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mailtrip::account::{Grant, HttpsUrl, TokenEndpoint, TokenSource};
use mailtrip::config::{self, Overrides};
use mailtrip::diagnose::{Verdict, diagnose, verdict};
use mailtrip::failure::{Failure, Kind};
use mailtrip::outcome::{Fact, Outcome, Status};
use mailtrip::report::{self, Format};
use mailtrip::sandbox::{Sandbox, Service, Settings};
use mailtrip::stage::Stage;
use mailtrip::verify;
use mailtrip::verify::stop::Stop;
use mailtrip::wire::token::Tokens;
use provider::{Answer, CLIENT_SECRET, Provider, REFRESH};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);

const TOKEN: &str = "ya29.Zq9Zq9Zq9";

const GRANTED: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: LENGTH\r\n\r\n\
    {\"access_token\":\"ya29.Zq9Zq9Zq9\",\"token_type\":\"Bearer\",\"expires_in\":3599,\"scope\":\"mail\",\"refresh_token\":\"Zq9\"}";
const REFUSED: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: LENGTH\r\n\r\n\
    {\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or revoked.\"}";

async fn ask(source: &Arc<TokenSource>) -> Result<String, Failure> {
    let asked = timeout(PATIENCE, Tokens::default().of(source)).await.expect("it does not hang");
    asked.map(|(token, _)| token.secret.expose().to_owned())
}

#[tokio::test]
async fn a_token_is_asked_for_as_rfc_6749_says() {
    let provider = Provider::start(Answer::Says(GRANTED.into())).await;
    assert_eq!(ask(&provider.source()).await.unwrap(), TOKEN);
    let [request] = &provider.requests()[..] else { panic!("{:?}", provider.requests()) };
    assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
    let form = "client_id=an+id&client_secret=Zq9%26secret&grant_type=refresh_token&refresh_token=1%2F%2FZq9-refresh";
    assert_eq!(request.split_once("\r\n\r\n").unwrap().1, form);
    assert!(request.contains(&format!("host: localhost:{}\r\n", provider.port)), "{request}");

    let own_name = TokenEndpoint { grant: Grant::ClientCredentials, scope: Some("a b".into()), ..provider.endpoint() };
    ask(&Arc::new(TokenSource::Endpoint(Box::new(own_name)))).await.unwrap();
    assert!(provider.requests()[1].ends_with("&grant_type=client_credentials&scope=a+b"));
}

#[tokio::test]
async fn in_pieces_it_is_the_same() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n{\"access_token\":\"ya\r\n10\r\n29.Zq9Zq9Zq9\"}  \r\n0\r\n\r\n";
    let until_the_end = "HTTP/1.0 200 OK\r\n\r\n{\"access_token\":\"ya29.Zq9Zq9Zq9\"}";
    for text in [chunked, until_the_end] {
        let provider = Provider::start(Answer::Says(text.into())).await;
        assert_eq!(ask(&provider.source()).await.unwrap(), TOKEN);
    }
}

#[tokio::test]
async fn whatever_else_it_says_is_a_failure_without_a_secret() {
    let refused = Kind::TokenRefused {
        error: "invalid_grant".into(),
        description: Some("Token has been expired or revoked.".into()),
    };
    let cases = [
        (Answer::Says(REFUSED.into()), refused),
        (
            Answer::Says("HTTP/1.1 500 Oops\r\nContent-Length: LENGTH\r\n\r\nZq9".into()),
            Kind::TokenUnavailable { status: 500 },
        ),
        (
            Answer::Says("HTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\n\r\n<html>Zq9</html>".into()),
            Kind::TokenUnavailable { status: 200 },
        ),
        (
            Answer::Says("HTTP/1.1 302 Found\r\nLocation: https://localhost/\r\nContent-Length: 0\r\n\r\n".into()),
            Kind::TokenUnavailable { status: 302 },
        ),
        (Answer::Says("\0\u{1}Zq9\r\n\r\n".into()), Kind::Malformed),
        (Answer::Endless, Kind::Malformed),
        (Answer::Says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".into()), Kind::ConnectionLost),
        (Answer::Says("".into()), Kind::ConnectionLost),
    ];
    for (answer, kind) in cases {
        let provider = Provider::start(answer).await;
        let failure = ask(&provider.source()).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        let place = format!("https://localhost:{}/token", provider.port);
        assert!(failure.detail.as_ref().unwrap().starts_with(&place), "{failure:?}");
        assert!(!format!("{failure:?}").contains("Zq9"), "{failure:?}");
        assert_eq!(provider.requests().len(), 1, "one attempt");
    }
}

#[tokio::test]
async fn nothing_is_said_to_whom_is_not_trusted() {
    let provider = Provider::start(Answer::Says(GRANTED.into())).await;
    let stranger = TokenEndpoint { ca: None, ..provider.endpoint() };
    let failure = ask(&Arc::new(TokenSource::Endpoint(Box::new(stranger)))).await.unwrap_err();
    assert!(matches!(failure.kind, Kind::CertificateSelfSigned { issuer: Some(_) }), "{failure:?}");
    let url: HttpsUrl = format!("https://127.0.0.1:{}/token", provider.port).parse().unwrap();
    let elsewhere = TokenEndpoint { url, ..provider.endpoint() };
    let failure = ask(&Arc::new(TokenSource::Endpoint(Box::new(elsewhere)))).await.unwrap_err();
    let Kind::CertificateWrongName { names, .. } = &failure.kind else { panic!("{failure:?}") };
    assert_eq!(names, &["localhost"]);
    assert!(provider.requests().is_empty());

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url: HttpsUrl = format!("https://127.0.0.1:{closed}/token").parse().unwrap();
    let nowhere = TokenEndpoint { url, ..provider.endpoint() };
    let failure = ask(&Arc::new(TokenSource::Endpoint(Box::new(nowhere)))).await.unwrap_err();
    assert_eq!(failure.kind, Kind::ConnectionRefused);
}

async fn mail_system() -> Sandbox {
    let settings = format!(
        "auth = ['PLAIN', 'XOAUTH2']\n[[accounts]]\naddress = 'alice@sandbox.test'\npassword = 'x'\ntoken = '{TOKEN}'\n"
    );
    let settings: Settings = toml::from_str(&settings).unwrap();
    Sandbox::start(settings).await.unwrap()
}

/// Verifies an account that signs in by this, as it stands in a configuration.
async fn verify_by(sandbox: &Sandbox, provider: &Provider, proof: &str, folder: &Path) -> Outcome {
    fs::write(folder.join("ca.pem"), format!("{}{}", sandbox.ca_pem(), provider.ca)).unwrap();
    fs::write(folder.join("refresh"), REFRESH).unwrap();
    let (smtp, imap) = (sandbox.port(Service::Submission), sandbox.port(Service::Imaps));
    let text = format!(
        "[accounts.alice]\naddress = 'alice@sandbox.test'\nca_file = 'ca.pem'\n{proof}\n\
         smtp = {{ host = 'localhost', port = {smtp}, security = 'starttls' }}\n\
         imap = {{ host = 'localhost', port = {imap} }}\n[defaults]\nstage_timeout = '2s'\ntimeout = '30s'\n"
    );
    let file = folder.join("mailtrip.toml");
    fs::write(&file, text).unwrap();
    let overrides = Overrides { transcript: Some(true), ..Overrides::default() };
    let loaded = config::load(&file, &[], &overrides).await.unwrap_or_else(|error| panic!("{error}"));
    let (_stopper, stop) = Stop::new();
    let outcome = verify::run(&loaded.checks[0], &stop, &()).await;
    let style = report::terminal::Style { verbose: true, colour: false, width: 100 };
    for format in [Format::Json, Format::Terminal] {
        let text = report::render(std::slice::from_ref(&outcome), format, &style);
        assert!(!text.contains("Zq9"), "{text}");
    }
    outcome
}

fn by_refresh_token(provider: &Provider) -> String {
    let url = format!("https://localhost:{}/token", provider.port);
    format!(
        "oauth2 = {{ token_url = '{url}', client_id = 'id', client_secret = {{ value = '{CLIENT_SECRET}' }}, \
         refresh_token = {{ file = 'refresh' }} }}"
    )
}

fn failures(outcome: &Outcome) -> Vec<(Stage, &Kind)> {
    let failed = outcome.stages.iter().filter_map(|record| match &record.status {
        Status::Failed(failure) => Some((record.at.stage, &failure.kind)),
        _ => None,
    });
    failed.collect()
}

#[tokio::test]
async fn one_token_lets_a_verification_in_everywhere() {
    let (sandbox, provider) = (mail_system().await, Provider::start(Answer::Says(GRANTED.into())).await);
    let folder = tempfile::tempdir().unwrap();
    let outcome = verify_by(&sandbox, &provider, &by_refresh_token(&provider), folder.path()).await;
    assert_eq!(verdict(&outcome), Verdict::Ok, "{:#?}", diagnose(&outcome));
    let facts = outcome.stages.iter().filter(|record| record.at.stage == Stage::Token).flat_map(|record| &record.facts);
    let mut again: Vec<bool> = Vec::new();
    for fact in facts {
        let Fact::Token { from, lifetime_seconds, scope, again: before, another_refresh_token } = fact else {
            panic!()
        };
        assert_eq!((&**from, *lifetime_seconds), (&*format!("https://localhost:{}/token", provider.port), Some(3599)));
        assert!(scope.as_deref() == Some("mail") && *another_refresh_token);
        again.push(*before);
    }
    again.sort();
    assert_eq!(again, [false, true]);
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_told_in_its_words_and_nothing_is_sent() {
    let (sandbox, provider) = (mail_system().await, Provider::start(Answer::Says(REFUSED.into())).await);
    let folder = tempfile::tempdir().unwrap();
    let outcome = verify_by(&sandbox, &provider, &by_refresh_token(&provider), folder.path()).await;
    assert_eq!(verdict(&outcome), Verdict::Critical);
    let failed = failures(&outcome);
    assert!(
        failed.len() == 2
            && failed.iter().all(|(stage, kind)| {
                *stage == Stage::Token && matches!(kind, Kind::TokenRefused { error, .. } if error == "invalid_grant")
            }),
        "{failed:?}"
    );
    let diagnoses = diagnose(&outcome);
    assert!(diagnoses.iter().all(|diagnosis| diagnosis.code == "token-consent-lost"), "{diagnoses:#?}");
    assert!(diagnoses[0].evidence.iter().any(|text| text.contains("Token has been expired or revoked.")));
    assert_eq!(provider.requests().len(), 1, "one attempt for both servers");
    assert!(!sandbox.commands().iter().any(|line| line.contains("AUTH") || line.contains("MAIL FROM")));
}

#[tokio::test]
async fn a_provider_that_repeats_what_it_was_asked_with_is_not_quoted() {
    let echo = format!("no such token {REFRESH} of {CLIENT_SECRET}");
    let body = format!("{{\"error\":\"invalid_grant\",\"error_description\":\"{echo}\"}}");
    let text = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: LENGTH\r\n\r\n{body}");
    let (sandbox, provider) = (mail_system().await, Provider::start(Answer::Says(text.into())).await);
    let folder = tempfile::tempdir().unwrap();
    let outcome = verify_by(&sandbox, &provider, &by_refresh_token(&provider), folder.path()).await;
    let covered = Some("no such token *** of ***".to_owned());
    let kind = Kind::TokenRefused { error: "invalid_grant".into(), description: covered };
    assert!(failures(&outcome).iter().all(|failed| *failed == (Stage::Token, &kind)), "{:?}", failures(&outcome));
}

#[tokio::test]
async fn a_provider_that_says_nothing_is_bounded_by_the_stage() {
    let (sandbox, provider) = (mail_system().await, Provider::start(Answer::Stalls).await);
    let folder = tempfile::tempdir().unwrap();
    let outcome = verify_by(&sandbox, &provider, &by_refresh_token(&provider), folder.path()).await;
    let failed = failures(&outcome);
    assert!(failed.iter().all(|failed| *failed == (Stage::Token, &Kind::Timeout { limit_seconds: 2.0 })), "{failed:?}");
    assert!(diagnose(&outcome).iter().all(|diagnosis| diagnosis.code == "token-unavailable"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_gives_the_token_or_the_verification_cannot_run() {
    let (sandbox, provider) = (mail_system().await, Provider::start(Answer::Stalls).await);
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    let command =
        |last: &str| format!("token = {{ command = ['sh', '-c', \"echo >> '{}'; {last}\"] }}", count.display());
    let outcome = verify_by(&sandbox, &provider, &command(&format!("echo {TOKEN}")), folder.path()).await;
    assert_eq!(verdict(&outcome), Verdict::Ok, "{:#?}", diagnose(&outcome));
    assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), 1);
    let outcome = verify_by(&sandbox, &provider, &command("echo no consent >&2; exit 3"), folder.path()).await;
    assert_eq!(verdict(&outcome), Verdict::Unknown);
    let diagnosis = &diagnose(&outcome)[0];
    assert_eq!(diagnosis.code, "token-command-failed");
    assert!(diagnosis.evidence[0].contains("ended with exit status 3: no consent"), "{diagnosis:#?}");
    let outcome = verify_by(&sandbox, &provider, "token = { value = 'Zq9-stale' }", folder.path()).await;
    assert!(failures(&outcome).iter().all(|(stage, _)| *stage == Stage::Login));
    assert!(diagnose(&outcome).iter().all(|diagnosis| diagnosis.code == "token-not-accepted"));
    let advice = &diagnose(&outcome)[0].advice;
    assert!(advice[0].contains("get a new one") && advice[1].contains("https://mail.sandbox.test/"), "{advice:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_verified_by_a_token_of_a_command() {
    let sandbox = mail_system().await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, sandbox.ca_pem()).unwrap();
    let run = |token: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_mailtrip"))
            .args(["verify", "alice@sandbox.test", "--format", "json", "--token-command", &format!("echo {token}")])
            .args(["--smtp", &format!("localhost:{}/tls", sandbox.port(Service::Submissions))])
            .args(["--imap", &format!("localhost:{}/tls", sandbox.port(Service::Imaps)), "--ca-file"])
            .arg(&ca)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, report) = run(TOKEN);
    assert!(code == Some(0) && report.contains("\"XOAUTH2\"") && !report.contains("Zq9"), "{report}");
    let (code, report) = run("Zq9-stale");
    assert!(code == Some(2) && report.contains("token-not-accepted") && !report.contains("Zq9"), "{report}");
}
