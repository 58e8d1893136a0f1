//! Messages of earlier verifications, and messages that have something of them and are nobody's to remove.
#![allow(dead_code, reason = "each test binary uses a part")]

/// A message of an earlier verification of this address, with this number for its tag.
pub fn leftover(from: &str, number: u32) -> String {
    like_one(from, number, "Fri, 20 Nov 2020 10:02:11 +0000", "")
}

/// One that is like it but for its date, and with more header fields.
pub fn like_one(from: &str, number: u32, date: &str, more: &str) -> String {
    let (tag, domain) = (tag(number), from.rsplit_once('@').map_or("", |(_, domain)| domain));
    let domain = domain.split([',', '>']).next().unwrap_or_default();
    format!(
        "Received: from a by b; Fri, 20 Nov 2020 12:07:11 +0000\r\nFrom: {from}\r\nSubject: mailtrip probe {tag}\r\n\
         Date: {date}\r\nMessage-ID: <{tag}@{domain}>\r\nX-Mailtrip-Tag: {tag}\r\n{more}\r\nmailtrip sent this\r\n"
    )
}

/// A tag with this number in it.
pub fn tag(number: u32) -> String {
    format!("0b9f7d7e-3b0a-4c57-8f0e-{number:012x}")
}

/// Messages that have something of ours, and are not ours.
pub fn bystanders(own: &str) -> Vec<String> {
    let old = "Fri, 20 Nov 2020 10:02:11 +0000";
    let (tag, domain) = (tag(1), own.rsplit_once('@').map_or("", |(_, domain)| domain));
    vec![
        like_one("mallory@elsewhere.test", 900, old, ""),
        leftover(own, 901).replacen(&format!("From: {own}"), &format!("From: {own}, mallory@elsewhere.test"), 1),
        like_one(own, 902, "Fri, 20 Nov 2120 10:02:11 +0000", ""),
        leftover(own, 903).replace("Message-ID: <0b9f", "Message-ID: <1b9f").replace("probe 0b9f", "probe 1b9f"),
        leftover(own, 904).replace("X-Mailtrip-Tag: 0b9f", "X-Mailtrip-Tag: 1b9f"),
        format!(
            "From: {own}\r\nDate: {old}\r\nSubject: mailtrip probe {tag}\r\nMessage-ID: <{tag}@{domain}>\r\n\r\nx\r\n"
        ),
        format!("From: {own}\r\nDate: {old}\r\nSubject: Re: mailtrip probe {tag}\r\n\r\nX-Mailtrip-Tag: {tag}\r\n"),
    ]
}
