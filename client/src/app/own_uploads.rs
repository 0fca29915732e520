//! Which of our uploads went onto the shelf, so that a script can tell at its end which of them are
//! no longer there. Owns the list of the latest.

use std::collections::VecDeque;

use chatshelf_common::id::ItemId;
use chatshelf_common::text::FileName;

use crate::lang::tr;

/// Uploads that are remembered: the latest.
const UPLOADS_MAX: usize = 1000;
/// How many of them are named.
const GONE_NAMED_MAX: usize = 10;

#[derive(Debug)]
struct OwnUpload {
    item: ItemId,
    name: FileName,
}

/// Our uploads, the oldest first.
#[derive(Debug, Default)]
pub(super) struct OwnUploads(VecDeque<OwnUpload>);

impl OwnUploads {
    /// An upload was put on the shelf.
    pub(super) fn shelved(&mut self, item: ItemId, name: FileName) {
        self.0.push_back(OwnUpload { item, name });
        if self.0.len() > UPLOADS_MAX {
            self.0.pop_front();
        }
        debug_assert!(self.0.len() <= UPLOADS_MAX);
    }

    /// Whoever put this item there has taken it off: that is no loss.
    pub(super) fn taken_off(&mut self, item: ItemId) {
        self.0.retain(|upload| upload.item != item);
    }

    /// Says which of them are gone from a shelf that keeps `kept` items; nothing when all are
    /// there.
    pub(super) fn tell_gone(
        &self,
        kept: usize,
        is_there: impl Fn(ItemId) -> bool,
    ) -> Option<String> {
        let gone: Vec<_> = self.0.iter().filter(|upload| !is_there(upload.item)).collect();
        let named = gone.iter().take(GONE_NAMED_MAX);
        let mut names: Vec<_> =
            named.map(|it| tr!("{name} (number {item})", name = it.name, item = it.item)).collect();
        if gone.len() > names.len() {
            names.push(tr!("{more} more", more = gone.len() - names.len()));
        }
        let text = tr!(
            "{n} upload is no longer on the shelf, which keeps {kept}: {names}",
            "{n} uploads are no longer on the shelf, which keeps {kept}: {names}",
            n = gone.len(),
            kept,
            names = names.join(", "),
        );
        (!gone.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uploads(numbers: std::ops::RangeInclusive<u64>) -> OwnUploads {
        let mut uploads = OwnUploads::default();
        for number in numbers {
            uploads.shelved(ItemId(number), FileName::new(&format!("f{number}")).unwrap());
        }
        uploads
    }

    #[test]
    fn uploads_that_were_pushed_off_are_named() {
        let mut uploads = uploads(1..=3);
        assert_eq!(uploads.tell_gone(2, |_| true), None);
        let gone = uploads.tell_gone(2, |item| item > ItemId(1)).unwrap();
        assert_eq!(gone, "1 upload is no longer on the shelf, which keeps 2: f1 (number 1)");
        uploads.taken_off(ItemId(1));
        assert_eq!(uploads.tell_gone(2, |item| item > ItemId(1)), None, "we took it off");
    }

    #[test]
    fn only_the_latest_are_remembered_and_few_are_named() {
        let uploads = uploads(1..=UPLOADS_MAX as u64 + 1);
        let gone = uploads.tell_gone(5, |_| false).unwrap();
        assert!(gone.starts_with("1000 uploads are no longer"), "{gone}");
        assert!(gone.contains(": f2 (number 2), f3") && gone.ends_with(", 990 more"), "{gone}");
    }
}
