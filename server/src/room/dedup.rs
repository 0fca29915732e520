//! The dedup window: recognizes lines of the log when a client sends them again.
//!
//! The window decides whether a line is refused as a repetition, so its contents must follow from
//! the events alone, and not from when the log is trimmed, which depends on how fast the members
//! read. Lines are forgotten in whole generations: removing thousands of them one by one would keep
//! everyone waiting.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use chatshelf_common::id::{MessageId, Seq};
use chatshelf_common::text::Message;

/// Generations kept; the newest is being filled. The others hold three windows' worth of events.
/// The log never holds as much: it is trimmed when it holds two, and one turn adds less than one.
const GENERATIONS: usize = 4;

/// All lines that the log holds, and some that it held before.
///
/// Invariant: the generations are in order, oldest first. Each but the last covers at least
/// `generation_bytes` bytes of events.
#[derive(Debug)]
pub(super) struct DedupWindow {
    generations: [Generation; GENERATIONS],
    /// The secret key of the fingerprints. Without it nobody can craft two lines with the same
    /// fingerprint, or many that collide in a table. Fingerprints stay in this process.
    key: RandomState,
    generation_bytes: usize,
    /// Bytes of the events in the newest generation.
    newest_bytes: usize,
}

#[derive(Debug)]
struct Generation {
    first: Seq,
    /// The fingerprints of its lines.
    lines: HashSet<u64, BuildHasherDefault<Unhashed>>,
}

/// A hasher for keys that are hashes already.
#[derive(Debug, Default)]
struct Unhashed(u64);

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        debug_assert!(false, "only fingerprints use this hasher");
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}

impl DedupWindow {
    /// Creates an empty window. The next event is `first`; the log's window is `window_bytes`.
    pub(super) fn new(first: Seq, window_bytes: usize) -> Self {
        let generation = |()| Generation { first, lines: HashSet::default() };
        Self {
            generations: [(); GENERATIONS].map(generation),
            key: RandomState::new(),
            generation_bytes: window_bytes,
            newest_bytes: 0,
        }
    }

    /// Estimates the bytes the lines take: for each a hash, and one byte of the table's metadata.
    pub(super) fn held_bytes(&self) -> usize {
        let lines: usize = self.generations.iter().map(|it| it.lines.capacity()).sum();
        lines * (size_of::<u64>() + 1)
    }

    /// Adds a line.
    pub(super) fn add(&mut self, id: MessageId, text: &Message) {
        let fingerprint = self.fingerprint(id, text);
        self.generations[GENERATIONS - 1].lines.insert(fingerprint);
    }

    /// Counts an event of this many bytes, already added if it is a line, and starts a new
    /// generation at `next` when the newest is full.
    pub(super) fn note_event(&mut self, bytes: usize, next: Seq) {
        self.newest_bytes += bytes;
        if self.newest_bytes >= self.generation_bytes {
            self.newest_bytes = 0;
            self.generations.rotate_left(1);
            let newest = &mut self.generations[GENERATIONS - 1];
            newest.first = next;
            newest.lines.clear();
        }
        debug_assert!(self.generations.is_sorted_by_key(|generation| generation.first));
    }

    /// Returns the seq from which on all lines are known.
    pub(super) fn first(&self) -> Seq {
        self.generations[0].first
    }

    /// Returns true for a line that was added and is not yet forgotten.
    pub(super) fn contains(&self, id: MessageId, text: &Message) -> bool {
        let fingerprint = self.fingerprint(id, text);
        self.generations.iter().any(|generation| generation.lines.contains(&fingerprint))
    }

    /// Returns true if both have the same generations with the same number of lines in each.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let shape = |it: &Self| it.generations.each_ref().map(|it| (it.first, it.lines.len()));
        shape(self) == shape(other) && self.newest_bytes == other.newest_bytes
    }

    /// Returns the fingerprint of a line: the hash of its number and text.
    fn fingerprint(&self, id: MessageId, text: &Message) -> u64 {
        self.key.hash_one((id, text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seq: u64) -> Message {
        Message::new(&format!("line {seq}")).unwrap()
    }

    fn known(dedup: &DedupWindow) -> Vec<u64> {
        (1..=20).filter(|&seq| dedup.contains(MessageId(seq), &text(seq))).collect()
    }

    #[test]
    fn lines_are_forgotten_after_three_windows_of_later_events() {
        let mut dedup = DedupWindow::new(Seq(1), 20);
        let mut say = |seq| {
            dedup.add(MessageId(seq), &text(seq));
            dedup.note_event(10, Seq(seq + 1));
            (dedup.first().0, known(&dedup))
        };
        for seq in 1..=7 {
            assert_eq!(say(seq), (1, (1..=seq).collect()));
        }
        assert_eq!(say(8), (3, (3..=8).collect()), "two lines are a window's worth");
        assert_eq!(say(9), (3, (3..=9).collect()));
        assert_eq!(say(10), (5, (5..=10).collect()));
        dedup.note_event(1_000, Seq(12));
        assert_eq!((dedup.first(), known(&dedup)), (Seq(7), vec![7, 8, 9, 10]));
    }

    #[test]
    fn number_and_text_belong_together() {
        let mut dedup = DedupWindow::new(Seq(1), 1_000);
        (1..=2).for_each(|seq| dedup.add(MessageId(seq), &text(seq)));
        assert!(dedup.contains(MessageId(1), &text(1)));
        assert!(!dedup.contains(MessageId(1), &text(2)) && !dedup.contains(MessageId(3), &text(1)));
    }
}
