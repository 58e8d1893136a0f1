//! Verifications on a real Postfix and a real Dovecot. Where they cannot run, every test shows as ignored, with the reason.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Protocol, Secret, Security};
use mailtrip::check::{Check, Receive, Sent, Settings};
use mailtrip::criteria::Severity;
use mailtrip::diagnose::{Verdict, diagnose, verdict};
use mailtrip::failure::{Kind, Skip, Speech};
use mailtrip::outcome::{Concern, Fact, FiledBy, KnownBy, Noticed, Outcome, Role, Side, StageRecord, Status};
use mailtrip::report::json;
use mailtrip::report::terminal::{self, Style};
use mailtrip::stage::{At, Leg, Stage};
use mailtrip::verify::stop::Stop;
use mailtrip::verify::visit::{self, Visit};
use tokio::time::Instant;

#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/testbed.rs"]
mod testbed;
use proxy::{Behaviour, Proxy, Way};
use testbed::{EXPIRED, Options, Testbed, UNTRUSTED, User, WRONG_NAME};

const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Each test has a mailbox of its own, so that they can run side by side.
static BED: LazyLock<Testbed> = LazyLock::new(|| {
    let mut users: Vec<User> = TESTS.iter().map(|(name, _)| User::new(&address(name), "its password")).collect();
    users
        .extend(TRICKY.iter().enumerate().map(|(n, password)| User::new(&format!("tricky{n}@test.example"), password)));
    users.extend(TESTS.iter().map(|(name, _)| User::new(&second(&address(name)), "its password")));
    users.push(User::new("short@test.example", "its password").with_login("short"));
    Testbed::start(Options { users, ..Options::default() })
});

const TRICKY: [&str; 9] = [
    " leading",
    "trailing ",
    "\"double\" 'single'",
    "back\\slash\\",
    "#hash # inside",
    "$HOME $(id) `id`",
    "pässwörd ☃",
    "{5}\"%s%n",
    "colon: 100% {PLAIN}",
];

type Test = fn(&str);

const TESTS: &[(&str, Test)] = &[
    ("implicit_tls", implicit_tls),
    ("starttls", starttls),
    ("tricky_passwords", tricky_passwords),
    ("a_username_that_is_no_address", short_username),
    ("junk_by_sieve_is_a_warning", junk_is_a_warning),
    ("junk_is_critical_where_asked_for", junk_is_critical),
    ("sent_is_appended_where_the_server_files_none", sent_auto),
    ("sent_off_leaves_the_folder_alone", sent_off),
    ("sent_append", sent_append),
    ("sent_server_without_a_copy_fails", sent_server_without_a_copy),
    ("sent_server_with_a_copy", sent_server_with_a_copy),
    ("keep_leaves_the_messages", keep),
    ("fifty_thousand_messages_cost_no_more_than_a_hundred", large_mailbox),
    ("a_deleted_message_of_somebody_else_survives", deleted_survives),
    ("without_uidplus_nothing_else_is_expunged", without_uidplus),
    ("without_idle_it_is_polled", without_idle),
    ("without_special_use_and_literals_and_initial_response", without_conveniences),
    ("wrong_password", wrong_password),
    ("bad_certificates", bad_certificates),
    ("wrong_security", wrong_security),
    ("every_other_protocol_on_every_port", wrong_protocol),
    ("never_delivered", never_delivered),
    ("two_accounts", two_accounts),
    ("the_reply_comes_home", reply),
    ("the_reply_to_oneself", reply_to_oneself),
    ("by_pop3", by_pop3),
    ("by_pop3_and_starttls_with_a_reply", by_pop3_with_a_reply),
    ("by_both_protocols", by_both),
    ("a_bounce_ends_the_wait", bounce),
    ("arrival_within_seven_round_trips", round_trips),
    ("without_a_sign_in_nothing_is_taken", relay_refused),
    ("a_server_that_trusts_this_network_is_a_warning", relay_by_network),
];

fn main() -> ExitCode {
    testbed::run_trials("real_servers", TESTS.iter().map(|&(name, test)| (name, move || test(&address(name)))))
}

fn address(test: &str) -> String {
    format!("{test}@test.example")
}

/// How an account is reached: host, security of both endpoints, and ports, as they are on the testbed.
struct Route {
    host: Ipv4Addr,
    security: Security,
    smtp: u16,
    imap: u16,
    pop3: u16,
}

fn tls(bed: &Testbed) -> Route {
    Route {
        host: LOCALHOST,
        security: Security::Tls,
        smtp: bed.ports.submissions,
        imap: bed.ports.imaps,
        pop3: bed.ports.pop3s,
    }
}

fn upgraded(bed: &Testbed) -> Route {
    Route {
        host: LOCALHOST,
        security: Security::Starttls,
        smtp: bed.ports.submission,
        imap: bed.ports.imap,
        pop3: bed.ports.pop3,
    }
}

fn account(bed: &Testbed, address: &str, password: &str, way: &Route) -> Account {
    let ca = std::fs::read(bed.ca_file()).expect("the CA file");
    let endpoint = |port| Endpoint {
        host: way.host.to_string(),
        port,
        security: way.security,
        allow_cleartext_password: false,
        credentials: Credentials { username: without_detail(address), proof: Secret::new(password).into() },
        auth: Auth::Auto,
        ca: Some(ca.clone()),
        family: mailtrip::Family::Any,
        expect_auth: false,
    };
    Account {
        name: without_detail(address),
        address: address.parse().expect("an address"),
        smtp: Some(endpoint(way.smtp)),
        imap: Some(endpoint(way.imap)),
        pop3: Some(endpoint(way.pop3)),
        folders: Folders::default(),
    }
}

/// `bob+junk@…` is a fate of mail to `bob@…`.
fn without_detail(address: &str) -> String {
    let (local, domain) = address.split_once('@').expect("an address");
    format!("{}@{domain}", local.split('+').next().unwrap_or(local))
}

fn with_fate(address: &str, fate: &str) -> String {
    address.replace('@', &format!("+{fate}@"))
}

/// Verifies, and holds what must hold for every verification: all stages there, in time, and no password in any report.
fn verify(account: Account, settings: Settings) -> Outcome {
    verify_between(account.clone(), account, settings)
}

fn verify_between(from: Account, to: Account, settings: Settings) -> Outcome {
    let settings = Settings { transcript: true, ..settings };
    let password = from.smtp.as_ref().expect("SMTP").credentials.proof.password().expect("a password").clone();
    let limit = settings.limits.total;
    let check = Check::new("check", from, to, settings).expect("a valid check");
    let outcome = testbed::verified(&check);
    assert!(outcome.seconds <= limit + Duration::from_secs(1), "took {:?}", outcome.seconds);
    let reports = json::render(&outcome) + &terminal::render(&outcome, &Style { verbose: true, ..Style::default() });
    assert!(!reports.contains(password.expose()), "the password is in a report:\n{reports}");
    outcome
}

fn settings() -> Settings {
    Settings::default()
}

fn limited(seconds: u64) -> Settings {
    let mut settings = settings();
    settings.limits.total = Duration::from_secs(seconds);
    settings.limits.cleanup = Duration::from_secs(2).min(settings.limits.total / 2);
    settings
}

fn failure_at(outcome: &Outcome, leg: Leg, stage: Stage) -> &Kind {
    let record = outcome.stages.iter().find(|record| record.at.leg == leg && record.at.stage == stage);
    match record.map(|record| &record.status) {
        Some(Status::Failed(failure)) => &failure.kind,
        other => panic!("{leg} {stage} is {other:?} in\n{}", report(outcome)),
    }
}

fn facts(outcome: &Outcome) -> impl Iterator<Item = &Fact> {
    outcome.stages.iter().flat_map(|record| &record.facts)
}

fn report(outcome: &Outcome) -> String {
    terminal::render(outcome, &Style::default())
}

fn assert_verdict(outcome: &Outcome, expected: Verdict) {
    assert_eq!(verdict(outcome), expected, "\n{}", report(outcome));
}

fn assert_empty(bed: &Testbed, address: &str, folders: &[&str]) {
    for folder in folders {
        let left = bed.messages(address, folder);
        assert!(left.is_empty(), "left in {folder}: {left:?}");
    }
}

fn implicit_tls(address: &str) {
    let outcome = verify(account(&BED, address, "its password", &tls(&BED)), settings());
    assert_verdict(&outcome, Verdict::Ok);
    for record in &outcome.stages {
        assert_eq!(record.status, Status::Passed, "{} in\n{}", record.at, report(&outcome));
    }
    assert!(
        facts(&outcome)
            .any(|fact| matches!(fact, Fact::Tls { version: Some(v), cipher: Some(_), .. } if v == "TLSv1.3"))
    );
    assert!(facts(&outcome).any(|fact| matches!(fact, Fact::Accepted { queue_id: Some(_), .. })));
    assert!(facts(&outcome).any(|fact| matches!(fact, Fact::Identical { .. })));
    assert!(facts(&outcome).filter(|fact| matches!(fact, Fact::Hop { .. })).count() >= 2);
    assert_empty(&BED, address, &["INBOX", "Sent", "Junk"]);
}

fn starttls(address: &str) {
    let outcome = verify(account(&BED, address, "its password", &upgraded(&BED)), settings());
    assert_verdict(&outcome, Verdict::Ok);
    let upgraded = outcome.stages.iter().filter(|record| record.at.stage == Stage::Starttls);
    assert_eq!(upgraded.filter(|record| record.status == Status::Passed).count(), 2, "\n{}", report(&outcome));
    assert_empty(&BED, address, &["INBOX", "Sent", "Junk"]);
}

/// Through SMTP AUTH and IMAP AUTHENTICATE, and the command LOGIN of IMAP.
fn tricky_passwords(_: &str) {
    for (n, password) in TRICKY.iter().enumerate() {
        for (auth, name) in [
            (Auth::Plain, "PLAIN"),
            (Auth::Login, "LOGIN"),
            (Auth::CramMd5, "CRAM-MD5"),
            (Auth::ScramSha256, "SCRAM-SHA-256"),
        ] {
            let mut account = account(&BED, &format!("tricky{n}@test.example"), password, &tls(&BED));
            [&mut account.smtp, &mut account.imap].into_iter().flatten().for_each(|endpoint| endpoint.auth = auth);
            let outcome = verify(account, settings());
            assert_verdict(&outcome, Verdict::Ok);
            let used =
                facts(&outcome).filter(|fact| matches!(fact, Fact::Mechanism { name: used, .. } if used == name));
            assert_eq!(used.count(), 2, "{password:?} by {name}\n{}", report(&outcome));
            let edge = facts(&outcome).any(|fact| *fact == Fact::PasswordEdgeWhitespace);
            assert_eq!(edge, password.trim() != *password, "{password:?}");
        }
    }
}

fn short_username(_: &str) {
    let mut account = account(&BED, "short@test.example", "its password", &tls(&BED));
    for endpoint in [&mut account.smtp, &mut account.imap].into_iter().flatten() {
        endpoint.credentials.username = "short".to_owned();
    }
    let outcome = verify(account, settings());
    assert_verdict(&outcome, Verdict::Ok);
    assert!(facts(&outcome).any(|fact| matches!(fact, Fact::UsernameWithoutDomain { .. })));
}

fn junk_is_a_warning(address: &str) {
    let outcome = verify(account(&BED, &with_fate(address, "junk"), "its password", &tls(&BED)), settings());
    assert_verdict(&outcome, Verdict::Warning);
    assert!(outcome.concerns().any(|(_, concern)| *concern == Concern::FoundInJunk { folder: "Junk".into() }));
    assert_empty(&BED, address, &["INBOX", "Sent", "Junk"]);
}

fn junk_is_critical(address: &str) {
    let account = account(&BED, &with_fate(address, "junk"), "its password", &tls(&BED));
    let outcome = verify(account, Settings { junk: Severity::Critical, ..settings() });
    assert_verdict(&outcome, Verdict::Critical);
    assert_eq!(failure_at(&outcome, Leg::Delivery, Stage::Arrival), &Kind::InJunk { folder: "Junk".into() });
    assert_empty(&BED, address, &["INBOX", "Sent", "Junk"]);
}

fn filed_by(outcome: &Outcome) -> Option<FiledBy> {
    facts(outcome).find_map(|fact| match fact {
        Fact::SentCopy { filed_by, .. } => Some(*filed_by),
        _ => None,
    })
}

fn sent_auto(address: &str) {
    let outcome = verify(account(&BED, address, "its password", &tls(&BED)), settings());
    assert_eq!(filed_by(&outcome), Some(FiledBy::Append), "\n{}", report(&outcome));
    assert_empty(&BED, address, &["INBOX", "Sent"]);
}

fn sent_off(address: &str) {
    let account = account(&BED, address, "its password", &tls(&BED));
    let outcome = verify(account, Settings { sent: Sent::Off, ..settings() });
    assert_verdict(&outcome, Verdict::Ok);
    assert_eq!(filed_by(&outcome), None);
    let touched = commands(&outcome).any(|line| line.contains("APPEND") || line.contains("\"Sent\""));
    assert!(!touched, "\n{}", report(&outcome));
}

fn sent_append(address: &str) {
    let account = account(&BED, address, "its password", &tls(&BED));
    let outcome = verify(account, Settings { sent: Sent::Append, keep: true, ..settings() });
    assert_eq!(filed_by(&outcome), Some(FiledBy::Append), "\n{}", report(&outcome));
    let copies = BED.messages(address, "Sent");
    assert_eq!(copies.len(), 1, "{copies:?}");
    assert_eq!(copies[0].flags, "S", "a copy that a mail client files is marked as read");
    assert!(copies[0].text().contains(&outcome.tag));
}

fn sent_server_without_a_copy(address: &str) {
    let account = account(&BED, address, "its password", &tls(&BED));
    let outcome = verify(account, Settings { sent: Sent::Server, ..settings() });
    assert_verdict(&outcome, Verdict::Critical);
    assert_eq!(failure_at(&outcome, Leg::Sent, Stage::Copy), &Kind::NoCopy);
    assert_empty(&BED, address, &["INBOX", "Sent", "Junk"]);
}

/// Postfix sends a copy of whatever the account submits into a folder that is configured to be its Sent folder.
fn sent_server_with_a_copy(address: &str) {
    let copies = with_fate(address, "junk");
    let bed = Testbed::start(Options {
        users: vec![User::new(address, "its password")],
        postfix_main_extra: format!("sender_bcc_maps = inline:{{ {{ {address} = {copies} }} }}"),
        ..Options::default()
    });
    let mut account = account(&bed, address, "its password", &tls(&bed));
    account.folders = Folders { sent: Some("Junk".into()), junk: Some("Sent".into()), create_sent: false };
    let outcome = verify(account, Settings { sent: Sent::Server, ..settings() });
    assert_verdict(&outcome, Verdict::Ok);
    assert_eq!(filed_by(&outcome), Some(FiledBy::Server));
    assert_empty(&bed, address, &["INBOX", "Sent", "Junk"]);
}

fn keep(address: &str) {
    let outcome = verify(account(&BED, address, "its password", &tls(&BED)), Settings { keep: true, ..settings() });
    assert_verdict(&outcome, Verdict::Ok);
    assert!(facts(&outcome).any(|fact| *fact == Fact::Kept));
    assert_eq!(BED.messages(address, "INBOX").len(), 1);
    assert_eq!(BED.messages(address, "Sent").len(), 1);
    assert_eq!(BED.messages(address, "INBOX")[0].flags, "", "reading the probe must not mark it");
}

/// Bytes that pass are counted, below TLS; what a mailbox of 50,000 adds is a few digits in a few numbers.
fn large_mailbox(address: &str) {
    let bytes = |count| {
        let bed = Testbed::start(Options { users: vec![User::new(address, "its password")], ..Options::default() });
        bed.fill(address, "INBOX", count);
        let imap = Proxy::start(SocketAddr::from((LOCALHOST, bed.ports.imaps)), Behaviour::default());
        let account = account(&bed, address, "its password", &Route { imap: imap.port(), ..tls(&bed) });
        let outcome = verify(account, settings());
        assert_verdict(&outcome, Verdict::Ok);
        assert_eq!(bed.messages(address, "INBOX").len(), count, "other messages are still there");
        assert!(facts(&outcome).any(
            |fact| matches!(fact, Fact::Folder { role: Role::Inbox, messages: Some(n), .. } if *n as usize == count)
        ));
        let asked = questions(&outcome);
        let counts = imap.counts()[0];
        (counts.to_server.received, counts.to_client.received, asked)
    };
    let (small_up, small_down, small_asked) = bytes(100);
    let (large_up, large_down, large_asked) = bytes(50_000);
    // A server that opens 50,000 messages is slower, so that it is asked a few more times; each question costs the same.
    let more = large_asked.abs_diff(small_asked) as u64 + 1;
    assert!(large_up.abs_diff(small_up) <= more * 600, "{small_up} and {large_up} bytes sent, {more} more questions");
    // The look back at the last 100 tells the number and the UID of each: three digits more of both.
    let digits = 100 * 2 * 3;
    assert!(
        large_down.abs_diff(small_down) <= more * 1200 + digits,
        "{small_down} and {large_down} bytes, {more} more questions"
    );
}

/// What was sent to the servers.
fn commands(outcome: &Outcome) -> impl Iterator<Item = &str> {
    let said = outcome.conversations.iter().flat_map(|conversation| &conversation.lines);
    said.filter(|line| line.side == Side::Client).map(|line| line.text.as_str())
}

/// How often new messages were asked for.
fn questions(outcome: &Outcome) -> usize {
    commands(outcome).filter(|line| line.contains(" UID FETCH ") && line.contains(":* ")).count()
}

const FOREIGN: &[u8] = b"From: carol@elsewhere.example\r\nSubject: mailtrip probe, but not ours\r\n\r\nhello\r\n";

fn deleted_survives(address: &str) {
    for (folder, flags) in
        [("INBOX", "T"), ("INBOX", "ST"), ("INBOX", "F"), ("INBOX", ""), ("Sent", "ST"), ("Junk", "T")]
    {
        BED.put(address, folder, FOREIGN, flags);
    }
    let outcome = verify(account(&BED, address, "its password", &tls(&BED)), settings());
    assert_verdict(&outcome, Verdict::Ok);
    let flags = |folder| {
        let mut flags: Vec<String> = BED.messages(address, folder).into_iter().map(|message| message.flags).collect();
        flags.sort();
        flags
    };
    assert_eq!(flags("INBOX"), ["", "F", "ST", "T"]);
    assert_eq!((flags("Sent"), flags("Junk")), (vec!["ST".to_owned()], vec!["T".to_owned()]));
}

fn without_uidplus(address: &str) {
    let options = Options { users: vec![User::new(address, "its password")], ..Options::default() };
    let bed = Testbed::start(options.without_imap(&["UIDPLUS"]));
    bed.put(address, "INBOX", FOREIGN, "T");
    let outcome = verify(account(&bed, address, "its password", &tls(&bed)), settings());
    assert_verdict(&outcome, Verdict::Warning);
    let marked = outcome
        .concerns()
        .filter(|(_, concern)| matches!(concern, Concern::LeftMarked { folder, .. } if folder == "INBOX"));
    assert_eq!(marked.count(), 1, "\n{}", report(&outcome));
    let left = bed.messages(address, "INBOX");
    assert_eq!(left.len(), 2, "the foreign message and ours, both marked: {left:?}");
    assert!(left.iter().all(|message| message.flags.contains('T')));
    // Nothing else is marked in Sent, so that a plain EXPUNGE there takes ours alone.
    assert_empty(&bed, address, &["Sent"]);
}

fn without_idle(address: &str) {
    let options = Options { users: vec![User::new(address, "its password")], ..Options::default() };
    let bed = Testbed::start(options.without_imap(&["IDLE"]));
    let outcome = verify(account(&bed, &with_fate(address, "void"), "its password", &tls(&bed)), limited(8));
    assert!(!commands(&outcome).any(|line| line.ends_with(" IDLE")), "\n{}", report(&outcome));
    // One safety poll a second and more behind the burst of the first second.
    assert!(questions(&outcome) > 9 + 2, "{} questions", questions(&outcome));
}

fn without_conveniences(address: &str) {
    let options = Options { users: vec![User::new(address, "its password")], ..Options::default() };
    let bed =
        Testbed::start(options.without_imap(&["SPECIAL-USE", "LITERAL+", "SASL-IR", "LIST-EXTENDED", "LIST-STATUS"]));
    let outcome = verify(account(&bed, address, "its password", &tls(&bed)), settings());
    assert_verdict(&outcome, Verdict::Ok);
    let sent = facts(&outcome).find(|fact| matches!(fact, Fact::Folder { role: Role::Sent, .. }));
    assert!(matches!(sent, Some(Fact::Folder { known_by: KnownBy::SpecialUse | KnownBy::Name, .. })), "{sent:?}");
    assert_empty(&bed, address, &["INBOX", "Sent", "Junk"]);
}

fn wrong_password(address: &str) {
    let outcome = verify(account(&BED, address, "another password", &tls(&BED)), settings());
    assert_verdict(&outcome, Verdict::Critical);
    for (leg, code) in [(Leg::Submission, Some("5.7.8")), (Leg::Delivery, Some("AUTHENTICATIONFAILED"))] {
        assert_eq!(failure_at(&outcome, leg, Stage::Login), &Kind::Refused { step: None });
        let reply =
            outcome.failed().find(|(record, _)| record.at.leg == leg).and_then(|(_, failure)| failure.reply.clone());
        let reply = reply.expect("the server's words");
        assert_eq!(reply.enhanced.or(reply.response_code).as_deref(), code);
    }
    assert!(!BED.log().contains(&format!("from=<{address}>")), "nothing was submitted");
}

fn bad_certificates(address: &str) {
    for (host, expected) in
        [(UNTRUSTED, "certificate-untrusted"), (EXPIRED, "certificate-expired"), (WRONG_NAME, "certificate-wrong-name")]
    {
        for (way, stage) in [(tls(&BED), Stage::Tls), (upgraded(&BED), Stage::Starttls)] {
            let outcome = verify(account(&BED, address, "its password", &Route { host, ..way }), settings());
            assert_verdict(&outcome, Verdict::Critical);
            for leg in [Leg::Submission, Leg::Delivery] {
                let kind = serde_json::to_value(failure_at(&outcome, leg, stage)).expect("JSON");
                assert_eq!(kind["kind"], expected, "{leg} over {host}\n{}", report(&outcome));
            }
        }
    }
}

fn wrong_security(address: &str) {
    let plaintext = |speaks| Kind::PlaintextOnTlsPort { speaks: Some(speaks) };
    let way = Route { security: Security::Tls, ..upgraded(&BED) };
    let outcome = verify(account(&BED, address, "its password", &way), settings());
    assert_eq!(failure_at(&outcome, Leg::Submission, Stage::Tls), &plaintext(Speech::Smtp));
    assert_eq!(failure_at(&outcome, Leg::Delivery, Stage::Tls), &plaintext(Speech::Imap));
    let way = Route { security: Security::Starttls, ..tls(&BED) };
    let mut settings = settings();
    settings.limits.stage = Duration::from_secs(1);
    let outcome = verify(account(&BED, address, "its password", &way), settings);
    assert!(matches!(failure_at(&outcome, Leg::Submission, Stage::Greeting), Kind::Timeout { .. }));
    assert!(matches!(failure_at(&outcome, Leg::Delivery, Stage::Greeting), Kind::Timeout { .. }));
}

/// Each port, spoken to in each protocol that is not its own, with each security.
fn wrong_protocol(address: &str) {
    let here = account(&BED, address, "its password", &tls(&BED));
    let ports = BED.ports;
    let doors = [
        (ports.submission, Protocol::Smtp, Security::Starttls),
        (ports.submissions, Protocol::Smtp, Security::Tls),
        (ports.imap, Protocol::Imap, Security::Starttls),
        (ports.imaps, Protocol::Imap, Security::Tls),
        (ports.pop3, Protocol::Pop3, Security::Starttls),
        (ports.pop3s, Protocol::Pop3, Security::Tls),
    ];
    let securities = [Security::Tls, Security::Starttls, Security::None];
    let pairs = Protocol::ALL.into_iter().flat_map(|spoken| doors.map(|door| (spoken, door)));
    let pairs = pairs.filter(|(spoken, (_, own, _))| spoken != own);
    let cases = pairs.flat_map(|(spoken, door)| securities.map(|security| (spoken, security, door)));
    let visits = cases.map(|(spoken, security, (port, own, begins))| {
        let right = here.endpoint(spoken).expect("an endpoint").clone();
        let account = &here;
        async move {
            let endpoint = Endpoint { port, security, ..right };
            let (patience, until) = (Duration::from_secs(2), Instant::now() + Duration::from_secs(60));
            let (_stopper, stop) = Stop::new();
            let visit =
                Visit { account, protocol: spoken, endpoint: &endpoint, sign_in: false, patience, until, stop: &stop };
            let outcome = visit::run(visit).await;
            let first = diagnose(&outcome).into_iter().next().unwrap_or_else(|| panic!("{}", report(&outcome)));
            let what = format!("{spoken} with {security} on port {port} of {own}\n{}", report(&outcome));
            assert!(first.cause.contains(&format!("ort {port}")), "{what}");
            // Who waits for plaintext where the server waits for TLS hears nothing that could be told apart.
            let silent = begins == Security::Tls && security != Security::Tls;
            assert_eq!(first.code, if silent { "silent-tls-port" } else { "wrong-protocol" }, "{what}");
            assert!(silent || first.cause.contains(Speech::from(own).server()), "{what}");
            let setting = format!("`{}.port = ", spoken.to_string().to_lowercase());
            assert!(silent || first.advice[0].contains(&setting), "{what}");
        }
    });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(futures_util::future::join_all(visits));
}

fn never_delivered(address: &str) {
    for fate in ["void", "drop", "defer"] {
        let outcome = verify(account(&BED, &with_fate(address, fate), "its password", &tls(&BED)), limited(6));
        assert_verdict(&outcome, Verdict::Critical);
        assert!(matches!(failure_at(&outcome, Leg::Delivery, Stage::Arrival), Kind::NotArrived { .. }), "{fate}");
        assert_eq!(filed_by(&outcome), Some(FiledBy::Append), "what can still be learned is learned");
        assert!(outcome.concerns().any(|(_, concern)| *concern == Concern::MayArrive), "{fate}");
        assert_empty(&BED, address, &["INBOX", "Sent", "Junk"]);
    }
}

fn two_accounts(address: &str) {
    let sender = account(&BED, address, "its password", &tls(&BED));
    let receiver = account(&BED, "implicit_tls@test.example", "its password", &upgraded(&BED));
    let outcome = verify_between(sender, receiver, settings());
    assert_verdict(&outcome, Verdict::Ok);
    assert_eq!(filed_by(&outcome), Some(FiledBy::Append));
    assert_empty(&BED, address, &["INBOX", "Sent", "Junk"]);
}

fn second(address: &str) -> String {
    address.replace('@', "2@")
}

fn reply(address: &str) {
    let (sender, receiver) = (account(&BED, address, "its password", &tls(&BED)), second(address));
    let receiver = account(&BED, &receiver, "its password", &upgraded(&BED));
    let outcome = verify_between(sender, receiver, Settings { reply: true, ..settings() });
    assert_verdict(&outcome, Verdict::Ok);
    for record in &outcome.stages {
        assert_eq!(record.status, Status::Passed, "{} in\n{}", record.at, report(&outcome));
    }
    let identical = facts(&outcome).filter(|fact| matches!(fact, Fact::Identical { .. }));
    assert_eq!(identical.count(), 2, "the probe and its reply\n{}", report(&outcome));
    let copies = facts(&outcome).filter(|fact| matches!(fact, Fact::SentCopy { .. }));
    assert_eq!(copies.count(), 2, "\n{}", report(&outcome));
    for address in [address, &second(address)] {
        assert_empty(&BED, address, &["INBOX", "Sent", "Junk"]);
    }
}

fn reply_to_oneself(address: &str) {
    let account = account(&BED, address, "its password", &tls(&BED));
    let outcome = verify(account, Settings { reply: true, ..settings() });
    assert_verdict(&outcome, Verdict::Ok);
    assert_empty(&BED, address, &["INBOX", "Sent", "Junk"]);
}

fn by_pop3(address: &str) {
    BED.put(address, "INBOX", FOREIGN, "S");
    let mut account = account(&BED, address, "its password", &tls(&BED));
    account.imap = None;
    let outcome = verify(account, Settings { receive: Receive::Pop3, ..settings() });
    assert_verdict(&outcome, Verdict::Ok);
    let copy = outcome.stages.iter().find(|record| record.at.stage == Stage::Copy).map(|record| &record.status);
    assert_eq!(copy, Some(&Status::Skipped(Skip::NoImap)), "\n{}", report(&outcome));
    assert!(facts(&outcome).any(|fact| matches!(fact, Fact::Removed { uid: None, .. })), "\n{}", report(&outcome));
    assert_eq!(BED.messages(address, "INBOX").len(), 1, "the other message is still there");
}

/// Without IMAP on one side, and with IMAP for the Sent folder on the other.
fn by_pop3_with_a_reply(address: &str) {
    let mut sender = account(&BED, address, "its password", &upgraded(&BED));
    sender.imap = None;
    let receiver = account(&BED, &second(address), "its password", &upgraded(&BED));
    let outcome = verify_between(sender, receiver, Settings { receive: Receive::Pop3, reply: true, ..settings() });
    assert_verdict(&outcome, Verdict::Ok);
    let arrivals = outcome.stages.iter().filter(|record| record.at.stage == Stage::Arrival);
    assert!(arrivals.clone().all(|record| record.at.protocol == Protocol::Pop3 && record.status == Status::Passed));
    assert_eq!(arrivals.count(), 2);
    assert_eq!(filed_by(&outcome), Some(FiledBy::Append), "the reply's copy\n{}", report(&outcome));
    for address in [address, &second(address)] {
        assert_empty(&BED, address, &["INBOX", "Sent", "Junk"]);
    }
}

fn by_both(address: &str) {
    let account = account(&BED, address, "its password", &tls(&BED));
    let outcome = verify(account, Settings { receive: Receive::Both, ..settings() });
    assert_verdict(&outcome, Verdict::Ok);
    for protocol in [Protocol::Imap, Protocol::Pop3] {
        let arrival =
            outcome.stages.iter().find(|record| record.at == At::new(Leg::Delivery, Stage::Arrival, protocol));
        assert_eq!(arrival.map(|record| &record.status), Some(&Status::Passed), "\n{}", report(&outcome));
    }
    assert_empty(&BED, address, &["INBOX", "Sent", "Junk"]);
}

/// The report comes back to the sender, whose mailbox it is.
fn bounce(address: &str) {
    let sender = account(&BED, address, "its password", &tls(&BED));
    for receiver in [address.to_owned(), second(address)] {
        let refused = with_fate(&receiver, "bounce");
        let mut receiver = account(&BED, &receiver, "its password", &tls(&BED));
        receiver.address = refused.parse().expect("an address");
        let outcome = verify_between(sender.clone(), receiver, limited(30));
        assert_verdict(&outcome, Verdict::Critical);
        assert_eq!(failure_at(&outcome, Leg::Delivery, Stage::Arrival), &Kind::Bounced);
        let (_, failure) = outcome.failed().next().expect("a failure");
        let words = failure.reply.as_ref().expect("the words of the server that refused");
        assert!(words.text.contains("nobody of that name"), "{words:?}");
    }
}

fn expecting(account: Account) -> Account {
    let smtp = account.smtp.map(|smtp| Endpoint { expect_auth: true, ..smtp });
    Account { smtp, ..account }
}

fn relay(outcome: &Outcome) -> &StageRecord {
    outcome.stages.iter().find(|record| record.at.stage == Stage::Relay).expect("the stage is planned")
}

/// What was said without a sign-in: the address that was asked for is in no other conversation.
fn said_aside(outcome: &Outcome) -> Vec<&str> {
    let said = outcome.conversations.iter().map(|conversation| {
        let client = conversation.lines.iter().filter(|line| line.side == Side::Client);
        client.map(|line| line.text.as_str()).collect::<Vec<_>>()
    });
    let mut aside = said.filter(|lines| lines.iter().any(|line| line.contains("mailtrip-relay-test")));
    let lines = aside.next().expect("it was asked");
    assert!(aside.next().is_none(), "it was asked once");
    lines
}

fn relay_refused(address: &str) {
    for way in [tls(&BED), upgraded(&BED)] {
        let outcome = verify(expecting(account(&BED, address, "its password", &way)), settings());
        assert_verdict(&outcome, Verdict::Ok);
        let record = relay(&outcome);
        let [Fact::RelayRefused { reply }] = record.facts.as_slice() else { panic!("{record:?}") };
        assert_eq!((reply.code, reply.enhanced.as_deref()), (Some(554), Some("5.7.1")), "{reply}");
        let said = said_aside(&outcome);
        assert!(!said.iter().any(|line| line.starts_with("AUTH") || *line == "DATA"), "{said:?}");
    }
}

/// 127.0.0.1 is in its `mynetworks`, as on a server whose guide was followed without thought.
fn relay_by_network(address: &str) {
    let bed = Testbed::start(Options {
        users: vec![User::new(address, "its password")],
        postfix_main_extra: "mynetworks = 127.0.0.0/8\n\
             smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination\n\
             submission_restrictions = permit_mynetworks, permit_sasl_authenticated, reject\n\
             default_transport = discard:"
            .to_owned(),
        ..Options::default()
    });
    for way in [tls(&bed), upgraded(&bed)] {
        let outcome = verify(expecting(account(&bed, address, "its password", &way)), settings());
        assert_verdict(&outcome, Verdict::Warning);
        let record = relay(&outcome);
        let [Concern::RelaysWithoutAuthentication { reply }] = record.concerns.as_slice() else { panic!("{record:?}") };
        assert_eq!(reply.code, Some(250));
        let said = said_aside(&outcome);
        assert!(said.contains(&"RSET") && !said.contains(&"DATA"), "{said:?}");
        assert_empty(&bed, address, &["INBOX", "Sent", "Junk"]);
    }
    let log = bed.log();
    assert_eq!(log.matches("status=sent").count(), 2, "the two probes and nothing else were delivered:\n{log}");
    assert!(!log.contains("to=<mailtrip-relay-test@example.com>"), "{log}");
}

/// The question who may relay costs none. Round trips are the slope of the time to `arrival` over the network's delay. Bytes are delayed, TCP's own
/// handshake is not.
fn round_trips(address: &str) {
    let seconds = |round_trip: Duration| {
        let way = || Way { delay: round_trip / 2, ..Way::default() };
        let behaviour = || Behaviour { to_server: way(), to_client: way(), ..Behaviour::default() };
        let through = |port| Proxy::start(SocketAddr::from((LOCALHOST, port)), behaviour());
        let (smtp, imap) = (through(BED.ports.submissions), through(BED.ports.imaps));
        let way = Route { smtp: smtp.port(), imap: imap.port(), ..tls(&BED) };
        let outcome = verify(expecting(account(&BED, address, "its password", &way)), settings());
        assert_verdict(&outcome, Verdict::Ok);
        assert_eq!(relay(&outcome).status, Status::Passed);
        assert!(facts(&outcome).any(|fact| matches!(fact, Fact::Arrived { noticed: Noticed::Asked, .. })));
        let arrival = outcome.stages.iter().find(|record| record.at.stage == Stage::Arrival);
        arrival.and_then(|record| record.span).expect("an arrival").ended().as_secs_f64()
    };
    let (short, long) = (0.1, 0.7);
    let trips = (seconds(Duration::from_secs_f64(long)) - seconds(Duration::from_secs_f64(short))) / (long - short);
    println!("arrival within {trips:.2} round trips");
    assert!(trips <= 7.0, "{trips:.2} round trips");
}
