//! Whether what is on a port is what was said to be there.

use crate::account::{Protocol, Security};
use crate::failure::{Failure, Kind};

use super::{Inside, Port, Speech};

impl Port {
    /// What somebody finds who comes for this protocol, with this security, to sign in.
    ///
    /// # Errors
    /// Why they do not get that far: no connection, a bad certificate, another protocol, another security.
    pub fn fits(&self, protocol: Protocol, security: Security) -> Result<&Inside, Failure> {
        match self.way_in() {
            Some((seen, inside)) => match why_not(protocol, security, seen, inside) {
                None => Ok(inside),
                Some(failure) => Err(failure),
            },
            None => Err(no_way_in(protocol, security, self)),
        }
    }
}

fn malformed(detail: impl Into<String>) -> Failure {
    Failure::new(Kind::Malformed).detail(detail)
}

fn other(wanted: Protocol, seen: Protocol) -> Option<Failure> {
    (wanted != seen).then(|| wrong(seen.into(), format!("it speaks {seen} there, not {wanted}")))
}

fn wrong(speaks: Speech, detail: String) -> Failure {
    Failure::new(Kind::WrongProtocol { speaks }).detail(detail)
}

fn plaintext(protocol: Protocol) -> Failure {
    Failure::new(Kind::PlaintextOnTlsPort { speaks: Some(protocol.into()) })
}

fn why_not(protocol: Protocol, wanted: Security, seen: Security, inside: &Inside) -> Option<Failure> {
    other(protocol, inside.protocol).or_else(|| match (wanted, seen) {
        _ if inside.offer.mechanisms.is_empty() => Some(Failure::new(Kind::NoMechanism { offered: Vec::new() })),
        (Security::Tls, Security::Starttls) => Some(plaintext(protocol)),
        (Security::Starttls | Security::None, Security::Tls) => Some(malformed("TLS begins with the first byte there")),
        _ => None,
    })
}

fn no_way_in(protocol: Protocol, wanted: Security, port: &Port) -> Failure {
    match port {
        Port::Unreached(failure) | Port::Tls(Err(failure)) => failure.clone(),
        Port::Silent => malformed("it takes connections and says nothing"),
        Port::Foreign { speech, said, .. } => match speech {
            Some(speaks @ Speech::Ssh) => wrong(*speaks, format!("an SSH server answers there ({said})")),
            Some(speaks @ Speech::Http) => wrong(*speaks, format!("a web server answers there ({said})")),
            Some(Speech::Smtp | Speech::Imap | Speech::Pop3) | None => {
                malformed(format!("what is there speaks no mail protocol ({said})"))
            }
        },
        Port::Plain { protocol: seen, starttls, .. } => match (other(protocol, *seen), wanted, starttls) {
            (Some(other), _, _) => other,
            (None, Security::Starttls | Security::None, Err(failure)) => failure.clone(),
            _ => plaintext(protocol),
        },
        Port::Tls(Ok(inside)) => other(protocol, inside.protocol).unwrap_or_else(|| Failure::new(Kind::TlsFailed)),
    }
}
