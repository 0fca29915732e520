//! The network: byte streams that delay, stall, cut and reset, each direction for itself.
//!
//! Readiness is reported as an edge-triggered poll does and no more than that: a reader is told
//! when bytes arrive, a writer when there is room again after it met the end of it. Streams that
//! are not *short* move any number of bytes at a time, and like mio on Windows report the next
//! edge only after a call that would have blocked.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;

use chatshelf_server::engine::Readiness;

use super::budget;
use super::layered::Habits;
use super::pipe::{Pipe, Sabotage};
use super::plan::Weather;
use super::rng::Rng;
use super::trace::{Trace, told};

/// Interruptions of one write, where writes are interrupted.
const INTERRUPTIONS: u32 = 2_000;

/// Which end of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// What both ends of a wire speak, over TLS or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// The protocol's frames.
    Frames,
    /// The same, in messages of WebSocket.
    WebSocket,
    Http,
}

/// One connection, with all that is under way on it.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) number: u64,
    rng: Rng,
    trace: Trace,
    weather: Weather,
    /// Short reads and writes mean that there is no more.
    is_short: bool,
    /// To the server, and to the client.
    up: Pipe,
    down: Pipe,
    client: Socket,
    server: Socket,
    /// Both ends speak TLS.
    pub(crate) is_tls: bool,
    pub(crate) speech: Speech,
    /// Of the layer that the server has over it, if it has one.
    pub(crate) habits: Option<Habits>,
    /// A byte is lost on the way, or changed; or calls are interrupted.
    pub(crate) sabotage: Option<Sabotage>,
    /// Interruptions before the next write.
    interruptions: u32,
}

/// An end, as its system sees it.
#[derive(Debug, Default)]
struct Socket {
    ready: Readiness,
    /// A reset has come.
    is_broken: bool,
    /// When one will.
    breaks_at_ms: Option<u64>,
    is_closed: bool,
    /// The edge was reported, and no call has met the end since (streams that are not short).
    is_read_told: bool,
}

pub(crate) type Shared = Rc<RefCell<Wire>>;

impl Wire {
    pub(crate) fn new(
        number: u64,
        mut rng: Rng,
        trace: Trace,
        weather: Weather,
        is_short: bool,
    ) -> Shared {
        let mut pipes = [Pipe::default(), Pipe::default()];
        for pipe in &mut pipes {
            if rng.below(100) < weather.cuts_percent {
                let most = rng.pick(&[100, 3_000, 100_000, 1_000_000]);
                pipe.cut_at = Some(rng.below(most));
            }
        }
        let [up, down] = pipes;
        let writable = || Socket {
            ready: Readiness { writable: true, ..Readiness::default() },
            ..Socket::default()
        };
        let (client, server) = (writable(), writable());
        Rc::new(RefCell::new(Self {
            number,
            rng,
            trace,
            weather,
            is_short,
            up,
            down,
            client,
            server,
            is_tls: false,
            speech: Speech::Frames,
            habits: None,
            sabotage: None,
            interruptions: INTERRUPTIONS,
        }))
    }

    /// True when a write is to be interrupted.
    fn interrupts(&mut self) -> bool {
        if self.sabotage != Some(Sabotage::Interrupt) {
            return false;
        }
        self.interruptions = self.interruptions.checked_sub(1).unwrap_or(INTERRUPTIONS);
        self.interruptions < INTERRUPTIONS
    }

    fn socket(&mut self, side: Side) -> &mut Socket {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// What comes to this side.
    fn inbound(&mut self, side: Side) -> &mut Pipe {
        match side {
            Side::Client => &mut self.down,
            Side::Server => &mut self.up,
        }
    }

    /// True when short reads and writes mean that there is no more.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short
    }

    /// The edges that this side has not been told of.
    pub(crate) fn take_ready(&mut self, side: Side) -> Readiness {
        let is_short = self.is_short;
        let socket = self.socket(side);
        let ready = std::mem::take(&mut socket.ready);
        if !is_short {
            socket.is_read_told |= ready.readable;
        }
        ready
    }

    pub(crate) fn is_ready(&mut self, side: Side) -> bool {
        self.socket(side).ready != Readiness::default()
    }

    /// True when neither end is held by anyone.
    pub(crate) fn is_over(&self) -> bool {
        self.client.is_closed && self.server.is_closed
    }

    pub(crate) fn is_closed(&mut self, side: Side) -> bool {
        self.socket(side).is_closed
    }

    /// From now on nothing arrives any more, at either side, and nobody is told.
    pub(crate) fn silence(&mut self) {
        told!(self.trace, "net", "wire {} falls silent", self.number);
        self.up.is_silent = true;
        self.down.is_silent = true;
    }

    /// Nothing arrives until then.
    pub(crate) fn stall_until(&mut self, at_ms: u64) {
        for pipe in [&mut self.up, &mut self.down] {
            pipe.due_ms = pipe.due_ms.map(|due| due.max(at_ms));
            pipe.stalled_until_ms = at_ms;
        }
    }

    /// Resets the connection: each side learns of it in its own time.
    pub(crate) fn reset(&mut self, now_ms: u64) {
        told!(self.trace, "net", "wire {} is reset", self.number);
        for side in [Side::Client, Side::Server] {
            self.break_later(side, now_ms);
        }
    }

    fn break_later(&mut self, side: Side, now_ms: u64) {
        if self.inbound(side).is_silent {
            return;
        }
        let at_ms = now_ms + self.rng.below(self.weather.latency_ms + 1);
        let socket = self.socket(side);
        if !socket.is_broken && !socket.is_closed {
            socket.breaks_at_ms = Some(socket.breaks_at_ms.map_or(at_ms, |at| at.min(at_ms)));
        }
    }

    /// The network is good from now on, but for what is silent already.
    pub(crate) fn heal(&mut self, now_ms: u64) {
        self.weather.heal();
        for pipe in [&mut self.up, &mut self.down] {
            pipe.cut_at = None;
            pipe.stalled_until_ms = 0;
            pipe.due_ms = pipe.due_ms.map(|due| due.min(now_ms + 1));
        }
    }

    /// When something happens here by itself.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        let dues =
            [self.up.due_ms, self.down.due_ms, self.client.breaks_at_ms, self.server.breaks_at_ms];
        dues.into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn step(&mut self, now_ms: u64) {
        for side in [Side::Server, Side::Client] {
            let socket = self.socket(side);
            if socket.breaks_at_ms.take_if(|at| *at <= now_ms).is_some() {
                socket.is_broken = true;
                socket.ready = Readiness { readable: true, writable: true, read_closed: true };
                let discards = self.rng.one_in(2);
                let pipe = self.inbound(side);
                pipe.end(discards);
            }
            if self.inbound(side).due_ms.take_if(|at| *at <= now_ms).is_some() {
                self.deliver(side, now_ms);
            }
        }
    }

    /// Brings some of what is under way to a side.
    fn deliver(&mut self, side: Side, now_ms: u64) {
        let (weather, number) = (self.weather, self.number);
        if self.socket(side).is_closed || self.socket(side).is_broken {
            // Nobody is there: the sender is told by a reset.
            if self.inbound(side).has_bytes_under_way() {
                let sender = other(side);
                self.inbound(side).end(true);
                self.break_later(sender, now_ms);
            }
            return;
        }
        let most =
            if self.rng.one_in(4) { self.rng.up_to(weather.piece_bytes) + 1 } else { usize::MAX };
        let sabotage = self.sabotage;
        let pipe = self.inbound(side);
        let moved = pipe.deliver(most, weather.buffer_bytes);
        if moved > 0 && sabotage.is_some() && pipe.spoil(sabotage, moved) {
            self.sabotage = None;
        }
        let pipe = self.inbound(side);
        let (has_end, is_cut, has_room) =
            (pipe.take_end(), pipe.is_cut(), pipe.room(weather.buffer_bytes) > 0);
        let is_blocked = has_room && std::mem::take(&mut pipe.is_writer_blocked);
        if moved > 0 || has_end {
            told!(self.trace, "net", "wire {number}: {moved} bytes to the {}", name(side));
            self.tell_readable(side, has_end);
        }
        if is_blocked {
            self.tell_writable(other(side));
        }
        if is_cut {
            told!(self.trace, "net", "wire {number} is cut towards the {}", name(side));
            if self.rng.one_in(3) { self.silence() } else { self.reset(now_ms) }
        }
        self.schedule(side, now_ms);
    }

    fn tell_readable(&mut self, side: Side, is_end: bool) {
        let is_short = self.is_short;
        let socket = self.socket(side);
        if is_short || !socket.is_read_told || is_end {
            socket.ready.readable = true;
        }
        socket.ready.read_closed |= is_end;
    }

    fn tell_writable(&mut self, side: Side) {
        self.socket(side).ready.writable = true;
    }

    /// Has what is under way to a side arrive some time.
    fn schedule(&mut self, side: Side, now_ms: u64) {
        let weather = self.weather;
        let mut wait_ms = self.rng.below(weather.latency_ms + 1);
        if self.rng.below(1000) < weather.stalls_per_mille {
            wait_ms += self.rng.between(1_000, 45_000);
            told!(self.trace, "net", "wire {} stalls for {wait_ms} ms", self.number);
        }
        let pipe = self.inbound(side);
        if pipe.due_ms.is_none() && pipe.can_move(weather.buffer_bytes) {
            pipe.due_ms = Some((now_ms + wait_ms).max(pipe.stalled_until_ms));
        }
    }

    /// Reads what has arrived at a side.
    pub(super) fn read(&mut self, side: Side, buffer: &mut [u8], now_ms: u64) -> io::Result<usize> {
        let mut most = buffer.len();
        if !self.is_short && most > 1 && self.rng.one_in(4) {
            most = 1 + self.rng.up_to(most - 1);
        }
        let count = self.inbound(side).take(&mut buffer[..most]);
        if count > 0 {
            self.schedule(side, now_ms);
            return Ok(count);
        }
        if self.socket(side).is_broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if self.inbound(side).has_ended() {
            return Ok(0);
        }
        self.socket(side).is_read_told = false;
        Err(ErrorKind::WouldBlock.into())
    }

    /// Writes at a side.
    pub(super) fn write(
        &mut self,
        side: Side,
        slices: &[IoSlice<'_>],
        now_ms: u64,
    ) -> io::Result<usize> {
        if self.socket(side).is_broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if side == Side::Server && self.interrupts() {
            return Err(ErrorKind::Interrupted.into());
        }
        let asked: usize = slices.iter().map(|slice| slice.len()).sum();
        let (is_short, buffer_bytes) = (self.is_short, self.weather.buffer_bytes);
        let mut most = asked.min(self.inbound(other(side)).room(buffer_bytes));
        if !is_short && most > 1 && self.rng.one_in(4) {
            most = 1 + self.rng.up_to(most - 1);
        }
        let pipe = self.inbound(other(side));
        assert!(!pipe.is_shut(), "nothing is written after the end");
        let would_block = most == 0 && asked > 0;
        pipe.is_writer_blocked |= would_block || (is_short && most < asked);
        if would_block {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut left = most;
        for slice in slices {
            let taken = left.min(slice.len());
            pipe.put(&slice[..taken]);
            left -= taken;
        }
        if side == Side::Server {
            budget::note_write();
        }
        self.schedule(other(side), now_ms);
        Ok(most)
    }

    /// Shuts the writing half of a side.
    pub(super) fn shut(&mut self, side: Side, now_ms: u64) -> io::Result<()> {
        if self.socket(side).is_broken {
            return Err(ErrorKind::NotConnected.into());
        }
        self.inbound(other(side)).shut();
        self.schedule(other(side), now_ms);
        Ok(())
    }

    pub(super) fn close(&mut self, side: Side, now_ms: u64) {
        let has_unread = self.inbound(side).has_arrived_bytes();
        self.socket(side).is_closed = true;
        if has_unread {
            // The system answers what nobody has read by a reset, which may overtake the rest.
            let most = self.rng.up_to(1_000_000);
            self.inbound(other(side)).keep(most);
            self.break_later(other(side), now_ms);
        } else {
            self.inbound(other(side)).shut();
            self.schedule(other(side), now_ms);
        }
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}
