//! What there is to tell of a run, as text: bounded, printable, without a secret.

use uuid::Uuid;

use crate::diagnose::{Verdict, diagnose, verdict, verdict_on_all, worst_first};
use crate::outcome::Outcome;
use crate::report::printable::printable;
use crate::report::{Counts, headline};

/// The longest line of a text, in characters.
const LONGEST_LINE: usize = 400;

/// The most names of checks in one line.
const MOST_NAMES: usize = 5;

/// A run that is over.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// What tells it from other runs.
    pub id: Uuid,
    /// All that came of it, in the order of its checks.
    pub outcomes: &'a [Outcome],
    /// Whether somebody is to hear of it who is told of changes only. Where nobody looks for changes, every run is news.
    pub news: bool,
    /// Whether it is to be silent where all is well.
    pub quiet: bool,
}

impl Run<'_> {
    /// The verdict on all of it.
    pub fn verdict(&self) -> Verdict {
        verdict_on_all(self.outcomes)
    }

    /// Whether mail flows: a warning is no outage. What could not be found out is none to rely on.
    pub fn is_up(&self) -> bool {
        matches!(self.verdict(), Verdict::Ok | Verdict::Warning)
    }

    /// The verdict and whom it is about, in a few words.
    pub fn title(&self) -> String {
        let verdict = self.verdict();
        let title = match self.outcomes {
            [] => format!("{verdict}: nothing was verified"),
            [outcome] => format!("{verdict}: {}", printable(&outcome.check)),
            several => match several.len() - Counts::of(several).ok {
                0 => format!("{verdict}: {} checks", several.len()),
                wrong => format!("{verdict}: {wrong} of {} checks are not OK: {}", several.len(), self.names()),
            },
        };
        shortened(&title, LONGEST_LINE)
    }

    /// The checks that are not OK, the worst first.
    fn names(&self) -> String {
        let wrong: Vec<&Outcome> =
            worst_first(self.outcomes).into_iter().filter(|one| verdict(one) != Verdict::Ok).collect();
        let names: Vec<String> = wrong.iter().take(MOST_NAMES).map(|outcome| printable(&outcome.check)).collect();
        names.join(", ") + if wrong.len() > MOST_NAMES { ", …" } else { "" }
    }

    /// All of it in one line of at most so many characters.
    pub fn line(&self, longest: usize) -> String {
        let line = match self.outcomes {
            [outcome] => headed(outcome),
            _ => match worst_first(self.outcomes).first().filter(|outcome| verdict(outcome) != Verdict::Ok) {
                Some(worst) => format!("{}; {}", self.title(), headline(worst)),
                None => self.title(),
            },
        };
        shortened(&line, longest)
    }

    /// The short report: a line a check, the worst first, with what to do about it. It is no longer than so many bytes.
    pub fn text(&self, longest: usize) -> String {
        let title = if self.outcomes.len() == 1 { None } else { Some(self.title()) };
        let checks = worst_first(self.outcomes).into_iter().flat_map(|outcome| told(outcome, headed(outcome)));
        bounded(title.into_iter().chain(checks), longest)
    }

    /// The same for what has the title above it already.
    pub fn text_below_title(&self, longest: usize) -> String {
        match self.outcomes {
            [] => self.text(longest),
            [outcome] => bounded(told(outcome, headline(outcome)).into_iter(), longest),
            _ => bounded(
                worst_first(self.outcomes).into_iter().flat_map(|outcome| told(outcome, headed(outcome))),
                longest,
            ),
        }
    }
}

/// A check in one line.
fn headed(outcome: &Outcome) -> String {
    format!("{}: {}: {}", verdict(outcome), printable(&outcome.check), headline(outcome))
}

/// A check in its one line, and what to do first where it is not OK.
fn told(outcome: &Outcome, line: String) -> Vec<String> {
    let diagnoses = diagnose(outcome);
    let first = diagnoses.first().filter(|_| verdict(outcome) != Verdict::Ok);
    let advice = first.and_then(|first| first.advice.first()).map(|advice| format!("  → {}", printable(advice)));
    std::iter::once(line).chain(advice).collect()
}

/// As many lines as there is room for.
fn bounded(lines: impl Iterator<Item = String>, longest: usize) -> String {
    let mut text = String::new();
    for line in lines.map(|line| shortened(&line, LONGEST_LINE)) {
        if text.len() + line.len() + "\n…\n".len() > longest {
            return text + "…\n";
        }
        text.extend([line.as_str(), "\n"]);
    }
    text
}

fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some(_) => text.chars().take(longest.saturating_sub(1)).chain(['…']).collect(),
    }
}
