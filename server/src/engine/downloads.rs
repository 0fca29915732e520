//! Downloads: request, ready, data (PROTOCOL.md, "Downloading").
//!
//! The disk thread reads two extents ahead; each one that has been sent is refilled, with frames
//! sized to the speed of the connection. If an item is dropped during a download, its file stays
//! open and is sent to the end.

use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{DownloadReady, DownloadRequest};

use super::Engine;
use super::limits::{DOWNLOAD_EXTENTS_IN_FLIGHT, RATE_STEP_MS};
use super::transfer_table::{Part, Way};
use super::transfers::{key, refused};
use super::transport::Transport;
use crate::disk::readahead::Extent;
use crate::disk::{Request, TransferKey};
use crate::token::Token;

impl<T: Transport> Engine<T> {
    pub(super) fn request_download(&mut self, token: Token, request: &DownloadRequest) {
        let DownloadRequest { transfer, item: id, offset } = *request;
        if !self.accept_number(token, transfer) {
            return;
        }
        let offset = offset.unwrap_or(0);
        let part = match self.room.shelf().find(id) {
            Ok(item) if offset <= item.size => {
                Part { item: item.clone(), range: offset..item.size, is_bare: false }
            }
            Ok(_) => {
                return self.refuse(token, &refused(transfer, Code::SIZE_MISMATCH, Way::Down));
            }
            Err(code) => return self.refuse(token, &refused(transfer, code, Way::Down)),
        };
        let Some(connection) = self.connections.get(token) else { return };
        let (at, origin, now_ms) =
            (key(token, transfer), connection.peer().into(), self.now.mono_ms());
        if let Err(limit) = self.transfers.begin_download(at, origin, part, now_ms) {
            return self.refuse_transfer(at, Way::Down, limit);
        }
        self.connections.arm(token, now_ms + RATE_STEP_MS);
        self.disk.push(Request::Open { download: at, item: id, offset });
    }

    pub(super) fn download_opened(&mut self, at: TransferKey) {
        let Some((item, offset)) = self.transfers.downloaded(at) else { return };
        let ready = DownloadReady { transfer: at.transfer, offset, item: item.clone() };
        match self.is_visitor(at.connection) {
            true => self.visit_opened(at),
            false => self.send(at.connection, &ready),
        }
        if let Some(connection) = self.connections.get_mut(at.connection) {
            connection.begin_data();
        }
        for _ in 0..DOWNLOAD_EXTENTS_IN_FLIGHT {
            self.read_on(at);
        }
    }

    /// Asks the disk thread for the next part of a download, if any is left.
    fn read_on(&mut self, at: TransferKey) {
        let Some(connection) = self.connections.get(at.connection) else { return };
        let (frame_bytes, is_window) = (connection.frame_bytes(), connection.wants_window());
        if self.transfers.read_on(at, frame_bytes, is_window, &mut self.disk) {
            self.counters.downloads += 1;
            if self.is_visitor(at.connection) {
                self.note_answered(at.connection);
            }
        }
    }

    pub(super) fn download_read(&mut self, at: TransferKey, extent: Extent) {
        if self.transfers.way(at) != Some(Way::Down) {
            return self.transfers.give_extent(extent, &mut self.disk);
        }
        if let Some(connection) = self.connections.get_mut(at.connection) {
            connection.send_queue_mut().push_data(at.transfer, extent);
            self.connections.mark_dirty(at.connection);
        }
    }

    /// Requests refills for the extents that have been sent.
    pub(super) fn refill_downloads(&mut self, token: Token) {
        while let Some((transfer, extent)) =
            self.connections.get_mut(token).and_then(|it| it.send_queue_mut().pop_spent())
        {
            let at = key(token, transfer);
            if self.transfers.note_sent(at, extent, &mut self.disk) {
                self.read_on(at);
            }
        }
    }
}
