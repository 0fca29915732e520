//! Transfers, told and served: between the session, which moves bytes, and the file thread, which
//! has them. Owns what is remembered of each.

use std::path::PathBuf;
use std::time::Instant;

use chatshelf_common::id::{Attributes, ItemId, UploadKey};
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::Item;

use super::News;
use super::format;
use super::rate::{self, Rate};
use super::state::Desk;
use super::transfer_summary;
use crate::files::{FileError, HeldPart, OpenFile, Reply, Target};
use crate::session::{
    CommandError, FileReply, FileRequest, Outcome, Restart, Stage, TransferHandle, TransferStatus,
};

/// Something that the file thread looks for before a transfer can begin.
#[derive(Debug)]
pub(super) enum Opening {
    /// A file to be uploaded, as it was named, and what it is to be called.
    Upload(String, Option<FileName>),
    /// A temporary file of ours, likewise: its attributes mean nothing.
    Spooled(String, Option<FileName>),
    /// What there is of an item already.
    Download(Item, Target),
    /// The key by which this item was uploaded.
    Drop(ItemId),
}

/// What the front remembers of one transfer.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Where a download goes.
    target: Option<Target>,
    /// The beginning of it, until it is gone on with.
    part: Option<HeldPart>,
    /// A later run can go on with it.
    survives: bool,
    /// The key that an upload was offered by.
    key: Option<UploadKey>,
    /// Where the download has gone, until that is said.
    path: Option<PathBuf>,
}

impl Desk {
    pub(super) fn started(&mut self, status: &TransferStatus, now: Instant) {
        let (name, number) = (rate::name(status), status.transfer);
        let size = status.size.map_or(String::new(), |size| format!(", {}", format::size(size)));
        let verb = match status.direction {
            crate::session::Direction::Upload => "uploading",
            crate::session::Direction::Download => "downloading",
        };
        let what = match status.name {
            Some(_) => format!("{verb} {name}{size}"),
            None => format!("{verb} a file that the shelf does not show"),
        };
        self.push(News::Underway(format!("{what} (transfer {number}; /cancel {number} stops it)")));
        self.paces.insert(number, Rate::new(now));
    }

    pub(super) fn resumed(&mut self, status: &TransferStatus, now: Instant) {
        let (name, percent) = (rate::name(status), rate::percent(status));
        self.push(News::Underway(format!("resuming {name} at {percent}%")));
        if let Some(pace) = self.paces.get_mut(&status.transfer) {
            pace.go_on(status.moved, now);
        }
    }

    pub(super) fn restarted(&mut self, status: &TransferStatus, why: Restart, now: Instant) {
        let why = match why {
            Restart::NothingKept => "the server has kept nothing of it",
            Restart::FileChanged => "the file was changed while it was sent",
            Restart::FileDiffers => "what the server has kept is not how the file begins",
        };
        let name = rate::name(status);
        self.notice(format!("{name} starts over: {why}"));
        if let Some(pace) = self.paces.get_mut(&status.transfer) {
            pace.go_on(0, now);
        }
    }

    pub(super) fn ended(&mut self, status: &TransferStatus, outcome: &Outcome, now: Instant) {
        let number = status.transfer;
        let mut kept = self.kept.remove(&number).unwrap_or_default();
        if !outcome.can_be_gone_on_with()
            && let Some(part) = kept.part.take()
        {
            self.files.discard(part);
        }
        let pace = self.paces.remove(&number).unwrap_or_else(|| Rate::new(now));
        let place = kept.path.as_ref().map(|path| path.display().to_string());
        let (text, good) = match outcome {
            Outcome::Interrupted => (transfer_summary::interrupted(status, kept.survives), true),
            outcome => transfer_summary::closing(&pace, status, outcome, place.as_deref(), now),
        };
        match outcome {
            _ if good => self.notice(text),
            Outcome::Refused(_) => self.refusal(text),
            _ => self.failure(text),
        }
        if let Some(path) = kept.path {
            self.landed(path);
        }
        if let (Outcome::Uploaded(item), Some(name)) = (outcome, &status.name) {
            self.uploaded(*item, name.clone());
            if let Some(key) = kept.key {
                self.files.keep_key(*item, key, self.name.clone());
            }
        }
        self.quit_warned &= self.session().transfers_outstanding() > 0;
    }

    /// Begins a download, once it is known what there is of it.
    pub(super) fn begin_download(
        &mut self,
        item: ItemId,
        target: Target,
        part: Option<HeldPart>,
        now: Instant,
    ) -> Result<(), CommandError> {
        let held = part.as_ref().map_or(0, |part| part.bytes);
        let transfer = self.session_mut().download(item, held)?;
        let kept = Kept { target: Some(target), part, ..Kept::default() };
        self.kept.insert(transfer, kept);
        self.collect(now);
        self.say_if_queued(transfer);
        Ok(())
    }

    /// Hands the session's wishes to the file thread.
    pub(super) fn pass_file_requests(&mut self) {
        while let Some(request) = self.session_mut().poll_file_request() {
            match request {
                FileRequest::Create { transfer, item, held } => {
                    let kept = self.kept.entry(transfer).or_default();
                    let (target, part) = (kept.target.clone(), kept.part.take());
                    let default = || Target::Directory(self.download_dir.clone());
                    let target = target.unwrap_or_else(default);
                    self.files.create(transfer, item, held, target, part);
                }
                request => self.files.request(request),
            }
        }
    }

    /// Takes in what the file thread has done.
    pub(super) fn take_file_replies(&mut self, now: Instant) {
        while let Some(reply) = self.files.poll_reply() {
            match reply {
                Reply::Session(reply) => {
                    if let FileReply::Differs { transfer, key, .. } = reply {
                        self.kept.entry(transfer).or_default().key = key;
                    }
                    self.session_mut().handle_file_reply(reply);
                }
                Reply::KeptAt { transfer, path } => {
                    self.kept.entry(transfer).or_default().path = Some(path);
                }
                Reply::NotPreserved { transfer, why } => self.not_preserved(transfer, &why),
                Reply::Survives { transfer } => {
                    self.kept.entry(transfer).or_default().survives = true;
                }
                Reply::Opened { ticket, result } => self.opened(ticket, result, now),
                Reply::Found { ticket, part } => self.found(ticket, part, now),
                Reply::KeyFound { ticket, key } => self.key_found(ticket, key),
            }
        }
    }

    fn opened(&mut self, ticket: u64, result: Result<OpenFile, FileError>, now: Instant) {
        let (path, name, is_ours) = match self.opening.remove(&ticket) {
            Some(Opening::Upload(path, name)) => (path, name, false),
            Some(Opening::Spooled(path, name)) => (path, name, true),
            Some(Opening::Download(..) | Opening::Drop(_)) | None => return,
        };
        if !self.session().takes_commands() {
            return;
        }
        let file = match result {
            Ok(file) => file,
            Err(error) => return self.failure(format!("{path} not uploaded: {error}")),
        };
        if name.is_none() && !is_ours && !path.ends_with(file.name.as_str()) {
            self.notice(format!("{path} is called {} on the shelf", file.name));
        }
        let (name, size, key) = (name.unwrap_or(file.name.clone()), file.size, file.key());
        let attributes = if is_ours { Attributes::default() } else { file.attributes };
        match self.session_mut().upload_file(name, size, key, attributes) {
            Ok(transfer) => {
                self.kept.entry(transfer).or_default().key = key;
                self.files.upload(transfer, file);
                self.collect(now);
                self.say_if_queued(transfer);
            }
            Err(error) => {
                let size = format::size(size);
                let text = format!("{path} ({size}) not uploaded: {error}");
                match error {
                    CommandError::FileTooLarge { .. } | CommandError::NoTransfers => {
                        self.refusal(text);
                    }
                    _ => self.failure(text),
                }
            }
        }
    }

    fn not_preserved(&mut self, transfer: TransferHandle, why: &str) {
        let status = self.session().transfers().find(|status| status.transfer == transfer);
        let name = status.as_ref().map_or_else(|| "a download".into(), rate::name);
        self.failure(format!("{name} keeps neither its mode nor its date: {why}"));
    }

    fn found(&mut self, ticket: u64, part: Option<HeldPart>, now: Instant) {
        let Some(Opening::Download(item, target)) = self.opening.remove(&ticket) else { return };
        if !self.session().takes_commands() {
            return;
        }
        if let Err(error) = self.begin_download(item.id, target, part, now) {
            self.failure(error.to_string());
        }
    }

    fn key_found(&mut self, ticket: u64, key: Option<UploadKey>) {
        let Some(Opening::Drop(item)) = self.opening.remove(&ticket) else { return };
        if !self.session().takes_commands() {
            return;
        }
        if let Err(error) = self.session_mut().drop_item(item, key) {
            self.failure(error.to_string());
        }
    }

    /// Says that a transfer waits for others, if it does.
    fn say_if_queued(&mut self, transfer: TransferHandle) {
        let queued =
            |status: &TransferStatus| status.transfer == transfer && status.stage == Stage::Queued;
        let Some(status) = self.session().transfers().find(queued) else { return };
        let name = rate::name(&status);
        let what = if self.session().is_joined() { "other transfers" } else { "the connection" };
        self.push(News::Underway(format!(
            "{name} waits for {what} (transfer {transfer}; /cancel {transfer} stops it)"
        )));
    }

    /// True while a transfer is under way.
    pub(super) fn has_paces(&self) -> bool {
        !self.paces.is_empty()
    }

    /// Notes where the transfers are.
    pub(super) fn note_paces(&mut self, now: Instant) {
        for status in self.link.session().transfers() {
            if let Some(pace) = self.paces.get_mut(&status.transfer) {
                pace.note(&status, now);
            }
        }
    }
}
