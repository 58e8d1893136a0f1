//! What was seen of a port, in a word.

use serde::Serialize;

use crate::account::Protocol;
use crate::diagnose::interceptor::{self, Interceptor};
use crate::failure::{Failure, Kind};
use crate::survey::{Inside, Place, Port};

/// What was seen of a port.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sight {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether the account names it.
    pub configured: bool,
    /// For which protocols.
    pub configured_for: Vec<Protocol>,
    /// What there is.
    pub state: State,
    /// Which mail protocol it speaks, as far as that could be heard.
    pub speaks: Option<Protocol>,
    /// When the certificate ends, if it is good (RFC 3339).
    pub certificate_not_after: Option<String>,
    /// What is wrong with it.
    pub failure: Option<Failure>,
}

/// What there is on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A mail server inside TLS from the first byte, with a good certificate.
    Tls,
    /// A mail server that goes over to TLS by STARTTLS, with a good certificate.
    Starttls,
    /// A mail server without encryption.
    Plain,
    /// TLS, and a certificate that is not to be trusted.
    BadCertificate,
    /// TLS that comes to nothing.
    NoTls,
    /// It takes connections and says nothing.
    Silent,
    /// No mail server.
    SomethingElse,
    /// The port is closed.
    Closed,
    /// No answer at all.
    NoAnswer,
    /// This machine has no way there.
    NoWay,
    /// The name has no address.
    NoName,
    /// DNS does not work.
    NoResolver,
}

impl State {
    /// A mail server is there that a mail program can use.
    pub fn is_mail(self) -> bool {
        matches!(self, State::Tls | State::Starttls | State::Plain)
    }

    /// There is something on the port.
    pub fn says_something(self) -> bool {
        self.is_answer() && self != State::Closed
    }

    /// The host has answered, be it that the port is closed.
    pub fn is_answer(self) -> bool {
        !matches!(self, State::NoAnswer | State::NoWay | State::NoName | State::NoResolver)
    }
}

impl Sight {
    /// Of what a survey has found, where the account names the port for these protocols.
    pub fn of(place: &Place, configured_for: &[Protocol], port: &Port) -> Sight {
        let (state, inside, failure) = state(port);
        let speaks = match port {
            Port::Plain { protocol, .. } => Some(*protocol),
            _ => inside.map(|inside| inside.protocol),
        };
        let certificate = inside.and_then(|inside| inside.secured.certificate.as_ref());
        Sight {
            host: place.host.clone(),
            port: place.port,
            configured: !configured_for.is_empty(),
            configured_for: configured_for.to_vec(),
            state,
            speaks,
            certificate_not_after: certificate.map(|certificate| certificate.not_after.to_string()),
            failure: failure.cloned(),
        }
    }

    /// Who reads this connection on its way, if it is one that is known by its certificates.
    pub(super) fn interceptor(&self) -> Option<&'static Interceptor> {
        self.failure.as_ref().and_then(|failure| failure.kind.issuer()).and_then(interceptor::of)
    }

    /// A setting of it, as it stands in the configuration: `imap.port`.
    pub fn setting(&self, key: &str) -> String {
        let names = self.configured_for.iter().map(|protocol| protocol.to_string().to_ascii_lowercase());
        let settings: Vec<String> = names.map(|name| format!("`{name}.{key}`")).collect();
        settings.join(" and ")
    }

    /// Who signed a certificate that this machine does not trust.
    pub fn stranger(&self) -> Option<&str> {
        match self.failure.as_ref().map(|failure| &failure.kind) {
            Some(Kind::CertificateUntrusted { issuer }) => Some(issuer),
            _ => None,
        }
    }
}

fn state(port: &Port) -> (State, Option<&Inside>, Option<&Failure>) {
    match port {
        Port::Tls(Ok(inside)) => (State::Tls, Some(inside), None),
        Port::Plain { starttls: Ok(inside), .. } => (State::Starttls, Some(inside), None),
        Port::Tls(Err(failure)) if failure.kind.is_certificate() => (State::BadCertificate, None, Some(failure)),
        Port::Plain { starttls: Err(failure), .. } if failure.kind.is_certificate() => {
            (State::BadCertificate, None, Some(failure))
        }
        Port::Plain { starttls: Err(failure), .. } => (State::Plain, None, Some(failure)),
        Port::Tls(Err(failure)) => (State::NoTls, None, Some(failure)),
        Port::Silent => (State::Silent, None, None),
        Port::Foreign { .. } => (State::SomethingElse, None, None),
        Port::Unreached(failure) => (unreached(&failure.kind), None, Some(failure)),
    }
}

fn unreached(kind: &Kind) -> State {
    match kind {
        Kind::ConnectionRefused => State::Closed,
        Kind::HostNotFound | Kind::NoAddressOfFamily { .. } => State::NoName,
        Kind::ResolverFailed => State::NoResolver,
        Kind::Unreachable => State::NoWay,
        _ => State::NoAnswer,
    }
}
