//! Message submission (RFC 6409, RFC 5321), on lettre's commands.
//!
//! lettre's own connection is not used: it cannot pipeline, does not read replies such as `571` or ones that are not
//! UTF-8, keeps only four of the EHLO keywords, and takes plaintext that was injected before STARTTLS for the
//! server's words inside TLS. Reading a reply is 30 lines; the commands, the addresses and the message are lettre's.

use lettre::Address;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Quit, Rcpt, Rset, Starttls};
use lettre::transport::smtp::extension::{ClientId, MailParameter};
use zeroize::Zeroizing;

use crate::account::{Endpoint, Protocol};
use crate::failure::{Failure, Kind, Reply, Step};
use crate::wire::sasl::{Exchange, Key, Mechanism, SignIn, encoded};
use crate::wire::tap::Tap;
use crate::wire::{Dialogue, Stream, excerpt, exchange, permit_secret};

/// The longest command line, its end included (RFC 5321 §4.5.3.1.4); RFC 4954 §4 holds AUTH to it.
const LONGEST_COMMAND: usize = 512;

/// No reply has more lines than this.
const MOST_LINES: usize = 128;

/// Whether a server takes mail for a domain that is not its own, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relaying {
    /// It refused MAIL or RCPT.
    Refused(Reply),
    /// It accepted RCPT.
    Accepted(Reply),
}

/// A connection to a submission server that has said what it can do.
#[derive(Debug)]
pub struct Smtp {
    stream: Stream,
    keywords: Vec<String>,
}

impl Dialogue for Smtp {
    type Session = Smtp;

    async fn meet(mut stream: Stream, heard: &mut (dyn FnMut(&str) + Send)) -> Result<Smtp, Failure> {
        stream.expect(Protocol::Smtp).await?;
        heard(&expect(reply(&mut stream).await?, 220)?.text);
        Smtp::introduce(stream).await
    }

    async fn starttls(mut self) -> Result<Tap, Failure> {
        if !self.offers("STARTTLS") {
            return Err(Failure::new(Kind::StarttlsNotOffered));
        }
        let answer = command(&mut self.stream, &Starttls.to_string()).await?;
        expect(answer, 220)?;
        self.stream.into_tap()
    }

    async fn resume(stream: Stream) -> Result<Smtp, Failure> {
        Smtp::introduce(stream).await
    }

    async fn login(mut self, endpoint: &Endpoint, key: &Key) -> Result<(Smtp, SignIn), Failure> {
        permit_secret(endpoint)?;
        let sign_in = Mechanism::choose(endpoint.auth, &self.mechanisms(), key)?;
        self.authenticate(sign_in.mechanism, exchange(sign_in.mechanism, endpoint, key)).await?;
        Ok((self, sign_in))
    }

    fn capabilities(&self) -> &[String] {
        &self.keywords
    }

    fn mechanisms(&self) -> Vec<String> {
        self.parameters("AUTH").map(str::to_owned).collect()
    }

    async fn leave(mut self) {
        let _ = self.stream.send(b"QUIT\r\n").await; // a courtesy
    }
}

impl Smtp {
    /// EHLO with our address, as a client without a host name of its own does (RFC 5321 §4.1.4).
    async fn introduce(mut stream: Stream) -> Result<Smtp, Failure> {
        let client = match stream.local_address().map(|address| address.ip().to_canonical()) {
            Some(std::net::IpAddr::V6(ip)) => ClientId::Ipv6(ip),
            Some(std::net::IpAddr::V4(ip)) => ClientId::Ipv4(ip),
            None => ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST),
        };
        let answer = expect(command(&mut stream, &Ehlo::new(client).to_string()).await?, 250)?;
        let keywords = answer.text.lines().skip(1).map(str::to_owned).collect();
        Ok(Smtp { stream, keywords })
    }

    /// Keywords are compared without regard to case (RFC 5321 §2.4).
    fn offers(&self, keyword: &str) -> bool {
        self.keywords.iter().any(|line| line.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(keyword)))
    }

    /// What follows a keyword; `AUTH=` is the spelling of servers older than RFC 2554.
    fn parameters(&self, keyword: &str) -> impl Iterator<Item = &str> {
        let of_keyword = move |line: &&String| {
            let word = line.split([' ', '=']).next();
            word.is_some_and(|word| word.eq_ignore_ascii_case(keyword))
        };
        let lines = self.keywords.iter().filter(of_keyword);
        let mut seen = Vec::new();
        lines.flat_map(|line| line.split([' ', '=']).skip(1)).filter(move |word| {
            let new = !word.is_empty() && !seen.contains(word);
            seen.push(word);
            new
        })
    }

    /// RFC 4954 §4. A refusal is read to its end, and an exchange that is given up is taken back: the connection is in step
    /// afterwards, unless it was lost.
    async fn authenticate(&mut self, mechanism: Mechanism, mut exchange: Exchange) -> Result<(), Failure> {
        let begin = format!("AUTH {}", mechanism.name());
        let room = LONGEST_COMMAND - begin.len() - " \r\n".len();
        let mut answer = match exchange.initial_response(room) {
            Some(response) => {
                let line = Zeroizing::new(format!("{begin} {}", *response));
                self.continuation(&format!("{begin} (credentials)"), &line).await?
            }
            None => self.continuation(&begin, &begin).await?,
        };
        while answer.code == Some(334) {
            answer = match exchange.respond(answer.text.as_bytes()) {
                Ok(response) => self.continuation("(response)", &encoded(&response)).await?,
                Err(failure) => {
                    let reply = Some(Box::new(self.continuation("*", "*").await?));
                    return Err(Failure { reply, ..failure });
                }
            };
        }
        expect(answer, 235).map_err(|failure| exchange.explain(failure))?;
        exchange.finish()
    }

    /// Sends a line of which the transcript has something else.
    async fn continuation(&mut self, shown: &str, secret: &str) -> Result<Reply, Failure> {
        self.stream.transcript.sent(shown);
        let line = Zeroizing::new(format!("{secret}\r\n"));
        self.stream.send(line.as_bytes()).await?;
        reply(&mut self.stream).await
    }

    /// MAIL, RCPT and DATA, in one flight where the server takes them so (RFC 2920): afterwards it waits for the message.
    ///
    /// # Errors
    /// [`Kind::Refused`] with the command that was refused. The connection is given up then: ending the
    /// transaction by closing it can never leave an empty message behind.
    pub async fn envelope(&mut self, from: &Address, to: &Address) -> Result<(), Failure> {
        let [mail, rcpt] = addressed(from, to);
        let commands = [mail, rcpt, Data.to_string()];
        let flown = self.in_one_flight(&commands).await?;
        for (line, (step, wanted)) in commands.iter().zip([(Step::Mail, 250), (Step::Rcpt, 250), (Step::Data, 354)]) {
            let answer = self.answer(line, flown).await?;
            // 251: the recipient has moved, and the server forwards (RFC 5321 §3.4).
            if answer.code != Some(wanted) && !(step == Step::Rcpt && answer.code == Some(251)) {
                return Err(refused(step, answer));
            }
        }
        Ok(())
    }

    /// MAIL and RCPT, and no more: whether this server would take mail for a foreign domain from somebody who has not signed
    /// in. What was begun is to be ended by [`Smtp::abandon`].
    ///
    /// # Errors
    /// Where there is no telling: the connection is lost or garbled, or the server is about to close it (421).
    pub async fn would_relay(&mut self, from: &Address, to: &Address) -> Result<Relaying, Failure> {
        let [mail, rcpt] = addressed(from, to);
        let flown = self.in_one_flight(&[mail.clone(), rcpt.clone()]).await?;
        let sender = taken(self.answer(&mail, flown).await?)?;
        match (sender, flown) {
            (Relaying::Accepted(_), _) => taken(self.answer(&rcpt, flown).await?),
            (refused, true) => {
                let _ = self.answer(&rcpt, flown).await; // it goes without saying
                Ok(refused)
            }
            (refused, false) => Ok(refused),
        }
    }

    /// Sends these commands ahead of their answers, where the server takes them so (RFC 2920); says whether it does.
    async fn in_one_flight(&mut self, commands: &[String]) -> Result<bool, Failure> {
        let pipelining = self.offers("PIPELINING");
        if pipelining {
            commands.iter().for_each(|command| self.stream.transcript.sent(command.trim_end()));
            self.stream.send(commands.concat().as_bytes()).await?;
        }
        Ok(pipelining)
    }

    /// The answer to a command, which is sent now unless it has flown ahead.
    async fn answer(&mut self, line: &str, flown: bool) -> Result<Reply, Failure> {
        if flown { reply(&mut self.stream).await } else { command(&mut self.stream, line).await }
    }

    /// Sends the message, dot-stuffed (RFC 5321 §4.5.2), up to and including the dot that ends it.
    ///
    /// # Errors
    /// [`Kind::ConnectionLost`]: the dot has not left, so the server has not taken the message.
    pub async fn send_message(&mut self, message: &[u8]) -> Result<(), Failure> {
        let stuffed = dot_stuffed(message);
        self.stream.transcript.sent(&format!("(the message, {} bytes, and a dot)", message.len()));
        self.stream.send(&stuffed).await
    }

    /// The answer to the message.
    ///
    /// # Errors
    /// [`Kind::Refused`], or a lost or garbled connection: then the server may have taken the message all the same.
    pub async fn message_taken(&mut self) -> Result<Reply, Failure> {
        let answer = reply(&mut self.stream).await?;
        // The first digit is what counts (RFC 5321 §4.2.1), above all for whether there is something to clean up.
        match answer.code {
            Some(200..300) => Ok(answer),
            Some(400..600) => Err(refused(Step::Message, answer)),
            _ => Err(Failure { reply: Some(Box::new(answer)), ..Failure::new(Kind::Malformed) }),
        }
    }

    /// Takes leave.
    ///
    /// # Errors
    /// Of no consequence: everything was said before.
    pub async fn quit(mut self) -> Result<(), Failure> {
        command(&mut self.stream, &Quit.to_string()).await.map(drop)
    }

    /// Gives up the transaction that was begun, and takes leave.
    ///
    /// # Errors
    /// Of no consequence: a server forgets what was begun also when the connection just ends (RFC 5321 §4.1.1.10).
    pub async fn abandon(mut self) -> Result<(), Failure> {
        command(&mut self.stream, &Rset.to_string()).await?;
        self.quit().await
    }
}

/// MAIL and RCPT.
fn addressed(from: &Address, to: &Address) -> [String; 2] {
    let international = !from.to_string().is_ascii() || !to.to_string().is_ascii();
    let parameters = if international { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
    [Mail::new(Some(from.clone()), parameters).to_string(), Rcpt::new(to.clone(), Vec::new()).to_string()]
}

/// What an answer to MAIL or RCPT says of relaying.
fn taken(answer: Reply) -> Result<Relaying, Failure> {
    match answer.code {
        Some(200..300) => Ok(Relaying::Accepted(answer)),
        Some(421) => Err(Failure::refused(answer)),
        Some(400..600) => Ok(Relaying::Refused(answer)),
        _ => Err(Failure { reply: Some(Box::new(answer)), ..Failure::new(Kind::Malformed) }),
    }
}

fn refused(step: Step, answer: Reply) -> Failure {
    Failure { reply: Some(Box::new(answer)), ..Failure::new(Kind::Refused { step: Some(step) }) }
}

fn expect(answer: Reply, wanted: u16) -> Result<Reply, Failure> {
    if answer.code == Some(wanted) { Ok(answer) } else { Err(Failure::refused(answer)) }
}

/// Sends a command that holds no secret, and reads its reply.
async fn command(stream: &mut Stream, line: &str) -> Result<Reply, Failure> {
    stream.transcript.sent(line.trim_end());
    stream.send(line.as_bytes()).await?;
    reply(stream).await
}

/// One reply (RFC 5321 §4.2): the first line's code counts; the text is kept as it is but for enhanced codes
/// (RFC 2034), which are told apart.
async fn reply(stream: &mut Stream) -> Result<Reply, Failure> {
    let mut answer = Reply::default();
    let mut lines = Vec::new();
    loop {
        let line = stream.line().await?;
        let text = String::from_utf8_lossy(&line);
        let (code, more, text) = split(&text)
            .ok_or_else(|| Failure::new(Kind::Malformed).detail(format!("not SMTP: {}", excerpt(&line))))?;
        let (enhanced, text) = split_enhanced(text);
        answer.code.get_or_insert(code);
        answer.enhanced = answer.enhanced.or(enhanced.map(str::to_owned));
        lines.push(text.to_owned());
        if !more {
            answer.text = lines.join("\n");
            return Ok(answer);
        }
        if lines.len() >= MOST_LINES {
            return Err(Failure::new(Kind::Malformed).detail("a reply that does not end"));
        }
    }
}

/// `250-text`, `250 text`, and `250` alone, which RFC 5321 §4.2 asks clients to take.
fn split(line: &str) -> Option<(u16, bool, &str)> {
    let code = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?;
    let code = code.parse().ok().filter(|code| (200..600).contains(code))?;
    match line.as_bytes().get(3) {
        None => Some((code, false, "")),
        Some(b' ') => Some((code, false, &line[4..])),
        Some(b'-') => Some((code, true, &line[4..])),
        Some(_) => None,
    }
}

/// `5.7.8 text` (RFC 3463 §2).
fn split_enhanced(text: &str) -> (Option<&str>, &str) {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let parts: Vec<&str> = first.split('.').collect();
    let numbers = parts.iter().all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    let is_code = parts.len() == 3 && numbers && matches!(parts[0], "2" | "4" | "5");
    if is_code { (Some(first), rest) } else { (None, text) }
}

fn dot_stuffed(message: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    if !stuffed.ends_with(b"\r\n") {
        stuffed.extend_from_slice(b"\r\n");
    }
    stuffed.extend_from_slice(b".\r\n");
    stuffed
}

/// The queue id in the reply to a message, in the forms of well-known servers: Postfix, Exim, Courier and Sendmail.
pub fn queue_id(text: &str) -> Option<&str> {
    for before in ["queued as ", "id="] {
        if let Some((_, after)) = text.split_once(before) {
            return after.split_whitespace().next();
        }
    }
    let courier =
        text.strip_prefix("Ok. ").filter(|id| id.bytes().all(|byte| byte == b'.' || byte.is_ascii_hexdigit()));
    if courier.is_some() {
        return courier;
    }
    text.split_once(" Message accepted for delivery").and_then(|(id, _)| id.split_whitespace().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_real_servers_are_read() {
        assert_eq!(split("250"), Some((250, false, "")));
        assert_eq!(split("571 5.7.1 no"), Some((571, false, "5.7.1 no")));
        assert_eq!(split("250-PIPELINING"), Some((250, true, "PIPELINING")));
        for wrong in ["", "25", "25x ok", "999 what", "250x", "HTTP/1.1 400", "* OK ready"] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
        assert_eq!(split_enhanced("5.7.8 Error: no"), (Some("5.7.8"), "Error: no"));
        assert_eq!(split_enhanced("127.0.0.1 is blocked"), (None, "127.0.0.1 is blocked"));
        assert_eq!(split_enhanced("5.7.8"), (Some("5.7.8"), ""));
    }

    #[test]
    fn a_line_that_begins_with_a_dot_gets_another_one() {
        assert_eq!(dot_stuffed(b".a\r\nb\r\n..\r\n"), b"..a\r\nb\r\n...\r\n.\r\n");
        assert_eq!(dot_stuffed(b"a"), b"a\r\n.\r\n");
    }

    #[test]
    fn queue_ids_of_known_forms_are_found() {
        assert_eq!(queue_id("Ok: queued as 4XyZ12"), Some("4XyZ12"));
        assert_eq!(queue_id("OK id=1uabc-0001-Ab"), Some("1uabc-0001-Ab"));
        assert_eq!(queue_id("5AN8aBcD012345 Message accepted for delivery"), Some("5AN8aBcD012345"));
        assert_eq!(queue_id("Ok. 000000006B045DD8.00007700"), Some("000000006B045DD8.00007700"));
        assert_eq!(queue_id("Ok. Thank you"), None);
        assert_eq!(queue_id("OK"), None);
    }
}
