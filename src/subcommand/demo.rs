//! `mailtrip demo`: a verification on a mail system of its own.

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Family, Folders, Secret, Security};
use mailtrip::check::{Check, Settings};
use mailtrip::diagnose::Verdict;
use mailtrip::sandbox::{self, Sandbox, Service};

use crate::cli;
use crate::console::Unable;

use super::reports::Reports;
use super::{signals, verify};

/// Verifies, there and back.
///
/// # Errors
/// When the mail system cannot be started, or a report cannot be written.
pub async fn run(demo: cli::Demo) -> Result<Verdict, Unable> {
    let signals = signals()?;
    let reports = Reports::open(&demo.show)?;
    let sandbox = Sandbox::start(sandbox::Settings::default())
        .await
        .map_err(|error| format!("the sandbox cannot be started: {error}"))?;
    let check = demo_check(&sandbox, demo.transcript)?;
    let verdict = verify::all(vec![check], reports, signals, verify::Besides::default()).await;
    sandbox.stop().await;
    Ok(verdict)
}

/// From the first account of the sandbox to the second, and the reply back.
fn demo_check(sandbox: &Sandbox, transcript: bool) -> Result<Check, Unable> {
    let account = |user: &sandbox::User| -> Result<Account, Unable> {
        let endpoint = |service| {
            Some(Endpoint {
                host: "localhost".to_owned(),
                port: sandbox.port(service),
                security: Security::Tls,
                allow_cleartext_password: false,
                credentials: Credentials { username: user.address.clone(), proof: Secret::new(&user.password).into() },
                auth: Auth::Auto,
                ca: Some(sandbox.ca_pem().as_bytes().to_vec()),
                family: Family::Any,
                expect_auth: service == Service::Submissions,
            })
        };
        Ok(Account {
            name: user.address.split('@').next().unwrap_or_default().to_owned(),
            address: user.address.parse().map_err(|error| format!("{}: {error}", user.address))?,
            smtp: endpoint(Service::Submissions),
            imap: endpoint(Service::Imaps),
            pop3: endpoint(Service::Pop3s),
            folders: Folders::default(),
        })
    };
    let [from, to, ..] = sandbox.accounts() else { return Err("the sandbox has no two accounts".to_owned()) };
    let settings = Settings { reply: true, transcript, ..Settings::default() };
    Check::new("demo", account(from)?, account(to)?, settings).map_err(|error| error.to_string())
}
