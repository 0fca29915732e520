//! Standard output as lines. Owns what is not yet written; an output that is gone or full is noted,
//! never a panic.

use std::io::{self, ErrorKind, Write};

/// Lines on their way to an output.
pub(crate) struct Output<W> {
    out: W,
    buffer: String,
    /// What ends a line: a raw terminal wants to be told to go back to the first column.
    line_end: &'static str,
    /// Why it takes nothing more.
    error: Option<io::Error>,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, buffer: String::new(), line_end: "\n", error: None }
    }

    /// The same for a terminal that is raw.
    pub(crate) fn raw(out: W) -> Self {
        Self { line_end: "\r\n", ..Self::new(out) }
    }

    /// Adds a line (or several). It is written by the next [`Output::flush`].
    pub(crate) fn line(&mut self, text: &str) {
        for line in text.split('\n') {
            self.buffer.push_str(line);
            self.buffer.push_str(self.line_end);
        }
    }

    /// Adds text before what was added since the last [`Output::flush`].
    pub(crate) fn put_before(&mut self, text: &str) {
        self.buffer.insert_str(0, text);
    }

    /// Adds text that is no line.
    pub(crate) fn put_behind(&mut self, text: &str) {
        self.buffer.push_str(text);
    }

    /// True when nothing was added since the last [`Output::flush`].
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// True once the output takes nothing more.
    pub(crate) fn is_broken(&self) -> bool {
        self.error.is_some()
    }

    /// Writes what was added.
    pub(crate) fn flush(&mut self) {
        if self.buffer.is_empty() || self.is_broken() {
            return;
        }
        let bytes = std::mem::take(&mut self.buffer).into_bytes();
        if let Err(error) = self.write(&bytes) {
            log::info!("standard output: {error}");
            self.error = Some(error);
        }
    }

    /// Writes what was added, and nothing more will be.
    ///
    /// # Errors
    /// When not everything could be written. An output that was closed had seen enough, and lost
    /// nothing.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.flush();
        match self.error.take() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_as_they_are_when_they_are_flushed() {
        let mut output = Output::new(Vec::new());
        output.line("one");
        assert_eq!(output.out, b"");
        output.line("two\nthree");
        output.flush();
        output.flush();
        assert_eq!(output.out, b"one\ntwo\nthree\n");
    }

    #[test]
    fn on_a_raw_terminal_every_line_ends_in_the_first_column() {
        let mut output = Output::raw(Vec::new());
        output.line("one\ntwo");
        output.put_before("\r");
        output.put_behind("prompt");
        output.flush();
        assert_eq!(output.out, b"\rone\r\ntwo\r\nprompt");
    }

    #[test]
    fn an_output_that_fails_is_noted_once_and_for_all_and_only_a_closed_one_has_lost_nothing() {
        struct Failing(ErrorKind);
        impl Write for Failing {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for kind in [ErrorKind::BrokenPipe, ErrorKind::StorageFull] {
            let mut output = Output::new(Failing(kind));
            output.flush();
            assert!(!output.is_broken());
            output.line("one");
            output.flush();
            output.line("two");
            output.flush();
            assert!(output.is_broken());
            assert_eq!(output.close().is_ok(), kind == ErrorKind::BrokenPipe);
        }
    }
}
