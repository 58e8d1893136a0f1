//! The way of the messages: the servers that handed them on, by what each wrote into them.

use crate::outcome::{Fact, Outcome, StageRecord};
use crate::report::{human, words};

use super::markup::{Element, heading, tag};
use super::{row, section, table};

/// A table for each message, and what the receiver's server says of who sent it.
pub fn section_of(outcome: &Outcome, level: usize) -> Option<Element> {
    let mut ways: Vec<(Vec<String>, Vec<&Fact>)> = Vec::new();
    for record in &outcome.stages {
        let facts: Vec<&Fact> = record.facts.iter().filter(is_trace).collect();
        // By IMAP and by POP3, the message that is read is the same one.
        match ways.iter_mut().find(|(_, known)| *known == facts) {
            _ if facts.is_empty() => {}
            Some((titles, _)) => titles.push(title(record)),
            None => ways.push((vec![title(record)], facts)),
        }
    }
    let parts = ways.iter().flat_map(|(titles, facts)| way(titles, facts, level + 1));
    (!ways.is_empty()).then(|| section(level, "The way of the message").all(parts))
}

fn is_trace(fact: &&Fact) -> bool {
    matches!(fact, Fact::Hop { .. } | Fact::AuthenticationResults { .. })
}

fn title(record: &StageRecord) -> String {
    format!("{}, {}, {}", words::leg(record.at.leg), record.at.protocol, record.account)
}

fn way(titles: &[String], facts: &[&Fact], level: usize) -> Vec<Element> {
    let mut parts = vec![heading(level).class("part").text(&titles.join("; "))];
    let hops: Vec<Element> = facts.iter().filter_map(|fact| hop(fact)).collect();
    if !hops.is_empty() {
        parts.push(table("hops", "Hops, the first one first", ["from", "by", "with", "at", "after"], hops));
    }
    parts.extend(facts.iter().filter_map(|fact| match fact {
        Fact::AuthenticationResults { text } => {
            let lead = tag("strong").text("The receiver's server says of it: ");
            Some(tag("p").with(lead).with(tag("code").text(text)))
        }
        _ => None,
    }));
    parts
}

fn hop(fact: &Fact) -> Option<Element> {
    let Fact::Hop { from, by, with, at, seconds } = fact else { return None };
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
    let after = seconds.map(human::seconds).unwrap_or_default();
    Some(row(&[&known(from), &known(by), &or_nothing(with), &moment(&or_nothing(at)), &after]))
}

/// A time stamp as people read it, where it is one.
pub fn moment(text: &str) -> String {
    text.replacen('T', " ", 1).replacen('Z', " UTC", 1)
}
