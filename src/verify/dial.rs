//! The opening sequence, one for every protocol and security: resolve, connect, TLS, greeting, a token
//! where one is needed, login.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::account::{Account, Endpoint, Proof, Protocol, Secret, Security, TokenSource};
use crate::failure::{Failure, Kind};
use crate::outcome::{Concern, Dialled, Fact};
use crate::stage::{At, Leg, Stage};
use crate::verify::recorder::{Halted, Recorder, Seen};
use crate::wire::sasl::{Key, SignIn};
use crate::wire::tap::Tap;
use crate::wire::tls::{self, Secured};
use crate::wire::token::Token;
use crate::wire::transcript::Transcript;
use crate::wire::{self, Attempt, Dialogue, Io, Stream};

/// How long a second look at a certificate that was refused may take.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// Where to, for whom, and as what part of the journey.
#[derive(Debug, Clone, Copy)]
pub struct Dial<'a> {
    /// The leg that it belongs to.
    pub leg: Leg,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Whose it is.
    pub account: &'a Account,
    /// Where it is.
    pub endpoint: &'a Endpoint,
}

/// Opens a session, stage by stage.
///
/// # Errors
/// [`Halted`]: the stage that failed is on record.
pub async fn open<D: Dialogue>(dial: Dial<'_>, recorder: &Recorder<'_>) -> Result<D::Session, Halted> {
    let (dialogue, _) = reach::<D>(dial, recorder).await?;
    sign_in(dial, dialogue, recorder).await
}

/// What comes before the sign-in; with it, the address that was used.
///
/// # Errors
/// [`Halted`]: the stage that failed is on record.
pub async fn reach<D: Dialogue>(dial: Dial<'_>, recorder: &Recorder<'_>) -> Result<(D, SocketAddr), Halted> {
    let Dial { leg, protocol, account, endpoint } = dial;
    let at = |stage| At::new(leg, stage, protocol);
    let name = account.name.as_str();
    let addresses = recorder.stage(at(Stage::Resolve), name, async |seen| resolve(endpoint, seen).await).await?;
    let left = recorder.bounds().deadline.saturating_duration_since(Instant::now());
    // So that each address has its result before the stage is cut off.
    let limit = recorder.bounds().stage.min(left) / 10 * 9;
    let (tap, address) =
        recorder.stage(at(Stage::Connect), name, async |seen| connect(&addresses, limit, seen).await).await?;
    Ok((converse(dial, tap, address, recorder).await?, address))
}

/// TLS, and the first words: on a connection to this address that was just made.
///
/// # Errors
/// [`Halted`]: the stage that failed is on record.
pub async fn converse<D: Dialogue>(
    dial: Dial<'_>,
    tap: Tap,
    address: SocketAddr,
    recorder: &Recorder<'_>,
) -> Result<D, Halted> {
    let Dial { leg, protocol, account, endpoint } = dial;
    let at = |stage| At::new(leg, stage, protocol);
    let name = account.name.as_str();
    let io = match endpoint.security {
        Security::Tls => {
            recorder
                .stage(at(Stage::Tls), name, async |seen| secure(tap, endpoint, one_more(address), seen).await)
                .await?
        }
        Security::Starttls | Security::None => Io::Plain(tap),
    };
    let transcript = recorder.transcript(leg, protocol, name);
    let stream = Stream::new(io, transcript.clone());
    let dialogue = recorder
        .stage(at(Stage::Greeting), name, async |seen| {
            let dialogue = D::meet(stream, &mut |text| seen.fact(Fact::Greeting { text: text.to_owned() })).await?;
            seen.fact(Fact::Capabilities { names: dialogue.capabilities().to_vec() });
            Ok(dialogue)
        })
        .await?;
    match endpoint.security {
        Security::Starttls => {
            let upgrade = async |seen: &mut Seen| upgrade(dialogue, endpoint, address, transcript, seen).await;
            recorder.stage(at(Stage::Starttls), name, upgrade).await
        }
        Security::Tls | Security::None => Ok(dialogue),
    }
}

/// From plaintext to TLS.
async fn upgrade<D: Dialogue>(
    dialogue: D,
    endpoint: &Endpoint,
    address: SocketAddr,
    transcript: Transcript,
    seen: &mut Seen,
) -> Result<D, Failure> {
    let again = async {
        let another = Stream::new(Io::Plain(one_more(address).await?), Transcript::default());
        D::greet(another).await.ok()?.starttls().await.ok()
    };
    let io = secure(dialogue.starttls().await?, endpoint, again, seen).await?;
    let dialogue = D::resume(Stream::new(io, transcript)).await?;
    seen.fact(Fact::Capabilities { names: dialogue.capabilities().to_vec() });
    Ok(dialogue)
}

/// A token where one is needed, then the login.
///
/// # Errors
/// [`Halted`]: the stage that failed is on record.
pub async fn sign_in<D: Dialogue>(dial: Dial<'_>, dialogue: D, recorder: &Recorder<'_>) -> Result<D::Session, Halted> {
    let key = key(dial, recorder).await?;
    let at = At::new(dial.leg, Stage::Login, dial.protocol);
    let login = async |seen: &mut Seen| login(dialogue, dial.endpoint, &key, seen).await;
    recorder.stage(at, &dial.account.name, login).await
}

/// What to sign in by: the password, or a token, which is fetched as a stage of its own.
async fn key(dial: Dial<'_>, recorder: &Recorder<'_>) -> Result<Key, Halted> {
    match &dial.endpoint.credentials.proof {
        Proof::Password(password) => Ok(Key::Password(password.clone())),
        Proof::Token(source) => {
            let at = At::new(dial.leg, Stage::Token, dial.protocol);
            recorder.stage(at, &dial.account.name, async |seen| token(source, recorder, seen).await).await
        }
    }
}

async fn token(source: &Arc<TokenSource>, recorder: &Recorder<'_>, seen: &mut Seen) -> Result<Key, Failure> {
    let from = match &**source {
        TokenSource::AtHand(_) => "configuration".to_owned(),
        TokenSource::Command(_) => "command".to_owned(),
        TokenSource::Endpoint(endpoint) => endpoint.url.to_string(),
    };
    let (Token { secret, lifetime, scope, another_refresh_token }, again) = recorder.tokens().of(source).await?;
    recorder.conceal(&secret);
    let lifetime_seconds = lifetime.map(|lifetime| lifetime.as_secs());
    seen.fact(Fact::Token { from, lifetime_seconds, scope, again, another_refresh_token });
    Ok(Key::Token(secret))
}

/// The addresses to try: of those that the host has, those of the family that is to be used.
async fn resolve(endpoint: &Endpoint, seen: &mut Seen) -> Result<Vec<SocketAddr>, Failure> {
    let mut addresses = wire::resolve(&endpoint.host, endpoint.port).await?;
    let all: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    seen.fact(Fact::Addresses { addresses: all.clone() });
    addresses.retain(|address| endpoint.family.has(address.ip()));
    if addresses.is_empty() {
        return Err(Failure::new(Kind::NoAddressOfFamily { family: endpoint.family, others: all }));
    }
    Ok(addresses)
}

async fn connect(addresses: &[SocketAddr], limit: Duration, seen: &mut Seen) -> Result<(Tap, SocketAddr), Failure> {
    let (attempts, connected) = wire::connect(addresses, limit).await;
    let used = connected.as_ref().and_then(|tcp| tcp.peer_addr().ok());
    for Attempt { address, result, took } in &attempts {
        let (address, seconds, used) = (address.to_string(), took.as_secs_f64(), Some(*address) == used);
        seen.fact(Fact::Address { address, result: *result, seconds, used });
    }
    let Some(tcp) = connected else { return Err(wire::unconnected(&attempts)) };
    for Attempt { address, result, .. } in &attempts {
        // An address family that this machine has no way to at all says nothing about the server, nor what it did not try.
        if !matches!(result, Dialled::Connected | Dialled::NoRoute | Dialled::NoSocket) {
            seen.concern(Concern::AddressFailed { address: address.to_string(), result: *result });
        }
    }
    let lost = |error: std::io::Error| wire::lost(b"", Some(&error));
    let address = tcp.peer_addr().map_err(lost)?;
    Ok((Tap::new(tcp).map_err(lost)?, address))
}

/// One more connection, for a look at the certificate.
async fn one_more(address: SocketAddr) -> Option<Tap> {
    Some(wire::dial(&[address], SECOND_LOOK).await.ok()?.0)
}

/// The TLS handshake; `again` is for a look at a certificate that is refused.
async fn secure(
    tap: Tap,
    endpoint: &Endpoint,
    again: impl Future<Output = Option<Tap>>,
    seen: &mut Seen,
) -> Result<Io, Failure> {
    match tls::handshake(tap, &endpoint.host, endpoint.ca.as_deref()).await {
        Ok((stream, secured)) => {
            note_secured(secured, seen);
            Ok(Io::Tls(stream))
        }
        Err(failure) => Err(tls::explained(failure, &endpoint.host, SECOND_LOOK, again).await),
    }
}

fn note_secured(secured: Secured, seen: &mut Seen) {
    let Secured { version, cipher, handshake, certificate } = secured;
    seen.fact(Fact::Tls { version, cipher, handshake_seconds: handshake.as_secs_f64() });
    if let Some(certificate) = certificate {
        seen.fact(Fact::Certificate {
            days_left: certificate.days_left(Timestamp::now()),
            not_after: certificate.not_after.to_string(),
            names: certificate.names,
            issuer: certificate.issuer,
        });
    }
}

async fn login<D: Dialogue>(
    dialogue: D,
    endpoint: &Endpoint,
    key: &Key,
    seen: &mut Seen,
) -> Result<D::Session, Failure> {
    let username = &endpoint.credentials.username;
    if !username.contains('@') {
        seen.fact(Fact::UsernameWithoutDomain { username: username.clone() });
    }
    let password = endpoint.credentials.proof.password().map_or("", Secret::expose);
    if password.trim() != password {
        seen.fact(Fact::PasswordEdgeWhitespace);
    }
    if endpoint.security == Security::None && endpoint.allow_cleartext_password {
        seen.fact(Fact::CleartextPassword);
    }
    let signed_in = dialogue.login(endpoint, key).await;
    if signed_in.as_ref().is_err_and(|failure| failure.kind.is_before_sign_in()) {
        seen.facts.retain(|fact| *fact != Fact::CleartextPassword);
    }
    let (session, SignIn { mechanism, also_offered }) = signed_in?;
    seen.fact(Fact::Mechanism { name: mechanism.name().to_owned(), also_offered });
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const LIMIT: Duration = Duration::from_secs(5);

    /// Somebody who listens there, or an error where the machine does not have such addresses.
    async fn listener(host: &str) -> std::io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind((host, 0)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    /// A port that nobody listens on any more.
    async fn closed(host: &str) -> std::io::Result<SocketAddr> {
        listener(host).await.map(|(_, address)| address)
    }

    async fn concerns(addresses: &[SocketAddr]) -> (Option<SocketAddr>, Vec<Concern>) {
        let mut seen = Seen::default();
        let connected = connect(addresses, LIMIT, &mut seen).await;
        (connected.ok().map(|(_, used)| used), seen.concerns)
    }

    #[tokio::test]
    async fn a_family_that_does_not_work_while_the_other_does_is_named_in_both_directions() {
        for (good, bad) in [("127.0.0.1", "::1"), ("::1", "127.0.0.1")] {
            let (Ok((_listener, good)), Ok(bad)) = (listener(good).await, closed(bad).await) else {
                eprintln!("this machine does not have both families: not run");
                return;
            };
            let failed = Concern::AddressFailed { address: bad.to_string(), result: Dialled::Refused };
            for addresses in [[good, bad], [bad, good]] {
                assert_eq!(concerns(&addresses).await, (Some(good), vec![failed.clone()]));
            }
        }
    }

    /// That the kernel has no way there says nothing about a server.
    #[tokio::test]
    async fn a_family_that_this_machine_does_not_have_is_no_concern() {
        let (_listener, good) = listener("127.0.0.1").await.unwrap();
        // An interface that does not exist: the kernel has no way there, whatever else it has.
        let nowhere = SocketAddr::V6(std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 9, 0, 999_999));
        let (attempts, _) = wire::connect(&[nowhere], LIMIT).await;
        if attempts[0].result != Dialled::NoRoute {
            eprintln!("this kernel tries all the same: not run");
            return;
        }
        assert_eq!(concerns(&[nowhere, good]).await, (Some(good), vec![]));
    }
}
