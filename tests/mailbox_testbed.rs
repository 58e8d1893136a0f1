//! A real Dovecot whose mailboxes are full, or whose folders are closed or read-only. Where it cannot run, every test shows as
//! ignored, with the reason.

use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Family, Folders, Secret, Security};
use mailtrip::check::{Check, Sent, Settings};
use mailtrip::diagnose::{Diagnosis, Verdict, diagnose, verdict};
use mailtrip::outcome::{Fact, Outcome};
use mailtrip::report::terminal::{self, Style};

#[path = "support/testbed.rs"]
mod testbed;
use testbed::{Options, Testbed, User};

const USERS: [&str; 7] = ["sender", "full", "reader", "keeper", "closed", "filer", "parent"];

/// Who is full has 20 KiB, and mail for such a mailbox is refused for now, so that it waits in Postfix's queue.
const SETTINGS: &str = "
mail_plugins = quota acl
protocol imap {
  mail_plugins = quota imap_quota acl
}
protocol lmtp {
  mail_plugins = quota acl sieve
}
quota_full_tempfail = yes
plugin {
  quota = count:User quota
  quota_rule = *:storage=20K
  quota_vsizes = yes
  acl = vfile:@dir@/dovecot/acl
}
";

/// Without `t` and `e` nothing can be removed, without `i` nothing put there, without `r` nothing read (RFC 4314 §2.1).
const ACL: &str = "
INBOX user=reader@test.example lr
INBOX user=keeper@test.example lrwsip
Sent user=closed@test.example l
Sent user=filer@test.example lrws
";

static BED: LazyLock<Testbed> = LazyLock::new(|| {
    let users = USERS.map(|name| User::new(&address(name), "its password")).to_vec();
    let mut options = Options { users, dovecot_extra: SETTINGS.to_owned(), ..Options::default() };
    options.imap_capability += " QUOTA";
    let bed = Testbed::start(options);
    std::fs::write(bed.dir().join("dovecot/acl"), ACL).expect("the ACL"); // read at each sign-in
    bed
});

fn main() -> ExitCode {
    type Test = fn();
    let tests: [(&str, Test); 7] = [
        ("a_full_mailbox_is_why_nothing_arrives", full),
        ("a_full_mailbox_that_is_refused_for_good_is_a_bounce", refused),
        ("an_inbox_for_reading_only_is_told_before_the_clean_up", reader),
        ("so_is_one_where_nothing_may_be_deleted", keeper),
        ("a_sent_folder_that_may_not_be_read_is_no_missing_one", closed),
        ("a_sent_folder_that_takes_nothing_is_told", filer),
        ("a_sent_folder_that_holds_only_others_is_told_with_them", parent),
    ];
    testbed::run_trials("mailbox_testbed", tests)
}

fn address(name: &str) -> String {
    format!("{name}@test.example")
}

fn account(name: &str) -> Account {
    account_on(&BED, name)
}

fn account_on(bed: &Testbed, name: &str) -> Account {
    let ca = std::fs::read(bed.ca_file()).expect("the CA file");
    let endpoint = |port| Endpoint {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::Tls,
        allow_cleartext_password: false,
        credentials: Credentials { username: address(name), proof: Secret::new("its password").into() },
        auth: Auth::Auto,
        ca: Some(ca.clone()),
        family: Family::Any,
        expect_auth: false,
    };
    Account {
        name: name.to_owned(),
        address: address(name).parse().expect("an address"),
        smtp: Some(endpoint(bed.ports.submissions)),
        imap: Some(endpoint(bed.ports.imaps)),
        pop3: None,
        folders: Folders::default(),
    }
}

fn verify(from: Account, to: Account, settings: Settings) -> Outcome {
    let check = Check::new("check", from, to, settings).expect("a valid check");
    testbed::verified(&check)
}

/// The diagnoses, which must have these codes.
fn codes(outcome: &Outcome, expected: &[&str]) -> Vec<Diagnosis> {
    let diagnoses = diagnose(outcome);
    let codes: Vec<&str> = diagnoses.iter().map(|diagnosis| diagnosis.code).collect();
    let report = || terminal::render(outcome, &Style { verbose: true, ..Style::default() });
    assert_eq!(codes, expected, "\n{}\n{}", report(), BED.log());
    diagnoses
}

/// Somebody else's message, as large as all that there may be.
fn fill(bed: &Testbed) {
    let large = format!("From: x@y.test\r\nSubject: large\r\n\r\n{}\r\n", "0123456789abcdef\r\n".repeat(1200));
    bed.put("full", "INBOX", large.replace("\r\n", "\n").as_bytes(), "S");
}

fn full() {
    fill(&BED);
    let mut settings = Settings { sent: Sent::Off, ..Settings::default() };
    settings.limits.total = Duration::from_secs(8);
    settings.limits.cleanup = Duration::from_secs(2);
    let outcome = verify(account("sender"), account("full"), settings);
    let diagnoses = codes(&outcome, &["mailbox-full", "may-arrive"]);
    assert!(diagnoses[0].evidence.iter().any(|text| text.contains("of 20 KiB used")), "{diagnoses:#?}");
    assert_eq!(verdict(&outcome), Verdict::Critical);
}

/// Without a word from the administrator, Dovecot refuses for good, and Postfix tells the sender.
fn refused() {
    let dovecot_extra = SETTINGS.replace("quota_full_tempfail = yes", "");
    let users = USERS.map(|name| User::new(&address(name), "its password")).to_vec();
    let bed = Testbed::start(Options { users, dovecot_extra, ..Options::default() });
    fill(&bed);
    let mut settings = Settings::default(); // the copy is what the sender's mailbox is opened for, where the report comes
    settings.limits.total = Duration::from_secs(20);
    let outcome = verify(account_on(&bed, "sender"), account_on(&bed, "full"), settings);
    let diagnosis = codes(&outcome, &["bounced"]).remove(0);
    assert!(diagnosis.cause.contains("(full, or switched off)"), "{diagnosis:#?}");
}

fn reader() {
    let outcome = verify(account("sender"), account("reader"), Settings { sent: Sent::Off, ..Settings::default() });
    let diagnoses = codes(&outcome, &["read-only", "left-behind"]);
    assert!(diagnoses[0].evidence[0].contains("[READ-ONLY]"), "{diagnoses:#?}");
}

fn keeper() {
    let outcome = verify(account("sender"), account("keeper"), Settings { sent: Sent::Off, ..Settings::default() });
    let diagnoses = codes(&outcome, &["read-only", "left-behind"]);
    assert!(diagnoses[0].evidence[0].contains("[PERMANENTFLAGS ("), "{diagnoses:#?}");
}

fn closed() {
    let mut account = account("closed");
    account.folders.sent = Some("Sent".to_owned());
    let outcome = verify(account.clone(), account, Settings::default());
    assert_eq!(verdict(&outcome), Verdict::Critical);
    codes(&outcome, &["not-selectable"]);
}

fn filer() {
    let outcome = verify(account("filer"), account("filer"), Settings::default());
    assert_eq!(verdict(&outcome), Verdict::Critical);
    codes(&outcome, &["copy-not-permitted"]);
}

/// In Maildir++ a folder need not be there to have others below it.
fn parent() {
    BED.put("parent", "Outgoing.Sent", b"Subject: old\n\nold\n", "S");
    let mut account = account("parent");
    account.folders.sent = Some("Outgoing".to_owned());
    let outcome = verify(account.clone(), account, Settings::default());
    assert_eq!(verdict(&outcome), Verdict::Critical);
    let diagnoses = codes(&outcome, &["not-selectable"]);
    let folders = outcome.stages.iter().flat_map(|record| &record.facts).find_map(|fact| match fact {
        Fact::Folders { names, likely, .. } => Some((names.clone(), likely.clone())),
        _ => None,
    });
    let (names, likely) = folders.expect("the folders");
    assert!(names.iter().any(|name| name.ends_with("Sent")) && likely.is_some(), "{names:?} {likely:?}");
    assert!(diagnoses[0].advice[0].starts_with("Set `sent_folder = "), "{diagnoses:#?}");
}
