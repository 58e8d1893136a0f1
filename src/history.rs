//! What is known of a check from one run to the next: its verdict so far, and how often it has failed in a row.
//!
//! A pure piece: [`State::after`] is given the state before, the verdict of a run and the time, and says what the state is then
//! and whether it is news. Where it is kept is the business of the command.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diagnose::{Verdict, long_time};
use crate::outcome::Streak;

/// Version of the written form of a [`State`].
pub const SCHEMA: u32 = 1;

/// Cron begins a run a little earlier or later: so much is no difference.
const PUNCTUAL: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// So many failures in a row make one hard; until then each of them is soft.
    pub fail_after: u32,
    /// What is not OK is news again after this time.
    pub remind: Option<Duration>,
}

/// What is known of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    schema: u32,
    /// Failures in a row up to the last run, soft or hard.
    failures: u32,
    /// When the first of them was.
    failing_since: Option<Timestamp>,
    /// How the check stands: the last verdict that was no soft failure. `None` before there was one.
    standing: Option<Standing>,
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The verdict.
    pub verdict: Verdict,
    /// The first run that it holds for.
    pub since: Timestamp,
    /// The last run that it held for.
    pub until: Timestamp,
    /// When it was last told, if there was something to tell.
    told: Timestamp,
}

/// What a run has brought that is worth a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Nothing: all is as it was, or a failure is still soft.
    None,
    /// The verdict is another one.
    Changed {
        /// How it stood before; `None` at the first run that is remembered.
        before: Option<Standing>,
        /// How it stands now.
        now: Standing,
    },
    /// The verdict is still the same, is not OK, and was last told long ago.
    Reminder(Standing),
}

impl Default for State {
    /// Nothing is known.
    fn default() -> State {
        State { schema: SCHEMA, failures: 0, failing_since: None, standing: None }
    }
}

impl State {
    /// The state after a run that ended in this verdict, and what is new by it.
    ///
    /// A failure is soft until there are enough in a row; a soft failure changes nothing. A clock that was set back makes no
    /// time negative, and puts a reminder off by no more than the time between two.
    pub fn after(&self, verdict: Verdict, now: Timestamp, options: &Options) -> (State, News) {
        let failed = is_failure(verdict);
        let failures = if failed { self.failures.saturating_add(1) } else { 0 };
        let failing_since = failed.then(|| self.failing_since.map_or(now, |since| since.min(now)));
        let standing = self.standing.map(|before| before.not_after(now));
        let state = |standing| State { schema: SCHEMA, failures, failing_since, standing };
        if (Streak { failures, fail_after: options.fail_after }).is_soft() {
            return (state(standing), News::None);
        }
        match standing {
            Some(before) if before.verdict == verdict => {
                let due = verdict != Verdict::Ok && options.remind.is_some_and(|every| before.is_due(now, every));
                let told = if due { now } else { before.told };
                let now = Standing { until: now, told, ..before };
                (state(Some(now)), if due { News::Reminder(now) } else { News::None })
            }
            before => {
                // An outage began with its first failure, though that was soft.
                let since = failing_since.filter(|_| !before.is_some_and(|before| is_failure(before.verdict)));
                let now = Standing { verdict, since: since.unwrap_or(now), until: now, told: now };
                let silent = before.is_none() && verdict == Verdict::Ok;
                (state(Some(now)), if silent { News::None } else { News::Changed { before, now } })
            }
        }
    }

    /// How often it has failed in a row, the last run included.
    pub fn streak(&self, options: &Options) -> Streak {
        Streak { failures: self.failures, fail_after: options.fail_after }
    }

    /// As it is kept.
    pub fn to_json(&self) -> String {
        // Numbers, words and times: nothing here can fail to serialize.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads it back.
    ///
    /// # Errors
    /// When it is no state, or that of a newer mailtrip.
    pub fn read(text: &str) -> Result<State, Unreadable> {
        let damaged = |error: serde_json::Error| Unreadable::Damaged(error.to_string());
        let Versioned { schema } = serde_json::from_str(text).map_err(damaged)?;
        if schema != SCHEMA {
            return Err(Unreadable::Schema(schema));
        }
        serde_json::from_str(text).map_err(damaged)
    }
}

/// Only the version: it is looked at before anything else.
#[derive(Deserialize)]
struct Versioned {
    schema: u32,
}

/// Why a state cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no state, or only a part of one.
    Damaged(String),
    /// It is of another version.
    Schema(u32),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Damaged(why) => write!(f, "it is damaged ({why})"),
            Unreadable::Schema(found) => write!(f, "it is of schema {found}, and this mailtrip reads schema {SCHEMA}"),
        }
    }
}

impl Standing {
    /// For a clock that was set back.
    fn not_after(self, now: Timestamp) -> Standing {
        Standing { since: self.since.min(now), until: self.until.min(now), told: self.told.min(now), ..self }
    }

    fn is_due(&self, now: Timestamp, every: Duration) -> bool {
        elapsed(self.told, now) + PUNCTUAL.min(every / 10) >= every
    }
}

impl News {
    /// Whether there is any.
    pub fn is_some(&self) -> bool {
        *self != News::None
    }

    /// In a sentence about this check, without its end; `None` where there is nothing to tell.
    pub fn sentence(&self, check: &str) -> Option<String> {
        let time = |from, to| long_time(elapsed(from, to).as_secs_f64());
        Some(match self {
            News::None => return None,
            News::Reminder(now) => {
                let time = time(now.since, now.until);
                format!("{check} is still {}: it has been so for {time}", now.verdict)
            }
            // Nothing but failures went before, if anything, and these were soft.
            News::Changed { before: None, now } => {
                let from = if now.since < now.until { "since" } else { "at" };
                format!("{check} is {} {from} the first run that is remembered", now.verdict)
            }
            News::Changed { before: Some(before), now } if before.verdict == Verdict::Ok => {
                let until = before.until.strftime("%Y-%m-%d %H:%M:%S UTC");
                format!("{check} is {}: it was OK until {until}", now.verdict)
            }
            News::Changed { before: Some(before), now } => {
                let again = if now.verdict == Verdict::Ok { "OK again".to_owned() } else { now.verdict.to_string() };
                format!("{check} is {again}: it was {} for {}", before.verdict, time(before.since, now.until))
            }
        })
    }
}

fn is_failure(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Critical | Verdict::Unknown)
}

/// None where the clock was set back.
fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Critical as C, Ok as O, Unknown as U, Warning as W};

    /// Runs, each with its minute, its verdict and what is told.
    type Told = [(i64, Verdict, Option<&'static str>)];

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn options(fail_after: u32, remind: u64) -> Options {
        Options { fail_after, remind: (remind > 0).then(|| Duration::from_secs(remind * 60)) }
    }

    /// Plays runs on a state, which is written and read back each time.
    fn play(mut state: State, options: Options, runs: &Told) -> State {
        for (number, (minute, verdict, expected)) in runs.iter().enumerate() {
            let (after, news) = state.after(*verdict, at(*minute), &options);
            let told = news.sentence("home");
            assert_eq!(told.as_deref(), *expected, "run {number} of {runs:?}");
            state = State::read(&after.to_json()).unwrap();
            assert_eq!(state, after);
        }
        state
    }

    #[test]
    fn only_a_change_is_told() {
        let runs: &Told = &[
            (0, O, None),
            (15, O, None),
            (30, C, Some("home is CRITICAL: it was OK until 2027-01-15 08:15:00 UTC")),
            (45, C, None),
            (60, O, Some("home is OK again: it was CRITICAL for 30 min 0 s")),
            (75, W, Some("home is WARNING: it was OK until 2027-01-15 09:00:00 UTC")),
            (90, W, None),
            (105, U, Some("home is UNKNOWN: it was WARNING for 30 min 0 s")),
            (120, C, Some("home is CRITICAL: it was UNKNOWN for 15 min 0 s")),
            (210, W, Some("home is WARNING: it was CRITICAL for 1 h 30 min")),
            (225, O, Some("home is OK again: it was WARNING for 15 min 0 s")),
        ];
        play(State::default(), options(1, 0), runs);
    }

    #[test]
    fn a_first_run_that_is_not_ok_is_told() {
        for (verdict, told) in [
            (O, None),
            (W, Some("home is WARNING at the first run that is remembered")),
            (U, Some("home is UNKNOWN at the first run that is remembered")),
            (C, Some("home is CRITICAL at the first run that is remembered")),
        ] {
            play(State::default(), options(1, 0), &[(0, verdict, told), (15, verdict, None)]);
        }
    }

    #[test]
    fn soft_failures_are_silent_until_there_are_enough() {
        let runs: &Told = &[
            (0, O, None),
            (15, C, None),
            (30, U, None),
            (45, C, Some("home is CRITICAL: it was OK until 2027-01-15 08:00:00 UTC")),
            (60, U, Some("home is UNKNOWN: it was CRITICAL for 45 min 0 s")),
            (75, C, Some("home is CRITICAL: it was UNKNOWN for 15 min 0 s")),
            (90, O, Some("home is OK again: it was CRITICAL for 15 min 0 s")),
            (105, C, None),
            (120, O, None),
        ];
        play(State::default(), options(3, 0), runs);
    }

    #[test]
    fn what_comes_and_goes_never_gets_hard() {
        let flapping: Vec<_> = (0..20).map(|run| (run * 15, if run % 2 == 0 { C } else { O }, None)).collect();
        let state = play(State::default(), options(2, 60), &flapping);
        assert_eq!(state.streak(&options(2, 0)).failures, 0);
        // Without that, each change is told.
        let (down, up) = (
            "home is CRITICAL: it was OK until 2027-01-15 08:00:00 UTC",
            "home is OK again: it was CRITICAL for 1 min 0 s",
        );
        play(State::default(), options(1, 0), &[(0, O, None), (1, C, Some(down)), (2, O, Some(up))]);
    }

    #[test]
    fn a_warning_is_no_failure_and_ends_a_row_of_them() {
        let runs: &Told = &[
            (0, O, None),
            (1, C, None),
            (2, W, Some("home is WARNING: it was OK until 2027-01-15 08:00:00 UTC")),
            (3, C, None),
            (4, W, None),
            (5, C, None),
            (6, C, Some("home is CRITICAL: it was WARNING for 4 min 0 s")),
            (7, W, Some("home is WARNING: it was CRITICAL for 2 min 0 s")),
        ];
        play(State::default(), options(2, 0), runs);
    }

    #[test]
    fn a_first_run_whose_failure_is_soft_leaves_nothing_to_recover_from() {
        play(State::default(), options(2, 0), &[(0, C, None), (15, O, None), (30, O, None)]);
        let hard = "home is UNKNOWN since the first run that is remembered";
        play(State::default(), options(2, 0), &[(0, C, None), (15, U, Some(hard)), (30, U, None)]);
    }

    #[test]
    fn what_is_not_ok_is_told_again_from_time_to_time() {
        let runs: &Told = &[
            (0, C, Some("home is CRITICAL at the first run that is remembered")),
            (180, C, None),
            (359, C, Some("home is still CRITICAL: it has been so for 5 h 59 min")), // cron is a little early
            (717, C, None),
            (719, C, Some("home is still CRITICAL: it has been so for 11 h 59 min")),
            (725, O, Some("home is OK again: it was CRITICAL for 12 h 5 min")),
            (2000, O, None),
            // A new outage has a time of its own, which a recovery has not shortened.
            (2015, C, Some("home is CRITICAL: it was OK until 2027-01-16 17:20:00 UTC")),
            (2030, C, None),
            (2375, C, Some("home is still CRITICAL: it has been so for 6 h 0 min")),
            // So has another verdict.
            (2700, W, Some("home is WARNING: it was CRITICAL for 11 h 25 min")),
            (2735, W, None),
            (3060, W, Some("home is still WARNING: it has been so for 6 h 0 min")),
        ];
        play(State::default(), options(1, 360), runs);
    }

    #[test]
    fn there_is_no_reminder_of_a_soft_failure() {
        let runs: &Told = &[
            (0, W, Some("home is WARNING at the first run that is remembered")),
            (60, C, None),
            (120, C, Some("home is CRITICAL: it was WARNING for 2 h 0 min")),
            (180, C, Some("home is still CRITICAL: it has been so for 2 h 0 min")),
        ];
        play(State::default(), options(2, 60), runs);
    }

    #[test]
    fn another_number_of_failures_holds_at_once() {
        let hard = "home is CRITICAL at the first run that is remembered";
        let since = "home is CRITICAL since the first run that is remembered";
        let state = play(State::default(), options(3, 0), &[(0, C, None), (15, C, None)]);
        play(state.clone(), options(2, 0), &[(30, C, Some(since)), (45, C, None)]);
        play(state, options(9, 0), &[(30, C, None), (45, O, None)]);
        // What was told as hard gets well again, though by the new number it would be soft.
        let state = play(State::default(), options(1, 0), &[(0, C, Some(hard))]);
        let up = Some("home is OK again: it was CRITICAL for 30 min 0 s");
        let state = play(state, options(5, 10), &[(15, C, None), (30, O, up)]);
        assert_eq!(state.streak(&options(5, 0)), Streak { failures: 0, fail_after: 5 });
    }

    #[test]
    fn a_clock_that_was_set_back_is_no_news() {
        let runs: &Told = &[
            (5000, C, Some("home is CRITICAL at the first run that is remembered")),
            (0, C, None), // set back by days
            (15, C, None),
            (60, C, Some("home is still CRITICAL: it has been so for 1 h 0 min")),
            (30, O, Some("home is OK again: it was CRITICAL for 30 min 0 s")),
            (20, C, Some("home is CRITICAL: it was OK until 2027-01-15 08:20:00 UTC")),
        ];
        play(State::default(), options(1, 60), runs);
    }

    #[test]
    fn what_is_no_state_is_told_from_that_of_a_newer_version() {
        let (state, _) = State::default().after(C, at(0), &options(1, 0));
        let whole = state.to_json();
        assert_eq!(State::read(&whole).unwrap(), state);
        for end in 0..whole.trim_end().len() {
            assert!(matches!(State::read(&whole[..end]), Err(Unreadable::Damaged(_))), "{end}");
        }
        for garbage in
            ["[]", "{}", "\0\0\0", "{\"schema\": 1}", "{\"schema\": \"one\"}", "{\"schema\": 1, \"failures\": -1}"]
        {
            assert!(matches!(State::read(garbage), Err(Unreadable::Damaged(_))), "{garbage}");
        }
        let newer = whole.replace("\"schema\": 1", "\"schema\": 2, \"more\": []");
        assert_eq!(State::read(&newer), Err(Unreadable::Schema(2)));
    }
}
