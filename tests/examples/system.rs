//! A mail system for an example, and the example's place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mailtrip::sandbox::{Sandbox, Service, User};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The servers of every example.
const SERVERS: [(&str, &str, Service); 2] = [
    (r#"host = "smtp.example.net", port = 587, security = "starttls""#, "starttls", Service::Submission),
    (r#"host = "imap.example.net", port = 993, security = "tls""#, "tls", Service::Imaps),
];

pub struct System {
    pub sandbox: Sandbox,
    place: TempDir,
    _runtime: Runtime,
}

impl System {
    /// With these settings, in TOML.
    pub fn start(settings: &str) -> System {
        let settings = toml::from_str(settings).expect("settings of the sandbox");
        let runtime = Runtime::new().expect("a runtime");
        let sandbox = runtime.block_on(Sandbox::start(settings)).expect("a sandbox");
        let system = System { sandbox, place: tempfile::tempdir().expect("a folder"), _runtime: runtime };
        system.write("ca.pem", system.sandbox.ca_pem());
        system
    }

    /// Whose mailbox is verified.
    pub fn user(&self) -> &User {
        &self.sandbox.accounts()[0]
    }

    pub fn path(&self) -> &Path {
        self.place.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file in a temporary folder");
        path
    }

    pub fn server(&self, service: Service, security: &str) -> String {
        format!("localhost:{}/{security}", self.sandbox.port(service))
    }

    /// A configuration of an example, with the account and the servers of this system.
    pub fn adapted(&self, configuration: &str) -> String {
        let mut text = configuration.replace("jane@example.net", &self.user().address);
        for (server, security, service) in SERVERS {
            assert!(text.contains(server), "the servers are others than {server}");
            let port = self.sandbox.port(service);
            text = text.replace(server, &format!(r#"host = "localhost", port = {port}, security = "{security}""#));
        }
        text
    }

    /// A command in the place, in an environment of which it has a PATH that leads to mailtrip, and the certificate.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let folder = Path::new(env!("CARGO_BIN_EXE_mailtrip")).parent().expect("a folder");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display());
        command.current_dir(self.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", path).env("HOME", self.path()).env("SSL_CERT_FILE", self.path().join("ca.pem"));
        command
    }

    pub fn is_empty(&self) -> bool {
        let folders = ["INBOX", "Sent", "Junk"];
        folders.iter().all(|folder| self.sandbox.messages(&self.user().address, folder).is_empty())
    }
}

/// The arguments of a `/usr/local/bin/mailtrip …`, as they are behind it, with another place for the configuration.
pub fn arguments(words: &[String], configuration: &Path) -> Vec<String> {
    let named = "/etc/mailtrip/config.toml";
    assert!(words.iter().any(|word| word == named), "it names no {named}: {words:?}");
    let word = |word: &String| if word == named { configuration.display().to_string() } else { word.clone() };
    words.iter().map(word).collect()
}

/// Standard output and standard error, for a message.
pub fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}
