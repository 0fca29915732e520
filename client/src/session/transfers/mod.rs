//! Uploads and downloads as state machines (PROTOCOL.md, "Uploading", "Downloading"), and the
//! queue of those beyond the server's limit. Asks for file content; never touches a file.
//!
//! A transfer outlives its connection: when that breaks it goes back to the queue (`carry_over`),
//! and is asked for again, under another number on the wire, by the next.

mod carry_over;
mod downloads;
mod uploads;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use chatshelf_common::id::{Digest, ItemId, TransferId};
use chatshelf_common::wire::frame::{Cancel, Refused};

use super::event::{CommandError, Outcome, SessionEvent, Stage, TransferHandle, TransferStatus};
use super::file::{FileReply, FileRequest};
use super::outgoing::Outgoing;
use downloads::Download;
use uploads::Upload;

/// In place of a number on the wire, of a transfer that was never asked for.
const NEVER_ASKED: TransferId = TransferId(0);
/// Blocks kept for reuse.
const SPARE_BLOCKS_MAX: usize = 4;

/// Everything that is being moved, or waits to be.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    /// The handle given last.
    last: u32,
    /// The number on the wire given last, and the last that an earlier connection gave.
    last_number: u32,
    last_number_before: u32,
    /// What the numbers of this connection mean, of transfers that are not over.
    numbers: BTreeMap<TransferId, TransferHandle>,
    /// Sent to the server, and not over.
    active: BTreeMap<TransferHandle, Transfer>,
    /// To be sent, in this order.
    queue: VecDeque<(TransferHandle, Transfer)>,
    /// Why the server is offered no uploads for now.
    held: Option<Hold>,
    requests: VecDeque<FileRequest>,
    spare: Vec<Vec<u8>>,
    /// The newest item that the shelf was seen to hold.
    newest_item: Option<ItemId>,
    /// Items that are known to be our uploads.
    own_items: BTreeSet<ItemId>,
}

/// The server takes no more uploads before this moment, and has said why.
#[derive(Debug)]
struct Hold {
    until: Instant,
    refused: Refused,
}

#[derive(Debug)]
enum Transfer {
    Up(Upload),
    Down(Download),
}

type Step = Result<Option<SessionEvent>, &'static str>;

impl Transfers {
    fn queue_up(&mut self, transfer: Transfer) -> TransferHandle {
        self.last = self.last.saturating_add(1);
        let handle = TransferHandle(self.last);
        self.queue.push_back((handle, transfer));
        handle
    }

    /// Sends what is queued while fewer than `max` run.
    pub(super) fn start(
        &mut self,
        max: u32,
        now: Instant,
        out: &mut Outgoing,
    ) -> Vec<SessionEvent> {
        let mut started = Vec::new();
        self.held.take_if(|held| held.until <= now);
        let may_offer = self.held.is_none();
        let may_start = |transfer: &Transfer| may_offer || matches!(transfer, Transfer::Down(_));
        while self.active.len() < max as usize
            && let Some(next) = self.queue.iter().position(|(_, transfer)| may_start(transfer))
            && let Some((handle, transfer)) = self.queue.remove(next)
        {
            if !transfer.has_begun() {
                started.push(SessionEvent::TransferStarted(transfer.status(handle, false)));
            }
            self.active.insert(handle, transfer);
            self.ask(handle, out);
        }
        started
    }

    /// When uploads that wait may be offered.
    pub(super) fn offers_from(&self) -> Option<Instant> {
        self.held_uploads().next().and(self.held.as_ref()).map(|held| held.until)
    }

    fn held_uploads(&self) -> impl Iterator<Item = TransferHandle> {
        let queued = self.queue.iter().filter(|_| self.held.is_some());
        queued.filter(|(_, it)| matches!(it, Transfer::Up(_))).map(|(handle, _)| *handle)
    }

    /// That an upload waits until the server takes more, if it does.
    pub(super) fn tell_held(&self, handle: TransferHandle) -> Option<SessionEvent> {
        let held = self.held.as_ref()?;
        let status = self.statuses().find(|it| it.transfer == handle)?;
        let is_held = matches!(status.stage, Stage::Held { .. });
        is_held.then(|| SessionEvent::TransferHeld(status, held.refused.clone()))
    }

    /// Ends the uploads that wait until the server takes more, for the reason that it gave.
    pub(super) fn give_up_held(&mut self, out: &mut Outgoing) -> Vec<SessionEvent> {
        let handles: Vec<TransferHandle> = self.held_uploads().collect();
        let Some(why) = self.held.as_ref().map(|it| it.refused.clone()) else { return Vec::new() };
        let ended = |handle| self.remove(handle, Outcome::Refused(why.clone()), out);
        handles.into_iter().filter_map(ended).collect()
    }

    /// Asks the server for a transfer, under a new number.
    fn ask(&mut self, handle: TransferHandle, out: &mut Outgoing) {
        let Some(transfer) = self.active.get_mut(&handle) else { return };
        self.last_number = self.last_number.saturating_add(1);
        let number = TransferId(self.last_number);
        self.numbers.insert(number, handle);
        match transfer {
            Transfer::Up(up) => up.offer(number, out),
            Transfer::Down(down) => down.ask(number, out),
        }
    }

    /// The next request to the file keeper.
    pub(super) fn poll_request(&mut self) -> Option<FileRequest> {
        self.requests.pop_front()
    }

    /// All transfers, running and queued.
    pub(super) fn statuses(&self) -> impl Iterator<Item = TransferStatus> {
        let active = self.active.iter().map(|(handle, transfer)| transfer.status(*handle, false));
        active.chain(self.queue.iter().map(|(handle, transfer)| {
            let status = transfer.status(*handle, true);
            match (&self.held, transfer) {
                (Some(held), Transfer::Up(_)) => {
                    TransferStatus { stage: Stage::Held { until: held.until }, ..status }
                }
                _ => status,
            }
        }))
    }

    pub(super) fn count(&self) -> usize {
        self.active.len() + self.queue.len()
    }

    /// True while one is asked for, or moves. A download that is whole needs no server.
    pub(super) fn need_connection(&self) -> bool {
        let is_whole = |it: &Transfer| matches!(it, Transfer::Down(_)) && it.has_passed();
        !self.active.values().all(is_whole)
    }

    /// Those that wait to be asked for.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// False while a download waits for the file keeper: then no more may be received.
    pub(super) fn wants_input(&self) -> bool {
        !self.active.values().any(|transfer| match transfer {
            Transfer::Down(down) => down.is_full(),
            Transfer::Up(_) => false,
        })
    }

    /// Ends a transfer from our side.
    pub(super) fn cancel(
        &mut self,
        handle: TransferHandle,
        out: &mut Outgoing,
    ) -> Result<SessionEvent, CommandError> {
        match self.get_mut(handle) {
            Some(transfer) if transfer.is_past_cancelling() => Err(CommandError::TooLate),
            _ => self.end(handle, Outcome::Cancelled, out).ok_or(CommandError::NoSuchTransfer),
        }
    }

    /// Ends everything at once, without a word to the server: the session ends. What another
    /// session can resume is kept.
    pub(super) fn abandon(&mut self, out: &mut Outgoing) -> Vec<SessionEvent> {
        let mut handles: Vec<TransferHandle> = self.active.keys().copied().collect();
        handles.extend(self.queue.iter().map(|(handle, _)| *handle));
        let interrupted = handles.into_iter();
        interrupted.filter_map(|handle| self.remove(handle, Outcome::Interrupted, out)).collect()
    }

    /// Ends a transfer, telling the server unless it has not asked or all bytes have passed.
    fn end(
        &mut self,
        handle: TransferHandle,
        why: Outcome,
        out: &mut Outgoing,
    ) -> Option<SessionEvent> {
        if let Some(transfer) = self.active.get(&handle)
            && !transfer.has_passed()
        {
            out.control(&Cancel { transfer: transfer.number() });
        }
        self.remove(handle, why, out)
    }

    /// Forgets a transfer, and has its file discarded or suspended.
    fn remove(
        &mut self,
        handle: TransferHandle,
        why: Outcome,
        out: &mut Outgoing,
    ) -> Option<SessionEvent> {
        let (transfer, queued) = match self.active.remove(&handle) {
            Some(transfer) => (transfer, false),
            None => {
                let place = self.queue.iter().position(|(queued, _)| *queued == handle)?;
                (self.queue.remove(place)?.1, true)
            }
        };
        out.forget(transfer.number());
        self.numbers.remove(&transfer.number());
        let status = transfer.status(handle, queued);
        if why.is_resumable() {
            if let Transfer::Down(down) = transfer {
                self.requests.extend(down.into_rest(handle));
            }
            self.requests.push_back(FileRequest::Suspend { transfer: handle });
        } else {
            self.requests.push_back(FileRequest::Discard { transfer: handle });
        }
        Some(SessionEvent::TransferEnded(status, why))
    }

    fn get_mut(&mut self, handle: TransferHandle) -> Option<&mut Transfer> {
        let queued = self.queue.iter_mut().find(|(queued, _)| *queued == handle);
        self.active.get_mut(&handle).or(queued.map(|(_, transfer)| transfer))
    }

    /// The transfer a frame is about: `None` if it is over, an error if it never was.
    fn find(&self, number: TransferId) -> Result<Option<TransferHandle>, &'static str> {
        if number.0 <= self.last_number_before || number.0 > self.last_number {
            return Err("a transfer that was never asked for");
        }
        Ok(self.numbers.get(&number).copied())
    }

    /// `Refused` with a transfer: it is over, or, if it may be tried again, waits for that at the
    /// front of the queue.
    pub(super) fn refused(
        &mut self,
        refused: Refused,
        number: TransferId,
        now: Instant,
        out: &mut Outgoing,
    ) -> Step {
        let Some(handle) = self.find(number)? else { return Ok(None) };
        if let Some(retry_ms) = refused.retry_ms
            && let Some(Transfer::Up(up)) = self.active.get_mut(&handle)
            && up.is_only_offered()
            && let Some(transfer) = self.active.remove(&handle)
        {
            self.numbers.remove(&number);
            let until = now + Duration::from_millis(retry_ms.into());
            if self.held.as_ref().is_none_or(|held| held.until < until) {
                self.held = Some(Hold { until, refused });
            }
            self.queue.push_front((handle, transfer));
            return Ok(self.tell_held(handle));
        }
        match self.active.get(&handle) {
            // All is here, and the server has no say any more.
            Some(transfer @ Transfer::Down(_)) if transfer.has_passed() => Ok(None),
            Some(Transfer::Down(down)) if down.is_beyond(&refused) => {
                Ok(self.remove(handle, downloads::another_file(), out))
            }
            _ => Ok(self.remove(handle, Outcome::Refused(refused), out)),
        }
    }

    /// What the file keeper answers. An answer for a transfer that is over changes nothing.
    pub(super) fn file_reply(
        &mut self,
        reply: FileReply,
        out: &mut Outgoing,
    ) -> Option<SessionEvent> {
        match reply {
            FileReply::Begun { transfer, run } => self.begun(transfer, run),
            FileReply::Differs { transfer, run, key } => self.differs(transfer, run, key, out),
            FileReply::Changed { transfer, size, attributes, key } => {
                self.changed(transfer, size, attributes, key, out)
            }
            FileReply::Block { transfer, block } => self.block(transfer, block, out),
            FileReply::Written { transfer, buffer } => {
                self.keep_spare(buffer);
                if let Some(Transfer::Down(down)) = self.get_mut(transfer) {
                    down.written();
                }
                None
            }
            FileReply::Hashed { transfer, digest } => self.hashed(transfer, digest, out),
            FileReply::Kept { transfer } => {
                let kept = self.active.remove(&transfer)?;
                self.numbers.remove(&kept.number());
                let status = kept.status(transfer, false);
                Some(SessionEvent::TransferEnded(status, Outcome::Downloaded))
            }
            FileReply::Failed { transfer, why } => self.end(transfer, Outcome::Failed(why), out),
        }
    }

    /// The file's digest is known: an upload tells it, a download is held against it.
    fn hashed(
        &mut self,
        handle: TransferHandle,
        digest: Digest,
        out: &mut Outgoing,
    ) -> Option<SessionEvent> {
        match self.active.get_mut(&handle)? {
            Transfer::Up(up) => {
                up.hashed(digest);
                self.finish_upload(handle, out);
                None
            }
            Transfer::Down(down) => {
                if !down.verify(digest) {
                    return self.remove(handle, Outcome::DigestMismatch, out);
                }
                self.requests.push_back(FileRequest::Keep { transfer: handle });
                None
            }
        }
    }

    fn keep_spare(&mut self, mut block: Vec<u8>) {
        if self.spare.len() < SPARE_BLOCKS_MAX && block.capacity() > 0 {
            block.clear();
            self.spare.push(block);
        }
    }

    /// What holds after each step.
    pub(super) fn check(&self) {
        let queued = self.queue.iter().map(|(_, transfer)| transfer);
        for transfer in self.active.values().chain(queued) {
            match transfer {
                Transfer::Up(up) => up.check(),
                Transfer::Down(down) => down.check(),
            }
        }
        debug_assert!(self.active.values().all(Transfer::has_begun));
        debug_assert!(self.numbers.len() <= self.active.len());
        debug_assert!(self.numbers.values().all(|handle| self.active.contains_key(handle)));
        debug_assert!(self.queue.iter().all(|(handle, _)| !self.active.contains_key(handle)));
        debug_assert!(self.spare.len() <= SPARE_BLOCKS_MAX);
    }

    /// Gives the spare blocks' memory back while nothing moves.
    pub(super) fn trim(&mut self) {
        if self.count() == 0 {
            self.spare = Vec::new();
        }
    }
}

impl Transfer {
    /// Its number on the wire, or [`NEVER_ASKED`].
    fn number(&self) -> TransferId {
        match self {
            Self::Up(up) => up.number(),
            Self::Down(down) => down.number(),
        }
    }

    /// True once it was asked for, on this connection or an earlier one.
    fn has_begun(&self) -> bool {
        self.number() != NEVER_ASKED
    }

    /// True when the server has nothing more to send or take: a `Cancel` would mean nothing.
    fn has_passed(&self) -> bool {
        match self {
            Self::Up(up) => up.is_done(),
            Self::Down(down) => down.is_whole(),
        }
    }

    fn is_past_cancelling(&self) -> bool {
        match self {
            Self::Up(up) => up.is_done(),
            Self::Down(down) => down.is_keeping(),
        }
    }

    fn status(&self, handle: TransferHandle, queued: bool) -> TransferStatus {
        let status = match self {
            Self::Up(up) => up.status(handle),
            Self::Down(down) => down.status(handle),
        };
        let stage = match (queued, self.has_begun()) {
            (true, true) => Stage::Waiting,
            (true, false) => Stage::Queued,
            (false, _) => status.stage,
        };
        TransferStatus { stage, ..status }
    }
}
