//! The steps of a download (PROTOCOL.md, "Downloading"): from `DownloadReady` over data received
//! to the last block handed on. Hashing and keeping are the file keeper's.

use chatshelf_common::id::{Digest, ItemId, TransferId};
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{DownloadReady, DownloadRequest, Item, Refused};

use super::{NEVER_ASKED, Step, Transfer, Transfers};
use crate::lang::tr;
use crate::session::event::{
    Direction, Outcome, SessionEvent, Stage, TransferHandle, TransferStatus,
};
use crate::session::file::{BLOCK_BYTES, BLOCKS_IN_FLIGHT_MAX, FileRequest};
use crate::session::outgoing::Outgoing;

#[derive(Debug)]
pub(super) struct Download {
    id: ItemId,
    number: TransferId,
    /// As the shelf showed it, or as the server sends it.
    item: Option<Item>,
    /// The item was seen on an earlier connection. The server may have lost its shelf since then,
    /// and given the number to another file.
    is_of_before: bool,
    state: DownloadState,
    /// Bytes received, with those that were held before.
    received: u64,
    /// The file keeper was told of the item.
    created: bool,
    /// Bytes not yet handed on; shorter than a block.
    block: Vec<u8>,
    /// Blocks handed on and not yet written.
    blocks: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DownloadState {
    Asked,
    Receiving,
    Hashing,
    Keeping,
}

impl DownloadState {
    fn may_become(self, next: Self) -> bool {
        match next {
            // What is whole needs no server any more.
            Self::Asked => matches!(self, Self::Asked | Self::Receiving),
            Self::Receiving => self == Self::Asked,
            Self::Hashing => self == Self::Receiving,
            Self::Keeping => self == Self::Hashing,
        }
    }
}

impl Download {
    fn go(&mut self, next: DownloadState) {
        debug_assert!(self.state.may_become(next), "{:?} to {next:?}", self.state);
        self.state = next;
    }

    /// Asks for it under a new number, behind what was received.
    pub(super) fn ask(&mut self, number: TransferId, out: &mut Outgoing) {
        self.number = number;
        self.go(DownloadState::Asked);
        let offset = (self.received > 0).then_some(self.received);
        out.control(&DownloadRequest { transfer: number, item: self.id, offset });
    }

    /// Its number on the wire, or [`NEVER_ASKED`].
    pub(super) fn number(&self) -> TransferId {
        self.number
    }

    /// True once all of it is here: the server has no say any more.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.state, DownloadState::Hashing | DownloadState::Keeping)
    }

    /// True once it is verified and about to get its final name.
    pub(super) fn is_keeping(&self) -> bool {
        self.state == DownloadState::Keeping
    }

    /// The digest of what was received is known. True if it is the item's.
    pub(super) fn verify(&mut self, digest: Digest) -> bool {
        let is_right = self.item.as_ref().is_some_and(|item| item.digest == digest);
        if is_right {
            self.go(DownloadState::Keeping);
        }
        is_right
    }

    /// True while as many blocks as may be wait for the file keeper.
    pub(super) fn is_full(&self) -> bool {
        self.blocks >= BLOCKS_IN_FLIGHT_MAX
    }

    /// The file keeper has written a block.
    pub(super) fn written(&mut self) {
        self.blocks = self.blocks.saturating_sub(1);
    }

    /// The connection is gone before all of it was here.
    pub(super) fn lose(&mut self) {
        self.go(DownloadState::Asked);
    }

    /// It waits for another connection, whose server may have another item of that number.
    pub(super) fn outlive_connection(&mut self) {
        self.is_of_before = true;
    }

    /// What holds after each step.
    pub(super) fn check(&self) {
        let size = self.item.as_ref().map(|item| item.size);
        debug_assert!(size.is_none_or(|size| self.received <= size), "more than the item has");
        debug_assert!(self.block.len() < BLOCK_BYTES, "a full block is handed on");
        debug_assert!(self.block.len() as u64 <= self.received);
        let is_whole = size == Some(self.received) && self.block.is_empty();
        match self.state {
            DownloadState::Asked => {}
            DownloadState::Receiving => debug_assert!(size.is_some() && !is_whole),
            DownloadState::Hashing | DownloadState::Keeping => debug_assert!(is_whole),
        }
    }

    /// How far it is, as one that is not queued.
    pub(super) fn status(&self, handle: TransferHandle) -> TransferStatus {
        let stage = match self.state {
            DownloadState::Asked => Stage::Asked,
            DownloadState::Receiving => Stage::Moving,
            DownloadState::Hashing | DownloadState::Keeping => Stage::Verifying,
        };
        let item = self.item.as_ref();
        TransferStatus {
            transfer: handle,
            direction: Direction::Download,
            name: item.map(|item| item.name.clone()),
            item: Some(self.id),
            size: item.map(|item| item.size),
            moved: self.received,
            stage,
        }
    }

    /// What was received and is not handed on, for a download that is interrupted.
    pub(super) fn into_rest(self, handle: TransferHandle) -> Option<FileRequest> {
        let Self { block, .. } = self;
        (!block.is_empty()).then_some(FileRequest::Write { transfer: handle, block })
    }

    /// True when the server refuses to resume because its item is shorter than what we have.
    pub(super) fn is_beyond(&self, refused: &Refused) -> bool {
        refused.code == Code::SIZE_MISMATCH
            && self.state == DownloadState::Asked
            && self.received > 0
    }
}

/// The item asked for no longer has its number.
pub(super) fn another_file() -> Outcome {
    Outcome::Failed(tr!("another file has its number now").into())
}

impl Transfers {
    /// Queues a download; `item` is what the shelf says of it, and `held` bytes of it are there.
    pub(in crate::session) fn download(
        &mut self,
        id: ItemId,
        item: Option<Item>,
        held: u64,
    ) -> TransferHandle {
        self.queue_up(Transfer::Down(Download {
            id,
            number: NEVER_ASKED,
            item,
            is_of_before: false,
            state: DownloadState::Asked,
            received: held,
            created: false,
            block: Vec::new(),
            blocks: 0,
        }))
    }

    /// `DownloadReady`: the item as the server will send it. `on_shelf` is what this connection
    /// has shown of it.
    pub(in crate::session) fn download_ready(
        &mut self,
        ready: DownloadReady,
        on_shelf: Option<&Item>,
        out: &mut Outgoing,
    ) -> Step {
        let Some(handle) = self.find(ready.transfer)? else { return Ok(None) };
        let down = match self.active.get_mut(&handle) {
            Some(Transfer::Down(down)) if down.state == DownloadState::Asked => down,
            _ => return Err("a download begins that was not asked for"),
        };
        if ready.item.id != down.id || ready.offset != down.received {
            return Err("another download begins than was asked for");
        }
        if ready.offset > ready.item.size {
            return Err("a download begins beyond the item's end");
        }
        if on_shelf.is_some_and(|item| *item != ready.item) {
            return Err("a download is of another file than the shelf shows");
        }
        if down.item.as_ref().is_some_and(|item| *item != ready.item) {
            return if down.is_of_before {
                Ok(self.end(handle, another_file(), out))
            } else {
                Err("a download is of another file than the shelf has shown")
            };
        }
        down.is_of_before = false;
        down.go(DownloadState::Receiving);
        let item = down.item.insert(ready.item).clone();
        if !std::mem::replace(&mut down.created, true) {
            let held = ready.offset;
            self.requests.push_back(FileRequest::Create { transfer: handle, item, held });
        }
        let resumed = (ready.offset > 0).then(|| down.status(handle));
        self.hand_on(handle);
        Ok(resumed.map(SessionEvent::TransferResumed))
    }

    /// File bytes of a download.
    pub(in crate::session) fn data(
        &mut self,
        number: TransferId,
        offset: u64,
        mut bytes: &[u8],
    ) -> Result<(), &'static str> {
        let Some(handle) = self.find(number)? else { return Ok(()) };
        let down = match self.active.get_mut(&handle) {
            Some(Transfer::Down(down)) if down.state == DownloadState::Receiving => down,
            _ => return Err("data of a transfer that has none now"),
        };
        let size = down.item.as_ref().map_or(0, |item| item.size);
        if offset != down.received || bytes.len() as u64 > size - down.received {
            return Err("data at another place in the file than the next");
        }
        while !bytes.is_empty() {
            let Some(Transfer::Down(down)) = self.active.get_mut(&handle) else { return Ok(()) };
            if down.block.capacity() == 0 {
                down.block = self.spare.pop().unwrap_or_default();
                let wanted = (size - down.received).min(BLOCK_BYTES as u64) as usize;
                down.block.reserve_exact(wanted);
            }
            let room = BLOCK_BYTES - down.block.len();
            let (now, later) = bytes.split_at(bytes.len().min(room));
            down.block.extend_from_slice(now);
            down.received += now.len() as u64;
            bytes = later;
            self.hand_on(handle);
        }
        Ok(())
    }

    /// Hands a full or last block on, and after the last one asks for the digest.
    fn hand_on(&mut self, handle: TransferHandle) {
        let Some(Transfer::Down(down)) = self.active.get_mut(&handle) else { return };
        let whole = down.item.as_ref().is_some_and(|item| item.size == down.received);
        if down.block.len() == BLOCK_BYTES || (whole && !down.block.is_empty()) {
            let block = std::mem::take(&mut down.block);
            down.blocks += 1;
            self.requests.push_back(FileRequest::Write { transfer: handle, block });
        }
        if whole {
            down.go(DownloadState::Hashing);
            self.requests.push_back(FileRequest::Hash { transfer: handle });
        }
    }
}
