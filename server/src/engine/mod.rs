//! The engine: the whole server except sockets, files and the clock.
//!
//! It is generic over the transport. It receives readiness, disk replies and the time, and requests
//! disk work through a queue; the same inputs produce the same outputs. A turn ([`Turns::turn`])
//! serves what is ready, then sends, then reaps. The meaning of frames is in `commands`, `uploads`
//! and `downloads`.

mod admission;
mod bans;
mod closing;
mod commands;
mod connection;
mod connections;
mod deadlines;
mod disk_queue;
mod downloads;
mod drops;
mod effect;
mod flush;
mod guesses;
mod guests;
mod invariants;
mod journal_feed;
mod limiter;
mod limits;
mod liveness;
mod memory;
mod moderation;
mod origin;
mod passwords;
mod peer_log;
mod phase;
mod proposals;
mod receive;
mod reclaim;
mod send_queue;
mod settings;
mod stats;
mod transfer_table;
mod transfers;
mod transport;
mod turn;
mod uploads;
mod visitor;
mod visits;

use chatshelf_common::id::UnixMillis;
use chatshelf_common::wire::Code;

use crate::disk::{Found, KeptBans, Reply, Request};
use crate::room::{Restored, Room};
use crate::sequencer::Sequencer;
use crate::token::Token;
use crate::work;
use admission::Admission;
use bans::Bans;
use connection::Connection;
use connections::Connections;
use disk_queue::DiskQueue;
use drops::Owners;
use guesses::Guesses;
use journal_feed::JournalFeed;
use limiter::Limiter;
use moderation::Operators;
use peer_log::PeerLog;
use proposals::Proposer;
use transfer_table::TransferTable;

pub use admission::Secret;
pub use journal_feed::JournalBatch;
pub use limits::LOG_WINDOW_BYTES;
pub use memory::MemoryUse;
pub use settings::{Allowances, Deadlines, Links, Settings};
pub use stats::{Causes, Counters, Handshakes, Stats};
pub use transport::{Refusal, Transport};
pub use turn::{Storage, Threads, Turns};
pub use visitor::{NewFile, Visit, Visitor, Wanted};

/// The time of a turn, by both clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Microseconds of the monotonic clock; only differences have a meaning.
    pub mono_us: u64,
    /// The wall clock, for people.
    pub at: UnixMillis,
}

impl Now {
    /// The whole milliseconds of the monotonic clock.
    #[must_use]
    pub const fn mono_ms(self) -> u64 {
        self.mono_us / 1000
    }
}

/// What the poll reported about a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// True if there may be something to read.
    pub readable: bool,
    /// True if there may be room to write.
    pub writable: bool,
    /// True if the peer has closed its side.
    pub read_closed: bool,
}

/// The room, its connections and their transfers.
#[derive(Debug)]
pub struct Engine<T> {
    settings: Settings,
    started: Now,
    now: Now,
    connections: Connections<Connection<T>>,
    admission: Admission,
    room: Room,
    sequencer: Sequencer,
    journal: JournalFeed,
    disk: DiskQueue,
    transfers: TransferTable,
    /// Who may drop which item.
    owners: Owners,
    operators: Operators,
    bans: Bans,
    guesses: Guesses,
    counters: Counters,
    /// What members and addresses have used of what they are allowed.
    limiter: Limiter,
    /// What is logged about peers.
    peer_log: PeerLog,
    read_buffer: Box<[u8]>,
    shutting_down: bool,
}

impl<T: Transport> Engine<T> {
    /// Creates an engine with what was found in the data directory.
    pub fn new(settings: Settings, secret: Secret, found: Found, now: Now) -> Self {
        let Found { past, upload_ids, bans: KeptBans { bans, next, is_topic_locked } } = found;
        let Restored { mut room, proposals, gone } =
            Room::restore(past, LOG_WINDOW_BYTES, settings.keep, now.at);
        room.lock_topic(is_topic_locked);
        let journaled_to = room.log().end();
        let mut engine = Self {
            started: now,
            now,
            connections: Connections::default(),
            admission: Admission::new(settings.members_max, secret, room.log().last_seq()),
            journal: JournalFeed::new(settings.durability, journaled_to),
            settings,
            sequencer: Sequencer::new(&room),
            room,
            disk: DiskQueue::default(),
            transfers: TransferTable::default(),
            owners: Owners::found(upload_ids),
            operators: Operators::default(),
            bans: Bans::found(bans, next),
            guesses: Guesses::default(),
            counters: Counters::default(),
            limiter: Limiter::default(),
            peer_log: PeerLog::default(),
            read_buffer: vec![0; limits::READ_BUFFER_BYTES].into(),
            shutting_down: false,
        };
        engine.disk.push(Request::Expire { at: now.at });
        gone.into_iter().for_each(|item| engine.disk.push(Request::Remove { item }));
        for proposal in proposals {
            engine.propose(Proposer::Server, proposal);
        }
        engine.propose_surplus_drops();
        engine
    }

    /// Allows downloads to be sent from this many open files at once. Without this call they come
    /// from memory.
    pub fn allow_windows(&mut self, windows_max: usize) {
        self.transfers.allow_windows(windows_max);
    }

    /// Makes other settings hold from now on. Whoever is in the room stays, whatever has begun may
    /// end, and items beyond the number to keep are dropped as at startup. The durability cannot
    /// change.
    fn reconfigure(&mut self, settings: Settings) {
        debug_assert_eq!(self.settings.durability, settings.durability);
        let (members_max, keep) = (settings.members_max, settings.keep);
        self.settings = settings;
        // Deadlines may have become shorter.
        let tokens: Vec<Token> = self.connections.iter().map(|(token, _)| token).collect();
        tokens.into_iter().for_each(|token| self.connections.arm(token, self.now.mono_ms()));
        self.admit_members(members_max);
        self.room.keep_items(keep);
        self.propose_surplus_drops();
        self.disk.push(Request::Expire { at: self.now.at });
    }

    /// Latches what the poll reported about a connection. A stale token refers to none.
    fn handle_readiness(&mut self, token: Token, ready: Readiness) {
        work::spend(1);
        let Some(connection) = self.connections.get_mut(token) else { return };
        connection.note_ready(ready);
        if ready.readable || ready.read_closed {
            self.connections.enqueue(token);
        }
        if ready.writable {
            self.connections.mark_dirty(token);
        }
    }

    /// Handles a reply from the disk thread.
    fn handle_disk(&mut self, reply: Reply) {
        work::spend(1);
        match reply {
            Reply::Created { upload, offset, digest } => {
                self.upload_created(upload, offset, digest);
            }
            Reply::Stored { upload, item } => self.upload_stored(upload, item),
            Reply::Wrote { upload, block } => self.upload_wrote(upload, block),
            Reply::Published { upload, item, id } => self.upload_published(upload, item, id),
            Reply::Opened { download } => self.download_opened(download),
            Reply::Read { download, extent } => self.download_read(download, extent),
            Reply::Failed { transfer, code, detail, block } => {
                if let Some(block) = block {
                    self.transfers.give_block(block);
                }
                let why = detail.as_deref().unwrap_or_default();
                self.peer_log.failed(self.now.mono_ms(), code, why);
                self.end_transfer(transfer.connection, transfer.transfer, code, detail.as_deref());
            }
            Reply::Ended { transfer } => self.transfers.note_ended(transfer),
            Reply::Expires { at } => self.disk.expire_at(at, self.now),
            Reply::JournalFailed { .. } if self.journal.note_failed() => {
                self.shut_down_for(Code::STORAGE_FAILED);
            }
            Reply::Journaled { to } | Reply::JournalFailed { to } => {
                self.journal.note_journaled(to);
                self.room.release_log(to);
            }
        }
    }

    /// Begins a turn: everything handed in from here on happens at `now`.
    fn begin_turn(&mut self, now: Now) {
        self.now = now;
    }

    /// Serves ready connections and checks deadlines. Events this adds to the log go to the journal
    /// ([`Self::poll_journal`]) before anyone else gets them.
    fn serve_turn(&mut self) {
        self.serve_ready();
        self.look_at_deadlines();
        self.settle_wanted();
        self.welcome_joiners();
        self.peer_log.sum_up_if_due(self.now.mono_ms());
        self.journal.take(self.room.log());
        if let Some(to) = self.journal.release_due(self.room.log(), self.now.mono_ms()) {
            self.room.release_log(to);
        }
    }

    /// Flushes queued output and reaps dead connections.
    fn finish_turn(&mut self) {
        self.flush_all();
        self.bound_snapshots(limits::SNAPSHOT_BYTES_MAX);
        self.reap();
    }

    /// Returns the milliseconds until the next turn has something to do without new input: 0 if
    /// work is left over.
    #[must_use]
    pub fn poll_timeout(&self, now: Now) -> Option<u64> {
        let log = self.room.log();
        let may_serve = self.connections.ready_len() > 0 && !self.journal.is_behind(log);
        if self.journal.has_news(log) || may_serve || self.connections.has_dirty() {
            return Some(0);
        }
        let due = [
            self.connections.next_deadline(),
            self.journal.next_deadline(),
            self.disk.next_deadline(),
            self.admission.next_deadline(now.mono_ms()),
            self.peer_log.next_deadline(),
            self.guesses.next_deadline(),
        ];
        due.into_iter().flatten().min().map(|at_ms| at_ms.saturating_sub(now.mono_ms()))
    }

    /// Returns the next request for the disk thread.
    fn poll_disk(&mut self) -> Option<Request> {
        self.disk.pop()
    }

    /// Returns new events for the journal, if there are any.
    fn poll_journal(&mut self) -> Option<JournalBatch> {
        self.journal.poll()
    }

    /// Returns true if events could not be stored as safely as required, so the server must stop.
    #[must_use]
    pub fn has_journal_failed(&self) -> bool {
        self.journal.has_failed()
    }

    /// Returns the number of connections in any phase.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Consumes the engine and returns its room, at shutdown.
    #[must_use]
    pub fn into_room(self) -> Room {
        self.room
    }

    /// Returns true if there are no connections.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Trims the front of the log if it has outgrown its window. First, every connection is
    /// flushed, and the journal takes the events it does not have yet. Members whose cursor is
    /// still behind lose their position and will be told about the gap.
    fn trim_log_if_overfull(&mut self) {
        if !self.room.log().is_overfull() {
            return;
        }
        self.flush_all();
        self.journal.take(self.room.log());
        let log = self.room.log();
        let point = log.trim_point();
        for connection in self.connections.iter_mut() {
            connection.send_queue_mut().prepare_trim(log, point);
            // Bytes a transport has accepted are in its own memory: only cursors point into the
            // log.
            debug_assert!(connection.send_queue().is_clear_of(point));
        }
        self.room.trim_log();
    }
}

#[cfg(test)]
#[path = "../../tests/simulator/layered.rs"]
mod layered;

#[cfg(test)]
mod tests;
