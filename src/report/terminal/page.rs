//! The page that a report is written on: it makes text safe, wraps it, and colours it last.

use anstyle::{AnsiColor, Style as Colour};

use crate::report::printable;

use super::Style;

/// The colours, by what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// As the terminal has it.
    Plain,
    /// A heading.
    Bold,
    /// Of less weight.
    Dim,
    /// Well.
    Good,
    /// Not quite well.
    Warn,
    /// Not well.
    Bad,
}

impl Ink {
    fn colour(self) -> Colour {
        let plain = Colour::new();
        match self {
            Ink::Plain => plain,
            Ink::Bold => plain.bold(),
            Ink::Dim => plain.dimmed(),
            Ink::Good => AnsiColor::Green.on_default(),
            Ink::Warn => AnsiColor::Yellow.on_default().bold(),
            Ink::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// A page is never taken for narrower than this.
pub const NARROWEST: usize = 48;

/// Text in the making. Whatever is written passes through [`printable`].
pub struct Page<'a> {
    style: &'a Style,
    text: String,
}

impl<'a> Page<'a> {
    /// An empty one.
    pub fn new(style: &'a Style) -> Page<'a> {
        Page { style, text: String::new() }
    }

    /// Whether everything is to be told.
    pub fn verbose(&self) -> bool {
        self.style.verbose
    }

    /// An empty line.
    pub fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A text in one colour, wrapped behind an indent.
    pub fn text(&mut self, indent: usize, ink: Ink, text: &str) {
        self.row(&[(Ink::Plain, " ".repeat(indent))], ink, text);
    }

    /// The lines of a text, each wrapped behind an indent.
    pub fn block(&mut self, indent: usize, text: &str) {
        for line in printable::lines(text) {
            self.text(indent, Ink::Plain, &line);
        }
    }

    /// A text behind a label, wrapped below itself.
    pub fn label(&mut self, label: &str, ink: Ink, text: &str) {
        self.row(&[(ink, label.to_owned())], Ink::Plain, text);
    }

    /// A row of cells that are aligned already, then a text that is wrapped below itself.
    pub fn row(&mut self, cells: &[(Ink, String)], ink: Ink, text: &str) {
        let indent = cells.iter().map(|(_, cell)| cell.chars().count()).sum();
        self.hanging(cells, indent, ink, text);
    }

    /// The same with the further lines at an indent of their own.
    pub fn hanging(&mut self, cells: &[(Ink, String)], indent: usize, ink: Ink, text: &str) {
        let taken: usize = cells.iter().map(|(_, cell)| cell.chars().count()).sum();
        let room = |taken: usize| self.style.width.max(NARROWEST).saturating_sub(taken).max(20);
        let lines = wrap(&printable::printable(text), room(taken), room(indent));
        self.cells(cells);
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                self.text.push_str(&" ".repeat(indent));
            }
            let line = self.paint(ink, line.trim_end());
            self.text.push_str(&line);
            self.end_line();
        }
    }

    /// Cells without a line break.
    pub fn cells(&mut self, cells: &[(Ink, String)]) {
        for (ink, cell) in cells {
            let cell = self.paint(*ink, &printable::printable(cell));
            self.text.push_str(&cell);
        }
    }

    /// The end of a line, without the blanks before it.
    fn end_line(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        if !self.style.colour || ink == Ink::Plain || text.trim().is_empty() {
            return text.to_owned();
        }
        let colour = ink.colour();
        format!("{colour}{text}{colour:#}")
    }
}

/// Breaks a line at spaces, the first part to a width of its own. A word that is too long stays whole, so that it
/// can be copied. At least one line.
fn wrap(line: &str, first: usize, rest: usize) -> Vec<String> {
    if line.chars().count() <= first {
        return vec![line.to_owned()];
    }
    let mut lines = Vec::new();
    let mut current = String::new();
    let mut length = 0;
    for word in words(line, rest) {
        let width = if lines.is_empty() { first } else { rest };
        let longer = word.chars().count();
        if length > 0 && length + 1 + longer > width {
            lines.push(std::mem::take(&mut current));
            length = 0;
        } else if length > 0 {
            current.push(' ');
            length += 1;
        }
        current.push_str(&word);
        length += longer;
    }
    lines.push(current);
    lines
}

/// The words of a line. What stands between backticks is one word, such as a setting with its value, if it fits a line.
fn words(line: &str, width: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        match words.last_mut() {
            Some(open) if open.matches('`').count() % 2 == 1 && open.chars().count() + word.chars().count() < width => {
                open.push(' ');
                open.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_long_words_stay_whole() {
        assert_eq!(wrap("the quick brown fox", 10, 10), ["the quick", "brown fox"]);
        assert_eq!(wrap("a https://example.net/a/long/link b", 10, 10), ["a", "https://example.net/a/long/link", "b"]);
        assert_eq!(wrap("", 10, 10), [""]);
        assert_eq!(wrap("now set `a = 1`, or b", 11, 11), ["now set", "`a = 1`, or", "b"]);
    }
}
