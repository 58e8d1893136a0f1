//! A bounce: the report of a mail server that a message could not be delivered (RFC 3464).

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

use crate::failure::Reply;

/// Whether these header fields are those of a report, so that the whole message is worth reading (RFC 6522 §3).
pub fn may_be_one(header: &[u8]) -> bool {
    let Some(parsed) = MessageParser::new().parse_headers(header) else { return false };
    let Some(kind) = parsed.content_type() else { return false };
    kind.ctype().eq_ignore_ascii_case("multipart")
        && kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case("report"))
        && kind.attribute("report-type").is_none_or(|report| report.eq_ignore_ascii_case("delivery-status"))
}

/// What a report says of a failed delivery, in the words of the server that could not deliver: `None` for what is no
/// report, and for one that says that delivery is only delayed.
pub fn read(message: &[u8]) -> Option<Reply> {
    let parsed = MessageParser::new().parse(message)?;
    let fields = parsed.parts.iter().find_map(|part| {
        let kind = part.content_type()?;
        let named = kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case("delivery-status"));
        named.then(|| text(&parsed, part)).flatten()
    })?;
    let field = |name: &str| field(&fields, name);
    if !field("Action")?.eq_ignore_ascii_case("failed") {
        return None;
    }
    let diagnostic = field("Diagnostic-Code").unwrap_or_default();
    // `smtp; 550 5.1.1 no such user` (RFC 3464 §2.3.6)
    let words = diagnostic.split_once(';').map_or(diagnostic.as_str(), |(_, words)| words).trim();
    let code = words.get(..3).and_then(|code| code.parse().ok()).filter(|code| (200..600).contains(code));
    let words = if code.is_some() { words[3..].trim_start_matches([' ', '-']) } else { words };
    let enhanced = field("Status").and_then(|status| status.split_whitespace().next().map(str::to_owned));
    let words = enhanced.as_deref().and_then(|status| words.strip_prefix(status)).unwrap_or(words);
    Some(Reply { code, enhanced, text: words.trim().to_owned(), ..Reply::default() })
}

fn text(message: &Message<'_>, part: &mail_parser::MessagePart<'_>) -> Option<String> {
    match &part.body {
        PartType::Text(text) => Some(text.to_string()),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => {
            let raw = message.raw_message.get(part.raw_body_offset() as usize..part.raw_end_offset() as usize)?;
            Some(String::from_utf8_lossy(raw).into_owned())
        }
    }
}

/// The value of a field, its folded lines joined. The fields of the message come before those of a recipient, and none
/// of those that are asked for here is in both.
fn field(fields: &str, name: &str) -> Option<String> {
    let mut lines = fields.lines();
    let first = lines.by_ref().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })?;
    let folded = lines.take_while(|line| line.starts_with([' ', '\t'])).map(str::trim);
    Some(std::iter::once(first.as_str()).chain(folded).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postfix(action: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mail.test.example\r\nTo: alice@test.example\r\nSubject: Undelivered Mail\r\n\
             Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"b1\"\r\n\r\n\
             --b1\r\nContent-Type: text/plain\r\n\r\nI'm sorry.\r\n\r\n\
             --b1\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mail.test.example\r\nX-Postfix-Queue-ID: 4XyZ\r\n\r\n\
             Final-Recipient: rfc822; bob@test.example\r\nAction: {action}\r\nStatus: 5.1.1\r\n\
             Diagnostic-Code: smtp; 550 5.1.1 <bob@test.example>: user\r\n    unknown\r\n\r\n\
             --b1\r\nContent-Type: message/rfc822\r\n\r\nSubject: mailtrip probe\r\n\r\nbody\r\n--b1--\r\n"
        )
    }

    #[test]
    fn the_words_of_the_server_that_could_not_deliver_are_read() {
        let message = postfix("failed");
        assert!(may_be_one(message.as_bytes()));
        let reply = read(message.as_bytes()).unwrap();
        assert_eq!((reply.code, reply.enhanced.as_deref()), (Some(550), Some("5.1.1")));
        assert_eq!(reply.text, "<bob@test.example>: user unknown");
    }

    #[test]
    fn a_delay_is_no_failure_and_other_mail_no_report() {
        assert_eq!(read(postfix("delayed").as_bytes()), None);
        assert!(!may_be_one(b"Subject: hello\r\nContent-Type: text/plain\r\n\r\n"));
        assert!(!may_be_one(b"Content-Type: multipart/report; report-type=disposition-notification\r\n\r\n"));
        assert_eq!(read(b"Subject: hello\r\n\r\nAction: failed\r\n"), None);
    }
}
