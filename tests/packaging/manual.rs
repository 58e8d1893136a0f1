//! The manual, in the hands of what shows it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{command_lines, printed};

/// Every page, in a folder.
fn pages() -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(printed(&["man", "--write", folder.path().to_str().expect("UTF-8")]), "");
    let mut pages: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    (folder, pages)
}

/// What is below `Commands:` in the help, but the help itself.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let (_, list) = help.split_once("\nCommands:\n").expect("a list of commands");
    let list = list.split("\n\n").next().expect("its end");
    // What is indented further goes on with a description.
    let rows = list.lines().filter_map(|row| row.strip_prefix("  ")).filter(|row| !row.starts_with(' '));
    rows.filter_map(|row| row.split(' ').next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

pub fn every_command() {
    let (_folder, pages) = pages();
    let there: BTreeSet<String> =
        pages.iter().map(|page| page.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let commands = commands();
    assert!(commands.len() > 8, "{commands:?}");
    let expected = commands.iter().map(|name| format!("mailtrip-{name}.1")).chain(["mailtrip.1".to_owned()]);
    assert_eq!(there, expected.collect());
    let whole = printed(&["man"]);
    for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\"", "FILES", "ENVIRONMENT", "EXAMPLES"]
    {
        assert!(whole.lines().any(|line| line == format!(".SH {section}")), "no {section}");
    }
    for command in &commands {
        let page = printed(&["man", command]);
        assert!(
            page.contains("\n.SH OPTIONS\n") && page.contains(&format!("\nmailtrip\\-{command} \\- ")),
            "{command}"
        );
        assert!(whole.contains(&format!("\nmailtrip\\-{command}(1)\n")), "{command}");
    }
}

pub fn no_such_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = command_lines::mailtrip(&["man", "verfy"].map(str::to_owned), folder.path());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0));
    assert!(errors.starts_with("error: there is no command `verfy`") && errors.contains("verify, clean"), "{errors}");
}

/// The variables of the environment that the source names.
fn variables(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            variables(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            for call in ["var(\"", "var_os(\"", "variable(\"", "variable)(\""] {
                let names = source.split(call).skip(1).filter_map(|rest| rest.split('"').next());
                found.extend(names.map(str::to_owned));
            }
            let own = source.split("\"MAILTRIP_").skip(1).filter_map(|rest| rest.split('"').next());
            found.extend(own.map(|name| format!("MAILTRIP_{name}")));
        }
    }
}

pub fn every_variable() {
    let mut found = BTreeSet::from(["GITHUB_STEP_SUMMARY".to_owned()]);
    variables(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    // Those of Windows have no manual.
    found.retain(|name| !["APPDATA", "LOCALAPPDATA", "USERPROFILE"].contains(&name.as_str()));
    found.retain(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')); // not the rest of a sentence
    assert!(found.len() > 4, "{found:?}");
    let page = printed(&["man"]);
    let (_, section) = page.split_once(".SH ENVIRONMENT\n").unwrap();
    let section = section.split("\n.SH ").next().unwrap();
    for name in found {
        assert!(section.contains(&name), "$ {name} is not in src/subcommand/man/sections.roff");
    }
}

pub fn command_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = printed(&["man"]);
    let (_, examples) = page.split_once(".SH EXAMPLES\n").unwrap();
    let typed = examples.split("\n.nf\n").skip(1).filter_map(|rest| rest.split("\n.fi\n").next());
    let typed = typed.collect::<Vec<_>>().join("\n").replace("\\e\n", " ").replace("\\-", "-");
    let lines = command_lines::command_lines(&typed);
    assert!(lines.len() > 6, "{lines:?}");
    let complaints: Vec<String> =
        lines.iter().filter_map(|line| command_lines::complaint(line, folder.path())).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// It is without a date, which would be another one in every build.
pub fn warnings() {
    let (_folder, pages) = pages();
    let output = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).args(&pages).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().filter(|line| !line.contains("missing date, using \"\"")).collect();
    assert!(said.is_empty(), "{}", said.join("\n"));
}

pub fn columns() {
    let (_folder, pages) = pages();
    for page in pages {
        let output =
            Command::new("mandoc").args(["-T", "utf8", "-O", "width=80"]).arg(&page).output().expect("it runs");
        // A letter and a backspace before it make it bold.
        let shown = String::from_utf8(output.stdout).expect("UTF-8");
        for line in shown.lines() {
            let wide = line.chars().count() - 2 * line.matches('\u{8}').count();
            assert!(wide <= 80, "{}: {line}", page.display());
        }
        assert!(shown.lines().count() > 15, "{}", page.display());
    }
}
