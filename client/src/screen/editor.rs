//! The input, of one or more lines: text, cursor, kill ring and history. Knows no keys, and of the
//! screen only the width it is asked for.

use std::collections::VecDeque;

use unicode_segmentation::UnicodeSegmentation;

use super::kill_ring::{KillRing, Side};
use super::wrap::width;

/// Longest input, in bytes. More is not accepted.
pub(crate) const INPUT_BYTES_MAX: usize = 16 * 1024;
/// Entered lines that are kept.
const HISTORY_MAX: usize = 500;

/// Text being edited.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    text: String,
    /// In bytes, between two characters as people see them.
    cursor: usize,
    history: VecDeque<String>,
    /// Set while an entry of the history is shown.
    recalled: Option<Recalled>,
    kills: KillRing,
    /// Set while the last action was a yank.
    yanked: Option<Yanked>,
}

/// An entry of the history that is shown.
#[derive(Debug)]
struct Recalled {
    /// Its place in the history.
    at: usize,
    /// What had been typed before.
    draft: String,
}

/// A killed text that was put back.
#[derive(Clone, Copy, Debug)]
struct Yanked {
    /// Where it begins in the text.
    start: usize,
    /// Its place in the kill ring.
    kill: usize,
}

/// The text in rows of a width, and where the cursor is in them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layout {
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

    /// Inserts text at the cursor, as much as fits; false if not all of it does.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        self.end_sequence();
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

    /// Takes the text, and adds it to the history.
    pub(crate) fn take(&mut self) -> String {
        self.end_sequence();
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

    /// Replaces the text, with the cursor at the end.
    pub(crate) fn set(&mut self, text: &str) {
        self.text.clear();
        self.cursor = 0;
        self.insert(text);
    }

    // Moving.

    pub(crate) fn left(&mut self) {
        self.end_sequence();
        self.cursor = self.previous(self.cursor);
    }

    pub(crate) fn right(&mut self) {
        self.end_sequence();
        self.cursor = self.next(self.cursor);
    }

    pub(crate) fn word_left(&mut self) {
        self.end_sequence();
        self.cursor = self.word_start();
    }

    pub(crate) fn word_right(&mut self) {
        self.end_sequence();
        self.cursor = self.word_end();
    }

    /// To the beginning of the line.
    pub(crate) fn home(&mut self) {
        self.end_sequence();
        self.cursor = self.line_start();
    }

    /// To the end of the line.
    pub(crate) fn end(&mut self) {
        self.end_sequence();
        self.cursor = self.line_end();
    }

    /// One line up; on the first line, back in the history.
    pub(crate) fn up(&mut self) {
        self.end_sequence();
        let start = self.line_start();
        if start > 0 && self.recalled.is_none() {
            let above = self.text[..start - 1].rfind('\n').map_or(0, |at| at + 1);
            self.cursor =
                self.place_in(above, self.text[start..self.cursor].graphemes(true).count());
            return;
        }
        let newest = self.recalled.as_ref().map_or(self.history.len(), |recalled| recalled.at);
        if let Some(at) = newest.checked_sub(1) {
            let draft = match self.recalled.take() {
                Some(recalled) => recalled.draft,
                None => self.text.clone(),
            };
            self.recall(Recalled { at, draft });
        }
    }

    /// One line down; on the last line, forward in the history, up to what was typed.
    pub(crate) fn down(&mut self) {
        self.end_sequence();
        let end = self.line_end();
        if end < self.text.len() && self.recalled.is_none() {
            let column = self.text[self.line_start()..self.cursor].graphemes(true).count();
            self.cursor = self.place_in(end + 1, column);
            return;
        }
        let Some(Recalled { at, draft }) = self.recalled.take() else { return };
        if at + 1 < self.history.len() {
            self.recall(Recalled { at: at + 1, draft });
        } else {
            self.set(&draft);
        }
    }

    // Deleting.

    pub(crate) fn backspace(&mut self) {
        self.end_sequence();
        let start = self.previous(self.cursor);
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
    }

    pub(crate) fn delete(&mut self) {
        self.end_sequence();
        self.text.replace_range(self.cursor..self.next(self.cursor), "");
    }

    /// Kills to the end of the line; at its end, the line break.
    pub(crate) fn kill_to_end(&mut self) {
        let end = self.line_end();
        self.kill(self.cursor, if end == self.cursor { self.next(end) } else { end });
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

    /// Inserts what was killed last.
    pub(crate) fn yank(&mut self) {
        if let Some(kill) = self.kills.newest() {
            self.insert_kill(Yanked { start: self.cursor, kill });
        }
    }

    /// Right after a yank: replaces that by what was killed before it.
    pub(crate) fn yank_older(&mut self) {
        if let Some(Yanked { start, kill }) = self.yanked {
            self.insert_kill(Yanked { start, kill: self.kills.before(kill) });
        }
    }

    fn insert_kill(&mut self, yanked: Yanked) {
        let text = self.kills.text(yanked.kill).to_owned();
        self.replace(yanked.start, &text);
        self.yanked = Some(yanked);
    }

    /// Breaks the text into rows of at most `columns`, which must be more than one.
    pub(crate) fn layout(&self, columns: usize) -> Layout {
        let mut layout = Layout { rows: vec![String::new()], column: 0, row: 0 };
        let mut used = 0;
        for (at, cluster) in self.text.grapheme_indices(true) {
            let taken = width(cluster);
            if cluster == "\n" || used + taken > columns.saturating_sub(1) {
                // One column stays free for the cursor.
                if at == self.cursor && cluster == "\n" {
                    (layout.row, layout.column) = (layout.rows.len() - 1, used);
                }
                layout.rows.push(String::new());
                used = 0;
                if cluster == "\n" {
                    continue;
                }
            }
            if at == self.cursor {
                (layout.row, layout.column) = (layout.rows.len() - 1, used);
            }
            if let Some(row) = layout.rows.last_mut() {
                row.push_str(if cluster == "\t" { " " } else { cluster });
            }
            used += taken;
        }
        if self.cursor == self.text.len() {
            (layout.row, layout.column) = (layout.rows.len() - 1, used);
        }
        layout
    }

    /// To be called by every action but kill and yank.
    fn end_sequence(&mut self) {
        self.kills.end_sequence();
        self.yanked = None;
    }

    fn kill(&mut self, start: usize, end: usize) {
        let side = if start < self.cursor { Side::Before } else { Side::After };
        let killed = self.text[start..end].to_owned();
        self.text.replace_range(start..end, "");
        self.cursor = start;
        self.yanked = None;
        if !killed.is_empty() {
            self.kills.add(killed, side);
        }
    }

    fn recall(&mut self, recalled: Recalled) {
        let text = self.history[recalled.at].clone();
        self.set(&text);
        self.recalled = Some(recalled);
    }

    fn previous(&self, at: usize) -> usize {
        self.text[..at].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn next(&self, at: usize) -> usize {
        self.text[at..].graphemes(true).next().map_or(at, |cluster| at + cluster.len())
    }

    fn line_start(&self) -> usize {
        self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.cursor..].find('\n').map_or(self.text.len(), |at| self.cursor + at)
    }

    /// Where the word before the cursor begins: before any blanks, and what is not blank.
    fn word_start(&self) -> usize {
        let words = self.before_cursor().trim_end();
        words.rfind(char::is_whitespace).map_or(0, |at| self.next(at))
    }

    fn word_end(&self) -> usize {
        let rest = &self.text[self.cursor..];
        let blanks = rest.len() - rest.trim_start().len();
        let word = &rest[blanks..];
        self.cursor + blanks + word.find(char::is_whitespace).unwrap_or(word.len())
    }

    /// The place of a column in the line that begins at `start`, or that line's end.
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
    fn killed_text_can_be_yanked_and_consecutive_kills_are_one() {
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
    fn the_arrows_step_through_the_history_and_back_to_the_draft() {
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
        let layout = typed("abcdef").layout(4);
        assert_eq!(layout, Layout { rows: vec!["abc".into(), "def".into()], column: 3, row: 1 });
        let mut editor = typed("ab\ncd");
        editor.up();
        assert_eq!(
            editor.layout(10),
            Layout { rows: vec!["ab".into(), "cd".into()], column: 2, row: 0 }
        );
        assert_eq!(typed("李雷").layout(4).rows, ["李", "雷"]);
    }

    #[test]
    fn the_input_is_bounded() {
        let mut editor = typed("é");
        assert!(!editor.insert(&"é".repeat(INPUT_BYTES_MAX)));
        assert!(editor.text().len() <= INPUT_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn after_any_action_the_cursor_is_between_characters(
            actions in proptest::collection::vec((0..17u8, "[a é李\n\u{301}]{0,3}"), 0..60),
        ) {
            let mut editor = Editor::default();
            for (action, text) in actions {
                match action {
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
                let layout = editor.layout(5);
                prop_assert!(layout.row < layout.rows.len());
            }
        }
    }
}
