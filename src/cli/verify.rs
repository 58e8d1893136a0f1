//! `mailtrip verify`: what is verified, how strictly, how many at once, and what is kept from one run to the next.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mailtrip::account::Secret;
use mailtrip::check::{Receive, Sent};
use mailtrip::criteria::{Measure, Range};

use super::value::{bound, delay, duration, secret};
use super::{Given, Neighbours, Network, Show};

/// `mailtrip verify`
#[derive(Debug, Args)]
#[command(mut_arg("neighbour", |arg| arg.requires("diagnose")))]
#[command(mut_arg("offline_neighbours", |arg| arg.requires("diagnose")))]
pub struct Verify {
    /// Names of checks in the configuration (all of them if none is named), or one address
    #[arg(value_name = "CHECK|ADDRESS")]
    pub targets: Vec<String>,
    /// The configuration [default: $MAILTRIP_CONFIG, ./mailtrip.toml, ~/.config/mailtrip/config.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How the report is shown.
    #[command(flatten)]
    pub show: Show,
    /// Limit of the whole run, such as 2m or 90s: there is a complete report by then. A quarter of it, 15 s at most, is kept
    /// for the clean-up [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<std::time::Duration>,
    /// Leave the test message where it is instead of removing it
    #[arg(long)]
    pub keep: bool,
    /// By which protocol the message is received [default: imap]
    #[arg(long, value_name = "PROTOCOL")]
    pub receive: Option<ReceiveBy>,
    /// Let the receiving account reply, and follow the reply home
    #[arg(long)]
    pub reply: bool,
    /// What to do about the Sent folder [default: auto]
    #[arg(long, value_name = "MODE")]
    pub sent: Option<SentMode>,
    /// Which addresses are used.
    #[command(flatten)]
    pub network: Network,
    /// A warning where a measure is outside of RANGE: a time such as 30s, or a range of monitoring plugins. MEASURE is
    /// round-trip (the default), certificate-days, a stage such as login, or one of a leg such as submission-login. Can be
    /// given several times
    #[arg(long, value_name = "[MEASURE=]RANGE", value_parser = bound)]
    pub warn: Vec<(Measure, Range)>,
    /// The same for what is critical
    #[arg(long, value_name = "[MEASURE=]RANGE", value_parser = bound)]
    pub critical: Vec<(Measure, Range)>,
    /// After a check that failed, look at its servers and at this machine, without another sign-in, for up to 30 seconds
    #[arg(long)]
    pub diagnose: bool,
    /// Whom else to ask.
    #[command(flatten)]
    pub neighbours: Neighbours,
    /// Show what was said on each connection, without passwords; or write it to FILE, for nobody else to read
    #[arg(long, value_name = "FILE")]
    pub transcript: Option<Option<PathBuf>>,
    /// Tell a service of the run: healthchecks (at its beginning, too), kuma, ntfy, or webhook (JSON), which is meant where
    /// the URL does not show the kind. Can be given several times; $MAILTRIP_PUSH may hold more, which nobody else can read
    #[arg(long = "push", value_name = "[KIND=]URL", value_parser = secret)]
    pub pushes: Vec<Secret>,
    /// How many checks at once.
    #[command(flatten)]
    pub several: Several,
    /// What is kept from one run to the next.
    #[command(flatten)]
    pub memory: Memory,
    /// Without a configuration.
    #[command(flatten)]
    pub given: Given,
}

/// How many checks at once, and how often again.
#[derive(Debug, Args)]
#[command(next_help_heading = "Several checks, and attempts")]
pub struct Several {
    /// At most so many checks at the same time. Each has its own time limit, from when it begins [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// At most so many checks at the same time that use the same host, so that a provider does not lock the account [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub per_host: Option<u16>,
    /// Repeat a check that failed, at most so many times, unless its sign-in was refused. Where it passes then, it is flaky: a
    /// WARNING [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=100))]
    pub retry: Option<u16>,
    /// How long after a check has failed it is repeated [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = delay, requires = "retry")]
    pub retry_delay: Option<std::time::Duration>,
}

/// What is kept from one run to the next: for cron, and for monitoring.
#[derive(Debug, Args)]
#[command(next_help_heading = "From one run to the next")]
pub struct Memory {
    /// Print something, and exit with another code than 0, only where the verdict on a check is not what it was at the run
    /// before. Reports in files are written anyway
    #[arg(long)]
    pub on_change: bool,
    /// With --on-change, do so again after this time, such as 6h, for as long as a check is not OK
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "on_change")]
    pub remind: Option<std::time::Duration>,
    /// A check is CRITICAL or UNKNOWN only after so many failures in a row, and until then a WARNING at most; with
    /// --on-change, it is no change until then [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub fail_after: Option<u32>,
    /// Where it is kept, and the lock that lets one run of a check begin at a time [default: $STATE_DIRECTORY,
    /// $XDG_STATE_HOME/mailtrip, ~/.local/state/mailtrip]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

impl Verify {
    /// Whether nobody wants to know anything but how it went.
    pub fn is_quiet(&self) -> bool {
        self.show.is_without_notes() || self.memory.on_change
    }

    /// Whether there is a file for what is said, and its name as it is given is like this.
    pub fn transcript_is(&self, like: impl Fn(&str) -> bool) -> bool {
        self.transcript.iter().flatten().filter_map(|file| file.to_str()).any(like)
    }
}

/// By which protocol the message is received.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ReceiveBy {
    /// IMAP
    Imap,
    /// POP3
    Pop3,
    /// Both: it must be visible through each
    Both,
}

impl From<ReceiveBy> for Receive {
    fn from(protocol: ReceiveBy) -> Receive {
        match protocol {
            ReceiveBy::Imap => Receive::Imap,
            ReceiveBy::Pop3 => Receive::Pop3,
            ReceiveBy::Both => Receive::Both,
        }
    }
}

/// What to do about the Sent folder.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SentMode {
    /// Look for a copy filed by the server, else file one
    Auto,
    /// The server must file a copy
    Server,
    /// File a copy as a mail client does
    Append,
    /// Leave the Sent folder alone
    Off,
}

impl From<SentMode> for Sent {
    fn from(mode: SentMode) -> Sent {
        match mode {
            SentMode::Auto => Sent::Auto,
            SentMode::Server => Sent::Server,
            SentMode::Append => Sent::Append,
            SentMode::Off => Sent::Off,
        }
    }
}
