//! The room log: all recent events, as the exact bytes sent on the wire, stored once for everyone.
//!
//! It is a window: events are appended at the end and trimmed from the front. A position in it is
//! an *offset*, counted from the first byte ever appended, so trimming moves no cursor. An appended
//! event may be sent once it is *released*: when the journal has stored it as safely as the
//! durability level demands.

use std::collections::VecDeque;

use chatshelf_common::id::{MessageId, Seq, UnixMillis};
use chatshelf_common::text::Message;
use chatshelf_common::wire::field::{Fields, Tag};
use chatshelf_common::wire::{Code, Deframer, Event, Unit};

use super::dedup::DedupWindow;
use super::redaction::redact;
use crate::work;

/// The highest seq an event may have. A higher one means damaged data: accepting it would leave no
/// numbers for later events.
pub const SEQ_MAX: Seq = Seq(u64::MAX >> 1);

/// The recent events of the room.
///
/// Invariant: `bytes` holds only whole events, with the seqs `first`, `first + 1`, …; `starts` has
/// the offset of each. `lines` has the seqs of those that are lines, ascending, and `dedup` knows
/// them all. `base <= released <= end`, and `released` is the end of an event.
#[derive(Debug)]
pub struct RoomLog {
    bytes: Vec<u8>,
    /// Offset of `bytes[0]`.
    base: u64,
    starts: VecDeque<u64>,
    first: Seq,
    lines: VecDeque<Seq>,
    dedup: DedupWindow,
    released: u64,
    window_bytes: usize,
}

impl RoomLog {
    /// Creates an empty log whose next event is `first`. It holds at least the newest
    /// `window_bytes` bytes of events, and about twice that before it is trimmed.
    #[must_use]
    pub fn new(first: Seq, window_bytes: usize) -> Self {
        Self {
            bytes: Vec::new(),
            base: 0,
            starts: VecDeque::new(),
            first,
            lines: VecDeque::new(),
            dedup: DedupWindow::new(first, window_bytes),
            released: 0,
            window_bytes,
        }
    }

    /// Returns the seq that the next event must have.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        Seq(self.first.0 + self.starts.len() as u64)
    }

    /// Returns the seq of the newest event ever appended; 0 before the first.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        Seq(self.next_seq().0 - 1)
    }

    /// Returns the bytes it takes: its window, index and dedup window.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.starts.capacity() * size_of::<u64>()
            + self.lines.capacity() * size_of::<Seq>()
            + self.dedup.held_bytes()
    }

    /// Returns the offset of the oldest byte still held.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.base
    }

    /// Returns the offset after the newest byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Returns the offset up to which events may be sent.
    #[must_use]
    pub fn released(&self) -> u64 {
        self.released
    }

    /// Returns the bytes of events that may not be sent yet.
    #[must_use]
    pub fn unreleased_bytes(&self) -> u64 {
        self.end() - self.released
    }

    /// Allows events up to `to`, the end of one of them, to be sent. A release is never taken back.
    pub fn release(&mut self, to: u64) {
        debug_assert!(
            to <= self.end() && self.boundary_from(to.max(self.base)) == to.max(self.base)
        );
        self.released = self.released.max(to);
    }

    /// Appends an event, which must carry [`Self::next_seq`].
    pub fn append(&mut self, event: &Event) {
        debug_assert_eq!(event.seq(), self.next_seq());
        if let Event::Said(said) = event {
            self.lines.push_back(said.seq);
            self.dedup.add(said.id, &said.text);
        }
        let start = self.end();
        self.starts.push_back(start);
        event.encode(&mut self.bytes);
        let bytes = (self.end() - start) as usize;
        self.dedup.note_event(bytes, self.next_seq());
        // Each byte is copied a second time when the front is trimmed.
        work::spend_bytes(2 * bytes);
    }

    /// Returns the bytes between two offsets that are still held.
    #[must_use]
    pub fn between(&self, from: u64, to: u64) -> &[u8] {
        debug_assert!(self.base <= from && from <= to && to <= self.end());
        &self.bytes[(from - self.base) as usize..(to - self.base) as usize]
    }

    /// Returns the offset where the event that contains `offset` ends, or `offset` itself at a
    /// boundary.
    #[must_use]
    pub fn boundary_from(&self, offset: u64) -> u64 {
        let after = self.starts.partition_point(|&start| start < offset);
        self.starts.get(after).copied().unwrap_or_else(|| self.end())
    }

    /// Returns the offset where the event with this seq begins, or the end of the log if it is not
    /// held.
    #[must_use]
    pub fn offset_of(&self, seq: Seq) -> u64 {
        let index = seq.0.checked_sub(self.first.0).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.starts.get(index).copied()).unwrap_or_else(|| self.end())
    }

    /// Returns the seq of the first event that begins at `offset` or later.
    #[must_use]
    pub fn seq_from(&self, offset: u64) -> Seq {
        Seq(self.first.0 + self.starts.partition_point(|&start| start < offset) as u64)
    }

    /// Returns the offset where a history of `lines` lines begins: at the oldest of those lines, or
    /// at the oldest event held if there are not more lines than that. A history of no lines begins
    /// at the end.
    #[must_use]
    pub fn history_start(&self, lines: u32) -> u64 {
        match self.lines.len().checked_sub(lines as usize) {
            _ if lines == 0 => self.end(),
            None | Some(0) => self.base,
            Some(older) => self.offset_of(self.lines[older]),
        }
    }

    /// Returns true if a line with this number and text is held, or was until recently.
    #[must_use]
    pub fn has_line(&self, id: MessageId, text: &Message) -> bool {
        work::spend_bytes(text.as_str().len());
        self.dedup.contains(id, text)
    }

    /// Returns true if the dedup window covers every line held, as it does when the log is trimmed
    /// in time.
    pub(super) fn knows_its_lines(&self) -> bool {
        self.dedup.first() <= self.first
    }

    /// Returns true if the dedup windows of both have the same shape.
    pub(super) fn knows_the_lines_of(&self, other: &Self) -> bool {
        self.dedup.is_like(&other.dedup)
    }

    /// Returns whether the text of a line can be taken away.
    ///
    /// # Errors
    /// [`Code::LINE_UNKNOWN`] if no line with this seq is held, [`Code::UNCHANGED`] if its text is
    /// gone already.
    pub fn check_redaction(&self, line: Seq) -> Result<(), Code> {
        self.lines.binary_search(&line).map_err(|_| Code::LINE_UNKNOWN)?;
        let mut frame = self.between(self.offset_of(line), self.offset_of(line.next())).to_vec();
        if redact(&mut frame) { Ok(()) } else { Err(Code::UNCHANGED) }
    }

    /// Takes the text of a line away, if it is held. Its frame keeps its length, so no offset
    /// changes.
    pub(super) fn redact(&mut self, line: Seq) {
        if self.lines.binary_search(&line).is_ok() {
            let [start, end] = [self.offset_of(line), self.offset_of(line.next())]
                .map(|offset| (offset - self.base) as usize);
            redact(&mut self.bytes[start..end]);
        }
    }

    /// Returns the time of the event with this seq, if it is held.
    #[must_use]
    pub fn time_of(&self, seq: Seq) -> Option<UnixMillis> {
        if seq < self.first {
            return None;
        }
        let mut frame = self.between(self.offset_of(seq), self.offset_of(seq.next()));
        work::spend(1);
        match Deframer::joined().next(&mut frame) {
            Ok(Some(Unit::Control { value, .. })) => {
                // The text may be long; it is not read.
                Fields::parse(value).ok()?.optional(Tag::AT).ok().flatten()
            }
            _ => None,
        }
    }

    /// Returns true if the log has outgrown its window so far that a trim is due.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        self.bytes.len() > 2 * self.window_bytes
    }

    /// Returns the offset where the log will begin after [`Self::trim`].
    #[must_use]
    pub fn trim_point(&self) -> u64 {
        let behind = self.end().saturating_sub(self.window_bytes as u64);
        self.boundary_from(behind.min(self.released).max(self.base))
    }

    /// Removes whole events from the front until only the window is left. This moves the window
    /// once, and happens once for each window's worth of events.
    pub fn trim(&mut self) {
        let point = self.trim_point();
        let events = self.starts.partition_point(|&start| start < point);
        self.starts.drain(..events);
        self.first = Seq(self.first.0 + events as u64);
        let lines = self.lines.partition_point(|&line| line < self.first);
        self.lines.drain(..lines);
        self.bytes.drain(..(point - self.base) as usize);
        self.base = point;
        debug_assert!(self.starts.front().is_none_or(|&start| start == self.base));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatshelf_common::text::Nick;
    use chatshelf_common::wire::frame::{Joined, Said};

    fn said(seq: u64) -> Event {
        let nick = Nick::new("ada").unwrap();
        let text = Message::new(&format!("line {seq}")).unwrap();
        Said { seq: Seq(seq), at: UnixMillis(1), nick, id: MessageId(seq), text, style: None }
            .into()
    }

    fn joined(seq: u64) -> Event {
        Joined { seq: Seq(seq), at: UnixMillis(1), nick: Nick::new("bob").unwrap(), quiet: None }
            .into()
    }

    fn bytes(event: &Event) -> Vec<u8> {
        let mut out = Vec::new();
        event.encode(&mut out);
        out
    }

    #[test]
    fn a_cursor_sees_exactly_the_bytes_of_the_events_after_it() {
        let mut log = RoomLog::new(Seq(1), 1 << 20);
        let (a, b) = (said(1), joined(2));
        log.append(&a);
        let cursor = log.end();
        log.append(&b);
        assert_eq!(log.between(cursor, log.end()), bytes(&b));
        assert_eq!(log.between(0, log.end()), [bytes(&a), bytes(&b)].concat());
        assert_eq!((log.last_seq(), log.next_seq()), (Seq(2), Seq(3)));
    }

    #[test]
    fn boundaries_are_where_events_end() {
        let mut log = RoomLog::new(Seq(1), 1 << 20);
        log.append(&said(1));
        let middle = log.end();
        log.append(&said(2));
        assert_eq!(log.boundary_from(0), 0);
        assert_eq!(log.boundary_from(1), middle);
        assert_eq!(log.boundary_from(middle), middle);
        assert_eq!(log.boundary_from(middle + 1), log.end());
        assert_eq!(log.seq_from(0), Seq(1));
        assert_eq!(log.seq_from(1), Seq(2));
        assert_eq!(log.seq_from(log.end()), Seq(3));
        assert_eq!((log.offset_of(Seq(2)), log.offset_of(Seq(3))), (middle, log.end()));
    }

    #[test]
    fn history_counts_lines_and_brings_what_lies_between() {
        let mut log = RoomLog::new(Seq(1), 1 << 20);
        assert_eq!(log.history_start(5), 0);
        log.append(&said(1));
        let second = log.end();
        log.append(&said(2));
        log.append(&joined(3));
        let fourth = log.end();
        log.append(&said(4));
        assert_eq!(log.history_start(0), log.end());
        assert_eq!(log.history_start(1), fourth);
        assert_eq!(log.history_start(2), second);
        assert_eq!(log.history_start(3), 0);
        assert_eq!(log.history_start(u32::MAX), 0);
    }

    #[test]
    fn trimming_forgets_whole_events_and_moves_no_offset() {
        let mut log = RoomLog::new(Seq(1), 200);
        let mut seq = 0;
        while !log.is_overfull() {
            seq += 1;
            log.append(&said(seq));
        }
        log.release(log.end());
        let (end, point) = (log.end(), log.trim_point());
        let kept = log.between(point, end).to_vec();
        let kept_seq = log.seq_from(point);
        let histories = |log: &RoomLog| {
            (kept_seq.0..=seq).map(|from| log.history_start((from - kept_seq.0) as u32)).collect()
        };
        let before: Vec<u64> = histories(&log);
        log.trim();
        assert_eq!((log.start(), log.end()), (point, end));
        assert_eq!(log.between(point, end), kept);
        assert!(kept.len() <= 200 && !kept.is_empty());
        assert_eq!(log.seq_from(point), kept_seq);
        assert_eq!(log.last_seq(), Seq(seq));
        assert_eq!(histories(&log), before, "no line that is held is forgotten");
        assert_eq!(log.history_start(u32::MAX), point);
    }

    #[test]
    fn the_log_takes_its_events_and_a_little_more() {
        let mut log = RoomLog::new(Seq(1), 1 << 20);
        (1..=1_000).for_each(|seq| log.append(&said(seq)));
        let event_bytes = log.end() as usize;
        assert!((event_bytes..4 * event_bytes).contains(&log.held_bytes()), "{event_bytes}");
    }

    #[test]
    fn lines_that_are_held_but_not_known_again_are_noticed() {
        let mut log = RoomLog::new(Seq(1), 1 << 20);
        log.append(&said(1));
        assert!(log.knows_its_lines());
        log.dedup = DedupWindow::new(Seq(2), 1 << 20);
        assert!(!log.knows_its_lines());
    }

    #[test]
    fn what_is_not_released_is_not_trimmed() {
        let mut log = RoomLog::new(Seq(1), 10);
        log.append(&said(1));
        let second = log.end();
        log.append(&said(2));
        assert_eq!((log.released(), log.unreleased_bytes()), (0, log.end()));
        log.release(second);
        log.release(0);
        assert_eq!((log.released(), log.trim_point()), (second, second));
        log.trim();
        assert_eq!((log.start(), log.seq_from(log.start())), (second, Seq(2)));
    }

    #[test]
    fn a_line_is_known_again_while_it_is_held() {
        let mut log = RoomLog::new(Seq(1), 200);
        let text = |seq: u64| Message::new(&format!("line {seq}")).unwrap();
        log.append(&said(1));
        assert!(log.has_line(MessageId(1), &text(1)));
        assert!(!log.has_line(MessageId(2), &text(1)) && !log.has_line(MessageId(1), &text(2)));
        let mut seq = 1;
        let mut trim = |log: &mut RoomLog| {
            while !log.is_overfull() {
                seq += 1;
                log.append(&said(seq));
            }
            log.release(log.end());
            log.trim();
            seq
        };
        for _ in 0..5 {
            let last = trim(&mut log);
            let held = log.seq_from(log.start()).0..=last;
            assert!(held.into_iter().all(|seq| log.has_line(MessageId(seq), &text(seq))));
        }
        assert!(!log.has_line(MessageId(1), &text(1)), "long gone");
    }

    #[test]
    fn the_time_of_an_event_is_known_while_it_is_held() {
        let mut log = RoomLog::new(Seq(5), 1 << 20);
        log.append(&said(5));
        log.append(&joined(6));
        assert_eq!(log.time_of(Seq(5)), Some(UnixMillis(1)));
        assert_eq!(log.time_of(Seq(6)), Some(UnixMillis(1)));
        assert_eq!((log.time_of(Seq(4)), log.time_of(Seq(7))), (None, None));
        assert_eq!(log.time_of(Seq(u64::MAX)), None);
    }

    #[test]
    fn an_event_larger_than_the_window_does_not_stay_for_ever() {
        let mut log = RoomLog::new(Seq(1), 10);
        log.append(&said(1));
        log.release(log.end());
        assert!(log.is_overfull());
        log.trim();
        assert_eq!((log.start(), log.next_seq()), (log.end(), Seq(2)));
        log.append(&said(2));
        assert_eq!(log.seq_from(log.start()), Seq(2));
    }
}
