//! `mailtrip sandbox`: the mail system of the demo, in the foreground.

use mailtrip::diagnose::Verdict;
use mailtrip::sandbox::{self, Sandbox};

use crate::cli;
use crate::console::{Unable, note, print};

use super::{read_text, signals};

/// Runs it until a signal comes.
///
/// # Errors
/// When it cannot be started.
pub async fn run(arguments: cli::Sandbox) -> Result<Verdict, Unable> {
    let mut signals = signals()?;
    let settings = match &arguments.settings {
        Some(path) => toml::from_str(&read_text(path)?).map_err(|error| format!("{}: {error}", path.display()))?,
        None => sandbox::Settings::default(),
    };
    let sandbox = Sandbox::start(settings).await.map_err(|error| format!("the sandbox cannot be started: {error}"))?;
    let folder = std::env::temp_dir().join(format!("mailtrip-sandbox-{}", std::process::id()));
    let ca_file = folder.join("ca.pem");
    let written = std::fs::create_dir(&folder).and_then(|()| std::fs::write(&ca_file, sandbox.ca_pem()));
    written.map_err(|error| format!("{}: {error}", ca_file.display()))?;
    let printed = print(&sandbox.config(&ca_file));
    if printed.is_ok() {
        note(
            "the mail system runs until Ctrl-C; save the configuration above as mailtrip.toml, and run `mailtrip verify`",
        );
        signals.next().await;
    }
    sandbox.stop().await;
    let _ = std::fs::remove_dir_all(&folder); // ours, with one file in it
    printed.map(|()| Verdict::Ok)
}
