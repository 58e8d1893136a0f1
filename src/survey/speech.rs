//! What is spoken, by how it begins.

use crate::account::Protocol;

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// A mail protocol.
    Mail(Protocol),
    /// SSH (RFC 4253 §4.2).
    Ssh,
    /// HTTP, or a page without its header.
    Http,
    /// Something else.
    Unknown,
}

impl Speech {
    /// By the first bytes of a server: SMTP greets with a code (RFC 5321 §4.2), IMAP with an untagged status (RFC 9051
    /// §7.1), POP3 with an indicator (RFC 1939 §3).
    pub fn of(said: &[u8]) -> Speech {
        let begins = |word: &str| said.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
        let any = |words: &[&str]| words.iter().any(|word| begins(word));
        match said {
            _ if any(&["* OK", "* PREAUTH", "* BYE"]) => Speech::Mail(Protocol::Imap),
            _ if any(&["+OK", "-ERR"]) => Speech::Mail(Protocol::Pop3),
            _ if begins("SSH-") => Speech::Ssh,
            _ if any(&["HTTP/", "<!DOC", "<html"]) => Speech::Http,
            [b'2' | b'4' | b'5', a, b, b' ' | b'-' | b'\r' | b'\n', ..] if a.is_ascii_digit() && b.is_ascii_digit() => {
                Speech::Mail(Protocol::Smtp)
            }
            _ => Speech::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_is_known_by_how_it_begins() {
        let cases: [(&[u8], Speech); 13] = [
            (b"220 mx.example.net ESMTP\r\n", Speech::Mail(Protocol::Smtp)),
            (b"220-mx\r\n220 mx\r\n", Speech::Mail(Protocol::Smtp)),
            (b"554 5.7.1 go away\r\n", Speech::Mail(Protocol::Smtp)),
            (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", Speech::Mail(Protocol::Imap)),
            (b"* bye\r\n", Speech::Mail(Protocol::Imap)),
            (b"+OK POP3 ready\r\n", Speech::Mail(Protocol::Pop3)),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Speech::Ssh),
            (b"HTTP/1.1 400 Bad Request\r\n", Speech::Http),
            (b"<html>", Speech::Http),
            (b"<!DOC", Speech::Http), // as much as a TLS handshake reads of an answer
            (b"2201 x", Speech::Unknown),
            (b"22", Speech::Unknown),
            (b"", Speech::Unknown),
        ];
        for (said, speech) in cases {
            assert_eq!(Speech::of(said), speech, "{}", String::from_utf8_lossy(said));
        }
    }
}
