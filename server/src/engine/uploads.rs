//! Uploads: offer, data, done, stored (PROTOCOL.md, "Uploading").
//!
//! File bytes are copied once, from the read buffer into a block, which then moves to the disk
//! thread. While the disk thread has two blocks of an upload, its connection is not read.

use chatshelf_common::id::{Attributes, Digest, ItemId, TransferId, UploadKey};
use chatshelf_common::text::{Nick, Note};
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{
    Item, Refused, UploadDone, UploadOffer, UploadReady, UploadStored,
};

use super::Engine;
use super::limits::RATE_STEP_MS;
use super::origin::Origin;
use super::proposals::Proposer;
use super::transfer_table::{Fate, FileInfo, Finished, Received, Way};
use super::transfers::{key, refused};
use super::transport::Transport;
use crate::checksum::Checksum;
use crate::disk::block::Block;
use crate::disk::{NewItem, Request, TransferKey, UploadId};
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
            let detail = Note::new(&why.to_string()).ok();
            let refusal = refused(transfer, Code::FILE_NAME_INVALID, Way::Up);
            return self.refuse(token, &Refused { detail, ..refusal });
        }
        if size > self.settings.file_bytes_max {
            let limit = Some(self.settings.file_bytes_max);
            let refusal = refused(transfer, Code::FILE_TOO_LARGE, Way::Up);
            return self.refuse(token, &Refused { limit, ..refusal });
        }
        if !self.may_upload(token, transfer, size) {
            return;
        }
        let upload = key(token, transfer);
        let file = FileInfo { name, size, attributes: Attributes { mode, modified } };
        if let Err(limit) = self.begin_upload(upload, file, upload_key, None) {
            self.refuse_transfer(upload, Way::Up, limit);
        }
    }

    /// Begins an upload that is allowed, and whose number was accepted.
    ///
    /// # Errors
    /// Returns the limit, if that many transfers are running.
    pub(super) fn begin_upload(
        &mut self,
        upload: TransferKey,
        file: FileInfo,
        key: Option<UploadKey>,
        checksum: Option<Checksum>,
    ) -> Result<(), usize> {
        let (token, now_ms) = (upload.connection, self.now.mono_ms());
        let Some(connection) = self.connections.get(token) else { return Ok(()) };
        let origin = Origin::from(connection.peer());
        let (name, size) = (file.name.clone(), file.size);
        self.transfers.begin_upload(upload, origin, file, now_ms)?;
        self.connections.arm(token, now_ms + RATE_STEP_MS);
        let (uploader, at) = (origin.uploader(), self.now.at);
        self.disk.push(Request::Create { upload, name, size, key, uploader, checksum, at });
        Ok(())
    }

    /// Handles file bytes, which must be the next ones of an upload whose client may send.
    pub(super) fn handle_chunk(
        &mut self,
        token: Token,
        transfer: TransferId,
        offset: u64,
        bytes: &[u8],
    ) {
        work::take_in(bytes.len());
        let (at, now_ms) = (key(token, transfer), self.now.mono_ms());
        match self.transfers.receive(at, offset, bytes, now_ms, &mut self.disk) {
            Received::Taken(()) => self.charge_upload(token, bytes.len() as u64),
            Received::Late => {}
            Received::Unexpected => self.close(token, Code::UNEXPECTED),
        }
    }

    pub(super) fn finish_upload(&mut self, token: Token, nick: Nick, done: &UploadDone) {
        let UploadDone { transfer, digest } = *done;
        let at = key(token, transfer);
        match self.transfers.finish(at, &mut self.disk) {
            Received::Taken(Finished::Whole(file)) => self.publish(at, file, nick, Some(digest)),
            Received::Taken(Finished::Short) => {
                self.end_transfer(token, transfer, Code::SIZE_MISMATCH, None);
            }
            Received::Late => {}
            Received::Unexpected => self.close(token, Code::UNEXPECTED),
        }
    }

    /// Has a complete upload put on the shelf, after its digest is verified if there is one.
    pub(super) fn publish(
        &mut self,
        upload: TransferKey,
        file: FileInfo,
        nick: Nick,
        digest: Option<Digest>,
    ) {
        let FileInfo { name, size, attributes } = file;
        let (id, at) = (self.sequencer.reserve_item_id(), self.now.at);
        let link = self.settings.asks_password.then(|| self.admission.link_token(id));
        let item = NewItem { id, name, size, attributes, nick, at, link };
        self.disk.push(Request::Publish { upload, item, digest });
    }

    pub(super) fn upload_created(&mut self, at: TransferKey, offset: u64, digest: Option<Digest>) {
        let now_ms = self.now.mono_ms();
        if self.transfers.note_created(at, offset, now_ms) {
            self.connections.arm(at.connection, now_ms + self.settings.deadlines.upload_ms);
            if self.is_visitor(at.connection) {
                self.accept_content(at);
            } else {
                self.send(at.connection, &UploadReady { transfer: at.transfer, offset, digest });
            }
        }
    }

    /// Takes back a written block: the connection may be read again.
    pub(super) fn upload_wrote(&mut self, at: TransferKey, block: Block) {
        let now_ms = self.now.mono_ms();
        if !self.transfers.note_written(at, block, now_ms) {
            return;
        }
        let Some(connection) = self.connections.get_mut(at.connection) else { return };
        // Nothing was heard from the peer while it was not read.
        connection.liveness_mut().forgive(now_ms);
        if connection.is_readable() {
            self.connections.enqueue(at.connection);
        }
        self.connections.arm(at.connection, now_ms + self.settings.deadlines.upload_ms);
    }

    /// Proposes a published item to the room, whether or not its sender is still connected.
    pub(super) fn upload_published(
        &mut self,
        upload: TransferKey,
        item: Item,
        id: Option<UploadId>,
    ) {
        let by = Proposer::Uploader { upload, item: item.id, id };
        self.propose(by, Proposal::Shelve { item });
    }

    /// Records a new item's owner, and tells the client that its upload is on the shelf.
    pub(super) fn shelved(&mut self, at: TransferKey, item: ItemId, id: Option<UploadId>) {
        self.counters.uploads += 1;
        if let Ok(item) = self.room.shelf().find(item) {
            self.peer_log.shelved(self.now.mono_ms(), item);
        }
        self.owners.add(item, id);
        self.propose_surplus_drops();
        self.upload_stored(at, item);
    }

    /// Ends an upload whose file is on the shelf and tells the client. The file may have been there
    /// since before the client lost its previous connection.
    pub(super) fn upload_stored(&mut self, at: TransferKey, item: ItemId) {
        if self.transfers.way(at) == Some(Way::Up) {
            self.note_owner(at.connection, item);
            self.forget_transfer(at.connection, at.transfer, Fate::Discarded);
            if self.is_visitor(at.connection) {
                self.show_shelved(at.connection, item);
            } else {
                self.send(at.connection, &UploadStored { transfer: at.transfer, item });
            }
        }
    }
}
