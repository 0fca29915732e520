//! The steps of an upload (PROTOCOL.md, "Uploading"): from `UploadReady` over blocks read and
//! frames sent to `UploadStored`. At most two blocks are on their way.

use chatshelf_common::id::TransferId;
use chatshelf_common::wire::frame::{UploadDone, UploadReady, UploadStored};

use super::{Step, Transfer, Transfers, UploadState};
use crate::session::event::{
    BLOCK_BYTES, BLOCKS_IN_FLIGHT_MAX, FileRequest, Outcome, SessionEvent,
};
use crate::session::outgoing::{FrameSent, Outgoing};

impl Transfers {
    /// `UploadReady`: the server takes the bytes from `offset` on.
    pub(in crate::session) fn upload_ready(
        &mut self,
        ready: &UploadReady,
    ) -> Result<(), &'static str> {
        let up = match self.find(ready.transfer)? {
            None => return Ok(()),
            Some(Transfer::Up(up)) if up.state == UploadState::Offered => up,
            Some(_) => return Err("an upload is begun that was not offered"),
        };
        if ready.offset > up.size {
            return Err("an upload is to begin beyond the file's end");
        }
        up.state = UploadState::Sending;
        (up.asked, up.given, up.sent) = (ready.offset, ready.offset, ready.offset);
        if up.asked == up.size {
            // Nothing is to be read, so no last block asks for the digest.
            self.requests.push_back(FileRequest::Hash { transfer: ready.transfer });
        }
        self.ask_for_blocks(ready.transfer);
        Ok(())
    }

    /// Asks for as many blocks as may be on their way, and with the last for the digest.
    fn ask_for_blocks(&mut self, id: TransferId) {
        let Some(Transfer::Up(up)) = self.active.get_mut(&id) else { return };
        while up.asked < up.size && up.blocks < BLOCKS_IN_FLIGHT_MAX {
            let length = (up.size - up.asked).min(BLOCK_BYTES as u64) as usize;
            let (offset, buffer) = (up.asked, self.spare.pop().unwrap_or_default());
            self.requests.push_back(FileRequest::Read { transfer: id, offset, length, buffer });
            up.asked += length as u64;
            up.blocks += 1;
            if up.asked == up.size {
                self.requests.push_back(FileRequest::Hash { transfer: id });
            }
        }
    }

    /// A block has been read: it goes out behind what waits of its upload.
    pub(super) fn block(
        &mut self,
        id: TransferId,
        block: Vec<u8>,
        out: &mut Outgoing,
    ) -> Option<SessionEvent> {
        let Some(Transfer::Up(up)) = self.active.get_mut(&id) else {
            self.keep_spare(block);
            return None;
        };
        let expected = (up.size - up.given).min(BLOCK_BYTES as u64);
        if block.len() as u64 != expected || up.given >= up.asked {
            debug_assert!(false, "the file keeper gives exactly what was asked");
            return self.end(id, Outcome::Failed("a block of wrong length".into()), out);
        }
        let offset = up.given;
        up.given += expected;
        out.data(id, offset, block);
        None
    }

    /// A data frame of an upload has been sent.
    pub(in crate::session) fn frame_sent(&mut self, frame: FrameSent, out: &mut Outgoing) {
        let spent = frame.spent.is_some();
        if let Some(block) = frame.spent {
            self.keep_spare(block);
        }
        let Some(Transfer::Up(up)) = self.active.get_mut(&frame.transfer) else { return };
        up.sent += frame.bytes;
        debug_assert!(up.sent <= up.given && up.given <= up.asked && up.asked <= up.size);
        if spent {
            debug_assert!(up.blocks > 0, "a block was counted when it was asked for");
            up.blocks -= 1;
            self.ask_for_blocks(frame.transfer);
        }
        self.finish_upload(frame.transfer, out);
    }

    /// Sends `UploadDone` once all bytes are sent and the digest is known.
    pub(super) fn finish_upload(&mut self, id: TransferId, out: &mut Outgoing) {
        if let Some(Transfer::Up(up)) = self.active.get_mut(&id)
            && up.sent == up.size
            && up.state == UploadState::Sending
            && let Some(digest) = up.digest
        {
            out.control(&UploadDone { transfer: id, digest });
            up.state = UploadState::Done;
        }
    }

    /// `UploadStored`: verified, durable, on the shelf.
    pub(in crate::session) fn upload_stored(
        &mut self,
        stored: &UploadStored,
        out: &mut Outgoing,
    ) -> Step {
        match self.find(stored.transfer)? {
            None => Ok(None),
            Some(Transfer::Up(up)) if up.state == UploadState::Done => {
                Ok(self.remove(stored.transfer, Outcome::Uploaded(stored.item), out))
            }
            Some(_) => Err("an upload is stored that was not done"),
        }
    }
}
