//! What was said on the connections of a verification.

use serde::{Deserialize, Serialize};

use crate::account::Protocol;
use crate::stage::Leg;

/// What was said on one connection. Secrets are not in it: they are left out where they are sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// The leg that the connection belonged to.
    pub leg: Leg,
    /// What was spoken.
    pub protocol: Protocol,
    /// Name of the account.
    pub account: String,
    /// What was said, in order.
    pub lines: Vec<Line>,
}

/// One line of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Time since the beginning of the verification.
    pub seconds: f64,
    /// Who said it.
    pub side: Side,
    /// What was said, without the line end.
    pub text: String,
}

/// Who said a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// mailtrip.
    Client,
    /// The server.
    Server,
}
