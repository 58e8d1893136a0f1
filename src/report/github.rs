//! GitHub Actions: an annotation for each thing that is not right, and the summary of the step.
//!
//! There is nothing secret in an outcome; [`mask`] is for what else may be said in the same job. The runner itself masks
//! what the workflow took from its secrets, an address or a username, too, in the log and in the summary.

use std::fmt::Write;

use crate::diagnose::{Diagnosis, Verdict, diagnose, verdict};
use crate::outcome::Outcome;

use super::printable::{lines, printable};
use super::{headline, markdown, terminal};

/// GitHub shows no summary that is larger, in bytes.
pub const SUMMARY_LIMIT: usize = 1024 * 1024;

/// The annotations. What follows from another diagnosis is left to the summary: GitHub shows about ten of a kind.
pub fn render(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        if verdict(outcome) == Verdict::Ok {
            let title = format!("mailtrip {}: OK", outcome.check);
            annotation(&mut text, Verdict::Ok, &title, &headline(outcome));
        }
        for diagnosis in diagnose(outcome).iter().filter(|diagnosis| diagnosis.follows_from.is_none()) {
            let place = diagnosis.at.map_or_else(|| "verification".to_owned(), |at| at.to_string());
            let title = format!("mailtrip {}: {place} [{}]", outcome.check, diagnosis.code);
            annotation(&mut text, diagnosis.verdict, &title, &message(outcome, diagnosis));
        }
    }
    text
}

/// The annotation of a run that could not begin: of the log, the page of a job shows no more than the exit code.
pub fn unable(sentence: &str) -> String {
    let mut text = String::new();
    let sentence = sentence.trim();
    let sentence = sentence.strip_prefix("error:").unwrap_or(sentence).trim();
    annotation(&mut text, Verdict::Unknown, "mailtrip: UNKNOWN", sentence);
    text
}

/// The command that has the runner put `***` in place of a secret, in all that this job says from now on. It is the secret
/// itself, and is only for the runner.
pub fn mask(secret: &str) -> String {
    format!("::add-mask::{}\n", secret.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A"))
}

/// What the report for people says of it, below the line that is the title here.
fn message(outcome: &Outcome, diagnosis: &Diagnosis) -> String {
    let told = terminal::cause(outcome, diagnosis);
    let below = told.lines().skip(1).map(|line| line.strip_prefix("  ").unwrap_or(line));
    below.collect::<Vec<_>>().join("\n")
}

fn annotation(text: &mut String, verdict: Verdict, title: &str, message: &str) {
    let command = match verdict {
        Verdict::Ok => "notice",
        Verdict::Warning => "warning",
        Verdict::Unknown | Verdict::Critical => "error",
    };
    let _ = writeln!(text, "::{command} title={}::{}", property(title), data(message)); // a String takes everything
}

/// The text of a command: a line break would end it.
fn data(text: &str) -> String {
    lines(text).join("\n").replace('%', "%25").replace('\n', "%0A")
}

/// A property of a command: a comma or a colon would end it, too.
fn property(text: &str) -> String {
    printable(text).replace('%', "%25").replace(':', "%3A").replace(',', "%2C")
}

/// The summary of a step, in as many bytes as there is room for, the verdict on a check and its causes first.
pub fn summary(outcomes: &[Outcome], room: usize) -> String {
    let left_out = "\nThe rest was left out: GitHub shows summaries of 1 MiB at most.\n";
    let blocks: Vec<String> = markdown::blocks(outcomes).into_iter().map(|block| format!("\n{block}")).collect();
    if blocks.iter().map(String::len).sum::<usize>() <= room {
        return blocks.concat();
    }
    let mut text = String::new();
    for block in blocks {
        if text.len() + block.len() + left_out.len() > room {
            break;
        }
        text.push_str(&block);
    }
    if text.len() + left_out.len() <= room {
        text.push_str(left_out);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_could_not_begin_is_one_error() {
        let drawn = "error: unknown key\n --> a.toml:1:2\n  |\n1 | x = 100%\n";
        let expected = "::error title=mailtrip%3A UNKNOWN::unknown key%0A --> a.toml:1:2%0A  |%0A1 | x = 100%25\n";
        assert_eq!(unable(drawn), expected);
    }

    #[test]
    fn text_ends_neither_a_command_nor_a_property() {
        assert_eq!(data("50%\r\n::error::x, y: z\x1b"), "50%25%0A::error::x, y: z\\x1b");
        assert_eq!(property("a::b,c\r\n%0A"), "a%3A%3Ab%2Cc\\r\\n%250A");
    }
}
