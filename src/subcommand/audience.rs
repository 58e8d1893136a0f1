//! Who follows a run while it is under way: somebody at a terminal, or nobody.

use std::sync::Arc;

use mailtrip::batch::Listener;
use mailtrip::check::Check;
use mailtrip::outcome::Outcome;

use crate::console::Unable;
use crate::live::Live;

use super::reports::Reports;

/// Who follows it.
pub enum Audience {
    /// Somebody at a terminal, of this width.
    Live(Arc<Live>, usize),
    /// Nobody.
    Nobody,
}

impl Audience {
    /// By where the reports go.
    pub fn of(checks: &[Check], reports: &Reports) -> Audience {
        let names = checks.iter().map(|check| check.name().to_owned()).collect();
        if reports.is_watched() {
            return Audience::Live(Arc::new(Live::of(names)), reports.style().width);
        }
        Audience::Nobody
    }

    /// Who is told what happens to the checks.
    pub fn listener(&self) -> Arc<dyn Listener> {
        match self {
            Audience::Live(live, _) => live.clone(),
            Audience::Nobody => Arc::new(()),
        }
    }

    /// Shows what is going on while something is waited for.
    pub async fn while_waiting<T>(&self, work: impl Future<Output = T>) -> T {
        match self {
            Audience::Live(live, width) => live.while_doing(*width, work).await,
            Audience::Nobody => work.await,
        }
    }

    /// A check is over, and this is what it amounts to.
    pub fn done(&mut self, _outcome: &Outcome) {}

    /// All are over.
    ///
    /// # Errors
    /// When not all could be told.
    pub fn finish(self, _outcomes: &[Outcome]) -> Result<(), Unable> {
        Ok(())
    }
}
