//! Whether anyone still reads standard output, for who may have nothing to write for hours. Owns
//! the thread that waits for its closing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;

/// Who reads standard output.
pub(super) struct StdoutWatch(Arc<AtomicBool>);

impl StdoutWatch {
    /// Watches from now on; wakes `waker` when nobody reads any more. Where the system does not
    /// tell (Windows), only writing finds out.
    ///
    /// # Errors
    /// When there is no thread to be had.
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

    /// True once nobody reads any more.
    pub(super) fn is_gone(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Waits until nobody reads any more; false when that can't be waited for.
#[cfg(unix)]
fn wait_until_gone() -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let stdout = io::stdout();
    // No readiness is asked for: what is left is that the other side has closed.
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
