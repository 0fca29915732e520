//! All of standard input, read on a thread of its own: as a text, or into a file. Owns the thread.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use mio::Waker;

use crate::link::plain_error;

/// Longest text that is read: a message and whatever escapes are cleaned out of it.
const TEXT_BYTES_MAX: u64 = 256 * 1024;

/// What comes of it, once all is there.
pub(super) struct Intake<T>(Receiver<Result<T, String>>);

impl Intake<String> {
    /// Reads a text: without the line end at its end, and bytes that are no UTF-8 replaced.
    pub(super) fn text(waker: Arc<Waker>) -> io::Result<Self> {
        start(waker, || {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes);
            read.map_err(|error| format!("standard input: {}", plain_error(&error)))?;
            if bytes.len() as u64 > TEXT_BYTES_MAX {
                return Err(format!("standard input is longer than {TEXT_BYTES_MAX} bytes"));
            }
            let text = String::from_utf8_lossy(&bytes);
            match text.trim_end_matches(['\n', '\r']) {
                "" => Err("standard input is empty: there is nothing to say".into()),
                text => Ok(text.to_owned()),
            }
        })
    }

    /// Writes it to a new file; its path.
    pub(super) fn spool(path: PathBuf, waker: Arc<Waker>) -> io::Result<Self> {
        start(waker, move || {
            let copy = || io::copy(&mut io::stdin().lock(), &mut File::create_new(&path)?);
            match copy() {
                Ok(_) => Ok(path.to_string_lossy().into_owned()),
                Err(error) => {
                    let (place, why) = (path.display(), plain_error(&error));
                    Err(format!("standard input can't be kept in {place}: {why}"))
                }
            }
        })
    }
}

impl<T> Intake<T> {
    /// What came of it, if all is there. Does not wait.
    pub(super) fn poll(&self) -> Option<Result<T, String>> {
        match self.0.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err("standard input could not be read".into())),
        }
    }
}

fn start<T: Send + 'static>(
    waker: Arc<Waker>,
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> io::Result<Intake<T>> {
    let (sender, receiver) = channel();
    std::thread::Builder::new().name("input".into()).spawn(move || {
        // Fails when the front is gone, and then nobody waits.
        let _ = sender.send(read());
        let _ = waker.wake();
    })?;
    Ok(Intake(receiver))
}
