//! The steps of a download (PROTOCOL.md, "Downloading"): from `DownloadReady` over data received
//! to the last block handed on. Hashing and keeping are the file keeper's.

use chatshelf_common::id::TransferId;
use chatshelf_common::wire::frame::DownloadReady;

use super::{DownloadState, Transfer, Transfers};
use crate::session::event::{BLOCK_BYTES, FileRequest};

impl Transfers {
    /// `DownloadReady`: the item as the server will send it.
    pub(in crate::session) fn download_ready(
        &mut self,
        ready: DownloadReady,
    ) -> Result<(), &'static str> {
        let down = match self.find(ready.transfer)? {
            None => return Ok(()),
            Some(Transfer::Down(down)) if down.state == DownloadState::Asked => down,
            Some(_) => return Err("a download begins that was not asked for"),
        };
        if ready.item.id != down.id || ready.offset != 0 {
            return Err("another download begins than was asked for");
        }
        down.state = DownloadState::Receiving;
        down.item = Some(ready.item.clone());
        let (transfer, item) = (ready.transfer, ready.item);
        self.requests.push_back(FileRequest::Create { transfer, item });
        self.hand_on(transfer);
        Ok(())
    }

    /// File bytes of a download.
    pub(in crate::session) fn data(
        &mut self,
        id: TransferId,
        offset: u64,
        mut bytes: &[u8],
    ) -> Result<(), &'static str> {
        let down = match self.find(id)? {
            None => return Ok(()),
            Some(Transfer::Down(down)) if down.state == DownloadState::Receiving => down,
            Some(_) => return Err("data of a transfer that has none now"),
        };
        let size = down.item.as_ref().map_or(0, |item| item.size);
        if offset != down.received || bytes.len() as u64 > size - down.received {
            return Err("data at another place in the file than the next");
        }
        while !bytes.is_empty() {
            let Some(Transfer::Down(down)) = self.active.get_mut(&id) else { return Ok(()) };
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
            self.hand_on(id);
        }
        Ok(())
    }

    /// Hands a full or last block on, and after the last one asks for the digest.
    fn hand_on(&mut self, id: TransferId) {
        let Some(Transfer::Down(down)) = self.active.get_mut(&id) else { return };
        let whole = down.item.as_ref().is_some_and(|item| item.size == down.received);
        if down.block.len() == BLOCK_BYTES || (whole && !down.block.is_empty()) {
            let block = std::mem::take(&mut down.block);
            down.blocks += 1;
            self.requests.push_back(FileRequest::Write { transfer: id, block });
        }
        if whole {
            down.state = DownloadState::Hashing;
            self.requests.push_back(FileRequest::Hash { transfer: id });
        }
    }
}
