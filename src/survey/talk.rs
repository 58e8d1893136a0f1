//! What a mail server says of itself, before TLS and inside it.

use crate::account::Protocol;
use crate::failure::Failure;
use crate::wire::smtp::Smtp;
use crate::wire::tls::{self, Secured};
use crate::wire::transcript::Transcript;
use crate::wire::{Dialogue, Io, Stream, excerpt, imap, pop3, speech};

use super::hearing::Heard;
use super::{Inside, Offer, Port, Site, Speech};

pub(super) async fn with(heard: Heard, site: &Site<'_>) -> Port {
    match heard {
        Heard::Nothing => Port::Silent,
        Heard::TlsFailed(failure) => Port::Tls(Err(failure)),
        Heard::Retort(said) => Port::Foreign { speech: speech::heard(&said), said: line(&said), inside_tls: false },
        Heard::Plain(stream) => match speech::heard(&stream.received) {
            Some(Speech::Smtp) => plain::<Smtp>(Protocol::Smtp, stream, site).await,
            Some(Speech::Imap) => plain::<imap::Greeted>(Protocol::Imap, stream, site).await,
            Some(Speech::Pop3) => plain::<pop3::Greeted>(Protocol::Pop3, stream, site).await,
            speech => Port::Foreign { speech, said: line(&stream.received), inside_tls: false },
        },
        Heard::Tls(mut stream, secured) => {
            let greeted = site.surveyor.within(stream.first_line()).await;
            if let (Err(failure), true) = (greeted, stream.received.is_empty()) {
                return Port::Tls(Err(failure));
            }
            match speech::heard(&stream.received) {
                Some(Speech::Smtp) => inside::<Smtp>(Protocol::Smtp, stream, secured, site).await,
                Some(Speech::Imap) => inside::<imap::Greeted>(Protocol::Imap, stream, secured, site).await,
                Some(Speech::Pop3) => inside::<pop3::Greeted>(Protocol::Pop3, stream, secured, site).await,
                speech => Port::Foreign { speech, said: line(&stream.received), inside_tls: true },
            }
        }
    }
}

async fn inside<D: Dialogue>(protocol: Protocol, stream: Stream, secured: Secured, site: &Site<'_>) -> Port {
    let greeting = line(&stream.received);
    match site.surveyor.within(D::greet(stream)).await {
        Ok(dialogue) => {
            Port::Tls(Ok(Box::new(Inside { protocol, greeting, secured, offer: last_offer(dialogue).await })))
        }
        Err(failure) => Port::Tls(Err(failure)),
    }
}

async fn plain<D: Dialogue>(protocol: Protocol, stream: Stream, site: &Site<'_>) -> Port {
    let greeting = line(&stream.received);
    let (offer, starttls) = match site.surveyor.within(D::greet(stream)).await {
        Ok(dialogue) => (offer(&dialogue), upgrade(dialogue, site).await),
        Err(failure) => (Offer::default(), Err(failure)),
    };
    let inside = |(secured, offer)| Box::new(Inside { protocol, greeting: greeting.clone(), secured, offer });
    let starttls = starttls.map(inside);
    Port::Plain { protocol, greeting, offer, starttls }
}

async fn upgrade<D: Dialogue>(dialogue: D, site: &Site<'_>) -> Result<(Secured, Offer), Failure> {
    let surveyor = site.surveyor;
    let tap = surveyor.within(dialogue.starttls()).await?;
    match surveyor.within(tls::handshake(tap, &site.place.host, surveyor.ca)).await {
        Ok((tls, secured)) => {
            let resumed = D::resume(Stream::new(Io::Tls(tls), Transcript::default()));
            Ok((secured, last_offer(surveyor.within(resumed).await?).await))
        }
        Err(failure) => {
            let another = async {
                let plain = Stream::new(Io::Plain(site.one_more().await?), Transcript::default());
                D::greet(plain).await.ok()?.starttls().await.ok()
            };
            Err(tls::explained(failure, &site.place.host, surveyor.patience, another).await)
        }
    }
}

fn offer(dialogue: &impl Dialogue) -> Offer {
    Offer { capabilities: dialogue.capabilities().to_vec(), mechanisms: dialogue.mechanisms() }
}

/// The same, and takes leave.
async fn last_offer(dialogue: impl Dialogue) -> Offer {
    let offer = offer(&dialogue);
    dialogue.leave().await;
    offer
}

/// The first line, as text.
fn line(said: &[u8]) -> String {
    excerpt(said.split(|&byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default())
}
