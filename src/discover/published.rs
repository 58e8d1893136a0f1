//! What a domain, whoever takes its mail, or Thunderbird's database says about its servers.

use futures_util::future::{join, join_all};

use crate::account::Protocol::{Imap, Pop3, Smtp};
use crate::account::Security::{Starttls, Tls};
use crate::account::{HttpsUrl, Location, Protocol, Security};
use crate::failure::{Failure, Kind};
use crate::provider;
use crate::wire::http;
use crate::wire::names::Service;

use super::autoconfig::{self, is_host};
use super::{Asked, Candidate, Origin, Search, Standing, presets};

/// The services of RFC 6186 §3 and RFC 8314 §5.1, the better one of a protocol first.
const SERVICES: [(&str, Protocol, Security); 6] = [
    ("_submissions", Smtp, Tls),
    ("_submission", Smtp, Starttls),
    ("_imaps", Imap, Tls),
    ("_imap", Imap, Starttls),
    ("_pop3s", Pop3, Tls),
    ("_pop3", Pop3, Starttls),
];

/// No domain has more servers for one service than this; one that says so is not let send us all over the place.
const MOST_SERVERS: usize = 4;

/// No exchanger's name is asked for above this many of its ends.
const MOST_ENDS: usize = 3;

impl Search<'_> {
    /// SRV records, then the domain's own autoconfig file, else the one in the database.
    pub(super) async fn published(&mut self) -> Vec<Candidate> {
        let (records, own) = join(self.records(), self.own_file()).await;
        let mut candidates = self.of_records(records);
        match own {
            Ok(own) => candidates.extend(own),
            Err(asked) => {
                self.found.asked.extend(asked);
                let origin = |url| Origin::Database { url };
                candidates.extend(self.database(&self.domain.clone(), origin).await.unwrap_or_default());
            }
        }
        candidates
    }

    async fn records(&self) -> Vec<Result<Vec<Service>, Failure>> {
        let ask = |(service, _, _): &(&str, _, _)| {
            let name = format!("{service}._tcp.{}", self.domain);
            async move { self.by_dns(self.names.services(&name)).await }
        };
        join_all(SERVICES.iter().map(ask)).await
    }

    /// A DNS server that says nothing is one that does not work.
    async fn by_dns<T>(&self, answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        self.within(answer).await.map_err(|failure| match failure.kind {
            Kind::Timeout { .. } => Failure::new(Kind::ResolverFailed).detail("no answer"),
            _ => failure,
        })
    }

    fn of_records(&mut self, records: Vec<Result<Vec<Service>, Failure>>) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for ((service, protocol, security), records) in SERVICES.into_iter().zip(records) {
            let name = format!("{service}._tcp.{}", self.domain);
            let records = match records {
                Ok(records) => records,
                Err(failure) => {
                    self.found.asked.push(Asked { what: name, failure: Some(failure) });
                    continue;
                }
            };
            if records.iter().any(|record| record.host.is_none()) {
                self.denied.push(protocol);
                self.found.asked.push(Asked { what: format!("{name}: not offered"), failure: None });
            }
            let usable = records.into_iter().filter(|record| record.port != 0).take(MOST_SERVERS);
            for (host, port) in
                usable.filter_map(|record| Some((record.host.filter(|host| is_host(host))?, record.port)))
            {
                candidates.push(Candidate {
                    protocol,
                    location: Location { host, port, security },
                    username: self.address.to_string(), // RFC 6186 §4: the full address is what is tried first
                    token_only: false,
                    origin: Origin::Srv { name: name.clone() },
                    standing: Standing::Untried,
                });
            }
        }
        // `_imap` may be denied for the sake of `_imaps`.
        self.denied.retain(|denied| !candidates.iter().any(|candidate| candidate.protocol == *denied));
        candidates
    }

    /// The file that the domain itself has, at one of two places.
    async fn own_file(&self) -> Result<Vec<Candidate>, Vec<Asked>> {
        let port = match self.sources.https_port {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let (domain, address) = (&self.domain, escaped(self.address.as_ref()));
        let urls = [
            format!("https://autoconfig.{domain}{port}/mail/config-v1.1.xml?emailaddress={address}"),
            format!("https://{domain}{port}/.well-known/autoconfig/mail/config-v1.1.xml"),
        ];
        let origin = |url| Origin::Autoconfig { url };
        let (first, second) = join(self.file(&urls[0], origin), self.file(&urls[1], origin)).await;
        let mut nothing = Vec::new();
        for result in [first, second] {
            match result {
                Ok(candidates) => return Ok(candidates),
                Err(asked) => nothing.push(asked),
            }
        }
        Err(nothing)
    }

    async fn database(&mut self, domain: &str, origin: impl Fn(String) -> Origin) -> Option<Vec<Candidate>> {
        let url = format!("{}{domain}", self.sources.database);
        match self.file(&url, origin).await {
            Ok(candidates) => Some(candidates),
            Err(asked) => {
                self.found.asked.push(asked);
                None
            }
        }
    }

    /// The servers of an autoconfig file.
    async fn file(&self, url: &str, origin: impl Fn(String) -> Origin) -> Result<Vec<Candidate>, Asked> {
        let shown = url.split('?').next().unwrap_or_default().to_owned();
        let asked = |failure| Asked { what: shown.clone(), failure };
        let parsed: HttpsUrl =
            url.parse().map_err(|why| asked(Some(Failure::new(Kind::Local).detail(format!("{url} {why}")))))?;
        let document = self.within(http::get(&parsed, self.names, self.sources.ca.as_deref())).await;
        let document = document.map_err(|failure| asked(Some(failure)))?;
        if document.status != 200 {
            let unusual = !matches!(document.status, 404 | 410);
            let failure = || Failure::new(Kind::Malformed).detail(format!("HTTP status {}", document.status));
            return Err(asked(unusual.then(failure)));
        }
        let servers = autoconfig::servers(&document.body, self.address);
        let servers = servers.map_err(|why| asked(Some(Failure::new(Kind::Malformed).detail(why))))?;
        let origin = origin(document.url.to_string());
        let candidate = |server: autoconfig::Server| Candidate {
            protocol: server.protocol,
            location: server.location,
            username: server.username,
            token_only: server.token_only,
            origin: origin.clone(),
            standing: Standing::Untried,
        };
        Ok(servers.into_iter().map(candidate).collect())
    }

    /// What is known of whoever takes mail for the domain: the preset, else the entry in the database.
    pub(super) async fn exchangers(&mut self) -> Vec<Candidate> {
        let found = self.by_dns(self.names.exchangers(&self.domain)).await;
        let exchanger = match found.map(|found| found.into_iter().find(|host| is_host(host))) {
            Ok(Some(exchanger)) => exchanger,
            Ok(None) => return Vec::new(),
            Err(failure) => {
                self.found.asked.push(Asked { what: format!("MX of {}", self.domain), failure: Some(failure) });
                return Vec::new();
            }
        };
        let origin = |by: String| Origin::Exchanger { exchanger: exchanger.clone(), by };
        if let Some(provider) = provider::by_exchanger(&exchanger) {
            self.found.provider = Some(provider);
            return presets(provider, self.address, &origin(provider.name.to_owned()));
        }
        for domain in ends(&exchanger).filter(|end| *end != self.domain).map(str::to_owned).collect::<Vec<_>>() {
            if let Some(candidates) = self.database(&domain, origin).await {
                return candidates;
            }
        }
        Vec::new()
    }
}

/// The domains that a host may belong to, the longest first: it cannot be told from a name where registration ends
/// (`co.uk`), and asking for too much does no harm.
fn ends(host: &str) -> impl Iterator<Item = &str> {
    let dots = host.match_indices('.').map(|(at, _)| at);
    let mut ends: Vec<&str> = dots.filter_map(|at| host.get(at + 1..)).filter(|end| end.contains('.')).collect();
    let first = ends.len().saturating_sub(MOST_ENDS);
    ends.drain(..first);
    ends.into_iter()
}

/// Percent-encoded, but for what never needs it (RFC 3986 §2.3).
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_safe_in_a_query() {
        assert_eq!(escaped("a+b&c=ü@example.net"), "a%2Bb%26c%3D%C3%BC%40example.net");
    }

    #[test]
    fn a_host_has_a_few_ends() {
        assert_eq!(
            ends("mx1.mail.example.co.uk").collect::<Vec<_>>(),
            ["mail.example.co.uk", "example.co.uk", "co.uk"]
        );
        assert_eq!(ends("mx.example.net").collect::<Vec<_>>(), ["example.net"]);
        assert_eq!(ends("localhost").count(), 0);
    }
}
