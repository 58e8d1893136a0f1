//! What a port speaks, learnt from the bytes on the wire. Nobody signs in, and nothing secret is sent.
//!
//! A server that begins in plaintext speaks first, one that begins with TLS waits for the client. What is expected of a
//! port is tried first, on one connection; if that comes to nothing, or nothing is expected, another connection tries the
//! other. What answers is identified by its own bytes, not by the number of the port. Each certificate is judged for the
//! host as in a verification.

mod fit;
mod hearing;
mod talk;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::account::{Family, Location, Protocol, Security};
use crate::failure::{Failure, Kind};
use crate::wire::names::Names;
use crate::wire::tls::Secured;
use crate::wire::{self, tap::Tap};

pub use crate::failure::Speech;

/// How many ports of one host are looked at at the same time: no more than a mail program opens connections.
const AT_ONCE: usize = 3;

/// The ports that mail programs use (RFC 8314 §3, RFC 6409 §3.1), the better one first; 2525 is what some providers offer
/// where 587 is blocked, and on 25 servers talk to each other, though some take submissions there.
pub fn standard_ports(protocol: Protocol) -> &'static [u16] {
    match protocol {
        Protocol::Smtp => &[465, 587, 2525, 25],
        Protocol::Imap => &[993, 143],
        Protocol::Pop3 => &[995, 110],
    }
}

/// What a survey needs.
pub struct Surveyor<'a> {
    /// Where hosts are looked up.
    pub names: &'a Names,
    /// PEM certificates that are trusted in addition to the system's.
    pub ca: Option<&'a [u8]>,
    /// Which of the hosts' addresses are used.
    pub family: Family,
    /// How long looking a host up, connecting, and each answer of a server may take. The greeting has this time as well,
    /// so that it should be some seconds: servers let clients wait to see who is impatient.
    pub patience: Duration,
    /// When the survey ends, whatever is still to be learnt.
    pub until: Instant,
}

/// A port to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// What is tried first; `None`: everything at once.
    pub expected: Option<Security>,
}

impl Place {
    /// Where what is expected is what the number of the port stands for (RFC 8314 §3), if it stands for something.
    pub fn new(host: impl Into<String>, port: u16) -> Place {
        let expected = match port {
            465 | 993 | 995 => Some(Security::Tls),
            25 | 110 | 143 | 587 | 2525 => Some(Security::Starttls),
            _ => None,
        };
        Place { host: host.into(), port, expected }
    }
}

/// What there is on a port.
#[derive(Debug)]
pub enum Port {
    /// No connection came about: the kind says whether the host does not exist, the port is closed (refused) or filtered (no
    /// answer), or there is no way there. Or the time was over before anything was known ([`Kind::Timeout`]).
    Unreached(Failure),
    /// It takes connections and says nothing, neither in plaintext nor to a TLS handshake, or hangs up.
    Silent,
    /// Something else than mail.
    Foreign {
        /// What it is; `None`: nothing that is known here.
        speech: Option<Speech>,
        /// How it begins, as text.
        said: String,
        /// Whether it is said inside TLS.
        inside_tls: bool,
    },
    /// A mail server that begins in plaintext.
    Plain {
        /// What it speaks.
        protocol: Protocol,
        /// The first line that it says, as it stands.
        greeting: String,
        /// What can be done before STARTTLS.
        offer: Offer,
        /// What STARTTLS leads to, or why it leads nowhere: not offered, refused, a bad certificate.
        starttls: Result<Box<Inside>, Failure>,
    },
    /// TLS from the first byte, and a mail server inside; or why there is none to be seen: a bad certificate, an alert,
    /// silence.
    Tls(Result<Box<Inside>, Failure>),
}

/// What a server says that it can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// Its own words.
    pub capabilities: Vec<String>,
    /// How somebody can sign in.
    pub mechanisms: Vec<String>,
}

/// A mail server inside TLS, with a certificate that is valid for the host.
#[derive(Debug)]
pub struct Inside {
    /// What it speaks.
    pub protocol: Protocol,
    /// The first line that it says, as it stands; after STARTTLS what it said before.
    pub greeting: String,
    /// What was negotiated, and the certificate.
    pub secured: Secured,
    /// What can be done here.
    pub offer: Offer,
}

impl Port {
    /// How a mail program gets in with a valid certificate.
    pub fn way_in(&self) -> Option<(Security, &Inside)> {
        match self {
            Port::Tls(Ok(inside)) => Some((Security::Tls, inside)),
            Port::Plain { starttls: Ok(inside), .. } => Some((Security::Starttls, inside)),
            _ => None,
        }
    }

    /// The same, for somebody who wants this protocol and wants to sign in.
    pub fn way_in_for(&self, protocol: Protocol) -> Option<(Security, &Inside)> {
        self.way_in().filter(|(_, inside)| inside.protocol == protocol && !inside.offer.mechanisms.is_empty())
    }
}

/// The best way to a server of this protocol: TLS from the first byte before STARTTLS (RFC 8314 §3), always with a valid
/// certificate, never without encryption; then the order of what was surveyed.
pub fn recommended(protocol: Protocol, surveyed: &[(Place, Port)]) -> Option<Location> {
    ways_in(protocol, surveyed).min_by_key(|location| location.security != Security::Tls)
}

/// Every way to sign in by this protocol with a valid certificate, in the order of what was surveyed.
pub fn ways_in(protocol: Protocol, surveyed: &[(Place, Port)]) -> impl Iterator<Item = Location> {
    surveyed.iter().filter_map(move |(place, port)| {
        let (security, _) = port.way_in_for(protocol)?;
        Some(Location { host: place.host.clone(), port: place.port, security })
    })
}

impl Surveyor<'_> {
    /// Looks at all of these at the same time, at a few ports of one host at once. The results are in the same order.
    pub async fn look_at_all(&self, places: &[Place]) -> Vec<Port> {
        let mut looks = Vec::new();
        self.look_at_each(places, |number, port| looks.push((number, port))).await;
        looks.sort_by_key(|(number, _)| *number);
        looks.into_iter().map(|(_, port)| port).collect()
    }

    /// The same, which hands each result over with its place in the order as soon as it is there.
    pub async fn look_at_each(&self, places: &[Place], mut found: impl FnMut(usize, Port)) {
        let hosts: BTreeMap<&str, Host> = places.iter().map(|place| (place.host.as_str(), Host::default())).collect();
        let look = async |(number, place): (usize, &Place)| match hosts.get(place.host.as_str()) {
            Some(host) => Some((number, self.look_in_time(place, host).await)),
            None => None,
        };
        let mut looks: FuturesUnordered<_> = places.iter().enumerate().map(look).collect();
        while let Some(look) = looks.next().await {
            look.into_iter().for_each(|(number, port)| found(number, port));
        }
    }

    /// Looks at one port.
    pub async fn look_at(&self, place: &Place) -> Port {
        self.look_in_time(place, &Host::default()).await
    }

    async fn look_in_time(&self, place: &Place, host: &Host) -> Port {
        let began = Instant::now();
        match timeout_at(self.until, self.look(place, host)).await {
            Ok(port) => port,
            Err(_) => {
                let limit_seconds = began.elapsed().as_secs_f64();
                Port::Unreached(Failure::new(Kind::Timeout { limit_seconds }).detail("the time was over"))
            }
        }
    }

    async fn look(&self, place: &Place, host: &Host) -> Port {
        let _turn = host.turns.acquire().await; // it is never closed
        match self.reach(place, host).await {
            Ok((tap, site)) => talk::with(hearing::hear(tap, &site).await, &site).await,
            Err(failure) => Port::Unreached(failure),
        }
    }

    async fn reach<'a>(&'a self, place: &'a Place, host: &Host) -> Result<(Tap, Site<'a>), Failure> {
        let look_up = || self.within(self.names.addresses(&place.host, place.port));
        let mut found = host.addresses.get_or_init(look_up).await.clone()?;
        found.iter_mut().for_each(|address| address.set_port(place.port));
        let others: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
        found.retain(|address| self.family.has(address.ip()));
        if found.is_empty() {
            return Err(Failure::new(Kind::NoAddressOfFamily { family: self.family, others }));
        }
        let (tap, address) = wire::dial(&found, self.patience).await?;
        Ok((tap, Site { surveyor: self, place, address }))
    }

    /// Waits for an answer, but not for ever.
    async fn within<T>(&self, answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let limit_seconds = self.patience.as_secs_f64();
        timeout(self.patience, answer).await.unwrap_or_else(|_| Err(Failure::new(Kind::Timeout { limit_seconds })))
    }
}

/// A host, which is looked up once however many of its ports are looked at.
struct Host {
    addresses: OnceCell<Result<Vec<SocketAddr>, Failure>>,
    turns: Semaphore,
}

impl Default for Host {
    fn default() -> Host {
        Host { addresses: OnceCell::new(), turns: Semaphore::new(AT_ONCE) }
    }
}

/// A port that took a connection.
struct Site<'a> {
    surveyor: &'a Surveyor<'a>,
    place: &'a Place,
    address: SocketAddr,
}

impl Site<'_> {
    /// One more connection to the same address.
    async fn one_more(&self) -> Option<Tap> {
        Some(wire::dial(&[self.address], self.surveyor.patience).await.ok()?.0)
    }
}
