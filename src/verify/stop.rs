//! Stopping a run: once to stop it and still clean up, twice to leave the clean-up out.

use std::sync::Arc;

use tokio::sync::watch;

/// The side that stops a run.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<u8>>);

/// The side that is stopped.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<u8>);

/// What a stop is asked to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The journey: one request stops it.
    Journey = 1,
    /// The clean-up too: that takes two.
    Cleanup = 2,
}

impl Stop {
    /// A stop that has not been asked for, and the way to ask for it.
    pub fn new() -> (Stopper, Stop) {
        let (sender, receiver) = watch::channel(0);
        (Stopper(Arc::new(sender)), Stop(receiver))
    }

    /// Returns once enough stops were asked for; never where nobody is left who could ask.
    pub async fn requested(&self, reach: Reach) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|&times| times >= reach as u8).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether enough stops were asked for.
    pub fn is_requested(&self, reach: Reach) -> bool {
        *self.0.borrow() >= reach as u8
    }
}

impl Stopper {
    /// Asks for a stop.
    pub fn stop(&self) {
        self.0.send_modify(|times| *times = times.saturating_add(1));
    }
}
