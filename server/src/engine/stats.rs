//! What the server has done since it started, and what it holds now: all counters in one place, for
//! members, operators, tests and benchmarks.
//!
//! They are plain numbers that the engine's thread increments as it works. The engine has no clock:
//! it is told how long a turn took.

use std::fmt;

use chatshelf_common::id::UnixMillis;
use chatshelf_common::wire::code::CODES;
use chatshelf_common::wire::frame::{self, Figure, FigureKind, Refused, StatsRequest};
use chatshelf_common::wire::{Code, Frame};

use super::Engine;
use super::memory::MemoryUse;
use super::transport::Transport;
use crate::disk::DiskStats;
use crate::histogram::Histogram;
use crate::token::Token;

/// One more than the highest code that is counted separately; all others are counted together, as
/// the last.
const CAUSES: usize = 80;

/// A snapshot of the server's statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// When it started, by the wall clock.
    pub started_at: UnixMillis,
    /// What it has done since.
    pub counters: Counters,
    /// What it holds now.
    pub memory: MemoryUse,
    /// The most members it takes.
    pub members_max: usize,
    /// Items on the shelf.
    pub items: usize,
    /// Bytes of their content.
    pub item_bytes: u64,
    /// Bytes of released events not yet sent to the member furthest behind.
    pub slowest_bytes: u64,
    /// Bytes of events that wait for the journal.
    pub unreleased_bytes: u64,
    /// What the disk threads report; the engine knows nothing of it.
    pub disk: DiskStats,
    /// What the network reports; the engine knows nothing of it either.
    pub handshakes: Handshakes,
}

/// Handshakes of encrypted connections since startup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshakes {
    /// Those that have led to a connection.
    pub completed: u64,
    /// Those that could not.
    pub failed: u64,
}

/// Counts since startup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Members who joined without resuming.
    pub joins: u64,
    /// Members who resumed on another connection.
    pub returns: u64,
    /// Lines said to everyone.
    pub lines: u64,
    /// Bytes read from connections.
    pub bytes_in: u64,
    /// Bytes that transports accepted.
    pub bytes_out: u64,
    /// Uploads that became items.
    pub uploads: u64,
    /// Downloads sent completely.
    pub downloads: u64,
    /// `Refused` frames, by their code.
    pub refusals: Causes,
    /// Connections that ended, by the code of their `Goodbye`, sent or not.
    pub closes: Causes,
    /// Turns, and how long each took.
    pub turns: Histogram,
}

/// How often something happened, by reason.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Causes([u64; CAUSES]);

impl Default for Causes {
    fn default() -> Self {
        Self([0; CAUSES])
    }
}

impl Causes {
    pub(super) fn count(&mut self, code: Code) {
        self.0[usize::from(code.0).min(CAUSES - 1)] += 1;
    }

    /// Returns the count for this reason.
    #[must_use]
    pub fn of(&self, code: Code) -> u64 {
        self.0[usize::from(code.0).min(CAUSES - 1)]
    }

    /// Returns the total count.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.total())?;
        let known = CODES.iter().map(|&(code, name)| (name, self.of(code)));
        let mut before = " (";
        for (name, count) in known.filter(|(_, count)| *count > 0) {
            write!(f, "{before}{name} {count}")?;
            before = ", ";
        }
        f.write_str(if before == ", " { ")" } else { "" })
    }
}

impl fmt::Debug for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One line: names, each followed by its number.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (it, memory, disk) = (&self.counters, &self.memory, &self.disk);
        let Handshakes { completed, failed } = self.handshakes;
        write!(
            f,
            "up {} s, connections {}, TLS handshakes {completed}, failed {failed}, joins {}, \
             returns {}, lines {}, bytes in {}, bytes out {}, uploads {}, downloads {}, ",
            self.uptime_ms / 1000,
            it.connections,
            it.joins,
            it.returns,
            it.lines,
            it.bytes_in,
            it.bytes_out,
            it.uploads,
            it.downloads,
        )?;
        write!(
            f,
            "members {}, open {}, transfers {}, shelf {} of {} bytes, ",
            memory.members, memory.connections, memory.transfers, self.items, self.item_bytes,
        )?;
        write!(
            f,
            "turns {}, mean turn {} us, longest turn {} us, syncs {}, mean sync {} us, longest \
             sync {} us, disk queue {}, unreleased bytes {}, blocks in use {}, bytes in use {}, \
             slowest member {} bytes behind, closed {}, refused {}",
            it.turns.count(),
            it.turns.mean_us(),
            it.turns.longest_us(),
            disk.syncs.count(),
            disk.syncs.mean_us(),
            disk.syncs.longest_us(),
            disk.requests,
            self.unreleased_bytes,
            memory.blocks,
            memory.bytes(),
            self.slowest_bytes,
            it.closes,
            it.refusals,
        )
    }
}

impl<T: Transport> Engine<T> {
    /// Returns what the server has done and what it holds; what the disk threads and the network
    /// report is for the caller to add. Visits every connection.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let log = self.room.log();
        let behind = self.connections.iter().map(|(_, it)| it.send_queue().bytes_behind(log));
        Stats {
            uptime_ms: self.uptime_ms(),
            started_at: self.started.at,
            counters: self.counters,
            memory: self.memory_use(),
            members_max: self.admission.members_max(),
            items: self.room.shelf().iter().count(),
            item_bytes: self.room.shelf().iter().map(|item| item.size).sum(),
            slowest_bytes: behind.max().unwrap_or(0),
            unreleased_bytes: log.unreleased_bytes(),
            disk: DiskStats::default(),
            handshakes: Handshakes::default(),
        }
    }

    /// Tells a member what the server has done, at most once in a second.
    pub(super) fn tell_stats(&mut self, token: Token) {
        let second = (self.now.mono_ms() / 1000) as u32;
        let Some(connection) = self.connections.get_mut(token) else { return };
        if connection.take_stats_turn(second) {
            self.send(token, &self.figures());
        } else {
            self.refuse(token, &Refused::new(Code::TOO_SOON, StatsRequest::KIND));
        }
    }

    /// Returns what is every member's business. Visits no connection.
    fn figures(&self) -> frame::Stats {
        let it = &self.counters;
        let figures = [
            (FigureKind::UPTIME_MS, self.uptime_ms()),
            (FigureKind::MEMBERS, self.room.members_len() as u64),
            (FigureKind::TRANSFERS, self.transfers.slots_taken() as u64),
            (FigureKind::CONNECTIONS, it.connections),
            (FigureKind::JOINS, it.joins),
            (FigureKind::RETURNS, it.returns),
            (FigureKind::LINES, it.lines),
            (FigureKind::BYTES_IN, it.bytes_in),
            (FigureKind::BYTES_OUT, it.bytes_out),
            (FigureKind::UPLOADS, it.uploads),
            (FigureKind::DOWNLOADS, it.downloads),
            (FigureKind::REFUSALS, it.refusals.total()),
            (FigureKind::CLOSES, it.closes.total()),
            (FigureKind::CLOSES_LEFT, it.closes.of(Code::LEFT)),
            (FigureKind::CLOSES_LOST, it.closes.of(Code::CONNECTION_LOST)),
            (FigureKind::CLOSES_TIMED_OUT, it.closes.of(Code::TIMED_OUT)),
            (FigureKind::CLOSES_TOO_SLOW, it.closes.of(Code::TOO_SLOW)),
        ];
        frame::Stats { figures: figures.map(|(kind, value)| Figure { kind, value }).to_vec() }
    }

    fn uptime_ms(&self) -> u64 {
        self.now.mono_ms() - self.started.mono_ms()
    }

    /// Counts a turn and its duration in microseconds.
    pub fn note_turn(&mut self, us: u64) {
        self.counters.turns.note(us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_counted_by_itself() {
        let mut causes = Counters::default().closes;
        for (times, &(code, _)) in CODES.iter().enumerate() {
            (0..times).for_each(|_| causes.count(code));
        }
        for (times, &(code, _)) in CODES.iter().enumerate() {
            assert_eq!(causes.of(code), times as u64, "{code:?}");
        }
        causes.count(Code(u16::MAX));
        assert_eq!(causes.of(Code(u16::MAX)), 1);
        assert_eq!(causes.total(), (0..CODES.len() as u64).sum::<u64>() + 1);
    }

    #[test]
    fn the_line_names_every_number() {
        let mut counters = Counters { connections: 2, lines: 70, ..Counters::default() };
        counters.closes.count(Code::LEFT);
        counters.turns.note(5);
        let disk = DiskStats { requests: 3, ..DiskStats::default() };
        let (items, item_bytes, slowest_bytes, unreleased_bytes) = (4, 600, 8, 9);
        let stats = Stats {
            uptime_ms: 61_999,
            counters,
            items,
            item_bytes,
            slowest_bytes,
            unreleased_bytes,
            disk,
            handshakes: Handshakes { completed: 6, failed: 7 },
            ..Stats::default()
        };
        assert_eq!(
            stats.to_string(),
            "up 61 s, connections 2, TLS handshakes 6, failed 7, joins 0, returns 0, lines 70, \
             bytes in 0, bytes out 0, uploads 0, downloads 0, members 0, open 0, transfers 0, \
             shelf 4 of 600 bytes, \
             turns 1, mean turn 5 us, longest turn 5 us, syncs 0, mean sync 0 us, longest \
             sync 0 us, disk queue 3, unreleased bytes 9, blocks in use 0, bytes in use 0, \
             slowest member 8 bytes behind, closed 1 (LEFT 1), refused 0"
        );
    }
}
