//! mailtrip proves that a mailbox can send and receive.
#![warn(missing_docs)]

pub mod account;
pub mod check;
pub mod config;
pub mod diagnose;
pub mod failure;
pub mod outcome;
pub mod probe;
pub mod provider;
pub mod report;
pub mod sandbox;
pub mod stage;
pub mod verify;
pub mod wire;
