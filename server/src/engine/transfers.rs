//! What uploads and downloads have in common: their numbers, how many there may be, how they end.

use chatshelf_common::id::TransferId;
use chatshelf_common::text::Note;
use chatshelf_common::wire::frame::{Cancel, DownloadRequest, Refused, UploadOffer};
use chatshelf_common::wire::{Code, Frame};

use super::Engine;
use super::commands::refused;
use super::connection::UploadStage;
use super::limits::{RATE_STEP_MS, RATE_WINDOW_MS};
use super::origin::Origin;
use super::slots::{Asker, Way};
use super::transport::Transport;
use super::uploads::send_block;
use crate::disk::{Request, TransferKey};
use crate::token::Token;

impl<T: Transport> Engine<T> {
    /// Takes the number of a new transfer; one that is not higher than all before it ends the
    /// connection.
    pub(super) fn accept_number(&mut self, token: Token, transfer: TransferId) -> bool {
        let Some(connection) = self.connections.get_mut(token) else { return false };
        let is_accepted = connection.accept_transfer_number(transfer);
        if !is_accepted {
            self.close(token, Code::UNEXPECTED);
        }
        is_accepted
    }

    /// Takes a slot for a new transfer; if there is none for this member, refuses the transfer.
    pub(super) fn admit_transfer(&mut self, token: Token, transfer: TransferId, way: Way) -> bool {
        let now_ms = self.now.mono_ms;
        let Some(connection) = self.connections.get_mut(token) else { return false };
        let origin = Origin::from(connection.peer);
        let running = connection.transfers.running();
        let asker = Asker { connection: token, origin, running };
        if let Some(limit) = self.slots.limit_reached(asker, way) {
            let about = if way == Way::Up { UploadOffer::KIND } else { DownloadRequest::KIND };
            let (limit, transfer) = (Some(limit as u64), Some(transfer));
            let refusal = refused(Code::TOO_MANY_TRANSFERS, about);
            self.send(token, &Refused { limit, transfer, ..refusal });
            return false;
        }
        if running == 0 {
            connection.transfers.pace.begin(now_ms);
        }
        self.slots.take(key(token, transfer), origin, way);
        self.connections.arm(token, now_ms + RATE_STEP_MS);
        true
    }

    /// The disk thread has let go of a transfer. After the last one, no pipe and no block is left.
    pub(super) fn transfer_ended(&mut self, transfer: TransferKey) {
        self.slots.free(transfer);
        if self.slots.taken() == 0 {
            self.extents.clear();
            self.blocks.clear();
        }
    }

    /// While few slots are free, ends the transfers of a connection that it moves too few bytes
    /// for, the newest first. Those of the last minute, and those that wait for the disk, are not
    /// among them.
    pub(super) fn look_at_pace(&mut self, token: Token) {
        let now_ms = self.now.mono_ms;
        let Some(connection) = self.connections.get_mut(token) else { return };
        let sent = connection.send_queue.take_data_sent();
        let transfers = &mut *connection.transfers;
        transfers.pace.add(sent);
        let suffices_for = transfers.pace.step(now_ms);
        let is_judged = |since_ms: u64| since_ms + RATE_WINDOW_MS <= now_ms;
        let uploads = transfers.uploads.iter().filter(|(_, upload)| {
            upload.stage == UploadStage::Receiving && is_judged(upload.since_ms)
        });
        let downloads = transfers.downloads.iter().filter(|(transfer, download)| {
            connection.send_queue.has_data(**transfer) && is_judged(download.since_ms)
        });
        let mut judged: Vec<(TransferId, Way)> = uploads
            .map(|(&transfer, _)| (transfer, Way::Up))
            .chain(downloads.map(|(&transfer, _)| (transfer, Way::Down)))
            .collect();
        judged.sort_unstable_by_key(|&(transfer, _)| transfer);
        for (transfer, way) in judged.into_iter().skip(suffices_for).rev() {
            if self.slots.are_scarce(way) {
                self.end_transfer(token, transfer, Code::STALLED, None);
            }
        }
    }

    /// Ends a transfer at the client's wish. What has ended already, or is being published, stays
    /// as it is.
    pub(super) fn cancel(&mut self, token: Token, transfer: TransferId) {
        let Some(connection) = self.connections.get_mut(token) else { return };
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
        let Some(connection) = self.connections.get_mut(token) else { return };
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
        let Some(connection) = self.connections.get_mut(token) else { return };
        let transfers = &connection.transfers;
        let all: Vec<TransferId> =
            transfers.uploads.keys().chain(transfers.downloads.keys()).copied().collect();
        all.into_iter().for_each(|transfer| self.forget_transfer(token, transfer, true));
    }

    /// Frees what a transfer uses; of an upload, keeps what has come if `is_kept`.
    pub(super) fn forget_transfer(&mut self, token: Token, transfer: TransferId, is_kept: bool) {
        let Some(connection) = self.connections.get_mut(token) else { return };
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
            connection.send_queue.cancel_data(transfer);
            while let Some((_, extent)) = connection.send_queue.pop_spent() {
                self.extents.give(extent);
            }
            self.disk.push_back(Request::Close { download: key(token, transfer) });
        }
    }
}

/// Names a transfer for the disk thread.
pub(super) fn key(connection: Token, transfer: TransferId) -> TransferKey {
    TransferKey { connection, transfer }
}
