//! The server as a program: how it starts, why it does not, and how it ends.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Ended, Program, Server, command_of, server_command};

use crate::harness::{Home, binary};

/// Where a server starts that nothing keeps from it.
const FREE_PORT: &[&str] = &["--bind", "127.0.0.1", "--port", "0"];

/// Runs the server where, or with options with which, it cannot start.
fn fails_to_start(data_dir: &Path, options: &[&str]) -> Ended {
    Program::run(command_of(binary()).arg("--data-dir").arg(data_dir).args(options), "")
}

/// One line of `code`, for people, that says all of `told`.
#[track_caller]
fn assert_says(ended: &Ended, code: i32, told: &[&str]) {
    assert_eq!((ended.code, &ended.stdout[..]), (Some(code), ""), "{ended:?}");
    let line = ended.stderr.strip_suffix('\n').unwrap_or_default();
    assert!(line.starts_with("chatshelf-server: ") && !line.contains('\n'), "{ended:?}");
    for told in told {
        assert!(line.contains(told), "{told:?} is not in {line:?}");
    }
}

#[test]
fn one_line_says_where_the_room_is_and_how_to_join() {
    let home = Home::new();
    let mut server = home.start(&[]);
    let (address, port) = (server.address(), server.address().port());
    assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
    let line = server.announced().to_owned();
    for told in [
        &format!("listening on {address},"),
        home.data_dir().to_str().unwrap(),
        &format!("chatshelf --host 127.0.0.1 --port {port}"),
    ] {
        assert!(line.contains(told), "{told:?} is not in {line:?}");
    }
    Peer::join(address, "ada").say_and_hear("hello");
    let of_key = server.prints("chatshelf-server: its key is ");
    assert!(of_key.contains(&format!("; link: chatshelf://{address}#SHA256:")), "{of_key}");
    #[cfg(unix)]
    {
        server.ask_to_end();
        let ended = server.wait();
        assert_eq!((ended.code, ended.stderr), (Some(0), String::new()));
        let page = format!("chatshelf-server: in a browser: https://{address}/\n");
        assert_eq!(ended.stdout, format!("{line}\nchatshelf-server: its key is {of_key}\n{page}"));
    }
}

#[test]
fn help_and_version_are_printed_and_nothing_is_done() {
    let home = Home::new();
    for (option, told) in [
        ("--help", "--max-file-size"),
        ("-h", "Usage: chatshelf-server"),
        ("--version", env!("CARGO_PKG_VERSION")),
        ("-V", "chatshelf-server"),
    ] {
        let ended = Program::run(server_command(binary(), &home.data_dir()).arg(option), "");
        assert_eq!((ended.code, &ended.stderr[..]), (Some(0), ""), "{option}");
        assert!(ended.stdout.contains(told), "{option}: {}", ended.stdout);
        assert!(!home.data_dir().exists());
    }
}

#[test]
fn a_bad_option_ends_it_with_2_and_a_line_that_names_it() {
    let home = Home::new();
    for (options, told) in [
        (&["--frobnicate"][..], "frobnicate"),
        (&["--port", "70000"], "--port '70000': must be a number from 0 to 65535"),
        (&["--keep", "0"], "--keep"),
        (&["--bind", "nowhere"], "--bind"),
        (&["--port"], "port"),
        (&["9000"], "unexpected argument '9000'"),
    ] {
        assert_says(&fails_to_start(&home.data_dir(), options), 2, &[told, "--help"]);
    }
    assert!(!home.data_dir().exists());
}

#[test]
fn a_variable_that_an_orchestrator_has_set_does_not_keep_it_from_starting() {
    let home = Home::new();
    let mut command = command_of(binary());
    command.args(["--bind", "127.0.0.1", "--port", "0", "--data-dir"]).arg(home.data_dir());
    command.env("CHATSHELF_SERVER_KEEP", "tcp://10.0.0.7:9000");
    let server = Server::run(&mut command);
    Peer::join(server.address(), "ada").say_and_hear("hello");
    #[cfg(unix)]
    {
        server.ask_to_end();
        let ended = server.wait();
        assert!(ended.stderr.contains("CHATSHELF_SERVER_KEEP"), "{ended:?}");
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(0), 1), "{ended:?}");
    }
    let mut command = server_command(binary(), &home.data_dir());
    let ended = Program::run(command.env("CHATSHELF_SERVER_KEEP", "many"), "");
    assert_says(&ended, 2, &["CHATSHELF_SERVER_KEEP 'many'"]);
}

#[test]
fn an_unavailable_port_or_address_ends_it_with_1() {
    let home = Home::new();
    let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = fails_to_start(&home.data_dir(), &["--port", &port]);
    assert_says(&ended, 1, &[&port, "in use", "--port"]);
    let ended = fails_to_start(&home.data_dir(), &["--port", &port, "--bind", "127.0.0.1"]);
    assert_says(&ended, 1, &[&format!("127.0.0.1:{port}"), "in use"]);
    // An address kept for documentation: no machine has it.
    let ended = fails_to_start(&home.data_dir(), &["--port", "0", "--bind", "192.0.2.1"]);
    assert_says(&ended, 1, &["192.0.2.1", "--bind"]);
    assert!(!home.data_dir().exists());
}

#[test]
fn an_unusable_data_directory_ends_it_with_1() {
    let home = Home::new();
    let file = home.data_dir();
    fs::write(&file, "a file, not a folder").unwrap();
    for data_dir in [&file, &file.join("below")] {
        let ended = fails_to_start(data_dir, FREE_PORT);
        let told = ["data directory", data_dir.to_str().unwrap(), "choose another --data-dir"];
        assert_says(&ended, 1, &told);
    }
    assert_eq!(fs::read(&file).unwrap(), b"a file, not a folder");
}

#[test]
fn a_directory_that_is_not_a_data_directory_is_refused_and_left_as_it_is() {
    for name in ["notes.txt", "uploads/2024/photo.jpg", "uploads/7/content", "shelf/1/content"] {
        let home = Home::new();
        let path = home.data_dir().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "precious").unwrap();
        let ended = fails_to_start(&home.data_dir(), FREE_PORT);
        let place = home.data_dir();
        let told = [place.to_str().unwrap(), "not a data directory", "choose another --data-dir"];
        assert_says(&ended, 1, &told);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        let top = name.split('/').next().unwrap();
        assert_eq!(names(&home.data_dir()), [top], "nothing was written");
    }
}

#[test]
fn a_data_directory_of_a_newer_format_is_refused() {
    let home = Home::new();
    home.start(&[]).end_well();
    let mark = home.data_dir().join("chatshelf.format");
    fs::write(&mark, "chatshelf data directory, format 4711\n").unwrap();
    let ended = fails_to_start(&home.data_dir(), FREE_PORT);
    assert_says(&ended, 1, &["a newer chatshelf-server", "4711"]);
}

#[test]
fn a_data_directory_without_a_mark_is_adopted() {
    let home = Home::new();
    let server = home.start(&[]);
    let item = Peer::join(server.address(), "ada").upload("notes.txt", b"hello shelf\n");
    server.end_well();
    let mark = home.data_dir().join("chatshelf.format");
    fs::remove_file(&mark).unwrap();
    let server = home.start(&[]);
    assert!(mark.exists());
    Peer::join(server.address(), "bob").download(item);
    server.end_well();
}

/// All that is in a data directory, with its permissions.
#[cfg(unix)]
fn modes(dir: &Path) -> Vec<(std::path::PathBuf, u32)> {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut modes = vec![(dir.into(), mode(dir))];
    for name in names(dir) {
        let path = dir.join(name);
        if path.is_dir() {
            modes.extend(self::modes(&path));
        } else {
            modes.push((path.clone(), mode(&path)));
        }
    }
    modes
}

#[cfg(unix)]
#[test]
fn what_it_writes_is_for_its_own_user_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    for umask in ["000", "022", "277"] {
        let home = Home::new();
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &format!(r#"umask {umask}; exec "$@""#), "sh", binary()]);
        command.args(["--port", "0", "--bind", "127.0.0.1", "--data-dir"]).arg(home.data_dir());
        let server = Server::run(&mut command);
        let mut ada = Peer::join(server.address(), "ada");
        let item = ada.upload("notes.txt", b"hello shelf\n");
        let transfer = ada.offer("unfinished", 10);
        ada.ready(transfer);
        let found = modes(&home.data_dir());
        assert!(found.len() > 10, "{found:?}");
        for (path, mode) in found {
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, expected, "{}, umask {umask}", path.display());
        }
        drop(ada);
        server.end_well();
        // What was more open is closed at the next start.
        let paths = ["", "chatshelf.format", "lock", "log", "shelf", "uploads"];
        let item = [format!("shelf/{item}"), format!("shelf/{item}/content")];
        for path in paths.into_iter().chain(item.iter().map(String::as_str)) {
            let path = home.data_dir().join(path);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        home.start(&[]).end_well();
        for (path, mode) in modes(&home.data_dir()) {
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }
}

#[test]
fn a_second_server_on_the_same_directory_ends_with_1_and_the_first_serves_on() {
    let home = Home::new();
    let server = home.start(&[]);
    let mut ada = Peer::join(server.address(), "ada");
    let item = ada.upload("notes.txt", b"hello shelf\n");
    let transfer = ada.offer("unfinished", 10);
    ada.ready(transfer);
    let ended = fails_to_start(&home.data_dir(), FREE_PORT);
    assert_says(&ended, 1, &["another chatshelf-server", home.data_dir().to_str().unwrap()]);
    // It has not cleared away what the first is receiving.
    ada.data(transfer, 0, b"0123456789");
    ada.done(transfer, chatshelf_testkit::samples::digest(b"0123456789"));
    ada.stored(transfer).unwrap();
    ada.download(item);
    drop(ada);
    server.end_well();
}

fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        eprintln!("not tested: this machine has no ::1");
    }
    has
}

#[test]
fn ipv6_works_like_ipv4() {
    if !has_ipv6() {
        return;
    }
    let home = Home::new();
    let server = Server::run(server_command(binary(), &home.data_dir()).args(["--bind", "::1"]));
    let address = server.address();
    assert_eq!(address.ip(), Ipv6Addr::LOCALHOST);
    let told = format!("chatshelf --host ::1 --port {}", address.port());
    assert!(server.announced().contains(&told), "{}", server.announced());
    let mut ada = Peer::join(address, "ada");
    let item = ada.upload("notes.txt", b"hello shelf\n");
    Peer::join(address, "bob").download(item);
    drop(ada);
    server.end_well();
}

#[test]
fn without_an_address_it_is_reached_by_both_families() {
    let home = Home::new();
    let server = Server::run(&mut server_command(binary(), &home.data_dir()));
    let port = server.address().port();
    let mut ada = Peer::join(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "ada");
    ada.say_and_hear("by the old way");
    if has_ipv6() {
        Peer::join(SocketAddr::from((Ipv6Addr::LOCALHOST, port)), "bob")
            .say_and_hear("by the new one");
        ada.hear("by the new one");
    }
    drop(ada);
    server.end_well();
}

#[cfg(unix)]
mod signals {
    use std::io::Write;
    use std::net::TcpStream;

    use chatshelf_common::wire::Code;

    use super::*;
    use chatshelf_testkit::raw::{data, hello};

    #[test]
    fn term_ends_it_with_a_farewell_to_everyone() {
        ends_with_a_farewell_to_everyone("TERM");
    }

    #[test]
    fn int_ends_it_with_a_farewell_to_everyone() {
        ends_with_a_farewell_to_everyone("INT");
    }

    #[test]
    fn hup_ends_it_with_a_farewell_to_everyone() {
        ends_with_a_farewell_to_everyone("HUP");
    }

    /// A server that a shell starts after this command.
    fn start_after(shell: &str, home: &Home) -> Server {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &format!(r#"{shell}; exec "$@""#), "sh", binary()]);
        command.args(["--port", "0", "--bind", "127.0.0.1", "--data-dir"]).arg(home.data_dir());
        Server::run(&mut command)
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_ignored_when_it_was_started_stays_ignored() {
        for signal in ["HUP", "INT", "TERM"] {
            let home = Home::new();
            let server = start_after(&format!("trap '' {signal}"), &home);
            let mut ada = Peer::join(server.address(), "ada");
            for _ in 0..3 {
                server.signal(signal);
                ada.say_and_hear("nothing happens");
            }
            server.signal(if signal == "TERM" { "INT" } else { "TERM" });
            assert_eq!(ada.goodbye().code, Code::SHUTTING_DOWN);
            let ended = server.wait();
            assert_eq!((ended.code, ended.stderr), (Some(0), String::new()), "{signal}");
        }
    }

    #[test]
    fn a_second_one_ends_it_at_once_but_a_second_hup_does_not() {
        for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 0)] {
            let home = Home::new();
            let server = home.start(&[]);
            // More than fits between the server and one who does not read: it takes its time.
            let _deaf = Peer::join(server.address(), "deaf");
            let mut ada = Peer::join(server.address(), "ada");
            for line in 0..900 {
                ada.say(&format!("{line} {}", "x".repeat(8000)));
            }
            ada.say_and_hear("much was said");
            let pid = server.pid();
            let kills = format!("kill -{signal} {pid}; sleep 0.2; kill -{signal} {pid}");
            assert!(
                std::process::Command::new("sh").args(["-c", &kills]).status().unwrap().success()
            );
            let ended = server.wait();
            assert_eq!(ended.code, Some(code), "{signal}: {ended:?}");
        }
    }

    /// As under `ulimit -f`: a write beyond the limit would kill who does not expect it.
    #[test]
    fn a_limit_of_the_size_of_files_ends_an_upload_and_nothing_else() {
        let home = Home::new();
        // Blocks of 512 bytes or, in some shells, 1024: less than a segment of the journal.
        let server = start_after("ulimit -f 3000", &home);
        let mut ada = Peer::join(server.address(), "ada");
        let refused = ada.try_upload("large", &vec![7; 5_000_000]).expect("an answer").unwrap_err();
        assert_eq!(refused.code, Code::STORAGE_FAILED);
        assert!(refused.detail.expect("it says why").as_str().contains("File too large"));
        let item = ada.upload("small", b"hello shelf\n");
        let filler = "x".repeat(8000);
        for line in 0..900 {
            ada.say_and_hear(&format!("{line} {filler}"));
        }
        ada.download(item);
        drop(ada);
        server.signal("TERM");
        let ended = server.wait();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains("ulimit -f"), "{ended:?}");
        assert!(!ended.stderr.contains("cannot write"), "{ended:?}");
        let server = home.start(&["--history", "100000"]);
        let all = Some(chatshelf_common::limits::HISTORY_ALL);
        let mut bob = Peer::join_with(server.address(), "bob", all);
        bob.say_and_hear("and now?");
        let said = bob.view().events().iter();
        let said = said.filter(|event| matches!(event, chatshelf_common::wire::Event::Said(_)));
        assert!(said.count() >= 500, "the talk was kept in more segments");
        drop(bob);
        server.end_well();
    }

    /// A room with someone who listens, someone who has only greeted, someone who has said
    /// nothing, someone who uploads without a pause, and someone who never reads.
    fn ends_with_a_farewell_to_everyone(signal: &str) {
        let home = Home::new();
        let server = home.start(&[]);
        let address = server.address();
        let mut ada = Peer::join(address, "ada");
        let mut greeted = Peer::connect(address);
        greeted.send_bytes(&hello());
        let mut silent = Peer::connect(address);
        let _deaf = Peer::join(address, "deaf");
        let mut uploader = Peer::join(address, "uploader");
        let transfer = uploader.offer("endless", 1 << 30);
        uploader.ready(transfer);
        let uploading = endless_upload(uploader.stream(), transfer.0);
        // More than fits between the server and the one who does not read.
        for line in 0..600 {
            ada.say(&format!("{line} {}", "x".repeat(1000)));
        }
        ada.say_and_hear("much was said");
        server.signal(signal);
        for peer in [&mut ada, &mut greeted, &mut silent, &mut uploader] {
            assert_eq!(peer.goodbye().code, Code::SHUTTING_DOWN, "{}", peer.nick());
        }
        let ended = server.wait();
        assert_eq!((ended.code, ended.stderr), (Some(0), String::new()));
        uploading.join().unwrap();
        assert_eq!(names(&home.data_dir().join("uploads")), [""; 0]);
    }

    /// Sends the pieces of a file until the connection ends.
    fn endless_upload(stream: &TcpStream, transfer: u32) -> std::thread::JoinHandle<()> {
        let mut stream = stream.try_clone().unwrap();
        std::thread::spawn(move || {
            let piece = [7; 50_000];
            let mut offset = 0;
            while stream.write_all(&data(transfer, offset, &piece)).is_ok() {
                offset += piece.len() as u64;
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        })
    }

    #[test]
    fn a_server_that_is_alone_ends_at_once() {
        let home = Home::new();
        home.start(&[]).end_well();
    }
}
