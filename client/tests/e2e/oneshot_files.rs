//! One-shot commands that move files: from and to files and pipes, with nothing on standard output
//! but what was asked for.

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use chatshelf_testkit::fake_server::FakeServer;
#[cfg(unix)]
use chatshelf_testkit::peer::Peer;
#[cfg(unix)]
use chatshelf_testkit::programs::Program;
#[cfg(unix)]
use chatshelf_testkit::programs::signal;
use chatshelf_testkit::samples::item;
use chatshelf_testkit::wait::eventually;
use serde_json::json;

use crate::harness::programs::client_is_for_windows;
#[cfg(unix)]
use crate::harness::programs::in_shell;
use crate::harness::room::{Room, client_command, client_with};
use crate::oneshot::values;

#[test]
fn uploads_show_their_numbers_and_no_progress_on_pipes() {
    let room = Room::open();
    room.write("a", "content of a");
    room.write("b b", vec![7; 3_000_000]);
    let ended = room.once(&["upload", "a", "b b"], "");
    ended.has_code(0);
    let mut lines: Vec<&str> = ended.stdout.lines().map(|line| &line[3..]).collect();
    lines.sort_unstable();
    assert_eq!((lines, &ended.stderr[..]), (vec!["a", "b b"], ""));
    let ended = room.once(&["list", "--json"], "");
    ended.has_code(0);
    let list = &values(&ended.stdout)[0];
    let sizes: Vec<_> = list.as_array().unwrap().iter().map(|item| item["size"].clone()).collect();
    assert!(sizes.contains(&json!(12)) && sizes.contains(&json!(3_000_000)), "{list}");
    let ended = room.once(&["list"], "");
    let line = ended.stdout.lines().find(|line| line.contains("  a  ")).unwrap();
    assert!(line.ends_with(&blake3::hash(b"content of a").to_string()), "{line}");
    assert_eq!(ended.stdout.lines().count(), 2);
}

#[test]
fn an_upload_may_have_another_name_and_come_from_a_pipe() {
    let room = Room::open();
    room.write("a", "content");
    assert_eq!(room.once(&["upload", "a", "--as", "b.txt"], "").stdout, "1  b.txt\n");
    let ended = room.once(&["upload", "--as", "piped", "-"], "from a pipe\n");
    ended.has_code(0);
    assert_eq!(ended.stdout, "2  piped\n");
    room.once(&["upload", "-", "--as", "nothing"], "").has_code(0);
    assert_eq!(room.once(&["download", "2", "-o", "-"], "").stdout, "from a pipe\n");
    assert_eq!(room.once(&["download", "nothing", "-o", "-"], "").stdout, "");
    // Nothing of it stays in the folder it was run in.
    assert_eq!(room.names(), ["a"]);
}

#[test]
fn a_download_is_a_new_file_unless_it_is_to_preserve_what_was_uploaded() {
    let room = Room::open();
    room.write("run.sh", "#!/bin/sh\n");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_934_245);
    let file = std::fs::OpenOptions::new().write(true).open(room.path("run.sh")).unwrap();
    file.set_modified(time).unwrap();
    make_executable(&file);
    room.once(&["upload", "run.sh"], "").has_code(0);
    let listed = &values(&room.once(&["list", "--json"], "").stdout)[0][0];
    let keeps_modes = !client_is_for_windows();
    assert_eq!(listed["modified"], "2020-01-02T03:04:05.000Z");
    assert_eq!(listed["mode"], if keeps_modes { json!("0755") } else { json!(null) });
    room.once(&["download", "1", "-o", "plain"], "").has_code(0);
    room.once(&["download", "1", "-o", "same", "--preserve"], "").has_code(0);
    let metadata = |name| std::fs::metadata(room.path(name)).unwrap();
    assert_eq!(metadata("same").modified().unwrap(), time);
    assert_ne!(metadata("plain").modified().unwrap(), time);
    assert_eq!(
        (is_executable(&metadata("same")), is_executable(&metadata("plain"))),
        (keeps_modes, false)
    );
    let piped = room.once(&["download", "1", "-o", "-", "--preserve"], "");
    assert_eq!((piped.stdout.as_str(), piped.stderr.as_str()), ("#!/bin/sh\n", ""));
    // Of what comes from a pipe, only our own temporary file has a mode and a time.
    room.once(&["upload", "-", "--as", "piped"], "x").has_code(0);
    let listed = &values(&room.once(&["list", "--json"], "").stdout)[0][1];
    assert_eq!((&listed["mode"], &listed["modified"]), (&json!(null), &json!(null)));
}

#[cfg(unix)]
fn make_executable(file: &std::fs::File) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    file.set_permissions(mode).unwrap();
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn make_executable(_file: &std::fs::File) {}

#[cfg(not(unix))]
fn is_executable(_metadata: &std::fs::Metadata) -> bool {
    false
}

#[cfg(unix)]
#[test]
fn what_an_earlier_run_has_uploaded_can_be_taken_off_and_nothing_else() {
    let mut room = Room::open();
    for name in ["a", "b b", "c"] {
        room.write(name, name);
        room.once(&["upload", name], "").has_code(0);
    }
    let mut other = client_command(room.address(), &room.files());
    other.args(["--name", "eve", "drop", "1"]).env("CHATSHELF_STATE_DIR", room.path("elsewhere"));
    let refused = Program::start(&mut other).wait();
    refused.has_code(4);
    let told = "chatshelf: the file stays on the shelf: someone else shared that file";
    assert_eq!(refused.complaint(), told);
    room.kill_server();
    room.restart_server();
    let ended = room.once(&["drop", "b b", "#1"], "");
    ended.has_code(0);
    let mut lines: Vec<&str> = ended.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["1  a", "2  b b"]);
    assert_eq!(room.once(&["list"], "").stdout.lines().count(), 1);
    for (arguments, complaint) in [
        (["drop", "1"], "chatshelf: the file stays on the shelf: that file has been dropped"),
        (["drop", "99"], "chatshelf: the file stays on the shelf: nothing with that number"),
        (["drop", "x"], "chatshelf: nothing on the shelf is called x"),
    ] {
        let ended = room.once(&arguments, "");
        ended.has_code(4);
        assert!(ended.complaint().starts_with(complaint), "{}", ended.complaint());
    }
    let told = &room.once(&["tail", "--json"], "").stdout;
    let dropped = values(told).into_iter().find(|event| event["type"] == "dropped").unwrap();
    assert!(dropped["nick"].is_string() && dropped["id"].is_number(), "{dropped}");
}

/// Other systems take no such names.
#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_mapped_and_stops_no_other() {
    use std::os::unix::ffi::OsStrExt;
    let room = Room::open();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.txt");
    std::fs::write(room.files().join(name), "latin").unwrap();
    room.write("one", "1");
    let run = |arguments: &[&std::ffi::OsStr]| {
        Program::run(client_command(room.address(), &room.files()).args(arguments), "")
    };
    let ended = run(&["upload".as_ref(), "one".as_ref(), name]);
    ended.has_code(0);
    let mut lines: Vec<&str> = ended.stdout.lines().map(|line| &line[3..]).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["caf_.txt", "one"]);
    run(&["upload".as_ref(), name, "--as".as_ref(), "x".as_ref()]).has_code(0);
    let missing = std::ffi::OsStr::from_bytes(b"no\xe9");
    let ended = run(&["upload".as_ref(), missing]);
    ended.has_code(1);
    assert_eq!(ended.complaint(), r"chatshelf: no\xE9 not uploaded: no such file or directory");
    for arguments in [
        &["send".as_ref(), name][..],
        &[name],
        &["upload".as_ref(), "one".as_ref(), "--as".as_ref(), name],
        &["--name".as_ref(), name, "list".as_ref()],
    ] {
        let ended = run(arguments);
        ended.has_code(2);
        assert!(ended.complaint().contains(r"caf\xE9.txt"), "{}", ended.complaint());
    }
}

#[test]
fn files_that_cannot_be_uploaded_fail_and_the_rest_arrive() {
    let room = Room::open_with(&["--max-file-size", "10"]);
    room.write("small", "small");
    room.write("large", "large, too large");
    let ended = room.once(&["upload", "missing", "small"], "");
    ended.has_code(1);
    assert_eq!(ended.stdout, "1  small\n");
    let told = "chatshelf: missing not uploaded: no such file or directory";
    assert_eq!(ended.complaint(), told);
    let ended = room.once(&["upload", "large"], "");
    ended.has_code(4);
    assert!(ended.complaint().contains("10 bytes)"), "{}", ended.stderr);
}

/// A path as the client under test writes it, with the separator of the system that the test knows.
fn local(path: &str) -> String {
    if client_is_for_windows() { path.replace('\\', "/") } else { path.to_owned() }
}

#[test]
fn a_download_shows_where_it_is_and_overwrites_nothing() {
    let room = Room::open();
    room.write("a.txt", "content");
    room.once(&["upload", "a.txt"], "").has_code(0);
    let shown = |args: &[&str]| {
        let ended = room.once(args, "");
        ended.has_code(0);
        assert_eq!(ended.stderr, "");
        local(ended.stdout.trim_end())
    };
    std::fs::create_dir(room.path("dir")).unwrap();
    for args in [
        &["download", "a.txt"][..],
        &["download", "#1", "-o", "dir"],
        &["download", "--latest", "--output", "b.txt"],
        &["--download-dir", "dir", "download", "1"],
    ] {
        let path = shown(args);
        assert_eq!(room.read(&path), b"content", "{args:?}: {path}");
    }
    assert_eq!(room.names(), ["a (1).txt", "a.txt", "b.txt", "dir"]);
    assert_eq!(std::fs::read_dir(room.path("dir")).unwrap().count(), 2);
}

#[test]
fn several_downloads_show_a_path_each_and_the_worst_decides() {
    let room = Room::open();
    for name in ["a", "b", "c d"] {
        room.write(name, format!("content of {name}"));
        room.once(&["upload", name], "").has_code(0);
    }
    std::fs::create_dir(room.path("dir")).unwrap();
    // Item 2 by its number, its name, and once more: it is fetched once.
    let ended = room.once(&["download", "a", "2", "b", "--latest", "#2", "-o", "dir"], "");
    ended.has_code(0);
    let mut paths: Vec<String> = ended.stdout.lines().map(local).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["dir/a", "dir/b", "dir/c d"]);
    for name in ["a", "b", "c d"] {
        let content = format!("content of {name}").into_bytes();
        assert_eq!(room.read(&format!("dir/{name}")), content);
    }
    let ended = room.once(&["--download-dir", "dir", "download", "nothing", "a"], "");
    ended.has_code(4);
    assert_eq!(ended.complaint(), "chatshelf: nothing on the shelf is called nothing");
    assert_eq!(local(&ended.stdout), "dir/a (1)\n", "the other one is there");
    for arguments in [&["a", "b", "-o", "-"][..], &["a", "b", "-o", "file"]] {
        let ended = room.once(&[&["download"], arguments].concat(), "");
        ended.has_code(2);
    }
    assert_eq!(room.names(), ["a", "b", "c d", "dir"]);
}

#[test]
fn more_uploads_than_the_shelf_keeps_are_refused_before_the_first() {
    let room = Room::open_with(&["--keep", "2"]);
    for name in ["a", "b", "c"] {
        room.write(name, name);
    }
    let ended = room.once(&["upload", "a", "b", "c"], "");
    ended.has_code(4);
    assert!(ended.complaint().contains("of 3 files the shelf would keep the last 2"));
    assert_eq!((&ended.stdout[..], &room.once(&["list"], "").stdout[..]), ("", ""));
    room.once(&["upload", "a", "b"], "").has_code(0);
    assert_eq!(room.once(&["list"], "").stdout.lines().count(), 2);
}

#[test]
fn a_pipe_with_more_than_the_server_takes_is_refused_and_nothing_stays() {
    let room = Room::open_with(&["--max-file-size", "1000"]);
    let space = tempfile::tempdir().unwrap();
    let mut command = client_command(room.address(), &room.files());
    command
        .args(["upload", "-", "--as", "endless"])
        .env("TMPDIR", space.path())
        .env("TMP", space.path());
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // It never ends by itself: the program does not wait for that.
    while input.write_all(&[b'x'; 4096]).is_ok() {}
    let ended = eventually("the end of an upload", || child.try_wait().unwrap());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(ended.code(), Some(4), "{stderr}");
    assert!(stderr.contains("larger than the server accepts (1000 bytes)"), "{stderr}");
    // Where the system removes it, that may be a moment after the program's end.
    let is_empty = || std::fs::read_dir(space.path()).unwrap().next().is_none();
    eventually("no temporary file", || is_empty().then_some(()));
    assert_eq!(room.once(&["list"], "").stdout, "");
    let exact = "x".repeat(1000);
    room.once(&["upload", "-", "--as", "exact"], &exact).has_code(0);
    assert_eq!(room.once(&["download", "exact", "-o", "-"], "").stdout, exact);
}

#[test]
fn what_is_not_on_the_shelf_is_refused() {
    let room = Room::open_with(&["--keep", "1"]);
    for (wanted, told) in
        [("--latest", "the shelf is empty"), ("x", "called x"), ("7", "number 7 not downloaded")]
    {
        let ended = room.once(&["download", wanted], "");
        ended.has_code(4);
        assert!(ended.complaint().contains(told), "{}", ended.stderr);
    }
    for name in ["a", "b"] {
        room.write(name, name);
        room.once(&["upload", name], "").has_code(0);
    }
    let ended = room.once(&["download", "1", "-o", "-"], "");
    ended.has_code(4);
    assert!(ended.complaint().contains("dropped"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_file_called_like_a_number_is_never_taken_for_the_item_of_that_number() {
    let room = Room::open();
    for (name, content) in [("a", "the first"), ("1", "called 1"), ("#1", "called #1")] {
        room.write(name, content);
        room.once(&["upload", name], "").has_code(0);
    }
    let got = |wanted| room.once(&["download", wanted, "-o", "-"], "");
    for (wanted, content) in [
        ("#1", "the first"),
        ("2", "called 1"),
        ("name:1", "called 1"),
        ("name:#1", "called #1"),
        ("a", "the first"),
    ] {
        assert_eq!(got(wanted).stdout, content, "{wanted}");
    }
    let ended = got("1");
    ended.has_code(1);
    assert!(ended.complaint().contains("could be a number or a name"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    let ended = room.run("bob", "/download 1\n/download #1 first\n");
    ended.has_code(1);
    assert!(ended.line("!! '1' could be").contains("name:1 the name"));
    assert_eq!(room.read("first"), b"the first");
}

#[test]
fn a_hidden_name_and_one_like_an_option_are_written_only_when_asked_for() {
    let room = Room::open();
    for name in [".profile", "-rf", "~"] {
        room.write(name, "content");
        room.once(&["upload", "--", name], "").has_code(0);
        std::fs::remove_file(room.path(name)).unwrap();
        room.once(&["download", "--", name], "").has_code(0);
        room.run("bob", &format!("/download {name}\n")).has_code(0);
    }
    let kept = ["_-rf", "_-rf (1)", "_.profile", "_ (1).profile", "_~", "_~ (1)"];
    let mut names = room.names();
    names.sort_by_key(|name| kept.iter().position(|kept| kept == name));
    assert_eq!(names, kept);
    room.once(&["download", ".profile", "-o", ".profile"], "").has_code(0);
    assert_eq!(room.read(".profile"), b"content");
}

/// As under `ulimit -f`: a write beyond the limit would kill who does not expect it.
#[cfg(unix)]
#[test]
fn a_limit_of_the_size_of_files_is_an_error_with_a_reason() {
    let room = Room::open();
    room.write("large", vec![7; 1_000_000]);
    room.once(&["upload", "large"], "").has_code(0);
    let mut client = client_command(room.address(), &room.files());
    client.args(["download", "large", "-o", "copy"]);
    let ended = Program::run(&mut in_shell(r#"ulimit -f 200; exec "$0" "$@""#, &client), "");
    ended.has_code(1);
    assert!(ended.complaint().to_lowercase().contains("too large"), "{}", ended.stderr);
}

#[test]
fn nothing_that_was_not_verified_gets_onto_standard_output() {
    let server = FakeServer::open();
    let dir = tempfile::tempdir().unwrap();
    let (client, mut guest) = client_with(&server, dir.path(), &["download", "f", "-o", "-"]);
    let damaged = item(1, "f", 7, blake3::hash(b"other"));
    guest.welcome_to(vec![damaged.clone()]);
    guest.begin_download(damaged, b"content");
    guest.see_off();
    let ended = client.wait();
    ended.has_code(1);
    assert!(ended.complaint().contains("BLAKE3 differs"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let room = Room::open();
    room.write("large", vec![b'x'; 2_000_000]);
    room.once(&["upload", "large"], "").has_code(0);
    let mut command = client_command(room.address(), &room.files());
    command.args(["download", "large", "-o", "-"]).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ended = eventually("the end of a download", || child.try_wait().unwrap());
    assert_eq!((&first, ended.code()), (b"xxxxxxxxxx", Some(0)));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "");
}

#[cfg(unix)]
#[test]
fn a_pipe_given_up_leaves_nothing_on_the_shelf_and_no_temporary_file() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let space = tempfile::tempdir().unwrap();
    let mut command = client_command(room.address(), &room.files());
    command
        .args(["upload", "-", "--as", "half"])
        .env("TMPDIR", space.path())
        .env("TMP", space.path());
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"half of it").unwrap();
    let spooled = || std::fs::read_dir(space.path()).unwrap().count() == 1;
    eventually("a temporary file", || spooled().then_some(()));
    peer.sees_join("tester");
    signal(child.id(), if client_is_for_windows() { "INT" } else { "TERM" });
    let ended = eventually("the end of an upload", || child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(1));
    eventually("no temporary file", || (!spooled()).then_some(()));
    assert_eq!(room.once(&["list"], "").stdout, "");
}
