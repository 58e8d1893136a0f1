//! The axis of time that all stages of a verification are drawn against, each in a lane of its own.

use crate::outcome::{Mark, Outcome, Span};
use crate::report::human;

use super::markup::{Element, tag};

/// What may stand between two ticks, in seconds.
const STEPS: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    1200.0, 1800.0, 3600.0, 7200.0, 18000.0, 36000.0,
];

/// So many steps the axis has at most: the labels have to be side by side.
const MOST_STEPS: f64 = 5.0;

/// No bar is drawn narrower than this, in per cent of the axis: what took no time can be seen, too.
const NARROWEST: f64 = 0.6;

/// From the beginning of a verification to its end.
pub struct Axis {
    /// In seconds; never zero.
    end: f64,
    /// Where the ticks are, in per cent, each with its label.
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// The axis on which everything has its place that is in this outcome.
    pub fn of(outcome: &Outcome) -> Axis {
        let ends = outcome.stages.iter().filter_map(|record| record.span).map(Span::ended);
        let end = ends.chain([outcome.seconds]).map(|end| end.as_secs_f64()).fold(STEPS[0], f64::max);
        let step = STEPS.iter().copied().find(|step| end / step <= MOST_STEPS).unwrap_or(end);
        let numbers = (0..).map(f64::from).take_while(|number| number * step <= end);
        let ticks = numbers.map(|number| (100.0 * number * step / end, label(number * step, step, end)));
        Axis { end, ticks: ticks.collect() }
    }

    /// The labels of the ticks, as the heading of the lanes.
    pub fn scale(&self) -> Element {
        let text = |(place, label): &(f64, String)| {
            let anchor = match place {
                place if *place < 5.0 => "start",
                place if *place > 95.0 => "end",
                _ => "middle",
            };
            tag("text")
                .attribute("x", &percent(*place))
                .attribute("y", "13")
                .attribute("text-anchor", anchor)
                .text(label)
        };
        // What it says to the eye, the times in the rows say in words.
        lane("scale").attribute("aria-hidden", "true").all(self.ticks.iter().map(text))
    }

    /// The lane of a stage, with a bar for the time in which it ran.
    pub fn lane(&self, span: Option<Span>, mark: Option<Mark>) -> Element {
        let lines = self.ticks.iter().map(|(place, _)| {
            let place = percent(*place);
            tag("line").attribute("x1", &place).attribute("x2", &place).attribute("y2", "18")
        });
        match span {
            None => lane("lane").attribute("aria-hidden", "true").all(lines),
            Some(span) => {
                let (from, to) = (human::duration(span.began), human::duration(span.ended()));
                let told = tag("title").text(&format!("from {from} to {to}"));
                lane("lane").attribute("role", "img").with(told).all(lines).all(self.bar(span, mark))
            }
        }
    }

    /// Bars of different marks differ in their shape, for who does not see colours: one that failed is high, and one with a
    /// warning has gaps.
    fn bar(&self, span: Span, mark: Option<Mark>) -> Vec<Element> {
        let place = |seconds: f64| 100.0 * seconds / self.end;
        let from = place(span.began.as_secs_f64()).min(100.0 - NARROWEST);
        let width = (place(span.ended().as_secs_f64()) - from).max(NARROWEST);
        let (class, y, height) = match mark {
            Some(Mark::Passed) => ("passed", "5", "8"),
            Some(Mark::Warning) => ("warning", "5", "8"),
            Some(Mark::Failed) => ("failed", "2", "14"),
            Some(Mark::Skipped) => ("skipped", "7", "4"),
            None => ("trip", "7", "4"),
        };
        let rect = tag("rect").class(class).attribute("x", &percent(from)).attribute("y", y);
        let mut bar = vec![rect.attribute("width", &percent(width)).attribute("height", height)];
        if mark == Some(Mark::Warning) {
            let gaps =
                tag("line").class("gaps").attribute("x1", &percent(from)).attribute("x2", &percent(from + width));
            bar.push(gaps.attribute("y1", "9").attribute("y2", "9"));
        }
        bar
    }
}

fn lane(class: &'static str) -> Element {
    tag("svg").class(class).attribute("width", "100%").attribute("height", "18")
}

fn percent(number: f64) -> String {
    format!("{number:.2}%")
}

/// All labels of an axis are in the unit that suits its steps.
fn label(seconds: f64, step: f64, end: f64) -> String {
    match step {
        _ if seconds == 0.0 => "0".to_owned(),
        step if step < 1.0 && end < 1.0 => format!("{:.0} ms", seconds * 1e3),
        step if step < 1.0 => format!("{seconds:.1} s"),
        step if step < 60.0 => format!("{seconds:.0} s"),
        step if step < 3600.0 => format!("{:.0} m", seconds / 60.0),
        step if step <= 36000.0 => format!("{:.0} h", seconds / 3600.0),
        _ => human::seconds(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_in_one_unit() {
        let labels = |step: f64, end: f64| [1.0, 2.0].map(|number| label(number * step, step, end)).join(", ");
        assert_eq!(labels(0.2, 0.9), "200 ms, 400 ms");
        assert_eq!(labels(0.5, 2.1), "0.5 s, 1.0 s");
        assert_eq!(labels(30.0, 105.0), "30 s, 60 s");
        assert_eq!(labels(60.0, 240.0), "1 m, 2 m");
        assert_eq!(labels(7200.0, 20000.0), "2 h, 4 h");
        assert_eq!(labels(1e18, 2e18), "> 99 h, > 99 h");
    }
}
