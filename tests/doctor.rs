//! What the doctor says to servers, in bytes: to whom a password goes, how often, and to whom it never does.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use mailtrip::account::{Account, Auth, Credentials, Endpoint, Family, Folders, Protocol, Secret, Security};
use mailtrip::doctor::sight::State;
use mailtrip::doctor::{Doctor, Examination};
use mailtrip::verify::stop::Stop;
use mailtrip::wire::names::Names;

#[path = "support/ear.rs"]
mod ear;
#[path = "support/internet.rs"]
mod internet;

use ear::{Authority, Ear, Flaw, Manner};

const PASSWORD: &str = "correct-horse-battery";
const HERE: &str = "127.0.0.1";

/// Nobody else is asked, and hosts are given by their address.
fn doctor() -> Doctor {
    let mut doctor = Doctor::default();
    doctor.names = Names::at(SocketAddr::from(([127, 0, 0, 1], 9)));
    doctor.neighbour = None;
    doctor.ports.clear();
    doctor.patience = Duration::from_secs(2);
    doctor
}

fn account(address: &str, ca: &Authority, ports: [(u16, Security); 3]) -> Account {
    let endpoint = |(port, security)| Endpoint {
        host: HERE.to_owned(),
        port,
        security,
        allow_cleartext_password: true,
        credentials: Credentials { username: "alice".to_owned(), proof: Secret::new(PASSWORD).into() },
        auth: Auth::Auto,
        ca: Some(ca.pem().into_bytes()),
        family: Family::Any,
        expect_auth: false,
    };
    let [smtp, imap, pop3] = ports.map(endpoint).map(Some);
    let (name, address) = ("alice".to_owned(), address.parse().unwrap());
    Account { name, address, smtp, imap, pop3, folders: Folders::default() }
}

/// A server of each protocol that behaves like this, and what is made of them by an account that is configured with this
/// security.
async fn examine(security: Security, configured: Security, flaw: Flaw, answers: bool) -> (Vec<Ear>, Examination) {
    let authority = Authority::new();
    let mut ears = Vec::new();
    for protocol in Protocol::ALL {
        ears.push(Ear::start(Manner { protocol, security, answers }, &authority, &[HERE], flaw).await);
    }
    let ports = [0, 1, 2].map(|number: usize| (ears[number].port, configured));
    let examination =
        doctor().examine(&account("alice@test.example", &authority, ports), &Protocol::ALL, &Stop::new().1).await;
    (ears, examination)
}

fn sign_ins(ears: &[Ear]) -> Vec<usize> {
    ears.iter().map(|ear| ear.sign_ins().len()).collect()
}

/// Without this the other tests could not fail.
#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_the_password_is_sent_once_and_refused_once() {
    for security in [Security::Tls, Security::Starttls] {
        let (ears, examination) = examine(security, security, Flaw::Nothing, true).await;
        for ear in &ears {
            assert!(ear.knows(PASSWORD), "{:#?}", ear.lines());
            let outside = ear.heard().into_iter().flat_map(|heard| heard.outside).collect::<Vec<u8>>();
            assert!(!String::from_utf8_lossy(&outside).contains("AUTH"), "{:#?}", ear.lines());
        }
        assert_eq!(sign_ins(&ears), [1, 1, 1], "{examination:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_is_not_answered_is_not_tried_again() {
    let (ears, examination) = examine(Security::Tls, Security::Tls, Flaw::Nothing, false).await;
    assert_eq!(sign_ins(&ears), [1, 1, 1], "{examination:#?}");
    assert!(examination.servers.iter().all(|server| !server.signed_in && !server.diagnoses.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_valid_gets_no_password() {
    for flaw in [Flaw::Expired, Flaw::WrongName, Flaw::Untrusted, Flaw::SelfSigned] {
        for security in [Security::Tls, Security::Starttls] {
            let (ears, examination) = examine(security, security, flaw, true).await;
            for (ear, server) in ears.iter().zip(&examination.servers) {
                let kind = server.failure.as_ref().map(|failure| &failure.kind);
                assert!(kind.is_some_and(|kind| kind.is_certificate()), "{flaw:?} {security}: {server:#?}");
                assert!(!ear.knows(PASSWORD) && ear.sign_ins().is_empty(), "{flaw:?} {security}: {:#?}", ear.lines());
                // It was even looked at: TLS came about, on a connection on which nothing was said.
                assert!(ear.heard().iter().any(|heard| heard.encrypted), "{flaw:?} {security}");
                assert!(ear.heard().iter().all(|heard| heard.inside.is_empty()), "{flaw:?} {security}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_security_is_another_no_password_is_sent() {
    use Security::{None, Starttls, Tls};
    for (real, configured) in
        [(None, None), (Starttls, None), (None, Starttls), (None, Tls), (Starttls, Tls), (Tls, Starttls), (Tls, None)]
    {
        let (ears, examination) = examine(real, configured, Flaw::Nothing, true).await;
        for ear in &ears {
            assert!(!ear.knows(PASSWORD) && !ear.knows("alice"), "{configured} at {real}: {:#?}", ear.lines());
        }
        assert_eq!(sign_ins(&ears), [0, 0, 0], "{configured} at {real}: {examination:#?}");
    }
}

/// The certificates of the published hosts are good: only that nobody has named them keeps the password back. That needs an
/// authority that the system trusts, and so a process of its own.
#[test]
fn what_only_the_provider_publishes_gets_no_password() {
    const NAME: &str = "what_only_the_provider_publishes_gets_no_password";
    const CHILD: &str = "MAILTRIP_TEST_OF_PUBLISHED_HOSTS";
    if let Some(path) = std::env::var_os(CHILD) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(published(std::path::Path::new(&path)));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let mut again = Command::new(std::env::current_exe().unwrap());
    let output = again.args(["--exact", NAME]).env(CHILD, &path).env("SSL_CERT_FILE", &path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

async fn published(ca_file: &std::path::Path) {
    let authority = Authority::new();
    std::fs::write(ca_file, authority.pem()).unwrap();
    let hosts = ["smtp.gmail.com", "imap.gmail.com", "pop.gmail.com"];
    let zone = hosts.map(|host| (host, internet::Record::Here));
    let dns = internet::Dns::start(&zone, internet::Mood::Well).await;
    let mut doctor = doctor();
    doctor.names = Names::at(dns.address);
    doctor.neighbour = Some(("neighbour.test".to_owned(), 587)); // a name that there is not
    let mut ears = Vec::new();
    for protocol in Protocol::ALL {
        for security in [Security::Tls, Security::Starttls] {
            let manner = Manner { protocol, security, answers: true };
            let ear = Ear::start(manner, &authority, &hosts, Flaw::Nothing).await;
            doctor.ports.push((protocol, ear.port));
            ears.push(ear);
        }
    }
    let closed = std::net::TcpListener::bind((HERE, 0)).unwrap().local_addr().unwrap().port();
    let account = account("alice@gmail.com", &authority, [(closed, Security::Tls); 3]);
    let examination = doctor.examine(&account, &Protocol::ALL, &Stop::new().1).await;
    for host in hosts {
        let states: Vec<State> =
            examination.ports.iter().filter(|sight| sight.host == host).map(|sight| sight.state).collect();
        assert_eq!(states, [State::Tls, State::Starttls], "{host}: {examination:#?}");
    }
    let proposed: Vec<&str> = examination.servers.iter().map(|server| server.changes[0].value.as_str()).collect();
    assert_eq!(proposed, ["\"smtp.gmail.com\"", "\"imap.gmail.com\"", "\"pop.gmail.com\""]);
    // What was seen is not gainsaid by a guess.
    let mut advice = examination.servers.iter().flat_map(|server| &server.diagnoses).flat_map(|found| &found.advice);
    assert!(advice.clone().count() > 0 && !advice.any(|advice| advice.contains(" = ")), "{examination:#?}");
    for ear in &ears {
        assert!(!ear.knows(PASSWORD) && ear.sign_ins().is_empty(), "{:#?}", ear.lines());
    }
}

/// On ports with a number of no meaning, too: a Dovecot that is spoken to in plaintext and in TLS at once logs an error.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_configured_is_tried_first_and_nothing_else_where_it_is_so() {
    const HANDSHAKE: u8 = 0x16;
    for security in [Security::Tls, Security::Starttls] {
        let (ears, _) = examine(security, security, Flaw::Nothing, true).await;
        for ear in ears {
            let heard = ear.heard();
            assert_eq!(heard.len(), 2, "one to look, and one to sign in: {heard:#?}");
            assert!(heard.iter().all(|one| one.encrypted), "{heard:#?}");
            assert!(heard.iter().all(|one| one.outside.first() != Some(&HANDSHAKE)), "{heard:#?}");
        }
    }
}
