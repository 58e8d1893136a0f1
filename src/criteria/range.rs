//! Ranges as monitoring plugins write them.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// A range of the Monitoring Plugins' guidelines ("Threshold and ranges"): `[@]start:end`, where `start:` is 0 if it is left
/// out, `~` is minus infinity, and an `end` that is left out is infinity. What is outside alerts; with `@`, what is inside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Range {
    start: f64,
    end: f64,
    inside: bool,
}

impl Range {
    /// Everything from this on is fine.
    pub fn at_least(start: f64) -> Range {
        Range { start, end: f64::INFINITY, inside: false }
    }

    /// Whether a value is worth an alert.
    pub fn alerts(self, value: f64) -> bool {
        (self.start..=self.end).contains(&value) == self.inside
    }

    /// The lower bound; minus infinity where there is none.
    pub fn start(self) -> f64 {
        self.start
    }

    /// The upper bound; infinity where there is none.
    pub fn end(self) -> f64 {
        self.end
    }

    /// Whether it is what is inside that alerts.
    pub fn is_inside(self) -> bool {
        self.inside
    }
}

impl FromStr for Range {
    type Err = String;

    /// Reads a range; each of its bounds may be a length of time such as `30s` instead of a number, and is seconds then.
    fn from_str(text: &str) -> Result<Range, String> {
        let wrong =
            |why: &str| format!("{text:?} {why}; expected a time such as 30s, or a range such as 10, 5:, ~:30 or @1:5");
        let (inside, bounds) = text.strip_prefix('@').map_or((false, text), |bounds| (true, bounds));
        let (start, end) = bounds.split_once(':').unwrap_or(("0", bounds));
        let bound = |text: &str| bound(text.trim()).ok_or_else(|| wrong("is no range"));
        let start = match start.trim() {
            "~" => f64::NEG_INFINITY,
            "" => 0.0,
            start => bound(start)?,
        };
        let end = if end.trim().is_empty() && bounds.contains(':') { f64::INFINITY } else { bound(end)? };
        if start > end {
            return Err(wrong("begins above its end"));
        }
        Ok(Range { start, end, inside })
    }
}

/// A number, or a length of time in seconds.
fn bound(text: &str) -> Option<f64> {
    let number = || text.parse::<f64>().ok().filter(|number| number.is_finite());
    let time = || text.parse::<SignedDuration>().ok().map(|time| time.as_secs_f64());
    number().or_else(time)
}

impl fmt::Display for Range {
    /// In the shortest form, with numbers only: other programs read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end, inside } = *self;
        f.write_str(if inside { "@" } else { "" })?;
        match (start, end) {
            (f64::NEG_INFINITY, f64::INFINITY) => f.write_str("~:"),
            (f64::NEG_INFINITY, end) => write!(f, "~:{end}"),
            (start, f64::INFINITY) => write!(f, "{start}:"),
            (0.0, end) => write!(f, "{end}"),
            (start, end) => write!(f, "{start}:{end}"),
        }
    }
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Range, String> {
        text.parse()
    }
}

impl From<Range> for String {
    fn from(range: Range) -> String {
        range.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        text.parse().unwrap()
    }

    /// The table of the Monitoring Plugins' guidelines, "Example ranges".
    #[test]
    fn the_examples_of_the_guidelines() {
        for (text, fine, alerts) in [
            ("10", vec![0.0, 5.0, 10.0], vec![-0.1, 10.1]),
            ("10:", vec![10.0, 1e9], vec![9.9, -1.0]),
            ("~:10", vec![-1e9, 10.0], vec![10.1]),
            ("10:20", vec![10.0, 20.0], vec![9.9, 20.1]),
            ("@10:20", vec![9.9, 20.1], vec![10.0, 15.0, 20.0]),
        ] {
            assert!(fine.iter().all(|&value| !range(text).alerts(value)), "{text}");
            assert!(alerts.iter().all(|&value| range(text).alerts(value)), "{text}");
            assert_eq!(range(text).to_string(), text);
        }
    }

    #[test]
    fn lengths_of_time_are_seconds() {
        assert_eq!(range("30s").to_string(), "30");
        assert_eq!(range("1m 30s").to_string(), "90");
        assert_eq!(range("500ms").to_string(), "0.5");
        assert_eq!(range("1s:2m").to_string(), "1:120");
        assert_eq!(range("@~:1.5").to_string(), "@~:1.5");
        assert_eq!(range(":").to_string(), "0:");
    }

    #[test]
    fn what_is_no_range_says_what_one_is() {
        for wrong in ["", "@", "fast", "10:5", "1:2:3", "NaN", "inf", "5:~", "--1"] {
            let error = wrong.parse::<Range>().unwrap_err();
            assert!(error.contains("such as 30s"), "{wrong}: {error}");
        }
    }
}
