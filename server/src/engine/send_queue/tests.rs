//! The lanes against a model, wherever the stream is cut.

mod model;

use std::io::ErrorKind;

use chatshelf_common::id::{ResumeToken, Seq, TransferId};
use chatshelf_common::limits::DATA_BYTES_MAX;
use chatshelf_common::wire::frame::{Gap, Welcome};
use chatshelf_common::wire::{Deframer, Event, Frame, ServerFrame, Unit};
use chatshelf_testkit::samples::said;
use proptest::prelude::*;

use super::{Cursor, Flush, Flushed, SendQueue};
use crate::disk::readahead::Extent;
use crate::room::log::RoomLog;
use model::{Lanes, Sink, Step, bytes, farewell, frames, last_reply_is, nick, reply, snapshot};

/// Something in every lane.
fn full<const SHORT: bool>() -> Lanes<SHORT> {
    let mut lanes = Lanes::new(1 << 20);
    lanes.data(1, 40);
    lanes.data(2, 30);
    lanes.say("one");
    lanes.say("two");
    lanes.reply();
    lanes.reply();
    lanes
}

fn total() -> usize {
    full::<true>().drain().concat().len()
}

fn at_every_cut<const SHORT: bool>(act: impl Fn(&mut Lanes<SHORT>)) {
    for cut in 0..=total() {
        let mut lanes = full::<SHORT>();
        while lanes.sink.got.len() < cut {
            let rest = cut - lanes.sink.got.len();
            lanes.flush(&[Step::Take(rest), Step::Block], usize::MAX);
        }
        assert_eq!(lanes.sink.got.len(), cut);
        act(&mut lanes);
        lanes.drain();
        lanes.assert_extents_are_back();
    }
}

#[test]
fn lanes_are_drawn_from_in_order_wherever_the_stream_blocks() {
    let whole = full::<true>().drain();
    let kinds: Vec<u8> = whole.iter().map(|frame| frame[0]).collect();
    assert_eq!(kinds, [0x90, 0x90, 0xC0, 0xC0, 0x20, 0x20]);
    at_every_cut::<true>(|_| ());
    at_every_cut::<false>(|_| ());
}

#[test]
fn what_is_queued_inside_a_frame_comes_after_it_by_the_order_of_the_lanes() {
    at_every_cut::<true>(|lanes| {
        lanes.data(1, 10);
        lanes.say("three");
        lanes.reply();
    });
    at_every_cut::<false>(|lanes| {
        lanes.say("three");
        lanes.reply();
        lanes.data(2, 10);
    });
}

#[test]
fn only_unsent_replies_count_as_waiting() {
    let mut lanes = Lanes::<true>::new(1 << 20);
    lanes.reply();
    lanes.reply();
    let whole = lanes.out.control_bytes();
    assert!(whole > 0);
    lanes.flush(&[Step::Take(3), Step::Block], usize::MAX);
    assert_eq!(lanes.out.control_bytes(), whole - 3);
    lanes.drain();
    assert_eq!(lanes.out.control_bytes(), 0);
}

#[test]
fn a_reply_waits_for_one_data_frame_at_most() {
    let mut lanes = Lanes::<true>::new(1 << 20);
    lanes.data(1, 3 * DATA_BYTES_MAX as usize);
    lanes.flush(&[Step::Take(100)], usize::MAX);
    let frame = lanes.reply();
    lanes.say("hi");
    let kinds: Vec<u8> = lanes.drain().iter().map(|frame| frame[0]).collect();
    assert_eq!(kinds, [0x20, 0x90, 0xC0, 0x20, 0x20]);
    assert!(last_reply_is(&frames(&lanes.sink.got)[..2], &frame));
}

#[test]
fn the_goodbye_is_the_very_last_frame_wherever_it_is_sent() {
    at_every_cut::<true>(|lanes| {
        lanes.finish();
        lanes.say("after the end");
        assert!(last_reply_is(&lanes.drain(), &farewell()));
    });
    at_every_cut::<false>(|lanes| {
        lanes.finish();
        assert!(last_reply_is(&lanes.drain(), &farewell()));
    });
}

#[test]
fn a_cancelled_download_ends_after_the_frame_that_is_begun() {
    at_every_cut::<true>(|lanes| lanes.cancel(1));
    at_every_cut::<false>(|lanes| {
        lanes.cancel(2);
        lanes.reply();
        lanes.cancel(1);
        lanes.finish();
    });
}

#[test]
fn a_trim_beyond_the_cursor_tells_the_gap_from_the_first_unsent_event() {
    for cut in 0..150 {
        let mut lanes = Lanes::<true>::new(100);
        (0..9).for_each(|n| lanes.say(&format!("number {n}")));
        lanes.flush(&[no_zero(cut), Step::Block], usize::MAX);
        lanes.trim();
        assert!(matches!(lanes.out.log, Cursor::Lost { .. }), "cut at {cut}");
        lanes.reply();
        lanes.say("still before the gap is told");
        let found = lanes.drain();
        lanes.say("after");
        lanes.drain();
        assert_eq!(found.iter().filter(|frame| frame[0] == Gap::KIND).count(), 1);
    }
}

fn no_zero(bytes: usize) -> Step {
    if bytes == 0 { Step::Block } else { Step::Take(bytes) }
}

#[test]
fn a_cursor_beyond_the_trim_is_unaffected() {
    let mut lanes = Lanes::<true>::new(100);
    (0..9).for_each(|n| lanes.say(&format!("number {n}")));
    let point = lanes.log.trim_point() as usize;
    for reached in [point, point + 1] {
        lanes.flush(&[Step::Take(reached - lanes.sink.got.len()), Step::Block], usize::MAX);
        lanes.trim();
        assert!(matches!(lanes.out.log, Cursor::At { .. }));
    }
    assert_eq!(lanes.drain().len(), 9);
}

#[test]
fn a_farewell_after_a_lost_place_tells_no_gap() {
    let mut lanes = Lanes::<true>::new(100);
    (0..9).for_each(|n| lanes.say(&format!("number {n}")));
    lanes.flush(&[Step::Take(10), Step::Block], usize::MAX);
    lanes.trim();
    lanes.finish();
    let kinds: Vec<u8> = lanes.drain().iter().map(|frame| frame[0]).collect();
    assert_eq!(kinds, [0xC0, 0x85]);
}

#[test]
fn the_welcome_stands_where_the_join_was_accepted() {
    let mut out = SendQueue::default();
    let mut log = RoomLog::new(Seq(1), 1 << 20);
    out.push(&reply(1));
    out.reserve_welcome();
    out.push(&reply(2));
    log.append(&said(Seq(1), "hi").into());
    let start = log.end();
    log.append(&said(Seq(2), "hi").into());
    let welcome = Welcome { nick: nick(), seq: Seq(2), from: Seq(2), resume: ResumeToken([0; 24]) };
    log.release(log.end());
    out.welcome(&welcome, snapshot(Seq(2)), start, log.end());
    let script = [Step::Take(usize::MAX); 9].into();
    let mut sink = Sink::<true> { script, ..Sink::default() };
    assert_eq!(out.flush(&mut sink, &log, usize::MAX).unwrap().end, Flushed::Drained);
    let expected = [
        reply(1).to_bytes(),
        welcome.to_bytes(),
        bytes(&snapshot(Seq(2))),
        reply(2).to_bytes(),
        said(Seq(2), "hi").to_bytes(),
    ];
    assert_eq!(sink.got, expected.concat());
}

#[test]
fn nothing_is_sent_before_the_welcome_that_is_to_come() {
    let mut out = SendQueue::default();
    let log = RoomLog::new(Seq(1), 1 << 20);
    out.reserve_welcome();
    out.push(&reply(1));
    let mut sink = Sink::<true>::default();
    let nothing = Flush { accepted: 0, has_progress: false, end: Flushed::Drained };
    assert_eq!(out.flush(&mut sink, &log, usize::MAX).unwrap(), nothing);
    assert!(out.has_output(&log));
}

#[test]
fn little_is_held_of_replies_that_are_sent() {
    let mut lanes = Lanes::<true>::new(1 << 20);
    for _ in 0..1000 {
        for _ in 0..100 {
            lanes.reply();
        }
        // As much leaves as arrives, so that some always waits.
        lanes.flush(&[Step::Take(100 * 17), Step::Block], usize::MAX);
        let (held, waits) = (lanes.out.held_bytes(), lanes.out.control_bytes());
        assert!(held < 64 * 1024 + 2 * waits, "{held} bytes are held where {waits} wait");
    }
    lanes.drain();
    assert_eq!(lanes.out.held_bytes(), 0);
}

#[test]
fn an_empty_extent_is_given_back_at_once() {
    let mut out = SendQueue::default();
    out.push_data(TransferId(4), Extent::in_memory());
    assert!(matches!(out.pop_spent(), Some((TransferId(4), extent)) if extent.is_taken()));
    assert!(!out.has_output(&RoomLog::new(Seq(1), 1)));
}

#[test]
fn data_is_queued_until_it_is_sent_or_given_up() {
    let mut lanes = Lanes::<true>::new(1 << 20);
    let is_queued = |lanes: &Lanes<true>| [0, 1].map(|it| lanes.out.has_data(TransferId(it)));
    assert_eq!(is_queued(&lanes), [false, false]);
    lanes.data(0, 10);
    lanes.data(1, 10);
    lanes.cancel(1);
    assert_eq!(is_queued(&lanes), [true, false]);
    lanes.drain();
    assert_eq!(is_queued(&lanes), [false, false]);
}

#[test]
fn a_stream_that_takes_nothing_is_broken() {
    let mut lanes = Lanes::<true>::new(1 << 20);
    lanes.reply();
    lanes.sink.script = [Step::Take(0)].into();
    let error = lanes.out.flush(&mut lanes.sink, &lanes.log, 10).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
}

#[test]
fn a_backlog_of_events_is_one_write() {
    let mut lanes = Lanes::<true>::new(1 << 20);
    (0..64).for_each(|_| lanes.say("hello"));
    lanes.drain();
    assert_eq!(lanes.sink.writes, 1);
}

#[derive(Clone, Debug)]
enum Op {
    Reply,
    Say(usize),
    Append(usize),
    Release,
    Data(u32, usize),
    Cancel(u32),
    Trim,
    Finish,
    Flush(Vec<Step>, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1usize..60).prop_map(Step::Take),
        2 => (1usize..70_000).prop_map(Step::Take),
        1 => Just(Step::Block),
        1 => Just(Step::Interrupt),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let budget = prop_oneof![Just(usize::MAX), 1usize..200];
    prop_oneof![
        3 => Just(Op::Reply),
        4 => (1usize..60).prop_map(Op::Say),
        3 => (1usize..60).prop_map(Op::Append),
        1 => Just(Op::Release),
        2 => (0u32..3, 0usize..100).prop_map(|(of, length)| Op::Data(of, length)),
        1 => (0u32..3, 65_530usize..65_540).prop_map(|(of, length)| Op::Data(of, length)),
        2 => (0u32..3).prop_map(Op::Cancel),
        2 => Just(Op::Trim),
        1 => Just(Op::Finish),
        8 => (prop::collection::vec(step(), 1..6), budget).prop_map(|(s, b)| Op::Flush(s, b)),
    ]
}

fn nothing_is_lost_or_doubled<const SHORT: bool>(ops: &[Op]) {
    let mut lanes = Lanes::<SHORT>::new(150);
    for op in ops {
        match op {
            Op::Reply => drop(lanes.reply()),
            Op::Say(length) => lanes.say(&"x".repeat(*length)),
            Op::Append(length) => lanes.append(&"x".repeat(*length)),
            Op::Release => lanes.release(),
            Op::Data(transfer, length) => lanes.data(*transfer, *length),
            Op::Cancel(transfer) => lanes.cancel(*transfer),
            Op::Trim => lanes.trim(),
            Op::Finish => lanes.finish(),
            Op::Flush(script, budget) => drop(lanes.flush(script, *budget)),
        }
    }
    lanes.release();
    let whole = lanes.drain();
    lanes.assert_extents_are_back();
    if lanes.is_finished() {
        assert!(last_reply_is(&whole, &farewell()));
    }
    for frame in whole.iter().filter(|frame| frame[0] != 0x20) {
        let (mut deframer, mut input) = (Deframer::joined(), &frame[..]);
        let Some(Unit::Control { header, value }) = deframer.next(&mut input).unwrap() else {
            panic!("expected a whole frame");
        };
        let is_known = ServerFrame::decode(header.kind, value).is_ok()
            || Event::decode(header.kind, value).is_ok();
        assert!(is_known, "{header:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_the_peer_gets_what_the_model_sends(
        ops in prop::collection::vec(op(), 1..40),
    ) {
        nothing_is_lost_or_doubled::<true>(&ops);
        nothing_is_lost_or_doubled::<false>(&ops);
    }
}
