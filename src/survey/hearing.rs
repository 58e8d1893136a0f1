//! Who speaks first: the server, in plaintext, or the client, by beginning TLS.

use std::pin::pin;

use tokio::time::timeout;

use crate::account::Security;
use crate::failure::{Failure, Kind};
use crate::wire::tap::Tap;
use crate::wire::tls::{self, Secured};
use crate::wire::transcript::Transcript;
use crate::wire::{Io, Stream};

use super::Site;

/// Between servers, where whoever speaks first may find itself on a list for days; and nobody has TLS from the first byte.
const BETWEEN_SERVERS: u16 = 25;

/// What was heard first.
pub(super) enum Heard {
    /// Plaintext, which is in the stream's buffer.
    Plain(Stream),
    /// TLS from the first byte.
    Tls(Stream, Secured),
    /// TLS, but it came to nothing.
    TlsFailed(Failure),
    /// Nothing but this plaintext in answer to a TLS handshake.
    Retort(Vec<u8>),
    /// Nothing.
    Nothing,
}

/// The client does not speak first where the server is expected to, before the server has had its time: Postfix and
/// others take who does for a spammer.
pub(super) async fn hear(tap: Tap, site: &Site<'_>) -> Heard {
    match site.place.expected {
        Some(Security::Tls) => match shake(Some(tap), site).await {
            nothing @ (Heard::Retort(_) | Heard::Nothing) => {
                listen(site.one_more().await, site).await.unwrap_or(nothing)
            }
            tls => tls,
        },
        Some(Security::Starttls | Security::None) => match listen(Some(tap), site).await {
            Some(plain) => plain,
            None => shake(site.one_more().await, site).await,
        },
        None => hear_both(tap, site).await,
    }
}

async fn hear_both(tap: Tap, site: &Site<'_>) -> Heard {
    let mut listening = pin!(listen(Some(tap), site));
    let mut shaking = pin!(async { shake(site.one_more().await, site).await });
    tokio::select! {
        plain = &mut listening => match plain {
            Some(plain) => plain,
            None => shaking.await,
        },
        shaken = &mut shaking => match shaken {
            nothing @ (Heard::Retort(_) | Heard::Nothing) => listening.await.unwrap_or(nothing),
            tls => tls,
        },
    }
}

/// The first line that is said without being asked for, or what there is of it.
async fn listen(tap: Option<Tap>, site: &Site<'_>) -> Option<Heard> {
    let mut stream = Stream::new(Io::Plain(tap?), Transcript::default());
    let _ = timeout(site.surveyor.patience, stream.first_line()).await; // what has come, has come
    (!stream.received.is_empty()).then_some(Heard::Plain(stream))
}

async fn shake(tap: Option<Tap>, site: &Site<'_>) -> Heard {
    let (host, ca) = (&site.place.host, site.surveyor.ca);
    let Some(tap) = tap.filter(|_| site.place.port != BETWEEN_SERVERS) else { return Heard::Nothing };
    let watch = tap.reset();
    let failure = match site.surveyor.within(tls::handshake(tap, host, ca)).await {
        Ok((stream, secured)) => return Heard::Tls(Stream::new(Io::Tls(stream), Transcript::default()), secured),
        Err(failure) => failure,
    };
    const HANDSHAKE: u8 = 0x16;
    const ALERT: u8 = 0x15;
    match (&failure.kind, watch.seen().received) {
        (Kind::CertificateRejected, _) => {
            Heard::TlsFailed(tls::explained(failure, host, site.surveyor.patience, site.one_more()).await)
        }
        (Kind::PlaintextOnTlsPort { .. }, said) => Heard::Retort(said),
        (_, said) if matches!(said.first(), Some(&HANDSHAKE | &ALERT)) => Heard::TlsFailed(failure),
        (_, said) if said.is_empty() => Heard::Nothing,
        (_, said) => Heard::Retort(said),
    }
}
