//! The settings of an address, from a DNS server, web servers and mail servers on loopback.

use std::collections::BTreeSet;
use std::time::Duration;

use mailtrip::account::Protocol;
use mailtrip::config;
use mailtrip::discover::{Discovery, Origin, Sources, Standing, configuration, discover, offline};
use mailtrip::failure::{Failure, Kind, Speech};
use mailtrip::sandbox::{Sandbox, Service, Settings};
use tokio::time::timeout;

#[path = "support/internet.rs"]
mod internet;
use internet::{Dns, Mood, Page, Pages, Record, Web};

/// Reached only by a test that fails.
const LONG: Duration = Duration::from_secs(60);

const JANE: &str = "jane@example.test";

/// Everything that is asked for, on loopback.
struct World {
    mail: Sandbox,
    dns: Dns,
    web: Web,
}

impl World {
    /// The mail servers are called localhost; so records lead there, whatever else they say.
    async fn new(
        settings: &str,
        records: impl Fn(&Sandbox) -> Vec<(&'static str, Record)>,
        pages: impl Fn(&Sandbox) -> Pages,
    ) -> World {
        let mail = Sandbox::start(toml::from_str::<Settings>(settings).unwrap()).await.unwrap();
        let mut all =
            vec![("localhost", Record::Here), ("ispdb.test", Record::Here), ("mail.sandbox.test", Record::Here)];
        all.extend(records(&mail));
        let dns = Dns::start(&all, Mood::Well).await;
        let names = ["ispdb.test", "autoconfig.example.test", "example.test"];
        let web = Web::start(&names, pages(&mail)).await;
        World { mail, dns, web }
    }

    fn sources(&self) -> Sources {
        Sources {
            dns: Some(self.dns.address),
            database: format!("https://ispdb.test:{}/v1.1/", self.web.port),
            https_port: self.web.port,
            ports: Vec::new(),
            ca: Some(format!("{}{}", self.mail.ca_pem(), self.web.ca).into_bytes()),
            patience: Duration::from_secs(10),
            limit: LONG,
        }
    }

    async fn find(&self, address: &str) -> Discovery {
        find(address, &self.sources()).await.unwrap()
    }
}

async fn find(address: &str, sources: &Sources) -> Result<Discovery, Failure> {
    timeout(LONG * 2, discover(&address.parse().unwrap(), sources)).await.expect("it ends")
}

/// What is said of each server, in a line.
fn lines(found: &Discovery) -> Vec<String> {
    let line = |candidate: &mailtrip::discover::Candidate| {
        let state = match &candidate.standing {
            Standing::Untried => "untried".to_owned(),
            Standing::Confirmed(_) => "confirmed".to_owned(),
            Standing::Rejected(failure) => format!("{:?}", failure.kind),
        };
        let source = configuration::origin(&candidate.origin);
        format!("{} {} {} {state}: {source}", candidate.protocol, candidate.location.security, candidate.username)
    };
    found.candidates.iter().map(line).collect()
}

fn file(servers: &[(&str, &str, u16, &str)]) -> Page {
    let server = |(kind, host, port, socket): &(&str, &str, u16, &str)| {
        let element = if *kind == "smtp" { "outgoingServer" } else { "incomingServer" };
        format!(
            "<{element} type=\"{kind}\"><hostname>{host}</hostname><port>{port}</port><socketType>{socket}</socketType>\
             <username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></{element}>"
        )
    };
    let servers: String = servers.iter().map(server).collect();
    Page::File(
        format!("<clientConfig version=\"1.1\"><emailProvider id=\"x\">{servers}</emailProvider></clientConfig>")
            .into(),
    )
}

fn nothing(_: &Sandbox) -> Pages {
    Pages::new()
}

fn services(mail: &Sandbox) -> Vec<(&'static str, Record)> {
    let at = |service| Record::Srv(10, 0, mail.port(service), "localhost");
    vec![
        ("_submissions._tcp.example.test", at(Service::Submissions)),
        ("_submission._tcp.example.test", at(Service::Submission)),
        ("_imaps._tcp.example.test", at(Service::Imaps)),
        ("_pop3s._tcp.example.test", Record::Srv(0, 0, 0, ".")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn srv_records_are_confirmed_and_make_a_configuration_that_loads() {
    let world = World::new("", services, nothing).await;
    let found = world.find(JANE).await;
    assert_eq!(
        lines(&found),
        [
            "SMTP tls jane@example.test confirmed: the SRV record _submissions._tcp.example.test",
            "SMTP starttls jane@example.test confirmed: the SRV record _submission._tcp.example.test",
            "IMAP tls jane@example.test confirmed: the SRV record _imaps._tcp.example.test",
        ]
    );
    let chosen = found.chosen(Protocol::Smtp).unwrap();
    assert_eq!(chosen.location.port, world.mail.port(Service::Submissions), "TLS from the first byte comes first");
    assert!(found.asked.iter().any(|asked| asked.what == "_pop3s._tcp.example.test: not offered"), "{:?}", found.asked);
    assert!(found.is_confirmed() && found.is_complete());
    let text = configuration::text(&found, None).unwrap();
    let without_password = config::parse(&text, "found.toml");
    assert!(
        without_password.is_ok() || without_password.unwrap_err().to_string().contains("MAILTRIP_PASSWORD"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn priority_comes_before_weight() {
    let records = |mail: &Sandbox| {
        let at = |priority, weight, service| Record::Srv(priority, weight, mail.port(service), "localhost");
        vec![
            ("_imaps._tcp.example.test", at(20, 99, Service::Submissions)),
            ("_imaps._tcp.example.test", at(10, 1, Service::Pop3s)),
            ("_imaps._tcp.example.test", at(10, 50, Service::Imaps)),
        ]
    };
    let world = World::new("", records, nothing).await;
    let found = world.find(JANE).await;
    let ports: Vec<u16> = found.candidates.iter().map(|candidate| candidate.location.port).collect();
    let expected = [Service::Imaps, Service::Pop3s, Service::Submissions].map(|service| world.mail.port(service));
    assert_eq!(ports, expected);
    let Standing::Rejected(failure) = &found.candidates[1].standing else { panic!("{found:?}") };
    assert_eq!(failure.detail.as_deref(), Some("it speaks POP3 there, not IMAP"));
    assert!(!found.is_complete() && configuration::text(&found, None).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_domain_s_own_file_is_preferred_to_the_database() {
    let own = [("example.test", Record::Here), ("autoconfig.example.test", Record::Here)];
    let pages = |mail: &Sandbox| {
        let servers = [
            ("imap", "localhost", mail.port(Service::Imap), "STARTTLS"),
            ("smtp", "localhost", mail.port(Service::Submissions), "SSL"),
        ];
        Pages::from([
            (
                "autoconfig.example.test/mail/config-v1.1.xml".to_owned(),
                Page::Moved("https://example.test:PORT/elsewhere.xml"),
            ),
            ("example.test/elsewhere.xml".to_owned(), file(&servers)),
        ])
    };
    let world = World::new("", |_| own.to_vec(), pages).await;
    let found = world.find(JANE).await;
    let url = format!("https://example.test:{}/elsewhere.xml", world.web.port);
    assert_eq!(
        lines(&found),
        [format!("IMAP starttls jane confirmed: {url}"), format!("SMTP tls jane confirmed: {url}")]
    );
    let text = configuration::text(&found, None).unwrap();
    assert!(text.contains("security = \"starttls\", username = \"jane\" }"), "{text}");
    let requests = world.web.requests();
    assert!(
        requests.contains(&"autoconfig.example.test/mail/config-v1.1.xml?emailaddress=jane%40example.test".to_owned())
    );
    assert!(!requests.iter().any(|request| request.starts_with("ispdb.test")), "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_asked_for_the_domain_and_not_for_the_address() {
    let pages = |mail: &Sandbox| {
        let servers = [
            ("pop3", "localhost", mail.port(Service::Pop3s), "SSL"),
            ("smtp", "localhost", mail.port(Service::Submission), "STARTTLS"),
        ];
        Pages::from([("ispdb.test/v1.1/example.test".to_owned(), file(&servers))])
    };
    let world = World::new("", |_| Vec::new(), pages).await;
    let found = world.find(JANE).await;
    assert!(found.is_confirmed(), "{:?}", lines(&found));
    assert!(matches!(found.candidates[0].origin, Origin::Database { .. }));
    assert_eq!(world.web.requests(), ["ispdb.test/v1.1/example.test"]);
    let text = configuration::text(&found, None).unwrap();
    assert!(text.contains("receive = \"pop3\""), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_mail_of_a_domain_is_asked_for() {
    let records =
        [("example.test", Record::Mx(20, "backup.test")), ("example.test", Record::Mx(10, "mx1.in.provider.test"))];
    let pages = |mail: &Sandbox| {
        let servers = [
            ("imap", "localhost", mail.port(Service::Imaps), "SSL"),
            ("smtp", "localhost", mail.port(Service::Submissions), "SSL"),
        ];
        Pages::from([("ispdb.test/v1.1/provider.test".to_owned(), file(&servers))])
    };
    let world = World::new("", |_| records.to_vec(), pages).await;
    let found = world.find(JANE).await;
    assert!(found.is_confirmed(), "{found:?}");
    let Origin::Exchanger { exchanger, .. } = &found.candidates[0].origin else { panic!("{found:?}") };
    assert_eq!(exchanger, "mx1.in.provider.test");

    let google = [("example.test", Record::Mx(1, "aspmx.l.google.com"))];
    let world = World::new("", |_| google.to_vec(), nothing).await;
    let found = world.find(JANE).await;
    assert_eq!(found.provider.map(|provider| provider.name), Some("gmail"));
    let rejected =
        |line: &String| line.contains("HostNotFound: the preset gmail, since aspmx.l.google.com takes its mail");
    assert!(lines(&found).iter().all(rejected), "{:?}", lines(&found));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guess_counts_only_with_a_certificate_for_its_name() {
    // A wildcard record: every name leads to the same host, which has a certificate for one of them only.
    let names = ["sandbox.test", "smtp.sandbox.test", "imap.sandbox.test", "pop.sandbox.test"];
    let world = World::new("", |_| names.map(|name| (name, Record::Here)).to_vec(), nothing).await;
    let mut sources = world.sources();
    let port = |service| world.mail.port(service);
    sources.ports = vec![
        (Protocol::Smtp, port(Service::Submissions)),
        (Protocol::Smtp, port(Service::Submission)),
        (Protocol::Imap, port(Service::Imap)),
        (Protocol::Imap, port(Service::Imaps)),
        (Protocol::Pop3, port(Service::Imaps)),
    ];
    let found = find("jane@sandbox.test", &sources).await.unwrap();
    assert!(found.is_confirmed(), "{:?}", lines(&found));
    let mut confirmed: BTreeSet<&str> = BTreeSet::new();
    for candidate in &found.candidates {
        match &candidate.standing {
            Standing::Confirmed(_) => confirmed.extend([candidate.location.host.as_str()]),
            Standing::Rejected(failure) => {
                assert!(matches!(failure.kind, Kind::CertificateWrongName { .. }), "{failure:?}");
            }
            Standing::Untried => panic!("{found:?}"),
        }
    }
    assert_eq!(confirmed, BTreeSet::from(["mail.sandbox.test"]));
    let imap = found.chosen(Protocol::Imap).unwrap();
    assert_eq!(imap.location.port, port(Service::Imaps), "TLS from the first byte comes first");
    assert!(found.chosen(Protocol::Pop3).is_none(), "an IMAP server is no POP3 server");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_and_not_so_is_rejected_with_the_reason() {
    let records = |mail: &Sandbox| {
        let at = |port| Record::Srv(10, 0, port, "localhost");
        vec![
            ("_submissions._tcp.example.test", at(mail.port(Service::Imap))),
            ("_imaps._tcp.example.test", Record::Srv(10, 0, 993, "no-such-host.test")),
        ]
    };
    let pages = |mail: &Sandbox| {
        let plain = [("pop3", "localhost", mail.port(Service::Pop3), "plain")];
        Pages::from([("ispdb.test/v1.1/example.test".to_owned(), file(&plain))])
    };
    let world = World::new("", records, pages).await;
    let found = world.find(JANE).await;
    let kinds: Vec<Kind> = found
        .candidates
        .iter()
        .map(|candidate| match &candidate.standing {
            Standing::Rejected(failure) => failure.kind.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [Kind::WrongProtocol { speaks: Speech::Imap }, Kind::HostNotFound, Kind::CleartextForbidden]);
    assert!(found.chosen(Protocol::Smtp).is_none() && !found.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_security_than_published_is_taken_as_it_is() {
    let records = |mail: &Sandbox| {
        let at = |port| Record::Srv(10, 0, port, "localhost");
        vec![
            ("_submission._tcp.example.test", at(mail.port(Service::Submissions))),
            ("_imaps._tcp.example.test", at(mail.port(Service::Imap))),
        ]
    };
    let world = World::new("", records, nothing).await;
    let found = world.find(JANE).await;
    assert_eq!(
        lines(&found),
        [
            "SMTP starttls jane@example.test Malformed: the SRV record _submission._tcp.example.test",
            "SMTP tls jane@example.test confirmed: the SRV record _submission._tcp.example.test",
            "IMAP tls jane@example.test PlaintextOnTlsPort { speaks: Some(Imap) }: the SRV record _imaps._tcp.example.test",
            "IMAP starttls jane@example.test confirmed: the SRV record _imaps._tcp.example.test",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_https_and_a_small_file_is_taken() {
    let own = [("example.test", Record::Here), ("autoconfig.example.test", Record::Here)];
    let large = Page::File([b"<clientConfig>".as_slice(), &vec![b' '; 10 * 1024 * 1024]].concat());
    let cases = [
        (Page::Moved("http://example.test/x.xml"), "which is not https"),
        (Page::Moved("https://example.test:PORT/mail/config-v1.1.xml"), "the name has no address"),
        (Page::Moved("/mail/config-v1.1.xml"), "redirected more than 3 times"),
        (large, "an answer of more than 256 KiB"),
        (Page::Endless, "an answer of more than 256 KiB"),
        (Page::File(b"<!DOCTYPE html><html><p>Welcome".to_vec()), "no autoconfig file"),
        (Page::File(b"\xff\xfe".to_vec()), "the file is not UTF-8"),
    ];
    for (page, why) in cases {
        let pages =
            |_: &Sandbox| Pages::from([("autoconfig.example.test/mail/config-v1.1.xml".to_owned(), page.clone())]);
        // The second redirection leads to a name that there is no address for.
        let records = if why.contains("no address") { &own[1..] } else { &own[..] };
        let world = World::new("", |_| records.to_vec(), pages).await;
        let found = world.find(JANE).await;
        assert!(found.candidates.is_empty(), "{found:?}");
        let first = found.asked.iter().find(|asked| asked.what.starts_with("https://autoconfig.example.test")).unwrap();
        let failure = first.failure.as_ref().unwrap();
        let said =
            format!("{} {}", mailtrip::report::words::failure(failure), failure.detail.clone().unwrap_or_default());
        assert!(said.contains(why), "{why}: {failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_do_not_answer_are_not_waited_for() {
    let own = [("example.test", Record::Here), ("autoconfig.example.test", Record::Here)];
    let pages = |_: &Sandbox| {
        Pages::from([
            ("autoconfig.example.test/mail/config-v1.1.xml".to_owned(), Page::Silence),
            ("ispdb.test/v1.1/example.test".to_owned(), Page::Silence),
        ])
    };
    let world = World::new("", |_| own.to_vec(), pages).await;
    let sources = Sources { limit: Duration::from_secs(2), ..world.sources() };
    let found = find(JANE, &sources).await.unwrap();
    let silent = found
        .asked
        .iter()
        .filter(|asked| asked.failure.as_ref().is_some_and(|failure| matches!(failure.kind, Kind::Timeout { .. })));
    assert!(silent.count() >= 1, "{:?}", found.asked);

    for mood in [Mood::Failing, Mood::Silent, Mood::Garbage] {
        let dns = Dns::start(&[], mood).await;
        let sources = Sources { dns: Some(dns.address), limit: Duration::from_secs(2), ..world.sources() };
        let found = find(JANE, &sources).await.unwrap();
        assert!(found.candidates.is_empty() && found.could_not_ask().is_some(), "{found:?}");
    }
}

#[tokio::test]
async fn what_is_built_in_needs_no_network() {
    let found = offline(&"jane@icloud.com".parse().unwrap());
    assert_eq!(
        lines(&found),
        ["SMTP starttls jane@icloud.com untried: the preset icloud", "IMAP tls jane untried: the preset icloud",]
    );
    assert!(found.is_complete() && !found.is_confirmed());
    let found = offline(&"jane@outlook.com".parse().unwrap());
    assert!(configuration::text(&found, None).unwrap().contains("token = { command = "));
    assert!(offline(&JANE.parse().unwrap()).candidates.is_empty());
}
