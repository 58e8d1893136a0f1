//! What is going on right now, in one line of the terminal that is written over until the report is there.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mailtrip::report::terminal::waiting;
use mailtrip::stage::At;
use mailtrip::verify::recorder::{Event, Listener};

/// Time between two updates of the line.
const TICK: Duration = Duration::from_millis(100);

/// Nothing is shown before a verification has taken this long: a fast one should not flicker.
const AT_ONCE: Duration = Duration::from_millis(300);

/// The stages that are under way.
#[derive(Debug, Default)]
pub struct Live {
    running: Mutex<Vec<Running>>,
}

#[derive(Debug, Clone)]
struct Running {
    at: At,
    account: String,
    since: Instant,
    limit: Duration,
}

impl Listener for Live {
    fn on(&self, event: Event<'_>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Began { at, account, limit } => {
                running.push(Running { at, account: account.to_owned(), since: Instant::now(), limit });
            }
            Event::Composed { .. } => {}
            Event::Ended(record) => running.retain(|one| one.at != record.at || one.account != record.account),
        }
    }
}

impl Live {
    /// Shows the line on standard error while `work` is done, and takes it away again.
    pub async fn while_doing<T>(&self, width: usize, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let began = Instant::now();
        loop {
            match tokio::time::timeout(TICK, &mut work).await {
                Ok(done) => {
                    show("");
                    return done;
                }
                Err(_) if began.elapsed() >= AT_ONCE => show(&self.line(width)),
                Err(_) => {}
            }
        }
    }

    /// The stage that has been under way for longest, and how many there are beside it.
    fn line(&self, width: usize) -> String {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = running.iter().min_by_key(|one| one.since) else { return String::new() };
        let mut line = waiting(first.at, first.since.elapsed(), Some(first.limit));
        if running.len() > 1 {
            line += &format!(", and {} more", running.len() - 1);
        }
        line.chars().take(width.saturating_sub(1)).collect()
    }
}

/// Writes over the line that is there.
fn show(line: &str) {
    let mut terminal = std::io::stderr().lock();
    let _ = write!(terminal, "\r\x1b[2K{line}").and_then(|()| terminal.flush()); // it is only a comfort
}
