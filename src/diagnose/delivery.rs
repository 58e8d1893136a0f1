//! Rules for what happens after the message was taken: arrival, inspection, the sent copy.

use crate::account::Protocol;
use crate::failure::Kind;
use crate::outcome::{Fact, FiledBy, Outcome, Role};
use crate::stage::{Leg, Stage};

use super::case::{Case, has_response_code, within};
use super::way::{Way, What};
use super::{Certainty::*, Diagnosis, answered};

/// The name of the inbox in every protocol (RFC 3501 §5.1).
const INBOX: &str = "INBOX";

/// What is awaited is in the mailbox by one protocol, and the other does not show it.
pub fn one_protocol_only(case: &Case) -> Option<Diagnosis> {
    let Kind::NotArrived { waited_seconds } = case.kind() else {
        return None;
    };
    let other = case.outcome.stages.iter().find(|record| {
        let same = record.at.leg == case.leg() && record.at.stage == Stage::Arrival;
        same && record.at.protocol != case.protocol() && record.account == case.record.account
    })?;
    let folder = other.facts.iter().find_map(|fact| match fact {
        Fact::Arrived { folder, .. } => Some(folder),
        _ => None,
    })?;
    let (shown_by, protocol, waited) = (other.at.protocol, case.protocol(), within(*waited_seconds));
    let way = Way::of(case.outcome, case.leg());
    let cause =
        format!("The {} is in {folder} by {shown_by}, and {protocol} did not show it within {waited}.", way.awaited());
    let diagnosis = case.because("one-protocol-only", Certain, cause);
    if case.protocol() != Protocol::Pop3 {
        return Some(diagnosis.advise("Check that both protocols are set up with the same mailbox."));
    }
    Some(
        diagnosis
            .advise_all(
                (folder != INBOX)
                    .then(|| format!("POP3 shows the inbox and nothing else: what is in {folder} it never does.")),
            )
            .advise(
                "Look at the POP3 settings on the provider's web site: some providers let POP3 fetch only mail of some \
                 days, only mail that is new since POP3 was switched on, or each message only once.",
            )
            .advise("Check that both protocols are set up with the same mailbox."),
    )
}

/// What was awaited did not arrive, and the mailbox that it was to come to is full.
pub fn no_room(case: &Case) -> Option<Diagnosis> {
    let Kind::NotArrived { waited_seconds } = case.kind() else {
        return None;
    };
    let way = Way::of(case.outcome, case.leg());
    let is_full = |fact: &Fact| match fact {
        Fact::Quota { used_kib, limit_kib } => *limit_kib > 0 && limit_kib.saturating_sub(*used_kib) < NEEDED_KIB,
        Fact::Alert { reply } => has_response_code(reply, &["OVERQUOTA"]),
        _ => false,
    };
    if !of_mailbox(case).any(is_full) {
        return None;
    }
    let cause = format!("The mailbox of {} is full. {}", way.home, lack(case, &way, &within(*waited_seconds)));
    let diagnosis =
        of_mailbox(case).filter_map(quota).fold(case.because("mailbox-full", Likely, cause), Diagnosis::seen);
    Some(diagnosis.advise("Delete mail there (also in Trash and Junk), or ask the provider for more space.").advise(
        format!("Then look again: the {} may still be in a queue, or come back to {}.", way.awaited(), way.from),
    ))
}

/// What the message needs, with the lines that servers on its way add to it.
const NEEDED_KIB: u64 = 4;

/// What was seen of the mailbox that something was to come to, by whatever protocol.
fn of_mailbox<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Fact> {
    let account = &case.record.account;
    let records = case.outcome.stages.iter().filter(move |record| record.account == *account);
    records.flat_map(|record| &record.facts)
}

/// Where the message would have been seen, by IMAP.
fn looked_into(case: &Case) -> Option<String> {
    let folder = |wanted: Role| {
        of_mailbox(case).find_map(|fact| match fact {
            Fact::Folder { role, name, .. } if *role == wanted => Some(name),
            _ => None,
        })
    };
    let inbox = folder(Role::Inbox).filter(|_| case.protocol() == Protocol::Imap)?;
    Some(match folder(Role::Junk) {
        Some(junk) => format!("looked into {inbox} and {junk} to the end"),
        None => format!("looked into {inbox} to the end; no Junk folder is known"),
    })
}

/// What says how full the mailbox is.
fn quota(fact: &Fact) -> Option<String> {
    match fact {
        Fact::Quota { used_kib, limit_kib } => {
            Some(format!("quota of the mailbox: {used_kib} of {limit_kib} KiB used"))
        }
        Fact::Alert { reply } if has_response_code(reply, &["OVERQUOTA"]) => Some(answered(reply)),
        _ => None,
    }
}

/// What was awaited did not arrive.
pub fn not_arrived(case: &Case) -> Option<Diagnosis> {
    let Kind::NotArrived { waited_seconds } = case.kind() else {
        return None;
    };
    let way = Way::of(case.outcome, case.leg());
    let mut diagnosis = case.because("not-arrived", Certain, lack(case, &way, &within(*waited_seconds)));
    diagnosis =
        looked_into(case).into_iter().chain(of_mailbox(case).filter_map(quota)).fold(diagnosis, Diagnosis::seen);
    diagnosis = diagnosis.advise_all(another_mailbox(case, &way)).advise_all(unseen(case, &way));
    if way.what == What::Answer {
        diagnosis = answerless(&way, diagnosis);
    }
    for fact in left_by(case.outcome, &way) {
        match fact {
            Fact::Accepted { queue_id: Some(id), .. } => {
                diagnosis = diagnosis
                    .seen(format!("queue id at the submission server: {id}"))
                    .advise(format!("Ask the provider of {} what became of the message {id}.", way.from));
            }
            Fact::SentCopy { folder, filed_by: FiledBy::Server, .. } => {
                diagnosis = diagnosis.seen(format!("the server filed a copy in {folder}: it did take the message"));
            }
            _ => (),
        }
    }
    Some(if way.what == What::Answer { diagnosis } else { where_to_look(&way, diagnosis) })
}

/// The username is the address of another mailbox, unless one of both is an alias.
fn another_mailbox(case: &Case, way: &Way) -> Option<String> {
    let name = way.signs_in_as(case.outcome)?;
    let to = way.to;
    Some(format!(
        "The mailbox is that of {name}, and the message went to {to}: if these are two, set `address = \"{name}\"`."
    ))
}

/// What POP3 does not show: the usual reason is a message in the Junk folder.
fn unseen(case: &Case, way: &Way) -> Vec<String> {
    if case.protocol() != Protocol::Pop3 {
        return Vec::new();
    }
    let home = way.home;
    let mut advice = vec![format!(
        "Look into the Junk folder of {home} on the provider's web site: POP3 shows the inbox only, so that what is taken for \
         spam never comes."
    )];
    let imap = |account: &str| {
        case.outcome.servers.iter().any(|server| server.account == account && server.protocol == Protocol::Imap)
    };
    if way.what == What::Message && imap(&case.record.account) {
        advice.push("Or set `receive = \"both\"`: then mailtrip looks into the Junk folder by IMAP.".to_owned());
    }
    advice
}

fn lack(case: &Case, way: &Way, waited: &str) -> String {
    let Way { what, submission, to, home, .. } = *way;
    let (sent, taken) = (way.sent(), case.passed(submission, Stage::Submit));
    match (what, taken) {
        (What::Answer, true) => {
            format!("The server took the message to {to}, and no answer to it reached {home} within {waited}.")
        }
        (What::Answer, false) => format!("No answer to the message to {to} reached {home} within {waited}."),
        (_, true) => format!("The server took the {sent}, and it did not reach {home} within {waited}."),
        (_, false) => format!("The {sent} did not reach {home} within {waited}."),
    }
}

/// What was seen when it was submitted, and of the sender's copy.
fn left_by<'a>(outcome: &'a Outcome, way: &Way<'_>) -> impl Iterator<Item = &'a Fact> {
    let submission = way.submission;
    let copy = if submission == Leg::ReplySubmission { Leg::ReplySent } else { Leg::Sent };
    let records = outcome
        .stages
        .iter()
        .filter(move |record| record.at.leg == submission || (record.at.leg == copy && record.at.stage == Stage::Copy));
    records.flat_map(|record| &record.facts)
}

fn where_to_look(way: &Way, diagnosis: Diagnosis) -> Diagnosis {
    let Way { from, home, .. } = *way;
    diagnosis
        .advise(
            "It may be queued, delayed (greylisting takes up to 30 minutes), filtered or lost: look again later, or wait \
             longer (`arrival_timeout`, or `timeout` for the whole run).",
        )
        .advise(format!("Look into the other folders of the mailbox, and for a bounce in the inbox of {from}."))
        .advise("Check filters, forwarding and blocked senders on the provider's web site.")
        .advise(format!("Check that the receiving account is really the mailbox of {home}."))
}

/// Somebody else did not answer.
fn answerless(way: &Way, diagnosis: Diagnosis) -> Diagnosis {
    let Way { to, home, .. } = *way;
    diagnosis
        .advise(format!("Check that {to} is an address that answers by itself, and that it is switched on."))
        .advise("Many such addresses answer the same sender only once in some days: write to it from another address.")
        .advise(format!("Look for the answer, and for a report of failure, in all folders of {home}."))
}

/// A server on the way could not deliver the message, and has said so.
pub fn bounced(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::Bounced {
        return None;
    }
    let way = Way::of(case.outcome, case.leg());
    let status = case.failure.reply.as_ref().and_then(|reply| reply.enhanced.clone()).unwrap_or_default();
    // RFC 3463 §3: the subject of the status says whose concern it is.
    let (cause, advice) = match status.split('.').nth(1) {
        Some("1") => ("there is no such mailbox", "Check the address letter by letter."),
        Some("2") => {
            ("the mailbox does not take mail (full, or switched off)", "Make room in it, or ask its provider.")
        }
        Some("4") => ("the receiving server could not be reached", "Ask its provider; it may be a passing trouble."),
        Some("7") => {
            ("the receiving server does not want the message", "Its words say which rule it broke: tell your provider.")
        }
        _ => ("a server on the way could not deliver it", "Its words say why: tell your provider."),
    };
    let cause = format!("The {} to {} came back as undeliverable: {cause}.", way.sent(), way.to);
    let left = format!("Delete the report in the inbox of {}: mailtrip deletes only messages of its own.", way.from);
    Some(case.because("bounced", Certain, cause).advise(advice).advise(left))
}

/// What was awaited is in the Junk folder.
pub fn in_junk(case: &Case) -> Option<Diagnosis> {
    let Kind::InJunk { folder } = case.kind() else {
        return None;
    };
    let diagnosis = case.because("in-junk", Certain, junk_cause(case.outcome, case.leg(), folder));
    Some(junk_advice(case.outcome, case.leg(), diagnosis))
}

/// The plain sentence for what is in the Junk folder.
pub fn junk_cause(outcome: &Outcome, leg: Leg, folder: &str) -> String {
    let way = Way::of(outcome, leg);
    format!("The {} arrived at {}, but in the folder {folder}: it was taken for spam.", way.awaited(), way.home)
}

/// What can be done about that, with what the receiver found out about the sender.
pub fn junk_advice(outcome: &Outcome, leg: Leg, diagnosis: Diagnosis) -> Diagnosis {
    let facts = outcome.stages.iter().filter(|record| record.at.leg == leg).flat_map(|record| &record.facts);
    let results = facts.filter_map(|fact| match fact {
        Fact::AuthenticationResults { text } => Some(format!("Authentication-Results: {text}")),
        _ => None,
    });
    let results: Vec<String> = results.collect();
    let way = Way::of(outcome, leg);
    let writer = if way.what == What::Answer { way.to } else { way.from };
    let domain = writer.rsplit_once('@').map_or(writer, |(_, domain)| domain);
    let records = match results.is_empty() {
        true => format!("Check the SPF, DKIM and DMARC records in the DNS of {domain}."),
        false => format!("Where spf, dkim or dmarc is not `pass` above, check these records in the DNS of {domain}."),
    };
    let diagnosis = results.into_iter().fold(diagnosis, Diagnosis::seen);
    diagnosis
        .advise("Mark the message as not spam, and add the sender to the address book of the receiving account.")
        .advise(records)
}

/// The server filed no copy.
pub fn no_copy(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::NoCopy {
        return None;
    }
    Some(no_copy_advice(case.because("no-copy", Certain, NO_COPY)))
}

/// The plain sentence for a copy that the server did not file.
pub const NO_COPY: &str = "The server put no copy of the message into the Sent folder.";

/// What can be done about that.
pub fn no_copy_advice(diagnosis: Diagnosis) -> Diagnosis {
    diagnosis
        .advise("Most servers leave that to the mail program: set `sent = \"append\"` or `\"auto\"` to do as it does.")
        .advise("If this server should file copies, check that `sent_folder` names the right folder.")
}

/// No space for the copy (RFC 5530 `OVERQUOTA`, RFC 9208).
pub fn append_over_quota(case: &Case) -> Option<Diagnosis> {
    if !matches!(case.kind(), Kind::Refused { .. }) || !case.responded(&["OVERQUOTA"]) {
        return None;
    }
    let diagnosis = case.because("over-quota", Certain, "The mailbox is full.");
    Some(diagnosis.advise("Delete mail there (also in Trash and Junk), or ask the provider for more space."))
}
