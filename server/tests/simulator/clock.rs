//! Time: one clock for everyone, that moves only when the world moves it.
//!
//! The steady clock and the wall clock run together, save that the wall clock can be set.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use chatshelf_common::id::UnixMillis;
use chatshelf_server::engine::Now;

/// Where the steady clock begins, in milliseconds.
const START_MS: u64 = 1_000_000;
/// Where the wall clock begins.
const WALL_START_MS: u64 = 1_800_000_000_000;

/// Shared by all that need the time.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    now_ms: Rc<Cell<u64>>,
    wall_ms: Rc<Cell<u64>>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { now_ms: Rc::new(Cell::new(START_MS)), wall_ms: Rc::new(Cell::new(WALL_START_MS)) }
    }

    /// Milliseconds of the steady clock.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// Milliseconds since the run began.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.now_ms() - START_MS
    }

    pub(crate) fn at(&self) -> UnixMillis {
        UnixMillis(self.wall_ms.get())
    }

    pub(crate) fn now(&self) -> Now {
        Now { mono_us: self.now_ms() * 1000, at: self.at() }
    }

    /// The steady clock as the standard library has it. Where it begins is of no meaning.
    pub(crate) fn instant(&self) -> Instant {
        static BEGIN: OnceLock<Instant> = OnceLock::new();
        *BEGIN.get_or_init(Instant::now) + Duration::from_millis(self.now_ms())
    }

    /// The moment of the steady clock that an instant stands for, rounded up.
    pub(crate) fn ms_of(&self, instant: Instant) -> u64 {
        let ahead = instant.saturating_duration_since(self.instant());
        self.now_ms() + ahead.as_micros().div_ceil(1000) as u64
    }

    pub(crate) fn advance_to(&self, at_ms: u64) {
        let by_ms = at_ms.saturating_sub(self.now_ms());
        self.now_ms.set(self.now_ms() + by_ms);
        self.wall_ms.set(self.wall_ms.get() + by_ms);
    }

    /// Somebody sets the wall clock.
    pub(crate) fn set_wall(&self, by_ms: i64) {
        self.wall_ms.set(self.wall_ms.get().saturating_add_signed(by_ms));
    }
}
