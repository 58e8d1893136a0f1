//! Telling others of a run: what each service is sent, byte for byte, beside the outcomes in `tests/report`; and what becomes
//! of it where a service does not take it.
//!
//! `UPDATE_GOLDEN=1 cargo test --test push` writes the requests anew; look at the difference before it is committed.

#[path = "support/golden.rs"]
mod golden;
#[path = "support/provider.rs"]
mod provider;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mailtrip::diagnose::Verdict;
use mailtrip::outcome::Outcome;
use mailtrip::push::{self, Run, Service, Target};
use mailtrip::report::json;
use mailtrip::report::printable::is_unsafe;
use mailtrip::verify::stop::Stop;
use mailtrip::wire::http::{self, Request};
use tokio::net::TcpListener;
use uuid::Uuid;

use golden::golden;
use provider::{Answer, Provider};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\n\r\nOK";

/// A run with these outcomes, of which everybody is told.
fn run(outcomes: &[Outcome]) -> Run<'_> {
    Run { id: Uuid::from_u128(0x5bf6_6975_d4c7_4bf5_bcc8_b8d8_a82e_a278), outcomes, news: true, quiet: false }
}

/// Outcomes of the files of these names.
fn outcomes(names: &[&str]) -> Vec<Outcome> {
    let read = |name: &&str| {
        let path = folder().join(format!("report/{name}.json"));
        json::read(&fs::read_to_string(path).unwrap()).unwrap()
    };
    names.iter().flat_map(read).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// What a server gets of it: `PORT` stands for its port, `VERSION` for that of mailtrip.
async fn on_the_wire(server: &Provider, request: &Request) -> String {
    let before = server.requests().len();
    assert_eq!(http::send(request, None).await.unwrap().status, 200);
    let requests = server.requests();
    let [request] = &requests[before..] else { panic!("{requests:?}") };
    let request = request.replace(&format!("localhost:{}", server.port), "localhost:PORT");
    let request = request.replace(concat!("mailtrip/", env!("CARGO_PKG_VERSION")), "mailtrip/VERSION");
    let (header, body) = request.split_once("\r\n\r\n").unwrap();
    // How long a body of JSON is depends on the report, which is looked at elsewhere.
    let header = header.lines().filter(|line| !(body.starts_with('{') && line.starts_with("content-length: ")));
    format!("{}\n\n{body}", header.collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn each_service_is_told_in_its_own_way() {
    let server = Provider::plain(Answer::Says(OK.into())).await;
    let place = format!("http://localhost:{}", server.port);
    let targets = [
        format!("healthchecks={place}/ping/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278/?create=1&rid=x"),
        format!("kuma={place}/api/push/Zq9?status=up&msg=OK&ping=&key=a%20b"),
        format!("webhook=http://jane:p%40ss@localhost:{}/hook?a=b", server.port),
        format!("ntfy={place}/topic?auth=QmVhcmVyIHRrXzE"),
    ];
    let cases: &[(&str, &[&str])] = &[
        ("ok", &["ok"]),
        ("warning", &["junk"]),
        ("critical", &["login-refused"]),
        ("stopped", &["interrupted"]),
        ("mixed", &["ok", "junk", "login-refused", "offline", "ok"]),
        ("all-well", &["ok", "ok"]),
        ("hostile", &["hostile"]),
        ("nothing", &[]),
    ];
    let mut wrong = Vec::new();
    for (name, files) in cases {
        let outcomes = outcomes(files);
        for target in &targets {
            let target: Target = target.parse().unwrap();
            let mut told = on_the_wire(&server, &target.end(&run(&outcomes)).unwrap()).await;
            assert!(!told.chars().any(|c| is_unsafe(c) && c != '\n'), "{told:?}");
            if let Some((envelope, report)) = told.split_once("\"outcomes\": ") {
                let report: serde_json::Value =
                    serde_json::from_str(report.trim_end().strip_suffix('}').unwrap()).unwrap();
                let expected: serde_json::Value = serde_json::from_str(&json::render_all(&outcomes)).unwrap();
                assert_eq!(if outcomes.len() == 1 { &report[0] } else { &report }, &expected, "{name}");
                told = format!("{envelope}\"outcomes\": …\n");
            }
            wrong.extend(golden(&folder().join(format!("push/{name}.{}.txt", target.service)), &told).err());
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 writes them anew", wrong.join("\n"));
}

#[tokio::test]
async fn only_healthchecks_is_told_of_the_beginning() {
    let server = Provider::plain(Answer::Says(OK.into())).await;
    let run = Uuid::from_u128(1);
    for service in Service::ALL {
        let target: Target = format!("{service}=http://localhost:{}/a?x=1", server.port).parse().unwrap();
        let begin = target.begin(run);
        assert_eq!(begin.is_some(), *service == Service::Healthchecks);
        let Some(request) = begin else { continue };
        let told = on_the_wire(&server, &request).await;
        let expected = "POST /a/start?x=1&rid=00000000-0000-0000-0000-000000000001 HTTP/1.1\nhost: localhost:PORT\n\
                        user-agent: mailtrip/VERSION\ncontent-length: 0\ncontent-type: text/plain; charset=utf-8\n\n";
        assert_eq!(told, expected);
    }
}

#[test]
fn what_is_no_news_is_told_to_heartbeats_only() {
    let (well, wrong) = (outcomes(&["ok"]), outcomes(&["login-refused"]));
    let told = |run: Run<'_>| -> Vec<&str> {
        let target = |service: &&Service| format!("{service}=http://a/").parse::<Target>().unwrap().end(&run).is_some();
        Service::ALL.iter().filter(target).map(|service| service.name()).collect()
    };
    let (all, heartbeats) = (["healthchecks", "kuma", "webhook", "ntfy"], ["healthchecks", "kuma"]);
    assert_eq!(told(run(&well)), all);
    assert_eq!(told(Run { quiet: true, ..run(&well) }), all[..3]);
    assert_eq!(told(Run { quiet: true, ..run(&wrong) }), all);
    assert_eq!(told(Run { news: false, ..run(&wrong) }), heartbeats);
    assert!(Service::ALL.iter().filter(|service| service.is_heartbeat()).map(|one| one.name()).eq(heartbeats));
}

#[test]
fn mail_flows_with_a_warning_and_not_where_nobody_knows() {
    for (file, verdict, up) in [
        ("ok", Verdict::Ok, true),
        ("junk", Verdict::Warning, true),
        ("interrupted", Verdict::Unknown, false),
        ("login-refused", Verdict::Critical, false),
    ] {
        let outcomes = outcomes(&[file]);
        assert_eq!((run(&outcomes).verdict(), run(&outcomes).is_up()), (verdict, up), "{file}");
    }
    assert_eq!((run(&[]).verdict(), run(&[]).is_up()), (Verdict::Unknown, false));
}

#[test]
fn what_is_told_is_bounded() {
    let mut outcomes = outcomes(&["login-refused"]);
    outcomes[0].check = "ü".repeat(3000);
    let outcomes = vec![outcomes.remove(0); 500];
    let length = |target: &str| {
        let request = target.parse::<Target>().unwrap().end(&run(&outcomes)).unwrap();
        let header = request.headers.iter().map(|(_, value)| value.len()).max().unwrap_or_default();
        (request.url.target.len(), header, request.body)
    };
    let (target, _, body) = length("healthchecks=http://a/");
    assert!(target < 100 && (9000..=10_000).contains(&body.len()) && body.ends_with("\n…\n"), "{}", body.len());
    let (target, _, _) = length("kuma=http://a/");
    assert!((500..2000).contains(&target), "{target}");
    let (_, header, body) = length("ntfy=http://a/");
    assert!(header < 1600 && (3000..=4000).contains(&body.len()), "{header} {}", body.len());
    let (_, _, body) = length("webhook=http://a/");
    let envelope: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(envelope["outcomes"].is_null() && envelope["checks"].as_array().unwrap().len() == 500);
    assert_eq!(envelope["counts"]["critical"], 500);
}

#[test]
fn what_the_address_of_a_topic_says_itself_stays() {
    let outcomes = outcomes(&["login-refused"]);
    let names = |url: &str| -> Vec<&str> {
        let request = url.parse::<Target>().unwrap().end(&run(&outcomes)).unwrap();
        request.headers.iter().map(|(name, _)| *name).filter(|name| *name != "content-type").collect()
    };
    assert_eq!(names("https://ntfy.sh/a"), ["title", "priority", "tags"]);
    assert_eq!(names("https://ntfy.sh/a?p=5&title=Mail"), ["tags"]);
    assert_eq!(names("https://:tk_1@ntfy.sh/a?tags=mail"), ["title", "priority", "authorization"]);
}

/// Why they are not told, each at this address.
async fn untold(targets: &[String]) -> Vec<String> {
    untold_within(targets, push::PATIENCE).await
}

async fn untold_within(targets: &[String], patience: Duration) -> Vec<String> {
    let targets = targets.iter().map(|target| target.parse().unwrap()).collect();
    let (_stopper, stop) = Stop::new();
    let outcomes = outcomes(&["ok"]);
    let untold = push::start(targets, patience).finish(&outcomes, true, false, &stop).await;
    untold.iter().map(ToString::to_string).collect()
}

fn says(text: &'static str) -> Answer {
    Answer::Says(text.into())
}

#[tokio::test]
async fn whoever_does_not_take_it_is_named_with_the_reason_and_without_the_path() {
    let refused = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: LENGTH\r\n\r\nCannot POST /Zq9");
    let cases = [
        (Answer::Says(refused("500 Oops").into()), "kuma", "HTTP status 500"),
        (Answer::Says(refused("404 Not Found").into()), "ntfy", "HTTP status 404"),
        (
            says("HTTP/1.1 302 Found\r\nLocation: http://localhost/Zq9\r\nContent-Length: 0\r\n\r\n"),
            "webhook",
            "HTTP status 302: it leads elsewhere, and that is not followed",
        ),
        (
            says("HTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\n\r\nOK (not found)\n"),
            "healthchecks",
            "there is no such check",
        ),
        (
            says("HTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\n\r\nOK (rate limited)"),
            "healthchecks",
            "it was told too often",
        ),
        (
            says("220 mail.example.net ESMTP Zq9\r\n"),
            "kuma",
            "the answer is not what it should be: invalid HTTP version parsed",
        ),
        (Answer::Endless, "webhook", "the answer is not what it should be: an answer of more than 64 KiB"),
        (says(""), "ntfy", "the connection was cut"),
    ];
    for (answer, service, why) in cases {
        let server = Provider::plain(answer).await;
        let told = untold(&[format!("{service}=http://localhost:{}/Zq9", server.port)]).await;
        assert_eq!(told, [format!("{service} at localhost was not told how the run ended: {why}")]);
        let once = if service == "healthchecks" { 2 } else { 1 };
        assert_eq!(server.requests().len(), once, "one attempt: {:?}", server.requests());
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let told = untold(&[format!("kuma=http://127.0.0.1:{closed}/Zq9"), "ntfy=http://no-such.invalid/Zq9".into()]).await;
    let [refused, unknown] = &told[..] else { panic!("{told:?}") };
    assert_eq!(refused, "kuma at 127.0.0.1 was not told how the run ended: the port is closed");
    // Where there is no DNS at all, that is the reason.
    assert!(unknown.starts_with("ntfy at no-such.invalid was not told how the run ended: "), "{unknown}");
}

#[tokio::test]
async fn nothing_is_told_to_whom_is_not_trusted() {
    let server = Provider::start(says(OK)).await;
    let told = untold(&[format!("kuma=https://localhost:{}/Zq9", server.port)]).await;
    let why = "the certificate is signed by itself";
    assert_eq!(told, [format!("kuma at localhost was not told how the run ended: {why}")]);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn whoever_says_nothing_is_given_up_and_the_others_are_told_meanwhile() {
    let silent = Provider::plain(Answer::Stalls).await;
    let well = Provider::plain(says(OK)).await;
    let targets: Vec<String> =
        Service::ALL.iter().map(|s| format!("{s}=http://localhost:{}/Zq9", silent.port)).collect();
    let all = [targets, vec![format!("kuma=http://localhost:{}/", well.port)]].concat();
    let told = untold_within(&all, Duration::from_secs(3)).await;
    assert_eq!(told.len(), 4, "{told:?}");
    for (told, service) in told.iter().zip(Service::ALL) {
        assert_eq!(*told, format!("{service} at localhost was not told how the run ended: no answer within 3.00 s"));
    }
    assert_eq!(well.requests().len(), 1);
}

#[tokio::test]
async fn what_is_stopped_twice_is_told_to_nobody() {
    let server = Provider::plain(Answer::Stalls).await;
    let targets = vec![format!("kuma=http://localhost:{}/Zq9", server.port).parse().unwrap()];
    let (stopper, stop) = Stop::new();
    stopper.stop();
    let pushes = push::start(targets, push::PATIENCE);
    let outcomes = outcomes(&["interrupted"]);
    let finish = pushes.finish(&outcomes, true, false, &stop);
    let second = async {
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        stopper.stop();
    };
    let (untold, ()) = tokio::join!(finish, second);
    let untold: Vec<String> = untold.iter().map(ToString::to_string).collect();
    assert_eq!(untold, ["kuma at localhost was not told how the run ended: stopped"]);
}
