//! Guests: visitors who put files on the shelf. They have the limits of members' uploads, and no
//! key by which an upload could be resumed: what is interrupted leaves nothing.

use chatshelf_common::id::{Attributes, ItemId};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Code;

use super::Engine;
use super::transfer_table::{FileInfo, Finished, Received};
use super::transfers::key;
use super::transport::Transport;
use super::visitor::NewFile;
use crate::disk::TransferKey;
use crate::token::Token;

impl<T: Transport> Engine<T> {
    /// Begins the upload of a guest's file, if it may be on the shelf.
    pub(super) fn offer_file(&mut self, token: Token, file: NewFile) {
        let NewFile { name, size, checksum } = file;
        if size > self.settings.file_bytes_max {
            let limit = Some(self.settings.file_bytes_max);
            return self.refuse_visit_over(token, Code::FILE_TOO_LARGE, limit, None);
        }
        if let Some((limit, wait_ms)) = self.guest_upload_over(token, size) {
            let (code, limit, wait_ms) = (Code::TOO_MUCH_UPLOADED, Some(limit), Some(wait_ms));
            return self.refuse_visit_over(token, code, limit, wait_ms);
        }
        let upload = key(token, self.transfers.take_number(token));
        let file = FileInfo { name, size, attributes: Attributes::default() };
        if self.begin_upload(upload, file, None, checksum).is_err() {
            self.refuse_visit(token, Code::TOO_MANY_TRANSFERS, None);
        }
    }

    /// The file of a guest's upload exists: the content may come.
    pub(super) fn accept_content(&mut self, upload: TransferKey) {
        let token = upload.connection;
        if let Some(visitor) = self.connections.get_mut(token).and_then(|it| it.visitor()) {
            visitor.accept_content();
        }
        self.connections.mark_dirty(token);
        self.finish_if_whole(upload);
    }

    /// Takes content that a guest has sent.
    pub(super) fn receive_content(&mut self, token: Token, bytes: &[u8]) {
        let Some((transfer, offset)) = self.transfers.incoming(token) else { return };
        self.handle_chunk(token, transfer, offset, bytes);
        self.finish_if_whole(key(token, transfer));
    }

    fn finish_if_whole(&mut self, upload: TransferKey) {
        let finished = self.transfers.finish(upload, &mut self.disk);
        if let Received::Taken(Finished::Whole(file)) = finished {
            self.publish(upload, file, Nick::guest(), None);
        }
    }

    /// Tells a guest which item its file has become.
    pub(super) fn show_shelved(&mut self, token: Token, item: ItemId) {
        match self.room.shelf().find(item) {
            Err(code) => self.refuse_visit(token, code, None),
            Ok(item) => {
                if let Some(visitor) = self.connections.get_mut(token).and_then(|it| it.visitor()) {
                    visitor.show_shelved(item);
                }
                self.connections.mark_dirty(token);
            }
        }
        self.note_answered(token);
    }
}
