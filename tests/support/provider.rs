//! A token endpoint on loopback, with TLS: what it says well, badly, or not at all.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use async_native_tls::{TlsAcceptor, TlsStream};
use mailtrip::account::{Grant, Secret, TokenEndpoint, TokenSource};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub const REFRESH: &str = "1//Zq9-refresh";
pub const CLIENT_SECRET: &str = "Zq9&secret";

/// What the endpoint does with a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Says this, in which `LENGTH` stands for the length of the body.
    Says(Cow<'static, str>),
    /// Begins a body, and does not end.
    Endless,
    /// Says nothing, and keeps the connection.
    Stalls,
}

/// A token endpoint. It ends when it is dropped.
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

async fn serve(mut stream: TlsStream<TcpStream>, answer: Answer, heard: Arc<Mutex<Vec<String>>>) {
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
        Answer::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
        Answer::Stalls => while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {},
    }
    let _ = stream.shutdown().await;
}

/// A whole request: its body is as long as it says.
async fn request(stream: &mut TlsStream<TcpStream>) -> String {
    let mut request = String::new();
    let mut chunk = [0; 4096];
    loop {
        let length = stream.read(&mut chunk).await.unwrap_or(0);
        request += &String::from_utf8_lossy(&chunk[..length]);
        let header = request.to_ascii_lowercase();
        let announced = header.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        let body = request.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        if length == 0 || announced.is_some_and(|announced: usize| body >= announced && body > 0) {
            return request;
        }
    }
}
