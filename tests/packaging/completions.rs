//! The completions, in the shells.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use mailtrip::report::Format;

use super::printed;

pub fn every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = printed(&["completions", shell]);
        assert!(["verify", "doctor", "offline-neighbours"].iter().all(|word| script.contains(word)), "{shell}");
    }
}

/// What a script prints in this shell, with the completions in a file that is its first argument.
fn in_shell(shell: &[&str], script: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    // By this name zsh finds it.
    let file = folder.path().join("_mailtrip");
    fs::write(&file, printed(&["completions", Path::new(shell[0]).file_name().unwrap().to_str().unwrap()])).unwrap();
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(script).stdin(Stdio::null()).current_dir(folder.path());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder.path());
    let output = command.output().expect("a shell");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What is typed, and what is offered.
fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    let formats: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
    vec![
        ("mailtrip ver", vec!["verify"]),
        ("mailtrip verify --offline-n", vec!["--offline-neighbours"]),
        ("mailtrip verify --receive ", vec!["imap", "pop3", "both"]),
        ("mailtrip verify --report ", formats.clone()),
        ("mailtrip report --format ", formats),
    ]
}

/// Such that clap_complete has no words for in fish: arguments that are no options.
const POSITIONAL: [(&str, &[&str]); 2] = [("mailtrip completions z", &["zsh"]), ("mailtrip man doc", &["doctor"])];

fn is_offered(shell: &str, offer: impl Fn(&str) -> String) {
    let positional = POSITIONAL.iter().filter(|_| shell != "fish").map(|(typed, offered)| (*typed, offered.to_vec()));
    for (typed, mut expected) in cases().into_iter().chain(positional) {
        let offered = offer(typed);
        // Behind a tabulator, fish says what it means.
        let mut offered: Vec<&str> = offered.lines().map(|line| line.split('\t').next().unwrap_or_default()).collect();
        offered.sort_unstable();
        expected.sort_unstable();
        assert_eq!(offered, expected, "{shell}: {typed}");
    }
}

/// By the function that bash would call, with the variables that it would set.
pub fn bash() {
    is_offered("bash", |typed| {
        let words: Vec<String> = typed.split(' ').map(|word| format!("'{word}'")).collect();
        let script = format!(
            r#"source ./_mailtrip
            COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) COMP_LINE='{typed}' COMP_POINT=${{#COMP_LINE}}
            function=$(complete -p mailtrip | sed 's/.*-F \([^ ]*\).*/\1/')
            "$function" mailtrip "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
            printf '%s\n' "${{COMPREPLY[@]}}""#,
            words = words.join(" "),
        );
        in_shell(&["bash", "--noprofile", "--norc", "-c"], &script)
    });
}

/// It is valid, and is found as the completion of mailtrip.
pub fn zsh() {
    let script = "zsh -n ./_mailtrip && fpath=($PWD $fpath) && autoload -U compinit && compinit -u -D && \
                  autoload +X _mailtrip && print -r -- $_comps[mailtrip]";
    assert_eq!(in_shell(&["zsh", "-f", "-c"], script), "_mailtrip\n");
}

/// By what fish itself would show.
pub fn fish() {
    is_offered("fish", |typed| {
        in_shell(&["fish", "--no-config", "-c"], &format!("source ./_mailtrip; complete --do-complete '{typed}'"))
    });
}
