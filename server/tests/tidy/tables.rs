//! Tables of numbers in the documents, each against the code: exit codes, refusal codes, limits.
//! Both have the same, neither has more.

use std::collections::{BTreeMap, BTreeSet};

use chatshelf_client::command::{HELP, Help};
use chatshelf_common::cli::{Parsed, Sources};
use chatshelf_common::wire::code::CODES;
use syn::{BinOp, Expr, Item, Lit};

use crate::assert_none;
use crate::markdown::Document;
use crate::tree::{self, Source};

/// What one has and the other has not.
pub(crate) fn difference(a: &BTreeSet<String>, b: &BTreeSet<String>) -> Vec<String> {
    a.symmetric_difference(b).cloned().collect()
}

fn read(path: &str) -> Source {
    Source { path: path.into(), text: std::fs::read_to_string(tree::root().join(path)).unwrap() }
}

/// The cells of the tables of a document whose head begins with these, heads aside.
fn rows(document: &Document, head: &[&str]) -> Vec<Vec<String>> {
    let starts =
        |table: &&Vec<Vec<String>>| table[0].iter().zip(head).all(|(a, b)| a.starts_with(b));
    let rows = document.tables.iter().filter(starts).flat_map(|table| &table[1..]);
    rows.cloned().collect()
}

/// The exit codes of a document's table.
fn documented_exits(document: &Document) -> BTreeSet<String> {
    let rows = rows(document, &["exit code"]);
    rows.iter().flat_map(|row| row[0].split(", ")).map(str::to_owned).collect()
}

/// The exit codes that a program's help lists.
fn helped_exits(help: &str) -> BTreeSet<String> {
    let lines = help.lines().skip_while(|line| *line != "Exit codes:").skip(1);
    let rows = lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("     "));
    let codes = rows.filter_map(|row| row.trim_start().split("  ").next());
    codes.flat_map(|codes| codes.split(", ")).map(str::to_owned).collect()
}

#[test]
fn exit_codes_are_the_same_everywhere() {
    let Ok(Parsed::Print(client)) = chatshelf_client::options::parse(["--help".into()]) else {
        panic!()
    };
    let Ok(Parsed::Print(server)) =
        chatshelf_server::config::parse(["--help".into()], &Sources::NOTHING)
    else {
        panic!()
    };
    let used: BTreeSet<String> = tree::rust()
        .iter()
        .filter(|source| source.path.starts_with("client/src/"))
        .flat_map(|source| constants(&source.text))
        .filter(|(name, _)| name.starts_with("EXIT_"))
        .map(|(_, value)| value.to_string())
        .collect();
    assert!(used.len() > 3, "too few exit codes: does this test still find them?");
    assert_eq!(helped_exits(&client), used, "the client's help");
    for path in ["docs/MANUAL.md", "docs/REPORT.md"] {
        assert_eq!(documented_exits(&Document::read(&read(path))), used, "{path}");
    }
    let operations = documented_exits(&Document::read(&read("docs/OPERATIONS.md")));
    assert_eq!(operations, helped_exits(&server), "OPERATIONS.md");
}

#[test]
fn exit_codes_are_found() {
    let text =
        "| exit code | x |\n| --- | --- |\n| 0 | a |\n| 130, 143 | b |\n\n| a |\n| --- |\n| 9 |\n";
    let codes = ["0", "130", "143"].map(String::from).into();
    assert_eq!(documented_exits(&Document::read(&Source::sample("a.md", text))), codes);
    let help = "Exit codes:\n    0         well\n              2 more\n    130, 143  ill\n\nLog:\n    7  x\n";
    assert_eq!(helped_exits(help), codes);
}

/// The commands of the room in a document's table, under all their names.
fn documented_commands(document: &Document) -> BTreeSet<String> {
    let rows = rows(document, &["command", "what it does", "also"]);
    let others = rows.iter().flat_map(|row| row[2].split(", ")).filter(|name| !name.is_empty());
    rows.iter().map(|row| row[0].as_str()).chain(others).map(str::to_owned).collect()
}

#[test]
fn members_are_told_of_every_command() {
    let others = |help: &Help| help.names[1..].iter().map(|name| format!("/{name}"));
    let known = HELP.iter().flat_map(|help| others(help).chain([help.usage.to_owned()])).collect();
    let documented = documented_commands(&Document::read(&read("docs/MANUAL.md")));
    assert_none("MANUAL.md and the commands differ", &difference(&documented, &known));
}

#[test]
fn commands_are_found() {
    let text = "| command | what it does | also |\n| --- | --- | --- |\n\
                | `/a [B\\|-]` | x | |\n| `/c` | y | `/d`, `/e` |\n";
    let found = documented_commands(&Document::read(&Source::sample("a.md", text)));
    assert_eq!(found, ["/a [B|-]", "/c", "/d", "/e"].map(String::from).into());
}

#[test]
fn refusal_codes_are_those_of_the_protocol() {
    let protocol = Document::read(&read("docs/PROTOCOL.md"));
    let rows = rows(&protocol, &["code", "name", "meaning"]);
    let documented = rows.iter().map(|row| format!("{} {}", row[0], row[1])).collect();
    let known = CODES.iter().map(|(code, name)| format!("{} {name}", code.0)).collect();
    assert_none("PROTOCOL.md and code.rs differ", &difference(&documented, &known));
}

/// The constants of a source whose values are numbers.
fn constants(text: &str) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for item in syn::parse_file(text).unwrap().items {
        if let Item::Const(item) = item
            && let Some(value) = value(&item.expr, &found)
        {
            found.insert(item.ident.to_string(), value);
        }
    }
    found
}

fn value(expression: &Expr, known: &BTreeMap<String, u64>) -> Option<u64> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => number.base10_parse().ok(),
            _ => None,
        },
        Expr::Paren(inner) => value(&inner.expr, known),
        Expr::Path(path) => match path.path.segments.last()?.ident.to_string().as_str() {
            "MAX" => Some(u64::from(u32::MAX)),
            name => known.get(name).copied(),
        },
        Expr::Binary(it) => {
            let (left, right) = (value(&it.left, known)?, value(&it.right, known)?);
            match it.op {
                BinOp::Add(_) => Some(left + right),
                BinOp::Mul(_) => Some(left * right),
                BinOp::Shl(_) => Some(left << right),
                _ => None,
            }
        }
        _ => None,
    }
}

#[test]
fn constants_are_worked_out() {
    let text = "const A: u8 = 7; pub const B: u64 = 2 * (A + 1_000); const C: &str = \"\"; \
                const D: u32 = 1 << 4; const E: u32 = u32::MAX;";
    let expected = [("A", 7), ("B", 2014), ("D", 16), ("E", u64::from(u32::MAX))];
    assert_eq!(constants(text), expected.map(|(name, value)| (name.to_owned(), value)).into());
}

/// The limits that a source has and those that a document's table lists, as `NAME = VALUE`, where
/// they differ.
fn limits_that_differ(source: &Source, document: &Source) -> Vec<String> {
    let limits = constants(&source.text).into_iter();
    let limits = limits.map(|(name, value)| format!("{name} = {value}")).collect();
    let rows = rows(&Document::read(document), &["name", "value"]);
    let documented = rows.iter().map(|row| format!("{} = {}", row[0], row[1].replace(',', "")));
    difference(&limits, &documented.collect())
}

/// Constants of the protocol that are no limits.
const NO_LIMITS: &[&str] = &["HISTORY_ALL", "PORT_DEFAULT", "VERSION_MAX", "VERSION_MIN"];

#[test]
fn limits_are_those_of_the_documents() {
    for (source, document) in [
        ("common/src/limits.rs", "docs/PROTOCOL.md"),
        ("server/src/engine/limits.rs", "docs/OPERATIONS.md"),
    ] {
        let mut complaints = limits_that_differ(&read(source), &read(document));
        complaints.retain(|it| NO_LIMITS.iter().all(|name| !it.starts_with(name)));
        assert_none(&format!("{source} and {document} differ"), &complaints);
    }
}

#[test]
fn a_limit_that_differs_is_noticed() {
    let source =
        Source::sample("a.rs", "const A: u8 = 7; const B_MS: u64 = 1_000; const C: u8 = 1;");
    let table = "| name | value |\n| --- | --- |\n| `A` | 8 |\n| `B_MS` | 1,000 |\n| `D` | 1 |\n";
    let complaints = limits_that_differ(&source, &Source::sample("a.md", table));
    assert_eq!(complaints, ["A = 7", "A = 8", "C = 1", "D = 1"]);
}
