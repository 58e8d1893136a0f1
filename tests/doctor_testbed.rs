//! What the doctor makes of a real Postfix and a real Dovecot. Where they cannot run, it shows as ignored, with the reason.

use std::net::SocketAddr;
use std::process::ExitCode;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Family, Folders, Protocol, Secret, Security};
use mailtrip::diagnose::Verdict;
use mailtrip::doctor::prescription::Change;
use mailtrip::doctor::{Doctor, Examination};
use mailtrip::verify::stop::Stop;
use mailtrip::wire::names::Names;
use tokio::runtime::Runtime;

#[path = "support/testbed.rs"]
mod testbed;
use testbed::{Options, Testbed};

const QUOTA: &str = "
mail_plugins = $mail_plugins quota
protocol imap {
  mail_plugins = $mail_plugins imap_quota
}
plugin {
  quota = count:User quota
  quota_rule = *:storage=10M
  quota_vsizes = yes
}
";

fn main() -> ExitCode {
    let trials: [(&str, fn()); 2] = [
        ("everything_is_signed_in_to_and_the_quota_is_told", everything_is_signed_in_to_and_the_quota_is_told),
        ("a_wrong_security_is_named_and_nobody_signs_in", a_wrong_security_is_named_and_nobody_signs_in),
    ];
    testbed::run_trials("doctor_testbed", trials)
}

/// Alice, at the submission server, IMAP and POP3 of the testbed, secured like this.
fn examine(bed: &Testbed, [smtp, imap, pop3]: [Security; 3]) -> Examination {
    let ca = std::fs::read(bed.ca_file()).expect("the CA file");
    let endpoint = |port, security| Endpoint {
        host: "127.0.0.1".to_owned(),
        port,
        security,
        allow_cleartext_password: false,
        credentials: Credentials { username: "alice@test.example".to_owned(), proof: Secret::new("alicepw").into() },
        auth: Auth::Auto,
        ca: Some(ca.clone()),
        family: Family::Any,
        expect_auth: false,
    };
    let account = Account {
        name: "alice".to_owned(),
        address: "alice@test.example".parse().expect("an address"),
        smtp: Some(endpoint(bed.ports.submission, smtp)),
        imap: Some(endpoint(bed.ports.imaps, imap)),
        pop3: Some(endpoint(bed.ports.pop3s, pop3)),
        folders: Folders::default(),
    };
    let mut doctor = Doctor::default();
    doctor.names = Names::at(SocketAddr::from(([127, 0, 0, 1], 9))); // nobody is asked: the host is an address
    doctor.neighbour = None;
    doctor.ports.clear();
    let (_stopper, stop) = Stop::new();
    Runtime::new().expect("a runtime").block_on(doctor.examine(&account, &Protocol::ALL, &stop))
}

fn everything_is_signed_in_to_and_the_quota_is_told() {
    let mut options = Options { dovecot_extra: QUOTA.to_owned(), ..Options::default() };
    options.imap_capability += " QUOTA";
    let bed = Testbed::start(options);
    let found = examine(&bed, [Security::Starttls, Security::Tls, Security::Tls]);
    assert_eq!(found.verdict, Verdict::Ok, "{found:#?}\n{}", bed.log());
    assert!(found.servers.iter().all(|server| server.signed_in), "{found:#?}");
    let quota = found.servers[1].quota.expect("a quota");
    assert_eq!((quota.limit_kib, quota.is_nearly_full()), (10 * 1024, false));
    assert_eq!((found.receive, found.both), (Some(Protocol::Imap), true));
    let log = bed.log();
    assert_eq!(log.matches("Login: user").count(), 2, "IMAP and POP3, once each:\n{log}");
    assert_eq!(log.matches(" auth=1 ").count(), 1, "and the submission server:\n{log}");
    // Nobody speaks plaintext where TLS is configured, or the other way round; the testbed itself looks once whether each listens.
    assert!(log.matches("TLS handshaking").count() <= 2 && !log.contains("invalid commands"), "{log}");
}

fn a_wrong_security_is_named_and_nobody_signs_in() {
    let bed = Testbed::start(Options::default());
    let found = examine(&bed, [Security::Tls, Security::Starttls, Security::Starttls]);
    assert_eq!(found.verdict, Verdict::Critical, "{found:#?}\n{}", bed.log());
    let lines: Vec<String> = found.servers.iter().flat_map(|server| &server.changes).map(Change::line).collect();
    let wanted = ["smtp.security = \"starttls\"", "imap.security = \"tls\"", "pop3.security = \"tls\""];
    assert_eq!(lines, wanted, "{found:#?}");
    let log = bed.log();
    assert!(!log.contains("Login: user") && !log.contains(" auth="), "{log}");
}
