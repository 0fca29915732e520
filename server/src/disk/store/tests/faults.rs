//! A disk that fails at every single operation of a day in the store's life.

use std::io::ErrorKind;

use super::*;
use crate::disk::fault_injection::Fault;

/// Bytes of a block, on a busy day.
const BLOCK: usize = 1000;
/// On a long one. Its upload takes more than one sync, and more than one step to read back.
const LONG_BLOCK: usize = 3 << 20;

/// What has been sent under each key, and what the store has said of it.
struct Day {
    bench: Bench,
    sent: HashMap<UploadKey, Vec<u8>>,
    published: Vec<Item>,
}

impl Day {
    fn new() -> Self {
        Self { bench: Bench::new(), sent: HashMap::new(), published: Vec::new() }
    }

    /// A large upload, interrupted.
    fn long(&mut self) {
        let content = content(1, 3 * LONG_BLOCK + 1);
        self.upload(1, Some(key(1)), &content, Some(3 * LONG_BLOCK));
        self.upload(2, Some(key(1)), &content, None);
    }

    /// Everything else that can happen.
    fn busy(&mut self) {
        let content = content(1, 3 * BLOCK);
        self.upload(1, Some(key(1)), &content, Some(2 * BLOCK));
        self.upload(2, Some(key(1)), &content, None);
        self.upload(3, None, &content, None);
        self.download(2, &content);
        self.upload(4, Some(key(2)), &content, Some(BLOCK));
        self.bench.ask(Request::Expire { at: UnixMillis(1999) });
        self.take_over(5, 6, key(3), &content);
        self.upload(7, Some(key(4)), &content, Some(BLOCK));
        // The same key for another file.
        self.upload(8, Some(key(4)), &content[..BLOCK + 1], Some(BLOCK));
        self.upload(9, Some(key(5)), &content, Some(BLOCK));
        self.upload(10, Some(key(5)), &content, Some(0));
        assert!(self.bench.ask(Request::Remove { item: ItemId(2) }).is_empty());
        self.published.retain(|item| item.id != ItemId(2));
        // Not at the same time as the others.
        self.bench.now = UnixMillis(1500);
        self.upload(11, Some(key(6)), &content, Some(BLOCK));
        self.bench.ask(Request::Expire { at: UnixMillis(2000) });
    }

    /// Uploads until `interrupted`, or to the end. Whatever fails, the upload ends.
    fn upload(
        &mut self,
        number: u32,
        key: Option<UploadKey>,
        content: &[u8],
        interrupted: Option<usize>,
    ) {
        let Some(offset) = self.create(number, key, content) else { return };
        let end = interrupted.unwrap_or(content.len());
        let block = if content.len() > LONG_BLOCK { LONG_BLOCK } else { BLOCK };
        for block in content[offset.min(end)..end].chunks(block) {
            if !self.write(number, block) {
                return self.discard(number);
            }
        }
        if interrupted.is_some() {
            assert!(matches!(self.bench.suspend(number)[0], Reply::Ended { .. }));
            return;
        }
        let item = item(number.into(), content);
        match self.bench.publish(number, item.clone()) {
            Reply::Published { .. } => self.published.push(item),
            Reply::Failed { .. } => {}
            other => panic!("{other:?}"),
        }
        self.discard(number);
    }

    /// Offers a file; says where the store wants it resumed.
    fn create(&mut self, number: u32, key: Option<UploadKey>, content: &[u8]) -> Option<usize> {
        let mut replies = self.bench.create(number, key, content.len() as u64);
        let reply = match replies.pop() {
            Some(reply) if code(&reply) != Some(Code::REPLACED) => reply,
            _ => self.bench.work(),
        };
        match reply {
            Reply::Created { offset, digest: found, .. } => {
                let kept = &content[..offset as usize];
                assert_eq!(found, (offset > 0).then(|| digest(kept)), "upload {number}");
                key.into_iter().for_each(|key| drop(self.sent.insert(key, content.to_vec())));
                Some(offset as usize)
            }
            Reply::Failed { block: None, .. } => {
                self.discard(number);
                None
            }
            other => panic!("{other:?}"),
        }
    }

    fn write(&mut self, number: u32, content: &[u8]) -> bool {
        let request = Request::Write { upload: transfer(number), block: content.to_vec() };
        match self.bench.ask_one(request) {
            Reply::Wrote { block, .. } => block.len() == content.len(),
            Reply::Failed { block, .. } => {
                assert_eq!(block.map(|block| block.len()), Some(content.len()));
                false
            }
            other => panic!("{other:?}"),
        }
    }

    fn discard(&mut self, number: u32) {
        let upload = transfer(number);
        assert!(matches!(self.bench.ask_one(Request::Discard { upload }), Reply::Ended { .. }));
    }

    /// One upload takes the place of another, which does not know of it yet.
    fn take_over(&mut self, old: u32, new: u32, key: UploadKey, content: &[u8]) {
        if self.create(old, Some(key), content).is_some() {
            self.write(old, &content[..BLOCK]);
        }
        if let Some(offset) = self.create(new, Some(key), content) {
            self.write(old, b"this must not get into the file");
            self.discard(old);
            if self.write(new, &content[offset..offset + BLOCK - 1]) {
                assert!(matches!(self.bench.suspend(new)[0], Reply::Ended { .. }));
            } else {
                self.discard(new);
            }
        } else {
            self.discard(old);
        }
    }

    fn download(&mut self, item: u64, content: &[u8]) {
        let download = transfer(99);
        let open = Request::Open { download, item: ItemId(item), offset: 10 };
        if let Reply::Opened { .. } = self.bench.ask_one(open) {
            let extent = Extent::in_memory();
            let read = Request::Read {
                download,
                offset: 10,
                bytes: BLOCK,
                framing: Framing::frames(65_536),
                extent,
            };
            match self.bench.ask_one(read) {
                Reply::Read { mut extent, .. } => {
                    assert_eq!(extent.take_file_bytes(), content[10..][..BLOCK]);
                }
                Reply::Failed { block: None, .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(self.bench.ask_one(Request::Close { download }), Reply::Ended { .. }));
    }

    /// What a start finds is whole: items that were published and not removed, and the beginnings
    /// of what was sent. Nothing else is left.
    fn check(self, context: &str) {
        assert!(!self.bench.store.has_work());
        let Self { bench, sent, published } = self;
        let mut bench = bench.reopen();
        let mut items: Vec<String> = bench.items.iter().map(|item| item.id.to_string()).collect();
        let newest = bench.store.newest_item().to_string();
        if newest != "0" && !items.contains(&newest) {
            assert_eq!(bench.names(&format!("shelf/{newest}")), ["dropped"], "{context}");
            items.push(newest);
        }
        items.sort();
        assert_eq!(bench.names("shelf"), items, "{context}");
        for item in &bench.items {
            let bytes = fs::read(bench.path(&format!("shelf/{}/content", item.id))).unwrap();
            assert_eq!((item.digest, item.size), (digest(&bytes), bytes.len() as u64), "{context}");
        }
        for item in published {
            assert!(bench.items.contains(&item), "{context}: item {} is lost", item.id);
        }
        for name in bench.names("uploads") {
            let (key, whole) = sent
                .iter()
                .find(|(key, _)| UploadId::of(key).to_string() == name)
                .unwrap_or_else(|| panic!("{context}: {name} is left"));
            let kept = fs::read(bench.path(&format!("uploads/{name}/content"))).unwrap();
            assert!(whole.starts_with(&kept), "{context}: {name} holds what was never sent");
            let (offset, found) = bench.go_on(1000, *key, whole.len() as u64);
            assert_eq!((offset, found), (kept.len() as u64, Some(digest(&kept))), "{context}");
            bench.ask_one(Request::Discard { upload: transfer(1000) });
        }
        assert!(bench.names("uploads").is_empty(), "{context}");
    }
}

/// Operations of a day without faults. Of the reads, of which there are many of the same kind, a
/// few count.
fn operations(live: fn(&mut Day)) -> Vec<usize> {
    let mut day = Day::new();
    let start = day.bench.files.done();
    live(&mut day);
    let done = day.bench.files.done_since(start);
    assert_eq!(day.published.len(), 1);
    day.check("without faults");
    let mut reads = 0;
    let counts = |name: &str| {
        reads += u32::from(name == "read");
        name != "read" || reads < 20 || reads.is_multiple_of(20)
    };
    let operations = done.into_iter().map(counts).enumerate();
    operations.filter(|(_, counts)| *counts).map(|(at, _)| start + at).collect()
}

fn fail_everywhere(fault: fn(usize) -> Fault, kind: ErrorKind) {
    for live in [Day::busy, Day::long] {
        let operations = operations(live);
        assert!(operations.len() > 40, "{operations:?} are no test");
        for at in operations {
            let mut day = Day::new();
            day.bench.files.fail(fault(at), kind);
            live(&mut day);
            day.check(&format!("{:?}, {kind}", fault(at)));
        }
    }
}

#[test]
fn an_item_that_cannot_be_shelved_leaves_nothing() {
    let publish = |fault: Option<usize>| {
        let mut bench = Bench::new();
        bench.begin(1, Some(key(1)), 4);
        bench.write(1, b"item");
        let start = bench.files.done();
        let at = fault.map(|operation| Fault::Once(start + operation));
        at.into_iter().for_each(|at| bench.files.fail(at, ErrorKind::StorageFull));
        let reply = bench.publish(1, item(1, b"item"));
        (bench.files.done() - start, reply, bench)
    };
    let (operations, _, _) = publish(None);
    for operation in 0..operations {
        let (_, reply, bench) = publish(Some(operation));
        match reply {
            // What a meta file could leave behind is removed first; mostly there is nothing.
            Reply::Published { .. } => assert_eq!(operation, 1),
            reply => {
                assert_eq!(code(&reply), Some(Code::STORAGE_FULL), "operation {operation}");
                assert_eq!(bench.names("shelf").len() + bench.names("uploads").len(), 0);
                assert!(bench.reopen().items.is_empty());
            }
        }
    }
}

/// Windows removes no folder in which a file is open.
#[cfg(unix)]
#[test]
fn a_data_directory_that_was_removed_takes_no_upload_and_is_not_made_again() {
    for keyed in [None, Some(key(1))] {
        let mut bench = Bench::new();
        bench.begin(1, None, 10);
        fs::remove_dir_all(bench.path("uploads")).unwrap();
        match bench.create(2, keyed, 10).pop() {
            Some(Reply::Failed { code: Code::STORAGE_FAILED, detail: Some(detail), .. }) => {
                assert!(detail.contains("the data directory was removed"), "{detail}");
            }
            other => panic!("{other:?}"),
        }
        // One that runs ends when it comes to an end.
        bench.write(1, b"0123456789");
        let reply = bench.publish(1, item(1, b"0123456789"));
        assert_eq!(code(&reply), Some(Code::STORAGE_FAILED));
        assert!(!bench.path("uploads").exists() && bench.names("shelf").is_empty());
    }
}

#[test]
fn any_one_operation_may_fail() {
    fail_everywhere(Fault::Once, ErrorKind::Other);
}

#[test]
fn any_one_operation_may_find_the_disk_full() {
    fail_everywhere(Fault::Once, ErrorKind::StorageFull);
}

#[test]
fn the_server_may_be_killed_at_any_operation() {
    fail_everywhere(Fault::From, ErrorKind::Other);
}
