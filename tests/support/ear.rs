//! A mail server that keeps every byte that it is sent, before TLS and inside it, and offers a sign-in wherever it can.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use async_native_tls::TlsAcceptor;
use mailtrip::account::{Protocol, Security};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How it behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub protocol: Protocol,
    /// TLS from the first byte; plaintext, and STARTTLS is offered; plaintext, and it is not.
    pub security: Security,
    /// Whether a sign-in is answered, by a refusal.
    pub answers: bool,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    Nothing,
    Expired,
    WrongName,
    Untrusted,
    SelfSigned,
}

/// What one connection has sent.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// In plaintext.
    pub outside: Vec<u8>,
    /// Within TLS.
    pub inside: Vec<u8>,
    /// TLS came about.
    pub encrypted: bool,
}

/// The server. It ends when it is dropped.
pub struct Ear {
    pub port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
    task: JoinHandle<()>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "an authority"); // not the name of what it signs
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names, and its key.
    fn acceptor(&self, names: &[&str], flaw: Flaw) -> TlsAcceptor {
        let names = if flaw == Flaw::WrongName { &["mail.other.test"] } else { names };
        let mut params = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
        if flaw == Flaw::Expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = match flaw {
            Flaw::SelfSigned => params.self_signed(&key),
            Flaw::Untrusted => params.signed_by(&key, &*Authority::new().0),
            Flaw::Nothing | Flaw::Expired | Flaw::WrongName => params.signed_by(&key, &*self.0),
        };
        let (certificate, key) = (certificate.unwrap().pem(), key.serialize_pem());
        let identity = native_tls::Identity::from_pkcs8(certificate.as_bytes(), key.as_bytes()).unwrap();
        native_tls::TlsAcceptor::new(identity).unwrap().into()
    }
}

impl Ear {
    /// On a free port of 127.0.0.1.
    pub async fn start(manner: Manner, authority: &Authority, names: &[&str], flaw: Flaw) -> Ear {
        let acceptor = Arc::new(authority.acceptor(names, flaw));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = heard.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut all = all.lock().unwrap();
                    all.push(Heard::default());
                    all.len() - 1
                };
                let note = {
                    let all = all.clone();
                    move |take: &mut dyn FnMut(&mut Heard)| take(&mut all.lock().unwrap()[number])
                };
                tokio::spawn(listen(stream, manner, acceptor.clone(), note));
            }
        });
        Ear { port, heard, task }
    }

    /// Connection by connection.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// Every line, in order.
    pub fn lines(&self) -> Vec<String> {
        let heard = self.heard();
        let bytes = heard.iter().flat_map(|one| [&one.outside, &one.inside]);
        bytes.flat_map(|bytes| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// The lines by which somebody begins to sign in or gives a password.
    pub fn sign_ins(&self) -> Vec<String> {
        let is_one = |line: &String| {
            let line = line.to_ascii_uppercase();
            let words: Vec<&str> = line.split(' ').collect();
            matches!(&words[..], ["AUTH" | "PASS", _, ..] | [_, "LOGIN" | "AUTHENTICATE", ..])
        };
        self.lines().into_iter().filter(is_one).collect()
    }

    /// Whether this secret was sent, as it stands or in Base64, alone or among other things.
    pub fn knows(&self, secret: &str) -> bool {
        let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        let decoded = |line: &String| {
            let words: Vec<Vec<u8>> = line.split([' ', '=']).map(unbase64).collect();
            words.iter().any(|word| holds(word))
        };
        self.heard().iter().any(|one| holds(&one.outside) || holds(&one.inside)) || self.lines().iter().any(decoded)
    }
}

/// RFC 4648 §4; whatever is no letter of it is left out.
fn unbase64(text: &str) -> Vec<u8> {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<u32> = text.chars().filter_map(|c| letters.find(c)).map(|at| at as u32).collect();
    let quads = digits.chunks(4).map(|quad| (quad.len(), quad.iter().fold(0, |sum, digit| sum << 6 | digit)));
    quads.flat_map(|(length, sum)| (sum << (6 * (4 - length))).to_be_bytes()[1..length.max(1)].to_vec()).collect()
}

async fn listen(
    mut stream: TcpStream,
    manner: Manner,
    acceptor: Arc<TlsAcceptor>,
    note: impl Fn(&mut dyn FnMut(&mut Heard)),
) {
    let wants_tls = manner.security == Security::Tls || {
        let outside = |bytes: &[u8]| note(&mut |heard: &mut Heard| heard.outside.extend(bytes));
        converse(&mut stream, manner, manner.security == Security::Starttls, true, outside).await
    };
    if !wants_tls {
        return;
    }
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    note(&mut |heard| heard.encrypted = true);
    let inside = |bytes: &[u8]| note(&mut |heard: &mut Heard| heard.inside.extend(bytes));
    converse(&mut stream, manner, false, manner.security == Security::Tls, inside).await;
}

/// Whether it ends with the wish for TLS.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    manner: Manner,
    starttls: bool,
    greets: bool,
    keep: impl Fn(&[u8]),
) -> bool {
    let greeting = match manner.protocol {
        Protocol::Smtp => "220 here\r\n",
        Protocol::Imap => "* OK here\r\n",
        Protocol::Pop3 => "+OK here\r\n",
    };
    if greets && stream.write_all(greeting.as_bytes()).await.is_err() {
        return false;
    }
    let (mut line, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = stream.read(&mut chunk).await {
        keep(&chunk[..length]);
        line.extend(&chunk[..length]);
        while let Some(end) = line.iter().position(|&byte| byte == b'\n') {
            let command = String::from_utf8_lossy(&line[..end]).trim_end().to_owned();
            line.drain(..=end);
            let answer = answer(manner, starttls, &command);
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return false;
            }
            if starttls && command.to_ascii_uppercase().split(' ').any(|word| matches!(word, "STARTTLS" | "STLS")) {
                return true;
            }
        }
    }
    false
}

fn answer(manner: Manner, starttls: bool, command: &str) -> String {
    let upper = command.to_ascii_uppercase();
    let mut words = upper.split(' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let refusal = |text: String| if manner.answers { text } else { String::new() };
    let offer = |text: &'static str| if starttls { text } else { "" };
    match (manner.protocol, first, second) {
        (Protocol::Smtp, "EHLO", _) => format!("250-here\r\n{}250 AUTH PLAIN LOGIN\r\n", offer("250-STARTTLS\r\n")),
        (Protocol::Smtp, "STARTTLS", _) => "220 go on\r\n".to_owned(),
        (Protocol::Smtp, "AUTH", _) => refusal("535 5.7.8 no\r\n".to_owned()),
        (Protocol::Smtp, "QUIT", _) => "221 bye\r\n".to_owned(),
        (Protocol::Smtp, ..) => "500 what\r\n".to_owned(),
        (Protocol::Imap, tag, "CAPABILITY") => {
            let words = format!("IMAP4rev1{} SASL-IR AUTH=PLAIN AUTH=LOGIN", offer(" STARTTLS"));
            format!("* CAPABILITY {words}\r\n{tag} OK\r\n")
        }
        (Protocol::Imap, tag, "LOGIN" | "AUTHENTICATE") => refusal(format!("{tag} NO [AUTHENTICATIONFAILED] no\r\n")),
        (Protocol::Imap, tag, _) => format!("{tag} OK\r\n"),
        (Protocol::Pop3, "CAPA", _) => format!("+OK\r\n{}USER\r\nSASL PLAIN LOGIN\r\n.\r\n", offer("STLS\r\n")),
        (Protocol::Pop3, "AUTH" | "PASS", _) => refusal("-ERR [AUTH] no\r\n".to_owned()),
        (Protocol::Pop3, ..) => "+OK\r\n".to_owned(),
    }
}
