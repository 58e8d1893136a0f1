//! A client without a protocol: it sends what it is told and compares what comes back.

use std::time::Duration;

use async_native_tls::{Certificate, TlsConnector};
use mailtrip::sandbox::{Sandbox, Service, Settings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Long enough for a busy machine; reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// PLAIN for alice with the password of the default settings.
pub const PLAIN: &str = "AGFsaWNlQHNhbmRib3gudGVzdABhbGljZSdzIHNhbmRib3ggcGFzc3dvcmQ=";

/// Settings from TOML.
pub fn settings(toml: &str) -> Settings {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{error}"))
}

/// A sandbox from TOML.
pub async fn sandbox(toml: &str) -> Sandbox {
    Sandbox::start(settings(toml)).await.expect("the sandbox starts")
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A connection.
pub struct Raw {
    stream: Option<Box<dyn Duplex>>,
    connector: TlsConnector,
    received: Vec<u8>,
}

fn connector(ca_pem: &str) -> TlsConnector {
    let ca = Certificate::from_pem(ca_pem.as_bytes()).expect("the CA is a certificate");
    TlsConnector::new().add_root_certificate(ca)
}

impl Raw {
    /// A connection in plaintext.
    pub async fn plain(sandbox: &Sandbox, service: Service) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", sandbox.port(service))).await;
        Self {
            stream: Some(Box::new(stream.expect("the port is open"))),
            connector: connector(sandbox.ca_pem()),
            received: Vec::new(),
        }
    }

    /// A connection over implicit TLS.
    pub async fn tls(sandbox: &Sandbox, service: Service) -> Self {
        let mut raw = Self::plain(sandbox, service).await;
        raw.handshake("localhost").await.expect("the handshake succeeds");
        raw
    }

    /// TLS from here on, verified for that host.
    pub async fn handshake(&mut self, host: &str) -> Result<(), native_tls::Error> {
        assert_eq!(self.text(), "", "nothing stands before the handshake");
        let stream = self.stream.take().expect("a stream");
        let tls = timeout(PATIENCE, self.connector.connect(host, stream)).await;
        self.stream = Some(Box::new(tls.expect("the handshake ends in time")?));
        Ok(())
    }

    /// A session over implicit TLS, logged in as alice, the greeting and the answers read.
    pub async fn imap(sandbox: &Sandbox) -> Self {
        let mut raw = Self::tls(sandbox, Service::Imaps).await;
        raw.line().await;
        raw.send("A0 LOGIN alice@sandbox.test \"alice's sandbox password\"\r\n").await;
        assert!(raw.line().await.starts_with("A0 OK "));
        raw
    }

    /// The same for POP3.
    pub async fn pop3(sandbox: &Sandbox) -> Self {
        let mut raw = Self::tls(sandbox, Service::Pop3s).await;
        raw.send("USER alice@sandbox.test\r\nPASS alice's sandbox password\r\n").await;
        raw.line().await;
        raw.line().await;
        assert!(raw.line().await.starts_with("+OK Logged in"));
        raw
    }

    /// The same for submission.
    pub async fn smtp(sandbox: &Sandbox) -> Self {
        let mut raw = Self::tls(sandbox, Service::Submissions).await;
        raw.line().await;
        raw.send("EHLO client.test\r\n").await;
        while raw.line().await.starts_with("250-") {}
        raw.send(format!("AUTH PLAIN {PLAIN}\r\n")).await;
        assert_eq!(raw.line().await, "235 2.7.0 Authentication successful");
        raw
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let stream = self.stream.as_mut().expect("a stream");
        stream.write_all(bytes.as_ref()).await.expect("the server reads");
        stream.flush().await.expect("the server reads");
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }

    /// Reads more; false at the end of the stream, in whatever way it ends.
    async fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let stream = self.stream.as_mut().expect("a stream");
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await;
        let read = read.unwrap_or_else(|_| panic!("silence after {:?}", self.text()));
        let count = read.unwrap_or(0);
        self.received.extend_from_slice(&buffer[..count]);
        count > 0
    }

    /// The next line, without its CRLF.
    pub async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.received.drain(..end + 2).collect();
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            assert!(self.read().await, "the connection ended after {:?}", self.text());
        }
    }

    /// Exactly these bytes come next.
    pub async fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let wanted = bytes.as_ref();
        while self.received.len() < wanted.len() && self.read().await {}
        let got: Vec<u8> = self.received.drain(..wanted.len().min(self.received.len())).collect();
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(wanted));
    }

    /// What comes until the connection ends.
    pub async fn rest(&mut self) -> String {
        while self.read().await {}
        let text = self.text();
        self.received.clear();
        text
    }

    /// Nothing at all comes for a while, and the connection stays open.
    pub async fn silence(&mut self, duration: Duration) {
        let mut buffer = [0; 4096];
        let stream = self.stream.as_mut().expect("a stream");
        let read = timeout(duration, stream.read(&mut buffer)).await;
        assert!(read.is_err(), "the server was not silent: {read:?}");
    }

    /// Plays a dialogue. `C:` lines that follow each other are sent in one write; an `S:` line is compared whole,
    /// or, where it ends in `…`, up to there.
    pub async fn dialogue(&mut self, script: &str) {
        let mut out = String::new();
        for line in script.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
            if let Some(text) = line.strip_prefix("C: ").or(line.strip_prefix("C:")) {
                out += &format!("{text}\r\n");
                continue;
            }
            if !out.is_empty() {
                self.send(std::mem::take(&mut out)).await;
            }
            let wanted = line.strip_prefix("S: ").or(line.strip_prefix("S:"));
            let wanted = wanted.unwrap_or_else(|| panic!("neither C: nor S: {line}"));
            let got = self.line().await;
            match wanted.strip_suffix('…') {
                Some(begin) => assert!(got.starts_with(begin), "wanted {wanted:?}, got {got:?}"),
                None => assert_eq!(got, wanted),
            }
        }
        self.send(out).await;
    }
}
