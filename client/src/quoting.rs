//! Words as a shell would read them, for lines that name files. Pure; knows no command.

/// Stands for `#` while a text is split; a noncharacter, which no text has.
const HASH: &str = "\u{10fffe}";

/// Splits as a shell would, except that `#` begins no comment and that on Windows a backslash is
/// part of a path. `None` when a quote is left open.
pub(crate) fn split(text: &str) -> Option<Vec<String>> {
    let mut text = text.replace('#', HASH);
    if cfg!(windows) {
        text = text.replace('\\', "\\\\");
    }
    let words = shell_words::split(&text).ok()?;
    Some(words.into_iter().map(|word| word.replace(HASH, "#")).collect())
}

/// The whole text, or what the quotes around it hold. `None` when they hold nothing, or do not hold
/// all of it.
pub(crate) fn unquoted(text: &str) -> Option<String> {
    if !text.starts_with(['"', '\'']) {
        return Some(text.to_owned());
    }
    let mut words = split(text)?;
    if words.len() == 1 { words.pop().filter(|word| !word.is_empty()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_shell_without_comments() {
        assert_eq!(split("a 'b c' #d"), Some(vec!["a".into(), "b c".into(), "#d".into()]));
        assert_eq!(split("it's"), None);
    }

    #[test]
    fn quotes_are_taken_off_when_they_hold_the_whole_text() {
        assert_eq!(unquoted("a b").as_deref(), Some("a b"));
        assert_eq!(unquoted("'a b'").as_deref(), Some("a b"));
        for wrong in ["'a' b", "''", "'a"] {
            assert_eq!(unquoted(wrong), None, "{wrong}");
        }
    }
}
