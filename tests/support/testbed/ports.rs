//! Free ports of loopback for the testbed's servers.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;

/// Where the servers answer, on every address of the testbed.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Mail from other servers: no login, STARTTLS offered; only on 127.0.0.1.
    pub smtp: u16,
    /// STARTTLS.
    pub submission: u16,
    /// Implicit TLS.
    pub submissions: u16,
    /// STARTTLS.
    pub imap: u16,
    /// Implicit TLS.
    pub imaps: u16,
    /// STLS.
    pub pop3: u16,
    /// Implicit TLS.
    pub pop3s: u16,
}

impl Ports {
    pub(super) fn pick() -> Ports {
        let [smtp, submission, submissions, imap, imaps, pop3, pop3s] = free_ports();
        Ports { smtp, submission, submissions, imap, imaps, pop3, pop3s }
    }

    pub(super) fn named(&self) -> [(&'static str, u16); 7] {
        [
            ("smtp", self.smtp),
            ("submission", self.submission),
            ("submissions", self.submissions),
            ("imap", self.imap),
            ("imaps", self.imaps),
            ("pop3", self.pop3),
            ("pop3s", self.pop3s),
        ]
    }
}

/// Ports that nobody listens on, on any address, and that this process has not given away before.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // Held until all are found, so that the system offers another each time.
    let mut held = Vec::new();
    std::array::from_fn(|_| {
        loop {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
            let port = listener.local_addr().expect("the port").port();
            held.push(listener);
            if given.insert(port) {
                return port;
            }
        }
    })
}

/// Whether someone listens. A connection out of an ephemeral port can meet itself, which is nobody.
pub(super) fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect(address).is_ok_and(|stream| stream.local_addr().is_ok_and(|own| own != address))
}
