//! What ends a program: Ctrl-C, and on Unix what a service manager or a scheduler sends.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// From the moment that it exists no signal ends the program any more, and none is lost between two waits.
#[cfg(unix)]
pub struct Signals([Signal; 3]);

#[cfg(unix)]
impl Signals {
    /// Takes the signals over.
    pub fn new() -> io::Result<Signals> {
        let [interrupt, terminate, hang_up] = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Ok(Signals([signal(interrupt)?, signal(terminate)?, signal(hang_up)?]))
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

/// From the moment that it exists Ctrl-C does not end the program any more.
#[cfg(windows)]
pub struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    /// Takes Ctrl-C over.
    pub fn new() -> io::Result<Signals> {
        tokio::signal::windows::ctrl_c().map(Signals)
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        self.0.recv().await;
    }
}
