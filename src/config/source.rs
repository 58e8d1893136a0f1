//! The text of the configuration, and the excerpts of it that may be shown.

use std::ops::Range;

use zeroize::Zeroizing;

use super::mask;

/// The text of a configuration file. It may hold passwords: only excerpts leave it.
pub(super) struct Source {
    file: String,
    text: Zeroizing<String>,
}

/// A place in the configuration, for people: nothing secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1. Within what is hidden, the place where that begins.
    pub column: usize,
}

/// One line of the configuration with what may be a secret hidden, and the part of it that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub place: Place,
    pub text: String,
    pub marked: Range<usize>,
}

impl Source {
    pub fn new(file: &str, text: &str) -> Source {
        Source { file: file.to_owned(), text: Zeroizing::new(text.to_owned()) }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line that a span (in bytes) begins on. What lies in the hidden part of the line is marked as a whole:
    /// not even the position within a password is told.
    pub fn excerpt(&self, span: Range<usize>) -> Excerpt {
        let text = self.text();
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[begin..].find('\n').map_or(text.len(), |at| begin + at);
        let line = text[begin..end].trim_end_matches('\r');
        let shown = mask::visible(text, begin).min(line.len());
        let mut excerpt = line[..shown].to_owned();
        if !line[shown..].trim().is_empty() {
            excerpt.push_str(mask::HIDDEN);
        }
        let from = (start - begin).min(shown);
        let whole = if from == shown { excerpt.len() } else { shown };
        let to = span.end.saturating_sub(begin).clamp(from, shown);
        let to = if from == shown || span.end > begin + shown { whole.max(to) } else { to };
        let to = (from..=to.min(excerpt.len())).rev().find(|&at| excerpt.is_char_boundary(at)).unwrap_or(from);
        let place = Place {
            file: self.file.clone(),
            line: text[..begin].matches('\n').count() + 1,
            column: excerpt[..from].chars().count() + 1,
        };
        Excerpt { place, text: excerpt, marked: from..to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_the_line_and_the_marked_part() {
        let source = Source::new("m.toml", "[accounts.a]\r\nhost = \"ü.example\"\r\nport = 1\r\n");
        let excerpt = source.excerpt(21..33);
        assert_eq!((&*excerpt.text, excerpt.marked.clone()), ("host = \"ü.example\"", 7..19));
        assert_eq!((excerpt.place.line, excerpt.place.column), (2, 8));
    }

    #[test]
    fn a_span_outside_of_the_text_is_no_panic() {
        for text in ["", "ü", "a\n", "\n\n", "x = \"ü"] {
            for start in 0..10 {
                for end in 0..10 {
                    let excerpt = Source::new("m.toml", text).excerpt(start..end);
                    assert!(excerpt.text.get(excerpt.marked.clone()).is_some(), "{text:?} {start}..{end}");
                }
            }
        }
    }
}
