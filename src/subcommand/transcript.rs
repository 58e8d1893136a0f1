//! `mailtrip verify --transcript FILE`: what was said on each connection, in a file of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mailtrip::outcome::Outcome;
use mailtrip::report::terminal;

use crate::console::Unable;

/// A file that takes the place of the one that is asked for when it is whole. Dropped before that, it leaves no trace.
pub struct TranscriptFile {
    path: PathBuf,
    /// In the same folder, so that it can take that place at once.
    beside: PathBuf,
    file: File,
    text: String,
}

impl TranscriptFile {
    /// Nobody but its owner can read it.
    ///
    /// # Errors
    /// Why it cannot be written, before there is anything to write.
    pub fn create(path: &Path) -> Result<TranscriptFile, Unable> {
        let cannot = |why: &dyn std::fmt::Display| format!("{} cannot be written: {why}", path.display());
        let path = match path.canonicalize() {
            Ok(there) if !there.is_file() => return Err(cannot(&"it is there, and is no file")),
            Ok(there) => there, // the file that a link leads to, and not the link
            Err(_) => path.to_owned(),
        };
        let Some(name) = path.file_name() else { return Err(cannot(&"that is no name of a file")) };
        let beside = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        let file = new_file(&beside).map_err(|error| cannot(&error))?;
        Ok(TranscriptFile { path, beside, file, text: String::new() })
    }

    /// Takes what was said out of an outcome, which is then reported without it.
    pub fn take(&mut self, outcome: &mut Outcome) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text += &terminal::transcript(outcome);
        outcome.conversations.clear();
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// Why that is not possible.
    pub fn finish(mut self) -> Result<(), Unable> {
        let written = self.file.write_all(self.text.as_bytes()).and_then(|()| self.file.sync_all());
        let placed = written.and_then(|()| fs::rename(&self.beside, &self.path));
        placed.map_err(|error| format!("{} cannot be written: {error}", self.path.display()))
    }
}

impl Drop for TranscriptFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.beside); // it is gone where it has taken its place
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
