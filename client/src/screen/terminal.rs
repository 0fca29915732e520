//! The terminal while the full screen is on it: raw, on its other screen, with a mouse and pastes in
//! one piece. Owns its restoring, which happens once whatever ends the program: the end of a run, an
//! error, a panic, a signal.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::Frame;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange,
};
use ratatui::crossterm::style::Print;
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    SetTitle, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor::Show, execute, queue};

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
static PANIC_HOOK: Once = Once::new();

/// The terminal in full-screen mode. Dropped, it is as it was before.
pub struct Terminal {
    inner: ratatui::Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    title: String,
}

impl Terminal {
    /// Turns the full screen on.
    ///
    /// # Errors
    /// When standard output is no terminal, or does not do as it is told.
    pub fn enter() -> io::Result<Self> {
        PANIC_HOOK.call_once(|| {
            let before = std::panic::take_hook();
            // The release profile aborts on a panic: nothing would be dropped.
            std::panic::set_hook(Box::new(move |info| {
                restore();
                before(info);
            }));
        });
        enable_raw_mode()?;
        IS_ON.store(true, Ordering::SeqCst);
        let entered = Self::begin();
        if entered.is_err() {
            restore();
        }
        entered
    }

    fn begin() -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, io::stdout());
        queue!(
            out,
            Print(KEEP_TITLE),
            EnterAlternateScreen,
            EnableBracketedPaste,
            EnableFocusChange
        )?;
        mouse(&mut out, true)?;
        out.flush()?;
        let inner = ratatui::Terminal::new(CrosstermBackend::new(out))?;
        Ok(Self { inner, title: String::new() })
    }

    /// Draws what has changed, all of it at once.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        queue!(self.inner.backend_mut(), BeginSynchronizedUpdate)?;
        self.inner.draw(draw)?;
        execute!(self.inner.backend_mut(), EndSynchronizedUpdate)
    }

    /// Has everything drawn anew the next time.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn redraw(&mut self) -> io::Result<()> {
        self.inner.clear()
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
        execute!(self.inner.backend_mut(), SetTitle(title))
    }

    /// Rings the bell.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn ring(&mut self) -> io::Result<()> {
        execute!(self.inner.backend_mut(), Print(BELL))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Leaves the terminal as it was before the full screen, if that is on. May be called from any
/// thread, and more than once.
pub fn restore() {
    if !IS_ON.swap(false, Ordering::SeqCst) {
        return;
    }
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
    let _ = disable_raw_mode();
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
