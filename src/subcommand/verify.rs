//! `mailtrip verify`: checks of the configuration, or one address.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use mailtrip::account::{Account, Protocol};
use mailtrip::batch::Terms;
use mailtrip::check::Check;
use mailtrip::config::{self, Measured, Overrides};
use mailtrip::criteria::Measure;
use mailtrip::diagnose::Verdict;
use mailtrip::diagnose::attempt::is_kept_out;
use mailtrip::doctor::{Doctor, Examination};
use mailtrip::outcome::Outcome;
use mailtrip::provider;
use mailtrip::push::{self, Target};
use mailtrip::report::Format;
use mailtrip::report::printable::printable;
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
use super::turn::{Course, Turns};
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
    let mut reports = Reports::open(&arguments.show)?;
    if arguments.memory.on_change {
        // Nagios takes silence with an exit code of 0 for OK, also while mail is down.
        if reports.format().is_awaited() {
            let format = reports.format();
            return Err(format!("--on-change is for who reads mail of cron; {format} has to be told at every run"));
        }
        reports.hush();
    }
    // Who is asked for a password, and a command that is, may take their time.
    let checks = tokio::select! {
        checks = wanted_checks(&arguments) => checks?,
        () = signals.next() => return Err("stopped before anything was verified".to_owned()),
    };
    reports.mask_secrets(&checks);
    if !arguments.is_quiet() {
        unmeasured(&checks, &arguments).for_each(|measure| note(&format!("no stage is measured by {measure} here")));
    }
    let doctor = doctor_for(&arguments, &reports)?;
    let transcript = transcript_for(&arguments, &reports)?;
    let options = Targets::is_address(&arguments.targets);
    let config = if options { None } else { Some(configuration(&arguments.config, "verify")?) };
    let turns = Arc::new(Turns::take(&checks, config.as_deref(), &arguments)?);
    let (terms, on_change) = (terms(&arguments.several), arguments.memory.on_change);
    Ok(all(checks, reports, signals, Besides { terms, turns, on_change, doctor, transcript, options, push }).await)
}

/// Who looks again at what failed, if anybody.
fn doctor_for(arguments: &cli::Verify, reports: &Reports) -> Result<Option<Doctor>, Unable> {
    if arguments.diagnose && reports.format() != Format::Terminal {
        let why =
            "--diagnose goes with reports for the terminal; for programs there is `mailtrip doctor --format json`";
        return Err(why.to_owned());
    }
    Ok(arguments.diagnose.then(|| {
        let mut doctor = doctor(&arguments.neighbours, Some(A_LOOK));
        doctor.sign_in = false;
        doctor
    }))
}

/// The file for what was said, if there is to be one.
fn transcript_for(arguments: &cli::Verify, reports: &Reports) -> Result<Option<TranscriptFile>, Unable> {
    let file = arguments.transcript.as_ref().and_then(Option::as_deref);
    let transcript = file.map(TranscriptFile::create).transpose()?;
    match transcript.as_ref().filter(|file| reports.is_at(file.path())) {
        Some(file) => Err(format!("{} is to hold both a report and the transcript", file.path().display())),
        None => Ok(transcript),
    }
}

/// What is done beside the verification itself.
#[derive(Default)]
pub struct Besides {
    /// How many checks at once, and how often again.
    terms: Terms,
    /// Whose turn it is, and what is kept for the next run.
    turns: Arc<Turns>,
    /// Only what is new is told.
    on_change: bool,
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
    if !arguments.is_quiet() {
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
    let given = (&arguments.given, arguments.is_quiet());
    let account = given::account(address, given, "verify", arguments.timeout, provider::Given::account).await?;
    let overrides = overrides(arguments);
    let (account, settings) = (overrides.account(account), overrides.settings()?);
    Check::new(address, account.clone(), account, settings).map_err(|error| error.to_string())
}

/// Verifies all of them at the same time, reports on each, and tells whoever else is to be told.
pub async fn all(checks: Vec<Check>, mut reports: Reports, signals: Signals, mut besides: Besides) -> Verdict {
    let (stopper, stop) = Stop::new();
    tokio::spawn(stop_on_signals(signals, stopper));
    let pushes = push::start(std::mem::take(&mut besides.push), push::PATIENCE);
    let audience = Audience::of(&checks, &mut reports);
    let mut reported = under_way(&checks, &mut besides, &audience, &mut reports, &stop).await;
    if besides.on_change {
        let news = besides.turns.news();
        reports.limit_to(&news);
        let new = reported.all.iter().zip(&news).filter(|(_, news)| news.is_some());
        reported.told = new.map(|(one, _)| tell(&mut reports, one, besides.options)).fold(reported.told, Verdict::max);
    }
    let outcomes: Vec<Outcome> = reported.all.into_iter().map(|(outcome, _)| outcome).collect();
    if besides.terms.retries > 0 && !reports.is_quiet() {
        outcomes.iter().filter(|outcome| is_kept_out(outcome)).for_each(|one| note(&not_repeated(one)));
    }
    let written = complain(besides.transcript.map_or(Ok(()), TranscriptFile::finish));
    let streamed = complain(audience.finish(&outcomes));
    let turns = &besides.turns;
    let (is_news, quiet) = (!besides.on_change || turns.news().iter().any(Option::is_some), reports.is_quiet());
    let verdict = reports.finish(&outcomes).max(written).max(streamed).max(reported.told);
    // Not before it is told, so that what could not be told is news at the next run, too.
    let verdict = turns.finish(&outcomes, reports.was_printed()).max(verdict);
    pushes::finish(pushes, &outcomes, is_news, quiet, &stop).await;
    verdict
}

/// Why there is one attempt where several were allowed.
fn not_repeated(outcome: &Outcome) -> String {
    let check = printable(&outcome.check);
    format!("{check} is not repeated after its sign-in was refused: providers count these, and lock the account")
}

/// All that is reported on, in the order of the checks, and UNKNOWN where something of it could not be printed.
struct ReportedOn {
    all: Vec<Reported>,
    told: Verdict,
}

/// The checks under way, until all are over. Each is reported on as soon as those before it are, unless only news are told:
/// these come first, and are known at the end.
async fn under_way(
    checks: &[Check],
    besides: &mut Besides,
    audience: &Audience,
    reports: &mut Reports,
    stop: &Stop,
) -> ReportedOn {
    let Besides { terms, turns, on_change, doctor, transcript, options, .. } = besides;
    let mut batch = Course::begin(turns, checks, terms.clone(), stop.clone(), audience.listener());
    let at_a_time = Semaphore::new(LOOKS);
    let (mut looks, mut in_order) = (FuturesUnordered::new(), InOrder::default());
    let mut reported = ReportedOn { all: Vec::new(), told: Verdict::Ok };
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
                if let Some(transcript) = transcript {
                    transcript.take(check, &mut outcome);
                }
                let is_told = turns.judge(check, &mut outcome) || !*on_change;
                audience.done(&outcome);
                let doctor = doctor.as_ref().filter(|_| is_told && !stop.is_requested(Reach::Journey));
                looks.push(looked_again(doctor, &at_a_time, (check, &checks[check]), outcome, stop));
            }
            Some(Next::Looked(check, reported)) => in_order.put(check, reported),
            None => return reported,
        }
        while let Some(one) = in_order.ready() {
            if !*on_change {
                reported.told = reported.told.max(tell(reports, &one, *options));
            }
            reported.all.push(one);
        }
    }
}

/// Prints a report for people, if that is what is wanted.
fn tell(reports: &mut Reports, (outcome, seen): &Reported, options: bool) -> Verdict {
    reports.print_for_people(std::slice::from_ref(outcome));
    let printed = complain(print_look(seen));
    if options {
        reports.name_options(outcome, &seen.iter().flat_map(examination::told).collect::<Vec<_>>());
    }
    printed
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
