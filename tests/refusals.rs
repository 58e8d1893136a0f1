//! Refusals of a real Postfix and a real Dovecot, and what is made of their words. Where they cannot run, every test shows as
//! ignored, with the reason.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Secret, Security};
use mailtrip::check::{Check, Settings};
use mailtrip::diagnose::{Certainty, Diagnosis, Verdict, diagnose, verdict};
use mailtrip::failure::{Kind, Step};
use mailtrip::outcome::Outcome;
use mailtrip::report::terminal::{self, Style};
use mailtrip::stage::Stage;

#[path = "support/testbed.rs"]
mod testbed;
use testbed::{Options, Testbed, User};

/// What Postfix looks for in the messages.
const HEADER_CHECKS: &str = "header_checks = regexp:{ { /^To:.*taken_for_spam/ REJECT 5.7.1 This looks like spam }, \
     { /^To:.*against_a_rule/ REJECT } }";

const BLOCKED: &str = "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org";

/// Each test has a mailbox of its own, so that they can run side by side; every address belongs to the user of that name.
static BED: LazyLock<Testbed> = LazyLock::new(|| {
    let owners: Vec<String> = TESTS.iter().map(|(name, _)| format!("{{ {0} = {0} }}", address(name))).collect();
    let policy = policy();
    start(&format!(
        "smtpd_sender_login_maps = inline:{{ {} }}\n\
         submission_restrictions = reject_sender_login_mismatch, check_recipient_access inline:{{ {{ {} = {BLOCKED} }} }}, \
         check_policy_service inet:127.0.0.1:{policy}, permit_sasl_authenticated, reject\n\
         {HEADER_CHECKS}",
        owners.join(", "),
        address("blocked_address"),
    ))
});

fn start(postfix_main_extra: &str) -> Testbed {
    let users = TESTS.iter().map(|(name, _)| User::new(&address(name), "its password")).collect();
    Testbed::start(Options {
        users,
        postfix_main_extra: postfix_main_extra.to_owned(),
        dovecot_extra: "mail_max_userip_connections = 3".to_owned(),
        ..Options::default()
    })
}

type Test = fn(&str);

const TESTS: &[(&str, Test)] = &[
    ("greylisted", greylisted),
    ("over_quota", sending_limit),
    ("sender_not_owned", sender_not_owned),
    ("blocked_address", blocked_address),
    ("taken_for_spam", taken_for_spam),
    ("against_a_rule", against_a_rule),
    ("too_large", too_large),
    ("refused_recipients", refused_recipients),
    ("too_many_connections", too_many_connections),
];

fn main() -> ExitCode {
    testbed::run_trials("refusals", TESTS.iter().map(|&(name, test)| (name, move || test(&address(name)))))
}

fn address(test: &str) -> String {
    format!("{test}@test.example")
}

/// A policy service of Postfix (SMTPD_POLICY_README): greylists the first mail to the user `greylisted`, and finds that the user
/// `over_quota` has sent enough. It lives as long as the process.
fn policy() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let met = Arc::new(Mutex::new(HashSet::new()));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let met = Arc::clone(&met);
            thread::spawn(move || answer(&stream, &met));
        }
    });
    port
}

/// One connection of it: questions are lines `name=value`, the empty line ends each.
fn answer(mut stream: &TcpStream, met: &Mutex<HashSet<String>>) {
    let mut recipient = String::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if let Some(value) = line.strip_prefix("recipient=") {
            value.clone_into(&mut recipient);
        }
        if !line.is_empty() {
            continue;
        }
        let first = met.lock().expect("the recipients").insert(recipient.clone());
        let action = match recipient.split('@').next() {
            Some("greylisted") if first => {
                "DEFER_IF_PERMIT 4.2.0 Greylisted, see http://postgrey.example/help; try again in 300 seconds"
            }
            Some("over_quota") => "450 4.7.1 Policy Rejection- Quota Exceeded.",
            _ => "DUNNO",
        };
        if write!(stream, "action={action}\n\n").is_err() {
            return;
        }
    }
}

fn account(bed: &Testbed, username: &str) -> Account {
    let ca = std::fs::read(bed.ca_file()).expect("the CA file");
    let endpoint = |port| Endpoint {
        host: Ipv4Addr::LOCALHOST.to_string(),
        port,
        security: Security::Tls,
        allow_cleartext_password: false,
        credentials: Credentials { username: username.to_owned(), proof: Secret::new("its password").into() },
        auth: Auth::Auto,
        ca: Some(ca.clone()),
        family: mailtrip::Family::Any,
        expect_auth: false,
    };
    Account {
        name: username.to_owned(),
        address: username.parse().expect("an address"),
        smtp: Some(endpoint(bed.ports.submissions)),
        imap: Some(endpoint(bed.ports.imaps)),
        pop3: None,
        folders: Folders::default(),
    }
}

fn verify(from: Account, to: Account) -> Outcome {
    let check = Check::new("check", from, to, Settings::default()).expect("a valid check");
    testbed::verified(&check)
}

fn report(outcome: &Outcome) -> String {
    terminal::render(outcome, &Style::default())
}

/// The one diagnosis there is of a refusal: as heavy as the verdict, and with the server's words.
fn only(outcome: &Outcome, expected: Verdict) -> Diagnosis {
    assert_eq!(verdict(outcome), expected, "\n{}", report(outcome));
    let mut diagnoses = diagnose(outcome);
    assert_eq!(diagnoses.len(), 1, "\n{}", report(outcome));
    let diagnosis = diagnoses.remove(0);
    assert_eq!(diagnosis.verdict, expected, "\n{}", report(outcome));
    let (_, failure) = outcome.failed().next().expect("a failure");
    let words = &failure.reply.as_ref().expect("an answer").text;
    assert!(diagnosis.evidence.iter().any(|evidence| evidence.ends_with(words.as_str())), "{diagnosis:#?}");
    diagnosis
}

fn refused_step(outcome: &Outcome) -> Option<Step> {
    match outcome.failed().next().expect("a failure").1.kind {
        Kind::Refused { step } => step,
        ref other => panic!("{other:?} in\n{}", report(outcome)),
    }
}

/// The second attempt is taken, as it would be half an hour later: that is why the first proves nothing.
fn greylisted(address: &str) {
    let account = || account(&BED, address);
    let outcome = verify(account(), account());
    let diagnosis = only(&outcome, Verdict::Unknown);
    assert_eq!((diagnosis.code, diagnosis.certainty), ("greylisted", Certainty::Likely), "\n{}", report(&outcome));
    assert!(diagnosis.advice[0].starts_with("Try again in 5 minutes"), "{diagnosis:#?}");
    let outcome = verify(account(), account());
    assert_eq!(verdict(&outcome), Verdict::Ok, "\n{}", report(&outcome));
}

fn sending_limit(address: &str) {
    let outcome = verify(account(&BED, address), account(&BED, address));
    assert_eq!(only(&outcome, Verdict::Critical).code, "sending-limit", "\n{}", report(&outcome));
    assert_eq!(refused_step(&outcome), Some(Step::Rcpt));
}

fn sender_not_owned(address: &str) {
    let owner = account(&BED, address);
    let alias = Account { address: self::address("blocked_address").parse().expect("an address"), ..owner.clone() };
    let outcome = verify(alias, owner);
    let diagnosis = only(&outcome, Verdict::Critical);
    assert_eq!(diagnosis.code, "sender-not-owned", "\n{}", report(&outcome));
    assert!(diagnosis.advice[0].contains(&format!("`address = \"{address}\"`")), "{diagnosis:#?}");
}

fn blocked_address(address: &str) {
    let outcome = verify(account(&BED, address), account(&BED, address));
    let diagnosis = only(&outcome, Verdict::Critical);
    assert_eq!((diagnosis.code, refused_step(&outcome)), ("client-address-blocked", Some(Step::Rcpt)));
    assert!(diagnosis.advice[0].contains("another network"), "{diagnosis:#?}");
}

fn taken_for_spam(address: &str) {
    let outcome = verify(account(&BED, address), account(&BED, address));
    assert_eq!(only(&outcome, Verdict::Critical).code, "taken-for-spam", "\n{}", report(&outcome));
    assert_eq!(refused_step(&outcome), Some(Step::Message));
}

/// Postfix's own words for a rule without any: "message content rejected".
fn against_a_rule(address: &str) {
    let outcome = verify(account(&BED, address), account(&BED, address));
    let diagnosis = only(&outcome, Verdict::Critical);
    assert_eq!((diagnosis.code, diagnosis.certainty), ("message-refused", Certainty::Possible));
}

fn too_large(address: &str) {
    let bed = start("message_size_limit = 300");
    let outcome = verify(account(&bed, address), account(&bed, address));
    assert_eq!(only(&outcome, Verdict::Critical).code, "message-too-large", "\n{}", report(&outcome));
}

/// One for now, by 4.3.0, and one for ever.
fn refused_recipients(address: &str) {
    let sender = account(&BED, address);
    for (to, reply, code) in [
        (address.replace('@', "+tempfail@"), 450, "submission-temporarily-refused"),
        ("nosuch@test.example".to_owned(), 550, "recipient-unknown"),
    ] {
        let receiver = Account { address: to.parse().expect("an address"), ..sender.clone() };
        let outcome = verify(sender.clone(), receiver);
        assert_eq!(only(&outcome, Verdict::Critical).code, code, "\n{}", report(&outcome));
        assert_eq!(refused_step(&outcome), Some(Step::Rcpt));
        let (_, failure) = outcome.failed().next().expect("a failure");
        assert_eq!(failure.reply.as_ref().and_then(|reply| reply.code), Some(reply));
    }
}

/// Other mail programs have as many connections open as the server allows.
fn too_many_connections(address: &str) {
    let opened: Vec<BufReader<TcpStream>> = (0..3).map(|_| signed_in(address)).collect();
    let outcome = verify(account(&BED, address), account(&BED, address));
    let diagnosis = only(&outcome, Verdict::Critical);
    let at = diagnosis.at.expect("a stage");
    assert_eq!((diagnosis.code, at.stage), ("too-many-logins", Stage::Login), "\n{}", report(&outcome));
    drop(opened);
}

/// An IMAP session; to Dovecot a client on its own address is secure without TLS.
fn signed_in(address: &str) -> BufReader<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, BED.ports.imap)).expect("a connection");
    let mut session = BufReader::new(stream);
    write!(session.get_mut(), "a LOGIN {address} \"its password\"\r\n").expect("a command");
    let mut line = String::new();
    while !line.starts_with("a ") {
        line.clear();
        assert_ne!(session.read_line(&mut line).expect("an answer"), 0, "the server hung up");
    }
    assert!(line.starts_with("a OK"), "{line}");
    session
}
