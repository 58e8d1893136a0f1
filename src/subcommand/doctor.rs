//! `mailtrip doctor`: what is wrong with accounts, whose fault it is, and which line to change.

use std::io::IsTerminal;
use std::time::Duration;

use futures_util::future::join_all;
use mailtrip::account::{Account, Protocol};
use mailtrip::config::{self, Overrides};
use mailtrip::diagnose::Verdict;
use mailtrip::doctor::Doctor;
use mailtrip::verify::stop::{Reach, Stop};

use crate::cli::{self, Listing, Neighbours};
use crate::console::{Unable, note, plain_style, print};

use super::given::Targets;
use super::{configuration, examination, given, options, signals, stop_on_signals};

/// Examines the accounts.
///
/// # Errors
/// When it cannot be begun, or is stopped.
pub async fn run(arguments: cli::Doctor) -> Result<Verdict, Unable> {
    let mut signals = signals()?;
    let accounts = tokio::select! {
        accounts = accounts(&arguments) => accounts?,
        () = signals.next() => return Err("stopped before anything was looked at".to_owned()),
    };
    let (stopper, stop) = Stop::new();
    tokio::spawn(stop_on_signals(signals, stopper));
    let doctor = doctor(&arguments.neighbours, arguments.timeout);
    if arguments.format == Listing::Terminal && std::io::stderr().is_terminal() {
        let seconds = doctor.limit.as_secs_f64();
        note(&format!("this takes up to {seconds:.0} s; Ctrl-C ends it, with what was found by then"));
    }
    // One that does not answer must not hold up the others.
    let examinations = join_all(accounts.iter().map(|account| doctor.examine(account, &Protocol::ALL, &stop)));
    let examinations = tokio::select! {
        examinations = examinations => examinations,
        () = stop.requested(Reach::Cleanup) => return Err("stopped before the examination was over".to_owned()),
    };
    let verdict = examinations.iter().map(|one| one.verdict).max().unwrap_or(Verdict::Unknown);
    match arguments.format {
        Listing::Terminal => {
            let style = plain_style();
            let texts: Vec<String> = examinations.iter().map(|one| examination::text(one, &style)).collect();
            print(&texts.join("\n"))?;
            if Targets::is_address(&arguments.targets) {
                print(&examinations.iter().map(|one| options::below_examination(one, &style)).collect::<String>())?;
            }
        }
        Listing::Json => print(&examination::json(&examinations, verdict))?,
    }
    Ok(verdict)
}

/// Who examines, and whom else they may ask.
pub fn doctor(neighbours: &Neighbours, limit: Option<Duration>) -> Doctor {
    let mut doctor = Doctor::default();
    doctor.neighbour = match neighbours {
        Neighbours { offline_neighbours: true, .. } => None,
        Neighbours { neighbour: Some(named), .. } => Some(named.clone()),
        Neighbours { neighbour: None, .. } => doctor.neighbour,
    };
    doctor.limit = limit.unwrap_or(doctor.limit);
    doctor.patience = doctor.patience.min(doctor.limit / 6);
    doctor
}

async fn accounts(arguments: &cli::Doctor) -> Result<Vec<Account>, Unable> {
    let given = (&arguments.given, &arguments.config);
    let accounts = match Targets::of(&arguments.targets, given, ("accounts", "examined"))? {
        Targets::Address(address) => {
            vec![given::account_at_hand(address, &arguments.given, arguments.timeout).await?]
        }
        Targets::Names(names) => accounts_of_config(names, arguments).await?,
    };
    let overrides = Overrides { family: arguments.network.family(), ..Overrides::default() };
    Ok(accounts.into_iter().map(|account| overrides.account(account)).collect())
}

async fn accounts_of_config(names: &[String], arguments: &cli::Doctor) -> Result<Vec<Account>, Unable> {
    let path = configuration(&arguments.config, "doctor")?;
    let (loaded, missing) = config::load_accounts_at_hand(&path, names).await.map_err(|error| error.to_string())?;
    loaded.notices.iter().for_each(|notice| note(&notice.to_string()));
    missing.iter().for_each(|why| note(&format!("nobody signs in without it: {why}")));
    if loaded.accounts.is_empty() { Err("there is no account to examine".to_owned()) } else { Ok(loaded.accounts) }
}
