//! Failures in a row.

use serde::{Deserialize, Serialize};

/// How often a check has failed in a row: until that is often enough, a failure is soft, as it is called in Nagios, and
/// no more than a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streak {
    /// Failures in a row, this run included; 0 where it has not failed.
    pub failures: u32,
    /// So many make it hard.
    pub fail_after: u32,
}

impl Streak {
    /// Whether it has failed, and not often enough for that to be hard.
    pub fn is_soft(self) -> bool {
        self.failures > 0 && self.failures < self.fail_after
    }
}
