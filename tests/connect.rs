//! Connecting to every address of a host, each with its own result.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use mailtrip::failure::Kind;
use mailtrip::outcome::Dialled;
use mailtrip::wire::{connect, resolve};

#[path = "support/proxy.rs"]
mod proxy;
use proxy::{Behaviour, Door, Proxy};

const LIMIT: Duration = Duration::from_secs(5);

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("its address");
    (listener, address)
}

fn closed(behaviour: Door) -> (Proxy, SocketAddr) {
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let proxy = Proxy::start(target, Behaviour { door: behaviour, ..Behaviour::default() });
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, proxy.port()));
    (proxy, address)
}

#[tokio::test]
async fn the_most_preferred_address_that_answers_is_kept_and_every_one_is_told() {
    let (_refusing, refused) = closed(Door::Refused);
    let ((_first, one), (_second, two)) = (listener(), listener());
    let (attempts, kept) = connect(&[refused, two, one], LIMIT).await;
    let results: Vec<(SocketAddr, Dialled)> =
        attempts.iter().map(|attempt| (attempt.address, attempt.result)).collect();
    assert_eq!(results, [(refused, Dialled::Refused), (two, Dialled::Connected), (one, Dialled::Connected)]);
    assert_eq!(kept.expect("a connection").peer_addr().expect("its address"), two);
}

#[tokio::test]
async fn an_address_that_does_not_answer_holds_up_the_others_for_a_second_at_most() {
    let ((_silent, silent), (_listener, good)) = (unanswered(), listener());
    let began = Instant::now();
    let (attempts, kept) = connect(&[silent, good], LIMIT).await;
    assert_eq!(attempts[0].result, Dialled::NoAnswer);
    assert_eq!(kept.expect("a connection").peer_addr().expect("its address"), good);
    assert!(began.elapsed() < LIMIT, "the limit was not waited for");
}

#[tokio::test]
async fn when_nothing_answers_the_limit_holds() {
    let (_silent, silent) = unanswered();
    let (attempts, kept) = connect(&[silent], Duration::from_millis(200)).await;
    assert_eq!(attempts[0].result, Dialled::NoAnswer);
    assert!(attempts[0].took >= Duration::from_millis(200));
    assert!(kept.is_none());
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_found_and_an_address_needs_no_resolver() {
    // RFC 6761 §6.4: no resolver knows a name below `invalid`; without any resolver it says so instead.
    let failure = resolve("mail.invalid", 25).await.expect_err("no address");
    assert!(matches!(failure.kind, Kind::HostNotFound | Kind::ResolverFailed), "{failure:?}");
    assert_eq!(resolve("::1", 25).await.expect("an address"), ["[::1]:25".parse().expect("an address")]);
}

/// A port whose queue of connections is full: the kernel drops what comes on top, as a firewall would.
fn unanswered() -> (Vec<std::net::TcpStream>, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&address.into()).and_then(|()| socket.listen(0)).expect("a free port");
    let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("its address");
    let mut filling = vec![std::net::TcpStream::from(socket)];
    while let Ok(one) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        filling.push(one);
    }
    (filling, address)
}
