//! Uploads: offer, data, done, stored (PROTOCOL.md, "Uploading").
//!
//! Body bytes are copied once, from the read buffer into a block that then moves to the disk
//! thread. While two blocks of an upload are there, its connection is not read.

use chatshelf_common::id::{Attributes, Digest, ItemId, TransferId};
use chatshelf_common::text::{Nick, Note};
use chatshelf_common::wire::frame::{
    Item, Refused, UploadDone, UploadOffer, UploadReady, UploadStored,
};
use chatshelf_common::wire::{Code, Frame};

use super::Engine;
use super::commands::refused;
use super::connection::{Connection, Upload, UploadStage};
use super::limits::UPLOAD_STALL_MS;
use super::origin::Origin;
use super::proposals::Proposer;
use super::slots::Way;
use super::transfers::key;
use super::transport::Transport;
use crate::disk::block::{BLOCK_BYTES, Block};
use crate::disk::{Request, TransferKey, UploadId};
use crate::room::proposal::Proposal;
use crate::token::Token;
use crate::work;

impl<T: Transport> Engine<T> {
    pub(super) fn offer_upload(&mut self, token: Token, offer: UploadOffer) {
        let UploadOffer { transfer, name, size, key: upload_key, mode, modified } = offer;
        if !self.accept_number(token, transfer) {
            return;
        }
        if let Err(why) = name.check_new() {
            let (transfer, detail) = (Some(transfer), Note::new(&why.to_string()).ok());
            let refusal = refused(Code::FILE_NAME_INVALID, UploadOffer::KIND);
            return self.send(token, &Refused { transfer, detail, ..refusal });
        }
        if size > self.settings.file_bytes_max {
            let limit = Some(self.settings.file_bytes_max);
            let refusal = refused(Code::FILE_TOO_LARGE, UploadOffer::KIND);
            let transfer = Some(transfer);
            return self.send(token, &Refused { limit, transfer, ..refusal });
        }
        if !self.admit_transfer(token, transfer, Way::Up) {
            return;
        }
        let upload = Upload {
            name: name.clone(),
            size,
            attributes: Attributes { mode, modified },
            received: 0,
            stage: UploadStage::Creating,
            block: None,
            in_flight: 0,
            since_ms: self.now.mono_ms,
            progress_ms: self.now.mono_ms,
        };
        let Some(connection) = self.connections.get_mut(token) else { return };
        connection.transfers.uploads.insert(transfer, upload);
        let uploader = Origin::from(connection.peer).uploader();
        let (upload, key, at) = (key(token, transfer), upload_key, self.now.at);
        self.disk.push_back(Request::Create { upload, name, size, key, uploader, at });
    }

    /// Takes file bytes. They must be the next of an upload that the client may send.
    pub(super) fn handle_chunk(
        &mut self,
        token: Token,
        transfer: TransferId,
        offset: u64,
        mut bytes: &[u8],
    ) {
        work::take_in(bytes.len());
        let now_ms = self.now.mono_ms;
        let Some(connection) = self.connections.get_mut(token) else { return };
        let found = connection.transfers.made().and_then(|transfers| {
            Some((transfers.uploads.get_mut(&transfer)?, &mut transfers.pace))
        });
        let Some((upload, pace)) = found else {
            if !was_ended(connection, transfer) {
                self.close(token, Code::UNEXPECTED);
            }
            return;
        };
        let is_next = upload.stage == UploadStage::Receiving
            && offset == upload.received
            && bytes.len() as u64 <= upload.size - upload.received;
        if !is_next {
            return self.close(token, Code::UNEXPECTED);
        }
        upload.received += bytes.len() as u64;
        upload.progress_ms = now_ms;
        pace.add(bytes.len() as u64);
        while !bytes.is_empty() {
            let block = upload.block.get_or_insert_with(|| self.blocks.take());
            let take = bytes.len().min(BLOCK_BYTES - block.len());
            block.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
            if block.len() == BLOCK_BYTES {
                send_block(upload, key(token, transfer), &mut self.disk);
            }
        }
    }

    pub(super) fn finish_upload(&mut self, token: Token, nick: Nick, done: &UploadDone) {
        let UploadDone { transfer, digest } = *done;
        let at = self.now.at;
        let Some(connection) = self.connections.get_mut(token) else { return };
        let Some(upload) = connection.transfers.uploads.get_mut(&transfer) else {
            if !was_ended(connection, transfer) {
                self.close(token, Code::UNEXPECTED);
            }
            return;
        };
        match upload.stage {
            UploadStage::Receiving => {}
            UploadStage::Creating | UploadStage::Publishing => {
                return self.close(token, Code::UNEXPECTED);
            }
        }
        if upload.received < upload.size {
            return self.end_transfer(token, transfer, Code::SIZE_MISMATCH, None);
        }
        send_block(upload, key(token, transfer), &mut self.disk);
        upload.stage = UploadStage::Publishing;
        let (name, size) = (upload.name.clone(), upload.size);
        let item = Item::new(self.sequencer.reserve_item_id(), name, size, digest, nick, at)
            .with(upload.attributes);
        self.disk.push_back(Request::Publish { upload: key(token, transfer), item });
    }

    pub(super) fn upload_created(&mut self, at: TransferKey, offset: u64, digest: Option<Digest>) {
        let now_ms = self.now.mono_ms;
        if let Some(upload) = self.upload(at) {
            debug_assert!(offset <= upload.size);
            upload.stage = UploadStage::Receiving;
            upload.received = offset;
            upload.progress_ms = now_ms;
            self.send(at.connection, &UploadReady { transfer: at.transfer, offset, digest });
            self.connections.arm(at.connection, now_ms + UPLOAD_STALL_MS);
        }
    }

    /// A block came back from the disk thread: the connection may be read again.
    pub(super) fn upload_wrote(&mut self, at: TransferKey, block: Block) {
        self.blocks.give(block);
        let now_ms = self.now.mono_ms;
        let Some(upload) = self.upload(at) else { return };
        debug_assert!(upload.in_flight > 0);
        upload.in_flight -= 1;
        let Some(connection) = self.connections.get_mut(at.connection) else { return };
        // Nothing was heard of the peer, nor of any of its uploads, while it was not listened to.
        connection.silent_since_ms = now_ms;
        for upload in connection.transfers.uploads.values_mut() {
            upload.progress_ms = now_ms;
        }
        if connection.readable {
            self.connections.enqueue(at.connection);
        }
        self.connections.arm(at.connection, now_ms + UPLOAD_STALL_MS);
    }

    /// The item is on disk for good: the room hears of it, whether or not its sender is still here.
    pub(super) fn upload_published(
        &mut self,
        upload: TransferKey,
        item: Item,
        id: Option<UploadId>,
    ) {
        let by = Proposer::Uploader { upload, item: item.id, id };
        self.propose(by, Proposal::Shelve { item });
    }

    /// An upload is on the shelf.
    pub(super) fn shelved(&mut self, at: TransferKey, item: ItemId, id: Option<UploadId>) {
        self.owners.add(item, id);
        self.propose_surplus_drops();
        self.upload_stored(at, item);
    }

    /// What was offered is on the shelf, now or since before its sender lost us.
    pub(super) fn upload_stored(&mut self, at: TransferKey, item: ItemId) {
        if self.upload(at).is_some() {
            self.note_owner(at.connection, item);
            self.forget_transfer(at.connection, at.transfer, false);
            self.send(at.connection, &UploadStored { transfer: at.transfer, item });
        }
    }

    fn upload(&mut self, at: TransferKey) -> Option<&mut Upload> {
        self.connections.get_mut(at.connection)?.transfers.uploads.get_mut(&at.transfer)
    }
}

/// Moves the block being filled to the disk thread.
pub(super) fn send_block(
    upload: &mut Upload,
    key: TransferKey,
    disk: &mut std::collections::VecDeque<Request>,
) {
    if let Some(block) = upload.block.take() {
        upload.in_flight += 1;
        disk.push_back(Request::Write { upload: key, block });
    }
}

/// True for a number that this connection has used: its transfer has ended, and what still comes
/// for it is discarded.
fn was_ended<T>(connection: &Connection<T>, transfer: TransferId) -> bool {
    connection.transfers.last.is_some_and(|last| transfer <= last)
        && !connection.transfers.downloads.contains_key(&transfer)
}
