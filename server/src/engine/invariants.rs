//! Invariants between the parts of the engine after each turn, for tests; each part asserts its
//! own.

use super::Engine;
use super::connection::Connection;
use super::phase::Step;
use super::transport::Transport;

impl<T: Transport> Engine<T> {
    /// Checks what holds after each turn. Visits every connection: for tests.
    ///
    /// # Panics
    /// If an invariant is broken.
    pub fn assert_sound(&self) {
        self.connections.assert_sound();
        self.assert_admission_is_sound();
        let nick_of = |token| self.connections.get(token).and_then(Connection::nick);
        self.transfers.assert_sound(|token| nick_of(token).is_some() || self.is_visitor(token));
        let mut listening = 0;
        for (_, connection) in self.connections.iter() {
            let step = connection.phase().step();
            assert!(![Step::Entering, Step::Dead].contains(&step), "{step:?} outlasts the turn");
            listening += u64::from(connection.is_listening());
        }
        assert_eq!(self.counters.connections, self.counters.closes.total() + listening);
        self.limiter.assert_sound(self.connections.len());
        self.journal.assert_taken(self.room.log());
    }
}
