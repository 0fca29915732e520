//! What `tail --grep` shows: events that contain the words, and of the history only the last ones.
//! Owns those until all of the history has been seen.

use std::collections::VecDeque;

use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::Told;

use crate::search::Words;

pub(super) struct Grep {
    words: Words,
    /// The most events to show of the history.
    found_max: usize,
    found: VecDeque<Event>,
    /// Events now come from before we joined.
    is_history: bool,
}

impl Grep {
    pub(super) fn new(words: Words, lines: u32) -> Self {
        let found_max = usize::try_from(lines).unwrap_or(usize::MAX);
        Self { words, found_max, found: VecDeque::new(), is_history: false }
    }

    /// What follows is from before we joined, or from while we were away.
    pub(super) fn begin(&mut self, is_history: bool) {
        self.is_history = is_history;
    }

    /// True for an event to show now.
    pub(super) fn passes(&mut self, event: &Event) -> bool {
        let fits = self.words.are_told_by(event);
        if fits && self.is_history {
            self.found.push_back(event.clone());
            if self.found.len() > self.found_max {
                self.found.pop_front();
            }
        }
        fits && !self.is_history
    }

    /// True when a private message contains the words.
    pub(super) fn fits(&self, told: &Told) -> bool {
        self.words.are_in(&format!("{} {} {}", told.from, told.to, told.text))
    }

    /// The history is complete: takes what to show of it.
    pub(super) fn take(&mut self) -> VecDeque<Event> {
        self.is_history = false;
        std::mem::take(&mut self.found)
    }
}
