//! The configuration file: lines `option = value`. Understands text; opens nothing.

use super::Error;

/// A configuration file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, for people.
    pub path: String,
    /// What it says.
    pub entries: Vec<Entry>,
}

/// One line of it that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1.
    pub line: usize,
    /// The option's long name.
    pub key: String,
    /// What it is to be.
    pub value: String,
}

impl File {
    /// Understands the text of the file at `path`. Empty lines and those that begin with `#` say
    /// nothing; blanks around key and value do not count. Whether there are such options is not
    /// looked at yet.
    ///
    /// # Errors
    /// Path and number of the first line that is wrong, and why.
    pub fn parse(path: String, text: &str) -> Result<Self, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        // What some editors put at a file's start is no text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let wrong = |why: String| Err(Error::Setting(format!("{path}:{line}: {why}")));
            let Some((key, value)) = content.split_once('=') else {
                return wrong(format!("'{content}' is no line like 'option = value'"));
            };
            let (key, value) = (key.trim_end(), value.trim_start());
            if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                return wrong(format!("{key} is set on line {} already", first.line));
            }
            if value.is_empty() {
                return wrong(format!("{key} has no value"));
            }
            entries.push(Entry { line, key: key.into(), value: value.into() });
        }
        Ok(Self { path, entries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<(usize, String, String)>, String> {
        let file = File::parse("/c".into(), text).map_err(|error| error.to_string())?;
        let entries = file.entries.into_iter();
        Ok(entries.map(|Entry { line, key, value }| (line, key, value)).collect())
    }

    #[test]
    fn lines_are_option_and_value_and_the_rest_is_for_people() {
        let text = "\u{feff}# mine\n\n  host =  lab.local  \r\n#port = 1\nname=a = b # c\n";
        let expected = [(3, "host", "lab.local"), (5, "name", "a = b # c")];
        let expected = expected.map(|(line, key, value)| (line, key.into(), value.into()));
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, told) in [
            ("\nhost lab", "/c:2: 'host lab' is no line like 'option = value'"),
            ("host=a\n#\nhost = b", "/c:3: host is set on line 1 already"),
            ("host =", "/c:1: host has no value"),
        ] {
            assert_eq!(parse(text).unwrap_err(), told);
        }
    }
}
