//! Where things are drawn: for clicks, for scrolling, and for the cursor.

use chatshelf_common::id::ItemId;
use ratatui_core::layout::{Position, Rect};

/// The areas of a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Areas {
    pub(super) screen: Rect,
    pub(super) chat: Rect,
    pub(super) items: Vec<(Rect, ItemId)>,
    /// The place of the cursor, if it is shown.
    pub(super) cursor: Option<Position>,
}

impl Areas {
    /// The item of the shelf that is drawn at a cell.
    pub(super) fn item_at(&self, column: u16, row: u16) -> Option<ItemId> {
        let at = Position::new(column, row);
        self.items.iter().find(|(area, _)| area.contains(at)).map(|(_, id)| *id)
    }
}
