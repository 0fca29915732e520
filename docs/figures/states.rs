//! States and what leads from one to the next. Each arrow says in its attributes which states it is
//! of, so that tests of the code can hold it against the code's own tables.

use crate::svg::{Area, Canvas, Kind};

const HALF_HEIGHT: i32 = 16;

/// A picture of states.
pub(crate) struct States {
    canvas: Canvas,
}

impl States {
    pub(crate) fn new(width: i32, height: i32) -> Self {
        Self { canvas: Canvas::new(width, height) }
    }

    /// States with their middles, all of one kind.
    pub(crate) fn put(&mut self, kind: Kind, states: &[(&str, i32, i32)]) {
        for (name, x, y) in states {
            let half = (name.len() as i32 * 4 + 14).max(40);
            let area = Area(x - half, y - HALF_HEIGHT, 2 * half, 2 * HALF_HEIGHT);
            self.canvas.part(area, kind, name);
        }
    }

    /// A box around states that have something in common.
    pub(crate) fn group(&mut self, area: Area, name: &str) {
        self.canvas.group(area, name);
    }

    /// Where it all begins.
    pub(crate) fn start(&mut self, points: &[(i32, i32)], label: (i32, i32, &str)) {
        let (x, y) = points[0];
        self.canvas.frame(Area(x - 5, y - 5, 10, 10), Kind::Outer, "fill-opacity='0'");
        self.canvas.arrow(points, "");
        self.canvas.text((label.0, label.1), "start", label.2);
    }

    /// An arrow from a state, or from any of several, to another; its label begins at a place.
    pub(crate) fn arrow(
        &mut self,
        (from, to): (&str, &str),
        points: &[(i32, i32)],
        label: (i32, i32, &str),
    ) {
        self.canvas.arrow(points, &format!("data-from='{from}' data-to='{to}'"));
        self.canvas.text((label.0, label.1), "start", label.2);
    }

    /// A line of text.
    pub(crate) fn text(&mut self, at: (i32, i32), text: &str) {
        self.canvas.text(at, "start", text);
    }

    pub(crate) fn into_svg(self) -> String {
        self.canvas.into_svg()
    }
}
