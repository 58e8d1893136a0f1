//! Command lines in texts for people, and whether the real binary takes them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs in an empty folder, with nothing of the surroundings that could make a difference.
pub fn mailtrip(arguments: &[String], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailtrip"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for name in [
        "MAILTRIP_CONFIG",
        "MAILTRIP_PASSWORD",
        "MAILTRIP_PUSH",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "STATE_DIRECTORY",
        "GITHUB_STEP_SUMMARY",
    ] {
        command.env_remove(name);
    }
    command.env("HOME", folder).output().unwrap()
}

/// The words of a line as a shell sees them, up to where the next command or a redirection begins.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut quote = None;
    let mut word = String::new();
    for c in line.chars().chain([' ']) {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            ('|' | '>' | '#' | '&' | ';', None) => break,
            (c, None) if c.is_whitespace() => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()))
            }
            (c, _) => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// Arguments of every `mailtrip …` in a text that is a shell script or the like, wherever in a line it begins.
pub fn command_lines(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let starts = ["mailtrip ", "cargo run --release -- "];
        let places =
            starts.iter().flat_map(|start| line.match_indices(start).map(|(at, start)| (at, at + start.len())));
        for (at, after) in places {
            let begins = at == 0 || line[..at].ends_with([' ', '/', '`', '=']);
            if begins && !line[..at].ends_with("--path ") {
                found.push(words(&line[after..]));
            }
        }
    }
    found
}

/// Runs a command line so that it ends at once and reaches no network, and says what is wrong with it, if anything.
pub fn complaint(arguments: &[String], folder: &Path) -> Option<String> {
    let mut run = arguments.to_vec();
    let mut add = |option: &str, value: &str| {
        if !run.iter().any(|argument| argument == option) {
            run.extend([option.to_owned(), value.to_owned()]);
        }
    };
    // What the command says when it has understood its arguments, and does not find what it needs.
    let expected = match arguments.first().map(String::as_str) {
        Some("verify") if arguments.iter().any(|argument| argument == "--help") => None,
        Some("verify" | "clean")
            if arguments.iter().any(|argument| argument.contains('@') || argument.ends_with("ADDRESS")) =>
        {
            add("--ca-file", "missing.pem");
            Some("missing.pem, cannot be read")
        }
        Some("verify" | "clean") => {
            add("--config", "missing.toml");
            Some("error: the configuration `")
        }
        Some("doctor") => {
            add("--config", "missing.toml");
            Some("error: the configuration `")
        }
        Some("discover") => {
            add("--ca-file", "missing.pem");
            Some("missing.pem, cannot be read")
        }
        Some("sandbox") => {
            add("--settings", "missing.toml");
            Some(".toml: ")
        }
        Some("report") if arguments.iter().any(|argument| argument == "-") => {
            Some("standard input: this is not an outcome")
        }
        Some("report") => Some(".json: "),
        Some("man") if arguments.iter().any(|argument| argument == "--write") => {
            // Not into the folder that the line names: it may be one of this system.
            run.truncate(1);
            run.extend(["--write", "missing"].map(str::to_owned));
            Some("cannot be written: there is no folder missing")
        }
        Some("demo" | "config" | "completions" | "man") => None,
        other => return Some(format!("{other:?} is no command of mailtrip")),
    };
    // What a shell would have put there.
    let shell = [("ADDRESS", "jane@example.net"), ("SMTP", "a.test:587/starttls"), ("IMAP", "a.test:993/tls")];
    for (variable, value) in shell {
        let is_it = |word: &&mut String| **word == format!("${variable}") || **word == format!("$MAIL_{variable}");
        run.iter_mut().filter(is_it).for_each(|word| value.clone_into(word));
    }
    // Where the textfile collector looks, if there is one on this machine.
    let textfiles = run.iter_mut().filter(|word| word.starts_with("prometheus=/"));
    textfiles.for_each(|word| "prometheus=mailtrip.prom".clone_into(word));
    let output = mailtrip(&run, folder);
    let errors = String::from_utf8_lossy(&output.stderr);
    let fine = match expected {
        Some(sentence) => output.status.code() == Some(3) && errors.contains(sentence) && !errors.contains("--help"),
        None => output.status.success(),
    };
    (!fine).then(|| format!("mailtrip {}\n  {}\n  {errors}", arguments.join(" "), output.status))
}
