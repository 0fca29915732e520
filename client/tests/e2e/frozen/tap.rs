//! A proxy that writes down what passes it, frame by frame, and can break a connection.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use chatshelf_testkit::recording::{Step, Way, What, take_frame};

/// Where clients connect to instead of the server. Each client has its own, with a log they share.
pub(super) struct Tap {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

/// What all taps of a session have written down.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<Step>>>);

struct Shared {
    client: String,
    server: SocketAddr,
    started: Instant,
    log: Log,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The next connection ends when it has passed on so many bytes to the server.
    break_after: Option<usize>,
    /// Its connections, by their numbers in the recording.
    connections: BTreeMap<usize, Connection>,
    is_over: bool,
}

struct Connection {
    client: TcpStream,
    to_server: usize,
    /// Bytes of a frame that has come in part, each way.
    partial: [Vec<u8>; 2],
    break_after: Option<usize>,
    is_broken: bool,
}

impl Log {
    pub(super) fn steps(&self) -> Vec<Step> {
        self.0.lock().unwrap().clone()
    }
}

impl Tap {
    pub(super) fn open(client: &str, server: SocketAddr, started: Instant, log: &Log) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (client, log, state) = (client.to_owned(), log.clone(), Mutex::default());
        let shared = Arc::new(Shared { client, server, started, log, state });
        let acceptor = Arc::clone(&shared);
        std::thread::spawn(move || acceptor.accept(&listener));
        Self { address, shared }
    }

    /// Breaks the next connection when it has passed on so many bytes to the server.
    pub(super) fn break_after(&self, bytes: usize) {
        self.shared.state.lock().unwrap().break_after = Some(bytes);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().is_over = true;
        // Wakes the acceptor, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.state.lock().unwrap().is_over {
                return;
            }
            let Ok(server) = TcpStream::connect(self.server) else { continue };
            let pair = |stream: &TcpStream| stream.try_clone().unwrap();
            let number = self.connected(pair(&client));
            for (way, from, to) in
                [(Way::ToServer, pair(&client), pair(&server)), (Way::ToClient, server, client)]
            {
                from.set_nodelay(true).unwrap();
                let shared = Arc::clone(self);
                std::thread::spawn(move || shared.pump(number, way, from, to));
            }
        }
    }

    fn step(&self, steps: &mut Vec<Step>, connection: usize, what: What) {
        let at_ms = self.started.elapsed().as_millis() as u64;
        steps.push(Step { connection, at_ms, what });
    }

    fn connected(&self, client: TcpStream) -> usize {
        let (mut state, mut steps) = (self.state.lock().unwrap(), self.log.0.lock().unwrap());
        let is_connected = |step: &&Step| matches!(step.what, What::Connected(_));
        let number = steps.iter().filter(is_connected).count() + 1;
        self.step(&mut steps, number, What::Connected(self.client.clone()));
        let (break_after, partial) = (state.break_after.take(), Default::default());
        let connection =
            Connection { client, to_server: 0, partial, break_after, is_broken: false };
        state.connections.insert(number, connection);
        number
    }

    fn pump(&self, number: usize, way: Way, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let passed = self.note(number, way, &buffer[..count]);
            let is_taken = to.write_all(&buffer[..passed]).is_ok();
            // What the server still sends on a broken connection is read, or it would be reset.
            if way == Way::ToServer && (passed < count || !is_taken) {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }

    /// Writes down what is about to be passed on; how much of it is.
    fn note(&self, number: usize, way: Way, bytes: &[u8]) -> usize {
        let (mut state, mut steps) = (self.state.lock().unwrap(), self.log.0.lock().unwrap());
        let connection = state.connections.get_mut(&number).unwrap();
        if connection.is_broken {
            return if way == Way::ToServer { 0 } else { bytes.len() };
        }
        let mut passed = bytes.len();
        if way == Way::ToServer {
            let left = connection.break_after.map_or(usize::MAX, |at| at - connection.to_server);
            passed = passed.min(left);
            connection.to_server += passed;
            connection.is_broken = passed == left;
        }
        let partial = &mut connection.partial[way as usize];
        partial.extend_from_slice(&bytes[..passed]);
        while let Some(frame) = take_frame(partial) {
            self.step(&mut steps, number, What::Sent(way, frame));
        }
        if connection.is_broken {
            if !partial.is_empty() {
                let cut = std::mem::take(partial);
                self.step(&mut steps, number, What::Sent(way, cut));
            }
            self.step(&mut steps, number, What::Broken);
            let _ = connection.client.shutdown(Shutdown::Both);
        }
        passed
    }
}
