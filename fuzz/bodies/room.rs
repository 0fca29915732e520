//! A server's engine with its peers in memory: the connection's state machine as a script drives
//! it, over whatever carries the bytes. After each turn the engine's invariants hold, its work is
//! within the budget and its memory within the bound, and every peer was sent what PROTOCOL.md
//! allows. When all have left, nothing is left of them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

use chatshelf_common::id::UnixMillis;
use chatshelf_common::rate::Rate;
use chatshelf_server::disk::store::{Store, StoreSettings};
use chatshelf_server::disk::{Durability, Found, Reply, Request};
use chatshelf_server::engine::{
    Allowances, Deadlines, Engine, JournalBatch, Links, MemoryUse, Now, Readiness, Secret,
    Settings, Storage, Transport, Turns,
};
use chatshelf_server::passwords::{Guess, Realm, Verdict};
use chatshelf_server::token::Token;
use chatshelf_testkit::inbox::Inbox;
use chatshelf_testkit::raw::hello_and_join;
use chatshelf_testkit::receiver::events_in;

use super::budget;
use super::files::MemoryFiles;
use super::script::Script;
use super::wire::{End, Shared, Wire};

/// What is between the engine and its peers.
pub(crate) trait Carrier: Default {
    /// The server's side of a connection.
    type Transport: Transport;
    /// The peer's.
    type Client: Client;

    fn carry(&self, end: End, token: Token) -> Self::Transport;

    /// A peer that speaks as the server does, unless it `is_raw`.
    fn client(&self, is_raw: bool) -> Self::Client;

    /// Connections that continue in this turn without having become ready.
    fn begin_turn(&self) -> Vec<Token> {
        Vec::new()
    }

    fn has_waiting(&self) -> bool {
        false
    }
}

/// A peer's side of a connection.
pub(crate) trait Client {
    /// Says something.
    fn say(&mut self, bytes: &[u8]);

    /// Does something of the carrier's own; which, the number says.
    fn poke(&mut self, what: u8);

    /// Bytes for the wire.
    fn take_output(&mut self, out: &mut Vec<u8>);

    /// Bytes from the wire; `None` if what the server says cannot be read, or need not be.
    fn hear(&mut self, bytes: &[u8]) -> Option<Vec<u8>>;
}

const START: Now = Now { mono_us: 1_000_000_000, at: UnixMillis(1_800_000_000_000) };
const STORE: StoreSettings = StoreSettings {
    min_free_bytes: 0,
    keep_partial_ms: 1_000_000,
    partial_bytes_max: 100_000,
    partial_bytes_min: 1,
};
/// What the peers of some scripts are allowed: little.
const TIGHT: Allowances = Allowances {
    lines: Rate::new(3, 1, 1_000),
    changes: Rate::new(2, 1, 10_000),
    uploads: Rate::new(1_000, 100, 1_000),
    joins: Rate::new(3, 1, 10_000),
    replies: Rate::new(2_000, 100, 1_000),
    ..Allowances::DEFAULT
};
/// Those of PROTOCOL.md's examples.
const ROOM_PASSWORD: &[u8] = b"open sesame";
const OPERATORS_PASSWORD: &[u8] = b"mellon";
const PEERS_MAX: usize = 4;
const NICKS: [&str; PEERS_MAX] = ["ada", "bob", "cy", "dan"];
/// Turns after which an engine that still has something to do is taken to spin.
const TURNS_MAX: usize = 3_000;
/// Steps of the clock, in milliseconds.
const TIMES_MS: [u64; 8] = [1, 100, 1_000, 5_000, 10_000, 30_000, 60_000, 3_600_000];
/// Bytes that a peer takes before it is full.
const ROOMS: [usize; 4] = [0, 1, 100, usize::MAX];

/// In the first byte of a script and in a step that connects: the peer says nothing by itself, and
/// its bytes are what the script says.
pub(crate) const NO_JOIN: u8 = 64;
pub(crate) const RAW: u8 = 128;
/// In the first byte: whoever joins needs a password.
pub(crate) const ASKS_PASSWORD: u8 = 4;

/// The settings; then steps.
pub(crate) fn run<C: Carrier>(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let setup = script.byte();
    let mut room = Room::<C>::new(setup);
    room.connect(setup);
    while let Some(step) = script.next() {
        room.step(step, &mut script);
    }
    room.end();
}

struct Room<C: Carrier> {
    carrier: C,
    engine: Engine<C::Transport>,
    turns: Turns,
    storage: Behind,
    settings: Settings,
    now: Now,
    peers: Vec<Peer<C::Client>>,
    /// How many there have been.
    connected: usize,
    /// Short reads and writes mean that no more is possible now.
    is_short: bool,
    address: SocketAddr,
}

struct Peer<K> {
    wire: Shared,
    token: Token,
    client: K,
    /// What the client has made of its words, and the wire has not got.
    outbox: Vec<u8>,
    /// `None` once what comes cannot be read.
    inbox: Option<Inbox>,
}

/// The storage: the real store in memory; of the journal, what it is given; and who knows the
/// passwords.
struct Behind {
    store: Store<MemoryFiles>,
    journal: Vec<u8>,
    replies: VecDeque<Reply>,
    /// Replies that the engine gets in this turn, and those that it has got.
    replies_max: usize,
    replied: usize,
    guesses: VecDeque<Guess>,
}

impl Storage for Behind {
    fn poll_reply(&mut self) -> Option<Reply> {
        let reply = if self.replied < self.replies_max { self.replies.pop_front() } else { None };
        self.replied += usize::from(reply.is_some());
        reply.iter().for_each(budget::note_reply);
        reply
    }

    fn append(&mut self, JournalBatch { frames, to, .. }: JournalBatch) {
        self.journal.extend(frames);
        self.replies.push_back(Reply::Journaled { to });
    }

    fn submit(&mut self, request: Request) {
        let Self { store, replies, .. } = self;
        store.handle(request, &mut |reply| replies.push_back(reply));
        while store.has_work() {
            store.step(&mut |reply| replies.push_back(reply));
        }
    }

    fn verify(&mut self, guess: Guess) {
        self.guesses.push_back(guess);
    }

    fn poll_verdict(&mut self) -> Option<Verdict> {
        let Guess { number, realm, password } = self.guesses.pop_front()?;
        self.replied += 1;
        let right = match realm {
            Realm::Room => ROOM_PASSWORD,
            Realm::Operators => OPERATORS_PASSWORD,
        };
        Some(Verdict { number, is_right: password.as_bytes() == right })
    }
}

impl<C: Carrier> Room<C> {
    fn new(setup: u8) -> Self {
        let is_tight = setup & 1 == 1;
        let settings = Settings {
            file_bytes_max: 100_000,
            keep: 1 + usize::from(setup >> 1 & 1),
            history_max: 20,
            members_max: 3,
            allowances: if is_tight { TIGHT } else { Allowances::UNLIMITED },
            deadlines: Deadlines::DEFAULT,
            durability: [Durability::None, Durability::Interval][usize::from(setup >> 3 & 1)],
            asks_password: setup & ASKS_PASSWORD != 0,
            has_operators: true,
            links: Links::UNTOLD,
        };
        let dir = Path::new("/data");
        let opened = Store::open(MemoryFiles::with_folder(dir), dir, STORE, START.at);
        let (store, _) = opened.expect("memory does not fail");
        let replies_max = if setup & 32 == 0 { usize::MAX } else { 1 };
        Self {
            carrier: C::default(),
            engine: Engine::new(settings.clone(), Secret::new([42; 32]), Found::default(), START),
            turns: Turns::default(),
            storage: Behind {
                store,
                journal: Vec::new(),
                replies: VecDeque::new(),
                replies_max,
                replied: 0,
                guesses: VecDeque::new(),
            },
            settings,
            now: START,
            peers: Vec::new(),
            connected: 0,
            is_short: setup & 16 == 0,
            address: SocketAddr::from(([192, 0, 2, 1], 4_000)),
        }
    }

    /// A further peer: [`NO_JOIN`], [`RAW`].
    fn connect(&mut self, flags: u8) {
        self.peers.retain(|peer| !peer.wire.borrow().is_dropped);
        if self.peers.len() == PEERS_MAX || self.engine.opens_at_ms().is_some() {
            return;
        }
        let token = self.engine.make_way();
        let wire = Wire::new(self.is_short);
        let transport = self.carrier.carry(End(Rc::clone(&wire)), token);
        self.engine.adopt(transport, self.address);
        let mut client = self.carrier.client(flags & RAW != 0);
        if flags & NO_JOIN == 0 {
            client.say(&hello_and_join(NICKS[self.connected % PEERS_MAX], None));
        }
        self.connected += 1;
        let inbox = Some(Inbox::default());
        self.peers.push(Peer { wire, token, client, outbox: Vec::new(), inbox });
        self.settle();
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        let Some(peer) = self.peers.get_mut(usize::from(step >> 4 & 3)) else {
            return self.connect(step);
        };
        match step & 15 {
            0..=2 => {
                peer.client.say(script.chunk());
                self.settle();
            }
            3 => {
                peer.client.say(script.chunk());
                peer.send(usize::MAX);
                self.turn();
            }
            4 => peer.client.say(script.chunk()),
            5 => peer.client.say(&[step].repeat(64 * usize::from(script.byte()))),
            6 => {
                peer.send(script.byte().into());
                self.turn();
            }
            7 => self.pass(TIMES_MS[usize::from(script.byte() & 7)]),
            8 => peer.wire.borrow_mut().end(),
            9 => peer.wire.borrow_mut().reset(),
            10 => peer.wire.borrow_mut().allow(ROOMS[usize::from(step >> 6)]),
            11 => self.connect(step),
            12 => peer.client.poke(script.byte()),
            13 => self.operate(script.byte()),
            14 => self.turn(),
            _ => self.settle(),
        }
    }

    /// What the operator does.
    fn operate(&mut self, what: u8) {
        match what & 3 {
            0 => self.turns.ask_to_stop(),
            1 => self.storage.replies_max = usize::from(what >> 2 & 3),
            _ => {
                self.settings.keep = 1 + usize::from(what >> 2 & 3);
                self.settings.members_max = 1 + usize::from(what >> 4 & 3);
                self.turns.reconfigure(self.settings.clone());
            }
        }
        self.turn();
    }

    /// One turn of the server, with what is ready.
    fn turn(&mut self) {
        let is_there = |peer: &&Peer<C::Client>| !peer.wire.borrow().is_dropped;
        let ready = self.peers.iter().filter(is_there);
        let ready = ready.map(|peer| (peer.token, peer.wire.borrow_mut().take_ready()));
        let mut ready: Vec<_> = ready.filter(|(_, ready)| *ready != Readiness::default()).collect();
        let readable = Readiness { readable: true, ..Readiness::default() };
        ready.extend(self.carrier.begin_turn().into_iter().map(|token| (token, readable)));
        let connections = self.engine.connections();
        self.storage.replied = 0;
        let events = ready.len();
        budget::begin_turn();
        self.turns.turn(&mut self.engine, self.now, ready, &mut self.storage);
        budget::end_turn(connections, (events + self.storage.replied) as u64);
        self.engine.assert_sound();
        self.peers.iter_mut().for_each(Peer::hear);
    }

    fn check_memory(&self) {
        let usage = self.engine.stats().memory;
        assert!(usage.bytes() <= MemoryUse::bytes_max(usage.connections), "{usage:?}");
    }

    /// Turns until nothing is left to do now.
    fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            self.peers.iter_mut().for_each(|peer| peer.send(usize::MAX));
            self.turn();
            let is_owed =
                |peer: &Peer<C::Client>| !peer.outbox.is_empty() || peer.wire.borrow().has_news();
            let has_replies = !self.storage.guesses.is_empty()
                || (self.storage.replies_max > 0 && !self.storage.replies.is_empty());
            let has_events = self.peers.iter().any(is_owed) || self.carrier.has_waiting();
            if !has_events && !has_replies && self.engine.poll_timeout(self.now) != Some(0) {
                return self.check_memory();
            }
        }
        panic!("the engine spins");
    }

    fn pass(&mut self, ms: u64) {
        self.now.mono_us += ms * 1000;
        self.now.at.0 += ms;
        self.settle();
    }

    /// Everyone is gone, and as much time passes as anything waits for.
    fn end(mut self) {
        self.storage.replies_max = usize::MAX;
        self.peers.iter().for_each(|peer| peer.wire.borrow_mut().reset());
        self.settle();
        for _ in 0..100 {
            let Some(wait_ms) = self.engine.poll_timeout(self.now) else { break };
            self.pass(wait_ms);
        }
        assert_eq!(self.engine.poll_timeout(self.now), None, "it waits for what cannot come");
        assert!(self.engine.is_empty() && self.engine.stats().memory.transfers == 0);
        drop(events_in(&self.storage.journal));
    }
}

impl<K: Client> Peer<K> {
    /// Puts what the client has said on the wire, as far as `most` bytes go.
    fn send(&mut self, most: usize) {
        self.client.take_output(&mut self.outbox);
        let count = most.min(self.outbox.len());
        self.wire.borrow_mut().send(self.outbox.drain(..count));
    }

    fn hear(&mut self) {
        let bytes = self.wire.borrow_mut().take_sent();
        if bytes.is_empty() {
            return;
        }
        let Some(inbox) = &mut self.inbox else { return };
        match self.client.hear(&bytes) {
            Some(bytes) => inbox.take(&bytes, |_| ()),
            None => self.inbox = None,
        }
    }
}
