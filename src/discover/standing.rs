//! What a live connection says about a server that somebody names.

use jiff::Timestamp;

use crate::account::{Protocol, Security};
use crate::failure::{Failure, Kind};
use crate::survey::{Inside, Port};

/// What a live connection says about a server.
#[derive(Debug)]
pub enum Standing {
    /// Nobody has looked.
    Untried,
    /// It speaks the protocol, inside TLS, with a certificate that is valid for the host, and lets people sign in.
    Confirmed(Evidence),
    /// It does not.
    Rejected(Failure),
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Such as `TLSv1.3`.
    pub tls_version: Option<String>,
    /// When the certificate ends.
    pub certificate_not_after: Option<Timestamp>,
    /// How somebody can sign in.
    pub mechanisms: Vec<String>,
}

impl Standing {
    /// What was seen, if it is confirmed.
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Standing::Confirmed(evidence) => Some(evidence),
            Standing::Untried | Standing::Rejected(_) => None,
        }
    }

    /// Nothing speaks against it but that this machine does not get through to it: it may well do elsewhere.
    pub fn is_open(&self) -> bool {
        match self {
            Standing::Untried => true,
            Standing::Confirmed(_) => false,
            Standing::Rejected(failure) => matches!(
                failure.kind,
                Kind::NoAnswer
                    | Kind::Unreachable
                    | Kind::ConnectionRefused
                    | Kind::ResolverFailed
                    | Kind::Timeout { .. }
            ),
        }
    }

    /// Whether what is on the port is what was said to be there.
    pub(super) fn judge(protocol: Protocol, security: Security, port: &Port) -> Standing {
        match port.fits(protocol, security) {
            Ok(inside) => Standing::Confirmed(Evidence::of(inside)),
            Err(failure) => Standing::Rejected(failure),
        }
    }
}

impl Evidence {
    pub(super) fn of(inside: &Inside) -> Evidence {
        Evidence {
            tls_version: inside.secured.version.clone(),
            certificate_not_after: inside.secured.certificate.as_ref().map(|certificate| certificate.not_after),
            mechanisms: inside.offer.mechanisms.clone(),
        }
    }

    /// Whether a password can be used there; without a word about it, one can.
    pub fn takes_passwords(&self) -> bool {
        const BY_PASSWORD: [&str; 4] = ["PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5"];
        let known = |mechanism: &String| BY_PASSWORD.iter().any(|known| mechanism.eq_ignore_ascii_case(known));
        self.mechanisms.is_empty() || self.mechanisms.iter().any(known)
    }
}
