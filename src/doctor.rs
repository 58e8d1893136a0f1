//! A look at an account's servers, and at this machine: what is wrong, whose fault it is, and which line to change.
//!
//! The ports that mail programs use are surveyed at the hosts that the account names, and at those that its provider
//! publishes. Where a configured server is as configured, inside TLS, with a valid certificate, somebody signs in there:
//! once, by the account's own credentials. No message is sent. Where something is not reached, it is found out whether the
//! fault is this machine's: by its routes, and by asking a neighbour, another provider's server, unless that is forbidden.

pub mod judgement;
pub mod machine;
pub mod prescription;
pub mod sight;

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use crate::account::{Account, Endpoint, Family, Location, Protocol, Security};
use crate::diagnose::{self, Diagnosis, Verdict, diagnose};
use crate::failure::{Failure, Kind};
use crate::outcome::{Fact, Outcome, Role};
use crate::provider;
use crate::survey::{Place, Port, Surveyor, standard_ports};
use crate::verify::visit::{self, Visit};
use crate::wire::names::Names;

use judgement::{Finding, Seen, judge};
use machine::Machine;
use prescription::{Change, changes, line, recommended, remedy};
use sight::Sight;

/// Another provider's submission server, which is asked where nothing else is said.
pub const NEIGHBOUR: (&str, u16) = ("smtp.gmail.com", 587);

/// From this share on, in percent, a mailbox is nearly full.
const NEARLY_FULL: u64 = 90;

const PROTOCOLS: [Protocol; 3] = [Protocol::Smtp, Protocol::Imap, Protocol::Pop3];

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
    asked: OnceCell<(Sight, Port)>,
}

impl Default for Doctor {
    fn default() -> Doctor {
        let ports = |protocol| standard_ports(protocol).iter().map(move |&port| (protocol, port));
        Doctor {
            names: Names::of_the_system(),
            ports: PROTOCOLS.into_iter().flat_map(ports).collect(),
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
    /// The servers that it names.
    pub servers: Vec<Server>,
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

/// A server that the account names.
#[derive(Debug, Serialize)]
pub struct Server {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How it is secured, as configured.
    pub security: Security,
    /// Who signs in.
    pub username: String,
    /// Why it is not as configured; `None`: it is.
    pub failure: Option<Failure>,
    /// What would have to be changed for it to work; empty where nothing has to be, or nothing is known to help.
    pub changes: Vec<Change>,
    /// Why nobody signed in; `None`: somebody did, or tried.
    pub not_signed_in: Option<NotSignedIn>,
    /// Whether the sign-in, and the look into the mailbox, went well.
    pub signed_in: bool,
    /// How it was done.
    pub mechanism: Option<String>,
    /// What the server says that it can do, to somebody who is signed in where it tells.
    pub capabilities: Vec<String>,
    /// The inbox, Junk and Sent, as far as they are there.
    pub folders: Vec<Folder>,
    /// How full the mailbox is, where the server tells.
    pub quota: Option<Quota>,
    /// What did not go well during the visit, with cause and advice.
    pub diagnoses: Vec<Diagnosis>,
}

/// Why nobody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotSignedIn {
    /// The password is not at hand.
    NoPassword,
    /// The server is not as configured, or its certificate is not valid.
    NotAsConfigured,
    /// There would be no encryption.
    NotEncrypted,
    /// It was not asked for.
    NotAsked,
}

/// A folder of the mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Folder {
    /// What it is for.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// How many messages it holds.
    pub messages: Option<u32>,
}

/// How full a mailbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// What is used, in KiB.
    pub used_kib: u64,
    /// What may be used, in KiB.
    pub limit_kib: u64,
}

impl Quota {
    /// Whether there is little room left.
    pub fn is_nearly_full(&self) -> bool {
        u128::from(self.used_kib) * 100 >= u128::from(self.limit_kib) * u128::from(NEARLY_FULL)
    }
}

/// A port to look at, and by which certificates it is judged.
struct Errand<'a> {
    place: Place,
    ca: Option<&'a [u8]>,
    configured: bool,
}

impl Doctor {
    /// Examines an account, as far as these protocols are concerned. Whatever happens on the network is the result, which is
    /// complete in time.
    pub async fn examine(&self, account: &Account, protocols: &[Protocol]) -> Examination {
        let began = Instant::now();
        let until = began + self.limit;
        // So that there is time left to sign in.
        let surveyed_by = if self.sign_in { began + self.limit / 2 } else { began + self.limit / 4 * 3 };
        let configured: Vec<(Protocol, &Endpoint)> =
            protocols.iter().filter_map(|&protocol| Some((protocol, account.endpoint(protocol)?))).collect();
        let published = self.published(account, surveyed_by).await;
        let looks = self.survey(errands(&self.ports, &configured, &published), &configured, surveyed_by).await;
        let asked = looks.iter().any(|(sight, _)| sight.configured && !sight.state.is_mail());
        let neighbour = if asked { self.ask_neighbour(&configured, until - self.limit / 8).await } else { None };
        let servers =
            configured.iter().map(|&(protocol, endpoint)| self.server(account, protocol, endpoint, &looks, until));
        let servers = join_all(servers).await;
        let ports: Vec<Sight> = looks.iter().map(|(sight, _)| sight.clone()).collect();
        let machine = Machine::here();
        let findings = judge(&Seen { ports: &ports, neighbour: neighbour.as_ref(), machine: &machine });
        let lines = lines(&configured, &looks);
        let (receive, both) = receive_by(&servers, &looks);
        let verdict = verdict(&servers, &findings);
        let (account, address) = (account.name.clone(), account.address.to_string());
        Examination { account, address, verdict, servers, lines, ports, receive, both, machine, neighbour, findings }
    }

    /// The hosts that the provider publishes: of the address's domain, or of whoever takes mail for it.
    async fn published(&self, account: &Account, until: Instant) -> Vec<(Protocol, &'static str)> {
        if self.neighbour.is_none() {
            return Vec::new();
        }
        let domain = account.address.domain();
        let mut provider = provider::by_domain(domain);
        if provider.is_none() {
            let until = until.min(Instant::now() + self.patience);
            let exchangers = timeout_at(until, self.names.exchangers(domain)).await;
            let exchangers = exchangers.ok().and_then(Result::ok).unwrap_or_default();
            provider = exchangers.iter().find_map(|host| provider::by_exchanger(host));
        }
        let host = |protocol| Some((protocol, provider?.preset(protocol)?.host));
        PROTOCOLS.into_iter().filter_map(host).collect()
    }

    async fn survey(
        &self,
        errands: Vec<Errand<'_>>,
        configured: &[(Protocol, &Endpoint)],
        until: Instant,
    ) -> Vec<(Sight, Port)> {
        let mut authorities: Vec<Option<&[u8]>> = errands.iter().map(|errand| errand.ca).collect();
        authorities.sort_unstable();
        authorities.dedup();
        let groups = authorities.into_iter().map(async |ca| {
            let group: Vec<&Errand<'_>> = errands.iter().filter(|errand| errand.ca == ca).collect();
            let places: Vec<Place> = group.iter().map(|errand| errand.place.clone()).collect();
            let ports = self.surveyor(ca, family(configured), until).look_at_all(&places).await;
            let sights = group.iter().zip(ports);
            sights.map(|(errand, port)| (Sight::of(&errand.place, errand.configured, &port), port)).collect::<Vec<_>>()
        });
        let mut looks: Vec<(Sight, Port)> = join_all(groups).await.into_iter().flatten().collect();
        let order = |sight: &Sight| {
            errands.iter().position(|errand| errand.place.host == sight.host && errand.place.port == sight.port)
        };
        looks.sort_by_key(|(sight, _)| order(sight));
        looks
    }

    fn surveyor<'a>(&'a self, ca: Option<&'a [u8]>, family: Family, until: Instant) -> Surveyor<'a> {
        Surveyor { names: &self.names, ca, family, patience: self.patience, until }
    }

    /// The neighbour is asked once, however many accounts there are.
    async fn ask_neighbour(&self, configured: &[(Protocol, &Endpoint)], until: Instant) -> Option<Sight> {
        let (host, port) = self.neighbour.as_ref()?;
        let ask = async || {
            let place = Place::new(host.clone(), *port);
            let port = self.surveyor(None, family(configured), until).look_at(&place).await;
            (Sight::of(&place, false, &port), port)
        };
        Some(self.asked.get_or_init(ask).await.0.clone())
    }

    async fn server(
        &self,
        account: &Account,
        protocol: Protocol,
        endpoint: &Endpoint,
        looks: &[(Sight, Port)],
        until: Instant,
    ) -> Server {
        let Endpoint { host, port, security, .. } = endpoint;
        let location = Location { host: host.clone(), port: *port, security: *security };
        let failure = fit(protocol, &location, looks).err();
        let not_signed_in = self.why_not_signed_in(endpoint, failure.is_some());
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
            diagnoses: Vec::new(),
        };
        if self.sign_in && server.is_worth_a_visit() {
            let sign_in = not_signed_in.is_none();
            let patience = self.patience * 2;
            let visit = Visit { account, protocol, endpoint, sign_in, patience, until };
            server.take(&visit::run(visit).await);
        }
        server
    }

    fn why_not_signed_in(&self, endpoint: &Endpoint, unfit: bool) -> Option<NotSignedIn> {
        let blank = endpoint.credentials.proof.password().is_some_and(|password| password.expose().is_empty());
        match () {
            () if !self.sign_in => Some(NotSignedIn::NotAsked),
            () if unfit => Some(NotSignedIn::NotAsConfigured),
            () if endpoint.security == Security::None => Some(NotSignedIn::NotEncrypted),
            () if blank => Some(NotSignedIn::NoPassword),
            () => None,
        }
    }
}

impl Server {
    /// Where the survey has heard something else than what is configured, a visit would only wait for what does not come.
    fn is_worth_a_visit(&self) -> bool {
        let heard = |failure: &Failure| {
            matches!(
                failure.kind,
                Kind::Malformed
                    | Kind::PlaintextOnTlsPort
                    | Kind::NoMechanism { .. }
                    | Kind::Timeout { .. }
                    | Kind::Interrupted
            )
        };
        !self.failure.as_ref().is_some_and(heard)
    }

    /// Takes down what a visit has seen.
    fn take(&mut self, outcome: &Outcome) {
        let verdict = diagnose::verdict(outcome);
        self.signed_in = self.not_signed_in.is_none() && verdict < Verdict::Unknown;
        self.diagnoses = diagnose(outcome);
        for fact in outcome.stages.iter().flat_map(|record| &record.facts) {
            match fact {
                Fact::Mechanism { name, .. } => self.mechanism = Some(name.clone()),
                Fact::Capabilities { names } => self.capabilities.clone_from(names),
                Fact::Quota { used_kib, limit_kib } => {
                    self.quota = Some(Quota { used_kib: *used_kib, limit_kib: *limit_kib });
                }
                Fact::Folder { role, name, messages, .. } => {
                    self.folders.push(Folder { role: *role, name: name.clone(), messages: *messages });
                }
                _ => {}
            }
        }
    }

    /// What it alone amounts to.
    pub fn verdict(&self) -> Verdict {
        let worst = self.diagnoses.iter().map(|diagnosis| diagnosis.verdict).max().unwrap_or(Verdict::Ok);
        let full = self.quota.is_some_and(|quota| quota.is_nearly_full());
        match () {
            () if self.failure.is_some() => Verdict::Critical,
            () if full || !self.signed_in => worst.max(Verdict::Warning),
            () => worst,
        }
    }
}

/// The addresses that are asked for; an account has one answer for all of its servers, or none.
fn family(configured: &[(Protocol, &Endpoint)]) -> Family {
    configured.first().map(|(_, endpoint)| endpoint.family).unwrap_or_default()
}

/// Each port once: the configured ones first, then the usual ones at the same hosts, then those at the provider's.
fn errands<'a>(
    usual: &[(Protocol, u16)],
    configured: &[(Protocol, &'a Endpoint)],
    published: &[(Protocol, &str)],
) -> Vec<Errand<'a>> {
    let mut errands: Vec<Errand<'a>> = Vec::new();
    let mut add = |host: &str, port: u16, ca, configured| {
        let same = |errand: &Errand<'_>| errand.place.port == port && errand.place.host.eq_ignore_ascii_case(host);
        if !errands.iter().any(same) {
            errands.push(Errand { place: Place::new(host, port), ca, configured });
        }
    };
    for (_, endpoint) in configured {
        add(&endpoint.host, endpoint.port, endpoint.ca.as_deref(), true);
    }
    for (_, endpoint) in configured {
        usual.iter().for_each(|(_, port)| add(&endpoint.host, *port, endpoint.ca.as_deref(), false));
    }
    for (protocol, host) in published {
        let ports = usual.iter().filter(|(of, _)| of == protocol);
        ports.for_each(|(_, port)| add(host, *port, None, false));
    }
    errands
}

fn look<'a>(location: &Location, looks: &'a [(Sight, Port)]) -> Option<&'a Port> {
    let at = |sight: &Sight| sight.port == location.port && sight.host.eq_ignore_ascii_case(&location.host);
    looks.iter().find(|(sight, _)| at(sight)).map(|(_, port)| port)
}

/// Whether a server is as configured.
fn fit(protocol: Protocol, location: &Location, looks: &[(Sight, Port)]) -> Result<(), Failure> {
    let Some(port) = look(location, looks) else { return Err(Failure::new(Kind::Interrupted)) };
    match port {
        Port::Plain { protocol: seen, .. } if location.security == Security::None && *seen == protocol => Ok(()),
        _ => port.fits(protocol, location.security).map(drop),
    }
}

/// For each protocol the server to use, if one was seen that a mail program can use in a safe way.
fn lines(configured: &[(Protocol, &Endpoint)], looks: &[(Sight, Port)]) -> Vec<String> {
    let line = |protocol: Protocol| {
        let endpoint = configured.iter().find(|(of, _)| *of == protocol).map(|(_, endpoint)| *endpoint);
        let best = match endpoint {
            Some(Endpoint { host, port, security, .. }) => {
                remedy(protocol, &Location { host: host.clone(), port: *port, security: *security }, looks)
            }
            None => recommended(protocol, looks),
        };
        best.map(|best| line(protocol, &best))
    };
    PROTOCOLS.into_iter().filter_map(line).collect()
}

/// IMAP, unless only POP3 works; and whether there are both.
fn receive_by(servers: &[Server], looks: &[(Sight, Port)]) -> (Option<Protocol>, bool) {
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
