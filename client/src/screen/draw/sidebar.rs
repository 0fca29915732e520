//! Draws the sidebar: members, and below them the shelf; on screens without a sidebar the shelf
//! alone, over the chat.

use chatshelf_common::id::ItemId;
use ratatui_core::layout::Rect;

use super::{Canvas, span};
use crate::lang::tr;
use crate::screen::state::State;
use crate::screen::theme::Ink;
use crate::screen::view_model::ShelfItem;
use crate::screen::wrap::{cut, width};

/// Rows of an item: its name; below it size, age and uploader.
const ITEM_ROWS: u16 = 2;
/// The least rows of the members, title included.
const MEMBERS_ROWS_MIN: u16 = 4;

/// Draws both; returns where the items are.
pub(super) fn draw(state: &State, area: Rect, canvas: &mut Canvas<'_>) -> Vec<(Rect, ItemId)> {
    let down = canvas.theme.signs().down;
    for y in area.y..area.bottom() {
        canvas.line(Rect { y, width: 1, height: 1, ..area }, &[span(down, Ink::Dim)]);
    }
    let area = Rect { x: area.x + 1, width: area.width - 1, ..area };
    let wanted = 1 + (state.facts.shelf.len() as u16).saturating_mul(ITEM_ROWS).max(2);
    let shelf_rows = wanted.min(area.height.saturating_sub(MEMBERS_ROWS_MIN));
    let members = Rect { height: area.height - shelf_rows, ..area };
    draw_members(state, members, canvas);
    let shelf = Rect { y: members.bottom(), height: shelf_rows, ..area };
    draw_shelf(state, shelf, canvas)
}

/// Draws the shelf in a frame; returns where the items are.
pub(super) fn draw_overlay(
    state: &State,
    area: Rect,
    canvas: &mut Canvas<'_>,
) -> Vec<(Rect, ItemId)> {
    let wanted = (state.facts.shelf.len() as u16).saturating_mul(ITEM_ROWS).saturating_add(3);
    let height = wanted.min(area.height);
    let inner = canvas.frame(Rect { height, ..area }, tr!("Shelf"));
    draw_items(state, inner, canvas)
}

fn draw_members(state: &State, area: Rect, canvas: &mut Canvas<'_>) {
    let members = &state.facts.members;
    title(&tr!("{n} here", n = members.len()), "", area, canvas);
    let room = usize::from(area.height.saturating_sub(1));
    let shown = if members.len() > room { room.saturating_sub(1) } else { members.len() };
    for (member, y) in members.iter().take(shown).zip(area.y + 1..) {
        let ink = if *member == state.facts.nick { Ink::Me } else { member_ink(member) };
        let row = Rect { x: area.x + 1, y, width: area.width - 1, height: 1 };
        canvas.text(row, member, ink);
    }
    if shown < members.len() && room > 0 {
        let text = tr!("and {more} more", more = members.len() - shown);
        let row = Rect { x: area.x + 1, y: area.bottom() - 1, width: area.width - 1, height: 1 };
        canvas.text(row, &text, Ink::Dim);
    }
}

/// A member's colour, the same as in the chat.
fn member_ink(member: &str) -> Ink {
    chatshelf_common::text::Nick::from_bytes(member.as_bytes())
        .map_or(Ink::Text, |nick| Ink::Nick(crate::app::format::nick_number(&nick)))
}

fn draw_shelf(state: &State, area: Rect, canvas: &mut Canvas<'_>) -> Vec<(Rect, ItemId)> {
    let hint = if state.chosen.is_some() { tr!("Enter: fetch") } else { "Ctrl-F" };
    title(tr!("Shelf"), hint, area, canvas);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if state.facts.shelf.is_empty() {
        let lines = [tr!("empty: drop a file here"), tr!("or /upload PATH")];
        for (line, y) in lines.iter().zip(body.y..body.bottom()) {
            canvas.text(
                Rect { x: body.x + 1, y, width: body.width - 1, height: 1 },
                line,
                Ink::Dim,
            );
        }
        return Vec::new();
    }
    draw_items(state, body, canvas)
}

/// Draws as many items as fit, the chosen one among them.
fn draw_items(state: &State, area: Rect, canvas: &mut Canvas<'_>) -> Vec<(Rect, ItemId)> {
    let shelf = &state.facts.shelf;
    let room = usize::from(area.height / ITEM_ROWS).max(1);
    let chosen = shelf.iter().position(|item| Some(item.id) == state.chosen).unwrap_or(0);
    let first = (chosen + 1).saturating_sub(room);
    let mut places = Vec::new();
    for (item, at) in shelf[first..].iter().take(room).zip(0u16..) {
        let y = area.y + at * ITEM_ROWS;
        let height = ITEM_ROWS.min(area.bottom().saturating_sub(y));
        let place = Rect { y, height, ..area };
        if place.is_empty() {
            break;
        }
        draw_item(item, Some(item.id) == state.chosen, place, canvas);
        places.push((place, item.id));
    }
    places
}

fn draw_item(item: &ShelfItem, is_chosen: bool, area: Rect, canvas: &mut Canvas<'_>) {
    let signs = canvas.theme.signs();
    let (name_ink, ink) =
        if is_chosen { (Ink::Chosen, Ink::Chosen) } else { (Ink::Text, Ink::Dim) };
    if is_chosen {
        canvas.fill(area, Ink::Chosen);
    }
    let mark = if is_chosen { signs.chosen } else { " " };
    let row = Rect { height: 1, ..area };
    canvas.text(row, &format!("{mark}{} {}", item.id, item.name), name_ink);
    if area.height < ITEM_ROWS {
        return;
    }
    let detail = format!("   {} {dot} {} {dot} ", item.size, item.age, dot = signs.dot);
    let room = usize::from(area.width).saturating_sub(width(&detail));
    let detail = format!("{detail}{}", cut(&item.who, room, signs.cut));
    canvas.text(Rect { y: area.y + 1, ..row }, &detail, ink);
}

/// Draws a panel's name on a line across, with a hint at the end.
fn title(name: &str, hint: &str, area: Rect, canvas: &mut Canvas<'_>) {
    let signs = canvas.theme.signs();
    let hint = if hint.is_empty() { String::new() } else { format!(" {hint} ") };
    let used = width(name) + 3 + width(&hint);
    let rest = usize::from(area.width).saturating_sub(used + 1);
    let spans = [
        span(format!("{} ", signs.across), Ink::Dim),
        span(name, Ink::Strong),
        span(format!(" {}", signs.across.repeat(rest)), Ink::Dim),
        span(hint, Ink::Dim),
        span(signs.across, Ink::Dim),
    ];
    canvas.line(Rect { height: 1.min(area.height), ..area }, &spans);
}
