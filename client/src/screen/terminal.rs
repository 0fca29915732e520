//! The terminal in full-screen mode: raw, on its alternate screen, with mouse and bracketed paste;
//! and in raw mode alone, while a line is typed on it. Owns its restoring, which happens once,
//! however the program ends: at the end of a run, after an error, a panic, a signal.

use std::collections::HashSet;
use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui_core::backend::Backend;
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::{Position, Rect};
use ratatui_crossterm::CrosstermBackend;
use ratatui_crossterm::crossterm::cursor::{Hide, MoveTo, Show};
use ratatui_crossterm::crossterm::style::Print;
use ratatui_crossterm::crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use ratatui_crossterm::crossterm::{execute, queue};

use super::links::{CLOSED, Links, opened};
use super::wrap::width;

/// Longest text that goes to the clipboard, in bytes: a message whose every character is a tab.
const COPY_BYTES_MAX: usize = 32 * 1024;
/// Bytes that a frame rarely exceeds.
const BUFFER_BYTES: usize = 64 * 1024;
/// Pastes are marked, and gaining or losing the focus is reported. A Windows console reports the
/// focus unasked, and hands on pastes as keys; `console` tells them from typing.
const REPORTS_ON: &str = if cfg!(windows) { "" } else { "\x1b[?2004h\x1b[?1004h" };
const REPORTS_OFF: &str = if cfg!(windows) { "" } else { "\x1b[?1004l\x1b[?2004l" };
/// Buttons and wheel, but no movement, which would wake us for nothing.
#[cfg(not(windows))]
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
#[cfg(not(windows))]
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";
/// Saves and restores the window's title.
const KEEP_TITLE: &str = "\x1b[22;0t";
const BRING_TITLE_BACK: &str = "\x1b[23;0t";
const BELL: &str = "\x07";

/// The full screen is on.
static IS_ON: AtomicBool = AtomicBool::new(false);
/// Raw mode is on.
static IS_RAW: AtomicBool = AtomicBool::new(false);
static PANIC_HOOK: Once = Once::new();

/// The terminal in full-screen mode. Dropping it restores the terminal.
pub struct Terminal {
    backend: CrosstermBackend<BufWriter<Stdout>>,
    /// What the terminal shows.
    shown: Buffer,
    shown_links: Links,
    /// The next frame.
    next: Buffer,
    next_links: Links,
    /// Clicks and the wheel come to the program.
    has_mouse: bool,
    is_cursor_shown: bool,
    title: String,
}

impl Terminal {
    /// Turns the full screen on.
    ///
    /// # Errors
    /// When standard output is not a terminal, or fails.
    pub fn enter(has_mouse: bool) -> io::Result<Self> {
        restore_on_panic();
        turn_on(has_mouse)?;
        Ok(Self {
            backend: CrosstermBackend::new(BufWriter::with_capacity(BUFFER_BYTES, io::stdout())),
            shown: Buffer::default(),
            shown_links: Links::default(),
            next: Buffer::default(),
            next_links: Links::default(),
            has_mouse,
            is_cursor_shown: true,
            title: String::new(),
        })
    }

    /// Turns the full screen on again, after another program had the terminal. The next frame is
    /// drawn in full.
    ///
    /// # Errors
    /// As [`Terminal::enter`].
    pub fn resume(&mut self) -> io::Result<()> {
        // It may still be on, and the mode of the terminal is unknown now.
        restore();
        turn_on(self.has_mouse)?;
        self.is_cursor_shown = true;
        self.title.clear();
        self.redraw();
        Ok(())
    }

    /// Draws what has changed, in one synchronised update; `draw` fills an empty buffer and returns
    /// the place of the cursor.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(
        &mut self,
        draw: impl FnOnce(&mut Buffer, &mut Links) -> Option<Position>,
    ) -> io::Result<()> {
        let area = Rect::from((Position::ORIGIN, self.backend.size()?));
        self.next.resize(area);
        self.next.reset();
        self.next_links.reset(area);
        let cursor = draw(&mut self.next, &mut self.next_links);
        queue!(self.backend, BeginSynchronizedUpdate)?;
        if self.shown.area != area {
            self.shown = Buffer::empty(area);
            self.shown_links.reset(area);
            queue!(self.backend, Clear(ClearType::All))?;
        }
        self.draw_changes()?;
        if self.is_cursor_shown != cursor.is_some() {
            self.is_cursor_shown = cursor.is_some();
            if self.is_cursor_shown {
                queue!(self.backend, Show)
            } else {
                queue!(self.backend, Hide)
            }?;
        }
        if let Some(Position { x, y }) = cursor {
            queue!(self.backend, MoveTo(x, y))?;
        }
        std::mem::swap(&mut self.shown, &mut self.next);
        std::mem::swap(&mut self.shown_links, &mut self.next_links);
        execute!(self.backend, EndSynchronizedUpdate)
    }

    /// Writes the cells that differ in the next frame, with addresses as links.
    fn draw_changes(&mut self) -> io::Result<()> {
        let mut changes = self.shown.diff(&self.next);
        let (shown, next) = (&self.shown_links, &self.next_links);
        if shown.is_empty() && next.is_empty() {
            return self.backend.draw(changes.into_iter());
        }
        add_relinked(&mut changes, &self.next, shown, next);
        for run in changes.chunk_by(|a, b| next.at(a.0, a.1) == next.at(b.0, b.1)) {
            let target = next.at(run[0].0, run[0].1);
            if let Some(target) = target {
                queue!(self.backend, Print(opened(target)))?;
            }
            self.backend.draw(run.iter().copied())?;
            if target.is_some() {
                queue!(self.backend, Print(CLOSED))?;
            }
        }
        Ok(())
    }

    /// True when clicks and the wheel come to the program.
    #[must_use]
    pub fn has_mouse(&self) -> bool {
        self.has_mouse
    }

    /// Takes the mouse, or leaves it to the terminal, which selects text with it.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.has_mouse = on;
        mouse(&mut self.backend, on)?;
        io::Write::flush(&mut self.backend)
    }

    /// Copies a text to the terminal's clipboard, or the beginning of a long one. Whether that
    /// worked the terminal does not say.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let text = &text[..text.floor_char_boundary(COPY_BYTES_MAX)];
        let encoded = data_encoding::BASE64.encode(text.as_bytes());
        execute!(self.backend, Print(format!("\x1b]52;c;{encoded}\x07")))
    }

    /// Makes the next frame a full one. Asks the terminal nothing: another thread would read the
    /// answer.
    pub fn redraw(&mut self) {
        self.shown = Buffer::default();
    }

    /// Shows this as the window's title.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn set_title(&mut self, title: &str) -> io::Result<()> {
        if title == self.title {
            return Ok(());
        }
        title.clone_into(&mut self.title);
        execute!(self.backend, SetTitle(title))
    }

    /// Rings the bell.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn ring(&mut self) -> io::Result<()> {
        execute!(self.backend, Print(BELL))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Adds the cells that look the same but belong to another link, or no longer to one.
fn add_relinked<'a>(
    changes: &mut Vec<(u16, u16, &'a Cell)>,
    next: &'a Buffer,
    shown_links: &Links,
    next_links: &Links,
) {
    let changed: HashSet<(u16, u16)> = changes.iter().map(|(x, y, _)| (*x, *y)).collect();
    for y in 0..next.area.height {
        let mut x = 0;
        while x < next.area.width {
            let cell = &next[(x, y)];
            if shown_links.at(x, y) != next_links.at(x, y) && !changed.contains(&(x, y)) {
                changes.push((x, y, cell));
            }
            // The second cell of a wide character has no text of its own.
            x += (width(cell.symbol()) as u16).max(1);
        }
    }
    changes.sort_by_key(|(x, y, _)| (*y, *x));
}

/// Turns the full screen on, completely or not at all.
fn turn_on(has_mouse: bool) -> io::Result<()> {
    make_raw()?;
    IS_ON.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    queue!(out, Print(KEEP_TITLE), EnterAlternateScreen, Print(REPORTS_ON))
        .and_then(|()| if has_mouse { mouse(&mut out, true) } else { Ok(()) })
        .and_then(|()| out.flush())
        .inspect_err(|_| restore())
}

/// Restores the terminal. May be called from any thread, and more than once.
pub fn restore() {
    if IS_ON.swap(false, Ordering::SeqCst) {
        leave_screen();
    }
    if IS_RAW.swap(false, Ordering::SeqCst) {
        let _ = disable_raw_mode();
    }
}

fn leave_screen() {
    let mut out = io::stdout();
    // A terminal that is gone needs no restoring.
    let _ = mouse(&mut out, false);
    let _ = execute!(
        out,
        EndSynchronizedUpdate,
        Print(REPORTS_OFF),
        LeaveAlternateScreen,
        Print(BRING_TITLE_BACK),
        Show
    );
}

fn make_raw() -> io::Result<()> {
    enable_raw_mode()?;
    IS_RAW.store(true, Ordering::SeqCst);
    Ok(())
}

fn restore_on_panic() {
    PANIC_HOOK.call_once(|| {
        let before = std::panic::take_hook();
        // The release profile aborts on a panic, and drops nothing.
        std::panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
    });
}

/// The terminal in raw mode, otherwise unchanged. Dropping it restores the terminal.
pub(crate) struct Raw(());

impl Raw {
    /// # Errors
    /// When standard input is not a terminal, or fails.
    pub(crate) fn enter() -> io::Result<Self> {
        restore_on_panic();
        make_raw()?;
        Ok(Self(()))
    }

    /// No terminal at all.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self(())
    }

    /// Gives the terminal back for a while.
    pub(crate) fn leave(&mut self) {
        restore();
    }

    /// Takes it again; another program may have changed its mode.
    ///
    /// # Errors
    /// As [`Raw::enter`].
    pub(crate) fn enter_again(&mut self) -> io::Result<()> {
        restore();
        make_raw()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

#[cfg(not(windows))]
fn mouse(out: &mut impl Write, on: bool) -> io::Result<()> {
    queue!(out, Print(if on { MOUSE_ON } else { MOUSE_OFF }))
}

#[cfg(windows)]
fn mouse(out: &mut impl Write, on: bool) -> io::Result<()> {
    use ratatui_crossterm::crossterm::event::{DisableMouseCapture, EnableMouseCapture};
    if on { queue!(out, EnableMouseCapture) } else { queue!(out, DisableMouseCapture) }
}
