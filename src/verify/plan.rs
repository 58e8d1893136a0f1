//! The plan: which mailboxes take part in a check, and which stages it consists of, in the order in which they are told.

use crate::account::{Account, Endpoint, Proof, Protocol, Security};
use crate::check::{Check, Receive, Sent};
use crate::criteria::Measure;
use crate::failure::Skip;
use crate::outcome::{StageRecord, Status};
use crate::stage::{At, Leg, Stage};

/// The stages of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(Vec<Planned>);

/// One stage, and the account it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Planned {
    at: At,
    account: String,
}

/// A mailbox that takes part in a check, by one protocol: it is opened once, whatever it is for.
#[derive(Debug, Clone, Copy)]
pub struct Berth<'a> {
    /// Whose mailbox it is.
    pub account: &'a Account,
    /// How it is reached.
    pub endpoint: &'a Endpoint,
    /// By what.
    pub protocol: Protocol,
    /// The leg that opening it is told under: the first that needs it.
    pub leg: Leg,
    /// The probe is to arrive here.
    pub probe: bool,
    /// The answer is to arrive here.
    pub answer: bool,
    /// The sender's copy of the probe is to be here.
    pub sent: bool,
    /// The receiver's copy of the reply is to be here.
    pub reply_sent: bool,
}

/// The mailboxes of a check, in the order in which they are told.
pub fn berths(check: &Check) -> Vec<Berth<'_>> {
    let mut berths = Vec::new();
    let settings = check.settings();
    let copies = settings.sent != Sent::Off;
    if let Some(to) = check.to().account() {
        for &protocol in settings.receive.protocols() {
            berth(&mut berths, to, protocol, Leg::Delivery, |berth| berth.probe = true);
        }
    }
    if copies {
        berth(&mut berths, check.from(), Protocol::Imap, Leg::Sent, |berth| berth.sent = true);
    }
    if check.is_answered() {
        let protocol = if check.from().imap.is_some() { Protocol::Imap } else { Protocol::Pop3 };
        berth(&mut berths, check.from(), protocol, Leg::ReplyDelivery, |berth| berth.answer = true);
    }
    if let Some(to) = check.to().account().filter(|_| copies && settings.reply) {
        berth(&mut berths, to, Protocol::Imap, Leg::ReplySent, |berth| berth.reply_sent = true);
    }
    berths
}

/// Gives a mailbox one more purpose; an account without the protocol has none.
fn berth<'a>(
    berths: &mut Vec<Berth<'a>>,
    account: &'a Account,
    protocol: Protocol,
    leg: Leg,
    purpose: impl Fn(&mut Berth<'a>),
) {
    let Some(endpoint) = account.endpoint(protocol) else { return };
    let there = berths.iter_mut().find(|berth| berth.account.name == account.name && berth.protocol == protocol);
    match there {
        Some(berth) => purpose(berth),
        None => {
            let mut berth =
                Berth { account, endpoint, protocol, leg, probe: false, answer: false, sent: false, reply_sent: false };
            purpose(&mut berth);
            berths.push(berth);
        }
    }
}

/// Where a submission server is to confirm, in this leg, that it takes no mail for foreign domains without a sign-in:
/// a server is asked once.
pub fn relay(check: &Check, leg: Leg) -> Option<(&Account, &Endpoint)> {
    fn of(account: &Account) -> Option<&Endpoint> {
        account.smtp.as_ref().filter(|endpoint| endpoint.expect_auth)
    }
    let first = of(check.from());
    match leg {
        Leg::Submission => Some((check.from(), first?)),
        Leg::ReplySubmission => {
            let account = check.to().account().filter(|_| check.settings().reply)?;
            let same =
                |one: &Endpoint, other: &Endpoint| one.host.eq_ignore_ascii_case(&other.host) && one.port == other.port;
            let endpoint = of(account).filter(|endpoint| first.is_none_or(|first| !same(first, endpoint)))?;
            Some((account, endpoint))
        }
        _ => None,
    }
}

impl Plan {
    /// The stages of a check: the way out, the sender's copy, the way back, the clean-up.
    pub fn of(check: &Check) -> Plan {
        let mut plan = Plan(Vec::new());
        let berths = berths(check);
        let opened_under = |leg| berths.iter().filter(move |berth| berth.leg == leg);
        plan.submission(check, Leg::Submission, check.from());
        for berth in opened_under(Leg::Delivery) {
            plan.mailbox(berth);
            plan.arrival(Leg::Delivery, berth, check.settings().receive != Receive::Both);
        }
        opened_under(Leg::Sent).for_each(|berth| plan.mailbox(berth));
        plan.add(Leg::Sent, Protocol::Imap, check.from(), &[Stage::Copy]);
        if let Some(to) = check.to().account().filter(|_| check.settings().reply) {
            plan.submission(check, Leg::ReplySubmission, to);
        }
        opened_under(Leg::ReplyDelivery).for_each(|berth| plan.mailbox(berth));
        for berth in berths.iter().filter(|berth| berth.answer) {
            plan.arrival(Leg::ReplyDelivery, berth, true);
        }
        if let Some(to) = check.to().account().filter(|_| check.settings().reply) {
            opened_under(Leg::ReplySent).for_each(|berth| plan.mailbox(berth));
            plan.add(Leg::ReplySent, Protocol::Imap, to, &[Stage::Copy]);
        }
        for berth in &berths {
            plan.add(Leg::Cleanup, berth.protocol, berth.account, &[Stage::Remove]);
        }
        plan
    }

    /// The stages of cleaning up a mailbox without a verification.
    pub fn of_clearance(account: &Account, protocol: Protocol, endpoint: &Endpoint) -> Plan {
        let mut plan = Plan(Vec::new());
        plan.opening(Leg::Delivery, protocol, account, endpoint);
        plan.sign_in(Leg::Delivery, protocol, account, endpoint);
        plan.add(Leg::Delivery, protocol, account, &[Stage::Baseline]);
        plan.add(Leg::Cleanup, protocol, account, &[Stage::Remove]);
        plan
    }

    /// The stages of a visit.
    pub fn of_visit(account: &Account, protocol: Protocol, endpoint: &Endpoint, sign_in: bool) -> Plan {
        let leg = if protocol == Protocol::Smtp { Leg::Submission } else { Leg::Delivery };
        let mut plan = Plan(Vec::new());
        plan.opening(leg, protocol, account, endpoint);
        if sign_in {
            plan.sign_in(leg, protocol, account, endpoint);
        }
        if sign_in && protocol != Protocol::Smtp {
            plan.add(leg, protocol, account, &[Stage::Baseline]);
        }
        plan
    }

    /// Whether a stage of the plan is measured by this. The Junk folder, where it has a stage, is never looked into.
    pub fn is_measured_by(&self, measure: Measure) -> bool {
        self.0.iter().map(|planned| planned.at).any(|At { leg, stage, .. }| match measure {
            Measure::RoundTrip => stage == Stage::Arrival,
            Measure::CertificateDays => matches!(stage, Stage::Tls | Stage::Starttls),
            Measure::Stage { stage: Stage::Junk, .. } => false,
            Measure::Stage { leg: wanted, stage: of } => stage == of && wanted.is_none_or(|wanted| wanted == leg),
        })
    }

    fn submission(&mut self, check: &Check, leg: Leg, account: &Account) {
        if let Some(endpoint) = &account.smtp {
            self.opening(leg, Protocol::Smtp, account, endpoint);
            if relay(check, leg).is_some() {
                self.add(leg, Protocol::Smtp, account, &[Stage::Relay]);
            }
            self.sign_in(leg, Protocol::Smtp, account, endpoint);
            self.add(leg, Protocol::Smtp, account, &[Stage::Submit]);
        }
    }

    fn mailbox(&mut self, berth: &Berth<'_>) {
        self.opening(berth.leg, berth.protocol, berth.account, berth.endpoint);
        self.sign_in(berth.leg, berth.protocol, berth.account, berth.endpoint);
        self.add(berth.leg, berth.protocol, berth.account, &[Stage::Baseline]);
    }

    /// Where only POP3 looks, the Junk folder is not seen, and the report says so.
    fn arrival(&mut self, leg: Leg, berth: &Berth<'_>, alone: bool) {
        let &Berth { protocol, account, .. } = berth;
        self.add(leg, protocol, account, &[Stage::Arrival, Stage::Inspect]);
        if protocol == Protocol::Pop3 && alone {
            self.add(leg, protocol, account, &[Stage::Junk]);
        }
    }

    /// What comes before the sign-in: where TLS comes depends on how the endpoint is secured.
    fn opening(&mut self, leg: Leg, protocol: Protocol, account: &Account, endpoint: &Endpoint) {
        let stages: &[Stage] = match endpoint.security {
            Security::Tls => &[Stage::Resolve, Stage::Connect, Stage::Tls, Stage::Greeting],
            Security::Starttls => &[Stage::Resolve, Stage::Connect, Stage::Greeting, Stage::Starttls],
            Security::None => &[Stage::Resolve, Stage::Connect, Stage::Greeting],
        };
        self.add(leg, protocol, account, stages);
    }

    fn sign_in(&mut self, leg: Leg, protocol: Protocol, account: &Account, endpoint: &Endpoint) {
        if let Proof::Token(_) = endpoint.credentials.proof {
            self.add(leg, protocol, account, &[Stage::Token]);
        }
        self.add(leg, protocol, account, &[Stage::Login]);
    }

    fn add(&mut self, leg: Leg, protocol: Protocol, account: &Account, stages: &[Stage]) {
        let planned = |&stage: &Stage| Planned { at: At::new(leg, stage, protocol), account: account.name.clone() };
        self.0.extend(stages.iter().map(planned));
    }

    /// Puts the records in the plan's order. A stage without one was not reached: it is skipped, because of what
    /// failed before it in its own leg, else because of the first in the plan that failed: which of two dials failed
    /// earlier is an accident.
    pub fn complete(&self, mut records: Vec<StageRecord>, stopped: bool) -> Vec<StageRecord> {
        let mut failed: Vec<At> = records
            .iter()
            .filter(|record| matches!(record.status, Status::Failed(_)))
            .map(|record| record.at)
            .collect();
        failed.sort_by_key(|failed| self.0.iter().position(|planned| planned.at == *failed));
        let mut complete = Vec::with_capacity(self.0.len());
        for Planned { at, account } in &self.0 {
            let place = records.iter().position(|record| record.at == *at && record.account == *account);
            complete.push(place.map(|place| records.remove(place)).unwrap_or_else(|| {
                let blame = failed.iter().find(|failed| failed.leg == at.leg).or(failed.first());
                let why = match blame {
                    _ if at.stage == Stage::Junk => Skip::InboxOnly,
                    Some(&at) => Skip::After { at },
                    None if stopped => Skip::Stopped,
                    None => Skip::NothingToDo,
                };
                StageRecord {
                    at: *at,
                    account: account.clone(),
                    span: None,
                    facts: Vec::new(),
                    concerns: Vec::new(),
                    status: Status::Skipped(why),
                }
            }));
        }
        complete.extend(records);
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Auth, Credentials, Family, Folders, Secret};
    use crate::check::Settings;

    fn account(host: &str, port: u16, expect_auth: bool) -> Account {
        let endpoint = |host: &str, port| Endpoint {
            host: host.to_owned(),
            port,
            security: Security::Tls,
            allow_cleartext_password: false,
            credentials: Credentials { username: "a".to_owned(), proof: Secret::new("x").into() },
            auth: Auth::Auto,
            ca: None,
            family: Family::Any,
            expect_auth,
        };
        Account {
            name: format!("{host}:{port} {expect_auth}"),
            address: "a@b.test".parse().unwrap(),
            smtp: Some(endpoint(host, port)),
            imap: Some(endpoint("imap.b.test", 993)),
            pop3: None,
            folders: Folders::default(),
        }
    }

    /// The legs in which a server is asked whether it relays, in the order of the plan.
    fn asked(from: Account, to: Account, reply: bool) -> Vec<Leg> {
        let check = Check::new("check", from, to, Settings { reply, ..Settings::default() }).unwrap();
        let planned = Plan::of(&check).complete(Vec::new(), false);
        planned.iter().filter(|record| record.at.stage == Stage::Relay).map(|record| record.at.leg).collect()
    }

    #[test]
    fn each_server_that_is_expected_to_require_a_sign_in_is_asked_once() {
        let one = |expected| account("smtp.b.test", 465, expected);
        let (same, another) = (|| account("SMTP.b.test", 465, true), || account("smtp.b.test", 2465, true));
        assert_eq!(asked(one(true), same(), true), [Leg::Submission]);
        assert_eq!(asked(one(true), another(), true), [Leg::Submission, Leg::ReplySubmission]);
        assert_eq!(asked(one(true), another(), false), [Leg::Submission]);
        assert_eq!(asked(one(false), same(), true), [Leg::ReplySubmission]);
        assert_eq!(asked(one(false), one(false), true), []);
    }

    #[test]
    fn what_is_measured_is_a_stage_of_the_plan() {
        let one = account("smtp.b.test", 465, false);
        let check = |reply| Check::new("check", one.clone(), one.clone(), Settings { reply, ..Settings::default() });
        let measured = |reply| {
            let plan = Plan::of(&check(reply).unwrap());
            Measure::all().filter(move |measure| plan.is_measured_by(*measure)).map(|measure| measure.to_string())
        };
        let added: Vec<String> = measured(true).filter(|name| !measured(false).any(|other| other == *name)).collect();
        assert!(
            measured(false).any(|name| name == "round-trip") && measured(false).any(|name| name == "certificate-days")
        );
        assert!(measured(false).any(|name| name == "submission-login") && measured(false).any(|name| name == "copy"));
        assert!(!measured(true).any(|name| ["starttls", "token", "relay", "junk"].contains(&name.as_str())));
        let login = "reply-submission-login".to_owned();
        assert!(added.contains(&login) && added.iter().all(|name| name.starts_with("reply-")), "{added:?}");
    }

    #[test]
    fn it_is_told_between_the_opening_and_the_sign_in() {
        let one = account("smtp.b.test", 465, true);
        let check = Check::new("check", one.clone(), one, Settings::default()).unwrap();
        let stages: Vec<Stage> = Plan::of(&check).complete(Vec::new(), false).iter().map(|one| one.at.stage).collect();
        let begin = [Stage::Resolve, Stage::Connect, Stage::Tls, Stage::Greeting, Stage::Relay, Stage::Login];
        assert_eq!(stages[..6], begin);
    }
}
