//! The probe: a message with a tag of its own. Composing it, recognising it, reading its trace headers back.

use jiff::Timestamp;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, SinglePart};
use mail_parser::{HeaderValue as Parsed, MessageParser};
use uuid::Uuid;

use crate::account::Account;
use crate::outcome::Fact;

/// The header that carries the tag.
pub const TAG_HEADER: &str = "X-Mailtrip-Tag";

/// The header fields by which a probe is recognised: all that is ever read of other messages.
pub const RECOGNISED_BY: &str = "X-MAILTRIP-TAG MESSAGE-ID SUBJECT";

/// A tagged message, ready to be submitted.
#[derive(Debug, Clone)]
pub struct Probe {
    tag: String,
    message: Vec<u8>,
}

impl Probe {
    /// Composes a new probe: MIME (RFC 2045), with Message-ID and Date (RFC 5322), its tag in a header, in the
    /// Message-ID and in the subject, and marked as automatic so that nothing answers it (RFC 3834 §5).
    ///
    /// # Errors
    /// When an address cannot stand in a header; the text says which and why.
    pub fn compose(from: &Account, to: &Account) -> Result<Probe, String> {
        let tag = Uuid::new_v4().to_string();
        let message = Message::builder()
            .from(Mailbox::new(None, from.address.clone()))
            .to(Mailbox::new(None, to.address.clone()))
            .subject(format!("mailtrip probe {tag}"))
            .date_now()
            .message_id(Some(format!("<{tag}@{}>", from.address.domain())))
            .header(Tag(tag.clone()))
            .header(AutoSubmitted)
            .header(AutoResponseSuppress)
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body(&tag)))
            .map_err(|error| format!("the probe from {} to {} cannot be composed: {error}", from.address, to.address))?
            .formatted();
        Ok(Probe { tag, message })
    }

    /// The tag: a UUID (RFC 9562) in its usual form.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The whole message, with CRLF line ends, before dot-stuffing.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Whether a message with these header fields is this probe. The tag is a UUID made for this run, so that
    /// one of its three places is enough where a relay has rewritten the others.
    pub fn is(&self, header: &[u8]) -> bool {
        let Some(parsed) = MessageParser::new().parse_headers(header) else { return false };
        let tagged = parsed.header(TAG_HEADER).and_then(Parsed::as_text).is_some_and(|tag| tag.trim() == self.tag);
        let identified =
            parsed.message_id().and_then(|id| id.split_once('@')).is_some_and(|(local, _)| local == self.tag);
        let named = parsed.subject().is_some_and(|subject| subject.contains(&self.tag));
        tagged || identified || named
    }

    /// Whether the body of a received message is this probe's, byte for byte; if so, its size.
    pub fn same_body(&self, received: &[u8]) -> Option<u64> {
        let (sent, received) = (body_of(&self.message)?, body_of(received)?);
        (sent == received).then_some(sent.len() as u64)
    }
}

fn body(tag: &str) -> String {
    format!(
        // Lines of fewer than 76 characters: nothing on the way has a reason to re-encode them.
        "mailtrip sent this message to test whether a mailbox can send and receive.\r\n\
         It takes the message away when the test is over. If you find it all the\r\n\
         same, the test could not remove it, and it is safe to delete.\r\n\
         \r\n\
         Tag: {tag}\r\n"
    )
}

/// What follows the empty line that ends the header (RFC 5322 §2.1).
fn body_of(message: &[u8]) -> Option<&[u8]> {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(&message[end + 4..])
}

/// What a received message says of its journey: [`Fact::Hop`]s, the first hop first, and
/// [`Fact::AuthenticationResults`] as stated.
pub fn trace(message: &[u8]) -> Vec<Fact> {
    let Some(parsed) = MessageParser::new().parse_headers(message) else { return Vec::new() };
    let mut facts = Vec::new();
    let mut previous: Option<Timestamp> = None;
    // Each host puts its line on top (RFC 5321 §4.4), so the journey reads from the bottom.
    for header in parsed.headers().iter().rev().filter(|header| header.name().eq_ignore_ascii_case("Received")) {
        let Parsed::Received(received) = &header.value else { continue };
        let at = received.date().and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
        facts.push(Fact::Hop {
            from: received.from().map(|host| host.to_string()),
            by: received.by().map(|host| host.to_string()),
            with: received.with().map(|with| with.to_string()),
            at: at.map(|at| at.to_string()),
            seconds: at.zip(previous).map(|(at, previous)| at.duration_since(previous).as_secs_f64()),
        });
        previous = at.or(previous);
    }
    for (_, value) in parsed.headers_raw().filter(|(name, _)| name.eq_ignore_ascii_case("Authentication-Results")) {
        facts.push(Fact::AuthenticationResults { text: value.split_whitespace().collect::<Vec<_>>().join(" ") });
    }
    facts
}

#[derive(Clone)]
struct Tag(String);

impl Header for Tag {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str(TAG_HEADER)
    }
    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Tag(text.to_owned()))
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

/// RFC 3834 §5: responders do not answer a message that is marked as automatic.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The same for Exchange, which has a header of its own for it (MS-OXCMAIL §2.1.3.2.20).
#[derive(Clone)]
struct AutoResponseSuppress;

impl Header for AutoResponseSuppress {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Auto-Response-Suppress")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoResponseSuppress)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "All".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Folders;

    fn account(address: &str) -> Account {
        Account {
            name: address.to_owned(),
            address: address.parse().unwrap(),
            smtp: None,
            imap: None,
            pop3: None,
            folders: Folders::default(),
        }
    }

    fn probe() -> Probe {
        Probe::compose(&account("alice@example.net"), &account("bob@example.org")).unwrap()
    }

    #[test]
    fn a_probe_is_a_mime_message_marked_as_automatic() {
        let probe = probe();
        let text = String::from_utf8(probe.message().to_vec()).unwrap();
        for line in [
            "From: alice@example.net",
            "To: bob@example.org",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: 7bit",
            "Auto-Submitted: auto-generated",
            &format!("Message-ID: <{}@example.net>", probe.tag()),
            &format!("X-Mailtrip-Tag: {}", probe.tag()),
            &format!("Subject: mailtrip probe {}", probe.tag()),
        ] {
            assert!(text.lines().any(|have| have == line), "no line {line:?} in\n{text}");
        }
        assert!(text.contains("\r\nDate: "), "no Date in\n{text}");
        assert!(text.is_ascii() && text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn any_one_of_its_three_places_is_enough_and_another_probe_is_not_it() {
        let probe = probe();
        let tag = probe.tag();
        assert!(probe.is(probe.message()));
        assert!(probe.is(format!("X-Mailtrip-Tag: {tag}\r\n\r\n").as_bytes()));
        assert!(probe.is(format!("Message-ID:\r\n <{tag}@example.net>\r\n\r\n").as_bytes()));
        assert!(probe.is(format!("Subject: [SPAM] mailtrip probe\r\n {tag}\r\n\r\n").as_bytes()));
        assert!(!probe.is(super::tests::probe().message()));
        assert!(!probe.is(b"\r\n"));
        assert!(!probe.is(b""));
    }

    #[test]
    fn the_body_is_compared_byte_for_byte() {
        let probe = probe();
        let mut relayed = b"Received: from a by b; Mon, 23 Nov 2026 10:00:00 +0000\r\n".to_vec();
        relayed.extend_from_slice(probe.message());
        assert!(probe.same_body(&relayed).is_some_and(|bytes| bytes > 100));
        relayed.extend_from_slice(b"-- \r\nadded by a scanner\r\n");
        assert_eq!(probe.same_body(&relayed), None);
        assert_eq!(probe.same_body(b"no header end"), None);
    }

    #[test]
    fn hops_are_read_from_the_first_to_the_last_with_the_time_between() {
        let message = b"Received: from mail.test.example by mx.test.example with LMTP id 2; Mon, 23 Nov 2026 10:00:05 +0000\r\n\
            Authentication-Results: mx.test.example;\r\n spf=pass smtp.mailfrom=a@b\r\n\
            Received: from [127.0.0.1] by mail.test.example (Postfix) with ESMTPSA id 1; Mon, 23 Nov 2026 11:00:02 +0100\r\n\
            \r\nbody";
        let facts = trace(message);
        let Fact::Hop { by, with, seconds, .. } = &facts[0] else { panic!("{facts:?}") };
        assert_eq!((by.as_deref(), with.as_deref(), *seconds), (Some("mail.test.example"), Some("ESMTPSA"), None));
        let Fact::Hop { at, seconds, .. } = &facts[1] else { panic!("{facts:?}") };
        assert_eq!((at.as_deref(), *seconds), (Some("2026-11-23T10:00:05Z"), Some(3.0)));
        let text = "mx.test.example; spf=pass smtp.mailfrom=a@b".to_owned();
        assert_eq!(facts[2], Fact::AuthenticationResults { text });
    }
}
