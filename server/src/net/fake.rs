//! A transport for tests: what has arrived, what was sent, and how much more can be sent.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use crate::engine::Transport;

/// Both directions, in memory.
#[derive(Debug)]
pub(super) struct Fake {
    pub(super) come: VecDeque<u8>,
    pub(super) sent: Vec<u8>,
    /// Bytes that can be sent before it blocks.
    pub(super) room: usize,
    /// The most bytes that one call moves.
    pub(super) most: usize,
    pub(super) has_ended: bool,
    pub(super) is_shut: bool,
}

impl Fake {
    pub(super) fn new() -> Self {
        let (come, sent, has_ended, is_shut) = (VecDeque::new(), Vec::new(), false, false);
        Self { come, sent, room: usize::MAX, most: usize::MAX, has_ended, is_shut }
    }
}

impl Transport for Fake {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.come.len().min(buffer.len()).min(self.most);
        if count == 0 && !self.has_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        buffer.iter_mut().zip(self.come.drain(..count)).for_each(|(place, byte)| *place = byte);
        Ok(count)
    }

    fn has_buffered(&self) -> bool {
        false
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!self.is_shut, "nothing is written after the end");
        let count = bytes.len().min(self.room).min(self.most);
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.sent.extend_from_slice(&bytes[..count]);
        self.room -= count;
        Ok(count)
    }

    fn has_pending(&self) -> bool {
        false
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        Ok(0)
    }

    fn short_is_blocked(&self) -> bool {
        true
    }

    fn can_send_files(&self) -> bool {
        true
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.is_shut = true;
        Ok(())
    }
}
