//! A message on its way from SMTP to the mailboxes.

use jiff::{Zoned, tz::TimeZone};

use super::HOST;

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
    pub fn stamped(&self, recipient: &str, id: &str, altered: bool) -> Vec<u8> {
        let date = date();
        let Submission { helo, peer, from, .. } = self;
        let domain = from.rsplit('@').next().unwrap_or_default();
        let mut raw = format!(
            "Return-Path: <{from}>\r\n\
         Delivered-To: {recipient}\r\n\
         Authentication-Results: {HOST}; auth=pass smtp.auth={user};\r\n\
         \tspf=pass smtp.mailfrom={from}; dkim=none; dmarc=none header.from={domain}\r\n\
         Received: from {helo} (localhost [{peer}])\r\n\
         \tby {HOST} (mailtrip sandbox) with ESMTPSA id {id}\r\n\
         \tfor <{recipient}>; {date}\r\n",
            user = self.user,
        )
        .into_bytes();
        raw.extend_from_slice(&self.text);
        if altered {
            raw.extend_from_slice(b"\r\n-- \r\nThis message has been scanned by the sandbox.\r\n");
        }
        raw
    }
}
