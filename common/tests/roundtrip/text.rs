//! Text that may travel: accepted exactly when docs/PROTOCOL.md, "Text", allows it.

use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use chatshelf_common::text::{FileName, LinkBase, Message, Nick, Note, TextError, Topic};
use unicode_properties::GeneralCategory::{
    EnclosingMark, Format, NonspacingMark, PrivateUse, SpacingMark, Unassigned,
};
use unicode_properties::UnicodeGeneralCategory;

const CONTROL: &[RangeInclusive<char>] = &['\u{0}'..='\u{1f}', '\u{7f}'..='\u{9f}'];

const INVISIBLE: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200b}',
    '\u{200e}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff9}'..='\u{fffb}',
    '\u{e0000}'..='\u{e0fff}',
];

const UNSEEN: &[RangeInclusive<char>] =
    &['\u{200c}'..='\u{200d}', '\u{2800}'..='\u{2800}', '\u{fe00}'..='\u{fe0f}'];

const SEPARATORS: &[RangeInclusive<char>] = &['\u{2028}'..='\u{2029}'];

fn is_in(ranges: &[RangeInclusive<char>], c: char) -> bool {
    ranges.iter().any(|range| range.contains(&c))
}

fn is_of(text: &str, bytes_max: usize, may_hold: impl Fn(char) -> bool) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.chars().all(may_hold)
}

fn may_be_nick(text: &str) -> bool {
    let may_hold = |c: char| {
        c.is_ascii_alphanumeric()
            || "_-.".contains(c)
            || c > '\u{9f}' && !c.is_whitespace() && !is_in(INVISIBLE, c) && !is_in(UNSEEN, c)
    };
    is_of(text, 32, may_hold) && !text.starts_with(['-', '.'])
}

/// What new names may hold besides: "Text" has it in terms of the Unicode standard.
fn may_be_in_new_name(c: char) -> bool {
    !is_in(CONTROL, c)
        && !is_in(INVISIBLE, c)
        && !is_in(&['\u{fe00}'..='\u{fe0f}'], c)
        && !matches!(c.general_category(), Format | Unassigned | PrivateUse)
}

fn may_be_new_nick(text: &str) -> bool {
    let is_mark =
        |c: char| matches!(c.general_category(), NonspacingMark | SpacingMark | EnclosingMark);
    may_be_nick(text)
        && text.chars().all(|c| may_be_in_new_name(c) && !"\u{fffc}\u{1d159}".contains(c))
        && !text.starts_with(is_mark)
        && !Nick::from_bytes(text.as_bytes()).unwrap().is_same(&Nick::from_bytes(b"you").unwrap())
}

fn may_be_new_file_name(text: &str) -> bool {
    may_be_file_name(text) && text.chars().all(may_be_in_new_name)
}

fn may_be_message(text: &str) -> bool {
    is_of(text, 8192, |c| matches!(c, '\n' | '\t') || !is_in(CONTROL, c))
}

fn may_be_topic(text: &str) -> bool {
    is_of(text, 512, |c| !is_in(CONTROL, c) && !is_in(SEPARATORS, c))
}

fn may_be_file_name(text: &str) -> bool {
    let may_hold = |c| !(is_in(CONTROL, c) || is_in(INVISIBLE, c) || matches!(c, '/' | '\\'));
    is_of(text, 255, may_hold) && !matches!(text, "." | "..")
}

fn may_be_note(text: &str) -> bool {
    is_of(text, 256, |c| !is_in(CONTROL, c) && !is_in(SEPARATORS, c))
}

fn may_be_link_base(text: &str) -> bool {
    let of_scheme = |scheme: &str| {
        let Some(rest) = text.strip_prefix(scheme) else { return false };
        let may_hold = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
        rest.is_empty() || rest.strip_prefix("//").is_some_and(|host| is_of(host, 267, may_hold))
    };
    text.is_empty() || text.len() <= 269 && (of_scheme("http:") || of_scheme("https:"))
}

/// Any character, most often one beside the border of a rule.
fn character() -> impl Strategy<Value = char> {
    let borders = [CONTROL, INVISIBLE, UNSEEN].concat().into_iter().flat_map(|range| {
        let (start, end) = (u32::from(*range.start()), u32::from(*range.end()));
        [start.wrapping_sub(1), start, end, end + 1].into_iter().filter_map(char::from_u32)
    });
    let special = "-_./\\\n\t @²Ⅷ९李ß\u{200c}\u{200d}\u{301}\u{93e}\u{e000}\u{378}🦀".chars();
    prop_oneof![
        4 => proptest::char::range('a', 'z'),
        2 => select(special.collect::<Vec<_>>()),
        1 => select(borders.collect::<Vec<_>>()),
        1 => any::<char>(),
    ]
}

/// Short text, or text filled up to about the length of some limit.
fn text() -> impl Strategy<Value = String> {
    let limits = select(vec![32usize, 255, 256, 512, 8192]);
    let length = (limits, 0..5usize).prop_map(|(limit, more)| limit + more - 2);
    let filler = (select(vec!["n", "é", "."]), prop_oneof![Just(0), length]);
    (vec(character(), 0..5), filler, vec(character(), 0..3)).prop_map(|(front, filler, back)| {
        let mut text: String = front.into_iter().collect();
        let room = filler.1.saturating_sub(text.len());
        text.push_str(&filler.0.repeat(room / filler.0.len()));
        text.extend(back);
        text
    })
}

/// Asserts that a text type takes exactly what its rule allows, and takes it as it is.
macro_rules! assert_takes {
    ($text:ident: $($kind:ident by $allowed:ident up to $limit:literal,)*) => {$(
        let made = $kind::from_bytes($text.as_bytes());
        prop_assert_eq!(made.is_ok(), $allowed($text), "{:?}", made);
        if $text.len() > $limit {
            prop_assert_eq!(&made, &Err(TextError::TooLong { limit: $limit }));
        }
        prop_assert!(made.as_ref().map_or(true, |made| made.as_str() == $text));
    )*};
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn text_is_taken_exactly_when_the_rule_allows_it(text in text()) {
        let text = text.as_str();
        assert_takes! { text:
            Nick by may_be_nick up to 32,
            Message by may_be_message up to 8192,
            Topic by may_be_topic up to 512,
            FileName by may_be_file_name up to 255,
            Note by may_be_note up to 256,
            LinkBase by may_be_link_base up to 269,
        }
        prop_assert_eq!(Nick::new(text).is_ok(), may_be_new_nick(text));
        prop_assert_eq!(FileName::new(text).is_ok(), may_be_new_file_name(text));
        prop_assert_eq!(Message::new(text), Message::from_bytes(text.as_bytes()));
        prop_assert_eq!(Topic::new(text), Topic::from_bytes(text.as_bytes()));
        prop_assert_eq!(Note::new(text), Note::from_bytes(text.as_bytes()));
    }

    #[test]
    fn a_link_base_is_taken_exactly_when_the_rule_allows_it(
        scheme in select(vec!["", "http", "https", "HTTP", "ftp"]),
        between in select(vec!["", ":", ":/", "://", ":///"]),
        host in prop_oneof![text(), "[a-zA-Z0-9.:\\[\\]/-]{0,12}"],
    ) {
        let text = format!("{scheme}{between}{host}");
        prop_assert_eq!(LinkBase::new(&text).is_ok(), may_be_link_base(&text), "{}", text);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_no_text(bytes in vec(any::<u8>(), 1..8)) {
        let expected = match std::str::from_utf8(&bytes) {
            Ok(text) => Message::new(text),
            Err(_) => Err(TextError::NotUtf8),
        };
        prop_assert_eq!(Message::from_bytes(&bytes), expected);
    }

    #[test]
    fn a_lossy_note_is_always_a_note(text in text()) {
        let note = Note::lossy(&text);
        prop_assert!(may_be_note(note.as_str()), "{:?}", note);
        prop_assert!(!may_be_note(&text) || note.as_str() == text);
    }

    #[test]
    fn a_lossy_file_name_is_a_file_name_or_there_was_no_name(text in text()) {
        match FileName::lossy(&text) {
            Ok(name) => {
                prop_assert!(may_be_new_file_name(name.as_str()), "{:?}", name);
                prop_assert!(!may_be_new_file_name(&text) || name.as_str() == text);
                let (stem, extension) = name.split_extension();
                prop_assert_eq!([stem, extension].concat(), name.as_str());
                prop_assert!(extension.is_empty() || extension.starts_with('.'));
            }
            Err(_) => prop_assert!(matches!(&text[..], "" | "." | "..")),
        }
    }
}
