//! IDLE, RFC 2177.

use std::io;

use tokio::time::{Instant, sleep_until};

use super::Session;
use super::command::{Answer, Arguments, Refusal};
use crate::sandbox::fault::{Fault, Protocol};
use crate::sandbox::system::positive;

impl Session {
    /// Announces what happens until the client says DONE, which ends in an ordinary tagged answer.
    pub(super) async fn idle(&mut self, arguments: &Arguments<'_>) -> io::Result<Answer> {
        let system = self.connection.system.clone();
        if !system.settings.idle || system.faults.on(Fault::IdleAbsent {}) {
            return Ok(Err(Refusal::bad("Unknown command")));
        }
        if let Err(refusal) = arguments.end() {
            return Ok(Err(refusal));
        }
        if system.faults.on(Fault::IdleRefused {}) {
            return Ok(Err(Refusal::no("IDLE is not available now")));
        }
        let mut changes = system.store.watch();
        let silent = system.faults.on(Fault::IdleSilent {});
        let arrivals = !system.faults.on(Fault::ExistsUnannounced {});
        self.say("+ idling");
        let mut due = Some(Instant::now());
        loop {
            if due.is_some_and(|due| due <= Instant::now()) {
                due = None;
                if !silent {
                    self.sync(true, arrivals);
                }
            }
            self.connection.flush().await?;
            let wake = due.unwrap_or_else(Instant::now);
            tokio::select! {
                line = self.connection.line() => return Ok(self.done(&line?)),
                () = sleep_until(wake), if due.is_some() => {}
                Ok(()) = changes.changed() => {
                    let later = Instant::now() + positive(system.settings.idle_delay);
                    due = due.or(Some(later));
                }
            }
        }
    }

    fn done(&self, line: &[u8]) -> Answer {
        self.connection.system.record(Protocol::Imap, &String::from_utf8_lossy(line));
        match line.eq_ignore_ascii_case(b"DONE") {
            true => Ok("Idle completed.".to_owned()),
            false => Err(Refusal::bad("Expected DONE.")),
        }
    }
}
