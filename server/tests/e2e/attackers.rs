//! Crowds that mean no good, at a small scale, beside members who talk on. (`make load-test` has
//! them at full scale, and measures.)

use std::sync::atomic::Ordering;
use std::time::Duration;

use chatshelf_testkit::proc_stats::{descriptors, peak_memory_kib};
use chatshelf_testkit::wait::eventually;

use crate::harness::attackers::{Attackers, Numbers};
use crate::harness::bystanders::{all_talk, assert_all_saw_the_same};
use crate::harness::in_a_room;

const MEMBERS: usize = 20;
const LINES: usize = 40;
/// Long enough that those who never read are soon full, and the log goes on without them.
const LINE_BYTES: usize = 2000;
const NUMBERS: Numbers = Numbers { slow: 200, deaf: 20, garbage: 20 };
/// Rounds of garbage that members must have sat through.
const ROUNDS: usize = 4;
/// The log's window, and what a few hundred connections may hold.
const MEMORY_KIB_MAX: u64 = 32 * 1024;

#[test]
fn members_talk_on_beside_hundreds_who_say_nothing_never_read_or_rave() {
    in_a_room(&[], |room| {
        let pid = room.server.pid();
        room.join("first").say_and_hear("the log is open now");
        let before = descriptors(pid).len();
        let attackers = Attackers::start(room.address(), NUMBERS, Duration::from_millis(20));
        let all_are_there = NUMBERS.slow + NUMBERS.deaf + ROUNDS * NUMBERS.garbage;
        let have_come = || attackers.tally.connections.load(Ordering::Relaxed) >= all_are_there;
        eventually("attackers", || have_come().then_some(()));
        let all = all_talk(room.address(), &[LINES; MEMBERS], &"x".repeat(LINE_BYTES));
        assert_all_saw_the_same(&all, &[LINES; MEMBERS]);
        // Who sends garbage is thrown out, or the attackers would still wait for that.
        let tally = attackers.end();
        let ended = tally.garbage_ended.load(Ordering::Relaxed);
        assert!(ended >= ROUNDS * NUMBERS.garbage, "{tally:?}");
        if let Some(peak) = peak_memory_kib(pid) {
            println!("the server's peak: {peak} KiB; {tally:?}");
            assert!(peak < MEMORY_KIB_MAX, "the server has used {peak} KiB");
        }
        drop(all);
        eventually("the descriptors of all connections", || {
            (descriptors(pid).len() <= before).then_some(())
        });
    });
}
