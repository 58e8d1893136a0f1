//! The formats that CI systems read: what each report is, for some outcomes beside them in `tests/report`, and for all of
//! them that it is well formed, says the same as the exit code, and cannot be broken by what a server said.
//!
//! `UPDATE_GOLDEN=1 cargo test --test report_formats` writes the texts anew; look at the difference before it is committed.
//! Tests with a program that is missing here show as ignored.

#[path = "report_formats/checkmk.rs"]
mod checkmk;
#[path = "report_formats/consumer.rs"]
mod consumer;
#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/golden.rs"]
mod golden;
#[path = "report_formats/html.rs"]
mod html;
#[path = "report_formats/nagios.rs"]
mod nagios;
#[path = "report_formats/ndjson.rs"]
mod ndjson;
#[path = "report_formats/prometheus.rs"]
mod prometheus;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use mailtrip::diagnose::{Verdict, diagnose, verdict};
use mailtrip::outcome::Outcome;
use mailtrip::report::printable::is_unsafe;
use mailtrip::report::terminal::Style;
use mailtrip::report::{self, Format, github, json};

use golden::golden;

/// The outcomes that have their reports beside them.
const TOLD: &[&str] = &[
    "ok",
    "flaky",
    "failed-again",
    "junk",
    "left-behind",
    "login-refused",
    "interrupted",
    "offline",
    "several",
    "clean",
    "soft-failure",
    "already-running",
    "too-slow",
];

/// The formats, and how the names of their files end.
const FORMATS: &[(Format, &str)] = &[
    (Format::Junit, "junit.xml"),
    (Format::Tap, "tap"),
    (Format::Github, "github.txt"),
    (Format::Markdown, "md"),
    (Format::Html, "html"),
    (Format::Prometheus, "prom"),
    (Format::Nagios, "nagios.txt"),
    (Format::Checkmk, "checkmk.txt"),
];

/// What a server might say to get out of any of the formats.
const EVIL: &str = "```\n````\n| a | b |\n</td><img src=x onerror=alert(1)> [a](javascript:b) <!--\n::error title=x::owned\r\n\
                    ]]></failure></testsuites>&amp;&#0;\"'\u{ffff}\u{0}\u{1b}[2J\nnot ok 1\nBail out! x\n1..0\n  ...\n\
                    ok 2 # SKIP x # TODO y \\# 100%, a: b, ##[error]c `` ` d\n";

/// What it is called, what it does, and the program that it takes.
type Test = (&'static str, fn(), Option<&'static str>);

const TESTS: &[Test] = &[
    ("the_reports_are_the_texts_beside_the_outcome", texts, None),
    ("no_report_has_a_character_that_a_terminal_acts_on", no_control_characters, None),
    ("a_table_has_the_beginning_of_what_a_server_says_in_a_line", tables_are_bounded, None),
    ("people_read_moments_to_the_second", moments_have_no_fractions, None),
    ("junit_fails_where_mail_is_broken_and_errs_where_that_is_not_known", junit_says_the_same, None),
    ("junit_is_valid", consumer::junit_is_valid, Some("xmllint")),
    ("tap_has_a_point_a_stage_and_no_other_line", tap_is_well_formed, None),
    ("tap_is_read_by_prove", consumer::tap_is_read, Some("prove")),
    ("ndjson_is_the_text_beside_the_outcome", ndjson::text, None),
    ("ndjson_has_an_object_a_line_in_the_order_of_time", ndjson::is_well_formed, None),
    ("ndjson_ends_with_what_the_exit_code_says", ndjson::says_the_same, None),
    ("github_has_one_command_a_line", github_has_commands_only, None),
    ("a_summary_fits_into_its_room_with_the_verdict_first", summary_fits, None),
    ("markdown_keeps_text_in_its_cell_and_its_block", markdown_is_well_formed, None),
    ("html_has_nothing_that_acts_or_is_fetched", html::nothing_acts_or_is_fetched, None),
    ("html_says_the_same", html::it_says_the_same, None),
    ("html_has_all_bars_on_the_axis", html::bars_are_on_the_axis, None),
    ("html_tells_all_that_there_is", html::all_that_there_is_is_told, None),
    ("html_is_text_wherever_a_server_spoke", html::servers_cannot_get_out, Some("python3")),
    ("prometheus_is_well_formed", prometheus::is_well_formed, None),
    ("prometheus_has_every_planned_stage", prometheus::every_planned_stage_is_there, None),
    ("prometheus_says_what_was_seen", prometheus::it_says_what_was_seen, None),
    ("prometheus_tells_attempts_and_streaks", prometheus::attempts_and_streaks_are_told, None),
    ("prometheus_has_thresholds", prometheus::thresholds_have_the_unit_and_the_labels_of_what_they_bound, None),
    ("prometheus_has_the_last_run_of_a_check", prometheus::the_last_run_of_a_check_counts, None),
    ("prometheus_files_have_nothing_in_common", prometheus::files_side_by_side_have_nothing_in_common, None),
    ("prometheus_keeps_text_in_its_label", prometheus::hostile_text_stays_in_its_label, None),
    ("prometheus_is_read_by_promtool_without_a_remark", consumer::prometheus_is_clean, Some("promtool")),
    ("nagios_has_one_bar_and_numbers_that_plugins_may_have", nagios::is_well_formed, None),
    ("nagios_gives_thresholds_as_they_are", nagios::thresholds, None),
    ("nagios_has_the_same_labels_whatever_became_of_the_run", nagios::labels_are_stable, None),
    ("nagios_has_room_for_many_checks_and_many_words", nagios::fits, None),
    ("checkmk_is_what_its_documentation_says", checkmk::is_well_formed, None),
    ("checkmk_gives_levels_where_it_knows_them", checkmk::levels, None),
];

fn main() -> ExitCode {
    let trial = |&(name, test, program): &Test| {
        let missing = program.filter(|program| !consumer::is_there(program));
        if let Some(program) = missing {
            eprintln!("report_formats: ignored: {name}, for there is no {program} here");
        }
        let trial = move || {
            test();
            Ok(())
        };
        Trial::test(name, trial).with_ignored_flag(missing.is_some())
    };
    libtest_mimic::run(&Arguments::from_args(), TESTS.iter().map(trial).collect()).exit_code()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report")
}

/// Outcomes of every data file, and the one that servers did their worst to, each with a name.
fn data() -> Vec<(String, Vec<Outcome>)> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(files.len() > 10, "the data files are missing");
    let read = |path: PathBuf| {
        let outcomes = json::read(&fs::read_to_string(&path).unwrap()).unwrap();
        (path.file_stem().unwrap().to_string_lossy().into_owned(), outcomes)
    };
    let mut all: Vec<(String, Vec<Outcome>)> = files.into_iter().map(read).collect();
    let refused = all.iter().find(|(name, _)| name == "login-refused").unwrap().1.clone();
    // The same check twice: its cases want names of their own.
    let outcomes: Vec<Outcome> = [&refused, &refused].into_iter().flatten().map(evil).collect();
    all.push(("evil".to_owned(), outcomes));
    all
}

/// The outcome with all text that comes from elsewhere replaced.
fn evil(outcome: &Outcome) -> Outcome {
    let mut value = serde_json::to_value(outcome).unwrap();
    let line = serde_json::json!({"seconds": 0.1, "side": "server", "text": EVIL});
    value["conversations"] =
        serde_json::json!([{"leg": "delivery", "protocol": "imap", "account": EVIL, "lines": [line]}]);
    replace(&mut value);
    serde_json::from_value(value).unwrap()
}

fn replace(value: &mut serde_json::Value) {
    const KEYS: &[&str] =
        &["check", "from", "to", "tag", "account", "host", "username", "text", "issuer", "also_offered"];
    match value {
        serde_json::Value::Object(object) => {
            for (key, value) in object {
                match value {
                    serde_json::Value::String(text) if KEYS.contains(&key.as_str()) => *text = EVIL.to_owned(),
                    value => replace(value),
                }
            }
        }
        serde_json::Value::Array(array) => array.iter_mut().for_each(replace),
        _ => {}
    }
}

fn render(outcomes: &[Outcome], format: Format) -> String {
    report::render(outcomes, format, &Style::default())
}

/// Heaviest of them.
fn worst(outcomes: &[Outcome]) -> Verdict {
    outcomes.iter().map(verdict).max().unwrap()
}

fn texts() {
    let mut wrong = Vec::new();
    for (name, outcomes) in data().into_iter().filter(|(name, _)| TOLD.contains(&name.as_str())) {
        for (format, ending) in FORMATS {
            wrong.extend(golden(&folder().join(format!("{name}.{ending}")), &render(&outcomes, *format)).err());
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 writes them anew", wrong.join("\n"));
}

fn no_control_characters() {
    for (name, outcomes) in data() {
        for (format, _) in FORMATS {
            let text = render(&outcomes, *format);
            assert!(!text.chars().any(|c| is_unsafe(c) && c != '\n'), "{name}, {format}");
            assert!(text.ends_with('\n'), "{name}, {format}");
        }
    }
}

fn tables_are_bounded() {
    let mut value = serde_json::to_value(&data().iter().find(|(name, _)| name == "ok").unwrap().1[0]).unwrap();
    let facts = value["stages"].as_array_mut().unwrap().iter_mut().flat_map(|stage| stage["facts"].as_array_mut());
    let mut greetings = facts.flatten().filter(|fact| fact["fact"] == "greeting");
    greetings.next().unwrap()["text"] = format!("220 {}", "A".repeat(3000)).into();
    drop(greetings);
    let outcome: Outcome = serde_json::from_value(value).unwrap();
    let outcomes = [outcome];
    for format in [Format::Terminal, Format::Markdown, Format::Tap] {
        let text = render(&outcomes, format);
        assert!(text.contains(&"A".repeat(100)) && !text.contains(&"A".repeat(300)), "{format}: {text}");
    }
    let verbose = Style { verbose: true, ..Style::default() };
    let texts = [Format::Html, Format::Junit].map(|format| render(&outcomes, format));
    for text in texts.into_iter().chain([report::render(&outcomes, Format::Terminal, &verbose)]) {
        assert!(text.matches(&"A".repeat(3000)).count() == 1, "all of it, once: {text}");
    }
}

fn moments_have_no_fractions() {
    for name in ["ok", "clean"] {
        let mut outcomes = data().into_iter().find(|(there, _)| there == name).unwrap().1;
        for outcome in &mut outcomes {
            outcome.began = "2026-11-27T14:10:07.15103493Z".parse().unwrap();
        }
        for format in [Format::Markdown, Format::Html, Format::Junit] {
            let text = render(&outcomes, format);
            assert!(text.contains("14:10:07") && !text.contains("14:10:07."), "{name}, {format}: {text}");
        }
        let verbose = Style { verbose: true, ..Style::default() };
        let text = report::render(&outcomes, Format::Terminal, &verbose);
        assert!(!text.contains("14:10:07."), "{name}: {text}");
    }
}

fn junit_says_the_same() {
    for (name, outcomes) in data() {
        let text = render(&outcomes, Format::Junit);
        let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        let all = |tag| document.descendants().filter(move |node| node.has_tag_name(tag));
        let has = |tag| all(tag).next().is_some();
        match worst(&outcomes) {
            Verdict::Critical => assert!(has("failure"), "{name}"),
            Verdict::Unknown => assert!(has("error") && !has("failure"), "{name}"),
            Verdict::Warning | Verdict::Ok => assert!(!has("error") && !has("failure"), "{name}"),
        }
        let root = document.root_element();
        for (attribute, tag) in [("tests", "testcase"), ("failures", "failure"), ("errors", "error")] {
            assert_eq!(root.attribute(attribute), Some(all(tag).count().to_string().as_str()), "{name}, {attribute}");
            let of_suites = all("testsuite").map(|suite| suite.attribute(attribute).unwrap().parse::<usize>().unwrap());
            assert_eq!(of_suites.sum::<usize>(), all(tag).count(), "{name}, {attribute}");
        }
        let stages: usize = outcomes.iter().map(|outcome| outcome.stages.len()).sum();
        let of_stages = all("testcase").filter(|case| !case.attribute("name").unwrap().starts_with("verification"));
        assert_eq!(of_stages.count(), stages, "{name}");
        let names: BTreeSet<_> =
            all("testcase").map(|case| (case.attribute("classname"), case.attribute("name"))).collect();
        assert_eq!(names.len(), all("testcase").count(), "{name}: two cases have the same name");
    }
    // What servers did comes out as it was, but for what XML cannot hold.
    let (_, outcomes) = data().pop().unwrap();
    let text = render(&outcomes, Format::Junit);
    let document = roxmltree::Document::parse(&text).unwrap();
    let said = document.descendants().filter(|node| node.has_tag_name("system-out"));
    let said = said.filter(|node| node.parent().is_some_and(|parent| parent.has_tag_name("testsuite")));
    assert_eq!(said.count(), 2, "what was said in the one leg of both checks: {text}");
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert!(
        failure.text().unwrap().contains("\n    ]]></failure></testsuites>&amp;&#0;\"'\\u{ffff}\\x00\\x1b[2J\n"),
        "{text}"
    );
}

fn tap_is_well_formed() {
    for (name, outcomes) in data() {
        let text = render(&outcomes, Format::Tap);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("TAP version 14"));
        let plan: usize = lines.next().and_then(|line| line.strip_prefix("1..")).unwrap().parse().unwrap();
        let (mut points, mut failed, mut in_yaml) = (0, 0, false);
        for line in lines {
            match line {
                "  ---" => in_yaml = true,
                "  ..." => in_yaml = false,
                _ if in_yaml => assert!(line.starts_with("  "), "{name}: {line}"),
                _ if line.starts_with("# ") => {}
                _ => {
                    points += 1;
                    failed += usize::from(line.starts_with("not "));
                    let rest = line.trim_start_matches("not ").strip_prefix(&format!("ok {points} - "));
                    let (description, directive) = split_directive(rest.unwrap_or_else(|| panic!("{name}: {line}")));
                    assert!(!description.is_empty(), "{name}: {line}");
                    let why = directive.map(|directive| directive.strip_prefix(" SKIP ").unwrap_or_default());
                    assert!(why != Some(""), "{name}: {line}");
                }
            }
        }
        assert!(!in_yaml && points == plan, "{name}: {plan} were planned, {points} are there");
        assert_eq!(failed > 0, worst(&outcomes) >= Verdict::Unknown, "{name}");
    }
}

/// At the first `#` that is not escaped.
fn split_directive(text: &str) -> (&str, Option<&str>) {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '#' if !escaped => return (&text[..at], Some(&text[at + 1..])),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    (text, None)
}

fn github_has_commands_only() {
    for (name, outcomes) in data() {
        let text = render(&outcomes, Format::Github);
        let count = |level: &str| text.lines().filter(|line| line.starts_with(&format!("::{level} title="))).count();
        assert_eq!(count("error") + count("warning") + count("notice"), text.lines().count(), "{name}: {text}");
        assert!(count("error") + count("warning") + count("notice") > 0, "{name}");
        assert_eq!(count("error") > 0, worst(&outcomes) >= Verdict::Unknown, "{name}");
        for line in text.lines() {
            let (command, message) = line.trim_start_matches("::").split_once("::").unwrap();
            assert!(!command.contains([':', ',']) && !message.is_empty(), "{name}: {line}");
            let percents = line.split('%').skip(1);
            assert!(percents.clone().all(|rest| ["25", "0A", "3A", "2C"].iter().any(|code| rest.starts_with(code))));
        }
    }
}

fn summary_fits() {
    for (name, outcomes) in data() {
        let whole = github::summary(&outcomes, github::SUMMARY_LIMIT);
        assert_eq!(whole, format!("\n{}", render(&outcomes, Format::Markdown)), "{name}");
        for room in [0, 10, 80, 400, 2000, whole.len() - 1, whole.len()] {
            let text = github::summary(&outcomes, room);
            assert!(text.len() <= room, "{name}: {} bytes in a room of {room}", text.len());
            let is_told = text.contains("The rest was left out");
            assert_eq!(is_told, (80..whole.len()).contains(&room), "{name}, {room}: {text}");
            if room > 2000 {
                assert!(text.starts_with("\n## mailtrip "), "{name}");
            }
        }
    }
}

fn markdown_is_well_formed() {
    for (name, outcomes) in data() {
        let text = render(&outcomes, Format::Markdown);
        let verdict = worst(&outcomes);
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("## mailtrip ") && first.ends_with(&format!(": {verdict}")), "{name}: {first}");
        let mut fence: Option<&str> = None;
        for line in text.lines() {
            match fence {
                Some(open) if line.starts_with(open) && line.trim_start_matches('`').trim().is_empty() => fence = None,
                Some(_) => {}
                None if line.starts_with("```") => fence = Some(line.trim_end_matches("text")),
                None => outside_fences(&name, line),
            }
        }
        assert_eq!(fence, None, "{name}: a block is not closed");
        for diagnosis in outcomes.iter().flat_map(diagnose).filter(|diagnosis| diagnosis.verdict > Verdict::Ok) {
            assert!(text.contains(&format!(": {}\n", diagnosis.code)), "{name}: no {}", diagnosis.code);
        }
    }
}

fn outside_fences(name: &str, line: &str) {
    // Code spans are ours: between single backticks, with nothing of a server that could end them.
    let unescaped: String = without_escapes(line);
    let text: String = unescaped.split('`').step_by(2).collect();
    assert!(unescaped.matches('`').count().is_multiple_of(2), "{name}: a code span is not closed: {line}");
    assert!(!text.contains(['<', '>', '[', ']']), "{name}: {line}");
    if line.starts_with('|') {
        assert!(text.matches('|').count() == 5 && line.ends_with('|'), "{name}: {line}");
    }
}

/// Without the characters that a backslash stands before.
fn without_escapes(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
        } else {
            out.push(c);
        }
    }
    out
}
