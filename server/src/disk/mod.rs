//! Everything on disk, and the only threads that touch it.
//!
//! The *disk thread* owns the [`store`]: it does the file work of all transfers, in the order of
//! the requests. The *journal thread* owns the [`journal`]. It is separate so that talk is written
//! at once, and survives a crash of the server, even while a gigabyte is being synced. A third
//! thread syncs the journal at intervals. Requests go in through channels that never block the
//! reactor; replies come back through one channel, with a call that wakes it.

mod backlog;
mod bans;
pub mod block;
mod data_dir;
mod durability;
pub mod files;
mod formats;
pub mod journal;
mod journal_thread;
pub mod journal_writer;
pub mod mark;
mod new_item;
#[cfg(unix)]
mod permissions;
pub mod readahead;
mod stats;
pub mod store;
mod store_thread;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use chatshelf_common::id::{Digest, ItemId, TransferId, UnixMillis, UploadKey};
use chatshelf_common::text::FileName;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Item;

use crate::checksum::Checksum;
use crate::room::Past;
use crate::token::Token;
use backlog::Backlog;
use block::Block;
use files::SystemFiles;
use journal::Journal;
use journal_thread::Syncer;
use journal_writer::JournalWriter;
use readahead::{Extent, Framing};
use stats::Reports;
use store::{PARTIAL_BYTES_MIN, Store, StoreSettings, default_reserve};

pub use bans::{KeptBans, keep as keep_bans, read as read_bans};
pub use data_dir::check;
pub use durability::{Durability, UnknownDurability};
pub use journal_writer::SYNC_INTERVAL_MS;
pub use new_item::NewItem;
pub use stats::DiskStats;
pub use store::UploadId;

/// How the data directory is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSettings {
    /// Size at which a segment of the journal is full, in bytes.
    pub segment_bytes: u64,
    /// How safe an event must be before anyone sees it.
    pub durability: Durability,
    /// Bytes of the disk that uploads leave free; without a number, [`store::default_reserve`]
    /// says.
    pub min_free_bytes: Option<u64>,
    /// How long an interrupted upload is kept, in milliseconds; 0 keeps none.
    pub keep_partial_ms: u64,
    /// Largest total size of kept uploads, in bytes.
    pub partial_bytes_max: u64,
}

/// Identifies a transfer among those of all connections, past ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransferKey {
    /// The connection, by slot and generation.
    pub connection: Token,
    /// The client's number for the transfer.
    pub transfer: TransferId,
}

/// Where an upload comes from, for its share of the space for kept uploads. A hash: it reveals
/// nothing about the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uploader(pub u64);

/// File work for the disk thread.
#[derive(Debug)]
pub enum Request {
    /// Begin an upload's file, or find and check what an earlier upload with this key has left,
    /// which may take a while. Answered by `Created`, or by `Stored` if the file is on the shelf.
    /// An upload with the same key that still runs ends with `Failed` REPLACED.
    Create {
        /// Which.
        upload: TransferKey,
        /// The file's name.
        name: FileName,
        /// Its size in bytes.
        size: u64,
        /// The key that can resume it later.
        key: Option<UploadKey>,
        /// Who sends it.
        uploader: Uploader,
        /// What its content must hash to, besides its digest. Only for an upload without a key: it
        /// covers what comes in one piece.
        checksum: Option<Checksum>,
        /// Now.
        at: UnixMillis,
    },
    /// Append to an upload. Answered by `Wrote`.
    Write {
        /// Which.
        upload: TransferKey,
        /// The bytes.
        block: Block,
    },
    /// Verify an upload, make it durable and put it on the shelf. Answered by `Published`.
    Publish {
        /// Which.
        upload: TransferKey,
        /// The item it becomes.
        item: NewItem,
        /// Its digest, as its sender tells it; without one it is what has come.
        digest: Option<Digest>,
    },
    /// Forget an upload, and remove its files unless they are on the shelf. Answered by `Ended`.
    Discard {
        /// Which.
        upload: TransferKey,
    },
    /// Forget an upload, but keep what has arrived if it has a key, so that it can be resumed.
    /// Answered by `Ended`, and by `Expires` if something is kept.
    Suspend {
        /// Which.
        upload: TransferKey,
        /// Now.
        at: UnixMillis,
    },
    /// Remove kept uploads that are too old. Answered by `Expires`.
    Expire {
        /// Now.
        at: UnixMillis,
    },
    /// Open an item for a download. Answered by `Opened`.
    Open {
        /// Which.
        download: TransferKey,
        /// The item.
        item: ItemId,
        /// The first byte to read later.
        offset: u64,
    },
    /// Read the next bytes of a download. Answered by `Read`.
    Read {
        /// Which.
        download: TransferKey,
        /// Where the previous read ended.
        offset: u64,
        /// How many bytes to read, at most what the extent holds.
        bytes: usize,
        /// How they travel.
        framing: Framing,
        /// Where to put them.
        extent: Extent,
    },
    /// Close the file of an extent that is not needed any more.
    Release {
        /// Which.
        extent: Extent,
    },
    /// Close a download. Answered by `Ended`.
    Close {
        /// Which.
        download: TransferKey,
    },
    /// Use other settings from now on.
    Configure(StoreSettings),
    /// Remove a dropped item's files.
    Remove {
        /// Which.
        item: ItemId,
    },
}

/// The result of a [`Request`].
#[derive(Debug)]
pub enum Reply {
    /// The upload's file exists.
    Created {
        /// Which.
        upload: TransferKey,
        /// Bytes that it already holds.
        offset: u64,
        /// Their digest, read back from the disk; none if there are no bytes.
        digest: Option<Digest>,
    },
    /// The upload was completed before, under the same key, and is still on the shelf.
    Stored {
        /// Which.
        upload: TransferKey,
        /// The item it is.
        item: ItemId,
    },
    /// The block is written, and can be used again.
    Wrote {
        /// Which.
        upload: TransferKey,
        /// The block.
        block: Block,
    },
    /// The item is whole, verified, durable and on the shelf.
    Published {
        /// Which.
        upload: TransferKey,
        /// The item.
        item: Item,
        /// The hash of its key, if it had one.
        id: Option<UploadId>,
    },
    /// The item is open.
    Opened {
        /// Which.
        download: TransferKey,
    },
    /// The requested bytes.
    Read {
        /// Which.
        download: TransferKey,
        /// Holds the bytes; empty if the download is closed.
        extent: Extent,
    },
    /// A transfer is forgotten.
    Ended {
        /// Which.
        transfer: TransferKey,
    },
    /// When [`Request::Expire`] will next have something to do.
    Expires {
        /// The time; none if nothing is kept.
        at: Option<UnixMillis>,
    },
    /// All events up to here are as safe as the durability level requires.
    Journaled {
        /// Their end in the room log, as an offset.
        to: u64,
    },
    /// Events up to here could not be written, or not as safely as the level requires. At
    /// [`Durability::Interval`] it may follow a `Journaled`.
    JournalFailed {
        /// Their end in the room log, as an offset.
        to: u64,
    },
    /// The transfer has failed; the engine must still discard or close it.
    Failed {
        /// Which.
        transfer: TransferKey,
        /// The reason, for the wire.
        code: Code,
        /// Details, for people.
        detail: Option<String>,
        /// The block that came with the request, if it was a `Write`.
        block: Option<Block>,
    },
}

/// What a data directory held when it was opened.
#[derive(Debug, Default)]
pub struct Found {
    /// The room's past.
    pub past: Past,
    /// The hashes of their upload keys, of the items that had one.
    pub upload_ids: Vec<(ItemId, UploadId)>,
    /// Who was banned.
    pub bans: KeptBans,
}

/// The reactor's handle of the threads. Dropping it finishes all requested work and makes it
/// durable.
#[derive(Debug)]
pub struct Disk {
    data_dir: PathBuf,
    requests: Option<Sender<Request>>,
    replies: Receiver<Reply>,
    backlog: Arc<Backlog>,
    reports: Arc<Reports>,
    threads: Vec<JoinHandle<()>>,
    /// Locked while the server runs, so that no second server uses the directory.
    _lock: File,
}

impl Disk {
    /// Opens a data directory, creating it if necessary, removes leftovers, and starts the threads.
    /// Leaves a directory that belongs to someone else as it is.
    ///
    /// `wake` is called after each reply, from the thread that sends it.
    ///
    /// # Errors
    /// When the directory is not a data directory, when a newer version has written it, when
    /// another server uses it, or when it cannot be read, written or cleared.
    pub fn open(
        data_dir: &Path,
        settings: DiskSettings,
        at: UnixMillis,
        wake: impl Fn() + Clone + Send + 'static,
    ) -> io::Result<(Self, Found)> {
        data_dir::create(data_dir)?;
        mark::check(&SystemFiles, data_dir)?;
        let lock = data_dir::lock(data_dir)?;
        formats::check(&SystemFiles, data_dir)?;
        mark::claim(&SystemFiles, data_dir)?;
        #[cfg(unix)]
        permissions::tighten(data_dir);
        let settings_of_store = settings.store(data_dir);
        data_dir::warn_if_full(data_dir, settings_of_store.min_free_bytes);
        let (store, items) = Store::open(SystemFiles, data_dir, settings_of_store, at)?;
        let bans = bans::read(&SystemFiles, data_dir)?;
        let (journal, events) = Journal::open(SystemFiles, data_dir, settings.segment_bytes)?;
        let topic = journal.topic().cloned();
        let (upload_ids, newest_item) = (store.upload_ids().collect(), store.newest_item());
        let keeper = JournalWriter::new(journal, settings.durability);
        let reports = Arc::<Reports>::default();
        let syncer = Syncer::start(Arc::clone(&reports))?;
        let (requests, work) = channel();
        let (answers, replies) = channel();
        let backlog = Arc::<Backlog>::default();
        let (waiting, of_disk) = (Arc::clone(&backlog), Arc::clone(&reports));
        let from_disk = answer(answers.clone(), wake.clone());
        let from_journal = answer(answers, wake);
        let disk = Builder::new().name("disk".into());
        let journal = Builder::new().name("journal".into());
        let threads = vec![
            disk.spawn(move || store_thread::serve(store, &work, &of_disk, from_disk))?,
            journal.spawn(move || {
                journal_thread::serve(keeper, &syncer, &waiting, from_journal);
            })?,
        ];
        let disk = Self {
            data_dir: data_dir.into(),
            requests: Some(requests),
            replies,
            backlog,
            reports,
            threads,
            _lock: lock,
        };
        let past = Past { events, topic, items, newest_item };
        Ok((disk, Found { past, upload_ids, bans }))
    }

    /// Uses other settings from now on, as far as they can change: neither the segments' size nor
    /// the durability can.
    pub fn reconfigure(&self, settings: DiskSettings) {
        self.submit(Request::Configure(settings.store(&self.data_dir)));
    }

    /// Requests file work.
    pub fn submit(&self, request: Request) {
        // The thread lives as long as `self`. If a bug ended it, the transfer stalls and times out.
        if let Some(requests) = &self.requests {
            self.reports.note_requested();
            let _ = requests.send(request);
        }
    }

    /// The next reply, if there is one.
    #[must_use]
    pub fn poll_reply(&self) -> Option<Reply> {
        self.replies.try_recv().ok()
    }

    /// What the threads have done and have left to do.
    #[must_use]
    pub fn stats(&self) -> DiskStats {
        self.reports.snapshot()
    }

    /// Appends whole event frames to the journal. Bans that come with them are kept first, instead
    /// of those before. `to` is the offset in the room log after the last frame. At levels that
    /// acknowledge, `Journaled` or `JournalFailed` follows with this `to` or a later one.
    pub fn append(&self, bans: Option<KeptBans>, frames: Vec<u8>, to: u64) {
        self.backlog.push(bans, frames, to);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.requests = None;
        self.backlog.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a disk thread ended unexpectedly");
            }
        }
    }
}

impl DiskSettings {
    fn store(&self, data_dir: &Path) -> StoreSettings {
        let Self { min_free_bytes, keep_partial_ms, partial_bytes_max, .. } = *self;
        // If the system does not say how large the disk is, assume a large one.
        let by_size = || default_reserve(fs4::total_space(data_dir).unwrap_or(u64::MAX));
        let min_free_bytes = min_free_bytes.unwrap_or_else(by_size);
        StoreSettings {
            min_free_bytes,
            keep_partial_ms,
            partial_bytes_max,
            partial_bytes_min: PARTIAL_BYTES_MIN,
        }
    }
}

/// Sends a thread's replies into the channel, and wakes the reactor.
fn answer(replies: Sender<Reply>, wake: impl Fn()) -> impl FnMut(Reply) {
    move |reply| {
        if replies.send(reply).is_ok() {
            wake();
        }
    }
}

#[cfg(test)]
mod fault_injection;

#[cfg(test)]
mod tests;
