//! Draws what is below the chat: transfers, the status bar, the input.

use ratatui_core::layout::{Position, Rect};

use super::{Canvas, span};
use crate::app::format;
use crate::lang::tr;
use crate::link::Encryption;
use crate::screen::editor::Layout;
use crate::screen::state::State;
use crate::screen::theme::{Ink, Signs};
use crate::screen::view_model::{Bar, Connection};
use crate::screen::wrap::{cut, width};

/// Heights of the screen, and how many transfers are shown from there on; below, one.
const BARS: [(u16, u16); 3] = [(24, 5), (16, 3), (12, 2)];
/// The most columns of a bar, and the least: a narrower one is left out.
const BAR_COLUMNS_MAX: usize = 20;
const BAR_COLUMNS_MIN: usize = 5;
/// A file's name takes a quarter of the width, but at least this many columns.
const NAME_COLUMNS_MIN: usize = 8;
/// Round-trip time that is worth a warning, in milliseconds.
const LAG_WARNED_MS: u128 = 500;
/// What stands before the input.
const PROMPT: &str = "> ";

/// The rows that transfers take.
pub(super) fn bar_rows(state: &State, height: u16) -> u16 {
    let max = BARS.iter().find(|(from, _)| height >= *from).map_or(1, |(_, rows)| *rows);
    (state.facts.bars.len() as u16).min(max)
}

/// Draws the transfers; those without room are counted on the last row.
pub(super) fn draw_bars(state: &State, area: Rect, canvas: &mut Canvas<'_>) {
    let bars = &state.facts.bars;
    let hidden = bars.len().saturating_sub(area.height.into());
    for (bar, y) in bars.iter().zip(area.y..area.bottom()) {
        let row = Rect { y, height: 1, ..area };
        let more = if hidden > 0 && y + 1 == area.bottom() {
            format!(" +{hidden}")
        } else {
            String::new()
        };
        let room = Rect { width: area.width.saturating_sub(width(&more) as u16), ..row };
        draw_bar(bar, room, canvas);
        canvas.line(
            Rect { x: room.right(), width: row.width - room.width, ..row },
            &[span(more, Ink::Dim)],
        );
    }
}

/// `↑ notes.iso  61% ████░░  239.0/388.0 MB, 24.0 MB/s, ETA 0:06`.
fn draw_bar(bar: &Bar, area: Rect, canvas: &mut Canvas<'_>) {
    let signs = canvas.theme.signs();
    let columns = usize::from(area.width);
    let arrow = if bar.is_upload { signs.up_arrow } else { signs.down_arrow };
    let name = cut(&bar.name, (columns / 4).max(NAME_COLUMNS_MIN), signs.cut);
    let head = format!(" {arrow} {name} {:3}%", bar.percent);
    let gap = if bar.text.is_empty() { "" } else { ", " };
    let tail = format!(" {}{gap}{}", bar.part, bar.text);
    let room = columns.saturating_sub(width(&head) + width(&tail) + 1).min(BAR_COLUMNS_MAX);
    let ink = if bar.is_stalled { Ink::Failure } else { Ink::Accent };
    let mut spans = vec![span(head, Ink::Text)];
    if room >= BAR_COLUMNS_MIN {
        let full = room * bar.percent.min(100) as usize / 100;
        spans.push(span(format!(" {}", signs.full.repeat(full)), ink));
        spans.push(span(signs.empty.repeat(room - full), Ink::Dim));
    }
    let used: usize = spans.iter().map(|span| width(&span.text)).sum();
    let tail = cut(&tail, columns.saturating_sub(used), signs.cut);
    spans.push(span(tail, if bar.is_stalled { Ink::Failure } else { Ink::Text }));
    canvas.line(area, &spans);
}

/// Draws who and where we are, and the state of the connection.
pub(super) fn draw_status(state: &State, area: Rect, canvas: &mut Canvas<'_>) {
    canvas.fill(area, Ink::Bar);
    let signs = canvas.theme.signs();
    let right = right_part(state, signs);
    let right_columns = width(&right);
    let room = usize::from(area.width).saturating_sub(right_columns);
    let mut parts = parts(state);
    let separator = format!(" {} ", signs.dot);
    let columns = |parts: &[Part]| {
        let texts: usize = parts.iter().map(|part| width(&part.text)).sum();
        texts + width(&separator) * parts.len().saturating_sub(1) + 2
    };
    // What matters least is left out first.
    while columns(&parts) > room
        && parts.len() > 1
        && let Some(least) = (0..parts.len()).max_by_key(|at| parts[*at].rank)
    {
        parts.remove(least);
    }
    let mut spans = vec![span(" ", Ink::Bar)];
    for (part, at) in parts.into_iter().zip(0..) {
        if at > 0 {
            spans.push(span(separator.as_str(), Ink::Bar));
        }
        spans.push(span(part.text, part.ink));
    }
    canvas.line(Rect { width: room as u16, ..area }, &spans);
    let right_area = Rect { x: area.x + room as u16, width: right_columns as u16, ..area };
    canvas.line(right_area, &[span(right, Ink::Bar)]);
}

/// A part of the status bar; the higher its rank, the sooner it is left out.
struct Part {
    text: String,
    ink: Ink,
    rank: u8,
}

fn parts(state: &State) -> Vec<Part> {
    let facts = &state.facts;
    let part = |text: String, ink, rank| Part { text, ink, rank };
    let mut parts = Vec::new();
    if facts.place.is_empty() {
        // Nothing is known before there is a name.
        return parts;
    }
    match &facts.connection {
        Connection::Joined => {}
        Connection::Connecting => parts.push(part(tr!("connecting").into(), Ink::BarWarning, 0)),
        Connection::Leaving => parts.push(part(tr!("leaving").into(), Ink::BarWarning, 0)),
        Connection::Offline(Some(s)) => {
            parts.push(part(tr!("reconnecting in {s} s", s), Ink::BarWarning, 0));
        }
        Connection::Offline(None) => {
            parts.push(part(tr!("reconnecting").into(), Ink::BarWarning, 0));
        }
    }
    if let Some(s) = facts.silent {
        parts.push(part(tr!("no answer for {s} s", s), Ink::BarWarning, 0));
    } else if let (Connection::Joined, Some(lag)) = (&facts.connection, facts.lag)
        && lag.as_millis() >= LAG_WARNED_MS
    {
        let lag = format!("{:.1} s", lag.as_secs_f64());
        parts.push(part(tr!("lag {lag}", lag), Ink::BarWarning, 1));
    }
    if facts.undelivered > 0 {
        let waiting = tr!("{n} line waiting", "{n} lines waiting", n = facts.undelivered);
        parts.push(part(waiting, Ink::BarWarning, 1));
    }
    parts.push(part(facts.nick.clone(), Ink::Bar, 4));
    parts.push(part(facts.place.clone(), Ink::Bar, 2));
    if !facts.members.is_empty() {
        parts.push(part(tr!("{n} here", n = facts.members.len()), Ink::Bar, 6));
    }
    parts.extend(facts.encryption.map(|encryption| {
        let is_verified = encryption == Encryption::Verified;
        let (ink, rank) = if is_verified { (Ink::Bar, 5) } else { (Ink::BarWarning, 3) };
        part(format::encryption(encryption).into(), ink, rank)
    }));
    if let (Connection::Joined, Some(lag), None) = (&facts.connection, facts.lag, facts.silent)
        && lag.as_millis() < LAG_WARNED_MS
    {
        let lag = format!("{} ms", lag.as_millis());
        parts.push(part(tr!("lag {lag}", lag), Ink::Bar, 7));
    }
    parts.retain(|part| !part.text.is_empty());
    parts
}

/// What is new below, while older lines are shown or nobody looks.
fn right_part(state: &State, signs: &Signs) -> String {
    match (state.scrollback.is_scrolled(), state.attention.unread()) {
        (false, 0) => String::new(),
        (false, unread) => format!("{} ", tr!("{unread} new", unread)),
        (true, 0) => format!("{} Esc ", signs.down_arrow),
        (true, unread) => format!("{} {} ", signs.down_arrow, tr!("{unread} new, Esc", unread)),
    }
}

/// The columns that the input has on a screen this wide.
pub(super) fn input_columns(columns: u16) -> usize {
    usize::from(columns).saturating_sub(PROMPT.len()).max(2)
}

/// Draws the input, scrolled so that the cursor is visible; returns the cursor's place.
pub(super) fn draw_input(
    state: &State,
    typed: &Layout,
    area: Rect,
    canvas: &mut Canvas<'_>,
) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    canvas.line(area, &[span(PROMPT, Ink::Accent)]);
    let prompt = PROMPT.len() as u16;
    let body = Rect { x: area.x + prompt, width: area.width.saturating_sub(prompt), ..area };
    if state.editor.is_empty() {
        let hint = tr!("type to talk; F1 or /help shows the keys");
        let hint = if usize::from(body.width) > width(hint) { hint } else { "" };
        canvas.line(body, &[span(hint, Ink::Dim)]);
    }
    let first = (typed.row + 1).saturating_sub(area.height.into());
    for (row, y) in typed.rows[first..].iter().zip(body.y..body.bottom()) {
        canvas.line(Rect { y, height: 1, ..body }, &[span(row.as_str(), Ink::Text)]);
    }
    let is_elsewhere = state.chosen.is_some();
    let at = Position::new(body.x + typed.column as u16, body.y + (typed.row - first) as u16);
    (!is_elsewhere).then_some(at)
}
