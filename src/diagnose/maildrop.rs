//! Rules for a mailbox that POP3 does not open, although nothing is wrong with the password (RFC 2449 §8, RFC 3206).

use crate::account::Protocol;
use crate::failure::{Kind, Reply};
use crate::outcome::{Fact, Outcome, StageRecord};
use crate::stage::Stage;

use super::case::Case;
use super::{Certainty::*, Diagnosis, Verdict, answered};

/// Whether the server let nobody in.
fn kept_out(case: &Case) -> bool {
    let refused = matches!(case.kind(), Kind::Refused { .. })
        && matches!(case.stage(), Stage::Greeting | Stage::Login | Stage::Remove);
    case.protocol() == Protocol::Pop3 && (refused || waited_in_vain(case))
}

fn waited_in_vain(case: &Case) -> bool {
    matches!(case.kind(), Kind::LockedOut { .. })
}

/// Whether this is the clean-up, and nobody was let in before it either: what to do about that is said there.
fn is_still(case: &Case) -> bool {
    let locked_out = |kind: &Kind| matches!(kind, Kind::LockedOut { .. });
    let before = case.outcome.failed().any(|(record, failure)| {
        record.account == case.record.account && record.at.protocol == Protocol::Pop3 && locked_out(&failure.kind)
    });
    case.stage() == Stage::Remove && before
}

/// `[IN-USE]`: somebody else has the mailbox open.
pub fn locked(case: &Case) -> Option<Diagnosis> {
    if !kept_out(case) || !case.responded(&["IN-USE"]) {
        return None;
    }
    if is_still(case) {
        let cause = "The mailbox was still locked when the message was to be taken out of it.";
        return Some(case.because("mailbox-locked", Certain, cause));
    }
    let cause = "The mailbox is locked: another program has it open over POP3, which lets in one at a time.";
    Some(unlock(case.because("mailbox-locked", Certain, cause)))
}

/// No response code, and the same password was right a moment before.
pub fn locked_perhaps(case: &Case) -> Option<Diagnosis> {
    if is_still(case) && kept_out(case) {
        let cause = "The server still refused the sign-in when the message was to be taken out of the mailbox.";
        return Some(case.because("mailbox-locked", Likely, cause));
    }
    if !waited_in_vain(case) {
        return None;
    }
    let cause = "The server refused the sign-in, although the same one had worked before the message was sent. The usual cause \
                 is another program that has the mailbox open: POP3 lets in one at a time.";
    let diagnosis = unlock(case.because("mailbox-locked", Likely, cause));
    Some(diagnosis.advise("Or the server limits how often one may sign in: run the check less often."))
}

/// `[LOGIN-DELAY]`: the last sign-in was not long enough ago.
pub fn too_soon(case: &Case) -> Option<Diagnosis> {
    if !kept_out(case) || !case.responded(&["LOGIN-DELAY"]) {
        return None;
    }
    if is_still(case) {
        let cause = "The server still wanted no sign-in when the message was to be taken out of the mailbox.";
        return Some(case.because("login-too-soon", Certain, cause));
    }
    let cause = match login_delay(case.outcome, case.record) {
        Some(seconds) => {
            format!(
                "{} wants {seconds} s between two sign-ins to a mailbox, and less than that had gone by.",
                case.host()
            )
        }
        None => format!("{} wants more time between two sign-ins to a mailbox than has gone by.", case.host()),
    };
    Some(
        case.because("login-too-soon", Certain, cause)
            .advise("Run the check less often, and let other mail programs, such as the one on a phone, look less often, too.")
            .advise("Give the check more time (`timeout`): it signs in again for each look into the mailbox, as POP3 demands.")
            .advise("Use IMAP for this mailbox where the server has it: it needs no new sign-in for a look."),
    )
}

/// What the server announces (LOGIN-DELAY, RFC 2449 §6.5), in seconds.
fn login_delay(outcome: &Outcome, record: &StageRecord) -> Option<u32> {
    let records =
        outcome.stages.iter().filter(|other| other.account == record.account && other.at.protocol == Protocol::Pop3);
    let mut names = records.flat_map(|record| &record.facts).flat_map(|fact| match fact {
        Fact::Capabilities { names } => names.as_slice(),
        _ => &[],
    });
    names.find_map(|name| {
        let mut words = name.split_whitespace();
        words.next().filter(|word| word.eq_ignore_ascii_case("LOGIN-DELAY"))?;
        words.next()?.parse().ok()
    })
}

/// `[SYS/TEMP]` at a later look; at the first sign-in `login::temporary` says the same.
pub fn temporary(case: &Case) -> Option<Diagnosis> {
    if !kept_out(case) || case.stage() == Stage::Login || !case.responded(&["SYS/TEMP"]) {
        return None;
    }
    let cause =
        format!("{} cannot open mailboxes at the moment: the trouble is the server's own, and passing.", case.host());
    Some(
        case.because("login-temporarily-refused", Certain, cause)
            .advise("Try again in some minutes. Nothing is wrong with the username and password.")
            .advise("If it lasts, ask the provider."),
    )
}

fn unlock(diagnosis: Diagnosis) -> Diagnosis {
    diagnosis
        .advise(
            "Close other mail programs that fetch this mailbox: on another computer, on a phone, or another monitor.",
        )
        .advise("A session that broke off can hold the lock for some minutes: wait ten minutes, and test again.")
        .advise("Use IMAP for this mailbox where the server has it: any number of programs may have it open.")
}

/// It was locked for a while, and was opened in the end.
pub fn busy(record: &StageRecord, times: u32, reply: &Reply) -> Diagnosis {
    let looks = if times == 1 { "one look".to_owned() } else { format!("{times} looks") };
    let (certainty, why) = match reply.response_code.as_deref().and_then(|code| code.split(' ').next()) {
        Some("IN-USE") => (Certain, "another program had it open"),
        Some("LOGIN-DELAY") => (Certain, "the server wanted more time between two sign-ins"),
        _ => (Likely, "another program had it open, or the server wanted more time between two sign-ins"),
    };
    let cause = format!(
        "At {looks} for the message the mailbox could not be opened: {why}. The arrival may have been earlier than it was \
         noticed."
    );
    Diagnosis::new("mailbox-busy", Verdict::Ok, Some(record.at), certainty, cause).seen(answered(reply))
}

/// It has arrived, and was seen late because the server wanted no sign-in before: Courier announces 10 seconds unless it is
/// told otherwise.
pub fn held_off(outcome: &Outcome, record: &StageRecord, earlier_by_at_most_seconds: f64) -> Option<String> {
    let seconds = login_delay(outcome, record).filter(|_| record.at.protocol == Protocol::Pop3)?;
    let is_why = seconds > 0 && earlier_by_at_most_seconds * 2.0 >= f64::from(seconds);
    let host = outcome.server(record).map_or("The server", |server| server.host.as_str());
    is_why.then(|| {
        format!(
            "{host} wants {seconds} s between two sign-ins, and POP3 needs a new sign-in for each look into the mailbox: \
             the message may have arrived earlier than it was noticed."
        )
    })
}
