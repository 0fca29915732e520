//! The way out, as one state: whether commands are still carried out, whether we leave when all is
//! done, how long the server's goodbye is awaited, and with what exit code. Owns that state; says
//! nothing to the server and shows nothing.

use std::time::{Duration, Instant};

use super::exit::{EXIT_DONE, EXIT_FAILED, EXIT_REFUSED, Failure};
use super::manner::Mode;
use super::news::Worst;

/// How long the `Goodbye` is awaited after a signal, and after a `/quit`.
pub(super) const LEAVE_MAX_SIGNAL: Duration = Duration::from_secs(2);
pub(super) const LEAVE_MAX: Duration = Duration::from_secs(5);

/// How far the end has come.
#[derive(Debug, Default)]
enum Stage {
    /// Commands are carried out.
    #[default]
    Open,
    /// The same; but `/quit` was said while transfers ran, and a warning was the answer.
    Warned,
    /// Nothing more will be asked for: we leave when all is done.
    Finishing,
    /// `Leave` was said; the `Goodbye` is awaited until then.
    Leaving { deadline: Instant, code: u8 },
    /// The run is over.
    Over(Result<u8, Failure>),
}

impl Stage {
    /// The way leads one way, except that a warning is forgotten.
    fn may_become(&self, next: &Self) -> bool {
        match self {
            Self::Open | Self::Warned => true,
            Self::Finishing => matches!(next, Self::Leaving { .. } | Self::Over(_)),
            Self::Leaving { .. } => matches!(next, Self::Over(_)),
            Self::Over(_) => false,
        }
    }
}

/// The way out.
#[derive(Debug, Default)]
pub(super) struct Shutdown(Stage);

impl Shutdown {
    fn go(&mut self, next: Stage) {
        debug_assert!(self.0.may_become(&next), "{:?} to {next:?}", self.0);
        self.0 = next;
    }

    /// `/quit` is answered by a warning.
    pub(super) fn warn(&mut self) {
        self.go(Stage::Warned);
    }

    /// Forgets the warning; true if there was one.
    pub(super) fn take_warning(&mut self) -> bool {
        let was_warned = matches!(self.0, Stage::Warned);
        if was_warned {
            self.go(Stage::Open);
        }
        was_warned
    }

    /// Nothing more will be asked for: leave when all is done.
    pub(super) fn finish(&mut self) {
        if !self.is_leaving() {
            self.go(Stage::Finishing);
        }
    }

    /// `Leave` is said now; the run ends with this code. False if it was said before.
    pub(super) fn leave(&mut self, deadline: Instant, code: u8) -> bool {
        let is_first = !self.has_left();
        if is_first {
            self.go(Stage::Leaving { deadline, code });
        }
        is_first
    }

    /// The run is over, unless it is already.
    pub(super) fn end(&mut self, end: Result<u8, Failure>) {
        if !self.is_over() {
            self.go(Stage::Over(end));
        }
    }

    /// Ends the wait for a `Goodbye` that does not come.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Stage::Leaving { deadline, code } = self.0
            && now >= deadline
        {
            self.go(Stage::Over(Ok(code)));
        }
    }

    /// True once nothing more is carried out.
    pub(super) fn is_leaving(&self) -> bool {
        !matches!(self.0, Stage::Open | Stage::Warned)
    }

    /// True while we leave as soon as all is done.
    pub(super) fn is_finishing(&self) -> bool {
        matches!(self.0, Stage::Finishing)
    }

    /// True once `Leave` was said, or the run is over without it.
    pub(super) fn has_left(&self) -> bool {
        matches!(self.0, Stage::Leaving { .. } | Stage::Over(_))
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.0, Stage::Over(_))
    }

    /// The exit code to end with, once `Leave` was said.
    pub(super) fn leaving_code(&self) -> Option<u8> {
        match self.0 {
            Stage::Leaving { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Until when the `Goodbye` is awaited.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.0 {
            Stage::Leaving { deadline, .. } => Some(deadline),
            _ => None,
        }
    }

    /// How the run ended.
    pub(super) fn into_end(self) -> Result<u8, Failure> {
        debug_assert!(self.is_over());
        match self.0 {
            Stage::Over(end) => end,
            _ => Ok(EXIT_FAILED),
        }
    }
}

/// The exit code by the worst that has happened. Somebody who sits there has seen it.
pub(super) fn exit_code(mode: Mode, worst: Worst) -> u8 {
    match (mode, worst) {
        (Mode::Interactive, _) | (_, Worst::Nothing) => EXIT_DONE,
        (Mode::Single, Worst::Refused) => EXIT_REFUSED,
        (Mode::Script, Worst::Refused) | (_, Worst::Failed) => EXIT_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_command_of_a_run_tells_that_it_was_refused() {
        let codes = |mode| {
            [Worst::Nothing, Worst::Refused, Worst::Failed].map(|worst| exit_code(mode, worst))
        };
        assert_eq!(codes(Mode::Interactive), [EXIT_DONE; 3]);
        assert_eq!(codes(Mode::Script), [EXIT_DONE, EXIT_FAILED, EXIT_FAILED]);
        assert_eq!(codes(Mode::Single), [EXIT_DONE, EXIT_REFUSED, EXIT_FAILED]);
    }

    #[test]
    fn a_warning_holds_until_it_is_taken() {
        let mut shutdown = Shutdown::default();
        assert!(!shutdown.take_warning());
        shutdown.warn();
        assert!(!shutdown.is_leaving(), "commands are still carried out");
        assert!(shutdown.take_warning() && !shutdown.take_warning());
    }

    #[test]
    fn leave_is_said_once_and_its_code_holds() {
        let now = Instant::now();
        let mut shutdown = Shutdown::default();
        shutdown.finish();
        assert!(shutdown.is_leaving() && shutdown.is_finishing());
        assert!(shutdown.leave(now + LEAVE_MAX, 7) && !shutdown.leave(now, 8));
        shutdown.finish();
        assert_eq!(shutdown.leaving_code(), Some(7));
        shutdown.handle_timeout(now);
        assert!(!shutdown.is_over());
        shutdown.handle_timeout(now + LEAVE_MAX);
        shutdown.end(Ok(9));
        assert_eq!(shutdown.into_end(), Ok(7), "the first end holds");
    }

    #[test]
    #[should_panic(expected = "Finishing to Warned")]
    #[cfg(debug_assertions)]
    fn there_is_no_way_back() {
        let mut shutdown = Shutdown::default();
        shutdown.finish();
        shutdown.warn();
    }
}
