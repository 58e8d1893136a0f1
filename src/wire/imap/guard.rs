//! The guard between the network and the IMAP parser: only whole, bounded responses of the kinds that are used
//! here, and that the parser is known to take, go through.
//!
//! Without it a server could make the parser panic (`INTERNALDATE NIL`), overflow the stack (deep nesting) or
//! allocate half a gigabyte (a literal that is only announced), and one line that it does not know would end the
//! session. What the guard holds back is in the transcript. It hands out one response at a time, so that
//! [`Guard::current`] always is the one that the parser returned last, in the server's own bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use async_imap::imap_proto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;

use crate::failure::{Failure, Kind, Reply};
use crate::wire::{Stream, excerpt, lost, status_reply, too_long};

/// The longest line of a response.
const LONGEST_LINE: usize = 64 * 1024;
/// The largest response with its literals: a probe is 1 kB.
const LARGEST_RESPONSE: usize = 1024 * 1024;
/// How deep parentheses may be nested.
const DEEPEST_NESTING: usize = 40;

/// A stream that only responses go through which the parser can take.
#[derive(Debug)]
pub struct Guard {
    stream: Stream,
    passing: Vec<u8>,
    passed: usize,
    current: Vec<u8>,
    capabilities: Option<Vec<String>>,
    unreadable: usize,
    greeted: bool,
    bye: Option<Reply>,
    failure: Option<Failure>,
    unsent: Vec<u8>,
    shown_instead: Option<String>,
    aside: Aside,
    ended: bool,
}

/// What passes beside the parser while somebody signs in: a challenge in, and that the exchange is taken back out.
#[derive(Debug, Clone, Default)]
pub struct Aside(Arc<Mutex<Passing>>);

#[derive(Debug, Default)]
struct Passing {
    challenge: Vec<u8>,
    taken_back: bool,
}

impl Aside {
    /// What followed the `+` of the last continuation request.
    pub fn challenge(&self) -> Vec<u8> {
        self.lock().challenge.clone()
    }

    /// Sends `*` in place of the next line, which takes the exchange back (RFC 9051 §6.2.2).
    pub fn take_back(&self) {
        self.lock().taken_back = true;
    }

    fn lock(&self) -> MutexGuard<'_, Passing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard {
    /// Puts the guard in front of a stream.
    pub fn new(stream: Stream) -> Guard {
        Guard {
            stream,
            passing: Vec::new(),
            passed: 0,
            current: Vec::new(),
            capabilities: None,
            unreadable: 0,
            greeted: false,
            bye: None,
            failure: None,
            unsent: Vec::new(),
            shown_instead: None,
            aside: Aside::default(),
            ended: false,
        }
    }

    /// The same for a connection whose greeting was read before it went into TLS.
    pub fn after_greeting(stream: Stream) -> Guard {
        Guard { greeted: true, ..Guard::new(stream) }
    }

    /// The response that was handed out last, as the server sent it, without its line end.
    pub fn current(&self) -> &[u8] {
        self.current.trim_ascii_end()
    }

    /// What the server has last said it can do, in a response or in a response code.
    pub fn capabilities(&self) -> Option<&[String]> {
        self.capabilities.as_deref()
    }

    /// Forgets it: it changes with STARTTLS and with the login (RFC 9051 §6.2).
    pub fn forget_capabilities(&mut self) {
        self.capabilities = None;
    }

    /// How many responses of the kinds that are used here were held back, because the parser cannot take them.
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// Records `shown` in the transcript instead of the next line, and a placeholder instead of those after it, until
    /// [`Guard::show`].
    pub fn hide(&mut self, shown: &str) {
        self.shown_instead = Some(shown.to_owned());
    }

    /// What passes beside the parser.
    pub fn aside(&self) -> Aside {
        self.aside.clone()
    }

    /// Records what is sent again.
    pub fn show(&mut self) {
        self.shown_instead = None;
    }

    /// Why reading ended, with the server's last words.
    pub fn failure(&mut self) -> Failure {
        let failure = self.failure.take().unwrap_or_else(|| lost(&self.stream.received, None));
        Failure { reply: self.bye.take().map(Box::new).or(failure.reply), kind: failure.kind, detail: failure.detail }
    }

    /// The stream below.
    pub fn into_stream(self) -> Stream {
        self.stream
    }

    /// Takes the next whole response off what was received; `None` when more has to be read.
    fn next_response(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let received = &mut self.stream.received;
        Ok(response_length(received)?.map(|length| received.drain(..length).collect()))
    }

    fn admit(&mut self, response: Vec<u8>) -> Result<(), Failure> {
        let first_line = response.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        self.stream.transcript.received(first_line);
        if let Some(names) = capabilities(first_line) {
            self.capabilities = Some(names);
        }
        if let Some(challenge) = first_line.strip_prefix(b"+") {
            self.aside.lock().challenge = challenge.trim_ascii().to_vec();
        }
        let greeting = !std::mem::replace(&mut self.greeted, true);
        if !greeting && let Some(bye) = bye(first_line) {
            // Nothing that is waited for comes any more, whether the server closes the connection or not.
            self.bye = Some(bye);
            return Err(Failure::new(Kind::ConnectionLost));
        }
        match admitted(&response)? {
            // The library stops waiting for leave to go on when anything else comes first.
            Some(_) if self.shown_instead.is_some() && response.starts_with(b"*") => {}
            Some(passing) => {
                self.passing = passing;
                self.passed = 0;
                self.current = response;
            }
            None if is_used(&response) => self.unreadable += 1,
            None => {}
        }
        Ok(())
    }

    fn record_sent(&mut self) {
        if let Some(shown) = &mut self.shown_instead {
            self.stream.transcript.sent(if self.unsent == b"*\r\n" { "*" } else { shown });
            return "(response)".clone_into(shown);
        }
        let first_line = self.unsent.split(|&byte| byte == b'\n').next().unwrap_or_default();
        self.stream.transcript.sent(String::from_utf8_lossy(first_line).trim_end());
    }
}

impl AsyncRead for Guard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let left = &this.passing[this.passed..];
            if !left.is_empty() {
                let taken = left.len().min(buf.remaining());
                buf.put_slice(&left[..taken]);
                this.passed += taken;
                return Poll::Ready(Ok(()));
            }
            // A server that never stops talking must not keep everything else from running.
            ready!(poll_proceed(cx)).made_progress();
            let next = this.next_response().and_then(|response| match response {
                Some(response) => this.admit(response).map(|()| true),
                None => Ok(false),
            });
            match next {
                Ok(true) => continue,
                Ok(false) if this.ended => return Poll::Ready(Ok(())),
                Ok(false) => {}
                Err(failure) => {
                    this.failure = Some(failure);
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
            }
            let mut chunk = [0; 4096];
            let mut chunk = ReadBuf::new(&mut chunk);
            match ready!(Pin::new(&mut this.stream.io).poll_read(cx, &mut chunk)) {
                Ok(()) if chunk.filled().is_empty() => this.ended = true,
                Ok(()) => this.stream.received.extend_from_slice(chunk.filled()),
                Err(error) => {
                    this.failure = Some(lost(&this.stream.received, Some(&error)));
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}

/// A command is collected and leaves in one write when it is flushed.
impl AsyncWrite for Guard {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().unsent.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.aside.lock().taken_back) {
            this.unsent = b"*\r\n".to_vec();
        }
        while !this.unsent.is_empty() {
            let written = match ready!(Pin::new(&mut this.stream.io).poll_write(cx, &this.unsent)) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                other => other,
            };
            match written {
                Ok(written) => {
                    this.record_sent();
                    this.unsent.drain(..written);
                }
                Err(error) => {
                    this.failure = Some(lost(b"", Some(&error)));
                    return Poll::Ready(Err(error));
                }
            }
        }
        Pin::new(&mut this.stream.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream.io).poll_shutdown(cx)
    }
}

/// The length of the response at the beginning of `received`, its literals included; `None` when it is not whole.
fn response_length(received: &[u8]) -> Result<Option<usize>, Failure> {
    let mut from = 0;
    loop {
        let line = received.get(from..).and_then(|rest| rest.iter().position(|&byte| byte == b'\n'));
        let Some(end) = line.map(|length| from + length) else {
            let unfinished = received.len().saturating_sub(from);
            return if unfinished > LONGEST_LINE { Err(too_long(&received[from..])) } else { Ok(None) };
        };
        if end - from > LONGEST_LINE {
            return Err(too_long(&received[from..end]));
        }
        match announced_literal(&received[from..end]).filter(|_| is_data(received)) {
            None => return Ok(Some(end + 1)),
            Some(size) if size > LARGEST_RESPONSE || end + size > LARGEST_RESPONSE => {
                return Err(Failure::new(Kind::Malformed).detail(format!("a literal of {size} bytes was announced")));
            }
            Some(size) => from = end + 1 + size,
        }
    }
}

/// `{12}` or `{12+}` at the end of a line (RFC 9051 §4.3, RFC 7888).
fn announced_literal(line: &[u8]) -> Option<usize> {
    let inside = line.trim_ascii_end().strip_suffix(b"}")?;
    let open = inside.iter().rposition(|&byte| byte == b'{')?;
    let digits = std::str::from_utf8(&inside[open + 1..]).ok()?;
    let digits = digits.strip_suffix('+').unwrap_or(digits);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(usize::MAX / 2))
}

fn words(response: &[u8]) -> impl Iterator<Item = &[u8]> {
    response.split(|byte| byte.is_ascii_whitespace())
}

fn is_status(word: &[u8]) -> bool {
    [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|status| word.eq_ignore_ascii_case(status))
}

/// Untagged data, in contrast to a status, whose text may end in what looks like a literal.
fn is_data(response: &[u8]) -> bool {
    let mut words = words(response);
    words.next() == Some(b"*") && !words.next().is_some_and(is_status)
}

/// What of a response the parser gets to see: a status without its text, which may hold anything and is read from
/// [`Guard::current`]; data of the kinds that are used here, if the parser takes it; else nothing.
fn admitted(response: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let not_imap = || Err(Failure::new(Kind::Malformed).detail(format!("not IMAP: {}", excerpt(response))));
    let mut words = words(response);
    let first = words.next().unwrap_or_default();
    let second = words.next().unwrap_or_default();
    match first {
        b"" if response.trim_ascii().is_empty() => Ok(None),
        b"+" => Ok(Some(b"+ \r\n".to_vec())),
        b"*" if is_status(second) => Ok(Some([b"* ", second, b" x\r\n"].concat())),
        b"*" => Ok(is_used(response).then(|| with_crlf(response)).filter(|response| parses(response))),
        tag if !tag.is_empty() && tag.iter().all(u8::is_ascii_alphanumeric) && is_status(second) => {
            Ok(Some([tag, b" ", second, b" x\r\n"].concat()))
        }
        _ => not_imap(),
    }
}

/// `* BYE …`: the server takes leave (RFC 9051 §7.1.5).
fn bye(line: &[u8]) -> Option<Reply> {
    let (star, rest) = line.split_at_checked(2)?;
    let (status, text) = rest.split_at_checked(3)?;
    let is_bye = star == b"* " && status.eq_ignore_ascii_case(b"BYE") && matches!(text.first(), None | Some(b' '));
    is_bye.then(|| status_reply("BYE", String::from_utf8_lossy(text).trim_start()))
}

fn is_used(response: &[u8]) -> bool {
    let is = |word: Option<&[u8]>, names: &[&str]| {
        word.is_some_and(|word| names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes())))
    };
    let mut words = words(response).skip(1);
    let second = words.next();
    let numbered = second.is_some_and(|word| !word.is_empty() && word.iter().all(u8::is_ascii_digit));
    if numbered {
        is(words.next(), &["EXISTS", "EXPUNGE", "FETCH"])
    } else {
        is(second, &["LIST", "STATUS", "SEARCH", "QUOTA"])
    }
}

fn with_crlf(response: &[u8]) -> Vec<u8> {
    if response.ends_with(b"\r\n") { response.to_vec() } else { [&response[..response.len() - 1], b"\r\n"].concat() }
}

/// Whether the parser takes a response. Known to make it panic or overflow its stack: deep nesting, and
/// `INTERNALDATE NIL`; what else may be in there is caught.
fn parses(response: &[u8]) -> bool {
    let mut depth: usize = 0;
    for &byte in response {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST_NESTING {
            return false;
        }
    }
    let upper = response.to_ascii_uppercase();
    if upper.windows(16).any(|window| window == b"INTERNALDATE NIL") {
        return false;
    }
    let parsed =
        std::panic::catch_unwind(|| imap_proto::Response::parse(response).is_ok_and(|(rest, _)| rest.is_empty()));
    parsed.unwrap_or(false)
}

/// `* CAPABILITY …`, or `[CAPABILITY …]` in a status.
fn capabilities(line: &[u8]) -> Option<Vec<String>> {
    let line = String::from_utf8_lossy(line);
    let upper = line.to_ascii_uppercase();
    let names = if upper.starts_with("* CAPABILITY ") {
        &line["* CAPABILITY ".len()..]
    } else {
        let begin = upper.find("[CAPABILITY ")? + "[CAPABILITY ".len();
        let rest = &line[begin..];
        &rest[..rest.find(']')?]
    };
    Some(names.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(response: &str) -> Option<String> {
        admitted(response.as_bytes()).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_response_is_whole_with_its_literals() {
        let response = b"* 1 FETCH (BODY[] {5}\r\nab\r\nc UID 7)\r\n";
        for length in 0..response.len() {
            assert_eq!(response_length(&response[..length]).unwrap(), None, "{length}");
        }
        assert_eq!(response_length(response).unwrap(), Some(response.len()));
        assert_eq!(response_length(b"* OK hello {5}\r\n* 1").unwrap(), Some(16));
    }

    #[test]
    fn what_is_too_large_is_refused_when_it_is_announced() {
        for announced in ["{1048577}", "{500000000}", "{99999999999999999999999}"] {
            let response = format!("* 1 FETCH (BODY[] {announced}\r\n");
            assert!(matches!(response_length(response.as_bytes()), Err(Failure { kind: Kind::Malformed, .. })));
        }
        assert!(response_length(&vec![b'x'; LONGEST_LINE + 1]).is_err());
    }

    #[test]
    fn a_quota_passes_and_what_is_none_does_not() {
        let quota = "* QUOTA \"User quota\" (STORAGE 10 512)\r\n";
        assert_eq!(pass(quota).as_deref(), Some(quota));
        assert_eq!(pass("* QUOTA \"\" (STORAGE many)\r\n"), None);
        assert_eq!(pass("* QUOTAROOT INBOX \"\"\r\n"), None);
    }

    #[test]
    fn the_parser_sees_a_status_without_its_text() {
        assert_eq!(pass("* OK [ALERT] \u{e4}\r\n").unwrap(), "* OK x\r\n");
        assert_eq!(pass("A0001 NO [X] no\r\n").unwrap(), "A0001 NO x\r\n");
        assert_eq!(pass("A0001 BAD\r\n").unwrap(), "A0001 BAD x\r\n");
        assert_eq!(pass("+ go ahead\r\n").unwrap(), "+ \r\n");
    }

    #[test]
    fn data_that_is_not_used_or_that_the_parser_cannot_take_is_held_back() {
        let deep = format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(600));
        for response in ["* 1 FETCH (INTERNALDATE NIL)\r\n", "* XYZZY plugh\r\n", "* ESEARCH UID\r\n", &deep, "\r\n"] {
            assert_eq!(pass(response), None, "{response}");
        }
        assert_eq!(pass("* 3 EXISTS\n").unwrap(), "* 3 EXISTS\r\n");
        assert!(pass("* 1 FETCH (UID 7 BODY[HEADER.FIELDS (SUBJECT)] {2}\r\n\r\n)\r\n").is_some());
    }

    #[test]
    fn what_is_not_imap_is_called_so() {
        for response in ["220 mail.example.net ESMTP\r\n", "HTTP/1.1 400 Bad Request\r\n", "\u{1}\u{2}\u{3} OK\r\n"] {
            assert!(matches!(admitted(response.as_bytes()), Err(Failure { kind: Kind::Malformed, .. })), "{response}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let seeds = ["* 1 FETCH (UID 7 FLAGS (\\Seen) BODY[] {3}\r\nabc)\r\n", "* LIST (\\Sent) \"/\" \"Sent\"\r\n"];
        for seed in seeds {
            for place in 0..seed.len() {
                for byte in [0, b'(', b')', b'{', b'}', b'"', b'\\', b'\n', 0xff] {
                    let mut bytes = seed.as_bytes().to_vec();
                    bytes[place] = byte;
                    if let Ok(Some(length)) = response_length(&bytes) {
                        let _ = admitted(&bytes[..length]);
                    }
                }
            }
        }
    }

    #[test]
    fn capabilities_are_read_from_data_and_from_codes() {
        let names = Some(vec!["IMAP4rev1".to_owned(), "IDLE".to_owned()]);
        assert_eq!(capabilities(b"* CAPABILITY IMAP4rev1 IDLE"), names);
        assert_eq!(capabilities(b"A1 OK [CAPABILITY IMAP4rev1 IDLE] Logged in"), names);
        assert_eq!(capabilities(b"* OK [CAPABILITY IMAP4rev1 IDLE"), None);
    }
}
