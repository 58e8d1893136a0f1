//! A network between the verification and a server: it counts bytes, and at one of them it cuts, stalls or garbles.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use async_native_tls::TlsConnector;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What happens at the byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// The connection ends in order.
    Cut,
    /// The connection is reset.
    Reset,
    /// Nothing more goes through.
    Stall,
    /// The byte becomes another one.
    Flip,
    /// Bytes are put in.
    Insert,
    /// The byte and those after it become noise.
    Noise,
}

impl Harm {
    pub const ALL: [Harm; 6] = [Harm::Cut, Harm::Reset, Harm::Stall, Harm::Flip, Harm::Insert, Harm::Noise];

    /// The other side may have been told something that nobody said.
    pub fn garbles(self) -> bool {
        matches!(self, Harm::Flip | Harm::Insert | Harm::Noise)
    }
}

/// Which way the harmed bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// What happens, where, and to which connections.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    pub harm: Harm,
    pub way: Way,
    pub at: u64,
    pub which: Which,
    pub seed: u64,
}

/// Which of the connections are harmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    First,
    /// All but the first.
    Later,
    Every,
}

impl Which {
    fn is(self, first: bool) -> bool {
        match self {
            Which::First => first,
            Which::Later => !first,
            Which::Every => true,
        }
    }
}

/// A port in front of another one. Dropping it ends its connections.
pub struct Network {
    pub port: u16,
    /// Bytes that went through the connection with the most, to the server and to the client.
    pub counted: Arc<[AtomicU64; 2]>,
    _connections: JoinSet<()>,
}

impl Network {
    /// Leads to `port`; with `bare`, the client's side is in plaintext although the server's is TLS.
    pub async fn to(port: u16, bare: bool, trouble: Option<Trouble>) -> Network {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let own = listener.local_addr().expect("it is bound").port();
        let counted: Arc<[AtomicU64; 2]> = Arc::default();
        let counts = counted.clone();
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut within = JoinSet::new();
            let number = AtomicUsize::new(0);
            while let Ok((client, _)) = listener.accept().await {
                let first = number.fetch_add(1, Ordering::Relaxed) == 0;
                let trouble = trouble.filter(|trouble| trouble.which.is(first));
                let counts = counts.clone();
                within.spawn(async move {
                    let _ = connect(client, port, bare, trouble, &counts).await;
                });
            }
        });
        Network { port: own, counted, _connections: connections }
    }
}

async fn connect(
    client: TcpStream,
    port: u16,
    bare: bool,
    trouble: Option<Trouble>,
    counts: &[AtomicU64; 2],
) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let reset = |socket: &TcpStream| SockRef::from(socket).set_linger(Some(std::time::Duration::ZERO));
    let resets = trouble.is_some_and(|trouble| trouble.harm == Harm::Reset);
    if resets {
        // Takes effect when they are closed, which is when the harm is done.
        reset(&client)?;
        reset(&server)?;
    }
    if bare {
        let connector = TlsConnector::new().danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
        let server = connector.connect("localhost", server).await.map_err(io::Error::other)?;
        pump(client, server, trouble, counts).await;
    } else {
        pump(client, server, trouble, counts).await;
    }
    Ok(())
}

async fn pump<C, S>(client: C, server: S, trouble: Option<Trouble>, counts: &[AtomicU64; 2])
where
    C: AsyncRead + AsyncWrite,
    S: AsyncRead + AsyncWrite,
{
    let (client_in, client_out) = tokio::io::split(client);
    let (server_in, server_out) = tokio::io::split(server);
    let (stall, stalled) = watch::channel(false);
    let of = |way| trouble.filter(|trouble| trouble.way == way);
    let up = one_way(client_in, server_out, of(Way::ToServer), &counts[0], (&stall, stalled.clone()));
    let down = one_way(server_in, client_out, of(Way::ToClient), &counts[1], (&stall, stalled));
    tokio::pin!(up, down);
    // An orderly end in one direction lets the other one finish; harm ends both.
    let rest = tokio::select! {
        end = &mut up => (end == End::Orderly).then_some(Way::ToClient),
        end = &mut down => (end == End::Orderly).then_some(Way::ToServer),
    };
    match rest {
        Some(Way::ToClient) => _ = down.await,
        Some(Way::ToServer) => _ = up.await,
        None => {}
    }
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Orderly,
    Harmed,
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    trouble: Option<Trouble>,
    most: &AtomicU64,
    (stall, mut stalled): (&watch::Sender<bool>, watch::Receiver<bool>),
) -> End {
    let mut buffer = vec![0; 8192];
    let mut begin = 0;
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if *stalled.borrow_and_update() {
            std::future::pending::<()>().await;
        }
        if read == 0 {
            let _ = to.shutdown().await;
            return End::Orderly;
        }
        let end = begin + read as u64;
        most.fetch_max(end, Ordering::Relaxed);
        let here = trouble.filter(|trouble| (begin..end).contains(&trouble.at));
        let Some(trouble) = here else {
            begin = end;
            if to.write_all(&buffer[..read]).await.is_err() || to.flush().await.is_err() {
                return End::Orderly;
            }
            continue;
        };
        let place = (trouble.at - begin) as usize;
        begin = end;
        let bytes =
            if trouble.harm.garbles() { garbled(&buffer[..read], place, trouble) } else { buffer[..place].to_vec() };
        let _ = to.write_all(&bytes).await;
        let _ = to.flush().await;
        match trouble.harm {
            Harm::Cut => {
                let _ = to.shutdown().await;
                return End::Harmed;
            }
            Harm::Reset => return End::Harmed,
            Harm::Stall => {
                stall.send_replace(true);
                std::future::pending::<()>().await;
            }
            Harm::Flip | Harm::Insert | Harm::Noise => {}
        }
    }
}

fn garbled(bytes: &[u8], place: usize, trouble: Trouble) -> Vec<u8> {
    const INSERTED: [&[u8]; 8] =
        [b"\r\n", b"\n", b"{99}\r\n", b"* BYE\r\n", b"\0", b"250 2.0.0 OK\r\n", b"((((((", b"\xff\xfe\""];
    let mut random = Random(trouble.seed);
    let mut garbled = bytes.to_vec();
    match trouble.harm {
        Harm::Flip => garbled[place] ^= 1 << random.below(8),
        Harm::Insert => {
            let inserted = INSERTED[random.below(INSERTED.len() as u64) as usize];
            garbled.splice(place..place, inserted.iter().copied());
        }
        _ => garbled[place..].iter_mut().take(24).for_each(|byte| *byte = random.below(256) as u8),
    }
    garbled
}

/// The same numbers in every run (xorshift64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}
