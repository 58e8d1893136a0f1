//! The POP3 server: RFC 1939, with STLS (RFC 2595), CAPA (RFC 2449), AUTH (RFC 5034) and the response codes of
//! RFC 2449 and RFC 3206.

mod maildrop;

use std::io;
use std::sync::Arc;

use super::connection::{Connection, closed};
use super::fault::{Fault, Point, Protocol};
use super::sasl::{Claim, Exchange, Step};
use super::system::{Login, System, positive};
use maildrop::Maildrop;

/// One client's session. With a maildrop it is in the TRANSACTION state.
struct Session {
    connection: Connection,
    user: Option<Vec<u8>>,
    maildrop: Option<Maildrop>,
}

/// Serves a client until it quits, or the connection ends; only QUIT removes messages (RFC 1939 §6).
pub(super) async fn serve(connection: Connection) -> io::Result<()> {
    let mut session = Session { connection, user: None, maildrop: None };
    session.greet().await?;
    loop {
        let line = session.connection.line().await?;
        let blank = line.iter().position(|&byte| byte == b' ');
        let (verb, rest) = line.split_at(blank.unwrap_or(line.len()));
        let verb = String::from_utf8_lossy(verb).to_ascii_uppercase();
        // Exactly one blank separates: a password may begin with another (RFC 1939 §7).
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        session.record(&verb, rest);
        let points = session.points(&verb);
        if session.meet(&points).await? {
            continue;
        }
        let mark = session.connection.mark();
        session.command(&verb, rest).await?;
        for &point in &points {
            session.connection.meet_after(point, mark).await?;
        }
        if verb == "QUIT" {
            return session.connection.close().await;
        }
    }
}

fn point(verb: &str) -> Option<Point> {
    Some(match verb {
        "CAPA" => Point::Capability,
        "STLS" => Point::Starttls,
        "USER" => Point::User,
        "PASS" | "AUTH" => Point::Login,
        "STAT" => Point::Stat,
        "LIST" => Point::List,
        "UIDL" => Point::Uidl,
        "RETR" => Point::Retr,
        "TOP" => Point::Top,
        "DELE" => Point::Dele,
        "NOOP" => Point::Noop,
        "RSET" => Point::Rset,
        "QUIT" => Point::Quit,
        _ => return None,
    })
}

/// A message number, from 1.
fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|&number| number > 0)
}

impl Session {
    async fn greet(&mut self) -> io::Result<()> {
        if self.connection.meet(Point::Greeting).await? {
            return Ok(());
        }
        if self.connection.system.faults.greeting(Protocol::Pop3).is_some() {
            self.say("-ERR [SYS/TEMP] Service refused");
            self.connection.close().await?;
            return Err(closed());
        }
        self.say("+OK mailtrip sandbox ready");
        self.connection.meet_after(Point::Greeting, 0).await
    }

    /// The points that a command passes.
    fn points(&self, verb: &str) -> Vec<Point> {
        let update = verb == "QUIT" && self.maildrop.as_ref().is_some_and(Maildrop::is_marked);
        point(verb).into_iter().chain(update.then_some(Point::Update)).collect()
    }

    /// Lets the faults act that are due before the command. True: the reply has been given.
    async fn meet(&mut self, points: &[Point]) -> io::Result<bool> {
        for &point in points {
            if self.connection.meet(point).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn say(&mut self, line: impl AsRef<[u8]>) {
        self.connection.say(line);
    }

    fn on(&self, fault: Fault) -> bool {
        self.connection.system.faults.on(fault)
    }

    fn record(&self, verb: &str, rest: &[u8]) {
        let rest = String::from_utf8_lossy(rest);
        let line = match (verb, rest.split_once(' ')) {
            ("PASS", _) => "PASS ***".to_owned(),
            ("AUTH", Some((mechanism, _))) => format!("AUTH {mechanism} ***"),
            _ => format!("{verb} {rest}").trim_end().to_owned(),
        };
        self.connection.system.record(Protocol::Pop3, &line);
    }

    async fn command(&mut self, verb: &str, rest: &[u8]) -> io::Result<()> {
        if verb == "CAPA" && !self.on(Fault::CapaAbsent {}) {
            self.capabilities();
        } else if let Some(maildrop) = self.maildrop.take() {
            self.transaction(maildrop, verb, &String::from_utf8_lossy(rest));
        } else {
            self.authorization(verb, rest).await?;
        }
        Ok(())
    }

    fn capabilities(&mut self) {
        let system = self.connection.system.clone();
        let secured = self.connection.secured();
        self.say("+OK Capability list follows");
        for (offered, line) in [
            (!system.faults.on(Fault::TopAbsent {}), "TOP"),
            (!system.faults.on(Fault::UidlAbsent {}), "UIDL"),
            (true, "RESP-CODES"),
            (true, "AUTH-RESP-CODE"),
            (true, "PIPELINING"),
            (true, "EXPIRE NEVER"),
            (self.connection.may_start_tls(), "STLS"),
            (secured, "USER"),
        ] {
            if offered {
                self.say(line);
            }
        }
        if secured && !system.settings.auth.is_empty() {
            self.say(format!("SASL {}", system.settings.auth.join(" ")));
        }
        if let Some(every) = system.faults.login_delay() {
            self.say(format!("LOGIN-DELAY {}", every.as_secs()));
        }
        self.say("IMPLEMENTATION mailtrip-sandbox");
        self.say(".");
    }

    async fn authorization(&mut self, verb: &str, rest: &[u8]) -> io::Result<()> {
        match verb {
            "STLS" if !self.connection.system.faults.starttls_absent(Protocol::Pop3) => {
                return self.start_tls().await;
            }
            "USER" | "PASS" | "AUTH" if !self.connection.secured() => {
                self.say("-ERR Plaintext authentication disallowed on non-secure connections");
            }
            "USER" if !rest.is_empty() => {
                self.user = Some(rest.to_vec());
                self.say("+OK");
            }
            "PASS" => match self.user.take() {
                Some(user) => self.log_in(&Claim::Password { user, password: rest.to_vec() }),
                None => self.say("-ERR No username given"),
            },
            "AUTH" => return self.auth(&String::from_utf8_lossy(rest)).await,
            "QUIT" => self.say("+OK Bye"),
            _ => self.say("-ERR Unknown command, or not logged in"),
        }
        Ok(())
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        if self.connection.secured() {
            self.say("-ERR TLS is already active");
            return Ok(());
        }
        if self.connection.system.faults.starttls_refused(Protocol::Pop3) {
            self.say("-ERR [SYS/TEMP] TLS not available");
            return Ok(());
        }
        self.say("+OK Begin TLS negotiation now");
        if self.connection.system.faults.starttls_injected(Protocol::Pop3) {
            self.say("+OK injected");
        }
        self.connection.flush().await?;
        self.user = None;
        self.connection.start_tls().await
    }

    async fn auth(&mut self, rest: &str) -> io::Result<()> {
        let (mechanism, initial) = match rest.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial)),
            None => (rest, None),
        };
        let settings = &self.connection.system.settings;
        let offered = settings.offers(mechanism);
        let Some(mut exchange) = Exchange::begin(mechanism, &settings.accounts).filter(|_| offered) else {
            self.say("-ERR Unsupported authentication mechanism");
            return Ok(());
        };
        let mut step = match initial {
            Some(initial) => exchange.initial(initial.as_bytes()),
            None => exchange.first(),
        };
        while let Step::Challenge(challenge) = step {
            self.say(format!("+ {challenge}"));
            let line = self.connection.line().await?;
            self.connection.system.record(Protocol::Pop3, "***");
            step = exchange.respond(&line);
        }
        match step {
            Step::Claim(claim) => self.log_in(&claim),
            Step::Cancelled => self.say("-ERR Authentication aborted"),
            Step::Malformed | Step::Challenge(_) => self.say("-ERR Cannot decode response"),
        }
        Ok(())
    }

    fn log_in(&mut self, claim: &Claim) {
        let system = self.connection.system.clone();
        let reply = match system.judge(Protocol::Pop3, claim) {
            Login::Refused => "-ERR [AUTH] Authentication failed.".to_owned(),
            Login::Unavailable => "-ERR [SYS/TEMP] Temporary authentication failure".to_owned(),
            Login::Accepted(address) => match system.faults.maildrop_locked() {
                Some(text) => format!("-ERR {text}"),
                None => self.open(system, &address),
            },
        };
        self.say(reply);
    }

    fn open(&mut self, system: Arc<System>, address: &str) -> String {
        let pause = system.faults.login_delay().map(positive);
        match Maildrop::open(system, address, pause) {
            Err(denied) => denied.reply(),
            Ok(maildrop) => {
                let (count, octets) = maildrop.stat();
                self.maildrop = Some(maildrop);
                format!("+OK Logged in: {count} messages ({octets} octets)")
            }
        }
    }

    /// Holds the maildrop for one command, and lets it go at QUIT.
    fn transaction(&mut self, mut maildrop: Maildrop, verb: &str, rest: &str) {
        let arguments: Vec<&str> = rest.split_ascii_whitespace().collect();
        match verb {
            "STAT" => {
                let (count, octets) = maildrop.stat();
                self.say(format!("+OK {count} {octets}"));
            }
            "LIST" => self.listing(&maildrop, &arguments, Maildrop::scan_line),
            "UIDL" if !self.on(Fault::UidlAbsent {}) => {
                self.listing(&maildrop, &arguments, Maildrop::unique_id_line);
            }
            "RETR" => self.retrieve(&maildrop, &arguments, None),
            "TOP" if !self.on(Fault::TopAbsent {}) => match arguments.get(1).and_then(|lines| lines.parse().ok()) {
                Some(lines) => self.retrieve(&maildrop, &arguments[..1], Some(lines)),
                None => self.say("-ERR Syntax: TOP message lines"),
            },
            "DELE" => {
                let deleted = arguments.first().and_then(|text| number(text));
                match deleted.is_some_and(|number| maildrop.delete(number)) {
                    true => self.say("+OK Marked to be deleted"),
                    false => self.no_such_message(),
                }
            }
            "NOOP" => self.say("+OK"),
            "RSET" => {
                maildrop.reset();
                self.say("+OK");
            }
            "QUIT" => {
                maildrop.commit();
                return self.say("+OK Logging out, messages deleted");
            }
            _ => self.say("-ERR Unknown command"),
        }
        self.maildrop = Some(maildrop);
    }

    fn no_such_message(&mut self) {
        self.say("-ERR There is no such message");
    }

    /// LIST and UIDL: one message, or all of them.
    fn listing(&mut self, maildrop: &Maildrop, arguments: &[&str], line: impl Fn(&Maildrop, usize) -> Option<String>) {
        if let Some(text) = arguments.first() {
            return match number(text).and_then(|number| line(maildrop, number)) {
                Some(line) => self.say(format!("+OK {line}")),
                None => self.no_such_message(),
            };
        }
        self.say("+OK");
        for line in maildrop.numbers().filter_map(|number| line(maildrop, number)) {
            self.say(line);
        }
        self.say(".");
    }

    fn retrieve(&mut self, maildrop: &Maildrop, arguments: &[&str], lines: Option<usize>) {
        let wanted = arguments.first().and_then(|text| number(text));
        match wanted.and_then(|number| maildrop.text(number, lines)) {
            Some(text) => {
                self.say("+OK Message follows");
                self.connection.put(&text);
            }
            None => self.no_such_message(),
        }
    }
}
