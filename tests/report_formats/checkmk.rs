//! A parser of what the documentation of Checkmk says of the output of local checks (docs.checkmk.com, "Local checks":
//! "Creating the script", "Metrics", "Upper and lower thresholds", "Multi-line outputs"). There is no Checkmk in Debian.

use std::collections::BTreeSet;

use mailtrip::report::Format;

use super::{data, nagios, render};
use mailtrip::diagnose::verdict;

/// One line.
#[derive(Debug)]
struct Line {
    state: u8,
    service: String,
    /// Name, value, and what stands behind it.
    metrics: Vec<(String, f64, Vec<String>)>,
    summary: String,
    details: Vec<String>,
}

/// Four parts, each separated by exactly one blank: the state as a number, the service's name in double quotes, the metrics
/// or a minus sign, and text in which `\n` is a line break.
fn line(text: &str) -> Option<Line> {
    let (state, rest) = text.split_once(" \"")?;
    let (service, rest) = rest.split_once("\" ")?;
    let (metrics, text) = rest.split_once(' ')?;
    let metrics = if metrics == "-" { Some(Vec::new()) } else { metrics.split('|').map(metric).collect() };
    let mut lines = text.split("\\n").map(str::to_owned);
    let is_name = !service.is_empty() && !service.contains(['"', '\'', '\\', ';', '|', '<', '>', '$', '&', '`']);
    Some(Line {
        state: state.parse().ok().filter(|state| *state <= 3 && is_name)?,
        service: service.to_owned(),
        metrics: metrics?,
        summary: lines.next().filter(|summary| !summary.is_empty() && !summary.starts_with(' '))?,
        details: lines.collect(),
    })
}

/// `name=value;warn;crit;min;max`, all but the value optional; a threshold is `upper`, `lower:upper` or `lower:`.
fn metric(text: &str) -> Option<(String, f64, Vec<String>)> {
    let (name, rest) = text.split_once('=')?;
    let mut fields = rest.split(';').map(str::to_owned);
    let value = fields.next()?.parse().ok()?;
    let fields: Vec<String> = fields.collect();
    let is_number = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    let is_level = |text: &String| match text.split_once(':') {
        Some((lower, upper)) => is_number(lower) && (upper.is_empty() || is_number(upper)),
        None => text.is_empty() || is_number(text),
    };
    let is_bound = |text: &String| text.is_empty() || is_number(text);
    let is_name = name.starts_with("mailtrip_") && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let fine =
        is_name && fields.len() <= 4 && fields.iter().take(2).all(is_level) && fields.iter().skip(2).all(is_bound);
    fine.then(|| (name.to_owned(), value, fields))
}

fn lines(report: &str) -> Vec<Line> {
    report.lines().map(|text| line(text).unwrap_or_else(|| panic!("{text}"))).collect()
}

pub fn is_well_formed() {
    for (name, outcomes) in data() {
        let report = render(&outcomes, Format::Checkmk);
        let lines = lines(&report);
        let states: Vec<u8> = lines.iter().map(|line| line.state).collect();
        let verdicts = outcomes.iter().map(|outcome| verdict(outcome).exit_code());
        assert_eq!(states, std::iter::once(0).chain(verdicts).collect::<Vec<_>>(), "{name}: {report}");
        assert_eq!(lines[0].service, "Mailtrip");
        let services: BTreeSet<&str> = lines.iter().map(|line| line.service.as_str()).collect();
        assert_eq!(services.len(), lines.len(), "{name}: two services have one name: {services:?}");
        for line in &lines {
            let metrics: BTreeSet<&str> = line.metrics.iter().map(|(name, ..)| name.as_str()).collect();
            assert_eq!(metrics.len(), line.metrics.len(), "{name}: {metrics:?}");
        }
        assert!(lines.iter().skip(1).all(|line| !line.metrics.is_empty()), "{name}: {report}");
    }
    for wrong in
        ["0 \"a\" - ", "4 \"a\" - b", "0 \"a\" mailtrip_b=x c", "0 \"a\"  - b", "P a - b", "0 \"a\" mailtrip_a=1;:2 b"]
    {
        assert!(line(wrong).is_none(), "{wrong}");
    }
    let (_, refused) = data().into_iter().find(|(name, _)| name == "login-refused").unwrap();
    let told = &lines(&render(&refused, Format::Checkmk))[1];
    assert!(told.summary.starts_with("submission login: The server refused the sign-in."), "{told:#?}");
    assert_eq!(told.details[..2], ["Likely cause [username-without-domain]", "The server said:"]);
}

pub fn levels() {
    let outcome = nagios::judged_by(&[
        ("round-trip", "1m", "5m"),
        ("certificate-days", "14:", "3:"),
        ("login", "@5:10", "2:10"),
        ("connect", "", "~:20"),
    ]);
    let lines = lines(&render(&[outcome], Format::Checkmk));
    let levels = |name: &str| {
        let metric = lines[1].metrics.iter().find(|(metric, ..)| metric == &format!("mailtrip_{name}"));
        metric.map(|(.., fields)| fields.join(";"))
    };
    assert_eq!(levels("round_trip").as_deref(), Some("60;300;0"));
    assert_eq!(levels("certificate_days").as_deref(), Some("14:;3:"));
    assert_eq!(levels("delivery_login").as_deref(), Some(";2:10;0"));
    assert_eq!(levels("delivery_connect").as_deref(), Some(";20;0"));
    assert_eq!(levels("size").as_deref(), Some(";;0"));
}
