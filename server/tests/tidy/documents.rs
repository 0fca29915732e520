//! The documents against the tree: what they link to exists, what they name exists, and their lines
//! are wrapped.

use std::collections::{BTreeMap, BTreeSet};

use crate::assert_none;
use crate::markdown::Document;
use crate::tree::{self, Source};

const COLUMNS_MAX: usize = 100;

/// Tells of what was, so it may name what is no more.
const HISTORY: &str = "CHANGELOG.md";

fn documents(sources: &[Source]) -> Vec<Document> {
    sources.iter().filter(|source| source.has_extension("md")).map(Document::read).collect()
}

/// True of a path that some file has, or ends in, or (with a `/` behind it) is below.
fn exists(sources: &[Source], path: &str) -> bool {
    let path = format!("/{}", path.trim_start_matches('/'));
    sources.iter().any(|source| {
        let whole = format!("/{}", source.path);
        if path.ends_with('/') { whole.contains(&path) } else { whole.ends_with(&path) }
    })
}

/// The path that a link from a folder leads to, from the root of the repository.
fn resolved(folder: &str, link: &str) -> String {
    let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            ".." => drop(path.pop()),
            _ => path.push(part),
        }
    }
    path.join("/")
}

fn dead_links(sources: &[Source]) -> Vec<String> {
    let documents = documents(sources);
    let by_path: BTreeMap<&str, &Document> =
        documents.iter().map(|it| (it.path.as_str(), it)).collect();
    let mut complaints = Vec::new();
    for document in &documents {
        for link in document.links.iter().filter(|link| !link.text.contains("://")) {
            let (path, anchor) = link.text.split_once('#').unwrap_or((&link.text, ""));
            let target = match path {
                "" => document.path.clone(),
                _ => resolved(document.folder(), path),
            };
            let is_there = tree::root().join(&target).exists()
                || sources.iter().any(|source| source.path == target);
            let has_anchor = anchor.is_empty()
                || by_path.get(target.as_str()).is_some_and(|it| it.anchors.contains(anchor));
            if !is_there || !has_anchor {
                complaints.push(format!("{}:{}: {}", document.path, link.line, link.text));
            }
        }
    }
    complaints
}

#[test]
fn links_lead_somewhere() {
    assert_none("links to nothing", &dead_links(&tree::sources()));
}

#[test]
fn a_dead_link_is_noticed() {
    let text =
        "# A b\n[x](#a-b) [x](b.md#c) [x](../x.md) [x](https://x)\n[y](#c) [y](d.md) [y](b.md#a)";
    let deeper = "[x](../b.md#c) [x](../../x.md) [x](../x.md)";
    let files =
        [("docs/a.md", text), ("docs/b.md", "# C"), ("x.md", ""), ("docs/deep/c.md", deeper)];
    let files = files.map(|(path, text)| Source::sample(path, text));
    let complaints = ["docs/a.md:3: #c", "docs/a.md:3: d.md", "docs/a.md:3: b.md#a"];
    let complaints = [&complaints[..], &["docs/deep/c.md:1: ../x.md"]].concat();
    assert_eq!(dead_links(&files), complaints);
}

/// The names of folders that a server makes in its data directory.
const DATA_FOLDERS: &[&str] = &["log/", "shelf/", "uploads/"];

/// The words of a text that look like the path of a source or a document, or of a folder.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let is_of_path = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let words = text.split(move |c: char| !is_of_path(c)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| {
        let name = word.rsplit('/').next().unwrap_or_default();
        let is_file = [".rs", ".md"].iter().any(|end| name.len() > 3 && name.ends_with(end));
        is_file && !word.contains("..")
    })
}

/// A piece of code that is the path of a folder.
fn is_folder(code: &str) -> bool {
    let is_of_path = |c: char| c.is_ascii_lowercase() || c == '_' || c == '/';
    code.ends_with('/') && code.len() > 2 && !code.starts_with('/') && code.chars().all(is_of_path)
}

fn dead_paths(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for document in documents(sources).iter().filter(|document| document.path != HISTORY) {
        let files = document.code.iter().chain(&document.prose).flat_map(|piece| {
            paths(&piece.text).map(|path| (piece.line, path)).collect::<Vec<_>>()
        });
        let folders = document.code.iter().filter(|code| is_folder(&code.text));
        let folders = folders.map(|code| (code.line, code.text.as_str()));
        let folders = folders.filter(|(_, folder)| !DATA_FOLDERS.contains(folder));
        let dead = files.chain(folders).filter(|(_, path)| !exists(sources, path));
        complaints.extend(dead.map(|(line, path)| format!("{}:{line}: {path}", document.path)));
    }
    for source in sources.iter().filter(|source| source.has_extension("rs")) {
        for (at, line) in source.text.lines().enumerate() {
            let comment = line.trim_start().strip_prefix("//").unwrap_or_default();
            let dead = paths(comment).filter(|path| !exists(sources, path));
            complaints.extend(dead.map(|path| format!("{}:{}: {path}", source.path, at + 1)));
        }
    }
    complaints
}

#[test]
fn files_that_are_named_exist() {
    assert_none("name files that exist", &dead_paths(&tree::sources()));
}

#[test]
fn a_file_that_is_no_more_is_noticed() {
    let text =
        "`engine/a.rs`, a.md, `engine/`, `shelf/`, `a/b.rs`, gone.md.\n```\nlost.rs\n```\n`gone/`";
    let rust = "//! See docs/a.md,\n//! and b.rs.\nconst A: &str = \"c.rs\";\n";
    let files = [("docs/a.md", text), ("x/src/engine/a.rs", rust)];
    let files = files.map(|(path, text)| Source::sample(path, text));
    let complaints = ["docs/a.md:1: a/b.rs", "docs/a.md:1: gone.md", "docs/a.md:3: lost.rs"];
    let complaints = [&complaints[..], &["docs/a.md:5: gone/", "x/src/engine/a.rs:2: b.rs"]];
    assert_eq!(dead_paths(&files), complaints.concat());
}

/// The sections that a text refers to, as in `PROTOCOL.md, "Limits"`: the document and the heading.
fn sections(text: &str) -> Vec<(String, String)> {
    let unmarked = |line: &str| line.trim_start().trim_start_matches(['/', '!', ' ']).to_owned();
    let text = text.lines().map(unmarked).collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for (at, between) in text.match_indices(".md, \"") {
        let name = text[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
        let heading = text[at + between.len()..].split('"').next();
        found.push((format!("{}.md", name.unwrap()), heading.unwrap().to_owned()));
    }
    found
}

fn dead_sections(sources: &[Source]) -> Vec<String> {
    let documents = documents(sources);
    let has = |name: &str, heading: &str| {
        let named = |it: &&Document| it.path.rsplit('/').next() == Some(name);
        documents.iter().find(named).is_some_and(|it| it.headings.contains(heading))
    };
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|it| it.has_extension("rs") || it.has_extension("md")) {
        let dead = sections(&source.text).into_iter().filter(|(name, heading)| !has(name, heading));
        complaints.extend(dead.map(|it| format!("{}: {}, \"{}\"", source.path, it.0, it.1)));
    }
    complaints
}

#[test]
fn sections_that_are_named_exist() {
    assert_none("name sections that exist", &dead_sections(&tree::sources()));
}

#[test]
fn a_section_that_is_no_more_is_noticed() {
    let rust = "/// docs/A.md, \"What is\n    /// there\"; A.md, \"What is not\"; B.md, \"x\"\n";
    let files = [("docs/A.md", "# What is there"), ("x/src/a.rs", rust)];
    let files = files.map(|(path, text)| Source::sample(path, text));
    let complaints = ["A.md, \"What is not\"", "B.md, \"x\""];
    assert_eq!(dead_sections(&files), complaints.map(|it| format!("x/src/a.rs: {it}")));
}

/// Names of the code in a piece of code of a document: of types, functions and constants.
fn names(code: &str) -> Vec<&str> {
    let code = code.strip_suffix("()").unwrap_or(code);
    let parts: Vec<&str> = code.split("::").collect();
    let is_name = |part: &&str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let has_hump = |part: &str| part.chars().skip(1).any(char::is_uppercase);
    let is_of_code = parts.len() > 1 || code.contains('_') || has_hump(code);
    if is_of_code && parts.iter().all(is_name) { parts } else { Vec::new() }
}

/// Every word of the sources, the documents aside.
fn words_of_code(sources: &[Source]) -> BTreeSet<&str> {
    let code = sources.iter().filter(|source| !source.has_extension("md"));
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code.flat_map(|source| source.text.split(move |c: char| !is_of_word(c))).collect()
}

/// Names of other people's: of systems and standards.
const FOREIGN: &[&str] = &[
    "Default_Ignorable_Code_Point",
    "MSG_EOR",
    "O_DIRECT",
    "SO_REUSEADDR",
    "TCP_CORK",
    "White_Space",
];

fn dead_names(sources: &[Source]) -> Vec<String> {
    let known = words_of_code(sources);
    let is_known = |name: &&str| {
        known.contains(name) || FOREIGN.contains(name) || name.starts_with("CHATSHELF_")
    };
    let mut complaints = Vec::new();
    for document in documents(sources).iter().filter(|document| document.path != HISTORY) {
        for code in &document.code {
            let dead = names(&code.text).into_iter().filter(|name| !is_known(name));
            complaints.extend(dead.map(|it| format!("{}:{}: {it}", document.path, code.line)));
        }
    }
    complaints
}

#[test]
fn names_of_code_exist() {
    assert_none("name what is in the code", &dead_names(&tree::sources()));
}

#[test]
fn a_name_that_is_no_more_is_noticed() {
    let text = "`Room::record`, `Room::gone`, `HistoryMax`, `history_max`, `plain`, `a b_c`\n";
    let files = [("a.md", text), ("x/src/a.rs", "struct Room; fn record() {} fn history_max() {}")];
    let files = files.map(|(path, text)| Source::sample(path, text));
    assert_eq!(dead_names(&files), ["a.md:1: gone", "a.md:1: HistoryMax"]);
}

/// Marks around what a program writes into a document, lines as long as they come.
const GENERATED: [&str; 2] = ["<!-- figures: ", "<!-- end of figures -->"];

fn long_lines(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| source.has_extension("md")) {
        let document = Document::read(source);
        let mut is_generated = false;
        for (at, line) in source.text.lines().enumerate() {
            is_generated |= line.starts_with(GENERATED[0]);
            is_generated &= !line.starts_with(GENERATED[1]);
            let columns = line.chars().count();
            let may_be_long = document.unwrapped.iter().any(|lines| lines.contains(&(at + 1)));
            if columns > COLUMNS_MAX && !may_be_long && !is_generated && !line.contains("](") {
                complaints.push(format!("{}:{}: {columns} columns", source.path, at + 1));
            }
        }
    }
    complaints
}

#[test]
fn documents_are_wrapped() {
    assert_none("wrap documents at 100 columns", &long_lines(&tree::sources()));
}

#[test]
fn a_document_that_is_not_wrapped_is_noticed() {
    let long = "x".repeat(COLUMNS_MAX + 1);
    let text =
        format!("{long}\n\n| {long} |\n| --- |\n| {long} |\n\n```\n{long}\n```\n{}\n", &long[1..]);
    assert_eq!(long_lines(&[Source::sample("a.md", &text)]), ["a.md:1: 101 columns"]);
    let text = GENERATED.join(&format!("by x -->\n{long}\n")) + &format!("\n{long}\n");
    assert_eq!(long_lines(&[Source::sample("a.md", &text)]), ["a.md:4: 101 columns"]);
}
