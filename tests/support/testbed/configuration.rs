//! The configuration files of the testbed's servers, filled in from their templates.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{EXPIRED, Options, STRICT, Testbed, UNTRUSTED, User, WRONG_NAME};

impl Testbed {
    pub(super) fn write_configuration(&self, options: &Options) -> Result<(), String> {
        self.write_postfix(options)?;
        self.write_dovecot(options)
    }

    fn write_postfix(&self, options: &Options) -> Result<(), String> {
        let addresses = || options.users.iter().map(|user| user.address.as_str());
        let domains: BTreeSet<&str> = addresses().filter_map(|address| address.split('@').nth(1)).collect();
        let domains = domains.into_iter().collect::<Vec<_>>().join(" ");
        let main = self.fill_in(include_str!("main.cf"), &[("domains", &domains)]);
        let submission = self.submission_services();
        let master = self.fill_in(include_str!("master.cf"), &[("submission", &submission)]);
        let mailboxes = addresses().map(|address| format!("{address} {address}\n")).collect();
        let transport = addresses().map(|address| self.fates(address)).collect();
        let folder = self.folder.join("postfix");
        write_aged(&folder.join("main.cf"), overridden(&main, &options.postfix_main_extra))?;
        write_aged(&folder.join("master.cf"), master)?;
        write_aged(&folder.join("mailboxes"), mailboxes)?;
        write_aged(&folder.join("transport"), transport)
    }

    fn write_dovecot(&self, options: &Options) -> Result<(), String> {
        let instance = self.folder.file_name().unwrap_or_default().to_string_lossy();
        let usual = self.fill_in(include_str!("dovecot.conf"), &[("instance", &instance)]);
        let (capability, extra) = (&options.imap_capability, self.fill_in(&options.dovecot_extra, &[]));
        let folder = self.folder.join("dovecot");
        let mut tokens = String::new();
        if let Some(url) = &options.introspection_url {
            tokens = self.fill_in(include_str!("tokens.conf"), &[]);
            write_aged(
                &folder.join("oauth2.conf"),
                format!("{}\nintrospection_url = {url}\n", include_str!("oauth2.conf")),
            )?;
        }
        let configuration = format!("{usual}\nimap_capability = {capability}\n{tokens}{extra}\n");
        write_aged(&folder.join("dovecot.conf"), configuration)?;
        write_aged(&folder.join("logins"), options.users.iter().map(login_line).collect())?;
        write_aged(&folder.join("before.sieve"), include_str!("before.sieve").to_owned())
    }

    /// Puts the folder, the ports and `more` in the place of their names between at signs.
    fn fill_in(&self, template: &str, more: &[(&str, &str)]) -> String {
        let text =
            more.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value));
        let text = text.replace("@dir@", &self.folder.to_string_lossy());
        self.ports.named().iter().fold(text, |text, (name, port)| text.replace(&format!("@{name}@"), &port.to_string()))
    }

    fn submission_services(&self) -> String {
        let certificates = [
            (Ipv4Addr::LOCALHOST, "server"),
            (STRICT, "server"),
            (UNTRUSTED, "untrusted"),
            (EXPIRED, "expired"),
            (WRONG_NAME, "wrongname"),
        ];
        let service = |(address, certificate): (Ipv4Addr, &str)| {
            let more = [("address", address.to_string()), ("certificate", certificate.to_owned())];
            self.fill_in(include_str!("submission.cf"), &more.each_ref().map(|(name, value)| (*name, value.as_str())))
        };
        certificates.into_iter().map(service).collect()
    }

    fn fates(&self, address: &str) -> String {
        let (user, domain) = address.split_once('@').unwrap_or((address, ""));
        let folder = self.folder.display();
        // A socket that is not there: accepted, and never delivered. (`retry:` refuses already at RCPT.)
        format!(
            "{user}+void@{domain} discard:swallowed\n\
             {user}+defer@{domain} lmtp:unix:{folder}/nobody-listens\n\
             {user}+bounce@{domain} nobody:\n\
             {user}+tempfail@{domain} retry:4.3.0 held by the testbed\n"
        )
    }
}

/// A main.cf in which each parameter stands once: the one in `extra` where both have it. Where it stands twice, every
/// process of Postfix logs a warning at its start, postlogd too, and that to itself: if its queue is full by then (ten
/// datagrams), it waits for ever, and all others for it.
fn overridden(main: &str, extra: &str) -> String {
    let parameter = |line: &str| line.split_once('=').map(|(name, _)| name.trim().to_owned());
    let newer: BTreeSet<String> = extra.lines().filter_map(parameter).collect();
    let kept = main.lines().filter(|line| parameter(line).is_none_or(|name| !newer.contains(&name)));
    kept.chain(extra.lines()).map(|line| format!("{line}\n")).collect()
}

/// Writes a file as if a minute ago: Postfix waits until its main.cf is at least a second old.
fn write_aged(path: &Path, text: String) -> Result<(), String> {
    let past = SystemTime::now() - Duration::from_secs(60);
    fs::write(path, text)
        .and_then(|()| fs::File::options().write(true).open(path)?.set_modified(past))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// A line of Dovecot's passwd-file. In base64 the password can hold a colon, blanks at its ends, anything; the login is
/// looked up in small letters and with backslashes before quotes and backslashes.
fn login_line(user: &User) -> String {
    use base64::Engine;
    let User { address, login, password } = user;
    let has_place = !login.contains([':', '\n']) && !login.starts_with('#');
    assert!(has_place, "a passwd-file has no place for the login {login:?}");
    let login = ['\\', '"', '\'']
        .iter()
        .fold(login.to_ascii_lowercase(), |login, mark| login.replace(*mark, &format!("\\{mark}")));
    let password = base64::engine::general_purpose::STANDARD.encode(password);
    format!("{login}:{{PLAIN.b64}}{password}::::::user={address}\n")
}
