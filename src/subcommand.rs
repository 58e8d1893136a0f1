//! The subcommands, one file each, and what several of them do.

mod audience;
pub mod clean;
pub mod completions;
pub mod demo;
pub mod discover;
pub mod doctor;
mod examination;
mod given;
mod in_order;
pub mod man;
mod memory;
mod options;
mod pushes;
pub mod report;
mod reports;
mod run_lock;
pub mod sandbox;
mod state_dir;
mod stream;
mod transcript;
mod turn;
pub mod verify;
mod whole_file;

use std::path::{Path, PathBuf};

use mailtrip::config;
use mailtrip::verify::stop::Stopper;

use crate::console::Unable;
use crate::signals::Signals;

/// The configuration that is named, or that is found.
fn configuration(named: &Option<PathBuf>, command: &str) -> Result<PathBuf, Unable> {
    named.clone().or_else(config::find).ok_or_else(|| {
        format!(
            "there is no configuration: name one with --config, write one with `mailtrip config > mailtrip.toml`, \
             or give an address instead: `mailtrip {command} ADDRESS`"
        )
    })
}

fn signals() -> Result<Signals, Unable> {
    Signals::new().map_err(|error| format!("signals cannot be waited for: {error}"))
}

/// Once stops the run, which then cleans up; twice leaves the clean-up out.
async fn stop_on_signals(mut signals: Signals, stopper: Stopper) {
    loop {
        signals.next().await;
        stopper.stop();
    }
}

fn read_text(path: &Path) -> Result<String, Unable> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
