//! The sandbox's servers, byte for byte, over raw sockets.

#[path = "sandbox_dialogues/answers.rs"]
mod answers;
#[path = "sandbox_dialogues/client.rs"]
mod client;
#[path = "sandbox_dialogues/faults.rs"]
mod faults;
#[path = "sandbox_dialogues/imap.rs"]
mod imap;
#[path = "sandbox_dialogues/pop3.rs"]
mod pop3;
#[path = "sandbox_dialogues/smtp.rs"]
mod smtp;
#[path = "sandbox_dialogues/system.rs"]
mod system;
