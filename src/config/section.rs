//! A table of the configuration, read key by key: of the right type, or with an error that says what was expected.

use std::ops::Range;
use std::time::Duration;

use jiff::SignedDuration;
use serde_spanned::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::finding::Findings;
use super::names::{listed, meant, nearest};

/// The longest time limit that can be set. Beyond it, clocks could overflow, and no check takes a day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A table and what it is called in errors.
pub(super) struct Section<'a> {
    /// Such as `account "alice"`, for "unknown key … in …".
    pub name: String,
    /// What to point at when something is missing from it.
    pub span: Range<usize>,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    pub fn new(name: impl Into<String>, span: Range<usize>, table: &'a DeTable<'a>) -> Section<'a> {
        Section { name: name.into(), span, table }
    }

    /// Refuses every key but these.
    pub fn only(&self, keys: &[&str], found: &mut Findings) {
        for key in self.table.keys().filter(|key| !keys.contains(&key.get_ref().as_ref())) {
            let meant = meant(key.get_ref(), keys);
            let error = found.error(key.span(), format!("unknown key `{}` in {}", key.get_ref(), self.name));
            match meant {
                Some(meant) => error.help(format!("did you mean `{meant}`?")),
                None => error.help(format!("the keys are {}", listed(keys.iter().copied()))),
            };
        }
    }

    /// Where a key stands, if it does.
    pub fn key(&self, key: &str) -> Option<Range<usize>> {
        self.table.get_key_value(key).map(|(key, _)| key.span())
    }

    /// The keys and where they are, in the order of the file.
    pub fn keys(&self) -> Vec<Spanned<String>> {
        let owned = |key: &Spanned<DeString>| Spanned::new(key.span(), key.get_ref().to_string());
        let mut keys: Vec<Spanned<String>> = self.table.keys().map(owned).collect();
        keys.sort_by_key(|key| key.span().start);
        keys
    }

    pub fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    /// The value of a key, by a function that knows its type; a value of another type is an error.
    fn typed<T>(
        &self,
        key: &str,
        expected: &str,
        found: &mut Findings,
        take: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let value = self.value(key)?;
        match take(value.get_ref()) {
            Some(taken) => Some(Spanned::new(value.span(), taken)),
            None => {
                let actual = type_name(value.get_ref());
                let title = format!("expected {expected} for `{key}` in {}, found {actual}", self.name);
                found.error(value.span(), title).label(format!("expected {expected}"));
                None
            }
        }
    }

    /// A text that is not empty and has no control characters in it.
    pub fn text(&self, key: &str, found: &mut Findings) -> Option<Spanned<String>> {
        let text = self.typed(key, "a string", found, |value| value.as_str().map(str::to_owned))?;
        let wrong = match text.get_ref() {
            text if text.is_empty() => "is empty",
            text if text.chars().any(char::is_control) => "has a control character (such as a line break) in it",
            _ => return Some(text),
        };
        found.error(text.span(), format!("`{key}` in {} {wrong}", self.name));
        None
    }

    pub fn boolean(&self, key: &str, found: &mut Findings) -> Option<Spanned<bool>> {
        self.typed(key, "true or false", found, DeValue::as_bool)
    }

    pub fn port(&self, key: &str, found: &mut Findings) -> Option<Spanned<u16>> {
        let number = self.typed(key, "a number", found, DeValue::as_integer)?;
        let port = u16::from_str_radix(number.get_ref().as_str(), number.get_ref().radix());
        if let Some(port) = port.ok().filter(|&port| port != 0) {
            return Some(Spanned::new(number.span(), port));
        }
        found.error(number.span(), format!("`{key}` in {} is a number from 1 to 65535", self.name));
        None
    }

    /// A table within this one.
    pub fn section(&self, key: &str, name: String, found: &mut Findings) -> Option<Section<'a>> {
        let table = self.typed(key, "a table", found, DeValue::as_table)?;
        let span = self.key(key).unwrap_or(table.span());
        Some(Section { name, span, table: table.into_inner() })
    }

    /// One of several words.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)], found: &mut Findings) -> Option<Spanned<T>> {
        let word = self.typed(key, "a string", found, DeValue::as_str)?;
        let chosen = choices.iter().find(|(name, _)| name == word.get_ref());
        if let Some((_, choice)) = chosen {
            return Some(Spanned::new(word.span(), *choice));
        }
        let names = || choices.iter().map(|(name, _)| *name);
        let meant = nearest(word.get_ref(), names());
        let title = format!("`{key}` in {} is one of {}", self.name, listed(names()));
        let error = found.error(word.span(), title);
        if let Some(meant) = meant {
            error.help(format!("did you mean `{meant}`?"));
        }
        None
    }

    /// A length of time, such as "30s" or "1m 30s": more than zero, a day at most.
    pub fn duration(&self, key: &str, found: &mut Findings) -> Option<Spanned<Duration>> {
        let text = self.typed(key, "a string such as \"30s\" or \"2m\"", found, DeValue::as_str)?;
        let parsed = text.get_ref().parse::<SignedDuration>();
        let wrong = match parsed.map(Duration::try_from) {
            Err(_) => "is not a length of time such as \"30s\", \"2m\" or \"1m 30s\"",
            Ok(Err(_)) | Ok(Ok(Duration::ZERO)) => "has to be more than zero",
            Ok(Ok(duration)) if duration > LONGEST => "is longer than 24 hours",
            Ok(Ok(duration)) => return Some(Spanned::new(text.span(), duration)),
        };
        found.error(text.span(), format!("`{key}` in {} {wrong}", self.name));
        None
    }
}

pub(super) fn type_name(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
