//! The submission server: RFC 5321 and 6409, with STARTTLS (RFC 3207), AUTH (RFC 4954), PIPELINING (RFC 2920),
//! SIZE (RFC 1870), 8BITMIME (RFC 6152) and enhanced status codes (RFC 3463, 2034).

mod envelope;

use std::io;

use super::HOST;
use super::connection::{Connection, MAX_MESSAGE, closed};
use super::fault::{Fault, Point, Protocol};
use super::sasl::{Exchange, Step};
use super::submission::Submission;
use super::system::Login;
use envelope::{Envelope, Path};

/// So many recipients a message may have; RFC 5321 §4.5.3.1.8 asks for 100 at least.
const MAX_RECIPIENTS: usize = 100;

/// One client's session.
struct Session {
    connection: Connection,
    helo: Option<String>,
    user: Option<String>,
    envelope: Option<Envelope>,
}

/// Serves a client until it quits, or the connection ends.
pub(super) async fn serve(connection: Connection) -> io::Result<()> {
    let mut session = Session { connection, helo: None, user: None, envelope: None };
    session.greet().await?;
    loop {
        let line = session.connection.line().await?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let verb = verb.to_ascii_uppercase();
        session.record(&verb, &line);
        let point = point(&verb);
        if let Some(point) = point
            && session.connection.meet(point).await?
        {
            continue;
        }
        let mark = session.connection.mark();
        session.command(&verb, rest).await?;
        if let Some(point) = point {
            session.connection.meet_after(point, mark).await?;
        }
        if verb == "QUIT" {
            return session.connection.close().await;
        }
        session.refuse_pipelining().await?;
    }
}

fn point(verb: &str) -> Option<Point> {
    Some(match verb {
        "EHLO" | "HELO" => Point::Ehlo,
        "STARTTLS" => Point::Starttls,
        "AUTH" => Point::Login,
        "MAIL" => Point::Mail,
        "RCPT" => Point::Rcpt,
        "DATA" => Point::Data,
        "RSET" => Point::Rset,
        "NOOP" => Point::Noop,
        "QUIT" => Point::Quit,
        _ => return None,
    })
}

impl Session {
    async fn greet(&mut self) -> io::Result<()> {
        if self.connection.meet(Point::Greeting).await? {
            return Ok(());
        }
        if let Some(reply) = self.connection.system.faults.greeting(Protocol::Smtp) {
            self.say(reply.line());
            self.connection.close().await?;
            return Err(closed());
        }
        self.say(format!("220 {HOST} ESMTP mailtrip sandbox"));
        let mark = 0;
        self.connection.meet_after(Point::Greeting, mark).await
    }

    fn say(&mut self, line: impl AsRef<[u8]>) {
        self.connection.say(line);
    }

    /// Notes the command; what follows the name of a mechanism is a secret.
    fn record(&self, verb: &str, line: &str) {
        let system = &self.connection.system;
        if verb != "AUTH" {
            return system.record(Protocol::Smtp, line);
        }
        let mut words = line.split_ascii_whitespace();
        let mut masked: Vec<&str> = words.by_ref().take(2).collect();
        masked.extend(words.next().map(|_| "***"));
        system.record(Protocol::Smtp, &masked.join(" "));
    }

    /// A client that sends ahead without leave is out of step sooner or later; RFC 2920 §3.1 forbids it.
    async fn refuse_pipelining(&mut self) -> io::Result<()> {
        if self.connection.system.settings.pipelining || !self.connection.pipelined() {
            return Ok(());
        }
        self.say("503 5.5.0 Improper use of SMTP command pipelining");
        self.connection.close().await?;
        Err(closed())
    }

    async fn command(&mut self, verb: &str, rest: &str) -> io::Result<()> {
        match verb {
            "EHLO" => self.hello(rest, true),
            "HELO" => self.hello(rest, false),
            "STARTTLS" if !self.connection.system.faults.starttls_absent(Protocol::Smtp) => {
                return self.start_tls().await;
            }
            "AUTH" => return self.auth(rest).await,
            "MAIL" => self.mail(rest),
            "RCPT" => self.rcpt(rest),
            "DATA" => return self.data().await,
            "RSET" => {
                self.envelope = None;
                self.say("250 2.0.0 Ok");
            }
            "NOOP" => self.say("250 2.0.0 Ok"),
            "VRFY" => self.say("252 2.1.5 Send some mail, and see"),
            "QUIT" => self.say("221 2.0.0 Bye"),
            _ => self.say("502 5.5.2 Command not recognized"),
        }
        Ok(())
    }

    fn hello(&mut self, name: &str, extended: bool) {
        let name = name.trim();
        if name.is_empty() {
            return self.say("501 5.5.4 Syntax: EHLO hostname");
        }
        self.envelope = None;
        self.helo = Some(envelope::harmless(name));
        if !extended {
            return self.say(format!("250 {HOST}"));
        }
        let settings = &self.connection.system.settings;
        let mut lines = vec![HOST.to_owned()];
        lines.extend(settings.pipelining.then(|| "PIPELINING".to_owned()));
        lines.push(format!("SIZE {MAX_MESSAGE}"));
        if self.connection.may_start_tls() {
            lines.push("STARTTLS".to_owned());
        }
        if self.connection.secured() && !settings.auth.is_empty() {
            lines.push(format!("AUTH {}", settings.auth.join(" ")));
        }
        lines.push("ENHANCEDSTATUSCODES".to_owned());
        let last = "8BITMIME";
        for line in lines {
            self.say(format!("250-{line}"));
        }
        self.say(format!("250 {last}"));
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        if self.connection.secured() {
            self.say("503 5.5.1 TLS is already active");
            return Ok(());
        }
        if self.connection.system.faults.starttls_refused(Protocol::Smtp) {
            self.say("454 4.7.0 TLS not available due to temporary reason");
            return Ok(());
        }
        self.say("220 2.0.0 Ready to start TLS");
        if self.connection.system.faults.starttls_injected(Protocol::Smtp) {
            self.say("250-injected.test\r\n250 AUTH PLAIN LOGIN");
        }
        self.connection.flush().await?;
        // What was learnt in plaintext does not count any more, RFC 3207 §4.2.
        self.helo = None;
        self.envelope = None;
        self.connection.start_tls().await
    }

    async fn auth(&mut self, rest: &str) -> io::Result<()> {
        if let Some(refusal) = self.auth_refusal() {
            self.say(refusal);
            return Ok(());
        }
        let (mechanism, initial) = match rest.trim().split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial.trim())),
            None => (rest.trim(), None),
        };
        let settings = &self.connection.system.settings;
        let offered = settings.offers(mechanism);
        let Some(mut exchange) = Exchange::begin(mechanism, &settings.accounts).filter(|_| offered) else {
            self.say("504 5.5.4 Unrecognized authentication mechanism");
            return Ok(());
        };
        let mut step = match initial {
            Some(initial) => exchange.initial(initial.as_bytes()),
            None => exchange.first(),
        };
        while let Step::Challenge(challenge) = step {
            self.say(format!("334 {challenge}"));
            let line = self.connection.line().await?;
            self.connection.system.record(Protocol::Smtp, "***");
            step = exchange.respond(&line);
        }
        self.judge(step);
        Ok(())
    }

    fn auth_refusal(&self) -> Option<&'static str> {
        if !self.connection.secured() {
            Some("538 5.7.11 Encryption required for requested authentication mechanism")
        } else if self.helo.is_none() {
            Some("503 5.5.1 Send EHLO first")
        } else if self.user.is_some() {
            Some("503 5.5.1 Already authenticated")
        } else if self.envelope.is_some() {
            Some("503 5.5.1 AUTH is not permitted during a mail transaction")
        } else {
            None
        }
    }

    fn judge(&mut self, step: Step) {
        let reply = match step {
            Step::Claim(claim) => {
                let system = &self.connection.system;
                match system.judge(Protocol::Smtp, &claim) {
                    Login::Accepted(user) => {
                        self.user = Some(user);
                        "235 2.7.0 Authentication successful"
                    }
                    Login::Refused => "535 5.7.8 Error: authentication failed",
                    Login::Unavailable => "454 4.7.0 Temporary authentication failure",
                }
            }
            Step::Cancelled => "501 5.7.0 Authentication aborted",
            Step::Malformed | Step::Challenge(_) => "501 5.5.2 Cannot decode response",
        };
        self.say(reply);
    }

    fn mail(&mut self, rest: &str) {
        let reply = match self.mail_refusal() {
            Some(refusal) => refusal.to_owned(),
            None => match Path::parse(rest, "FROM:") {
                Err(refusal) => refusal.to_owned(),
                Ok(path) => match self.connection.system.faults.sender() {
                    Some(reply) => reply.line(),
                    None => {
                        self.envelope = Some(Envelope::new(path.address));
                        "250 2.1.0 Ok".to_owned()
                    }
                },
            },
        };
        self.say(reply);
    }

    fn mail_refusal(&self) -> Option<&'static str> {
        if self.helo.is_none() {
            Some("503 5.5.1 Send EHLO first")
        } else if !self.connection.secured() && self.connection.may_start_tls() {
            Some("530 5.7.0 Must issue a STARTTLS command first")
        } else if self.user.is_none() && !self.is_open_relay() {
            Some("530 5.7.0 Authentication required")
        } else if self.envelope.is_some() {
            Some("503 5.5.1 Nested MAIL command")
        } else {
            None
        }
    }

    fn is_open_relay(&self) -> bool {
        self.connection.system.faults.on(Fault::OpenRelay {})
    }

    fn rcpt(&mut self, rest: &str) {
        let reply = self.add_recipient(rest);
        self.say(reply);
    }

    fn add_recipient(&mut self, rest: &str) -> String {
        let relays = self.is_open_relay();
        let system = &self.connection.system;
        let Some(envelope) = &mut self.envelope else {
            return "503 5.5.1 Need MAIL command".to_owned();
        };
        let address = match Path::parse(rest, "TO:") {
            Ok(path) if path.address.is_empty() => {
                return "501 5.1.3 Bad recipient address syntax".to_owned();
            }
            Ok(path) => path.address,
            Err(refusal) => return refusal.to_owned(),
        };
        if let Some(reply) = system.faults.recipient(&address) {
            return reply.line();
        }
        let serves = system.store.serves(&address);
        if !serves && !relays {
            return format!("550 5.7.1 <{address}>: Relay access denied");
        }
        if serves && !system.has_recipient(&address) {
            return format!("550 5.1.1 <{address}>: User unknown in local recipient table");
        }
        if envelope.to.len() >= MAX_RECIPIENTS {
            return "452 4.5.3 Too many recipients".to_owned();
        }
        envelope.to.push(address);
        "250 2.1.5 Ok".to_owned()
    }

    async fn data(&mut self) -> io::Result<()> {
        let refusal = match &self.envelope {
            None => Some("503 5.5.1 Need MAIL command".to_owned()),
            Some(envelope) if envelope.to.is_empty() => Some("554 5.5.1 No valid recipients".to_owned()),
            Some(_) => self.connection.system.faults.data().map(|reply| reply.line()),
        };
        if let Some(refusal) = refusal {
            self.say(refusal);
            return Ok(());
        }
        self.say("354 End data with <CR><LF>.<CR><LF>");
        let text = self.read_text().await?;
        let envelope = self.envelope.take();
        if self.connection.meet(Point::Message).await? {
            return Ok(());
        }
        let mark = self.connection.mark();
        let reply = self.accept(envelope, text);
        self.say(reply);
        self.connection.meet_after(Point::Message, mark).await
    }

    /// Reads to the final dot, dots unstuffed (RFC 5321 §4.5.2). Only CRLF ends a line here: a bare LF around the
    /// dot is text (otherwise one message could smuggle another). `None`: larger than the server takes.
    async fn read_text(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        let mut too_large = false;
        let mut at_line_start = true;
        loop {
            let line = self.connection.raw_line().await?;
            if at_line_start && line == b".\r\n" {
                return Ok((!too_large).then_some(text));
            }
            let stuffed = at_line_start && line.first() == Some(&b'.');
            at_line_start = line.ends_with(b"\r\n");
            too_large |= text.len() + line.len() > MAX_MESSAGE;
            if !too_large {
                text.extend_from_slice(&line[usize::from(stuffed)..]);
            }
        }
    }

    fn accept(&mut self, envelope: Option<Envelope>, text: Option<Vec<u8>>) -> String {
        let system = &self.connection.system;
        let (Some(envelope), Some(text)) = (envelope, text) else {
            return "552 5.3.4 Message size exceeds fixed limit".to_owned();
        };
        if let Some(reply) = system.faults.message() {
            return reply.line();
        }
        let id = system.accept(&Submission {
            helo: self.helo.clone().unwrap_or_default(),
            peer: self.connection.peer,
            user: self.user.clone().unwrap_or_default(),
            from: envelope.from,
            to: envelope.to,
            text,
        });
        format!("250 2.0.0 Ok: queued as {id}")
    }
}
