//! What the server has done since it started, and what it holds now: all counters in one place, for
//! tests, benchmarks and the log line at shutdown.
//!
//! They are plain numbers that the engine's thread increments as it works. The engine has no clock:
//! it is told how long a turn took.

use std::fmt;

use chatshelf_common::wire::Code;
use chatshelf_common::wire::code::CODES;

use super::Engine;
use super::memory::MemoryUse;
use super::transport::Transport;

/// One more than the highest code that is counted separately; all others are counted together, as
/// the last.
const CAUSES: usize = 64;

/// A snapshot of the server's statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// What it has done since it started.
    pub counters: Counters,
    /// What it holds now.
    pub memory: MemoryUse,
    /// Bytes of released events not yet sent to the member furthest behind.
    pub slowest_bytes: u64,
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
    /// Turns that were timed.
    pub turns: u64,
    /// Total microseconds of those turns.
    pub turns_us: u64,
    /// Microseconds of the longest turn.
    pub turn_us_max: u64,
}

/// How often something happened, by reason.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Causes([u64; CAUSES]);

impl Default for Causes {
    fn default() -> Self {
        Self([0; CAUSES])
    }
}

impl Counters {
    pub(super) fn note_turn(&mut self, us: u64) {
        self.turns += 1;
        self.turns_us += us;
        self.turn_us_max = self.turn_us_max.max(us);
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
        let Self { counters: it, memory, slowest_bytes } = self;
        let turn_us = it.turns_us.checked_div(it.turns).unwrap_or(0);
        write!(
            f,
            "connections {}, joins {}, returns {}, lines {}, bytes in {}, bytes out {}, uploads {}, \
             downloads {}, turns {}, mean turn {turn_us} us, longest turn {} us, blocks in use {}, \
             bytes in use {}, slowest member {slowest_bytes} bytes behind, closed {}, refused {}",
            it.connections,
            it.joins,
            it.returns,
            it.lines,
            it.bytes_in,
            it.bytes_out,
            it.uploads,
            it.downloads,
            it.turns,
            it.turn_us_max,
            memory.blocks,
            memory.bytes(),
            it.closes,
            it.refusals,
        )
    }
}

impl<T: Transport> Engine<T> {
    /// Returns what the server has done and what it holds. Visits every connection.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let log = self.room.log();
        let behind = self.connections.iter().map(|(_, it)| it.send_queue().bytes_behind(log));
        let slowest_bytes = behind.max().unwrap_or(0);
        Stats { counters: self.counters, memory: self.memory_use(), slowest_bytes }
    }

    /// Counts a turn and its duration in microseconds.
    pub fn note_turn(&mut self, us: u64) {
        self.counters.note_turn(us);
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
    fn turns_have_a_mean_and_a_longest() {
        let mut counters = Counters::default();
        [3, 9, 6].into_iter().for_each(|us| counters.note_turn(us));
        assert_eq!((counters.turns, counters.turns_us, counters.turn_us_max), (3, 18, 9));
    }

    #[test]
    fn the_line_names_every_number() {
        let mut counters = Counters { connections: 2, lines: 70, ..Counters::default() };
        counters.closes.count(Code::LEFT);
        counters.note_turn(5);
        let stats = Stats { counters, memory: MemoryUse::default(), slowest_bytes: 8 };
        assert_eq!(
            stats.to_string(),
            "connections 2, joins 0, returns 0, lines 70, bytes in 0, bytes out 0, uploads 0, \
             downloads 0, turns 1, mean turn 5 us, longest turn 5 us, blocks in use 0, \
             bytes in use 0, slowest member 8 bytes behind, closed 1 (LEFT 1), refused 0"
        );
    }
}
