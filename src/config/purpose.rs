//! What a configuration is read for.

use super::check::Overrides;

/// What a configuration is read for, which decides what has to be in it.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'o> {
    /// Checks, each of which has to work, with these values of the command line.
    Checks(&'o Overrides),
    /// Accounts that somebody signs in to; whether checks work is of no account.
    SignIn,
    /// Accounts whose servers are looked at: nobody has to be able to sign in.
    Look,
}
