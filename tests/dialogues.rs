//! What no server should ever say, and what odd real ones do say.
#![allow(missing_docs)]

#[path = "dialogues/imap.rs"]
mod imap;
#[path = "dialogues/player.rs"]
mod player;
#[path = "dialogues/smtp.rs"]
mod smtp;

use player::{play, usual};

#[tokio::test]
async fn servers_that_do_what_they_should() {
    play(usual(), usual()).await.is_whole();
}
