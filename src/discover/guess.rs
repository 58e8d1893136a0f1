//! Where nobody says anything: the usual names on the usual ports. A domain may have a wildcard record, so that all names
//! exist; only a mail server counts that proves by its certificate that it has the name.

use crate::account::{Location, Protocol, Security};
use crate::survey::{Place, Port};

use super::{Candidate, Origin, Search, Standing};

impl Search<'_> {
    /// What answers as a mail server, confirmed or not: of the confirmed, TLS from the first byte before STARTTLS.
    pub(super) async fn guesses(&mut self) -> Vec<Candidate> {
        let mut tries = Vec::new();
        for protocol in self.missing() {
            let hosts = names(protocol, &self.domain);
            let ports = self.sources.ports.iter().filter(|(of, _)| *of == protocol);
            let ports: Vec<u16> = ports.map(|(_, port)| *port).collect();
            for host in &hosts {
                tries.extend(ports.iter().map(|&port| {
                    let security = Place::new(host, port).expected.unwrap_or(Security::Tls);
                    (protocol, Location { host: host.clone(), port, security })
                }));
            }
        }
        self.look_at(tries.iter().map(|(_, location)| location)).await;
        let mut candidates: Vec<Candidate> = tries
            .into_iter()
            .filter_map(|(protocol, Location { host, port, .. })| {
                let security = is_mail(protocol, self.ports.get(&(host.clone(), port))?)?;
                Some(Candidate {
                    protocol,
                    location: Location { host, port, security },
                    username: self.address.to_string(),
                    token_only: false,
                    origin: Origin::Guess,
                    standing: Standing::Untried,
                })
            })
            .collect();
        candidates.sort_by_key(|candidate| candidate.location.security != Security::Tls);
        candidates
    }

    /// What is still to be found: something to send by, and something to receive by.
    fn missing(&self) -> Vec<Protocol> {
        let confirmed =
            |protocol| self.found.chosen(protocol).is_some_and(|candidate| candidate.standing.evidence().is_some());
        let receives = confirmed(Protocol::Imap) || confirmed(Protocol::Pop3);
        let mut missing = Protocol::ALL.to_vec();
        missing.retain(|&protocol| match protocol {
            Protocol::Smtp => !confirmed(protocol),
            Protocol::Imap | Protocol::Pop3 => !receives,
        });
        missing.retain(|protocol| !self.denied.contains(protocol));
        missing
    }
}

/// The names that a server usually has.
fn names(protocol: Protocol, domain: &str) -> [String; 3] {
    let own = match protocol {
        Protocol::Smtp => "smtp",
        Protocol::Imap => "imap",
        Protocol::Pop3 => "pop",
    };
    [format!("{own}.{domain}"), format!("mail.{domain}"), domain.to_owned()]
}

/// How it is secured, if there is a mail server for this protocol, whatever it is worth. Of one that cannot be seen behind
/// a bad certificate it is not known, and what is asked for nothing is not told of.
fn is_mail(protocol: Protocol, port: &Port) -> Option<Security> {
    match port {
        Port::Tls(Ok(inside)) => (inside.protocol == protocol).then_some(Security::Tls),
        Port::Plain { protocol: seen, .. } => (*seen == protocol).then_some(Security::Starttls),
        Port::Tls(Err(failure)) => failure.kind.is_certificate().then_some(Security::Tls),
        Port::Unreached(_) | Port::Silent | Port::Foreign { .. } => None,
    }
}
