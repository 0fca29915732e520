//! Malicious peers in numbers: raw sockets on a poll and a thread of their own, so that they keep
//! the server busy and not the clients beside them. Some send next to nothing, some never read,
//! some send garbage; all come back when they are thrown out.
//!
//! They are public because the server's end-to-end tests attack with the same peers. They live here
//! and not in the tests' kit because the load test is a program that people run, and depends on no
//! kit.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Frame, Hello, Join, Pong};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::options::Attack;

/// The interval between two bytes of a slow attacker's greeting, and between two pongs of a deaf
/// one: by sending, it also learns that it has been thrown out.
const DRIP_EVERY: Duration = Duration::from_secs(3);
/// The least time between two connections of the same attacker.
const RETURN_AFTER: Duration = Duration::from_millis(100);
/// How often to look for attackers with something to do.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The nice value of their thread: if it shares a core with the clients, those go first.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 19;
/// Garbage that one connection sends, after its beginning.
const GARBAGE_BYTES: usize = 32 * 1024;
/// Begins like another protocol.
const HTTP: &[u8] = b"GET / HTTP/1.1\r\nHost: chatshelf\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Sends nothing at all.
    Silent,
    /// Sends its greeting so slowly that it never ends.
    Dripping,
    /// Joins, asks for everything, and reads nothing.
    Deaf,
    /// Sends garbage, at once or after something that makes sense.
    Garbage,
}

#[derive(Debug)]
struct Attacker {
    kind: Kind,
    stream: Option<TcpStream>,
    /// It is connected, and it has ever been.
    is_there: bool,
    has_come: bool,
    /// Bytes it has sent on this connection.
    sent: usize,
    /// When it acts again.
    due: Instant,
}

/// All of them, as a test sees them. Dropped, they go.
#[derive(Debug)]
pub struct Attackers {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What they have done so far.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// Connections made.
    pub made: usize,
    /// Connections that the server has ended.
    pub ended: usize,
    /// Of these, connections that sent garbage.
    pub garbage_ended: usize,
}

/// What their thread and the test share.
#[derive(Debug, Default)]
struct Shared {
    made: AtomicUsize,
    ended: AtomicUsize,
    garbage_ended: AtomicUsize,
    /// All that stay have been connected.
    have_come: AtomicBool,
    /// They must stop.
    is_over: AtomicBool,
}

/// All of them, at work.
#[derive(Debug)]
struct Horde {
    address: SocketAddr,
    poll: Poll,
    list: Vec<Attacker>,
    /// A good `Hello`.
    greeting: Vec<u8>,
    /// What those who send garbage send, in turn.
    garbage: [Vec<u8>; 3],
    shared: Arc<Shared>,
}

impl Attackers {
    /// Starts the attackers.
    ///
    /// # Errors
    /// One line that says what the system refuses.
    pub fn start(address: SocketAddr, attack: Attack) -> Result<Self, String> {
        let shared = Arc::<Shared>::default();
        let horde = Horde::new(address, attack, Arc::clone(&shared));
        let mut horde = horde.map_err(|why| format!("no poll for the attackers: {why}"))?;
        let thread = Builder::new().name("attackers".into()).spawn(move || horde.run());
        let thread = thread.map_err(|why| format!("no thread for the attackers: {why}"))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// True once all that stay have been connected. Not all are at once: the server keeps only so
    /// many that do not join.
    #[must_use]
    pub fn have_come(&self) -> bool {
        self.shared.have_come.load(Ordering::Relaxed)
    }

    /// What they have done so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let Shared { made, ended, garbage_ended, .. } = &*self.shared;
        Tally {
            made: made.load(Ordering::Relaxed),
            ended: ended.load(Ordering::Relaxed),
            garbage_ended: garbage_ended.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the attackers' thread had died");
        }
    }
}

impl Horde {
    fn new(address: SocketAddr, attack: Attack, shared: Arc<Shared>) -> std::io::Result<Self> {
        let Attack { slow, deaf, garbage } = attack;
        let now = Instant::now();
        let slow_kind =
            |number: usize| if number.is_multiple_of(2) { Kind::Silent } else { Kind::Dripping };
        let kinds = (0..slow).map(slow_kind);
        let kinds = kinds.chain((0..deaf).map(|_| Kind::Deaf));
        let kinds = kinds.chain((0..garbage).map(|_| Kind::Garbage));
        let attacker = |kind| Attacker {
            kind,
            stream: None,
            is_there: false,
            has_come: false,
            sent: 0,
            due: now,
        };
        let greeting = Hello::new(1, 1).to_bytes();
        let mut garbage = vec![0; GARBAGE_BYTES];
        blake3::Hasher::new().update(b"garbage").finalize_xof().fill(&mut garbage);
        let beginnings: [&[u8]; 3] = [b"", HTTP, &greeting];
        let garbage = beginnings.map(|beginning| [beginning, &garbage].concat());
        Ok(Self {
            address,
            poll: Poll::new()?,
            list: kinds.map(attacker).collect(),
            greeting,
            garbage,
            shared,
        })
    }

    /// Attacks until told to stop.
    fn run(&mut self) {
        yield_to_the_clients();
        let mut events = Events::with_capacity(1024);
        let mut look_due = Instant::now();
        while !self.shared.is_over.load(Ordering::Relaxed) {
            let patience = look_due.saturating_duration_since(Instant::now());
            if self.poll.poll(&mut events, Some(patience)).is_err() {
                events.clear();
            }
            let now = Instant::now();
            for event in &events {
                self.handle_ready(event, now);
            }
            if now >= look_due {
                look_due = now + LOOK_EVERY;
                self.look_around(now);
            }
        }
    }

    /// Lets those act that are due.
    fn look_around(&mut self, now: Instant) {
        for number in 0..self.list.len() {
            if self.list[number].due > now {
                continue;
            }
            match self.list[number].stream {
                Some(_) => self.act(number, now),
                None => self.connect(number, now),
            }
        }
        let have_come = self.list.iter().all(|it| it.has_come || it.kind == Kind::Garbage);
        self.shared.have_come.store(have_come, Ordering::Relaxed);
    }

    /// Notes what the poll says of one of them.
    fn handle_ready(&mut self, event: &Event, now: Instant) {
        let number = event.token().0;
        let attacker = &mut self.list[number];
        let Some(stream) = &mut attacker.stream else { return };
        if event.is_error() || event.is_write_closed() {
            return self.leave(number, now);
        }
        if event.is_readable() && attacker.kind != Kind::Deaf && has_ended(stream) {
            return self.leave(number, now);
        }
        if event.is_writable() {
            (attacker.is_there, attacker.has_come) = (true, true);
            if matches!(attacker.kind, Kind::Deaf | Kind::Garbage) {
                self.act(number, now);
            }
        }
    }

    fn connect(&mut self, number: usize, now: Instant) {
        let attacker = &mut self.list[number];
        // No events for what is not read.
        let interest = match attacker.kind {
            Kind::Deaf => Interest::WRITABLE,
            _ => Interest::READABLE | Interest::WRITABLE,
        };
        attacker.due = now + DRIP_EVERY;
        let begun = TcpStream::connect(self.address).and_then(|mut stream| {
            self.poll.registry().register(&mut stream, Token(number), interest)?;
            Ok(stream)
        });
        match begun {
            Ok(stream) => {
                self.shared.made.fetch_add(1, Ordering::Relaxed);
                (attacker.stream, attacker.sent) = (Some(stream), 0);
            }
            Err(why) => log::debug!("attacker {number}: {why}"),
        }
    }

    /// Sends what this attacker sends next.
    fn act(&mut self, number: usize, now: Instant) {
        let Self { list, greeting, garbage, .. } = self;
        let Attacker { kind, stream, sent, due, .. } = &mut list[number];
        let Some(stream) = stream else { return };
        *due = now + DRIP_EVERY;
        let (pong, join) = (Pong {}.to_bytes(), deaf_join(greeting, number));
        let bytes = match kind {
            Kind::Silent => return,
            // Never the last byte.
            Kind::Dripping => greeting[..greeting.len() - 1].get(*sent..=*sent).unwrap_or_default(),
            Kind::Deaf => {
                let signs_sent = sent.saturating_sub(join.len()) % pong.len();
                join.get(*sent..).filter(|rest| !rest.is_empty()).unwrap_or(&pong[signs_sent..])
            }
            Kind::Garbage => garbage[number % garbage.len()].get(*sent..).unwrap_or_default(),
        };
        match stream.write(bytes) {
            Ok(bytes) => *sent += bytes,
            Err(why) if why.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.leave(number, now),
        }
    }

    /// Its connection is over: it reconnects a little later.
    fn leave(&mut self, number: usize, now: Instant) {
        let attacker = &mut self.list[number];
        attacker.stream = None;
        attacker.due = now + RETURN_AFTER;
        let ended = usize::from(std::mem::take(&mut attacker.is_there));
        let is_garbage = usize::from(attacker.kind == Kind::Garbage);
        self.shared.ended.fetch_add(ended, Ordering::Relaxed);
        self.shared.garbage_ended.fetch_add(ended * is_garbage, Ordering::Relaxed);
    }
}

/// The greeting and the join of a member that asks for the whole history.
fn deaf_join(greeting: &[u8], number: usize) -> Vec<u8> {
    let nick = Nick::new(&format!("deaf{number}"));
    let join = nick.map(|nick| Join::new(nick, Some(HISTORY_ALL)).to_bytes());
    [greeting, &join.unwrap_or_default()].concat()
}

#[cfg(target_os = "linux")]
fn yield_to_the_clients() {
    let own = Some(rustix::thread::gettid());
    if let Err(why) = rustix::process::setpriority_process(own, NICENESS) {
        log::warn!("the attackers keep their priority: {why}");
    }
}

#[cfg(not(target_os = "linux"))]
fn yield_to_the_clients() {}

/// True when the server has ended a connection; what it sent is read and dropped.
fn has_ended(stream: &mut TcpStream) -> bool {
    let mut words = [0; 512];
    loop {
        match stream.read(&mut words) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return why.kind() != ErrorKind::WouldBlock,
        }
    }
}
