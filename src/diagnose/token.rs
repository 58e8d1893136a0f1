//! Rules for access tokens (OAuth 2.0): getting one, and signing in by it.

use crate::account::Protocol;
use crate::failure::Kind;
use crate::outcome::Fact;
use crate::stage::Stage;

use super::case::{Case, within};
use super::known;
use super::{Certainty::*, Diagnosis};

/// The provider gives none (RFC 6749 §5.2).
pub fn refused(case: &Case) -> Option<Diagnosis> {
    let Kind::TokenRefused { error, description } = case.kind() else {
        return None;
    };
    let diagnosis = match error.as_str() {
        "invalid_grant" => consent_lost(case),
        "invalid_client" | "unauthorized_client" => {
            let cause = "The provider does not take the application: its id or secret is wrong, or it may not ask so.";
            let check =
                "Check `client_id` and `client_secret` with the provider's page for the application: secrets expire.";
            case.because("token-client-refused", Certain, cause).advise(check)
        }
        "invalid_scope" | "interaction_required" | "consent_required" => {
            let cause = "The provider does not give the application what it asks for: nobody has consented to it.";
            let consent =
                "Check `scope`; sign in and consent again with the application, or let the administrator consent.";
            case.because("token-scope-refused", Likely, cause).advise(consent)
        }
        "temporarily_unavailable" | "server_error" => {
            let cause = "The provider cannot give a token at the moment.";
            case.because("token-temporarily-refused", Certain, cause).advise("Try again in some minutes.")
        }
        _ => {
            let check = "Go by its own words; check the keys of `oauth2` with the provider's page for the application.";
            case.because("token-refused", Certain, "The provider gives no token.").advise(check)
        }
    };
    let said = description.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    Some(diagnosis.seen(format!("the provider answered: {error}{said}")))
}

fn consent_lost(case: &Case) -> Diagnosis {
    let cause = "The provider no longer takes the refresh token: it has expired, or the consent was taken back.";
    case.because("token-consent-lost", Likely, cause)
        .advise("Sign in and consent again with the application, and store the new refresh token.")
        .advise(
            "It also ends when the password is changed, after months without use, and, for an application in testing at \
             Google, after a week.",
        )
}

/// There is none, for another reason.
pub fn unavailable(case: &Case) -> Option<Diagnosis> {
    if case.stage() != Stage::Token || *case.kind() == Kind::Interrupted {
        return None;
    }
    if *case.kind() == Kind::Local {
        let cause = "The command that is to give the token did not, so nothing is known of the mailbox.";
        let diagnosis = case.because("token-command-failed", Certain, cause);
        return Some(diagnosis.advise("Run the command by hand: the token alone has to be on its standard output."));
    }
    if let Kind::TokenUnavailable { status: 429 | 500.. } = case.kind() {
        let cause = "The token endpoint is out of service at the moment, or is asked too often.";
        let diagnosis = case.because("token-temporarily-refused", Certain, cause).advise("Try again in some minutes.");
        return Some(diagnosis.advise("If it lasts, look at the provider's status page."));
    }
    let diagnosis = case.because("token-unavailable", Certain, no_answer(case.kind()));
    let other = "It may be another page of the provider, or the sign-in page of the network that this machine is in.";
    let answered = matches!(case.kind(), Kind::TokenUnavailable { .. });
    Some(
        diagnosis
            .advise_all(answered.then(|| other.to_owned()))
            .advise("Check `token_url`, or the `provider` and `tenant` of `oauth2`.")
            .advise("The token endpoint is reached directly over HTTPS: no proxy is used.")
            .advise("For a certificate authority of your own, give its certificate as `ca_file`."),
    )
}

/// Why the token endpoint gave no token, nor said why.
fn no_answer(kind: &Kind) -> String {
    let why = match kind {
        Kind::TokenUnavailable { .. } => {
            return "What answered for the token endpoint does not give tokens.".to_owned();
        }
        Kind::Timeout { limit_seconds } => {
            let waited = within(*limit_seconds);
            return format!(
                "No token came within {waited}: where it comes from, a token endpoint or a command, does not answer."
            );
        }
        Kind::HostNotFound => "its host name has no address",
        Kind::ResolverFailed => "DNS does not work",
        Kind::ConnectionRefused => "its port is closed",
        Kind::Unreachable => "there is no way to it",
        Kind::NoAnswer => "it does not answer",
        Kind::ConnectionLost => "the connection was cut",
        Kind::Malformed => "what answers there does not speak HTTP",
        _ => "no TLS connection to it that can be trusted comes about",
    };
    format!("The token endpoint cannot be asked: {why}.")
}

/// Microsoft's code for submission that is switched off: 535 5.7.139 SmtpClientAuthentication is disabled.
pub fn submission_off(case: &Case) -> Option<Diagnosis> {
    if !by_token(case) || case.protocol() != Protocol::Smtp || !case.about(&["7.139"]) {
        return None;
    }
    let cause = "Submission by mail programs (\"Authenticated SMTP\") is switched off for this mailbox.";
    Some(
        case.because("submission-switched-off", Likely, cause)
            .advise("The administrator of the organisation can switch it on for the mailbox."),
    )
}

/// The server does not take the token.
pub fn not_taken(case: &Case) -> Option<Diagnosis> {
    let method = case.coded(&[500, 501, 502, 503, 504]);
    if !by_token(case) || method || case.is_temporary() {
        return None;
    }
    let protocol = case.protocol();
    let cause = format!("The server does not accept this token for {protocol} and this username.");
    let old = "A token lives an hour or so: get a new one, or let mailtrip do it (`oauth2`).".to_owned();
    let stale = "A token lives an hour or so: check that the command does not give an old one.".to_owned();
    let scope = asked_scope(case).map(|scope| format!("The token has to be good for the scope {scope}."));
    let microsoft = known::provider(case.host()).is_some_and(|provider| provider.name == "Microsoft");
    let usual = match (microsoft, protocol) {
        (false, _) => format!("Check that the token is good for mail, and for {protocol} in particular."),
        (true, Protocol::Smtp) => "The token has to have the scope SMTP.Send, or the role SMTP.SendAsApp.".to_owned(),
        (true, Protocol::Imap) => {
            "The token has to have the scope IMAP.AccessAsUser.All, or the role IMAP.AccessAsApp.".to_owned()
        }
        (true, Protocol::Pop3) => {
            "The token has to have the scope POP.AccessAsUser.All, or the role POP.AccessAsApp.".to_owned()
        }
    };
    let username = match case.username() {
        "" => "Check the username: it has to be the mailbox that the token was given for.".to_owned(),
        name => format!("Check the username, {name}: it has to be the mailbox that the token was given for."),
    };
    let own_name = "An application that asks in its own name has to be given the mailbox (New-ServicePrincipal, \
                    Add-MailboxPermission in Exchange).";
    Some(
        case.because("token-not-accepted", Likely, cause)
            .advise_all(Some(old).filter(|_| from(case) == Some("configuration")))
            .advise_all(scope)
            .advise(usual)
            .advise_all(Some(stale).filter(|_| from(case) == Some("command")))
            .advise(username)
            .advise(format!("Switch {protocol} on for the mailbox, in its settings or by the administrator."))
            .advise_all(microsoft.then(|| own_name.to_owned())),
    )
}

/// A refused sign-in by a token.
fn by_token(case: &Case) -> bool {
    let token = |fact: &Fact| matches!(fact, Fact::Token { .. });
    case.refused_at(Stage::Login) && case.facts(Stage::Token).any(token)
}

/// Where the token came from.
fn from<'a>(case: &Case<'a>) -> Option<&'a str> {
    case.facts(Stage::Token).find_map(|fact| match fact {
        Fact::Token { from, .. } => Some(from.as_str()),
        _ => None,
    })
}

/// The scope that the server names in its refusal (RFC 7628 §3.2.2; Google's XOAUTH2 does the same).
fn asked_scope(case: &Case) -> Option<String> {
    let refusal: serde_json::Value = serde_json::from_str(case.failure.detail.as_deref()?).ok()?;
    refusal.get("scope")?.as_str().filter(|scope| !scope.is_empty()).map(str::to_owned)
}
