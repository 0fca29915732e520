//! What somebody who has got hold of the data directory does not learn from it: what proves who a
//! member or an uploader is.

use chatshelf_common::id::UploadKey;
use chatshelf_common::wire::frame::{Join, UploadDone};
use chatshelf_testkit::files::holding;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::samples::{content, digest, file_name, nick};
use data_encoding::{HEXLOWER, HEXUPPER};

use crate::harness::Home;

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
        let held = |bytes: &[u8]| holding(&home.data_dir(), bytes);
        assert!(held(b"this is in the journal").is_some(), "nothing is looked at");
        assert!(held(&whole[..1000]).is_some(), "nothing is looked at");
        assert_eq!(held(&welcome.resume.0), None);
        for key in keys {
            assert_eq!(held(&key.0), None);
            assert_eq!(held(HEXLOWER.encode(&key.0).as_bytes()), None);
            assert_eq!(held(HEXUPPER.encode(&key.0).as_bytes()), None);
        }
    };
    check();
    server.end_well();
    check();
}
