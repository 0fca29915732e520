//! The progress of transfers, on one line of a terminal that is redrawn in place. Without a
//! terminal on standard error it stays silent. Owns whether that line is there.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::app::App;
use crate::screen::wrap::cut;
use crate::terminal_env::takes_escapes;
use crate::text::shown;

/// Time between two drawings.
const EVERY: Duration = Duration::from_millis(200);
/// Columns that every terminal has.
const COLUMNS: usize = 79;
const ERASE_LINE: &str = "\r\x1b[K";

pub(super) struct Progress {
    /// Standard error is a terminal.
    terminal: bool,
    /// It can erase a line.
    erases: bool,
    drawn: bool,
    drawn_at: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let (terminal, erases) = (io::stderr().is_terminal(), takes_escapes(&io::stderr()));
        Self { terminal, erases, drawn: false, drawn_at: None }
    }

    /// Draws the transfer that was started first, if a drawing is due.
    pub(super) fn draw(&mut self, app: &App, now: Instant) {
        let is_due = self.drawn_at.is_none_or(|at| now.duration_since(at) >= EVERY);
        if !self.erases || !is_due {
            return;
        }
        let under_way = app.transfers().find_map(|(status, pace)| Some((status, pace?)));
        let Some((status, pace)) = under_way else { return };
        let line = cut(&shown(&pace.line(&status, now)), COLUMNS, "");
        write(&format!("{ERASE_LINE}{line}"));
        (self.drawn, self.drawn_at) = (true, Some(now));
    }

    /// Shows a line, if somebody is there to read it.
    pub(super) fn notice(&mut self, text: &str) {
        self.clear();
        if self.terminal {
            write(&format!("{}\n", shown(text)));
        }
    }

    /// Removes the line.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            write(ERASE_LINE);
        }
    }
}

/// Errors do not matter: whoever closed standard error does not want it.
fn write(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}
