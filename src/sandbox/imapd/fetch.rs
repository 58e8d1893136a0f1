//! FETCH, RFC 3501 §6.4.5: what is asked for, and what it looks like. Messages have no parts here: a section is the
//! whole, its header, some of its fields, or its text.

use jiff::Timestamp;

use super::command::{Arguments, Refusal};
use super::view::Entry;
use crate::sandbox::message;
use crate::sandbox::store::StoredMessage;

/// One data item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    Flags,
    Uid,
    InternalDate,
    Size,
    Body {
        /// As it is echoed in the response, in front of the origin.
        name: String,
        section: Section,
        /// Sets \Seen.
        marks: bool,
        /// Origin and length.
        partial: Option<(usize, usize)>,
    },
}

/// A part of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Section {
    Whole,
    Header,
    Text,
    /// The fields of these names, or all but them.
    Fields {
        names: Vec<Vec<u8>>,
        but: bool,
    },
}

/// Reads the items: one, a list, or the macro FAST. ENVELOPE and BODYSTRUCTURE are not known here.
pub(super) fn items(arguments: &mut Arguments<'_>) -> Result<Vec<Item>, Refusal> {
    let listed = arguments.eat(b'(');
    let mut items = Vec::new();
    loop {
        if !items.is_empty() {
            arguments.space()?;
        }
        item(arguments, &mut items)?;
        match listed {
            true if arguments.eat(b')') => return Ok(items),
            true => {}
            false => return Ok(items),
        }
    }
}

fn item(arguments: &mut Arguments<'_>, items: &mut Vec<Item>) -> Result<(), Refusal> {
    let word = arguments.word()?;
    let whole = |section, marks| Item::Body { name: word.clone(), section, marks, partial: None };
    match word.as_str() {
        "FLAGS" => items.push(Item::Flags),
        "UID" => items.push(Item::Uid),
        "INTERNALDATE" => items.push(Item::InternalDate),
        "RFC822.SIZE" => items.push(Item::Size),
        "FAST" => items.extend([Item::Flags, Item::InternalDate, Item::Size]),
        "RFC822" => items.push(whole(Section::Whole, true)),
        "RFC822.HEADER" => items.push(whole(Section::Header, false)),
        "RFC822.TEXT" => items.push(whole(Section::Text, true)),
        "BODY" | "BODY.PEEK" if arguments.eat(b'[') => {
            items.push(body(arguments, word == "BODY")?);
        }
        _ => return Err(Refusal::Bad(format!("Unknown fetch item {word}"))),
    }
    Ok(())
}

/// What stands behind `BODY[`.
fn body(arguments: &mut Arguments<'_>, marks: bool) -> Result<Item, Refusal> {
    let mut name = String::from("BODY[");
    let section = if arguments.peek() == Some(b']') {
        Section::Whole
    } else {
        let word = arguments.word()?;
        name += &word;
        section(arguments, &word, &mut name)?
    };
    arguments.expect(b']')?;
    name.push(']');
    let partial = match arguments.eat(b'<') {
        true => Some(partial(arguments)?),
        false => None,
    };
    if let Some((origin, _)) = partial {
        name += &format!("<{origin}>");
    }
    Ok(Item::Body { name, section, marks, partial })
}

fn section(arguments: &mut Arguments<'_>, word: &str, name: &mut String) -> Result<Section, Refusal> {
    let but = match word {
        "HEADER" => return Ok(Section::Header),
        "TEXT" => return Ok(Section::Text),
        "HEADER.FIELDS" => false,
        "HEADER.FIELDS.NOT" => true,
        _ => return Err(Refusal::bad("Unknown section")),
    };
    arguments.space()?;
    arguments.expect(b'(')?;
    let mut names = Vec::new();
    while !arguments.eat(b')') {
        if !names.is_empty() {
            arguments.space()?;
        }
        names.push(arguments.astring()?);
    }
    let listed: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name)).collect();
    *name += &format!(" ({})", listed.join(" "));
    Ok(Section::Fields { names, but })
}

/// `origin.length>`.
fn partial(arguments: &mut Arguments<'_>) -> Result<(usize, usize), Refusal> {
    let origin = arguments.number()?;
    arguments.expect(b'.')?;
    let length = arguments.number()?;
    arguments.expect(b'>')?;
    match length {
        0 => Err(Refusal::bad("Partial fetch of nothing")),
        _ => Ok((origin, length)),
    }
}

impl Section {
    fn of(&self, raw: &[u8]) -> Vec<u8> {
        let body = message::body_start(raw);
        match self {
            Self::Whole => raw.to_vec(),
            Self::Header => raw[..body].to_vec(),
            Self::Text => raw[body..].to_vec(),
            Self::Fields { names, but } => {
                let wanted = |field: &&&[u8]| {
                    let field = message::name(field);
                    names.iter().any(|name| name.eq_ignore_ascii_case(field)) != *but
                };
                let fields = message::fields(raw);
                let mut text: Vec<u8> = fields.iter().filter(wanted).copied().flatten().copied().collect();
                text.extend_from_slice(b"\r\n");
                text
            }
        }
    }
}

/// One FETCH response, its CRLF included.
pub(super) fn response(number: usize, entry: &Entry, message: &StoredMessage, items: &[Item]) -> Vec<u8> {
    let mut line = format!("* {number} FETCH (").into_bytes();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            line.push(b' ');
        }
        match item {
            Item::Flags => line.extend(format!("FLAGS {}", entry.flag_list()).bytes()),
            Item::Uid => line.extend(format!("UID {}", entry.uid).bytes()),
            Item::InternalDate => {
                line.extend(format!("INTERNALDATE \"{}\"", date_time(message.received)).bytes());
            }
            Item::Size => line.extend(format!("RFC822.SIZE {}", message.raw.len()).bytes()),
            Item::Body { name, section, partial, .. } => {
                let text = section.of(&message.raw);
                let (origin, length) = partial.unwrap_or((0, usize::MAX));
                let begin = origin.min(text.len());
                let end = begin.saturating_add(length).min(text.len());
                line.extend(format!("{name} {{{}}}\r\n", end - begin).bytes());
                line.extend_from_slice(&text[begin..end]);
            }
        }
    }
    line.extend_from_slice(b")\r\n");
    line
}

fn date_time(received: Timestamp) -> String {
    received.strftime("%d-%b-%Y %H:%M:%S +0000").to_string()
}
