//! The data directory: the mark, the bans, and the meta files of shelf and uploads, whatever is in
//! them. A directory that is not ours stays as it is; one that is opens, in the same way a second
//! time, and its items can be read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chatshelf_common::id::{ItemId, TransferId, UnixMillis};
use chatshelf_common::wire::frame::Item;
use chatshelf_server::disk::store::{Store, StoreSettings};
use chatshelf_server::disk::{Reply, Request, TransferKey, mark, read_bans};
use chatshelf_server::token::Token;

use super::files::MemoryFiles;
use super::script::Script;

const DATA: &str = "/data";
const AT: UnixMillis = UnixMillis(1_800_000_000_000);
const SETTINGS: StoreSettings = StoreSettings {
    min_free_bytes: 0,
    keep_partial_ms: 1_000_000,
    partial_bytes_max: 1_000,
    partial_bytes_min: 1,
};
/// Folders that the script can fill: of items, of uploads with a key, of an earlier version, and
/// others.
const FOLDERS: [&str; 8] = [
    "shelf/1",
    "shelf/2",
    "shelf/18446744073709551615",
    "uploads/1",
    "uploads/00112233445566778899aabbccddeeff",
    "uploads/00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    "log",
    "notes",
];
const NAMES: [&str; 4] = ["meta", "content", "dropped", "other"];
/// What meta files begin with.
const MAGICS: [&[u8]; 4] = [b"csi\x01", b"csu\x01", b"csi\x02", b""];

/// Files, one after the other.
pub(crate) fn run(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let dir = Path::new(DATA);
    let files = MemoryFiles::with_folder(dir);
    while let Some(step) = script.next() {
        put(&files, step, &mut script);
    }
    let before = files.all();
    let has = |name: &str| before.keys().any(|path| path.starts_with(dir.join(name)));
    if mark::claim(&files, dir).is_err() {
        assert!(files.all() == before, "what belongs to others stays as it is");
        return;
    }
    let is_ours = has("chatshelf.format") || has("lock") || !has("notes");
    assert!(is_ours, "it belongs to others");
    let found = (read_bans(&files, dir).ok(), check_opened(&files));
    let again = (read_bans(&files, dir).ok(), check_opened(&files));
    assert_eq!(found, again, "a second start finds the same");
    assert_eq!(
        others(&files.all()),
        others(&before),
        "what is not ours stays, wherever its folder is"
    );
}

/// The contents of files that are none of a data directory.
fn others(files: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<&[u8]> {
    let is_other = |path: &Path| path.starts_with("/data/notes") || path.ends_with("other");
    let others = files.iter().filter(|(path, _)| is_other(path));
    let mut contents: Vec<&[u8]> = others.map(|(_, content)| &content[..]).collect();
    contents.sort_unstable();
    contents
}

/// Puts a file there: the mark, or one of a folder, which can be sealed as meta files are.
fn put(files: &MemoryFiles, step: u8, script: &mut Script<'_>) {
    let dir = Path::new(DATA);
    let folder = dir.join(FOLDERS[usize::from(step & 7)]);
    let name = NAMES[usize::from(step >> 3 & 3)];
    match step >> 5 {
        0 => files.put(&dir.join("chatshelf.format"), script.chunk()),
        1 if step & 8 == 0 => files.put(&dir.join("lock"), b""),
        1 if step & 16 == 0 => files.put(&dir.join("bans"), script.chunk()),
        1 => files.put(&dir.join("bans"), &sealed(b"csb\x01", script.chunk())),
        2 | 3 => files.put(&folder.join(name), script.chunk()),
        kind => {
            let magic = MAGICS[usize::from(kind & 3)];
            files.put(&folder.join(name), &sealed(magic, script.chunk()));
        }
    }
}

fn sealed(magic: &[u8], fields: &[u8]) -> Vec<u8> {
    let content = [magic, fields].concat();
    [&content[..], blake3::hash(&content).as_bytes()].concat()
}

/// What a start finds. Each item can be opened.
fn check_opened(files: &MemoryFiles) -> Vec<Item> {
    let opened = Store::open(files.clone(), Path::new(DATA), SETTINGS, AT);
    // A file can have the name of one of our folders, and a folder that of a meta file.
    let Ok((mut store, items)) = opened else { return Vec::new() };
    assert!(items.is_sorted_by(|one, next| one.id < next.id));
    assert!(items.iter().all(|item| item.id <= store.newest_item()));
    for Item { id, .. } in &items {
        let replies = ask(&mut store, open(*id));
        assert!(matches!(replies[..], [Reply::Opened { .. }]), "{replies:?}");
        ask(&mut store, Request::Close { download: key() });
    }
    ask(&mut store, Request::Expire { at: AT });
    items
}

fn key() -> TransferKey {
    TransferKey { connection: Token::new(0, 0), transfer: TransferId(1) }
}

fn open(item: ItemId) -> Request {
    Request::Open { download: key(), item, offset: 0 }
}

fn ask(store: &mut Store<MemoryFiles>, request: Request) -> Vec<Reply> {
    let mut replies = Vec::new();
    store.handle(request, &mut |reply| replies.push(reply));
    replies
}
