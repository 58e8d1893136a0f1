//! mailtrip proves that a mailbox can send and receive.
#![warn(missing_docs)]

pub mod sandbox;
