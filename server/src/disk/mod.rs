//! Everything on disk, and the threads that alone touch it.
//!
//! The *disk thread* owns the [`store`]: it does the file work of all transfers, in the order in
//! which it was asked. The *journal thread* owns the [`journal`]: it is one of its own so that
//! what people say is kept at once, and outlives a crash of the server, even while a gigabyte is
//! being synced; a third one beside it syncs the journal at intervals. Requests go in by channels
//! that never block the reactor; replies come back by one, with a call that wakes it.

mod backlog;
pub mod block;
mod durability;
pub mod files;
pub mod journal;
mod journal_thread;
pub mod journal_writer;
pub mod mark;
#[cfg(unix)]
mod permissions;
pub mod readahead;
pub mod store;
mod store_thread;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use bytesize::ByteSize;
use chatshelf_common::id::{Digest, ItemId, TransferId, UnixMillis, UploadKey};
use chatshelf_common::text::FileName;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Item;

use crate::room::Past;
use crate::token::Token;
use backlog::Backlog;
use block::Block;
use files::SystemFiles;
use journal::Journal;
use journal_thread::Syncer;
use journal_writer::JournalWriter;
use readahead::Extent;
use store::{PARTIAL_BYTES_MIN, Store, StoreSettings, default_reserve};

pub use durability::{Durability, UnknownDurability};
pub use journal_writer::SYNC_INTERVAL_MS;
pub use store::UploadId;

/// How the data directory is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSettings {
    /// Size at which a segment of the journal is full, in bytes.
    pub segment_bytes: u64,
    /// How safe an event is before anyone hears of it.
    pub durability: Durability,
    /// Bytes of the disk that uploads leave free; none has [`store::default_reserve`] say.
    pub min_free_bytes: Option<u64>,
    /// How long an interrupted upload is kept, in milliseconds; 0 is not at all.
    pub keep_partial_ms: u64,
    /// Most bytes kept of interrupted uploads, of all together.
    pub partial_bytes_max: u64,
}

/// Names a transfer among all connections there ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransferKey {
    /// The connection, by slot and generation.
    pub connection: Token,
    /// The client's number for it.
    pub transfer: TransferId,
}

/// Where an upload comes from, as far as its share of what is kept goes. It says nothing else of
/// that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uploader(pub u64);

/// File work for the disk thread.
#[derive(Debug)]
pub enum Request {
    /// Begin an upload's file, or find what an earlier upload with this key has left and check
    /// it, which may take a while; answered by `Created`, or by `Stored` if it is on the shelf. If
    /// an upload with the key still runs it ends there, with `Failed` REPLACED.
    Create {
        /// Which.
        upload: TransferKey,
        /// The file's name.
        name: FileName,
        /// Its size in bytes.
        size: u64,
        /// By which it may be gone on with later.
        key: Option<UploadKey>,
        /// Who begins it.
        uploader: Uploader,
        /// Now.
        at: UnixMillis,
    },
    /// Append to it; answered by `Wrote`.
    Write {
        /// Which.
        upload: TransferKey,
        /// What.
        block: Block,
    },
    /// Verify it, make it durable and put it on the shelf; answered by `Published`.
    Publish {
        /// Which.
        upload: TransferKey,
        /// The item it becomes.
        item: Item,
    },
    /// Forget it, and remove what is not on the shelf; answered by `Ended`.
    Discard {
        /// Which.
        upload: TransferKey,
    },
    /// Forget it, but keep what has come, if it has a key, for it to be gone on with; answered by
    /// `Ended`, and by `Expires` when something is kept.
    Suspend {
        /// Which.
        upload: TransferKey,
        /// Now.
        at: UnixMillis,
    },
    /// Remove what has been kept of interrupted uploads for too long; answered by `Expires`.
    Expire {
        /// Now.
        at: UnixMillis,
    },
    /// Open an item for a download; answered by `Opened`.
    Open {
        /// For which.
        download: TransferKey,
        /// The item.
        item: ItemId,
        /// First byte wanted.
        offset: u64,
    },
    /// Read on; answered by `Read`.
    Read {
        /// For which.
        download: TransferKey,
        /// From here, where the read before ended.
        offset: u64,
        /// Exactly so many bytes, at most what the extent takes.
        bytes: usize,
        /// File bytes of each frame but the last.
        frame_bytes: usize,
        /// Where to.
        extent: Extent,
    },
    /// Close it; answered by `Ended`.
    Close {
        /// For which.
        download: TransferKey,
    },
    /// Remove a dropped item's files.
    Remove {
        /// Which.
        item: ItemId,
    },
}

/// What came of a [`Request`].
#[derive(Debug)]
pub enum Reply {
    /// The upload's file is there.
    Created {
        /// Which.
        upload: TransferKey,
        /// Bytes that it holds already.
        offset: u64,
        /// Their digest, read back from the disk; none when there are none.
        digest: Option<Digest>,
    },
    /// The upload was completed before, under the same key, and is still on the shelf.
    Stored {
        /// Which.
        upload: TransferKey,
        /// The item it is.
        item: ItemId,
    },
    /// The block is written, and empty again.
    Wrote {
        /// Which.
        upload: TransferKey,
        /// To use again.
        block: Block,
    },
    /// The item is whole, verified, durable and on the shelf.
    Published {
        /// Which.
        upload: TransferKey,
        /// The item.
        item: Item,
        /// What its key is known by, if it had one.
        id: Option<UploadId>,
    },
    /// The item is open.
    Opened {
        /// For which.
        download: TransferKey,
    },
    /// The bytes asked for.
    Read {
        /// For which.
        download: TransferKey,
        /// They are in it; empty for a download that is closed.
        extent: Extent,
    },
    /// A transfer is forgotten.
    Ended {
        /// Which.
        transfer: TransferKey,
    },
    /// When [`Request::Expire`] will have something to do; never if nothing is kept.
    Expires {
        /// The moment.
        at: Option<UnixMillis>,
    },
    /// All events up to here are as safe as the durability level asks.
    Journaled {
        /// End of them in the room log, as an offset.
        to: u64,
    },
    /// Events up to here could not be kept, or not as safe as the level asks: at
    /// [`Durability::Interval`] it may follow a `Journaled`.
    JournalFailed {
        /// End of them in the room log, as an offset.
        to: u64,
    },
    /// The transfer has failed; it is still to be discarded or closed.
    Failed {
        /// Which.
        transfer: TransferKey,
        /// Why, for the wire.
        code: Code,
        /// More, for people.
        detail: Option<String>,
        /// The block that came with the request, if it was a `Write`.
        block: Option<Block>,
    },
}

/// What a data directory held when it was opened.
#[derive(Debug, Default)]
pub struct Found {
    /// What it says of the room.
    pub past: Past,
    /// What the keys of their uploads are known by, of those that had one.
    pub upload_ids: Vec<(ItemId, UploadId)>,
}

/// The threads, as the reactor sees them. Dropped, it finishes the work that was asked for
/// and makes it durable.
#[derive(Debug)]
pub struct Disk {
    requests: Option<Sender<Request>>,
    replies: Receiver<Reply>,
    backlog: Arc<Backlog>,
    threads: Vec<JoinHandle<()>>,
    /// Locked while it is open, so that no second server uses the directory.
    _lock: File,
}

impl Disk {
    /// Opens a data directory, making it if need be, clears leftovers, and starts the threads. One
    /// that is somebody else's is left as it is.
    ///
    /// `wake` is called after each reply, from the thread that gives it.
    ///
    /// # Errors
    /// When the directory is no data directory, or another server has it, or it can't be written,
    /// read or cleared.
    pub fn open(
        data_dir: &Path,
        settings: DiskSettings,
        at: UnixMillis,
        wake: impl Fn() + Clone + Send + 'static,
    ) -> io::Result<(Self, Found)> {
        create(data_dir)?;
        mark::check(&SystemFiles, data_dir)?;
        let lock = lock(data_dir)?;
        mark::claim(&SystemFiles, data_dir)?;
        #[cfg(unix)]
        permissions::tighten(data_dir);
        let settings_of_store = settings.store(data_dir);
        warn_if_full(data_dir, settings_of_store.min_free_bytes);
        let (store, items) = Store::open(SystemFiles, data_dir, settings_of_store, at)?;
        let (journal, events) = Journal::open(SystemFiles, data_dir, settings.segment_bytes)?;
        let topic = journal.topic().cloned();
        let (upload_ids, newest_item) = (store.upload_ids().collect(), store.newest_item());
        let keeper = JournalWriter::new(journal, settings.durability);
        let syncer = Syncer::start()?;
        let (requests, work) = channel();
        let (answers, replies) = channel();
        let backlog = Arc::<Backlog>::default();
        let waiting = Arc::clone(&backlog);
        let from_disk = answer(answers.clone(), wake.clone());
        let from_journal = answer(answers, wake);
        let disk = Builder::new().name("disk".into());
        let journal = Builder::new().name("journal".into());
        let threads = vec![
            disk.spawn(move || store_thread::serve(store, &work, from_disk))?,
            journal.spawn(move || {
                journal_thread::serve(keeper, &syncer, &waiting, from_journal);
            })?,
        ];
        let disk = Self { requests: Some(requests), replies, backlog, threads, _lock: lock };
        Ok((disk, Found { past: Past { events, topic, items, newest_item }, upload_ids }))
    }

    /// Asks for file work.
    pub fn submit(&self, request: Request) {
        // The thread lives as long as `self`; if it died by a bug, the transfer stalls and ends.
        if let Some(requests) = &self.requests {
            let _ = requests.send(request);
        }
    }

    /// The next reply, if there is one.
    #[must_use]
    pub fn poll_reply(&self) -> Option<Reply> {
        self.replies.try_recv().ok()
    }

    /// Appends whole event frames to the journal. `to` is the offset in the room log after the
    /// last of them. At levels that acknowledge, `Journaled` or `JournalFailed` will follow with
    /// this `to` or a later one.
    pub fn append(&self, frames: Vec<u8>, to: u64) {
        self.backlog.push(frames, to);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.requests = None;
        self.backlog.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a disk thread had died");
            }
        }
    }
}

impl DiskSettings {
    fn store(&self, data_dir: &Path) -> StoreSettings {
        let Self { min_free_bytes, keep_partial_ms, partial_bytes_max, .. } = *self;
        // Where the system can't say how large the disk is, it is taken for a large one.
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

/// Says so when there is no room for any upload from the start.
fn warn_if_full(data_dir: &Path, min_free_bytes: u64) {
    if let Ok(free) = fs4::available_space(data_dir)
        && free <= min_free_bytes
    {
        log::warn!(
            "every upload will be refused: {} are free for {}, and {} must stay so (--min-free)",
            ByteSize(free),
            data_dir.display(),
            ByteSize(min_free_bytes)
        );
    }
}

/// How a thread answers: into the channel, with a call that wakes the reactor.
fn answer(replies: Sender<Reply>, wake: impl Fn()) -> impl FnMut(Reply) {
    move |reply| {
        if replies.send(reply).is_ok() {
            wake();
        }
    }
}

/// Makes a data directory and those above it, as far as they are not there.
fn create(data_dir: &Path) -> io::Result<()> {
    let made = fs::create_dir_all(data_dir);
    made.map_err(|why| match why.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => io::Error::new(
            why.kind(),
            "there is no directory at its place; choose another --data-dir",
        ),
        _ => why,
    })
}

fn lock(data_dir: &Path) -> io::Result<File> {
    // Whatever is in it, it stays: it may not be ours.
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(data_dir.join(mark::LOCK))
        .map_err(|why| io::Error::new(why.kind(), format!("its file {}: {why}", mark::LOCK)))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another chatshelf-server is using it"))
        }
        Err(TryLockError::Error(why)) => Err(why),
    }
}

#[cfg(test)]
mod fault_injection;

#[cfg(test)]
mod tests;
