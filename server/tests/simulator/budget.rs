//! How much work a turn of the server may be. What is done is counted by the engine
//! (`chatshelf_server::work`) and held against what it was given to do: frames that have come,
//! calls that wrote something, connections, what else happened. So a peer that makes it work for
//! the size of the room, or for nothing at all, is noticed.

use std::cell::Cell;

use chatshelf_server::work;

/// Steps for whatever is done once in a turn.
const TURN_STEPS: u64 = 150;
/// Steps for each byte of a frame: the shortest have six.
const BYTE_STEPS: u64 = 2;
/// Steps for each connection: it may be flushed, be due, leave, and be in a snapshot or two.
const CONNECTION_STEPS: u64 = 6;
/// Steps for each write, for each event of the poll, and for each reply of the disk. What goes
/// through a layer is accepted, asks again, waits for something of the layer's own, and is sent; a
/// reply may be that an upload is on the shelf, which is two events of the room.
const CALL_STEPS: u64 = 6;

thread_local! {
    /// Calls of the server that have written something.
    static WRITES: Cell<u64> = const { Cell::new(0) };
}

/// The server has written something.
pub(crate) fn note_write() {
    WRITES.set(WRITES.get() + 1);
}

/// A turn begins.
pub(crate) fn begin_turn() {
    let _ = (work::take_steps(), work::take_input_bytes(), WRITES.take());
}

/// A turn is over, in which there were so many connections, and so much happened besides.
pub(crate) fn end_turn(connections: usize, happened: u64) {
    let (steps, bytes, writes) = (work::take_steps(), work::take_input_bytes(), WRITES.take());
    let most = TURN_STEPS
        + BYTE_STEPS * bytes
        + CONNECTION_STEPS * connections as u64
        + CALL_STEPS * (writes + happened);
    assert!(
        steps <= most,
        "{steps} steps of work in a turn, {most} are allowed for {bytes} bytes of frames, \
         {writes} writes, {connections} connections and {happened} events"
    );
}
