//! By what the lines of the log are known when they come a second time.
//!
//! They are forgotten by halves, each at once: to take out thousands of lines one by one whenever
//! the log is cut would keep everyone waiting.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use chatshelf_common::id::{MessageId, Seq};
use chatshelf_common::text::Message;

/// All lines that the log holds, and some that it held before.
#[derive(Debug)]
pub(super) struct DedupWindow {
    /// Those from `since` on, and those before.
    newer: HashSet<u64>,
    older: HashSet<u64>,
    since: Seq,
}

impl DedupWindow {
    /// None yet; the next is `next` or later.
    pub(super) fn new(next: Seq) -> Self {
        Self { newer: HashSet::new(), older: HashSet::new(), since: next }
    }

    /// Bytes that they take, about: a hash, and a byte for where it is.
    pub(super) fn held_bytes(&self) -> usize {
        (self.newer.capacity() + self.older.capacity()) * (size_of::<u64>() + 1)
    }

    /// Adds a line.
    pub(super) fn add(&mut self, id: MessageId, text: &Message) {
        self.newer.insert(fingerprint(id, text));
    }

    /// True for a line that was added and is not forgotten.
    pub(super) fn contains(&self, id: MessageId, text: &Message) -> bool {
        let fingerprint = fingerprint(id, text);
        self.newer.contains(&fingerprint) || self.older.contains(&fingerprint)
    }

    /// The log holds nothing before `first` any more, and the next event is `next`: forgets the
    /// older half, if nothing of it is held.
    pub(super) fn forget(&mut self, first: Seq, next: Seq) {
        if first >= self.since {
            std::mem::swap(&mut self.newer, &mut self.older);
            self.newer.clear();
            self.since = next;
        }
    }
}

/// What a line is known by: its number and its text.
fn fingerprint(id: MessageId, text: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    (id, text.as_str()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seq: u64) -> Message {
        Message::new(&format!("line {seq}")).unwrap()
    }

    fn known(said: &DedupWindow) -> Vec<u64> {
        (1..=9).filter(|&seq| said.contains(MessageId(seq), &text(seq))).collect()
    }

    #[test]
    fn what_is_held_is_known_and_what_is_not_is_forgotten_in_the_end() {
        let mut said = DedupWindow::new(Seq(1));
        (1..=3).for_each(|seq| said.add(MessageId(seq), &text(seq)));
        assert_eq!(known(&said), [1, 2, 3]);
        assert!(!said.contains(MessageId(1), &text(2)), "number and text belong together");
        said.forget(Seq(2), Seq(4));
        (4..=6).for_each(|seq| said.add(MessageId(seq), &text(seq)));
        said.forget(Seq(3), Seq(7));
        assert_eq!(known(&said), [1, 2, 3, 4, 5, 6], "3 is held");
        said.forget(Seq(4), Seq(7));
        assert_eq!(known(&said), [4, 5, 6]);
        said.forget(Seq(7), Seq(7));
        assert_eq!(known(&said), Vec::<u64>::new());
    }
}
