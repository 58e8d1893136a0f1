//! By what a verification is judged beyond whether it passed: thresholds for times and certificates, and what the receiver's
//! server has to find in order.
//!
//! An [`Outcome`](crate::outcome::Outcome) carries them, so that it is judged the same whenever it is read.

mod range;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::stage::{Leg, Stage};

pub use range::Range;

/// By what a verification is judged. By default nothing is asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Criteria {
    /// What is measured, and within which bounds it is to be; each measure once.
    pub thresholds: Vec<Threshold>,
    /// How it is judged that SPF (RFC 7208) did not pass, by the receiver's own statement (RFC 8601).
    pub spf: Severity,
    /// The same of DKIM (RFC 6376).
    pub dkim: Severity,
    /// The same of DMARC (RFC 7489).
    pub dmarc: Severity,
}

impl Criteria {
    /// The bounds of this measure, exactly.
    pub fn threshold(&self, measure: Measure) -> Option<&Threshold> {
        self.thresholds.iter().find(|threshold| threshold.measure == measure)
    }

    /// The bounds for the time of a stage: those of this leg's stage, else those of the stage in every leg.
    pub fn of_stage(&self, leg: Leg, stage: Stage) -> Option<&Threshold> {
        let own = self.threshold(Measure::Stage { leg: Some(leg), stage });
        own.or_else(|| self.threshold(Measure::Stage { leg: None, stage }))
    }

    /// Sets what is a warning for this measure.
    pub fn warn(&mut self, measure: Measure, range: Range) {
        self.bounds(measure).warn = Some(range);
    }

    /// Sets what is critical for this measure.
    pub fn critical(&mut self, measure: Measure, range: Range) {
        self.bounds(measure).critical = Some(range);
    }

    /// Where the stage of a leg has only one bound of its own, it has the other one of the stage in every leg.
    pub fn complete(&mut self) {
        let all = self.thresholds.clone();
        for own in &mut self.thresholds {
            let Measure::Stage { leg: Some(_), stage } = own.measure else { continue };
            let general = all.iter().find(|other| other.measure == Measure::Stage { leg: None, stage });
            own.warn = own.warn.or(general.and_then(|general| general.warn));
            own.critical = own.critical.or(general.and_then(|general| general.critical));
        }
    }

    fn bounds(&mut self, measure: Measure) -> &mut Threshold {
        let place = self.thresholds.iter().position(|threshold| threshold.measure == measure);
        let place = place.unwrap_or_else(|| {
            self.thresholds.push(Threshold { measure, warn: None, critical: None });
            self.thresholds.len() - 1
        });
        &mut self.thresholds[place]
    }
}

/// How something that is not right is judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is not held against the verification.
    #[default]
    Fine,
    /// Mail works, but not as it should.
    Warning,
    /// As good as mail that does not work.
    Critical,
}

/// The bounds of one measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// What is measured.
    pub measure: Measure,
    /// What is a warning.
    pub warn: Option<Range>,
    /// What is critical; it goes before a warning.
    pub critical: Option<Range>,
}

impl Threshold {
    /// How a value is judged, and by which range.
    pub fn judge(&self, value: f64) -> Option<(Severity, Range)> {
        let hit =
            |range: Option<Range>, severity| range.filter(|range| range.alerts(value)).map(|range| (severity, range));
        hit(self.critical, Severity::Critical).or_else(|| hit(self.warn, Severity::Warning))
    }

    /// Whether there is a warning that is never given: all that it would be given for is critical.
    pub fn is_warning_hidden(&self) -> bool {
        let (Some(warn), Some(critical)) = (self.warn, self.critical) else { return false };
        let least = if self.measure == Measure::CertificateDays { f64::NEG_INFINITY } else { 0.0 };
        let near = |bound: f64| [bound - NEAR, bound, bound + NEAR];
        let mut values = [warn, critical].into_iter().flat_map(|range| [range.start(), range.end()]).flat_map(near);
        !values.any(|value| value >= least && warn.alerts(value) && !critical.alerts(value))
    }
}

/// Nobody sets bounds that are nearer to each other.
const NEAR: f64 = 1e-6;

/// What can be measured, and be given bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Measure {
    /// Seconds from the beginning of the submission to the last arrival.
    RoundTrip,
    /// Whole days until the first of the servers' certificates ends.
    CertificateDays,
    /// Seconds that a stage takes.
    Stage {
        /// In this leg only; `None`: in every leg.
        leg: Option<Leg>,
        /// Which stage.
        stage: Stage,
    },
}

impl Measure {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Measure> {
        let legs = || std::iter::once(None).chain(Leg::ALL.into_iter().map(Some));
        let stages = legs().flat_map(|leg| Stage::ALL.into_iter().map(move |stage| Measure::Stage { leg, stage }));
        [Measure::RoundTrip, Measure::CertificateDays].into_iter().chain(stages)
    }

    /// Reads a range of it. A number of days alone is the least that is fine, as it is for `-C` of the plugins check_http
    /// and check_smtp; of seconds, the most.
    ///
    /// # Errors
    /// When it is no range; the text says what one is.
    pub fn range(self, text: &str) -> Result<Range, String> {
        if self != Measure::CertificateDays {
            return text.parse();
        }
        let expected =
            || format!("{text:?} is no number of days; expected one such as 14, or a range such as 14: or @0:7");
        if text.contains(char::is_alphabetic) {
            return Err(expected());
        }
        match text.trim().parse() {
            Ok(days) if f64::is_finite(days) => Ok(Range::at_least(days)),
            _ => text.parse().map_err(|_| expected()),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measure::RoundTrip => f.write_str("round-trip"),
            Measure::CertificateDays => f.write_str("certificate-days"),
            Measure::Stage { leg: Some(leg), stage } => write!(f, "{leg}-{stage}"),
            Measure::Stage { leg: None, stage } => write!(f, "{stage}"),
        }
    }
}

impl FromStr for Measure {
    type Err = String;

    /// Reads `round-trip`, `certificate-days`, a stage such as `login`, or a leg's stage such as `submission-login`; `_` is
    /// as good as `-`, since keys of a configuration are written so.
    fn from_str(text: &str) -> Result<Measure, String> {
        let name = text.replace('_', "-");
        let stage = |name: &str| Stage::ALL.into_iter().find(|stage| stage.name() == name);
        let leg = |name: &str| Leg::ALL.into_iter().find(|leg| leg.name() == name);
        let measure = match name.as_str() {
            "round-trip" => Some(Measure::RoundTrip),
            "certificate-days" => Some(Measure::CertificateDays),
            name => match name.rsplit_once('-') {
                None => stage(name).map(|stage| Measure::Stage { leg: None, stage }),
                Some((in_leg, name)) => {
                    leg(in_leg).zip(stage(name)).map(|(leg, stage)| Measure::Stage { leg: Some(leg), stage })
                }
            },
        };
        measure.ok_or_else(|| {
            format!(
                "{text:?} is nothing that is measured: that is round-trip, certificate-days, a stage such as login, or the \
                 stage of a leg such as submission-login"
            )
        })
    }
}

impl TryFrom<String> for Measure {
    type Error = String;

    fn try_from(text: String) -> Result<Measure, String> {
        text.parse()
    }
}

impl From<Measure> for String {
    fn from(measure: Measure) -> String {
        measure.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_reads_back() {
        assert_eq!(Measure::all().count(), 2 + 15 * 8);
        for measure in Measure::all() {
            let name = measure.to_string();
            assert_eq!(name.parse(), Ok(measure));
            assert_eq!(name.replace('-', "_").parse(), Ok(measure));
        }
        for wrong in ["", "round", "login-submission", "submission", "-login", "certificate_days_"] {
            assert!(wrong.parse::<Measure>().unwrap_err().contains("round-trip"), "{wrong}");
        }
    }

    #[test]
    fn critical_goes_before_warning() {
        let threshold = Threshold { measure: Measure::RoundTrip, warn: "10".parse().ok(), critical: "60".parse().ok() };
        let judged = |value| threshold.judge(value).map(|(severity, _)| severity);
        assert_eq!(judged(10.0), None);
        assert_eq!(judged(10.1), Some(Severity::Warning));
        assert_eq!(judged(61.0), Some(Severity::Critical));
    }

    #[test]
    fn a_number_of_days_is_the_least_that_is_fine() {
        for (text, range) in [("14", "14:"), ("0", "0:"), ("7:", "7:"), ("@~:7", "@~:7"), ("7:400", "7:400")] {
            assert_eq!(Measure::CertificateDays.range(text).map(|range| range.to_string()).as_deref(), Ok(range));
        }
        for wrong in ["14d", "two weeks", "", "inf", "8:7"] {
            assert!(Measure::CertificateDays.range(wrong).unwrap_err().contains("such as 14"), "{wrong}");
        }
        assert_eq!(Measure::RoundTrip.range("14").map(|range| range.to_string()).as_deref(), Ok("14"));
    }

    #[test]
    fn a_warning_that_is_never_given_is_noticed() {
        for (measure, warn, critical, hidden) in [
            ("round-trip", "30", "60", false),
            ("round-trip", "60", "30", true),
            ("round-trip", "30", "30", true),
            ("round-trip", "30", "@30:60", false),
            ("round-trip", "1:30", "~:30", false),
            ("certificate-days", "14:", "3:", false),
            ("certificate-days", "3:", "14:", true),
            ("login", "@0:1", "@0:2", true),
            ("login", "@1:5", "@2:3", false),
            ("login", "~:", "5", true),
        ] {
            let [warn, critical] = [warn, critical].map(|range| range.parse().ok());
            let threshold = Threshold { measure: measure.parse().unwrap(), warn, critical };
            assert_eq!(threshold.is_warning_hidden(), hidden, "{threshold:?}");
        }
    }

    #[test]
    fn the_stage_of_a_leg_has_the_bound_that_it_does_not_state() {
        let mut criteria = Criteria::default();
        let measure = |name: &str| name.parse::<Measure>().unwrap();
        criteria.warn(measure("login"), "1".parse().unwrap());
        criteria.critical(measure("login"), "2".parse().unwrap());
        criteria.critical(measure("delivery-login"), "9".parse().unwrap());
        criteria.complete();
        let of = |name: &str| criteria.threshold(measure(name)).map(|t| [t.warn, t.critical].map(|r| r.unwrap().end()));
        assert_eq!(of("login"), Some([1.0, 2.0]));
        assert_eq!(of("delivery-login"), Some([1.0, 9.0]));
    }

    #[test]
    fn the_bounds_of_a_legs_stage_go_before_those_of_the_stage() {
        let threshold = |measure: &str| Threshold { measure: measure.parse().unwrap(), warn: None, critical: None };
        let criteria =
            Criteria { thresholds: vec![threshold("login"), threshold("delivery-login")], ..Criteria::default() };
        let of = |leg, stage| criteria.of_stage(leg, stage).map(|threshold| threshold.measure.to_string());
        assert_eq!(of(Leg::Delivery, Stage::Login).as_deref(), Some("delivery-login"));
        assert_eq!(of(Leg::Submission, Stage::Login).as_deref(), Some("login"));
        assert_eq!(of(Leg::Submission, Stage::Connect), None);
    }
}
