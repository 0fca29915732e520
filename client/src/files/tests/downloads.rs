//! Files that are written by downloads, and the parts that survive.

use super::*;

/// A download of five bytes, of which two have come.
fn begun() -> (Rig, Run) {
    let rig = Rig::new();
    let run = rig.run();
    run.create(T, &rig, b"hello");
    run.write(T, b"he");
    (rig, run)
}

#[test]
fn two_downloads_of_one_name_are_both_kept() {
    let rig = Rig::new();
    let run = rig.run();
    for transfer in [T, U] {
        run.create(transfer, &rig, b"hello");
        run.write(transfer, b"hello");
    }
    assert_eq!(run.keep(U), rig.path("a.txt"));
    assert_eq!(run.keep(T), rig.path("a (1).txt"));
    assert_eq!(rig.names(), ["a (1).txt", "a.txt"]);
    assert_eq!(names(rig.state.path()).len(), 0);
}

#[test]
fn a_download_that_is_discarded_leaves_nothing() {
    let (rig, run) = begun();
    assert_eq!(rig.names(), ["a.txt.part"]);
    assert_eq!(names(rig.state.path()).len(), 1);
    run.ask(FileRequest::Discard { transfer: T });
    run.end();
    rig.assert_empty();
}

#[test]
fn what_is_suspended_before_it_has_content_is_not_kept() {
    let rig = Rig::new();
    let run = rig.run();
    assert!(!run.suspend(T), "it was never begun");
    run.create(T, &rig, b"hello");
    assert!(!run.suspend(T));
    rig.assert_empty();
}

#[test]
fn an_interrupted_download_is_resumed_by_the_next_run() {
    // More than a slice.
    let content = pattern(3_000_000);
    for suspends in [false, true] {
        let rig = Rig::new();
        let run = rig.run();
        run.create(T, &rig, &content);
        run.write(T, &content[..2_500_000]);
        if suspends {
            assert!(run.suspend(T));
        }
        run.end();
        assert_eq!(rig.names(), ["a.txt.part"]);
        let run = rig.run();
        assert_eq!(run.resume(U, &rig, &content), Some(2_500_000));
        run.write(U, &content[2_500_000..]);
        assert_eq!(run.digest(U), digest(&content));
        run.keep(U);
        assert!(rig.read("a.txt") == content);
        assert_eq!((rig.names(), names(rig.state.path()).len()), (vec!["a.txt".into()], 0));
    }
}

#[test]
fn no_more_of_a_part_is_used_than_the_session_asked_to_follow() {
    let rig = Rig::new();
    let run = rig.run();
    run.create(T, &rig, b"hello");
    run.write(T, b"hell");
    run.end();
    let run = rig.run();
    run.send(Request::Find { ticket: 2, item: item(b"hello"), target: rig.target() });
    let Reply::Found { part, .. } = run.next() else { panic!() };
    let (item, target) = (item(b"hello"), rig.target());
    run.send(Request::Create { transfer: T, item, held: 2, target, part });
    run.write(T, b"llo");
    assert_eq!(run.digest(T), digest(b"hello"));
}

#[test]
fn a_part_that_was_found_can_be_removed() {
    let (rig, run) = begun();
    run.end();
    let run = rig.run();
    run.send(Request::Find { ticket: 2, item: item(b"hello"), target: rig.target() });
    let Reply::Found { part: Some(part), .. } = run.next() else { panic!() };
    run.send(Request::Drop(part));
    run.end();
    rig.assert_empty();
}

#[test]
fn the_part_of_another_item_is_not_resumed() {
    let (rig, run) = begun();
    run.end();
    let run = rig.run();
    assert_eq!(run.resume(T, &rig, b"help!"), None);
    run.write(T, b"help!");
    assert_eq!(run.keep(T), rig.path("a.txt"));
    assert_eq!(rig.names(), ["a.txt", "a.txt.part"]);
}

#[test]
fn a_download_that_starts_over_takes_its_own_place() {
    let (rig, run) = begun();
    run.create(T, &rig, b"other");
    run.write(T, b"other");
    assert_eq!(run.digest(T), digest(b"other"));
    assert_eq!(rig.names(), ["a.txt.part"]);
}

#[test]
fn a_part_in_use_is_left_to_its_download() {
    let (rig, run) = begun();
    assert_eq!(run.resume(U, &rig, b"hello"), None);
    run.write(U, b"hello");
    run.write(T, b"llo");
    assert_eq!((run.digest(T), run.digest(U)), (digest(b"hello"), digest(b"hello")));
}

#[test]
fn a_part_file_of_someone_else_is_left_alone() {
    let rig = Rig::new();
    rig.write("a.txt.part", b"other");
    let run = rig.run();
    assert_eq!(run.resume(T, &rig, b"hello"), None);
    run.write(T, b"hello");
    run.keep(T);
    assert_eq!(rig.names(), ["a.txt", "a.txt.part"]);
    assert_eq!((rig.read("a.txt.part"), rig.read("a.txt")), (b"other".into(), b"hello".into()));
}

#[test]
fn nothing_is_left_of_a_download_that_received_no_byte() {
    let rig = Rig::new();
    let run = rig.run();
    run.create(T, &rig, b"hello");
    run.end();
    rig.assert_empty();
}

#[test]
fn a_download_without_room_on_the_disk_does_not_begin() {
    let rig = Rig::new();
    let run = rig.run();
    let item = Item { size: u64::MAX / 2, ..item(b"hello") };
    run.create_item(T, &rig, item);
    let why = run.failure();
    let dir = rig.dir.path().display().to_string();
    assert!(why.starts_with("it needs ") && why.contains(&format!("but {dir} has only ")), "{why}");
    rig.assert_empty();
}

#[test]
fn a_whole_download_that_finds_no_name_is_kept_for_the_next_run() {
    let rig = Rig::new();
    let run = rig.run();
    run.create(T, &rig, b"hello");
    run.write(T, b"hello");
    rig.write("a.txt", b"");
    for number in 1..1000 {
        rig.write(&format!("a ({number}).txt"), b"");
    }
    run.ask(FileRequest::Keep { transfer: T });
    let why = run.failure();
    assert!(why.contains("taken") && why.contains("what has arrived is kept"), "{why}");
    assert_eq!(rig.read("a.txt.part"), b"hello");
    run.end();
    std::fs::remove_file(rig.path("a (7).txt")).unwrap();
    let run = rig.run();
    assert_eq!(run.resume(U, &rig, b"hello"), Some(5));
    assert_eq!(run.digest(U), digest(b"hello"));
    assert_eq!(run.keep(U), rig.path("a (7).txt"));
}

#[test]
fn a_download_into_a_missing_directory_fails() {
    let rig = Rig::new();
    let run = rig.run();
    let (item, target) = (item(b"hello"), Target::Directory(rig.path("no")));
    run.send(Request::Create { transfer: T, item, held: 0, target, part: None });
    assert!(run.failure().contains("no such file"));
    run.ask(FileRequest::Write { transfer: T, block: b"hello".to_vec() });
    assert!(run.end().is_empty(), "what follows is ignored");
}

/// As a virus scanner may, which never lets go here.
#[cfg(windows)]
#[test]
fn a_download_that_another_program_holds_is_kept_and_resumed_by_the_next_run() {
    use std::os::windows::fs::OpenOptionsExt;
    const SHARE_READ_WRITE: u32 = 3;
    let rig = Rig::new();
    let run = rig.run();
    run.create(T, &rig, b"hello");
    run.write(T, b"hello");
    let mut options = std::fs::OpenOptions::new();
    let holder = options.read(true).share_mode(SHARE_READ_WRITE).open(rig.path("a.txt.part"));
    run.ask(FileRequest::Keep { transfer: T });
    let why = run.failure();
    assert!(why.starts_with("cannot rename ") && why.ends_with("to resume it"), "{why}");
    run.end();
    assert_eq!(rig.names(), ["a.txt.part"]);
    drop(holder.unwrap());
    let run = rig.run();
    assert_eq!(run.resume(U, &rig, b"hello"), Some(5));
    assert_eq!(run.keep(U), rig.path("a.txt"));
}
