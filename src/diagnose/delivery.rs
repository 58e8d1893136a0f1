//! Rules for what happens after the message was taken: arrival, inspection, the sent copy.

use crate::failure::Kind;
use crate::outcome::{Fact, FiledBy, Outcome};
use crate::stage::{Leg, Stage};

use super::case::{Case, within};
use super::{Certainty::*, Diagnosis};

/// The probe did not arrive.
pub fn not_arrived(case: &Case) -> Option<Diagnosis> {
    let Kind::NotArrived { waited_seconds } = case.kind() else {
        return None;
    };
    let waited = within(*waited_seconds);
    let way = Way::of(case);
    let Way { submission, from, to, lacks } = way;
    let cause = match case.passed(submission, Stage::Submit) {
        true => format!("The server took the message, and {} {to} within {waited}.", lacks.to_lowercase()),
        false => format!("{lacks} {to} within {waited}.").replacen("It did", "The message did", 1),
    };
    let mut diagnosis = case.because("not-arrived", Certain, cause);
    let records =
        case.outcome.stages.iter().filter(|record| record.at.leg == submission || record.at.stage == Stage::Copy);
    for fact in records.flat_map(|record| &record.facts) {
        match fact {
            Fact::Accepted { queue_id: Some(id), .. } => {
                diagnosis = diagnosis
                    .seen(format!("queue id at the submission server: {id}"))
                    .advise(format!("Ask the provider of {} what became of the message {id}.", from));
            }
            Fact::SentCopy { folder, filed_by: FiledBy::Server, .. } => {
                diagnosis = diagnosis.seen(format!("the server filed a copy in {folder}: it did take the message"));
            }
            _ => (),
        }
    }
    Some(
        diagnosis
            .advise(
                "It may be queued, delayed (greylisting takes up to 30 minutes), filtered or lost: look again later.",
            )
            .advise("Look into the other folders of the mailbox, and for a bounce in the inbox of the sender.")
            .advise("Check filters, forwarding and blocked senders on the provider's web site.")
            .advise(format!("Check that the receiving account is really the mailbox of {to}.")),
    )
}

/// A server on the way could not deliver the message, and has said so.
pub fn bounced(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::Bounced {
        return None;
    }
    let to = &case.outcome.to;
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
    let diagnosis =
        case.because("bounced", Certain, format!("The message to {to} came back as undeliverable: {cause}."));
    Some(diagnosis.advise(advice).advise("Delete the report in the sender's inbox: it is left there."))
}

/// The direction that an arrival belongs to.
struct Way<'a> {
    submission: Leg,
    from: &'a str,
    to: &'a str,
    lacks: &'static str,
}

impl<'a> Way<'a> {
    fn of(case: &Case<'a>) -> Way<'a> {
        let Outcome { from, to, stages, .. } = case.outcome;
        let replied = stages.iter().any(|record| record.at.leg == Leg::ReplySubmission);
        match case.leg() {
            Leg::ReplyDelivery if replied => {
                Way { submission: Leg::ReplySubmission, from: to, to: from, lacks: "The reply did not reach" }
            }
            Leg::ReplyDelivery => Way { submission: Leg::Submission, from, to: from, lacks: "No answer reached" },
            _ => Way { submission: Leg::Submission, from, to, lacks: "It did not reach" },
        }
    }
}

/// The probe is in the Junk folder.
pub fn in_junk(case: &Case) -> Option<Diagnosis> {
    let Kind::InJunk { folder } = case.kind() else {
        return None;
    };
    let diagnosis = case.because("in-junk", Certain, junk_cause(case.outcome, folder));
    Some(junk_advice(case.outcome, diagnosis))
}

/// The plain sentence for a probe in the Junk folder.
pub fn junk_cause(outcome: &Outcome, folder: &str) -> String {
    format!("The message arrived at {}, but in the folder {folder}: it was taken for spam.", outcome.to)
}

/// What can be done about that, with what the receiver found out about the sender.
pub fn junk_advice(outcome: &Outcome, diagnosis: Diagnosis) -> Diagnosis {
    let results = facts(outcome).filter_map(|fact| match fact {
        Fact::AuthenticationResults { text } => Some(format!("Authentication-Results: {text}")),
        _ => None,
    });
    let results: Vec<String> = results.collect();
    let domain = outcome.from.rsplit_once('@').map_or(outcome.from.as_str(), |(_, domain)| domain);
    let records = match results.is_empty() {
        true => format!("Check the SPF, DKIM and DMARC records in the DNS of {domain}."),
        false => format!("Where spf, dkim or dmarc is not `pass` above, check these records in the DNS of {domain}."),
    };
    let diagnosis = results.into_iter().fold(diagnosis, Diagnosis::seen);
    diagnosis
        .advise("Mark the message as not spam, and add the sender to the address book of the receiving account.")
        .advise(records)
}

/// What arrived is not what was sent.
pub fn altered(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::Altered {
        return None;
    }
    Some(
        case.because("altered", Certain, "The message that arrived is not the one that was sent: its text differs.")
            .advise("Antivirus programs, mailing lists and company gateways add text to mail: switch that off for this mailbox.")
            .advise("If nothing of the kind is in use, show both texts to the provider."),
    )
}

/// A folder is missing.
pub fn no_folder(case: &Case) -> Option<Diagnosis> {
    let missing = *case.kind() == Kind::NoFolder;
    let refused = matches!(case.kind(), Kind::Refused { .. }) && case.responded(&["NONEXISTENT", "TRYCREATE"]);
    if !missing && !refused {
        return None;
    }
    let (cause, key) = match case.stage() {
        Stage::Copy => ("The account has no Sent folder under the name that was looked for.", "`sent_folder`"),
        _ => ("A folder that is needed does not exist.", "`sent_folder` or `junk_folder`"),
    };
    Some(
        case.because("no-folder", Certain, cause)
            .advise(format!("Set {key} to the name as the server has it, such as \"Sent Items\" or \"INBOX.Sent\"."))
            .advise("Or create the folder in a mail program."),
    )
}

/// The server filed no copy.
pub fn no_copy(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::NoCopy {
        return None;
    }
    Some(
        case.because("no-copy", Certain, "The server put no copy of the message into the Sent folder.")
            .advise(
                "Most servers leave that to the mail program: set `sent = \"append\"` or `\"auto\"` to do as it does.",
            )
            .advise("If this server should file copies, check that `sent_folder` names the right folder."),
    )
}

/// No space for the copy (RFC 5530 `OVERQUOTA`, RFC 9208).
pub fn append_over_quota(case: &Case) -> Option<Diagnosis> {
    if !matches!(case.kind(), Kind::Refused { .. }) || !case.responded(&["OVERQUOTA"]) {
        return None;
    }
    let diagnosis = case.because("over-quota", Certain, "The mailbox is full.");
    Some(diagnosis.advise("Delete mail there (also in Trash and Junk), or ask the provider for more space."))
}

/// What was seen anywhere.
fn facts(outcome: &Outcome) -> impl Iterator<Item = &Fact> {
    outcome.stages.iter().flat_map(|record| &record.facts)
}
