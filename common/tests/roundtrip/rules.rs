//! The tables of docs/PROTOCOL.md: which fields a frame has, and how long a field's value is.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chatshelf_common::wire::field::{TAGS, Tag};

/// How often a field may be there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Slot {
    Required,
    Optional,
    Repeated,
}

/// The fields of a frame, or of a field that holds fields, in the document's order.
pub(crate) type Layout = Vec<(Tag, Slot)>;

/// What the tables say, by type number and by tag number.
#[derive(Default)]
pub(crate) struct Rules {
    pub(crate) frames: BTreeMap<u8, Layout>,
    pub(crate) nested: BTreeMap<u8, Layout>,
    /// Bytes of each field that has a fixed number of them.
    pub(crate) widths: BTreeMap<u8, usize>,
}

pub(crate) static RULES: LazyLock<Rules> =
    LazyLock::new(|| Rules::read(include_str!("../../../docs/PROTOCOL.md")));

impl Rules {
    fn read(document: &str) -> Self {
        let mut rules = Self::default();
        for line in document.lines() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            match cells[..] {
                ["", number, _, "c" | "s" | "c, s", fields, ""] => {
                    let kind = u8::from_str_radix(number.trim_start_matches("0x"), 16).unwrap();
                    rules.frames.insert(kind, layout(fields));
                }
                ["", number, name, kind, ""] => {
                    let Some(tag) = tag_named(name.trim_matches('`')) else { continue };
                    if number != tag.0.to_string() {
                        continue; // a code that is called as a field is
                    }
                    if let Some(fields) = kind.strip_prefix("fields:") {
                        rules.nested.insert(tag.0, layout(fields));
                    } else if let Ok(bytes) = kind.split(['-', ' ']).next().unwrap().parse() {
                        rules.widths.insert(tag.0, bytes);
                    }
                }
                _ => {}
            }
        }
        rules
    }
}

fn tag_named(name: &str) -> Option<Tag> {
    TAGS.iter().find(|(_, known)| *known == name).map(|(tag, _)| *tag)
}

/// Reads `NICK` as required, `NICK`? as optional, `NICK`* as repeated; other words are remarks.
fn layout(cell: &str) -> Layout {
    cell.split_whitespace()
        .filter_map(|word| word.strip_prefix('`')?.split_once('`'))
        .map(|(name, mark)| {
            let slot = match mark {
                "?" => Slot::Optional,
                "*" => Slot::Repeated,
                _ => Slot::Required,
            };
            (tag_named(name).expect("a tag that the code knows"), slot)
        })
        .collect()
}

#[test]
fn the_tables_are_read() {
    use Slot::{Optional, Repeated, Required};
    assert_eq!(
        RULES.frames[&0x83],
        [
            (Tag::SEQ, Required),
            (Tag::PART, Required),
            (Tag::SHELF_TOPIC, Optional),
            (Tag::MEMBER, Repeated),
            (Tag::SHELF_ITEM, Repeated),
        ]
    );
    assert_eq!(RULES.frames[&0x07], []);
    assert_eq!((RULES.frames.len(), RULES.nested.len()), (40, 3));
    assert_eq!(RULES.nested[&Tag::SHELF_TOPIC.0].len(), 3);
    assert_eq!((RULES.widths[&Tag::DIGEST.0], RULES.widths[&Tag::CAPABILITIES.0]), (32, 4));
    assert!(!RULES.widths.contains_key(&Tag::TEXT.0));
}
