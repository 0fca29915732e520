//! The steps of an upload (PROTOCOL.md, "Uploading"): from `UploadReady` over blocks read and
//! frames sent to `UploadStored`. At most two blocks are on their way.

use chatshelf_common::id::{Attributes, Digest, ItemId, TransferId, UploadKey};
use chatshelf_common::text::{FileName, Nick};
use chatshelf_common::wire::frame::{
    Cancel, Item, UploadDone, UploadOffer, UploadReady, UploadStored,
};

use super::{NEVER_ASKED, Step, Transfer, Transfers};
use crate::session::event::{
    Direction, Outcome, Restart, SessionEvent, Stage, TransferHandle, TransferStatus,
};
use crate::session::file::{BLOCK_BYTES, BLOCKS_IN_FLIGHT_MAX, FileRequest};
use crate::session::outgoing::{FrameSent, Outgoing};

#[derive(Debug)]
pub(super) struct Upload {
    name: FileName,
    size: u64,
    key: OfferKey,
    attributes: Attributes,
    number: TransferId,
    state: UploadState,
    /// Counts the beginnings that were asked of the file keeper.
    run: u32,
    /// Bytes asked of the file keeper, given by it and sent: `sent <= given <= asked <= size`.
    asked: u64,
    given: u64,
    sent: u64,
    /// Blocks asked for or not wholly sent.
    blocks: u8,
    digest: Option<Digest>,
    /// The newest item that was known when `UploadDone` was sent.
    newest_before: Option<ItemId>,
    /// What the room has shown of it since then.
    shown_as: Option<ItemId>,
    /// `UploadDone` was sent on a connection that broke: the server may have stored it.
    done_before: Option<DoneBefore>,
}

/// What tells the item that was made of an upload whose receipt was lost.
#[derive(Clone, Debug)]
struct DoneBefore {
    digest: Digest,
    nick: Nick,
    newest_before: Option<ItemId>,
}

/// By which the server knows an upload again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OfferKey {
    /// It does not.
    None,
    /// It was never offered before: nothing can have been kept under it.
    Fresh(UploadKey),
    /// It may have been offered before, by us or an earlier run.
    Used(UploadKey),
}

impl OfferKey {
    fn used(key: Option<UploadKey>) -> Self {
        key.map_or(Self::None, Self::Used)
    }

    fn fresh(key: Option<UploadKey>) -> Self {
        key.map_or(Self::None, Self::Fresh)
    }

    fn get(self) -> Option<UploadKey> {
        match self {
            Self::None => None,
            Self::Fresh(key) | Self::Used(key) => Some(key),
        }
    }

    /// True when the server can have kept something under it.
    fn may_be_known(self) -> bool {
        matches!(self, Self::Used(_))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UploadState {
    Offered,
    /// The file keeper goes to where the server wants to begin, at this offset.
    Beginning(u64),
    Sending,
    Done,
}

impl UploadState {
    fn may_become(self, next: Self) -> bool {
        match next {
            // On another connection, or because the file is another.
            Self::Offered => true,
            Self::Beginning(_) => self == Self::Offered,
            Self::Sending => matches!(self, Self::Beginning(_)),
            Self::Done => self == Self::Sending,
        }
    }
}

impl Upload {
    fn go(&mut self, next: UploadState) {
        debug_assert!(self.state.may_become(next), "{:?} to {next:?}", self.state);
        self.state = next;
    }

    /// Offers it under a new number.
    pub(super) fn offer(&mut self, number: TransferId, out: &mut Outgoing) {
        self.number = number;
        self.go(UploadState::Offered);
        let (key, Attributes { mode, modified }) = (self.key.get(), self.attributes);
        let offer = UploadOffer::new(number, self.name.clone(), self.size);
        out.control(&UploadOffer { key, mode, modified, ..offer });
    }

    /// Its number on the wire, or [`NEVER_ASKED`].
    pub(super) fn number(&self) -> TransferId {
        self.number
    }

    /// True while the server has not answered the offer.
    pub(super) fn is_only_offered(&self) -> bool {
        self.state == UploadState::Offered
    }

    /// True once all of it and its digest are sent.
    pub(super) fn is_done(&self) -> bool {
        self.state == UploadState::Done
    }

    /// The file's digest is known. One that was asked for on an earlier connection comes too late.
    pub(super) fn hashed(&mut self, digest: Digest) {
        if self.state == UploadState::Sending {
            self.digest = Some(digest);
        }
    }

    /// The room has shown the item that it was made of, before the receipt.
    pub(super) fn show_as(&mut self, item: ItemId) {
        self.shown_as = Some(item);
    }

    /// That item.
    pub(super) fn shown_as(&self) -> Option<ItemId> {
        self.shown_as
    }

    /// What holds after each step.
    pub(super) fn check(&self) {
        let is_sending = matches!(self.state, UploadState::Sending | UploadState::Done);
        let sent = if is_sending { self.sent } else { 0 };
        debug_assert!(sent <= self.given && self.given <= self.asked && self.asked <= self.size);
        debug_assert!(self.blocks <= BLOCKS_IN_FLIGHT_MAX);
        let is_done = self.state == UploadState::Done;
        debug_assert!(!is_done || (self.sent == self.size && self.digest.is_some()));
        debug_assert!(self.shown_as.is_none() || is_done, "it was all sent before it was shown");
    }

    /// How far it is, as one that is not queued.
    pub(super) fn status(&self, handle: TransferHandle) -> TransferStatus {
        let stage = match self.state {
            UploadState::Offered => Stage::Asked,
            UploadState::Beginning(0) => Stage::Asked,
            UploadState::Beginning(_) => Stage::Comparing,
            UploadState::Sending if self.sent < self.size => Stage::Moving,
            UploadState::Sending | UploadState::Done => Stage::Verifying,
        };
        TransferStatus {
            transfer: handle,
            direction: Direction::Upload,
            name: Some(self.name.clone()),
            item: None,
            size: Some(self.size),
            moved: self.sent,
            stage,
        }
    }

    /// True when the server can have it on the shelf: it is whole, or its key is known there.
    fn may_be_stored(&self) -> bool {
        match self.state {
            UploadState::Done => true,
            UploadState::Offered => self.key.may_be_known(),
            UploadState::Beginning(_) | UploadState::Sending => false,
        }
    }

    /// True when the item is what the server has made of this upload: the same file under the same
    /// name, ours, and newer than all that was known when the last byte was sent.
    pub(super) fn was_made(&self, item: &Item, nick: &Nick) -> bool {
        let is_it = |digest, owner: &Nick, newest_before| {
            item.digest == digest && item.nick == *owner && Some(item.id) > newest_before
        };
        let now = self.state == UploadState::Done && self.shown_as.is_none();
        let by_now = now && self.digest.is_some_and(|it| is_it(it, nick, self.newest_before));
        let before = self.done_before.as_ref();
        let by_then = before.is_some_and(|it| is_it(it.digest, &it.nick, it.newest_before));
        item.name == self.name && item.size == self.size && (by_now || by_then)
    }

    /// The connection is gone. What was sent is still shown, but no longer counts.
    pub(super) fn lose(&mut self, nick: &Nick) {
        if self.state == UploadState::Done
            && let Some(digest) = self.digest
        {
            let (nick, newest_before) = (nick.clone(), self.newest_before);
            self.done_before = Some(DoneBefore { digest, nick, newest_before });
        }
        self.go(UploadState::Offered);
        (self.asked, self.given, self.blocks, self.digest) = (0, 0, 0, None);
    }
}

impl Transfers {
    /// Queues an upload.
    pub(in crate::session) fn upload(
        &mut self,
        name: FileName,
        size: u64,
        key: Option<UploadKey>,
        attributes: Attributes,
    ) -> TransferHandle {
        self.queue_up(Transfer::Up(Upload {
            name,
            size,
            key: OfferKey::used(key),
            attributes,
            number: NEVER_ASKED,
            state: UploadState::Offered,
            run: 0,
            asked: 0,
            given: 0,
            sent: 0,
            blocks: 0,
            digest: None,
            newest_before: None,
            shown_as: None,
            done_before: None,
        }))
    }

    /// `UploadReady`: the server takes the bytes from `offset` on.
    pub(in crate::session) fn upload_ready(
        &mut self,
        ready: &UploadReady,
    ) -> Result<(), &'static str> {
        let Some(handle) = self.find(ready.transfer)? else { return Ok(()) };
        let up = match self.active.get_mut(&handle) {
            Some(Transfer::Up(up)) if up.state == UploadState::Offered => up,
            _ => return Err("an upload is begun that was not offered"),
        };
        let (offset, digest) = (ready.offset, ready.digest.filter(|_| ready.offset > 0));
        if offset > up.size {
            return Err("an upload is to begin beyond the file's end");
        }
        if offset > 0 && (digest.is_none() || !up.key.may_be_known()) {
            return Err("an upload is to be resumed of which nothing was kept");
        }
        up.go(UploadState::Beginning(offset));
        up.run += 1;
        self.requests.push_back(FileRequest::Begin {
            transfer: handle,
            run: up.run,
            offset,
            digest,
        });
        Ok(())
    }

    /// The file keeper is where the upload begins.
    pub(super) fn begun(&mut self, handle: TransferHandle, run: u32) -> Option<SessionEvent> {
        let Transfer::Up(up) = self.active.get_mut(&handle)? else { return None };
        let UploadState::Beginning(offset) = up.state else { return None };
        if run != up.run {
            return None;
        }
        let moved_before = up.sent;
        up.go(UploadState::Sending);
        (up.asked, up.given, up.sent) = (offset, offset, offset);
        let status = up.status(handle);
        if up.asked == up.size {
            // Nothing is to be read, so no last block asks for the digest.
            self.requests.push_back(FileRequest::Hash { transfer: handle });
        }
        self.ask_for_blocks(handle);
        match (offset, moved_before) {
            (0, 0) => None,
            (0, _) => Some(SessionEvent::TransferRestarted(status, Restart::NothingKept)),
            _ => Some(SessionEvent::TransferResumed(status)),
        }
    }

    /// The server has another file's beginning: it must forget that, and all is sent again.
    pub(super) fn differs(
        &mut self,
        handle: TransferHandle,
        run: u32,
        key: Option<UploadKey>,
        out: &mut Outgoing,
    ) -> Option<SessionEvent> {
        let Transfer::Up(up) = self.active.get_mut(&handle)? else { return None };
        if !matches!(up.state, UploadState::Beginning(_)) || run != up.run {
            return None;
        }
        (up.key, up.sent) = (OfferKey::fresh(key), 0);
        let number = up.number;
        out.control(&Cancel { transfer: number });
        self.numbers.remove(&number);
        self.ask(handle, out);
        let status = self.active.get(&handle)?.status(handle, false);
        Some(SessionEvent::TransferRestarted(status, Restart::FileDiffers))
    }

    /// The file is another one than was offered: the server must forget what it has of it, and all
    /// of it is sent again.
    pub(super) fn changed(
        &mut self,
        handle: TransferHandle,
        size: u64,
        attributes: Attributes,
        key: Option<UploadKey>,
        out: &mut Outgoing,
    ) -> Option<SessionEvent> {
        let queued = !self.active.contains_key(&handle);
        let Some(Transfer::Up(up)) = self.get_mut(handle) else { return None };
        if up.state == UploadState::Done {
            debug_assert!(false, "the file keeper has said its digest");
            return None;
        }
        (up.size, up.attributes, up.key) = (size, attributes, OfferKey::used(key));
        (up.asked, up.given, up.sent, up.blocks) = (0, 0, 0, 0);
        (up.digest, up.done_before) = (None, None);
        let number = up.number;
        if !queued {
            out.forget(number);
            out.control(&Cancel { transfer: number });
            self.numbers.remove(&number);
            self.ask(handle, out);
        }
        let status = self.get_mut(handle)?.status(handle, queued);
        Some(SessionEvent::TransferRestarted(status, Restart::FileChanged))
    }

    /// Asks for as many blocks as may be on their way, and with the last for the digest.
    fn ask_for_blocks(&mut self, handle: TransferHandle) {
        let Some(Transfer::Up(up)) = self.active.get_mut(&handle) else { return };
        while up.asked < up.size && up.blocks < BLOCKS_IN_FLIGHT_MAX {
            let length = (up.size - up.asked).min(BLOCK_BYTES as u64) as usize;
            let (offset, buffer) = (up.asked, self.spare.pop().unwrap_or_default());
            self.requests.push_back(FileRequest::Read { transfer: handle, offset, length, buffer });
            up.asked += length as u64;
            up.blocks += 1;
            if up.asked == up.size {
                self.requests.push_back(FileRequest::Hash { transfer: handle });
            }
        }
    }

    /// A block has been read: it goes out behind what waits of its upload.
    pub(super) fn block(
        &mut self,
        handle: TransferHandle,
        block: Vec<u8>,
        out: &mut Outgoing,
    ) -> Option<SessionEvent> {
        let up = match self.active.get_mut(&handle) {
            Some(Transfer::Up(up)) if up.state == UploadState::Sending => up,
            // It was asked for before the connection broke, or before the upload ended.
            _ => {
                self.keep_spare(block);
                return None;
            }
        };
        let expected = (up.size - up.given).min(BLOCK_BYTES as u64);
        if block.len() as u64 != expected || up.given >= up.asked {
            debug_assert!(false, "the file keeper gives exactly what was asked");
            return self.end(handle, Outcome::Failed("a block of wrong length".into()), out);
        }
        let (number, offset) = (up.number, up.given);
        up.given += expected;
        out.data(number, offset, block);
        None
    }

    /// A data frame of an upload has been sent.
    pub(in crate::session) fn frame_sent(&mut self, frame: FrameSent, out: &mut Outgoing) {
        let spent = frame.spent.is_some();
        if let Some(block) = frame.spent {
            self.keep_spare(block);
        }
        let Some(handle) = self.numbers.get(&frame.transfer).copied() else { return };
        let Some(Transfer::Up(up)) = self.active.get_mut(&handle) else { return };
        up.sent += frame.bytes;
        if spent {
            debug_assert!(up.blocks > 0, "a block was counted when it was asked for");
            up.blocks -= 1;
            self.ask_for_blocks(handle);
        }
        self.finish_upload(handle, out);
    }

    /// Sends `UploadDone` once all bytes are sent and the digest is known.
    pub(super) fn finish_upload(&mut self, handle: TransferHandle, out: &mut Outgoing) {
        if let Some(Transfer::Up(up)) = self.active.get_mut(&handle)
            && up.sent == up.size
            && up.state == UploadState::Sending
            && let Some(digest) = up.digest
        {
            out.control(&UploadDone { transfer: up.number, digest });
            up.go(UploadState::Done);
            up.newest_before = self.newest_item;
        }
    }

    /// `UploadStored`: verified, durable, on the shelf; perhaps since an offer with the same key
    /// whose receipt was lost.
    pub(in crate::session) fn upload_stored(
        &mut self,
        stored: &UploadStored,
        out: &mut Outgoing,
    ) -> Step {
        let Some(handle) = self.find(stored.transfer)? else { return Ok(None) };
        match self.active.get(&handle) {
            Some(Transfer::Up(up)) if up.may_be_stored() => {
                self.own_items.insert(stored.item);
                Ok(self.remove(handle, Outcome::Uploaded(stored.item), out))
            }
            _ => Err("an upload is stored that was not done"),
        }
    }
}
