//! The embedded mail system on loopback.
