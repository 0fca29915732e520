//! Transfers, shown and served: between the session, which moves bytes, and the file thread, which
//! has them. Owns nothing; what is remembered of each is the front's.

use std::time::Instant;

use chatshelf_common::id::ItemId;
use chatshelf_common::wire::frame::Item;

use super::front::Front;
use super::progress::{self, Progress};
use super::render;
use crate::files::{FileError, HeldPart, OpenFile, Reply, Target};
use crate::session::{
    CommandError, FileRequest, Outcome, Restart, Stage, TransferHandle, TransferStatus,
};

/// Something that the file thread looks for before a transfer can begin.
#[derive(Debug)]
pub(super) enum Opening {
    /// A file to be uploaded, as it was named.
    Upload(String),
    /// What there is of an item already.
    Download(Item, Target),
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
    /// Where the download has gone, until that is said.
    path: Option<String>,
}

impl Front {
    pub(super) fn started(&mut self, status: &TransferStatus, now: Instant) {
        let (name, number) = (progress::name(status), status.transfer);
        let size = status.size.map_or(String::new(), |size| format!(", {}", render::size(size)));
        let verb = match status.direction {
            crate::session::Direction::Upload => "uploading",
            crate::session::Direction::Download => "downloading",
        };
        let what = match status.name {
            Some(_) => format!("{verb} {name}{size}"),
            None => format!("{verb} a file that the shelf does not show"),
        };
        self.notice(&format!("{what} (transfer {number}; /cancel {number} stops it)"));
        self.progress.insert(number, Progress::new(now));
    }

    pub(super) fn resumed(&mut self, status: &TransferStatus, now: Instant) {
        let (name, percent) = (progress::name(status), progress::percent(status));
        self.notice(&format!("resuming {name} at {percent}%"));
        if let Some(progress) = self.progress.get_mut(&status.transfer) {
            progress.go_on(status.moved, now);
        }
    }

    pub(super) fn restarted(&mut self, status: &TransferStatus, why: Restart, now: Instant) {
        let why = match why {
            Restart::NothingKept => "the server has kept nothing of it",
            Restart::FileDiffers => "what the server has kept is not how the file begins",
            Restart::ItemDiffers => "another file has the number now",
        };
        let name = progress::name(status);
        self.notice(&format!("{name} starts over: {why}"));
        if let Some(progress) = self.progress.get_mut(&status.transfer) {
            progress.go_on(0, now);
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
        let progress = self.progress.remove(&number).unwrap_or_else(|| Progress::new(now));
        let (text, good) = match outcome {
            Outcome::Interrupted => (progress::interrupted(status, kept.survives), true),
            outcome => progress.closing(status, outcome, kept.path.as_deref(), now),
        };
        if good {
            self.notice(&text);
        } else {
            self.failure(&text);
        }
        self.quit_warned &= self.link.session().transfers_outstanding() > 0;
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
        let transfer = self.session().download(item, held)?;
        let kept = Kept { target: Some(target), part, ..Kept::default() };
        self.kept.insert(transfer, kept);
        self.show_events(now);
        self.say_if_queued(transfer);
        Ok(())
    }

    /// Hands the session's wishes to the file thread.
    pub(super) fn pass_file_requests(&mut self) {
        while let Some(request) = self.session().poll_file_request() {
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
                Reply::Session(reply) => self.session().handle_file_reply(reply),
                Reply::KeptAt { transfer, path } => {
                    self.kept.entry(transfer).or_default().path = Some(path.display().to_string());
                }
                Reply::Survives { transfer } => {
                    self.kept.entry(transfer).or_default().survives = true;
                }
                Reply::Opened { ticket, result } => self.opened(ticket, result, now),
                Reply::Found { ticket, part } => self.found(ticket, part, now),
            }
        }
    }

    fn opened(&mut self, ticket: u64, result: Result<OpenFile, FileError>, now: Instant) {
        let Some(Opening::Upload(path)) = self.opening.remove(&ticket) else { return };
        if !self.link.session().takes_commands() {
            return;
        }
        let file = match result {
            Ok(file) => file,
            Err(error) => return self.failure(&format!("{path} not uploaded: {error}")),
        };
        let (name, size, key) = (file.name.clone(), file.size, file.key());
        match self.session().upload(name, size, key) {
            Ok(transfer) => {
                self.files.upload(transfer, file);
                self.show_events(now);
                self.say_if_queued(transfer);
            }
            Err(error) => {
                let size = render::size(size);
                self.failure(&format!("{path} ({size}) not uploaded: {error}"));
            }
        }
    }

    fn found(&mut self, ticket: u64, part: Option<HeldPart>, now: Instant) {
        let Some(Opening::Download(item, target)) = self.opening.remove(&ticket) else { return };
        if !self.link.session().takes_commands() {
            return;
        }
        if let Err(error) = self.begin_download(item.id, target, part, now) {
            self.failure(&error.to_string());
        }
    }

    /// Says that a transfer waits for others, if it does.
    fn say_if_queued(&mut self, transfer: TransferHandle) {
        let queued =
            |status: &TransferStatus| status.transfer == transfer && status.stage == Stage::Queued;
        let Some(status) = self.link.session().transfers().find(queued) else { return };
        let name = progress::name(&status);
        let what =
            if self.link.session().is_joined() { "other transfers" } else { "the connection" };
        self.notice(&format!(
            "{name} waits for {what} (transfer {transfer}; /cancel {transfer} stops it)"
        ));
    }
}
