//! The members as snapshots tell of them: in the order of their keys, cut into sections. A section
//! is encoded when a snapshot wants it, and again only after one of its members has changed.

use std::ops::Bound::{Excluded, Included, Unbounded};
use std::rc::Rc;
use std::sync::Arc;

use chatshelf_common::wire::field::{self, Tag};

use super::members::Members;
use super::slice::{Slice, Tally};
use crate::work;

/// A section with more members is cut in two. Of 10,000 members a snapshot that differs from the
/// one before by a join then costs 3 KiB: half of it the section, half the list of all.
const SECTION_MEMBERS_MAX: usize = 128;

/// Where the sections begin, and those that are encoded.
///
/// Invariant: there is one at least; the first begins before all keys, each of the others with a
/// key that was a member's, in ascending order; only a single one may be without members.
#[derive(Debug)]
pub(super) struct Roster {
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    /// No key of its members is less.
    first: Arc<str>,
    members: usize,
    encoded: Option<Rc<Slice>>,
}

impl Default for Roster {
    fn default() -> Self {
        Self { sections: vec![Section { first: "".into(), members: 0, encoded: None }] }
    }
}

impl Roster {
    /// Notes that `members` has got one more, by this key.
    pub(super) fn add(&mut self, key: &Arc<str>, members: &Members) {
        let place = self.place_of(key);
        let section = &mut self.sections[place];
        section.members += 1;
        section.encoded = None;
        if section.members <= SECTION_MEMBERS_MAX {
            return;
        }
        let kept = SECTION_MEMBERS_MAX / 2;
        let from = Included(&*section.first);
        let Some((first, _)) = members.range(from, Unbounded).nth(kept) else { return };
        let second =
            Section { first: Arc::clone(first), members: section.members - kept, encoded: None };
        section.members = kept;
        self.sections.insert(place + 1, second);
    }

    /// Notes that the member of this key is gone.
    pub(super) fn remove(&mut self, key: &str) {
        let place = self.place_of(key);
        let section = &mut self.sections[place];
        debug_assert!(section.members > 0);
        section.members = section.members.saturating_sub(1);
        section.encoded = None;
        if section.members == 0 && self.sections.len() > 1 {
            self.sections.remove(place);
            self.sections[0].first = "".into();
            if self.sections.len() * 4 < self.sections.capacity() {
                self.sections.shrink_to_fit();
            }
        }
    }

    /// All members, as fields.
    pub(super) fn slices(&mut self, members: &Members, tally: &Tally) -> Vec<Rc<Slice>> {
        for index in 0..self.sections.len() {
            let end = self.sections.get(index + 1).map(|next| Arc::clone(&next.first));
            let section = &mut self.sections[index];
            if section.encoded.is_none() && section.members > 0 {
                let end = end.as_deref().map_or(Unbounded, Excluded);
                work::spend(section.members);
                let mut bytes = Vec::new();
                for (_, member) in members.range(Included(&*section.first), end) {
                    field::put(&mut bytes, Tag::MEMBER, member.nick());
                }
                section.encoded = Some(tally.slice(bytes));
            }
        }
        self.sections.iter().filter_map(|section| section.encoded.clone()).collect()
    }

    /// The section that a key belongs to.
    fn place_of(&self, key: &str) -> usize {
        self.sections.partition_point(|section| &*section.first <= key).saturating_sub(1)
    }
}
