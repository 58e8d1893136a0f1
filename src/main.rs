//! The `mailtrip` command.
fn main() {}
