//! The image and the CronJob that runs it.

use super::system::{System, arguments, said};
use super::text::{block, read};

pub const CRON_JOB: &str = "examples/kubernetes/cronjob.yaml";

/// What the ConfigMap has as the file of this name.
pub fn configuration() -> String {
    block(&read(CRON_JOB), "kind: ConfigMap", "config.toml")
}

/// What stands behind `KEY: ` in the CronJob.
fn setting(key: &str) -> String {
    let text = read(CRON_JOB);
    let (_, job) = text.split_once("kind: CronJob").expect("a CronJob");
    let line = job.lines().find_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(&format!("{key}: ")));
    line.unwrap_or_else(|| panic!("no {key}")).to_owned()
}

/// As the kubelet starts it: a folder for each mount.
pub fn cron_job_runs() {
    let system = System::start("");
    let password = system.write("secrets/home", &system.user().password);
    let text = system.adapted(&configuration());
    let mounted = text.replace("/run/secrets/mailtrip", &password.parent().expect("a folder").display().to_string());
    assert_ne!(text, mounted, "the password is in another place");
    let configuration = system.write("config.toml", &mounted);
    let words: Vec<String> = serde_json::from_str(&setting("args")).expect("a list of words");
    let mut command = system.command(env!("CARGO_BIN_EXE_mailtrip"));
    let output = command.args(arguments(&words, &configuration)).output().expect("it runs");
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{}", said(&output));
    assert!(system.is_empty(), "it left something behind");
}

/// The instructions, each in one line.
fn instructions() -> Vec<(String, String)> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').expect("an instruction")).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

pub fn dockerfile() {
    let instructions = instructions();
    let all = |name: &str| {
        let of_name = instructions.iter().filter(|(instruction, _)| instruction == name);
        of_name.map(|(_, rest)| rest.as_str()).collect::<Vec<_>>()
    };
    for base in all("FROM") {
        let image = base.split(' ').next().expect("an image");
        let is_pinned = image.split_once(':').is_some_and(|(_, tag)| tag.contains('.') && tag != "latest");
        assert!(image == "scratch" || is_pinned, "{base}");
    }
    // The last stage is the image.
    let user = all("USER").last().copied().expect("a user");
    assert!(
        user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)),
        "a number, so that it is known not to be root"
    );
    let own = format!("USER {user}");
    assert!(
        own.ends_with(&format!("{}:{}", setting("runAsUser"), setting("runAsGroup"))),
        "the CronJob has another user"
    );
    assert_eq!(all("ENTRYPOINT"), [r#"["/usr/local/bin/mailtrip"]"#]);
    let words: Vec<String> = serde_json::from_str(all("CMD")[0]).expect("a list of words");
    let folder = tempfile::tempdir().expect("a folder");
    let output = super::command_lines::mailtrip(&words, folder.path());
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        all("ARG").is_empty() && all("ENV").iter().all(|set| !set.contains("PASSWORD")),
        "a secret would be in a layer"
    );
}

pub fn ignored() {
    let ignored = read(".dockerignore");
    for name in [".git", "target", "mailtrip.toml", "**/*.password"] {
        assert!(ignored.lines().any(|line| line == name), "{name} would be in a layer");
    }
}
