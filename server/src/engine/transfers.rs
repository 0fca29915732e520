//! What uploads and downloads have in common on the wire: their numbers, how many may run, and how
//! they end.

use chatshelf_common::id::TransferId;
use chatshelf_common::text::Note;
use chatshelf_common::wire::frame::{Cancel, DownloadRequest, Refused, UploadOffer};
use chatshelf_common::wire::{Code, Frame};

use super::Engine;
use super::transfer_table::{Fate, Way};
use super::transport::Transport;
use crate::disk::TransferKey;
use crate::token::Token;

impl<T: Transport> Engine<T> {
    /// Accepts the number of a new transfer. A number that is not higher than all before it ends
    /// the connection.
    pub(super) fn accept_number(&mut self, token: Token, transfer: TransferId) -> bool {
        let is_accepted = self.transfers.accept_number(key(token, transfer));
        if !is_accepted {
            self.close(token, Code::UNEXPECTED);
        }
        is_accepted
    }

    /// Refuses a transfer because a limit, whose value is `limit`, is reached.
    pub(super) fn refuse_transfer(&mut self, at: TransferKey, way: Way, limit: usize) {
        let refusal = refused(at.transfer, Code::TOO_MANY_TRANSFERS, way);
        self.refuse(at.connection, &Refused { limit: Some(limit as u64), ..refusal });
    }

    /// Ends a connection's transfers that are too slow while slots are scarce.
    pub(super) fn look_at_pace(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        let queue = connection.send_queue_mut();
        let sent = queue.take_data_sent();
        let has_data = |transfer| queue.has_data(transfer);
        let slow = self.transfers.judge(token, sent, has_data, self.now.mono_ms());
        for transfer in slow {
            self.end_transfer(token, transfer, Code::STALLED, None);
        }
    }

    /// Ends a transfer at the client's request. If it has already ended or is being published,
    /// nothing changes.
    pub(super) fn cancel(&mut self, token: Token, transfer: TransferId) {
        if !self.transfers.is_publishing(key(token, transfer)) {
            self.end_transfer(token, transfer, Code::CANCELLED, None);
        }
    }

    /// Ends a transfer, tells the client why, and frees its resources. Does nothing if it has
    /// already ended.
    pub(super) fn end_transfer(
        &mut self,
        token: Token,
        transfer: TransferId,
        code: Code,
        detail: Option<&str>,
    ) {
        let fate = match code {
            Code::STALLED => Fate::Kept { at: self.now.at },
            _ => Fate::Discarded,
        };
        let Some(way) = self.forget_transfer(token, transfer, fate) else { return };
        if self.is_visitor(token) {
            return self.refuse_visit(token, code, None);
        }
        let mut refusal = refused(transfer, code, way);
        if code == Code::CANCELLED {
            refusal.about = Cancel::KIND;
        }
        self.refuse(token, &Refused { detail: detail.map(Note::lossy), ..refusal });
    }

    /// Frees the resources of all transfers of a connection that is ending. Uploads being published
    /// proceed; the content of the others is kept.
    pub(super) fn abandon_transfers(&mut self, token: Token) {
        for transfer in self.transfers.running(token) {
            self.forget_transfer(token, transfer, Fate::Kept { at: self.now.at });
        }
        self.transfers.forget_member(token);
    }

    /// Frees a transfer's resources, and returns its direction if it was running.
    pub(super) fn forget_transfer(
        &mut self,
        token: Token,
        transfer: TransferId,
        fate: Fate,
    ) -> Option<Way> {
        let way = self.transfers.forget(key(token, transfer), fate, &mut self.disk)?;
        if let (Way::Down, Some(connection)) = (way, self.connections.get_mut(token)) {
            connection.send_queue_mut().cancel_data(transfer);
            while let Some((_, extent)) = connection.send_queue_mut().pop_spent() {
                self.transfers.give_extent(extent, &mut self.disk);
            }
        }
        Some(way)
    }
}

/// Creates a refusal of a transfer in this direction, without other optional fields.
pub(super) fn refused(transfer: TransferId, code: Code, way: Way) -> Refused {
    let about = match way {
        Way::Up => UploadOffer::KIND,
        Way::Down => DownloadRequest::KIND,
    };
    Refused { transfer: Some(transfer), ..Refused::new(code, about) }
}

/// Returns the name of a transfer for the disk thread.
pub(super) fn key(connection: Token, transfer: TransferId) -> TransferKey {
    TransferKey { connection, transfer }
}
