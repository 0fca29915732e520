//! Bounds the memory that many connections together could fill.

use chatshelf_common::id::Seq;
use chatshelf_common::wire::Code;

use super::Engine;
use super::transport::Transport;
use crate::token::Token;

impl<T: Transport> Engine<T> {
    /// While the snapshots being sent take too much memory, drops the connections that have been
    /// receiving theirs the longest. A connection that reads what it is sent is never among them.
    pub(super) fn bound_snapshots(&mut self, bytes_max: usize) {
        if self.room.snapshot_bytes() <= bytes_max {
            return;
        }
        let holders = self.connections.iter().filter_map(|(token, connection)| {
            Some((connection.send_queue().oldest_snapshot()?, token))
        });
        let mut holders: Vec<(Seq, Token)> = holders.collect();
        holders.sort_unstable();
        for (_, token) in holders {
            // Drops more than necessary, so that not every turn has to search.
            if self.room.snapshot_bytes() <= bytes_max / 4 * 3 {
                return;
            }
            let Some(connection) = self.connections.get_mut(token) else { continue };
            connection.send_queue_mut().drop_control();
            self.drop_for(token, Code::TOO_SLOW);
        }
    }
}
