//! Solution 6: sends talk and file data over one connection; talk never waits behind a file.

use std::collections::VecDeque;

/// What waits to be sent over one connection: whole frames, as bytes.
#[derive(Debug, Default)]
pub struct SendQueue {
    talk: VecDeque<Vec<u8>>,
    data: VecDeque<Vec<u8>>,
    /// The frame that was begun, and how much of it is sent.
    begun: Vec<u8>,
    sent: usize,
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
        loop {
            if self.sent == self.begun.len() {
                let next = self.talk.pop_front().or_else(|| self.data.pop_front());
                let Some(frame) = next else { return };
                (self.begun, self.sent) = (frame, 0);
            }
            self.sent += write(&self.begun[self.sent..]);
            if self.sent < self.begun.len() {
                return;
            }
        }
    }
}
