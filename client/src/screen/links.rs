//! Web addresses: where they are in a line, and which cells of a frame belong to one, so that a
//! terminal can open an address that is broken into rows. Of terminals it knows only the form of
//! their links (OSC 8).

use std::ops::Range;
use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use ratatui_core::layout::Rect;

use crate::text::{REPLACEMENT, is_unspaced};

/// Longest address that becomes a link, in bytes; terminals accept little more.
const LINK_BYTES_MAX: usize = 2000;
/// What a target contains only percent-encoded, besides everything that is not ASCII.
const INVISIBLE: AsciiSet = CONTROLS.add(b' ');
const SCHEMES: [&str; 3] = ["https", "http", "ftp"];
/// What ends an address, besides white space: among others dashes and quotation marks, and the
/// punctuation of Chinese and Japanese.
const fn is_end(c: char) -> bool {
    matches!(c, '<' | '>' | '"' | '`' | '{' | '}' | '|' | '\\' | '^' | REPLACEMENT)
        || matches!(c, '\u{2014}'..='\u{2026}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}')
}

/// An address in a line: its place, and the target of its link.
pub(super) type Link = (Range<usize>, Arc<str>);

/// The addresses in a line, in order.
pub(super) fn links(line: &str) -> Vec<Link> {
    let mut found: Vec<Link> = Vec::new();
    for (at, _) in line.match_indices("://") {
        let is_taken = found.last().is_some_and(|(range, _)| at < range.end);
        if !is_taken
            && let Some(range) = address(line, at)
            && let Some(target) = target(&line[range.clone()])
        {
            found.push((range, target.into()));
        }
    }
    found
}

/// The address whose `://` is at `at`.
fn address(line: &str, at: usize) -> Option<Range<usize>> {
    let head = &line.as_bytes()[..at];
    let scheme = head.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let start = at - scheme;
    let is_known = |known: &str| known.eq_ignore_ascii_case(&line[start..at]);
    let is_inside_word = line[..start].ends_with(|c: char| c.is_alphanumeric() && !is_unspaced(c));
    if is_inside_word || !SCHEMES.iter().any(|known| is_known(known)) {
        return None;
    }
    let host = at + "://".len();
    let rest = &line[host..];
    // Where words are not separated, the sentence continues behind the address; browsers encode
    // such letters in a path, but not in the host.
    let mut is_foreign_host = rest.starts_with(is_unspaced);
    let end = rest.find(|c: char| {
        is_foreign_host &= c != '/';
        let is_text = is_unspaced(c) && !is_foreign_host;
        c.is_whitespace() || c.is_control() || is_end(c) || is_text
    });
    let rest = without_sentence_end(&rest[..end.unwrap_or(rest.len())]);
    let has_host = rest.starts_with(|c: char| c.is_alphanumeric() || c == '[');
    has_host.then(|| start..host + rest.len())
}

/// Cuts off what belongs to the sentence around it: full stops and the like, and brackets that were
/// opened before the address.
fn without_sentence_end(mut text: &str) -> &str {
    loop {
        let closes = |open: char, close: char| {
            text.ends_with(close) && text.matches(close).count() > text.matches(open).count()
        };
        let shorter = text.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']);
        if shorter.len() < text.len() {
            text = shorter;
        } else if closes('(', ')') || closes('[', ']') {
            text = &text[..text.len() - 1];
        } else {
            return text;
        }
    }
}

/// The address with everything but visible ASCII percent-encoded, so that nothing in it can end the
/// escape sequence around it. `None` if it is too long.
fn target(address: &str) -> Option<String> {
    let target = utf8_percent_encode(address, &INVISIBLE).to_string();
    (target.len() <= LINK_BYTES_MAX).then_some(target)
}

/// Which cells of a frame belong to a link.
#[derive(Debug, Default)]
pub struct Links {
    columns: usize,
    /// A number per cell, row by row: 0 for no link, else one more than the index of its target.
    cells: Vec<u16>,
    targets: Vec<Arc<str>>,
}

impl Links {
    /// Removes all links, for a frame of this size.
    pub(super) fn reset(&mut self, area: Rect) {
        self.columns = area.width.into();
        self.cells.clear();
        self.cells.resize(usize::from(area.width) * usize::from(area.height), 0);
        self.targets.clear();
    }

    /// Makes cells of a row part of a link, or of none.
    pub(super) fn set(&mut self, y: u16, columns: Range<u16>, target: Option<&Arc<str>>) {
        let number = match target {
            None if self.targets.is_empty() => return,
            None => 0,
            Some(target) => self.number(target),
        };
        let end = usize::from(columns.end).min(self.columns);
        let row = usize::from(y) * self.columns;
        let range = row + usize::from(columns.start).min(end)..row + end;
        if let Some(cells) = self.cells.get_mut(range) {
            cells.fill(number);
        }
    }

    fn number(&mut self, target: &Arc<str>) -> u16 {
        if self.targets.last() != Some(target) {
            self.targets.push(Arc::clone(target));
        }
        // Beyond that number of links, addresses stay plain text.
        u16::try_from(self.targets.len()).unwrap_or(0)
    }

    /// True when no cell belongs to a link.
    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// The target of a cell's link.
    pub(super) fn at(&self, x: u16, y: u16) -> Option<&Arc<str>> {
        let cell = usize::from(y) * self.columns + usize::from(x);
        let number = self.cells.get(cell).copied().filter(|_| usize::from(x) < self.columns)?;
        self.targets.get(usize::from(number).checked_sub(1)?)
    }
}

/// What begins a link on a terminal. The pieces of a link on several rows share an id, so that the
/// terminal highlights and opens them as one.
pub(super) fn opened(target: &str) -> String {
    let id = blake3::hash(target.as_bytes()).to_hex();
    format!("\x1b]8;id={id:.8};{target}\x1b\\")
}

/// What ends a link.
pub(super) const CLOSED: &str = "\x1b]8;;\x1b\\";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(line: &str) -> Vec<&str> {
        links(line).into_iter().map(|(range, _)| &line[range]).collect()
    }

    #[test]
    fn addresses_are_found_without_the_sentence_around_them() {
        for (line, expected) in [
            ("see https://example.org/a?b=c&d=e#f now", &["https://example.org/a?b=c&d=e#f"][..]),
            ("(http://a.b/c), ftp://x.y!", &["http://a.b/c", "ftp://x.y"]),
            (
                "http://de.wikipedia.org/wiki/Rust_(Begriffe).",
                &["http://de.wikipedia.org/wiki/Rust_(Begriffe)"],
            ),
            ("<HTTPS://A.B> 'http://c.d'", &["HTTPS://A.B", "http://c.d"]),
            ("http://[::1]:9000/x", &["http://[::1]:9000/x"]),
            ("请看https://example.com/a这个网站，很好", &["https://example.com/a"]),
            ("见https://example.com/a，谢谢", &["https://example.com/a"]),
            ("「https://example.com/」…", &["https://example.com/"]),
            ("https://例子.中国/a。好", &["https://例子.中国/a"]),
            ("http://a.b/?u=http://c.d", &["http://a.b/?u=http://c.d"]),
            ("http:// https://. file:///etc javascript://x xhttp://a.b chatshelf://h", &[]),
            ("no address", &[]),
        ] {
            assert_eq!(found(line), expected, "{line}");
        }
    }

    #[test]
    fn a_target_is_visible_ascii_and_not_too_long() {
        let target = |line: &str| links(line).pop().map(|(_, target)| target.to_string());
        assert_eq!(target("http://a.b/é").as_deref(), Some("http://a.b/%C3%A9"));
        assert_eq!(target("http://a.b/\u{1b}]8;;x").as_deref(), Some("http://a.b/"));
        assert_eq!(target("http://a.b/x\u{9c}y").as_deref(), Some("http://a.b/x"));
        let long = format!("http://a.b/{}", "x".repeat(LINK_BYTES_MAX));
        assert_eq!(target(&long), None);
    }

    #[test]
    fn cells_lose_their_link_to_what_is_drawn_over_them() {
        let mut layer = Links::default();
        layer.reset(Rect::new(0, 0, 10, 2));
        assert!(layer.is_empty());
        let target: Arc<str> = "http://a.b".into();
        layer.set(0, 4..20, Some(&target));
        layer.set(1, 0..3, Some(&target));
        layer.set(1, 1..2, None);
        let row = |y| (0..12).map(|x| layer.at(x, y).is_some()).collect::<Vec<_>>();
        assert_eq!(row(0), [[false; 4].to_vec(), [true; 6].to_vec(), [false; 2].to_vec()].concat());
        assert_eq!(row(1)[..4], [true, false, true, false]);
        assert_eq!(layer.at(0, 2), None);
    }

    proptest! {
        #[test]
        fn no_text_can_end_its_escape_sequence(text in ".*", rest in ".*") {
            for (_, target) in links(&format!("{text} http://{rest} https://a{rest}")) {
                prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
            }
        }
    }
}
