//! Uploads on one connection.

use chatshelf_common::id::{Attributes, Mode};

use super::*;

/// Plays the file keeper for an upload of `content` until nothing more is asked for.
pub(super) fn keep_upload(rig: &mut Rig, content: &[u8]) -> Vec<Sent> {
    let mut sent = Vec::new();
    loop {
        let requests = rig.requests();
        if requests.is_empty() {
            return sent;
        }
        let reads = requests.iter().filter(|r| matches!(r, FileRequest::Read { .. })).count();
        assert!(reads <= usize::from(BLOCKS_IN_FLIGHT_MAX));
        for request in requests {
            match request {
                FileRequest::Begin { transfer, run, .. } => {
                    rig.reply(FileReply::Begun { transfer, run });
                }
                FileRequest::Read { transfer, offset, length, buffer } => {
                    assert!(buffer.is_empty() && (1..=BLOCK_BYTES).contains(&length));
                    let block = content[offset as usize..offset as usize + length].to_vec();
                    rig.reply(FileReply::Block { transfer, block });
                }
                FileRequest::Hash { transfer } => {
                    rig.reply(FileReply::Hashed { transfer, digest: digest(content) });
                }
                other => panic!("{other:?}"),
            }
        }
        sent.extend(rig.sent());
    }
}

#[test]
fn an_upload_of_any_size_is_offered_sent_whole_and_done() {
    for size in [0, 1, 65_536, 65_537, BLOCK_BYTES, 3 * BLOCK_BYTES + 7] {
        let content = pattern(size);
        let mut rig = Rig::joined();
        rig.session.upload(name("a"), size as u64, None).unwrap();
        assert_eq!(rig.sent(), [offer(1, size as u64, None)]);
        assert_eq!(rig.requests(), [], "not before UploadReady");
        rig.give(ready(1, 0)).unwrap();
        let mut sent = keep_upload(&mut rig, &content);
        sent.extend(rig.sent());
        let mut arrived = Vec::new();
        let done = sent.pop();
        for frame in sent {
            let Sent::Data(1, offset, bytes) = frame else { panic!("{frame:?}") };
            assert_eq!(offset, arrived.len() as u64);
            arrived.extend(bytes);
        }
        assert!(arrived == content, "{size}");
        let digest = digest(&content);
        assert_eq!(done, Some(Sent::Frame(UploadDone { transfer: TransferId(1), digest }.into())));
        assert_eq!(rig.ends(), 0, "done is said only on UploadStored");
        rig.give(stored(1, 7)).unwrap();
        assert_eq!(rig.outcome(), Outcome::Uploaded(ItemId(7)));
        assert_eq!(rig.session.uploads_outstanding(), 1, "the room has not shown it");
        rig.give(shelved(43, item(7, &content))).unwrap();
        assert_eq!(rig.session.uploads_outstanding(), 0);
    }
}

#[test]
fn the_room_may_show_an_upload_before_the_server_says_it_is_stored() {
    let mut rig = Rig::joined();
    rig.session.upload(name("a"), 0, None).unwrap();
    rig.give(ready(1, 0)).unwrap();
    keep_upload(&mut rig, b"");
    rig.sent();
    rig.give(shelved(43, item(7, b""))).unwrap();
    assert_eq!(rig.session.uploads_outstanding(), 1);
    rig.give(stored(1, 7)).unwrap();
    assert_eq!(rig.session.uploads_outstanding(), 0);
}

#[test]
fn a_resumed_upload_begins_where_the_server_says() {
    let content = pattern(100_000);
    let mut rig = Rig::joined();
    rig.session.upload(name("a"), 100_000, Some(KEY)).unwrap();
    rig.sent();
    rig.give(ready_at(1, &content[..99_990])).unwrap();
    let sent = keep_upload(&mut rig, &content);
    assert_eq!(sent[0], Sent::Data(1, 99_990, content[99_990..].to_vec()));
    for (key, ready) in [
        (Some(KEY), ready_at(1, &content[..6])),
        (Some(KEY), ready(1, 5)),
        (None, ready_at(1, &content[..5])),
    ] {
        let mut rig = Rig::joined();
        rig.session.upload(name("a"), 5, key).unwrap();
        assert!(rig.give(ready).is_err(), "beyond the end, without digest, or without key");
    }
}

#[test]
fn mode_and_time_of_a_file_are_offered_on_every_connection() {
    let attributes = Attributes { mode: Mode::new(0o755), modified: Some(UnixMillis(5)) };
    let mut rig = Rig::returning();
    rig.session.upload_file(name("a"), 5, Some(KEY), attributes).unwrap();
    let offer = |transfer| {
        let offer = UploadOffer::new(TransferId(transfer), name("a"), 5);
        let Attributes { mode, modified } = attributes;
        Sent::Frame(UploadOffer { key: Some(KEY), mode, modified, ..offer }.into())
    };
    assert_eq!(rig.sent(), [offer(1)]);
    rig.lose();
    rig.come_back(43, 42);
    assert_eq!(rig.sent(), [offer(2)]);
}

#[test]
fn a_file_beyond_the_size_that_was_named_is_offered_since_that_may_have_changed() {
    let mut rig = Rig::joined();
    rig.session.upload(name("a"), FILE_BYTES_MAX + 1, None).unwrap();
    let offer = UploadOffer::new(TransferId(1), name("a"), FILE_BYTES_MAX + 1);
    assert_eq!(rig.sent(), [Sent::Frame(offer.into())]);
}

#[test]
fn a_refused_upload_ends_and_its_late_blocks_go_nowhere() {
    for after_ready in [false, true] {
        let mut rig = Rig::joined();
        let transfer = rig.session.upload(name("a"), 100, None).unwrap();
        rig.sent();
        if after_ready {
            rig.give(ready(1, 0)).unwrap();
            rig.begin();
        }
        rig.give(refused_transfer(Code::STORAGE_FULL, 1)).unwrap();
        let Outcome::Refused(refused) = rig.outcome() else { panic!() };
        assert_eq!(refused.code, Code::STORAGE_FULL);
        assert_eq!(rig.requests().last(), Some(&FileRequest::Discard { transfer }));
        rig.reply(FileReply::Block { transfer, block: pattern(100) });
        rig.reply(FileReply::Hashed { transfer, digest: digest(b"") });
        assert_eq!(rig.sent(), [], "not even a Cancel");
    }
}

#[test]
fn a_cancelled_upload_stops_at_the_next_frame_and_tells_the_server() {
    let mut rig = Rig::joined();
    let transfer = rig.session.upload(name("a"), 300_000, None).unwrap();
    rig.sent();
    rig.give(ready(1, 0)).unwrap();
    rig.begin();
    rig.reply(FileReply::Block { transfer, block: pattern(BLOCK_BYTES) });
    assert!(!rig.session.output()[0].is_empty());
    rig.session.advance_output(1, rig.now);
    rig.session.cancel(transfer).unwrap();
    assert_eq!(rig.outcome(), Outcome::Cancelled);
    let head = data_head(TransferId(1), 0, 65_536);
    assert!(rig.sent.next(&mut &head[..1]).unwrap().is_none());
    let sent = rig.sent();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(matches!(&sent[0], Sent::Data(1, 0, bytes) if bytes.len() == 1408));
    assert_eq!(sent[1], Sent::Frame(Cancel { transfer: TransferId(1) }.into()));
    rig.give(refused_transfer(Code::CANCELLED, 1)).unwrap();
    assert_eq!(rig.ends(), 0, "it ended once");
    assert_eq!(rig.session.cancel(transfer), Err(CommandError::NoSuchTransfer));
}

#[test]
fn a_finished_upload_cannot_be_cancelled() {
    let mut rig = Rig::joined();
    let transfer = rig.session.upload(name("a"), 0, None).unwrap();
    rig.give(ready(1, 0)).unwrap();
    keep_upload(&mut rig, b"");
    assert_eq!(rig.session.cancel(transfer), Err(CommandError::TooLate));
}

#[test]
fn a_file_that_fails_cancels_its_upload() {
    let mut rig = Rig::joined();
    let transfer = rig.session.upload(name("a"), 10, None).unwrap();
    rig.give(ready(1, 0)).unwrap();
    rig.sent();
    rig.reply(FileReply::Failed { transfer, why: "it shrank".into() });
    assert_eq!(rig.outcome(), Outcome::Failed("it shrank".into()));
    assert_eq!(rig.sent(), [Sent::Frame(Cancel { transfer: TransferId(1) }.into())]);
}

#[test]
fn transfers_beyond_the_limit_wait_their_turn_in_order() {
    let mut rig = Rig::joined();
    let ids: Vec<TransferHandle> =
        (0..4).map(|_| rig.session.upload(name("a"), 5, None).unwrap()).collect();
    assert_eq!(rig.sent().len(), 2, "the server takes two");
    rig.session.cancel(ids[2]).unwrap();
    assert_eq!(rig.sent(), [], "a queued one is cancelled without a word");
    rig.give(refused_transfer(Code::STALLED, 1)).unwrap();
    assert_eq!(rig.sent(), [offer(3, 5, None)], "the third on the wire");
    rig.give(ready(3, 0)).unwrap();
    assert_eq!(rig.session.transfers().count(), 2);
}

#[test]
fn a_file_that_changes_is_offered_again_and_nothing_of_the_old_goes_out() {
    let mut rig = Rig::joined();
    let transfer = rig.session.upload(name("a"), 300_000, Some(KEY)).unwrap();
    rig.sent();
    rig.give(ready(1, 0)).unwrap();
    rig.begin();
    rig.reply(FileReply::Block { transfer, block: pattern(BLOCK_BYTES) });
    let (content, fresh) = (b"changed", UploadKey([8; 16]));
    let attributes = Attributes::default();
    let changed = FileReply::Changed { transfer, size: 7, attributes, key: Some(fresh) };
    rig.reply(changed);
    let cancel = Sent::Frame(Cancel { transfer: TransferId(1) }.into());
    assert_eq!(rig.sent(), [cancel, offer(2, 7, Some(fresh))]);
    let told = rig.events().pop();
    let Some(SessionEvent::TransferRestarted(status, Restart::FileChanged)) = told else {
        panic!("{told:?}")
    };
    assert_eq!((status.size, status.moved), (Some(7), 0));
    // The server had begun to answer the old offer.
    rig.give(refused_transfer(Code::CANCELLED, 1)).unwrap();
    rig.requests();
    rig.give(ready(2, 0)).unwrap();
    let mut sent = keep_upload(&mut rig, content);
    sent.extend(rig.sent());
    assert_eq!(sent[0], Sent::Data(2, 0, content.to_vec()));
    let done = UploadDone { transfer: TransferId(2), digest: digest(content) };
    assert_eq!(sent.last(), Some(&Sent::Frame(done.into())));
    rig.give(stored(2, 7)).unwrap();
    assert_eq!(rig.outcome(), Outcome::Uploaded(ItemId(7)));
}
