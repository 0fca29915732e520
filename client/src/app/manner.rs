//! How commands are carried out: for somebody who sits there, or for a script. Plain values.

use std::time::Duration;

use crate::session::Reconnect;

/// How long a script tries to come back, unless it is told otherwise.
const SCRIPT_RECONNECT: Duration = Duration::from_secs(30);

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Somebody sits there and sees what happens.
    Interactive,
    /// Commands are carried out in order and to the end, each waiting for those it depends on. Then
    /// the program leaves, and its exit code tells whether all of it worked.
    Script,
    /// The same for one command, whose exit code tells as well whether it was refused.
    Single,
}

/// How.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) mode: Mode,
    /// Nobody chose the nick: if it is taken, another will do.
    pub(crate) any_nick: bool,
    /// How the session comes back when its connection breaks; `None` for one that then ends.
    pub(crate) reconnect: Option<Reconnect>,
}

impl Manner {
    /// Comes back for so many seconds (0: not at all). Without a number a script tries for a while,
    /// and others for ever.
    pub(crate) fn new(mode: Mode, seconds: Option<u32>) -> Self {
        let give_up_after = match seconds {
            Some(seconds) => Some(Duration::from_secs(seconds.into())),
            None => (mode != Mode::Interactive).then_some(SCRIPT_RECONNECT),
        };
        let reconnect = (seconds != Some(0)).then_some(Reconnect { give_up_after });
        Self { mode, any_nick: mode == Mode::Single, reconnect }
    }

    /// Nobody sits there.
    pub(crate) fn is_script(&self) -> bool {
        self.mode != Mode::Interactive
    }

    /// One thing is asked for.
    pub(crate) fn is_single(&self) -> bool {
        self.mode == Mode::Single
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_gives_up_after_a_while_and_nobody_reconnects_within_zero_seconds() {
        let give_up = |mode, seconds| {
            Manner::new(mode, seconds).reconnect.map(|reconnect| reconnect.give_up_after)
        };
        for mode in [Mode::Script, Mode::Single] {
            assert_eq!(give_up(mode, None), Some(Some(SCRIPT_RECONNECT)));
        }
        assert_eq!(give_up(Mode::Interactive, None), Some(None));
        for mode in [Mode::Interactive, Mode::Script, Mode::Single] {
            assert_eq!(give_up(mode, Some(0)), None);
            assert_eq!(give_up(mode, Some(7)), Some(Some(Duration::from_secs(7))));
        }
    }
}
