//! Golden scenarios: each `tests/scenarios/NAME.toml` is a mail system with its faults, a check, and what must hold
//! afterwards; the reports that the verification must give stand beside it. One test a file.
//!
//! `UPDATE_GOLDEN=1 cargo test --test scenarios` writes the reports anew; read the difference before it is committed.

#[path = "support/codes.rs"]
mod codes;
#[path = "scenarios/golden.rs"]
mod golden;
#[path = "scenarios/harmless.rs"]
mod harmless;
#[path = "scenarios/play.rs"]
mod play;
#[path = "support/provider.rs"]
mod provider;
#[path = "scenarios/scenario.rs"]
mod scenario;
#[path = "scenarios/steady.rs"]
mod steady;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Most of a scenario is waiting: more of them at once than there are processors.
const AT_ONCE: usize = 6;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() > 50, "the scenarios are missing");
    let trials = files.into_iter().map(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(name, move || play::play(&path))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
