//! Uploads and downloads as state machines (PROTOCOL.md, "Uploading", "Downloading"), and the
//! queue of those beyond the server's limit. Asks for file content; never touches a file.

mod downloads;
mod uploads;

use std::collections::{BTreeMap, VecDeque};

use chatshelf_common::id::{Digest, ItemId, TransferId};
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::{Cancel, DownloadRequest, Item, Refused, UploadOffer};

use super::event::{
    BLOCKS_IN_FLIGHT_MAX, CommandError, Direction, FileReply, FileRequest, Outcome, SessionEvent,
    Stage, TransferStatus,
};
use super::outgoing::Outgoing;

/// Blocks kept for reuse.
const SPARE_BLOCKS_MAX: usize = 4;

/// Everything that is being moved, or waits to be.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    /// The number given last; every one up to it was used.
    last: u32,
    /// Sent to the server, and not over.
    active: BTreeMap<TransferId, Transfer>,
    /// Not yet sent, in the order of their numbers.
    queue: VecDeque<(TransferId, Transfer)>,
    pub(super) requests: VecDeque<FileRequest>,
    spare: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Transfer {
    Up(Upload),
    Down(Download),
}

#[derive(Debug)]
struct Upload {
    name: FileName,
    size: u64,
    state: UploadState,
    /// Bytes asked of the file keeper, given by it and sent: `sent <= given <= asked <= size`.
    asked: u64,
    given: u64,
    sent: u64,
    /// Blocks asked for or not wholly sent.
    blocks: u8,
    digest: Option<Digest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UploadState {
    Offered,
    Sending,
    Done,
}

#[derive(Debug)]
struct Download {
    id: ItemId,
    /// As the shelf showed it, and from `DownloadReady` on as the server sends it.
    item: Option<Item>,
    state: DownloadState,
    received: u64,
    /// Bytes not yet handed on; shorter than a block.
    block: Vec<u8>,
    /// Blocks handed on and not yet written.
    blocks: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DownloadState {
    Asked,
    Receiving,
    Hashing,
    Keeping,
}

type Step = Result<Option<SessionEvent>, &'static str>;

impl Transfers {
    /// Queues an upload.
    pub(super) fn upload(&mut self, name: FileName, size: u64) -> TransferId {
        self.queue_up(Transfer::Up(Upload {
            name,
            size,
            state: UploadState::Offered,
            asked: 0,
            given: 0,
            sent: 0,
            blocks: 0,
            digest: None,
        }))
    }

    /// Queues a download; `item` is what the shelf says of it.
    pub(super) fn download(&mut self, id: ItemId, item: Option<Item>) -> TransferId {
        self.queue_up(Transfer::Down(Download {
            id,
            item,
            state: DownloadState::Asked,
            received: 0,
            block: Vec::new(),
            blocks: 0,
        }))
    }

    fn queue_up(&mut self, transfer: Transfer) -> TransferId {
        self.last = self.last.saturating_add(1);
        let id = TransferId(self.last);
        self.queue.push_back((id, transfer));
        id
    }

    /// Sends what is queued while fewer than `max` run.
    pub(super) fn start(&mut self, max: u32, out: &mut Outgoing) -> Vec<SessionEvent> {
        let mut started = Vec::new();
        while self.active.len() < max as usize
            && let Some((id, transfer)) = self.queue.pop_front()
        {
            match &transfer {
                Transfer::Up(up) => {
                    let name = up.name.clone();
                    out.control(&UploadOffer { transfer: id, name, size: up.size });
                }
                Transfer::Down(down) => {
                    out.control(&DownloadRequest { transfer: id, item: down.id, offset: None });
                }
            }
            started.push(SessionEvent::TransferStarted(transfer.status(id, false)));
            self.active.insert(id, transfer);
        }
        started
    }

    /// All transfers, running and queued, by number.
    pub(super) fn statuses(&self) -> impl Iterator<Item = TransferStatus> {
        let active = self.active.iter().map(|(id, transfer)| transfer.status(*id, false));
        active.chain(self.queue.iter().map(|(id, transfer)| transfer.status(*id, true)))
    }

    pub(super) fn count(&self) -> usize {
        self.active.len() + self.queue.len()
    }

    /// False while a download waits for the file keeper: then no more may be received.
    pub(super) fn wants_input(&self) -> bool {
        !self.active.values().any(|transfer| match transfer {
            Transfer::Down(down) => down.blocks >= BLOCKS_IN_FLIGHT_MAX,
            Transfer::Up(_) => false,
        })
    }

    /// Ends a transfer from our side.
    pub(super) fn cancel(
        &mut self,
        id: TransferId,
        out: &mut Outgoing,
    ) -> Result<SessionEvent, CommandError> {
        if let Some(place) = self.queue.iter().position(|(queued, _)| *queued == id) {
            let (_, transfer) = self.queue.remove(place).ok_or(CommandError::NoSuchTransfer)?;
            return Ok(SessionEvent::TransferEnded(transfer.status(id, true), Outcome::Cancelled));
        }
        match self.active.get(&id) {
            None => Err(CommandError::NoSuchTransfer),
            Some(transfer) if transfer.is_past_cancelling() => Err(CommandError::TooLate),
            Some(_) => self.end(id, Outcome::Cancelled, out).ok_or(CommandError::NoSuchTransfer),
        }
    }

    /// Ends everything at once, without a word to the server: the membership ends.
    pub(super) fn abandon(&mut self, out: &mut Outgoing) -> Vec<SessionEvent> {
        let mut ended = Vec::new();
        while let Some((id, transfer)) = self.queue.pop_front() {
            let status = transfer.status(id, true);
            ended.push(SessionEvent::TransferEnded(status, Outcome::Cancelled));
        }
        let ids: Vec<TransferId> = self.active.keys().copied().collect();
        ended.extend(ids.into_iter().filter_map(|id| self.remove(id, Outcome::Cancelled, out)));
        ended
    }

    /// Ends an active transfer, telling the server unless all bytes have passed.
    fn end(&mut self, id: TransferId, why: Outcome, out: &mut Outgoing) -> Option<SessionEvent> {
        if !self.active.get(&id)?.has_passed() {
            out.control(&Cancel { transfer: id });
        }
        self.remove(id, why, out)
    }

    /// Forgets an active transfer and has its file discarded.
    fn remove(&mut self, id: TransferId, why: Outcome, out: &mut Outgoing) -> Option<SessionEvent> {
        let transfer = self.active.remove(&id)?;
        out.forget(id);
        self.requests.push_back(FileRequest::Discard { transfer: id });
        Some(SessionEvent::TransferEnded(transfer.status(id, false), why))
    }

    /// The transfer a frame is about: `None` if it is over, an error if it never was.
    fn find(&mut self, id: TransferId) -> Result<Option<&mut Transfer>, &'static str> {
        let queued = self.queue.front().is_some_and(|(first, _)| *first <= id);
        if id.0 == 0 || id.0 > self.last || queued {
            return Err("a transfer that was never asked for");
        }
        Ok(self.active.get_mut(&id))
    }

    /// `Refused` with a transfer: it is over.
    pub(super) fn refused(&mut self, refused: Refused, id: TransferId, out: &mut Outgoing) -> Step {
        match self.find(id)? {
            None => Ok(None),
            // All is here, and the server has no say any more.
            Some(transfer @ Transfer::Down(_)) if transfer.has_passed() => Ok(None),
            Some(_) => Ok(self.remove(id, Outcome::Refused(refused), out)),
        }
    }

    /// What the file keeper answers. An answer for a transfer that is over changes nothing.
    pub(super) fn file_reply(
        &mut self,
        reply: FileReply,
        out: &mut Outgoing,
    ) -> Option<SessionEvent> {
        match reply {
            FileReply::Block { transfer, block } => self.block(transfer, block, out),
            FileReply::Written { transfer, buffer } => {
                self.keep_spare(buffer);
                if let Some(Transfer::Down(down)) = self.active.get_mut(&transfer) {
                    down.blocks = down.blocks.saturating_sub(1);
                }
                None
            }
            FileReply::Hashed { transfer, digest } => self.hashed(transfer, digest, out),
            FileReply::Kept { transfer } => {
                let status = self.active.remove(&transfer)?.status(transfer, false);
                Some(SessionEvent::TransferEnded(status, Outcome::Downloaded))
            }
            FileReply::Failed { transfer, why } => self.end(transfer, Outcome::Failed(why), out),
        }
    }

    /// The file's digest is known: an upload tells it, a download is held against it.
    fn hashed(
        &mut self,
        id: TransferId,
        digest: Digest,
        out: &mut Outgoing,
    ) -> Option<SessionEvent> {
        match self.active.get_mut(&id)? {
            Transfer::Up(up) => {
                up.digest = Some(digest);
                self.finish_upload(id, out);
                None
            }
            Transfer::Down(down)
                if down.item.as_ref().is_some_and(|item| item.digest == digest) =>
            {
                down.state = DownloadState::Keeping;
                self.requests.push_back(FileRequest::Keep { transfer: id });
                None
            }
            Transfer::Down(_) => self.remove(id, Outcome::DigestMismatch, out),
        }
    }

    fn keep_spare(&mut self, mut block: Vec<u8>) {
        if self.spare.len() < SPARE_BLOCKS_MAX && block.capacity() > 0 {
            block.clear();
            self.spare.push(block);
        }
    }

    /// Gives the spare blocks' memory back while nothing moves.
    pub(super) fn trim(&mut self) {
        if self.count() == 0 {
            self.spare = Vec::new();
        }
    }
}

impl Transfer {
    /// True when the server has nothing more to send or take: a `Cancel` would mean nothing.
    fn has_passed(&self) -> bool {
        match self {
            Self::Up(up) => up.state == UploadState::Done,
            Self::Down(down) => {
                matches!(down.state, DownloadState::Hashing | DownloadState::Keeping)
            }
        }
    }

    fn is_past_cancelling(&self) -> bool {
        match self {
            Self::Up(up) => up.state == UploadState::Done,
            Self::Down(down) => down.state == DownloadState::Keeping,
        }
    }

    fn status(&self, transfer: TransferId, queued: bool) -> TransferStatus {
        let (direction, name, size, moved, stage) = match self {
            Self::Up(up) => {
                let stage = match up.state {
                    UploadState::Offered => Stage::Asked,
                    UploadState::Sending if up.sent < up.size => Stage::Moving,
                    UploadState::Sending | UploadState::Done => Stage::Verifying,
                };
                (Direction::Upload, Some(up.name.clone()), Some(up.size), up.sent, stage)
            }
            Self::Down(down) => {
                let stage = match down.state {
                    DownloadState::Asked => Stage::Asked,
                    DownloadState::Receiving => Stage::Moving,
                    DownloadState::Hashing | DownloadState::Keeping => Stage::Verifying,
                };
                let item = down.item.as_ref();
                let name = item.map(|item| item.name.clone());
                let size = item.map(|item| item.size);
                (Direction::Download, name, size, down.received, stage)
            }
        };
        let stage = if queued { Stage::Queued } else { stage };
        TransferStatus { transfer, direction, name, size, moved, stage }
    }
}
