//! Whatever a client sends, no session of the sandbox panics: random command lines out of the pieces that parsers trip
//! over, the same ones in every run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_native_tls::{Certificate, TlsConnector, TlsStream};
use mailtrip::sandbox::{Sandbox, Service, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

static PANICS: AtomicUsize = AtomicUsize::new(0);

const PIECES: &[&str] = &[
    "",
    " ",
    "  ",
    "(",
    ")",
    "\"",
    "\\",
    "{",
    "}",
    "{0}",
    "{3+}\r\nabc",
    "{9",
    "[",
    "]",
    "<",
    ">",
    "<0.1>",
    "<5.0>",
    "<18446744073709551615.18446744073709551615>",
    ":",
    ",",
    "*",
    "%",
    "0",
    "1",
    "1:*",
    "*:1",
    "4294967295",
    "4294967296",
    "99999999999999999999",
    "-1",
    "UID",
    "FETCH",
    "STORE",
    "SEARCH",
    "COPY",
    "EXPUNGE",
    "IDLE\r\nDONE",
    "SELECT",
    "INBOX",
    "Sent",
    "&",
    "&-",
    "&AAA-",
    "&AOQ",
    "LIST",
    "STATUS",
    "APPEND",
    "CREATE",
    "DELETE",
    "CLOSE",
    "BODY",
    "BODY[",
    "BODY.PEEK[]",
    "BODY[HEADER.FIELDS",
    "BODY[TEXT]",
    "FLAGS",
    "+FLAGS",
    "-FLAGS.SILENT",
    "(\\Seen)",
    "\\Deleted",
    "\\Recent",
    "NOT",
    "OR",
    "HEADER",
    "SUBJECT",
    "BEFORE",
    "30-Feb-2026",
    "1-Jan-2026",
    "ALL",
    "RETURN",
    "(SPECIAL-USE)",
    "(MESSAGES UIDNEXT)",
    "\"quoted\"",
    "\"a\\",
    "\0",
    "ü",
    "\u{feff}",
    "NOOP",
    "CAPABILITY",
    "\t",
    "MAIL",
    "FROM:<a@b>",
    "FROM:",
    "FROM:<",
    "FROM:<@x:a@b>",
    "FROM:<@x>",
    "RCPT",
    "TO:<bob@sandbox.test>",
    "TO:<>",
    "TO:ü",
    "SIZE=",
    "SIZE=x",
    "SIZE=99999999999999999999",
    "BODY=8BITMIME",
    "DATA",
    "\r\n.\r\n",
    ".",
    "RSET",
    "EHLO x",
    "AUTH",
    "PLAIN",
    "LOGIN",
    "=",
    "AAAA",
    "*\r\n*",
    "STAT",
    "UIDL",
    "RETR",
    "TOP",
    "DELE",
    "CAPA",
    "USER",
    "PASS",
    "STARTTLS",
];

/// A small generator of numbers that are the same in every run (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn line(&mut self, tagged: bool) -> String {
        let mut line = if tagged { "t ".to_owned() } else { String::new() };
        for _ in 0..=self.roll(7) {
            line += PIECES[self.roll(PIECES.len())];
            if self.roll(4) > 0 {
                line.push(' ');
            }
        }
        line + "\r\n"
    }
}

async fn connect(sandbox: &Sandbox, service: Service, login: &str) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", sandbox.port(service))).await.expect("a connection");
    let ca = Certificate::from_pem(sandbox.ca_pem().as_bytes()).expect("a certificate");
    let connector = TlsConnector::new().add_root_certificate(ca);
    let mut stream = connector.connect("localhost", stream).await.expect("a handshake");
    stream.write_all(login.as_bytes()).await.expect("the server reads");
    stream
}

/// Sends lines until the server hangs up, or enough; reads whatever comes.
async fn torment(stream: TlsStream<TcpStream>, dice: &mut Dice, tagged: bool) {
    let (mut from, mut to) = tokio::io::split(stream);
    let reader = tokio::spawn(async move {
        let mut buffer = [0; 65536];
        while matches!(from.read(&mut buffer).await, Ok(1..)) {}
    });
    for _ in 0..200 {
        if to.write_all(dice.line(tagged).as_bytes()).await.is_err() {
            break;
        }
    }
    to.shutdown().await.ok();
    drop(to);
    timeout(Duration::from_secs(20), reader).await.expect("the server ends the session").ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_line_makes_a_session_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        before(panic);
    }));
    let settings = Settings { existing: 5, ..Settings::default() };
    let sandbox = Sandbox::start(settings).await.expect("a sandbox");
    let password = &sandbox.accounts()[0].password;
    let logins = [
        (Service::Imaps, format!("a LOGIN alice@sandbox.test \"{password}\"\r\nb SELECT INBOX\r\n")),
        (Service::Pop3s, format!("USER alice@sandbox.test\r\nPASS {password}\r\n")),
        (
            Service::Submissions,
            "EHLO x\r\nAUTH PLAIN AGFsaWNlQHNhbmRib3gudGVzdABhbGljZSdzIHNhbmRib3ggcGFzc3dvcmQ=\r\n".to_owned(),
        ),
    ];
    let mut dice = Dice(0x6d61_696c_7472_6970);
    for round in 0..60 {
        let (service, login) = &logins[round % logins.len()];
        let stream = connect(&sandbox, *service, login).await;
        torment(stream, &mut dice, *service == Service::Imaps).await;
    }
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
    assert!(sandbox.commands().len() > 5_000, "few lines arrived: {}", sandbox.commands().len());
}
