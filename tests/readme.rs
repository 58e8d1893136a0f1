//! The README and the examples say what is so: command lines are taken by the real binary, configurations load, the
//! example is the one that is compiled, and the lists of names are those of the source.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mailtrip::diagnose::code;
use mailtrip::doctor::code as finding;
use mailtrip::doctor::judgement::Fault;
use mailtrip::push::{Run, Service, Target};
use mailtrip::report::prometheus::metric::{self, Metric};
use mailtrip::report::{Format, json};
use mailtrip::{config, provider, sandbox};

const BINARY: &str = env!("CARGO_BIN_EXE_mailtrip");

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).replace("\r\n", "\n")
}

/// The fenced blocks of the README in this language.
fn blocks(language: &str) -> Vec<String> {
    let readme = read("README.md");
    let mut parts = readme.split("\n```");
    parts.next();
    let open = parts.step_by(2);
    open.filter_map(|block| block.strip_prefix(&format!("{language}\n"))).map(str::to_owned).collect()
}

/// Runs in an empty folder, with nothing of the surroundings that could make a difference.
fn mailtrip(arguments: &[String], folder: &Path) -> Output {
    let mut command = Command::new(BINARY);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for name in ["MAILTRIP_CONFIG", "MAILTRIP_PASSWORD", "MAILTRIP_PUSH", "XDG_CONFIG_HOME", "GITHUB_STEP_SUMMARY"] {
        command.env_remove(name);
    }
    command.env("HOME", folder).output().unwrap()
}

/// The words of a line as a shell sees them, up to where the next command or a redirection begins.
fn words(line: &str) -> Vec<String> {
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
fn command_lines(text: &str) -> Vec<Vec<String>> {
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
fn complaint(arguments: &[String], folder: &Path) -> Option<String> {
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
        Some("demo" | "config") => None,
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

/// `mailtrip …` between backticks, in running text.
fn spans(text: &str) -> Vec<Vec<String>> {
    let outside: Vec<&str> = text.split("\n```").step_by(2).collect();
    let outside = outside.join("\n").replace('\n', " ");
    let spans = outside.split('`').skip(1).step_by(2);
    spans.filter_map(|span| span.strip_prefix("mailtrip ")).filter(|span| *span != "probe").map(words).collect()
}

#[test]
fn every_command_line_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = spans(&read("README.md"));
    let in_text = lines.len();
    lines.extend(command_lines(&blocks("sh").join("\n")));
    let in_blocks = lines.len() - in_text;
    let examples = [
        "examples/ci-github.yml",
        "examples/ci-gitlab.yml",
        "examples/crontab",
        "examples/systemd/mailtrip.service",
        "examples/nagios/mailtrip.cfg",
        "examples/checkmk/mailtrip",
        "examples/prometheus/mailtrip.cron",
        "examples/prometheus/textfile.conf",
    ];
    for example in examples {
        let found = command_lines(&read(example));
        assert!(!found.is_empty(), "no command in {example}");
        lines.extend(found);
    }
    assert!(in_text > 3 && in_blocks > 10, "{in_text} and {in_blocks} command lines were found");
    let complaints: Vec<String> = lines.iter().filter_map(|line| complaint(line, folder.path())).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// The report with this line in it, from there on.
fn report_from(line: &str) -> String {
    let reports = blocks("text");
    let found = reports.iter().find_map(|block| Some(&block[block.find(line)?..]));
    format!("{}\n", found.unwrap_or_else(|| panic!("no report has {line:?}")).trim_end())
}

#[test]
fn the_failure_is_told_in_these_words() {
    let readme = read("README.md").replace('\n', " ");
    let (_, fault) = readme.split_once("told to do so by `").unwrap();
    let settings = toml::from_str(fault.split_once('`').unwrap().0).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = runtime.block_on(sandbox::Sandbox::start(settings)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    fs::write(&ca_file, sandbox.ca_pem()).unwrap();
    fs::write(folder.path().join("mailtrip.toml"), sandbox.config(&ca_file)).unwrap();
    let output = mailtrip(&["verify", "alice"].map(str::to_owned), folder.path());
    let printed = String::from_utf8_lossy(&output.stdout);
    let begin = "✗ delivery login";
    assert_eq!(printed.split_once(begin).map(|(_, told)| format!("{begin}{told}")), Some(report_from(begin)));
}

/// The rows of a report without their times, ports and words: the sign and the stage, or the heading of a leg.
fn rows_of_report(report: &str) -> Vec<String> {
    let rows = report.lines().filter(|line| !line.starts_with("    ")); // such is the rest of a row
    rows.map(|row| row.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_demo_is_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let output = mailtrip(&["demo".to_owned()], folder.path());
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(rows_of_report(&printed), rows_of_report(&report_from("demo: ")));
}

#[test]
fn every_configuration_loads() {
    let mut configurations = 0;
    for block in blocks("toml") {
        if block.contains("[accounts.") {
            configurations += 1;
            config::parse(&block, "README.md").unwrap_or_else(|error| panic!("{error}"));
        } else {
            toml::from_str::<sandbox::Settings>(&block).unwrap_or_else(|error| panic!("{error}\n{block}"));
        }
    }
    assert!(configurations > 0);
    for example in ["examples/systemd/config.toml", "examples/nagios/config.toml"] {
        let loaded = config::parse(&read(example), "config.toml").unwrap();
        assert!(loaded.checks.len() == 1 && loaded.notices.is_empty(), "{example}");
    }
}

#[test]
fn the_example_is_the_one_that_is_compiled() {
    assert_eq!(blocks("rust"), [read("examples/verify.rs").trim_end()]);
}

#[test]
fn every_format_is_there_with_lines_of_a_real_report() {
    let [(_, table)] = marked("formats").try_into().unwrap();
    let listed: Vec<String> =
        rows(&table).iter().map(|cells| cells[0].trim_matches(['|', ' ', '`']).to_owned()).collect();
    assert_eq!(listed, Format::ALL.iter().map(|format| format.name()).collect::<Vec<_>>());
    let readme = read("README.md");
    let (_, section) = readme.split_once("\n## Reports for CI\n").unwrap();
    let (section, _) = section.split_once("\n## JSON\n").unwrap();
    let excerpts = [
        ("xml", "junit.xml"),
        ("tap", "tap"),
        ("text", "github.txt"),
        ("markdown", "md"),
        ("nagios", "nagios.txt"),
        ("checkmk", "checkmk.txt"),
    ];
    for (language, ending) in excerpts {
        let (_, excerpt) = section.split_once(&format!("\n```{language}\n")).unwrap_or_else(|| panic!("no {language}"));
        let report = read(&format!("tests/report/login-refused.{ending}"));
        for line in excerpt.split_once("\n```\n").unwrap().0.lines().filter(|line| *line != "…") {
            // The rest of a line may be left out, but not the beginning.
            let begin = line.trim_end_matches('…');
            let is_there = |other: &str| other == line || (begin != line && other.starts_with(begin));
            assert!(report.lines().any(is_there), "{ending}: {line}");
        }
    }
}

#[test]
fn thresholds_are_told_as_in_a_real_report() {
    let readme = read("README.md");
    let (_, section) = readme.split_once("\n## Thresholds\n").unwrap();
    let block =
        |language| section.split_once(&format!("\n```{language}\n")).unwrap().1.split_once("\n```\n").unwrap().0;
    let check = config::parse(block("toml"), "README.md").unwrap().checks.remove(0);
    let outcome = json::read(&read("tests/report/too-slow.json")).unwrap().remove(0);
    assert_eq!(check.settings().criteria, outcome.criteria);
    let report = read("tests/report/too-slow.txt");
    let mut rest = report.as_str();
    for line in block("text").lines().filter(|line| *line != "…") {
        (_, rest) =
            rest.split_once(&format!("{line}\n")).unwrap_or_else(|| panic!("not there, or not there yet: {line}"));
    }
}

#[test]
fn every_preset_is_named() {
    let readme = read("README.md");
    let (_, list) = readme.split_once("The presets are: ").unwrap();
    let list = list.split_once(". They").unwrap().0.replace(" and ", ", ").replace('\n', " ");
    let named: Vec<&str> = list.split(',').map(str::trim).collect();
    assert_eq!(named, provider::names().collect::<Vec<_>>());
}

/// `two-words` of `TwoWords`, as serde writes it.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// The variants of an enum, or the fields of a struct, with the fields of each, read from its source.
fn members(name: &str, path: &str) -> Vec<(String, BTreeSet<String>)> {
    let source = read(path);
    let begin = [format!("pub enum {name} {{\n"), format!("pub struct {name} {{\n")];
    let (_, body) = begin.iter().find_map(|begin| source.split_once(begin)).unwrap_or_else(|| panic!("no {name}"));
    let body = body.split_once("\n}").unwrap().0;
    let mut members: Vec<(String, BTreeSet<String>)> = Vec::new();
    let mut skipped = false;
    for line in body.lines().filter(|line| !line.trim_start().starts_with("///")) {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let word = text.trim_start_matches("pub ");
        let word: String = word.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        match (indent, word.is_empty()) {
            (_, true) => skipped |= text == "#[serde(skip)]",
            (4, _) if std::mem::take(&mut skipped) => {}
            (4, _) => members.push((kebab(&word), BTreeSet::new())),
            _ => {
                members.last_mut().unwrap().1.insert(word);
            }
        }
    }
    assert!(!members.is_empty(), "{name} of {path} has nothing");
    members
}

fn names(name: &str, path: &str) -> BTreeSet<String> {
    members(name, path).into_iter().map(|(member, _)| member).collect()
}

/// The words between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_event_is_there_with_its_fields() {
    let folder = tempfile::tempdir().unwrap();
    let output = mailtrip(&["demo", "--format", "ndjson"].map(str::to_owned), folder.path());
    let mut events: std::collections::BTreeMap<String, BTreeSet<String>> = Default::default();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = keys(&event, "").into_iter().filter(|key| !["event", "time"].contains(&key.as_str()));
        events.entry(event["event"].as_str().unwrap().to_owned()).or_default().extend(fields);
    }
    let fields_of = |title: &str| {
        let (_, table) = marked("keys").into_iter().find(|(other, _)| other == title).unwrap();
        rows(&table).iter().flat_map(|cells| quoted(cells[0])).collect::<BTreeSet<String>>()
    };
    let [(_, table)] = marked("events").try_into().unwrap();
    let documented = rows(&table).into_iter().map(|cells| {
        let mut fields = quoted(cells[2]);
        fields.extend(if cells[2].contains("[a stage]") { fields_of("stage") } else { BTreeSet::new() });
        fields.extend(if cells[2].contains("[the object]") { fields_of("outcome") } else { BTreeSet::new() });
        (cells[0].trim_matches(['|', ' ', '`']).to_owned(), fields)
    });
    assert_eq!(documented.collect::<std::collections::BTreeMap<_, _>>(), events);
}

/// The cells of each row of a table, without its head.
fn rows(table: &str) -> Vec<Vec<&str>> {
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split(" |").map(str::trim).collect()).collect()
}

/// What stands between `<!-- KIND: ARGUMENT -->` and `<!-- end -->`, with its argument.
fn marked(kind: &str) -> Vec<(String, String)> {
    let readme = read("README.md");
    let begin = format!("<!-- {kind}");
    let sections = readme.split(begin.as_str()).skip(1);
    let section = |section: &str| {
        let (argument, rest) = section.split_once("-->").unwrap();
        let text = rest.split_once("<!-- end -->").unwrap().0;
        (argument.trim_start_matches(':').trim().to_owned(), text.to_owned())
    };
    sections.map(section).collect()
}

#[test]
fn every_name_of_the_json_is_there_and_no_other() {
    let tables = marked("names");
    let titles: BTreeSet<String> =
        tables.iter().map(|(title, _)| title.split(' ').next().unwrap().to_owned()).collect();
    let wanted = ["Kind", "Fact", "Concern", "Skip", "Leg", "Stage", "Origin"].map(str::to_owned);
    assert_eq!(titles, BTreeSet::from(wanted));
    for (title, table) in tables {
        let (name, path) = title.split_once(" in ").unwrap();
        let mut documented = Vec::new();
        for cells in rows(&table) {
            // A field is a word in backticks before a colon.
            let fields = cells.get(2).copied().unwrap_or_default();
            let fields = fields.split("; `").map(|field| field.trim_start_matches('`'));
            let fields = fields.filter_map(|field| field.split_once("`: ")).map(|(field, _)| field.to_owned());
            documented.push((cells[0].trim_matches(['|', ' ', '`']).to_owned(), fields.collect::<BTreeSet<_>>()));
        }
        assert_eq!(documented, members(name, path), "{title}");
    }
}

#[test]
fn every_value_is_there_and_no_other() {
    let readme = read("README.md").replace('\n', " ");
    let listed = |after: &str, until: &str| {
        let (_, rest) = readme.split_once(after).unwrap_or_else(|| panic!("no {after:?}"));
        quoted(rest.split_once(until).unwrap().0)
    };
    for (name, path, after, until) in [
        ("Verdict", "src/diagnose.rs", "| `verdict` |", " |"),
        ("Certainty", "src/diagnose.rs", "| `certainty` |", " |"),
        ("Protocol", "src/account.rs", "| `protocol` |", " |"),
        ("Security", "src/account.rs", "| `security` |", " |"),
        ("Mark", "src/outcome.rs", "| `status` |", " |"),
        ("Step", "src/failure.rs", "`step` is one of ", "."),
        ("Speech", "src/failure.rs", "`speaks` is one of ", "."),
        ("Dialled", "src/outcome.rs", "The `result` of an address is one of ", ";"),
        ("Noticed", "src/outcome/manner.rs", "`noticed` one of ", ";"),
        ("Role", "src/outcome/manner.rs", "`role` one of ", ";"),
        ("KnownBy", "src/outcome/manner.rs", "`known_by` one of ", ";"),
        ("FiledBy", "src/outcome/manner.rs", "`filed_by` one of ", ";"),
        ("Change", "src/outcome/manner.rs", "`what` one of ", "."),
        ("State", "src/doctor/sight.rs", "its `state` is one of ", "."),
        ("NotSignedIn", "src/doctor/server.rs", "why nobody signed in: ", " |"),
        ("Fault", "src/doctor/judgement.rs", "`fault` (", ")"),
        ("Lack", "src/doctor/prescription.rs", "though it takes that to send and to receive: ", " |"),
        ("Change", "src/doctor/prescription.rs", "what to change: ", " |"),
        ("Machine", "src/doctor/machine.rs", "| this machine: ", " |"),
        ("Severity", "src/criteria.rs", "server did not find it passed: ", " |"),
        ("Side", "src/outcome/conversation.rs", "`side` (", ")"),
    ] {
        assert_eq!(listed(after, until), names(name, path), "{name}");
    }
}

/// The first arguments of these calls in a source, where they are written out.
fn arguments<'a>(source: &'a str, call: &str) -> impl Iterator<Item = &'a str> {
    source.split(call).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'))
}

#[test]
fn every_code_of_a_diagnosis_is_explained_and_no_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diagnose");
    let mut codes = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        for call in ["because(", "warn(", "note(", "Diagnosis::new("] {
            codes.extend(arguments(&source, call).map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    let explained = code::CODES.iter().flat_map(|(_, group)| *group).map(|(code, ..)| *code);
    assert_eq!(explained.clone().map(str::to_owned).collect::<BTreeSet<_>>(), codes);
    assert!(explained.count() == codes.len() && codes.len() > 60, "one of them stands there twice");
    let table = |(title, group): &(&str, &[code::Code])| {
        let row = |(code, means, verdicts): &code::Code| {
            let verdicts: Vec<String> = verdicts.iter().map(|verdict| verdict.to_string().to_lowercase()).collect();
            format!("| `{code}` | {means} | {} |\n", verdicts.join(", "))
        };
        format!("{title}:\n\n| code | means | verdict |\n|---|---|---|\n{}", group.iter().map(row).collect::<String>())
    };
    is_what_the_readme_has("codes", &code::CODES.iter().map(table).collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_code_of_a_finding_is_explained_and_no_other() {
    let source = read("src/doctor/judgement.rs");
    let (source, _) = source.split_once("#[cfg(test)]").unwrap();
    let found = arguments(source, "Finding::new(").map(|rest| {
        let (code, rest) = rest.split_once("\", Fault::").unwrap();
        (code.to_owned(), rest.split(',').next().unwrap().to_lowercase())
    });
    let fault = |fault: &Fault| format!("{fault:?}").to_lowercase();
    let explained = finding::CODES.iter().map(|(code, _, at)| ((*code).to_owned(), fault(at)));
    assert_eq!(explained.collect::<BTreeSet<_>>(), found.collect::<BTreeSet<_>>());
    let row = |(code, means, at): &(&str, &str, Fault)| format!("| `{code}` | {means} | {} |\n", fault(at));
    let rows: String = finding::CODES.iter().map(row).collect();
    is_what_the_readme_has("findings", &format!("| code | means | fault |\n|---|---|---|\n{rows}"));
}

#[test]
fn every_metric_is_explained_and_no_other() {
    let rows = |metrics: &[Metric], first| {
        let row = |metric: &Metric| {
            let labels = std::iter::once(&first).chain(metric.labels).map(|label| format!("`{label}`"));
            let labels = labels.collect::<Vec<_>>().join(", ");
            format!("| `{}` | {labels} | {} |\n", metric.name, metric.help)
        };
        metrics.iter().map(row).collect::<String>()
    };
    let head = "| metric | labels | means |\n|---|---|---|\n";
    is_what_the_readme_has("metrics", &format!("{head}{}", rows(metric::OF_CHECKS, "check")));
    is_what_the_readme_has("clean-metrics", &format!("{head}{}", rows(metric::OF_CLEAN_UPS, "account")));
    let report = read("tests/report/ok.prom");
    let shown = report_from("# HELP mailtrip_");
    let missing = shown.lines().find(|line| *line != "…" && !report.lines().any(|other| other == *line));
    assert_eq!(missing, None, "tests/report/ok.prom does not have it");
}

/// Holds a table of the README against the one of the source; where it differs, the right one is printed to be copied.
fn is_what_the_readme_has(kind: &str, expected: &str) {
    let [(_, there)] = marked(kind).try_into().unwrap();
    assert!(there.trim() == expected.trim(), "between `<!-- {kind} -->` and `<!-- end -->` belongs:\n\n{expected}");
}

/// The keys of an object; of `stages[0]` for `/stages/0`.
fn keys(json: &serde_json::Value, pointer: &str) -> BTreeSet<String> {
    json.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect()
}

/// What a webhook is sent of an outcome.
fn pushed(outcome: &str) -> serde_json::Value {
    let outcomes = mailtrip::report::json::read(outcome).unwrap();
    let run = Run { id: uuid::Uuid::nil(), outcomes: &outcomes, news: true, quiet: false };
    let target: Target = "webhook=http://localhost/".parse().unwrap();
    serde_json::from_str(&target.end(&run).unwrap().body).unwrap()
}

#[test]
fn every_service_that_is_told_is_there_and_no_other() {
    let [(_, table)] = marked("pushes").try_into().unwrap();
    let documented: Vec<&str> = rows(&table).iter().map(|cells| cells[0].trim_matches(['|', ' ', '`'])).collect();
    let mut services: Vec<&str> = Service::ALL.iter().map(|service| service.name()).collect();
    let mut sorted = documented.clone();
    services.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(sorted, services);
}

#[test]
fn every_field_is_there_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let output = mailtrip(&["demo", "--format", "json"].map(str::to_owned), folder.path());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let output =
        mailtrip(&["discover", "jane@icloud.com", "--offline", "--format", "json"].map(str::to_owned), folder.path());
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let tables = marked("keys");
    assert_eq!(tables.len(), 14);
    for (title, table) in tables {
        let documented: BTreeSet<String> =
            rows(&table).iter().flat_map(|cells| quoted(cells[0])).filter(|name| !name.is_empty()).collect();
        let fields = match title.as_str() {
            "outcome" => keys(&json, ""),
            "criteria" => keys(&json, "/criteria"),
            "threshold" => names("Threshold", "src/criteria.rs"),
            "server" => keys(&json, "/servers/0"),
            "stage" => keys(&json, "/stages/0"),
            "reply" => names("Reply", "src/failure.rs"),
            "diagnosis" => names("Diagnosis", "src/diagnose.rs"),
            "webhook" => keys(&pushed(&json.to_string()), ""),
            "discovery" => keys(&found, ""),
            "candidate" => keys(&found, "/servers/0"),
            "examination" => names("Examination", "src/doctor.rs"),
            "examined-server" => names("Server", "src/doctor/server.rs"),
            "sight" => names("Sight", "src/doctor/sight.rs"),
            "conversation" => names("Conversation", "src/outcome/conversation.rs"),
            other => panic!("what is {other}?"),
        };
        assert_eq!(documented, fields, "{title}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn systemd_takes_the_units() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        eprintln!("no systemd here");
        return;
    };
    assert!(version.status.success());
    let folder = tempfile::tempdir().unwrap();
    let units: Vec<PathBuf> =
        ["mailtrip.service", "mailtrip.timer"].iter().map(|unit| folder.path().join(unit)).collect();
    for unit in &units {
        let text = read(&format!("examples/systemd/{}", unit.file_name().unwrap().to_str().unwrap()));
        fs::write(unit, text.replace("/usr/local/bin/mailtrip", BINARY)).unwrap();
    }
    let output = Command::new("systemd-analyze").arg("verify").args(&units).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("mailtrip")).collect();
    assert!(ours.is_empty(), "{said}");
}

/// OpenSSL, and so only Linux, takes certificates to trust from a variable.
#[test]
#[cfg(target_os = "linux")]
fn the_example_verifies_a_mailbox() {
    let example = Path::new(BINARY).with_file_name("examples").join("verify");
    if !example.exists() {
        eprintln!("cargo builds examples for `cargo test` as a whole only: not run");
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = runtime.block_on(sandbox::Sandbox::start(sandbox::Settings::default())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    fs::write(&ca_file, sandbox.ca_pem()).unwrap();
    let user = &sandbox.accounts()[0];
    let server = |service, security| format!("localhost:{}/{security}", sandbox.port(service));
    let output = Command::new(example)
        .arg(&user.address)
        .arg(server(sandbox::Service::Submission, "starttls"))
        .arg(server(sandbox::Service::Imaps, "tls"))
        .env("MAILTRIP_PASSWORD", &user.password)
        .env("SSL_CERT_FILE", &ca_file)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "OK\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert!(sandbox.messages(&user.address, "INBOX").is_empty(), "it left something behind");
}
