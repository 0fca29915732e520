//! Which key edits how, the same wherever a line is typed. Owns nothing.

use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::editor::Editor;
use crate::text::cleaned;

/// Edits, if the key is one that does.
pub(crate) fn edit(editor: &mut Editor, key: KeyEvent) {
    let KeyEvent { code, modifiers, .. } = key;
    let (is_control, is_alt) =
        (modifiers.contains(KeyModifiers::CONTROL), modifiers.contains(KeyModifiers::ALT));
    match code {
        KeyCode::Left if is_control || is_alt => editor.word_left(),
        KeyCode::Right if is_control || is_alt => editor.word_right(),
        KeyCode::Char('b') if is_alt => editor.word_left(),
        KeyCode::Char('f') if is_alt => editor.word_right(),
        KeyCode::Char('d') if is_alt => editor.kill_word_right(),
        KeyCode::Char('y') if is_alt => editor.yank_older(),
        KeyCode::Backspace if is_control || is_alt => editor.kill_word_left(),
        KeyCode::Left => editor.left(),
        KeyCode::Right => editor.right(),
        KeyCode::Up => editor.up(),
        KeyCode::Down => editor.down(),
        KeyCode::Home => editor.home(),
        KeyCode::End => editor.end(),
        KeyCode::Backspace => editor.backspace(),
        KeyCode::Delete => editor.delete(),
        KeyCode::Char(c) if is_control => control(editor, c),
        KeyCode::Char(c) if !is_alt => {
            let mut bytes = [0; 4];
            editor.insert(&cleaned(c.encode_utf8(&mut bytes)));
        }
        _ => {}
    }
}

fn control(editor: &mut Editor, c: char) {
    match c {
        'a' => editor.home(),
        'e' => editor.end(),
        'b' => editor.left(),
        'f' => editor.right(),
        'k' => editor.kill_to_end(),
        'u' => editor.kill_to_start(),
        'w' => editor.kill_word_left(),
        'y' => editor.yank(),
        'd' => editor.delete(),
        'h' => editor.backspace(),
        'p' => editor.up(),
        'n' => editor.down(),
        _ => {}
    }
}
