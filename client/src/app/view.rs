//! What a front has of its own, as the loop calls it.

use std::io;
use std::time::Instant;

use super::news::News;
use super::state::App;

/// A front. The loop calls it in this order, turn by turn.
pub(crate) trait View {
    /// It changes how the terminal works, so must give it back before the program is stopped.
    const TAKES_TERMINAL: bool = false;

    /// Takes what was typed since the last turn, as far as the app takes commands, and has it
    /// carried out.
    fn take_input(&mut self, app: &mut App, now: Instant);

    /// True when input is left that no event will announce.
    fn has_more_input(&self) -> bool {
        false
    }

    /// True while it has something to ask for that it could not hand to the app yet: an end that
    /// comes now leaves it undone.
    fn is_unfinished(&self) -> bool {
        false
    }

    /// Shows something that has happened.
    fn show(&mut self, news: News, app: &App, now: Instant);

    /// The turn is over: writes what there is to see.
    fn end_turn(&mut self, app: &mut App, now: Instant);

    /// When it wants a turn at the latest, though nothing happens.
    fn poll_timeout(&self, _app: &App) -> Option<Instant> {
        None
    }

    /// True once nothing of what is shown reaches anyone.
    fn is_broken(&self) -> bool {
        false
    }

    /// The run is over, and all of it was shown.
    ///
    /// # Errors
    /// When what was asked for could not be shown.
    fn close(&mut self) -> io::Result<()>;

    /// The program is about to be stopped: leaves the terminal as it was.
    fn suspend(&mut self) {}

    /// The program continues, and the terminal may have been another's: takes it again.
    fn resume(&mut self) {}

    /// The program ends this instant, on another thread: leaves the terminal as it was.
    fn abandon() {}
}
