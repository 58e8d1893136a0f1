//! A listening port: accepts clients and runs a session for each until the sandbox stops.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use async_native_tls::TlsAcceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::fault::Protocol;
use super::system::System;
use super::{imapd, pop3d, smtpd};

/// How often another port is tried when the one that 127.0.0.1 gave is taken on ::1.
const ATTEMPTS: usize = 16;

/// How long accepting pauses after it failed.
const PAUSE: Duration = Duration::from_millis(10);

/// What a port speaks.
#[derive(Clone)]
pub(super) struct Listener {
    pub system: Arc<System>,
    pub protocol: Protocol,
    pub implicit_tls: bool,
    pub acceptor: TlsAcceptor,
}

/// Binds a free port on 127.0.0.1, and the same one on ::1 where there is such an address.
pub(super) async fn bind() -> io::Result<(u16, Vec<TcpListener>)> {
    let mut attempt = 1;
    loop {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = four.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(six) => return Ok((port, vec![four, six])),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(_) => return Ok((port, vec![four])),
        }
    }
}

impl Listener {
    /// Accepts until told to stop; then closes the socket and every session.
    pub async fn run(self, socket: TcpListener, mut stop: watch::Receiver<bool>) {
        let mut sessions = JoinSet::new();
        loop {
            tokio::select! {
                accepted = socket.accept() => match accepted {
                    Ok((stream, _)) => {
                        sessions.spawn(self.clone().session(stream));
                    }
                    // The client was gone before it was accepted, or descriptors ran out, which takes a while.
                    Err(_) => tokio::time::sleep(PAUSE).await,
                },
                _ = stop.changed() => break,
                Some(_) = sessions.join_next() => {}
            }
        }
        drop(socket);
        sessions.shutdown().await;
    }

    /// One session. How it ends interests nobody: the client sees it for itself.
    async fn session(self, stream: TcpStream) -> io::Result<()> {
        let mut connection = Connection::new(self.system, self.protocol, self.acceptor, stream)?;
        if self.implicit_tls {
            connection.start_tls().await?;
        }
        match self.protocol {
            Protocol::Smtp => smtpd::serve(connection).await,
            Protocol::Imap => imapd::serve(connection).await,
            Protocol::Pop3 => pop3d::serve(connection).await,
        }
    }
}
