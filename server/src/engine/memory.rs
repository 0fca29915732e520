//! The memory the engine holds, and the most it may hold (docs/ARCHITECTURE.md, "What bounds
//! memory").

use super::Engine;
use super::limits::{
    CONTROL_BYTES_MAX, CROWD_CONNECTIONS_MIN, LOG_WINDOW_BYTES, READ_BUDGET_BYTES,
    READ_BUFFER_BYTES, SNAPSHOT_BYTES_MAX, TRANSFERS_MAX, UNRELEASED_BYTES_MAX,
};
use super::transport::Transport;
use crate::disk::block::{BLOCK_BYTES, POOL_BLOCKS_MAX};
use crate::disk::readahead::POOL_EXTENTS_MAX;

/// The most bytes of replies that one byte of input can cause: a message of one invalid character
/// is answered by a refusal that names it, about four times as long.
const REPLY_BYTES_PER_BYTE: usize = 8;
/// Blocks of one transfer: two at the disk thread and one being filled, or two being sent.
const TRANSFER_BLOCKS_MAX: usize = 3;
/// The log's index relative to its events' bytes: where each begins, which are lines, and the dedup
/// window. The shortest event takes 36 bytes, the shortest line 60.
const LOG_INDEX_PERCENT_MAX: usize = 100;
/// The most bytes of all items in a snapshot, and of one member.
const SNAPSHOT_ITEMS_BYTES_MAX: usize = 1024 * 1024;
const SNAPSHOT_MEMBER_BYTES_MAX: usize = 64;
/// A connection's entries in the tables.
const CONNECTION_BYTES_MAX: usize = 1024;

/// A tally of what the engine holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Connections in any phase.
    pub connections: usize,
    /// Connections of members.
    pub members: usize,
    /// Entries in the table of deadlines.
    pub deadlines: usize,
    /// Uploads and downloads known to the disk thread.
    pub transfers: usize,
    /// Blocks and extents held here: in lanes, being filled, waiting for the disk thread, and
    /// spare ones.
    pub blocks: usize,
    /// Bytes of the log's window and its index.
    pub log_bytes: usize,
    /// Bytes, over all connections, of replies not sent whole, of incomplete frames received, and
    /// of frames that arrived too early.
    pub queued_bytes: usize,
    /// Bytes of the newest snapshot and of those being sent; shared parts count once.
    pub snapshot_bytes: usize,
    /// Bytes of the table of connections and of the queues that name them.
    pub table_bytes: usize,
}

impl MemoryUse {
    /// Returns the most bytes that `connections` connections can make the engine hold, whatever
    /// they do.
    #[must_use]
    pub fn bytes_max(connections: usize) -> usize {
        let reply_bytes = CONTROL_BYTES_MAX + REPLY_BYTES_PER_BYTE * READ_BUFFER_BYTES;
        let connection_bytes = reply_bytes + 2 * READ_BUFFER_BYTES;
        let blocks = TRANSFERS_MAX * TRANSFER_BLOCKS_MAX + POOL_BLOCKS_MAX + POOL_EXTENTS_MAX;
        let log_bytes = 2 * LOG_WINDOW_BYTES + UNRELEASED_BYTES_MAX as usize + READ_BUDGET_BYTES;
        let snapshot_bytes = SNAPSHOT_ITEMS_BYTES_MAX + connections * SNAPSHOT_MEMBER_BYTES_MAX;
        // Vectors grow by doubling; tables may be three quarters empty after a crowd has left.
        2 * (log_bytes + log_bytes * LOG_INDEX_PERCENT_MAX / 100)
            + blocks * BLOCK_BYTES
            + SNAPSHOT_BYTES_MAX
            + 2 * snapshot_bytes
            + 2 * connections * connection_bytes
            + 8 * connections.max(CROWD_CONNECTIONS_MIN) * CONNECTION_BYTES_MAX
    }

    /// Returns the approximate number of bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.log_bytes
            + self.queued_bytes
            + self.snapshot_bytes
            + self.table_bytes
            + self.blocks * BLOCK_BYTES
    }
}

impl<T: Transport> Engine<T> {
    /// Returns what the engine holds now. Visits every connection.
    pub(super) fn memory_use(&self) -> MemoryUse {
        let mut usage = MemoryUse {
            connections: self.connections.len(),
            members: self.room.members_len(),
            deadlines: self.connections.deadlines(),
            transfers: self.transfers.slots_taken(),
            blocks: self.transfers.blocks() + self.disk.blocks(),
            log_bytes: self.room.log().held_bytes(),
            queued_bytes: self.journal.held_bytes(),
            snapshot_bytes: self.room.snapshot_bytes(),
            table_bytes: self.connections.table_bytes()
                + self.admission.table_bytes()
                + self.limiter.table_bytes()
                + self.transfers.table_bytes()
                + self.disk.table_bytes(),
        };
        for (_, connection) in self.connections.iter() {
            usage.blocks += connection.send_queue().extents();
            usage.queued_bytes += connection.send_queue().held_bytes() + connection.unread_bytes();
        }
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_that_of_an_empty_room_and_a_part_for_each_connection() {
        let crowd = CROWD_CONNECTIONS_MIN;
        let [empty, small, large, larger] =
            [0, crowd, 2 * crowd, 3 * crowd].map(MemoryUse::bytes_max);
        assert_eq!((empty, (small - empty) / crowd), (217_579_520, 1_441_920));
        assert_eq!(((large - small) / crowd, larger - large), (1_450_112, large - small));
    }

    #[test]
    fn all_that_is_held_counts() {
        let (connections, members, deadlines, transfers) = (1, 1, 1, 1);
        let (blocks, log_bytes, queued_bytes) = (3, 10, 200);
        let (snapshot_bytes, table_bytes) = (3_000, 40_000);
        let usage = MemoryUse {
            connections,
            members,
            deadlines,
            transfers,
            blocks,
            log_bytes,
            queued_bytes,
            snapshot_bytes,
            table_bytes,
        };
        assert_eq!(usage.bytes(), 43_210 + 3 * BLOCK_BYTES);
    }
}
