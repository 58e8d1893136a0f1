//! What the plugins of monitoring systems tell besides numbers: whoever reads it was woken by it.

use crate::diagnose::{Diagnosis, Verdict, diagnose};
use crate::outcome::Outcome;

use super::printable::{self, printable};
use super::{Counts, headline, human, terminal, words};

/// More bytes than this are cut off by Nagios (`MAX_PLUGIN_OUTPUT_LENGTH` is 8192), in the middle of a word.
pub const MOST_BYTES: usize = 8000;

/// So many characters of a first line can be taken in at a glance, and go into a message to a telephone.
pub const MOST_CHARACTERS: usize = 240;

/// No line of the long text is longer, in characters: pages show what has no blanks on one line, however wide they get, and
/// one line is not to take the room of the others.
pub const LONGEST_LINE: usize = 500;

/// How many checks there are, and how they went: `3 checks: 1 critical, 2 ok`.
pub fn count(outcomes: &[Outcome]) -> String {
    let Counts { ok, warning, critical, unknown } = Counts::of(outcomes);
    let counts =
        [(critical, Verdict::Critical), (unknown, Verdict::Unknown), (warning, Verdict::Warning), (ok, Verdict::Ok)];
    let counted = counts.iter().filter(|(number, _)| *number > 0);
    let counted: Vec<String> = counted.map(|(number, one)| format!("{number} {one}")).collect();
    format!("{}: {}", human::count(outcomes.len() as u64, "check"), counted.join(", "))
}

/// For each thing that is not right, or worth a note, the cause, the server's words and what to do. No line has a control
/// character. A cause that stands in the headline above is not repeated.
pub fn details(outcome: &Outcome) -> Vec<String> {
    let headline = Some(headline(outcome)).filter(|headline| headline.chars().count() <= MOST_CHARACTERS);
    let tells =
        |cause: &str| headline.as_ref().is_some_and(|told| told.contains(printable(cause).trim_end_matches('.')));
    let diagnoses = diagnose(outcome);
    let detail =
        |(index, diagnosis): (usize, &Diagnosis)| detail(outcome, diagnosis, index == 0 && tells(&diagnosis.cause));
    diagnoses.iter().enumerate().flat_map(detail).collect()
}

fn detail(outcome: &Outcome, diagnosis: &Diagnosis, is_told: bool) -> Vec<String> {
    if diagnosis.verdict == Verdict::Ok {
        let advice = diagnosis.advice.iter().map(|advice| format!("- {}", printable(advice)));
        return std::iter::once(format!("Note: {}", printable(&diagnosis.cause))).chain(advice).collect();
    }
    let told = terminal::cause(outcome, diagnosis);
    // These pages show no indents.
    let told = told.lines().map(|line| line.trim_start().to_owned());
    if is_told {
        let heading = format!("{} [{}]", words::lead(diagnosis.certainty), diagnosis.code);
        return std::iter::once(heading).chain(told.skip(2)).collect();
    }
    let place = diagnosis.at.map_or_else(|| "verification".to_owned(), |at| at.to_string());
    let heading = format!("{}: {place} [{}]", diagnosis.verdict, diagnosis.code);
    std::iter::once(heading).chain(told.skip(1)).collect()
}

/// As many of the lines as there is room for, each with the bytes that end it; it is said if some are left out.
pub fn fitting(lines: Vec<String>, room: usize, end: usize) -> Vec<String> {
    const LEFT_OUT: &str = "The rest is left out here: mailtrip verify prints all of it.";
    let length = |line: &String| line.len() + end;
    if lines.iter().map(length).sum::<usize>() <= room {
        return lines;
    }
    let Some(mut room) = room.checked_sub(LEFT_OUT.len() + end) else { return Vec::new() };
    let fits = |line: &String| {
        let left = room.checked_sub(length(line));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let mut fitting: Vec<String> = lines.into_iter().take_while(fits).collect();
    fitting.push(LEFT_OUT.to_owned());
    fitting
}

/// Why a run could not begin, in one line, and the lines below it: it was written for a terminal, which shows where in a
/// file something is wrong by signs below it. Without indents, these mean nothing.
pub fn why(sentence: &str) -> (String, Vec<String>) {
    let text = sentence.trim();
    let text = text.strip_prefix("error:").unwrap_or(text);
    let mut lines = printable::lines(text.trim()).into_iter();
    let first = lines.next().unwrap_or_default();
    let says_something = |line: &String| !line.trim_matches([' ', '|', '^']).is_empty();
    let rest = lines.filter(says_something).map(|line| {
        let line = line.trim();
        let place = line.strip_prefix("--> ").map(|place| format!("in {place}"));
        place.unwrap_or_else(|| line.trim_start_matches("= ").to_owned())
    });
    (first, rest.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_left_out_whole() {
        let lines = || vec!["a".repeat(50), "b".repeat(50), "c".repeat(50)];
        assert_eq!(fitting(lines(), 153, 1), lines());
        assert_eq!(fitting(lines(), 152, 1), ["a".repeat(50), fitting(lines(), 152, 1)[1].clone()]);
        assert_eq!(fitting(lines(), 10, 1), Vec::<String>::new());
    }
}
