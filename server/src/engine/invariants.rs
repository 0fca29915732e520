//! What holds between the parts of the engine after each turn, for tests: each part asserts what holds
//! within it.

use super::connection::Phase;
use super::limits::READ_BUFFER_BYTES;
use super::transport::Transport;
use super::{Engine, MEMBER_TRANSFERS_MAX};

impl<T: Transport> Engine<T> {
    /// Checks what must hold after each turn. Looks at every connection: for tests.
    ///
    /// # Panics
    /// If something does not hold.
    pub fn assert_sound(&self) {
        self.connections.assert_sound();
        self.assert_door_is_sound();
        let (mut transfers, mut members, mut moved) = (0, 0, 0);
        for (token, connection) in self.connections.iter() {
            let own = connection.transfers.uploads.len() + connection.transfers.downloads.len();
            assert!(own <= MEMBER_TRANSFERS_MAX);
            assert!(own == 0 || connection.nick().is_some());
            for upload in connection.transfers.uploads.values() {
                assert!(upload.in_flight <= 3 && upload.received <= upload.size);
            }
            for download in connection.transfers.downloads.values() {
                assert!(download.in_flight <= 2);
            }
            transfers += own;
            assert!(connection.held.len() < READ_BUFFER_BYTES);
            assert_ne!(connection.phase, Phase::Dead, "the dead are reaped");
            if let Phase::Joined { nick, session } = &connection.phase {
                let on = self.moved_sessions.get(session);
                assert_eq!(on, (*session != token).then_some(&token));
                moved += usize::from(on.is_some());
                let member = self.room.find(nick).map(|it| (it.nick(), it.session()));
                assert_eq!(member, Some((nick, Some(*session))));
                members += 1;
            }
        }
        assert!(self.slots.taken() > 0 || self.extents.spare() == 0, "pipes are left");
        // The disk thread may not have let go of some yet.
        assert!(self.slots.taken() >= transfers);
        members += self.absentees.len();
        if !self.shutting_down {
            assert_eq!(self.moved_sessions.len(), moved);
            assert_eq!(self.room.members_len(), members);
        }
        assert!(self.joiners.is_empty(), "all who joined are welcomed");
        self.journal.assert_taken(self.room.log());
    }
}
