//! Checks exercise 10: runs a room from many seeds, sound and with one fault each. Your check must
//! pass every sound run, and notice every fault within the first 50 seeds.

use exercises::simulation::{Run, check};

/// What is broken in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// A line is acknowledged and then forgotten.
    Loses,
    /// A line that was sent again is said again.
    Repeats,
    /// Two lines of one sender change places.
    Reorders,
    /// One member misses an event.
    SkipsForOne,
    /// Two members see two events in different orders.
    DiffersForTwo,
    /// A number is left out for everyone.
    LeavesGap,
}

/// Numbers from a seed (SplitMix64): the same seed gives the same run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % end as u64) as usize
    }
}

fn run(seed: u64, fault: Fault) -> Run {
    let mut random = Random(seed);
    let senders = 2 + random.below(3);
    let said: Vec<(usize, String)> = (0..4 + random.below(20))
        .map(|_| random.below(senders))
        .enumerate()
        .map(|(n, sender)| (sender, format!("line {n} of {sender}")))
        .collect();
    let mut log: Vec<String> = said.iter().map(|(_, text)| text.clone()).collect();
    let at = random.below(log.len());
    match fault {
        Fault::Loses => drop(log.remove(at)),
        Fault::Repeats => log.push(log[at].clone()),
        Fault::Reorders => {
            let sender = said[at].0;
            if let Some(later) = (at + 1..log.len()).find(|&later| said[later].0 == sender) {
                log.swap(at, later);
            }
        }
        _ => {}
    }
    let gap = u64::from(fault == Fault::LeavesGap);
    let numbered = log.into_iter().enumerate();
    let numbered: Vec<(u64, String)> =
        numbered.map(|(n, text)| (n as u64 + 1 + if n >= at { gap } else { 0 }, text)).collect();
    let mut seen = vec![numbered; senders];
    let one = 1 + random.below(senders - 1);
    match fault {
        Fault::SkipsForOne => drop(seen[one].remove(at)),
        Fault::DiffersForTwo if at > 0 => seen[one].swap(at, at - 1),
        _ => {}
    }
    Run { said, seen }
}

#[test]
fn a_sound_room_passes() {
    for seed in 0..500 {
        assert_eq!(check(&run(seed, Fault::None)), Ok(()), "seed {seed}");
    }
    assert_eq!(check(&Run::default()), Ok(()), "a room in which nothing happened");
}

#[test]
fn lines_of_different_senders_may_come_in_any_order() {
    let line = |n: u64, text: &str| (n, text.to_owned());
    let seen = vec![line(1, "b1"), line(2, "a1"), line(3, "a2")];
    let said = vec![(0, "a1".into()), (0, "a2".into()), (1, "b1".into())];
    assert_eq!(check(&Run { said, seen: vec![seen; 2] }), Ok(()));
}

#[test]
fn every_fault_is_noticed() {
    let faults = [
        Fault::Loses,
        Fault::Repeats,
        Fault::Reorders,
        Fault::SkipsForOne,
        Fault::DiffersForTwo,
        Fault::LeavesGap,
    ];
    for fault in faults {
        let noticed = (0..50).find(|&seed| check(&run(seed, fault)).is_err());
        assert!(noticed.is_some(), "{fault:?} is not noticed");
    }
}
