//! Rules for servers that say: not now, or not so often.

use crate::account::Protocol;
use crate::failure::Step;
use crate::stage::Stage;

use super::case::Case;
use super::credential;
use super::wait::{asked_wait, wait};
use super::{Certainty, Certainty::*, Diagnosis};

const GREYLIST: &[&str] = &["greylist", "graylist", "grey-list", "gray-list", "grey list", "gray list"];

/// Of sign-ins and connections.
pub const TOO_MANY: &[&str] = &[
    "too many",
    "too often",
    "rate limit",
    "ratelimit",
    "limit exceeded",
    "limit reached",
    "maximum number of connections",
    "throttled",
];

/// Of messages.
const SENDING: &[&str] = &[
    "limit exceeded",
    "limit reached",
    "sending limit",
    "sending quota",
    "rate limit",
    "ratelimit",
    "daily ",
    "hourly ",
    "per minute",
    "per hour",
    "per day",
    "per 24 hours",
    "too many messages",
    "too many mails",
    "too many emails",
    "too many connections",
    "too many recipients",
    "too fast",
    "outgoing email quota",
    "submissionquotaexceeded",
    "mail at a rate",
    "unusual sending activity",
];

/// What Postfix says by the codes of greylisting where it looks names up.
const LOOKUP: &[&str] = &["hostname", "host not found", "domain not found", "helo"];

/// Whether the server puts every first attempt off (RFC 6647).
pub fn is_greylisting(case: &Case) -> bool {
    greylisting(case).is_some()
}

/// Most servers say the word. Of the codes, 4.2.0 is Postgrey's, and 4.7.1 that of most others; they have other uses, too.
/// Rspamd greylists after the message, and says no more than "Try again later".
fn greylisting(case: &Case) -> Option<Certainty> {
    let met = case.step().is_some() || case.refused_at(Stage::Greeting);
    if !met || case.protocol() != Protocol::Smtp || !case.is_temporary() {
        return None;
    }
    if case.says(GREYLIST) {
        return Some(Likely);
    }
    let other = case.says(SENDING) || case.says(LOOKUP) || case.says(super::blocked::LISTED) || says_quota(case);
    let usual = match case.step()? {
        Step::Rcpt => case.coded(&[450, 451]) && case.about(&["2.0", "7.1"]),
        Step::Message => case.coded(&[451]) && case.about(&["7.1"]) && case.says(&["try again later"]),
        Step::Mail | Step::Data => false,
    };
    (usual && !other).then_some(Possible)
}

/// Put off on the first attempt, as greylisting does.
pub fn greylisted(case: &Case) -> Option<Diagnosis> {
    let certainty = greylisting(case)?;
    let cause = "The server puts the message off for now, as greylisting does with an unknown sender: whether it would take \
                 it later is not known.";
    let port = match case.port() {
        Some(25) => format!("use the submission port: {}", case.submission_port()),
        _ => format!("check {} and {}", case.key("host"), case.key("port")),
    };
    Some(
        case.because("greylisted", certainty, cause)
            .advise(match asked_wait(case) {
                Some(wait) => format!("Try again in {wait}, as the server asks: a mail server would do so by itself."),
                None => "Try again in 15 to 30 minutes: a mail server would do the same by itself.".to_owned(),
            })
            .advise(format!("A submission server should not do this to its own customers: {port}.")),
    )
}

/// Too many sign-ins or connections: RFC 5530 `LIMIT` and `INUSE`, 421 4.7.0, and what servers say behind other codes.
pub fn sign_ins(case: &Case) -> Option<Diagnosis> {
    let coded = case.responded(&["LIMIT", "INUSE"]) || case.about(&["7.28"]);
    // Yahoo says so to every password that is not made for an application.
    let said = case.says(TOO_MANY) && !(case.coded(&[535]) && credential::is_wanted(case));
    let closing = case.coded(&[421]) && case.about(&["7.0"]);
    if !case.refused_at(Stage::Login) || !(coded || said || closing) {
        return None;
    }
    let cause = format!(
        "{} has seen too many sign-ins or connections in a short time, and takes no more for now.",
        case.host()
    );
    Some(
        case.because("too-many-logins", if coded || said { Likely } else { Possible }, cause)
            .advise(wait(case, "Wait 15 to 60 minutes, then try again: every attempt before that can make it longer."))
            .advise(
                "Run the check less often, and close other mail programs of this account, such as the one on a phone.",
            )
            .advise("An old password in another program uses the attempts up, too: set the new one there."),
    )
}

/// Too many messages: 4.7.28 (IANA: mail flood), Google's 5.4.5, Microsoft's 5.1.90, 5.7.705 and 432 4.3.2, and what servers
/// say behind other codes. One recipient alone is never too many (4.5.3).
pub fn messages(case: &Case) -> Option<Diagnosis> {
    case.step()?;
    let busy = case.coded(&[432]) && case.about(&["3.2"]);
    let daily = case.about(&["1.90"]) || (case.about(&["4.5"]) && !case.is_temporary());
    let coded = busy || daily || case.about(&["7.28", "7.705", "5.3"]);
    let said = (case.says(SENDING) || says_quota(case)) && !case.about(&["2.2"]);
    let closing = case.coded(&[421]) && case.about(&["7.0"]);
    if !(coded || said || closing) {
        return None;
    }
    let cause = "The server takes no more mail from this account for now: it has a limit on messages or connections.";
    let usual = match daily || case.says(&["daily ", "per day", "24 hours"]) {
        true => "Wait until tomorrow: a limit of a day looks back over 24 hours.",
        false => "Wait an hour, then try again.",
    };
    Some(
        case.because("sending-limit", if coded || said { Likely } else { Possible }, cause)
            .advise(wait(case, usual))
            .advise("If a schedule runs this check, let it run less often: its messages count as well.")
            .advise("If the account has sent little, somebody else may send from it: change the password, and ask the provider."),
    )
}

/// "Quota exceeded" is said of mailboxes as well; by the codes of a policy (RFC 3463 §3.8) it is said of the sender.
fn says_quota(case: &Case) -> bool {
    case.says(&["quota exceeded"]) && case.enhanced().contains(".7.")
}
