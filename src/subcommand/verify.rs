//! `mailtrip verify`: checks of the configuration, or one address.

use std::time::Duration;

use futures_util::future::join_all;
use mailtrip::account::{Account, Protocol};
use mailtrip::check::Check;
use mailtrip::config::{self, Measured, Overrides};
use mailtrip::criteria::Measure;
use mailtrip::diagnose::Verdict;
use mailtrip::doctor::Doctor;
use mailtrip::outcome::Outcome;
use mailtrip::provider;
use mailtrip::push::{self, Target};
use mailtrip::report::Format;
use mailtrip::verify;
use mailtrip::verify::plan::Plan;
use mailtrip::verify::stop::{Reach, Stop};

use crate::cli;
use crate::console::{Unable, complain, note, plain_style, print};
use crate::live::Live;
use crate::signals::Signals;

use super::doctor::doctor;
use super::given::Targets;
use super::reports::Reports;
use super::transcript::TranscriptFile;
use super::{configuration, examination, given, pushes, signals, stop_on_signals};

/// How long the doctor's look after a failed check may take.
const A_LOOK: Duration = Duration::from_secs(30);

/// Verifies them.
///
/// # Errors
/// When it cannot be begun.
pub async fn run(arguments: cli::Verify) -> Result<Verdict, Unable> {
    let mut signals = signals()?;
    let push = pushes::targets(&arguments.pushes)?;
    let reports = Reports::open(&arguments.show)?;
    // Who is asked for a password, and a command that is, may take their time.
    let checks = tokio::select! {
        checks = wanted_checks(&arguments) => checks?,
        () = signals.next() => return Err("stopped before anything was verified".to_owned()),
    };
    reports.mask_secrets(&checks);
    if !arguments.show.quiet {
        unmeasured(&checks, &arguments).for_each(|measure| note(&format!("no stage is measured by {measure} here")));
    }
    let doctor = arguments.diagnose.then(|| {
        let mut doctor = doctor(&arguments.neighbours, Some(A_LOOK));
        doctor.sign_in = false;
        doctor
    });
    if doctor.is_some() && reports.format() != Format::Terminal {
        let why =
            "--diagnose goes with reports for the terminal; for programs there is `mailtrip doctor --format json`";
        return Err(why.to_owned());
    }
    let file = arguments.transcript.as_ref().and_then(Option::as_deref);
    let transcript = file.map(TranscriptFile::create).transpose()?;
    if let Some(file) = transcript.as_ref().filter(|file| reports.is_at(file.path())) {
        return Err(format!("{} is to hold both a report and the transcript", file.path().display()));
    }
    let options = Targets::is_address(&arguments.targets);
    Ok(all(&checks, reports, signals, Besides { doctor, transcript, options, push }).await)
}

/// What is done beside the verification itself.
#[derive(Default)]
pub struct Besides {
    /// Who looks again at what failed.
    doctor: Option<Doctor>,
    /// Where what was said goes, if not into the report.
    transcript: Option<TranscriptFile>,
    /// It is told what settings are called on the command line, for there is no configuration.
    options: bool,
    /// Who else is told of the run.
    push: Vec<Target>,
}

async fn wanted_checks(arguments: &cli::Verify) -> Result<Vec<Check>, Unable> {
    if arguments.transcript_is(|file| file.contains('@') && !file.contains(['/', '\\'])) {
        return Err(no_file("an address"));
    }
    match Targets::of(&arguments.targets, (&arguments.given, &arguments.config), ("checks", "verified"))? {
        Targets::Address(address) => Ok(vec![check_of_address(address, arguments).await?]),
        Targets::Names(names) => checks_of_config(names, arguments).await,
    }
}

fn overrides(arguments: &cli::Verify) -> Overrides {
    Overrides {
        keep: arguments.keep.then_some(true),
        transcript: arguments.transcript.is_some().then_some(true),
        timeout: arguments.timeout,
        sent: arguments.sent.map(Into::into),
        receive: arguments.receive.map(Into::into),
        reply: arguments.reply.then_some(true),
        warn: arguments.warn.clone(),
        critical: arguments.critical.clone(),
        family: arguments.network.family(),
        ..Overrides::default()
    }
}

/// The measures of the command line that no check has a stage for.
fn unmeasured(checks: &[Check], arguments: &cli::Verify) -> impl Iterator<Item = Measure> {
    let plans: Vec<Plan> = checks.iter().map(Plan::of).collect();
    let given = arguments.warn.iter().chain(&arguments.critical).map(|(measure, _)| *measure);
    given.filter(move |measure| !plans.iter().any(|plan| plan.is_measured_by(*measure)))
}

async fn checks_of_config(names: &[String], arguments: &cli::Verify) -> Result<Vec<Check>, Unable> {
    let path = configuration(&arguments.config, "verify")?;
    let loaded = config::load(&path, names, &overrides(arguments)).await.map_err(|error| error.to_string())?;
    if arguments.transcript_is(|file| loaded.names.iter().any(|name| name == file)) {
        return Err(no_file("a check"));
    }
    if !arguments.show.quiet {
        let is_measured = |measured: &Measured| {
            let check = loaded.checks.iter().find(|check| check.name() == measured.check);
            check.is_none_or(|check| Plan::of(check).is_measured_by(measured.measure))
        };
        let unmeasured = loaded.measured.iter().filter(|measured| !is_measured(measured)).map(|one| &one.notice);
        loaded.notices.iter().chain(unmeasured).for_each(|notice| note(&notice.to_string()));
        let is_new = |text: &str| !loaded.notices.iter().any(|notice| notice.text().ends_with(text));
        let told = loaded.provider_notes.iter().filter(|told| is_new(told.text));
        told.map(|told| format!("{}: {}", told.provider.title, told.text)).for_each(|text| note(&text));
    }
    Ok(loaded.checks)
}

/// `--transcript home` may mean either.
fn no_file(what: &str) -> Unable {
    format!(
        "what stands behind --transcript is {what}: for what was said in the report, put --transcript at the end; for a file \
         of that name, write --transcript ./NAME"
    )
}

async fn check_of_address(address: &str, arguments: &cli::Verify) -> Result<Check, Unable> {
    let given = (&arguments.given, arguments.show.quiet);
    let account = given::account(address, given, "verify", arguments.timeout, provider::Given::account).await?;
    let overrides = overrides(arguments);
    let (account, settings) = (overrides.account(account), overrides.settings()?);
    Check::new(address, account.clone(), account, settings).map_err(|error| error.to_string())
}

/// Verifies one check after the other, and reports on all of them.
pub async fn all(checks: &[Check], mut reports: Reports, signals: Signals, mut besides: Besides) -> Verdict {
    let (stopper, stop) = Stop::new();
    tokio::spawn(stop_on_signals(signals, stopper));
    let pushes = push::start(std::mem::take(&mut besides.push), push::PATIENCE);
    let mut told = Verdict::Ok;
    let mut outcomes = Vec::new();
    for check in checks {
        let mut outcome = verify_check(check, &stop, &reports).await;
        if let Some(transcript) = &mut besides.transcript {
            transcript.take(&mut outcome);
        }
        reports.print_for_people(std::slice::from_ref(&outcome));
        let doctor = besides.doctor.as_ref().filter(|_| !stop.is_requested(Reach::Journey));
        let seen = match doctor {
            Some(doctor) => look_again(doctor, check, &outcome, &stop).await,
            None => Ok(Vec::new()),
        };
        let advice = seen.unwrap_or_else(|why| {
            told = told.max(complain(Err(why)));
            Vec::new()
        });
        if besides.options {
            reports.name_options(&outcome, &advice);
        }
        outcomes.push(outcome);
    }
    let written = complain(besides.transcript.map_or(Ok(()), TranscriptFile::finish));
    let quiet = reports.is_quiet();
    let verdict = reports.finish(&outcomes).max(written).max(told);
    pushes::finish(pushes, &outcomes, true, quiet, &stop).await;
    verdict
}

/// Has the doctor look at the servers at which something failed, unless that is stopped; nobody signs in again. What is
/// said of settings is given back.
async fn look_again(doctor: &Doctor, check: &Check, outcome: &Outcome, stop: &Stop) -> Result<Vec<String>, Unable> {
    let accounts = [Some(check.from()), check.to().account()];
    let mut accounts: Vec<&Account> = accounts.into_iter().flatten().collect();
    accounts.dedup_by(|one, other| one.name == other.name);
    let examinations = accounts.into_iter().map(async |account| {
        let failed_at = |protocol: &Protocol| {
            outcome.failed().any(|(record, _)| record.account == account.name && record.at.protocol == *protocol)
        };
        let protocols: Vec<Protocol> = Protocol::ALL.into_iter().filter(failed_at).collect();
        if protocols.is_empty() { None } else { Some(doctor.examine(account, &protocols, stop).await) }
    });
    tokio::select! {
        examinations = join_all(examinations) => {
            let style = plain_style();
            print(&examinations.iter().flatten().map(|one| examination::look(one, &style)).collect::<String>())?;
            Ok(examinations.iter().flatten().flat_map(examination::told).collect())
        }
        () = stop.requested(Reach::Cleanup) => Ok(Vec::new()),
    }
}

async fn verify_check(check: &Check, stop: &Stop, reports: &Reports) -> Outcome {
    if reports.is_watched() {
        let live = Live::default();
        live.while_doing(reports.style().width, verify::run(check, stop, &live)).await
    } else {
        verify::run(check, stop, &()).await
    }
}
