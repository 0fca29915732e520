//! A client on a real pseudo-terminal, seen as the screen that its user sees.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use chatshelf_testkit::fake_server::{FakeServer, Guest};
use chatshelf_testkit::wait::eventually;
use chatshelf_testkit::wait::read_some;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::room::command_to;

/// Rows and columns, unless it is said otherwise.
const SIZE: (u16, u16) = (50, 120);

/// A client that runs. Dropped, it is killed and waited for.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    /// The terminal itself: gone, its window is closed.
    master: Option<(Box<dyn MasterPty + Send>, Box<dyn Write + Send>)>,
    shown: Arc<Mutex<Shown>>,
}

/// What has come so far.
struct Shown {
    bytes: Vec<u8>,
    parser: vt100::Parser<Noticed>,
}

/// What is no text, but noticed by who sits there.
#[derive(Default)]
pub(crate) struct Noticed {
    pub(crate) title: String,
    pub(crate) bells: usize,
}

impl vt100::Callbacks for Noticed {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bells += 1;
    }

    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.title = String::from_utf8_lossy(title).into_owned();
    }
}

impl Terminal {
    /// Runs the command there, with colours.
    pub(crate) fn start(command: &Command) -> Self {
        Self::start_sized(command, SIZE)
    }

    /// The same on so many rows and columns.
    pub(crate) fn start_sized(command: &Command, (rows, cols): (u16, u16)) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        if let Some(dir) = command.get_current_dir() {
            builder.cwd(dir);
        }
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
        let parser = vt100::Parser::new_with_callbacks(rows, cols, 0, Noticed::default());
        let shown = Arc::new(Mutex::new(Shown { bytes: Vec::new(), parser }));
        let sink = Arc::clone(&shown);
        // It ends when no program holds the terminal any more, which may be long after the test.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = read_some(&mut output, &mut buffer) {
                let mut shown = sink.lock().expect("no reader panics");
                shown.bytes.extend_from_slice(&buffer[..count]);
                shown.parser.process(&buffer[..count]);
            }
        });
        Self { child, master: Some((pty.master, input)), shown }
    }

    /// Runs a client with these options, which joins this server as ada.
    #[track_caller]
    pub(crate) fn join(server: &FakeServer, dir: &Path, options: &[&str]) -> (Self, Guest) {
        Self::join_sized(server, dir, options, SIZE)
    }

    /// The same on so many rows and columns.
    #[track_caller]
    pub(crate) fn join_sized(
        server: &FakeServer,
        dir: &Path,
        options: &[&str],
        size: (u16, u16),
    ) -> (Self, Guest) {
        let mut command = command_to(server, dir);
        let terminal = Self::start_sized(command.args(["--name", "ada"]).args(options), size);
        let mut guest = server.accept();
        guest.welcome();
        terminal.shows("welcome, ada");
        (terminal, guest)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().expect("no reader panics")
    }

    /// Presses keys; `\r` is Enter.
    #[track_caller]
    pub(crate) fn types(&mut self, keys: &str) {
        let (_, input) = self.master.as_mut().expect("the window is open");
        input.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Pastes a text in one piece, as terminals do for who has asked for that.
    #[track_caller]
    pub(crate) fn pastes(&mut self, text: &str) {
        self.types(&format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r")));
    }

    /// Clicks there; both count from 0.
    #[track_caller]
    pub(crate) fn clicks(&mut self, row: u16, column: u16) {
        let (row, column) = (row + 1, column + 1);
        self.types(&format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m"));
    }

    /// Makes the window another size.
    pub(crate) fn resize(&mut self, rows: u16, cols: u16) {
        self.shown().parser.screen_mut().set_size(rows, cols);
        let (master, _) = self.master.as_ref().expect("the window is open");
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        master.resize(size).expect("the terminal takes a size");
    }

    /// Closes the window.
    pub(crate) fn close_window(&mut self) {
        self.master = None;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// All bytes that were sent to the screen.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.shown().bytes.clone()
    }

    /// The screen as text.
    pub(crate) fn screen(&self) -> String {
        self.shown().parser.screen().contents()
    }

    /// Looks at the screen with all its colours.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.shown().parser.screen())
    }

    /// The window's title.
    pub(crate) fn title(&self) -> String {
        self.shown().parser.callbacks().title.clone()
    }

    /// How often the bell has rung.
    pub(crate) fn bells(&self) -> usize {
        self.shown().parser.callbacks().bells
    }

    /// The line the cursor is on, up to the cursor.
    pub(crate) fn cursor_line(&self) -> String {
        self.look(|screen| {
            let (row, column) = screen.cursor_position();
            screen.contents_between(row, 0, row, column)
        })
    }

    /// Where this is on the screen: row and column.
    #[track_caller]
    pub(crate) fn place_of(&self, text: &str) -> (u16, u16) {
        self.look(|screen| {
            let rows = screen.rows(0, screen.size().1).collect::<Vec<_>>();
            let found = rows.iter().enumerate().find_map(|(row, line)| {
                let before = &line[..line.find(text)?];
                Some((row as u16, before.chars().count() as u16))
            });
            found.unwrap_or_else(|| panic!("{text:?} is not on the screen"))
        })
    }

    /// Waits until the screen shows this.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        let what = format!("{text:?} on the screen");
        eventually(&what, || self.screen().contains(text).then_some(()));
    }

    /// Waits until the screen shows this no more.
    #[track_caller]
    pub(crate) fn shows_no_more(&self, text: &str) {
        let what = format!("a screen without {text:?}");
        eventually(&what, || (!self.screen().contains(text)).then_some(()));
    }

    /// Waits until the cursor stands behind exactly this, at the start of a line.
    #[track_caller]
    pub(crate) fn cursor_is_behind(&self, text: &str) {
        let what = format!("the cursor behind {text:?}");
        eventually(&what, || (self.cursor_line() == text).then_some(()));
    }

    /// Waits until the terminal is as it was before the full screen: its first screen, a cursor,
    /// no mouse, pastes as they come, and lines that it ends and shows itself.
    #[track_caller]
    pub(crate) fn is_restored(&self) {
        eventually("a terminal that is restored", || {
            let (master, _) = self.master.as_ref().expect("the window is open");
            let modes = master.get_termios().expect("a terminal has modes");
            let modes = format!("{:?}", modes.local_flags);
            let is_cooked = modes.contains("ICANON") && modes.contains("ECHO");
            let is_restored = self.look(|screen| {
                !screen.alternate_screen()
                    && !screen.hide_cursor()
                    && !screen.bracketed_paste()
                    && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
            });
            (is_restored && is_cooked).then_some(())
        });
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
        if std::thread::panicking() {
            eprintln!("the screen was:\n{}", self.screen());
        }
        // Only one that runs still: the number of one that has ended may be another's already.
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
