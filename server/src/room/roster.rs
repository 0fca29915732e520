//! The roster: the members as snapshots list them, ordered by key and divided into sections. A
//! section is encoded when a snapshot needs it, and again only after one of its members changes.

use std::ops::Bound::{Excluded, Included, Unbounded};
use std::rc::Rc;
use std::sync::Arc;

use chatshelf_common::wire::field::{self, Tag};

use super::members::Members;
use super::slice::{Slice, Tally};
use crate::work;

/// A section with more members is split in two. With 10,000 members, a snapshot that differs from
/// the previous one by a single join then costs 3 KiB: half for the section, half for the list of
/// sections.
const SECTION_MEMBERS_MAX: usize = 128;

/// The boundaries of the sections, and the encodings made so far.
///
/// Invariant: there is at least one section. The first begins before all keys; each of the others
/// begins with a key that was a member's; keys ascend. Only a sole section may be empty.
#[derive(Debug)]
pub(super) struct Roster {
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    /// A lower bound of its members' keys.
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
    /// Counts the member that was just added to `members` with this key.
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

    /// Uncounts the member with this key, who has left.
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

    /// Returns all members, encoded as fields.
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

    /// Returns the index of the section that a key belongs to.
    fn place_of(&self, key: &str) -> usize {
        self.sections.partition_point(|section| &*section.first <= key).saturating_sub(1)
    }
}
