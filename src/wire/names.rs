//! Names: the addresses, the mail services (SRV) and the mail exchangers (MX) that DNS has for them.
//!
//! Addresses come from the system, as for every other program on this machine (`/etc/hosts` counts), unless a DNS server
//! is named. The system has no call for other records, so that they are asked of its DNS server here.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData};
use hickory_resolver::{Resolver, ResolverBuilder, TokioResolver};

use crate::failure::{Failure, Kind};
use crate::wire::resolve;

/// How long one question to one server may take, and how often it is asked: packets get lost.
const PATIENCE: Duration = Duration::from_secs(3);
const TIMES: usize = 2;

/// No name has more records than this that are worth a look.
const MOST_RECORDS: usize = 16;

/// Where names are looked up.
pub struct Names {
    /// Or why there is none.
    resolver: Result<TokioResolver, Failure>,
    /// Addresses come from the same server, not from the system.
    for_addresses: bool,
}

/// Where a service of a domain is (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The host; `None`: the domain says that it does not offer the service (a target of `.`).
    pub host: Option<String>,
    /// TCP port.
    pub port: u16,
}

impl Names {
    /// The system's DNS servers. Where it does not say which those are, there are still addresses.
    pub fn of_the_system() -> Names {
        let builder = Resolver::builder_tokio();
        Names { resolver: builder.and_then(built).map_err(|error| failed(&error)), for_addresses: false }
    }

    /// This DNS server, for everything.
    pub fn at(server: SocketAddr) -> Names {
        let mut config = NameServerConfig::udp_and_tcp(server.ip());
        config.connections.iter_mut().for_each(|connection| connection.port = server.port());
        let config = ResolverConfig::from_name_servers(vec![config]);
        let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        Names { resolver: built(builder).map_err(|error| failed(&error)), for_addresses: true }
    }

    /// The addresses of a host, as [`resolve`] gives them.
    ///
    /// # Errors
    /// [`Kind::HostNotFound`] or [`Kind::ResolverFailed`].
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        if !self.for_addresses || host.parse::<std::net::IpAddr>().is_ok() {
            return resolve(host, port).await;
        }
        let found = self.resolver()?.lookup_ip(absolute(host)?).await;
        let found = found.map_err(|error| none_or_failed(&error))?;
        Ok(found.iter().take(MOST_RECORDS).map(|ip| SocketAddr::new(ip, port)).collect())
    }

    /// Where a service is, such as `_imaps._tcp.example.net`: the preferred place first. Empty where nothing is said.
    ///
    /// RFC 2782 lets chance decide between places of the same priority, by weight; here the heavier one comes first, so that
    /// the same question has the same answer.
    ///
    /// # Errors
    /// [`Kind::ResolverFailed`].
    pub async fn services(&self, name: &str) -> Result<Vec<Service>, Failure> {
        let lookup = self.resolver()?.srv_lookup(absolute(name)?).await;
        let mut found = Vec::new();
        for record in records(lookup)? {
            if let RData::SRV(srv) = record {
                let service = Service { host: host(&srv.target), port: srv.port };
                found.push((srv.priority, std::cmp::Reverse(srv.weight), service));
            }
        }
        found.sort_by_key(|(priority, weight, _)| (*priority, *weight));
        Ok(found.into_iter().map(|(_, _, service)| service).collect())
    }

    /// The hosts that take mail for a domain (RFC 5321 §5.1), the preferred one first; empty where there are none, or
    /// the domain says that it takes no mail (RFC 7505).
    ///
    /// # Errors
    /// [`Kind::ResolverFailed`].
    pub async fn exchangers(&self, domain: &str) -> Result<Vec<String>, Failure> {
        let lookup = self.resolver()?.mx_lookup(absolute(domain)?).await;
        let mut found = Vec::new();
        for record in records(lookup)? {
            if let RData::MX(mx) = record {
                found.extend(host(&mx.exchange).map(|host| (mx.preference, host)));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, host)| host).collect())
    }

    fn resolver(&self) -> Result<&TokioResolver, Failure> {
        self.resolver.as_ref().map_err(Failure::clone)
    }
}

fn built(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<TokioResolver, NetError> {
    let options = builder.options_mut();
    options.timeout = PATIENCE;
    options.attempts = TIMES;
    builder.build()
}

/// The ASCII form of a domain (RFC 5890), in lower case; `None` where it is none.
pub fn ascii(domain: &str) -> Option<String> {
    let name = Name::from_utf8(domain).ok().filter(|name| !name.is_root())?;
    Some(name.to_ascii().trim_end_matches('.').to_ascii_lowercase())
}

/// From the root, so that the search list of this machine does not come in.
fn absolute(name: &str) -> Result<Name, Failure> {
    let mut name = Name::from_utf8(name).map_err(|error| Failure::new(Kind::HostNotFound).detail(error.to_string()))?;
    name.set_fqdn(true);
    Ok(name)
}

/// `None` for the root, which stands for "there is none".
fn host(name: &Name) -> Option<String> {
    ascii(&name.to_ascii())
}

fn records(lookup: Result<hickory_resolver::lookup::Lookup, NetError>) -> Result<Vec<RData>, Failure> {
    match lookup {
        Ok(found) => Ok(found.answers().iter().take(MOST_RECORDS).map(|record| record.data.clone()).collect()),
        Err(error) if error.is_no_records_found() => Ok(Vec::new()),
        Err(error) => Err(failed(&error)),
    }
}

fn none_or_failed(error: &NetError) -> Failure {
    if error.is_no_records_found() { Failure::new(Kind::HostNotFound) } else { failed(error) }
}

fn failed(error: &NetError) -> Failure {
    Failure::new(Kind::ResolverFailed).detail(error.to_string())
}
