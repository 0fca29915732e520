//! Standard output as lines. Owns what is not written yet; an output that is closed or full is
//! noted, and never a panic.

use std::io::{self, Write};

use crate::plain_error::is_reader_gone;

/// Lines on their way to an output.
pub(crate) struct Output<W> {
    out: W,
    buffer: String,
    /// What ends a line: in raw mode a terminal does not return to the first column by itself.
    line_end: &'static str,
    /// Why it accepts nothing more.
    error: Option<io::Error>,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, buffer: String::new(), line_end: "\n", error: None }
    }

    /// The same for a terminal in raw mode.
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

    /// Adds text after that, without ending the line.
    pub(crate) fn put_after(&mut self, text: &str) {
        self.buffer.push_str(text);
    }

    /// True when nothing was added since the last [`Output::flush`].
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// True once the output accepts nothing more.
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

    /// Writes what was added, for the last time.
    ///
    /// # Errors
    /// When not everything could be written. A reader that closed its end had seen enough, so
    /// nothing is lost.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.flush();
        match self.error.take() {
            Some(error) if !is_reader_gone(&error) => Err(error),
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
    use std::io::ErrorKind;

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
        output.put_after("prompt");
        output.flush();
        assert_eq!(output.out, b"\rone\r\ntwo\r\nprompt");
    }

    #[test]
    fn a_failed_output_accepts_nothing_more_and_only_a_closed_one_is_no_loss() {
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
