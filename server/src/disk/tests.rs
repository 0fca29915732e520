//! The two threads over real files.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use chatshelf_common::id::Seq;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::Joined;

use super::*;

const SETTINGS: DiskSettings = DiskSettings {
    segment_bytes: 1 << 20,
    durability: Durability::Interval,
    min_free_bytes: Some(0),
    keep_partial_ms: 1000,
    partial_bytes_max: 1 << 30,
};

const NOW: UnixMillis = UnixMillis(1000);

/// Longer than any answer takes, unless none comes at all.
const PATIENCE: Duration = Duration::from_secs(60);

fn joined(seq: u64) -> Vec<u8> {
    let nick = Nick::new("ada").unwrap();
    Joined { seq: Seq(seq), at: NOW, nick, quiet: None }.to_bytes()
}

/// A disk, with what tells of each reply.
fn open(data_dir: &Path, durability: Durability) -> (Disk, Found, Receiver<()>) {
    let (wake, woken) = channel();
    let settings = DiskSettings { durability, ..SETTINGS };
    let wake = move || {
        // Who has seen enough does not listen any more.
        let _ = wake.send(());
    };
    let (disk, found) = Disk::open(data_dir, settings, NOW, wake).unwrap();
    (disk, found, woken)
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let first = Disk::open(data.path(), SETTINGS, NOW, || ()).unwrap();
    let second = Disk::open(data.path(), SETTINGS, NOW, || ()).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::ResourceBusy);
    drop(first);
    assert!(Disk::open(data.path(), SETTINGS, NOW, || ()).is_ok());
}

#[test]
fn events_are_kept_at_every_level_and_acknowledged_where_that_means_something() {
    for durability in [Durability::None, Durability::Interval, Durability::Always] {
        let data = tempfile::tempdir().unwrap();
        let (disk, _, woken) = open(data.path(), durability);
        (1..=100).for_each(|seq| disk.append(None, joined(seq), 10 * seq));
        let mut reached = 0;
        while durability.is_acknowledged() && reached < 1000 {
            woken.recv_timeout(PATIENCE).unwrap();
            match disk.poll_reply() {
                Some(Reply::Journaled { to }) if to > reached => reached = to,
                other => panic!("{other:?} after {reached}"),
            }
        }
        drop(disk);
        assert!(woken.recv().is_err(), "something more was answered");
        let (_, found, _) = open(data.path(), durability);
        assert!(found.past.events.iter().map(|event| event.seq().0).eq(1..=100));
    }
}

#[test]
fn what_waits_for_a_slow_disk_is_bounded() {
    let data = tempfile::tempdir().unwrap();
    let (disk, _, woken) = open(data.path(), Durability::Interval);
    let reply = || {
        woken.recv_timeout(PATIENCE).unwrap();
        disk.poll_reply().unwrap()
    };
    let frame = joined(1);
    disk.append(None, frame.repeat(backlog::BACKLOG_BYTES_MAX / frame.len() + 1), 1);
    assert!(matches!(reply(), Reply::JournalFailed { to: 1 }), "it is more than may wait");
    disk.append(None, joined(2), 2);
    assert!(matches!(reply(), Reply::Journaled { to: 2 }), "nothing waits any more");
}

#[test]
fn a_kept_upload_is_read_back_though_nothing_else_is_asked() {
    let data = tempfile::tempdir().unwrap();
    let (disk, _, woken) = open(data.path(), Durability::None);
    let reply = || {
        woken.recv_timeout(PATIENCE).unwrap();
        disk.poll_reply().unwrap()
    };
    let upload = TransferKey { connection: Token::new(1, 1), transfer: TransferId(1) };
    let create = || {
        let (name, key) = (FileName::new("f").unwrap(), Some(UploadKey([1; 16])));
        let (size, uploader, checksum) = (1 << 30, Uploader(1), None);
        Request::Create { upload, name, size, key, uploader, checksum, at: NOW }
    };
    disk.submit(create());
    assert!(matches!(reply(), Reply::Created { offset: 0, .. }));
    let content = vec![7; 5 << 20];
    disk.submit(Request::Write { upload, block: content.clone() });
    assert!(matches!(reply(), Reply::Wrote { .. }));
    disk.submit(Request::Suspend { upload, at: NOW });
    assert!(matches!((reply(), reply()), (Reply::Ended { .. }, Reply::Expires { at: Some(_) })));
    disk.submit(create());
    let expected = Some(Digest::from(blake3::hash(&content)));
    let reply = reply();
    assert!(
        matches!(reply, Reply::Created { offset: 5_242_880, digest, .. } if digest == expected),
        "{reply:?}"
    );
}
