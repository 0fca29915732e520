//! One connection: its transport, its phase, its send queue, and when to check it again.
//!
//! The reading half is a [`Deframer`] (header → fields, or header → chunks of a file's content);
//! the writing half is a [`SendQueue`]. What frames mean is the engine's business.

mod due;
mod visiting;

use std::io::ErrorKind;
use std::net::SocketAddr;

use chatshelf_common::lazy_box::LazyBox;
use chatshelf_common::limits::{DATA_BYTES_MAX, LARGE_DATA_BYTES_MAX};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{CAPABILITY_LARGE_DATA, CAPABILITY_PASSWORD, Goodbye};
use chatshelf_common::wire::{Code, Deframer};

use super::limits::{CONTROL_BYTES_MAX, READ_BUFFER_BYTES};
use super::liveness::Liveness;
use super::phase::{Guest, Membership, Pass, Phase, Step};
use super::send_queue::{Flush, Flushed, SendQueue};
use super::transport::{Refusal, Transport};
use super::{Now, Readiness};
use crate::room::log::RoomLog;
use crate::token::Token;

/// A connection, from accept to reap.
#[derive(Debug)]
pub(super) struct Connection<T> {
    transport: T,
    peer: SocketAddr,
    phase: Phase,
    deframer: Deframer,
    /// Input that arrived behind a `Join` whose outcome is pending. It outlives that phase: it is
    /// handled when the connection is next served.
    held: LazyBox<Vec<u8>>,
    takes_large_data: bool,
    send_queue: SendQueue,
    latches: Latches,
    liveness: Liveness,
    blocked: Blocked,
}

/// What the poll has reported, until it proves outdated: edges are reported only once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Latches {
    readable: bool,
    writable: bool,
    /// The peer has closed its side; reading continues to the end.
    read_closed: bool,
    /// The end has been read.
    read_ended: bool,
}

/// The time since which output has waited without the peer accepting any, if it does. Every
/// connection has this field, so the highest value stands for "not blocked" to save memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Blocked(u64);

impl Blocked {
    const NO: Self = Self(u64::MAX);

    fn since_ms(self) -> Option<u64> {
        (self != Self::NO).then_some(self.0)
    }
}

/// The result of one read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// This many bytes, and possibly more to come.
    Bytes(usize),
    /// This many bytes, and no more for now.
    Last(usize),
    Nothing,
    End,
    /// The transport refuses the peer.
    Refused(Code),
    Broken,
}

impl<T> Connection<T> {
    /// Returns the peer's address.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Returns the phase mutably.
    pub(super) fn phase_mut(&mut self) -> &mut Phase {
        &mut self.phase
    }

    /// Returns the member's nick, if this is a member's connection.
    pub(super) fn nick(&self) -> Option<&Nick> {
        self.phase.member().map(|member| &member.nick)
    }

    /// Returns the session, if this is a member's connection.
    pub(super) fn session(&self) -> Option<Token> {
        self.phase.member().map(|member| member.session)
    }

    /// Returns true while frames from the peer are executed.
    pub(super) fn is_listening(&self) -> bool {
        self.phase.is_listening()
    }

    /// Notes that `Hello` was answered, and which capabilities the client stated.
    pub(super) fn greet(&mut self, now_ms: u64, capabilities: u32) {
        let has = |bit: u32| capabilities & bit != 0;
        self.takes_large_data = has(CAPABILITY_LARGE_DATA);
        let pass = if has(CAPABILITY_PASSWORD) { Pass::Missing } else { Pass::Impossible };
        self.phase.become_phase(Phase::Greeted(Guest { since_ms: now_ms, refusals: 0, pass }));
    }

    /// Makes this a member's connection, which will be welcomed.
    pub(super) fn enter(&mut self, nick: Nick, session: Token) {
        let refusals = if let Phase::Greeted(guest) = self.phase { guest.refusals } else { 0 };
        self.phase.become_phase(Phase::Entering(Membership::new(nick, session, refusals)));
        self.send_queue.reserve_welcome();
    }

    /// Notes that the welcome is queued. Returns false if there is nobody left to welcome.
    pub(super) fn note_welcomed(&mut self) -> bool {
        let Phase::Entering(member) = &self.phase else { return false };
        let member = member.clone();
        self.phase.become_phase(Phase::Joined(member));
        true
    }

    /// Notes the member's new nick.
    pub(super) fn rename(&mut self, to: Nick) {
        if let Some(member) = self.phase.member_mut() {
            member.nick = to;
        }
    }

    /// Counts a refused nick; returns the number of refusals on this connection.
    pub(super) fn count_refusal(&mut self) -> Option<u8> {
        self.phase.count_refusal()
    }

    /// Returns true if the member may have statistics in this second, which it then has.
    pub(super) fn take_stats_turn(&mut self, second: u32) -> bool {
        self.phase.take_stats_turn(second)
    }

    /// Queues the goodbye after the log up to `log_end`, and stops executing the peer's frames.
    pub(super) fn part(&mut self, farewell: &Goodbye, log_end: u64, now_ms: u64) {
        let is_visitor = self.phase.step() == Step::Visiting;
        self.phase.become_phase(Phase::Closing { since_ms: now_ms });
        self.held = LazyBox::default();
        match is_visitor {
            // It would not understand it.
            true => self.send_queue.drop_data(),
            false => self.send_queue.finish(farewell, log_end),
        }
    }

    /// Marks it as dead. Returns false if it already was.
    pub(super) fn die(&mut self) -> bool {
        let is_new = self.phase != Phase::Dead;
        if is_new {
            self.phase.become_phase(Phase::Dead);
        }
        is_new
    }

    /// Returns the send queue.
    pub(super) fn send_queue(&self) -> &SendQueue {
        &self.send_queue
    }

    /// Returns the send queue mutably.
    pub(super) fn send_queue_mut(&mut self) -> &mut SendQueue {
        &mut self.send_queue
    }

    /// Latches what the poll reported.
    pub(super) fn note_ready(&mut self, ready: Readiness) {
        self.latches.readable |= ready.readable || ready.read_closed;
        self.latches.writable |= ready.writable;
        self.latches.read_closed |= ready.read_closed;
    }

    /// Returns true if there may be something to read.
    pub(super) fn is_readable(&self) -> bool {
        self.latches.readable
    }

    /// Returns true once the peer has closed its side.
    pub(super) fn is_read_closed(&self) -> bool {
        self.latches.read_closed
    }

    /// Returns true before the welcome, while its nick is contested, while the disk thread has
    /// enough of its uploads (`is_held_back`), and while the peer leaves its replies unread. The
    /// connection is not read then, and TCP holds the peer back.
    pub(super) fn is_paused(&self, is_held_back: bool) -> bool {
        self.is_listening()
            && (self.phase.awaits_answer() || is_held_back || !self.has_room_for_reply())
    }

    /// Returns true if the replies that the peer leaves unread are within their limit.
    pub(super) fn has_room_for_reply(&self) -> bool {
        self.send_queue.control_bytes() <= CONTROL_BYTES_MAX
    }

    /// Takes the input that arrived behind a `Join` and was not handled yet.
    pub(super) fn take_held(&mut self) -> Option<Vec<u8>> {
        self.held.take().map(|held| *held)
    }

    /// Keeps the input behind a `Join` whose outcome is pending.
    pub(super) fn hold(&mut self, input: &[u8]) {
        debug_assert!(self.phase.awaits_answer());
        if !input.is_empty() {
            self.held.extend_from_slice(input);
        }
        debug_assert!(self.held.len() < READ_BUFFER_BYTES);
    }

    /// Lends its deframer, for frames as long as its phase allows; the caller returns it by
    /// [`Self::return_deframer`] unless the connection ends meanwhile. A `Join` ends the loan, so
    /// the phase that decides the length does not change during it.
    pub(super) fn lend_deframer(&mut self) -> Deframer {
        let mut deframer = std::mem::replace(&mut self.deframer, Deframer::before_join());
        if self.phase.member().is_some() {
            deframer.set_joined();
        }
        deframer
    }

    /// Takes the deframer back.
    pub(super) fn return_deframer(&mut self, deframer: Deframer) {
        self.deframer = deframer;
    }

    /// Returns the bytes of incomplete frames and of held input.
    pub(super) fn unread_bytes(&self) -> usize {
        self.deframer.partial_bytes() + self.held.capacity()
    }

    /// Returns the peer's liveness mutably.
    pub(super) fn liveness_mut(&mut self) -> &mut Liveness {
        &mut self.liveness
    }
}

/// A connection to which nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The result of an attempt to shut down our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lingers {
    /// It is shut down, and the peer may still be reading.
    Now,
    /// The transport must first send closing bytes of its own.
    Later,
    /// The peer no longer reads.
    Never,
}

impl<T: Transport> Connection<T> {
    pub(super) fn new(transport: T, peer: SocketAddr, now_ms: u64) -> Self {
        // What has just been accepted takes something, though no event has said so yet.
        let latches =
            Latches { readable: transport.has_buffered(), writable: true, ..Latches::default() };
        Self {
            transport,
            peer,
            phase: Phase::Greeting { since_ms: now_ms },
            deframer: Deframer::before_join(),
            held: LazyBox::default(),
            takes_large_data: false,
            send_queue: SendQueue::default(),
            latches,
            liveness: Liveness::new(now_ms),
            blocked: Blocked::NO,
        }
    }

    /// Reads what has arrived, if the connection is readable and not paused.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Got {
        debug_assert!(self.latches.readable);
        match self.transport.read(buffer) {
            Ok(0) => Got::End,
            Ok(bytes) => {
                // The end of a closed peer's stream is read, not guessed, because no further event
                // reports it.
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
            Err(why) => Refusal::of(&why).map_or(Got::Broken, |Refusal(code)| Got::Refused(code)),
        }
    }

    /// Returns what the last read has cost besides its bytes, in bytes.
    pub(super) fn read_overhead(&self) -> usize {
        self.transport.read_overhead()
    }

    /// Notes that the end was read; returns the connection's step.
    pub(super) fn note_read_end(&mut self) -> Step {
        self.latches.readable = false;
        self.latches.read_ended = true;
        self.phase.step()
    }

    /// Sends queued output, up to about `budget` bytes; returns how many bytes were sent and why it
    /// stopped.
    ///
    /// # Errors
    /// If the connection is broken.
    #[inline] // Each delivery passes through here, and the result is five words long.
    pub(super) fn flush(
        &mut self,
        log: &RoomLog,
        budget: usize,
        now: Now,
    ) -> Result<Flush, Broken> {
        if !self.latches.writable {
            return Ok(Flush { accepted: 0, has_progress: false, end: Flushed::Blocked });
        }
        let flushed = self.send_queue.flush(&mut self.transport, log, budget);
        let flush = flushed.map_err(|_| Broken)?;
        if flush.has_progress {
            if std::mem::replace(&mut self.blocked, Blocked::NO) != Blocked::NO {
                self.liveness.note_taken(now.mono_ms());
            }
            self.note_taken_answer(now);
        }
        if let Some(unsent_bytes) = self.send_queue.note_flushed(flush, now.mono_us) {
            self.transport.limit_unsent(unsent_bytes);
        }
        self.latches.writable = flush.end != Flushed::Blocked;
        Ok(flush)
    }

    /// Returns true while the queue, or the transport that has accepted them, has bytes to send.
    fn has_output(&self, log: &RoomLog) -> bool {
        self.send_queue.has_output(log) || self.transport.has_pending()
    }

    /// Returns true while the transport holds bytes that it has not sent.
    pub(super) fn has_pending(&self) -> bool {
        self.transport.has_pending()
    }

    /// Latches readability that no event reports. Returns true if there may be something to read.
    pub(super) fn note_buffered(&mut self) -> bool {
        self.latches.readable |= self.transport.has_buffered();
        self.latches.readable
    }

    /// Returns the file bytes that a data frame built now should have, unless it is the last.
    pub(super) fn frame_bytes(&self) -> usize {
        let most = if self.takes_large_data { LARGE_DATA_BYTES_MAX } else { DATA_BYTES_MAX };
        self.send_queue.frame_bytes(most)
    }

    /// Returns true if file data can and should go to the peer from the file itself: a slow
    /// connection is better served from memory, where what was read stays.
    pub(super) fn wants_window(&self) -> bool {
        self.transport.can_send_files() && !self.send_queue.is_narrow()
    }

    /// Notes that output waits and the peer accepts none. Returns false if that was already noted,
    /// or if the peer may accept some.
    #[inline] // Called in each flush; few connections are blocked.
    pub(super) fn note_blocked(&mut self, log: &RoomLog, now_ms: u64) -> bool {
        let is_new = !self.latches.writable && self.blocked == Blocked::NO && self.has_output(log);
        if is_new {
            self.blocked = Blocked(now_ms);
        }
        is_new
    }

    /// Shuts down our side once the goodbye is sent, and leaves the peer some time to read it.
    #[inline] // Called in each flush; few connections are closing.
    pub(super) fn linger(&mut self, log: &RoomLog, now_ms: u64) -> Option<Lingers> {
        let is_said = self.phase.step() == Step::Closing && !self.has_output(log);
        is_said.then(|| self.shut(now_ms))
    }

    fn shut(&mut self, now_ms: u64) -> Lingers {
        debug_assert!(!self.transport.has_pending(), "accepted bytes are sent first");
        match self.transport.shutdown_write() {
            Ok(()) if !self.latches.read_ended => {
                self.phase.become_phase(Phase::Lingering { since_ms: now_ms });
                Lingers::Now
            }
            Err(why) if why.kind() == ErrorKind::WouldBlock => Lingers::Later,
            Ok(()) | Err(_) => Lingers::Never,
        }
    }

    /// Prepares the connection for file data.
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
        assert!(bytes <= 216, "{bytes} bytes");
    }
}
