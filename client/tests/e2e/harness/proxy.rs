//! A network between clients and a server that does as the test says: it counts, holds back, cuts
//! and loses. What it takes from one side it passes to the other at once, until it is told
//! otherwise; or it is a slow line.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

pub(crate) use chatshelf_testkit::recording::Way;
use chatshelf_testkit::wait::{eventually, read_some};
use socket2::{Domain, Socket, Type};

/// Bytes passed on at a time: the grain of [`Proxy::cut_after`].
const CHUNK_BYTES: usize = 16 * 1024;

/// What a slow line passes on at a time, and how long that takes: 1 Mbit/s.
const SLOW_CHUNK_BYTES: usize = 512;
const SLOW_CHUNK_TAKES: Duration = Duration::from_millis(4);
/// What a slow line holds on its way: about what a router's queue does.
const SLOW_BUFFER_BYTES: usize = 8 * 1024;

pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    is_slow: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Connections are closed as soon as they are made.
    refuses: bool,
    /// Connections that stand, or did.
    connections: Vec<Connection>,
    limit: Option<Limit>,
    /// What is looked for in what is passed on, and where it was found.
    wanted: Option<(Way, &'static str, Option<u64>)>,
    is_over: bool,
}

/// One connection passes on so many bytes this way. Those after it pass on what they like.
struct Limit {
    connection: usize,
    way: Way,
    bytes: u64,
    then: AtLimit,
}

enum AtLimit {
    Cut,
    Hold,
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// Passed on each way.
    moved: [u64; 2],
    is_held: bool,
    /// The server's side is left open, though nobody listens to it any more.
    is_deserted: bool,
}

impl Proxy {
    /// A way to this server.
    pub(crate) fn open(server: SocketAddr) -> Self {
        Self::between(server, false)
    }

    /// A slow one.
    #[cfg(unix)]
    pub(crate) fn slow(server: SocketAddr) -> Self {
        Self::between(server, true)
    }

    fn between(server: SocketAddr, is_slow: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        if is_slow {
            // Those that it accepts inherit it.
            let small = socket2::SockRef::from(&listener).set_recv_buffer_size(SLOW_BUFFER_BYTES);
            small.expect("a socket");
        }
        let address = listener.local_addr().expect("an address");
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { server, is_slow, state, changed });
        let acceptor = Arc::clone(&shared);
        std::thread::spawn(move || acceptor.accept(&listener));
        Self { address, shared }
    }

    /// Where clients connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that were passed on so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.state().connections.len()
    }

    /// Bytes that the newest connection has passed on.
    pub(crate) fn moved(&self, way: Way) -> u64 {
        self.shared.state().connections.last().map_or(0, |it| it.moved[way as usize])
    }

    /// Looks for a text in what is passed on from now on, by one of the connections.
    #[cfg(target_os = "linux")]
    pub(crate) fn look_for(&self, way: Way, text: &'static str) {
        self.shared.state().wanted = Some((way, text, None));
    }

    /// Waits for that text; how many bytes its connection had passed on by then.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub(crate) fn finds(&self) -> u64 {
        eventually("a text on its way", || self.shared.state().wanted?.2)
    }

    /// Closes what is connected, on both sides; with `refuses`, also what connects from now on.
    pub(crate) fn cut(&self, refuses: bool) {
        let mut state = self.shared.state();
        state.refuses = refuses;
        state.connections.iter().for_each(Connection::close);
        self.shared.changed.notify_all();
    }

    /// Lets clients through again.
    pub(crate) fn admit(&self) {
        self.shared.state().refuses = false;
    }

    /// Closes what is connected on the client's side alone: the server does not hear of it.
    pub(crate) fn desert(&self) {
        for connection in &mut self.shared.state().connections {
            connection.is_deserted = true;
            let _ = connection.client.shutdown(Shutdown::Both);
        }
    }

    /// Cuts the newest connection, or the first to come, when it has passed on this much.
    pub(crate) fn cut_after(&self, way: Way, bytes: u64) {
        self.limit(way, bytes, AtLimit::Cut);
    }

    /// Holds the newest connection, or the first to come, when it has passed on this much: it
    /// stands, but nothing moves any more.
    pub(crate) fn hold_after(&self, way: Way, bytes: u64) {
        self.limit(way, bytes, AtLimit::Hold);
    }

    fn limit(&self, way: Way, bytes: u64, then: AtLimit) {
        let mut state = self.shared.state();
        let connection = state.connections.len().saturating_sub(1);
        state.limit = Some(Limit { connection, way, bytes, then });
    }

    /// Lets what is held move again.
    pub(crate) fn release(&self) {
        self.shared.state().connections.iter_mut().for_each(|it| it.is_held = false);
        self.shared.changed.notify_all();
    }

    /// Waits until so many connections were made.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn has_connected(&self, times: usize) {
        let what = format!("{times} connections through the proxy");
        eventually(&what, || (self.connections() >= times).then_some(()));
    }

    /// Waits until the newest connection is held.
    #[track_caller]
    pub(crate) fn is_holding(&self) {
        eventually("a connection that is held", || {
            self.shared.state().connections.last().filter(|it| it.is_held).map(drop)
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.cut(true);
        // Wakes the acceptor, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl Connection {
    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no thread of a proxy panics")
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            let mut state = self.state();
            if state.is_over {
                return;
            }
            if state.refuses {
                continue;
            }
            // The server may be away just now.
            let Ok(server) = self.connect() else { continue };
            let pair = |stream: &TcpStream| stream.try_clone().expect("a socket");
            for stream in [&client, &server] {
                stream.set_nodelay(true).expect("a socket");
            }
            let number = state.connections.len();
            let ways = [
                (Way::ToServer, pair(&client), pair(&server)),
                (Way::ToClient, pair(&server), pair(&client)),
            ];
            let (moved, is_held, is_deserted) = ([0, 0], false, false);
            state.connections.push(Connection { client, server, moved, is_held, is_deserted });
            drop(state);
            for (way, from, to) in ways {
                let shared = Arc::clone(self);
                std::thread::spawn(move || shared.pump(number, way, from, to));
            }
        }
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.server), Type::STREAM, None)?;
        if self.is_slow {
            socket.set_recv_buffer_size(SLOW_BUFFER_BYTES)?;
        }
        socket.connect(&self.server.into())?;
        Ok(socket.into())
    }

    /// Passes bytes on until one of the sides is closed.
    fn pump(&self, number: usize, way: Way, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; if self.is_slow { SLOW_CHUNK_BYTES } else { CHUNK_BYTES }];
        let mut seen = Vec::new();
        while let Ok(count @ 1..) = read_some(&mut from, &mut buffer) {
            if !self.may_pass(number, way, count as u64) || to.write_all(&buffer[..count]).is_err()
            {
                break;
            }
            self.look(number, way, &mut seen, &buffer[..count]);
            if self.is_slow {
                std::thread::sleep(SLOW_CHUNK_TAKES);
            }
        }
        let state = self.state();
        if !state.connections[number].is_deserted {
            // The end is passed on as well, and the other way goes on until its own.
            let _ = to.shutdown(Shutdown::Write);
        }
    }

    /// Looks for what is wanted in what was just passed on, and in the end of what was before.
    fn look(&self, number: usize, way: Way, seen: &mut Vec<u8>, bytes: &[u8]) {
        let mut state = self.state();
        let moved = state.connections[number].moved[way as usize];
        let Some((wanted_way, text, at @ None)) = &mut state.wanted else { return };
        if *wanted_way == way {
            seen.extend(bytes);
            if seen.windows(text.len()).any(|window| window == text.as_bytes()) {
                *at = Some(moved);
            }
            let kept = seen.len().min(text.len());
            seen.drain(..seen.len() - kept);
        }
    }

    /// Counts what is to be passed on, and waits while the connection is held. False when it is
    /// over.
    fn may_pass(&self, number: usize, way: Way, count: u64) -> bool {
        let mut state = self.state();
        state.connections[number].moved[way as usize] += count;
        let moved = state.connections[number].moved[way as usize];
        let is_reached = |limit: &mut Limit| {
            limit.connection == number && limit.way == way && moved >= limit.bytes
        };
        match state.limit.take_if(is_reached).map(|limit| limit.then) {
            Some(AtLimit::Cut) => state.connections[number].close(),
            Some(AtLimit::Hold) => state.connections[number].is_held = true,
            None => {}
        }
        while state.connections[number].is_held && !state.is_over {
            state = self.changed.wait(state).expect("no thread of a proxy panics");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use chatshelf_testkit::wait::HANG;

    use super::*;

    #[test]
    fn a_limit_that_one_connection_did_not_reach_is_none_of_the_next() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy::open(server.local_addr().unwrap());
        let connect = || {
            let client = TcpStream::connect(proxy.address()).unwrap();
            let (server, _) = server.accept().unwrap();
            server.set_read_timeout(Some(HANG)).unwrap();
            (client, server)
        };
        let (mut client, mut guest) = connect();
        proxy.hold_after(Way::ToServer, 1_000);
        client.write_all(&[7; 100]).unwrap();
        guest.read_exact(&mut [0; 100]).unwrap();
        let (mut client, mut guest) = connect();
        client.write_all(&[7; 2_000]).unwrap();
        guest.read_exact(&mut [0; 2_000]).expect("nothing holds it");
    }
}
