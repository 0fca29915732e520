//! What was said and is still held, so that it can be searched: the newest lines, within bounds.
//! Owns them for as long as the program runs, in every front alike.

use std::collections::VecDeque;

use chatshelf_common::id::{Seq, UnixMillis};
use chatshelf_common::text::{Message, Nick};
use chatshelf_common::wire::frame::{Said, Told};

use super::clock::Clock;
use super::format::beginning;
use crate::lang::tr;
use crate::search::Words;

/// Lines that are held.
const LINES_HELD_MAX: usize = 10_000;
/// Bytes of text in them.
const BYTES_HELD_MAX: usize = 4 * 1024 * 1024;
/// Lines that an answer shows, the newest.
const FOUND_SHOWN_MAX: usize = 20;
/// Characters that it shows of each.
const FOUND_CHARS_MAX: usize = 200;

/// The lines, oldest first.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    lines: VecDeque<Line>,
    bytes: usize,
}

#[derive(Debug)]
struct Line {
    /// Its place in the room log, unless it is a private message.
    seq: Option<Seq>,
    at: UnixMillis,
    from: Nick,
    /// Of a private message.
    to: Option<Nick>,
    text: Message,
}

impl Transcript {
    pub(super) fn said(&mut self, said: &Said) {
        let (from, text) = (said.nick.clone(), said.text.clone());
        self.push(Line { seq: Some(said.seq), at: said.at, from, to: None, text });
    }

    pub(super) fn told(&mut self, told: &Told) {
        let (from, to, text) = (told.from.clone(), Some(told.to.clone()), told.text.clone());
        self.push(Line { seq: None, at: told.at, from, to, text });
    }

    /// Forgets a line whose text was taken away.
    pub(super) fn redact(&mut self, line: Seq) {
        if let Some(place) = self.lines.iter().rposition(|it| it.seq == Some(line))
            && let Some(line) = self.lines.remove(place)
        {
            self.bytes -= line.text.as_str().len();
        }
    }

    /// The line that this member said last, or the `nth` last, counted from 1.
    pub(super) fn line_of(&self, nick: &Nick, nth: usize) -> Option<Seq> {
        let theirs = self.lines.iter().rev().filter(|it| it.from.key() == nick.key());
        theirs.filter_map(|it| it.seq).nth(nth.checked_sub(1)?)
    }

    fn push(&mut self, line: Line) {
        self.bytes += line.text.as_str().len();
        self.lines.push_back(line);
        while self.lines.len() > LINES_HELD_MAX || self.bytes > BYTES_HELD_MAX {
            let Some(line) = self.lines.pop_front() else { return };
            self.bytes -= line.text.as_str().len();
        }
    }

    /// What holds these words, as lines to be shown.
    pub(super) fn find(&self, words: &Words, clock: &Clock) -> Vec<String> {
        let fits = |line: &&Line| words.are_in(&format!("{} {}", line.from, line.text));
        let found: Vec<&Line> = self.lines.iter().filter(fits).collect();
        let shown = &found[found.len().saturating_sub(FOUND_SHOWN_MAX)..];
        let words_joined = words.joined();
        let head = match found.len() {
            0 => tr!("nothing said here contains: {words}", words = words_joined),
            all if all > shown.len() => tr!(
                "{all} lines contain: {words}; the newest {shown}:",
                all,
                words = words_joined,
                shown = shown.len(),
            ),
            n => tr!(
                "{n} line contains: {words}",
                "{n} lines contain: {words}",
                n = n,
                words = words_joined
            ),
        };
        std::iter::once(head).chain(shown.iter().map(|line| line.shown(words, clock))).collect()
    }
}

impl Line {
    /// `   2026-11-22 17:05  ada: …`, with the line of the message that holds the first word.
    fn shown(&self, words: &Words, clock: &Clock) -> String {
        let lines = || self.text.as_str().lines();
        let line = lines().find(|line| words.begin_in(line)).or_else(|| lines().next());
        let text = beginning(self.text.as_str(), line, FOUND_CHARS_MAX);
        let to = self.to.as_ref().map_or(String::new(), |to| format!(" → {to}"));
        let (day, time) = (clock.day(self.at), clock.time(self.at));
        format!("   {day} {time}  {}{to}: {text}", self.from)
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::MessageId;

    use super::*;

    fn transcript(texts: &[&str]) -> Transcript {
        let mut transcript = Transcript::default();
        for text in texts {
            let (nick, text) = (Nick::new("ada").unwrap(), Message::new(text).unwrap());
            let at = UnixMillis(1_795_366_800_000);
            transcript.said(&Said { seq: Seq(1), at, nick, id: MessageId(1), text, style: None });
        }
        transcript
    }

    fn found(transcript: &Transcript, words: &str) -> Vec<String> {
        transcript.find(&Words::new(words).unwrap(), &Clock::utc())
    }

    #[test]
    fn what_is_found_is_told_with_its_time_and_nick() {
        let transcript = transcript(&["the build is done", "no", "first\nthe Build broke\nlast"]);
        let expected = [
            "2 lines contain: build",
            "   2026-11-22 17:00  ada: the build is done",
            "   2026-11-22 17:00  ada: the Build broke…",
        ];
        assert_eq!(found(&transcript, "BUILD"), expected);
        assert_eq!(found(&transcript, "ada done")[0], "1 line contains: ada done");
        assert_eq!(found(&transcript, "absent"), ["nothing said here contains: absent"]);
    }

    #[test]
    fn a_redacted_line_is_found_no_more_and_lines_are_known_by_who_said_them() {
        let mut transcript = Transcript::default();
        for (seq, name, text) in [(1, "ada", "hi"), (2, "bob", "hunter2"), (3, "bob", "oops")] {
            let (nick, text) = (Nick::new(name).unwrap(), Message::new(text).unwrap());
            let (seq, at, id) = (Seq(seq), UnixMillis(1), MessageId(1));
            transcript.said(&Said { seq, at, nick, id, text, style: None });
        }
        let line_of = |nth| transcript.line_of(&Nick::new("Bob").unwrap(), nth);
        let lines = [line_of(0), line_of(1), line_of(2), line_of(3)];
        assert_eq!(lines, [None, Some(Seq(3)), Some(Seq(2)), None]);
        transcript.redact(Seq(2));
        assert_eq!(found(&transcript, "hunter2").len(), 1, "only that nothing was found");
        assert_eq!((transcript.lines.len(), transcript.bytes), (2, 6));
    }

    #[test]
    fn an_answer_is_short_and_what_is_held_is_bounded() {
        let texts: Vec<String> = (0..LINES_HELD_MAX + 50).map(|n| format!("line {n}")).collect();
        let transcript = transcript(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(transcript.lines.len(), LINES_HELD_MAX);
        let lines = found(&transcript, "line");
        assert_eq!(lines.len(), 1 + FOUND_SHOWN_MAX);
        assert_eq!(lines[0], "10000 lines contain: line; the newest 20:");
        assert!(lines[20].ends_with("ada: line 10049"), "{}", lines[20]);
        let long = "x".repeat(8000);
        let transcript = self::transcript(&vec![long.as_str(); 1000]);
        assert!(transcript.bytes <= BYTES_HELD_MAX);
        assert!(found(&transcript, "x")[1].chars().count() < 250);
    }
}
