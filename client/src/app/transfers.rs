//! Transfers between the session, which moves bytes, and the file thread, which has them. Owns what
//! is remembered of each: where it goes, how fast it goes, whether a later run can resume it.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Instant;

use chatshelf_common::id::{Attributes, ItemId, UploadKey};
use chatshelf_common::text::{FileName, Nick};

use super::lookups::{Lookup, Lookups, Source};
use super::news::{News, NewsQueue};
use super::own_uploads::OwnUploads;
use super::rate::{self, Rate};
use super::suspending::Suspending;
use super::transfer_summary::{self, not_uploaded};
use crate::files::{FileError, Files, HeldPart, OpenFile, Reply, Target};
use crate::lang::{because, tr};
use crate::options::expanded;
use crate::session::{
    CommandError, FileReply, FileRequest, Outcome, Restart, Room, Session, Stage, TransferHandle,
    TransferStatus,
};
use crate::units;

/// Paths of downloads that wait to be taken: a one-shot command takes them, others never do.
const LANDED_MAX: usize = 1000;

/// What is remembered of one transfer.
#[derive(Debug, Default)]
struct Kept {
    /// Where a download goes.
    target: Option<Target>,
    /// The beginning of it, until it is resumed.
    part: Option<HeldPart>,
    /// The key that an upload was offered by.
    key: Option<UploadKey>,
    /// Where the download has gone, until that is said.
    path: Option<PathBuf>,
}

/// All transfers of this run.
pub(super) struct Transfers {
    files: Files,
    download_dir: PathBuf,
    lookups: Lookups,
    kept: HashMap<TransferHandle, Kept>,
    /// Of those that are under way.
    rates: HashMap<TransferHandle, Rate>,
    suspending: Suspending,
    /// Where downloads have gone, until somebody takes that.
    landed: VecDeque<PathBuf>,
    own: OwnUploads,
}

impl Transfers {
    pub(super) fn new(files: Files, download_dir: PathBuf) -> Self {
        Self {
            files,
            download_dir,
            lookups: Lookups::default(),
            kept: HashMap::new(),
            rates: HashMap::new(),
            suspending: Suspending::default(),
            landed: VecDeque::new(),
            own: OwnUploads::default(),
        }
    }

    // What is asked for.

    /// Opens a file to be uploaded, under its own name or another.
    pub(super) fn open(&mut self, path: &Path, name: Option<FileName>) {
        let source = Source::File { path: path.to_owned(), name };
        let ticket = self.lookups.add(Lookup::Upload(source));
        self.files.open(ticket, expanded(path));
    }

    /// The same for a temporary file of ours.
    pub(super) fn open_spooled(&mut self, path: PathBuf, name: FileName) {
        let source = Source::Spooled { path: path.clone(), name };
        let ticket = self.lookups.add(Lookup::Upload(source));
        self.files.open(ticket, path);
    }

    /// Fetches an item. One that the shelf does not show is asked for at once: the server knows
    /// what became of it.
    ///
    /// # Errors
    /// When the session does not take it.
    pub(super) fn fetch(
        &mut self,
        id: ItemId,
        target: Target,
        session: &mut Session,
        news: &mut NewsQueue,
    ) -> Result<(), CommandError> {
        let Some(item) = session.room().item(id).cloned() else {
            return self.begin_download(id, target, None, session, news);
        };
        let lookup = Lookup::Download { item: item.clone(), target: target.clone() };
        let ticket = self.lookups.add(lookup);
        self.files.find(ticket, item, target);
        Ok(())
    }

    /// Takes an item off the shelf, with the proof that it is ours, if there is one that `name` may
    /// use.
    pub(super) fn drop_item(&mut self, item: ItemId, name: Nick) {
        let ticket = self.lookups.add(Lookup::Drop(item));
        self.files.find_key(ticket, item, name);
    }

    /// Where downloads go for which no place is named.
    pub(super) fn download_dir(&self) -> &Path {
        &self.download_dir
    }

    // What the file thread says.

    /// What the file thread has done next.
    pub(super) fn poll_reply(&mut self) -> Option<Reply> {
        self.files.poll_reply()
    }

    /// Takes it in.
    pub(super) fn handle_reply(
        &mut self,
        reply: Reply,
        session: &mut Session,
        news: &mut NewsQueue,
    ) {
        match reply {
            Reply::Session(reply) => {
                if let FileReply::Differs { transfer, key, .. } = reply {
                    self.kept(transfer).key = key;
                }
                session.handle_file_reply(reply);
            }
            Reply::KeptAt { transfer, path } => self.kept(transfer).path = Some(path),
            Reply::NotPreserved { transfer, why } => {
                let status = session.transfers().find(|status| status.transfer == transfer);
                let name = status.as_ref().map_or_else(|| tr!("a download").into(), rate::name);
                news.failure(tr!("{name} keeps neither its mode nor its date: {why}", name, why));
            }
            Reply::Suspended { transfer, survives } => {
                self.suspending.closed(transfer, survives, news);
            }
            Reply::Opened { ticket, result } => {
                if let Some(Lookup::Upload(source)) = self.looked_up(ticket, session) {
                    self.opened(source, result, session, news);
                }
            }
            Reply::Found { ticket, part } => {
                if let Some(Lookup::Download { item, target }) = self.looked_up(ticket, session)
                    && let Err(error) = self.begin_download(item.id, target, part, session, news)
                {
                    news.failure(error.to_string());
                }
            }
            Reply::KeyFound { ticket, key } => {
                if let Some(Lookup::Drop(item)) = self.looked_up(ticket, session)
                    && let Err(error) = session.drop_item(item, key)
                {
                    news.failure(error.to_string());
                }
            }
        }
    }

    fn kept(&mut self, transfer: TransferHandle) -> &mut Kept {
        self.kept.entry(transfer).or_default()
    }

    /// What was looked for, if the session still has use for it.
    fn looked_up(&mut self, ticket: u64, session: &Session) -> Option<Lookup> {
        self.lookups.take(ticket).filter(|_| session.takes_commands())
    }

    fn opened(
        &mut self,
        source: Source,
        result: Result<OpenFile, FileError>,
        session: &mut Session,
        news: &mut NewsQueue,
    ) {
        let path = source.shown();
        let file = match result {
            Ok(file) => file,
            Err(error) => return news.failure(because(not_uploaded(path), error)),
        };
        let (name, attributes) = match source {
            Source::File { name: Some(name), .. } => (name, file.attributes),
            Source::File { path: given, name: None } => {
                if given.file_name() != Some(file.name.as_str().as_ref()) {
                    news.notice(tr!(
                        "{path} is called {name} on the shelf",
                        path,
                        name = file.name
                    ));
                }
                (file.name.clone(), file.attributes)
            }
            Source::Spooled { name, .. } => (name, Attributes::default()),
        };
        let (size, key) = (file.size, file.key());
        match session.upload_file(name, size, key, attributes) {
            Ok(transfer) => {
                self.kept(transfer).key = key;
                self.files.upload(transfer, file);
                tell_if_queued(transfer, session, news);
            }
            Err(error) => {
                let path = tr!("{path} ({size})", path, size = units::size(size));
                let text = because(not_uploaded(path), &error);
                match error {
                    CommandError::NoTransfers => news.refusal(text),
                    _ => news.failure(text),
                }
            }
        }
    }

    /// Begins a download, once it is known what there is of it.
    fn begin_download(
        &mut self,
        item: ItemId,
        target: Target,
        part: Option<HeldPart>,
        session: &mut Session,
        news: &mut NewsQueue,
    ) -> Result<(), CommandError> {
        let held = part.as_ref().map_or(0, |part| part.bytes);
        let transfer = session.download(item, held)?;
        self.kept.insert(transfer, Kept { target: Some(target), part, ..Kept::default() });
        tell_if_queued(transfer, session, news);
        Ok(())
    }

    /// Hands the session's requests to the file thread.
    pub(super) fn pass_requests(&mut self, session: &mut Session) {
        while let Some(request) = session.poll_file_request() {
            match request {
                FileRequest::Create { transfer, item, held } => {
                    let kept = self.kept.entry(transfer).or_default();
                    let (target, part) = (kept.target.clone(), kept.part.take());
                    let default = || Target::Directory(self.download_dir.clone());
                    self.files.create(transfer, item, held, target.unwrap_or_else(default), part);
                }
                request => self.files.request(request),
            }
        }
    }

    // What the session says.

    /// A transfer has begun on the wire.
    pub(super) fn started(&mut self, status: &TransferStatus, now: Instant, news: &mut NewsQueue) {
        news.push(News::Underway(transfer_summary::started(status)));
        let before = self.rates.insert(status.transfer, Rate::new(now));
        debug_assert!(before.is_none(), "a transfer starts once");
    }

    /// A transfer continues behind what was moved before.
    pub(super) fn resumed(&mut self, status: &TransferStatus, now: Instant, news: &mut NewsQueue) {
        let (name, percent) = (rate::name(status), rate::percent(status));
        news.push(News::Underway(tr!("resuming {name} at {percent}%", name, percent)));
        if let Some(rate) = self.rates.get_mut(&status.transfer) {
            rate.resume(status.moved, now);
        }
    }

    /// A transfer begins again.
    pub(super) fn restarted(
        &mut self,
        status: &TransferStatus,
        why: Restart,
        now: Instant,
        news: &mut NewsQueue,
    ) {
        let why = match why {
            Restart::NothingKept => tr!("the server has kept no part of it"),
            Restart::FileChanged => tr!("the file was changed while it was sent"),
            Restart::FileDiffers => tr!("what the server has kept is not how the file begins"),
        };
        news.notice(tr!("{name} starts over: {why}", name = rate::name(status), why));
        if let Some(rate) = self.rates.get_mut(&status.transfer) {
            rate.resume(0, now);
        }
    }

    /// A transfer is over. An upload's key is kept for `name`.
    pub(super) fn ended(
        &mut self,
        status: &TransferStatus,
        outcome: &Outcome,
        name: &Nick,
        now: Instant,
        news: &mut NewsQueue,
    ) {
        let mut kept = self.kept.remove(&status.transfer).unwrap_or_default();
        if !outcome.is_resumable()
            && let Some(part) = kept.part.take()
        {
            self.files.discard(part);
        }
        let rate = self.rates.remove(&status.transfer).unwrap_or_else(|| Rate::new(now));
        let place = kept.path.as_ref().map(|path| path.display().to_string());
        let text = || transfer_summary::closing(&rate, status, outcome, place.as_deref(), now);
        match outcome {
            Outcome::Interrupted => self.suspending.add(status),
            Outcome::Refused(_) => news.refusal(text()),
            Outcome::DigestMismatch | Outcome::Failed(_) => news.failure(text()),
            Outcome::Uploaded(_) | Outcome::Downloaded | Outcome::Cancelled => news.notice(text()),
        }
        if let Some(path) = kept.path {
            self.landed(path);
        }
        if let (Outcome::Uploaded(item), Some(file_name)) = (outcome, &status.name) {
            self.own.shelved(*item, file_name.clone());
            if let Some(key) = kept.key {
                self.files.keep_key(*item, key, name.clone());
            }
        }
    }

    /// Waits until the files of all interrupted transfers are closed, to tell what is left of them.
    pub(super) fn close(&mut self, session: &mut Session, news: &mut NewsQueue) {
        self.pass_requests(session);
        while !self.suspending.is_empty()
            && let Some(reply) = self.files.wait_reply()
        {
            self.handle_reply(reply, session, news);
        }
    }

    /// Remembers where a download has gone, as long as the last [`LANDED_MAX`] are not taken.
    fn landed(&mut self, path: PathBuf) {
        self.landed.push_back(path);
        if self.landed.len() > LANDED_MAX {
            self.landed.pop_front();
        }
        debug_assert!(self.landed.len() <= LANDED_MAX);
    }

    /// Somebody has taken an item off the shelf that was theirs, or, if `is_ours`, ours.
    pub(super) fn taken_off(&mut self, item: ItemId, is_ours: bool) {
        self.own.taken_off(item);
        if is_ours {
            self.files.forget_key(item);
        }
    }

    // How it goes.

    /// Notes how far the transfers are.
    pub(super) fn note_rates(&mut self, session: &Session, now: Instant) {
        for status in session.transfers() {
            if let Some(rate) = self.rates.get_mut(&status.transfer) {
                rate.note(&status, now);
            }
        }
    }

    /// True while a transfer is under way.
    pub(super) fn is_moving(&self) -> bool {
        !self.rates.is_empty()
    }

    /// How fast a transfer goes, once it is under way.
    pub(super) fn rate(&self, transfer: TransferHandle) -> Option<&Rate> {
        self.rates.get(&transfer)
    }

    /// What the file thread looks for.
    pub(super) fn lookups(&self) -> usize {
        self.lookups.len()
    }

    /// Files among that, to be uploaded.
    pub(super) fn uploads_opening(&self) -> usize {
        self.lookups.uploads()
    }

    /// Where downloads have gone since this was last asked.
    pub(super) fn take_landed(&mut self) -> VecDeque<PathBuf> {
        std::mem::take(&mut self.landed)
    }

    /// Says which of our uploads the shelf, which keeps `kept` items, no longer shows.
    pub(super) fn tell_gone(&self, kept: usize, room: &Room) -> Option<String> {
        self.own.tell_gone(kept, |item| room.item(item).is_some())
    }
}

/// Says that a transfer waits for others, if it does.
fn tell_if_queued(transfer: TransferHandle, session: &Session, news: &mut NewsQueue) {
    let mut queued = session.transfers().filter(|status| status.stage == Stage::Queued);
    let Some(status) = queued.find(|status| status.transfer == transfer) else { return };
    news.push(News::Underway(transfer_summary::queued(&status, session.is_joined())));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use mio::{Poll, Token, Waker};

    use super::*;

    fn transfers() -> Transfers {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let files = Files::start(waker, "lab:9000".into(), false).unwrap();
        Transfers::new(files, ".".into())
    }

    #[test]
    fn a_transfer_has_a_rate_from_its_start_to_its_end() {
        let (mut transfers, mut news, now) = (transfers(), NewsQueue::default(), Instant::now());
        let status = TransferStatus::underway(0, 1_000_000);
        let nick = Nick::new("ada").unwrap();
        assert!(!transfers.is_moving());
        transfers.started(&status, now, &mut news);
        assert!(transfers.is_moving() && transfers.rate(status.transfer).is_some());
        let later = now + Duration::from_secs(1);
        transfers.ended(&status, &Outcome::Uploaded(ItemId(7)), &nick, later, &mut news);
        assert!(!transfers.is_moving());
        let gone = transfers.tell_gone(5, &Room::empty()).unwrap();
        assert!(gone.contains("notes.iso (number 7)"), "{gone}");
        transfers.taken_off(ItemId(7), false);
        assert_eq!(transfers.tell_gone(5, &Room::empty()), None);
    }

    #[test]
    fn where_downloads_went_is_held_within_bounds_and_taken_once() {
        let mut transfers = transfers();
        (0..=LANDED_MAX).for_each(|number| transfers.landed(number.to_string().into()));
        let landed = transfers.take_landed();
        assert_eq!((landed.len(), landed[0].as_path()), (LANDED_MAX, Path::new("1")));
        assert!(transfers.take_landed().is_empty());
    }
}
