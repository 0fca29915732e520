//! Peers that mean no good, in numbers: raw sockets beside the sessions, in the same poll. Some
//! send next to nothing, some never read, some send garbage; all come back when they are thrown
//! out.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Frame, Hello, Join, MAGIC, Pong};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::options::Attack;

/// From one byte of a slow one's greeting to the next, and from one sign of life of a deaf one to
/// the next, by which it also learns that it has been thrown out.
const DRIP_EVERY: Duration = Duration::from_secs(3);
/// From the end of a connection to the next one of the same attacker, at the least.
const RETURN_AFTER: Duration = Duration::from_millis(100);
/// How often those are looked for who have something to do.
const LOOK_EVERY: Duration = Duration::from_millis(20);
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
    /// Its connection stands.
    is_there: bool,
    /// Bytes of what it has to say that are sent.
    sent: usize,
    /// When it does something again.
    due: Instant,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Attackers {
    address: SocketAddr,
    /// Token of the first; the others follow.
    first: usize,
    list: Vec<Attacker>,
    /// A good `Hello`.
    greeting: Vec<u8>,
    garbage: Vec<u8>,
    look_due: Instant,
    /// Connections made, and connections that the server has ended.
    pub(super) made: usize,
    pub(super) ended: usize,
}

impl Attackers {
    /// So many of each kind, with the tokens from `first` on. They come when they are served.
    pub(super) fn new(address: SocketAddr, first: usize, attack: Attack) -> Self {
        let Attack { slow, deaf, garbage } = attack;
        let now = Instant::now();
        let slow_kind =
            |number: usize| if number.is_multiple_of(2) { Kind::Silent } else { Kind::Dripping };
        let kinds = (0..slow).map(slow_kind);
        let kinds = kinds.chain((0..deaf).map(|_| Kind::Deaf));
        let kinds = kinds.chain((0..garbage).map(|_| Kind::Garbage));
        let attacker = |kind| Attacker { kind, stream: None, is_there: false, sent: 0, due: now };
        let (capabilities, software) = (None, None);
        let hello = Hello { magic: MAGIC, version_min: 1, version_max: 1, capabilities, software };
        let mut garbage = vec![0; GARBAGE_BYTES];
        blake3::Hasher::new().update(b"garbage").finalize_xof().fill(&mut garbage);
        Self {
            address,
            first,
            list: kinds.map(attacker).collect(),
            greeting: hello.to_bytes(),
            garbage,
            look_due: now,
            made: 0,
            ended: 0,
        }
    }

    /// True once all who stay connected are.
    pub(super) fn are_there(&self) -> bool {
        self.list.iter().all(|it| it.is_there || it.kind == Kind::Garbage)
    }

    /// Does what is due.
    pub(super) fn serve(&mut self, registry: &Registry, now: Instant) {
        if now < self.look_due {
            return;
        }
        self.look_due = now + LOOK_EVERY;
        for number in 0..self.list.len() {
            if self.list[number].due > now {
                continue;
            }
            match self.list[number].stream {
                Some(_) => self.act(number, now),
                None => self.connect(number, registry, now),
            }
        }
    }

    /// Takes note of what the poll says of one of them.
    pub(super) fn handle_ready(&mut self, event: &Event, now: Instant) {
        let number = event.token().0 - self.first;
        let attacker = &mut self.list[number];
        let Some(stream) = &mut attacker.stream else { return };
        if event.is_error() || event.is_write_closed() {
            return self.leave(number, now);
        }
        if event.is_readable() && attacker.kind != Kind::Deaf && has_ended(stream) {
            return self.leave(number, now);
        }
        if event.is_writable() {
            attacker.is_there = true;
            if matches!(attacker.kind, Kind::Deaf | Kind::Garbage) {
                self.act(number, now);
            }
        }
    }

    fn connect(&mut self, number: usize, registry: &Registry, now: Instant) {
        let token = Token(self.first + number);
        let attacker = &mut self.list[number];
        // What is not read is not worth an event.
        let interest = match attacker.kind {
            Kind::Deaf => Interest::WRITABLE,
            _ => Interest::READABLE | Interest::WRITABLE,
        };
        attacker.due = now + DRIP_EVERY;
        let begun = TcpStream::connect(self.address).and_then(|mut stream| {
            registry.register(&mut stream, token, interest)?;
            Ok(stream)
        });
        match begun {
            Ok(stream) => {
                self.made += 1;
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
        self.ended += usize::from(std::mem::take(&mut attacker.is_there));
    }
}

/// The greeting and the join of someone who wants all that was ever said.
fn deaf_join(greeting: &[u8], number: usize) -> Vec<u8> {
    let nick = Nick::new(&format!("deaf{number}"));
    let join = nick.map(|nick| Join::new(nick, Some(HISTORY_ALL)).to_bytes());
    [greeting, &join.unwrap_or_default()].concat()
}

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
