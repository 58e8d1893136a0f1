//! What an account states for all of its servers, or a server for itself, beside how to sign in: which addresses are used,
//! and what is expected.

use serde_spanned::Spanned;

use super::finding::Findings;
use super::section::Section;
use crate::account::{self, Family, Protocol};

const FAMILIES: [(&str, Family); 3] = [("any", Family::Any), ("ipv4", Family::Ipv4), ("ipv6", Family::Ipv6)];

/// What is stated.
pub(super) struct Particulars {
    family: Option<Spanned<Family>>,
    expect_auth: Option<Spanned<bool>>,
}

impl Particulars {
    pub fn read(section: &Section, found: &mut Findings) -> Particulars {
        Particulars {
            family: section.choice("address_family", &FAMILIES, found),
            expect_auth: section.boolean("expect_auth", found),
        }
    }

    /// Points out what has no effect on a server of another protocol.
    pub fn point_out(&self, protocol: Protocol, found: &mut Findings) {
        if let Some(stated) = self.expect_auth.as_ref().filter(|_| protocol != Protocol::Smtp) {
            let title = format!("`expect_auth` has no effect here: it is about `smtp`, and this is {protocol}");
            found.notice(stated.span(), title);
        }
    }

    /// Which of a server's addresses are used; what it states itself wins.
    pub fn family(own: Option<&Particulars>, account: &Particulars) -> Family {
        let stated = own.and_then(|own| own.family.as_ref()).or(account.family.as_ref());
        stated.map(|stated| *stated.get_ref()).unwrap_or_default()
    }

    /// Whether a server is expected to take mail for foreign domains only after a sign-in.
    pub fn expect_auth(own: Option<&Particulars>, account: &Particulars, protocol: Protocol, port: u16) -> bool {
        let stated = own.and_then(|own| own.expect_auth.as_ref()).or(account.expect_auth.as_ref());
        protocol == Protocol::Smtp && stated.map_or_else(|| account::expects_auth(port), |stated| *stated.get_ref())
    }
}
