//! One client's connection: bounded lines in, buffered replies out, TLS when it is time, and the faults that break it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_native_tls::{TlsAcceptor, TlsStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fault::{Breakage, Point, Protocol};
use super::system::System;

/// The longest line that is read, its CRLF included.
pub(super) const MAX_LINE: usize = 8 * 1024;

/// The largest message that is taken.
pub(super) const MAX_MESSAGE: usize = 10 * 1024 * 1024;

/// So much output is collected before it is written, though the client still has commands waiting.
const OUTPUT_CHUNK: usize = 256 * 1024;

/// How long a closing connection waits for the client to close its side.
const LINGER: Duration = Duration::from_millis(500);

/// A line that is a reply in none of the protocols: a NUL, bytes that are not UTF-8, no tag and no code.
const GARBAGE: &[u8] = b"\x00\xff\xfe\x80?!garbage\r\n";

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// A TLS handshake failed and took the socket with it.
    Gone,
}

impl Stream {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
            Self::Gone => Ok(0),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Self::Gone => Err(closed()),
        }
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
            Self::Gone => Ok(()),
        }
    }
}

/// The session is over, by the client, by a fault, or by a line that is too long.
pub(super) fn closed() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

/// A client's connection.
pub(super) struct Connection {
    pub system: Arc<System>,
    pub protocol: Protocol,
    /// The client's address, for trace headers.
    pub peer: std::net::IpAddr,
    stream: Stream,
    acceptor: TlsAcceptor,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Connection {
    pub fn new(system: Arc<System>, protocol: Protocol, acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            system,
            protocol,
            peer: stream.peer_addr()?.ip(),
            stream: Stream::Plain(stream),
            acceptor,
            input: Vec::new(),
            output: Vec::new(),
        })
    }

    /// Whether TLS protects the connection.
    pub fn secured(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Whether STARTTLS can be offered now.
    pub fn may_start_tls(&self) -> bool {
        !self.secured() && !self.system.faults.starttls_absent(self.protocol)
    }

    /// Whether the client has already sent more than has been answered.
    pub fn pipelined(&self) -> bool {
        !self.input.is_empty()
    }

    /// Appends one line to the reply.
    pub fn say(&mut self, line: impl AsRef<[u8]>) {
        self.output.extend_from_slice(line.as_ref());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Appends bytes to the reply as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Sends what has been collected.
    pub async fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            let output = std::mem::take(&mut self.output);
            self.stream.write(&output).await?;
        }
        Ok(())
    }

    /// The next line with its line end. Replies go out first where the client is not ahead of us: one write for a
    /// flight of pipelined commands. Safe to cancel: what was read stays.
    pub async fn raw_line(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.input[searched..].iter().position(|&b| b == b'\n') {
                let end = searched + end + 1;
                if end > MAX_LINE {
                    return self.refuse_line().await;
                }
                if self.output.len() > OUTPUT_CHUNK {
                    self.flush().await?;
                }
                return Ok(self.input.drain(..end).collect());
            }
            searched = self.input.len();
            if searched >= MAX_LINE {
                return self.refuse_line().await;
            }
            self.fill().await?;
        }
    }

    /// The next line without its line end.
    pub async fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = self.raw_line().await?;
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(line)
    }

    /// Exactly so many bytes; the caller has bounded the number.
    pub async fn octets(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.input.len() < count {
            self.fill().await?;
        }
        Ok(self.input.drain(..count).collect())
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.flush().await?;
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(closed());
        }
        self.input.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    async fn refuse_line(&mut self) -> io::Result<Vec<u8>> {
        self.say(match self.protocol {
            Protocol::Smtp => "500 5.5.2 Line too long",
            Protocol::Imap => "* BYE Line too long",
            Protocol::Pop3 => "-ERR Line too long",
        });
        self.close().await?;
        Err(closed())
    }

    /// The server's half of the TLS handshake. Whatever the client sent in plaintext behind its STARTTLS is thrown
    /// away (RFC 3207 §4.2: the server must discard what it learnt before).
    pub async fn start_tls(&mut self) -> io::Result<()> {
        self.meet(Point::Tls).await?;
        self.flush().await?;
        self.input.clear();
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Plain(stream) => {
                let tls = self.acceptor.accept(stream).await;
                self.stream = Stream::Tls(Box::new(tls.map_err(io::Error::other)?));
                Ok(())
            }
            other => {
                self.stream = other;
                Err(closed())
            }
        }
    }

    /// Sends what is left, says goodbye properly, and waits a moment for the client to do the same: closing with
    /// bytes unread would reset the connection and take the last reply with it.
    pub async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await?;
        let mut buffer = [0; 4096];
        let rest = async { while matches!(self.stream.read(&mut buffer).await, Ok(1..)) {} };
        tokio::time::timeout(LINGER, rest).await.ok();
        Ok(())
    }

    /// Lets the faults act that are due before the command is carried out. True: the reply has been given.
    pub async fn meet(&mut self, point: Point) -> io::Result<bool> {
        match self.system.faults.breakage(self.protocol, point, false) {
            Some(breakage) => self.break_down(breakage).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Where the reply to the command at hand begins.
    pub fn mark(&self) -> usize {
        self.output.len()
    }

    /// Lets the faults act that are due once the command has been carried out, in place of its reply.
    pub async fn meet_after(&mut self, point: Point, mark: usize) -> io::Result<()> {
        let Some(breakage) = self.system.faults.breakage(self.protocol, point, true) else {
            return Ok(());
        };
        let begin = mark.min(self.output.len());
        let keep = match breakage {
            Breakage::Cut => begin + (self.output.len() - begin) / 2,
            _ => begin,
        };
        self.output.truncate(keep);
        self.break_down(breakage).await
    }

    async fn break_down(&mut self, breakage: Breakage) -> io::Result<()> {
        match breakage {
            Breakage::Garbage(None) => self.put(GARBAGE),
            Breakage::Garbage(Some(text)) => self.say(text.replace(['\r', '\n'], " ")),
            Breakage::Drop | Breakage::Cut => {
                self.flush().await?;
                return Err(closed());
            }
            Breakage::Stall => {
                self.flush().await?;
                let mut buffer = [0; 4096];
                while matches!(self.stream.read(&mut buffer).await, Ok(1..)) {}
                return Err(closed());
            }
        }
        Ok(())
    }
}
