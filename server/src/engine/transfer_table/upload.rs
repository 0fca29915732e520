//! One upload: how much has arrived, and where that is between the client and the disk thread.

use super::FileInfo;
use crate::disk::block::{BLOCK_BYTES, Block, BlockPool};
use crate::disk::{Request, TransferKey};
use crate::engine::disk_queue::DiskQueue;
use crate::engine::limits::UPLOAD_BLOCKS_IN_FLIGHT;

/// Invariants: `received <= file.size`; bytes arrive only in stage [`Stage::Receiving`];
/// `in_flight` blocks are at the disk thread, at most one more than its share: the last.
#[derive(Debug)]
pub(super) struct Upload {
    file: FileInfo,
    received: u64,
    stage: Stage,
    /// The block being filled.
    block: Option<Block>,
    in_flight: usize,
    /// When it was offered.
    since_ms: u64,
    /// When it last made progress, on either side.
    progress_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its file is being created; the client may not send yet.
    Creating,
    /// The client sends.
    Receiving,
    /// Everything has arrived and is being verified.
    Publishing,
}

impl Stage {
    /// Returns true if that stage may follow this one; an upload may end in any stage.
    fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Creating, Self::Receiving) | (Self::Receiving, Self::Publishing)
        )
    }
}

impl Upload {
    pub(super) fn new(file: FileInfo, now_ms: u64) -> Self {
        let (since_ms, progress_ms) = (now_ms, now_ms);
        let stage = Stage::Creating;
        Self { file, received: 0, stage, block: None, in_flight: 0, since_ms, progress_ms }
    }

    fn become_stage(&mut self, next: Stage) {
        debug_assert!(self.stage.may_become(next), "{:?} to {next:?}", self.stage);
        self.stage = next;
    }

    /// Begins receiving: the file exists and holds `offset` bytes, and the client may send the
    /// rest.
    pub(super) fn begin(&mut self, offset: u64, now_ms: u64) {
        self.become_stage(Stage::Receiving);
        (self.received, self.progress_ms) = (offset, now_ms);
        self.check();
    }

    /// Returns true while the client may send.
    pub(super) fn is_receiving(&self) -> bool {
        self.stage == Stage::Receiving
    }

    /// Returns true once everything has arrived and the disk thread verifies it.
    pub(super) fn is_publishing(&self) -> bool {
        self.stage == Stage::Publishing
    }

    /// Returns how many bytes are still to come.
    pub(super) fn left(&self) -> u64 {
        self.file.size - self.received
    }

    /// Returns true for bytes that may come next.
    pub(super) fn expects(&self, offset: u64, bytes: usize) -> bool {
        self.is_receiving()
            && offset == self.received
            && bytes as u64 <= self.file.size - self.received
    }

    /// Receives bytes, which must be [expected](Self::expects), and hands full blocks to the disk
    /// thread.
    pub(super) fn receive(
        &mut self,
        at: TransferKey,
        mut bytes: &[u8],
        now_ms: u64,
        blocks: &mut BlockPool,
        disk: &mut DiskQueue,
    ) {
        debug_assert!(self.expects(self.received, bytes.len()));
        self.received += bytes.len() as u64;
        self.progress_ms = now_ms;
        while !bytes.is_empty() {
            let block = self.block.get_or_insert_with(|| blocks.take());
            let take = bytes.len().min(BLOCK_BYTES - block.len());
            block.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
            if block.len() == BLOCK_BYTES {
                self.send_block(at, disk);
            }
        }
        self.check();
    }

    /// Returns how many bytes have arrived.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Returns true if every byte has arrived.
    pub(super) fn is_whole(&self) -> bool {
        self.received == self.file.size
    }

    /// Completes an upload that [is whole](Self::is_whole): hands over the last block, and returns
    /// what the item will be.
    pub(super) fn finish(&mut self, at: TransferKey, disk: &mut DiskQueue) -> FileInfo {
        debug_assert!(self.is_whole());
        self.send_block(at, disk);
        self.become_stage(Stage::Publishing);
        self.check();
        self.file.clone()
    }

    /// Notes that a block was written.
    pub(super) fn note_written(&mut self) {
        debug_assert!(self.in_flight > 0);
        self.in_flight -= 1;
    }

    /// Restarts the stall timer: nobody was slow until now.
    pub(super) fn forgive(&mut self, now_ms: u64) {
        self.progress_ms = now_ms;
    }

    /// Returns when it last made progress.
    pub(super) fn progress_ms(&self) -> u64 {
        self.progress_ms
    }

    /// Returns when it was offered.
    pub(super) fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// Returns true while the disk thread has its full share of this upload's blocks.
    pub(super) fn holds_back(&self) -> bool {
        self.in_flight >= UPLOAD_BLOCKS_IN_FLIGHT
    }

    /// Returns true if a block is being filled.
    pub(super) fn has_block(&self) -> bool {
        self.block.is_some()
    }

    /// Hands over the block being filled.
    pub(super) fn send_block(&mut self, at: TransferKey, disk: &mut DiskQueue) {
        if let Some(block) = self.block.take() {
            self.in_flight += 1;
            disk.push(Request::Write { upload: at, block });
        }
    }

    /// Returns the block being filled, which is no longer needed.
    pub(super) fn into_block(self) -> Option<Block> {
        self.block
    }

    /// Asserts the invariants.
    pub(super) fn check(&self) {
        debug_assert!(self.received <= self.file.size);
        debug_assert!(self.in_flight <= UPLOAD_BLOCKS_IN_FLIGHT + 1);
        debug_assert!(self.block.as_ref().is_none_or(|block| block.len() < BLOCK_BYTES));
        debug_assert!(!self.is_publishing() || (self.is_whole() && !self.has_block()));
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::{Attributes, TransferId};
    use chatshelf_testkit::samples::file_name;

    use super::*;
    use crate::token::Token;

    const AT: TransferKey = TransferKey { connection: Token::new(1, 1), transfer: TransferId(1) };

    fn upload(size: u64) -> Upload {
        let attributes = Attributes { mode: None, modified: None };
        Upload::new(FileInfo { name: file_name("f"), size, attributes }, 5)
    }

    fn written(disk: &mut DiskQueue) -> Vec<usize> {
        let request = std::iter::from_fn(|| disk.pop());
        let length = |request| match request {
            Request::Write { block, .. } => Some(block.len()),
            _ => None,
        };
        request.filter_map(length).collect()
    }

    #[test]
    fn only_the_next_bytes_within_the_size_are_expected_and_only_once_it_has_begun() {
        let mut upload = upload(10);
        assert!(!upload.expects(0, 1));
        upload.begin(4, 9);
        assert_eq!(upload.progress_ms(), 9);
        assert!(upload.expects(4, 6) && upload.expects(4, 0));
        assert!(!upload.expects(4, 7) && !upload.expects(3, 1) && !upload.expects(5, 1));
    }

    #[test]
    fn received_bytes_go_to_the_disk_in_full_blocks_and_a_rest() {
        let (mut blocks, mut disk) = (BlockPool::default(), DiskQueue::default());
        let mut upload = upload(BLOCK_BYTES as u64 + 3);
        upload.begin(0, 5);
        let bytes = vec![7; BLOCK_BYTES + 1];
        upload.receive(AT, &bytes, 6, &mut blocks, &mut disk);
        assert_eq!(written(&mut disk), [BLOCK_BYTES]);
        assert!(upload.has_block() && !upload.is_whole() && !upload.holds_back());
        upload.receive(AT, &bytes[..2], 7, &mut blocks, &mut disk);
        assert!(upload.is_whole());
        upload.finish(AT, &mut disk);
        assert_eq!(written(&mut disk), [3]);
        assert!(upload.is_publishing() && upload.holds_back() && !upload.expects(0, 0));
        upload.note_written();
        assert!(!upload.holds_back());
    }

    #[test]
    #[should_panic(expected = "Creating to Publishing")]
    fn a_skipped_stage_is_noticed() {
        upload(0).finish(AT, &mut DiskQueue::default());
    }

    #[test]
    #[should_panic(expected = "expects")]
    fn bytes_beyond_the_size_are_noticed() {
        let mut upload = upload(1);
        upload.begin(0, 0);
        let (mut blocks, mut disk) = (BlockPool::default(), DiskQueue::default());
        upload.receive(AT, b"ab", 0, &mut blocks, &mut disk);
    }

    #[test]
    #[should_panic(expected = "in_flight > 0")]
    fn a_block_that_was_never_sent_cannot_be_written() {
        upload(1).note_written();
    }
}
