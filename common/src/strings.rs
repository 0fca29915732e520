//! The texts that people read, in every language of the project: one table, for the page in a
//! browser and for the client in a terminal. Owns the table's form (its head describes it); which
//! language is spoken, and how values get into a text, each of the two decides.

/// The table.
const TABLE: &str = include_str!("../strings.txt");
/// The line behind which the page needs nothing.
const END_OF_PAGE: &str = "\n# In the terminal alone.\n";

/// The part of the table that the page needs.
pub const OF_PAGE: &str = up_to(END_OF_PAGE);

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
