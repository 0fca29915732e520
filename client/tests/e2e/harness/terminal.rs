//! A client on a real pseudo-terminal, seen as the screen that its user sees.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::eventually;

const SIZE: PtySize = PtySize { rows: 50, cols: 120, pixel_width: 0, pixel_height: 0 };

/// A client that runs. Dropped, it is killed and waited for.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    /// The terminal itself: gone, its window is closed.
    master: Option<(Box<dyn MasterPty + Send>, Box<dyn Write + Send>)>,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Runs the command there, with colours.
    pub(crate) fn start(command: &Command) -> Self {
        let pty = native_pty_system().openpty(SIZE).expect("a pseudo-terminal");
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        builder.cwd(command.get_current_dir().expect("a folder to run in"));
        builder.env("TERM", "xterm-256color");
        builder.env_remove("NO_COLOR");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => builder.env(name, value),
                None => builder.env_remove(name),
            }
        }
        let child = pty.slave.spawn_command(builder).expect("the program runs");
        drop(pty.slave);
        let mut output = pty.master.try_clone_reader().expect("the terminal's output");
        let input = pty.master.take_writer().expect("the terminal's input");
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        // It ends when no program holds the terminal any more, which may be long after the test.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                sink.lock().expect("no reader panics").extend_from_slice(&buffer[..count]);
            }
        });
        Self { child, master: Some((pty.master, input)), bytes }
    }

    /// Presses keys; `\r` is Enter.
    #[track_caller]
    pub(crate) fn types(&mut self, keys: &str) {
        let (_, input) = self.master.as_mut().expect("the window is open");
        input.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Closes the window.
    pub(crate) fn close_window(&mut self) {
        self.master = None;
    }

    /// All bytes that were sent to the screen.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().expect("no reader panics").clone()
    }

    /// The screen as text.
    pub(crate) fn screen(&self) -> String {
        self.parsed().screen().contents()
    }

    /// The line the cursor is on, up to the cursor.
    pub(crate) fn cursor_line(&self) -> String {
        let parsed = self.parsed();
        let (row, column) = parsed.screen().cursor_position();
        parsed.screen().contents_between(row, 0, row, column)
    }

    fn parsed(&self) -> vt100::Parser {
        let mut parser = vt100::Parser::new(SIZE.rows, SIZE.cols, 0);
        parser.process(&self.bytes());
        parser
    }

    /// Waits until the screen shows this.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        let what = format!("{text:?} on the screen");
        eventually(&what, || self.screen().contains(text).then_some(()));
    }

    /// Waits until the cursor stands behind exactly this, at the start of a line.
    #[track_caller]
    pub(crate) fn cursor_is_behind(&self, text: &str) {
        let what = format!("the cursor behind {text:?}");
        eventually(&what, || (self.cursor_line() == text).then_some(()));
    }

    /// Waits for its end; the exit code.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> u32 {
        let status = eventually("the end of a client on a terminal", || {
            self.child.try_wait().expect("the child is ours")
        });
        status.exit_code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Only one that runs still: the number of one that has ended may be another's by now.
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the screen was:\n{}", self.screen());
        }
    }
}
