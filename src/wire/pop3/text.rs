//! The part of an answer that follows its first line: text up to a line with nothing but a dot, with dot-stuffing
//! undone (RFC 1939 §3).

use crate::failure::{Failure, Kind};
use crate::wire::Stream;

/// What is kept of one line at a time: a line may be longer than any buffer should be.
const PIECE: usize = 16 * 1024;

/// How a server ends its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// CRLF, as it should: an LF alone is a byte of the message then, and does not make its dot the last line.
    CrLf,
    /// LF alone, as some do: the message gets the line ends that it should have had.
    Lf,
}

impl LineEnd {
    /// How this line ends.
    pub fn of(line: &[u8]) -> LineEnd {
        if line.ends_with(b"\r\n") { LineEnd::CrLf } else { LineEnd::Lf }
    }
}

/// Reads up to the dot and keeps the first `keep` bytes; also how many there were. The bytes beyond are read all the same,
/// so that the session stays in step, up to `most`.
///
/// # Errors
/// [`Kind::Malformed`] when there are more than `most`; [`Kind::ConnectionLost`].
pub async fn read(stream: &mut Stream, end: LineEnd, keep: usize, most: usize) -> Result<(Vec<u8>, usize), Failure> {
    let mut text = Text { end, keep, kept: Vec::new(), size: 0 };
    let mut line_begins = true;
    loop {
        let piece = piece(stream).await?;
        if line_begins && text.is_end(&piece) {
            stream.transcript.received(format!("({} bytes)", text.size).as_bytes());
            return Ok((text.kept, text.size));
        }
        text.take(if line_begins { piece.strip_prefix(b".").unwrap_or(&piece) } else { &piece });
        line_begins = piece.ends_with(b"\n");
        if text.size > most {
            return Err(Failure::new(Kind::Malformed).detail(format!("a message of more than {most} bytes")));
        }
    }
}

/// A line with its end, or a part of one that is very long; never one that ends between CR and LF.
async fn piece(stream: &mut Stream) -> Result<Vec<u8>, Failure> {
    let mut searched = 0;
    loop {
        let end = stream.received[searched..].iter().position(|&byte| byte == b'\n');
        if let Some(end) = end {
            return Ok(stream.received.drain(..=searched + end).collect());
        }
        searched = stream.received.len();
        if searched > PIECE {
            return Ok(stream.received.drain(..searched - 1).collect());
        }
        stream.read_more().await?;
    }
}

struct Text {
    end: LineEnd,
    keep: usize,
    kept: Vec<u8>,
    size: usize,
}

impl Text {
    fn is_end(&self, line: &[u8]) -> bool {
        line == b".\r\n" || (line == b".\n" && self.end == LineEnd::Lf)
    }

    fn take(&mut self, piece: &[u8]) {
        match piece.strip_suffix(b"\n") {
            Some(line) if self.end == LineEnd::Lf && !line.ends_with(b"\r") => {
                self.put(line);
                self.put(b"\r\n");
            }
            _ => self.put(piece),
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.size += bytes.len();
        let room = self.keep.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(&bytes[..room]);
    }
}
