//! The form of a scenario file.

use jiff::SignedDuration;
use std::sync::Arc;

use mailtrip::account::{
    Account, Auth, Credentials, Endpoint, Folders, Proof, Protocol, Secret, Security, TokenSource,
};
use mailtrip::check::{self, Check, Limits, Receive, Sent};
use mailtrip::criteria::{Criteria, Severity};
use mailtrip::sandbox::{self, Sandbox, Service, User};
use serde::Deserialize;

use crate::provider::{Answer, Provider};

/// A mail system, a check, and what must hold afterwards.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is about, in a sentence.
    pub about: String,
    /// The scenario that has the same reports, where it is not itself.
    pub reports: Option<String>,
    #[serde(default)]
    pub sandbox: sandbox::Settings,
    #[serde(default)]
    pub check: Checked,
    /// Messages of others, beside those of `sandbox.existing`.
    #[serde(default)]
    pub foreign: Vec<Foreign>,
    pub after: After,
}

/// What must hold afterwards.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// As in the JSON report.
    pub verdict: String,
    /// The codes of the diagnoses, in order.
    #[serde(default)]
    pub diagnoses: Vec<String>,
    /// What is still there, each as `alice INBOX` or `alice INBOX \Deleted`; what is no message of ours (a report, an answer)
    /// as `alice INBOX (not ours)`.
    #[serde(default)]
    pub left: Vec<String>,
}

/// A message that is nobody's business, unless it is ours.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foreign {
    /// The mailbox.
    pub to: String,
    pub folder: String,
    #[serde(default)]
    pub flags: Vec<String>,
    #[serde(default = "subject")]
    pub subject: String,
    /// All of it, where it is another one, with LF for a line end.
    pub raw: Option<String>,
    /// It is of an earlier verification: it is to be removed, not to be left alone.
    #[serde(default)]
    pub ours: bool,
    /// The stage at whose beginning it comes, such as `submission submit`; before everything where there is none.
    pub during: Option<String>,
}

fn subject() -> String {
    "Not yours to touch".to_owned()
}

/// The check: what it says about itself, and how its accounts reach their servers.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checked {
    /// Names of mailboxes, what stands before the `@`. Where the receiver is a responder of the sandbox, its answer is
    /// waited for.
    pub from: String,
    pub to: String,
    pub receive: Receive,
    pub reply: bool,
    pub sent: Sent,
    pub sent_missing: Option<Severity>,
    pub junk: Severity,
    pub criteria: Criteria,
    pub keep: bool,
    pub timeout: SignedDuration,
    pub stage_timeout: SignedDuration,
    pub arrival_timeout: Option<SignedDuration>,
    pub cleanup_timeout: SignedDuration,
    pub sent_folder: Option<String>,
    pub junk_folder: Option<String>,
    pub create_sent_folder: bool,
    pub smtp: Server,
    pub imap: Server,
    pub pop3: Server,
    /// What is signed in by instead of a password.
    pub token: Option<Token>,
}

impl Default for Checked {
    fn default() -> Self {
        Self {
            from: "alice".to_owned(),
            to: "alice".to_owned(),
            receive: Receive::default(),
            reply: false,
            sent: Sent::default(),
            sent_missing: None,
            junk: Severity::Warning,
            criteria: Criteria::default(),
            keep: false,
            timeout: SignedDuration::from_secs(30),
            stage_timeout: SignedDuration::from_secs(10),
            arrival_timeout: None,
            cleanup_timeout: SignedDuration::from_secs(10),
            sent_folder: None,
            junk_folder: None,
            create_sent_folder: false,
            smtp: Server::default(),
            imap: Server::default(),
            pop3: Server::default(),
            token: None,
        }
    }
}

/// Where the access token comes from.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Token {
    /// It is at hand.
    Value(String),
    Command(Vec<String>),
    /// A token endpoint that is asked by a refresh token.
    Endpoint(TokenEndpoint),
}

/// How a token endpoint behaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenEndpoint {
    /// Nobody listens there.
    Closed,
    /// It takes the request and says nothing.
    Silent,
    /// It answers with this status line, as `200 OK`, and this JSON or whatever it is.
    Says(String, String),
}

impl Token {
    /// What no report may show, as far as it is written down here.
    pub fn secret(&self) -> Option<String> {
        match self {
            Token::Value(token) => Some(token.clone()),
            Token::Command(words) => words.iter().skip(1).last().cloned(),
            Token::Endpoint(_) => None,
        }
    }

    /// The endpoint, where there is one to be started.
    pub async fn start(&self) -> Result<(TokenSource, Option<Provider>), String> {
        let answer = match self {
            Token::Value(token) => return Ok((TokenSource::AtHand(Secret::new(token)), None)),
            Token::Command(words) => return Ok((TokenSource::Command(words.clone()), None)),
            Token::Endpoint(TokenEndpoint::Says(status, body)) => {
                let header = "Content-Type: application/json\r\nContent-Length: LENGTH";
                Answer::Says(format!("HTTP/1.1 {status}\r\n{header}\r\n\r\n{body}").into())
            }
            Token::Endpoint(TokenEndpoint::Silent | TokenEndpoint::Closed) => Answer::Stalls,
        };
        let provider = Provider::start(answer).await;
        let mut endpoint = provider.endpoint();
        if matches!(self, Token::Endpoint(TokenEndpoint::Closed)) {
            let url = format!("https://localhost:{}/token", closed_port()?);
            endpoint.url = url.parse().map_err(|error| format!("{url}: {error:?}"))?;
        }
        Ok((TokenSource::Endpoint(Box::new(endpoint)), Some(provider)))
    }
}

/// How one server is reached, and what differs from what is right.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Only these accounts have it.
    pub of: Option<Vec<String>>,
    pub security: Security,
    /// The security that the port is for; by default the one above.
    pub port_for: Option<Security>,
    /// The protocol that the port is for, where it is another one.
    pub port_of: Option<Protocol>,
    /// No server listens there.
    pub closed: bool,
    pub auth: Auth,
    pub username: Option<String>,
    pub password: Option<String>,
    pub allow_cleartext_password: bool,
    /// Whether the sandbox's authority is trusted.
    pub trusted: bool,
    pub expect_auth: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            of: None,
            security: Security::Tls,
            port_for: None,
            port_of: None,
            closed: false,
            auth: Auth::Auto,
            username: None,
            password: None,
            allow_cleartext_password: false,
            trusted: true,
            expect_auth: false,
        }
    }
}

impl Scenario {
    /// The check against a running sandbox.
    pub fn check(&self, sandbox: &Sandbox, token: Option<TokenSource>) -> Result<Check, String> {
        let Checked { from, to, .. } = &self.check;
        let limit = |duration: SignedDuration| duration.try_into().map_err(|error| format!("{duration}: {error}"));
        let settings = check::Settings {
            sent: self.check.sent,
            sent_missing: self.check.sent_missing,
            junk: self.check.junk,
            criteria: self.check.criteria.clone(),
            keep: self.check.keep,
            receive: self.check.receive,
            reply: self.check.reply,
            limits: Limits {
                total: limit(self.check.timeout)?,
                stage: limit(self.check.stage_timeout)?,
                arrival: self.check.arrival_timeout.map(limit).transpose()?,
                cleanup: limit(self.check.cleanup_timeout)?,
            },
            ..check::Settings::default()
        };
        let token = token.map(Arc::new);
        let from = self.account(from, sandbox, token.as_ref())?;
        let named = format!("{to}@");
        let responder = self.sandbox.responders.iter().find(|responder| responder.address.starts_with(&named));
        let check = match responder {
            Some(responder) => {
                let to = responder.address.parse().map_err(|error| format!("{}: {error}", responder.address))?;
                Check::to_responder("scenario", from, to, settings)
            }
            None => Check::new("scenario", from, self.account(to, sandbox, token.as_ref())?, settings),
        };
        check.map_err(|error| error.to_string())
    }

    fn account(&self, name: &str, sandbox: &Sandbox, token: Option<&Arc<TokenSource>>) -> Result<Account, String> {
        let user = sandbox.accounts().iter().find(|user| user.address.starts_with(&format!("{name}@")));
        let user = user.ok_or_else(|| format!("the sandbox has no account {name}"))?;
        let Checked { smtp, imap, pop3, sent_folder, junk_folder, create_sent_folder, .. } = &self.check;
        let endpoint = |server: &Server, services| {
            let has = server.of.as_ref().is_none_or(|names| names.iter().any(|one| one == name));
            has.then(|| server.endpoint(user, sandbox, services, token)).transpose()
        };
        Ok(Account {
            name: name.to_owned(),
            address: user.address.parse().map_err(|error| format!("{}: {error}", user.address))?,
            smtp: endpoint(smtp, services_of(Protocol::Smtp))?,
            imap: endpoint(imap, services_of(Protocol::Imap))?,
            pop3: endpoint(pop3, services_of(Protocol::Pop3))?,
            folders: Folders { sent: sent_folder.clone(), junk: junk_folder.clone(), create_sent: *create_sent_folder },
        })
    }
}

/// The service that begins with TLS, and the other one.
fn services_of(protocol: Protocol) -> [Service; 2] {
    match protocol {
        Protocol::Smtp => [Service::Submissions, Service::Submission],
        Protocol::Imap => [Service::Imaps, Service::Imap],
        Protocol::Pop3 => [Service::Pop3s, Service::Pop3],
    }
}

impl Server {
    fn endpoint(
        &self,
        user: &User,
        sandbox: &Sandbox,
        services: [Service; 2],
        token: Option<&Arc<TokenSource>>,
    ) -> Result<Endpoint, String> {
        let [tls, plain] = self.port_of.map_or(services, services_of);
        let service = if self.port_for.unwrap_or(self.security) == Security::Tls { tls } else { plain };
        let port = if self.closed { closed_port()? } else { sandbox.port(service) };
        let username = self.username.clone().unwrap_or_else(|| user.address.clone());
        let proof = match token {
            Some(token) => Proof::Token(token.clone()),
            None => Secret::new(self.password.as_ref().unwrap_or(&user.password)).into(),
        };
        Ok(Endpoint {
            host: "localhost".to_owned(),
            port,
            security: self.security,
            allow_cleartext_password: self.allow_cleartext_password,
            credentials: Credentials { username, proof },
            auth: self.auth,
            ca: self.trusted.then(|| sandbox.ca_pem().as_bytes().to_vec()),
            family: mailtrip::Family::Any,
            expect_auth: self.expect_auth,
        })
    }
}

/// A port that was free a moment ago.
fn closed_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
