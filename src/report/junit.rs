//! JUnit XML: a suite a leg, a case a stage. It has what Jenkins and GitLab read, and nothing that they do not know.
//!
//! `failure` is broken mail, `error` a test that could not run. A warning is neither: its case passes, as the exit code
//! does not say that mail is broken either, and what it warns of is in its output.

use std::fmt::Write;
use std::time::Duration;

use crate::diagnose::{Diagnosis, Verdict, round_trip, verdict};
use crate::outcome::{Outcome, Server, seconds};
use crate::stage::Leg;

use super::attempts::attempts;
use super::case::{Case, End, Names, cases};
use super::printable::printable;
use super::{terminal, words};

/// The report on these outcomes.
pub fn render(outcomes: &[Outcome]) -> String {
    let mut names = Names::default();
    let mut suites = Vec::new();
    for outcome in outcomes {
        suites.extend(split(outcome, cases(outcome, &mut names)));
    }
    let all = || suites.iter().flat_map(|suite| &suite.cases);
    let time = outcomes.iter().fold(Duration::ZERO, |sum, outcome| sum.saturating_add(outcome.seconds));
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let (tests, failures, errors) = (all().count(), count(all(), End::Failed), count(all(), End::NotRun));
    line(
        &mut xml,
        0,
        format_args!(
            "<testsuites name=\"mailtrip\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{}\">",
            decimal(time)
        ),
    );
    suites.iter().for_each(|suite| suite.write(&mut xml));
    line(&mut xml, 0, format_args!("</testsuites>"));
    xml
}

/// A leg of a verification, or what concerns all of it.
struct Suite<'a> {
    outcome: &'a Outcome,
    leg: Option<Leg>,
    cases: Vec<Case<'a>>,
}

/// The cases by leg.
fn split<'a>(outcome: &'a Outcome, cases: Vec<Case<'a>>) -> Vec<Suite<'a>> {
    let mut suites: Vec<Suite> = Vec::new();
    for case in cases {
        let leg = case.record.map(|record| record.at.leg);
        match suites.last_mut().filter(|suite| suite.leg == leg) {
            Some(suite) => suite.cases.push(case),
            None => suites.push(Suite { outcome, leg, cases: vec![case] }),
        }
    }
    suites
}

impl Suite<'_> {
    fn write(&self, xml: &mut String) {
        let leg = self.leg.map_or("verification", Leg::name);
        let name = escape(&format!("{}: {leg}", self.outcome.check));
        let time = self.cases.iter().fold(Duration::ZERO, |sum, case| sum.saturating_add(case.took()));
        let count = |end| count(self.cases.iter(), end);
        line(
            xml,
            1,
            format_args!(
                "<testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" timestamp=\"{}\" time=\"{}\">",
                self.cases.len(),
                count(End::Failed),
                count(End::NotRun),
                count(End::Skipped),
                self.outcome.began.strftime("%Y-%m-%dT%H:%M:%S"), // UTC: a zone is not allowed here
                decimal(time)
            ),
        );
        self.properties(xml);
        self.cases.iter().for_each(|case| write_case(xml, self.outcome, case));
        self.conversations(xml);
        line(xml, 1, format_args!("</testsuite>"));
    }

    fn properties(&self, xml: &mut String) {
        let Outcome { check, from, to, tag, .. } = self.outcome;
        let mut properties = vec![
            ("check".to_owned(), check.clone()),
            ("verdict".to_owned(), verdict(self.outcome).to_string()),
            ("from".to_owned(), from.clone()),
            ("to".to_owned(), to.clone()),
            ("tag".to_owned(), tag.clone()),
        ];
        let round_trip = round_trip(self.outcome).map(seconds::rounded);
        properties.extend(round_trip.map(|time| ("round_trip_seconds".to_owned(), time.to_string())));
        properties.extend(attempts(self.outcome).into_iter().map(|attempt| (attempt.name, attempt.text)));
        let records = self.cases.iter().filter_map(|case| case.record);
        let mut servers: Vec<&Server> = records.filter_map(|record| self.outcome.server(record)).collect();
        servers.dedup();
        properties.extend(servers.into_iter().map(|server| {
            let Server { account, protocol, host, port, security, .. } = server;
            (format!("server of {account}, {protocol}"), format!("{host}, port {port}, security {security}"))
        }));
        line(xml, 2, format_args!("<properties>"));
        for (name, value) in properties {
            line(xml, 3, format_args!("<property name=\"{}\" value=\"{}\"/>", escape(&name), escape(&value)));
        }
        line(xml, 2, format_args!("</properties>"));
    }

    /// What was said in this leg, if it was to be reported.
    fn conversations(&self, xml: &mut String) {
        let of_leg = self.outcome.conversations.iter().filter(|conversation| Some(conversation.leg) == self.leg);
        let said: Vec<String> = of_leg
            .map(|one| format!("What was said, {}, {}\n{}", one.protocol, one.account, terminal::said(one)))
            .collect();
        output(xml, 2, &said.join("\n"));
    }
}

fn write_case(xml: &mut String, outcome: &Outcome, case: &Case) {
    let attributes = [("classname", &outcome.check), ("name", &case.name), ("time", &decimal(case.took()))];
    let attributes = attributes.map(|(name, value)| format!(" {name}=\"{}\"", escape(value)));
    line(xml, 2, format_args!("<testcase{}>", attributes.concat()));
    let (notes, causes): (Vec<&Diagnosis>, Vec<&Diagnosis>) =
        case.diagnoses.iter().partition(|diagnosis| diagnosis.verdict == Verdict::Ok);
    let mut causes: Vec<String> = causes.into_iter().map(|diagnosis| terminal::cause(outcome, diagnosis)).collect();
    match case.end {
        End::Failed => problem(xml, "failure", case, &std::mem::take(&mut causes)),
        End::NotRun => problem(xml, "error", case, &std::mem::take(&mut causes)),
        End::Skipped => line(xml, 3, format_args!("<skipped message=\"{}\"/>", escape(&case.summary))),
        End::Passed | End::Warning => {}
    }
    let mut said = causes;
    said.extend(notes.into_iter().map(|note| format!("Note: {}", note.cause)));
    let facts = case.record.iter().flat_map(|record| &record.facts);
    said.extend(facts.map(|fact| printable(&words::fact(fact))));
    output(xml, 3, &said.join("\n"));
    line(xml, 2, format_args!("</testcase>"));
}

/// What went wrong: the stage's own words and the cause in the message, all that is known below.
fn problem(xml: &mut String, element: &str, case: &Case, causes: &[String]) {
    let first = case.diagnoses.first();
    let kind = first.map_or("unexplained", |diagnosis| diagnosis.code);
    let cause = first.filter(|_| case.record.is_some()).map(|diagnosis| format!(": {}", diagnosis.cause));
    let message = escape(&format!("{}{}", case.summary, cause.unwrap_or_default()));
    let text = escape(causes.join("\n").trim_end());
    line(xml, 3, format_args!("<{element} type=\"{kind}\" message=\"{message}\">{text}</{element}>"));
}

fn output(xml: &mut String, depth: usize, text: &str) {
    if !text.is_empty() {
        line(xml, depth, format_args!("<system-out>{}</system-out>", escape(text.trim_end())));
    }
}

fn line(xml: &mut String, depth: usize, text: std::fmt::Arguments) {
    let _ = writeln!(xml, "{}{text}", "  ".repeat(depth)); // a String takes everything
}

fn count<'a>(cases: impl Iterator<Item = &'a Case<'a>>, end: End) -> usize {
    cases.filter(|case| case.end == end).count()
}

fn decimal(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// Text for an element or an attribute, with its line breaks. What a terminal would act on is written out: of that, XML
/// allows hardly anything (XML 1.0 §2.2).
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        for c in printable(line).chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"), // `]]>` must not stand in text
                '"' => out.push_str("&quot;"),
                c => out.push(c),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escape("a\x1b<b c=\"d\">\n]]>&\u{ffff}\0"),
            "a\\x1b&lt;b c=&quot;d&quot;&gt;\n]]&gt;&amp;\\u{ffff}\\x00"
        );
    }
}
