//! Invariants of a room, and of two rooms that committed the same events: for tests.

use super::Room;

impl Room {
    /// Checks what holds after any sequence of commits. Visits every member.
    ///
    /// # Panics
    /// If an invariant is broken.
    pub fn assert_sound(&self) {
        self.members.assert_sound();
        assert!(self.shelf().iter().is_sorted_by(|a, b| a.id < b.id), "items out of order");
        assert!(self.shelf().iter().all(|item| item.id <= self.shelf().newest()));
        let log = self.log();
        assert!(log.start() <= log.released() && log.released() <= log.end());
        assert_eq!(log.seq_from(log.end()), log.next_seq());
    }

    /// Checks that another room, created like this one, has committed the same events and made of
    /// them the same state, byte for byte. The logs are compared where both still hold events,
    /// because each is trimmed as its own members read it.
    ///
    /// # Panics
    /// If something differs.
    pub fn assert_same(&mut self, other: &mut Self) {
        let (log, others) = (self.log(), other.log());
        assert_eq!((log.next_seq(), log.end()), (others.next_seq(), others.end()));
        let start = log.start().max(others.start());
        assert!(
            log.between(start, log.end()) == others.between(start, log.end()),
            "the logs differ"
        );
        assert!(log.knows_the_lines_of(others), "the dedup windows differ");
        let members = |room: &Self| -> Vec<_> {
            room.members().map(|it| (it.nick().clone(), it.quiet())).collect()
        };
        assert_eq!(members(self), members(other));
        assert_eq!(self.topic(), other.topic());
        assert_eq!(self.is_topic_locked(), other.is_topic_locked());
        assert_eq!(self.shelf().newest(), other.shelf().newest());
        assert!(self.shelf().iter().eq(other.shelf().iter()), "the shelves differ");
        let (snapshot, others) = (self.snapshot(), other.snapshot());
        let bytes = |snapshot: &super::Snapshot| snapshot.bytes_from(0, usize::MAX);
        assert!(bytes(&snapshot) == bytes(&others), "the snapshots differ");
        self.assert_sound();
        other.assert_sound();
    }
}
