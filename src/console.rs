//! Standard output and standard error: the only place that prints.

use std::io::Write;

use anstream::AutoStream;
use mailtrip::diagnose::{Verdict, verdict};
use mailtrip::outcome::Outcome;
use mailtrip::report::terminal::Style;

/// What could not be done, in a sentence for standard error; the verdict is UNKNOWN then.
pub type Unable = String;

/// Says why nothing came of it.
pub fn unable(sentence: &str) {
    let begin = if sentence.starts_with("error") { "" } else { "error: " };
    let _ = writeln!(std::io::stderr(), "{begin}{}", sentence.trim_end());
}

/// Something worth knowing beside the result, to standard error.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "note: {}", text.trim_end()); // where nobody listens, nobody is told
}

/// To standard output. A reader that goes away early (`| head`) is no error.
pub fn print(text: &str) -> Result<(), Unable> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}

/// Says why something could not be written. The verdict is UNKNOWN at least then, for who is to read it has nothing.
pub fn complain(written: Result<(), Unable>) -> Verdict {
    match written {
        Ok(()) => Verdict::Ok,
        Err(sentence) => {
            unable(&sentence);
            Verdict::Unknown
        }
    }
}

/// How a report looks on this standard output.
pub fn plain_style() -> Style {
    let colour = AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    Style { verbose: false, colour, width: width.min(100) }
}

/// The verdict on all of them.
pub fn worst(outcomes: &[Outcome]) -> Verdict {
    outcomes.iter().map(verdict).max().unwrap_or(Verdict::Unknown)
}
