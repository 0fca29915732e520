//! The echo of a terminal that edits lines itself: off while a password is typed there.

/// While this exists, what is typed on standard input is not shown.
#[derive(Debug)]
pub(crate) struct EchoOff {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl EchoOff {
    /// Turns it off; none if standard input is no terminal, or one that cannot do that.
    pub(crate) fn begin() -> Option<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let input = std::io::stdin();
        let before = tcgetattr(&input).ok()?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Now, &hidden).ok()?;
        Some(Self { before })
    }
}

#[cfg(unix)]
impl Drop for EchoOff {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Err(why) = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before) {
            log::warn!("cannot turn the terminal's echo on again: {why}");
        }
    }
}

#[cfg(not(unix))]
impl EchoOff {
    /// Nothing but a console could do that, and a console is read key by key.
    pub(crate) fn begin() -> Option<Self> {
        None
    }
}
