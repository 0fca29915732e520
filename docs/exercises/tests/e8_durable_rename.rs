//! Checks exercise 8.

use exercises::disk::Disk;
use exercises::durable_rename::publish;

/// Publishes on this disk with a power failure after so many operations; returns whether it was
/// told that it is done, and what is on the shelf after the next start.
fn publish_until(mut disk: Disk, operations: usize) -> (bool, Option<Vec<u8>>) {
    disk.fail_after(operations);
    let is_done = publish(&mut disk, "plan", b"the new plan").is_ok();
    let left = disk.after_power_failure();
    assert!(left.keys().all(|name| name == "plan" || name.ends_with(".part")), "{left:?}");
    (is_done, left.get("plan").cloned())
}

#[test]
fn without_a_power_failure_it_is_there() {
    assert_eq!(publish_until(Disk::default(), 100), (true, Some(b"the new plan".to_vec())));
}

#[test]
fn a_power_failure_leaves_the_file_whole_or_not_there() {
    for operations in 0..10 {
        let (is_done, found) = publish_until(Disk::default(), operations);
        let is_whole = found.as_deref() == Some(b"the new plan");
        assert!(is_whole || found.is_none(), "after {operations} operations: {found:?}");
        assert!(is_whole || !is_done, "done after {operations} operations, and yet it is gone");
    }
}

#[test]
fn what_had_the_name_before_stays_until_the_new_one_is_whole() {
    let mut disk = Disk::default();
    publish(&mut disk, "plan", b"the old plan").unwrap();
    for operations in 0..10 {
        let (is_done, found) = publish_until(disk.clone(), operations);
        let found = found.unwrap_or_default();
        let expected: &[&[u8]] =
            if is_done { &[b"the new plan"] } else { &[b"the old plan", b"the new plan"] };
        assert!(expected.contains(&&found[..]), "after {operations} operations: {found:?}");
    }
}
