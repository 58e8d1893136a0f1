//! A domain on loopback: its DNS, its web server, and a certificate authority that both the web server and a sandbox's mail
//! servers are trusted by.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_native_tls::{TlsAcceptor, TlsStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

/// A record of a name.
#[derive(Clone, Debug)]
pub enum Record {
    /// The address 127.0.0.1.
    Here,
    /// Priority, weight, port, target; `.` for a service that is not offered.
    Srv(u16, u16, u16, &'static str),
    /// Preference and host.
    Mx(u16, &'static str),
}

/// What a DNS server does with a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It answers.
    #[default]
    Well,
    /// It cannot answer (SERVFAIL).
    Failing,
    /// It says nothing.
    Silent,
    /// It answers with what is no DNS message.
    Garbage,
}

/// A DNS server with these records, which knows no other name. It ends when it is dropped.
pub struct Dns {
    pub address: SocketAddr,
    questions: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Dns {
    pub async fn start(records: &[(&str, Record)], mood: Mood) -> Dns {
        Dns::start_at("127.0.0.1:0", records, mood).await
    }

    pub async fn start_at(place: &str, records: &[(&str, Record)], mood: Mood) -> Dns {
        let mut zone: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for (name, record) in records {
            zone.entry((*name).to_owned()).or_default().push(record.clone());
        }
        let socket = UdpSocket::bind(place).await.unwrap();
        let address = socket.local_addr().unwrap();
        let questions = Arc::new(Mutex::new(Vec::new()));
        let heard = questions.clone();
        let task = tokio::spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                let (name, mut answer) = answer(&packet[..length], &zone, mood);
                if mood == Mood::Garbage {
                    answer.truncate(2); // the number of the question, so that it is not ignored
                    answer.extend([0xff; 400]);
                }
                heard.lock().unwrap().push(name);
                if mood != Mood::Silent {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Dns { address, questions, task }
    }

    /// The names that were asked for.
    pub fn questions(&self) -> Vec<String> {
        self.questions.lock().unwrap().clone()
    }
}

/// The name that is asked for, and the answer (RFC 1035 §4).
fn answer(query: &[u8], zone: &BTreeMap<String, Vec<Record>>, mood: Mood) -> (String, Vec<u8>) {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + length]).to_ascii_lowercase());
        at += 1 + length;
    }
    let (name, question) = (labels.join("."), &query[12..at + 5]);
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let known = zone.get(&name);
    let data: Vec<Vec<u8>> = known.into_iter().flatten().filter_map(|record| data(record, kind)).collect();
    let code: u8 = match (mood, known) {
        (Mood::Failing, _) => 2,
        (_, None) => 3,
        (_, Some(_)) => 0,
    };
    let count = if code == 0 { data.len() as u8 } else { 0 };
    let mut packet = [&query[..2], &[0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0], question].concat();
    for data in data.iter().take(count.into()) {
        packet.extend([0xc0, 12]); // the name of the question
        packet.extend(kind.to_be_bytes());
        packet.extend([0, 1, 0, 0, 0, 60]);
        packet.extend((data.len() as u16).to_be_bytes());
        packet.extend(data);
    }
    (name, packet)
}

fn data(record: &Record, kind: u16) -> Option<Vec<u8>> {
    let (a, mx, srv) = (1, 15, 33); // RFC 1035 §3.2.2, RFC 2782
    match record {
        Record::Here if kind == a => Some(vec![127, 0, 0, 1]),
        Record::Mx(preference, host) if kind == mx => Some([&preference.to_be_bytes()[..], &encoded(host)].concat()),
        Record::Srv(priority, weight, port, host) if kind == srv => {
            Some([&[*priority, *weight, *port].map(u16::to_be_bytes).concat()[..], &encoded(host)].concat())
        }
        _ => None,
    }
}

fn encoded(host: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in host.split('.').filter(|label| !label.is_empty()) {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.push(0);
    out
}

/// A web server for these names, by HTTPS. It ends when it is dropped.
pub struct Web {
    pub port: u16,
    /// The certificate to trust.
    pub ca: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What there is under `host/path`; without the query.
pub type Pages = BTreeMap<String, Page>;

/// What is sent for a path.
#[derive(Clone)]
pub enum Page {
    /// Status 200, and this.
    File(Vec<u8>),
    /// A redirection to there. `PORT` is the server's port.
    Moved(&'static str),
    /// Status 200, and a body that does not end.
    Endless,
    /// Nothing at all.
    Silence,
}

impl Web {
    pub async fn start(names: &[&str], pages: Pages) -> Web {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap().pem();
        let identity = native_tls::Identity::from_pkcs8(ca.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
        let acceptor = TlsAcceptor::from(native_tls::TlsAcceptor::new(identity).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = requests.clone();
        let task = tokio::spawn(async move {
            let (pages, acceptor) = (Arc::new(pages), Arc::new(acceptor));
            while let Ok((socket, _)) = listener.accept().await {
                let (pages, acceptor, heard) = (pages.clone(), acceptor.clone(), heard.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(socket).await {
                        serve(stream, &pages, port, &heard).await;
                    }
                });
            }
        });
        Web { port, ca, requests, task }
    }

    /// `host/path?query` of each request.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TlsStream<TcpStream>, pages: &Pages, port: u16, heard: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut chunk).await {
            Ok(length @ 1..) => request.extend(&chunk[..length]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let target = request.split(' ').nth(1).unwrap_or_default();
    let host = request.to_ascii_lowercase();
    let host = host.split("host: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    heard.lock().unwrap().push(format!("{host}{target}"));
    let path = format!("{host}{}", target.split('?').next().unwrap_or_default());
    let answer = match pages.get(&path) {
        Some(Page::File(body)) => {
            [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
        }
        Some(Page::Moved(to)) => {
            let to = to.replace("PORT", &port.to_string());
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
        }
        Some(Page::Endless) => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n<clientConfig>").await;
            while stream.write_all(&[b' '; 4096]).await.is_ok() {}
            return;
        }
        Some(Page::Silence) => {
            while matches!(stream.read(&mut chunk).await, Ok(1..)) {}
            return;
        }
        None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot here\n".to_vec(),
    };
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}
