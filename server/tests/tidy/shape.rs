//! The shape of sources: the length of files, functions and lines, their heads, and what must not
//! be left in them.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::assert_none;
use crate::tree::{self, Source};

const FILE_LINES_MAX: usize = 450;
/// Of the page's JavaScript in all.
const PAGE_LINES_MAX: usize = 2500;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

fn lines(source: &Source) -> usize {
    source.text.lines().count()
}

fn long_files(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().filter(|source| lines(source) > FILE_LINES_MAX);
    long.map(|it| format!("{}: {} lines, at most {FILE_LINES_MAX}", it.path, lines(it))).collect()
}

#[test]
fn files_are_short() {
    let all = [tree::rust(), page(tree::sources())].concat();
    assert_none("split a long file at its seam", &long_files(&all));
}

#[test]
fn a_long_file_is_noticed() {
    let file = |lines| [Source::sample("a.rs", &"\n".repeat(lines))];
    assert_eq!(long_files(&file(FILE_LINES_MAX)), [""; 0]);
    assert_eq!(long_files(&file(FILE_LINES_MAX + 1)), ["a.rs: 451 lines, at most 450"]);
}

/// The modules of the browser's page, without what is not ours and its tests.
fn page(sources: Vec<Source>) -> Vec<Source> {
    let is_module = |source: &Source| {
        let path = source.path.strip_prefix("server/web/");
        let is_served =
            path.is_some_and(|it| !it.starts_with("vendor/") && !it.starts_with("test/"));
        is_served && source.has_extension("js")
    };
    sources.into_iter().filter(is_module).collect()
}

#[test]
fn the_page_is_small() {
    let all: usize = page(tree::sources()).iter().map(lines).sum();
    assert!((1..=PAGE_LINES_MAX).contains(&all), "{all} lines, at most {PAGE_LINES_MAX}: simplify");
}

#[test]
fn the_page_is_made_of_its_modules() {
    let paths = ["app.js", "ui/log.js", "style.css", "test/world.js", "vendor/a.js"];
    let files = paths.map(|path| Source::sample(&format!("server/web/{path}"), ""));
    let modules = page(files.into_iter().chain([Source::sample("docs/a.js", "")]).collect());
    assert_eq!(
        modules.iter().map(|it| &it.path[..]).collect::<Vec<_>>(),
        ["server/web/app.js", "server/web/ui/log.js"]
    );
}

/// Collects the functions of a file that are too long.
struct Functions<'a> {
    path: &'a str,
    complaints: Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, head: Span, body: Span) {
        let lines = body.end().line - head.start().line + 1;
        if lines > FUNCTION_LINES_MAX {
            let Self { path, complaints } = self;
            complaints.push(format!("{path}: {name}: {lines} lines, at most {FUNCTION_LINES_MAX}"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig.ident, item.sig.span(), item.block.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig.ident, item.sig.span(), item.block.span());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.measure(&item.sig.ident, item.sig.span(), body.span());
        }
        visit::visit_trait_item_fn(self, item);
    }
}

fn long_functions(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Source { path, text } in sources {
        let mut functions = Functions { path, complaints: Vec::new() };
        functions.visit_file(&syn::parse_file(text).unwrap());
        complaints.append(&mut functions.complaints);
    }
    complaints
}

#[test]
fn functions_are_short() {
    assert_none("split a long function", &long_functions(&tree::rust()));
}

#[test]
fn a_long_function_is_noticed_wherever_it_is() {
    let body = |lines: usize| format!("{{{}}}", "\n".repeat(lines - 1));
    let (fits, too_long) = (body(FUNCTION_LINES_MAX), body(FUNCTION_LINES_MAX + 1));
    let text = format!(
        "#[doc = \"\n\"] fn a() {fits}
         mod inner {{ fn b() {too_long} }}
         impl X {{ fn c() {too_long} }}
         trait Y {{ fn d(); fn e() {too_long} }}"
    );
    let complaints = long_functions(&[Source::sample("a.rs", &text)]);
    let expected = ["b", "c", "e"].map(|name| format!("a.rs: {name}: 71 lines, at most 70"));
    assert_eq!(complaints, expected);
}

fn without_head(sources: &[Source]) -> Vec<String> {
    let without = sources.iter().filter(|source| !source.text.starts_with("//! "));
    without.map(|source| format!("{}: no //! head", source.path)).collect()
}

#[test]
fn every_file_says_what_it_owns() {
    assert_none("begin each file with a //! head", &without_head(&tree::rust()));
}

#[test]
fn a_missing_head_is_noticed() {
    let with = Source::sample("a.rs", "//! Owns a.\n");
    let without = Source::sample("b.rs", "use std::io;\n//! Too late.\n");
    assert_eq!(without_head(&[with, without]), ["b.rs: no //! head"]);
}

/// What marks work that is not done. Written in pieces, as this file is checked too.
const LEFTOVERS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

fn leftovers(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        for (line, text) in source.text.lines().enumerate() {
            let mut words = text.split(|c: char| !c.is_alphanumeric());
            if let Some(word) = words.find(|word| LEFTOVERS.contains(word)) {
                complaints.push(format!("{}:{}: {word}", source.path, line + 1));
            }
        }
    }
    complaints
}

#[test]
fn nothing_is_left_to_be_done() {
    assert_none("do it, or file an issue", &leftovers(&tree::sources()));
}

#[test]
fn work_left_undone_is_noticed() {
    let text = format!("ab\n// {}: later\nxtask {}s\n", LEFTOVERS[0], LEFTOVERS[2]);
    let complaints = leftovers(&[Source::sample("a.rs", &text)]);
    assert_eq!(complaints, [format!("a.rs:2: {}", LEFTOVERS[0])]);
}

/// Lines that rustfmt leaves long: comments and macros.
fn long_lines(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        for (at, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            // A string or an address cannot be broken.
            if columns > COLUMNS_MAX && !line.contains('"') && !line.contains("://") {
                complaints.push(format!("{}:{}: {columns} columns", source.path, at + 1));
            }
        }
    }
    complaints
}

#[test]
fn lines_are_short() {
    assert_none("wrap lines at 100 columns", &long_lines(&tree::rust()));
}

#[test]
fn a_long_line_is_noticed() {
    let long = "/".repeat(COLUMNS_MAX + 1);
    let text = format!("{}\n{long}\n\"{long}\n{}\n", &long[1..], "é".repeat(COLUMNS_MAX));
    assert_eq!(long_lines(&[Source::sample("a.rs", &text)]), ["a.rs:2: 101 columns"]);
}
