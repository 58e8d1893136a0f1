//! The wire: name resolution, TCP, and the stream that the dialogues run on.
//!
//! Nothing here knows a stage, a limit or a report. Every operation can be dropped at any moment; a stream that
//! was dropped in the middle of one is out of step and must not be used again, which ownership sees to:
//! whoever gives up on an operation loses the stream with it.

pub mod http;
pub mod imap;
pub mod names;
pub mod pop3;
pub mod sasl;
pub mod smtp;
pub mod speech;
pub mod tap;
pub mod tls;
pub mod token;
pub mod transcript;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_native_tls::TlsStream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::account::{Endpoint, Family, Protocol, Security};
use crate::failure::{Failure, Kind, Reply, Speech};
use crate::outcome::Dialled;
use sasl::{Exchange, Key, Mechanism, SignIn};
use tap::Tap;
use transcript::Transcript;

/// No host has more addresses of a family than this that are worth trying.
const MOST_ADDRESSES: usize = 16;

/// How long the other addresses are still waited for when one has answered.
const GRACE: Duration = Duration::from_secs(1);

/// The longest line that is taken from a server (RFC 5321 §4.5.3.1.5 has 512, real servers exceed it).
const LONGEST_LINE: usize = 16 * 1024;

/// No greeting has a longer first line.
pub(crate) const LONGEST_GREETING: usize = 4096;

/// The opening dialogue of a protocol, so that one opening sequence serves them all.
pub trait Dialogue: Sized + Send {
    /// What a successful login makes of it.
    type Session;

    /// Reads the server's greeting, whose text is told to `heard` at once, and asks what the server can do, unless it has
    /// said so by itself.
    fn meet(stream: Stream, heard: &mut (dyn FnMut(&str) + Send))
    -> impl Future<Output = Result<Self, Failure>> + Send;

    /// The same where the greeting is of no interest.
    fn greet(stream: Stream) -> impl Future<Output = Result<Self, Failure>> + Send {
        async { Self::meet(stream, &mut |_| ()).await }
    }

    /// Asks for TLS; on success nothing but the handshake may follow on what is returned.
    /// Anything that the server has sent beyond its answer is refused as injected (RFC 3207 §5, CVE-2011-0411).
    fn starttls(self) -> impl Future<Output = Result<Tap, Failure>> + Send;

    /// Goes on inside TLS: no greeting, and everything said before is forgotten (RFC 3207 §4.2).
    fn resume(stream: Stream) -> impl Future<Output = Result<Self, Failure>> + Send;

    /// Signs in, in one attempt.
    fn login(
        self,
        endpoint: &Endpoint,
        key: &Key,
    ) -> impl Future<Output = Result<(Self::Session, SignIn), Failure>> + Send;

    /// What the server says it can do.
    fn capabilities(&self) -> &[String];

    /// How somebody can sign in here: SASL mechanisms, and `LOGIN` for the protocol's own way where it has one.
    fn mechanisms(&self) -> Vec<String>;

    /// Takes leave without having signed in. The answer is not waited for.
    fn leave(self) -> impl Future<Output = ()> + Send;
}

/// Nothing secret goes over a connection that is not encrypted, unless the configuration says so.
fn permit_secret(endpoint: &Endpoint) -> Result<(), Failure> {
    let forbidden = endpoint.security == Security::None && !endpoint.allow_cleartext_password;
    if forbidden { Err(Failure::new(Kind::CleartextForbidden)) } else { Ok(()) }
}

/// The client's side of signing in to this endpoint.
fn exchange(mechanism: Mechanism, endpoint: &Endpoint, key: &Key) -> Exchange {
    Exchange::new(mechanism, &endpoint.credentials.username, key, &endpoint.host, endpoint.port)
}

/// The addresses of a host, in the resolver's order of preference.
///
/// # Errors
/// [`Kind::HostNotFound`], or [`Kind::ResolverFailed`] when the resolver could not be asked.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let mut addresses: Vec<SocketAddr> = match tokio::net::lookup_host((host, port)).await {
        Ok(found) => found.collect(),
        Err(error) => {
            // EAI_AGAIN has no kind of its own in std: its text is the only sign (getaddrinfo(3)).
            let no_resolver = error.to_string().contains("Temporary failure");
            let kind = if no_resolver { Kind::ResolverFailed } else { Kind::HostNotFound };
            return Err(Failure::new(kind).detail(error.to_string()));
        }
    };
    let mut seen = std::collections::HashSet::new();
    let mut of_family = [0; 2];
    addresses.retain(|address| {
        let count = &mut of_family[usize::from(Family::Ipv6.has(address.ip()))];
        seen.insert(*address) && {
            *count += 1;
            *count <= MOST_ADDRESSES
        }
    });
    if addresses.is_empty() { Err(Failure::new(Kind::HostNotFound)) } else { Ok(addresses) }
}

/// What became of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The address.
    pub address: SocketAddr,
    /// How it ended.
    pub result: Dialled,
    /// How long that took.
    pub took: Duration,
}

/// Connects to every address at the same time, and keeps the connection to the most preferred one that answers.
/// Once one has answered, the others have a second left. The attempts are in the order of the addresses.
pub async fn connect(addresses: &[SocketAddr], limit: Duration) -> (Vec<Attempt>, Option<TcpStream>) {
    let began = Instant::now();
    let mut dials = JoinSet::new();
    for (place, &address) in addresses.iter().enumerate() {
        dials.spawn(async move { (place, TcpStream::connect(address).await, began.elapsed()) });
    }
    let mut ends: Vec<Option<(io::Result<TcpStream>, Duration)>> = addresses.iter().map(|_| None).collect();
    let mut until = limit;
    while let Ok(Some(end)) = timeout(until.saturating_sub(began.elapsed()), dials.join_next()).await {
        let Ok((place, result, took)) = end else { continue };
        if result.is_ok() {
            until = until.min(took + GRACE);
        }
        ends[place] = Some((result, took));
    }
    let mut kept = None;
    let attempts = addresses.iter().zip(ends).map(|(&address, end)| {
        let took = end.as_ref().map_or(began.elapsed(), |(_, took)| *took);
        let result = match end {
            None => Dialled::NoAnswer,
            Some((Err(error), _)) => dialled(&error),
            Some((Ok(stream), _)) => {
                kept.get_or_insert(stream);
                Dialled::Connected
            }
        };
        Attempt { address, result, took }
    });
    (attempts.collect(), kept)
}

/// The connection to the most preferred address that answers, and which one that is.
///
/// # Errors
/// Why there is none.
pub async fn dial(addresses: &[SocketAddr], limit: Duration) -> Result<(Tap, SocketAddr), Failure> {
    let (attempts, tcp) = connect(addresses, limit).await;
    let tcp = tcp.ok_or_else(|| unconnected(&attempts))?;
    let lost = |error: io::Error| lost(b"", Some(&error));
    let address = tcp.peer_addr().map_err(lost)?;
    Ok((Tap::new(tcp).map_err(lost)?, address))
}

/// The most telling of the addresses' results: a closed port says more than silence, silence more than no route. Where this
/// machine could not even try one of them, nothing is said of the server.
pub fn unconnected(attempts: &[Attempt]) -> Failure {
    let any = |result| attempts.iter().any(|attempt| attempt.result == result);
    if any(Dialled::NoSocket) {
        let why = "no connection can be opened: too many files are open already; the limit can be raised (`ulimit -n`)";
        Failure::new(Kind::Local).detail(why)
    } else if any(Dialled::Refused) {
        Failure::new(Kind::ConnectionRefused)
    } else if any(Dialled::NoAnswer) {
        Failure::new(Kind::NoAnswer)
    } else {
        Failure::new(Kind::Unreachable)
    }
}

/// What has no kind of its own in std: EMFILE and ENFILE, which are the same everywhere on Unix, and WSAEMFILE on Windows.
const TOO_MANY_FILES: [i32; 3] = [24, 23, 10024];

fn dialled(error: &io::Error) -> Dialled {
    match error.kind() {
        _ if error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code)) => Dialled::NoSocket,
        io::ErrorKind::ConnectionRefused => Dialled::Refused,
        io::ErrorKind::TimedOut => Dialled::NoAnswer,
        io::ErrorKind::HostUnreachable => Dialled::Unreachable,
        // The kernel answers at once, without a packet: this machine has no route to that family.
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => Dialled::NoRoute,
        io::ErrorKind::Unsupported => Dialled::NoRoute,
        _ => Dialled::Failed,
    }
}

/// A connection with or without TLS.
#[derive(Debug)]
pub enum Io {
    /// As it comes from TCP.
    Plain(Tap),
    /// Inside TLS.
    Tls(TlsStream<Tap>),
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(tap) => Pin::new(tap).poll_read(cx, buf),
            Io::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Io::Plain(tap) => Pin::new(tap).poll_write(cx, buf),
            Io::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(tap) => Pin::new(tap).poll_flush(cx),
            Io::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(tap) => Pin::new(tap).poll_shutdown(cx),
            Io::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

/// A connection, what has been read from it and not yet used, and its transcript.
#[derive(Debug)]
pub struct Stream {
    pub(crate) io: Io,
    pub(crate) received: Vec<u8>,
    pub(crate) transcript: Transcript,
}

impl Stream {
    /// A stream on which nothing has been read yet.
    pub fn new(io: Io, transcript: Transcript) -> Stream {
        Stream { io, received: Vec::new(), transcript }
    }

    /// Our address, for EHLO.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match &self.io {
            Io::Plain(tap) => tap.local_address(),
            Io::Tls(tls) => tls.get_ref().local_address(),
        }
    }

    /// The next line, without its end (CRLF, or LF alone, as some servers send).
    ///
    /// # Errors
    /// [`Kind::ConnectionLost`], or [`Kind::Malformed`] for a line that does not end.
    pub async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        let line = self.quiet_line().await?;
        self.transcript.received(&line);
        Ok(line)
    }

    /// The same without putting it on the transcript: for the lines of a message.
    ///
    /// # Errors
    /// As [`Stream::line`].
    pub async fn quiet_line(&mut self) -> Result<Vec<u8>, Failure> {
        let mut line = self.raw_line().await?;
        line.truncate(line.len() - if line.ends_with(b"\r\n") { 2 } else { 1 });
        Ok(line)
    }

    /// The same with its end, where that matters.
    pub(crate) async fn raw_line(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
                return Ok(self.received.drain(..=end).collect());
            }
            if self.received.len() > LONGEST_LINE {
                return Err(too_long(&self.received));
            }
            self.read_more().await?;
        }
    }

    /// Waits for more bytes of the server, which join what is received already.
    pub(crate) async fn read_more(&mut self) -> Result<(), Failure> {
        match self.io.read_buf(&mut self.received).await {
            Ok(0) => Err(lost(&self.received, None)),
            Ok(_) => Ok(()),
            Err(error) => Err(lost(&self.received, Some(&error))),
        }
    }

    /// Reads on until the first line is there, or more than any greeting has. It stays to be read.
    pub(crate) async fn first_line(&mut self) -> Result<(), Failure> {
        while !self.received.contains(&b'\n') && self.received.len() < LONGEST_GREETING {
            self.read_more().await?;
        }
        Ok(())
    }

    /// Waits for the greeting, which stays to be read, and goes no further where it is in another protocol.
    ///
    /// # Errors
    /// [`Kind::WrongProtocol`], [`Kind::ConnectionLost`].
    pub(crate) async fn expect(&mut self, protocol: Protocol) -> Result<(), Failure> {
        let waited = self.first_line().await;
        match speech::heard(&self.received) {
            Some(speaks) if speaks != Speech::from(protocol) => {
                let line = self.received.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end();
                self.transcript.received(line);
                Err(Failure::new(Kind::WrongProtocol { speaks }).detail(format!("not {protocol}: {}", excerpt(line))))
            }
            _ => waited,
        }
    }

    /// Sends bytes, all in one write.
    ///
    /// # Errors
    /// [`Kind::ConnectionLost`].
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let sent = async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        };
        sent.await.map_err(|error| lost(b"", Some(&error)))
    }

    /// Gives the bare connection up for a TLS handshake. What the server has sent beyond its answer would be
    /// read as if it had come through TLS (CVE-2011-0411), so it is refused.
    ///
    /// # Errors
    /// [`Kind::InjectedPlaintext`], with an excerpt.
    pub fn into_tap(self) -> Result<Tap, Failure> {
        match self.io {
            Io::Plain(tap) if self.received.is_empty() => Ok(tap),
            Io::Plain(_) => Err(Failure::new(Kind::InjectedPlaintext).detail(excerpt(&self.received))),
            Io::Tls(_) => Err(Failure::new(Kind::Local).detail("the connection is inside TLS already")),
        }
    }
}

/// The connection ended; `unfinished` is what came without making a line.
pub(crate) fn lost(unfinished: &[u8], error: Option<&io::Error>) -> Failure {
    let mut said = Vec::new();
    said.extend(error.map(ToString::to_string));
    if !unfinished.is_empty() {
        said.push(format!("the last bytes received: {}", excerpt(unfinished)));
    }
    let failure = Failure::new(Kind::ConnectionLost);
    if said.is_empty() { failure } else { failure.detail(said.join("; ")) }
}

/// More than any server should send.
pub(crate) fn too_long(received: &[u8]) -> Failure {
    let size = received.len();
    Failure::new(Kind::Malformed).detail(format!("a line of more than {size} bytes, beginning: {}", excerpt(received)))
}

/// The beginning of what was received, as text.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    if bytes.len() > 200 { text + "…" } else { text }
}

/// A status word and the text behind it, split off an optional `[CODE …]` (RFC 9051 §7.1, RFC 2449 §8).
pub(crate) fn status_reply(status: &str, text: &str) -> Reply {
    let (response_code, text) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((code, text)) => (Some(code.to_owned()), text.trim_start()),
        None => (None, text),
    };
    Reply { status: Some(status.to_owned()), response_code, text: text.to_owned(), ..Reply::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unconnected_by(codes: &[i32]) -> Kind {
        let attempt = |&code| Attempt {
            address: SocketAddr::from(([127, 0, 0, 1], 25)),
            result: dialled(&io::Error::from_raw_os_error(code)),
            took: Duration::ZERO,
        };
        unconnected(&codes.iter().map(attempt).collect::<Vec<_>>()).kind
    }

    /// EMFILE and ENFILE have the same numbers on every Unix.
    #[cfg(unix)]
    #[test]
    fn where_no_connection_can_be_opened_nothing_is_said_of_the_server() {
        assert_eq!(unconnected_by(&[24]), Kind::Local);
        assert_eq!(unconnected_by(&[23, 24]), Kind::Local);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_most_telling_result_of_all_addresses_counts() {
        let [refused, no_route, timed_out] = [111, 101, 110];
        assert_eq!(unconnected_by(&[no_route]), Kind::Unreachable);
        assert_eq!(unconnected_by(&[no_route, timed_out]), Kind::NoAnswer);
        assert_eq!(unconnected_by(&[timed_out, refused]), Kind::ConnectionRefused);
        assert_eq!(unconnected_by(&[refused, 24]), Kind::Local);
    }
}
