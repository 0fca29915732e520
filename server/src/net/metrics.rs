//! The listener for whoever watches the server: `/metrics` for Prometheus, `/healthz` for whatever
//! restarts it. It shares the reactor's poll with the room, and must cost the room nothing:
//! whatever comes here, connections, bytes, time and the work for answers are bounded.
//!
//! Owns its sockets and the page that was written last. A `Source` provides what the page says;
//! heads and answers are made by `http`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

use chatshelf_common::id::UnixMillis;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use super::http::{self, Method, Status};
use super::listener::{self, Remedies};
use crate::engine::{Now, Stats};
use crate::prometheus;

/// Tokens of the poll that it needs: one for the listener, and one for each connection.
pub(crate) const TOKENS: usize = 1 + CONNECTIONS_MAX;
/// Connections at once; the oldest makes room for one more.
const CONNECTIONS_MAX: usize = 16;
/// Connections accepted in one turn.
const ACCEPTS_MAX: usize = 4;
/// Connections accepted in one second; others wait in the system's backlog.
const ACCEPTS_PER_SECOND_MAX: u32 = 100;
/// The life of a connection, from accept to close.
const LIFE_MS: u64 = 10_000;
/// How long a page serves again: writing one looks at every connection of the room.
const PAGE_MS: u64 = 1_000;
/// Bytes of one read.
const READ_BYTES: usize = 4 * 1024;
/// Bytes that are read and discarded after the answer, so that it is not lost to a reset.
const DRAINED_BYTES_MAX: usize = 64 * 1024;
/// How long accepting pauses when the system is out of descriptors or memory.
const PAUSE_MS: u64 = 500;

/// Whether the server does what it is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It does.
    Good,
    /// It is shutting down.
    Stopping,
    /// It cannot write events to its disk.
    DiskFailed,
}

/// What is shown.
pub(crate) trait Source {
    /// The server's health now.
    fn health(&self) -> Health;

    /// What the server has done and what it holds. It may look at every connection.
    fn stats(&self) -> Stats;
}

/// The listener and its connections.
#[derive(Debug)]
pub struct MetricsServer {
    listener: TcpListener,
    /// Connections may be waiting.
    is_ready: bool,
    /// When accepting continues, after a pause.
    resume_at_ms: u64,
    /// When the current second of accepting began, and connections accepted in it.
    second_ms: u64,
    accepted: u32,
    /// The token of the listener; those of the connections follow.
    first_token: usize,
    connections: [Option<Connection>; CONNECTIONS_MAX],
    /// The last page, and when it was written.
    page: Option<(u64, String)>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    step: Step,
    /// When it is closed, whatever it does.
    by_ms: u64,
    /// There may be something to read, or room to write.
    is_ready: bool,
}

/// How far a connection is.
#[derive(Debug)]
enum Step {
    /// The part of the request's head that has arrived.
    Reading(Vec<u8>),
    /// The answer, and how much of it is sent.
    Writing(Vec<u8>, usize),
    /// The answer is sent, our side is shut, and this much was discarded.
    Draining(usize),
}

/// Says in one line why it cannot listen there, and what to do.
#[must_use]
pub fn explain(address: SocketAddr, why: &io::Error) -> String {
    let remedies = Remedies {
        in_use: "another --metrics",
        denied: "a port above 1023 for --metrics",
        not_ours: "another --metrics",
    };
    remedies.explain(&address.to_string(), why)
}

impl MetricsServer {
    /// Listens on this address; port 0 lets the system choose.
    ///
    /// # Errors
    /// If the address is not the machine's, is in use, or needs a privilege.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            listener: listener::listen(Some(address.ip()), address.port())?,
            is_ready: true,
            resume_at_ms: 0,
            second_ms: 0,
            accepted: 0,
            first_token: 0,
            connections: [const { None }; CONNECTIONS_MAX],
            page: None,
        })
    }

    /// Returns the address it listens on.
    ///
    /// # Errors
    /// If the system does not report it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Registers the listener with the poll. It uses [`TOKENS`] tokens from this one on.
    ///
    /// # Errors
    /// If the system cannot register it.
    pub(crate) fn register(&mut self, registry: &Registry, first_token: usize) -> io::Result<()> {
        self.first_token = first_token;
        registry.register(&mut self.listener, Token(first_token), Interest::READABLE)
    }

    /// Notes an event of the token that is this many after the first.
    pub(crate) fn note_ready(&mut self, place: usize) {
        match place.checked_sub(1) {
            None => self.is_ready = true,
            Some(slot) => {
                if let Some(Some(connection)) = self.connections.get_mut(slot) {
                    connection.is_ready = true;
                }
            }
        }
    }

    /// Returns when [`Self::serve`] has something to do without an event, by the monotonic clock.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        let accept = self.is_ready.then_some(self.resume_at_ms);
        let ends = self.connections.iter().flatten().map(|connection| connection.by_ms);
        ends.chain(accept).min()
    }

    /// Does what can be done now: reads, answers, closes, and finally accepts.
    pub(crate) fn serve(&mut self, registry: &Registry, now: Now, source: &impl Source) {
        for slot in 0..CONNECTIONS_MAX {
            self.serve_one(slot, now, source);
        }
        for _ in 0..ACCEPTS_MAX {
            let Some(slot) = self.accept(registry, now.mono_ms()) else { return };
            self.serve_one(slot, now, source);
        }
    }

    fn serve_one(&mut self, slot: usize, now: Now, source: &impl Source) {
        let now_ms = now.mono_ms();
        let Some(connection) = &mut self.connections[slot] else { return };
        let page = &mut self.page;
        let lives = if now_ms >= connection.by_ms {
            connection.time_out(now.at);
            false
        } else {
            !std::mem::take(&mut connection.is_ready)
                || connection
                    .proceed(now.at, |method, path| respond(method, path, page, now_ms, source))
        };
        if !lives {
            self.connections[slot] = None;
        }
    }

    /// Accepts a connection, if one waits and may come now. Returns its slot.
    fn accept(&mut self, registry: &Registry, now_ms: u64) -> Option<usize> {
        if !self.is_ready || now_ms < self.resume_at_ms {
            return None;
        }
        if now_ms >= self.second_ms + 1_000 {
            (self.second_ms, self.accepted) = (now_ms, 0);
        }
        if self.accepted == ACCEPTS_PER_SECOND_MAX {
            self.resume_at_ms = self.second_ms + 1_000;
            return None;
        }
        let mut stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(why) if why.kind() == ErrorKind::WouldBlock => {
                    self.is_ready = false;
                    return None;
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.resume_at_ms = now_ms + PAUSE_MS;
                    return None;
                }
            }
        };
        self.accepted += 1;
        let slot = self.free_slot();
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, Token(self.first_token + 1 + slot), interest).ok()?;
        let (step, by_ms) = (Step::Reading(Vec::new()), now_ms + LIFE_MS);
        self.connections[slot] = Some(Connection { stream, step, by_ms, is_ready: true });
        Some(slot)
    }

    /// Returns a slot without a connection, or closes the oldest to get one.
    fn free_slot(&mut self) -> usize {
        let age = |slot: &usize| self.connections[*slot].as_ref().map(|it| it.by_ms);
        // `None` sorts before any time.
        let slot = (0..CONNECTIONS_MAX).min_by_key(age).unwrap_or_default();
        self.connections[slot] = None;
        slot
    }
}

/// The answer to a request.
fn respond(
    method: Method,
    path: &str,
    page: &mut Option<(u64, String)>,
    now_ms: u64,
    source: &impl Source,
) -> Vec<u8> {
    match path {
        _ if !matches!(method, Method::Get | Method::Head) => {
            http::not_allowed(method, "GET, HEAD", "This page can only be read.")
        }
        "/metrics" => {
            page.take_if(|(written_ms, _)| now_ms >= *written_ms + PAGE_MS);
            let (_, page) = page.get_or_insert_with(|| (now_ms, prometheus::page(&source.stats())));
            http::answer(method, Status::Ok, prometheus::CONTENT_TYPE, page)
        }
        "/healthz" => {
            let (status, words) = match source.health() {
                Health::Good => (Status::Ok, "ok"),
                Health::Stopping => (Status::Unavailable, "shutting down"),
                Health::DiskFailed => (Status::Unavailable, "the log cannot be written to disk"),
            };
            http::plain_answer(method, status, words)
        }
        _ => http::plain_answer(method, Status::NotFound, "try /metrics or /healthz"),
    }
}

impl Connection {
    /// Answers a request that did not come whole in time.
    fn time_out(&mut self, at: UnixMillis) {
        if let Step::Reading(head) = &self.step
            && !head.is_empty()
        {
            let answer = http::refusal_of(head, Status::RequestTimeout);
            let answer = http::stamped(&answer, at, false);
            // Nothing was sent before, so it fits into the socket's buffer, or the peer is gone.
            let _ = self.stream.write(&answer);
        }
    }

    /// Reads and writes as far as possible, and answers the request once it is whole. Returns
    /// false when the connection is over.
    fn proceed(
        &mut self,
        at: UnixMillis,
        mut respond: impl FnMut(Method, &str) -> Vec<u8>,
    ) -> bool {
        let mut bytes = [0; READ_BYTES];
        loop {
            let moved = match &mut self.step {
                Step::Writing(answer, sent) => self.stream.write(&answer[*sent..]),
                Step::Reading(_) | Step::Draining(_) => self.stream.read(&mut bytes),
            };
            let count = match moved {
                Ok(0) => return false,
                Ok(count) => count,
                Err(why) if why.kind() == ErrorKind::WouldBlock => return true,
                Err(why) if why.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return false,
            };
            match &mut self.step {
                Step::Reading(head) => {
                    debug_assert!(head.len() < http::HEAD_BYTES_MAX);
                    head.extend_from_slice(&bytes[..count]);
                    let answer = match http::request(head) {
                        Ok(None) => continue,
                        Ok(Some(request)) => respond(request.method, request.path),
                        Err(status) => http::refusal_of(head, status),
                    };
                    self.step = Step::Writing(http::stamped(&answer, at, false), 0);
                }
                Step::Writing(answer, sent) => {
                    *sent += count;
                    if *sent == answer.len() {
                        // If the peer is gone, the next read reports it.
                        let _ = self.stream.shutdown(Shutdown::Write);
                        self.step = Step::Draining(0);
                    }
                }
                Step::Draining(drained) => {
                    *drained += count;
                    if *drained > DRAINED_BYTES_MAX {
                        return false;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Fake {
        health: Health,
        /// How often statistics were asked for.
        asked: Cell<u32>,
    }

    impl Source for Fake {
        fn health(&self) -> Health {
            self.health
        }

        fn stats(&self) -> Stats {
            self.asked.set(self.asked.get() + 1);
            Stats::default()
        }
    }

    fn answer(source: &Fake, path: &str, page: &mut Option<(u64, String)>, now_ms: u64) -> String {
        String::from_utf8(respond(Method::Get, path, page, now_ms, source)).unwrap()
    }

    #[test]
    fn health_is_a_status_and_a_word() {
        for (health, status, words) in [
            (Health::Good, "200 OK", "ok"),
            (Health::Stopping, "503 Service Unavailable", "shutting down"),
            (Health::DiskFailed, "503 Service Unavailable", "the log cannot be written to disk"),
        ] {
            let source = Fake { health, asked: Cell::default() };
            let answer = answer(&source, "/healthz", &mut None, 0);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
            assert!(answer.ends_with(&format!("\r\n\r\n{words}\n")), "{answer}");
            assert_eq!(source.asked.get(), 0, "it costs no look at the connections");
        }
    }

    #[test]
    fn what_does_not_come_whole_in_time_is_answered_and_silence_is_not() {
        let poll = mio::Poll::new().unwrap();
        let mut server = MetricsServer::open(([127, 0, 0, 1], 0).into()).unwrap();
        server.register(poll.registry(), 0).unwrap();
        let source = Fake { health: Health::Good, asked: Cell::default() };
        let late = "HTTP/1.1 408 Request Timeout\r\n";
        for (sent, status, end) in [
            ("GET /metrics HT", late, "\r\n\r\nRequest Timeout\n"),
            ("HEAD /metrics HT", late, "\r\n\r\n"),
            ("HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "\r\n\r\n"),
            ("", "", ""),
        ] {
            let mut peer = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
            peer.write_all(sent.as_bytes()).unwrap();
            for mono_ms in [0, LIFE_MS - 1, LIFE_MS] {
                for place in 0..TOKENS {
                    server.note_ready(place);
                }
                let now = Now { mono_us: mono_ms * 1000, at: UnixMillis(0) };
                server.serve(poll.registry(), now, &source);
            }
            let mut answer = String::new();
            peer.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with(status) && answer.ends_with(end), "{answer}");
            assert_eq!(answer.is_empty(), sent.is_empty(), "{answer}");
        }
    }

    #[test]
    fn a_page_serves_for_a_second() {
        let source = Fake { health: Health::Good, asked: Cell::default() };
        let mut page = None;
        for (now_ms, asked) in [(7, 1), (8, 1), (7 + PAGE_MS - 1, 1), (7 + PAGE_MS, 2)] {
            assert!(answer(&source, "/metrics", &mut page, now_ms).contains("chatshelf_members 0"));
            assert_eq!(source.asked.get(), asked, "at {now_ms} ms");
        }
    }
}
