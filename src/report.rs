//! Reports: one file a format, each a pure function from outcomes to text.
//!
//! What servers said is untrusted: every format escapes it for itself, see [`printable`].

mod attempts;
mod case;
pub mod checkmk;
pub mod github;
pub mod html;
pub mod human;
pub mod json;
pub mod junit;
pub mod markdown;
mod metrics;
pub mod nagios;
pub mod ndjson;
mod plugin;
pub mod printable;
pub mod prometheus;
pub mod tap;
pub mod terminal;
pub mod words;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::diagnose::{Diagnosis, Verdict, diagnose, is_answered, is_clean_up, round_trip, verdict};
use crate::outcome::{Outcome, Streak};

use terminal::Style;

/// The formats of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// A table for people.
    #[default]
    Terminal,
    /// One JSON object a check, an array where there are several.
    Json,
    /// JUnit XML, which Jenkins, GitLab and many others read: a suite a leg, a case a stage.
    Junit,
    /// TAP version 14: a test point a stage.
    Tap,
    /// Annotations of GitHub Actions.
    Github,
    /// Markdown as GitHub and GitLab show it.
    Markdown,
    /// JSON, one object a line: what happened, in the order of time.
    Ndjson,
    /// One HTML file for a browser, with all that is known.
    Html,
    /// Metrics for the textfile collector of Prometheus's node_exporter.
    Prometheus,
    /// A plugin's output for Nagios and Icinga: one line with performance data, then long text.
    Nagios,
    /// Local checks of Checkmk: a line a check.
    Checkmk,
}

impl Format {
    /// All formats, in the order in which they are listed to people.
    pub const ALL: &[Format] = &[
        Format::Terminal,
        Format::Json,
        Format::Ndjson,
        Format::Junit,
        Format::Tap,
        Format::Github,
        Format::Markdown,
        Format::Html,
        Format::Prometheus,
        Format::Nagios,
        Format::Checkmk,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Terminal => "terminal",
            Format::Json => "json",
            Format::Junit => "junit",
            Format::Tap => "tap",
            Format::Github => "github",
            Format::Markdown => "markdown",
            Format::Ndjson => "ndjson",
            Format::Html => "html",
            Format::Prometheus => "prometheus",
            Format::Nagios => "nagios",
            Format::Checkmk => "checkmk",
        }
    }

    /// Whether whoever asked for it takes silence for a failure, so that it is never left out.
    pub fn is_awaited(self) -> bool {
        matches!(self, Format::Nagios | Format::Checkmk)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        Format::ALL.iter().copied().find(|format| format.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
            format!("a format is one of {}, not {text:?}", names.join(", "))
        })
    }
}

/// The report on these outcomes.
pub fn render(outcomes: &[Outcome], format: Format, style: &Style) -> String {
    match format {
        Format::Terminal if !outcomes.is_empty() && outcomes.iter().all(is_clean_up) => {
            terminal::clearance::render(outcomes, style)
        }
        Format::Terminal => {
            let mut reports: Vec<String> = outcomes.iter().map(|outcome| terminal::render(outcome, style)).collect();
            if outcomes.len() > 1 {
                reports.push(terminal::list::render(outcomes, false, style));
            }
            reports.join("\n")
        }
        Format::Json => json::render_all(outcomes),
        Format::Junit => junit::render(outcomes),
        Format::Tap => tap::render(outcomes),
        Format::Github => github::render(outcomes),
        Format::Markdown => markdown::render(outcomes),
        Format::Ndjson => ndjson::render(outcomes),
        Format::Html => html::render(outcomes),
        Format::Prometheus => prometheus::render(outcomes),
        Format::Nagios => nagios::render(outcomes),
        Format::Checkmk => checkmk::render(outcomes),
    }
}

/// How many verifications were how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Mail works.
    pub ok: usize,
    /// Mail works, and something is not as it should be.
    pub warning: usize,
    /// Mail does not work.
    pub critical: usize,
    /// It could not be found out whether mail works.
    pub unknown: usize,
}

impl Counts {
    /// Of these.
    pub fn of(outcomes: &[Outcome]) -> Counts {
        let mut counts = Counts::default();
        for outcome in outcomes {
            *match verdict(outcome) {
                Verdict::Ok => &mut counts.ok,
                Verdict::Warning => &mut counts.warning,
                Verdict::Critical => &mut counts.critical,
                Verdict::Unknown => &mut counts.unknown,
            } += 1;
        }
        counts
    }
}

/// `8 OK, 1 WARNING, 1 CRITICAL`
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { ok, warning, critical, unknown } = *self;
        let counts = [(ok, Verdict::Ok), (warning, Verdict::Warning), (critical, Verdict::Critical)];
        let counts = counts.into_iter().chain([(unknown, Verdict::Unknown)]).filter(|(number, _)| *number > 0);
        f.pad(&counts.map(|(number, verdict)| format!("{number} {verdict}")).collect::<Vec<_>>().join(", "))
    }
}

/// What stands in the place of the report of a run that could not begin, where a format has something for that.
pub fn unable(sentence: &str, format: Format) -> Option<String> {
    match format {
        Format::Github => Some(github::unable(sentence)),
        Format::Nagios => Some(nagios::unable(sentence)),
        Format::Checkmk => Some(checkmk::unable(sentence)),
        _ => None,
    }
}

/// A verification in one line, without its verdict, safe to print: what went wrong, or what was proved.
pub fn headline(outcome: &Outcome) -> String {
    if is_clean_up(outcome) {
        return printable::printable(&terminal::clearance::sentence(std::slice::from_ref(outcome)));
    }
    let arrived = round_trip(outcome).map(human::duration);
    let verdict = verdict(outcome);
    let diagnoses = diagnose(outcome);
    let Some(first) = diagnoses.first().filter(|_| verdict != Verdict::Ok) else {
        let (from, to) = (&outcome.from, &outcome.to);
        let line = match arrived {
            Some(time) if is_answered(outcome) => {
                format!("mail sent from {from} reached {to}, and the reply came back, in {time}")
            }
            Some(time) => format!("mail sent from {from} arrived at {to} in {time}"),
            None => format!("every stage from {from} to {to} passed"),
        };
        return printable::printable(&line);
    };
    let place = first.at.map(|at| format!("{at}: ")).unwrap_or_default();
    let mut line = format!("{place}{}", first.cause.trim_end_matches('.'));
    // That it is soft is told at the end.
    let counts =
        |other: &&Diagnosis| other.verdict == verdict && other.follows_from.is_none() && other.code != "soft-failure";
    match diagnoses.iter().filter(counts).count() {
        0 | 1 => (),
        2 => line.push_str(" (and 1 more)"),
        several => line.push_str(&format!(" (and {} more)", several - 1)),
    }
    if let Some(Streak { failures, fail_after }) = outcome.streak.filter(|streak| streak.is_soft()) {
        line.push_str(&format!("; failure {failures} of {fail_after} in a row"));
    }
    // Also where what is critical is no failure: that it took too long, for one.
    let works = verdict == Verdict::Warning || (verdict == Verdict::Critical && first.failure(outcome).is_none());
    if let (true, Some(time)) = (works, arrived) {
        line.push_str(&format!("; mail arrived in {time}"));
    }
    printable::printable(&line)
}
