//! `mailtrip clean`: what earlier verifications have left behind is removed.

use futures_util::future::join_all;
use lettre::Address;
use mailtrip::account::Account;
use mailtrip::check::Limits;
use mailtrip::config::{self, Overrides};
use mailtrip::diagnose::Verdict;
use mailtrip::provider;
use mailtrip::verify::clearance::{self, Clearance};
use mailtrip::verify::recorder::Listener;
use mailtrip::verify::stop::Stop;

use crate::cli;
use crate::console::{Unable, note};
use crate::live::Live;

use super::given::Targets;
use super::reports::Reports;
use super::{configuration, given, signals, stop_on_signals};

/// Removes it.
///
/// # Errors
/// When it cannot be begun.
pub async fn run(arguments: cli::Clean) -> Result<Verdict, Unable> {
    let mut signals = signals()?;
    let mut reports = Reports::open(&arguments.show)?;
    let clearances = tokio::select! {
        clearances = wanted_clearances(&arguments) => clearances?,
        () = signals.next() => return Err("stopped before anything was looked at".to_owned()),
    };
    let (stopper, stop) = Stop::new();
    tokio::spawn(stop_on_signals(signals, stopper));
    let live = Live::of(Vec::new());
    let watched = reports.is_watched();
    let listener: &dyn Listener = if watched { &live } else { &() };
    // One that does not answer must not hold up the others.
    let all = join_all(clearances.iter().map(|clearance| clearance::run(clearance, &stop, listener)));
    let outcomes = if watched { live.while_doing(all).await } else { all.await };
    if Targets::is_address(&arguments.targets) {
        reports.print_for_people(&outcomes);
        outcomes.iter().for_each(|outcome| reports.name_options(outcome, &[]));
    }
    Ok(reports.finish(&outcomes))
}

async fn wanted_clearances(arguments: &cli::Clean) -> Result<Vec<Clearance>, Unable> {
    let given = (&arguments.given, &arguments.config);
    let (accounts, own, limits) = match Targets::of(&arguments.targets, given, ("accounts", "cleaned"))? {
        Targets::Address(address) => account_to_clean(address, arguments).await?,
        Targets::Names(names) => accounts_of_config(names, arguments).await?,
    };
    let limits = Limits { total: arguments.timeout.unwrap_or(limits.total), ..limits };
    let mut clearances = Vec::new();
    for account in accounts {
        let name = account.name.clone();
        let account = Overrides { family: arguments.network.family(), ..Overrides::default() }.account(account);
        match Clearance::new(account, own.clone(), arguments.older_than, arguments.dry_run, limits.clone()) {
            Some(clearance) => clearances.push(clearance),
            None if arguments.targets.is_empty() => {}
            None => {
                return Err(format!("account `{name}` has neither `imap` nor `pop3`, so it has no mailbox to clean"));
            }
        }
    }
    if clearances.is_empty() { Err("no account has a mailbox to clean".to_owned()) } else { Ok(clearances) }
}

/// The accounts to clean, the addresses that verifications send from, and how long it may take.
type ToClean = (Vec<Account>, Vec<Address>, Limits);

async fn accounts_of_config(names: &[String], arguments: &cli::Clean) -> Result<ToClean, Unable> {
    let path = configuration(&arguments.config, "clean")?;
    let loaded = config::load_accounts(&path, names).await.map_err(|error| error.to_string())?;
    if !arguments.show.is_without_notes() {
        loaded.notices.iter().for_each(|notice| note(&notice.to_string()));
    }
    Ok((loaded.accounts, loaded.own, loaded.limits))
}

async fn account_to_clean(address: &str, arguments: &cli::Clean) -> Result<ToClean, Unable> {
    if arguments.given.smtp.is_some() {
        return Err("nothing is sent to clean a mailbox: leave out --smtp".to_owned());
    }
    let given = (&arguments.given, arguments.show.is_without_notes());
    let account = given::account(address, given, "clean", arguments.timeout, provider::Given::mailbox).await?;
    let own = vec![account.address.clone()];
    Ok((vec![account], own, Limits::default()))
}
