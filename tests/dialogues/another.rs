//! Another service than the one that was expected: in answer to a handshake, unasked, and inside TLS.

use std::time::Duration;

use async_native_tls::TlsAcceptor;
use mailtrip::account::{Account, Auth, Credentials, Endpoint, Folders, Protocol, Secret, Security};
use mailtrip::diagnose::{Diagnosis, Verdict, diagnose};
use mailtrip::failure::Speech;
use mailtrip::verify::stop::Stop;
use mailtrip::verify::visit::{self, Visit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// When the server says its text.
#[derive(Clone)]
enum Manner {
    /// Unasked, in plaintext.
    Greets,
    /// In plaintext, when something has come.
    Answers,
    /// Unasked, inside TLS.
    Inside(TlsAcceptor),
}

async fn serve(mut tcp: TcpStream, manner: Manner, text: Vec<u8>) {
    let _ = match manner {
        Manner::Greets => tcp.write_all(&text).await,
        Manner::Answers => {
            let _ = tcp.read(&mut [0; 4096]).await;
            tcp.write_all(&text).await
        }
        Manner::Inside(acceptor) => {
            let Ok(mut tls) = acceptor.accept(&mut tcp).await else { return };
            let _ = tls.write_all(&text).await;
            let _ = tls.read(&mut [0; 4096]).await;
            return;
        }
    };
    let _ = tcp.read(&mut [0; 4096]).await; // so that it is not reset before it was read
}

/// An authority, and a server with its certificate.
fn acceptor() -> (Vec<u8>, TlsAcceptor) {
    called("rcgen")
}

/// The same, with a name.
fn called(name: &str) -> (Vec<u8>, TlsAcceptor) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).expect("a certificate").pem().into_bytes();
    let identity = native_tls::Identity::from_pkcs8(&ca, key.serialize_pem().as_bytes()).expect("an identity");
    let acceptor = native_tls::TlsAcceptor::new(identity).expect("an acceptor");
    (ca, TlsAcceptor::from(acceptor))
}

/// The first diagnosis of somebody who comes for this protocol with this security.
async fn first(protocol: Protocol, security: Security, manner: Manner, text: &[u8], ca: &[u8]) -> Diagnosis {
    diagnoses(protocol, security, manner, text, ca).await.remove(0)
}

async fn diagnoses(protocol: Protocol, security: Security, manner: Manner, text: &[u8], ca: &[u8]) -> Vec<Diagnosis> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let text = text.to_vec();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut served = JoinSet::new();
        while let Ok((tcp, _)) = listener.accept().await {
            served.spawn(serve(tcp, manner.clone(), text.clone()));
        }
    });
    let endpoint = Endpoint {
        host: "localhost".to_owned(),
        port,
        security,
        allow_cleartext_password: false,
        credentials: Credentials { username: "a@b.test".to_owned(), proof: Secret::new("secret").into() },
        auth: Auth::Auto,
        ca: Some(ca.to_vec()),
        family: mailtrip::Family::Ipv4,
        expect_auth: false,
    };
    let account = Account {
        name: "a".to_owned(),
        address: "a@b.test".parse().expect("an address"),
        smtp: None,
        imap: None,
        pop3: None,
        folders: Folders::default(),
    };
    let (patience, until) = (Duration::from_secs(10), Instant::now() + Duration::from_secs(20));
    let (_stopper, stop) = Stop::new();
    let visit =
        Visit { account: &account, protocol, endpoint: &endpoint, sign_in: false, patience, until, stop: &stop };
    diagnose(&visit::run(visit).await)
}

#[tokio::test]
async fn it_is_named_whatever_the_security() {
    let (ca, acceptor) = acceptor();
    for (text, speaks) in [
        (&b"220 mail.example.net ESMTP\r\n"[..], Speech::Smtp),
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", Speech::Imap),
        (b"* BYE too busy\r\n", Speech::Imap),
        (b"+OK ready\r\n", Speech::Pop3),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Speech::Ssh),
        (b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", Speech::Http),
        (b"<!DOCTYPE html><title>Sign in to the hotel</title>\r\n", Speech::Http),
    ] {
        for protocol in Protocol::ALL.into_iter().filter(|protocol| Speech::from(*protocol) != speaks) {
            for (security, manner) in [
                (Security::None, Manner::Greets),
                (Security::Starttls, Manner::Greets),
                (Security::Tls, Manner::Greets),
                (Security::Tls, Manner::Answers),
                (Security::Tls, Manner::Inside(acceptor.clone())),
            ] {
                let diagnosis = first(protocol, security, manner, text, &ca).await;
                assert_eq!(diagnosis.code, "wrong-protocol", "{protocol} {security}: {diagnosis:#?}");
                assert!(diagnosis.cause.contains(speaks.server()), "{protocol} {security}: {diagnosis:#?}");
            }
        }
    }
}

/// A server of the right protocol in plaintext is another mistake.
#[tokio::test]
async fn where_the_protocol_is_right_it_is_the_security() {
    for (protocol, text) in
        [(Protocol::Smtp, "220 ready\r\n"), (Protocol::Imap, "* OK ready\r\n"), (Protocol::Pop3, "+OK ready\r\n")]
    {
        let diagnosis = first(protocol, Security::Tls, Manner::Greets, text.as_bytes(), &acceptor().0).await;
        assert_eq!(diagnosis.code, "plaintext-on-tls-port", "{diagnosis:#?}");
    }
}

/// FTP greets as SMTP does, and does not know EHLO.
#[tokio::test]
async fn an_ftp_server_is_guessed() {
    let text = b"220 (vsFTPd 3.0.3)\r\n530 Please login with USER and PASS.\r\n";
    let diagnosis = first(Protocol::Smtp, Security::Starttls, Manner::Greets, text, &acceptor().0).await;
    assert_eq!(diagnosis.code, "wrong-protocol", "{diagnosis:#?}");
    assert!(diagnosis.cause.contains("probably an FTP server"), "{diagnosis:#?}");
}

/// An antivirus on the way: where its authority is not trusted that is the cause, where it is trusted worth a note.
#[tokio::test]
async fn who_reads_along_is_named_by_the_certificate() {
    let (avast, acceptor) = called("Avast Web/Mail Shield Root");
    let inside = || Manner::Inside(acceptor.clone());
    let text = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n";
    let stranger = first(Protocol::Imap, Security::Tls, inside(), text, &called("rcgen").0).await;
    assert_eq!((stranger.code, stranger.verdict), ("intercepted", Verdict::Critical), "{stranger:#?}");
    assert!(stranger.cause.contains("Avast") && stranger.advice[0].contains("for one test"), "{stranger:#?}");
    let trusted = diagnoses(Protocol::Imap, Security::Tls, inside(), text, &avast).await;
    let codes: Vec<(&str, Verdict)> = trusted.iter().map(|diagnosis| (diagnosis.code, diagnosis.verdict)).collect();
    assert_eq!(codes, [("intercepted", Verdict::Ok)], "{trusted:#?}");
}

/// A ServerHello of TLS 1.0 (RFC 2246 §7.4.1.3), and alerts (RFC 8446 §6).
#[tokio::test]
async fn what_is_wrong_with_tls_is_told_by_the_bytes() {
    let hello = [&[0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    for (bytes, code) in [
        (hello.as_slice(), "tls-version"),
        (&[0x15, 3, 3, 0, 2, 2, 70], "tls-version"),
        (&[0x15, 3, 3, 0, 2, 2, 40], "tls-ciphers"),
        (&[0x15, 3, 3, 0, 2, 2, 112], "tls-unrecognized-name"),
        (&[0x15, 3, 3, 0, 2, 2, 80], "tls-alert"),
    ] {
        let diagnosis = first(Protocol::Imap, Security::Tls, Manner::Answers, bytes, &acceptor().0).await;
        assert_eq!(diagnosis.code, code, "{bytes:?} {diagnosis:#?}");
    }
}
