//! The command line: clap types and nothing else.

mod value;
mod verify;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mailtrip::account::{Family, Location};
use mailtrip::report::Format;

use value::{age, duration, formats, host_and_port, report_to};
pub use verify::{Memory, Several, Verify};

/// Proves that a mailbox can send and receive: submits a tagged message over SMTP, follows it to the inbox, checks the
/// Sent folder, cleans up, and says which stage failed and why.
///
/// Exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (bad usage, bad configuration, interrupted, could not run).
#[derive(Debug, Parser)]
#[command(name = "mailtrip", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Verify an account on a mail system of its own, on this machine: no configuration, no network
    Demo(Demo),
    /// Verify checks of the configuration, or one address without a configuration
    Verify(Box<Verify>),
    /// Remove what earlier verifications have left behind in the mailboxes of accounts, and nothing else
    Clean(Box<Clean>),
    /// Find out why mail does not work: look at the servers of accounts, at this machine, and say what to change
    ///
    /// Exit codes: 0 everything configured works, 1 it works, and there is something to say, 2 something configured does
    /// not work, 3 it could not be found out, or bad usage.
    Doctor(Box<Doctor>),
    /// Find the servers of an address, look at each without signing in, and write a configuration
    ///
    /// Exit codes: 0 servers to send and to receive by are confirmed, 1 something was found, but it is not confirmed or
    /// not complete, 2 nothing was found, 3 bad usage, or nobody could be asked.
    Discover(Discover),
    /// Run the mail system of the demo in the foreground, and print a configuration for it
    Sandbox(Sandbox),
    /// Print an annotated configuration with every key and its default
    Config,
    /// Render a report again from the JSON of an earlier verification
    Report(Report),
    /// Print completions for a shell
    Completions(Completions),
    /// Print a page of the manual, or write all of them for man
    Man(Man),
}

/// How reports are shown.
#[derive(Debug, Args)]
pub struct Show {
    /// Form of the report on standard output [default: terminal]
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub format: Option<Format>,
    /// A report in this form: into FILE, beside the one on standard output, or else in its place. Can be given several times
    #[arg(long = "report", value_name = "FORMAT[=FILE]", value_parser = report_to)]
    pub reports: Vec<ReportTo>,
    /// Show everything that was seen: addresses, certificates, capabilities, hops
    #[arg(short, long)]
    pub verbose: bool,
    /// Print nothing if all is well
    #[arg(short, long)]
    pub quiet: bool,
}

impl Show {
    /// Whether nothing is noted beside the report: where nobody wants to know, and where a monitoring system reads. Icinga 2
    /// takes standard error for the output, too, and its first line for what is shown.
    pub fn is_without_notes(&self) -> bool {
        let named = self.reports.iter().filter(|report| report.file.is_none()).map(|report| report.format);
        self.quiet || self.format.into_iter().chain(named).any(Format::is_awaited)
    }
}

/// A report, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportTo {
    /// Its form.
    pub format: Format,
    /// The file; `None`: standard output.
    pub file: Option<PathBuf>,
}

/// `mailtrip demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// How the report is shown.
    #[command(flatten)]
    pub show: Show,
    /// Show what was said on each connection, without passwords
    #[arg(long)]
    pub transcript: bool,
}

/// `mailtrip clean`
#[derive(Debug, Args)]
#[command(mut_arg("smtp", |smtp| smtp.hide(true)))]
pub struct Clean {
    /// Names of accounts in the configuration (all of them if none is named), or one address
    #[arg(value_name = "ACCOUNT|ADDRESS")]
    pub targets: Vec<String>,
    /// The configuration [default: $MAILTRIP_CONFIG, ./mailtrip.toml, ~/.config/mailtrip/config.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Leave alone what was sent later than this long ago, such as 30m or 24h. A verification that is under way
    /// loses its messages with less than the time that it takes; 0s takes away everything
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = age)]
    pub older_than: std::time::Duration,
    /// Only list what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// How the report is shown.
    #[command(flatten)]
    pub show: Show,
    /// Limit of the whole run, such as 10m or 90s [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<std::time::Duration>,
    /// Which addresses are used.
    #[command(flatten)]
    pub network: Network,
    /// Without a configuration.
    #[command(flatten)]
    pub given: Given,
}

/// Which addresses of the servers are used.
#[derive(Debug, Args)]
pub struct Network {
    /// Use only the servers' IPv4 addresses
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Use only the servers' IPv6 addresses
    #[arg(short = '6', long)]
    pub ipv6: bool,
}

impl Network {
    /// The family that was asked for.
    pub fn family(&self) -> Option<Family> {
        let ipv4 = self.ipv4.then_some(Family::Ipv4);
        ipv4.or(self.ipv6.then_some(Family::Ipv6))
    }
}

/// What an address is verified with, where there is no configuration. The password is asked for, or comes from
/// `MAILTRIP_PASSWORD` or a command; never from an argument, which others could read.
#[derive(Debug, Args)]
#[command(next_help_heading = "With an ADDRESS")]
pub struct Given {
    /// Submission server, such as smtp.example.net:587/starttls [default: known by the address's domain]
    #[arg(long, value_name = "HOST:PORT/SECURITY")]
    pub smtp: Option<Location>,
    /// IMAP server, such as imap.example.net:993/tls [default: known by the address's domain]
    #[arg(long, value_name = "HOST:PORT/SECURITY")]
    pub imap: Option<Location>,
    /// POP3 server, such as pop.example.net:995/tls [default: known by the address's domain]
    #[arg(long, value_name = "HOST:PORT/SECURITY")]
    pub pop3: Option<Location>,
    /// Username, sent exactly as given [default: the address]
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// Shell command whose output is the password [default: $MAILTRIP_PASSWORD, else it is asked for]
    #[arg(long, value_name = "COMMAND")]
    pub password_command: Option<String>,
    /// Shell command whose output is an OAuth 2.0 access token, to sign in by that instead of a password
    #[arg(long, value_name = "COMMAND", conflicts_with = "password_command")]
    pub token_command: Option<String>,
    /// Certificates (PEM) that are trusted in addition to the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Send the password unencrypted where the security is `none`: others can read it on the way
    #[arg(long)]
    pub allow_cleartext_password: bool,
}

impl Given {
    /// Whether any of it was given.
    pub fn any(&self) -> bool {
        let Given { smtp, imap, pop3, username, password_command, token_command, ca_file, allow_cleartext_password } =
            self;
        let endpoint = smtp.is_some() || imap.is_some() || pop3.is_some() || ca_file.is_some();
        let proof = password_command.is_some() || token_command.is_some();
        endpoint || proof || username.is_some() || *allow_cleartext_password
    }
}

/// `mailtrip doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// Names of accounts in the configuration (all of them if none is named), or one address
    #[arg(value_name = "ACCOUNT|ADDRESS")]
    pub targets: Vec<String>,
    /// The configuration [default: $MAILTRIP_CONFIG, ./mailtrip.toml, ~/.config/mailtrip/config.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Form of what is printed
    #[arg(long, value_name = "FORMAT", default_value = "terminal")]
    pub format: Listing,
    /// Limit of the whole examination, such as 2m or 90s [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<std::time::Duration>,
    /// Which addresses are used.
    #[command(flatten)]
    pub network: Network,
    /// Whom else to ask.
    #[command(flatten)]
    pub neighbours: Neighbours,
    /// Without a configuration.
    #[command(flatten)]
    pub given: Given,
}

/// Who is asked beside the hosts that an account names.
#[derive(Debug, Args)]
pub struct Neighbours {
    /// A mail server of somebody else, which is looked at to tell this machine from the server [default: smtp.gmail.com:587]
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    pub neighbour: Option<(String, u16)>,
    /// Connect to no host that the account does not name
    #[arg(long, conflicts_with = "neighbour")]
    pub offline_neighbours: bool,
}

/// `mailtrip discover`
#[derive(Debug, Args)]
pub struct Discover {
    /// The address whose servers are to be found
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// Write the configuration to this file, which must not exist yet
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Ask nobody, and connect to nothing: only what is built in
    #[arg(long)]
    pub offline: bool,
    /// Form of what is printed
    #[arg(long, value_name = "FORMAT", default_value = "terminal")]
    pub format: Listing,
    /// Limit of the whole search, such as 2m or 90s [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<std::time::Duration>,
    /// Certificates (PEM) that are trusted in addition to the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The DNS server to ask, such as 192.0.2.53:53 [default: the system's]
    #[arg(long, value_name = "IP:PORT", conflicts_with = "offline")]
    pub dns: Option<std::net::SocketAddr>,
}

/// Form of what `discover` and `doctor` print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// For people
    Terminal,
    /// For programs
    Json,
}

/// `mailtrip sandbox`
#[derive(Debug, Args)]
pub struct Sandbox {
    /// Settings and faults of the mail system (TOML)
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
}

/// `mailtrip report`
#[derive(Debug, Args)]
pub struct Report {
    /// What `mailtrip verify --format json` has printed; `-` for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How the report is shown.
    #[command(flatten)]
    pub show: Show,
}

/// `mailtrip completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell that is to read them
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `mailtrip man`
#[derive(Debug, Args)]
pub struct Man {
    /// The page of this command, such as verify [default: the page of mailtrip itself]
    #[arg(value_name = "COMMAND")]
    pub page: Option<String>,
    /// Write every page into this folder, which exists, instead of printing one
    #[arg(long, value_name = "FOLDER", conflicts_with = "page")]
    pub write: Option<PathBuf>,
}

/// The format that is asked for on standard output, as far as that can be told of arguments that may be wrong.
pub fn on_standard_output(arguments: impl Iterator<Item = OsString>) -> Option<Format> {
    let arguments: Vec<String> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    let apart = arguments.windows(2).filter_map(|pair| Some((pair.first()?.as_str(), pair.get(1)?.as_str())));
    let joined = arguments.iter().filter_map(|argument| argument.split_once('='));
    let mut formats = apart.chain(joined).filter(|(option, _)| matches!(*option, "--format" | "--report"));
    formats.find_map(|(_, name)| name.parse().ok())
}
