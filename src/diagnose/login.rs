//! Rules for the sign-in.

use crate::account::{Protocol, Security};
use crate::failure::Kind;
use crate::outcome::{Fact, Status};
use crate::stage::Stage;

use super::case::Case;
use super::known::{self, Provider, SignIn};
use super::wait::wait;
use super::{Certainty::*, Diagnosis};

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
    let setting = match is_unknown_elsewhere(case) {
        true => "`auth = \"auto\"`".to_owned(),
        false => case.setting("auth", "\"auto\""),
    };
    Some(
        case.because("mechanism-not-offered", Certain, cause)
            .seen(format!("mechanisms offered: {}", offered.join(", ")))
            .advise(format!("Set {setting}: it takes what the server offers.")),
    )
}

/// Whether another server of the account does not offer the method either: then it is asked for of all of them.
fn is_unknown_elsewhere(case: &Case) -> bool {
    case.outcome.failed().any(|(record, failure)| {
        let other = record.account == case.record.account && record.at.protocol != case.protocol();
        other && matches!(failure.kind, Kind::MechanismNotOffered { .. })
    })
}

/// The sign-in does not work at the moment.
pub fn temporary(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Login) || !case.is_temporary() {
        return None;
    }
    let cause = format!("{} cannot check passwords at the moment.", case.host());
    Some(
        case.because("login-temporarily-refused", Likely, cause)
            .advise(wait(case, "Try again in some minutes."))
            .advise("The password may be right: the server did not call it wrong.")
            .advise(
                "If it lasts, ask the provider. Some servers say so after too many sign-ins: run the check less often.",
            ),
    )
}

/// The server wants TLS first: RFC 4954 §6 (538), RFC 5530 (PRIVACYREQUIRED), 530 5.7.0 (RFC 3207 §4), which some say at MAIL
/// only. Dovecot's POP3 server says it behind the code of a wrong password.
pub fn encryption_required(case: &Case) -> Option<Diagnosis> {
    let required = case.responded(&["PRIVACYREQUIRED"]) || case.coded(&[538]) || case.about(&["7.11", "7.10"]);
    let plain = case.security() == Some(Security::None);
    let early = plain && case.coded(&[530]);
    let said = plain && case.says(&["starttls", "plaintext authentication disallowed"]);
    let login = case.refused_at(Stage::Login) && (required || early || said);
    let later = case.step().is_some() && early && said;
    if !login && !later {
        return None;
    }
    let cause = format!("{} takes a password only inside TLS.", case.host());
    let certainty = if login && (required || early) { Certain } else { Likely };
    Some(case.because("login-needs-encryption", certainty, cause).advise(encrypt(case)))
}

/// Access by mail programs is switched off, as GMX, WEB.DE, Zoho and Yandex begin every account: there is no code for it.
pub fn switched_off(case: &Case) -> Option<Diagnosis> {
    const OFF: &[&str] = &[
        "nicht aktiviert",
        "not enabled",
        "not activated",
        "yet to enable",
        "access rights to this service",
        "pop3 is disabled",
        "pop is disabled",
        "imap is disabled",
        "smtp is disabled",
        "imap access is disabled",
        "pop access is disabled",
    ];
    if !case.refused_at(Stage::Login) || !case.says(OFF) || case.says(&["invalid credentials"]) {
        return None;
    }
    let protocol = case.protocol();
    let cause = format!("{protocol} is not switched on for the account: that is what the server says.");
    Some(
        case.because("login-not-permitted", Likely, cause)
            .advise(format!("Switch {protocol} access on in the settings of the account's web site."))
            .advise_all(usual_advice(case)),
    )
}

/// The provider wants to see the person first: `[WEBALERT]` and 534 5.7.14 (Gmail), or in words.
pub fn web_login(case: &Case) -> Option<Diagnosis> {
    let asked = case.responded(&["WEBALERT"]) || case.about(&["7.14"]) || case.says(&["via your web browser"]);
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
            .advise(format!("Set {}, the full address.", username_of(case, address(case))))
            .advise_all(whitespace(case))
            .advise_all(elsewhere(case))
            .advise_all(switch_on(case))
            .advise(password(case))
            .advise_all(provider_advice(case)),
    )
}

/// The password has white space at an end, as happens when it is copied.
pub fn password_whitespace(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Login) || whitespace(case).is_none() {
        return None;
    }
    let cause = "The server refused the sign-in. The password begins or ends in white space, which was sent with it.";
    let provider = known::provider(case.host()).filter(|provider| provider.sign_in == SignIn::AppPassword);
    let wanted = provider.map(|Provider { name, word, .. }| format!("Mail programs need {word} at {name}."));
    let diagnosis = case.because("password-edge-whitespace", Likely, cause);
    Some(diagnosis.advise_all(whitespace(case)).advise_all(wanted).advise_all(usual_advice(case).into_iter().skip(1)))
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

/// How servers without response codes say it, such as Cyrus and Courier. By POP3 they refuse so a mailbox that is locked, too.
const WRONG: &[&str] = &[
    "authentication fail",
    "login fail",
    "logon fail",
    "invalid credentials",
    "invalid login",
    "invalid password",
    "incorrect password",
    "wrong password",
];

/// Anything else that the server refused at the sign-in.
pub fn wrong(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Login) {
        return None;
    }
    let credentials = case.code() == Some(535)
        || case.responded(&["AUTHENTICATIONFAILED", "AUTH"])
        || (case.protocol() != Protocol::Pop3 && case.says(WRONG));
    let cause = "The server does not accept this username with this password.";
    let certainty = if credentials { Likely } else { Possible };
    Some(case.because("login-refused", certainty, cause).advise_all(usual_advice(case)))
}

/// What to check whenever a sign-in is refused, the likeliest first.
pub fn usual_advice(case: &Case) -> Vec<String> {
    let mut advice = Vec::from_iter(whitespace(case));
    let right = signed_in_elsewhere(case).is_some_and(|(_, username)| username == case.username());
    let port = between_servers(case);
    advice.extend(port.clone().filter(|_| right));
    let letters = capital_letters(case);
    let other = letters.is_none().then(|| other_address(case)).flatten();
    let usual = (letters.is_none() && other.is_none()).then(|| usual_username(case));
    advice.extend(letters);
    advice.extend(elsewhere(case));
    advice.extend(switch_on(case));
    advice.extend(other);
    advice.extend(open_elsewhere(case));
    advice.push(password(case));
    advice.extend(usual);
    advice.extend(port.filter(|_| !right));
    advice.extend(provider_advice(case));
    if case.protocol() != Protocol::Smtp {
        let protocol = case.protocol();
        advice.push(format!("Some providers have {protocol} switched off: look in the settings of the web site."));
    }
    advice
}

/// Port 25 may offer a sign-in that it lets nobody through by.
fn between_servers(case: &Case) -> Option<String> {
    let between = case.protocol() == Protocol::Smtp && case.port() == Some(25);
    between.then(|| format!("Port 25 is for mail between servers: {}.", case.submission_port()))
}

/// The username is the address in other letters, and to some servers, such as Courier, that is another name.
fn capital_letters(case: &Case) -> Option<String> {
    let (username, address) = (case.username(), address(case));
    (username != address && username.eq_ignore_ascii_case(address)).then(|| {
        let set = username_of(case, address);
        format!("Set {set}: some servers tell capital letters from small ones.")
    })
}

/// The username is an address, and another one than that of the account: it may be misspelt.
fn other_address(case: &Case) -> Option<String> {
    let (username, address) = (case.username(), address(case));
    let is_another = username.contains('@') && username != address;
    (is_another && signed_in_elsewhere(case).is_none()).then(|| {
        let set = username_of(case, address);
        format!("Check the username, {username}: it is not the address. If it has to be that, set {set}.")
    })
}

/// What most servers want.
fn usual_username(case: &Case) -> String {
    match case.username() {
        "" => "Check the username: most servers want the full address.".to_owned(),
        bare if known::wants_local_part(case.host(), case.protocol()) && bare.contains('@') => {
            let local = bare.split('@').next().unwrap_or_default();
            let set = username_of(case, local);
            format!("Set {set}, the part of the address before the @: that is what this provider wants.")
        }
        name if name == address(case) => {
            format!("Check `address` and `username`: {name} is sent exactly like that.")
        }
        name => {
            let set = username_of(case, address(case));
            format!("Check the username, {name}: most servers want the full address, that is {set}.")
        }
    }
}

/// What is off in every new account is the first thing to look at.
fn switch_on(case: &Case) -> Option<String> {
    let provider = known::provider(case.host()).filter(|provider| provider.sign_in == SignIn::SwitchedOn)?;
    Some(format!("{} wants {} switched on in its web site's settings first.", provider.name, provider.word))
}

fn provider_advice(case: &Case) -> Option<String> {
    let told = known::provider(case.host()).is_some_and(|provider| provider.sign_in != SignIn::SwitchedOn);
    (!told).then(|| "If the account uses two-step sign-in, mail programs need an app password.".to_owned())
}

pub fn whitespace(case: &Case) -> Option<String> {
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
    let set = match username == case.username() {
        true => "use exactly the password from there".to_owned(),
        false => format!("set {}, and use the password from there", username_of(case, username)),
    };
    Some(format!("The sign-in over {protocol} as {username} works: {set}."))
}

/// The setting for a username: that of the account, where all its servers have one, else that of the server.
fn username_of(case: &Case, username: &str) -> String {
    let mut own = case.outcome.servers.iter().filter(|server| server.account == case.record.account);
    match own.all(|server| server.username == case.username()) {
        true => format!("`username = \"{username}\"`"),
        false => case.setting("username", &format!("\"{username}\"")),
    }
}

/// A POP3 server without response codes (RFC 2449 §8) refuses a mailbox that is locked like a wrong password.
fn open_elsewhere(case: &Case) -> Option<String> {
    let silent = case.failure.reply.as_ref().is_some_and(|reply| reply.response_code.is_none());
    (case.protocol() == Protocol::Pop3 && silent).then(|| {
        "Or another program has the mailbox open, as POP3 lets in one at a time: close it, and test again.".to_owned()
    })
}

fn password(case: &Case) -> String {
    match known::provider(case.host()) {
        Some(provider) if provider.sign_in == SignIn::AppPassword => format!(
            "If the password is {} already, make a new one: a change of the usual password can end it.",
            provider.word
        ),
        _ => "Check the password: sign in with it on the provider's web site.".to_owned(),
    }
}

/// The address of the account that signs in.
fn address<'a>(case: &Case<'a>) -> &'a str {
    case.address().unwrap_or(&case.outcome.to)
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
