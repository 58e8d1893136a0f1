//! `smtp`, `imap` and `pop3` of an account: host, port and security, from the configuration, the preset or the default.

use serde_spanned::Spanned;

use super::finding::Findings;
use super::particulars::Particulars;
use super::purpose::Purpose;
use super::section::Section;
use super::sign_in::{Need, SignIn};
use crate::account::{Auth, Credentials, Endpoint, Protocol, Security};
use crate::provider::{self, Form, Preset, Provider};

/// The keys of an endpoint.
pub(super) const KEYS: &[&str] = &[
    "host",
    "port",
    "security",
    "username",
    "password",
    "token",
    "oauth2",
    "ca_file",
    "auth",
    "allow_cleartext_password",
    "address_family",
    "expect_auth",
];

const SECURITIES: [(&str, Security); 3] =
    [("tls", Security::Tls), ("starttls", Security::Starttls), ("none", Security::None)];

/// An endpoint as the configuration states it.
pub(super) struct Given<'a> {
    table: Section<'a>,
    host: Option<Spanned<String>>,
    port: Option<Spanned<u16>>,
    security: Option<Spanned<Security>>,
    sign_in: SignIn,
    particulars: Particulars,
    allow_cleartext: Option<Spanned<bool>>,
}

impl<'a> Given<'a> {
    pub fn read(table: Section<'a>, found: &mut Findings) -> Given<'a> {
        table.only(KEYS, found);
        Given {
            host: host(&table, found),
            port: table.port("port", found),
            security: table.choice("security", &SECURITIES, found),
            sign_in: SignIn::read(&table, found),
            particulars: Particulars::read(&table, found),
            allow_cleartext: table.boolean("allow_cleartext_password", found),
            table,
        }
    }
}

fn host(table: &Section, found: &mut Findings) -> Option<Spanned<String>> {
    let host = table.text("host", found)?;
    let span = host.span();
    let name = host.get_ref();
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    if !is_address && name.contains(|c: char| c.is_whitespace() || ":/@[]".contains(c)) {
        let title = format!("`host` in {} is the name or the IP address of a server, and nothing else", table.name);
        found.error(span, title).help(plain_name(name));
        return None;
    }
    if let Some(hint) = provider::hint(name) {
        found.notice(span.clone(), hint);
    }
    Some(Spanned::new(span, name.to_owned()))
}

/// How what was given becomes a name.
fn plain_name(given: &str) -> String {
    let bare = given.trim();
    let bare = bare.split_once("://").map_or(bare, |(_, rest)| rest).trim_end_matches('/');
    match bare.contains(|c: char| c.is_whitespace() || ":/@[]".contains(c)) {
        false => format!("host = \"{bare}\""),
        true if bare.contains('@') => {
            "what stands before the @ has no place here: host = \"mail.example.net\"".to_owned()
        }
        true => "the port has a key of its own: { host = \"mail.example.net\", port = 993 }".to_owned(),
    }
}

/// What an endpoint is made from, besides what is given for it.
pub(super) struct Asked<'a> {
    pub protocol: Protocol,
    pub account: &'a Section<'a>,
    pub own: &'a SignIn,
    pub particulars: &'a Particulars,
    pub provider: Option<&'static Provider>,
    pub purpose: Purpose<'a>,
}

impl Asked<'_> {
    /// The endpoint, its password blank, and what it needs; `None` where the account has none, or where
    /// something is wrong that was found.
    pub fn endpoint(
        &self,
        given: Option<&Given>,
        address: &lettre::Address,
        found: &mut Findings,
    ) -> Option<(Endpoint, Need)> {
        let given_host = given.and_then(|given| given.host.as_ref()).map(Spanned::get_ref);
        let same = |preset: &&Preset| given_host.is_none_or(|host| host.eq_ignore_ascii_case(preset.host));
        // Nothing of a preset holds for another host.
        let preset = self.provider.and_then(|provider| provider.preset(self.protocol)).filter(same);
        let host = match (given_host, preset) {
            (Some(host), _) => host.clone(),
            (None, Some(preset)) => preset.host.to_owned(),
            (None, None) => return self.without_host(given?, address, found),
        };
        let (port, security) = self.port_and_security(given, preset, found);
        let allow_cleartext_password = self.cleartext(given, security, found)?;
        let form = preset.map_or(Form::Address, |preset| preset.username);
        let sign_in = given.map(|given| &given.sign_in);
        let username = sign_in.and_then(|s| s.username.clone()).or_else(|| self.own.username.clone());
        let need = self.need(sign_in, found)?;
        let auth = self.auth(sign_in, &need, found)?;
        let username = username.unwrap_or_else(|| form.username(address));
        let credentials = Credentials { username, proof: need.blank() };
        let particulars = given.map(|given| &given.particulars);
        particulars.into_iter().for_each(|stated| stated.point_out(self.protocol, found));
        let family = Particulars::family(particulars, self.particulars);
        let expect_auth = Particulars::expect_auth(particulars, self.particulars, self.protocol, port);
        let ca = None;
        let endpoint =
            Endpoint { host, port, security, allow_cleartext_password, credentials, auth, ca, family, expect_auth };
        Some((endpoint, need))
    }

    fn without_host(&self, given: &Given, address: &lettre::Address, found: &mut Findings) -> Option<(Endpoint, Need)> {
        if given.table.key("host").is_none() {
            let error = found.error(given.table.span.clone(), format!("{} has no `host`", given.table.name));
            if let Some(provider) = self.provider {
                error.help(format!("the preset `{}` has no server for {}", provider.name, self.protocol));
            } else if let Some(known) = provider::by_domain(address.domain()) {
                error.help(format!("with provider = \"{}\", what is not given is taken from the preset", known.name));
            }
        }
        None
    }

    fn need(&self, sign_in: Option<&SignIn>, found: &mut Findings) -> Option<Need> {
        let ca_file = sign_in.and_then(|sign_in| sign_in.ca_file.clone()).or_else(|| self.own.ca_file.clone());
        let stated = sign_in.filter(|sign_in| sign_in.states_proof).unwrap_or(self.own);
        let may_be_absent = matches!(self.purpose, Purpose::Look);
        if !stated.states_proof && !may_be_absent {
            let title = format!("{} has no `password`", self.account.name);
            let help = "such as password = { env = \"NAME\" }; or a `token`, or `oauth2`";
            found.error(self.account.span.clone(), title).help(help);
        }
        let token_ca_file = stated.ca_file.clone().or_else(|| self.own.ca_file.clone());
        let proof = stated.proof.clone();
        let as_wanted = proof.is_some() || (!stated.states_proof && may_be_absent);
        as_wanted.then_some(Need { protocol: self.protocol, proof, ca_file, token_ca_file })
    }

    /// How to sign in; `None` where that takes a token and there is a password, or the other way round.
    fn auth(&self, sign_in: Option<&SignIn>, need: &Need, found: &mut Findings) -> Option<Auth> {
        let stated = sign_in.and_then(|sign_in| sign_in.auth.as_ref()).or(self.own.auth.as_ref());
        let Some(stated) = stated else { return Some(Auth::Auto) };
        let auth = *stated.get_ref();
        let (wanted, given) = match (auth.wants_token(), need.proof.as_ref().map(|proof| proof.get_ref().is_token())) {
            (Some(true), Some(false)) => ("token", "password"),
            (Some(false), Some(true)) => ("password", "token"),
            _ => return Some(auth),
        };
        let title = format!("this `auth` of {} takes a {wanted}, and it signs in by a {given}", self.account.name);
        found.error(stated.span(), title);
        None
    }

    fn port_and_security(
        &self,
        given: Option<&Given>,
        preset: Option<&Preset>,
        found: &mut Findings,
    ) -> (u16, Security) {
        let port = given.and_then(|given| given.port.as_ref());
        let security = given.and_then(|given| given.security.as_ref()).map(|security| *security.get_ref());
        let preset = preset.map(|preset| (preset.port, preset.security));
        let Some(port) = port else {
            return match (security, preset) {
                (None, Some(preset)) => preset,
                (Some(security), Some(preset)) if preset.1 == security => preset,
                (security, _) => {
                    let security = security.unwrap_or(Security::Tls);
                    (default_port(self.protocol, security), security)
                }
            };
        };
        let number = *port.get_ref();
        match (security, preset) {
            (None, Some(preset)) if preset.0 == number => preset,
            (security, preset) => {
                if Some((number, security.unwrap_or(Security::Tls))) != preset {
                    self.point_out_port(port, security, found);
                }
                (number, security.unwrap_or(Security::Tls))
            }
        }
    }

    /// Points out a port that is used for something else by convention (RFC 8314 §7, RFC 6409, IANA).
    fn point_out_port(&self, port: &Spanned<u16>, security: Option<Security>, found: &mut Findings) {
        let number = *port.get_ref();
        let conventional = match number {
            465 | 993 | 995 => Security::Tls,
            25 | 587 | 143 | 110 => Security::Starttls,
            _ => return,
        };
        let used = security.unwrap_or(Security::Tls);
        if used == conventional || used == Security::None {
            return;
        }
        let by_default = if security.is_none() { ", the default" } else { "" };
        let title = format!(
            "port {number} with security \"{used}\"{by_default}: servers usually speak {conventional} there, \
             and the wrong one of the two fails or hangs"
        );
        let help = format!("write security = \"{conventional}\", unless the provider says otherwise");
        found.notice(port.span(), title).help(help);
    }

    /// Whether a password may go in the clear; `None` when it would and may not.
    fn cleartext(&self, given: Option<&Given>, security: Security, found: &mut Findings) -> Option<bool> {
        let allowed = given.and_then(|given| given.allow_cleartext.as_ref());
        let is_allowed = allowed.is_some_and(|allowed| *allowed.get_ref());
        let name = given.map_or(self.account.name.as_str(), |given| given.table.name.as_str());
        let stated = given.and_then(|given| given.security.as_ref()).map(Spanned::span);
        let span = stated.unwrap_or(self.account.span.clone());
        match (security, is_allowed) {
            (Security::None, false) if matches!(self.purpose, Purpose::Look) => {}
            (Security::None, false) => {
                let title = format!("without encryption, {name} would send the password in the clear");
                let help = "use \"tls\" or \"starttls\"; where that is really wanted, \
                    say so by allow_cleartext_password = true";
                found.error(span, title).help(help);
                return None;
            }
            (Security::None, true) => {
                found.notice(span, format!("{name} sends the password in the clear: nothing is encrypted"));
            }
            (_, true) => {
                let span = allowed.map_or(span, Spanned::span);
                let title = format!("`allow_cleartext_password` in {name} has no effect with security \"{security}\"");
                found.notice(span, title);
            }
            (_, false) => {}
        }
        Some(is_allowed)
    }
}

/// The port of a protocol, as IANA lists it; without encryption, submission has the port that it has with STARTTLS.
fn default_port(protocol: Protocol, security: Security) -> u16 {
    match (protocol, security) {
        (Protocol::Smtp, Security::Tls) => 465,
        (Protocol::Smtp, _) => 587,
        (Protocol::Imap, Security::Tls) => 993,
        (Protocol::Imap, _) => 143,
        (Protocol::Pop3, Security::Tls) => 995,
        (Protocol::Pop3, _) => 110,
    }
}
