//! Single lines, for a view that follows the run.

use std::time::Duration;

use crate::outcome::StageRecord;
use crate::report::{human, printable, words};
use crate::stage::At;

use super::page::{Ink, NARROWEST, Page};
use super::{Style, sign};

/// A stage that has just ended, in one line without line break, cut to the width.
pub fn stage_line(record: &StageRecord, style: &Style) -> String {
    let (mark, ink) = sign(record.mark());
    let time = record.span.map(|span| human::duration(span.took)).unwrap_or_default();
    let text = words::became(record, None);
    let name = record.at.to_string();
    let row = format!("{name:20}{time:>8}  {}", printable::printable(&text));
    let mut page = Page::new(style);
    page.cells(&[(ink, format!("{mark} ")), (Ink::Plain, cut(&row, style.width.max(NARROWEST) - 2))]);
    page.finish()
}

/// What is being waited for: `delivery: waiting for the probe … 3.2 s of 45 s`.
pub fn waiting(at: At, elapsed: Duration, limit: Option<Duration>) -> String {
    let of = limit.map(|limit| format!(" of {:.0} s", limit.as_secs_f64())).unwrap_or_default();
    format!("{}: {} … {:.1} s{of}", at.leg, words::doing(at.stage), elapsed.as_secs_f64())
}

/// The beginning of a line, with a mark where something was left out.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.trim_end().to_owned();
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}
