//! Facts that are worth a word although nothing is wrong.
//!
//! Where the sign-in was refused, a username or password that looks odd is among its causes instead (`login`).

use std::collections::HashSet;

use crate::outcome::{Change, Fact, Outcome, StageRecord, Status};
use crate::stage::Stage;

use super::interceptor;
use super::known;
use super::maildrop;
use super::threshold;
use super::way::{Way, What};
use super::{Certainty, Certainty::*, Diagnosis, Verdict, answered};

/// From how many days before its end a certificate is worth a note: they are renewed earlier than that.
const SOON: i64 = 14;

/// The notes, each once an account and protocol.
pub fn notes(outcome: &Outcome) -> Vec<Diagnosis> {
    let mut told = HashSet::new();
    let mut notes = Vec::new();
    for record in &outcome.stages {
        for note in record.facts.iter().filter_map(|fact| note(outcome, record, fact)) {
            if told.insert((note.code, record.account.as_str(), record.at.protocol)) {
                notes.push(note);
            }
        }
    }
    notes
}

fn note(outcome: &Outcome, record: &StageRecord, fact: &Fact) -> Option<Diagnosis> {
    let server = outcome.server(record);
    let host = server.map_or("the server", |server| server.host.as_str());
    let note = |code, cause: String| Diagnosis::new(code, Verdict::Ok, Some(record.at), Certain, cause);
    match fact {
        Fact::UsernameWithoutDomain { .. } | Fact::PasswordEdgeWhitespace if record.status != Status::Passed => None,
        Fact::UsernameWithoutDomain { .. } if known::wants_local_part(host, record.at.protocol) => None,
        Fact::UsernameWithoutDomain { username } => {
            let cause =
                format!("The username {username} has no domain; {host} takes it, most servers want the full address.");
            Some(note("username-without-domain", cause))
        }
        Fact::PasswordEdgeWhitespace => {
            let cause = format!(
                "The {} password begins or ends in white space. It was sent as it is, and the server takes it.",
                record.at.protocol
            );
            Some(note("password-edge-whitespace", cause))
        }
        Fact::TurnedAway { times, reply } if record.status == Status::Passed => {
            Some(maildrop::busy(record, *times, reply))
        }
        Fact::RemovedAgain { why } => {
            let cause = format!("The message was removed in a second session: {why}.");
            Some(note("session-lost-before-quit", cause))
        }
        Fact::Unannounced { waited_seconds, .. } => {
            let certainty = announced_too_late(outcome, record, *waited_seconds)?;
            let cause = format!("{host} offers to announce new mail (IDLE), and did not announce this message.");
            let advice = "Mail programs and phones that wait for announcements (push) show mail late with this server: let \
                 them ask every few minutes.";
            Some(Diagnosis { certainty, ..note("idle-silent", cause) }.advise(advice))
        }
        Fact::Changed { what: Change::Subject, text, .. } if record.status == Status::Passed => {
            let note = note(
                "subject-changed",
                format!(
                    "The subject was changed on the way, the text was not: {}.",
                    text.as_deref().unwrap_or_default()
                ),
            );
            let advice =
                "Spam filters and company gateways mark subjects: where that is not wanted, switch it off there.";
            Some(note.advise(advice))
        }
        Fact::Alert { reply } => {
            let text = reply.text.trim_end_matches('.');
            let cause = format!("{host} has this to say to the user of the mailbox: {text}.");
            Some(note("server-alert", cause).seen(answered(reply)))
        }
        Fact::Arrived { folder, .. } if Way::of(outcome, record.at.leg).what == What::Answer => {
            let Way { to, home, .. } = Way::of(outcome, record.at.leg);
            let cause =
                format!("The answer of {to} is left in {folder} of {home}: mailtrip removes only messages of its own.");
            Some(note("answer-left", cause))
        }
        Fact::Arrived { earlier_by_at_most_seconds, .. } => {
            let cause = maildrop::held_off(outcome, record, *earlier_by_at_most_seconds)?;
            Some(note("login-delay", cause))
        }
        Fact::CleartextPassword => {
            let cause =
                format!("The password for {host} went over the network unencrypted, as the configuration allows.");
            let tls = known::tls_port(record.at.protocol);
            let name = record.at.protocol.to_string().to_lowercase();
            let advice =
                format!("Where the server has it, set `{name}.security = \"tls\"` with `{name}.port = {tls}`.");
            Some(note("cleartext-password", cause).advise(advice))
        }
        // Gmail announces its extensions before the sign-in already.
        Fact::Capabilities { names } if names.iter().any(|name| name.eq_ignore_ascii_case("X-GM-EXT-1")) => {
            let cause =
                "Gmail keeps a message that is removed over IMAP in All Mail, unless its settings say otherwise.";
            let advice = "In Gmail's settings, under Forwarding and POP/IMAP, choose to delete a message for ever when it is \
                 expunged; or delete the messages with `mailtrip probe` in their subject there now and then.";
            Some(note("gmail-keeps-a-copy", cause.to_owned()).advise(advice))
        }
        // Its certificates come and go with it: when they end is of no interest.
        Fact::Certificate { issuer, .. } if interceptor::of(issuer).is_some() => {
            let interceptor = interceptor::of(issuer)?;
            let name = interceptor.name;
            let cause = format!("The mail of {host} is read on its way by {name}, whom this machine trusts.");
            let note = note("intercepted", cause).seen(format!("the certificate is signed by {issuer}"));
            Some(
                Diagnosis { certainty: Likely, ..note }
                    .advise(format!("Where that is not wanted: {}", interceptor.exempt())),
            )
        }
        Fact::Certificate { .. } if threshold::holds_certificate(outcome, record) => None,
        Fact::Certificate { days_left, not_after, .. } if *days_left <= SOON && record.status == Status::Passed => {
            let cause = format!("The certificate of {host} ends soon: on {not_after} (days left: {days_left}).");
            Some(
                note("certificate-ends-soon", cause).advise("The owner of the server has to renew it before that day."),
            )
        }
        _ => None,
    }
}

/// Servers announce mail a moment after it came (Dovecot: half a second).
const A_MOMENT: f64 = 3.0;

/// Whether the message had been in the mailbox for more than a moment when it was found. How long it was under way is told by
/// the servers on its way: by the differences of their clocks.
fn announced_too_late(outcome: &Outcome, record: &StageRecord, waited_seconds: f64) -> Option<Certainty> {
    let read = outcome.stages.iter().filter(|other| {
        let same = (other.at.leg, other.at.protocol) == (record.at.leg, record.at.protocol);
        same && other.at.stage == Stage::Inspect
    });
    let hops = read.flat_map(|read| &read.facts).filter_map(|fact| match fact {
        Fact::Hop { at: Some(_), seconds, .. } => Some(seconds.unwrap_or(0.0)),
        _ => None,
    });
    let under_way = hops.reduce(|all, hop| all + hop);
    match under_way {
        Some(under_way) => (waited_seconds - under_way >= A_MOMENT).then_some(Likely),
        None => Some(Possible),
    }
}
