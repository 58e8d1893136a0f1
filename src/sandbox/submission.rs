//! A message on its way from SMTP to the mailboxes.

use jiff::{Zoned, tz::TimeZone};

use super::HOST;
use super::fault::Alteration;

/// A message that SMTP has accepted.
pub(super) struct Submission {
    /// What the client called itself, and the address it came from.
    pub helo: String,
    pub peer: std::net::IpAddr,
    pub user: String,
    /// The reverse-path, possibly empty.
    pub from: String,
    /// As the client wrote them; each resolves to an account.
    pub to: Vec<String>,
    pub text: Vec<u8>,
}

/// Now, as RFC 5322 §3.3 writes it.
pub(super) fn date() -> String {
    Zoned::now().with_time_zone(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

impl Submission {
    /// The message with the trace that a submission and delivery agent would leave (RFC 5321 §4.4, RFC 8601).
    pub fn stamped(&self, recipient: &str, id: &str, stated: Option<&str>, altered: Option<Alteration>) -> Vec<u8> {
        let date = date();
        let Submission { helo, peer, from, user, .. } = self;
        let domain = from.rsplit('@').next().unwrap_or_default();
        let results = match stated {
            Some("") => String::new(),
            Some(text) => format!("Authentication-Results: {HOST}; {}\r\n", text.replace(['\r', '\n'], " ")),
            None => format!(
                "Authentication-Results: {HOST}; auth=pass smtp.auth={user};\r\n\
                 \tspf=pass smtp.mailfrom={from}; dkim=none; dmarc=none header.from={domain}\r\n"
            ),
        };
        let mut raw = format!(
            "Return-Path: <{from}>\r\n\
         Delivered-To: {recipient}\r\n\
         {results}\
         Received: from {helo} (localhost [{peer}])\r\n\
         \tby {HOST} (mailtrip sandbox) with ESMTPSA id {id}\r\n\
         \tfor <{recipient}>; {date}\r\n"
        )
        .into_bytes();
        match altered {
            Some(alteration) => raw.extend_from_slice(&alter(&self.text, alteration)),
            None => raw.extend_from_slice(&self.text),
        }
        raw
    }
}

/// The message as a gateway on the way would leave it.
fn alter(message: &[u8], alteration: Alteration) -> Vec<u8> {
    let message = String::from_utf8_lossy(message);
    let (header, body) = message.split_once("\r\n\r\n").unwrap_or((&message, ""));
    let with = |body: &str| format!("{header}\r\n\r\n{body}");
    let altered = match alteration {
        Alteration::Footer => with(&format!("{body}\r\n-- \r\nThis message has been scanned by the sandbox.\r\n")),
        Alteration::Banner => with(&format!("CAUTION: this message comes from outside the sandbox.\r\n\r\n{body}")),
        Alteration::Wrapped => with(&wrapped(body)),
        Alteration::Replaced => with("The sandbox has removed this message.\r\n"),
        Alteration::QuotedPrintable => {
            let header = header.replace("Transfer-Encoding: 7bit", "Transfer-Encoding: quoted-printable");
            format!("{header}\r\n\r\n{}", quoted_printable(body))
        }
        Alteration::Subject => {
            let header = header.replacen("\r\nSubject: ", "\r\nSubject: [EXTERNAL] ", 1);
            format!("{header}\r\n\r\n{body}")
        }
    };
    altered.into_bytes()
}

/// The same words in lines of at most 60 characters, a paragraph all through.
fn wrapped(body: &str) -> String {
    let mut lines = vec![String::new()];
    for word in body.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 60 => {
                *line += &format!("{}{word}", if line.is_empty() { "" } else { " " })
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\r\n") + "\r\n"
}

/// RFC 2045 §6.7: `=` has to be encoded, and soft line breaks keep the lines short.
fn quoted_printable(body: &str) -> String {
    let line = |line: &str| {
        let mut encoded = String::new();
        for (place, character) in line.chars().enumerate() {
            if place > 0 && place % 40 == 0 {
                encoded += "=\r\n";
            }
            match character {
                '=' => encoded += "=3D",
                _ => encoded.push(character),
            }
        }
        encoded
    };
    body.split("\r\n").map(line).collect::<Vec<_>>().join("\r\n")
}
