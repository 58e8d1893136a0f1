//! IMAP (RFC 9051, RFC 3501), on async-imap: its login, its tags and its parser, behind a [guard].
//!
//! async-imap's calls that collect a result are not used, since they answer Ok to a NO, to a BAD and to a lost
//! connection. Commands are sent, and responses read one by one as [`Event`]s.

pub mod guard;
pub mod mailbox_name;
mod response;

use async_imap::{Authenticator, Client, Session};
use zeroize::Zeroizing;

use crate::account::{Endpoint, Protocol};
use crate::failure::{Failure, Kind, Reply};
use crate::wire::sasl::{Exchange, Key, Mechanism, Response as Answer, SignIn};
use crate::wire::tap::Tap;
use crate::wire::{Dialogue, Stream, excerpt, exchange, permit_secret, status_reply};
use guard::{Aside, Guard};

/// A connection to an IMAP server that has said what it can do.
#[derive(Debug)]
pub struct Greeted {
    client: Client<Guard>,
    capabilities: Vec<String>,
}

/// A session that is signed in.
#[derive(Debug)]
pub struct Imap {
    session: Session<Guard>,
    capabilities: Vec<String>,
    /// Tags whose answers have not come yet: an answer with any other tag is none.
    awaited: Vec<Tag>,
    answered: Vec<(Tag, Reply)>,
    /// What its user should read.
    alerts: Vec<Reply>,
}

/// So many texts for the user are kept.
const MOST_ALERTS: usize = 8;

/// The tag of a command that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

/// A response of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A command is done.
    Done(Tag, Reply),
    /// The server waits for the rest of a command.
    Continue,
    /// The mailbox holds this many messages.
    Exists(u32),
    /// The message with this sequence number is gone.
    Expunged(u32),
    /// What was fetched of a message.
    Fetched(Fetched),
    /// A mailbox, by its name as it is on the wire.
    Listed(Listed),
    /// STATUS of a mailbox, by its name as it is on the wire.
    StatusOf(StatusOf),
    /// What a search found.
    Found(Vec<u32>),
    /// How much of its storage a mailbox uses.
    Storage(Storage),
    /// An untagged OK, NO, BAD or BYE.
    Status(Reply),
}

/// What was fetched of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Its UID.
    pub uid: Option<u32>,
    /// Its flags, where the server sent them.
    pub flags: Option<Vec<String>>,
    /// Header fields, if those were fetched.
    pub header: Option<Vec<u8>>,
    /// The whole message, if that was fetched.
    pub whole: Option<Vec<u8>>,
}

/// A mailbox from LIST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name as it is on the wire.
    pub name: String,
    /// What separates the levels of the hierarchy.
    pub delimiter: Option<String>,
    /// Marked `\Sent` (RFC 6154).
    pub sent: bool,
    /// Marked `\Junk` (RFC 6154).
    pub junk: bool,
    /// It cannot be opened.
    pub no_select: bool,
}

/// The answer to STATUS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusOf {
    /// The mailbox's name as it is on the wire.
    pub name: String,
    /// How many messages it holds.
    pub messages: Option<u32>,
    /// The UID that the next message gets at least.
    pub uid_next: Option<u32>,
    /// Changes when the mailbox has given its messages other UIDs.
    pub uid_validity: Option<u32>,
}

/// STORAGE of a quota root, in units of 1024 octets (RFC 9208 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// How much is used.
    pub used_kib: u64,
    /// How much there is.
    pub limit_kib: u64,
}

impl Dialogue for Greeted {
    type Session = Imap;

    async fn meet(mut stream: Stream, heard: &mut (dyn FnMut(&str) + Send)) -> Result<Greeted, Failure> {
        stream.expect(Protocol::Imap).await?;
        let mut client = Client::new(Guard::new(stream));
        read(&mut client).await?;
        let untagged = client.get_ref().current().starts_with(b"* ");
        let greeting = status_of(client.get_ref()).filter(|_| untagged).unwrap_or_default();
        match greeting.status.as_deref() {
            Some("OK") => {
                heard(&greeting.text);
                Greeted::introduce(client).await
            }
            Some("PREAUTH") => Err(Failure::new(Kind::Malformed)
                .detail("the server says that we are signed in already (PREAUTH), so no sign-in can be verified")),
            Some("BYE" | "NO" | "BAD") => Err(Failure::refused(greeting)),
            _ => Err(Failure::new(Kind::Malformed)
                .detail(format!("not an IMAP greeting: {}", excerpt(client.get_ref().current())))),
        }
    }

    async fn starttls(mut self) -> Result<Tap, Failure> {
        if !self.offers("STARTTLS") {
            return Err(Failure::new(Kind::StarttlsNotOffered));
        }
        check(&mut self.client, "STARTTLS").await?;
        self.client.into_inner().into_stream().into_tap()
    }

    async fn resume(stream: Stream) -> Result<Greeted, Failure> {
        Greeted::introduce(Client::new(Guard::after_greeting(stream))).await
    }

    async fn login(mut self, endpoint: &Endpoint, key: &Key) -> Result<(Imap, SignIn), Failure> {
        permit_secret(endpoint)?;
        let sign_in = Mechanism::choose(endpoint.auth, &self.mechanisms(), key)?;
        let initial_response = self.offers("SASL-IR");
        self.client.get_mut().forget_capabilities();
        let mut session = match (sign_in.mechanism, key) {
            (Mechanism::Login, Key::Password(password)) => {
                self.client.get_mut().hide("LOGIN (credentials)");
                let result = self.client.login(&endpoint.credentials.username, password.expose()).await;
                result.map_err(|(error, mut client)| failure(error, client.get_mut()))?
            }
            (mechanism, _) => {
                let room = if initial_response { usize::MAX } else { 0 };
                authenticate(self.client, mechanism, exchange(mechanism, endpoint, key), room).await?
            }
        };
        session.as_mut().show();
        let mut imap =
            Imap { session, capabilities: Vec::new(), awaited: Vec::new(), answered: Vec::new(), alerts: Vec::new() };
        imap.learn_capabilities().await?;
        Ok((imap, sign_in))
    }

    fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// SASL mechanisms, and the command LOGIN, which is there unless it is said not to be (RFC 9051 §6.2.3).
    fn mechanisms(&self) -> Vec<String> {
        let sasl = self.capabilities.iter().filter_map(|capability| {
            let (auth, mechanism) = capability.split_once('=')?;
            auth.eq_ignore_ascii_case("AUTH").then(|| mechanism.to_ascii_uppercase())
        });
        let mut mechanisms: Vec<String> = sasl.filter(|mechanism| mechanism != "LOGIN").collect();
        if !self.offers("LOGINDISABLED") {
            mechanisms.push("LOGIN".to_owned());
        }
        mechanisms
    }

    async fn leave(self) {
        let _ = self.client.into_inner().into_stream().send(b"bye LOGOUT\r\n").await; // a courtesy
    }
}

impl Greeted {
    /// Asks what the server can do, unless it has said so in its greeting.
    async fn introduce(mut client: Client<Guard>) -> Result<Greeted, Failure> {
        if client.get_ref().capabilities().is_none() {
            check(&mut client, "CAPABILITY").await?;
        }
        let capabilities = client.get_ref().capabilities().unwrap_or_default().to_vec();
        Ok(Greeted { client, capabilities })
    }

    fn offers(&self, capability: &str) -> bool {
        offers(&self.capabilities, capability)
    }
}

impl Imap {
    /// Whether the server has said that it can do this.
    pub fn offers(&self, capability: &str) -> bool {
        offers(&self.capabilities, capability)
    }

    /// What the server has said that it can do, now that somebody is signed in.
    pub fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// Sends a command without waiting for its answer.
    ///
    /// # Errors
    /// [`Kind::ConnectionLost`].
    pub async fn send(&mut self, command: &str) -> Result<Tag, Failure> {
        match self.session.run_command(command).await {
            Ok(id) => {
                self.awaited.push(Tag(id.0.clone()));
                Ok(Tag(id.0))
            }
            Err(_) => Err(self.broken()),
        }
    }

    /// Sends a line that belongs to the command before it.
    ///
    /// # Errors
    /// [`Kind::ConnectionLost`].
    pub async fn send_line(&mut self, line: &str) -> Result<(), Failure> {
        match self.session.run_command_untagged(line).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.broken()),
        }
    }

    /// The next response. Can be dropped and called again: nothing is lost.
    ///
    /// # Errors
    /// [`Kind::ConnectionLost`] with the server's BYE, [`Kind::Malformed`].
    pub async fn next(&mut self) -> Result<Event, Failure> {
        loop {
            let Ok(Some(response)) = self.session.read_response().await else { return Err(self.broken()) };
            let event = response::event(response.parsed(), self.session.get_ref());
            match event {
                Some(Event::Done(tag, _)) if !self.awaited.contains(&tag) => {}
                Some(Event::Done(tag, reply)) => {
                    self.awaited.retain(|awaited| *awaited != tag);
                    self.heed(&reply);
                    return Ok(Event::Done(tag, reply));
                }
                Some(Event::Status(reply)) => {
                    self.heed(&reply);
                    return Ok(Event::Status(reply));
                }
                Some(event) => return Ok(event),
                None => {}
            }
        }
    }

    /// Reads up to the answer to a command; `on` sees everything that comes before. That may belong to commands that were
    /// sent earlier and whose answers nobody has waited for, and a server may answer those later (RFC 9051 §5.5; Dovecot
    /// does): what counts is what an event says, not when it comes.
    ///
    /// # Errors
    /// [`Kind::Refused`] for NO and BAD: the session is in step still. Else it is not.
    pub async fn finish(&mut self, tag: &Tag, mut on: impl FnMut(Event)) -> Result<Reply, Failure> {
        loop {
            if let Some(place) = self.answered.iter().position(|(answered, _)| answered == tag) {
                let (_, reply) = self.answered.swap_remove(place);
                let ok = reply.status.as_deref() == Some("OK");
                return if ok { Ok(reply) } else { Err(Failure::refused(reply)) };
            }
            match self.next().await? {
                Event::Done(done, reply) => self.answered.push((done, reply)),
                event => on(event),
            }
        }
    }

    /// Sends a command and reads up to its answer.
    ///
    /// # Errors
    /// As [`Imap::finish`].
    pub async fn run(&mut self, command: &str, on: impl FnMut(Event)) -> Result<Reply, Failure> {
        let tag = self.send(command).await?;
        self.finish(&tag, on).await
    }

    /// `ALERT` is for the user (RFC 9051 §7.1); `OVERQUOTA` comes untagged, too, where a soft limit is exceeded (RFC 9208 §4.3.1).
    fn heed(&mut self, reply: &Reply) {
        let code = reply.response_code.as_deref().unwrap_or_default();
        let known = ["ALERT", "OVERQUOTA"].iter().any(|known| code.eq_ignore_ascii_case(known));
        if known && self.alerts.len() < MOST_ALERTS && !self.alerts.contains(reply) {
            self.alerts.push(reply.clone());
        }
    }

    /// What the server has said since the last call that its user should read.
    pub fn alerts(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.alerts)
    }

    /// How many responses could not be read: what they said is not known.
    pub fn unreadable(&self) -> usize {
        self.session.get_ref().unreadable()
    }

    /// Takes leave.
    ///
    /// # Errors
    /// Of no consequence: everything was said before.
    pub async fn logout(mut self) -> Result<(), Failure> {
        match self.run("LOGOUT", drop).await {
            // BYE is what is wanted here, and nothing is read after it (RFC 9051 §6.1.3).
            Err(Failure { reply: Some(reply), .. }) if reply.status.as_deref() == Some("BYE") => Ok(()),
            other => other.map(drop),
        }
    }

    /// What the server can do once somebody is signed in, unless it has said so in its answer to the login.
    async fn learn_capabilities(&mut self) -> Result<(), Failure> {
        if self.session.get_ref().capabilities().is_none() {
            self.run("CAPABILITY", drop).await?;
        }
        self.capabilities = self.session.get_ref().capabilities().unwrap_or_default().to_vec();
        Ok(())
    }

    fn broken(&mut self) -> Failure {
        self.session.get_mut().failure()
    }
}

fn offers(capabilities: &[String], capability: &str) -> bool {
    capabilities.iter().any(|have| have.eq_ignore_ascii_case(capability))
}

/// AUTHENTICATE (RFC 9051 §6.2.2), with an initial response where there is room for one (RFC 4959). A refusal is read
/// to its end, and an exchange that is given up is taken back: the connection is in step afterwards, unless it was lost.
async fn authenticate(
    mut client: Client<Guard>,
    mechanism: Mechanism,
    mut exchange: Exchange,
    room: usize,
) -> Result<Session<Guard>, Failure> {
    let name = mechanism.name();
    let command = match exchange.initial_response(room) {
        Some(response) => Zeroizing::new(format!("{name} {}", *response)),
        None => Zeroizing::new(name.to_owned()),
    };
    client.get_mut().hide(&format!("AUTHENTICATE {name} (credentials)"));
    let mut gave_up = None;
    let answers = Answers { exchange: &mut exchange, aside: client.get_ref().aside(), gave_up: &mut gave_up };
    match client.authenticate(command.as_str(), answers).await {
        Ok(session) => exchange.finish().map(|()| session),
        Err((error, mut client)) => {
            let refused = failure(error, client.get_mut());
            Err(match gave_up {
                Some(failure) => Failure { reply: refused.reply, ..failure },
                None => exchange.explain(refused),
            })
        }
    }
}

/// Answers challenges, which come beside the parser: it fails at one that is not base64, such as `+ go ahead`.
struct Answers<'e> {
    exchange: &'e mut Exchange,
    aside: Aside,
    gave_up: &'e mut Option<Failure>,
}

impl Authenticator for Answers<'_> {
    type Response = Answer;

    fn process(&mut self, _: &[u8]) -> Answer {
        self.exchange.respond(&self.aside.challenge()).unwrap_or_else(|failure| {
            self.gave_up.get_or_insert(failure);
            self.aside.take_back();
            Answer::default()
        })
    }
}

/// Reads one response before the login; what it says is in [`Guard::current`].
async fn read(client: &mut Client<Guard>) -> Result<(), Failure> {
    match client.read_response().await {
        Ok(Some(_)) => Ok(()),
        _ => Err(client.get_mut().failure()),
    }
}

/// Runs a command before the login.
async fn check(client: &mut Client<Guard>, command: &str) -> Result<(), Failure> {
    client.run_command_and_check_ok(command, None).await.map_err(|error| failure(error, client.get_mut()))
}

/// async-imap's errors, with the server's own words.
fn failure(error: async_imap::error::Error, guard: &mut Guard) -> Failure {
    use async_imap::error::Error;
    match error {
        Error::No(_) | Error::Bad(_) => Failure::refused(status_of(guard).unwrap_or_default()),
        Error::Validate(_) => Failure::new(Kind::Local).detail("the username or password has a line break in it"),
        _ => guard.failure(),
    }
}

/// The status response that the guard handed out last: `* NO …`, or `A0001 NO …`.
fn status_of(guard: &Guard) -> Option<Reply> {
    let line = String::from_utf8_lossy(guard.current());
    let (_, rest) = line.split_once(' ')?;
    let (status, text) = rest.split_once(' ').unwrap_or((rest, ""));
    Some(status_reply(&status.to_ascii_uppercase(), text))
}
