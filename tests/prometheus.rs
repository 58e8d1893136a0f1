//! What mailtrip writes for Prometheus in the hands of those who read it: node_exporter's textfile collector, and the alert
//! rules of `examples/prometheus`. Tests with a program that is missing here show as ignored.

#[path = "support/exposition.rs"]
mod exposition;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};

use libtest_mimic::{Arguments, Trial};
use mailtrip::report::prometheus::metric::{OF_CHECKS, OF_CLEAN_UPS};
use mailtrip::sandbox::{Sandbox, Settings};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use exposition::{Series, sample};

const EXPORTER: &str = "prometheus-node-exporter";
const PROMTOOL: &str = "promtool";

/// What it is called, what it does, and the program that it takes.
type Test = (&'static str, fn(), Option<&'static str>);

const TESTS: &[Test] = &[
    ("the_textfile_collector_has_what_mailtrip_wrote", collected, Some(EXPORTER)),
    ("files_of_several_runs_stand_side_by_side", side_by_side, Some(EXPORTER)),
    ("promtool_takes_the_rules", rules_are_taken, Some(PROMTOOL)),
    ("every_alert_fires_and_is_silent_as_its_tests_say", rules_do_as_their_tests_say, Some(PROMTOOL)),
    ("the_rules_name_metrics_and_labels_that_there_are", rules_name_what_there_is, None),
    ("systemd_takes_the_drop_in", drop_in_is_taken, Some("systemd-analyze")),
];

fn main() -> ExitCode {
    let trial = |&(name, test, program): &Test| {
        let missing = program.filter(|program| !is_there(program));
        if let Some(program) = missing {
            eprintln!("prometheus: ignored: {name}, for there is no {program} here");
        }
        let trial = move || {
            test();
            Ok(())
        };
        Trial::test(name, trial).with_ignored_flag(missing.is_some())
    };
    libtest_mimic::run(&Arguments::from_args(), TESTS.iter().map(trial).collect()).exit_code()
}

fn is_there(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A folder with a configuration for a sandbox, and one in it for the collector.
struct Place {
    folder: TempDir,
    _sandbox: Sandbox,
    _runtime: Runtime,
}

impl Place {
    /// With these settings of the sandbox, in TOML.
    fn new(settings: &str) -> Place {
        let settings: Settings = toml::from_str(settings).unwrap();
        let runtime = Runtime::new().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(settings)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        fs::write(&ca_file, sandbox.ca_pem()).unwrap();
        fs::write(folder.path().join("mailtrip.toml"), sandbox.config(&ca_file)).unwrap();
        fs::create_dir(folder.path().join("textfile")).unwrap();
        Place { folder, _sandbox: sandbox, _runtime: runtime }
    }

    fn textfile(&self) -> PathBuf {
        self.folder.path().join("textfile")
    }

    fn mailtrip(&self, arguments: &[&str]) -> Option<i32> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailtrip"));
        for name in ["MAILTRIP_CONFIG", "MAILTRIP_PASSWORD", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "GITHUB_STEP_SUMMARY"]
        {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.folder.path()).env("HOME", self.folder.path());
        command.stdin(Stdio::null()).output().unwrap().status.code()
    }

    /// The samples in one of the files.
    fn written(&self, name: &str) -> BTreeMap<Series, f64> {
        of_mailtrip(&fs::read_to_string(self.textfile().join(name)).unwrap())
    }
}

/// The samples that are mailtrip's.
fn of_mailtrip(text: &str) -> BTreeMap<Series, f64> {
    text.lines().filter(|line| line.starts_with("mailtrip_")).map(sample).collect()
}

/// node_exporter with its textfile collector and nothing else, at a port of its choice.
struct Exporter {
    child: Child,
    address: String,
    log: BufReader<std::process::ChildStderr>,
}

impl Exporter {
    fn start(textfile: &Path) -> Exporter {
        let mut child = Command::new(EXPORTER)
            .args(["--collector.disable-defaults", "--collector.textfile", "--web.listen-address=127.0.0.1:0"])
            .arg(format!("--collector.textfile.directory={}", textfile.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let begin = said.len();
            assert!(log.read_line(&mut said).unwrap() > 0, "it ended: {said}");
            let listens = said[begin..].contains("Listening on");
            if let Some((_, address)) = said[begin..].split_once("address=").filter(|_| listens) {
                break address.trim().to_owned();
            }
        };
        Exporter { child, address, log }
    }

    fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 ") && head.contains("version=0.0.4"), "{head}");
        body.to_owned()
    }

    /// Ends it, and gives what it complained about.
    fn complaints(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        let lines = self.log.by_ref().lines().map(|line| line.unwrap());
        lines.filter(|line| line.to_lowercase().contains("level=error")).collect()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a file could not be read.
fn scrape_error(metrics: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| line.starts_with("node_textfile_scrape_error"))?;
    Some(sample(line).1)
}

/// Two checks in one file, then the same file again after an outage; a report that is not whole yet is not looked at.
fn collected() {
    // The third sign-in is one of the second run, whichever check comes first.
    let place = Place::new("faults = [{ fault = \"drop\", service = \"imap\", at = \"login\", skip = 2, times = 1 }]");
    let exporter = Exporter::start(&place.textfile());
    fs::write(place.textfile().join(".mailtrip.prom.0.part"), "mailtrip_success{").unwrap();
    let verify = ["verify", "alice", "bob", "--quiet", "--report", "prometheus=textfile/mailtrip.prom"];
    for (code, succeed) in [(0, 2.0), (2, 1.0), (0, 2.0)] {
        assert_eq!(place.mailtrip(&verify), Some(code));
        let metrics = exporter.metrics();
        assert_eq!(scrape_error(&metrics), Some(0.0), "{metrics}");
        let (written, scraped) = (place.written("mailtrip.prom"), of_mailtrip(&metrics));
        assert!(written.len() > 100, "{written:?}");
        assert_eq!(scraped, written);
        let successes = scraped.iter().filter(|((name, _), _)| name == "mailtrip_success").map(|(_, value)| *value);
        assert_eq!((successes.clone().count(), successes.sum::<f64>()), (2, succeed));
        let mtime = metrics.lines().find(|line| line.starts_with("node_textfile_mtime_seconds{"));
        assert!(mtime.is_some_and(|line| line.contains("mailtrip.prom\"}")), "{metrics}");
    }
    assert_eq!(exporter.complaints(), [""; 0]);
}

/// A check each, a clean-up of accounts that are called as the checks are, and names that somebody chose with care.
fn side_by_side() {
    let place = Place::new("");
    let hostile = repository("tests/report/hostile.json");
    let runs: [&[&str]; 4] = [
        &["verify", "alice", "--report", "prometheus=textfile/alice.prom"],
        &["verify", "bob", "--report", "prometheus=textfile/bob.prom"],
        &["clean", "--report", "prometheus=textfile/clean.prom"],
        &["report", hostile.to_str().unwrap(), "--report", "prometheus=textfile/hostile.prom"],
    ];
    let codes = runs.map(|arguments| place.mailtrip(arguments));
    assert_eq!(codes[..3], [Some(0), Some(0), Some(0)]);
    let exporter = Exporter::start(&place.textfile());
    let metrics = exporter.metrics();
    assert_eq!(scrape_error(&metrics), Some(0.0), "{metrics}");
    let files = ["alice.prom", "bob.prom", "clean.prom", "hostile.prom"].map(|name| place.written(name));
    let number: usize = files.iter().map(BTreeMap::len).sum();
    let written: BTreeMap<Series, f64> = files.into_iter().flatten().collect();
    assert_eq!(written.len(), number, "two files have a line in common");
    assert_eq!(of_mailtrip(&metrics), written);
    // It answers all the same where two files are at odds, so its log is looked at, too.
    assert_eq!(exporter.complaints(), [""; 0]);
}

fn promtool(arguments: &[&str], file: &Path) -> Output {
    Command::new(PROMTOOL).args(arguments).arg(file).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

const RULES: &str = "mailtrip.rules.yml";
const RULES_TEST: &str = "mailtrip.rules.test.yml";

fn example(name: &str) -> String {
    fs::read_to_string(repository("examples/prometheus").join(name)).unwrap()
}

fn alerts() -> Vec<String> {
    let rules = example(RULES);
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned).collect()
}

fn rules_are_taken() {
    let output = promtool(&["check", "rules"], &repository("examples/prometheus").join(RULES));
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains(&format!("{} rules found", alerts().len())), "{}", said(&output));
}

/// The tests of the rules pass, and would not if one of the alerts never fired.
fn rules_do_as_their_tests_say() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(RULES_TEST), example(RULES_TEST)).unwrap();
    let run = |rules: &str| {
        fs::write(folder.path().join(RULES), rules).unwrap();
        promtool(&["test", "rules"], &folder.path().join(RULES_TEST))
    };
    let rules = example(RULES);
    let output = run(&rules);
    assert!(output.status.success(), "{}", said(&output));
    for alert in alerts() {
        let (before, rule) = rules.split_once(&format!("- alert: {alert}\n")).unwrap();
        let silent = format!("{before}- alert: {alert}\n        expr: vector(0) > 1\n{}", without_expression(rule));
        assert!(!run(&silent).status.success(), "no test has {alert} fire");
    }
}

/// What follows the expression of a rule: its lines are the deeper ones.
fn without_expression(rule: &str) -> String {
    let mut lines = rule.split_inclusive('\n').peekable();
    assert!(lines.next().unwrap().starts_with("        expr: "), "{rule}");
    while lines.next_if(|line| line.starts_with("          ")).is_some() {}
    lines.collect()
}

/// A metric that is called otherwise, or a label that it does not have, would be silence for ever.
fn rules_name_what_there_is() {
    let labels: BTreeMap<&str, BTreeSet<&str>> = OF_CHECKS
        .iter()
        .map(|metric| (metric.name, metric.labels.iter().copied().chain(["check"]).collect()))
        .chain(
            OF_CLEAN_UPS.iter().map(|metric| (metric.name, metric.labels.iter().copied().chain(["account"]).collect())),
        )
        .collect();
    let mut named = BTreeSet::new();
    for line in [example(RULES), example(RULES_TEST)].concat().lines() {
        for (at, _) in line.match_indices("mailtrip_") {
            let name: String = line[at..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            let labels = labels.get(name.as_str()).unwrap_or_else(|| panic!("no metric {name}: {line}"));
            let (selector, _) = line[at + name.len()..].split_once('}').unwrap_or_default();
            let selector = selector.strip_prefix('{').unwrap_or_default();
            for label in selector.split(',').filter_map(|matcher| matcher.split_once('=')) {
                let label = label.0.trim();
                assert!(
                    labels.contains(label) || ["job", "instance"].contains(&label),
                    "{name} has no {label}: {line}"
                );
            }
            named.insert(name);
        }
    }
    assert!(named.len() > 8, "{named:?}");
}

fn drop_in_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("mailtrip.service");
    let ours = |text: String| text.replace("/usr/local/bin/mailtrip", env!("CARGO_BIN_EXE_mailtrip"));
    fs::write(&unit, ours(fs::read_to_string(repository("examples/systemd/mailtrip.service")).unwrap())).unwrap();
    fs::create_dir(folder.path().join("mailtrip.service.d")).unwrap();
    let drop_in = folder.path().join("mailtrip.service.d/textfile.conf");
    let verify = || said(&Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap());
    let complaints = |said: &str| said.lines().filter(|line| line.contains("mailtrip")).count();
    fs::write(&drop_in, ours(example("textfile.conf"))).unwrap();
    assert_eq!(complaints(&verify()), 0, "{}", verify());
    fs::write(&drop_in, ours(example("textfile.conf")).replace("UMask=", "UMusk=")).unwrap();
    assert!(complaints(&verify()) > 0, "it is not read, so this test proves nothing");
}
