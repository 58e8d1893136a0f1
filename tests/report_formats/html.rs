//! The HTML report: that it is what it seems in two readers that know nothing of each other, one of XML and one of HTML, and
//! that nothing in it acts, fetches, or is markup where it was to be text.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mailtrip::criteria::Severity;
use mailtrip::diagnose::{diagnose, verdict};
use mailtrip::outcome::{Conversation, Line, Outcome, Side, Span, Streak};
use mailtrip::report::printable::printable;
use mailtrip::report::{Format, headline};
use roxmltree::{Document, Node};
use serde::Deserialize;

use super::{EVIL, data, render, worst};

/// All elements and attributes that a report has. Whoever adds one should know what it can do.
const ELEMENTS: &str = "a article body caption code dd details div dl dt h1 h2 h3 h4 h5 h6 head header html li line main meta \
                        ol p pre rect section span strong style summary svg table tbody td text th thead title tr ul";
const ATTRIBUTES: &str = "aria-hidden aria-label charset class colspan content height href http-equiv id lang name role scope \
                          text-anchor width x x1 x2 y y1 y2";

/// The report without its first line, which is no business of XML's: the rest is well-formed, so that every element ends
/// where it seems to.
fn read<'a>(name: &str, text: &'a str) -> Document<'a> {
    let rest =
        text.strip_prefix("<!DOCTYPE html>\n").unwrap_or_else(|| panic!("{name}: browsers would go into quirks mode"));
    Document::parse(rest).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn all<'a>(document: &'a Document, tag: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    document.descendants().filter(move |node| node.has_tag_name(tag))
}

fn of_class<'a>(document: &'a Document, class: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    let has = move |node: &Node| node.attribute("class").unwrap_or_default().split(' ').any(|one| one == class);
    document.descendants().filter(has)
}

/// The text of an element and of all in it.
fn text_of(node: Node) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// With all that an outcome may have besides.
fn rich() -> Outcome {
    let mut outcome = named("junk");
    outcome.criteria.thresholds =
        vec![threshold("round-trip", "0.1", "60"), threshold("certificate-days", "14:", "3:")];
    outcome.criteria.thresholds.push(threshold("copy", "1", "2"));
    outcome.criteria.spf = Severity::Critical;
    outcome.earlier = vec![named("not-arrived"), named("login-refused")];
    outcome.streak = Some(Streak { failures: 2, fail_after: 3 });
    let line = |side, text: &str| Line { seconds: 0.5, side, text: text.to_owned() };
    let lines = vec![line(Side::Server, "220 ready"), line(Side::Client, "EHLO laptop")];
    let (leg, protocol) = (outcome.stages[0].at.leg, outcome.stages[0].at.protocol);
    outcome.conversations = vec![Conversation { leg, protocol, account: "alice".to_owned(), lines }];
    outcome
}

fn threshold(measure: &str, warn: &str, critical: &str) -> mailtrip::criteria::Threshold {
    let measure = measure.parse().unwrap();
    mailtrip::criteria::Threshold { measure, warn: warn.parse().ok(), critical: critical.parse().ok() }
}

fn named(name: &str) -> Outcome {
    data().into_iter().find(|(other, _)| other == name).unwrap().1.remove(0)
}

fn everything() -> Vec<(String, Vec<Outcome>)> {
    let mut all = data();
    all.extend([("rich".to_owned(), vec![rich()]), ("none".to_owned(), Vec::new())]);
    all
}

pub fn nothing_acts_or_is_fetched() {
    let (elements, attributes): (BTreeSet<&str>, BTreeSet<&str>) =
        (ELEMENTS.split_whitespace().collect(), ATTRIBUTES.split_whitespace().collect());
    for (name, outcomes) in everything() {
        let text = render(&outcomes, Format::Html);
        let document = read(&name, &text);
        let ids: Vec<&str> = document.descendants().filter_map(|node| node.attribute("id")).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{name}: {ids:?}");
        for node in document.descendants().filter(Node::is_element) {
            assert!(elements.contains(node.tag_name().name()), "{name}: {node:?}");
            for attribute in node.attributes() {
                assert!(attributes.contains(attribute.name()), "{name}: {attribute:?}");
            }
            let target = node.attribute("href").map(|target| target.strip_prefix('#').unwrap_or("elsewhere"));
            assert!(target.is_none_or(|target| ids.contains(&target)), "{name}: {node:?}");
        }
        let style = text_of(all(&document, "style").next().unwrap());
        assert!(!style.contains("url(") && !style.contains("@import") && !style.contains("//"), "{name}");
    }
}

pub fn it_says_the_same() {
    for (name, outcomes) in everything() {
        let text = render(&outcomes, Format::Html);
        let document = read(&name, &text);
        let titles: Vec<String> = all(&document, "h1").map(|title| one_line(&text_of(title))).collect();
        assert_eq!(titles.len(), 1, "{name}: {titles:?}");
        let worst = if outcomes.is_empty() { "UNKNOWN".to_owned() } else { worst(&outcomes).to_string() };
        assert!(titles[0].contains(&worst), "{name}: {titles:?}");
        assert!(text_of(all(&document, "title").next().unwrap()).starts_with(&worst), "{name}");
        assert_eq!(of_class(&document, "check").count(), outcomes.len(), "{name}");
        for (outcome, part) in outcomes.iter().zip(of_class(&document, "check")) {
            let said = text_of(part);
            assert!(said.contains(&headline(outcome)), "{name}: no {}", headline(outcome));
            assert!(said.contains(&verdict(outcome).to_string()), "{name}");
            for diagnosis in diagnose(outcome) {
                let cause = printable(diagnosis.cause.trim()).replace('`', "");
                assert!(said.replace('`', "").contains(&cause), "{name}: no {cause}");
            }
        }
        let ran = |outcome: &Outcome| outcome.stages.iter().filter(|record| record.span.is_some()).count();
        let ran: usize = outcomes.iter().chain(outcomes.iter().flat_map(|outcome| &outcome.earlier)).map(ran).sum();
        let bars = all(&document, "rect").filter(|bar| bar.attribute("class") != Some("trip"));
        assert_eq!(bars.count(), ran, "{name}: a bar for every stage that ran, and no other");
    }
}

/// Whatever was made of the times.
pub fn bars_are_on_the_axis() {
    let (short, none) = (Duration::from_millis(1), Duration::ZERO);
    let mut timeless = Outcome { seconds: none, ..named("ok") };
    timeless.stages.iter_mut().for_each(|record| record.span = Some(Span { began: none, took: none }));
    let mut all_outcomes = everything();
    all_outcomes.push(("short".to_owned(), vec![Outcome { seconds: short, ..named("ok") }]));
    all_outcomes.push(("timeless".to_owned(), vec![timeless]));
    for (name, outcomes) in all_outcomes {
        let text = render(&outcomes, Format::Html);
        for bar in all(&read(&name, &text), "rect") {
            let number = |attribute| bar.attribute(attribute).unwrap().trim_end_matches('%').parse::<f64>().unwrap();
            let (x, width) = (number("x"), number("width"));
            assert!(x >= 0.0 && width > 0.0 && x + width <= 100.02, "{name}: {x} {width}");
        }
    }
    // What ran at the same time is in the same place.
    let text = render(&[named("ok")], Format::Html);
    let document = read("ok", &text);
    let places: Vec<_> = all(&document, "rect").map(|bar| bar.attribute("x").unwrap()).collect();
    assert_eq!(
        places.iter().filter(|place| **place == "0.02%").count(),
        2,
        "both connections begin at once: {places:?}"
    );
}

pub fn all_that_there_is_is_told() {
    let text = render(&[rich()], Format::Html);
    let document = read("rich", &text);
    let said = one_line(&text_of(document.root_element()));
    for told in [
        "Failed 2 times in a row: no more than a warning until it is 3 times.",
        "Attempt 1, CRITICAL: delivery arrival",
        "Attempt 2, CRITICAL: submission login",
        "round-trip 270 ms 0.1 60 warning",
        "certificate-days 62 days 14: 3: within bounds",
        "copy 1 2 not measured",
        "Where SPF does not pass, by what the receiver's server says: critical",
        "Delivery, IMAP, alice: 2 lines",
        "500 ms S: 220 ready 500 ms C: EHLO laptop",
        "laptop.example.org smtp.example.net ESMTPSA 2026-11-23 10:00:00 UTC",
        "alice SMTP smtp.example.net 587 starttls alice@example.net",
    ] {
        assert!(said.contains(told), "no {told:?} in {said}");
    }
    let clean = data().into_iter().find(|(name, _)| name == "clean").unwrap().1;
    let text = render(&clean, Format::Html);
    let said = one_line(&text_of(read("clean", &text).root_element()));
    for told in ["4 clean-ups", "not removed Sent\\x1b[2J 970 2026-11-20 10:02:11 UTC", "would remove INBOX 8"] {
        assert!(said.contains(told), "no {told:?} in {said}");
    }
    assert!(!said.contains("Round trip"), "nothing was sent");
}

/// What Python's reader of HTML found.
#[derive(Deserialize)]
struct Found {
    tags: Vec<String>,
    attributes: Vec<(String, String, Option<String>)>,
    style: String,
    hash: String,
    text: String,
}

fn read_by_python(text: &str) -> Found {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report_formats/html_reader.py");
    let mut python = Command::new("python3");
    let mut python = python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 runs");
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "it is read to its end");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Nothing that a server says is anything but text, in the eyes of a reader of HTML: it finds what a reader of XML does.
pub fn servers_cannot_get_out() {
    for (name, outcomes) in
        everything().into_iter().filter(|(name, _)| ["evil", "hostile", "rich", "none"].contains(&name.as_str()))
    {
        let text = render(&outcomes, Format::Html);
        let document = read(&name, &text);
        let found = read_by_python(&text);
        let elements = || document.descendants().filter(Node::is_element);
        let tags: Vec<&str> = elements().map(|node| node.tag_name().name()).collect();
        assert_eq!(found.tags, tags, "{name}");
        let attributes = |node: Node| -> Vec<(String, String, Option<String>)> {
            let tag = node.tag_name().name().to_owned();
            let all = node.attributes().map(|one| (tag.clone(), one.name().to_owned(), Some(one.value().to_owned())));
            all.collect()
        };
        assert_eq!(found.attributes, elements().flat_map(attributes).collect::<Vec<_>>(), "{name}");
        assert_eq!(found.text, text_of(all(&document, "body").next().unwrap()), "{name}");
        let policy = "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'";
        let policy = policy.replace("{hash}", &found.hash);
        assert!(!found.style.is_empty(), "{name}");
        let content = found.attributes.iter().filter(|(tag, name, _)| tag == "meta" && name == "content");
        assert!(content.filter_map(|(_, _, value)| value.as_ref()).any(|value| *value == policy), "{name}: {policy}");
        if name == "evil" {
            assert!(found.text.contains(&printable(EVIL)), "what servers said is there: {}", found.text);
            let words = "]]></failure></testsuites>&amp;&#0;\"'\\u{ffff}\\x00\\x1b[2J\n";
            assert!(found.text.contains(words), "and line by line: {}", found.text);
        }
    }
}
