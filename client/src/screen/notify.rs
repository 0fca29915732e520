//! Whether somebody is looking, what was not seen, and what rings the bell. Owns the count of
//! unread lines; takes the time as an argument.

use std::time::{Duration, Instant};

use crate::command::Notify;

/// Where the terminal does not say whether it is looked at: nobody is, after so long without a key.
const IDLE_AFTER: Duration = Duration::from_secs(120);
/// Between two bells, at the least.
const BELL_EVERY: Duration = Duration::from_secs(1);

/// How much a line is meant for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Talk of others.
    Talk,
    /// It names us, or is private.
    Personal,
}

/// What was seen and what was not.
#[derive(Debug)]
pub(super) struct Notifier {
    pub(super) notify: Notify,
    /// As the terminal says, if it does.
    is_focused: Option<bool>,
    key_at: Instant,
    unread: usize,
    is_bell_due: bool,
    rang_at: Option<Instant>,
}

impl Notifier {
    pub(super) fn new(now: Instant) -> Self {
        let notify = Notify::default();
        Self { notify, is_focused: None, key_at: now, unread: 0, is_bell_due: false, rang_at: None }
    }

    /// Lines not seen.
    pub(super) fn unread(&self) -> usize {
        self.unread
    }

    pub(super) fn focus(&mut self, is_focused: bool) {
        self.is_focused = Some(is_focused);
    }

    pub(super) fn key(&mut self, now: Instant) {
        self.key_at = now;
    }

    /// True while somebody looks at the newest lines; `is_scrolled`: at older ones.
    pub(super) fn is_looking(&self, is_scrolled: bool, now: Instant) -> bool {
        let is_here = self.is_focused.unwrap_or_else(|| now < self.key_at + IDLE_AFTER);
        is_here && !is_scrolled
    }

    /// A line has come that was not there before.
    pub(super) fn line(&mut self, call: Option<Call>, is_seen: bool) {
        self.unread += usize::from(!is_seen);
        self.is_bell_due |= match (self.notify, call) {
            (Notify::Off, _) | (_, None) => false,
            (Notify::Mentions, Some(call)) => call == Call::Personal,
            (Notify::All, Some(_)) => true,
        };
    }

    /// All was seen.
    pub(super) fn saw(&mut self) {
        self.unread = 0;
    }

    /// True if the bell is to ring now.
    pub(super) fn take_bell(&mut self, now: Instant) -> bool {
        let is_due = std::mem::take(&mut self.is_bell_due)
            && self.rang_at.is_none_or(|at| now >= at + BELL_EVERY);
        if is_due {
            self.rang_at = Some(now);
        }
        is_due
    }
}

/// True if the text names the nick as a word of its own, whatever the case.
pub(super) fn mentions(text: &str, nick: &str) -> bool {
    let (text, nick) = (text.to_lowercase(), nick.to_lowercase());
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&nick).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + found.len()..].chars().next();
        !before.is_some_and(is_part) && !behind.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nick_is_mentioned_as_a_word() {
        for text in ["ada: hi", "hi Ada", "(ADA)", "ask ada, please", "ada"] {
            assert!(mentions(text, "ada"), "{text}");
        }
        for text in ["adam", "canada", "ada_2", ""] {
            assert!(!mentions(text, "ada"), "{text}");
        }
    }

    #[test]
    fn the_bell_rings_for_what_it_is_set_to() {
        let now = Instant::now();
        let rings = |notify, call| {
            let mut attention = Notifier { notify, ..Notifier::new(now) };
            attention.line(call, true);
            attention.take_bell(now)
        };
        assert!(!rings(Notify::Off, Some(Call::Personal)));
        assert!(rings(Notify::Mentions, Some(Call::Personal)));
        assert!(!rings(Notify::Mentions, Some(Call::Talk)));
        assert!(rings(Notify::All, Some(Call::Talk)));
        assert!(!rings(Notify::All, None), "what we say ourselves");
    }

    #[test]
    fn many_calls_at_once_are_one_bell() {
        let now = Instant::now();
        let mut attention = Notifier::new(now);
        attention.line(Some(Call::Personal), true);
        assert!(attention.take_bell(now));
        attention.line(Some(Call::Personal), true);
        assert!(!attention.take_bell(now + BELL_EVERY / 2));
    }

    #[test]
    fn nobody_looks_when_the_window_is_not_in_front_or_older_lines_are() {
        let now = Instant::now();
        let mut attention = Notifier::new(now);
        assert!(attention.is_looking(false, now) && !attention.is_looking(true, now));
        assert!(!attention.is_looking(false, now + IDLE_AFTER), "as far as can be told");
        attention.focus(true);
        assert!(attention.is_looking(false, now + IDLE_AFTER));
        attention.focus(false);
        assert!(!attention.is_looking(false, now));
    }
}
