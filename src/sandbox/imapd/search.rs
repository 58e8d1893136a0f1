//! SEARCH, RFC 3501 §6.4.4.

use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::command::{Arguments, Refusal, Sequence};
use super::view::Entry;
use crate::sandbox::message;
use crate::sandbox::store::StoredMessage;

/// So deep keys may be nested.
const MAX_DEPTH: usize = 16;

/// A search key.
#[derive(Debug)]
pub(super) enum Key {
    All,
    Numbers(Sequence),
    Uids(Sequence),
    Flag(String),
    Recent,
    Header(String, Vec<u8>),
    Body(Vec<u8>),
    Text(Vec<u8>),
    Larger(usize),
    Smaller(usize),
    Before(Date),
    On(Date),
    Not(Box<Key>),
    Either(Box<Key>, Box<Key>),
    Every(Vec<Key>),
}

/// The message that a key is held against, and the largest numbers, which `*` means.
pub(super) struct Candidate<'a> {
    pub number: u32,
    pub entry: &'a Entry,
    pub message: &'a StoredMessage,
    pub last_number: u32,
    pub last_uid: u32,
}

/// Reads the whole of a SEARCH command.
pub(super) fn program(arguments: &mut Arguments<'_>) -> Result<Key, Refusal> {
    let key = keys(arguments, 0)?;
    arguments.end()?;
    Ok(key)
}

fn keys(arguments: &mut Arguments<'_>, depth: usize) -> Result<Key, Refusal> {
    let mut keys = vec![key(arguments, depth)?];
    while arguments.eat(b' ') {
        keys.push(key(arguments, depth)?);
    }
    Ok(Key::Every(keys))
}

fn not(key: Key) -> Key {
    Key::Not(Box::new(key))
}

fn key(arguments: &mut Arguments<'_>, depth: usize) -> Result<Key, Refusal> {
    if depth > MAX_DEPTH {
        return Err(Refusal::bad("Search keys are nested too deep"));
    }
    if arguments.eat(b'(') {
        let key = keys(arguments, depth + 1)?;
        return arguments.expect(b')').map(|()| key);
    }
    if matches!(arguments.peek(), Some(b'*' | b'0'..=b'9')) {
        return arguments.sequence().map(Key::Numbers);
    }
    let word = arguments.word()?;
    if let Some(key) = state(&word) {
        return Ok(key);
    }
    arguments.space()?;
    keyed(arguments, word, depth + 1)
}

/// The keys with arguments, nested keys first.
fn keyed(arguments: &mut Arguments<'_>, word: String, depth: usize) -> Result<Key, Refusal> {
    Ok(match word.as_str() {
        "CHARSET" => {
            let charset = arguments.astring()?.to_ascii_uppercase();
            if charset != b"UTF-8" && charset != b"US-ASCII" {
                return Err(Refusal::no("[BADCHARSET (US-ASCII UTF-8)] Unknown charset"));
            }
            arguments.space()?;
            key(arguments, depth)?
        }
        "UID" => Key::Uids(arguments.sequence()?),
        "NOT" => not(key(arguments, depth)?),
        "OR" => {
            let one = key(arguments, depth)?;
            arguments.space()?;
            Key::Either(Box::new(one), Box::new(key(arguments, depth)?))
        }
        "HEADER" => {
            let name = arguments.astring()?;
            arguments.space()?;
            Key::Header(String::from_utf8_lossy(&name).into_owned(), arguments.astring()?)
        }
        "SUBJECT" | "FROM" | "TO" | "CC" | "BCC" => Key::Header(word, arguments.astring()?),
        "BODY" => Key::Body(arguments.astring()?),
        "TEXT" => Key::Text(arguments.astring()?),
        "LARGER" => Key::Larger(arguments.number()?),
        "SMALLER" => Key::Smaller(arguments.number()?),
        "BEFORE" => Key::Before(date(arguments)?),
        "ON" => Key::On(date(arguments)?),
        "SINCE" => not(Key::Before(date(arguments)?)),
        "KEYWORD" => Key::Flag(keyword(arguments)?),
        "UNKEYWORD" => not(Key::Flag(keyword(arguments)?)),
        _ => return Err(Refusal::Bad(format!("Unknown search key {word}"))),
    })
}

/// The keys without arguments.
fn state(word: &str) -> Option<Key> {
    let flag = |name: &str| Key::Flag(format!("\\{name}"));
    Some(match word {
        "ALL" => Key::All,
        "ANSWERED" => flag("Answered"),
        "DELETED" => flag("Deleted"),
        "DRAFT" => flag("Draft"),
        "FLAGGED" => flag("Flagged"),
        "SEEN" => flag("Seen"),
        "UNANSWERED" => not(flag("Answered")),
        "UNDELETED" => not(flag("Deleted")),
        "UNDRAFT" => not(flag("Draft")),
        "UNFLAGGED" => not(flag("Flagged")),
        "UNSEEN" => not(flag("Seen")),
        "RECENT" => Key::Recent,
        "OLD" => not(Key::Recent),
        "NEW" => Key::Every(vec![Key::Recent, not(flag("Seen"))]),
        _ => return None,
    })
}

fn keyword(arguments: &mut Arguments<'_>) -> Result<String, Refusal> {
    let name = arguments.astring()?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

/// `1-Jan-2026`, quoted or not.
fn date(arguments: &mut Arguments<'_>) -> Result<Date, Refusal> {
    let text = arguments.astring()?;
    strtime::parse("%d-%b-%Y", String::from_utf8_lossy(&text).as_ref())
        .and_then(|parsed| parsed.to_date())
        .map_err(|_| Refusal::bad("Bad date"))
}

impl Key {
    pub fn matches(&self, candidate: &Candidate<'_>) -> bool {
        let Candidate { entry, message, .. } = candidate;
        let raw = &message.raw;
        let received = || message.received.to_zoned(TimeZone::UTC).date();
        match self {
            Self::All => true,
            Self::Numbers(set) => set.contains(candidate.number, candidate.last_number),
            Self::Uids(set) => set.contains(entry.uid, candidate.last_uid),
            Self::Flag(flag) => entry.flags.iter().any(|one| one.eq_ignore_ascii_case(flag)),
            Self::Recent => entry.recent,
            Self::Header(name, text) => message::fields(raw).iter().any(|field| {
                message::name(field).eq_ignore_ascii_case(name.as_bytes())
                    && message::contains(&message::value(field), text)
            }),
            Self::Body(text) => message::contains(&raw[message::body_start(raw)..], text),
            Self::Text(text) => message::contains(raw, text),
            Self::Larger(size) => raw.len() > *size,
            Self::Smaller(size) => raw.len() < *size,
            Self::Before(date) => received() < *date,
            Self::On(date) => received() == *date,
            Self::Not(key) => !key.matches(candidate),
            Self::Either(one, other) => one.matches(candidate) || other.matches(candidate),
            Self::Every(keys) => keys.iter().all(|key| key.matches(candidate)),
        }
    }
}
