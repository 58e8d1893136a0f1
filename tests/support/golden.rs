//! Texts in files: compared, or written anew.

use std::fs;
use std::path::Path;

/// Compares with the text in a file, or writes it there when `UPDATE_GOLDEN` is set.
pub fn golden(path: &Path, text: &str) -> Result<(), String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, text).unwrap();
        return Ok(());
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == text {
        return Ok(());
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), text.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let end = old[same..].iter().rev().zip(new[same..].iter().rev()).take_while(|(old, new)| old == new).count();
    let minus = old[same..old.len() - end].iter().map(|line| format!("- {line}\n"));
    let plus = new[same..new.len() - end].iter().map(|line| format!("+ {line}\n"));
    let difference: String = minus.chain(plus).collect();
    Err(format!("{} line {}:\n{difference}", path.display(), same + 1))
}
