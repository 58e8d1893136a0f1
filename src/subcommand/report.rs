//! `mailtrip report`: the JSON of earlier verifications, shown again.

use std::io::Read;
use std::path::Path;

use mailtrip::diagnose::Verdict;
use mailtrip::report;

use crate::cli;
use crate::console::Unable;

use super::read_text;
use super::reports::Reports;

/// Shows them.
///
/// # Errors
/// When it is not such a file, or a report cannot be written.
pub fn run(arguments: cli::Report) -> Result<Verdict, Unable> {
    let mut reports = Reports::open(&arguments.show)?;
    let (name, text) = if arguments.file == Path::new("-") {
        let name = "standard input".to_owned();
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| format!("{name}: {error}"))?;
        (name, text)
    } else {
        (arguments.file.display().to_string(), read_text(&arguments.file)?)
    };
    let outcomes = report::json::read(&text).map_err(|error| format!("{name}: {error}"))?;
    if outcomes.is_empty() {
        return Err(format!("{name}: there is no outcome in it"));
    }
    Ok(reports.finish(&outcomes))
}
