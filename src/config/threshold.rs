//! `warn` and `critical`: within which bounds a measure is to be.

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::Measured;
use super::finding::{Finding, Findings};
use super::names::nearest;
use super::section::{Section, type_name};
use super::source::Source;
use crate::check::Check;
use crate::criteria::{Measure, Range};
use crate::stage::{Leg, Stage};

/// A bound of a measure, where it stands.
pub(super) type Bound = Spanned<(Measure, Range)>;

/// All that a check or the defaults say of bounds.
#[derive(Default)]
pub(super) struct Bounds {
    pub warn: Vec<Bound>,
    pub critical: Vec<Bound>,
}

impl Bounds {
    pub fn read(section: &Section, found: &mut Findings) -> Bounds {
        Bounds { warn: read(section, "warn", found), critical: read(section, "critical", found) }
    }
}

/// The bounds that stand under `warn` or `critical`: a range of the round trip, or a table of measures.
fn read(section: &Section, key: &str, found: &mut Findings) -> Vec<Bound> {
    let Some(value) = section.value(key) else { return Vec::new() };
    if !value.get_ref().is_table() {
        return bound(section, key, Measure::RoundTrip, value, found).into_iter().collect();
    }
    let Some(table) = section.section(key, format!("`{key}` of {}", section.name), found) else { return Vec::new() };
    let mut bounds: Vec<Bound> = Vec::new();
    for name in table.keys() {
        let Some(measure) = measure(&table, &name, found) else { continue };
        let Some(value) = table.value(name.get_ref()) else { continue };
        if bounds.iter().any(|other| other.get_ref().0 == measure) {
            found.error(name.span(), format!("`{measure}` stands twice in {}", table.name));
        }
        bounds.extend(bound(&table, name.get_ref(), measure, value, found));
    }
    bounds
}

/// Points out what of the bounds of a check can never be told. What stands in `defaults` is for other checks as well, and
/// what is given on the command line is seen there.
pub(super) fn point_out(check: &Check, [own, defaults]: [&Bounds; 2], found: &mut Findings) {
    for threshold in &check.settings().criteria.thresholds {
        let measure = threshold.measure;
        let of_measure = |bounds: &[Bound]| bounds.iter().find(|bound| bound.get_ref().0 == measure).map(Spanned::span);
        let warn = of_measure(&own.warn).or_else(|| of_measure(&defaults.warn));
        let critical = of_measure(&own.critical).or_else(|| of_measure(&defaults.critical));
        if let Some(place) = warn.filter(|_| threshold.is_warning_hidden()) {
            let title = format!(
                "check `{}` never warns of `{measure}`: all that `warn` is for is critical already",
                check.name()
            );
            found.notice(place, title);
        }
        let of_clean_up = matches!(
            measure,
            Measure::Stage { leg: Some(Leg::Cleanup), .. } | Measure::Stage { stage: Stage::Remove, .. }
        );
        if let Some(place) = critical.filter(|_| of_clean_up) {
            let title =
                format!("`critical` for `{measure}` is no more than a warning: mail works when the clean-up runs");
            found.notice(place, title);
        }
    }
}

/// The measures that a check itself has bounds for, each with what is to be said where it has no stage for it.
pub(super) fn measured(check: &str, bounds: &Bounds, source: &Source) -> Vec<Measured> {
    let told = |bound: &Bound| {
        let (measure, _) = *bound.get_ref();
        let finding = Finding::new(format!("check `{check}` has no stage that `{measure}` measures"));
        let notice = Finding { excerpt: Some(source.excerpt(bound.span())), ..finding }.into();
        Measured { check: check.to_owned(), measure, notice }
    };
    bounds.warn.iter().chain(&bounds.critical).map(told).collect()
}

fn measure(table: &Section, name: &Spanned<String>, found: &mut Findings) -> Option<Measure> {
    if let Ok(measure) = name.get_ref().parse() {
        return Some(measure);
    }
    let known: Vec<String> = Measure::all().map(|measure| spelt(measure, name.get_ref())).collect();
    let meant = nearest(name.get_ref(), known.iter().map(String::as_str));
    let error = found.error(name.span(), format!("`{}` in {} is nothing that is measured", name.get_ref(), table.name));
    error.help(match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            "measured are `round_trip`, `certificate_days`, a stage such as `login`, and the stage of a leg such as \
                 `submission-login`"
                .to_owned()
        }
    });
    None
}

/// As whoever wrote `like` would spell it.
fn spelt(measure: Measure, like: &str) -> String {
    let name = measure.to_string();
    let of_stage = matches!(measure, Measure::Stage { .. });
    let hyphens = like.contains('-') || (of_stage && !like.contains('_'));
    if hyphens { name } else { name.replace('-', "_") }
}

fn bound(
    section: &Section,
    key: &str,
    measure: Measure,
    value: &Spanned<DeValue>,
    found: &mut Findings,
) -> Option<Bound> {
    let Some(text) = text(value.get_ref()) else {
        let expected = match measure {
            Measure::CertificateDays => "a number of days such as 14",
            _ => "a time such as \"30s\", or a range such as \"1:30\"",
        };
        let actual = type_name(value.get_ref());
        let title = format!("expected {expected} for `{key}` in {}, found {actual}", section.name);
        found.error(value.span(), title).label(format!("expected {expected}"));
        return None;
    };
    match measure.range(&text) {
        Ok(range) => Some(Spanned::new(value.span(), (measure, range))),
        Err(why) => {
            found.error(value.span(), format!("`{key}` in {}: {why}", section.name));
            None
        }
    }
}

/// A range as it is read: numbers may stand without quotes.
fn text(value: &DeValue) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string()),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(|number| number.to_string()),
        _ => None,
    }
}
