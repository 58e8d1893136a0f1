//! Who is told of a run, and where.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use crate::account::{Secret, WebUrl};

/// What it is that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Healthchecks: healthchecks.io, or one's own.
    Healthchecks,
    /// A push monitor of Uptime Kuma.
    Kuma,
    /// Anything that takes JSON.
    Webhook,
    /// A topic of ntfy: ntfy.sh, or one's own.
    Ntfy,
}

impl Service {
    /// All of them.
    pub const ALL: &[Service] = &[Service::Healthchecks, Service::Kuma, Service::Webhook, Service::Ntfy];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Service::Healthchecks => "healthchecks",
            Service::Kuma => "kuma",
            Service::Webhook => "webhook",
            Service::Ntfy => "ntfy",
        }
    }

    /// Whether it counts on being told of every run, and alerts when it is not.
    pub fn is_heartbeat(self) -> bool {
        matches!(self, Service::Healthchecks | Service::Kuma)
    }

    /// By what nothing else is called. Healthchecks has `/ping/UUID` and `/ping/KEY/SLUG` where it is one's own.
    fn of(url: &WebUrl) -> Option<Service> {
        let path: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
        let is_key =
            |text: &str| text.len() == 22 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let is_ping = match path[..] {
            [.., "ping", check] => Uuid::try_parse(check).is_ok(),
            _ => matches!(path[..], [.., "ping", key, _] if is_key(key)),
        };
        match url.host.to_ascii_lowercase().as_str() {
            "hc-ping.com" => Some(Service::Healthchecks),
            "ntfy.sh" => Some(Service::Ntfy),
            _ if is_ping => Some(Service::Healthchecks),
            _ if matches!(path[..], [.., "api", "push", _]) => Some(Service::Kuma),
            _ => None,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Somebody who is told of a run. Who knows the path of such an address can write there, so that it is a secret: only the
/// service and the host are ever shown.
#[derive(Clone)]
pub struct Target {
    /// What it is.
    pub service: Service,
    /// Where it is, without username and password.
    pub(super) url: WebUrl,
    /// What the header `Authorization` says (RFC 7617), where the address has a username or a password.
    pub(super) authorization: Option<Secret>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.service, self.url.host)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// `[KIND=]URL`. What is wrong with it is told without repeating it.
impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let (named, url) = match text.split_once('=') {
            Some((name, url)) if is_web(url) && name.bytes().all(|b| b.is_ascii_lowercase()) => (Some(name), url),
            _ => (None, text),
        };
        if !is_web(url) {
            return Err("expected [KIND=]URL, where the URL begins with https:// or http://".to_owned());
        }
        let (url, user) = without_user(url);
        let url = WebUrl::read(&url)
            .ok_or_else(|| "what begins with http is not a URL such as https://hc-ping.com/UUID".to_owned())?;
        let service = match named {
            Some(name) => named_so(name)?,
            None => Service::of(&url).unwrap_or(Service::Webhook),
        };
        let authorization = user.map(|user| Secret::new(format!("Basic {}", STANDARD.encode(user))));
        Ok(Target { service, url, authorization })
    }
}

fn is_web(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn named_so(name: &str) -> Result<Service, String> {
    Service::ALL.iter().copied().find(|service| service.name() == name).ok_or_else(|| {
        let names: Vec<&str> = Service::ALL.iter().map(|service| service.name()).collect();
        format!("the kind is one of {}, not {name:?}", names.join(", "))
    })
}

/// The URL without `user:password@`, and those as they are sent (RFC 3986 §3.2.1, RFC 7617 §2).
fn without_user(url: &str) -> (String, Option<Vec<u8>>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), None) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some((user, host)) = rest[..end].rsplit_once('@') else { return (url.to_owned(), None) };
    let user = decoded(if user.contains(':') { user.to_owned() } else { format!("{user}:") }.as_bytes());
    (format!("{scheme}://{host}{}", &rest[end..]), Some(user))
}

/// What is written as `%XX` (RFC 3986 §2.1).
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let hexadecimal = behind.first_chunk::<2>().filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = hexadecimal.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(text: &str) -> Service {
        text.parse::<Target>().unwrap_or_else(|why| panic!("{text}: {why}")).service
    }

    #[test]
    fn the_kind_is_known_by_the_url_where_nothing_else_is_called_so() {
        let cases = [
            ("https://hc-ping.com/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278", Service::Healthchecks),
            ("https://HC-Ping.com/fqOOd6-F4MMNuCEnzTU01w/mail?create=1", Service::Healthchecks),
            ("http://checks.lan:8000/ping/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278", Service::Healthchecks),
            ("https://checks.lan/sub/ping/fqOOd6-F4MMNuCEnzTU01w/mail", Service::Healthchecks),
            ("http://kuma.lan:3001/api/push/Zq9Zq9Zq9Z?status=up&msg=OK&ping=", Service::Kuma),
            ("https://ntfy.sh/Zq9-topic", Service::Ntfy),
            ("https://example.net/ping/me", Service::Webhook),
            ("https://example.net/api/push", Service::Webhook),
            ("https://not-ntfy.sh/a", Service::Webhook),
            ("https://example.net/a?kind=ntfy", Service::Webhook),
            ("ntfy=https://example.net/a", Service::Ntfy),
            ("webhook=https://ntfy.sh/a", Service::Webhook),
            ("kuma=http://[::1]:3001/a", Service::Kuma),
            ("healthchecks=https://example.net/a", Service::Healthchecks),
        ];
        for (text, expected) in cases {
            assert_eq!(service(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_repeating_it() {
        let cases = [
            ("", "expected [KIND=]URL, where the URL begins with https:// or http://"),
            ("hc-ping.com/Zq9", "expected [KIND=]URL, where the URL begins with https:// or http://"),
            ("hc-ping.com/Zq9?create=1", "expected [KIND=]URL, where the URL begins with https:// or http://"),
            ("kuma=Zq9", "expected [KIND=]URL, where the URL begins with https:// or http://"),
            ("https://", "what begins with http is not a URL such as https://hc-ping.com/UUID"),
            ("https://Zq9:@/", "what begins with http is not a URL such as https://hc-ping.com/UUID"),
            ("https://a/Zq9#b", "what begins with http is not a URL such as https://hc-ping.com/UUID"),
            ("slack=https://a/Zq9", "the kind is one of healthchecks, kuma, webhook, ntfy, not \"slack\""),
        ];
        for (text, why) in cases {
            assert_eq!(text.parse::<Target>().unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn only_service_and_host_are_shown() {
        let target: Target = "ntfy=https://jane:Zq9@example.net:8443/Zq9?auth=Zq9".parse().unwrap();
        assert_eq!(format!("{target} {target:?}"), "ntfy at example.net Target(ntfy at example.net)");
    }

    #[test]
    fn username_and_password_become_a_header() {
        let sent = |text: &str| {
            let target: Target = text.parse().unwrap();
            let authorization = target.authorization.map(|secret| secret.expose().to_owned());
            (target.url.authority(), authorization.map(|text| text.replace("Basic ", "")).unwrap_or_default())
        };
        let encoded = |text: &str| STANDARD.encode(text);
        assert_eq!(sent("https://example.net/a@b"), ("example.net".to_owned(), String::new()));
        assert_eq!(sent("https://jane:p%40ss%@example.net/a"), ("example.net".to_owned(), encoded("jane:p@ss%")));
        assert_eq!(sent("https://:tk_1@example.net:1/a"), ("example.net:1".to_owned(), encoded(":tk_1")));
        assert_eq!(sent("https://jane@example.net"), ("example.net".to_owned(), encoded("jane:")));
    }
}
