//! What must hold of a room, and of two rooms to which the same events were committed: for tests.

use super::Room;

impl Room {
    /// Checks what must hold whatever was committed. Looks at every member.
    ///
    /// # Panics
    /// If something does not hold.
    pub fn assert_sound(&self) {
        self.members.assert_sound();
        assert!(self.shelf().iter().is_sorted_by(|a, b| a.id < b.id), "items out of order");
        assert!(self.shelf().iter().all(|item| item.id <= self.shelf().newest()));
        let log = self.log();
        assert!(log.start() <= log.released() && log.released() <= log.end());
        assert_eq!(log.seq_from(log.end()), log.next_seq());
    }

    /// Checks that another room, which began as this one did, has had the same events: all that
    /// they make is the same, byte for byte. Of the log, where both hold it, for each is cut when
    /// its own members let it.
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
        assert!(log.knows_the_lines_of(others), "different lines are known");
        let members = |room: &Self| -> Vec<_> {
            room.members().map(|it| (it.nick().clone(), it.quiet())).collect()
        };
        assert_eq!(members(self), members(other));
        assert_eq!(self.topic(), other.topic());
        assert_eq!(self.shelf().newest(), other.shelf().newest());
        assert!(self.shelf().iter().eq(other.shelf().iter()), "the shelves differ");
        let (snapshot, others) = (self.snapshot(), other.snapshot());
        let bytes = |snapshot: &super::Snapshot| snapshot.bytes_from(0, usize::MAX);
        assert!(bytes(&snapshot) == bytes(&others), "the snapshots differ");
        self.assert_sound();
        other.assert_sound();
    }
}
