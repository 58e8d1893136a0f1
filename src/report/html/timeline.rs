//! The waterfall: the stages of all legs on one axis of time, with what was seen at each.

use crate::diagnose::breach::breaches;
use crate::diagnose::round_trip;
use crate::failure::{Failure, Skip};
use crate::outcome::{Fact, Mark, Outcome, Span, StageRecord, Status};
use crate::report::terminal::{mark, table};
use crate::report::{human, words};
use crate::stage::{Leg, Stage};

use super::axis::Axis;
use super::markup::{Element, tag};
use super::{section, sign};

/// The whole of it.
pub fn section_of(outcome: &Outcome, level: usize) -> Option<Element> {
    let axis = Axis::of(outcome);
    let head = [tag("th").text("stage"), tag("th").class("time").text("time"), tag("th").with(course_head(&axis))];
    let head = tag("tr").all(head.map(|cell| cell.attribute("scope", "col")));
    let caption = "The stages, by leg and connection, on one axis of time";
    let table = tag("table")
        .class("timeline")
        .with(tag("caption").text(caption))
        .with(tag("thead").with(head))
        .all(trip(outcome, &axis))
        .all(table::groups(outcome).iter().map(|group| connection(outcome, &axis, group)));
    (!outcome.stages.is_empty()).then(|| section(level, "Where the time went").with(table))
}

fn course_head(axis: &Axis) -> Element {
    tag("div").class("course").with(axis.scale()).with(tag("span").text("what was seen"))
}

/// From the submission of the message to its arrival.
fn trip(outcome: &Outcome, axis: &Axis) -> Option<Element> {
    let took = round_trip(outcome)?;
    let submit = |record: &&StageRecord| record.at.leg == Leg::Submission && record.at.stage == Stage::Submit;
    let began = outcome.stages.iter().find(submit)?.span?.began;
    let lane = axis.lane(Some(Span { began, took }), None);
    let name = tag("th").attribute("scope", "row").text("round trip");
    let seen = seen_in("from the beginning of the submission to the last arrival");
    Some(tag("tbody").with(row("trip", name, &human::duration(took), lane, seen)))
}

/// The stages of one leg at one server.
fn connection(outcome: &Outcome, axis: &Axis, group: &[&StageRecord]) -> Element {
    let (leg, server) = group
        .first()
        .map_or_else(Default::default, |record| (words::leg(record.at.leg), table::server(outcome, record)));
    let title = tag("th").attribute("scope", "rowgroup").attribute("colspan", "3");
    let title = title.text(&format!("{leg} ")).with(tag("span").class("server").text(&server));
    let rows = group.chunk_by(|one, other| is_idle(one) && is_idle(other) && one.status == other.status);
    let rows = rows.map(|run| match run {
        [record] if !is_idle(record) => stage(outcome, axis, record),
        run => idle(run),
    });
    tag("tbody").with(tag("tr").class("leg").with(title)).all(rows)
}

/// Whether it was not even begun, and nothing is known of it.
fn is_idle(record: &StageRecord) -> bool {
    let nothing = record.span.is_none() && record.facts.is_empty() && record.concerns.is_empty();
    nothing && matches!(record.status, Status::Skipped(_))
}

/// Stages that were skipped for the same reason, in one row.
fn idle(run: &[&StageRecord]) -> Element {
    let names: Vec<&str> = run.iter().map(|record| record.at.stage.name()).collect();
    let why = run.first().map(|record| words::became(record, None)).unwrap_or_default();
    let cell = tag("td").attribute("colspan", "3").with(sign(Mark::Skipped));
    tag("tr").class("skipped").with(cell.text(&format!(" {}: {why}", names.join(", "))))
}

fn stage(outcome: &Outcome, axis: &Axis, record: &StageRecord) -> Element {
    let mark = mark(outcome, record);
    let name = tag("th").attribute("scope", "row").with(sign(mark)).text(&format!(" {}", record.at.stage));
    let time = record.span.map(|span| human::duration(span.took)).unwrap_or_default();
    row(class(mark), name, &time, axis.lane(record.span, Some(mark)), seen(outcome, record))
}

fn row(class: &'static str, name: Element, time: &str, lane: Element, seen: Element) -> Element {
    let course = tag("div").class("course").with(lane).with(seen);
    tag("tr").class(class).with(name).with(tag("td").class("time").text(time)).with(tag("td").with(course))
}

fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Passed => "passed",
        Mark::Warning => "warning",
        Mark::Failed => "failed",
        Mark::Skipped => "skipped",
    }
}

/// What became of it in a line or a few, and behind that all that is known.
fn seen(outcome: &Outcome, record: &StageRecord) -> Element {
    let first = match &record.status {
        Status::Failed(failure) => tag("strong").text(&words::failed(failure)),
        Status::Skipped(skip) => tag("span").text(&words::skip(skip)),
        Status::Passed => tag("span").text(&words::key(record, outcome.server(record))),
    };
    let warnings = record.concerns.iter().map(|concern| format!("WARNING, {}", words::concern(concern)));
    let held = breaches(outcome, record).into_iter().map(|breach| words::held(&breach));
    let warnings = warnings.chain(held).map(|text| tag("div").class("concern").text(&text));
    let facts: Vec<Element> = known(record).iter().map(|text| tag("li").text(text)).collect();
    let line = match facts.is_empty() {
        true => first,
        false => tag("details").with(tag("summary").with(first)).with(tag("ul").all(facts)),
    };
    tag("div").class("seen").with(line).all(warnings)
}

fn seen_in(text: &str) -> Element {
    tag("div").class("seen").text(text)
}

/// All that was seen, but the hops and what earlier verifications left, which have tables of their own.
fn known(record: &StageRecord) -> Vec<String> {
    let has_table = |fact: &&Fact| !matches!(fact, Fact::Hop { .. } | Fact::Leftover { .. });
    let facts = record.facts.iter().filter(has_table).map(words::fact);
    let failure = match &record.status {
        Status::Failed(failure) => Some(failure),
        Status::Skipped(Skip::Inconclusive { failure }) => Some(failure.as_ref()),
        _ => None,
    };
    facts.chain(failure.into_iter().flat_map(told)).collect()
}

/// The words of the server and of the libraries.
fn told(failure: &Failure) -> impl Iterator<Item = String> {
    let reply = failure.reply.as_ref().map(|reply| format!("the server said: {reply}"));
    reply.into_iter().chain(failure.detail.clone())
}
