//! What was changed in a probe on its way, found by comparing what was sent with what was fetched.

use std::collections::HashSet;
use std::ops::Range;

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

use crate::outcome::{Change, Fact};

use super::Probe;

/// So many characters of a foreign text are kept.
const EXCERPT: usize = 120;

impl Probe {
    /// What a received message is, compared with this probe: [`Fact::Identical`] where its text is the same, and a
    /// [`Fact::Changed`] for each thing that is not. Line ends at the end of the text do not count, as they do not for DKIM
    /// (RFC 6376 §3.4.3): servers that keep mail in one file add one. Nor does the transfer encoding, which any server on
    /// the way may choose anew (RFC 6152 §3).
    pub fn compare(&self, received: &[u8]) -> Vec<Fact> {
        let identical = |bytes: usize| Fact::Identical { bytes: bytes as u64 };
        let Some(sent) = body_of(&self.message) else { return Vec::new() };
        let parser = MessageParser::new();
        let (Some(as_sent), Some(parsed)) = (parser.parse(&self.message), parser.parse(received)) else {
            return vec![changed(Change::Replaced, None, None)];
        };
        let mut facts = match body_of(received) {
            Some(body) if text_of(body) == text_of(sent) => vec![identical(sent.len())],
            _ => {
                let mut facts = changes(&lines_of(&String::from_utf8_lossy(sent)), &parsed);
                if facts.iter().all(|fact| matches!(fact, Fact::Changed { what: Change::Encoding, .. })) {
                    facts.insert(0, identical(sent.len()));
                }
                facts
            }
        };
        let words = |message: &Message<'_>| one_line(message.subject().unwrap_or_default());
        let subject = words(&parsed);
        if subject != words(&as_sent) {
            facts.push(changed(Change::Subject, None, Some(&subject)));
        }
        facts
    }
}

/// What is not as it was sent, but for the subject: nothing, where the text is the same word by word and line by line.
fn changes(sent: &str, received: &Message<'_>) -> Vec<Fact> {
    let kind = received.content_type().map(|kind| {
        let subtype = kind.subtype().unwrap_or_default();
        format!("{}/{subtype}", kind.ctype()).to_lowercase()
    });
    let repacked = kind.as_deref().filter(|kind| *kind != "text/plain");
    let mut facts: Vec<Fact> = repacked.map(|kind| changed(Change::Repacked, None, Some(kind))).into_iter().collect();
    facts.extend(changes_of_text(sent, &readable(received)));
    if facts.is_empty() {
        let encoding = received.content_transfer_encoding().unwrap_or("7bit").to_lowercase();
        facts.push(changed(Change::Encoding, None, Some(&encoding)));
    }
    facts
}

/// The text of all parts that are text, decoded, with LF for a line end.
fn readable(message: &Message<'_>) -> String {
    let parts = message.text_body.iter().enumerate().filter_map(|(place, part)| {
        let text = matches!(message.part(*part)?.body, PartType::Text(_) | PartType::Html(_));
        text.then(|| message.body_text(place)).flatten()
    });
    let parts: Vec<String> = parts.map(|text| lines_of(&text)).collect();
    parts.join("\n")
}

/// Its words are looked for in what arrived, so that text around them is told from lines that are wrapped anew.
fn changes_of_text(sent: &str, received: &str) -> Vec<Fact> {
    if sent == received {
        return Vec::new();
    }
    let Some(ours) = place_of(sent, received) else { return vec![edited(sent, received)] };
    let (above, within, below) = (&received[..ours.start], &received[ours.clone()], &received[ours.end..]);
    let added = |what, text: &str| (!text.trim().is_empty()).then(|| changed_lines(what, text.lines()));
    let wrapped = (within != sent.trim()).then(|| {
        let known: HashSet<&str> = sent.lines().collect();
        changed_lines(Change::Rewrapped, within.lines().filter(|line| !known.contains(line)))
    });
    [added(Change::AddedAbove, above), wrapped, added(Change::AddedBelow, below)].into_iter().flatten().collect()
}

/// Where the words of one text stand in another, one after the other.
fn place_of(text: &str, within: &str) -> Option<Range<usize>> {
    let wanted: Vec<&str> = text.split_whitespace().collect();
    let words: Vec<&str> = within.split_whitespace().collect();
    let ours = words.windows(wanted.len().max(1)).find(|window| *window == wanted)?;
    let offset = |word: &str| word.as_ptr() as usize - within.as_ptr() as usize;
    let (first, last) = (ours.first()?, ours.last()?);
    Some(offset(first)..offset(last) + last.len())
}

/// Some lines are others, or all of them.
fn edited(sent: &str, received: &str) -> Fact {
    let known: HashSet<&str> = sent.lines().map(str::trim).collect();
    let there: HashSet<&str> = received.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let what = if there.iter().any(|line| known.contains(line)) { Change::Edited } else { Change::Replaced };
    changed_lines(what, received.lines().filter(|line| !known.contains(line.trim())))
}

fn changed_lines<'a>(what: Change, lines: impl Iterator<Item = &'a str>) -> Fact {
    let lines: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
    // A rule or the mark of a signature says nothing yet.
    let telling = lines.iter().find(|line| line.chars().any(char::is_alphanumeric)).or(lines.first());
    changed(what, Some(lines.len() as u64), telling.copied())
}

fn changed(what: Change, lines: Option<u64>, text: Option<&str>) -> Fact {
    Fact::Changed { what, lines, text: text.map(excerpt) }
}

fn excerpt(text: &str) -> String {
    let text = one_line(text);
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// With LF for a line end, and none at the end of the text.
fn lines_of(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end_matches('\n').to_owned()
}

/// What follows the empty line that ends the header (RFC 5322 §2.1).
fn body_of(message: &[u8]) -> Option<&[u8]> {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(&message[end + 4..])
}

/// A body without the line ends at its end.
fn text_of(mut body: &[u8]) -> &[u8] {
    while let Some(shorter) = body.strip_suffix(b"\r\n") {
        body = shorter;
    }
    body
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::probe::Automatic;

    fn probe() -> Probe {
        let address = |text: &str| text.parse().unwrap();
        Probe::compose(&address("alice@example.net"), &address("bob@example.org"), Automatic::Marked, false).unwrap()
    }

    /// The message with something done to its header and its body.
    fn relayed(probe: &Probe, header: impl Fn(String) -> String, body: impl Fn(String) -> String) -> Vec<u8> {
        let message = String::from_utf8(probe.message().to_vec()).unwrap();
        let (head, text) = message.split_once("\r\n\r\n").unwrap();
        format!("{}\r\n\r\n{}", header(head.to_owned()), body(text.to_owned())).into_bytes()
    }

    fn same(text: String) -> String {
        text
    }

    fn told(facts: &[Fact]) -> Vec<(Change, Option<u64>, &str)> {
        let changed = facts.iter().filter_map(|fact| match fact {
            Fact::Changed { what, lines, text } => Some((*what, *lines, text.as_deref().unwrap_or_default())),
            _ => None,
        });
        changed.collect()
    }

    fn is_identical(facts: &[Fact]) -> bool {
        facts.iter().any(|fact| matches!(fact, Fact::Identical { bytes } if *bytes > 100))
    }

    #[test]
    fn what_is_not_touched_is_identical_and_so_are_line_ends_at_its_end() {
        let probe = probe();
        let mut relayed = b"Received: from a by b; Mon, 23 Nov 2026 10:00:00 +0000\r\n".to_vec();
        relayed.extend_from_slice(probe.message());
        assert!(matches!(probe.compare(&relayed)[..], [Fact::Identical { .. }]));
        relayed.extend_from_slice(b"\r\n"); // solid-pop3d 0.15: the empty line that parts messages in its file
        assert_eq!(probe.compare(&relayed), probe.compare(probe.message()));
    }

    #[test]
    fn another_transfer_encoding_is_no_other_text() {
        let probe = probe();
        let header = |encoding: &'static str| {
            move |head: String| head.replace("Transfer-Encoding: 7bit", &format!("Transfer-Encoding: {encoding}"))
        };
        let quoted = |text: String| text.replace('i', "=69").replace("to test", "to =\r\ntest");
        let based = |text: String| STANDARD.encode(text);
        for message in [relayed(&probe, header("quoted-printable"), quoted), relayed(&probe, header("base64"), based)] {
            let facts = probe.compare(&message);
            assert!(is_identical(&facts), "{facts:?}");
            assert_eq!(told(&facts)[0].0, Change::Encoding);
        }
    }

    #[test]
    fn text_that_was_added_is_counted_and_its_first_telling_line_is_kept() {
        let probe = probe();
        let below = |text: String| text + "\r\n-- \r\nScanned by the gateway.\r\nNo virus found.\r\n";
        let facts = probe.compare(&relayed(&probe, same, below));
        assert_eq!(told(&facts), [(Change::AddedBelow, Some(3), "Scanned by the gateway.")]);
        assert!(!is_identical(&facts));
        let above = |text: String| format!("CAUTION: from outside\r\n\r\n{text}");
        let facts = probe.compare(&relayed(&probe, same, above));
        assert_eq!(told(&facts), [(Change::AddedAbove, Some(1), "CAUTION: from outside")]);
        let long = |text: String| text + &"x".repeat(100_000);
        let facts = probe.compare(&relayed(&probe, same, |text| long(text + "\r\n")));
        assert_eq!(told(&facts)[0].2.chars().count(), EXCERPT + 1);
    }

    #[test]
    fn lines_that_are_wrapped_anew_and_a_footer_are_told_apart() {
        let probe = probe();
        let wrap = |text: String| text.replace(" whether a mailbox", "\r\nwhether a mailbox") + "-- \r\nfooter\r\n";
        let facts = probe.compare(&relayed(&probe, same, wrap));
        assert_eq!(
            told(&facts),
            [
                (Change::Rewrapped, Some(2), "mailtrip sent this message to test"),
                (Change::AddedBelow, Some(2), "footer")
            ]
        );
    }

    #[test]
    fn a_body_that_is_partly_or_wholly_another_one_says_so() {
        let probe = probe();
        let partly = |text: String| text.replace("it is safe to delete", "it is a virus");
        assert_eq!(
            told(&probe.compare(&relayed(&probe, same, partly))),
            [(Change::Edited, Some(1), "same, the test could not remove it, and it is a virus.")]
        );
        let facts = probe.compare(&relayed(&probe, same, |_| "Removed by policy.\r\n".to_owned()));
        assert_eq!(told(&facts), [(Change::Replaced, Some(1), "Removed by policy.")]);
        for empty in [&b"no header end"[..], b"", b"\r\n\r\n"] {
            assert!(told(&probe.compare(empty)).iter().any(|told| told.0 == Change::Replaced), "{empty:?}");
        }
    }

    #[test]
    fn a_message_of_several_parts_says_so_with_what_was_added() {
        let probe = probe();
        let header = |head: String| head.replace("text/plain; charset=utf-8", "multipart/mixed; boundary=\"b\"");
        let body = |text: String| {
            let part = "Content-Type: text/plain; charset=utf-8\r\n\r\n";
            format!("--b\r\n{part}{text}\r\n--b\r\n{part}To leave the list, write to us.\r\n--b--\r\n")
        };
        let facts = probe.compare(&relayed(&probe, header, body));
        assert_eq!(
            told(&facts),
            [
                (Change::Repacked, None, "multipart/mixed"),
                (Change::AddedBelow, Some(1), "To leave the list, write to us.")
            ]
        );
    }

    #[test]
    fn a_subject_that_was_marked_leaves_the_text_identical() {
        let probe = probe();
        let marked = |head: String| head.replace("Subject: ", "Subject: [EXTERNAL]\r\n ");
        let facts = probe.compare(&relayed(&probe, marked, same));
        assert!(is_identical(&facts), "{facts:?}");
        let subject = format!("[EXTERNAL] mailtrip probe {}", probe.tag());
        assert_eq!(told(&facts), [(Change::Subject, None, subject.as_str())]);
        let folded = |head: String| head.replace("Subject: mailtrip ", "Subject: mailtrip\r\n ");
        assert!(told(&probe.compare(&relayed(&probe, folded, same))).is_empty());
    }
}
