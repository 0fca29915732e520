//! docs/PROTOCOL.md, as tests read it: they hold the programs against the page itself.

/// The whole page.
pub const PROTOCOL: &str = include_str!("../../../docs/PROTOCOL.md");

/// A table of the page: the states of its head, and for each row what is sent and the cells.
#[derive(Debug)]
pub struct Table {
    /// The head's cells except the first.
    pub states: Vec<&'static str>,
    /// The first cell of each row, and the others: as many as there are states.
    pub rows: Vec<(&'static str, Vec<&'static str>)>,
}

/// The table whose introduction begins with this title in bold.
///
/// # Panics
/// When the page has no such table, or a row of it lacks a cell.
#[track_caller]
pub fn table(title: &str) -> Table {
    let (_, after) = PROTOCOL.split_once(&format!("**{title}**")).expect("a table of that title");
    let lines = after.lines().skip_while(|line| !line.starts_with('|'));
    let lines = lines.take_while(|line| line.starts_with('|'));
    let cells = |line: &'static str| -> Vec<&str> {
        line.trim_matches(['|', ' ']).split(" | ").map(str::trim).collect()
    };
    let mut rows: Vec<Vec<&str>> = lines.map(cells).collect();
    let states = rows.remove(0).split_off(1);
    let rows = rows.into_iter().skip(1).map(|mut row| {
        let cells = row.split_off(1);
        assert_eq!(cells.len(), states.len(), "{row:?}");
        (row[0], cells)
    });
    Table { rows: rows.collect(), states }
}
