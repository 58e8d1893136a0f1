//! How long a server asks to be left alone.

use super::case::Case;

/// The time that the server asks for, or else what is usual.
pub fn wait(case: &Case, usual: &str) -> String {
    asked_wait(case).map_or_else(|| usual.to_owned(), |wait| format!("Try again in {wait}, as the server asks."))
}

/// The time that the server asks for, as it is said.
pub fn asked_wait(case: &Case) -> Option<String> {
    asked_seconds(&case.words()).map(lasting)
}

/// Longer than any server asks for.
const WEEK: u64 = 7 * 24 * 3600;

/// `in 300 seconds`, `for 5 minutes`, `after 1h`, `in 00:05:00`: how servers ask to be left alone, in small letters.
fn asked_seconds(text: &str) -> Option<u64> {
    let inner = |word: &'_ str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    let words: Vec<String> = text.split_whitespace().map(inner).collect();
    let time = words.windows(2).enumerate().filter(|(_, pair)| ["in", "for", "after"].contains(&pair[0].as_str()));
    time.filter_map(|(at, pair)| seconds(&pair[1], words.get(at + 2).map_or("", String::as_str)))
        .find(|seconds| (1..=WEEK).contains(seconds))
}

fn seconds(amount: &str, unit: &str) -> Option<u64> {
    if amount.contains(':') {
        let parts: Option<Vec<u64>> = amount.split(':').map(|part| part.parse::<u32>().ok().map(u64::from)).collect();
        return parts.filter(|parts| parts.len() == 3).map(|parts| parts[0] * 3600 + parts[1] * 60 + parts[2]);
    }
    let (number, glued) = amount.split_at(amount.bytes().take_while(u8::is_ascii_digit).count());
    let one: u64 = match if glued.is_empty() { unit } else { glued } {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3600,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(one)
}

/// Rounded up, so that it is not too soon.
fn lasting(seconds: u64) -> String {
    let (number, unit) = match seconds {
        0..=90 => (seconds, "second"),
        91..=5400 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3600), "hour"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_servers_ask_for_is_read_from_their_words() {
        for (text, wait) in [
            ("greylisted, please try again in 300 seconds", Some("5 minutes")),
            ("greylisted for 5 minutes", Some("5 minutes")),
            ("greylisted for 300 seconds or its been rejected.", Some("5 minutes")),
            ("greylisting in action, please come back in 00:04:51", Some("5 minutes")),
            ("try again in 45s", Some("45 seconds")),
            ("retry after 2 hours.", Some("2 hours")),
            ("wait for 1 minute", Some("60 seconds")),
            ("in an hour", None),
            ("max 2 requests per hour, in 2 requests", None),
            ("in 99999999999999999999 hours", None),
            ("in 9999999999999999 hours", None),
            ("in 99:99", None),
            ("in 0 seconds", None),
            ("in ünf minuten", None),
            ("in", None),
            ("", None),
        ] {
            assert_eq!(asked_seconds(text).map(lasting).as_deref(), wait, "{text}");
        }
    }
}
