//! An account as it is given on the command line, without a configuration.

use std::time::Duration;

use mailtrip::account::{Account, Secret, TokenSource};
use mailtrip::config;
use mailtrip::provider::{self, Provider};

use crate::console::{Unable, note};
use crate::{cli, prompt};

/// Said where they are given beside names of the configuration.
pub const GO_WITH_AN_ADDRESS: &str = "--smtp, --imap, --pop3, --username, --password-command, --token-command, --ca-file and \
     --allow-cleartext-password go with an ADDRESS; an account has its own in the configuration";

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
    let cli::Given { smtp, imap, pop3, username, password_command, token_command, ca_file, allow_cleartext_password } =
        given;
    let parsed = address.parse().map_err(|error| format!("{address:?} is not an address: {error}"))?;
    let ca = match ca_file {
        Some(path) => Some(config::certificates_from_file(path).await?),
        None => None,
    };
    let mut given = provider::Given {
        address: parsed,
        username: username.clone(),
        proof: Secret::new("").into(),
        smtp: smtp.clone(),
        imap: imap.clone(),
        pop3: pop3.clone(),
        ca,
        allow_cleartext_password: *allow_cleartext_password,
    };
    let incomplete = |error| match error {
        provider::Incomplete::NoServer { .. } => {
            format!("{error}: see `mailtrip {command} --help`, or look for it with `mailtrip discover {address}`")
        }
        provider::Incomplete::Cleartext { .. } => format!("{error}: see `mailtrip {command} --help`"),
    };
    assemble(given.clone()).map_err(incomplete)?; // before anybody is asked for a password
    given.proof = match token_command {
        Some(command) => TokenSource::Command(config::shell(command)).into(),
        None => password(address, password_command.as_deref(), timeout).await?.into(),
    };
    let (account, provider) = assemble(given).map_err(incomplete)?;
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
