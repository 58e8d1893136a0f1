//! Rules for servers that want something else than the password they got: a token, a password made for one application, a
//! new one.

use crate::failure::Kind;
use crate::stage::Stage;

use super::case::Case;
use super::known::{self, SignIn};
use super::login::{usual_advice, whitespace};
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

/// Microsoft's codes for passwords that are switched off. 5.7.139 is also what a wrong password gets.
pub fn basic_disabled(case: &Case) -> Option<Diagnosis> {
    let certain = case.about(&["7.30"]);
    let coded = certain || (case.about(&["7.139"]) && !case.says(&["credentials were incorrect"]));
    if !case.refused_at(Stage::Login) && case.step().is_none() || !coded {
        return None;
    }
    let cause = "Sign-in with a password is switched off for this mailbox; the server wants OAuth2.";
    let diagnosis = case.because("basic-auth-disabled", if certain { Certain } else { Likely }, cause);
    let administrator = "The administrator of the organisation can allow \"Authenticated SMTP\" for the mailbox, as long as \
                         the provider does.";
    Some(match case.says(&["smtpclientauthentication"]) {
        true => diagnosis.advise(administrator).advise(TOKEN),
        false => diagnosis.advise(TOKEN).advise(administrator),
    })
}

/// How servers ask for a password that is made for one application; the last is what QQ and NetEase call it.
const APP_PASSWORD: &[&str] = &[
    "application-specific password",
    "app-specific password",
    "application password",
    "app password",
    "app-password",
    "authorization code",
];

/// Whether the host is of a provider that wants passwords made for mail programs.
pub fn is_wanted(case: &Case) -> bool {
    known::provider(case.host()).is_some_and(|provider| provider.sign_in == SignIn::AppPassword)
}

/// The provider wants a password made for mail programs.
pub fn app_password(case: &Case) -> Option<Diagnosis> {
    if !case.refused_at(Stage::Login) {
        return None;
    }
    let coded = case.code() == Some(534) && case.about(&["7.9"]);
    let said = coded || case.says(APP_PASSWORD);
    let provider = known::provider(case.host());
    let (name, word) = match provider {
        // What was seen in the password comes before what its kind may be.
        Some(_) if !said && whitespace(case).is_some() => return None,
        Some(provider) if provider.sign_in == SignIn::AppPassword => (provider.name, provider.word),
        _ if said => ("The provider", "an app password"),
        Some(provider) if provider.sign_in == SignIn::Oauth => return Some(oauth_provider(case, provider.name)),
        _ => return None,
    };
    let cause = match said {
        true => format!("{name} does not take the usual password here, but {word}."),
        false => format!("{name} refused the sign-in. Mail programs need {word} there, not the usual password."),
    };
    let diagnosis = case.because("app-password-needed", if coded { Certain } else { Likely }, cause);
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

/// RFC 5530 `EXPIRED`, RFC 4954 432 and 5.7.12: the password has to be renewed.
pub fn password_expired(case: &Case) -> Option<Diagnosis> {
    let bare = case.coded(&[432]) && case.enhanced().is_empty();
    let expired = bare || case.responded(&["EXPIRED"]) || case.about(&["7.12"]);
    if !case.refused_at(Stage::Login) || !expired {
        return None;
    }
    let diagnosis = case.because("password-expired", Certain, "The password has expired.");
    Some(diagnosis.advise("Set a new password on the provider's web site, and use it here."))
}
