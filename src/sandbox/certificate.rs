//! The private certificate authority, made anew for every sandbox, and the certificates it issues.

use std::io;

use jiff::{ToSpan, Zoned, civil::Date, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::fault::Flaw;

/// The names that a good certificate is for.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", super::HOST];

/// A certificate authority that exists for one sandbox.
pub(super) struct Authority {
    trusted: CertifiedIssuer<'static, KeyPair>,
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

impl Authority {
    pub fn new() -> io::Result<Self> {
        Ok(Self { trusted: issuer("mailtrip sandbox CA")? })
    }

    /// The CA's certificate, PEM.
    pub fn pem(&self) -> String {
        self.trusted.pem()
    }

    /// A TLS acceptor with a new certificate, good or flawed.
    pub fn acceptor(&self, flaw: Option<Flaw>) -> io::Result<async_native_tls::TlsAcceptor> {
        let key = KeyPair::generate().map_err(broken)?;
        let params = leaf(flaw)?;
        let certificate = match flaw {
            Some(Flaw::SelfSigned) => params.self_signed(&key),
            Some(Flaw::Untrusted) => params.signed_by(&key, &*issuer("Unrelated CA")?),
            _ => params.signed_by(&key, &*self.trusted),
        }
        .map_err(broken)?;
        let identity = native_tls::Identity::from_pkcs8(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
            .map_err(broken)?;
        let acceptor = native_tls::TlsAcceptor::new(identity).map_err(broken)?;
        Ok(acceptor.into())
    }
}

fn issuer(name: &str) -> io::Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::new(Vec::new()).map_err(broken)?;
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let today = today();
    let midnight = |day: Date| date_time_ymd(day.year().into(), day.month() as u8, day.day() as u8);
    params.not_before = midnight(today.saturating_sub(400.days()));
    params.not_after = midnight(today.saturating_add(400.days()));
    CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(broken)?).map_err(broken)
}

/// What the server's certificate says, before it is signed.
fn leaf(flaw: Option<Flaw>) -> io::Result<CertificateParams> {
    let names: Vec<String> = match flaw {
        Some(Flaw::WrongName) => vec!["mail.other.test".to_owned()],
        _ => NAMES.map(str::to_owned).to_vec(),
    };
    let mut params = CertificateParams::new(names.clone()).map_err(broken)?;
    let common = names.last().map_or(super::HOST, String::as_str);
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, common);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let today = today();
    let midnight = |day: Date| date_time_ymd(day.year().into(), day.month() as u8, day.day() as u8);
    let (from, until) = match flaw {
        Some(Flaw::Expired) => (-365, -1),
        _ => (-1, 365),
    };
    params.not_before = midnight(today.saturating_add(from.days()));
    params.not_after = midnight(today.saturating_add(until.days()));
    Ok(params)
}

fn today() -> Date {
    Zoned::now().with_time_zone(TimeZone::UTC).date()
}
