//! JSON, one object a line.

use mailtrip::diagnose::verdict;
use mailtrip::report::printable::is_unsafe;
use mailtrip::report::terminal::Style;
use mailtrip::report::{Format, json, render};
use serde_json::Value;

use crate::golden::golden;
use crate::{data, folder};

fn lines(outcomes: &[mailtrip::Outcome]) -> Vec<Value> {
    let text = render(outcomes, Format::Ndjson, &Style::default());
    assert!(text.ends_with('\n') && !text.chars().any(|c| is_unsafe(c) && c != '\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

pub fn text() {
    let (_, outcomes) = data().into_iter().find(|(name, _)| name == "flaky").unwrap();
    let text = render(&outcomes, Format::Ndjson, &Style::default());
    golden(&folder().join("flaky.ndjson"), &text).unwrap();
}

pub fn is_well_formed() {
    for (name, outcomes) in data() {
        let lines = lines(&outcomes);
        let times: Vec<jiff::Timestamp> =
            lines.iter().map(|line| line["time"].as_str().unwrap().parse().unwrap()).collect();
        assert!(times.is_sorted(), "{name}");
        let events = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
        let number = outcomes.len();
        assert_eq!((events("run-began"), events("run-ended"), events("check-ended")), (1, 1, number), "{name}");
        let attempts = outcomes.iter().flat_map(|one| one.earlier.iter().chain([one]));
        assert_eq!(events("stage-ended"), attempts.clone().map(|one| one.stages.len()).sum::<usize>(), "{name}");
        let ran = attempts.flat_map(|one| &one.stages).filter(|stage| stage.span.is_some());
        assert_eq!(events("stage-began"), ran.count(), "{name}");
        assert_eq!((&lines[0]["event"], &lines[lines.len() - 1]["event"]), (&"run-began".into(), &"run-ended".into()));
    }
}

pub fn says_the_same() {
    for (name, outcomes) in data() {
        let lines = lines(&outcomes);
        let worst = outcomes.iter().map(verdict).max().unwrap();
        assert_eq!(lines[lines.len() - 1]["verdict"], worst.to_string().to_lowercase(), "{name}");
        let mut told: Vec<Value> = lines.into_iter().filter(|line| line["event"] == "check-ended").collect();
        for outcome in &outcomes {
            // The same object as in the JSON report, with two names more.
            let whole: Value = serde_json::from_str(&json::render(outcome)).unwrap();
            let names: Vec<&String> = whole.as_object().unwrap().keys().collect();
            let same = told.iter().position(|line| {
                let all = line.as_object().is_some_and(|line| line.len() == names.len() + 2);
                all && names.iter().all(|name| line[name.as_str()] == whole[name.as_str()])
            });
            told.remove(same.unwrap_or_else(|| panic!("{name}: {whole:#}")));
        }
    }
}
