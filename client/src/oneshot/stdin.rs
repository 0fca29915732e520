//! Reads all of standard input on a thread of its own: as a text, or into a file. Owns the thread.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use mio::Waker;

use crate::files::free_bytes;
use crate::lang::{because, tr};
use crate::plain_error::plain_error;
use crate::units::size;

/// Longest text that is read, in bytes: a message, and the escapes that are removed from it.
const TEXT_BYTES_MAX: u64 = 256 * 1024;

fn not_uploaded(why: String) -> String {
    because(tr!("standard input not uploaded"), why)
}

/// The result, once all is read.
pub(super) struct Stdin<T>(Receiver<Result<T, NoInput>>);

/// Why it could not be read, as a sentence.
pub(super) enum NoInput {
    /// It is larger than the server accepts.
    TooLarge(String),
    Failed(String),
}

impl From<String> for NoInput {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl Stdin<String> {
    /// Reads a text, without line breaks at its end. Bytes that are not UTF-8 are replaced.
    pub(super) fn text(waker: Arc<Waker>) -> io::Result<Self> {
        start(waker, || {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes);
            read.map_err(|error| because(tr!("standard input"), plain_error(&error)))?;
            if bytes.len() as u64 > TEXT_BYTES_MAX {
                let max = TEXT_BYTES_MAX;
                return Err(tr!("standard input is longer than {max} bytes", max).into());
            }
            let text = String::from_utf8_lossy(&bytes);
            match text.trim_end_matches(['\n', '\r']) {
                "" => {
                    Err(tr!("standard input is empty: there is nothing to send").to_owned().into())
                }
                text => Ok(text.to_owned()),
            }
        })
    }
}

impl Stdin<PathBuf> {
    /// Writes it to a new file, of at most `limit` bytes; its path. More than the disk has free is
    /// not begun to be written either.
    pub(super) fn spool(path: PathBuf, limit: u64, waker: Arc<Waker>) -> io::Result<Self> {
        start(waker, move || {
            let spooled = spool(&mut io::stdin().lock(), &path, limit);
            if spooled.is_err() {
                // Frees the space now. If there is no file, there is none to free.
                let _ = std::fs::remove_file(&path);
            }
            spooled.map(|()| path)
        })
    }
}

fn spool(input: &mut impl Read, path: &Path, limit: u64) -> Result<(), NoInput> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let no_space = |free: u64| {
        let why = tr!(
            "it is larger than the {free} that {dir} has free; set TMPDIR to use another directory",
            free = size(free),
            dir = dir.display(),
        );
        NoInput::Failed(not_uploaded(why))
    };
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => no_space(written_to(path)),
        _ => NoInput::Failed(not_uploaded(because(path.display(), plain_error(&error)))),
    };
    let free = free_bytes(dir).unwrap_or(u64::MAX);
    let mut file = File::create_new(path).map_err(failed)?;
    let bytes_max = limit.min(free);
    io::copy(&mut input.by_ref().take(bytes_max), &mut file).map_err(failed)?;
    match input.read(&mut [0]).map_err(failed)? {
        0 => Ok(()),
        _ if limit <= free => Err(NoInput::TooLarge(not_uploaded(tr!(
            "it is larger than the server accepts ({bytes} bytes)",
            bytes = limit,
        )))),
        _ => Err(no_space(free)),
    }
}

/// Bytes of it that are on the disk.
fn written_to(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

impl<T> Stdin<T> {
    /// The result, once all is read. Does not wait.
    pub(super) fn poll(&self) -> Option<Result<T, NoInput>> {
        match self.0.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                Some(Err(tr!("standard input could not be read").to_owned().into()))
            }
        }
    }
}

fn start<T: Send + 'static>(
    waker: Arc<Waker>,
    read: impl FnOnce() -> Result<T, NoInput> + Send + 'static,
) -> io::Result<Stdin<T>> {
    let (sender, receiver) = channel();
    std::thread::Builder::new().name("input".into()).spawn(move || {
        // Both fail only when the app is gone, and then nobody waits.
        let _ = sender.send(read());
        let _ = waker.wake();
    })?;
    Ok(Stdin(receiver))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spooled_file_is_no_larger_than_the_server_accepts() {
        let dir = tempfile::tempdir().unwrap();
        for (length, fits) in [(0, true), (9, true), (10, true), (11, false), (1_000_000, false)] {
            let path = dir.path().join(length.to_string());
            let spooled = spool(&mut io::repeat(b'x').take(length), &path, 10);
            assert!(written_to(&path) <= 10, "never more");
            match spooled {
                Ok(()) => assert!(fits && written_to(&path) == length),
                Err(NoInput::TooLarge(why)) => assert!(!fits && why.contains("10 bytes"), "{why}"),
                Err(NoInput::Failed(why)) => panic!("{why}"),
            }
        }
    }
}
