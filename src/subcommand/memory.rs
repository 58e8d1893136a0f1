//! How a check stood at the run before, in a file.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mailtrip::diagnose::Verdict;
use mailtrip::history::{News, Options, State, Unreadable};
use mailtrip::outcome::Streak;
use mailtrip::report::printable::printable;

use crate::cli;
use crate::console::{Unable, unable};

use super::state_dir;
use super::whole_file::{Readers, WholeFile};

/// No state is larger.
const LARGEST: u64 = 64 * 1024;

/// What is known of a check, and where it is kept.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    state: State,
    options: Options,
    /// It is to be written.
    changed: bool,
}

impl Memory {
    /// Reads it. What is damaged is begun anew, and that is told.
    ///
    /// # Errors
    /// When it is of a newer mailtrip, or cannot be read or written: that is known before anything is sent.
    pub fn read(path: PathBuf, check: &str, arguments: &cli::Memory) -> Result<Memory, Unable> {
        let cannot = |why: &dyn std::fmt::Display| format!("{} cannot be read: {why}", path.display());
        let state = match text(&path).map_err(|error| cannot(&error))?.map(|text| State::read(&text)) {
            None => State::default(),
            Some(Ok(state)) => state,
            Some(Err(newer @ Unreadable::Schema(_))) => return Err(cannot(&newer)),
            Some(Err(damaged)) => {
                let (check, path) = (printable(check), path.display());
                unable(&format!("what was known of {check} is lost, for {path} cannot be read: {damaged}"));
                State::default()
            }
        };
        drop(WholeFile::create(&path, Readers::Owner)?);
        let options = Options { fail_after: arguments.fail_after.unwrap_or(1), remind: arguments.remind };
        Ok(Memory { path, state, options, changed: false })
    }

    /// A run of this time has ended in this verdict.
    pub fn after(&mut self, verdict: Verdict, began: Timestamp) -> (Streak, News) {
        let (state, news) = self.state.after(verdict, began, &self.options);
        (self.state, self.changed) = (state, true);
        (self.state.streak(&self.options), news)
    }

    /// Writes it, if there is something to be written.
    ///
    /// # Errors
    /// Why that is not possible.
    pub fn keep(self) -> Result<(), Unable> {
        match self.changed {
            true => WholeFile::create(&self.path, Readers::Owner)?.finish(&self.state.to_json()),
            false => Ok(()),
        }
    }
}

/// What is in a file, if there is one.
fn text(path: &Path) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    match state_dir::open(path, OpenOptions::new().read(true))
        .and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
    {
        Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
