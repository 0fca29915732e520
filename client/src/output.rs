//! Standard output as lines. Owns what is not yet written; an output that is gone is noted, never a
//! panic.

use std::io::{self, Write};

/// Lines on their way to an output.
pub(super) struct Output<W> {
    out: W,
    buffer: String,
    broken: bool,
}

impl<W: Write> Output<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, buffer: String::new(), broken: false }
    }

    /// Adds a line (or several). It is written by the next [`Output::flush`].
    pub(super) fn line(&mut self, text: &str) {
        self.buffer.push_str(text);
        self.buffer.push('\n');
    }

    /// True once the output takes nothing more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Writes what was added.
    pub(super) fn flush(&mut self) {
        if self.buffer.is_empty() || self.broken {
            return;
        }
        let bytes = std::mem::take(&mut self.buffer).into_bytes();
        if let Err(error) = self.write(&bytes) {
            log::info!("standard output: {error}");
            self.broken = true;
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
    fn an_output_that_is_gone_is_noted_once_and_for_all() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut output = Output::new(Gone);
        output.flush();
        assert!(!output.is_broken());
        output.line("one");
        output.flush();
        output.line("two");
        output.flush();
        assert!(output.is_broken());
    }
}
