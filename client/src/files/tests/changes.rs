//! Files that change while they are uploaded.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, SystemTime};

use super::open_file::Source;
use super::*;

const OLD: &[u8] = b"the old content";
const NEW: &[u8] = b"the new content";

/// Overwrites the beginning of a file in place.
fn write_over(path: &Path, content: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all(content).unwrap();
}

fn set_time(path: &Path, time: SystemTime) {
    OpenOptions::new().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn hour_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(3600)
}

/// An upload of OLD, last modified an hour ago, of which this much is read.
fn reading(rig: &Rig, run: &Run, length: usize) -> PathBuf {
    let path = rig.write("up", OLD);
    set_time(&path, hour_ago());
    run.upload(T, &path);
    run.begin(1, 0, None);
    run.read(0, length);
    assert!(matches!(run.reply(), FileReply::Block { block, .. } if block == OLD[..length]));
    path
}

/// Waits until the file is reported as changed; its new size and key.
fn changed(run: &Run) -> (u64, Option<UploadKey>) {
    match run.reply() {
        FileReply::Changed { transfer: T, size, key, .. } => (size, key),
        other => panic!("{other:?}"),
    }
}

/// Uploads all of it from the start; returns its digest.
fn upload_again(run: &Run, number: u32, size: u64) -> Digest {
    assert_eq!(run.begin(number, 0, None), FileReply::Begun { transfer: T, run: number });
    run.read(0, size as usize);
    run.reply();
    run.digest(T)
}

#[test]
fn a_file_that_is_rewritten_at_the_same_length_is_sent_from_the_start() {
    let rig = Rig::new();
    let run = rig.run();
    let path = reading(&rig, &run, 7);
    write_over(&path, NEW);
    run.read(7, 8);
    // Requests made before the change is reported mean nothing.
    run.read(9, 1);
    run.ask(FileRequest::Hash { transfer: T });
    assert_eq!(changed(&run).0, OLD.len() as u64);
    assert_eq!(upload_again(&run, 2, OLD.len() as u64), digest(NEW));
    assert!(run.end().is_empty());
}

/// Elsewhere the only time of a file that is known is one that programs can set.
#[cfg(unix)]
#[test]
fn a_change_whose_time_was_set_back_is_found_by_reading_again() {
    let rig = Rig::new();
    let run = rig.run();
    let path = reading(&rig, &run, OLD.len());
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    write_over(&path, NEW);
    set_time(&path, time);
    run.ask(FileRequest::Hash { transfer: T });
    changed(&run);
    assert_eq!(upload_again(&run, 2, OLD.len() as u64), digest(NEW));
}

#[test]
fn a_file_that_grows_or_shrinks_is_offered_again_with_the_size_it_has() {
    for (content, told_by_the_end) in
        [(&b"longer than the old content"[..], true), (b"short", false), (b"", false)]
    {
        let rig = Rig::new();
        let run = rig.run();
        let path = reading(&rig, &run, if told_by_the_end { OLD.len() } else { 2 });
        std::fs::write(&path, content).unwrap();
        if told_by_the_end {
            run.ask(FileRequest::Hash { transfer: T });
        } else {
            run.read(2, 13);
        }
        let (size, key) = changed(&run);
        assert_eq!((size, key.is_some()), (content.len() as u64, true));
        if size > 0 {
            assert_eq!(upload_again(&run, 2, size), digest(content));
        }
    }
}

#[test]
fn a_file_that_was_changed_before_its_turn_is_offered_again() {
    let rig = Rig::new();
    let run = rig.run();
    let path = rig.write("up", OLD);
    set_time(&path, hour_ago());
    let key = run.upload(T, &path);
    std::fs::write(&path, "changed while others were sent").unwrap();
    run.ask(FileRequest::Begin { transfer: T, run: 1, offset: 0, digest: None });
    let (size, fresh) = changed(&run);
    assert_eq!(size, 30);
    assert_ne!(fresh, Some(key), "the server may hold a part of the old file");
}

#[test]
fn no_more_is_read_again_than_the_times_of_the_file_do_not_prove() {
    let rig = Rig::new();
    let path = rig.write("up", OLD);
    let open = || {
        let file = File::open(&path).unwrap();
        let stamp = Stamp::of(&file.metadata().unwrap());
        let mut source = Source::new(file, path.clone(), stamp, None);
        source.begin().unwrap();
        source
    };
    let read = |source: &mut Source, length| source.read(length, &mut Vec::new()).unwrap();
    let mut source = open();
    read(&mut source, 7);
    assert_eq!(source.unproven().unwrap(), (7, digest(&OLD[..7])), "it was written just now");
    std::thread::sleep(Duration::from_millis(2100));
    read(&mut source, 1);
    read(&mut source, 7);
    assert_eq!(source.unproven().unwrap(), (8, digest(&OLD[..8])), "all before it was settled");
    let mut source = open();
    read(&mut source, OLD.len());
    assert_eq!(source.unproven().unwrap(), (0, digest(b"")), "it was settled before");
    set_time(&path, hour_ago());
    assert_eq!(source.unproven().unwrap(), (15, digest(OLD)), "its times prove nothing any more");
}

#[test]
fn what_is_touched_moved_or_replaced_is_still_one_state() {
    // Windows replaces no file that is open.
    for number in 0..if cfg!(windows) { 2 } else { 3 } {
        let rig = Rig::new();
        let run = rig.run();
        let path = reading(&rig, &run, OLD.len());
        match number {
            0 => set_time(&path, SystemTime::now()),
            1 => std::fs::rename(&path, rig.path("elsewhere")).unwrap(),
            _ => std::fs::rename(rig.write("new", NEW), &path).unwrap(),
        }
        assert_eq!(run.digest(T), digest(OLD));
    }
}

#[test]
fn a_file_that_keeps_changing_fails_in_the_end() {
    let rig = Rig::new();
    let run = rig.run();
    let path = reading(&rig, &run, 1);
    for number in 2..5 {
        std::fs::write(&path, "x".repeat(number)).unwrap();
        run.read(1, 1);
        assert_eq!(changed(&run).0, number as u64);
        run.begin(number as u32, 0, None);
    }
    std::fs::write(&path, "once more").unwrap();
    run.read(0, 1);
    assert!(run.failure().contains("keeps changing"));
    assert_eq!(names(rig.state.path()).len(), 0);
}

#[test]
fn a_file_that_is_gone_when_it_is_opened_again_fails() {
    let rig = Rig::new();
    let run = rig.run();
    let path = reading(&rig, &run, 1);
    write_over(&path, NEW);
    std::fs::remove_file(&path).unwrap();
    run.read(1, 1);
    assert!(run.failure().contains("no such file"));
}

#[test]
fn an_upload_that_ends_while_its_file_changes_is_over() {
    let rig = Rig::new();
    let run = rig.run();
    let path = reading(&rig, &run, 1);
    write_over(&path, NEW);
    run.read(1, 1);
    run.ask(FileRequest::Discard { transfer: T });
    // By then it would have been opened again.
    std::thread::sleep(Duration::from_millis(700));
    assert!(run.end().is_empty());
    assert_eq!(names(rig.state.path()).len(), 0);
}
