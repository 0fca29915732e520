//! Draws the state: where each part of the screen goes, with the parts in files of their own.
//! Writes to a buffer of cells; changes nothing of the state and knows no terminal.

mod overlay;
mod sidebar;
mod status_bar;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use super::areas::Areas;
use super::editor::Layout;
use super::entry::{Frame, Row, Span, linked, span};
use super::links::Links;
use super::state::State;
use super::theme::{Ink, Theme};
use super::wrap::{cut, width};
use crate::lang::tr;

/// From this size on there is a sidebar of this width, and from a larger width on a wider one.
const SIDE_FROM_COLUMNS: u16 = 80;
const SIDE_FROM_ROWS: u16 = 12;
const SIDE_COLUMNS: u16 = 26;
const WIDE_SIDE_FROM_COLUMNS: u16 = 110;
const WIDE_SIDE_COLUMNS: u16 = 34;
/// From this height on, the topic has a row.
const TOPIC_FROM_ROWS: u16 = 12;
/// The input takes at most the height divided by this.
const INPUT_PART: u16 = 3;

/// Draws everything; returns where it is.
pub(super) fn draw(state: &State, buffer: &mut Buffer, links: &mut Links) -> Areas {
    let screen = buffer.area;
    links.reset(screen);
    let mut areas = Areas { screen, ..Areas::default() };
    let typed = state.editor.layout(status_bar::input_columns(screen.width));
    let [topic, middle, bars, status, input] = divide(state, screen, &typed);
    let has_side = !state.facts.members.is_empty()
        && screen.width >= SIDE_FROM_COLUMNS
        && screen.height >= SIDE_FROM_ROWS;
    let (chat, side) = if has_side { split_side(middle) } else { (middle, Rect::default()) };
    let mut canvas = Canvas { buffer, links, theme: state.theme };

    if let Some(text) = &state.facts.topic {
        let mut row = vec![span(format!(" {} ", tr!("topic:")), Ink::Dim)];
        row.extend(linked(text, Ink::Strong));
        canvas.line(topic, &row);
    }
    areas.chat = draw_chat(state, chat, &mut canvas);
    if has_side {
        areas.items = sidebar::draw(state, side, &mut canvas);
    } else if state.chosen.is_some() {
        areas.items = sidebar::draw_overlay(state, middle, &mut canvas);
    }
    status_bar::draw_bars(state, bars, &mut canvas);
    status_bar::draw_status(state, status, &mut canvas);
    areas.cursor = status_bar::draw_input(state, &typed, input, &mut canvas);
    if let Some(dialog) = &state.dialog {
        areas.cursor = overlay::draw(dialog, state, screen, &mut canvas);
    }
    areas
}

/// Areas for topic, chat, transfers, status and input. A part without room gets an empty one.
fn divide(state: &State, screen: Rect, typed: &Layout) -> [Rect; 5] {
    let height = screen.height;
    let input = (typed.rows.len() as u16).min((height / INPUT_PART).max(1));
    let topic = u16::from(state.facts.topic.is_some() && height >= TOPIC_FROM_ROWS);
    let bars = status_bar::bar_rows(state, height);
    let mut y = screen.y;
    let mut left = height;
    let mut take = |rows: u16| {
        let rows = rows.min(left);
        let area = Rect { y, height: rows, ..screen };
        y += rows;
        left -= rows;
        area
    };
    let chat = height.saturating_sub(topic + bars + 1 + input);
    [take(topic), take(chat), take(bars), take(1), take(input)]
}

fn split_side(area: Rect) -> (Rect, Rect) {
    let columns =
        if area.width >= WIDE_SIDE_FROM_COLUMNS { WIDE_SIDE_COLUMNS } else { SIDE_COLUMNS };
    let side = Rect { x: area.right() - columns, width: columns, ..area };
    // With a column between them.
    (Rect { width: area.width - columns - 1, ..area }, side)
}

/// Draws the newest lines (or those scrolled to) at the bottom; below the newest, what we have said
/// and the room does not have yet. Returns where the scrollback is.
fn draw_chat(state: &State, area: Rect, canvas: &mut Canvas<'_>) -> Rect {
    let pending = pending_rows(state, area);
    let pending_y = area.bottom() - pending.len() as u16;
    for (row, y) in pending.iter().zip(pending_y..) {
        canvas.line(Rect { y, height: 1, ..area }, row);
    }
    let area = Rect { height: area.height - pending.len() as u16, ..area };
    let frame =
        Frame { columns: area.width.into(), rows: area.height.into(), signs: state.theme.signs() };
    let rows = state.scrollback.visible(frame);
    let above = area.height.saturating_sub(rows.len() as u16);
    for (row, y) in rows.iter().zip(area.y + above..) {
        canvas.line(Rect { y, height: 1, ..area }, row);
    }
    area
}

/// The newest rows of what the room does not have yet, at most half of the area.
fn pending_rows(state: &State, area: Rect) -> Vec<Row> {
    if state.scrollback.is_scrolled() {
        return Vec::new();
    }
    let (columns, rows) = (area.width.into(), area.height.into());
    let frame = Frame { columns, rows, signs: state.theme.signs() };
    let entries = state.facts.pending.iter();
    let mut rows: Vec<Row> = entries.flat_map(|entry| entry.rows(frame)).collect();
    rows.drain(..rows.len().saturating_sub(usize::from(area.height / 2)));
    rows
}

/// A buffer to draw to in a theme.
pub(super) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    links: &'a mut Links,
    pub(super) theme: Theme,
}

impl Canvas<'_> {
    /// Writes spans from the left, as much as fits; returns the column after them.
    pub(super) fn line(&mut self, area: Rect, spans: &[Span]) -> u16 {
        let area = area.intersection(self.buffer.area);
        let mut x = area.x;
        if area.is_empty() {
            return x;
        }
        for Span { text, ink, link } in spans {
            let room = usize::from(area.right().saturating_sub(x));
            let style = self.theme.style(*ink);
            let start = x;
            (x, _) = self.buffer.set_stringn(x, area.y, text, room, style);
            self.links.set(area.y, start..x, link.as_ref());
        }
        x
    }

    /// Writes a text, cut to fit.
    pub(super) fn text(&mut self, area: Rect, text: &str, ink: Ink) {
        let text = cut(text, area.width.into(), self.theme.signs().cut);
        self.line(area, &[span(text, ink)]);
    }

    /// Clears every cell to this style.
    pub(super) fn fill(&mut self, area: Rect, ink: Ink) {
        let area = area.intersection(self.buffer.area);
        for position in area.positions() {
            self.buffer[position].reset();
        }
        for y in area.top()..area.bottom() {
            self.links.set(y, area.left()..area.right(), None);
            // A character of two columns that reaches in here would hide what is drawn here.
            if let Some(x) = area.x.checked_sub(1)
                && width(self.buffer[(x, y)].symbol()) > 1
            {
                self.buffer[(x, y)].set_symbol(" ");
            }
        }
        self.buffer.set_style(area, self.theme.style(ink));
    }

    /// Draws a frame with a title; returns the area inside.
    pub(super) fn frame(&mut self, area: Rect, title: &str) -> Rect {
        let signs = self.theme.signs();
        self.fill(area, Ink::Text);
        if area.width < 2 || area.height < 2 {
            return area;
        }
        let inner = usize::from(area.width) - 2;
        let title = cut(&format!(" {title} "), inner, signs.cut);
        let rest = signs.across.repeat(inner.saturating_sub(width(&title)));
        let [above_left, above_right, below_left, below_right] = signs.corners;
        let top = [
            span(above_left, Ink::Dim),
            span(title, Ink::Strong),
            span(format!("{rest}{above_right}"), Ink::Dim),
        ];
        self.line(Rect { height: 1, ..area }, &top);
        for y in area.y + 1..area.bottom() - 1 {
            for x in [area.x, area.right() - 1] {
                self.line(Rect { x, y, width: 1, height: 1 }, &[span(signs.down, Ink::Dim)]);
            }
        }
        let bottom = format!("{below_left}{}{below_right}", signs.across.repeat(inner));
        let y = area.bottom() - 1;
        self.line(Rect { y, height: 1, ..area }, &[span(bottom, Ink::Dim)]);
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
    }
}
