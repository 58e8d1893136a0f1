//! Addresses on the web.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// An address on the web, HTTP or HTTPS. What is in it may be a secret, so that it is not printed by mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct WebUrl {
    /// Whether it is HTTPS.
    pub tls: bool,
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port, by default 443, or 80 without TLS.
    pub port: u16,
    /// Path and query, as they are requested.
    pub target: String,
}

/// An address on the web that is always HTTPS, since secrets go there (RFC 6749 §3.2), or settings that secrets go to come
/// from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsUrl(WebUrl);

impl WebUrl {
    /// Reads one. It has no username, no password and no fragment.
    pub fn read(text: &str) -> Option<WebUrl> {
        let uri: hyper::Uri = text.parse().ok()?;
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') || text.contains('#') || authority.host().is_empty() {
            return None;
        }
        let host = authority.host();
        // What is no port is none, and not the usual one: somebody else may be there.
        let port = match authority.as_str().strip_prefix(host)?.strip_prefix(':') {
            None | Some("") => usual_port(tls),
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => port.parse().ok().filter(|port| *port > 0)?,
            Some(_) => return None,
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Some(WebUrl { tls, host: host.to_owned(), port, target: target.to_owned() })
    }

    /// Host and port as in a URL; the port only where it is not the usual one.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == usual_port(self.tls) { host } else { format!("{host}:{}", self.port) }
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The fields of the query as they are written, each with its name.
    pub fn query(&self) -> impl Iterator<Item = (&str, &str)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let fields = query.split('&').filter(|field| !field.is_empty());
        fields.map(|field| (field.split('=').next().unwrap_or_default(), field))
    }

    /// The same with these fields in its query, in the place of those that are called so.
    pub fn asking(&self, fields: &[(&str, &str)]) -> WebUrl {
        let is_kept = |&(name, _): &(&str, &str)| !fields.iter().any(|(ours, _)| *ours == name);
        let mut query: Vec<String> = self.query().filter(is_kept).map(|(_, field)| field.to_owned()).collect();
        query.push(form(fields));
        WebUrl { target: format!("{}?{}", self.path(), query.join("&")), ..self.clone() }
    }
}

fn usual_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// `application/x-www-form-urlencoded` (WHATWG URL §5.2), as forms and queries have it.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let mut form = String::new();
    for (name, value) in fields {
        let between = if form.is_empty() { "" } else { "&" };
        form.extend([between, name, "="]);
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => form.push(char::from(byte)),
                b' ' => form.push('+'),
                _ => form.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    form
}

/// Only where it leads.
impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/…", if self.tls { "https" } else { "http" }, self.authority())
    }
}

impl Deref for HttpsUrl {
    type Target = WebUrl;

    fn deref(&self) -> &WebUrl {
        &self.0
    }
}

impl FromStr for HttpsUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<HttpsUrl, String> {
        match WebUrl::read(text) {
            Some(url) if url.tls => Ok(HttpsUrl(url)),
            Some(_) => Err("is not https: a secret would go over the network in the clear".to_owned()),
            None => Err("is not an address such as https://login.example.net/oauth2/token".to_owned()),
        }
    }
}

/// Without the query, whatever may be in it.
impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.authority(), self.path())
    }
}

impl HttpsUrl {
    /// Where a redirection leads (RFC 9110 §10.2.2): an address, or what differs from this one.
    ///
    /// # Errors
    /// Where it leads away from HTTPS, or is no address.
    pub fn join(&self, location: &str) -> Result<HttpsUrl, String> {
        let location = location.split('#').next().unwrap_or_default();
        let place = format!("https://{}", self.authority());
        if location.contains("://") {
            location.parse()
        } else if let Some(rest) = location.strip_prefix("//") {
            format!("https://{rest}").parse()
        } else if location.starts_with('/') {
            format!("{place}{location}").parse()
        } else {
            let folder = self.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{place}{folder}/{location}").parse()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_and_nothing_else() {
        let url: HttpsUrl = "https://login.example.net/t/token?x=1".parse().unwrap();
        assert_eq!((&*url.host, url.port, &*url.target), ("login.example.net", 443, "/t/token?x=1"));
        assert_eq!(url.to_string(), "https://login.example.net/t/token");
        let url: HttpsUrl = "https://[::1]:8443".parse().unwrap();
        assert_eq!((&*url.host, url.port, url.to_string()), ("::1", 8443, "https://[::1]:8443/".to_owned()));
        for wrong in ["", "login.example.net", "http://a/", "ftp://a/", "https://", "https://a:b@c/", "https://a/#b"] {
            assert!(wrong.parse::<HttpsUrl>().is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn an_address_that_need_not_be_https_keeps_its_path_to_itself() {
        let url = WebUrl::read("http://kuma.lan/api/push/Zq9?a=b").unwrap();
        assert_eq!((url.tls, url.port, url.authority()), (false, 80, "kuma.lan".to_owned()));
        assert_eq!(format!("{url:?}"), "http://kuma.lan/…");
        assert!(WebUrl::read("http://user@kuma.lan/").is_none() && WebUrl::read("kuma.lan").is_none());
    }

    #[test]
    fn what_is_no_port_is_not_taken_for_the_usual_one() {
        let port = |authority: &str| WebUrl::read(&format!("https://{authority}/x")).map(|url| url.port);
        assert_eq!(
            [port("a"), port("a:"), port("a:8443"), port("[::1]:1"), port("[::1]")],
            [443, 443, 8443, 1, 443].map(Some)
        );
        for wrong in ["a:99999", "a:3001x", "a:x", "a:-1", "a:+1", "a:0", "[::1]:x", "a:1:2"] {
            assert_eq!(port(wrong), None, "{wrong} was taken");
        }
    }

    #[test]
    fn fields_of_a_query_are_added_or_replaced_and_the_others_stay() {
        let asked = |text: &str| WebUrl::read(text).unwrap().asking(&[("msg", "a b&ü"), ("ping", "1")]).target;
        assert_eq!(asked("https://a/x"), "/x?msg=a+b%26%C3%BC&ping=1");
        assert_eq!(asked("https://a/x?ping=&msg=OK&k=%20&msgs&"), "/x?k=%20&msgs&msg=a+b%26%C3%BC&ping=1");
    }

    #[test]
    fn a_redirection_stays_on_https() {
        let url: HttpsUrl = "https://a.example:8443/x/y?q".parse().unwrap();
        let to = |location: &str| url.join(location).map(|url| format!("{}:{}{}", url.host, url.port, url.target));
        assert_eq!(to("https://b.example/z#part").unwrap(), "b.example:443/z");
        assert_eq!(to("//b.example/z").unwrap(), "b.example:443/z");
        assert_eq!(to("/z?1").unwrap(), "a.example:8443/z?1");
        assert_eq!(to("z").unwrap(), "a.example:8443/x/z");
        for wrong in ["http://a.example:8443/x", "ftp://a.example/", "https://", "file:///etc/passwd", "https://u@a/"] {
            assert!(to(wrong).is_err(), "{wrong} was taken");
        }
    }
}
