//! POP3 (RFC 1939) with STLS (RFC 2595), CAPA (RFC 2449), SASL (RFC 5034) and response codes (RFC 2449 §8, RFC 3206).
//!
//! A client of our own: the libraries there are know no STLS, loop for ever when the connection ends, do not undo
//! dot-stuffing, and try a second sign-in where the first was refused.
//!
//! What the protocol forces: new mail shows only in a new session, so that each look costs a connection and a sign-in;
//! and a session locks the mailbox, so that it must not be kept longer than it is needed. What it does not force: a
//! list of all messages. STAT says how many there are, and single messages are asked for by their number, so that a
//! look at a mailbox of 50,000 costs no more than one at a mailbox of 10.

mod text;

use std::time::Duration;

use zeroize::Zeroizing;

use crate::account::{Endpoint, Protocol};
use crate::failure::{Failure, Kind, Reply};
use crate::wire::sasl::{Exchange, Key, Mechanism, SignIn, encoded};
use crate::wire::tap::Tap;
use crate::wire::{Dialogue, Stream, excerpt, exchange, permit_secret, status_reply};

/// The longest command line, its end included (RFC 2449 §4); RFC 5034 §4 holds AUTH to it.
const LONGEST_COMMAND: usize = 255;

/// The largest message that is read: a probe is 1 kB.
const LARGEST_MESSAGE: usize = 1024 * 1024;

/// How much of a header is kept, and how much is read in search of its end: some servers send the body, too.
const LARGEST_HEADER: usize = 64 * 1024;
const MOST_READ: usize = 32 * 1024 * 1024;

/// What is larger is no probe, nor an answer to one, and is not fetched for its header where TOP is missing.
const LARGEST_PROBE: u64 = 256 * 1024;

/// So many commands leave in one flight: short enough for any buffer on the way.
const LARGEST_FLIGHT: usize = 50;

/// No list of capabilities has more lines than this.
const MOST_CAPABILITIES: usize = 128;

/// A connection to a POP3 server that has said what it can do.
#[derive(Debug)]
pub struct Greeted {
    stream: Stream,
    /// `None`: the server does not know CAPA, so that what it can do has to be tried.
    capabilities: Option<Vec<String>>,
    /// There was a timestamp in its greeting: it offers APOP (RFC 1939 §7).
    apop: bool,
}

/// A session that is signed in: the mailbox is locked until [`Pop3::quit`], or until the connection ends.
#[derive(Debug)]
pub struct Pop3 {
    stream: Stream,
    /// Whether the server knows TOP.
    top: Top,
    /// The server has not refused UIDL so far.
    uidl: bool,
    /// It takes several commands in one flight (RFC 2449 §6.6).
    pipelining: bool,
    /// The least time between two sign-ins that the server asks for (LOGIN-DELAY, RFC 2449 §6.5).
    pub login_delay: Option<Duration>,
}

/// Whether a server knows TOP (RFC 1939 §7), which is the way to read a header without marking anything as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Top {
    /// It was announced, or has worked: what it is refused for is the one message, such as one that another session has
    /// removed meanwhile.
    Known,
    /// It has to be tried.
    Untried,
    /// It was refused before it had ever worked.
    Missing,
}

/// What STAT says of the mailbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stat {
    /// How many messages there are: their numbers go from 1 to this.
    pub count: u32,
    /// How large they are together; `None` where the server does not say.
    pub octets: Option<u64>,
}

impl Dialogue for Greeted {
    type Session = Pop3;

    async fn meet(mut stream: Stream, heard: &mut (dyn FnMut(&str) + Send)) -> Result<Greeted, Failure> {
        stream.expect(Protocol::Pop3).await?;
        let greeting = ok(answer(&mut stream).await?)?.text;
        heard(&greeting);
        let stamp = greeting.split_once('<').map_or("", |(_, stamp)| stamp);
        Greeted::introduce(stream, stamp.contains('@') && stamp.contains('>')).await
    }

    async fn starttls(mut self) -> Result<Tap, Failure> {
        if self.capabilities.is_some() && !self.offers("STLS") {
            return Err(Failure::new(Kind::StarttlsNotOffered));
        }
        let unheard_of = |failure| match self.capabilities {
            None => Failure { kind: Kind::StarttlsNotOffered, ..failure }, // what does not say what it can do is just asked
            Some(_) => failure,
        };
        ok(command(&mut self.stream, "STLS").await?).map_err(unheard_of)?;
        self.stream.into_tap()
    }

    async fn resume(stream: Stream) -> Result<Greeted, Failure> {
        Greeted::introduce(stream, false).await
    }

    async fn login(mut self, endpoint: &Endpoint, key: &Key) -> Result<(Pop3, SignIn), Failure> {
        permit_secret(endpoint)?;
        let sign_in = Mechanism::choose(endpoint.auth, &self.mechanisms(), key)?;
        match (sign_in.mechanism, key) {
            (Mechanism::Login, Key::Password(password)) => {
                ok(self.user_and_pass(&endpoint.credentials.username, password.expose()).await?)?;
            }
            (mechanism, _) => self.authenticate(mechanism, exchange(mechanism, endpoint, key)).await?,
        }
        let login_delay = self.parameter("LOGIN-DELAY").and_then(|seconds| seconds.parse().ok());
        let login_delay =
            login_delay.filter(|seconds| *seconds > 0).map(|seconds: u32| Duration::from_secs(seconds.into()));
        let pipelining = self.offers("PIPELINING");
        let top = if self.offers("TOP") { Top::Known } else { Top::Untried };
        Ok((Pop3 { stream: self.stream, top, uidl: true, pipelining, login_delay }, sign_in))
    }

    fn capabilities(&self) -> &[String] {
        self.capabilities.as_deref().unwrap_or_default()
    }

    /// SASL mechanisms, and USER with PASS, which stands as LOGIN here. A server without CAPA knows that at least.
    fn mechanisms(&self) -> Vec<String> {
        let sasl = self.line("SASL").unwrap_or_default().split_whitespace().skip(1);
        let mut mechanisms: Vec<String> =
            sasl.map(str::to_ascii_uppercase).filter(|mechanism| mechanism != "LOGIN").collect();
        if self.capabilities.is_none() || self.offers("USER") || mechanisms.is_empty() {
            mechanisms.push("LOGIN".to_owned());
        }
        mechanisms
    }

    async fn leave(mut self) {
        let _ = self.stream.send(b"QUIT\r\n").await; // a courtesy
    }
}

impl Greeted {
    async fn introduce(mut stream: Stream, apop: bool) -> Result<Greeted, Failure> {
        let answer = command(&mut stream, "CAPA").await?;
        let capabilities = if is_ok(&answer) { Some(capabilities(&mut stream).await?) } else { None };
        Ok(Greeted { stream, capabilities, apop })
    }

    fn offers(&self, name: &str) -> bool {
        self.line(name).is_some()
    }

    fn line(&self, name: &str) -> Option<&str> {
        let named = |line: &&String| line.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(name));
        self.capabilities().iter().find(named).map(String::as_str)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.line(name)?.split_whitespace().nth(1)
    }

    /// No mechanism that is announced, but perhaps APOP. Where STLS is still to be had, it is TLS that is missing: Cyrus and
    /// GNU Mailutils have a timestamp in their greeting then, too.
    fn only_apop(&self) -> Kind {
        let apop = self.apop && !self.offers("STLS");
        Kind::NoMechanism { offered: apop.then(|| "APOP".to_owned()).into_iter().collect() }
    }

    /// RFC 5034 §4. A refusal is read to its end, and an exchange that is given up is taken back: the connection is in step
    /// afterwards, unless it was lost.
    async fn authenticate(&mut self, mechanism: Mechanism, mut exchange: Exchange) -> Result<(), Failure> {
        let begin = format!("AUTH {}", mechanism.name());
        let room = LONGEST_COMMAND - begin.len() - " \r\n".len();
        let mut line = match exchange.initial_response(room) {
            Some(response) => {
                let command = Zeroizing::new(format!("{begin} {}", *response));
                self.ask(&format!("{begin} (credentials)"), &command).await?
            }
            None => self.ask(&begin, &begin).await?,
        };
        while let Some(challenge) = challenge(&line) {
            line = match exchange.respond(challenge) {
                Ok(response) => self.ask("(response)", &encoded(&response)).await?,
                Err(failure) => {
                    let reply = Some(Box::new(read(&self.ask("*", "*").await?)?));
                    return Err(Failure { reply, ..failure });
                }
            };
        }
        ok(read(&line)?).map_err(|failure| exchange.explain(failure))?;
        exchange.finish()
    }

    /// Sends a line of which the transcript has something else, and gives the line that comes back.
    async fn ask(&mut self, shown: &str, secret: &str) -> Result<Vec<u8>, Failure> {
        self.stream.transcript.sent(shown);
        let line = Zeroizing::new(format!("{secret}\r\n"));
        self.stream.send(line.as_bytes()).await?;
        self.stream.line().await
    }

    /// USER and PASS (RFC 1939 §7), in one flight where the server takes them so (RFC 2449 §6.6).
    async fn user_and_pass(&mut self, name: &str, password: &str) -> Result<Reply, Failure> {
        if [name, password].iter().any(|text| text.contains(['\r', '\n', '\0'])) {
            let why = "a username or password with a line end cannot be sent by USER and PASS";
            return Err(Failure::new(Kind::Local).detail(why));
        }
        let user = format!("USER {name}");
        let pass = Zeroizing::new(format!("PASS {password}\r\n"));
        let pipelining = self.offers("PIPELINING");
        let known = if pipelining {
            self.stream.transcript.sent(&user);
            self.stream.transcript.sent("PASS (password)");
            let flight = Zeroizing::new(format!("{user}\r\n{}", *pass));
            self.stream.send(flight.as_bytes()).await?;
            answer(&mut self.stream).await?
        } else {
            command(&mut self.stream, &user).await?
        };
        if !is_ok(&known) {
            // What is said to PASS then, if anything, says nothing of the password; nor does this of the name where the
            // server has announced all that it can do, and USER was not among it.
            return match self.capabilities.is_some() && !self.offers("USER") {
                true => Err(Failure { reply: Some(Box::new(known)), ..Failure::new(self.only_apop()) }),
                false => Ok(known),
            };
        }
        if !pipelining {
            self.stream.transcript.sent("PASS (password)");
            self.stream.send(pass.as_bytes()).await?;
        }
        answer(&mut self.stream).await
    }
}

impl Pop3 {
    /// How many messages there are, and how large they are together (STAT).
    ///
    /// # Errors
    /// When the server refuses, its answer is no number, or the connection is lost.
    pub async fn stat(&mut self) -> Result<Stat, Failure> {
        let reply = ok(command(&mut self.stream, "STAT").await?)?;
        let mut words = reply.text.split_whitespace();
        let count = words.next().and_then(|count| count.parse().ok());
        let octets = words.next().and_then(|octets| octets.parse().ok());
        let malformed = || Failure::new(Kind::Malformed).detail(format!("not the answer to STAT: {}", reply.text));
        count.map(|count| Stat { count, octets }).ok_or_else(malformed)
    }

    /// The unique id of one message (UIDL); `None` where the server has none to tell.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn unique_id(&mut self, number: u32) -> Result<Option<String>, Failure> {
        if !self.uidl {
            return Ok(None);
        }
        let id = self.of_one("UIDL", number).await?;
        self.uidl = id.is_some();
        Ok(id)
    }

    /// The size of one message in bytes, as the server counts them (LIST); `None` where it does not tell.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn size(&mut self, number: u32) -> Result<Option<u64>, Failure> {
        Ok(self.of_one("LIST", number).await?.and_then(|size| size.parse().ok()))
    }

    /// UIDL and LIST with a number are answered by that number and what was asked for (RFC 1939 §5, §7).
    async fn of_one(&mut self, verb: &str, number: u32) -> Result<Option<String>, Failure> {
        let reply = command(&mut self.stream, &format!("{verb} {number}")).await?;
        let mut words = reply.text.split_whitespace();
        let is_it = is_ok(&reply) && words.next().and_then(|word| word.parse().ok()) == Some(number);
        Ok(words.next().filter(|_| is_it).map(str::to_owned))
    }

    /// The header of one message, without what is beyond 64 KiB: TOP with no line of the body.
    ///
    /// TOP is tried whether it is announced or not, because the only other way, RETR, is what marks a message as read on
    /// many servers. Only where TOP is not known at all it has to be; a message that is too large for a probe is left alone
    /// then, and counts as one without a header.
    ///
    /// # Errors
    /// When the server refuses, does not end, or the connection is lost.
    pub async fn header(&mut self, number: u32) -> Result<Vec<u8>, Failure> {
        if self.top != Top::Missing {
            let (reply, end) = self.ask(&format!("TOP {number} 0")).await?;
            if is_ok(&reply) {
                self.top = Top::Known;
                return Ok(text::read(&mut self.stream, end, LARGEST_HEADER, MOST_READ).await?.0);
            }
            if self.top == Top::Known {
                return ok(reply).map(|_| Vec::new());
            }
            self.top = Top::Missing;
        }
        if self.size(number).await?.is_some_and(|size| size > LARGEST_PROBE) {
            return Ok(Vec::new());
        }
        let (reply, end) = self.ask(&format!("RETR {number}")).await?;
        ok(reply)?;
        let (message, _) = text::read(&mut self.stream, end, LARGEST_HEADER, MOST_READ).await?;
        Ok(header_of(message))
    }

    /// The headers of several messages, by TOP alone, without what is beyond 64 KiB; `None` for one that the server does
    /// not show so. Nothing here marks a message as read.
    ///
    /// # Errors
    /// When an answer does not end, or the connection is lost.
    pub async fn headers(&mut self, numbers: &[u32]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        let mut headers = Vec::new();
        for flight in numbers.chunks(self.flight()) {
            let commands: Vec<String> = flight.iter().map(|number| format!("TOP {number} 0")).collect();
            self.say(&commands).await?;
            for _ in flight {
                let (reply, end) = self.first_line().await?;
                headers.push(match is_ok(&reply) {
                    true => Some(text::read(&mut self.stream, end, LARGEST_HEADER, MOST_READ).await?.0),
                    false => None,
                });
            }
        }
        Ok(headers)
    }

    /// Marks several messages to be deleted at [`Pop3::quit`]; what the server said of each that it does not delete.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn delete_all(&mut self, numbers: &[u32]) -> Result<Vec<Option<Reply>>, Failure> {
        let mut refusals = Vec::new();
        for flight in numbers.chunks(self.flight()) {
            let commands: Vec<String> = flight.iter().map(|number| format!("DELE {number}")).collect();
            self.say(&commands).await?;
            for _ in flight {
                let reply = answer(&mut self.stream).await?;
                refusals.push(Some(reply).filter(|reply| !is_ok(reply)));
            }
        }
        Ok(refusals)
    }

    /// How many commands may leave at once.
    fn flight(&self) -> usize {
        if self.pipelining { LARGEST_FLIGHT } else { 1 }
    }

    async fn say(&mut self, commands: &[String]) -> Result<(), Failure> {
        commands.iter().for_each(|command| self.stream.transcript.sent(command));
        self.stream.send((commands.join("\r\n") + "\r\n").as_bytes()).await
    }

    /// One whole message (RETR).
    ///
    /// # Errors
    /// When the server refuses, sends too much, or the connection is lost.
    pub async fn whole(&mut self, number: u32) -> Result<Vec<u8>, Failure> {
        let (reply, end) = self.ask(&format!("RETR {number}")).await?;
        ok(reply)?;
        match text::read(&mut self.stream, end, LARGEST_MESSAGE, LARGEST_MESSAGE).await? {
            (message, size) if size == message.len() => Ok(message),
            _ => Err(Failure::new(Kind::Malformed).detail("a message of more than 1 MiB")),
        }
    }

    /// Sends a command whose answer goes on after its first line; how that line ends says how the others do.
    async fn ask(&mut self, line: &str) -> Result<(Reply, text::LineEnd), Failure> {
        self.say(&[line.to_owned()]).await?;
        self.first_line().await
    }

    async fn first_line(&mut self) -> Result<(Reply, text::LineEnd), Failure> {
        let mut line = self.stream.raw_line().await?;
        let end = text::LineEnd::of(&line);
        line.truncate(line.trim_ascii_end().len());
        self.stream.transcript.received(&line);
        Ok((read(&line)?, end))
    }

    /// Marks one message to be deleted at [`Pop3::quit`]; until then nothing is.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn delete(&mut self, number: u32) -> Result<(), Failure> {
        ok(command(&mut self.stream, &format!("DELE {number}")).await?).map(drop)
    }

    /// Ends the session: only now what was marked is deleted (RFC 1939 §6).
    ///
    /// # Errors
    /// When the server could not delete it all, or the connection is lost: then nothing is deleted.
    pub async fn quit(mut self) -> Result<(), Failure> {
        ok(command(&mut self.stream, "QUIT").await?).map(drop)
    }
}

/// The header of a message, its empty line included.
fn header_of(mut message: Vec<u8>) -> Vec<u8> {
    if let Some(end) = message.windows(4).position(|window| window == b"\r\n\r\n") {
        message.truncate(end + 4);
    }
    message
}

async fn capabilities(stream: &mut Stream) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    loop {
        let line = stream.line().await?;
        if line == b"." {
            return Ok(lines);
        }
        lines.push(String::from_utf8_lossy(&line).into_owned());
        if lines.len() > MOST_CAPABILITIES {
            return Err(Failure::new(Kind::Malformed).detail("a list of capabilities that does not end"));
        }
    }
}

/// Sends a command that holds no secret, and reads the first line of its answer.
async fn command(stream: &mut Stream, line: &str) -> Result<Reply, Failure> {
    stream.transcript.sent(line);
    stream.send(format!("{line}\r\n").as_bytes()).await?;
    answer(stream).await
}

async fn answer(stream: &mut Stream) -> Result<Reply, Failure> {
    read(&stream.line().await?)
}

/// What follows the `+` of a challenge (RFC 5034 §4); `None` for a line that is none.
fn challenge(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"+")?;
    (rest.is_empty() || rest.starts_with(b" ")).then_some(rest)
}

/// `+OK text` or `-ERR [CODE] text`.
fn read(line: &[u8]) -> Result<Reply, Failure> {
    let text = String::from_utf8_lossy(line);
    let (status, rest) = text.split_once(' ').unwrap_or((&text, ""));
    if status.eq_ignore_ascii_case("+OK") || status.eq_ignore_ascii_case("-ERR") {
        Ok(status_reply(&status.to_ascii_uppercase(), rest))
    } else {
        Err(Failure::new(Kind::Malformed).detail(format!("not POP3: {}", excerpt(line))))
    }
}

fn is_ok(reply: &Reply) -> bool {
    reply.status.as_deref() == Some("+OK")
}

fn ok(reply: Reply) -> Result<Reply, Failure> {
    if is_ok(&reply) { Ok(reply) } else { Err(Failure::refused(reply)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_codes_are_told_apart_from_the_text() {
        let reply = read(b"-ERR [SYS/TEMP] try again later").unwrap();
        assert_eq!(reply.response_code.as_deref(), Some("SYS/TEMP"));
        assert_eq!(reply.text, "try again later");
        assert!(is_ok(&read(b"+OK").unwrap()));
        assert!(matches!(read(b"* OK IMAP4 ready"), Err(Failure { kind: Kind::Malformed, .. })));
    }
}
