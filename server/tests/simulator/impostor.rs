//! An impostor: a malicious server, met by the real client's session alone. It lets in or
//! keeps out, grows without end, asks and never listens, says anything at all. Whatever it does,
//! the session holds a bounded amount, answers with a bounded amount, and waits for a bounded time.

use std::time::{Duration, Instant};

use chatshelf_client::session::{Config, Reconnect, Session};
use chatshelf_common::id::{Digest, ItemId, MessageId, Seq, TransferId, UnixMillis, UploadKey};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{
    Dropped, Gap, Goodbye, Item, Join, Joined, Left, Part, Refused, Renamed, Said, ServerPing,
    ServerPong, Shelved, Snapshot, Style, Told, UploadReady, UploadStored, Welcome,
};
use chatshelf_common::wire::{Code, Frame};
use chatshelf_testkit::raw;
use chatshelf_testkit::samples::{self, file_name, message, nick};
use chatshelf_testkit::server_frames::{hello_ack, snapshot, welcome};

use super::rng::Rng;

/// More than the largest room a session takes.
const ROOM_BYTES_MAX: usize = 64 << 20;
/// More than the events of one read of a socket take.
const EVENTS_BYTES_MAX: usize = 4 << 20;
/// More than the answers take that are kept for a server that does not take them.
const ANSWERS_BYTES_MAX: usize = 128 << 10;
/// What a session may send of its own accord on one connection: its greeting, pings, commands.
const SENT_BYTES_MAX: usize = 64 << 10;
/// Bytes sent for each byte received, at most: a `Refused` of few bytes is answered by a `Join`.
const SENT_PER_BYTE: usize = 4;
/// How long a session may stay on one connection without being let in: as PROTOCOL.md says, and
/// what the clock moves at once here.
const ENTRY_MS_MAX: u64 = 130_000 + STEP_MS_MAX;
/// Steps of the clock.
const STEP_MS_MAX: u64 = 20_000;
/// Steps of one meeting.
const STEPS: u64 = 60;
/// Frames of one step, for most meetings and for one that does not end.
const FRAMES_FEW: u64 = 30;
const FRAMES_MANY: u64 = 4_000;

/// What an impostor keeps at.
#[derive(Clone, Copy, Debug)]
enum Habit {
    /// Pings, and never lets in.
    KeepsOut,
    /// A snapshot without a last part.
    Snapshot,
    /// A history that comes to no end.
    History,
    /// A room into which everybody comes, or onto whose shelf everything goes.
    Room,
    /// Pings whose answers it may never take.
    Pings,
    /// Refuses everything, suggesting another nick.
    Refuses,
    /// Whatever comes to its mind, in any order.
    Anything,
    /// Bytes.
    Noise,
}

struct Impostor {
    rng: Rng,
    habit: Habit,
    /// Takes what the client sends.
    reads: bool,
    seq: u64,
}

struct Meeting {
    session: Session,
    impostor: Impostor,
    now: Instant,
    /// Since the connection stands; for how long nobody was let in.
    waits_ms: u64,
    fed: usize,
    sent: usize,
}

/// Lets a session meet the impostor of this seed.
pub(crate) fn meet(seed: u64) {
    let mut rng = Rng::new(seed, 3_000);
    let habit = rng.pick(&[
        Habit::KeepsOut,
        Habit::Snapshot,
        Habit::History,
        Habit::Room,
        Habit::Pings,
        Habit::Refuses,
        Habit::Anything,
        Habit::Anything,
        Habit::Noise,
    ]);
    let frames = if rng.one_in(25) { FRAMES_MANY } else { FRAMES_FEW };
    let reads = rng.one_in(2);
    let reconnect = rng.one_in(2).then_some(Reconnect { give_up_after: None });
    let now = Instant::now();
    let config = Config {
        nick: nick("ada"),
        history: None,
        seed: rng.next(),
        reconnect,
        quiet: false,
        keepalive: chatshelf_client::session::KEEPALIVE,
    };
    let session = Session::new(config, now);
    let impostor = Impostor { rng, habit, reads, seq: 0 };
    let mut meeting = Meeting { session, impostor, now, waits_ms: 0, fed: 0, sent: 0 };
    for _ in 0..STEPS {
        if !meeting.step(frames) {
            return;
        }
    }
}

impl Meeting {
    /// False when the session is over.
    fn step(&mut self, frames: u64) -> bool {
        if self.session.is_over() {
            return false;
        }
        if self.session.is_offline() {
            self.connect();
        }
        let bytes = self.impostor.bytes(frames);
        self.feed(&bytes);
        self.take_output();
        let step_ms = self.impostor.rng.below(STEP_MS_MAX);
        self.now += Duration::from_millis(step_ms);
        let _ = self.session.handle_timeout(self.now);
        self.check(step_ms);
        true
    }

    fn connect(&mut self) {
        self.now = self.session.retry_at().unwrap_or(self.now).max(self.now);
        self.session.handle_connecting();
        self.session.handle_connected(self.now);
        (self.waits_ms, self.fed, self.sent) = (0, 0, 0);
        let _ = self.session.handle_timeout(self.now);
        let greeting = self.impostor.greeting();
        self.feed(&greeting);
        if self.session.is_joined() {
            self.ask();
        }
    }

    /// What anybody would do in a room.
    fn ask(&mut self) {
        let text = message("hello");
        let _ = self.session.say(text, Style::SPEECH);
        let _ = self.session.upload(file_name("up"), 5_000, Some(UploadKey([1; 16])));
        let _ = self.session.download(ItemId(1), 0);
    }

    /// Feeds in pieces, as a socket would, until the session has no more use of it.
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.session.is_over() && !self.session.is_offline() {
            let count = (1 + self.impostor.rng.up_to(65_535)).min(bytes.len());
            let (piece, rest) = bytes.split_at(count);
            self.fed += piece.len();
            let _ = self.session.handle_bytes(piece, self.now);
            let (held, max) = (self.session.held_bytes(), self.impostor.held_bytes_max());
            assert!(held < max, "{held} bytes are held");
            while self.session.poll_event().is_some() {}
            while self.session.poll_file_request().is_some() {}
            bytes = rest;
        }
    }

    fn take_output(&mut self) {
        while self.impostor.reads && self.session.has_output() {
            let count = self.session.output().iter().map(|part| part.len()).sum();
            self.session.advance_output(count, self.now);
            self.sent += count;
        }
    }

    fn check(&mut self, step_ms: u64) {
        let sent_max = SENT_BYTES_MAX + SENT_PER_BYTE * self.fed;
        assert!(self.sent <= sent_max, "{} bytes sent for {}", self.sent, self.fed);
        let is_waiting = !self.session.is_joined()
            && !self.session.is_offline()
            && !self.session.is_over()
            && !self.impostor.awaits_choice();
        self.waits_ms = if is_waiting { self.waits_ms + step_ms } else { 0 };
        assert!(self.waits_ms <= ENTRY_MS_MAX, "it waits at the door for ever");
    }
}

impl Impostor {
    fn held_bytes_max(&self) -> usize {
        match self.habit {
            Habit::Snapshot | Habit::Room => ROOM_BYTES_MAX,
            Habit::KeepsOut | Habit::Pings => ANSWERS_BYTES_MAX,
            _ => EVENTS_BYTES_MAX,
        }
    }

    /// True where the session waits for its front, which is not here, to choose another nick.
    fn awaits_choice(&self) -> bool {
        matches!(self.habit, Habit::Refuses | Habit::Anything)
    }

    /// What it says on a new connection.
    fn greeting(&mut self) -> Vec<u8> {
        self.seq = 1_000 + self.rng.below(1_000);
        let mut out = Vec::new();
        if matches!(self.habit, Habit::Noise) && self.rng.one_in(2) {
            return out;
        }
        hello_ack().encode(&mut out);
        if matches!(self.habit, Habit::KeepsOut | Habit::Refuses) {
            return out;
        }
        let is_endless = matches!(self.habit, Habit::History);
        let seq = Seq(if is_endless { u64::MAX >> 1 } else { self.seq });
        let from = if is_endless { Seq(1) } else { seq.next() };
        Welcome { from, ..welcome(nick("ada"), seq) }.encode(&mut out);
        let part = Part { first: true, last: !matches!(self.habit, Habit::Snapshot) };
        let items = vec![item(1)];
        Snapshot { part, items, ..snapshot(vec![nick("ada")], seq) }.encode(&mut out);
        if matches!(self.habit, Habit::History) {
            self.seq = 0;
        }
        out
    }

    /// What it says in one step.
    fn bytes(&mut self, frames: u64) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..self.rng.below(frames) {
            self.say(&mut out);
        }
        out
    }

    fn say(&mut self, out: &mut Vec<u8>) {
        let at = UnixMillis(1);
        match self.habit {
            Habit::KeepsOut | Habit::Pings => ServerPing {}.encode(out),
            Habit::Snapshot => {
                let members = (0..500).map(|_| self.stranger()).collect();
                let part = Part { first: false, last: false };
                Snapshot { part, ..snapshot(members, Seq(self.seq)) }.encode(out);
            }
            Habit::History => self.said(2_000).encode(out),
            Habit::Room if self.rng.one_in(50) => {
                let seq = self.next_seq();
                Shelved { seq, at, item: item(seq.0) }.encode(out);
            }
            Habit::Room => {
                let (seq, nick) = (self.next_seq(), self.stranger());
                Joined { seq, at, nick, quiet: None }.encode(out);
            }
            Habit::Refuses => {
                let suggestion = self.rng.one_in(2).then(|| self.stranger());
                Refused { suggestion, ..Refused::new(Code::NICK_TAKEN, Join::KIND) }.encode(out);
            }
            Habit::Anything => self.say_anything(out),
            Habit::Noise => out.extend(self.rng.bytes(40)),
        }
    }

    fn say_anything(&mut self, out: &mut Vec<u8>) {
        let (at, transfer) = (UnixMillis(self.rng.next()), TransferId(self.rng.below(4) as u32));
        let stranger = self.stranger();
        match self.rng.below(16) {
            0 => hello_ack().encode(out),
            1 => ServerPong {}.encode(out),
            2 => Left { seq: self.next_seq(), at, nick: stranger, code: Code(7), quiet: None }
                .encode(out),
            3 => {
                let (seq, to) = (self.next_seq(), self.stranger());
                Renamed { seq, at, nick: stranger, to }.encode(out);
            }
            4 => {
                let (from, to) = (Seq(self.seq + 1), Seq(self.seq + self.rng.below(9)));
                Gap { from, to, nick: stranger }.encode(out);
            }
            5 => UploadReady { transfer, offset: self.rng.below(9_000), digest: None }.encode(out),
            6 => UploadStored { transfer, item: ItemId(self.rng.next()) }.encode(out),
            7 => {
                let code = Code(self.rng.below(60) as u16);
                let refusal = Refused::new(code, self.rng.below(256) as u8);
                Refused { transfer: Some(transfer), ..refusal }.encode(out);
            }
            8 => {
                let (item, name) = (ItemId(self.rng.below(9)), file_name("gone"));
                Dropped { seq: self.next_seq(), at, item, name, nick: None }.encode(out);
            }
            9 => {
                let text = message("psst");
                let (to, id) = (nick("ada"), MessageId(self.rng.next()));
                Told { at, from: stranger, to, id, text }.encode(out);
            }
            10 => out.extend(raw::data(transfer.0, 0, b"abc")),
            11 if self.rng.one_in(10) => {
                let code = Code(self.rng.below(60) as u16);
                Goodbye::new(code).encode(out);
            }
            _ => self.said(20).encode(out),
        }
    }

    fn said(&mut self, bytes: usize) -> Said {
        let text = message(&"x".repeat(bytes));
        let (seq, id) = (self.next_seq(), MessageId(self.rng.next()));
        Said { seq, at: UnixMillis(1), nick: nick("bob"), id, text, style: None }
    }

    fn next_seq(&mut self) -> Seq {
        self.seq += 1;
        Seq(self.seq)
    }

    fn stranger(&mut self) -> Nick {
        nick(&format!("n{:x}", self.rng.next()))
    }
}

fn item(id: u64) -> Item {
    samples::item(id, "notes.txt", 5, Digest([id as u8; 32]))
}
