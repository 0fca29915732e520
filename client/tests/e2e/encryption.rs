//! Which server a client talks to, and how it knows: first contact, keys that are known, named,
//! certified or have changed, and peers that do not encrypt. Whatever other tests say over a
//! connection, they say over TLS.
//!
//! `127.1` leads to this machine, but nobody can tell that from the name: it stands for a server
//! elsewhere.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{Frame, Goodbye};
use chatshelf_testkit::files::write_secret;
use chatshelf_testkit::programs::{Ended, Program};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::harness::programs;
use crate::harness::room::Room;
#[cfg(unix)]
use crate::harness::terminal::Terminal;

const ELSEWHERE: &str = "127.1";

/// The command of a client of this room, whose server it knows by this name.
fn command(room: &Room, host: &str) -> Command {
    let mut command = programs::client();
    let port = room.address().port().to_string();
    command.args(["--host", host, "--port", &port, "--history", "none"]);
    command.current_dir(room.files()).env("TZ", "UTC").env("USER", "tester");
    command.env("CHATSHELF_STATE_DIR", room.state());
    command
}

fn run(room: &Room, host: &str, arguments: &[&str]) -> Ended {
    Program::run(command(room, host).args(arguments), "")
}

/// The fingerprint that the room's server has printed.
fn key(room: &mut Room) -> Fingerprint {
    let printed = room.server.prints("chatshelf-server: its key is ");
    printed.split(';').next().unwrap().parse().unwrap()
}

fn known_hosts(room: &Room) -> String {
    std::fs::read_to_string(room.state().join("known_hosts")).unwrap_or_default()
}

/// Checks that a client has not connected; answers why.
#[track_caller]
fn refused(ended: &Ended) -> &str {
    ended.has_code(3);
    assert_eq!(ended.stdout, "");
    ended.complaint()
}

#[test]
fn on_this_machine_a_key_is_remembered_without_a_question() {
    let mut room = Room::open();
    let (key, port) = (key(&mut room), room.address().port());
    let ended = run(&room, "127.0.0.1", &["who"]);
    ended.has_code(0);
    assert_eq!(ended.stderr, "");
    assert_eq!(known_hosts(&room), format!("127.0.0.1:{port} tls {key}\n"));
    #[cfg(unix)]
    if !programs::client_is_for_windows() {
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::metadata(room.state().join("known_hosts")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }
    run(&room, "127.0.0.1", &["who"]).has_code(0);
    assert_eq!(known_hosts(&room).lines().count(), 1);
}

#[test]
fn a_command_does_not_ask_and_says_what_to_type() {
    let mut room = Room::open();
    let (key, port) = (key(&mut room), room.address().port());
    let link = format!("chatshelf://127.1:{port}#{key}");
    let ended = run(&room, ELSEWHERE, &["send", "hello"]);
    let expected = format!(
        "chatshelf: the key of 127.1:{port} is not known here: {key}; if the server shows the \
         same, type once: chatshelf --host '{link}' list"
    );
    assert_eq!(refused(&ended), expected);
    assert_eq!(refused(&Program::run(&mut command(&room, ELSEWHERE), "hello\n")), expected);
    assert_eq!(known_hosts(&room), "");
    let mut typed = programs::client();
    typed.args(["--host", &link, "list"]).env("CHATSHELF_STATE_DIR", room.state());
    Program::run(&mut typed, "").has_code(0);
    run(&room, ELSEWHERE, &["send", "hello"]).has_code(0);
}

#[test]
fn a_script_can_accept_or_name_the_key() {
    let mut room = Room::open();
    let (key, port) = (key(&mut room), room.address().port());
    let other = Fingerprint::of(b"other").to_string();
    let ended = run(&room, ELSEWHERE, &["--fingerprint", &other, "who"]);
    let expected = format!("you gave {other}, its key is {key}");
    assert!(refused(&ended).contains(&expected), "{}", ended.stderr);
    let link = format!("chatshelf://127.1:{port}#{other}");
    let ended = Program::run(programs::client().args(["--host", &link, "--accept-new", "who"]), "");
    assert!(refused(&ended).contains(&expected), "{}", ended.stderr);
    assert_eq!(known_hosts(&room), "");
    run(&room, ELSEWHERE, &["--fingerprint", &key.to_string(), "who"]).has_code(0);
    run(&room, ELSEWHERE, &["who"]).has_code(0);
    let forgotten = run(&room, ELSEWHERE, &["forget", &format!("127.1:{port}")]);
    forgotten.has_code(0);
    assert_eq!(forgotten.stdout, format!("127.1:{port}: 1 key forgotten\n"));
    refused(&run(&room, ELSEWHERE, &["who"]));
    run(&room, ELSEWHERE, &["--accept-new", "who"]).has_code(0);
    run(&room, ELSEWHERE, &["who"]).has_code(0);
}

#[cfg(unix)]
#[test]
fn a_changed_key_is_refused_here_too_until_it_is_forgotten() {
    let mut room = Room::open();
    let port = room.address().port();
    let old = key(&mut room);
    run(&room, "127.0.0.1", &["who"]).has_code(0);
    room.kill_server();
    std::fs::remove_file(room.data().join("key.pem")).unwrap();
    room.restart_server();
    let new = key(&mut room);
    assert_ne!(old, new);
    // What is before the name ends in `/` or `\`.
    let expected = format!("known_hosts:1) and is now {new}");
    let arguments: [&[&str]; 3] =
        [&["who"], &["--accept-new", "who"], &["--fingerprint", &new.to_string(), "who"]];
    for arguments in arguments {
        let ended = run(&room, "127.0.0.1", arguments);
        let complaint = refused(&ended);
        assert!(complaint.contains(&format!("it was {old} (")), "{complaint}");
        assert!(complaint.contains(&expected), "{complaint}");
        assert!(complaint.ends_with(&format!("type: chatshelf forget 127.0.0.1:{port}")));
    }
    run(&room, "127.0.0.1", &["forget", &format!("127.0.0.1:{port}")]).has_code(0);
    run(&room, "127.0.0.1", &["who"]).has_code(0);
    let ended = run(&room, "127.0.0.1", &["forget", "lab"]);
    ended.has_code(1);
    assert_eq!(ended.complaint(), "chatshelf: no key of lab:9000 is known");
}

#[cfg(unix)]
#[test]
fn a_member_is_not_reconnected_to_another_key() {
    let mut room = Room::open();
    let mut ada = room.join("ada");
    room.kill_server();
    ada.types("kept");
    std::fs::remove_file(room.data().join("key.pem")).unwrap();
    room.restart_server();
    let ended = ada.wait();
    ended.has_code(3);
    assert!(ended.stderr.contains("has changed"), "{}", ended.stderr);
    ended.line("!! 1 line was not sent");
}

#[test]
fn what_is_remembered_must_be_readable() {
    let room = Room::open();
    let place = room.state().join("known_hosts");
    std::fs::create_dir_all(&place).unwrap();
    let ended = run(&room, "127.0.0.1", &["who"]);
    let complaint = refused(&ended);
    assert!(complaint.ends_with("known_hosts: it is not a regular file"), "{complaint}");
    run(&room, "127.0.0.1", &["forget", "lab"]).has_code(1);
}

#[test]
fn where_nothing_can_be_remembered_everything_works_and_one_is_told() {
    let room = Room::open();
    let no_directory = room.files().join("taken");
    std::fs::write(&no_directory, "").unwrap();
    let run = |host: &str, arguments: &[&str], input: &str| {
        let mut command = command(&room, host);
        command.env("CHATSHELF_STATE_DIR", &no_directory).args(arguments);
        Program::run(&mut command, input)
    };
    for (arguments, input) in [(&["--accept-new", "who"][..], ""), (&["--accept-new"], "hello\n")] {
        let ended = run(ELSEWHERE, arguments, input);
        ended.has_code(0);
        let complaint = ended.complaint();
        assert!(complaint.contains("cannot be remembered: "), "{complaint}");
    }
    // Here it makes no difference.
    let ended = run("127.0.0.1", &["who"], "");
    ended.has_code(0);
    assert_eq!(ended.stderr, "");
    let ended = run("127.0.0.1", &["forget", "lab"], "");
    assert_eq!(ended.complaint(), "chatshelf: no key of lab:9000 is known");
}

#[test]
fn an_authority_of_ones_choice_vouches_for_a_server() {
    let [authority_key, key] = [(); 2].map(|()| KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::from_params(&params, &authority_key);
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let own = own.signed_by(&key, &issuer).unwrap();
    let other = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: String| {
        let path = dir.path().join(name);
        write_secret(&path, &pem);
        path.to_str().unwrap().to_owned()
    };
    let (certificate, key) = (file("own.pem", own.pem()), file("key.pem", key.serialize_pem()));
    let room = Room::open_with(&["--tls-cert", &certificate, "--tls-key", &key]);
    let (right, wrong) = (file("ca.pem", authority.pem()), file("other.pem", other.pem()));
    run(&room, "127.0.0.1", &["--ca", &right, "who"]).has_code(0);
    assert_eq!(known_hosts(&room), "", "the authority's word is enough");
    for (host, file, why) in [
        ("127.0.0.1", &wrong, "its certificate is from another authority"),
        ("localhost", &right, "its certificate is for another name"),
    ] {
        let ended = run(&room, host, &["--ca", file, "--accept-new", "who"]);
        let complaint = refused(&ended);
        assert!(complaint.contains("is not a server that --ca vouches for"), "{complaint}");
        assert!(complaint.contains(why), "{complaint}");
    }
    let ended = run(&room, "127.0.0.1", &["--ca", "nothing.pem", "who"]);
    ended.has_code(2);
    assert!(ended.complaint().contains("--ca 'nothing.pem'"), "{}", ended.stderr);
}

#[test]
fn plain_and_encrypted_do_not_mix_and_each_says_what_to_do() {
    // An older server: it understands nothing of this, and says so in its own way.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut first = [0; 6];
        socket.read_exact(&mut first).unwrap();
        socket.write_all(&Goodbye::new(Code::UNKNOWN_TYPE).to_bytes()).unwrap();
        first[0]
    });
    let mut who = programs::client();
    let ended = Program::run(who.args(["--host", "127.0.0.1", "--port", &port, "who"]), "");
    let expected = format!(
        "chatshelf: cannot connect to 127.0.0.1:{port}: it does not speak TLS; --no-tls connects \
         without encryption"
    );
    assert_eq!(refused(&ended), expected);
    assert_eq!(server.join().unwrap(), 0x16, "nothing was said without encryption");

    let room = Room::open_with(&["--allow-plain", "none"]);
    let ended = run(&room, "127.0.0.1", &["--no-tls", "who"]);
    ended.has_code(4);
    let complaint = ended.complaint();
    assert!(
        complaint.ends_with("wants an encrypted connection; leave out --no-tls"),
        "{complaint}"
    );
    run(&room, "127.0.0.1", &["who"]).has_code(0);
}

#[test]
fn a_full_server_is_not_taken_for_one_without_encryption() {
    let room = Room::open_with(&["--limit-exempt", "none", "--max-address-connections", "1"]);
    let mut ada = room.join("ada");
    let ended = run(&room, "127.0.0.1", &["who"]);
    let complaint = refused(&ended);
    let expected = format!(
        "chatshelf: cannot connect to {}: it was refused without encryption, so this may not be \
         the server's word: too many connections come from this address (the limit is 1); try \
         again in 10 s",
        room.address()
    );
    assert_eq!(complaint, expected);
    ada.types("/quit");
    ada.wait().has_code(0);
}

#[cfg(unix)]
#[test]
fn a_person_is_asked_and_must_mean_it() {
    let mut room = Room::open();
    let key = key(&mut room).to_string();
    let start = |options: &[&str]| {
        Terminal::start(command(&room, ELSEWHERE).args(["--name", "ada"]).args(options))
    };
    let mut screen = start(&[]);
    screen.shows("Is this the right server?");
    screen.shows(&key);
    screen.types("\r");
    screen.types("yn\r");
    screen.types("no\r");
    assert_eq!(screen.wait(), 3);
    screen.shows("is not known here");

    let mut plain = start(&["--plain"]);
    plain.shows(&key);
    plain.types("y\r");
    plain.shows("Type yes or no");
    plain.types("no\r");
    assert_eq!(plain.wait(), 3);
    for leaves in ["/quit\r", "\x03"] {
        for options in [&["--plain"][..], &[]] {
            let mut asked = start(options);
            asked.shows(&key);
            asked.types(leaves);
            assert_eq!(asked.wait(), 3, "{leaves:?}");
            asked.shows("is not known here");
        }
    }
    assert_eq!(known_hosts(&room), "");

    let mut screen = start(&[]);
    screen.shows("Is this the right server?");
    screen.types("yes\r");
    screen.shows("welcome, ada");
    screen.shows("encrypted, verified");
    screen.types("/quit\r");
    assert_eq!(screen.wait(), 0);
    assert!(known_hosts(&room).contains(&key));

    let mut plain = start(&["--plain"]);
    plain.shows("welcome, ada");
    plain.types("/stats\r");
    plain.shows("this connection: encrypted, verified");
    plain.types("/quit\r");
    assert_eq!(plain.wait(), 0);

    let mut open = start(&["--no-tls"]);
    open.shows("not encrypted");
    open.types("/quit\r");
    assert_eq!(open.wait(), 0);
}

#[cfg(unix)]
#[test]
fn a_person_who_says_yes_in_plain_lines_is_in() {
    let mut room = Room::open();
    let key = key(&mut room).to_string();
    let mut command = command(&room, ELSEWHERE);
    let mut plain = Terminal::start(command.args(["--name", "ada", "--plain"]));
    plain.shows(&key);
    plain.types("yes\r");
    plain.shows("-- welcome, ada");
    plain.types("/quit\r");
    assert_eq!(plain.wait(), 0);
}
