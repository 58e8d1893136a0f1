//! Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3), and quoted strings.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

const MODIFIED_BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// A readable name in the form that is sent.
pub fn encode(name: &str) -> String {
    let mut encoded = String::new();
    let mut shifted: Vec<u8> = Vec::new();
    let unshift = |shifted: &mut Vec<u8>, encoded: &mut String| {
        if !shifted.is_empty() {
            encoded.push('&');
            encoded.push_str(&MODIFIED_BASE64.encode(&shifted));
            encoded.push('-');
            shifted.clear();
        }
    };
    for character in name.chars() {
        match character {
            '&' => {
                unshift(&mut shifted, &mut encoded);
                encoded.push_str("&-");
            }
            ' '..='~' => {
                unshift(&mut shifted, &mut encoded);
                encoded.push(character);
            }
            _ => {
                let units = &mut [0; 2];
                shifted.extend(character.encode_utf16(units).iter().flat_map(|unit| unit.to_be_bytes()));
            }
        }
    }
    unshift(&mut shifted, &mut encoded);
    encoded
}

/// A name from the wire in readable form; what is not modified UTF-7 stays as it is (servers that send UTF-8).
pub fn decode(name: &str) -> String {
    let mut decoded = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('&') {
        let Some((shifted, following)) = after.split_once('-') else { return name.to_owned() };
        decoded.push_str(before);
        match shifted {
            "" => decoded.push('&'),
            _ => match decode_shifted(shifted) {
                Some(text) => decoded.push_str(&text),
                None => return name.to_owned(),
            },
        }
        rest = following;
    }
    decoded + rest
}

fn decode_shifted(shifted: &str) -> Option<String> {
    let bytes = MODIFIED_BASE64.decode(shifted).ok().filter(|bytes| bytes.len() % 2 == 0)?;
    let units: Vec<u16> = bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

/// A name from [`encode`] or from the server as a quoted string (RFC 9051 §4.3).
pub fn quoted(name: &str) -> String {
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_and_decoded() {
        for (readable, wire) in [
            ("Sent", "Sent"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("R&D", "R&-D"),
            ("送信済みメール", "&kAFP4W4IMH8w4TD8MOs-"),
            ("a😀b", "a&2D3eAA-b"),
        ] {
            assert_eq!(encode(readable), wire);
            assert_eq!(decode(wire), readable);
        }
    }

    #[test]
    fn what_is_not_modified_utf_7_stays_as_it_is() {
        for name in ["a&b", "&!!-", "&AP-x", "Gelöscht"] {
            assert_eq!(decode(name), name);
        }
    }

    #[test]
    fn a_quoted_name_cannot_end_the_command() {
        assert_eq!(quoted("a\"b\\c\r\nA1 DELETE INBOX"), "\"a\\\"b\\\\cA1 DELETE INBOX\"");
    }
}
