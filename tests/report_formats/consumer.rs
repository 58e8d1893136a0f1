//! The reports in the hands of programs that read them.

use std::io::{Seek, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mailtrip::diagnose::Verdict;
use mailtrip::report::Format;

use super::{data, folder, render, worst};

/// Whether a program can be run here.
pub fn is_there(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

fn run(program: &str, arguments: &[&str], file: &Path) -> Output {
    Command::new(program).args(arguments).arg(file).stdin(Stdio::null()).output().expect("it runs")
}

/// Against our schema, of what Jenkins and GitLab read.
pub fn junit_is_valid() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("report.xml");
    let schema = folder().join("junit.xsd");
    let schema = schema.to_str().expect("a path in UTF-8");
    let validate = |text: &str| {
        std::fs::write(&file, text).expect("a file in a temporary folder");
        run("xmllint", &["--noout", "--nonet", "--schema", schema], &file)
    };
    for (name, outcomes) in data() {
        let output = validate(&render(&outcomes, Format::Junit));
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let (_, outcomes) = data().remove(0);
    let good = render(&outcomes, Format::Junit);
    for (from, to) in [(" classname=", " class="), ("<properties>", "<property>"), (" time=\"", " time=\"x")] {
        assert!(!validate(&good.replacen(from, to, 1)).status.success(), "{to} is taken, so this test proves nothing");
    }
}

/// The version of the Test Anything Protocol that `prove` reads at most: 14 is known from Test::Harness 3.48 (2023) on, and
/// our reports use nothing of it that 13 has not.
fn known_to_prove(file: &Path) -> u32 {
    std::fs::write(file, "TAP version 14\n1..1\nok 1 - a\n").expect("a file in a temporary folder");
    if run("prove", &["-e", "cat"], file).status.success() { 14 } else { 13 }
}

pub fn tap_is_read() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("report.tap");
    let version = known_to_prove(&file);
    for (name, outcomes) in data() {
        let text = render(&outcomes, Format::Tap).replacen("version 14", &format!("version {version}"), 1);
        std::fs::write(&file, &text).expect("a file in a temporary folder");
        let output = run("prove", &["-e", "cat"], &file);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!said.contains("Parse errors") && !said.contains("Bad plan"), "{name}: {said}");
        assert_eq!(output.status.success(), worst(&outcomes) < Verdict::Unknown, "{name}: {said}");
        let failed = text.lines().filter(|line| line.starts_with("not ok ")).count();
        assert!(failed == 0 || said.contains(&format!("Failed: {failed})")), "{name}, {failed}: {said}");
    }
}

/// `promtool check metrics` reads as Prometheus does, and then finds fault with names and texts.
pub fn prometheus_is_clean() {
    let check = |text: &str| {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(text.as_bytes()).and_then(|()| file.rewind()).expect("a temporary file is written");
        Command::new("promtool").args(["check", "metrics"]).stdin(file).output().expect("it runs")
    };
    for (name, outcomes) in data() {
        let output = check(&render(&outcomes, Format::Prometheus));
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        assert!(output.status.success() && said.is_empty(), "{name}: {}", String::from_utf8_lossy(&said));
    }
    let (_, outcomes) = data().remove(0);
    let good = render(&outcomes, Format::Prometheus);
    for (from, to) in [(" gauge\n", " count\n"), ("\"} 1\n", "} 1\n"), ("mailtrip_success", "mailtrip_success_total")] {
        let bad = good.replace(from, to);
        assert!(bad != good && !check(&bad).status.success(), "{to:?} is taken, so this test proves nothing");
    }
}
