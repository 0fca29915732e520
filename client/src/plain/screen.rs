//! Standard output as lines, with a prompt below them when there is one. Owns what is not yet
//! written; an output that is gone is noted, never a panic.

use std::io::{self, Write};

/// Erases the line the cursor is on.
const ERASE_LINE: &str = "\r\x1b[K";

/// Lines on their way to an output.
pub(super) struct Screen<W> {
    out: W,
    buffer: String,
    /// Shown below the lines; `None` when the output is no terminal.
    prompt: Option<String>,
    prompt_shown: bool,
    broken: bool,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W, with_prompt: bool) -> Self {
        let prompt = with_prompt.then(String::new);
        Self { out, buffer: String::new(), prompt, prompt_shown: false, broken: false }
    }

    /// Adds a line (or several). It is written by the next [`Screen::flush`].
    pub(super) fn line(&mut self, text: &str) {
        self.erase_prompt();
        self.buffer.push_str(text);
        self.buffer.push('\n');
    }

    /// Changes the prompt.
    pub(super) fn set_prompt(&mut self, text: &str) {
        if self.prompt.as_deref().is_some_and(|prompt| prompt != text) {
            self.erase_prompt();
            self.prompt = Some(text.to_owned());
        }
    }

    /// Enter was pressed: the terminal has moved the cursor below the prompt.
    pub(super) fn entered(&mut self) {
        self.prompt_shown = false;
    }

    /// True once the output takes nothing more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Writes what was added, and the prompt below it.
    pub(super) fn flush(&mut self) {
        if let Some(prompt) = &self.prompt
            && !self.prompt_shown
            && !prompt.is_empty()
        {
            self.buffer.push_str(prompt);
            self.prompt_shown = true;
        }
        if self.buffer.is_empty() || self.broken {
            return;
        }
        let bytes = std::mem::take(&mut self.buffer).into_bytes();
        if let Err(error) = self.write(&bytes) {
            log::info!("standard output: {error}");
            self.broken = true;
        }
    }

    /// Removes the prompt and writes what is left.
    pub(super) fn close(&mut self) {
        self.erase_prompt();
        self.prompt = None;
        self.flush();
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    fn erase_prompt(&mut self) {
        if std::mem::take(&mut self.prompt_shown) {
            self.buffer.push_str(ERASE_LINE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_is_erased_before_a_line_and_shown_again_after_it() {
        let mut screen = Screen::new(Vec::new(), true);
        screen.set_prompt("> ");
        screen.flush();
        screen.line("one");
        screen.line("two");
        screen.flush();
        screen.flush();
        assert_eq!(screen.out, b"> \r\x1b[Kone\ntwo\n> ");
        screen.entered();
        screen.line("three");
        screen.close();
        assert!(screen.out.ends_with(b"> three\n"));
    }

    #[test]
    fn without_a_terminal_there_is_no_prompt_and_no_escape() {
        let mut screen = Screen::new(Vec::new(), false);
        screen.set_prompt("> ");
        screen.flush();
        screen.line("one");
        screen.close();
        assert_eq!(screen.out, b"one\n");
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
        let mut screen = Screen::new(Gone, false);
        screen.flush();
        assert!(!screen.is_broken());
        screen.line("one");
        screen.flush();
        screen.line("two");
        screen.close();
        assert!(screen.is_broken());
    }
}
