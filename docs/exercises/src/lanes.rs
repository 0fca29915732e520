//! Exercise 6: send talk and file data over one connection, so that talk never waits behind a file.

use std::collections::VecDeque;

/// What waits to be sent over one connection: whole frames, as bytes.
#[derive(Debug, Default)]
pub struct SendQueue {
    talk: VecDeque<Vec<u8>>,
    data: VecDeque<Vec<u8>>,
    // What else do you have to remember when a write was cut short?
}

impl SendQueue {
    /// Queues a frame of talk.
    pub fn push_talk(&mut self, frame: &[u8]) {
        self.talk.push_back(frame.to_vec());
    }

    /// Queues a frame of file data.
    pub fn push_data(&mut self, frame: &[u8]) {
        self.data.push_back(frame.to_vec());
    }

    /// Writes until nothing is left or the socket takes no more. `write` is given bytes and returns
    /// how many of them the socket has taken: all, some, or none, and fewer than all means that it
    /// is full. A frame that was begun is finished before any other; otherwise talk comes first.
    pub fn flush(&mut self, mut write: impl FnMut(&[u8]) -> usize) {
        let _ = &mut write;
        todo!()
    }
}
