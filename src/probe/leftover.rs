//! A leftover: a message of an earlier verification that is still in a mailbox, because it arrived too late for its own,
//! or because that could not remove it.
//!
//! Whatever is taken for one may be deleted, so all of this must hold: it bears our tag in a header of ours, once; it has
//! the Message-ID that we make of that tag, or, since some relays give a message a new one, our subject; it is from an
//! address of ours; and by its Date, which is by our clock, it is old enough to belong to no verification that is still
//! under way, or its tag is known to be that of a run that was killed. A bounce, an answer or a quotation has no such header, and is none.

use std::time::Duration;

use jiff::Timestamp;
use lettre::Address;
use mail_parser::{Address as Addresses, HeaderValue as Parsed, Message, MessageParser};
use uuid::Uuid;

use crate::outcome::Fact;
use crate::probe::{KEEP_HEADER, SUBJECT, TAG_HEADER};

/// The header fields that a first look asks for: few messages have any of them.
pub const GLANCE: &str = "X-MAILTRIP-TAG X-MAILTRIP-KEEP";

/// The header fields that tell a leftover.
pub const FIELDS: &str = "X-MAILTRIP-TAG X-MAILTRIP-KEEP MESSAGE-ID SUBJECT FROM DATE RECEIVED";

/// A message of an earlier verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its tag.
    pub tag: String,
    /// Address that it was sent from.
    pub from: String,
    /// When it was sent, by our clock.
    pub sent: Timestamp,
    /// How long after that the last server on its way took it, by that server's clock; `None` where it does not say so, or
    /// says that it was before.
    pub arrived_after: Option<Duration>,
    /// It was left in place on purpose (`--keep`).
    pub kept: bool,
}

impl Leftover {
    /// As a fact for the report.
    pub fn fact(&self, folder: &str, uid: Option<u32>, removed: bool) -> Fact {
        Fact::Leftover {
            folder: folder.to_owned(),
            uid,
            tag: self.tag.clone(),
            from: self.from.clone(),
            sent: self.sent.to_string(),
            after_seconds: self.arrived_after.map(|after| after.as_secs_f64()),
            removed,
        }
    }
}

/// What tells a leftover from other messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signs {
    /// The addresses that verifications send from.
    pub own: Vec<Address>,
    /// A leftover was sent before this,
    pub before: Timestamp,
    /// or bears the tag of a verification that is known to be over.
    pub abandoned: Vec<String>,
}

impl Signs {
    /// Messages from these addresses that are older than `age`.
    pub fn new(own: Vec<Address>, age: Duration) -> Signs {
        let before = Timestamp::now().checked_sub(age).unwrap_or(Timestamp::MIN);
        Signs { own, before, abandoned: Vec::new() }
    }

    /// The leftover that these header fields ([`FIELDS`]) are of; `None` for every other message.
    pub fn read(&self, header: &[u8]) -> Option<Leftover> {
        self.message(header).filter(|found| found.sent < self.before || self.abandoned.contains(&found.tag))
    }

    /// Whether they are of a verification's message that is not to stay, be that verification over or not.
    pub fn is_of_any(&self, header: &[u8]) -> bool {
        self.message(header).is_some_and(|message| !message.kept)
    }

    fn message(&self, header: &[u8]) -> Option<Leftover> {
        let parsed = MessageParser::new().parse_headers(header)?;
        let tag = tag_of(&parsed)?;
        let from = sender(&parsed)?;
        let own = self.own.iter().find(|own| is(own, from))?;
        if !has_our_id(&parsed, &tag, own) && !has_our_subject(&parsed, &tag) {
            return None;
        }
        let sent = timestamp(only(&parsed, "Date")?.as_datetime()?)?;
        Some(Leftover {
            tag,
            from: own.to_string(),
            sent,
            arrived_after: received(&parsed).and_then(|at| Duration::try_from(at.duration_since(sent)).ok()),
            kept: fields(&parsed, KEEP_HEADER).next().is_some(),
        })
    }
}

/// What a first look ([`GLANCE`]) tells of a message: whether it is worth another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance {
    /// It bears a tag.
    Tagged,
    /// It bears a tag, and was left in place on purpose.
    Kept,
    /// It is somebody else's business.
    Other,
}

/// Looks at a message for the first time.
pub fn glance(header: &[u8]) -> Glance {
    let Some(parsed) = MessageParser::new().parse_headers(header) else { return Glance::Other };
    match (tag_of(&parsed), fields(&parsed, KEEP_HEADER).next()) {
        (None, _) => Glance::Other,
        (Some(_), None) => Glance::Tagged,
        (Some(_), Some(_)) => Glance::Kept,
    }
}

/// The tag, in the form that we give it.
fn tag_of(message: &Message<'_>) -> Option<String> {
    let text = only(message, TAG_HEADER)?.as_text()?.trim();
    let uuid = Uuid::try_parse(text).ok()?.hyphenated().to_string();
    (uuid == text).then_some(uuid)
}

fn fields<'m>(message: &'m Message<'_>, name: &str) -> impl Iterator<Item = &'m Parsed<'m>> {
    let named = move |field: &&mail_parser::Header<'_>| field.name().eq_ignore_ascii_case(name);
    message.headers().iter().filter(named).map(|field| &field.value)
}

/// A field that is there once: of two, nobody knows which counts.
fn only<'m>(message: &'m Message<'_>, name: &str) -> Option<&'m Parsed<'m>> {
    let mut fields = fields(message, name);
    fields.next().filter(|_| fields.next().is_none())
}

fn has_our_id(message: &Message<'_>, tag: &str, own: &Address) -> bool {
    let id = only(message, "Message-ID").and_then(Parsed::as_text).and_then(|id| id.split_once('@'));
    id.is_some_and(|(named, domain)| named == tag && domain.eq_ignore_ascii_case(own.domain()))
}

/// A filter may have put a word of its own before it. In the subject of a reply is the tag of what it answers.
fn has_our_subject(message: &Message<'_>, tag: &str) -> bool {
    let subject = only(message, "Subject").and_then(Parsed::as_text).and_then(|subject| subject.split_once(SUBJECT));
    subject.is_some_and(|(before, named)| match before.ends_with("Re: ") {
        true => Uuid::try_parse(named.trim()).is_ok(),
        false => named.trim() == tag,
    })
}

fn sender<'m>(message: &'m Message<'_>) -> Option<&'m str> {
    match only(message, "From")?.as_address()? {
        Addresses::List(list) if list.len() == 1 => list.first()?.address(),
        _ => None,
    }
}

/// Upper and lower case are the same in the domain only (RFC 5321 §2.4).
fn is(own: &Address, other: &str) -> bool {
    other.rsplit_once('@').is_some_and(|(user, domain)| user == own.user() && domain.eq_ignore_ascii_case(own.domain()))
}

/// When the last host on the way took it: each puts its line on top (RFC 5321 §4.4).
fn received(message: &Message<'_>) -> Option<Timestamp> {
    match fields(message, "Received").next()? {
        Parsed::Received(received) => timestamp(&received.date()?),
        _ => None,
    }
}

fn timestamp(date: &mail_parser::DateTime) -> Option<Timestamp> {
    Timestamp::from_second(date.to_timestamp()).ok().filter(|_| date.is_valid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{Automatic, Probe};

    const HOUR: Duration = Duration::from_secs(3600);
    const TAG: &str = "0b9f7d7e-3b0a-4c57-8f0e-0d5c1f6c2a11";

    fn signs() -> Signs {
        Signs::new(vec!["bob@example.org".parse().unwrap(), "alice@example.net".parse().unwrap()], HOUR)
    }

    /// A leftover, with other lines in place of some of its own.
    fn header(changes: &[(&str, &str)]) -> Vec<u8> {
        let usual = [
            ("Received", "from a by mx.example.org; Fri, 20 Nov 2020 12:07:11 +0000"),
            ("Received", "from b by a; Fri, 20 Nov 2020 10:02:12 +0000"),
            ("From", "alice@example.net"),
            ("Date", "Fri, 20 Nov 2020 10:02:11 +0000"),
            ("Message-ID", "<0b9f7d7e-3b0a-4c57-8f0e-0d5c1f6c2a11@example.net>"),
            ("X-Mailtrip-Tag", TAG),
            ("Subject", ""),
        ];
        let mut lines = String::new();
        for (name, value) in usual {
            let value = changes.iter().find(|(changed, _)| *changed == name).map_or(value, |(_, value)| value);
            if !value.is_empty() {
                lines += &format!("{name}: {value}\r\n");
            }
        }
        (lines + "\r\n").into_bytes()
    }

    #[test]
    fn a_leftover_is_read_with_the_time_it_took() {
        let leftover = signs().read(&header(&[])).unwrap();
        assert_eq!((leftover.tag.as_str(), leftover.from.as_str(), leftover.kept), (TAG, "alice@example.net", false));
        assert_eq!(leftover.sent.to_string(), "2020-11-20T10:02:11Z");
        assert_eq!(leftover.arrived_after, Some(Duration::from_secs(2 * 3600 + 5 * 60)));
        let early = header(&[("Received", "from b by a; Fri, 20 Nov 2020 10:02:10 +0000")]);
        assert_eq!(signs().read(&early).unwrap().arrived_after, None, "by the clock of a host that is behind");
        assert_eq!(signs().read(&header(&[("Received", "")])).unwrap().arrived_after, None);
        assert!(signs().read(&header(&[("From", "Alice <alice@EXAMPLE.net>")])).is_some());
        let id = ("Message-ID", "<0102018f@eu-west-1.relay.test>");
        for subject in ["mailtrip probe ", "[SPAM] Re: mailtrip probe "] {
            let relayed = header(&[id, ("Subject", &format!("{subject}{TAG}"))]);
            assert_eq!(signs().read(&relayed).unwrap().tag, TAG, "a relay has given it another Message-ID");
        }
        assert!(signs().read(&header(&[("Subject", "mailtrip\r\nX-Mailtrip-Keep: yes")])).unwrap().kept);
    }

    #[test]
    fn anything_less_is_no_leftover() {
        let other = "5b9f7d7e-3b0a-4c57-8f0e-0d5c1f6c2a11";
        for changes in [
            [("From", "mallory@example.net")],
            [("From", "Alice@example.net")],
            [("From", "alice@example.net, mallory@elsewhere.test")],
            [("From", "alice@example.net\r\nFrom: mallory@elsewhere.test")],
            [("From", "\"alice@example.net\" <mallory@elsewhere.test>")],
            [("From", "")],
            [("X-Mailtrip-Tag", "")],
            [("X-Mailtrip-Tag", other)],
            [("X-Mailtrip-Tag", "0B9F7D7E-3B0A-4C57-8F0E-0D5C1F6C2A11")],
            [("X-Mailtrip-Tag", "0b9f7d7e3b0a4c578f0e0d5c1f6c2a11")],
            [("X-Mailtrip-Tag", "0b9f7d7e-3b0a-4c57-8f0e-0d5c1f6c2a11\r\nX-Mailtrip-Tag: x")],
            [("Message-ID", "")],
            [("Message-ID", "<5b9f7d7e-3b0a-4c57-8f0e-0d5c1f6c2a11@example.net>")],
            [("Message-ID", "<0b9f7d7e-3b0a-4c57-8f0e-0d5c1f6c2a11@elsewhere.test>")],
            [("Message-ID", "<a.0b9f7d7e-3b0a-4c57-8f0e-0d5c1f6c2a11@example.net>")],
            [("Message-ID", "<1@relay.test>\r\nSubject: mailtrip probe 5b9f7d7e-3b0a-4c57-8f0e-0d5c1f6c2a11")],
            [("Message-ID", "<1@relay.test>\r\nSubject: Re: mailtrip probe, what is that?")],
            [("Date", "")],
            [("Date", "yesterday")],
            [("Date", "Fri, 20 Nov 2120 10:02:11 +0000")],
        ] {
            assert_eq!(signs().read(&header(&changes)), None, "{changes:?}");
        }
        assert_eq!(signs().read(b""), None);
    }

    #[test]
    fn a_probe_becomes_one_with_age() {
        let (alice, bob) = ("alice@example.net".parse().unwrap(), "bob@example.org".parse().unwrap());
        let probe = Probe::compose(&alice, &bob, Automatic::Marked, false).unwrap();
        let reply = probe.reply(&bob, &alice).unwrap();
        for message in [&probe, &reply] {
            assert_eq!(signs().read(message.message()), None, "it may belong to a verification under way");
            let later = Signs { before: Timestamp::now().checked_add(HOUR).unwrap(), ..signs() };
            assert_eq!(later.read(message.message()).unwrap().tag, message.tag());
            let known = Signs { abandoned: vec![TAG.to_owned(), message.tag().to_owned()], ..signs() };
            assert_eq!(known.read(message.message()).unwrap().tag, message.tag(), "its run was killed");
            let other = Signs { own: vec!["mallory@elsewhere.test".parse().unwrap()], ..known };
            assert_eq!(other.read(message.message()), None, "all other signs hold all the same");
        }
    }

    #[test]
    fn a_glance_tells_what_is_worth_another_look() {
        let kept = Probe::compose(&signs().own[0], &signs().own[1], Automatic::Marked, true).unwrap();
        assert_eq!(glance(format!("X-Mailtrip-Tag: {TAG}\r\n\r\n").as_bytes()), Glance::Tagged);
        assert_eq!(glance(kept.message()), Glance::Kept);
        assert_eq!(glance(format!("Subject: {TAG}\r\n\r\n").as_bytes()), Glance::Other);
        assert_eq!(glance(b"\r\n"), Glance::Other);
    }
}
