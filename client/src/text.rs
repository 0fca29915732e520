//! Text on its way out of and into a terminal: what may be sent is cleaned, what is shown can do
//! nothing to the terminal. Pure functions.

use std::iter::Peekable;
use std::str::Chars;

use chatshelf_common::text::is_invisible_format;

/// Shown in place of a character that would hide or move others.
pub const REPLACEMENT: char = '\u{fffd}';

/// True for what may not reach a terminal as it is.
fn is_harmful(c: char) -> bool {
    c.is_control() || is_invisible_format(c)
}

/// The text on one line, with every character that could act on the terminal made visible.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars().map(|c| if is_harmful(c) { REPLACEMENT } else { c }).collect()
}

/// The same for a text that may have lines and tabs.
pub fn shown_lines(text: &str) -> impl Iterator<Item = String> {
    text.split('\n').map(|line| line.split('\t').map(shown).collect::<Vec<_>>().join("\t"))
}

/// What was typed or piped in, as it may be sent: line ends are `\n`, escape sequences and
/// control characters other than tab are gone.
#[must_use]
pub fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\t' => clean.push(c),
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    clean
}

/// Skips what follows an ESC: a CSI or string sequence, or one of two characters.
fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_csi(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(chars),
        Some(' '..='/') => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| !c.is_control());
        }
        Some('0'..='~') => {
            chars.next();
        }
        _ => {}
    }
}

/// Skips parameters and the final character of a control sequence.
fn skip_csi(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    chars.next_if(|c| matches!(c, '@'..='~'));
}

/// Skips a string up to its end (BEL, ST or the end of the line).
fn skip_string(chars: &mut Peekable<Chars<'_>>) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_not_act_on_the_terminal() {
        assert_eq!(
            shown("a\x1b[2Jb\u{9b}c\u{202e}d\re"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}e"
        );
        assert_eq!(shown("żółw 👩\u{200d}🚀"), "żółw 👩\u{200d}🚀");
        let lines: Vec<_> = shown_lines("a\tb\n\x07c").collect();
        assert_eq!(lines, ["a\tb", "\u{fffd}c"]);
    }

    #[test]
    fn what_is_sent_has_no_escapes_and_plain_line_ends() {
        assert_eq!(cleaned("\x1b[1;31mred\x1b[0m\r\n\tx\x07"), "red\n\tx");
        assert_eq!(cleaned("a\x1b]0;title\x07b\x1b]8;;u\x1b\\c"), "abc");
        assert_eq!(cleaned("a\x1b(Bb\x1b7c\u{9b}3md\x1b"), "abcd");
        assert_eq!(cleaned("one\rtwo"), "onetwo");
    }

    #[test]
    fn an_unfinished_sequence_does_not_swallow_the_next_line() {
        assert_eq!(cleaned("a\x1b]0;never ends\nb"), "a\nb");
        assert_eq!(cleaned("a\x1b[12\nb"), "a\nb");
    }
}
