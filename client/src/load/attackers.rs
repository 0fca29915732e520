//! Peers that mean no good, in numbers: raw sockets on a poll and a thread of their own, so that
//! it is the server they keep busy and not the clients beside them. Some send next to nothing, some
//! never read, some send garbage; all come back when they are thrown out.

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

/// From one byte of a slow one's greeting to the next, and from one sign of life of a deaf one to
/// the next, by which it also learns that it has been thrown out.
const DRIP_EVERY: Duration = Duration::from_secs(3);
/// From the end of a connection to the next one of the same attacker, at the least.
const RETURN_AFTER: Duration = Duration::from_millis(100);
/// How often those are looked for who have something to do.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The nice value of their thread: where it shares a core with the clients, these go first.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 19;
/// Garbage that one connection is sent.
const GARBAGE_BYTES: usize = 32 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Says nothing at all.
    Silent,
    /// Says its greeting so slowly that it never comes to an end.
    Dripping,
    /// Joins, asks for everything, and reads nothing.
    Deaf,
    /// Sends garbage.
    Garbage,
}

#[derive(Debug)]
struct Attacker {
    kind: Kind,
    stream: Option<TcpStream>,
    /// Its connection stands, and has ever stood.
    is_there: bool,
    has_come: bool,
    /// Bytes of what it has to say that are sent.
    sent: usize,
    /// When it does something again.
    due: Instant,
}

/// All of them, as the load test sees them. Dropped, they go.
#[derive(Debug)]
pub(super) struct Attackers {
    tally: Arc<Tally>,
    thread: Option<JoinHandle<()>>,
}

/// What has become of them so far.
#[derive(Debug, Default)]
struct Tally {
    /// Connections made, and connections that the server has ended.
    made: AtomicUsize,
    ended: AtomicUsize,
    /// All who mean to stay have been connected.
    have_come: AtomicBool,
    /// They are to go.
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
    garbage: Vec<u8>,
    tally: Arc<Tally>,
}

impl Attackers {
    /// Lets so many of each kind come.
    ///
    /// # Errors
    /// One line that says what the system does not give.
    pub(super) fn start(address: SocketAddr, attack: Attack) -> Result<Self, String> {
        let tally = Arc::<Tally>::default();
        let horde = Horde::new(address, attack, Arc::clone(&tally));
        let mut horde = horde.map_err(|why| format!("no poll for the attackers: {why}"))?;
        let thread = Builder::new().name("attackers".into()).spawn(move || horde.run());
        let thread = thread.map_err(|why| format!("no thread for the attackers: {why}"))?;
        Ok(Self { tally, thread: Some(thread) })
    }

    /// True once all who mean to stay have been connected. Not all may be at once: of those who do
    /// not join, the server keeps so many.
    pub(super) fn have_come(&self) -> bool {
        self.tally.have_come.load(Ordering::Relaxed)
    }

    /// Connections made, and connections that the server has ended.
    pub(super) fn made_and_ended(&self) -> (usize, usize) {
        let Tally { made, ended, .. } = &*self.tally;
        (made.load(Ordering::Relaxed), ended.load(Ordering::Relaxed))
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        self.tally.is_over.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the attackers' thread had died");
        }
    }
}

impl Horde {
    fn new(address: SocketAddr, attack: Attack, tally: Arc<Tally>) -> std::io::Result<Self> {
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
        let hello = Hello::new(1, 1);
        let mut garbage = vec![0; GARBAGE_BYTES];
        blake3::Hasher::new().update(b"garbage").finalize_xof().fill(&mut garbage);
        Ok(Self {
            address,
            poll: Poll::new()?,
            list: kinds.map(attacker).collect(),
            greeting: hello.to_bytes(),
            garbage,
            tally,
        })
    }

    /// Attacks until it is over.
    fn run(&mut self) {
        yield_to_the_clients();
        let mut events = Events::with_capacity(1024);
        let mut look_due = Instant::now();
        while !self.tally.is_over.load(Ordering::Relaxed) {
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

    /// Does what is due.
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
        self.tally.have_come.store(have_come, Ordering::Relaxed);
    }

    /// Takes note of what the poll says of one of them.
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
        // What is not read is not worth an event.
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
                self.tally.made.fetch_add(1, Ordering::Relaxed);
                (attacker.stream, attacker.sent) = (Some(stream), 0);
            }
            Err(why) => log::debug!("attacker {number}: {why}"),
        }
    }

    /// Sends what it has to send.
    fn act(&mut self, number: usize, now: Instant) {
        let Self { list, greeting, garbage, .. } = self;
        let Attacker { kind, stream, sent, due, .. } = &mut list[number];
        let Some(stream) = stream else { return };
        *due = now + DRIP_EVERY;
        let (pong, join) = (Pong {}.to_bytes(), deaf_join(greeting, number));
        let bytes = match kind {
            Kind::Silent => return,
            // Never the last one.
            Kind::Dripping => greeting[..greeting.len() - 1].get(*sent..=*sent).unwrap_or_default(),
            Kind::Deaf => {
                let signs_sent = sent.saturating_sub(join.len()) % pong.len();
                join.get(*sent..).filter(|rest| !rest.is_empty()).unwrap_or(&pong[signs_sent..])
            }
            Kind::Garbage => garbage.get(*sent..).unwrap_or_default(),
        };
        match stream.write(bytes) {
            Ok(bytes) => *sent += bytes,
            Err(why) if why.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.leave(number, now),
        }
    }

    /// Its connection is over: it comes back a little later.
    fn leave(&mut self, number: usize, now: Instant) {
        let attacker = &mut self.list[number];
        attacker.stream = None;
        attacker.due = now + RETURN_AFTER;
        let ended = usize::from(std::mem::take(&mut attacker.is_there));
        self.tally.ended.fetch_add(ended, Ordering::Relaxed);
    }
}

/// The greeting and the join of someone who wants all that was ever said.
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

/// True when the server has ended a connection; what it said is read.
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
