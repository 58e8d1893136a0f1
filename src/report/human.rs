//! Times and numbers as people read them, and lines that are too long for that.

use std::time::Duration;

use jiff::Timestamp;

/// A duration in the unit that suits it: `0.4 ms`, `12 ms`, `3.21 s`, `45.3 s`, `2 m 05 s`, `1 h 10 m`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let whole = duration.as_secs();
    match seconds {
        s if s < 0.000_05 => "0 ms".to_owned(),
        s if s < 0.009_95 => format!("{:.1} ms", s * 1e3),
        s if s < 0.999_5 => format!("{:.0} ms", s * 1e3),
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 119.95 => format!("{s:.1} s"),
        _ if whole < 3600 => format!("{} m {:02} s", whole / 60, whole % 60),
        _ if whole < 100 * 3600 => format!("{} h {:02} m", whole / 3600, whole % 3600 / 60),
        _ => "> 99 h".to_owned(),
    }
}

/// Seconds from a fact: what is no duration is said to be unknown, and a negative time keeps its sign.
pub fn seconds(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds.abs()) {
        Ok(time) if seconds < 0.0 => format!("-{}", duration(time)),
        Ok(time) => duration(time),
        Err(_) if seconds.is_finite() => "> 99 h".to_owned(),
        Err(_) => "an unknown time".to_owned(),
    }
}

/// A moment, to the second.
pub fn moment(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A number with its noun: `1 message`, `2 messages`.
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A few of many: `a, b and 3 more`.
pub fn few(items: &[String], most: usize) -> String {
    let shown = items.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// So much of a line, to the end of a word.
pub fn short(line: &str, most: usize) -> String {
    if line.chars().count() <= most {
        return line.to_owned();
    }
    let cut: String = line.chars().take(most.saturating_sub(1)).collect();
    let whole = cut.rfind(' ').filter(|at| *at > cut.len() / 2).map_or(cut.as_str(), |at| &cut[..at]);
    format!("{}…", whole.trim_end_matches([' ', ',', ':', ';', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_suits_them() {
        let cases = [
            (0.0, "0 ms"),
            (0.000_4, "0.4 ms"),
            (0.012, "12 ms"),
            (0.999_7, "1.00 s"),
            (3.214, "3.21 s"),
            (45.3, "45.3 s"),
            (125.0, "2 m 05 s"),
            (4200.0, "1 h 10 m"),
            (1e18, "> 99 h"),
            (-1.5, "-1.50 s"),
            (1e300, "> 99 h"),
            (f64::NAN, "an unknown time"),
            (f64::INFINITY, "an unknown time"),
        ];
        for (number, text) in cases {
            assert_eq!(seconds(number), text);
        }
    }

    #[test]
    fn a_line_is_cut_between_words() {
        assert_eq!(short("a line of words", 15), "a line of words");
        assert_eq!(short("a line of words", 14), "a line of…");
        assert_eq!(short("onewordonly", 8), "oneword…");
    }
}
