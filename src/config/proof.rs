//! `password`, `token` and `oauth2` of an account or an endpoint: what it signs in by, of which there is one.

use std::ops::Range;

use serde_spanned::Spanned;

use super::finding::Findings;
use super::secret::{self, SecretSource, Surroundings};
use super::section::Section;
use crate::account::{Grant, HttpsUrl, Proof, Secret, TokenEndpoint, TokenSource, is_token};
use crate::provider::Authority;

/// The keys by which somebody signs in.
const WAYS: [&str; 3] = ["password", "token", "oauth2"];

/// The keys of `oauth2`.
pub(super) const KEYS: &[&str] =
    &["provider", "tenant", "token_url", "client_id", "client_secret", "refresh_token", "scope", "grant"];

/// What somebody signs in by, before anything is fetched.
pub(super) enum ProofSource {
    Password(SecretSource),
    Token(SecretSource),
    Oauth2(Box<Oauth2>),
}

/// A token endpoint, and where its secrets are.
pub(super) struct Oauth2 {
    url: HttpsUrl,
    client_id: String,
    client_secret: Option<SecretSource>,
    /// `None`: the application asks in its own name.
    refresh_token: Option<SecretSource>,
    scope: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum GrantWord {
    RefreshToken,
    ClientCredentials,
}

/// Whether a section says how to sign in, be it in a way that can be used or not.
pub(super) fn is_stated(section: &Section) -> bool {
    WAYS.iter().any(|key| section.key(key).is_some())
}

/// Reads it; `None` where there is nothing, or something is wrong that was found.
pub(super) fn read(section: &Section, found: &mut Findings) -> Option<Spanned<ProofSource>> {
    let stated: Vec<(&str, Range<usize>)> =
        WAYS.iter().filter_map(|key| section.key(key).map(|span| (*key, span))).collect();
    if let [(one, _), .., (other, span)] = &stated[..] {
        let title = format!("{} has both `{one}` and `{other}`: it signs in by one of them", section.name);
        found.error(span.clone(), title);
    }
    let (key, span) = stated.into_iter().next()?;
    let source = match key {
        "password" => ProofSource::Password(secret::read(section, "password", "password", found)?.into_inner()),
        "token" => ProofSource::Token(secret::read(section, "token", "token", found)?.into_inner()),
        _ => ProofSource::Oauth2(Box::new(oauth2(section, found)?)),
    };
    Some(Spanned::new(span, source))
}

fn oauth2(section: &Section, found: &mut Findings) -> Option<Oauth2> {
    let table = section.section("oauth2", format!("`oauth2` of {}", section.name), found)?;
    table.only(KEYS, found);
    let client_id = table.text("client_id", found).map(Spanned::into_inner);
    if table.key("client_id").is_none() {
        let title = format!("{} has no `client_id`: the application that is registered with the provider", table.name);
        found.error(table.span.clone(), title);
    }
    let client_secret = secret::read(&table, "client_secret", "client secret", found).map(Spanned::into_inner);
    let refresh_token = secret::read(&table, "refresh_token", "refresh token", found).map(Spanned::into_inner);
    let grant = grant(&table, found)?;
    let authority = table.choice("provider", &Authority::NAMES, found).map(Spanned::into_inner);
    let url = url(&table, authority, grant, found)?;
    let scope = table.text("scope", found).map(Spanned::into_inner);
    let own_scope = authority.and_then(Authority::client_scope).filter(|_| grant == GrantWord::ClientCredentials);
    let scope = scope.or(own_scope.map(str::to_owned));
    Some(Oauth2 { url, client_id: client_id?, client_secret, refresh_token, scope })
}

fn grant(table: &Section, found: &mut Findings) -> Option<GrantWord> {
    const GRANTS: [(&str, GrantWord); 2] =
        [("refresh_token", GrantWord::RefreshToken), ("client_credentials", GrantWord::ClientCredentials)];
    let refresh = table.key("refresh_token");
    let grant = match table.key("grant") {
        Some(_) => table.choice("grant", &GRANTS, found)?.into_inner(),
        None => GrantWord::RefreshToken,
    };
    let name = &table.name;
    match (grant, refresh) {
        (GrantWord::RefreshToken, None) => {
            let title = format!("{name} has no `refresh_token`");
            let help = "such as refresh_token = { file = \"PATH\" }; an application that asks in its own name \
                has grant = \"client_credentials\"";
            found.error(table.span.clone(), title).help(help);
            None
        }
        (GrantWord::ClientCredentials, Some(span)) => {
            let title = format!("{name} has no use for a `refresh_token`: by its `grant` it asks in its own name");
            found.error(span, title);
            None
        }
        (GrantWord::ClientCredentials, None) if table.key("client_secret").is_none() => {
            found.error(
                table.span.clone(),
                format!("{name} needs a `client_secret`: by its `grant` it asks in its own name"),
            );
            None
        }
        _ => Some(grant),
    }
}

fn url(table: &Section, authority: Option<Authority>, grant: GrantWord, found: &mut Findings) -> Option<HttpsUrl> {
    let tenant = tenant(table, authority, found)?;
    if let Some(text) = table.text("token_url", found) {
        return match text.get_ref().parse() {
            Ok(url) => Some(url),
            Err(why) => {
                found.error(text.span(), format!("`token_url` in {} {why}", table.name));
                None
            }
        };
    }
    let Some(authority) = authority else {
        if table.key("provider").or(table.key("token_url")).is_none() {
            let title = format!("{} has no `provider` (google, microsoft) and no `token_url`", table.name);
            found.error(table.span.clone(), title);
        }
        return None;
    };
    let wrong = match (grant, authority) {
        (GrantWord::ClientCredentials, Authority::Google) => {
            "cannot use `client_credentials` at Google: a mailbox is reached by a `refresh_token`, or by a `token` that \
             a command makes for a service account"
        }
        (GrantWord::ClientCredentials, Authority::Microsoft) if tenant.is_none() => {
            "needs the `tenant`: the id or a domain of the organisation whose mailbox it is"
        }
        _ => return authority.token_url(tenant.as_deref()).parse().ok(),
    };
    found.error(table.span.clone(), format!("{} {wrong}", table.name));
    None
}

/// The tenant, if there is one; the outer `None`: what is given is none.
fn tenant(table: &Section, authority: Option<Authority>, found: &mut Findings) -> Option<Option<String>> {
    if table.key("tenant").is_none() {
        return Some(None);
    }
    let tenant = table.text("tenant", found)?;
    let plain = tenant.get_ref().chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    let wrong = match authority {
        Some(Authority::Microsoft) if plain => return Some(Some(tenant.into_inner())),
        Some(Authority::Microsoft) => "is the id or a domain of an organisation",
        _ => "goes with provider = \"microsoft\" only",
    };
    found.error(tenant.span(), format!("`tenant` in {} {wrong}", table.name));
    None
}

impl ProofSource {
    /// Whether one of its secrets is written in the configuration.
    pub fn is_in_the_open(&self) -> bool {
        self.secrets().any(|(_, source)| matches!(source, SecretSource::Value(_)))
    }

    /// Whether it is a token, and no password.
    pub fn is_token(&self) -> bool {
        !matches!(self, ProofSource::Password(_))
    }

    /// Stands for it until it is fetched.
    pub fn blank(&self) -> Proof {
        let blank = Secret::new("");
        if self.is_token() { TokenSource::AtHand(blank).into() } else { blank.into() }
    }

    fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretSource)> {
        let (one, other) = match self {
            ProofSource::Password(source) => (Some(("password", source)), None),
            ProofSource::Token(source) => (Some(("token", source)), None),
            ProofSource::Oauth2(oauth2) => (
                oauth2.client_secret.as_ref().map(|source| ("client secret", source)),
                oauth2.refresh_token.as_ref().map(|source| ("refresh token", source)),
            ),
        };
        one.into_iter().chain(other)
    }

    /// What it takes to sign in. A command that gives a token is asked when the token is needed, as part of the
    /// verification, and so is a token endpoint; passwords and what the endpoint is asked with are fetched now.
    ///
    /// # Errors
    /// Why it cannot be had, as a sentence that begins with "the … of OWNER".
    pub async fn fetch(&self, owner: &str, ca: Option<Vec<u8>>, from: &Surroundings) -> Result<Proof, String> {
        if let ProofSource::Token(SecretSource::Command(words)) = self {
            return Ok(TokenSource::Command(words.clone()).into());
        }
        let mut fetched = Vec::new();
        for (what, source) in self.secrets() {
            let secret = source.fetch(from).await.map_err(|why| format!("the {what} of {owner} {why}"))?;
            fetched.push((what, secret));
        }
        let mut taken = |what| fetched.iter().position(|(name, _)| *name == what).map(|at| fetched.remove(at).1);
        let ProofSource::Oauth2(oauth2) = self else {
            if let Some(password) = taken("password") {
                return Ok(password.into());
            }
            let token = taken("token").filter(|token| is_token(token.expose()));
            let why = format!("the token of {owner} is none: one is a single word of visible ASCII characters");
            return token.map(|token| TokenSource::AtHand(token).into()).ok_or(why);
        };
        let endpoint = TokenEndpoint {
            url: oauth2.url.clone(),
            client_id: oauth2.client_id.clone(),
            client_secret: taken("client secret"),
            grant: taken("refresh token").map_or(Grant::ClientCredentials, Grant::RefreshToken),
            scope: oauth2.scope.clone(),
            ca,
        };
        Ok(TokenSource::Endpoint(Box::new(endpoint)).into())
    }
}
