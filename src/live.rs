//! What is going on right now, in one line of the terminal that is written over until the report is there.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mailtrip::batch::{self, Which};
use mailtrip::diagnose::attempt::is_worth_another;
use mailtrip::report::printable::printable;
use mailtrip::report::terminal::waiting;
use mailtrip::stage::At;
use mailtrip::verify::recorder::{Event, Listener};

/// Time between two updates of the line.
const TICK: Duration = Duration::from_millis(100);

/// Nothing is shown before a run has taken this long: a fast one should not flicker.
const AT_ONCE: Duration = Duration::from_millis(300);

/// The stages that are under way.
#[derive(Debug)]
pub struct Live {
    began: Instant,
    /// The checks, where there are several.
    checks: Vec<String>,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    done: usize,
    running: Vec<Running>,
    /// Attempts that have failed, and since when: these checks wait for the next one.
    failed: Vec<(Which, Instant)>,
}

#[derive(Debug, Clone)]
struct Running {
    check: usize,
    at: At,
    account: String,
    since: Instant,
    limit: Duration,
}

impl Listener for Live {
    fn on(&self, event: Event<'_>) {
        self.heard(0, event);
    }
}

impl batch::Listener for Live {
    fn on(&self, which: Which, event: batch::Event<'_>) {
        match event {
            batch::Event::Within(event) => self.heard(which.check, event),
            batch::Event::Began => self.now().failed.retain(|(other, _)| other.check != which.check),
            batch::Event::Ended(outcome) if is_worth_another(outcome) => {
                self.now().failed.push((which, Instant::now()));
            }
            batch::Event::Ended(_) => {}
            batch::Event::Done => {
                let mut now = self.now();
                now.done += 1;
                now.failed.retain(|(other, _)| other.check != which.check);
            }
        }
    }
}

impl Live {
    /// For a run of these checks. Where it is one, nobody need be told which.
    pub fn of(checks: Vec<String>) -> Live {
        let checks = if checks.len() > 1 { checks } else { Vec::new() };
        Live { began: Instant::now(), checks, now: Mutex::default() }
    }

    /// Shows the line on standard error while `work` is done, and takes it away again.
    pub async fn while_doing<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut shown = false;
        loop {
            match tokio::time::timeout(TICK, &mut work).await {
                Ok(done) => {
                    if shown {
                        show("");
                    }
                    return done;
                }
                Err(_) if self.began.elapsed() >= AT_ONCE => {
                    show(&self.line(width()));
                    shown = true;
                }
                Err(_) => {}
            }
        }
    }

    fn heard(&self, check: usize, event: Event<'_>) {
        let running = &mut self.now().running;
        match event {
            Event::Began { at, account, limit } => {
                running.push(Running { check, at, account: account.to_owned(), since: Instant::now(), limit });
            }
            Event::Composed { .. } => {}
            Event::Ended(record) => {
                running.retain(|one| one.check != check || one.at != record.at || one.account != record.account);
            }
        }
    }

    /// The stage that has been under way for longest, and how many there are beside it; or how many checks are done. Where
    /// none is, an attempt that has failed.
    fn line(&self, width: usize) -> String {
        let now = self.now();
        let first = now.running.iter().min_by_key(|one| one.since);
        let mut line = match first {
            _ if !self.checks.is_empty() => format!("{} of {} done", now.done, self.checks.len()),
            Some(first) => waiting(first.at, first.since.elapsed(), Some(first.limit)),
            None => String::new(),
        };
        match first.map(|first| (first, self.checks.get(first.check))) {
            Some((Running { at, since, .. }, Some(check))) => {
                line += &format!("; {}: {at}, {:.1} s…", printable(check), since.elapsed().as_secs_f64());
            }
            Some(_) if now.running.len() > 1 => line += &format!(", and {} more", now.running.len() - 1),
            Some(_) => {}
            None => {
                let failed = now.failed.iter().min_by_key(|(_, since)| *since);
                line += &failed.map(|one| self.pause(*one)).unwrap_or_default();
            }
        }
        line.chars().take(width.saturating_sub(1)).collect()
    }

    /// What is between two attempts.
    fn pause(&self, (which, since): (Which, Instant)) -> String {
        let check = self.checks.get(which.check).map_or(String::new(), |check| format!("; {}: ", printable(check)));
        let ago = since.elapsed().as_secs_f64();
        format!("{check}attempt {} failed {ago:.1} s ago, another one follows…", which.attempt)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How wide the terminal is, which may change under way: a line that is too long cannot be taken away again.
fn width() -> usize {
    terminal_size::terminal_size_of(std::io::stderr()).map_or(80, |(width, _)| usize::from(width.0))
}

/// Writes over the line that is there.
fn show(line: &str) {
    let mut terminal = std::io::stderr().lock();
    let _ = write!(terminal, "\r\x1b[2K{line}").and_then(|()| terminal.flush()); // it is only a comfort
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailtrip::account::Protocol;
    use mailtrip::stage::{Leg, Stage};

    fn began(live: &Live, check: usize, stage: Stage) {
        let at = At::new(Leg::Delivery, stage, Protocol::Imap);
        live.heard(check, Event::Began { at, account: "home", limit: Duration::from_secs(30) });
    }

    #[test]
    fn of_several_checks_it_says_how_many_are_done_and_which_one_waits_for_what() {
        let live = Live::of(vec!["home".to_owned(), "of\x1bfice".to_owned(), "shop".to_owned()]);
        assert_eq!(live.line(80), "0 of 3 done");
        began(&live, 1, Stage::Arrival);
        began(&live, 0, Stage::Login);
        batch::Listener::on(&live, Which { check: 2, attempt: 1 }, batch::Event::Done);
        assert_eq!(live.line(80), "1 of 3 done; of\\x1bfice: delivery arrival, 0.0 s…");
        assert_eq!(live.line(20), "1 of 3 done; of\\x1b");
    }

    #[test]
    fn between_two_attempts_it_says_that_one_failed() {
        let one = Live::of(vec!["home".to_owned()]);
        let two = Live::of(vec!["home".to_owned(), "shop".to_owned()]);
        for (live, expected) in [(&one, ""), (&two, "0 of 2 done; home: ")] {
            let which = Which { check: 0, attempt: 1 };
            live.now().failed.push((which, Instant::now()));
            assert_eq!(live.line(80), format!("{expected}attempt 1 failed 0.0 s ago, another one follows…"));
            batch::Listener::on(live, which, batch::Event::Began);
            assert!(!live.line(80).contains("failed"), "{}", live.line(80));
        }
    }

    #[test]
    fn of_one_check_it_says_what_is_waited_for_and_how_much_there_is_beside_it() {
        let live = Live::of(vec!["home".to_owned()]);
        assert_eq!(live.line(80), "");
        began(&live, 0, Stage::Arrival);
        began(&live, 0, Stage::Login);
        assert_eq!(live.line(80), "delivery: waiting for the probe … 0.0 s of 30 s, and 1 more");
    }
}
