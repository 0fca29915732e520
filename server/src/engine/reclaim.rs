//! Reclaim: what bounds memory that many connections together could fill, and gives it back once they
//! have left.

use chatshelf_common::id::Seq;
use chatshelf_common::wire::Code;

use super::Engine;
use super::limits::CROWD_CONNECTIONS_MIN;
use crate::net::transport::Transport;
use crate::token::Token;

impl<T: Transport> Engine<T> {
    /// While the snapshots that are being sent take too much, drops who has been at theirs for
    /// longest: whoever takes what they are sent is not among them.
    pub(super) fn bound_snapshots(&mut self, bytes_max: usize) {
        if self.room.snapshot_bytes() <= bytes_max {
            return;
        }
        let holders = self.connections.iter().filter_map(|(_, connection)| {
            Some((connection.send_queue.oldest_snapshot()?, connection.token))
        });
        let mut holders: Vec<(Seq, Token)> = holders.collect();
        holders.sort_unstable();
        for (_, token) in holders {
            // More than enough, so that not every turn has to look for them.
            if self.room.snapshot_bytes() <= bytes_max / 4 * 3 {
                return;
            }
            let Some(connection) = self.connection(token) else { continue };
            log::info!("{}: dropped: it does not take its snapshot", connection.peer);
            connection.send_queue.drop_control();
            self.leave_room(token, Code::TOO_SLOW);
            self.kill(token);
        }
    }

    /// Gives back what a crowd of connections took, once most of it has left. `before` is how many
    /// there were before some were reaped.
    pub(super) fn shrink_after_crowd(&mut self, before: usize) {
        self.crowd = self.crowd.max(before);
        let left = self.connections.len();
        if self.crowd < CROWD_CONNECTIONS_MIN || left * 4 > self.crowd {
            return;
        }
        self.crowd = left;
        self.connections.shrink_to_fit();
        self.moved_sessions.shrink_to_fit();
        self.run_queue.shrink_to_fit();
        self.dirty.shrink_to_fit();
        self.disk.shrink_to_fit();
    }
}
