//! Real mail servers for tests: a private Postfix and Dovecot, in a temporary folder, on free ports of loopback.
//!
//! Mail to `bob+FATE@…` (any user, not only bob) shares that fate:
//!
//! | recipient | what happens |
//! |---|---|
//! | `bob@` | to the inbox, some milliseconds after the 250 |
//! | `bob+junk@`, or a header `X-Test-Spam: yes` | to Junk |
//! | `bob+bounce@` | accepted, then refused, so that a report comes back to the sender |
//! | `bob+drop@` | accepted, then discarded by Sieve |
//! | `bob+void@` | accepted, then swallowed by Postfix |
//! | `bob+defer@` | accepted, then left in Postfix's queue |
//! | `bob+tempfail@` | 450 at RCPT |
//! | `nosuch@` | 550 at RCPT |
//!
//! The servers answer on 127.0.0.1 and [`STRICT`] with a good certificate, and on [`UNTRUSTED`], [`EXPIRED`] and
//! [`WRONG_NAME`] with bad ones (all but `ports.smtp`). A wrong password costs Dovecot's 2 seconds; later logins are not slowed down.
//! What is not in `Options` can be set by `dovecot_extra`: Dovecot merges blocks of the same name, and the last value wins.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[path = "testbed/configuration.rs"]
mod configuration;
#[path = "testbed/maildir.rs"]
mod maildir;
pub use maildir::Message;
#[path = "testbed/ports.rs"]
mod ports;
pub use ports::Ports;
#[path = "testbed/trials.rs"]
mod trials;
pub use trials::{run_trials, verified};

/// As 127.0.0.1, certificate included, but Dovecot takes no password without TLS here: a client whose own address is the
/// server's counts as secure for it, whatever its settings say.
pub const STRICT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);
/// The servers' certificate here is of an unknown authority.
pub const UNTRUSTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// The servers' certificate here has expired.
pub const EXPIRED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
/// The servers' certificate here is for `other.example`.
pub const WRONG_NAME: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

/// What Dovecot 2.3 announces after the login.
pub const IMAP_CAPABILITIES: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY \
    THREAD=REFERENCES THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE \
    UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY \
    MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE";

/// How long a server may take until its ports answer.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A mailbox, and the name and password that open it.
#[derive(Clone, Debug)]
pub struct User {
    pub address: String,
    /// Any text without a colon or a line break, or `#` at its start; in ASCII, small and capital letters are the same.
    pub login: String,
    /// Any text.
    pub password: String,
}

impl User {
    /// A user whose login name is the address.
    pub fn new(address: &str, password: &str) -> User {
        User { address: address.to_owned(), login: address.to_owned(), password: password.to_owned() }
    }

    /// The same with another login name.
    pub fn with_login(self, login: &str) -> User {
        User { login: login.to_owned(), ..self }
    }
}

/// How a testbed differs from the usual one.
#[derive(Clone, Debug)]
pub struct Options {
    pub users: Vec<User>,
    /// What IMAP announces; it still understands the rest.
    pub imap_capability: String,
    /// Where Dovecot asks whether an access token is good (RFC 7662): with it, XOAUTH2 and OAUTHBEARER are offered, too.
    pub introspection_url: Option<String>,
    /// At the end of dovecot.conf; `@dir@` in it is the folder of everything.
    pub dovecot_extra: String,
    /// At the end of main.cf.
    pub postfix_main_extra: String,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            users: vec![User::new("alice@test.example", "alicepw"), User::new("bob@test.example", "bobpw")],
            imap_capability: IMAP_CAPABILITIES.to_owned(),
            introspection_url: None,
            dovecot_extra: String::new(),
            postfix_main_extra: String::new(),
        }
    }
}

impl Options {
    /// The same without some IMAP capabilities, such as `IDLE`, `UIDPLUS`, `SPECIAL-USE`, `LITERAL+`, `SASL-IR`.
    pub fn without_imap(mut self, capabilities: &[&str]) -> Options {
        let kept: Vec<&str> =
            self.imap_capability.split_whitespace().filter(|word| !capabilities.contains(word)).collect();
        self.imap_capability = kept.join(" ");
        self
    }
}

/// One Postfix and one Dovecot, running; stopped and removed when dropped, or when the process dies in whatever way.
pub struct Testbed {
    pub ports: Ports,
    folder: PathBuf,
    keeper: Child,
    mail_owner: (u32, u32),
}

impl Testbed {
    /// Why no testbed can run here; `None` when one can.
    pub fn missing() -> Option<String> {
        if fs::metadata("/proc/self").map_or(true, |process| process.uid() != 0) {
            return Some("Postfix only starts as root (see tests/run)".to_owned());
        }
        let absent: Vec<&str> =
            ["postfix", "dovecot", "sievec", "openssl"].into_iter().filter(|name| program(name).is_none()).collect();
        if !absent.is_empty() {
            return Some(format!("not installed: {} (tests/run installs them)", absent.join(", ")));
        }
        let version = run(program_command("dovecot").arg("--version")).unwrap_or_default();
        (!version.starts_with("2.3.")).then(|| format!("the testbed's dovecot.conf is for 2.3, not {}", version.trim()))
    }

    /// Starts the servers and waits until every port answers; panics with their logs when they do not.
    pub fn start(options: Options) -> Testbed {
        let mut attempts = 1;
        loop {
            match Testbed::try_start(&options) {
                Ok(testbed) => return testbed,
                // Someone else took a free port between our look and the server's.
                Err(failure) if failure.contains("Address already in use") && attempts < 3 => attempts += 1,
                Err(failure) => panic!("the testbed did not start: {failure}"),
            }
        }
    }

    fn try_start(options: &Options) -> Result<Testbed, String> {
        let folder = new_folder()?;
        let keeper = keeper(&folder)?;
        let testbed = Testbed { ports: Ports::pick(), folder, keeper, mail_owner: owner("mail")? };
        testbed
            .write_folders()
            .and_then(|()| testbed.write_configuration(options))
            .map_err(|error| format!("writing the configuration: {error}"))?;
        testbed.start_servers().map_err(|failure| format!("{failure}\n{}", testbed.log()))?;
        Ok(testbed)
    }

    /// The certificate authority that signed the good certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca/ca.pem")
    }

    /// The folder of everything.
    pub fn dir(&self) -> &Path {
        &self.folder
    }

    /// What Postfix and Dovecot said at their start, and logged since.
    pub fn log(&self) -> String {
        let read = |name: &str| {
            let log = fs::read(self.folder.join("log").join(name)).unwrap_or_default();
            format!("--- {name}\n{}", String::from_utf8_lossy(&log))
        };
        read("start.log") + &read("postfix.log") + &read("dovecot.log")
    }

    fn write_folders(&self) -> Result<(), String> {
        for name in ["log", "ca", "dovecot", "postfix", "spool", "run", "run/dovecot", "run/dovecot-state"] {
            make_folder(&self.folder.join(name), (0, 0))?;
        }
        make_folder(&self.folder.join("mail"), self.mail_owner)?;
        make_folder(&self.folder.join("postfix-data"), owner("postfix")?)
    }

    fn start_servers(&self) -> Result<(), String> {
        let certificates = include_str!("testbed/certificates.sh");
        run(Command::new("sh").args(["-c", certificates, "certificates"]).arg(self.folder.join("ca")))?;
        let configuration = self.folder.join("dovecot/dovecot.conf");
        run(program_command("sievec").arg("-c").arg(&configuration).arg(self.folder.join("dovecot/before.sieve")))?;
        self.daemon(program_command("dovecot").arg("-c").arg(&configuration))?;
        self.daemon(program_command("postfix").arg("-c").arg(self.folder.join("postfix")).arg("start"))?;
        let deadline = Instant::now() + START_LIMIT;
        for (name, port) in self.ports.named() {
            while !ports::answers(port) {
                if Instant::now() > deadline {
                    return Err(format!("{name} does not answer on port {port}"));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    /// Runs a program that leaves a daemon behind. Its output goes to a file: of a pipe, the daemon keeps an end.
    fn daemon(&self, command: &mut Command) -> Result<(), String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut open = fs::OpenOptions::new();
        let log = open.create(true).append(true).open(self.folder.join("log/start.log"));
        let log = log.map_err(|error| format!("start.log: {error}"))?;
        let error_log = log.try_clone().map_err(|error| format!("start.log: {error}"))?;
        let status = command.stdin(Stdio::null()).stdout(log).stderr(error_log).status();
        match status.map_err(|error| format!("{name}: {error}"))? {
            status if status.success() => Ok(()),
            status => Err(format!("{name}: {status}")),
        }
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The process that cleans up; it sees us die by the end of its standard input.
fn keeper(folder: &Path) -> Result<Child, String> {
    Command::new("sh")
        .args(["-c", include_str!("testbed/keeper.sh"), "keeper"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("sh: {error}"))
}

/// A new folder that the users postfix and mail can enter: TMPDIR may be private to us.
fn new_folder() -> Result<PathBuf, String> {
    let is_passable = |path: &PathBuf| {
        path.ancestors().all(|folder| fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o001 != 0))
    };
    let parent = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()].into_iter().find(is_passable);
    let parent = parent.ok_or("no temporary folder that every user can enter")?;
    let folder = tempfile::Builder::new().prefix("mailtrip-testbed-").tempdir_in(parent).map_err(|e| e.to_string())?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
    Ok(folder.keep())
}

fn make_folder(path: &Path, (uid, gid): (u32, u32)) -> Result<(), String> {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .and_then(|()| chown(path, Some(uid), Some(gid)))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// The user and group number of a system user.
fn owner(name: &str) -> Result<(u32, u32), String> {
    let users = fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name);
    let number = |field: usize| fields.as_ref()?.get(field)?.parse().ok();
    number(2).zip(number(3)).ok_or(format!("no user {name} in /etc/passwd"))
}

/// Where a program is; a plain PATH may lack Debian's place of servers.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn program_command(name: &str) -> Command {
    Command::new(program(name).unwrap_or_else(|| name.into()))
}

/// Runs a program to its end; what it printed on standard output, or on failure all that it printed.
fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{name}: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr)))
}
