//! Where things were drawn, for clicks and for scrolling. Plain values, written by `draw`.

use chatshelf_common::id::ItemId;
use ratatui_core::layout::{Position, Rect};

/// Where things are, for clicks and for scrolling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Areas {
    pub(super) screen: Rect,
    pub(super) chat: Rect,
    pub(super) items: Vec<(Rect, ItemId)>,
    /// Where the cursor goes.
    pub(super) cursor: Option<Position>,
}

impl Areas {
    /// The item of the shelf that is drawn there.
    pub(super) fn item_at(&self, column: u16, row: u16) -> Option<ItemId> {
        let at = Position::new(column, row);
        self.items.iter().find(|(area, _)| area.contains(at)).map(|(_, id)| *id)
    }
}
