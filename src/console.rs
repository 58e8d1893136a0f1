//! Standard output and standard error: the only place that prints.

use std::io::Write;

use anstream::AutoStream;
use mailtrip::diagnose::Verdict;
use mailtrip::report::printable;
use mailtrip::report::terminal::Style;
use mailtrip::report::terminal::page::{Ink, Page};

/// What could not be done, in a sentence for standard error; the verdict is UNKNOWN then.
pub type Unable = String;

/// Says why nothing came of it.
pub fn unable(sentence: &str) {
    aside(if sentence.starts_with("error") { "" } else { "error: " }, sentence);
}

/// Something worth knowing beside the result, to standard error.
pub fn note(text: &str) {
    aside("note: ", text);
}

/// To standard error; where that is a terminal, no word is broken at its edge.
fn aside(label: &str, text: &str) {
    let width = terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
    let _ = std::io::stderr().write_all(asided(label, text, width).as_bytes()); // where nobody listens, nobody is told
}

/// A command to whoever runs this program and reads its standard error, as it is.
pub fn command(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes()); // where nobody reads, nobody obeys
}

/// Text of several lines is laid out already. It may quote a file or an argument, so that nothing of it acts on a terminal.
fn asided(label: &str, text: &str, width: Option<usize>) -> String {
    let text = printable::lines(text.trim_end()).join("\n");
    match width {
        Some(width) if !text.contains('\n') => {
            let style = Style { width: width.min(WIDEST), ..Style::default() };
            let mut page = Page::new(&style);
            page.label(label, Ink::Plain, &text);
            page.finish()
        }
        _ => format!("{label}{text}\n"),
    }
}

/// So many columns are enough for text.
const WIDEST: usize = 100;

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
    Style { verbose: false, colour, width: width.min(WIDEST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_wrapped_for_a_terminal_only() {
        let text = "the password of account `alice` is in the configuration itself\n";
        assert_eq!(asided("note: ", text, None), format!("note: {text}"));
        let wrapped = "note: the password of account `alice` is in the\n      configuration itself\n";
        assert_eq!(asided("note: ", text, Some(50)), wrapped);
        let lines = "wrong:\n  1 | [accounts.alice] and much more, which is longer\n    |  ^";
        assert_eq!(asided("error: ", lines, Some(48)), format!("error: {lines}\n"));
    }

    #[test]
    fn nothing_that_is_quoted_acts_on_a_terminal() {
        let text = "unknown variant `\x1b[2J\u{202e}x`,\n  expected é";
        let told = "error: unknown variant `\\x1b[2J\\u{202e}x`,\n  expected é\n";
        assert_eq!((asided("error: ", text, None).as_str(), asided("error: ", text, Some(80)).as_str()), (told, told));
    }
}
