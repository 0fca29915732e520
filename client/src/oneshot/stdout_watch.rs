//! Notices when the reader of standard output is gone, for a command that may have nothing to write
//! for hours. Owns the thread that waits for that.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;

/// A watch on the reader of standard output.
pub(super) struct StdoutWatch(Arc<AtomicBool>);

impl StdoutWatch {
    /// Watches from now on; wakes `waker` when the reader is gone. Where the system does not tell
    /// (Windows), only writing finds out.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn watch(waker: Arc<Waker>) -> io::Result<Self> {
        let is_gone = Arc::new(AtomicBool::new(false));
        let gone = Arc::clone(&is_gone);
        std::thread::Builder::new().name("output".into()).spawn(move || {
            if wait_until_gone() {
                gone.store(true, Ordering::SeqCst);
                let _ = waker.wake();
            }
        })?;
        Ok(Self(is_gone))
    }

    /// True once the reader is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Waits until the reader is gone; false when the system cannot tell.
#[cfg(unix)]
fn wait_until_gone() -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let stdout = io::stdout();
    // Without any readiness to wait for, only the closing of the other end is reported.
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    loop {
        match poll(&mut polled, None) {
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
            Ok(_) => return polled[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
        }
    }
}

#[cfg(not(unix))]
fn wait_until_gone() -> bool {
    false
}
