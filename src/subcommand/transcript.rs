//! `mailtrip verify --transcript FILE`: what was said on each connection, in a file of its own.

use std::path::Path;

use mailtrip::outcome::Outcome;
use mailtrip::report::terminal;

use crate::console::Unable;

use super::whole_file::{Readers, WholeFile};

/// What was said, and where it goes.
pub struct TranscriptFile {
    file: WholeFile,
    text: String,
}

impl TranscriptFile {
    /// Nobody but its owner can read it.
    ///
    /// # Errors
    /// Why it cannot be written, before there is anything to write.
    pub fn create(path: &Path) -> Result<TranscriptFile, Unable> {
        Ok(TranscriptFile { file: WholeFile::create(path, Readers::Owner)?, text: String::new() })
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        self.file.path()
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
    pub fn finish(self) -> Result<(), Unable> {
        self.file.finish(&self.text)
    }
}
