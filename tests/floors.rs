//! Imports only go down: the floors of `src/lib.rs`, read from the source itself. And what else is promised of the source:
//! no `mod.rs`, no long files, nothing that panics.

use std::fs;
use std::path::{Path, PathBuf};

/// A module and its floor. A module may import those on lower floors, and itself; on floor 0, where the nouns are,
/// also those that are named before it.
const FLOORS: &[(&str, u8)] = &[
    ("command", 0),
    ("account", 0),
    ("stage", 0),
    ("criteria", 0),
    ("check", 0),
    ("failure", 0),
    ("outcome", 1),
    ("provider", 1),
    ("wire", 2),
    ("bounce", 2),
    ("probe", 2),
    ("config", 2),
    ("diagnose", 2),
    ("sandbox", 2),
    ("verify", 3),
    ("survey", 3),
    ("report", 3),
    ("history", 3),
    ("discover", 4),
    ("doctor", 4),
    ("batch", 4),
    ("push", 4),
    ("cli", 5),
    ("console", 5),
    ("live", 5),
    ("prompt", 5),
    ("signals", 5),
    ("subcommand", 5),
    ("main", 5),
];

/// What a module must not import although it is on a lower floor, or is no part of this crate at all.
const NEVER: &[(&str, &[&str])] = &[
    // Pure functions of an outcome: they cannot reach the network, a file or the environment.
    (
        "report",
        &[
            "wire",
            "probe",
            "check",
            "config",
            "sandbox",
            "provider",
            "tokio",
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "ToSocketAddrs",
            "std::fs",
            "std::env",
            "std::process",
        ],
    ),
    (
        "diagnose",
        &[
            "check",
            "tokio",
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "ToSocketAddrs",
            "std::fs",
            "std::env",
            "std::process",
        ],
    ),
    (
        "history",
        &[
            "check",
            "tokio",
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "std::fs",
            "std::env",
            "std::process",
            "Timestamp::now",
        ],
    ),
    // Judging and showing is not its business, nor where its check comes from.
    ("verify", &["diagnose", "config", "provider", "sandbox", "std::fs", "std::env", "std::process"]),
    ("survey", &["stage", "check", "config", "provider", "sandbox", "std::fs", "std::env", "std::process"]),
    ("discover", &["check", "config", "sandbox", "std::fs", "std::env", "std::process"]),
    ("doctor", &["check", "config", "sandbox", "std::env", "std::process"]),
    ("push", &["check", "config", "provider", "sandbox", "std::fs", "std::env", "std::process"]),
    ("wire", &["stage", "check", "provider"]),
    // It shares no parser with the clients, so that a misunderstanding cannot cancel itself out.
    (
        "sandbox",
        &[
            "account",
            "check",
            "stage",
            "failure",
            "outcome",
            "provider",
            "async_imap",
            "imap_proto",
            "lettre",
            "mail_parser",
        ],
    ),
];

/// Calls that panic and are there for a reason.
const MAY_PANIC: &[(&str, &str, &str)] = &[];

/// The longest a file of the source may be, and the files that are longer for now, with how long they may be.
const LONGEST: usize = 500;
const LONGER: &[(&str, usize)] = &[];

struct Source {
    path: String,
    /// Its lines without comments, and blank where a test module was.
    lines: Vec<String>,
    length: usize,
}

impl Source {
    fn read(path: &Path) -> Source {
        let text = fs::read_to_string(path).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        let mut lines = Vec::new();
        let mut in_tests = false;
        let mut all = text.lines().peekable();
        while let Some(line) = all.next() {
            let begins = line.starts_with("#[cfg(") && line.contains("test");
            in_tests |= begins && all.peek().is_some_and(|next| next.starts_with("mod "));
            lines.push(if in_tests { String::new() } else { without_comment(line).to_owned() });
            in_tests &= line != "}";
        }
        Source { path, length: text.lines().count(), lines }
    }

    /// `wire` of `src/wire/imap/guard.rs`.
    fn module(&self) -> &str {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inside.split('/').next().unwrap()
    }

    /// How many modules the file is below the root of the crate.
    fn depth(&self) -> usize {
        self.path.matches('/').count()
    }

    /// Every path that begins at the root of the crate, as line number and first name.
    fn imports(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (index, _) in self.lines.iter().enumerate() {
            let line = self.lines[index].as_str();
            let up_to_root = "super::".repeat(self.depth());
            for root in ["crate::", "mailtrip::", &up_to_root] {
                for (at, _) in line.match_indices(root) {
                    let before = line[..at].chars().next_back();
                    if before.is_some_and(|c| is_word(c) || c == ':') {
                        continue;
                    }
                    let rest = [&line[at + root.len()..], "\n", &self.lines[index + 1..].join("\n")].concat();
                    found.extend(first_names(&rest).into_iter().map(|name| (index + 1, name)));
                }
            }
        }
        found
    }
}

/// The comment at the end of a line does not count; a `//` in a URL does not begin one.
fn without_comment(line: &str) -> &str {
    let begins = line.match_indices("//").find(|&(at, _)| !line[..at].ends_with(':'));
    begins.map_or(line, |(at, _)| &line[..at])
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `account` of `account::Account`; `account`, `check` of `{account::Account, check}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| -> String { text.trim_start().chars().take_while(|&c| is_word(c)).collect() };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut names = vec![name(group)];
    let mut depth = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty() && name != "self");
    names
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() > 50, "these are not all files: {files:?}");
    files.iter().map(|path| Source::read(path)).collect()
}

fn floor(module: &str) -> Option<(usize, u8)> {
    let place = FLOORS.iter().position(|(name, _)| *name == module)?;
    Some((place, FLOORS[place].1))
}

fn never(module: &str) -> &'static [&'static str] {
    NEVER.iter().find(|(name, _)| *name == module).map_or(&[], |(_, never)| never)
}

/// Why this import must not be; `None` where it may.
fn wrong(from: &str, to: &str) -> Option<&'static str> {
    let ((from_place, from_floor), (to_place, to_floor)) = (floor(from)?, floor(to)?);
    let nouns = from_floor == 0 && to_floor == 0 && to_place < from_place;
    match () {
        () if from == to || nouns => None,
        () if to_floor > from_floor => Some("goes up"),
        () if to_floor == from_floor && from_floor < 5 => Some("goes sideways"),
        () if never(from).contains(&to) => Some("is not for this module"),
        () => None,
    }
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn imports_only_go_down() {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for source in sources().iter().filter(|source| source.path != "src/lib.rs") {
        let module = source.module();
        if floor(module).is_none() {
            complaints.push(format!("{}: the module `{module}` has no floor yet: give it one here", source.path));
        }
        for (line, name) in source.imports() {
            seen += 1;
            if let Some(why) = wrong(module, &name) {
                complaints.push(format!("{}:{line}: the import of `{name}` {why}", source.path));
            }
        }
        for foreign in never(module).iter().filter(|name| name.contains("::") || floor(name).is_none()) {
            let hits = source.lines.iter().enumerate().filter(|(_, line)| names(line, foreign));
            complaints
                .extend(hits.map(|(at, _)| format!("{}:{}: `{foreign}` is not for {module}", source.path, at + 1)));
        }
    }
    assert_none(&complaints);
    assert!(seen > 100, "only {seen} imports were found: this test does not read them any more");
}

/// Whether a line has this path, as `std::fs::read`, `use std::{fs, io}` or `async_imap::Client`; a type by its name.
fn names(line: &str, path: &str) -> bool {
    let whole = |text: &str, word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let around = [text[..at].chars().next_back(), text[at + word.len()..].chars().next()];
            around.into_iter().flatten().all(|c| !is_word(c))
        })
    };
    match path.split_once("::") {
        Some((first, second)) => {
            let group = line.split_once(&format!("{first}::{{")).map(|(_, group)| group);
            whole(line, path) || group.is_some_and(|group| whole(group, second))
        }
        None if path.starts_with(char::is_uppercase) => whole(line, path),
        None => {
            line.match_indices(path)
                .any(|(at, _)| line[at + path.len()..].starts_with("::") && !line[..at].ends_with(is_word))
                || line.contains(&format!("use {path};"))
        }
    }
}

#[test]
fn this_test_would_see_an_import_that_goes_up() {
    assert_eq!(wrong("report", "wire"), Some("is not for this module"));
    assert_eq!(wrong("wire", "verify"), Some("goes up"));
    assert_eq!(wrong("config", "sandbox"), Some("goes sideways"));
    assert_eq!(wrong("account", "check"), Some("goes sideways"));
    assert_eq!(wrong("check", "account"), None);
    assert_eq!(wrong("main", "live"), None);
    assert_eq!(first_names("{account::{Account, Auth},\n    check, self}; wire::x"), ["account", "check"]);
    assert_eq!(first_names("wire::imap::Imap;"), ["wire"]);
    assert!(names("use std::{env, fs};", "std::fs") && names("std::fs::read(path)", "std::fs"));
    assert!(names("use std::net::{IpAddr, TcpStream};", "TcpStream") && names("    tokio::spawn(a);", "tokio"));
    assert!(!names("use std::fmt;", "std::fs") && !names("let tokio = 1;", "tokio"));
    assert_eq!(without_comment("a(); // b"), "a(); ");
    assert_eq!(without_comment("\"https://a\""), "\"https://a\"");
    let source = |path: &str, lines: &[&str]| Source {
        path: path.to_owned(),
        lines: lines.iter().map(|&line| line.to_owned()).collect(),
        length: lines.len(),
    };
    assert_eq!(source("src/report.rs", &["use super::wire;"]).imports(), [(1, "wire".to_owned())]);
    assert_eq!(source("src/wire/imap.rs", &["use super::tap;"]).imports(), []);
    assert_eq!(source("src/wire/imap.rs", &["use super::super::verify;"]).imports(), [(1, "verify".to_owned())]);
}

#[test]
fn files_are_named_after_what_they_define_and_are_not_long() {
    let mut complaints = Vec::new();
    for Source { path, length, .. } in sources() {
        let stem = path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        if ["mod", "util", "utils", "types", "helpers", "common"].contains(&stem) {
            complaints.push(format!("{path}: a file is named after the noun that it defines"));
        }
        match LONGER.iter().find(|(longer, _)| *longer == path) {
            Some((_, most)) if length > *most => complaints.push(format!("{path}: {length} lines, at most {most}")),
            Some(_) if length <= LONGEST => complaints.push(format!("{path} is short enough: take it out of LONGER")),
            None if length > LONGEST => complaints.push(format!("{path}: {length} lines, at most {LONGEST}")),
            _ => {}
        }
    }
    assert_none(&complaints);
}

#[test]
fn nothing_panics_on_purpose() {
    let panicking = [".unwrap()", ".expect(\"", "panic!(", "todo!(", "unimplemented!(", "unreachable!(", "dbg!("];
    let mut complaints = Vec::new();
    let mut allowed = vec![false; MAY_PANIC.len()];
    for source in sources() {
        for (index, line) in source.lines.iter().enumerate() {
            if !panicking.iter().any(|call| line.contains(call)) {
                continue;
            }
            match MAY_PANIC.iter().position(|(path, text, _)| *path == source.path && line.contains(text)) {
                Some(known) => allowed[known] = true,
                None => complaints.push(format!("{}:{}: {}", source.path, index + 1, line.trim())),
            }
        }
    }
    let gone = MAY_PANIC.iter().zip(allowed).filter(|(_, seen)| !seen);
    complaints
        .extend(gone.map(|((path, text, _), _)| format!("{path}: no `{text}` any more: take it out of MAY_PANIC")));
    assert_none(&complaints);
}
