//! Everything on disk, and the two threads that alone touch it.
//!
//! The *disk thread* owns the [`store`]: it does the file work of all transfers, in the order in
//! which it was asked. The *journal thread* owns the [`journal`]: it is one of its own so that
//! what people say is with the operating system at once, and outlives a crash of the server, even
//! while a gigabyte is being synced. Requests go in
//! by channels that never block the reactor; replies come back by one, with a call that wakes it.

pub mod block;
pub mod journal;
pub mod store;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use chatshelf_common::id::{ItemId, TransferId};
use chatshelf_common::wire::frame::Item;
use chatshelf_common::wire::{Code, Event};

use crate::token::Token;
use block::Block;
use journal::Journal;
use store::Store;

/// Bytes of events that may wait for the journal thread; beyond it a batch is lost to the disk
/// (never to the room) and the log says so.
const JOURNAL_BACKLOG_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The disk thread's nice value.
#[cfg(target_os = "linux")]
const DISK_NICENESS: i32 = 10;

/// Bytes of events, about, that are written to the journal at once.
const JOURNAL_BATCH_BYTES: usize = 1024 * 1024;

/// Names a transfer among all connections there ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransferKey {
    /// The connection, by slot and generation.
    pub connection: Token,
    /// The client's number for it.
    pub transfer: TransferId,
}

/// File work for the disk thread.
#[derive(Debug)]
pub enum Request {
    /// Begin an upload's file; answered by `Created`.
    Create {
        /// Which.
        upload: TransferKey,
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
        /// Exactly so many bytes, at most [`block::BLOCK_BYTES`].
        bytes: usize,
        /// Where to.
        block: Block,
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
        /// They are in it.
        block: Block,
    },
    /// A transfer is forgotten.
    Ended,
    /// The transfer has failed; it is still to be discarded or closed.
    Failed {
        /// Which.
        transfer: TransferKey,
        /// Why, for the wire.
        code: Code,
        /// More, for people.
        detail: Option<String>,
        /// The block that came with the request, if one did.
        block: Option<Block>,
    },
}

/// What a data directory held when it was opened.
#[derive(Debug)]
pub struct Found {
    /// The newest events of the room log, oldest first.
    pub events: Vec<Event>,
    /// The whole items, oldest first.
    pub items: Vec<Item>,
}

/// The two threads, as the reactor sees them. Dropped, it finishes the work that was asked for
/// and makes it durable.
#[derive(Debug)]
pub struct Disk {
    requests: Option<Sender<Request>>,
    replies: Receiver<Reply>,
    frames: Option<Sender<Vec<u8>>>,
    backlog_bytes: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
    /// Locked while it is open, so that no second server uses the directory.
    _lock: File,
}

impl Disk {
    /// Opens a data directory, making it if need be, clears leftovers, and starts the threads.
    ///
    /// `wake` is called after each reply, from the disk thread.
    ///
    /// # Errors
    /// When another server has the directory, or it can't be written, read or cleared.
    pub fn open(
        data_dir: &Path,
        segment_bytes: u64,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<(Self, Found)> {
        fs::create_dir_all(data_dir)?;
        let lock = lock(data_dir)?;
        let (store, items) = Store::open(data_dir)?;
        let (journal, events) = Journal::open(data_dir, segment_bytes)?;
        let (requests, work) = channel();
        let (answer, replies) = channel();
        let (frames, batches) = channel();
        let backlog_bytes = Arc::new(AtomicUsize::new(0));
        let backlog = Arc::clone(&backlog_bytes);
        let threads = vec![
            Builder::new()
                .name("disk".into())
                .spawn(move || serve_store(store, &work, &answer, wake))?,
            Builder::new()
                .name("journal".into())
                .spawn(move || serve_journal(journal, &batches, &backlog))?,
        ];
        let (requests, frames) = (Some(requests), Some(frames));
        let disk = Self { requests, replies, frames, backlog_bytes, threads, _lock: lock };
        Ok((disk, Found { events, items }))
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

    /// Appends whole event frames to the journal.
    pub fn append(&self, batch: Vec<u8>) {
        let waiting = self.backlog_bytes.load(Ordering::Relaxed);
        if waiting + batch.len() > JOURNAL_BACKLOG_BYTES_MAX {
            log::error!("the disk is too slow: {} bytes of the log are not kept", batch.len());
            return;
        }
        self.backlog_bytes.fetch_add(batch.len(), Ordering::Relaxed);
        if let Some(frames) = &self.frames {
            let _ = frames.send(batch);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.requests = None;
        self.frames = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a disk thread had died");
            }
        }
    }
}

fn lock(data_dir: &Path) -> io::Result<File> {
    let file = File::create(data_dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another chatshelf-server is using it"))
        }
        Err(TryLockError::Error(why)) => Err(why),
    }
}

fn serve_store(
    mut store: Store,
    work: &Receiver<Request>,
    answer: &Sender<Reply>,
    wake: impl Fn(),
) {
    yield_to_the_reactor();
    for request in work {
        if let Some(reply) = store.handle(request)
            && answer.send(reply).is_ok()
        {
            wake();
        }
    }
}

/// Gives this thread a lower priority than the rest: hashing and writing may take all of a core,
/// and talk goes before files. On Linux the nice value is the thread's own (setpriority(2)).
#[cfg(target_os = "linux")]
fn yield_to_the_reactor() {
    let own = Some(rustix::thread::gettid());
    if let Err(why) = rustix::process::setpriority_process(own, DISK_NICENESS) {
        log::warn!("the disk thread keeps its priority: {why}");
    }
}

#[cfg(not(target_os = "linux"))]
fn yield_to_the_reactor() {}

fn serve_journal(mut journal: Journal, batches: &Receiver<Vec<u8>>, backlog: &AtomicUsize) {
    for mut batch in batches {
        while batch.len() < JOURNAL_BATCH_BYTES
            && let Ok(more) = batches.try_recv()
        {
            batch.extend_from_slice(&more);
        }
        if let Err(why) = journal.append(&batch) {
            log::error!("{} bytes of the log could not be kept: {why}", batch.len());
        }
        backlog.fetch_sub(batch.len(), Ordering::Relaxed);
    }
    if let Err(why) = journal.sync() {
        log::error!("the log could not be synced: {why}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_on_the_same_directory_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let first = Disk::open(data.path(), 1 << 20, || ()).unwrap();
        let second = Disk::open(data.path(), 1 << 20, || ()).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::ResourceBusy);
        drop(first);
        assert!(Disk::open(data.path(), 1 << 20, || ()).is_ok());
    }
}
