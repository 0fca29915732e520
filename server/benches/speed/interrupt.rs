//! Ctrl-C: the measurement that is under way fails, and ends what it has started.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ctrl-C was pressed.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Takes Ctrl-C from now on.
///
/// # Errors
/// When the system refuses.
pub(crate) fn take() -> io::Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed)).map_err(io::Error::other)
}

/// Asked now and then while something is measured.
///
/// # Errors
/// Once Ctrl-C was pressed.
pub(crate) fn check() -> io::Result<()> {
    let is_interrupted = INTERRUPTED.load(Ordering::Relaxed);
    if is_interrupted { Err(io::Error::other("interrupted")) } else { Ok(()) }
}
