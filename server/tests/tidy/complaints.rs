//! What the tables for troubleshooting quote, against the sources: a reader who searches for what a
//! program has said must find it, and what no program says helps nobody.

use crate::assert_none;
use crate::tree::{self, Source};

/// What systems say, and programs pass on.
const FOREIGN: &[&str] =
    &["connection refused", "failed to lookup address information", "Permission denied"];

/// The pieces of code in the first cells of such tables.
fn quotes(document: &str) -> Vec<&str> {
    let tables = document.split("| what you see |").skip(1);
    let rows = tables.flat_map(|table| table.lines().take_while(|line| !line.is_empty()));
    let cells = rows.filter_map(|row| row.strip_prefix("| ")?.split(" | ").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

fn unsaid(document: &str, sources: &[Source]) -> Vec<String> {
    let texts: Vec<String> = sources
        .iter()
        .map(|source| {
            source.text.replace("\\\n", "").split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    let parts = quotes(document).into_iter().flat_map(|quote| quote.split('…'));
    // "port 9000" is "port {port}" in the sources.
    let parts =
        parts.flat_map(|part| part.split("9000")).map(|part| part.trim_matches([' ', ':', '"']));
    let is_said =
        |part: &&str| FOREIGN.contains(part) || texts.iter().any(|text| text.contains(part));
    parts.filter(|part| !is_said(part)).map(str::to_owned).collect()
}

#[test]
fn what_troubleshooting_quotes_is_said() {
    let mut sources = tree::rust();
    sources.retain(|source| source.path.contains("/src/"));
    for path in ["docs/MANUAL.md", "docs/OPERATIONS.md"] {
        let document = std::fs::read_to_string(tree::root().join(path)).unwrap();
        assert!(quotes(&document).len() > 10, "{path}: does this test still find the tables?");
        assert_none(&format!("{path} quotes what no program says"), &unsaid(&document, &sources));
    }
}

#[test]
fn a_quote_that_no_program_says_is_noticed() {
    let document = "| what you see | why |\n| --- | --- |\n| `port 9000 is in … use`, or not | `x` |\n\
                    | `the disk is lost` | y |\n\n`elsewhere`\n";
    let source = Source::sample("a.rs", "format!(\"port {port} is in \\\n    much use\")");
    assert_eq!(unsaid(document, &[source]), ["the disk is lost"]);
}
