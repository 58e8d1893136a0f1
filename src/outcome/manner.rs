//! How something was noticed, known, filed or changed: the small words that facts are told in.

use serde::{Deserialize, Serialize};

/// How the probe was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noticed {
    /// By asking, in short steps right after it was submitted.
    Asked,
    /// The server announced it (IDLE, RFC 2177).
    Announced,
    /// By the slow safety poll.
    Polled,
}

/// What a folder is to a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Where mail arrives.
    Inbox,
    /// Where mail goes that looks like spam.
    Junk,
    /// Where copies of sent mail are kept.
    Sent,
}

/// How it was known that a folder has its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KnownBy {
    /// The protocol says so (INBOX).
    Protocol,
    /// The configuration names it.
    Configuration,
    /// The server marks it (SPECIAL-USE, RFC 6154).
    SpecialUse,
    /// Its name is a well-known one.
    Name,
}

/// Who put the copy into the Sent folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FiledBy {
    /// The server, on submission.
    Server,
    /// mailtrip, as a mail client does (APPEND).
    Append,
}

/// What was changed in a message on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Text was added below its own.
    AddedBelow,
    /// Text was added above its own.
    AddedAbove,
    /// Its words are the same, its lines are not.
    Rewrapped,
    /// Some of its lines are others.
    Edited,
    /// None of its lines is left.
    Replaced,
    /// It is a message of several parts now, or of another type.
    Repacked,
    /// It is written in another transfer encoding (RFC 2045 §6), and reads the same.
    Encoding,
    /// It has another subject.
    Subject,
}
