//! What the server logs, against OPERATIONS.md, "The log": every message at info and above is there,
//! and none that the server has not.

use crate::assert_none;
use crate::markdown::Document;
use crate::tree::{self, Source};

/// The text of each `log::info!`, `log::warn!` and `log::error!` of a source, after its fields.
/// Unit tests log nothing.
fn messages(source: &Source) -> Vec<String> {
    let calls = ["log::info!(", "log::warn!(", "log::error!("];
    let starts = calls.iter().flat_map(|call| source.text.match_indices(call));
    starts
        .filter_map(|(at, call)| {
            let arguments = source.text[at + call.len()..].trim_start();
            let text = match arguments.strip_prefix('"') {
                Some(_) => arguments,
                None => arguments.split_once(';')?.1.trim_start(),
            };
            let literal = text.strip_prefix('"')?;
            let end = literal.find('"')?;
            Some(words(&literal[..end].replace("\\\n", "")))
        })
        .filter(|text| text != "{text}")
        .collect()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The parts of a message that are the same each time, between `{…}` or, in a document, `…`.
fn fixed_parts(message: &str) -> Vec<&str> {
    let parts = message.split(['{', '…']);
    let parts = parts.map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    let trimmed = parts.map(|part| part.trim_matches([' ', ':', ',', ';', '(', ')']));
    trimmed.filter(|part| !part.is_empty()).collect()
}

/// The messages of the table, several to a row: those that are logged, and those that are said.
fn documented(document: &Source) -> Vec<String> {
    let document = Document::read(document);
    let tables = document.tables.iter().filter(|table| table[0][0] == "message");
    let rows = tables.flat_map(|table| &table[1..]).filter(|row| !row[1].is_empty());
    rows.map(|row| words(&row[0])).collect()
}

fn differences(sources: &[Source], document: &Source) -> Vec<String> {
    let found: Vec<String> = sources.iter().flat_map(messages).collect();
    let rows = documented(document);
    let longest = |message: &str| {
        let parts = fixed_parts(message);
        parts.into_iter().max_by_key(|part| part.len()).unwrap_or_default().to_owned()
    };
    let is_told = |message: &&String| rows.iter().any(|row| row.contains(&longest(message)));
    let untold = found.iter().filter(|message| !is_told(message));
    let untold = untold.map(|message| format!("not described: {message}"));
    // Some are put together elsewhere.
    let texts: Vec<String> =
        sources.iter().map(|source| words(&source.text.replace("\\\n", ""))).collect();
    let is_said = |part: &str| texts.iter().any(|text| text.contains(part));
    let parts = rows.iter().flat_map(|row| fixed_parts(row)).flat_map(|part| part.split(", "));
    let unsaid = parts.map(|part| part.trim_matches([' ', ':', ',', ';', '(', ')']));
    let unsaid = unsaid.filter(|part| !part.is_empty() && !is_said(part));
    untold.chain(unsaid.map(|part| format!("never logged: {part}"))).collect()
}

#[test]
fn every_message_is_described() {
    let mut sources = tree::rust();
    sources.retain(|source| source.path.starts_with("server/src/") || is_common(source));
    let found: usize = sources.iter().map(|source| messages(source).len()).sum();
    assert!(found > 25, "too few messages: does this test still find them?");
    let operations = tree::sources().into_iter().find(|it| it.path == "docs/OPERATIONS.md");
    assert_none("the log and OPERATIONS.md differ", &differences(&sources, &operations.unwrap()));
}

fn is_common(source: &Source) -> bool {
    source.path.starts_with("common/src/")
}

#[test]
fn a_message_that_differs_is_noticed() {
    let rust = "log::warn!(\"no room for {n}: {why}\"); log::error!(\n    \"{} is \\\n lost (x)\", a);\n\
                log::warn!(\"silent\"); log::warn!(\"{text}\");\n\
                log::info!(nick:%, size = 3; \"{nick} whispers\");";
    let table = "| message | what |\n| --- | --- |\n| **at startup** | |\n| no room for …: … | a |\n\
                 | … is lost (x), all is … well | b |\n";
    let sources = [Source::sample("server/src/a.rs", rust)];
    let complaints = differences(&sources, &Source::sample("docs/OPERATIONS.md", table));
    assert_eq!(
        complaints,
        [
            "not described: {nick} whispers",
            "not described: silent",
            "never logged: all is",
            "never logged: well"
        ]
    );
}
