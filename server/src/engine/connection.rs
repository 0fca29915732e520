//! One connection: its transport, its phase, what it has been sent of, and when it must be looked
//! at again.
//!
//! The reading half is a [`Deframer`] (header → fields, or header → chunks of a file's body); the
//! writing half a [`SendQueue`]. What the frames mean is the engine's matter.

use std::io::ErrorKind;
use std::net::SocketAddr;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::Goodbye;
use chatshelf_common::wire::{Code, Deframer};

use super::Readiness;
use super::deadlines::{Due, Look};
use super::lazy_box::LazyBox;
use super::limits::{
    CLOSE_MS, CONTROL_BYTES_MAX, HELLO_MS, JOIN_MS, LINGER_MS, READ_BUFFER_BYTES,
    WRITE_BUDGET_BYTES, WRITE_STALL_MS,
};
use super::liveness::Liveness;
use super::phase::{Guest, Membership, Phase, Step};
use super::send_queue::{Flush, Flushed, SendQueue};
use super::transport::Transport;
use crate::room::log::RoomLog;
use crate::token::Token;

/// A peer, from accept to reap.
#[derive(Debug)]
pub(super) struct Connection<T> {
    transport: T,
    peer: SocketAddr,
    phase: Phase,
    deframer: Deframer,
    /// What came in one piece with a `Join` that waits for its answer. It outlives that phase: it
    /// is understood when the connection is served next.
    held: LazyBox<Vec<u8>>,
    send_queue: SendQueue,
    latches: Latches,
    liveness: Liveness,
    blocked: Blocked,
}

/// What the poll has said, until it turns out otherwise: edges are told once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Latches {
    readable: bool,
    writable: bool,
    /// The peer has shut its side; reading goes on to the end.
    read_closed: bool,
    /// The end has been read.
    read_ended: bool,
}

/// Since when output waits and the peer takes none, if it does. Each connection has this, so the
/// last of all moments stands for never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Blocked(u64);

impl Blocked {
    const NO: Self = Self(u64::MAX);

    fn since_ms(self) -> Option<u64> {
        (self != Self::NO).then_some(self.0)
    }
}

/// What one read brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// So many bytes, and perhaps more to come.
    Bytes(usize),
    /// So many bytes, and no more for now.
    Last(usize),
    Nothing,
    End,
    Broken,
}

impl<T> Connection<T> {
    /// The other side's address.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The nick of the member whose connection this is.
    pub(super) fn nick(&self) -> Option<&Nick> {
        self.phase.member().map(|member| &member.nick)
    }

    /// The session that goes on here.
    pub(super) fn session(&self) -> Option<Token> {
        self.phase.member().map(|member| member.session)
    }

    /// True while what the peer sends has a meaning.
    pub(super) fn is_listening(&self) -> bool {
        self.phase.is_listening()
    }

    /// `Hello` is answered.
    pub(super) fn greet(&mut self, now_ms: u64) {
        self.phase.become_phase(Phase::Greeted(Guest { since_ms: now_ms, refusals: 0 }));
    }

    /// Its `Join` waits until whoever has the nick gives a sign of life, or does not.
    pub(super) fn contend(&mut self) {
        if let Phase::Greeted(guest) = self.phase {
            self.phase.become_phase(Phase::Contending(guest));
        }
    }

    /// The wait is over, one way or the other.
    pub(super) fn contend_no_more(&mut self) {
        if let Phase::Contending(guest) = self.phase {
            self.phase.become_phase(Phase::Greeted(guest));
        }
    }

    /// It is a member's connection now, and will be welcomed. Frames may be as long as a member's.
    pub(super) fn enter(&mut self, nick: Nick, session: Token) {
        let refusals = match self.phase {
            Phase::Greeted(guest) => guest.refusals,
            _ => 0,
        };
        self.phase.become_phase(Phase::Entering(Membership { nick, session, refusals }));
        self.deframer.set_joined();
        self.send_queue.reserve_welcome();
    }

    /// The welcome is in the queue. False if there is nobody to welcome any more.
    pub(super) fn note_welcomed(&mut self) -> bool {
        let Phase::Entering(member) = &self.phase else { return false };
        let member = member.clone();
        self.phase.become_phase(Phase::Joined(member));
        true
    }

    /// The member has another nick.
    pub(super) fn rename(&mut self, to: Nick) {
        if let Some(member) = self.phase.member_mut() {
            member.nick = to;
        }
    }

    /// Counts a nick that is refused; says which it is of this connection.
    pub(super) fn count_refusal(&mut self) -> Option<u8> {
        self.phase.count_refusal()
    }

    /// Queues the farewell after the log up to `log_end`, and listens no more.
    pub(super) fn part(&mut self, farewell: &Goodbye, log_end: u64, now_ms: u64) {
        self.phase.become_phase(Phase::Closing { since_ms: now_ms });
        self.held = LazyBox::default();
        self.send_queue.finish(farewell, log_end);
    }

    /// There is nothing more to be done with it. False if that is known.
    pub(super) fn die(&mut self) -> bool {
        let is_new = self.phase != Phase::Dead;
        if is_new {
            self.phase.become_phase(Phase::Dead);
        }
        is_new
    }

    /// What waits to be sent.
    pub(super) fn send_queue(&self) -> &SendQueue {
        &self.send_queue
    }

    /// The same, to be added to or drawn from.
    pub(super) fn send_queue_mut(&mut self) -> &mut SendQueue {
        &mut self.send_queue
    }

    /// Latches what a poll said.
    pub(super) fn note_ready(&mut self, ready: Readiness) {
        self.latches.readable |= ready.readable || ready.read_closed;
        self.latches.writable |= ready.writable;
        self.latches.read_closed |= ready.read_closed;
    }

    /// True if there may be something to read.
    pub(super) fn is_readable(&self) -> bool {
        self.latches.readable
    }

    /// True if there may be room to write.
    #[cfg(test)]
    pub(super) fn is_writable(&self) -> bool {
        self.latches.writable
    }

    /// True once the peer has shut its side.
    pub(super) fn is_read_closed(&self) -> bool {
        self.latches.read_closed
    }

    /// True before the welcome, while its nick is contested, while the disk thread has enough of
    /// its uploads (`is_held_back`), and while the peer leaves its replies lying: nothing is read
    /// then, and TCP holds the peer back.
    pub(super) fn is_paused(&self, is_held_back: bool) -> bool {
        self.is_listening()
            && (self.phase.awaits_answer()
                || is_held_back
                || self.send_queue.control_bytes() > CONTROL_BYTES_MAX)
    }

    /// What came with a `Join` and was not understood, once.
    pub(super) fn take_held(&mut self) -> Option<Vec<u8>> {
        self.held.take().map(|held| *held)
    }

    /// Keeps what came behind a `Join` that waits for its answer.
    pub(super) fn hold(&mut self, input: &[u8]) {
        debug_assert!(self.phase.awaits_answer());
        if !input.is_empty() {
            self.held.extend_from_slice(input);
        }
        debug_assert!(self.held.len() < READ_BUFFER_BYTES);
    }

    /// Lends its deframer, to be given back by [`Self::return_deframer`] unless it ends meanwhile.
    pub(super) fn lend_deframer(&mut self) -> Deframer {
        std::mem::replace(&mut self.deframer, Deframer::before_join())
    }

    /// Has the deframer back. What the phase has become meanwhile holds for it.
    pub(super) fn return_deframer(&mut self, mut deframer: Deframer) {
        if self.phase.member().is_some() {
            deframer.set_joined();
        }
        self.deframer = deframer;
    }

    /// Bytes of frames that have come in part, and of what is held.
    pub(super) fn unread_bytes(&self) -> usize {
        self.deframer.partial_bytes() + self.held.capacity()
    }

    /// What is known of the peer's life, to be changed.
    pub(super) fn liveness_mut(&mut self) -> &mut Liveness {
        &mut self.liveness
    }

    /// What is due of its phase, and of output that waits.
    pub(super) fn output_due(&self, look: &mut Look) -> Option<Due> {
        let (since_ms, allowed_ms, due) = match self.phase {
            Phase::Greeting { since_ms } => {
                (since_ms, HELLO_MS, Due::Close(Code::NOT_JOINED_IN_TIME))
            }
            Phase::Greeted(Guest { since_ms, .. }) | Phase::Contending(Guest { since_ms, .. }) => {
                (since_ms, JOIN_MS, Due::Close(Code::NOT_JOINED_IN_TIME))
            }
            Phase::Closing { since_ms } => (since_ms, CLOSE_MS, Due::Drop),
            Phase::Lingering { since_ms } => (since_ms, LINGER_MS, Due::Drop),
            Phase::Entering(_) | Phase::Joined(_) => return self.stall_due(look),
            Phase::Dead => return None,
        };
        match look.has_passed(since_ms, allowed_ms) {
            true => Some(due),
            false => self.stall_due(look),
        }
    }

    fn stall_due(&self, look: &mut Look) -> Option<Due> {
        let since_ms = self.blocked.since_ms().filter(|_| self.is_listening())?;
        look.has_passed(since_ms, WRITE_STALL_MS).then_some(Due::Close(Code::TOO_SLOW))
    }

    /// What is due because the peer is silent, if it is a member.
    pub(super) fn silence_due(&self, look: &mut Look, keepalive_ms: u64) -> Option<Due> {
        self.phase.member()?;
        let mut liveness = self.liveness;
        // What has come and was not read yet is a sign of life.
        if self.latches.readable {
            liveness.forgive(look.now_ms());
        }
        liveness.due(look, keepalive_ms)
    }
}

/// A connection to which nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// What came of an attempt to shut our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lingers {
    /// It is shut, and the peer may still read.
    Now,
    /// The transport has a last word of its own, which goes first.
    Later,
    /// There is nobody who would read.
    Never,
}

impl<T: Transport> Connection<T> {
    pub(super) fn new(transport: T, peer: SocketAddr, now_ms: u64) -> Self {
        let latches = Latches { readable: transport.has_buffered(), ..Latches::default() };
        Self {
            transport,
            peer,
            phase: Phase::Greeting { since_ms: now_ms },
            deframer: Deframer::before_join(),
            held: LazyBox::default(),
            send_queue: SendQueue::default(),
            latches,
            liveness: Liveness::new(now_ms),
            blocked: Blocked::NO,
        }
    }

    /// Reads what has come, if it is readable and not paused.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Got {
        debug_assert!(self.latches.readable);
        match self.transport.read(buffer) {
            Ok(0) => Got::End,
            Ok(bytes) => {
                // A shut peer's end is read, not guessed: it brings no event of its own.
                let is_last = bytes < buffer.len()
                    && self.transport.short_is_blocked()
                    && !self.latches.read_closed;
                debug_assert!(!is_last || !self.transport.has_buffered());
                self.latches.readable = !is_last;
                if is_last { Got::Last(bytes) } else { Got::Bytes(bytes) }
            }
            Err(why) if why.kind() == ErrorKind::WouldBlock => {
                debug_assert!(!self.transport.has_buffered());
                self.latches.readable = false;
                Got::Nothing
            }
            Err(why) if why.kind() == ErrorKind::Interrupted => Got::Bytes(0),
            Err(_) => Got::Broken,
        }
    }

    /// The end was read. Says in which step that is.
    pub(super) fn note_read_end(&mut self) -> Step {
        self.latches.readable = false;
        self.latches.read_ended = true;
        self.phase.step()
    }

    /// Sends what waits, about as much as one connection may in a turn; says how many bytes went,
    /// and why it ended.
    ///
    /// # Errors
    /// When the connection is broken. Why is of no account: there is nobody to tell.
    #[inline] // Each delivery passes through here, and the answer is five words long.
    pub(super) fn flush(&mut self, log: &RoomLog, now_ms: u64) -> Result<Flush, Broken> {
        if !self.latches.writable {
            return Ok(Flush { accepted: 0, has_progress: false, end: Flushed::Blocked });
        }
        let flushed = self.send_queue.flush(&mut self.transport, log, WRITE_BUDGET_BYTES);
        let flush = flushed.map_err(|_| Broken)?;
        if flush.has_progress && std::mem::replace(&mut self.blocked, Blocked::NO) != Blocked::NO {
            self.liveness.note_taken(now_ms);
        }
        if let Some(unsent_bytes) = self.send_queue.note_flushed(flush, now_ms) {
            self.transport.limit_unsent(unsent_bytes);
        }
        self.latches.writable = flush.end != Flushed::Blocked;
        Ok(flush)
    }

    /// True while something is to be sent, by the queue or by the transport that has accepted it.
    fn has_output(&self, log: &RoomLog) -> bool {
        self.send_queue.has_output(log) || self.transport.has_pending()
    }

    /// True while the transport owns bytes that it has not sent.
    pub(super) fn has_pending(&self) -> bool {
        self.transport.has_pending()
    }

    /// Latches that there is something to read, where no event tells of it. True if there may be.
    pub(super) fn note_buffered(&mut self) -> bool {
        self.latches.readable |= self.transport.has_buffered();
        self.latches.readable
    }

    /// True when file data can go to the peer from a pipe, and should: a slow connection is better
    /// served from memory.
    pub(super) fn wants_pipe(&self) -> bool {
        self.transport.can_splice() && !self.send_queue.is_narrow()
    }

    /// Notes that output waits and the peer takes none. False if that is known, or it may take
    /// some.
    #[inline] // Each flush asks, and few connections are blocked.
    pub(super) fn note_blocked(&mut self, log: &RoomLog, now_ms: u64) -> bool {
        let is_new = !self.latches.writable && self.blocked == Blocked::NO && self.has_output(log);
        if is_new {
            self.blocked = Blocked(now_ms);
        }
        is_new
    }

    /// Once the farewell is sent, shuts our side and leaves the peer some time to read it.
    #[inline] // Each flush asks, and few connections are closing.
    pub(super) fn linger(&mut self, log: &RoomLog, now_ms: u64) -> Option<Lingers> {
        let is_said = self.phase.step() == Step::Closing && !self.has_output(log);
        is_said.then(|| self.shut(now_ms))
    }

    fn shut(&mut self, now_ms: u64) -> Lingers {
        debug_assert!(!self.transport.has_pending(), "what is accepted is sent first");
        match self.transport.shutdown_write() {
            Ok(()) if !self.latches.read_ended => {
                self.phase.become_phase(Phase::Lingering { since_ms: now_ms });
                Lingers::Now
            }
            Err(why) if why.kind() == ErrorKind::WouldBlock => Lingers::Later,
            Ok(()) | Err(_) => Lingers::Never,
        }
    }

    /// Prepares for file data.
    pub(super) fn begin_data(&mut self) {
        if let Some(unsent_bytes) = self.send_queue.begin_data() {
            self.transport.limit_unsent(unsent_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_takes_few_bytes() {
        let bytes = size_of::<Connection<i32>>();
        assert!(bytes <= 232, "{bytes} bytes");
    }
}
