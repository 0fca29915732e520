//! docs/PROTOCOL.md, as tests read it: they hold the programs against the page itself.

/// The whole page.
pub const PROTOCOL: &str = include_str!("../../../docs/PROTOCOL.md");

/// The code blocks that begin with "```", this word and a name: each name, and the block's text.
pub fn blocks(kind: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut lines = PROTOCOL.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix(&format!("```{kind} ")) else { continue };
        let text = lines.by_ref().take_while(|line| *line != "```");
        found.push((name, text.map(|line| format!("{line}\n")).collect()));
    }
    found
}

/// The bytes of a block, without its remarks (`#` to the end of the line).
///
/// # Panics
/// When it has something else than hexadecimal bytes.
pub fn bytes_of(block: &str) -> Vec<u8> {
    let digits = block.lines().filter_map(|line| line.split('#').next());
    let bytes = digits.flat_map(str::split_whitespace);
    bytes.map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits")).collect()
}

/// Bytes as the page shows them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// The deadlines that the server or the client keeps, in milliseconds and in the page's order.
///
/// # Panics
/// When a row of them does not end in a number.
pub fn deadlines(side: &str) -> Vec<u64> {
    let rows = PROTOCOL.lines().filter_map(|line| line.strip_prefix(&format!("| {side} | ")));
    let last_cell = |row: &'static str| row.trim_end_matches(" |").rsplit(" | ").next();
    let last_cells = rows.filter_map(last_cell);
    last_cells.map(|cell| cell.parse().expect("milliseconds")).collect()
}

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
