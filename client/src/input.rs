//! Standard input, read by a thread of its own: the one path for a terminal, a pipe, a file,
//! `/dev/null` and a closed descriptor. Owns the thread; knows nothing of what lines mean.

use std::io::{self, BufRead, ErrorKind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use mio::Waker;

use crate::raw_text;

/// Longest line that is taken, in bytes; a longer one is reported and skipped.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Lines that wait to be taken; the thread pauses behind them.
const LINES_WAITING_MAX: usize = 64;

/// What comes from standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line without its end. Bytes that are not UTF-8 are as `raw_text` carries them.
    Text(String),
    /// A line over [`LINE_BYTES_MAX`], skipped.
    TooLong,
    /// There is no more.
    End,
}

/// The lines of standard input.
#[derive(Debug)]
pub struct Input {
    lines: Receiver<Line>,
}

impl Input {
    /// Starts the thread; every line wakes `waker`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(waker: Arc<Waker>) -> io::Result<Self> {
        let (sender, lines) = sync_channel(LINES_WAITING_MAX);
        std::thread::Builder::new().name("input".into()).spawn(move || {
            feed(&mut io::stdin().lock(), &sender, &|| {
                let _ = waker.wake();
            });
        })?;
        Ok(Self { lines })
    }

    /// The next line, if there is one. Does not wait.
    #[must_use]
    pub fn poll_line(&self) -> Option<Line> {
        match self.lines.try_recv() {
            Ok(line) => Some(line),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Line::End),
        }
    }

    /// Waits for the next line, as long as it takes.
    #[must_use]
    pub fn wait_line(&self) -> Line {
        self.lines.recv().unwrap_or(Line::End)
    }
}

/// Feeds lines to the channel until the source ends or nobody takes them.
fn feed(source: &mut dyn BufRead, sender: &SyncSender<Line>, wake: &dyn Fn()) {
    let mut splitter = Splitter::default();
    loop {
        let chunk = match source.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                log::info!("standard input: {error}");
                &[]
            }
        };
        let send = |line| {
            let is_taken = sender.send(line).is_ok();
            if is_taken {
                wake();
            }
            is_taken
        };
        if chunk.is_empty() {
            if splitter.end().is_none_or(send) {
                send(Line::End);
            }
            return;
        }
        let Cut { taken, line } = splitter.take(chunk);
        source.consume(taken);
        if !line.is_none_or(send) {
            return;
        }
    }
}

/// What was taken of some bytes.
#[derive(Debug)]
struct Cut {
    /// How many of them.
    taken: usize,
    /// The line that they end.
    line: Option<Line>,
}

/// Cuts bytes into lines, holding at most one of [`LINE_BYTES_MAX`].
#[derive(Debug, Default)]
struct Splitter {
    partial: Vec<u8>,
    too_long: bool,
}

impl Splitter {
    /// Takes bytes up to the first line end.
    fn take(&mut self, chunk: &[u8]) -> Cut {
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        if self.partial.len() + part.len() > LINE_BYTES_MAX {
            self.too_long = true;
            self.partial = Vec::new();
        }
        if !self.too_long {
            self.partial.extend_from_slice(part);
        }
        match end {
            None => Cut { taken: chunk.len(), line: None },
            Some(end) => Cut { taken: end + 1, line: Some(self.line()) },
        }
    }

    /// The source has ended: a last line without an end counts as well.
    fn end(&mut self) -> Option<Line> {
        let has_rest = self.too_long || !self.partial.is_empty();
        has_rest.then(|| self.line())
    }

    fn line(&mut self) -> Line {
        let bytes = std::mem::take(&mut self.partial);
        if std::mem::take(&mut self.too_long) {
            return Line::TooLong;
        }
        Line::Text(raw_text::from_bytes(bytes.strip_suffix(b"\r").unwrap_or(&bytes)))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::BufReader;

    use super::*;

    fn lines(bytes: &[u8], buffer: usize) -> Vec<Line> {
        let (sender, receiver) = sync_channel(100);
        let wakes = Cell::new(0);
        let mut source = BufReader::with_capacity(buffer, bytes);
        feed(&mut source, &sender, &|| wakes.set(wakes.get() + 1));
        let lines: Vec<Line> = receiver.try_iter().collect();
        assert_eq!(wakes.get(), lines.len(), "every line wakes the poll");
        lines
    }

    fn text(line: &str) -> Line {
        Line::Text(line.into())
    }

    #[test]
    fn lines_are_the_same_whatever_the_buffer() {
        for buffer in 1..20 {
            let expected = [text("one"), text(""), text("żwei"), text("last"), Line::End];
            assert_eq!(lines("one\n\nżwei\r\nlast".as_bytes(), buffer), expected);
        }
        assert_eq!(lines(b"", 8), [Line::End]);
        let [Line::Text(raw), Line::End] = &lines(b"\xff\n", 8)[..] else { panic!() };
        assert_eq!(raw_text::lossy(raw), "\u{fffd}");
    }

    #[test]
    fn an_endless_line_is_passed_over_without_being_kept() {
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        let source = format!("a\n{long}{long}\nb\n{long}");
        for buffer in [7, 4096, 1_000_000] {
            let expected = [text("a"), Line::TooLong, text("b"), Line::TooLong, Line::End];
            assert_eq!(lines(source.as_bytes(), buffer), expected);
        }
        let exact = "x".repeat(LINE_BYTES_MAX);
        assert_eq!(lines(exact.as_bytes(), 4096), [text(&exact), Line::End]);
    }
}
