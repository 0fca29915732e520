//! The dedup window: by what the lines of the log are known when they are said again.
//!
//! Whether a line is refused as a repetition is decided here, so what is remembered follows from
//! the events alone: not from when the log was cut, which hangs on how fast the members read. Lines
//! are forgotten by generations, each at once: to take out thousands of them one by one would keep
//! everyone waiting.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use chatshelf_common::id::{MessageId, Seq};
use chatshelf_common::text::Message;

/// Generations that are kept, the newest of which is being filled. The others hold three windows'
/// worth of events. The log never holds as much: it is cut when it holds two, and one turn adds
/// less than one.
const GENERATIONS: usize = 4;

/// All lines that the log holds, and some that it held before.
///
/// Invariant: the generations follow one another, oldest first; but for the last, each has the
/// lines among at least `generation_bytes` bytes of events.
#[derive(Debug)]
pub(super) struct DedupWindow {
    generations: [Generation; GENERATIONS],
    /// The key of the fingerprints, which nobody can guess: no two lines can be made to share one,
    /// nor many to crowd in one place of a table. They stay in this process.
    key: RandomState,
    generation_bytes: usize,
    /// Bytes of the events since the last generation began.
    newest_bytes: usize,
}

#[derive(Debug)]
struct Generation {
    first: Seq,
    /// Their fingerprints.
    lines: HashSet<u64, BuildHasherDefault<Unhashed>>,
}

/// The hasher of what is a hash already.
#[derive(Debug, Default)]
struct Unhashed(u64);

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        debug_assert!(false, "only fingerprints are hashed so");
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}

impl DedupWindow {
    /// Knows no line. The next event is `first`, and a log's window has so many bytes.
    pub(super) fn new(first: Seq, window_bytes: usize) -> Self {
        let generation = |()| Generation { first, lines: HashSet::default() };
        Self {
            generations: [(); GENERATIONS].map(generation),
            key: RandomState::new(),
            generation_bytes: window_bytes,
            newest_bytes: 0,
        }
    }

    /// Bytes that the lines take, about: a hash, and a byte for where it is.
    pub(super) fn held_bytes(&self) -> usize {
        let lines: usize = self.generations.iter().map(|it| it.lines.capacity()).sum();
        lines * (size_of::<u64>() + 1)
    }

    /// Adds a line.
    pub(super) fn add(&mut self, id: MessageId, text: &Message) {
        let fingerprint = self.fingerprint(id, text);
        self.generations[GENERATIONS - 1].lines.insert(fingerprint);
    }

    /// An event of so many bytes, whose line was added if it is one, is in the log; `next` comes
    /// after it.
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

    /// The lines of this event and all later ones are known.
    pub(super) fn first(&self) -> Seq {
        self.generations[0].first
    }

    /// True for a line that was added and is not forgotten.
    pub(super) fn contains(&self, id: MessageId, text: &Message) -> bool {
        let fingerprint = self.fingerprint(id, text);
        self.generations.iter().any(|generation| generation.lines.contains(&fingerprint))
    }

    /// True when both have as many lines of the same events.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let shape = |it: &Self| it.generations.each_ref().map(|it| (it.first, it.lines.len()));
        shape(self) == shape(other) && self.newest_bytes == other.newest_bytes
    }

    /// What a line is known by: its number and its text.
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
