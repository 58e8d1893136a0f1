//! What follows from what was seen: the server, the way there, or this machine. Pure functions of data.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::diagnose::Certainty;

use super::machine::Machine;
use super::sight::{Sight, State};

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The ports of the account's hosts, and of its provider's.
    pub ports: &'a [Sight],
    /// Another provider's server, if one was asked.
    pub neighbour: Option<&'a Sight>,
    /// This machine's routes.
    pub machine: &'a Machine,
}

/// Where the fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// This machine, or the network that it is in.
    Here,
    /// The way between: who provides the network, or a firewall.
    Way,
    /// The server.
    Server,
    /// The configuration.
    Setting,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable name in kebab-case, for scripts; what it means is in [`CODES`](super::code::CODES).
    pub code: &'static str,
    /// Where the fault is.
    pub fault: Fault,
    /// How sure that is.
    pub certainty: Certainty,
    /// The cause, in plain sentences.
    pub cause: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    fn new(code: &'static str, fault: Fault, certainty: Certainty, cause: String, advice: String) -> Finding {
        Finding { code, fault, certainty, cause, advice }
    }

    /// With it, that a server is not reached says nothing about the server.
    pub fn hides_the_servers(&self) -> bool {
        self.fault == Fault::Here && self.certainty <= Certainty::Likely && self.code != "tunnel"
    }
}

/// A rule.
type Rule = fn(&Seen<'_>) -> Vec<Finding>;

const RULES: &[Rule] =
    &[no_resolver, offline, no_name, silent_hosts, blocked_ports, closed_ports, strangers, interception, tunnel];

/// All that follows, the surest first.
pub fn judge(seen: &Seen<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(seen)).collect();
    findings.sort_by_key(|finding| finding.certainty);
    findings
}

impl Seen<'_> {
    fn configured(&self) -> impl Iterator<Item = &Sight> {
        self.ports.iter().filter(|sight| sight.configured)
    }

    fn all(&self) -> impl Iterator<Item = &Sight> {
        self.ports.iter().chain(self.neighbour)
    }

    fn at<'s>(&'s self, host: &'s str) -> impl Iterator<Item = &'s Sight> {
        self.ports.iter().filter(move |sight| sight.host.eq_ignore_ascii_case(host))
    }

    fn answers(&self, host: &str) -> bool {
        self.at(host).any(|sight| sight.state.is_answer())
    }

    /// Whether it was shown that this machine reaches anybody.
    fn reaches_somebody(&self) -> bool {
        self.all().any(|sight| sight.state.is_answer())
    }
}

/// Nobody has a name that this machine could look up.
fn no_resolver(seen: &Seen<'_>) -> Vec<Finding> {
    let mut states = seen.configured().map(|sight| sight.state).peekable();
    if states.peek().is_none() || !states.all(|state| state == State::NoResolver) || seen.reaches_somebody() {
        return Vec::new();
    }
    let cause =
        "This machine cannot look up names: its DNS server does not answer. That says nothing about the mail servers.";
    let advice = "Check the internet connection, and the DNS server in your network settings.";
    vec![Finding::new("no-resolver", Fault::Here, Certainty::Likely, cause.to_owned(), advice.to_owned())]
}

/// Nobody at all is reached.
fn offline(seen: &Seen<'_>) -> Vec<Finding> {
    let mut configured = seen.configured().map(|sight| sight.state).peekable();
    let silent = |state| matches!(state, State::NoAnswer | State::NoWay);
    if configured.peek().is_none() || !configured.all(silent) || seen.reaches_somebody() {
        return Vec::new();
    }
    let nowhere = seen.machine.has_no_way_out();
    let (certainty, others) = match seen.neighbour {
        Some(neighbour) => (Certainty::Likely, format!(", and neither does {}", neighbour.host)),
        None if nowhere => (Certainty::Likely, String::new()),
        None => (Certainty::Possible, String::new()),
    };
    let mut cause = format!("None of your mail servers answers{others}. ");
    cause += match certainty {
        Certainty::Possible => "It may be this machine or its network, or the servers.",
        _ => "So it is this machine or its network, and not the servers.",
    };
    if nowhere {
        cause += " This machine has no route to the internet.";
    }
    let advice = "Check the internet connection and the firewall of this machine, and try from another network.";
    vec![Finding::new("offline", Fault::Here, certainty, cause, advice.to_owned())]
}

/// A name does not exist, and others do.
fn no_name(seen: &Seen<'_>) -> Vec<Finding> {
    let mut hosts: Vec<(&str, Vec<String>)> = Vec::new();
    for sight in seen.configured().filter(|sight| sight.state == State::NoName) {
        let setting = sight.setting("host");
        match hosts.iter_mut().find(|(host, _)| *host == sight.host) {
            Some((_, settings)) => settings.push(setting),
            None => hosts.push((&sight.host, vec![setting])),
        }
    }
    let certainty = if seen.reaches_somebody() { Certainty::Certain } else { Certainty::Likely };
    let finding = |(host, settings): (&str, Vec<String>)| {
        let cause = format!("There is no address to be used for the name {host}.");
        let settings = settings.join(" and ");
        let advice = format!("Compare {settings}, letter by letter, with what your provider states.");
        Finding::new("no-such-name", Fault::Setting, certainty, cause, advice)
    };
    hosts.into_iter().map(finding).collect()
}

/// A host does not answer on any port, and others do.
fn silent_hosts(seen: &Seen<'_>) -> Vec<Finding> {
    if !seen.reaches_somebody() {
        return Vec::new();
    }
    let mut findings: Vec<Finding> = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for sight in seen.configured().filter(|sight| matches!(sight.state, State::NoAnswer | State::NoWay)) {
        if told.contains(&sight.host.as_str()) || seen.answers(&sight.host) {
            continue;
        }
        told.push(&sight.host);
        let cause = format!(
            "{} answers on none of its ports, and other servers do. So it is that server or the way to it, and not your \
             internet connection.",
            sight.host
        );
        let advice = "Check the host name; if it is right, wait, or ask your provider whether the server is down.";
        findings.push(Finding::new("host-silent", Fault::Server, Certainty::Likely, cause, advice.to_owned()));
    }
    findings
}

/// One port of a host does not answer, and others do.
fn blocked_ports(seen: &Seen<'_>) -> Vec<Finding> {
    let silent = |sight: &&Sight| sight.state == State::NoAnswer && seen.answers(&sight.host);
    let finding = |sight: &Sight| {
        let Sight { host, port, .. } = sight;
        if *port == 25 {
            let cause = format!("{host} answers, but not on port 25: network providers block it for their customers.");
            let advice = "Use port 465 or 587 to send.".to_owned();
            return Finding::new("port-25-blocked", Fault::Way, Certainty::Likely, cause, advice);
        }
        let there_too = seen.neighbour.filter(|other| other.port == *port && other.state == State::NoAnswer);
        if let Some(other) = there_too {
            let cause = format!(
                "{host} answers, but not on port {port}, and neither does {} there: the network that you are in blocks \
                 that port.",
                other.host
            );
            let advice = "Use another port that answers, or another network.".to_owned();
            return Finding::new("port-blocked", Fault::Way, Certainty::Likely, cause, advice);
        }
        let cause = format!("{host} answers, but not on port {port}: a firewall drops what goes there.");
        let advice = format!(
            "Compare {} with what your provider states; if it is right, try from another network.",
            sight.setting("port")
        );
        Finding::new("port-silent", Fault::Setting, Certainty::Possible, cause, advice)
    };
    seen.configured().filter(silent).map(finding).collect()
}

/// The host is there, and nobody listens.
fn closed_ports(seen: &Seen<'_>) -> Vec<Finding> {
    let finding = |sight: &Sight| {
        let Sight { host, port, .. } = sight;
        let open = |other: &&Sight| other.state.is_answer() && other.state != State::Closed;
        let foreign = |other: &Sight| other.speaks.is_some_and(|spoken| !sight.configured_for.contains(&spoken));
        let (cause, advice) = if seen.at(host).any(|other| open(&other) && !foreign(other)) {
            let cause = format!("Nothing listens on port {port} of {host}, though that host is there.");
            (cause, format!("Compare {} with what your provider states.", sight.setting("port")))
        } else if let Some(spoken) = seen.at(host).filter(open).find_map(|other| other.speaks) {
            let cause =
                format!("{host} is a server for {spoken}, with nothing on port {port}: it may be the wrong host.");
            (cause, format!("Compare {} with what your provider states.", sight.setting("host")))
        } else {
            let cause = format!("Every port of {host} that was tried is closed: it may be the wrong host.");
            (cause, format!("Compare {} with what your provider states.", sight.setting("host")))
        };
        Finding::new("port-closed", Fault::Setting, Certainty::Likely, cause, advice)
    };
    seen.configured().filter(|sight| sight.state == State::Closed).map(finding).collect()
}

/// Somebody listens who is no mail server, or does not say what they are.
fn strangers(seen: &Seen<'_>) -> Vec<Finding> {
    let finding = |sight: &Sight| {
        let Sight { host, port, .. } = sight;
        let (certainty, cause) = match sight.state {
            State::SomethingElse => {
                (Certainty::Certain, format!("What answers on port {port} of {host} is no mail server."))
            }
            State::Silent => {
                let cause = format!(
                    "Port {port} of {host} takes connections and says nothing, neither in plaintext nor in TLS."
                );
                (Certainty::Likely, cause)
            }
            _ => return None,
        };
        let advice = format!("Compare {} with what your provider states.", sight.setting("port"));
        Some(Finding::new("not-mail", Fault::Setting, certainty, cause, advice))
    };
    seen.configured().filter_map(finding).collect()
}

/// Somebody in between answers in the place of several servers, with certificates of their own.
fn interception(seen: &Seen<'_>) -> Vec<Finding> {
    let mut by_issuer: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for sight in seen.all().filter(|sight| sight.interceptor().is_none()) {
        let Some(issuer) = sight.stranger() else { continue };
        let hosts = by_issuer.entry(issuer).or_default();
        if !hosts.iter().any(|host| host.eq_ignore_ascii_case(&sight.host)) {
            hosts.push(&sight.host);
        }
    }
    let named = named_interceptors(seen);
    let several = by_issuer.into_iter().filter(|(_, hosts)| hosts.len() > 1);
    let finding = |(issuer, hosts): (&str, Vec<&str>)| {
        let foreign = seen.neighbour.is_some_and(|neighbour| hosts.contains(&neighbour.host.as_str()));
        let listed = hosts.join(" and ");
        if foreign {
            let cause = format!(
                "{listed} have nothing to do with each other, and answer with certificates of the same issuer, {issuer}, whom \
                 this machine does not trust. So an antivirus, a proxy or a firewall reads along in between."
            );
            let advice =
                "Turn off the mail or TLS scanning of your antivirus, or ask who runs your network.".to_owned();
            return Finding::new("intercepted", Fault::Here, Certainty::Likely, cause, advice);
        }
        let cause = format!(
            "{listed} answer with certificates of the same issuer, {issuer}, whom this machine does not trust: it is \
             an authority of their own, or an antivirus or a proxy that reads along."
        );
        let advice = "If the authority is your provider's own, name its file with `ca_file`; else turn off the mail or TLS \
                      scanning of your antivirus.";
        Finding::new("same-issuer", Fault::Way, Certainty::Possible, cause, advice.to_owned())
    };
    named.into_iter().chain(several.map(finding)).collect()
}

/// Those of which the name is known: of them one certificate is enough.
fn named_interceptors(seen: &Seen<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (sight, interceptor) in seen.all().filter_map(|sight| Some((sight, sight.interceptor()?))) {
        let Sight { host, .. } = sight;
        let cause = format!(
            "The certificate of {host} is not the server's own, but signed by {}, which reads the connection on its way.",
            interceptor.name
        );
        let advice = interceptor.advice();
        if !findings.iter().any(|finding| finding.advice == advice) {
            findings.push(Finding::new("intercepted", Fault::Here, Certainty::Likely, cause, advice));
        }
    }
    findings
}

/// Something is not reached, and everything goes through what looks like a tunnel.
fn tunnel(seen: &Seen<'_>) -> Vec<Finding> {
    let troubled = |sight: &Sight| !sight.state.is_answer() || sight.stranger().is_some();
    match seen.machine.tunnels.first() {
        Some(tunnel) if seen.configured().any(troubled) => {
            let cause = format!("This machine's way to the internet leads through {tunnel}, which looks like a VPN.");
            let advice = "Switch the VPN off and try again: some block mail ports.".to_owned();
            vec![Finding::new("tunnel", Fault::Here, Certainty::Possible, cause, advice)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Protocol;
    use crate::failure::{Failure, Kind};

    fn sight(host: &str, port: u16, state: State) -> Sight {
        let (host, configured, configured_for) = (host.to_owned(), true, vec![Protocol::Imap]);
        Sight {
            host,
            port,
            configured,
            configured_for,
            state,
            speaks: None,
            certificate_not_after: None,
            failure: None,
        }
    }

    fn beside(sight: Sight) -> Sight {
        Sight { configured: false, ..sight }
    }

    fn signed_by(issuer: &str, sight: Sight) -> Sight {
        let issuer = issuer.to_owned();
        Sight { failure: Some(Failure::new(Kind::CertificateUntrusted { issuer })), ..sight }
    }

    /// Codes, faults and certainties.
    fn judged(ports: &[Sight], neighbour: Option<&Sight>) -> Vec<(&'static str, Fault, Certainty)> {
        let machine = Machine { default_route: Some(vec!["eth0".into()]), tunnels: Vec::new() };
        let findings = judge(&Seen { ports, neighbour, machine: &machine });
        findings.iter().map(|finding| (finding.code, finding.fault, finding.certainty)).collect()
    }

    fn neighbour(state: State) -> Sight {
        beside(sight("smtp.other.test", 587, state))
    }

    #[test]
    fn where_all_is_well_nothing_follows() {
        let ports = [sight("a.test", 465, State::Tls), beside(sight("a.test", 25, State::NoAnswer))];
        assert_eq!(judged(&ports, Some(&neighbour(State::NoAnswer))), []);
        assert_eq!(judged(&[], None), []);
    }

    #[test]
    fn where_nobody_answers_it_is_this_machine() {
        let ports = [sight("a.test", 465, State::NoAnswer), sight("b.test", 993, State::NoWay)];
        let likely = ("offline", Fault::Here, Certainty::Likely);
        assert_eq!(judged(&ports, Some(&neighbour(State::NoAnswer))), [likely]);
        assert_eq!(judged(&ports, Some(&neighbour(State::NoResolver))), [likely]);
        assert_eq!(judged(&ports, None), [("offline", Fault::Here, Certainty::Possible)]);
        let machine = Machine { default_route: Some(Vec::new()), tunnels: Vec::new() };
        let finding = judge(&Seen { ports: &ports, neighbour: None, machine: &machine }).remove(0);
        assert_eq!(finding.certainty, Certainty::Likely);
        assert!(finding.hides_the_servers() && finding.cause.contains("no route to the internet"), "{finding:?}");
    }

    #[test]
    fn where_others_answer_it_is_the_server() {
        let ports = [sight("a.test", 465, State::NoAnswer), beside(sight("a.test", 587, State::NoAnswer))];
        let silent = ("host-silent", Fault::Server, Certainty::Likely);
        assert_eq!(judged(&ports, Some(&neighbour(State::Starttls))), [silent]);
        let two = [ports[0].clone(), sight("b.test", 993, State::Tls)];
        assert_eq!(judged(&two, None), [silent]);
    }

    #[test]
    fn where_something_else_answers_the_line_to_change_is_named() {
        let ports = [sight("a.test", 80, State::SomethingElse), sight("a.test", 22, State::Silent)];
        let (certain, likely) = (Certainty::Certain, Certainty::Likely);
        let code = "not-mail";
        assert_eq!(judged(&ports, None), [(code, Fault::Setting, certain), (code, Fault::Setting, likely)]);
        let machine = Machine::default();
        let finding = judge(&Seen { ports: &ports, neighbour: None, machine: &machine }).remove(0);
        assert_eq!(finding.advice, "Compare `imap.port` with what your provider states.");
        assert_eq!(judged(&[beside(ports[0].clone())], None), [], "what nobody has named may be anything");
    }

    #[test]
    fn where_one_port_is_silent_it_is_that_port() {
        let open = beside(sight("a.test", 465, State::Tls));
        let on = |port| [sight("a.test", port, State::NoAnswer), open.clone()];
        assert_eq!(judged(&on(25), None), [("port-25-blocked", Fault::Way, Certainty::Likely)]);
        let blocked = ("port-blocked", Fault::Way, Certainty::Likely);
        assert_eq!(judged(&on(587), Some(&neighbour(State::NoAnswer))), [blocked]);
        let silent = ("port-silent", Fault::Setting, Certainty::Possible);
        assert_eq!(judged(&on(587), Some(&neighbour(State::Starttls))), [silent]);
        assert_eq!(judged(&on(2525), Some(&neighbour(State::NoAnswer))), [silent]);
    }

    #[test]
    fn a_closed_port_is_a_wrong_port_or_a_wrong_host() {
        let closed = sight("a.test", 994, State::Closed);
        let cause = |ports: &[Sight]| {
            let seen = Seen { ports, neighbour: None, machine: &Machine::default() };
            let finding = judge(&seen).remove(0);
            assert_eq!((finding.code, finding.fault), ("port-closed", Fault::Setting));
            finding.cause
        };
        assert!(
            cause(&[closed.clone(), beside(sight("a.test", 993, State::Tls))]).contains("though that host is there")
        );
        assert!(cause(&[closed.clone(), beside(sight("a.test", 993, State::Closed))]).contains("the wrong host"));
        let speaking = |protocol| beside(Sight { speaks: Some(protocol), ..sight("a.test", 465, State::Tls) });
        assert!(cause(&[closed.clone(), speaking(Protocol::Smtp)]).contains("a server for SMTP"));
        assert!(cause(&[closed.clone(), speaking(Protocol::Imap)]).contains("though that host is there"));
    }

    #[test]
    fn a_name_that_does_not_exist_is_told_from_dns_that_does_not_work() {
        let named = sight("b.test", 993, State::Tls);
        let missing = [sight("a.test", 465, State::NoName), named];
        assert_eq!(judged(&missing, None), [("no-such-name", Fault::Setting, Certainty::Certain)]);
        let down = [sight("a.test", 465, State::NoResolver), sight("b.test", 993, State::NoResolver)];
        assert_eq!(judged(&down, None), [("no-resolver", Fault::Here, Certainty::Likely)]);
    }

    #[test]
    fn one_issuer_in_the_place_of_several_reads_along() {
        let bad = |host: &str| signed_by("Antivirus CA", sight(host, 993, State::BadCertificate));
        let other = Sight { configured: false, ..bad("smtp.other.test") };
        assert_eq!(judged(&[bad("a.test")], Some(&other)), [("intercepted", Fault::Here, Certainty::Likely)]);
        let own = [bad("a.test"), bad("b.test")];
        assert_eq!(judged(&own, None), [("same-issuer", Fault::Way, Certainty::Possible)]);
        assert_eq!(judged(&[bad("a.test"), bad("a.test")], None), [], "one host with two ports");
        let another = signed_by("Another", other.clone());
        assert_eq!(judged(&[bad("a.test")], Some(&another)), [], "two issuers");
    }

    #[test]
    fn one_certificate_is_enough_of_somebody_whose_name_is_known() {
        let issuer = "CN=Avast Web/Mail Shield Root,O=Avast Web/Mail Shield";
        let bad = |host: &str| signed_by(issuer, sight(host, 993, State::BadCertificate));
        let found = [("intercepted", Fault::Here, Certainty::Likely)];
        assert_eq!(judged(&[bad("a.test")], None), found);
        assert_eq!(judged(&[bad("a.test"), bad("b.test")], Some(&neighbour(State::Tls))), found);
        let kind = Kind::CertificateSelfSigned { issuer: Some(issuer.to_owned()) };
        let own = Sight { failure: Some(Failure::new(kind)), ..sight("a.test", 993, State::BadCertificate) };
        let machine = Machine { default_route: None, tunnels: Vec::new() };
        let finding = judge(&Seen { ports: &[own], neighbour: None, machine: &machine }).remove(0);
        assert!(finding.cause.contains("Avast") && finding.advice.contains("for one test"), "{finding:?}");
    }

    #[test]
    fn a_vpn_is_named_only_where_something_is_not_reached() {
        let machine = Machine { default_route: Some(vec!["wg0".into()]), tunnels: vec!["wg0".into()] };
        let codes = |ports: &[Sight]| {
            let findings = judge(&Seen { ports, neighbour: None, machine: &machine });
            findings.iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(&[sight("a.test", 465, State::Tls)]), [""; 0]);
        assert_eq!(codes(&[sight("a.test", 465, State::NoAnswer)]), ["offline", "tunnel"]);
    }
}
