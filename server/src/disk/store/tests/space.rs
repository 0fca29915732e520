//! A disk that is nearly full, or is.

use std::io::ErrorKind;

use super::*;
use crate::disk::fault_injection::Fault;

const RESERVE: StoreSettings = StoreSettings { min_free_bytes: 1000, ..SETTINGS };
/// More than the meta files of a test take.
const META: u64 = 600;

#[test]
fn an_offer_must_leave_the_reserve() {
    let mut bench = Bench::with(RESERVE);
    bench.files.leave_free(5000);
    assert_eq!(code(&bench.create(1, None, 4001).remove(0)), Some(Code::STORAGE_FULL));
    bench.begin(2, None, 3000);
    bench.write(2, &[1; 3000]);
    assert_eq!(code(&bench.create(3, None, 1001).remove(0)), Some(Code::STORAGE_FULL));
    bench.ask_one(Request::Discard { upload: transfer(2) });
    bench.begin(4, None, 4000);
}

#[test]
fn offers_take_no_space_before_their_bytes_come() {
    let mut bench = Bench::with(RESERVE);
    bench.interrupt(1, key(1), 5000, &[1; 2000]);
    bench.files.leave_free(5000);
    // Any two of them are too much for the disk.
    for number in 10..20 {
        bench.begin(number, None, 4000);
        bench.write(number, b"x");
    }
    bench.begin(2, None, 3500);
    bench.write(2, &[1; 3500]);
    assert!(bench.names("uploads").contains(&dirs([1])[0]), "nothing had to go for words");
    // Whose bytes come last is who finds the disk full; what has come of others stays.
    let reply = bench.ask_one(Request::Write { upload: transfer(10), block: vec![1; 3900] });
    assert_eq!(code(&reply), Some(Code::STORAGE_FULL));
    assert!(matches!(bench.publish(2, item(1, &[1; 3500])), Reply::Published { .. }));
}

#[test]
fn a_refusal_says_what_must_stay_free() {
    for (min_free_bytes, told) in
        [(1000, "uploads must leave 1000 B of the disk free"), (0, "too little space is left")]
    {
        let mut bench = Bench::with(StoreSettings { min_free_bytes, ..SETTINGS });
        bench.files.leave_free(900);
        match bench.create(1, None, 1000).remove(0) {
            Reply::Failed { code: Code::STORAGE_FULL, detail: Some(detail), .. } => {
                assert!(detail.contains(told), "{detail}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_operator_is_told_once_of_refusals_until_there_is_much_more_space() {
    let mut bench = Bench::with(RESERVE);
    bench.files.leave_free(1500);
    let refused = |bench: &mut Bench| {
        assert_eq!(code(&bench.create(1, None, 1000).remove(0)), Some(Code::STORAGE_FULL));
        bench.store.refused_for
    };
    assert_eq!(refused(&mut bench), Some(2000));
    bench.shelve(1, b"what still fits makes the next refusal no news");
    assert_eq!(bench.store.refused_for, Some(2000));
    bench.files.leave_free(4000);
    bench.shelve(2, b"there is much more space");
    assert_eq!(bench.store.refused_for, None);
    bench.files.leave_free(1500);
    assert_eq!(refused(&mut bench), Some(2000));
}

#[test]
fn only_the_rest_of_a_resumed_upload_must_fit() {
    let mut bench = Bench::with(RESERVE);
    bench.interrupt(1, key(1), 5000, &[1; 4000]);
    bench.files.leave_free(2000 + META);
    let kept = bench.go_on(2, key(1), 5000);
    assert_eq!(kept.0, 4000);
}

#[test]
fn what_is_kept_makes_room_for_what_comes_the_oldest_first() {
    let mut bench = Bench::with(RESERVE);
    for number in [3, 1, 2] {
        bench.now = UnixMillis(1000 + u64::from(number));
        bench.interrupt(number.into(), key(number), 5000, &[1; 2000]);
    }
    bench.files.leave_free(1000);
    bench.begin(4, None, 2500);
    assert_eq!(bench.names("uploads").len(), 4, "an offer removes nothing");
    bench.write(4, &[1; 2500]);
    assert_eq!(bench.names("uploads").len(), 2, "{:?}", bench.names("uploads"));
    assert!(bench.names("uploads").contains(&dirs([3])[0]));
}

#[test]
fn what_is_kept_is_not_removed_in_vain() {
    let mut bench = Bench::with(RESERVE);
    bench.interrupt(1, key(1), 5000, &[1; 2000]);
    bench.interrupt(2, key(2), 9000, &[1; 2000]);
    bench.files.leave_free(1000);
    assert_eq!(code(&bench.create(3, None, 5000).remove(0)), Some(Code::STORAGE_FULL));
    assert_eq!(bench.names("uploads").len(), 2);
    // Nor is the one that is being resumed, though its rest does not fit.
    let replies = bench.create(4, Some(key(2)), 9000);
    assert!(matches!(replies[0], Reply::Expires { at: Some(UnixMillis(2000)) }), "{replies:?}");
    assert_eq!(code(&replies[1]), Some(Code::STORAGE_FULL));
    assert_eq!(bench.names("uploads").len(), 2);
    bench.files.heal();
    assert_eq!(bench.go_on(5, key(2), 9000).0, 2000);
}

#[test]
fn a_block_that_would_take_of_the_reserve_ends_the_upload() {
    let mut bench = Bench::with(RESERVE);
    bench.interrupt(1, key(1), 9000, &[1; 3000]);
    bench.begin(2, Some(key(2)), 9000);
    bench.write(2, &[1; 3000]);
    // Others have filled the disk meanwhile; what is kept goes before what runs.
    bench.files.leave_free(1500);
    bench.write(2, &[1; 3000]);
    assert_eq!(bench.names("uploads"), dirs([2]));
    let block: Block = vec![1; 3000];
    let reply = bench.ask_one(Request::Write { upload: transfer(2), block });
    let Reply::Failed { code: Code::STORAGE_FULL, block: Some(block), .. } = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(block.len(), 3000);
    assert!(bench.names("uploads").is_empty());
    assert!(matches!(bench.suspend(2)[..], [Reply::Ended { .. }]));
}

#[test]
fn a_full_disk_that_nobody_saw_coming_is_no_different() {
    let mut bench = Bench::new();
    bench.interrupt(1, key(1), 9000, &[1; 3000]);
    bench.begin(2, Some(key(2)), 9000);
    let sent = content(2, 9000);
    bench.write(2, &sent[..3000]);
    bench.files.tell(false);
    bench.files.leave_free(1000);
    bench.write(2, &sent[3000..6000]);
    assert_eq!(bench.names("uploads"), dirs([2]));
    bench.files.leave_free(3000 + META);
    bench.write(2, &sent[6000..]);
    let reply = bench.publish(2, item(1, &sent));
    assert!(matches!(reply, Reply::Published { .. }), "a block was torn: {reply:?}");
    bench.files.leave_free(META);
    bench.begin(3, Some(key(3)), 9000);
    let reply = bench.ask_one(Request::Write { upload: transfer(3), block: vec![1; 3000] });
    assert_eq!(code(&reply), Some(Code::STORAGE_FULL));
    assert!(bench.names("uploads").is_empty());
}

#[test]
fn an_upload_that_cannot_even_begin_evicts_kept_uploads() {
    let mut bench = Bench::new();
    bench.interrupt(1, key(1), 9000, &[1; 3000]);
    bench.files.tell(false);
    bench.files.leave_free(0);
    bench.begin(2, Some(key(2)), 9000);
    assert_eq!(bench.names("uploads"), dirs([2]));
}

#[test]
fn a_disk_that_cannot_tell_its_free_space_is_used_anyway() {
    let mut bench = Bench::with(RESERVE);
    bench.files.leave_free(900);
    assert_eq!(code(&bench.create(1, None, 1).remove(0)), Some(Code::STORAGE_FULL));
    bench.files.fail(Fault::Once(bench.files.done()), ErrorKind::Unsupported);
    bench.begin(2, None, 1);
    assert!(bench.store.blindness_is_said);
    bench.files.fail(Fault::Once(bench.files.done()), ErrorKind::Unsupported);
    bench.write(2, b"x");
    assert!(matches!(bench.publish(2, item(1, b"x")), Reply::Published { .. }));
}
