//! Links over real sockets, to servers that send a few bytes.

mod encrypted;
mod passwords;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chatshelf_common::id::{ResumeToken, Seq};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{Frame, Goodbye, HelloAck, Part, Snapshot, Welcome};
use mio::{Events, Poll, Waker};

use super::*;
use crate::session::{Config, Reconnect, SessionEvent};

const TOKEN: Token = Token(7);

/// Serves the link until the session is over; returns how it ended.
fn drive(poll: &mut Poll, link: &mut Link) -> Result<(), LinkError> {
    drive_until(poll, link, |link| link.session().is_over())
}

fn drive_until(
    poll: &mut Poll,
    link: &mut Link,
    mut is_done: impl FnMut(&mut Link) -> bool,
) -> Result<(), LinkError> {
    let mut events = Events::with_capacity(8);
    let mut scratch = [0; 4096];
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_done(link) {
        assert!(Instant::now() < deadline, "it hangs");
        poll.poll(&mut events, Some(Duration::from_millis(50))).unwrap();
        events.iter().for_each(|event| link.handle_ready(event));
        link.receive(poll.registry(), &mut scratch, Instant::now())?;
        link.transmit(poll.registry(), &mut scratch, Instant::now())?;
    }
    Ok(())
}

fn connect(addresses: Vec<SocketAddr>) -> (Poll, Result<Link, LinkError>) {
    connect_with(None, addresses)
}

fn connect_with(
    reconnect: Option<Reconnect>,
    addresses: Vec<SocketAddr>,
) -> (Poll, Result<Link, LinkError>) {
    connect_over(Carrier::Plain, reconnect, |_| Route::fixed(addresses))
}

fn connect_over(
    carrier: Carrier,
    reconnect: Option<Reconnect>,
    route: impl FnOnce(Arc<Waker>) -> Route,
) -> (Poll, Result<Link, LinkError>) {
    let poll = Poll::new().unwrap();
    let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
    let nick = Nick::new("ada").unwrap();
    let config = Config {
        nick,
        history: None,
        seed: 0,
        reconnect,
        quiet: false,
        keepalive: crate::session::KEEPALIVE,
    };
    let session = Session::new(config, Instant::now());
    let (registry, now) = (poll.registry(), Instant::now());
    let link = Link::connect(route(waker), carrier, session, registry, TOKEN, now);
    (poll, link)
}

/// An address that nobody listens on.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A server that reads a first frame, sends `reply` and closes.
fn server(reply: Vec<u8>) -> (SocketAddr, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = vec![0; 6];
        stream.read_exact(&mut head).unwrap();
        stream.write_all(&reply).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        head
    });
    (address, thread)
}

/// What comes until that is enough, or it ends.
fn hear_until(from: &mut impl Read, is_enough: fn(&[u8]) -> bool) -> Vec<u8> {
    let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
    while !is_enough(&heard)
        && let Ok(count @ 1..) = from.read(&mut piece)
    {
        heard.extend(&piece[..count]);
    }
    heard
}

fn goodbye() -> Vec<u8> {
    let code = Code::ROOM_FULL;
    Goodbye::new(code).to_bytes()
}

#[test]
fn addresses_are_tried_in_turn_until_one_answers() {
    let (address, thread) = server(goodbye());
    let (mut poll, link) = connect(vec![closed(), address]);
    let mut link = link.unwrap();
    drive(&mut poll, &mut link).unwrap();
    let event = link.session_mut().poll_event();
    assert!(matches!(event, Some(SessionEvent::Goodbye(bye)) if bye.code == Code::ROOM_FULL));
    assert_eq!(thread.join().unwrap()[0], 0x01, "a Hello came first");
}

#[test]
fn without_an_address_that_answers_there_is_no_connection() {
    let (mut poll, link) = connect(vec![closed(), closed()]);
    let end = link.and_then(|mut link| drive(&mut poll, &mut link));
    assert!(matches!(end, Err(LinkError::Connect(_))), "{end:?}");
    assert!(matches!(connect(Vec::new()).1, Err(LinkError::Connect(_))));
}

#[test]
fn an_end_without_goodbye_is_a_loss() {
    for reply in [Vec::new(), goodbye()[..8].to_vec()] {
        let (address, thread) = server(reply);
        let (mut poll, link) = connect(vec![address]);
        let mut link = link.unwrap();
        let end = drive(&mut poll, &mut link);
        assert!(matches!(end, Err(LinkError::Lost(_))), "{end:?}");
        assert!(!link.is_connected() && !link.wants_turn());
        drop(link);
        thread.join().unwrap();
    }
}

/// What a server sends to let a client in.
fn welcome() -> Vec<u8> {
    let ack = HelloAck {
        version: 1,
        capabilities: None,
        software: None,
        file_bytes_max: 1,
        shelf_items_max: 1,
        transfers_max: 1,
        history_max: 1,
        allowances: Vec::new(),
        deadlines: Vec::new(),
        link_base: None,
    };
    let (nick, seq, from) = (Nick::new("ada").unwrap(), Seq(1), Seq(2));
    let members = vec![nick.clone()];
    let welcome = Welcome { nick, seq, from, resume: ResumeToken([0; 24]) };
    let part = Part { first: true, last: true };
    let snapshot = Snapshot { seq, part, topic: None, members, items: Vec::new() };
    [ack.to_bytes(), welcome.to_bytes(), snapshot.to_bytes()].concat()
}

#[test]
fn a_broken_connection_is_made_again_to_any_of_the_addresses() {
    let (first, first_thread) = server(welcome());
    let (second, second_thread) = server(welcome());
    let (mut poll, link) = connect_with(Some(Reconnect::default()), vec![first, second]);
    let mut link = link.unwrap();
    let mut come_back = |link: &mut Link| {
        link.reconnect(Instant::now()).unwrap();
        arrive(&mut poll, link)
    };
    come_back(&mut link).unwrap();
    // The server has closed after its welcome, and the first one no longer listens.
    come_back(&mut link).unwrap();
    drop(link);
    first_thread.join().unwrap();
    second_thread.join().unwrap();
}

/// Serves the link until it has joined the room, for the first time or again.
fn arrive(poll: &mut Poll, link: &mut Link) -> Result<(), LinkError> {
    drive_until(poll, link, |link| {
        let is_arrival = |event: &SessionEvent| {
            matches!(event, SessionEvent::JoinedRoom { .. } | SessionEvent::Back { .. })
        };
        std::iter::from_fn(|| link.session_mut().poll_event()).any(|it| is_arrival(&it))
    })
}

#[test]
fn a_name_is_looked_up_again_for_each_connection() {
    let (first, first_thread) = server(welcome());
    let (second, second_thread) = server(welcome());
    let place = Arc::new(Mutex::new(first));
    let named = Arc::clone(&place);
    let lookup = move || Ok(vec![*named.lock().unwrap()]);
    let (mut poll, link) = connect_over(Carrier::Plain, Some(Reconnect::default()), |waker| {
        Route::by(Arc::new(lookup), waker)
    });
    let mut link = link.unwrap();
    arrive(&mut poll, &mut link).unwrap();
    *place.lock().unwrap() = second;
    link.reconnect(Instant::now()).unwrap();
    arrive(&mut poll, &mut link).unwrap();
    drop(link);
    first_thread.join().unwrap();
    second_thread.join().unwrap();
}

#[test]
fn a_name_that_cannot_be_found_is_no_connection() {
    let lookup = || Err(io::Error::other("no such host"));
    let (mut poll, link) =
        connect_over(Carrier::Plain, None, |waker| Route::by(Arc::new(lookup), waker));
    let end = link.and_then(|mut link| drive(&mut poll, &mut link));
    assert!(matches!(end, Err(LinkError::Connect(ref why)) if why.to_string() == "no such host"));
}

/// A listening socket whose queue is full, so that connecting to it hangs; `None` where the system
/// behaves differently.
#[cfg(target_os = "linux")]
fn black_hole() -> (socket2::Socket, Vec<std::net::TcpStream>, SocketAddr) {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let patience = Duration::from_millis(200);
    let fill = || std::net::TcpStream::connect_timeout(&address, patience).ok();
    let queued: Vec<_> = std::iter::from_fn(fill).take(16).collect();
    assert!(queued.len() < 16, "the queue is full");
    (socket, queued, address)
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_that_never_answers_does_not_hold_up_the_next() {
    let (_hole, _queued, silent) = black_hole();
    let (address, thread) = server(goodbye());
    let (mut poll, link) = connect(vec![silent, address]);
    let mut link = link.unwrap();
    let begun = Instant::now();
    drive(&mut poll, &mut link).unwrap();
    assert!(begun.elapsed() < CONNECT_TIMEOUT, "it was tried meanwhile");
    thread.join().unwrap();
}

#[test]
fn garbage_is_reported_as_such() {
    let (address, thread) = server(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let (mut poll, link) = connect(vec![address]);
    let mut link = link.unwrap();
    let end = drive(&mut poll, &mut link).unwrap_err().to_string();
    assert!(end.contains("cannot be understood"), "{end}");
    drop(link);
    thread.join().unwrap();
}
