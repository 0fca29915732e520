//! The texts that people read, in every language of the project: one table, for the page in a
//! browser and for the client in a terminal. Owns the table's form (its head describes it). Which
//! language is used, and how values get into a text, is up to each of the two.

/// The table.
const TABLE: &str = include_str!("../strings.txt");
/// The line behind which the page needs nothing.
const END_OF_PAGE: &str = "\n# In the terminal alone.\n";

/// The part of the table that the page needs.
pub const OF_PAGE: &str = up_to(END_OF_PAGE);

/// A text in each language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// English.
    pub english: &'static str,
    /// Chinese in simplified characters.
    pub simplified: &'static str,
    /// Chinese in traditional characters.
    pub traditional: &'static str,
}

/// Returns every row of the table. A text with `|` counts as two rows: for one, and for any other
/// number.
pub fn rows() -> impl Iterator<Item = Row> {
    let of_page = lines(OF_PAGE).filter_map(|line| Some(line.split_once(" = ")?.1));
    of_page.filter_map(row).flatten().chain(rows_of_terminal())
}

/// Returns the rows that only the terminal uses.
pub fn rows_of_terminal() -> impl Iterator<Item = Row> {
    lines(&TABLE[OF_PAGE.len()..]).filter_map(row).flatten()
}

fn lines(part: &'static str) -> impl Iterator<Item = &'static str> {
    part.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Takes a row apart; `None` if it is malformed.
fn row(line: &'static str) -> Option<impl Iterator<Item = Row>> {
    let mut texts = line.split(" = ");
    let (english, simplified) = (texts.next()?, texts.next()?);
    let traditional = texts.next().unwrap_or(simplified);
    let row = move |english| Row { english, simplified, traditional };
    texts.next().is_none().then(|| english.split('|').map(row))
}

/// The table up to a line. Without that line, this does not compile.
const fn up_to(line: &str) -> &'static str {
    let mut end = 0;
    while !is_at(end, line.as_bytes()) {
        end += 1;
    }
    TABLE.split_at(end).0
}

const fn is_at(start: usize, text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() && TABLE.as_bytes()[start + at] == text[at] {
        at += 1;
    }
    at == text.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The names of the values in a text, sorted.
    fn values(text: &str) -> Vec<&str> {
        let parts = text.split('{').skip(1);
        let mut names: Vec<&str> = parts.map(|part| part.split_once('}').unwrap().0).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn each_text_is_whole_in_each_language_and_has_the_same_values() {
        let of_terminal = &TABLE[OF_PAGE.len()..];
        let named = lines(OF_PAGE).map(|line| line.split_once(" = ").unwrap().1);
        for line in named.chain(lines(of_terminal)) {
            let rows: Vec<Row> = row(line).unwrap_or_else(|| panic!("{line}")).collect();
            assert!(rows.len() <= 2, "{line}");
            for Row { english, simplified, traditional } in rows {
                for text in [simplified, traditional] {
                    assert!(!text.trim().is_empty() && !text.contains('|'), "{line}");
                    assert_eq!(values(text), values(english), "{line}");
                    assert_ne!(text, english, "{line}");
                }
            }
        }
    }

    #[test]
    fn an_english_text_has_one_meaning() {
        let mut seen = BTreeMap::new();
        for row in rows() {
            let before = seen.insert(row.english, row);
            assert!(before.is_none_or(|before| before == row), "{before:?} {row:?}");
        }
        for row in rows_of_terminal() {
            let times = rows().filter(|other| other.english == row.english).count();
            assert_eq!(times, 1, "the page has it, too: {}", row.english);
        }
    }
}
