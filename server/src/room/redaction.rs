//! Redaction: takes the text of a line away, in the frame that holds it.
//!
//! The frame keeps its length, so that no offset into the log changes and the line's record in the
//! journal can be overwritten where it is (PROTOCOL.md, "Operators").

use std::ops::Range;

use byteorder::{BigEndian, ByteOrder};
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::field::{FIELD_HEAD_BYTES, Tag};
use chatshelf_common::wire::frame::Said;
use chatshelf_common::wire::header::HEADER_BYTES;

/// The text of a redacted line, where there is room for it; spaces follow.
const REDACTED: &[u8] = b"[redacted]";

/// The text of a shorter one, again and again.
const FILLER: u8 = b'*';

/// Takes the text out of a whole `Said` frame. Returns false if there is none, or no more.
pub fn redact(frame: &mut [u8]) -> bool {
    if frame.first() != Some(&Said::KIND) {
        return false;
    }
    let Some(text) = text_at(frame) else { return false };
    let text = &mut frame[text];
    let is_redacted = text.trim_ascii_end() == REDACTED || text.iter().all(|it| *it == FILLER);
    if is_redacted {
        return false;
    }
    match text.split_at_mut_checked(REDACTED.len()) {
        None => text.fill(FILLER),
        Some((shown, rest)) => {
            shown.copy_from_slice(REDACTED);
            rest.fill(b' ');
        }
    }
    true
}

/// Where the text is.
fn text_at(frame: &[u8]) -> Option<Range<usize>> {
    let mut at = HEADER_BYTES;
    loop {
        let head = frame.get(at..at + FIELD_HEAD_BYTES)?;
        let start = at + FIELD_HEAD_BYTES;
        let end = start + usize::from(BigEndian::read_u16(&head[1..]));
        if head[0] == Tag::TEXT.0 {
            return (end <= frame.len()).then_some(start..end);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::Seq;
    use chatshelf_common::wire::frame::{Forgotten, Style};
    use chatshelf_common::wire::{Deframer, Event, Unit};
    use chatshelf_testkit::samples::said;
    use proptest::prelude::*;

    use super::*;

    fn decoded(mut frame: &[u8]) -> Event {
        match Deframer::joined().next(&mut frame) {
            Ok(Some(Unit::Control { header, value })) => Event::decode(header.kind, value).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn a_line_of_any_length_keeps_all_but_its_text(text in "[a-zß🦀 ]{1,400}") {
            let line = Said { style: Some(Style::ACTION), ..said(Seq(9), &text) };
            let before = line.to_bytes();
            let mut frame = before.clone();
            prop_assert!(redact(&mut frame));
            prop_assert_eq!(frame.len(), before.len());
            prop_assert_eq!(&frame[..HEADER_BYTES], &before[..HEADER_BYTES]);
            let Event::Said(redacted) = decoded(&frame) else { panic!() };
            let shown = redacted.text.as_str().trim_end().to_owned();
            prop_assert!(shown == "[redacted]" || shown == "*".repeat(text.len()), "{shown}");
            prop_assert_eq!(Said { text: line.text.clone(), ..redacted.clone() }, line);
            let secret: Vec<char> = text.chars().filter(|c| !"redact ".contains(*c)).collect();
            let is_left = redacted.text.as_str().contains(&secret[..]);
            prop_assert!(!is_left, "some of the text is left");
            prop_assert!(!redact(&mut frame), "it is redacted once");
        }
    }

    #[test]
    fn nothing_else_has_a_text_to_take_away() {
        let mut forgotten = Forgotten { seq: Seq(1), at: said(Seq(1), "x").at }.to_bytes();
        let before = forgotten.clone();
        assert!(!redact(&mut forgotten) && !redact(&mut []) && forgotten == before);
        let mut cut = said(Seq(1), "a password").to_bytes();
        cut.truncate(cut.len() - 1);
        assert!(!redact(&mut cut));
    }
}
