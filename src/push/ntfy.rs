//! A topic of ntfy (<https://docs.ntfy.sh/publish/>): the short report as a message, with a title, a priority and tags.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::account::WebUrl;
use crate::diagnose::Verdict;
use crate::wire::http::Request;

use super::run::Run;

/// A longer message than 4096 bytes becomes a file that is attached.
const LONGEST_MESSAGE: usize = 4000;

/// So many bytes make an encoded word of 75 characters at most (RFC 2047 §2): `=?utf-8?B?` and `?=` take 12.
const LONGEST_WORD: usize = 45;

/// The names by which the query of an address can say each itself; a header would win over them.
const TITLE: &[&str] = &["title", "t", "x-title"];
const PRIORITY: &[&str] = &["priority", "prio", "p", "x-priority"];
const TAGS: &[&str] = &["tags", "tag", "ta", "x-tags"];

/// The run is over.
pub fn end(url: &WebUrl, run: &Run<'_>) -> Request {
    let (priority, tag) = match run.verdict() {
        Verdict::Ok => ("low", "white_check_mark"),
        Verdict::Warning => ("default", "warning"),
        Verdict::Critical => ("high", "rotating_light"),
        Verdict::Unknown => ("high", "grey_question"),
    };
    let title = encoded(&format!("mailtrip {}", run.title()));
    let headers =
        [("title", title, TITLE), ("priority", priority.to_owned(), PRIORITY), ("tags", tag.to_owned(), TAGS)];
    let request = Request::post(url, "text/plain; charset=utf-8", run.text_below_title(LONGEST_MESSAGE));
    let is_said = |names: &[&str]| url.query().any(|(name, _)| names.contains(&name));
    let unsaid = headers.into_iter().filter(|(_, _, names)| !is_said(names));
    unsaid.fold(request, |request, (name, value, _)| request.header(name, value))
}

/// A text for a header: as it is, or in encoded words (RFC 2047), which ntfy reads.
fn encoded(text: &str) -> String {
    if text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) && !text.contains("=?") {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for c in text.chars() {
        match words.last_mut().filter(|word| word.len() + c.len_utf8() <= LONGEST_WORD) {
            Some(word) => word.push(c),
            None => words.push(c.to_string()),
        }
    }
    let words: Vec<String> = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_ascii_whatever_a_check_is_called() {
        assert_eq!(encoded("OK: home"), "OK: home");
        assert_eq!(encoded("OK: Büro"), "=?utf-8?B?T0s6IELDvHJv?=");
        assert_eq!(encoded("=?x"), "=?utf-8?B?PT94?=");
        let words = encoded(&"ü".repeat(50));
        assert_eq!(words.split(' ').count(), 3);
        assert!(words.split(' ').all(|word| word.len() <= 75), "{words}");
    }
}
