//! What the codes of findings mean: the one place where that is written. The README has its table from here, and
//! `tests/readme.rs` holds that every code of a rule is here and no other.

use super::judgement::Fault::{self, Here, Server, Setting, Way};

/// All codes, each with what it means and where the fault is.
pub const CODES: &[(&str, &str, Fault)] = &[
    ("no-resolver", "No name can be looked up: DNS does not work on this machine.", Here),
    ("offline", "Nobody answers: it is this machine or its network.", Here),
    ("no-such-name", "A host name has no address, and others have one.", Setting),
    ("host-silent", "A host answers on none of its ports, and others do.", Server),
    ("port-25-blocked", "The host answers, but not on port 25, as where the access provider blocks it.", Way),
    ("port-blocked", "Neither the host nor another provider's answers on that port: the network blocks it.", Way),
    ("port-silent", "The host answers, but not on that port: a firewall drops what goes there.", Setting),
    ("port-closed", "The host is there, and its port is closed.", Setting),
    ("not-mail", "What is on the port is no mail server, or says nothing.", Setting),
    ("intercepted", "An antivirus, a proxy or a firewall reads the connections of this machine.", Here),
    ("same-issuer", "Several hosts have certificates of one issuer, whom this machine does not trust.", Way),
    ("tunnel", "Something is not reached, and the way leads through what looks like a VPN.", Here),
];
