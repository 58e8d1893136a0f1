//! The form of a scenario file.

use jiff::SignedDuration;
use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Secret, Security};
use mailtrip::check::{self, Check, Junk, Limits, Sent};
use mailtrip::sandbox::{self, Sandbox, Service, User};
use serde::Deserialize;

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
    /// The messages of ours that are still there, each as `alice INBOX` or `alice INBOX \Deleted`.
    #[serde(default)]
    pub left: Vec<String>,
}

/// A message that is nobody's business.
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
    /// Names of mailboxes, what stands before the `@`.
    pub from: String,
    pub to: String,
    pub sent: Sent,
    pub junk: Junk,
    pub keep: bool,
    pub timeout: SignedDuration,
    pub stage_timeout: SignedDuration,
    pub cleanup_timeout: SignedDuration,
    pub sent_folder: Option<String>,
    pub junk_folder: Option<String>,
    pub create_sent_folder: bool,
    pub smtp: Server,
    pub imap: Server,
}

impl Default for Checked {
    fn default() -> Self {
        Self {
            from: "alice".to_owned(),
            to: "alice".to_owned(),
            sent: Sent::default(),
            junk: Junk::default(),
            keep: false,
            timeout: SignedDuration::from_secs(30),
            stage_timeout: SignedDuration::from_secs(10),
            cleanup_timeout: SignedDuration::from_secs(10),
            sent_folder: None,
            junk_folder: None,
            create_sent_folder: false,
            smtp: Server::default(),
            imap: Server::default(),
        }
    }
}

/// How one server is reached, and what differs from what is right.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    pub security: Security,
    /// The security that the port is for; by default the one above.
    pub port_for: Option<Security>,
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
            security: Security::Tls,
            port_for: None,
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
    pub fn check(&self, sandbox: &Sandbox) -> Result<Check, String> {
        let Checked { from, to, .. } = &self.check;
        let limit = |duration: SignedDuration| duration.try_into().map_err(|error| format!("{duration}: {error}"));
        let settings = check::Settings {
            sent: self.check.sent,
            junk: self.check.junk,
            keep: self.check.keep,
            limits: Limits {
                total: limit(self.check.timeout)?,
                stage: limit(self.check.stage_timeout)?,
                cleanup: limit(self.check.cleanup_timeout)?,
            },
            ..check::Settings::default()
        };
        let (from, to) = (self.account(from, sandbox)?, self.account(to, sandbox)?);
        Check::new("scenario", from, to, settings).map_err(|error| error.to_string())
    }

    fn account(&self, name: &str, sandbox: &Sandbox) -> Result<Account, String> {
        let user = sandbox.accounts().iter().find(|user| user.address.starts_with(&format!("{name}@")));
        let user = user.ok_or_else(|| format!("the sandbox has no account {name}"))?;
        let Checked { smtp, imap, sent_folder, junk_folder, create_sent_folder, .. } = &self.check;
        Ok(Account {
            name: name.to_owned(),
            address: user.address.parse().map_err(|error| format!("{}: {error}", user.address))?,
            smtp: Some(smtp.endpoint(user, sandbox, [Service::Submissions, Service::Submission])?),
            imap: Some(imap.endpoint(user, sandbox, [Service::Imaps, Service::Imap])?),
            pop3: None,
            folders: Folders { sent: sent_folder.clone(), junk: junk_folder.clone(), create_sent: *create_sent_folder },
        })
    }
}

impl Server {
    fn endpoint(&self, user: &User, sandbox: &Sandbox, [tls, plain]: [Service; 2]) -> Result<Endpoint, String> {
        let service = if self.port_for.unwrap_or(self.security) == Security::Tls { tls } else { plain };
        let port = if self.closed { closed_port()? } else { sandbox.port(service) };
        let username = self.username.clone().unwrap_or_else(|| user.address.clone());
        let password = Secret::new(self.password.as_ref().unwrap_or(&user.password));
        Ok(Endpoint {
            host: "localhost".to_owned(),
            port,
            security: self.security,
            allow_cleartext_password: self.allow_cleartext_password,
            credentials: Credentials { username, proof: password.into() },
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
