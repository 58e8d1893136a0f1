//! `[accounts.NAME]`: an account with everything decided but its passwords and certificates, which are fetched later.

use std::ops::Range;

use lettre::Address;
use serde_spanned::Spanned;

use super::endpoint::{self, Given};
use super::finding::Findings;
use super::names::{listed, nearest};
use super::particulars::Particulars;
use super::purpose::Purpose;
use super::section::Section;
use super::sign_in::{Need, SignIn};
use crate::account::{Account, Endpoint, Folders, Protocol};
use crate::provider::{self, Passwords, Provider};

/// The keys of an account.
pub(super) const KEYS: &[&str] = &[
    "provider",
    "address",
    "username",
    "password",
    "token",
    "oauth2",
    "ca_file",
    "auth",
    "address_family",
    "expect_auth",
    "smtp",
    "imap",
    "pop3",
    "sent_folder",
    "junk_folder",
    "create_sent_folder",
];

pub(super) const PROTOCOLS: [(&str, Protocol); 3] =
    [("smtp", Protocol::Smtp), ("imap", Protocol::Imap), ("pop3", Protocol::Pop3)];

/// An account of the configuration. Passwords and tokens of `account` are blank, its certificates absent: `needs`
/// says where they are.
pub(super) struct Entry {
    pub account: Account,
    pub provider: Option<&'static Provider>,
    pub needs: Vec<Need>,
}

/// Reads an account; `None` when something is wrong with it that was found.
pub(super) fn read(name: &str, section: &Section, purpose: Purpose<'_>, found: &mut Findings) -> Option<Entry> {
    section.only(KEYS, found);
    let named = provider(section, found);
    let address = address(section, found);
    let own = SignIn::read(section, found);
    let particulars = Particulars::read(section, found);
    let folders = folders(section, found);
    let given = PROTOCOLS.map(|(key, _)| {
        let named = format!("`{key}` of {}", section.name);
        section.section(key, named, found).map(|table| Given::read(table, found))
    });
    let address = address?;
    if named.is_none() && section.key("provider").is_some() {
        return None;
    }
    let any_given = PROTOCOLS.iter().any(|(key, _)| section.key(key).is_some());
    let by_domain = || provider::by_domain(address.get_ref().domain()).filter(|_| !any_given);
    let provider = named.or_else(by_domain);
    if provider.is_none() && !any_given {
        unknown_domain(&address, section, found);
        return None;
    }
    point_out_provider(provider, &own, address.span(), found);
    let address = address.into_inner();
    let mut entry = Entry { account: blank(name, address, folders), provider, needs: Vec::new() };
    for ((_, protocol), given) in PROTOCOLS.into_iter().zip(given) {
        let (account, own, particulars) = (section, &own, &particulars);
        let asked = endpoint::Asked { protocol, account, own, particulars, provider, purpose };
        if let Some((endpoint, need)) = asked.endpoint(given.as_ref(), &entry.account.address, found) {
            *entry.slot(protocol) = Some(endpoint);
            entry.needs.push(need);
        }
    }
    Some(entry)
}

fn blank(name: &str, address: Address, folders: Folders) -> Account {
    Account { name: name.to_owned(), address, smtp: None, imap: None, pop3: None, folders }
}

impl Entry {
    /// Whether one of its secrets is written in the configuration.
    pub fn holds_a_password(&self) -> bool {
        self.needs.iter().filter_map(|need| need.proof.as_ref()).any(|proof| proof.get_ref().is_in_the_open())
    }

    fn slot(&mut self, protocol: Protocol) -> &mut Option<Endpoint> {
        slot(&mut self.account, protocol)
    }
}

/// The place of an endpoint in an account.
pub(super) fn slot(account: &mut Account, protocol: Protocol) -> &mut Option<Endpoint> {
    match protocol {
        Protocol::Smtp => &mut account.smtp,
        Protocol::Imap => &mut account.imap,
        Protocol::Pop3 => &mut account.pop3,
    }
}

fn provider(section: &Section, found: &mut Findings) -> Option<&'static Provider> {
    let name = section.text("provider", found)?;
    let provider = provider::by_name(name.get_ref());
    if provider.is_none() {
        let error = found.error(name.span(), format!("unknown provider in {}", section.name));
        match nearest(name.get_ref(), provider::names()) {
            Some(meant) => error.help(format!("did you mean `{meant}`?")),
            None => error.help(format!("the providers are {}", listed(provider::names()))),
        };
    }
    provider
}

fn address(section: &Section, found: &mut Findings) -> Option<Spanned<Address>> {
    if section.key("address").is_none() {
        found.error(section.span.clone(), format!("{} has no `address`", section.name));
    }
    let text = section.text("address", found)?;
    match text.get_ref().parse() {
        Ok(address) => Some(Spanned::new(text.span(), address)),
        Err(_) => {
            let title = format!("`address` in {} is not a mail address such as alice@example.net", section.name);
            found.error(text.span(), title);
            None
        }
    }
}

fn folders(section: &Section, found: &mut Findings) -> Folders {
    let sent = section.text("sent_folder", found).map(Spanned::into_inner);
    let junk = section.text("junk_folder", found).map(Spanned::into_inner);
    let create = section.boolean("create_sent_folder", found);
    let create_sent = create.as_ref().is_some_and(|create| *create.get_ref());
    if create_sent && section.key("sent_folder").is_none() {
        let span = section.key("create_sent_folder").unwrap_or(section.span.clone());
        let title = format!("`create_sent_folder` in {} needs `sent_folder`: the name to create", section.name);
        found.error(span, title);
    }
    Folders { sent, junk, create_sent }
}

fn unknown_domain(address: &Spanned<Address>, section: &Section, found: &mut Findings) {
    let domain = address.get_ref().domain();
    let title = format!("the servers of `{domain}` are not known: {} needs `smtp` and `imap`", section.name);
    found.error(address.span(), title).help(
        "such as smtp = { host = \"smtp.example.net\", port = 587, security = \"starttls\" } \
         and imap = { host = \"imap.example.net\" }; or provider = \"NAME\" where the domain belongs to a known one",
    );
}

fn point_out_provider(provider: Option<&Provider>, own: &SignIn, span: Range<usize>, found: &mut Findings) {
    let Some(provider) = provider else { return };
    let note = provider.note.unwrap_or_default();
    let by_token = own.proof.as_ref().is_some_and(|proof| proof.get_ref().is_token());
    if provider.passwords == Passwords::Refused && !by_token {
        found.notice(span, format!("a password will most likely not get in at {}: {note}", provider.title));
    } else if provider.name == "proton-bridge" && own.ca_file.is_none() {
        found.notice(span, format!("{} without `ca_file`: {note}", provider.title));
    }
}
