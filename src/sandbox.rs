//! The embedded mail system on loopback: submission, IMAP and POP3 over one store, with a private certificate
//! authority, deterministic, and with faults as data.
//!
//! It shares no parser with the clients of this crate, so that a misunderstanding cannot cancel itself out.
//!
//! ```text
//! listener ─▶ connection ─▶ smtpd ─▶ system::accept ─▶ store ◀─ imapd, pop3d
//!                 │                    └── bounce, responder: what the system writes itself
//!                 └── fault: asked wherever a server could go wrong
//! ```

mod bounce;
mod certificate;
mod connection;
mod fault;
mod imapd;
mod listener;
mod message;
mod pop3d;
mod responder;
mod sasl;
mod settings;
mod smtpd;
mod store;
mod submission;
mod system;
mod utf7;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

pub use fault::{Alteration, Fault, Flaw, Place, Point, Protocol, Reply};
pub use settings::{Responder, Settings, User};
pub use store::StoredMessage;

use certificate::Authority;
use listener::Listener;
use system::System;

/// What the mail system calls itself, in greetings, trace headers and its certificate.
pub(crate) const HOST: &str = "mail.sandbox.test";

/// A port of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// SMTP with STARTTLS, as on port 587.
    Submission,
    /// SMTP over implicit TLS, as on port 465.
    Submissions,
    /// IMAP with STARTTLS, as on port 143.
    Imap,
    /// IMAP over implicit TLS, as on port 993.
    Imaps,
    /// POP3 with STLS, as on port 110.
    Pop3,
    /// POP3 over implicit TLS, as on port 995.
    Pop3s,
}

impl Service {
    const ALL: [Self; 6] = [Self::Submission, Self::Submissions, Self::Imap, Self::Imaps, Self::Pop3, Self::Pop3s];

    fn protocol(self) -> Protocol {
        match self {
            Self::Submission | Self::Submissions => Protocol::Smtp,
            Self::Imap | Self::Imaps => Protocol::Imap,
            Self::Pop3 | Self::Pop3s => Protocol::Pop3,
        }
    }

    fn implicit_tls(self) -> bool {
        matches!(self, Self::Submissions | Self::Imaps | Self::Pop3s)
    }
}

/// A running mail system. Dropping it ends it.
#[derive(Debug)]
pub struct Sandbox {
    system: Arc<System>,
    ports: [u16; 6],
    ca_pem: String,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
}

impl Sandbox {
    /// Starts on free ports of 127.0.0.1, and of ::1 where the machine has it: `localhost` may mean either.
    ///
    /// # Errors
    /// No free port, or the TLS library refuses the certificates made for it.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let system = Arc::new(System::new(settings));
        let authority = Authority::new()?;
        let (stop, stopped) = watch::channel(false);
        let mut listeners = JoinSet::new();
        let mut ports = [0; 6];
        for (service, port) in Service::ALL.into_iter().zip(&mut ports) {
            let protocol = service.protocol();
            let acceptor = authority.acceptor(system.faults.flaw(protocol))?;
            let listener = Listener {
                system: system.clone(),
                protocol,
                implicit_tls: service.implicit_tls() && !system.faults.plaintext_on_tls(protocol),
                acceptor,
            };
            let (bound, sockets) = listener::bind().await?;
            *port = bound;
            for socket in sockets {
                listeners.spawn(listener.clone().run(socket, stopped.clone()));
            }
        }
        Ok(Self { system, ports, ca_pem: authority.pem(), stop, listeners })
    }

    /// The port on which a service listens.
    pub fn port(&self, service: Service) -> u16 {
        self.ports[service as usize]
    }

    /// The certificate of the private authority, PEM: what a client must trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The mailboxes.
    pub fn accounts(&self) -> &[User] {
        &self.system.settings.accounts
    }

    /// A `mailtrip.toml` that works with this sandbox: an account a mailbox, over implicit TLS, a check of each
    /// mailbox by itself, one from the first to the second and back, and one from the first to each address that answers.
    pub fn config(&self, ca_file: &Path) -> String {
        let mut text = String::new();
        for user in self.accounts() {
            text += &self.account_table(user, ca_file);
        }
        let names: Vec<String> = self.accounts().iter().map(|user| self.account_name(user)).collect();
        for name in &names {
            text += &format!("[checks.{name}]\nfrom = {name}\n\n", name = quoted(name));
        }
        if let [from, to, ..] = names.as_slice() {
            let check = quoted(&format!("{from}-to-{to}"));
            text += &format!("[checks.{check}]\nfrom = {}\nto = {}\nreply = true\n", quoted(from), quoted(to));
        }
        for responder in &self.system.settings.responders {
            let Some(from) = names.first() else { break };
            let local = responder.address.split('@').next().unwrap_or_default();
            let name = if names.iter().any(|name| name == local) { &responder.address } else { local };
            let (check, from, to) = (quoted(&format!("{from}-to-{name}")), quoted(from), quoted(&responder.address));
            text += &format!("\n[checks.{check}]\nfrom = {from}\nto = {{ address = {to}, expect = \"reply\" }}\n");
        }
        text
    }

    fn account_table(&self, user: &User, ca_file: &Path) -> String {
        let endpoint = |service| {
            let port = self.port(service);
            // As it is by default on the ports that submission has elsewhere.
            let more = if service == Service::Submissions { ", expect_auth = true" } else { "" };
            format!("{{ host = \"localhost\", port = {port}, security = \"tls\"{more} }}")
        };
        format!(
            "[accounts.{}]\naddress = {}\npassword = {{ value = {} }}\nca_file = {}\nsmtp = {}\nimap = {}\npop3 = {}\n\n",
            quoted(&self.account_name(user)),
            quoted(&user.address),
            quoted(&user.password),
            quoted(&ca_file.to_string_lossy()),
            endpoint(Service::Submissions),
            endpoint(Service::Imaps),
            endpoint(Service::Pop3s),
        )
    }

    /// The name of an account in the configuration: what stands before the `@`, or the whole where that is not unique.
    fn account_name(&self, user: &User) -> String {
        let local = |user: &User| user.address.split('@').next().unwrap_or_default().to_owned();
        let name = local(user);
        let bearers = self.accounts().iter().filter(|one| local(one) == name);
        match bearers.count() {
            1 if !name.is_empty() => name,
            _ => user.address.clone(),
        }
    }

    /// What lies in a folder now, oldest first; nothing where there is no such account or folder.
    pub fn messages(&self, address: &str, folder: &str) -> Vec<StoredMessage> {
        self.system
            .store
            .with(address, |account| account.folder(folder).map(|folder| folder.messages.clone()).unwrap_or_default())
            .unwrap_or_default()
    }

    /// Puts a message into a folder, which is created where it is missing, and announces it like any other.
    /// Returns its UID; `None` where there is no such account.
    pub fn put(&self, address: &str, folder: &str, raw: &[u8], flags: &[&str]) -> Option<u32> {
        let flags: BTreeSet<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        self.system.store.change(address, |account| {
            account.create(folder, None);
            let folder = account.folder_mut(folder)?;
            Some(folder.add(raw.into(), flags, jiff::Timestamp::now()))
        })?
    }

    /// Every command line received so far, as `imap: A0001 SELECT INBOX`, credentials masked, literals left out.
    pub fn commands(&self) -> Vec<String> {
        self.system.commands()
    }

    /// Closes all listeners and sessions, and waits until they are closed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.listeners.join_next().await.is_some() {}
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            _ if character.is_control() => out += &format!("\\u{:04X}", u32::from(character)),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}
