//! Transfers that outlive their connection.

use chatshelf_common::id::Attributes;

use super::*;

/// Coming back for ever, in the room at 42.
fn rig() -> Rig {
    Rig::with(Some(Reconnect::default()), None).arrived()
}

/// Loses the connection and comes back to a room at 42 with these on the shelf; what was told
/// since then, and all that was sent.
fn break_and_return(rig: &mut Rig, shelf: &[Item]) -> (Vec<SessionEvent>, Vec<Sent>) {
    rig.session.handle_lost("cut".into(), rig.now);
    rig.now = rig.session.retry_at().unwrap();
    rig.session.handle_connecting();
    rig.session.handle_connected(rig.now);
    rig.sent = Deframer::joined();
    rig.sent();
    rig.feed(&arrival(42, shelf).concat()).unwrap();
    (rig.events(), rig.sent())
}

fn statuses(events: &[SessionEvent]) -> Vec<(&'static str, u64)> {
    let what = |event: &SessionEvent| match event {
        SessionEvent::TransferStarted(status) => Some(("started", status.moved)),
        SessionEvent::TransferResumed(status) => Some(("resumed", status.moved)),
        SessionEvent::TransferRestarted(status, Restart::NothingKept) => {
            Some(("nothing kept", status.moved))
        }
        SessionEvent::TransferRestarted(status, Restart::FileDiffers) => {
            Some(("file differs", status.moved))
        }
        SessionEvent::TransferEnded(status, Outcome::Uploaded(_)) => {
            Some(("uploaded", status.moved))
        }
        SessionEvent::TransferEnded(..) => panic!("{event:?}"),
        _ => None,
    };
    events.iter().filter_map(what).collect()
}

const SIZE: u64 = 3 * BLOCK_BYTES as u64;

/// An upload of [`SIZE`] bytes of which a block has been sent and another is being read.
fn uploading() -> (Rig, TransferHandle) {
    let mut rig = rig();
    let transfer = rig.session.upload(name("a"), SIZE, Some(KEY)).unwrap();
    rig.give(ready(1, 0)).unwrap();
    assert_eq!(rig.begin().len(), 2);
    rig.reply(FileReply::Block { transfer, block: pattern(BLOCK_BYTES) });
    rig.sent();
    rig.events();
    (rig, transfer)
}

#[test]
fn an_upload_is_offered_again_by_its_key_and_resumes_after_what_is_kept() {
    let (mut rig, transfer) = uploading();
    let (_, sent) = break_and_return(&mut rig, &[]);
    assert_eq!(sent, [offer(2, SIZE, Some(KEY))]);
    let status = rig.session.transfers().next().unwrap();
    assert_eq!((status.stage, status.moved), (Stage::Asked, BLOCK_BYTES as u64));
    rig.requests();
    rig.give(ready_at(2, &pattern(BLOCK_BYTES)[..1000])).unwrap();
    let (run, offset) = (2, 1000);
    let expected = Some(digest(&pattern(1000)));
    assert_eq!(rig.requests(), [FileRequest::Begin { transfer, run, offset, digest: expected }]);
    assert_eq!(rig.session.transfers().next().unwrap().stage, Stage::Comparing);
    rig.reply(FileReply::Begun { transfer, run });
    assert_eq!(statuses(&rig.events()), [("resumed", 1000)]);
    let offsets = rig.requests().into_iter().map(|request| match request {
        FileRequest::Read { offset, .. } => offset,
        other => panic!("{other:?}"),
    });
    assert!(offsets.eq([1000, 1000 + BLOCK_BYTES as u64]));
    rig.reply(FileReply::Block { transfer, block: pattern(BLOCK_BYTES) });
    assert!(matches!(rig.sent()[0], Sent::Data(2, 1000, _)));
}

#[test]
fn answers_of_the_file_keeper_from_before_the_break_are_not_taken_for_new_ones() {
    let (mut rig, transfer) = uploading();
    break_and_return(&mut rig, &[]);
    let stale = |rig: &mut Rig| {
        rig.reply(FileReply::Block { transfer, block: pattern(BLOCK_BYTES) });
        rig.reply(FileReply::Hashed { transfer, digest: digest(b"stale") });
        rig.reply(FileReply::Begun { transfer, run: 1 });
        assert_eq!(rig.sent(), []);
    };
    stale(&mut rig);
    rig.give(ready(2, 0)).unwrap();
    stale(&mut rig);
    break_and_return(&mut rig, &[]);
    rig.give(ready(3, 0)).unwrap();
    rig.requests();
    rig.reply(FileReply::Begun { transfer, run: 2 });
    assert_eq!(rig.requests(), [], "it is of the connection before");
    rig.reply(FileReply::Begun { transfer, run: 3 });
    assert_eq!(rig.requests().len(), 2);
}

#[test]
fn a_digest_from_before_the_break_is_not_sent() {
    let mut rig = rig();
    let transfer = rig.session.upload(name("a"), 5, Some(KEY)).unwrap();
    rig.give(ready(1, 0)).unwrap();
    assert_eq!(rig.begin().len(), 2, "a block and the digest are asked for");
    break_and_return(&mut rig, &[]);
    rig.reply(FileReply::Hashed { transfer, digest: digest(b"stale") });
    rig.give(ready(2, 0)).unwrap();
    rig.begin();
    rig.reply(FileReply::Block { transfer, block: b"hello".to_vec() });
    assert_eq!(rig.sent(), [Sent::Data(2, 0, b"hello".to_vec())]);
    rig.reply(FileReply::Hashed { transfer, digest: digest(b"hello") });
    let done = UploadDone { transfer: TransferId(2), digest: digest(b"hello") };
    assert_eq!(rig.sent(), [Sent::Frame(done.into())]);
}

#[test]
fn what_the_server_no_longer_has_is_sent_again() {
    let (mut rig, transfer) = uploading();
    break_and_return(&mut rig, &[]);
    rig.give(ready(2, 0)).unwrap();
    rig.reply(FileReply::Begun { transfer, run: 2 });
    assert_eq!(statuses(&rig.events()), [("nothing kept", 0)]);
}

#[test]
fn a_file_that_begins_otherwise_is_cancelled_and_offered_under_a_fresh_key() {
    let (mut rig, transfer) = uploading();
    break_and_return(&mut rig, &[]);
    rig.give(ready_at(2, b"other")).unwrap();
    let key = Some(UploadKey([8; 16]));
    rig.reply(FileReply::Differs { transfer, run: 2, key });
    assert_eq!(statuses(&rig.events()), [("file differs", 0)]);
    let cancel = Sent::Frame(Cancel { transfer: TransferId(2) }.into());
    assert_eq!(rig.sent(), [cancel, offer(3, SIZE, key)]);
    rig.give(refused_transfer(Code::CANCELLED, 2)).unwrap();
    assert_eq!(rig.session.transfers().count(), 1);
    let begins_twice = rig.give(ready_at(3, b"other"));
    assert!(begins_twice.is_err(), "nothing can be kept under a key that is new");
}

// An upload that may have been stored though its receipt was lost.

/// An upload of an empty file that is done, at a time when item 5 was the newest; and the item
/// that the server makes of it.
fn done() -> (Rig, TransferHandle, Item) {
    let mut rig = rig();
    rig.give(shelved(43, item(5, b""))).unwrap();
    let transfer = rig.session.upload(name("notes.txt"), 0, Some(KEY)).unwrap();
    rig.give(ready(1, 0)).unwrap();
    rig.begin();
    rig.reply(FileReply::Hashed { transfer, digest: digest(b"") });
    assert!(matches!(rig.sent().last(), Some(Sent::Frame(ClientFrame::UploadDone(_)))));
    rig.events();
    (rig, transfer, Item { nick: nick("ada"), ..item(6, b"") })
}

#[test]
fn an_upload_that_is_on_the_shelf_is_not_offered_again() {
    let (mut rig, _, made) = done();
    let (events, sent) = break_and_return(&mut rig, &[item(5, b""), made]);
    assert_eq!((statuses(&events), sent), (vec![("uploaded", 0)], vec![]));
    let place = |is: fn(&SessionEvent) -> bool| events.iter().position(is).unwrap();
    let back = place(|event| matches!(event, SessionEvent::Back { .. }));
    assert!(back < place(|event| matches!(event, SessionEvent::TransferEnded(..))));
}

#[test]
fn it_is_recognised_though_it_was_dropped_meanwhile() {
    let (mut rig, _, made) = done();
    rig.session.handle_lost("cut".into(), rig.now);
    rig.session.handle_connected(rig.now);
    rig.sent();
    rig.events();
    rig.feed(&arrival_from(44, 45, &[]).concat()).unwrap();
    rig.give(shelved(44, made)).unwrap();
    rig.give(joined(45, "eve")).unwrap();
    assert_eq!((statuses(&rig.events()), rig.sent()), (vec![("uploaded", 0)], vec![]));
}

#[test]
fn it_is_recognised_though_the_server_finishes_it_only_after_we_are_back() {
    let (mut rig, _, made) = done();
    let (_, sent) = break_and_return(&mut rig, &[]);
    assert_eq!(sent.len(), 1, "offered again");
    rig.give(shelved(43, made)).unwrap();
    assert_eq!(statuses(&rig.events()), [("uploaded", 0)]);
    assert_eq!(rig.sent(), [Sent::Frame(Cancel { transfer: TransferId(2) }.into())]);
}

#[test]
fn an_offer_may_be_answered_by_the_receipt_that_was_lost() {
    let (mut rig, transfer, _) = done();
    break_and_return(&mut rig, &[]);
    rig.requests();
    rig.give(stored(2, 6)).unwrap();
    assert_eq!(statuses(&rig.events()), [("uploaded", 0)]);
    assert_eq!(rig.requests(), [FileRequest::Discard { transfer }]);
    let mut rig = Rig::joined();
    rig.session.upload(name("a"), 5, None).unwrap();
    assert!(rig.give(stored(1, 6)).is_err(), "nobody can know it without a key");
}

#[test]
fn a_stored_item_that_nobody_will_ever_show_is_not_waited_for() {
    let (mut rig, ..) = done();
    rig.give(stored(1, 6)).unwrap();
    assert_eq!(rig.session.transfers_outstanding(), 1, "the room has not shown it");
    break_and_return(&mut rig, &[item(5, b"")]);
    assert_eq!(rig.session.transfers_outstanding(), 0, "the server has lost it");
    let (mut rig, _, made) = done();
    rig.give(stored(1, 6)).unwrap();
    rig.give(Dropped {
        seq: Seq(44),
        at: UnixMillis(1),
        item: made.id,
        name: made.name,
        nick: None,
    })
    .unwrap();
    assert_eq!(rig.session.transfers_outstanding(), 0, "it left while it was not seen");
}

#[test]
fn an_upload_that_the_room_has_shown_before_the_break_is_done() {
    let (mut rig, _, made) = done();
    rig.give(shelved(44, made)).unwrap();
    assert_eq!(rig.ends(), 0);
    rig.session.handle_lost("cut".into(), rig.now);
    assert_eq!(statuses(&rig.events()), [("uploaded", 0)]);
}

#[test]
fn other_items_are_not_taken_for_it() {
    let (_, _, made) = done();
    for other in [
        Item { digest: digest(b"x"), ..made.clone() },
        Item { nick: nick("bob"), ..made.clone() },
        Item { name: name("other"), ..made.clone() },
        Item { size: 1, ..made.clone() },
        Item { id: ItemId(5), ..made.clone() },
    ] {
        let (mut rig, ..) = done();
        let (events, sent) = break_and_return(&mut rig, std::slice::from_ref(&other));
        assert_eq!((statuses(&events), sent.len()), (vec![], 1), "{other:?}");
    }
}

#[test]
fn of_two_uploads_of_one_file_each_has_an_item_of_its_own() {
    let (mut rig, _, made) = done();
    let transfer = rig.session.upload(name("notes.txt"), 0, Some(UploadKey([8; 16]))).unwrap();
    rig.give(ready(2, 0)).unwrap();
    rig.begin();
    rig.reply(FileReply::Hashed { transfer, digest: digest(b"") });
    let (events, sent) = break_and_return(&mut rig, &[made]);
    assert_eq!((statuses(&events).len(), sent.len()), (2, 1), "one started late, one uploaded");
}

#[test]
fn a_file_that_changes_without_a_connection_is_offered_as_it_is_then() {
    let (mut rig, transfer) = uploading();
    rig.session.handle_lost("cut".into(), rig.now);
    rig.events();
    let fresh = Some(UploadKey([8; 16]));
    let attributes = Attributes::default();
    rig.reply(FileReply::Changed { transfer, size: 5, attributes, key: fresh });
    assert!(!rig.session.has_output());
    let (_, sent) = break_and_return(&mut rig, &[]);
    assert_eq!(sent, [offer(2, 5, fresh)]);
}

// Downloads.

/// A download of item 7 that has come this far.
fn downloading(content: &[u8], bytes: usize) -> (Rig, TransferHandle) {
    let mut rig = rig();
    let transfer = rig.session.download(ItemId(7), 0).unwrap();
    rig.give(download_ready(1, 0, item(7, content))).unwrap();
    rig.data(1, 0, &content[..bytes]).unwrap();
    rig.events();
    (rig, transfer)
}

fn written(requests: Vec<FileRequest>) -> Vec<u8> {
    let block = |request| match request {
        FileRequest::Write { block, .. } => block,
        _ => Vec::new(),
    };
    requests.into_iter().flat_map(block).collect()
}

#[test]
fn a_download_resumes_in_the_middle_of_a_block() {
    let content = pattern(BLOCK_BYTES + 100);
    for bytes in [1, 65_535, BLOCK_BYTES, BLOCK_BYTES + 1] {
        let first = bytes.min(65_536);
        let (mut rig, transfer) = downloading(&content, first);
        for (place, chunk) in (first..).step_by(65_536).zip(content[first..bytes].chunks(65_536)) {
            rig.data(1, place as u64, chunk).unwrap();
        }
        let mut requests = rig.requests();
        let (_, sent) = break_and_return(&mut rig, &[]);
        assert_eq!(sent, [request(2, Some(bytes as u64))]);
        rig.give(download_ready(2, bytes as u64, item(7, &content))).unwrap();
        assert_eq!(statuses(&rig.events()), [("resumed", bytes as u64)]);
        for (place, chunk) in (bytes..).step_by(65_536).zip(content[bytes..].chunks(65_536)) {
            rig.data(2, place as u64, chunk).unwrap();
        }
        requests.extend(rig.requests());
        let creates = requests.iter().filter(|it| matches!(it, FileRequest::Create { .. }));
        assert_eq!(creates.count(), 1, "the same file goes on");
        assert_eq!(requests.last(), Some(&FileRequest::Hash { transfer }));
        assert!(written(requests) == content);
    }
}

#[test]
fn a_whole_download_no_longer_needs_a_connection() {
    let (mut rig, transfer) = downloading(b"hello", 5);
    rig.session.handle_lost("cut".into(), rig.now);
    rig.reply(FileReply::Hashed { transfer, digest: digest(b"hello") });
    rig.reply(FileReply::Kept { transfer });
    assert_eq!(rig.outcome(), Outcome::Downloaded);
}

#[test]
fn another_file_under_the_number_is_not_what_was_asked_for() {
    let other = item(7, b"other content");
    for (answer, cancels) in [
        (download_ready(2, 3, other).to_bytes(), true),
        (refused_transfer(Code::SIZE_MISMATCH, 2).to_bytes(), false),
    ] {
        let (mut rig, transfer) = downloading(b"hello", 3);
        rig.requests();
        break_and_return(&mut rig, &[]);
        rig.feed(&answer).unwrap();
        assert!(matches!(rig.outcome(), Outcome::Failed(why) if why.contains("another file")));
        assert_eq!(rig.sent().len(), usize::from(cancels));
        assert_eq!(rig.requests(), [FileRequest::Discard { transfer }]);
    }
}

#[test]
fn an_item_that_was_dropped_meanwhile_ends_its_download() {
    let (mut rig, transfer) = downloading(b"hello", 3);
    rig.requests();
    break_and_return(&mut rig, &[]);
    rig.give(refused_transfer(Code::ITEM_DROPPED, 2)).unwrap();
    assert!(matches!(rig.outcome(), Outcome::Refused(it) if it.code == Code::ITEM_DROPPED));
    assert_eq!(rig.requests(), [FileRequest::Discard { transfer }]);
}

#[test]
fn what_is_held_from_an_earlier_session_is_not_fetched_again() {
    let mut rig = rig();
    rig.give(shelved(43, item(7, b"hello"))).unwrap();
    rig.events();
    let transfer = rig.session.download(ItemId(7), 3).unwrap();
    assert_eq!(rig.sent(), [request(1, Some(3))]);
    rig.give(download_ready(1, 3, item(7, b"hello"))).unwrap();
    assert_eq!(statuses(&rig.events()), [("started", 3), ("resumed", 3)]);
    rig.data(1, 3, b"lo").unwrap();
    let requests = rig.requests();
    assert_eq!(requests[0], FileRequest::Create { transfer, item: item(7, b"hello"), held: 3 });
    assert_eq!(written(requests), b"lo");
}

// All of them.

#[test]
fn transfers_resume_in_order_as_many_as_the_server_takes() {
    let mut rig = rig();
    let ids: Vec<_> = (0..3).map(|_| rig.session.upload(name("a"), 5, None).unwrap()).collect();
    rig.session.handle_lost("cut".into(), rig.now);
    let stages: Vec<_> =
        rig.session.transfers().map(|status| (status.transfer, status.stage)).collect();
    let [a, b, c] = ids[..] else { panic!() };
    assert_eq!(stages, [(a, Stage::Waiting), (b, Stage::Waiting), (c, Stage::Queued)]);
    rig.session.cancel(a).unwrap();
    assert_eq!(rig.outcome(), Outcome::Cancelled);
    assert_eq!(rig.requests(), [FileRequest::Discard { transfer: a }]);
    rig.session.handle_connected(rig.now);
    rig.sent();
    rig.sent = Deframer::joined();
    rig.feed(&arrival(42, &[]).concat()).unwrap();
    assert_eq!(rig.sent(), [offer(3, 5, None), offer(4, 5, None)]);
    assert_eq!(statuses(&rig.events()), [("started", 0)], "the second had begun before");
    let old = rig.give(ready(2, 0));
    assert!(old.is_err(), "a number of an earlier connection");
}

#[test]
fn what_can_be_resumed_is_suspended_and_the_rest_discarded() {
    for (code, goes_on) in [
        (Code::STALLED, true),
        (Code::REPLACED, true),
        (Code::TOO_MANY_TRANSFERS, true),
        (Code::STORAGE_FULL, false),
        (Code::DIGEST_MISMATCH, false),
    ] {
        let mut rig = rig();
        let transfer = rig.session.upload(name("a"), 5, Some(KEY)).unwrap();
        rig.give(refused_transfer(code, 1)).unwrap();
        let suspend = FileRequest::Suspend { transfer };
        let discard = FileRequest::Discard { transfer };
        assert_eq!(rig.requests(), [if goes_on { suspend } else { discard }], "{code:?}");
    }
}

#[test]
fn a_download_that_is_interrupted_for_good_hands_over_its_last_bytes_first() {
    let (mut rig, transfer) = downloading(b"hello", 3);
    rig.requests();
    rig.session.leave();
    let write = FileRequest::Write { transfer, block: b"hel".to_vec() };
    assert_eq!(rig.requests(), [write, FileRequest::Suspend { transfer }]);
    let told = rig.events().pop();
    let Some(SessionEvent::TransferEnded(status, Outcome::Interrupted)) = told else { panic!() };
    assert_eq!((status.item, status.moved), (Some(ItemId(7)), 3));
}

#[test]
fn a_file_that_fails_while_there_is_no_connection_ends_its_transfer() {
    let (mut rig, transfer) = uploading();
    rig.session.handle_lost("cut".into(), rig.now);
    rig.events();
    rig.reply(FileReply::Failed { transfer, why: "gone".into() });
    assert_eq!(rig.outcome(), Outcome::Failed("gone".into()));
    assert!(!rig.session.has_output());
}
