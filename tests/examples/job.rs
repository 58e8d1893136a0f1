//! What a CI job and cron run.

use std::fs;
use std::process::Output;

use mailtrip::sandbox::Service;

use super::command_lines::command_lines;
use super::system::{System, said};
use super::text::{block, read};

const WELL: &str = "";
const JUNK: &str = r#"faults = [{ fault = "message-junked" }]"#;
const BROKEN: &str = r#"faults = [{ fault = "login-refused", service = "imap" }]"#;

/// What the job leaves for its page: every file that the script names in `--report FORMAT=FILE`.
fn reports(script: &str) -> Vec<String> {
    let words = command_lines(script).into_iter().flatten();
    let files: Vec<String> = words.filter_map(|word| Some(word.split_once('=')?.1.to_owned())).collect();
    assert!(files.len() >= 2, "{script}");
    files
}

fn job(system: &System, shell: &str, options: &[&str], script: &str, prefix: &str) -> Output {
    let output = system
        .command(shell)
        .args(options)
        .arg(system.write("script", script))
        .env("MAILTRIP_PASSWORD", &system.user().password)
        .env(format!("{prefix}ADDRESS"), &system.user().address)
        .env(format!("{prefix}SMTP"), system.server(Service::Submission, "starttls"))
        .env(format!("{prefix}IMAP"), system.server(Service::Imaps, "tls"))
        .env("GITHUB_STEP_SUMMARY", system.path().join("summary.md"))
        .output()
        .expect("a shell");
    for file in reports(script) {
        assert!(system.path().join(&file).is_file(), "no {file}: {}", said(&output));
    }
    output
}

/// A step is run by `bash -e`, and its summary is a file beside it.
pub fn github() {
    let script = block(&read("examples/ci-github.yml"), "- name: Verify", "run");
    let (before, last) = script.trim_end().rsplit_once('\n').expect("a last line");
    // What the comment says of warnings that are to fail the job.
    let strict = format!("{before}\n{}", last.replace('1', "0"));
    for (script, settings, code, begin) in [
        (&script, WELL, 0, "::notice "),
        (&script, JUNK, 0, "::warning "),
        (&script, BROKEN, 1, "::error "),
        (&strict, WELL, 0, "::notice "),
        (&strict, JUNK, 1, "::warning "),
        (&strict, BROKEN, 1, "::error "),
    ] {
        let system = System::start(settings);
        let output = job(&system, "bash", &["--noprofile", "--norc", "-e", "-o", "pipefail"], script, "");
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        let annotations = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(annotations.lines().any(|line| line.starts_with(begin)), "{}", said(&output));
        assert!(!fs::read_to_string(system.path().join("summary.md")).expect("a summary").is_empty());
        assert!(system.is_empty(), "it left something behind");
    }
}

/// The lines of a script are run by `sh`, and the job has the exit code of the one that fails.
pub fn gitlab() {
    let text = read("examples/ci-gitlab.yml");
    let (_, lines) = text.split_once("\n  script:\n").expect("a script");
    let lines = lines.lines().map_while(|line| line.strip_prefix("    - "));
    let script = lines.collect::<Vec<_>>().join("\n") + "\n";
    for (settings, code) in [(WELL, 0), (JUNK, 1), (BROKEN, 2)] {
        let system = System::start(settings);
        let output = job(&system, "sh", &["-e"], &script, "MAIL_");
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(system.is_empty(), "it left something behind");
    }
    assert!(text.contains("\n  allow_failure:\n    exit_codes: 1\n"), "a warning is let pass");
}

/// In the environment of cron: a home, a shell, and next to nothing else. It may take more than one run for it to be sure that
/// mail does not work.
pub fn crontab() {
    let well = System::start(WELL);
    let output = turn(&well);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{}", said(&output));
    let broken = System::start(BROKEN);
    let spoke =
        (0..3).map(|_| turn(&broken)).any(|output| output.status.code() == Some(2) && !output.stdout.is_empty());
    assert!(spoke, "mail does not work, and nobody is told");
    assert!(well.is_empty() && broken.is_empty(), "it left something behind");
}

fn turn(system: &System) -> Output {
    let text = read("examples/crontab");
    let is_line = |line: &&str| line.starts_with(['*', '@']) || line.starts_with(|c: char| c.is_ascii_digit());
    let line = text.lines().find(is_line).expect("a line with times");
    let command = &line[line.find("/usr/local/bin/mailtrip ").expect("the program")..];
    let command = command.replace("/usr/local/bin/mailtrip", env!("CARGO_BIN_EXE_mailtrip"));
    let configuration = read("examples/systemd/config.toml").replace("{ credential = ", "{ file = ");
    system.write(".config/mailtrip/config.toml", &system.adapted(&configuration));
    system.write(".config/mailtrip/home", &system.user().password);
    system.command("/bin/sh").arg("-c").arg(&command).output().expect("a shell")
}
