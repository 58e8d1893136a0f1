//! Texts in files: compared, or written anew.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;

/// Lines that are the same and shown all the same, around those that differ.
const CONTEXT: usize = 2;

/// Gathers what differs.
#[derive(Debug, Default)]
pub struct Golden(String);

impl Golden {
    /// Compares with the text in a file, or writes it there when `UPDATE_GOLDEN` is set.
    pub fn compare(&mut self, path: &Path, text: &str) -> Result<(), Failed> {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(path, text)?;
            return Ok(());
        }
        self.same(path, text);
        Ok(())
    }

    /// Compares with the text in a file.
    pub fn same(&mut self, path: &Path, text: &str) {
        let expected = fs::read_to_string(path).unwrap_or_default(); // missing is as good as empty: all of it differs
        if expected != text {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            self.0 += &format!("{name}\n{}", difference(&expected, text));
        }
    }

    pub fn differences(self) -> Result<(), Failed> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0.into()) }
    }
}

/// From the first line that differs to the last.
fn difference(expected: &str, text: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), text.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let end = old[same..].iter().rev().zip(new[same..].iter().rev()).take_while(|(old, new)| old == new).count();
    let (from, to) = (same.saturating_sub(CONTEXT), old.len() - end);
    let show = |sign: char, lines: &[&str]| lines.iter().map(|line| format!("{sign} {line}\n")).collect::<String>();
    format!(
        "@ line {}\n{}{}{}{}",
        from + 1,
        show(' ', &old[from..same]),
        show('-', &old[same..to]),
        show('+', &new[same..new.len() - end]),
        show(' ', &old[to..(to + CONTEXT).min(old.len())]),
    )
}
