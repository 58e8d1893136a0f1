//! An account as it is given on the command line, without a configuration.

use std::path::PathBuf;
use std::time::Duration;

use mailtrip::account::{Account, Proof, Secret, TokenSource};
use mailtrip::config;
use mailtrip::provider::{self, Provider};

use crate::console::{Unable, note};
use crate::{cli, prompt};

/// Said where they are given beside names of the configuration.
const GO_WITH_AN_ADDRESS: &str = "--smtp, --imap, --pop3, --username, --password-command, --token-command, --ca-file and \
     --allow-cleartext-password go with an ADDRESS; an account has its own in the configuration";

/// What a command works on.
pub enum Targets<'a> {
    /// These of the configuration; all, if there is no name.
    Names(&'a [String]),
    /// This address, without a configuration.
    Address(&'a str),
}

impl<'a> Targets<'a> {
    /// Whether it is an address, of those that are taken.
    pub fn is_address(targets: &[String]) -> bool {
        matches!(targets, [address] if address.contains('@'))
    }

    /// Tells them apart. `what` are those of the configuration, such as `checks`, and `done` is done with them, such as
    /// `verified`.
    ///
    /// # Errors
    /// When both are there, or what belongs to the other one.
    pub fn of(
        targets: &'a [String],
        (given, config): (&cli::Given, &Option<PathBuf>),
        (what, done): (&str, &str),
    ) -> Result<Targets<'a>, Unable> {
        match (targets, config) {
            ([address], Some(config)) if address.contains('@') => {
                let config = config.display();
                Err(format!("an address is {done} without a configuration: leave out --config {config}"))
            }
            ([address], None) if address.contains('@') => Ok(Targets::Address(address)),
            _ if targets.iter().any(|target| target.contains('@')) => {
                Err(format!("either {what} of the configuration or one address can be {done}, not both at once"))
            }
            _ if given.any() => Err(GO_WITH_AN_ADDRESS.to_owned()),
            _ => Ok(Targets::Names(targets)),
        }
    }
}

/// What is made of what was given.
type Assembled = Result<(Account, Option<&'static Provider>), provider::Incomplete>;

/// The account of an address, with its password, and unless it is to be `quiet` with what is to be known about its provider.
/// A command that gives the password may take as long as the whole, whose limit is `timeout`.
///
/// # Errors
/// When something is missing, or the password is not to be had.
pub async fn account(
    address: &str,
    (given, quiet): (&cli::Given, bool),
    command: &str,
    timeout: Option<Duration>,
    assemble: fn(provider::Given) -> Assembled,
) -> Result<Account, Unable> {
    let mut given_account = parsed(address, given, Secret::new("").into()).await?;
    let incomplete = |error| match error {
        provider::Incomplete::NoServer { .. } => {
            format!("{error}: see `mailtrip {command} --help`, or look for it with `mailtrip discover {address}`")
        }
        provider::Incomplete::Cleartext { .. } => {
            format!(
                "{error}: give that server with /tls or /starttls; for a test server there is --allow-cleartext-password"
            )
        }
    };
    assemble(given_account.clone()).map_err(incomplete)?; // before anybody is asked for a password
    let cli::Given { token_command, password_command, .. } = given;
    given_account.proof = match token_command {
        Some(command) => TokenSource::Command(config::shell(command)).into(),
        None => password(address, password_command.as_deref(), timeout).await?.into(),
    };
    let (account, provider) = assemble(given_account).map_err(incomplete)?;
    if !quiet {
        let told = provider
            .filter(|_| token_command.is_none())
            .and_then(|provider| Some(format!("{}: {}", provider.title, provider.note?)));
        told.iter().for_each(|text| note(text));
        let hosts = [&account.smtp, &account.imap].into_iter().flatten();
        hosts.filter_map(|endpoint| provider::hint(&endpoint.host)).for_each(note);
    }
    Ok(account)
}

/// What was given, in the form that the library takes it.
async fn parsed(address: &str, given: &cli::Given, proof: Proof) -> Result<provider::Given, Unable> {
    let address = address.parse().map_err(|error| format!("{address:?} is not an address: {error}"))?;
    let ca = match &given.ca_file {
        Some(path) => Some(config::certificates_from_file(path).await?),
        None => None,
    };
    Ok(provider::Given {
        address,
        username: given.username.clone(),
        proof,
        smtp: given.smtp.clone(),
        imap: given.imap.clone(),
        pop3: given.pop3.clone(),
        ca,
        allow_cleartext_password: given.allow_cleartext_password,
    })
}

/// The account of an address, with its password if that is at hand: from a command, the environment, or whoever sits at the
/// terminal and does not leave it out. Nobody signs in without encryption, so that a server may be given without.
///
/// # Errors
/// When no server is known, or the password cannot be one.
pub async fn account_at_hand(address: &str, given: &cli::Given, timeout: Option<Duration>) -> Result<Account, Unable> {
    let blank = Secret::new("").into();
    let mut given_account = parsed(address, given, blank).await?;
    given_account.allow_cleartext_password = true;
    let incomplete = |error| format!("{error}: see `mailtrip doctor --help`, or try `mailtrip discover {address}`");
    let (mut account, _) = given_account.servers().map_err(incomplete)?;
    let proof = match (&given.token_command, &given.password_command) {
        (Some(command), _) => Some(TokenSource::Command(config::shell(command)).into()),
        (None, Some(command)) => match password(address, Some(command), timeout).await {
            Ok(password) => Some(password.into()),
            Err(why) => {
                note(&why);
                None
            }
        },
        (None, None) => optional_password(address).await?.map(Into::into),
    };
    if let Some(proof) = proof {
        let endpoints = [&mut account.smtp, &mut account.imap, &mut account.pop3];
        endpoints.into_iter().flatten().for_each(|endpoint| endpoint.credentials.proof = Clone::clone(&proof));
    }
    Ok(account)
}

/// `None` where there is none, and nobody to ask, or nothing was typed.
async fn optional_password(address: &str) -> Result<Option<Secret>, Unable> {
    if std::env::var_os("MAILTRIP_PASSWORD").is_some() {
        return password(address, None, None).await.map(Some);
    }
    let question = format!("Password of {address} (none: do not sign in): ");
    match prompt::password(question).await {
        Ok(text) if !text.is_empty() => config::password_from_text(text).map(Some),
        _ => Ok(None),
    }
}

/// From a command, the environment, or the terminal; never from an argument, which others could read.
async fn password(address: &str, command: Option<&str>, timeout: Option<Duration>) -> Result<Secret, Unable> {
    if let Some(command) = command {
        return config::password_from_shell(command, timeout).await;
    }
    if let Some(password) = std::env::var_os("MAILTRIP_PASSWORD") {
        let password = password.into_string().map_err(|_| "MAILTRIP_PASSWORD is not UTF-8".to_owned())?;
        return config::password_from_text(password);
    }
    prompt::password(format!("Password of {address}: "))
        .await
        .map_err(|error| {
            format!(
                "no password: there is no terminal to ask on ({error}); set MAILTRIP_PASSWORD or use --password-command"
            )
        })
        .and_then(config::password_from_text)
}
