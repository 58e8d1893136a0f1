//! One HTTPS request, on hyper, over our own connection and TLS: so certificates are judged as everywhere else, and it
//! ends when it is dropped. No proxy is used, whatever the environment says, and no redirection is followed.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::account::TokenUrl;
use crate::failure::{Failure, Kind};
use crate::wire::tap::Tap;
use crate::wire::{Io, connect, lost, resolve, tls};

/// How long connecting may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest header, and the largest body, of an answer.
const LARGEST: usize = 64 * 1024;

/// What came back.
pub(super) struct Answer {
    pub status: u16,
    /// `application/json`, or what else the server says that it is.
    pub media_type: String,
    pub body: Zeroizing<Vec<u8>>,
}

/// Sends a form (`application/x-www-form-urlencoded`), once.
///
/// # Errors
/// The kinds of an opening connection, [`Kind::ConnectionLost`], and [`Kind::Malformed`] for what is not HTTP or too large.
pub(super) async fn post_form(url: &TokenUrl, ca: Option<&[u8]>, form: String) -> Result<Answer, Failure> {
    let request = Request::post(&url.target)
        .header(HOST, url.authority())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, concat!("mailtrip/", env!("CARGO_PKG_VERSION")))
        .body(form)
        .map_err(|error| Failure::new(Kind::Local).detail(error.to_string()))?;
    let stream = Hyper(open(url, ca).await?);
    let begun = http1::Builder::new().max_buf_size(LARGEST).handshake(stream).await;
    let (mut sender, connection) = begun.map_err(|error| broken(&error))?;
    let mut task = JoinSet::new(); // it ends with this function
    task.spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    answer(response).await
}

async fn answer(response: Response<Incoming>) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let media_type = response.headers().get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let media_type = media_type.map(|value| value.split(';').next().unwrap_or_default().trim().to_owned());
    let body = Limited::new(response.into_body(), LARGEST).collect().await.map_err(|error| {
        match error.downcast_ref::<hyper::Error>() {
            Some(error) => broken(error),
            None => Failure::new(Kind::Malformed).detail(format!("an answer of more than {} KiB", LARGEST / 1024)),
        }
    })?;
    let body = Zeroizing::new(body.to_bytes().to_vec());
    Ok(Answer { status, media_type: media_type.unwrap_or_default(), body })
}

fn broken(error: &hyper::Error) -> Failure {
    let malformed = error.is_parse();
    let failure = Failure::new(if malformed { Kind::Malformed } else { Kind::ConnectionLost });
    failure.detail(error.to_string())
}

async fn open(url: &TokenUrl, ca: Option<&[u8]>) -> Result<Io, Failure> {
    let addresses = resolve(&url.host, url.port).await?;
    let (tap, address) = dial(&addresses).await?;
    match tls::handshake(tap, &url.host, ca).await {
        Ok((stream, _)) => Ok(Io::Tls(stream)),
        Err(failure) if failure.kind == Kind::CertificateRejected => {
            let kind = match dial(&[address]).await {
                Ok((tap, _)) => tls::look_at_certificate(tap, &url.host).await,
                Err(_) => None,
            };
            Err(Failure { kind: kind.unwrap_or(Kind::CertificateRejected), ..failure })
        }
        Err(failure) => Err(failure),
    }
}

async fn dial(addresses: &[SocketAddr]) -> Result<(Tap, SocketAddr), Failure> {
    let (attempts, connected) = connect(addresses, PATIENCE).await;
    let why = crate::wire::why_unconnected(&attempts);
    let tcp = connected.ok_or_else(|| Failure::new(why))?;
    let lost = |error: io::Error| lost(b"", Some(&error));
    let address = tcp.peer_addr().map_err(lost)?;
    Ok((Tap::new(tcp).map_err(lost)?, address))
}

/// Our connection as hyper wants it.
struct Hyper(Io);

impl Read for Hyper {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut to: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; 4096];
        let room = to.remaining().min(chunk.len());
        let mut chunk = ReadBuf::new(&mut chunk[..room]);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut chunk))?;
        to.put_slice(chunk.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Hyper {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
