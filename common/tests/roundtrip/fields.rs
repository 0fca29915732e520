//! Lists of fields: decoded as they were encoded, and refused by name when they break a rule.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use chatshelf_common::limits::{LINK_BASE_BYTES_MAX, PASSWORD_BYTES_MAX};
use chatshelf_common::text::{Nick, TextError};
use chatshelf_common::wire::field::{FIELD_HEAD_BYTES, Fields, TAGS, Tag};
use chatshelf_common::wire::frame::{
    Bans, BansRequest, Moderate, Moderated, Op, Stats, StatsRequest,
};
use chatshelf_common::wire::header::HEADER_BYTES;
use chatshelf_common::wire::{DecodeError, Frame};

use crate::rules::{Layout, RULES, Slot};
use crate::samples::{Sample, sample};

/// Frames that a receiver may skip.
const SKIPPABLE: [u8; 7] = [
    StatsRequest::KIND,
    Stats::KIND,
    Op::KIND,
    Moderate::KIND,
    BansRequest::KIND,
    Bans::KIND,
    Moderated::KIND,
];

/// A field taken apart: tag and value.
type Field = (u8, Vec<u8>);

/// Takes a list of fields apart, by the document and not by the code under test; `None` when it
/// is no such list.
fn split(mut value: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !value.is_empty() {
        let (&[tag, high, low], rest) = value.split_first_chunk()?;
        let (bytes, rest) = rest.split_at_checked(usize::from(high) << 8 | usize::from(low))?;
        fields.push((tag, bytes.to_vec()));
        value = rest;
    }
    Some(fields)
}

fn join(fields: &[Field]) -> Vec<u8> {
    let head = |(tag, bytes): &Field| [*tag, (bytes.len() >> 8) as u8, bytes.len() as u8];
    fields.iter().flat_map(|field| [&head(field)[..], &field.1].concat()).collect()
}

/// One list of fields in a sample: that of the frame, or that of a field that holds fields.
struct Place {
    list: Vec<Field>,
    layout: &'static Layout,
    frame: Vec<Field>,
    /// Which field of the frame holds the list; `None` when it is the frame's own.
    holder: Option<usize>,
}

impl Place {
    fn pick(sample: &Sample, pick: Index) -> Self {
        let frame = split(&sample.value()).expect("whole fields");
        let is_holder = |at: &usize| RULES.nested.contains_key(&frame[*at].0);
        let holders: Vec<usize> = (0..frame.len()).filter(is_holder).collect();
        let holder = pick.index(holders.len() + 1).checked_sub(1).map(|nth| holders[nth]);
        let (list, layout) = match holder.map(|at| &frame[at]) {
            None => (frame.clone(), &RULES.frames[&sample.kind()]),
            Some((tag, value)) => (split(value).expect("whole fields"), &RULES.nested[tag]),
        };
        Self { list, layout, frame, holder }
    }

    /// The frame's value with other bytes where the list was.
    fn value_with(&self, list: Vec<u8>) -> Vec<u8> {
        let Some(holder) = self.holder else { return list };
        let mut frame = self.frame.clone();
        frame[holder].1 = list;
        join(&frame)
    }
}

fn missing(layout: &Layout, list: &[Field]) -> Option<Tag> {
    let is_missing = |(tag, slot): &&(Tag, Slot)| {
        *slot == Slot::Required && list.iter().all(|field| field.0 != tag.0)
    };
    layout.iter().find(is_missing).map(|(tag, _)| *tag)
}

/// What a value of a wrong kind is, and the error it deserves.
fn bad_values(tag: Tag) -> Vec<(Vec<u8>, DecodeError)> {
    if let Some(layout) = RULES.nested.get(&tag.0) {
        return vec![(vec![], DecodeError::Missing(layout[0].0))];
    }
    if tag == Tag::PASSWORD {
        let too_long = vec![0; PASSWORD_BYTES_MAX + 1];
        return [vec![], too_long].map(|bytes| (bytes, DecodeError::Length(tag))).to_vec();
    }
    if tag == Tag::LINK_BASE {
        let not_a_base = |bytes: &[u8]| (bytes.to_vec(), TextError::NotLinkBase);
        let bad = [
            (vec![0xff], TextError::NotUtf8),
            (b"https://\x1b".to_vec(), TextError::Forbidden('\x1b')),
            (
                vec![b'a'; LINK_BASE_BYTES_MAX + 1],
                TextError::TooLong { limit: LINK_BASE_BYTES_MAX },
            ),
            not_a_base(b"ftp://a"),
            not_a_base(b"https://"),
            not_a_base(b"https://a/b"),
            not_a_base(b"https:/a"),
            not_a_base(b"//a"),
        ];
        return bad.map(|(bytes, why)| (bytes, DecodeError::Text(tag, why))).to_vec();
    }
    let Some(&width) = RULES.widths.get(&tag.0) else {
        return vec![
            (vec![], DecodeError::Text(tag, TextError::Empty)),
            (vec![0xff], DecodeError::Text(tag, TextError::NotUtf8)),
            (vec![b'a', 0x1b], DecodeError::Text(tag, TextError::Forbidden('\x1b'))),
        ];
    };
    let wrong = (0..=width + 1).filter(|&bytes| bytes != width);
    let mut bad: Vec<_> = wrong.map(|bytes| (vec![0; bytes], DecodeError::Length(tag))).collect();
    if tag == Tag::PART {
        bad.extend((4..=255).map(|bits| (vec![bits], DecodeError::Value(tag))));
    }
    if tag == Tag::MODE {
        let bits = (9..16).map(|bit| 1_u16 << bit);
        bad.extend(bits.map(|bit| (bit.to_be_bytes().into(), DecodeError::Value(tag))));
    }
    bad
}

fn unknown_field() -> impl Strategy<Value = Field> {
    let known = |tag: u8| TAGS.iter().any(|(known, _)| known.0 == tag);
    (any::<u8>().prop_filter("unknown", move |tag| !known(*tag)), vec(any::<u8>(), 0..9))
}

/// Bytes that are fields, nearly fields, or nothing of the kind.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let field_like = (0..40u8, vec(any::<u8>(), 0..40));
    let damaged =
        (sample(), vec((any::<Index>(), any::<u8>()), 0..4)).prop_map(|(sample, hits)| {
            let mut value = sample.value();
            for (at, byte) in hits {
                if !value.is_empty() {
                    *at.get_mut(&mut value) = byte;
                }
            }
            value
        });
    prop_oneof![
        vec(any::<u8>(), 0..300),
        vec(field_like, 0..12).prop_map(|fields| join(&fields)),
        damaged,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn decoding_undoes_encoding(sample in sample()) {
        let (bytes, value) = (sample.to_bytes(), sample.value());
        let length = (value.len() as u32).to_be_bytes();
        prop_assert_eq!(&bytes[2..HEADER_BYTES], length);
        prop_assert_eq!(bytes[1], u8::from(SKIPPABLE.contains(&bytes[0])));
        prop_assert_eq!(sample.decode(&value), Ok(sample.clone()));
        for (tag, _) in split(&value).unwrap() {
            let layout = &RULES.frames[&sample.kind()];
            prop_assert!(layout.iter().any(|(documented, _)| documented.0 == tag));
        }
    }

    #[test]
    fn unknown_fields_anywhere_change_nothing(
        sample in sample(),
        place in any::<Index>(),
        unknown in vec((any::<Index>(), unknown_field()), 1..5),
    ) {
        let mut place = Place::pick(&sample, place);
        for (at, field) in unknown {
            place.list.insert(at.index(place.list.len() + 1), field);
        }
        prop_assert_eq!(sample.decode(&place.value_with(join(&place.list))), Ok(sample));
    }

    #[test]
    fn the_order_of_fields_is_free(
        sample in sample(),
        place in any::<Index>(),
        keys in vec(any::<u8>(), 32),
    ) {
        let place = Place::pick(&sample, place);
        let mut order: Vec<usize> = (0..place.list.len()).collect();
        order.sort_by_key(|&at| keys[at]);
        let mut rest = place.list.clone();
        // Repeated fields keep their own order: each place takes the first left with its tag.
        let shuffled: Vec<Field> = order
            .iter()
            .map(|&at| {
                let first = rest.iter().position(|field| field.0 == place.list[at].0).unwrap();
                rest.remove(first)
            })
            .collect();
        prop_assert_eq!(sample.decode(&place.value_with(join(&shuffled))), Ok(sample));
    }

    #[test]
    fn only_required_fields_are_missed(sample in sample(), place in any::<Index>()) {
        let place = Place::pick(&sample, place);
        for (tag, slot) in place.layout {
            let mut list = place.list.clone();
            list.retain(|field| field.0 != tag.0);
            let value = place.value_with(join(&list));
            let decoded = sample.decode(&value);
            if *slot == Slot::Required {
                prop_assert_eq!(decoded, Err(DecodeError::Missing(*tag)));
            } else {
                prop_assert_eq!(decoded.map(|other| other.value()), Ok(value));
            }
        }
    }

    #[test]
    fn only_repeated_fields_may_be_there_twice(
        sample in sample(),
        place in any::<Index>(),
        at in any::<Index>(),
    ) {
        let place = Place::pick(&sample, place);
        for (tag, slot) in place.layout {
            let Some(field) = place.list.iter().find(|field| field.0 == tag.0) else { continue };
            let mut list = place.list.clone();
            list.insert(at.index(list.len() + 1), field.clone());
            let value = place.value_with(join(&list));
            let decoded = sample.decode(&value);
            if *slot == Slot::Repeated {
                prop_assert_eq!(decoded.map(|other| other.value().len()), Ok(value.len()));
            } else {
                prop_assert_eq!(decoded, Err(DecodeError::Duplicate(*tag)));
            }
        }
    }

    #[test]
    fn a_value_that_is_not_of_its_kind_is_named(sample in sample(), place in any::<Index>()) {
        let place = Place::pick(&sample, place);
        for at in 0..place.list.len() {
            for (bad, error) in bad_values(Tag(place.list[at].0)) {
                let mut list = place.list.clone();
                list[at].1 = bad;
                prop_assert_eq!(sample.decode(&place.value_with(join(&list))), Err(error));
            }
        }
    }

    #[test]
    fn a_list_cut_short_is_truncated_or_misses_a_field(
        sample in sample(),
        place in any::<Index>(),
        cut in any::<Index>(),
        last in unknown_field(),
    ) {
        let mut place = Place::pick(&sample, place);
        place.list.push(last);
        let mut ends = vec![0];
        for (_, bytes) in &place.list {
            ends.push(ends[ends.len() - 1] + FIELD_HEAD_BYTES + bytes.len());
        }
        let whole = join(&place.list);
        for cut in [&ends[..], &[cut.index(whole.len())]].concat() {
            let decoded = sample.decode(&place.value_with(whole[..cut].to_vec())).map(|_| ());
            let expected = match ends.binary_search(&cut) {
                Err(_) => Err(DecodeError::Truncated),
                Ok(kept) => match missing(place.layout, &place.list[..kept]) {
                    Some(tag) => Err(DecodeError::Missing(tag)),
                    None => Ok(()),
                },
            };
            prop_assert_eq!(decoded, expected, "cut at {}", cut);
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(value in noise()) {
        let parsed = Fields::parse(&value);
        prop_assert_eq!(parsed.is_ok(), split(&value).is_some());
        if let Ok(fields) = parsed {
            for (tag, _) in TAGS {
                let _ = (fields.optional::<u64>(*tag), fields.repeated::<Nick>(*tag));
            }
        }
        for kind in 0..=u8::MAX {
            for (decoded, known) in Sample::decode_by_all(kind, &value) {
                let is_known = known.iter().any(|(known, _)| *known == kind);
                prop_assert_eq!(decoded == Err(DecodeError::UnknownType(kind)), !is_known);
                if let Ok(sample) = decoded {
                    prop_assert_eq!(sample.decode(&sample.value()), Ok(sample));
                }
            }
        }
    }
}
