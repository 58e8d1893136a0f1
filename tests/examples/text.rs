//! What is read in the examples: the list of them, command lines, configurations.

use std::fs;
use std::path::{Path, PathBuf};

use mailtrip::config;

use super::command_lines;

/// In each of these is a command; in others, such as `icinga2.conf`, it is a list of words.
const WITH_A_COMMAND: &[&str] = &[
    "examples/ci-github.yml",
    "examples/ci-gitlab.yml",
    "examples/crontab",
    "examples/systemd/mailtrip.service",
    "examples/nagios/mailtrip.cfg",
    "examples/checkmk/mailtrip",
    "examples/prometheus/mailtrip.cron",
    "examples/prometheus/textfile.conf",
];

pub fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).replace("\r\n", "\n")
}

/// Every file below `examples/`, by its path from the root of the repository.
fn files() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("examples")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let from_root = |path: &PathBuf| path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
    let mut files: Vec<String> = files.iter().map(from_root).collect();
    files.sort();
    files
}

/// A file is in the list itself, or its folder is.
pub fn listed() {
    let readme = read("README.md");
    let (_, list) = readme.split_once("\n## Examples\n").expect("a section for the examples");
    let list = list.split("\n## ").next().unwrap();
    let is_listed = |path: &str| list.contains(&format!("({path})"));
    for file in files() {
        let folder = file.rsplit_once('/').unwrap().0;
        assert!(is_listed(&file) || folder != "examples" && is_listed(folder), "{file} is not in the list:{list}");
    }
    let links = list.split("](examples/").skip(1).filter_map(|rest| rest.split_once(')'));
    for (path, _) in links {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path).exists(), "there is no {path}");
    }
}

pub fn command_lines() {
    let folder = tempfile::tempdir().unwrap();
    let help = command_lines::mailtrip(&["--help".to_owned()], folder.path());
    let help = String::from_utf8(help.stdout).unwrap();
    // In a text around commands, "mailtrip" may be followed by any word.
    let is_command = |line: &Vec<String>| {
        let first = line.first().map_or("", String::as_str);
        help.lines().any(|row| row.strip_prefix("  ").is_some_and(|row| row.split(' ').next() == Some(first)))
    };
    let mut complaints = Vec::new();
    for file in files().iter().filter(|file| !file.ends_with(".rs")) {
        let mut found = command_lines::command_lines(&read(file));
        found.retain(is_command);
        assert!(!found.is_empty() || !WITH_A_COMMAND.contains(&file.as_str()), "no command in {file}");
        let wrong = found.iter().filter_map(|line| command_lines::complaint(line, folder.path()));
        complaints.extend(wrong.map(|complaint| format!("{file}: {complaint}")));
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

pub fn configurations() {
    let mut loaded = 0;
    for file in files().iter().filter(|file| file.ends_with(".toml")) {
        is_without_notice(file, &read(file));
        loaded += 1;
    }
    is_without_notice(super::container::CRON_JOB, &super::container::configuration());
    assert!(loaded > 0);
}

fn is_without_notice(file: &str, text: &str) {
    let configuration = config::parse(text, file).unwrap_or_else(|error| panic!("{error}"));
    assert!(!configuration.checks.is_empty() && configuration.notices.is_empty(), "{file}");
}

/// The text of `KEY: |` in YAML, the first behind `after`.
pub fn block(text: &str, after: &str, key: &str) -> String {
    let (_, rest) = text.split_once(after).unwrap_or_else(|| panic!("no {after:?}"));
    let begin = format!("{key}: |");
    let mut lines = rest.lines().skip_while(|line| line.trim_start_matches(['-', ' ']) != begin);
    let depth = |line: &str| line.len() - line.trim_start().len();
    let key = depth(lines.next().unwrap_or_else(|| panic!("no {begin:?} behind {after:?}")));
    let lines: Vec<&str> = lines.take_while(|line| line.trim().is_empty() || depth(line) > key).collect();
    let indent = depth(lines.first().unwrap());
    let cut: Vec<&str> = lines.iter().map(|line| line.get(indent..).unwrap_or_default()).collect();
    cut.join("\n").trim_end().to_owned() + "\n"
}
