//! `mailtrip verify --transcript FILE`: what was said on each connection, in a file of its own.

use std::collections::BTreeMap;
use std::path::Path;

use mailtrip::outcome::Outcome;
use mailtrip::report::terminal;

use crate::console::Unable;

use super::whole_file::{Readers, WholeFile};

/// What was said, and where it goes.
pub struct TranscriptFile {
    file: WholeFile,
    /// By check, for they end in any order.
    texts: BTreeMap<usize, String>,
}

impl TranscriptFile {
    /// Nobody but its owner can read it.
    ///
    /// # Errors
    /// Why it cannot be written, before there is anything to write.
    pub fn create(path: &Path) -> Result<TranscriptFile, Unable> {
        Ok(TranscriptFile { file: WholeFile::create(path, Readers::Owner)?, texts: BTreeMap::new() })
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Takes what was said out of the outcome of a check, which is then reported without it.
    pub fn take(&mut self, check: usize, outcome: &mut Outcome) {
        for attempt in outcome.earlier.iter_mut() {
            self.take(check, attempt);
        }
        let text = self.texts.entry(check).or_default();
        if !text.is_empty() {
            text.push('\n');
        }
        *text += &terminal::transcript(outcome);
        outcome.conversations.clear();
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// Why that is not possible.
    pub fn finish(self) -> Result<(), Unable> {
        let texts: Vec<String> = self.texts.into_values().collect();
        self.file.finish(&texts.join("\n"))
    }
}
