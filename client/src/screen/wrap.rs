//! Breaks text into rows of a width: between words if possible, else between characters as people
//! see them. Pure functions; widths are columns of a terminal.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text with blanks behind it, up to so many columns.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    let blanks = columns.saturating_sub(width(text));
    format!("{text}{:blanks$}", "")
}

/// Breaks one line into rows, as byte ranges: the first at most `first` columns wide, the others
/// `rest`. There is always one row. Blanks at a break belong to no row.
pub(crate) fn wrap(line: &str, first: usize, rest: usize) -> Vec<Range<usize>> {
    let (first, rest) = (first.max(1), rest.max(1));
    if line.is_ascii() && line.len() <= first {
        return std::iter::once(0..line.len()).collect();
    }
    let mut rows = Vec::new();
    let (mut start, mut columns, mut limit) = (0, 0, first);
    // Where the last blank of this row ends, and the columns up to that place.
    let mut gap: Option<(usize, usize)> = None;
    for (at, cluster) in line.grapheme_indices(true) {
        let is_blank = cluster == " ";
        let cluster_width = width(cluster);
        // Break at the last blank, if there is one. What follows it may still be too wide.
        while columns + cluster_width > limit && !is_blank && at > start {
            let (end, kept) = match gap.take() {
                Some((behind, before)) => (behind, columns - before),
                None => (at, 0),
            };
            rows.push(start..start + line[start..end].trim_end_matches(' ').len());
            (start, columns, limit) = (end, kept, rest);
        }
        columns += cluster_width;
        if is_blank {
            gap = Some((at + 1, columns));
        }
    }
    rows.push(start..line.len());
    rows
}

/// As much of the text as fits, with `mark` at the end if that is not all of it.
pub(crate) fn cut(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(mark));
    let (mut taken, mut kept) = (0, String::new());
    for cluster in text.graphemes(true) {
        taken += width(cluster);
        if taken > room {
            break;
        }
        kept.push_str(cluster);
    }
    if columns >= width(mark) {
        kept.push_str(mark);
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(line: &str, first: usize, rest: usize) -> Vec<&str> {
        wrap(line, first, rest).into_iter().map(|row| &line[row]).collect()
    }

    #[test]
    fn lines_break_between_words_and_long_words_anywhere() {
        assert_eq!(rows("", 5, 5), [""]);
        assert_eq!(rows("one two three", 7, 7), ["one two", "three"]);
        assert_eq!(rows("one two  three", 4, 9), ["one", "two", "three"]);
        assert_eq!(rows("abcdefgh", 3, 3), ["abc", "def", "gh"]);
        assert_eq!(rows("a bcdefgh", 4, 4), ["a", "bcde", "fgh"]);
    }

    #[test]
    fn wide_and_combined_characters_stay_whole() {
        assert_eq!(rows("李雷韩", 5, 5), ["李雷", "韩"]);
        assert_eq!(rows("e\u{301}e\u{301}e\u{301}", 2, 2), ["e\u{301}e\u{301}", "e\u{301}"]);
        assert_eq!(rows("李", 1, 1), ["李"], "a row is never empty, however narrow");
        assert_eq!(cut("李雷韩梅", 5, "…"), "李雷…");
        assert_eq!(cut("abc", 3, "…"), "abc");
    }

    proptest! {
        #[test]
        fn rows_fit_and_lose_nothing_but_blanks(
            line in "[a-c 李é\u{301}👩]{0,60}",
            width_max in 2..20usize,
        ) {
            let rows = rows(&line, width_max, width_max);
            for row in &rows {
                let text = row.trim_end_matches(' ');
                prop_assert!(width(text) <= width_max, "{row:?}");
            }
            let (all, kept) = (line.replace(' ', ""), rows.concat().replace(' ', ""));
            prop_assert_eq!(all, kept);
        }
    }
}
