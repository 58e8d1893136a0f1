//! The IMAP server: RFC 3501, with LITERAL+ (RFC 7888), IDLE (RFC 2177), UIDPLUS (RFC 4315), SPECIAL-USE (RFC 6154),
//! SASL-IR (RFC 4959), UNSELECT (RFC 3691) and ID (RFC 2971); with a fault, what there is to say of a quota (RFC 9208).

mod command;
mod fetch;
mod folders;
mod idle;
mod login;
mod messages;
mod search;
mod view;

use std::io;

use super::connection::{Connection, MAX_LINE, MAX_MESSAGE, closed};
use super::fault::{Fault, Point, Protocol};
use command::{Answer, Arguments, Refusal, announced_literal};
use view::View;

/// So many literals a command may have.
const MAX_LITERALS: usize = 16;

/// One client's session: not authenticated, authenticated (a user), or selected (a view as well).
struct Session {
    connection: Connection,
    user: Option<String>,
    view: Option<View>,
}

/// Serves a client until it logs out, or the connection ends.
pub(super) async fn serve(connection: Connection) -> io::Result<()> {
    let mut session = Session { connection, user: None, view: None };
    session.greet().await?;
    while session.turn().await? {}
    session.connection.close().await
}

fn point(verb: &str) -> Option<Point> {
    Some(match verb.strip_prefix("UID ").unwrap_or(verb) {
        "CAPABILITY" => Point::Capability,
        "NOOP" | "CHECK" => Point::Noop,
        "LOGOUT" => Point::Quit,
        "STARTTLS" => Point::Starttls,
        "LOGIN" | "AUTHENTICATE" => Point::Login,
        "SELECT" | "EXAMINE" => Point::Select,
        "LIST" | "LSUB" => Point::List,
        "STATUS" => Point::Status,
        "CREATE" => Point::Create,
        "APPEND" => Point::Append,
        "CLOSE" | "UNSELECT" => Point::Close,
        "EXPUNGE" => Point::Expunge,
        "SEARCH" => Point::Search,
        "FETCH" => Point::Fetch,
        "STORE" => Point::Store,
        "COPY" => Point::Copy,
        "IDLE" => Point::Idle,
        _ => return None,
    })
}

impl Session {
    fn say(&mut self, line: impl AsRef<[u8]>) {
        self.connection.say(line);
    }

    async fn greet(&mut self) -> io::Result<()> {
        if self.connection.meet(Point::Greeting).await? {
            return Ok(());
        }
        if self.connection.system.faults.greeting(Protocol::Imap).is_some() {
            self.say("* BYE Service refused");
            self.connection.close().await?;
            return Err(closed());
        }
        let capabilities = self.capabilities();
        self.say(format!("* OK [CAPABILITY {capabilities}] mailtrip sandbox ready"));
        self.connection.meet_after(Point::Greeting, 0).await
    }

    /// One command and its answer; false when the session is over.
    async fn turn(&mut self) -> io::Result<bool> {
        let Some(bytes) = self.read_command().await? else {
            return Ok(true);
        };
        let (tag, verb, rest) = split(&bytes);
        if tag.is_empty() || tag.contains(['+', '*', '(', ')', '{', '"', '\\']) {
            self.say("* BAD Invalid tag");
            return Ok(true);
        }
        let point = point(&verb);
        if let Some(point) = point
            && self.connection.meet(point).await?
        {
            return Ok(true);
        }
        let mark = self.connection.mark();
        let answer = self.command(&tag, &verb, Arguments::new(rest)).await?;
        if let Some(answer) = answer {
            self.tell_news(&verb);
            self.say(match answer {
                Ok(text) => format!("{tag} OK {text}"),
                Err(Refusal::No(text)) => format!("{tag} NO {text}"),
                Err(Refusal::Bad(text)) => format!("{tag} BAD {text}"),
            });
        }
        if let Some(point) = point {
            self.connection.meet_after(point, mark).await?;
        }
        Ok(verb != "LOGOUT")
    }

    /// Reads a command, its literals included, and notes it. `None`: it was refused already.
    async fn read_command(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = self.connection.line().await?;
        let mut noted = String::from_utf8_lossy(&bytes).into_owned();
        let limit = if self.user.is_some() { MAX_MESSAGE } else { MAX_LINE };
        let mut literals = 0;
        let mut part = 0;
        while let Some((size, unasked)) = announced_literal(&bytes[part..]) {
            if unasked && !self.connection.system.settings.literal_plus {
                break;
            }
            literals += 1;
            if size > limit || bytes.len() + size > MAX_MESSAGE + 2 * MAX_LINE || literals > MAX_LITERALS {
                return self.refuse_literal(&bytes, unasked).await.map(|()| None);
            }
            if !unasked {
                self.say("+ OK");
            }
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(&self.connection.octets(size).await?);
            part = bytes.len();
            let line = self.connection.line().await?;
            noted.push_str(&String::from_utf8_lossy(&line));
            bytes.extend_from_slice(&line);
        }
        self.record(&noted);
        Ok(Some(bytes))
    }

    /// An oversized literal: refused before it is sent, or, if it comes unasked, with the connection (RFC 7888 §4).
    async fn refuse_literal(&mut self, command: &[u8], unasked: bool) -> io::Result<()> {
        if unasked {
            self.say("* BYE [TOOBIG] Literal too large");
            self.connection.close().await?;
            return Err(closed());
        }
        let (tag, ..) = split(command);
        self.say(format!("{tag} NO [TOOBIG] Literal too large"));
        Ok(())
    }

    fn record(&self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (tag, verb) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let system = &self.connection.system;
        match verb.to_ascii_uppercase().as_str() {
            "LOGIN" => system.record(Protocol::Imap, &format!("{tag} {verb} ***")),
            "AUTHENTICATE" => {
                let mut arguments = words.next().unwrap_or("").split(' ');
                let mechanism = arguments.next().unwrap_or("");
                let secret = arguments.next().map_or("", |_| " ***");
                system.record(Protocol::Imap, &format!("{tag} {verb} {mechanism}{secret}"));
            }
            _ => system.record(Protocol::Imap, line),
        }
    }

    /// Tells what changed in the selected mailbox, at the boundary between two commands.
    fn tell_news(&mut self, verb: &str) {
        let system = self.connection.system.clone();
        let asked = matches!(verb, "NOOP" | "CHECK");
        let blind = system.faults.on(Fault::PipelineBlind {}) && self.connection.pipelined();
        let silent = !asked && system.faults.on(Fault::ExistsUnannounced {})
            || verb == "IDLE" && system.faults.on(Fault::IdleSilent {});
        let expunges = !matches!(verb, "FETCH" | "STORE" | "SEARCH");
        self.sync(expunges, !blind && !silent);
    }

    fn sync(&mut self, expunges: bool, arrivals: bool) {
        let (Some(view), Some(user)) = (&mut self.view, &self.user) else {
            return;
        };
        let folder = view.folder.clone();
        let news = self.connection.system.store.with(user, |account| {
            let folder = account.folder_mut(&folder)?;
            Some(view.sync(folder, expunges, arrivals))
        });
        for line in news.flatten().unwrap_or_default() {
            self.say(line);
        }
    }

    /// Carries a command out. `None`: it has already been answered.
    async fn command(&mut self, tag: &str, verb: &str, arguments: Arguments<'_>) -> io::Result<Option<Answer>> {
        let answer = match verb {
            "CAPABILITY" => {
                let capabilities = self.capabilities();
                self.say(format!("* CAPABILITY {capabilities}"));
                Ok("Capability completed.".to_owned())
            }
            "NOOP" | "CHECK" => Ok("Completed.".to_owned()),
            "ID" => {
                self.say("* ID (\"name\" \"mailtrip sandbox\")");
                Ok("ID completed.".to_owned())
            }
            "LOGOUT" => {
                self.say("* BYE Logging out");
                self.view = None;
                Ok("Logout completed.".to_owned())
            }
            "STARTTLS" => return self.start_tls(tag).await,
            "LOGIN" => self.login(arguments),
            "AUTHENTICATE" => return self.authenticate(arguments).await.map(Some),
            _ if self.user.is_none() => Err(Refusal::bad("Unknown command, or log in first")),
            "IDLE" => return self.idle(&arguments).await.map(Some),
            _ => self.authenticated(verb, arguments),
        };
        Ok(Some(answer))
    }

    fn authenticated(&mut self, verb: &str, arguments: Arguments<'_>) -> Answer {
        match verb {
            "SELECT" => self.select(arguments, false),
            "EXAMINE" => self.select(arguments, true),
            "CREATE" => self.create(arguments),
            "DELETE" => self.delete(arguments),
            "SUBSCRIBE" | "UNSUBSCRIBE" => self.subscribe(arguments),
            "LIST" => self.list(arguments, "LIST"),
            "LSUB" => self.list(arguments, "LSUB"),
            "STATUS" => self.status(arguments),
            "GETQUOTAROOT" if self.connection.system.faults.on(Fault::QuotaUsedUp {}) => self.quota_root(arguments),
            "APPEND" => self.append(arguments),
            "CLOSE" => self.close(true),
            "UNSELECT" => self.close(false),
            "EXPUNGE" => self.expunge(None),
            "UID EXPUNGE" if self.connection.system.settings.uidplus => self.uid_expunge(arguments),
            "SEARCH" => self.search(arguments, false),
            "UID SEARCH" => self.search(arguments, true),
            "FETCH" => self.fetch(arguments, false),
            "UID FETCH" => self.fetch(arguments, true),
            "STORE" => self.store(arguments, false),
            "UID STORE" => self.store(arguments, true),
            "COPY" => self.copy(arguments, false),
            "UID COPY" => self.copy(arguments, true),
            _ => Err(Refusal::bad("Unknown command")),
        }
    }

    /// What the server offers in the present state.
    fn capabilities(&self) -> String {
        let system = &self.connection.system;
        let settings = &system.settings;
        let idle = settings.idle && !system.faults.on(Fault::IdleAbsent {});
        let in_clear = !self.connection.secured();
        let logged_in = self.user.is_some();
        let mut offers = vec!["IMAP4rev1".to_owned()];
        for (offered, name) in [
            (settings.sasl_ir, "SASL-IR"),
            (true, "ID"),
            (settings.literal_plus, "LITERAL+"),
            (idle, "IDLE"),
            (self.connection.may_start_tls(), "STARTTLS"),
            (in_clear, "LOGINDISABLED"),
            (logged_in, "UNSELECT"),
            (logged_in && settings.uidplus, "UIDPLUS"),
            (logged_in && settings.special_use, "SPECIAL-USE"),
            (logged_in && system.faults.on(Fault::QuotaUsedUp {}), "QUOTA QUOTA=RES-STORAGE"),
        ] {
            offers.extend(offered.then(|| name.to_owned()));
        }
        if !in_clear && !logged_in {
            offers.extend(settings.auth.iter().map(|name| format!("AUTH={name}")));
        }
        offers.join(" ")
    }

    async fn start_tls(&mut self, tag: &str) -> io::Result<Option<Answer>> {
        let faults = &self.connection.system.faults;
        if self.connection.secured() || faults.starttls_absent(Protocol::Imap) {
            return Ok(Some(Err(Refusal::bad("STARTTLS is not available"))));
        }
        if faults.starttls_refused(Protocol::Imap) {
            return Ok(Some(Err(Refusal::no("TLS not available"))));
        }
        let injected = faults.starttls_injected(Protocol::Imap);
        self.say(format!("{tag} OK Begin TLS negotiation now"));
        if injected {
            self.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN INJECTED");
        }
        self.connection.flush().await?;
        self.connection.start_tls().await?;
        Ok(None)
    }
}

/// Tag, verb in upper case (`UID FETCH` is one), and the arguments.
fn split(bytes: &[u8]) -> (String, String, &[u8]) {
    let (tag, rest) = cut(bytes);
    let (verb, rest) = cut(rest);
    let mut verb = verb.to_ascii_uppercase();
    let mut arguments = rest;
    if verb == "UID" {
        let (second, rest) = cut(rest);
        verb = format!("UID {}", second.to_ascii_uppercase());
        arguments = rest;
    }
    (tag, verb, arguments)
}

fn cut(bytes: &[u8]) -> (String, &[u8]) {
    let blank = bytes.iter().position(|&byte| byte == b' ');
    let (word, rest) = bytes.split_at(blank.unwrap_or(bytes.len()));
    let word = String::from_utf8_lossy(word).into_owned();
    (word, rest.strip_prefix(b" ").unwrap_or(rest))
}
