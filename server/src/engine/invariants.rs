//! Invariants between the parts of the engine after each turn, for tests; each part asserts its
//! own.

use super::Engine;
use super::connection::Connection;
use super::phase::{Membership, Step};
use super::transport::Transport;

impl<T: Transport> Engine<T> {
    /// Checks what holds after each turn. Visits every connection: for tests.
    ///
    /// # Panics
    /// If an invariant is broken.
    pub fn assert_sound(&self) {
        self.connections.assert_sound();
        self.assert_door_is_sound();
        let (mut members, mut moved) = (0, 0);
        for (token, connection) in self.connections.iter() {
            let step = connection.phase().step();
            assert!(![Step::Entering, Step::Dead].contains(&step), "{step:?} outlasts the turn");
            if let Some(Membership { nick, session, .. }) = connection.phase().member() {
                assert_eq!(self.admission.connection_of(*session), token);
                moved += usize::from(*session != token);
                let member = self.room.find(nick).map(|it| (it.nick(), it.session()));
                assert_eq!(member, Some((nick, Some(*session))));
                members += 1;
            }
        }
        let nick_of = |token| self.connections.get(token).and_then(Connection::nick);
        self.transfers.assert_sound(|token| nick_of(token).is_some());
        members += self.admission.absent();
        if !self.shutting_down {
            assert_eq!(self.admission.sessions_moved(), moved);
            assert_eq!(self.room.members_len(), members);
        }
        assert!(!self.admission.has_joiners(), "a joiner was not welcomed");
        let listening = self.connections.iter().filter(|(_, it)| it.is_listening()).count();
        assert_eq!(self.counters.connections, self.counters.closes.total() + listening as u64);
        self.journal.assert_taken(self.room.log());
    }
}
