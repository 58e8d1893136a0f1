//! The settings of an account, by its address: who says what they are, and which of it a live connection confirms.
//!
//! The sources are asked in the order in which they are trusted, and only as long as something is missing: the presets
//! that are built in; what the domain itself publishes (SRV records, an autoconfig file) or Thunderbird's database knows;
//! the same for whoever takes mail for the domain; and in the end the usual names are tried. Nobody signs in, so a username is
//! what a source says, and no more.

mod autoconfig;
pub mod configuration;
mod guess;
mod published;
mod standing;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lettre::Address;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::account::{Family, Location, Protocol, Security};
use crate::failure::{Failure, Kind};
use crate::provider::{self, Passwords, Provider};
use crate::survey::{Place, Port, Surveyor, standard_ports};
use crate::wire::names::{Names, ascii};

use autoconfig::is_host;
pub use standing::{Evidence, Standing};

/// Thunderbird's database: below it, a file for each domain.
const DATABASE: &str = "https://autoconfig.thunderbird.net/v1.1/";

/// Who is asked, and how patiently.
#[derive(Debug, Clone)]
pub struct Sources {
    /// A DNS server; `None`: the system's.
    pub dns: Option<SocketAddr>,
    /// The address of Thunderbird's database, up to where the domain follows.
    pub database: String,
    /// The port of the web servers that a domain may have an autoconfig file on.
    pub https_port: u16,
    /// The ports that are tried where nothing is published.
    pub ports: Vec<(Protocol, u16)>,
    /// PEM certificates that are trusted in addition to the system's.
    pub ca: Option<Vec<u8>>,
    /// How long each answer may take.
    pub patience: Duration,
    /// How long all of it may take.
    pub limit: Duration,
}

impl Default for Sources {
    fn default() -> Sources {
        let ports = |protocol| standard_ports(protocol).iter().map(move |&port| (protocol, port));
        Sources {
            dns: None,
            database: DATABASE.to_owned(),
            https_port: 443,
            ports: Protocol::ALL.into_iter().flat_map(ports).collect(),
            ca: None,
            patience: Duration::from_secs(5),
            limit: Duration::from_secs(60),
        }
    }
}

/// Who says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "source", rename_all = "kebab-case")]
pub enum Origin {
    /// A preset that is built in.
    Preset {
        /// Its name in the configuration.
        provider: &'static str,
    },
    /// A record of the domain (RFC 6186, RFC 8314 §5.1).
    Srv {
        /// The name of the record.
        name: String,
    },
    /// An autoconfig file of the domain.
    Autoconfig {
        /// Where it is.
        url: String,
    },
    /// Thunderbird's database.
    Database {
        /// Where the file is.
        url: String,
    },
    /// A preset or Thunderbird's database, for whoever takes mail for the domain.
    Exchanger {
        /// The host that takes it.
        exchanger: String,
        /// The name of the preset, or where the file is.
        by: String,
    },
    /// Nobody: it has a usual name, and answers.
    Guess,
}

/// A server that may be the right one.
#[derive(Debug)]
pub struct Candidate {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where it is.
    pub location: Location,
    /// Who signs in, as the source says; where it does not, the full address.
    pub username: String,
    /// The source says that it takes no password, only an OAuth 2.0 access token.
    pub token_only: bool,
    /// Who says it.
    pub origin: Origin,
    /// What a live connection says about it.
    pub standing: Standing,
}

impl Candidate {
    /// The same server with the security that it has, where the source says another.
    fn as_seen(&self, security: Security, evidence: Evidence) -> Candidate {
        Candidate {
            protocol: self.protocol,
            location: Location { security, ..self.location.clone() },
            username: self.username.clone(),
            token_only: self.token_only,
            origin: self.origin.clone(),
            standing: Standing::Confirmed(evidence),
        }
    }
}

/// A source that had nothing to say.
#[derive(Debug)]
pub struct Asked {
    /// The record, the file or the host.
    pub what: String,
    /// Why it could not be asked, or what is wrong with its answer; `None`: it does not exist, or says that there is no such
    /// service.
    pub failure: Option<Failure>,
}

/// What was found.
#[derive(Debug)]
pub struct Discovery {
    /// The address.
    pub address: Address,
    /// All servers that were named, those of the most trusted source first.
    pub candidates: Vec<Candidate>,
    /// Who was asked for nothing.
    pub asked: Vec<Asked>,
    /// What to know about the provider, where it is a known one.
    pub provider: Option<&'static Provider>,
}

impl Discovery {
    /// The server to use: the first that is confirmed, else the first that nothing speaks against but that it could not be
    /// reached from here.
    pub fn chosen(&self, protocol: Protocol) -> Option<&Candidate> {
        let of_protocol = || self.candidates.iter().filter(move |candidate| candidate.protocol == protocol);
        let confirmed = of_protocol().find(|candidate| candidate.standing.evidence().is_some());
        confirmed.or_else(|| of_protocol().find(|candidate| candidate.standing.is_open()))
    }

    /// Whether there is a confirmed server to send by, and one to receive by.
    pub fn is_confirmed(&self) -> bool {
        self.has(|candidate| candidate.standing.evidence().is_some())
    }

    /// Whether there is a server to send by, and one to receive by.
    pub fn is_complete(&self) -> bool {
        self.has(|_| true)
    }

    fn has(&self, good: impl Fn(&Candidate) -> bool) -> bool {
        let has = |protocol| self.chosen(protocol).is_some_and(&good);
        has(Protocol::Smtp) && (has(Protocol::Imap) || has(Protocol::Pop3))
    }

    /// Nothing was found, and DNS did not work: that says nothing about the domain.
    pub fn could_not_ask(&self) -> Option<&Failure> {
        let failures = self.asked.iter().filter_map(|asked| asked.failure.as_ref());
        failures.filter(|failure| failure.kind == Kind::ResolverFailed).find(|_| self.candidates.is_empty())
    }
}

/// What is built in, without asking anybody.
pub fn offline(address: &Address) -> Discovery {
    let provider = ascii(address.domain()).and_then(|domain| provider::by_domain(&domain));
    let origin = |provider: &Provider| Origin::Preset { provider: provider.name };
    let candidates = provider.map(|provider| presets(provider, address, &origin(provider))).unwrap_or_default();
    Discovery { address: address.clone(), candidates, asked: Vec::new(), provider }
}

/// Asks the sources, and looks at every server that they name.
///
/// # Errors
/// [`Kind::HostNotFound`] for a domain that is none.
pub async fn discover(address: &Address, sources: &Sources) -> Result<Discovery, Failure> {
    let not_a_domain = || Failure::new(Kind::HostNotFound).detail(format!("{:?} is no domain", address.domain()));
    let domain = ascii(address.domain()).filter(|domain| is_domain(domain)).ok_or_else(not_a_domain)?;
    let names = match sources.dns {
        Some(server) => Names::at(server),
        None => Names::of_the_system(),
    };
    let mut search = Search::new(sources, address, domain, &names);
    for step in [Step::Presets, Step::Published, Step::Exchangers, Step::Guesses] {
        if search.found.is_confirmed() {
            break;
        }
        if Instant::now() >= search.until {
            let failure = Failure::new(Kind::Interrupted).detail("the time was over");
            search.found.asked.push(Asked { what: "the sources that are left".to_owned(), failure: Some(failure) });
            break;
        }
        search.take(step).await;
    }
    Ok(search.found)
}

/// An address can have a host's address behind its `@`, of which nobody publishes anything.
fn is_domain(text: &str) -> bool {
    is_host(text) && text.parse::<IpAddr>().is_err()
}

/// Who is asked, in this order.
#[derive(Debug, Clone, Copy)]
enum Step {
    Presets,
    Published,
    Exchangers,
    Guesses,
}

/// A search under way.
struct Search<'a> {
    sources: &'a Sources,
    address: &'a Address,
    domain: String,
    names: &'a Names,
    until: Instant,
    /// What was looked at already, so that nothing is looked at twice.
    ports: BTreeMap<(String, u16), Port>,
    /// The domain says that it does not offer these.
    denied: Vec<Protocol>,
    found: Discovery,
}

impl<'a> Search<'a> {
    fn new(sources: &'a Sources, address: &'a Address, domain: String, names: &'a Names) -> Search<'a> {
        let found = Discovery { address: address.clone(), candidates: Vec::new(), asked: Vec::new(), provider: None };
        let until = Instant::now() + sources.limit;
        Search { sources, address, domain, names, until, ports: BTreeMap::new(), denied: Vec::new(), found }
    }

    async fn take(&mut self, step: Step) {
        let candidates = match step {
            Step::Presets => {
                let Discovery { candidates, provider, .. } = offline(self.address);
                self.found.provider = provider;
                candidates
            }
            Step::Published => self.published().await,
            Step::Exchangers => self.exchangers().await,
            Step::Guesses => self.guesses().await,
        };
        self.look_at(candidates.iter().map(|candidate| &candidate.location)).await;
        for mut candidate in candidates {
            let named = |one: &Candidate| one.protocol == candidate.protocol && one.location == candidate.location;
            if self.found.candidates.iter().any(named) {
                continue; // a source that is trusted more has said so
            }
            let Some(port) = self.ports.get(&key(&candidate.location)) else {
                let failure = Failure::new(Kind::CleartextForbidden).detail("nobody signs in without encryption");
                self.found.candidates.push(Candidate { standing: Standing::Rejected(failure), ..candidate });
                continue;
            };
            candidate.standing = Standing::judge(candidate.protocol, candidate.location.security, port);
            let corrected =
                port.way_in_for(candidate.protocol).filter(|(seen, _)| *seen != candidate.location.security);
            let corrected = corrected.map(|(security, inside)| candidate.as_seen(security, Evidence::of(inside)));
            self.found.candidates.extend([Some(candidate), corrected].into_iter().flatten());
        }
    }

    /// Looks at the ports that were not looked at yet; at none that is to be used without encryption.
    async fn look_at(&mut self, locations: impl Iterator<Item = &Location>) {
        let mut places: BTreeMap<(String, u16), Place> = BTreeMap::new();
        for location in locations.filter(|location| location.security != Security::None) {
            let key = key(location);
            if !self.ports.contains_key(&key) {
                let expected = Some(location.security);
                places.entry(key).or_insert(Place { host: location.host.clone(), port: location.port, expected });
            }
        }
        let (keys, places): (Vec<_>, Vec<Place>) = places.into_iter().unzip();
        let Sources { ca, patience, .. } = self.sources;
        let (ca, until) = (ca.as_deref(), self.until);
        let surveyor = Surveyor { names: self.names, ca, family: Family::Any, patience: *patience, until };
        let ports = surveyor.look_at_all(&places).await;
        self.ports.extend(keys.into_iter().zip(ports));
    }

    /// Waits for a source, but not for ever.
    async fn within<T>(&self, answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        // Looking up a host, connecting, TLS and the answer, each of which may take its time.
        let patience = self.sources.patience * 3;
        let limit_seconds = patience.as_secs_f64();
        let until = self.until.min(Instant::now() + patience);
        timeout_at(until, answer).await.unwrap_or_else(|_| Err(Failure::new(Kind::Timeout { limit_seconds })))
    }
}

fn key(location: &Location) -> (String, u16) {
    (location.host.clone(), location.port)
}

/// The servers of a preset.
fn presets(provider: &Provider, address: &Address, origin: &Origin) -> Vec<Candidate> {
    let candidate = |protocol| {
        let preset = provider.preset(protocol)?;
        Some(Candidate {
            protocol,
            location: Location { host: preset.host.to_owned(), port: preset.port, security: preset.security },
            username: preset.username.username(address),
            token_only: provider.passwords == Passwords::Refused,
            origin: origin.clone(),
            standing: Standing::Untried,
        })
    };
    Protocol::ALL.into_iter().filter_map(candidate).collect()
}
