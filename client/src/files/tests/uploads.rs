//! Files that are read for uploads, and the keys that survive.

use super::*;

#[test]
fn an_upload_is_read_and_hashed_whole_wherever_it_begins() {
    let rig = Rig::new();
    // More than a slice, and no multiple of one.
    let content = pattern(5_000_001);
    let path = rig.write("up", &content);
    let run = rig.run();
    run.upload(T, &path);
    for (number, offset) in [0, 1, 600_000, 5_000_001, 4_999_999, 0].into_iter().enumerate() {
        let (number, before) = (number as u32, digest(&content[..offset]));
        let expected = (offset > 0).then_some(before);
        let reply = run.begin(number, offset as u64, expected);
        assert_eq!(reply, FileReply::Begun { transfer: T, run: number });
        let length = (content.len() - offset).min(1000);
        run.read(offset as u64, length);
        let FileReply::Block { block, .. } = run.reply() else { panic!() };
        assert!(block == content[offset..offset + length]);
    }
    run.begin(9, 4_000_000, Some(digest(&content[..4_000_000])));
    run.read(4_000_000, 1_000_001);
    run.reply();
    assert_eq!(run.digest(T), digest(&content));
}

#[test]
fn another_beginning_gets_a_fresh_key_that_survives_instead_of_the_old() {
    let rig = Rig::new();
    let path = rig.write("up", b"content");
    let run = rig.run();
    let old = run.upload(T, &path);
    let FileReply::Differs { run: 3, key: Some(fresh), .. } =
        run.begin(3, 4, Some(digest(b"other")))
    else {
        panic!()
    };
    assert_ne!(fresh, old);
    run.end();
    assert_eq!(rig.run().open(&path).unwrap().key(), Some(fresh));
}

#[test]
fn a_later_beginning_takes_the_place_of_one_that_is_being_gone_to() {
    let rig = Rig::new();
    let content = pattern(6_000_000);
    let file = rig.run().open(&rig.write("up", &content)).unwrap();
    let begin = |run, offset| {
        Request::Session(FileRequest::Begin { transfer: T, run, offset, digest: None })
    };
    let waiting = vec![Request::Upload { transfer: T, file }, begin(1, 6_000_000), begin(2, 0)];
    let run = rig.run_with(waiting);
    assert_eq!(run.reply(), FileReply::Begun { transfer: T, run: 2 });
    run.read(0, 10);
    assert!(matches!(run.reply(), FileReply::Block { .. }));
    assert!(run.end().is_empty());
}

#[test]
fn other_transfers_go_on_while_a_beginning_is_hashed() {
    let rig = Rig::new();
    let run = rig.run();
    let large = run.open(&rig.write("large", &pattern(20_000_000))).unwrap();
    let small = run.open(&rig.write("small", b"small")).unwrap();
    let begin = |transfer, offset| {
        Request::Session(FileRequest::Begin { transfer, run: 1, offset, digest: None })
    };
    let read = FileRequest::Read { transfer: U, offset: 0, length: 5, buffer: Vec::new() };
    let run = rig.run_with(vec![
        Request::Upload { transfer: T, file: large },
        Request::Upload { transfer: U, file: small },
        begin(T, 20_000_000),
        begin(U, 0),
        Request::Session(read),
    ]);
    let first: Vec<FileReply> = (0..2).map(|_| run.reply()).collect();
    let transfers = first.iter().map(|reply| match reply {
        FileReply::Begun { transfer, .. } | FileReply::Block { transfer, .. } => *transfer,
        other => panic!("{other:?}"),
    });
    assert!(transfers.eq([U, U]));
    assert_eq!(run.reply(), FileReply::Begun { transfer: T, run: 1 });
}

#[test]
fn the_key_of_an_upload_survives_until_that_is_over() {
    let rig = Rig::new();
    let path = rig.write("up", b"hello");
    let run = rig.run();
    let key = run.upload(T, &path);
    assert!(run.suspend(T));
    run.end();
    let run = rig.run();
    assert_eq!(run.upload(T, &path), key, "suspended");
    run.end();
    let run = rig.run();
    assert_eq!(run.upload(T, &path), key, "ended in the middle");
    run.ask(FileRequest::Discard { transfer: T });
    assert_ne!(run.upload(T, &path), key, "over");
}

#[test]
fn only_regular_files_are_opened() {
    let rig = Rig::new();
    let run = rig.run();
    assert!(matches!(run.open(rig.dir.path()), Err(FileError::Folder(_))));
    assert!(matches!(run.open(&rig.path("no")), Err(FileError::Io(_))));
    #[cfg(unix)]
    assert!(matches!(run.open(Path::new("/dev/null")), Err(FileError::NotAFile)));
}
