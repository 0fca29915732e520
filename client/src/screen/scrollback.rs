//! What was said and shown, newest last, and which part of it is visible. Owns the entries, within
//! bounds, the scroll position and the unread mark. Lays out only the entries it looks at.

use std::collections::{BTreeMap, VecDeque};
use std::slice;

use chatshelf_common::id::Seq;

use super::entry::{Entry, Frame, Presence, Row, rule};
use super::links::links;
use super::theme::Ink;
use crate::command::Copied;
use crate::lang::tr;

/// Entries that are kept.
pub(super) const ENTRIES_MAX: usize = 10_000;
/// Bytes of text that are kept.
pub(super) const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Joins and leaves in one entry.
const FOLDED_MAX: usize = 1000;

/// A row: an entry by its number, and a row of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    entry: u64,
    row: usize,
}

/// The entries, and which of them are visible.
#[derive(Debug, Default)]
pub(super) struct Scrollback {
    /// Each with the bytes that it counts for.
    entries: VecDeque<(Entry, usize)>,
    bytes: usize,
    /// The entries of lines, by their place in the room log.
    lines: BTreeMap<Seq, u64>,
    /// The number of the first entry that is kept.
    first: u64,
    /// The lowest visible row; `None` while the newest is visible.
    scrolled_to: Option<Place>,
    /// The first unread entry.
    unread_from: Option<u64>,
    /// Joins and leaves start a new entry, even after such an entry.
    is_fold_closed: bool,
}

impl Scrollback {
    /// Adds an entry; what is visible stays.
    pub(super) fn push(&mut self, entry: Entry) {
        let bytes = entry.bytes();
        self.bytes += bytes;
        self.entries.push_back((entry, bytes));
        self.is_fold_closed = false;
        while self.entries.len() > ENTRIES_MAX || (self.bytes > BYTES_MAX && self.entries.len() > 1)
        {
            if let Some((_, bytes)) = self.entries.pop_front() {
                self.bytes -= bytes;
            }
            self.first += 1;
        }
        let first = Place { entry: self.first, row: 0 };
        if self.scrolled_to.is_some_and(|place| place.entry < self.first) {
            self.scrolled_to = Some(first);
        }
    }

    /// Adds a line of the room.
    pub(super) fn push_line(&mut self, seq: Seq, entry: Entry) {
        self.push(entry);
        self.lines.insert(seq, self.next() - 1);
        let first = self.first;
        while self.lines.first_entry().is_some_and(|oldest| *oldest.get() < first) {
            self.lines.pop_first();
        }
    }

    /// Takes the text of a line away, if it is there.
    pub(super) fn redact(&mut self, line: Seq) {
        let place = self.lines.get(&line).and_then(|entry| entry.checked_sub(self.first));
        let entry = place.and_then(|place| self.entries.get_mut(place as usize));
        if let Some((entry, bytes)) = entry {
            entry.redact();
            self.bytes -= *bytes;
            *bytes = entry.bytes();
            self.bytes += *bytes;
        }
    }

    /// Adds a join or leave to the last entry if that has such, else as a new entry.
    pub(super) fn fold(&mut self, time: &str, change: impl FnOnce(&mut Presence)) {
        if !self.is_fold_closed
            && let Some((Entry::Presence { time: at, who }, _)) = self.entries.back_mut()
            && who.count() < FOLDED_MAX
        {
            change(who);
            *at = time.to_owned();
            return;
        }
        let mut who = Presence::default();
        change(&mut who);
        self.push(Entry::Presence { time: time.to_owned(), who });
    }

    /// The text that `/copy` asks for, if there is one.
    pub(super) fn copied(&self, wanted: Copied) -> Option<String> {
        let said = self.entries.iter().rev().filter_map(|(entry, _)| match entry {
            Entry::Said { lines, .. } => Some(&lines[..]),
            Entry::Link { link, .. } if wanted.is_link => Some(slice::from_ref(&link.whole)),
            _ => None,
        });
        let nth = wanted.nth.get() - 1;
        if !wanted.is_link {
            return said.map(|lines| lines.join("\n")).nth(nth);
        }
        let links = said
            .flat_map(|lines| lines.iter().rev().flat_map(|line| links(line).into_iter().rev()));
        links.map(|(_, target)| target.to_string()).nth(nth)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self { first: self.next(), ..Self::default() };
    }

    /// The number that the next entry will have.
    fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// True while older lines are shown.
    pub(super) fn is_scrolled(&self) -> bool {
        self.scrolled_to.is_some()
    }

    /// Puts the unread mark before the next entry, unless it is set already.
    pub(super) fn mark_unread(&mut self) {
        if self.unread_from.is_none() {
            self.unread_from = Some(self.next());
            // Read and unread are not folded into one entry.
            self.is_fold_closed = true;
        }
    }

    /// Removes the unread mark.
    pub(super) fn unmark(&mut self) {
        self.unread_from = None;
    }

    /// Returns to the newest lines.
    pub(super) fn follow(&mut self) {
        self.scrolled_to = None;
    }

    /// The visible rows, at most as many as the frame has.
    pub(super) fn visible(&self, frame: Frame<'_>) -> Vec<Row> {
        let Some(mut at) = self.bottom(frame) else { return Vec::new() };
        let mut rows = VecDeque::new();
        loop {
            let mut entry = self.rows(at.entry, frame);
            entry.truncate(at.row + 1);
            for row in entry.into_iter().rev() {
                if rows.len() == frame.rows {
                    return rows.into();
                }
                rows.push_front(row);
            }
            if at.entry == self.first {
                return rows.into();
            }
            at = Place { entry: at.entry - 1, row: usize::MAX - 1 };
        }
    }

    /// Scrolls towards older lines, at most until the oldest is the first row.
    pub(super) fn scroll_up(&mut self, rows: usize, frame: Frame<'_>) {
        let Some(bottom) = self.bottom(frame) else { return };
        let mut place = self.up(bottom, rows, frame);
        let above = self.rows_up_to(place, frame.rows, frame);
        if above < frame.rows {
            place = self.down(place, frame.rows - above, frame);
        }
        self.scroll_to(place, frame);
    }

    /// Scrolls towards newer lines; once at the newest, it follows them.
    pub(super) fn scroll_down(&mut self, rows: usize, frame: Frame<'_>) {
        if let (Some(place), true) = (self.bottom(frame), self.is_scrolled()) {
            let place = self.down(place, rows, frame);
            self.scroll_to(place, frame);
        }
    }

    fn scroll_to(&mut self, place: Place, frame: Frame<'_>) {
        let is_last =
            place.entry + 1 == self.next() && place.row + 1 >= self.rows(place.entry, frame).len();
        self.scrolled_to = (!is_last).then_some(place);
    }

    /// The lowest visible row.
    fn bottom(&self, frame: Frame<'_>) -> Option<Place> {
        let last = self.next().checked_sub(1).filter(|_| !self.entries.is_empty())?;
        let Place { entry, row } =
            self.scrolled_to.unwrap_or(Place { entry: last, row: usize::MAX });
        let rows = self.rows(entry, frame).len();
        Some(Place { entry, row: row.min(rows.saturating_sub(1)) })
    }

    fn up(&self, mut place: Place, mut rows: usize, frame: Frame<'_>) -> Place {
        while rows > place.row {
            if place.entry == self.first {
                return Place { entry: place.entry, row: 0 };
            }
            rows -= place.row + 1;
            place.entry -= 1;
            place.row = self.rows(place.entry, frame).len().saturating_sub(1);
        }
        place.row -= rows;
        place
    }

    fn down(&self, mut place: Place, mut rows: usize, frame: Frame<'_>) -> Place {
        loop {
            let last = self.rows(place.entry, frame).len().saturating_sub(1);
            let step = rows.min(last - place.row.min(last));
            place.row += step;
            rows -= step;
            if rows == 0 || place.entry + 1 == self.next() {
                return place;
            }
            place = Place { entry: place.entry + 1, row: 0 };
            rows -= 1;
        }
    }

    /// The number of rows up to this one; counts no further than `enough`.
    fn rows_up_to(&self, place: Place, enough: usize, frame: Frame<'_>) -> usize {
        let (mut count, mut entry) = (place.row + 1, place.entry);
        while count < enough && entry > self.first {
            entry -= 1;
            count += self.rows(entry, frame).len();
        }
        count
    }

    /// The rows of an entry, after the unread mark if that is there.
    fn rows(&self, number: u64, frame: Frame<'_>) -> Vec<Row> {
        let Some((entry, _)) = number
            .checked_sub(self.first)
            .and_then(|place| self.entries.get(usize::try_from(place).ok()?))
        else {
            return Vec::new();
        };
        let mut rows = entry.rows(frame);
        if self.unread_from == Some(number) {
            rows.insert(0, rule(tr!("new"), Ink::Accent, frame.columns, frame.signs));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::web_link::ItemLink;

    use super::*;
    use crate::screen::theme::Theme;

    fn frame(columns: usize, rows: usize) -> Frame<'static> {
        Frame { columns, rows, signs: Theme { colour: false, ascii: true }.signs() }
    }

    fn notice(text: &str) -> Entry {
        Entry::Notice { time: String::new(), text: text.into(), ink: Ink::Dim }
    }

    fn filled(count: usize) -> Scrollback {
        let mut scrollback = Scrollback::default();
        (0..count).for_each(|number| scrollback.push(notice(&format!("line {number}"))));
        scrollback
    }

    fn seen(scrollback: &Scrollback, frame: Frame<'_>) -> Vec<String> {
        let text = |row: Row| row.into_iter().map(|span| span.text).collect::<String>();
        let row = |row: Row| text(row).trim_start_matches([' ', '-']).to_owned();
        scrollback.visible(frame).into_iter().map(row).collect()
    }

    #[test]
    fn the_newest_lines_are_visible_until_one_scrolls() {
        let frame = frame(40, 3);
        let mut scrollback = filled(10);
        assert_eq!(seen(&scrollback, frame), ["line 7", "line 8", "line 9"]);
        scrollback.scroll_up(2, frame);
        assert_eq!(seen(&scrollback, frame), ["line 5", "line 6", "line 7"]);
        scrollback.push(notice("more"));
        assert_eq!(seen(&scrollback, frame), ["line 5", "line 6", "line 7"], "it stays put");
        scrollback.scroll_down(100, frame);
        assert_eq!(seen(&scrollback, frame), ["line 8", "line 9", "more"]);
        assert!(!scrollback.is_scrolled());
    }

    #[test]
    fn the_oldest_line_is_where_scrolling_ends() {
        let frame = frame(40, 3);
        let mut scrollback = filled(10);
        scrollback.scroll_up(100, frame);
        assert_eq!(seen(&scrollback, frame), ["line 0", "line 1", "line 2"]);
        let mut few = filled(2);
        few.scroll_up(1, frame);
        assert_eq!(seen(&few, frame), ["line 0", "line 1"]);
        assert!(!few.is_scrolled(), "there is nothing to scroll");
    }

    #[test]
    fn rows_of_one_long_entry_are_scrolled_through_one_by_one() {
        let frame = frame(19, 2);
        let mut scrollback = filled(1);
        scrollback.push(notice("aaaa bbbb cccc dddd eeee"));
        assert_eq!(seen(&scrollback, frame), ["cccc dddd", "eeee"]);
        scrollback.scroll_up(1, frame);
        assert_eq!(seen(&scrollback, frame), ["aaaa bbbb", "cccc dddd"]);
        scrollback.scroll_up(1, frame);
        assert_eq!(seen(&scrollback, frame), ["line 0", "aaaa bbbb"]);
    }

    #[test]
    fn the_scroll_position_survives_a_resize_and_dropped_lines() {
        let mut scrollback = filled(1);
        scrollback.push(notice(&"word ".repeat(50)));
        scrollback.scroll_up(5, frame(19, 4));
        assert_eq!(scrollback.visible(frame(200, 4)).len(), 3);
        (0..ENTRIES_MAX).for_each(|number| scrollback.push(notice(&number.to_string())));
        assert_eq!(seen(&scrollback, frame(40, 1)), ["0"], "at what is the oldest now");
    }

    #[test]
    fn the_last_line_or_link_and_those_before_can_be_copied() {
        let mut scrollback = Scrollback::default();
        for text in ["see http://a.b and http://c.d", "one\ntwo", "http://e.f\nhttp://g.h"] {
            let lines = text.lines().map(str::to_owned).collect();
            let (who_ink, ink) = (Ink::Text, Ink::Text);
            scrollback.push(Entry::Said {
                time: "".into(),
                who: "bob".into(),
                who_ink,
                lines,
                ink,
            });
            scrollback.push(notice("http://not.said"));
        }
        let copied = |is_link, nth: usize| {
            scrollback.copied(Copied { is_link, nth: nth.try_into().unwrap() })
        };
        assert_eq!(copied(false, 2).as_deref(), Some("one\ntwo"));
        assert_eq!(copied(false, 4), None);
        let links: Vec<String> = (1..6).map_while(|nth| copied(true, nth)).collect();
        assert_eq!(links, ["http://g.h", "http://e.f", "http://c.d", "http://a.b"]);
    }

    #[test]
    fn a_link_that_was_asked_for_can_be_copied_and_is_no_line() {
        let mut scrollback = Scrollback::default();
        let (time, code) = (String::new(), Vec::new());
        let link = ItemLink { whole: "https://a.b".into(), short: "https://a".into() };
        scrollback.push(Entry::Link { time, link, code });
        scrollback.push(notice("copied: https://a…"));
        let copied =
            |is_link| scrollback.copied(Copied { is_link, nth: std::num::NonZeroUsize::MIN });
        assert_eq!((copied(true).as_deref(), copied(false)), (Some("https://a.b"), None));
    }

    #[test]
    fn the_scrollback_is_bounded() {
        let mut scrollback = filled(2 * ENTRIES_MAX);
        assert_eq!(scrollback.entries.len(), ENTRIES_MAX);
        let long = "x".repeat(8000);
        (0..4000).for_each(|_| scrollback.push(notice(&long)));
        assert!(scrollback.bytes <= BYTES_MAX);
        scrollback.clear();
        assert_eq!(scrollback.visible(frame(10, 10)).len(), 0);
    }

    #[test]
    fn the_unread_mark_stands_before_the_first_unread_line() {
        let mut scrollback = filled(1);
        scrollback.mark_unread();
        scrollback.push(notice("one"));
        scrollback.mark_unread();
        scrollback.push(notice("two"));
        assert_eq!(seen(&scrollback, frame(20, 9)), ["line 0", "new --------", "one", "two"]);
        scrollback.unmark();
        assert_eq!(seen(&scrollback, frame(20, 9)), ["line 0", "one", "two"]);
    }

    #[test]
    fn joins_and_leaves_fold_until_something_else_happens() {
        let mut scrollback = Scrollback::default();
        scrollback.fold("17:00", |who| who.join("ada"));
        scrollback.fold("17:01", |who| who.join("bob"));
        scrollback.push(notice("x"));
        scrollback.fold("17:02", |who| who.leave("bob"));
        let rows = seen(&scrollback, frame(60, 9));
        assert_eq!(rows, ["17:01 -- ada, bob joined", "x", "17:02 -- bob left"]);
    }
}
