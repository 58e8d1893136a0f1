//! The proxy does what its behaviours say.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

#[path = "support/proxy.rs"]
mod proxy;
use proxy::{Behaviour, Cut, Door, Edit, Proxy, Traffic, Way};

const LONG: Duration = Duration::from_secs(20);

/// A server that sends back what it gets, until the client's end.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut answers = stream.try_clone().expect("a clone");
                let _ = std::io::copy(&mut &stream, &mut answers);
                let _ = stream.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    address
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", proxy.port())).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a limit");
    stream.set_nodelay(true).expect("no delay of small writes");
    stream
}

/// Sends a text and the end, and reads until the end.
fn exchange(proxy: &Proxy, text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = connect(proxy);
    stream.write_all(text)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map(|_| answer)
}

fn to_server(way: Way) -> Behaviour {
    Behaviour { to_server: way, ..Behaviour::default() }
}

fn to_client(way: Way) -> Behaviour {
    Behaviour { to_client: way, ..Behaviour::default() }
}

fn ask(stream: &mut TcpStream, question: &[u8]) -> Vec<u8> {
    stream.write_all(question).expect("to write");
    let mut answer = vec![0; question.len()];
    stream.read_exact(&mut answer).expect("to read");
    answer
}

/// Polls until it is so.
fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {LONG:?}");
        thread::yield_now();
    }
}

#[test]
fn passes_everything_on_and_counts_it() {
    let proxy = Proxy::start(echo(), Behaviour::default());
    let large = vec![7; 1_000_000];
    assert_eq!(exchange(&proxy, &large).expect("an answer"), large);
    assert_eq!(exchange(&proxy, b"two").expect("an answer"), b"two");
    assert_eq!(proxy.connections(), 2);
    let all = |count| Traffic { received: count, forwarded: count };
    assert_eq!((proxy.counts()[0].to_server, proxy.counts()[0].to_client), (all(1_000_000), all(1_000_000)));
    assert_eq!((proxy.counts()[1].to_server, proxy.counts()[1].to_client), (all(3), all(3)));
}

#[test]
fn counts_a_turn_each_time_the_other_side_is_heard() {
    let proxy = Proxy::start(echo(), Behaviour::default());
    let mut stream = connect(&proxy);
    for _ in 0..5 {
        assert_eq!(ask(&mut stream, b"question"), b"question");
    }
    assert_eq!(proxy.turns(), 9);
}

#[test]
fn delays_each_way_with_many_under_way_at_once() {
    let delay = Duration::from_millis(100);
    let way = || Way { delay, ..Way::default() };
    let proxy = Proxy::start(echo(), Behaviour { to_server: way(), to_client: way(), ..Behaviour::default() });
    let mut stream = connect(&proxy);
    let mut reader = stream.try_clone().expect("a clone");
    let began = Instant::now();
    // Forty questions, 5 ms apart, none of which waits for an answer: one after the other they would take 8 s.
    let writer = thread::spawn(move || {
        for number in 0..40 {
            stream.write_all(&[number]).expect("to write");
            thread::sleep(Duration::from_millis(5));
        }
        stream
    });
    let mut first = [0];
    reader.read_exact(&mut first).expect("an answer");
    let first_came = began.elapsed();
    let mut others = [0; 39];
    reader.read_exact(&mut others).expect("answers");
    let all_came = began.elapsed();
    assert!(first_came >= 2 * delay, "the first after {first_came:?}");
    assert!(all_came < 8 * 2 * delay, "all after {all_came:?}");
    assert!(first[0] == 0 && others.iter().copied().eq(1..40), "in order");
    drop(writer.join().expect("the writer"));
}

#[test]
fn delays_the_end_as_well() {
    let delay = Duration::from_millis(50);
    let proxy = Proxy::start(echo(), to_server(Way { delay, ..Way::default() }));
    let began = Instant::now();
    assert_eq!(exchange(&proxy, b"").expect("an end"), b"");
    assert!(began.elapsed() >= delay);
}

#[test]
fn closes_after_so_many_bytes() {
    let proxy = Proxy::start(echo(), to_client(Way { cut: Some((5, Cut::Close)), ..Way::default() }));
    let mut stream = connect(&proxy);
    stream.write_all(b"0123456789").expect("to write");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an orderly end");
    assert_eq!(answer, b"01234");
    assert_eq!(proxy.counts()[0].to_client.forwarded, 5);
}

#[test]
fn resets_after_so_many_bytes() {
    let proxy = Proxy::start(echo(), to_client(Way { cut: Some((5, Cut::Reset)), ..Way::default() }));
    let mut stream = connect(&proxy);
    stream.write_all(b"0123456789").expect("to write");
    let mut answer = Vec::new();
    let error = stream.read_to_end(&mut answer).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn cuts_the_server_off_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = listener.local_addr().expect("an address");
    for (cut, expected) in [(Cut::Close, Ok(3)), (Cut::Reset, Err(ErrorKind::ConnectionReset))] {
        let proxy = Proxy::start(target, to_server(Way { cut: Some((3, cut)), ..Way::default() }));
        let mut client = connect(&proxy);
        client.write_all(b"abcdef").expect("to write");
        let (mut server, _) = listener.accept().expect("a connection");
        server.set_read_timeout(Some(LONG)).expect("a limit");
        let seen = server.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
        assert_eq!(seen, expected, "{cut:?}");
    }
}

#[test]
fn cuts_at_once() {
    let proxy = Proxy::start(echo(), to_client(Way { cut: Some((0, Cut::Close)), ..Way::default() }));
    assert_eq!(connect(&proxy).read(&mut [0]).expect("an orderly end"), 0);
}

#[test]
fn stalls_after_so_many_bytes_and_stays_open() {
    let proxy = Proxy::start(echo(), to_client(Way { cut: Some((4, Cut::Stall)), ..Way::default() }));
    let mut stream = connect(&proxy);
    assert_eq!(ask(&mut stream, b"0123"), b"0123");
    stream.write_all(b"456789").expect("to write");
    // The answer has reached the proxy, and goes no further.
    wait_until(|| proxy.counts()[0].to_client.received == 10);
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a limit");
    let error = stream.read(&mut [0]).expect_err("silence");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    stream.write_all(b"still open").expect("to write");
    wait_until(|| proxy.counts()[0].to_server.forwarded == 20);
    assert_eq!(proxy.counts()[0].to_client.forwarded, 4);
}

#[test]
fn garbles_what_it_is_told_to() {
    let edits = vec![
        Edit::Insert { at: 0, bytes: b"<".to_vec() },
        Edit::Replace { at: 2, bytes: b"XY".to_vec() },
        Edit::Flip { at: 4, length: 2, mask: 0x20 },
        Edit::Insert { at: 8, bytes: b">>".to_vec() },
    ];
    let proxy = Proxy::start(echo(), to_server(Way { edits, ..Way::default() }));
    assert_eq!(exchange(&proxy, b"abcdefgh").expect("an answer"), b"<abXYEFgh>>");
    let counts = proxy.counts()[0].to_server;
    assert_eq!((counts.received, counts.forwarded), (8, 11));
}

#[test]
fn inserts_before_anyone_has_spoken() {
    let edits = vec![Edit::Insert { at: 0, bytes: b"hello".to_vec() }];
    let proxy = Proxy::start(echo(), to_client(Way { edits, ..Way::default() }));
    let mut answer = [0; 5];
    connect(&proxy).read_exact(&mut answer).expect("the inserted bytes");
    assert_eq!(&answer, b"hello");
}

#[test]
fn splits_into_pieces() {
    let pieces = Some((1, Duration::from_millis(2)));
    let proxy = Proxy::start(echo(), to_client(Way { pieces, ..Way::default() }));
    let mut stream = connect(&proxy);
    stream.write_all(&[9; 20]).expect("to write");
    let (mut reads, mut bytes) = (0, 0);
    while bytes < 20 {
        bytes += stream.read(&mut [0; 64]).expect("to read");
        reads += 1;
    }
    // Were two bytes to meet in the reader's buffer, once or even often, it is still no single piece.
    assert!(reads > 1, "{reads} reads");
}

#[test]
fn combines_behaviours() {
    let way = Way {
        delay: Duration::from_millis(20),
        edits: vec![Edit::Insert { at: 2, bytes: b"--".to_vec() }],
        pieces: Some((1, Duration::ZERO)),
        cut: Some((5, Cut::Close)),
    };
    let proxy = Proxy::start(echo(), to_client(way));
    let began = Instant::now();
    assert_eq!(exchange(&proxy, b"abcdef").expect("an orderly end"), b"ab--c");
    assert!(began.elapsed() >= Duration::from_millis(20));
}

#[test]
fn refuses() {
    let proxy = Proxy::start(echo(), Behaviour { door: Door::Refused, ..Behaviour::default() });
    let error = TcpStream::connect(("127.0.0.1", proxy.port())).expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn leaves_unanswered() {
    let proxy = Proxy::start(echo(), Behaviour { door: Door::Unanswered, ..Behaviour::default() });
    let mut stream = connect(&proxy);
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a limit");
    stream.write_all(b"anyone?").expect("to write");
    let error = stream.read(&mut [0]).expect_err("silence");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn harms_only_the_first_connections_when_told_so() {
    let behaviour = Behaviour { first: Some(1), ..to_client(Way { cut: Some((0, Cut::Close)), ..Way::default() }) };
    let proxy = Proxy::start(echo(), behaviour);
    assert_eq!(exchange(&proxy, b"one").expect("an orderly end"), b"");
    assert_eq!(exchange(&proxy, b"two").expect("an answer"), b"two");
}

#[test]
fn severs_open_connections_and_takes_new_ones() {
    let proxy = Proxy::start(echo(), Behaviour::default());
    let mut stream = connect(&proxy);
    assert_eq!(ask(&mut stream, b"before"), b"before");
    proxy.sever();
    let error = stream.read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(exchange(&proxy, b"after").expect("an answer"), b"after");
}

#[test]
fn resets_when_the_target_does_not_answer() {
    let target = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let proxy = Proxy::start(target, Behaviour::default());
    let error = connect(&proxy).read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn can_be_started_and_dropped_inside_a_runtime() {
    let proxy = Proxy::start(echo(), Behaviour::default());
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", proxy.port())).await;
    assert!(stream.is_ok());
    drop(proxy);
}
