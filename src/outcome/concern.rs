//! What was not right although a stage did its work.

use serde::{Deserialize, Serialize};

use super::Dialled;
use crate::failure::Reply;

/// Something that was not right although the stage did its work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "concern", rename_all = "kebab-case")]
pub enum Concern {
    /// One of the server's addresses does not work while another does.
    AddressFailed {
        /// IP address and port.
        address: String,
        /// How the attempt ended.
        result: Dialled,
    },
    /// The server accepts a recipient in a foreign domain without a sign-in, at least from this machine's network.
    RelaysWithoutAuthentication {
        /// Its answer to RCPT.
        reply: Reply,
    },
    /// The probe was taken for spam.
    FoundInJunk {
        /// The folder.
        folder: String,
    },
    /// The message arrived more than once.
    Duplicate {
        /// How many times.
        times: usize,
    },
    /// The account has no Sent folder that could be found.
    NoSentFolder,
    /// The server was to file a copy in the Sent folder, and did not.
    NoCopy {
        /// How it was looked for.
        why: String,
    },
    /// A folder is there, and cannot be opened.
    NotSelectable {
        /// The folder.
        folder: String,
        /// Why.
        why: String,
    },
    /// Nothing can be removed from a folder: the server lets it be read only, or no message be marked as deleted.
    ReadOnly {
        /// The folder.
        folder: String,
        /// What the server said.
        why: String,
    },
    /// A message of ours is still there.
    LeftBehind {
        /// The folder.
        folder: String,
        /// Its UID, where it is known.
        uid: Option<u32>,
        /// Why it could not be removed.
        why: String,
    },
    /// A message of ours is marked `\Deleted` but still there, because removing it
    /// would have removed other messages that are marked as well (no UIDPLUS, RFC 4315).
    LeftMarked {
        /// The folder.
        folder: String,
        /// Its UID.
        uid: u32,
    },
    /// The probe was, or may have been, taken by the server and was not found: it may arrive later.
    MayArrive,
    /// A folder could not be looked into for what may have been left behind.
    NotLookedInto {
        /// The folder, or the mailbox as a whole.
        folder: String,
        /// Why.
        why: String,
    },
}
