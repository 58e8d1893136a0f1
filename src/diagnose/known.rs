//! What is known of ports and of well-known mail providers.

use crate::account::{Protocol, Security};

/// What a port is assigned to (RFC 8314, RFC 6409, RFC 5321).
pub fn usual(port: u16) -> Option<(Protocol, Security)> {
    Some(match port {
        465 => (Protocol::Smtp, Security::Tls),
        25 | 587 | 2525 => (Protocol::Smtp, Security::Starttls),
        993 => (Protocol::Imap, Security::Tls),
        143 => (Protocol::Imap, Security::Starttls),
        995 => (Protocol::Pop3, Security::Tls),
        110 => (Protocol::Pop3, Security::Starttls),
        _ => return None,
    })
}

/// What else than mail answers on a port (IANA Service Names), with its article. All but SSH and FTP wait to be asked.
pub fn other_service(port: u16) -> Option<&'static str> {
    Some(match port {
        21 => "an FTP server",
        22 => "an SSH server",
        80 | 443 | 8000 | 8080 | 8443 => "a web server",
        _ => return None,
    })
}

/// The usual port, by how the connection begins.
pub fn port(protocol: Protocol, security: Security) -> u16 {
    match security {
        Security::Tls => tls_port(protocol),
        Security::Starttls | Security::None => starttls_port(protocol),
    }
}

/// The port for TLS from the first byte.
pub fn tls_port(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Smtp => 465,
        Protocol::Imap => 993,
        Protocol::Pop3 => 995,
    }
}

/// The port for a connection that begins in plaintext.
pub fn starttls_port(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Smtp => 587,
        Protocol::Imap => 143,
        Protocol::Pop3 => 110,
    }
}

/// What a provider wants instead of the password of its web site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// A password made for one application.
    AppPassword,
    /// OAuth2, and no password at all.
    Oauth,
    /// Access by mail programs has to be switched on first.
    SwitchedOn,
}

/// A provider whose sign-in is not by the usual password.
pub struct Provider {
    /// As people call it.
    pub name: &'static str,
    /// What it wants.
    pub sign_in: SignIn,
    /// What it calls that.
    pub word: &'static str,
    hosts: &'static [&'static str],
}

const PROVIDERS: &[Provider] = &[
    Provider {
        name: "Gmail",
        sign_in: SignIn::AppPassword,
        word: "an app password",
        hosts: &["gmail.com", "googlemail.com"],
    },
    Provider {
        name: "Yahoo",
        sign_in: SignIn::AppPassword,
        word: "an app password",
        hosts: &["mail.yahoo.com", "yahoo.com", "aol.com"],
    },
    Provider {
        name: "iCloud",
        sign_in: SignIn::AppPassword,
        word: "an app-specific password",
        hosts: &["mail.me.com"],
    },
    Provider {
        name: "Fastmail",
        sign_in: SignIn::AppPassword,
        word: "an app password",
        hosts: &["fastmail.com", "messagingengine.com"],
    },
    Provider { name: "AT&T", sign_in: SignIn::AppPassword, word: "a secure mail key", hosts: &["att.net"] },
    Provider {
        name: "Yandex",
        sign_in: SignIn::AppPassword,
        word: "an app password",
        hosts: &["yandex.com", "yandex.ru"],
    },
    Provider { name: "Mail.ru", sign_in: SignIn::AppPassword, word: "an app password", hosts: &["mail.ru"] },
    Provider {
        name: "Microsoft",
        sign_in: SignIn::Oauth,
        word: "OAuth2",
        hosts: &["outlook.com", "office365.com", "hotmail.com", "live.com"],
    },
    Provider { name: "GMX", sign_in: SignIn::SwitchedOn, word: "POP3 and IMAP access", hosts: &["gmx.net", "gmx.com"] },
    Provider {
        name: "T-Online",
        sign_in: SignIn::AppPassword,
        word: "a password for mail programs",
        hosts: &["t-online.de"],
    },
    Provider {
        name: "Zoho",
        sign_in: SignIn::SwitchedOn,
        word: "POP3 and IMAP access",
        hosts: &["zoho.com", "zoho.eu", "zoho.in", "zoho.com.au"],
    },
    Provider { name: "web.de", sign_in: SignIn::SwitchedOn, word: "POP3 and IMAP access", hosts: &["web.de"] },
];

/// The provider that a host belongs to, if it is one of those above.
pub fn provider(host: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.hosts.iter().any(|domain| belongs(host, domain)))
}

/// Whether the username of a host is the local part of the address, and not all of it.
pub fn wants_local_part(host: &str, protocol: Protocol) -> bool {
    belongs(host, "web.de") || (belongs(host, "mail.me.com") && protocol == Protocol::Imap)
}

/// A host that is called after another protocol, called after this one: `smtp.example.net` for `imap.example.net`. A guess.
pub fn namesake(host: &str, protocol: Protocol) -> Option<String> {
    let (label, domain) = host.split_once('.')?;
    let of = match label.to_ascii_lowercase().as_str() {
        "smtp" => Protocol::Smtp,
        "imap" => Protocol::Imap,
        "pop" | "pop3" => Protocol::Pop3,
        _ => return None,
    };
    let own = match protocol {
        Protocol::Smtp => "smtp",
        Protocol::Imap => "imap",
        Protocol::Pop3 => "pop",
    };
    (of != protocol).then(|| format!("{own}.{domain}"))
}

fn belongs(host: &str, domain: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_called_after_a_protocol_by_its_first_label() {
        assert_eq!(namesake("IMAP.example.net", Protocol::Smtp).as_deref(), Some("smtp.example.net"));
        assert_eq!(namesake("smtp.example.net", Protocol::Pop3).as_deref(), Some("pop.example.net"));
        for own in ["pop3.example.net", "pop.example.net", "mail.example.net", "imapx.example.net", "imap", ""] {
            assert_eq!(namesake(own, Protocol::Pop3), None, "{own}");
        }
    }

    #[test]
    fn a_provider_is_known_by_whole_labels_of_the_host() {
        assert_eq!(provider("IMAP.gmail.com.").map(|p| p.name), Some("Gmail"));
        assert!(provider("notgmail.com").is_none());
        assert!(provider("").is_none());
    }
}
