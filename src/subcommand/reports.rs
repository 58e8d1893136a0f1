//! The reports of a run: one on standard output, any number in files. Each has what it needs before the run begins, and
//! one that cannot be written in the end does not silence the others.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use mailtrip::account::Secret;
use mailtrip::check::Check;
use mailtrip::diagnose::{Verdict, is_clean_up, verdict_on_all};
use mailtrip::outcome::Outcome;
use mailtrip::report::terminal::Style;
use mailtrip::report::{self, Format, github, terminal};

use crate::cli::{self, ReportTo};
use crate::console::{Unable, command, complain, note, plain_style, print};

use super::options;
use super::stream::Stream;
use super::whole_file::{Readers, WholeFile};

/// Where GitHub Actions takes the summary of a step from.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// What says `true` in a job of GitHub Actions.
const ACTIONS: &str = "GITHUB_ACTIONS";

/// The reports that were asked for, ready to be written.
pub struct Reports {
    /// Standard output.
    format: Format,
    style: Style,
    quiet: bool,
    /// What was printed when its check was done is not printed again.
    printed: bool,
    /// Whether there is something new of each check, where nothing else is to be told.
    news: Option<Vec<bool>>,
    /// Something of it was to be seen.
    shown: bool,
    /// Nor what was told as it happened.
    streamed: bool,
    files: Vec<(Format, WholeFile)>,
    summary: Option<Summary>,
    /// UNKNOWN as soon as a report could not be written.
    worst: Verdict,
    /// Something could not be printed.
    unprinted: bool,
    /// Why one could not; nobody need be told twice.
    complaints: BTreeSet<Unable>,
}

impl Reports {
    /// Opens them.
    ///
    /// # Errors
    /// When they do not go together, or a file cannot be written.
    pub fn open(show: &cli::Show) -> Result<Reports, Unable> {
        let format = on_standard_output(show)?;
        let mut files: Vec<(Format, WholeFile)> = Vec::new();
        for ReportTo { format, file } in &show.reports {
            let Some(path) = file else { continue };
            let file = WholeFile::create(path, Readers::Usual)?;
            if files.iter().any(|(_, other)| other.path() == file.path()) {
                return Err(format!("{} is to hold two reports: give each a file of its own", path.display()));
            }
            files.push((*format, file));
        }
        let wanted = format == Format::Github || files.iter().any(|(format, _)| *format == Format::Github);
        let summary = if wanted { Summary::open()? } else { None };
        let style = Style { verbose: show.verbose, ..plain_style() };
        Ok(Reports {
            format,
            style,
            quiet: show.quiet,
            printed: false,
            news: None,
            shown: false,
            streamed: false,
            files,
            summary,
            worst: Verdict::Ok,
            unprinted: false,
            complaints: BTreeSet::new(),
        })
    }

    /// In a job of GitHub Actions, has the runner mask what these checks sign in by, should anything else in the job say it.
    /// That goes to standard error, where the runner reads commands, too: a report that is piped into a file has no secret.
    pub fn mask_secrets(&self, checks: &[Check]) {
        if self.format != Format::Github || std::env::var_os(ACTIONS).is_none_or(|yes| yes != "true") {
            return;
        }
        let accounts = checks.iter().flat_map(|check| [Some(check.from()), check.to().account()]).flatten();
        let endpoints = accounts.flat_map(|account| [&account.smtp, &account.imap, &account.pop3]).flatten();
        let secrets: BTreeSet<&str> =
            endpoints.flat_map(|endpoint| endpoint.credentials.proof.secrets()).map(Secret::expose).collect();
        secrets
            .into_iter()
            .filter(|secret| !secret.trim().is_empty())
            .for_each(|secret| command(&github::mask(secret)));
    }

    /// The format on standard output.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether nothing is to be heard of a run if all is well.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether somebody follows the run at a terminal.
    pub fn is_watched(&self) -> bool {
        self.format == Format::Terminal && !self.quiet && std::io::stderr().is_terminal()
    }

    /// Whether one of them is to be this file.
    pub fn is_at(&self, path: &Path) -> bool {
        self.files.iter().any(|(_, file)| file.path() == path)
    }

    /// Nothing is printed before it is known what there is to tell.
    pub fn hush(&mut self) {
        self.quiet = true;
    }

    /// Of all checks, only those are told of that there are news of, and these news before anything else.
    pub fn limit_to(&mut self, news: &[Option<String>]) {
        let sentences: Vec<&str> = news.iter().flatten().map(String::as_str).collect();
        match self.format {
            Format::Terminal if !sentences.is_empty() => {
                self.print(&(sentences.join("\n") + "\n\n"));
            }
            Format::Terminal => {}
            _ => sentences.into_iter().for_each(note),
        }
        (self.news, self.quiet) = (Some(news.iter().map(Option::is_some).collect()), false);
    }

    /// The events of a run on standard output, each as it happens, where that is what was asked for. To be silent where all is
    /// well, one has to wait for the end.
    pub fn stream(&mut self) -> Option<Stream> {
        self.streamed = self.format == Format::Ndjson && !self.quiet;
        self.streamed.then(Stream::begin)
    }

    /// Something is done: a report for people is printed at once, unless all is well with it and nobody wants to know. The
    /// other formats are one document, printed at the end.
    pub fn print_for_people(&mut self, outcomes: &[Outcome]) {
        if self.format != Format::Terminal {
            return;
        }
        self.printed = true;
        if self.is_told(outcomes) {
            let gap = if self.shown { "\n" } else { "" };
            self.shown = true;
            self.print(&format!("{gap}{}", report::render(outcomes, self.format, &self.style)));
        }
    }

    /// Below a report for people, which options the settings are that it names, or that somebody was `told` of.
    pub fn name_options(&mut self, outcome: &Outcome, told: &[String]) {
        if self.format == Format::Terminal && self.is_told(std::slice::from_ref(outcome)) {
            self.print(&options::below_report(outcome, told, &self.style));
        }
    }

    /// Writes what is not written yet. The verdict is that on the outcomes, and at least UNKNOWN where a report could
    /// not be written.
    pub fn finish(&mut self, outcomes: &[Outcome]) -> Verdict {
        let told = self.told(outcomes);
        if !(self.news.is_some() && told.is_empty()) {
            self.print_last(&told, outcomes);
        }
        let style = Style { verbose: self.style.verbose, ..Style::default() };
        for (format, file) in std::mem::take(&mut self.files) {
            self.note(file.finish(&report::render(outcomes, format, &style)));
        }
        if let Some(summary) = self.summary.take() {
            self.note(summary.append(outcomes));
        }
        let nothing = if self.news.is_some() { Verdict::Ok } else { Verdict::Unknown };
        self.worst.max(if told.is_empty() { nothing } else { verdict_on_all(&told) })
    }

    /// Whether all that there was to print could be.
    pub fn was_printed(&self) -> bool {
        !self.unprinted
    }

    /// Those that are told of on standard output, and by the exit code.
    fn told(&self, outcomes: &[Outcome]) -> Vec<Outcome> {
        let is_new = |number: usize| match &self.news {
            Some(news) => news.get(number).copied().unwrap_or_default(),
            None => true,
        };
        let told = outcomes.iter().enumerate().filter(|(number, _)| is_new(*number));
        told.map(|(_, outcome)| outcome.clone()).collect()
    }

    /// On standard output; below the reports, all checks are listed where there are several: one that is well again says nothing
    /// of those that are still down.
    fn print_last(&mut self, outcomes: &[Outcome], all: &[Outcome]) {
        let cleaned = outcomes.iter().all(is_clean_up);
        match self.format {
            _ if self.streamed => {}
            Format::Terminal if self.printed => {}
            Format::Terminal if !cleaned => {
                outcomes.iter().for_each(|one| self.print_for_people(std::slice::from_ref(one)))
            }
            _ if self.is_told(outcomes) => self.print(&report::render(outcomes, self.format, &self.style)),
            _ => {}
        }
        if self.format == Format::Terminal && all.len() > 1 && !cleaned && self.is_told(outcomes) {
            self.print(&format!("\n{}", terminal::list::render(all, self.quiet, &self.style)));
        }
    }

    /// Unless all is well, and nobody wants to know that or takes silence for a failure.
    fn is_told(&self, outcomes: &[Outcome]) -> bool {
        !self.quiet || self.format.is_awaited() || verdict_on_all(outcomes) != Verdict::Ok
    }

    fn print(&mut self, text: &str) {
        let written = print(text);
        self.unprinted |= written.is_err();
        self.note(written);
    }

    fn note(&mut self, written: Result<(), Unable>) {
        let Err(why) = written else { return };
        self.worst = self.worst.max(Verdict::Unknown);
        if self.complaints.insert(why.clone()) {
            complain(Err(why));
        }
    }
}

/// `--format`, or the one `--report` without a file.
fn on_standard_output(show: &cli::Show) -> Result<Format, Unable> {
    let format = show.format.map(|format| ("--format", format));
    let reports = show.reports.iter().filter(|report| report.file.is_none());
    let mut asked_for = format.into_iter().chain(reports.map(|report| ("--report", report.format)));
    match (asked_for.next(), asked_for.next()) {
        (Some((option, one)), Some((_, other))) => Err(format!(
            "there is one standard output, for {option} {one} or for --report {other}: give one of them a file, as in \
             --report {other}=FILE"
        )),
        (one, _) => Ok(one.map(|(_, format)| format).unwrap_or_default()),
    }
}

/// The summary of a step of GitHub Actions, to which other programs of the same step may have written.
struct Summary {
    path: PathBuf,
    file: File,
}

impl Summary {
    /// `None` where this is no such step.
    fn open() -> Result<Option<Summary>, Unable> {
        let Some(path) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()).map(PathBuf::from) else {
            return Ok(None);
        };
        match OpenOptions::new().append(true).create(true).open(&path) {
            Ok(file) => Ok(Some(Summary { path, file })),
            Err(error) => Err(format!("{STEP_SUMMARY}: {} cannot be written: {error}", path.display())),
        }
    }

    fn append(mut self, outcomes: &[Outcome]) -> Result<(), Unable> {
        let there = self.file.metadata().map_or(0, |metadata| metadata.len());
        let room = github::SUMMARY_LIMIT.saturating_sub(usize::try_from(there).unwrap_or(usize::MAX));
        let text = github::summary(outcomes, room);
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|error| format!("{STEP_SUMMARY}: {} cannot be written: {error}", self.path.display()))
    }
}
