//! The configuration: TOML with `[accounts.NAME]`, `[checks.NAME]` and `[defaults]`, read into [`Check`]s.
//!
//! [`EXAMPLE`] shows every key. A file is read as a whole and everything that is wrong with it is told at once, with
//! file, line, column and a caret; passwords are fetched afterwards, and only those that the wanted checks need.

mod account;
mod check;
mod document;
mod endpoint;
mod fetch;
mod finding;
mod mask;
mod names;
mod particulars;
mod proof;
mod purpose;
mod secret;
mod section;
mod sign_in;
mod source;
mod threshold;

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::Address;

use crate::account::{Account, Endpoint, Proof};
use crate::check::{Check, Limits};
use crate::criteria::Measure;
use crate::provider::Provider;

pub use check::Overrides;
pub use fetch::certificates_from_file;
pub use finding::{ConfigError, Notice};
pub use secret::{password_from_shell, password_from_text, shell};
pub use source::Place;

use document::Document;
use finding::Finding;
use purpose::Purpose;
use secret::Surroundings;
use source::Source;

/// The annotated example, with every key and every default.
pub const EXAMPLE: &str = include_str!("../config.example.toml");

/// The name of a table that people name, in [`keys`].
pub const NAME: &str = "NAME";

/// Every key that a configuration can have, with the tables that it can stand in, such as `accounts.NAME.smtp`.
pub fn keys() -> Vec<(String, &'static str)> {
    let own = |table: &str, keys: &'static [&'static str]| {
        let table = table.to_owned();
        keys.iter().map(move |&key| (table.clone(), key)).collect::<Vec<_>>()
    };
    let account = format!("accounts.{NAME}");
    let mut keys = [own(&account, account::KEYS), own(&format!("checks.{NAME}"), check::KEYS)].concat();
    for (protocol, _) in account::PROTOCOLS {
        keys.extend(own(&format!("{account}.{protocol}"), endpoint::KEYS));
    }
    for secret in ["password", "token"] {
        keys.extend(own(&format!("{account}.{secret}"), secret::KEYS));
    }
    keys.extend(own(&format!("{account}.oauth2"), proof::KEYS));
    keys
}

/// A configuration or a file of certificates has at most this many bytes.
const LARGEST: usize = 1024 * 1024;

/// How long it may take to read one of these files.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a configuration says.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The checks that were asked for, in the order of the names, or all in the order of the file.
    pub checks: Vec<Check>,
    /// The names of all checks of the file, whichever were asked for.
    pub names: Vec<String>,
    /// What works and is worth pointing out, in the order of the file.
    pub notices: Vec<Notice>,
    /// What is to be known about the providers whose presets are used by these checks.
    pub provider_notes: Vec<ProviderNote>,
    /// The measures that these checks themselves have bounds for.
    pub measured: Vec<Measured>,
}

/// A measure that a check has a bound for. Whether the check has a stage for it is known where its plan is made.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Name of the check.
    pub check: String,
    /// What is measured.
    pub measure: Measure,
    /// What is to be pointed out where it has no such stage.
    pub notice: Notice,
}

/// The accounts of a configuration.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// Those that were asked for, in the order of the names, or all in alphabetical order.
    pub accounts: Vec<Account>,
    /// The addresses of all accounts, whichever were asked for.
    pub own: Vec<Address>,
    /// How long things may take where no check says so.
    pub limits: Limits,
    /// What works and is worth pointing out, in the order of the file.
    pub notices: Vec<Notice>,
}

/// What is to be known about the provider of an account; worth showing when a sign-in is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderNote {
    /// Name of the account.
    pub account: String,
    /// Its provider.
    pub provider: &'static Provider,
    /// The note, as the rest of a sentence about the provider.
    pub text: &'static str,
}

/// The configuration file to use where none is named: `$MAILTRIP_CONFIG`, if that is set, whether the file exists or
/// not; else the first that exists of `mailtrip.toml` in the current folder, and `mailtrip/config.toml` in
/// `$XDG_CONFIG_HOME` or `~/.config` (on Windows in `%APPDATA%`).
pub fn find() -> Option<PathBuf> {
    find_by(|name| env::var_os(name), Path::is_file)
}

fn find_by(variable: impl Fn(&str) -> Option<OsString>, exists: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let variable = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = variable("MAILTRIP_CONFIG") {
        return Some(path);
    }
    let folder = if cfg!(windows) {
        variable("APPDATA")
    } else {
        // A relative $XDG_CONFIG_HOME is to be ignored (XDG Base Directory Specification).
        let base = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
        base.or_else(|| variable("HOME").map(|home| home.join(".config")))
    };
    let own = folder.map(|folder| folder.join("mailtrip").join("config.toml"));
    [Some(PathBuf::from("mailtrip.toml")), own].into_iter().flatten().find(|path| exists(path))
}

/// Loads the checks with these names, or all of them if there is no name. Where the file has no check, each
/// account is a check of its own name: from the account to itself.
///
/// Only the passwords of accounts in these checks are fetched. Values of `overrides` win over those of the file.
///
/// # Errors
/// When the file cannot be read, something is wrong in it, a name is unknown, or a password cannot be fetched.
pub async fn load(path: &Path, names: &[String], overrides: &Overrides) -> Result<Loaded, ConfigError> {
    let source = source(path).await?;
    let (document, mut notices) = document::read(&source, Purpose::Checks(overrides))?;
    let wanted = document.select(names)?;
    if document.holds_a_password {
        notices.extend(fetch::readable_by_others(path));
    }
    let mut names = Vec::new();
    for entry in &wanted {
        names.extend(
            [document.from(entry), document.to(entry)].into_iter().flatten().map(|name| name.get_ref().as_str()),
        );
    }
    let longest = wanted.iter().filter_map(|entry| document.timeout(entry, overrides)).max();
    let accounts = fetch::accounts(&document, &names, &surroundings(path, longest), &source).await?;
    loaded((&document, &source), &wanted, &accounts, overrides, notices)
}

/// Loads the accounts with these names, or all of them if there is no name, without regard to what checks there are.
/// Only their passwords are fetched.
///
/// # Errors
/// As [`load`].
pub async fn load_accounts(path: &Path, names: &[String]) -> Result<Accounts, ConfigError> {
    let source = source(path).await?;
    let (document, notices) = document::read(&source, Purpose::SignIn)?;
    let wanted = document.select_accounts(names)?;
    let limits = document.usual_limits().map_err(|(_, sentence)| Finding::new(sentence))?;
    let surroundings = surroundings(path, Some(limits.total));
    let fetched = fetch::accounts(&document, &wanted, &surroundings, &source).await?;
    Ok(accounts(path, &document, &wanted, fetched, limits, notices))
}

/// The same with the secrets that are at hand. One that is not, or that the file does not name, stays blank, and why is
/// returned; nothing has to say that a password may go in the clear.
///
/// # Errors
/// As [`load_accounts`], but for secrets.
pub async fn load_accounts_at_hand(path: &Path, names: &[String]) -> Result<(Accounts, Vec<String>), ConfigError> {
    let source = source(path).await?;
    let (document, notices) = document::read(&source, Purpose::Look)?;
    let wanted = document.select_accounts(names)?;
    let limits = document.usual_limits().map_err(|(_, sentence)| Finding::new(sentence))?;
    let surroundings = surroundings(path, Some(limits.total));
    let (fetched, missing) = fetch::accounts_at_hand(&document, &wanted, &surroundings, &source).await?;
    Ok((accounts(path, &document, &wanted, fetched, limits, notices), missing))
}

fn accounts<'d>(
    path: &Path,
    document: &Document,
    wanted: &[&'d str],
    mut fetched: HashMap<&'d str, Account>,
    limits: Limits,
    mut notices: Vec<Notice>,
) -> Accounts {
    if document.holds_a_password {
        notices.extend(fetch::readable_by_others(path));
    }
    let accounts = wanted.iter().filter_map(|name| fetched.remove(name)).collect();
    let own = document.accounts.values().map(|entry| entry.account.address.clone()).collect();
    Accounts { accounts, own, limits, notices }
}

async fn source(path: &Path) -> Result<Source, ConfigError> {
    let file = path.to_string_lossy();
    let cannot = |why: String| ConfigError::from(Finding::new(format!("the configuration `{file}` {why}")));
    let bytes = secret::file::contents(path.to_owned(), LARGEST, PATIENCE).await.map_err(cannot)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        cannot(format!("is not UTF-8: see line {line}"))
    })?;
    Ok(Source::new(&file, text))
}

/// Where variables and relative paths of a configuration are looked up. No command takes longer than the longest of the runs
/// that it is for.
fn surroundings(path: &Path, longest: Option<Duration>) -> Surroundings {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let patience = secret::PATIENCE.min(longest.unwrap_or(secret::PATIENCE));
    Surroundings { variable: |name| env::var_os(name), folder, patience }
}

/// Reads a configuration without fetching anything: every check is there, with blank passwords and without
/// certificates. `file` is its name in errors.
///
/// # Errors
/// When something is wrong in it.
pub fn parse(text: &str, file: &str) -> Result<Loaded, ConfigError> {
    let source = Source::new(file, text);
    let overrides = Overrides::default();
    let (document, notices) = document::read(&source, Purpose::Checks(&overrides))?;
    let blank = document.accounts.iter().map(|(name, entry)| (name.as_str(), entry.account.clone())).collect();
    let wanted: Vec<&check::Entry> = document.checks.iter().collect();
    loaded((&document, &source), &wanted, &blank, &overrides, notices)
}

fn loaded(
    (document, source): (&Document, &Source),
    wanted: &[&check::Entry],
    accounts: &HashMap<&str, Account>,
    overrides: &Overrides,
    notices: Vec<Notice>,
) -> Result<Loaded, ConfigError> {
    let mut checks = Vec::new();
    let mut provider_notes: Vec<ProviderNote> = Vec::new();
    for entry in wanted {
        let names = document.from(entry).zip(document.to(entry));
        let ends = names.map(|(from, to)| (from.get_ref().as_str(), to.get_ref().as_str()));
        let Some(((from, to), (a, b))) = ends.and_then(|(a, b)| Some(((accounts.get(a)?, accounts.get(b)?), (a, b))))
        else {
            continue;
        };
        let check = document.check(entry, from.clone(), to.clone(), overrides);
        checks.push(check.map_err(|(_, sentence)| Finding::new(sentence))?);
        for name in [a, b] {
            let provider = document.accounts.get(name).and_then(|account| account.provider);
            // The notes are about passwords.
            let endpoints = accounts.get(name).map(|account| [&account.smtp, &account.imap, &account.pop3]);
            let by_token = |endpoint: &Endpoint| matches!(endpoint.credentials.proof, Proof::Token(_));
            let by_token = endpoints.into_iter().flatten().flatten().all(by_token);
            let note = provider.and_then(|provider| Some((provider, provider.note?))).filter(|_| !by_token);
            if let Some((provider, text)) = note.filter(|_| provider_notes.iter().all(|note| note.account != name)) {
                provider_notes.push(ProviderNote { account: name.to_owned(), provider, text });
            }
        }
    }
    let names = document.checks.iter().map(|entry| entry.name.get_ref().clone()).collect();
    let measured = |entry: &&check::Entry| threshold::measured(entry.name.get_ref(), &entry.options.bounds, source);
    let measured = wanted.iter().flat_map(measured).collect();
    Ok(Loaded { checks, names, notices, provider_notes, measured })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)], files: &[&str]) -> Option<PathBuf> {
        let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        find_by(variable, |path| files.iter().any(|file| path == Path::new(file)))
    }

    #[test]
    #[cfg(unix)]
    fn the_file_is_found_where_it_is_said_to_be() {
        let home = ("HOME", "/home/a");
        let everywhere = ["mailtrip.toml", "/home/a/.config/mailtrip/config.toml", "/xdg/mailtrip/config.toml"];
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(found(&[home, ("MAILTRIP_CONFIG", "/missing")], &everywhere), path("/missing"));
        assert_eq!(found(&[home, ("MAILTRIP_CONFIG", "")], &everywhere), path("mailtrip.toml"));
        assert_eq!(found(&[home], &everywhere[1..]), path(everywhere[1]));
        assert_eq!(found(&[home, ("XDG_CONFIG_HOME", "/xdg")], &everywhere[1..]), path(everywhere[2]));
        assert_eq!(found(&[home, ("XDG_CONFIG_HOME", "xdg")], &everywhere[1..]), path(everywhere[1]));
        assert_eq!(found(&[home], &[]), None);
    }

    #[tokio::test]
    async fn loading_can_be_left_to_another_thread() {
        let names = Vec::new();
        let task =
            tokio::spawn(async move { load(Path::new("/missing/mailtrip.toml"), &names, &Overrides::default()).await });
        assert!(task.await.unwrap().is_err());
    }

    #[test]
    fn the_example_shows_every_key() {
        for (_, key) in keys() {
            let shown = EXAMPLE.lines().any(|line| line.contains(&format!("{key} ")) && line.contains('='));
            assert!(shown, "config.example.toml does not show `{key}`");
        }
    }
}
