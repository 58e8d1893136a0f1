//! Local checks of Checkmk (docs.checkmk.com, "Local checks"): a line a check, `<state> "<service>" <metrics> <text>`.
//!
//! A service of its own says whether mailtrip could run at all: those of the checks are not there then, and who reads that
//! they are missing finds the reason there.

use crate::criteria::Range;
use crate::diagnose::{Verdict, verdict};
use crate::outcome::Outcome;

use super::headline;
use super::human::short;
use super::metrics::{Metric, metrics};
use super::plugin::{LONGEST_LINE, MOST_BYTES, MOST_CHARACTERS, count, details, fitting, why};

/// The service that says whether mailtrip could run, and what the names of the others begin with.
const SERVICE: &str = "Mailtrip";

/// The report on these outcomes.
pub fn render(outcomes: &[Outcome]) -> String {
    if outcomes.is_empty() {
        return unable("there is nothing to report on");
    }
    let mut lines = line(Verdict::Ok, SERVICE, &[], &count(outcomes), Vec::new());
    let mut names: Vec<String> = Vec::new();
    for outcome in outcomes {
        let name = service(&outcome.check, &names);
        lines += &line(verdict(outcome), &name, &metrics(outcome), &headline(outcome), details(outcome));
        names.push(name);
    }
    lines
}

/// What is printed of a run that could not begin.
pub fn unable(sentence: &str) -> String {
    let (first, rest) = why(sentence);
    line(Verdict::Unknown, SERVICE, &[], &first, rest)
}

/// The state is ours, and never `P`: it does not follow from the numbers alone.
fn line(verdict: Verdict, service: &str, metrics: &[Metric], text: &str, long: Vec<String>) -> String {
    let items: Vec<String> = metrics.iter().filter_map(item).collect();
    let items = if items.is_empty() { "-".to_owned() } else { items.join("|") };
    let text = short(&safe(text), MOST_CHARACTERS);
    let mut line = format!("{} \"{service}\" {items} {text}", verdict.exit_code());
    let long = long.iter().map(|line| safe(&short(line, LONGEST_LINE))).collect();
    let room = MOST_BYTES.saturating_sub(line.len());
    line.extend(fitting(long, room, 2).into_iter().map(|line| format!("\\n{line}")));
    line.push('\n');
    line
}

/// A backslash and an `n` are a line break there.
fn safe(text: &str) -> String {
    text.replace("\\n", "\\x5cn")
}

/// The name of a check's service: it is kept by the monitoring for years, and no other check of the report has it. Without
/// what cannot be in such a name (quotes), or is taken out of it (`illegal_object_name_chars` of Nagios).
fn service(check: &str, taken: &[String]) -> String {
    let safe = |c: char| if c.is_alphanumeric() || "._@+- /:#".contains(c) { c } else { '_' };
    let name: String = check.trim().chars().map(safe).collect();
    let name = format!("{SERVICE} {}", if name.is_empty() { "check" } else { &name });
    let numbered = (2_u64..).map(|number| format!("{name} {number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    names.find(|name| !taken.contains(name)).unwrap_or_default()
}

/// `name=value;warn;crit;min`; nothing where there is no value, which Checkmk draws as a gap.
fn item(metric: &Metric) -> Option<String> {
    let name = metric.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let least = metric.unit.least();
    let level = |range: Option<Range>| range.and_then(|range| level(range, least)).unwrap_or_default();
    let least = least.map(|least| least.to_string()).unwrap_or_default();
    let text =
        format!("mailtrip_{name}={};{};{};{least}", metric.number()?, level(metric.warn), level(metric.critical));
    Some(text.trim_end_matches(';').to_owned())
}

/// `upper`, `lower:` or `lower:upper`. A bound below which there is no value is none; and that what is inside a range is
/// bad cannot be said.
fn level(range: Range, least: Option<f64>) -> Option<String> {
    let lower = range.start().is_finite() && least.is_none_or(|least| range.start() > least);
    match (lower, range.end().is_finite()) {
        _ if range.is_inside() => None,
        (true, true) => Some(format!("{}:{}", range.start(), range.end())),
        (true, false) => Some(format!("{}:", range.start())),
        (false, true) => Some(range.end().to_string()),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_levels_where_they_can_be() {
        let times = [("10", "10"), ("5:", "5:"), ("5:10", "5:10"), ("~:10", "10"), ("0:", ""), ("@5:10", "")];
        for (range, expected) in times {
            assert_eq!(level(range.parse().unwrap(), Some(0.0)).unwrap_or_default(), expected, "{range}");
        }
        assert_eq!(level("0:90".parse().unwrap(), None).as_deref(), Some("0:90"));
    }

    #[test]
    fn services_have_names_of_their_own() {
        assert_eq!(service("home \"x\" 'y'", &[]), "Mailtrip home _x_ _y_");
        assert_eq!(service("home", &["Mailtrip home".to_owned()]), "Mailtrip home 2");
        assert_eq!(service("", &[]), "Mailtrip check");
    }

    #[test]
    fn a_line_break_is_ours_only() {
        assert_eq!(unable("C:\\new\nx"), "3 \"Mailtrip\" - C:\\x5cnew\\nx\n");
    }
}
