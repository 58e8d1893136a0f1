//! The ways to break a configuration, key by key.

use std::fmt;

use crate::document::{Document, NAME, placed};
use crate::provider::{CLIENT_SECRET, REFRESH};
use crate::town::{ALIAS, CLOSED, HOST, PASSWORD, SILENT, Town};

/// It is tried in a mailbox that mail is late in.
const SHORT_ARRIVAL: &str = "\"1ms\"";

/// What is to come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The configuration is not taken, and the error names the key.
    Refused,
    /// The first diagnosis names the setting.
    Named,
    /// And one of the lines that it gives makes it work again.
    Healed,
    /// It works all the same, for this reason.
    Harmless(&'static str),
}

use Expect::{Harmless, Healed, Named, Refused};

/// A configuration that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// TLS from the first byte, by IMAP.
    Tls,
    /// STARTTLS, by IMAP.
    Starttls,
    /// TLS from the first byte, by POP3.
    Pop3,
    /// STARTTLS, by POP3.
    Stls,
    /// No encryption, and the password goes over the wire.
    Bare,
    /// An access token from a token endpoint.
    Oauth2,
    /// An access token that is at hand.
    Token,
    /// To an address that answers by itself.
    Mirror,
}

/// One way to break one setting.
#[derive(Clone, Debug)]
pub struct Way {
    pub base: Base,
    /// The table, as [`mailtrip::config::keys`] has it, and the key.
    table: String,
    key: &'static str,
    /// The new value, as TOML; `None`: the key is taken away.
    value: Option<String>,
    pub expect: Expect,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Way { base, table, key, value, .. } = self;
        write!(f, "{base:?} {table}.{key} = {}", value.as_deref().unwrap_or("(none)"))
    }
}

impl Way {
    pub fn is_of(&self, table: &str, key: &str) -> bool {
        self.table == table && self.key == key
    }

    /// Whether mail has to be late for it to break anything.
    pub fn wants_late_mail(&self) -> bool {
        self.key == "arrival_timeout"
    }

    pub fn key(&self) -> &str {
        self.key
    }

    pub fn broken(&self, whole: &Document) -> Document {
        let mut broken = whole.clone();
        let path = format!("{}.{}", placed(&self.table), self.key);
        // A secret is given in one way.
        if ["password", "token"].iter().any(|secret| self.table.ends_with(secret)) {
            broken.remove(&placed(&self.table));
        }
        broken.remove(&path);
        if let Some(value) = &self.value {
            broken.set(&path, value.clone());
        }
        broken
    }

    /// By which names a diagnosis may call the setting.
    pub fn names(&self) -> Vec<String> {
        let table = self.table.split('.').nth(2);
        match (table, self.key) {
            (Some("password"), _) | (_, "password") => vec!["password".into()],
            (Some("token"), _) | (_, "token") => vec!["token".into()],
            (Some("oauth2"), "refresh_token") => vec!["refresh token".into()],
            (Some("oauth2"), "tenant" | "provider" | "token_url") => {
                vec![format!("`{}`", self.key), "`provider`".into()]
            }
            (Some(protocol @ ("smtp" | "imap" | "pop3")), key @ ("host" | "port" | "security" | "address_family")) => {
                vec![format!("`{protocol}.{key}")]
            }
            (_, key) => vec![format!("`{key}"), format!(".{key}")],
        }
    }
}

impl Base {
    /// The configuration of mailbox `number`.
    pub fn document(self, town: &Town, number: usize) -> Document {
        let mut document = Document::default();
        let address = format!("\"way{number}@sandbox.test\"");
        document.set(&account("address"), address.as_str());
        document.set(&account("ca_file"), "\"ca.pem\"");
        for (protocol, tls, other) in [("smtp", 465, 587), ("imap", 993, 143), ("pop3", 995, 110)] {
            let (port, security) = match self {
                Base::Starttls | Base::Stls => (other, "starttls"),
                Base::Bare => (other, "none"),
                _ => (tls, "tls"),
            };
            let key = |key: &str| account(&format!("{protocol}.{key}"));
            document.set(&key("host"), format!("\"{HOST}\""));
            document.set(&key("port"), port.to_string());
            document.set(&key("security"), format!("\"{security}\""));
            if self == Base::Bare {
                document.set(&key("allow_cleartext_password"), "true");
            }
        }
        self.sign_in(town, &mut document);
        document.set(&check("from"), format!("\"{NAME}\""));
        document.set(&check("receive"), if matches!(self, Base::Pop3 | Base::Stls) { "\"pop3\"" } else { "\"imap\"" });
        document.set(&check("timeout"), "\"20s\"");
        document.set(&check("stage_timeout"), "\"5s\"");
        document.set(&check("arrival_timeout"), "\"5s\"");
        if self == Base::Mirror {
            document.set(&check("to"), "{ address = \"echo@sandbox.test\", expect = \"reply\" }");
        }
        document
    }

    fn sign_in(self, town: &Town, document: &mut Document) {
        match self {
            Base::Oauth2 => {
                let url = format!("\"https://localhost:{}/token\"", town.provider.port);
                document.set(&account("oauth2.token_url"), url);
                document.set(&account("oauth2.client_id"), "\"an id\"");
                document.set(&account("oauth2.client_secret.value"), format!("\"{CLIENT_SECRET}\""));
                document.set(&account("oauth2.refresh_token.value"), format!("\"{REFRESH}\""));
            }
            Base::Token => document.set(&account("token.value"), format!("\"{}\"", crate::town::TOKEN)),
            _ => document.set(&account("password.value"), format!("\"{PASSWORD}\"")),
        }
    }
}

fn account(key: &str) -> String {
    format!("accounts.{NAME}.{key}")
}

fn check(key: &str) -> String {
    format!("checks.{NAME}.{key}")
}

/// All ways.
pub fn all() -> Vec<Way> {
    let servers =
        [("smtp", Base::Tls, Base::Starttls), ("imap", Base::Tls, Base::Starttls), ("pop3", Base::Pop3, Base::Stls)];
    let mut ways: Vec<Way> =
        servers.into_iter().flat_map(|(protocol, tls, other)| server(protocol, tls, other)).collect();
    ways.extend(of_account());
    ways.extend(secrets());
    ways.extend(of_check());
    ways
}

/// A setting of the server to send by together with one of the server to receive by, each as often as it takes to have all
/// of both.
pub fn pairs() -> Vec<(Way, Way)> {
    let of = |protocol: &str| {
        let of_server = |way: &Way| way.base == Base::Tls && way.table.ends_with(protocol);
        let told = |way: &Way| matches!(way.expect, Named | Healed) && way.key != "ca_file" && way.key != "auth";
        all().into_iter().filter(|way| of_server(way) && told(way)).collect::<Vec<Way>>()
    };
    let (sending, receiving) = (of("smtp"), of("imap"));
    // Shifted, so that it is not the same mistake twice.
    let number = sending.len().max(receiving.len());
    let pick = |ways: &[Way], index: usize| ways[index % ways.len()].clone();
    (0..number).map(|index| (pick(&sending, index), pick(&receiving, index + 3))).collect()
}

fn way(base: Base, table: &str, key: &'static str, value: &str, expect: Expect) -> Way {
    Way { base, table: table.to_owned(), key, value: Some(value.to_owned()), expect }
}

fn without(base: Base, table: &str, key: &'static str, expect: Expect) -> Way {
    Way { base, table: table.to_owned(), key, value: None, expect }
}

/// The keys of a server.
fn server(protocol: &str, tls: Base, upgraded: Base) -> Vec<Way> {
    let table = format!("accounts.NAME.{protocol}");
    let on = |base, key, value: &str, expect| way(base, &table, key, value, expect);
    let mut ways = vec![
        on(tls, "host", "\"mail.sandbox.tset\"", Named),
        on(tls, "host", &format!("\"{ALIAS}\""), Healed),
        on(tls, "host", &format!("\"{CLOSED}\""), Named),
        on(tls, "host", &format!("\"{SILENT}\""), Named),
        on(upgraded, "host", &format!("\"{ALIAS}\""), Healed),
        on(tls, "host", "\"https://mail.sandbox.test\"", Refused),
        without(tls, &table, "host", Refused),
        on(tls, "security", "\"starttls\"", Healed),
        on(tls, "security", "\"none\"", Refused),
        on(upgraded, "security", "\"tls\"", Healed),
        on(upgraded, "security", "\"none\"", Refused),
        on(tls, "username", "\"way\"", Named),
        on(tls, "username", "\"nobody@sandbox.test\"", Named),
        on(tls, "password", "{ value = \"wrong\" }", Named),
        on(tls, "password", "{ value = \" the password\" }", Named),
        on(tls, "token", "{ value = \"stale\" }", Named),
        on(tls, "oauth2", "{ client_id = \"an id\" }", Refused),
        on(tls, "ca_file", "\"other.pem\"", Named),
        on(tls, "ca_file", "\"missing.pem\"", Refused),
        on(tls, "ca_file", "\"empty\"", Refused),
        on(tls, "auth", "\"scram-sha-256\"", Named),
        on(tls, "auth", "\"xoauth2\"", Refused),
        on(Base::Bare, "allow_cleartext_password", "false", Refused),
        on(tls, "allow_cleartext_password", "true", Harmless("TLS all the same")),
        on(tls, "address_family", "\"ipv6\"", Healed),
        on(tls, "address_family", "\"ipv4\"", Harmless("there are only such")),
        on(tls, "expect_auth", "false", Harmless("it is not looked at then")),
    ];
    let (right, right_upgraded) = match protocol {
        "smtp" => (465, 587),
        "imap" => (993, 143),
        _ => (995, 110),
    };
    for port in [1, 22, 25, 80, 110, 143, 465, 587, 993, 995] {
        for (base, right) in [(tls, right), (upgraded, right_upgraded)] {
            if port != right {
                ways.push(on(base, "port", &port.to_string(), Healed));
            }
        }
    }
    ways.push(on(tls, "port", "0", Refused));
    ways
}

fn of_account() -> Vec<Way> {
    let on = |key, value: &str, expect| way(Base::Tls, "accounts.NAME", key, value, expect);
    vec![
        on("provider", "\"gmial\"", Refused),
        on("provider", "\"gmail\"", Harmless("nothing of a preset is used for another host")),
        on("address", "\"nobody@sandbox.test\"", Named),
        on("address", "\"nobody\"", Refused),
        on("username", "\"way\"", Named),
        on("username", "\"nobody@sandbox.test\"", Named),
        without(Base::Tls, "accounts.NAME", "password", Refused),
        without(Base::Token, "accounts.NAME", "token", Refused),
        without(Base::Oauth2, "accounts.NAME", "oauth2", Refused),
        without(Base::Tls, "accounts.NAME", "ca_file", Named),
        on("ca_file", "\"other.pem\"", Named),
        on("auth", "\"cram-md5\"", Named),
        on("address_family", "\"ipv6\"", Healed),
        on("expect_auth", "false", Harmless("it is not looked at then")),
        without(Base::Tls, "accounts.NAME", "smtp", Refused),
        without(Base::Tls, "accounts.NAME", "imap", Refused),
        without(Base::Pop3, "accounts.NAME", "pop3", Refused),
        on("sent_folder", "\"Sentt\"", Named),
        on("junk_folder", "\"Junkk\"", Named),
        on("create_sent_folder", "true", Refused),
    ]
}

fn secrets() -> Vec<Way> {
    let mut ways = Vec::new();
    for (base, secret) in [(Base::Tls, "password"), (Base::Token, "token")] {
        let table = format!("accounts.NAME.{secret}");
        let on = |key, value: &str, expect| way(base, &table, key, value, expect);
        ways.extend([
            on("env", "\"MAILTRIP_MATRIX_UNSET\"", Refused),
            on("file", "\"missing\"", Refused),
            on("credential", "\"missing\"", Refused),
            on("value", "\"wrong\"", Named),
        ]);
        // A token's command is part of the verification.
        ways.push(on("command", "[\"false\"]", if secret == "token" { Named } else { Refused }));
    }
    let on = |key, value: &str, expect| way(Base::Oauth2, "accounts.NAME.oauth2", key, value, expect);
    ways.extend([
        on("provider", "\"goggle\"", Refused),
        on("tenant", "\"example.net\"", Refused),
        on("token_url", "\"https://localhost:1/token\"", Named),
        on("token_url", "\"https://nobody.test/token\"", Named),
        on("token_url", "\"http://localhost/token\"", Refused),
        on("client_id", "\"another\"", Named),
        on("client_secret", "{ value = \"another\" }", Named),
        on("refresh_token", "{ value = \"another\" }", Named),
        on("scope", "\"mial\"", Named),
        on("grant", "\"client_credentials\"", Refused),
    ]);
    ways
}

fn of_check() -> Vec<Way> {
    let on = |key, value: &str, expect| way(Base::Tls, "checks.NAME", key, value, expect);
    vec![
        on("from", "\"nobody\"", Refused),
        on("to", "\"nobody\"", Refused),
        way(Base::Mirror, "checks.NAME", "to", "{ address = \"nobody@sandbox.test\", expect = \"reply\" }", Named),
        on("receive", "\"pop\"", Refused),
        on("receive", "\"both\"", Harmless("it is visible through both")),
        on("reply", "true", Harmless("it answers itself")),
        on("sent", "\"server\"", Named),
        on("junk", "\"critical\"", Harmless("it is not in Junk")),
        on("junk", "\"fatal\"", Refused),
        on("sent_missing", "\"critical\"", Harmless("there is a Sent folder")),
        on("sent_missing", "\"no\"", Refused),
        on("spf", "\"critical\"", Harmless("it passes")),
        on("dkim", "\"critical\"", Named),
        on("dmarc", "\"warning\"", Named),
        on("warn", "\"1ms\"", Named),
        on("warn", "{ login = \"@0:1m\" }", Named),
        on("warn", "{ round_trip = \"5m\", certificate_days = 0 }", Harmless("it is within")),
        on("critical", "{ certificate_days = 99999 }", Named),
        on("critical", "\"quick\"", Refused),
        on("keep", "true", Harmless("it stays where it is")),
        on("timeout", "\"20ms\"", Named),
        on("stage_timeout", "\"1ms\"", Named),
        on("arrival_timeout", SHORT_ARRIVAL, Named),
        on("cleanup_timeout", "\"1ms\"", Named),
    ]
}
