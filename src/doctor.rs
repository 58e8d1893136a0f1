//! A look at an account's servers, and at this machine: what is wrong, whose fault it is, and which line to change.
//!
//! The ports that mail programs use are surveyed at the hosts that the account names, and at those that its provider
//! publishes. Where a configured server is as configured, inside TLS, with a valid certificate, somebody signs in there:
//! once, by the account's own credentials. No message is sent. Where something is not reached, it is found out whether the
//! fault is this machine's: by its routes, and by asking a neighbour, another provider's server, unless that is forbidden.

pub mod code;
pub mod judgement;
pub mod machine;
pub mod prescription;
mod server;
pub mod sight;

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use crate::account::{Account, Endpoint, Family, Location, Protocol, Security};
use crate::diagnose::Verdict;
use crate::failure::{Failure, Kind};
use crate::provider::{self, Provider};
use crate::survey::{Place, Port, Surveyor, recommended, standard_ports};
use crate::verify::stop::{Reach, Stop};
use crate::verify::visit::{self, Visit};
use crate::wire::names::Names;

use judgement::{Finding, Seen, judge};
use machine::Machine;
use prescription::{Lack, changes, lacking, remedy};
pub use server::{Folder, NotSignedIn, Quota, Server};
use sight::Sight;

/// Another provider's submission server, which is asked where nothing else is said.
pub const NEIGHBOUR: (&str, u16) = ("smtp.gmail.com", 587);

/// How accounts are examined.
pub struct Doctor {
    /// Where hosts are looked up.
    pub names: Names,
    /// The ports that are tried beside the configured ones.
    pub ports: Vec<(Protocol, u16)>,
    /// Another provider's server, by which this machine is told from the server; `None`: nobody is asked or connected to
    /// whom the account does not name.
    pub neighbour: Option<(String, u16)>,
    /// Whether to sign in where that is safe.
    pub sign_in: bool,
    /// How long each answer may take.
    pub patience: Duration,
    /// How long all of it may take.
    pub limit: Duration,
    asked: OnceCell<Sight>,
}

impl Default for Doctor {
    fn default() -> Doctor {
        let ports = |protocol| standard_ports(protocol).iter().map(move |&port| (protocol, port));
        Doctor {
            names: Names::of_the_system(),
            ports: Protocol::ALL.into_iter().flat_map(ports).collect(),
            neighbour: Some((NEIGHBOUR.0.to_owned(), NEIGHBOUR.1)),
            sign_in: true,
            patience: Duration::from_secs(5),
            limit: Duration::from_secs(60),
            asked: OnceCell::new(),
        }
    }
}

/// What was found out about an account.
#[derive(Debug, Serialize)]
pub struct Examination {
    /// Its name.
    pub account: String,
    /// Its address.
    pub address: String,
    /// What it amounts to.
    pub verdict: Verdict,
    /// It was stopped, so that there is only what was found by then.
    pub interrupted: bool,
    /// The servers that it names.
    pub servers: Vec<Server>,
    /// What it does not name, though it takes that to send and to receive.
    pub lacking: Vec<Lack>,
    /// Lines of a configuration that work: as configured where that does, else as it takes the fewest changes.
    pub lines: Vec<String>,
    /// Every port that was looked at.
    pub ports: Vec<Sight>,
    /// By what to receive; `None` where neither IMAP nor POP3 works.
    pub receive: Option<Protocol>,
    /// Whether both IMAP and POP3 are there.
    pub both: bool,
    /// What this machine says of its way to the network.
    pub machine: Machine,
    /// The neighbour, where it was asked.
    pub neighbour: Option<Sight>,
    /// What follows from all that, the surest first.
    pub findings: Vec<Finding>,
}

/// A port to look at, and by which certificates it is judged.
struct Errand<'a> {
    place: Place,
    ca: Option<&'a [u8]>,
    /// The protocols for which the account names it.
    configured_for: Vec<Protocol>,
}

impl Doctor {
    /// Examines an account, as far as these protocols are concerned. Whatever happens on the network is the result, which is
    /// complete in time, or as far as it got when it was stopped.
    pub async fn examine(&self, account: &Account, protocols: &[Protocol], stop: &Stop) -> Examination {
        let began = Instant::now();
        let until = began + self.limit;
        // So that there is time left to sign in.
        let surveyed_by = if self.sign_in { began + self.limit / 2 } else { began + self.limit / 4 * 3 };
        let configured: Vec<(Protocol, &Endpoint)> =
            protocols.iter().filter_map(|&protocol| Some((protocol, account.endpoint(protocol)?))).collect();
        let provider = unless(stop, self.provider(account, surveyed_by)).await.flatten();
        let published = provider.filter(|_| self.neighbour.is_some());
        let errands = errands(&self.ports, &configured, published);
        let (ports, looks) = self.survey(&errands, family(&configured), surveyed_by, stop).await;
        let asked = ports.iter().any(|sight| sight.configured && !sight.state.is_mail());
        let neighbour = match asked {
            true => unless(stop, self.ask_neighbour(family(&configured), until - self.limit / 8)).await.flatten(),
            false => None,
        };
        let servers = configured
            .iter()
            .map(|&(protocol, endpoint)| self.server((account, protocol, endpoint), &looks, until, stop));
        let servers = join_all(servers).await;
        let interrupted = stop.is_requested(Reach::Journey);
        let machine = Machine::here();
        let findings = match interrupted {
            true => Vec::new(), // what was not looked at could say otherwise
            false => judge(&Seen { ports: &ports, neighbour: neighbour.as_ref(), machine: &machine }),
        };
        let lines = lines(&configured, &looks);
        let mut lacking = lacking(account, provider, &looks);
        lacking.retain(|lack| protocols.contains(&lack.protocol));
        let (receive, both) = receive_by(&servers, &looks);
        let verdict = if interrupted { Verdict::Unknown } else { verdict(&servers, &findings) };
        let (account, address) = (account.name.clone(), account.address.to_string());
        Examination {
            account,
            address,
            verdict,
            interrupted,
            servers,
            lacking,
            lines,
            ports,
            receive,
            both,
            machine,
            neighbour,
            findings,
        }
    }

    /// The provider that the address's domain belongs to, or, where others may be asked, whoever takes mail for it.
    async fn provider(&self, account: &Account, until: Instant) -> Option<&'static Provider> {
        let domain = account.address.domain();
        let provider = provider::by_domain(domain);
        if provider.is_some() || self.neighbour.is_none() {
            return provider;
        }
        let until = until.min(Instant::now() + self.patience);
        let exchangers = timeout_at(until, self.names.exchangers(domain)).await;
        let exchangers = exchangers.ok().and_then(Result::ok).unwrap_or_default();
        exchangers.iter().find_map(|host| provider::by_exchanger(host))
    }

    /// What was seen until it was stopped, in the order of the errands: in a word, and as a whole.
    async fn survey(
        &self,
        errands: &[Errand<'_>],
        family: Family,
        until: Instant,
        stop: &Stop,
    ) -> (Vec<Sight>, Vec<(Place, Port)>) {
        let mut authorities: Vec<Option<&[u8]>> = errands.iter().map(|errand| errand.ca).collect();
        authorities.sort_unstable();
        authorities.dedup();
        let groups = authorities.into_iter().map(async |ca| {
            let group = errands.iter().enumerate().filter(|(_, errand)| errand.ca == ca);
            let (order, places): (Vec<usize>, Vec<Place>) =
                group.map(|(number, errand)| (number, errand.place.clone())).unzip();
            let mut looks = Vec::new();
            let found = |at: usize, port| looks.extend(order.get(at).map(|&number| (number, port)));
            unless(stop, self.surveyor(ca, family, until).look_at_each(&places, found)).await;
            looks
        });
        let mut looks: Vec<(usize, Port)> = join_all(groups).await.into_iter().flatten().collect();
        looks.sort_by_key(|(number, _)| *number);
        let seen = looks.into_iter().filter_map(|(number, port)| {
            let Errand { place, configured_for, .. } = errands.get(number)?;
            Some((Sight::of(place, configured_for, &port), (place.clone(), port)))
        });
        seen.unzip()
    }

    fn surveyor<'a>(&'a self, ca: Option<&'a [u8]>, family: Family, until: Instant) -> Surveyor<'a> {
        Surveyor { names: &self.names, ca, family, patience: self.patience, until }
    }

    /// The neighbour is asked once, however many accounts there are.
    async fn ask_neighbour(&self, family: Family, until: Instant) -> Option<Sight> {
        let (host, port) = self.neighbour.as_ref()?;
        let ask = async || {
            let place = Place::new(host.clone(), *port);
            let port = self.surveyor(None, family, until).look_at(&place).await;
            Sight::of(&place, &[], &port)
        };
        Some(self.asked.get_or_init(ask).await.clone())
    }

    async fn server(
        &self,
        (account, protocol, endpoint): (&Account, Protocol, &Endpoint),
        looks: &[(Place, Port)],
        until: Instant,
        stop: &Stop,
    ) -> Server {
        let Endpoint { host, port, security, .. } = endpoint;
        let location = Location { host: host.clone(), port: *port, security: *security };
        let failure = fit(protocol, &location, looks).err();
        let stopped = stop.is_requested(Reach::Journey);
        let not_signed_in = self.why_not_signed_in(endpoint, failure.is_some(), stopped);
        let changes = match (&failure, security) {
            (None, Security::Tls | Security::Starttls) => Vec::new(),
            _ => remedy(protocol, &location, looks).map(|to| changes(protocol, &location, &to)).unwrap_or_default(),
        };
        let mut server = Server {
            protocol,
            host: location.host,
            port: location.port,
            security: location.security,
            username: endpoint.credentials.username.clone(),
            failure,
            changes,
            not_signed_in,
            signed_in: false,
            mechanism: None,
            capabilities: Vec::new(),
            folders: Vec::new(),
            quota: None,
            reply: None,
            diagnoses: Vec::new(),
        };
        if self.sign_in && server.is_worth_a_visit() && !stopped {
            let sign_in = not_signed_in.is_none();
            let patience = self.patience * 2;
            let visit = Visit { account, protocol, endpoint, sign_in, patience, until, stop };
            server.take(&visit::run(visit).await);
        }
        server
    }

    fn why_not_signed_in(&self, endpoint: &Endpoint, unfit: bool, stopped: bool) -> Option<NotSignedIn> {
        match () {
            () if !self.sign_in => Some(NotSignedIn::NotAsked),
            () if stopped => Some(NotSignedIn::Stopped),
            () if unfit => Some(NotSignedIn::NotAsConfigured),
            () if endpoint.security == Security::None => Some(NotSignedIn::NotEncrypted),
            () if endpoint.credentials.proof.is_blank() => Some(NotSignedIn::NoPassword),
            () => None,
        }
    }
}

/// What comes of it, unless it is stopped.
async fn unless<T>(stop: &Stop, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = stop.requested(Reach::Journey) => None,
    }
}

/// The addresses that are asked for; an account has one answer for all of its servers, or none.
fn family(configured: &[(Protocol, &Endpoint)]) -> Family {
    configured.first().map(|(_, endpoint)| endpoint.family).unwrap_or_default()
}

/// Each port once: the configured ones first, of which is expected what is configured, then the usual ones at the same
/// hosts, then those at the provider's.
fn errands<'a>(
    usual: &[(Protocol, u16)],
    configured: &[(Protocol, &'a Endpoint)],
    published: Option<&Provider>,
) -> Vec<Errand<'a>> {
    let mut errands: Vec<Errand<'a>> = Vec::new();
    let mut add = |place: Place, ca, configured_for: Option<Protocol>| {
        let is_same = |other: &Place| other.port == place.port && other.host.eq_ignore_ascii_case(&place.host);
        match errands.iter_mut().find(|errand| is_same(&errand.place)) {
            Some(errand) => errand.configured_for.extend(configured_for),
            None => errands.push(Errand { place, ca, configured_for: configured_for.into_iter().collect() }),
        }
    };
    for (protocol, Endpoint { host, port, security, ca, .. }) in configured {
        let place = Place { host: host.clone(), port: *port, expected: Some(*security) };
        add(place, ca.as_deref(), Some(*protocol));
    }
    for (_, Endpoint { host, ca, .. }) in configured {
        usual.iter().for_each(|(_, port)| add(Place::new(host, *port), ca.as_deref(), None));
    }
    for protocol in Protocol::ALL {
        let Some(preset) = published.and_then(|provider| provider.preset(protocol)) else { continue };
        let ports = usual.iter().filter(|(of, _)| *of == protocol);
        ports.for_each(|(_, port)| add(Place::new(preset.host, *port), None, None));
    }
    errands
}

fn look<'a>(location: &Location, looks: &'a [(Place, Port)]) -> Option<&'a Port> {
    let at = |place: &Place| place.port == location.port && place.host.eq_ignore_ascii_case(&location.host);
    looks.iter().find(|(place, _)| at(place)).map(|(_, port)| port)
}

/// Whether a server is as configured.
fn fit(protocol: Protocol, location: &Location, looks: &[(Place, Port)]) -> Result<(), Failure> {
    let Some(port) = look(location, looks) else { return Err(Failure::new(Kind::Interrupted)) };
    match port {
        Port::Plain { protocol: seen, .. } if location.security == Security::None && *seen == protocol => Ok(()),
        _ => port.fits(protocol, location.security).map(drop),
    }
}

/// For each protocol the server to use, if one was seen that a mail program can use in a safe way.
fn lines(configured: &[(Protocol, &Endpoint)], looks: &[(Place, Port)]) -> Vec<String> {
    let line = |protocol: Protocol| {
        let endpoint = configured.iter().find(|(of, _)| *of == protocol).map(|(_, endpoint)| *endpoint);
        let best = match endpoint {
            Some(Endpoint { host, port, security, .. }) => {
                remedy(protocol, &Location { host: host.clone(), port: *port, security: *security }, looks)
            }
            None => recommended(protocol, looks),
        };
        best.map(|best| best.line(protocol))
    };
    Protocol::ALL.into_iter().filter_map(line).collect()
}

/// IMAP, unless only POP3 works; and whether there are both.
fn receive_by(servers: &[Server], looks: &[(Place, Port)]) -> (Option<Protocol>, bool) {
    let works = |protocol| {
        let there = looks.iter().any(|(_, port)| port.way_in_for(protocol).is_some());
        let refused = servers
            .iter()
            .any(|server| server.protocol == protocol && server.not_signed_in.is_none() && !server.signed_in);
        there && !refused
    };
    match (works(Protocol::Imap), works(Protocol::Pop3)) {
        (true, both) => (Some(Protocol::Imap), both),
        (false, true) => (Some(Protocol::Pop3), false),
        (false, false) => (None, false),
    }
}

/// Where the fault is this machine's, nothing is known of the servers.
fn verdict(servers: &[Server], findings: &[Finding]) -> Verdict {
    let here = findings.iter().any(Finding::hides_the_servers) && servers.iter().all(|server| server.failure.is_some());
    match servers.iter().map(Server::verdict).max() {
        None => Verdict::Unknown,
        Some(Verdict::Critical) if here => Verdict::Unknown,
        Some(worst) => worst,
    }
}
