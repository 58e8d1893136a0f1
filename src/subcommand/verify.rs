//! `mailtrip verify`: checks of the configuration, or one address.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use mailtrip::account::{Account, Protocol};
use mailtrip::batch::{Batch, Terms};
use mailtrip::check::Check;
use mailtrip::config::{self, Measured, Overrides};
use mailtrip::criteria::Measure;
use mailtrip::diagnose::Verdict;
use mailtrip::doctor::{Doctor, Examination};
use mailtrip::outcome::Outcome;
use mailtrip::provider;
use mailtrip::push::{self, Target};
use mailtrip::report::Format;
use mailtrip::verify::plan::Plan;
use mailtrip::verify::stop::{Reach, Stop};
use tokio::sync::Semaphore;

use crate::cli;
use crate::console::{Unable, complain, note, plain_style, print};
use crate::signals::Signals;

use super::audience::Audience;
use super::doctor::doctor;
use super::given::Targets;
use super::in_order::InOrder;
use super::reports::Reports;
use super::transcript::TranscriptFile;
use super::{configuration, examination, given, pushes, signals, stop_on_signals};

/// How long the doctor's look after a failed check may take.
const A_LOOK: Duration = Duration::from_secs(30);

/// So many of them at the same time.
const LOOKS: usize = 2;

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
    let terms = terms(&arguments.several);
    Ok(all(checks, reports, signals, Besides { terms, doctor, transcript, options, push }).await)
}

/// What is done beside the verification itself.
#[derive(Default)]
pub struct Besides {
    /// How many checks at once, and how often again.
    terms: Terms,
    /// Who looks again at what failed.
    doctor: Option<Doctor>,
    /// Where what was said goes, if not into the report.
    transcript: Option<TranscriptFile>,
    /// It is told what settings are called on the command line, for there is no configuration.
    options: bool,
    /// Who else is told of the run.
    push: Vec<Target>,
}

fn terms(several: &cli::Several) -> Terms {
    let usual = Terms::default();
    Terms {
        jobs: several.jobs.map_or(usual.jobs, usize::from),
        per_host: several.per_host.map_or(usual.per_host, usize::from),
        retries: several.retry.map_or(usual.retries, u32::from),
        retry_delay: several.retry_delay.unwrap_or(usual.retry_delay),
    }
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

/// Verifies all of them at the same time, and reports on each as soon as those before it are reported on.
pub async fn all(checks: Vec<Check>, mut reports: Reports, signals: Signals, mut besides: Besides) -> Verdict {
    let (stopper, stop) = Stop::new();
    tokio::spawn(stop_on_signals(signals, stopper));
    let pushes = push::start(std::mem::take(&mut besides.push), push::PATIENCE);
    let audience = Audience::of(&checks, &mut reports);
    let mut batch = Batch::begin(checks.clone(), besides.terms.clone(), stop.clone(), audience.listener());
    let turns = Semaphore::new(LOOKS);
    let (mut looks, mut in_order) = (FuturesUnordered::new(), InOrder::default());
    let (mut told, mut outcomes) = (Verdict::Ok, Vec::new());
    loop {
        let next = async {
            tokio::select! {
                Some((check, outcome)) = batch.next() => Some(Next::Done(check, outcome)),
                Some((check, reported)) = looks.next() => Some(Next::Looked(check, reported)),
                else => None,
            }
        };
        match audience.while_waiting(next).await {
            // A check is over. What it amounts to is settled here, before anybody is told.
            Some(Next::Done(check, mut outcome)) => {
                if let Some(transcript) = &mut besides.transcript {
                    transcript.take(check, &mut outcome);
                }
                audience.done(&outcome);
                let doctor = besides.doctor.as_ref().filter(|_| !stop.is_requested(Reach::Journey));
                looks.push(looked_again(doctor, &turns, (check, &checks[check]), outcome, &stop));
            }
            Some(Next::Looked(check, reported)) => in_order.put(check, reported),
            None => break,
        }
        while let Some((outcome, seen)) = in_order.ready() {
            reports.print_for_people(std::slice::from_ref(&outcome));
            told = told.max(complain(print_look(&seen)));
            if besides.options {
                reports.name_options(&outcome, &seen.iter().flat_map(examination::told).collect::<Vec<_>>());
            }
            outcomes.push(outcome);
        }
    }
    let written = complain(besides.transcript.map_or(Ok(()), TranscriptFile::finish));
    let streamed = complain(audience.finish(&outcomes));
    let quiet = reports.is_quiet();
    let verdict = reports.finish(&outcomes).max(written).max(streamed).max(told);
    pushes::finish(pushes, &outcomes, true, quiet, &stop).await;
    verdict
}

/// What comes next while checks are under way.
enum Next {
    /// A check is over.
    Done(usize, Outcome),
    /// It was looked at again, where that was asked for: it can be reported on.
    Looked(usize, Reported),
}

/// What is reported on a check: its outcome, and what the doctor saw.
type Reported = (Outcome, Vec<Examination>);

/// With what the doctor, if there is one, sees at the servers at which something failed; nobody signs in again.
async fn looked_again(
    doctor: Option<&Doctor>,
    turns: &Semaphore,
    (number, check): (usize, &Check),
    outcome: Outcome,
    stop: &Stop,
) -> (usize, Reported) {
    let seen = match doctor {
        Some(doctor) => {
            let _turn = turns.acquire().await;
            look_again(doctor, check, &outcome, stop).await
        }
        None => Vec::new(),
    };
    (number, (outcome, seen))
}

/// Has the doctor look at the servers at which something failed, unless that is stopped.
async fn look_again(doctor: &Doctor, check: &Check, outcome: &Outcome, stop: &Stop) -> Vec<Examination> {
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
        examinations = join_all(examinations) => examinations.into_iter().flatten().collect(),
        () = stop.requested(Reach::Cleanup) => Vec::new(),
    }
}

fn print_look(seen: &[Examination]) -> Result<(), Unable> {
    let style = plain_style();
    print(&seen.iter().map(|one| examination::look(one, &style)).collect::<String>())
}
