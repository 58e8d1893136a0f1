//! Below the reports on several checks: all of them in a line each, and how many were how.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::diagnose::{Verdict, round_trip, verdict, verdict_on_all};
use crate::outcome::Outcome;
use crate::report::{Counts, headline, human};

use super::page::{Ink, NARROWEST, Page};
use super::{Style, verdict_ink};

/// On a page that is wider, the columns are as on this one.
const WIDE: usize = 80;

/// The longest verdict, and the blanks behind it.
const VERDICT: usize = 10;

/// The mark and the verdict, and the blanks around them.
const BESIDE: usize = 4 + VERDICT;

/// The list, and the summary below it; `quiet` leaves out of the list what is OK. It ends in a line break.
pub fn render(outcomes: &[Outcome], quiet: bool, style: &Style) -> String {
    let mut page = Page::new(style);
    let names = outcomes.iter().map(|outcome| outcome.check.chars().count());
    // Half of the page is for what is to be said.
    let width = names.max().unwrap_or(0).min(style.width.clamp(NARROWEST, WIDE) / 2 - BESIDE);
    for (outcome, verdict) in outcomes.iter().map(|outcome| (outcome, verdict(outcome))) {
        if quiet && verdict == Verdict::Ok {
            continue;
        }
        let cells = [
            (verdict_ink(verdict), mark(verdict).to_owned()),
            (Ink::Plain, format!(" {:width$}  ", outcome.check)),
            (verdict_ink(verdict), verdict.to_string()),
            (Ink::Plain, " ".repeat(VERDICT.saturating_sub(verdict.to_string().len()))),
        ];
        let text = match round_trip(outcome).filter(|_| verdict == Verdict::Ok) {
            Some(time) => human::duration(time),
            None => headline(outcome),
        };
        if outcome.check.chars().count() > width {
            page.row(&cells, Ink::Plain, "");
            page.text(4, Ink::Plain, &text);
        } else {
            page.row(&cells, Ink::Plain, &text);
        }
    }
    page.blank();
    let worst = verdict_on_all(outcomes);
    page.text(0, verdict_ink(worst), &summary(outcomes));
    page.finish()
}

/// `10 checks: 8 OK, 1 WARNING, 1 CRITICAL, in 3.2 s`
pub fn summary(outcomes: &[Outcome]) -> String {
    let took = span(outcomes).map(|time| format!(", in {}", human::duration(time))).unwrap_or_default();
    format!("{}: {}{took}", human::count(outcomes.len() as u64, "check"), Counts::of(outcomes))
}

/// From the beginning of the first attempt to the end of the last. Several runs that are shown together have none.
fn span(outcomes: &[Outcome]) -> Option<Duration> {
    let again = |(index, one): (usize, &Outcome)| outcomes.iter().take(index).any(|other| other.check == one.check);
    if outcomes.iter().enumerate().any(again) {
        return None;
    }
    let attempts = || outcomes.iter().flat_map(|outcome| outcome.earlier.iter().chain([outcome]));
    let began = attempts().map(|attempt| attempt.began).min()?;
    let ended = attempts().filter_map(ended).max()?;
    Duration::try_from(ended.duration_since(began)).ok()
}

fn ended(attempt: &Outcome) -> Option<Timestamp> {
    attempt.began.checked_add(SignedDuration::try_from(attempt.seconds).ok()?).ok()
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "✓",
        Verdict::Warning => "!",
        Verdict::Unknown => "?",
        Verdict::Critical => "✗",
    }
}
