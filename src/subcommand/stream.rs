//! The events of a run on standard output: each a line, written when it happens.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use jiff::Timestamp;
use mailtrip::report::ndjson::{self, Event};

use crate::console::{Unable, print};

/// Lines on their way to standard output. A thread writes them, for a reader may be slow, and no check waits for it.
pub struct Stream {
    lines: Mutex<Sender<Option<String>>>,
    writer: Mutex<Option<JoinHandle<Result<(), Unable>>>>,
}

impl Stream {
    /// Nothing is written yet.
    pub fn begin() -> Stream {
        let (sender, lines) = channel::<Option<String>>();
        let writer = std::thread::spawn(move || lines.iter().map_while(|line| line).try_for_each(|line| print(&line)));
        Stream { lines: Mutex::new(sender), writer: Mutex::new(Some(writer)) }
    }

    /// Something happened, just now. Lines go out in the order of their times.
    pub fn tell(&self, event: Event<'_>) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = lines.send(Some(ndjson::line(Timestamp::now(), event))); // where it cannot be written, the end will say so
    }

    /// Waits until all is written.
    ///
    /// # Errors
    /// When something could not be.
    pub fn finish(&self) -> Result<(), Unable> {
        let _ = self.lines.lock().unwrap_or_else(PoisonError::into_inner).send(None); // it may have ended by itself
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let written = writer.map_or(Ok(Ok(())), JoinHandle::join);
        written.unwrap_or_else(|_| Err("standard output: nobody writes to it any more".to_owned()))
    }
}
