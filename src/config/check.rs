//! `[checks.NAME]` and `[defaults]`: what to verify, and how strictly.

use std::ops::Range;
use std::time::Duration;

use serde_spanned::Spanned;

use super::finding::Findings;
use super::section::Section;
use crate::check::{Junk, Limits, Receive, Sent, Settings};

/// The keys of a check, and of the defaults.
pub(super) const KEYS: &[&str] =
    &["from", "to", "receive", "reply", "sent", "junk", "keep", "timeout", "stage_timeout", "cleanup_timeout"];

/// Values of the command line, which win over those of the file. `Default`: none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// By which protocol the probe is received.
    pub receive: Option<Receive>,
    /// What to do about the Sent folder.
    pub sent: Option<Sent>,
    /// How a probe in the Junk folder is judged.
    pub junk: Option<Junk>,
    /// Leave the messages where they are.
    pub keep: Option<bool>,
    /// Put what was said on each connection into the outcome.
    pub transcript: Option<bool>,
    /// How long the whole run may take.
    pub timeout: Option<Duration>,
    /// How long each stage but `arrival` may take.
    pub stage_timeout: Option<Duration>,
    /// How much of the run is kept for the clean-up.
    pub cleanup_timeout: Option<Duration>,
}

impl Overrides {
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
    receive: Option<Spanned<Receive>>,
    pub sent: Option<Spanned<Sent>>,
    junk: Option<Spanned<Junk>>,
    keep: Option<Spanned<bool>>,
    timeout: Option<Spanned<Duration>>,
    stage_timeout: Option<Spanned<Duration>>,
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
        refuse_reply(section, found);
        const SENT: [(&str, Sent); 4] =
            [("auto", Sent::Auto), ("server", Sent::Server), ("append", Sent::Append), ("off", Sent::Off)];
        const JUNK: [(&str, Junk); 2] = [("warning", Junk::Warning), ("critical", Junk::Critical)];
        Options {
            from: section.text("from", found),
            to: section.text("to", found),
            receive: receive(section, found),
            sent: section.choice("sent", &SENT, found),
            junk: section.choice("junk", &JUNK, found),
            keep: section.boolean("keep", found),
            timeout: section.duration("timeout", found),
            stage_timeout: section.duration("stage_timeout", found),
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
        let total = timeout.as_ref().map_or(usual.limits.total, |(value, _)| *value);
        let limits = Limits {
            total,
            stage: stage.map_or(usual.limits.stage, |(value, _)| value),
            // Unless it is stated, the clean-up gives way to a short run.
            cleanup: cleanup.as_ref().map_or(usual.limits.cleanup.min(total / 2), |(value, _)| *value),
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
            sent: pick_one(overrides.sent, &self.sent, &defaults.sent, usual.sent),
            junk: pick_one(overrides.junk, &self.junk, &defaults.junk, usual.junk),
            keep: pick_one(overrides.keep, &self.keep, &defaults.keep, usual.keep),
            transcript: overrides.transcript.unwrap_or(usual.transcript),
            limits,
        })
    }
}

fn pick_one<T: Copy>(over: Option<T>, own: &Option<Spanned<T>>, default: &Option<Spanned<T>>, usual: T) -> T {
    let stated = own.as_ref().or(default.as_ref()).map(|stated| *stated.get_ref());
    over.or(stated).unwrap_or(usual)
}

fn refuse_reply(section: &Section, found: &mut Findings) {
    let reply = section.boolean("reply", found);
    if let Some(reply) = reply.filter(|reply| *reply.get_ref()) {
        let title = format!("`reply` in {} can only be false: replies are not verified yet", section.name);
        found.error(reply.span(), title);
    }
}

fn receive(section: &Section, found: &mut Findings) -> Option<Spanned<Receive>> {
    let value = section.value("receive")?;
    if let Some(word @ ("pop3" | "both")) = value.get_ref().as_str() {
        let title = format!("`receive = \"{word}\"` in {} is not possible yet: only \"imap\" is", section.name);
        found.error(value.span(), title);
        return None;
    }
    section.choice("receive", &[("imap", Receive::Imap)], found)
}
