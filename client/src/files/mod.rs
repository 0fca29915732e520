//! Local files, on a thread of their own: the event loop never waits for a disk.
//!
//! Owns the thread and the channels to it. Requests go in and never block; each reply wakes the
//! poll. `worker` does the work, `place` finds names that are free.

mod place;
mod worker;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use chatshelf_common::id::TransferId;
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::Item;
use mio::Waker;

use crate::session::{FileReply, FileRequest};

pub use place::local_name;

/// Where a download is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// In this directory, under the item's name.
    Directory(PathBuf),
    /// Under this path; the next free name beside it if it exists.
    File(PathBuf),
}

/// A file about to be uploaded.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    /// Name to offer it by.
    pub name: FileName,
    /// Its size in bytes when it was opened.
    pub size: u64,
}

/// Why a file can't be used.
#[derive(Debug)]
pub enum FileError {
    /// It is a directory, a device or a pipe.
    NotAFile,
    /// It has no name that could travel.
    NoName,
    /// Reading brought fewer bytes than it had when it was offered.
    Shrank,
    /// It holds more bytes than when it was offered.
    Grew,
    /// Every name that was tried is taken.
    NoFreeName,
    /// Nothing can be created there.
    Create(PathBuf, io::Error),
    /// The system says no.
    Io(io::Error),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFile => f.write_str("not a regular file"),
            Self::NoName => f.write_str("not a name that can be offered"),
            Self::Shrank => f.write_str("the file became shorter while it was sent"),
            Self::Grew => f.write_str("the file became longer while it was sent"),
            Self::NoFreeName => f.write_str("every name like it is taken"),
            Self::Create(path, error) => {
                write!(f, "{}: {}", path.display(), crate::link::plain_error(error))
            }
            Self::Io(error) => f.write_str(&crate::link::plain_error(error)),
        }
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What the thread says.
#[derive(Debug)]
pub enum Reply {
    /// The answer to [`Files::open`].
    Opened {
        /// As given.
        ticket: u64,
        /// The file, or why not.
        result: Result<OpenFile, FileError>,
    },
    /// A download is whole and has this name; [`FileReply::Kept`] follows.
    KeptAt {
        /// Which.
        transfer: TransferId,
        /// Where.
        path: PathBuf,
    },
    /// For the session.
    Session(FileReply),
}

#[derive(Debug)]
enum Request {
    Open { ticket: u64, path: PathBuf },
    Upload { transfer: TransferId, file: OpenFile },
    Create { transfer: TransferId, item: Item, target: Target },
    Session(FileRequest),
}

/// The file thread. Dropping it removes what was not kept.
#[derive(Debug)]
pub struct Files {
    requests: Option<Sender<Request>>,
    replies: Receiver<Reply>,
    thread: Option<JoinHandle<()>>,
}

impl Files {
    /// Starts the thread; every reply wakes `waker`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(waker: Arc<Waker>) -> io::Result<Self> {
        let (requests, inbox) = channel();
        let (outbox, replies) = channel();
        let notify = move |reply| {
            // Both fail only when the front is gone, and then nobody waits.
            let _ = outbox.send(reply);
            let _ = waker.wake();
        };
        let thread = std::thread::Builder::new()
            .name("files".into())
            .spawn(move || worker::run(&inbox, &notify))?;
        Ok(Self { requests: Some(requests), replies, thread: Some(thread) })
    }

    /// Opens a file for upload; answered by [`Reply::Opened`] with the same `ticket`.
    pub fn open(&self, ticket: u64, path: PathBuf) {
        self.send(Request::Open { ticket, path });
    }

    /// Makes an opened file the content of an upload.
    pub fn upload(&self, transfer: TransferId, file: OpenFile) {
        self.send(Request::Upload { transfer, file });
    }

    /// Creates the file of a download: what [`FileRequest::Create`] asks for.
    pub fn create(&self, transfer: TransferId, item: Item, target: Target) {
        self.send(Request::Create { transfer, item, target });
    }

    /// Passes on what a session asks for. A `Create` keeps the file in the current directory;
    /// use [`Files::create`] to say where.
    pub fn request(&self, request: FileRequest) {
        match request {
            FileRequest::Create { transfer, item } => {
                self.create(transfer, item, Target::Directory(PathBuf::from(".")));
            }
            request => self.send(Request::Session(request)),
        }
    }

    /// The next reply, if there is one. Does not wait.
    #[must_use]
    pub fn poll_reply(&self) -> Option<Reply> {
        self.replies.try_recv().ok()
    }

    fn send(&self, request: Request) {
        if let Some(requests) = &self.requests
            && requests.send(request).is_err()
        {
            log::error!("the file thread is gone");
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the file thread has panicked");
        }
    }
}
