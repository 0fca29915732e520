//! What bounds memory that many connections together could fill.

use chatshelf_common::id::Seq;
use chatshelf_common::wire::Code;

use super::Engine;
use super::transport::Transport;
use crate::token::Token;

impl<T: Transport> Engine<T> {
    /// While the snapshots that are being sent take too much, drops who has been at theirs for
    /// longest: whoever takes what they are sent is not among them.
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
            // More than enough, so that not every turn has to look for them.
            if self.room.snapshot_bytes() <= bytes_max / 4 * 3 {
                return;
            }
            let Some(connection) = self.connections.get_mut(token) else { continue };
            log::info!("{}: dropped: it does not take its snapshot", connection.peer());
            connection.send_queue_mut().drop_control();
            self.drop_for(token, Code::TOO_SLOW);
        }
    }
}
