//! What uploads and downloads have in common: their numbers, how many there may be, how they end.

use chatshelf_common::id::TransferId;
use chatshelf_common::text::Note;
use chatshelf_common::wire::frame::{Cancel, DownloadRequest, Refused, UploadOffer};
use chatshelf_common::wire::{Code, Frame};

use super::commands::refused;
use super::connection::UploadStage;
use super::limits::{MEMBER_TRANSFERS_MAX, TRANSFERS_MAX};
use super::uploads::send_block;
use super::{Engine, Stream};
use crate::disk::{Request, TransferKey};
use crate::token::Token;

impl<S: Stream> Engine<S> {
    /// Takes the number of a new transfer; one that is not higher than all before it ends the
    /// connection.
    pub(super) fn accept_number(&mut self, token: Token, transfer: TransferId) -> bool {
        let Some(connection) = self.connection(token) else { return false };
        let is_accepted = connection.accept_transfer_number(transfer);
        if !is_accepted {
            self.close(token, Code::UNEXPECTED);
        }
        is_accepted
    }

    /// True when there is room for one more transfer; otherwise refuses it.
    pub(super) fn admit_transfer(&mut self, token: Token, transfer: TransferId, about: u8) -> bool {
        let Some(connection) = self.connection(token) else { return false };
        let own = connection.transfers.uploads.len() + connection.transfers.downloads.len();
        let limit = if own >= MEMBER_TRANSFERS_MAX {
            MEMBER_TRANSFERS_MAX
        } else if self.transfers >= TRANSFERS_MAX {
            TRANSFERS_MAX
        } else {
            return true;
        };
        let (limit, transfer) = (Some(limit as u64), Some(transfer));
        let refusal = refused(Code::TOO_MANY_TRANSFERS, about);
        self.send(token, &Refused { limit, transfer, ..refusal });
        false
    }

    /// The disk thread has let go of a transfer. After the last one, no pipe is left.
    pub(super) fn transfer_ended(&mut self) {
        self.transfers -= 1;
        if self.transfers == 0 {
            self.stretches.clear();
        }
    }

    /// Ends a transfer at the client's wish. What has ended already, or is being published, stays
    /// as it is.
    pub(super) fn cancel(&mut self, token: Token, transfer: TransferId) {
        let Some(connection) = self.connection(token) else { return };
        let stage = connection.transfers.uploads.get(&transfer).map(|upload| upload.stage);
        if !matches!(stage, Some(UploadStage::Publishing)) {
            self.end_transfer(token, transfer, Code::CANCELLED, None);
        }
    }

    /// Ends a transfer, tells the client why, and frees what it used. Nothing if it has ended.
    pub(super) fn end_transfer(
        &mut self,
        token: Token,
        transfer: TransferId,
        code: Code,
        detail: Option<&str>,
    ) {
        let Some(connection) = self.connection(token) else { return };
        let about = match (
            connection.transfers.uploads.contains_key(&transfer),
            connection.transfers.downloads.contains_key(&transfer),
        ) {
            (true, _) => UploadOffer::KIND,
            (_, true) => DownloadRequest::KIND,
            (false, false) => return,
        };
        let about = if code == Code::CANCELLED { Cancel::KIND } else { about };
        let is_kept = code == Code::STALLED;
        self.forget_transfer(token, transfer, is_kept);
        let (transfer, detail) = (Some(transfer), detail.map(Note::lossy));
        self.send(token, &Refused { transfer, detail, ..refused(code, about) });
    }

    /// Frees what all transfers of a connection use. Uploads that are being published go on, and of
    /// the others what has come is kept.
    pub(super) fn abandon_transfers(&mut self, token: Token) {
        let Some(connection) = self.connection(token) else { return };
        let transfers = &connection.transfers;
        let all: Vec<TransferId> =
            transfers.uploads.keys().chain(transfers.downloads.keys()).copied().collect();
        all.into_iter().for_each(|transfer| self.forget_transfer(token, transfer, true));
    }

    /// Frees what a transfer uses; of an upload, keeps what has come if `is_kept`.
    pub(super) fn forget_transfer(&mut self, token: Token, transfer: TransferId, is_kept: bool) {
        let Some(connection) = self.connections.get_mut(token.slot()) else { return };
        if let Some(mut upload) = connection.transfers.uploads.remove(&transfer) {
            // What is being published is past this: the disk thread has it behind it by then.
            let (upload_key, at) = (key(token, transfer), self.now.at);
            if is_kept {
                send_block(&mut upload, upload_key, &mut self.disk);
                self.disk.push_back(Request::Suspend { upload: upload_key, at });
            } else {
                self.disk.push_back(Request::Discard { upload: upload_key });
            }
            if let Some(block) = upload.block.take() {
                self.blocks.give(block);
            }
        } else if connection.transfers.downloads.remove(&transfer).is_some() {
            connection.outbound.cancel_data(transfer);
            while let Some((_, stretch)) = connection.outbound.pop_spent() {
                self.stretches.give(stretch);
            }
            self.disk.push_back(Request::Close { download: key(token, transfer) });
        }
    }
}

/// Names a transfer for the disk thread.
pub(super) fn key(connection: Token, transfer: TransferId) -> TransferKey {
    TransferKey { connection, transfer }
}
