//! A TCP proxy between a client and a server under test, which delays, cuts, stalls or garbles what passes.
//!
//! It deals in bytes, so it works below TLS too. Offsets count the bytes of one direction of one connection, from 0, as
//! the sender sent them for [`Edit`]s and as they leave the proxy for a [`Cut`]. What happens at offset N happens as soon
//! as N bytes have passed, not when the next one comes; at 0, when the connection opens.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// What the proxy does to connections; by default it passes everything on, unchanged and at once.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    pub door: Door,
    /// What happens to the bytes from the client to the server.
    pub to_server: Way,
    /// What happens to the bytes from the server to the client.
    pub to_client: Way,
    /// The behaviour is for this many connections; later ones pass unharmed. `None`: for all.
    pub first: Option<usize>,
}

/// How a connection is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// Accepted, and connected to the target.
    #[default]
    Open,
    /// The system refuses it: nobody listens on the port.
    Refused,
    /// The system takes it, and nobody ever answers.
    Unanswered,
}

/// What happens to the bytes of one direction.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// From reading a byte to writing it. Order is kept, and any number of bytes is under way at once.
    pub delay: Duration,
    pub edits: Vec<Edit>,
    /// Writes are split into pieces of at most `.0` bytes, with a pause of `.1` after each.
    pub pieces: Option<(usize, Duration)>,
    pub cut: Option<(u64, Cut)>,
}

/// A change of the bytes.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Other bytes in the place of as many.
    Replace { at: u64, bytes: Vec<u8> },
    /// More bytes, right behind the first `at`.
    Insert { at: u64, bytes: Vec<u8> },
    /// The bits of `mask` are flipped in `length` bytes.
    Flip { at: u64, length: u64, mask: u8 },
}

/// An end to the connection, both directions of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both sides see an orderly end.
    Close,
    /// Both sides see a reset.
    Reset,
    /// This direction falls silent, its end included; the connection stays open.
    Stall,
}

/// What passed in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes read from the sender.
    pub received: u64,
    /// Bytes written to the receiver.
    pub forwarded: u64,
}

/// What passed through one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub to_server: Traffic,
    pub to_client: Traffic,
    /// How often bytes came from the other side than the ones before: two a round trip, where none overlap.
    pub turns: u32,
}

/// A proxy that runs on a thread of its own until it is dropped; for tests with and without a runtime.
pub struct Proxy {
    port: u16,
    ledger: Ledger,
    sever: watch::Sender<()>,
    runtime: Option<Runtime>,
    /// Holds the port when nobody listens there.
    _unheard: Option<TcpSocket>,
}

impl Proxy {
    /// Starts a proxy for `target` on a free port of 127.0.0.1.
    pub fn start(target: SocketAddr, behaviour: Behaviour) -> Proxy {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime for the proxy");
        let inside = runtime.enter();
        let socket = TcpSocket::new_v4().expect("a socket for the proxy");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port for the proxy");
        let port = socket.local_addr().expect("the proxy's port").port();
        let (ledger, (sever, severed)) = (Ledger::default(), watch::channel(()));
        let unheard = match behaviour.door {
            Door::Refused => Some(socket),
            _ => {
                let listener = socket.listen(1024).expect("the proxy to listen");
                runtime.spawn(accept(listener, target, behaviour, ledger.clone(), severed));
                None
            }
        };
        drop(inside);
        Proxy { port, ledger, sever, runtime: Some(runtime), _unheard: unheard }
    }

    /// Where clients find it, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.ledger.lock().len()
    }

    /// What passed so far, connection by connection.
    pub fn counts(&self) -> Vec<Counts> {
        self.ledger.lock().iter().map(|entry| entry.counts).collect()
    }

    /// The turns of all connections together.
    pub fn turns(&self) -> u32 {
        self.counts().iter().map(|counts| counts.turns).sum()
    }

    /// Resets the connections that are open; new ones are not affected.
    pub fn sever(&self) {
        self.sever.send_replace(());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A plain drop would wait for the tasks, which a test's own runtime forbids.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The counts of all connections, shared by the tasks.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Vec<Entry>>>);

#[derive(Default)]
struct Entry {
    counts: Counts,
    heard_last: Option<Direction>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> usize {
        let mut entries = self.lock();
        entries.push(Entry::default());
        entries.len() - 1
    }
}

/// One direction of one connection in the ledger.
struct Account {
    ledger: Ledger,
    connection: usize,
    direction: Direction,
}

impl Account {
    fn received(&self, count: usize) {
        let mut entries = self.ledger.lock();
        let entry = &mut entries[self.connection];
        if entry.heard_last.replace(self.direction).is_some_and(|last| last != self.direction) {
            entry.counts.turns += 1;
        }
        self.traffic(entry).received += count as u64;
    }

    fn forwarded(&self, count: usize) {
        self.traffic(&mut self.ledger.lock()[self.connection]).forwarded += count as u64;
    }

    fn traffic<'a>(&self, entry: &'a mut Entry) -> &'a mut Traffic {
        match self.direction {
            Direction::ToServer => &mut entry.counts.to_server,
            Direction::ToClient => &mut entry.counts.to_client,
        }
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    behaviour: Behaviour,
    ledger: Ledger,
    severed: watch::Receiver<()>,
) {
    if behaviour.door == Door::Unanswered {
        // The listener lives, and its queue takes the connections.
        return std::future::pending().await;
    }
    while let Ok((client, _)) = listener.accept().await {
        let connection = ledger.open();
        let is_touched = behaviour.first.is_none_or(|first| connection < first);
        let ways =
            if is_touched { (behaviour.to_server.clone(), behaviour.to_client.clone()) } else { Default::default() };
        let mut severed = severed.clone();
        severed.mark_unchanged();
        tokio::spawn(relay(client, target, ways, (ledger.clone(), connection), severed));
    }
}

/// Carries one connection to its end. An error here is one of the two peers going away.
async fn relay(
    mut client: TcpStream,
    target: SocketAddr,
    ways: (Way, Way),
    place: (Ledger, usize),
    mut severed: watch::Receiver<()>,
) -> io::Result<()> {
    let mut server = match TcpStream::connect(target).await {
        Ok(server) => server,
        Err(_) => return reset(&client),
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let end = tokio::select! {
        end = carry_both(&mut client, &mut server, ways, place) => end,
        _ = severed.changed() => Err(Cut::Reset),
    };
    match end {
        Ok(()) => Ok(()),
        Err(Cut::Reset) => reset(&client).and(reset(&server)),
        Err(Cut::Close | Cut::Stall) => close(client, server).await,
    }
}

async fn carry_both(
    client: &mut TcpStream,
    server: &mut TcpStream,
    (to_server, to_client): (Way, Way),
    (ledger, connection): (Ledger, usize),
) -> Result<(), Cut> {
    let account = |direction| Account { ledger: ledger.clone(), connection, direction };
    let (client_read, client_write) = client.split();
    let (server_read, server_write) = server.split();
    let there = carry(client_read, server_write, to_server, account(Direction::ToServer));
    let back = carry(server_read, client_write, to_client, account(Direction::ToClient));
    tokio::try_join!(there, back).map(|_| ())
}

/// Makes the drop of a stream a reset.
fn reset(stream: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// An orderly end. What still comes is read, for closing over unread bytes would be a reset.
async fn close(mut client: TcpStream, mut server: TcpStream) -> io::Result<()> {
    let _ = client.shutdown().await;
    let _ = server.shutdown().await;
    let (mut sink, mut other_sink) = (tokio::io::sink(), tokio::io::sink());
    let _ = tokio::join!(tokio::io::copy(&mut client, &mut sink), tokio::io::copy(&mut server, &mut other_sink));
    Ok(())
}

/// Bytes under way, with the time they are due; empty for the sender's end.
type Parcel = (Instant, Vec<u8>);

/// Carries one direction to its end: `Ok` when the sender has closed it, else how the whole connection is to end.
async fn carry(from: ReadHalf<'_>, to: WriteHalf<'_>, way: Way, account: Account) -> Result<(), Cut> {
    let (send, receive) = unbounded_channel();
    let Way { delay, edits, pieces, cut } = way;
    let editor = Editor { position: 0, edits };
    let writer = Writer { to, pieces, cut, account: &account };
    let ((), ()) = tokio::try_join!(read(from, send, delay, editor, &account), writer.run(receive))?;
    Ok(())
}

async fn read(
    mut from: ReadHalf<'_>,
    send: UnboundedSender<Parcel>,
    delay: Duration,
    mut editor: Editor,
    account: &Account,
) -> Result<(), Cut> {
    let mut buffer = vec![0; 64 * 1024];
    let opening = editor.edit(&[]);
    if !opening.is_empty() {
        let _ = send.send((Instant::now() + delay, opening));
    }
    loop {
        // The sender's reset is passed on as one.
        let count = from.read(&mut buffer).await.map_err(|_| Cut::Reset)?;
        let due = Instant::now() + delay;
        if count == 0 {
            let _ = send.send((due, Vec::new()));
            return Ok(());
        }
        account.received(count);
        let _ = send.send((due, editor.edit(&buffer[..count])));
    }
}

/// Changes the bytes of a direction as they come.
struct Editor {
    position: u64,
    edits: Vec<Edit>,
}

impl Editor {
    fn edit(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut edited = self.inserted();
        for &byte in bytes {
            edited.push(self.edits.iter().fold(byte, |byte, edit| changed(byte, self.position, edit)));
            self.position += 1;
            edited.extend(self.inserted());
        }
        edited
    }

    /// What is to be inserted here; each insert only once.
    fn inserted(&mut self) -> Vec<u8> {
        let position = self.position;
        let is_due = |edit: &mut Edit| matches!(edit, Edit::Insert { at, .. } if *at == position);
        let mut inserted = Vec::new();
        for edit in self.edits.extract_if(.., is_due) {
            if let Edit::Insert { bytes, .. } = edit {
                inserted.extend(bytes);
            }
        }
        inserted
    }
}

fn changed(byte: u8, position: u64, edit: &Edit) -> u8 {
    match edit {
        Edit::Replace { at, bytes } => {
            let place = position.checked_sub(*at).and_then(|place| usize::try_from(place).ok());
            place.and_then(|place| bytes.get(place)).copied().unwrap_or(byte)
        }
        Edit::Flip { at, length, mask } if (*at..at + length).contains(&position) => byte ^ mask,
        Edit::Flip { .. } | Edit::Insert { .. } => byte,
    }
}

/// Writes a direction's bytes when they are due, up to its cut.
struct Writer<'a> {
    to: WriteHalf<'a>,
    pieces: Option<(usize, Duration)>,
    cut: Option<(u64, Cut)>,
    account: &'a Account,
}

impl Writer<'_> {
    async fn run(mut self, mut receive: UnboundedReceiver<Parcel>) -> Result<(), Cut> {
        let mut written = 0;
        self.cut_if_due(written).await?;
        while let Some((due, bytes)) = receive.recv().await {
            sleep_until(due).await;
            if bytes.is_empty() {
                return self.to.shutdown().await.map_err(|_| Cut::Reset);
            }
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let before_cut = self.cut.map_or(u64::MAX, |(at, _)| at - written);
                let size = rest.len().min(self.pieces.map_or(usize::MAX, |(size, _)| size));
                let size = usize::try_from(before_cut).map_or(size, |left| size.min(left));
                let (piece, later) = rest.split_at(size);
                self.to.write_all(piece).await.map_err(|_| Cut::Reset)?;
                rest = later;
                self.account.forwarded(size);
                written += size as u64;
                self.cut_if_due(written).await?;
                if let Some((_, pause)) = self.pieces {
                    sleep(pause).await;
                }
            }
        }
        Ok(())
    }

    async fn cut_if_due(&self, written: u64) -> Result<(), Cut> {
        match self.cut {
            // The reader goes on, so that the sender does not notice.
            Some((at, Cut::Stall)) if at == written => std::future::pending().await,
            Some((at, cut)) if at == written => Err(cut),
            _ => Ok(()),
        }
    }
}
