//! Which of what happened is shown by `tail --grep`: what holds the words, and of the past only the
//! last so many. Owns those of the past until all of it was seen.

use std::collections::VecDeque;

use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::Told;

use crate::search::Words;

pub(super) struct Grep {
    words: Words,
    /// Most that is shown of the past.
    found_max: usize,
    found: VecDeque<Event>,
    /// What comes is from before we came.
    pub(super) is_history: bool,
}

impl Grep {
    pub(super) fn new(words: Words, lines: u32) -> Self {
        let found_max = usize::try_from(lines).unwrap_or(usize::MAX);
        Self { words, found_max, found: VecDeque::new(), is_history: false }
    }

    /// True for what is to be shown now.
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

    /// True when a private message holds the words.
    pub(super) fn fits(&self, told: &Told) -> bool {
        self.words.are_in(&format!("{} {} {}", told.from, told.to, told.text))
    }

    /// The past is over: what of it is to be shown.
    pub(super) fn take(&mut self) -> VecDeque<Event> {
        self.is_history = false;
        std::mem::take(&mut self.found)
    }
}
