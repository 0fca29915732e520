//! Upgrades and downgrades: data of an earlier version is taken over, and data of a later one is
//! refused, with a line that says what to do, and left as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chatshelf_common::id::UploadKey;
use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Program, server_command};
use chatshelf_testkit::samples::{content, file_name};
use chatshelf_testkit::wait::eventually;

use crate::harness::{Home, binary};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A data directory with talk, an item, and an upload that was interrupted.
fn used() -> Home {
    let home = Home::new();
    let server = home.start(&[]);
    let mut ada = Peer::join(server.address(), "ada");
    ada.say_and_hear("hello");
    ada.upload("notes.txt", b"hello shelf\n");
    let transfer = ada.try_offer_keyed(UploadKey([7; 16]), file_name("begun"), 1 << 20).unwrap();
    ada.ready(transfer);
    ada.data(transfer, 0, &content(1, 200_000));
    ada.say_and_hear("this much");
    drop(ada);
    let uploads = home.data_dir().join("uploads");
    eventually("a kept upload", || (names(&uploads).len() == 1).then_some(()));
    server.end_well();
    home
}

/// Every file with its content.
fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for name in names(dir) {
        let path = dir.join(name);
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found
}

/// Checks that the server refuses the directory, at its start and when it is asked to check, with a
/// line that says all of `told`; and that it changes nothing.
#[track_caller]
fn assert_refused(home: &Home, told: &[&str]) {
    let before = tree(&home.data_dir());
    for (options, code) in [(&[][..], 1), (&["--check"], 2)] {
        let mut command: Command = server_command(binary(), &home.data_dir());
        let ended = Program::run(command.args(["--bind", "127.0.0.1"]).args(options), "");
        ended.has_code(code);
        // Windows and Linux separate the parts of a path in their own ways.
        let complaint = ended.complaint().replace('\\', "/");
        assert!(complaint.starts_with("chatshelf-server: cannot use the data directory "));
        for told in told.iter().chain(&["restore a backup from before the upgrade", VERSION]) {
            let told = told.replace('\\', "/");
            assert!(complaint.contains(&told), "{told:?} is not in {complaint:?}");
        }
    }
    assert_eq!(tree(&home.data_dir()), before);
}

fn mark(home: &Home) -> PathBuf {
    home.data_dir().join("chatshelf.format")
}

#[test]
fn the_directory_names_its_format_and_the_version_that_has_written_it() {
    let home = used();
    let text = fs::read_to_string(mark(&home)).unwrap();
    let expected =
        format!("chatshelf data directory, format 1\nwritten by chatshelf-server {VERSION}\n");
    assert_eq!(text, expected);
    // An upgrade, and a downgrade within the same format.
    for other in ["", "written by chatshelf-server 0.0.1\n", "written by chatshelf-server 99.0.0\n"]
    {
        fs::write(mark(&home), format!("chatshelf data directory, format 1\n{other}")).unwrap();
        let server = home.start(&[]);
        let mut bob = Peer::join_with(server.address(), "bob", Some(50));
        bob.download(chatshelf_common::id::ItemId(1));
        bob.hear("hello");
        drop(bob);
        server.end_well();
        assert_eq!(fs::read_to_string(mark(&home)).unwrap(), expected);
    }
}

#[test]
fn a_directory_of_a_later_format_is_refused_with_the_version_to_run() {
    let home = used();
    let text = "chatshelf data directory, format 2\nwritten by chatshelf-server 0.9.0\n";
    fs::write(mark(&home), text).unwrap();
    let told = ["chatshelf-server 0.9.0 has written it, in format 2", "run 0.9.0 or later"];
    assert_refused(&home, &told);
}

/// Gives a meta file this number and the seal that fits.
fn renumber(meta: &Path, number: u8) {
    let mut bytes = fs::read(meta).unwrap();
    bytes.truncate(bytes.len() - 32);
    bytes[3] = number;
    let seal = blake3::hash(&bytes);
    bytes.extend_from_slice(seal.as_bytes());
    fs::write(meta, bytes).unwrap();
}

#[test]
fn files_of_a_later_format_are_refused_even_if_the_mark_is_missing() {
    for (folder, has_mark) in [("shelf", true), ("shelf", false), ("uploads", true)] {
        let home = used();
        let dir = home.data_dir().join(folder);
        let name = names(&dir).remove(0);
        renumber(&dir.join(&name).join("meta"), 2);
        if !has_mark {
            fs::remove_file(mark(&home)).unwrap();
        }
        let file = Path::new(folder).join(name).join("meta").display().to_string();
        assert_refused(
            &home,
            &["a newer chatshelf-server has written its file", &file, "format 2"],
        );
    }
    let home = used();
    let log = home.data_dir().join("log");
    let name = names(&log).remove(0);
    let head = *b"csj\x02";
    let records = fs::read(log.join(&name)).unwrap();
    let whole = [&head[..], &crc32fast::hash(&head).to_be_bytes(), &records].concat();
    fs::write(log.join(&name), whole).unwrap();
    let file = Path::new("log").join(name).display().to_string();
    assert_refused(&home, &["a newer chatshelf-server has written its file", &file, "format 2"]);
}

#[test]
fn a_flipped_bit_is_no_later_format() {
    let home = used();
    let meta = home.data_dir().join("shelf/1/meta");
    let mut bytes = fs::read(&meta).unwrap();
    bytes[3] = 2;
    fs::write(&meta, bytes).unwrap();
    home.start(&[]).end_well();
    assert_eq!(names(&home.data_dir().join("shelf")), ["1.bad"]);
}
