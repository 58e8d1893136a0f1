//! The configuration as somebody writes it: what is refused and how that is told, what is pointed out, and what is read.
//!
//! `tests/config/refused` holds configurations with the exact errors beside them, `tests/config/pointed-out` those that
//! work, with the exact warnings. `MAILTRIP_BLESS=1` writes what is printed now in place of what is expected.

use std::fs;
use std::path::{Path, PathBuf};

use std::time::Duration;

use mailtrip::account::{Family, Grant, Proof, Security, TokenSource};
use mailtrip::check::Sent;
use mailtrip::config::{self, ConfigError, Loaded, Notice, Overrides};
use mailtrip::criteria::{Criteria, Severity};

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(folder);
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

/// What does not match what is expected, if anything.
fn compare(case: &Path, printed: &str) -> Option<String> {
    let golden = case.with_extension("txt");
    let printed = format!("{printed}\n");
    if std::env::var_os("MAILTRIP_BLESS").is_some() {
        fs::write(&golden, &printed).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default().replace("\r\n", "\n");
    (printed != expected).then(|| format!("{}\nexpected:\n{expected}\nprinted:\n{printed}", case.display()))
}

#[test]
fn what_is_wrong_is_told_with_file_line_column_and_caret() {
    let mut wrong = Vec::new();
    for case in cases("refused") {
        let text = fs::read_to_string(&case).unwrap().replace("\r\n", "\n");
        let error = config::parse(&text, "mailtrip.toml").map(|_| ()).expect_err(&case.display().to_string());
        let printed = error.to_string();
        assert!(!printed.contains("hunter2"), "a password is shown:\n{printed}");
        assert!(!format!("{error:?}").contains("hunter2"), "a password is in the error");
        wrong.extend(compare(&case, &printed));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_works_and_is_worth_knowing_is_pointed_out() {
    let mut wrong = Vec::new();
    for case in cases("pointed-out") {
        let text = fs::read_to_string(&case).unwrap().replace("\r\n", "\n");
        let loaded = config::parse(&text, "mailtrip.toml").unwrap_or_else(|error| panic!("{error}"));
        let rendered: Vec<String> = loaded.notices.iter().map(|notice| notice.render(false)).collect();
        let lines: Vec<String> = loaded.notices.iter().map(Notice::to_string).collect();
        let printed = format!("{}\n\n{}", rendered.join("\n\n"), lines.join("\n"));
        assert!(!printed.contains("hunter2"), "a password is shown:\n{printed}");
        wrong.extend(compare(&case, printed.trim()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Damages a configuration in every way that takes one keystroke or two, and looks for the password in the errors.
#[test]
fn no_damage_to_a_file_brings_a_password_to_light() {
    let texts = [
        "[accounts.a]\naddress = \"a@gmail.com\"\npassword = { value = \"Zq9Zq9Zq9\" }\n[checks.c]\nfrom = \"a\"\n",
        "[accounts.a]\nsmtp = { host = \"h\", password = { value = 'Zq9Zq9' }, port = 25 }\n[accounts.a.password]\nvalue = \"Zq9\"\n",
        "[accounts]\na.password.value = \"Zq9Zq9\"\na.address = \"a@gmail.com\"\n# Zq9\n",
        "[accounts.a]\npassword = { value = \"\"\"Zq9\\\n  Zq9\"\"\" }\naddress = \"a@gmail.com\"\n",
        "[accounts.a]\npassword = { command = [\"echo\", \"Zq9\"] }\naddress = \"a@example.net\"\n",
        "[accounts.a]\npassword = \"Zq9\"\nprovider = 'gmail'\n",
        "[accounts.a]\naddress = \"a@gmail.com\"\ntoken = { value = \"Zq9Zq9\" }\n",
        "[accounts.a]\noauth2 = { provider = \"google\", client_id = \"Zq9\", client_secret = { value = \"Zq9\" }, refresh_token = { value = 'Zq9' } }\n",
        "[accounts.a.oauth2]\nclient_secret.value = \"Zq9\"\nrefresh_token = \"Zq9\"\ngrant = \"refresh_token\"\n",
    ];
    let pieces = ["", "\"", "'", "\n", "\\", "=", "{", "}", "[", "]", "#", ",", "\"\"\"", "'''", "\u{0}", "ü"];
    let mut refused = 0;
    for text in texts {
        for (at, piece) in (0..text.len()).flat_map(|at| pieces.iter().map(move |piece| (at, piece))) {
            for width in [0, 1] {
                let damaged = format!("{}{piece}{}", &text[..at], &text[at + width..]);
                let Err(error) = config::parse(&damaged, "m.toml") else { continue };
                refused += 1;
                let printed = error.to_string();
                assert!(!printed.contains("Zq9"), "{damaged}\nis told as\n{printed}");
            }
        }
    }
    assert!(refused > 1000, "only {refused} were refused");
}

/// Each line of the example that states a default is put in force: nothing may change. With another value, something
/// has to change, or to be refused for a reason of its own.
#[test]
fn the_defaults_that_the_example_states_are_the_defaults() {
    let described = |text: &str| config::parse(text, "example").map(|loaded| format!("{:?}", loaded.checks));
    let usual = described(config::EXAMPLE).unwrap_or_else(|error| panic!("{error}"));
    let mut stated = 0;
    for line in config::EXAMPLE.lines().filter(|line| line.ends_with("# default")) {
        let (setting, _) = line.rsplit_once('#').unwrap();
        let setting = setting.trim_start_matches("# ").trim();
        let (key, value) = setting.split_once(" = ").unwrap();
        let with = |value: &str| described(&config::EXAMPLE.replace(line, &format!("{key} = {value}")));
        assert_eq!(with(value).unwrap_or_else(|error| panic!("{error}")), usual, "{line}");
        let other = match key {
            "to" => "\"work\"",
            "username" => "\"alice\"",
            "auth" => "\"login\"",
            "address_family" => "\"ipv6\"",
            "receive" => "\"pop3\"",
            "sent" => "\"off\"",
            "junk" | "spf" | "dkim" | "dmarc" => "\"critical\"",
            _ if value == "false" => "true",
            _ => "\"17s\"",
        };
        assert!(with(other).map_or(true, |changed| changed != usual), "{key} = {other} changes nothing");
        stated += 1;
    }
    assert_eq!(stated, 16);
}

async fn load_with(text: &str, folder: &Path, names: &[&str], overrides: &Overrides) -> Result<Loaded, ConfigError> {
    let path = folder.join("mailtrip.toml");
    fs::write(&path, text).unwrap();
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    config::load(&path, &names, overrides).await
}

async fn load(text: &str, names: &[&str]) -> Result<Loaded, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    load_with(text, folder.path(), names, &Overrides::default()).await
}

const TWO: &str = "
[accounts.home]
address = 'alice@icloud.com'
password = { env = 'CARGO_PKG_NAME' }

[accounts.work]
address = 'alice@example.net'
username = ' ali\"ce '
password = { value = ' #$\"\\pä ' }
smtp = { host = 'smtp.example.net', security = 'starttls' }
imap = { host = '[::1]', username = 'other', password = { env = 'MAILTRIP_TEST_THAT_IS_NOT_SET' } }

[checks.there]
from = 'home'
to = 'work'

[checks.home]
from = 'home'
";

#[tokio::test]
async fn only_the_passwords_of_the_wanted_checks_are_fetched() {
    let loaded = load(TWO, &["home"]).await.unwrap_or_else(|error| panic!("{error}"));
    let [check] = &loaded.checks[..] else { panic!("{:?}", loaded.checks) };
    assert_eq!(check.from().smtp.as_ref().unwrap().credentials.proof.password().unwrap().expose(), "mailtrip");
    assert_eq!(check.from().smtp.as_ref().unwrap().credentials.username, "alice@icloud.com");
    assert_eq!(
        (check.from().imap.as_ref().unwrap().credentials.username.as_str(), check.to().address().to_string().as_str()),
        ("alice", "alice@icloud.com")
    );
    assert_eq!(loaded.provider_notes[0].provider.name, "icloud");
    let error = load(TWO, &[]).await.unwrap_err().to_string();
    let told = "the password of account `work` is to be in the environment variable MAILTRIP_TEST_THAT_IS_NOT_SET";
    assert!(error.contains(told) && error.contains("mailtrip.toml:11:"), "{error}");
}

#[tokio::test]
async fn an_account_is_loaded_though_no_check_could_work_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mailtrip.toml");
    let text =
        "[accounts.a]\naddress = 'a@example.net'\npassword = { value = 'p' }\nimap = { host = 'imap.example.net' }\n";
    fs::write(&path, text).unwrap();
    let error = config::load(&path, &[], &Overrides::default()).await.unwrap_err().to_string();
    assert!(error.contains("check `a` cannot work"), "{error}");
    assert!(config::load_accounts(&path, &[]).await.unwrap().accounts[0].imap.is_some());
}

#[tokio::test]
async fn accounts_are_loaded_without_regard_to_the_checks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mailtrip.toml");
    let text = r#"
        [defaults]
        timeout = "5m"
        [accounts.alice]
        address = "alice@gmail.com"
        password = { value = "its password" }
        [accounts.bob]
        address = "bob@gmail.com"
        password = { env = "MAILTRIP_NO_SUCH_VARIABLE" }
        [checks.out]
        from = "alice"
        timeout = "10s"
        cleanup_timeout = "2s"
    "#;
    fs::write(&path, text).unwrap();
    let loaded = config::load_accounts(&path, &["alice".to_owned()]).await.unwrap();
    let names: Vec<&str> = loaded.accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!((names, loaded.limits.total), (vec!["alice"], Duration::from_secs(300)));
    let own: Vec<String> = loaded.own.iter().map(ToString::to_string).collect();
    assert_eq!(own, ["alice@gmail.com", "bob@gmail.com"], "of those that were not asked for, too");
    let error = config::load_accounts(&path, &[]).await.unwrap_err().to_string();
    assert!(error.contains("MAILTRIP_NO_SUCH_VARIABLE"), "{error}");
    let (_, missing) = config::load_accounts_at_hand(&path, &[]).await.unwrap();
    assert!(matches!(&missing[..], [one] if one.contains("MAILTRIP_NO_SUCH_VARIABLE")), "{missing:?}");
    let error = config::load_accounts(&path, &["alise".to_owned()]).await.unwrap_err().to_string();
    assert!(error.contains("there is no account `alise`") && error.contains("did you mean `alice`?"), "{error}");
}

#[tokio::test]
async fn usernames_and_passwords_are_taken_as_they_are() {
    let text = TWO.replace("MAILTRIP_TEST_THAT_IS_NOT_SET", "CARGO_PKG_NAME");
    let loaded = load(&text, &[]).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.checks.iter().map(|check| check.name()).collect::<Vec<_>>(), ["there", "home"]);
    let work = loaded.checks[0].to().account().unwrap();
    let smtp = work.smtp.as_ref().unwrap();
    assert_eq!(
        (&*smtp.credentials.username, smtp.credentials.proof.password().unwrap().expose()),
        (" ali\"ce ", " #$\"\\pä ")
    );
    assert_eq!((smtp.port, smtp.security), (587, Security::Starttls));
    let imap = work.imap.as_ref().unwrap();
    assert_eq!(
        (&*imap.credentials.username, imap.credentials.proof.password().unwrap().expose()),
        ("other", "mailtrip")
    );
    assert_eq!((&*imap.host, imap.port, imap.security), ("::1", 993, Security::Tls));
}

#[tokio::test]
async fn an_unknown_check_is_told_with_those_that_there_are() {
    let error = load(TWO, &["hmoe"]).await.unwrap_err().to_string();
    assert_eq!(error.lines().next(), Some("error: there is no check `hmoe`"));
    assert!(error.contains("did you mean `home`? the checks are `there` and `home`"), "{error}");
    let twice = load(TWO, &["home", "home"]).await.unwrap();
    assert_eq!(twice.checks.len(), 1);
}

#[tokio::test]
async fn without_checks_each_account_is_one() {
    let text = "[accounts.b]\naddress = 'b@gmail.com'\npassword = { env = 'CARGO_PKG_NAME' }\n";
    let text = format!("{text}[accounts.a]\naddress = 'a@gmail.com'\npassword = {{ env = 'CARGO_PKG_NAME' }}\n");
    let loaded = load(&text, &[]).await.unwrap();
    let told: Vec<_> = loaded
        .checks
        .iter()
        .map(|c| (c.name(), c.from().name.as_str(), c.to().account().unwrap().name.as_str()))
        .collect();
    assert_eq!(told, [("b", "b", "b"), ("a", "a", "a")]);
    assert_eq!(load(&text, &["a"]).await.unwrap().checks.len(), 1);
}

#[tokio::test]
async fn the_command_line_wins_over_the_check_and_the_check_over_the_defaults() {
    let text = "[accounts.a]\naddress = 'a@gmail.com'\npassword = { env = 'CARGO_PKG_NAME' }\n
        [defaults]\nsent = 'off'\nkeep = true\nstage_timeout = '7s'\narrival_timeout = '8s'\n
        [checks.c]\nfrom = 'a'\nkeep = false\ntimeout = '10s'\n";
    let folder = tempfile::tempdir().unwrap();
    let overrides = Overrides { sent: Some(Sent::Append), ..Overrides::default() };
    let settings = load_with(text, folder.path(), &[], &overrides).await.unwrap().checks[0].settings().clone();
    assert_eq!((settings.sent, settings.keep), (Sent::Append, false));
    let limits = [settings.limits.total, settings.limits.stage, settings.limits.cleanup];
    assert_eq!(limits.map(|limit| limit.as_millis()), [10_000, 7_000, 2_500], "the clean-up gives way to a short run");
    assert_eq!(settings.limits.arrival, Some(Duration::from_secs(8)));
    let overrides = Overrides { arrival_timeout: Some(Duration::from_secs(3)), ..Overrides::default() };
    let settings = load_with(text, folder.path(), &[], &overrides).await.unwrap().checks[0].settings().clone();
    assert_eq!(settings.limits.arrival, Some(Duration::from_secs(3)));

    let overrides = Overrides { cleanup_timeout: Some(Duration::from_secs(6)), ..Overrides::default() };
    let error = load_with(text, folder.path(), &[], &overrides).await.unwrap_err().to_string();
    assert!(error.contains("`cleanup_timeout` (6s) is more than half of `timeout` (10s)"), "{error}");
    let short = Overrides { timeout: Some(Duration::from_secs(4)), ..Overrides::default() };
    assert_eq!(short.settings().unwrap().limits.cleanup, Duration::from_secs(1));
}

/// The criteria of the first check, where the defaults and the check state this.
fn criteria(defaults: &str, check: &str, overrides: &Overrides) -> Criteria {
    let text = format!(
        "[accounts.a]\naddress = 'a@gmail.com'\npassword = {{ env = 'CARGO_PKG_NAME' }}\n\
         [defaults]\n{defaults}\n[checks.c]\nfrom = 'a'\n{check}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let loaded = load_with(&text, folder.path(), &[], overrides);
    let loaded = tokio::runtime::Runtime::new().unwrap().block_on(loaded).unwrap_or_else(|error| panic!("{error}"));
    loaded.checks[0].settings().criteria.clone()
}

/// As `login > 2 | @0:1`: the measure, the warning, what is critical.
fn thresholds(criteria: &Criteria) -> Vec<String> {
    let range =
        |range: Option<mailtrip::criteria::Range>| range.map(|range| range.to_string()).unwrap_or("-".to_owned());
    let told = criteria.thresholds.iter().map(|one| (one.measure, range(one.warn), range(one.critical)));
    let mut told: Vec<String> =
        told.map(|(measure, warn, critical)| format!("{measure} > {warn} | {critical}")).collect();
    told.sort();
    told
}

#[test]
fn bounds_are_read_as_people_write_them() {
    for (check, expected) in [
        ("warn = '30s'", &["round-trip > 30 | -"][..]),
        ("warn = 30", &["round-trip > 30 | -"]),
        ("critical = 1.5", &["round-trip > - | 1.5"]),
        ("warn = '@~:1m'", &["round-trip > @~:60 | -"]),
        (
            "warn = { round-trip = '1:5', certificate_days = 14 }",
            &["certificate-days > 14: | -", "round-trip > 1:5 | -"],
        ),
        ("warn = { certificate-days = '@0:7' }", &["certificate-days > @7 | -"]),
        ("warn.login = '500ms'\ncritical.login = '1m 5s'", &["login > 0.5 | 65"]),
        ("[checks.c.critical]\nreply_submission_login = '@0:1'", &["reply-submission-login > - | @1"]),
        ("critical = { arrival = 0x10 }", &["arrival > - | 16"]),
        ("warn = {}", &[]),
    ] {
        assert_eq!(thresholds(&criteria("", check, &Overrides::default())), expected, "{check}");
    }
}

#[test]
fn each_bound_of_each_measure_is_the_one_nearest_to_the_check() {
    let defaults =
        "warn = { round_trip = 1, login = 2, tls = 3 }\ncritical = { login = 20 }\nspf = 'critical'\ndkim = 'warning'";
    let check = "warn = { login = 4, delivery-login = 5 }\ncritical = 60\nspf = 'fine'";
    let bound = |measure: &str, range: &str| (measure.parse().unwrap(), range.parse().unwrap());
    let overrides = Overrides { warn: vec![bound("tls", "6"), bound("connect", "7")], ..Overrides::default() };
    let criteria = criteria(defaults, check, &overrides);
    let expected =
        ["connect > 7 | -", "delivery-login > 5 | 20", "login > 4 | 20", "round-trip > 1 | 60", "tls > 6 | -"];
    assert_eq!(thresholds(&criteria), expected);
    assert_eq!([criteria.spf, criteria.dkim, criteria.dmarc], [Severity::Fine, Severity::Warning, Severity::Fine]);
}

/// Family and expectation of both servers of the only check.
fn particulars(keys: &str, smtp: &str, imap: &str) -> [(Family, bool); 2] {
    let text = format!(
        "[accounts.a]\naddress = 'a@example.net'\npassword = {{ env = 'A' }}\n{keys}\n\
         smtp = {{ host = 'smtp.example.net', {smtp} }}\nimap = {{ host = 'imap.example.net', {imap} }}\n"
    );
    let loaded = config::parse(&text, "m.toml").unwrap_or_else(|error| panic!("{error}"));
    let account = loaded.checks[0].from();
    [&account.smtp, &account.imap].map(|endpoint| {
        let endpoint = endpoint.as_ref().unwrap();
        (endpoint.family, endpoint.expect_auth)
    })
}

#[test]
fn a_server_on_a_submission_port_is_expected_to_require_a_sign_in_unless_it_is_said_otherwise() {
    let expected = |keys, smtp, imap| particulars(keys, smtp, imap).map(|(_, expected)| expected);
    assert_eq!(expected("", "port = 587, security = 'starttls'", "port = 993"), [true, false]);
    assert_eq!(expected("", "port = 465", "port = 587, security = 'starttls'"), [true, false]);
    assert_eq!(expected("", "port = 2525", ""), [false, false]);
    assert_eq!(expected("", "port = 2525, expect_auth = true", ""), [true, false]);
    assert_eq!(expected("expect_auth = true", "port = 2525", ""), [true, false]);
    assert_eq!(expected("expect_auth = false", "", ""), [false, false]);
    assert_eq!(expected("expect_auth = false", "expect_auth = true", ""), [true, false]);
    assert_eq!(expected("expect_auth = true", "expect_auth = false", ""), [false, false]);
}

#[test]
fn the_family_of_a_server_wins_over_that_of_its_account() {
    let families = |keys, smtp, imap| particulars(keys, smtp, imap).map(|(family, _)| family);
    assert_eq!(families("", "", ""), [Family::Any, Family::Any]);
    assert_eq!(families("address_family = 'ipv6'", "", "address_family = 'any'"), [Family::Ipv6, Family::Any]);
    assert_eq!(families("address_family = 'ipv6'", "address_family = 'ipv4'", ""), [Family::Ipv4, Family::Ipv6]);
}

#[tokio::test]
async fn the_family_of_the_command_line_wins_over_every_other() {
    let text =
        "[accounts.a]\naddress = 'a@gmail.com'\npassword = { env = 'CARGO_PKG_NAME' }\naddress_family = 'ipv6'\n";
    let folder = tempfile::tempdir().unwrap();
    let overrides = Overrides { family: Some(Family::Ipv4), ..Overrides::default() };
    let loaded = load_with(text, folder.path(), &[], &overrides).await.unwrap();
    let check = &loaded.checks[0];
    for account in [check.from(), check.to().account().unwrap()] {
        assert!([&account.smtp, &account.imap].into_iter().flatten().all(|server| server.family == Family::Ipv4));
    }
}

/// Where the run may take 30 ms, so may the command; where nobody says so, 30 s, for which no test waits.
#[cfg(unix)]
#[tokio::test]
async fn a_command_may_take_no_longer_than_the_run_that_it_is_for() {
    let text =
        "[accounts.a]\naddress = 'a@gmail.com'\npassword = { command = ['sleep', '1000'] }\n[checks.c]\nfrom = 'a'\n";
    let folder = tempfile::tempdir().unwrap();
    let overrides = Overrides { timeout: Some(Duration::from_millis(30)), ..Overrides::default() };
    let error = load_with(text, folder.path(), &[], &overrides).await.unwrap_err().to_string();
    assert!(error.contains("the command `sleep`, which was not done after 30ms"), "{error}");
}

#[tokio::test]
async fn certificates_and_passwords_are_read_from_the_folder_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[accounts.a]\naddress = 'a@gmail.com'\npassword = { file = 'secret' }\nca_file = 'ca.pem'\n
        imap = { ca_file = 'no.pem' }\nsmtp = {}\n"
        .replace("a@gmail.com'", "a@example.net'\nprovider = 'gmail'");
    fs::write(folder.path().join("secret"), " a b \n").unwrap();
    let pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
    fs::write(folder.path().join("ca.pem"), pem).unwrap();
    fs::write(folder.path().join("no.pem"), "not a certificate").unwrap();
    let error = load_with(&text, folder.path(), &[], &Overrides::default()).await.unwrap_err().to_string();
    assert!(error.contains("no.pem, has no certificate in PEM form in it"), "{error}");
    fs::write(folder.path().join("no.pem"), format!("# another\n{pem}")).unwrap();
    let loaded = load_with(&text, folder.path(), &[], &Overrides::default()).await.unwrap();
    let account = loaded.checks[0].from();
    assert_eq!(account.smtp.as_ref().unwrap().ca.as_deref(), Some(pem.as_bytes()));
    assert!(account.imap.as_ref().unwrap().ca.as_ref().unwrap().starts_with(b"# another"));
    assert_eq!(account.imap.as_ref().unwrap().credentials.proof.password().unwrap().expose(), " a b ");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.toml");
    let error = config::load(&missing, &[], &Overrides::default()).await.unwrap_err().to_string();
    assert!(error.contains("missing.toml` cannot be read: "), "{error}");
    let path = folder.path().join("latin1.toml");
    fs::write(&path, b"# x\npassword = \"hunter2\xe4\"\n").unwrap();
    let error = config::load(&path, &[], &Overrides::default()).await.unwrap_err().to_string();
    assert!(error.contains("is not UTF-8: see line 2") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_file_full_of_mistakes_is_told_in_a_bearable_time() {
    let text: String = (0..100_000).map(|number| format!("key{number} = 1\n")).collect();
    let error = config::parse(&text, "m.toml").unwrap_err();
    assert_eq!(error.problems().count(), 100);
}

#[cfg(unix)]
#[tokio::test]
async fn a_password_that_others_can_read_is_pointed_out() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mailtrip.toml");
    let notices = async |text: &str, mode: u32| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let loaded = config::load(&path, &[], &Overrides::default()).await.unwrap();
        loaded.notices.iter().filter(|notice| notice.text().contains("can be read by others")).count()
    };
    let secret = "[accounts.a]\naddress = 'a@gmail.com'\npassword = { value = 'hunter2' }\n";
    assert_eq!(notices(secret, 0o600).await, 0);
    assert_eq!(notices(secret, 0o640).await, 1);
    assert_eq!(notices(secret, 0o604).await, 1);
    assert_eq!(notices(&secret.replace("value = 'hunter2'", "env = 'CARGO_PKG_NAME'"), 0o644).await, 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_is_run_once_for_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    let script = format!("echo >> '{}'; echo secret", count.display());
    let text = format!(
        "[accounts.a]\naddress = 'a@gmail.com'\npassword = {{ command = ['sh', '-c', \"{script}\"] }}\n\
         [checks.one]\nfrom = 'a'\n[checks.two]\nfrom = 'a'\n"
    );
    let loaded = load_with(&text, folder.path(), &[], &Overrides::default()).await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        loaded.checks[1].to().account().unwrap().imap.as_ref().unwrap().credentials.proof.password().unwrap().expose(),
        "secret"
    );
    assert_eq!(fs::read_to_string(count).unwrap().lines().count(), 1);
}

/// What the accounts of a configuration sign in by.
async fn proofs(text: &str) -> Vec<Proof> {
    let loaded = load(text, &[]).await.unwrap_or_else(|error| panic!("{error}"));
    let endpoint = loaded.checks.iter().flat_map(|check| [&check.from().smtp, &check.from().imap]).flatten();
    endpoint.map(|endpoint| endpoint.credentials.proof.clone()).collect()
}

#[tokio::test]
async fn a_token_endpoint_is_known_by_its_provider_and_shared_by_the_endpoints() {
    let google = "[accounts.a]\naddress = 'a@gmail.com'\noauth2 = { provider = 'google', client_id = 'id', \
        refresh_token = { env = 'CARGO_PKG_NAME' } }\n";
    let [Proof::Token(one), Proof::Token(other)] = &proofs(google).await[..] else { panic!() };
    assert!(std::sync::Arc::ptr_eq(one, other), "one token for both");
    let TokenSource::Endpoint(endpoint) = &**one else { panic!("{one:?}") };
    assert_eq!(endpoint.url.to_string(), "https://oauth2.googleapis.com/token");
    assert!(matches!(&endpoint.grant, Grant::RefreshToken(token) if token.expose() == "mailtrip"));
    assert_eq!((endpoint.scope.as_deref(), endpoint.client_secret.is_some()), (None, false));

    let microsoft = "[accounts.a]\naddress = 'a@example.net'\nprovider = 'microsoft365'\n\
        oauth2 = { provider = 'microsoft', tenant = 'example.net', grant = 'client_credentials', client_id = 'id', \
        client_secret = { env = 'CARGO_PKG_NAME' } }\nimap = { token = { command = ['oama', 'access'] } }\n";
    let [Proof::Token(one), Proof::Token(other)] = &proofs(microsoft).await[..] else { panic!() };
    let TokenSource::Endpoint(endpoint) = &**one else { panic!("{one:?}") };
    assert_eq!(endpoint.url.to_string(), "https://login.microsoftonline.com/example.net/oauth2/v2.0/token");
    assert_eq!(endpoint.scope.as_deref(), Some("https://outlook.office365.com/.default"));
    assert!(matches!(endpoint.grant, Grant::ClientCredentials));
    assert!(matches!(&**other, TokenSource::Command(words) if words == &["oama", "access"]));

    let bad = "[accounts.a]\naddress = 'a@gmail.com'\ntoken = { env = 'CARGO_PKG_DESCRIPTION' }\n";
    let error = load(bad, &[]).await.unwrap_err().to_string();
    assert!(error.contains("the token of account `a` is none"), "{error}");
}
