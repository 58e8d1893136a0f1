//! What a report of a harmed journey may say.

use mailtrip::failure::Skip;
use mailtrip::outcome::{Concern, Fact, Outcome, StageRecord, Status};
use mailtrip::sandbox::StoredMessage;
use mailtrip::stage::{Leg, Stage};

use super::{Case, Target};

pub fn tells(removal: &StageRecord, folder: &str, uid: u32) -> bool {
    removal.concerns.iter().any(|concern| match concern {
        Concern::LeftBehind { folder: name, uid: told, .. } => name == folder && told.is_none_or(|told| told == uid),
        Concern::LeftMarked { folder: name, uid: told } => name == folder && *told == uid,
        Concern::NotLookedInto { folder: name, .. } => {
            name == folder || (name == "the Sent folder" && folder == "Sent")
        }
        Concern::MayArrive => folder != "Sent",
        _ => false,
    })
}

/// What is said to be removed is not there any more.
pub fn claimed(outcome: &Outcome, messages: impl Fn(&str, &str) -> Vec<StoredMessage>) -> Result<(), String> {
    for record in &outcome.stages {
        for fact in &record.facts {
            let Fact::Removed { folder, uid } = fact else { continue };
            let left = messages(&record.account, folder);
            let ours = |message: &StoredMessage| String::from_utf8_lossy(&message.raw).contains(&outcome.tag);
            let there = left.iter().find(|message| match uid {
                Some(uid) => message.uid == *uid,
                // By POP3 no more is said than how many.
                None => ours(message) && !tells(record, folder, message.uid),
            });
            if let Some(message) = there {
                return Err(format!("{} said that {fact:?}, and message {} is there", record.at, message.uid));
            }
        }
    }
    Ok(())
}

/// What failed belongs to the server that was harmed; what did not fail was done.
pub fn blame(outcome: &Outcome, case: Case) -> Result<(), String> {
    let Some(trouble) = case.trouble else { return Ok(()) };
    for (record, failure) in outcome.failed() {
        // What was waited for in vain has used up the time.
        let late = failure.detail.as_deref().is_some_and(|detail| detail.contains("left of the whole run"));
        if !is_to_blame(outcome, case, record, late, trouble.harm.garbles()) {
            return Err(format!("{} of {} is blamed: {failure:?}", record.at, record.account));
        }
    }
    let arrived =
        outcome.stages.iter().flat_map(|record| &record.facts).any(|fact| matches!(fact, Fact::Arrived { .. }));
    let skipped = outcome.stages.iter().find(|record| matches!(record.status, Status::Skipped(Skip::After { .. })));
    if outcome.failed().next().is_none() && (!arrived || skipped.is_some()) {
        return Err("nothing failed, and yet it is not whole".to_owned());
    }
    Ok(())
}

fn is_to_blame(outcome: &Outcome, case: Case, record: &StageRecord, late: bool, garbled: bool) -> bool {
    let of = |account| !case.kind.two() || record.account == account;
    match (case.target, (record.at.leg, record.at.stage)) {
        (Target::Smtp, (Leg::Submission, _)) | (Target::Back, (Leg::ReplySubmission, _)) => true,
        // The message is lost with the connection, or became another one.
        (Target::Smtp, (Leg::Delivery, Stage::Arrival)) => garbled || failed(outcome, Leg::Submission, Stage::Submit),
        (Target::Back, (Leg::ReplyDelivery, Stage::Arrival)) => {
            garbled || failed(outcome, Leg::ReplySubmission, Stage::Submit)
        }
        (Target::Smtp, (Leg::Delivery, Stage::Inspect)) | (Target::Back, (Leg::ReplyDelivery, Stage::Inspect)) => {
            garbled
        }
        (Target::Smtp, (Leg::Sent, Stage::Copy)) => late && failed(outcome, Leg::Delivery, Stage::Arrival),
        (Target::Back, (Leg::ReplySent, Stage::Copy)) => late && failed(outcome, Leg::ReplyDelivery, Stage::Arrival),
        (Target::Receiver, (Leg::Delivery | Leg::Cleanup, _)) => of("b"),
        (Target::Receiver, (Leg::Sent, _)) => !case.kind.two(),
        (Target::Sender, (Leg::Sent | Leg::ReplyDelivery | Leg::Cleanup, _)) => of("a"),
        (Target::Shelf, (Leg::ReplySent | Leg::Cleanup, _)) => of("b"),
        _ => false,
    }
}

fn failed(outcome: &Outcome, leg: Leg, stage: Stage) -> bool {
    outcome.failed().any(|(record, _)| (record.at.leg, record.at.stage) == (leg, stage))
}
