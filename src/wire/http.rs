//! HTTP requests, on hyper, over our own connection and TLS: so certificates are judged as everywhere else, and they
//! end when they are dropped. No proxy is used, whatever the environment says. Redirections are followed to HTTPS only, and
//! only for what may be read by anybody: what is sent goes where it was to go, or nowhere.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, LOCATION, USER_AGENT};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Method, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::account::{HttpsUrl, WebUrl};
use crate::failure::{Failure, Kind};
use crate::wire::names::Names;
use crate::wire::{Io, dial, excerpt, resolve, tls};

/// How long connecting may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest header of an answer, and the largest body of one to what was sent.
const LARGEST: usize = 64 * 1024;

/// The largest document that is read.
const LARGEST_DOCUMENT: usize = 256 * 1024;

/// How many redirections are followed.
const MOST_REDIRECTIONS: usize = 3;

/// What our requests say of us.
const AGENT: &str = concat!("mailtrip/", env!("CARGO_PKG_VERSION"));

/// What is asked of a web server. `Host` and `User-Agent` belong to every request.
pub struct Request {
    /// GET, POST.
    pub method: Method,
    /// Where it goes.
    pub url: WebUrl,
    /// What else the header says.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent.
    pub body: String,
}

impl Request {
    /// Asks for what is there.
    pub fn get(url: &WebUrl) -> Request {
        Request { method: Method::GET, url: url.clone(), headers: Vec::new(), body: String::new() }
    }

    /// Sends something of this type.
    pub fn post(url: &WebUrl, media_type: &str, body: String) -> Request {
        let request = Request { method: Method::POST, body, ..Request::get(url) };
        request.header("content-type", media_type)
    }

    /// The same with one header more.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }

    fn built(&self) -> Result<hyper::Request<String>, Failure> {
        let request = hyper::Request::builder().method(&self.method).uri(&self.url.target);
        let request = request.header(HOST, self.url.authority()).header(USER_AGENT, AGENT);
        // hyper leaves it out where nothing is sent, and there are servers that insist on it (RFC 9110 §8.6).
        let length = (self.method == Method::POST).then_some(self.body.len());
        let request = length.into_iter().fold(request, |request, length| request.header(CONTENT_LENGTH, length));
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        request.body(self.body.clone()).map_err(|error| Failure::new(Kind::Local).detail(error.to_string()))
    }
}

/// What came back.
pub struct Answer {
    /// The HTTP status (RFC 9110 §15).
    pub status: u16,
    /// `application/json`, or what else the server says that it is.
    pub media_type: String,
    /// Its bytes, which may repeat what was sent.
    pub body: Zeroizing<Vec<u8>>,
}

/// A document, and where it was in the end.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where it was found, after redirections.
    pub url: HttpsUrl,
    /// The HTTP status (RFC 9110 §15): it is one that was wanted only where this is 200.
    pub status: u16,
    /// Its bytes, 256 KiB at most.
    pub body: Vec<u8>,
}

/// Asks once, and follows no redirection. `ca` is trusted in addition to the system's trust store.
///
/// # Errors
/// The kinds of an opening connection, [`Kind::ConnectionLost`], and [`Kind::Malformed`] for what is not HTTP or too large.
pub async fn send(request: &Request, ca: Option<&[u8]>) -> Result<Answer, Failure> {
    let addresses = resolve(&request.url.host, request.url.port).await?;
    Ok(ask(request, &addresses, ca, LARGEST).await?.0)
}

/// Gets a document that anybody may read. A few redirections are followed, to other hosts too, but never away from HTTPS.
///
/// # Errors
/// The kinds of an opening connection, [`Kind::ConnectionLost`], and [`Kind::Malformed`] for what is not HTTP, is too
/// large, or leads elsewhere than to HTTPS, or in a circle.
pub async fn get(url: &HttpsUrl, names: &Names, ca: Option<&[u8]>) -> Result<Document, Failure> {
    let mut url = url.clone();
    for _ in 0..=MOST_REDIRECTIONS {
        let addresses = names.addresses(&url.host, url.port).await?;
        let (answer, location) = ask(&Request::get(&url), &addresses, ca, LARGEST_DOCUMENT).await?;
        match (answer.status, location) {
            (301 | 302 | 303 | 307 | 308, Some(location)) => {
                let next = url.join(&location);
                url = next.map_err(|why| {
                    malformed(format!("redirected to {:?}, which {why}", excerpt(location.as_bytes())))
                })?;
            }
            _ => return Ok(Document { url, status: answer.status, body: answer.body.to_vec() }),
        }
    }
    Err(malformed(format!("redirected more than {MOST_REDIRECTIONS} times")))
}

/// One request, and where the answer leads to, if anywhere.
async fn ask(
    request: &Request,
    addresses: &[SocketAddr],
    ca: Option<&[u8]>,
    largest: usize,
) -> Result<(Answer, Option<String>), Failure> {
    let built = request.built()?;
    let stream = open(&request.url, addresses, ca).await?;
    let begun = http1::Builder::new().max_buf_size(LARGEST).handshake(Hyper(stream)).await;
    let (mut sender, connection) = begun.map_err(|error| broken(&error))?;
    let mut task = JoinSet::new(); // it ends with this function
    task.spawn(connection);
    let response = sender.send_request(built).await.map_err(|error| broken(&error))?;
    let location = header(&response, &LOCATION);
    Ok((answer(response, largest).await?, location))
}

async fn answer(response: Response<Incoming>, largest: usize) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let media_type = header(&response, &CONTENT_TYPE).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
    let body = Limited::new(response.into_body(), largest).collect().await.map_err(|error| {
        match error.downcast_ref::<hyper::Error>() {
            Some(error) => broken(error),
            None => malformed(format!("an answer of more than {} KiB", largest / 1024)),
        }
    })?;
    let body = Zeroizing::new(body.to_bytes().to_vec());
    Ok(Answer { status, media_type, body })
}

fn header(response: &Response<Incoming>, name: &HeaderName) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn malformed(detail: String) -> Failure {
    Failure::new(Kind::Malformed).detail(detail)
}

fn broken(error: &hyper::Error) -> Failure {
    let malformed = error.is_parse();
    let failure = Failure::new(if malformed { Kind::Malformed } else { Kind::ConnectionLost });
    failure.detail(error.to_string())
}

async fn open(url: &WebUrl, addresses: &[SocketAddr], ca: Option<&[u8]>) -> Result<Io, Failure> {
    let (tap, address) = dial(addresses, PATIENCE).await?;
    if !url.tls {
        return Ok(Io::Plain(tap));
    }
    match tls::handshake(tap, &url.host, ca).await {
        Ok((stream, _)) => Ok(Io::Tls(stream)),
        Err(failure) => {
            let another = async { Some(dial(&[address], PATIENCE).await.ok()?.0) };
            Err(tls::explained(failure, &url.host, PATIENCE, another).await)
        }
    }
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
