//! Mailbox names on the wire: modified UTF-7, RFC 3501 §5.1.3.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

const BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// Unicode to the wire.
pub(super) fn encode(name: &str) -> String {
    let mut out = String::new();
    let mut shifted: Vec<u8> = Vec::new();
    for character in name.chars() {
        if (' '..='~').contains(&character) {
            close(&mut out, &mut shifted);
            out.push(character);
            if character == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                shifted.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    close(&mut out, &mut shifted);
    out
}

fn close(out: &mut String, shifted: &mut Vec<u8>) {
    if !shifted.is_empty() {
        out.push('&');
        BASE64.encode_string(&*shifted, out);
        out.push('-');
        shifted.clear();
    }
}

/// The wire to Unicode; `None` for what is no modified UTF-7.
pub(super) fn decode(name: &[u8]) -> Option<String> {
    let mut rest = std::str::from_utf8(name).ok().filter(|name| name.is_ascii())?;
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once('&') {
        let (shifted, behind) = after.split_once('-')?;
        out.push_str(before);
        if shifted.is_empty() {
            out.push('&');
        } else {
            let bytes = BASE64.decode(shifted).ok()?;
            let (pairs, []) = bytes.as_chunks::<2>() else {
                return None;
            };
            let units: Vec<u16> = pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect();
            out.push_str(&String::from_utf16(&units).ok()?);
        }
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn names_of_the_rfc_and_of_real_mailboxes() {
        for (name, wire) in [
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("R&D", "R&-D"),
            ("📬", "&2D3c7A-"),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire.as_bytes()).as_deref(), Some(name));
        }
        assert_eq!(decode(b"unfinished &APw"), None);
        assert_eq!(decode(b"half a unit &AA-"), None);
    }
}
