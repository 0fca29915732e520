//! Draws dialogs over the room.

use ratatui_core::layout::{Position, Rect};

use super::{Canvas, span};
use crate::screen::dialog::Dialog;
use crate::screen::state::State;
use crate::screen::theme::Ink;
use crate::screen::wrap::wrap;

/// Columns of the help, of a question that shows a fingerprint, and of any other.
const HELP_COLUMNS: u16 = 80;
const KEY_COLUMNS: u16 = 60;
const QUESTION_COLUMNS: u16 = 50;

/// Draws a dialog; returns the place of the cursor.
pub(super) fn draw(
    dialog: &Dialog,
    state: &State,
    screen: Rect,
    canvas: &mut Canvas<'_>,
) -> Option<Position> {
    let is_help = matches!(dialog, Dialog::Help(_));
    let columns = match dialog {
        Dialog::Help(_) => HELP_COLUMNS,
        Dialog::Key(_) => KEY_COLUMNS,
        _ => QUESTION_COLUMNS,
    };
    let columns = columns.min(screen.width);
    let room = usize::from(columns).saturating_sub(4);
    let mut lines =
        wrapped(&dialog.lines(&state.facts.place, state.facts.bars.len()), room, is_help);
    let mut cursor = None;
    if let Some(editor) = dialog.editor() {
        let layout = editor.layout(room.max(3) - 1);
        lines.push(String::new());
        cursor = Some((lines.len() + layout.row, layout.column + 2));
        lines.extend(layout.rows.iter().map(|row| format!("> {row}")));
    }
    if !is_help {
        lines.push(String::new());
        lines.extend(wrapped(&[dialog.answers().to_owned()], room, false));
    }
    let height = (lines.len() as u16).saturating_add(2).min(screen.height);
    let area = Rect {
        x: screen.x + (screen.width - columns) / 2,
        y: screen.y + (screen.height - height) / 2,
        width: columns,
        height,
    };
    let inner = canvas.frame(area, dialog.title());
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    // Too long a question loses its beginning; the help is scrolled.
    let hidden = lines.len().saturating_sub(inner.height.into());
    let first = if let Dialog::Help(from) = dialog { (*from).min(hidden) } else { hidden };
    for (line, y) in lines[first..].iter().zip(inner.y..inner.bottom()) {
        canvas.line(Rect { y, height: 1, ..inner }, &[span(line.as_str(), Ink::Text)]);
    }
    let (row, column) = cursor?;
    let row = row.checked_sub(first)? as u16;
    Some(Position::new(inner.x + (column as u16).min(inner.width.saturating_sub(1)), inner.y + row))
}

/// The lines, made to fit; those of the help are a table, and are cut.
fn wrapped(lines: &[String], columns: usize, is_table: bool) -> Vec<String> {
    if is_table {
        return lines.iter().map(|line| super::cut(line, columns, "")).collect();
    }
    let rows = |line: &String| -> Vec<String> {
        wrap(line, columns, columns).into_iter().map(|range| line[range].to_owned()).collect()
    };
    lines.iter().flat_map(rows).collect()
}
