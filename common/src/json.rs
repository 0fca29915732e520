//! JSON strings (RFC 8259) that are safe to look at: what could act on a terminal, or move other
//! text, is escaped as well, and still says exactly what it was.

use std::fmt::Write;

use crate::text::is_invisible_format;

/// Writes a text as a JSON string, with its quotes.
///
/// ```
/// assert_eq!(chatshelf_common::json::string("say \"hi\"\u{1b}"), r#""say \"hi\"\u001b""#);
/// ```
#[must_use]
pub fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() || is_invisible_format(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_escaped_and_nothing_else() {
        let nasty = "a\nb\r\t\u{1b}[2J\u{7f}\u{9b}\u{2028}\u{202e}\u{e0001}";
        let json = "\"a\\nb\\u000d\\u0009\\u001b[2J\\u007f\\u009b\\u2028\\u202e\\udb40\\udc01\"";
        assert_eq!(string(nasty), json);
        assert_eq!(string("Grüße, \"C:\\x\" 🎉"), "\"Grüße, \\\"C:\\\\x\\\" 🎉\"");
    }
}
