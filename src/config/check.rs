//! `[checks.NAME]` and `[defaults]`: what to verify, and how strictly.

use std::ops::Range;
use std::time::Duration;

use lettre::Address;
use serde_spanned::Spanned;
use toml::de::DeValue;

use super::finding::Findings;
use super::section::Section;
use super::threshold::{Bound, Bounds};
use crate::account::{Account, Family};
use crate::check::{Limits, Receive, Sent, Settings};
use crate::criteria::{self, Criteria, Measure, Severity};

/// The keys of a check, and of the defaults.
pub(super) const KEYS: &[&str] = &[
    "from",
    "to",
    "receive",
    "reply",
    "sent",
    "sent_missing",
    "junk",
    "spf",
    "dkim",
    "dmarc",
    "warn",
    "critical",
    "keep",
    "timeout",
    "stage_timeout",
    "arrival_timeout",
    "cleanup_timeout",
];

/// Values of the command line, which win over those of the file. `Default`: none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// By which protocol the probe is received.
    pub receive: Option<Receive>,
    /// Whether the receiving account answers.
    pub reply: Option<bool>,
    /// What to do about the Sent folder.
    pub sent: Option<Sent>,
    /// How a probe in the Junk folder is judged.
    pub junk: Option<Severity>,
    /// What is a warning, over what the file says of the same measures.
    pub warn: Vec<(Measure, criteria::Range)>,
    /// What is critical, in the same way.
    pub critical: Vec<(Measure, criteria::Range)>,
    /// Leave the messages where they are.
    pub keep: Option<bool>,
    /// Put what was said on each connection into the outcome.
    pub transcript: Option<bool>,
    /// How long the whole run may take.
    pub timeout: Option<Duration>,
    /// How long each stage but `arrival` may take.
    pub stage_timeout: Option<Duration>,
    /// How long each arrival is waited for.
    pub arrival_timeout: Option<Duration>,
    /// How much of the run is kept for the clean-up.
    pub cleanup_timeout: Option<Duration>,
    /// Which addresses are used, of every server.
    pub family: Option<Family>,
}

impl Overrides {
    /// The account as these values want it.
    pub fn account(&self, account: Account) -> Account {
        match self.family {
            Some(family) => account.reached_by(family),
            None => account,
        }
    }

    /// The settings where there is no configuration: these values over the defaults.
    ///
    /// # Errors
    /// A sentence, when the limits cannot work together.
    pub fn settings(&self) -> Result<Settings, String> {
        let none = Options::default();
        none.settings(&none, self).map_err(|(_, sentence)| sentence)
    }
}

/// What a check or the defaults state; each with its place.
#[derive(Default)]
pub(super) struct Options {
    pub from: Option<Spanned<String>>,
    pub to: Option<Spanned<String>>,
    pub responder: Option<Spanned<Address>>,
    receive: Option<Spanned<Receive>>,
    reply: Option<Spanned<bool>>,
    pub sent: Option<Spanned<Sent>>,
    sent_missing: Option<Spanned<Severity>>,
    junk: Option<Spanned<Severity>>,
    spf: Option<Spanned<Severity>>,
    dkim: Option<Spanned<Severity>>,
    dmarc: Option<Spanned<Severity>>,
    pub bounds: Bounds,
    keep: Option<Spanned<bool>>,
    timeout: Option<Spanned<Duration>>,
    stage_timeout: Option<Spanned<Duration>>,
    arrival_timeout: Option<Spanned<Duration>>,
    cleanup_timeout: Option<Spanned<Duration>>,
}

/// A check as the configuration states it.
pub(super) struct Entry {
    pub name: Spanned<String>,
    pub options: Options,
}

impl Options {
    /// Those of a check from this account to itself.
    pub fn of(account: &Spanned<String>) -> Options {
        Options { from: Some(account.clone()), ..Options::default() }
    }

    pub fn read(section: &Section, found: &mut Findings) -> Options {
        section.only(KEYS, found);
        let responder = responder(section, found);
        const SENT: [(&str, Sent); 4] =
            [("auto", Sent::Auto), ("server", Sent::Server), ("append", Sent::Append), ("off", Sent::Off)];
        const RECEIVE: [(&str, Receive); 3] =
            [("imap", Receive::Imap), ("pop3", Receive::Pop3), ("both", Receive::Both)];
        const SEVERITY: [(&str, Severity); 3] =
            [("fine", Severity::Fine), ("warning", Severity::Warning), ("critical", Severity::Critical)];
        Options {
            from: section.text("from", found),
            to: if section.value("to").is_some_and(|to| to.get_ref().is_table()) {
                None
            } else {
                section.text("to", found)
            },
            responder,
            receive: section.choice("receive", &RECEIVE, found),
            reply: section.boolean("reply", found),
            sent: section.choice("sent", &SENT, found),
            sent_missing: section.choice("sent_missing", &SEVERITY, found),
            junk: section.choice("junk", &SEVERITY, found),
            spf: section.choice("spf", &SEVERITY, found),
            dkim: section.choice("dkim", &SEVERITY, found),
            dmarc: section.choice("dmarc", &SEVERITY, found),
            bounds: Bounds::read(section, found),
            keep: section.boolean("keep", found),
            timeout: section.duration("timeout", found),
            stage_timeout: section.duration("stage_timeout", found),
            arrival_timeout: section.duration("arrival_timeout", found),
            cleanup_timeout: section.duration("cleanup_timeout", found),
        }
    }

    /// These settings over the defaults, and those of the command line over both.
    ///
    /// # Errors
    /// A sentence, and the place it is about unless that is the command line.
    pub fn settings(
        &self,
        defaults: &Options,
        overrides: &Overrides,
    ) -> Result<Settings, (Option<Range<usize>>, String)> {
        let usual = Settings::default();
        let pick = |own: &Option<Spanned<Duration>>, default: &Option<Spanned<Duration>>, over: Option<Duration>| {
            let stated = own.as_ref().or(default.as_ref());
            over.map(|value| (value, None)).or(stated.map(|stated| (*stated.get_ref(), Some(stated.span()))))
        };
        let timeout = pick(&self.timeout, &defaults.timeout, overrides.timeout);
        let cleanup = pick(&self.cleanup_timeout, &defaults.cleanup_timeout, overrides.cleanup_timeout);
        let stage = pick(&self.stage_timeout, &defaults.stage_timeout, overrides.stage_timeout);
        let arrival = pick(&self.arrival_timeout, &defaults.arrival_timeout, overrides.arrival_timeout);
        let total = timeout.as_ref().map_or(usual.limits.total, |(value, _)| *value);
        let limits = Limits {
            total,
            stage: stage.map_or(usual.limits.stage, |(value, _)| value),
            arrival: arrival.map_or(usual.limits.arrival, |(value, _)| Some(value)),
            // Unless it is stated, the clean-up gives way to a short run.
            cleanup: cleanup.as_ref().map_or(usual.limits.cleanup.min(total / 4), |(value, _)| *value),
        };
        if limits.cleanup > limits.total / 2 {
            let span = cleanup.and_then(|(_, span)| span).or(timeout.and_then(|(_, span)| span));
            let sentence = format!(
                "`cleanup_timeout` ({:?}) is more than half of `timeout` ({:?}), so too little is left to verify in",
                limits.cleanup, limits.total
            );
            return Err((span, sentence));
        }
        Ok(Settings {
            receive: pick_one(overrides.receive, &self.receive, &defaults.receive, usual.receive),
            abandoned: usual.abandoned,
            reply: pick_one(overrides.reply, &self.reply, &defaults.reply, usual.reply),
            sent: pick_one(overrides.sent, &self.sent, &defaults.sent, usual.sent),
            sent_missing: stated(&self.sent_missing, &defaults.sent_missing),
            junk: pick_one(overrides.junk, &self.junk, &defaults.junk, usual.junk),
            keep: pick_one(overrides.keep, &self.keep, &defaults.keep, usual.keep),
            transcript: overrides.transcript.unwrap_or(usual.transcript),
            limits,
            criteria: self.criteria(defaults, overrides),
        })
    }

    /// By what it is judged: of each measure, each bound is the one that is stated nearest to the check.
    fn criteria(&self, defaults: &Options, overrides: &Overrides) -> Criteria {
        let severity = |own, default| stated(own, default).unwrap_or_default();
        let mut criteria = Criteria {
            thresholds: Vec::new(),
            spf: severity(&self.spf, &defaults.spf),
            dkim: severity(&self.dkim, &defaults.dkim),
            dmarc: severity(&self.dmarc, &defaults.dmarc),
        };
        let written = |bounds: &[Bound]| bounds.iter().map(|bound| *bound.get_ref()).collect::<Vec<_>>();
        for (warn, critical) in [
            (&written(&defaults.bounds.warn), &written(&defaults.bounds.critical)),
            (&written(&self.bounds.warn), &written(&self.bounds.critical)),
            (&overrides.warn, &overrides.critical),
        ] {
            warn.iter().for_each(|&(measure, range)| criteria.warn(measure, range));
            critical.iter().for_each(|&(measure, range)| criteria.critical(measure, range));
        }
        criteria.complete();
        criteria
    }
}

fn stated<T: Copy>(own: &Option<Spanned<T>>, default: &Option<Spanned<T>>) -> Option<T> {
    own.as_ref().or(default.as_ref()).map(|stated| *stated.get_ref())
}

fn pick_one<T: Copy>(over: Option<T>, own: &Option<Spanned<T>>, default: &Option<Spanned<T>>, usual: T) -> T {
    over.or(stated(own, default)).unwrap_or(usual)
}

/// `to = { address = "echo@…", expect = "reply" }`: somebody who answers, and whose account is not held here.
fn responder(section: &Section, found: &mut Findings) -> Option<Spanned<Address>> {
    if !matches!(section.value("to")?.get_ref(), DeValue::Table(_)) {
        return None;
    }
    let table = section.section("to", format!("`to` of {}", section.name), found)?;
    table.only(&["address", "expect"], found);
    table.choice("expect", &[("reply", ())], found);
    if table.value("expect").is_none() {
        let title = format!("{} has no `expect`: what is waited for", table.name);
        found.error(table.span.clone(), title).help("`expect = \"reply\"`: the address answers by itself");
    }
    let Some(address) = table.text("address", found) else {
        if table.value("address").is_none() {
            found.error(table.span.clone(), format!("{} has no `address`", table.name));
        }
        return None;
    };
    match address.get_ref().parse() {
        Ok(parsed) => Some(Spanned::new(address.span(), parsed)),
        Err(why) => {
            found.error(address.span(), format!("`address` in {} is no mail address: {why}", table.name));
            None
        }
    }
}
