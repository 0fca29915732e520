//! The input line, which may be several: text, cursor, kill ring, and the lines entered before.
//! Knows no keys and no screen but the width it is asked for.

use std::collections::VecDeque;

use unicode_segmentation::UnicodeSegmentation;

use super::wrap::width;

/// Longest input, in bytes: what is beyond is not taken.
pub(crate) const INPUT_BYTES_MAX: usize = 16 * 1024;
/// Lines entered before that are kept.
const HISTORY_MAX: usize = 500;
/// Killed texts that are kept.
const KILLS_MAX: usize = 16;

/// Text being edited.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    text: String,
    /// In bytes, between two characters.
    cursor: usize,
    history: VecDeque<String>,
    /// The entry of the history that is shown, and what was typed before.
    recalled: Option<(usize, String)>,
    kills: VecDeque<String>,
    /// What was yanked last: where it began, and which kill it was.
    yanked: Option<(usize, usize)>,
    /// The last deed was a kill: the next one adds to it.
    is_killing: bool,
}

/// Rows of a width, and where the cursor is in them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Laid {
    pub(crate) rows: Vec<String>,
    pub(crate) column: usize,
    pub(crate) row: usize,
}

impl Editor {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(crate) fn before_cursor(&self) -> &str {
        &self.text[..self.cursor]
    }

    /// Adds text at the cursor, as far as there is room for it; false if there was not.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        self.done();
        let room = INPUT_BYTES_MAX.saturating_sub(self.text.len());
        let fits = &text[..text.floor_char_boundary(room)];
        self.text.insert_str(self.cursor, fits);
        self.cursor += fits.len();
        fits.len() == text.len()
    }

    /// Replaces the text from `start` to the cursor.
    pub(crate) fn replace(&mut self, start: usize, by: &str) {
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
        self.insert(by);
    }

    /// Takes the text, which is remembered as entered.
    pub(crate) fn take(&mut self) -> String {
        self.done();
        self.recalled = None;
        self.cursor = 0;
        let text = std::mem::take(&mut self.text);
        if !text.trim().is_empty() && self.history.back() != Some(&text) {
            self.history.push_back(text.clone());
            if self.history.len() > HISTORY_MAX {
                self.history.pop_front();
            }
        }
        text
    }

    /// Makes this the text, with the cursor behind it.
    pub(crate) fn set(&mut self, text: &str) {
        self.text.clear();
        self.cursor = 0;
        self.insert(text);
    }

    // Moving.

    pub(crate) fn left(&mut self) {
        self.done();
        self.cursor = self.before(self.cursor);
    }

    pub(crate) fn right(&mut self) {
        self.done();
        self.cursor = self.behind(self.cursor);
    }

    pub(crate) fn word_left(&mut self) {
        self.done();
        self.cursor = self.word_start();
    }

    pub(crate) fn word_right(&mut self) {
        self.done();
        self.cursor = self.word_end();
    }

    /// To the beginning of the line.
    pub(crate) fn home(&mut self) {
        self.done();
        self.cursor = self.line_start();
    }

    /// To the end of the line.
    pub(crate) fn end(&mut self) {
        self.done();
        self.cursor = self.line_end();
    }

    /// A line up; on the first, to what was entered before.
    pub(crate) fn up(&mut self) {
        self.done();
        let start = self.line_start();
        if start > 0 && self.recalled.is_none() {
            let above = self.text[..start - 1].rfind('\n').map_or(0, |at| at + 1);
            self.cursor =
                self.place_in(above, self.text[start..self.cursor].graphemes(true).count());
            return;
        }
        let newest = self.recalled.as_ref().map_or(self.history.len(), |(at, _)| *at);
        if let Some(at) = newest.checked_sub(1) {
            let draft = self.recalled.take().map_or_else(|| self.text.clone(), |(_, draft)| draft);
            self.recall(at, draft);
        }
    }

    /// A line down; on the last, back towards what was typed.
    pub(crate) fn down(&mut self) {
        self.done();
        let end = self.line_end();
        if end < self.text.len() && self.recalled.is_none() {
            let column = self.text[self.line_start()..self.cursor].graphemes(true).count();
            self.cursor = self.place_in(end + 1, column);
            return;
        }
        let Some((at, draft)) = self.recalled.take() else { return };
        if at + 1 < self.history.len() {
            self.recall(at + 1, draft);
        } else {
            self.set(&draft);
        }
    }

    // Deleting.

    pub(crate) fn backspace(&mut self) {
        self.done();
        let start = self.before(self.cursor);
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
    }

    pub(crate) fn delete(&mut self) {
        self.done();
        self.text.replace_range(self.cursor..self.behind(self.cursor), "");
    }

    /// Kills to the end of the line; the line end itself when there is nothing else.
    pub(crate) fn kill_to_end(&mut self) {
        let end = self.line_end();
        self.kill(self.cursor, if end == self.cursor { self.behind(end) } else { end });
    }

    pub(crate) fn kill_to_start(&mut self) {
        self.kill(self.line_start(), self.cursor);
    }

    pub(crate) fn kill_word_left(&mut self) {
        self.kill(self.word_start(), self.cursor);
    }

    pub(crate) fn kill_word_right(&mut self) {
        self.kill(self.cursor, self.word_end());
    }

    /// Puts back what was killed last.
    pub(crate) fn yank(&mut self) {
        if let Some(text) = self.kills.back().cloned() {
            let start = self.cursor;
            self.insert(&text);
            self.yanked = Some((start, self.kills.len() - 1));
        }
    }

    /// Right after a yank: what was killed before that instead.
    pub(crate) fn yank_older(&mut self) {
        let Some((start, kill)) = self.yanked else { return };
        let kill = kill.checked_sub(1).unwrap_or(self.kills.len() - 1);
        let text = self.kills[kill].clone();
        self.replace(start, &text);
        self.yanked = Some((start, kill));
    }

    /// Rows of at most `columns`, which is more than one.
    pub(crate) fn laid(&self, columns: usize) -> Laid {
        let mut laid = Laid { rows: vec![String::new()], column: 0, row: 0 };
        let mut used = 0;
        for (at, cluster) in self.text.grapheme_indices(true) {
            let taken = width(cluster);
            if cluster == "\n" || used + taken > columns.saturating_sub(1) {
                // A column is kept free for the cursor.
                if at == self.cursor && cluster == "\n" {
                    (laid.row, laid.column) = (laid.rows.len() - 1, used);
                }
                laid.rows.push(String::new());
                used = 0;
                if cluster == "\n" {
                    continue;
                }
            }
            if at == self.cursor {
                (laid.row, laid.column) = (laid.rows.len() - 1, used);
            }
            if let Some(row) = laid.rows.last_mut() {
                row.push_str(if cluster == "\t" { " " } else { cluster });
            }
            used += taken;
        }
        if self.cursor == self.text.len() {
            (laid.row, laid.column) = (laid.rows.len() - 1, used);
        }
        laid
    }

    /// Whatever is done but killing and yanking.
    fn done(&mut self) {
        self.is_killing = false;
        self.yanked = None;
    }

    fn kill(&mut self, start: usize, end: usize) {
        let is_before = end == self.cursor && start < end;
        let killed = self.text[start..end].to_owned();
        self.text.replace_range(start..end, "");
        self.cursor = start;
        self.yanked = None;
        if killed.is_empty() {
            return;
        }
        match self.kills.back_mut().filter(|_| self.is_killing) {
            Some(last) if is_before => last.insert_str(0, &killed),
            Some(last) => last.push_str(&killed),
            None => {
                self.kills.push_back(killed);
                if self.kills.len() > KILLS_MAX {
                    self.kills.pop_front();
                }
            }
        }
        self.is_killing = true;
    }

    fn recall(&mut self, at: usize, draft: String) {
        let text = self.history[at].clone();
        self.set(&text);
        self.recalled = Some((at, draft));
    }

    fn before(&self, at: usize) -> usize {
        self.text[..at].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn behind(&self, at: usize) -> usize {
        self.text[at..].graphemes(true).next().map_or(at, |cluster| at + cluster.len())
    }

    fn line_start(&self) -> usize {
        self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.cursor..].find('\n').map_or(self.text.len(), |at| self.cursor + at)
    }

    /// Where the word before the cursor begins: past blanks, then past what is none.
    fn word_start(&self) -> usize {
        let words = self.before_cursor().trim_end();
        words.rfind(char::is_whitespace).map_or(0, |at| self.behind(at))
    }

    fn word_end(&self) -> usize {
        let rest = &self.text[self.cursor..];
        let blanks = rest.len() - rest.trim_start().len();
        let word = &rest[blanks..];
        self.cursor + blanks + word.find(char::is_whitespace).unwrap_or(word.len())
    }

    /// So many characters into the line that begins at `start`, or its end.
    fn place_in(&self, start: usize, column: usize) -> usize {
        let line = self.text[start..].split('\n').next().unwrap_or("");
        start + line.grapheme_indices(true).nth(column).map_or(line.len(), |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.insert(text);
        editor
    }

    #[test]
    fn what_is_killed_can_be_yanked_and_kills_in_a_row_are_one() {
        let mut editor = typed("one two three");
        editor.kill_word_left();
        editor.kill_word_left();
        assert_eq!(editor.text(), "one ");
        editor.yank();
        assert_eq!(editor.text(), "one two three");
        editor.home();
        editor.kill_to_end();
        assert_eq!(editor.text(), "");
        editor.yank();
        editor.yank_older();
        assert_eq!(editor.text(), "two three");
    }

    #[test]
    fn the_arrows_recall_what_was_entered_and_come_back_to_what_was_typed() {
        let mut editor = typed("first");
        editor.take();
        editor.insert("second");
        editor.take();
        editor.insert("draft");
        editor.up();
        assert_eq!(editor.text(), "second");
        editor.up();
        editor.up();
        assert_eq!(editor.text(), "first");
        editor.down();
        editor.down();
        assert_eq!(editor.text(), "draft");
    }

    #[test]
    fn in_several_lines_the_arrows_move_the_cursor() {
        let mut editor = typed("abc\nde");
        editor.up();
        editor.insert("|");
        assert_eq!(editor.text(), "ab|c\nde");
        editor.down();
        editor.insert("!");
        assert_eq!(editor.text(), "ab|c\nde!");
    }

    #[test]
    fn words_and_characters_are_those_that_people_see() {
        let mut editor = typed("zażółć 李雷 e\u{301}");
        editor.backspace();
        assert_eq!(editor.text(), "zażółć 李雷 ");
        editor.word_left();
        editor.delete();
        assert_eq!(editor.text(), "zażółć 雷 ");
        editor.kill_to_start();
        assert_eq!(editor.text(), "雷 ");
        editor.kill_word_right();
        assert_eq!(editor.text(), " ");
    }

    #[test]
    fn rows_leave_room_for_the_cursor() {
        let laid = typed("abcdef").laid(4);
        assert_eq!(laid, Laid { rows: vec!["abc".into(), "def".into()], column: 3, row: 1 });
        let mut editor = typed("ab\ncd");
        editor.up();
        assert_eq!(
            editor.laid(10),
            Laid { rows: vec!["ab".into(), "cd".into()], column: 2, row: 0 }
        );
        assert_eq!(typed("李雷").laid(4).rows, ["李", "雷"]);
    }

    #[test]
    fn there_is_an_end_to_what_can_be_typed() {
        let mut editor = typed("é");
        assert!(!editor.insert(&"é".repeat(INPUT_BYTES_MAX)));
        assert!(editor.text().len() <= INPUT_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn whatever_is_done_the_cursor_stays_between_characters(
            deeds in proptest::collection::vec((0..17u8, "[a é李\n\u{301}]{0,3}"), 0..60),
        ) {
            let mut editor = Editor::default();
            for (deed, text) in deeds {
                match deed {
                    0 => editor.left(),
                    1 => editor.right(),
                    2 => editor.word_left(),
                    3 => editor.word_right(),
                    4 => editor.home(),
                    5 => editor.end(),
                    6 => editor.up(),
                    7 => editor.down(),
                    8 => editor.backspace(),
                    9 => editor.delete(),
                    10 => editor.kill_to_end(),
                    11 => editor.kill_to_start(),
                    12 => editor.kill_word_left(),
                    13 => editor.kill_word_right(),
                    14 => editor.yank(),
                    15 => editor.yank_older(),
                    _ => drop(editor.insert(&text)),
                }
                prop_assert!(editor.text.is_char_boundary(editor.cursor));
                let laid = editor.laid(5);
                prop_assert!(laid.row < laid.rows.len());
            }
        }
    }
}
