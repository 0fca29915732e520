//! Permissions and modification time: what an upload offers, and what a download gets of it.

use std::fs::{Metadata, OpenOptions};
use std::time::{Duration, SystemTime};

use chatshelf_common::id::Attributes;
#[cfg(unix)]
use chatshelf_common::id::Mode;

use super::*;

fn seconds(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn set_time(path: &Path, time: SystemTime) {
    OpenOptions::new().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn metadata(rig: &Rig) -> Metadata {
    std::fs::metadata(rig.path("a.txt")).unwrap()
}

/// Downloads an item with these attributes; returns the replies before the one that it is kept.
fn download(run: &Run, rig: &Rig, attributes: Attributes) -> Option<String> {
    run.create_item(T, rig, item(b"hello").with(attributes));
    run.write(T, b"hello");
    run.ask(FileRequest::Keep { transfer: T });
    let mut complaint = None;
    loop {
        match run.next() {
            Reply::NotPreserved { why, .. } => complaint = Some(why),
            Reply::KeptAt { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(run.reply(), FileReply::Kept { transfer: T });
    assert_eq!(rig.read("a.txt"), b"hello");
    complaint
}

#[test]
fn an_upload_says_when_its_file_was_changed_unless_that_is_before_1970() {
    let rig = Rig::new();
    let path = rig.write("up", b"content");
    set_time(&path, seconds(1_000_000));
    let open = |run: &Run| run.open(&path).unwrap().attributes.modified;
    let run = rig.run();
    assert_eq!(open(&run), Some(UnixMillis(1_000_000_000)));
    set_time(&path, SystemTime::UNIX_EPOCH - Duration::from_secs(1));
    assert_eq!(open(&run), None);
}

#[test]
fn a_download_has_the_time_of_its_item_if_it_is_to_preserve_it() {
    let attributes = Attributes { mode: None, modified: Some(UnixMillis(1_577_934_245_678)) };
    for preserves in [false, true] {
        let rig = Rig::new();
        let run = if preserves { rig.run_and_preserve() } else { rig.run() };
        let before = SystemTime::now() - Duration::from_secs(3600);
        assert_eq!(download(&run, &rig, attributes), None);
        let modified = metadata(&rig).modified().unwrap();
        if preserves {
            assert_eq!(modified, SystemTime::UNIX_EPOCH + Duration::from_millis(1_577_934_245_678));
        } else {
            assert!(modified > before);
        }
    }
}

#[test]
fn a_time_that_no_system_has_never_costs_the_file() {
    for millis in [u64::MAX, i64::MAX as u64, 1 << 62] {
        let rig = Rig::new();
        let modified = Some(UnixMillis(millis));
        // Some file systems take any number; none may do harm.
        let _ = download(&rig.run_and_preserve(), &rig, Attributes { mode: None, modified });
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(rig: &Rig) -> u32 {
        metadata(rig).permissions().mode() & 0o7777
    }

    #[test]
    fn an_upload_carries_permission_bits_and_no_other_mode_bits() {
        let rig = Rig::new();
        let path = rig.write("up", b"content");
        set_permissions(&path, Permissions::from_mode(0o4755)).unwrap();
        assert_eq!(rig.run().open(&path).unwrap().attributes.mode, Mode::new(0o755));
    }

    #[test]
    fn nothing_becomes_executable_or_closed_that_was_not_asked_for() {
        for bits in [0o777, 0o755, 0o600, 0o444, 0] {
            let attributes = Attributes { mode: Mode::new(bits), modified: Some(UnixMillis(1000)) };
            let rig = Rig::new();
            assert_eq!(download(&rig.run(), &rig, attributes), None);
            std::fs::write(rig.path("new"), "").unwrap();
            let new = std::fs::metadata(rig.path("new")).unwrap().permissions().mode();
            assert_eq!(mode(&rig), new & 0o7777, "like any new file");
            std::fs::remove_file(rig.path("a.txt")).unwrap();
            let run = rig.run_and_preserve();
            run.create_item(T, &rig, item(b"hello").with(attributes));
            run.write(T, b"hello");
            run.keep(T);
            assert_eq!(mode(&rig), u32::from(bits));
            assert_eq!(metadata(&rig).modified().unwrap(), seconds(1));
        }
    }

    #[test]
    fn an_item_without_attributes_leaves_a_new_file_as_it_is() {
        let rig = Rig::new();
        assert_eq!(download(&rig.run_and_preserve(), &rig, Attributes::default()), None);
        assert_eq!(mode(&rig) & 0o111, 0);
    }

    #[test]
    fn a_resumed_download_gets_its_attributes_when_it_is_complete() {
        let rig = Rig::new();
        let item = || {
            let attributes = Attributes { mode: Mode::new(0o500), modified: None };
            item(b"hello").with(attributes)
        };
        let run = rig.run_and_preserve();
        run.create_item(T, &rig, item());
        run.write(T, b"he");
        run.end();
        let run = rig.run_and_preserve();
        run.send(Request::Find { ticket: 2, item: item(), target: rig.target() });
        let Reply::Found { part, .. } = run.next() else { panic!() };
        assert_eq!(part.as_ref().unwrap().bytes, 2);
        run.send(Request::Create {
            transfer: U,
            item: item(),
            held: 2,
            target: rig.target(),
            part,
        });
        run.write(U, b"llo");
        run.keep(U);
        assert_eq!((mode(&rig), rig.read("a.txt")), (0o500, b"hello".to_vec()));
    }
}
