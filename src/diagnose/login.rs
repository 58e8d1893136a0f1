//! Rules for the sign-in.

use crate::account::{Protocol, Security};
use crate::failure::Kind;
use crate::outcome::{Fact, Status};
use crate::stage::{Leg, Stage};

use super::case::Case;
use super::known::{self, SignIn};
use super::{Certainty::*, Diagnosis};

/// What to do where a password gets nobody in.
const TOKEN: &str = "Give the account a token instead of the password: `oauth2` or `token` in the configuration.";

/// Only OAuth2 is offered.
pub fn oauth_only(case: &Case) -> Option<Diagnosis> {
    let Kind::NoMechanism { offered } = case.kind() else {
        return None;
    };
    if !offered.iter().any(|name| ["XOAUTH2", "OAUTHBEARER"].iter().any(|oauth| name.eq_ignore_ascii_case(oauth))) {
        return None;
    }
    if case.facts(Stage::Token).next().is_some() {
        return None;
    }
    let cause = format!("{} takes no passwords, only OAuth2 (a sign-in in the browser).", case.host());
    Some(
        case.because("oauth-only", Certain, cause)
            .seen(format!("mechanisms offered: {}", offered.join(", ")))
            .advise(TOKEN)
            .advise("If the account is your organisation's, its administrator may allow passwords for this mailbox."),
    )
}

/// Nothing is offered because the connection is not encrypted yet.
pub fn hidden_until_tls(case: &Case) -> Option<Diagnosis> {
    let no_mechanism = matches!(case.kind(), Kind::NoMechanism { offered } if offered.is_empty());
    if !no_mechanism || case.security()? != Security::None {
        return None;
    }
    let cause = format!("{} offers no sign-in on an unencrypted connection.", case.host());
    Some(case.because("login-needs-encryption", Likely, cause).advise(encrypt(case)))
}

/// Nothing is offered that can be used here.
pub fn no_mechanism(case: &Case) -> Option<Diagnosis> {
    let Kind::NoMechanism { offered } = case.kind() else {
        return None;
    };
    if offered.is_empty() {
        let cause = format!("{} offers no sign-in on port{}.", case.host(), case.port_number());
        let diagnosis = case.because("no-mechanism", Certain, cause);
        return Some(match case.port() {
            Some(25) => diagnosis.advise(format!(
                "Port 25 is for mail between servers. Set {} with {}.",
                case.setting("port", "587"),
                case.setting("security", "\"starttls\"")
            )),
            _ => diagnosis.advise(format!("Check {} and {}.", case.key("host"), case.key("port"))),
        });
    }
    if case.facts(Stage::Token).next().is_some() {
        let cause = format!("{} takes no tokens on port{}.", case.host(), case.port_number());
        let diagnosis = case.because("no-token-mechanism", Certain, cause);
        let seen = format!("mechanisms offered: {}", offered.join(", "));
        return Some(diagnosis.seen(seen).advise("Sign in by a `password` there, if the provider allows one."));
    }
    let cause = format!("{} offers only sign-in methods that mailtrip does not have.", case.host());
    Some(
        case.because("no-mechanism", Certain, cause)
            .seen(format!("mechanisms offered: {}", offered.join(", ")))
            .advise("Ask the provider to allow PLAIN or LOGIN inside TLS, which every mail program can use."),
    )
}

/// The configuration asks for a method that is not offered.
pub fn mechanism_not_offered(case: &Case) -> Option<Diagnosis> {
    let Kind::MechanismNotOffered { wanted, offered } = case.kind() else {
        return None;
    };
    let cause = format!("{} does not offer {wanted}, which `auth` asks for. Nothing was sent.", case.host());
    Some(
        case.because("mechanism-not-offered", Certain, cause)
            .seen(format!("mechanisms offered: {}", offered.join(", ")))
            .advise(format!("Set {}: it takes what the server offers.", case.setting("auth", "\"auto\""))),
    )
}

/// The sign-in does not work at the moment.
pub fn temporary(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Login) || !case.is_temporary() {
        return None;
    }
    let cause = format!("{} cannot check passwords at the moment, or has seen too many sign-ins.", case.host());
    Some(
        case.because("login-temporarily-refused", Likely, cause)
            .advise("Try again in some minutes. The password may be right: the server did not call it wrong.")
            .advise("Run the check less often, and close other mail programs: there are limits on sign-ins."),
    )
}

/// The server wants TLS first: RFC 4954 §6 (538), RFC 5530 (PRIVACYREQUIRED), 530 5.7.0.
pub fn encryption_required(case: &Case) -> Option<Diagnosis> {
    let required = case.responded(&["PRIVACYREQUIRED"]) || case.coded(&[538]) || case.about(&["7.11", "7.10"]);
    let early = case.coded(&[530]) && case.security() == Some(Security::None);
    if !case.refused_at(Stage::Login) || !(required || early) {
        return None;
    }
    let cause = format!("{} takes a password only inside TLS.", case.host());
    Some(case.because("login-needs-encryption", Certain, cause).advise(encrypt(case)))
}

/// Microsoft's codes for passwords that are switched off.
pub fn basic_disabled(case: &Case) -> Option<Diagnosis> {
    let certain = case.about(&["7.30"]);
    if !case.refused_at(Stage::Login) && case.step().is_none() || !(certain || case.about(&["7.139"])) {
        return None;
    }
    let cause = "Sign-in with a password is switched off for this mailbox; the server wants OAuth2.";
    Some(
        case.because("basic-auth-disabled", if certain { Certain } else { Likely }, cause)
            .advise("The administrator of the organisation can allow \"Authenticated SMTP\" for the mailbox, as long as the provider does.")
            .advise(TOKEN),
    )
}

/// The provider wants a password made for mail programs.
pub fn app_password(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Login) {
        return None;
    }
    let said = case.code() == Some(534) && case.about(&["7.9"]);
    let provider = known::provider(case.host());
    let (name, word) = match provider {
        Some(provider) if provider.sign_in == SignIn::AppPassword => (provider.name, provider.word),
        _ if said => ("The provider", "an app password"),
        Some(provider) if provider.sign_in == SignIn::Oauth => return Some(oauth_provider(case, provider.name)),
        _ => return None,
    };
    let cause = match said {
        true => format!("{name} does not take the usual password here, but {word}."),
        false => format!("{name} refused the sign-in. Mail programs need {word} there, not the usual password."),
    };
    let diagnosis = case.because("app-password-needed", if said { Certain } else { Likely }, cause);
    let make = format!("Make {word} in the security settings of the account's web site, and use it as the password.");
    Some(diagnosis.advise(make).advise_all(usual_advice(case)))
}

fn oauth_provider(case: &Case, name: &str) -> Diagnosis {
    let cause = format!("{name} refused the sign-in. Most of its mailboxes take OAuth2 only, and no password.");
    case.because("oauth-needed", Likely, cause)
        .advise(TOKEN)
        .advise("In an organisation, the administrator may allow passwords (\"Authenticated SMTP\") for this mailbox.")
        .advise_all(usual_advice(case))
}

/// The provider wants to see the person first: Gmail's `[WEBALERT]` and 534 5.7.14.
pub fn web_login(case: &Case) -> Option<Diagnosis> {
    let asked = case.responded(&["WEBALERT", "CONTACTADMIN"]) || case.about(&["7.14"]);
    if !case.refused_at(Stage::Login) || !asked {
        return None;
    }
    let cause = "The provider holds the account back until its owner signs in on the web site.";
    Some(
        case.because("web-login-needed", Likely, cause)
            .advise("Sign in on the provider's web site and confirm what it asks, then test again.")
            .advise_all(usual_advice(case)),
    )
}

/// RFC 5530 `EXPIRED`, RFC 4954 432 and 5.7.12: the password has to be renewed.
pub fn password_expired(case: &Case) -> Option<Diagnosis> {
    let expired = case.responded(&["EXPIRED"]) || case.coded(&[432]) || case.about(&["7.12"]);
    if !case.refused_at(Stage::Login) || !expired {
        return None;
    }
    let diagnosis = case.because("password-expired", Certain, "The password has expired.");
    Some(diagnosis.advise("Set a new password on the provider's web site, and use it here."))
}

/// The method of sign-in was refused, not the password: 500, 502, 503, 504 (RFC 4954 §4).
pub fn mechanism_refused(case: &Case) -> Option<Diagnosis> {
    let refused = case.coded(&[500, 501, 502, 503, 504]) || (case.code() == Some(534) && !case.about(&["7.14"]));
    if !case.refused_at(Stage::Login) || !refused {
        return None;
    }
    let cause = format!("{} does not take this method of sign-in.", case.host());
    Some(
        case.because("mechanism-refused", Likely, cause)
            .advise("Leave `auth` at \"auto\", or set it to another method that the server offers.")
            .advise(format!("Check {}: submission is on port 587 or 465.", case.key("port"))),
    )
}

/// The username has no domain, and nearly every server wants the full address.
pub fn username(case: &Case) -> Option<Diagnosis> {
    let bare = case.record.facts.iter().any(|fact| matches!(fact, Fact::UsernameWithoutDomain { .. }));
    // The same username was let in over another protocol: it is not what is wrong.
    let right = signed_in_elsewhere(case).is_some_and(|(_, username)| username == case.username());
    let wanted = right || known::wants_local_part(case.host(), case.protocol());
    if !case.refused_at(Stage::Login) || !bare || wanted {
        return None;
    }
    let username = case.username();
    let cause = "The server refused the sign-in. The username has no domain; most servers want the full address.";
    Some(
        case.because("username-without-domain", Likely, cause)
            .seen(format!("username: {username}"))
            .advise(format!("Set `username = \"{}\"`, the full address.", address(case)))
            .advise_all(whitespace(case))
            .advise_all(elsewhere(case))
            .advise(password())
            .advise_all(provider_advice(case)),
    )
}

/// The password has white space at an end, as happens when it is copied.
pub fn password_whitespace(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Login) || whitespace(case).is_none() {
        return None;
    }
    let cause = "The server refused the sign-in. The password begins or ends in white space, which was sent with it.";
    Some(case.because("password-edge-whitespace", Likely, cause).advise_all(usual_advice(case)))
}

/// The password is right, and the account may not do this (RFC 5530 `AUTHORIZATIONFAILED`, `NOPERM`).
pub fn not_permitted(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Login) || !case.responded(&["AUTHORIZATIONFAILED", "NOPERM", "SYS/PERM"]) {
        return None;
    }
    let protocol = case.protocol();
    let cause = format!("The account may not use {protocol}: the server did not call the password wrong.");
    Some(
        case.because("login-not-permitted", Likely, cause)
            .advise(format!("Switch {protocol} access on in the settings of the account's web site."))
            .advise_all(usual_advice(case)),
    )
}

/// Anything else that the server refused at the sign-in.
pub fn wrong(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Login) {
        return None;
    }
    let credentials = case.code() == Some(535) || case.responded(&["AUTHENTICATIONFAILED", "AUTH"]);
    let cause = "The server does not accept this username with this password.";
    let certainty = if credentials { Likely } else { Possible };
    Some(case.because("login-refused", certainty, cause).advise_all(usual_advice(case)))
}

/// What to check whenever a sign-in is refused, the likeliest first.
fn usual_advice(case: &Case) -> Vec<String> {
    let mut advice = Vec::from_iter(whitespace(case));
    advice.extend(elsewhere(case));
    advice.extend(open_elsewhere(case));
    advice.push(password());
    advice.push(match case.username() {
        "" => "Check the username: most servers want the full address.".to_owned(),
        bare if known::wants_local_part(case.host(), case.protocol()) && bare.contains('@') => {
            "Set `username` to the part of the address before the @: that is what this provider wants.".to_owned()
        }
        name if name.contains('@') => format!("Check the username, {name}: it is sent exactly like that."),
        name => format!("Check the username, {name}: most servers want the full address."),
    });
    advice.extend(provider_advice(case));
    if case.protocol() != Protocol::Smtp {
        let protocol = case.protocol();
        advice.push(format!("Some providers have {protocol} switched off: look in the settings of the web site."));
    }
    advice
}

fn provider_advice(case: &Case) -> Option<String> {
    match known::provider(case.host()) {
        Some(provider) if provider.sign_in == SignIn::SwitchedOn => {
            Some(format!("{} wants {} switched on in its web site's settings first.", provider.name, provider.word))
        }
        Some(_) => None,
        None => Some("If the account uses two-step sign-in, mail programs need an app password.".to_owned()),
    }
}

fn whitespace(case: &Case) -> Option<String> {
    let seen = case.record.facts.iter().any(|fact| matches!(fact, Fact::PasswordEdgeWhitespace));
    seen.then(|| {
        "Remove the white space at the beginning or end of the password, if it does not belong there.".to_owned()
    })
}

/// The protocol over which the same account was let in, and its username there.
fn signed_in_elsewhere<'a>(case: &Case<'a>) -> Option<(Protocol, &'a str)> {
    let other = case.outcome.stages.iter().find(|record| {
        let login = record.at.stage == Stage::Login && record.status == Status::Passed;
        login && record.account == case.record.account && record.at.protocol != case.protocol()
    })?;
    Some((other.at.protocol, &case.outcome.server(other)?.username))
}

fn elsewhere(case: &Case) -> Option<String> {
    let (protocol, username) = signed_in_elsewhere(case)?;
    Some(format!("The sign-in over {protocol} as {username} works: use the username and password from there."))
}

/// A POP3 server without response codes (RFC 2449 §8) refuses a mailbox that is locked like a wrong password.
fn open_elsewhere(case: &Case) -> Option<String> {
    let silent = case.failure.reply.as_ref().is_some_and(|reply| reply.response_code.is_none());
    (case.protocol() == Protocol::Pop3 && silent).then(|| {
        "Or another program has the mailbox open, as POP3 lets in one at a time: close it, and test again.".to_owned()
    })
}

fn password() -> String {
    "Check the password: sign in with it on the provider's web site.".to_owned()
}

/// The address of the account that signs in.
fn address<'a>(case: &Case<'a>) -> &'a str {
    match case.leg() {
        Leg::Submission | Leg::Sent | Leg::ReplyDelivery => &case.outcome.from,
        Leg::Delivery | Leg::ReplySubmission | Leg::ReplySent | Leg::Cleanup => &case.outcome.to,
    }
}

fn encrypt(case: &Case) -> String {
    format!(
        "Set {} with {}, or {} with {}.",
        case.setting("security", "\"tls\""),
        case.setting("port", &known::tls_port(case.protocol()).to_string()),
        case.setting("security", "\"starttls\""),
        case.setting("port", &known::starttls_port(case.protocol()).to_string())
    )
}
