//! A web server on loopback, such as a token endpoint: what it says well, badly, or not at all. With TLS, or without.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use async_native_tls::TlsAcceptor;
use mailtrip::account::{Grant, Secret, TokenEndpoint, TokenSource};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub const REFRESH: &str = "1//Zq9-refresh";
pub const CLIENT_SECRET: &str = "Zq9&secret";

/// What the endpoint does with a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Says this, in which `LENGTH` stands for the length of the body.
    Says(Cow<'static, str>),
    /// Gives this token to who asks by all that is right, and else says what is wrong (RFC 6749 §5.2).
    Judges { token: &'static str },
    /// Begins a body, and does not end.
    Endless,
    /// Says nothing, and keeps the connection.
    Stalls,
}

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub struct Provider {
    pub port: u16,
    pub ca: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Provider {
    pub async fn start(answer: Answer) -> Provider {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap().pem();
        let identity = native_tls::Identity::from_pkcs8(ca.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
        let acceptor = TlsAcceptor::from(native_tls::TlsAcceptor::new(identity).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = requests.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(socket).await {
                    tokio::spawn(serve(stream, answer.clone(), heard.clone()));
                }
            }
        });
        Provider { port, ca, requests, task }
    }

    /// Without TLS.
    pub async fn plain(answer: Answer) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = requests.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, answer.clone(), heard.clone()));
            }
        });
        Provider { port, ca: String::new(), requests, task }
    }

    pub fn source(&self) -> Arc<TokenSource> {
        Arc::new(TokenSource::Endpoint(Box::new(self.endpoint())))
    }

    pub fn endpoint(&self) -> TokenEndpoint {
        TokenEndpoint {
            url: format!("https://localhost:{}/token", self.port).parse().unwrap(),
            client_id: "an id".into(),
            client_secret: Some(Secret::new(CLIENT_SECRET)),
            grant: Grant::RefreshToken(Secret::new(REFRESH)),
            scope: None,
            ca: Some(self.ca.clone().into_bytes()),
        }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: impl Socket, answer: Answer, heard: Arc<Mutex<Vec<String>>>) {
    let request = request(&mut stream).await;
    if request.is_empty() {
        return; // a second look at the certificate
    }
    heard.lock().unwrap().push(request);
    match answer {
        Answer::Says(text) => {
            let length = text.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len()).to_string();
            let _ = stream.write_all(text.replace("LENGTH", &length).as_bytes()).await;
        }
        Answer::Judges { token } => {
            let body = judgement(heard.lock().unwrap().last().map_or("", String::as_str), token);
            let status = if body.contains("access_token") { "200 OK" } else { "400 Bad Request" };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Answer::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
        Answer::Stalls => while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {},
    }
    let _ = stream.shutdown().await;
}

/// With TLS, or without.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for S {}

/// What the form of a request amounts to.
fn judgement(request: &str, token: &str) -> String {
    let form = request.rsplit("\r\n\r\n").next().unwrap_or_default();
    let has = |name: &str, value: &str| {
        let encoded = value.replace('/', "%2F").replace('&', "%26");
        let same = |sent: &str| sent.replace('+', " ").replace("%20", " ") == encoded;
        form.split('&').find_map(|field| field.strip_prefix(&format!("{name}="))).is_some_and(same)
    };
    let error = match () {
        () if !has("client_id", "an id") || !has("client_secret", CLIENT_SECRET) => "invalid_client",
        () if !has("grant_type", "refresh_token") => "unauthorized_client",
        () if !has("refresh_token", REFRESH) => "invalid_grant",
        () if form.contains("scope=") && !has("scope", "mail") => "invalid_scope",
        () => return format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}"),
    };
    format!("{{\"error\":\"{error}\"}}")
}

/// A whole request: its body is as long as it says.
async fn request(stream: &mut impl Socket) -> String {
    let mut request = String::new();
    let mut chunk = [0; 4096];
    loop {
        let length = stream.read(&mut chunk).await.unwrap_or(0);
        request += &String::from_utf8_lossy(&chunk[..length]);
        let whole = request.split_once("\r\n\r\n").is_some_and(|(header, body)| {
            let header = header.to_ascii_lowercase();
            let announced =
                header.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
            body.len() >= announced.unwrap_or(0)
        });
        if length == 0 || whole {
            return request;
        }
    }
}
