//! Whether somebody is looking, what is unread, and what rings the bell. Owns the count of unread
//! lines; takes the time as an argument.

use std::time::{Duration, Instant};

use crate::command::Notify;
use crate::text::is_unspaced;

/// Without a word from the terminal about its focus, nobody is looking after this long without a
/// key.
const IDLE_AFTER: Duration = Duration::from_secs(120);
/// The least time between two bells.
const BELL_EVERY: Duration = Duration::from_secs(1);

/// Whom a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Everyone.
    Talk,
    /// Us: it names us, or is private.
    Personal,
}

/// What is unread, and whether the bell is due.
#[derive(Debug)]
pub(super) struct Notifier {
    pub(super) notify: Notify,
    /// Whether the terminal has the focus, if it says so.
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

    /// The number of unread lines.
    pub(super) fn unread(&self) -> usize {
        self.unread
    }

    pub(super) fn focus(&mut self, is_focused: bool) {
        self.is_focused = Some(is_focused);
    }

    pub(super) fn key(&mut self, now: Instant) {
        self.key_at = now;
    }

    /// True while somebody looks at the newest lines; `is_scrolled` says that older ones are shown.
    pub(super) fn is_looking(&self, is_scrolled: bool, now: Instant) -> bool {
        let is_here = self.is_focused.unwrap_or_else(|| now < self.key_at + IDLE_AFTER);
        is_here && !is_scrolled
    }

    /// Notes a new line.
    pub(super) fn line(&mut self, call: Option<Call>, is_seen: bool) {
        self.unread += usize::from(!is_seen);
        self.is_bell_due |= match (self.notify, call) {
            (Notify::Off, _) | (_, None) => false,
            (Notify::Mentions, Some(call)) => call == Call::Personal,
            (Notify::All, Some(_)) => true,
        };
    }

    /// Everything is read.
    pub(super) fn saw(&mut self) {
        self.unread = 0;
    }

    /// True if the bell must ring now.
    pub(super) fn take_bell(&mut self, now: Instant) -> bool {
        let is_due = std::mem::take(&mut self.is_bell_due)
            && self.rang_at.is_none_or(|at| now >= at + BELL_EVERY);
        if is_due {
            self.rang_at = Some(now);
        }
        is_due
    }
}

/// True if the text names the nick as a separate word, ignoring case. Where a script without spaces
/// begins or ends, a word does too; a nick in one is found between its letters, unless it is a
/// single letter.
pub(super) fn mentions(text: &str, nick: &str) -> bool {
    let (text, nick) = (text.to_lowercase(), nick.to_lowercase());
    let is_single = nick.chars().count() == 1 && nick.starts_with(is_unspaced);
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let is_part = |edge: char, near: Option<char>, beyond: Option<char>| match near {
        Some('-') => beyond.is_some_and(is_letter),
        Some(c) if is_single => is_letter(c),
        Some(c) if is_unspaced(c) => false,
        Some(c) if is_unspaced(edge) => c.is_numeric() || c == '_',
        Some(c) => is_letter(c),
        None => false,
    };
    let mut letters = nick.chars();
    let Some(first) = letters.next() else { return false };
    let last = letters.next_back().unwrap_or(first);
    text.match_indices(&nick).any(|(at, found)| {
        let mut before = text[..at].chars().rev();
        let mut behind = text[at + found.len()..].chars();
        !is_part(first, before.next(), before.next())
            && !is_part(last, behind.next(), behind.next())
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
        for text in ["ada你好", "请ada来", "adaです", "ada님", "- ada -", "ada- hi"] {
            assert!(mentions(text, "ada"), "{text}");
        }
        for text in ["adam", "canada", "ada_2", "ada2", "ada-marie", "jo-ada", ""] {
            assert!(!mentions(text, "ada"), "{text}");
        }
        for text in ["小明你来吗", "@小明你好", "请小明看一下", "小明ok"] {
            assert!(mentions(text, "小明"), "{text}");
        }
        assert!(!mentions("小明2", "小明"));
        assert!(mentions("明：好", "明") && !mentions("明天", "明") && mentions("a你", "a"));
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
        assert!(!rings(Notify::All, None), "our own lines");
    }

    #[test]
    fn many_calls_at_once_ring_one_bell() {
        let now = Instant::now();
        let mut attention = Notifier::new(now);
        attention.line(Some(Call::Personal), true);
        assert!(attention.take_bell(now));
        attention.line(Some(Call::Personal), true);
        assert!(!attention.take_bell(now + BELL_EVERY / 2));
    }

    #[test]
    fn nobody_looks_when_the_window_has_no_focus_or_shows_older_lines() {
        let now = Instant::now();
        let mut attention = Notifier::new(now);
        assert!(attention.is_looking(false, now) && !attention.is_looking(true, now));
        assert!(!attention.is_looking(false, now + IDLE_AFTER), "as far as one can tell");
        attention.focus(true);
        assert!(attention.is_looking(false, now + IDLE_AFTER));
        attention.focus(false);
        assert!(!attention.is_looking(false, now));
    }
}
