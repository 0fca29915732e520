//! Downloads: request, ready, data (PROTOCOL.md, "Downloading").
//!
//! The disk thread reads ahead by two extents; one that has been sent is asked to be filled
//! again, in frames as large as the connection is fast. An item that is dropped meanwhile stays open and is sent whole.

use chatshelf_common::id::TransferId;
use chatshelf_common::wire::frame::{DownloadReady, DownloadRequest, Refused};
use chatshelf_common::wire::{Code, Frame};

use super::Engine;
use super::commands::refused;
use super::connection::Download;
use super::limits::DOWNLOAD_EXTENTS_IN_FLIGHT;
use super::slots::Way;
use super::transfers::key;
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
        let item = match self.room.shelf().find(id) {
            Ok(item) if offset <= item.size => item.clone(),
            Ok(_) => return self.refuse_download(token, transfer, Code::SIZE_MISMATCH),
            Err(code) => return self.refuse_download(token, transfer, code),
        };
        if !self.admit_transfer(token, transfer, Way::Down) {
            return;
        }
        let since_ms = self.now.mono_ms;
        let Some(connection) = self.connections.get_mut(token) else { return };
        let download = Download { item, since_ms, next_ask: offset, in_flight: 0 };
        connection.transfers.downloads.insert(transfer, download);
        self.disk.push_back(Request::Open { download: key(token, transfer), item: id, offset });
    }

    fn refuse_download(&mut self, token: Token, transfer: TransferId, code: Code) {
        let refusal = refused(code, DownloadRequest::KIND);
        self.send(token, &Refused { transfer: Some(transfer), ..refusal });
    }

    pub(super) fn download_opened(&mut self, at: TransferKey) {
        let Some(download) = self.download(at) else { return };
        let (offset, item) = (download.next_ask, download.item.clone());
        self.send(at.connection, &DownloadReady { transfer: at.transfer, offset, item });
        if let Some(connection) = self.connections.get_mut(at.connection)
            && let Some(unsent_bytes) = connection.send_queue.begin_data()
        {
            connection.transport.limit_unsent(unsent_bytes);
        }
        for _ in 0..DOWNLOAD_EXTENTS_IN_FLIGHT {
            self.read_on(at);
        }
    }

    /// Asks the disk thread for what comes next of a download. When there is nothing left to ask for
    /// and nothing on its way, the download is over.
    fn read_on(&mut self, at: TransferKey) {
        let Some(connection) = self.connections.get_mut(at.connection) else { return };
        let Some(download) = connection.transfers.downloads.get_mut(&at.transfer) else { return };
        let (offset, left) = (download.next_ask, download.item.size - download.next_ask);
        if left > 0 {
            let extent = self.extents.take(!connection.send_queue.is_narrow());
            let frame_bytes = connection.send_queue.frame_bytes();
            let bytes = left.min(extent.file_bytes_max(frame_bytes) as u64) as usize;
            download.next_ask += bytes as u64;
            download.in_flight += 1;
            let read = Request::Read { download: at, offset, bytes, frame_bytes, extent };
            self.disk.push_back(read);
        } else if download.in_flight == 0 {
            connection.transfers.downloads.remove(&at.transfer);
            self.disk.push_back(Request::Close { download: at });
        }
    }

    pub(super) fn download_read(&mut self, at: TransferKey, extent: Extent) {
        if self.download(at).is_none() {
            return self.give_extent(extent);
        }
        if let Some(connection) = self.connections.get_mut(at.connection) {
            connection.send_queue.push_data(at.transfer, extent);
            self.connections.mark_dirty(at.connection);
        }
    }

    /// Has the extents filled again that have been sent.
    pub(super) fn refill_downloads(&mut self, token: Token) {
        while let Some((transfer, extent)) =
            self.connections.get_mut(token).and_then(|connection| connection.send_queue.pop_spent())
        {
            let at = key(token, transfer);
            let Some(download) = self.download(at) else {
                self.give_extent(extent);
                continue;
            };
            download.in_flight -= 1;
            self.give_extent(extent);
            self.read_on(at);
        }
    }

    /// Keeps an extent for its next use, or frees it when no transfer runs: a pipe takes descriptors.
    pub(super) fn give_extent(&mut self, extent: Extent) {
        if self.slots.taken() > 0 {
            self.extents.give(extent);
        }
    }

    fn download(&mut self, at: TransferKey) -> Option<&mut Download> {
        self.connections.get_mut(at.connection)?.transfers.downloads.get_mut(&at.transfer)
    }
}
