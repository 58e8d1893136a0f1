//! Runs the command, far from the configuration and the environment of whoever runs the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mailtrip::sandbox::{Sandbox, Settings};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub const ALICE: &str = "alice's sandbox password";

/// A folder with nothing in it, to run the command in.
pub struct Place(TempDir);

/// What a run of the command left behind.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Done {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Done { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Done {
    /// Standard output as JSON, and nothing else.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The last line, which is not indented.
    pub fn conclusion(&self) -> &str {
        self.stdout.lines().rfind(|line| !line.starts_with(' ')).unwrap_or_default()
    }
}

impl Place {
    pub fn new() -> Place {
        Place(TempDir::new().expect("a temporary folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file in a temporary folder");
        path
    }

    /// The command, not yet running.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailtrip"));
        command.args(arguments).current_dir(self.path());
        command.env("HOME", self.path()).env("APPDATA", self.path()).env("TMPDIR", self.path());
        let of_mailtrip =
            ["MAILTRIP_CONFIG", "MAILTRIP_PASSWORD", "MAILTRIP_PUSH", "XDG_CONFIG_HOME", "GITHUB_STEP_SUMMARY"];
        let of_state = ["XDG_STATE_HOME", "STATE_DIRECTORY"];
        for name in of_mailtrip.into_iter().chain(of_state).chain(["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"]) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        self.command(arguments).output().expect("the command runs").into()
    }
}

/// A mail system within this test, and a folder with the configuration for it.
pub struct System {
    pub place: Place,
    pub sandbox: Sandbox,
    pub ca_file: PathBuf,
    _runtime: Runtime,
}

impl System {
    /// With these settings, in TOML.
    pub fn start(settings: &str) -> System {
        let settings: Settings = toml::from_str(settings).expect("settings of the sandbox");
        let runtime = Runtime::new().expect("a runtime");
        let sandbox = runtime.block_on(Sandbox::start(settings)).expect("a sandbox");
        let place = Place::new();
        let ca_file = place.write("ca.pem", sandbox.ca_pem());
        place.write("mailtrip.toml", &sandbox.config(&ca_file));
        System { place, sandbox, ca_file, _runtime: runtime }
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        self.place.run(arguments)
    }
}
