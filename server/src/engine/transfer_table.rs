//! The transfer table: which uploads and downloads run, for whom, how far each has progressed, and
//! the resources they use: slots, blocks, extents.
//!
//! Owns all of these, queues requests for the disk thread, and never answers a client: what an
//! outcome means on the wire is in `transfers`, `uploads` and `downloads`.

mod download;
mod member;
mod pace;
mod slots;
mod upload;

use std::collections::HashMap;

use chatshelf_common::id::{Attributes, TransferId, UnixMillis};
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::Item;

use super::deadlines::{Due, Look};
use super::disk_queue::DiskQueue;
use super::limits::{MEMBER_TRANSFERS_MAX, TRANSFERS_MAX};
use super::origin::Origin;
use crate::disk::block::{Block, BlockPool};
use crate::disk::readahead::{Extent, ExtentPool};
use crate::disk::{Request, TransferKey};
use crate::token::Token;
use download::Download;
pub(super) use download::Part;
use member::Member;
use slots::{Asker, Slots};
use upload::Upload;

pub(super) use slots::Way;

/// All transfers.
///
/// Invariants: a running transfer has a slot, and so has one that the disk thread still holds. A
/// connection runs at most [`MEMBER_TRANSFERS_MAX`] transfers, all together [`TRANSFERS_MAX`].
#[derive(Debug, Default)]
pub(super) struct TransferTable {
    /// The transfers of each connection that has ever begun one, until it ends.
    members: HashMap<Token, Member>,
    slots: Slots,
    blocks: BlockPool,
    extents: ExtentPool,
}

/// What is known about an offered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileInfo {
    pub(super) name: FileName,
    /// In bytes.
    pub(super) size: u64,
    /// The attributes that the item will have.
    pub(super) attributes: Attributes,
}

/// How a frame about an upload is received.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received<R> {
    /// It is accepted.
    Taken(R),
    /// It is too late: the upload has ended, which the client may not know yet.
    Late,
    /// It is not allowed now.
    Unexpected,
}

/// What happens to the content of an upload that ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It can be resumed for some time from this moment.
    Kept {
        at: UnixMillis,
    },
    Discarded,
}

/// The result of the client's announcement that everything was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finished {
    /// It is complete and will be published.
    Whole(FileInfo),
    /// Bytes are missing.
    Short,
}

impl TransferTable {
    /// Lets downloads be sent from this many open files at once.
    pub(super) fn allow_windows(&mut self, windows_max: usize) {
        self.extents.allow_windows(windows_max);
    }

    /// Accepts a number for a new transfer; returns false if it is not higher than all before it.
    pub(super) fn accept_number(&mut self, at: TransferKey) -> bool {
        let member = self.members.entry(at.connection).or_default();
        let is_higher = member.last.is_none_or(|last| last < at.transfer);
        if is_higher {
            member.last = Some(at.transfer);
        }
        is_higher
    }

    /// Returns the number of the next transfer of a connection that does not number them itself.
    pub(super) fn take_number(&mut self, connection: Token) -> TransferId {
        self.members.entry(connection).or_default().take_number()
    }

    /// Begins an upload whose number was accepted.
    ///
    /// # Errors
    /// Returns the limit, if that many transfers are running.
    pub(super) fn begin_upload(
        &mut self,
        at: TransferKey,
        origin: Origin,
        file: FileInfo,
        now_ms: u64,
    ) -> Result<(), usize> {
        let member = self.admit(at, origin, Way::Up, now_ms)?;
        let before = member.uploads.insert(at.transfer, Upload::new(file, now_ms));
        debug_assert!(before.is_none());
        Ok(())
    }

    /// Begins a download of a part of an item.
    ///
    /// # Errors
    /// As [`Self::begin_upload`].
    pub(super) fn begin_download(
        &mut self,
        at: TransferKey,
        origin: Origin,
        part: Part,
        now_ms: u64,
    ) -> Result<(), usize> {
        let member = self.admit(at, origin, Way::Down, now_ms)?;
        let before = member.downloads.insert(at.transfer, Download::new(part, now_ms));
        debug_assert!(before.is_none());
        Ok(())
    }

    fn admit(
        &mut self,
        at: TransferKey,
        origin: Origin,
        way: Way,
        now_ms: u64,
    ) -> Result<&mut Member, usize> {
        let member = self.members.entry(at.connection).or_default();
        debug_assert!(member.has_number(at.transfer), "its number was accepted");
        let running = member.running();
        let asker = Asker { connection: at.connection, origin, running };
        // Its number may be that of a visit which the disk thread still holds.
        let is_held = self.slots.has(at).then_some(MEMBER_TRANSFERS_MAX);
        if let Some(limit) = self.slots.limit_reached(asker, way).or(is_held) {
            return Err(limit);
        }
        debug_assert!(running < MEMBER_TRANSFERS_MAX && self.slots.taken() < TRANSFERS_MAX);
        if running == 0 {
            member.pace.begin(now_ms);
        }
        self.slots.take(at, origin, way);
        Ok(member)
    }

    /// Returns the direction of a transfer, if it is running.
    pub(super) fn way(&self, at: TransferKey) -> Option<Way> {
        let member = self.members.get(&at.connection)?;
        let is_down = member.downloads.contains_key(&at.transfer);
        if is_down {
            return Some(Way::Down);
        }
        member.uploads.contains_key(&at.transfer).then_some(Way::Up)
    }

    /// Returns true for an upload that has arrived completely and is being verified.
    pub(super) fn is_publishing(&self, at: TransferKey) -> bool {
        let member = self.members.get(&at.connection);
        let upload = member.and_then(|member| member.uploads.get(&at.transfer));
        upload.is_some_and(Upload::is_publishing)
    }

    /// Notes that an upload's file exists and holds `offset` bytes. Returns false if the upload has
    /// ended.
    pub(super) fn note_created(&mut self, at: TransferKey, offset: u64, now_ms: u64) -> bool {
        let member = self.members.get_mut(&at.connection);
        let upload = member.and_then(|member| member.uploads.get_mut(&at.transfer));
        upload.map(|upload| upload.begin(offset, now_ms)).is_some()
    }

    /// Receives file bytes, which must be the next ones of an upload whose client may send.
    pub(super) fn receive(
        &mut self,
        at: TransferKey,
        offset: u64,
        bytes: &[u8],
        now_ms: u64,
        disk: &mut DiskQueue,
    ) -> Received<()> {
        let Some(member) = self.members.get_mut(&at.connection) else {
            return Received::Unexpected;
        };
        let Some(upload) = member.uploads.get_mut(&at.transfer) else {
            return member.missing(at.transfer);
        };
        if !upload.expects(offset, bytes.len()) {
            return Received::Unexpected;
        }
        member.pace.add(bytes.len() as u64);
        upload.receive(at, bytes, now_ms, &mut self.blocks, disk);
        Received::Taken(())
    }

    /// Returns the upload of a connection that has one at a time, and the offset of its next byte.
    pub(super) fn incoming(&self, connection: Token) -> Option<(TransferId, u64)> {
        let uploads = &self.members.get(&connection)?.uploads;
        debug_assert!(uploads.len() <= 1);
        uploads.iter().next().map(|(transfer, upload)| (*transfer, upload.received()))
    }

    /// Handles the client's announcement that everything was sent.
    pub(super) fn finish(&mut self, at: TransferKey, disk: &mut DiskQueue) -> Received<Finished> {
        let Some(member) = self.members.get_mut(&at.connection) else {
            return Received::Unexpected;
        };
        let Some(upload) = member.uploads.get_mut(&at.transfer) else {
            return member.missing(at.transfer);
        };
        if !upload.is_receiving() {
            return Received::Unexpected;
        }
        let is_whole = upload.is_whole();
        Received::Taken(match is_whole {
            true => Finished::Whole(upload.finish(at, disk)),
            false => Finished::Short,
        })
    }

    /// Takes back a written block. Returns false if its upload has ended. The connection was not
    /// read in the meantime, so none of its uploads counts as stalled.
    pub(super) fn note_written(&mut self, at: TransferKey, block: Block, now_ms: u64) -> bool {
        self.blocks.give(block);
        let Some(member) = self.members.get_mut(&at.connection) else { return false };
        let Some(upload) = member.uploads.get_mut(&at.transfer) else { return false };
        upload.note_written();
        member.uploads.values_mut().for_each(|upload| upload.forgive(now_ms));
        true
    }

    /// Takes back a block that the disk thread could not write.
    pub(super) fn give_block(&mut self, block: Block) {
        self.blocks.give(block);
    }

    /// Returns the item of a download, and the offset of the next byte to request.
    pub(super) fn downloaded(&self, at: TransferKey) -> Option<(&Item, u64)> {
        self.members.get(&at.connection)?.downloads.get(&at.transfer).map(Download::item)
    }

    /// Asks the disk thread for more of a download, in pieces of up to `frame_bytes` file bytes.
    /// If nothing is left to request and nothing is on its way, the download is over, and this
    /// returns true.
    pub(super) fn read_on(
        &mut self,
        at: TransferKey,
        frame_bytes: usize,
        is_window: bool,
        disk: &mut DiskQueue,
    ) -> bool {
        let Some(member) = self.members.get_mut(&at.connection) else { return false };
        let Some(download) = member.downloads.get_mut(&at.transfer) else { return false };
        let (left, is_over) = (download.left(), download.is_over());
        if left > 0 {
            let extent = self.extents.take(is_window);
            let frame_bytes = frame_bytes.min(extent.frame_bytes_max());
            let bytes = left.min(extent.file_bytes_max(frame_bytes) as u64);
            let offset = download.ask(bytes);
            let bytes = bytes as usize;
            let framing = download.framing(frame_bytes);
            disk.push(Request::Read { download: at, offset, bytes, framing, extent });
        } else if is_over {
            member.downloads.remove(&at.transfer);
            disk.push(Request::Close { download: at });
        }
        is_over
    }

    /// Takes back an extent that was sent or given up. Returns false if its download has ended.
    pub(super) fn note_sent(
        &mut self,
        at: TransferKey,
        extent: Extent,
        disk: &mut DiskQueue,
    ) -> bool {
        self.give_extent(extent, disk);
        let member = self.members.get_mut(&at.connection);
        let download = member.and_then(|member| member.downloads.get_mut(&at.transfer));
        download.map(Download::note_sent).is_some()
    }

    /// Keeps an extent for reuse, or frees it if no transfer is running. A file is closed by the
    /// disk thread: if it has been dropped, that may take a while.
    pub(super) fn give_extent(&mut self, extent: Extent, disk: &mut DiskQueue) {
        if extent.has_file() {
            disk.push(Request::Release { extent });
        } else if self.slots.taken() > 0 {
            self.extents.give(extent);
        }
    }

    /// Ends a transfer and frees its resources; `fate` says whether the disk thread keeps an
    /// upload's content. Returns the direction, if the transfer was running. An upload that is
    /// being published is not affected: the disk thread has finished with it by the time the
    /// request arrives.
    pub(super) fn forget(
        &mut self,
        at: TransferKey,
        fate: Fate,
        disk: &mut DiskQueue,
    ) -> Option<Way> {
        let member = self.members.get_mut(&at.connection)?;
        if let Some(mut upload) = member.uploads.remove(&at.transfer) {
            upload.check();
            match fate {
                Fate::Kept { at: now } => {
                    upload.send_block(at, disk);
                    disk.push(Request::Suspend { upload: at, at: now });
                }
                Fate::Discarded => disk.push(Request::Discard { upload: at }),
            }
            if let Some(block) = upload.into_block() {
                self.blocks.give(block);
            }
            return Some(Way::Up);
        }
        member.downloads.remove(&at.transfer)?.check();
        disk.push(Request::Close { download: at });
        Some(Way::Down)
    }

    /// Returns about how many bytes may be sent to one connection in a turn.
    #[inline] // Called in each flush.
    pub(super) fn write_budget(&self) -> usize {
        self.slots.write_budget()
    }

    /// Returns the running transfers of a connection: uploads, then downloads.
    pub(super) fn running(&self, connection: Token) -> Vec<TransferId> {
        let Some(member) = self.members.get(&connection) else { return Vec::new() };
        member.uploads.keys().chain(member.downloads.keys()).copied().collect()
    }

    /// Returns how many bytes of uploads from an address are still to come, over those connections.
    pub(super) fn expected(&self, origin: Origin, is_meant: impl Fn(Token) -> bool) -> u64 {
        let uploads = self.slots.uploads_from(origin).filter(|it| is_meant(it.connection));
        let upload = |at: TransferKey| self.members.get(&at.connection)?.uploads.get(&at.transfer);
        uploads.filter_map(upload).map(Upload::left).fold(0, u64::saturating_add)
    }

    /// Forgets a connection that is ending and whose transfers have ended.
    pub(super) fn forget_member(&mut self, connection: Token) {
        let member = self.members.remove(&connection);
        debug_assert!(member.is_none_or(|member| member.running() == 0));
        // A whole crowd may have moved files at once.
        if self.members.len() * 4 < self.members.capacity() {
            self.members.shrink_to_fit();
        }
    }

    /// Notes that the disk thread has released a transfer. The last one frees extents and blocks.
    pub(super) fn note_ended(&mut self, at: TransferKey) {
        self.slots.free(at);
        if self.slots.taken() == 0 {
            self.extents.clear();
            self.blocks.clear();
        }
    }

    /// Returns true while one of the connection's uploads has its full share of blocks at the disk
    /// thread.
    pub(super) fn hold_back(&self, connection: Token) -> bool {
        let member = self.members.get(&connection);
        member.is_some_and(|member| member.uploads.values().any(Upload::holds_back))
    }

    /// Returns what is due for a connection's transfers.
    pub(super) fn due(&self, connection: Token, look: &mut Look, upload_ms: u64) -> Option<Due> {
        self.members.get(&connection)?.due(look, upload_ms)
    }

    /// Returns the transfers of a connection that must end because slots are scarce and they move
    /// too few bytes, newest first. `sent` is the number of download bytes sent since the last
    /// call; `has_data` tells which downloads have data queued.
    pub(super) fn judge(
        &mut self,
        connection: Token,
        sent: u64,
        has_data: impl Fn(TransferId) -> bool,
        now_ms: u64,
    ) -> Vec<TransferId> {
        let Some(member) = self.members.get_mut(&connection) else { return Vec::new() };
        let slow = member.slow(sent, has_data, now_ms).into_iter().rev();
        slow.filter(|(_, way)| self.slots.are_scarce(*way)).map(|(transfer, _)| transfer).collect()
    }

    /// Returns the number of slots taken.
    pub(super) fn slots_taken(&self) -> usize {
        self.slots.taken()
    }

    /// Returns the number of blocks and extents held here: those being filled, and spare ones.
    pub(super) fn blocks(&self) -> usize {
        let uploads = self.members.values().flat_map(|member| member.uploads.values());
        let filling = uploads.filter(|upload| upload.has_block()).count();
        filling + self.blocks.spare() + self.extents.spare()
    }

    /// Returns the bytes of the table itself.
    pub(super) fn table_bytes(&self) -> usize {
        self.members.capacity() * size_of::<(Token, Member)>()
    }

    /// Checks the invariants; every connection with transfers must be a member's or a visitor's.
    /// For tests.
    ///
    /// # Panics
    /// If one is broken.
    pub(super) fn assert_sound(&self, may_transfer: impl Fn(Token) -> bool) {
        let mut running = 0;
        for (&connection, member) in &self.members {
            assert!(may_transfer(connection), "{connection:?} is gone");
            assert!(member.running() <= MEMBER_TRANSFERS_MAX);
            running += member.running();
            member.uploads.values().for_each(Upload::check);
            member.downloads.values().for_each(Download::check);
            let numbers = member.uploads.keys().chain(member.downloads.keys());
            for &transfer in numbers {
                assert!(member.has_number(transfer));
                assert!(self.slots.has(TransferKey { connection, transfer }));
            }
        }
        // The disk thread may still hold some that have ended.
        assert!(running <= self.slots.taken() && self.slots.taken() <= TRANSFERS_MAX);
        assert!(self.slots.taken() > 0 || self.extents.spare() == 0, "extents are left");
    }
}

#[cfg(test)]
mod tests;
