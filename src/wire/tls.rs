//! TLS: the handshake, what was negotiated, and why it failed in terms somebody can act on.
//!
//! The TLS library tells neither version nor cipher, and of a refused certificate only a text that differs from
//! platform to platform. So the first two are read from the ServerHello that the tap has seen, and a refused
//! certificate is fetched once more without verification (and without anything secret) and judged here.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use async_native_tls::{TlsConnector, TlsStream};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::timeout;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::failure::{Failure, Kind};
use crate::wire::tap::{Seen, Tap};
use crate::wire::{excerpt, speech};

/// What was negotiated.
#[derive(Debug, Clone, PartialEq)]
pub struct Secured {
    /// Such as `TLSv1.3`.
    pub version: Option<String>,
    /// The cipher suite by its IANA name, or its number in hexadecimal.
    pub cipher: Option<String>,
    /// From the first byte sent to the end of the handshake.
    pub handshake: Duration,
    /// The server's certificate.
    pub certificate: Option<Certificate>,
}

/// The fields of a certificate that matter here (RFC 5280 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Subject alternative names: DNS names and IP addresses.
    pub names: Vec<String>,
    /// Who it is for.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// When it begins.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
}

/// Makes the connection a TLS connection, verified against the system's trust store and the given PEM certificates.
///
/// # Errors
/// One of the TLS and certificate kinds. [`Kind::CertificateRejected`] calls for [`explained`].
pub async fn handshake(tap: Tap, host: &str, ca: Option<&[u8]>) -> Result<(TlsStream<Tap>, Secured), Failure> {
    let mut connector = TlsConnector::new();
    for certificate in ca.map(trusted).transpose()?.into_iter().flatten() {
        connector = connector.add_root_certificate(certificate);
    }
    let watch = tap.reset();
    match connect(connector, host, tap).await {
        Ok(stream) => {
            let done = Instant::now();
            stream.get_ref().acknowledge_at_once();
            let seen = watch.seen();
            let hello = ServerHello::read(&seen.received);
            let certificate = stream.peer_certificate().ok().flatten().and_then(|leaf| leaf.to_der().ok());
            let secured = Secured {
                version: hello.as_ref().map(|hello| hello.version.to_owned()),
                cipher: hello.map(|hello| cipher_name(hello.cipher)),
                handshake: seen.first_sent.map_or(Duration::ZERO, |began| done - began),
                certificate: certificate.and_then(|der| Certificate::read(&der)),
            };
            Ok((stream, secured))
        }
        Err(error) => Err(failure(&watch.seen(), &error)),
    }
}

/// Why a handshake with `host` failed. A certificate that was refused is looked at on `another` connection, which carries
/// nothing secret, to tell which of its fields is wrong; all of that takes no longer than `limit`.
pub async fn explained(
    failure: Failure,
    host: &str,
    limit: Duration,
    another: impl Future<Output = Option<Tap>>,
) -> Failure {
    if failure.kind != Kind::CertificateRejected {
        return failure;
    }
    let look = async { look_at_certificate(another.await?, host).await };
    match timeout(limit, look).await {
        Ok(Some(kind)) => Failure { kind, ..failure },
        Ok(None) | Err(_) => failure,
    }
}

/// Fetches the server's certificate whatever it is, on a connection of its own that is used for nothing else,
/// and says why it is not accepted for `host`.
async fn look_at_certificate(tap: Tap, host: &str) -> Option<Kind> {
    let mut builder = native_tls::TlsConnector::builder();
    builder.disable_built_in_roots(true).danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
    let stream = connect(TlsConnector::from(builder), host, tap).await.ok()?;
    let leaf = stream.peer_certificate().ok()??.to_der().ok()?;
    Some(Certificate::read(&leaf)?.fault(host, Timestamp::now()))
}

/// The library builds its trust store inside `connect`, 50 ms of work for the CPU: in a task of its own, so that it
/// holds up nothing else; the set ends the task when this future is dropped.
async fn connect(connector: TlsConnector, host: &str, tap: Tap) -> Result<TlsStream<Tap>, String> {
    let mut task = JoinSet::new();
    let host = host.to_owned();
    task.spawn(async move { connector.connect(host, tap).await });
    match task.join_next().await {
        Some(Ok(result)) => result.map_err(|error| error.to_string()),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("the handshake was not begun".to_owned()),
    }
}

fn trusted(pem: &[u8]) -> Result<Vec<native_tls::Certificate>, Failure> {
    let bad = |why: String| Failure::new(Kind::Local).detail(format!("the CA file cannot be used: {why}"));
    let certificates = native_tls::Certificate::stack_from_pem(pem).map_err(|error| bad(error.to_string()))?;
    if certificates.is_empty() { Err(bad("it holds no PEM certificate".to_owned())) } else { Ok(certificates) }
}

/// Reads the reason off the bytes on the wire; the library's text is only kept as detail.
fn failure(seen: &Seen, error: &str) -> Failure {
    const HANDSHAKE: u8 = 0x16;
    if let Some(kind) = ended_by_alert(&seen.received, error) {
        return Failure::new(kind).detail(error);
    }
    match seen.received.as_slice() {
        [] if seen.ended => Failure::new(Kind::TlsClosed).detail(error),
        [] => Failure::new(Kind::TlsFailed).detail(error),
        [HANDSHAKE, ..] if ServerHello::read(&seen.received).is_some() && !seen.ended && may_be_certificate(error) => {
            Failure::new(Kind::CertificateRejected).detail(error)
        }
        [HANDSHAKE, ..] if seen.ended => Failure::new(Kind::TlsClosed).detail(error),
        [HANDSHAKE, ..] => Failure::new(too_old(&seen.received).unwrap_or(Kind::TlsFailed)).detail(error),
        other if other[0].is_ascii_graphic() => {
            let said = excerpt(other.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or(other));
            Failure::new(Kind::PlaintextOnTlsPort { speaks: speech::heard(other) })
                .detail(format!("the server said in plaintext: {said}"))
        }
        _ => Failure::new(Kind::TlsFailed).detail(error),
    }
}

/// What RFC 8996 forbids is not taken: the handshake ends at the ServerHello.
fn too_old(received: &[u8]) -> Option<Kind> {
    let version = ServerHello::read(received)?.version;
    ["TLSv1.1", "TLSv1.0", "SSLv3"].contains(&version).then(|| Kind::TlsVersion { version: version.to_owned() })
}

/// OpenSSL names a refused certificate always in these words (SSL_R_CERTIFICATE_VERIFY_FAILED), so that anything else, such
/// as bytes that were garbled on the way, is not blamed on the certificate. The other platforms have no such words.
fn may_be_certificate(error: &str) -> bool {
    cfg!(any(target_vendor = "apple", windows)) || error.contains("certificate verify failed")
}

/// The server gave up with an alert (RFC 8446 §6), whatever came before it: OpenSMTPD, for one, does so after its
/// ServerHello when it cannot use its key. It is the last record then. Encrypted, its number is known to the library only,
/// but no other message of a TLS 1.3 handshake is as short: two bytes, the inner type and the tag (§5.2).
fn ended_by_alert(received: &[u8], error: &str) -> Option<Kind> {
    const ENCRYPTED: usize = 2 + 1 + 16;
    let mut rest = received;
    loop {
        let (&[kind, 3, _, high, low], tail) = rest.split_first_chunk::<5>()? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (body, behind) = tail.split_at_checked(length)?;
        match (kind, body) {
            (0x15, &[_, alert]) if behind.is_empty() => return Some(Kind::TlsAlert { alert }),
            (0x15, _) if behind.is_empty() => return Some(Kind::TlsFailed),
            (0x17, _) if behind.is_empty() && length == ENCRYPTED => {
                return Some(alert_number(error).map_or(Kind::TlsFailed, |alert| Kind::TlsAlert { alert }));
            }
            _ => rest = behind,
        }
    }
}

/// OpenSSL ends its error for an alert with the number of it, always in these words.
fn alert_number(error: &str) -> Option<u8> {
    let (_, number) = error.rsplit_once("SSL alert number ")?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

impl Certificate {
    fn read(der: &[u8]) -> Option<Certificate> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?.tbs_certificate;
        let names = certificate.get::<SubjectAltName>().ok().flatten().map(|(_, names)| names.0);
        let stamp = |time: x509_cert::time::Time| Timestamp::from_second(time.to_unix_duration().as_secs() as i64).ok();
        Some(Certificate {
            names: names.unwrap_or_default().iter().filter_map(name).collect(),
            subject: certificate.subject.to_string(),
            issuer: certificate.issuer.to_string(),
            not_before: stamp(certificate.validity.not_before)?,
            not_after: stamp(certificate.validity.not_after)?,
        })
    }

    /// Whole days from `now` to its end.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        self.not_after.duration_since(now).as_secs().div_euclid(24 * 3600)
    }

    /// Why it is not accepted, given that it is not: what can be read from it, else its signer.
    fn fault(&self, host: &str, now: Timestamp) -> Kind {
        if now > self.not_after {
            Kind::CertificateExpired { not_after: self.not_after.to_string() }
        } else if now < self.not_before {
            Kind::CertificateNotYetValid { not_before: self.not_before.to_string() }
        } else if !self.is_for(host) {
            Kind::CertificateWrongName { names: self.names.clone(), issuer: Some(self.issuer.clone()) }
        } else if self.subject == self.issuer {
            Kind::CertificateSelfSigned { issuer: Some(self.issuer.clone()) }
        } else {
            Kind::CertificateUntrusted { issuer: self.issuer.clone() }
        }
    }

    /// RFC 9525 §6.3: a wildcard stands for the whole left-most label.
    fn is_for(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(host),
        })
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}

/// The two things of a ServerHello (RFC 8446 §4.1.3) that no TLS library here tells.
#[derive(Debug, PartialEq, Eq)]
struct ServerHello {
    version: &'static str,
    cipher: u16,
}

impl ServerHello {
    fn read(received: &[u8]) -> Option<ServerHello> {
        // One record: type, version, length; in it one handshake message: type, length, body.
        let [0x16, _, _, _, _, 0x02, _, _, _, body @ ..] = received else { return None };
        let (legacy_version, rest) = body.split_first_chunk::<2>()?;
        let session_id = *rest.get(32)? as usize;
        let (cipher, rest) = rest.get(33 + session_id..)?.split_first_chunk::<2>()?;
        let negotiated = extension(rest.get(1..).unwrap_or_default(), 43);
        let version = match negotiated.unwrap_or(legacy_version) {
            [3, 4] => "TLSv1.3",
            [3, 3] => "TLSv1.2",
            [3, 2] => "TLSv1.1",
            [3, 1] => "TLSv1.0",
            [3, 0] => "SSLv3",
            _ => return None,
        };
        Some(ServerHello { version, cipher: u16::from_be_bytes(*cipher) })
    }
}

/// The value of an extension (RFC 8446 §4.2), where `rest` begins with the length of all extensions.
fn extension(rest: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = rest.get(2..)?;
    loop {
        let (head, tail) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = tail.get(..length)?;
        if u16::from_be_bytes([head[0], head[1]]) == wanted {
            return Some(value);
        }
        rest = &tail[length..];
    }
}

/// The suites that a server of today may choose (IANA TLS Cipher Suites).
fn cipher_name(number: u16) -> String {
    let name = match number {
        0x1301 => "TLS_AES_128_GCM_SHA256",
        0x1302 => "TLS_AES_256_GCM_SHA384",
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        0xc02b => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        0xc02c => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xc02f => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xc030 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        0xc013 => "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        0xc014 => "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        0xc027 => "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        0xc028 => "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
        0xcca8 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        0xcca9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        0x009e => "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
        0x009f => "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
        0x009c => "TLS_RSA_WITH_AES_128_GCM_SHA256",
        0x009d => "TLS_RSA_WITH_AES_256_GCM_SHA384",
        0x002f => "TLS_RSA_WITH_AES_128_CBC_SHA",
        0x0035 => "TLS_RSA_WITH_AES_256_CBC_SHA",
        _ => return format!("0x{number:04x}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Speech;

    fn server_hello(extensions: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x16, 3, 3, 0, 0, 2, 0, 0, 0, 3, 3];
        bytes.extend([0; 32]);
        bytes.extend([2, 9, 9, 0x13, 0x02, 0]);
        bytes.extend((extensions.len() as u16).to_be_bytes());
        bytes.extend(extensions);
        bytes
    }

    #[test]
    fn version_and_cipher_are_read_from_the_server_hello() {
        let hello = ServerHello::read(&server_hello(&[0, 51, 0, 1, 7, 0, 43, 0, 2, 3, 4])).unwrap();
        assert_eq!((hello.version, cipher_name(hello.cipher).as_str()), ("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
        assert_eq!(ServerHello::read(&server_hello(&[])).unwrap().version, "TLSv1.2");
    }

    #[test]
    fn a_truncated_or_lying_server_hello_is_no_server_hello() {
        let whole = server_hello(&[0, 43, 0, 2, 3, 4]);
        for length in 0..48 {
            assert_eq!(ServerHello::read(&whole[..length]), None, "{length} bytes");
        }
        ServerHello::read(&server_hello(&[0, 43, 255, 255, 3, 4]));
        assert_eq!(ServerHello::read(&[0x16; 600]), None);
    }

    #[test]
    fn the_first_bytes_tell_why_a_handshake_failed() {
        let kind = |received: &[u8], ended| {
            let seen = Seen { received: received.to_vec(), ended, first_sent: None };
            failure(&seen, "0A000086: certificate verify failed: (certificate has expired)").kind
        };
        assert_eq!(kind(b"", true), Kind::TlsClosed);
        for (said, speaks) in [
            (&b"220 mail.example.net ESMTP\r\n"[..], Some(Speech::Smtp)),
            (b"SSH-2", Some(Speech::Ssh)),
            (b"HTTP/", Some(Speech::Http)),
            (b"what?", None),
        ] {
            assert_eq!(kind(said, false), Kind::PlaintextOnTlsPort { speaks });
        }
        assert_eq!(kind(&[0x15, 3, 1, 0, 2, 2, 70], true), Kind::TlsAlert { alert: 70 });
        assert_eq!(kind(&server_hello(&[]), false), Kind::CertificateRejected);
        assert_eq!(kind(&server_hello(&[]), true), Kind::TlsClosed);
        assert_eq!(kind(&[0, 1, 2], false), Kind::TlsFailed);
        let mut old = server_hello(&[]);
        old[10] = 1;
        let seen = Seen { received: old, ended: false, first_sent: None };
        let version = "TLSv1.0".to_owned();
        assert_eq!(failure(&seen, "unsupported protocol").kind, Kind::TlsVersion { version });
        #[cfg(not(any(target_vendor = "apple", windows)))]
        assert_eq!(
            failure(&Seen { received: server_hello(&[]), ended: false, first_sent: None }, "bad record mac").kind,
            Kind::TlsFailed
        );
    }

    #[test]
    fn an_alert_after_the_server_hello_is_no_rejected_certificate() {
        let hello = [&[0x16, 3, 3, 0, 46, 2, 0, 0, 42][..], &server_hello(&[])[9..]].concat();
        let kind = |more: &[u8]| {
            let received = [&hello, more].concat();
            failure(&Seen { received, ended: false, first_sent: None }, "certificate verify failed").kind
        };
        let encrypted =
            |length: u8| [&[0x14, 3, 3, 0, 1, 1, 0x17, 3, 3, 0, length], &vec![0; length.into()][..]].concat();
        assert_eq!(kind(&encrypted(90)), Kind::CertificateRejected);
        assert_eq!(kind(&encrypted(19)), Kind::TlsFailed);
        let received = [&hello, &encrypted(19)[..]].concat();
        let error = "tlsv1 alert internal error:ssl/record/rec_layer_s3.c:1601:SSL alert number 80";
        let seen = Seen { received, ended: false, first_sent: None };
        assert_eq!(failure(&seen, error).kind, Kind::TlsAlert { alert: 80 });
        assert_eq!(kind(&[0x15, 3, 3, 0, 2, 2, 80]), Kind::TlsAlert { alert: 80 });
        assert_eq!(kind(&[0x15, 3, 3, 0, 2, 1, 112, 0x16, 3, 3, 0, 1, 11]), Kind::CertificateRejected);
    }

    #[test]
    fn a_certificate_is_judged_by_its_dates_its_names_and_its_signer_in_this_order() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let certificate = Certificate {
            names: vec!["*.example.net".into(), "192.0.2.1".into()],
            subject: "CN=mail".into(),
            issuer: "CN=ca".into(),
            not_before: at("2026-01-01T00:00:00Z"),
            not_after: at("2026-12-31T00:00:00Z"),
        };
        let now = at("2026-11-23T00:00:00Z");
        let fault = |host: &str, now| certificate.fault(host, now);
        assert!(matches!(fault("mail.example.net", at("2027-01-01T00:00:00Z")), Kind::CertificateExpired { .. }));
        assert!(matches!(fault("mail.example.net", at("2025-01-01T00:00:00Z")), Kind::CertificateNotYetValid { .. }));
        for wrong in ["example.net", "a.b.example.net", "192.0.2.2"] {
            assert!(matches!(fault(wrong, now), Kind::CertificateWrongName { .. }), "{wrong}");
        }
        assert!(matches!(fault("Mail.Example.Net", now), Kind::CertificateUntrusted { .. }));
        assert!(matches!(fault("192.0.2.1", now), Kind::CertificateUntrusted { .. }));
        let own = Certificate { issuer: "CN=mail".into(), ..certificate.clone() };
        let issuer = Some("CN=mail".to_owned());
        assert_eq!(own.fault("mail.example.net", now), Kind::CertificateSelfSigned { issuer });
        assert_eq!(certificate.days_left(now), 38);
    }
}
