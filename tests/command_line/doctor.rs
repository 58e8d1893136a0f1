//! `mailtrip doctor`, and `mailtrip verify --diagnose`.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use mailtrip::sandbox::Service;
use serde_json::Value;

use crate::program::{Done, System};

const IMAP: &str = "imap";

/// A configuration of alice with these servers.
fn configure(system: &System, servers: &[(&str, u16, &str)]) {
    configure_as(system, "address = \"alice@sandbox.test\"\npassword = { env = \"ALICE\" }", servers);
}

/// The same with these keys for the account.
fn configure_as(system: &System, keys: &str, servers: &[(&str, u16, &str)]) {
    let ca = system.ca_file.display();
    let mut text = format!("[accounts.alice]\n{keys}\nca_file = \"{ca}\"\n");
    for (protocol, port, security) in servers {
        let more = if *security == "none" { ", allow_cleartext_password = true" } else { "" };
        text += &format!("{protocol} = {{ host = \"localhost\", port = {port}, security = \"{security}\"{more} }}\n");
    }
    system.place.write("mailtrip.toml", &text);
}

fn run(system: &System, arguments: &[&str]) -> Done {
    let mut command = system.place.command(arguments);
    command.env("ALICE", crate::program::ALICE).output().expect("the command runs").into()
}

fn doctor(system: &System, more: &[&str]) -> Done {
    run(system, &[&["doctor", "--offline-neighbours"], more].concat())
}

/// The only account, as JSON.
fn examined(done: &Done) -> Value {
    let json = done.json();
    assert_eq!(json["schema"], 1);
    json["accounts"][0].clone()
}

/// How often somebody tried to sign in.
fn sign_ins(system: &System) -> usize {
    let words = ["AUTH", "LOGIN", "USER", "PASS"];
    let is_one = |command: &&String| words.iter().any(|word| command.to_ascii_uppercase().contains(word));
    system.sandbox.commands().iter().filter(is_one).count()
}

/// All of them, as TLS from the first byte.
fn all(system: &System) -> [(&'static str, u16, &'static str); 3] {
    let port = |service| system.sandbox.port(service);
    [
        ("smtp", port(Service::Submissions), "tls"),
        (IMAP, port(Service::Imaps), "tls"),
        ("pop3", port(Service::Pop3s), "tls"),
    ]
}

fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

#[test]
fn what_works_is_signed_in_to_once_and_nothing_is_sent() {
    let system = System::start("");
    configure(&system, &all(&system));
    let done = doctor(&system, &["--format", "json"]);
    let account = examined(&done);
    assert_eq!((done.code, &account["verdict"]), (Some(0), &"ok".into()), "{done:#?}");
    for server in account["servers"].as_array().expect("servers") {
        assert_eq!((&server["signed_in"], &server["mechanism"]), (&true.into(), &"PLAIN".into()), "{server:#}");
        assert_eq!((&server["changes"], &server["diagnoses"]), (&serde_json::json!([]), &serde_json::json!([])));
    }
    assert_eq!((&account["receive"], &account["both"]), (&IMAP.into(), &true.into()));
    let folders = &account["servers"][1]["folders"];
    assert_eq!((&folders[2]["role"], &folders[2]["name"]), (&"sent".into(), &"Sent".into()), "{folders:#}");
    assert_eq!(sign_ins(&system), 3, "{:#?}", system.sandbox.commands());
    let commands = system.sandbox.commands().join("\n").to_ascii_uppercase();
    for sent in ["MAIL FROM", "RCPT", "APPEND", "DELE", "STORE", "EXPUNGE"] {
        assert!(!commands.contains(sent), "{sent} in {commands}");
    }
}

#[test]
fn a_wrong_security_is_named_with_the_line_to_change() {
    let system = System::start("");
    let [smtp, imap, _] = all(&system);
    let starttls = system.sandbox.port(Service::Imap);
    for (port, wrong, right) in [(imap.1, "starttls", "tls"), (starttls, "tls", "starttls")] {
        configure(&system, &[smtp, (IMAP, port, wrong)]);
        let before = sign_ins(&system);
        let done = doctor(&system, &[]);
        let line = format!("    → imap.security = \"{right}\" instead of \"{wrong}\"");
        assert!(done.stdout.lines().any(|have| have == line), "no {line:?} in\n{}", done.stdout);
        assert_eq!((done.code, done.conclusion()), (Some(2), "CRITICAL: IMAP does not work as it is configured"));
        let works = format!("  imap = {{ host = \"localhost\", port = {port}, security = \"{right}\" }}");
        assert!(done.stdout.lines().any(|have| have == works), "no {works:?} in\n{}", done.stdout);
        assert_eq!(sign_ins(&system) - before, 1, "at the submission server only: {:#?}", system.sandbox.commands());
    }
}

#[test]
fn a_wrong_port_and_a_closed_one_are_told_apart() {
    let system = System::start("");
    let [smtp, imap, pop3] = all(&system);
    configure(&system, &[smtp, (IMAP, pop3.1, "tls")]);
    let done = doctor(&system, &[]);
    assert!(done.stdout.contains("It is not what is configured: it speaks POP3 there, not IMAP."), "{}", done.stdout);
    assert_eq!(done.code, Some(2));
    configure(&system, &[smtp, (IMAP, closed_port(), "tls"), ("pop3", pop3.1, "tls")]);
    let done = doctor(&system, &["--format", "json"]);
    let account = examined(&done);
    assert_eq!(account["findings"][0]["code"], "port-closed", "{account:#}");
    assert_eq!((&account["servers"][1]["not_signed_in"], done.code), (&"not-as-configured".into(), Some(2)));
    assert_eq!((&account["receive"], &account["both"]), (&"pop3".into(), &false.into()), "only POP3 works");
    configure(&system, &[smtp, imap]);
    assert_eq!(doctor(&system, &[]).code, Some(0), "and as it should be, it works");
}

#[test]
fn no_password_goes_where_the_certificate_is_bad_or_starttls_is_missing() {
    let bad = "{ fault = \"certificate\", flaw = \"expired\", service = \"imap\" }";
    let none = "{ fault = \"starttls-absent\", service = \"imap\" }";
    for (fault, service, security, kind) in [
        (bad, Service::Imaps, "tls", "certificate-expired"),
        (bad, Service::Imap, "starttls", "certificate-expired"),
        (none, Service::Imap, "starttls", "starttls-not-offered"),
        (none, Service::Imap, "none", "null"),
    ] {
        let system = System::start(&format!("faults = [{fault}]"));
        configure(&system, &[all(&system)[0], (IMAP, system.sandbox.port(service), security)]);
        let done = doctor(&system, &["--format", "json"]);
        let server = examined(&done)["servers"][1].clone();
        let found = server["failure"]["kind"].as_str().unwrap_or("null");
        assert_eq!((found, &server["signed_in"]), (kind, &false.into()), "{server:#}");
        assert_eq!(sign_ins(&system), 1, "at the submission server only: {:#?}", system.sandbox.commands());
        assert_eq!(done.code, Some(if kind == "null" { 1 } else { 2 }), "{done:#?}");
    }
}

#[test]
fn a_refused_password_is_tried_once() {
    let system = System::start("faults = [{ fault = \"login-refused\", service = \"imap\" }]");
    let [smtp, imap, _] = all(&system);
    configure(&system, &[smtp, imap]);
    let done = doctor(&system, &["--format", "json"]);
    let server = examined(&done)["servers"][1].clone();
    assert_eq!((done.code, &server["signed_in"]), (Some(2), &false.into()), "{server:#}");
    assert_eq!(server["reply"]["response_code"], "AUTHENTICATIONFAILED", "{server:#}");
    assert!(server["diagnoses"][0]["code"].as_str().is_some_and(|code| code.starts_with("login")), "{server:#}");
    assert_eq!(sign_ins(&system), 2, "{:#?}", system.sandbox.commands());
}

#[test]
fn without_a_password_the_servers_are_looked_at_all_the_same() {
    let system = System::start("");
    configure(&system, &all(&system));
    let done = system.run(&["doctor", "--offline-neighbours"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    assert!(done.stderr.contains("note: nobody signs in without it: ") && done.stderr.contains("ALICE"), "{done:#?}");
    assert_eq!(done.stdout.matches("You are not signed in: the password is not at hand.").count(), 3, "{done:#?}");
    assert_eq!(done.conclusion(), "WARNING: the servers are as configured, but you are not signed in at all of them");
    let server = format!("localhost:{}/tls", system.sandbox.port(Service::Imaps));
    let arguments = ["doctor", "alice@sandbox.test", "--offline-neighbours", "--imap", &server, "--ca-file", "ca.pem"];
    let done = system.run(&arguments);
    assert!(done.code == Some(1) && done.stdout.contains("the password is not at hand"), "{done:#?}");
    assert_eq!(sign_ins(&system), 0);
}

#[test]
fn a_configuration_that_names_no_password_is_examined_but_for_the_sign_in() {
    let system = System::start("");
    configure_as(&system, "address = \"alice@sandbox.test\"", &all(&system));
    let done = doctor(&system, &[]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    let note = "note: nobody signs in without it: account `alice` has no `password`, and no token\n";
    assert_eq!(done.stderr, note, "once, for all of its servers");
    assert_eq!(done.stdout.matches("You are not signed in: the password is not at hand.").count(), 3, "{done:#?}");
    assert_eq!(sign_ins(&system), 0, "{:#?}", system.sandbox.commands());
    let verify = system.run(&["verify", "alice"]);
    assert!(verify.code == Some(3) && verify.stderr.contains("account `alice` has no `password`"), "{verify:#?}");
    // A token that is not at hand is none either.
    configure_as(&system, "address = \"alice@sandbox.test\"\ntoken = { env = \"NO_TOKEN\" }", &all(&system));
    assert_eq!(doctor(&system, &["--format", "json"]).code, Some(1));
    assert_eq!(sign_ins(&system), 0, "{:#?}", system.sandbox.commands());
}

#[test]
fn where_nobody_signs_in_nothing_has_to_be_allowed_in_the_clear() {
    let system = System::start("");
    let text = format!(
        "[accounts.alice]\naddress = \"alice@sandbox.test\"\n\
         imap = {{ host = \"localhost\", port = {}, security = \"none\" }}\n",
        system.sandbox.port(Service::Imap)
    );
    system.place.write("mailtrip.toml", &text);
    let done = doctor(&system, &["--format", "json"]);
    assert_eq!((&examined(&done)["servers"][0]["not_signed_in"], done.code), (&"not-encrypted".into(), Some(1)));
    assert!(system.run(&["verify"]).stderr.contains("allow_cleartext_password"));
}

#[test]
fn what_an_account_lacks_is_proposed_and_what_it_has_is_looked_at() {
    let system = System::start("");
    let [smtp, imap, _] = all(&system);
    // Nobody is asked: what the provider states is known here.
    configure_as(&system, "address = \"alice@gmail.com\"\nusername = \"alice@sandbox.test\"", &[imap]);
    let done = doctor(&system, &[]);
    let proposal = "\n· SMTP  is not configured: nothing can be sent with this account\n    → smtp = { host = \"smtp.gmail.com\", \
                    port = 465, security = \"tls\" }\n      Your provider states that server; it was not seen from here.\n";
    assert!(done.stdout.contains(proposal), "{}", done.stdout);
    assert_eq!((done.code, done.stdout.matches("is not configured").count()), (Some(1), 1), "{done:#?}");
    configure(&system, &[smtp]);
    let account = examined(&doctor(&system, &["--format", "json"]));
    let lack = serde_json::json!([{ "protocol": "imap", "line": null, "seen": false }]);
    assert_eq!((&account["lacking"], &account["servers"][0]["signed_in"]), (&lack, &true.into()), "{account:#}");
    let server = format!("localhost:{}/tls", smtp.1);
    let given = doctor(&system, &["alice@sandbox.test", "--smtp", &server, "--ca-file", "ca.pem", "--format", "json"]);
    assert_eq!(examined(&given)["lacking"], lack, "{given:#?}");
    configure(&system, &all(&system)[1..]);
    assert_eq!(examined(&doctor(&system, &["--format", "json"]))["lacking"][0]["protocol"], "smtp");
    configure(&system, &all(&system)[..2]);
    assert_eq!(
        examined(&doctor(&system, &["--format", "json"]))["lacking"],
        serde_json::json!([]),
        "POP3 is not missed"
    );
}

#[test]
fn a_neighbour_is_asked_only_where_something_is_wrong() {
    let system = System::start("");
    let [smtp, imap, _] = all(&system);
    let neighbour = format!("127.0.0.1:{}", system.sandbox.port(Service::Submission));
    configure(&system, &[smtp, imap]);
    let done = run(&system, &["doctor", "--neighbour", &neighbour, "--format", "json"]);
    assert_eq!(examined(&done)["neighbour"], Value::Null, "{done:#?}");
    configure(&system, &[smtp, (IMAP, closed_port(), "tls")]);
    let done = run(&system, &["doctor", "--neighbour", &neighbour, "--format", "json"]);
    // The sandbox's own authority is not trusted there: it is somebody else's server.
    assert_eq!(examined(&done)["neighbour"]["state"], "bad-certificate", "{done:#?}");
    let both = run(&system, &["doctor", "--neighbour", &neighbour, "--offline-neighbours"]);
    assert!(both.code == Some(3) && both.stderr.contains("cannot be used with"), "{both:#?}");
}

#[test]
fn one_that_never_answers_is_given_up_in_time() {
    let system = System::start("");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = silent.local_addr().expect("an address").port();
    configure(&system, &[all(&system)[0], (IMAP, port, "tls")]);
    let began = Instant::now();
    let done = doctor(&system, &["--timeout", "3s", "--format", "json"]);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let account = examined(&done);
    assert_eq!((done.code, &account["ports"][1]["state"]), (Some(2), &"silent".into()), "{account:#}");
}

#[test]
#[cfg(unix)]
fn a_signal_stops_it() {
    let system = System::start("");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = silent.local_addr().expect("an address").port();
    configure(&system, &[all(&system)[0], (IMAP, port, "tls")]);
    let mut command = system.place.command(&["doctor", "--offline-neighbours", "--format", "json"]);
    let mut child = command.spawn().expect("the command runs");
    silent.set_nonblocking(true).expect("a listener that does not wait");
    let _connection = loop {
        if let Ok(connection) = silent.accept() {
            break connection;
        }
        assert_eq!(child.try_wait().expect("a child"), None, "it ended before it came");
        std::thread::sleep(Duration::from_millis(5)); // between two looks
    };
    crate::stopped::send("INT", child.id());
    let done: Done = child.wait_with_output().expect("the command ends").into();
    let account = examined(&done);
    assert_eq!((done.code, &account["verdict"], &account["interrupted"]), (Some(3), &"unknown".into(), &true.into()));
    let imap = &account["servers"][1];
    assert_eq!(
        (&imap["failure"]["kind"], &imap["not_signed_in"]),
        (&"interrupted".into(), &"stopped".into()),
        "{imap:#}"
    );
    assert_eq!(
        (&imap["changes"], &account["findings"]),
        (&serde_json::json!([]), &serde_json::json!([])),
        "{account:#}"
    );
    let looked_at = account["ports"].as_array().expect("ports").iter().any(|sight| sight["port"] == port);
    assert!(!looked_at, "nothing is said of a port that was not looked at: {account:#}");
}

#[test]
#[cfg(unix)]
fn a_signal_during_a_sign_in_leaves_what_was_found() {
    let system = System::start("faults = [{ fault = \"stall\", at = \"login\", service = \"imap\" }]");
    let [smtp, imap, _] = all(&system);
    configure(&system, &[smtp, imap]);
    let mut command = system.place.command(&["doctor", "--offline-neighbours"]);
    let child = command.env("ALICE", crate::program::ALICE).spawn().expect("the command runs");
    crate::stopped::until(&system, "AUTHENTICATE", 1);
    crate::stopped::send("INT", child.id());
    let done: Done = child.wait_with_output().expect("the command ends").into();
    let conclusion = "UNKNOWN: it was stopped before everything was looked at";
    assert_eq!((done.code, done.conclusion()), (Some(3), conclusion), "{done:#?}");
    assert!(!done.stdout.contains("To receive: "), "nothing is concluded from what is not known: {}", done.stdout);
    let row = format!("\n* localhost:{:<17} IMAP, TLS, certificate good until ", imap.1);
    assert!(
        done.stdout.contains(&row) && done.stdout.contains("\nLines of a configuration that fit what was seen\n"),
        "{}",
        done.stdout
    );
    assert_eq!(
        sign_ins(&system) - system.sandbox.commands().iter().filter(|one| one.contains("smtp: AUTH")).count(),
        1
    );
}

#[test]
fn after_a_failed_check_the_doctor_looks_again_and_nobody_signs_in_again() {
    let system = System::start("");
    let [smtp, imap, _] = all(&system);
    configure(&system, &[smtp, (IMAP, system.sandbox.port(Service::Imap), "tls")]);
    let done = run(&system, &["verify", "alice", "--diagnose", "--offline-neighbours"]);
    assert_eq!(done.code, Some(2), "{done:#?}");
    let (report, look) = done.stdout.split_once("\nAnother look at the servers of alice").expect("another look");
    assert!(
        report.contains("CRITICAL: ") && look.contains("→ imap.security = \"starttls\" instead of \"tls\""),
        "{look}"
    );
    assert!(!look.contains("SMTP  "), "nothing failed there: {look}");
    assert_eq!(sign_ins(&system), 1, "by the check, at the submission server: {:#?}", system.sandbox.commands());
    configure(&system, &[smtp, imap]);
    let well = run(&system, &["verify", "alice", "--diagnose", "--offline-neighbours"]);
    assert!(well.code == Some(0) && !well.stdout.contains("Another look"), "{well:#?}");
    let json = run(&system, &["verify", "alice", "--diagnose", "--format", "json"]);
    assert!(json.code == Some(3) && json.stderr.contains("mailtrip doctor --format json"), "{json:#?}");
}

/// As somebody reads it who does not know mail: whose fault it is comes first, with the line to change, in lines that fit.
#[test]
fn what_is_wrong_comes_first_and_lines_are_as_wide_as_the_terminal() {
    let system = System::start("faults = [{ fault = \"login-refused\", service = \"pop3\" }]");
    let [smtp, _, pop3] = all(&system);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = silent.local_addr().expect("an address").port();
    configure(&system, &[smtp, (IMAP, port, "tls"), pop3]);
    let done = doctor(&system, &["--timeout", "6s"]);
    let begin = format!(
        "alice: alice@sandbox.test\n\nWhere the fault is\n  Port {port} of localhost takes connections and says nothing, neither in\n  \
         plaintext nor in TLS. (likely)\n    → Compare `imap.port` with what your provider states.\n\n✓ SMTP  "
    );
    assert!(done.stdout.starts_with(&begin), "{}", done.stdout);
    let said = "    The server said:\n      -ERR [AUTH] Authentication failed.\n";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    let copied = |line: &str| line.contains(" = { host = ");
    let long: Vec<&str> = done.stdout.lines().filter(|line| line.chars().count() > 80 && !copied(line)).collect();
    assert_eq!(long, [""; 0]);
    assert_eq!(done.conclusion(), "CRITICAL: IMAP and POP3 do not work as they are configured");
}
