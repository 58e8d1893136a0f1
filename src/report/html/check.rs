//! One check from its verdict down to what was said.

use crate::diagnose::{is_clean_up, round_trip, verdict};
use crate::failure::Skip;
use crate::outcome::{Conversation, Line, Mark, Outcome, Server, Side, StageRecord, Status, Streak};
use crate::report::{headline, human, terminal, words};
use crate::stage::Leg;

use super::markup::{Element, heading, tag};
use super::{bounds, causes, class_of_verdict, leftover, row, sign, sign_of_verdict, table, timeline, way};

/// The whole of it: the page, or a part of a page with several.
pub fn section(outcome: &Outcome, number: Option<usize>) -> Element {
    let section = tag("section").class("check");
    match number {
        None => section.with(banner(outcome, 1)).all(parts(outcome, 2)),
        Some(number) => {
            let section = section.attribute("id", &format!("check-{number}"));
            section.with(banner(outcome, 2)).all(parts(outcome, 3))
        }
    }
}

fn parts(outcome: &Outcome, level: usize) -> Vec<Element> {
    let mut parts = run(outcome, level);
    parts.extend(bounds::section_of(outcome, level));
    parts.extend(servers(outcome, level));
    parts.extend(conversations(outcome, level));
    parts.extend(earlier(outcome, level));
    parts
}

/// What is told of each attempt.
fn run(outcome: &Outcome, level: usize) -> Vec<Element> {
    let mut parts = causes::sections(outcome, level);
    parts.extend(leftover::section_of(outcome, level, is_clean_up(outcome)));
    parts.extend(timeline::section_of(outcome, level));
    parts.extend(way::section_of(outcome, level));
    parts
}

/// The verdict, in a line why, and where on the journey.
fn banner(outcome: &Outcome, level: usize) -> Element {
    let verdict = verdict(outcome);
    let title = heading(level).with(sign_of_verdict(verdict)).text(&format!(" {verdict}"));
    tag("header")
        .class(class_of_verdict(verdict))
        .with(title.text(": ").with(tag("span").class("name").text(&outcome.check)))
        .with(tag("p").class("headline").text(&headline(outcome)))
        .all((!is_clean_up(outcome)).then(|| tag("ol").class("journey").all(journey(outcome))))
        .with(tag("dl").class("figures").all(figures(outcome)))
        .all(soft(outcome.streak).map(|text| tag("p").text(&text)))
}

/// The legs, each with how it ended: where it failed, at which stage.
fn journey(outcome: &Outcome) -> Vec<Element> {
    let steps = Leg::ALL.into_iter().filter_map(|leg| {
        let of_leg = || outcome.stages.iter().filter(move |record| record.at.leg == leg);
        let first = |mark: Mark| of_leg().find(|record| terminal::mark(outcome, record) == mark);
        let held_up =
            |record: &StageRecord| matches!(record.status, Status::Skipped(Skip::After { .. } | Skip::Stopped));
        let (mark, place) = match (first(Mark::Failed), first(Mark::Warning)) {
            (Some(failed), _) => (Mark::Failed, format!(": {}", failed.at.stage)),
            (None, Some(_)) => (Mark::Warning, String::new()),
            (None, None) if !of_leg().any(held_up) && first(Mark::Passed).is_some() => (Mark::Passed, String::new()),
            (None, None) => (Mark::Skipped, String::new()),
        };
        let text = format!(" {}{place}", words::leg(leg));
        of_leg().next().map(|_| tag("li").with(sign(mark)).text(&text))
    });
    steps.collect()
}

fn figures(outcome: &Outcome) -> Vec<Element> {
    let Outcome { from, to, began, seconds, tag: name, earlier, .. } = outcome;
    let mut figures = match (is_clean_up(outcome), from == to) {
        (true, _) => vec![("Mailbox", to.clone())],
        (false, true) => vec![("From", from.clone()), ("To", "itself".to_owned())],
        (false, false) => vec![("From", from.clone()), ("To", to.clone())],
    };
    figures.extend(round_trip(outcome).map(|time| ("Round trip", human::duration(time))));
    figures.push(("Took", human::duration(*seconds)));
    figures.push(("Began", human::moment(*began)));
    let attempt = earlier.len() + 1;
    figures.extend((attempt > 1).then(|| ("Attempt", format!("{attempt} of {attempt}"))));
    figures.extend((!name.is_empty()).then(|| ("Tag", name.clone())));
    let figure = |(name, value): (&str, String)| tag("div").with(tag("dt").text(name)).with(tag("dd").text(&value));
    figures.into_iter().map(figure).collect()
}

/// What a row of failures makes of this one.
fn soft(streak: Option<Streak>) -> Option<String> {
    let Streak { failures, fail_after } = streak.filter(|streak| streak.failures > 0)?;
    let in_a_row = format!("Failed {} in a row", human::count(u64::from(failures), "time"));
    Some(match failures < fail_after {
        true => format!("{in_a_row}: no more than a warning until it is {fail_after} times."),
        false => format!("{in_a_row}; from {fail_after} on, it is no longer only a warning."),
    })
}

fn servers(outcome: &Outcome, level: usize) -> Option<Element> {
    let columns = ["account", "protocol", "host", "port", "security", "username"];
    let rows = outcome.servers.iter().map(|server| {
        let Server { account, protocol, host, port, security, username } = server;
        row(&[account, &protocol.to_string(), host, &port.to_string(), &security.to_string(), username])
    });
    let table = table("servers", "The servers as they are configured", columns, rows);
    (!outcome.servers.is_empty()).then(|| super::section(level, "Servers and accounts").with(table))
}

fn conversations(outcome: &Outcome, level: usize) -> Option<Element> {
    let all = outcome.conversations.iter().map(said);
    let section = super::section(level, "What was said");
    (!outcome.conversations.is_empty()).then(|| section.all(all))
}

fn said(conversation: &Conversation) -> Element {
    let Conversation { leg, protocol, account, lines } = conversation;
    let count = human::count(lines.len() as u64, "line");
    let title = format!("{}, {protocol}, {account}: {count}", words::leg(*leg));
    let line = |Line { seconds, side, text }: &Line| {
        let (class, who) = match side {
            Side::Client => ("client", "C:"),
            Side::Server => ("server", "S:"),
        };
        tag("span").class(class).text(&format!("{:>9} {who} {text}", human::seconds(*seconds)))
    };
    tag("details").with(tag("summary").text(&title)).with(tag("pre").each_on_a_line(lines.iter().map(line)))
}

/// The attempts before this one, closed: what counts is the last one.
fn earlier(outcome: &Outcome, level: usize) -> Option<Element> {
    let attempts = (1..).zip(&outcome.earlier).map(|(number, attempt)| {
        let verdict = verdict(attempt);
        let title = format!(" Attempt {number}, {verdict}: {}", headline(attempt));
        let summary = tag("summary").with(sign_of_verdict(verdict)).text(&title);
        tag("details")
            .class(&format!("attempt {}", class_of_verdict(verdict)))
            .with(summary)
            .all(run(attempt, level + 1))
    });
    let section = super::section(level, "Attempts before this one");
    (!outcome.earlier.is_empty()).then(|| section.all(attempts))
}
