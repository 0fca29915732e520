//! The terminal while the full screen is on it: raw, on its other screen, with a mouse and pastes in
//! one piece; and while a line is typed on it, raw alone. Owns its restoring, which happens once whatever ends the program: the end of a run, an
//! error, a panic, a signal.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::crossterm::cursor::{Hide, MoveTo, Show};
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange,
};
use ratatui::crossterm::style::Print;
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, queue};
use ratatui::layout::{Position, Rect};

/// Bytes that a screenful seldom exceeds.
const BUFFER_BYTES: usize = 64 * 1024;
/// Buttons and wheel, but no movement: that would wake us for nothing.
#[cfg(not(windows))]
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
#[cfg(not(windows))]
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";
/// The title is put aside, and brought back.
const KEEP_TITLE: &str = "\x1b[22;0t";
const BRING_TITLE_BACK: &str = "\x1b[23;0t";
const BELL: &str = "\x07";

/// The full screen is on.
static IS_ON: AtomicBool = AtomicBool::new(false);
/// Keys come one by one, and what is written is the program's matter alone.
static IS_RAW: AtomicBool = AtomicBool::new(false);
static PANIC_HOOK: Once = Once::new();

/// The terminal in full-screen mode. Dropped, it is as it was before.
pub struct Terminal {
    backend: CrosstermBackend<BufWriter<Stdout>>,
    /// What the terminal shows.
    shown: Buffer,
    /// The next frame, in the making.
    next: Buffer,
    is_cursor_shown: bool,
    title: String,
}

impl Terminal {
    /// Turns the full screen on.
    ///
    /// # Errors
    /// When standard output is no terminal, or does not do as it is told.
    pub fn enter() -> io::Result<Self> {
        restore_on_panic();
        turn_on()?;
        Ok(Self {
            backend: CrosstermBackend::new(BufWriter::with_capacity(BUFFER_BYTES, io::stdout())),
            shown: Buffer::default(),
            next: Buffer::default(),
            is_cursor_shown: true,
            title: String::new(),
        })
    }

    /// Turns the full screen on again, after a time in which the terminal was another's. All of it
    /// is drawn the next time.
    ///
    /// # Errors
    /// As [`Terminal::enter`].
    pub fn resume(&mut self) -> io::Result<()> {
        // Nobody may have turned it off, and what the terminal is now is not known.
        restore();
        turn_on()?;
        self.is_cursor_shown = true;
        self.title.clear();
        self.redraw();
        Ok(())
    }

    /// Draws what has changed, all of it at once; `draw` fills a buffer of blanks and answers where
    /// the cursor is.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Buffer) -> Option<Position>) -> io::Result<()> {
        let area = Rect::from((Position::ORIGIN, self.backend.size()?));
        self.next.resize(area);
        self.next.reset();
        let cursor = draw(&mut self.next);
        queue!(self.backend, BeginSynchronizedUpdate)?;
        if self.shown.area != area {
            self.shown = Buffer::empty(area);
            queue!(self.backend, Clear(ClearType::All))?;
        }
        self.backend.draw(self.shown.diff(&self.next).into_iter())?;
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
        execute!(self.backend, EndSynchronizedUpdate)
    }

    /// Has everything drawn anew the next time. Asks the terminal for nothing: what it would answer
    /// is read by another thread.
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

/// Turns the full screen on, whole or not at all.
fn turn_on() -> io::Result<()> {
    make_raw()?;
    IS_ON.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    queue!(out, Print(KEEP_TITLE), EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange)
        .and_then(|()| mouse(&mut out, true))
        .and_then(|()| out.flush())
        .inspect_err(|_| restore())
}

/// Leaves the terminal as it was before. May be called from any thread, and more than once.
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
        DisableFocusChange,
        DisableBracketedPaste,
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
        // The release profile aborts on a panic: nothing would be dropped.
        std::panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
    });
}

/// The terminal with its keys coming one by one, and nothing else changed. Dropped, it is as it was
/// before.
pub(crate) struct Raw(());

impl Raw {
    /// # Errors
    /// When standard input is no terminal, or does not do as it is told.
    pub(crate) fn enter() -> io::Result<Self> {
        restore_on_panic();
        make_raw()?;
        Ok(Self(()))
    }

    /// Gives the terminal back for a while.
    pub(crate) fn leave(&mut self) {
        restore();
    }

    /// Takes it again; whoever had it may have changed it.
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
    use ratatui::crossterm::event::{DisableMouseCapture, EnableMouseCapture};
    if on { queue!(out, EnableMouseCapture) } else { queue!(out, DisableMouseCapture) }
}
