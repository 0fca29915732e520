//! The rules that a program can check, over the whole repository: how long files and functions
//! are, which modules import which, and whether the documents name what is there. Each rule is a
//! function from text to complaints, and has a test that shows it a violation.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod complaints;
mod documents;
mod log;
mod markdown;
mod modules;
mod options;
mod shape;
mod tables;
mod texts;
mod tree;

/// Fails when there are complaints, with all of them.
#[track_caller]
fn assert_none(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}:\n  {}\n", complaints.join("\n  "));
}
