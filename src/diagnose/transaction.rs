//! Rules for the mail transaction: MAIL, RCPT, DATA and the message (RFC 5321 §3.3, codes of RFC 3463 and RFC 7372).

use crate::failure::{Kind, Step};
use crate::stage::Stage;

use super::case::Case;
use super::wait::wait;
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
    // 5.7.57 is Microsoft's.
    let coded = case.coded(&[530]) || case.about(&["7.57"]);
    let said = case.says(&[
        "authentication required",
        "authentication is required",
        "must authenticate",
        "auth command first",
    ]);
    if !coded && !said {
        return None;
    }
    let cause = "The server takes mail only after a sign-in, and does not count this connection as signed in.";
    Some(
        case.because("authentication-required", Likely, cause)
            .advise(format!("Use the submission port: {}.", case.submission_port()))
            .advise("In a mail program this is the option \"My server requires authentication\"."),
    )
}

/// The message is larger than the server takes.
pub fn too_large(case: &Case) -> Option<Diagnosis> {
    let step = case.step()?;
    let coded = case.about(&["3.4", "2.3"]);
    // RFC 1870 §6.1: at MAIL the size is all that 552 can be about.
    let bare = case.enhanced().is_empty() && case.coded(&[552]);
    let said = case.says(&["message size", "too large", "too big", "size limit", "size exceeds"]);
    if !coded && !(bare && (said || step == Step::Mail)) {
        return None;
    }
    let cause = "The server calls the message too large, although it is a few kilobytes.";
    Some(
        case.because("message-too-large", Likely, cause)
            .advise("Tell the provider: its size limit is set wrongly.")
            .advise("If the server is your own, raise its limit (`message_size_limit` in Postfix and in Exim)."),
    )
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

/// Any other refusal that the server calls temporary.
pub fn temporary(case: &Case) -> Option<Diagnosis> {
    let step = case.step()?;
    if !case.is_temporary() {
        return None;
    }
    let cause = format!("The server cannot take the message at the moment. It answered so to {step}.");
    let greylisting =
        "It may be greylisting, which refuses every first attempt: then the same will work half an hour later.";
    let bare = step == Step::Rcpt && case.coded(&[450, 451]) && case.enhanced().is_empty();
    Some(
        case.because("submission-temporarily-refused", Likely, cause)
            .advise(wait(case, "Try again in some minutes."))
            .advise_all(bare.then(|| greylisting.to_owned()))
            .advise("If it lasts, show the server's words to the provider: the trouble is the server's own.")
            .advise("If a schedule runs this check, let it run less often: providers limit messages by the hour."),
    )
}

/// The sender's address itself is not accepted (RFC 3463: 1.7, 1.8; RFC 7505 §4.2: 7.27).
pub fn sender_address(case: &Case) -> Option<Diagnosis> {
    let step = case.step()?;
    let null_mx = matches!(step, Step::Mail | Step::Rcpt) && case.about(&["7.27"]);
    if !case.about(&["1.7", "1.8"]) && !null_mx {
        return None;
    }
    let cause = format!("The server does not accept {} as a sender.", Way::of(case.outcome, case.leg()).from);
    Some(
        case.because("sender-address-refused", Likely, cause)
            .advise("Check `address`: spelling, and that its domain exists and takes mail."),
    )
}

/// How servers say that the sender is not one of the account's; Zoho says it by "Relaying disallowed as".
const NOT_OWNED: &[&str] = &[
    "not owned by",
    "send as this sender",
    "sendasdenied",
    "not allowed to send as",
    "sender address is not allowed",
    "sender is not allowed",
    "relaying disallowed as",
    "must equal authorized user",
    "must be same as authorization user",
];

/// The account may not send from this address. 7.60 and 2.252 are Microsoft's.
pub fn sender_not_owned(case: &Case) -> Option<Diagnosis> {
    let step = case.step()?;
    let at_mail = step == Step::Mail && (case.about(&["7.1"]) || case.coded(&[550, 553, 554]));
    let at_rcpt = step == Step::Rcpt && case.coded(&[553]) && case.about(&["7.1"]);
    if !at_mail && !at_rcpt && !case.about(&["7.60", "2.252"]) && !case.says(NOT_OWNED) {
        return None;
    }
    let from = Way::of(case.outcome, case.leg()).from;
    let cause = format!("The account that signed in may not send as {from}.");
    let address = match case.username() {
        name if name.contains('@') && !name.eq_ignore_ascii_case(from) => {
            format!("Set `address = \"{name}\"`, the address that signs in.")
        }
        _ => "Set `address` to the address that belongs to the username.".to_owned(),
    };
    Some(
        case.because("sender-not-owned", Likely, cause)
            .seen(format!("username: {}", case.username()))
            .advise(address)
            .advise("If the address is an alias, add it as a sender on the provider's web site."),
    )
}

/// The recipient's domain takes no mail (RFC 3463: 1.2, 4.4; RFC 7505: 1.10).
pub fn recipient_domain(case: &Case) -> Option<Diagnosis> {
    if case.step()? != Step::Rcpt || !case.about(&["1.2", "4.4", "1.10"]) {
        return None;
    }
    let way = Way::of(case.outcome, case.leg());
    let domain = way.to.rsplit_once('@').map_or(way.to, |(_, domain)| domain);
    let cause = format!("The server finds no mail server for the domain {domain}.");
    Some(case.because("recipient-domain", Likely, cause).advise(format!("Check {}: its domain.", way.whose_address())))
}

/// There is no such mailbox. Microsoft says so by 5.5.0 and 5.4.1, which mean other things elsewhere.
pub fn recipient_unknown(case: &Case) -> Option<Diagnosis> {
    const UNKNOWN: &[&str] = &[
        "user unknown",
        "unknown user",
        "no such user",
        "mailbox unavailable",
        "does not exist",
        "recipient address rejected: access",
    ];
    let known = case.about(&["1.1", "1.6", "2.1"]);
    let bare = case.enhanced().is_empty() || case.about(&["1.0", "1.3", "0.0"]) || case.says(UNKNOWN);
    let plain = case.coded(&[550, 551, 553]) && bare;
    if case.step()? != Step::Rcpt || !(known || plain) {
        return None;
    }
    let way = Way::of(case.outcome, case.leg());
    let cause = format!("The server knows no mailbox {}.", way.to);
    Some(
        case.because("recipient-unknown", if known { Certain } else { Likely }, cause)
            .advise_all(
                way.signs_in_as(case.outcome)
                    .map(|name| format!("Set `address = \"{name}\"`: that is how the mailbox is signed in to.")),
            )
            .advise(format!("Check {} letter by letter.", way.whose_address()))
            .advise("If it is right, the mailbox may be closed or suspended: sign in on the provider's web site."),
    )
}

/// Exim refuses to relay by a bare 550, like a mailbox that it does not know.
pub fn relay_refused(case: &Case) -> Option<Diagnosis> {
    let coded = case.enhanced().is_empty() || case.enhanced().contains(".7.");
    // Postfix knows nobody "in relay recipient table".
    let said = case.says(&["relay"]) && !case.says(&["recipient table"]);
    (case.step()? == Step::Rcpt && coded && said).then(|| no_relay(case))
}

/// The server does not pass mail on to others.
pub fn relay_denied(case: &Case) -> Option<Diagnosis> {
    let coded = case.about(&["7.1", "7.0", "7.54"]) || case.coded(&[554]);
    (case.step()? == Step::Rcpt && coded).then(|| no_relay(case))
}

fn no_relay(case: &Case) -> Diagnosis {
    let to = Way::of(case.outcome, case.leg()).to;
    let cause = format!("The server does not pass mail on to {to} for this account.");
    let server = match case.port() {
        Some(25) => format!("Port 25 is for mail between servers: {}.", case.submission_port()),
        _ => "Check `smtp.host` and `smtp.port`: it has to be the provider's submission server (port 587 or 465)."
            .to_owned(),
    };
    case.because("relay-denied", Likely, cause)
        .advise(server)
        .advise("If the server is right, the provider does not let this account send to that address: ask it why.")
}

/// SPF, DKIM or DMARC (RFC 7372). Google says 7.27 of SPF, after the message; before it, it is about the sender's domain.
pub fn authentication_results(case: &Case) -> Option<Diagnosis> {
    case.step()?;
    if !case.about(&["7.20", "7.21", "7.22", "7.23", "7.24", "7.26", "7.27"]) {
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

/// A rule is against the message.
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
