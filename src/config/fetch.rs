//! Fetching what accounts need before they can be used: passwords, what tokens are asked for with, and certificates.

use std::collections::HashMap;
use std::path::Path;

use serde_spanned::Spanned;

use super::account::{Entry, slot};
use super::document::Document;
use super::finding::{ConfigError, Finding, Findings, Notice};
use super::secret::{Surroundings, file};
use super::sign_in::Need;
use super::source::Source;
use super::{LARGEST, PATIENCE};
use crate::account::{Account, Proof};

/// The accounts with these names, ready for use.
///
/// # Errors
/// All passwords and certificates that cannot be had.
pub(super) async fn accounts<'d>(
    document: &'d Document,
    names: &[&str],
    surroundings: &Surroundings,
    source: &Source,
) -> Result<HashMap<&'d str, Account>, ConfigError> {
    let mut found = Findings::new(source);
    let accounts = fetched(document, names, surroundings, &mut Want::All(&mut found)).await;
    found.finish(accounts).map(|(accounts, _)| accounts)
}

/// The same, where a secret that is not at hand is no error: it stays blank, and why is told.
///
/// # Errors
/// All certificates that cannot be had.
pub(super) async fn accounts_at_hand<'d>(
    document: &'d Document,
    names: &[&str],
    surroundings: &Surroundings,
    source: &Source,
) -> Result<(HashMap<&'d str, Account>, Vec<String>), ConfigError> {
    let mut found = Findings::new(source);
    let mut missing = Vec::new();
    let accounts = fetched(document, names, surroundings, &mut Want::AtHand(&mut found, &mut missing)).await;
    found.finish(accounts).map(|(accounts, _)| (accounts, missing))
}

/// What is wrong where a secret cannot be had.
enum Want<'w, 's> {
    /// That is an error.
    All(&'w mut Findings<'s>),
    /// That is to be known.
    AtHand(&'w mut Findings<'s>, &'w mut Vec<String>),
}

impl<'s> Want<'_, 's> {
    fn findings(&mut self) -> &mut Findings<'s> {
        match self {
            Want::All(found) | Want::AtHand(found, _) => found,
        }
    }

    fn missing(&mut self, at: std::ops::Range<usize>, why: String) {
        match self {
            Want::All(found) => drop(found.error(at, why)),
            Want::AtHand(_, missing) => missing.push(why),
        }
    }

    /// Where all of them are wanted, that was found when the configuration was read.
    fn unstated(&mut self, account: &str) {
        if let Want::AtHand(_, missing) = self {
            missing.push(format!("account `{account}` has no `password`, and no token"));
        }
    }
}

async fn fetched<'d>(
    document: &'d Document,
    names: &[&str],
    surroundings: &Surroundings,
    want: &mut Want<'_, '_>,
) -> HashMap<&'d str, Account> {
    let mut accounts = HashMap::new();
    for name in names {
        let Some((name, entry)) = document.accounts.get_key_value(*name) else { continue };
        if !accounts.contains_key(name.as_str()) {
            accounts.insert(name.as_str(), account(entry, surroundings, want).await);
        }
    }
    accounts
}

async fn account(entry: &Entry, surroundings: &Surroundings, want: &mut Want<'_, '_>) -> Account {
    let mut account = entry.account.clone();
    // A command may ask somebody for a passphrase: it is run once, however many endpoints have its password. And endpoints
    // that share a token share its source.
    let mut known = HashMap::new();
    for need in &entry.needs {
        let at = need.proof.as_ref().map(|source| source.span().start);
        let proof = match known.get(&at) {
            Some(proof) => Option::clone(proof),
            None => {
                let proof = proof(&account.name, need, surroundings, want).await;
                known.insert(at, proof.clone());
                proof
            }
        };
        let ca = match &need.ca_file {
            Some(path) => certificates(&account.name, path, surroundings, want.findings()).await,
            None => None,
        };
        if let Some(endpoint) = slot(&mut account, need.protocol).as_mut() {
            endpoint.ca = ca;
            if let Some(proof) = proof {
                endpoint.credentials.proof = proof;
            }
        }
    }
    account
}

async fn proof(account: &str, need: &Need, surroundings: &Surroundings, want: &mut Want<'_, '_>) -> Option<Proof> {
    let Some(stated) = &need.proof else {
        want.unstated(account);
        return None;
    };
    let source = stated.get_ref();
    let ca = match &need.token_ca_file {
        Some(path) if source.is_token() => certificates(account, path, surroundings, want.findings()).await,
        _ => None,
    };
    match source.fetch(&format!("account `{account}`"), ca, surroundings).await {
        Ok(proof) => Some(proof),
        Err(why) => {
            want.missing(stated.span(), why);
            None
        }
    }
}

async fn certificates(
    account: &str,
    path: &Spanned<String>,
    surroundings: &Surroundings,
    found: &mut Findings<'_>,
) -> Option<Vec<u8>> {
    let file = surroundings.path(path.get_ref());
    match pem(&file).await {
        Ok(whole) => Some(whole),
        Err(why) => {
            found.error(path.span(), format!("the `ca_file` of account `{account}`, {}, {why}", file.display()));
            None
        }
    }
}

/// The certificates in a file, for the command line: `--ca-file ca.pem`.
///
/// # Errors
/// A sentence.
pub async fn certificates_from_file(path: &Path) -> Result<Vec<u8>, String> {
    pem(path).await.map_err(|why| format!("the file of --ca-file, {}, {why}", path.display()))
}

/// A file with at least one certificate in it; otherwise the rest of a sentence about the file.
async fn pem(path: &Path) -> Result<Vec<u8>, String> {
    let whole = file::contents(path.to_owned(), LARGEST, PATIENCE).await?;
    let begin = b"-----BEGIN CERTIFICATE-----";
    match whole.windows(begin.len()).any(|window| window == begin) {
        true => Ok(whole.to_vec()),
        false => Err("has no certificate in PEM form in it (-----BEGIN CERTIFICATE-----)".to_owned()),
    }
}

/// Points out a configuration that is readable by others than its owner.
#[cfg(unix)]
pub(super) fn readable_by_others(path: &Path) -> Option<Notice> {
    use std::os::unix::fs::PermissionsExt;

    let mode = std::fs::metadata(path).ok().filter(|file| file.is_file())?.permissions().mode();
    let file = path.display();
    let title = format!("the configuration `{file}` holds a password and can be read by others than its owner");
    let mut finding = Finding::new(title);
    finding.help(format!("chmod 600 {file}"));
    (mode & 0o044 != 0).then(|| finding.into())
}

/// Who may read a file is not looked into here.
#[cfg(not(unix))]
pub(super) fn readable_by_others(_: &Path) -> Option<Notice> {
    None
}
