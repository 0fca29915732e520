//! Words as a shell would read them, for lines that name files. Pure; knows no command.

/// Stand for `#` and for a backslash while a text is split; noncharacters, which no text has.
const HASH: &str = "\u{10fffe}";
const BACKSLASH: &str = "\u{10ffff}";

/// Splits as a shell would, except that `#` begins no comment and that on Windows a backslash is
/// part of a path. `None` when a quote is left open.
pub(crate) fn split(text: &str) -> Option<Vec<String>> {
    split_with(text, cfg!(windows))
}

/// The same, where a backslash escapes nothing if it `separates` the parts of a path.
fn split_with(text: &str, separates: bool) -> Option<Vec<String>> {
    let mut text = text.replace('#', HASH);
    if separates {
        text = text.replace('\\', BACKSLASH);
    }
    let words = shell_words::split(&text).ok()?;
    let restored = |word: String| word.replace(HASH, "#").replace(BACKSLASH, "\\");
    Some(words.into_iter().map(restored).collect())
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
    fn a_backslash_in_a_windows_path_is_itself_in_any_quotes() {
        let path = r"C:\My files\new.txt";
        for quoted in [format!("'{path}'"), format!("\"{path}\"")] {
            assert_eq!(split_with(&quoted, true), Some(vec![path.to_owned()]), "{quoted}");
        }
        let bare = r"C:\new.txt \\server\share\#1";
        let words = vec![r"C:\new.txt".to_owned(), r"\\server\share\#1".to_owned()];
        assert_eq!(split_with(bare, true), Some(words));
        assert_eq!(split_with(r"My\ files", false), Some(vec!["My files".to_owned()]));
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
