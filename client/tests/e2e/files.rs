//! Files go to the shelf and come back the same; nothing that was there before is lost, and
//! nothing unfinished is left.

use std::fs;

use chatshelf_common::id::{ItemId, UnixMillis};
use chatshelf_common::wire::ClientFrame;
use chatshelf_common::wire::frame::{Dropped, Item, Shelved, UploadReady, UploadStored};
use chatshelf_testkit::fake_server::{FakeServer, JOINED_AT, said};
use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::Program;
use chatshelf_testkit::samples::{content, item, nick};

use crate::harness::programs::client_is_for_windows;
use crate::harness::room::{Room, begins_download, client_of, joined_client, spoken};

#[test]
fn what_is_uploaded_and_downloaded_in_one_script_is_identical() {
    let room = Room::open();
    let bytes = content(1, 1_000_001);
    room.write("a.bin", &bytes);
    fs::create_dir(room.path("down")).unwrap();
    let script = "/upload a.bin\n/download a.bin down/\n";
    let ended = room.run("ada", script);
    ended.has_code(0);
    assert!(room.read("down/a.bin") == bytes);
    assert!(ended.line("-- a.bin downloaded to ").ends_with("BLAKE3 verified"));
    assert_eq!(names(&room.path("down")), ["a.bin"]);
}

#[test]
fn two_downloads_of_one_name_are_both_kept() {
    let room = Room::open();
    room.write("f", "content");
    fs::create_dir(room.path("down")).unwrap();
    let mut command = room.command("ada");
    command.args(["--download-dir", "down"]);
    let ended = Program::run(&mut command, "/upload f\n/download f\n/download f\n");
    ended.has_code(0);
    assert_eq!(names(&room.path("down")), ["f", "f (1)"]);
    assert_eq!(room.read("down/f (1)"), b"content");
    assert_eq!(room.read("down/f"), b"content");
}

#[test]
fn a_download_never_overwrites_what_is_there() {
    let room = Room::open();
    room.write("notes.txt", "from the shelf");
    room.run("ada", "/upload notes.txt\n").has_code(0);
    room.write("notes.txt", "mine");
    room.write("named.txt", "mine too");
    let ended = room.run("bob", "/download notes.txt\n/download 1 named.txt\n");
    ended.has_code(0);
    assert_eq!(room.names(), ["named (1).txt", "named.txt", "notes (1).txt", "notes.txt"]);
    assert_eq!(
        (room.read("notes.txt"), room.read("named.txt")),
        (b"mine".into(), b"mine too".into())
    );
    assert_eq!(room.read("notes (1).txt"), b"from the shelf");
    assert_eq!(room.read("named (1).txt"), b"from the shelf");
    assert!(ended.line("-- notes.txt downloaded to ").contains("notes (1).txt"));
}

#[cfg(unix)]
#[test]
fn a_download_follows_no_link_that_has_its_name() {
    let room = Room::open();
    room.write("f", "from the shelf");
    room.run("ada", "/upload f\n").has_code(0);
    room.write("target", "mine");
    fs::create_dir(room.path("down")).unwrap();
    for name in ["down/f", "down/f.part"] {
        std::os::unix::fs::symlink(room.path("target"), room.path(name)).unwrap();
    }
    room.run("bob", "/download f down\n").has_code(0);
    assert_eq!(room.read("target"), b"mine");
    assert_eq!(room.read("down/f (1)"), b"from the shelf");
}

#[test]
fn an_empty_file_travels_as_any_other() {
    let room = Room::open();
    room.write("empty", "");
    fs::create_dir(room.path("down")).unwrap();
    room.run("ada", "/upload empty\n/download empty down\n").has_code(0);
    assert_eq!(names(&room.path("down")), ["empty"]);
    assert_eq!(room.read("down/empty"), b"");
}

#[test]
fn a_name_with_spaces_and_letters_of_any_script_comes_back() {
    let room = Room::open();
    let name = "żółw's photo (final) #2.jpg";
    room.write(name, "x");
    fs::create_dir(room.path("down")).unwrap();
    room.run("ada", &format!("/upload {name}\n/download 1 down\n")).has_code(0);
    assert_eq!(names(&room.path("down")), [name]);
}

/// Whoever has another system may put such a file on the shelf.
#[test]
fn a_name_that_windows_forbids_is_written_there_as_one_that_it_takes() {
    let forbidden = [
        ("con.txt", "_con.txt"),
        ("NUL", "_NUL"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("12:30 talk?.txt", "12_30 talk_.txt"),
        ("<a>|*\"b\"", "_a____b_"),
        ("ends with a dot.", "ends with a dot_"),
    ];
    let room = Room::open_with(&["--keep", "10"]);
    let mut peer = Peer::join(room.address(), "peer");
    fs::create_dir(room.path("down")).unwrap();
    for (name, on_windows) in forbidden {
        let id = peer.upload(name, name.as_bytes()).to_string();
        room.once(&["download", &id, "-o", "down"], "").has_code(0);
        let written = if client_is_for_windows() { on_windows } else { name };
        assert_eq!(names(&room.path("down")), [written]);
        assert_eq!(room.read(&format!("down/{written}")), name.as_bytes());
        fs::remove_file(room.path("down").join(written)).unwrap();
    }
}

/// 260 characters are all that Windows takes of programs that do not ask for more.
#[test]
fn a_path_may_be_longer_than_260_characters() {
    let room = Room::open();
    let deep = ["a-folder-with-a-rather-long-name"; 10].join("/");
    fs::create_dir_all(room.path(&deep)).unwrap();
    let [file, copy] = ["notes.txt", "copy.txt"].map(|name| format!("{deep}/{name}"));
    room.write(&file, "content");
    room.once(&["upload", &file], "").has_code(0);
    room.once(&["download", "1", "-o", &copy], "").has_code(0);
    assert_eq!(room.read(&copy), b"content");
    room.run("ada", &format!("/upload {file}\n/download 2 {deep}\n")).has_code(0);
    assert_eq!(names(&room.path(&deep)), ["copy.txt", "notes (1).txt", "notes.txt"]);
}

#[test]
fn many_transfers_of_one_script_run_at_once_and_all_come_back() {
    let room = Room::open_with(&["--keep", "20"]);
    fs::create_dir(room.path("down")).unwrap();
    let files: Vec<(String, Vec<u8>)> = [0, 1, 65_536, 65_537, 262_144, 700_000, 2_000_000]
        .iter()
        .cycle()
        .take(14)
        .enumerate()
        .map(|(number, length)| (format!("file{number:02}"), content(number as u64, *length)))
        .collect();
    let mut script = String::new();
    for (name, bytes) in &files {
        room.write(name, bytes);
        script.push_str(&format!("/upload {name}\n"));
    }
    for (name, _) in &files {
        script.push_str(&format!("/download {name} down\n"));
    }
    let ended = room.run("ada", &script);
    ended.has_code(0);
    let expected: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names(&room.path("down")), expected);
    for (name, bytes) in &files {
        assert!(room.read(&format!("down/{name}")) == *bytes, "{name}");
    }
}

#[test]
fn what_is_no_file_is_not_uploaded_and_says_so() {
    let room = Room::open();
    fs::create_dir(room.path("folder")).unwrap();
    let ended = room.run("ada", "/upload missing\n/upload folder\nafter\n");
    ended.has_code(1);
    assert!(ended.line("!! missing not uploaded: ").contains("no such file"));
    assert!(ended.line("!! folder not uploaded: ").contains("it is a folder; pack it"));
    assert_eq!(spoken(&ended.stdout), ["ada  after"]);
}

#[test]
fn a_file_over_the_servers_limit_is_refused_and_the_limit_is_named() {
    let room = Room::open_with(&["--max-file-size", "1000"]);
    room.write("fits", [0; 1000]);
    room.write("does not", [0; 1001]);
    let ended = room.run("ada", "/upload fits\n/upload does not\n");
    ended.has_code(1);
    ended.line("-- fits uploaded as number 1");
    assert!(ended.line("!! does not not uploaded: ").contains("1000 bytes"));
    assert!(!room.run("bob", "/files\n").stdout.contains("does not"));
}

#[test]
fn of_six_uploads_the_newest_five_stay() {
    let room = Room::open();
    let mut script = String::new();
    for number in 1..=6 {
        room.write(&format!("f{number}"), "x");
        // What is on the shelf is only answered when the upload is there.
        script.push_str(&format!("/upload f{number}\n/files\n"));
    }
    let ended = room.run("ada", &script);
    ended.has_code(0);
    ended.line("-- f1 (number 1) dropped from the shelf");
    ended.line("-- 1 upload is no longer on the shelf, which keeps 5: f1 (number 1)");
    let (_, last) = ended.stdout.rsplit_once("-- on the shelf: ").unwrap();
    let items = last.lines().skip(1).map_while(|line| line.strip_prefix("   "));
    let items: Vec<&str> = items.map(|line| line.rsplit_once("  1 B").unwrap().0).collect();
    assert_eq!(items, ["2  f2", "3  f3", "4  f4", "5  f5", "6  f6"]);
}

#[test]
fn dropped_and_unknown_items_are_told_apart() {
    let room = Room::open_with(&["--keep", "1"]);
    room.write("old", "x");
    room.write("new", "x");
    room.run("ada", "/upload old\n").has_code(0);
    room.run("ada", "/upload new\n").has_code(0);
    for (what, told) in [
        ("1", "that file has been dropped from the shelf"),
        ("99", "nothing with that number was ever on the shelf"),
        ("old", "nothing on the shelf is called old"),
    ] {
        let ended = room.run("bob", &format!("/download {what}\n"));
        ended.has_code(1);
        assert!(ended.line("!! ").contains(told), "{}", ended.stdout);
    }
    assert_eq!(room.names(), ["new", "old"]);
}

#[cfg(unix)]
#[test]
fn a_cancelled_upload_does_not_reach_the_shelf() {
    let room = Room::open();
    room.write("big", vec![0; 50_000_000]);
    let mut ada = room.join("ada");
    // A server that does nothing can't finish it before it is cancelled.
    room.server.signal("STOP");
    ada.types("/upload big");
    ada.shows("-- uploading big");
    ada.types("/cancel");
    ada.shows("-- big cancelled, not uploaded");
    room.server.signal("CONT");
    ada.types("/files");
    ada.types("after");
    ada.shows("ada  after");
    assert!(!ada.leave().stdout.contains("on the shelf:"));
}

#[test]
fn a_cancelled_download_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ada, mut guest) = joined_client(&FakeServer::open(), dir.path());
    ada.types("/download 1");
    begins_download(&mut guest, dir.path());
    ada.shows("-- downloading ");
    ada.types("/cancel 1");
    ada.shows("-- f cancelled, not downloaded");
    ada.close_input();
    guest.see_off();
    ada.wait().has_code(0);
    assert_eq!(names(dir.path()).len(), 0);
}

#[test]
fn there_is_nothing_to_cancel_when_nothing_runs() {
    let ended = Room::open().run("ada", "/cancel\n/cancel 7\n");
    ended.has_code(1);
    assert_eq!(ended.stdout.matches("!! no such transfer is running").count(), 2);
}

#[test]
fn a_script_downloads_what_it_has_just_uploaded_not_an_older_file_of_that_name() {
    let room = Room::open();
    room.write("f", "old");
    room.run("ada", "/upload f\n").has_code(0);
    room.write("f", "new");
    fs::create_dir(room.path("down")).unwrap();
    room.run("ada", "/upload f\n/download f down\n").has_code(0);
    assert_eq!(String::from_utf8_lossy(&room.read("down/f")), "new");
}

#[test]
fn an_upload_that_was_pushed_off_the_shelf_is_named_and_one_taken_off_is_not() {
    for (by, is_named) in [(None, true), (Some(nick("ada")), false)] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("f"), "new").unwrap();
        let (mut ada, mut guest) = joined_client(&FakeServer::open(), dir.path());
        ada.types("/upload f");
        let transfer = guest.wait(|frame| match frame {
            ClientFrame::UploadOffer(offer) => Some(offer.transfer),
            _ => None,
        });
        guest.send(&UploadReady { transfer, offset: 0, digest: None });
        guest.wait(|frame| matches!(frame, ClientFrame::UploadDone(_)).then_some(()));
        let (seq, at, item) =
            (JOINED_AT.next(), UnixMillis(0), item(1, "f", 3, blake3::hash(b"new")));
        guest.send(&Shelved { seq, at, item: item.clone() });
        guest.send(&UploadStored { transfer, item: item.id });
        ada.shows("-- f uploaded as number 1");
        let (item, name) = (item.id, item.name);
        guest.send(&Dropped { seq: seq.next(), at, item, name, nick: by });
        guest.send(&said(2, "after"));
        ada.shows("bob  after");
        ada.close_input();
        guest.see_off();
        let ended = ada.wait();
        ended.has_code(0);
        assert_eq!(ended.stdout.contains("no longer on the shelf"), is_named, "{}", ended.stdout);
    }
}

#[test]
fn an_upload_that_is_stored_but_not_yet_shown_is_waited_for_too() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("f"), "new").unwrap();
    let (mut ada, mut guest) = client_of(&FakeServer::open(), dir.path());
    guest.welcome_to(vec![item(1, "f", 3, blake3::hash(b"old"))]);
    ada.types("/upload f");
    ada.types("/download f");
    let transfer = guest.wait(|frame| match frame {
        ClientFrame::UploadOffer(offer) => Some(offer.transfer),
        _ => None,
    });
    guest.send(&UploadReady { transfer, offset: 0, digest: None });
    guest.wait(|frame| matches!(frame, ClientFrame::UploadDone(_)).then_some(()));
    // Events may be overtaken by other frames.
    guest.send(&UploadStored { transfer, item: ItemId(2) });
    ada.shows("-- f uploaded as number 2");
    let new = Item { id: ItemId(2), ..item(1, "f", 3, blake3::hash(b"new")) };
    guest.send(&Shelved { seq: JOINED_AT.next(), at: UnixMillis(0), item: new });
    let asked = guest.wait(|frame| match frame {
        ClientFrame::DownloadRequest(request) => Some(request.item),
        _ => None,
    });
    assert_eq!(asked, ItemId(2));
}

#[cfg(unix)]
#[test]
fn a_pipe_or_device_is_not_waited_for_but_refused() {
    let room = Room::open();
    let made = std::process::Command::new("mkfifo").arg(room.path("pipe")).status().unwrap();
    assert!(made.success());
    let ended = room.run("ada", "/upload pipe\n/upload /dev/zero\nafter\n");
    ended.has_code(1);
    assert!(ended.line("!! pipe not uploaded: ").contains("not a regular file"));
    assert!(ended.line("!! /dev/zero not uploaded: ").contains("not a regular file"));
}

#[test]
fn a_script_can_cancel_what_it_has_just_begun() {
    let room = Room::open();
    room.write("big", vec![0; 50_000_000]);
    let ended = room.run("ada", "/upload big\n/cancel\n/files\n");
    ended.line("-- big cancelled, not uploaded");
    assert!(!ended.stdout.contains("big uploaded"));
}

#[test]
fn the_uploader_can_drop_a_file_while_others_of_the_account_cannot() {
    let room = Room::open();
    room.write("wrong.txt", "secret");
    room.write("right.txt", "fine");
    let mut ada = room.join("ada");
    ada.types("/upload wrong.txt");
    ada.shows("wrong.txt on the shelf");
    ada.types("/upload right.txt");
    ada.shows("right.txt on the shelf");
    let ended = room.run("bob", "/drop 1\n/files\n");
    ended.has_code(1);
    assert!(ended.stdout.contains("on the shelf: 2 files"), "{}", ended.stdout);
    ada.types("/drop wrong.txt");
    ada.shows("ada took wrong.txt (number 1) off the shelf");
    // A script sees what it did itself.
    let ended = room.run("cy", "/upload wrong.txt\n/drop wrong.txt\n/files\n");
    ended.has_code(0);
    assert!(ended.stdout.contains("on the shelf: 1 file"), "{}", ended.stdout);
    assert_eq!(room.once(&["list"], "").stdout.lines().count(), 1);
}

#[test]
fn uploads_are_named_as_in_a_shell_and_a_folder_gets_an_answer_that_helps() {
    let room = Room::open();
    for name in ["My photo.jpg", "a.txt", "b c.txt"] {
        room.write(name, name);
    }
    fs::create_dir(room.path("pictures")).unwrap();
    let script =
        "/upload \"My photo.jpg\"\n/upload a.txt 'b c.txt'\n/upload b c.txt\n/upload pictures\n";
    let ended = room.run("ada", script);
    ended.has_code(1);
    assert!(
        ended
            .stdout
            .contains("pictures not uploaded: it is a folder; pack it into one file first:")
    );
    let listed = room.once(&["list"], "").stdout;
    assert_eq!(listed.lines().count(), 4, "{listed}");
    let ended = room.once(&["upload", "pictures", "a.txt"], "");
    ended.has_code(1);
    assert_eq!(ended.stdout, "5  a.txt\n");
    if !client_is_for_windows() {
        assert!(
            ended.complaint().ends_with("tar czf pictures.tar.gz pictures"),
            "{}",
            ended.complaint()
        );
    }
}
