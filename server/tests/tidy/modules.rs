//! Imports point one way: no circle leads through the files of a crate; and every file is part of a
//! crate.
//!
//! What a module and those below it take from each other is their own affair, so a child may use
//! its parent's types. An import is any path that begins with `crate`, `self` or `super`, whether
//! in a `use` or in an expression; it counts for the file that defines what it names, wherever that
//! is exported again.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Expr, Item, Lit, Meta, UseTree};

use crate::assert_none;
use crate::tree::{self, Source};

/// The names from the root of the crate to a module.
type ModulePath = Vec<String>;

/// One crate: a library, a program, or a test, and the modules that its root declares.
#[derive(Default)]
struct Crate {
    root: String,
    modules: BTreeSet<ModulePath>,
    /// Those that are part of their parent's file.
    inline: BTreeSet<ModulePath>,
    /// From a module, to a path as it is written there.
    imports: Vec<(ModulePath, Vec<String>)>,
    /// What a module's `use` makes known in it: the name, and the path as it is written there.
    names: BTreeMap<(ModulePath, String), Vec<String>>,
}

/// The files of a repository by their paths, and those that crates were found to consist of.
struct Files<'a> {
    by_path: BTreeMap<&'a str, &'a str>,
    reached: BTreeSet<String>,
}

impl<'a> Files<'a> {
    fn new(sources: &'a [Source]) -> Self {
        let by_path = sources.iter().map(|it| (it.path.as_str(), it.text.as_str())).collect();
        Self { by_path, reached: BTreeSet::new() }
    }

    fn crates(&mut self) -> Vec<Crate> {
        let roots: Vec<&str> = self.by_path.keys().copied().filter(|path| is_root(path)).collect();
        let mut crates = Vec::new();
        for root in roots {
            let mut found = Crate { root: root.into(), ..Crate::default() };
            self.add_file(&mut found, root, root.rsplit_once('/').unwrap().0, Vec::new());
            crates.push(found);
        }
        crates
    }

    /// Adds the module that a file is, whose children's files are in `dir`.
    fn add_file(&mut self, to: &mut Crate, path: &str, dir: &str, module: ModulePath) {
        self.reached.insert(path.to_owned());
        let file = syn::parse_file(self.by_path[path]).unwrap();
        self.add_items(to, &file.items, dir, &module);
    }

    fn add_items(&mut self, to: &mut Crate, items: &[Item], dir: &str, module: &ModulePath) {
        for item in items {
            let Item::Mod(child) = item else {
                let mut paths = Paths::default();
                paths.visit_item(item);
                to.imports.extend(paths.found.into_iter().map(|path| (module.clone(), path)));
                for (name, path) in paths.names {
                    to.names.insert((module.clone(), name), path);
                }
                continue;
            };
            let name = child.ident.to_string();
            let path = joined(module, &name);
            to.modules.insert(path.clone());
            let below = format!("{dir}/{name}");
            match &child.content {
                Some((_, items)) => {
                    to.inline.insert(path.clone());
                    self.add_items(to, items, &below, &path);
                }
                None => {
                    let file = self.file_of(child, dir).unwrap_or_else(|| {
                        panic!("{}: no file for module {}", to.root, path.join("::"))
                    });
                    let is_elsewhere = path_attribute(child).is_some();
                    let own = if is_elsewhere { file.rsplit_once('/').unwrap().0 } else { &below };
                    self.add_file(to, &file, own, path);
                }
            }
        }
    }

    fn file_of(&self, module: &syn::ItemMod, dir: &str) -> Option<String> {
        let name = &module.ident;
        let candidates = match path_attribute(module) {
            Some(path) => vec![plain(&format!("{dir}/{path}"))],
            None => vec![format!("{dir}/{name}.rs"), format!("{dir}/{name}/mod.rs")],
        };
        candidates.into_iter().find(|path| self.by_path.contains_key(path.as_str()))
    }
}

fn joined(module: &ModulePath, name: &str) -> ModulePath {
    let mut path = module.clone();
    path.push(name.into());
    path
}

/// True of the file that a crate begins with, by Cargo's conventions; the programs that documents
/// are made with are examples that their packages' manifests name.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [.., "src", "lib.rs" | "main.rs"] | [.., "src", "bin", _] => true,
        ["docs", "figures", "main.rs"] | ["docs", "comparison", "echo.rs"] => true,
        ["fuzz", "targets", _] => true,
        // A feature puts solutions in the place of modules.
        ["docs", "exercises", "tests" | "solutions", _] => true,
        [_, "tests" | "benches" | "examples", rest @ ..] => {
            matches!(rest, [_] | [_, "main.rs"])
        }
        _ => false,
    }
}

fn path_attribute(module: &syn::ItemMod) -> Option<String> {
    module.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("path") => match &meta.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(path) => Some(path.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    })
}

/// A path without `..`.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Collects paths that begin with `crate`, `self` or `super`.
#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
    /// What each `use` makes known: the name, and the whole path.
    names: Vec<(String, Vec<String>)>,
}

impl Paths {
    fn add(&mut self, path: Vec<String>) {
        if path.len() > 1 && ["crate", "self", "super"].contains(&path[0].as_str()) {
            self.found.push(path);
        }
    }

    fn add_use(&mut self, tree: &UseTree, mut before: Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.add_use(&path.tree, before);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_use(tree, before.clone()));
            }
            UseTree::Name(name) => self.add_named(&name.ident, &name.ident, before),
            UseTree::Rename(name) => self.add_named(&name.ident, &name.rename, before),
            UseTree::Glob(_) => self.add([before, vec!["*".into()]].concat()),
        }
    }

    fn add_named(&mut self, name: &syn::Ident, known_as: &syn::Ident, mut path: Vec<String>) {
        path.push(name.to_string());
        self.names.push((known_as.to_string(), path.clone()));
        self.add(path);
    }

    /// The arguments of macros are tokens: paths among them are found by how they look.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut after_colons = false;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if path.is_empty() || after_colons => {
                    path.push(name.to_string());
                    after_colons = false;
                    continue;
                }
                TokenTree::Punct(it) if it.as_char() == ':' && !path.is_empty() => {
                    after_colons = true;
                    continue;
                }
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(name) => {
                    self.add(std::mem::replace(&mut path, vec![name.to_string()]));
                    continue;
                }
                _ => {}
            }
            self.add(std::mem::take(&mut path));
            after_colons = false;
        }
        self.add(path);
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&item.tree, Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(call.tokens.clone());
    }
}

impl Crate {
    /// The module that defines what a path written in `from` names, or that the path ends in.
    fn resolve(&self, from: &ModulePath, path: &[String]) -> ModulePath {
        let mut module = from.clone();
        for (at, name) in path.iter().enumerate() {
            match name.as_str() {
                "crate" => module.clear(),
                "self" => {}
                "super" => drop(module.pop()),
                name => {
                    let key = (module.clone(), name.to_owned());
                    module.push(name.into());
                    if self.modules.contains(&module) {
                        continue;
                    }
                    module.pop();
                    // Where it is known by its own name, as by `use name;`, that is the end.
                    return match self.names.get(&key).filter(|known| known[..] != path[at..]) {
                        Some(known) => self.resolve(&module, &[known, &path[at + 1..]].concat()),
                        None => module,
                    };
                }
            }
        }
        module
    }

    /// The module that a file is, of the one that is in it.
    fn file_of(&self, mut module: ModulePath) -> ModulePath {
        while self.inline.contains(&module) {
            module.pop();
        }
        module
    }

    /// Which files import which, parents and their children aside.
    fn edges(&self) -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
        let mut edges: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (from, path) in &self.imports {
            let (from, to) = (self.file_of(from.clone()), self.file_of(self.resolve(from, path)));
            if !from.starts_with(&to) && !to.starts_with(&from) {
                edges.entry(from).or_default().insert(to);
            }
        }
        edges
    }

    /// Groups of modules each of which imports each, directly or by others.
    fn circles(&self) -> Vec<String> {
        let edges = self.edges();
        let reach: BTreeMap<_, _> = edges.keys().map(|it| (it, reachable(&edges, it))).collect();
        let mut circles = BTreeSet::new();
        for (module, reached) in &reach {
            let is_mutual =
                |other: &&ModulePath| reach.get(other).is_some_and(|it| it.contains(*module));
            let circle: Vec<String> =
                reached.iter().filter(is_mutual).map(|module| module.join("::")).collect();
            if circle.len() > 1 {
                circles.insert(format!("{}: {}", self.root, circle.join(", ")));
            }
        }
        circles.into_iter().collect()
    }
}

fn reachable(
    edges: &BTreeMap<ModulePath, BTreeSet<ModulePath>>,
    from: &ModulePath,
) -> BTreeSet<ModulePath> {
    let (mut reached, mut left) = (BTreeSet::new(), vec![from]);
    while let Some(module) = left.pop() {
        for next in edges.get(module).into_iter().flatten() {
            if reached.insert(next.clone()) {
                left.push(next);
            }
        }
    }
    reached
}

fn circles(sources: &[Source]) -> Vec<String> {
    Files::new(sources).crates().iter().flat_map(Crate::circles).collect()
}

fn orphans(sources: &[Source]) -> Vec<String> {
    let mut files = Files::new(sources);
    files.crates();
    let reached = |path: &&str| files.reached.contains(*path);
    files.by_path.keys().filter(|path| !reached(path)).map(ToString::to_string).collect()
}

#[test]
fn imports_form_no_circle() {
    assert_none("break the circle", &circles(&tree::rust()));
}

#[test]
fn a_circle_is_noticed_however_it_is_written() {
    let circle = |b: &str| {
        let file = |path, text: &str| Source::sample(path, text);
        circles(&[
            file("x/src/lib.rs", "mod a; mod b; mod c; mod d; use a::A;"),
            file("x/src/a.rs", "mod below; use crate::b::{self, B as Renamed}; use super::*;"),
            file("x/src/a/below.rs", "use super::A; use crate::d;"),
            file("x/src/b/mod.rs", b),
            file("x/src/d.rs", ""),
            file("x/src/c.rs", "pub use crate::a::Again; use std::io;"),
        ])
    };
    assert_eq!(circle("use crate::d::D; use self::inner::X; mod inner { use super::Y; }"), [""; 0]);
    let noticed = ["x/src/lib.rs: a, b"];
    for b in [
        "use crate::a::A;",
        "use crate::c::Again;",
        "use crate::A;",
        "mod inner { fn f() { use super::super::a; } }",
        "fn f() -> crate::a::A { loop {} }",
        "fn f() { println!(\"{}\", g(crate::a::NUMBER + 1)) }",
    ] {
        assert_eq!(circle(b), noticed, "{b}");
    }
}

#[test]
fn every_file_is_part_of_a_crate() {
    assert_none("declare the module, or remove the file", &orphans(&tree::rust()));
}

#[test]
fn a_file_of_no_crate_is_noticed() {
    let files = [
        ("x/tests/e2e/main.rs", "#[path = \"../shared/mod.rs\"] mod shared;"),
        ("x/tests/shared/mod.rs", "mod deep;"),
        ("x/tests/shared/deep.rs", ""),
        ("x/tests/shared/forgotten.rs", ""),
    ];
    let files = files.map(|(path, text)| Source::sample(path, text));
    assert_eq!(orphans(&files), ["x/tests/shared/forgotten.rs"]);
}
