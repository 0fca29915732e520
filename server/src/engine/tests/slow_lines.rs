//! Chat beside downloads on lines of all rates: what is ahead of a line is bounded by time, not by
//! size.

use chatshelf_common::id::TransferId;
use chatshelf_common::limits::DATA_BYTES_MAX;
use chatshelf_common::wire::frame::{CAPABILITY_LARGE_DATA, Hello};
use chatshelf_common::wire::header::{DATA, DATA_PREFIX_BYTES, HEADER_BYTES};
use chatshelf_common::wire::{Event, Header};

use super::peer::{Peer, Seen, content, hello};
use super::rig::Rig;
use super::uploads::upload;

/// Bytes that a line takes before who sends is told.
const TAKEN_AT_ONCE: usize = 64 * 1024;

/// How long lines from someone else took to arrive, in milliseconds, while a file was downloading.
struct Ran {
    delays_ms: Vec<u64>,
    /// How long the file took.
    file_ms: u64,
}

/// Downloads `bytes` over a line of `rate(ms)` bytes a millisecond, while someone sends a line
/// every 50 ms.
fn run(bytes: usize, rate: impl Fn(u64) -> usize) -> Ran {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    download(rig, ada, bytes, rate).0
}

/// The same for this member, who is returned.
fn download(mut rig: Rig, mut ada: Peer, bytes: usize, rate: impl Fn(u64) -> usize) -> (Ran, Peer) {
    let file = content(bytes);
    let mut bob = rig.join("bob");
    upload(&mut rig, &mut ada, 1, &file);
    ada.take();
    ada.wire.borrow_mut().begin_line();
    ada.request(2, 1, None);
    rig.settle();
    let (mut delays_ms, mut said_at) = (Vec::new(), None);
    for ms in 0..60_000 {
        if ms % 50 == 0 && said_at.is_none() {
            bob.say("hello");
            said_at = Some(ms);
        }
        rig.pass(1);
        // A fast line takes more than once in a millisecond what may be unsent.
        let times = rate(ms).div_ceil(TAKEN_AT_ONCE);
        for _ in 0..times {
            ada.wire.borrow_mut().carry(rate(ms) / times);
            rig.settle();
        }
        let seen = ada.take();
        let is_line = |seen: &Seen| matches!(seen, Seen::Event(Event::Said(_)));
        if seen.iter().any(is_line)
            && let Some(at) = said_at.take()
        {
            delays_ms.push(ms - at);
        }
        if len(&ada) == bytes {
            assert!(ada.files[&TransferId(2)] == file);
            return (Ran { delays_ms, file_ms: ms }, ada);
        }
    }
    panic!("the file did not arrive");
}

fn len(peer: &Peer) -> usize {
    peer.files.get(&TransferId(2)).map_or(0, Vec::len)
}

/// How long a line may take: what is unsent, the rest of a frame, and other lines, all at this
/// rate; on a fast line a few milliseconds.
fn allowed_ms(rate: usize) -> u64 {
    (8 * 1024 / rate as u64).max(8) + 2
}

#[test]
fn a_line_waits_for_a_moment_at_any_rate_and_the_file_loses_nothing() {
    for rate in [16, 32, 125, 1_250, 12_500] {
        let bytes = rate * 2000;
        let Ran { delays_ms, file_ms } = run(bytes, |_| rate);
        assert!(delays_ms.len() >= 5, "{rate}: {delays_ms:?}");
        let most_ms = delays_ms.iter().max().unwrap();
        assert!(*most_ms <= allowed_ms(rate), "{rate}: {delays_ms:?}");
        // Heads of frames and lines take their part.
        assert!(file_ms <= 2000 * 105 / 100, "{rate}: {file_ms} ms");
    }
}

#[test]
fn a_line_that_becomes_slow_is_treated_as_such() {
    const FAST: usize = 50_000;
    const SLOW: usize = 1_250;
    let rate = |ms| if ms < 100 { FAST } else { SLOW };
    let Ran { delays_ms, .. } = run(FAST * 100 + SLOW * 6000, rate);
    let (before, after) = delays_ms.split_at(delays_ms.len() - 20);
    assert!(before.iter().all(|ms| *ms <= 300), "{before:?}");
    assert!(after.iter().all(|ms| *ms <= allowed_ms(SLOW)), "{after:?}");
}

#[test]
fn large_frames_go_to_those_who_take_them_where_a_line_waits_no_longer_for_it() {
    const MIB: usize = 1024 * 1024;
    let plain = DATA_BYTES_MAX as usize;
    for (capabilities, rate, largest) in [
        (0, MIB, plain),
        (CAPABILITY_LARGE_DATA, 64 * 1024, plain),
        (CAPABILITY_LARGE_DATA, MIB, MIB / 2),
    ] {
        let mut rig = Rig::new();
        let ada = rig.connect();
        ada.send(Hello { capabilities: Some(capabilities), ..hello(1, 1) });
        ada.join("ada", Some(0));
        rig.settle();
        let (ran, ada) = download(rig, ada, 40 * MIB, |_| rate);
        assert!(ran.delays_ms.iter().all(|ms| *ms <= allowed_ms(rate)), "{:?}", ran.delays_ms);
        assert_eq!(largest_data(&ada.raw), largest, "{capabilities:#x}, {rate} bytes/ms");
    }
}

/// File bytes of the largest data frame.
fn largest_data(mut bytes: &[u8]) -> usize {
    let mut largest = 0;
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() {
        let Header { kind, length, .. } = Header::from_bytes(*header);
        if kind == DATA {
            largest = largest.max(length as usize - DATA_PREFIX_BYTES);
        }
        bytes = &rest[length as usize..];
    }
    largest
}
