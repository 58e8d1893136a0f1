//! One verification at a time in the same mailbox, for what does not go together: without UIDPLUS an EXPUNGE takes
//! everything that is marked `\Deleted`, so that a message of one verification, marked, keeps the other from removing its
//! own. The verifications of this process take turns; from any other client nobody can be kept.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use crate::account::Endpoint;

/// Host, port and username of a mailbox.
type Mailbox = (String, u16, String);

/// Who is at a mailbox, or waits for it.
static TURNS: LazyLock<Mutex<HashMap<Mailbox, Weak<tokio::sync::Mutex<()>>>>> = LazyLock::new(Mutex::default);

/// Waits until it is one's turn at this mailbox, which ends when what is given back is dropped.
pub async fn at(endpoint: &Endpoint) -> OwnedMutexGuard<()> {
    let mailbox = (endpoint.host.to_ascii_lowercase(), endpoint.port, endpoint.credentials.username.clone());
    let turn = {
        let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let there = turns.get(&mailbox).and_then(Weak::upgrade);
        there.unwrap_or_else(|| {
            let turn = Arc::default();
            turns.insert(mailbox, Arc::downgrade(&turn));
            turn
        })
    };
    turn.lock_owned().await
}
