//! The configuration file: lines `option = value`. Owns its grammar; opens no file.

use std::io::Read;

use super::Error;

/// Longest file that is read, in bytes: a configuration has some hundred.
const BYTES_MAX: u64 = 64 * 1024;

/// The content of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, for messages.
    pub path: String,
    /// Its lines that set something.
    pub entries: Vec<Entry>,
}

/// A line that sets something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1.
    pub line: usize,
    /// The option's long name.
    pub key: String,
    /// The value.
    pub value: String,
}

impl File {
    /// Reads the content of the file at `path` from `input`.
    ///
    /// # Errors
    /// The path, and why it cannot be read or understood.
    pub fn read(path: String, input: impl Read) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        let wrong = |why: &str| Err(Error::Setting(format!("{path}: {why}")));
        match input.take(BYTES_MAX + 1).read_to_end(&mut bytes) {
            Ok(count) if count as u64 > BYTES_MAX => {
                return wrong("it is too long for a configuration file");
            }
            Ok(_) => {}
            Err(why) => return wrong(&why.to_string()),
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(path, &text),
            Err(_) => wrong("it is not UTF-8"),
        }
    }

    /// Reads the text of the file at `path`. Skips empty lines and lines that begin with `#`, and
    /// trims keys and values. Does not check whether such options exist.
    ///
    /// # Errors
    /// The path, the number of the first line that is wrong, and why.
    pub fn parse(path: String, text: &str) -> Result<Self, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let wrong = |why: String| Err(Error::Setting(format!("{path}:{line}: {why}")));
            let Some((key, value)) = content.split_once('=') else {
                return wrong(format!("'{content}' is not a line like 'option = value'"));
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
    fn what_is_too_long_or_not_text_is_refused() {
        let read = |bytes: &[u8]| {
            let file = File::read("/c".into(), bytes);
            file.map(|file| file.entries.len()).map_err(|error| error.to_string())
        };
        assert_eq!(read(b"name = a\n"), Ok(1));
        assert_eq!(read(b"name = \xff").unwrap_err(), "/c: it is not UTF-8");
        let longest = vec![b'#'; BYTES_MAX as usize];
        assert_eq!(read(&longest), Ok(0));
        let told = "/c: it is too long for a configuration file";
        assert_eq!(read(&[&longest[..], b"#"].concat()).unwrap_err(), told);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, told) in [
            ("\nhost lab", "/c:2: 'host lab' is not a line like 'option = value'"),
            ("host=a\n#\nhost = b", "/c:3: host is set on line 1 already"),
            ("host =", "/c:1: host has no value"),
        ] {
            assert_eq!(parse(text).unwrap_err(), told);
        }
    }
}
