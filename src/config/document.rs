//! A configuration file as a whole: its tables, and what has to hold between them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use lettre::Address;
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::account;
use super::check::{self, Overrides};
use super::finding::{ConfigError, Finding, Findings, Notice};
use super::names::{listed, nearest};
use super::purpose::Purpose;
use super::section::Section;
use super::source::Source;
use super::threshold;
use crate::account::Account;
use crate::check::{Check, Invalid, Limits, Sent};

/// A configuration, before anything is fetched.
pub(super) struct Document {
    defaults: check::Options,
    pub accounts: BTreeMap<String, account::Entry>,
    pub checks: Vec<check::Entry>,
    /// A password is written in it.
    pub holds_a_password: bool,
}

/// Reads the text, and finds everything that is wrong in it.
pub(super) fn read(source: &Source, purpose: Purpose<'_>) -> Result<(Document, Vec<Notice>), ConfigError> {
    let mut found = Findings::new(source);
    let table = match DeTable::parse(source.text()) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let end = source.text().len();
            found.error(error.span().unwrap_or(end..end), format!("invalid TOML: {}", error.message()));
            DeTable::new()
        }
    };
    let document =
        if table.is_empty() && found.any_error() { None } else { Some(document(&table, purpose, &mut found)) };
    if let (Some(document), Purpose::Checks(overrides), false) = (&document, purpose, found.any_error()) {
        document.validate(overrides, &mut found);
    }
    let (document, notices) = found.finish(document)?;
    let document = document.ok_or_else(|| Finding::new("the configuration cannot be read"))?;
    Ok((document, notices))
}

fn document(table: &DeTable, purpose: Purpose<'_>, found: &mut Findings) -> Document {
    let top = Section::new("the configuration", 0..0, table);
    top.only(&["defaults", "accounts", "checks"], found);
    let defaults = top.section("defaults", "`[defaults]`".into(), found);
    let defaults = defaults.map(|section| check::Options::read(&section, found)).unwrap_or_default();
    let mut accounts = BTreeMap::new();
    let mut named = Vec::new();
    for (name, section) in sections(&top, "accounts", "account", found) {
        named.push(name.clone());
        if let Some(entry) = account::read(name.get_ref(), &section, purpose, found) {
            accounts.insert(name.into_inner(), entry);
        }
    }
    if named.is_empty() && !found.any_error() {
        found.error_nowhere("the configuration has no account").help("`mailtrip config` prints an example");
    }
    let checks = sections(&top, "checks", "check", found);
    let options = |section: &Section, found: &mut Findings| check::Options::read(section, found);
    let mut checks: Vec<check::Entry> =
        checks.into_iter().map(|(name, section)| check::Entry { name, options: options(&section, found) }).collect();
    if checks.is_empty() {
        checks = named.into_iter().map(|name| check::Entry { options: check::Options::of(&name), name }).collect();
    }
    let holds_a_password = accounts.values().any(account::Entry::holds_a_password);
    Document { defaults, accounts, checks, holds_a_password }
}

/// The tables `[OUTER.NAME]`, in the order of the file.
fn sections<'a>(
    top: &Section<'a>,
    outer: &str,
    what: &str,
    found: &mut Findings,
) -> Vec<(Spanned<String>, Section<'a>)> {
    let Some(all) = top.section(outer, format!("`[{outer}]`"), found) else { return Vec::new() };
    let mut sections = Vec::new();
    for name in all.keys() {
        if name.get_ref().trim().is_empty() || name.get_ref().contains(char::is_control) {
            found.error(name.span(), format!("a name under `{outer}` is empty or has a control character in it"));
        } else if !matches!(all.value(name.get_ref()).map(Spanned::get_ref), Some(DeValue::Table(_))) {
            let title = format!("`{}` in `[{outer}]` is not a table", name.get_ref());
            found.error(name.span(), title).help(format!("each {what} is a table of its own: `[{outer}.NAME]`"));
        } else if let Some(mut section) = all.section(name.get_ref(), format!("{what} `{}`", name.get_ref()), found) {
            section.span = name.span();
            sections.push((name, section));
        }
    }
    sections
}

impl Document {
    /// Finds what is wrong between checks and accounts, in all checks.
    fn validate(&self, overrides: &Overrides, found: &mut Findings) {
        for entry in &self.checks {
            let accounts = self.accounts_of(entry, found);
            if let Some((from, to)) = accounts {
                let check = self.check(entry, from.account.clone(), to.account.clone(), overrides);
                match check {
                    Ok(check) => threshold::point_out(&check, [&entry.options.bounds, &self.defaults.bounds], found),
                    Err((Some(span), sentence)) => drop(found.error(span, sentence)),
                    Err((None, sentence)) => drop(found.error_nowhere(sentence)),
                }
            }
        }
    }

    pub fn from<'d>(&'d self, entry: &'d check::Entry) -> Option<&'d Spanned<String>> {
        entry.options.from.as_ref().or(self.defaults.from.as_ref())
    }

    /// Who answers by itself, where the probe goes to nobody's account of ours.
    pub fn responder<'d>(&'d self, entry: &'d check::Entry) -> Option<&'d Spanned<Address>> {
        let usual = self.defaults.responder.as_ref().filter(|_| entry.options.to.is_none());
        entry.options.responder.as_ref().or(usual)
    }

    /// The account that receives: the sender's own where it only receives the answer.
    pub fn to<'d>(&'d self, entry: &'d check::Entry) -> Option<&'d Spanned<String>> {
        if self.responder(entry).is_some() {
            return self.from(entry);
        }
        entry.options.to.as_ref().or(self.defaults.to.as_ref()).or(self.from(entry))
    }

    /// How long a run of a check may take; `None` where its limits cannot work together.
    pub fn timeout(&self, entry: &check::Entry, overrides: &Overrides) -> Option<Duration> {
        entry.options.settings(&self.defaults, overrides).ok().map(|settings| settings.limits.total)
    }

    fn accounts_of(&self, entry: &check::Entry, found: &mut Findings) -> Option<(&account::Entry, &account::Entry)> {
        let (Some(from), Some(to)) = (self.from(entry), self.to(entry)) else {
            let title = format!("check `{}` has no `from`: the account to send from", entry.name.get_ref());
            found.error(entry.name.span(), title).help(format!("the accounts are {}", listed(self.accounts.keys())));
            return None;
        };
        self.account(from, found).zip(self.account(to, found))
    }

    fn account(&self, name: &Spanned<String>, found: &mut Findings) -> Option<&account::Entry> {
        let account = self.accounts.get(name.get_ref());
        if account.is_none() {
            let names = || self.accounts.keys().map(String::as_str);
            let error = found.error(name.span(), format!("there is no account `{}`", name.get_ref()));
            match nearest(name.get_ref(), names()) {
                Some(meant) => error.help(format!("did you mean `{meant}`?")),
                None => error.help(format!("the accounts are {}", listed(names()))),
            };
        }
        account
    }

    /// A check between two accounts.
    ///
    /// # Errors
    /// A sentence, and the place it is about unless that is the command line.
    pub fn check(
        &self,
        entry: &check::Entry,
        from: Account,
        to: Account,
        overrides: &Overrides,
    ) -> Result<Check, (Option<Range<usize>>, String)> {
        let name = entry.name.get_ref().as_str();
        let (from, to) = (overrides.account(from), overrides.account(to));
        let settings = entry.options.settings(&self.defaults, overrides);
        let settings = settings.map_err(|(span, why)| (span, format!("check `{name}` cannot work: {why}")))?;
        if matches!(settings.sent, Sent::Server | Sent::Append) && from.imap.is_none() {
            let sent = entry.options.sent.as_ref().or(self.defaults.sent.as_ref());
            let why = "has no `imap` endpoint, so its Sent folder cannot be looked into";
            let sentence = format!("check `{name}` cannot work: account `{}` {why}", from.name);
            return Err((sent.map(Spanned::span), sentence));
        }
        let check = match self.responder(entry) {
            Some(responder) => Check::to_responder(name, from, responder.get_ref().clone(), settings),
            None => Check::new(name, from, to, settings),
        };
        check.map_err(|invalid| {
            let at = match invalid {
                Invalid::CannotReceive { .. } | Invalid::CannotSend { reply: true, .. } => self.to(entry),
                _ => self.from(entry),
            };
            (at.map(Spanned::span), format!("check `{name}` cannot work: {invalid}"))
        })
    }

    /// The names of these accounts, each once; of all, if there is no name.
    pub fn select_accounts<'d>(&'d self, names: &[String]) -> Result<Vec<&'d str>, ConfigError> {
        let known = || self.accounts.keys().map(String::as_str);
        if names.is_empty() {
            return Ok(known().collect());
        }
        let mut wanted = Vec::new();
        for name in names {
            let Some(name) = known().find(|known| known == name) else { return Err(unknown("account", name, known)) };
            if !wanted.contains(&name) {
                wanted.push(name);
            }
        }
        Ok(wanted)
    }

    /// How long things may take where no check says so.
    ///
    /// # Errors
    /// A sentence, and the place it is about unless that is the command line.
    pub fn usual_limits(&self) -> Result<Limits, (Option<Range<usize>>, String)> {
        check::Options::default().settings(&self.defaults, &Overrides::default()).map(|settings| settings.limits)
    }

    /// The checks with these names, each once; all, if there is no name.
    pub fn select(&self, names: &[String]) -> Result<Vec<&check::Entry>, ConfigError> {
        if names.is_empty() {
            return Ok(self.checks.iter().collect());
        }
        let mut wanted: Vec<&check::Entry> = Vec::new();
        for name in names {
            let known = || self.checks.iter().map(|entry| entry.name.get_ref().as_str());
            let Some(entry) = self.checks.iter().find(|entry| entry.name.get_ref() == name) else {
                return Err(unknown("check", name, known));
            };
            if !wanted.iter().any(|other| std::ptr::eq(*other, entry)) {
                wanted.push(entry);
            }
        }
        Ok(wanted)
    }
}

fn unknown<'n, I: Iterator<Item = &'n str>>(what: &str, name: &str, known: impl Fn() -> I) -> ConfigError {
    let mut error = Finding::new(format!("there is no {what} `{name}`"));
    let list = format!("the {what}s are {}", listed(known()));
    match nearest(name, known()) {
        Some(meant) => error.help(format!("did you mean `{meant}`? {list}")),
        None => error.help(list),
    };
    error.into()
}
