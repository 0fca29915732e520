//! What the terminal client says, against the table of texts: what it asks for must be there, and
//! what is there for it alone must be asked for.

use std::collections::BTreeSet;

use chatshelf_common::strings;
use proc_macro2::{TokenStream, TokenTree};
use syn::LitStr;

use crate::assert_none;
use crate::tree::{self, Source};

/// The string literals of a source.
#[derive(Debug, Default)]
struct Literals {
    /// Those of `tr!(…)`.
    asked: Vec<String>,
    /// Every one. Some texts stand in tables, and are looked up when they are shown.
    all: BTreeSet<String>,
}

impl Literals {
    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Literal(_) => self.all.extend(text(token)),
                TokenTree::Group(group) => {
                    if let [.., TokenTree::Ident(name), TokenTree::Punct(_)] = &tokens[..at]
                        && name == "tr"
                    {
                        let arguments: Vec<TokenTree> = group.stream().into_iter().collect();
                        self.asked.extend(arguments.iter().step_by(2).map_while(text));
                    }
                    self.read(group.stream());
                }
                _ => {}
            }
        }
    }

    fn of(sources: &[Source]) -> Self {
        let mut literals = Self::default();
        for source in sources {
            literals.read(source.text.parse().unwrap());
        }
        literals
    }
}

/// What a literal says, if it is a string.
fn text(token: &TokenTree) -> Option<String> {
    syn::parse_str::<LitStr>(&token.to_string()).ok().map(|literal| literal.value())
}

/// Texts that are asked for but not in the table, and texts for the terminal alone that nobody asks
/// for.
fn differences<'a>(
    literals: &Literals,
    table: impl Iterator<Item = &'a str>,
    of_terminal: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let table: BTreeSet<&str> = table.collect();
    let missing = literals.asked.iter().filter(|text| !table.contains(text.as_str()));
    let missing = missing.map(|text| format!("not in the table: {text}"));
    let unused = of_terminal.filter(|text| !literals.all.contains(*text));
    missing.chain(unused.map(|text| format!("never said: {text}"))).collect()
}

#[test]
fn what_the_terminal_says_is_in_the_table_and_nothing_else() {
    let mut sources = tree::rust();
    sources.retain(|it| ["client/src/", "common/src/"].iter().any(|dir| it.path.starts_with(dir)));
    let literals = Literals::of(&sources);
    assert!(literals.asked.len() > 300, "too few texts: does this test still find them?");
    let table = strings::rows().map(|row| row.english);
    let of_terminal = strings::rows_of_terminal().map(|row| row.english);
    let complaints = differences(&literals, table, of_terminal);
    assert_none("the terminal and common/strings.txt differ", &complaints);
}

#[test]
fn a_text_that_differs_is_noticed() {
    let rust = "fn f() { say(&tr!(\"{n} line\", \"{n} \\\n    lines\", n)); x(format!(\"{}\", \
                tr!(\"gone\"))); } const KEY: &str = \"send\";";
    let literals = Literals::of(&[Source::sample("client/src/a.rs", rust)]);
    assert_eq!(literals.asked, ["{n} line", "{n} lines", "gone"]);
    let table = ["{n} line", "{n} lines", "send", "unused"];
    let complaints = differences(&literals, table.into_iter(), table.into_iter());
    assert_eq!(complaints, ["not in the table: gone", "never said: unused"]);
}
