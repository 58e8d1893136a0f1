//! What a survey makes of each kind of port: the sandbox's mail servers, and whatever else may listen on one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mailtrip::account::{Family, Location, Protocol, Security};
use mailtrip::failure::Kind;
use mailtrip::sandbox::{Sandbox, Service, Settings};
use mailtrip::survey::{Place, Port, Speech, Surveyor, recommended};
use mailtrip::wire::names::Names;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Reached only by a test that fails.
const LONG: Duration = Duration::from_secs(30);

/// Nobody is asked: hosts are given by their address.
fn no_names() -> Names {
    Names::at(SocketAddr::from(([127, 0, 0, 1], 9)))
}

/// Looks at a port of 127.0.0.1, where each answer has this time.
async fn look_for(patience: Duration, port: u16, ca: Option<&str>) -> Port {
    look_at(place(port), patience, ca).await
}

async fn look_at(place: Place, patience: Duration, ca: Option<&str>) -> Port {
    let names = no_names();
    let surveyor = Surveyor {
        names: &names,
        family: Family::Any,
        ca: ca.map(str::as_bytes),
        patience,
        until: Instant::now() + LONG,
    };
    timeout(LONG * 2, surveyor.look_at(&place)).await.expect("it ends")
}

/// For servers that answer at once.
async fn look(port: u16, ca: Option<&str>) -> Port {
    look_for(LONG, port, ca).await
}

/// For those that do not.
async fn look_briefly(port: u16) -> Port {
    look_for(Duration::from_millis(300), port, None).await
}

fn place(port: u16) -> Place {
    Place::new("127.0.0.1", port)
}

async fn sandbox(settings: &str) -> Sandbox {
    Sandbox::start(toml::from_str::<Settings>(settings).unwrap()).await.unwrap()
}

/// A server that says this, and what becomes of what it gets. It ends when it is dropped.
struct Server {
    port: u16,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone, Copy)]
enum Manner {
    /// Says it at once, and waits.
    Greets(&'static [u8]),
    /// Waits for the client, says it, and hangs up.
    Answers(&'static [u8]),
    /// Hangs up.
    Leaves,
    /// Says it again and again.
    Floods(&'static [u8]),
}

impl Server {
    async fn start(manner: Manner) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(behave(stream, manner));
            }
        });
        Server { port, task }
    }
}

async fn behave(mut stream: TcpStream, manner: Manner) {
    let mut chunk = [0; 1024];
    match manner {
        Manner::Greets(text) => {
            let _ = stream.write_all(text).await;
            while matches!(stream.read(&mut chunk).await, Ok(1..)) {}
        }
        Manner::Answers(text) => {
            if matches!(stream.read(&mut chunk).await, Ok(1..)) {
                let _ = stream.write_all(text).await;
            }
        }
        Manner::Leaves => {}
        Manner::Floods(text) => while stream.write_all(text).await.is_ok() {},
    }
}

const MAIL: [(Protocol, Service, Service); 3] = [
    (Protocol::Smtp, Service::Submissions, Service::Submission),
    (Protocol::Imap, Service::Imaps, Service::Imap),
    (Protocol::Pop3, Service::Pop3s, Service::Pop3),
];

#[tokio::test(flavor = "multi_thread")]
async fn mail_servers_are_known_by_what_they_say() {
    let system = sandbox("").await;
    for (protocol, tls, starttls) in MAIL {
        let port = look(system.port(tls), Some(system.ca_pem())).await;
        let (security, inside) = port.way_in_for(protocol).unwrap_or_else(|| panic!("{port:?}"));
        assert_eq!((security, inside.protocol), (Security::Tls, protocol));
        assert!(inside.secured.version.as_ref().unwrap().starts_with("TLSv1."), "{inside:?}");
        assert!(inside.secured.certificate.as_ref().unwrap().names.contains(&"127.0.0.1".to_owned()));
        assert!(inside.offer.mechanisms.contains(&"PLAIN".to_owned()), "{inside:?}");
        assert!(!inside.greeting.is_empty() && !inside.offer.capabilities.is_empty(), "{inside:?}");

        let port = look(system.port(starttls), Some(system.ca_pem())).await;
        let Port::Plain { offer, greeting, .. } = &port else { panic!("{port:?}") };
        assert!(!offer.mechanisms.contains(&"PLAIN".to_owned()), "no password before TLS: {offer:?}");
        assert!(greeting.contains("mailtrip sandbox"), "{greeting}");
        let (security, inside) = port.way_in_for(protocol).unwrap_or_else(|| panic!("{port:?}"));
        assert_eq!(security, Security::Starttls);
        assert!(inside.offer.mechanisms.contains(&"PLAIN".to_owned()), "{inside:?}");
    }
    // It was only looked at: nobody has signed in, and nothing has arrived.
    assert!(system.messages("alice@sandbox.test", "INBOX").is_empty());
}

/// By which the second of two connections is told from the first.
async fn connections(
    system: &Sandbox,
    service: Service,
    expected: Security,
    patience: Duration,
) -> (Option<Security>, usize) {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (from, to) = (proxy.local_addr().unwrap().port(), system.port(service));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let task = tokio::spawn(async move {
        while let Ok((mut client, _)) = proxy.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let place = Place { expected: Some(expected), ..place(from) };
    let port = look_at(place, patience, Some(system.ca_pem())).await;
    task.abort();
    (port.way_in().map(|(security, _)| security), count.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_expected_takes_one_connection_and_anything_else_is_found_too() {
    let system = sandbox("").await;
    let (tls, starttls) = (Security::Tls, Security::Starttls);
    for (_, implicit, upgraded) in MAIL {
        assert_eq!(connections(&system, implicit, tls, LONG).await, (Some(tls), 1));
        assert_eq!(connections(&system, upgraded, starttls, LONG).await, (Some(starttls), 1));
        assert_eq!(connections(&system, upgraded, tls, LONG).await, (Some(starttls), 2));
    }
    // A server that waits for TLS has to be waited for before it is known that it does.
    assert_eq!(connections(&system, Service::Imaps, starttls, Duration::from_secs(5)).await, (Some(tls), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_judged_for_the_host() {
    for (certificate, expected) in [
        ("expired", "CertificateExpired"),
        ("wrong-name", "CertificateWrongName"),
        ("self-signed", "CertificateSelfSigned"),
        ("untrusted", "CertificateUntrusted"),
    ] {
        let system = sandbox(&format!("faults = [{{ fault = 'certificate', flaw = '{certificate}' }}]")).await;
        for (protocol, tls, starttls) in MAIL {
            let port = look(system.port(tls), Some(system.ca_pem())).await;
            let Port::Tls(Err(failure)) = &port else { panic!("{port:?}") };
            assert!(format!("{:?}", failure.kind).starts_with(expected), "{failure:?}");
            let port = look(system.port(starttls), Some(system.ca_pem())).await;
            let Port::Plain { protocol: seen, starttls: Err(failure), .. } = &port else { panic!("{port:?}") };
            assert!(format!("{:?}", failure.kind).starts_with(expected), "{failure:?}");
            assert_eq!(*seen, protocol);
            assert!(port.way_in().is_none());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_that_leads_nowhere_is_no_way_in() {
    for (fault, kind) in [
        ("starttls-absent", Kind::StarttlsNotOffered),
        ("starttls-refused", Kind::Refused { step: None }),
        ("starttls-injected", Kind::InjectedPlaintext),
    ] {
        for (_, _, service) in &MAIL[..2] {
            let system = sandbox(&format!("faults = [{{ fault = '{fault}' }}]")).await;
            let port = look(system.port(*service), Some(system.ca_pem())).await;
            let Port::Plain { starttls: Err(failure), .. } = &port else { panic!("{fault}: {port:?}") };
            assert_eq!(failure.kind, kind, "{failure:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mail_server_is_named() {
    let cases = [
        (Manner::Greets(b"SSH-2.0-OpenSSH_9.2p1\r\n"), Some(Speech::Ssh), "SSH-2.0-OpenSSH_9.2p1"),
        // Of an answer to a handshake, the TLS library reads no more than the head of a record: five bytes.
        (Manner::Answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Some(Speech::Http), "HTTP/"),
        (Manner::Answers(b"what?\r\n"), None, "what?"),
        (Manner::Greets(b"welcome\r\n"), None, "welcome"),
    ];
    let looks = cases.map(|(manner, expected, begin)| async move {
        let server = Server::start(manner).await;
        let port = look_for(Duration::from_secs(5), server.port, None).await;
        let Port::Foreign { speech, said, inside_tls: false } = &port else { panic!("{port:?}") };
        assert_eq!((*speech, said.as_str()), (expected, begin));
    });
    futures_util::future::join_all(looks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_not_waited_for() {
    for manner in [Manner::Greets(b""), Manner::Leaves] {
        let server = Server::start(manner).await;
        let port = look_briefly(server.port).await;
        assert!(matches!(port, Port::Silent), "{port:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bytes_is_not_swallowed() {
    let server = Server::start(Manner::Floods(b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")).await;
    let port = look(server.port, None).await;
    let Port::Foreign { speech: None, said, .. } = &port else { panic!("{port:?}") };
    assert!(said.len() < 1024, "{}", said.len());
    for endless in [b"220-mail\r\n".as_slice(), b"* OK \r\n* CAPABILITY\r\n", b"+OK x\r\n"] {
        let server = Server::start(Manner::Floods(endless)).await;
        let port = look_for(Duration::from_secs(2), server.port, None).await;
        let Port::Plain { starttls: Err(_), .. } = &port else { panic!("{port:?}") };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_without_a_server_is_told_from_a_host_without_a_name() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let port = look(closed, None).await;
    assert!(matches!(&port, Port::Unreached(failure) if failure.kind == Kind::ConnectionRefused), "{port:?}");
    let names = Names::of_the_system();
    let surveyor =
        Surveyor { names: &names, family: Family::Any, ca: None, patience: LONG, until: Instant::now() + LONG };
    let port = surveyor.look_at(&Place::new("no-such-host.invalid", 993)).await;
    let nowhere = [Kind::HostNotFound, Kind::ResolverFailed];
    assert!(matches!(&port, Port::Unreached(failure) if nowhere.contains(&failure.kind)), "{port:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_filtered_gives_no_answer() {
    // A listener whose queue is full takes no more connections, and says so to nobody.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queue.push(stream);
    }
    let port = look_briefly(address.port()).await;
    assert!(matches!(&port, Port::Unreached(failure) if failure.kind == Kind::NoAnswer), "{port:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_its_time_is_over() {
    let server = Server::start(Manner::Greets(b"")).await;
    let names = no_names();
    let until = Instant::now() + Duration::from_millis(200);
    let surveyor = Surveyor { names: &names, family: Family::Any, ca: None, patience: LONG, until };
    let ports = timeout(LONG, surveyor.look_at_all(&[place(server.port), place(server.port)])).await.expect("in time");
    for port in ports {
        assert!(matches!(&port, Port::Unreached(failure) if matches!(failure.kind, Kind::Timeout { .. })), "{port:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_recommended_before_starttls_and_plaintext_never() {
    let system = sandbox("").await;
    let bad = sandbox("faults = [{ fault = 'certificate', flaw = 'expired' }, { fault = 'starttls-absent' }]").await;
    let ssh = Server::start(Manner::Greets(b"SSH-2.0-x\r\n")).await;
    let names = no_names();
    let ca = Some(system.ca_pem().as_bytes());
    let surveyor = Surveyor { names: &names, family: Family::Any, ca, patience: LONG, until: Instant::now() + LONG };
    let survey = async |ports: &[u16]| -> Vec<(Place, Port)> {
        let places: Vec<Place> = ports.iter().map(|&port| place(port)).collect();
        let found = surveyor.look_at_all(&places).await;
        places.into_iter().zip(found).collect()
    };
    for (protocol, tls, starttls) in MAIL {
        let (tls, starttls) = (system.port(tls), system.port(starttls));
        let all = survey(&[ssh.port, bad.port(Service::Imap), starttls, tls]).await;
        let location = |port, security| Some(Location { host: "127.0.0.1".into(), port, security });
        assert_eq!(recommended(protocol, &all), location(tls, Security::Tls));
        assert_eq!(recommended(protocol, &all[..3]), location(starttls, Security::Starttls));
        assert_eq!(recommended(protocol, &all[..2]), None);
    }
}
