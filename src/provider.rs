//! The presets: what is known of well-known providers, so that an address and a password are enough.

mod oauth2;
mod table;

use std::fmt;

use crate::account::{
    self, Account, Auth, Credentials, Endpoint, Family, Folders, Location, Proof, Protocol, Security,
};

pub use oauth2::Authority;

/// What is known of a provider.
#[derive(Debug, PartialEq, Eq)]
pub struct Provider {
    /// The word for it in the configuration: `provider = "centurylink"`.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Its submission server.
    pub smtp: Option<Preset>,
    /// Its IMAP server.
    pub imap: Option<Preset>,
    /// Its POP3 server.
    pub pop3: Option<Preset>,
    /// Whether a password gets anybody in.
    pub passwords: Passwords,
    /// What somebody who sets up an account there has to know, as the rest of a sentence about the provider.
    pub note: Option<&'static str>,
    /// The domains of its addresses, in lower case; `.example.net` stands for every domain below it.
    domains: &'static [&'static str],
}

/// A server as the provider states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Host name.
    pub host: &'static str,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// What the username is.
    pub username: Form,
}

impl Preset {
    /// Where it is.
    pub fn location(&self) -> Location {
        Location { host: self.host.to_owned(), port: self.port, security: self.security }
    }
}

/// What the username is at a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The full address.
    Address,
    /// What stands before the `@`.
    LocalPart,
}

impl Form {
    /// The username of an address.
    pub fn username(self, address: &lettre::Address) -> String {
        match self {
            Form::Address => address.to_string(),
            Form::LocalPart => address.user().to_owned(),
        }
    }
}

/// Which passwords get anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passwords {
    /// The account's own.
    Taken,
    /// One made for mail programs, not the account's own.
    AppPassword,
    /// None: OAuth2 only.
    Refused,
}

impl Provider {
    /// The server for a protocol, where the provider has one.
    pub fn preset(&self, protocol: Protocol) -> Option<&Preset> {
        match protocol {
            Protocol::Smtp => self.smtp.as_ref(),
            Protocol::Imap => self.imap.as_ref(),
            Protocol::Pop3 => self.pop3.as_ref(),
        }
    }

    fn serves(&self, domain: &str) -> bool {
        self.domains.iter().any(|own| if own.starts_with('.') { domain.ends_with(own) } else { domain == *own })
    }
}

/// The provider with this name in the configuration.
pub fn by_name(name: &str) -> Option<&'static Provider> {
    table::PROVIDERS.iter().find(|provider| provider.name == name)
}

/// The provider that addresses of this domain belong to; upper and lower case are the same.
pub fn by_domain(domain: &str) -> Option<&'static Provider> {
    let domain = domain.to_ascii_lowercase();
    table::PROVIDERS.iter().find(|provider| provider.serves(&domain))
}

/// The provider that this host takes mail for: addresses of a domain of one's own, where its MX record leads to the
/// provider's hosts.
pub fn by_exchanger(host: &str) -> Option<&'static Provider> {
    let host = host.to_ascii_lowercase();
    let mut ends = std::iter::successors(Some(host.as_str()), |end| end.split_once('.').map(|(_, rest)| rest));
    ends.find_map(|end| match table::EXCHANGERS.iter().find(|(domain, _)| *domain == end) {
        Some((_, name)) => by_name(name),
        None => by_domain(end),
    })
}

/// The names of all providers, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    table::PROVIDERS.iter().map(|provider| provider.name)
}

/// What to know about a host that is not what it is taken for, as a sentence without its full stop.
pub fn hint(host: &str) -> Option<&'static str> {
    let known = table::HINTS.iter().find(|(named, _)| named.eq_ignore_ascii_case(host));
    known.map(|(_, sentence)| *sentence)
}

/// An account as somebody gives it without a configuration: `mailtrip verify ADDRESS`.
#[derive(Debug, Clone)]
pub struct Given {
    /// The address to verify.
    pub address: lettre::Address,
    /// Who signs in; `None`: as the provider wants it, else the full address.
    pub username: Option<String>,
    /// The password or the token, for every server.
    pub proof: Proof,
    /// Where to submit; `None`: as the provider states it.
    pub smtp: Option<Location>,
    /// Where to read by IMAP; `None`: as the provider states it.
    pub imap: Option<Location>,
    /// Where to fetch by POP3; `None`: as the provider states it.
    pub pop3: Option<Location>,
    /// PEM certificates that are trusted in addition to the system's.
    pub ca: Option<Vec<u8>>,
    /// Whether a password may be sent although the connection is not encrypted.
    pub allow_cleartext_password: bool,
}

/// What an account is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    SendAndReceive,
    Receive,
    Look,
}

/// Why there is no account to be made of what was [`Given`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incomplete {
    /// Servers are missing, and no preset is known for the domain, or the preset has none.
    NoServer {
        /// The domain of the address.
        domain: String,
        /// What is missing: SMTP, or something to receive by.
        missing: Vec<Protocol>,
    },
    /// A server is to be reached without encryption, and nothing says that a password may be sent so.
    Cleartext {
        /// Which one.
        protocol: Protocol,
    },
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Incomplete::NoServer { domain, missing } => {
                let missing: Vec<String> = missing.iter().map(Protocol::to_string).collect();
                write!(f, "the {} server of `{domain}` is not known and has to be given", missing.join(" and the "))
            }
            Incomplete::Cleartext { protocol } => {
                write!(f, "without encryption, the password would go to the {protocol} server in the clear, ")?;
                f.write_str("which has to be allowed explicitly")
            }
        }
    }
}

impl std::error::Error for Incomplete {}

impl Given {
    /// The account, with what was not given taken from the provider of the address's domain, which is
    /// returned as well. The account is named by its address.
    ///
    /// # Errors
    /// When there is no server to submit to, or none to receive by IMAP or POP3, or a password would
    /// go in the clear without permission.
    pub fn account(self) -> Result<(Account, Option<&'static Provider>), Incomplete> {
        self.assembled(Use::SendAndReceive)
    }

    /// The same for an account that nothing is sent from, so that it needs no server to submit to.
    ///
    /// # Errors
    /// As [`Given::account`], but for that.
    pub fn mailbox(self) -> Result<(Account, Option<&'static Provider>), Incomplete> {
        self.assembled(Use::Receive)
    }

    /// The same for an account that is only looked at: one server is enough, whatever is spoken there.
    ///
    /// # Errors
    /// When there is no server, or as [`Given::account`].
    pub fn servers(self) -> Result<(Account, Option<&'static Provider>), Incomplete> {
        self.assembled(Use::Look)
    }

    fn assembled(self, used_to: Use) -> Result<(Account, Option<&'static Provider>), Incomplete> {
        let provider = by_domain(self.address.domain());
        let smtp = self.endpoint(Protocol::Smtp, &self.smtp, provider)?;
        let imap = self.endpoint(Protocol::Imap, &self.imap, provider)?;
        let pop3 = self.endpoint(Protocol::Pop3, &self.pop3, provider)?;
        let mut missing = Vec::new();
        let (mute, deaf) = (smtp.is_none(), imap.is_none() && pop3.is_none());
        if mute && (used_to == Use::SendAndReceive || used_to == Use::Look && deaf) {
            missing.push(Protocol::Smtp);
        }
        if deaf && (used_to != Use::Look || mute) {
            missing.push(Protocol::Imap);
        }
        if !missing.is_empty() {
            return Err(Incomplete::NoServer { domain: self.address.domain().to_owned(), missing });
        }
        let name = self.address.to_string();
        Ok((Account { name, address: self.address, smtp, imap, pop3, folders: Folders::default() }, provider))
    }

    fn endpoint(
        &self,
        protocol: Protocol,
        location: &Option<Location>,
        provider: Option<&'static Provider>,
    ) -> Result<Option<Endpoint>, Incomplete> {
        let preset = provider.and_then(|provider| provider.preset(protocol));
        let (host, port, security) = match (location, preset) {
            (Some(given), _) => (given.host.clone(), given.port, given.security),
            (None, Some(preset)) => (preset.host.to_owned(), preset.port, preset.security),
            (None, None) => return Ok(None),
        };
        if security == Security::None && !self.allow_cleartext_password {
            return Err(Incomplete::Cleartext { protocol });
        }
        // The provider's form of username holds for the provider's own host only.
        let form = preset.filter(|preset| preset.host.eq_ignore_ascii_case(&host)).map(|preset| preset.username);
        let username = self.username.clone().unwrap_or_else(|| form.unwrap_or(Form::Address).username(&self.address));
        let credentials = Credentials { username, proof: self.proof.clone() };
        Ok(Some(Endpoint {
            host,
            port,
            security,
            allow_cleartext_password: self.allow_cleartext_password,
            credentials,
            auth: Auth::Auto,
            ca: self.ca.clone(),
            family: Family::Any,
            expect_auth: protocol == Protocol::Smtp && account::expects_auth(port),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Secret;

    fn given(address: &str) -> Given {
        Given {
            address: address.parse().unwrap(),
            username: None,
            proof: Secret::new("secret").into(),
            smtp: None,
            imap: None,
            pop3: None,
            ca: None,
            allow_cleartext_password: false,
        }
    }

    #[test]
    fn the_table_is_sound() {
        let names: Vec<_> = names().collect();
        assert!(names.iter().all(|name| by_name(name).is_some_and(|provider| provider.name == *name)));
        assert!(names.iter().collect::<std::collections::BTreeSet<_>>().len() == names.len());
        let mut domains: Vec<_> = table::PROVIDERS.iter().flat_map(|provider| provider.domains).collect();
        assert!(domains.iter().all(|domain| **domain == domain.to_ascii_lowercase()));
        domains.sort();
        assert!(domains.windows(2).all(|pair| pair[0] != pair[1]), "a domain belongs to two providers");
        let presets = table::PROVIDERS.iter().flat_map(|provider| [provider.smtp, provider.imap, provider.pop3]);
        assert!(presets.flatten().all(|preset| preset.security != Security::None), "a preset sends in the clear");
        assert!(table::PROVIDERS.iter().all(|p| p.passwords != Passwords::Refused || p.note.is_some()));
    }

    #[test]
    fn the_centurylink_family_has_the_official_servers() {
        for domain in ["centurylink.net", "embarqmail.com", "q.com", "qwest.net", "CenturyTel.net"] {
            let (account, provider) = given(&format!("user@{domain}")).account().unwrap();
            assert_eq!(provider.unwrap().name, "centurylink");
            let (smtp, imap) = (account.smtp.unwrap(), account.imap.unwrap());
            assert_eq!((&*smtp.host, smtp.port, smtp.security), ("smtp.centurylink.net", 587, Security::Starttls));
            assert_eq!((&*imap.host, imap.port, imap.security), ("mail.centurylink.net", 993, Security::Tls));
            assert_eq!(imap.credentials.username, format!("user@{domain}"));
        }
        assert!(hint("IMAP.centurylink.net").unwrap().contains("mail.centurylink.net"));
        assert_eq!(hint("mail.centurylink.net"), None);
    }

    #[test]
    fn icloud_has_two_usernames_and_a_given_host_has_the_full_address() {
        let (account, _) = given("jane@icloud.com").account().unwrap();
        assert_eq!(account.smtp.unwrap().credentials.username, "jane@icloud.com");
        assert_eq!(account.imap.unwrap().credentials.username, "jane");
        assert!(account.pop3.is_none());
        let other = Given { imap: Some("imap.example.net:993/tls".parse().unwrap()), ..given("jane@icloud.com") };
        assert_eq!(other.account().unwrap().0.imap.unwrap().credentials.username, "jane@icloud.com");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = given("jane@example.net").account().unwrap_err();
        assert_eq!(error.to_string(), "the SMTP and the IMAP server of `example.net` is not known and has to be given");
        let smtp = Some("127.0.0.1:2525/none".parse().unwrap());
        let error = given("jane@example.net").mailbox().unwrap_err();
        assert_eq!(error.to_string(), "the IMAP server of `example.net` is not known and has to be given");
        let error = Given { smtp, ..given("jane@gmail.com") }.account().unwrap_err();
        assert_eq!(error, Incomplete::Cleartext { protocol: Protocol::Smtp });
    }

    #[test]
    fn a_provider_is_known_by_the_hosts_that_take_mail_for_it() {
        for (host, name) in [
            ("ASPMX.L.GOOGLE.COM", "gmail"),
            ("example-net.mail.protection.outlook.com", "microsoft365"),
            ("mta5.am0.yahoodns.net", "yahoo"),
            ("in1-smtp.messagingengine.com", "fastmail"),
            ("mxext1.mailbox.org", "mailbox.org"),
        ] {
            assert_eq!(by_exchanger(host).map(|provider| provider.name), Some(name), "{host}");
        }
        for stranger in ["mx.example.net", "com", "", "google.com.example.net"] {
            assert_eq!(by_exchanger(stranger), None, "{stranger}");
        }
        assert!(table::EXCHANGERS.iter().all(|(_, name)| by_name(name).is_some()));
    }

    #[test]
    fn a_domain_below_a_listed_one_counts_only_where_the_table_says_so() {
        assert_eq!(by_domain("tampabay.rr.com").unwrap().name, "spectrum-rr");
        assert_eq!(by_domain("evil.gmail.com"), None);
        assert_eq!(by_domain("notrr.com"), None);
    }
}
