//! Autoconfig files, as Thunderbird reads them (wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat).
//!
//! They come from anybody: what is too large, nested or grown by entities does not get through, and of what does, only
//! host names, ports and names of people are taken.

use std::net::IpAddr;

use lettre::Address;
use roxmltree::{Document, Node, ParsingOptions};

use crate::account::{Location, Protocol, Security};
use crate::report::printable::is_unsafe;
use crate::wire::names;

/// No file has more elements and texts than this; those in Thunderbird's database have 200.
const MOST_NODES: u32 = 5_000;

/// The longest username that is taken.
const LONGEST_USERNAME: usize = 320;

/// A server of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub protocol: Protocol,
    pub location: Location,
    pub username: String,
    pub token_only: bool,
}

/// The first server of each protocol that can be used, encrypted if there is one.
pub(super) fn servers(file: &[u8], address: &Address) -> Result<Vec<Server>, String> {
    let text = std::str::from_utf8(file).map_err(|_| "the file is not UTF-8".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text, options).map_err(|error| format!("no autoconfig file: {error}"))?;
    let root = document.root_element();
    if !root.has_tag_name("clientConfig") {
        return Err(format!("no autoconfig file, but <{}>", root.tag_name().name()));
    }
    let provider = root.children().find(|node| node.has_tag_name("emailProvider"));
    let provider = provider.ok_or("the file has no <emailProvider>")?;
    let listed: Vec<Server> = provider.children().filter_map(|node| server(node, address)).collect();
    let mut first: Vec<Server> = Vec::new();
    let (encrypted, plain): (Vec<_>, Vec<_>) =
        listed.into_iter().partition(|server| server.location.security != Security::None);
    for server in encrypted.into_iter().chain(plain) {
        if !first.iter().any(|one| one.protocol == server.protocol) {
            first.push(server);
        }
    }
    if first.is_empty() { Err("the file names no server that can be used".to_owned()) } else { Ok(first) }
}

fn server(node: Node<'_, '_>, address: &Address) -> Option<Server> {
    let protocol = match (node.tag_name().name(), node.attribute("type")?) {
        ("outgoingServer", "smtp") => Protocol::Smtp,
        ("incomingServer", "imap") => Protocol::Imap,
        ("incomingServer", "pop3") => Protocol::Pop3,
        _ => return None,
    };
    let text = |name: &str| node.children().find(|child| child.has_tag_name(name))?.text().map(str::trim);
    let security = match text("socketType")? {
        "SSL" => Security::Tls,
        "STARTTLS" => Security::Starttls,
        "plain" => Security::None,
        _ => return None,
    };
    let host = filled(text("hostname")?, address);
    let host = names::ascii(&host).unwrap_or(host);
    let port = text("port")?.parse().ok().filter(|&port: &u16| port != 0)?;
    let username = filled(text("username").filter(|name| !name.is_empty()).unwrap_or("%EMAILADDRESS%"), address);
    if !is_host(&host) || username.len() > LONGEST_USERNAME || username.chars().any(is_unsafe) {
        return None;
    }
    Some(Server { protocol, location: Location { host, port, security }, username, token_only: token_only(node)? })
}

/// Whether only a token gets anybody in; `None` where nothing does that is known here.
fn token_only(server: Node<'_, '_>) -> Option<bool> {
    let ways = server.children().filter(|child| child.has_tag_name("authentication"));
    let ways: Vec<&str> = ways.filter_map(|way| way.text().map(str::trim)).collect();
    // The last two are the old words for the first two.
    let password = ["password-cleartext", "password-encrypted", "plain", "secure"];
    match () {
        () if ways.is_empty() || ways.iter().any(|way| password.contains(way)) => Some(false),
        () if ways.contains(&"OAuth2") => Some(true),
        () => None,
    }
}

fn filled(text: &str, address: &Address) -> String {
    text.replace("%EMAILADDRESS%", address.as_ref())
        .replace("%EMAILLOCALPART%", address.user())
        .replace("%EMAILDOMAIN%", address.domain())
}

/// Whether it can be the name or the address of a host (RFC 1123 §2.1).
pub(super) fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        let inside = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (1..=63).contains(&label.len()) && inside && !label.starts_with('-') && !label.ends_with('-')
    };
    text.parse::<IpAddr>().is_ok() || text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8]) -> Result<Vec<Server>, String> {
        servers(file, &"jane.doe@example.net".parse().unwrap())
    }

    /// A file with these servers, each as kind, host, port, socket type and what else there is.
    fn file(servers: &[(&str, &str, &str, &str, &str)]) -> String {
        let mut text =
            "<?xml version='1.0' encoding='UTF-8'?><clientConfig version='1.1'><emailProvider id='x'>".to_owned();
        for (kind, host, port, socket, more) in servers {
            let element = if *kind == "smtp" { "outgoingServer" } else { "incomingServer" };
            text += &format!(
                "<{element} type='{kind}'><hostname>{host}</hostname><port>{port}</port>\
                 <socketType>{socket}</socketType>{more}</{element}>"
            );
        }
        text + "</emailProvider></clientConfig>"
    }

    fn found(servers: &[(&str, &str, &str, &str, &str)]) -> Vec<String> {
        let server = |server: &Server| {
            let Server { protocol, location: Location { host, port, security }, username, token_only } = server;
            format!("{protocol} {host}:{port}/{security} {username}{}", if *token_only { " token" } else { "" })
        };
        read(file(servers).as_bytes()).unwrap_or_default().iter().map(server).collect()
    }

    #[test]
    fn the_first_server_of_each_protocol_is_taken_with_its_placeholders_filled() {
        let way = "<username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication>";
        let both = "<authentication>OAuth2</authentication><authentication>password-encrypted</authentication>";
        let servers = [
            ("imap", "imap.%EMAILDOMAIN%", "993", "SSL", way),
            ("imap", "second.example.net", "143", "STARTTLS", way),
            ("pop3", "pop.example.net", "110", "STARTTLS", both),
            ("smtp", " SMTP.example.net ", "587", "STARTTLS", "<username>%EMAILADDRESS%</username>"),
            ("exchange", "ews.example.net", "443", "SSL", ""),
        ];
        assert_eq!(
            found(&servers),
            [
                "IMAP imap.example.net:993/tls jane.doe",
                "POP3 pop.example.net:110/starttls jane.doe@example.net",
                "SMTP smtp.example.net:587/starttls jane.doe@example.net",
            ]
        );
    }

    #[test]
    fn an_encrypted_server_comes_before_a_plain_one_and_a_token_is_told() {
        let token = "<authentication>OAuth2</authentication>";
        assert_eq!(
            found(&[("imap", "a.example", "143", "plain", ""), ("imap", "b.example", "993", "SSL", token)]),
            ["IMAP b.example:993/tls jane.doe@example.net token"]
        );
        assert_eq!(
            found(&[("imap", "a.example", "143", "plain", "")]),
            ["IMAP a.example:143/none jane.doe@example.net"]
        );
    }

    #[test]
    fn what_cannot_be_used_is_left_out() {
        for (kind, host, port, socket, more) in [
            ("imap", "a b", "993", "SSL", ""),
            ("imap", "-a.example", "993", "SSL", ""),
            ("imap", "", "993", "SSL", ""),
            ("imap", "a\u{1b}[2J", "993", "SSL", ""),
            ("imap", "a.example", "0", "SSL", ""),
            ("imap", "a.example", "99999", "SSL", ""),
            ("imap", "a.example", "993", "something", ""),
            ("imap", "a.example", "993", "SSL", "<authentication>GSSAPI</authentication>"),
            ("imap", "a.example", "993", "SSL", "<username>a&#10;b</username>"),
            ("gopher", "a.example", "993", "SSL", ""),
        ] {
            assert!(found(&[(kind, host, port, socket, more)]).is_empty(), "{host:?} {port} {socket} {more}");
        }
    }

    #[test]
    fn a_hostile_file_is_refused() {
        let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><clientConfig>&b;</clientConfig>";
        let outside = "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><clientConfig>&a;</clientConfig>";
        let deep = "<a>".repeat(80_000);
        let wide = format!("<clientConfig>{}</clientConfig>", "<a/>".repeat(60_000));
        let cases: [(&[u8], &str); 9] = [
            (bomb.as_bytes(), "no autoconfig file: "),
            (outside.as_bytes(), "no autoconfig file: "),
            (deep.as_bytes(), "no autoconfig file: "),
            (wide.as_bytes(), "no autoconfig file: "),
            (b"<!DOCTYPE html><html><body>Not found</body></html>", "no autoconfig file"),
            (b"<html></html>", "no autoconfig file, but <html>"),
            (b"<clientConfig></clientConfig>", "the file has no <emailProvider>"),
            (b"\xff\xfe<\0c\0", "the file is not UTF-8"),
            (b"", "no autoconfig file: "),
        ];
        for (file, why) in cases {
            let error = read(file).unwrap_err();
            assert!(error.starts_with(why) && error.len() < 300, "{error}");
        }
    }
}
