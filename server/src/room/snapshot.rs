//! The room's state as `Snapshot` frames (PROTOCOL.md, "Joining").

use chatshelf_common::id::Seq;
use chatshelf_common::limits::FRAME_BYTES_MAX;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::field::FIELD_HEAD_BYTES;
use chatshelf_common::wire::frame::{Item, Part, Snapshot, TopicState};

/// Room in one part for everything but members and items: seq, part and the longest topic.
const FIXED_BYTES: usize = 1024;
/// More than the longest item takes.
const ITEM_BYTES: usize = 512;

/// Encodes a snapshot at `seq` in as many parts as the frame limit asks for.
pub(super) fn encode<'a>(
    seq: Seq,
    topic: Option<&TopicState>,
    members: impl Iterator<Item = &'a Nick>,
    items: impl Iterator<Item = &'a Item>,
) -> Vec<u8> {
    let mut parts = Parts { done: Vec::new(), used: FIXED_BYTES, open: part(seq) };
    parts.open.part.first = true;
    parts.open.topic = topic.cloned();
    for item in items {
        parts.make_room(ITEM_BYTES);
        parts.open.items.push(item.clone());
    }
    for nick in members {
        parts.make_room(FIELD_HEAD_BYTES + nick.as_str().len());
        parts.open.members.push(nick.clone());
    }
    parts.open.part.last = true;
    parts.open.encode(&mut parts.done);
    parts.done
}

struct Parts {
    done: Vec<u8>,
    /// Bytes that the open part may have grown to.
    used: usize,
    open: Snapshot,
}

impl Parts {
    fn make_room(&mut self, bytes: usize) {
        if self.used + bytes > FRAME_BYTES_MAX as usize {
            self.open.encode(&mut self.done);
            self.open = part(self.open.seq);
            self.used = FIXED_BYTES;
        }
        self.used += bytes;
    }
}

fn part(seq: Seq) -> Snapshot {
    let part = Part { first: false, last: false };
    Snapshot { seq, part, topic: None, members: Vec::new(), items: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatshelf_common::id::{Attributes, Digest, ItemId, Mode, UnixMillis};
    use chatshelf_common::text::{FileName, Topic};
    use chatshelf_common::wire::{Deframer, ServerFrame, Unit};

    fn decode(bytes: &[u8]) -> Vec<Snapshot> {
        let (mut deframer, mut input, mut parts) = (Deframer::joined(), bytes, Vec::new());
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
        let parts = decode(&encode(Seq(3), None, [].iter(), [].iter()));
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].part, Part { first: true, last: true });
        assert_eq!(parts[0].seq, Seq(3));
    }

    #[test]
    fn the_largest_room_arrives_whole_in_frames_within_the_limit() {
        let nick = |n| Nick::new(&format!("{n:032}")).unwrap();
        let members: Vec<Nick> = (0..10_000).map(nick).collect();
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
        let parts = decode(&encode(Seq(9), Some(&topic), members.iter(), items.iter()));
        assert_eq!(parts[0].topic, Some(topic));
        assert!(parts.iter().skip(1).all(|part| part.topic.is_none() && !part.part.first));
        assert_eq!(parts.iter().filter(|part| part.part.last).count(), 1);
        assert!(parts.last().unwrap().part.last && parts[0].part.first);
        // They are as full as they may be, but for the last: no two would fit in one.
        let bytes: Vec<usize> = parts.iter().map(|part| part.to_bytes().len()).collect();
        let full = FRAME_BYTES_MAX as usize;
        assert!(bytes.windows(2).all(|pair| pair[0] + pair[1] > full && pair[0] > full / 2));
        assert!(parts.iter().flat_map(|part| &part.members).eq(&members));
        assert!(parts.iter().flat_map(|part| &part.items).eq(&items));
    }
}
