//! What is spoken, by how it begins.

use crate::failure::Speech;

/// A handshake that fails is given up after the five bytes that were to be the header of a record (RFC 8446 §5.1).
const SHORTEST: usize = 5;

/// By the first bytes of a server: SMTP greets with a code (RFC 5321 §4.2), IMAP with an untagged status (RFC 9051
/// §7.1), POP3 with an indicator (RFC 1939 §3), SSH with its version (RFC 4253 §4.2); HTTP answers with a status line
/// (RFC 9112 §4), or with a page without one.
///
/// `None` where it is none of these. FTP greets as SMTP does (RFC 959 §4.2).
pub fn heard(said: &[u8]) -> Option<Speech> {
    let begins = |word: &str| {
        let length = said.len().clamp(SHORTEST.min(word.len()), word.len());
        said.get(..length).is_some_and(|head| head.eq_ignore_ascii_case(&word.as_bytes()[..length]))
    };
    let any = |words: &[&str]| words.iter().any(|word| begins(word));
    match said {
        _ if any(&["* OK", "* PREAUTH", "* BYE"]) => Some(Speech::Imap),
        _ if any(&["+OK", "-ERR"]) => Some(Speech::Pop3),
        _ if begins("SSH-") => Some(Speech::Ssh),
        _ if any(&["HTTP/", "<!DOCTYPE", "<html"]) => Some(Speech::Http),
        [b'2' | b'4' | b'5', a, b, b' ' | b'-' | b'\r' | b'\n', ..] if a.is_ascii_digit() && b.is_ascii_digit() => {
            Some(Speech::Smtp)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_is_known_by_how_it_begins() {
        let cases: [(&[u8], Option<Speech>); 18] = [
            (b"220 mx.example.net ESMTP\r\n", Some(Speech::Smtp)),
            (b"220-mx\r\n220 mx\r\n", Some(Speech::Smtp)),
            (b"554 5.7.1 go away\r\n", Some(Speech::Smtp)),
            (b"220 m", Some(Speech::Smtp)),
            (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", Some(Speech::Imap)),
            (b"* bye\r\n", Some(Speech::Imap)),
            (b"* PRE", Some(Speech::Imap)),
            (b"+OK POP3 ready\r\n", Some(Speech::Pop3)),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Some(Speech::Ssh)),
            (b"SSH-2", Some(Speech::Ssh)),
            (b"HTTP/1.1 400 Bad Request\r\n", Some(Speech::Http)),
            (b"<html>", Some(Speech::Http)),
            (b"<!doc", Some(Speech::Http)),
            (b"<!DO", None),
            (b"* PREFACE", None),
            (b"2201 x", None),
            (b"22", None),
            (b"", None),
        ];
        for (said, speech) in cases {
            assert_eq!(heard(said), speech, "{}", String::from_utf8_lossy(said));
        }
    }
}
