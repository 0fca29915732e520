//! The server's settings: the command line, the environment and the configuration file, and
//! `--check`, which shows them.

use std::fs;
use std::path::Path;

use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Ended, Program, Server, command_of};

use crate::harness::binary;
use crate::harness::place::Place;

/// What `--check` says of an option: its value, and where that comes from.
#[track_caller]
fn setting<'a>(ended: &'a Ended, option: &str) -> (&'a str, &'a str) {
    let line = ended.line(&format!("{option} "));
    let (value, place) = line.split_once(" = ").unwrap().1.rsplit_once("  (").unwrap();
    (value.trim_end(), place.strip_suffix(')').unwrap())
}

#[test]
fn the_command_line_overrides_the_environment_which_overrides_the_file() {
    let place = Place::with("# the room of the lab\nkeep = 3\nhistory = 30\nport = 9300\n");
    let mut command = place.server(&["--port", "0", "--check"]);
    command.env("CHATSHELF_SERVER_HISTORY", "20").env("CHATSHELF_SERVER_PORT", "9200");
    let ended = Program::run(&mut command, "");
    ended.has_code(0);
    assert_eq!(ended.stderr, "");
    assert_eq!(setting(&ended, "port"), ("0", "--port"));
    assert_eq!(setting(&ended, "history"), ("20", "CHATSHELF_SERVER_HISTORY"));
    assert_eq!(setting(&ended, "keep"), ("3", &format!("{}:2", place.shown())[..]));
    assert_eq!(setting(&ended, "max-members"), ("10000", "default"));
    assert_eq!(setting(&ended, "config"), (&place.shown()[..], "--config"));
    assert_eq!(names(place.path()), ["room.conf"], "a check creates nothing");
}

#[test]
fn a_server_starts_with_what_the_file_says() {
    let place = Place::with("bind = 127.0.0.1\nport = 0\ndata-dir = there\nmax-file-size = 7\n");
    let server = Server::run(&mut place.server(&[]));
    assert!(server.announced().contains("there"), "{}", server.announced());
    let mut ada = Peer::join(server.address(), "ada");
    ada.upload("small", b"1234567");
    let transfer = ada.offer("large", 8);
    assert_eq!(ada.stored(transfer).unwrap_err().limit, Some(7));
    drop(ada);
    server.end_well();
}

#[test]
fn the_environment_can_name_the_file() {
    let place = Place::with("keep = 3\n");
    let mut command = command_of(binary());
    command.current_dir(place.path()).arg("--check").env("CHATSHELF_SERVER_CONFIG", place.file());
    let ended = Program::run(&mut command, "");
    ended.has_code(0);
    assert_eq!(setting(&ended, "keep").0, "3");
    assert_eq!(setting(&ended, "config").1, "CHATSHELF_SERVER_CONFIG");
}

#[test]
fn a_mistake_in_the_file_ends_it_with_2_and_a_line_that_names_file_and_line() {
    for (text, told) in [
        (&b"port = 1\nkeep = 0"[..], ":2: keep '0': must be a number from 1 to 1000"),
        (b"\nprot = 9000\n", ":2: there is no option 'prot'"),
        (b"port 9000\n", ":1: 'port 9000' is not a line like 'option = value'"),
        (b"port = 1\nport = 2\n", ":2: port is set on line 1 already"),
        (b"port =\n", ":1: port has no value"),
        (b"check = yes\n", ":1: 'check' cannot be set in a file"),
        (b"config = other\n", ":1: 'config' cannot be set in a file"),
        (b"durability = maybe\n", ":1: durability 'maybe': must be none, interval or always"),
        (
            b"public-url = https://room.example.org:99999\n",
            ":1: public-url 'https://room.example.org:99999': must be http:// or https://, a host, \
             and maybe a port from 1 to 65535, such as https://room.example.org",
        ),
        (
            b"web-dir = /nonexistent\n",
            ":1: web-dir '/nonexistent': must be a directory with the files of a page",
        ),
        (b"port = \xff\n", ": it is not UTF-8"),
        (&[b'#'; 65537], ": it is too long for a configuration file"),
    ] {
        let place = Place::with(text);
        for options in [&[][..], &["--check"]] {
            let ended = Program::run(&mut place.server(options), "");
            ended.has_code(2);
            assert_eq!(ended.stdout, "");
            let expected = format!("chatshelf-server: {}{told}", place.shown());
            assert_eq!(ended.complaint(), expected);
        }
        assert_eq!(names(place.path()), ["room.conf"]);
    }
}

#[test]
fn a_file_that_cannot_be_read_ends_it_with_2() {
    let place = Place::with("");
    for path in [place.path().join("nowhere"), place.path().to_owned()] {
        let ended = Program::run(command_of(binary()).arg("--config").arg(&path), "");
        ended.has_code(2);
        let told = format!("chatshelf-server: cannot read {}: ", path.display());
        assert!(ended.complaint().starts_with(&told), "{ended:?}");
    }
}

fn check(place: &Place, options: &[&str]) -> Ended {
    Program::run(place.server(options).arg("--check"), "")
}

/// Checks that `--check` finds one problem, whose line says all of `told`.
#[track_caller]
fn assert_problem(place: &Place, options: &[&str], told: &[&str]) {
    let ended = check(place, options);
    ended.has_code(2);
    assert_eq!(setting(&ended, "keep"), ("5", "default"), "the settings are shown all the same");
    let complaint = ended.complaint();
    assert!(complaint.starts_with("chatshelf-server: "), "{complaint}");
    assert!(told.iter().all(|told| complaint.contains(told)), "{complaint}");
}

#[test]
fn a_check_finds_what_would_keep_the_server_from_starting() {
    let place = Place::with("port = 0\n");
    let within = |name: &str| place.path().join(name);
    fs::write(within("file"), "").unwrap();
    fs::create_dir_all(within("photos/2024")).unwrap();
    fs::create_dir(within("newer")).unwrap();
    let mark = "chatshelf data directory, format 4711\n";
    fs::write(within("newer/chatshelf.format"), mark).unwrap();
    for (data_dir, told) in [
        ("file", "it is not a directory; choose another --data-dir"),
        ("file/below", "it is not a directory; choose another --data-dir"),
        ("photos", "it contains \"2024\", so it is not a data directory"),
        ("newer", "4711"),
    ] {
        let told = [&format!("cannot use the data directory {data_dir}: "), told];
        assert_problem(&place, &["--data-dir", data_dir], &told);
    }
    let told = ["192.0.2.1:0 is not an address of this machine; try another --bind"];
    assert_problem(&place, &["--bind", "192.0.2.1"], &told);
    let both = check(&place, &["--bind", "192.0.2.1", "--data-dir", "file"]);
    both.has_code(2);
    assert_eq!(both.stderr.lines().count(), 2, "{both:?}");
}

#[cfg(unix)]
#[test]
fn a_check_finds_a_directory_that_this_user_may_not_write_to() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with("");
    let closed = place.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::create_dir(closed.join("try")).is_ok() {
        eprintln!("not tested: this user may write everywhere");
        return;
    }
    for data_dir in ["closed", "closed/below/it"] {
        let told = ["this user may not write to", closed.to_str().unwrap()];
        assert_problem(&place, &["--data-dir", data_dir], &told);
    }
}

fn tree(dir: &Path) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for name in names(dir) {
        let path = dir.join(&name);
        if path.is_dir() {
            found.extend(tree(&path));
        }
        found.push((name, fs::read(&path).map_or(0, |bytes| bytes.len())));
    }
    found
}

#[test]
fn a_check_beside_a_running_server_finds_nothing_wrong_and_disturbs_nothing() {
    let place = Place::with("bind = 127.0.0.1\ndata-dir = data\n");
    let server = Server::run(&mut place.server(&["--port", "0"]));
    let mut ada = Peer::join(server.address(), "ada");
    ada.say_and_hear("hello");
    let before = tree(&place.path().join("data"));
    let port = server.address().port().to_string();
    let ended = check(&place, &["--port", &port]);
    ended.has_code(0);
    assert_eq!(setting(&ended, "port"), (&port[..], "--port"));
    assert_eq!(tree(&place.path().join("data")), before);
    // The port that a moment ago was bound a second time still accepts.
    Peer::join(server.address(), "bob").say_and_hear("me too");
    ada.hear("me too");
    drop(ada);
    server.end_well();
}
