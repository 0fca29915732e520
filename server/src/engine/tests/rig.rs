//! The engine with everything around it faked: wires, clock, disk, journal.

use std::collections::VecDeque;

use byteorder::{BigEndian, ByteOrder};
use chatshelf_common::id::{Seq, UnixMillis};
use chatshelf_common::wire::frame::{Action, Hello, HelloAck, Item, Moderated};
use chatshelf_common::wire::header::HEADER_BYTES;
use chatshelf_common::wire::{Code, Event, ServerFrame};

use super::disk::FakeDisk;
use super::peer::{Peer, Seen};
use super::pipe::{End, Shared, Wire};
use crate::disk::readahead::WINDOWS_MAX;
use crate::disk::{Durability, Found, Reply, Request};
use crate::engine::layered::{Habits, Layered, TestTransport};
use crate::engine::limits::RETURN_GRACE_MS;
use crate::engine::{
    Allowances, Deadlines, Engine, JournalBatch, Links, Now, Secret, Settings, Storage, Turns,
};
use crate::passwords::{Guess, Realm, Verdict};
use crate::room::Past;
use crate::room::redaction::redact;
use crate::token::Token;
use crate::work;

/// Turns after which an engine that still has work is considered to spin.
const TURNS_MAX: usize = 20_000;

pub(super) const SETTINGS: Settings = Settings {
    file_bytes_max: 1 << 30,
    keep: 5,
    history_max: 1000,
    members_max: 1000,
    allowances: Allowances::UNLIMITED,
    deadlines: Deadlines { keepalive_ms: 60_000, ..Deadlines::DEFAULT },
    durability: Durability::Interval,
    asks_password: false,
    has_operators: false,
    links: Links::UNTOLD,
};

/// The address of peers unless a test chooses another.
pub(super) const HOME: &str = "192.0.2.1:4000";

const START: Now = Now { mono_us: 7_000_000, at: UnixMillis(1_700_000_000_000) };

/// A rig whose streams report by a short move that no more is possible, as with epoll.
pub(super) type Rig = AnyRig<true>;
/// A rig whose streams report it by `WouldBlock` only.
pub(super) type LooseRig = AnyRig<false>;

pub(super) struct AnyRig<const SHORT: bool> {
    pub(super) engine: Engine<TestTransport<End<SHORT>>>,
    pub(super) disk: FakeDisk,
    /// Everything handed to the journal.
    pub(super) journal: Vec<u8>,
    /// While set, the journal accepts events and does not reply.
    pub(super) is_journal_held: bool,
    /// The end of the events it has not replied about.
    journaled_to: Option<u64>,
    pub(super) now: Now,
    /// Steps that the engine's turns have taken.
    pub(super) steps: u64,
    pub(super) wires: Vec<(Token, Shared)>,
    /// The seed of the layer that new connections go through, if they do.
    pub(super) habits: Option<Habits>,
    replies: Vec<Reply>,
    /// Guesses that nobody has looked at yet.
    guesses: VecDeque<Guess>,
    /// Guesses that were verified.
    pub(super) verified: usize,
}

/// The storage behind the engine, for one turn.
struct Behind<'a> {
    disk: &'a mut FakeDisk,
    journal: &'a mut Vec<u8>,
    journaled_to: &'a mut Option<u64>,
    replies: VecDeque<Reply>,
    guesses: &'a mut VecDeque<Guess>,
    verified: &'a mut usize,
}

impl Storage for Behind<'_> {
    fn poll_reply(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }

    fn append(&mut self, JournalBatch { bans, frames, to }: JournalBatch) {
        bans.into_iter().for_each(|bans| self.disk.keep_bans(&bans));
        let redacted = super::peer::events(&frames).into_iter().filter_map(|event| match event {
            Event::Moderated(Moderated { action: Action::REDACT, line, .. }) => line,
            _ => None,
        });
        let redacted: Vec<Seq> = redacted.collect();
        self.journal.extend(frames);
        redacted.iter().for_each(|line| redact_in(self.journal, *line));
        *self.journaled_to = Some(to);
    }

    fn submit(&mut self, request: Request) {
        self.disk.submit(request);
    }

    fn verify(&mut self, guess: Guess) {
        self.guesses.push_back(guess);
    }

    fn poll_verdict(&mut self) -> Option<Verdict> {
        let Guess { number, realm, password } = self.guesses.pop_front()?;
        *self.verified += 1;
        let is_right = password.as_bytes() == password_of(realm).as_bytes();
        Some(Verdict { number, is_right })
    }
}

/// Redacts a line among whole frames, as the journal does it.
fn redact_in(frames: &mut [u8], line: Seq) {
    let mut at = 0;
    for event in super::peer::events(frames) {
        let end = at + HEADER_BYTES + BigEndian::read_u32(&frames[at + 2..]) as usize;
        if event.seq() == line {
            redact(&mut frames[at..end]);
        }
        at = end;
    }
}

/// The passwords of rooms that have one.
pub(super) fn password_of(realm: Realm) -> &'static str {
    match realm {
        Realm::Room => "sesame",
        Realm::Operators => "mellon",
    }
}

impl<const SHORT: bool> AnyRig<SHORT> {
    pub(super) fn new() -> Self {
        Self::with(SETTINGS)
    }

    pub(super) fn with(settings: Settings) -> Self {
        let (disk, items) = FakeDisk::new(START.at);
        Self::over(settings, disk, items, Vec::new())
    }

    pub(super) fn over(
        settings: Settings,
        disk: FakeDisk,
        items: Vec<Item>,
        events: Vec<Event>,
    ) -> Self {
        let now = START;
        let secret = Secret::new([42; 32]);
        let topic = events.iter().rev().find_map(|event| match event {
            Event::TopicChanged(event) => Some(event.clone()),
            _ => None,
        });
        let (upload_ids, newest_item) = (disk.upload_ids(), disk.newest_item());
        let bans = disk.bans();
        let found = Found { past: Past { events, topic, items, newest_item }, upload_ids, bans };
        let mut engine = Engine::new(settings, secret, found, now);
        engine.allow_windows(WINDOWS_MAX);
        Self {
            engine,
            disk,
            journal: Vec::new(),
            is_journal_held: false,
            journaled_to: None,
            now,
            steps: 0,
            wires: Vec::new(),
            habits: None,
            replies: Vec::new(),
            guesses: VecDeque::new(),
            verified: 0,
        }
    }

    /// A server started from what this one has left.
    pub(super) fn restart(self, settings: Settings) -> Self {
        let past = super::peer::events(&self.journal);
        let (disk, items) = self.disk.reopen(self.now.at);
        Self::over(settings, disk, items, past)
    }

    /// A connection that has sent nothing.
    pub(super) fn connect(&mut self) -> Peer {
        self.connect_from(HOME)
    }

    /// A connection from another address than most.
    pub(super) fn connect_from(&mut self, address: &str) -> Peer {
        let token = self.engine.make_way();
        let wire = Wire::new();
        let transport = match self.habits {
            Some(habits) => TestTransport::That(Layered::over(End(wire.clone()), habits)),
            None => TestTransport::This(End(wire.clone())),
        };
        self.engine.adopt(transport, address.parse().unwrap());
        if !wire.borrow().dropped {
            self.wires.push((token, wire.clone()));
        }
        Peer::new(wire, token)
    }

    /// A member, welcomed, without history. What it was sent so far is discarded.
    pub(super) fn join(&mut self, nick: &str) -> Peer {
        self.join_from(HOME, nick)
    }

    /// How the server answers this greeting from there.
    pub(super) fn greeting(&mut self, address: &str, hello: Hello) -> HelloAck {
        let mut peer = self.connect_from(address);
        peer.send(hello);
        self.settle();
        match &peer.take()[..] {
            [Seen::Server(ServerFrame::HelloAck(ack))] => ack.clone(),
            others => panic!("{others:?}"),
        }
    }

    pub(super) fn join_from(&mut self, address: &str, nick: &str) -> Peer {
        let mut peer = self.connect_from(address);
        peer.hello();
        peer.join(nick, Some(0));
        self.settle();
        peer.take();
        assert!(peer.goodbye().is_none(), "{nick}: {:?}", peer.goodbye());
        assert!(peer.welcomed().is_some(), "{nick} was not welcomed");
        peer
    }

    /// Runs one turn, with the pending readiness and disk replies.
    pub(super) fn turn(&mut self) {
        let _ = work::take_steps();
        self.wires.retain(|(_, wire)| !wire.borrow().dropped);
        let taken = |(token, wire): &(Token, Shared)| {
            (*token, std::mem::take(&mut wire.borrow_mut().ready))
        };
        let ready = self.wires.iter().map(taken).filter(|(_, ready)| *ready != Default::default());
        self.replies.extend(self.disk.work());
        let mut storage = Behind {
            disk: &mut self.disk,
            journal: &mut self.journal,
            journaled_to: &mut self.journaled_to,
            replies: std::mem::take(&mut self.replies).into(),
            guesses: &mut self.guesses,
            verified: &mut self.verified,
        };
        Turns::default().turn(&mut self.engine, self.now, ready, &mut storage);
        if !self.is_journal_held
            && let Some(to) = self.journaled_to.take()
        {
            self.replies.push(Reply::Journaled { to });
        }
        self.steps += work::take_steps();
        self.assert_sound();
    }

    /// Runs turns until nothing is left to do at this moment.
    pub(super) fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            self.turn();
            let is_owed = |(_, wire): &(Token, Shared)| wire.borrow().ready != Default::default();
            let has_events = self.wires.iter().any(is_owed);
            let has_disk = !self.disk.is_held && !self.disk.waiting.is_empty();
            let has_news = has_disk || !self.replies.is_empty() || !self.guesses.is_empty();
            if !has_events && !has_news && self.engine.poll_timeout(self.now) != Some(0) {
                return;
            }
        }
        panic!("the engine spins");
    }

    /// Lets time pass, then settles.
    pub(super) fn pass(&mut self, ms: u64) {
        self.now.mono_us += ms * 1000;
        self.now.at.0 += ms;
        self.settle();
    }

    /// Makes a held disk execute this many requests, then settles.
    pub(super) fn work(&mut self, requests: usize) {
        let replies = self.disk.work_some(requests);
        self.replies.extend(replies);
        self.settle();
    }

    /// Hands a reply to the engine in the next turn, whatever its origin.
    pub(super) fn reply(&mut self, reply: Reply) {
        self.replies.push(reply);
        self.settle();
    }

    pub(super) fn hold_disk(&mut self) {
        self.disk.is_held = true;
    }

    pub(super) fn release_disk(&mut self) {
        self.disk.is_held = false;
        self.settle();
    }

    /// Makes the journal reply about what it was given, well or badly, then settles.
    pub(super) fn answer_journal(&mut self, is_well: bool) {
        let to = self.journaled_to.take().expect("the journal was given something");
        let reply = if is_well { Reply::Journaled { to } } else { Reply::JournalFailed { to } };
        self.reply(reply);
    }

    pub(super) fn fail(&mut self, kind: &'static str, code: Code) {
        self.disk.failure = Some((kind, code));
    }

    /// Checks what holds after every turn.
    fn assert_sound(&self) {
        self.engine.assert_sound();
        let log = self.engine.room.log();
        assert!(
            self.engine.shutting_down
                || self.journal.ends_with(log.between(
                    log.end().saturating_sub(self.journal.len() as u64).max(log.start()),
                    log.end(),
                ))
        );
    }

    /// True while a peer's connection is a member's.
    pub(super) fn is_joined(&self, peer: &Peer) -> bool {
        self.engine.connections.get(peer.token).is_some_and(|it| it.nick().is_some())
    }

    /// Waits until every grace period is over.
    pub(super) fn pass_grace(&mut self) {
        self.pass(RETURN_GRACE_MS);
        assert_eq!(self.engine.admission.absent(), 0);
    }

    /// Checks that nobody is here, nobody may return, and nothing of them is left.
    pub(super) fn assert_empty(&mut self) {
        assert!(self.engine.is_empty(), "{} connections are left", self.engine.connections());
        self.pass_grace();
        assert_eq!(self.engine.connections.deadlines(), 0);
        assert_eq!(self.engine.transfers.slots_taken(), 0);
        assert_eq!(self.engine.room.members_len(), 0);
        assert!(self.engine.connections.ready_len() == 0 && !self.engine.connections.has_dirty());
        assert_eq!(self.engine.poll_timeout(self.now), None);
        self.disk.assert_idle();
    }
}
