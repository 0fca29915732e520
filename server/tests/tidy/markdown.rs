//! A document as the rules see it: its headings, links and pieces of code, each with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::tree::Source;

/// A piece of a document, and the line that it begins on, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// What is in a document.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) path: String,
    pub(crate) headings: BTreeSet<String>,
    /// What a link may name behind `#`.
    pub(crate) anchors: BTreeSet<String>,
    /// Where links and pictures lead.
    pub(crate) links: Vec<Piece>,
    /// Code within a line.
    pub(crate) code: Vec<Piece>,
    /// All else that is written, code blocks in a language aside.
    pub(crate) prose: Vec<Piece>,
    /// Its tables, each a list of rows, the first of which is the head: the cells' text.
    pub(crate) tables: Vec<Vec<Vec<String>>>,
    /// Lines that may be as long as they like: of tables and code blocks.
    pub(crate) unwrapped: Vec<Range<usize>>,
}

impl Document {
    pub(crate) fn read(source: &Source) -> Self {
        let mut reader = Reader::default();
        let parser = Parser::new_ext(&source.text, Options::ENABLE_TABLES);
        for (event, range) in parser.into_offset_iter() {
            let line = |byte: usize| source.text[..byte].matches('\n').count() + 1;
            reader.read(event, line(range.start)..line(range.end));
        }
        Self { path: source.path.clone(), ..reader.document }
    }

    /// The folder that links are relative to, with a `/` behind it unless it is the root.
    pub(crate) fn folder(&self) -> &str {
        self.path.rfind('/').map_or("", |at| &self.path[..=at])
    }
}

#[derive(Default)]
struct Reader {
    document: Document,
    /// The text of the heading that is being read.
    heading: Option<String>,
    cells: Vec<String>,
    /// How often a heading was there.
    seen: BTreeMap<String, usize>,
    is_in_code: bool,
}

impl Reader {
    fn read(&mut self, event: Event<'_>, lines: Range<usize>) {
        let document = &mut self.document;
        let line = lines.start;
        match event {
            Event::Start(Tag::Heading { .. }) => self.heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::Start(Tag::Table(_)) => {
                document.unwrapped.push(lines);
                document.tables.push(Vec::new());
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                document.unwrapped.push(lines);
                self.is_in_code = matches!(kind, CodeBlockKind::Fenced(it) if !it.is_empty());
            }
            Event::End(TagEnd::CodeBlock) => self.is_in_code = false,
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                document.links.push(Piece { line, text: dest_url.into_string() });
            }
            Event::Start(Tag::TableCell) => self.cells.push(String::new()),
            Event::End(TagEnd::TableRow | TagEnd::TableHead) => {
                let row = std::mem::take(&mut self.cells);
                document.tables.last_mut().unwrap().push(row);
            }
            Event::Code(text) => {
                self.add_text(&text);
                self.document.code.push(Piece { line, text: text.into_string() });
            }
            Event::Text(text) if !self.is_in_code => {
                self.add_text(&text);
                self.document.prose.push(Piece { line, text: text.into_string() });
            }
            _ => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        if let Some(heading) = &mut self.heading {
            heading.push_str(text);
        }
        if let Some(cell) = self.cells.last_mut() {
            cell.push_str(text);
        }
    }

    fn end_heading(&mut self) {
        let heading = self.heading.take().unwrap();
        let anchor = anchor(&heading);
        let count = self.seen.entry(anchor.clone()).or_default();
        let unique = if *count == 0 { anchor } else { format!("{anchor}-{count}") };
        *count += 1;
        self.document.anchors.insert(unique);
        self.document.headings.insert(heading);
    }
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn a_document_is_taken_apart() {
    let text = "# A *b*, `c`\n\nSee [x](y.md#z) and\n`code`.\n\n# A b c\n\n\
                | h |\n| --- |\n| `1` a |\n\n```rust\nfn f() {}\n```\n```\nmap.rs\n```\n";
    let document = Document::read(&Source::sample("docs/a.md", text));
    let piece = |line, text: &str| Piece { line, text: text.into() };
    assert_eq!(document.folder(), "docs/");
    assert_eq!(document.anchors, ["a-b-c", "a-b-c-1"].map(String::from).into());
    assert_eq!(document.headings, ["A b, c", "A b c"].map(String::from).into());
    assert_eq!(document.links, [piece(3, "y.md#z")]);
    assert_eq!(document.code, [piece(1, "c"), piece(4, "code"), piece(10, "1")]);
    assert_eq!(document.tables, [[["h"], ["1 a"]]]);
    assert_eq!(document.unwrapped, [8..11, 12..14, 15..17]);
    assert!(document.prose.contains(&piece(16, "map.rs\n")));
}
