//! `--push [KIND=]URL` and `MAILTRIP_PUSH`: others are told of a run, and nothing about it is changed by that.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::program::{Done, Place, System};
use crate::provider::{Answer, Provider};

const VARIABLE: &str = "MAILTRIP_PUSH";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\n\r\nOK";
const OOPS: &str = "HTTP/1.1 500 Oops\r\nContent-Length: LENGTH\r\n\r\nnothing at /Zq9";
const REFUSED: &str = "faults = [{ fault = \"recipient-refused\", to = \"bob@sandbox.test\" }]";

/// A server of one's own for the length of a test.
struct Web {
    provider: Provider,
    _runtime: Runtime,
}

impl Web {
    fn start(answer: Answer) -> Web {
        let runtime = Runtime::new().expect("a runtime");
        let provider = runtime.block_on(Provider::plain(answer));
        Web { provider, _runtime: runtime }
    }

    /// An address there, whose path is a secret.
    fn url(&self, kind: &str) -> String {
        format!("{kind}=http://localhost:{}/Zq9", self.provider.port)
    }

    /// Method and target of what came, and its body.
    fn requests(&self) -> Vec<(String, String)> {
        let requests = self.provider.requests();
        let parts = requests.iter().map(|request| {
            let first = request.split(" HTTP/1.1").next().unwrap_or_default();
            (first.to_owned(), request.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
        });
        parts.collect()
    }
}

fn says(text: &'static str) -> Answer {
    Answer::Says(text.into())
}

fn with_variable(place: &Place, value: &str, arguments: &[&str]) -> Done {
    place.command(arguments).env(VARIABLE, value).output().expect("the command runs").into()
}

/// What is said of telling others; the configuration of the sandbox has a note of its own.
fn untold(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.contains("was not told") || !line.starts_with("note: ")).collect()
}

fn keeps_the_secret(done: &Done) {
    assert!(!format!("{}{}", done.stdout, done.stderr).contains("Zq9"), "{done:#?}");
}

#[test]
fn everybody_is_told_by_the_command_line_and_by_the_environment() {
    let (system, web) = (System::start(REFUSED), Web::start(says(OK)));
    for (check, code, up) in [("alice", 0, true), ("alice-to-bob", 2, false)] {
        let before = web.requests().len();
        let more = format!("\n{}\t {} ", web.url("kuma"), web.url("webhook"));
        let options =
            ["verify", check, "--format", "json", "--push", &web.url("healthchecks"), "--push", &web.url("ntfy")];
        let done = with_variable(&system.place, &more, &options);
        assert_eq!((done.code, untold(&done.stderr).as_slice()), (Some(code), &[][..]), "{done:#?}");
        keeps_the_secret(&done);
        let requests = &web.requests()[before..];
        let one = |begins: &str| {
            let found: Vec<_> = requests.iter().filter(|(first, _)| first.starts_with(begins)).collect();
            let [one] = found[..] else { panic!("{begins}: {requests:#?}") };
            one
        };
        assert_eq!(requests.len(), 5, "{requests:#?}");
        let (beginning, _) = one("POST /Zq9/start?rid=");
        let run = beginning.rsplit('=').next().expect("a run id");
        let (_, report) = one(&format!("POST /Zq9{}?rid={run}", if up { "" } else { "/fail" }));
        let verdict = if up { "OK" } else { "CRITICAL" };
        assert!(report.starts_with(&format!("{verdict}: {check}: ")), "{report}");
        one(&format!("GET /Zq9?status={}&msg={verdict}%3A+{check}%3A+", if up { "up" } else { "down" }));
        let (_, body) = requests.iter().find(|(_, body)| body.starts_with('{')).expect("JSON");
        let envelope: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!((&envelope["run"], &envelope["outcomes"][0]), (&run.into(), &done.json()), "the same run");
    }
}

#[test]
fn who_does_not_take_it_is_named_and_the_verdict_stays() {
    let (system, web) = (System::start(REFUSED), Web::start(says(OOPS)));
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number").port();
    let closed = format!("kuma=http://127.0.0.1:{closed}/Zq9");
    for (check, code) in [("alice", 0), ("alice-to-bob", 2)] {
        let options = ["verify", check, "--quiet", "--push", &web.url("webhook"), "--push", &closed];
        let done = system.run(&options);
        let expected = "note: webhook at localhost was not told how the run ended: HTTP status 500\n\
                        note: kuma at 127.0.0.1 was not told how the run ended: the port is closed\n";
        assert_eq!((done.code, done.stderr.as_str()), (Some(code), expected), "{done:#?}");
        keeps_the_secret(&done);
    }
}

#[test]
fn what_is_wrong_with_an_address_is_told_before_anything_is_done_and_without_it() {
    let system = System::start("");
    let cases = [
        ("hc-ping.com/Zq9", "expected [KIND=]URL, where the URL begins with https:// or http://"),
        ("slack=https://localhost/Zq9", "the kind is one of healthchecks, kuma, webhook, ntfy, not \"slack\""),
        ("https://localhost/Zq9 x", "what begins with http is not a URL such as https://hc-ping.com/UUID"),
    ];
    for (url, why) in cases {
        let done = system.run(&["verify", "alice", "--push", url]);
        assert_eq!((done.code, done.stderr), (Some(3), format!("error: --push: {why}\n")));
    }
    let done = with_variable(&system.place, "https://localhost/ localhost/Zq9", &["verify", "alice"]);
    assert_eq!((done.code, done.stderr), (Some(3), format!("error: {VARIABLE}: {}\n", cases[0].1)));
    assert!(system.sandbox.commands().is_empty());
    let done = with_variable(&system.place, "https://localhost/Zq9", &["verify", "--help"]);
    assert!(done.code == Some(0) && done.stdout.contains(VARIABLE), "{done:#?}");
    keeps_the_secret(&done);
}

/// Where the system's trust store is a file.
#[cfg(target_os = "linux")]
#[test]
fn a_certificate_is_judged_by_the_trust_store_of_the_system() {
    let system = System::start("");
    let runtime = Runtime::new().expect("a runtime");
    let server = runtime.block_on(Provider::start(says(OK)));
    let trusted = system.place.write("push.pem", &server.ca);
    let url = format!("kuma=https://localhost:{}/Zq9", server.port);
    let mut command = system.place.command(&["verify", "alice", "--quiet", "--push", &url]);
    let done: Done = command.env("SSL_CERT_FILE", trusted).output().expect("the command runs").into();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{done:#?}");
    assert!(server.requests()[0].starts_with("GET /Zq9?status=up&"), "{:?}", server.requests());
    let done = system.run(&["verify", "alice", "--quiet", "--push", &url]);
    let expected = "note: kuma at localhost was not told how the run ended: the certificate is signed by itself\n";
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), expected), "{done:#?}");
}

/// That is 20 seconds for two messages, and no more.
#[test]
fn who_says_nothing_is_waited_for_so_long_and_no_longer() {
    let (system, silent) = (System::start(""), Web::start(Answer::Stalls));
    let began = Instant::now();
    let urls = [silent.url("healthchecks"), silent.url("kuma")].join(" ");
    let done = with_variable(&system.place, &urls, &["verify", "alice", "--quiet"]);
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    let expected = ["healthchecks", "kuma"]
        .map(|kind| format!("note: {kind} at localhost was not told how the run ended: no answer within 10.0 s\n"));
    assert_eq!((done.code, done.stderr), (Some(0), expected.concat()));
}

#[cfg(unix)]
mod stopped {
    use std::io::{BufRead, BufReader, Read};

    use super::*;
    use crate::stopped::{send, until};

    #[test]
    fn a_run_that_is_stopped_is_told_as_a_failure() {
        let (system, web) = (System::start("faults = [{ fault = \"message-lost\" }]"), Web::start(says(OK)));
        let urls = [web.url("healthchecks"), web.url("kuma")].join(" ");
        let child = system.place.command(&["verify", "alice"]).env(VARIABLE, urls).spawn().expect("the command runs");
        until(&system, "IDLE", 1);
        send("INT", child.id());
        let done: Done = child.wait_with_output().expect("it ends").into();
        assert_eq!((done.code, untold(&done.stderr).as_slice()), (Some(3), &[][..]), "{done:#?}");
        let requests = web.requests();
        let (_, report) =
            requests.iter().find(|(first, _)| first.starts_with("POST /Zq9/fail?rid=")).expect("a failure");
        assert!(report.starts_with("UNKNOWN: alice: ") && report.contains("stopped"), "{report}");
        assert!(
            requests.iter().any(|(first, _)| first.starts_with("GET /Zq9?status=down&msg=UNKNOWN")),
            "{requests:#?}"
        );
    }

    /// The service does not even answer that the run has begun: nothing has waited for that.
    #[test]
    fn a_second_signal_ends_the_telling_and_the_report_was_there_before() {
        let (system, silent) = (System::start(""), Web::start(Answer::Stalls));
        let mut command = system.place.command(&["verify", "alice"]);
        let mut child = command.env(VARIABLE, silent.url("healthchecks")).spawn().expect("the command runs");
        let report = BufReader::new(child.stdout.take().expect("a pipe"));
        assert!(report.lines().map_while(Result::ok).any(|line| line.starts_with("OK: ")));
        let second = Instant::now();
        send("INT", child.id());
        send("TERM", child.id());
        let code = child.wait().expect("it ends").code();
        assert!(second.elapsed() < Duration::from_secs(5), "{:?}", second.elapsed());
        let mut stderr = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
        let expected = ["note: healthchecks at localhost was not told how the run ended: stopped"];
        assert_eq!((code, untold(&stderr)), (Some(0), expected.to_vec()));
        let requests = silent.requests();
        assert!(requests.len() == 1 && requests[0].0.starts_with("POST /Zq9/start?rid="), "{requests:#?}");
    }
}

#[test]
fn of_what_is_no_news_only_those_are_told_that_miss_a_ping() {
    let (system, web) = (System::start(""), Web::start(says(OK)));
    let more = ["healthchecks", "kuma", "ntfy", "webhook"].map(|kind| web.url(kind)).join(" ");
    let told = |password: &str| {
        let before = web.requests().len();
        let config = system.sandbox.config(&system.ca_file).replace("alice's sandbox", password);
        system.place.write("mailtrip.toml", &config);
        with_variable(&system.place, &more, &["verify", "alice", "--on-change"]);
        let mut told: Vec<String> = web.requests().split_off(before).into_iter().map(|(first, _)| first).collect();
        told.retain(|first| !first.contains("/start"));
        told.len()
    };
    assert_eq!(told("alice's sandbox"), 2, "a first run that is OK is no news");
    assert_eq!(told("no"), 4);
    assert_eq!(told("no"), 2, "it is down as before");
    assert_eq!(told("alice's sandbox"), 4);
}
