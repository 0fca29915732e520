//! The documents against the code and against each other: docs/OPERATIONS.md, "The log", has every
//! warning and error that the server can log, and two pages draw the life of a connection alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

const ARCHITECTURE: &str = include_str!("../../docs/ARCHITECTURE.md");
const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");
const REPORT: &str = include_str!("../../docs/REPORT.md");

/// The text of each `log::warn!` and `log::error!` of a source file. Unit tests log nothing.
fn messages(source: &str) -> Vec<String> {
    let calls = ["log::warn!(", "log::error!("];
    let starts = calls.iter().flat_map(|call| source.match_indices(call));
    starts
        .filter_map(|(at, call)| {
            let literal = source[at + call.len()..].trim_start().strip_prefix('"')?;
            let end = literal.find('"')?;
            Some(literal[..end].to_owned())
        })
        .filter(|text| text != "{text}")
        .collect()
}

fn read_all(dir: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(messages(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The longest part of a message that is the same each time.
fn fixed_part(message: &str) -> &str {
    let parts = message.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    let trimmed = parts.map(|part| part.trim_matches([' ', ':', ',', ';', '(', ')']));
    trimmed.max_by_key(|part| part.len()).unwrap_or_default()
}

#[test]
fn every_warning_and_error_is_described() {
    let mut found = Vec::new();
    read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 25, "too few messages: does this test still find them? {found:?}");
    // Lines are wrapped in the document.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let document = words(OPERATIONS);
    let missing: Vec<&String> =
        found.iter().filter(|message| !document.contains(&words(fixed_part(message)))).collect();
    assert!(missing.is_empty(), "OPERATIONS.md does not describe {missing:#?}");
}

/// The diagram of a connection's phases.
fn diagram(document: &str) -> &str {
    let start = document.find("stateDiagram-v2\n  [*] --> Greeting").unwrap();
    document[start..].split_once("```").unwrap().0
}

#[test]
fn the_life_of_a_connection_is_drawn_once() {
    assert_eq!(diagram(ARCHITECTURE), diagram(REPORT));
}
