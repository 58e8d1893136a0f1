//! A mail system on the ports that mail has everywhere, with what else there may be on a host, and its DNS.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use mailtrip::sandbox::{Fault, Responder, Sandbox, Service, Settings, User};
use socket2::{Domain, Socket, Type};
use tempfile::{NamedTempFile, TempDir};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::document::Document;
use crate::internet::{Dns, Mood};
use crate::provider::{Answer, Provider};
use crate::ways;

/// The host of the mail system, whose certificate is for this name.
pub const HOST: &str = "mail.sandbox.test";
/// The same host; the certificate is not for this name.
pub const ALIAS: &str = "smtp.sandbox.test";
/// Every port is closed there.
pub const CLOSED: &str = "closed.test";
/// No mail port answers there.
pub const SILENT: &str = "silent.test";

pub const PASSWORD: &str = "the password";
pub const TOKEN: &str = "ya29.the-token";

const HOSTS: &str =
    "127.0.0.1 localhost mail.sandbox.test smtp.sandbox.test\n127.0.0.9 closed.test\n127.0.0.8 silent.test\n";
const RESOLVER: &str = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
const PORTS: [(Service, u16); 6] = [
    (Service::Submission, 587),
    (Service::Submissions, 465),
    (Service::Imap, 143),
    (Service::Imaps, 993),
    (Service::Pop3, 110),
    (Service::Pop3s, 995),
];

/// All of it, until the process ends.
pub struct Town {
    runtime: Runtime,
    folder: TempDir,
    /// Gives access tokens.
    pub provider: Provider,
    _sandbox: Sandbox,
    _dns: Dns,
    _silent: Vec<Socket>,
}

impl Town {
    /// In the network and the mounts of this process, which nobody else is in.
    pub fn found() -> Town {
        let folder = TempDir::new().expect("a temporary folder");
        for (file, text) in [("/etc/hosts", HOSTS), ("/etc/resolv.conf", RESOLVER)] {
            let own = folder.path().join(file.rsplit('/').next().expect("a name"));
            fs::write(&own, text).expect("a file in a temporary folder");
            let bound = Command::new("mount").arg("--bind").arg(&own).arg(file).status();
            assert!(bound.is_ok_and(|status| status.success()), "{file} of our own");
        }
        let runtime = Runtime::new().expect("a runtime");
        let (sandbox, dns, provider) = runtime.block_on(async {
            let sandbox = Sandbox::start(settings()).await.expect("a sandbox");
            for (service, port) in PORTS {
                door(port, sandbox.port(service)).await;
            }
            chatter(22, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "").await;
            chatter(80, "", "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close\r\n\r\n").await;
            let dns = Dns::start_at("127.0.0.1:53", &[], Mood::Well).await;
            (sandbox, dns, Provider::start(Answer::Judges { token: TOKEN }).await)
        });
        let ca = format!("{}{}", sandbox.ca_pem(), provider.ca);
        fs::write(folder.path().join("ca.pem"), ca).expect("a file in a temporary folder");
        let other = rcgen::generate_simple_self_signed(vec!["other.test".to_owned()]).expect("a certificate");
        fs::write(folder.path().join("other.pem"), other.cert.pem()).expect("a file in a temporary folder");
        fs::write(folder.path().join("empty"), "").expect("a file in a temporary folder");
        let mail = PORTS.iter().map(|(_, port)| SocketAddr::from(([127, 0, 0, 8], *port)));
        let silent = mail.chain([SocketAddr::from(([127, 0, 0, 1], 25))]).flat_map(silence).collect();
        Town { runtime, folder, provider, _sandbox: sandbox, _dns: dns, _silent: silent }
    }

    pub fn run<T>(&self, task: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        self.runtime.block_on(task)
    }

    /// The document as a file beside the certificates.
    pub fn write(&self, document: &Document) -> NamedTempFile {
        let file = NamedTempFile::with_suffix_in(".toml", self.folder.path()).expect("a file in a temporary folder");
        fs::write(file.path(), document.text()).expect("a file in a temporary folder");
        file
    }
}

/// A mailbox for each way to break something, so that they can be tried at the same time, and one more to write to.
fn settings() -> Settings {
    let user = |name: String| User {
        address: format!("{name}@sandbox.test"),
        password: PASSWORD.to_owned(),
        token: Some(TOKEN.to_owned()),
    };
    let numbers = 0..ways::all().len() + ways::pairs().len();
    let auth = ["PLAIN", "LOGIN", "XOAUTH2"].map(str::to_owned).to_vec();
    let responders = vec![Responder { address: "echo@sandbox.test".to_owned(), threaded: true }];
    let late = ways::all().iter().position(ways::Way::wants_late_mail).expect("it is one of them");
    let by = jiff::SignedDuration::from_secs(60);
    let faults = vec![Fault::MessageDelayed { by, to: Some(format!("way{late}@sandbox.test")) }];
    Settings {
        faults,
        responders,
        accounts: numbers.map(|number| user(format!("way{number}"))).collect(),
        auth,
        ..Settings::default()
    }
}

/// A port that leads to the sandbox.
async fn door(port: u16, to: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port of our own network");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", to)).await?;
                client.set_nodelay(true)?;
                server.set_nodelay(true)?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
}

/// Something that is no mail server: what it says first, and what to whatever is said to it.
async fn chatter(port: u16, first: &'static str, then: &'static str) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port of our own network");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = client.write_all(first.as_bytes()).await;
                let _ = client.read(&mut [0; 1024]).await;
                let _ = client.write_all(then.as_bytes()).await;
            });
        }
    });
}

/// A port that drops what comes: a queue that is full and never emptied. All of it has to be kept.
fn silence(address: SocketAddr) -> Vec<Socket> {
    let stream = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let listener = stream();
    listener.bind(&address.into()).expect("a port of our own network");
    listener.listen(0).expect("it listens");
    let mut sockets = vec![listener];
    loop {
        let client = stream();
        let connected = client.connect_timeout(&address.into(), Duration::from_millis(300));
        sockets.push(client);
        if connected.is_err() {
            return sockets;
        }
        assert!(sockets.len() < 10, "the queue of {address} does not fill");
    }
}
