//! Markdown as GitHub and GitLab show it: the verdict first, then causes with the server's words, then the stages.

use crate::diagnose::{Diagnosis, Verdict, diagnose, is_clean_up, verdict, verdict_on_all};
use crate::outcome::{Conversation, Outcome, StageRecord};

use super::attempts::attempts;
use super::printable::{lines, printable};
use super::terminal::{self, causes, table};
use super::{headline, human, words};

/// The report on these outcomes.
pub fn render(outcomes: &[Outcome]) -> String {
    blocks(outcomes).join("\n")
}

/// The report in blocks that can be read alone, what matters most first. Each ends in a line break, and wants an empty line
/// before the next.
pub fn blocks(outcomes: &[Outcome]) -> Vec<String> {
    let all = if outcomes.len() > 1 { vec![overview(outcomes)] } else { Vec::new() };
    all.into_iter().chain(outcomes.iter().flat_map(of_one)).collect()
}

/// Of several checks, what became of each.
fn overview(outcomes: &[Outcome]) -> String {
    let row = |outcome: &Outcome| {
        let verdict = verdict(outcome);
        let sign = if verdict == Verdict::Ok { "✓" } else { sign(verdict) };
        let (check, line) = (escape(&outcome.check), escape(&headline(outcome)));
        format!("| {sign} | {check} | {verdict} | {line} |\n")
    };
    let rows: String = outcomes.iter().map(row).collect();
    let worst = verdict_on_all(outcomes);
    let count = outcomes.len();
    format!(
        "## mailtrip of {count} checks: {worst}\n\n|  | check | verdict | what was seen |\n| --- | --- | --- | --- |\n{rows}"
    )
}

fn of_one(outcome: &Outcome) -> Vec<String> {
    let mut blocks = vec![opening(outcome)];
    let (notes, causes): (Vec<Diagnosis>, Vec<Diagnosis>) =
        diagnose(outcome).into_iter().partition(|diagnosis| diagnosis.verdict == Verdict::Ok);
    blocks.extend(causes.iter().map(|diagnosis| cause(outcome, diagnosis)));
    blocks.extend(notes.iter().map(note));
    blocks.extend(table::groups(outcome).iter().map(|group| stages(outcome, group)));
    blocks.extend(outcome.conversations.iter().map(said));
    blocks
}

fn sign(verdict: Verdict) -> &'static str {
    if verdict == Verdict::Warning { "!" } else { "✗" }
}

fn opening(outcome: &Outcome) -> String {
    let Outcome { check, from, to, began, seconds, .. } = outcome;
    let journey = match (is_clean_up(outcome), from == to) {
        (true, _) => format!("Mailbox {to}"),
        (false, true) => format!("From {from} to itself"),
        (false, false) => format!("From {from} to {to}"),
    };
    let attempts: String =
        attempts(outcome).iter().map(|one| format!("- {}: {}\n", one.name, escape(&one.text))).collect();
    let attempts = if attempts.is_empty() { attempts } else { format!("\n{attempts}") };
    format!(
        "## mailtrip {}: {}\n\n{}.\n\n{}, {}, took {}.\n{attempts}",
        escape(check),
        verdict(outcome),
        escape(headline(outcome).trim_end_matches('.')),
        escape(&journey),
        human::moment(*began),
        escape(&human::duration(*seconds))
    )
}

fn cause(outcome: &Outcome, diagnosis: &Diagnosis) -> String {
    let sign = sign(diagnosis.verdict);
    let place = diagnosis.at.map_or_else(|| "verification".to_owned(), |at| at.to_string());
    let lead = words::lead(diagnosis.certainty);
    let mut text = format!("### {sign} {place}: {}\n\n", diagnosis.code);
    text += &format!("**{lead}:** {}\n", prose(&diagnosis.cause));
    if let Some(root) = &diagnosis.follows_from {
        let place = root.at.map(|at| format!("{at}, ")).unwrap_or_default();
        text += &format!("\nThis follows from {place}{}: see to that first.\n", root.code);
    }
    if let Some(reply) = diagnosis.failure(outcome).and_then(|failure| failure.reply.as_deref()) {
        text += &format!("\nThe server said:\n\n{}", fenced(&reply.to_string()));
    }
    text += &list("What was seen", causes::seen(outcome, diagnosis, false).into_iter());
    text + &list("What to do", diagnosis.advice.iter().map(String::as_str))
}

fn note(diagnosis: &Diagnosis) -> String {
    let advice = diagnosis.advice.iter().map(|advice| format!(" {}", prose(advice)));
    format!("**Note:** {}{}\n", prose(&diagnosis.cause), advice.collect::<String>())
}

fn list<'a>(title: &str, items: impl Iterator<Item = &'a str>) -> String {
    let items: String = items.map(|item| format!("- {}\n", prose(item))).collect();
    if items.is_empty() { items } else { format!("\n{title}:\n\n{items}") }
}

fn stages(outcome: &Outcome, group: &[&StageRecord]) -> String {
    let server = group.first().map(|record| table::server(outcome, record)).unwrap_or_default();
    let leg = group.first().map_or("", |record| words::leg(record.at.leg));
    let rows: String = group.iter().map(|record| row(outcome, record)).collect();
    format!("**{leg}**, {}\n\n|  | stage | time | what was seen |\n| --- | --- | ---: | --- |\n{rows}", escape(&server))
}

fn row(outcome: &Outcome, record: &StageRecord) -> String {
    let (sign, _) = terminal::sign(terminal::mark(outcome, record));
    let time = record.span.map(|span| escape(&human::duration(span.took))).unwrap_or_default();
    let text = words::judged(outcome, record);
    format!("| {sign} | {} | {time} | {} |\n", record.at.stage, escape(&text))
}

fn said(conversation: &Conversation) -> String {
    let Conversation { leg, protocol, account, .. } = conversation;
    format!("What was said, {leg}, {protocol}, {}:\n\n{}", escape(account), fenced(&terminal::said(conversation)))
}

/// Lines word for word, between fences that are longer than any run of backticks in them (CommonMark §4.5).
fn fenced(text: &str) -> String {
    let lines = lines(text);
    let longest = lines.iter().flat_map(|line| line.split(|c| c != '`')).map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

/// A sentence, in which what stands between backticks is code, as it is in ours. Where they are not in pairs, with text
/// within and between them, the code could end elsewhere, and they are text.
fn prose(text: &str) -> String {
    let text = printable(text.trim());
    let parts: Vec<&str> = text.split('`').collect();
    let inner = parts.get(1..parts.len() - 1).unwrap_or_default();
    if parts.len().is_multiple_of(2) || inner.iter().any(|part| part.is_empty()) {
        return escape(&text);
    }
    let part = |(index, part): (usize, &&str)| if index % 2 == 1 { format!("`{part}`") } else { marked_off(part) };
    parts.iter().enumerate().map(part).collect()
}

/// Text on one line in which nothing is HTML, ends a cell of a table, or is marked up. What could do the former two is
/// written as an entity, which is never structure (CommonMark §2.5).
fn escape(text: &str) -> String {
    marked_off(&printable(text.trim()))
}

fn marked_off(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' => out.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' | '#' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_neither_html_nor_markup_nor_a_cell() {
        assert_eq!(escape("<b>&lt; \\| [a](b)\n"), "&lt;b&gt;&amp;lt; \\\\&#124; \\[a\\](b)");
        assert_eq!(escape("# a *b* `c` ~~d~~ $e$ f_g"), "\\# a \\*b\\* \\`c\\` \\~\\~d\\~\\~ \\$e\\$ f\\_g");
    }

    #[test]
    fn code_in_a_sentence_is_code_only_where_it_ends_where_it_seems_to() {
        assert_eq!(prose("set `a = \"<b>\"` or `c_d`, *e*"), "set `a = \"<b>\"` or `c_d`, \\*e\\*");
        assert_eq!(prose("`a` is <b>"), "`a` is &lt;b&gt;");
        for hostile in ["a ` <b>", "`a``<b>`", "a `` <b>", "``` <b>", "`` <b> ``"] {
            let text = prose(hostile);
            assert!(!text.contains('<') && text.matches('`').count() == text.matches("\\`").count(), "{text}");
        }
    }

    #[test]
    fn a_fence_is_longer_than_what_is_in_it() {
        assert_eq!(fenced("a\n````\n<b>"), "`````text\na\n````\n<b>\n`````\n");
        assert_eq!(fenced("a `b` c"), "```text\na `b` c\n```\n");
    }
}
