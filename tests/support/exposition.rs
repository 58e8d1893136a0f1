//! The lines of Prometheus's text exposition format, version 0.0.4.

use std::collections::BTreeMap;

/// A name and its labels: the same for the whole life of a time series.
pub type Series = (String, BTreeMap<String, String>);

/// `name{label="value",…} value`, and nothing behind it: no time stamp.
pub fn sample(line: &str) -> (Series, f64) {
    let (series, labels, value) = match line.split_once('{') {
        Some((name, rest)) => {
            let (labels, value) = labels(rest);
            (name, labels, value)
        }
        None => {
            let (name, value) = line.split_once(' ').expect(line);
            (name, BTreeMap::new(), value)
        }
    };
    ((series.to_owned(), labels), value.parse().expect(line))
}

/// The labels up to the `}`, and what follows it and a space.
fn labels(line: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    let mut rest = line;
    loop {
        let (label, begin) = rest.split_once("=\"").expect(line);
        let (value, end) = quoted(begin);
        assert!(labels.insert(label.to_owned(), value).is_none(), "{label} twice: {line}");
        match end.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (labels, end.strip_prefix("} ").expect(line)),
        }
    }
}

/// What the value of a label means, and what stands behind its quote.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next().expect(text) {
            '"' => return (value, chars.as_str()),
            '\\' => match chars.next().expect(text) {
                'n' => value.push('\n'),
                c @ ('\\' | '"') => value.push(c),
                c => panic!("\\{c} is no escape: {text}"),
            },
            c => value.push(c),
        }
    }
}
