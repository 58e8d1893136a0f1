//! A failed stage with all that a rule may look at.

use std::net::SocketAddr;

use crate::account::{Protocol, Security};
use crate::failure::{Failure, Kind, Reply, Step};
use crate::outcome::{Dialled, Fact, Outcome, Server, StageRecord, Status};
use crate::stage::{Leg, Stage};

use super::way::Way;
use super::{Certainty, Diagnosis, answered, configured, judged};

/// A failed stage, its failure, and the server as it is configured.
pub struct Case<'a> {
    /// The whole outcome.
    pub outcome: &'a Outcome,
    /// The stage.
    pub record: &'a StageRecord,
    /// What went wrong there.
    pub failure: &'a Failure,
    /// The server; `None` in an outcome that does not list it.
    pub server: Option<&'a Server>,
}

impl<'a> Case<'a> {
    pub fn new(outcome: &'a Outcome, record: &'a StageRecord, failure: &'a Failure) -> Case<'a> {
        Case { outcome, record, failure, server: outcome.server(record) }
    }

    /// A diagnosis of this stage, with the evidence that every diagnosis has: the server and its own words.
    pub fn because(&self, code: &'static str, certainty: Certainty, cause: impl Into<String>) -> Diagnosis {
        let verdict = judged(self.outcome, self.record);
        let mut diagnosis = Diagnosis::new(code, verdict, Some(self.record.at), certainty, cause.into());
        // A token comes from somewhere else.
        if let Some(server) = self.server.filter(|_| self.stage() != Stage::Token) {
            diagnosis = diagnosis.seen(configured(server));
        }
        if let Some(reply) = &self.failure.reply {
            diagnosis = diagnosis.seen(answered(reply));
        }
        match &self.failure.detail {
            Some(detail) => diagnosis.seen(detail.as_str()),
            None => diagnosis,
        }
    }

    pub fn kind(&self) -> &'a Kind {
        &self.failure.kind
    }

    pub fn stage(&self) -> Stage {
        self.record.at.stage
    }

    pub fn leg(&self) -> Leg {
        self.record.at.leg
    }

    pub fn protocol(&self) -> Protocol {
        self.record.at.protocol
    }

    /// Whether the server said no at this stage.
    pub fn refused_at(&self, stage: Stage) -> bool {
        self.stage() == stage && matches!(self.kind(), Kind::Refused { .. })
    }

    /// The command of the mail transaction that was refused.
    pub fn step(&self) -> Option<Step> {
        match self.kind() {
            Kind::Refused { step } if self.stage() == Stage::Submit => *step,
            _ => None,
        }
    }

    fn reply(&self) -> Option<&'a Reply> {
        self.failure.reply.as_deref()
    }

    /// The SMTP reply code.
    pub fn code(&self) -> Option<u16> {
        self.reply()?.code
    }

    /// Whether the reply code is one of these.
    pub fn coded(&self, codes: &[u16]) -> bool {
        self.code().is_some_and(|code| codes.contains(&code))
    }

    /// The enhanced status code, or nothing.
    pub fn enhanced(&self) -> &'a str {
        self.reply().and_then(|reply| reply.enhanced.as_deref()).unwrap_or_default()
    }

    /// Whether subject and detail of the enhanced status code (RFC 3463 §2) are one of these, such as `7.8`.
    pub fn about(&self, details: &[&str]) -> bool {
        self.enhanced().split_once('.').is_some_and(|(_, detail)| details.contains(&detail))
    }

    /// Whether the server's own words hold one of these, which stand here in small letters. A wording is no code: what is
    /// concluded from it alone is a guess, never certain.
    pub fn says(&self, words: &[&str]) -> bool {
        let text = self.words();
        words.iter().any(|word| text.contains(word))
    }

    /// The server's own words in one line, in small letters.
    pub fn words(&self) -> String {
        self.reply().map(|reply| reply.text.to_lowercase().replace('\n', " ")).unwrap_or_default()
    }

    /// Whether the response code (RFC 5530, RFC 3206) is one of these; arguments behind it are not looked at.
    pub fn responded(&self, codes: &[&str]) -> bool {
        self.reply().is_some_and(|reply| has_response_code(reply, codes))
    }

    /// Whether the server said that the trouble is a passing one.
    pub fn is_temporary(&self) -> bool {
        self.code().is_some_and(|code| (400..500).contains(&code))
            || (self.code().is_none() && self.enhanced().starts_with("4."))
            || self.responded(&["UNAVAILABLE", "SYS/TEMP", "INUSE", "IN-USE", "LOGIN-DELAY", "LIMIT"])
    }

    /// Whether the server refused a command of the sign-in or of the mail transaction, or the whole connection.
    pub fn turned_down(&self) -> bool {
        self.step().is_some() || self.refused_at(Stage::Login) || self.refused_at(Stage::Greeting)
    }

    /// The configured host, or what stands for it.
    pub fn host(&self) -> &'a str {
        self.server.map_or("the server", |server| server.host.as_str())
    }

    pub fn port(&self) -> Option<u16> {
        self.server.map(|server| server.port)
    }

    pub fn security(&self) -> Option<Security> {
        self.server.map(|server| server.security)
    }

    pub fn username(&self) -> &'a str {
        self.server.map_or("", |server| server.username.as_str())
    }

    /// ` 587`, to follow the word "port"; nothing where it is not known.
    pub fn port_number(&self) -> String {
        self.port().map(|port| format!(" {port}")).unwrap_or_default()
    }

    /// The name of a setting, such as `smtp.port`.
    pub fn key(&self, name: &str) -> String {
        format!("`{}.{name}`", self.protocol().to_string().to_lowercase())
    }

    /// A setting with its value, such as `smtp.port = 465`.
    pub fn setting(&self, name: &str, value: &str) -> String {
        format!("`{}.{name} = {value}`", self.protocol().to_string().to_lowercase())
    }

    /// `smtp.port = 587` with `smtp.security = "starttls"`, or port 465 with TLS from the first byte (RFC 8314 §3.3).
    pub fn submission_port(&self) -> String {
        format!(
            "set {} with {}, or {} with {}",
            self.setting("port", "587"),
            self.setting("security", "\"starttls\""),
            self.setting("port", "465"),
            self.setting("security", "\"tls\"")
        )
    }

    /// What was seen at one stage of the same connection.
    pub fn facts(&self, stage: Stage) -> impl Iterator<Item = &'a Fact> {
        let (leg, protocol, account) = (self.record.at.leg, self.record.at.protocol, &self.record.account);
        let same = move |record: &&StageRecord| {
            record.at.leg == leg
                && record.at.protocol == protocol
                && &record.account == account
                && record.at.stage == stage
        };
        self.outcome.stages.iter().filter(same).flat_map(|record| &record.facts)
    }

    /// The address of the account that the server belongs to.
    pub fn address(&self) -> Option<&'a str> {
        let outcome = self.outcome;
        let mut of_account = outcome.stages.iter().filter(|record| record.account == self.record.account);
        let leg = of_account.find(|record| record.at.leg != Leg::Cleanup).map(|record| record.at.leg);
        match leg {
            Some(leg @ (Leg::Delivery | Leg::ReplyDelivery)) => Some(Way::of(outcome, leg).home),
            Some(leg) => Some(Way::of(outcome, leg).from),
            None => (outcome.from == outcome.to).then_some(&outcome.to),
        }
    }

    /// Whether any stage of this kind passed anywhere.
    pub fn passed(&self, leg: Leg, stage: Stage) -> bool {
        self.outcome.stages.iter().any(|r| r.at.leg == leg && r.at.stage == stage && r.status == Status::Passed)
    }

    /// Whether no server at all was reached: then it is the network more than a setting.
    pub fn reached_nothing(&self) -> bool {
        let several = self.outcome.servers.len() > 1;
        several && !self.outcome.stages.iter().any(|r| r.at.stage == Stage::Connect && r.status == Status::Passed)
    }

    /// How long the address that was waited for the longest did not answer, in seconds; of the clean-up's own
    /// connection no addresses are on record, so there it is how long the stage took.
    pub fn waited(&self) -> Option<f64> {
        let silent = self.record.facts.iter().filter_map(|fact| match fact {
            Fact::Address { result: Dialled::NoAnswer, seconds, .. } => Some(*seconds),
            _ => None,
        });
        let took = self.record.span.map(|span| span.took.as_secs_f64());
        silent.max_by(f64::total_cmp).or(took.filter(|_| self.leg() == Leg::Cleanup))
    }

    /// The addresses that were tried, and what became of them.
    pub fn tried(&self) -> impl Iterator<Item = (&'a str, Dialled)> {
        self.record.facts.iter().filter_map(|fact| match fact {
            Fact::Address { address, result, .. } => Some((address.as_str(), *result)),
            _ => None,
        })
    }
}

/// Whether the response code of a reply is one of these; arguments behind it are not looked at.
pub fn has_response_code(reply: &Reply, codes: &[&str]) -> bool {
    let code = reply.response_code.as_deref().unwrap_or_default();
    let code = code.split(' ').next().unwrap_or_default();
    codes.iter().any(|known| known.eq_ignore_ascii_case(code))
}

/// `IPv6` or `IPv4`, for an address with or without a port.
pub fn family(address: &str) -> &'static str {
    match address.parse::<SocketAddr>() {
        Ok(SocketAddr::V6(_)) => "IPv6",
        Ok(SocketAddr::V4(_)) => "IPv4",
        Err(_) if address.matches(':').count() > 1 => "IPv6",
        Err(_) => "IPv4",
    }
}

/// How a connection attempt ended, in words that follow the address.
pub fn dialled(result: Dialled) -> &'static str {
    match result {
        Dialled::Connected => "connected",
        Dialled::Refused => "the port is closed",
        Dialled::Unreachable => "cannot be reached",
        Dialled::NoRoute => "this machine has no way to such addresses",
        Dialled::NoAnswer => "no answer",
        Dialled::NoSocket => "this machine has too many files open",
        Dialled::Failed => "failed",
    }
}

/// A limit as people say it; what is no time is not made one.
pub fn within(seconds: f64) -> String {
    match seconds {
        _ if !seconds.is_finite() || seconds < 0.0 => "the time allowed".to_owned(),
        _ if seconds > 1e6 => "a very long time".to_owned(),
        _ if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        _ if seconds < 10.0 && seconds.fract() != 0.0 => format!("{seconds:.1} s"),
        _ => format!("{seconds:.0} s"),
    }
}
