//! What an address answers that answers by itself (RFC 3834).

use super::settings::Responder;
use super::submission::{Submission, date};
use super::{HOST, message};

impl Responder {
    /// The answer, on its way to the envelope's sender; `None` for a message that must not be answered: one that nobody
    /// sent, or that is marked as automatic.
    pub(super) fn answer(&self, submission: &Submission) -> Option<Submission> {
        let original = |wanted: &str| field(&submission.text, wanted);
        let marked = original("Auto-Submitted").is_some_and(|value| !value.eq_ignore_ascii_case("no"));
        if submission.from.is_empty() || marked || original("X-Auto-Response-Suppress").is_some() {
            return None;
        }
        let (from, to) = (&self.address, &submission.from);
        let mut text = format!("From: {from}\r\nTo: {to}\r\nDate: {}\r\nAuto-Submitted: auto-replied\r\n", date());
        match original("Message-ID").filter(|_| self.threaded) {
            Some(id) => {
                let subject = original("Subject").unwrap_or_default();
                text += &format!("Subject: Auto: {subject}\r\nIn-Reply-To: {id}\r\nReferences: {id}\r\n\r\n");
                text += "This address answers by itself. Your message has come here.\r\n";
            }
            None => {
                text += "Subject: Thank you for your message\r\n\r\nYou wrote:\r\n";
                text += &quoted(&submission.text);
            }
        }
        Some(Submission {
            helo: HOST.to_owned(),
            peer: submission.peer,
            user: self.address.clone(),
            from: String::new(),
            to: vec![to.clone()],
            text: text.into_bytes(),
        })
    }
}

/// The value of the first field of this name.
fn field(raw: &[u8], wanted: &str) -> Option<String> {
    let found =
        message::fields(raw).into_iter().find(|field| message::name(field).eq_ignore_ascii_case(wanted.as_bytes()));
    found.map(|field| String::from_utf8_lossy(&message::value(field)).into_owned())
}

/// The body, each line behind a `> `.
fn quoted(raw: &[u8]) -> String {
    let body = String::from_utf8_lossy(&raw[message::body_start(raw)..]).into_owned();
    body.lines().map(|line| format!("> {line}\r\n")).collect()
}
