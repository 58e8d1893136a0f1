//! An address on the web.

use std::fmt;
use std::str::FromStr;

/// An address on the web: always HTTPS, since secrets go there (RFC 6749 §3.2), or settings that secrets go to come from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port, by default 443.
    pub port: u16,
    /// Path and query, as they are requested.
    pub target: String,
}

impl FromStr for HttpsUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<HttpsUrl, String> {
        let expected = || "is not an address such as https://login.example.net/oauth2/token".to_owned();
        let uri: hyper::Uri = text.parse().map_err(|_| expected())?;
        if uri.scheme_str() == Some("http") {
            return Err("is not https: a secret would go over the network in the clear".to_owned());
        }
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("https")).ok_or_else(expected)?;
        if authority.as_str().contains('@') || text.contains('#') || authority.host().is_empty() {
            return Err(expected());
        }
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let port = authority.port_u16().unwrap_or(443);
        Ok(HttpsUrl { host: host.to_owned(), port, target: target.to_owned() })
    }
}

/// Without the query, whatever may be in it.
impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("https://")?;
        f.write_str(&self.authority())?;
        f.write_str(self.target.split('?').next().unwrap_or_default())
    }
}

impl HttpsUrl {
    /// Host and port as in a URL; the port only where it is not the usual one.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }

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
            let path = self.target.split('?').next().unwrap_or_default();
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
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
