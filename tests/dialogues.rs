//! What no server should ever say, and what odd real ones do say.
#![allow(missing_docs)]

#[path = "dialogues/another.rs"]
mod another;
#[path = "dialogues/clean.rs"]
mod clean;
#[path = "dialogues/echo.rs"]
mod echo;
#[path = "dialogues/imap.rs"]
mod imap;
#[path = "support/leftover.rs"]
mod leftover;
#[path = "dialogues/mailbox.rs"]
mod mailbox;
#[path = "dialogues/player.rs"]
mod player;
#[path = "dialogues/relay.rs"]
mod relay;
#[path = "dialogues/smtp.rs"]
mod smtp;

use std::time::Duration;

use player::{play, play_account, usual};

#[tokio::test]
async fn servers_that_do_what_they_should() {
    play(usual(), usual()).await.is_whole();
}

#[tokio::test]
async fn limits_of_any_size() {
    for limit in [Duration::from_nanos(1), Duration::from_millis(1), Duration::from_millis(10), Duration::MAX] {
        for stage in [Duration::from_nanos(1), Duration::from_secs(1), Duration::MAX] {
            let played = play_account(
                usual(),
                usual(),
                |_| {},
                |account, settings| {
                    account.smtp.as_mut().expect("it sends").expect_auth = true;
                    (settings.limits.total, settings.limits.stage, settings.limits.cleanup) = (limit, stage, limit);
                },
            );
            let played = played.await;
            let whole = played.outcome.stages.len() == 15;
            assert!(whole, "{limit:?} {stage:?}: {} stages", played.outcome.stages.len());
        }
    }
}
