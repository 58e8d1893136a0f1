//! What the receiver's server found out about the sender (SPF, DKIM, DMARC), by its own statement (RFC 8601).

use std::fmt;

use crate::criteria::Severity;
use crate::outcome::{Fact, Outcome, StageRecord};
use crate::stage::Stage;

use super::way::{self, Way};
use super::{Certainty::*, Diagnosis};

/// A method to authenticate a message by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// RFC 7208.
    Spf,
    /// RFC 6376.
    Dkim,
    /// RFC 7489.
    Dmarc,
}

impl Method {
    /// As it stands in the statement, in small letters.
    pub fn name(self) -> &'static str {
        match self {
            Method::Spf => "spf",
            Method::Dkim => "dkim",
            Method::Dmarc => "dmarc",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Method::Spf => "SPF",
            Method::Dkim => "DKIM",
            Method::Dmarc => "DMARC",
        })
    }
}

/// A method that is to pass, and of which the receiver's server does not say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotPassed {
    /// Which.
    pub method: Method,
    /// What it says instead; `None`: nothing of it.
    pub result: Option<String>,
}

/// The methods that are to pass, and of which that is not stated where the message was read, each with how that is judged.
/// Nothing is expected of the answer of somebody else.
pub fn not_passed(outcome: &Outcome, record: &StageRecord) -> Vec<(Severity, NotPassed)> {
    if record.at.stage != Stage::Inspect || Way::of(outcome, record.at.leg).what == way::What::Answer {
        return Vec::new();
    }
    let criteria = &outcome.criteria;
    let wanted = [(Method::Spf, criteria.spf), (Method::Dkim, criteria.dkim), (Method::Dmarc, criteria.dmarc)];
    let wanted = wanted.into_iter().filter(|(_, severity)| *severity != Severity::Fine);
    let not_passed = |(method, severity)| {
        let results = stated(record, method);
        let passed = results.iter().any(|result| result == "pass");
        (!passed).then(|| (severity, NotPassed { method, result: results.into_iter().next() }))
    };
    wanted.filter_map(not_passed).collect()
}

/// Why a method did not pass.
pub fn explain(
    outcome: &Outcome,
    record: &StageRecord,
    severity: Severity,
    NotPassed { method, result }: &NotPassed,
) -> Diagnosis {
    let (method, result) = (*method, result.as_deref());
    let way = Way::of(outcome, record.at.leg);
    let domain = way.from.rsplit_once('@').map_or(way.from, |(_, domain)| domain);
    let cause = match result {
        Some(result) => format!("The server of {} says of the {}: {method} {result}.", way.home, way.sent()),
        None => format!("The server of {} does not say of the {} whether {method} passed.", way.home, way.sent()),
    };
    let (verdict, at) = (severity.into(), Some(record.at));
    let diagnosis = match method {
        Method::Spf => Diagnosis::new("spf-not-passed", verdict, at, Certain, cause),
        Method::Dkim => Diagnosis::new("dkim-not-passed", verdict, at, Certain, cause),
        Method::Dmarc => Diagnosis::new("dmarc-not-passed", verdict, at, Certain, cause),
    };
    let mut statements = statements(record).peekable();
    let diagnosis = match statements.peek() {
        Some(_) => statements.map(|text| format!("Authentication-Results: {text}")).fold(diagnosis, Diagnosis::seen),
        None => diagnosis.seen("the message has no Authentication-Results of the receiver's server"),
    };
    let diagnosis = match result {
        Some("temperror") => diagnosis.advise("DNS did not answer the receiver's server: it may be a passing trouble."),
        Some(_) => diagnosis.advise(remedy(method, domain)),
        None => diagnosis.advise(
            "Many servers check only what comes from other servers: send from an account elsewhere, not from the same one or \
             the same provider. Others check, and do not say so.",
        ),
    };
    diagnosis.advise(format!("Where that cannot be expected, set `{} = \"fine\"`.", method.name()))
}

fn remedy(method: Method, domain: &str) -> String {
    match method {
        Method::Spf => format!(
            "Let the SPF record of {domain} (TXT in DNS) name the servers that its mail is sent by: the hops (`--verbose`) \
             show from where the receiver's server had it."
        ),
        Method::Dkim => format!(
            "Let the submission server sign the mail of {domain} (DKIM), and publish the key in DNS: providers have a switch \
             for it, or do it by themselves for domains of their own."
        ),
        Method::Dmarc => format!(
            "Publish a DMARC record (TXT of _dmarc.{domain}), and let SPF or DKIM pass for {domain} itself: for another \
             domain, they do not count."
        ),
    }
}

/// The receiver's statements: those with the name of the one on top. Others do not speak for it (RFC 8601 §5).
fn statements(record: &StageRecord) -> impl Iterator<Item = &str> {
    let texts = record.facts.iter().filter_map(|fact| match fact {
        Fact::AuthenticationResults { text } => Some(text.as_str()),
        _ => None,
    });
    let first = texts.clone().next().map(server);
    texts.filter(move |text| Some(server(text)) == first)
}

/// Who states it (`authserv-id`); Microsoft's servers leave it out.
pub fn server(text: &str) -> String {
    let plain = without_comments(text);
    let first = plain.split(';').next().unwrap_or_default();
    // Behind it a version may stand.
    let name = first.split_whitespace().next().filter(|_| !first.contains('=')).unwrap_or_default();
    name.trim_matches('"').to_ascii_lowercase()
}

/// The results of a method, in small letters; DKIM has one a signature.
fn stated(record: &StageRecord, method: Method) -> Vec<String> {
    let result = |part: &str| {
        let (name, rest) = part.split_once('=')?;
        let name = name.split('/').next().unwrap_or_default().trim(); // `spf/1`: a version
        let result = rest.split_whitespace().next().filter(|word| is_keyword(word))?;
        name.eq_ignore_ascii_case(method.name()).then(|| result.to_ascii_lowercase())
    };
    let all = statements(record).map(without_comments);
    all.flat_map(|text| text.split(';').filter_map(result).collect::<Vec<_>>()).collect()
}

/// Whether it is a word that a result can be (RFC 8601 §2.2), and not a long one.
fn is_keyword(word: &str) -> bool {
    word.len() <= 32 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The text without what is no part of its structure: comments, which may be nested, and what stands between quotes
/// (RFC 5322 §3.2).
fn without_comments(text: &str) -> String {
    let (mut plain, mut depth, mut quoted) = (String::with_capacity(text.len()), 0_usize, false);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' if quoted || depth > 0 => drop(characters.next()),
            '"' if depth == 0 => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Protocol;
    use crate::outcome::Status;
    use crate::stage::{At, Leg};

    fn read(texts: &[&str]) -> StageRecord {
        let fact = |text: &&str| Fact::AuthenticationResults { text: (*text).to_owned() };
        StageRecord {
            at: At::new(Leg::Delivery, Stage::Inspect, Protocol::Imap),
            account: "alice".to_owned(),
            span: None,
            facts: texts.iter().map(fact).collect(),
            concerns: Vec::new(),
            status: Status::Passed,
        }
    }

    /// What stands there of SPF, DKIM and DMARC, in this order.
    fn results(texts: &[&str]) -> String {
        let record = read(texts);
        [Method::Spf, Method::Dkim, Method::Dmarc].map(|method| stated(&record, method).join("+")).join(" ")
    }

    #[test]
    fn results_are_read_as_servers_write_them() {
        let gmail = "mx.google.com; dkim=pass header.i=@example.net header.s=s header.b=\"a; spf=fail\"; spf=pass (google.com: \
                     domain of a@example.net designates 192.0.2.1 (a host; dkim=fail) as permitted sender) \
                     smtp.mailfrom=a@example.net; dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.net";
        let microsoft = "spf=softfail (sender IP is 192.0.2.1) smtp.mailfrom=example.net; dkim=none (message not signed) \
                         header.d=none;dmarc=bestguesspass action=none header.from=example.net;compauth=pass reason=109";
        for (texts, expected) in [
            (&[gmail][..], "pass pass pass"),
            (&[microsoft], "softfail none bestguesspass"),
            (&["mx.test 1; SPF/1 = Pass smtp.mailfrom=a@b; dkim=fail; dkim=pass"], "pass fail+pass "),
            (&["mx.test; none"], "  "),
            (&["mx.test; spf=(pass) fail; dkim=\"pass\"; dmarc="], "fail  "),
            (&["mx.test; reason=\"spf=pass\"; x-spf=pass; (spf=pass; \\) dkim=pass"], "  "),
            (&["mx.test; spf=pass\u{1b}[2J; dkim=a,b; dmarc=\u{440}"], "  "),
            (&[""], "  "),
            (&[], "  "),
        ] {
            assert_eq!(results(texts), expected, "{texts:?}");
        }
    }

    /// OpenDKIM, OpenDMARC and others each put a field of their own on top.
    #[test]
    fn only_the_server_on_top_speaks_for_the_receiver() {
        let own = ["mx.test; dmarc=pass", "MX.test 1; spf=pass", "mx.test; dkim=fail"];
        assert_eq!(results(&own), "pass fail pass");
        assert_eq!(results(&["mx.test; spf=fail", "mx.test.attacker.test; spf=pass; dkim=pass"]), "fail  ");
        assert_eq!(results(&["mx.test; none", "spf=pass"]), "  ");
        assert_eq!(results(&["spf=fail", "dkim=pass; dmarc=pass", "mx.test; spf=pass"]), "fail pass pass");
    }
}
