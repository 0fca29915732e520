//! What the file thread is asked before a transfer can begin, or an item be dropped: a ticket for
//! each question, by which its answer is known. Owns the questions until they are answered.

use std::collections::HashMap;
use std::path::PathBuf;

use chatshelf_common::id::ItemId;
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::Item;

use crate::files::Target;

/// One question.
#[derive(Debug)]
pub(super) enum Lookup {
    /// A file to be uploaded.
    Upload(Source),
    /// What there is of an item already.
    Download { item: Item, target: Target },
    /// The key by which this item was uploaded.
    Drop(ItemId),
}

/// A file to be uploaded.
#[derive(Debug)]
pub(super) enum Source {
    /// Somebody's own, perhaps to be put on the shelf under another name.
    File { path: PathBuf, name: Option<FileName> },
    /// A temporary file of ours: its own name and attributes mean nothing.
    Spooled { path: PathBuf, name: FileName },
}

/// The questions that are not answered.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    waiting: HashMap<u64, Lookup>,
    last_ticket: u64,
}

impl Lookups {
    /// Adds a question; the ticket to ask it by.
    pub(super) fn add(&mut self, lookup: Lookup) -> u64 {
        self.last_ticket += 1;
        let before = self.waiting.insert(self.last_ticket, lookup);
        debug_assert!(before.is_none(), "a ticket is given once");
        self.last_ticket
    }

    /// The question that is answered.
    pub(super) fn take(&mut self, ticket: u64) -> Option<Lookup> {
        debug_assert!(ticket <= self.last_ticket, "an answer to a question that was asked");
        self.waiting.remove(&ticket)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Files among them, to be uploaded.
    pub(super) fn uploads(&self) -> usize {
        self.waiting.values().filter(|lookup| matches!(lookup, Lookup::Upload(_))).count()
    }
}

impl Source {
    /// Its path, for people. What is not text is shown escaped.
    pub(super) fn shown(&self) -> String {
        let (Self::File { path, .. } | Self::Spooled { path, .. }) = self;
        match path.to_str() {
            Some(text) => text.to_owned(),
            None => format!("{path:?}").trim_matches('"').to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_is_answered_once() {
        let mut lookups = Lookups::default();
        let drop = lookups.add(Lookup::Drop(ItemId(7)));
        let source = Source::File { path: "a".into(), name: None };
        let upload = lookups.add(Lookup::Upload(source));
        assert_eq!((lookups.len(), lookups.uploads()), (2, 1));
        assert!(matches!(lookups.take(drop), Some(Lookup::Drop(ItemId(7)))));
        assert!(lookups.take(drop).is_none());
        assert!(matches!(lookups.take(upload), Some(Lookup::Upload(_))));
        assert_eq!((lookups.len(), lookups.uploads()), (0, 0));
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_utf_8_is_shown_escaped() {
        use std::os::unix::ffi::OsStrExt;
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        assert_eq!(Source::File { path, name: None }.shown(), r"caf\xE9");
    }
}
