//! The files of the repository that rules apply to, read from disk.

use std::fs;
use std::path::{Path, PathBuf};

/// One file: its path from the root of the repository, with `/` on every system, and its text.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// A sample for the test of a rule.
    pub(crate) fn sample(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|it| it == extension)
    }
}

/// What a checkout contains beside the files of the repository.
const SKIPPED: &[&str] = &["target", ".git", "chatshelf-data", "node_modules", "charts"];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every text file, in the order of their paths. Pictures and the lock file are nobody's prose.
pub(crate) fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root(), "", &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 300, "too few files: does this test still find them?");
    found
}

/// Those of [`sources`] that end in `.rs`.
pub(crate) fn rust() -> Vec<Source> {
    sources().into_iter().filter(|source| source.has_extension("rs")).collect()
}

fn collect(dir: &Path, prefix: &str, found: &mut Vec<Source>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{path}/"), found);
        } else if !path.ends_with(".svg") && name != "Cargo.lock" {
            // What is not text is a leftover of a test or a build.
            if let Ok(text) = fs::read_to_string(entry.path()) {
                found.push(Source { path, text });
            }
        }
    }
}
