//! The engine with a room full of members whose connections are in memory.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use chatshelf_server::disk::{Durability, Found, Reply, Request};
use chatshelf_server::engine::{
    Allowances, Deadlines, Engine, JournalBatch, Links, Now, Readiness, Secret, Settings, Storage,
    Transport, Turns,
};
use chatshelf_server::token::Token;
use chatshelf_testkit::raw::hello_and_join;

use super::lines;

/// Members of the room.
pub(crate) const MEMBERS: usize = 100;

const SETTINGS: Settings = Settings {
    file_bytes_max: 1 << 30,
    keep: 5,
    history_max: 1_000,
    members_max: MEMBERS,
    allowances: Allowances::DEFAULT,
    deadlines: Deadlines::DEFAULT,
    asks_password: false,
    has_operators: false,
    links: Links::UNTOLD,
    durability: Durability::Interval,
};

/// A full room, in which the first member talks.
pub(crate) struct Rig {
    engine: Engine<End>,
    now: Now,
    members: Vec<Member>,
    /// Bytes that the first member says at once.
    says_bytes: usize,
    journal: Journal,
}

/// The journal, which keeps nothing.
#[derive(Debug, Default)]
struct Journal {
    /// Where the events end that it has and has not answered for.
    journaled_to: Option<u64>,
    /// Bytes of all events since everyone is here.
    logged_bytes: usize,
}

struct Member {
    token: Token,
    wire: Rc<RefCell<Wire>>,
}

/// What lies between a member and the engine.
#[derive(Debug, Default)]
struct Wire {
    /// All that the member ever sends.
    to_engine: Vec<u8>,
    /// How much of it has arrived, and was read.
    arrived: usize,
    read: usize,
    /// Bytes that the engine has sent.
    written: usize,
}

/// The engine's end. What is written is counted and not kept: copying it is the system's work.
#[derive(Debug)]
struct End(Rc<RefCell<Wire>>);

impl Rig {
    /// A room in which everyone is welcome, and all they were sent is taken. Then the first will
    /// say `lines` lines at once, so many times.
    pub(crate) fn new(lines: usize, times: usize) -> Self {
        let now = Now::default();
        let found = Found::default();
        let mut rig = Self {
            engine: Engine::new(SETTINGS, Secret::new([42; 32]), found, now),
            now,
            members: Vec::new(),
            says_bytes: 0,
            journal: Journal::default(),
        };
        for member in 0..MEMBERS {
            rig.join(member);
        }
        rig.journal.logged_bytes = 0;
        for member in &rig.members {
            member.wire.borrow_mut().written = 0;
        }
        let says = lines::said((lines * times) as u64);
        rig.says_bytes = says.len() / times;
        *rig.members[0].wire.borrow_mut() = Wire { to_engine: says, ..Wire::default() };
        rig
    }

    fn join(&mut self, member: usize) {
        let to_engine = hello_and_join(lines::nick(member).as_str(), Some(0));
        let arrived = to_engine.len();
        let wire = Rc::new(RefCell::new(Wire { to_engine, arrived, ..Wire::default() }));
        let token = self.engine.make_way();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4_000));
        self.engine.adopt(End(wire.clone()), peer);
        self.members.push(Member { token, wire });
        self.turn(Some(token));
        self.turn(None);
    }

    /// The lines are said and sent to everyone, again and again.
    pub(crate) fn run(&mut self, times: usize) {
        for _ in 0..times {
            self.hear();
            self.deliver();
        }
    }

    /// The turn in which the lines arrive, and go to the journal.
    pub(crate) fn hear(&mut self) {
        let Member { token, wire } = &self.members[0];
        let token = *token;
        wire.borrow_mut().arrived += self.says_bytes;
        self.turn(Some(token));
    }

    /// The turn in which the journal answers for them, and they are sent.
    pub(crate) fn deliver(&mut self) {
        self.turn(None);
    }

    /// One turn, with the journal's answer if there is one, and with what is ready.
    fn turn(&mut self, ready: Option<Token>) {
        self.now.mono_us += 1000;
        self.now.at.0 += 1;
        // A socket that has something to read is reported as writable as well.
        let both = Readiness { readable: true, writable: true, read_closed: false };
        let ready = ready.map(|token| (token, both));
        Turns::default().turn(&mut self.engine, self.now, ready, &mut self.journal);
    }

    /// All was said, and everyone was sent it.
    pub(crate) fn assert_delivered(&self) {
        let talker = self.members[0].wire.borrow();
        assert!(talker.read == talker.to_engine.len(), "something was not said");
        let has_all = |member: &Member| member.wire.borrow().written == self.journal.logged_bytes;
        assert!(self.journal.logged_bytes > talker.read, "the log holds too little");
        assert!(self.members.iter().all(has_all), "something was not sent");
    }
}

impl Storage for Journal {
    fn poll_reply(&mut self) -> Option<Reply> {
        Some(Reply::Journaled { to: self.journaled_to.take()? })
    }

    fn append(&mut self, JournalBatch { frames, to, .. }: JournalBatch) {
        self.logged_bytes += frames.len();
        self.journaled_to = Some(to);
    }

    fn submit(&mut self, _: Request) {}
}

impl Transport for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wire = &mut *self.0.borrow_mut();
        let bytes = (&wire.to_engine[wire.read..wire.arrived]).read(buffer)?;
        wire.read += bytes;
        if bytes == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(bytes) }
    }

    fn has_buffered(&self) -> bool {
        false
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().written += bytes.len();
        Ok(bytes.len())
    }

    fn has_pending(&self) -> bool {
        false
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        Ok(0)
    }

    fn short_is_blocked(&self) -> bool {
        true
    }

    fn can_send_files(&self) -> bool {
        false
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}
