//! SASL (RFC 4422): the choice of a mechanism, and the client's side of its exchange, the same for SMTP, IMAP and POP3.
//!
//! An [`Exchange`] knows no connection. It takes challenges as they are on the wire and gives responses, and where it
//! gives up, whoever drives it takes the attempt back with `*` (RFC 4954 §4, RFC 5034 §4, RFC 9051 §6.2.2) and reads
//! the answer to that, so that nothing is left out of step.

mod cram_md5;
mod scram;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::account::{Auth, Secret};
use crate::failure::{Failure, Kind};
use crate::wire::excerpt;
use scram::Scram;

/// How a sign-in was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// What else the server offered.
    pub also_offered: Vec<String>,
}

/// The mechanisms spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// PLAIN (RFC 4616).
    Plain,
    /// `AUTH LOGIN` (SMTP), the command `LOGIN` (IMAP), or `USER` and `PASS` (POP3).
    Login,
    /// SCRAM-SHA-256 (RFC 7677, RFC 5802), without channel binding.
    ScramSha256,
    /// CRAM-MD5 (RFC 2195).
    CramMd5,
    /// XOAUTH2, the form of Google and Microsoft.
    Xoauth2,
    /// OAUTHBEARER (RFC 7628).
    Oauthbearer,
}

/// What is sent, or proven to be known.
#[derive(Debug, Clone)]
pub enum Key {
    /// The password.
    Password(Secret),
    /// An OAuth 2.0 access token.
    Token(Secret),
}

impl Mechanism {
    /// Its name on the wire and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::CramMd5 => "CRAM-MD5",
            Mechanism::Xoauth2 => "XOAUTH2",
            Mechanism::Oauthbearer => "OAUTHBEARER",
        }
    }

    /// Chooses as mail clients do inside TLS: the simplest that is offered; or what the configuration says.
    ///
    /// # Errors
    /// [`Kind::NoMechanism`] when none of the offered ones is spoken here with such a key; [`Kind::MechanismNotOffered`] when
    /// something else is offered than what the configuration says; [`Kind::Local`] when that takes another key.
    pub fn choose(auth: Auth, offered: &[String], key: &Key) -> Result<SignIn, Failure> {
        const WITH_PASSWORD: &[Mechanism] =
            &[Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256, Mechanism::CramMd5];
        const WITH_TOKEN: &[Mechanism] = &[Mechanism::Xoauth2, Mechanism::Oauthbearer];
        let has_token = matches!(key, Key::Token(_));
        if auth.wants_token().is_some_and(|wants| wants != has_token) {
            let (wanted, given) = if has_token { ("password", "token") } else { ("token", "password") };
            let why = format!("this way of signing in takes a {wanted}, and there is a {given}");
            return Err(Failure::new(Kind::Local).detail(why));
        }
        let offers = |mechanism: &Mechanism| offered.iter().any(|name| name.eq_ignore_ascii_case(mechanism.name()));
        let mechanism = match auth {
            Auth::Auto => {
                let spoken = if has_token { WITH_TOKEN } else { WITH_PASSWORD };
                spoken.iter().copied().find(offers)
            }
            Auth::Plain => Some(Mechanism::Plain),
            Auth::Login => Some(Mechanism::Login),
            Auth::Xoauth2 => Some(Mechanism::Xoauth2),
            Auth::Oauthbearer => Some(Mechanism::Oauthbearer),
            Auth::CramMd5 => Some(Mechanism::CramMd5),
            Auth::ScramSha256 => Some(Mechanism::ScramSha256),
        };
        let mechanism = mechanism.ok_or_else(|| Failure::new(Kind::NoMechanism { offered: offered.to_vec() }))?;
        // Where nothing at all is announced, what the configuration says is tried: some servers only take what they hide.
        if !offered.is_empty() && !offers(&mechanism) {
            let (wanted, offered) = (mechanism.name().to_owned(), offered.to_vec());
            return Err(Failure::new(Kind::MechanismNotOffered { wanted, offered }));
        }
        let others = offered.iter().filter(|name| !name.eq_ignore_ascii_case(mechanism.name()));
        Ok(SignIn { mechanism, also_offered: others.cloned().collect() })
    }
}

/// What the client says, before it is put into base64.
pub type Response = Zeroizing<Vec<u8>>;

/// The client's side of one attempt to sign in.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    username: String,
    key: Secret,
    host: String,
    port: u16,
    /// How many responses were given.
    said: u8,
    scram: Option<Scram>,
    /// Why the server will refuse, in its own words.
    told: Option<String>,
}

impl Exchange {
    /// Begins. OAUTHBEARER tells the server which host and port the client believes to speak to.
    pub fn new(mechanism: Mechanism, username: &str, key: &Key, host: &str, port: u16) -> Exchange {
        let (Key::Password(key) | Key::Token(key)) = key.clone();
        Exchange {
            mechanism,
            username: username.to_owned(),
            key,
            host: host.to_owned(),
            port,
            said: 0,
            scram: None,
            told: None,
        }
    }

    /// What the client says first, in base64, where it does and that is no longer than `room`: a command has a
    /// greatest length, and what does not fit is sent when the server asks for it (RFC 4954 §4).
    pub fn initial_response(&mut self, room: usize) -> Option<Zeroizing<String>> {
        if matches!(self.mechanism, Mechanism::Login | Mechanism::CramMd5) {
            return None;
        }
        let response = encoded(&self.first());
        let fits = response.len() <= room;
        self.said += u8::from(fits);
        fits.then_some(response)
    }

    /// Answers a challenge, which is as it was on the wire.
    ///
    /// # Errors
    /// The exchange makes no sense any more: it has to be taken back.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Response, Failure> {
        let challenge = challenge.trim_ascii();
        let said = self.said;
        self.said += 1;
        match (self.mechanism, said) {
            // The words that a server asks with differ. Asked for the first response again, it gets it again.
            (Mechanism::Plain, 0 | 1) => Ok(self.first()),
            (Mechanism::Login, 0) => Ok(Zeroizing::new(self.username.clone().into_bytes())),
            (Mechanism::Login, 1) => Ok(self.secret()),
            (Mechanism::CramMd5, 0) => Ok(cram_md5::response(&self.username, self.key.expose(), &decoded(challenge)?)),
            (Mechanism::ScramSha256, _) => self.scram(challenge, said),
            (Mechanism::Xoauth2 | Mechanism::Oauthbearer, 0) => Ok(self.first()),
            (Mechanism::Xoauth2 | Mechanism::Oauthbearer, 1) if challenge.is_empty() => Ok(self.first()),
            (Mechanism::Xoauth2 | Mechanism::Oauthbearer, 1 | 2) if self.told.is_none() => Ok(self.hear_out(challenge)),
            _ => Err(Failure::new(Kind::Malformed).detail("the server goes on asking where there is nothing to say")),
        }
    }

    /// The server took the client in: whether it had the right to.
    ///
    /// # Errors
    /// [`Kind::Malformed`]: it has not proven that it knows the password, although the mechanism makes it (RFC 5802 §5).
    pub fn finish(&self) -> Result<(), Failure> {
        if self.mechanism != Mechanism::ScramSha256 || self.scram.as_ref().is_some_and(Scram::is_verified) {
            return Ok(());
        }
        let why = "the server took the sign-in without proving that it knows the password (RFC 5802 §5.1, `v=`)";
        Err(Failure::new(Kind::Malformed).detail(why))
    }

    /// A refusal, with what the server said about it in the exchange itself.
    pub fn explain(&self, failure: Failure) -> Failure {
        match (&self.told, &failure.kind) {
            (Some(told), Kind::Refused { .. }) => failure.detail(told.clone()),
            _ => failure,
        }
    }

    fn secret(&self) -> Response {
        Zeroizing::new(self.key.expose().as_bytes().to_vec())
    }

    fn first(&mut self) -> Response {
        let (username, key) = (&self.username, self.key.expose());
        let message = match self.mechanism {
            Mechanism::Plain => format!("\0{username}\0{key}"),
            // Google, "The SASL XOAUTH2 Mechanism".
            Mechanism::Xoauth2 => format!("user={username}\x01auth=Bearer {key}\x01\x01"),
            // RFC 7628 §3.1.
            Mechanism::Oauthbearer => {
                let (name, host, port) = (escaped(username), &self.host, self.port);
                format!("n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {key}\x01\x01")
            }
            Mechanism::ScramSha256 => self.scram.get_or_insert_with(|| Scram::new(username)).first(),
            Mechanism::Login | Mechanism::CramMd5 => String::new(),
        };
        Zeroizing::new(message.into_bytes())
    }

    fn scram(&mut self, challenge: &[u8], said: u8) -> Result<Response, Failure> {
        let scram = match &mut self.scram {
            Some(scram) if said > 0 => scram,
            _ => return Ok(self.first()),
        };
        let challenge = decoded(challenge)?;
        if said == 1 {
            return scram.last(self.key.expose(), &challenge);
        }
        if said == 2 && challenge.starts_with(b"e=") {
            self.told = Some(excerpt(&challenge));
        } else if said == 2 {
            scram.verify(&challenge)?;
        } else {
            return Err(Failure::new(Kind::Malformed).detail("the server goes on asking where there is nothing to say"));
        }
        Ok(Response::default())
    }

    /// The server refuses a token by a challenge that says why, and then waits for an answer that says nothing
    /// (RFC 7628 §3.2.3; for XOAUTH2 an empty one), before it refuses the command.
    fn hear_out(&mut self, challenge: &[u8]) -> Response {
        let words = decoded(challenge).unwrap_or_else(|_| challenge.to_vec());
        self.told = Some(String::from_utf8_lossy(&words[..words.len().min(1000)]).into_owned());
        let nothing: &[u8] = if self.mechanism == Mechanism::Oauthbearer { b"\x01" } else { b"" };
        Zeroizing::new(nothing.to_vec())
    }
}

/// A response in base64.
pub fn encoded(response: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(BASE64.encode(response))
}

fn decoded(challenge: &[u8]) -> Result<Vec<u8>, Failure> {
    let malformed = |_| Failure::new(Kind::Malformed).detail(format!("not base64: {}", excerpt(challenge)));
    BASE64.decode(challenge).map_err(malformed)
}

/// A name in a GS2 header or in SCRAM (RFC 5801 §4, RFC 5802 §5.1).
fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password() -> Key {
        Key::Password(Secret::new("hunter2"))
    }

    fn token(token: &str) -> Key {
        Key::Token(Secret::new(token))
    }

    fn chosen(auth: Auth, offered: &str, key: &Key) -> Result<&'static str, Kind> {
        let offered: Vec<String> = offered.split_whitespace().map(str::to_owned).collect();
        Mechanism::choose(auth, &offered, key).map(|sign_in| sign_in.mechanism.name()).map_err(|failure| failure.kind)
    }

    #[test]
    fn the_simplest_that_is_offered_is_taken_and_the_configured_whatever_is_offered() {
        assert_eq!(chosen(Auth::Auto, "CRAM-MD5 login plain XOAUTH2", &password()), Ok("PLAIN"));
        assert_eq!(chosen(Auth::Auto, "CRAM-MD5 LOGIN", &password()), Ok("LOGIN"));
        assert_eq!(chosen(Auth::Auto, "CRAM-MD5 SCRAM-SHA-256", &password()), Ok("SCRAM-SHA-256"));
        assert_eq!(chosen(Auth::Auto, "GSSAPI CRAM-MD5", &password()), Ok("CRAM-MD5"));
        assert_eq!(chosen(Auth::Auto, "PLAIN OAUTHBEARER XOAUTH2", &token("t")), Ok("XOAUTH2"));
        assert_eq!(chosen(Auth::Auto, "PLAIN OAUTHBEARER", &token("t")), Ok("OAUTHBEARER"));
        assert!(matches!(chosen(Auth::Auto, "PLAIN", &token("t")), Err(Kind::NoMechanism { .. })));
        assert!(matches!(chosen(Auth::Auto, "XOAUTH2", &password()), Err(Kind::NoMechanism { .. })));
        assert_eq!(chosen(Auth::CramMd5, "", &password()), Ok("CRAM-MD5"));
        assert!(matches!(chosen(Auth::CramMd5, "PLAIN", &password()), Err(Kind::MechanismNotOffered { .. })));
        assert_eq!(chosen(Auth::Oauthbearer, "", &token("t")), Ok("OAUTHBEARER"));
        assert_eq!(chosen(Auth::Xoauth2, "XOAUTH2", &password()), Err(Kind::Local));
        assert_eq!(chosen(Auth::Plain, "PLAIN", &token("t")), Err(Kind::Local));
    }

    #[test]
    fn xoauth2_is_as_google_documents_it() {
        let key = token("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
        let mut exchange = Exchange::new(Mechanism::Xoauth2, "someuser@example.com", &key, "h", 587);
        let documented = "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==";
        assert_eq!(exchange.initial_response(usize::MAX).unwrap().as_str(), documented);
        let refusal =
            "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K";
        assert!(exchange.respond(refusal.as_bytes()).unwrap().is_empty());
        let refused = exchange.explain(Failure::new(Kind::Refused { step: None }));
        let told = "{\"status\":\"401\",\"schemes\":\"bearer mac\",\"scope\":\"https://mail.google.com/\"}\n";
        assert_eq!(refused.detail.as_deref(), Some(told));
        assert!(exchange.respond(refusal.as_bytes()).is_err(), "one answer is enough");
    }

    #[test]
    fn oauthbearer_is_as_in_rfc_7628() {
        let key = token("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        let mut exchange = Exchange::new(Mechanism::Oauthbearer, "user@example.com", &key, "server.example.com", 143);
        // RFC 7628 §4.1.
        let documented = "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB";
        assert_eq!(exchange.initial_response(usize::MAX).unwrap().as_str(), documented);
        // RFC 7628 §4.3.
        let refusal = "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0=";
        assert_eq!(encoded(&exchange.respond(refusal.as_bytes()).unwrap()).as_str(), "AQ==");
        let refused = exchange.explain(Failure::new(Kind::Refused { step: None }));
        assert!(refused.detail.unwrap().contains("\"scope\":\"example_scope\""));
    }

    #[test]
    fn cram_md5_is_as_in_rfc_2195() {
        let key = Key::Password(Secret::new("tanstaaftanstaaf"));
        let mut exchange = Exchange::new(Mechanism::CramMd5, "tim", &key, "h", 143);
        assert!(exchange.initial_response(usize::MAX).is_none());
        let challenge = "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
        let response = encoded(&exchange.respond(challenge.as_bytes()).unwrap());
        assert_eq!(response.as_str(), "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
        assert!(exchange.respond(challenge.as_bytes()).is_err());
        let mut exchange = Exchange::new(Mechanism::CramMd5, "tim", &key, "h", 143);
        assert!(exchange.respond(b"go ahead").is_err(), "what is no challenge is not answered");
    }

    #[test]
    fn what_does_not_fit_into_a_command_waits_until_it_is_asked_for() {
        let mut exchange = Exchange::new(Mechanism::Plain, "alice", &password(), "h", 25);
        assert!(exchange.initial_response(16).is_none());
        assert_eq!(*exchange.respond(b"Go ahead").unwrap(), b"\0alice\0hunter2");
        assert_eq!(*exchange.respond(b"").unwrap(), b"\0alice\0hunter2", "asked again");
        assert!(exchange.respond(b"").is_err());
    }

    #[test]
    fn login_gives_name_and_password_whatever_it_is_asked_with() {
        let mut exchange = Exchange::new(Mechanism::Login, "alice", &password(), "h", 25);
        assert!(exchange.initial_response(usize::MAX).is_none());
        assert_eq!(*exchange.respond(b"VXNlcm5hbWU6").unwrap(), b"alice");
        assert_eq!(*exchange.respond(b"who knows").unwrap(), b"hunter2");
        assert!(exchange.respond(b"").is_err());
    }

    #[test]
    fn a_server_that_does_not_prove_itself_is_not_believed() {
        let mut exchange = Exchange::new(Mechanism::ScramSha256, "alice", &password(), "h", 25);
        assert!(exchange.initial_response(usize::MAX).is_some());
        assert!(exchange.finish().is_err());
        assert!(exchange.respond(b"cj1vdGhlcixzPWFhLGk9MQ==").is_err(), "another nonce");
    }
}
