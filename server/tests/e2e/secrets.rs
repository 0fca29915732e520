//! What somebody who has got hold of the data directory does not learn from it: what proves who a
//! member or an uploader is.

use std::fs;
use std::path::{Path, PathBuf};

use chatshelf_common::id::UploadKey;
use chatshelf_common::wire::frame::{Join, UploadDone};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::samples::{content, digest, file_name, nick};
use data_encoding::{HEXLOWER, HEXUPPER};
use memchr::memmem;

use crate::harness::Home;

/// All files below a directory, with their content.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let whole = |path: PathBuf| {
        if path.is_dir() { files(&path) } else { vec![(path.clone(), fs::read(&path).unwrap())] }
    };
    paths.flat_map(whole).collect()
}

#[track_caller]
fn assert_absent(secret: &[u8], files: &[(PathBuf, Vec<u8>)]) {
    for (path, bytes) in files {
        let is_in = |bytes: &[u8]| memmem::find(bytes, secret).is_some();
        assert!(!is_in(bytes), "{}", path.display());
        assert!(!is_in(path.as_os_str().as_encoded_bytes()), "{}", path.display());
    }
}

#[test]
fn tokens_and_keys_are_not_in_the_data_directory() {
    let home = Home::new();
    let server = home.start(&[]);
    let (mut ada, welcome) =
        Peer::try_join_as(server.address(), &Join::new(nick("ada"), None)).unwrap();
    ada.say_and_hear("this is in the journal");
    let keys = [UploadKey(*b"sixteen-is-a-key"), UploadKey(*b"and-this-another")];
    let whole = content(1, 100_000);
    let size = whole.len() as u64;
    for (key, is_whole) in keys.into_iter().zip([true, false]) {
        let transfer = ada.try_offer_keyed(key, file_name("notes.txt"), size).unwrap();
        ada.ready(transfer);
        if is_whole {
            ada.try_data(transfer, 0, &whole).unwrap();
            ada.try_send(&UploadDone { transfer, digest: digest(&whole) }).unwrap();
            ada.stored(transfer).unwrap();
        } else {
            ada.try_data(transfer, 0, &whole[..80_000]).unwrap();
        }
    }
    ada.say_and_hear("and this is behind the upload");
    let check = || {
        let files = files(&home.data_dir());
        let has = |text: &[u8]| files.iter().any(|(_, bytes)| memmem::find(bytes, text).is_some());
        assert!(has(b"this is in the journal") && has(&whole[..1000]), "nothing is looked at");
        assert_absent(&welcome.resume.0, &files);
        for key in keys {
            assert_absent(&key.0, &files);
            assert_absent(HEXLOWER.encode(&key.0).as_bytes(), &files);
            assert_absent(HEXUPPER.encode(&key.0).as_bytes(), &files);
        }
    };
    check();
    server.end_well();
    check();
}
