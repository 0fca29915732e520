//! Text from and for a terminal: what is sent is cleaned, and what is shown cannot act on the
//! terminal. Pure functions.

use anstream::adapter::strip_str;
use unicode_width::UnicodeWidthChar;

/// Shown instead of a character that would act on the terminal or reorder others.
pub const REPLACEMENT: char = '\u{fffd}';
/// The most zero-width characters on another one: accents, vowel signs, joiners. Scripts and emoji
/// that people write need fewer; a pile of them hides other lines.
pub const MARKS_MAX: usize = 8;
/// The most letters and digits in the region that a flag of tag characters names.
const FLAG_TAGS_MAX: usize = 6;

/// The text, on one line, made harmless for a terminal. [`REPLACEMENT`] replaces a character that
/// would act on the terminal or reorder others. A character that only formats and is invisible
/// itself (a soft hyphen, a zero-width space, a direction mark) is left out. Of the marks on one
/// character, [`MARKS_MAX`] stay.
#[must_use]
pub fn shown(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    let mut marks = 0;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{2028}' | '\u{2029}' => clean.push(' '),
            c if is_harmful(c) => clean.push(REPLACEMENT),
            BLACK_FLAG => {
                clean.push(c);
                if let Some(tags) = flag_tags(rest.as_str()) {
                    clean.push_str(tags);
                    rest = rest.as_str()[tags.len()..].chars();
                }
            }
            c if is_unseen(c) => continue,
            c if c.width() == Some(0) => {
                if marks < MARKS_MAX {
                    clean.push(c);
                }
                marks += 1;
                continue;
            }
            c => clean.push(c),
        }
        marks = 0;
    }
    clean
}

/// True for scripts that put no spaces between words, or add syllables to them as Korean does: what
/// stands beside their letters may be another word.
pub const fn is_unspaced(c: char) -> bool {
    matches!(
        c,
        // Thai, Lao, Tibetan and Burmese; Korean; Khmer; Chinese, Japanese and Korean.
        '\u{e00}'..='\u{109f}'
            | '\u{1100}'..='\u{11ff}'
            | '\u{1780}'..='\u{17ff}'
            | '\u{2e80}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7ff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{ff66}'..='\u{ffdc}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

/// True for what may not reach a terminal: control characters, and those that reorder the text
/// around them in any script.
fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// True for what a reader does not see and a grid of cells cannot use: Unicode's default-ignorable
/// characters, except the two joiners and the variation selectors, which change the look of their
/// neighbours; and the anchors of interlinear annotations.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The first character of flags such as Scotland's.
const BLACK_FLAG: char = '\u{1f3f4}';
const CANCEL_TAG: char = '\u{e007f}';

/// The tags that turn the black flag before them into another: letters and digits of a region, and
/// an end. Tags anywhere else only hide text.
fn flag_tags(text: &str) -> Option<&str> {
    let is_tag = |c: &char| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    let region = text.chars().take_while(is_tag).count();
    let end = text.char_indices().nth(region).filter(|(_, c)| *c == CANCEL_TAG)?;
    (1..=FLAG_TAGS_MAX).contains(&region).then(|| &text[..end.0 + CANCEL_TAG.len_utf8()])
}

/// The same for a text that may have several lines and tabs.
pub fn shown_lines(text: &str) -> impl Iterator<Item = String> {
    text.split('\n').map(|line| line.split('\t').map(shown).collect::<Vec<_>>().join("\t"))
}

/// What was typed or piped in, fit to be sent: with `\n` as line end, and without escape sequences
/// and control characters other than tab.
#[must_use]
pub fn cleaned(text: &str) -> String {
    // One character can begin a sequence too; the stripping knows only the form with two.
    let text = text.replace('\u{9b}', "\x1b[");
    // Line by line: a sequence that never ends takes no more than its line.
    let lines = text.split('\n').map(|line| strip_str(line).to_string());
    let mut clean = lines.collect::<Vec<_>>().join("\n");
    clean.retain(|c| matches!(c, '\n' | '\t') || !c.is_control());
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_shown_cannot_act_on_the_terminal() {
        assert_eq!(
            shown("a\x1b[2Jb\u{9b}c\u{202e}d\re"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}e"
        );
        for moved in ['\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{85}', '\u{7f}'] {
            assert_eq!(shown(&format!("a{moved}b")), "a\u{fffd}b", "{moved:?}");
        }
        assert_eq!(shown("żółw 👩\u{200d}🚀"), "żółw 👩\u{200d}🚀");
        assert_eq!(shown("one\u{2028}two\u{2029}three"), "one two three");
        let lines: Vec<_> = shown_lines("a\tb\n\x07c").collect();
        assert_eq!(lines, ["a\tb", "\u{fffd}c"]);
    }

    #[test]
    fn what_nobody_sees_is_left_out() {
        assert_eq!(shown("Silben\u{ad}trennung a\u{200b}b"), "Silbentrennung ab");
        assert_eq!(shown("שלום\u{200f}!\u{200e} \u{61c}\u{feff}"), "שלום! ");
        assert_eq!(shown("f\u{2061}(x)\u{2060}\u{34f}\u{206a}\u{fff9}"), "f(x)");
        assert_eq!(shown("\u{3164}\u{115f}\u{180b}"), "");
    }

    #[test]
    fn what_changes_its_neighbours_stays() {
        // Emoji and text presentation, joined emoji, a conjunct, a script that needs a non-joiner.
        for text in [
            "❤\u{fe0f} ❤\u{fe0e}",
            "👩🏻\u{200d}❤\u{fe0f}\u{200d}👨",
            "क्\u{200d}ष",
            "می\u{200c}خواهم",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn tags_make_flags_and_hide_nothing() {
        let tags = |text: &str| -> String {
            text.chars().map(|c| char::from_u32(0xe0000 + c as u32).unwrap()).collect()
        };
        let end = '\u{e007f}';
        let scotland = format!("🏴{}{end}", tags("gbsct"));
        assert_eq!(shown(&format!("{scotland}!{scotland}")), format!("{scotland}!{scotland}"));
        assert_eq!(shown(&tags("hidden")), "");
        assert_eq!(shown(&format!("🏴{}", tags("gbsct"))), "🏴", "without an end");
        assert_eq!(shown(&format!("🏴{}{end}", tags("ignore all"))), "🏴");
        assert_eq!(shown(&format!("🏴{end}")), "🏴");
    }

    #[test]
    fn marks_piled_up_on_one_character_are_limited() {
        let pile = |marks| format!("a{}b", "\u{301}".repeat(marks));
        assert_eq!(shown(&pile(MARKS_MAX)), pile(MARKS_MAX));
        assert_eq!(shown(&pile(1000)), pile(MARKS_MAX));
        let thai = "ก็".to_owned() + &"\u{e47}".repeat(50);
        assert_eq!(shown(&thai).chars().count(), 1 + MARKS_MAX);
        let joiners = format!("a{}b", "\u{200d}\u{200b}".repeat(50));
        assert_eq!(shown(&joiners).chars().count(), 2 + MARKS_MAX);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_harmless_and_stays_as_it_is(text in ".*") {
            let shown = shown(&text);
            prop_assert!(!shown.contains(is_harmful));
            prop_assert_eq!(self::shown(&shown), shown);
        }
    }

    #[test]
    fn what_is_sent_has_no_escapes_and_plain_line_ends() {
        assert_eq!(cleaned("\x1b[1;31mred\x1b[0m\r\n\tx\x07"), "red\n\tx");
        assert_eq!(cleaned("a\x1b]0;title\x07b\x1b]8;;u\x1b\\c"), "abc");
        assert_eq!(cleaned("a\x1b(Bb\x1b7c\u{9b}3md\x1b"), "abcd");
        assert_eq!(cleaned("one\rtwo"), "onetwo");
        assert_eq!(cleaned("\x1b]0;Ŝżół\x07żół\x1bPŜ\x1b\\w"), "żółw");
    }

    proptest! {
        #[test]
        fn what_is_sent_is_clean_and_stays_as_it_is(
            text in "[\x1b\u{9b}\\[\\]0-9;mP\\\\\x07a ż\n\t\r]{0,40}",
        ) {
            let clean = cleaned(&text);
            prop_assert!(!clean.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')));
            prop_assert_eq!(cleaned(&clean), clean.clone());
            prop_assert_eq!(clean.matches('\n').count(), text.matches('\n').count());
        }
    }

    #[test]
    fn an_unfinished_sequence_does_not_swallow_the_next_line() {
        assert_eq!(cleaned("a\x1b]0;never ends\nb"), "a\nb");
        assert_eq!(cleaned("a\x1b[12\nb"), "a\nb");
    }
}
