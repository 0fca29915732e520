//! One entry of the scrollback, and the rows it takes at a width. What others have sent is made
//! harmless when an entry is made. Knows no terminal.

use std::ops::Range;
use std::sync::Arc;

use chatshelf_common::text::{Message, Nick};
use chatshelf_common::web_link::ItemLink;
use chatshelf_common::wire::frame::{Said, Style};

use super::links::{Link, links};
use super::theme::{Ink, Signs};
use super::wrap::{cut, width, wrap};
use crate::app::format::nick_number;
use crate::app::moderation::{REDACTED, displayed};
use crate::lang::tr;
use crate::text::{shown, shown_lines};

/// In place of a tab: space, but no tab stops.
const TAB: &str = "    ";
/// Columns of `HH:MM `.
const TIME_COLUMNS: usize = 6;
/// From this width on, nicks have a right-aligned column of their own, this wide.
const COLUMN_FROM: usize = 60;
const NICK_COLUMNS: usize = 12;
/// In place of a time, for what the room does not have yet.
const PENDING_TIME: &str = "  ...";
/// Names in one folded line; the rest is counted.
const NAMED_MAX: usize = 8;

/// A piece of text in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) ink: Ink,
    /// The web address that it is part of.
    pub(super) link: Option<Arc<str>>,
}

/// A row of the screen.
pub(super) type Row = Vec<Span>;

pub(super) fn span(text: impl Into<String>, ink: Ink) -> Span {
    Span { text: text.into(), ink, link: None }
}

/// Who joined and who left, in one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Presence {
    joined: Vec<String>,
    left: Vec<String>,
    /// Joined and left again.
    passed: Vec<String>,
}

/// The area that rows are laid out for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) signs: &'a Signs,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Talk: when, who (and in which style), what, line by line.
    Said { time: String, who: String, who_ink: Ink, lines: Vec<String>, ink: Ink },
    /// A line about the room or ourselves.
    Notice { time: String, text: String, ink: Ink },
    /// A link that was asked for, and the QR code of its short form, which is shown where it fits.
    Link { time: String, link: ItemLink, code: Vec<String> },
    /// Joins and leaves.
    Presence { time: String, who: Presence },
    /// A line across, with a word in it: a day, or where the history ends.
    Rule(String),
}

impl Entry {
    /// Talk of a member; `ink` is the style of the text. An action has a star in place of the name,
    /// and begins with it.
    pub(super) fn said(time: String, said: &Said, is_me: bool, ink: Ink) -> Self {
        let is_action = said.style == Some(Style::ACTION);
        let who_ink =
            if is_me && !is_action { Ink::Me } else { Ink::Nick(nick_number(&said.nick)) };
        let (who, lines) = who_and_lines(&said.nick, &said.text, is_action);
        Self::Said { time, who, who_ink, lines, ink }
    }

    /// Talk of our own that the room does not have yet.
    pub(super) fn pending(nick: &Nick, text: &Message, is_action: bool) -> Self {
        let (time, (who, lines)) = (PENDING_TIME.to_owned(), who_and_lines(nick, text, is_action));
        Self::Said { time, who, who_ink: Ink::Dim, lines, ink: Ink::Dim }
    }

    /// A command of our own without an answer yet, as it was typed.
    pub(super) fn pending_command(typed: &str) -> Self {
        Self::Notice { time: PENDING_TIME.to_owned(), text: shown(typed), ink: Ink::Dim }
    }

    /// Takes the text of a line away.
    pub(super) fn redact(&mut self) {
        if let Self::Said { lines, ink, .. } = self {
            *lines = vec![displayed(REDACTED).to_owned()];
            *ink = Ink::Dim;
        }
    }

    /// Bytes of text in it, as a measure of its memory.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Said { who, lines, .. } => {
                who.len() + lines.iter().map(|line| line.len() + 24).sum::<usize>()
            }
            Self::Notice { text, .. } | Self::Rule(text) => text.len(),
            Self::Link { link, code, .. } => {
                link.whole.len() + code.iter().map(|row| row.len() + 24).sum::<usize>()
            }
            Self::Presence { who, .. } => {
                let all = [&who.joined, &who.left, &who.passed];
                all.iter().flat_map(|names| names.iter()).map(|name| name.len() + 24).sum()
            }
        }
    }

    /// The rows it takes.
    pub(super) fn rows(&self, frame: Frame<'_>) -> Vec<Row> {
        let Frame { columns, rows: most, signs } = frame;
        match self {
            Self::Said { time, who, who_ink, lines, ink } => {
                said_rows(time, span(who.clone(), *who_ink), lines, *ink, columns)
            }
            Self::Notice { time, text, ink } => notice_rows(time, text, *ink, columns),
            Self::Link { time, link, code } => {
                let is_narrow = code.iter().all(|row| width(row) <= columns);
                for shown in [&link.whole, &link.short] {
                    let mut rows = notice_rows(time, shown, Ink::Text, columns);
                    if is_narrow && rows.len() + code.len() <= most {
                        rows.extend(code.iter().map(|row| vec![span(row, Ink::Text)]));
                        return rows;
                    }
                }
                notice_rows(time, &link.whole, Ink::Text, columns)
            }
            Self::Presence { time, who } => notice_rows(time, &who.text(), Ink::Dim, columns),
            Self::Rule(text) => vec![rule(text, Ink::Dim, columns, signs)],
        }
    }
}

/// A line across with a word in its middle.
pub(super) fn rule(text: &str, ink: Ink, columns: usize, signs: &Signs) -> Row {
    let text = cut(&format!(" {text} "), columns, signs.cut);
    let left = columns.saturating_sub(width(&text)) / 2;
    let right = columns.saturating_sub(width(&text) + left);
    vec![span(format!("{}{text}{}", signs.across.repeat(left), signs.across.repeat(right)), ink)]
}

/// A message as lines, made harmless for the screen.
pub(super) fn lines(text: &Message) -> Vec<String> {
    shown_lines(displayed(text.as_str())).map(|line| line.replace('\t', TAB)).collect()
}

/// Who speaks, and the lines.
fn who_and_lines(nick: &Nick, text: &Message, is_action: bool) -> (String, Vec<String>) {
    let (nick, mut lines) = (shown(nick.as_str()), lines(text));
    if !is_action {
        return (nick, lines);
    }
    lines[0].insert_str(0, &format!("{nick} "));
    ("*".to_owned(), lines)
}

fn said_rows(time: &str, who: Span, lines: &[String], ink: Ink, columns: usize) -> Vec<Row> {
    let has_column = columns >= COLUMN_FROM;
    let pad = if has_column { NICK_COLUMNS.saturating_sub(width(&who.text)) } else { 0 };
    let indent = if has_column { TIME_COLUMNS + NICK_COLUMNS + 2 } else { TIME_COLUMNS };
    let gap = if has_column { "  " } else { " " };
    let head = vec![span(format!("{time} {:pad$}", ""), Ink::Dim), who, span(gap, Ink::Text)];
    flow(head, lines, ink, indent, columns)
}

fn notice_rows(time: &str, text: &str, ink: Ink, columns: usize) -> Vec<Row> {
    let head = vec![span(format!("{time:5} "), Ink::Dim), span("-- ", ink)];
    flow(head, &[text], ink, TIME_COLUMNS + 3, columns)
}

/// Lines after a head; further rows are indented.
fn flow(head: Row, lines: &[impl AsRef<str>], ink: Ink, indent: usize, columns: usize) -> Vec<Row> {
    let head_columns: usize = head.iter().map(|span| width(&span.text)).sum();
    let rest = columns.saturating_sub(indent);
    let mut rows: Vec<Row> = Vec::new();
    let mut head = Some(head);
    for line in lines.iter().map(AsRef::as_ref) {
        let first = if head.is_some() { columns.saturating_sub(head_columns) } else { rest };
        let links = links(line);
        for range in wrap(line, first, rest) {
            let mut row = head.take().unwrap_or_else(|| vec![span(" ".repeat(indent), Ink::Text)]);
            push_linked(&mut row, line, range, ink, &links);
            rows.push(row);
        }
    }
    rows.extend(head);
    rows
}

/// Adds a piece of a line, with the addresses in it as links.
fn push_linked(row: &mut Row, line: &str, piece: Range<usize>, ink: Ink, links: &[Link]) {
    let mut at = piece.start;
    for (range, target) in links {
        let (start, end) = (range.start.max(piece.start), range.end.min(piece.end));
        if start >= end {
            continue;
        }
        if at < start {
            row.push(span(&line[at..start], ink));
        }
        row.push(Span { link: Some(Arc::clone(target)), ..span(&line[start..end], ink) });
        at = end;
    }
    if at < piece.end {
        row.push(span(&line[at..piece.end], ink));
    }
}

/// A text on one row, with the addresses in it as links.
pub(super) fn linked(text: &str, ink: Ink) -> Row {
    let mut row = Row::new();
    push_linked(&mut row, text, 0..text.len(), ink, &links(text));
    row
}

impl Presence {
    pub(super) fn join(&mut self, nick: &str) {
        self.joined.push(shown(nick));
    }

    pub(super) fn leave(&mut self, nick: &str) {
        let nick = shown(nick);
        match self.joined.iter().position(|other| *other == nick) {
            Some(place) => {
                self.joined.remove(place);
                // The commands of a script join again and again: one name is enough.
                if !self.passed.contains(&nick) {
                    self.passed.push(nick);
                }
            }
            None => self.left.push(nick),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.joined.len() + self.left.len() + self.passed.len()
    }

    fn text(&self) -> String {
        let names = |names: &[String]| (!names.is_empty()).then(|| named(names));
        let parts = [
            names(&self.joined).map(|nick| tr!("{nick} joined", nick)),
            names(&self.left).map(|nick| tr!("{nick} left", nick)),
            names(&self.passed).map(|nick| tr!("{nick} came and went", nick)),
        ];
        let parts = parts.into_iter().flatten();
        parts.reduce(|first, then| tr!("{first}; {then}", first, then)).unwrap_or_default()
    }
}

/// `a, b, c and 4 more`.
fn named(names: &[String]) -> String {
    let some = names[..names.len().min(NAMED_MAX)].join(", ");
    if names.len() > NAMED_MAX {
        return tr!("{names} and {more} more", names = some, more = names.len() - NAMED_MAX);
    }
    some
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::Seq;
    use chatshelf_testkit::samples::{self, nick};

    use super::*;
    use crate::screen::theme::Theme;

    fn frame(columns: usize, rows: usize) -> Frame<'static> {
        Frame { columns, rows, signs: Theme { colour: false, ascii: true }.signs() }
    }

    fn text(entry: &Entry, columns: usize) -> Vec<String> {
        text_within(entry, frame(columns, 5))
    }

    fn text_within(entry: &Entry, frame: Frame<'_>) -> Vec<String> {
        let row = |row: Row| row.into_iter().map(|span| span.text).collect::<String>();
        entry.rows(frame).into_iter().map(row).collect()
    }

    fn said(what: &str) -> Entry {
        let said = Said { nick: nick("ada"), ..samples::said(Seq(1), what) };
        Entry::said("17:00".into(), &said, false, Ink::Text)
    }

    #[test]
    fn wide_screens_have_a_column_of_nicks_and_narrow_ones_do_not() {
        assert_eq!(
            text(&said("hi\nall"), 60),
            ["17:00          ada  hi", "                    all"]
        );
        assert_eq!(text(&said("hi\nall"), 20), ["17:00 ada hi", "      all"]);
    }

    #[test]
    fn long_lines_continue_below_the_text() {
        assert_eq!(text(&said("one two three"), 18), ["17:00 ada one two", "      three"]);
    }

    #[test]
    fn every_piece_of_an_address_links_to_the_whole() {
        let rows = said("see http://a.b/long/path, then").rows(frame(20, 5));
        let links = |row: &Row| -> Vec<(String, bool)> {
            row.iter().map(|span| (span.text.clone(), span.link.is_some())).collect()
        };
        assert_eq!(links(&rows[1])[1..], [("http://a.b/lon".to_owned(), true)]);
        assert_eq!(
            links(&rows[2])[1..],
            [("g/path".to_owned(), true), (", then".to_owned(), false)]
        );
        for span in rows.iter().flatten().filter(|span| span.link.is_some()) {
            assert_eq!(span.link.as_deref(), Some("http://a.b/long/path"));
        }
    }

    #[test]
    fn a_code_is_shown_where_it_fits_and_is_never_broken() {
        let code: Vec<_> = ["██ █ █ ██", "█ █ ███ █"].map(str::to_owned).into();
        let link = ItemLink { whole: "http://a.b/c/d".into(), short: "http://a.b".into() };
        let entry = Entry::Link { time: "17:00".to_owned(), link, code };
        let shown = |columns, rows| text_within(&entry, frame(columns, rows));
        assert_eq!(shown(23, 3), ["17:00 -- http://a.b/c/d", "██ █ █ ██", "█ █ ███ █"]);
        // What takes fewer rows leaves some for the code.
        assert_eq!(shown(19, 3), ["17:00 -- http://a.b", "██ █ █ ██", "█ █ ███ █"]);
        assert_eq!(shown(23, 2), ["17:00 -- http://a.b/c/d"]);
        assert!(!shown(8, 99).concat().contains('█'), "{:?}", shown(8, 99));
    }

    #[test]
    fn nothing_that_members_send_can_act_on_the_terminal() {
        assert_eq!(text(&said("a\u{202e}b\tc"), 40), ["17:00 ada a\u{fffd}b    c"]);
    }

    #[test]
    fn joins_and_leaves_fold_into_one_line() {
        let mut who = Presence::default();
        who.join("ada");
        who.join("bob");
        who.leave("eve");
        who.leave("bob");
        let entry = Entry::Presence { time: "17:00".into(), who: who.clone() };
        assert_eq!(text(&entry, 80), ["17:00 -- ada joined; eve left; bob came and went"]);
        (0..20).for_each(|number| who.join(&format!("m{number}")));
        let entry = Entry::Presence { time: "17:00".into(), who };
        assert!(text(&entry, 200)[0].contains("m6 and 13 more joined"), "{:?}", text(&entry, 200));
    }

    #[test]
    fn whoever_joins_and_leaves_often_is_named_once() {
        let mut who = Presence::default();
        for nick in ["bot", "eve", "bot"] {
            who.join(nick);
            who.leave(nick);
        }
        let entry = Entry::Presence { time: "17:00".into(), who };
        assert_eq!(text(&entry, 80), ["17:00 -- bot, eve came and went"]);
    }

    #[test]
    fn a_rule_fills_the_width() {
        assert_eq!(text(&Entry::Rule("new".into()), 11), ["--- new ---"]);
    }
}
