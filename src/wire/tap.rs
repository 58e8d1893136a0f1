//! The tap on a TCP connection, below TLS: the first bytes the server sent, and when ours left.
//!
//! They tell what a TLS library does not: the negotiated version and cipher, and what a server that does not
//! speak TLS here said instead.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A ServerHello lies well within this.
const KEPT: usize = 4 * 1024;

/// A TCP connection that remembers its beginning.
#[derive(Debug)]
pub struct Tap {
    tcp: TcpStream,
    seen: Arc<Mutex<Seen>>,
}

/// What the tap has seen since it was last [reset](Tap::reset).
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The first bytes received, 4 KiB at most.
    pub received: Vec<u8>,
    /// When the first byte was sent.
    pub first_sent: Option<Instant>,
    /// The server ended the connection.
    pub ended: bool,
}

impl Tap {
    /// Puts the tap on. Small writes leave at once (TCP_NODELAY).
    ///
    /// # Errors
    /// When the socket is dead already.
    pub fn new(tcp: TcpStream) -> io::Result<Tap> {
        tcp.set_nodelay(true)?;
        let tap = Tap { tcp, seen: Arc::default() };
        tap.acknowledge_at_once();
        Ok(tap)
    }

    /// Sends the next acknowledgements without delay. Postfix holds its greeting on an implicit-TLS port until the
    /// client has acknowledged the session ticket; a delayed ACK would add 40 ms to it. The kernel leaves the mode
    /// by itself, so it is asked for again after the handshake.
    pub fn acknowledge_at_once(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = SockRef::from(&self.tcp).set_tcp_quickack(true); // only ever a loss of 40 ms
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let _ = SockRef::from(&self.tcp);
    }

    /// Forgets what was seen: the TLS handshake begins here.
    pub fn reset(&self) -> Watch {
        let watch = Watch(Arc::clone(&self.seen));
        *watch.lock() = Seen::default();
        watch
    }

    /// Our end.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.tcp.local_addr().ok()
    }
}

/// A look at the tap that stays when the connection is gone.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }
}

impl AsyncRead for Tap {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.tcp).poll_read(cx, buf);
        if let Poll::Ready(result) = &polled {
            let mut seen = this.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let new = &buf.filled()[before..];
            seen.ended |= result.is_err() || new.is_empty();
            let room = KEPT - seen.received.len();
            seen.received.extend_from_slice(&new[..new.len().min(room)]);
        }
        polled
    }
}

impl AsyncWrite for Tap {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.tcp).poll_write(cx, buf);
        if let Poll::Ready(Ok(_)) = &polled {
            let mut seen = this.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.first_sent.get_or_insert_with(Instant::now);
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}
