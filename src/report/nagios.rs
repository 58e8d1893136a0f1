//! The output of a plugin for Nagios, Icinga and what else reads it: one line with performance data, then long text
//! (Monitoring Plugins, "Development Guidelines").
//!
//! The first line with its numbers comes first and is short, because an NRPE of old passes on 1 KB, and Nagios reads 8 KB.

use crate::diagnose::{Verdict, diagnose, round_trip, verdict, verdict_on_all, worst_first};
use crate::outcome::Outcome;

use super::headline;
use super::human::{self, short};
use super::metrics::{Metric, Names, Unit, metrics, of_certificates, of_round_trip};
use super::plugin::{LONGEST_LINE, MOST_BYTES, MOST_CHARACTERS, count, details, fitting, why};
use super::printable::printable;

/// So many bytes the numbers take at most, so that with many checks there is room for words, too.
const MOST_NUMBERS: usize = 4096;

/// The report on these outcomes.
pub fn render(outcomes: &[Outcome]) -> String {
    let worst = verdict_on_all(outcomes);
    match outcomes {
        [] => unable("there is nothing to report on"),
        [outcome] => output(worst, &headline(outcome), &performance(metrics(outcome)), details(outcome)),
        several => output(worst, &summary(several), &performance(of_several(several)), all(several)),
    }
}

/// What is printed of a run that could not begin: Nagios shows standard output, and not standard error.
pub fn unable(sentence: &str) -> String {
    let (first, rest) = why(sentence);
    output(Verdict::Unknown, &first, "", rest)
}

fn output(verdict: Verdict, text: &str, performance: &str, long: Vec<String>) -> String {
    // In this line, Nagios writes a colon for a semicolon, which is a field's end in its log, and its pages leave out
    // backslashes, or break the line at them.
    let text = short(&safe(text).replace(';', ",").replace('\\', "∖"), MOST_CHARACTERS);
    let mut output = format!("MAILTRIP {verdict} - {text}");
    if !performance.is_empty() {
        output += &format!(" | {performance}");
    }
    output.push('\n');
    let long = long.iter().map(|line| short(&safe(line), LONGEST_LINE)).collect();
    let room = MOST_BYTES.saturating_sub(output.len());
    output.extend(fitting(long, room, 1).into_iter().map(|line| line + "\n"));
    output
}

/// What is no mark of the form: a bar would begin performance data, in any line. Pages of Nagios show HTML of a plugin where
/// `escape_html_tags` is off, and notifications drop angle brackets with all else that a shell might read.
fn safe(text: &str) -> String {
    text.replace('|', "¦").replace('<', "‹").replace('>', "›")
}

/// Several checks in a sentence: how many went how, and the worst one.
fn summary(outcomes: &[Outcome]) -> String {
    let worst = outcomes.iter().rev().max_by_key(|outcome| verdict(outcome));
    match worst.filter(|outcome| verdict(outcome) != Verdict::Ok) {
        Some(worst) => format!("{}. {}: {}", count(outcomes), printable(&worst.check), headline(worst)),
        None => {
            let slowest = outcomes.iter().filter_map(|one| Some((round_trip(one)?, &one.check))).max();
            let slowest =
                slowest.map(|(time, check)| format!(", the slowest {} in {}", printable(check), human::duration(time)));
            format!("{}{}", count(outcomes), slowest.unwrap_or_default())
        }
    }
}

/// Each check in a line, the worst first, and then what is to be said about each.
fn all(outcomes: &[Outcome]) -> Vec<String> {
    let sorted = worst_first(outcomes);
    let name = |outcome: &Outcome| printable(&outcome.check);
    let line = |outcome: &&Outcome| format!("{} {}: {}", verdict(outcome), name(outcome), headline(outcome));
    let mut lines: Vec<String> = sorted.iter().map(line).collect();
    for outcome in sorted.into_iter().filter(|outcome| !diagnose(outcome).is_empty()) {
        lines.push(format!("--- {} ---", name(outcome)));
        lines.extend(details(outcome));
    }
    lines
}

/// Of several checks, what each is verified for: which stages it has would be too much for one line.
fn of_several(outcomes: &[Outcome]) -> Vec<Metric> {
    let mut names = Names::default();
    let mut several = Vec::new();
    for outcome in outcomes {
        let own = metrics(outcome);
        let has = |name: &str| own.iter().any(|metric| metric.name == name);
        let check = label(&outcome.check);
        if has("round-trip") {
            several.push(of_round_trip(outcome, names.unique(&check, None)));
        }
        if has("certificate-days") {
            several.push(of_certificates(outcome, names.unique(&format!("cert-{check}"), None)));
        }
    }
    several
}

/// The name of a check as a label: with nothing that means something there, nor to those who make it the name of a file.
fn label(check: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || "._@+- ".contains(c) { c } else { '_' };
    let label: String = check.trim().chars().map(safe).collect();
    if label.is_empty() { "check".to_owned() } else { label }
}

/// `'label'=value[UOM];[warn];[crit];[min]`, separated by spaces.
fn performance(metrics: Vec<Metric>) -> String {
    let mut performance = String::new();
    for metric in &metrics {
        let item = item(metric);
        if performance.len() + item.len() + 1 > MOST_NUMBERS {
            break;
        }
        if !performance.is_empty() {
            performance.push(' ');
        }
        performance.push_str(&item);
    }
    performance
}

fn item(metric: &Metric) -> String {
    let plain = metric.name.chars().all(|c| c.is_ascii_alphanumeric() || "._@+-".contains(c));
    let label = if plain { metric.name.clone() } else { format!("'{}'", metric.name) };
    let unit = match metric.unit {
        Unit::Seconds => "s",
        Unit::Bytes => "B",
        Unit::Days => "",
    };
    // A value that is not known has no unit.
    let value = metric.number().map_or("U".to_owned(), |number| format!("{number}{unit}"));
    let bound = |range: Option<crate::criteria::Range>| range.map(|range| range.to_string()).unwrap_or_default();
    let least = metric.unit.least().map(|least| least.to_string()).unwrap_or_default();
    let text = format!("{label}={value};{};{};{least}", bound(metric.warn), bound(metric.critical));
    text.trim_end_matches(';').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_nothing_else_than_its_name() {
        assert_eq!(label("home=1 'x'|y"), "home_1 _x__y");
        assert_eq!(label("jane@example.net"), "jane@example.net");
        assert_eq!(label(" "), "check");
    }

    #[test]
    fn a_run_that_could_not_begin_is_told_in_one_line_and_more() {
        assert_eq!(unable("error: no such file | x\n\n  tip: y\n"), "MAILTRIP UNKNOWN - no such file ¦ x\ntip: y\n");
        let drawn = "error: unknown key\n --> a.toml:1:2\n  |\n1 | x = 1\n  | ^\n  = help: none";
        assert_eq!(unable(drawn), "MAILTRIP UNKNOWN - unknown key\nin a.toml:1:2\n1 ¦ x = 1\nhelp: none\n");
        assert_eq!(unable("a; b <c>, d\\n"), "MAILTRIP UNKNOWN - a, b ‹c›, d∖n\n");
    }
}
