//! Downloads on one connection.

use chatshelf_common::id::Mode;

use super::*;

/// A download of `content` that has begun; what that told and sent is forgotten.
fn begun(content: &[u8]) -> (Rig, TransferHandle) {
    let mut rig = Rig::joined();
    let transfer = rig.session.download(ItemId(7), 0).unwrap();
    assert_eq!(rig.sent(), [request(1, None)]);
    let item = item(7, content);
    rig.give(download_ready(1, 0, item)).unwrap();
    rig.events();
    (rig, transfer)
}

#[test]
fn a_download_of_any_size_is_handed_on_verified_and_kept() {
    for size in [0, 1, 65_536, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES] {
        let content = pattern(size);
        let (mut rig, transfer) = begun(&content);
        let mut written = Vec::new();
        let mut hashes = 0;
        for (place, bytes) in content.chunks(65_536).enumerate() {
            rig.data(1, place as u64 * 65_536, bytes).unwrap();
        }
        for request in rig.requests() {
            match request {
                FileRequest::Create { item, held, .. } => {
                    assert_eq!((item.size, held), (size as u64, 0));
                }
                FileRequest::Write { block, .. } => written.extend(block),
                FileRequest::Hash { .. } => hashes += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(written == content && hashes == 1, "{size}");
        rig.reply(FileReply::Hashed { transfer, digest: digest(&content) });
        assert_eq!(rig.requests(), [FileRequest::Keep { transfer }]);
        assert_eq!(rig.ends(), 0, "not before it is kept");
        rig.reply(FileReply::Kept { transfer });
        assert_eq!(rig.outcome(), Outcome::Downloaded);
    }
}

#[test]
fn a_download_with_another_digest_is_not_kept() {
    let (mut rig, transfer) = begun(b"hello");
    rig.data(1, 0, b"hellO").unwrap();
    rig.requests();
    rig.reply(FileReply::Hashed { transfer, digest: digest(b"hellO") });
    assert_eq!(rig.outcome(), Outcome::DigestMismatch);
    assert_eq!(rig.requests(), [FileRequest::Discard { transfer }]);
}

#[test]
fn a_slow_file_stops_the_reading_of_the_socket() {
    let content = pattern(4 * BLOCK_BYTES);
    let (mut rig, transfer) = begun(&content);
    let mut fed = 0;
    while rig.session.wants_input() {
        rig.data(1, fed as u64, &content[fed..fed + 65_536]).unwrap();
        fed += 65_536;
    }
    assert_eq!(fed, 2 * BLOCK_BYTES, "two blocks are on their way");
    let hour = rig.now + Duration::from_secs(3600);
    rig.session.handle_timeout(hour).unwrap();
    rig.reply(FileReply::Written { transfer, buffer: Vec::new() });
    assert!(rig.session.wants_input());
}

#[test]
fn data_elsewhere_or_beyond_the_size_is_an_error() {
    for (offset, bytes) in [(1, &b"x"[..]), (0, b"hello!"), (u64::MAX, b"x")] {
        let (mut rig, _) = begun(b"hello");
        assert!(rig.data(1, offset, bytes).is_err(), "{offset} {bytes:?}");
    }
    let (mut rig, _) = begun(b"hello");
    rig.data(1, 0, b"hello").unwrap();
    assert!(rig.data(1, 5, b"x").is_err(), "beyond the end");
    let mut rig = Rig::joined();
    rig.session.download(ItemId(7), 0).unwrap();
    assert!(rig.data(1, 0, b"x").is_err(), "before DownloadReady");
    for ready in [download_ready(1, 0, item(8, b"")), download_ready(1, 1, item(7, b"x"))] {
        let mut rig = Rig::joined();
        rig.session.download(ItemId(7), 0).unwrap();
        assert!(rig.give(ready).is_err(), "another item, or another place");
    }
}

#[test]
fn what_begins_must_be_what_the_shelf_has_shown() {
    let shown = item(7, b"hello");
    let lies: [fn(&mut Item); 7] = [
        |item| item.name = name("other.txt"),
        |item| item.size += 1,
        |item| item.digest = digest(b"other"),
        |item| item.nick = nick("eve"),
        |item| item.at = UnixMillis(9),
        |item| item.mode = Mode::new(0o777),
        |item| item.modified = Some(UnixMillis(9)),
    ];
    for is_dropped in [false, true] {
        for lie in lies {
            let mut rig = Rig::joined();
            rig.give(shelved(43, shown.clone())).unwrap();
            rig.session.download(ItemId(7), 0).unwrap();
            if is_dropped {
                let (at, name) = (UnixMillis(1), shown.name.clone());
                rig.give(Dropped { seq: Seq(44), at, item: ItemId(7), name, nick: None }).unwrap();
            }
            let mut item = shown.clone();
            lie(&mut item);
            assert!(rig.give(download_ready(1, 0, item)).is_err());
            assert_eq!(rig.requests().len(), 1, "nothing but the end of it");
        }
    }
    let mut rig = Rig::joined();
    rig.session.download(ItemId(7), 0).unwrap();
    rig.give(shelved(43, shown)).unwrap();
    assert!(rig.give(download_ready(1, 0, item(7, b"other"))).is_err(), "shown since then");
}

#[test]
fn data_of_a_cancelled_download_is_discarded() {
    let (mut rig, transfer) = begun(b"hello");
    rig.data(1, 0, b"he").unwrap();
    rig.requests();
    rig.session.cancel(transfer).unwrap();
    assert_eq!(rig.outcome(), Outcome::Cancelled);
    assert_eq!(rig.sent(), [Sent::Frame(Cancel { transfer: TransferId(1) }.into())]);
    assert_eq!(rig.requests(), [FileRequest::Discard { transfer }]);
    rig.data(1, 2, b"llo").unwrap();
    rig.give(refused_transfer(Code::CANCELLED, 1)).unwrap();
    assert_eq!(rig.requests(), []);
    assert_eq!(rig.ends(), 0);
}

#[test]
fn a_dropped_item_is_refused_by_the_server() {
    let mut rig = Rig::joined();
    rig.session.download(ItemId(2), 0).unwrap();
    rig.give(refused_transfer(Code::ITEM_DROPPED, 1)).unwrap();
    assert!(matches!(rig.outcome(), Outcome::Refused(r) if r.code == Code::ITEM_DROPPED));
}

#[test]
fn a_file_that_cannot_be_written_cancels_its_running_download() {
    let (mut rig, transfer) = begun(b"hello");
    rig.reply(FileReply::Failed { transfer, why: "disk full".into() });
    assert_eq!(rig.outcome(), Outcome::Failed("disk full".into()));
    assert_eq!(rig.sent(), [Sent::Frame(Cancel { transfer: TransferId(1) }.into())]);
}
