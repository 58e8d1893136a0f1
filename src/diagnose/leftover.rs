//! What an earlier verification left behind: as a note where it was removed, and in the words of a warning where not.

use crate::outcome::{Fact, Outcome, StageRecord};

use super::{Certainty::*, Diagnosis, Verdict, is_clean_up};

/// Whether this message was left by an earlier verification.
pub fn is_one(outcome: &Outcome, record: &StageRecord, uid: Option<u32>) -> bool {
    let named = |fact: &Fact| matches!(fact, Fact::Leftover { uid: known, .. } if *known == uid && uid.is_some());
    is_clean_up(outcome) || record.facts.iter().any(named)
}

/// The beginning of a sentence about a message that is still there.
pub fn whose(outcome: &Outcome, record: &StageRecord, uid: Option<u32>) -> &'static str {
    // By POP3 it is not known which one it is.
    let one_of_both = |fact: &Fact| matches!(fact, Fact::Leftover { uid: None, removed: false, .. });
    match is_one(outcome, record, uid) {
        true => "A message of an earlier verification",
        false if record.facts.iter().any(one_of_both) => "A message of this or an earlier verification",
        false => "A message of this verification",
    }
}

/// The note that a verification has found and removed what earlier ones had left behind: one for all of it.
pub fn removed(outcome: &Outcome, record: &StageRecord) -> Option<Diagnosis> {
    let removed: Vec<&Fact> =
        record.facts.iter().filter(|fact| matches!(fact, Fact::Leftover { removed: true, .. })).collect();
    let last = removed.iter().filter_map(|fact| after(fact)).max_by(f64::total_cmp);
    let cause = match (removed.as_slice(), last) {
        ([], _) => return None,
        _ if is_clean_up(outcome) => return None, // that is what it is for
        ([Fact::Leftover { sent, .. }], Some(after)) => {
            let (sent, after) = (readable(sent), human(after));
            format!("A message of an earlier verification, sent on {sent}, arrived after {after}; it was removed.")
        }
        ([Fact::Leftover { sent, folder, .. }], None) => {
            let sent = readable(sent);
            format!(
                "A message of an earlier verification, sent on {sent}, was left behind in {folder}; it was removed."
            )
        }
        (several, last) => {
            let last = last.map(|after| format!(" The last to arrive took {}.", human(after))).unwrap_or_default();
            format!("{} messages of earlier verifications were still there; they were removed.{last}", several.len())
        }
    };
    Some(Diagnosis::new("leftover-removed", Verdict::Ok, Some(record.at), Certain, cause).about(outcome, record))
}

/// `2026-11-20 10:02:11 UTC`
fn readable(sent: &str) -> String {
    sent.replacen('T', " ", 1).replacen('Z', " UTC", 1)
}

fn after(fact: &Fact) -> Option<f64> {
    match fact {
        Fact::Leftover { after_seconds, .. } => *after_seconds,
        _ => None,
    }
}

/// `12 s`, `2 min 5 s`, `2 h 5 min`, `3 days 4 h`.
pub fn human(seconds: f64) -> String {
    let whole = (seconds as u64).min(1_000_000_000_000); // what is no time is none
    let (days, hours, minutes) = (whole / 86_400, whole / 3600, whole / 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{whole} s"),
        (0, 0, _) => format!("{minutes} min {} s", whole % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        (1, _, _) => format!("1 day {} h", hours % 24),
        _ => format!("{days} days {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_time_is_told_in_two_units() {
        let cases = [
            (0.4, "0 s"),
            (59.0, "59 s"),
            (125.0, "2 min 5 s"),
            (7500.0, "2 h 5 min"),
            (90_000.0, "1 day 1 h"),
            (273_600.0, "3 days 4 h"),
            (-3.0, "0 s"),
            (f64::NAN, "0 s"),
            (f64::INFINITY, "11574074 days 1 h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human(seconds), text);
        }
    }
}
