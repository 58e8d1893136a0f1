//! The values of options, each read from its text, or with a sentence that says what was expected.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mailtrip::account::{Location, Secret};
use mailtrip::criteria::{Measure, Range};
use mailtrip::report::Format;

use super::ReportTo;

/// The name of a format.
pub fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.iter().map(|format| format.name())).try_map(|name| name.parse::<Format>())
}

/// A format, and a file for it.
pub fn report_to(text: &str) -> Result<ReportTo, String> {
    let (format, file) = text.split_once('=').map_or((text, None), |(format, file)| (format, Some(file)));
    let format: Format = format.parse()?;
    match file {
        Some("") => Err(format!("behind = goes the name of a file, as in {format}=FILE")),
        Some("-") => Err(format!("- is no name of a file: for standard output, write {format}, without =")),
        file => Ok(ReportTo { format, file: file.map(PathBuf::from) }),
    }
}

/// It is looked at later: what clap says of an argument repeats it.
pub fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// A range, and what it is for.
pub fn bound(text: &str) -> Result<(Measure, Range), String> {
    let (measure, range) = match text.split_once('=') {
        Some((measure, range)) => (measure.trim().parse()?, range),
        None => (Measure::RoundTrip, text),
    };
    Ok((measure, measure.range(range)?))
}

/// `smtp.example.net:587`
pub fn host_and_port(text: &str) -> Result<(String, u16), String> {
    // The same form as that of a server, without its security.
    let Location { host, port, .. } =
        format!("{text}/tls").parse().map_err(|_| "expected HOST:PORT, such as smtp.example.net:587".to_owned())?;
    Ok((host, port))
}

/// A length of time, also none.
pub fn age(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time such as 1h, 90m or 1h 30m".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| expected())?;
    Duration::try_from(duration).map_err(|_| expected())
}

/// A length of time to wait, also none.
pub fn delay(text: &str) -> Result<Duration, String> {
    age(text).map_err(|_| "expected a time such as 10s, 2m or 1m 30s".to_owned())
}

/// A length of time that something may take.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = age(text).map_err(|_| "expected a time such as 2m, 90s or 1m 30s".to_owned())?;
    if duration.is_zero() { Err("a limit of zero leaves no time for anything".to_owned()) } else { Ok(duration) }
}
