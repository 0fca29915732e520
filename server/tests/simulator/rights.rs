//! What an operator's client knows of its rights. Plain values.

use chatshelf_common::id::Seq;

/// Lines that are remembered, of which some are redacted.
const LINES_MAX: usize = 50;

/// What an operator's client knows of its rights.
#[derive(Debug, Default)]
pub(crate) struct Rights {
    /// It is an operator, unless its membership has ended.
    pub(super) is_op: bool,
    /// Lines that it has seen.
    pub(super) lines: Vec<Seq>,
}

impl Rights {
    /// It has seen a line.
    pub(crate) fn saw_line(&mut self, line: Seq) {
        self.lines.truncate(LINES_MAX);
        self.lines.insert(0, line);
    }
}
