//! Waiting for what must come. No test depends on how fast anything is: only a hang ends the
//! waiting.

use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};

/// Longest wait for anything. Only a hang takes this long, even on a busy machine and under Wine.
pub const HANG: Duration = Duration::from_secs(60);

/// From one question to the next.
const ASK_EVERY: Duration = Duration::from_millis(3);

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within [`HANG`]; the message says what was waited for.
#[track_caller]
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(HANG, what, ask)
}

/// Asks until there is an answer, for at most `time`.
///
/// # Panics
/// When there is none by then.
#[track_caller]
pub fn within<T>(time: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < time, "this did not come within {time:?}: {what}");
        std::thread::sleep(ASK_EVERY);
    }
}

/// Reads once. A read with a timeout is interrupted when its process is stopped and continued,
/// which is no end of what is read.
///
/// # Errors
/// Those of the reader, except an interruption.
pub fn read_some(from: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
