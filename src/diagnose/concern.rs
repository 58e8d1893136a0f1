//! What was not right although the stage did its work.

use crate::failure::Reply;
use crate::outcome::{Concern, Dialled, Outcome, Role, StageRecord};
use crate::stage::Stage;

use super::case::{dialled, family};
use super::delivery::{NO_COPY, junk_advice, junk_cause, no_copy_advice};
use super::way::Way;
use super::{Certainty, Certainty::*, Diagnosis, Verdict, answered, folder, is_clean_up, leftover};

/// The explanation of a concern: there is always one.
pub fn explain(outcome: &Outcome, record: &StageRecord, concern: &Concern) -> Diagnosis {
    let warn = |code, certainty: Certainty, cause: String| {
        Diagnosis::new(code, Verdict::Warning, Some(record.at), certainty, cause)
    };
    match concern {
        Concern::AddressFailed { address, result } => address_failed(outcome, record, address, *result, &warn),
        Concern::RelaysWithoutAuthentication { reply } => relays(outcome, record, reply, &warn),
        Concern::FoundInJunk { folder } => {
            let leg = record.at.leg;
            junk_advice(outcome, leg, warn("in-junk", Certain, junk_cause(outcome, leg, folder)))
        }
        Concern::Duplicate { times } => {
            let what = Way::of(outcome, record.at.leg).awaited();
            let cause = format!("The {what} arrived {times} times, although it was sent once.");
            warn("duplicate", Certain, cause)
                .advise("Look for a rule, a forwarding or an alias that delivers mail to this mailbox a second time.")
                .advise("If there is none, the provider's servers deliver mail twice: tell the provider.")
        }
        Concern::NoSentFolder => {
            let diagnosis =
                warn("no-sent-folder", Certain, "The account has no Sent folder that could be found.".into());
            folder::instead(outcome, record, Role::Sent, diagnosis)
                .advise("Or create a folder \"Sent\" in a mail program.")
        }
        Concern::NoCopy { why } => no_copy_advice(warn("no-copy", Certain, NO_COPY.into())).seen(why.as_str()),
        Concern::NotSelectable { folder, why } => {
            let role = if record.at.stage == Stage::Copy { Role::Sent } else { Role::Junk };
            let diagnosis = warn("not-selectable", Certain, folder::closed(folder)).seen(why.as_str());
            folder::open_it(folder::instead(outcome, record, role, diagnosis))
        }
        Concern::ReadOnly { folder, why } => {
            let cause = format!("The server lets {folder} be read only: mailtrip cannot remove its messages there.");
            warn("read-only", Certain, cause)
                .advise("Give this account the right to delete messages in that folder (ACL).")
                .advise("If another program has the mailbox open, close it there: some servers let only one change it.")
                .seen(why.as_str())
        }
        Concern::LeftBehind { folder, why, uid } => {
            let cause = format!("{} could not be removed from {folder}.", leftover::whose(outcome, record, *uid));
            left(outcome, record, warn("left-behind", Certain, cause), *uid).seen(why.as_str())
        }
        Concern::LeftMarked { folder, uid } => left_marked(outcome, record, folder, *uid, &warn),
        Concern::MayArrive => warn(
            "may-arrive",
            Certain,
            "The message was not found, and may still arrive after this verification.".into(),
        )
        .advise(by_hand(outcome)),
        Concern::NotLookedInto { folder, why } if is_clean_up(outcome) => {
            let cause = format!("{folder} was not looked into to its end: messages of mailtrip may still be there.");
            warn("not-looked-into", Certain, cause).advise("Run `mailtrip clean` again.").seen(why.as_str())
        }
        Concern::NotLookedInto { folder, why } => {
            let cause =
                format!("{folder} could not be looked into: a message of this verification may still be there.");
            warn("not-looked-into", Certain, cause).advise(by_hand(outcome)).seen(why.as_str())
        }
    }
}

fn relays(
    outcome: &Outcome,
    record: &StageRecord,
    reply: &Reply,
    warn: &dyn Fn(&'static str, Certainty, String) -> Diagnosis,
) -> Diagnosis {
    let host = outcome.server(record).map_or("the server", |server| server.host.as_str());
    let cause = format!(
        "From this network, {host} takes mail for foreign domains without a sign-in: it trusts this machine's address, \
         or it does so for anyone."
    );
    warn("relays-without-authentication", Likely, cause)
        .advise(
            "Run the check from another network, such as a mobile phone's: if it warns there too, anyone can send mail \
             through this server.",
        )
        .advise(
            "On a server of your own, let submission need a sign-in from everywhere: in Postfix, leave \
             `permit_mynetworks` out of that service's restrictions. Else tell the provider.",
        )
        .advise("Where this network is trusted on purpose, set `smtp.expect_auth = false`.")
        .seen(answered(reply))
}

fn address_failed(
    outcome: &Outcome,
    record: &StageRecord,
    address: &str,
    result: Dialled,
    warn: &dyn Fn(&'static str, Certainty, String) -> Diagnosis,
) -> Diagnosis {
    let host = outcome.server(record).map_or("the server", |server| server.host.as_str());
    let family = family(address);
    let cause =
        format!("Of the addresses of {host} one works, and {address} ({family}) does not: {}.", dialled(result));
    let diagnosis = warn("address-failed", Certain, cause);
    match (family, result) {
        ("IPv6", Dialled::NoRoute) => {
            diagnosis.advise("This machine has no IPv6; mail programs that try it first are slowed down.")
        }
        ("IPv6", Dialled::Unreachable | Dialled::NoAnswer) => diagnosis
            .advise("Check IPv6 on this machine and its router: mail programs that try it first wait for nothing.")
            .advise("If IPv6 works for other servers, tell the provider which address does not answer."),
        _ => diagnosis.advise("Tell the provider which address does not answer: mail programs may choose it."),
    }
}

fn left_marked(
    outcome: &Outcome,
    record: &StageRecord,
    folder: &str,
    uid: u32,
    warn: &dyn Fn(&'static str, Certainty, String) -> Diagnosis,
) -> Diagnosis {
    let cause = format!(
        "{} is still in {folder}, marked as deleted: removing it there would have removed other marked messages with it.",
        leftover::whose(outcome, record, Some(uid))
    );
    left(outcome, record, warn("left-marked", Certain, cause), Some(uid))
        .advise("Or let a mail program compact (expunge) the folder, if the other marked messages may go as well.")
}

fn left(outcome: &Outcome, record: &StageRecord, diagnosis: Diagnosis, uid: Option<u32>) -> Diagnosis {
    let diagnosis = match leftover::is_one(outcome, record, uid) {
        true => diagnosis.advise("Delete it by hand: it has `mailtrip probe` in its subject."),
        false => diagnosis.advise(by_hand(outcome)),
    };
    match uid {
        Some(uid) => diagnosis.seen(format!("UID {uid}")),
        None => diagnosis,
    }
}

fn by_hand(outcome: &Outcome) -> String {
    format!("Delete the message with {} in its subject by hand, or let `mailtrip clean` do it later.", outcome.tag)
}
