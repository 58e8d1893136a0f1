//! The command itself: what it prints where, how it exits, how it is stopped.

#[path = "command_line/clean.rs"]
mod clean;
#[path = "command_line/demo.rs"]
mod demo;
#[path = "command_line/discover.rs"]
mod discover;
#[path = "command_line/doctor.rs"]
mod doctor;
#[path = "support/internet.rs"]
mod internet;
#[path = "support/leftover.rs"]
mod leftover;
#[cfg(unix)]
#[path = "command_line/lock.rs"]
mod lock;
#[cfg(unix)]
#[path = "command_line/on_change.rs"]
mod on_change;
#[path = "command_line/options.rs"]
mod options;
#[path = "command_line/program.rs"]
mod program;
#[path = "support/provider.rs"]
mod provider;
#[path = "command_line/push.rs"]
mod push;
#[path = "command_line/reports.rs"]
mod reports;
#[path = "command_line/sandbox.rs"]
mod sandbox;
#[path = "command_line/several.rs"]
mod several;
#[cfg(unix)]
#[path = "command_line/stopped.rs"]
mod stopped;
#[path = "command_line/transcript.rs"]
mod transcript;
#[path = "command_line/verify.rs"]
mod verify;
