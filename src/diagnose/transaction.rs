//! Rules for the mail transaction: MAIL, RCPT, DATA and the message (RFC 5321 §3.3, codes of RFC 3463 and RFC 7372).

use crate::failure::{Kind, Step};
use crate::stage::Stage;

use super::case::Case;
use super::way::Way;
use super::{Certainty::*, Diagnosis};

/// Whether the server took the message is not known.
pub fn uncertain(case: &Case) -> Option<Diagnosis> {
    if *case.kind() != Kind::Uncertain {
        return None;
    }
    let way = Way::of(case.outcome, case.leg());
    let (sent, awaited) = (way.sent(), way.awaited());
    let cause = format!("The whole {sent} was sent, but the server's answer was lost: it may have taken it or not.");
    let arrived = case.passed(way.delivery, Stage::Arrival);
    let diagnosis = match arrived {
        true => case
            .because("submission-uncertain", Certain, format!("The server took the {sent}, but its answer was lost."))
            .seen(format!("the {awaited} did arrive")),
        false => case
            .because("submission-uncertain", Certain, cause)
            .advise("Look for the message in the mailbox later. It was not sent again, as it could arrive twice."),
    };
    Some(
        diagnosis
            .advise("Try again. If this comes back, the server is overloaded, or something on the way cuts long waits.")
            .advise("A firewall or an antivirus that reads mail can do that: switch it off for one test."),
    )
}

/// The server wants a sign-in before it takes mail.
pub fn authentication_required(case: &Case) -> Option<Diagnosis> {
    case.step()?;
    if !case.coded(&[530]) {
        return None;
    }
    let cause = "The server takes mail only after a sign-in, and does not count this connection as signed in.";
    Some(
        case.because("authentication-required", Likely, cause)
            .advise(format!(
                "Use the submission port: set {} with {}, or {} with {}.",
                case.setting("port", "587"),
                case.setting("security", "\"starttls\""),
                case.setting("port", "465"),
                case.setting("security", "\"tls\"")
            ))
            .advise("In a mail program this is the option \"My server requires authentication\"."),
    )
}

/// The message is larger than the server takes.
pub fn too_large(case: &Case) -> Option<Diagnosis> {
    case.step()?;
    if !case.about(&["3.4", "2.3"]) {
        return None;
    }
    let cause = "The server calls the message too large, although it is a few kilobytes.";
    Some(case.because("message-too-large", Likely, cause).advise("Tell the provider: its size limit is set wrongly."))
}

/// The mailbox is full.
pub fn mailbox_full(case: &Case) -> Option<Diagnosis> {
    let step = case.step()?;
    let plain = case.coded(&[552]) && case.enhanced().is_empty() && step != Step::Mail;
    if !case.about(&["2.2"]) && !plain {
        return None;
    }
    let cause = format!("The mailbox of {} is full.", Way::of(case.outcome, case.leg()).to);
    let certainty = if plain { Likely } else { Certain };
    let diagnosis = case.because("mailbox-full", certainty, cause);
    Some(diagnosis.advise("Delete mail there (also in Trash and Junk), or ask the provider for more space."))
}

/// Put off on the first attempt, as greylisting does.
pub fn greylisted(case: &Case) -> Option<Diagnosis> {
    let usual = case.about(&["7.1", "2.0"]);
    let bare = case.enhanced().is_empty() || case.about(&["7.0"]);
    if case.step()? != Step::Rcpt || !case.coded(&[450, 451]) || !(usual || bare) {
        return None;
    }
    let cause = "The server puts the message off for now; that is how greylisting treats an unknown sender.";
    Some(
        case.because("greylisted", if usual { Likely } else { Possible }, cause)
            .advise("Try again in 15 to 30 minutes: a mail server would do the same by itself.")
            .advise("A submission server should not do this to its own customers: check `smtp.host` and `smtp.port`."),
    )
}

/// Any other refusal that the server calls temporary.
pub fn temporary(case: &Case) -> Option<Diagnosis> {
    let step = case.step()?;
    if !case.is_temporary() {
        return None;
    }
    let limited = case.coded(&[421]) || case.about(&["7.0", "7.28", "5.3"]);
    let (certainty, cause) = match limited {
        true => (Possible, "The server takes no more mail for now: too many messages or connections in a short time."),
        false => (Likely, "The server cannot take the message at the moment."),
    };
    Some(
        case.because("submission-temporarily-refused", certainty, format!("{cause} It answered so to {step}."))
            .advise("Try again in some minutes.")
            .advise("If a schedule runs this check, let it run less often: providers limit messages by the hour."),
    )
}

/// The sender's address itself is not accepted (RFC 3463: 1.7, 1.8).
pub fn sender_address(case: &Case) -> Option<Diagnosis> {
    case.step()?;
    if !case.about(&["1.7", "1.8"]) {
        return None;
    }
    let cause = format!("The server does not accept {} as a sender.", Way::of(case.outcome, case.leg()).from);
    Some(
        case.because("sender-address-refused", Likely, cause)
            .advise("Check `address`: spelling, and that its domain exists and takes mail."),
    )
}

/// The account may not send from this address.
pub fn sender_not_owned(case: &Case) -> Option<Diagnosis> {
    let step = case.step()?;
    let at_mail = step == Step::Mail && (case.about(&["7.1"]) || case.coded(&[550, 553, 554]));
    let at_rcpt = step == Step::Rcpt && case.coded(&[553]) && case.about(&["7.1"]);
    if !at_mail && !at_rcpt && !case.about(&["7.60"]) {
        return None;
    }
    let cause = format!("The account that signed in may not send as {}.", Way::of(case.outcome, case.leg()).from);
    Some(
        case.because("sender-not-owned", Likely, cause)
            .seen(format!("username: {}", case.username()))
            .advise("Set `address` to the address that belongs to the username.")
            .advise("If the address is an alias, add it as a sender on the provider's web site."),
    )
}

/// The recipient's domain takes no mail (RFC 3463: 1.2, 4.4; RFC 7505: 1.10).
pub fn recipient_domain(case: &Case) -> Option<Diagnosis> {
    if case.step()? != Step::Rcpt || !case.about(&["1.2", "4.4", "1.10"]) {
        return None;
    }
    let to = Way::of(case.outcome, case.leg()).to;
    let domain = to.rsplit_once('@').map_or(to, |(_, domain)| domain);
    let cause = format!("The server finds no mail server for the domain {domain}.");
    Some(
        case.because("recipient-domain", Likely, cause)
            .advise("Check the `address` of the receiving account: its domain."),
    )
}

/// There is no such mailbox.
pub fn recipient_unknown(case: &Case) -> Option<Diagnosis> {
    let known = case.about(&["1.1", "1.6", "2.1"]);
    let plain = case.coded(&[550, 551, 553]) && (case.enhanced().is_empty() || case.about(&["1.0", "1.3", "0.0"]));
    if case.step()? != Step::Rcpt || !(known || plain) {
        return None;
    }
    let cause = format!("The server knows no mailbox {}.", Way::of(case.outcome, case.leg()).to);
    Some(
        case.because("recipient-unknown", if known { Certain } else { Likely }, cause)
            .advise("Check the `address` of the receiving account letter by letter.")
            .advise("If it is right, the mailbox may be closed or suspended: sign in on the provider's web site."),
    )
}

/// The server does not pass mail on to others.
pub fn relay_denied(case: &Case) -> Option<Diagnosis> {
    if case.step()? != Step::Rcpt || !(case.about(&["7.1", "7.0", "7.54"]) || case.coded(&[554])) {
        return None;
    }
    let to = Way::of(case.outcome, case.leg()).to;
    let cause = format!("The server does not pass mail on to {to} for this account.");
    Some(
        case.because("relay-denied", Likely, cause)
            .advise(
                "Check `smtp.host` and `smtp.port`: it has to be the provider's submission server (port 587 or 465).",
            )
            .advise("If the server is right, the provider does not let this account send to that address: ask it why."),
    )
}

/// SPF, DKIM or DMARC (RFC 7372).
pub fn authentication_results(case: &Case) -> Option<Diagnosis> {
    case.step()?;
    if !case.about(&["7.20", "7.21", "7.22", "7.23", "7.24", "7.25", "7.26", "7.27"]) {
        return None;
    }
    let from = Way::of(case.outcome, case.leg()).from;
    let domain = from.rsplit_once('@').map_or(from, |(_, domain)| domain);
    let cause = "The message was rejected because its sender could not be proved (SPF, DKIM or DMARC).";
    Some(
        case.because("sender-not-authenticated", Certain, cause)
            .advise(format!("Check the SPF, DKIM and DMARC records in the DNS of {domain}."))
            .advise("Submit through the server that these records allow: the provider's own."),
    )
}

/// The message was taken for spam, or a rule is against it.
pub fn policy(case: &Case) -> Option<Diagnosis> {
    let step = case.step()?;
    let late = matches!(step, Step::Data | Step::Message);
    if !late || !(case.enhanced().starts_with("5.7.") || case.coded(&[550, 554])) {
        return None;
    }
    let cause = "The server refused the message by its content or by a rule: usually it looked like spam.";
    Some(
        case.because("message-refused", Possible, cause)
            .advise("The server's words above often hold a link or a number: show them to the provider.")
            .advise("The account or the address of this machine may be blocked for sending: sign in on the web site and look."),
    )
}

/// Any other refusal of the submission.
pub fn rejected(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Submit) {
        return None;
    }
    let what = case.step().map_or_else(|| "the submission".to_owned(), |step| step.to_string());
    Some(
        case.because("submission-refused", Possible, format!("The server refused {what}."))
            .advise("Go by the server's own words; show them to the provider if they do not help.")
            .advise("Check `address`, `smtp.host` and `smtp.port`."),
    )
}
