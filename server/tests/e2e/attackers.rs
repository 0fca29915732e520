//! Malicious crowds, at a small scale, beside members who talk on. (`make load-test` has the same
//! at full scale, and measures.)

use chatshelf_client::load::attackers::Attackers;
use chatshelf_client::load::options::Attack;
use chatshelf_testkit::proc_stats::{descriptors, peak_memory_kib};
use chatshelf_testkit::wait::eventually;

use crate::harness::bystanders::{all_talk, assert_all_saw_the_same};
use crate::harness::in_a_room;

const MEMBERS: usize = 20;
const LINES: usize = 40;
/// Long enough that those who never read are soon full, and the log goes on without them.
const LINE_BYTES: usize = 2000;
const ATTACK: Attack = Attack { slow: 200, deaf: 20, garbage: 20 };
/// Rounds of garbage that members must have sat through.
const ROUNDS: usize = 4;
/// The log's window, and what a few hundred connections may hold.
const MEMORY_KIB_MAX: u64 = 32 * 1024;

#[test]
fn members_talk_on_beside_hundreds_who_say_nothing_never_read_or_send_garbage() {
    in_a_room(&[], |room| {
        let pid = room.server.pid();
        room.join("first").say_and_hear("the log is open now");
        let before = descriptors(pid).len();
        let attackers = Attackers::start(room.address(), ATTACK).unwrap();
        let all_are_there = ATTACK.slow + ATTACK.deaf + ROUNDS * ATTACK.garbage;
        eventually("attackers", || (attackers.tally().made >= all_are_there).then_some(()));
        let all = all_talk(room.address(), &[LINES; MEMBERS], &"x".repeat(LINE_BYTES));
        assert_all_saw_the_same(&all, &[LINES; MEMBERS]);
        let tally = eventually("the end of those who send garbage", || {
            let tally = attackers.tally();
            (tally.garbage_ended >= ROUNDS * ATTACK.garbage).then_some(tally)
        });
        drop(attackers);
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
