//! The room's state as `Snapshot` frames (PROTOCOL.md, "Joining").
//!
//! Thousands of clients may be receiving snapshots at once, each of a different moment. A snapshot
//! is therefore a list of *slices*, encoded whole fields that all snapshots share until their
//! content changes. A join re-encodes one section of the members, not the whole list.

use std::rc::Rc;
use std::sync::Arc;

use chatshelf_common::id::Seq;
use chatshelf_common::limits::FRAME_BYTES_MAX;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::field::{self, Tag};
use chatshelf_common::wire::frame::{self, Item, Part, TopicState};
use chatshelf_common::wire::header::{HEADER_BYTES, Header};

use super::members::Members;
use super::roster::Roster;
use super::slice::{Held, Slice, Tally};
use crate::work;

/// Bytes of the fields present in every frame: `SEQ` and `PART`.
const FIXED_BYTES: usize = 11 + 4;
/// A slice of items is closed at the first item that reaches this many bytes.
const ITEM_SLICE_BYTES: usize = 4096;

/// The room at one moment, encoded for the wire. It lives as long as it is being sent to anyone.
#[derive(Debug)]
pub struct Snapshot {
    seq: Seq,
    slices: Vec<Rc<Slice>>,
    /// The number of bytes on the wire.
    length: usize,
    _held: Held,
}

impl Snapshot {
    /// Returns the seq of the last event it reflects.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The number of bytes on the wire.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Returns its bytes from `start` on: about `most` of them, and at least one unless `start` is
    /// the end.
    #[must_use]
    pub fn bytes_from(&self, start: usize, most: usize) -> Vec<u8> {
        let (mut skip, mut found) = (start, Vec::new());
        work::spend_passing(self.slices.len());
        for slice in &self.slices {
            if found.len() >= most {
                break;
            }
            found.extend_from_slice(slice.bytes().get(skip..).unwrap_or_default());
            skip = skip.saturating_sub(slice.bytes().len());
        }
        found
    }

    /// Packs the slices into as few frames as the size limit allows.
    fn new(seq: Seq, fields: impl Iterator<Item = Rc<Slice>>, tally: &Tally) -> Self {
        let (mut frames, mut open, mut used) = (Vec::new(), Vec::new(), FIXED_BYTES);
        for slice in fields {
            work::spend(1);
            if used + slice.bytes().len() > FRAME_BYTES_MAX as usize {
                frames.push((std::mem::take(&mut open), used));
                used = FIXED_BYTES;
            }
            used += slice.bytes().len();
            open.push(slice);
        }
        frames.push((open, used));
        let (count, mut slices) = (frames.len(), Vec::new());
        for (index, (fields, used)) in frames.into_iter().enumerate() {
            let part = Part { first: index == 0, last: index + 1 == count };
            slices.push(tally.slice(head(seq, part, used)));
            slices.extend(fields);
        }
        slices.shrink_to_fit();
        let length = slices.iter().map(|slice| slice.bytes().len()).sum();
        let held = tally.hold(size_of::<Self>() + slices.len() * size_of::<Rc<Slice>>());
        Self { seq, slices, length, _held: held }
    }

    /// Wraps arbitrary bytes as a snapshot.
    #[cfg(test)]
    pub(crate) fn of_bytes(seq: Seq, bytes: &[u8]) -> Self {
        let tally = Tally::default();
        let slices: Vec<_> = bytes.chunks(7).map(|chunk| tally.slice(chunk.to_vec())).collect();
        Self { seq, slices, length: bytes.len(), _held: tally.hold(0) }
    }
}

/// Encodes the start of a frame whose value is `value_bytes` long.
fn head(seq: Seq, part: Part, value_bytes: usize) -> Vec<u8> {
    let header =
        Header { kind: frame::Snapshot::KIND, flags: 0, length: value_bytes as u32 }.to_bytes();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + FIXED_BYTES);
    bytes.extend_from_slice(&header);
    field::put(&mut bytes, Tag::SEQ, &seq);
    field::put(&mut bytes, Tag::PART, &part);
    debug_assert_eq!(bytes.len(), HEADER_BYTES + FIXED_BYTES);
    bytes
}

/// Builds snapshots, sharing as much as possible with earlier ones.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    newest: Option<Rc<Snapshot>>,
    roster: Roster,
    /// The encoded items; dropped when the shelf changes.
    items: Option<Vec<Rc<Slice>>>,
    tally: Tally,
}

impl Snapshots {
    /// Notes a member who has joined, or has been renamed to this key.
    pub(super) fn seated(&mut self, key: &Arc<str>, members: &Members) {
        self.roster.add(key, members);
    }

    /// Notes that the member with this key has left.
    pub(super) fn unseated(&mut self, key: &str) {
        self.roster.remove(key);
    }

    pub(super) fn shelf_changed(&mut self) {
        self.items = None;
    }

    /// Returns the bytes of all snapshots in use, and of the cached slices.
    pub(super) fn held_bytes(&self) -> usize {
        self.tally.bytes()
    }

    /// Returns the snapshot at `seq`, which is built once for each seq.
    pub(super) fn at<'a>(
        &mut self,
        seq: Seq,
        topic: Option<&TopicState>,
        members: &Members,
        items: impl Iterator<Item = &'a Item>,
    ) -> Rc<Snapshot> {
        if let Some(newest) = self.newest.as_ref().filter(|newest| newest.seq == seq) {
            return Rc::clone(newest);
        }
        let tally = &self.tally;
        let topic = topic.map(|topic| {
            let mut bytes = Vec::new();
            field::put(&mut bytes, Tag::SHELF_TOPIC, topic);
            tally.slice(bytes)
        });
        let items = self.items.get_or_insert_with(|| encode_items(items, tally));
        let members = self.roster.slices(members, tally);
        let fields = topic.into_iter().chain(items.iter().cloned()).chain(members);
        let snapshot = Rc::new(Snapshot::new(seq, fields, tally));
        self.newest = Some(Rc::clone(&snapshot));
        snapshot
    }
}

fn encode_items<'a>(items: impl Iterator<Item = &'a Item>, tally: &Tally) -> Vec<Rc<Slice>> {
    let (mut slices, mut open) = (Vec::new(), Vec::new());
    for item in items {
        field::put(&mut open, Tag::SHELF_ITEM, item);
        if open.len() >= ITEM_SLICE_BYTES {
            slices.push(tally.slice(std::mem::take(&mut open)));
        }
    }
    if !open.is_empty() {
        slices.push(tally.slice(open));
    }
    slices
}

#[cfg(test)]
mod tests {
    use std::ops::Bound::Unbounded;

    use super::*;
    use crate::room::Member;
    use chatshelf_common::id::{Attributes, Digest, ItemId, Mode, UnixMillis};
    use chatshelf_common::text::{FileName, Nick, Topic};
    use chatshelf_common::wire::{Deframer, ServerFrame, Unit};

    /// Members, and snapshots of them.
    #[derive(Default)]
    struct Bench {
        members: Members,
        snapshots: Snapshots,
        seq: u64,
    }

    impl Bench {
        fn join(&mut self, nick: Nick) {
            let key = self.members.seat(Member::new(nick, None));
            self.snapshots.seated(&key, &self.members);
        }

        fn leave(&mut self, nick: &Nick) {
            let (key, _) = self.members.unseat(nick).unwrap();
            self.snapshots.unseated(&key);
        }

        fn take(&mut self) -> Rc<Snapshot> {
            self.take_with(None, &[])
        }

        fn take_with(&mut self, topic: Option<&TopicState>, items: &[Item]) -> Rc<Snapshot> {
            self.seq += 1;
            self.snapshots.at(Seq(self.seq), topic, &self.members, items.iter())
        }

        fn nicks(&self) -> impl Iterator<Item = &Nick> {
            self.members.range(Unbounded, Unbounded).map(|(_, member)| member.nick())
        }

        /// Checks that the next snapshot lists exactly these members, ordered by key.
        #[track_caller]
        fn assert_lists_members(&mut self) {
            let parts = decode(&self.take());
            let told = parts.iter().flat_map(|part| &part.members);
            assert!(told.eq(self.nicks()));
        }
    }

    fn nick(n: u64) -> Nick {
        Nick::new(&format!("{n:032}")).unwrap()
    }

    fn decode(snapshot: &Snapshot) -> Vec<frame::Snapshot> {
        let bytes = snapshot.bytes_from(0, usize::MAX);
        assert_eq!(bytes.len(), snapshot.length());
        let (mut deframer, mut input, mut parts) = (Deframer::joined(), &bytes[..], Vec::new());
        while let Some(Unit::Control { header, value }) = deframer.next(&mut input).unwrap() {
            match ServerFrame::decode(header.kind, value) {
                Ok(ServerFrame::Snapshot(part)) => parts.push(part),
                other => panic!("{other:?}"),
            }
        }
        parts
    }

    #[test]
    fn an_empty_room_is_one_part() {
        let parts = decode(&Bench::default().take());
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].part, Part { first: true, last: true });
        assert_eq!(parts[0].seq, Seq(1));
    }

    #[test]
    fn the_largest_room_arrives_whole_in_frames_within_the_limit() {
        let mut bench = Bench::default();
        (0..10_000).for_each(|n| bench.join(nick(n)));
        let attributes = Attributes { mode: Mode::new(0o777), modified: Some(UnixMillis(9)) };
        let item = |n| {
            let name = FileName::new(&"x".repeat(255)).unwrap();
            let item =
                Item::new(ItemId(n), name, u64::MAX, Digest([9; 32]), nick(n), UnixMillis(n));
            item.with(attributes)
        };
        let items: Vec<Item> = (0..1000).map(item).collect();
        let topic = Topic::new(&"t".repeat(512)).unwrap();
        let topic = TopicState { topic, nick: nick(1), at: UnixMillis(0) };
        let parts = decode(&bench.take_with(Some(&topic), &items));
        assert_eq!(parts[0].topic, Some(topic));
        assert!(parts.iter().skip(1).all(|part| part.topic.is_none() && !part.part.first));
        assert_eq!(parts.iter().filter(|part| part.part.last).count(), 1);
        assert!(parts.last().unwrap().part.last && parts[0].part.first);
        // All but the last are about as full as allowed: no two would fit into one.
        let bytes: Vec<usize> = parts.iter().map(|part| part.to_bytes().len()).collect();
        let full = FRAME_BYTES_MAX as usize;
        assert!(bytes.windows(2).all(|pair| pair[0] + pair[1] > full && pair[0] > full / 2));
        assert!(bytes.iter().all(|bytes| *bytes <= HEADER_BYTES + full));
        let members = parts.iter().flat_map(|part| &part.members);
        assert!(members.eq(bench.nicks()));
        assert!(parts.iter().flat_map(|part| &part.items).eq(&items));
    }

    #[test]
    fn every_snapshot_lists_the_members_through_any_joins_and_leaves() {
        let mut bench = Bench::default();
        // An order that fills sections everywhere, and later empties them.
        let scattered = |n: u64| nick(n * 7919 % 1009);
        for n in 0..1009 {
            bench.join(scattered(n));
            if n % 17 == 0 {
                bench.assert_lists_members();
            }
        }
        for n in 0..1009 {
            bench.leave(&scattered(n));
            if n % 17 == 0 {
                bench.assert_lists_members();
            }
        }
        bench.assert_lists_members();
        (0..300).rev().for_each(|n| bench.join(nick(n)));
        bench.assert_lists_members();
    }

    #[test]
    fn snapshots_share_what_has_not_changed() {
        let mut bench = Bench::default();
        (0..10_000).for_each(|n| bench.join(nick(2 * n)));
        let first = bench.take();
        let before = bench.snapshots.held_bytes();
        assert!(before > first.length() && before < 2 * first.length());
        let mut taken = Vec::new();
        for n in 0..1000 {
            bench.join(nick(2 * n + 1));
            taken.push(bench.take());
        }
        let each = (bench.snapshots.held_bytes() - before) / taken.len();
        assert!(each < 12 * 1024, "a snapshot of {} bytes costs {each} more", first.length());
        drop((first, taken));
        bench.take();
        let after = bench.snapshots.held_bytes();
        assert!(after < 2 * before, "{after} bytes are left of {before}");
    }

    #[test]
    fn a_snapshot_is_made_once_for_each_seq_and_read_from_anywhere() {
        let mut bench = Bench::default();
        (0..1000).for_each(|n| bench.join(nick(n)));
        let one = bench.take();
        let same = bench.snapshots.at(one.seq(), None, &bench.members, [].iter());
        assert!(Rc::ptr_eq(&one, &same));
        let whole = one.bytes_from(0, usize::MAX);
        for start in (0..=whole.len()).step_by(701) {
            let some = one.bytes_from(start, 1000);
            assert!(whole[start..].starts_with(&some));
            assert!(some.len() >= 1000.min(whole.len() - start));
        }
    }
}
