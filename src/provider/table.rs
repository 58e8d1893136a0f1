//! The presets as data. Each row says where its values are from; "ISPDB" is the database that
//! Thunderbird sets accounts up by (github.com/thunderbird/autoconfig, `ispdb/`), read in 2026.

use super::{Form, Passwords, Preset, Provider};
use crate::account::Security::{Starttls, Tls};

/// A server where the username is the full address.
const fn at(host: &'static str, port: u16, security: crate::account::Security) -> Option<Preset> {
    Some(Preset { host, port, security, username: Form::Address })
}

/// A server where the username is what stands before the `@`.
const fn local(host: &'static str, port: u16, security: crate::account::Security) -> Option<Preset> {
    Some(Preset { host, port, security, username: Form::LocalPart })
}

const APP_PASSWORD: &str = "it takes an app password, made in the account's security settings, not the account's own";
const ENABLE: &str = "access by IMAP and POP3 has to be enabled once in the account's settings on the web";
const OAUTH2_ONLY: &str = "it takes OAuth2 only: a password is refused there, whatever it is";

/// The domains of hosts that take mail for a provider, where they are not those of its addresses: ISPDB lists them as
/// domains of the same provider (googlemail.com, office365.com, yahoo.com.xml, messagingengine.com).
pub(super) const EXCHANGERS: &[(&str, &str)] = &[
    ("google.com", "gmail"),
    ("mail.protection.outlook.com", "microsoft365"),
    ("yahoodns.net", "yahoo"),
    ("messagingengine.com", "fastmail"),
];

/// Every preset, by name.
#[rustfmt::skip]
pub(super) const PROVIDERS: &[Provider] = &[
    // ISPDB aol.com.xml; Verizon.net: ISPDB.
    Provider { name: "aol", title: "AOL", smtp: at("smtp.aol.com", 465, Tls), imap: at("imap.aol.com", 993, Tls),
        pop3: at("pop.aol.com", 995, Tls), passwords: Passwords::AppPassword, note: Some(APP_PASSWORD),
        domains: &["aol.com", "aim.com", "verizon.net", "netscape.net", "aol.de", "aol.fr", "aol.it", "aol.es", "aol.co.uk"] },
    // ISPDB att.net.xml; outbound.att.net:465 is listed as well.
    Provider { name: "att", title: "AT&T", smtp: at("smtp.mail.att.net", 465, Tls), imap: at("imap.mail.att.net", 993, Tls),
        pop3: at("inbound.att.net", 995, Tls), passwords: Passwords::AppPassword,
        note: Some("it takes a secure mail key, made in the account's profile, not the account's own password"),
        domains: &["att.net", "ameritech.net", "bellsouth.net", "currently.com", "flash.net", "nvbell.net", "pacbell.net",
            "prodigy.net", "sbcglobal.net", "snet.net", "swbell.net", "wans.net"] },
    // ISPDB centurylink.net; the same values on centurylink.com, "How to set up your email", which covers the whole
    // family. Older ISPDB rows for q.com and centurytel.net name other hosts and are not used.
    Provider { name: "centurylink", title: "CenturyLink", smtp: at("smtp.centurylink.net", 587, Starttls),
        imap: at("mail.centurylink.net", 993, Tls), pop3: at("pop.centurylink.net", 995, Tls), passwords: Passwords::Taken,
        note: Some("IMAP works but is not supported by its help desk; it takes 500 messages an hour, 50 in 5 minutes from one address"),
        domains: &["centurylink.net", "embarqmail.com", "q.com", "qwest.net", "centurytel.net"] },
    // ISPDB comcast.net.xml. Mailboxes are being moved to Yahoo.
    Provider { name: "comcast", title: "Comcast Xfinity", smtp: at("smtp.comcast.net", 465, Tls),
        imap: at("imap.comcast.net", 993, Tls), pop3: at("mail.comcast.net", 995, Tls), passwords: Passwords::Taken,
        note: Some("mailboxes are being moved to Yahoo: for a moved one, use provider = \"yahoo\""), domains: &["comcast.net"] },
    // ISPDB earthlink.net.xml, which marks IMAP and POP3 `password-encrypted` (CRAM-MD5, APOP).
    Provider { name: "earthlink", title: "EarthLink", smtp: at("smtpauth.earthlink.net", 587, Starttls),
        imap: at("imap.earthlink.net", 993, Tls), pop3: at("pop.earthlink.net", 995, Tls), passwords: Passwords::Taken,
        note: None, domains: &["earthlink.net", "mindspring.com", "ix.netcom.com", "peoplepc.com"] },
    // ISPDB messagingengine.com.xml; fastmail.com/help/technical/servernamesandports.html.
    Provider { name: "fastmail", title: "Fastmail", smtp: at("smtp.fastmail.com", 465, Tls),
        imap: at("imap.fastmail.com", 993, Tls), pop3: at("pop.fastmail.com", 995, Tls), passwords: Passwords::AppPassword,
        note: Some(APP_PASSWORD), domains: &["fastmail.com", "fastmail.fm", "messagingengine.com"] },
    // ISPDB googlemail.com.xml; 587 with STARTTLS works as well.
    Provider { name: "gmail", title: "Gmail", smtp: at("smtp.gmail.com", 465, Tls), imap: at("imap.gmail.com", 993, Tls),
        pop3: at("pop.gmail.com", 995, Tls), passwords: Passwords::AppPassword,
        note: Some("it takes an app password, which needs 2-step verification, not the account's own password"),
        domains: &["gmail.com", "googlemail.com"] },
    // ISPDB gmx.com.xml.
    Provider { name: "gmx.com", title: "GMX.com", smtp: at("mail.gmx.com", 465, Tls), imap: at("imap.gmx.com", 993, Tls),
        pop3: at("pop.gmx.com", 995, Tls), passwords: Passwords::Taken, note: Some(ENABLE), domains: &["gmx.com"] },
    // ISPDB gmx.net.xml.
    Provider { name: "gmx.net", title: "GMX", smtp: at("mail.gmx.net", 465, Tls), imap: at("imap.gmx.net", 993, Tls),
        pop3: at("pop.gmx.net", 995, Tls), passwords: Passwords::Taken, note: Some(ENABLE),
        domains: &["gmx.net", "gmx.de", "gmx.at", "gmx.ch", "gmx.eu", "gmx.biz", "gmx.org", "gmx.info"] },
    // ISPDB me.com.xml: two usernames. There is no POP3.
    Provider { name: "icloud", title: "iCloud", smtp: at("smtp.mail.me.com", 587, Starttls),
        imap: local("imap.mail.me.com", 993, Tls), pop3: None, passwords: Passwords::AppPassword,
        note: Some("it takes an app-specific password, not the Apple Account's own"), domains: &["icloud.com", "me.com", "mac.com"] },
    // ISPDB mail.com.xml.
    Provider { name: "mail.com", title: "mail.com", smtp: at("smtp.mail.com", 465, Tls), imap: at("imap.mail.com", 993, Tls),
        pop3: at("pop.mail.com", 995, Tls), passwords: Passwords::Taken, note: None, domains: &["mail.com"] },
    // ISPDB mail.ru.
    Provider { name: "mail.ru", title: "Mail.ru", smtp: at("smtp.mail.ru", 465, Tls), imap: at("imap.mail.ru", 993, Tls),
        pop3: at("pop.mail.ru", 995, Tls), passwords: Passwords::AppPassword, note: Some(APP_PASSWORD),
        domains: &["mail.ru", "inbox.ru", "list.ru", "bk.ru", "corp.mail.ru"] },
    // kb.mailbox.org, "E-mail configuration".
    Provider { name: "mailbox.org", title: "mailbox.org", smtp: at("smtp.mailbox.org", 465, Tls),
        imap: at("imap.mailbox.org", 993, Tls), pop3: at("pop3.mailbox.org", 995, Tls), passwords: Passwords::Taken,
        note: Some("with two-factor sign-in it takes an app password"), domains: &["mailbox.org"] },
    // ISPDB office365.com. By no domain: companies have their own.
    Provider { name: "microsoft365", title: "Microsoft 365", smtp: at("smtp.office365.com", 587, Starttls),
        imap: at("outlook.office365.com", 993, Tls), pop3: at("outlook.office365.com", 995, Tls), passwords: Passwords::Refused,
        note: Some("IMAP and POP3 take OAuth2 only: a password is refused there, whatever it is; SMTP takes one where the organisation allows it"),
        domains: &[] },
    // ISPDB hotmail.com.xml.
    Provider { name: "outlook", title: "Outlook.com", smtp: at("smtp-mail.outlook.com", 587, Starttls),
        imap: at("outlook.office365.com", 993, Tls), pop3: at("outlook.office365.com", 995, Tls), passwords: Passwords::Refused,
        note: Some(OAUTH2_ONLY),
        domains: &["outlook.com", "hotmail.com", "live.com", "msn.com", "windowslive.com", "outlook.de", "outlook.fr", "outlook.es",
            "outlook.it", "hotmail.de", "hotmail.fr", "hotmail.es", "hotmail.it", "hotmail.co.uk", "live.de", "live.fr", "live.co.uk"] },
    // ISPDB posteo.de.
    Provider { name: "posteo", title: "Posteo", smtp: at("posteo.de", 465, Tls), imap: at("posteo.de", 993, Tls),
        pop3: at("posteo.de", 995, Tls), passwords: Passwords::Taken, note: None, domains: &["posteo.de"] },
    // proton.me/support, "Proton Mail Bridge"; the certificate is the bridge's own. There is no POP3.
    Provider { name: "proton-bridge", title: "Proton Mail Bridge", smtp: at("127.0.0.1", 1025, Starttls),
        imap: at("127.0.0.1", 1143, Starttls), pop3: None, passwords: Passwords::AppPassword,
        note: Some("Proton Mail Bridge has to run on this machine; it takes the bridge's own password, and its certificate has to be exported and given as `ca_file`"),
        domains: &["proton.me", "protonmail.com", "pm.me"] },
    // centurylink.com, "How to set up your email". Its POP3 (pop.qwestoffice.net:110) is unencrypted, so it is no preset.
    Provider { name: "qwestoffice", title: "Qwest Office", smtp: at("smtp.qwestoffice.net", 465, Tls), imap: None, pop3: None,
        passwords: Passwords::Taken, note: Some("mail is fetched by unencrypted POP3 only (pop.qwestoffice.net:110)"),
        domains: &["qwestoffice.net"] },
    // ISPDB charter.net.xml: port 587 speaks TLS from the first byte ("Spec violation").
    Provider { name: "spectrum", title: "Spectrum (Charter)", smtp: at("mobile.charter.net", 587, Tls),
        imap: at("mobile.charter.net", 993, Tls), pop3: at("mobile.charter.net", 995, Tls), passwords: Passwords::Taken,
        note: None, domains: &["charter.net", "spectrum.net", "bresnan.net"] },
    // ISPDB twc.com.
    Provider { name: "spectrum-rr", title: "Spectrum (Time Warner Cable, Roadrunner)", smtp: at("mail.twc.com", 587, Starttls),
        imap: at("mail.twc.com", 993, Tls), pop3: at("mail.twc.com", 995, Tls), passwords: Passwords::Taken,
        note: None, domains: &["twc.com", "rr.com", ".rr.com"] },
    // ISPDB t-online.de.
    Provider { name: "t-online", title: "T-Online", smtp: at("securesmtp.t-online.de", 465, Tls),
        imap: at("secureimap.t-online.de", 993, Tls), pop3: at("securepop.t-online.de", 995, Tls), passwords: Passwords::AppPassword,
        note: Some("it takes the e-mail password, which is set apart from the account's own"), domains: &["t-online.de"] },
    // ISPDB web.de: the username is what stands before the @.
    Provider { name: "web.de", title: "WEB.DE", smtp: local("smtp.web.de", 465, Tls), imap: local("imap.web.de", 993, Tls),
        pop3: local("pop3.web.de", 995, Tls), passwords: Passwords::Taken, note: Some(ENABLE), domains: &["web.de"] },
    // ISPDB yahoo.com, which lists cox.net as well.
    Provider { name: "yahoo", title: "Yahoo", smtp: at("smtp.mail.yahoo.com", 465, Tls), imap: at("imap.mail.yahoo.com", 993, Tls),
        pop3: at("pop.mail.yahoo.com", 995, Tls), passwords: Passwords::AppPassword, note: Some(APP_PASSWORD),
        domains: &["yahoo.com", "ymail.com", "rocketmail.com", "cox.net", "yahoo.de", "yahoo.it", "yahoo.fr", "yahoo.es", "yahoo.se",
            "yahoo.co.uk", "yahoo.co.nz", "yahoo.com.au", "yahoo.com.ar", "yahoo.com.br", "yahoo.com.mx"] },
    // ISPDB yandex.
    Provider { name: "yandex", title: "Yandex", smtp: at("smtp.yandex.com", 465, Tls), imap: at("imap.yandex.com", 993, Tls),
        pop3: at("pop.yandex.com", 995, Tls), passwords: Passwords::AppPassword, note: Some(APP_PASSWORD),
        domains: &["yandex.com", "yandex.ru", "ya.ru"] },
    // ISPDB zoho.com; the data centre is in the host name.
    Provider { name: "zoho", title: "Zoho", smtp: at("smtp.zoho.com", 465, Tls), imap: at("imap.zoho.com", 993, Tls),
        pop3: at("pop.zoho.com", 995, Tls), passwords: Passwords::Taken, note: Some(ENABLE), domains: &["zoho.com", "zohomail.com"] },
    Provider { name: "zoho.eu", title: "Zoho (Europe)", smtp: at("smtp.zoho.eu", 465, Tls), imap: at("imap.zoho.eu", 993, Tls),
        pop3: at("pop.zoho.eu", 995, Tls), passwords: Passwords::Taken, note: Some(ENABLE), domains: &["zoho.eu", "zohomail.eu"] },
    Provider { name: "zoho.in", title: "Zoho (India)", smtp: at("smtp.zoho.in", 465, Tls), imap: at("imap.zoho.in", 993, Tls),
        pop3: at("pop.zoho.in", 995, Tls), passwords: Passwords::Taken, note: Some(ENABLE), domains: &["zoho.in", "zohomail.in"] },
    Provider { name: "zoho.com.au", title: "Zoho (Australia)", smtp: at("smtp.zoho.com.au", 465, Tls),
        imap: at("imap.zoho.com.au", 993, Tls), pop3: at("pop.zoho.com.au", 995, Tls), passwords: Passwords::Taken,
        note: Some(ENABLE), domains: &["zoho.com.au", "zohomail.com.au"] },
];

/// Hosts that are not what they are taken for, and what to know about them.
pub(super) const HINTS: &[(&str, &str)] = &[
    // On neither centurylink.com nor ISPDB; on guide pages only.
    (
        "imap.centurylink.net",
        "`imap.centurylink.net` is named by guides on the web only; CenturyLink itself names `mail.centurylink.net` for IMAP",
    ),
    // Older ISPDB rows, against the page of CenturyLink.
    (
        "mail.q.com",
        "CenturyLink names `mail.centurylink.net` (IMAP) and `pop.centurylink.net` (POP3) for q.com addresses",
    ),
    ("smtp.q.com", "CenturyLink names `smtp.centurylink.net` for q.com addresses"),
    ("pop.centurytel.net", "CenturyLink names `pop.centurylink.net` for centurytel.net addresses"),
    ("smtpauth.centurytel.net", "CenturyLink names `smtp.centurylink.net` for centurytel.net addresses"),
    // ISPDB (2014) against ISPDB today.
    ("imap.cox.net", "mailboxes of cox.net have moved to Yahoo: `imap.mail.yahoo.com`"),
    ("pop.cox.net", "mailboxes of cox.net have moved to Yahoo: `pop.mail.yahoo.com`"),
    ("smtp.cox.net", "mailboxes of cox.net have moved to Yahoo: `smtp.mail.yahoo.com`"),
];
