//! OAuth 2.0 access tokens: asked of a command or of a token endpoint (RFC 6749 §4.4, §5, §6), once a run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::account::{self, Grant, Secret, TokenEndpoint, TokenSource, is_token};
use crate::command;
use crate::failure::{Failure, Kind};
use crate::wire::http::{self, Answer, Request};

/// No token is longer than this many bytes; those of Microsoft have some 3000.
const LARGEST: usize = 64 * 1024;

/// How long a command may take: longer than any stage, which is what bounds it.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// A token is not used in the last moments of its life.
const MARGIN: Duration = Duration::from_secs(30);

/// The longest text of a provider that is kept.
const LONGEST_WORDS: usize = 2000;

/// An access token.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token itself.
    pub secret: Secret,
    /// How long it lives, where that was said.
    pub lifetime: Option<Duration>,
    /// What it is good for, where that was said.
    pub scope: Option<String>,
    /// Another refresh token came with it, which is to be used from now on (RFC 6749 §6).
    pub another_refresh_token: bool,
}

/// The tokens of a run. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Arc<Mutex<Vec<Known>>>);

/// A source that was asked, and what came of it.
type Known = (Arc<TokenSource>, Place);

/// Whoever fetches holds the lock, and who comes later waits for what that brings.
type Place = Arc<tokio::sync::Mutex<Option<Kept>>>;

#[derive(Debug)]
struct Kept {
    result: Result<Token, Failure>,
    until: Option<Instant>,
}

impl Tokens {
    /// The token of a source, and whether it was there already. What went wrong once is not tried again in the same run:
    /// it would be a second attempt with the same secret.
    ///
    /// # Errors
    /// [`Kind::TokenRefused`], [`Kind::TokenUnavailable`], [`Kind::Local`], or why the token endpoint could not be asked.
    pub async fn of(&self, source: &Arc<TokenSource>) -> Result<(Token, bool), Failure> {
        let place = self.place(source);
        let mut place = place.lock().await;
        if let Some(Kept { result, .. }) = place.as_ref().filter(|kept| kept.is_good()) {
            return result.clone().map(|token| (token, true));
        }
        let result = fetch(source).await;
        let lifetime = result.as_ref().ok().and_then(|token| token.lifetime);
        let until = lifetime.map(|lifetime| Instant::now() + lifetime.saturating_sub(MARGIN));
        *place = Some(Kept { result: result.clone(), until });
        result.map(|token| (token, false))
    }

    fn place(&self, source: &Arc<TokenSource>) -> Place {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, place)) = places.iter().find(|(known, _)| Arc::ptr_eq(known, source)) {
            return place.clone();
        }
        let place = Place::default();
        places.push((source.clone(), place.clone()));
        place
    }
}

impl Kept {
    fn is_good(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

async fn fetch(source: &TokenSource) -> Result<Token, Failure> {
    match source {
        TokenSource::AtHand(secret) => Ok(bare(secret.clone())),
        TokenSource::Command(words) => from_command(words).await,
        TokenSource::Endpoint(endpoint) => {
            let shown = endpoint.url.to_string();
            let request = Request::post(&endpoint.url, "application/x-www-form-urlencoded", form(endpoint));
            let request = request.header("accept", "application/json");
            let answer = http::send(&request, endpoint.ca.as_deref()).await;
            let token = answer.and_then(|answer| read(&answer));
            token.map_err(|failure| {
                let detail = failure.detail.as_ref().map(|detail| format!("{shown}: {detail}"));
                failure.detail(detail.unwrap_or(shown))
            })
        }
    }
}

fn bare(secret: Secret) -> Token {
    Token { secret, lifetime: None, scope: None, another_refresh_token: false }
}

async fn from_command(words: &[String]) -> Result<Token, Failure> {
    let no = |why: String| Failure::new(Kind::Local).detail(format!("the token {why}"));
    let called = format!("the command `{}`", command::shown(words.first().map_or("", String::as_str)));
    let whole = command::output(words, &called, LARGEST, PATIENCE).await.map_err(no)?;
    let text = std::str::from_utf8(&whole).unwrap_or_default();
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if !is_token(text) {
        let why = "is no token: one is a single word of visible ASCII characters (RFC 6749 §A.12)";
        return Err(no(format!("from {called} {why}")));
    }
    Ok(bare(Secret::new(text)))
}

/// RFC 6749 §6 and §4.4.2. The application's secret goes into the form (§2.3.1), as Google and Microsoft document it.
fn form(endpoint: &TokenEndpoint) -> String {
    let mut fields = vec![("client_id", endpoint.client_id.as_str())];
    fields.extend(endpoint.client_secret.as_ref().map(|secret| ("client_secret", secret.expose())));
    match &endpoint.grant {
        Grant::RefreshToken(token) => {
            fields.extend([("grant_type", "refresh_token"), ("refresh_token", token.expose())]);
        }
        Grant::ClientCredentials => fields.push(("grant_type", "client_credentials")),
    }
    fields.extend(endpoint.scope.as_ref().map(|scope| ("scope", scope.as_str())));
    account::form(&fields)
}

/// RFC 6749 §5.1. Other fields are of no use here.
#[derive(Deserialize)]
struct Granted {
    access_token: Zeroizing<String>,
    token_type: Option<String>,
    /// A number; some send it as text.
    expires_in: Option<serde_json::Value>,
    scope: Option<String>,
    refresh_token: Option<serde::de::IgnoredAny>,
}

/// RFC 6749 §5.2.
#[derive(Deserialize)]
struct Refused {
    error: String,
    error_description: Option<String>,
}

/// Reads the answer. Its body is never repeated: it may hold a token, or what was sent.
fn read(answer: &Answer) -> Result<Token, Failure> {
    let Answer { status, media_type, body } = answer;
    let words = |text: String| text.chars().take(LONGEST_WORDS).collect();
    if let Ok(refused) = serde_json::from_slice::<Refused>(body) {
        let kind =
            Kind::TokenRefused { error: words(refused.error), description: refused.error_description.map(words) };
        return Err(Failure::new(kind).detail(format!("HTTP status {status}")));
    }
    let no = |why: &str| {
        let kind = if media_type.is_empty() { "of no type" } else { media_type };
        let what = format!("{why}: HTTP status {status}, {} bytes {kind} (RFC 6749 §5)", body.len());
        Err(Failure::new(Kind::TokenUnavailable { status: *status }).detail(what))
    };
    let Ok(granted) = serde_json::from_slice::<Granted>(body) else {
        return no("not the answer of a token endpoint");
    };
    if *status != 200 || !is_token(&granted.access_token) {
        return no("not an answer with a token");
    }
    if granted.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return no("not a bearer token (RFC 6750)");
    }
    let seconds = granted.expires_in.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    Ok(Token {
        secret: Secret::new(granted.access_token.as_str()),
        lifetime: seconds.map(|seconds| Duration::from_secs(seconds.min(10 * 365 * 24 * 60 * 60))),
        scope: granted.scope.map(words),
        another_refresh_token: granted.refresh_token.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Result<Token, Failure> {
        let body = Zeroizing::new(body.as_bytes().to_vec());
        read(&Answer { status, media_type: "application/json".into(), body })
    }

    #[test]
    fn what_is_asked_is_a_form() {
        let endpoint = TokenEndpoint {
            url: "https://a/".parse().unwrap(),
            client_id: "an id".into(),
            client_secret: Some(Secret::new("a&b=ü")),
            grant: Grant::RefreshToken(Secret::new("1//x")),
            scope: Some("https://mail.google.com/".into()),
            ca: None,
        };
        let expected = "client_id=an+id&client_secret=a%26b%3D%C3%BC&grant_type=refresh_token&refresh_token=1%2F%2Fx\
            &scope=https%3A%2F%2Fmail.google.com%2F";
        assert_eq!(form(&endpoint), expected);
    }

    #[test]
    fn an_answer_is_a_token_a_refusal_or_neither() {
        let body =
            r#"{"access_token":"ya29.x","token_type":"Bearer","expires_in":"3599","scope":"s","refresh_token":"r"}"#;
        let token = answered(200, body).unwrap();
        assert_eq!((token.secret.expose(), token.lifetime), ("ya29.x", Some(Duration::from_secs(3599))));
        assert!(token.another_refresh_token && token.scope.as_deref() == Some("s"));
        let body = r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;
        let description = Some("Token has been expired or revoked.".to_owned());
        let expected = Kind::TokenRefused { error: "invalid_grant".into(), description };
        assert_eq!(answered(400, body).unwrap_err().kind, expected);
        for (status, body) in [
            (200, "<html>hunter2</html>"),
            (200, r#"{"access_token":"hunter2 x"}"#),
            (200, r#"{"access_token":"hunter2","token_type":"mac"}"#),
            (500, r#"{"access_token":"hunter2"}"#),
            (200, "{}"),
            (200, ""),
        ] {
            let failure = answered(status, body).unwrap_err();
            assert_eq!(failure.kind, Kind::TokenUnavailable { status }, "{body}");
            assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_is_asked_once_a_run_even_if_it_fails() {
        let folder = tempfile::tempdir().unwrap();
        for (last, ends_well) in [("echo a.token", true), ("echo hunter2 hunter2", false), ("exit 1", false)] {
            let count = folder.path().join(last.replace(' ', "-"));
            let script = format!("echo >> '{}'; {last}", count.display());
            let words = ["sh", "-c", &script].map(str::to_owned).to_vec();
            let (tokens, source) = (Tokens::default(), Arc::new(TokenSource::Command(words)));
            let (first, second) = tokio::join!(tokens.of(&source), tokens.of(&source));
            let third = tokens.of(&source).await;
            for result in [first, second, third] {
                assert_eq!(result.is_ok(), ends_well);
                assert!(!format!("{result:?}").contains("hunter2"));
                assert!(result.map_or_else(|f| f.kind == Kind::Local, |(token, _)| token.secret.expose() == "a.token"));
            }
            assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 1);
        }
    }
}
