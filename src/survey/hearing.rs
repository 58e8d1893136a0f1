//! Who speaks first: one connection listens, another begins TLS.

use std::pin::pin;

use tokio::time::{sleep, timeout};

use crate::failure::{Failure, Kind};
use crate::wire::tap::Tap;
use crate::wire::tls::{self, Secured};
use crate::wire::transcript::Transcript;
use crate::wire::{Io, Stream};

use super::Site;

/// What begins in plaintext by its number: there the client does not speak first, unless the server has had its time.
/// Postfix and others take who does for a spammer.
const BEGIN_IN_PLAINTEXT: [u16; 5] = [25, 110, 143, 587, 2525];

/// Between servers, where whoever speaks first may find itself on a list for days; and nobody has TLS from the first byte.
const BETWEEN_SERVERS: u16 = 25;

/// No greeting has a longer first line.
pub(super) const LONGEST_GREETING: usize = 4096;

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

pub(super) async fn hear(tap: Tap, site: &Site<'_>) -> Heard {
    let mut listening = pin!(listen(tap, site));
    let mut shaking = pin!(shake(site));
    tokio::select! {
        plain = &mut listening => match plain {
            Some(stream) => Heard::Plain(stream),
            None => shaking.await,
        },
        shaken = &mut shaking => match shaken {
            Heard::Retort(_) | Heard::Nothing => listening.await.map_or(shaken, Heard::Plain),
            tls => tls,
        },
    }
}

/// The first line that is said without being asked for, or what there is of it.
async fn listen(tap: Tap, site: &Site<'_>) -> Option<Stream> {
    let mut stream = Stream::new(Io::Plain(tap), Transcript::default());
    let _ = timeout(site.surveyor.patience, first_line(&mut stream)).await; // what has come, has come
    (!stream.received.is_empty()).then_some(stream)
}

/// Reads on until the first line is there, or more than any greeting has.
pub(super) async fn first_line(stream: &mut Stream) -> Result<(), Failure> {
    while !stream.received.contains(&b'\n') && stream.received.len() < LONGEST_GREETING {
        stream.read_more().await?;
    }
    Ok(())
}

async fn shake(site: &Site<'_>) -> Heard {
    let (host, ca, patience) = (&site.place.host, site.surveyor.ca, site.surveyor.patience);
    if site.place.port == BETWEEN_SERVERS {
        return Heard::Nothing;
    }
    if BEGIN_IN_PLAINTEXT.contains(&site.place.port) {
        sleep(patience).await;
    }
    let Some(tap) = site.one_more().await else { return Heard::Nothing };
    let watch = tap.reset();
    let failure = match site.surveyor.within(tls::handshake(tap, host, ca)).await {
        Ok((stream, secured)) => return Heard::Tls(Stream::new(Io::Tls(stream), Transcript::default()), secured),
        Err(failure) => failure,
    };
    const HANDSHAKE: u8 = 0x16;
    const ALERT: u8 = 0x15;
    match (&failure.kind, watch.seen().received) {
        (Kind::CertificateRejected, _) => Heard::TlsFailed(named(failure, site.one_more().await, site).await),
        (Kind::PlaintextOnTlsPort, said) => Heard::Retort(said),
        (_, said) if matches!(said.first(), Some(&HANDSHAKE | &ALERT)) => Heard::TlsFailed(failure),
        (_, said) if said.is_empty() => Heard::Nothing,
        (_, said) => Heard::Retort(said),
    }
}

/// A refused certificate is looked at on a connection of its own, to tell which of its fields is wrong.
pub(super) async fn named(failure: Failure, another: Option<Tap>, site: &Site<'_>) -> Failure {
    let Some(tap) = another else { return failure };
    let look = tls::look_at_certificate(tap, &site.place.host);
    let kind = timeout(site.surveyor.patience, look).await.ok().flatten();
    Failure { kind: kind.unwrap_or(Kind::CertificateRejected), ..failure }
}
