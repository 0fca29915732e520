//! What a server says of itself when it answers a `Hello`.

use chatshelf_common::text::{LinkBase, Note};
use chatshelf_common::wire::frame::{CAPABILITY_OPERATORS, CAPABILITY_STATS, HelloAck};

/// What the server said of itself in its `HelloAck` (PROTOCOL.md, "Joining").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Protocol version in use.
    pub version: u16,
    /// It tells what it has done.
    pub tells_stats: bool,
    /// The room has operators.
    pub has_operators: bool,
    /// Name and version of the server program.
    pub software: Option<Note>,
    /// Largest file taken, in bytes.
    pub file_bytes_max: u64,
    /// Items the shelf holds.
    pub shelf_items_max: u32,
    /// Transfers one member may run at once; more wait in the session.
    pub transfers_max: u32,
    /// Most lines of history.
    pub history_max: u32,
    /// What links to items begin with; absent if the server is too old to say.
    pub link_base: Option<LinkBase>,
}

impl From<HelloAck> for ServerLimits {
    fn from(ack: HelloAck) -> Self {
        let has = |bit: u32| ack.capabilities.is_some_and(|bits| bits & bit != 0);
        Self {
            version: ack.version,
            tells_stats: has(CAPABILITY_STATS),
            has_operators: has(CAPABILITY_OPERATORS),
            software: ack.software,
            file_bytes_max: ack.file_bytes_max,
            shelf_items_max: ack.shelf_items_max,
            transfers_max: ack.transfers_max,
            history_max: ack.history_max,
            link_base: ack.link_base,
        }
    }
}
