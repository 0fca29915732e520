//! How much work a turn of the server may be. What is done is counted by the engine
//! (`chatshelf_server::work`) and held against what it was given to do: frames that have come,
//! calls that wrote something, connections, what else happened. So a peer that makes it work for
//! the size of the room, or for nothing at all, is noticed.

use std::cell::Cell;

use chatshelf_server::disk::Reply;
use chatshelf_server::work;

/// Steps for whatever is done once in a turn.
const TURN_STEPS: u64 = 150;
/// Steps for each byte of a frame: the shortest have six.
const BYTE_STEPS: u64 = 2;
/// Steps for each connection: it may be flushed, be due, leave, and be in a snapshot or two.
const CONNECTION_STEPS: u64 = 6;
/// Steps for each write, for each event of the poll, and for each reply of the disk. What goes
/// through a layer is accepted, asks again, waits for something of the layer's own, and is sent.
const CALL_STEPS: u64 = 5;
/// Steps for each upload that is on the shelf, beside its reply's: two events of the room, each
/// with names and digests that are copied twice.
const SHELVED_STEPS: u64 = 12;

thread_local! {
    /// Calls of the server that have written something.
    static WRITES: Cell<u64> = const { Cell::new(0) };
    /// Uploads that the server has heard are on the shelf.
    static SHELVED: Cell<u64> = const { Cell::new(0) };
}

/// The server has written something.
pub(crate) fn note_write() {
    WRITES.set(WRITES.get() + 1);
}

/// The server has got this reply.
pub(crate) fn note_reply(reply: &Reply) {
    if matches!(reply, Reply::Published { .. }) {
        SHELVED.set(SHELVED.get() + 1);
    }
}

/// A turn begins.
pub(crate) fn begin_turn() {
    let _ = (work::take_steps(), work::take_input_bytes(), WRITES.take(), SHELVED.take());
}

/// A turn is over, in which there were so many connections, and so much happened besides.
pub(crate) fn end_turn(connections: usize, happened: u64) {
    let (steps, bytes) = (work::take_steps(), work::take_input_bytes());
    let (writes, shelved) = (WRITES.take(), SHELVED.take());
    let most = TURN_STEPS
        + BYTE_STEPS * bytes
        + CONNECTION_STEPS * connections as u64
        + CALL_STEPS * (writes + happened)
        + SHELVED_STEPS * shelved;
    assert!(
        steps <= most,
        "{steps} steps of work in a turn, {most} are allowed for {bytes} bytes of frames, \
         {writes} writes, {connections} connections, {shelved} new items and {happened} events"
    );
}
