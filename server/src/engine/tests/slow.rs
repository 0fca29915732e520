//! Members who do not keep up: gaps in the log (PROTOCOL.md, "The room log"), replies that pile up.

use chatshelf_common::id::Seq;
use chatshelf_common::wire::frame::{Gap, Ping};
use chatshelf_common::wire::{Code, Event, ServerFrame};

use super::peer::{Peer, Seen, bytes};
use super::rig::Rig;
use crate::disk::readahead::WINDOW_FILE_BYTES_MAX;
use crate::engine::LOG_WINDOW_BYTES;
use crate::engine::limits::WRITE_BUDGET_BYTES;

/// Makes `ada` send enough lines, over several turns, for the log to be trimmed.
pub(super) fn flood(rig: &mut Rig, ada: &mut Peer) -> usize {
    let long = "x".repeat(8000);
    let mut said = 0;
    let before = rig.engine.room.log().start();
    while rig.engine.room.log().start() == before {
        (0..20).for_each(|_| ada.say(&long));
        said += 20;
        rig.settle();
        ada.take();
    }
    assert!(said * 8000 > LOG_WINDOW_BYTES);
    said
}

pub(super) fn gaps(seen: &[Seen]) -> Vec<Gap> {
    let gap = |one: &Seen| match one {
        Seen::Server(ServerFrame::Gap(gap)) => Some(gap.clone()),
        _ => None,
    };
    seen.iter().filter_map(gap).collect()
}

/// The peer itself checks that a gap begins after what it has and brings a snapshot, and that the
/// events continue right after it.
fn overrun(room: usize) {
    let mut rig = Rig::new();
    let (mut ada, mut eve) = (rig.join("ada"), rig.join("eve"));
    eve.allow(room);
    let said = flood(&mut rig, &mut ada);
    assert!(said > 0 && ada.goodbye().is_none());
    ada.set_topic(Some("later"));
    rig.settle();
    eve.allow(usize::MAX);
    rig.settle();
    let seen = eve.take();
    let [gap] = &gaps(&seen)[..] else { panic!("room {room}: not one gap") };
    let first = eve_first(&seen);
    assert_eq!(gap.from, first.map_or(Seq(3), Seq::next), "room {room}");
    assert_eq!((gap.to, gap.nick.as_str()), (rig.engine.room.log().last_seq(), "eve"));
    eve.say("back again");
    rig.settle();
    ada.take();
    assert_eq!(eve.lines(), ["back again"]);
    assert_eq!((eve.last_event(), eve.state()), (ada.last_event(), ada.state()));
}

/// The last event before the gap.
fn eve_first(seen: &[Seen]) -> Option<Seq> {
    let is_event = |one: &&Seen| matches!(one, Seen::Event(_));
    seen.iter().take_while(|one| is_event(one)).last().map(|one| match one {
        Seen::Event(event) => event.seq(),
        _ => unreachable!("only events were taken"),
    })
}

#[test]
fn a_reader_that_the_log_overtakes_is_told_of_the_gap_and_continues() {
    for room in [0, 1, 5, 6, 4000, 8046, 100_000] {
        overrun(room);
    }
}

#[test]
fn a_reader_that_is_overtaken_in_mid_download_gets_gap_and_file() {
    let mut rig = Rig::new();
    let (mut ada, mut eve) = (rig.join("ada"), rig.join("eve"));
    let file = super::peer::content(300_000);
    super::uploads::upload(&mut rig, &mut ada, 1, &file);
    eve.allow(1000);
    eve.request(1, 1, None);
    rig.settle();
    flood(&mut rig, &mut ada);
    eve.allow(usize::MAX);
    rig.settle();
    assert_eq!(gaps(&eve.take()).len(), 1);
    assert!(eve.files.values().all(|got| *got == file) && eve.files.len() == 1);
}

#[test]
fn a_reader_that_is_overtaken_and_leaves_gets_a_farewell() {
    let mut rig = Rig::new();
    let (mut ada, mut eve) = (rig.join("ada"), rig.join("eve"));
    eve.allow(5000);
    flood(&mut rig, &mut ada);
    eve.leave();
    rig.settle();
    eve.allow(usize::MAX);
    rig.settle();
    assert_eq!(eve.farewell(), Some(Code::LEFT));
}

#[test]
fn a_reader_that_says_goodbye_and_is_then_overtaken_gets_a_farewell() {
    let mut rig = Rig::new();
    let (mut ada, mut eve) = (rig.join("ada"), rig.join("eve"));
    eve.allow(5000);
    ada.say(&"y".repeat(8000));
    rig.settle();
    eve.leave();
    flood(&mut rig, &mut ada);
    eve.allow(usize::MAX);
    rig.settle();
    assert_eq!(eve.farewell(), Some(Code::LEFT));
}

#[test]
fn a_newcomer_after_a_cut_gets_what_is_held() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    flood(&mut rig, &mut ada);
    let mut bob = rig.connect();
    bob.hello();
    bob.join("bob", Some(u32::MAX));
    rig.settle();
    let seen = bob.take();
    let held = rig.engine.room.log().last_seq().0 - rig.engine.room.log().seq_from(0).0 + 1;
    let events = seen.iter().filter(|one| matches!(one, Seen::Event(_))).count() as u64;
    assert_eq!(events, held.min(1001));
    assert!(events > 100);
}

#[test]
fn readers_that_keep_up_see_no_gap_however_much_one_turn_brings() {
    let mut rig = Rig::new();
    let mut peers: Vec<Peer> = (0..40).map(|n| rig.join(&format!("peer-{n}"))).collect();
    let long = "x".repeat(8000);
    for peer in &mut peers {
        (0..31).for_each(|_| peer.say(&long));
    }
    rig.settle();
    for peer in &mut peers {
        let seen = peer.take();
        assert_eq!(gaps(&seen), [], "{:?} took every byte at once", peer.token);
        let said = |one: &&Seen| matches!(one, Seen::Event(Event::Said(_)));
        assert_eq!(seen.iter().filter(said).count(), 40 * 31);
    }
}

#[test]
fn a_peer_that_takes_no_replies_is_no_longer_read_and_then_too_slow() {
    let mut rig = Rig::new();
    let (mut ada, mut eve) = (rig.join("ada"), rig.join("eve"));
    eve.allow(0);
    eve.send_raw(&bytes(Ping {}).repeat(100_000));
    rig.settle();
    assert!(!eve.wire.borrow().to_engine.is_empty(), "replies pile up without a limit");
    let connection = rig.engine.connections.get(eve.token).unwrap();
    let waiting = connection.send_queue().control_bytes();
    assert!(waiting > 65_536 && waiting <= 2 * 65_536, "{waiting}");
    rig.pass(29_999);
    assert!(rig.is_joined(&eve));
    rig.pass(1);
    assert!(!rig.is_joined(&eve));
    ada.take();
    eve.allow(usize::MAX);
    rig.settle();
    assert_eq!(eve.farewell(), Some(Code::TOO_SLOW));
}

#[test]
fn a_peer_that_takes_replies_late_gets_every_one() {
    for room in [1, 5_000, 70_000, usize::MAX] {
        let mut rig = Rig::new();
        let mut eve = rig.join("eve");
        eve.allow(0);
        eve.send_raw(&bytes(Ping {}).repeat(50_000));
        eve.say("after them");
        rig.settle();
        let mut pongs = 0;
        let mut rounds = 0;
        while eve.last_event().is_none() {
            eve.allow(if rounds < 50 { room } else { usize::MAX });
            rig.settle();
            rounds += 1;
            pongs += eve.take().iter().filter(|one| matches!(one, Seen::Server(_))).count();
        }
        assert_eq!((pongs, eve.farewell()), (50_000, None), "{room}");
    }
}

#[test]
fn a_burst_of_replies_within_one_turn_holds_up_nobody_who_reads() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    eve.send_raw(&bytes(Ping {}).repeat(100_000));
    rig.settle();
    assert_eq!(eve.take().len(), 100_000);
}

#[test]
fn a_member_who_reads_is_undisturbed_by_direct_messages() {
    let mut rig = Rig::new();
    let (mut ada, mut eve) = (rig.join("ada"), rig.join("eve"));
    ada.take();
    let long = "x".repeat(8000);
    (0..100).for_each(|_| eve.tell("ada", &long));
    rig.settle();
    for peer in [&mut ada, &mut eve] {
        let seen = peer.take();
        let is_told = |one: &&Seen| matches!(one, Seen::Server(ServerFrame::Told(_)));
        assert_eq!(seen.iter().filter(is_told).count(), 100);
        assert_eq!(peer.goodbye(), None);
    }
}

#[test]
fn a_member_who_does_not_read_is_busy_and_not_buried_in_messages() {
    let mut rig = Rig::new();
    let (mut ada, mut eve) = (rig.join("ada"), rig.join("eve"));
    ada.allow(0);
    let long = "x".repeat(8000);
    (0..100).for_each(|_| eve.tell("ada", &long));
    rig.settle();
    let refused = eve.refusals();
    assert!(refused.len() > 80);
    let is_busy = |code| code == Code::MEMBER_BUSY;
    assert!(refused.iter().all(|one| is_busy(one.code) && one.about == 0x04 && one.id.is_some()));
    let waiting = rig.engine.connections.get(ada.token).unwrap().send_queue().control_bytes();
    assert!(waiting <= 65_536 + 8_192, "{waiting}");
    ada.allow(usize::MAX);
    rig.settle();
    ada.tell("ada", "well");
    ada.say("I am back");
    rig.settle();
    let is_told = |one: &&Seen| matches!(one, Seen::Server(ServerFrame::Told(_)));
    assert_eq!(ada.take().iter().filter(is_told).count(), 100 - refused.len() + 1);
    assert_eq!(eve.lines(), ["I am back"]);
}

#[test]
fn a_slow_reader_keeps_nobody_waiting() {
    let mut rig = Rig::new();
    let (mut ada, mut bob, eve) = (rig.join("ada"), rig.join("bob"), rig.join("eve"));
    eve.allow(0);
    for n in 0..50 {
        ada.say(&n.to_string());
        rig.turn();
        // And once the journal has it:
        rig.turn();
        assert_eq!(bob.lines(), [n.to_string()]);
    }
}

#[test]
fn a_long_backlog_is_sent_over_several_turns() {
    let mut rig = Rig::new();
    let (mut ada, mut eve) = (rig.join("ada"), rig.join("eve"));
    let file = super::peer::content(3_000_000);
    super::uploads::upload(&mut rig, &mut ada, 1, &file);
    eve.allow(0);
    eve.request(1, 1, None);
    (2..=8).for_each(|transfer| eve.request(transfer, 1, None));
    rig.settle();
    eve.allow(usize::MAX);
    rig.turn();
    let first = eve.wire.borrow().to_peer.len();
    // The budget is checked after each write, and a write holds at most one extent.
    let budget = WRITE_BUDGET_BYTES;
    assert!((budget..=budget + WINDOW_FILE_BYTES_MAX + 1000).contains(&first), "{first}");
    rig.settle();
    eve.take();
    assert!(eve.files.len() == 8 && eve.files.values().all(|got| *got == file));
}
