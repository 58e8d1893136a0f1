//! The transcript of a connection: what both sides said, bounded, and without secrets.
//!
//! Secrets are left out where they are written, by position: whoever sends one records a placeholder in its
//! stead. Nothing is searched for and replaced afterwards, so that no encoding of a password slips through.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::outcome::Side;

/// What one connection may leave in memory.
const MOST_BYTES: usize = 64 * 1024;

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Instant,
    /// Who.
    pub side: Side,
    /// What, without the line end; the server's bytes as they came, where they are UTF-8.
    pub text: String,
}

/// A handle on the transcript of one connection; clones write to the same one.
#[derive(Debug, Clone, Default)]
pub struct Transcript(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<Line>,
    bytes: usize,
}

impl Transcript {
    /// Records a line that the server sent.
    pub fn received(&self, line: &[u8]) {
        self.record(Side::Server, &String::from_utf8_lossy(line));
    }

    /// Records a line that was sent to the server. Never called with a secret.
    pub fn sent(&self, line: &str) {
        self.record(Side::Client, line);
    }

    /// What was recorded so far.
    pub fn lines(&self) -> Vec<Line> {
        self.lock().lines.clone()
    }

    fn record(&self, side: Side, text: &str) {
        let mut kept = self.lock();
        if kept.bytes >= MOST_BYTES {
            return;
        }
        kept.bytes += text.len();
        let text = if kept.bytes < MOST_BYTES { text } else { "(the rest of this conversation was not kept)" };
        kept.lines.push(Line { at: Instant::now(), side, text: text.to_owned() });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_bounded_and_says_so() {
        let transcript = Transcript::default();
        for _ in 0..1000 {
            transcript.received(&[b'x'; 1000]);
        }
        let lines = transcript.lines();
        assert!(lines.iter().map(|line| line.text.len()).sum::<usize>() <= MOST_BYTES);
        assert_eq!(lines.last().unwrap().text, "(the rest of this conversation was not kept)");
    }
}
