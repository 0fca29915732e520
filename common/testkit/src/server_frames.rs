//! What a server says to a client that joins and leaves, with nothing special in it: to be sent as
//! it is, or with a field changed.

use chatshelf_common::id::{ResumeToken, Seq};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{HelloAck, Part, Snapshot, Welcome};

/// The answer to a `Hello`.
pub fn hello_ack() -> HelloAck {
    HelloAck {
        version: 1,
        capabilities: None,
        software: None,
        file_bytes_max: 1 << 30,
        shelf_items_max: 5,
        transfers_max: 8,
        history_max: 1000,
        allowances: Vec::new(),
        deadlines: Vec::new(),
        link_base: None,
    }
}

/// A welcome without history.
pub fn welcome(nick: Nick, seq: Seq) -> Welcome {
    Welcome { nick, seq, from: seq.next(), resume: ResumeToken([0; 24]) }
}

/// A whole snapshot of a room with an empty shelf.
pub fn snapshot(members: Vec<Nick>, seq: Seq) -> Snapshot {
    let part = Part { first: true, last: true };
    Snapshot { seq, part, topic: None, members, items: Vec::new() }
}
