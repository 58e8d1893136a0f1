//! The probe: a message with a tag of its own. Composing it and its reply, recognising them, reading their trace
//! headers back; and what is left of an earlier one ([`leftover`]).

mod alteration;
pub mod leftover;

use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MessageBuilder, SinglePart};
use mail_parser::{HeaderValue as Parsed, Message as MailMessage, MessageParser};
use uuid::Uuid;

use crate::outcome::Fact;

/// The header that carries the tag.
pub const TAG_HEADER: &str = "X-Mailtrip-Tag";

/// The header that says that a message was left in place on purpose.
pub const KEEP_HEADER: &str = "X-Mailtrip-Keep";

/// The header fields by which a probe, an answer to it and a report about it are recognised: all that is read of other
/// messages that have come since the baseline, unless one of them looks like an answer or a report.
pub const RECOGNISED_BY: &str = "X-MAILTRIP-TAG MESSAGE-ID SUBJECT IN-REPLY-TO REFERENCES CONTENT-TYPE AUTO-SUBMITTED";

/// What the subject says before the tag.
const SUBJECT: &str = "mailtrip probe ";

/// A tagged message, ready to be submitted.
#[derive(Debug, Clone)]
pub struct Probe {
    tag: String,
    /// With its angle brackets.
    message_id: String,
    message: Vec<u8>,
    keep: bool,
}

/// Whether a message tells others that a program sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Automatic {
    /// It says so, so that nothing answers it (RFC 3834 §5).
    Marked,
    /// It does not, because an answer is what is wanted.
    Unmarked,
}

impl Probe {
    /// Composes a new probe: MIME (RFC 2045), with Message-ID and Date (RFC 5322), its tag in a header, in the
    /// Message-ID and in the subject. One that is to `keep` says so, and so does its reply, so that no later verification
    /// takes it for a leftover.
    ///
    /// # Errors
    /// When it cannot be composed; the text says why.
    pub fn compose(from: &Address, to: &Address, automatic: Automatic, keep: bool) -> Result<Probe, String> {
        let tag = Uuid::new_v4().to_string();
        let subject = format!("{SUBJECT}{tag}");
        let builder = Probe::builder(&tag, from, to, subject, keep);
        let builder = match automatic {
            Automatic::Marked => builder.header(AutoSubmitted("auto-generated")).header(AutoResponseSuppress),
            Automatic::Unmarked => builder,
        };
        Probe::finish(builder, tag, from, keep, PROBE_TEXT)
    }

    /// Answers this probe as a mail program does: `Re:`, In-Reply-To and References (RFC 5322 §3.6.4). The answer has a tag
    /// of its own.
    ///
    /// # Errors
    /// When it cannot be composed; the text says why.
    pub fn reply(&self, from: &Address, to: &Address) -> Result<Probe, String> {
        let tag = Uuid::new_v4().to_string();
        let subject = format!("Re: {SUBJECT}{}", self.tag);
        let builder = Probe::builder(&tag, from, to, subject, self.keep)
            .in_reply_to(self.message_id.clone())
            .references(self.message_id.clone())
            .header(AutoSubmitted("auto-replied"))
            .header(AutoResponseSuppress);
        Probe::finish(builder, tag, from, self.keep, REPLY_TEXT)
    }

    fn builder(tag: &str, from: &Address, to: &Address, subject: String, keep: bool) -> MessageBuilder {
        let builder = Message::builder()
            .from(Mailbox::new(None, from.clone()))
            .to(Mailbox::new(None, to.clone()))
            .subject(subject)
            .date_now()
            .message_id(Some(message_id(tag, from)))
            .header(Tag(tag.to_owned()));
        if keep { builder.header(Keep) } else { builder }
    }

    fn finish(builder: MessageBuilder, tag: String, from: &Address, keep: bool, text: &str) -> Result<Probe, String> {
        let body = format!("{text}\r\nTag: {tag}\r\n");
        let message = builder
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body))
            .map_err(|error| format!("the message from {from} cannot be composed: {error}"))?
            .formatted();
        Ok(Probe { message_id: message_id(&tag, from), tag, message, keep })
    }

    /// The tag: a UUID (RFC 9562) in its usual form.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The whole message, with CRLF line ends, before dot-stuffing.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Whether a message with these header fields is this probe. Where it has a tag in its header, that decides. Else one
    /// of the other places is enough, for a relay may have taken the header away; but an answer is not its probe.
    pub fn is(&self, header: &[u8]) -> bool {
        let Some(parsed) = MessageParser::new().parse_headers(header) else { return false };
        if let Some(tag) = parsed.header(TAG_HEADER).and_then(Parsed::as_text) {
            return tag.trim() == self.tag;
        }
        let identified = parsed.message_id().is_some_and(|id| self.message_id == format!("<{id}>"));
        let named = parsed.subject().is_some_and(|subject| subject.contains(&self.tag));
        identified || (named && !self.is_answered_by(header))
    }

    /// Whether a message with these header fields is an answer to this probe (RFC 5322 §3.6.4).
    pub fn is_answered_by(&self, header: &[u8]) -> bool {
        let Some(parsed) = MessageParser::new().parse_headers(header) else { return false };
        let named = |id: &str| self.message_id == format!("<{id}>");
        let of = |value: &Parsed<'_>| value.as_text_list().is_some_and(|ids| ids.iter().any(|id| named(id)));
        of(parsed.in_reply_to()) || of(parsed.references())
    }

    /// Whether a message names this probe anywhere: in its header or in its text.
    pub fn is_named_in(&self, message: &[u8]) -> bool {
        message.windows(self.tag.len()).any(|window| window == self.tag.as_bytes())
    }
}

/// Lines of fewer than 76 characters: nothing on the way has a reason to re-encode them.
const PROBE_TEXT: &str = "mailtrip sent this message to test whether a mailbox can send and receive.\r\n\
    It takes the message away when the test is over. If you find it all the\r\n\
    same, the test could not remove it, and it is safe to delete.\r\n";

const REPLY_TEXT: &str = "mailtrip sent this reply to test whether a mailbox can be answered.\r\n\
    It takes the message away when the test is over. If you find it all the\r\n\
    same, the test could not remove it, and it is safe to delete.\r\n";

fn message_id(tag: &str, from: &Address) -> String {
    format!("<{tag}@{}>", from.domain())
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
    let unfolded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    facts.extend(receivers_statements(&parsed).map(|text| Fact::AuthenticationResults { text: unfolded(text) }));
    facts
}

/// The Authentication-Results that the receiver's server can have written: the topmost, and those that stand with it. What
/// is below the trace line of a host was there before that host had the message, and anybody can have written it (RFC 8601 §5);
/// and what is below all of them was there before any host had it.
fn receivers_statements<'m>(parsed: &'m MailMessage<'m>) -> impl Iterator<Item = &'m str> {
    let is = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
    let fields: Vec<(&str, &str)> = parsed.headers_raw().collect();
    let first_host = fields.iter().rposition(|(name, _)| is(name, "Received"));
    let topmost = fields.iter().position(|(name, _)| is(name, "Authentication-Results")).unwrap_or(fields.len());
    let written_by_a_host = first_host.is_none_or(|first| topmost < first);
    let below = fields.into_iter().skip(topmost).filter(move |_| written_by_a_host);
    let together = below.take_while(move |(name, _)| !is(name, "Received"));
    together.filter(move |(name, _)| is(name, "Authentication-Results")).map(|(_, value)| value)
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

#[derive(Clone)]
struct Keep;

impl Header for Keep {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str(KEEP_HEADER)
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Keep)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "yes".to_owned())
    }
}

/// RFC 3834 §5: responders do not answer a message that is marked as automatic.
#[derive(Clone)]
struct AutoSubmitted(&'static str);

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted("auto-generated"))
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.to_owned())
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

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn probe() -> Probe {
        let (from, to) = (address("alice@example.net"), address("bob@example.org"));
        Probe::compose(&from, &to, Automatic::Marked, false).unwrap()
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
    fn a_reply_answers_its_probe_and_neither_is_taken_for_the_other() {
        let probe = probe();
        let reply = probe.reply(&address("bob@example.org"), &address("alice@example.net")).unwrap();
        let text = String::from_utf8(reply.message().to_vec()).unwrap();
        let probes_id = format!("<{}@example.net>", probe.tag());
        for line in [
            format!("In-Reply-To: {probes_id}"),
            format!("References: {probes_id}"),
            format!("Subject: Re: mailtrip probe {}", probe.tag()),
            "Auto-Submitted: auto-replied".to_owned(),
        ] {
            assert!(text.lines().any(|have| have == line), "no line {line:?} in\n{text}");
        }
        assert!(probe.is_answered_by(reply.message()) && !probe.is_answered_by(probe.message()));
        assert!(!probe.is(reply.message()) && !reply.is(probe.message()) && reply.is(reply.message()));
        let stripped = format!("Subject: Re: {}\r\nIn-Reply-To: <x@y>\r\n {probes_id}\r\n\r\n", probe.tag());
        assert!(probe.is_answered_by(stripped.as_bytes()) && !probe.is(stripped.as_bytes()));
    }

    #[test]
    fn a_probe_that_wants_an_answer_is_not_marked_as_automatic() {
        let (from, to) = (address("alice@example.net"), address("echo@example.org"));
        let probe = Probe::compose(&from, &to, Automatic::Unmarked, false).unwrap();
        let text = String::from_utf8(probe.message().to_vec()).unwrap();
        assert!(!text.contains("Auto-Submitted") && !text.contains("X-Auto-Response-Suppress"), "{text}");
    }

    #[test]
    fn a_message_that_is_to_be_kept_says_so_and_its_reply_too() {
        let (from, to) = (address("alice@example.net"), address("bob@example.org"));
        let kept = Probe::compose(&from, &to, Automatic::Marked, true).unwrap();
        let says_so = |probe: &Probe| String::from_utf8_lossy(probe.message()).contains("\r\nX-Mailtrip-Keep: yes\r\n");
        assert!(says_so(&kept) && says_so(&kept.reply(&to, &from).unwrap()) && !says_so(&probe()));
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

    #[test]
    fn only_what_the_receivers_server_can_have_written_is_its_statement() {
        let hop = "Received: from a by b with SMTP id 1; Mon, 23 Nov 2026 10:00:05 +0000";
        let [spf, dkim] = ["Authentication-Results: mx.test; spf=pass", "authentication-results: mx.test; dkim=pass"];
        let forged = "Authentication-Results: mx.test; spf=pass; dkim=pass; dmarc=pass";
        for (lines, stated) in [
            (vec![spf, dkim, hop], 2),
            (vec![spf, "DKIM-Signature: v=1", dkim, hop], 2),
            (vec![hop, spf, "Received-SPF: pass", dkim, hop], 2),
            (vec![spf, hop, forged, hop], 1),
            (vec![spf, hop, forged], 1),
            (vec![hop, hop, forged], 0),
            (vec![hop], 0),
            (vec![spf], 1), // no host leaves a trace, and it was not sent so
        ] {
            let message = format!("{}\r\nSubject: x\r\n\r\n{forged}", lines.join("\r\n"));
            let facts = trace(message.as_bytes());
            let statements = facts.iter().filter(|fact| matches!(fact, Fact::AuthenticationResults { .. }));
            assert_eq!(statements.count(), stated, "{message}");
        }
    }
}
