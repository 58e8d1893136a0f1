//! What is waited for in a mailbox, and how it is told from everything else that arrives there.

use crate::bounce;
use crate::failure::Reply;
use crate::probe::Probe;

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub enum Quarry<'a> {
    /// The probe, or the report that it could not be delivered, where that comes to the same mailbox.
    Probe(&'a Probe),
    /// Only the report that the probe could not be delivered.
    Bounce(&'a Probe),
    /// An answer to the probe that somebody else writes: it may name the probe in its text only.
    Answer(&'a Probe),
}

/// What the header of a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance {
    /// It is what is waited for.
    This,
    /// The text has to be read.
    Perhaps,
    /// It is somebody else's business.
    No,
}

/// What a message that was read is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Catch {
    /// What is waited for.
    Wanted,
    /// A report that the probe could not be delivered, in the words of the server that could not.
    Bounce(Box<Reply>),
}

impl Quarry<'_> {
    /// What the header fields tell that [`crate::probe::RECOGNISED_BY`] names.
    pub fn glance(&self, header: &[u8]) -> Glance {
        let report = bounce::may_be_one(header);
        match self {
            Quarry::Probe(probe) if probe.is(header) => Glance::This,
            Quarry::Probe(_) | Quarry::Bounce(_) if report => Glance::Perhaps,
            Quarry::Probe(_) | Quarry::Bounce(_) => Glance::No,
            Quarry::Answer(probe) if probe.is(header) => Glance::No,
            Quarry::Answer(probe) if !report && probe.is_answered_by(header) => Glance::This,
            Quarry::Answer(_) => Glance::Perhaps,
        }
    }

    /// What a message is, read as far as its beginning goes.
    pub fn read(&self, message: &[u8]) -> Option<Catch> {
        let (Quarry::Probe(probe) | Quarry::Bounce(probe) | Quarry::Answer(probe)) = self;
        if !probe.is_named_in(message) {
            return None;
        }
        match (bounce::read(message), self) {
            (Some(reply), _) => Some(Catch::Bounce(Box::new(reply))),
            (None, Quarry::Answer(_)) if !bounce::may_be_one(message) => Some(Catch::Wanted),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Automatic;

    #[test]
    fn an_answer_may_name_the_probe_in_its_text_only() {
        let address = |text: &str| text.parse().unwrap();
        let probe = Probe::compose(&address("a@b.test"), &address("echo@b.test"), Automatic::Unmarked, false).unwrap();
        let quarry = Quarry::Answer(&probe);
        assert_eq!(quarry.glance(probe.message()), Glance::No, "the probe itself is no answer");
        let header = b"Subject: Auto: thank you\r\n\r\n";
        assert_eq!(quarry.glance(header), Glance::Perhaps);
        let named = format!("Subject: thank you\r\n\r\n> mailtrip probe {}\r\n", probe.tag());
        assert_eq!(quarry.read(named.as_bytes()), Some(Catch::Wanted));
        assert_eq!(quarry.read(b"Subject: thank you\r\n\r\nfor something else\r\n"), None);
        assert_eq!(Quarry::Probe(&probe).glance(header), Glance::No);
    }
}
