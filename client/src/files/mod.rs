//! Local files, on a thread of their own: the event loop never waits for a disk.
//!
//! Owns the thread and the channels to it. Requests never block; each reply wakes the poll.
//! `worker` does the work. `open_file` is one of its files, `attributes` that file's mode and time,
//! and `stamp` shows whether it has changed. `destination` finds free names, `path_kind` tells what
//! is at a path, and `space` whether there is room. `state` and `keys` store what later runs of the
//! program need.

mod attributes;
mod destination;
mod keys;
mod open_file;
mod path_kind;
mod retry;
mod space;
mod stamp;
mod state;
#[cfg(test)]
mod tests;
mod worker;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use chatshelf_common::id::{Attributes, ItemId, UploadKey};
use chatshelf_common::text::{FileName, Nick};
use chatshelf_common::wire::frame::Item;
use mio::Waker;

use crate::lang::tr;
use crate::plain_error::plain_error;
use crate::session::{FileReply, FileRequest, TransferHandle};
use crate::state_dir;
use crate::units::size;
use stamp::Stamp;
use state::{Entry, State, UploadOrigin};

pub use destination::local_name;
pub use path_kind::PathKind;
pub(crate) use space::free_bytes;

/// Where a download goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into this directory, under the item's name.
    Directory(PathBuf),
    /// To this path, or the next free name beside it.
    File(PathBuf),
    /// Into this directory, which is removed when the program ends: no later run finds it.
    Scratch(PathBuf),
}

/// A file about to be uploaded.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    path: PathBuf,
    stamp: Stamp,
    /// The name to offer it under.
    pub name: FileName,
    /// Its size in bytes when it was opened.
    pub size: u64,
    /// Its permissions and modification time.
    pub attributes: Attributes,
    origin: Option<UploadOrigin>,
}

impl OpenFile {
    /// The key to offer it with: that of an earlier attempt, or a fresh one.
    #[must_use]
    pub fn key(&self) -> Option<UploadKey> {
        self.origin.as_ref().map(|origin| origin.key)
    }
}

/// The beginning of a download, left by an earlier run.
#[derive(Debug)]
pub struct HeldPart {
    file: File,
    path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    entry: Entry,
}

/// Why a file cannot be used.
#[derive(Debug)]
pub enum FileError {
    /// It is a directory.
    Folder(PathBuf),
    /// It is a device or a pipe.
    NotAFile,
    /// It has no name that can be offered.
    NoName,
    /// It has fewer bytes than when it was opened.
    Shrank,
    /// It has changed since it was opened.
    Changed,
    /// It had changed again each time the upload started over.
    KeepsChanging,
    /// All the names that were tried are taken.
    NoFreeName,
    /// The disk is too full.
    NoRoom {
        /// Bytes that are still missing.
        needed: u64,
        /// Bytes that are free.
        free: u64,
        /// The directory it goes to.
        dir: PathBuf,
    },
    /// It cannot be created.
    Create(PathBuf, io::Error),
    /// The whole file of a download, at this path, cannot get its name.
    Rename(PathBuf, io::Error),
    /// The system reports an error.
    Io(io::Error),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => f.write_str(&pack_first(path)),
            Self::NotAFile => f.write_str(tr!("not a regular file")),
            Self::NoName => f.write_str(tr!("it has no name that can be offered")),
            Self::Shrank => f.write_str(tr!("the file became shorter while it was read")),
            Self::Changed => f.write_str(tr!("the file changed while it was read")),
            Self::KeepsChanging => {
                f.write_str(tr!("it keeps changing while it is read; upload a copy of it"))
            }
            Self::NoFreeName => f.write_str(tr!("all names like it are taken")),
            Self::NoRoom { needed, free, dir } => {
                let here = match dir.to_str() {
                    Some("" | ".") => tr!("the current directory").into(),
                    _ => dir.display().to_string(),
                };
                let (needed, free) = (size(*needed), size(*free));
                let text =
                    tr!("it needs {needed}, but {here} has only {free} free", needed, here, free);
                f.write_str(&text)
            }
            Self::Create(path, error) => {
                write!(f, "{}: {}", path.display(), plain_error(error))
            }
            Self::Rename(part, error) => {
                let (part, why) = (part.display(), plain_error(error));
                f.write_str(&tr!("cannot rename {part}, which has all of it: {why}", part, why))
            }
            Self::Io(error) => f.write_str(&plain_error(error)),
        }
    }
}

impl std::error::Error for FileError {}

/// What to do with a folder, which cannot be uploaded: the command that packs it into a file.
pub(crate) fn pack_first(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| "folder".into());
    let path = folder.to_string_lossy();
    let command = if cfg!(windows) {
        format!("Compress-Archive '{path}' '{name}.zip'")
    } else {
        let archive = format!("{name}.tar.gz");
        format!("tar czf {} {}", shell_words::quote(&archive), shell_words::quote(&path))
    };
    tr!("it is a folder; pack it into one file first: {command}", command)
}

impl FileError {
    /// For requests that no session makes.
    fn unsupported() -> Self {
        Self::Io(io::ErrorKind::Unsupported.into())
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What the thread answers.
#[derive(Debug)]
pub enum Reply {
    /// The answer to [`Files::open`].
    Opened {
        /// As given.
        ticket: u64,
        /// The file, or why not.
        result: Result<OpenFile, FileError>,
    },
    /// The answer to [`Files::find`].
    Found {
        /// As given.
        ticket: u64,
        /// What it has left.
        part: Option<HeldPart>,
    },
    /// The answer to [`Files::find_key`].
    KeyFound {
        /// As given.
        ticket: u64,
        /// The key.
        key: Option<UploadKey>,
    },
    /// The answer to [`FileRequest::Suspend`], which the session does not need.
    Suspended {
        /// Which.
        transfer: TransferHandle,
        /// A later run can resume it.
        survives: bool,
    },
    /// A download is complete, but without the mode and time that were to be preserved.
    NotPreserved {
        /// Which.
        transfer: TransferHandle,
        /// Why, for people.
        why: String,
    },
    /// A download is complete and has this name; [`FileReply::Kept`] follows.
    KeptAt {
        /// Which.
        transfer: TransferHandle,
        /// Where.
        path: PathBuf,
    },
    /// For the session.
    Session(FileReply),
}

#[derive(Debug)]
enum Request {
    Open {
        ticket: u64,
        path: PathBuf,
    },
    Find {
        ticket: u64,
        item: Item,
        target: Target,
    },
    Upload {
        transfer: TransferHandle,
        file: OpenFile,
    },
    Create {
        transfer: TransferHandle,
        item: Item,
        held: u64,
        target: Target,
        part: Option<HeldPart>,
    },
    Drop(HeldPart),
    KeepKey {
        item: ItemId,
        key: UploadKey,
        name: Nick,
    },
    FindKey {
        ticket: u64,
        item: ItemId,
        name: Nick,
    },
    ForgetKey(ItemId),
    Session(FileRequest),
}

/// The file thread. Dropping it leaves incomplete downloads to a later run.
#[derive(Debug)]
pub struct Files {
    requests: Option<Sender<Request>>,
    replies: Receiver<Reply>,
    thread: Option<JoinHandle<()>>,
}

impl Files {
    /// Starts the thread; every reply wakes `waker`. `server` is the `HOST:PORT` that uploads go
    /// to. With `preserve`, downloads get the attributes of the uploaded file, else those that the
    /// system gives a new file.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(waker: Arc<Waker>, server: String, preserve: bool) -> io::Result<Self> {
        let (requests, inbox) = channel();
        let (outbox, replies) = channel();
        let notify = move |reply| {
            // Both fail only when the app is gone, and then nobody waits.
            let _ = outbox.send(reply);
            let _ = waker.wake();
        };
        let thread = std::thread::Builder::new().name("files".into()).spawn(move || {
            worker::run(&inbox, &notify, State::open(state_dir::path(), server), preserve);
        })?;
        Ok(Self { requests: Some(requests), replies, thread: Some(thread) })
    }

    /// Opens a file for upload; answered by [`Reply::Opened`] with the same `ticket`.
    pub fn open(&self, ticket: u64, path: PathBuf) {
        self.send(Request::Open { ticket, path });
    }

    /// Looks for what an earlier run has left of a download; answered by [`Reply::Found`] with the
    /// same `ticket`.
    pub fn find(&self, ticket: u64, item: Item, target: Target) {
        self.send(Request::Find { ticket, item, target });
    }

    /// Makes an opened file the content of an upload, and stores its key for a later run.
    pub fn upload(&self, transfer: TransferHandle, file: OpenFile) {
        self.send(Request::Upload { transfer, file });
    }

    /// Creates the file of a download, or continues after the first `held` bytes of `part`: serves
    /// [`FileRequest::Create`].
    pub fn create(
        &self,
        transfer: TransferHandle,
        item: Item,
        held: u64,
        target: Target,
        part: Option<HeldPart>,
    ) {
        self.send(Request::Create { transfer, item, held, target, part });
    }

    /// Removes the beginning of a download that nobody wants any more.
    pub fn discard(&self, part: HeldPart) {
        self.send(Request::Drop(part));
    }

    /// Stores the key of an upload that is on the shelf, so that a later run can prove that it is
    /// ours; our name is stored with it.
    pub fn keep_key(&self, item: ItemId, key: UploadKey, name: Nick) {
        self.send(Request::KeepKey { item, key, name });
    }

    /// Looks for the key that an item was uploaded with; answered by [`Reply::KeyFound`] with the
    /// same `ticket`.
    pub fn find_key(&self, ticket: u64, item: ItemId, name: Nick) {
        self.send(Request::FindKey { ticket, item, name });
    }

    /// Forgets the key of an item that is off the shelf.
    pub fn forget_key(&self, item: ItemId) {
        self.send(Request::ForgetKey(item));
    }

    /// Passes on a session's request, except for `Create`: [`Files::create`] serves that.
    pub fn request(&self, request: FileRequest) {
        debug_assert!(!matches!(request, FileRequest::Create { .. }));
        self.send(Request::Session(request));
    }

    /// The next reply, if there is one. Does not wait.
    #[must_use]
    pub fn poll_reply(&self) -> Option<Reply> {
        self.replies.try_recv().ok()
    }

    /// Waits for the next reply; none if the thread is gone.
    #[must_use]
    pub fn wait_reply(&self) -> Option<Reply> {
        self.replies.recv().ok()
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
